"""One row of the ledger as sets: what is held of a boot, and what follows from it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from telemetry.storage import ledger
from telemetry.storage.multirange import Ranges, minus, union

# Of `frame_ledger l` and `device_boot b`, in the order of `from_row`.
COLUMNS: Final[LiteralString] = (
    "l.stored::text, l.quarantined::text, l.evaluated::text, l.reviewed::text, l.refused::text, l.lost::text,"
    " l.ended, l.ended_at, l.archived, b.first_seen"
)
# The same by name.
NAMES: Final[LiteralString] = (
    "l.stored::text AS stored, l.quarantined::text AS quarantined, l.evaluated::text AS evaluated,"
    " l.reviewed::text AS reviewed, l.refused::text AS refused, l.lost::text AS lost"
)


@dataclass(frozen=True, slots=True)
class Holdings:
    """What the ledger says of a boot."""

    stored: Ranges
    quarantined: Ranges
    evaluated: Ranges
    reviewed: Ranges
    refused: Ranges
    lost: Ranges
    ended: int | None
    ended_at: datetime | None
    archived: int
    first_seen: datetime

    @property
    def top(self) -> int:
        """The highest seq known of the boot; 0 when none is."""
        return max(self.ended or 0, self.reached)

    @property
    def reached(self) -> int:
        """The highest seq that came; 0 when none did."""
        return max(0, *(ranges[-1][1] for ranges in (self.stored, self.quarantined) if ranges), 0)

    @property
    def missing(self) -> Ranges:
        """What is neither here nor declared lost."""
        return minus([(1, self.top)] if self.top else [], union(self.stored, self.quarantined, self.lost))

    @property
    def unreviewed(self) -> Ranges:
        """What was stored and neither evaluated live nor looked at since."""
        return minus(self.stored, union(self.evaluated, self.reviewed, self.refused))

    @property
    def pieces(self) -> int:
        """How many ranges the longest column has."""
        return max(map(len, (self.stored, self.quarantined, self.evaluated, self.reviewed, self.refused)))


def from_row(row: Sequence[Any]) -> Holdings:
    """COLUMNS as they come from the database."""
    stored, quarantined, evaluated, reviewed, refused, lost = map(ledger.parse, row[:6])
    return Holdings(stored, quarantined, evaluated, reviewed, refused, lost, *row[6:])
