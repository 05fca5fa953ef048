"""The analyzer as a process in front of a real broker: alarms, kills, restarts, a full disk."""

import asyncio
import contextlib
import json
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path
from typing import Any

from telemetry import clock, profiles
from telemetry.broker import Arrival, Link, connected, fetch_retained
from telemetry.settings import MqttSettings
from telemetry.wire import frames, payloads, topics
from telemetry.wire.payloads import Alarm, Coverage, DeviceConfig, Heartbeat, SiteProfile, Transition
from tests.fix_broker import Rumqttd
from tests.helpers import services
from tests.helpers.limits import number, published
from tests.helpers.site import CHART, START
from tests.helpers.waiting import until

CRANES, FRAMES = 4, 120
QUICK = {"CRANEWATCH_PARTITION__CLAIM_WAIT_S": "0.1"}


class Desk:
    """Hears everything under `down/` of one site, and its heartbeat."""

    def __init__(self, site: str) -> None:
        self.site = site
        self.transitions: dict[str, bytes] = {}  # the first occurrence of each, in order
        self.repeats = 0
        self.alarms: dict[tuple[str, str], Alarm | None] = {}
        self.coverage: dict[str, Coverage] = {}
        self.evaluated: dict[str, set[int]] = {}
        self.beats: list[Heartbeat] = []

    def hear(self, arrival: Arrival) -> None:
        if arrival.topic == topics.heartbeat(self.site):
            self.beats.append(payloads.decode(Heartbeat, arrival.payload))
            return
        topic = topics.parse(arrival.topic)
        if topic.leaf is topics.Leaf.TRANSITION:
            number = payloads.decode(Transition, arrival.payload).id
            self.repeats += number in self.transitions
            self.transitions.setdefault(number, arrival.payload)
        elif topic.leaf is topics.Leaf.ALARM:
            alarm = payloads.decode(Alarm, arrival.payload) if arrival.payload else None
            self.alarms[topic.device, topic.rule or ""] = alarm
        elif topic.leaf is topics.Leaf.COVERAGE:
            self.coverage[topic.device] = payloads.decode(Coverage, arrival.payload)
        elif topic.leaf is topics.Leaf.EVALUATED:
            seen = self.evaluated.setdefault(topic.device, set())
            for ranges in payloads.decode(payloads.Evaluated, arrival.payload).boots.values():
                for first, last in ranges:
                    seen.update(range(first, last + 1))

    def derived(self) -> list[bytes]:
        """Derived transitions, in the order of their first occurrence."""
        return [raw for raw in self.transitions.values() if not payloads.decode(Transition, raw).observed]


class Site:
    """A desk, a device's link and an analyzer's folder at one broker."""

    def __init__(self, mqtt: MqttSettings, folder: Path, name: str, links: tuple[Link, Link], desk: Desk) -> None:
        self.mqtt, self.folder, self.name, self.desk = mqtt, folder, name, desk
        self.heard, self.device = links
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, **more: str) -> "subprocess.Popen[bytes]":
        env = services.environment(self.mqtt, CRANEWATCH_ANALYZER__FOLDER=str(self.folder), **QUICK, **more)
        process = services.start("analytics", env, log=self.folder.parent / "analyzer.log")
        self.processes.append(process)
        return process

    async def send(self, crane: str, body: dict[str, Any]) -> None:
        await self.device.publish(f"cw/v1/{self.name}/crane/{crane}/up/reading", json.dumps(body).encode())

    async def configure(self, crane: str, config: DeviceConfig) -> None:
        topic = topics.build(self.name, "crane", crane, topics.Lane.DOWN, topics.Leaf.CONFIG)
        await self.device.publish(topic, payloads.encode(config), retain=True)

    def unreported(self) -> dict[str, list[int]]:
        """Frames of a run that the desk has not been told to be evaluated."""
        seen = self.desk.evaluated
        left = {f"c{d}": sorted(set(range(1, FRAMES + 1)) - seen.get(f"c{d}", set())) for d in range(CRANES)}
        return {crane: missing for crane, missing in left.items() if missing}

    def trace(self) -> str:
        """What there is to be seen when something did not come."""
        log = (self.folder.parent / "analyzer.log").read_text(encoding="utf-8", errors="replace")
        beats = self.desk.beats[-1].at if self.desk.beats else None
        return (
            f"not reported {self.unreported()}, links {self.heard.connections} {self.device.connections}, now"
            f" {clock.now_ms()}, last beat {beats}, exits {[p.poll() for p in self.processes]}, log:\n{log[-4000:]}"
        )

    async def watching(self) -> None:
        """Wait until the analyzer beats for this site: it needs to know a device of it."""
        n = len(self.desk.beats)
        await until(lambda: len(self.desk.beats) > n)


