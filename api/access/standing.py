"""
What is known here of sessions, people and keys between two questions to the record. Pure: times come in.

A token that was issued is believed until it expires, unless its session is in `ended` or its person's rights have
changed since. What is remembered of a key is believed for KEY_S; while the record is away, both for OUTAGE.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from telemetry.roles import Principal

KEY_S: Final = 5.0
OUTAGE: Final = timedelta(hours=12)  # a shift, and the next one until the record is back
MAX_KEYS: Final = 1000


@dataclass(frozen=True, slots=True)
class Remembered:
    """A key's owner, and when the record said so."""

    principal: Principal
    at: datetime
    expires: datetime | None


class Standing:
    """One process's memory of who may still come in."""

    def __init__(self) -> None:
        self.ended: set[str] = set()
        self.changed: dict[int, datetime] = {}
        self.away = False  # the record did not answer when it was asked last
        self._keys: OrderedDict[str, Remembered] = OrderedDict()

    def heard(self, ended: set[str], changed: dict[int, datetime]) -> None:
        """The record says which sessions ended and whose rights changed lately: all that matters for tokens in use."""
        # While the record was away, what ended before it went is still held against tokens of that time.
        self.ended = ended
        self.changed = changed
        self.away = False

    def believes(self, principal: Principal, issued: datetime) -> bool:
        """Whether an access token still says something, its age aside."""
        if principal.session_id in self.ended:
            return False
        changed = self.changed.get(principal.user_id or 0)
        return changed is None or issued > changed

    def lasts(self, issued: datetime, expires: datetime, now: datetime) -> bool:
        """Whether a token is young enough: until it expires, and longer while nobody can be asked for a new one."""
        return now < expires or (self.away and now - issued < OUTAGE)

    def remember(self, secret: str, principal: Principal, now: datetime, expires: datetime | None) -> None:
        """The record knows this key."""
        self._keys[secret] = Remembered(principal, now, expires)
        self._keys.move_to_end(secret)
        while len(self._keys) > MAX_KEYS:
            self._keys.popitem(last=False)

    def forget(self, secret: str) -> None:
        """The record does not know this key, or no longer."""
        self._keys.pop(secret, None)

    def forget_key(self, key_id: str) -> None:
        """A key was ended."""
        for secret in [secret for secret, known in self._keys.items() if known.principal.key_id == key_id]:
            del self._keys[secret]

    def key(self, secret: str, now: datetime) -> Principal | None:
        """The owner of a key, as far as it can be said without asking."""
        found = self._keys.get(secret)
        if found is None or (found.expires is not None and now >= found.expires):
            return None
        limit = OUTAGE if self.away else timedelta(seconds=KEY_S)
        return found.principal if now - found.at < limit else None
