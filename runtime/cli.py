"""The `cranewatch` command. It reads the environment; what it calls gets settings as arguments."""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from runtime import notify, profile, prooftest, site, user
from runtime.backtest import command as backtest
from runtime.backtest import shadow_command
from runtime.command import Json, WithDatabase, named, refuse
from runtime.doctor import known_settings
from runtime.export import export
from runtime.terminal import command as cab
from telemetry.clock import utc_now
from telemetry.errors import BrokerUnavailable, ConfigError, StorageError
from telemetry.settings import DatabaseSettings, Environment
from telemetry.tasks import stop_on_signals

app = typer.Typer(
    name="cranewatch",
    help="塔机与危大工程监测 · Telemetry and alarms for tower cranes and construction sites.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(profile.app)
app.add_typer(site.app)
app.add_typer(notify.app)
app.add_typer(prooftest.app)
app.add_typer(user.app)
app.add_typer(user.key_app)
app.add_typer(shadow_command.app)
app.command(
    epilog="Example: [bold]cranewatch replay demo --from 2027-01-15T06:00+08:00 --to 12h --profile acme.toml[/]"
)(backtest.replay)
app.command(epilog="Example: [bold]cranewatch export demo/crane-1 --from 2027-01-15 --to 7d --format parquet[/]")(
    export
)


class _Everything(Environment):
    """The settings of the doctor: a missing database is a finding, not an error."""

    database: DatabaseSettings | None = None


def _until_signal(work: Callable[[asyncio.Event], Coroutine[Any, Any, Any]]) -> Any:
    async def main() -> Any:
        stop = asyncio.Event()
        stop_on_signals(stop)
        return await work(stop)

    return asyncio.run(main())


@app.command(epilog="Example: [bold]cranewatch demo --for 60 --json[/]  or  [bold]cranewatch demo --tour operator[/]")
def demo(
    http_port: Annotated[int, typer.Option(min=1, max=65535, help="Console and API.")] = 8000,
    mqtt_port: Annotated[int, typer.Option(min=1, max=65535, help="Broker, MQTT 3.1.1 (mosquitto_pub).")] = 1883,
    mqtt5_port: Annotated[int, typer.Option(min=1, max=65535, help="Broker, MQTT 5 (our services).")] = 1884,
    ws_port: Annotated[int, typer.Option(min=1, max=65535, help="Broker, MQTT over WebSocket (terminals).")] = 1885,
    for_s: Annotated[float | None, typer.Option("--for", min=1, help="End after so many seconds.")] = None,
    scenario: Annotated[str, typer.Option(help="demo, normal-shift, overload, gust-front, …")] = "demo",
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of everything random.")] = None,
    speed: Annotated[float, typer.Option(min=0.1, max=1000, help="Simulated seconds a second; needs --for.")] = 1.0,
    folder: Annotated[Path | None, typer.Option(help="Keep database, journal and logs in this new folder.")] = None,
    tour: Annotated[str | None, typer.Option(help="A guided walk: operator, supervisor or engineer.")] = None,
    as_json: Json = False,
) -> None:
    """Broker, database, all services and a simulated site on this machine, until Ctrl-C."""
    from runtime.demo import Demo, DemoOptions, in_words
    from runtime.stack import say
    from runtime.tours import TOURS, guide

    if tour is not None and tour not in TOURS:
        refuse(f"no tour {tour!r}; there are: {', '.join(TOURS)}")
    if folder is not None and folder.exists() and any(folder.iterdir()):
        refuse(f"{folder} is not empty: name a new folder")
    if speed > 1 and for_s is None:
        refuse("--speed above 1 needs --for: else the devices' clocks would run into the future")
    options = DemoOptions(
        http_port=http_port, mqtt_port=mqtt_port, mqtt5_port=mqtt5_port, ws_port=ws_port, scenario=scenario,
        seed=seed, speed=speed, for_s=for_s, folder=folder,
    )  # fmt: skip
    visit = guide(tour) if tour else None
    if tour:
        options = DemoOptions(**{**vars(options), "scenario": "tour"})
    try:
        say("cranewatch demo")
        summary = _until_signal(lambda stop: Demo(options).run(stop, visit=visit))
    except (ConfigError, StorageError, RuntimeError, OSError) as error:
        refuse(f"the demo ended: {error}", 1)
    except ExceptionGroup as group:
        refuse(f"the demo ended: {group.exceptions[0]}", 1)
    if as_json:
        sys.stdout.write(json.dumps(summary, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(in_words(summary))
    if summary["frames_missing"]:
        raise typer.Exit(1)


@app.command(
    epilog="Example: [bold]cranewatch chaos --seed 7[/]  or  [bold]cranewatch chaos --faults kill --kills 200[/]"
)
def chaos(
    duration: Annotated[float, typer.Option(min=5, max=86_400, help="Seconds of producing frames.")] = 300.0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the plan and of the devices.")] = 1,
    rate: Annotated[float, typer.Option(min=50, max=20_000, help="Frames a second, all devices together.")] = 300.0,
    faults: Annotated[str, typer.Option(help="Names or groups with commas, -name for all but it; see --list.")] = "all",
    kills: Annotated[int | None, typer.Option(min=1, help="Only kill ingest and the analyzer, each so often.")] = None,
    outage: Annotated[float | None, typer.Option(min=1, help="Only stop the database, once, for so long.")] = None,
    folder: Annotated[Path | None, typer.Option(help="Keep journals and logs in this new folder.")] = None,
    show_list: Annotated[bool, typer.Option("--list", help="Print the faults and end.")] = False,
    as_json: Json = False,
) -> None:
    """A seeded campaign of faults against Mosquitto, TimescaleDB and the services; 1 when anything is lost."""
    from runtime.chaos.command import run
    from runtime.chaos.plan import Options, chosen
    from runtime.chaos.report import catalogue, show

    if show_list:
        Console().print(catalogue())
        return
    if folder is not None and folder.exists() and any(folder.iterdir()):
        refuse(f"{folder} is not empty: name a new folder")
    try:
        options = Options(
            duration_s=duration, seed=seed, rate=rate, faults=chosen(faults), kills=kills, outage_s=outage
        )
    except ValueError as error:
        refuse(str(error))
    try:
        report = _until_signal(lambda stop: run(options, folder, stop))
    except (RuntimeError, OSError, StorageError, BrokerUnavailable) as error:
        refuse(f"the campaign ended: {error}", 2)
    except ExceptionGroup as group:
        refuse(f"the campaign ended: {group.exceptions[0]}", 2)
    if as_json:
        sys.stdout.write(json.dumps(report.as_json(), ensure_ascii=False) + "\n")
    else:
        console = Console()
        show(report, console if console.is_terminal else Console(width=140))
    if not report.good:
        raise typer.Exit(1)


@app.command(epilog="Example: [bold]cranewatch score --seed 7[/]  or  [bold]cranewatch score --scenario snag --json[/]")
def score(
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 1,
    scenario: Annotated[list[str] | None, typer.Option(help="Only this labelled scenario; may be repeated.")] = None,
    show_list: Annotated[bool, typer.Option("--list", help="Print the scenarios and end.")] = False,
    plots: Annotated[Path | None, typer.Option(help="Draw the plots of docs/detection.md into this folder.")] = None,
    docs: Annotated[Path | None, typer.Option(help="Put the tables into this page.")] = None,
    as_json: Json = False,
) -> None:
    """评分: labelled scenarios, the alarm engine and three rivals on the same data; 1 when a target is missed."""
    from runtime.score.command import catalogue, run

    if show_list:
        Console().print(catalogue())
        return
    try:
        good = run(seed, scenario or [], plots=plots, docs=docs, as_json=as_json)
    except (ConfigError, OSError) as error:
        refuse(f"未评分 not scored: {error}")
    raise typer.Exit(0 if good else 1)


@app.command(epilog="Example: [bold]CRANEWATCH_DATABASE__URL=postgresql://… cranewatch ingest[/]")
def ingest() -> None:
    """The durable path: from the broker into the database."""
    from ingest.__main__ import main

    named(main)


@app.command(epilog="Example: [bold]CRANEWATCH_MQTT__HOST=broker cranewatch analyze[/]")
def analyze() -> None:
    """The alarm engine: from the broker back to the broker; needs no database."""
    from analytics.__main__ import main

    named(main)


@app.command(epilog="Example: [bold]CRANEWATCH_DATABASE__URL=postgresql://… cranewatch review[/]")
def review() -> None:
    """The review of late data: what is in the record that nobody was told of."""
    from analytics.review.__main__ import main

    named(main)


@app.command(epilog="Example: [bold]CRANEWATCH_HTTP__PORT=8000 cranewatch api[/]")
def api() -> None:
    """REST, live socket, console and the cab terminal's page."""
    from api.__main__ import main

    named(main)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    epilog="Example: [bold]cranewatch simulate --journal /tmp/j.sqlite --scenario overload --for 120[/]",
)
def simulate(context: typer.Context) -> None:
    """Simulated black boxes on any broker; `cranewatch simulate --help` lists its options."""
    from simulators.__main__ import main

    raise typer.Exit(main(context.args) or 0)


app.command(epilog="Example: [bold]cranewatch terminal demo crane-1[/]  or  [bold]cranewatch terminal demo --bay A[/]")(
    cab.terminal
)


@app.command(epilog="Example: [bold]CRANEWATCH_DATABASE__URL=postgresql://… cranewatch migrate[/]")
def migrate(as_json: Json = False) -> None:
    """Bring the database's schema to this version; safe to run at any time, by several at once."""
    from telemetry.storage.migrate import migrate as apply

    settings = named(WithDatabase)
    console = Console(stderr=True)
    try:
        edition, version, applied = apply(settings.database, progress=lambda name: console.print(f"applying {name}"))
    except (StorageError, ConfigError) as error:
        refuse(str(error), 1)
    if as_json:
        sys.stdout.write(json.dumps({"edition": edition, "version": version, "applied": applied}) + "\n")
    else:
        what = f"applied {len(applied)} migrations" if applied else "nothing to do"
        console.print(f"{version}, {edition} edition: {what}")


Overdue = Annotated[float, typer.Option("--overdue", min=1, help="Seconds after which what is missing is overdue.")]


@app.command(epilog="Example: [bold]cranewatch completeness demo/crane/crane-1 --day 2027-01-15[/]")
def completeness(
    name: Annotated[str, typer.Argument(help="SITE, SITE/DEVICE or SITE/KIND/DEVICE.")],
    day: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="In the site's zone; yesterday.")] = None,
    overdue: Overdue = 900.0,
    as_json: Json = False,
) -> None:
    """数据完整性: what became of every frame of a day: stored, missing, quarantined, lost, and why."""
    from runtime import record

    settings = named(WithDatabase)
    wanted = day.date() if day else utc_now().astimezone().date() - timedelta(days=1)
    try:
        found = asyncio.run(record.statements(settings.database, name, wanted, overdue))
    except (StorageError, ValueError, OverflowError) as error:
        refuse(str(error), 1)
    if not found:
        refuse(f"no such device or site: {name}", 1)
    if as_json:
        sys.stdout.write(json.dumps([record.statement_json(one) for one in found], ensure_ascii=False) + "\n")
    else:
        Console().print(record.statement_table(found))


