"""The cache of numbers for names: bounded, and never emptied under the batch that needs it."""

import psycopg
import pytest

from telemetry.settings import DatabaseSettings
from telemetry.storage import registry
from telemetry.storage.registry import Registry


def test_a_full_cache_is_emptied_before_and_not_during_a_batch(
    postgres_database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "MAX_CACHED", 3)
    found = Registry()
    with psycopg.connect(postgres_database.url.get_secret_value(), autocommit=True) as connection:
        known = (("s", "crane", "a"), "boot-0001")
        found.learn(connection, {known})
        first = found.device(known[0])
        wanted = {known, (("s", "crane", "b"), "boot-0002"), (("s", "crane", "c"), "boot-0003")}
        found.learn(connection, wanted)
        assert {found.boot(found.device(key), boot) for key, boot in wanted} == {1}
        assert found.device(known[0]) == first


def test_boots_are_numbered_as_they_are_first_seen(postgres_database: DatabaseSettings) -> None:
    key = ("s", "crane", "a")
    with psycopg.connect(postgres_database.url.get_secret_value(), autocommit=True) as connection:
        one, two = Registry(), Registry()
        one.learn(connection, {(key, "boot-zzzz")})
        two.learn(connection, {(key, "boot-aaaa")})
        one.learn(connection, {(key, "boot-aaaa"), (key, "boot-zzzz")})
        device = one.device(key)
        assert (one.boot(device, "boot-zzzz"), one.boot(device, "boot-aaaa"), one.boot(device, None)) == (1, 2, 0)
