"""Which sites belong to which partition, and what a partition's session subscribes to."""

import zlib

from telemetry.settings import PartitionSettings
from telemetry.wire import topics


def partition_of(site: str, count: int) -> int:
    """The partition of a site."""
    return zlib.crc32(site.encode()) % count


def filters(settings: PartitionSettings, partition: int) -> list[str]:
    """The session's filters. Raises ValueError when several partitions share a deployment that names no sites."""
    sites = settings.sites
    if settings.count > 1:
        if not sites:
            raise ValueError("with more than one partition the sites must be named: CRANEWATCH_PARTITION__SITES")
        sites = tuple(site for site in sites if partition_of(site, settings.count) == partition)
    found = topics.filters(sites, "up/+") if sites or settings.count == 1 else []
    if sites:
        found.append(topics.tick(partition))
    elif settings.count > 1:
        return [topics.tick(partition)]
    found += topics.filters(sites, "down/config")
    found += [topics.site_config(site) for site in (sites or ("+",))]
    return found
