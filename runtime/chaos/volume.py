"""
A volume that can be full: a tmpfs of a stated size in a mount namespace of our own, so that nothing of it is left when
we are gone, however we go. Linux, as root; elsewhere `why_not` says so, and the fault that needs it is left out.
"""

import contextlib
import ctypes
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

_CLONE_NEWNS: Final = 0x00020000
BALLAST: Final = "ballast"
_BLOCK: Final = bytes(1 << 20)


def own_namespace() -> str | None:
    """
    Mounts from now on are seen by us and our children only; why that is not possible, or None.

    To be called by the main thread before others are started: they inherit it.
    """
    if sys.platform != "linux" or os.geteuid() != 0:
        return "needs root on Linux"
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNS) != 0:
        return f"no mount namespace: {os.strerror(ctypes.get_errno())}"
    return _mount("--make-rprivate", "/")


class Volume:
    """One tmpfs."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        """Mounts nothing yet."""
        self.folder = folder
        self.megabytes = megabytes

    def mount(self) -> str | None:
        """Mount it; why that is not possible, or None."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return _mount("-t", "tmpfs", "-o", f"size={self.megabytes}m,mode=0700", "tmpfs", str(self.folder))

    def fill(self) -> int:
        """Write until the kernel says ENOSPC; the bytes written."""
        written = 0
        with (self.folder / BALLAST).open("ab", buffering=0) as file:
            size = len(_BLOCK)
            while size:
                try:
                    written += file.write(_BLOCK[:size])
                except OSError:
                    size //= 2
        return written

    def free(self) -> None:
        """Give the room back."""
        with contextlib.suppress(FileNotFoundError):
            (self.folder / BALLAST).unlink()

    def unmount(self) -> None:
        """Unmount it; what lies in it is gone."""
        subprocess.run(["umount", "-l", str(self.folder)], check=False, capture_output=True)  # noqa: S603, S607


def _mount(*arguments: str) -> str | None:
    done = subprocess.run(["mount", *arguments], check=False, capture_output=True, text=True)  # noqa: S603, S607
    return None if done.returncode == 0 else f"mount: {done.stderr.strip()}"
