"""Files of the record: read from real databases, sent straight, and made in the background by a real process."""

import asyncio
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pyarrow.parquet as pq
import pytest

from telemetry.errors import ConfigError
from telemetry.export.wish import Form, Subject, Wish
from telemetry.roles import Role
from telemetry.settings import DatabaseSettings, MqttSettings
from telemetry.storage import export_jobs, exporting
from telemetry.storage.audit import Actor
from telemetry.storage.export_jobs import JobState
from telemetry.storage.export_plan import plan
from telemetry.storage.exporting import Export
from telemetry.storage.pool import Database
from tests.fix_broker import Rumqttd
from tests.fix_database import Server
from tests.helpers.api import ApiProcess
from tests.helpers.callers import key_for
from tests.helpers.rows import fetch, value
from tests.helpers.services import ROOT

START = datetime(2026, 6, 1, 8, 0, 0, tzinfo=UTC)
MS = int(START.timestamp() * 1000)
N = 2 * exporting.PAGE + 17
NOW = START + timedelta(days=2)


def fill(settings: DatabaseSettings, n: int = N) -> None:
    """Site s: crane c1 with n readings at 10 Hz, two of them at one instant, c2 with three; an alarm, a cycle."""
    with psycopg.connect(settings.url.get_secret_value(), autocommit=True) as connection:
        connection.execute("INSERT INTO site (site, display_name, config_version) VALUES ('s', '=示范', 0)")
        connection.execute("INSERT INTO site (site) VALUES ('other')")
        for name in ("c1", "c2"):
            connection.execute("INSERT INTO device (site, kind, device) VALUES ('s', 'crane', %s)", (name,))
        connection.execute("INSERT INTO device_boot (device_id, boot_no, boot) VALUES (1, 1, 'boot-one-1')")
        rows = "COPY reading_crane (device_id, ts, received_at, boot_no, seq, i, invalid, load_t, operator) FROM STDIN"
        with connection.cursor().copy(rows) as copy:
            for k in range(n):
                # The last row of a page and the first of the next one share their time.
                at = START + timedelta(milliseconds=100 * (k - (k >= exporting.PAGE)))
                copy.write_row((1, at, at, 1, k + 1, 0, 1 if k == 3 else 0, k / 8, "op-1" if k else None))
            for k in range(3):
                at = START + timedelta(seconds=k)
                copy.write_row((2, at, at, 0, 0, k, 0, 1.5, None))
        steps = [("raise", "normal", "unacknowledged", 3, 60), ("clear", "unacknowledged", "normal", 0, 90)]
        for k, (signal, previous, state, severity, at) in enumerate(steps):
            payload = {"text": {"zh": "超载", "en": "OVERLOAD"}, "value": 101.5, "unit": "%", "profile": "cn/1@abc"}
            connection.execute(
                "INSERT INTO transition (id, device_id, rule, signal, previous, state, severity, at_ms, observed,"
                " origin, life_safety, payload) VALUES (%s, 1, 'moment', %s, %s, %s, %s, %s, false, 'live', true, %s)",
                (f"t{k}", signal, previous, state, severity, MS + at * 1000, json.dumps(payload)),
            )
        lift = {"start": MS, "end": MS + 5000, "load_t": 2.5, "pick": {"slew_deg": 1.0}, "hook_m": [1.0, 9.0]}
        connection.execute(
            "INSERT INTO work_cycle (device_id, id, ts_ms, data, received_at, origin)"
            " VALUES (1, 'w1', %s, %s, now(), 'live')",
            (MS + 5000, json.dumps(lift)),
        )


def made(settings: DatabaseSettings, **asked: Any) -> tuple[list[dict[str, Any]], list[float]]:
    """The lines of a JSON export, and how the fraction went."""
    wish = Wish(**{"what": Subject.READINGS, "form": Form.JSON, "site": "s", "begin": START,
                   "end": START + timedelta(days=1), **asked})  # fmt: skip

    async def planned() -> Any:
        async with Database(settings, application="test") as database:
            return await plan(database, wish, NOW)

    export = Export(settings, asyncio.run(planned()))
    pieces = []
    while (piece := export.step()) is not None:
        pieces.append(piece)
    lines = [json.loads(line) for piece in pieces for line in piece.data.splitlines()]
    return lines, [piece.fraction for piece in pieces]


