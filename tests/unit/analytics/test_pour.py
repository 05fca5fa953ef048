"""A formwork bay under a pour: what one post's own readings say, and what they must not say."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from analytics.engine import Engine
from telemetry.model import Hazard, Severity
from telemetry.wire.payloads import DeviceConfig
from tests.helpers.site import BOOT, START, Rig, arrived, story

POSTS = 2000
N_KN, TAU_S, STEP_S, NOISE_KN = 10.0, 600.0, 30.0, 0.045  # product review 2.1 no. 10
DESIGN_KN = 15.0


def pours(*, posts: int = POSTS, minutes: float = 40.0, seed: int = 10) -> np.ndarray[Any, Any]:
    """The force of each post in kN, (posts, samples): nothing, then the front passes, then it fills."""
    noise = np.random.default_rng(seed)
    t = np.arange(0.0, 60.0 * minutes, STEP_S)
    front = noise.uniform(300.0, 420.0, posts)
    age = np.maximum(t - front[:, None], 0.0)
    force: np.ndarray[Any, Any] = N_KN * (1 - np.exp(-age / TAU_S)) + noise.normal(0, NOISE_KN, age.shape)
    return force


def naive(force: np.ndarray[Any, Any], rise_kn: float) -> float:
    """The share of posts where a reading is ever above 1.5 x the mean of the last three and `rise_kn` above it."""
    mean = (force[:, :-3] + force[:, 1:-2] + force[:, 2:-1]) / 3
    return float(((force[:, 3:] > 1.5 * mean) & (force[:, 3:] - mean >= rise_kn)).any(axis=1).mean())


def said_by(force: np.ndarray[Any, Any], **more: Any) -> Counter[str]:
    """Which rules spoke, over all posts, when an engine was fed with them."""
    engine = Engine()
    for d in range(len(force)):
        config = DeviceConfig(version=1, design_force_kn=DESIGN_KN, interval_ms=30_000)
        engine.configure("site", "formwork", f"p{d}", config, START)
    found: Counter[str] = Counter()
    for k in range(force.shape[1]):
        ts = START + round(1000 * STEP_S) * (k + 1)
        batch = [
            arrived(f"p{d}", "formwork", boot=BOOT, seq=k + 1, ts=ts, force_kn=round(float(force[d, k]), 2), **more)
            for d in range(len(force))
        ]
        found.update(t.rule for t in engine.feed(batch).transitions)
    return found


def test_two_thousand_normal_pours_raise_nothing_where_the_naive_rule_alarms_at_every_post() -> None:
    force = pours()
    assert naive(force, 0.0) == 1.0, "every single post"
    assert naive(force, 0.1 * N_KN) == pytest.approx(0.05, abs=0.02)
    assert said_by(force, pouring=True) == {}


class Post:
    """A post that is read every `step` seconds, with a little noise."""

    def __init__(self, step: float = 30.0, seed: int = 3, **more: Any) -> None:
        self.rig = Rig("formwork", interval_ms=round(1000 * step))
        self.rig.interval = round(1000 * step)
        self.step = step
        self.noise = np.random.default_rng(seed)
        self.more = more

    def go(self, minutes: float, force: Any = 5.0, settle: Any = 1.0, **more: Any) -> list[str]:
        """So many minutes; force (kN) and settlement (mm) may be functions of the minutes since the call."""
        found = []
        for k in range(round(60 * minutes / self.step)):
            t = (k + 1) * self.step / 60
            f, s = (float(one(t)) if callable(one) else float(one) for one in (force, settle))
            reading = {
                "force_kn": round(f + self.noise.normal(0, 0.045), 2),
                "settle_mm": round(s + self.noise.normal(0, 0.03), 1),
                "pouring": True, **self.more, **more,
            }  # fmt: skip
            found += [t.rule for t in self.rig.read(**reading)]
        return found


@pytest.mark.parametrize("step", [1.0, 10.0, 30.0])
def test_a_force_that_grows_ever_faster_is_a_prewarning_before_four_fifths(step: float) -> None:
    post = Post(step)
    post.go(6, force=4.0)
    found = post.go(11, force=lambda t: 4.0 + 0.5 * (2 ** (t / 2.5) - 1))
    assert found[0] == "force_trend"
    alarm = post.rig.alarm("force_trend")
    assert alarm.severity is Severity.PREWARNING
    assert "EVER FASTER" in alarm.text.en
    assert "放慢浇筑" in alarm.action.zh


@pytest.mark.parametrize("step", [1.0, 10.0, 30.0])
def test_a_settlement_that_grows_ever_faster_is_a_prewarning_before_four_fifths(step: float) -> None:
    post = Post(step)
    post.go(6, settle=1.0)
    found = post.go(11, settle=lambda t: 1.0 + 0.3 * (2 ** (t / 2.5) - 1))
    assert "settlement_acceleration" in found
    assert "settlement" not in found[: found.index("settlement_acceleration")]


def test_without_a_pour_growth_is_left_to_the_limits() -> None:
    post = Post()
    post.go(6, force=4.0, pouring=False)
    assert "settlement_acceleration" not in post.go(
        11, force=4.0, settle=lambda t: 1.0 + 0.3 * (2 ** (t / 2.5) - 1), pouring=False
    )


def test_a_pour_that_nobody_declared_shows_in_the_force_itself() -> None:
    post = Post()
    post.go(6, force=1.0, pouring=False)
    post.go(6, force=lambda t: 1.0 + 0.6 * t, pouring=False)
    found = post.go(8, force=4.6, settle=lambda t: 1.0 + 0.4 * (2 ** (t / 2) - 1), pouring=False)
    assert "settlement_acceleration" in found


def test_layers_vibrators_and_pauses_are_no_acceleration() -> None:
    said: Counter[str] = Counter()
    for seed in range(40):
        post = Post(seed=seed)
        shake = np.random.default_rng(seed)

        def layer(low: float, high: float, shake: np.random.Generator = shake) -> Any:
            return lambda t: (low + (high - low) * (1 - np.exp(-t / 7))) * (1 + 0.15 * (shake.random() < 0.05))

        for low, high in ((0.0, 5.0), (5.0, 9.0), (9.0, 13.0)):
            said.update(
                post.go(15, force=layer(low, high), settle=lambda t, low=low: 0.3 * low + 1.2 * (1 - np.exp(-t / 7)))
            )
            said.update(post.go(7, force=high, settle=0.3 * low + 1.2))
    assert {rule: n for rule, n in said.items() if rule in ("force_trend", "settlement_acceleration")} == {}
    assert said["unloading"] <= 2, "of 120 layers, with a vibrator at every twentieth sample"


def test_a_post_that_sheds_load_is_a_prewarning_until_the_concrete_carries_itself() -> None:
    post = Post()
    post.go(10, force=lambda t: min(12.0, 1.2 * t))
    assert post.go(6, force=12.0) == []
    assert post.go(4, force=lambda t: max(9.0, 12.0 - t)) == ["unloading"]
    alarm = post.rig.alarm("unloading")
    assert alarm.value >= 10
    post = Post()
    post.go(10, force=lambda t: min(12.0, 1.2 * t))
    post.go(20, force=12.0)
    assert post.go(5, force=lambda t: 12.0 - 2 * t, pouring=False) == ["unloading"], "green concrete hangs on its posts"
    post = Post()
    post.go(10, force=lambda t: min(12.0, 1.2 * t))
    post.go(13 * 60, force=12.0, pouring=False)
    assert post.go(5, force=lambda t: 12.0 - 2 * t, pouring=False) == [], "struck: the slab carries itself"


def test_one_reading_without_force_or_with_a_vibrator_is_no_unloading() -> None:
    post = Post()
    post.go(10, force=lambda t: min(12.0, 1.2 * t))
    for _ in range(5):
        assert post.go(0.5, force=14.0) + post.go(3, force=12.0) == []
        assert post.go(0.5, force=8.0) + post.go(3, force=12.0) == []
        assert post.go(0.5, force=0.0, invalid=["force_kn"]) + post.go(2, force=12.0) == []


def coverage(post: Post) -> str:
    post.rig.tick()
    said = [o.coverage for o in post.rig.outcomes if o.coverage][-1]["site", "formwork", "c1"]
    one = said.hazards[Hazard.SETTLEMENT]
    return f"{one.level} {one.reason.en if one.reason else ''}".strip()


def test_a_post_sampled_once_a_minute_in_a_pour_is_degraded_and_after_two_minutes_the_desk_is_told() -> None:
    post = Post(60.0)
    assert post.go(20, pouring=False) == []
    assert coverage(post) == "monitored"
    first = post.go(1)
    assert coverage(post) == "degraded sampled less than twice a minute in a pour"
    assert first + post.go(1) == []
    assert post.go(2) == ["sampling"]
    assert post.rig.alarm("sampling").severity is Severity.ADVISORY
    assert "浇筑中采样间隔 60 s" in post.rig.alarm("sampling").text.zh
    post.go(3, pouring=False)
    assert coverage(post) == "monitored"


def test_twice_a_minute_is_enough() -> None:
    post = Post(30.0)
    assert post.go(30) == []
    assert coverage(post) == "monitored"


@pytest.mark.parametrize(
    ("channel", "value", "words"), [("settle_mm", 1.0, "settlement"), ("force_kn", 3.3, "axial force")]
)
def test_a_gauge_that_stands_still_while_the_post_is_loaded_is_stuck_and_named(
    channel: str, value: float, words: str
) -> None:
    post = Post()
    post.go(5, force=3.0)
    found = post.go(40, force=lambda t: 3.0 + 0.3 * t, settle=lambda t: 1.0 + 0.1 * t, **{channel: value})
    assert "stuck" in found
    assert post.rig.alarm("stuck").text.en == f"SENSOR VALUE STUCK: {words}"


def test_a_post_that_nothing_happens_to_is_still_by_rights() -> None:
    post = Post()
    assert post.go(600, settle_mm=1.0, force_kn=5.0, tilt_x_deg=0.01, shift_x_mm=0.2, pouring=False) == []


def test_a_bad_contact_of_the_settlement_gauge_is_said_after_the_third_step() -> None:
    post = Post()
    post.go(3)
    assert post.go(0.5, settle=-40.0) + post.go(12) == []
    found = []
    for _ in range(3):
        found += post.go(0.5, settle=-40.0) + post.go(1)
    assert story(post.rig.transitions[-1:]).startswith("implausible_step raise")
    assert found == ["implausible_step"]
