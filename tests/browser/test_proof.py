"""A proof test on the cab's page: asked for, begun, announced, confirmed; and out of the way of anything real."""

import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from telemetry.clock import now_ms
from telemetry.model import Severity
from telemetry.settings import MqttSettings
from telemetry.wire import payloads
from telemetry.wire.payloads import Words
from telemetry.wire.proof import ProofState
from tests.browser.opening import PLAYING, begin
from tests.browser.serving import served, url
from tests.browser.spoken import SpokenSite
from tests.browser.test_cab import CONTRAST, CUT_OFF, PX_PER_MM, mm
from tests.browser.test_terminal import OVERLOAD

__all__ = ["served", "url"]

TEXT = Words(zh="测试 报警链路测试 不是真实报警", en="TEST of the way of an alarm, no real alarm")
TEST: dict[str, Any] = {"value": 110.0, "limit": 100.0, "unit": "%", "text": TEXT}
# The pitch at a moment of the test's sound, by how often it crosses zero in 0.15 s.
HERTZ = """(at) => {
  const data = cranewatch.horn.buffers.test.getChannelData(0).slice(at * 24000, (at + 0.15) * 24000);
  return data.reduce((n, x, k) => n + (k && Math.sign(x) !== Math.sign(data[k - 1])), 0) / 0.3;
}"""
LOUD = "cranewatch.horn.level() > 0.05"


@pytest.fixture
def broker(embedded_broker: MqttSettings) -> MqttSettings:
    """The page's own business is the same on any broker."""
    return embedded_broker


@pytest.fixture
def site(broker: MqttSettings, request: pytest.FixtureRequest) -> Iterator[SpokenSite]:
    with SpokenSite(broker, f"p-{zlib.crc32(request.node.nodeid.encode()):08x}", proof=True) as spoken:
        yield spoken


def cab(page: Page, url: str, site: SpokenSite) -> None:
    begin(page, f"{url}/terminal/{site.site}/crane-1")


def state(site: SpokenSite, name: str, *, retain: bool = True, words: Words | None = None) -> None:
    said = ProofState(test="test-00000001", state=name, at=now_ms(), until=now_ms() + 60_000, words=words)
    site.publish(f"cw/v1/{site.site}/crane/crane-1/down/proof_state", payloads.encode(said), retain=retain)


def raised(site: SpokenSite) -> None:
    site.alarm("proof_test", "test-raise", Severity.ADVISORY, "test", **TEST)


def said(site: SpokenSite, action: str) -> dict[str, Any]:
    return site.wait_heard(lambda topic, found: topic.endswith("/up/response") and found.get("action") == action)[1]


def test_it_fills_the_screen_as_a_test_and_is_reported_shown(page: Page, url: str, site: SpokenSite) -> None:
    cab(page, url, site)
    raised(site)
    expect(page.locator("#proof")).to_be_visible()
    expect(page.locator("#proof-head")).to_have_text("测试 TEST")
    expect(page.locator("#proof-zh")).to_have_text(TEXT.zh)
    box = page.locator("#proof").bounding_box()
    assert box is not None
    assert (box["width"], box["height"]) == (1280, 800)
    assert mm(page, "#proof-zh", "测") >= 12
    assert page.evaluate(CONTRAST, "#proof-zh") >= 6.6
    ground = page.evaluate("getComputedStyle(document.querySelector('#proof')).backgroundColor")
    assert ground == "rgb(29, 78, 216)", "no alarm's colour"
    button = page.locator("#confirm").bounding_box()
    assert button is not None
    assert button["width"] / PX_PER_MM >= 40
    assert button["height"] / PX_PER_MM >= 25
    _, receipt = site.wait_heard(lambda topic, found: found.get("transition") == "test-raise" and "stage" not in found)
    assert receipt["visible"] is True


