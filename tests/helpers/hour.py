"""
An hour of a site, always the same: what its devices, its people and the API publish, in order.

Two cranes, a third whose clock steps and which is rebooted, and a formwork bay, one frame every five seconds each:
lifts beyond their charts, gusts, settlement, silences, sensors that fail. People answer in every way that there is,
twice, too early, and where there is nothing to answer; configurations and modes change; a shelving ends inside.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from telemetry.wire import payloads
from telemetry.wire.payloads import DeviceConfig, SiteConfig
from tests.helpers.site import CHART, START

SITE = "hour"
INTERVAL_MS = 5_000
CRANES = ("c1", "c2", "c3")
BAY = "b1"


@dataclass(frozen=True, slots=True)
class Step:
    """At `at` (Unix ms) this is published; an empty topic is the moment for a tick of the analyzer's own."""

    at: int
    topic: str = ""
    payload: bytes = b""


def topic(kind: str, device: str, tail: str) -> str:
    """A device's topic."""
    return f"cw/v1/{SITE}/{kind}/{device}/{tail}"


def _frame(at: int, kind: str, device: str, boot: str, seq: int, ts: int, **channels: object) -> Step:
    body = {"boot": boot, "seq": seq, "ts": ts, **channels}
    return Step(at, topic(kind, device, "up/reading"), msgspec.json.encode(body))