@app.command(epilog="Example: [bold]cranewatch usage demo/crane-1[/]")
def usage(
    crane: Annotated[str, typer.Argument(help="SITE/CRANE.")],
    days: Annotated[int, typer.Option(min=1, max=400, help="How far back to count by day.")] = 31,
    operators: Annotated[bool, typer.Option("--operators", help="Count by operator's pseudonym, too.")] = False,
    as_json: Json = False,
) -> None:
    """使用情况: work cycles, load spectrum, classes U and Q, and the share of the design life that is used."""
    from runtime import usage as used
    from telemetry.clock import now_ms

    settings = named(WithDatabase)
    try:
        found = asyncio.run(used.account(settings.database, crane, now_ms(), days=days, operators=operators))
    except (StorageError, ValueError) as error:
        refuse(str(error), 1)
    if found is None:
        refuse(f"no such crane: {crane}", 1)
    if as_json:
        sys.stdout.write(json.dumps(used.usage_json(found), ensure_ascii=False) + "\n")
    else:
        Console().print(used.usage_table(found))


@app.command(
    "alarm-quality",
    epilog="Example: [bold]cranewatch alarm-quality demo[/]  or  [bold]cranewatch alarm-quality demo --from 2027-01-01"
    " --to 2027-02-01 --json[/]",
)
def alarm_quality(
    site: Annotated[str, typer.Argument(help="The site.")],
    begin: Annotated[datetime | None, typer.Option("--from", help="UTC; a day before the end.")] = None,
    end: Annotated[datetime | None, typer.Option("--to", help="UTC; now.")] = None,
    as_json: Json = False,
) -> None:
    """报警质量: lines at the desk, sound in the cabs, and how they are acknowledged, against ISA-18.2 and EEMUA 191."""
    from api.routes.quality import body
    from runtime import quality

    settings = named(WithDatabase)
    last = end.replace(tzinfo=UTC) if end else utc_now()
    first = begin.replace(tzinfo=UTC) if begin else last - timedelta(days=1)
    try:
        found = asyncio.run(quality.found(settings.database, site, first, last))
    except (StorageError, ValueError) as error:
        refuse(str(error), 1)
    if found is None:
        refuse(f"no such site, or it has no devices: {site}", 1)
    if as_json:
        sys.stdout.write(body(found).model_dump_json() + "\n")
    else:
        Console().print(*quality.tables(found), sep="\n")


