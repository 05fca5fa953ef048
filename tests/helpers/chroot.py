"""
Debian 13's own TimescaleDB and Mosquitto, in a folder made by debootstrap.

`scripts/servers.sh` makes the folder; without it (no root, no Debian) the tests that need it skip, and in CI
(`CI=true`) that skip is a failure.
"""

import os
import shutil
import subprocess
from pathlib import Path

from runtime.embedded.postgres import Cluster


def root() -> Path:
    """Where the folder is."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("CRANEWATCH_TEST_CHROOT") or cache / "cranewatch" / "trixie")


def why_not() -> str | None:
    """Why the folder cannot be used, or None when it can."""
    if os.geteuid() != 0:
        return "needs root for chroot"
    if not (root() / "usr/lib/postgresql/17/bin/postgres").exists():
        return "no TimescaleDB: run `make servers` as root on Debian"
    return None


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
    os.chmod(base, 0o755)
    chroot = shutil.which("chroot") or "/usr/sbin/chroot"
    return Cluster(
        data=data,
        port=port,
        # setpriv, because changing the user clears the signal that ends a server whose test was killed.
        program=lambda program: [
            chroot,
            str(base),
            "/usr/bin/setpriv",
            f"--reuid={uid}",
            f"--regid={gid}",
            "--clear-groups",
            "--pdeathsig=INT",
            f"/usr/lib/postgresql/17/bin/{program}",
        ],
        owner=(uid, gid),
        settings={
            "shared_preload_libraries": "timescaledb",
            "timescaledb.telemetry_level": "off",
            "dynamic_shared_memory_type": "mmap",
            **(settings or {}),
        },
        inside=lambda path: "/" + str(path.relative_to(base)),
    )


def start_mosquitto(config: Path) -> "subprocess.Popen[bytes]":
    """Debian 13's Mosquitto with a configuration file outside the folder (copied into it)."""
    inside = root() / "var/tmp" / config.name
    shutil.copy(config, inside)
    return subprocess.Popen(
        [
            "chroot",
            str(root()),
            "/usr/bin/setpriv",
            "--pdeathsig=TERM",
            "/usr/sbin/mosquitto",
            "-c",
            f"/{inside.relative_to(root())}",
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