def test_every_reading_is_in_the_file_once_across_pages_and_in_order(database: DatabaseSettings) -> None:
    fill(database)
    lines, fractions = made(database, device="c1", channels=["load_t"])
    rows = lines[1:-1]
    assert [row["seq"] for row in rows] == list(range(1, N + 1))
    assert [row["load_t"] for row in rows[:9]] == [k / 8 for k in range(9)]
    assert (rows[3]["invalid"], rows[4]["invalid"], rows[0]["boot"]) == ("load_t", None, "boot-one-1")
    assert rows[0]["time"] == "2026-06-01T16:00:00.000+08:00"
    assert lines[-1] == {"end": {"rows": N}}
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    # A third of an hour of a day has been read when the first page of it is behind.
    assert 0 < fractions[1] < 0.02


def test_a_file_says_what_it_is_about_and_what_is_missing(database: DatabaseSettings) -> None:
    fill(database, 10)
    about = made(database)[0][0]["about"]
    assert (about["zone"], about["devices"], about["site_name"]) == ("Asia/Shanghai", ["c1", "c2"], "=示范")
    assert about["units"]["load_t"] == "t"
    assert about["frames"]["missing"] == 0
    assert "release" in about["limit_profiles"][0]
    assert "not counted" in made(database, end=START + timedelta(days=40))[0][0]["about"]["frames"]
    assert "not known" in made(database, end=START + timedelta(minutes=3))[0][0]["about"]["frames"]


def test_buckets_of_a_site_are_those_of_history(database: DatabaseSettings) -> None:
    fill(database, 1200)
    rows = made(database, width_s=60, channels=["load_t"])[0][1:-1]
    assert [(row["device"], row["samples"]) for row in rows] == [("c1", 600), ("c1", 600), ("c2", 3)]
    assert rows[0]["load_t_n"] == 599  # one was marked invalid
    assert (rows[1]["load_t_min"], rows[1]["load_t_max"]) == (600 / 8, 1199 / 8)


def test_transitions_episodes_and_cycles(database: DatabaseSettings) -> None:
    fill(database, 1)
    (raised, cleared) = made(database, what=Subject.ALARMS)[0][1:-1]
    assert (raised["signal"], raised["text_zh"], raised["unix_ms"]) == ("raise", "超载", MS + 60_000)
    assert (cleared["state"], cleared["profile"]) == ("normal", "cn/1@abc")
    (episode,) = made(database, what=Subject.EPISODES, end=START + timedelta(seconds=70))[0][1:-1]
    assert (episode["duration_s"], episode["severity"], episode["value"]) == (30.0, 3, 101.5)
    (cycle,) = made(database, what=Subject.CYCLES)[0][1:-1]
    assert (cycle["load_t"], cycle["pick_slew_deg"], cycle["highest_hook_m"]) == (2.5, 1.0, 9.0)


