"""
The text terminal's shell: the link to the broker, the keys, the bell, receipts and the heartbeat.

Rule: its heartbeat says what is true of a screen of text: visible only on a terminal, `audio` running only where a bell
can ring, and no wake lock. What nobody can see is not receipted as rendered.
"""

import asyncio
import contextlib
import logging
import os
import secrets
import sys
from collections.abc import Callable, Iterator
from typing import Final

from rich.console import Console
from rich.live import Live

from runtime.terminal import proof
from runtime.terminal.screen import Screen
from telemetry import clock
from telemetry.broker import Arrival, Link, connected
from telemetry.errors import BrokerUnavailable, WireError
from telemetry.settings import MqttSettings
from telemetry.wire import payloads, topics

STEP_S: Final = 0.25
TEST_KEYS: Final = frozenset("tT")
SILENCE_KEYS: Final = frozenset(" s\r\n")
QUIT_KEYS: Final = frozenset("q\x03")


async def run(mqtt: MqttSettings, site: str, device: str, stop: asyncio.Event, *, once: bool = False) -> None:
    """Show until `stop`. Raises ValueError for ids outside [a-z0-9-]{1,64}."""
    for name in (site, device):
        if not topics.ID.match(name):
            raise ValueError(f"{name!r} is not of [a-z0-9-]{{1,64}}")
    screen = Screen(site, device)
    now: Callable[[], float] = asyncio.get_running_loop().time

    def note(arrival: Arrival) -> None:
        with contextlib.suppress(WireError):
            screen.take(arrival.topic, arrival.payload, now())

    base = f"{topics.ROOT}/{site}/+/{device}"
    filters = [(f"{base}/{tail}", 1) for tail in ("up/reading", "down/alarm/+", "down/coverage", "down/config")]
    name = f"terminal-{site}-{device}-{secrets.token_hex(6)}"
    link = Link(
        mqtt, name, filters=[*filters, (topics.heartbeat(site), 0)], on_arrival=note, protocol="3.1.1",
    )  # fmt: skip
    console = Console()
    if once:
        try:
            async with asyncio.timeout(8), connected(link):
                await asyncio.sleep(2)
                console.print(screen.render(now(), link.up.is_set()))
        except TimeoutError as error:
            raise BrokerUnavailable(f"no broker answers at {mqtt.host}:{mqtt.port_v3}") from error
        return
    text = _Text(screen, link, console, name, now)
    with _refusals(screen):
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(link.run(), name="terminal.link")
            with _keys(lambda key: text.key(key, stop)), \
                    Live(console=console, auto_refresh=False, screen=console.is_terminal) as live:  # fmt: skip
                while not stop.is_set():
                    await text.step(live)
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(STEP_S):
                            await stop.wait()
            await link.close()
            await asyncio.wait({running}, timeout=2)
            running.cancel()


class _Text:
    """One screen on one console."""

    def __init__(self, screen: Screen, link: Link, console: Console, name: str, now: Callable[[], float]) -> None:
        self._screen, self._link, self._console, self._name, self._now = screen, link, console, name[:64], now
        self._beat_at = float("-inf")
        self._answers: list[payloads.Response] = []

    def key(self, key: str, stop: asyncio.Event) -> None:
        if key in QUIT_KEYS:
            stop.set()
        elif key in SILENCE_KEYS:
            self._answers += self._screen.silence(self._now(), clock.now_ms())
        elif key in TEST_KEYS:
            answer = proof.key(self._screen, self._now(), self._link.up.is_set(), clock.now_ms())
            self._answers += [answer] if answer is not None else []

    async def step(self, live: Live) -> None:
        """Draw, ring, and say what was drawn."""
        now, linked = self._now(), self._link.up.is_set()
        if linked:
            self._screen.refused = None
        live.update(self._screen.render(now, linked), refresh=True)
        # A terminal's bell is all the sound there is: \a, which the box's console must not have turned off.
        if self._console.is_terminal and self._screen.bell(now, linked):
            self._console.bell()
        if not linked or not self._screen.known:
            return
        said, self._screen.to_show = self._screen.to_show, []
        answers, self._answers = self._answers, []
        with contextlib.suppress(BrokerUnavailable):
            for answer in answers:
                await self._publish("response", answer)
            await self._receipts(said)
            if now - self._beat_at >= 1:
                self._beat_at = now
                await self._publish("shown", self._beat(), qos=0)

    async def _receipts(self, said: list[str]) -> None:
        if not self._console.is_terminal:
            return
        test = proof.shown(self._screen)
        named = {alarm.transition for alarm in [*self._screen.shown(), *([test] if test is not None else [])]}
        for transition in said:
            if transition in named:
                at = clock.now_ms()
                shown = payloads.Shown(terminal=self._name, at=at, transition=transition, visible=True, build="text")
                await self._publish("shown", shown)

    def _beat(self) -> payloads.Shown:
        seen = self._console.is_terminal
        return payloads.Shown(
            terminal=self._name, at=clock.now_ms(), visible=seen, audio="running" if seen else "none",
            volume=1.0 if seen else 0.0, wake_lock=False, build="text",
        )  # fmt: skip

    async def _publish(self, leaf: str, payload: payloads.Payload, *, qos: int = 1) -> None:
        screen = self._screen
        topic = f"{topics.ROOT}/{screen.site}/{screen.kind}/{screen.device}/up/{leaf}"
        await self._link.publish(topic, payloads.encode(payload), qos=qos)


@contextlib.contextmanager
def _refusals(screen: Screen) -> Iterator[None]:
    """What the link logs of a refusal is said on the screen instead: there is nobody to read a log in a cab."""

    class Note(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            words = record.getMessage().lower()
            if "not auth" in words or "bad user" in words or "code:5" in words or "code:4" in words:
                screen.refused = "服务器拒绝连接 检查口令 broker refused, check user and password"

    handler, door = Note(), logging.getLogger("telemetry.broker")
    before, passes = door.level, door.propagate
    door.addHandler(handler)
    door.setLevel(logging.DEBUG)
    door.propagate = False
    try:
        yield
    finally:
        door.removeHandler(handler)
        door.setLevel(before)
        door.propagate = passes


@contextlib.contextmanager
def _keys(on_key: Callable[[str], None]) -> Iterator[None]:
    """Single keys from a terminal, without Enter; none where there is no terminal."""
    if not sys.stdin.isatty():
        yield
        return
    import termios
    import tty

    number = sys.stdin.fileno()
    before = termios.tcgetattr(number)
    loop = asyncio.get_running_loop()

    def read() -> None:
        for key in os.read(number, 16).decode(errors="ignore"):
            on_key(key)

    tty.setcbreak(number)
    loop.add_reader(number, read)
    try:
        yield
    finally:
        loop.remove_reader(number)
        termios.tcsetattr(number, termios.TCSADRAIN, before)
