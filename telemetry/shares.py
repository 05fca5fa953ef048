"""
Which sites belong to which partition: one answer for all services, so that what one of them evaluates another stores.

Rule: sites are hashed onto P partitions, P fixed when the deployment is made. With one partition the wildcard is all
sites, and unknown ones register themselves; with more the sites are named.
"""

import zlib

from telemetry.settings import PartitionSettings


def partition_of(site: str, count: int) -> int:
    """The partition of a site."""
    return zlib.crc32(site.encode()) % count


def sites(settings: PartitionSettings, partition: int) -> tuple[str, ...] | None:
    """
    The sites of a partition; None is all there are, by the wildcard.

    Raises ValueError when several partitions share a deployment that names no sites.
    """
    if settings.count == 1:
        return settings.sites or None
    if not settings.sites:
        raise ValueError("with more than one partition the sites must be named: CRANEWATCH_PARTITION__SITES")
    return tuple(site for site in settings.sites if partition_of(site, settings.count) == partition)
