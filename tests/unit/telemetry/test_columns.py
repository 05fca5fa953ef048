"""Frames as columns: one rounding for everyone, absent and known bad kept apart. Held against a slow oracle."""

import math
import struct
from typing import Any

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from telemetry.kinds import KINDS, Store
from telemetry.wire import frames
from telemetry.wire.columns import columns

CRANE = KINDS["crane"]


def single(value: float) -> float:
    """IEEE single, the slow way."""
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def decode(**body: Any) -> frames.Frame:
    return frames.decode("crane", msgspec.msgpack.encode(body))


def test_every_value_is_rounded_to_single() -> None:
    values = [n / 10 for n in range(3001)]
    found = columns("crane", [decode(ts=n, wind_mps=v % 100) for n, v in enumerate(values)])
    column = found.values[:, CRANE.column["wind_mps"]]
    assert [float(v) for v in column] == [single(v % 100) for v in values]


def test_absent_and_known_bad_are_not_the_same() -> None:
    found = columns("crane", [decode(ts=1), decode(ts=2, load_t=1e39), decode(ts=3, load_t=2.0, invalid=["load_t"])])
    load = found.values[:, CRANE.column["load_t"]]
    assert [math.isnan(v) for v in load] == [True, True, False]
    assert (found.invalid & CRANE.bit["load_t"] != 0).tolist() == [False, True, True]
    assert math.isnan(found.good()[2, CRANE.column["load_t"]])
    assert load[2] == 2.0


def test_nan_on_the_wire_is_known_bad() -> None:
    found = columns("crane", [decode(ts=1, load_t=math.nan, wind_mps=3.0), decode(ts=2)])
    assert found.invalid.tolist() == [CRANE.bit["load_t"], 0]


def test_outside_the_plausible_range_is_known_bad_and_kept() -> None:
    found = columns("crane", [decode(ts=1, wind_mps=400.0)])
    assert found.invalid.tolist() == [CRANE.bit["wind_mps"]]
    assert found.values[0, CRANE.column["wind_mps"]] == 400.0


def test_a_channel_on_the_frame_holds_for_samples_without_their_own() -> None:
    frame = decode(mode="parked", falls=2, samples=[{"ts": 1, "load_t": 1.0}, {"ts": 2, "mode": "working"}])
    found = columns("crane", [frame, decode(ts=3)])
    assert found.words["mode"] == ("parked", "working", None)
    assert found.i.tolist() == [0, 1, 0]
    assert found.frame.tolist() == [0, 0, 1]
    assert found.values[:2, CRANE.column["falls"]].tolist() == [2.0, 2.0]


def test_no_frames_are_no_rows() -> None:
    assert columns("crane", []).values.shape == (0, len(CRANE.reals))


_value = st.one_of(
    st.none(), st.floats(allow_nan=True, allow_infinity=True), st.floats(-1000, 1000).map(lambda v: round(v, 1))
)
_body = st.fixed_dictionaries(
    {"ts": st.integers(0, 2**53 - 1)},
    optional={
        **{channel.name: _value for channel in CRANE.reals},
        "power_ok": st.none() | st.booleans(),
        "limits": st.none() | st.integers(0, 2**32 - 1),
        "invalid": st.lists(st.sampled_from(sorted(CRANE.bit)), max_size=3),
    },
)


@given(st.lists(_body, max_size=6))
def test_columns_agree_with_the_slow_way(bodies: list[dict[str, Any]]) -> None:
    found = columns("crane", [decode(**body) for body in bodies])
    for row, body in enumerate(bodies):
        invalid = 0
        for name in body.get("invalid", []):
            invalid |= CRANE.bit[name]
        for channel in CRANE.reals:
            value = body.get(channel.name)
            got = float(found.values[row, CRANE.column[channel.name]])
            if value is None:
                assert math.isnan(got)
                continue
            rounded = single(value)
            if not math.isfinite(rounded):
                assert math.isnan(got)
                invalid |= CRANE.bit[channel.name]
                continue
            assert got == rounded
            if not channel.low <= np.float32(rounded) <= channel.high:
                invalid |= CRANE.bit[channel.name]
        assert int(found.invalid[row]) == invalid
        for channel in CRANE.channels:
            if channel.store is Store.FLAG:
                expected = body.get(channel.name)
                assert int(found.flags[channel.name][row]) == (-1 if expected is None else int(expected))
            elif channel.store is Store.BITS:
                expected = body.get(channel.name)
                assert int(found.bits[channel.name][row]) == (-1 if expected is None else expected)
