"""The seam between what was evaluated live and what came late: three equalities, on random lives of a crane."""

import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.engine import Engine
from analytics.replay import History, Told, replay
from analytics.review.seam import HORIZON_MS, Logged, Reviewed, begin_ms, review
from telemetry.model import Origin, Signal
from telemetry.wire.payloads import Chart, DeviceConfig, Presence, Response, Terms, Transition, encode
from tests.helpers.site import CHART, START, arrived

KEY = ("site", "crane", "c1")
BOOTS = ("boot-00000001", "boot-00000002")


class Life:
    """A crane that talks to a live engine, which hears only a part of it."""

    def __init__(self, seed: int, *, samples: int = 700, gaps: int = 2, start: int = 0) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - a story, not a secret
        self.engine = Engine()
        self.ts = START
        self.frames: list[Told] = []
        self.live: list[Transition] = []
        self.terms: list[Terms] = []
        self.ranges: dict[str, list[tuple[int, int]]] = {}
        self.heard: list[Told] = []
        lost = self._gaps(samples, gaps, start)
        self._take(self.engine.configure(*KEY, config(1), START))
        self._take(self.engine.presence(*KEY, Presence(online=True, boot=BOOTS[0], interval_ms=1000), START))
        n = 0
        for boot in BOOTS:
            for seq in range(1, samples // 2 + 1):
                self._frame(boot, seq, lost=n in lost)
                n += 1
                if n not in lost:
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
        swing = 1.5 + 1.9 * (seq % 97 < 30) * r.random() + 0.5 * (seq % 41 > 30)
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

    def _someone_acts(self, n: int) -> None:
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
        return History(KEY, BOOTS, self.frames if frames is None else frames, self.terms, self.answers)

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


def reviewed(life: Life, **how: Any) -> Reviewed:
    found = review(life.history(), life.log(), life.late, **{"whole": True, **how})
    assert found is not None
    return found


@settings(max_examples=10)
@given(st.integers(0, 10**6))
def test_replaying_what_was_evaluated_gives_the_live_log_byte_for_byte(seed: int) -> None:
    life = Life(seed)
    again = replay(life.history(life.heard))
    assert [encode(t) for t in again] == [encode(t) for t in life.derived]
    assert len(again) > 5


@settings(max_examples=10)
@given(st.integers(0, 10**6))
def test_replaying_what_is_stored_gives_live_and_review_less_what_was_not_reproduced(seed: int) -> None:
    life = Life(seed)
    if not life.late:
        return
    found = reviewed(life)
    again = replay(life.history(), ids(life.live))
    assert ids(again) == (ids(life.derived) | ids(found.added)) - set(found.not_reproduced)
    changed = {t.id: t for t in found.changed}
    for one in again:
        logged = changed.get(one.id) or next((t for t in life.derived if t.id == one.id), None)
        if logged is not None:
            assert encode(one) == encode(logged)


@settings(max_examples=3)
@given(st.integers(0, 10**6))
def test_a_review_that_begins_in_the_middle_of_a_life_finds_the_same(seed: int) -> None:
    life = Life(seed, samples=2600, gaps=1, start=2200)
    if not life.late:
        return
    late_from = min(told.frame.ts for told in life.frames if told.received > told.frame.ts + 3_000_000)
    begin = begin_ms(life.log(), late_from)
    near = [told for told in life.frames if told.frame.ts > begin]
    middle = review(life.history(near), life.log(), life.late, whole=False)
    whole = reviewed(life)
    assert middle is not None
    assert (middle.added, middle.not_reproduced, middle.changed) == (whole.added, whole.not_reproduced, whole.changed)


def test_an_overload_while_the_link_was_down_is_found_and_waits_for_nobody() -> None:
    life = quiet(lost=range(100, 140), over=range(110, 130))
    assert life.derived == []
    found = reviewed(life)
    assert [(t.rule, str(t.signal), str(t.state)) for t in found.added] == [
        ("moment", "raise", "acknowledged"), ("moment", "clear", "normal"),
    ]  # fmt: skip
    assert {t.origin for t in found.added} == {Origin.REVIEW}
    assert found.finding is not None
    assert found.finding.life_safety
    assert not found.finding.holds


def test_a_live_alarm_that_the_whole_record_does_not_show_is_annotated() -> None:
    # Live, five frames at the limit and a gap; in the gap the load is set down, so that no second one follows.
    life = quiet(lost=range(111, 118), over=[109, 110, *range(118, 122)], missing_over=range(112, 118))
    live = [t for t in life.derived if t.signal is Signal.RAISE]
    found = reviewed(life)
    assert found.not_reproduced == [t.id for t in live]
    assert [t.signal for t in found.added][:1] == [Signal.RAISE]


def test_without_late_frames_there_is_nothing_to_review() -> None:
    life = quiet(lost=(), over=range(110, 120))
    assert review(life.history(), life.log(), {}, whole=True) is None


def test_a_review_is_settled_when_the_longest_window_has_passed_and_the_states_agree() -> None:
    assert not reviewed(quiet(lost=range(100, 140), over=(), n=400)).settled
    assert reviewed(quiet(lost=range(100, 140), over=(), n=400 + HORIZON_MS // 1000)).settled


def test_a_second_review_takes_back_what_the_first_said_for_want_of_frames() -> None:
    life = quiet(lost=range(111, 118), over=[109, 110, *range(118, 122)], missing_over=range(112, 118))
    first = reviewed(life)
    log = [entry._replace(denied=entry.transition.id in first.not_reproduced) for entry in life.log()]
    log += [Logged(t) for t in first.added]
    again = review(life.history(life.heard), log, {BOOTS[0]: [(50, 50)]}, whole=True)
    assert again is not None
    assert again.agreed == first.not_reproduced
    assert again.not_reproduced == [t.id for t in first.added if t.id not in ids(life.derived)]


@pytest.mark.parametrize("at", [200, 330, 480])
def test_what_was_evaluated_without_memory_is_reviewed_too(at: int) -> None:
    life = quiet(lost=(), over=range(300, 330), n=at)
    life.forget()
    more(life, n=700 - at, over=range(300, 330))
    starts = [(terms.boot, terms.seq) for terms in life.terms if terms.start]
    assert len(starts) == 2
    found = review(life.history(), life.log(), {}, starts[1:], whole=True)
    assert found is not None
    assert found.added == []
    assert found.not_reproduced == []
    again = replay(life.history(), ids(life.live))
    assert ids(again) == ids(life.derived)


def quiet(*, lost: Any, over: Any, n: int = 400, missing_over: Any = ()) -> Life:
    """A crane at rest, but for `over`; `lost` frames come late; frames are counted from 0."""
    life = Life(0, samples=0, gaps=0)
    life._take(life.engine.presence(*KEY, Presence(online=True, boot=BOOTS[0], interval_ms=1000), START))
    more(life, n=n, lost=lost, over={*over, *missing_over})
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
