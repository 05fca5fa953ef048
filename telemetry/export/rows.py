"""
Rows of an exported file from what the record has. Pure.

An episode begins with a transition out of normal and ends with one into it; what the review of late data found later
is in the transitions and in no episode, because nobody was told of it when it happened.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from telemetry.model import State

Cells = tuple[Any, ...]
Fields = Mapping[str, Any]
_SPOT: Final = ("slew_deg", "radius_m", "hook_m")


def alarm(row: Fields) -> Cells:
    """A transition: its place, its time of recording in Unix ms, the payload as it was published."""
    said: Fields = row["payload"]
    text = said.get("text") or {}
    return (
        row["site"], row["kind"], row["device"], row["position"], row["id"], row["rule"], row["signal"],
        row["previous"], row["state"], row["severity"], row["at_ms"], row["at_ms"], row["recorded_ms"],
        row["recorded_ms"], row["origin"], row["verdict"], row["observed"], row["life_safety"], said.get("hazard"),
        said.get("channel"), said.get("value"), said.get("limit"), said.get("unit"), text.get("zh"), text.get("en"),
        said.get("who"), said.get("why"), said.get("until"), said.get("profile"), said.get("config"),
        said.get("source"),
    )  # fmt: skip


def cycle(row: Fields) -> Cells:
    """A work cycle, as the last review of late data has it; what a box told of its own is in `told`."""
    told = row["data"] if row["origin"] == "device" else None
    said: Fields = {} if told is not None else (row["as_reviewed"] or row["data"])
    end = row["ts_ms"] if told is not None else said.get("end")
    pick, down = said.get("pick") or {}, said.get("set_down") or {}
    hook, radius = said.get("hook_m") or (None, None), said.get("radius_m") or (None, None)
    alarms = said.get("alarms") or {}
    return (
        row["site"], row["kind"], row["device"], row["position"], row["id"], row["origin"], row["verdict"],
        said.get("start"), said.get("start"), end, end, said.get("duration_s"), said.get("load_t"),
        said.get("load_pct"), said.get("max_load_t"), said.get("max_load_pct"), said.get("max_moment_pct"),
        said.get("max_gust_mps"), *(pick.get(name) for name in _SPOT), *(down.get(name) for name in _SPOT),
        *hook, *radius, said.get("lifted_m"), said.get("slewed_deg"), said.get("falls"), said.get("operator"),
        " ".join(said.get("limits") or []) or None,
        " ".join(f"{rule}:{severity}" for rule, severity in sorted(alarms.items())) or None,
        " ".join(said.get("flags") or []) or None,
        None if told is None else json.dumps(told, ensure_ascii=False, sort_keys=True),
    )  # fmt: skip


@dataclass(slots=True)
class _Open:
    first: Fields
    worst: Fields
    last: Fields
    answered: Fields | None = None
    transitions: int = 1


class Episodes:
    """Folds transitions, in the record's order, into episodes that were raised in [begin, end)."""

    def __init__(self, begin_ms: int, end_ms: int) -> None:
        self._span = (begin_ms, end_ms)
        self._open: dict[tuple[int, str], _Open] = {}

    @property
    def waiting(self) -> bool:
        """Whether one is not over yet."""
        return bool(self._open)

    def add(self, rows: Iterable[Fields]) -> list[Cells]:
        """The episodes that these transitions end."""
        done: list[Cells] = []
        for row in rows:
            key = (row["device_id"], row["rule"])
            one = self._open.get(key)
            if one is None:
                begin, end = self._span
                if row["previous"] == State.NORMAL != row["state"] and begin <= row["at_ms"] < end:
                    self._open[key] = _Open(row, row, row)
                continue
            one.transitions += 1
            one.last = row
            if row["severity"] > one.worst["severity"]:
                one.worst = row
            if row["signal"] == "acknowledge" and one.answered is None:
                one.answered = row
            if row["state"] == State.NORMAL:
                done.append(_episode(self._open.pop(key)))
        return done

    def rest(self) -> list[Cells]:
        """Those that are not over, in the order in which they were raised."""
        left = sorted(self._open.values(), key=lambda one: int(one.first["position"]))
        self._open.clear()
        return [_episode(one) for one in left]


def _episode(one: _Open) -> Cells:
    first, worst, answered = one.first, one.worst["payload"], one.answered
    raised = first["at_ms"]
    ended = one.last["at_ms"] if one.last["state"] == State.NORMAL else None
    at = answered["at_ms"] if answered is not None else None
    text = worst.get("text") or {}
    return (
        first["site"], first["kind"], first["device"], first["rule"], first["id"], raised, raised, ended, ended,
        None if ended is None else (ended - raised) / 1000, one.last["state"], one.worst["severity"],
        first["life_safety"], worst.get("hazard"), worst.get("channel"), worst.get("value"), worst.get("limit"),
        worst.get("unit"), text.get("zh"), text.get("en"), at, at, None if at is None else (at - raised) / 1000,
        answered["payload"].get("who") if answered is not None else None, one.transitions, first["closed_as"],
        first["closed_by"], first["closing_note"], first["payload"].get("profile"),
    )  # fmt: skip
