"""`cranewatch replay` on real databases: recorded shifts, played again under what held and under a candidate."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from analytics.backtest.outcome import Range
from analytics.backtest.truth import Interval
from analytics.vocabulary import KNOWN
from runtime.backtest.device import Plan
from runtime.backtest.run import Asked, run
from telemetry import profiles
from telemetry.clock import to_datetime
from telemetry.limit_profile import Profile
from telemetry.settings import DatabaseSettings, MqttSettings
from telemetry.storage import recorded
from telemetry.storage.items import Reading
from telemetry.storage.pool import Database
from telemetry.storage.profiles import ProfileStore
from telemetry.storage.writer import Writer
from telemetry.wire import topics
from tests.helpers.life import BOOTS, Life
from tests.helpers.limits import BASE, number, published
from tests.helpers.rows import fetch, value
from tests.helpers.services import ROOT, environment
from tests.helpers.shift import IDLE, answered, record, shift
from tests.helpers.site import START
from tests.helpers.waiting import until
from tests.integration.test_review import keep, reviewing, unreviewed

HEAVY = 2.65  # t: 97 % of what is rated
OVER = 2.8  # 102.6 %
LOWER = f"[crane.moment.steps.alarm]\nset = {number(95)}\nclear = {number(93)}\n"
HIGHER = f"[crane.moment.steps.alarm]\nset = {number(108)}\nclear = {number(106)}\n"


def candidate(body: str, version: int = 7) -> Profile:
    return profiles.parse(published(body, version).text, known=KNOWN)


async def back_test(
    database: DatabaseSettings, life: Life, profile: Profile | None = None, begin: int = START, **plan: Any
) -> dict[str, Any]:
    end = plan.pop("end", life.ts + 1)
    return await run(database, Asked("site", "site", None, None, Plan(Range(begin, end), profile, **plan)))


def lift(life: Life | None = None) -> Life:
    """A load that is heavy for half a minute, and then too heavy for ten seconds."""
    return shift([(20, IDLE), (30, HEAVY), (10, OVER), (20, IDLE)], life=life)


async def test_under_what_held_it_is_the_live_log_and_a_lower_limit_alarms_when_the_load_passes_it(
    database: DatabaseSettings,
) -> None:
    life = lift()
    said = [answered(life, "sensor")]
    lift(life)
    record(database, life, said)
    as_it_was = await back_test(database, life)
    (one,) = as_it_was["devices"]
    assert as_it_was["outcome"] == "good"
    assert one["check"]["equal"]
    assert one["check"]["compared"] == len(life.derived) > 0
    assert (one["samples"], one["then"]["alarms"]) == (160, 2)
    assert one["then"]["verdicts"] == {"sensor": 1, "unknown": 1}
    assert (one["then"]["false"], one["then"]["unknown"]) == (1, 1)

    found = await back_test(database, life, candidate(LOWER))
    (one,) = found["devices"]
    # At 97 % for 30 s before it was beyond 100 %: so much earlier, in both lifts.
    assert [(row["became"], row["shift_s"]) for row in one["alarms"]] == [("earlier", -30.0)] * 2
    assert one["alarms"][0]["now"]["steps"]["alarm"] - START == 23_000, "two samples and the delay of a second"
    assert found["outcome"] == "good"
    assert found["total"]["now"]["cab_sound_s"] - found["total"]["then"]["cab_sound_s"] > 50
    assert found["total"]["earlier_s"] == {"least": 30.0, "median": 30.0, "most": 30.0}


async def test_a_higher_limit_names_the_life_safety_alarm_that_would_be_missing(
    postgres_database: DatabaseSettings,
) -> None:
    life = lift()
    record(postgres_database, life)
    found = await back_test(postgres_database, life, candidate(HIGHER))
    assert found["outcome"] == "missing"
    (lost,) = found["missing_life_safety"]
    raised = next(t for t in life.derived if t.rule == "moment" and t.signal == "escalate")
    assert (lost["device"], lost["rule"], lost["at"], lost["value"]) == ("c1", "moment", raised.at, raised.value)
    (row,) = found["devices"][0]["alarms"]
    assert (row["then"]["severity"], row["now"]["severity"], row["rises"]) == ("alarm", "prewarning", -1)


async def test_a_life_safety_alarm_that_would_come_later_is_named_with_the_seconds(
    postgres_database: DatabaseSettings,
) -> None:
    life = shift([(20, IDLE), (30, OVER), (20, 3.0), (20, IDLE)])
    record(postgres_database, life)
    found = await back_test(postgres_database, life, candidate(HIGHER))
    assert found["outcome"] == "good", "it comes, when the load is beyond 108 %"
    (late,) = found["later_life_safety"]
    assert (late["rule"], late["severity"], late["shift_s"]) == ("moment", "alarm", 30.0)


async def test_a_profile_that_was_published_in_mid_range_holds_from_there_and_is_known_from_the_record(
    postgres_database: DatabaseSettings,
) -> None:
    life = lift()
    # Published while the load is heavy: what is on keeps what it was raised under.
    shift([(10, HEAVY)], life=life)
    with ProfileStore(postgres_database) as store:
        store.propose(BASE.format(name="works", version=1) + LOWER, "works.toml", "li", KNOWN)
        store.approve("works", 1, "wang", None, KNOWN)
    sent = published(LOWER)
    life._take(life.engine.publish_profile("site", sent, life.ts))
    life.tick()
    shift([(10, HEAVY), (40, IDLE)], life=life)
    lift(life)
    record(postgres_database, life)
    found = await back_test(postgres_database, life)
    (one,) = found["devices"]
    assert one["check"]["equal"], one["check"]
    assert {t.profile for t in life.derived} == {profiles.load("cn").label, profiles.parse(sent.text).label}
    under = [row["then"]["profile"].partition("@")[0] for row in one["alarms"]]
    assert under[0] == profiles.load("cn").label.partition("@")[0]
    assert under[-1] == "works/1"


async def test_a_range_that_begins_in_the_middle_of_an_alarm_shows_it_as_standing_and_does_not_count_it(
    postgres_database: DatabaseSettings,
) -> None:
    life = shift([(40, IDLE), (60, OVER), (30, IDLE)])
    lift(life)
    record(postgres_database, life)
    found = await back_test(postgres_database, life, candidate(LOWER), begin=START + 70_000)
    (one,) = found["devices"]
    assert one["check"]["equal"]
    assert one["then"]["alarms"] == 1, "the second"
    first, second = one["alarms"]
    assert (first["counted"], first["then"]["at"] < START + 70_000) == (False, True)
    assert (second["became"], second["shift_s"]) == ("earlier", -30.0)
    assert one["samples"] < 240 - 60


async def test_late_frames_are_played_where_they_belong_and_what_nobody_reviewed_is_said(
    postgres_database: DatabaseSettings, embedded_broker: MqttSettings
) -> None:
    life = Life(3, samples=300)
    keep(postgres_database, life)
    (before,) = (await back_test(postgres_database, life))["devices"]
    late = sum(high - low + 1 for ranges in life.late.values() for low, high in ranges)
    # The last frames that were heard are not yet in a report.
    assert before["samples"] == len(life.frames)
    assert before["check"]["unreviewed"] >= late > 0
    assert {told.frame.boot for told in life.frames} == set(BOOTS)
    # The log is of what was heard, the replay of all that there is: that differs until the review has said so.
    assert not before["check"]["equal"]
    async with reviewing(postgres_database, embedded_broker):
        await until(lambda: unreviewed(postgres_database) == 0)
    found = await back_test(postgres_database, life)
    (one,) = found["devices"]
    assert one["check"]["equal"], one["check"]
    assert (one["check"]["unreviewed"], found["outcome"]) == (0, "good")


async def test_the_labelled_truth_decides_what_is_false(postgres_database: DatabaseSettings) -> None:
    life = lift()
    lift(life)
    record(postgres_database, life)
    danger = Interval("c1", to_datetime(START + 60_000), to_datetime(START + 100_000), ["moment"])
    found = await back_test(postgres_database, life, candidate(LOWER), intervals=[danger])
    (one,) = found["devices"]
    for side in ("then", "now"):
        assert one[side]["verdicts"] == {"danger": 1, "nothing": 1}
        assert one[side]["false"] == 1
    assert found["total"]["now"]["false_per_crane_day"] == pytest.approx(1 / one["days"], rel=1e-3)


async def test_an_empty_range_says_so(postgres_database: DatabaseSettings) -> None:
    life = lift()
    record(postgres_database, life)
    found = await back_test(
        postgres_database, life, candidate(LOWER), begin=life.ts + 86_400_000, end=life.ts + 90_000_000
    )
    assert (found["outcome"], found["devices"][0]["empty"]) == ("empty", True)


async def test_a_candidate_that_does_not_fit_a_devices_own_limits_is_said_of_that_device(
    postgres_database: DatabaseSettings,
) -> None:
    life = Life(0, samples=0, gaps=0)
    own = {"moment": {"alarm": 94.0}}
    config = life.engine.fleets["crane"].devices[0].config
    assert config is not None
    life._take(
        life.engine.configure("site", "crane", "c1", msgspec.structs.replace(config, version=9, limits=own), life.ts)
    )
    lift(life)
    record(postgres_database, life)
    pre = f"[crane.moment.steps.prewarning]\nset = {number(96)}\nclear = {number(94)}\n"
    found = await back_test(postgres_database, life, candidate(pre))
    (one,) = found["devices"]
    assert "below the milder step" in one["not_held"]
    assert found["outcome"] == "refused"
    assert "now" not in one


async def test_devices_in_processes_of_their_own_give_what_one_process_gives(
    postgres_database: DatabaseSettings,
) -> None:
    life = shift([(20, IDLE), (10, OVER)])
    record(postgres_database, life)
    writer = Writer(postgres_database, application="test-writer")
    try:
        topic = topics.parse("cw/v1/site/crane/c2/up/reading")
        writer.store([Reading(topic, one.frame, b"") for one in life.frames], life.ts)
    finally:
        writer.close()
    told: list[tuple[str, int, int]] = []
    asked = Asked("site", "site", None, None, Plan(Range(START, life.ts + 1), candidate(LOWER)))
    one = await run(postgres_database, asked)
    both = await run(postgres_database, replace(asked, jobs=2), lambda *words: told.append(words))
    assert both == one
    assert [device["device"] for device in both["devices"]] == ["c1", "c2"]
    # Nobody evaluated the second live: a candidate cannot be held against it, and that is told.
    assert "not_held" not in both["devices"][0]
    assert "never evaluated live" in both["devices"][1]["not_held"]
    assert both["outcome"] == "refused"
    assert ("site/crane/c2", 30, 30) in told


async def test_a_long_range_comes_page_by_page(database: DatabaseSettings) -> None:
    life = Life(0, samples=0, gaps=0)
    shift([(3, IDLE)], life=life)
    # Frames far apart in time: what is held at once is a page's, whatever the range.
    for _ in range(5):
        life.ts += 3_600_000
        shift([(20, IDLE)], life=life)
    record(database, life)
    async with Database(database, application="test") as pool:
        (found,) = await recorded.devices(pool, "site", None, None)
        async with recorded.recording(pool, found[0], "crane") as reading:
            outline = await reading.outline(START, life.ts)
            pages = [page async for page in reading.pages(outline)]
    assert [len(page.frames) for page in pages] == [3, *[20] * 5]
    assert sum(page.span for page in pages) == outline.frames == 103
    seqs = [frame.seq for page in pages for frame, _ in page.frames]
    assert seqs == list(range(1, 104))
    assert sum(page.lacking for page in pages) == 0


def command(database: DatabaseSettings, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "runtime.cli", *arguments], env=environment(MqttSettings(), database), cwd=ROOT,
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_the_command_fails_on_a_missing_alarm_keeps_the_result_and_approval_shows_it(
    postgres_database: DatabaseSettings, tmp_path: Path
) -> None:
    database = postgres_database
    life = lift()
    record(database, life)
    file = tmp_path / "works.toml"
    file.write_text(BASE.format(name="works", version=1) + "[crane.moment.steps.alarm]\nset = { value = 108 }\n")
    span = ("--from", to_datetime(START).isoformat(), "--to", "10m", "--who", "li", "--jobs", "1")
    wrong = command(database, "replay", "site", *span, "--profile", str(file))
    assert wrong.returncode == 2
    assert f"{file}, line 7: crane.moment.steps.alarm.set.source" in wrong.stderr

    file.write_text(BASE.format(name="works", version=1) + HIGHER)
    bad = command(database, "replay", "site", *span, "--profile", str(file), "--json")
    assert bad.returncode == 1, bad.stderr
    assert json.loads(bad.stdout)["missing_life_safety"][0]["rule"] == "moment"
    page = tmp_path / "page.md"
    good = command(
        database, "replay", "site/c1", *span, "--profile", str(file), "--accept", "a trial", "--markdown", str(page)
    )
    assert good.returncode == 0, good.stderr
    assert "moment alarm" in good.stdout
    assert "LIFE-SAFETY" in page.read_text(encoding="utf-8")
    assert fetch(database, "SELECT kind, outcome, accepted, target FROM backtest ORDER BY backtest_id") == [
        ("replay", "missing", None, "site"), ("replay", "missing", "li: a trial", "site/c1"),
    ]  # fmt: skip

    proposed = command(database, "profile", "propose", str(file), "--who", "li")
    assert proposed.returncode == 0, proposed.stderr
    shown = command(database, "profile", "approve", "works", "1", "--who", "wang")
    assert shown.returncode == 0, shown.stderr
    assert "LIFE-SAFETY ALARMS WOULD BE MISSING (1)" in shown.stderr
    assert "li: a trial" in shown.stderr
    assert value(database, "SELECT approved_by FROM limit_profile WHERE name = 'works'") == "wang"
