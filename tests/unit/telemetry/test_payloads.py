"""Payloads: strict about what they know, deaf to what they do not, and one digest on both sides."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry import profiles
from telemetry.errors import Refusal, WireError
from telemetry.kinds import KINDS
from telemetry.model import Action
from telemetry.wire import payloads
from telemetry.wire.proof import ProofOrder, ProofState, SiteProofs
from telemetry.wire.topics import LEAVES, Lane

TYPES = [
    payloads.Presence, payloads.Event, payloads.Receipt, payloads.Response, payloads.Shown, payloads.Transition,
    payloads.Alarm, payloads.Coverage, payloads.Evaluated, payloads.Heartbeat, payloads.DeviceConfig,
    payloads.SiteConfig, payloads.Claim, payloads.Tick, ProofOrder, ProofState, SiteProofs,
]  # fmt: skip


def test_unknown_fields_are_passed_by() -> None:
    found = payloads.decode(payloads.Presence, b'{"online":true,"colour":"red"}')
    assert found == payloads.Presence(online=True)


@pytest.mark.parametrize(
    ("type_", "payload"),
    [
        (payloads.Presence, b"{}"),
        (payloads.Presence, b'{"online":true,"interval_ms":1}'),
        (payloads.Event, b'{"id":"x","type":"party","ts":1}'),
        (payloads.Response, b'{"id":"12345678","action":"start_motor","at":1,"who":"x"}'),
        (payloads.Response, b'{"id":"12345678","action":"silence","at":1,"who":"a\\u0000"}'),
    ],
)
def test_what_is_outside_the_contract_is_refused(type_: type[payloads.Payload], payload: bytes) -> None:
    with pytest.raises(WireError) as caught:
        payloads.decode(type_, payload)
    assert caught.value.reason is Refusal.INVALID


@given(st.binary(max_size=200), st.sampled_from(TYPES))
def test_whatever_bytes_come_only_a_wire_error_leaves(payload: bytes, type_: type[payloads.Payload]) -> None:
    with contextlib.suppress(WireError):
        assert isinstance(payloads.decode(type_, payload), type_)


def test_a_response_is_never_an_order_to_a_machine() -> None:
    assert {str(action) for action in Action} == {
        "silence", "acknowledge", "shelve", "unshelve", "disable", "enable", "release", "set_mode",
        "begin_shift", "doubt", "begin_test", "confirm",
    }  # fmt: skip


def test_a_proof_test_asks_a_device_for_a_number_that_measures_nothing_and_no_more() -> None:
    """What is sent down to a device: receipts, what we say of it, its configuration, and an order for a number."""
    assert {str(leaf) for leaf in LEAVES[Lane.DOWN]} == {
        "receipt", "alarm", "transition", "coverage", "evaluated", "cycle", "config", "proof", "proof_state",
    }  # fmt: skip
    assert set(ProofOrder.__struct_fields__) == {"test", "at", "until", "percent", "hold_s"}
    assert KINDS["crane"].channels[-1].name == "proof_pct", "the last place: a channel's place is its bit in every row"
    rules = [rule for name in profiles.names() for rule in profiles.load(name).rules["crane"].values()]
    assert "proof_pct" not in {rule.channel for rule in rules}


@given(st.lists(st.text(alphabet="0123456789abcdef", min_size=16, max_size=16), unique=True, max_size=8))
def test_the_digest_does_not_depend_on_order(ids: list[str]) -> None:
    assert payloads.digest(ids) == payloads.digest(reversed(ids))
    assert len(payloads.digest(ids)) == 8


def test_the_digest_is_the_crc_that_the_terminal_computes() -> None:
    # CRC-32 (IEEE) of "a\nb", from any other implementation of it.
    assert payloads.digest(["b", "a"]) == "ef0790fb"
    assert payloads.digest([]) == "00000000"


def test_what_is_encoded_is_decoded() -> None:
    alarm = payloads.Alarm(
        rule="moment", transition="t", state="unacknowledged", severity=3, active=True, since=1, at=2, cab="continuous",
        desk="unacknowledged", text=payloads.Words(zh="超载", en="OVERLOAD"), eta_s=(1.0, 2.0),
    )  # type: ignore[arg-type]  # fmt: skip
    assert payloads.decode(payloads.Alarm, payloads.encode(alarm)) == msgspec.convert(
        msgspec.to_builtins(alarm), payloads.Alarm
    )
