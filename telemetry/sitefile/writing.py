"""
A site file as text that reads back to the same; comments are ours, in both languages.

Rule: the same file is always the same text, so that a text can be compared and has a tag.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, Final

import msgspec

from telemetry import ladder
from telemetry.sitefile.words import File, bare

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+\Z")
HEADER: Final = """\
# cranewatch 工地文件 · site file. 各键含义 what each key means: docs/site-file.md
# 检查 check: cranewatch site check FILE · 导入 import: cranewatch site import FILE
"""
# What stands in a table of its own; everything else is written on one line.
_TABLES: Final = ("simulation", "design", "commissioning", "limits")
_MANY: Final = ("posts", "sensors")
TAG: Final = 32  # hexadecimal digits


def written(file: File, *, secrets: bool = False, notes: Iterable[str] = ()) -> str:
    """
    The file as TOML. Addresses are masked unless `secrets`; what is masked keeps, at an import, what is there.

    `notes` are comments at the head, such as devices that the file cannot carry.
    """
    lines = [HEADER.rstrip("\n"), *(f"# {note}" for note in notes)]
    plain = _plain(bare(file))
    if file.contacts is not None:
        plain["contacts"] = [ladder.plain(one, reveal=secrets) for one in file.contacts]
    if file.roster is not None:
        plain["roster"] = [ladder.plain(one) for one in file.roster]
    # An empty array says "none"; without the key what is there stays. A key comes before all tables.
    lines += [f"{key} = []" for key in ("contacts", "roster") if plain.get(key) == []]
    site = plain.pop("site")
    models = plain.pop("models", {})
    _table(lines, ("site",), {"id": site.pop("id"), **site})
    for name, model in models.items():
        _table(lines, ("models", name), model)
    if file.notify is not None:
        _notify(lines, ladder.plain(file.notify))
    for key, tables in plain.items():
        for table in tables:
            _table(lines, (key,), table, many=True)
    return "\n".join(lines) + "\n"


def tag(file: File) -> str:
    """What the content of a file is known by: of all that it says, secrets included, which it does not tell."""
    return hashlib.sha256(written(file, secrets=True).encode()).hexdigest()[:TAG]


def _plain(file: File) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(file, builtin_types=(datetime, date))
    return found


def _notify(lines: list[str], plan: dict[str, Any]) -> None:
    ladders = {level: plan.pop(level) for level in ("life_safety", "alarm", "supervised") if level in plan}
    _table(lines, ("notify",), plan)
    for level, own in ladders.items():
        # `steps = []` is a ladder that tells nobody, and not one that is missing.
        own = {key: value for key, value in own.items() if value is not None}
        steps = [
            {key: value for key, value in step.items() if value not in (None, [])} for step in own.pop("steps", [])
        ]
        _table(lines, ("notify", level), own if steps else {**own, "steps": []})
        for step in steps:
            _table(lines, ("notify", level, "steps"), step, many=True)


def _table(lines: list[str], path: tuple[str, ...], table: Mapping[str, Any], *, many: bool = False) -> None:
    name = ".".join(map(_key, path))
    lines += ["", f"[[{name}]]" if many else f"[{name}]"]
    below = {key: value for key, value in table.items() if (key in _TABLES and value) or (key in _MANY and value)}
    lines += [f"{_key(key)} = {_value(key, value)}" for key, value in table.items() if key not in below]
    for key, value in below.items():
        if isinstance(value, list):
            for one in value:
                _table(lines, (*path, key), one, many=True)
        else:
            _table(lines, (*path, key), value)


def _key(key: str) -> str:
    return key if _BARE.match(key) else _text(key)


def _value(key: str, value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(k)} = {_value(k, one)}" for k, one in value.items() if one is not None) + " }"
    if isinstance(value, list | tuple):
        if key == "charts":
            return "[\n" + "".join(f"  {_value('', one)},\n" for one in value) + "]"
        return "[" + ", ".join(_value("", one) for one in value) + "]"
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, str):
        return _text(value)
    # A JSON boolean or number is a TOML one.
    return msgspec.json.encode(value).decode()


def _text(text: str) -> str:
    # A JSON string is a TOML one; what JSON leaves unescaped and TOML does not is escaped.
    return msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")
