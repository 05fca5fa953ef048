"""
Ingest, durable and acknowledged after the commit, beside what a user would build from two commands.

The rival is `mosquitto_sub` into `psql`'s COPY, then a typed INSERT ... SELECT into the same kind of hypertable with
the same unique index: QoS 1, no checks, no quarantine, no acknowledgement after the commit, no ledger, no receipts.

Both drain a durable session that the broker (Mosquitto, our settings) has filled beforehand with the same messages, so
neither waits for a publisher. The clock runs from the connection to the last committed row.
"""

import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from runtime.embedded.ports import free_port
from telemetry.consumer import Consumer
from telemetry.settings import DatabaseSettings, MqttSettings
from telemetry.storage.migrate import migrate
from tests.fix_broker import Mosquitto
from tests.fix_database import new_cluster
from tests.helpers.services import ROOT, end, environment, start

FRAMES = 100_000
DEVICES = 100
ROUNDS = 3
TOPIC = "cw/v1/bench/crane/c-{device:03d}/up/reading"
FILTER = "cw/v1/+/+/+/up/+"
RIVAL_TABLE = """
CREATE TABLE IF NOT EXISTS rival (device text NOT NULL, ts timestamptz NOT NULL, boot text, seq bigint NOT NULL,
  load_t real, radius_m real, hook_m real, slew_deg real, wind_mps real, tilt_x_deg real, tilt_y_deg real, falls real);
CREATE UNIQUE INDEX IF NOT EXISTS rival_once ON rival (device, ts, boot, seq);
CREATE UNLOGGED TABLE IF NOT EXISTS rival_stage (topic text, frame jsonb)
"""
RIVAL_INSERT = """
INSERT INTO rival SELECT split_part(topic, '/', 5), to_timestamp((frame->>'ts')::bigint / 1000.0), frame->>'boot',
  (frame->>'seq')::bigint, (frame->>'load_t')::real, (frame->>'radius_m')::real, (frame->>'hook_m')::real,
  (frame->>'slew_deg')::real, (frame->>'wind_mps')::real, (frame->>'tilt_x_deg')::real,
  (frame->>'tilt_y_deg')::real, (frame->>'falls')::real FROM rival_stage ON CONFLICT DO NOTHING
"""


def frames(round_: int) -> list[tuple[str, bytes]]:
    """One-sample JSON frames of about 200 bytes."""
    ts = time.time_ns() // 1_000_000 - FRAMES  # noqa: TID251 - a measurement, not a service
    return [
        (
            TOPIC.format(device=n % DEVICES),
            msgspec.json.encode(
                {
                    "boot": f"{round_:08d}beadfeed", "seq": n // DEVICES + 1, "ts": ts + n, "load_t": 3.21,
                    "radius_m": 42.1, "hook_m": 31.2, "slew_deg": 123.4, "falls": 2, "wind_mps": 7.3,
                    "tilt_x_deg": 0.11, "tilt_y_deg": -0.08,
                }
            ),
        )
        for n in range(FRAMES)
    ]  # fmt: skip


async def fill(mqtt: MqttSettings, messages: list[tuple[str, bytes]]) -> None:
    """Publish all of it at QoS 1, pipelined."""
    publisher = Consumer(mqtt, f"fill-{os.getpid()}", ["cw/v1/_own/fill"], session_expiry_s=0)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(publisher.run())
        await publisher.linked()
        for first in range(0, len(messages), 5000):
            await asyncio.gather(*(publisher.publish(*message) for message in messages[first : first + 5000]))
        await publisher.close()
        await running


def subscribe_rival(mqtt: MqttSettings, round_: int) -> None:
    """Make the rival's durable session; a new one each round, because -C leaves some unacknowledged in the old one."""
    subprocess.run(
        ["mosquitto_sub", "-p", str(mqtt.port_v3), "-i", f"rival-{round_}", "-c", "-q", "1", "-t", FILTER, "-E"],
        check=True,
    )  # fmt: skip


def run_rival(mqtt: MqttSettings, url: str, round_: int) -> float:
    """Seconds for the rival to drain its session into its table."""
    psql = shutil.which("psql") or "psql"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("TRUNCATE rival_stage")
        before = connection.execute("SELECT count(*) FROM rival").fetchone()
        began = time.monotonic()
        command = (
            f"mosquitto_sub -p {mqtt.port_v3} -i rival-{round_} -c -q 1 -t '{FILTER}' -C {FRAMES} -F '%t\\t%p' | "
            f"{psql} -q '{url}' -c '\\copy rival_stage FROM STDIN'"
        )
        subprocess.run(["bash", "-o", "pipefail", "-c", command], check=True)
        connection.execute(RIVAL_INSERT)
        seconds = time.monotonic() - began
        after = connection.execute("SELECT count(*) FROM rival").fetchone()
        if before is None or after is None or after[0] - before[0] != FRAMES:
            raise RuntimeError(f"the rival stored {after} - {before}, not {FRAMES}")
    return seconds


