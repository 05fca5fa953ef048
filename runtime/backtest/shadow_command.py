"""`cranewatch shadow`: run a candidate beside what holds, see what it has found, end it."""

import asyncio
import getpass
import json
import logging
import os
import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from runtime.backtest.command import NICE, Candidate, read_candidate, span, status, until
from runtime.backtest.report import moment, show
from runtime.command import Json, WithDatabase, named, refuse
from telemetry.clock import now_ms, to_ms
from telemetry.errors import ConfigError, StorageError
from telemetry.model import Severity
from telemetry.settings import DatabaseSettings
from telemetry.storage.shadows import Run, ShadowAlarm, Shadowed
from telemetry.tasks import stop_on_signals

app = typer.Typer(
    name="shadow",
    help="影子运行 · Shadow mode: a candidate profile beside the one that holds, live and heard by nobody.",
    invoke_without_command=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: [bold]cranewatch shadow --site demo --profile acme.toml --for 7d[/]",
)
Number = Annotated[int | None, typer.Argument(help="Number of a run; the newest.", min=1)]


@app.callback()
def shadow(
    context: typer.Context,
    site: Annotated[str | None, typer.Option(help="Site id.")] = None,
    candidate: Candidate = None,
    for_: Annotated[str | None, typer.Option("--for", help="How long: 90m, 12h, 7d.")] = None,
    until_: Annotated[str | None, typer.Option("--until", help="Until when, as 2027-01-22T06:00+08:00.")] = None,
    who: Annotated[str | None, typer.Option("--who", help="Who runs it; the user of this machine.")] = None,
    as_json: Json = False,
) -> None:
    """Follow a site until the end of the run or Ctrl-C; the same command goes on with a run that was left."""
    if context.invoked_subcommand is not None:
        return
    if site is None or candidate is None or (for_ is None) == (until_ is None):
        refuse("wanted: --site, --profile, and --for or --until")
    settings: WithDatabase = named(WithDatabase)
    os.nice(NICE)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    try:
        if for_ is not None and span(for_) is None:
            refuse(f"--for {for_!r} is no length like 90m, 12h or 7d")
        end = to_ms(until(for_ or until_ or "", datetime.now(UTC)))
        if end <= now_ms():
            refuse(f"--until {until_} is over")
        profile = read_candidate(candidate, settings.database)
        run, number = asyncio.run(_follow(settings.database, site, profile, who or getpass.getuser(), end))
        result = asyncio.run(_report(settings.database, run))
    except (ConfigError, StorageError, ValueError, OSError) as error:
        refuse(str(error), 2)
    if number is None:
        _say(f"影子运行 {run.run_id} 未结束 shadow run {run.run_id} is open: the same command goes on with it")
    _show(result, as_json=as_json)
    raise typer.Exit(status(result) if number is not None else 0)


@app.command(epilog="Example: [bold]cranewatch shadow report[/]  or  [bold]cranewatch shadow report 3 --json[/]")
def report(number: Number = None, as_json: Json = False) -> None:
    """报告: what a run has found until now, as a back-test shows it."""
    settings: WithDatabase = named(WithDatabase)
    try:
        run = asyncio.run(_find(settings.database, number))
        result = asyncio.run(_report(settings.database, run))
    except (StorageError, ValueError) as error:
        refuse(str(error), 1)
    _show(result, as_json=as_json)
    raise typer.Exit(status(result))


@app.command("list", epilog="Example: [bold]cranewatch shadow list[/]")
def list_(as_json: Json = False) -> None:
    """列出: every run, whose it is and how far it has come."""
    settings: WithDatabase = named(WithDatabase)
    try:
        found = asyncio.run(_runs(settings.database))
    except StorageError as error:
        refuse(str(error), 1)
    if as_json:
        sys.stdout.write(json.dumps([_json(run) for run in found], ensure_ascii=False) + "\n")
        return
    table = Table("影子运行 shadow", "工地 site", "profile", "人 who", "起 from", "止 to", "最近 looked", "状态 state")
    for run in found:
        state = "已结束 ended" if run.ended_at else "进行中 open"
        table.add_row(
            str(run.run_id), run.site, run.profile, run.run_by, moment(run.begun_ms), moment(run.until_ms),
            moment(to_ms(run.looked_at)), state,
        )  # fmt: skip
    Console().print(table)


