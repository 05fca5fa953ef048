"""
Makes one export in a process of its own: `python -m api.export_worker`, started by the API.

What is wanted comes as one JSON object on stdin. A stream's bytes go to stdout; a job's go to its file, and stdout
tells how far it is, a JSON object a line. Making a file is work in Python: in a thread of the API it took turns with
the event loop, and `/healthz` took 158 ms instead of 64 (median; two busy cores). When the API dies, the next
write here fails.
"""

import asyncio
import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO, Final

from telemetry.clock import utc_now
from telemetry.errors import ConfigError, StorageError
from telemetry.export.wish import Wish, recalled
from telemetry.settings import DatabaseSettings
from telemetry.storage.export_plan import Plan, plan
from telemetry.storage.exporting import Export
from telemetry.storage.pool import Database

NICE: Final = 10  # alarms go first
TELL_S: Final = 0.5


def main() -> int:
    """0 when the file is whole; else the last line of stderr says why."""
    os.nice(NICE)
    asked: dict[str, Any] = json.loads(sys.stdin.readline())
    settings = DatabaseSettings(**asked["database"])
    max_bytes: int | None = asked["max_bytes"]
    try:
        made = Export(settings, asyncio.run(_planned(settings, recalled(asked["wish"]))))
        if asked["path"] is None:
            _streamed(made, sys.stdout.buffer)
        else:
            with Path(asked["path"]).open("wb") as out:
                _written(made, out, max_bytes)
    except BrokenPipeError:
        return 1  # nobody is there any more
    except (StorageError, ConfigError, OSError, ValueError) as error:
        sys.stderr.write(f"{' '.join(str(error).split())[:500]}\n")
        return 2
    return 0


async def _planned(settings: DatabaseSettings, wish: Wish) -> Plan:
    async with Database(settings, application="export") as database:
        return await plan(database, wish, utc_now())


def _streamed(made: Export, out: BinaryIO) -> None:
    while (piece := made.step()) is not None:
        out.write(piece.data)
        out.flush()


def _written(made: Export, out: BinaryIO, max_bytes: int | None) -> None:
    digest, length, rows, told = hashlib.sha256(), 0, 0, 0.0
    while (piece := made.step()) is not None:
        out.write(piece.data)
        digest.update(piece.data)
        length, rows = length + len(piece.data), piece.rows
        if max_bytes is not None and length > max_bytes:
            raise ConfigError(f"文件超过上限 more than {max_bytes // 1_000_000:,} MB: ask for less at once")
        if time.monotonic() - told >= TELL_S:
            told = time.monotonic()
            _tell(rows=rows, bytes=length, fraction=piece.fraction)
    out.flush()
    os.fsync(out.fileno())
    _tell(rows=rows, bytes=length, fraction=1.0, sha256=digest.hexdigest())


def _tell(**said: Any) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    # The bytes of a stream may have gone half way: Python must not try to flush the rest into a closed pipe.
    status = main()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(status)