def _sample(port: int, name: str) -> float:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=2) as page:
            for line in page.read().decode().splitlines():
                if line.startswith(name):
                    return float(line.rsplit(" ", 1)[1])
    except OSError:
        pass
    return 0.0


def run_ours(env: dict[str, str], database: DatabaseSettings, log: Path) -> tuple[float, float]:
    """Seconds for ingest to drain its session, and CPU seconds it used meanwhile."""
    port = free_port()
    process = start("ingest", {**env, "CRANEWATCH_METRICS_PORT": str(port)}, log=log)
    try:
        while not _sample(port, 'cranewatch_ingest_connected{lane="live"}'):
            time.sleep(0.002)
        began, cpu = time.monotonic(), _cpu(process.pid)
        while _sample(port, 'cranewatch_ingest_frames_total{lane="live"}') < FRAMES:
            time.sleep(0.01)
            if process.poll() is not None:
                raise RuntimeError(f"ingest ended: {log.read_text()[-800:]}")
        return time.monotonic() - began, _cpu(process.pid) - cpu
    finally:
        end(process)


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure() -> dict[str, Any]:
    """Rounds of both in turn; medians and the ratio of each round."""
    cluster = new_cluster("timescale")
    broker = Mosquitto()
    broker.start()
    log = ROOT / ".cache-bench-ingest.log"
    try:
        database = DatabaseSettings(url=cluster.url())  # type: ignore[arg-type]  # pydantic makes the secret
        edition, version, _ = migrate(database)
        mqtt = broker.settings().model_copy(update={"prefix": ""})
        env = environment(mqtt, database, CRANEWATCH_LOG__LEVEL="warning")
        with psycopg.connect(cluster.url(), autocommit=True) as connection:
            for statement in RIVAL_TABLE.split(";"):
                connection.execute(statement)  # type: ignore[call-overload]  # a constant of ours
            connection.execute(
                "SELECT create_hypertable('rival', by_range('ts', INTERVAL '1 day'), create_default_indexes => false)"
            )
        end(_once(env, log))  # makes ingest's durable sessions
        ours: list[float] = []
        rival: list[float] = []
        cpu: list[float] = []
        for round_ in range(ROUNDS):
            subscribe_rival(mqtt, round_)
            await fill(mqtt, frames(round_))
            turns = [True, False] if round_ % 2 else [False, True]
            for ours_now in turns:
                if ours_now:
                    seconds, used = run_ours(env, database, log)
                    ours.append(seconds)
                    cpu.append(used)
                else:
                    rival.append(run_rival(mqtt, cluster.url(), round_))
            sys.stderr.write(f"  round {round_ + 1}/{ROUNDS}: ours {ours[-1]:.2f} s, rival {rival[-1]:.2f} s\n")
        with psycopg.connect(cluster.url()) as connection:
            rows = connection.execute("SELECT count(*) FROM reading_crane").fetchone()
        return {
            "frames": FRAMES,
            "rounds": ROUNDS,
            "rows_stored": rows[0] if rows else 0,
            "rows_expected": FRAMES * ROUNDS,
            "ours_frames_per_s": round(FRAMES / statistics.median(ours)),
            "ours_cpu_us_per_frame": round(statistics.median(cpu) / FRAMES * 1e6, 1),
            "rival_frames_per_s": round(FRAMES / statistics.median(rival)),
            "ratios": [round(theirs / mine, 2) for mine, theirs in zip(ours, rival, strict=True)],
            "database": f"{version} ({edition})",
        }
    finally:
        broker.stop()
        cluster.remove()
        log.unlink(missing_ok=True)


def _once(env: dict[str, str], log: Path) -> "subprocess.Popen[bytes]":
    port = free_port()
    process = start("ingest", {**env, "CRANEWATCH_METRICS_PORT": str(port)}, log=log)
    for lane in ("live", "late", "log"):
        while not _sample(port, f'cranewatch_ingest_connected{{lane="{lane}"}}'):
            if process.poll() is not None:
                raise RuntimeError(f"ingest ended: {log.read_text()[-800:]}")
            time.sleep(0.05)
    return process
