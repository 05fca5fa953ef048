"""What a partition's session subscribes to."""

from telemetry.settings import PartitionSettings
from telemetry.shares import sites
from telemetry.wire import topics


def filters(settings: PartitionSettings, partition: int) -> list[str]:
    """The session's filters. Raises ValueError when several partitions share a deployment that names no sites."""
    found = sites(settings, partition)
    if found is None:
        # The wildcard has the tick as well, behind what was queued before it.
        return [
            *topics.filters((), "up/+"),
            *topics.filters((), "down/config"),
            topics.site_config("+"),
            topics.site_profile("+"),
            topics.record("+"),
            topics.proofs("+"),
        ]
    if not found:
        return [topics.tick(partition)]
    return [
        *topics.filters(found, "up/+"),
        topics.tick(partition),
        *topics.filters(found, "down/config"),
        *(topics.site_config(site) for site in found),
        *(topics.site_profile(site) for site in found),
        *(topics.record(site) for site in found),
        *(topics.proofs(site) for site in found),
    ]
