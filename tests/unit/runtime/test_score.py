"""The score counts what was heard against the truth, the same for everybody, and says which target was missed."""

import json
from pathlib import Path

import numpy as np
import pytest

from runtime.score import campaign, ours, page
from runtime.score.campaign import OURS, PLAIN, TREES, ZSCORE, Result, Scored
from runtime.score.heard import ANY, Heard, Said
from runtime.score.learned import HalfSpaceTrees
from runtime.score.report import as_json
from runtime.score.rivals import ZScore, plain, rolling
from runtime.score.sweep import rank
from runtime.score.targets import good, targets, upper
from runtime.score.verdict import Tally, judge
from simulators.labelled.boxes import START_MS, Recording, Sent, Trace
from simulators.labelled.catalogue import scenario, scenarios
from simulators.labelled.plant import config
from simulators.labelled.truth import Allowance, Event, Truth
from telemetry.errors import ConfigError
from telemetry.model import Severity
from tests.helpers.site import CHART

ALARM, PRE = Severity.ALARM, Severity.PREWARNING


def trace(device: str = "c1", interval_s: float = 1.0, length_s: float = 1000.0, **channels: list[float]) -> Trace:
    made = Trace(device, "crane", interval_s, config(charts=[CHART]), length_s)
    for k in range(max((len(values) for values in channels.values()), default=0)):
        values = {"ts": START_MS + round(1000 * k * interval_s), **{name: channels[name][k] for name in channels}}
        made.samples.append(Sent(k * interval_s, "boot-00000001", k + 1, values))
    return made


def recording(*events: Event, allowances: tuple[Allowance, ...] = (), interval_s: float = 1.0) -> Recording:
    return Recording([trace(interval_s=interval_s)], Truth(events, allowances), 1000.0)


def event(onset: float = 100.0, end: float = 160.0, *, limit_s: float | None = None, life_safety: bool = True,
          min_hz: float = 0.0) -> Event:  # fmt: skip
    return Event("c1", "overload", frozenset({"load", "moment"}), onset, end, limit_s=limit_s, life_safety=life_safety,
                 min_hz=min_hz)  # fmt: skip


def heard(*said: tuple[float, str], severity: Severity = ALARM, device: str = "c1") -> Heard:
    return Heard([Said(device, rule, t, severity) for t, rule in said])


def test_the_first_right_alarm_inside_the_window_is_the_detection() -> None:
    tally = judge(recording(event(limit_s=130.0)), heard((104.0, "wind"), (110.0, "moment"), (120.0, "load")))
    assert (tally.asked, tally.missed_life_safety, tally.delays_s, tally.leads_s) == (1, 0, [10.0], [20.0])
    assert (tally.false_alarms, tally.repeats) == (0, 0)


def test_an_alarm_before_the_window_is_false_and_detects_nothing() -> None:
    tally = judge(recording(event()), heard((94.0, "moment")))
    assert (tally.missed_life_safety, tally.false_alarms) == (1, 1)


def test_an_alarm_of_another_device_is_false_and_detects_nothing() -> None:
    tally = judge(recording(event()), heard((110.0, "moment"), device="c2"))
    assert (tally.missed_life_safety, tally.false_alarms) == (1, 1)


def test_an_alarm_of_another_post_counts_where_the_whole_bay_is_in_danger() -> None:
    bay = Event("c1", "too fast", frozenset({"load"}), 100.0, 160.0, also=frozenset({"c2"}))
    tally = judge(recording(bay), heard((110.0, "load"), device="c2"))
    assert (tally.missed_life_safety, tally.false_alarms) == (0, 0)


def test_a_wrong_rule_inside_the_window_is_neither_false_nor_a_detection() -> None:
    tally = judge(recording(event()), heard((110.0, "wind")))
    assert (tally.missed_life_safety, tally.false_alarms) == (1, 0)


def test_a_missed_event_has_the_lead_of_its_windows_end() -> None:
    tally = judge(recording(event(limit_s=130.0)), Heard())
    # The end, 30 s, and three intervals of 1 s.
    assert tally.leads_s == [130.0 - 193.0]
    assert tally.delays_s == []


def test_an_alarm_again_in_one_event_is_a_repeat() -> None:
    tally = judge(recording(event()), heard((110.0, "moment"), (120.0, "moment"), (121.0, "load")))
    assert (tally.repeats, tally.false_alarms) == (1, 0)


