"""`cranewatch profile`: check, compare, propose, approve and publish limit profiles."""

import asyncio
import getpass
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from runtime.command import Json, WithDatabase, named, refuse, shell_actor
from telemetry import profiles
from telemetry.clock import now_ms
from telemetry.errors import ConfigError, StorageError
from telemetry.limit_profile import Profile
from telemetry.profile_check import Known
from telemetry.profile_diff import Difference, differences, shown, source
from telemetry.storage.audit import Actor
from telemetry.storage.profiles import ProfileStore, Stored

app = typer.Typer(
    name="profile",
    help="限值配置 · Limit profiles: versioned, approved by a second person, published to a site.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Who = Annotated[str, typer.Option("--who", help="Who does it, by name.")]
Name = Annotated[str, typer.Argument(help="Name of a profile in the record.")]
Version = Annotated[int, typer.Argument(help="Its version.", min=1)]


@app.command(epilog="Example: [bold]cranewatch profile check acme.toml[/]")
def check(files: Annotated[list[Path], typer.Argument(help="Profiles (TOML).", exists=True, dir_okay=False)]) -> None:
    """检查: say what is wrong with profiles, with file, line and key; 1 when anything is. Needs no database."""
    bad = False
    for file in files:
        try:
            found = _read(file)
            sys.stdout.write(f"{file}: 正确 good: {found.label}, {_effective(found.effective)}\n")
        except ConfigError as error:
            bad = True
            _say(f"{error}")
    raise typer.Exit(1 if bad else 0)


@app.command("list", epilog="Example: [bold]cranewatch profile list[/]")
def list_(as_json: Json = False) -> None:
    """列出: every version in the record, who proposed and who approved it, and where it is published."""
    with _store() as store:
        rows, publications = store.all(), store.publications()
    at = {}
    for one in reversed(publications):
        at[one.site] = one.profile.label
    sites = {row.label: [site for site, label in sorted(at.items()) if label == row.label] for row in rows}
    if as_json:
        found = [{**_json(row), "sites": sites[row.label]} for row in rows]
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
        return
    table = Table("profile", "生效 effective", "提议 proposed by", "批准 approved by", "工地 sites")
    for row in rows:
        approved = "随程序 packaged" if row.packaged else row.approved_by or "未批准 not approved"
        table.add_row(row.label, _effective(row.effective_ms), row.proposed_by, approved, ", ".join(sites[row.label]))
    Console().print(table)


@app.command(epilog="Example: [bold]cranewatch profile diff cn acme.toml[/]  or  [bold]... diff acme/3 acme/4[/]")
def diff(
    old: Annotated[str, typer.Argument(help="A file, a packaged profile, or NAME/VERSION of the record.")],
    new: Annotated[str, typer.Argument(help="The same.")],
    as_json: Json = False,
) -> None:
    """比较: old and new values with their sources; every loosened life-safety limit is called that; 1 if any is."""
    try:
        found = differences(_either(old), _either(new))
    except (ConfigError, StorageError) as error:
        refuse(str(error), 1)
    if as_json:
        rows = [
            {
                "path": ".".join(one.path), "old": shown(one.old), "new": shown(one.new), "old_source": source(one.old),
                "new_source": source(one.new), "verdict": one.verdict, "life_safety": one.life_safety,
            }
            for one in found
        ]  # fmt: skip
        sys.stdout.write(json.dumps(rows, ensure_ascii=False) + "\n")
    else:
        _show(found, Console())
    raise typer.Exit(1 if any(one.alarming for one in found) else 0)


@app.command(epilog="Example: [bold]cranewatch profile propose acme.toml --who 'Li Wei'[/]")
def propose(
    file: Annotated[Path, typer.Argument(help="A profile (TOML).", exists=True, dir_okay=False)], who: Who
) -> None:
    """提议: write a new version down; it holds nowhere until another person has approved it."""
    with _store() as store:
        found = store.propose(_text(file), str(file), who, _known(), _by(who))
        _compare(store, found)
    _done(f"已提议 proposed: {found.label}, {found.proposed_by}")


@app.command(epilog="Example: [bold]cranewatch profile approve acme 3 --who 'Wang Fang' --why 'after the storm'[/]")
def approve(
    name: Name,
    version: Version,
    who: Who,
    why: Annotated[str | None, typer.Option(help="Why, for the record.")] = None,
) -> None:
    """批准: the second person lets a version pass, after seeing what it changes; it never changes after that."""
    with _store() as store:
        _compare(store, store.one(name, version))
        _tried(store.one(name, version))
        found = store.approve(name, version, who, why, _known(), _by(who))
    _done(f"已批准 approved: {found.label}, {found.approved_by}")


@app.command(epilog="Example: [bold]cranewatch profile publish demo acme 3[/]")
def publish(
    site: Annotated[str, typer.Argument(help="Site id.")],
    name: Name,
    version: Version,
    who: Annotated[str | None, typer.Option("--who", help="Who publishes it; the user of this machine.")] = None,
) -> None:
    """发布: an approved version holds at a site from its effective time; the api brings it to the broker."""
    with _store() as store:
        by = _by(who or getpass.getuser())
        sent = store.publish(site, name, version, by.who, now_ms(), by)
    _done(f"已发布 published: {name}/{version}@{sent.hash[:12]} → {site}, {_effective(sent.effective)}")


# What they have in common


@contextmanager
def _store() -> Iterator[ProfileStore]:
    settings: WithDatabase = named(WithDatabase)
    try:
        with ProfileStore(settings.database) as store:
            yield store
    except (ConfigError, StorageError) as error:
        refuse(str(error), 1)


def _by(who: str) -> Actor:
    return replace(shell_actor(), who=who)


def _known() -> Known:
    # The engine's modules are not needed for anything else here, and take a while.
    from analytics.vocabulary import KNOWN

    return KNOWN


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: {error}") from error


def _read(file: Path) -> Profile:
    return profiles.parse(_text(file), str(file), known=_known())


def _either(what: str) -> Profile:
    """A file, a packaged profile, or NAME/VERSION of the record. Raises ConfigError, StorageError."""
    name, _, version = what.partition("/")
    if what in profiles.names():
        return profiles.load(what)
    if Path(what).is_file():
        return _read(Path(what))
    if not version.isdigit():
        raise ConfigError(f"{what}: no such file, and no packaged profile; there are {', '.join(profiles.names())}")
    with ProfileStore(named(WithDatabase).database) as store:
        return profiles.parse(store.one(name, int(version)).source, what)


def _compare(store: ProfileStore, found: Stored) -> None:
    """Show what a version changes against the one that was approved before it, or what it builds on."""
    old, new = store.before(found), profiles.parse(found.source, found.label)
    changed = differences(old, new)
    console = Console(stderr=True)
    console.print(f"{old.label} → {new.label}", highlight=False)
    _show(changed, console)
    loose = sum(one.alarming for one in changed)
    if loose:
        _say(f"放宽了 {loose} 项涉及生命安全的限值 LOOSENS {loose} LIFE-SAFETY LIMITS")


def _tried(found: Stored) -> None:
    """Show which back-tests and shadow runs there are of this very text, and what came of them."""
    from runtime.backtest.report import tried

    settings: WithDatabase = named(WithDatabase)
    Console(stderr=True).print(
        "\n".join(asyncio.run(tried(settings.database, found.hash))), markup=False, soft_wrap=True, highlight=False
    )


def _show(found: list[Difference], console: Console) -> None:
    if not found:
        console.print("没有差异 nothing differs")
    for one in found:
        style = "bold red" if one.alarming else None
        line = f"{'.'.join(one.path)}: {shown(one.old)} → {shown(one.new)}  {' '.join(one.words())}"
        console.print(line, style=style, markup=False, soft_wrap=True, highlight=False)
        for word, text in (("旧 old", source(one.old)), ("新 new", source(one.new))):
            if text:
                console.print(f"    {word}: {text}", style="dim", markup=False, soft_wrap=True, highlight=False)


def _json(row: Stored) -> dict[str, Any]:
    return {
        "name": row.name, "version": row.version, "hash": row.hash, "label": row.label, "packaged": row.packaged,
        "effective": _moment(row.effective_ms), "proposed_by": row.proposed_by, "approved_by": row.approved_by,
        "why": row.why,
    }  # fmt: skip


def _moment(ms: int) -> str | None:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat() if ms else None


def _effective(ms: int) -> str:
    return f"生效 from {_moment(ms)}" if ms else "发布即生效 at once"


def _say(text: str) -> None:
    Console(stderr=True).print(text, style="bold red", markup=False, soft_wrap=True, highlight=False)


def _done(text: str) -> None:
    Console(stderr=True).print(text, markup=False, soft_wrap=True, highlight=False)
