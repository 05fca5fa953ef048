"""Whatever way a shift is cut into batches, mixed between cranes, sent twice or restored: the same transitions."""

import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.engine import Engine
from analytics.samples import Arrived
from analytics.table import pack
from telemetry.wire.payloads import DeviceConfig, Hoist, SiteConfig, Zone, encode
from tests.helpers.site import CHART, START, arrived

SITE = SiteConfig(
    version=1, timezone="Europe/London", hours=[("07:00", "08:30")],
    zones=[Zone(zh="路", en="road", corners=[(10.0, 10.0), (40.0, 10.0), (40.0, 40.0), (10.0, 40.0)])],
)  # fmt: skip
INTERVALS = {"c0": 100, "c1": 1000, "c2": 5000}
MODES = ["working"] * 12 + ["parked", "storm", "climbing", "stopped"]


def sample(noise: random.Random, state: dict[str, Any], step_s: float) -> dict[str, Any]:
    """A crane that does whatever comes to its mind, with every channel it has."""
    if noise.random() < 0.01 * max(1.0, step_s):
        state["mode"] = noise.choice(MODES)
        state["speeds"] = [
            noise.choice([0.0, 0.0, 0.5, -0.5, -1.6]),
            noise.choice([0, 0, 0.4, -0.4]),
            noise.choice([0, 1, -2]),
        ]
    if noise.random() < 0.02 * max(1.0, step_s):
        state["load"] = noise.choice([0.02, 0.02, 1.5, 2.6, 3.9, 5.0])
    hook, trolley, slew = state["speeds"]
    state["hook"] = min(50.0, max(0.0, state["hook"] + hook * step_s))
    state["radius"] = min(58.0, max(3.0, state["radius"] + trolley * step_s))
    state["slew"] = (state["slew"] + slew * step_s) % 360
    limits = (0x20 if state["hook"] > 48 else 0) | (0x200 if state["radius"] > 57 else 0)
    body = {
        "load_t": round(state["load"] + noise.gauss(0, 0.02), 2), "hook_m": round(state["hook"], 2),
        "radius_m": round(state["radius"], 2), "slew_deg": round(state["slew"], 1), "falls": 2,
        "wind_mps": round(abs(8 + 4 * noise.gauss(0, 1)), 1), "wind_deg": float(noise.randrange(360)),
        "tilt_x_deg": round(0.1 * noise.gauss(0, 1), 2), "tilt_y_deg": round(0.1 + 0.02 * noise.gauss(0, 1), 2),
        "mode": state["mode"], "limits": limits, "relays": 0x60 if state["load"] > 4.5 else 0,
        "power_ok": noise.random() > 0.01, "bypass": noise.random() < 0.01,
    }  # fmt: skip
    if noise.random() < 0.7:
        body["operator"] = "op-1"
    for name in ("hook_m", "tilt_x_deg", "slew_deg", "limits", "relays", "radius_m"):
        if noise.random() < 0.02:
            del body[name]
    if noise.random() < 0.02:
        body["invalid"] = [noise.choice(["load_t", "wind_mps", "radius_m"])]
    return body


def shift(seed: int, seconds: int = 150) -> list[Arrived]:
    """Three cranes of 10 Hz, 1 Hz and every five seconds, in the order of their clocks."""
    noise = random.Random(seed)  # noqa: S311 - noise, no secret
    tester, driven = random.Random(seed + 1), 0  # noqa: S311 - of its own, so that the rest of the shift stays
    sent: list[Arrived] = []
    for name, interval in INTERVALS.items():
        state = {"mode": "working", "speeds": [0.0, 0.0, 0.0], "load": 0.02, "hook": 20.0, "radius": 30.0, "slew": 0.0}
        for seq, at in enumerate(range(interval, seconds * 1000, interval), 1):
            body = sample(noise, state, interval / 1000)
            driven = driven - 1 if driven else 12 * (tester.random() < 0.02)
            if driven:
                body["proof_pct"] = 110.0
            sent.append(arrived(name, boot=f"boot-{name}-0", seq=seq, ts=START + at, **body))
    return sorted(sent, key=lambda one: one.received)


