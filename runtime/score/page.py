"""The tables of docs/detection.md, between their marks; the words around them are written by hand."""

from pathlib import Path

from runtime.score.campaign import Scored
from runtime.score.report import missed_rows, result_rows, scenario_rows
from telemetry.errors import ConfigError


def write(page: Path, scored: Scored) -> None:
    """Put a run's tables into the page. Raises ConfigError when a mark is missing."""
    text = page.read_text(encoding="utf-8")
    for name, table in (
        ("results", result_rows(scored)),
        ("scenarios", scenario_rows(scored)),
        ("details", missed_rows(scored)),
    ):
        text = between(text, name, table)
    page.write_text(text, encoding="utf-8")


def between(text: str, name: str, table: str) -> str:
    """The text with `table` between `<!-- name -->` and `<!-- /name -->`. Raises ConfigError."""
    head, tail = f"<!-- {name} -->", f"<!-- /{name} -->"
    if text.count(head) != 1 or text.count(tail) != 1:
        raise ConfigError(f"the page needs {head} and {tail}, once each")
    before, rest = text.split(head)
    return f"{before}{head}\n\n{table}\n\n{tail}{rest.split(tail)[1]}"
