"""A fleet that falls silent and speaks again: in time, once each, and to the millisecond."""

from collections import Counter

import numpy as np

from analytics import health
from analytics.engine import Engine
from analytics.outcome import Outcome
from telemetry.model import Signal
from telemetry.wire.payloads import Presence
from tests.helpers.site import START, arrived

DEVICES = 5_000
NAMES = [f"c{n}" for n in range(DEVICES)]


def speak(engine: Engine, seq: int, at: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> Outcome:
    """One sample of each device, received then."""
    sent = [
        arrived(name, received=int(when), boot="boot-00000001", seq=seq, ts=int(when), load_t=0.5)
        for name, when in zip(NAMES, at, strict=True)
    ]
    return engine.feed(sent)


def fleet() -> tuple[Engine, int]:
    """An engine that knows them all, and how long (ms) each may be silent."""
    engine = Engine()
    for name in NAMES:
        engine.presence("site", "crane", name, Presence(online=True, interval_ms=1000), START)
    return engine, health.allowed_ms(engine.fleets["crane"], 0)


def said(outcome: Outcome, signal: Signal) -> Counter[str]:
    """Which devices; the line that speaks for many of them is another matter."""
    found = [one for one in outcome.transitions if one.rule == "silence" and one.signal is signal]
    return Counter(one.device for one in found if one.kind == "crane")


def test_five_thousand_silent_devices_are_alarms_within_a_second_and_clear_with_their_first_sample() -> None:
    engine, allowed = fleet()
    heard = START + np.arange(DEVICES, dtype=np.int64) % 1000
    speak(engine, 1, heard)
    raised: dict[str, int] = {}
    for at in range(START + 1000, START + allowed + 4000, 1000):
        for name, times in said(engine.tick(at, at), Signal.RAISE).items():
            assert times == 1
            assert name not in raised, "once"
            raised[name] = at
    assert len(raised) == DEVICES
    late = np.array([raised[name] for name in NAMES]) - heard - allowed
    assert (late > 0).all(), "none before its time"
    assert (late <= 1000).all(), "none a second after it"
    back = speak(engine, 2, heard + allowed + 5000)
    assert said(back, Signal.CLEAR) == Counter(NAMES)


def test_a_sample_at_the_very_millisecond_leaves_nobody_silent_who_spoke() -> None:
    engine, allowed = fleet()
    at = START
    for round_ in range(2):
        tick = at + allowed + 10
        # -1: still in time at the tick; 0: to the millisecond in time; 1: over.
        over = np.arange(DEVICES, dtype=np.int64) % 3 - 1
        speak(engine, 2 * round_ + 1, tick - allowed - over)
        wanted = Counter(name for name, by in zip(NAMES, over, strict=True) if by > 0)
        assert said(engine.tick(tick, tick), Signal.RAISE) == wanted
        back = speak(engine, 2 * round_ + 2, np.full(DEVICES, tick))
        assert said(back, Signal.CLEAR) == wanted, "who was silent, and nobody else"
        assert not said(engine.tick(tick + 1, tick + 1), Signal.RAISE)
        at = tick + 1000
