"""`cranewatch chaos`: what it needs, and its progress on stderr, with and without a terminal."""

import asyncio
import logging
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from runtime.chaos.campaign import Campaign
from runtime.chaos.plan import Options
from runtime.chaos.report import Report
from runtime.chaos.volume import own_namespace
from runtime.embedded import debian


async def run(options: Options, folder: Path | None, stop: asyncio.Event) -> Report:
    """Run a campaign. Raises RuntimeError with what is missing."""
    missing = [reason for reason in (debian.why_no_mosquitto(), debian.why_no_timescale()) if reason]
    if missing:
        raise RuntimeError("; ".join(missing))
    # Before any thread is started, so that all of ours see what is mounted.
    no_volume = own_namespace()
    logging.getLogger("telemetry.consumer").setLevel(logging.ERROR)  # of course the probe loses the broker
    console = Console(stderr=True)
    last = ""
    columns = (BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=1.0)

        def tell(words: str, done: float) -> None:
            nonlocal last
            progress.update(bar, description=words, completed=done)
            head = words.split(":")[0]
            if not console.is_terminal and head != last:
                last = head
                sys.stderr.write(f"chaos: {words}\n")
                sys.stderr.flush()

        return await Campaign(options, folder=folder, no_volume=no_volume, tell=tell).run(stop)
