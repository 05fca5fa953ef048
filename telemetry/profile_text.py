"""
From the text of a limit profile to the profile, its base resolved, and back.

Rule 1: whatever is wrong is said with the file, the line and the key, and with what was expected there; all of it at
once, so that a person corrects a file in one go.
Rule 2: a profile that names a `base` says only what differs. Tables are merged, a number is replaced together with its
source, and what is to go is named: `remove = true`.
"""

import re
import tomllib
from collections.abc import Callable
from datetime import UTC, date, datetime
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin

import msgspec

from telemetry.errors import ConfigError
from telemetry.kinds import KINDS
from telemetry.limit_profile import Figure, Profile, Rule
from telemetry.toml_places import Path, Places

Bases = Callable[[str], str]  # the text of a profile that may be built on; raises ConfigError when there is none

OWN: Final = ("name", "version", "zh", "en", "effective")
DEPTH: Final = 4  # profiles built on profiles
_AT_LINE: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)")


class Wrong:
    """What is wrong with a text; `of` is the file's name, or what it is in words."""

    def __init__(self, of: str, places: Places) -> None:
        self._of = of
        self._places = places
        self._found: dict[str, int] = {}

    def note(self, path: Path, text: str, *others: Path) -> None:
        """Something about this path; its line is where most of it, or of one of `others`, stands in the text."""
        line = self._places.line(path, *others)
        self._found[f"{self._of}, line {line}: {'.'.join(path) or 'profile'}: {text}"] = line

    def __bool__(self) -> bool:
        return bool(self._found)

    def tell(self) -> None:
        """Raises ConfigError with all of it, in the order of lines, when there is anything."""
        if self._found:
            raise ConfigError("\n".join(sorted(self._found, key=lambda text: self._found[text])))


def read(text: str, of: str, bases: Bases) -> tuple[Profile, Wrong]:
    """
    The profile that a text describes, and the means to say what else is wrong with it.

    Raises ConfigError for everything that can be seen without knowing the rules.
    """
    raw = _toml(text, of)
    wrong = Wrong(of, Places(text))
    merged = _resolved(raw, wrong, bases, 1)
    moment = _moment(merged.pop("effective", 0), wrong)
    kinds = {name: merged.pop(name, {}) for name in KINDS}
    for name in [name for name in merged if name not in OWN]:
        wrong.note((name,), f"no such key; there are {', '.join((*OWN, 'base', *KINDS))}")
        del merged[name]
    figures = {kind: _popped(table, "figures") for kind, table in kinds.items()}
    # The two halves of a kind's table are two fields; a path in an error is that of the file.
    plain = _struct(Profile, {**merged, "effective": moment}, (), wrong)
    rules = {kind: _build(dict[str, Rule], table, (kind,), wrong) for kind, table in kinds.items()}
    numbers = {kind: _build(dict[str, Figure], table, (kind, "figures"), wrong) for kind, table in figures.items()}
    wrong.tell()
    return msgspec.structs.replace(plain, rules=rules, figures=numbers), wrong


