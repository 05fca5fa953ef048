"""The lines of tables and keys in a TOML text."""

import tomllib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry import profiles
from telemetry.toml_places import Places

TEXT = '''# [not.this]
name = "a = # b"
[crane.wind] # a = 1
"set" = { value = 1, source = "}, x = 2" }
list = [
  "[a]", # b = 1
  { deep = 1 }, [2, 3],
]
text = """
[no.table]
no = 1 \\""" """
raw = \'\'\'
x = 1\'\'\'\'
[[crane.many]]
one = 1
[crane.many.'it is'.a]
last = 2027-01-15T06:00:00Z
dotted.key = true
'''

NESTED = """[[crane]]
id = 1
point = [
  [1],
  [2],
]
[[crane.sensor]]
unit = "t"
[[crane.sensor]]
[crane.sensor.range]
low = 1
[[crane]]
id = 2
"""


def test_every_key_is_found_and_what_looks_like_one_is_not() -> None:
    tomllib.loads(TEXT)
    assert {".".join(path): line for path, line in Places(TEXT).lines.items()} == {
        "name": 2, "crane": 3, "crane.wind": 3, "crane.wind.set": 4, "crane.wind.set.value": 4,
        "crane.wind.set.source": 4, "crane.wind.list": 5, "crane.wind.list.deep": 7, "crane.wind.text": 9,
        "crane.wind.raw": 12, "crane.many": 14, "crane.many.one": 15, "crane.many.it is": 16, "crane.many.it is.a": 16,
        "crane.many.it is.a.last": 17, "crane.many.it is.a.dotted": 18, "crane.many.it is.a.dotted.key": 18,
    }  # fmt: skip


def test_every_element_of_an_array_has_its_own_line() -> None:
    exact = {".".join(map(str, path)): line for path, line in Places(NESTED).exact.items()}
    assert {path: exact[path] for path in exact if path.count(".") > 0} == {
        "crane.0": 1, "crane.0.id": 2, "crane.0.point": 3, "crane.0.point.0": 4, "crane.0.point.0.0": 4,
        "crane.0.point.1": 5, "crane.0.point.1.0": 5, "crane.0.sensor": 7, "crane.0.sensor.0": 7,
        "crane.0.sensor.0.unit": 8, "crane.0.sensor.1": 9, "crane.0.sensor.1.range": 10,
        "crane.0.sensor.1.range.low": 11, "crane.1": 12, "crane.1.id": 13,
    }  # fmt: skip
    assert Places(NESTED).at(("crane", 1, "sensor", 0, "unit")) == 12
    assert Places(NESTED).at(("boat", 0)) == 1


def test_what_is_not_there_stands_where_most_of_it_does() -> None:
    places = Places(TEXT)
    assert places.line(("crane", "wind", "set", "nix")) == 4
    assert places.line(("crane", "tilt")) == 3
    assert places.line(("boat",)) == 1
    assert places.line(("boat",), ("crane", "many", "one")) == 15


def paths(raw: Any, above: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    for key, value in raw.items():
        found |= {(*above, key)} | (paths(value, (*above, key)) if isinstance(value, dict) else set())
    return found


def test_it_sees_in_the_packaged_profiles_what_tomllib_sees() -> None:
    for name in profiles.names():
        text = profiles.text(name)
        assert set(Places(text).lines) == paths(tomllib.loads(text))


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab.[]{}=\"'\\#,\n 1", max_size=60))
def test_it_agrees_with_tomllib_on_whatever_tomllib_reads(text: str) -> None:
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert paths(raw) <= set(Places(text).lines)
