"""Every table and key of a site file is explained, and the page is current."""

import msgspec

from scripts import site_docs
from telemetry.sitefile.meanings import KEYS, TABLES
from telemetry.sitefile.words import File


def reached(type_: type) -> set[type]:
    """The tables that stand in a table, itself included."""
    found = {type_}
    for field in msgspec.structs.fields(type_):
        todo = [field.type]
        while todo:
            one = todo.pop()
            if isinstance(one, type) and issubclass(one, msgspec.Struct):
                found |= reached(one)
            todo += getattr(one, "__args__", ())
    return found


def test_every_table_and_key_has_its_meaning_and_no_other_has() -> None:
    assert set(TABLES) == set(KEYS) == reached(File) - {File}
    for type_, keys in KEYS.items():
        assert set(keys) == {field.name for field in msgspec.structs.fields(type_)}, type_
        assert all(zh and en for _, zh, en in keys.values())


def test_the_page_is_current() -> None:
    assert site_docs.page() == site_docs.PAGE.read_text("utf-8")
