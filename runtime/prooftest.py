"""`cranewatch prooftest`: order a proof test, see what tests came to, say when they are wanted."""

import asyncio
import json
import sys
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Column, Table

from runtime.command import Json, WithDatabase, named, refuse
from telemetry import proof
from telemetry.errors import StorageError
from telemetry.proof import Outcome, State
from telemetry.proof_schedule import Schedule
from telemetry.settings import DatabaseSettings
from telemetry.storage import proofs
from telemetry.storage.audit import Actor
from telemetry.storage.pool import Database
from telemetry.storage.proofs import Refused, Test, Wanted

app = typer.Typer(
    name="prooftest",
    help="报警链路测试 · Proof tests of the way of an alarm; nothing moves, with an empty hook only.",
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
)

LOOK_S = 0.5
WAITS = {
    State.ASKED: ("等待司机在终端开始", "asked: the operator begins it at the terminal (withdraw takes it back)"),
    State.ORDERED: ("已下达", "ordered: the device has not answered yet (list shows how it goes on)"),
    State.SENT: ("进行中", "under way: it is followed link by link"),
}
ACTOR = Actor("cli", None, "cli")
Place = Annotated[str, typer.Argument(help="SITE/KIND/DEVICE, as demo/crane/crane-1.")]


@app.command(epilog="Example: [bold]cranewatch prooftest order demo/crane/crane-1[/]")
def order(
    place: Place,
    told: Annotated[bool, typer.Option("--told", help="The operator was told by radio: begin at once.")] = False,
    wait: Annotated[float, typer.Option(min=0, max=900, help="Seconds to wait for its outcome; 0 waits for none.")] = 0,
) -> None:
    """下达: order a test; where a terminal is expected the operator begins it. 1 when it fails, 2 when it cannot be."""
    parts = place.split("/")
    if len(parts) != 3:
        refuse("name the device as SITE/KIND/DEVICE")
    settings = named(WithDatabase)
    try:
        test = asyncio.run(_order(settings.database, parts[0], parts[1], parts[2], told=told, wait=wait))
    except (StorageError, Refused) as error:
        refuse(str(error))
    _print([test])
    raise typer.Exit(1 if test.outcome is Outcome.FAILED else 0)


@app.command(epilog="Example: [bold]cranewatch prooftest withdraw demo 12[/]")
def withdraw(
    site: Annotated[str, typer.Argument(help="The site.")],
    number: Annotated[int, typer.Argument(min=1, help="Of the test, as `order` and `list` say it.")],
) -> None:
    """撤回: take back a test that nobody has begun."""
    settings = named(WithDatabase)
    try:
        found = asyncio.run(_withdraw(settings.database, site, number))
    except StorageError as error:
        refuse(str(error), 1)
    if found is None:
        refuse(f"no test {number} of {site} that waits to be begun", 1)
    _print([found])


@app.command("list", epilog="Example: [bold]cranewatch prooftest list demo[/]")
def listed(
    site: Annotated[str, typer.Argument(help="The site.")],
    device: Annotated[str | None, typer.Option(help="Of this device only.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many.")] = 20,
    as_json: Json = False,
) -> None:
    """列表: what tests came to, newest first; 1 when the last test of a device has failed."""
    settings = named(WithDatabase)
    try:
        found, last = asyncio.run(_listed(settings.database, site, device, limit))
    except StorageError as error:
        refuse(str(error), 1)
    if as_json:
        sys.stdout.write(json.dumps([_json(one) for one in found], ensure_ascii=False) + "\n")
    elif not found:
        Console().print("没有测试 no tests")
    else:
        _print(found)
    raise typer.Exit(1 if any(one.outcome is Outcome.FAILED for one in last) else 0)


