"""
All devices of one kind: a row each, fed in waves (the first sample of each device, then the second, ...).

Rule 1: a row's result depends on that row's samples alone, so that it does not matter how a batch was cut.
Rule 2: changes of conditions come out in the order in which the samples came in.
"""

import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np

from analytics import charts, levels, limits, timelines
from analytics.channels import DERIVED
from analytics.device import Device
from analytics.judged import Judged
from analytics.limits import COLUMNS
from analytics.samples import Arrived, Change, Feed, Notice, Samples, Spot, What, first_ts
from analytics.table import NEVER, Array, Field, Table, pack
from analytics.table import field as array
from telemetry.kinds import KINDS
from telemetry.model import Mode
from telemetry.wire.columns import Columns, columns
from telemetry.wire.cycle import Cycle
from telemetry.wire.frames import Frame
from telemetry.wire.payloads import DeviceConfig, SiteRules, Terms, Words, encode

_MODES: Final = {str(mode): number for number, mode in enumerate(Mode)}
_MODE_OF: Final = list(Mode)
BURSTS: Final = 5
CLOCK_CLEAR_MS: Final = 60_000  # a clock that behaved for so long is right again
CONFLICT_CLEAR_MS: Final = 600_000


class Fleet(Judged, ABC):
    """State and rules of one kind."""

    kind: str
    tracked: tuple[str, ...]  # the real channels that coverage asks for
    states: tuple[str, ...] = ()  # the state channels that coverage asks for

    def __init__(self) -> None:
        super().__init__()
        own = COLUMNS[self.kind]
        self.table = Table(
            {
                **timelines.FIELDS,
                **levels.fields(len(own)),
                "look": array(np.int64, 0, len(own)),  # the derived channel of each condition
                **self.fields(),
                "value": array(np.float32, np.nan, len(DERIVED[self.kind])),
                "heard": array(np.int64, NEVER),
                "burst": array(np.int32, 1),  # samples in a message: the median of the last five
                "bursts": array(np.int32, 1, BURSTS),
                "mode": array(np.int8),  # the number of the mode that it is evaluated in
                "mode_word": array(np.int8, -1),  # the mode that the device last sent
                "conflict_mark": array(np.int64, NEVER),  # line time of the last return to an earlier boot
                "figure": array(np.float64, 0, len(self.figure_names)),
                "good_at": array(np.int64, NEVER, len(self.tracked)),
                "told_at": array(np.int64, NEVER, len(self.states)),
                "attention": array(np.bool_),  # silent, off, clock or conflict: look at it at the next sample
                "line_said": array(np.int64),  # line time less ts, as it was last reported
            }
        )
        self.index: dict[tuple[str, str], int] = {}
        self.charts = charts.ChartBook()
        self._rules: dict[str, list[int]] = {}
        for column, (rule, _) in enumerate(own):
            self._rules.setdefault(rule, []).append(column)
        self._rule_of = [rule for rule, _ in own]
        kind = KINDS[self.kind]
        self._tracked = [kind.column[name] for name in self.tracked]
        self.gaps = 0
        self.site_rules: dict[str, SiteRules] = {}
        self.unsaid: set[int] = set()  # rows whose terms may have changed

    @staticmethod
    @abstractmethod
    def fields() -> dict[str, Field]:
        """The kind's own arrays."""

    @abstractmethod
    def derive(self, wave: Samples) -> tuple[Array, Array | None]:
        """The derived channels, float32 (n, derived), and where conditions may newly be set, bool (n, columns)."""

    def configured(self, row: int, config: DeviceConfig) -> None:
        """Take over what the kind needs of a configuration that was checked."""

    def sited(self, row: int, site: SiteRules | None) -> None:
        """Take over what the kind needs of its site's configuration; the device's own is known."""

    def check(self, config: DeviceConfig) -> None:
        """Raises ConfigError when the kind cannot use it."""

    def equipped(self, row: int) -> tuple[frozenset[str], frozenset[str]]:
        """What of a device is configured, and what was learned of it, as far as rules ask for it."""
        return frozenset(), frozenset()

    def overlaps(self, row: int) -> tuple[str, ...]:
        """The names of those whose reach overlaps with its own."""
        return ()

    def lift(self, row: int) -> int | None:
        """Which lift a device is in, for kinds that lift."""
        return None

    def cycles(self) -> list[tuple[Spot, Cycle]]:
        """The work cycles that the last wave has shown to be over, for kinds that lift."""
        return []

    def notices(self) -> list[Notice]:
        """What the last wave has shown about devices themselves, for kinds that have a test channel."""
        return []

    def lifting(self, row: int) -> bool:
        """Whether a load is on the hook, for kinds that lift."""
        return False

    def eta(self, row: int, rule: str) -> tuple[float, float] | None:
        """Time to a limit, in seconds, when a trend gives it."""
        return None

    def detail(self, row: int, rule: str) -> Words | None:
        """What the sentence of a rule adds: which channel, which switch, which zone."""
        return None

    def weakness(self, row: int) -> str | None:
        """Why all coverage of a device is degraded, of `texts.REASONS`, when its kind knows a reason of its own."""
        return None

    # Devices

    def row(self, site: str, device: str) -> int:
        """The row of a device; unknown ones register themselves, with their site's profile."""
        row = self.index.get((site, device))
        if row is None:
            row = self.table.add()
            self.index[site, device] = row
            rules = self.site_rules.get(site)
            name = self.book.named(site)
            self.devices.append(Device(key=(site, self.kind, device), site_profile=name, site=rules))
            self.limits.append(self.resolve(self.devices[row]))
            self.apply_limits(row)
            if rules is not None:
                self.sited(row, rules)
        return row

    def declare(self, row: int) -> None:
        """The declared interval, from the birth message or else the configuration."""
        device = self.devices[row]
        declared = device.presence_interval or (device.config.interval_ms if device.config else 0)
        self.table["declared"][row] = declared
        self.unsaid.add(row)
        if declared and self.table["ts"][row] == NEVER:
            self.table["interval"][row] = declared

    # Samples

    def feed(self, arrived: Sequence[tuple[int, Arrived]]) -> Feed:
        """Evaluate frames, each with its place in the caller's sequence, in order."""
        found = Feed()
        frames: list[Frame] = []
        rows: list[int] = []
        boots: list[int] = []
        received: list[int] = []
        places: list[int] = []
        index, devices = self.index, self.devices
        for place, (site, _, name, frame, at) in arrived:
            row = index.get((site, name))
            if row is None:
                row = self.row(site, name)
            device = devices[row]
            boot, seq = frame.boot, frame.seq
            if boot is None or seq is None:
                if not device.cursor.hand(first_ts(frame), at):
                    found.late += 1
                    device.late += 1
                    continue
                boots.append(-1)
            else:
                if boot == device.boot:
                    last = device.seq
                    if seq <= last:
                        found.late += 1
                        device.late += 1
                        continue
                    if seq != last + 1:
                        device.cursor.close_run(boot, last)
                        device.missing += seq - last - 1
                        self.gaps += 1
                else:
                    live, conflict = device.cursor.switch(boot, device.boot, device.seq, seq)
                    if conflict:
                        self._conflict(found, place, row, device, frame, live=live)
                    if not live:
                        found.late += 1
                        device.late += 1
                        continue
                    if device.boot is None:
                        device.born = (boot, seq - 1)
                        self.unsaid.add(row)
                    device.boot = boot
                device.seq = seq
                if not device.cursor.run:
                    device.cursor.run = seq
                boots.append(device.cursor.boot_no)
            frames.append(frame)
            rows.append(row)
            received.append(at)
            places.append(place)
        if frames:
            found.rows.update(rows)
            try:
                self._waves(found, frames, np.array(rows), np.array(boots), np.array(received, np.int64), places)
            except Exception:
                self._withdraw(frames, rows)
                raise
        return found

    def _withdraw(self, frames: Sequence[Frame], rows: Sequence[int]) -> None:
        """The engine failed on these: nobody may say that they were evaluated, so the review looks at them."""
        seqs: dict[tuple[int, str], list[int]] = {}
        for frame, row in zip(frames, rows, strict=True):
            if frame.boot is not None and frame.seq is not None:
                seqs.setdefault((row, frame.boot), []).append(frame.seq)
        for (row, boot), failed in seqs.items():
            device = self.devices[row]
            device.cursor.withdraw(boot, device.boot, device.seq, failed)

    def _conflict(self, found: Feed, place: int, row: int, device: Device, frame: Frame, *, live: bool) -> None:
        if live:
            device.conflict = True
            self.table["conflict_mark"][row] = self.table["line"][row]
            self.table["attention"][row] = True
            found.changes.append(
                Notice(Spot(place, -1, row, first_ts(frame), frame.boot, frame.seq or 0, 0), What.CONFLICT)
            )

    def _waves(
        self, found: Feed, frames: list[Frame], rows: Array, boots: Array, received: Array, places: list[int]
    ) -> None:
        cols = columns(self.kind, frames)
        good = cols.good()
        row = rows[cols.frame]
        n = found.samples = len(row)
        modes = self._modes(cols)
        if len(set(rows.tolist())) == n:
            waves = [np.arange(n)]
        else:
            order = np.argsort(row, kind="stable")
            ordered = row[order]
            fresh = np.concatenate(([True], ordered[1:] != ordered[:-1]))
            starts = np.flatnonzero(fresh)
            rank = np.empty(n, np.int64)
            rank[order] = np.arange(n) - starts[np.cumsum(fresh) - 1]
            by_rank = np.argsort(rank, kind="stable")
            waves = np.split(by_rank, np.cumsum(np.bincount(rank))[:-1])
        self._bursts(cols, rows)
        for wave in waves:
            self._wave(found, Samples(cols, good, wave, row[wave], frames, places), boots, received, modes)

    def _bursts(self, cols: Columns, rows: Array) -> None:
        """Note how many samples come in one message; one odd message changes nothing."""
        single = len(cols) == len(rows) and bool((self.table["bursts"][rows] == 1).all())
        if single:
            return
        ring, burst = self.table["bursts"], self.table["burst"]
        for row, n in zip(rows.tolist(), np.bincount(cols.frame, minlength=len(rows)).tolist(), strict=True):
            ring[row, :-1] = ring[row, 1:]
            ring[row, -1] = n
            burst[row] = np.sort(ring[row])[BURSTS // 2]

    def every(self, rows: Array | slice) -> Array:
        """How often a message of these devices is due, in ms, int64 (n,): their sample interval times its samples."""
        due: Array = self.table["interval"][rows] * self.table["burst"][rows]
        return due

    def _modes(self, cols: Columns) -> Array | None:
        words = cols.words.get("mode")
        if words is None or words.count(None) == len(words):
            return None
        return np.array([-1 if word is None else _MODES.get(word, -1) for word in words], np.int64)

    def _wave(self, found: Feed, wave: Samples, boots: Array, received: Array, modes: Array | None) -> None:
        table, rows = self.table, wave.rows
        frame = wave.cols.frame[wave.places]
        at = received[frame]
        line, interval, wrong = timelines.advance(
            table, timelines.Wave(rows, wave.ts, at, wave.cols.seq[wave.places], boots[frame])
        )
        wave.line, wave.interval = line, interval
        if wrong.any():
            self._wrong_clock(found, wave, wrong)
        if modes is not None:
            self._new_modes(found, wave, modes)
        alive = ~np.isnan(wave.good[:, self._tracked])
        table["good_at"][rows] = np.where(alive, at[:, None], table["good_at"][rows])
        for k, name in enumerate(self.states):
            told = wave.told(name)
            if told is not None:
                table["told_at"][rows, k] = np.where(told, at, table["told_at"][rows, k])
        valid = np.asarray(alive.any(axis=1))
        table["heard"][rows] = np.where(valid, at, table["heard"][rows])
        if (table["attention"][rows] & valid).any():
            self._attend(found, wave, valid)
        value, may = self.derive(wave)
        found.cycles += self.cycles()
        found.changes += self.notices()
        known = ~np.isnan(value)
        table["value"][rows] = value if known.all() else np.where(known, value, table["value"][rows])
        found.conditions += value.shape[0] * len(self._rule_of)
        changed = levels.advance(table, rows, line, interval, self.looked(rows, value), may)
        if changed.any():
            self._changed(found, wave, changed, value)

    def _changed(self, found: Feed, wave: Samples, changed: Array, value: Array) -> None:
        for k in np.flatnonzero(changed.any(axis=1)):
            row = int(wave.rows[k])
            on, own = self.table["on"][row], self.limits[row]
            # What has just cleared takes the limits of today.
            went = changed[k] & ~on
            self.table["clear"][row] = np.where(went, own.clear, self.table["clear"][row])
            columns = np.flatnonzero(changed[k])
            for rule in dict.fromkeys(self._rule_of[column] for column in columns):
                level, column = limits.level(self.kind, on, self._rules[rule])
                first = next(c for c in columns if self._rule_of[c] == rule)
                eta = self.eta(row, rule) if level else None
                now = float(value[k, own.look[column if level else first]])
                detail = self.detail(row, rule) if level else None
                found.changes.append(
                    Change(wave.spot(int(k)), rule, level, column, now, self.lift(row), own, eta, detail)
                )
            if self.devices[row].held or self.devices[row].figures_wait:
                self.apply_limits(row)

    def _wrong_clock(self, found: Feed, wave: Samples, wrong: timelines.Disagreement) -> None:
        for why, flags in (("back", wrong.back), ("repeats", wrong.repeats), ("forward", wrong.forward)):
            for k in np.flatnonzero(flags):
                row = int(wave.rows[k])
                self.table["clock_mark"][row] = wave.line[k]
                if not self.devices[row].clock_alarm:
                    self.devices[row].clock_alarm = True
                    self.table["attention"][row] = True
                    found.changes.append(Notice(wave.spot(int(k)), What.CLOCK, why))

    def _attend(self, found: Feed, wave: Samples, valid: Array) -> None:
        """A valid sample of a device that was silent, off, in conflict or had a wrong clock."""
        for k in np.flatnonzero(self.table["attention"][wave.rows] & valid):
            row = int(wave.rows[k])
            device = self.devices[row]
            for what, due in ((What.SPOKE, device.silent), (What.POWER, device.power_off)):
                if due:
                    found.changes.append(Notice(wave.spot(int(k)), what))
            # A box that runs on its battery after it announced that goes on being off as planned.
            device.planned_off &= wave.flag("power_ok", int(k)) == 0
            device.silent = device.power_off = False
            for due, mark in ((device.clock_alarm, "clock_mark"), (device.conflict, "conflict_mark")):
                # Of an adopted alarm: how long it has behaved is counted from here on.
                if due and self.table[mark][row] == NEVER:
                    self.table[mark][row] = wave.line[k]
            quiet = int(wave.line[k] - self.table["clock_mark"][row])
            if device.clock_alarm and not self.table["clock_bad"][row] and quiet >= CLOCK_CLEAR_MS:
                device.clock_alarm = False
                found.changes.append(Notice(wave.spot(int(k)), What.CLOCK_GOOD))
            if device.conflict and wave.line[k] - self.table["conflict_mark"][row] >= CONFLICT_CLEAR_MS:
                device.conflict = False
                found.changes.append(Notice(wave.spot(int(k)), What.CONFLICT_OVER))
            self.table["attention"][row] = device.clock_alarm or device.conflict or device.planned_off

    def _new_modes(self, found: Feed, wave: Samples, modes: Array) -> None:
        mode = modes[wave.places]
        turned = (mode >= 0) & (mode != self.table["mode_word"][wave.rows])
        for k in np.flatnonzero(turned):
            row = int(wave.rows[k])
            self.table["mode_word"][row] = mode[k]
            self.dirty.add(row)
            if self.set_mode(row, _MODE_OF[mode[k]]):
                found.changes.append(Notice(wave.spot(int(k)), What.MODE, limits=self.limits[row]))

    def set_mode(self, row: int, mode: Mode) -> bool:
        """The device is in this mode from its next sample on; whether that is new."""
        device = self.devices[row]
        if mode is device.mode:
            return False
        device.mode = mode
        self.table["mode"][row] = _MODES[mode]
        self.apply_limits(row)
        return True

    def configure(self, row: int, config: DeviceConfig) -> None:
        """The device has this configuration from its next sample on; it was checked."""
        self.devices[row].config = config
        self.configured(row, config)
        self.sited(row, self.devices[row].site)

    def place(self, row: int, site: SiteRules) -> bool:
        """The device's site has these rules; whether that is new."""
        if self.devices[row].site == site:
            return False
        self.devices[row].site = site
        self.sited(row, site)
        return True

    # What a replay must know

    def drifted(self) -> None:
        """Look for devices whose line time no longer follows their clock as was said."""
        n = self.table.rows
        drift = self.table["line"][:n] - self.table["ts"][:n]
        moved = (self.table["boot_no"][:n] >= 0) & (drift != self.table["line_said"][:n])
        self.unsaid.update(np.flatnonzero(moved).tolist())

    def terms(self, row: int) -> Terms | None:
        """What the device is judged by, if that is new and it has a place to hold from; then it counts as said."""
        device = self.devices[row]
        if device.boot is None or device.born is None:
            return None
        start = not device.terms
        boot, seq = device.born if start else (device.boot, device.seq)
        drift = 0 if start else int(self.table["line"][row] - self.table["ts"][row])
        found = Terms(
            boot=boot, seq=seq, start=start, interval_ms=int(self.table["declared"][row]), line_ms=drift,
            profile=device.site_profile, config=device.config, mode=str(device.mode) if device.mode_set else None,
            judged=self.limits[row].profile.label, site=device.site,
        )  # fmt: skip
        own = msgspec.structs.replace(found, boot="", seq=0, start=False, line_ms=0)
        digest = f"{zlib.crc32(encode(own)):08x}"
        if not device.mode_set and digest == device.terms and drift == self.table["line_said"][row]:
            return None
        device.terms, device.mode_set = digest, False
        self.table["line_said"][row] = drift
        return found

    def mode_sent(self, row: int) -> Mode | None:
        """The mode that the device itself last sent."""
        word = int(self.table["mode_word"][row])
        return _MODE_OF[word] if word >= 0 else None

    def remember_mode(self, row: int, mode: str | None, sent: str | None) -> None:
        """The mode of before our memory was lost. What the device keeps sending turns no key then."""
        if sent in _MODES:
            self.table["mode_word"][row] = _MODES[sent]
        if mode in _MODES and self.set_mode(row, Mode(mode)):
            self.devices[row].mode_set = True
            self.unsaid.add(row)

    # Snapshots

    def freeze(self) -> dict[str, Any]:
        """A copy that `thaw` understands; arrays are still arrays."""
        return {"rows": self.table.rows, "arrays": self.table.freeze(), "devices": msgspec.msgpack.encode(self.devices)}

    def thaw(self, frozen: dict[str, Any]) -> None:
        """Take over a frozen fleet. Raises ValueError when it does not fit."""
        self.table.restore(frozen["rows"], frozen["arrays"])
        self.devices = msgspec.msgpack.decode(frozen["devices"], type=list[Device])
        self.index = {(device.key[0], device.key[2]): row for row, device in enumerate(self.devices)}
        self.limits = []
        for row, device in enumerate(self.devices):
            found = self.resolve(device)
            self.limits.append(self.mixed(device, found))
            if device.under is None or device.under.profile == found.profile.label:
                self.put(row)
            else:
                # Another version of the program, with another packaged profile: a change like any other.
                self.apply_limits(row)
                self.unsaid.add(row)
            self.table["mode"][row] = _MODES[device.mode]
            if device.config is not None:
                self.configured(row, device.config)
            self.sited(row, device.site)


def pack_fleet(frozen: dict[str, Any]) -> dict[str, Any]:
    """A frozen fleet with its arrays as bytes: the slow part, for a thread."""
    return {**frozen, "arrays": pack(frozen["arrays"])}
