"""
The same command twice counts once: ASGI middleware behind the gate, for every change that brings an Idempotency-Key.

Rule 1: the same key of the same caller with the same request is answered as it was the first time, for 24 hours. The
same key with another request is refused.
Rule 2: what says nothing of the command is not kept: errors of ours (5xx), 401, 403 and 429. An answer that says
`no-store` holds a secret: that it was done is kept, and what it said is not.
Rule 3: a route that takes the key itself answers to alarms. Those must work without the record, and the analyzer takes
the same answer once whatever we do: for them what was answered is kept in this process's memory only.
"""

import hashlib
import hmac
import logging
import re
from collections import OrderedDict
from typing import Any, Final, Protocol

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import Problem, no_database
from telemetry.clock import utc_now
from telemetry.errors import StorageError
from telemetry.roles import Principal
from telemetry.storage import idempotency
from telemetry.storage.idempotency import KEPT, Answer, Known
from telemetry.storage.pool import Database

logger = logging.getLogger(__name__)

HEADER: Final = "Idempotency-Key"
CHANGES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
REPLAY: Final = "Idempotent-Replay"
KEY: Final = re.compile(r"[\x21-\x7e]{8,128}")
MAX_BODY: Final = 1_000_000
MAX_KEPT: Final = 64_000  # bytes of an answer
MAX_MEMORY: Final = 10_000  # answers
BEING_DONE_S: Final = 60.0  # longer than any command takes
SAID: Final = ("content-type", "location", "etag")
_SAYS_NOTHING: Final = frozenset({401, 403, 429})


class Shelf(Protocol):
    """Where answers are kept."""

    async def claim(self, caller: str, key: bytes, mac: bytes) -> Known | None:
        """None: do it. Else what came before."""
        ...

    async def keep(self, caller: str, key: bytes, answer: Answer) -> None:
        """This was answered."""
        ...

    async def forget(self, caller: str, key: bytes) -> None:
        """It was not done."""
        ...


