"""
Tokens: short-lived signed ones that say who asks, and random ones that are looked up.

Pure: keys and times come in. An access token is a JWT (HS256); it is believed for `ACCESS` after it was issued, unless
its session was ended or the person's rights have changed since.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import jwt

from telemetry.roles import Principal, parse_grants
from telemetry.storage.keys import SigningKey

ACCESS: Final = timedelta(minutes=10)
INVITATION: Final = timedelta(days=2)
ISSUER: Final = "cranewatch"
SEALED: Final = "cranewatch sealed"
ALGORITHM: Final = "HS256"
KEY_PREFIX: Final = "cwk_"


class TokenRefused(Exception):
    """A token that says nothing: of another signature, or not one at all."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What an access token says."""

    principal: Principal
    issued: datetime
    expires: datetime


def issue(principal: Principal, key: SigningKey, now: datetime) -> str:
    """An access token for a person's session."""
    claims = {
        "iss": ISSUER,
        "sub": str(principal.user_id),
        "sid": principal.session_id,
        "iat": now.timestamp(),
        "exp": (now + ACCESS).timestamp(),
        "login": principal.name,
        "name": principal.display_name,
        "org": principal.organisation,
        "lang": principal.language,
        "grants": sorted([str(role), site] for role, site in principal.grants),
    }
    return jwt.encode(claims, key.secret, ALGORITHM, headers={"kid": key.key_id})


def seal(said: dict[str, str], key: SigningKey, expires: datetime) -> str:
    """Words that we can tell for ours later. Readable: nothing in it is secret from its bearer."""
    claims = {"iss": SEALED, "exp": expires.timestamp(), "said": said}
    return jwt.encode(claims, key.secret, ALGORITHM, headers={"kid": key.key_id})


def unseal(text: str, keys: Sequence[SigningKey], now: datetime) -> dict[str, str] | None:
    """What was sealed; None when it was not, or is over. An access token is none, and none is an access token."""
    kid = signed_with(text)
    key = next((one for one in keys if one.key_id == kid), None)
    if key is None:
        return None
    try:
        found = jwt.decode(text, key.secret, [ALGORITHM], issuer=SEALED, options={"verify_exp": False})
    except jwt.InvalidTokenError:
        return None
    return dict(found["said"]) if now.timestamp() < found["exp"] else None


def signed_with(token: str) -> str | None:
    """The id of the key that a token names; None where it names none."""
    try:
        found = jwt.get_unverified_header(token).get("kid")
    except jwt.InvalidTokenError:
        return None
    return found if isinstance(found, str) else None


def read(token: str, keys: Sequence[SigningKey]) -> Claims:
    """What a token says, whether it has expired or not. Raises TokenRefused."""
    try:
        kid = signed_with(token)
        key = next((one for one in keys if one.key_id == kid), None)
        if key is None:
            raise TokenRefused("signed with a key that is not ours, or is no longer used")
        found: dict[str, Any] = jwt.decode(
            token, key.secret, [ALGORITHM], issuer=ISSUER,
            options={"verify_exp": False, "verify_iat": False, "require": ["sub", "sid", "iat", "exp"]},
        )  # fmt: skip
        principal = Principal(
            name=found["login"], display_name=found["name"], organisation=found["org"], language=found["lang"],
            grants=parse_grants((role, site) for role, site in found["grants"]), user_id=int(found["sub"]),
            session_id=found["sid"],
        )  # fmt: skip
        times = [datetime.fromtimestamp(found[name], UTC) for name in ("iat", "exp")]
    except (jwt.InvalidTokenError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise TokenRefused(str(error)) from error
    return Claims(principal, *times)


def opaque() -> str:
    """A random token of 256 bits."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> bytes:
    """What is kept of a random token."""
    return hashlib.sha256(token.encode()).digest()


def new_id() -> str:
    """A name for a session or a key: 12 letters and digits."""
    return "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(12))


def new_signing_key() -> SigningKey:
    """A key of 512 bits."""
    return SigningKey(new_id(), secrets.token_bytes(64))


def api_key(key_id: str, secret: str) -> str:
    """An API key as its owner keeps it."""
    return f"{KEY_PREFIX}{key_id}_{secret}"


def split_api_key(text: str) -> tuple[str, str] | None:
    """Its id and secret; None when it is not one."""
    key_id, mark, secret = text.removeprefix(KEY_PREFIX).partition("_")
    return (key_id, secret) if text.startswith(KEY_PREFIX) and mark and len(key_id) == 12 and secret else None
