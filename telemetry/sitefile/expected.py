"""What a key may hold, said to a person in both languages, from its type."""

from collections.abc import Iterable
from datetime import date, datetime
from enum import StrEnum
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import msgspec
from msgspec import Meta

from telemetry.ladder import Address

# Patterns as people say them. A pattern that is missing here is shown as it is.
_PATTERNS: Final[dict[str, tuple[str, str]]] = {
    r"^[a-z0-9-]{1,64}\Z": ("1 到 64 个 a-z、0-9 或 -", "1 to 64 of a-z, 0-9 and -"),
    r"^[A-Za-z0-9-]{1,16}\Z": ("1 到 16 个字母、数字或 -", "1 to 16 letters, digits and -"),
    r"^[a-z0-9][a-z0-9._@+-]{0,63}\Z": ("1 到 64 个 a-z、0-9 或 . _ @ + -", "1 to 64 of a-z, 0-9 and . _ @ + -"),
    r"^([01][0-9]|2[0-4]):[0-5][0-9]\Z": ("钟点，如 07:00", "a time of day, as 07:00"),
    r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z": ("钟点，如 07:00", "a time of day, as 07:00"),
    r"^U[0-8]\Z": ("U0 到 U8", "U0 to U8"),
    r"^Q[1-4]\Z": ("Q1 到 Q4", "Q1 to Q4"),
}
_PLAIN: Final[dict[Any, tuple[str, str]]] = {
    str: ("文字", "text"),
    bool: ("true 或 false", "true or false"),
    int: ("整数", "a whole number"),
    float: ("数", "a number"),
    date: ("日期，如 2027-01-15", "a date, as 2027-01-15"),
    datetime: ("带时差的时刻，如 2027-01-15T07:00:00+08:00", "a moment with its offset, as 2027-01-15T07:00:00+08:00"),
    Address: ("apprise 地址", "an apprise URL"),
    Any: ("任意", "anything"),
}


def expected(type_: Any, *, of: str | None = None) -> tuple[str, str]:
    """What is expected where something else stands; `of` is what stands there, None when it may not be shown."""
    zh, en = described(type_)
    return (f"{of}：应为 {zh}", f"{of}: expected {en}") if of is not None else (f"应为 {zh}", f"expected {en}")


def described(type_: Any) -> tuple[str, str]:
    """What a type may hold."""
    inner, metas = _unwrapped(type_)
    origin = get_origin(inner)
    if origin in (UnionType, Union):
        return described(next(one for one in get_args(inner) if one is not type(None)))
    if origin is Literal:
        return _choice(get_args(inner))
    if isinstance(inner, type) and issubclass(inner, StrEnum):
        return _choice(inner)
    if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
        return "表", "a table"
    if origin is dict:
        return "表", "a table"
    if origin is tuple:
        parts = [described(one) for one in get_args(inner)]
        if len(set(parts)) == 1:
            return f"[{len(parts)} 个{parts[0][0]}]", f"[{len(parts)} of: {parts[0][1]}]"
        return f"[{', '.join(zh for zh, _ in parts)}]", f"[{', '.join(en for _, en in parts)}]"
    if origin is list:
        zh, en = described(get_args(inner)[0])
        least, most = _bounds(metas, "min_length", "max_length")
        return f"数组{_between(least, most, '个')}：{zh}", f"array{_between(least, most, '')}: {en}"
    zh, en = _PLAIN.get(inner, (str(inner), str(inner)))
    pattern = next((meta.pattern for meta in metas if meta.pattern), None)
    if pattern in _PATTERNS:
        return _PATTERNS[pattern]
    if inner is str:
        least, most = _bounds(metas, "min_length", "max_length")
        return (f"{zh}{_between(least, most, '字')}", f"{en}{_between(least, most, ' characters')}")
    return f"{zh}{_limits(metas)}", f"{en}{_limits(metas)}"


def _unwrapped(type_: Any) -> tuple[Any, list[Meta]]:
    metas: list[Meta] = []
    while get_origin(type_) is Annotated:
        type_, *more = get_args(type_)
        metas += [one for one in more if isinstance(one, Meta)]
    return type_, metas


def _choice(options: Iterable[Any]) -> tuple[str, str]:
    names = [str(one) for one in options]
    return " | ".join(names), " | ".join(names)


def _bounds(metas: list[Meta], low: str, high: str) -> tuple[int | None, int | None]:
    least = next((getattr(meta, low) for meta in metas if getattr(meta, low) is not None), None)
    most = next((getattr(meta, high) for meta in metas if getattr(meta, high) is not None), None)
    return least, most


def _between(least: int | None, most: int | None, what: str) -> str:
    return "" if most is None else f" {least or 0}–{most}{what}"


def _limits(metas: list[Meta]) -> str:
    said = []
    for meta in metas:
        said += [f"{sign} {number:g}" for sign, number in (
            (">", meta.gt), ("≥", meta.ge), ("<", meta.lt), ("≤", meta.le)) if number is not None]  # fmt: skip
    return f" {', '.join(said)}" if said else ""
