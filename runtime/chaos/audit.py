"""
The devices' journals against what the database holds, reading by reading, and the alarm log against a replay.

Rule 1: what was sent is read from the journals' bytes by a decoder of its own here (`expected`), not by ingest's.
Rule 2: every frame of a box that keeps a journal is stored or in quarantine, each reading once, with its content;
nothing is stored that nobody sent.
Rule 3: a frame of a box that keeps none may be missing if the broker never acknowledged it, or in the time in which the
broker lost its state; then it is counted as lost by the broker, and nowhere else.
Rule 4: whatever is found wrong is a `Difference`, and one is enough to fail the campaign.
"""

import json
import struct
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from runtime.chaos import replay
from runtime.chaos.boxes import ORDERLY, SITE, Habit, Spec
from runtime.chaos.fleet import GARBAGE, JOURNAL
from runtime.chaos.replay import DeviceName, within
from simulators import journal as journals
from simulators.journal import Kept
from telemetry.kinds import KINDS, Kind, Store
from telemetry.settings import DatabaseSettings
from telemetry.storage.evidence import Accounted, Evidence, Row, Told

SHOWN: Final = 5  # examples of each kind of difference
Reading = tuple[int, int, tuple[Any, ...]]  # ts_ms, invalid, values of the kind's channels


class Record(NamedTuple):
    """What the database says of alarms."""

    told: list[Told]
    verdicts: dict[str, str]
    refusals: dict[DeviceName, str]


class Difference(NamedTuple):
    """Something that should not be."""

    what: str
    where: str


@dataclass
class Frames:
    """The sums of one device, or of all."""

    sent: int = 0
    stored: int = 0
    quarantined: int = 0
    missing: int = 0
    doubled: int = 0
    different: int = 0
    lost_by_broker: int = 0
    readings: int = 0

    def add(self, other: "Frames") -> None:
        """Sum up."""
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass
class Audit:
    """Everything found."""

    devices: dict[str, Frames] = field(default_factory=dict)
    total: Frames = field(default_factory=Frames)
    garbage_sent: int = 0
    garbage_kept: int = 0
    transitions: int = 0
    derived: int = 0
    replayed: int = 0
    twins: int = 0
    evaluated: int = 0
    late: int = 0  # stored - evaluated
    reviewed: int = 0
    refused: int = 0
    added: int = 0  # by the review
    not_reproduced: int = 0
    again: int = 0  # derived transitions of a replay of what is stored
    unreplayed: dict[str, str] = field(default_factory=dict)  # devices without the second equality, and why
    differences: list[Difference] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def differs(self, what: str, where: object) -> None:
        """Note a difference; all are counted, the first of each kind shown."""
        self.counts[what] += 1
        if self.counts[what] <= SHOWN:
            self.differences.append(Difference(what, str(where)))


def audit(
    database: DatabaseSettings, folder: Path, specs: Sequence[Spec], losses: Sequence[tuple[float, float]]
) -> Audit:
    """Compare everything. `losses` are the times (monotonic s) in which the broker lost what it had acknowledged."""
    found = Audit()
    by_boot = {spec.boot: spec for spec in specs}
    known = {(spec.kind, spec.device) for spec in specs}
    sent: dict[DeviceName, list[Kept]] = defaultdict(list)
    for frame in journals.kept(folder / JOURNAL):
        sent[frame.kind, frame.device].append(frame)
    lost = [(int(began * 1e9), int(ended * 1e9)) for began, ended in losses]
    with Evidence(database) as evidence:
        ledger = evidence.ledger(SITE)
        quarantine = evidence.quarantine(SITE)
        refused: Counter[tuple[str, str, str, int]] = Counter(
            (one.kind, one.device, one.boot, one.seq)
            for one in quarantine
            if one.kind and one.device and one.boot and one.seq
        )
        ids, boots = evidence.devices(SITE), evidence.boots(SITE)
        for name, frames in sorted(sent.items()):
            device_id = ids.get(name)
            sums = _device(found, evidence, name, device_id, boots, frames, refused, by_boot, lost)
            found.devices["/".join(name)] = sums
            found.total.add(sums)
        flooding = {spec.device for spec in specs if spec.habit is Habit.FLOOD}
        for one in quarantine:
            if one.seq is None and one.device not in flooding:
                found.differs("a message of ours is in quarantine", (one.kind, one.device, one.reason))
        for key in refused:
            found.differs("in quarantine, but nobody sent it", key)
        for kind, device in ids:
            if (kind, device) not in known and kind in KINDS:
                found.differs("a device that is none of ours", f"{kind}/{device}")
        _garbage(found, folder, quarantine, lost, evidence.overflow())
        told = evidence.transitions(SITE)
        record = Record(told, evidence.verdicts(SITE), evidence.refusals(SITE))
    _ledger(found, ledger, sent, by_boot, lost)
    _alarms(found, told, ledger, sent, by_boot)
    _reviewed(found, record, ledger, sent, by_boot)
    return found


