"""
What the devices' own journals say against what the database holds.

Nothing of our counters or of the ledger is asked: a frame is there when at least one of its readings, in time or
misdated, or its quarantine row, is there.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from telemetry.settings import DatabaseSettings
from telemetry.storage.census import Census

FrameKey = tuple[str, str, str, str, int]  # site, kind, device, boot, seq


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The two sides."""

    journalled: int
    stored: int
    quarantined: int
    missing: list[FrameKey]


def reconcile(settings: DatabaseSettings, journalled: Iterable[FrameKey]) -> Reconciliation:
    """Hold every journalled frame against the database. Raises StorageError."""
    wanted: dict[tuple[str, str, str, str], set[int]] = {}
    for site, kind, device, boot, seq in journalled:
        wanted.setdefault((site, kind, device, boot), set()).add(seq)
    stored = quarantined = 0
    missing: list[FrameKey] = []
    with Census(settings) as census:
        for key in sorted(wanted):
            seqs = wanted[key]
            rows = census.stored(*key)
            refused = census.quarantined(*key)
            stored += len(seqs & rows)
            quarantined += len(seqs & refused)
            missing += [(*key, seq) for seq in sorted(seqs - rows - refused)]
    return Reconciliation(sum(map(len, wanted.values())), stored, quarantined, missing)
