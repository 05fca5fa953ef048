"""What of the record is complete, as a person reads it in a terminal."""

import io
from datetime import UTC, date, datetime

import pytest
from rich.console import Console

from runtime.record import BRIEF, statement_table
from telemetry.storage.balance import Frames
from telemetry.storage.completeness import Day, Statement


def statement(n: int) -> Statement:
    begin = datetime(2027, 1, 15, tzinfo=UTC)
    frames = Frames(sent=86_400 + n, stored=86_390, missing=10 + n)
    day = Day(date(2027, 1, 15), "UTC", begin, begin)
    return Statement("north-tower-site", "formwork", f"post-{n:02d}", day, frames, [], {}, [])


@pytest.mark.parametrize("devices", [1, 3, 4, 40])
def test_a_statement_fits_a_terminal_and_shows_every_number(devices: int) -> None:
    out = io.StringIO()
    Console(file=out, width=80).print(statement_table([statement(n) for n in range(devices)]))
    text = out.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    for n in range(devices):
        assert f"{86_400 + n:,}" in text
    if devices > 1:
        assert text.count("post-") == devices + 1, "each device, and the example of how to see all of one"
        assert all(en in text for _, _, en in BRIEF)
        assert f"{sum(86_400 + n for n in range(devices)):,}" in text