async def forget_alarms(broker: MqttSettings, site: str = "+") -> None:
    """Clear the alarms that earlier tests left retained at this broker, of one site or of all."""
    found = await fetch_retained(broker, f"look-{uuid.uuid4().hex[:8]}", f"cw/v1/{site}/+/+/down/alarm/+")
    async with connected(Link(broker, f"wipe-{uuid.uuid4().hex[:8]}")) as link:
        for topic in found:
            await link.publish(topic, b"", retain=True)


@contextlib.asynccontextmanager
async def site(mqtt: MqttSettings, tmp_path: Path, name: str | None = None) -> AsyncIterator[Site]:
    name = name or f"site-{uuid.uuid4().hex[:8]}"
    folder = tmp_path / f"analyzer-{uuid.uuid4().hex[:8]}"
    desk = Desk(name)
    heard = [(f"cw/v1/{name}/+/+/down/#", 1), (topics.heartbeat(name), 0)]
    async with (
        connected(Link(mqtt, f"desk-{name}", filters=heard, on_arrival=_only_ours(desk), clean=False)) as hears,
        connected(Link(mqtt, f"device-{name}", protocol="3.1.1")) as device,
    ):
        made = Site(mqtt, folder, name, (hears, device), desk)
        try:
            yield made
        finally:
            for process in made.processes:
                if process.poll() is None:
                    process.kill()
                    process.wait(5)


def _only_ours(desk: Desk) -> Any:
    def hear(arrival: Arrival) -> None:
        if "/down/config" not in arrival.topic:
            desk.hear(arrival)

    return hear


def overload(seq: int, load: float = 3.5) -> dict[str, Any]:
    """One sample far beyond the rated 2.73 t at 42 m."""
    return {"boot": "boot-00000001", "seq": seq, "ts": clock.now_ms(), "load_t": load, "radius_m": 42.0, "falls": 2}


async def test_an_alarm_is_raised_retained_acknowledged_and_cleared(broker: MqttSettings, tmp_path: Path) -> None:
    async with site(broker, tmp_path) as here:
        analyzer = here.start()
        await here.configure("c1", DeviceConfig(version=1, charts=[CHART]))
        await here.watching()
        await here.send("c1", overload(1))
        await until(lambda: here.desk.alarms.get(("c1", "moment")))
        raised = here.desk.alarms["c1", "moment"]
        assert raised is not None
        assert (raised.active, raised.cab, raised.hold, raised.value) == (True, "continuous", True, 128.2)
        kept = await fetch_retained(broker, f"late-{here.name}", f"cw/v1/{here.name}/+/+/down/alarm/+", wait_s=0.5)
        assert list(kept) == [f"cw/v1/{here.name}/crane/c1/down/alarm/moment"]
        await until(lambda: here.desk.beats[-1].active == 1)
        assert here.desk.beats[-1].digest == payloads.digest([raised.transition])
        for body in (
            {"id": "response-0001", "action": "acknowledge", "rule": "moment", "transition": raised.transition},
            {"id": "response-0001", "action": "acknowledge", "rule": "moment", "transition": raised.transition},
        ):
            await here.device.publish(
                f"cw/v1/{here.name}/crane/c1/up/response",
                json.dumps({"at": clock.now_ms(), "who": "li", **body}).encode(),
            )
        await until(lambda: any(b'"acknowledge"' in raw for raw in here.desk.transitions.values()))
        seq = 1
        async with asyncio.timeout(15):
            while here.desk.alarms["c1", "moment"].active:  # type: ignore[union-attr]
                seq += 1
                await here.send("c1", overload(seq, 0.5))
                await asyncio.sleep(0.2)
        last = here.desk.alarms["c1", "moment"]
        assert last is not None
        assert (last.state, last.hold) == ("normal", True), "110 % and more: a person has to look"
        await here.device.publish(
            f"cw/v1/{here.name}/crane/c1/up/response",
            json.dumps(
                {"id": "response-0002", "at": clock.now_ms(), "who": "li", "action": "release", "rule": "moment"}
            ).encode(),
        )
        await until(lambda: here.desk.alarms["c1", "moment"] is None)
        await until(lambda: here.desk.coverage["c1"].hazards["anti_collision"].level == "not_monitored")  # type: ignore[index]
        assert services.end(analyzer) == 0
    assert here.desk.repeats == 0


