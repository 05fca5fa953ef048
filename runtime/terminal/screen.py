"""
The cab terminal as text: what is known of one device, how it looks, what it sounds. Pure but for times that come in.

Rule 1: absence of a message is never "normal": without the analyzer's heartbeat, or with another set of alarms than
it says, the screen reads 监测中断 NOT MONITORED.
Rule 2: never a number without its age; never the words safe or protected.
Rule 3: the bell follows `cab` of the alarms, as the page's sound does: it never latches, and silence ends sound only.
"""

import secrets
from dataclasses import dataclass, field
from typing import Any, Final

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from runtime.terminal import blackbox, proof, reach
from telemetry.kinds import KINDS
from telemetry.model import Action, CoverageLevel, Hazard, Severity, State
from telemetry.wire import frames, payloads, topics
from telemetry.wire.topics import Leaf

LOST_AFTER_S: Final = 3.0
SILENCE_S: Final = 30.0
BELL_S: Final = 1.0  # an alarm rings every second
LOST_BELL_S: Final = 30.0
_SHOWN: Final = ("load_t", "radius_m", "hook_m", "wind_mps", "tilt_x_deg", "tilt_y_deg", "force_kn", "settle_mm",
                 "shift_x_mm", "shift_y_mm", "falls", "rated_load_t", "operator", "mode", "device_prewarn",
                 "device_alarm")  # fmt: skip
_QUIET: Final = (State.DISABLED, State.SUPPRESSED, State.SHELVED, State.NORMAL)
_SEEN_AT: Final = 2  # of what does not sound, a pre-warning or worse is shown
_LEVELS: Final = {
    CoverageLevel.MONITORED: ("✓", "green"),
    CoverageLevel.DEGRADED: ("!", "yellow"),
    CoverageLevel.BLIND: ("▨", "red"),
    CoverageLevel.NOT_MONITORED: ("✗", "bright_black"),
}
HAZARDS: Final[dict[Hazard, tuple[str, str]]] = {
    Hazard.LOAD: ("载荷", "LOAD"), Hazard.MOMENT: ("力矩", "MOMENT"), Hazard.WIND: ("风", "WIND"),
    Hazard.TILT: ("倾角", "TILT"), Hazard.LIMITS: ("限位", "LIMITS"), Hazard.ZONES: ("区域", "ZONES"),
    Hazard.ANTI_COLLISION: ("群塔防碰撞", "ANTI-COLLISION"), Hazard.IDENTITY: ("身份", "IDENTITY"),
    Hazard.FORCE: ("轴力", "FORCE"), Hazard.SETTLEMENT: ("沉降", "SETTLEMENT"), Hazard.SHIFT: ("位移", "SHIFT"),
}  # fmt: skip
HOLD: Final = payloads.Words(zh="停用待检 未经检查不得起吊", en="STOPPED FOR INSPECTION do not lift")


