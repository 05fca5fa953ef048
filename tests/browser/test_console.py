"""The desk's console in a real browser."""

import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from telemetry.model import Hazard, Severity, State
from telemetry.settings import MqttSettings
from telemetry.wire.payloads import Words
from tests.browser.spoken import SpokenSite
from tests.helpers.api import ApiProcess

SITE = "t-console"
OVERLOAD = {
    "hazard": Hazard.MOMENT, "value": 104.0, "limit": 100.0, "unit": "%", "life_safety": True,
    "text": Words(zh="超载 104 %", en="OVERLOAD 104 %"),
    "action": Words(zh="停止起升 下降或收幅", en="stop hoisting, lower or trolley in"),
}  # fmt: skip


@pytest.fixture(scope="module")
def console(rumqttd_server: object) -> Iterator[ApiProcess]:
    settings: MqttSettings = rumqttd_server.settings()  # type: ignore[attr-defined]  # a fixture's server
    with ApiProcess(settings) as process:
        yield process


@pytest.fixture
def site(embedded_broker: MqttSettings, console: ApiProcess) -> Iterator[SpokenSite]:
    with SpokenSite(embedded_broker, SITE, cranes=2, posts=3) as spoken:
        yield spoken
        for kind, device, rule in list(spoken.alarms):
            assert kind
            spoken.clear(rule, device=device)


def test_a_site_shows_its_cranes_its_bay_and_what_is_not_monitored(
    page: Page, console: ApiProcess, site: SpokenSite
) -> None:
    site.readings["crane-1"]["load_t"] = 2.05
    page.goto(f"{console.url}/site/{SITE}")
    card = page.locator("a.cw-card", has_text="1#塔机")
    expect(card.locator(".cw-percent")).to_have_text("80%")
    expect(card).to_contain_text("群塔防碰撞 未监测")
    expect(page.locator("a.cw-post")).to_have_count(3)
    expect(page.locator(".cw-status")).to_contain_text("watching")
    expect(page.locator(".cw-empty")).to_contain_text("当前无报警")
    words = page.inner_text("body").lower()
    for word in ("安全", "保护", "safe", "protected"):
        assert word not in words


def test_an_alarm_is_acknowledged_by_a_person_with_what_they_did(
    page: Page, console: ApiProcess, site: SpokenSite
) -> None:
    page.goto(f"{console.url}/site/{SITE}")
    site.alarm("moment", "alarm-1", Severity.ALARM, "continuous", device="crane-2", **OVERLOAD)
    row = page.locator(".cw-alarms > .cw-alarm", has_text="OVERLOAD 104 %")
    expect(row).to_contain_text("2#塔机")
    row.get_by_role("button", name="ACKNOWLEDGE").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="called the operator").click()
    expect(dialog).to_contain_text("a name is needed")
    dialog.get_by_label("姓名 your name").fill("李娜")
    dialog.get_by_role("button", name="called the operator").click()
    topic, answer = site.wait_heard(lambda topic, _: topic.endswith("/up/response"))
    assert topic == f"cw/v1/{SITE}/crane/crane-2/up/response"
    assert (answer["action"], answer["who"], answer["cause"]) == ("acknowledge", "李娜", "called")
    assert (answer["rule"], answer["transition"]) == ("moment", "alarm-1")
    # The analyzer says so; only then does the row.
    site.alarm(
        "moment", "alarm-2", Severity.ALARM, "continuous", device="crane-2", **{**OVERLOAD, "state": State.ACKNOWLEDGED}
    )
    expect(row).to_contain_text("已确认")
    expect(row.get_by_role("button", name="ACKNOWLEDGE")).to_be_hidden()
    site.clear("moment", device="crane-2")
    expect(row).to_have_count(0)


def test_alarms_are_sorted_worst_first_as_they_come(page: Page, console: ApiProcess, site: SpokenSite) -> None:
    page.goto(f"{console.url}/site/{SITE}")
    wind = {"hazard": Hazard.WIND, "text": Words(zh="风速预警", en="WIND RISING")}
    site.alarm("wind", "w-1", Severity.PREWARNING, "pulse", **wind)
    expect(page.locator(".cw-alarm")).to_have_count(1)
    site.alarm("moment", "m-1", Severity.ALARM, "continuous", device="crane-2", **OVERLOAD)
    expect(page.locator(".cw-alarm")).to_have_count(2)
    expect(page.locator(".cw-alarm").first).to_contain_text("OVERLOAD")


