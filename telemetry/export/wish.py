"""What somebody wants of the record as a file. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import msgspec

from telemetry.clock import to_ms


class Subject(StrEnum):
    """What the rows are."""

    READINGS = "readings"  # as they came, or in buckets
    ALARMS = "alarms"  # every transition, as it was published
    EPISODES = "episodes"  # an alarm from its raise to its end
    CYCLES = "cycles"  # work cycles


class Form(StrEnum):
    """How they are written."""

    CSV = "csv"
    PARQUET = "parquet"
    JSON = "json"  # an object a line: a file of any length can be read, and a torn one is seen


MEDIA: Final = {
    Form.CSV: "text/csv; charset=utf-8",
    Form.PARQUET: "application/vnd.apache.parquet",
    Form.JSON: "application/x-ndjson",
}
SUFFIX: Final = {Form.CSV: "csv", Form.PARQUET: "parquet", Form.JSON: "ndjson"}


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """
    A site or one device of it, and [begin, end).

    `width_s` is the width of a bucket in seconds, 0 for readings as they came. `notes`: what the file is about stands
    in the file itself; Parquet has it in its metadata always. `bom`: a mark by which Excel sees that a CSV is UTF-8.
    """

    what: Subject
    form: Form
    site: str
    begin: datetime
    end: datetime
    kind: str | None = None
    device: str | None = None
    width_s: int = 0
    channels: Sequence[str] | None = None
    notes: bool = True
    bom: bool = False

    @property
    def span_ms(self) -> tuple[int, int]:
        """Begin and end in Unix ms."""
        return to_ms(self.begin), to_ms(self.end)

    @property
    def file_name(self) -> str:
        """A name of ASCII letters that sorts by site, sort and time."""
        place = f"{self.site}-{self.device}" if self.device else self.site
        sort = f"{self.what}-{self.width_s}s" if self.width_s else str(self.what)
        begin, end = (f"{one.astimezone(UTC):%Y%m%dT%H%M%SZ}" for one in (self.begin, self.end))
        return f"{place}-{sort}-{begin}-{end}.{SUFFIX[self.form]}"

    def told(self) -> dict[str, Any]:
        """As JSON has it, for the audit log and the record."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return {name: value for name, value in found.items() if value is not None}


def recalled(table: Any) -> Wish:
    """A wish from what `told` made of it. Raises msgspec.ValidationError."""
    return msgspec.convert(table, Wish)
