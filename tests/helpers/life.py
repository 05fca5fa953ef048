"""The life of a crane in front of a live engine that hears only a part of it, and what stays of it in a record."""

import random
from typing import Any

import msgspec

from analytics.engine import Engine
from analytics.replay import History, Told
from analytics.review.seam import Logged
from telemetry import profiles
from telemetry.limit_profile import Profile
from telemetry.storage.items import Item, Noted, Reading
from telemetry.wire import topics
from telemetry.wire.cycle import Cycle
from telemetry.wire.payloads import Chart, DeviceConfig, Evaluated, Presence, Response, Terms, Transition
from tests.helpers.limits import number, published
from tests.helpers.site import CHART, START, arrived

KEY = ("site", "crane", "c1")
BOOTS = ("boot-00000001", "boot-00000002")
EDITS = (
    f"[crane.moment.steps.alarm]\nset = {number(104)}\nclear = {number(101)}\noff_s = {number(5)}\n",
    f"[crane.moment.steps.alarm]\nset = {number(95)}\nclear = {number(93)}\n",
    "[crane.moment]\nchannel = 'load_pct'\nsuppressed_in = ['parked']\n",
    "[crane.wind]\nsuppressed_in = []\n",
    f"[crane.figures]\ngust_s = {number(6)}\n[crane.moment.steps.peak]\nremove = true\n",
    "",
)  # what a device's own limits fit