# Readings


def _device(
    found: Audit, evidence: Evidence, name: DeviceName, device_id: int | None, boots: dict[tuple[int, int], str],
    frames: list[Kept], refused: Counter[tuple[str, str, str, int]], by_boot: dict[str, Spec],
    lost: list[tuple[int, int]],
) -> Frames:  # fmt: skip
    sums = Frames(sent=len(frames))
    kind = KINDS[name[0]]
    stored: dict[tuple[str, int], dict[int, Reading]] = defaultdict(dict)
    if device_id is not None:
        for row in [*evidence.readings(name[0], device_id), *_misdated(evidence, kind, device_id)]:
            boot = boots[device_id, row.boot_no]
            if row.i in stored[boot, row.seq]:
                sums.doubled += 1
                found.differs("a reading is stored twice", (*name, boot, row.seq, row.i))
            stored[boot, row.seq][row.i] = (row.ts_ms, row.invalid, row.values)
            sums.readings += 1
    for frame in frames:
        key = (frame.boot, frame.seq)
        rows = stored.pop(key, None)
        kept = refused.pop((*name, *key), 0)
        spec = by_boot[frame.boot]
        if spec.habit is Habit.FLOOD:
            sums.quarantined += bool(kept)
            if rows is not None or not kept:
                sums.missing += not kept
                found.differs("a malformed message is not in quarantine", (*name, *key))
            continue
        if kept:
            sums.quarantined += 1
            found.differs("a good frame is in quarantine", (*name, *key))
        if rows is None:
            if spec.habit is Habit.PLAIN and _excused(frame, lost):
                sums.lost_by_broker += 1
            elif not kept:
                sums.missing += 1
                found.differs("a frame is missing", (*name, *key, f"lane {frame.lane}, receipted {frame.receipted}"))
            continue
        sums.stored += 1
        wanted = expected(kind, frame.payload)
        if [rows.get(i) for i in range(len(wanted))] != wanted or len(rows) != len(wanted):
            sums.different += 1
            found.differs("a reading is not what was sent", (*name, *key))
    for key in stored:
        found.differs("stored, but nobody sent it", (*name, *key))
    return sums


def _excused(frame: Kept, lost: list[tuple[int, int]]) -> bool:
    """Whether a frame of a box without a journal may be missing (rule 3)."""
    if not frame.receipted or frame.published_mono_ns is None:
        return True
    return _during(frame.published_mono_ns, lost)


def _during(at: int, spans: Iterable[tuple[int, int]]) -> bool:
    return any(began <= at <= ended for began, ended in spans)


def _misdated(evidence: Evidence, kind: Kind, device_id: int) -> Iterable[Row]:
    for row in evidence.misdated(device_id):
        values = tuple(row.sample.get(channel.name) for channel in kind.channels)
        yield Row(row.boot_no, row.seq, row.i, row.ts_ms, row.invalid, values)


