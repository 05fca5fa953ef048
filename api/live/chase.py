"""
The record behind the live socket: a number to resume from, and what the live way did not bring.

Rule 1: a number that is told is final: no transition can come to stand at or below it any more. Positions are given
before their transactions commit, so that the highest one seen says nothing of those below it (`Watermark`).
Rule 2: a client gets every transition that concerns it, at least once: live from the broker, or later from here, when
it was published while the client or this process was away. Its id tells a second one.
Rule 3: nothing live waits for the record. With the database away the numbers stop, and go on where they stopped.
"""

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from api.live.hub import Hub, Mailbox, Message, Type
from api.live.picture import Change
from telemetry.errors import StorageError
from telemetry.storage import alarms
from telemetry.storage.alarms import Horizon, Recorded
from telemetry.storage.pool import Database
from telemetry.wire.topics import Leaf

logger = logging.getLogger(__name__)

EVERY_S: Final = 1.0
PAGE: Final = 500
REMEMBERED: Final = 20_000  # transitions of which we know that they came live; of older ones a second copy is sent
PATIENCE: Final = 10  # looks at the record until a number that it has not reached is taken for one of another record
WAITING: Final = 600  # looks at the record that wait for the transactions of their time to end


class Watermark:
    """The position below which the record is complete, from a series of looks at it."""

    def __init__(self) -> None:
        self.position: int | None = None  # unknown until the transactions of the first look have ended
        self._waiting: deque[Horizon] = deque()

    def see(self, seen: Horizon) -> int | None:
        """
        Take in a look at the record; the position that is final now.

        A look's last position is final once every transaction that could have written then has ended. Looks are a
        second apart, so that one that has its position and has not yet begun to write is covered too.
        """
        newest = self._waiting[-1].last if self._waiting else self.position
        if newest is not None and seen.last < newest:
            # The record was restored from a backup: its numbers are given anew.
            self.position = None
            self._waiting.clear()
            newest = None
        while self._waiting and self._waiting[0].high <= seen.low:
            self.position = self._waiting.popleft().last
        if (newest is None or seen.last > newest) and len(self._waiting) < WAITING:
            self._waiting.append(seen)
        return self.position


class Arrivals:
    """Which transitions came live, and after how many publications of the hub."""

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._limit = limit
        self._came: OrderedDict[str, int] = OrderedDict()

    def note(self, id_: str, published: int) -> None:
        """A transition came live as the hub's publication of that number."""
        self._came.setdefault(id_, published)
        while len(self._came) > self._limit:
            self._came.popitem(last=False)

    def lacking(self, row: Recorded, boxes: Iterable[Mailbox]) -> list[Mailbox]:
        """Mailboxes whose clients have not had this transition."""
        came = self._came.get(row.id)
        if came is None:
            return [box for box in boxes if box.since is None or row.position > box.since]
        # Who resumes gets what came before it opened; who starts anew has its effect in the snapshot.
        return [box for box in boxes if came <= box.opened and box.since is not None and row.position > box.since]


def transition(row: Recorded) -> Message:
    """A transition out of the record; `position` says where it stands there."""
    body = {"type": str(Type.TRANSITION), "site": row.site, "kind": row.kind, "device": row.device,
            "position": row.position, "data": row.payload}  # fmt: skip
    return Message(Type.TRANSITION, row.site, row.kind, row.device, msgspec.json.encode(body).decode())


def note(type_: Type, **data: Any) -> Message:
    """A message about the record, to whoever it is handed."""
    body = {"type": str(type_), "site": "", "kind": "", "device": "", "data": data}
    return Message(type_, "", "", "", msgspec.json.encode(body).decode())


@dataclass(slots=True)
class Resume:
    """What one client has still to get of the record: `(at, upto]`; `upto` is None until that is known."""

    box: Mailbox
    since: int
    at: int
    upto: int | None = None
    sent: int = 0
    patience: int = PATIENCE
    complete: bool = True

    def about(self, why: str | None = None) -> Message:
        """What is said at its end: whether the client has everything since its number, and if not, why."""
        if why is None and not self.complete:
            why = "the record knows no such number: it may come from a backup"
        complete = why is None
        return note(Type.RESUMED, since=self.since, upto=self.upto, sent=self.sent, complete=complete, why=why)


