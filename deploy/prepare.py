#!/usr/bin/env python3
"""
Makes what `docker compose up` needs and what must not be in a repository: passwords, certificates, access lists.

    python3 deploy/prepare.py                                  the secrets of the stack, in deploy/secrets/, and .env
    python3 deploy/prepare.py --host broker.site.example       ... with a certificate for that name too
    python3 deploy/prepare.py --device demo/crane/crane-1      an account for a device; prints its password once
    python3 deploy/prepare.py --terminal demo/crane/crane-1    an account for a terminal that shows this device

Needs Python and openssl, nothing else. What is there already is kept: run it again at any time. Everything
is readable by one user only (`CRANEWATCH_UID` in .env, who also runs the containers).
"""

import argparse
import base64
import hashlib
import ipaddress
import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SERVICES = ("ingest", "analytics", "review", "api", "notify", "simulators", "monitor")
# Mosquitto hashes at every connect, on its only thread. The passwords have 256 random bits, which no number of
# rounds makes any harder to guess, so its own default has to do.
ROUNDS = 101
PLACE = re.compile(r"[a-z0-9-]{1,64}/[a-z0-9-]{1,64}/[a-z0-9-]{1,64}")


def password() -> str:
    """256 random bits, in characters that need no quoting in a URL."""
    return secrets.token_urlsafe(32)


def hashed(text: str) -> str:
    """A password as Mosquitto 2 keeps it: `$7$rounds$salt$hash`, PBKDF2 with SHA-512."""
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", text.encode(), salt, ROUNDS, 64)
    return f"$7${ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


