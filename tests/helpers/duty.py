"""A site with people on duty whose channels lead to a sink, and alarms as ingest writes them down."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from telemetry import ladder
from telemetry.clock import now_ms
from telemetry.ladder import Contact, Duty, Plan
from telemetry.model import Origin, Severity, Signal, State
from telemetry.roles import Role
from telemetry.settings import DatabaseSettings
from telemetry.storage import roster
from telemetry.storage.items import Item, Noted
from telemetry.storage.pool import Database
from telemetry.storage.writer import Writer
from telemetry.wire import payloads, topics
from telemetry.wire.payloads import Cause, Transition, Words
from telemetry.wire.topics import Lane, Leaf
from tests.helpers.sink import Sink

SITE = "gate"
_numbers = itertools.count(1)


def person(sink: Sink, name: str, *means: str, **more: Any) -> Contact:
    """A contact whose channels lead to the sink: `wang`, `wang-1`, … by the order of `means`."""
    channels = [
        {"name": f"{one}-{n}", "means": one, "url": sink.url(name if n == 0 else f"{name}-{n}")}
        for n, one in enumerate(means or ("push",))
    ]
    return ladder.parse(
        Contact, {"contact": name, "name": name, "channels": channels, "language": "both", **more}, name
    )


def on_duty(name: str, role: Role = Role.SAFETY_OFFICER) -> Duty:
    """On duty since yesterday, until tomorrow."""
    now = datetime.now(UTC)
    return Duty(contact=name, role=role, begin=now - timedelta(days=1), end=now + timedelta(days=1))


async def staff(
    settings: DatabaseSettings, people: Sequence[Contact], duties: Sequence[Duty], plan: Plan | None = None,
    site: str = SITE,
) -> None:  # fmt: skip
    """Write a site and all that its ladder needs."""
    with psycopg.connect(settings.url.get_secret_value(), autocommit=True) as connection:
        connection.execute(
            "INSERT INTO site (site, display_name) VALUES (%s, '东门工地') ON CONFLICT DO NOTHING", (site,)
        )
    async with Database(settings, application="test-staff") as pool, pool.connection() as own, own.transaction():
        await roster.replace(own, site, people, duties, plan or Plan(), datetime.now(UTC))


class Alarm:
    """One alarm of one crane; `of` gives a transition of it, in the order of its life."""

    def __init__(
        self, device: str = "crane-3", rule: str = "moment", *, severity: Severity = Severity.ALARM,
        life_safety: bool = True, site: str = SITE,
    ) -> None:  # fmt: skip
        self.device, self.rule, self.severity, self.life_safety, self.site = device, rule, severity, life_safety, site
        self.state = State.NORMAL

    def of(self, signal: str, state: str, *, at: int | None = None, **more: Any) -> Transition:
        """The next transition."""
        before, self.state = self.state, State(state)
        n = next(_numbers)
        return Transition(
            id=f"t-{n}", site=self.site, kind="crane", device=self.device, rule=self.rule, signal=Signal(signal),
            previous=before, state=self.state, severity=self.severity, at=at if at is not None else now_ms(),
            cause=Cause(boot="boot-00000001", seq=n, i=0), value=104.0, limit=100.0, unit="%",
            text=Words(zh="超载 104 %", en="OVERLOAD 104 %"), action=Words(zh="停止起升", en="stop hoisting"),
            life_safety=self.life_safety, origin=Origin.LIVE, **more,
        )  # fmt: skip

    def raised(self, **more: Any) -> Transition:
        """It begins, and the desk is asked."""
        return self.of("raise", "unacknowledged", **more)

    def cleared(self) -> Transition:
        """Its condition has gone."""
        return self.of("clear", "returned_unacknowledged" if self.state is State.UNACKNOWLEDGED else "normal")

    def acknowledged(self) -> Transition:
        """A person has it."""
        return self.of("acknowledge", "acknowledged" if self.state is State.UNACKNOWLEDGED else "normal", who="li")


def record(settings: DatabaseSettings, *notes: Transition | payloads.Shown | payloads.Coverage,
           device: str = "crane-3", site: str = SITE) -> None:  # fmt: skip
    """What ingest does with these, in one batch."""
    items: list[Item] = []
    for note in notes:
        if isinstance(note, Transition):
            topic = topics.build(note.site, note.kind, note.device, Lane.DOWN, Leaf.TRANSITION)
        elif isinstance(note, payloads.Shown):
            topic = topics.build(site, "crane", device, Lane.UP, Leaf.SHOWN)
        else:
            topic = topics.build(site, "crane", device, Lane.DOWN, Leaf.COVERAGE)
        items.append(Noted(topics.parse(topic), note, payloads.encode(note)))
    writer = Writer(settings, application="test-writer")
    try:
        writer.store(items, now_ms())
    finally:
        writer.close()
