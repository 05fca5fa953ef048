"""`python -m simulators`: a simulated site on a broker, until it is stopped."""

import argparse
import asyncio
import sys
from typing import Any

import msgspec
from pydantic import ValidationError

from simulators.service import Summary, run
from simulators.settings import Settings
from telemetry.errors import ConfigError
from telemetry.logs import configure
from telemetry.tasks import stop_on_signals

_OPTIONS = {
    "journal": "the devices' journal, a SQLite file (made if it is not there)",
    "scenario": "name of a scenario that comes along, or path of a .toml file",
    "site": "site file, in place of the scenario's own",
    "seed": "seed of everything random",
    "for": "seconds of simulated time; without it until stopped",
    "speed": "simulated seconds a second",
    "crane-interval-ms": "sample interval of cranes",
    "interval-ms": "sample interval of the other devices",
    "samples-per-frame": "samples in one message",
    "drain": "at the end wait at most so many seconds for the receipts of all frames",
}
_FIELDS = {"for": "for_s", "drain": "drain_s"}


def main(arguments: list[str] | None = None) -> int:
    """Run; gives the exit status: 2 for a setting, site or scenario that has to be corrected."""
    parser = argparse.ArgumentParser(
        prog="simulators",
        description="Simulated black boxes and site sensors. Every option can also come from the environment, "
        "for example CRANEWATCH_SIMULATORS__SEED; the broker does: CRANEWATCH_MQTT__HOST.",
    )
    for name, text in _OPTIONS.items():
        parser.add_argument(f"--{name}", help=text)
    parser.add_argument("--json", action="store_true", help="print a summary as one line of JSON at the end")
    given = vars(parser.parse_args(arguments))
    own: dict[str, Any] = {}
    for name in _OPTIONS:
        value = given[name.replace("-", "_")]
        if value is not None:
            own[_FIELDS.get(name, name.replace("-", "_"))] = value
    try:
        settings = Settings(simulators=own)  # type: ignore[arg-type]  # pydantic makes the section, with the environment's
    except ValidationError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the command's own output
        return 2
    configure(settings.log, "simulators")
    try:
        summary = asyncio.run(_main(settings))
    except ConfigError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the command's own output
        return 2
    if given["json"]:
        print(msgspec.json.encode(summary).decode())  # noqa: T201 - the command's own output
    return 0


async def _main(settings: Settings) -> Summary:
    stop = asyncio.Event()
    stop_on_signals(stop)
    return await run(settings, stop)


if __name__ == "__main__":
    sys.exit(main())