class Memory:
    """Answers of this process, the newest MAX_MEMORY."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, bytes], Known] = OrderedDict()

    async def claim(self, caller: str, key: bytes, mac: bytes) -> Known | None:
        """None: do it. Else what came before."""
        now = utc_now()
        known = self._kept.get((caller, key))
        if known is not None and now - known.at < KEPT:
            return Known(known.mac, known.answer, known.at, (now - known.at).total_seconds())
        self._kept[(caller, key)] = Known(mac, None, now, 0.0)
        while len(self._kept) > MAX_MEMORY:
            self._kept.popitem(last=False)
        return None

    async def keep(self, caller: str, key: bytes, answer: Answer) -> None:
        """This was answered."""
        if (known := self._kept.get((caller, key))) is not None:
            self._kept[(caller, key)] = Known(known.mac, answer, known.at, 0.0)

    async def forget(self, caller: str, key: bytes) -> None:
        """It was not done."""
        self._kept.pop((caller, key), None)


class Record:
    """Answers of all processes, in the record."""

    def __init__(self, database: Database | None) -> None:
        self._database = database
        self._free: set[tuple[str, bytes]] = set()  # not done, though the record could not be told so

    async def claim(self, caller: str, key: bytes, mac: bytes) -> Known | None:
        """None: do it. Else what came before. Raises StorageError, and Problem(503) without a database."""
        if self._database is None:
            raise no_database("no database is configured: set CRANEWATCH_DATABASE__URL")
        if (caller, key) in self._free:
            await idempotency.forget(self._database, caller, key)
            self._free.discard((caller, key))
        return await idempotency.claim(self._database, caller, key, mac)

    async def keep(self, caller: str, key: bytes, answer: Answer) -> None:
        """This was answered; where that cannot be written, the same key says later that it is not known."""
        assert self._database is not None  # noqa: S101 - it was claimed there
        try:
            await idempotency.keep(self._database, caller, key, answer)
        except StorageError as error:
            logger.warning("the answer to a command was not kept: %s", error, extra={"action": "idempotency"})

    async def forget(self, caller: str, key: bytes) -> None:
        """It was not done."""
        assert self._database is not None  # noqa: S101 - it was claimed there
        try:
            await idempotency.forget(self._database, caller, key)
        except StorageError:
            if len(self._free) < MAX_MEMORY:
                self._free.add((caller, key))


class Once:
    """The middleware; `routes` is the application whose routes say what they take."""

    def __init__(self, app: ASGIApp, routes: FastAPI, database: Database | None) -> None:
        self._app = app
        self._routes = routes
        self._memory = Memory()
        self._record = Record(database)
        self._commands: list[tuple[str, re.Pattern[str], bool]] | None = None  # method, path, takes the key itself

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = Headers(scope=scope).get(HEADER) if scope["type"] == "http" else None
        principal: Principal | None = scope.get("state", {}).get("principal")
        shelf = self._shelf(scope) if key is not None and principal is not None else None
        if key is None or principal is None or shelf is None:
            await self._app(scope, receive, send)
            return
        try:
            answer: Response | None = await self._answer(scope, receive, send, shelf, key, principal.identity)
        except Problem as problem:
            answer = problem.response()
        except StorageError as error:
            answer = no_database(str(error)).response()
        if answer is not None:
            await answer(scope, receive, send)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, shelf: Shelf, key: str, caller: str
    ) -> Response | None:
        """The answer that is known; None when it has been sent by whoever did it. Raises Problem, StorageError."""
        if not KEY.fullmatch(key):
            raise Problem(
                422, "invalid-request", "请求无效 the request is not valid", f"{HEADER}: 8 to 128 visible ASCII letters"
            )
        body = await _read(receive)
        named = hashlib.sha256(key.encode()).digest()
        request = b"\n".join([scope["method"].encode(), scope["path"].encode(), scope.get("query_string", b""), body])
        mac = hmac.digest(key.encode(), request, "sha256")
        known = await shelf.claim(caller, named, mac)
        if known is not None:
            return _again(known, mac)
        said = _Said(send)
        try:
            await self._app(scope, _replayed(body, receive), said)
        except Exception:
            # Whoever is cancelled instead leaves it open: it may have been done.
            await shelf.forget(caller, named)
            raise
        # To an alarm only what was taken is kept: a second try must not be refused because the first one was.
        refused = shelf is self._memory and said.status >= 400
        if said.status >= 500 or said.status in _SAYS_NOTHING or refused:
            await shelf.forget(caller, named)
        else:
            await shelf.keep(caller, named, said.answer())
        await said.send_on()
        return None

    def _shelf(self, scope: Scope) -> Shelf | None:
        """Where the answer to a command is kept; None for what is none of our commands."""
        if self._commands is None:
            found = [one for one in self._routes.state.guarded if one.method in CHANGES]
            self._commands = [(one.method, compile_path(one.path)[0], HEADER in one.headers) for one in found]
        for method, path, own in self._commands:
            if method == scope["method"] and path.match(scope["path"]):
                return self._memory if own else self._record
        return None


class _Said:
    """An answer on its way, held until it is kept: who asks again at once must find it."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._messages: list[Message] = []
        self._length = 0
        self._through = False
        self.status = 0

    async def __call__(self, message: Message) -> None:
        """As `send`."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        self._length += len(message.get("body", b""))
        if self._through:
            await self._send(message)
            return
        self._messages.append(message)
        if self._length > MAX_KEPT:
            await self.send_on()

    async def send_on(self) -> None:
        """Send what was held, and hold no more."""
        self._through = True
        waiting, self._messages = self._messages, []
        for message in waiting:
            await self._send(message)

    def answer(self) -> Answer:
        """To be kept."""
        if not self._messages:
            return Answer(self.status, {}, None)
        headers = Headers(raw=self._messages[0]["headers"])
        secret = "no-store" in headers.get("cache-control", "") or "set-cookie" in headers
        body = None if secret else b"".join(one.get("body", b"") for one in self._messages[1:])
        return Answer(self.status, {name: headers[name] for name in SAID if name in headers}, body)


def _again(known: Known, mac: bytes) -> Response:
    if not hmac.compare_digest(known.mac, mac):
        raise Problem(
            422, "key-reused", "幂等键已用于其他请求 the key was used for another request",
            f"another request came with this {HEADER}: take a new one for a new command",
        )  # fmt: skip
    if known.answer is None:
        if known.age_s < BEING_DONE_S:
            problem = Problem(409, "in-progress", "正在处理 it is being done", "the first one is not answered yet")
            problem.headers["Retry-After"] = "1"
            raise problem
        raise Problem(
            409, "outcome-unknown", "结果未知 the outcome is not known",
            "who did it ended before it could say so: look whether it was done, then take a new key",
        )  # fmt: skip
    if known.answer.body is None:
        raise Problem(
            409, "done-before", "已处理，结果不再显示 it was done, and its answer is not kept",
            f"it was answered with {known.answer.status} the first time; secrets and long answers are not kept",
        )  # fmt: skip
    answer = Response(known.answer.body, known.answer.status, known.answer.headers)
    answer.headers[REPLAY] = "true"
    return answer


async def _read(receive: Receive) -> bytes:
    parts: list[bytes] = []
    length, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Problem(400, "disconnected", "连接中断 the connection was lost", "the request did not come whole")
        parts.append(message.get("body", b""))
        length += len(parts[-1])
        more = message.get("more_body", False)
        if length > MAX_BODY:
            raise Problem(413, "too-large", "请求过大 the request is too large", f"at most {MAX_BODY:,} bytes")
    return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives what was read already."""
    waiting: list[Any] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receiving() -> Message:
        return waiting.pop() if waiting else await receive()

    return receiving
