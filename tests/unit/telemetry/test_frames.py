"""The decoder: typed or refused with a reason, and never anything else."""

import contextlib
import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.errors import Refusal, WireError
from telemetry.kinds import KINDS
from telemetry.wire import frames

GOOD = {"boot": "5f2c77e01b9d4a36", "seq": 1, "ts": 1_800_000_000_000, "load_t": 3.2}


def refusal(payload: bytes, kind: str = "crane") -> Refusal:
    with pytest.raises(WireError) as caught:
        frames.decode(kind, payload)
    return caught.value.reason


def test_json_and_messagepack_give_the_same_frame() -> None:
    as_json = frames.decode("crane", msgspec.json.encode(GOOD))
    as_msgpack = frames.decode("crane", msgspec.msgpack.encode(GOOD))
    assert as_json == as_msgpack
    assert frames.decode("crane", frames.encode(as_json, msgpack=True)) == as_json


def test_white_space_before_json_is_still_json() -> None:
    assert frames.decode("crane", b" \n" + msgspec.json.encode(GOOD)).seq == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"boot": "UPPER000"}, "invalid"),
        ({"boot": "short"}, "invalid"),
        ({"boot": "x" * 33}, "invalid"),
        ({"boot": "12345678\n"}, "invalid"),
        ({"seq": 0}, "invalid"),
        ({"seq": 2**53}, "invalid"),
        ({"seq": 1.5}, "invalid"),
        ({"ts": -1}, "invalid"),
        ({"ts": 2**53}, "invalid"),
        ({"load_t": "heavy"}, "invalid"),
        ({"load_t": True}, "invalid"),
        ({"power_ok": 1}, "invalid"),
        ({"limits": -1}, "invalid"),
        ({"limits": 2**32}, "invalid"),
        ({"operator": "a\u0000b"}, "invalid"),
        ({"invalid": ["wind"]}, "invalid"),
        ({"samples": []}, "invalid"),
        ({"samples": [{"ts": 1}]}, "invalid"),  # with a ts beside it
        ({"boot": None}, "invalid"),  # seq without boot
    ],
)
def test_what_is_outside_the_contract_is_refused(change: dict[str, object], reason: str) -> None:
    assert refusal(msgspec.json.encode({**GOOD, **change})) == reason


def test_samples_more_than_a_day_apart_are_refused() -> None:
    body = {"boot": GOOD["boot"], "seq": 1, "samples": [{"ts": 0}, {"ts": frames.MAX_SPAN_MS + 1}]}
    assert refusal(msgspec.json.encode(body)) is Refusal.TIME_SPAN


def test_more_than_a_thousand_samples_are_refused() -> None:
    body = {"boot": GOOD["boot"], "seq": 1, "samples": [{"ts": n} for n in range(frames.MAX_SAMPLES + 1)]}
    assert refusal(msgspec.json.encode(body)) is Refusal.INVALID


def test_oversized_unknown_and_malformed_have_their_own_reasons() -> None:
    assert refusal(b" " * (frames.MAX_BYTES + 1)) is Refusal.OVERSIZED
    assert refusal(msgspec.json.encode(GOOD), "submarine") is Refusal.KIND
    assert refusal(b"") is Refusal.MALFORMED
    assert refusal(b"{") is Refusal.MALFORMED
    assert refusal(b"\xc1") is Refusal.MALFORMED
    assert refusal(b'{"operator":"' + b"\xff" + b'"}') in (Refusal.MALFORMED, Refusal.INVALID)


def test_a_flood_of_brackets_is_refused_and_not_a_crash() -> None:
    assert refusal(b'{"x":' + b"[" * 60_000) is Refusal.MALFORMED


@given(st.binary(max_size=300))
def test_whatever_bytes_come_only_a_wire_error_leaves(payload: bytes) -> None:
    for kind in KINDS:
        with contextlib.suppress(WireError):
            assert isinstance(frames.decode(kind, payload), frames.FRAMES[kind])


@given(
    st.dictionaries(
        st.sampled_from([*KINDS["crane"].bit, "boot", "seq", "ts", "invalid", "samples", "x"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=20)
        | st.lists(st.integers(-9, 9), max_size=3),
    )
)
def test_whatever_fields_come_only_a_wire_error_leaves(body: dict[str, object]) -> None:
    for payload in (json.dumps(body).encode(), msgspec.msgpack.encode(_small(body))):
        with contextlib.suppress(WireError):
            assert isinstance(frames.decode("crane", payload), frames.FRAMES["crane"])


def _small(body: dict[str, object]) -> dict[str, object]:
    return {k: v for k, v in body.items() if not isinstance(v, int) or -(2**63) <= v < 2**63}


def test_identity_is_read_where_the_frame_cannot_be() -> None:
    payload = b'{"boot":"5f2c77e01b9d4a36","seq":7,"load_t":"heavy"}'
    assert frames.identity(payload) == ("5f2c77e01b9d4a36", 7)
    assert frames.identity(b'{"boot":"5f2c77e01b9d4a36"}') is None
    assert frames.identity(b"\xc1") is None
    assert frames.identity(b'{"boot":"A","seq":7}') is None


def test_absent_stays_absent() -> None:
    frame = frames.decode("crane", msgspec.json.encode(GOOD))
    assert frame.wind_mps is None  # type: ignore[attr-defined]
    assert b"wind" not in frames.encode(frame)


def test_messagepack_may_carry_nan_and_it_is_not_refused() -> None:
    frame = frames.decode("crane", msgspec.msgpack.encode({**GOOD, "load_t": math.nan}))
    assert math.isnan(frame.load_t)  # type: ignore[attr-defined]
