"""`cranewatch score`: which scenarios, the progress on stderr, and the report."""

import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from runtime.progress import stages
from runtime.score import campaign, page
from runtime.score.report import as_json as plain
from runtime.score.report import show
from runtime.score.targets import good, targets
from simulators.labelled.catalogue import scenarios
from telemetry.errors import ConfigError


def run(seed: int, names: list[str], *, plots: Path | None, docs: Path | None, as_json: bool) -> bool:
    """Score, report, and say whether every target was reached. Raises ConfigError."""
    known = [case.name for case in scenarios()]
    for name in names:
        if name not in known:
            raise ConfigError(f"no scenario {name!r}; cranewatch score --list names them")
    chosen = [name for name in known if not names or name in names]
    if docs is not None and len(chosen) < len(known):
        raise ConfigError("the page's tables are of all scenarios: leave --scenario out")
    with stages(Console(stderr=True), {"score": "评分 scoring"}) as progress:
        scored = campaign.run(chosen, seed, lambda _, done, total: progress("score", done, total))
    if plots is not None:
        from runtime.score.plots import draw

        draw(plots, seed)
    if docs is not None:
        page.write(docs, scored)
    if as_json:
        sys.stdout.write(json.dumps(plain(scored), ensure_ascii=False) + "\n")
    else:
        console = Console()
        show(scored, console if console.is_terminal else Console(width=140))
    return good(targets(scored))


def catalogue() -> Table:
    """All scenarios, in words."""
    table = Table("场景 scenario", "", Column("内容 what happens", overflow="fold"))
    for case in scenarios():
        table.add_row(case.name, "无害 harmless" if case.harmless else "危险 dangerous", f"{case.zh} · {case.en}")
    return table
