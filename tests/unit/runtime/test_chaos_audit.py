"""What a frame must have become, by a decoder that is not the one under test; and the one under test agrees."""

import numpy as np

from runtime.chaos.audit import expected, single
from runtime.chaos.boxes import Box, Habit, fleet
from runtime.chaos.plan import Options
from telemetry.kinds import KINDS
from telemetry.wire.columns import columns
from telemetry.wire.frames import decode

CRANE = KINDS["crane"]


def test_what_is_absent_is_none_what_is_measured_is_single_and_what_is_implausible_is_invalid() -> None:
    ((ts, invalid, values),) = expected(
        CRANE, b'{"boot":"b0000001","seq":1,"ts":5,"load_t":3.21,"wind_mps":-0.4,"limits":3}'
    )
    by_name = dict(zip((channel.name for channel in CRANE.channels), values, strict=True))
    assert ts == 5
    assert invalid == CRANE.bit["wind_mps"]
    assert by_name["load_t"] == single(3.21) != 3.21
    assert by_name["limits"] == 3
    assert by_name["radius_m"] is None


def test_the_codec_and_the_auditor_read_the_same_in_every_frame_of_a_fleet() -> None:
    for spec in fleet(Options()):
        if spec.habit is Habit.FLOOD:
            continue
        kind, box = KINDS[spec.kind], Box(spec, 1_800_000_000_000)
        for _ in range(120):
            _, payload = box.frame()
            found = columns(spec.kind, [decode(spec.kind, payload)])
            wanted = expected(kind, payload)
            assert found.ts.tolist() == [ts for ts, _, _ in wanted]
            assert found.invalid.tolist() == [invalid for _, invalid, _ in wanted]
            for place, channel in enumerate(kind.reals):
                column = [values[kind.channels.index(channel)] for _, _, values in wanted]
                assert np.array_equal(
                    found.values[:, place], np.array([np.nan if v is None else v for v in column], np.float32),
                    equal_nan=True,
                )  # fmt: skip


def test_every_malformed_message_of_the_flood_is_refused_by_the_codec() -> None:
    spec = next(spec for spec in fleet(Options()) if spec.habit is Habit.FLOOD)
    box = Box(spec, 1_800_000_000_000)
    from telemetry.errors import WireError
    from telemetry.wire.frames import identity

    for _ in range(400):
        seq, payload = box.malformed()
        try:
            decode(spec.kind, payload)
        except WireError:
            assert identity(payload) == ((spec.boot, seq) if seq else None)
        else:
            raise AssertionError(payload)
