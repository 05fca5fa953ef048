"""A simulated site on real brokers: nothing is lost, nothing is sent without need."""

import asyncio
import json
import os
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from simulators import journal, service
from simulators import scenario as scenarios
from simulators import site as sites
from simulators.service import Summary
from simulators.settings import Settings, SimulatorSettings
from telemetry.broker import Arrival, Link, connected
from telemetry.settings import MqttSettings
from telemetry.wire import frames, payloads, topics
from telemetry.wire.payloads import BootEnd, BootReceipt, Presence, Receipt
from telemetry.wire.topics import Lane, Leaf
from tests.fix_broker import Rumqttd
from tests.fix_proxy import Proxy
from tests.helpers.waiting import until

SITE = """
[site]
id = "{site}"

[models.small]
jib_m = 60.0
charts = [{{ falls = 2, points = [[2.5, 4], [30.6, 4], [35, 3.41], [60, 1.70]] }}]
simulation.mast = {{ stiffness_nm2 = 4.6e9, free_m = 15.0, counter_knm = 450.0 }}

[[cranes]]
id = "crane-1"
model = "small"
falls = 2
position_m = [0.0, 0.0]
hook_max_m = 50.0
mast_m = 55.0

[[bays]]
id = "A"
count = 2
design_force_kn = 13.2
simulation.pour_force_kn = 8.6
"""


class Seen(NamedTuple):
    device: str
    boot: str
    seq: int
    lane: Lane


