"""The terminal of a bay of formwork, and what of it reaches the cab of the crane that pours."""

import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from telemetry.clock import now_ms
from telemetry.model import Hazard, Severity
from telemetry.settings import MqttSettings
from telemetry.wire.payloads import Pour, Words
from tests.browser.opening import LOST, PLAYING, begin
from tests.browser.serving import served, url
from tests.browser.spoken import SpokenSite

__all__ = ["served", "url"]

SETTLED: dict[str, Any] = {
    "hazard": Hazard.SETTLEMENT, "value": 8.3, "limit": 8.0, "unit": "mm", "life_safety": True,
    "text": Words(zh="沉降 8.3 mm", en="SETTLEMENT 8.3 mm"),
    "action": Words(zh="停止浇筑 全员撤离", en="stop the pour, everybody out"),
}  # fmt: skip
SETTLING = SETTLED | {"value": 6.2, "limit": 6.0, "text": Words(zh="沉降 6.2 mm", en="SETTLEMENT 6.2 mm")}


@pytest.fixture
def broker(embedded_broker: MqttSettings) -> MqttSettings:
    """The page's own business is the same on any broker."""
    return embedded_broker


@pytest.fixture
def site(broker: MqttSettings, request: pytest.FixtureRequest) -> Iterator[SpokenSite]:
    """Three posts of bay A; crane-1 pours into it, crane-2 does not."""
    name = f"y-{zlib.crc32(request.node.nodeid.encode()):08x}"
    now = now_ms()
    pour = Pour(permit="P-7", bay="A", crane="crane-1", valid_from=now - 60_000, valid_to=now + 3_600_000)
    with SpokenSite(broker, name, cranes=2, posts=3, pours=[pour]) as spoken:
        yield spoken


def test_three_words_and_a_horn_that_goes_on_until_somebody_there_silences_it(
    page: Page, url: str, site: SpokenSite
) -> None:
    begin(page, f"{url}/terminal/{site.site}/bay/A")
    expect(page.locator("#name")).to_have_text("高支模 A")
    expect(page.locator("#operator")).to_contain_text("3 / 3")
    expect(page.locator("#pour-zh")).to_have_text("正常浇筑")
    site.alarm("settlement", "w-1", Severity.PREWARNING, "pulse", device="post-03", **SETTLING)
    expect(page.locator("#pour-zh")).to_have_text("放慢浇筑")
    expect(page.locator("#pour-do")).to_have_text("检查03号立杆")
    site.alarm("settlement", "s-1", Severity.ALARM, "continuous", device="post-03", **SETTLED)
    page.wait_for_function(f"{PLAYING} === 'continuous'")
    expect(page.locator("#pour-zh")).to_have_text("立即停止浇筑")
    expect(page.locator("#pour-do")).to_have_text("全员撤离")
    expect(page.locator("#pour-en")).to_have_text("STOP POURING everybody out")
    topic, _ = site.wait_heard(
        lambda _, payload: payload.get("transition") == "s-1" and payload.get("stage") != "delivered"
    )
    assert topic.endswith("/formwork/post-03/up/shown")
    site.clear("settlement", device="post-03")
    page.wait_for_function("cranewatch.watch.watches.get('post-03').alarms.size === 0")
    assert page.evaluate(PLAYING) == "continuous", "it is over, and nobody there has said that they heard it"
    page.click("#silence")
    assert page.evaluate(PLAYING) == "none"
    topic, answer = site.wait_heard(lambda _, payload: payload.get("action") == "silence")
    assert topic == f"cw/v1/{site.site}/formwork/post-03/up/response"
    assert (answer["rule"], answer["transition"]) == ("settlement", "s-1")
    expect(page.locator("#pour-zh")).to_have_text("正常浇筑")
    # Its heartbeat goes out under its first post: that is where the analyzer looks for a bay's terminal.
    site.heard.clear()
    topic, beat = site.wait_heard(lambda _, payload: "audio" in payload)
    assert topic.endswith("/formwork/post-01/up/shown")
    assert beat["visible"] is True


def test_an_alarm_of_the_whole_bay_is_shown_and_one_of_another_bay_is_not(
    page: Page, url: str, site: SpokenSite
) -> None:
    begin(page, f"{url}/terminal/{site.site}/bay/A")
    site.keys += [("formwork", "bay-a"), ("formwork", "bay-b")]
    site.readings |= {"bay-a": {}, "bay-b": {}}
    site.reading = False  # of a bay nothing is ever read
    site.alarm("differential", "b-1", Severity.ALARM, "continuous", device="bay-b", bay="B", **SETTLED)
    site.alarm("settlement", "w-1", Severity.PREWARNING, "none", device="post-01", **SETTLING)
    expect(page.locator("#line1")).to_contain_text("沉降 6.2 mm")
    assert page.evaluate(PLAYING) == "none"
    site.alarm("differential", "a-1", Severity.ALARM, "continuous", device="bay-a", bay="A", **SETTLED)
    page.wait_for_function(f"{PLAYING} === 'continuous'")
    expect(page.locator("#pour-zh")).to_have_text("立即停止浇筑")


