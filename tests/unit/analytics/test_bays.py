"""What only the posts of a bay together show, and one alarm of the bay instead of twenty: stories."""

from typing import Any

import msgspec
import pytest

from analytics.adoption import OBSERVED
from analytics.bays import RULES
from analytics.engine import Engine
from telemetry.model import Hazard, Severity, State
from telemetry.wire.payloads import DeviceConfig, encode
from tests.helpers.bay import KEY, Row
from tests.helpers.site import BOOT, START, arrived


def coverage(row: Row, post: str) -> str:
    said = row.engine.retained().coverage["site", "formwork", post].hazards[Hazard.SETTLEMENT]
    return f"{said.level} {said.reason.en if said.reason else ''}".strip()


# Differential settlement


def test_a_post_that_settles_away_from_its_neighbour_prewarns_at_four_fifths_and_alarms_at_a_thousandth() -> None:
    row = Row()
    assert row.go(5, p3={"settle_mm": 4.1}) == [], "3.1 mm over 4 m"
    assert row.go(3, p3={"settle_mm": 4.2}) == ["bay-a differential raise"]
    alarm = row.alarm("differential")
    assert alarm is not None
    assert (alarm.severity, alarm.value, alarm.limit, alarm.bay) == (Severity.PREWARNING, 80, 80, "A")
    assert "2号立杆 – 3号立杆 3.2 mm" in alarm.text.zh  # type: ignore[union-attr]
    assert row.go(3, p3={"settle_mm": 5.0}) == ["bay-a differential escalate"]
    alarm = row.alarm("differential")
    assert alarm is not None
    assert (alarm.cab, alarm.life_safety, alarm.action.zh) == ("continuous", True, "立即停止浇筑 全员撤离")  # type: ignore[union-attr]


def test_posts_that_settle_together_are_no_difference_and_far_ones_are_not_compared() -> None:
    row = Row()
    assert row.go(10, **{f"p{k + 1}": {"settle_mm": 1.0 + 1.2 * k} for k in range(5)}) == [], "4.8 mm over 16 m"


def test_it_is_observed_and_says_so() -> None:
    row = Row()
    row.go(3, p3={"settle_mm": 4.2})
    found = row.transitions[0]
    assert found.observed
    assert found.cause.tick == found.at
    assert found.cause.seq is None


def test_a_silent_neighbour_raises_nothing_and_degrades_coverage() -> None:
    row = Row()
    row.go(2)
    assert coverage(row, "p2") == "monitored"
    row.silent = {"p1", "p3"}
    said = row.go(4, p2={"settle_mm": 6.3})
    assert [line for line in said if line.startswith("bay")] == []
    assert coverage(row, "p2") == "degraded a neighbouring post is silent: nothing to compare with"
    assert coverage(row, "p5") == "monitored"
    row.silent = set()
    assert "bay-a differential raise" in row.go(3, p2={"settle_mm": 6.3})
    assert coverage(row, "p2") == "monitored"


def test_a_neighbour_that_falls_silent_ends_no_alarm() -> None:
    row = Row()
    row.go(3, p3={"settle_mm": 5.0})
    row.silent = {"p2", "p4", "p3"}
    assert [line for line in row.go(20) if line.startswith("bay")] == []
    assert row.alarm("differential").active  # type: ignore[union-attr]


def test_a_bay_that_is_watched_slowly_compares_slow_values_when_nothing_is_poured() -> None:
    for pouring, said in ((False, ["bay-a differential raise"]), (True, [])):
        row = Row(interval_ms=1_800_000)
        row.go(0.5, pouring=pouring)
        row.silent = {"p1", "p2", "p4", "p5"}
        row.go(2, pouring=pouring)
        found = row.go(3, pouring=pouring, p3={"settle_mm": 4.3})
        assert [line for line in found if "differential" in line] == said, "a value of two minutes ago is one, or none"


# Neighbours


def rising(to: float, minutes: float = 5.0) -> Any:
    return lambda t: 5.0 + (to - 5.0) * min(t / minutes, 1.0)


