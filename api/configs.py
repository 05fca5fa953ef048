"""
The owner of the retained configuration: what the database says is what the broker holds.

Rule 1: versions never go backwards. A database restored from an old backup does not take a newer chart away from
a crane: the older one is held back, and said so.
Rule 2: a configuration that is invalid or larger than a frame may be is held back; the last good one stays.
Rule 3: pure but for `Keeper`, which reads, compares and publishes, after each (re)connect and then every few seconds.
"""

import asyncio
import hashlib
import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from api.live.feed import Feed
from api.metrics import ApiMetrics
from telemetry.clock import now_ms
from telemetry.errors import BrokerUnavailable, ConfigError, StorageError, WireError
from telemetry.storage import devices
from telemetry.storage.pool import Database
from telemetry.storage.profiles import due, published, sized
from telemetry.wire import payloads, topics
from telemetry.wire.frames import MAX_BYTES
from telemetry.wire.topics import Lane, Leaf

logger = logging.getLogger(__name__)

EVERY_S: Final = 5.0


class Outcome(StrEnum):
    """What was done with a configuration; a metric label."""

    PUBLISHED = "published"
    UNCHANGED = "unchanged"
    OLDER = "older"
    INVALID = "invalid"
    OVERSIZED = "oversized"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A configuration ready to publish, or the reason why it is held back."""

    topic: str
    version: int
    payload: bytes
    outcome: Outcome
    why: str = ""


def topic_of(row: devices.ConfigRow) -> str:
    """The retained topic of a row."""
    if row.kind is None or row.device is None:
        return topics.site_config(row.site)
    return topics.build(row.site, row.kind, row.device, Lane.DOWN, Leaf.CONFIG)


def prepare(row: devices.ConfigRow, held: int | None, published: bytes | None) -> Prepared:
    """What to do with a row, given the version that the broker holds and what was published last."""
    topic = topic_of(row)
    version = row.config_version
    body = {**row.config, "version": version}
    body["hash"] = ""
    digest = hashlib.sha256(msgspec.json.encode(body, order="sorted")).hexdigest()[:16]
    body["hash"] = digest
    type_: type[payloads.DeviceConfig] | type[payloads.SiteConfig]
    type_ = payloads.SiteConfig if row.kind is None else payloads.DeviceConfig
    raw = msgspec.json.encode(body)
    if len(raw) >= MAX_BYTES:
        return Prepared(topic, version, b"", Outcome.OVERSIZED, f"{len(raw)} bytes, the limit is {MAX_BYTES}")
    try:
        payload = payloads.encode(payloads.decode(type_, raw))
    except WireError as error:
        return Prepared(topic, version, b"", Outcome.INVALID, error.detail)
    if held is not None and version < held:
        return Prepared(topic, version, b"", Outcome.OLDER, f"the broker holds version {held}, this is {version}")
    outcome = Outcome.UNCHANGED if payload == published else Outcome.PUBLISHED
    return Prepared(topic, version, payload, outcome)


def prepare_profile(
    site: str, sent: payloads.SiteProfile, held: payloads.SiteProfile | None, published: bytes | None
) -> Prepared:
    """What to do with a site's limit profile, given what the broker holds and what was published last."""
    topic = topics.site_profile(site)
    if held is not None and held.name == sent.name and sent.version < held.version:
        why = f"the broker holds {held.name}/{held.version}, this is version {sent.version}"
        return Prepared(topic, sent.version, b"", Outcome.OLDER, why)
    try:
        payload = sized(sent)
    except ConfigError as error:
        return Prepared(topic, sent.version, b"", Outcome.OVERSIZED, str(error))
    outcome = Outcome.UNCHANGED if payload == published else Outcome.PUBLISHED
    return Prepared(topic, sent.version, payload, outcome)


class Keeper:
    """Publishes what is due."""

    def __init__(self, feed: Feed, database: Database, metrics: ApiMetrics) -> None:
        self._feed = feed
        self._database = database
        self._metrics = metrics
        self._published: dict[str, tuple[int, bytes]] = {}
        self._complained: dict[str, tuple[int, Outcome]] = {}
        self._due = asyncio.Event()

    async def reconnected(self) -> None:
        """The broker may have lost what it held: publish everything again."""
        self._published.clear()
        self._due.set()

    async def run(self) -> None:
        """Keep the broker's configurations those of the database, for ever."""
        while True:
            try:
                async with asyncio.timeout(EVERY_S):
                    await self._due.wait()
            except TimeoutError:
                pass
            self._due.clear()
            if not self._feed.picture.broker_up:
                continue
            try:
                # What a site is judged by before those who may name it.
                for site, sent in due(await published(self._database), now_ms()).items():
                    await self._keep_profile(site, sent)
                for row in await devices.configured(self._database):
                    await self._keep(row)
            except (StorageError, BrokerUnavailable) as error:
                logger.debug("configurations have to wait: %s", error)

    def _held(self, row: devices.ConfigRow) -> int | None:
        picture = self._feed.picture
        config: payloads.SiteConfig | payloads.DeviceConfig | None
        if row.kind is None or row.device is None:
            site = picture.sites.get(row.site)
            config = site.config if site else None
        else:
            device = picture.devices.get((row.site, row.kind, row.device))
            config = device.config if device else None
        return config.version if config else None

    async def _keep(self, row: devices.ConfigRow) -> None:
        try:
            topic = topic_of(row)
        except ValueError as error:
            self._complain(f"{row.site}/{row.kind}/{row.device}", row.config_version, Outcome.INVALID, str(error))
            return
        version, payload = self._published.get(topic, (None, None))
        held = max((v for v in (version, self._held(row)) if v is not None), default=None)
        await self._say(prepare(row, held, payload))

    async def _keep_profile(self, site: str, sent: payloads.SiteProfile) -> None:
        view = self._feed.picture.sites.get(site)
        topic = topics.site_profile(site)
        _, payload = self._published.get(topic, (None, None))
        await self._say(prepare_profile(site, sent, view.profile if view else None, payload))

    async def _say(self, ready: Prepared) -> None:
        topic = ready.topic
        if ready.outcome is Outcome.PUBLISHED:
            await self._feed.publish(topic, ready.payload, retain=True)
            self._published[topic] = (ready.version, ready.payload)
            self._complained.pop(topic, None)
            self._metrics.configs.labels(str(ready.outcome)).inc()
            logger.info("published %s version %d", topic, ready.version, extra={"action": "config"})
        elif ready.outcome is not Outcome.UNCHANGED:
            self._complain(topic, ready.version, ready.outcome, ready.why)

    def _complain(self, topic: str, version: int, outcome: Outcome, why: str) -> None:
        # Once for each version, not every few seconds.
        if self._complained.get(topic) != (version, outcome):
            self._complained[topic] = (version, outcome)
            self._metrics.configs.labels(str(outcome)).inc()
            logger.error("configuration %s held back, %s: %s", topic, outcome, why, extra={"action": "config"})
