"""What is retained at the broker of a partition's sites: read at a start without memory, and once after every start."""

import asyncio
import contextlib
from typing import Final

from analytics import shares
from analytics.engine import Engine
from analytics.journal import Input
from telemetry import broker
from telemetry.errors import CranewatchError
from telemetry.settings import MqttSettings, PartitionSettings
from telemetry.wire import payloads, topics
from telemetry.wire.payloads import DeviceConfig

LOOKS_AT_ONCE: Final = 8  # connections that read retained topics at the start
OF_SITE: Final = {"config": topics.site_config, "profile": topics.site_profile}
MANY_RETAINED: Final = 500  # messages; when so many came in the first second, more may follow


async def retained(
    mqtt: MqttSettings, partition: PartitionSettings, number: int, name: str, *tails: str
) -> dict[str, bytes]:
    """What is retained, by the tails of its topics; `name` makes client ids. Raises BrokerUnavailable."""
    mine = shares.filters(partition, number)
    sites = tuple(one.split("/")[2] for one in mine if one.endswith("/up/+"))
    patterns: list[str] = []
    for tail in tails if sites else ():
        of_site = OF_SITE.get(tail)
        patterns += [of_site(site) for site in sites] if of_site is not None else topics.filters(sites, tail)
    at_once = asyncio.Semaphore(LOOKS_AT_ONCE)

    async def look(n: int, pattern: str) -> dict[str, bytes]:
        client = f"look-p{number}-{n}-{name}"
        async with at_once:
            part = await broker.fetch_retained(mqtt, client, pattern)
            if len(part) >= MANY_RETAINED:
                part = await broker.fetch_retained(mqtt, client, pattern, wait_s=5.0)
        return part

    found: dict[str, bytes] = {}
    for part in await asyncio.gather(*(look(n, pattern) for n, pattern in enumerate(patterns))):
        found |= part
    return found


def newer(found: dict[str, bytes], engine: Engine) -> list[Input]:
    """
    Retained configuration that the engine does not have, in the order in which it is taken.

    A broker may not have delivered all of it: rumqttd sends 100 retained messages for a SUBSCRIBE and no more, and what
    of them was not acknowledged when the link was lost never comes again.
    """
    inputs: list[Input] = []
    for topic, payload in sorted(found.items(), key=rank):
        if not topic.endswith("/down/config"):
            inputs.append((topic, payload))
            continue
        with contextlib.suppress(CranewatchError):
            where = topics.parse(topic)
            version = payloads.decode(DeviceConfig, payload).version
            fleet = engine.fleets.get(where.kind)
            row = fleet.index.get((where.site, where.device)) if fleet is not None else None
            known = fleet.devices[row].config if fleet is not None and row is not None else None
            if known is None or known.version < version:
                inputs.append((topic, payload))
    return inputs


def rank(item: tuple[str, bytes]) -> tuple[int, bool, str]:
    """The order in which retained configuration is taken: sites before devices, a profile before who may name it."""
    topic = item[0]
    return topic.count("/"), not topic.endswith("/profile"), topic
