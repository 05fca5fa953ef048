"""
From the text of a site file to its tables.

Rule 1: everything that is wrong is said at once, each with its line, so that a person corrects a file in one go.
Rule 2: what an address of a channel says is shown to nobody, not even when it is wrong.
"""

import math
import re
import tomllib
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

import msgspec

from telemetry.errors import ConfigError
from telemetry.ladder import Address, address
from telemetry.sitefile.expected import expected
from telemetry.sitefile.finding import Finding, Findings, errors
from telemetry.sitefile.words import Bay, Crane, File, Model, SiteTable
from telemetry.toml_places import Exact, Places

MAX_TEXT: Final = 1_000_000  # characters
_AT_LINE: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)")
_SIMULATED: Final = (
    "仿真所需的键现在写在 simulation 表里",
    "what only the simulator needs is in the table `simulation` now",
)
# Keys of before there was a table `simulation`, and others that went; whoever writes them is told where to.
_MOVED: Final[dict[type, dict[str, tuple[str, str]]]] = {
    Model: dict.fromkeys(("mast", "motions", "hook_block_t", "radius_min_m"), _SIMULATED),
    Bay: dict.fromkeys(("pour_force_kn", "post_m", "post_area_mm2"), _SIMULATED),
    Crane: {},
    SiteTable: {"version": ("版本由数据库编号，删去即可", "the record counts versions: take it out")},
}


class SiteFileError(ConfigError):
    """A site file that cannot be used, with everything that was found in it."""

    def __init__(self, of: str, found: list[Finding]) -> None:
        """`of` is the file's name."""
        super().__init__("\n".join(one.text(of) for one in errors(found)))
        self.found = found


def read(text: str) -> tuple[File | None, Findings]:
    """
    The tables of a text, and the means to say what else is wrong with them.

    None when there is anything wrong that can be seen without knowing what the tables mean.
    """
    if len(text) > MAX_TEXT:
        findings = Findings(Places(""))
        findings.wrong((), f"文件超过 {MAX_TEXT} 个字符", f"the file has more than {MAX_TEXT} characters")
        return None, findings
    try:
        raw = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of thousands of digits is a ValueError of its own
        return None, _not_toml(text, error)
    findings = Findings(Places(text))
    file = _struct(File, raw, (), findings)
    return (None if errors(findings.found.values()) else file), findings


def _not_toml(text: str, error: Exception) -> Findings:
    found = _AT_LINE.search(str(error))
    line = int(found[1]) if found and found[1] else text.count("\n") + 1
    findings = Findings(Places(""))
    what = _AT_LINE.sub("", str(error)) or "too deep"
    findings.found["file", what] = Finding(line, "file", f"不是 TOML：{what}", f"not TOML: {what}")
    return findings


def _build(type_: Any, raw: Any, path: Exact, findings: Findings) -> Any:
    """A value of this type, or None with what is wrong about it noted."""
    inner, constraints = type_, []
    while get_origin(inner) is Annotated:
        inner, *more = get_args(inner)
        constraints += more
    origin = get_origin(inner)
    if origin in (UnionType, Union):
        return _build(next(one for one in get_args(inner) if one is not type(None)), raw, path, findings)
    if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
        return _struct(inner, raw, path, findings)
    if origin is dict and isinstance(raw, dict):
        keys, values = get_args(inner)
        if values is Any:
            return raw
        for key in raw:
            _leaf(keys, key, (*path, key), findings)
        return {key: _build(values, value, (*path, key), findings) for key, value in raw.items()}
    if origin is list and isinstance(raw, list):
        (values,) = get_args(inner)
        least = max((one.min_length or 0 for one in constraints), default=0)
        most = min((one.max_length for one in constraints if one.max_length is not None), default=len(raw))
        if not least <= len(raw) <= most:
            findings.wrong(path, *expected(type_, of=f"{len(raw)}"))
        return [_build(values, value, (*path, n), findings) for n, value in enumerate(raw[:most])]
    return _leaf(type_, raw, path, findings)


def _leaf(type_: Any, raw: Any, path: Exact, findings: Findings) -> Any:
    try:
        found = msgspec.convert(raw, type_, dec_hook=address)
        if not _finite(found):
            raise ValueError
    except (msgspec.ValidationError, ValueError):
        # What it says is not shown where it may be a secret.
        secret = type_ is Address or path[-1:] == ("url",)
        findings.wrong(path, *expected(type_, of=None if secret else _short(raw)))
        return None
    return found


def _finite(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(_finite(one) for one in value)
    return not isinstance(value, float) or math.isfinite(value)


def _short(raw: Any) -> str:
    try:
        text = repr(raw)
    except ValueError:
        return "…"  # a number of thousands of digits
    return text if len(text) <= 40 else f"{text[:39]}…"


@cache
def _fields(type_: type[Any]) -> dict[str, msgspec.structs.FieldInfo]:
    # Annotations are evaluated anew by every call: half a minute for a text of nothing but table headers.
    return {field.encode_name: field for field in msgspec.structs.fields(type_)}


def _struct(type_: type[Any], raw: Any, path: Exact, findings: Findings) -> Any:
    if not isinstance(raw, dict):
        findings.wrong(path, f"{_short(raw)}：这里应是一张表", f"{_short(raw)}: a table is expected here")
        return None
    fields = _fields(type_)  # type: ignore[arg-type]  # a class is hashable
    good = True
    for key in raw:
        if key not in fields:
            good = False
            findings.wrong((*path, key), *_no_such_key(type_, key, fields))
    missing = [name for name, field in fields.items() if field.required and name not in raw]
    for name in missing:
        findings.wrong((*path, name), "缺少这个键", "is missing")
    before = len(findings.found)
    built = {
        key: _build(fields[key].type, value, (*path, key), findings) for key, value in raw.items() if key in fields
    }
    if missing or not good or len(findings.found) > before:
        return None
    try:
        return type_(**built)
    except ValueError as error:
        findings.wrong(path, str(error), str(error))
        return None


def _no_such_key(type_: type[Any], key: str, fields: Iterable[str]) -> tuple[str, str]:
    moved = _MOVED.get(type_, {}).get(key)
    if moved is not None:
        return f"没有这个键：{moved[0]}", f"no such key: {moved[1]}"
    near = get_close_matches(key, list(fields), n=1, cutoff=0.6)
    if near:
        return f"没有这个键，最接近的是 {near[0]}", f"no such key; did you mean {near[0]}?"
    return f"没有这个键，可用的有 {'、'.join(fields)}", f"no such key; there are {', '.join(fields)}"
