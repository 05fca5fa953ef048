"""
Signing in with an OpenID provider: authorization code with PKCE, after OpenID Connect Core 1.0 and RFC 9700.

Rule 1: the provider says who somebody is; what they may do is said here. Nobody comes in who has no account.
Rule 2: what a browser carries to the provider and back is bound to that browser by a cookie that we signed.
Rule 3: of an identity token counts what can be checked: signature by a key of the issuer, issuer, audience, nonce, age.
"""

import hashlib
import logging
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

import httpx
import jwt

from api.access.access import Access, Tokens
from api.settings import OidcSettings
from telemetry.storage import accounts, identities
from telemetry.storage.audit import Actor
from telemetry.storage.pool import Database

logger = logging.getLogger(__name__)

# What a provider signs with its private key. Not HS256: there the client's secret would be the key.
ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA", "RS384", "RS512", "ES384", "ES512", "PS384", "PS512")
LASTS: Final = timedelta(minutes=10)  # from leaving for the provider to coming back
LEEWAY_S: Final = 60
KNOWN_S: Final = 3600.0  # the provider's addresses and keys are asked for again after that
AGAIN_S: Final = 30.0  # and its keys, for one that we do not know, at most so often
MAX_BYTES: Final = 1 << 20


class Refused(Exception):
    """Nobody came in; `why` is `denied`, `unknown`, `failed` or `away`, the detail is for the log."""

    def __init__(self, why: str, detail: str) -> None:
        super().__init__(detail)
        self.why = why


@dataclass(frozen=True, slots=True)
class Provider:
    """What a provider says of itself."""

    authorize: str
    token: str
    keys: str
    at: float


