"""
Services as child processes: started with their settings in the environment, restarted when they die, ended together.

A child leads a session of its own, so that Ctrl-C reaches only us and the order of ending is ours; where the
system can do it (Linux) the kernel ends a child whose parent was killed, so nothing is left behind.
"""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from runtime.orphans import die_with_parent

logger = logging.getLogger(__name__)

MAX_RESTARTS: Final = 20


@dataclass
class Child:
    """One service: `python -m <module>`."""

    name: str
    module: str
    env: Mapping[str, str]
    log: Path
    arguments: tuple[str, ...] = ()
    process: "subprocess.Popen[bytes] | None" = None
    restarts: int = 0

    def start(self) -> None:
        """Start it; what it prints goes to its log."""
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
                [sys.executable, "-m", self.module, *self.arguments],
                env={**os.environ, **self.env},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self.process is not None and self.process.poll() is None

    def revive(self) -> bool:
        """Start it again when it has died by itself; False when it has died too often."""
        if self.process is None or self.running:
            return True
        if self.restarts >= MAX_RESTARTS:
            return False
        self.restarts += 1
        logger.warning("%s ended with %s, starting it again", self.name, self.process.returncode)
        self.start()
        return True

    def tell(self, number: signal.Signals) -> None:
        """Send a signal, if it lives."""
        if self.process is not None and self.running:
            self.process.send_signal(number)

    def end(self, timeout: float = 10.0) -> int | None:
        """SIGTERM, then SIGKILL; its exit status."""
        process, self.process = self.process, None
        if process is None:
            return None
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            try:
                process.wait(timeout)
            except subprocess.TimeoutExpired:
                logger.warning("%s does not end, killing it", self.name)
                process.kill()
                process.wait(5)
        return process.returncode
