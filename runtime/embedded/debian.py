"""
Debian 13's own TimescaleDB and Mosquitto, in a folder made by debootstrap, or those that are on PATH.

`scripts/servers.sh` makes the folder (root on Debian). Without it the machine's own programs are taken where there are
any; else `why_not` says what is missing and what to do.
"""

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

from runtime.embedded.postgres import Cluster
from runtime.orphans import die_with_parent

PROGRAMS: Final = "usr/lib/postgresql/17/bin"
SETTINGS: Final = {
    "shared_preload_libraries": "timescaledb",
    "timescaledb.telemetry_level": "off",
    "dynamic_shared_memory_type": "mmap",
}


def root() -> Path:
    """Where the folder is."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("CRANEWATCH_TEST_CHROOT") or cache / "cranewatch" / "trixie")


def why_not() -> str | None:
    """Why the folder cannot be used, or None when it can."""
    if os.geteuid() != 0:
        return "needs root for chroot"
    if not (root() / PROGRAMS / "postgres").exists():
        return "no TimescaleDB: run `make servers` as root on Debian"
    return None


def why_no_timescale() -> str | None:
    """Why there is no TimescaleDB, neither in the folder nor on PATH; None when there is one."""
    reason = why_not()
    if reason is None or _own_timescale() is not None:
        return None
    return f"TimescaleDB: {reason}; or put PostgreSQL 17 with TimescaleDB on PATH"


def why_no_mosquitto() -> str | None:
    """Why there is no Mosquitto, neither in the folder nor on PATH; None when there is one."""
    if why_not() is None or _own_mosquitto() is not None:
        return None
    return "Mosquitto: run `make servers` as root on Debian, or put mosquitto 2 on PATH"


def postgres_account() -> tuple[int, int]:
    """The uid and gid of `postgres` inside the folder."""
    for line in (root() / "etc/passwd").read_text().splitlines():
        fields = line.split(":")
        if fields[0] == "postgres":
            return int(fields[2]), int(fields[3])
    raise LookupError("no user postgres in the chroot")


def timescale(name: str, port: int, settings: dict[str, str] | None = None) -> Cluster:
    """A TimescaleDB cluster (Debian's package is the apache edition), its data inside the folder."""
    base = root()
    data = base / "var/tmp" / name
    shutil.rmtree(data, ignore_errors=True)
    uid, gid = postgres_account()
    base.chmod(0o755)
    chroot = shutil.which("chroot") or "/usr/sbin/chroot"
    return Cluster(
        data=data,
        port=port,
        program=lambda program: [chroot, str(base), *_as(uid, gid), f"/{PROGRAMS}/{program}"],
        owner=(uid, gid),
        settings={**SETTINGS, **(settings or {})},
        inside=lambda path: "/" + str(path.relative_to(base)),
    )


def any_timescale(name: str, folder: Path, port: int, settings: dict[str, str] | None = None) -> Cluster:
    """
    A TimescaleDB cluster from the debootstrap folder or, failing that, from PATH with its data in `folder`.

    Raises RuntimeError with what is missing.
    """
    if why_not() is None:
        return timescale(name, port, settings)
    programs = _own_timescale()
    if programs is None:
        raise RuntimeError(why_no_timescale())
    owner: tuple[int, int] | None = None
    prefix: list[str] = []
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        owner = (account.pw_uid, account.pw_gid)
        prefix = _as(*owner)
        folder.chmod(folder.stat().st_mode | 0o011)
    program: Callable[[str], list[str]] = lambda name: [*prefix, str(programs / name)]  # noqa: E731 - for one argument
    return Cluster(
        data=folder / name, port=port, program=program, owner=owner, settings={**SETTINGS, **(settings or {})}
    )


def start_mosquitto(config: Path) -> "subprocess.Popen[bytes]":
    """
    Mosquitto with a configuration file, as a child that dies with us. Raises RuntimeError with what is missing.

    Debian 13's from the folder (the file is copied into it), or the one on PATH. Paths in the file are read by
    the one that runs: see `mosquitto_folder`.
    """
    if why_not() is None:
        inside = root() / "var/tmp" / config.name
        shutil.copy(config, inside)
        # setpriv, because chroot would not pass on the signal that ends a server whose parent was killed.
        command = ["chroot", str(root()), "/usr/bin/setpriv", "--pdeathsig=TERM", "/usr/sbin/mosquitto"]
        command += ["-c", f"/{inside.relative_to(root())}"]
    elif program := _own_mosquitto():
        command = [program, "-c", str(config)]
    else:
        raise RuntimeError(why_no_mosquitto())
    return subprocess.Popen(  # noqa: S603 - a fixed program with our own arguments
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        preexec_fn=die_with_parent,
    )  # fmt: skip


def mosquitto_folder(name: str, folder: Path) -> tuple[Path, str]:
    """A folder that Mosquitto may write to: as we see it, and as it does."""
    made = root() / "var/tmp" / name if why_not() is None else folder / name
    made.mkdir(parents=True, exist_ok=True)
    return made, f"/{made.relative_to(root())}" if why_not() is None else str(made)


def _as(uid: int, gid: int) -> list[str]:
    # setpriv, because changing the user clears the signal that ends a server whose parent was killed.
    setpriv = "/usr/bin/setpriv"
    return [setpriv, f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--pdeathsig=INT"]


def _own_mosquitto() -> str | None:
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/local/sbin:/usr/sbin:/usr/bin")


def _own_timescale() -> Path | None:
    """The folder of PostgreSQL's programs on PATH (or where Debian keeps them), when TimescaleDB lies beside them."""
    found = shutil.which("postgres")
    candidates = [Path(found).resolve().parent] if found else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for programs in candidates:
        config = programs / "pg_config"
        if not (programs / "postgres").exists() or not config.exists():
            continue
        asked = subprocess.run(  # noqa: S603 - a fixed program with our own arguments
            [str(config), "--pkglibdir"], capture_output=True, text=True, check=False
        )
        if asked.returncode == 0 and (Path(asked.stdout.strip()) / "timescaledb.so").exists():
            return programs
    return None