def test_its_sound_is_announced_and_ends_with_the_tap_that_confirms_it(page: Page, url: str, site: SpokenSite) -> None:
    cab(page, url, site)
    raised(site)
    page.wait_for_function(f"{PLAYING} === 'test' && {LOUD}")
    # Rising tones first; the alarm's own two come after three seconds of them.
    assert [page.evaluate(HERTZ, at) for at in (0.02, 0.77, 3.42, 3.82)] == pytest.approx(
        [523, 1047, 1000, 750], abs=25
    )
    page.click("#confirm")
    page.wait_for_function(f"{PLAYING} === 'none'")
    expect(page.locator("#proof")).to_be_hidden()
    answer = said(site, "confirm")
    assert (answer["rule"], answer["transition"], answer["who"]) == ("proof_test", "test-raise", "op-7")


def test_it_ends_by_itself(page: Page, url: str, site: SpokenSite) -> None:
    cab(page, url, site)
    raised(site)
    expect(page.locator("#proof")).to_be_visible()
    site.clear("proof_test")
    expect(page.locator("#proof")).to_be_hidden()
    page.wait_for_function(f"{PLAYING} === 'none'")


def test_a_real_alarm_takes_screen_and_sound_at_once(page: Page, url: str, site: SpokenSite) -> None:
    cab(page, url, site)
    raised(site)
    page.wait_for_function(f"{PLAYING} === 'test'")
    site.alarm("moment", "real-1", Severity.ALARM, "continuous", **OVERLOAD)
    page.wait_for_function(f"{PLAYING} === 'continuous' && {LOUD}")
    expect(page.locator("#proof")).to_be_hidden()
    expect(page.locator("#b")).to_have_attribute("data-style", "alarm")
    site.wait_heard(lambda topic, found: found.get("transition") == "real-1" and "stage" not in found)


def test_beside_an_alarm_that_stands_a_test_is_neither_shown_nor_heard(page: Page, url: str, site: SpokenSite) -> None:
    cab(page, url, site)
    site.alarm("moment", "real-1", Severity.ALARM, "silenced", **OVERLOAD)
    expect(page.locator("#b")).to_have_attribute("data-style", "alarm")
    raised(site)
    page.wait_for_function("cranewatch.watch.alarms.has('proof_test')")
    page.wait_for_function("cranewatch.watch.delivered.length === 0")
    expect(page.locator("#proof")).to_be_hidden()
    assert page.evaluate(PLAYING) == "none"


def test_the_operator_begins_one_only_with_an_empty_hook(page: Page, url: str, site: SpokenSite) -> None:
    cab(page, url, site)
    site.readings["crane-1"]["load_t"] = 2.0
    page.wait_for_function("cranewatch.watch.value('load_t', performance.now()) === 2")
    expect(page.locator("#prove")).to_be_hidden()
    site.readings["crane-1"]["load_t"] = 0.05
    expect(page.locator("#prove")).to_be_visible()
    page.click("#prove")
    assert said(site, "begin_test")["who"] == "op-7"
    expect(page.locator("#line1")).to_have_text("测试 等待开始")
    expect(page.locator("#prove")).to_be_hidden()


def test_one_that_is_wanted_is_asked_for_and_its_end_is_told(page: Page, url: str, site: SpokenSite) -> None:
    cab(page, url, site)
    state(site, "asked")
    expect(page.locator("#line1")).to_have_text("请做报警链路测试 空钩时点按测试")
    expect(page.locator("#prove")).to_have_attribute("data-asked", "true")
    assert page.evaluate(CUT_OFF) == []
    button = page.locator("#prove").bounding_box()
    assert button is not None
    assert button["x"] + button["width"] <= 1280
    state(site, "refused", retain=False, words=Words(zh="未允许 吊钩有载", en="refused, a load on the hook"))
    expect(page.locator("#line1")).to_have_text("测试结束 未允许 吊钩有载")


def test_a_box_without_a_test_channel_offers_none(page: Page, url: str, broker: MqttSettings) -> None:
    with SpokenSite(broker, "p-plain") as plain:
        cab(page, url, plain)
        page.wait_for_function("cranewatch.watch.presence?.online")
        expect(page.locator("#prove")).to_be_hidden()
