"""Work cycles whichever way the frames of four cranes come: cut, mixed, sent twice, restored. And replayed."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.engine import Engine
from analytics.replay import History, Replay, Told
from analytics.samples import Arrived
from telemetry.wire.cycle import Cycle
from telemetry.wire.payloads import DeviceConfig, Terms, encode
from tests.helpers.site import CHART, START, arrived

INTERVALS = {"c0": 1000, "c1": 1000, "c2": 5000, "c3": 15_000}
CONFIG = {name: DeviceConfig(version=1, charts=[CHART], interval_ms=ms) for name, ms in INTERVALS.items()}


def work(name: str, seconds: int = 360) -> list[Arrived]:
    """Lifts one after the other: loads, slack ropes, gaps, channels that are missing, a new boot."""
    noise = random.Random(name)  # noqa: S311 - a story, no secret
    sent: list[Arrived] = []
    boot, seq, load, hook, phase, until = 0, 0, 0.02, 2.0, 0, 20_000
    for at in range(INTERVALS[name], seconds * 1000, INTERVALS[name]):
        if at >= until:
            phase, load = (phase + 1) % 2, 0.02 if phase else noise.choice([0.7, 2.0, 3.9])
            until = at + noise.choice([6_000, 30_000, 45_000])
        hook = min(40.0, max(1.0, hook + noise.choice([-1.0, 1.0]) * INTERVALS[name] / 1000))
        if noise.random() < 0.01:
            boot, seq = boot + 1, 0
        seq += 1
        if noise.random() < 0.05:
            continue  # lost
        body = {
            "load_t": round(load + noise.gauss(0, 0.01), 2), "hook_m": round(hook, 2), "radius_m": 30.0, "falls": 2,
            "slew_deg": round(noise.random() * 50, 1), "wind_mps": 5.0, "operator": noise.choice(["op-1", "op-2"]),
            "limits": noise.choice([0, 0, 32]),
        }  # fmt: skip
        if noise.random() < 0.05:
            del body[noise.choice(["hook_m", "radius_m", "slew_deg", "load_t", "operator", "limits"])]
        sent.append(arrived(name, boot=f"boot-{name}-{boot}", seq=seq, ts=START + at, **body))
    return sent


OWN = {name: work(name) for name in INTERVALS}
FRAMES = sorted((one for own in OWN.values() for one in own), key=lambda one: one.received)


def fresh() -> Engine:
    engine = Engine()
    for name, config in CONFIG.items():
        engine.configure("site", "crane", name, config, START)
    return engine


def told(frames: list[Arrived], cuts: list[int], engine: Engine | None = None) -> dict[str, list[bytes]]:
    """The cycles of each crane, in order."""
    engine = engine or fresh()
    found: dict[str, list[bytes]] = {name: [] for name in INTERVALS}
    for start, end in zip([0, *cuts], [*cuts, len(frames)], strict=True):
        for cycle in engine.feed(frames[start:end]).cycles if end > start else ():
            found[cycle.device].append(encode(cycle))
    return found


WHOLE = told(FRAMES, [])


def test_each_crane_has_lifted_more_than_once() -> None:
    assert all(len(cycles) >= 2 for cycles in WHOLE.values())


@settings(max_examples=3, deadline=None)
@given(st.lists(st.integers(0, len(FRAMES)), max_size=60).map(sorted), st.integers(1, len(FRAMES) - 1))
def test_any_cut_and_any_snapshot_gives_the_same(cuts: list[int], place: int) -> None:
    engine = fresh()
    first = told(FRAMES[:place], [cut for cut in cuts if cut <= place], engine)
    rest = told(FRAMES[place:], [cut - place for cut in cuts if cut > place], Engine.restore(engine.snapshot()))
    assert {name: first[name] + rest[name] for name in INTERVALS} == WHOLE


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 10**6))
def test_any_mixture_and_any_redelivery_gives_the_same(seed: int) -> None:
    noise = random.Random(seed)  # noqa: S311 - noise, no secret
    queues = {name: list(own) for name, own in OWN.items()}
    mixed: list[Arrived] = []
    while any(queues.values()):
        name = noise.choice([name for name, left in queues.items() if left])
        mixed.append(queues[name].pop(0))
        if noise.random() < 0.1:
            mixed.append(noise.choice([one for one in mixed[-20:] if one.device == name]))
    assert told(mixed, sorted(noise.sample(range(len(mixed)), 30))) == WHOLE


def test_a_replay_of_what_was_evaluated_gives_the_same() -> None:
    for name, own in OWN.items():
        boots = list(dict.fromkeys(str(one.frame.boot) for one in own))
        terms = [Terms(boot=boots[0], seq=0, start=True, config=CONFIG[name])]
        history = History(("site", "crane", name), boots, [Told(one.frame, one.received) for one in own], terms)
        player = Replay(history.key)
        player.take(terms[0])
        player.feed(history.frames)
        again: list[Cycle] = player.cycles
        assert [encode(cycle) for cycle in again] == WHOLE[name]
