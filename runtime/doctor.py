"""
`cranewatch doctor`: what this installation has, what is wrong with it, and what to do about each.

A check never raises; it says good, doubtful or bad, and in the last two cases the next step.
"""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ingest.settings import IngestSettings
from telemetry.broker import Arrival, Link, connected
from telemetry.clock import now_ms
from telemetry.errors import ConfigError, CranewatchError, StorageError
from telemetry.model import Edition
from telemetry.settings import DatabaseSettings, MqttSettings
from telemetry.storage.checkup import checkup
from telemetry.wire import topics

CLOCK_DOUBTFUL_MS: Final = 1_000
CLOCK_BAD_MS: Final = 5_000
PREFIX: Final = "CRANEWATCH_"


class Verdict(StrEnum):
    """How a check went."""

    GOOD = "good"
    DOUBTFUL = "doubtful"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's result; `advice` says what to do, empty when it is good."""

    check: str
    verdict: Verdict
    text: str
    advice: str = ""


async def examine(
    mqtt: MqttSettings, database: DatabaseSettings | None, environment: Iterable[str], known: Iterable[type[BaseModel]]
) -> list[Finding]:
    """All findings, worst last in each group; takes a few seconds."""
    checks: list[Callable[[], Awaitable[list[Finding]]]] = [
        lambda: _broker(mqtt, "5"),
        lambda: _broker(mqtt, "3.1.1"),
        lambda: _dropped(mqtt),
        lambda: _database(database),
    ]
    found = settings_findings(environment, known)
    for check in checks:
        found += await check()
    return found


async def _broker(mqtt: MqttSettings, protocol: Any) -> list[Finding]:
    port = mqtt.port if protocol == "5" else mqtt.port_v3
    name = f"broker, MQTT {protocol}"
    where = f"{mqtt.host}:{port}"
    try:
        async with asyncio.timeout(5):
            async with connected(Link(mqtt, f"doctor-{os.getpid()}-{protocol[0]}", protocol=protocol)) as link:
                await link.publish("cw/v1/_own/doctor", str(now_ms()).encode())
    except (TimeoutError, CranewatchError, OSError):
        advice = (
            f"start the broker, or set {PREFIX}MQTT__HOST and {PREFIX}MQTT__{'PORT' if protocol == '5' else 'PORT_V3'};"
            " with a password, also CRANEWATCH_MQTT__USERNAME and CRANEWATCH_MQTT__PASSWORD"
        )
        return [Finding(name, Verdict.BAD, f"{where} does not take a publish within 5 s", advice)]
    return [Finding(name, Verdict.GOOD, f"{where} answers and takes a publish at QoS 1")]


async def _dropped(mqtt: MqttSettings) -> list[Finding]:
    """Messages that a Mosquitto dropped because a queue was full; other brokers do not say."""
    seen: list[int] = []

    def note(arrival: Arrival) -> None:
        with contextlib.suppress(ValueError):
            seen.append(int(arrival.payload))

    link = Link(mqtt, f"doctor-{os.getpid()}-sys", filters=[(topics.DROPPED, 0)], on_arrival=note)
    try:
        async with asyncio.timeout(5):
            async with connected(link):
                await asyncio.sleep(0.5)
    except (TimeoutError, CranewatchError, OSError):
        return [Finding("broker, queues", Verdict.GOOD, "this broker does not let $SYS be read")]
    if not seen:
        return [Finding("broker, queues", Verdict.GOOD, "this broker does not publish $SYS counters")]
    if seen[-1]:
        return [
            Finding(
                "broker, queues", Verdict.BAD, f"{seen[-1]} messages dropped since the broker started",
                "raise max_queued_messages (2000000 in our mosquitto.conf) and find out which service stood still;"
                " devices send again what got no receipt",
            )
        ]  # fmt: skip
    return [Finding("broker, queues", Verdict.GOOD, "no message dropped")]