def test_an_allowance_excuses_its_rule_up_to_its_severity_and_no_longer_than_it_lasts() -> None:
    allowed = (Allowance("c1", frozenset({"moment"}), 200.0, 300.0),)
    said = heard((210.0, "moment"), (310.0, "moment"), (220.0, "wind"), severity=PRE)
    assert judge(recording(allowances=allowed), said).false_alarms == 2
    assert judge(recording(allowances=allowed), heard((210.0, "moment"))).false_alarms == 1


def test_what_a_device_samples_too_slowly_to_see_is_listed_and_not_missed() -> None:
    tally = judge(recording(event(min_hz=5.0)), Heard())
    assert (tally.asked, tally.not_monitored, tally.missed_life_safety) == (0, 1, 0)
    assert tally.unseen == ["c1: overload"]


def test_an_advisory_line_detects_what_nobodys_life_hangs_on_and_nothing_else() -> None:
    line = Heard(lines=[Said("c1", "load", 110.0, Severity.ADVISORY)])
    assert judge(recording(event(life_safety=False)), line).missed_other == 0
    assert judge(recording(event()), line).missed_life_safety == 1


def test_a_detector_that_cannot_say_what_is_wrong_is_taken_at_its_best() -> None:
    tally = judge(recording(event()), heard((110.0, ANY)))
    assert (tally.missed_life_safety, tally.false_alarms) == (0, 0)


def test_days_and_hours_are_those_of_the_devices() -> None:
    tally = judge(Recording([trace("a", length_s=43_200.0), trace("b", length_s=43_200.0)], Truth(), 43_200.0), Heard())
    assert (tally.crane_days, tally.hours, tally.days) == (1.0, 24.0, 1.0)


def test_plain_thresholds_alarm_on_every_rise_and_sound_above_the_second_limit_only() -> None:
    # 4 t rated at 30 m with two falls: 91 %, 101 %, 91 %, 50 %, 101 %.
    loads = [2.0, 3.64, 4.04, 3.64, 2.0, 4.04]
    fields = {"load_t": loads, "radius_m": [30.0] * 6, "falls": [2.0] * 6, "wind_mps": [3.0] * 6}
    said = plain(Recording([trace(**fields)], Truth(), 6.0))
    load = [(s.t, s.severity) for s in said.alarms if s.rule == "load"]
    assert load == [(1.0, PRE), (5.0, PRE), (2.0, ALARM), (5.0, ALARM)]
    assert said.sound_s == {"c1": 2.0}


def test_a_rolling_mean_and_deviation_are_those_of_the_samples_before() -> None:
    values = np.random.default_rng(1).normal(50, 3, 200)
    values[20:30] = np.nan
    mean, spread, count = rolling(values, 40)
    for k in (1, 25, 41, 199):
        behind = values[max(0, k - 40) : k]
        known = behind[~np.isnan(behind)]
        assert count[k] == len(known)
        assert mean[k] == pytest.approx(np.mean(known))
        assert spread[k] == pytest.approx(np.std(known), abs=1e-6)


def test_a_z_score_alarms_on_a_jump_and_waits_until_it_knows_enough() -> None:
    wind = [5.0, 5.2] * 30
    wind[10], wind[50] = 25.0, 25.0
    flat = {"load_t": [1.0] * 60, "radius_m": [30.0] * 60, "falls": [2.0] * 60, "wind_mps": wind}
    said = ZScore(3.0, 60.0)(Recording([trace(**flat)], Truth(), 60.0))
    assert [(s.t, s.rule) for s in said.alarms] == [(50.0, ANY)]


def test_half_space_trees_alarm_on_the_second_unusual_sample_in_a_row() -> None:
    scores = np.array([0.1, 0.9, 0.1, 0.9, 0.9, 0.9, 0.1])
    trees = HalfSpaceTrees(0.8, score=lambda trace, seed: (np.arange(7.0), scores))
    said = trees(Recording([trace(load_t=[1.0] * 7)], Truth(), 7.0))
    assert [s.t for s in said.alarms] == [4.0]
    assert said.sound_s == {"c1": 2.0}


def scored(**tallies: Tally) -> Scored:
    names = {"mine": OURS, "plain": PLAIN, "z": ZSCORE, "trees": TREES}
    return Scored(1, [Result("heavy-shift", {names[key]: tally for key, tally in tallies.items()})])