def test_a_post_that_sheds_load_onto_its_neighbour_is_an_alarm_of_the_bay() -> None:
    row = Row()
    row.go(8, p2={"force_kn": 10.0}, p3={"force_kn": 10.0})
    said = row.go(6, p2={"force_kn": lambda t: 10.0 + 0.5 * t}, p3={"force_kn": lambda t: 10.0 - 0.8 * t})
    assert "bay-a load_transfer raise" in said
    alarm = row.alarm("load_transfer")
    assert alarm is not None
    assert alarm.severity is Severity.ALARM
    assert "3号立杆 → 2号立杆" in alarm.text.zh  # type: ignore[union-attr]
    assert row.respond("bay-a", "load_transfer", "shelve", until=row.at + 600_000, why="no") != [], "life-safety"


def test_a_post_that_sheds_load_while_nothing_takes_it_is_its_own_prewarning() -> None:
    row = Row()
    row.go(8, p3={"force_kn": 10.0})
    said = row.go(6, p3={"force_kn": lambda t: 10.0 - 0.8 * t})
    assert said == ["p3 unloading raise"]


# Permits


def pour(row: Row, order: list[str], *, kn: float = 8.0, each: float = 5.0) -> list[str]:
    """The front reaches the posts one after the other."""
    force = dict.fromkeys(row.names, 0.0)
    said = row.go(2, **{name: {"force_kn": 0.0} for name in row.names})
    for name in order:
        readings: dict[str, Any] = {one: {"force_kn": value, "settle_mm": value / 8} for one, value in force.items()}
        readings[name] = {channel: lambda t, full=full: full * min(t / each, 1.0)
                          for channel, full in (("force_kn", kn), ("settle_mm", kn / 8))}  # fmt: skip
        said += row.go(each, **readings)
        force[name] = kn
    return said


def test_a_pour_in_the_order_of_its_permit_says_nothing() -> None:
    row = Row()
    row.permit(order=row.names)
    assert pour(row, row.names) == []


def test_neighbours_that_are_loaded_the_other_way_round_are_no_other_order() -> None:
    row = Row()
    row.permit(order=row.names)
    assert pour(row, ["p2", "p1", "p4", "p3", "p5"]) == []


def test_a_pour_that_leaves_two_posts_out_is_a_prewarning_to_the_bay_and_ends_when_they_are_loaded() -> None:
    row = Row()
    row.permit(order=row.names)
    said = pour(row, ["p1", "p4", "p2", "p3"])
    assert said == ["bay-a pour_order raise", "bay-a pour_order clear"]
    text = next(t.text.zh for t in row.transitions if t.rule == "pour_order" and t.text)
    assert text == "预警 浇筑次序不符 跳过 2 根立杆：4号立杆 先于 2号立杆"


def test_without_a_permit_there_is_no_order() -> None:
    assert pour(Row(), ["p5", "p1"]) == []


def test_a_pour_that_is_faster_than_its_permit_is_a_prewarning() -> None:
    row = Row()
    row.permit(max_kn_per_min=2.0)
    assert pour(row, ["p1", "p2"], each=5.0) == [], "1.6 kN a minute"
    row = Row()
    row.permit(max_kn_per_min=2.0)
    assert pour(row, ["p1", "p2"], each=3.0)[0] == "bay-a pour_rate raise"


# One alarm instead of many


def heavy(*posts: str, kn: float = 20.5) -> dict[str, dict[str, Any]]:
    return {post: {"force_kn": kn} for post in posts}


def test_two_posts_speak_for_themselves_and_three_are_the_bays() -> None:
    row = Row()
    row.go(2)
    assert sorted(set(row.go(2, **heavy("p1", "p2")))) == ["p1 force raise", "p2 force raise"]
    said = row.go(2, **heavy("p1", "p2", "p3", kn=20.5))
    assert said == ["p3 force raise", "bay-a force raise"]
    alarm = row.alarm("force")
    assert alarm is not None
    assert (alarm.severity, alarm.posts, alarm.desk, alarm.cab, alarm.life_safety) == (
        Severity.ALARM, 3, "unacknowledged", "continuous", True,
    )  # fmt: skip
    assert alarm.text is not None
    assert alarm.text.zh.startswith("1号立杆 报警 立杆轴力 102 % 限值 100 % 等3根立杆"), "the words of the worst"
    for post in ("p1", "p2", "p3"):
        child = row.alarm("force", post)
        assert child is not None
        assert (child.desk, child.parent, child.state) == ("none", "bay-a", State.UNACKNOWLEDGED)
        assert child.cab == "continuous", "a terminal at the post hears the post alone"