def fresh() -> Engine:
    engine = Engine()
    engine.configure_site("site", SITE, START)
    for k, (name, interval) in enumerate(INTERVALS.items()):
        config = DeviceConfig(
            version=1, charts=[CHART], interval_ms=interval, mast_m=50.0, jib_m=58.0, hook_max_m=48.0,
            position_m=(60.0 * k, 0.0), slew_zero_deg=10.0 * k, hoists=[Hoist(falls=2, mps=1.2)], balance_radius_m=20.0,
        )  # fmt: skip
        engine.configure("site", "crane", name, config, START)
    return engine


def fed(frames: list[Arrived], cuts: list[int], engine: Engine | None = None) -> tuple[list[bytes], Any]:
    """The transitions, then the work cycles, and every array at the end."""
    engine = engine or fresh()
    said: list[bytes] = []
    for start, end in zip([0, *cuts], [*cuts, len(frames)], strict=True):
        if end > start:
            outcome = engine.feed(frames[start:end])
            said += [encode(one) for one in (*outcome.transitions, *outcome.cycles)]
    return parted(said), pack(engine.fleets["crane"].table.freeze())


def parted(said: list[bytes]) -> list[bytes]:
    """Transitions before work cycles, each in their order: a batch gives them one after the other."""
    return sorted(said, key=lambda one: b'"set_down":' in one)


FRAMES = shift(3)
WHOLE = fed(FRAMES, [])


def test_the_shift_has_something_of_nearly_everything() -> None:
    told = list(map(msgspec.json.decode, WHOLE[0]))
    rules = {t["rule"] for t in told if "rule" in t}
    lifted = {t["device"] for t in told if "set_down" in t}
    assert rules >= {"load", "wind", "bypass", "cutout_ignored", "limit_passed", "load_lost", "hook_runaway"}, rules
    assert rules & {"proof_test", "proof_refused"}, rules
    assert "c0" in lifted


@settings(max_examples=6, deadline=None)
@given(st.lists(st.integers(0, len(FRAMES)), max_size=150).map(sorted))
def test_any_cut_into_batches_gives_the_same(cuts: list[int]) -> None:
    assert fed(FRAMES, cuts) == WHOLE


def test_one_frame_at_a_time_gives_the_same() -> None:
    assert fed(FRAMES, list(range(1, len(FRAMES)))) == WHOLE


@settings(max_examples=4, deadline=None)
@given(st.integers(1, len(FRAMES) - 1))
def test_any_snapshot_and_restore_gives_the_same(place: int) -> None:
    engine = fresh()
    first, _ = fed(FRAMES[:place], [], engine)
    rest, end = fed(FRAMES[place:], [], Engine.restore(engine.snapshot()))
    assert (parted(first + rest), end) == WHOLE


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 10**6))
def test_any_interleaving_and_any_redelivery_gives_each_crane_the_same(seed: int) -> None:
    noise = random.Random(seed)  # noqa: S311 - noise, no secret
    queues = {name: [one for one in FRAMES if one.device == name] for name in INTERVALS}
    mixed: list[Arrived] = []
    while any(queues.values()):
        name = noise.choice([name for name, left in queues.items() if left])
        mixed.append(queues[name].pop(0))
        if noise.random() < 0.1:
            mixed.append(noise.choice([one for one in mixed[-20:] if one.device == name]))
    said, _ = fed(mixed, sorted(noise.sample(range(len(mixed)), 30)))

    def of(name: str, transitions: list[bytes]) -> list[bytes]:
        return [one for one in transitions if f'"device":"{name}"'.encode() in one]

    for name in INTERVALS:
        assert of(name, said) == of(name, WHOLE[0])


@pytest.mark.parametrize("seed", [11, 12])
def test_another_shift_is_another_story_and_the_same_whichever_way(seed: int) -> None:
    frames = shift(seed, 60)
    cuts = sorted(random.Random(seed).sample(range(len(frames)), 40))  # noqa: S311
    assert fed(frames, cuts) == fed(frames, [])
    assert fed(frames, [])[0] != WHOLE[0]