class Folder:
    """The folder of secrets. Files are written once, for their owner only."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)

    def keep(self, name: str, text: str) -> str:
        """The text of a file, which is made if it is not there."""
        path = self.path / name
        if not path.exists():
            self.write(name, text)
        return path.read_text(encoding="utf-8").strip()

    def write(self, name: str, text: str) -> None:
        """Replace a file."""
        descriptor = os.open(self.path / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text + "\n")

    def lines(self, name: str) -> list[str]:
        """The lines of a file; none when it is not there."""
        path = self.path / name
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def stack(folder: Folder, hosts: list[str]) -> None:
    """Everything the stack itself needs."""
    database = folder.keep("database_password", password())
    folder.keep("database_url", f"postgresql://cranewatch:{database}@database:5432/cranewatch")
    folder.keep("grafana_password", password())
    for service in SERVICES:
        account(folder, service, folder.keep(f"mqtt_{service}", password()))
    rights(folder)
    certificates(folder, hosts)


def account(folder: Folder, user: str, text: str) -> None:
    """An account at the broker; one that exists keeps its password."""
    lines = folder.lines("mosquitto_passwords")
    if not any(line.startswith(f"{user}:") for line in lines):
        folder.write("mosquitto_passwords", "\n".join([*lines, f"{user}:{hashed(text)}"]))


def rights(folder: Folder, *terminals: str) -> None:
    """The access list: ours, and the terminals that were made here."""
    folder.write("terminals", "\n".join(sorted({*filter(None, folder.lines("terminals")), *terminals})))
    parts = [(HERE / "mosquitto" / "acl").read_text(encoding="utf-8")]
    for place in filter(None, folder.lines("terminals")):
        site, kind, _ = place.split("/")
        posts = f"cw/v1/{site}/formwork"
        parts.append(
            f"user terminal/{place}\n"
            f"topic read cw/v1/{place}/#\n"
            f"topic read cw/v1/{site}/config\n"
            f"topic read cw/v1/{site}/heartbeat\n"
            f"topic write cw/v1/{place}/up/shown\n"
            f"topic write cw/v1/{place}/up/response\n"
            # A bay's terminal shows all of its posts; the cab of a crane that pours shows what the bay alarms.
            f"topic read {posts}/#\n"
            f"topic write {posts}/+/up/shown\n" + (f"topic write {posts}/+/up/response\n" if kind == "formwork" else "")
        )
    folder.write("mosquitto_acl", "\n".join(parts))


def certificates(folder: Folder, hosts: list[str]) -> None:
    """A certificate authority of our own, and a certificate of the broker for ten years less a day."""
    path = folder.path
    names = [_subject(host) for host in dict.fromkeys(["broker", "localhost", "127.0.0.1", *hosts])]
    if (path / "broker.key").exists() and not hosts:
        return
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    if not (path / "ca.key").exists():
        _openssl("req", "-x509", *new_key, "-keyout", path / "ca.key", "-out", path / "ca.crt", "-days", "3652",
                 "-subj", "/CN=cranewatch CA", "-addext", "keyUsage=critical,keyCertSign,cRLSign")  # fmt: skip
    _openssl("req", *new_key, "-keyout", path / "broker.key", "-out", path / "broker.csr", "-subj", "/CN=broker")
    folder.write("broker.ext", f"subjectAltName={','.join(names)}\nextendedKeyUsage=serverAuth")
    _openssl("x509", "-req", "-in", path / "broker.csr", "-CA", path / "ca.crt", "-CAkey", path / "ca.key",
             "-CAcreateserial", "-out", path / "broker.crt", "-days", "3651",
             "-extfile", path / "broker.ext")  # fmt: skip
    for name in ("ca.key", "ca.crt", "broker.key", "broker.crt"):
        (path / name).chmod(0o600)
    for name in ("broker.csr", "broker.ext", "ca.srl"):
        (path / name).unlink(missing_ok=True)


def _subject(host: str) -> str:
    try:
        return f"IP:{ipaddress.ip_address(host)}"
    except ValueError:
        return f"DNS:{host}"


def _openssl(*arguments: str | Path) -> None:
    command = ["openssl", *(str(argument) for argument in arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode:
        sys.exit(f"openssl {arguments[0]} failed: {done.stderr.strip()}")


def owner(folder: Folder, env: Path) -> None:
    """Who runs the containers: whoever runs this, but never root."""
    uid, gid = os.getuid(), os.getgid()
    if uid == 0:
        uid = gid = 10001
        for path in (folder.path, *folder.path.iterdir()):
            os.chown(path, uid, gid)
    wanted = {"CRANEWATCH_UID": str(uid), "CRANEWATCH_GID": str(gid)}
    lines = env.read_text(encoding="utf-8").splitlines() if env.exists() else []
    lines = [line for line in lines if line.partition("=")[0] not in wanted]
    env.write_text("\n".join([*lines, *(f"{name}={value}" for name, value in wanted.items())]) + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Run; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", action="append", default=[], help="another name or address of the broker")
    parser.add_argument("--device", action="append", default=[], metavar="SITE/KIND/DEVICE")
    parser.add_argument("--terminal", action="append", default=[], metavar="SITE/KIND/DEVICE")
    parser.add_argument("--folder", type=Path, default=HERE / "secrets")
    parser.add_argument("--env", type=Path, default=HERE.parent / ".env")
    given = parser.parse_args(arguments)
    for place in [*given.device, *given.terminal]:
        if not PLACE.fullmatch(place):
            parser.error(f"{place!r} is not site/kind/device, each of [a-z0-9-]")
    folder = Folder(given.folder)
    stack(folder, given.host)
    rights(folder, *given.terminal)
    for user in [*given.device, *(f"terminal/{place}" for place in given.terminal)]:
        if any(line.startswith(f"{user}:") for line in folder.lines("mosquitto_passwords")):
            sys.stdout.write(f"{user} has an account already; to replace it, delete its line in mosquitto_passwords\n")
            continue
        text = password()
        account(folder, user, text)
        sys.stdout.write(f"{user} {text}\n")
    owner(folder, given.env)
    if given.device or given.terminal:
        sys.stderr.write("a running broker learns of it by: docker compose kill -s HUP broker\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