@app.command(
    epilog="Example: [bold]cranewatch gaps[/]  or  [bold]cranewatch gaps demo/crane-1 --give-up 'box replaced'[/]"
)
def gaps(
    name: Annotated[str | None, typer.Argument(help="SITE, SITE/DEVICE or SITE/KIND/DEVICE; all devices.")] = None,
    overdue: Overdue = 900.0,
    give_up: Annotated[
        str | None, typer.Option(metavar="WHY", help="Declare lost all that is missing of this device now, and why.")
    ] = None,
    as_json: Json = False,
) -> None:
    """缺失: frames that are missing now, and since when; with a name also which."""
    from runtime import record

    settings = named(WithDatabase)
    try:
        if give_up is not None:
            frames = record.give_up(settings.database, name or "", give_up)
            Console(stderr=True).print(f"确认丢失 declared lost: {frames} frames of {name}", highlight=False)
        found, holes = asyncio.run(record.gaps(settings.database, name, overdue))
    except (StorageError, ConfigError, ValueError) as error:
        refuse(str(error), 1)
    if as_json:
        sys.stdout.write(json.dumps(record.gaps_json(found, holes), ensure_ascii=False) + "\n")
    elif not found:
        Console().print("没有缺失 nothing is missing")
    else:
        for table in record.gap_tables(found, holes):
            Console().print(table)


