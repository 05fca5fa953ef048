"""
The devices of a campaign: who they are, what is wrong with them, and what they measure. Pure.

Rule 1: everything follows from the options: the process that plays the devices and the one that audits them both
make the same list and need tell each other nothing.
Rule 2: load swings between nothing and 115 % of the rated load, another phase for every crane, so that alarms are
raised and cleared all the time; wind passes its limits more slowly.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any, Final

import msgspec

from runtime.chaos.plan import Fault, Options

SITE: Final = "chaos"
CRANE_MS: Final = 200
PERIOD: Final = 250  # samples of one swing of the load
HOURS: Final = (2, 5)
BACKFILL_SAMPLES: Final = 60
BEACONS: Final = 5


class Habit(StrEnum):
    """What a box does all the time."""

    HONEST = "honest"  # keeps a journal and obeys the contract
    PLAIN = "plain"  # keeps no journal: it forgets a frame when the broker has acknowledged it
    BACKFILL = "backfill"
    DUPLICATES = "duplicates"
    SHUFFLE = "shuffle"  # holds frames back, so that devices overtake each other
    SWAP = "swap"  # sends every tenth frame after its successor
    STEPS = "steps"
    WHOLE_SECONDS = "whole-seconds"
    TWIN = "twin"  # one of two boxes with one id
    FLOOD = "flood"


_HABITS_OF: Final[dict[Fault, tuple[Habit, ...]]] = {
    Fault.BACKFILL: (Habit.BACKFILL,),
    Fault.DUPLICATES: (Habit.DUPLICATES,),
    Fault.REORDER: (Habit.SHUFFLE, Habit.SWAP),
    Fault.CLOCK_STEPS: (Habit.STEPS,),
    Fault.WHOLE_SECONDS: (Habit.WHOLE_SECONDS,),
    Fault.TWO_BOXES: (Habit.TWIN,),
}
# Whose alarms tell how late alarms are: the others hold frames back or have clocks of their own.
TIMELY: Final = frozenset({Habit.HONEST, Habit.PLAIN})
# Of whom a frame that went out live, once, on a broker that kept its state, must have been evaluated live.
ORDERLY: Final = frozenset({Habit.HONEST, Habit.PLAIN, Habit.DUPLICATES, Habit.SHUFFLE, Habit.WHOLE_SECONDS,
                            Habit.BACKFILL})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Spec:
    """One box."""

    kind: str
    device: str
    client: str  # its name at the broker; two boxes may have one device id
    boot: str
    habit: Habit
    interval_ms: int
    samples: int  # in a frame
    msgpack: bool
    phase: float
    seed: int

    @property
    def frame_s(self) -> float:
        """Seconds between two frames."""
        return self.interval_ms * self.samples / 1000


def fleet(options: Options) -> list[Spec]:
    """The boxes of a campaign, as many as its rate needs."""
    random = Random(f"fleet-{options.seed}")  # noqa: S311 - a plan, not a secret
    found: list[Spec] = []
    rate = 0.0

    def add(kind: str, habit: Habit, interval: int, samples: int, *, twin_of: Spec | None = None) -> Spec:
        nonlocal rate
        number = len(found)
        device = twin_of.device if twin_of else f"{kind[0]}-{number:04d}"
        spec = Spec(
            kind=kind, device=device, client=f"box-{number:04d}", boot=f"{random.getrandbits(64):016x}", habit=habit,
            interval_ms=interval, samples=samples, msgpack=random.random() < 0.2, phase=random.random(),
            seed=random.getrandbits(32),
        )  # fmt: skip
        found.append(spec)
        rate += 1 / spec.frame_s
        return spec

    for _ in range(BEACONS):
        add("crane", Habit.HONEST, CRANE_MS, 1)
    if Fault.FLOOD in options.faults:
        add("crane", Habit.FLOOD, 1000, 1)
    for fault, habits in _HABITS_OF.items():
        if fault in options.faults:
            for habit in habits:
                for _ in range(3 if habit is not Habit.TWIN else 1):
                    first = add("crane", habit, 100 if habit is Habit.WHOLE_SECONDS else CRANE_MS, 1)
                    if habit is Habit.TWIN:
                        add("crane", habit, CRANE_MS, 1, twin_of=first)
    while rate < options.rate:
        dice = random.random()
        if dice < 0.15:
            add("crane", Habit.PLAIN, CRANE_MS, 1)
        elif dice < 0.22:
            add("crane", Habit.HONEST, CRANE_MS, 5)
        elif dice < 0.30:
            add("formwork", Habit.HONEST, 500, 1)
        else:
            add("crane", Habit.HONEST, CRANE_MS, 1)
    return found


class Box:
    """One box that measures. Time comes in (Unix ms)."""

    def __init__(self, spec: Spec, began_ms: int) -> None:
        """`began_ms` is where its backlog ends."""
        self.spec = spec
        self.seq = 0
        self._random = Random(spec.seed)  # noqa: S311 - a plan, not a secret
        self._sample = 0
        self._steps = _clock_steps(spec.seed) if spec.habit is Habit.STEPS else []
        self.start(began_ms)

    def start(self, began_ms: int) -> None:
        """The first sample follows within an interval."""
        self._began = began_ms
        self._first = began_ms + round(self.spec.phase * self.spec.interval_ms)

    def due(self, now_ms: int) -> bool:
        """Whether the last sample of the next frame has been taken by now."""
        return now_ms >= self._first + (self._sample + self.spec.samples - 1) * self.spec.interval_ms

    def frame(self) -> tuple[int, bytes]:
        """The next frame: its seq and its bytes."""
        spec = self.spec
        self.seq += 1
        samples = []
        for _ in range(spec.samples):
            at = self._first + self._sample * spec.interval_ms
            samples.append(_measure(spec, self._sample, self._clock(at)))
            self._sample += 1
        return self.seq, _encode(spec, self.seq, samples)

    def backlog(self) -> Iterator[tuple[int, bytes]]:
        """Hours of journal from before the campaign, in frames of a minute; to be asked for before `frame`."""
        spec = self.spec
        minutes = self._random.randint(*HOURS) * 60
        for minute in range(minutes):
            self.seq += 1
            start = self._began - (minutes - minute) * 60_000
            samples = [
                _measure(spec, minute * BACKFILL_SAMPLES + second, start + second * 1000)
                for second in range(BACKFILL_SAMPLES)
            ]
            yield self.seq, _encode(spec, self.seq, samples)

    def malformed(self) -> tuple[int, bytes]:
        """A message that cannot be a frame; its seq where that can still be read, else 0."""
        spec, random = self.spec, self._random
        if random.random() < 0.5:
            self.seq += 1
            head = f'{{"boot":"{spec.boot}","seq":{self.seq},"ts":{self._began}'
            tail = random.choice(
                ('"load_t":"heavy"', '"invalid":["no_such_channel"]', '"limits":-1', '"samples":[]', '"load_t":true',
                 f'"mode":"{"x" * 80}"', f'"operator":"{"y" * 70_000}"')
            )  # fmt: skip
            return self.seq, f"{head},{tail}}}".encode()
        noise = random.randbytes(random.randint(8, 60))
        name = noise.hex().encode()
        return 0, random.choice(
            (
                b"\xff\xfe" + noise,
                b'{"boot":"' + spec.boot.encode() + b'","n":"' + name + b'","load_t":',
                b'{"boot":"\xc3\x28' + noise + b'"}',
                b"[" * 400 + noise,
                b'{"seq":99999999999999999999,"n":"' + name + b'"}',
                b'{"boot":"\\u0000\\u0000","seq":1,"n":"' + name + b'"}',
            )
        )

    def _clock(self, at: int) -> int:
        if self.spec.habit is Habit.WHOLE_SECONDS:
            return at // 1000 * 1000
        offset = 0
        for after, step in self._steps:
            if at - self._began >= after:
                offset = step
        return at + offset


def _clock_steps(seed: int) -> list[tuple[int, int]]:
    """(ms since the campaign began, offset of the clock from then on)."""
    random = Random(f"clock-{seed}")  # noqa: S311 - a plan, not a secret
    offsets = [37_000, -120_000, 7_200_000, -3_600_000, 3 * 86_400_000, -900 * 86_400_000]
    random.shuffle(offsets)
    found: list[tuple[int, int]] = []
    at = 5_000
    for offset in offsets:
        at += random.randint(8_000, 25_000)
        found.append((at, offset))
        at += random.randint(8_000, 25_000)
        found.append((at, 0))
    return found


def _measure(spec: Spec, n: int, ts: int) -> dict[str, Any]:
    swing = math.sin(2 * math.pi * (n / PERIOD + spec.phase))
    found: dict[str, Any] = {"ts": ts}
    if spec.kind == "formwork":
        found |= {
            "force_kn": round(20 + 15 * swing, 2), "settle_mm": round(3 + 9 * swing, 2),
            "tilt_x_deg": round(0.3 * swing, 3), "battery_pct": 90.0, "power_ok": True, "pouring": n % 500 < 250,
        }  # fmt: skip
    else:
        found |= {
            "load_t": round(max(0.0, 4.6 * swing), 3), "radius_m": round(30 + 5 * math.sin(n / 70 + spec.phase), 2),
            "hook_m": round(40 + 20 * swing, 1), "slew_deg": round(n * 1.7 % 360, 1), "falls": 2.0,
            "wind_mps": round(9.2 + 9.5 * math.sin(n / 90 + 6 * spec.phase), 1), "tilt_x_deg": round(0.05 * swing, 3),
            "rated_load_t": 4.0, "power_ok": True, "bypass": False, "mode": "working", "operator": f"op-{n // 900}",
            "limits": n // 50 % 4, "device_alarm": 0,
        }  # fmt: skip
    if n % 97 == 13:
        found["invalid"] = ["tilt_x_deg"]
    if n % 31 == 7:
        found.pop("battery_pct", None)
        found.pop("hook_m", None)
    return found


def _encode(spec: Spec, seq: int, samples: list[dict[str, Any]]) -> bytes:
    frame: dict[str, Any] = {"boot": spec.boot, "seq": seq}
    frame |= samples[0] if len(samples) == 1 else {"samples": samples}
    return msgspec.msgpack.encode(frame) if spec.msgpack else msgspec.json.encode(frame)
