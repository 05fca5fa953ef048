"""The supervisor's page on a phone: the first minute of an alarm, and what it shows when the phone was away."""

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from telemetry.clock import now_ms
from telemetry.model import Severity, Signal, State
from telemetry.settings import DatabaseSettings, MqttSettings
from telemetry.wire import payloads
from tests.browser.opening import until
from tests.browser.spoken import SpokenSite
from tests.browser.test_terminal import OVERLOAD
from tests.fix_database import Server
from tests.fix_proxy import Proxy
from tests.helpers import services
from tests.helpers.api import ApiProcess

PHONE = {"width": 390, "height": 844}
QUICK = {"CRANEWATCH_PARTITION__CLAIM_WAIT_S": "0.1"}
TOO_WIDE = "[document.documentElement, ...document.querySelectorAll('main')].some(one => one.scrollWidth > innerWidth)"


@pytest.fixture(scope="module")
def database(postgres_server: Server) -> Iterator[DatabaseSettings]:
    """One for the module."""
    settings = postgres_server.copy()
    yield settings
    postgres_server.drop(settings)


@pytest.fixture(scope="module")
def mqtt(rumqttd_server: Any) -> MqttSettings:
    settings: MqttSettings = rumqttd_server.settings()
    return settings


@pytest.fixture(scope="module")
def api(mqtt: MqttSettings, database: DatabaseSettings) -> Iterator[ApiProcess]:
    """API and ingest, with the record behind them."""
    ingest = services.start("ingest", services.environment(mqtt, database, **QUICK))
    with ApiProcess(mqtt, database, console=False) as process:
        yield process
    services.end(ingest)


@pytest.fixture
def site(mqtt: MqttSettings) -> Iterator[SpokenSite]:
    with SpokenSite(mqtt, f"m-{uuid.uuid4().hex[:8]}") as spoken:
        yield spoken


@pytest.fixture
def context(chromium: Browser, api: ApiProcess) -> Iterator[BrowserContext]:
    """A phone in Chinese, signed in."""
    made = chromium.new_context(viewport=PHONE, locale="zh-CN", has_touch=True, is_mobile=True)  # type: ignore[arg-type]  # Playwright's own type
    api.sign_in(made)
    yield made
    made.close()


def overload(site: SpokenSite, transition: str, **more: Any) -> None:
    site.readings["crane-1"]["load_t"] = 2.66
    site.alarm("moment", transition, Severity.ALARM, "continuous", **{**OVERLOAD, **more})


def open_alarm(page: Page, api: ApiProcess, site: SpokenSite) -> None:
    page.goto(f"{api.url}/m/{site.site}/crane-1/moment")
    until(page, "cranewatch.state.lost(performance.now()) === null")


def test_the_first_minute_of_an_alarm_is_on_one_screen(page: Page, api: ApiProcess, site: SpokenSite) -> None:
    overload(site, "a-1")
    open_alarm(page, api, site)
    expect(page.locator("#place")).to_have_text("1#塔机")
    expect(page.locator("#text")).to_have_text("超载 104 %")
    expect(page.locator("#band")).to_have_attribute("data-style", "alarm")
    expect(page.locator("#action")).to_have_text("停止起升 下降或收幅")
    expect(page.locator("#value")).to_have_text("104 %")  # 2.66 of the 2.57 t that the chart gives at 36.4 m
    expect(page.locator("#facts")).to_contain_text("36.4 m")
    expect(page.locator("#link")).to_have_text("实时")
    # History and what is live are one line; without a record there would be the live half only.
    until(page, "cranewatch.state.points.length > 10")
    assert page.locator("#trace path.value").get_attribute("d")
    assert page.locator("#trace line.limit").count() == 1
    assert not page.evaluate(TOO_WIDE)
    for button in ("#called", "#stopped", "#sensor"):
        box = page.locator(button).bounding_box()
        assert box is not None
        assert box["height"] >= 64
        assert box["y"] + box["height"] <= PHONE["height"], "under the thumb without scrolling"


def test_a_button_is_the_acknowledgement_and_says_so_when_the_analyzer_does(
    page: Page, api: ApiProcess, site: SpokenSite
) -> None:
    overload(site, "a-1")
    open_alarm(page, api, site)
    page.click("#stopped")
    expect(page.locator("#said")).to_have_text("已发出，等待分析服务确认")
    topic, said = site.wait_heard(lambda _, payload: payload.get("action") == "acknowledge")
    assert topic == f"cw/v1/{site.site}/crane/crane-1/up/response"
    assert (said["cause"], said["transition"], said["rule"]) == ("stopped", "a-1", "moment")
    expect(page.locator("#called")).to_be_enabled()
    overload(site, "a-2", state=State.ACKNOWLEDGED, desk="acknowledged")
    expect(page.locator("#said")).to_have_text("已确认")
    expect(page.locator("#called")).to_be_disabled()
    # The load comes down: below 100 % since.
    site.readings["crane-1"]["load_t"] = 2.0
    overload(site, "a-3", state=State.RETURNED, desk="unacknowledged", active=False)
    expect(page.locator("#since")).to_contain_text("已低于 100 %")
    expect(page.locator("#band")).to_have_attribute("data-style", "over")


