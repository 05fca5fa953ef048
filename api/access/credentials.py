"""
What a request brings to say who asks. Pure.

Rule: a cookie is sent by a browser whether the person wants it or not. So what it may do with one beyond looking is
asked for by a page of ours only: the browser's own Origin header says whose page it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

ACCESS_COOKIE: Final = "cw_access"
REFRESH_COOKIE: Final = "cw_refresh"
LOOKING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Credentials:
    """At most one of the ways is used: a key or token in a header, else cookies."""

    bearer: str | None = None
    access: str | None = None  # cookies
    refresh: str | None = None

    @property
    def any(self) -> bool:
        """Whether anything was brought."""
        return bool(self.bearer or self.access or self.refresh)


def presented(headers: Mapping[str, str], cookies: Mapping[str, str]) -> Credentials:
    """What is in the headers, which are asked for by small names."""
    if key := headers.get("x-api-key"):
        return Credentials(bearer=key)
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value:
        return Credentials(bearer=value.strip())
    return Credentials(access=cookies.get(ACCESS_COOKIE) or None, refresh=cookies.get(REFRESH_COOKIE) or None)


def same_origin(origin: str | None, host: str | None) -> bool:
    """Whether a browser's page of ours asks."""
    return origin is not None and bool(host) and urlsplit(origin).netloc == host


def forged(method: str, headers: Mapping[str, str], credentials: Credentials) -> bool:
    """Whether this might be a page of somebody else, acting with a person's cookies."""
    if credentials.bearer or not credentials.any or method in LOOKING:
        return False
    return not same_origin(headers.get("origin"), headers.get("host"))
