"""The two cookies of a browser's session, as header values: no script can read them, and no other site's page sends
them with a change (`credentials.forged` asks for the Origin as well)."""

from http.cookies import SimpleCookie
from typing import Final

from api.access.access import SESSION, Tokens
from api.access.credentials import ACCESS_COOKIE, REFRESH_COOKIE

_AGE_S: Final = int(SESSION.total_seconds())


def _cookie(name: str, value: str, age_s: int, *, secure: bool) -> str:
    made = SimpleCookie({name: value})
    for attribute, said in (("path", "/"), ("httponly", True), ("samesite", "Lax"), ("max-age", age_s)):
        made[name][attribute] = said
    if secure:
        made[name]["secure"] = True
    return made[name].OutputString()


def kept(tokens: Tokens, *, secure: bool) -> list[str]:
    """`Set-Cookie` values. The access token stays as long as the session: its own age is checked when it is used."""
    found = [_cookie(ACCESS_COOKIE, tokens.access, _AGE_S, secure=secure)]
    if tokens.refresh is not None:
        found.append(_cookie(REFRESH_COOKIE, tokens.refresh, _AGE_S, secure=secure))
    return found


def dropped() -> list[str]:
    """`Set-Cookie` values that end it."""
    return [_cookie(name, "", 0, secure=False) for name in (ACCESS_COOKIE, REFRESH_COOKIE)]