async def test_rubbish_costs_itself_and_nothing_else(broker: MqttSettings, tmp_path: Path) -> None:
    async with site(broker, tmp_path) as here:
        here.start()
        await here.configure("c1", DeviceConfig(version=1, charts=[CHART]))
        await here.watching()
        base = f"cw/v1/{here.name}"
        for topic, payload in [
            (f"{base}/crane/c1/up/reading", b"{"),
            (f"{base}/crane/c1/up/reading", b"\xff" * 70_000),
            (f"{base}/submarine/c1/up/reading", b"{}"),
            (f"{base}/crane/c1/up/response", b'{"id":1}'),
            (f"{base}/crane/c1/up/nonsense", b"{}"),
            (f"{base}/crane/c1/up/tick", b"{}"),
            ("cw/v1/_own/analyze/p0/up/tick", b"nonsense"),
            ("cw/v1/_own/analyze/p0/up/tick", b'{"at":9999999999999,"run":"other","n":1}'),
            (f"{base}/config", b"[]"),
            (f"{base}/crane/c1/down/config", b'{"version":"x"}'),
        ]:
            await here.device.publish(topic, payload)
        await here.send("c1", overload(1))
        await until(lambda: here.desk.alarms.get(("c1", "moment")))
        await until(lambda: here.desk.transitions)
        assert {payloads.decode(Transition, raw).rule for raw in here.desk.transitions.values()} == {"moment"}


