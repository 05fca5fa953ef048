"""`cranewatch site`: site files checked, compared, imported, exported, and a first one to begin with."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from typer.core import TyperGroup

from runtime.command import Json, WithDatabase, named, refuse, shell_actor
from telemetry.clock import utc_now
from telemetry.errors import ConfigError, StorageError
from telemetry.sitefile import check as checks
from telemetry.sitefile import newcomer
from telemetry.sitefile.change import Change
from telemetry.sitefile.finding import Finding, errors, warnings
from telemetry.sitefile.words import File
from telemetry.storage import sitefile
from telemetry.storage.pool import Database
from telemetry.storage.sitefile import Contradicted, Imported
from telemetry.toml_places import Places

T = TypeVar("T")


class _OfBefore(TyperGroup):
    """`cranewatch site FILE`, as it was before there were words, is an import."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # of a module that typer keeps to itself
        """The command that is meant."""
        if args and args[0] not in self.commands and (args[0].endswith(".toml") or Path(args[0]).is_file()):
            args = ["import", *args]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="site",
    cls=_OfBefore,
    help="工地文件 · Site files: cranes, charts, limits, sensors, people and ladders as one text.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: [bold]cranewatch site new > site.toml[/], then [bold]cranewatch site import site.toml[/]",
)

SiteFile = Annotated[Path, typer.Argument(help="A site file (TOML).", exists=True, dir_okay=False)]


@app.command(epilog="Example: [bold]cranewatch site check site.toml[/]")
def check(files: Annotated[list[Path], typer.Argument(help="Site files (TOML).", exists=True, dir_okay=False)],
          as_json: Json = False) -> None:  # fmt: skip
    """检查: say all that is wrong with site files, with line and key; 1 when anything is. Needs no database."""
    bad, told = False, []
    for path in files:
        file, found = _checked(path)
        bad = bad or file is None
        told.append({"file": str(path), "good": file is not None, "found": [_finding(one) for one in found]})
        if not as_json:
            _tell(path, found)
            if file is not None:
                posts = sum(len(bay.posts) or bay.count or 0 for bay in file.bays)
                sys.stdout.write(
                    f"{path}: 正确 good: {file.site.id}, {len(file.cranes)} 塔机 cranes, {posts} 立杆 posts\n"
                )
    if as_json:
        sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
    raise typer.Exit(1 if bad else 0)


@app.command("import", epilog="Example: [bold]cranewatch site import site.toml --dry-run[/]")
def import_(
    path: SiteFile,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do also what is dangerous, without being asked.")] = False,
    who: Annotated[
        str | None,
        typer.Option("--who", help="Login of who does it, for the audit log; else the user of this machine."),
    ] = None,
    as_json: Json = False,
) -> None:
    """
    导入: bring a site file into the database, everything or nothing, after showing what it changes.

    What loosens a life-safety limit, or takes a device out of monitoring, has to be confirmed. The api publishes what
    changed.
    """
    file = _good(path)
    seen = _put(path, file, dry=True)
    if not as_json:
        _show(seen.changes, file.site.id, new=seen.new)
    if dry_run or not seen.changes:
        _done(seen, as_json)
        return
    confirmed: str | bool = yes
    if seen.word and not yes:
        if not sys.stdin.isatty():
            refuse(
                "未导入：上面标出的危险更改要用 --yes 确认 not imported: confirm them with --yes",
                1,
            )
        if not typer.confirm("确认以上危险更改 really do what is dangerous above?", err=True):
            refuse("未导入 not imported", 1)
        confirmed = seen.word
    _done(_put(path, file, confirmed=confirmed, who=who), as_json)


@app.command("diff", epilog="Example: [bold]cranewatch site diff site.toml[/]")
def diff(path: SiteFile, as_json: Json = False) -> None:
    """比较: what an import of this file would change; 1 when any of it is dangerous."""
    file = _good(path)
    found = _put(path, file, dry=True)
    if as_json:
        _done(found, as_json)
    else:
        _show(found.changes, file.site.id, new=found.new)
    raise typer.Exit(1 if found.word else 0)


