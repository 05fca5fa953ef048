"""Receipt chains, played as a script of what the record has."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from telemetry import receipts
from telemetry.model import Severity, Signal, Stage, State
from telemetry.receipts import Chain, Notice, Reached, Said

T0 = datetime(2027, 1, 15, 4, 0, tzinfo=UTC)
STATES = {
    "raise": State.UNACKNOWLEDGED, "cab": State.ACKNOWLEDGED, "escalate": State.UNACKNOWLEDGED,
    "clear": State.RETURNED, "gone": State.NORMAL, "acknowledge": State.ACKNOWLEDGED, "shelve": State.SHELVED,
    "re_alarm": State.UNACKNOWLEDGED,
}  # fmt: skip
SIGNALS = {"cab": "raise", "gone": "clear"}


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def log(script: str, device: str = "c-1") -> list[Said]:
    """`raise@0 acknowledge@20`, numbered t1, t2, …"""
    found: list[Said] = []
    for n, word in enumerate(script.split(), 1):
        name, _, seconds = word.partition("@")
        found.append(
            Said(
                f"t{n}", n, "crane", device, "moment", Signal(SIGNALS.get(name, name)), State.NORMAL, STATES[name],
                Severity.ALARM, True, 0, at(float(seconds)), "wang" if name == "acknowledge" else None,
            )
        )  # fmt: skip
    return found


def reached(transition: str, stage: str, seconds: float, terminal: str = "cab-1") -> Reached:
    return Reached(transition, terminal, Stage(stage), 0, at(seconds))


def told(chains: list[Chain]) -> list[str]:
    return [
        " ".join(
            f"{stage}@{seconds:g}" for stage in receipts.STAGES if (seconds := chain.after(stage)) is not None
        )
        or "nothing"
        for chain in chains
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("script", "shown", "expected"),
    [
        ("raise@0", [], ["nothing"]),
        ("raise@0 acknowledge@20", [], ["acknowledged@20"]),
        ("raise@0 clear@5 acknowledge@20", [], ["acknowledged@20"]),
        (
            "raise@0 acknowledge@20",
            [reached("t1", "delivered", 0.02), reached("t1", "rendered", 0.04)],
            ["delivered@0.02 rendered@0.04 acknowledged@20"],
        ),
        # Never painted before it became worse: what was painted then is the alarm.
        ("raise@0 escalate@1", [reached("t2", "rendered", 1.5)], ["rendered@1.5"]),
        # The first of two terminals counts.
        ("raise@0", [reached("t1", "rendered", 3, "b"), reached("t1", "rendered", 2, "a")], ["rendered@2"]),
        # A word that overtook the alarm came after no time, not before it.
        ("raise@1", [reached("t1", "rendered", 0.9)], ["rendered@0"]),
        # Two episodes.
        (
            "raise@0 acknowledge@9 re_alarm@60 acknowledge@65",
            [reached("t3", "rendered", 61)],
            ["acknowledged@9", "rendered@1 acknowledged@5"],
        ),
        ("raise@0 shelve@9 raise@60", [], ["nothing", "nothing"]),
        # The cab's own: rendered, and over without a desk.
        ("cab@0 gone@4 cab@10", [reached("t1", "rendered", 0.5)], ["rendered@0.5", "nothing"]),
    ],
)  # fmt: skip
def test_a_chain_has_what_was_reported_and_nothing_else(script: str, shown: list[Reached], expected: list[str]) -> None:
    assert told(receipts.chains(log(script), shown)) == expected


def test_a_chain_ends_where_somebody_has_it() -> None:
    (one,) = receipts.chains(log("raise@0 clear@3 acknowledge@20"))
    assert one.ended is not None
    assert (one.ended.id, one.acknowledged and one.acknowledged.who) == ("t3", "wang")
    (two,) = receipts.chains(log("raise@0 clear@3"))
    assert two.ended is None
    assert [chain.attended for chain in receipts.chains(log("cab@0"))] == [False]


def test_messages_belong_to_the_transition_that_caused_them() -> None:
    notice = Notice("t1", "wang", "王工", "wecom", 1, at(1.5), at(1.9), 1, "sent")
    dead = Notice("t3", "li", "李工", "sms", 2, at(61), None, 8, "dead", "no")
    found = receipts.chains(log("raise@0 acknowledge@9 re_alarm@60"), (), {"t1": [notice], "t3": [dead]})
    assert told(found) == ["told@1.9 acknowledged@9", "nothing"]
    assert [chain.reached("told") for chain in found] == [True, False]


def test_figures_count_what_is_missing_and_take_the_nearest_rank() -> None:
    found = []
    for n in range(1, 101):
        shown = [reached("t1", "rendered", n / 100)] if n <= 99 else []
        found += receipts.chains(log("raise@0", f"c-{n}"), shown)
    one = receipts.figure(found, "rendered")
    assert (one.chains, one.reached, one.p50_s, one.p99_s) == (100, 99, 0.5, 0.99)
    assert receipts.figure([], "rendered") == receipts.Figure(0, 0, None, None)


def test_what_was_recorded_without_a_moment_of_ours_has_no_seconds() -> None:
    (said,) = log("raise@0")
    (one,) = receipts.chains([replace(said, received=None)], [reached("t1", "rendered", 1)])
    assert one.reached("rendered")
    assert one.after("rendered") is None
    assert receipts.figure([one], "rendered") == receipts.Figure(1, 1, None, None)
