"""
`make fuzz`: coverage-guided fuzzing of one target with atheris, for so many inputs or seconds.

The corpus is made by `corpus.py` in a temporary folder; an input that breaks a property is written to the present
folder as `crash-…`, and the exit code is not 0.
"""

import argparse
import logging
import sys
import tempfile
from pathlib import Path

try:
    import atheris
except ImportError:
    sys.exit(
        "atheris is not installed: make fuzz installs it from requirements-fuzz.lock (Linux, CPython 3.11 to 3.13)"
    )

with atheris.instrument_imports(include=["telemetry", "ingest", "analytics"]):
    from tests.fuzz import corpus, targets


def main() -> None:
    """Fuzz one target."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__, epilog='Example: make fuzz ARGS="services"')
    parser.add_argument("target", choices=targets.TARGETS)
    parser.add_argument("--seconds", type=int, default=60, help="at most so long")
    parser.add_argument("--runs", type=int, default=-1, help="at most so many inputs")
    chosen = parser.parse_args()
    logging.disable()
    with tempfile.TemporaryDirectory(prefix="cw-fuzz-") as folder:
        for number, seed in enumerate(corpus.seeds()):
            (Path(folder) / f"{number:04d}").write_bytes(seed)
        options = [f"-max_total_time={chosen.seconds}", f"-runs={chosen.runs}", "-max_len=4096", "-print_final_stats=1"]
        atheris.Setup([sys.argv[0], *options, folder], targets.TARGETS[chosen.target])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
