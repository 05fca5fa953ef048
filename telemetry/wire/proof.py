"""
A proof test on the wire: the order to a device's test channel, its state for terminals, what a site's tests came to.

Rule: nothing here is an order to a machine. What a device is asked for is a number in its own readings, on a channel
that measures nothing.
"""

from typing import Annotated

from msgspec import Meta

from telemetry.wire.base import Name, Payload, Words
from telemetry.wire.frames import MAX_INT, Ts

TestId = Annotated[str, Meta(pattern=r"^[a-z0-9-]{8,64}\Z")]


class ProofOrder(Payload, frozen=True):
    """
    `down/proof`, QoS 1, not retained: send `percent` on the channel `proof_pct` for `hold_s` seconds.

    A device that takes it up says so with an event `proof` that names the test, the boot and the first seq; one whose
    clock is past `until` does nothing. A test that it knows already is not begun again.
    """

    test: TestId
    at: Ts
    until: Ts
    percent: Annotated[float, Meta(gt=0, le=200)]
    hold_s: Annotated[float, Meta(ge=1, le=600)]


class ProofState(Payload, frozen=True):
    """
    `down/proof_state`, retained while a test is asked for or under way, cleared when it is over: for terminals.

    `state` is asked, ordered or under_way; what comes once and unretained behind the clearing is how it ended, with
    `words`. Beyond `until` it says nothing any more.
    """

    test: TestId
    state: Name
    at: Annotated[int, Meta(ge=0, lt=MAX_INT)]
    until: Annotated[int, Meta(ge=0, lt=MAX_INT)]
    words: Words | None = None


class Proved(Payload, frozen=True):
    """One device in `SiteProofs`: its last test failed (`failed`, the link), or none is younger than it should be."""

    kind: str
    device: str
    test: Name | None = None
    failed: Name | None = None
    words: Words | None = None  # which link, and how
    overdue_days: float | None = None


class SiteProofs(Payload, frozen=True):
    """
    `cw/v1/{site}/proofs`, retained, from the notifier: devices whose last proof test failed or is overdue.

    A device that is not named has neither. `more` counts those that did not fit.
    """

    at: Annotated[int, Meta(ge=0, lt=MAX_INT)]
    devices: Annotated[list[Proved], Meta(max_length=200)] = []
    more: int = 0
