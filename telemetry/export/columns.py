"""
The columns of an exported file. Pure.

Rule 1: a unit is part of a column's name, as everywhere.
Rule 2: a time stands twice: as `…time` for people, in the site's zone, and as `…unix_ms` for programs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from telemetry.kinds import Kind, Store


class Sort(StrEnum):
    """What a cell holds; None in any of them is *not known*."""

    TEXT = "text"
    INT = "int"
    REAL = "real"
    FLAG = "flag"
    TIME = "time"  # an int: Unix ms


@dataclass(frozen=True, slots=True)
class Column:
    """A column, its unit and what it is called; `unit` is empty for what has none."""

    name: str
    sort: Sort
    unit: str = ""
    zh: str = ""
    en: str = ""


_STORED: Final = {Store.REAL: Sort.REAL, Store.BITS: Sort.INT, Store.FLAG: Sort.FLAG, Store.WORD: Sort.TEXT}


def _of(words: str) -> tuple[Column, ...]:
    # "name:sort", the sort left out for text.
    pairs = (word.partition(":") for word in words.split())
    return tuple(Column(name, Sort(sort or "text")) for name, _, sort in pairs)


_PLACE: Final = _of("site kind device")
ALARMS: Final = _of(
    "site kind device position:int id rule signal previous state severity:int time:time unix_ms:int recorded_time:time"
    " recorded_unix_ms:int origin verdict observed:flag life_safety:flag hazard channel value:real limit:real unit"
    " text_zh text_en who why until_unix_ms:int profile config:int source"
)
EPISODES: Final = _of(
    "site kind device rule transition raised_time:time raised_unix_ms:int ended_time:time ended_unix_ms:int"
    " duration_s:real state severity:int life_safety:flag hazard channel value:real limit:real unit text_zh text_en"
    " acknowledged_time:time acknowledged_unix_ms:int acknowledged_after_s:real acknowledged_by transitions:int"
    " closed_as closed_by closing_note profile"
)
CYCLES: Final = _of(
    "site kind device position:int id origin verdict start_time:time start_unix_ms:int end_time:time end_unix_ms:int"
    " duration_s:real load_t:real load_pct:real max_load_t:real max_load_pct:real max_moment_pct:real"
    " max_gust_mps:real pick_slew_deg:real pick_radius_m:real pick_hook_m:real set_down_slew_deg:real"
    " set_down_radius_m:real set_down_hook_m:real lowest_hook_m:real highest_hook_m:real least_radius_m:real"
    " greatest_radius_m:real lifted_m:real slewed_deg:real falls:int operator limits alarms flags told"
)


def readings(kind: Kind, channels: Sequence[str]) -> tuple[Column, ...]:
    """Of readings as they came; `invalid` names the channels that the device marked so."""
    own = (kind.channel(name) for name in channels)
    made = tuple(Column(one.name, _STORED[one.store], one.unit, one.zh, one.en) for one in own)
    return _PLACE + _of("time:time unix_ms:int received_unix_ms:int boot seq:int i:int invalid") + made


def buckets(kind: Kind, channels: Sequence[str]) -> tuple[Column, ...]:
    """Of buckets: how many valid values, their mean, the least and the greatest of each channel."""
    made: list[Column] = []
    for name in channels:
        one = kind.channel(name)
        for part, sort in (("n", Sort.INT), ("mean", Sort.REAL), ("min", Sort.REAL), ("max", Sort.REAL)):
            made.append(Column(f"{name}_{part}", sort, one.unit if sort is Sort.REAL else "", one.zh, one.en))
    return _PLACE + _of("time:time unix_ms:int samples:int") + tuple(made)