def challenge(verifier: str) -> str:
    """PKCE's S256 of a verifier (RFC 7636 4.2)."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


class Oidc:
    """One provider, as it is set."""

    def __init__(self, settings: OidcSettings, access: Access, database: Database, clock: Callable[[], float]) -> None:
        """`clock()` is monotonic seconds."""
        self.settings = settings
        self._access = access
        self._database = database
        self._clock = clock
        self._provider: Provider | None = None
        self._keys: dict[str, jwt.PyJWK] = {}
        self._keys_at = -KNOWN_S

    async def start(self, back: str, page: str) -> tuple[str, str]:
        """
        Where to send a browser, and the cookie's value that it has to come back with.

        `back` is our own address that the provider sends it to, `page` where it wanted to go. Raises Refused, Problem.
        """
        provider = await self._discover()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        carried = await self._access.seal({"state": state, "nonce": nonce, "verifier": verifier, "page": page}, LASTS)
        asked = {
            "response_type": "code", "client_id": self.settings.client_id, "redirect_uri": back,
            "scope": self.settings.scope, "state": state, "nonce": nonce, "code_challenge": challenge(verifier),
            "code_challenge_method": "S256",
        }  # fmt: skip
        return f"{provider.authorize}{'&' if '?' in provider.authorize else '?'}{urlencode(asked)}", carried

    async def finish(self, query: dict[str, str], carried: str, back: str, by: Actor, agent: str) -> tuple[Tokens, str]:
        """Let in whoever comes back, and where they wanted to go. Raises Refused, Problem, StorageError."""
        held = await self._access.unseal(carried)
        if held is None or not secrets.compare_digest(query.get("state", ""), held["state"]):
            raise Refused("failed", "the browser does not come from where we sent it, or took too long")
        if "error" in query:
            raise Refused("denied", f"the provider says {query['error']}: {query.get('error_description', '')}"[:300])
        if "code" not in query:
            raise Refused("failed", "the provider sent no code")
        claims = await self._claims(query["code"], held["verifier"], held["nonce"], back)
        login = str(claims.get(self.settings.login_claim) or "").strip().casefold()[:64]
        if self.settings.login_claim == "email" and claims.get("email_verified") is not True:
            raise Refused("unknown", f"{login or 'nobody'}: the provider has not verified this address")
        actor = Actor(login or "nobody", None, by.address)
        user = await identities.account_of(self._database, actor, self.settings.issuer, str(claims["sub"]), login)
        account = await accounts.by_id(self._database, user) if user is not None else None
        if account is None or account.disabled_at is not None:
            raise Refused("unknown", f"no account here is that of {login or 'nobody'} ({claims['sub']})")
        return await self._access.enter(account, Actor(account.login, account.organisation, by.address), agent), held[
            "page"
        ]

    async def _claims(self, code: str, verifier: str, nonce: str, back: str) -> dict[str, Any]:
        provider = await self._discover()
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier,
                "client_id": self.settings.client_id}  # fmt: skip
        secret = self.settings.client_secret
        auth = httpx.BasicAuth(self.settings.client_id, secret.get_secret_value()) if secret else None
        answer = await self._ask("POST", provider.token, data=form, auth=auth)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise Refused("failed", f"the provider gave no identity: {answer.get('error', 'no id_token')}")
        try:
            key = await self._key(jwt.get_unverified_header(token).get("kid"), provider)
            claims: dict[str, Any] = jwt.decode(
                token, key, algorithms=list(ALGORITHMS), audience=self.settings.client_id,
                issuer=self.settings.issuer, leeway=LEEWAY_S, options={"require": ["exp", "iat", "sub", "aud", "iss"]},
            )  # fmt: skip
        except jwt.PyJWTError as error:
            raise Refused("failed", f"the identity token is refused: {error}") from error
        if claims.get("nonce") != nonce:
            raise Refused("failed", "the identity token is not for this sign-in")
        if claims.get("azp", self.settings.client_id) != self.settings.client_id:
            raise Refused("failed", "the identity token was given to another client")
        return claims

    async def _discover(self) -> Provider:
        if self._provider is None or self._clock() - self._provider.at > KNOWN_S:
            said = await self._ask("GET", f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration")
            if said.get("issuer") != self.settings.issuer:
                raise Refused("failed", f"the provider calls itself {said.get('issuer')!r}")
            try:
                self._provider = Provider(
                    said["authorization_endpoint"], said["token_endpoint"], said["jwks_uri"], self._clock()
                )
            except KeyError as error:
                raise Refused("failed", f"the provider does not say its {error}") from error
        return self._provider

    async def _key(self, name: str | None, provider: Provider) -> jwt.PyJWK:
        age = self._clock() - self._keys_at
        if age > KNOWN_S or (self._named(name) is None and age > AGAIN_S):
            try:
                found = jwt.PyJWKSet.from_dict(await self._ask("GET", provider.keys)).keys
            except jwt.PyJWTError as error:
                raise Refused("failed", f"the provider's keys cannot be read: {error}") from error
            # A key for encryption signs nothing.
            self._keys = {key.key_id or "": key for key in found if key.public_key_use in (None, "sig")}
            self._keys_at = self._clock()
        key = self._named(name)
        if key is None:
            raise Refused("failed", "the identity token is signed with a key that the provider does not show")
        return key

    def _named(self, name: str | None) -> jwt.PyJWK | None:
        if name is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(name or "")

    async def _ask(self, method: str, url: str, **more: Any) -> dict[str, Any]:
        try:
            async with httpx.AsyncClient(timeout=10, follow_redirects=False) as client:
                answer = await client.request(method, url, headers={"Accept": "application/json"}, **more)
            if len(answer.content) > MAX_BYTES:
                raise Refused("failed", f"{url} answered {len(answer.content)} bytes")
            said = answer.json()
        except httpx.HTTPError as error:
            raise Refused("away", f"{url} cannot be reached: {error}") from error
        except ValueError as error:
            raise Refused("failed", f"{url} answered {answer.status_code} and no JSON") from error
        if not isinstance(said, dict) or (answer.status_code >= 400 and "error" not in said):
            raise Refused("failed", f"{url} answered {answer.status_code}")
        return said