async def _database(database: DatabaseSettings | None) -> list[Finding]:
    if database is None:
        return [Finding("database", Verdict.BAD, "no address", f"set {PREFIX}DATABASE__URL=postgresql://…")]
    try:
        found = await asyncio.to_thread(checkup, database)
    except (StorageError, ConfigError) as error:
        return [
            Finding(
                "database", Verdict.BAD, str(error),
                f"start the database, or correct {PREFIX}DATABASE__URL; `cranewatch migrate` makes the schema",
            )
        ]  # fmt: skip
    findings = [_edition(found.edition, found.version)]
    if found.missing:
        findings.append(
            Finding("schema", Verdict.BAD, f"{len(found.missing)} migrations missing", "run `cranewatch migrate`")
        )
    else:
        findings.append(Finding("schema", Verdict.GOOD, f"{found.applied} migrations applied, none missing"))
    findings.append(_clock(found.clock_offset_ms))
    return findings


def _edition(edition: Edition, version: str) -> Finding:
    text = f"{version}, {edition} edition"
    if edition is Edition.COMMUNITY:
        return Finding("database", Verdict.GOOD, text)
    advice = {
        Edition.APACHE: "works; for columnstore and continuous aggregates use TimescaleDB's community edition",
        Edition.PLAIN: "works for a trial; for a site use TimescaleDB (docker compose up brings it)",
    }
    return Finding("database", Verdict.DOUBTFUL, text, advice[edition])


def _clock(offset_ms: float) -> Finding:
    text = f"the database's clock is {offset_ms / 1000:+.2f} s from ours"
    if abs(offset_ms) < CLOCK_DOUBTFUL_MS:
        return Finding("clock", Verdict.GOOD, text)
    verdict = Verdict.BAD if abs(offset_ms) >= CLOCK_BAD_MS else Verdict.DOUBTFUL
    return Finding("clock", verdict, text, "run a time service (chrony, systemd-timesyncd) on both machines")


# Said by the demo for whoever tries it with curl; nothing reads them.
NO_SETTINGS: Final = frozenset({"CRANEWATCH_DEMO_KEY"})


def settings_findings(environment: Iterable[str], known: Iterable[type[BaseModel]]) -> list[Finding]:
    """Variables that begin with CRANEWATCH_ and that no service reads: a typo leaves a default in force, silently."""
    names = {name for model in known for name in variables(model)} | NO_SETTINGS
    strange = sorted(name for name in environment if name.startswith(PREFIX) and name not in names)
    if not strange:
        return [Finding("settings", Verdict.GOOD, "every CRANEWATCH_* variable is known")]
    return [Finding("settings", Verdict.BAD, f"{name} is not a setting", _nearest(name, names)) for name in strange]


def _nearest(name: str, names: set[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, names, n=1)
    return f"did you mean {close[0]}?" if close else "see docs/operations.md for all settings"


def variables(model: type[BaseModel]) -> Iterable[str]:
    """The environment variables of a settings class."""
    return (name for name, _ in described(model))


def described(model: type[BaseModel], prefix: str = PREFIX) -> Iterable[tuple[str, FieldInfo]]:
    """The variables of a settings class with their fields; nested sections have a double underscore."""
    for name, field in model.model_fields.items():
        section = _section(field.annotation)
        if section is None:
            yield f"{prefix}{name.upper()}", field
        else:
            yield from described(section, f"{prefix}{name.upper()}__")


def _section(annotation: Any) -> type[BaseModel] | None:
    for part in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part
    return None


def known_settings() -> list[type[BaseModel]]:
    """The settings of every service."""
    from analytics.review.settings import ReviewEnvironment
    from analytics.settings import AnalyticsEnvironment
    from api.notify.settings import NotifyEnvironment
    from api.settings import ApiSettings
    from simulators.settings import Settings as FleetSettings

    return [IngestSettings, AnalyticsEnvironment, ReviewEnvironment, ApiSettings, NotifyEnvironment, FleetSettings]