def test_what_cannot_be_had_is_said(postgres_database: DatabaseSettings) -> None:
    fill(postgres_database, 1)
    for asked, words in (
        ({"site": "nowhere"}, "nobody knows"), ({"device": "c9"}, "none of s"), ({"channels": ["mass"]}, "no mass"),
        ({"end": START}, "before"), ({"end": START + timedelta(days=401)}, "400 days"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=words):
            made(postgres_database, **asked)


# Jobs


@pytest.fixture(scope="module")
def record(postgres_server: Server) -> Iterator[DatabaseSettings]:
    settings = postgres_server.copy()
    fill(settings)
    yield settings
    postgres_server.drop(settings)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exports")


@pytest.fixture(scope="module")
def api(rumqttd_server: Rumqttd, record: DatabaseSettings, folder: Path) -> Iterator[ApiProcess]:
    settings = {"CRANEWATCH_EXPORTS__FOLDER": str(folder), "CRANEWATCH_EXPORTS__STREAM_ROWS": "200000"}
    with ApiProcess(rumqttd_server.settings(), record, console=False, **settings) as process:
        yield process


BODY = {"what": "readings", "format": "parquet", "site": "s", "device": "c1", "begin": START.isoformat(),
        "end": (START + timedelta(hours=1)).isoformat()}  # fmt: skip


def ended(client: httpx.Client, where: str, timeout: float = 20.0) -> dict[str, Any]:
    deadline = time.monotonic() + timeout
    while True:
        found: dict[str, Any] = client.get(where).json()
        if found["state"] not in ("waiting", "running") or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def test_a_job_goes_its_way_belongs_to_whoever_asked_and_is_in_the_audit_log(
    api: ApiProcess, record: DatabaseSettings, folder: Path
) -> None:
    answer = api.http.post("/api/v1/exports", json=BODY)
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    where = answer.headers["location"]
    job = ended(api.http, where)
    assert (job["state"], job["rows"], job["fraction"], job["error"]) == ("done", N, 1.0, None)
    file = api.http.get(job["file"])
    assert pq.read_table(io.BytesIO(file.content)).column("seq").to_pylist() == list(range(1, N + 1))
    assert job["file_name"] in file.headers["content-disposition"]
    assert len(file.content) == job["bytes"]
    # Somebody else of the same role and site has none, nor has a key of the same name.
    other = key_for(record, (Role.ADMIN, "*"))
    for path in (where, job["file"]):
        assert api.http.get(path, headers={"Authorization": f"Bearer {other}"}).status_code == 404
    assert api.http.get("/api/v1/exports").json()["items"][0]["id"] == job["id"]
    assert api.http.delete(where).status_code == 204
    assert not list(folder.glob(f"*{job['id']}*"))
    assert api.http.get(job["file"]).status_code == 409
    lines = fetch(record, "SELECT action, site FROM audit_log WHERE action LIKE 'export.%%' ORDER BY audit_id")
    assert lines == [("export.start", "s"), ("export.cancel", "s")]


def test_a_small_file_comes_straight_and_a_long_one_is_sent_to_the_jobs(
    api: ApiProcess, record: DatabaseSettings
) -> None:
    asked = {"what": "readings", "device": "c1", "from": BODY["begin"], "to": BODY["end"], "bom": "true"}
    answer = api.http.get("/api/v1/sites/s/export", params=asked)
    lines = answer.text.splitlines()
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert 'filename="s-c1-readings-' in answer.headers["content-disposition"]
    assert lines[0] == "\ufeff# file: cranewatch readings"
    assert (lines[-1], len([line for line in lines if line[0] != "#" and line[0] != "\ufeff"])) == (
        f"# end: {N} rows",
        N + 1,
    )
    far = (START + timedelta(days=9)).isoformat()
    long = api.http.get("/api/v1/sites/s/export", params={**asked, "to": far})
    assert (long.status_code, long.json()["type"]) == (422, "urn:cranewatch:too-long")
    assert api.http.get("/api/v1/sites/nowhere/export", params=asked).json()["type"] == "urn:cranewatch:invalid-export"
    # Looked for a while: the line is written behind the answer.
    deadline = time.monotonic() + 5
    count = "SELECT count(*) FROM audit_log WHERE action = 'export.read'"
    while value(record, count) < 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert value(record, count) == 1


def test_who_may_not_export_from_a_site_or_see_work_gets_nothing(api: ApiProcess, record: DatabaseSettings) -> None:
    firm = {"Authorization": f"Bearer {key_for(record, (Role.MONITORING_FIRM, 's'), name='firm')}"}
    assert api.http.post("/api/v1/exports", json={**BODY, "what": "cycles"}, headers=firm).status_code == 403
    assert api.http.post("/api/v1/exports", json={**BODY, "site": "other"}, headers=firm).status_code == 403
    assert api.http.get("/api/v1/sites/s/export", params={"what": "cycles"}, headers=firm).status_code == 403
    assert api.http.post("/api/v1/exports", json=BODY, headers=firm).status_code == 202


def test_a_file_that_grows_too_long_fails_in_words_and_leaves_nothing(
    embedded_broker: MqttSettings, postgres_database: DatabaseSettings, tmp_path: Path
) -> None:
    fill(postgres_database, 4 * exporting.PAGE)
    settings = {"CRANEWATCH_EXPORTS__FOLDER": str(tmp_path), "CRANEWATCH_EXPORTS__MAX_MB": "1"}
    with ApiProcess(embedded_broker, postgres_database, console=False, **settings) as api:
        job = ended(api.http, api.http.post("/api/v1/exports", json={**BODY, "format": "json"}).headers["location"])
    assert job["state"] == "failed"
    assert "more than 1 MB" in job["error"]
    assert not list(tmp_path.iterdir())


def test_what_a_dead_process_left_is_begun_again_once_and_then_has_failed(postgres_database: DatabaseSettings) -> None:
    fill(postgres_database, 1)
    wish = Wish(what=Subject.READINGS, form=Form.CSV, site="s", begin=START, end=NOW)

    async def play() -> None:
        async with Database(postgres_database, application="test") as database:
            job = await export_jobs.add(database, Actor("li.na"), "user:1", "a" * 16, wish, most=2, own=1)
            assert job.wish == wish
            with pytest.raises(ConfigError, match="at most 1"):
                await export_jobs.add(database, Actor("li.na"), "user:1", "b" * 16, wish, most=2, own=1)
            for state in (JobState.WAITING, JobState.FAILED):
                taken = await export_jobs.take(database)
                assert taken is not None
                assert await export_jobs.take(database) is None
                await export_jobs.give_back(database)  # it beats: nobody takes it away
                assert await export_jobs.beat(database, taken, 5, 50, 0.5)
                async with database.connection() as connection:
                    await connection.execute("UPDATE export_job SET beat_at = now() - interval '31 s'")
                await export_jobs.give_back(database)
                left = await export_jobs.one(database, job.export_id)
                assert left is not None
                assert left.state is state
                assert not await export_jobs.beat(database, taken, 6, 60, 0.6)
            assert left.error is not None
            assert "ask for it again" in left.error

    asyncio.run(play())


def test_a_file_expires(postgres_database: DatabaseSettings) -> None:
    fill(postgres_database, 1)
    wish = Wish(what=Subject.READINGS, form=Form.CSV, site="s", begin=START, end=NOW)

    async def play() -> None:
        async with Database(postgres_database, application="test") as database:
            await export_jobs.add(database, Actor("li.na"), "user:1", "a" * 16, wish, most=2, own=1)
            taken = await export_jobs.take(database)
            assert taken is not None
            assert await export_jobs.done(database, taken, 1, 10, "0" * 64, timedelta(hours=1))
            assert await export_jobs.tidy(database) == {"a" * 16}
            async with database.connection() as connection:
                await connection.execute("UPDATE export_job SET expires_at = now()")
            assert await export_jobs.tidy(database) == set()
            (left,) = await export_jobs.listed(database, "user:1")
            assert left.state is JobState.EXPIRED

    asyncio.run(play())


def test_the_command_writes_the_same_file_and_leaves_none_behind_when_it_cannot(
    record: DatabaseSettings, tmp_path: Path
) -> None:
    def export(*arguments: str) -> "subprocess.CompletedProcess[str]":
        env = {**os.environ, "CRANEWATCH_DATABASE__URL": record.url.get_secret_value()}
        return subprocess.run(
            [sys.executable, "-m", "runtime.cli", "export", *arguments],
            cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    out = tmp_path / "made.ndjson"
    span = ("--from", BODY["begin"], "--to", "1h", "--format", "json")
    found = export("s/c1", *span, "--out", str(out), "--json")
    assert json.loads(found.stdout) == {"file": str(out), "rows": N, "bytes": out.stat().st_size}
    assert json.loads(out.read_text().splitlines()[-1]) == {"end": {"rows": N}}
    again = export("s/c1", *span, "--out", str(out))
    assert (again.returncode, "exists" in again.stderr) == (1, True)
    for wrong in ("nowhere", "s/c9"):
        refused = export(wrong, *span, "--out", str(tmp_path / "none"))
        assert (refused.returncode, "Traceback" in refused.stderr) == (1, False)
    assert list(tmp_path.iterdir()) == [out]
