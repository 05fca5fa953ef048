"""The topic grammar `cw/v1/{site}/{kind}/{device}/{lane}/{leaf}`: parsed in one place, built in one place."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from telemetry.errors import Refusal, WireError

ROOT: Final = "cw/v1"
DROPPED: Final = "$SYS/broker/publish/messages/dropped"  # Mosquitto's count of what full queues cost
ID: Final = re.compile(r"[a-z0-9-]{1,64}\Z")
RULE: Final = re.compile(r"[a-z0-9_-]{1,64}\Z")


class Lane(StrEnum):
    """Which way a message goes: devices and terminals write `up` and `late`, we write `down`."""

    UP = "up"
    LATE = "late"
    DOWN = "down"


class Leaf(StrEnum):
    """The last level but for `down/alarm/{rule}`, whose rule is in `Topic.rule`."""

    READING = "reading"
    EVENT = "event"
    PRESENCE = "presence"
    RESPONSE = "response"
    SHOWN = "shown"
    RECEIPT = "receipt"
    ALARM = "alarm"
    TRANSITION = "transition"
    COVERAGE = "coverage"
    EVALUATED = "evaluated"
    CYCLE = "cycle"
    CONFIG = "config"
    PROOF = "proof"
    PROOF_STATE = "proof_state"


LEAVES: Final[dict[Lane, frozenset[Leaf]]] = {
    Lane.UP: frozenset({Leaf.READING, Leaf.EVENT, Leaf.PRESENCE, Leaf.RESPONSE, Leaf.SHOWN}),
    Lane.LATE: frozenset({Leaf.READING}),
    Lane.DOWN: frozenset(
        {Leaf.RECEIPT, Leaf.ALARM, Leaf.TRANSITION, Leaf.COVERAGE, Leaf.EVALUATED, Leaf.CYCLE, Leaf.CONFIG}
        | {Leaf.PROOF, Leaf.PROOF_STATE}
    ),
}


@dataclass(frozen=True, slots=True)
class Topic:
    """A parsed device topic."""

    site: str
    kind: str
    device: str
    lane: Lane
    leaf: Leaf
    rule: str | None = None

    def __str__(self) -> str:
        tail = f"/{self.rule}" if self.rule else ""
        return f"{ROOT}/{self.site}/{self.kind}/{self.device}/{self.lane}/{self.leaf}{tail}"


def parse(topic: str) -> Topic:
    """A device topic, parsed. Raises WireError(TOPIC) with what is wrong with it."""
    levels = topic.split("/")
    if len(levels) not in (7, 8) or levels[0] != "cw" or levels[1] != "v1":
        raise WireError(Refusal.TOPIC, "not cw/v1/{site}/{kind}/{device}/{lane}/{leaf}")
    for name, level in zip(("site", "kind", "device"), levels[2:5], strict=True):
        if not ID.match(level):
            raise WireError(Refusal.TOPIC, f"{name} is not of [a-z0-9-]{{1,64}}")
    try:
        lane, leaf = Lane(levels[5]), Leaf(levels[6])
    except ValueError as error:
        raise WireError(Refusal.TOPIC, str(error)) from error
    if leaf not in LEAVES[lane] or (len(levels) == 8) != (leaf is Leaf.ALARM):
        raise WireError(Refusal.TOPIC, f"no {'/'.join(levels[5:])} in this contract")
    if len(levels) == 8 and not RULE.match(levels[7]):
        raise WireError(Refusal.TOPIC, "rule is not of [a-z0-9_-]{1,64}")
    return Topic(levels[2], levels[3], levels[4], lane, leaf, levels[7] if len(levels) == 8 else None)


def build(site: str, kind: str, device: str, lane: Lane, leaf: Leaf, rule: str | None = None) -> str:
    """A device topic. Raises ValueError when an id is outside [a-z0-9-]{1,64}."""
    for level in (site, kind, device):
        if not ID.match(level):
            raise ValueError(f"{level!r} is not of [a-z0-9-]{{1,64}}")
    return str(Topic(site, kind, device, lane, leaf, rule))


def site_config(site: str) -> str:
    """The retained topic of a site's configuration."""
    return f"{ROOT}/{site}/config"


def site_profile(site: str) -> str:
    """The retained topic of a site's limit profile."""
    return f"{ROOT}/{site}/profile"


def heartbeat(site: str) -> str:
    """The topic on which the analyzer proves, every second, that it watches this site."""
    return f"{ROOT}/{site}/heartbeat"


def record(site: str) -> str:
    """The retained topic on which the review says what the record of a site lacks."""
    return f"{ROOT}/{site}/record"


def proofs(site: str) -> str:
    """The retained topic on which the notifier says which proof tests of a site failed or are overdue."""
    return f"{ROOT}/{site}/proofs"


def claim(service: str, partition: int) -> str:
    """The retained topic on which a worker claims a partition."""
    return f"{ROOT}/_own/{service}/p{partition}"


def log_session(partition: int) -> str:
    """The retained topic on which ingest says since when it has its session for the log of a partition."""
    return f"{ROOT}/_own/ingest/p{partition}/log"


def tick(partition: int) -> str:
    """
    The analyzer's clock, sent to its own session.

    It matches `cw/v1/+/+/+/up/+`, the session's one filter, so that brokers that keep order per filter only
    (rumqttd) deliver it behind whatever was queued before it.
    """
    return f"{ROOT}/_own/analyze/p{partition}/up/tick"


def filters(sites: tuple[str, ...], tail: str) -> list[str]:
    """One filter a site, or one wildcard for all sites when `sites` is empty; `tail` is like `up/+`."""
    return [f"{ROOT}/{site}/+/+/{tail}" for site in (sites or ("+",))]
