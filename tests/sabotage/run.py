"""Break a promise on purpose, and see the campaign fail: `python -m tests.sabotage.run [NAME ...]`."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PACKAGES = ("telemetry", "ingest", "analytics", "api", "simulators", "runtime")
CAMPAIGNS = {
    "acknowledge-before-commit": ("--faults", "kill-ingest", "--kills", "25", "--rate", "600"),
    "acknowledge-before-journal": ("--faults", "kill-analyzer", "--kills", "8", "--rate", "200"),
    "random-ids": ("--faults", "kill-analyzer", "--kills", "8", "--rate", "200"),
    "receipt-before-commit": ("--faults", "outage-and-broker", "--duration", "30", "--rate", "200"),
}


def sabotaged(name: str) -> int:
    """The exit status of the campaign on a copy with this patch; its report goes to stdout."""
    with tempfile.TemporaryDirectory(prefix="cw-sabotage-") as copy:
        for package in PACKAGES:
            shutil.copytree(ROOT / package, Path(copy) / package, ignore=shutil.ignore_patterns("__pycache__"))
        patch = HERE / f"{name}.patch"
        subprocess.run(["patch", "--strip=1", "--silent", f"--input={patch}"], cwd=copy, check=True)
        # `-m` finds the copy first: it is the working directory of the command and of the services it starts.
        return subprocess.run(
            [sys.executable, "-m", "runtime.cli", "chaos", *CAMPAIGNS[name]],
            cwd=copy, env={**os.environ, "PYTHONPATH": copy}, check=False,
        ).returncode  # fmt: skip


def main(names: list[str]) -> int:
    """0 when every campaign has failed as it must."""
    unnoticed = []
    for name in names or list(CAMPAIGNS):
        print(f"=== {name}", flush=True)  # noqa: T201 - a script for people
        status = sabotaged(name)
        print(f"=== {name}: the campaign ended with {status}", flush=True)  # noqa: T201 - the same
        if status != 1:
            unnoticed.append(name)
    print(f"unnoticed: {', '.join(unnoticed) or 'none'}")  # noqa: T201 - the same
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
