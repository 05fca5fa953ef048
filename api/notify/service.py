"""
The shell of the notifier: hear the broker, take turns at the record, send what is due.

Rule 1: it has nothing that is not in the database but what it hears: killed at any instruction, another one goes on.
Rule 2: while the database is away nobody can be told, and that is said: in the log, in a metric, by the doctor. The cab
has its alarm all the same.
Rule 3: a defect in one turn or message is logged and tried again: it ends neither the other loop nor the process.
"""

import asyncio
import logging
import random
import secrets
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

from api.notify import sending, wording
from api.notify.hearing import FILTERS, Hearing
from api.notify.metrics import NotifyMetrics
from api.notify.prover import Prover
from api.notify.rounds import Round
from api.notify.settings import NotifySettings
from telemetry.broker import Arrival, Link
from telemetry.errors import StorageError
from telemetry.ladder import Channel
from telemetry.settings import DatabaseSettings, MqttSettings
from telemetry.storage import escalations, outbox
from telemetry.storage.outbox import Parcel
from telemetry.storage.pool import Database

logger = logging.getLogger(__name__)

BEAT_S = 3.0  # between two notes of which sites were heard
FIGURES_S = 5.0
AWAY_S = 1.0  # until the database is asked again
OVER_S = 10.0  # beyond the longest attempt, until the database lets another notifier have its message


