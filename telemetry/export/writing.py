"""
An exported file, in pieces: each call gives the bytes that are due, so that a file of any length needs little memory.

Rule 1: what is text in a CSV never begins as a formula does: a spreadsheet would calculate what a stranger wrote into a
device's name. Such a cell gets an apostrophe in front; Parquet and JSON have it as it is.
Rule 2: a file that was cut off can be told: with notes, CSV and JSON end with the number of rows; Parquet has a footer.
"""

import csv
import io
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

from telemetry.export.columns import Column, Sort
from telemetry.export.rows import Cells
from telemetry.export.wish import Form

FORMULA: Final = frozenset("=+-@\t\r\n＝＋－＠")
GROUP_ROWS: Final = 50_000  # of a Parquet file's row group
BOM: Final = b"\xef\xbb\xbf"
KEY: Final = b"cranewatch"

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


def harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in FORMULA else text


class CsvWriter:
    """RFC 4180, UTF-8; in front, if wanted, lines that begin with `#`."""

    def __init__(self, columns: Sequence[Column], zone: ZoneInfo, about: About | None, *, bom: bool) -> None:
        self._columns = columns
        self._zone = zone
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
        sorts = [column.sort for column in self._columns]
        self._csv.writerows([self._cell(sort, cell) for sort, cell in zip(sorts, row, strict=True)] for row in rows)
        self._rows += len(rows)
        return self._taken()

    def end(self) -> bytes:
        """With notes: how many there were."""
        if self._about is not None:
            self._text.write(f"# end: {self._rows} rows\r\n")
        return self._taken()

    def _cell(self, sort: Sort, cell: Any) -> Any:
        if cell is None:
            return None
        if sort is Sort.TEXT:
            return harmless(str(cell))
        if sort is Sort.TIME:
            return shown(cell, self._zone)
        if sort is Sort.FLAG:
            return "true" if cell else "false"
        return cell

    def _taken(self) -> bytes:
        made = self._text.getvalue().encode()
        self._text.seek(0)
        self._text.truncate()
        return made


class JsonWriter:
    """An object a line: `{"about": …}` first, then the rows, then `{"end": {"rows": n}}`."""

    def __init__(self, columns: Sequence[Column], zone: ZoneInfo, about: About | None) -> None:
        self._columns = columns
        self._zone = zone
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
        return {
            column.name: shown(cell, self._zone) if column.sort is Sort.TIME and cell is not None else cell
            for column, cell in zip(self._columns, row, strict=True)
        }


class ParquetWriter:
    """Columns with their types; units and names in the fields' metadata, what it is about in the file's."""

    def __init__(self, columns: Sequence[Column], zone: ZoneInfo, about: About) -> None:
        types = {
            Sort.TEXT: pa.string(), Sort.INT: pa.int64(), Sort.REAL: pa.float64(), Sort.FLAG: pa.bool_(),
            Sort.TIME: pa.timestamp("ms", tz=zone.key),
        }  # fmt: skip
        told = ({"unit": one.unit, "zh": one.zh, "en": one.en} for one in columns)
        fields = [
            pa.field(one.name, types[one.sort], metadata={k: v for k, v in words.items() if v} or None)
            for one, words in zip(columns, told, strict=True)
        ]
        self._schema = pa.schema(fields, metadata={KEY: json.dumps(about, ensure_ascii=False).encode()})
        self._sink = _Sink()
        self._file: Any = None
        self._waiting: list[Any] = []

    def begin(self) -> bytes:
        """The file's first bytes."""
        self._file = pq.ParquetWriter(self._sink, self._schema, compression="zstd")
        return self._sink.taken()

    def add(self, rows: Sequence[Cells]) -> bytes:
        """A row group, once there is enough for one."""
        cells: Sequence[Any] = list(zip(*rows, strict=True)) if rows else [() for _ in self._schema]
        arrays = [pa.array(one, type=field.type) for one, field in zip(cells, self._schema, strict=True)]
        self._waiting.append(pa.Table.from_arrays(arrays, schema=self._schema))
        if sum(table.num_rows for table in self._waiting) >= GROUP_ROWS:
            self._flush()
        return self._sink.taken()

    def end(self) -> bytes:
        """The last group, and the footer."""
        self._flush()
        self._file.close()
        return self._sink.taken()

    def _flush(self) -> None:
        if self._waiting:
            self._file.write_table(pa.concat_tables(self._waiting))
            self._waiting = []


class _Sink(io.RawIOBase):
    """A file that gives away what was written to it."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._length = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._length

    def write(self, data: Any) -> int:
        made = bytes(data)
        self._parts.append(made)
        self._length += len(made)
        return len(made)

    def taken(self) -> bytes:
        made = b"".join(self._parts)
        self._parts = []
        return made


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode() + b"\n"