class Chase:
    """Follows the record once a second, and reads back for clients that resume."""

    def __init__(self, database: Database, hub: Hub) -> None:
        self._database = database
        self._hub = hub
        self._mark = Watermark()
        self._arrivals = Arrivals()
        self._dealt: int | None = None  # up to here every client has what concerns it; None: not known yet

    @property
    def position(self) -> int | None:
        """The number to resume from, for a client that opens now and starts from a snapshot; None: not known yet."""
        return self._dealt

    def watch(self, change: Change) -> None:
        """A watcher of the feed: called right after the hub has published the change."""
        if change.leaf == Leaf.TRANSITION:
            self._arrivals.note(change.value.id, self._hub.published)

    def resume(self, box: Mailbox, since: int) -> Resume:
        """What a client that has all up to `since` gets; to be called without an await after opening its mailbox."""
        found = Resume(box, since, since)
        self._bound(found)
        return found

    def behind(self, box: Mailbox) -> Resume | None:
        """What the client of a mailbox fell behind by while it was connected."""
        if box.behind is None:
            return None
        (after, upto), box.behind = box.behind, None
        return Resume(box, after, after, upto)

    async def page(self, resume: Resume) -> list[Message] | None:
        """The next transitions of a client that resumes, empty at the end, None to wait. Raises StorageError."""
        if resume.upto is None:
            resume.patience -= 1
            self._bound(resume)
            if resume.upto is None:
                return None
        if resume.at >= resume.upto:
            return []
        interest = resume.box.interest
        rows = await alarms.after(
            self._database,
            resume.at,
            resume.upto,
            sites=sorted(interest.sites) or None,
            devices=sorted(interest.devices) or None,
            limit=PAGE,
        )
        resume.sent += len(rows)
        resume.at = rows[-1].position if len(rows) == PAGE else resume.upto
        return [transition(row) for row in rows]

    def _give(self, row: Recorded, lacking: list[Mailbox], final: int) -> None:
        # Half a mailbox is for what is live; whoever lacks more than the other half reads it page by page.
        waiting = [box for box in lacking if row.position > box.covered and box.interest.covers(row.site, row.device)]
        ready = [box for box in waiting if box.room > self._hub.mailbox // 2]
        self._hub.hand(transition(row), ready)
        for box in set(waiting).difference(ready):
            box.lag(row.position - 1, final)

    def _bound(self, resume: Resume) -> None:
        # Another process may have told a number that we reach in a moment; a record out of a backup never does.
        if self._dealt is not None and resume.since <= self._dealt:
            resume.upto = self._dealt
        elif self._dealt is not None and resume.patience <= 0:
            resume.upto, resume.complete, resume.box.since = self._dealt, False, None

    async def run(self) -> None:
        """Follow the record until cancelled."""
        known = True
        while True:
            try:
                await self.step()
                known = True
            except StorageError as error:
                if known:
                    logger.warning("the record cannot be followed, live alarms go on: %s", error)
                known = False
            await asyncio.sleep(EVERY_S)

    async def step(self) -> None:
        """One look: hand out what came to stand in the record and did not come live. Raises StorageError."""
        final = self._mark.see(await alarms.horizon(self._database))
        if final is None:
            return
        told = self._dealt
        if self._dealt is None or final < self._dealt:
            self._dealt = final
            for box in self._hub.boxes():
                box.covered = 0
        while rows := await alarms.after(self._database, self._dealt, final, limit=PAGE):
            boxes = self._hub.boxes()
            for row in rows:
                if lacking := self._arrivals.lacking(row, boxes):
                    self._give(row, lacking, final)
            self._dealt = rows[-1].position
        self._dealt = final
        if final != told:
            self._hub.hand(note(Type.RECORDED, position=final), self._hub.boxes())
