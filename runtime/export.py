"""`cranewatch export`: the record as a file, by the same code as the API's, without a limit but the disk's."""

import asyncio
import getpass
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Final

import typer
from rich.console import Console

from api.buckets import Bucket
from runtime.command import Json, WithDatabase, named, refuse
from runtime.progress import stages
from telemetry.errors import ConfigError, StorageError
from telemetry.export.wish import Form, Subject, Wish
from telemetry.settings import DatabaseSettings

if TYPE_CHECKING:
    from telemetry.storage.export_plan import Plan
    from telemetry.storage.exporting import Export

WORDS: Final = {"export": "导出 export"}
_OF: Final = 1000  # a bar of thousandths


def export(
    name: Annotated[str, typer.Argument(metavar="TARGET", help="SITE, SITE/DEVICE or SITE/KIND/DEVICE.")],
    begin: Annotated[str, typer.Option("--from", help="Time with its zone, as 2027-01-15T06:00+08:00; without: UTC.")],
    end: Annotated[str, typer.Option("--to", help="The same, or a length after --from: 90m, 12h, 7d.")],
    what: Annotated[Subject, typer.Option(help="Rows: readings, alarms (transitions), episodes or cycles.")] = (
        Subject.READINGS
    ),
    form: Annotated[Form, typer.Option("--format", help="json is an object a line.")] = Form.CSV,
    kind: Annotated[str | None, typer.Option(help="Of devices, where a site has several kinds.")] = None,
    bucket: Annotated[Bucket, typer.Option(help="Of readings: as they came, or mean, least and greatest.")] = (
        Bucket.RAW
    ),
    channels: Annotated[str | None, typer.Option(help="With commas; without: all.")] = None,
    notes: Annotated[bool, typer.Option(help="What the file is about, in the file.")] = True,
    bom: Annotated[bool, typer.Option(help="CSV: a mark for Excel.")] = False,
    out: Annotated[Path | None, typer.Option(help="A new file; without: named after what is in it; - is stdout.")] = (
        None
    ),
    as_json: Json = False,
) -> None:
    """导出: readings, alarms or work cycles of a site or device as CSV, Parquet or JSON."""
    from runtime.backtest.command import instant, until
    from runtime.record import target

    settings: WithDatabase = named(WithDatabase)
    if as_json and out == Path("-"):
        refuse("--json and --out - both want stdout")
    try:
        site, kind_named, device = target(name)
        first = instant(begin)
        wish = Wish(
            what=what, form=form, site=site, begin=first, end=until(end, first), kind=kind_named or kind,
            device=device, notes=notes, bom=bom,
            width_s=int(bucket.width.total_seconds()) if what is Subject.READINGS else 0,
            channels=[one.strip() for one in channels.split(",")] if channels else None,
        )  # fmt: skip
        path = Path(wish.file_name) if out is None else out
        rows, length = _made(settings.database, wish, path)
    except (StorageError, ConfigError, ValueError, OSError) as error:
        refuse(f"没有导出 not exported: {error}", 1)
    if as_json:
        sys.stdout.write(json.dumps({"file": str(path), "rows": rows, "bytes": length}) + "\n")
    else:
        Console(stderr=True).print(f"{path}: {rows:,} rows, {length / 1e6:,.1f} MB", highlight=False)


def _made(settings: DatabaseSettings, wish: Wish, path: Path) -> tuple[int, int]:
    """Rows and bytes written. A file that was not finished does not stay."""
    from telemetry.storage.exporting import Export

    found = asyncio.run(_planned(settings, wish))
    if path == Path("-"):
        return _written(Export(settings, found), sys.stdout.buffer)
    try:
        with path.open("xb") as out:
            done = _written(Export(settings, found), out)
    except FileExistsError:
        raise
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise
    return done


async def _planned(settings: DatabaseSettings, wish: Wish) -> "Plan":
    from telemetry.clock import utc_now
    from telemetry.storage import audit
    from telemetry.storage.audit import Actor, Deed
    from telemetry.storage.export_plan import plan
    from telemetry.storage.pool import Database

    async with Database(settings, application="export") as database:
        found = await plan(database, wish, utc_now())
        actor = Actor(f"cli:{getpass.getuser()}", None, "cli")
        await audit.note(database, Deed(actor, "export.read", wish.file_name, wish.site, after=wish.told()))
    return found


def _written(made: "Export", out: BinaryIO) -> tuple[int, int]:
    rows = length = 0
    try:
        with stages(Console(stderr=True), WORDS) as progress:
            while (piece := made.step()) is not None:
                out.write(piece.data)
                rows, length = piece.rows, length + len(piece.data)
                progress("export", round(_OF * piece.fraction), _OF)
    finally:
        made.close()
    out.flush()
    return rows, length
