"""Labelled scenarios are what their labels say, the same for a seed, and ask nobody for what he cannot see."""

import numpy as np
import pytest

from simulators.faults import Window
from simulators.labelled import plant
from simulators.labelled.boxes import START_MS, Box, Recording
from simulators.labelled.catalogue import scenario, scenarios
from simulators.labelled.faults import Blind, Says, Scale, Swing, WholeSeconds
from simulators.labelled.truth import Event, moved
from simulators.scenario import LiftEvent
from telemetry.wire import frames

SHORT = (
    "overload-cut",
    "snag",
    "load-lost",
    "hook-runaway",
    "clock-steps-back",
    "limit-passed",
    "prop-fails",
    "post-leans",
)


def readings(recording: Recording) -> list[tuple[str, int, str]]:
    return [(trace.device, sent.seq, str(sent.values)) for trace in recording.traces for sent in trace.samples]


def event(**more: object) -> Event:
    fields: dict[str, object] = {"onset_s": 100.0, "end_s": 160.0, **more}
    return Event("c1", "overload", frozenset({"load"}), **fields)  # type: ignore[arg-type]  # keyword by keyword


@pytest.mark.parametrize("name", ["load-lost", "hook-runaway", "prop-fails"])
def test_a_seed_gives_the_same_recording_and_another_gives_another(name: str) -> None:
    first, again, other = (scenario(name).play(seed) for seed in (3, 3, 4))
    assert readings(first) == readings(again)
    assert first.truth == again.truth
    assert readings(first) != readings(other)


def test_there_are_enough_scenarios_of_both_sorts_and_every_one_has_a_title_in_both_languages() -> None:
    known = scenarios()
    assert len(known) >= 32
    assert {case.harmless for case in known} == {True, False}
    assert all(case.zh and case.en and not case.zh.isascii() for case in known)


@pytest.mark.parametrize("name", SHORT)
def test_what_is_dangerous_has_an_event_and_every_label_is_of_a_device_that_spoke_then(name: str) -> None:
    recording = scenario(name).play(5)
    lengths = {trace.device: trace.length_s for trace in recording.traces}
    assert recording.truth.events
    for one in recording.truth.events:
        assert 0 <= one.onset_s < one.end_s <= lengths[one.device]
        assert one.limit_s is None or one.onset_s <= one.limit_s
        assert one.rules


@pytest.mark.parametrize("name", ["overload-cut", "overload-trolley-out", "overload-bypass", "cut-out-ignored"])
def test_between_an_overloads_limit_and_its_end_the_rope_carries_more_than_rated(name: str) -> None:
    recording = scenario(name).play(2)
    trace = next(t for t in recording.traces if t.device == "crane-10hz")
    one = next(e for e in recording.truth.events if e.device == "crane-10hz" and e.what == "overload")
    first = one.limit_s if one.limit_s is not None else one.onset_s
    inside = [s.values for s in trace.samples if first + 1 <= s.t <= one.end_s - 1]
    ratio = np.array([v["load_t"] / v["rated_load_t"] for v in inside])
    # The cell's noise is 0.15 % of full scale; a second at each end lets the pick-up ring out.
    assert len(inside) > 10
    assert np.median(ratio) > 1.0
    outside = [s.values for s in trace.samples if s.t < one.onset_s - 3]
    assert max(np.median([v["load_t"] for v in outside]), 0.0) < 0.5


def test_the_lost_load_is_gone_within_half_a_second_high_above_the_ground() -> None:
    recording = scenario("load-lost").play(1)
    trace = next(t for t in recording.traces if t.device == "crane-10hz")
    at = recording.truth.events[0].onset_s
    before = [s.values for s in trace.samples if at - 1 <= s.t < at]
    after = [s.values for s in trace.samples if at + 0.3 <= s.t <= at + 0.6]
    assert min(v["load_t"] for v in before) > 1.0
    assert min(v["hook_m"] for v in before) > 3.0
    assert max(v["load_t"] for v in after) < 0.5


def test_the_hook_that_runs_away_goes_faster_than_its_hoist() -> None:
    recording = scenario("hook-runaway").play(1)
    one = next(e for e in recording.truth.events if e.device == "crane-10hz")
    trace = next(t for t in recording.traces if t.device == "crane-10hz")
    hook = np.array([(s.t, s.values["hook_m"]) for s in trace.samples if one.onset_s + 2 < s.t < one.end_s])
    speed = -np.polyfit(hook[:, 0], hook[:, 1], 1)[0]
    motions = plant.site().cranes[0].model.motions
    assert speed > 1.2 * motions.hoist_mps / 2  # four falls move at half the speed of two


def test_a_clock_that_steps_back_goes_on_counting() -> None:
    recording = scenario("clock-steps-back").play(1)
    trace = next(t for t in recording.traces if t.device == "crane-1hz")
    steps = [
        (b.seq - a.seq, b.values["ts"] - a.values["ts"]) for a, b in zip(trace.samples, trace.samples[1:], strict=False)
    ]
    assert {seq for seq, _ in steps} == {1}
    assert [ts for _, ts in steps if ts < 0] == [-299_000]


