"""No process is left behind: where the system can do it, the kernel ends a child whose parent was killed."""

import ctypes
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
# Loaded here and not in the child: between fork and exec another thread's lock may be held for ever.
_LIBC: Final = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent(number: signal.Signals = signal.SIGTERM) -> None:
    """In the child, before exec: this signal when the parent is gone. Linux only; elsewhere nothing happens."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(number))
