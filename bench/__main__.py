"""`make bench`: run the named measurements (all without a name) and print one JSON object each."""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

from bench import ingest


def _engine() -> dict[str, Any]:
    from bench import engine

    return engine.measure()


def _poison() -> dict[str, Any]:
    from bench import poison

    return poison.measure()


def _trends() -> dict[str, Any]:
    from bench import trends

    return trends.measure()


def _cycles() -> dict[str, Any]:
    from bench import cycles

    return cycles.measure()


def _sockets() -> dict[str, Any]:
    from bench import sockets

    return sockets.measure()


def _receipts() -> dict[str, Any]:
    from bench import receipts

    return receipts.measure()


MEASUREMENTS: dict[str, Callable[[], dict[str, Any]]] = {
    "ingest": lambda: asyncio.run(ingest.measure()),
    "engine": _engine,
    "poison": _poison,
    "trends": _trends,
    "cycles": _cycles,
    "sockets": _sockets,
    "receipts": _receipts,
}


def main() -> None:
    """Run them in turn."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__, epilog="Example: make bench ARGS=ingest")
    parser.add_argument("names", nargs="*", choices=[[], *MEASUREMENTS], help="which; all when none is named")
    for name in parser.parse_args().names or MEASUREMENTS:
        sys.stderr.write(f"bench {name} ...\n")
        sys.stdout.write(json.dumps({"bench": name, **MEASUREMENTS[name]()}, indent=2) + "\n")


if __name__ == "__main__":
    main()