@app.command(epilog="Example: [bold]cranewatch shadow stop 3[/]")
def stop(number: Annotated[int, typer.Argument(help="Number of a run.", min=1)]) -> None:
    """结束: end an open run now, without a result; what it found stays readable."""
    settings: WithDatabase = named(WithDatabase)
    try:
        asyncio.run(_stop(settings.database, number))
    except (StorageError, ValueError) as error:
        refuse(str(error), 1)
    _say(f"影子运行 {number} 已结束 shadow run {number} has ended")


async def _follow(settings: DatabaseSettings, site: str, profile: Any, who: str, end: int) -> tuple[Run, int | None]:
    from runtime.backtest.shadow import Shadow
    from telemetry.storage import shadows
    from telemetry.storage.pool import Database

    async with Database(settings, application="shadow") as database:
        run = await shadows.begin(database, site, profile, who, now_ms(), end)
    _say(
        f"影子运行 SHADOW {run.run_id}: {run.site} · {run.profile}, {moment(run.begun_ms)} –"
        f" {moment(run.until_ms)} UTC."
        " 不报警，无人听到 nothing of it is annunciated"
    )
    stop = asyncio.Event()
    stop_on_signals(stop)
    return run, await Shadow(settings, run, _told).go_on(stop)


def _told(device: Shadowed, alarm: ShadowAlarm) -> None:
    side = {"then": "现行 holds", "now": "候选 candidate"}[alarm.side]
    ended = f" – {moment(alarm.until_ms)}" if alarm.until_ms else ""
    _say(
        f"影子 SHADOW {side}: {device.site}/{device.device} {alarm.rule} {Severity(alarm.severity).name.lower()}"
        f" {moment(alarm.at_ms)}{ended}"
    )


async def _report(settings: DatabaseSettings, run: Run) -> dict[str, Any]:
    from runtime.backtest import shadow as shell
    from telemetry.storage.pool import Database

    async with Database(settings, application="shadow") as database:
        return await shell.report(database, run)


async def _runs(settings: DatabaseSettings) -> list[Run]:
    from telemetry.storage import shadows
    from telemetry.storage.pool import Database

    async with Database(settings, application="shadow") as database:
        return await shadows.runs(database)


async def _find(settings: DatabaseSettings, number: int | None) -> Run:
    found = [run for run in await _runs(settings) if number in (None, run.run_id)]
    if not found:
        raise ValueError("没有影子运行 there is no such shadow run")
    return found[0]


async def _stop(settings: DatabaseSettings, number: int) -> None:
    from telemetry.storage import shadows
    from telemetry.storage.pool import Database

    async with Database(settings, application="shadow") as database:
        if await shadows.one(database, number) is None:
            raise ValueError(f"没有影子运行 there is no shadow run {number}")
        await shadows.end(database, number, None)


def _json(run: Run) -> dict[str, Any]:
    return {
        "id": run.run_id, "site": run.site, "profile": run.profile, "profile_hash": run.profile_hash, "who": run.run_by,
        "from": run.begun_ms, "to": run.until_ms, "looked_at": to_ms(run.looked_at),
        "ended_at": to_ms(run.ended_at) if run.ended_at else None, "backtest": run.backtest_id,
    }  # fmt: skip


def _show(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
        return
    console = Console()
    show(result, console if console.is_terminal else Console(width=160))


def _say(text: str) -> None:
    Console(stderr=True).print(text, markup=False, soft_wrap=True, highlight=False)
