"""A crane's shift in the record: what a live engine heard and said of it, written as ingest writes it."""

from collections.abc import Sequence
from typing import Any

from analytics.replay import Told
from telemetry.settings import DatabaseSettings
from telemetry.storage.items import Item, Noted
from telemetry.storage.writer import Writer
from telemetry.wire import payloads, topics
from tests.helpers.life import BOOTS, KEY, Life, items, notes
from tests.helpers.site import arrived

RATED_T = 2.73  # at 42 m with two falls
IDLE = 0.5


def shift(
    script: Sequence[tuple[int, float]], *, boot: str = BOOTS[0], life: Life | None = None, **fields: Any
) -> Life:
    """A crane that holds each load (t) for so many seconds, once a second; goes on with `life` when that is given."""
    if life is None:
        life = Life(0, samples=0, gaps=0)
    seq = sum(told.frame.boot == boot for told in life.frames)
    for seconds, load in script:
        for _ in range(seconds):
            seq += 1
            life.ts += 1000
            one = arrived(
                "c1", received=life.ts + 40, boot=boot, seq=seq, ts=life.ts, load_t=load, radius_m=42.0, falls=2,
                wind_mps=3.0, tilt_x_deg=0.1, tilt_y_deg=0.0, **fields,
            )  # fmt: skip
            life.frames.append(Told(one.frame, one.received))
            life.heard.append(life.frames[-1])
            life._take(life.engine.feed([one]))
    life.tick()
    return life


def answered(life: Life, cause: str, *, action: str = "acknowledge", rule: str = "moment") -> payloads.Response:
    """Somebody answers the rule's last raise, and says what it was about."""
    raised = next(t for t in reversed(life.live) if t.rule == rule and t.signal in ("raise", "escalate"))
    said = payloads.Response(
        id=f"answer-{len(life.live):08d}", action=action, at=life.ts + 50, who="li", rule=rule, transition=raised.id,  # type: ignore[arg-type]  # as it comes from the wire
        cause=cause,
    )  # fmt: skip
    said = payloads.decode(payloads.Response, payloads.encode(said))
    life._take(life.engine.respond(*KEY, said, life.ts))
    return said


def record(
    database: DatabaseSettings,
    life: Life,
    responses: Sequence[payloads.Response] = (),
    told: Sequence[Told] | None = None,
) -> None:
    """Store it, as ingest does."""
    writer = Writer(database, application="test-writer")
    try:
        every = list(life.frames if told is None else told)
        for n in range(0, len(every), 500):
            part = every[n : n + 500]
            writer.store(items(life, part), part[-1].received)
        topic = topics.parse("/".join(("cw/v1", *KEY, "up/response")))
        more: list[Item] = [Noted(topic, one, b"") for one in responses]
        writer.store([*notes(life), *more], life.ts)
    finally:
        writer.close()