def _toml(text: str, of: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _AT_LINE.search(str(error))
        line = found[1] if found and found[1] else text.count("\n") + 1
        raise ConfigError(f"{of}, line {line}: not TOML: {_AT_LINE.sub('', str(error))}") from error


def _moment(raw: Any, wrong: Wrong) -> int:
    """A date, or a date and time, in UTC unless it says otherwise, as Unix ms."""
    if isinstance(raw, date) and not isinstance(raw, datetime):
        raw = datetime(raw.year, raw.month, raw.day, tzinfo=UTC)
    if isinstance(raw, datetime):
        aware = raw if raw.tzinfo is not None else raw.replace(tzinfo=UTC)
        return round(aware.timestamp() * 1000)
    if raw != 0:
        wrong.note(("effective",), f"{raw!r} is not a date or time, expected one such as 2027-01-15T06:00:00+08:00")
    return 0


# Building on another profile


def _resolved(raw: dict[str, Any], wrong: Wrong, bases: Bases, depth: int) -> dict[str, Any]:
    name = raw.pop("base", None)
    if name is None:
        return _without(raw, (), wrong)
    if not isinstance(name, str) or depth > DEPTH:
        wrong.note(("base",), f"expected the name of a profile, not more than {DEPTH} deep" if depth > 1 else
                   f"{name!r} is not the name of a profile")  # fmt: skip
        wrong.tell()
    try:
        text = bases(name)
        under = Wrong(f"its base {name}", Places(text))
        base = _resolved(_toml(text, f"its base {name}"), under, bases, depth + 1)
        under.tell()
    except ConfigError as error:
        # What is missing then is not what a person has to be told of.
        wrong.note(("base",), str(error))
        wrong.tell()
        raise
    for key in OWN:
        base.pop(key, None)
    return _merged(base, raw, (), wrong)


def _merged(base: dict[str, Any], own: dict[str, Any], path: Path, wrong: Wrong) -> dict[str, Any]:
    found = dict(base)
    for key, value in own.items():
        here = (*path, key)
        under = base.get(key)
        if isinstance(value, dict) and "remove" in value:
            if value != {"remove": True}:
                wrong.note((*here, "remove"), "expected `remove = true` and nothing beside it")
            elif not isinstance(under, dict) or "value" in under:
                wrong.note((*here, "remove"), "there is no such table in the base")
            else:
                del found[key]
        elif isinstance(value, dict) and isinstance(under, dict) and "value" not in under:
            found[key] = _merged(under, value, here, wrong)
        else:
            found[key] = _without(value, here, wrong) if isinstance(value, dict) else value
    return found


def _without(raw: dict[str, Any], path: Path, wrong: Wrong) -> dict[str, Any]:
    """The same; where nothing is inherited, nothing can be removed."""
    for key, value in raw.items():
        if isinstance(value, dict):
            _without(value, (*path, key), wrong)
        elif key == "remove":
            wrong.note((*path, key), "there is nothing to remove: the base does not have this")
    return raw


# Types


def _popped(table: Any, key: str) -> Any:
    return table.pop(key, {}) if isinstance(table, dict) else {}


def _build(type_: Any, raw: Any, path: Path, wrong: Wrong) -> Any:
    """A value of this type, or None with what is wrong about it noted."""
    origin = get_origin(type_)
    if origin in (UnionType, Union):
        return _build(next(one for one in get_args(type_) if one is not type(None)), raw, path, wrong)
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        return _struct(type_, raw, path, wrong)
    if origin is dict:
        if not isinstance(raw, dict):
            wrong.note(path, f"{raw!r} is not a table")
            return None
        keys, values = get_args(type_)
        return {
            _plain(keys, key, (*path, key), wrong): _build(values, value, (*path, key), wrong)
            for key, value in raw.items()
        }
    return _plain(type_, raw, path, wrong)


def _plain(type_: Any, raw: Any, path: Path, wrong: Wrong) -> Any:
    try:
        return msgspec.convert(raw, type_)
    except msgspec.ValidationError as error:
        allowed = f"; there are {', '.join(map(str, type_))}" if hasattr(type_, "__members__") else ""
        wrong.note(path, f"{raw!r}: {error}{allowed}")
        return None


def _struct(type_: type[Any], raw: Any, path: Path, wrong: Wrong) -> Any:
    if not isinstance(raw, dict):
        shape = '{ value = ..., source = "..." }' if type_ is Figure else "a table"
        wrong.note(path, f"{raw!r} where {shape} is expected")
        return None
    fields = {field.name: field for field in msgspec.structs.fields(type_) if field.name not in ("rules", "figures")}
    for key in raw:
        if key not in fields:
            wrong.note((*path, key), f"no such key; there are {', '.join(fields)}")
    missing = [name for name, field in fields.items() if field.required and name not in raw]
    for name in missing:
        why = ": every number says where it comes from" if name == "source" else ""
        wrong.note((*path, name), f"is missing{why}")
    built = {key: _build(fields[key].type, value, (*path, key), wrong) for key, value in raw.items() if key in fields}
    return type_(**built) if not missing else None


# And back


def written(profile: Profile) -> str:
    """The whole profile as TOML that builds on nothing, for where its base cannot be had. Reads back to the same."""
    raw = msgspec.to_builtins(profile)
    kinds = {kind: {"figures": profile.figures.get(kind, {}), **raw.get("rules", {}).get(kind, {})} for kind in KINDS}
    lines = [f"{key} = {_value(raw[key])}" for key in OWN if key in raw and key != "effective"]
    if profile.effective:
        moment = datetime.fromtimestamp(profile.effective / 1000, UTC)
        lines.append(f"effective = {moment.isoformat(timespec='milliseconds')}")
    for kind, table in kinds.items():
        _table(lines, (kind,), msgspec.to_builtins(table))
    return "\n".join(lines) + "\n"


def _table(lines: list[str], path: Path, table: dict[str, Any]) -> None:
    plain = {key: value for key, value in table.items() if not isinstance(value, dict) or "value" in value}
    if plain:
        lines += ["", f"[{'.'.join(path)}]", *(f"{key} = {_value(value)}" for key, value in plain.items())]
    for key, value in table.items():
        if key not in plain:
            _table(lines, (*path, key), value)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    # A JSON string, boolean or number is a TOML one; what JSON leaves unescaped and TOML does not is escaped.
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")
