"""
Stored readings as the frames that they came in.

Rule 1: what is given back decodes to the same columns as what was received, bit for bit: values are IEEE single, an
invalid channel keeps its mark, an absent one stays absent.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from telemetry.clock import to_ms
from telemetry.kinds import KINDS
from telemetry.wire.frames import FRAMES, SAMPLES, Frame

KEY: Final = ("ts", "received_at", "boot_no", "seq", "i", "invalid")


def row_of_misdated(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `reading_misdated` in the form of the others; its `ts` is in Unix ms."""
    sample = row["sample"] if isinstance(row["sample"], dict) else json.loads(row["sample"])
    return {**sample, **{name: row[name] for name in KEY if name != "ts"}, "ts": row["ts_ms"]}


def frames_of(kind_name: str, rows: Iterable[Mapping[str, Any]], boots: Mapping[int, str]) -> list[tuple[Frame, int]]:
    """
    The frames (and when they were received, Unix ms) of these samples of one device, in any order.

    rows: `KEY` and the channels of the kind, by name; `boots` names the boots by number. Samples of a frame made by
    hand (boot 0) and of boots that are not named are left out. Of two samples with one boot, seq and place, which two
    boxes with one name make, the one received first is taken. Raises ValueError when a frame lacks a sample.
    """
    kind = KINDS[kind_name]
    frames: dict[tuple[int, int], dict[int, Mapping[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: row["received_at"]):
        if row["boot_no"] in boots:
            frames.setdefault((row["boot_no"], row["seq"]), {}).setdefault(row["i"], row)
    found: list[tuple[Frame, int]] = []
    for (boot_no, seq), samples in frames.items():
        if sorted(samples) != list(range(len(samples))):
            raise ValueError(f"frame {seq} of boot {boots[boot_no]} lacks a sample")
        made = [fields(kind_name, samples[i]) for i in range(len(samples))]
        frame: Any
        if len(made) == 1:
            frame = FRAMES[kind.name](boot=boots[boot_no], seq=seq, **made[0])
        else:
            frame = FRAMES[kind.name](boot=boots[boot_no], seq=seq, samples=[SAMPLES[kind.name](**one) for one in made])
        found.append((cast(Frame, frame), to_ms(samples[0]["received_at"])))
    return found


def fields(kind_name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """What a stored sample says, by the names of the wire."""
    kind = KINDS[kind_name]
    found: dict[str, Any] = {channel.name: row.get(channel.name) for channel in kind.channels}
    found["ts"] = row["ts"] if isinstance(row["ts"], int) else to_ms(row["ts"])
    invalid = [name for name, bit in kind.bit.items() if row["invalid"] & bit]
    found["invalid"] = invalid or None
    return found
