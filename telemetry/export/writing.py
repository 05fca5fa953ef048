"""
An exported file, in pieces: each call gives the bytes that are due, so that a file of any length needs little memory.

Rule 1: what is text in a CSV never begins as a formula does: a spreadsheet would calculate what a stranger wrote into a
device's name. Such a cell gets an apostrophe in front; Parquet and JSON have it as it is.
Rule 2: a file that was cut off can be told: with notes, CSV and JSON end with the number of rows; Parquet has a footer.
"""

import csv
import io
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

import msgspec

from telemetry.export.columns import Column, Sort
from telemetry.export.rows import Cells
from telemetry.export.wish import Form

FORMULA: Final = frozenset("=+-@\t\r\n＝＋－＠")
BOM: Final = b"\xef\xbb\xbf"

About = dict[str, Any]


class Writer(Protocol):
    """A file being written."""

    def begin(self) -> bytes:
        """What stands before the first row."""
        ...

    def add(self, rows: Sequence[Cells]) -> bytes:
        """What these rows come to, or a part of it."""
        ...

    def end(self) -> bytes:
        """The rest."""
        ...


def writer(form: Form, columns: Sequence[Column], zone: ZoneInfo, about: About, *, notes: bool, bom: bool) -> Writer:
    """A writer of that form. `about` says what the file is; times are shown in `zone`."""
    if form is Form.PARQUET:
        from telemetry.export.parquet import ParquetWriter  # half a second that nobody else should wait for

        return ParquetWriter(columns, zone, about)
    if form is Form.CSV:
        return CsvWriter(columns, zone, about if notes else None, bom=bom)
    return JsonWriter(columns, zone, about if notes else None)


def shown(ms: int, zone: ZoneInfo) -> str:
    """A moment with its offset, as ISO 8601; a year that no calendar has as its number."""
    try:
        return datetime.fromtimestamp(ms / 1000, zone).isoformat(timespec="milliseconds")
    except (OverflowError, ValueError, OSError):
        return str(ms)


class Clock:
    """`shown`, for times that follow each other closely: a second is worked out once."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._second: int | None = None
        self._parts = ("", "")

    def __call__(self, ms: int) -> str:
        """As `shown`."""
        second, rest = divmod(ms, 1000)
        if second != self._second:
            whole = shown(second * 1000, self._zone)
            if "T" not in whole:
                return str(ms)
            self._second, self._parts = second, (whole[:20], whole[23:])
        return f"{self._parts[0]}{rest:03d}{self._parts[1]}"


def harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in FORMULA else text


class CsvWriter:
    """RFC 4180, UTF-8; in front, if wanted, lines that begin with `#`."""

    def __init__(self, columns: Sequence[Column], zone: ZoneInfo, about: About | None, *, bom: bool) -> None:
        self._columns = columns
        self._zone = zone
        changes: dict[Sort, Callable[[Any], Any]] = {
            Sort.TEXT: lambda cell: harmless(str(cell)), Sort.TIME: Clock(zone), Sort.FLAG: lambda f: str(f).lower(),
        }  # fmt: skip
        # Numbers are as they are; the rest is changed by column.
        self._changes = [(k, changes[one.sort]) for k, one in enumerate(columns) if one.sort in changes]
        self._about = about
        self._bom = bom
        self._text = io.StringIO(newline="")
        self._csv = csv.writer(self._text)
        self._rows = 0

    def begin(self) -> bytes:
        """Notes and names."""
        for name, value in (self._about or {}).items():
            said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=("; ", ": "))
            self._text.write(f"# {name}: {' '.join(said.split())}\r\n")
        self._csv.writerow([column.name for column in self._columns])
        return (BOM if self._bom else b"") + self._taken()

    def add(self, rows: Sequence[Cells]) -> bytes:
        """Lines."""
        made = [list(row) for row in rows]
        for row in made:
            for place, change in self._changes:
                if row[place] is not None:
                    row[place] = change(row[place])
        self._csv.writerows(made)
        self._rows += len(rows)
        return self._taken()

    def end(self) -> bytes:
        """With notes: how many there were."""
        if self._about is not None:
            self._text.write(f"# end: {self._rows} rows\r\n")
        return self._taken()

    def _taken(self) -> bytes:
        made = self._text.getvalue().encode()
        self._text.seek(0)
        self._text.truncate()
        return made


class JsonWriter:
    """An object a line: `{"about": …}` first, then the rows, then `{"end": {"rows": n}}`."""

    def __init__(self, columns: Sequence[Column], zone: ZoneInfo, about: About | None) -> None:
        self._names = [column.name for column in columns]
        self._times = [k for k, column in enumerate(columns) if column.sort is Sort.TIME]
        self._clock = Clock(zone)
        self._about = about
        self._rows = 0

    def begin(self) -> bytes:
        """What it is about."""
        return b"" if self._about is None else _line({"about": self._about})

    def add(self, rows: Sequence[Cells]) -> bytes:
        """A line a row; what is not known is null."""
        self._rows += len(rows)
        return b"".join(_line(self._named(row)) for row in rows)

    def end(self) -> bytes:
        """With notes: how many there were."""
        return b"" if self._about is None else _line({"end": {"rows": self._rows}})

    def _named(self, row: Cells) -> dict[str, Any]:
        cells = list(row)
        for k in self._times:
            if cells[k] is not None:
                cells[k] = self._clock(cells[k])
        return dict(zip(self._names, cells, strict=True))


def _line(value: Any) -> bytes:
    return msgspec.json.encode(value) + b"\n"