def test_the_bays_alarm_goes_out_before_its_posts_are_quiet_and_they_speak_before_it_ends() -> None:
    row = Row()
    row.go(2, **heavy("p1", "p2"))
    row.seq += 1
    row.at += 30_000
    outcomes = []
    engine = row.engine
    real = engine.tick

    def tick(at: int, received: int | None = None) -> Any:
        outcomes.append(real(at, received))
        return outcomes[-1]

    engine.tick = tick  # type: ignore[method-assign]
    row.go(2, **heavy("p1", "p2", "p3"))
    first = next(list(o.alarms) for o in outcomes if (KEY, "force") in o.alarms)
    assert first[0] == (KEY, "force")
    assert len(first) == 4
    outcomes.clear()
    row.go(7, **heavy("p1", "p2"))
    last = next(o for o in outcomes if (KEY, "force") in o.alarms)
    assert [key[2] for key, _ in last.alarms][:3] == ["p1", "p2", "bay-a"]
    child = row.alarm("force", "p1")
    assert child is not None
    assert (child.desk, child.parent) == ("unacknowledged", None)


def test_a_post_that_rises_above_its_bay_speaks_at_once() -> None:
    row = Row()
    row.go(3, **heavy("p1", "p2", "p3", kn=16.5))
    assert row.alarm("force").severity is Severity.PREWARNING  # type: ignore[union-attr]
    row.seq += 1
    row.at += 30_000
    for _ in range(3):
        row.seq += 1
        row.at += 30_000
        found = row.engine.feed(
            [arrived("p1", "formwork", row.at, boot=BOOT, seq=row.seq, ts=row.at, force_kn=20.5, pouring=True)]
        )
    child = row.alarm("force", "p1")
    assert child is not None
    assert (child.severity, child.desk, child.parent) == (Severity.ALARM, "unacknowledged", None), "before any tick"
    assert [t.device for t in found.transitions] == ["p1"]
    row.engine.tick(row.at + 1_000, row.at + 1_000)
    row.engine.tick(row.at + 2_000, row.at + 2_000)
    assert row.alarm("force").severity is Severity.ALARM  # type: ignore[union-attr]
    assert row.alarm("force", "p1").desk == "none"  # type: ignore[union-attr]


def unseen(row: Row, post: str, minutes: float, kn: float) -> None:
    """Readings of one post between two ticks."""
    for _ in range(round(2 * minutes)):
        row.seq += 1
        row.at += 30_000
        one = {"force_kn": kn, "settle_mm": 1.0, "pouring": True}
        row.engine.feed([arrived(post, "formwork", row.at, boot=BOOT, seq=row.seq, ts=row.at, **one)])


def test_a_post_that_is_back_at_alarm_while_its_bay_has_fallen_to_a_prewarning_speaks() -> None:
    row = Row()
    row.go(2, **heavy("p1", "p2", "p3"))
    row.go(7, **heavy("p1", "p2", "p3", kn=17.0))
    assert (row.alarm("force").state, row.alarm("force").posts) == (State.UNACKNOWLEDGED, 3)  # type: ignore[union-attr]
    before = row.alarm("force", "p1")
    unseen(row, "p1", 2, 20.5)
    child = row.alarm("force", "p1")
    assert child is not None
    assert child.transition == before.transition, "no transition"  # type: ignore[union-attr]
    assert (child.desk, child.parent) == ("unacknowledged", None)


def test_a_post_that_was_over_and_is_raised_anew_behind_an_acknowledged_bay_speaks() -> None:
    row = Row()
    row.go(2, **heavy("p1", "p2", "p3", "p4"))
    row.respond("bay-a", "force", "acknowledge")
    row.respond("p1", "force", "acknowledge")
    assert row.alarm("force", "p1").parent == "bay-a"  # type: ignore[union-attr]
    unseen(row, "p1", 7, 5.0)
    unseen(row, "p1", 2, 20.5)
    child = row.alarm("force", "p1")
    assert child is not None
    assert (child.state, child.desk, child.parent) == (State.UNACKNOWLEDGED, "unacknowledged", None)


def test_who_comes_after_the_bay_was_acknowledged_speaks_for_itself() -> None:
    row = Row()
    row.go(2, **heavy("p1", "p2", "p3"))
    assert row.respond("bay-a", "force", "acknowledge") == []
    assert row.alarm("force").desk == "acknowledged"  # type: ignore[union-attr]
    assert row.alarm("force", "p1").desk == "none"  # type: ignore[union-attr]
    row.go(2, **heavy("p1", "p2", "p3", "p4"))
    assert row.alarm("force", "p4").desk == "unacknowledged"  # type: ignore[union-attr]
    assert row.alarm("force").posts == 4  # type: ignore[union-attr]


