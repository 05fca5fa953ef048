"""
The page from the box itself (`cranewatch terminal`), in front of real services: what is not needed may be gone, and
what is needed is missed within seconds, in words.
"""

import base64
import hashlib
import shutil
import signal
import uuid
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pydantic import SecretStr

from runtime.embedded import debian, mosquitto
from telemetry.model import Severity
from telemetry.settings import DatabaseSettings, MqttSettings
from telemetry.storage.migrate import migrate
from tests.browser.opening import LOST, PLAYING, begin
from tests.browser.serving import Box
from tests.browser.spoken import SpokenSite
from tests.browser.test_terminal import OVERLOAD
from tests.fix_broker import Mosquitto
from tests.fix_database import new_cluster
from tests.helpers import services
from tests.helpers.api import ApiProcess

QUICK = {"CRANEWATCH_PARTITION__CLAIM_WAIT_S": "0.1"}


class Crane(SpokenSite):
    """A black box, five frames a second, and no analyzer: that is a real one."""

    def __init__(self, mqtt: MqttSettings, site: str) -> None:
        super().__init__(mqtt, site)
        self.beating = False

    def lift(self, load_t: float) -> None:
        self.readings["crane-1"]["load_t"] = load_t


def test_it_keeps_alarming_without_api_and_database_and_says_when_the_analyzer_is_gone(
    page: Page, embedded_broker: MqttSettings, tmp_path: Path
) -> None:
    name = f"x-{uuid.uuid4().hex[:8]}"
    cluster = new_cluster("postgres")
    database = DatabaseSettings(url=cluster.url(), connect_timeout_s=2)
    migrate(database)
    env = services.environment(embedded_broker, CRANEWATCH_ANALYZER__FOLDER=str(tmp_path / "analyzer"), **QUICK)
    analyzer = services.start("analytics", env)
    ingest = services.start("ingest", services.environment(embedded_broker, database, **QUICK))
    api = ApiProcess(embedded_broker, database, console=False)
    api.start()
    try:
        with Crane(embedded_broker, name) as crane, Box(embedded_broker, name, "crane-1") as box:
            begin(page, f"{box.url}/terminal/{name}/crane-1")
            crane.lift(2.9)  # of 2.57 t at 36.4 m
            page.wait_for_function(f"{PLAYING} === 'continuous'", timeout=10_000)
            crane.lift(0.05)
            page.wait_for_function(f"{PLAYING} === 'none'", timeout=10_000)
            api.kill()
            ingest.kill()
            cluster.kill()
            crane.lift(2.9)
            page.wait_for_function(f"{PLAYING} === 'continuous'", timeout=10_000)
            expect(page.locator("#b")).to_have_attribute("data-style", "alarm")
            expect(page.locator("#line1")).to_contain_text("停止起升 下降或收幅")
            crane.lift(0.05)
            page.wait_for_function(f"{PLAYING} === 'none'", timeout=10_000)
            assert page.evaluate(LOST) is None
            analyzer.send_signal(signal.SIGSTOP)
            page.wait_for_function(f"{LOST} === 'analyzer'", timeout=6_000)
            expect(page.locator("#line1")).to_have_text("监测中断 NOT MONITORED")
            analyzer.send_signal(signal.SIGCONT)
            page.wait_for_function(f"{LOST} === null", timeout=15_000)
            assert box.stop() == 0
    finally:
        analyzer.send_signal(signal.SIGCONT)
        for process in (analyzer, ingest):
            services.end(process)
        api.kill()
        cluster.remove()


def test_the_broker_away_and_the_box_away_are_each_said_in_words(page: Page) -> None:
    broker = Mosquitto()
    broker.start()
    name = f"x-{uuid.uuid4().hex[:8]}"
    settings = broker.settings()
    try:
        with SpokenSite(settings, name) as site, Box(settings, name, "crane-1") as box:
            begin(page, f"{box.url}/terminal/{name}/crane-1")
            assert page.evaluate("isSecureContext") is True
            # A broker that is there again is found again, by the page through the box.
            broker.kill()
            page.wait_for_function(f"{LOST} === 'broker'", timeout=8_000)
            expect(page.locator("#line3")).to_contain_text("连不上服务器 the broker cannot be reached")
            broker.start()
            page.wait_for_function(f"{LOST} === null", timeout=20_000)
            site.alarm("moment", "a-1", Severity.ALARM, "continuous", **OVERLOAD)
            page.wait_for_function(f"{PLAYING} === 'continuous'")
            box.stop()
            page.wait_for_function(f"{LOST} === 'box'", timeout=8_000)
            expect(page.locator("#line3")).to_contain_text("本机终端程序未运行")
    finally:
        broker.remove()


def password_line(user: str, password: str) -> str:
    """A line of Mosquitto's password file: PBKDF2 of SHA-512, as mosquitto_passwd writes it."""
    salt = b"0123456789ab"
    made = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101)
    return f"{user}:$7$101${base64.b64encode(salt).decode()}${base64.b64encode(made).decode()}\n"


def test_the_box_knows_the_password_and_the_page_does_not(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    broker = Mosquitto()
    broker._folder.mkdir(exist_ok=True)
    folder, inside = debian.mosquitto_folder(f"cw-words-{broker.port}", broker._folder)
    (folder / "words").write_text(password_line("box", "hush"))
    conf = mosquitto._CONF.replace("allow_anonymous true", f"allow_anonymous false\npassword_file {inside}/words")
    monkeypatch.setattr(mosquitto, "_CONF", conf)
    broker.start()
    name = f"x-{uuid.uuid4().hex[:8]}"
    settings = broker.settings().model_copy(update={"username": "box", "password": SecretStr("hush")})
    told = {"CRANEWATCH_MQTT__USERNAME": "box", "CRANEWATCH_MQTT__PASSWORD": "hush"}
    try:
        with SpokenSite(settings, name), Box(settings, name, "crane-1", **told) as right:
            page.goto(f"{right.url}/terminal/{name}/crane-1")
            page.wait_for_function(f"{LOST} === null")
            assert "hush" not in page.content()
        with Box(settings, name, "crane-1", **{**told, "CRANEWATCH_MQTT__PASSWORD": "wrong"}) as wrong:
            page.goto(f"{wrong.url}/terminal/{name}/crane-1")
            page.wait_for_function(f"{LOST} === 'refused'")
            expect(page.locator("#line3")).to_contain_text("broker refused, check user and password")
            expect(page.locator("#login")).not_to_be_visible()  # whose password it is, is in the box
    finally:
        broker.remove()
        shutil.rmtree(folder, ignore_errors=True)
