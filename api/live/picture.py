"""
The present, as the broker tells it: one view per device, painted message by message.

Rule 1: pure. Times come in; what changed goes out.
Rule 2: the picture is only as good as its source, so it says how old everything is, whether the broker is there,
and whether the analyzer's heartbeat agrees with the alarms held here. Absence is never "normal".
Rule 3: bounded. Beyond MAX_DEVICES a new device is counted and left out, and so is a rule beyond MAX_RULES.
Rule 4: only what was understood makes a device: a broken frame or an undeclared kind leaves nothing behind but a
count. The analyzer speaks of itself under a kind of its own; its alarms are held, and it is no device.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from telemetry.errors import Refusal, WireError
from telemetry.kinds import KINDS, Store
from telemetry.wire import frames, payloads, topics
from telemetry.wire.topics import Leaf

ANALYZER: Final = "analyzer"  # its alarms about itself: cw/v1/{site}/analyzer/p{n}/down/...
MAX_DEVICES: Final = 20_000
MAX_RULES: Final = 64
HEARTBEAT_MS: Final = 3000
DIFFERS_MS: Final = 3000
SILENT_MS: Final = 3000

Key = tuple[str, str, str]  # site, kind, device
_PAYLOADS: Final[dict[Leaf, Any]] = {
    Leaf.PRESENCE: payloads.Presence,
    Leaf.COVERAGE: payloads.Coverage,
    Leaf.ALARM: payloads.Alarm,
    Leaf.CONFIG: payloads.DeviceConfig,
}


@dataclass(slots=True)
class Reading:
    """The latest sample of a device that this process saw; channels that were absent are absent here."""

    ts: int
    received_ms: int
    boot: str | None
    seq: int | None
    values: dict[str, float | int | bool | str]
    invalid: tuple[str, ...]


@dataclass(slots=True)
class DeviceView:
    """One device, as it is now."""

    site: str
    kind: str
    device: str
    reading: Reading | None = None
    presence: payloads.Presence | None = None
    coverage: payloads.Coverage | None = None
    config: payloads.DeviceConfig | None = None
    alarms: dict[str, payloads.Alarm] = field(default_factory=dict)

    def stale_after_ms(self) -> int:
        """Milliseconds after which a reading is old: three of the device's own declared intervals, at least 1 s."""
        if self.coverage is not None and self.coverage.stale_after_ms is not None:
            return max(self.coverage.stale_after_ms, 1000)
        if self.presence is not None and self.presence.interval_ms is not None:
            return max(3 * self.presence.interval_ms, 1000)
        return max(3 * (self.config.interval_ms if self.config else 1000), 1000)

    def age_ms(self, now: int) -> int | None:
        """Milliseconds since the latest reading came in, or None when none has."""
        return None if self.reading is None else max(0, now - self.reading.received_ms)

    def stale(self, now: int) -> bool:
        """Whether the figures are old, or were never there."""
        age = self.age_ms(now)
        return age is None or age > self.stale_after_ms()

    def gone(self, now: int) -> bool:
        """Whether it was taken off the site, and does not speak either."""
        return self.config is not None and self.config.retired and self.stale(now)


