"""The plan of a campaign is a function of its options, and has every chosen fault in it."""

import pytest

from runtime.chaos.boxes import Box, Habit, fleet
from runtime.chaos.plan import HABITS, PERSISTENT, Fault, Options, chosen, steps


def test_the_same_seed_makes_the_same_plan_and_another_makes_another() -> None:
    assert steps(Options(seed=4)) == steps(Options(seed=4))
    assert steps(Options(seed=4)) != steps(Options(seed=5))
    assert fleet(Options(seed=4)) == fleet(Options(seed=4))


@pytest.mark.parametrize("duration", [60.0, 420.0, 3600.0])
def test_every_fault_that_has_a_moment_is_in_the_plan_once_and_within_its_time(duration: float) -> None:
    plan = steps(Options(duration_s=duration))
    assert sorted(step.fault for step in plan) == sorted(fault for fault in Fault if fault not in HABITS)
    assert [step.at for step in plan] == sorted(step.at for step in plan)
    assert all(plan[n].at + plan[n].lasts <= plan[n + 1].at + 0.02 for n in range(len(plan) - 1))
    if duration >= 420:
        assert plan[-1].at + plan[-1].lasts <= duration


def test_a_broker_that_saves_comes_last_so_that_it_is_changed_once() -> None:
    for seed in range(20):
        kinds = [step.fault in PERSISTENT for step in steps(Options(seed=seed))]
        assert kinds == sorted(kinds)


def test_every_fault_of_a_device_has_its_devices() -> None:
    habits = {spec.habit for spec in fleet(Options())}
    assert habits == set(Habit)
    twins = [spec for spec in fleet(Options()) if spec.habit is Habit.TWIN]
    assert len({spec.device for spec in twins}) == 1
    assert len({spec.boot for spec in twins}) == len(twins) == 2


@pytest.mark.parametrize("rate", [100.0, 500.0, 2000.0])
def test_the_fleet_makes_the_wanted_rate(rate: float) -> None:
    made = sum(1 / spec.frame_s for spec in fleet(Options(rate=rate, faults=frozenset())))
    assert rate <= made <= rate + 10


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kill-api", {Fault.KILL_API}),
        ("kill", {Fault.KILL_INGEST, Fault.KILL_ANALYZER}),
        ("kill,db-cut", {Fault.KILL_INGEST, Fault.KILL_ANALYZER, Fault.DB_CUT}),
        ("-flood", set(Fault) - {Fault.FLOOD}),
        ("database,-db-full", {fault for fault in Fault if fault.startswith("db-")} - {Fault.DB_FULL}),
        ("none", set()),
    ],
)
def test_faults_are_chosen_by_name_and_group(text: str, expected: set[Fault]) -> None:
    assert chosen(text) == expected


def test_an_unknown_fault_is_said_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"no fault 'earthquake'; there are: .*kill-ingest"):
        chosen("earthquake")


def test_a_whole_second_clock_repeats_itself_and_a_stepping_one_goes_back() -> None:
    specs = {spec.habit: spec for spec in fleet(Options())}
    whole = Box(specs[Habit.WHOLE_SECONDS], 1_800_000_000_000)
    assert all(b'"ts":' not in payload or b"000," in payload for _, payload in (whole.frame() for _ in range(30)))
    frames = list(Box(specs[Habit.BACKFILL], 1_800_000_000_000).backlog())
    assert [seq for seq, _ in frames] == list(range(1, len(frames) + 1))
    assert len(frames) >= 120