@app.command(epilog="Example: [bold]cranewatch prooftest schedule demo --every 7 --from 07:00 --to 09:00[/]")
def schedule(
    site: Annotated[str, typer.Argument(help="The site.")],
    every: Annotated[int | None, typer.Option(min=1, max=366, help="Days between two tests.")] = None,
    begins: Annotated[str, typer.Option("--from", help="Asked for from this hour of the site's day, HH:MM.")] = "07:00",
    ends: Annotated[str, typer.Option("--to", help="Until this hour.")] = "09:00",
    never: Annotated[bool, typer.Option("--never", help="Want none any more.")] = False,
) -> None:
    """计划: say when tests of a site's devices are wanted; without options, show it."""
    settings = named(WithDatabase)
    wanted = Schedule(every, begins, ends) if every is not None else None
    try:
        found = asyncio.run(_schedule(settings.database, site, wanted, change=never or every is not None))
    except (StorageError, ValueError) as error:
        refuse(str(error), 1)
    if found is None:
        refuse(f"no site {site}")
    for one in found:
        hours = one.schedule
        where = f"{one.site}/{one.kind}/{one.device}" if one.device else one.site
        Console().print(f"{where}: 每 {hours.every_days} 天 every {hours.every_days} days, {hours.begins}–{hours.ends}")
    if not found:
        Console().print("没有计划 no schedule")


async def _order(settings: DatabaseSettings, site: str, kind: str, device: str, *, told: bool, wait: float) -> Test:
    async with Database(settings, application="prooftest") as database:
        test = await proofs.order(database, ACTOR, site, kind, device, told=told)
        for _ in range(round(wait / LOOK_S)):
            if test.outcome is not None:
                break
            await asyncio.sleep(LOOK_S)
            found = await proofs.listed(database, site, kind=kind, device=device, limit=5)
            test = next((one for one in found if one.proof_id == test.proof_id), test)
        return test


async def _withdraw(settings: DatabaseSettings, site: str, number: int) -> Test | None:
    async with Database(settings, application="prooftest") as database:
        return await proofs.cancel(database, ACTOR, site, number)


async def _listed(
    settings: DatabaseSettings, site: str, device: str | None, limit: int
) -> tuple[list[Test], list[Test]]:
    async with Database(settings, application="prooftest") as database:
        return await proofs.listed(database, site, device=device, limit=limit), await proofs.last(database, site)


async def _schedule(
    settings: DatabaseSettings, site: str, wanted: Schedule | None, *, change: bool
) -> list[Wanted] | None:
    async with Database(settings, application="prooftest") as database:
        if change and not await proofs.schedule(database, ACTOR, site, wanted):
            return None
        return await proofs.schedules(database, site)


def _print(found: list[Test]) -> None:
    table = Table(
        "no.", "设备 device", "时间 UTC", "由 by", Column("结果 outcome", overflow="fold"), "到显示 until shown"
    )
    for one in found:
        at = one.asked_at.astimezone(ZoneInfo("UTC")).strftime("%Y-%m-%d %H:%M:%S")
        if one.outcome is None:
            what = "{} {}".format(*WAITS.get(one.state, (str(one.state), "")))
        else:
            words = proof.words(one.outcome, one.failed_link, one.detail)
            what = f"{words.zh} {words.en}"
        latency = proof.latency_s(one.steps)
        table.add_row(str(one.proof_id), f"{one.kind}/{one.device}", at, one.begun_by or one.ordered_by, what,
                      f"{latency:.2f} s" if latency is not None else "")  # fmt: skip
    Console().print(table)


def _json(one: Test) -> dict[str, Any]:
    return {
        "id": one.proof_id, "test": one.test, "site": one.site, "kind": one.kind, "device": one.device,
        "source": one.source, "ordered_by": one.ordered_by, "begun_by": one.begun_by, "state": one.state,
        "asked_at": one.asked_at.isoformat(), "outcome": one.outcome, "failed_link": one.failed_link,
        "detail": one.detail, "links": proofs.plain(one.steps), "latency_s": proof.latency_s(one.steps),
    }  # fmt: skip