def test_a_folded_shift_has_every_sample_of_the_whole_one_once_each_part_from_its_own_beginning() -> None:
    box = Box("b", 1.0, fold=3)
    lift = LiftEvent(at=5, devices=[plant.CRANE], percent=60, radius_m=30)
    folded = plant.run(1, 90.0, [lift], boxes=[box]).recording
    straight = plant.run(1, 90.0, [lift], boxes=[Box("b", 1.0)]).recording.traces[0]
    assert [trace.device for trace in folded.traces] == ["b-part1", "b-part2", "b-part3"]
    assert all([s.t for s in trace.samples] == [float(k) for k in range(30)] for trace in folded.traces)
    loads = [s.values["load_t"] for trace in folded.traces for s in trace.samples]
    assert loads == [s.values["load_t"] for s in straight.samples]
    assert all(trace.samples[0].values["ts"] == START_MS for trace in folded.traces)


def test_a_label_moves_with_its_part_and_is_gone_where_it_lies_outside() -> None:
    one = event(limit_s=120.0)
    there = moved(one, "c1-part2", 90.0, 90.0)
    assert there is not None
    assert (there.device, there.onset_s, there.end_s, there.limit_s) == ("c1-part2", 10.0, 70.0, 30.0)
    assert moved(one, "c1-part1", 0.0, 90.0) is None
    assert moved(one, "c1-part3", 180.0, 90.0) is None


@pytest.mark.parametrize(
    ("interval_s", "more", "asked"),
    [
        (0.1, {}, True),
        (15.0, {}, True),
        (15.0, {"end_s": 150.0}, False),  # 50 s: three samples and no more
        (1.0, {"min_hz": 5.0}, False),
        (0.1, {"min_hz": 5.0}, True),
        (0.1, {"end_s": 101.0}, False),
        (5.0, {"end_s": 101.0, "lasting": True}, True),
    ],
)
def test_a_device_is_asked_only_for_what_it_can_see(interval_s: float, more: dict[str, object], asked: bool) -> None:
    assert event(**more).asked(interval_s) is asked


def test_a_time_without_a_link_costs_samples_and_not_their_numbers() -> None:
    box = Box("b", 1.0, cut=(Window(10.0, 5.0),))
    trace = plant.run(1, 30.0, boxes=[box]).recording.traces[0]
    assert [s.seq for s in trace.samples] == [*range(1, 11), *range(16, 31)]


def test_a_box_whose_parameters_change_says_so_at_that_time() -> None:
    box = Box("b", 1.0, params=((0.0, "old"), (20.0, "new")))
    trace = plant.run(1, 30.0, boxes=[box]).recording.traces[0]
    assert [(at, said.params) for at, said in trace.presences] == [(0.0, "old"), (20.0, "new")]


def test_the_faults_of_labelled_scenarios_change_what_they_say_and_nothing_else() -> None:
    sample = {"ts": 1234, "load_t": 2.0, "limits": 0b1011, "mode": "working"}
    inside, always = Window(10.0, 10.0), Window(0.0)
    assert Says(inside, "mode", "parked").apply(12.0, sample)["mode"] == "parked"
    assert Says(inside, "mode", "parked").apply(22.0, sample) == sample
    assert Scale(always, "load_t", 0.5).apply(1.0, sample)["load_t"] == 1.0
    assert Blind(always, "limits", 0b0010).apply(1.0, sample)["limits"] == 0b1001
    assert Swing("load_t", 0.5).apply(21_600.0, sample)["load_t"] == pytest.approx(2.5)
    assert WholeSeconds().apply(1.0, sample)["ts"] == 1000
    assert sample == {"ts": 1234, "load_t": 2.0, "limits": 0b1011, "mode": "working"}


def test_every_sample_can_go_over_the_wire() -> None:
    for name in ("cut-out-ignored", "prop-fails"):
        for trace in scenario(name).play(1).traces[:2]:
            for sent in trace.samples[:: max(1, len(trace.samples) // 20)]:
                frame = frames.decode(trace.kind, frames.encode(sent.frame(trace.kind)))
                assert frame == sent.frame(trace.kind)


def test_the_gust_is_the_mean_of_the_last_three_seconds() -> None:
    t, wind = np.arange(0.0, 10.0, 0.5), np.concatenate([np.zeros(10), np.full(10, 6.0)])
    found = plant.gust(t, wind)
    slow = [float(np.mean(wind[(t > at - 3.0) & (t <= at)])) for at in t]
    assert found == pytest.approx(slow)


def test_spans_bridge_short_pauses_and_drop_short_spans() -> None:
    t = np.arange(10.0)
    on = np.array([0, 1, 1, 0, 1, 0, 0, 0, 1, 0], np.bool_)
    assert plant.spans(t, on) == [(1.0, 2.0), (4.0, 4.0), (8.0, 8.0)]
    assert plant.spans(t, on, join_s=2.0) == [(1.0, 4.0), (8.0, 8.0)]
    assert plant.spans(t, on, join_s=2.0, least_s=1.0) == [(1.0, 4.0)]