def _crane(at: int, k: int, number: int) -> Iterator[Step]:
    name = CRANES[number]
    if name == "c2" and 300 <= k < 312:
        return  # silent for a minute
    boot, seq, ts = f"boot-{number:08d}", k + 1, at
    if name == "c3":
        ts += 40_000 if 200 <= k < 260 else 0
        if k >= 420:
            boot, seq = "boot-rebooted", k - 419
    phase = (k + 13 * number) % 60
    load = 0.2 if phase < 15 else 2.6 if phase < 24 else 2.8 if phase < 38 else 3.4 if phase < 46 else 0.4
    radius = 42.0 if (k // 60) % 2 == 0 else 30.0  # beyond the chart's bend, and in its flat part
    if radius == 30.0:
        load = round(load * 4.0 / 2.73, 3)
    wind = round(8 + 6 * max(0.0, math.sin(2 * math.pi * (k / 120 + number / 3))), 2)
    bad = ["load_t"] if name == "c1" and 500 <= k < 505 else None
    yield _frame(
        at, "crane", name, boot, seq, ts, load_t=load, radius_m=radius, falls=2, wind_mps=wind,
        tilt_x_deg=round(0.1 * number, 3), tilt_y_deg=0.02, **({"invalid": bad} if bad else {}),
        **({"mode": "parked" if k >= 600 else "working"} if name == "c2" else {}),
    )  # fmt: skip


def _bay(at: int, k: int) -> Iterator[Step]:
    force = round(8 + 14 * max(0.0, math.sin(2 * math.pi * k / 240)), 2)
    settle = round(max(0.0, (k - 360) * 0.09), 2)
    yield _frame(
        at, "formwork", BAY, "boot-bay00001", k + 1, at, force_kn=force, settle_mm=settle, shift_x_mm=0.5,
        shift_y_mm=0.1, tilt_x_deg=0.1, tilt_y_deg=0.1, pouring=360 <= k < 600,
    )  # fmt: skip


def _response(at: int, kind: str, device: str, number: str, action: str, **more: object) -> Step:
    body = {"id": f"response-{number}", "action": action, "at": at, "who": "li", **more}
    return Step(at, topic(kind, device, "up/response"), msgspec.json.encode(body))


def _config(at: int, kind: str, device: str, version: int, **more: object) -> Step:
    config = msgspec.convert({"version": version, "interval_ms": INTERVAL_MS, **more}, DeviceConfig)
    return Step(at, topic(kind, device, "down/config"), payloads.encode(config))


def _around(at: int, k: int, raised: dict[tuple[str, str], list[str]]) -> Iterator[Step]:
    """Everything that is no frame; `raised` has the ids of raises and escalations by (device, rule), once known."""

    def cites(device: str, rule: str, place: int) -> dict[str, object]:
        known = raised.get((device, rule), [])
        return {"rule": rule} | ({"transition": known[place]} if place < len(known) else {})

    chart = [msgspec.to_builtins(CHART)]
    minute = 60_000
    match k:
        case 40:
            yield _response(at, "crane", "c1", "silence-1", "silence")
        case 44:
            yield _response(at, "crane", "c1", "ack-00001", "acknowledge", **cites("c1", "moment", 2))
            yield _response(at, "crane", "c1", "ack-00001", "acknowledge", **cites("c1", "moment", 2))
            yield _response(at, "crane", "c1", "ack-wrong", "acknowledge", rule="moment", transition="0123456789abcdef")
        case 55:
            yield _response(at, "crane", "c1", "release-1", "release", rule="moment")
            yield _response(at, "crane", "c1", "shelve-no", "shelve", rule="moment", until=at + minute, why="no")
        case 150:
            yield _config(at, "crane", "c1", 2, charts=chart, limits={"wind": {"prewarning": 7.0, "alarm": 11.0}})
            yield _config(at, "crane", "c1", 1, charts=chart)
            yield _config(at, "crane", "c2", 3, profile="nowhere")
        case 160:
            yield _response(at, "crane", "c2", "disable-1", "disable", rule="wind", why="broken")
            yield Step(at, topic("crane", "c1", "up/response"), b'{"id":"x')
            yield _response(at, "crane", "c2", "shelve-1", "shelve", rule="config", until=at + 20 * minute, why="known")
        case 200:
            yield _response(at, "crane", "c2", "unshelve", "unshelve", rule="config")
        case 212:
            # It ends by its time, while the clock is still wrong.
            yield _response(at, "crane", "c3", "shelve-2", "shelve", rule="clock", until=at + 3 * minute, why="box")
        case 398:
            yield _response(at, "formwork", BAY, "shelve-3", "shelve", rule="settlement_trend", until=at + 5 * minute,
                            why="surveyor on site")  # fmt: skip
        case 220:
            yield _response(at, "crane", "c2", "enable-01", "enable", rule="wind")
        case 240:
            # Two people press at once; only one of them can be right.
            yield _response(at, "formwork", BAY, "ack-bay-1", "acknowledge", **cites(BAY, "force", 1))
            yield _response(at, "formwork", BAY, "ack-bay-2", "acknowledge", **cites(BAY, "force", 1))
        case 265:
            # It answers what comes only a moment later, and waits for it.
            yield _response(at, "crane", "c1", "ack-early", "acknowledge", **cites("c1", "moment", 7))
        case 330:
            yield _response(at, "crane", "c1", "mode-0001", "set_mode", mode="parked")
        case 380:
            yield _response(at, "crane", "c1", "mode-0002", "set_mode", mode="working")
            yield _response(at, "crane", "c1", "mode-0002", "set_mode", mode="working")
        case 430:
            yield Step(
                at, topic("crane", "c3", "up/presence"), b'{"online":true,"boot":"boot-rebooted","interval_ms":5000}'
            )
        case 470:
            # It goes on, and a quarter of an hour later the desk is told again.
            yield _response(at, "formwork", BAY, "ack-settle", "acknowledge", rule="settlement")
        case 480:
            event = {"id": "gasp-1", "type": "power_off", "ts": at, "boot": "boot-00000000", "seq": k}
            yield Step(at, topic("crane", "c1", "up/event"), msgspec.json.encode(event))
        case 520:
            yield Step(at, f"cw/v1/{SITE}/config", payloads.encode(SiteConfig(version=1, profile="uk")))
        case 560:
            yield Step(at, topic("crane", "c2", "up/presence"), b'{"online":false}')


def recorded(raised: dict[tuple[str, str], list[str]], *, steps: int = 720) -> list[Step]:
    """The hour, or its first `steps` five-second steps."""
    chart = [msgspec.to_builtins(CHART)]
    found = [_config(START, "crane", name, 1, charts=chart) for name in CRANES]
    found.append(_config(START, "formwork", BAY, 1, design_force_kn=20.0))
    for k in range(steps):
        at = START + k * INTERVAL_MS
        for number in range(len(CRANES)):
            found += _crane(at + 100 * number, k, number)
        found += _bay(at + 400, k)
        found += _around(at + 500, k, raised)
        if k % 2:
            found.append(Step(at + 2_500))
    return found
