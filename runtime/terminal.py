"""
The cab terminal in a shell, for embedded boxes and for looking: straight from the broker.

Rule 1: absence of a message is never "normal": without the analyzer's heartbeat, or with another set of alarms than
it says, the screen reads 监测中断 NOT MONITORED.
Rule 2: never a number without its age; never the words safe or protected.
"""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from telemetry.broker import Arrival, Link, connected
from telemetry.errors import BrokerUnavailable, WireError
from telemetry.kinds import KINDS
from telemetry.model import CoverageLevel, Severity
from telemetry.settings import MqttSettings
from telemetry.wire import frames, payloads, topics
from telemetry.wire.topics import Leaf

LOST_AFTER_S: Final = 3.0
_SHOWN: Final = ("load_t", "radius_m", "hook_m", "wind_mps", "tilt_x_deg", "tilt_y_deg",
                 "force_kn", "settle_mm", "shift_x_mm", "shift_y_mm")  # fmt: skip
_LEVELS: Final = {
    CoverageLevel.MONITORED: ("●", "green"),
    CoverageLevel.DEGRADED: ("▲", "yellow"),
    CoverageLevel.BLIND: ("▨", "red"),
    CoverageLevel.NOT_MONITORED: ("✗", "bright_black"),
}


@dataclass
class Screen:
    """What is known of one device, and how it looks. Pure but for the arrival times that come in."""

    site: str
    device: str
    alarms: dict[str, payloads.Alarm] = field(default_factory=dict)
    coverage: payloads.Coverage | None = None
    config: payloads.DeviceConfig | None = None
    values: dict[str, float] = field(default_factory=dict)
    bad: set[str] = field(default_factory=set)
    kind: str = "crane"
    reading_at: float | None = None
    heartbeat: payloads.Heartbeat | None = None
    heartbeat_at: float | None = None
    differs_since: float | None = None

    def take(self, topic: str, payload: bytes, now: float) -> None:
        """A message has arrived. Raises WireError for one that is not of the contract."""
        if topic == topics.heartbeat(self.site):
            self.heartbeat = payloads.decode(payloads.Heartbeat, payload)
            self.heartbeat_at = now
            self._compare(now)
            return
        parsed = topics.parse(topic)
        if parsed.leaf is Leaf.READING:
            self._reading(parsed.kind, payload, now)
        elif parsed.leaf is Leaf.ALARM and parsed.rule is not None:
            if payload:
                self.alarms[parsed.rule] = payloads.decode(payloads.Alarm, payload)
            else:
                self.alarms.pop(parsed.rule, None)
            self._compare(now)
        elif parsed.leaf is Leaf.COVERAGE and payload:
            self.coverage = payloads.decode(payloads.Coverage, payload)
        elif parsed.leaf is Leaf.CONFIG and payload:
            self.config = payloads.decode(payloads.DeviceConfig, payload)

    def _reading(self, kind: str, payload: bytes, now: float) -> None:
        frame: Any = frames.decode(kind, payload)
        self.kind, self.reading_at = kind, now
        # What this frame does not carry is not known now; what it calls bad is said to be.
        self.values, self.bad = {}, set()
        for source in (frame, *(frame.samples or ())):
            self.bad |= set(source.invalid or ())
            for name in _SHOWN:
                value = getattr(source, name, None)
                if value is not None:
                    self.values[name] = value

    def _compare(self, now: float) -> None:
        count, digest = (self.heartbeat.devices if self.heartbeat else {}).get(self.device, (0, payloads.digest(())))
        same = count == len(self.alarms) and digest == payloads.digest(a.transition for a in self.alarms.values())
        if same:
            self.differs_since = None
        elif self.differs_since is None:
            self.differs_since = now

    def watched(self, now: float, linked: bool) -> bool:
        """Whether somebody watches, and we show what they hold."""
        if not linked or self.heartbeat_at is None or now - self.heartbeat_at > LOST_AFTER_S:
            return False
        return self.differs_since is None or now - self.differs_since <= LOST_AFTER_S

    def render(self, now: float, linked: bool) -> Panel:
        """The screen."""
        name = (self.config.display_name if self.config else "") or self.device
        return Panel(
            Group(self._band(now, linked), self._numbers(now), self._hazards()),
            title=f"{name}  {self.site}/{self.device}",
            subtitle="不控制起重机 watching only",
        )

    def stale(self, now: float) -> bool:
        """Whether the last reading is older than three of the device's declared intervals, or there was none."""
        declared = self.coverage.stale_after_ms if self.coverage else None
        limit = max(LOST_AFTER_S, (declared or 0) / 1000)
        return self.reading_at is None or now - self.reading_at > limit

    def _band(self, now: float, linked: bool) -> Text:
        if not self.watched(now, linked) or self.stale(now):
            why = "" if not self.watched(now, linked) else "  设备无数据 no data from the device"
            return Text(
                f" ▨ 监测中断 NOT MONITORED  限位器仍有效 limiter still works{why} ",
                style="bold white on black reverse",
            )
        active = sorted(self.alarms.values(), key=lambda alarm: -alarm.severity)
        if not active:
            return Text(" ")
        worst = active[0]
        style = "bold white on red" if worst.severity >= Severity.ALARM else "bold black on yellow"
        words = worst.text or payloads.Words(zh=worst.rule, en=worst.rule)
        more = f"  +{len(active) - 1}" if len(active) > 1 else ""
        mark = "■" if worst.severity >= Severity.ALARM else "▲"
        return Text(f" {mark} {words.zh}  {words.en}{more} ", style=style if worst.active else "bold")

    def _numbers(self, now: float) -> Table:
        table = Table.grid(padding=(0, 3))
        age = None if self.reading_at is None else now - self.reading_at
        for channel in KINDS[self.kind].reals:
            if channel.name in self.bad:
                table.add_row(f"{channel.zh} {channel.en}", Text("无效 invalid", style="red"))
            elif channel.name in self.values and self.stale(now):
                table.add_row(f"{channel.zh} {channel.en}", Text("—", style="bright_black"))
            elif channel.name in self.values:
                text = f"{self.values[channel.name]:.{channel.decimals}f} {channel.unit}"
                table.add_row(f"{channel.zh} {channel.en}", Text(text, style="bold"))
        table.add_row("数据 data", "无 none" if age is None else f"{age:.1f} 秒前 s ago")
        return table

    def _hazards(self) -> Text:
        text = Text()
        for hazard, found in (self.coverage.hazards if self.coverage else {}).items():
            mark, colour = _LEVELS[found.level]
            text.append(f"{mark} {hazard}  ", style=colour)
        return text