def test_who_else_was_told_comes_from_the_record(page: Page, api: ApiProcess, site: SpokenSite) -> None:
    at = now_ms()
    overload(site, "a-1", at=at)
    raised = payloads.Transition(
        id="a-1", site=site.site, kind="crane", device="crane-1", rule="moment", signal=Signal.RAISE,
        previous=State.NORMAL, state=State.UNACKNOWLEDGED, severity=Severity.ALARM, at=at, cause=payloads.Cause(),
        text=OVERLOAD["text"], life_safety=True,
    )  # fmt: skip
    site.publish(f"cw/v1/{site.site}/crane/crane-1/down/transition", payloads.encode(raised))
    shown = payloads.Shown(terminal="t-cab", at=at + 300, transition="a-1", visible=True)
    site.publish(f"cw/v1/{site.site}/crane/crane-1/up/shown", payloads.encode(shown))
    open_alarm(page, api, site)
    expect(page.locator("#told-list")).to_contain_text("终端 t-cab 已显示", timeout=12_000)


def test_back_from_the_tunnel_it_shows_within_two_seconds_what_is_true_now(
    page: Page, api: ApiProcess, site: SpokenSite, proxy_to: Callable[[int], Proxy]
) -> None:
    proxy = proxy_to(api.port)
    overload(site, "a-1")
    page.goto(f"http://127.0.0.1:{proxy.port}/m/{site.site}/crane-1/moment")
    until(page, "cranewatch.state.lost(performance.now()) === null")
    expect(page.locator("#value")).to_have_text("104 %")
    proxy.stop()
    expect(page.locator("#link")).to_contain_text("连接中断", timeout=8_000)
    # Nobody has said that it is over.
    expect(page.locator("#text")).to_have_text("超载 104 %")
    expect(page.locator("#since")).to_contain_text("最后已知 · 持续")
    expect(page.locator("#band")).to_have_attribute("data-style", "lost")
    expect(page.locator("#value")).to_have_attribute("data-stale", "true")
    site.alarm("wind", "w-1", Severity.PREWARNING, "none", **{**OVERLOAD, "value": 11.0})
    site.clear("moment")
    proxy.start()
    begun = time.monotonic()
    page.evaluate("dispatchEvent(new Event('online'))")  # what the telephone says when the tunnel is over
    until(
        page,
        "cranewatch.state.lost(performance.now()) === null && !cranewatch.state.alarms.has('moment')"
        " && cranewatch.state.alarms.has('wind')",
    )
    assert time.monotonic() - begun < 2.0
    expect(page.locator("#since")).to_contain_text("此报警已结束")


def test_the_list_says_what_waits_and_leads_there(page: Page, api: ApiProcess, site: SpokenSite) -> None:
    overload(site, "a-1")
    site.alarm("clock", "c-1", Severity.ADVISORY, "none", desk="acknowledged", state=State.ACKNOWLEDGED)
    page.goto(f"{api.url}/m")
    line = page.locator(f"a.line[href^='/m/{site.site}/']")
    expect(line).to_have_count(1)
    expect(line).to_contain_text("1#塔机 超载 104 %")
    line.click()
    expect(page.locator("#text")).to_have_text("超载 104 %")
    page.click("#back")
    expect(page.locator("#place")).to_have_text("我的报警")


def test_it_says_when_nobody_watches(page: Page, api: ApiProcess, site: SpokenSite) -> None:
    overload(site, "a-1")
    open_alarm(page, api, site)
    site.beating = False
    expect(page.locator("#link")).to_have_text("分析服务无心跳", timeout=6_000)
    site.beating = True
    expect(page.locator("#link")).to_have_text("实时")
    site.reading = False
    expect(page.locator("#age")).to_have_attribute("data-stale", "true", timeout=6_000)
    expect(page.locator("#facts")).not_to_contain_text("36.4")


def test_english_and_the_narrowest_phone_and_the_dark(page: Page, api: ApiProcess, site: SpokenSite) -> None:
    overload(site, "a-1")
    page.set_viewport_size({"width": 360, "height": 640})
    page.emulate_media(color_scheme="dark")
    open_alarm(page, api, site)
    page.click("#language")
    expect(page.locator("#text")).to_have_text("OVERLOAD 104 %")
    expect(page.locator("#called")).to_have_text("called")
    assert not page.evaluate(TOO_WIDE)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(0, 0, 0)"
    page.reload()
    expect(page.locator("#text")).to_have_text("OVERLOAD 104 %")  # the choice is kept


def test_whoever_is_not_signed_in_is_led_to_the_sign_in_and_back(chromium: Browser, api: ApiProcess) -> None:
    made = chromium.new_context(viewport=PHONE)  # type: ignore[arg-type]  # Playwright's own type
    page = made.new_page()
    page.goto(f"{api.url}/m")
    assert "/login?next=/m" in page.url
    made.close()


def test_a_proof_test_is_no_alarm_and_has_one_button_without_a_cause(
    page: Page, api: ApiProcess, site: SpokenSite
) -> None:
    words = payloads.Words(zh="测试 报警链路测试 不是真实报警", en="TEST of the way of an alarm, no real alarm")
    site.alarm("proof_test", "p-1", Severity.ADVISORY, "test", text=words)
    page.goto(f"{api.url}/m/{site.site}/crane-1/proof_test")
    until(page, "cranewatch.state.lost(performance.now()) === null")
    expect(page.locator("#text")).to_have_text(words.zh)
    expect(page.locator("#band")).to_have_attribute("data-style", "test")
    ground = page.evaluate("getComputedStyle(document.querySelector('#band')).backgroundColor")
    assert ground == "rgb(29, 78, 216)"
    expect(page.locator("#stopped")).to_be_hidden()
    expect(page.locator("#sensor")).to_be_hidden()
    page.click("#called")
    _, said = site.wait_heard(lambda _, payload: payload.get("action") == "acknowledge")
    assert (said["rule"], said["transition"], said.get("cause")) == ("proof_test", "p-1", None)