class ReceiptDesk:
    """
    A small honest ingest: remembers what arrives and answers with cumulative receipts, as soon as it is told to.

    `lose(seen)` says which arrivals it pretends never to have got. It stores nothing, and commits at once.
    """

    def __init__(self, mqtt: MqttSettings, site: str) -> None:
        self.seen: list[Seen] = []
        self.presence: dict[str, list[Presence]] = defaultdict(list)
        self.events: list[payloads.Event] = []
        self.lose: Callable[[Seen], bool] = lambda _: False
        self._site = site
        self._kinds: dict[str, str] = {}
        self._stored: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
        tails = ("up/reading", "late/reading", "up/presence", "up/event")
        filters = [(f"cw/v1/{site}/+/+/{tail}", 1) for tail in tails]
        self.link = Link(mqtt, f"desk-{site}", filters=filters, on_arrival=self._arrived)

    def _arrived(self, arrival: Arrival) -> None:
        topic = topics.parse(arrival.topic)
        if topic.leaf is Leaf.PRESENCE:
            self.presence[topic.device].append(payloads.decode(Presence, arrival.payload))
            return
        if topic.leaf is Leaf.EVENT:
            self.events.append(payloads.decode(payloads.Event, arrival.payload))
            return
        frame = frames.decode(topic.kind, arrival.payload)
        assert frame.boot is not None
        assert frame.seq is not None
        seen = Seen(topic.device, frame.boot, frame.seq, topic.lane)
        if self.lose(seen):
            return
        self.seen.append(seen)
        self._kinds[topic.device] = topic.kind
        self._stored[topic.device][frame.boot].add(frame.seq)

    async def answer(self) -> None:
        """Send every device its receipt."""
        for device, boots in list(self._stored.items()):
            parts = []
            for boot, seqs in reversed(boots.items()):
                runs: list[tuple[int, int]] = []
                for seq in sorted(seqs):
                    if runs and runs[-1][1] == seq - 1:
                        runs[-1] = (runs[-1][0], seq)
                    else:
                        runs.append((seq, seq))
                upto = runs.pop(0)[1] if runs[0][0] == 1 else 0
                parts.append(BootReceipt(boot=boot, upto=upto, ranges=runs[:15]))
            topic = topics.build(self._site, self._kinds[device], device, Lane.DOWN, Leaf.RECEIPT)
            await self.link.publish(topic, payloads.encode(Receipt(boots=parts[:8])), retain=True)

    async def answering(self, every_s: float = 0.2) -> None:
        """Answer again and again, until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            if self.link.up.is_set():
                await self.answer()

    def stored(self) -> set[tuple[str, str, int]]:
        return {(seen.device, seen.boot, seen.seq) for seen in self.seen}


class Bench:
    """Runs a fleet of one crane and two posts against a desk."""

    def __init__(self, mqtt: MqttSettings, folder: Path) -> None:
        self.mqtt = mqtt
        self.site = f"sim-{os.getpid()}-{folder.name.lower().replace('_', '-')[:24]}-{mqtt.port % 1000}"
        self.journal = folder / "journal.db"
        self._site_file = folder / "site.toml"
        self._site_file.write_text(SITE.format(site=self.site), encoding="utf-8")
        self._scenario = folder / "try.toml"
        self.desk = ReceiptDesk(mqtt, self.site)
        self.stop = asyncio.Event()
        self.script("")

    def script(self, events: str) -> None:
        self._scenario.write_text(f'title = {{ zh = "试", en = "try" }}\n{events}', encoding="utf-8")

    def settings(self, mqtt: MqttSettings | None = None, **changes: object) -> Settings:
        values = {"journal": self.journal, "scenario": str(self._scenario), "site": self._site_file, "seed": 7}
        return Settings(mqtt=mqtt or self.mqtt, simulators=SimulatorSettings.model_validate(values | changes))

    async def run(
        self,
        meanwhile: Callable[[], Awaitable[None]] | None = None,
        *,
        after: Callable[[], Awaitable[None]] | None = None,
        mqtt: MqttSettings | None = None,
        answer: bool = True,
        **changes: object,
    ) -> Summary:
        async with connected(self.desk.link), asyncio.TaskGroup() as tasks:
            answering = tasks.create_task(self.desk.answering()) if answer else None
            running = tasks.create_task(service.run(self.settings(mqtt, **changes), self.stop))
            if meanwhile is not None:
                await meanwhile()
            summary = await running
            if after is not None:
                await after()
            if answering is not None:
                answering.cancel()
        return summary

    def produced(self) -> set[tuple[str, str, int]]:
        return {(row.device, row.boot, row.seq) for row in journal.produced(self.journal)}


@pytest.fixture
def bench(broker: MqttSettings, tmp_path: Path) -> Bench:
    return Bench(broker, tmp_path)


def test_every_frame_arrives_once_in_order_and_is_forgotten_on_receipt(bench: Bench) -> None:
    summary = asyncio.run(bench.run(for_s=20, speed=5, drain_s=15))
    assert summary.frames_produced == 20 * 5 + 2 * 20
    assert summary.frames_unreceipted == 0
    assert summary.frames_receipted == summary.frames_produced
    assert bench.desk.stored() == bench.produced()
    live = [(seen.boot, seen.seq) for seen in bench.desk.seen if seen.device == "crane-1" and seen.lane is Lane.UP]
    assert live == sorted(live, key=lambda key: key[1])
    # What was measured before the link was up goes out late; nothing else does.
    assert summary.frames_late == summary.frames_held
    assert all(row.receipted for row in journal.produced(bench.journal))
    moments = journal.published(bench.journal, lane="up")
    assert len(moments) == summary.frames_live
    times = [moments[key] for key in sorted(moments, key=lambda key: key[2]) if key[0] == "crane-1"]
    assert times == sorted(times)


def test_the_birth_declares_the_interval_and_the_will_says_offline(bench: Bench) -> None:
    async def offline() -> None:
        await until(lambda: all(said[-1].online is False for said in bench.desk.presence.values()))

    asyncio.run(bench.run(for_s=2, drain_s=5, after=offline))
    birth = next(p for p in bench.desk.presence["crane-1"] if p.online)
    (row, *_) = (row for row in journal.produced(bench.journal) if row.device == "crane-1")
    assert (birth.interval_ms, birth.boot) == (200, row.boot)
    assert birth.params
    assert next(p for p in bench.desk.presence["post-01"] if p.online).interval_ms == 1000


def test_holes_are_sent_again_once_and_only_they(bench: Bench) -> None:
    def lose(seen: Seen) -> bool:
        return seen.device == "crane-1" and seen.lane is Lane.UP and 20 <= seen.seq < 30

    bench.desk.lose = lose
    summary = asyncio.run(bench.run(for_s=12, speed=2, drain_s=15))
    assert summary.frames_unreceipted == 0
    assert bench.desk.stored() == bench.produced()
    late = Counter((seen.device, seen.seq) for seen in bench.desk.seen if seen.lane is Lane.LATE)
    first = {key for key in late if key[1] < 10}  # measured before the link was up
    assert {key for key in late if key not in first} == {("crane-1", seq) for seq in range(20, 30)}
    assert set(late.values()) == {1}


def test_without_receipts_nothing_is_sent_twice(bench: Bench) -> None:
    summary = asyncio.run(bench.run(for_s=15, speed=5, answer=False))
    assert summary.frames_receipted == 0
    assert max(Counter((s.device, s.boot, s.seq) for s in bench.desk.seen).values()) == 1


def test_a_lost_link_is_made_good_afterwards(bench: Bench) -> None:
    bench.script('[[event]]\ntype = "link_loss"\nat = 4\nfor_s = 5\ndevices = ["crane-1"]\n')
    summary = asyncio.run(bench.run(for_s=14, speed=3, drain_s=20))
    assert summary.frames_unreceipted == 0
    assert bench.desk.stored() == bench.produced()
    late = {seen.seq for seen in bench.desk.seen if seen.device == "crane-1" and seen.lane is Lane.LATE}
    assert {22, 30, 44} <= late, "measured while the link was down"
    online = [p.online for p in bench.desk.presence["crane-1"]]
    assert online[:3] in ([True, False, True], [False, True, False])
    assert summary.connections == 4


def test_the_late_lane_is_no_faster_than_four_times_the_live_rate(
    embedded_broker: MqttSettings, tmp_path: Path
) -> None:
    bench = Bench(embedded_broker, tmp_path)
    bench.script('[[event]]\ntype = "link_loss"\nat = 2\nfor_s = 6\ndevices = ["post-01"]\n')
    arrivals: list[float] = []

    def note(seen: Seen) -> bool:
        if seen.device == "post-01" and seen.lane is Lane.LATE and seen.seq > 2:
            arrivals.append(asyncio.get_running_loop().time())
        return False

    bench.desk.lose = note
    asyncio.run(bench.run(for_s=12, drain_s=20))
    gaps = [b - a for a, b in pairwise(arrivals)]
    assert len(gaps) >= 4
    # 1 Hz live, so four a second: a quarter of a second between two, less what the broker bunches.
    assert sum(gaps) / len(gaps) > 0.2


def test_a_new_boot_after_a_crash_is_a_new_birth(embedded_broker: MqttSettings, tmp_path: Path) -> None:
    bench = Bench(embedded_broker, tmp_path)
    bench.script('[[event]]\ntype = "dead"\nat = 3\nfor_s = 3\ndevices = ["post-02"]\n')
    summary = asyncio.run(bench.run(for_s=10, speed=2, drain_s=15))
    boots = list(dict.fromkeys(seen.boot for seen in bench.desk.seen if seen.device == "post-02"))
    assert len(boots) == 2
    births = [p.boot for p in bench.desk.presence["post-02"] if p.online]
    assert list(dict.fromkeys(births)) == boots
    last = max(row.seq for row in journal.produced(bench.journal) if row.boot == boots[0])
    ends = [p.ended for p in bench.desk.presence["post-02"] if p.boot == boots[1]]
    assert ends
    assert all(end == [BootEnd(boot=boots[0], seq=last)] for end in ends)
    assert summary.frames_produced == 50 + 10 + 10 - 3
    assert bench.desk.stored() == bench.produced()


def test_cuts_of_the_network_lose_nothing(bench: Bench, proxy_to: Callable[[int], Proxy]) -> None:
    proxy = proxy_to(bench.mqtt.port_v3)
    through = bench.mqtt.model_copy(update={"port_v3": proxy.port})

    async def cut() -> None:
        for _ in range(3):
            await asyncio.sleep(1.0)
            proxy.cut()
        await asyncio.sleep(1)
        proxy.stop()
        await asyncio.sleep(1.5)
        proxy.start()

    summary = asyncio.run(bench.run(cut, mqtt=through, for_s=60, speed=8, drain_s=20))
    assert summary.frames_unreceipted == 0
    assert summary.connections > 3
    assert bench.desk.stored() == bench.produced()


def test_after_stop_nothing_more_is_published(bench: Bench) -> None:
    async def halt() -> None:
        await until(lambda: len(bench.desk.seen) > 20)
        bench.stop.set()

    async def listen_on() -> None:
        ended.append(len(bench.desk.seen))
        await asyncio.sleep(0.6)

    ended: list[int] = []
    summary = asyncio.run(bench.run(halt, after=listen_on, answer=False))
    assert summary.frames_unreceipted == summary.frames_produced
    # One frame a device may have been under way to the broker when it stopped.
    assert len(bench.desk.seen) <= min(ended[0] + 3, summary.frames_produced)


def test_what_one_run_left_is_sent_late_by_the_next_under_its_old_boot(bench: Bench) -> None:
    first = asyncio.run(bench.run(for_s=4, answer=False))
    assert first.frames_unreceipted == first.frames_produced
    bench.desk, bench.stop = ReceiptDesk(bench.mqtt, bench.site), asyncio.Event()
    second = asyncio.run(bench.run(for_s=6, drain_s=20))
    assert (first.run, second.run) == (0, 1)
    assert second.frames_unreceipted == 0
    assert bench.desk.stored() == bench.produced()
    boots: dict[int, set[str]] = {run: {row.boot for row in journal.produced(bench.journal, run=run)} for run in (0, 1)}
    assert not boots[0] & boots[1]
    assert {seen.lane for seen in bench.desk.seen if seen.boot in boots[0]} == {Lane.LATE}


def test_a_broker_that_comes_back_empty_loses_nothing(tmp_path: Path) -> None:
    server = Rumqttd()
    server.start()
    bench = Bench(server.settings(), tmp_path)

    async def crash() -> None:
        await until(lambda: len(bench.desk.seen) > 60)
        server.kill()
        await asyncio.sleep(1)
        await asyncio.to_thread(server.start)

    try:
        # Without the desk's answers meanwhile: its own link is lost too, and its publishes with it.
        async def play() -> Summary:
            async with connected(bench.desk.link), asyncio.TaskGroup() as tasks:
                running = tasks.create_task(service.run(bench.settings(for_s=20, speed=2, drain_s=20), bench.stop))
                await crash()
                answering = tasks.create_task(bench.desk.answering())
                summary = await running
                answering.cancel()
            return summary

        summary = asyncio.run(play())
    finally:
        server.stop()
    assert summary.frames_unreceipted == 0
    assert bench.desk.stored() == bench.produced()


def test_cycles_and_identities_are_told(bench: Bench) -> None:
    bench.script(
        '[[event]]\ntype = "stand"\nat = 0\ndevices = ["crane-1"]\nradius_m = 30\nhook_m = 2\n'
        '[[event]]\ntype = "lift"\nat = 0\ndevices = ["crane-1"]\npercent = 50\nradius_m = 30\nslew_deg = 0\n'
        'position_s = 2\n[[event]]\ntype = "operator"\nat = 1\ndevices = ["crane-1"]\noperator = "op-9"\n'
    )
    summary = asyncio.run(bench.run(for_s=120, speed=20, drain_s=20))
    assert [event.type for event in bench.desk.events] == ["identity", "cycle"]
    assert summary.events_published == 2
    cycle = bench.desk.events[1]
    assert cycle.data["max_load_t"] > 1.9
    assert cycle.data["operator"] == "op-9"
    assert cycle.boot in {row.boot for row in journal.produced(bench.journal)}


def test_the_command_ends_on_sigterm_with_a_summary(broker: MqttSettings, tmp_path: Path) -> None:
    async def play() -> tuple[int | None, bytes]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "simulators", "--scenario", "normal-shift", "--seed", "3", "--json",
            "--journal", str(tmp_path / "j.db"),
            env={**os.environ, "CRANEWATCH_MQTT__HOST": broker.host, "CRANEWATCH_MQTT__PORT_V3": str(broker.port_v3),
                 "CRANEWATCH_MQTT__PREFIX": broker.prefix},
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip

        def published() -> int:
            with suppress(Exception):
                return len(journal.published(tmp_path / "j.db"))
            return 0

        await until(lambda: published() > 40)
        process.send_signal(signal.SIGTERM)
        out, _ = await asyncio.wait_for(process.communicate(), 20)
        return process.returncode, out

    status, out = asyncio.run(play())
    assert status == 0
    summary = json.loads(out)
    assert (summary["scenario"], summary["seed"], summary["devices"]) == ("normal-shift", 3, 15)
    assert summary["frames_published"] > 40
    assert summary["frames_produced"] == len(list(journal.produced(tmp_path / "j.db")))


def test_the_builtin_demo_needs_no_setting_but_a_journal() -> None:
    scenario = scenarios.load(scenarios.builtin(SimulatorSettings(journal=Path("x")).scenario))
    scenarios.check(scenario, sites.load(sites.builtin(scenario.site)))