STAGES = {
    "pg_dump": "导出 dumping",
    "pg_restore": "恢复 restoring",
    "analyze": "统计 analysing",
    "checksums": "核对 reading and checking",
    "manifest": "读取备份 reading the backup",
}
Programs = Annotated[
    Path | None, typer.Option(help="Folder of pg_dump and pg_restore; else PATH and the usual places.")
]


@app.command(epilog="Example: [bold]cranewatch backup /backup/2027-01-15[/]")
def backup(
    folder: Annotated[Path, typer.Argument(help="A new folder: record.dump and manifest.json.")],
    programs: Programs = None,
    as_json: Json = False,
) -> None:
    """备份: a copy of the whole record, of one moment, while ingest goes on; with what `restore` checks it by."""
    from runtime.backup import backup as copy
    from runtime.progress import stages

    settings = named(WithDatabase)
    try:
        with stages(Console(stderr=True), STAGES) as progress:
            manifest = copy(settings.database, folder, named=programs, progress=progress)
    except (StorageError, ConfigError, OSError) as error:
        refuse(f"没有备份 no backup was made: {error}", 1)
    readings = sum(part.rows for name, part in manifest.tables.items() if name.startswith("reading_"))
    found = {
        "folder": str(folder), "bytes": manifest.dump_bytes, "edition": manifest.edition, "readings": readings,
        "rows": sum(part.rows for part in manifest.tables.values()), "made_at": manifest.made_at,
    }  # fmt: skip
    if as_json:
        sys.stdout.write(json.dumps(found) + "\n")
    else:
        Console(stderr=True).print(f"{folder}: {readings:,} readings, {manifest.dump_bytes / 1e6:,.1f} MB")


