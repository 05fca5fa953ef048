"""The desk's console in a real browser."""

import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from telemetry.model import Hazard, Severity, State
from telemetry.settings import DatabaseSettings, MqttSettings
from telemetry.wire.payloads import Presence, Words, encode
from tests.browser.spoken import SpokenSite
from tests.fix_database import Server
from tests.helpers.api import ApiProcess

SITE = "t-console"
OVERLOAD = {
    "hazard": Hazard.MOMENT, "value": 104.0, "limit": 100.0, "unit": "%", "life_safety": True,
    "text": Words(zh="超载 104 %", en="OVERLOAD 104 %"),
    "action": Words(zh="停止起升 下降或收幅", en="stop hoisting, lower or trolley in"),
}  # fmt: skip


@pytest.fixture(scope="module")
def console(rumqttd_server: object, postgres_server: Server) -> Iterator[ApiProcess]:
    settings: MqttSettings = rumqttd_server.settings()  # type: ignore[attr-defined]  # a fixture's server
    database = postgres_server.copy()
    with ApiProcess(settings, database) as process:
        yield process
    postgres_server.drop(database)


@pytest.fixture(autouse=True)
def signed_in(context: BrowserContext, console: ApiProcess) -> None:
    enter(context, console)


def enter(context: BrowserContext, console: ApiProcess, language: str = "both") -> None:
    """Signed in, and reading both languages, so that a test sees either."""
    console.sign_in(context)
    context.add_cookies([{"name": "cw_language", "value": language, "url": console.url}])


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


def test_alarms_that_another_one_speaks_for_are_no_lines_of_their_own_and_the_one_is_acknowledged(
    page: Page, console: ApiProcess, site: SpokenSite
) -> None:
    page.goto(f"{console.url}/site/{SITE}")
    for device in ("crane-1", "crane-2"):
        silence = Words(zh="监测中断 13 秒无数据", en="NOT MONITORED no data for 13 s")
        site.alarm("silence", f"s-{device}", Severity.ALARM, "none", device=device, text=silence, parent="p0",
                   desk="none")  # fmt: skip
    many = Words(zh="1#塔机 监测中断 等2台设备失联", en="1#塔机: NOT MONITORED, 2 devices silent in all")
    site.alarm("silence", "s-all", Severity.ALARM, "none", device="p0", text=many, posts=2, life_safety=True)
    rows = page.locator(".cw-alarms > .cw-alarm")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("代 2 台设备")
    expect(page.locator("a.cw-card", has_text="2#塔机")).to_contain_text("监测中断")
    rows.get_by_role("button", name="ACKNOWLEDGE").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="called the operator").click()
    topic, answer = site.wait_heard(lambda topic, _: topic.endswith("analyzer/p0/up/response"))
    assert (answer["rule"], answer["who"]) == ("silence", "wang.gong"), topic


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
    topic, answer = site.wait_heard(lambda topic, _: topic.endswith("/up/response"))
    assert topic == f"cw/v1/{SITE}/crane/crane-2/up/response"
    assert (answer["action"], answer["who"], answer["cause"]) == ("acknowledge", "wang.gong", "called")
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
    page: Page, embedded_broker: MqttSettings, postgres_database: DatabaseSettings, site: SpokenSite
) -> None:
    with ApiProcess(embedded_broker, postgres_database) as own:
        own.sign_in(page.context)
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


def test_a_kind_that_nobody_declared_breaks_no_page(page: Page, console: ApiProcess, site: SpokenSite) -> None:
    presence = Presence(online=True, interval_ms=1000)
    site.publish(f"cw/v1/{SITE}/cranes/crane-9/up/presence", encode(presence), retain=True)
    site.publish(f"cw/v1/{SITE}/nokind/x/up/reading", b'{"boot": "boot-0001", "seq": 1, "ts": 1, "load_t": 1}')
    site.publish(f"cw/v1/{SITE}/crane/crane-8/up/reading", b"not a frame")
    # Heard in order: when this is shown, the others have been heard.
    site.alarm("moment", "m-1", Severity.ALARM, "continuous", **OVERLOAD)
    answer = page.goto(f"{console.url}/site/{SITE}")
    assert answer is not None
    assert answer.status == 200
    expect(page.locator(".cw-alarm")).to_have_count(1)
    expect(page.locator("a.cw-card")).to_have_count(2)
    assert page.goto(f"{console.url}/sites") is not None
    expect(page.locator("a.cw-card", has_text=SITE)).to_be_visible()
    site.publish(f"cw/v1/{SITE}/cranes/crane-9/up/presence", b"", retain=True)


