"""
Versions of what is answered: `ETag`, `If-None-Match` and `If-Match`.

Rule 1: an ETag is a hash of the answer's bytes, and strong: the same ETag is the same answer.
Rule 2: of what can be changed it is a hash of the thing itself (`tag`), and `If-Match` is held against the thing as it
is in the transaction of the change, behind a lock: of two editors the second one is told, however close they are.
Rule 3: nothing is kept by a cache without asking again (`private, no-cache`), and what is live or secret not at all.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, Header, Response
from pydantic import BaseModel
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import Problem

_TAG: Final = re.compile(r'(?:W/)?"[^"]*"')
LONGEST: Final = 1000
KEPT: Final = frozenset({"etag", "cache-control", "vary", "set-cookie", "content-location", "date", "expires"})

T = TypeVar("T")
B = TypeVar("B", bound=BaseModel)


def _hashed(data: bytes) -> str:
    return f'"{hashlib.sha256(data).hexdigest()[:32]}"'


def tag(body: BaseModel, *more: object) -> str:
    """The ETag of a thing; `more` is what its version has beyond its body."""
    return _hashed("\n".join([type(body).__name__, body.model_dump_json(), *map(str, more)]).encode())


def said(response: Response, body: B, *more: object) -> B:
    """The body, with its ETag in the answer's header."""
    response.headers["ETag"] = tag(body, *more)
    return body


def _strong(header: str) -> set[str]:
    return {one for one in _TAG.findall(header) if not one.startswith("W/")}


@dataclass(frozen=True, slots=True)
class Condition:
    """What a change was made from."""

    if_match: str | None = None
    absent: bool = False  # If-None-Match: *

    def holds(self, present: str | None) -> None:
        """Hold it against the ETag of what is there, None for nothing. Raises Problem(412)."""
        if self.absent and present is not None:
            raise _failed("it is there already")
        if self.if_match is None:
            return
        wanted = self.if_match.strip()
        if present is None or (wanted != "*" and present not in _strong(wanted)):
            raise _failed("it is not what it was when it was read: read it again, and change that")

    def check(self, represented: Callable[[T], str]) -> Callable[[T | None], None]:
        """For storage to call inside its transaction with what it found; `represented` gives its ETag."""

        def checked(before: T | None) -> None:
            if self.if_match is not None or self.absent:
                self.holds(None if before is None else represented(before))

        return checked


def _failed(detail: str) -> Problem:
    return Problem(412, "changed-meanwhile", "期间已被他人修改 somebody else has changed it meanwhile", detail)


def _conditioned(
    if_match: Annotated[
        str | None,
        Header(
            alias="If-Match", max_length=LONGEST, examples=['"3b43fb364cf6ad7277c9a0260135c305"'],
            description="The ETag that this change was made from; another one there is a 412.",
        ),
    ] = None,
) -> Condition:  # fmt: skip
    return Condition(if_match)


def _creating(
    condition: Annotated[Condition, Depends(_conditioned)],
    if_none_match: Annotated[
        str | None,
        Header(
            alias="If-None-Match", max_length=LONGEST, description="`*`: only if there is none yet.", examples=["*"]
        ),
    ] = None,
) -> Condition:
    return Condition(condition.if_match, absent=(if_none_match or "").strip() == "*")


When = Annotated[Condition, Depends(_conditioned)]
WhenNew = Annotated[Condition, Depends(_creating)]


class Fresh:
    """ASGI middleware: an ETag on every JSON answer to GET below `/api/`, and 304 for who has it already."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        await self._app(scope, receive, _Tagged(send, Headers(scope=scope).get("if-none-match")))


class _Tagged:
    def __init__(self, send: Send, known: str | None) -> None:
        self._send = send
        self._known = known
        self._start: dict[str, Any] | None = None
        self._parts: list[bytes] = []

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.setdefault("cache-control", "private, no-cache")
            plain = headers.get("content-type", "").startswith("application/json")
            if message["status"] == 200 and plain and "no-store" not in headers["cache-control"]:
                self._start = dict(message)
                return
        if self._start is None:
            await self._send(message)
            return
        self._parts.append(message.get("body", b""))
        if message.get("more_body", False):
            return
        start, self._start = self._start, None
        body = b"".join(self._parts)
        headers = MutableHeaders(scope=start)
        own = headers.setdefault("etag", _hashed(body))
        known = (self._known or "").strip()
        # Weak comparison, as RFC 9110 has it for this header: an intermediary may have weakened ours.
        if known == "*" or own.removeprefix("W/") in {one.removeprefix("W/") for one in _TAG.findall(known)}:
            start["status"], body = 304, b""
            start["headers"] = [one for one in start["headers"] if one[0].decode("latin-1").lower() in KEPT]
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body, "more_body": False})