def test_a_target_is_met_by_its_figure_and_missed_beyond_it() -> None:
    quiet = Tally(crane_days=30.0, hours=720.0, false_alarms=3, sound_s=7200.0, asked=2, leads_s=[20.0])
    loud = Tally(crane_days=30.0, hours=720.0, false_alarms=4, sound_s=7201.0, missed_life_safety=1, leads_s=[9.0])
    met = {target.name: target.met for target in targets(scored(mine=quiet, plain=loud, z=loud, trees=loud))}
    assert all(met.values())
    assert len(met) == 9
    missed = {target.name: target.met for target in targets(scored(mine=loud, plain=quiet, z=quiet, trees=quiet))}
    assert not any(missed.values())


def test_where_nobody_said_a_false_word_nobody_is_asked_to_say_fewer() -> None:
    silent = Tally(crane_days=30.0, hours=720.0)
    assert not any(
        target.name.startswith("false alarms,")
        for target in targets(scored(mine=silent, plain=silent, z=silent, trees=silent))
    )
    noisy = Tally(crane_days=30.0, hours=720.0, false_alarms=1)
    met = {target.name: target.met for target in targets(scored(mine=noisy, plain=silent, z=silent, trees=silent))}
    assert met[f"false alarms, {PLAIN}"] is False


def test_a_rival_that_did_not_run_is_not_beaten() -> None:
    one = Tally(crane_days=30.0, hours=720.0, leads_s=[5.0])
    worse = Tally(crane_days=30.0, hours=720.0, false_alarms=9, leads_s=[1.0])
    assert good(targets(scored(mine=one, plain=worse, z=worse, trees=worse)))
    found = scored(mine=one, plain=worse, z=worse)
    found.not_run = {TREES: "not installed"}
    assert not good(targets(found))
    assert as_json(found)["not_run"] == {TREES: "not installed"}


def test_the_bound_of_a_count_is_the_poisson_one() -> None:
    # 2.996, 4.744, 6.296: the tables' one-sided 95 % bounds for none, one and two.
    assert [round(upper(k), 3) for k in (0, 1, 2)] == [2.996, 4.744, 6.296]


def test_a_rivals_best_setting_is_the_quietest_that_still_sees_a_third() -> None:
    def of(missed: int, false: int) -> tuple[float, float]:
        tally = Tally(asked_life_safety=9, missed_life_safety=missed, false_alarms=false, crane_days=1.0)
        return rank(tally, tally)

    assert sorted([of(9, 0), of(6, 40), of(2, 90), of(7, 1)]) == [of(6, 40), of(2, 90), of(7, 1), of(9, 0)]


def test_the_engine_hears_an_overload_on_every_box_and_sounds_for_about_as_long_as_it_lasts() -> None:
    played = scenario("overload-cut").play(1)
    said = ours.hear(played)
    tally = judge(played, said)
    assert (tally.asked, tally.missed_life_safety, tally.false_alarms) == (4, 0, 0)
    fast = next(e for e in played.truth.events if e.device == "crane-10hz")
    assert said.sound_s["crane-10hz"] == pytest.approx(fast.end_s - fast.onset_s, abs=12.0)
    assert sum(seconds for device, _, seconds in said.sounded if device == "crane-10hz") == said.sound_s["crane-10hz"]


def test_a_quick_run_gives_a_verdict_the_same_in_one_process_and_in_two() -> None:
    names = ["snag", "whole-second-clock", "prop-fails"]
    told: list[tuple[str, int, int]] = []
    one = campaign.run(names, 2, lambda *said: told.append(said), processes=1)
    two = campaign.run(names, 2, lambda *said: None, processes=2)
    found = as_json(one)
    assert json.dumps(found) == json.dumps(as_json(two))
    assert [done for _, done, _ in told] == [1, 2, 3]
    assert [result["name"] for result in found["scenarios"]] == names
    mine = found["detectors"][OURS]
    assert mine["events"] > 0
    assert found["good"] is all(target["met"] for target in found["targets"])
    assert {"missed_life_safety", "false_alarms_per_crane_day", "cab_sound_s_per_hour", "median_lead_s",
            "median_delay_s"} <= set(mine)  # fmt: skip


def test_the_pages_tables_are_replaced_between_their_marks_and_nothing_else_is(tmp_path: Path) -> None:
    text = "a <!-- results -->\nold\n<!-- /results --> b"
    assert page.between(text, "results", "| new |") == "a <!-- results -->\n\n| new |\n\n<!-- /results --> b"
    with pytest.raises(ConfigError, match="scenarios"):
        page.between(text, "scenarios", "")


def test_the_page_names_every_scenario() -> None:
    text = (Path(__file__).parents[3] / "docs" / "detection.md").read_text(encoding="utf-8")
    assert [case.name for case in scenarios() if f"`{case.name}`" not in text] == []
