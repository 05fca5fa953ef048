"""A crane that lifts, step by step: what its box reads from the pick-up to the set-down."""

from typing import Any

from telemetry.wire.cycle import Cycle
from telemetry.wire.payloads import DeviceConfig
from tests.helpers.site import BOOT, CHART, Rig

EMPTY = 0.02


class Crane(Rig):
    """A crane at one reading an interval; places are kept from reading to reading."""

    def __init__(self, interval_ms: int = 1000, **config: Any) -> None:
        made = DeviceConfig(version=7, charts=[CHART], interval_ms=interval_ms, **config)
        super().__init__(interval_ms=interval_ms, config=made)
        self.place: dict[str, Any] = {"radius_m": 30.0, "hook_m": 1.5, "slew_deg": 10.0, "falls": 2}
        self.say: dict[str, Any] = {"wind_mps": 4.0, "operator": "op-1", "limits": 0}

    @property
    def cycles(self) -> list[Cycle]:
        return [cycle for outcome in self.outcomes for cycle in outcome.cycles]

    def reads(self, load_t: float | None, n: int = 1, step: int | None = None, **more: Any) -> None:
        """`n` readings with this load where the hook is."""
        for _ in range(n):
            body = {**self.place, **self.say, **more}
            if load_t is not None:
                body["load_t"] = load_t
            self.read(step=step, **{name: value for name, value in body.items() if value is not None})

    def goes(self, load_t: float, seconds: float, **to: float) -> None:
        """Move evenly to a place with this load."""
        n = max(1, round(seconds * 1000 / self.interval))
        start = dict(self.place)
        for k in range(1, n + 1):
            for name, end in to.items():
                self.place[name] = round(start[name] + (end - start[name]) * k / n, 2)
            self.reads(load_t)

    def waits(self, seconds: float, load_t: float = EMPTY) -> None:
        self.reads(load_t, max(1, round(seconds * 1000 / self.interval)))

    def lift(self, load_t: float = 2.0, height: float = 20.0, slew: float = 100.0, radius: float = 20.0) -> None:
        """A whole lift from here to there, and the hook on its way back."""
        ground = self.place["hook_m"]
        self.waits(30)
        self.goes(load_t, 30, hook_m=ground + height)
        self.goes(load_t, 40, slew_deg=slew, radius_m=radius)
        self.goes(load_t, 30, hook_m=ground + 4.0)
        self.waits(30)
        self.goes(EMPTY, 20, hook_m=ground + 10.0)

    def reboot(self, boot: str = f"{BOOT[:-1]}2") -> None:
        self.boot, self.seq = boot, 0