@dataclass(slots=True)
class SiteView:
    """What is known of a whole site."""

    heartbeat: payloads.Heartbeat | None = None
    heartbeat_ms: int = 0
    differs_since: int | None = None
    config: payloads.SiteConfig | None = None
    profile: payloads.SiteProfile | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What a message changed."""

    leaf: str  # a Leaf, or "heartbeat"
    key: Key
    value: Any


class Picture:
    """All sites."""

    def __init__(self) -> None:
        self.devices: dict[Key, DeviceView] = {}
        self._of: dict[str, dict[Key, DeviceView]] = {}  # the same by site: nothing of one site walks over all others
        self.sites: dict[str, SiteView] = {}
        self.broker_up = False
        self.refused = 0  # messages that could not be understood
        self.left_out = 0  # messages of devices or rules beyond the bounds
        self._unconfirmed: set[tuple[Key, str]] = set()

    def link(self, up: bool) -> None:
        """The broker's link came or went. Alarms held from before have to be confirmed by retained messages."""
        self.broker_up = up
        if up:
            self._unconfirmed = {(key, rule) for key, view in self.devices.items() for rule in view.alarms}

    def settle(self) -> list[Change]:
        """Drop the alarms that the broker no longer holds; call it when the retained messages have arrived."""
        dropped = []
        for key, rule in sorted(self._unconfirmed):
            alarm = self.devices[key].alarms.pop(rule, None)
            if alarm is not None:
                dropped.append(Change(Leaf.ALARM, key, (rule, None)))
        self._unconfirmed.clear()
        return dropped

    def apply(self, topic: str, payload: bytes, now: int) -> Change | None:
        """Paint one message in. None when it changes nothing or cannot be understood; both are counted."""
        try:
            levels = topic.split("/")
            if len(levels) == 4:
                return self._site(levels[2], levels[3], payload, now)
            return self._device(topics.parse(topic), payload, now)
        except WireError:
            self.refused += 1
            return None

    def _site(self, site: str, leaf: str, payload: bytes, now: int) -> Change | None:
        if not topics.ID.match(site):
            return None
        if leaf == "heartbeat":
            beat = payloads.decode(payloads.Heartbeat, payload)
            view = self.sites.setdefault(site, SiteView())
            view.heartbeat, view.heartbeat_ms = beat, now
            self._compare(site, now)
            return Change("heartbeat", (site, "", ""), beat)
        if leaf == "config" and payload:
            config = payloads.decode(payloads.SiteConfig, payload)
            view = self.sites.setdefault(site, SiteView())
            if view.config is None or config.version >= view.config.version:
                view.config = config
        if leaf == "profile" and payload:
            profile = payloads.decode(payloads.SiteProfile, payload)
            self.sites.setdefault(site, SiteView()).profile = profile
        return None

    def _device(self, topic: topics.Topic, payload: bytes, now: int) -> Change | None:
        key = (topic.site, topic.kind, topic.device)
        own = topic.kind == ANALYZER and topic.leaf in (Leaf.ALARM, Leaf.TRANSITION)
        if topic.kind not in KINDS and not own:
            raise WireError(Refusal.KIND, f"kind {topic.kind!r} is not declared")
        if topic.leaf is Leaf.TRANSITION:
            return Change(Leaf.TRANSITION, key, payloads.decode(payloads.Transition, payload))
        # Decoded before there is a view, so that what cannot be understood makes no device.
        decoded = _decode(topic, payload, now)
        view = self.devices.get(key) if decoded is None else self._view(key)
        if view is None:
            return None
        if topic.leaf is Leaf.READING:
            view.reading = decoded
        elif topic.leaf is Leaf.PRESENCE:
            view.presence = decoded
        elif topic.leaf is Leaf.COVERAGE:
            view.coverage = decoded
        elif topic.leaf is Leaf.ALARM and topic.rule is not None:
            return self._alarm(view, key, topic.rule, decoded, now)
        else:
            if decoded is not None and (view.config is None or decoded.version >= view.config.version):
                view.config = decoded
            return None
        return Change(topic.leaf, key, decoded)

    def recall(self, key: Key, reading: Reading) -> Change | None:
        """What a device said before anybody listened here; None when it has been heard since."""
        view = self._view(key)
        if view is None or view.reading is not None:
            return None
        view.reading = reading
        return Change(Leaf.READING, key, reading)

    def _view(self, key: Key) -> DeviceView | None:
        view = self.devices.get(key)
        if view is None:
            if len(self.devices) >= MAX_DEVICES:
                self.left_out += 1
                return None
            view = self.devices[key] = DeviceView(*key)
            self._of.setdefault(key[0], {})[key] = view
            self.sites.setdefault(key[0], SiteView())
        return view

    def _alarm(self, view: DeviceView, key: Key, rule: str, alarm: payloads.Alarm | None, now: int) -> Change | None:
        self._unconfirmed.discard((key, rule))
        if alarm is None:
            if view.alarms.pop(rule, None) is None:
                return None
            self._compare(key[0], now)
            return Change(Leaf.ALARM, key, (rule, None))
        if rule not in view.alarms and len(view.alarms) >= MAX_RULES:
            self.left_out += 1
            return None
        view.alarms[rule] = alarm
        self._compare(key[0], now)
        return Change(Leaf.ALARM, key, (rule, alarm))

    def _compare(self, site: str, now: int) -> None:
        view = self.sites[site] if site in self.sites else SiteView()
        if view.heartbeat is None:
            return
        held = [
            alarm.transition
            for device in self._of.get(site, {}).values()
            for alarm in device.alarms.values()  # also a hold whose alarm is normal again: the analyzer counts it
        ]
        if len(held) == view.heartbeat.active and payloads.digest(held) == view.heartbeat.digest:
            view.differs_since = None
        elif view.differs_since is None:
            view.differs_since = now

    def lost(self, site: str, now: int) -> payloads.Words | None:
        """Why nobody may say that this site is watched, or None."""
        if not self.broker_up:
            return payloads.Words(zh="与消息服务器的连接中断", en="no connection to the broker")
        view = self.sites.get(site)
        if view is None or view.heartbeat is None:
            return payloads.Words(zh="尚未收到分析服务心跳", en="no heartbeat of the analyzer yet")
        if now - view.heartbeat_ms > HEARTBEAT_MS:
            seconds = (now - view.heartbeat_ms) // 1000
            return payloads.Words(zh=f"分析服务 {seconds} 秒无心跳", en=f"no heartbeat of the analyzer for {seconds} s")
        if view.differs_since is not None and now - view.differs_since > DIFFERS_MS:
            return payloads.Words(zh="报警状态与分析服务不一致", en="alarms out of step with the analyzer")
        return None

    def of(self, site: str) -> list[DeviceView]:
        """The devices of a site, by kind and id: without the analyzer, and without what only alarms are told under."""
        return [
            view
            for view in self.alarmed(site)
            if view.kind != ANALYZER and (view.reading or view.presence or view.config or view.coverage)
        ]

    def present(self, site: str, now: int) -> list[DeviceView]:
        """The devices of a site but those that were taken off it."""
        return [view for view in self.of(site) if not view.gone(now)]

    def alarmed(self, site: str) -> list[DeviceView]:
        """All that may have alarms at a site: its devices, and the analyzer about itself."""
        views = self._of.get(site, {})
        return [views[key] for key in sorted(views)]

    def find(self, site: str, device: str) -> list[DeviceView]:
        """The devices of that name: one, none, or one of each of several kinds."""
        found = (self.devices.get((site, kind, device)) for kind in KINDS)
        return [view for view in found if view is not None]


def _decode(topic: topics.Topic, payload: bytes, now: int) -> Any:
    """What a device's message says; None when it is cleared or nothing for us. Raises WireError."""
    if topic.leaf is Leaf.READING:
        return latest(topic.kind, frames.decode(topic.kind, payload), now)
    type_ = _PAYLOADS.get(topic.leaf)
    return payloads.decode(type_, payload) if type_ is not None and payload else None


def latest(kind: str, frame: frames.Frame, now: int) -> Reading:
    """The last sample of a frame, with what the frame itself says of every sample."""
    last: Any = frame.samples[-1] if frame.samples else frame
    values: dict[str, float | int | bool | str] = {}
    for channel in KINDS[kind].channels:
        value = getattr(last, channel.name)
        if value is None:
            value = getattr(frame, channel.name)
        if value is not None:
            values[channel.name] = value
    invalid = {*(frame.invalid or ()), *(last.invalid or ())}
    for channel in KINDS[kind].channels:
        value = values.get(channel.name)
        if channel.store is Store.REAL and value is not None and not channel.low <= float(value) <= channel.high:
            invalid.add(channel.name)
    return Reading(int(last.ts), now, frame.boot, frame.seq, values, tuple(sorted(invalid)))
