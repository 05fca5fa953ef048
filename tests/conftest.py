"""Fixtures are plugins, one per concern; whoever uses a real server is marked by the fixture's name."""

import pytest
from hypothesis import HealthCheck, settings

# A busy machine generates slowly: that says nothing about the code.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")

pytest_plugins = ["tests.fix_database", "tests.fix_broker", "tests.fix_proxy"]

MARKS = {
    "database": ("postgres",),
    "broker": ("broker",),
    "embedded_broker": ("broker",),
    "mosquitto": ("broker",),
    "page": ("browser",),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for fixture in getattr(item, "fixturenames", ()):
            for mark in MARKS.get(fixture, ()):
                item.add_marker(mark)
