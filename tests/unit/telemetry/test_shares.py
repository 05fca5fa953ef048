"""Which partition a site belongs to, and that all services give the same answer."""

import pytest

from analytics.shares import filters
from telemetry.settings import PartitionSettings
from telemetry.shares import partition_of, sites
from telemetry.wire import topics

NAMES = tuple(f"site-{n}" for n in range(40))


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_every_site_belongs_to_exactly_one_partition(count: int) -> None:
    shared = PartitionSettings(count=count, sites=NAMES)
    parts = [sites(shared, p) or () for p in range(count)]
    assert sorted(site for part in parts for site in part) == sorted(NAMES)
    assert all(partition_of(site, count) == p for p, part in enumerate(parts) for site in part)


def test_a_site_never_moves_between_releases() -> None:
    assert [partition_of(name, 4) for name in ("demo", "north", "site-1")] == [0, 2, 1]


def test_one_partition_without_names_has_all_sites() -> None:
    assert sites(PartitionSettings(), 0) is None
    assert filters(PartitionSettings(), 0)[:3] == ["cw/v1/+/+/+/up/+", "cw/v1/+/+/+/down/config", "cw/v1/+/config"]


def test_several_partitions_need_the_names_of_the_sites() -> None:
    with pytest.raises(ValueError, match="must be named"):
        sites(PartitionSettings(count=2), 0)


def test_the_analyzer_hears_its_own_sites_and_its_own_tick() -> None:
    shared = PartitionSettings(count=2, sites=NAMES)
    for p in (0, 1):
        found = filters(shared, p)
        assert topics.tick(p) in found
        assert [f for f in found if f.endswith("/up/+")] == [
            f"cw/v1/{site}/+/+/up/+" for site in sites(shared, p) or ()
        ]
