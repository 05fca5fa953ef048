"""An exported file as Parquet, a row group at a time."""

import io
import json
from collections.abc import Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

from telemetry.export.columns import Column, Sort
from telemetry.export.rows import Cells

GROUP_ROWS: Final = 50_000
KEY: Final = b"cranewatch"  # of the file's metadata


class ParquetWriter:
    """Columns with their types; units and names in the fields' metadata, what it is about in the file's."""

    def __init__(self, columns: Sequence[Column], zone: ZoneInfo, about: dict[str, Any]) -> None:
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