class Notifier:
    """One notifier; another one may run beside it."""

    def __init__(
        self, database: DatabaseSettings, mqtt: MqttSettings, settings: NotifySettings, metrics: NotifyMetrics
    ) -> None:
        """Only stores its arguments."""
        pool_max = settings.parallel + 4
        self._database = Database(database.model_copy(update={"pool_max": pool_max}), application="notify")
        self._settings = settings
        self._metrics = metrics
        self._hearing = Hearing()
        # A name of its own: a second notifier must not take this one's connection.
        self._link = Link(
            mqtt, f"notify-{secrets.token_hex(4)}", filters=FILTERS, on_arrival=self._arrived, on_up=self._connected
        )
        # More than are sent at once: an attempt that was given up on may still sit in its thread for a while.
        self._prover = Prover(self._database, self._link, metrics)
        self._threads = ThreadPoolExecutor(3 * settings.parallel, thread_name_prefix="notify.send")
        self._sending = 0
        self._since = monotonic()  # from when on all has been heard that there was to hear
        self._away = False

    async def run(self, stop: asyncio.Event) -> None:
        """Notify until `stop` is set; what is being sent is sent to its end."""
        await asyncio.to_thread(sending.prepare)
        async with self._database, asyncio.TaskGroup() as tasks:
            loops = [
                tasks.create_task(self._loop(work, every), name=f"notify.{name}")
                for name, work, every in (
                    ("turn", self._turn, self._settings.look_s), ("beat", self._beat, BEAT_S),
                    ("figures", self._figures, FIGURES_S), ("proof", self._prover.turn, self._settings.look_s),
                )
            ]  # fmt: skip
            link = tasks.create_task(self._link.run(), name="notify.link")
            post = tasks.create_task(self._post(stop), name="notify.post")
            await stop.wait()
            for loop in loops:
                loop.cancel()
            await self._link.close()
            await asyncio.wait({link}, timeout=2)
            link.cancel()
            await asyncio.wait({post}, timeout=self._settings.timeout_s)
            post.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    # What is heard

    def _arrived(self, arrival: Arrival) -> None:
        self._hearing.arrived(arrival.topic, arrival.payload)

    async def _connected(self, _: Link) -> None:
        self._hearing.forget()

    async def _beat(self) -> None:
        up = self._link.up.is_set()
        if not up:
            self._hearing.forget()
        self._metrics.broker_up.set(up)
        await escalations.heard(self._database, self._hearing.beats(), self._settings.lost_s / 4)

    # Turns

    async def _loop(self, work: Callable[[], Awaitable[object]], every: float) -> None:
        """Do this again and again; while it returns True, at once."""
        while True:
            wait = every
            try:
                wait = 0 if await work() is True else every
                self._back()
            except StorageError as error:
                self._gone(error)
                wait = AWAY_S
            except Exception:
                logger.exception("a defect of ours", extra={"action": "defect"})
                wait = AWAY_S
            await asyncio.sleep(wait)

    def _gone(self, error: StorageError) -> None:
        self._metrics.turns.labels("failed").inc()
        self._metrics.database_up.set(0)
        self._prover.away()
        self._since = monotonic()  # heartbeats could not be noted: that nobody was heard says nothing
        if not self._away:
            self._away = True
            logger.error("nobody can be told while the database is away: %s", error, extra={"action": "away"})

    def _back(self) -> None:
        self._metrics.database_up.set(1)
        if self._away:
            self._away = False
            logger.warning("the database is back, people are told again", extra={"action": "back"})

    async def _turn(self) -> bool:
        listened = monotonic() - self._since > self._settings.lost_s + 2 * BEAT_S
        async with escalations.turn(self._database) as turn:
            if turn is None:
                self._metrics.turns.labels("other").inc()
                return False
            more = await Round(turn, self._hearing, self._settings, self._metrics, listened=listened).work()
        self._metrics.turns.labels("mine").inc()
        return more

    # Messages

    async def _post(self, stop: asyncio.Event) -> None:
        """Keep as many senders at work as there are messages due."""
        async with asyncio.TaskGroup() as tasks:
            while not stop.is_set():
                try:
                    wanted = await outbox.due(self._database, self._settings.parallel)
                    for _ in range(min(wanted, self._settings.parallel) - self._sending):
                        self._sending += 1
                        tasks.create_task(self._deliver(stop), name="notify.deliver")
                except StorageError as error:
                    self._gone(error)
                    await asyncio.sleep(AWAY_S)
                except Exception:
                    logger.exception("a defect of ours", extra={"action": "defect"})
                    await asyncio.sleep(AWAY_S)
                await asyncio.sleep(self._settings.look_s)

    async def _deliver(self, stop: asyncio.Event) -> None:
        """Send until nothing is due."""
        try:
            while not stop.is_set() and await self._one():
                pass
        except StorageError as error:
            self._gone(error)
        except Exception:
            logger.exception("a defect of ours", extra={"action": "defect"})
            await asyncio.sleep(AWAY_S)
        finally:
            self._sending -= 1

    async def _one(self) -> bool:
        s = self._settings
        async with outbox.parcel(
            self._database, longest_s=s.timeout_s + OVER_S, alone=s.alone, rate=s.rate, rate_s=s.rate_s
        ) as parcel:
            if parcel is None:
                return False
            await self._send(parcel)
        return True

    async def _send(self, parcel: Parcel) -> None:
        channel = _channel(parcel)
        texts = [wording.Text(one.title, one.body) for one in parcel.messages]
        begun = monotonic()
        error: str | None = None
        hopeless = False
        if channel is None:
            error, hopeless = "the contact or its channel is gone", True
        else:
            text = wording.gathered(texts, parcel.contact.language if parcel.contact else "both")
            try:
                async with asyncio.timeout(self._settings.timeout_s):
                    error = await asyncio.get_running_loop().run_in_executor(self._threads, sending.send, channel, text)
            except TimeoutError:
                error = f"no answer within {self._settings.timeout_s:g} s"
            except sending.Unsendable as problem:
                error, hopeless = str(problem), True
        took = monotonic() - begun
        self._metrics.send_seconds.observe(took)
        if error is None:
            await parcel.sent(took)
            self._metrics.sent.labels("sent").inc(len(texts))
            return
        self._metrics.sent.labels("failed").inc(len(texts))
        dead = await parcel.failed(took, error, self._wait(parcel), self._settings.attempts, hopeless=hopeless)
        self._metrics.sent.labels("dead").inc(dead)
        logger.log(
            logging.ERROR if dead else logging.WARNING,
            "%s by %s at %s was not told: %s%s", "a contact", parcel.channel, parcel.site, error,
            ", given up" if dead else "", extra={"action": "dead" if dead else "failed"},
        )  # fmt: skip

    def _wait(self, parcel: Parcel) -> float:
        """How long until the next attempt, in seconds; with jitter, so that not all come back at once."""
        s = self._settings
        ceiling = s.life_safety_ceiling_s if parcel.life_safety else s.ceiling_s
        step = min(ceiling, s.first_s * 2.0 ** min(parcel.messages[0].attempts, 30))
        return step * (0.5 + 0.5 * random.random())  # noqa: S311 - jitter is no secret

    async def _figures(self) -> None:
        self._metrics.behind.set(await escalations.waiting(self._database))
        level = await outbox.level(self._database)
        self._metrics.waiting.set(level.waiting)
        self._metrics.dead.set(level.dead)
        self._metrics.oldest.set(level.oldest_s)


def _channel(parcel: Parcel) -> Channel | None:
    if parcel.contact is None:
        return None
    return next((one for one in parcel.contact.channels if one.name == parcel.channel), None)
