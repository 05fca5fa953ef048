"""
Guided walks through the demo, about three minutes each: for the operator, the supervisor, the engineer.

Everything that a tour tells of happens: it lets the simulated site do it, waits for the real alarm to come back from
the broker, and says what it saw. One key leads on; without a keyboard it leads on by itself.
"""

import asyncio
import json
import os
import secrets
import signal
import sys
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from runtime.demo import Demo
from runtime.stack import say
from simulators.scenario import AnyEvent, ClockStepEvent, DeadEvent, GustFront, LiftEvent, SinkEvent
from telemetry.broker import Link, connected
from telemetry.clock import now_ms
from telemetry.model import Action, Severity, Signal
from telemetry.wire import payloads

PAUSE_S: Final = 4.0
Step = Callable[["Guide"], Awaitable[None]]


@dataclass
class Guide:
    """What a step may use: the demo, the fleet, what comes back, and the visitor's key."""

    demo: Demo
    stop: asyncio.Event
    step: int = 0

    def tell(self, zh: str, en: str) -> None:
        """Two lines for the visitor."""
        say(f"\n  {zh}\n  {en}")

    def saw(self, text: str) -> None:
        """What really came back."""
        say(f"    → {text}")

    def happen(self, event: AnyEvent) -> None:
        """Let the site do something now."""
        if self.demo.fleet is not None:
            self.demo.fleet.happen(event)

    async def key(self) -> None:
        """Wait for Enter; without a terminal, a moment."""
        if not sys.stdin.isatty():
            await self._or_stop(asyncio.sleep(PAUSE_S))
            return
        say("    [Enter] …")
        loop = asyncio.get_running_loop()
        pressed = asyncio.Event()

        def read() -> None:
            sys.stdin.readline()
            pressed.set()

        loop.add_reader(sys.stdin.fileno(), read)
        try:
            await self._or_stop(pressed.wait())
        finally:
            loop.remove_reader(sys.stdin.fileno())

    async def _or_stop(self, wait: Awaitable[object]) -> None:
        one = asyncio.ensure_future(wait)  # noqa: TID251 - awaited or cancelled below
        two = asyncio.ensure_future(self.stop.wait())  # noqa: TID251 - cancelled below
        await asyncio.wait({one, two}, return_when=asyncio.FIRST_COMPLETED)
        for task in (one, two):
            task.cancel()
        if self.stop.is_set():
            raise asyncio.CancelledError

    def mark(self) -> set[str]:
        """What has arrived so far: taken before something is let happen, so that its answer is never missed."""
        return set(self.demo.probe.transitions)

    async def expect(
        self,
        seen: set[str],
        device: str,
        rules: set[str],
        signals: set[Signal],
        *,
        within_s: float = 90.0,
        least: Severity = Severity.NONE,
    ) -> payloads.Transition | None:
        """The first transition of that kind that arrived since the mark; None when none comes, said so."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within_s
        while loop.time() < deadline and not self.stop.is_set():
            for id_, found in list(self.demo.probe.transitions.items()):
                fits = found.device == device and found.rule in rules and found.signal in signals
                if id_ not in seen and fits and found.severity >= least:
                    words = found.text or payloads.Words(zh=found.rule, en=found.rule)
                    self.saw(f"{found.signal}: {words.zh}  {words.en}")
                    return found
            await asyncio.sleep(0.05)
        self.saw(f"没有等到 nothing came within {within_s:.0f} s")
        return None

    async def respond(self, device: str, response: payloads.Response) -> None:
        """A person answers, through the broker."""
        link = Link(self.demo.stack.mqtt, f"tour-{secrets.token_hex(4)}")
        async with connected(link):
            await link.publish(f"cw/v1/demo/crane/{device}/up/response", payloads.encode(response))

    async def publish(self, topic: str, payload: bytes) -> None:
        """A message by hand, over MQTT 3.1.1, as mosquitto_pub would send it."""
        link = Link(self.demo.stack.mqtt, f"tour-{secrets.token_hex(4)}", protocol="3.1.1")
        async with connected(link):
            await link.publish(topic, payload)

    async def get(self, path: str) -> Any:
        """An answer of the API."""
        url = f"http://127.0.0.1:{self.demo.ports.http}{path}"

        def fetch() -> Any:
            request = urllib.request.Request(url, headers={"X-API-Key": self.demo.key})
            with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - our own address
                return json.load(answer)

        return await asyncio.to_thread(fetch)


def lift(percent: float, radius_m: float = 30, out_to_m: float | None = None, hold_s: float = 6) -> LiftEvent:
    """A short lift of crane 1, without slewing."""
    return LiftEvent(
        at=0, devices=["crane-1"], percent=percent, radius_m=radius_m, out_to_m=out_to_m, slew_deg=30, to_slew_deg=30,
        attach_s=1, position_s=2, hold_s=hold_s, dynamic=0.05,
    )  # fmt: skip


RAISED: Final = {Signal.RAISE, Signal.ESCALATE}
OVERLOAD: Final = {"moment", "load"}

# The operator


async def _terminal(guide: Guide) -> None:
    url = f"http://127.0.0.1:{guide.demo.ports.http}/terminal/demo/crane-1"
    guide.tell(
        f"打开驾驶室终端 {url}，点 开班", "Open the cab terminal there and tap START SHIFT: you hear its three sounds."
    )


async def _legal_lift(guide: Guide) -> None:
    seen = guide.mark()
    guide.tell("合规重载 94 %：每次起吊只响两声短音。", "A legal lift at 94 %: a pulse once per lift, then peace.")
    guide.happen(lift(94))
    await guide.expect(seen, "crane-1", OVERLOAD, RAISED)
    await guide.expect(seen, "crane-1", OVERLOAD, {Signal.CLEAR})


async def _overload(guide: Guide) -> None:
    seen = guide.mark()
    guide.tell(
        "超载 103 %：连续报警，放下即停，无需按键。",
        "103 %: it sounds for as long as it holds, and stops when lowered.",
    )
    guide.happen(lift(103, hold_s=10))
    await guide.expect(seen, "crane-1", OVERLOAD, RAISED, least=Severity.ALARM)
    await guide.expect(seen, "crane-1", OVERLOAD, {Signal.CLEAR})


async def _out_to(guide: Guide) -> None:
    guide.tell("外变幅：看“可外变幅至”随之变化。", "Trolley out: watch OUT TO, how far you may go with this load.")
    guide.happen(lift(88, out_to_m=36))
    await asyncio.sleep(25)


async def _gust(guide: Guide) -> None:
    seen = guide.mark()
    guide.tell(
        "阵风锋面：12 m/s（JGJ 33-2012）以上停止吊装。", "A gust front: above 12 m/s (JGJ 33-2012) lifting stops."
    )
    guide.happen(GustFront(at=0, rise_mps=9, ramp_s=8, hold_s=20, fall_s=15))
    await guide.expect(seen, "crane-1", {"wind"}, RAISED, within_s=60)


async def _not_monitored(guide: Guide) -> None:
    guide.tell(
        "分析服务停 6 秒：3 秒内终端显示 监测中断，限位器仍有效。",
        "The analyzer stands still for 6 s: within 3 s the terminal reads NOT MONITORED, limiter still works.",
    )
    analyzer = guide.demo.stack.services.children["analyzer"]
    analyzer.tell(signal.SIGSTOP)
    await asyncio.sleep(6)
    analyzer.tell(signal.SIGCONT)
    guide.saw("analyzer 恢复 goes on")


async def _without_database(guide: Guide) -> None:
    seen = guide.mark()
    guide.tell("停掉数据库和 API：报警照常。", "Database and API are stopped: the alarm comes all the same.")
    stack = guide.demo.stack
    await asyncio.to_thread(stack.services.children["api"].end)
    if stack.cluster is not None:
        await asyncio.to_thread(stack.cluster.stop)
    guide.happen(lift(104, hold_s=8))
    await guide.expect(seen, "crane-1", OVERLOAD, RAISED, least=Severity.ALARM)
    if stack.cluster is not None:
        await asyncio.to_thread(stack.cluster.start)
    stack.services.children["api"].start()
    guide.saw("数据库和 API 已恢复，积压入库 both are back, the backlog is being stored")


async def _desk_and_cab(guide: Guide) -> None:
    seen = guide.mark()
    guide.tell(
        "值班室确认报警：驾驶室的声音不受影响。",
        "The desk acknowledges: nothing changes in the cab. Two listeners, two states.",
    )
    guide.happen(lift(103, hold_s=15))
    found = await guide.expect(seen, "crane-1", OVERLOAD, RAISED, least=Severity.ALARM)
    if found is not None:
        await guide.respond(
            "crane-1",
            payloads.Response(
                id=f"tour-{secrets.token_hex(6)}", action=Action.ACKNOWLEDGE, at=now_ms(), who="desk",
                rule=found.rule, transition=found.id, cause="called",
            ),
        )  # fmt: skip
        await guide.expect(seen, "crane-1", {found.rule}, {Signal.ACKNOWLEDGE}, within_s=10)


# The supervisor


async def _console(guide: Guide) -> None:
    url = f"http://127.0.0.1:{guide.demo.ports.http}/site/demo"
    guide.tell(f"打开控制台 {url}", "Open the console: cranes by what they do now, and how well each is watched.")


async def _console_alarm(guide: Guide) -> None:
    seen = guide.mark()
    guide.tell(
        "3 号塔机同班作业；1 号塔机超载。请在控制台上确认该报警。",
        "Crane 1 lifts too much. Acknowledge the alarm on the console: called, stopped, or sensor?",
    )
    guide.happen(lift(104, hold_s=12))
    found = await guide.expect(seen, "crane-1", OVERLOAD, RAISED, least=Severity.ALARM)
    if found is not None and sys.stdin.isatty():
        await guide.expect(seen, "crane-1", {found.rule}, {Signal.ACKNOWLEDGE}, within_s=60)


async def _bay(guide: Guide) -> None:
    seen = guide.mark()
    guide.tell("高支模 6 号立杆沉降加速，超过 8 mm。", "Formwork: post 6 settles, faster and faster, beyond 8 mm.")
    guide.happen(SinkEvent(at=0, devices=["post-06"], depth_mm=10.5, over_s=25, shed=0.35))
    await guide.expect(seen, "post-06", {"settlement"}, RAISED, within_s=60)


async def _silent(guide: Guide) -> None:
    seen = guide.mark()
    guide.tell("2 号塔机黑匣子失联：沉默本身就是报警。", "Crane 2's box goes dead: silence is an alarm.")
    guide.happen(DeadEvent(at=0, devices=["crane-2"], for_s=25))
    await guide.expect(seen, "crane-2", {"silent", "silence", "device_silent"}, RAISED, within_s=40)


async def _record(guide: Guide) -> None:
    rows = await guide.get("/api/v1/transitions?limit=5")
    guide.tell(
        "每一次状态变更都有记录，值班室看到的就是入库的。",
        "Every change is on record; what the desk sees is what is stored:",
    )
    for row in rows.get("items", rows)[:5] if isinstance(rows, dict) else rows[:5]:
        guide.saw(json.dumps({k: row.get(k) for k in ("device", "rule", "signal", "state")}, ensure_ascii=False))


# The engineer


async def _by_hand(guide: Guide) -> None:
    seen = guide.mark()
    port = guide.demo.ports.mqtt
    body = json.dumps({"ts": now_ms(), "load_t": 4.5, "radius_m": 30, "rated_load_t": 3.6, "wind_mps": 6.1})
    guide.tell(
        "一条手工报文，新设备自动注册并报警：", "One message by hand: a device that nobody knew registers and alarms."
    )
    say(f"    mosquitto_pub -p {port} -q 1 -t cw/v1/demo/crane/test-1/up/reading -m '{body}'")
    await guide.publish("cw/v1/demo/crane/test-1/up/reading", body.encode())
    await guide.expect(seen, "test-1", OVERLOAD, RAISED, within_s=10)
    guide.saw(f"http://127.0.0.1:{guide.demo.ports.http}/crane/demo/test-1")


async def _broken(guide: Guide) -> None:
    guide.tell("一条坏报文：进入待核区，写明原因。", "A broken one goes to quarantine, with its reason:")
    await guide.publish("cw/v1/demo/crane/test-1/up/reading", b'{"ts":1,"load_t":"heavy"}')
    for _ in range(40):
        rows = await guide.get("/api/v1/quarantine?limit=1")
        items = rows.get("items", []) if isinstance(rows, dict) else rows
        if items:
            guide.saw(f"{items[0]['reason']}: {items[0]['detail']}")
            return
        await asyncio.sleep(0.25)
    guide.saw("没有等到 nothing came")


async def _kill(guide: Guide) -> None:
    guide.tell(
        "kill -9 ingest 与 analyzer：结尾的对账应为 0 丢失。",
        "kill -9 of ingest and analyzer: the summary must say 0 missing.",
    )
    for name in ("ingest", "analyzer"):
        process = guide.demo.stack.services.children[name].process
        if process is not None:
            os.kill(process.pid, signal.SIGKILL)
            guide.saw(f"{name} {process.pid} killed")
    await asyncio.sleep(6)


async def _clock(guide: Guide) -> None:
    seen = guide.mark()
    guide.tell(
        "黑匣子时钟倒退 5 分钟，同时超载：照样报警。",
        "The box's clock goes back five minutes during an overload: it sounds.",
    )
    guide.happen(lift(104, hold_s=14))
    await asyncio.sleep(4)
    guide.happen(ClockStepEvent(at=0, devices=["crane-1"], step_s=-300, for_s=30))
    await guide.expect(seen, "crane-1", OVERLOAD, RAISED, least=Severity.ALARM)
    await guide.expect(seen, "crane-1", {"clock"}, RAISED, within_s=15)


TOURS: Final[dict[str, list[Step]]] = {
    "operator": [
        _terminal, _legal_lift, _overload, _not_monitored, _without_database, _desk_and_cab, _out_to, _gust,
    ],
    "supervisor": [_console, _console_alarm, _bay, _gust, _silent, _record],
    "engineer": [_by_hand, _broken, _kill, _clock, _record],
}  # fmt: skip


def guide(name: str) -> Callable[[Demo, asyncio.Event], Awaitable[None]]:
    """The walk of that name, to run beside a demo."""

    async def walk(demo: Demo, stop: asyncio.Event) -> None:
        found = Guide(demo, stop)
        steps = TOURS[name]
        await asyncio.sleep(2)
        for number, step in enumerate(steps, 1):
            if stop.is_set():
                return
            say(f"\n  ── {number}/{len(steps)} " + "─" * 60)
            await step(found)
            await found.key()
        found.tell("导览结束，开始对账。", "That was it. Now the devices' journals are held against the database.")

    return walk