@dataclass
class Screen:
    """What is known of one device."""

    site: str
    device: str
    alarms: dict[str, payloads.Alarm] = field(default_factory=dict)
    coverage: payloads.Coverage | None = None
    config: payloads.DeviceConfig | None = None
    values: dict[str, Any] = field(default_factory=dict)
    bad: set[str] = field(default_factory=set)
    kind: str = "crane"
    known: bool = False  # whether `kind` was heard
    refused: str | None = None  # why the broker does not let us in
    reading_at: float | None = None
    heartbeat: payloads.Heartbeat | None = None
    heartbeat_at: float | None = None
    differs_since: float | None = None
    to_show: list[str] = field(default_factory=list)  # transitions that await a receipt
    muted: dict[str, tuple[str, float]] = field(default_factory=dict)  # rule → transition, until (loop time)
    rung: dict[str, float] = field(default_factory=dict)  # transition of a pulse → when it rang
    rung_at: float = float("-inf")
    confirmed: str | None = None  # the proof test that the operator has confirmed
    lost_since: float | None = None

    # What arrives

    def take(self, topic: str, payload: bytes, now: float) -> None:
        """A message has arrived. Raises WireError for one that is not of the contract."""
        if topic == topics.heartbeat(self.site):
            self.heartbeat = payloads.decode(payloads.Heartbeat, payload)
            self.heartbeat_at = now
            self._compare(now)
            return
        parsed = topics.parse(topic)
        self.kind, self.known = parsed.kind, True
        if parsed.leaf is Leaf.READING:
            self._reading(parsed.kind, payload, now)
        elif parsed.leaf is Leaf.ALARM and parsed.rule is not None:
            self._alarm(parsed.rule, payload, now)
        elif parsed.leaf is Leaf.COVERAGE and payload:
            self.coverage = payloads.decode(payloads.Coverage, payload)
        elif parsed.leaf is Leaf.CONFIG and payload:
            self.config = payloads.decode(payloads.DeviceConfig, payload)

    def _alarm(self, rule: str, payload: bytes, now: float) -> None:
        if payload:
            alarm = payloads.decode(payloads.Alarm, payload)
            held = self.alarms.get(rule)
            if held is None or held.transition != alarm.transition:
                self.to_show.append(alarm.transition)
                del self.to_show[:-64]
            self.alarms[rule] = alarm
            mute = self.muted.get(rule)
            if mute is not None and (mute[0] != alarm.transition or alarm.cab in ("silenced", "none")):
                del self.muted[rule]  # the analyzer has taken the silence over, or it is another alarm
        else:
            self.alarms.pop(rule, None)
            self.muted.pop(rule, None)
        self._compare(now)

    def _reading(self, kind: str, payload: bytes, now: float) -> None:
        frame: Any = frames.decode(kind, payload)
        self.reading_at = now
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

    # What follows

    def watched(self, now: float, linked: bool) -> bool:
        """Whether somebody watches, and we show what they hold."""
        if not linked or self.heartbeat_at is None or now - self.heartbeat_at > LOST_AFTER_S:
            return False
        return self.differs_since is None or now - self.differs_since <= LOST_AFTER_S

    def stale(self, now: float) -> bool:
        """Whether the last reading is older than three of the device's declared intervals, or there was none."""
        declared = self.coverage.stale_after_ms if self.coverage else None
        limit = max(LOST_AFTER_S, (declared or 0) / 1000)
        return self.reading_at is None or now - self.reading_at > limit

    def shown(self) -> list[payloads.Alarm]:
        """The alarms that concern the cab, worst first; a desk's business is not shown here."""
        mine = [alarm for alarm in self.alarms.values() if self._concerns(alarm)]
        return sorted(mine, key=lambda alarm: (-alarm.severity, not alarm.active, -alarm.since))

    @staticmethod
    def _concerns(alarm: payloads.Alarm) -> bool:
        if alarm.state in _QUIET or proof.own(alarm):
            return alarm.hold
        if alarm.hold or alarm.cab != "none":
            return True
        return alarm.active and alarm.severity >= _SEEN_AT and alarm.hazard not in (None, Hazard.IDENTITY)

    def silence(self, now: float, at: int) -> list[payloads.Response]:
        """The key, at `at` (Unix ms): quiet here at once, and the answers to send. It quiets sound, nothing else."""
        answers: list[payloads.Response] = []
        for rule, alarm in self.alarms.items():
            if alarm.cab in ("pulse", "continuous"):
                until = float("inf") if alarm.cab == "pulse" else now + SILENCE_S
                self.muted[rule] = (alarm.transition, until)
                answers.append(
                    payloads.Response(id=secrets.token_hex(12), action=Action.SILENCE, at=at, rule=rule,
                                      who=str(self.values.get("operator") or self.device),
                                      transition=alarm.transition)
                )  # fmt: skip
        return answers

    def bell(self, now: float, linked: bool) -> bool:
        """Whether to ring now: every second in an alarm, twice for a pre-warning, every 30 s when nobody watches."""
        loud = [alarm for alarm in self.alarms.values() if not self._quiet(alarm, now)]
        if self.watched(now, linked) and not self.stale(now):
            self.lost_since = None
        elif self.lost_since is None:
            self.lost_since = now
        every = float("inf")
        if any(alarm.cab == "continuous" for alarm in loud):
            every = BELL_S
        elif any(alarm.cab == "pulse" and now - self.rung.setdefault(alarm.transition, now) < 1 for alarm in loud):
            every = 0.4
        elif self.lost_since is None and proof.sounds(self):
            every = proof.BELL_S
        elif self.lost_since is not None and now - self.lost_since > LOST_AFTER_S:
            every = LOST_BELL_S
        if every == float("inf") or now - self.rung_at < every:
            return False
        self.rung_at = now
        return True

    def _quiet(self, alarm: payloads.Alarm, now: float) -> bool:
        beside = self.config.cab_sound if self.config is not None else "all"
        if beside == "none" or (beside == "extra" and blackbox.sounds(alarm, self.values)):
            return True
        mute = self.muted.get(alarm.rule)
        return mute is not None and now < mute[1]

    # How it looks

    def render(self, now: float, linked: bool) -> Panel:
        """The screen."""
        name = (self.config.display_name if self.config else "") or self.device
        keys = "空格 消音 space: silence · t 测试 test · q 退出 quit"
        return Panel(
            Group(self._band(now, linked), self._numbers(now), self._hazards()),
            title=f"{name}  {self.site}/{self.device}",
            subtitle=f"不控制起重机 watching only · {keys}",
        )

    def _band(self, now: float, linked: bool) -> Text:
        if not self.watched(now, linked) or self.stale(now):
            text = Text(" ▨ 监测中断 NOT MONITORED ", style="bold white on black reverse")
            text.append(f" {self._why(now, linked)} ")
            text.append(
                "\n   限位器仍有效 按规程操作或停机 通知地面  limiter still works, follow site rule, call ground"
            )
            return text
        active = self.shown()
        if not active:
            test = proof.shown(self)
            return proof.band(test) if test is not None else self._weak()
        worst = active[0]
        style = "bold white on red" if worst.severity >= Severity.ALARM else "bold black on yellow"
        words = worst.text or payloads.Words(zh=worst.rule, en=worst.rule)
        action = worst.action or payloads.Words(zh="", en="")
        if worst.hold and not worst.active:
            words, action, style = HOLD, words, "bold white on red"
        more = f"  +{len(active) - 1}" if len(active) > 1 else ""
        mark = "■" if worst.severity >= Severity.ALARM else "▲"
        mute = self.muted.get(worst.rule)
        quiet = worst.cab == "silenced" or (mute is not None and now < mute[1])
        text = Text(f" {mark} {words.zh} {action.zh}{more} ", style=style)
        text.append(f"\n   {words.en} {action.en} {'已消音 SILENCED ' if quiet else ''}", style=style)
        return text

    def _why(self, now: float, linked: bool) -> str:
        if self.refused:
            return self.refused
        if not linked:
            return "连不上服务器 broker not reachable"
        if not self.watched(now, linked):
            known = self.heartbeat_at is not None and now - self.heartbeat_at <= LOST_AFTER_S
            return "报警状态不一致 alarms out of step" if known else "分析服务无心跳 analyzer silent"
        return "设备无数据 no data from the device"

    def _weak(self) -> Text:
        """No alarm: empty, or which hazard is not watched at this moment."""
        hazards = self.coverage.hazards if self.coverage else {}
        weak = [hazard for hazard, one in hazards.items() if one.level in (CoverageLevel.BLIND, CoverageLevel.DEGRADED)]
        if self.coverage is None:
            return Text(" ! 监测范围未知 COVERAGE UNKNOWN ", style="bold")
        if not weak:
            return Text(" ")
        zh, en = HAZARDS[weak[0]]
        rest = "其余正常 others normal" if len(weak) == 1 else f"+{len(weak) - 1}"
        word = "无数据 NO DATA" if hazards[weak[0]].level is CoverageLevel.BLIND else "监测降级 DEGRADED"
        return Text(f" ! {zh} {en} {word}  {rest} ", style="bold")

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
        if self.kind == "crane":
            table.add_row(*self._reach(now))
        eta = next((alarm.eta_s for alarm in self.shown() if alarm.active and alarm.eta_s), None)
        if eta is not None and not self.stale(now):
            table.add_row("到限约 to limit", Text(f"{eta[0] / 60:.0f}–{eta[1] / 60:.0f} 分 min", style="bold"))
        if self.values.get("operator") and not self.stale(now):
            table.add_row("司机 operator", str(self.values["operator"]))
        table.add_row("数据 data", "无 none" if age is None else f"{age:.1f} 秒前 s ago")
        return table

    def _reach(self, now: float) -> tuple[str, Text]:
        def known(name: str) -> float | None:
            return None if name in self.bad or self.stale(now) else self.values.get(name)

        charts = self.config.charts if self.config else []
        radius = known("radius_m")
        out = reach.out_to(charts, known("falls"), known("load_t"), known("rated_load_t"), radius)
        inward = out is not None and radius is not None and out < radius
        label = "须收幅至 come in to" if inward else "可外变幅至 out to"
        return label, Text("—" if out is None else f"{out:.1f} m", style="bold")

    def _hazards(self) -> Text:
        text = Text()
        for hazard, found in (self.coverage.hazards if self.coverage else {}).items():
            mark, colour = _LEVELS[found.level]
            word = " 未监测 NOT MONITORED" if found.level is CoverageLevel.NOT_MONITORED else ""
            zh, en = HAZARDS[hazard]
            text.append(f"{mark} {zh} {en}{word}  ", style=colour)
        return text