def test_one_silent_post_is_named_and_all_of_them_are_no_watch(page: Page, url: str, site: SpokenSite) -> None:
    begin(page, f"{url}/terminal/{site.site}/bay/A")
    post = site.keys.pop()
    expect(page.locator("#line1")).to_have_text("03 号立杆无数据 其余正常", timeout=8000)
    expect(page.locator("#operator")).to_contain_text("2 / 3")
    site.reading = False
    page.wait_for_function(f"{LOST} === 'device'", timeout=8000)
    expect(page.locator("#line2")).to_have_text("现场观察 通知地面")
    expect(page.locator("#pour-zh")).to_have_text("监测中断")
    site.keys.append(post)


def test_a_bay_that_nobody_is_configured_into_says_so(page: Page, url: str, site: SpokenSite) -> None:
    page.goto(f"{url}/terminal/{site.site}/bay/Z")
    page.wait_for_function(f"{LOST} === 'empty'", timeout=9000)
    expect(page.locator("#line3")).to_contain_text("no posts in this bay")


def test_the_crane_that_pours_is_told_and_its_silence_is_its_own(page: Page, url: str, site: SpokenSite) -> None:
    begin(page, f"{url}/terminal/{site.site}/crane-1")
    page.wait_for_function("cranewatch.pours.has('A') && cranewatch.pours.get('A').lost(performance.now()) === null")
    site.heard.clear()
    site.alarm("settlement", "s-1", Severity.ALARM, "continuous", device="post-02", **SETTLED)
    page.wait_for_function(f"{PLAYING} === 'continuous'")
    expect(page.locator("#line1")).to_have_text("高支模 A 立即停止浇筑 全员撤离 沉降 8.3 mm")
    expect(page.locator("#percent-value")).to_be_visible()
    topic, _ = site.wait_heard(
        lambda _, payload: payload.get("transition") == "s-1" and payload.get("stage") != "delivered"
    )
    assert topic.endswith("/formwork/post-02/up/shown")
    page.click("#silence")
    page.wait_for_function(f"{PLAYING} === 'none'")
    # The foreman silences it at the bay: that is not this cab's ear, and the other way round.
    page.evaluate("cranewatch.pours.get('A').watches.get('post-02').silenced.get('settlement').until = 0")
    page.wait_for_function(f"{PLAYING} === 'continuous'")
    site.alarm("settlement", "s-1", Severity.ALARM, "silenced", device="post-02", **SETTLED)
    page.wait_for_function(
        "cranewatch.pours.get('A').watches.get('post-02').alarms.get('settlement').cab === 'silenced'"
    )
    assert page.evaluate(PLAYING) == "continuous"
    assert [payload for _, payload in site.heard if payload.get("action") == "silence"] == []
    site.clear("settlement", device="post-02")
    page.wait_for_function(f"{PLAYING} === 'none'")


def test_a_crane_that_does_not_pour_hears_nothing_of_it(page: Page, url: str, site: SpokenSite) -> None:
    begin(page, f"{url}/terminal/{site.site}/crane-2")
    site.alarm("settlement", "s-1", Severity.ALARM, "continuous", device="post-02", **SETTLED)
    site.alarm("moment", "m-1", Severity.ALARM, "none", device="crane-2", hazard=Hazard.MOMENT,
               text=Words(zh="超载", en="OVERLOAD"))  # fmt: skip
    expect(page.locator("#line1")).to_contain_text("超载")
    assert page.evaluate("cranewatch.pours.size") == 0
    assert page.evaluate(PLAYING) == "none"


def test_a_page_that_cannot_be_drawn_says_that_nobody_watches_and_comes_back(
    context: BrowserContext, url: str, site: SpokenSite
) -> None:
    page = context.new_page()  # its script fails here, and that is what is tested
    begin(page, f"{url}/terminal/{site.site}/bay/A")
    page.evaluate("() => { cranewatch.watch.model = () => { throw 'a defect' } }")
    expect(page.locator("#line1")).to_have_text("监测中断 NOT MONITORED")
    expect(page.locator("#line3")).to_contain_text("a defect")
    expect(page.locator("#watched")).to_have_attribute("data-level", "lost")
    page.wait_for_function(f"{PLAYING} === 'lost'")
    page.evaluate("() => { delete cranewatch.watch.model }")
    expect(page.locator("#pour-zh")).to_have_text("正常浇筑")
    expect(page.locator("#watched")).to_have_attribute("data-level", "monitored")
