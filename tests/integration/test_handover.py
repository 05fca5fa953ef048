"""Handovers in a real record: what they are made of, and that what was signed stays as it was signed."""

import asyncio
from typing import Any

import psycopg
import pytest

from telemetry import handover
from telemetry.clock import now_ms
from telemetry.handover import Named, Sheet
from telemetry.model import Action, CoverageLevel, Hazard
from telemetry.settings import DatabaseSettings
from telemetry.storage import handovers
from telemetry.storage.audit import Actor
from telemetry.storage.handovers import Signed
from telemetry.storage.items import Item, Noted
from telemetry.storage.pool import Database
from telemetry.storage.writer import Writer
from telemetry.wire import payloads, topics
from telemetry.wire.payloads import Coverage, HazardCoverage, Response, Shown, Words

WANG = Actor("wang", "示范总包", "10.0.0.7")
CRANE = Named(kind="crane", device="c1", name="c1")


def note(leaf: str, payload: payloads.Payload) -> Item:
    lane = "down" if leaf == "coverage" else "up"
    return Noted(topics.parse(f"cw/v1/s/crane/c1/{lane}/{leaf}"), payload, payloads.encode(payload))


def covered(at: int, level: CoverageLevel) -> Item:
    why = Words(zh="设备无数据", en="the device is silent") if level is CoverageLevel.BLIND else None
    return note(
        "coverage", Coverage(at=at, level=level, hazards={Hazard.LOAD: HazardCoverage(level=level, reason=why)})
    )


@pytest.fixture
def recorded(postgres_database: DatabaseSettings) -> DatabaseSettings:
    """A crane that was watched, blind for 300 ms, and watched again; and its terminal."""
    now = now_ms()
    writer = Writer(postgres_database, application="test")
    beat = Shown(terminal="cab", at=now, visible=True, audio="running", volume=0.8)
    levels = [(1000, CoverageLevel.MONITORED), (5000, CoverageLevel.BLIND), (5300, CoverageLevel.MONITORED)]
    shifts = [
        Response(id=f"shift-000{n}", action=Action.BEGIN_SHIFT, at=now - 1000 * n, who=f"op-{n}") for n in (2, 1, 3)
    ]
    items = [*(covered(at, level) for at, level in levels), *(note("response", one) for one in shifts)]
    writer.store([*items, note("shown", beat)], now)
    writer.close()
    return postgres_database


def sheet(previous: str | None = None, **more: Any) -> Sheet:
    fields = {"site": "s", "name": "工地", "timezone": "Asia/Shanghai", "at": 20, "since": 10, "signed_by": "王工"}
    return Sheet(**{**fields, "previous": previous, **more})


async def sign(settings: DatabaseSettings, *sheets: Sheet) -> tuple[list[int | None], list[Signed]]:
    async with Database(settings, application="test") as database:
        numbers = [await handovers.sign(database, WANG, one) for one in sheets]
        return numbers, await handovers.listed(database, "s")


async def test_a_shift_begins_with_what_devices_terminals_and_operators_have_said(recorded: DatabaseSettings) -> None:
    async with Database(recorded, application="test") as database:
        found = await handovers.changes(database, "s", 5100, 9000)
        ears = await handovers.ears(database, "s")
        begun = await handovers.begun(database, "s", now_ms() - 60_000)
        assert await handovers.begun(database, "s", now_ms() + 60_000) == {}
    assert {key: one.who for key, one in begun.items()} == {("crane", "c1"): "op-1"}
    assert [(one.at, one.level) for one in found] == [(5000, "blind"), (5300, "monitored")]
    (gap,) = handover.gaps(handover.outages(found, 5100, 9000), 9000)
    assert (gap.of, gap.longest_begin, gap.longest_end) == (CRANE, 5100, 5300)
    assert gap.reason == Words(zh="设备无数据", en="the device is silent")
    assert [(one.terminal, one.audio) for one in ears[("crane", "c1")]] == [("cab", "running")]


async def test_what_was_signed_is_found_again_with_its_hash_and_its_line_in_the_audit_log(
    recorded: DatabaseSettings,
) -> None:
    signed = sheet(note="风速仪待换")
    async with Database(recorded, application="test") as database:
        number = await handovers.sign(database, WANG, signed)
        assert number is not None
        found = await handovers.one(database, "s", number)
        assert await handovers.one(database, "another", number) is None
    assert found is not None
    assert found.body is not None
    assert handover.read(found.body) == signed
    assert found.sha256 == handover.digest(found.body)
    with psycopg.connect(recorded.url.get_secret_value()) as connection:
        row = connection.execute("SELECT who, action, site, after ->> 'sha256' FROM audit_log").fetchone()
    assert row == ("wang", "handover.sign", "s", found.sha256)


async def test_one_handover_follows_another_and_none_comes_in_between(recorded: DatabaseSettings) -> None:
    first = sheet()
    hash_ = handover.digest(handover.text(first))
    (one, twice, two, branch), listed = await sign(
        recorded, first, sheet(note="another first"), sheet(hash_, at=30), sheet(hash_, at=31)
    )
    assert one is not None
    assert two is not None
    assert (twice, branch) == (None, None)
    assert [(row.handover_id, row.previous) for row in listed] == [(two, hash_), (one, None)]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE handover SET signed_by = 'someone else'",
        "DELETE FROM handover",
        "INSERT INTO handover (site, begin_ms, signed_ms, signed_by, body, sha256, previous)"
        " VALUES ('s', 1, 2, 'x', '{\"forged\": true}', repeat('0', 64), 'x')",
    ],
)
def test_the_record_itself_refuses_to_change_or_forge_one(recorded: DatabaseSettings, change: str) -> None:
    asyncio.run(sign(recorded, sheet()))
    with (
        psycopg.connect(recorded.url.get_secret_value(), autocommit=True) as connection,
        pytest.raises(psycopg.errors.CheckViolation),
    ):
        connection.execute(change)