def test_an_analyzer_without_its_memory_lets_every_post_speak_until_the_bay_is_seen_again() -> None:
    row = Row()
    row.go(2, **heavy("p1", "p2", "p3"))
    retained = [(key, rule, alarm) for (key, rule), alarm in row.engine.retained().alarms.items() if alarm]
    after = Engine()
    after.adopt([one for one in retained if one[0] != KEY], row.at)
    again = Row(engine=after)
    for post in ("p1", "p2", "p3"):
        assert again.alarm("force", post).desk == "unacknowledged"  # type: ignore[union-attr]
    after.tick(row.at + 60_000, row.at + 60_000)
    assert again.alarm("force").posts == 3  # type: ignore[union-attr]
    assert again.alarm("force", "p1").desk == "none"  # type: ignore[union-attr]


def test_a_bays_own_alarm_that_outlived_our_memory_ends_by_its_own_condition() -> None:
    row = Row()
    row.go(3, p3={"settle_mm": 5.0})
    alarm = row.alarm("differential")
    assert alarm is not None
    after = Engine()
    again = Row(engine=after)
    after.adopt([(KEY, "differential", alarm)], row.at)
    again.at, again.seq = row.at, row.seq
    assert again.alarm("differential") is not None
    assert again.go(4) == []
    assert again.go(3) == ["bay-a differential clear"]
    assert ("site", "bay-a") not in after.fleets["formwork"].index, "a bay is no device"


def test_a_bay_that_nobody_is_in_any_more_ends_its_alarms() -> None:
    row = Row()
    row.go(3, p3={"settle_mm": 5.0})
    row.config = {**row.config, "bay": "B", "version": 2}
    version = row.config.pop("version")
    for name in row.names:
        row.engine.configure("site", "formwork", name, DeviceConfig(version=version, bay="B"), row.at)  # type: ignore[arg-type]
    assert [line for line in row.go(9) if "bay-a" in line] == []
    assert "bay-a differential clear" in row.go(3)


@pytest.mark.parametrize("after", [3, 5, 8, 12])
def test_a_restored_engine_goes_on_with_its_bays_as_if_nothing_had_happened(after: int) -> None:
    def story(row: Row, begin: int, end: int) -> list[bytes]:
        said = []
        for k in range(begin, end):
            load = heavy(*[name for name in row.names if (k // 4 + int(name[1])) % 3], kn=16.5 + (k % 5))
            load.setdefault("p3", {})["settle_mm"] = 1.0 + k / 3
            said += [encode(t) for t in row.read(load)]
        return said

    whole = Row()
    whole.permit(order=whole.names, max_kn_per_min=1.0)
    everything = story(whole, 0, 16)
    assert any(b'"bay-a"' in line for line in everything)
    first = Row()
    first.permit(order=first.names, max_kn_per_min=1.0)
    said = story(first, 0, after)
    data = first.engine.snapshot()
    restored = Engine.restore(data)
    assert restored.snapshot() == data
    first.engine = restored
    assert said + story(first, after, 16) == everything
    assert restored.retained() == whole.engine.retained()


def test_a_bays_rules_are_not_taken_for_a_devices_own() -> None:
    assert not OBSERVED & set(RULES), "a device that has one retained is not taken over as if it were silent"
    row = Row()
    row.go(12, **{name: {"force_kn": 21.0, "settle_mm": 3.0 * k} for k, name in enumerate(row.names)})
    assert {t.rule for t in row.transitions if t.device != "bay-a"} & set(RULES) == set()


def test_a_device_that_is_called_as_a_bay_would_be_keeps_its_name() -> None:
    row = Row()
    row.engine.feed([arrived("bay-a", "formwork", START, boot=BOOT, seq=1, ts=START, settle_mm=0.0)])
    row.configure()
    row.go(3, p3={"settle_mm": 4.3})
    assert {t.device for t in row.transitions if t.rule == "differential"} == {"bay-a-x"}


def test_the_bay_can_be_named_in_any_script() -> None:
    row = Row(bay="A区 3层")
    row.go(3, p3={"settle_mm": 4.2})
    (found,) = {t.device for t in row.transitions if t.rule == "differential"}
    assert found.startswith("bay-")
    assert msgspec.json.decode(encode(row.transitions[0]))["device"] == found
