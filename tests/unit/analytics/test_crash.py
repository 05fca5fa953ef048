"""
The analyzer's shell killed at any instruction of a recorded hour.

Promised: derived transitions byte for byte those of the undisturbed run; observed ones decided once; what is retained
at the end is what the engine holds. `CRANEWATCH_TEST_KILLS=all` kills at every batch and every point (six minutes).
"""

import asyncio
import os
from collections import defaultdict
from pathlib import Path

import pytest

from telemetry.model import Signal
from telemetry.wire import payloads
from telemetry.wire.payloads import Transition
from tests.helpers.hour import Step, recorded
from tests.helpers.line import POINTS, SNAPSHOT_POINTS, Life, Plan

ALL = os.environ.get("CRANEWATCH_TEST_KILLS") == "all"


@pytest.fixture(scope="module")
def hour(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Step], dict[str, bytes]]:
    """The hour with people who answer what was raised, and what an undisturbed analyzer says to it."""
    said = asyncio.run(_play(tmp_path_factory.mktemp("first"), recorded({}))).transitions()
    raised: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in _decoded(said):
        if one.signal in (Signal.RAISE, Signal.ESCALATE):
            raised[one.device, one.rule].append(one.id)
    steps = recorded(raised)
    calm = asyncio.run(_play(tmp_path_factory.mktemp("calm"), steps))
    assert calm.alarms() == calm.own_alarms()
    return steps, calm.transitions()


async def _play(path: Path, steps: list[Step], plan: Plan | None = None) -> Life:
    life = Life(path, plan or Plan((), every=10**9))
    await life.play(steps)
    assert life.faults == []
    return life


def _decoded(transitions: dict[str, bytes]) -> list[Transition]:
    return [payloads.decode(Transition, payload) for payload in transitions.values()]


def test_the_hour_has_something_of_everything(hour: tuple[list[Step], dict[str, bytes]]) -> None:
    steps, calm = hour
    said = _decoded(calm)
    assert {one.signal for one in said} == set(Signal)
    assert {"load", "moment", "wind", "force", "settlement", "clock", "silence", "power", "sensor", "config"} <= {
        one.rule for one in said
    }
    assert sum(one.observed for one in said) > 20
    assert [one.rule for one in said if one.signal is Signal.UNSHELVE and one.cause.tick] == [
        "clock",
        "settlement_trend",
    ]
    assert sum(step.topic == "" for step in steps) == 360


@pytest.mark.parametrize("first", range(len(POINTS)) if ALL else [0])
@pytest.mark.timeout(400)
def test_a_kill_at_any_point_of_a_batch_changes_nothing_that_was_decided(
    hour: tuple[list[Step], dict[str, bytes]], tmp_path: Path, first: int
) -> None:
    steps, calm = hour
    plan = Plan(POINTS, every=1 if ALL else 6, first=first)
    life = asyncio.run(_play(tmp_path, steps, plan))
    assert min(plan.seen.values()) >= (80 if ALL else 15), plan.seen
    _same(life, calm)


def test_a_kill_at_any_point_of_a_snapshot_changes_nothing_that_was_decided(
    hour: tuple[list[Step], dict[str, bytes]], tmp_path: Path
) -> None:
    steps, calm = hour
    plan = Plan(SNAPSHOT_POINTS)
    life = asyncio.run(_play(tmp_path, steps, plan))
    assert min(plan.seen.values()) >= 10, plan.seen
    _same(life, calm)


def _same(life: Life, calm: dict[str, bytes]) -> None:
    killed = life.transitions()  # each id once, and always with the same bytes
    derived = [
        [payload for payload in run.values() if not payloads.decode(Transition, payload).observed]
        for run in (calm, killed)
    ]
    assert derived[1] == derived[0]
    said = _decoded(killed)
    before = _decoded(calm)
    # What people answered has one outcome, and it is the one of the undisturbed run.
    answers = [
        {(one.cause.response, one.device, one.rule, one.signal) for one in run if one.cause.response}
        for run in (before, said)
    ]
    assert answers[1] == answers[0]
    assert len([one for one in said if one.cause.response]) == len(answers[1])
    # Every alarm's life is one chain: each change begins where the last one ended.
    state: dict[tuple[str, str], str] = defaultdict(lambda: "normal")
    for one in said:
        assert one.previous == state[one.device, one.rule], one
        state[one.device, one.rule] = one.state
    raised = [(one.device, one.rule) for one in said if one.observed and one.rule == "silence"]
    assert len(raised) % 2 == 0, "each raise has its clear"
    assert life.alarms() == life.own_alarms()
