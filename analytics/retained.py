"""What is retained at the broker of a partition's sites: read at a start without memory, and once after every start."""

import asyncio
from typing import Final

from analytics import shares
from telemetry import broker
from telemetry.settings import MqttSettings, PartitionSettings
from telemetry.wire import topics

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


def rank(item: tuple[str, bytes]) -> tuple[int, bool, str]:
    """The order in which retained configuration is taken: sites before devices, a profile before who may name it."""
    topic = item[0]
    return topic.count("/"), not topic.endswith("/profile"), topic
