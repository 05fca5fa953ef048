"""Proof that someone is watching, and of what they hold active: a terminal compares it with its screen."""

from importlib import metadata

from analytics.engine import Engine
from telemetry.wire.payloads import Heartbeat, digest


def version() -> str:
    """The version of this package; 0 when it runs from its sources without being installed."""
    try:
        return metadata.version("cranewatch")
    except metadata.PackageNotFoundError:
        return "0"


def beat(engine: Engine, site: str, version: str, at: int) -> Heartbeat:
    """The heartbeat of a site at `at` (Unix ms). The engine's own time is that of the last tick that came back."""
    active = engine.active(site)
    return Heartbeat(
        partition=engine.partition,
        version=version,
        at=at,
        active=sum(len(rules) for rules in active.values()),
        digest=digest(number for rules in active.values() for number in rules.values()),
        ticked=engine.now,
        devices={key[2]: (len(rules), digest(rules.values())) for key, rules in active.items()},
    )
