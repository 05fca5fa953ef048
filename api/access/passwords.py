"""Passwords: Argon2id through pwdlib, off the event loop, and never more at once than memory is there for."""

import asyncio
from functools import cache
from typing import Final

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

SHORTEST: Final = 10
LONGEST: Final = 256
AT_ONCE: Final = 2  # each takes 64 MiB for a moment
_OBVIOUS: Final = ("password", "passwort", "123456", "qwerty", "cranewatch", "111111", "abc123", "iloveyou", "admin")


@cache
def _hasher() -> PasswordHash:
    return PasswordHash((Argon2Hasher(),))


@cache
def _nobody() -> str:
    # Checked when there is no such account, so that the time of the answer does not say so.
    return _hasher().hash("nobody has this password")


def weakness(password: str, login: str) -> tuple[str, str] | None:
    """
    Why a password will not do, Chinese and English; None when it will.

    Length and the obvious ones are all that is asked, as NIST SP 800-63B section 3.1.1.2 has it: rules on characters
    make passwords worse.
    """
    if len(password) < SHORTEST:
        return f"口令至少 {SHORTEST} 个字符", f"a password has at least {SHORTEST} characters"
    if len(password) > LONGEST:
        return f"口令最多 {LONGEST} 个字符", f"a password has at most {LONGEST} characters"
    plain = password.casefold()
    if (login and login.casefold() in plain) or any(word in plain for word in _OBVIOUS) or len(set(plain)) < 5:
        return "口令太容易猜到", "this password is too easy to guess"
    return None


class Passwords:
    """Makes and checks hashes, `AT_ONCE` at a time; the rest waits."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def hashed(self, password: str) -> str:
        """The PHC string to keep."""
        async with self._slots:
            return await asyncio.to_thread(_hasher().hash, password)

    async def verified(self, password: str, kept: str | None) -> tuple[bool, str | None]:
        """Whether it is the one, and a new PHC string to keep when the old one was made with weaker parameters."""
        async with self._slots:
            good, better = await asyncio.to_thread(_hasher().verify_and_update, password, kept or _nobody())
        return (good and kept is not None), (better if good and kept is not None else None)