def run_of_frames(cranes: int = CRANES, n: int = FRAMES) -> Iterator[tuple[str, dict[str, Any]]]:
    """Lifts with overloads, gusts and clock steps, always the same; then one crane that ends the run."""
    for k in range(1, n + 1):
        for d in range(cranes):
            phase = (k + 9 * d) % 30
            ts = START + 1000 * k - (300_000 if d == 1 and k > n // 2 else 0)
            load = 0.2 if phase < 10 else 2.6 if phase < 17 else 2.85 if phase < 24 else 3.4
            wind = 8.0 + (6.0 if phase in (3, 4, 5, 20, 21, 22) else 0.0)
            yield f"c{d}", {
                "boot": f"boot-{d:08d}", "seq": k, "ts": ts, "load_t": load, "radius_m": 42.0, "falls": 2,
                "wind_mps": wind, "tilt_x_deg": 0.1 * d, "tilt_y_deg": 0.0,
            }  # fmt: skip
    yield "end", {"boot": "boot-99999999", "seq": 1, "ts": START, "load_t": 9.0, "radius_m": 42.0, "falls": 2}


async def play(mqtt: MqttSettings, tmp_path: Path, name: str, kills: tuple[int, ...]) -> Desk:
    """The run of frames through an analyzer that is killed, and started again, after so many of them."""
    async with site(mqtt, tmp_path, name) as here:
        analyzer = here.start(CRANEWATCH_ANALYZER__SNAPSHOT_S="0.4", CRANEWATCH_ANALYZER__BATCH="7")
        for crane in ("c0", "c1", "c2", "c3", "end"):
            await here.configure(crane, DeviceConfig(version=1, charts=[CHART]))
        await here.watching()
        for sent, (crane, body) in enumerate(run_of_frames()):
            await here.send(crane, body)
            if sent in kills:
                analyzer.send_signal(signal.SIGKILL)
                analyzer.wait(5)
                analyzer = here.start(CRANEWATCH_ANALYZER__SNAPSHOT_S="0.4", CRANEWATCH_ANALYZER__BATCH="7")
                await asyncio.sleep(1.5 if sent % 2 else 0)
        ended = [("end", "load"), ("end", "moment")]
        await until(lambda: any(here.desk.alarms.get(key) for key in ended), 60, here.trace)
        # Each crane is reported with its own transitions or at a tick: the last one to be complete is any of them.
        await until(lambda: not here.unreported(), 60, here.trace)
        assert services.end(analyzer) == 0
        return here.desk


async def test_a_killed_analyzer_says_what_an_undisturbed_one_says(broker: MqttSettings, tmp_path: Path) -> None:
    name = f"kill-{uuid.uuid4().hex[:8]}"
    calm = await play(broker.model_copy(update={"prefix": broker.prefix + "a-"}), tmp_path, name, ())
    assert len(calm.derived()) > 40
    # The other run is of the same site at the same broker, and must not take over the alarms of this one.
    await forget_alarms(broker, name)
    killed = await play(
        broker.model_copy(update={"prefix": broker.prefix + "b-"}), tmp_path, name, (101, 202, 203, 340)
    )
    assert killed.derived() == calm.derived()
    assert killed.evaluated == calm.evaluated
    # What depends on arrival is decided once, and not the same in two runs.
    observed = {"clock", "silence", "chattering", "flood"}
    states = [{key: alarm for key, alarm in desk.alarms.items() if key[1] not in observed} for desk in (calm, killed)]
    assert {k: a and (a.transition, a.state, a.hold) for k, a in states[0].items()} == {
        k: a and (a.transition, a.state, a.hold) for k, a in states[1].items()
    }


async def test_all_devices_are_configured_however_few_retained_messages_the_broker_sends(
    broker: MqttSettings, tmp_path: Path
) -> None:
    # rumqttd sends 100 for a SUBSCRIBE at QoS 1.
    cranes = [f"c{k:03d}" for k in range(130)]
    async with site(broker, tmp_path) as here:
        for crane in cranes:
            await here.configure(crane, DeviceConfig(version=1, charts=[CHART]))
        here.start()
        await here.watching()
        seq = 0
        async with asyncio.timeout(40):
            while waiting := [crane for crane in cranes if (crane, "moment") not in here.desk.alarms]:
                seq += 1
                for crane in waiting:
                    await here.send(crane, overload(seq))
                await asyncio.sleep(0.5)


async def test_retained_alarms_come_back_after_the_broker_lost_everything(tmp_path: Path) -> None:
    server = Rumqttd()
    server.start()
    try:
        async with site(server.settings(), tmp_path) as here:
            here.start()
            await here.configure("c1", DeviceConfig(version=1, charts=[CHART]))
            await here.watching()
            await here.send("c1", overload(1))
            await until(lambda: here.desk.alarms.get(("c1", "moment")))
            before = here.desk.alarms["c1", "moment"]
            here.desk.alarms.clear()
            here.desk.coverage.clear()
            server.kill()
            server.start()
            await until(lambda: here.desk.alarms.get(("c1", "moment")), 30)
            assert here.desk.alarms["c1", "moment"] == before
            await until(lambda: here.desk.coverage.get("c1"))
            await here.watching()
    finally:
        server.stop()


async def test_a_retained_alarm_that_nobody_holds_is_cleared_at_start(broker: MqttSettings, tmp_path: Path) -> None:
    # Without them an empty folder is a first start, and not a loss of memory after which strangers are taken over.
    await forget_alarms(broker)
    async with site(broker, tmp_path) as here:
        analyzer = here.start()
        await here.configure("c1", DeviceConfig(version=1, charts=[CHART]))
        await here.watching()
        assert services.end(analyzer) == 0
        ghost = f"cw/v1/{here.name}/crane/c9/down/alarm/moment"
        alarm = Alarm(rule="moment", transition="x", state="unacknowledged", severity=3, active=True, since=1, at=1,
                      cab="continuous", desk="unacknowledged")  # type: ignore[arg-type]  # fmt: skip
        await here.device.publish(ghost, payloads.encode(alarm), retain=True)
        await until(lambda: here.desk.alarms.get(("c9", "moment")))
        here.start()
        await until(lambda: here.desk.alarms["c9", "moment"] is None)


def degraded_by(here: Site, crane: str, words: str) -> bool:
    found = here.desk.coverage.get(crane)
    return found is not None and any(words in (h.reason.en if h.reason else "") for h in found.hazards.values())


async def test_losing_the_folder_ends_no_alarm_and_is_said(broker: MqttSettings, tmp_path: Path) -> None:
    await forget_alarms(broker)
    seqs = count(1)
    async with site(broker, tmp_path) as here:
        analyzer = here.start()
        await here.configure("c1", DeviceConfig(version=1, charts=[CHART]))
        await here.watching()
        await here.send("c1", overload(next(seqs)))
        await until(lambda: here.desk.alarms.get(("c1", "moment")))
        before = here.desk.alarms["c1", "moment"]
        assert before is not None
        assert before.hold
        for end in (services.end, subprocess.Popen.kill):
            end(analyzer)
            analyzer.wait(5)
            if end is services.end:
                shutil.rmtree(here.folder / "analyze-p0")
            here.desk.coverage.clear()
            here.desk.beats.clear()
            analyzer = here.start()
            await here.watching()
            # It goes on talking: of a device that is silent this is not the reason that is given.
            async with asyncio.timeout(40):
                while not degraded_by(here, "c1", "lost its state"):
                    await here.send("c1", overload(next(seqs)))
                    await asyncio.sleep(0.2)
            await until(lambda: here.desk.beats[-1].devices.get("c1") == (1, payloads.digest([before.transition])))
            now = here.desk.alarms["c1", "moment"]
            assert now is not None
            assert (now.transition, now.state, now.severity, now.hold) == (
                before.transition, before.state, before.severity, True,
            )  # fmt: skip
        log = (tmp_path / "analyzer.log").read_text()
        assert "starts warm" in log
        assert "clearing a retained alarm" not in log
        async with asyncio.timeout(15):
            while here.desk.alarms["c1", "moment"].active:  # type: ignore[union-attr]
                await here.send("c1", overload(next(seqs), 0.5))
                await asyncio.sleep(0.2)
        last = here.desk.alarms["c1", "moment"]
        assert last is not None
        assert last.hold, "a person has to look"
        assert any(b'"clear"' in raw for raw in here.desk.transitions.values()), "the record says how it ended"


async def test_a_session_without_a_folder_is_a_warm_start_with_its_configuration(
    broker: MqttSettings, tmp_path: Path
) -> None:
    async with site(broker, tmp_path) as here:
        analyzer = here.start()
        await here.configure("c1", DeviceConfig(version=1, charts=[CHART]))
        await here.watching()
        assert services.end(analyzer) == 0
        shutil.rmtree(here.folder / "analyze-p0")
        here.desk.coverage.clear()
        here.start()
        await here.watching()
        await here.send("c1", overload(1))
        await until(lambda: here.desk.alarms.get(("c1", "moment")))
        await until(lambda: degraded_by(here, "c1", "lost its state"))


async def test_two_analyzers_do_not_share_a_partition(broker: MqttSettings, tmp_path: Path) -> None:
    async with site(broker, tmp_path) as here:
        first = here.start()
        await here.configure("c1", DeviceConfig(version=1, charts=[CHART]))
        await here.watching()
        second = here.start()
        await until(lambda: second.poll() is not None)
        assert second.returncode == 1
        assert "another analyzer has" in (tmp_path / "analyzer.log").read_text()
        await here.watching()
        assert services.end(first) == 0


async def test_a_full_disk_stops_neither_alarms_nor_says_nothing(broker: MqttSettings, tmp_path: Path) -> None:
    async with site(broker, tmp_path) as here:
        env = services.environment(broker, CRANEWATCH_ANALYZER__FOLDER=str(here.folder), **QUICK)
        analyzer = limited(env)
        here.processes.append(analyzer)
        await here.configure("c1", DeviceConfig(version=1, charts=[CHART]))
        await here.watching()
        # More than rumqttd lets be unacknowledged: what comes after them must be heard all the same.
        for k in range(1, 150):
            await here.send("c1", overload(k, 0.5))
        await here.send("c2", {"ts": clock.now_ms(), "load_t": 4.55, "rated_load_t": 3.64})
        await until(lambda: here.desk.alarms.get(("c2", "moment")))

        def says_so() -> bool:
            found = here.desk.coverage.get("c1")
            return found is not None and any(
                "journal" in (h.reason.en if h.reason else "") for h in found.hazards.values()
            )

        await until(says_so)


def limited(env: dict[str, str]) -> "subprocess.Popen[bytes]":
    """An analyzer whose files cannot grow."""
    silent = subprocess.DEVNULL
    return subprocess.Popen([sys.executable, "-c", LIMITED], env=env, cwd=services.ROOT, stdout=silent, stderr=silent)


# The limit is on the size of a file: the journal takes its first bytes and not one record.
LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (64, resource.RLIM_INFINITY))
from analytics.__main__ import main
sys.exit(main())
"""


async def test_limits_are_published_while_an_alarm_is_active_and_hold_when_it_is_over(
    broker: MqttSettings, tmp_path: Path
) -> None:
    body = f"[crane.moment.steps.alarm]\nset = {number(105)}\nclear = {number(104)}\n"

    async with site(broker, tmp_path) as here:
        analyzer = here.start()
        await here.configure("c1", DeviceConfig(version=1, charts=[CHART], interval_ms=200))
        await here.watching()
        seq = count(1)

        async def until_it_is(load: float, active: bool, limit: float = 100.0) -> None:
            async with asyncio.timeout(20):
                while (
                    (alarm := here.desk.alarms.get(("c1", "moment"))) is None
                    or alarm.active is not active
                    or alarm.limit != limit
                ):
                    await here.send("c1", overload(next(seq), load))
                    await asyncio.sleep(0.2)

        async def publish(sent: SiteProfile) -> None:
            await here.device.publish(topics.site_profile(here.name), payloads.encode(sent), retain=True)

        await until_it_is(2.86, True)  # 104.8 %
        await publish(published(body, version=2))
        for _ in range(10):
            await here.send("c1", overload(next(seq), 2.86))
            await asyncio.sleep(0.1)
        kept = here.desk.alarms["c1", "moment"]
        assert kept is not None
        assert (kept.active, kept.limit, kept.profile) == (True, 100.0, profiles.load("cn").label)
        await publish(published("[crane.moment]\nremove = true\n", version=1))
        await until(lambda: here.desk.alarms.get(("p0", "config")))
        assert "older than version 2" in here.desk.alarms["p0", "config"].text.en  # type: ignore[union-attr]
        await until_it_is(0.5, False)
        # A kill: the profile comes back out of the folder, and nothing has to be published again.
        analyzer.kill()
        analyzer.wait(5)
        here.start()
        n = len(here.desk.beats)
        await until(lambda: len(here.desk.beats) > n)

        def moments() -> list[Transition]:
            # A machine that is busy makes a device silent for a moment, which is another alarm.
            said = (payloads.decode(Transition, raw) for raw in here.desk.transitions.values())
            return [one for one in said if one.rule == "moment"]

        before = moments()
        for _ in range(20):
            await here.send("c1", overload(next(seq), 2.86))
            await asyncio.sleep(0.1)
        assert moments() == before, "104.8 % is no alarm any more"
        await until_it_is(3.0, True, 105.0)
        label = profiles.parse(published(body, version=2).text).label
        assert [(t.signal, t.limit, t.profile) for t in moments()[len(before) :]] == [("raise", 105.0, label)]


def test_the_run_of_frames_is_one_that_devices_may_send() -> None:
    for _, body in run_of_frames():
        frames.decode("crane", json.dumps(body).encode())
