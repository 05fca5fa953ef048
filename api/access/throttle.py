"""
How long a sign-in has to wait after failed ones. Pure.

Three subjects are counted: a login from an address (somebody tries passwords), an address (somebody tries logins), and
a login from anywhere (many addresses try one person). The last is lenient, so that nobody locks a person out for long.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

FORGET: Final = timedelta(hours=1)  # after so long without a failure it begins anew


@dataclass(frozen=True, slots=True)
class Allowance:
    """`free` failures cost nothing, each further one doubles the wait from 1 s up to `longest_s`."""

    free: int
    longest_s: float


PAIR: Final = Allowance(5, 900.0)
ADDRESS: Final = Allowance(30, 900.0)
LOGIN: Final = Allowance(20, 30.0)


def subjects(login: str, address: str) -> dict[str, Allowance]:
    """What an attempt counts for."""
    return {f"pair:{login}@{address}": PAIR, f"address:{address}": ADDRESS, f"login:{login}": LOGIN}


def wait_s(login: str, address: str, failures: Mapping[str, tuple[int, datetime]], now: datetime) -> float:
    """Seconds from `now` until this login may be tried from this address; 0 when it may now."""
    longest = 0.0
    for subject, allowance in subjects(login, address).items():
        count, last = failures.get(subject, (0, now))
        if count < allowance.free or now - last >= FORGET:
            continue
        penalty = min(allowance.longest_s, 2.0 ** min(count - allowance.free, 30))
        longest = max(longest, penalty - (now - last).total_seconds())
    return longest
