"""A bay of posts in a row in front of an engine: say what each of them reads, get transitions."""

from typing import Any

from analytics.engine import Engine
from analytics.identity import DeviceKey
from telemetry.wire.payloads import Alarm, DeviceConfig, Pour, Response, SiteConfig, Transition
from tests.helpers.site import BOOT, START, arrived

DESIGN_KN = 20.0
KEY: DeviceKey = ("site", "formwork", "bay-a")


class Row:
    """Posts p1 to pn, 4 m apart, each read every 30 s; a tick every 10 s."""

    def __init__(self, posts: int = 5, engine: Engine | None = None, **config: Any) -> None:
        self.engine = engine or Engine()
        self.names = [f"p{k + 1}" for k in range(posts)]
        self.config = {"span_m": 4.0, "design_force_kn": DESIGN_KN, "interval_ms": 30_000, "bay": "A", **config}
        self.at = START
        self.seq = 0
        self.transitions: list[Transition] = []
        self.silent: set[str] = set()
        self.configure()

    def configure(self) -> None:
        for k, name in enumerate(self.names):
            beside = [self.names[j] for j in (k - 1, k + 1) if 0 <= j < len(self.names)]
            config = DeviceConfig(
                version=1, display_name=f"{k + 1}号立杆", neighbours=beside, **self.config
            )  # fmt: skip
            self.engine.configure("site", "formwork", name, config, self.at)

    def permit(self, **more: Any) -> None:
        """A pour permit from now on, for a day."""
        pour = Pour(permit="P-7", bay="A", valid_from=self.at, valid_to=self.at + 86_400_000, **more)
        self.engine.configure_site("site", SiteConfig(version=1, pours=[pour]), self.at)

    def read(self, readings: dict[str, dict[str, Any]], *, pouring: bool = True) -> list[Transition]:
        """30 s of the bay: one reading of each post that is not silent, then three ticks."""
        self.seq += 1
        self.at += 30_000
        batch = [
            arrived(name, "formwork", self.at, boot=BOOT, seq=self.seq, ts=self.at,
                    **{"force_kn": 5.0, "settle_mm": 1.0, "pouring": pouring, **readings.get(name, {})})
            for name in self.names if name not in self.silent
        ]  # fmt: skip
        said = list(self.engine.feed(batch).transitions)
        for after in (1_000, 10_000, 20_000):
            said += self.engine.tick(self.at + after, self.at + after).transitions
        self.transitions += said
        return said

    def go(self, minutes: float, *, pouring: bool = True, **readings: Any) -> list[str]:
        """So many minutes of the same, as lines "device rule signal"; a channel may be a function of the minutes."""
        said = []
        for k in range(round(2 * minutes)):
            now = {
                name: {channel: (value((k + 1) / 2) if callable(value) else value) for channel, value in one.items()}
                for name, one in readings.items()
            }
            said += [f"{t.device} {t.rule} {t.signal}" for t in self.read(now, pouring=pouring)]
        return said

    def alarm(self, rule: str, device: str = "bay-a") -> Alarm | None:
        return self.engine.annunciator.payload(("site", "formwork", device), rule)

    def respond(self, device: str, rule: str, action: str, **more: Any) -> list[str]:
        """What a person answers; what was refused."""
        number = f"response-{self.at}-{device}-{action}"
        response = Response(id=number, action=action, at=self.at, who="li", rule=rule, **more)
        outcome = self.engine.respond("site", "formwork", device, response, self.at)
        self.transitions += outcome.transitions
        return outcome.refused