async def run(mqtt: MqttSettings, site: str, device: str, stop: asyncio.Event, *, once: bool = False) -> None:
    """Show until `stop`. Raises ValueError for ids outside [a-z0-9-]{1,64}."""
    for name in (site, device):
        if not topics.ID.match(name):
            raise ValueError(f"{name!r} is not of [a-z0-9-]{{1,64}}")
    screen = Screen(site, device)
    now: Callable[[], float] = asyncio.get_running_loop().time

    def note(arrival: Arrival) -> None:
        try:
            screen.take(arrival.topic, arrival.payload, now())
        except WireError:
            return

    base = f"{topics.ROOT}/{site}/+/{device}"
    filters = [(f"{base}/{tail}", 1) for tail in ("up/reading", "down/alarm/+", "down/coverage", "down/config")]
    link = Link(
        mqtt, f"terminal-{site}-{device}-{os.getpid()}", filters=[*filters, (topics.heartbeat(site), 0)],
        on_arrival=note, protocol="3.1.1",
    )  # fmt: skip
    console = Console()
    if once:
        try:
            async with asyncio.timeout(8), connected(link):
                await asyncio.sleep(2)
                console.print(screen.render(now(), link.up.is_set()))
        except TimeoutError as error:
            raise BrokerUnavailable(f"no broker answers at {mqtt.host}:{mqtt.port_v3}") from error
        return
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(link.run(), name="terminal.link")
        with Live(console=console, auto_refresh=False, screen=console.is_terminal) as live:
            while not stop.is_set():
                live.update(screen.render(now(), link.up.is_set()), refresh=True)
                try:
                    async with asyncio.timeout(0.25):
                        await stop.wait()
                except TimeoutError:
                    continue
        await link.close()
        await asyncio.wait({running}, timeout=2)
        running.cancel()