@app.command(epilog="Example: [bold]cranewatch restore /backup/2027-01-15 --replace[/]")
def restore(
    folder: Annotated[Path, typer.Argument(help="What `cranewatch backup` made.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Delete what is in the database: it is dropped and made anew.")
    ] = False,
    programs: Programs = None,
    as_json: Json = False,
) -> None:
    """恢复: a backup into an empty database, then row for row held against its manifest; 1 on any difference."""
    from runtime.backup import restore as bring_back
    from runtime.progress import stages

    settings = named(WithDatabase)
    try:
        with stages(Console(stderr=True), STAGES) as progress:
            done = bring_back(settings.database, folder, replace=replace, named=programs, progress=progress)
    except (StorageError, ConfigError, OSError) as error:
        refuse(f"恢复未完成 not restored: {error}", 1)
    if as_json:
        found = {"made_at": done.manifest.made_at, "differences": done.differences, "migrated": done.migrated}
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
    else:
        for words in done.differences[:40]:
            Console(stderr=True).print(words, style="bold red", markup=False, highlight=False)
        good = "完整一致 complete, nothing differs" if not done.differences else "不一致 NOT complete"
        rows = sum(part.rows for part in done.manifest.tables.values())
        Console(stderr=True).print(f"{good}: {rows:,} rows; {len(done.differences)} differences")
    raise typer.Exit(1 if done.differences else 0)


@app.command(epilog="Example: [bold]cranewatch doctor[/]")
def doctor(as_json: Json = False) -> None:
    """Check broker, database, clock and settings, and say what to do about each."""
    from runtime.doctor import Verdict, examine

    settings = named(_Everything)
    findings = asyncio.run(examine(settings.mqtt, settings.database, os.environ, known_settings()))
    findings += asyncio.run(notify.findings(settings.database)) if settings.database else []
    bad = any(finding.verdict is Verdict.BAD for finding in findings)
    if as_json:
        rows = [{"check": f.check, "verdict": f.verdict, "text": f.text, "advice": f.advice} for f in findings]
        sys.stdout.write(json.dumps(rows, ensure_ascii=False) + "\n")
    else:
        colours = {Verdict.GOOD: "green", Verdict.DOUBTFUL: "yellow", Verdict.BAD: "bold red"}
        table = Table("check", "verdict", Column("found", overflow="fold"), Column("what to do", overflow="fold"))
        for f in findings:
            table.add_row(f.check, f"[{colours[f.verdict]}]{f.verdict}[/]", f.text, f.advice)
        Console().print(table)
    raise typer.Exit(1 if bad else 0)


def main() -> None:
    """Entry point of the `cranewatch` command."""
    app()


if __name__ == "__main__":
    main()
