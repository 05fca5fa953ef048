"""
Boxes on a plant: one crane or post, read once, reported by devices of different rates.

A slow box measures as often as a fast one and reports every n-th sample, so all boxes of a plant report the same
measurement. What goes wrong between measurement and message is each box's own.

A long shift at 10 Hz is *folded*: it is cut into equal parts that different devices report side by side, each as if it
had begun with its part. The readings are those of the whole shift; only what an engine remembers across a cut differs.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from msgspec.structs import replace

from simulators import faults
from simulators.faults import Fault, Window
from simulators.labelled.truth import Truth
from simulators.station import Record
from telemetry.wire import frames
from telemetry.wire.payloads import DeviceConfig, Event, Pour, Presence, Zone

SITE: Final = "labelled"
# Monday 2027-01-18, 07:00 in Shanghai: the shift begins.
START_MS: Final = 1_800_226_800_000
RATES: Final = (("10hz", 0.1), ("1hz", 1.0), ("5s", 5.0), ("15s", 15.0))


class Sent(NamedTuple):
    """One sample that left a box and arrived: `t` is seconds of the run, `values` as on the wire."""

    t: float
    boot: str
    seq: int
    values: dict[str, Any]

    def frame(self, kind: str) -> frames.Frame:
        """The frame that carried it."""
        found: frames.Frame = frames.FRAMES[kind](boot=self.boot, seq=self.seq, **self.values)
        return found


@dataclass(frozen=True, slots=True)
class Box:
    """A device to be put on a plant. `cut` are times without a link, `until_s` when it is taken off."""

    device: str
    interval_s: float
    faults: tuple[Callable[[], Fault], ...] = ()
    cut: tuple[Window, ...] = ()
    fold: int = 1
    until_s: float | None = None
    params: tuple[tuple[float, str], ...] = ((0.0, "approved"),)

    def parts(self, duration_s: float) -> list[tuple[str, float, float]]:
        """The devices that it stands for: (id, start in the plant's time, length)."""
        whole = min(duration_s, self.until_s or duration_s)
        if self.fold == 1:
            return [(self.device, 0.0, whole)]
        length = whole / self.fold
        return [(f"{self.device}-part{k + 1}", k * length, length) for k in range(self.fold)]


@dataclass(slots=True)
class Trace:
    """What one device sent, in order."""

    device: str
    kind: str
    interval_s: float
    config: DeviceConfig
    length_s: float
    samples: list[Sent] = field(default_factory=list)
    events: list[tuple[float, Event]] = field(default_factory=list)
    presences: list[tuple[float, Presence]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Recording:
    """Everything that the devices of a scenario sent, and the truth."""

    traces: list[Trace]
    truth: Truth
    duration_s: float
    zones: tuple[Zone, ...] = ()  # of its site
    pours: tuple[Pour, ...] = ()  # permitted there


class Plant(Protocol):
    """What boxes can be put on: a station, or a plant that is a function of time."""

    kind: str

    def sample(self, t: float) -> dict[str, Any] | None:
        """All channels at t, or None without power; asked for at rising times."""

    def records(self) -> list[Record]:
        """What is to be told beside the samples, since it was last asked."""

    def ts(self, t: float) -> int:
        """Unix ms at t."""


class _Writer:
    """One device's part of a box."""

    def __init__(self, box: Box, trace: Trace, start_s: float) -> None:
        self.trace = trace
        self.step = round(box.interval_s * 1000)
        self._box = box
        self._start = start_s
        self._faults = [make() for make in box.faults]
        self._boot = 0
        self._seq = 0
        self._alive = False
        self._said = 0  # parameter sets declared so far

    def covers(self, t: float) -> bool:
        """Whether t of the plant lies in this part."""
        return self._start <= t < self._start + self.trace.length_s

    def put(self, t: float, values: dict[str, Any] | None) -> None:
        """A measurement at t of the plant, or None when the box had no power."""
        own = t - self._start
        if values is not None:
            values = {**values, "ts": values["ts"] - round(self._start * 1000)}
            changed = faults.apply(self._faults, own, values)
            values = None if changed is None else dict(changed)
        if values is None:
            self._alive = False
            return
        if not self._alive:
            self._alive = True
            self._boot, self._seq = self._boot + 1, 0
            self._birth(own)
        elif self._said < len(self._box.params) and own >= self._box.params[self._said][0]:
            self._birth(own)
        self._seq += 1
        if not any(own in window for window in self._box.cut):
            self.trace.samples.append(Sent(own, self.boot, self._seq, values))

    def tell(self, record: Record, ts: int) -> None:
        """Something the box tells beside its samples."""
        own = record.t - self._start
        if not self.covers(record.t) or any(own in window for window in self._box.cut):
            return
        n = len(self.trace.events)
        event = Event(id=f"{self.trace.device}-{n}", type=record.type, ts=ts - round(self._start * 1000),
                      boot=self.boot, seq=self._seq or None, data=record.data)  # fmt: skip
        self.trace.events.append((own, event))

    @property
    def boot(self) -> str:
        """The present boot's name."""
        return f"{self.trace.device[:20].rstrip('-')}-{self._boot:08d}"

    def _birth(self, own: float) -> None:
        self._said = sum(own >= at for at, _ in self._box.params)
        params = self._box.params[self._said - 1][1] if self._said else None
        presence = Presence(
            online=True, boot=self.boot, ts=START_MS + round(own * 1000), interval_ms=self.step, params=params
        )
        self.trace.presences.append((own, presence))


def record(
    station: Plant,
    boxes: Sequence[Box],
    config: DeviceConfig,
    duration_s: float,
    look: Callable[[float], None] = lambda t: None,
) -> list[Trace]:
    """
    Run a plant and write down what its boxes sent.

    `look` is called after every measurement, at times in s that rise: for the truth, and for what is to happen next.
    """
    writers: list[_Writer] = []
    for box in boxes:
        for device, start, length in box.parts(duration_s):
            own = _configured(config, box, device)
            writers.append(_Writer(box, Trace(device, station.kind, box.interval_s, own, length), start))
    ends = {writer.step: 0.0 for writer in writers}
    for box in boxes:
        ends[round(box.interval_s * 1000)] = max(
            ends[round(box.interval_s * 1000)], min(duration_s, box.until_s or duration_s)
        )
    ms = 0
    while ms < duration_s * 1000:
        t = ms / 1000
        values = station.sample(t)
        look(t)
        for writer in writers:
            if ms % writer.step == 0 and writer.covers(t):
                writer.put(t, values)
        for said in station.records():
            for writer in writers:
                writer.tell(said, station.ts(said.t))
        ms = _next(ms, ends)
    return [writer.trace for writer in writers]


def _next(ms: int, ends: dict[int, float]) -> int:
    """The next instant at which a box that is still there samples."""
    due = [(ms // step + 1) * step for step, end in ends.items() if (ms // step + 1) * step < end * 1000]
    return min(due) if due else 10**12


def _configured(config: DeviceConfig, box: Box, device: str) -> DeviceConfig:
    return replace(config, display_name=device, interval_ms=round(box.interval_s * 1000))


def devices(boxes: Iterable[Box], duration_s: float) -> list[tuple[str, float, float]]:
    """All parts of all boxes: (id, start in the plant's time, length)."""
    return [part for box in boxes for part in box.parts(duration_s)]


def all_rates(prefix: str = "crane") -> list[Box]:
    """One box of each rate on the same plant."""
    return [Box(f"{prefix}-{name}", interval) for name, interval in RATES]