@app.command(epilog="Example: [bold]cranewatch site export demo -o demo.toml[/]")
def export(
    site: Annotated[str, typer.Argument(help="Site id.")],
    out: Annotated[Path | None, typer.Option("-o", "--output", help="Write it here; else to stdout.")] = None,
    with_secrets: Annotated[
        bool, typer.Option("--with-secrets", help="Write the addresses of channels whole; the file is a secret then.")
    ] = False,
) -> None:
    """导出: what a site is configured with, as a file whose import changes nothing; addresses are masked."""
    found = _run(lambda database: sitefile.held(database, site, utc_now()))
    if found is None:
        refuse(f"没有这个工地 no such site: {site}", 1)
    text = found.written(secrets=with_secrets)
    if out is None:
        sys.stdout.write(text)
        return
    try:
        _write(out, text)
    except OSError as error:
        refuse(f"{out}: {error}", 1)
    Console(stderr=True).print(f"{out}: {site}", markup=False, highlight=False)


@app.command(epilog="Example: [bold]cranewatch site new > site.toml[/]")
def new(site: Annotated[str, typer.Argument(help="Its id.")] = newcomer.SITE) -> None:
    """新建: a first site file on stdout, commented, that passes `check`."""
    text = newcomer.text(site)
    file, found = checks.checked(text)
    if file is None:
        refuse("\n".join(one.text("site") for one in errors(found)), 1)
    sys.stdout.write(text)


# What they have in common


def _checked(path: Path, *, recorded: bool = False) -> tuple[File | None, list[Finding]]:
    """`recorded`: against the limit profile that the record says holds at the site."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        refuse(f"{path}: {error}", 1)
    readable = None
    if "url" in text:
        # apprise takes a second to load; a file without addresses does not need it.
        from api.notify import sending

        sending.prepare()
        readable = sending.known
    now = utc_now()
    site = checks.site_of(text) if recorded else None
    published = _run(lambda database: sitefile.published(database, site, now)) if site is not None else None
    return checks.checked(text, today=now.astimezone().date(), readable=readable, published=published)


def _good(path: Path) -> File:
    """The file; ends the command when anything is wrong with it."""
    file, found = _checked(path, recorded=True)
    _tell(path, found)
    if file is None:
        raise typer.Exit(1)
    return file


def _tell(path: Path, found: Iterable[Finding]) -> None:
    found = list(found)
    for one, style in [*((one, None) for one in warnings(found)), *((one, "bold red") for one in errors(found))]:
        Console(stderr=True).print(one.text(str(path)), style=style, markup=False, soft_wrap=True, highlight=False)


def _finding(one: Finding) -> dict[str, Any]:
    return {"line": one.line, "path": one.path, "zh": one.zh, "en": one.en, "wrong": one.wrong}


def _put(
    path: Path, file: File, *, dry: bool = False, confirmed: str | bool = False, who: str | None = None
) -> Imported:
    actor = shell_actor()
    actor = replace(actor, who=who) if who is not None else actor
    try:
        return _run(lambda database: sitefile.put(database, file, actor, utc_now(), dry=dry, confirmed=confirmed))
    except Contradicted as error:
        places = Places(path.read_text(encoding="utf-8"))
        lines = [Finding(places.at(one.path), ".".join(map(str, one.path)), one.zh, one.en) for one in error.found]
        _tell(path, lines)
        raise typer.Exit(1) from error


def _run(call: Callable[[Database], Awaitable[T]]) -> T:
    settings = named(WithDatabase)

    async def within() -> T:
        async with Database(settings.database, application="site") as database:
            return await call(database)

    try:
        return asyncio.run(within())
    except Contradicted:
        raise
    except (StorageError, ConfigError) as error:
        refuse(str(error), 1)


def _show(found: list[Change], site: str, *, new: bool) -> None:
    console = Console(stderr=True)
    if not found:
        console.print(f"{site}: 没有差异 nothing differs", markup=False, highlight=False)
    if new:
        console.print(f"{site}: 新工地 a new site", markup=False, highlight=False)
    for one in found:
        style = "bold red" if one.dangerous else None
        line = f"{one.what}: {one.old or '-'} → {one.new or '-'}  {' '.join(one.words())}"
        console.print(line, style=style, markup=False, soft_wrap=True, highlight=False)


def _done(found: Imported, as_json: bool) -> None:
    if as_json:
        rows = [
            {"what": one.what, "old": one.old, "new": one.new, "verdict": one.verdict, "dangerous": one.dangerous}
            for one in found.changes
        ]
        told = {"applied": found.applied, "new": found.new, "confirm": found.word, "tag": found.tag, "changes": rows}
        sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
    elif found.applied:
        words = f"已导入 imported: {len(found.changes)} 项更改 changes"
        Console(stderr=True).print(words, markup=False, highlight=False)


def _write(path: Path, text: str) -> None:
    """All of it or nothing, and for nobody but its owner: there may be secrets in it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