class Life:
    """A crane that talks to a live engine, which hears only a part of it."""

    def __init__(
        self, seed: int, *, samples: int = 700, gaps: int = 2, start: int = 0, deaf: str = "", edits: bool = False
    ) -> None:
        """`deaf`: a boot of which nothing is heard; `edits`: limits are published now and then."""
        self.rng = random.Random(seed)  # noqa: S311 - a story, not a secret
        self.editor = random.Random(seed)  # noqa: S311 - of its own, so that the rest of the story stays as it is
        self.edits = edits
        self.published: list[Profile] = []
        self.engine = Engine()
        self.ts = START
        self.frames: list[Told] = []
        self.live: list[Transition] = []
        self.cycles: list[Cycle] = []
        self.terms: list[Terms] = []
        self.ranges: dict[str, list[tuple[int, int]]] = {}
        self.heard: list[Told] = []
        lost = self._gaps(samples, gaps, start)
        self._take(self.engine.configure(*KEY, config(1), START))
        self._take(self.engine.presence(*KEY, Presence(online=True, boot=BOOTS[0], interval_ms=1000), START))
        n = 0
        for boot in BOOTS:
            for seq in range(1, samples // 2 + 1):
                self._frame(boot, seq, lost=n in lost or boot == deaf)
                n += 1
                if n not in lost and boot != deaf:
                    self._someone_acts(n)
        self.tick()

    def _gaps(self, samples: int, gaps: int, start: int) -> set[int]:
        lost: set[int] = set()
        for _ in range(gaps):
            first = self.rng.randrange(start, samples)
            lost.update(range(first, min(samples, first + self.rng.choice([1, 5, 40, 120]))))
        return lost

    def _frame(self, boot: str, seq: int, *, lost: bool) -> None:
        r = self.rng
        self.ts += 1000 if r.random() > 0.01 else r.choice([3000, 9000])
        swing = 1.5 + 1.9 * (seq % 97 < 30) * r.random() + 0.5 * (seq % 41 > 30) + 1.6 * (40 <= seq % 97 < 46)
        wind = 6.0 + 9.0 * (seq % 1201 > 1150)
        mode = "parked" if seq % 173 > 150 else "working"
        one = arrived(
            "c1", received=self.ts + 40, boot=boot, seq=seq, ts=self.ts, load_t=round(swing, 2), radius_m=42.0,
            falls=2, wind_mps=round(wind + r.random(), 1), tilt_x_deg=0.1, tilt_y_deg=0.0, mode=mode,
        )  # fmt: skip
        self.frames.append(Told(one.frame, one.received + (3_600_000 if lost else 0)))
        if not lost:
            self.heard.append(Told(one.frame, one.received))
            self._take(self.engine.feed([one]))

    def _edit(self) -> None:
        body = self.editor.choice(EDITS)
        sent = published(body, version=len(self.published) + 1)
        self.published.append(profiles.parse(sent.text))
        self._take(self.engine.publish_profile(KEY[0], sent, self.ts))

    def _someone_acts(self, n: int) -> None:
        if self.edits and self.editor.random() < 0.02:
            self._edit()
        r = self.rng.random()
        if r < 0.03:
            self._answer("acknowledge")
        elif r < 0.035:
            self._answer("release")
        elif r < 0.04:
            self._answer("set_mode", mode=self.rng.choice(["working", "storm", "testing"]))
        elif r < 0.044:
            self._answer("disable", why="being repaired")
        elif r < 0.06:
            self._answer("enable")
        elif r < 0.065:
            self._take(self.engine.configure(*KEY, config(2 + n, self.rng.choice([90.0, 95.0])), self.ts))
        elif r < 0.2:
            self.tick()

    def _answer(self, action: str, **fields: Any) -> None:
        rules = ["moment"] if action == "set_mode" else sorted(self.engine.annunciator.records.get(KEY, {"wind": None}))
        for rule in rules:
            number = f"answer-{self.rng.randrange(10**9):09d}"
            said = {"id": number, "action": action, "at": self.ts, "who": "li", **fields}
            said |= {} if action == "set_mode" else {"rule": rule}
            self._take(self.engine.respond(*KEY, msgspec.convert(said, Response), self.ts))

    def tick(self) -> None:
        self._take(self.engine.tick(self.ts + 50, self.ts + 50))

    def forget(self) -> None:
        """The analyzer loses its folder; it takes its alarms over from the broker."""
        retained = {(key, rule): alarm for (key, rule), alarm in self.engine.retained().alarms.items()}
        self.engine = Engine()
        self._take(self.engine.configure(*KEY, config(1), self.ts))
        self._take(self.engine.adopt([(key, rule, alarm) for (key, rule), alarm in retained.items()], self.ts))

    def _take(self, outcome: Any) -> None:
        self.live += outcome.transitions
        self.cycles += outcome.cycles
        for report in outcome.evaluated.values():
            self.terms += report.terms
            for boot, ranges in report.boots.items():
                self.ranges.setdefault(boot, []).extend(ranges)

    @property
    def answers(self) -> list[Transition]:
        return [t for t in self.live if t.observed and t.cause.seq is None]

    @property
    def derived(self) -> list[Transition]:
        return [t for t in self.live if not t.observed]

    def history(self, frames: list[Told] | None = None) -> History:
        told = self.frames if frames is None else frames
        return History(KEY, BOOTS, told, self.terms, self.answers, self.published)

    @property
    def late(self) -> dict[str, list[tuple[int, int]]]:
        heard = {(told.frame.boot, told.frame.seq) for told in self.heard}
        found: dict[str, list[tuple[int, int]]] = {}
        for told in self.frames:
            boot, seq = told.frame.boot, told.frame.seq
            if boot and seq and (boot, seq) not in heard:
                found.setdefault(boot, []).append((seq, seq))
        return found

    def log(self) -> list[Logged]:
        return [Logged(t) for t in self.derived + self.answers]


def config(version: int, moment: float = 100.0) -> DeviceConfig:
    limits = {} if moment == 100.0 else {"moment": {"alarm": moment, "prewarning": moment - 8}}
    charts = [CHART, Chart(falls=4, points=[(2.5, 8.0), (30.0, 4.0)])]
    return DeviceConfig(version=version, charts=charts, interval_ms=1000, limits=limits)


def ids(transitions: list[Transition]) -> set[str]:
    return {t.id for t in transitions}


def quiet(*, lost: Any, over: Any, n: int = 400, missing_over: Any = (), at: int = START) -> Life:
    """A crane at rest, but for `over`; `lost` frames come late; frames are counted from 0."""
    life = Life(0, samples=0, gaps=0)
    life.ts = at
    life._take(life.engine.presence(*KEY, Presence(online=True, boot=BOOTS[0], interval_ms=1000), START))
    more(life, n=n, lost=lost, over={*over, *missing_over})
    return life


def lifting(*, lost: Any, lifts: int = 5, n: int = 600) -> Life:
    """A crane at 1 Hz that lifts two tonnes for 80 s of every 120, from the 21st frame on; `lost` frames come late."""
    life = Life(0, samples=0, gaps=0)
    life._take(life.engine.presence(*KEY, Presence(online=True, boot=BOOTS[0], interval_ms=1000), START))
    for k in range(n):
        life.ts += 1000
        of_lift = (k - 20) % 120
        hangs = 20 <= k < 20 + 120 * lifts and of_lift < 80
        one = arrived(
            "c1", received=life.ts, boot=BOOTS[0], seq=k + 1, ts=life.ts, load_t=2.0 if hangs else 0.02, radius_m=30.0,
            hook_m=2.0 + min(of_lift, 80 - of_lift) if hangs else 2.0, slew_deg=5.0, falls=2, wind_mps=3.0,
        )  # fmt: skip
        life.frames.append(Told(one.frame, one.received))
        if k not in lost:
            life.heard.append(Told(one.frame, one.received))
            life._take(life.engine.feed([one]))
    life.tick()
    return life


def more(life: Life, *, n: int, over: Any, lost: Any = ()) -> None:
    first = len(life.frames)
    for k in range(first, first + n):
        life.ts += 1000
        one = arrived(
            "c1", received=life.ts, boot=BOOTS[0], seq=k + 1, ts=life.ts, load_t=2.9 if k in over else 0.5,
            radius_m=42.0, falls=2, wind_mps=3.0, tilt_x_deg=0.1, tilt_y_deg=0.0,
        )  # fmt: skip
        life.frames.append(Told(one.frame, one.received))
        if k not in lost:
            life.heard.append(Told(one.frame, one.received))
            life._take(life.engine.feed([one]))
    life.tick()


def items(life: Life, told: list[Told], lane: str = "up") -> list[Item]:
    """Frames as ingest would store them."""
    topic = topics.parse(f"cw/v1/{KEY[0]}/{KEY[1]}/{KEY[2]}/{lane}/reading")
    return [Reading(topic, one.frame, b"") for one in told]


def notes(life: Life, after: int = 0) -> list[Item]:
    """What the live engine published, as ingest would store it; transitions from the `after`-th on."""
    where = f"cw/v1/{KEY[0]}/{KEY[1]}/{KEY[2]}/down"
    said: list[Item] = [Noted(topics.parse(f"{where}/transition"), t, b"") for t in life.live[after:]]
    said += [Noted(topics.parse(f"{where}/cycle"), cycle, b"") for cycle in life.cycles]
    report = Evaluated(boots=life.ranges, terms=life.terms)
    return [*said, Noted(topics.parse(f"{where}/evaluated"), report, b"")]