def test_no_figure_is_stale_without_saying_so(page: Page, console: ApiProcess, site: SpokenSite) -> None:
    page.goto(f"{console.url}/crane/{SITE}/crane-1")
    expect(page.locator(".cw-card .cw-percent")).to_be_visible()
    site.beating = site.reading = False
    expect(page.locator(".cw-status")).to_contain_text("NOT MONITORED", timeout=8000)
    expect(page.locator(".cw-card")).to_have_class("cw-card stale")
    expect(page.locator(".cw-age.old")).to_contain_text("ago")
    struck = "getComputedStyle(document.querySelector('.cw-percent')).textDecorationLine"
    assert page.evaluate(struck) == "line-through"
    expect(page.locator(".cw-cover")).to_contain_text("coverage unknown")


def test_a_page_says_so_when_its_server_is_stuck_or_gone(
    page: Page, embedded_broker: MqttSettings, site: SpokenSite
) -> None:
    with ApiProcess(embedded_broker) as own:
        page.goto(f"{own.url}/site/{SITE}")
        expect(page.locator(".cw-status")).to_contain_text("watching")
        stopped = page.locator("#cw-stopped")
        page.wait_for_timeout(3500)  # longer than the watchdog's patience: a page that is served stays calm
        expect(stopped).to_have_count(0)
        own.signal(signal.SIGSTOP)
        try:
            expect(stopped).to_contain_text("NOT MONITORED", timeout=8000)
            expect(stopped).to_contain_text("page data stopped")
            expect(page.locator(".cw-status")).to_be_hidden()
            struck = "getComputedStyle(document.querySelector('.cw-percent')).textDecorationLine"
            assert page.evaluate(struck) == "line-through"
            age = "getComputedStyle(document.querySelector('.cw-age'), '::after').content"
            assert "s ago" in page.evaluate(age)
            empty = "getComputedStyle(document.querySelector('.cw-alarms .cw-empty'), '::after').content"
            assert "alarm state unknown" in page.evaluate(empty)
            assert page.locator(".cw-band .dot:visible").count() == 0
        finally:
            own.signal(signal.SIGCONT)
        expect(stopped).to_have_count(0, timeout=8000)
        expect(page.locator(".cw-status")).to_contain_text("watching")
        own.kill()
        expect(stopped).to_contain_text("NOT MONITORED", timeout=8000)


def test_nothing_is_fetched_from_anywhere_else(page: Page, console: ApiProcess, site: SpokenSite) -> None:
    foreign: list[str] = []
    page.on("request", lambda request: foreign.append(request.url) if console.url not in request.url else None)
    page.on("websocket", lambda socket: foreign.append(socket.url) if "127.0.0.1" not in socket.url else None)
    for path in ("/", f"/site/{SITE}", f"/crane/{SITE}/crane-1", f"/device/{SITE}/post-01"):
        page.goto(console.url + path)
        page.wait_for_load_state("networkidle")
    assert [url for url in foreign if not url.startswith(("data:", "blob:"))] == []


def test_a_phone_needs_no_sideways_scrolling(chromium: Browser, console: ApiProcess, site: SpokenSite) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    site.alarm("moment", "m-1", Severity.ALARM, "continuous", **OVERLOAD)
    for path in ("/", f"/site/{SITE}", f"/crane/{SITE}/crane-1", f"/device/{SITE}/post-01"):
        page.goto(console.url + path)
        page.wait_for_selector(".cw-card, .cw-post")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
    context.close()


def test_a_hostile_name_stays_text(page: Page, console: ApiProcess, site: SpokenSite) -> None:
    hostile = {**OVERLOAD, "text": Words(zh="<img src=x onerror=document.title='owned'>", en="<b>bold</b>")}
    site.alarm("moment", "m-1", Severity.ALARM, "continuous", **hostile)
    page.goto(f"{console.url}/site/{SITE}")
    expect(page.locator(".cw-alarm")).to_contain_text("<img src=x")
    assert "owned" not in page.title()
