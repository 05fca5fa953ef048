"""`cranewatch replay`: a profile over what was recorded, beside what really happened."""

import asyncio
import getpass
import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from runtime.command import Json, WithDatabase, named, refuse
from runtime.progress import stages
from telemetry import profiles
from telemetry.clock import to_ms
from telemetry.errors import ConfigError, StorageError
from telemetry.limit_profile import Profile
from telemetry.settings import DatabaseSettings
from telemetry.storage.profiles import ProfileStore

NICE: Final = 10  # an analyzer may be on this machine
Target = Annotated[str, typer.Argument(help="SITE, SITE/DEVICE or SITE/KIND/DEVICE.")]
Candidate = Annotated[
    str | None, typer.Option("--profile", help="The candidate: a file, a packaged profile, or NAME/VERSION.")
]


def replay(
    target: Target,
    begin: Annotated[str, typer.Option("--from", help="Time with its zone, as 2027-01-15T06:00+08:00; without: UTC.")],
    end: Annotated[str, typer.Option("--to", help="The same, or a length after --from: 90m, 12h, 7d.")],
    candidate: Candidate = None,
    truth: Annotated[
        Path | None, typer.Option(help="Labelled intervals (TOML) instead of what people answered.", exists=True)
    ] = None,
    accept: Annotated[
        str | None,
        typer.Option(metavar="WHY", help="Life-safety alarms may be missing, and why; kept with the result."),
    ] = None,
    keep: Annotated[bool, typer.Option(help="Keep the result with the profile; approval shows it.")] = True,
    who: Annotated[str | None, typer.Option("--who", help="Who runs it; the user of this machine.")] = None,
    jobs: Annotated[int, typer.Option(min=1, max=256, help="Devices at once, a process each.")] = os.cpu_count() or 1,
    page: Annotated[Path | None, typer.Option("--markdown", help="Write the result as a page, too.")] = None,
    as_json: Json = False,
) -> None:
    """回放: recorded readings under the profiles that held, and under a candidate; 1 when alarms would be missing."""
    from analytics.backtest import truth as labels
    from analytics.backtest.outcome import Range
    from runtime.backtest.device import Plan
    from runtime.backtest.report import markdown, show
    from runtime.backtest.run import Asked, run
    from runtime.record import target as parts

    settings: WithDatabase = named(WithDatabase)
    os.nice(NICE)
    try:
        first = instant(begin)
        last = until(end, first)
        if last <= first:
            refuse(f"--to {end} is not after --from {begin}")
        site, kind, device = parts(target)
        profile = read_candidate(candidate, settings.database) if candidate else None
        intervals = labels.read(truth.read_text(encoding="utf-8"), str(truth)) if truth else None
        asked = Asked(
            target, site, kind, device, Plan(Range(to_ms(first), to_ms(last)), profile, intervals), jobs
        )  # fmt: skip
        with stages(Console(stderr=True), {}) as progress:
            result = asyncio.run(run(settings.database, asked, progress))
        if accept and result["outcome"] == "missing":
            result["accepted"] = f"{who or getpass.getuser()}: {accept}"
        if profile is not None and keep and result["outcome"] != "empty":
            result["backtest"] = asyncio.run(_keep(settings.database, profile, who or getpass.getuser(), result))
        if page is not None:
            page.write_text(markdown(result), encoding="utf-8")
    except (ConfigError, StorageError, ValueError, OSError) as error:
        refuse(str(error), 2)
    if as_json:
        sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
    else:
        console = Console()
        show(result, console if console.is_terminal else Console(width=160))
        if "backtest" in result:
            Console(stderr=True).print(f"已存档 kept as back-test {result['backtest']}", highlight=False)
    raise typer.Exit(status(result))


def status(result: dict[str, Any]) -> int:
    """The exit status: 0 for good, and for what is missing and accepted."""
    return 0 if result["outcome"] == "good" or result.get("accepted") else 1


async def _keep(settings: DatabaseSettings, profile: Profile, who: str, result: dict[str, Any]) -> int:
    from telemetry.storage import backtests
    from telemetry.storage.pool import Database

    async with Database(settings, application="replay") as database:
        return await backtests.keep(database, kind="replay", profile_hash=profile.hash, run_by=who, result=result)


def read_candidate(what: str, settings: DatabaseSettings) -> Profile:
    """A file, a packaged profile, or NAME/VERSION. Raises ConfigError with file and line, StorageError."""
    from analytics.vocabulary import KNOWN

    name, _, version = what.partition("/")
    if what in profiles.names():
        return profiles.load(what)
    file = Path(what)
    with ProfileStore(settings) as store:
        if file.is_file():
            try:
                text = file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(f"{file}: {error}") from error
            return profiles.parse(text, str(file), bases=store.base, known=KNOWN)
        if not version.isdigit():
            raise ConfigError(f"{what}: no such file, and no packaged profile; there are {', '.join(profiles.names())}")
        return profiles.parse(store.one(name, int(version)).source, what, known=KNOWN)


def instant(text: str) -> datetime:
    """A time with its zone, UTC without one. Raises ValueError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no time like 2027-01-15T06:00+08:00") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def until(text: str, begin: datetime) -> datetime:
    """A time, or a length after another one: 90m, 12h, 7d. Raises ValueError."""
    length = span(text)
    return begin + length if length is not None else instant(text)


def span(text: str) -> timedelta | None:
    """A length: 45s, 90m, 12h, 7d; None when it is none."""
    units = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
    number, unit = text[:-1], text[-1:]
    return timedelta(seconds=int(number) * units[unit]) if number.isdigit() and unit in units else None