def test_what_the_analyzer_says_of_itself_is_an_alarm_and_no_device(
    page: Page, console: ApiProcess, site: SpokenSite
) -> None:
    site.readings["p0"] = {}
    site.keys.append(("analyzer", "p0"))
    site.alarm("clock", "c-1", Severity.ALARM, "none", device="p0", text=Words(zh="本机时钟", en="OUR CLOCK IS OFF"))
    page.goto(f"{console.url}/site/{SITE}")
    row = page.locator(".cw-alarm", has_text="OUR CLOCK IS OFF")
    expect(row).to_contain_text("分析服务 analyzer p0")
    expect(row).to_contain_text("still holds")
    expect(row.get_by_role("button", name="ACKNOWLEDGE")).to_be_visible()
    expect(page.locator("a.cw-card")).to_have_count(2)


def test_the_alarm_of_a_silent_device_is_what_was_last_known(page: Page, console: ApiProcess, site: SpokenSite) -> None:
    site.alarm("moment", "m-1", Severity.ALARM, "continuous", **OVERLOAD)
    page.goto(f"{console.url}/site/{SITE}")
    row = page.locator(".cw-alarm", has_text="OVERLOAD")
    expect(row).to_contain_text("still holds")
    site.reading = False
    expect(row).to_contain_text("held when last measured, unknown now", timeout=8000)
    expect(row).not_to_contain_text("still holds")


def test_an_unknown_site_is_never_called_calm(page: Page, console: ApiProcess, site: SpokenSite) -> None:
    page.goto(f"{console.url}/site/nope")
    expect(page.locator(".cw-status")).to_contain_text("NOT MONITORED: unknown site")
    expect(page.locator(".cw-col .cw-empty, .cw-main > div > .cw-empty").first).to_contain_text("unknown site")
    assert "no alarms now" not in page.inner_text("body")
    assert page.locator("html").get_attribute("lang") == "zh-CN"


def test_the_chart_speaks_in_the_site_s_time_wherever_the_desk_is(
    chromium: Browser, console: ApiProcess, site: SpokenSite
) -> None:
    context = chromium.new_context(timezone_id="America/New_York")
    enter(context, console)
    page = context.new_page()
    page.goto(f"{console.url}/crane/{SITE}/crane-1")
    expect(page.locator("body")).to_contain_text("times of the site: Asia/Shanghai")
    page.wait_for_selector(".cw-chart canvas, .cw-chart svg")
    axis = "(() => getElement(document.querySelector('.cw-chart').id.slice(1)).chart.getOption().xAxis[0])()"
    assert page.evaluate(f"{axis}.axisLabel.formatter(0)") == "08:00"
    assert page.evaluate(f"{axis}.axisPointer.label.formatter({{value: 61000}})") == "08:01:01"
    context.close()


def test_unknown_paths_of_the_api_are_problems_beside_the_console_too(page: Page, console: ApiProcess) -> None:
    for path in ("/api", "/api/nosuch", "/api/v1/nosuch"):
        answer = page.request.get(console.url + path)
        assert answer.status == 404
        assert answer.headers["content-type"] == "application/problem+json"
    assert page.request.delete(f"{console.url}/api/v1/sites", headers={"Origin": console.url}).status == 405


def test_nothing_is_fetched_from_anywhere_else(page: Page, console: ApiProcess, site: SpokenSite) -> None:
    foreign: list[str] = []
    page.on("request", lambda request: foreign.append(request.url) if console.url not in request.url else None)
    page.on("websocket", lambda socket: foreign.append(socket.url) if "127.0.0.1" not in socket.url else None)
    for path in ("/", f"/site/{SITE}", f"/crane/{SITE}/crane-1", f"/device/{SITE}/post-01"):
        page.goto(console.url + path)
        page.wait_for_function("document.querySelector('.cw-pulse')?.dataset.beat > 2")  # repainted: all is loaded
    assert [url for url in foreign if not url.startswith(("data:", "blob:"))] == []


def test_a_phone_needs_no_sideways_scrolling(chromium: Browser, console: ApiProcess, site: SpokenSite) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    enter(context, console)
    page = context.new_page()
    site.alarm("moment", "m-1", Severity.ALARM, "continuous", **OVERLOAD)
    for path in ("/", f"/site/{SITE}", f"/crane/{SITE}/crane-1", f"/device/{SITE}/post-01", "/docs"):
        page.goto(console.url + path)
        page.wait_for_selector(".cw-card, .cw-post, h2")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
    context.close()


def test_a_hostile_name_stays_text(page: Page, console: ApiProcess, site: SpokenSite) -> None:
    hostile = {**OVERLOAD, "text": Words(zh="<img src=x onerror=document.title='owned'>", en="<b>bold</b>")}
    site.alarm("moment", "m-1", Severity.ALARM, "continuous", **hostile)
    page.goto(f"{console.url}/site/{SITE}")
    expect(page.locator(".cw-alarm")).to_contain_text("<img src=x")
    assert "owned" not in page.title()
