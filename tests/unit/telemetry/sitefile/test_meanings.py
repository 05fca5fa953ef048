"""Every table and key of a site file is explained, and the page is current."""

import msgspec

from scripts import site_docs
from telemetry import vocabulary
from telemetry.ladder import Contact, Plan
from telemetry.sitefile import words
from telemetry.sitefile.meanings import KEYS, TABLES, of_change
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


def test_a_change_says_what_its_key_means() -> None:
    assert of_change("crane/crane-1 hook_max_m") == KEYS[words.Crane]["hook_max_m"][1:]
    assert of_change("formwork/post-1 span_m") == KEYS[words.Post]["span_m"][1:]
    assert of_change("zone 学校 school corners") == KEYS[words.NoGo]["corners"][1:]
    assert of_change("contact wang role") == KEYS[Contact]["role"][1:]
    assert of_change("ladder life_safety") == KEYS[Plan]["life_safety"][1:]
    assert of_change("crane/crane-1 moment.alarm") == vocabulary.rule_name("moment", "crane")
    assert of_change("roster") is None


def test_the_page_is_current() -> None:
    assert site_docs.page() == site_docs.PAGE.read_text("utf-8")