def expected(kind: Kind, payload: bytes) -> list[Reading]:
    """
    The readings that a frame must have become: channels as they were sent, measured ones rounded to IEEE single, and
    beside what the device calls invalid whatever is outside the kind's plausible range.

    Independent of the codec under test but for msgspec's parsers.
    """
    raw = msgspec.json.decode(payload) if payload[:1] == b"{" else msgspec.msgpack.decode(payload)
    found: list[Reading] = []
    for sample in raw.get("samples") or [raw]:
        invalid = sum(kind.bit[name] for name in {*sample.get("invalid", ()), *raw.get("invalid", ())})
        values = tuple(
            single(sample[channel.name]) if channel.store is Store.REAL and channel.name in sample
            else sample.get(channel.name)
            for channel in kind.channels
        )  # fmt: skip
        for channel, value in zip(kind.channels, values, strict=True):
            if channel.store is Store.REAL and value is not None and not channel.low <= value <= channel.high:
                invalid |= kind.bit[channel.name]
        found.append((sample["ts"], invalid, values))
    return found


def single(value: float) -> float:
    """Rounded to IEEE single."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


def _garbage(
    found: Audit, folder: Path, quarantine: Sequence[Any], lost: list[tuple[int, int]], overflow: dict[str, int]
) -> None:
    """Messages that no receipt can name: each that the broker acknowledged, and did not lose, is kept once."""
    kept = Counter(one.sha256 for one in quarantine)
    for digest, rows in kept.items():
        if rows > 1:
            found.differs("one message is in quarantine twice", digest)
    if not (folder / GARBAGE).exists():
        return
    missing = 0
    for line in (folder / GARBAGE).read_text().splitlines():
        note = json.loads(line)
        found.garbage_sent += 1
        if note["sha256"] in kept:
            found.garbage_kept += 1
        elif note["acknowledged"] and not _during(note["at"], lost):
            missing += 1
    # Beyond the cap of a device and day they are only counted.
    if missing > sum(overflow.values()):
        found.differs("malformed messages are gone", missing)


# The ledger


def _ledger(
    found: Audit, ledger: dict[tuple[str, str, str], Accounted], sent: dict[DeviceName, list[Kept]],
    by_boot: dict[str, Spec], lost: list[tuple[int, int]],
) -> None:  # fmt: skip
    for name, frames in sent.items():
        for frame in frames:
            own = ledger.get((*name, frame.boot))
            if own is None:
                continue
            evaluated, stored = within(own.evaluated, frame.seq), within(own.stored, frame.seq)
            found.evaluated += evaluated
            reviewed, refused = within(own.reviewed, frame.seq), within(own.refused, frame.seq)
            found.reviewed += reviewed
            found.refused += refused
            found.late += stored and not evaluated
            if stored and not (evaluated or reviewed or refused):
                found.differs("stored, and neither evaluated nor reviewed nor refused", (*name, frame.boot, frame.seq))
            if reviewed and not stored:
                found.differs("reviewed, but not stored", (*name, frame.boot, frame.seq))
            spec = by_boot[frame.boot]
            if evaluated and not stored and spec.habit is not Habit.PLAIN:
                found.differs("evaluated, but not stored", (*name, frame.boot, frame.seq))
            at = frame.published_mono_ns
            live = frame.lane == "up" and at is not None and spec.habit in ORDERLY and not _during(at, lost)
            if live and stored and not evaluated:
                found.differs("went out live, and was not evaluated live", (*name, frame.boot, frame.seq))


# Alarms


def _alarms(
    found: Audit, told: list[Told], ledger: dict[tuple[str, str, str], Accounted],
    sent: dict[DeviceName, list[Kept]], by_boot: dict[str, Spec],
) -> None:  # fmt: skip
    """replay(evaluated) = live log, of what is derived; and no cause has led to two transitions."""
    twins = {spec.device for spec in by_boot.values() if spec.habit is Habit.TWIN}
    found.transitions = len(told)
    found.twins = len(twins)
    frames: dict[DeviceName, list[bytes]] = {}
    intervals: dict[DeviceName, int] = {}
    for name, kept in sent.items():
        if name[1] in twins:
            continue  # two boxes with one id have no order but that of arrival
        intervals[name] = by_boot[kept[0].boot].interval_ms
        frames[name] = _those(kept, ledger, name, lambda own: own.evaluated)
    wanted = replay.derived(SITE, frames, intervals)
    log = {
        one.id: one.payload
        for one in told
        if not one.observed and one.origin == "live" and one.payload["device"] not in twins
    }
    found.derived, found.replayed = len(log), len(wanted)
    for id_ in wanted.keys() - log.keys():
        found.differs("the replay has a transition that the log has not", _named(wanted[id_]))
    for id_ in log.keys() - wanted.keys():
        found.differs("the log has a transition that the replay has not", _named(log[id_]))
    for id_ in wanted.keys() & log.keys():
        if wanted[id_] != log[id_]:
            found.differs("a transition differs from the replay's", _named(log[id_]))
    causes = Counter(_cause(one.payload) for one in told if not one.observed)
    for cause, number in causes.items():
        if number > 1:
            found.differs("one cause has led to two transitions", cause)


def _reviewed(
    found: Audit, record: Record, ledger: dict[tuple[str, str, str], Accounted],
    sent: dict[DeviceName, list[Kept]], by_boot: dict[str, Spec],
) -> None:  # fmt: skip
    """replay(stored, observed) = live log + review - not reproduced, of what is derived, device by device."""
    found.added = sum(one.origin == "review" for one in record.told)
    found.not_reproduced = sum(verdict == "not_reproduced" for verdict in record.verdicts.values())
    frames: dict[DeviceName, list[bytes]] = {}
    intervals: dict[DeviceName, int] = {}
    for name, kept in sorted(sent.items()):
        boots = list(dict.fromkeys(frame.boot for frame in kept))
        spec = by_boot[boots[0]]
        why = record.refusals.get(name)
        if spec.habit is Habit.TWIN:
            why = "two boxes with one id"
        elif spec.habit is Habit.PLAIN and _lost(ledger, name, boots):
            why = "evaluated frames were lost by the broker, and the box kept no journal"
        if why is not None:
            found.unreplayed["/".join(name)] = why
            continue
        intervals[name] = spec.interval_ms
        frames[name] = _those(kept, ledger, name, lambda own: own.stored)
    log = {
        one.id: one
        for one in record.told
        if not one.observed and (one.payload["kind"], one.payload["device"]) in frames
    }
    heard = [id_ for id_, one in log.items() if one.origin == "live"]
    again = replay.derived(SITE, frames, intervals, heard)
    found.again = len(again)
    said = {id_ for id_ in log if record.verdicts.get(id_) != "not_reproduced"}
    for id_ in again.keys() - said:
        found.differs("a replay of what is stored has a transition that nobody has said", _named(again[id_]))
    for id_ in said - again.keys():
        found.differs("said, and a replay of what is stored does not have it", _named(log[id_].payload))


def _those(
    kept: Iterable[Kept], ledger: dict[tuple[str, str, str], Accounted], name: DeviceName,
    ranges: Callable[[Accounted], list[tuple[int, int]]],
) -> list[bytes]:  # fmt: skip
    """What a device sent of these ranges of the ledger."""
    return [
        frame.payload
        for frame in kept
        if (own := ledger.get((*name, frame.boot))) is not None and within(ranges(own), frame.seq)
    ]


def _lost(ledger: dict[tuple[str, str, str], Accounted], name: DeviceName, boots: Iterable[str]) -> bool:
    """Whether frames of a device were evaluated that are not stored."""
    return any(
        any(not any(a <= low and high <= b for a, b in own.stored) for low, high in own.evaluated)
        for boot in boots
        if (own := ledger.get((*name, boot))) is not None
    )


def _named(payload: dict[str, Any]) -> str:
    cause = payload.get("cause", {})
    return f"{payload['device']} {payload['rule']} {payload['signal']} at seq {cause.get('seq')}"


def _cause(payload: dict[str, Any]) -> tuple[Any, ...]:
    cause = payload.get("cause", {})
    return (payload["device"], payload["rule"], payload["signal"], *sorted(cause.items()))
