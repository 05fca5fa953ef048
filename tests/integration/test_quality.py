"""How good the alarms of a site were: from the engine's own words, through the record, to the figures."""

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from runtime import quality as command
from telemetry.clock import now_ms, to_datetime
from telemetry.settings import DatabaseSettings
from telemetry.storage.items import Item, Noted, Reading
from telemetry.storage.pool import Database
from telemetry.storage.quality import Quality, quality
from telemetry.storage.writer import Writer
from telemetry.wire import frames, payloads, topics
from tests.helpers.publisher import frame
from tests.helpers.site import Rig
from tests.unit.runtime.test_cli import cranewatch

AT_42 = {"radius_m": 42.0, "falls": 2}
HOUR = 3_600_000
NOW = now_ms() // HOUR * HOUR - 2 * HOUR


def told(rig: Rig) -> list[Item]:
    """What the analyzer would have published."""
    items: list[Item] = []
    for outcome in rig.outcomes:
        notes: list[tuple[tuple[str, str, str], str, Any]] = [
            ((one.site, one.kind, one.device), "transition", one) for one in outcome.transitions
        ]
        notes += [(key, "evaluated", report) for key, report in outcome.evaluated.items()]
        for (site, kind, device), leaf, note in notes:
            topic = topics.parse(f"cw/v1/{site}/{kind}/{device}/down/{leaf}")
            items.append(Noted(topic, note, payloads.encode(note)))
    return items


@pytest.fixture
def shift(database: DatabaseSettings) -> Iterator[Rig]:
    """An overload that sounds for a minute and is acknowledged after 40 s, by an operator with a name."""
    rig = Rig()
    rig.ts = rig.rx = NOW + 600_000
    rig.tick()
    for k in range(120):
        rig.read(load_t=2.85 if 30 <= k < 90 else 0.5, **AT_42)
        rig.tick()
        rig.tick(500)
        if k == 73:
            rig.respond("acknowledge", rule="moment")
    writer = Writer(database, application="test")
    topic = topics.parse("cw/v1/site/crane/c1/up/reading")
    sent = [frame("5f2c77e01b9d4a36", k, NOW + 600_000 + k * 1000, load_t=1.0, operator="op-17") for k in range(1, 120)]
    writer.store([Reading(topic, frames.decode("crane", one), one) for one in sent], NOW + 720_000)
    writer.store(told(rig), NOW + 720_000)
    writer.store(told(rig), NOW + 721_000)
    yield rig
    writer.close()


def asked(settings: DatabaseSettings, site: str = "site", hours: float = 2, at: int = NOW) -> Quality | None:
    async def ask() -> Quality | None:
        async with Database(settings, application="test") as database:
            begin = to_datetime(at)
            return await quality(database, site, begin, begin + timedelta(hours=hours))

    return asyncio.run(ask())


def test_a_shift_with_one_overload(database: DatabaseSettings, shift: Rig) -> None:
    found = asked(database)
    assert found is not None
    assert found.desk.annunciated == 1
    assert found.desk == found.devices["crane/c1"]
    assert found.desk.acknowledged == 1
    assert found.desk.median_s is not None
    assert 38 <= found.desk.median_s <= 43
    assert [one.who for one in found.desk.people] == ["li"]
    [cab] = found.cabs
    assert cab.name == "crane/c1"
    assert 55 <= cab.sound_s <= 62, "stored twice and counted once"
    assert (cab.hours, cab.over, set(cab.rules)) == (1, True, {"moment"})
    assert [one.name for one in found.operators] == ["op-17"]
    assert found.operators[0].sound_s == cab.sound_s
    assert found.operator_lines["op-17"] >= 1


def test_what_was_on_before_the_span_stands_in_it(database: DatabaseSettings, shift: Rig) -> None:
    in_the_middle = asked(database, at=NOW + 600_000 + 60_000, hours=0.005)
    assert in_the_middle is not None
    assert (in_the_middle.desk.annunciated, in_the_middle.desk.standing) == (0, 1)
    after = asked(database, at=NOW + HOUR)
    assert after is not None
    assert after.desk.standing == 0


def test_a_site_that_nobody_knows_is_none_and_a_wrong_span_is_refused(database: DatabaseSettings, shift: Rig) -> None:
    assert asked(database, site="nowhere") is None
    with pytest.raises(ValueError, match="a span begins before it ends"):
        asked(database, hours=-1)


def test_the_command_says_the_same_as_the_record(database: DatabaseSettings, shift: Rig) -> None:
    span = [
        "--from",
        f"{to_datetime(NOW):%Y-%m-%dT%H:%M:%S}",
        "--to",
        f"{to_datetime(NOW + 2 * HOUR):%Y-%m-%dT%H:%M:%S}",
    ]
    environment = {"CRANEWATCH_DATABASE__URL": database.url.get_secret_value()}
    found = cranewatch("alarm-quality", "site", *span, "--json", **environment)
    assert found.returncode == 0, found.stderr
    body = json.loads(found.stdout)
    record = asked(database)
    assert record is not None
    assert body["desk"]["annunciated"] == record.desk.annunciated
    assert body["cabs"][0]["sound_s"] == record.cabs[0].sound_s
    table = cranewatch("alarm-quality", "site", *span, **environment)
    assert "报警条数 annunciated" in table.stdout
    assert "op-17" in table.stdout
    unknown = cranewatch("alarm-quality", "nowhere", **environment)
    assert unknown.returncode == 1
    assert "no such site" in unknown.stderr


def test_every_figure_has_a_name_in_both_languages() -> None:
    assert all(zh and en for _, zh, en in command.ROWS)
