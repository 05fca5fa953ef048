"""The cab's page against what a cab needs (docs/terminal.md): sizes, contrast, words, the shift, the box beside it."""

import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from telemetry.clock import now_ms
from telemetry.model import CoverageLevel, Hazard, Severity
from telemetry.settings import MqttSettings
from telemetry.wire import payloads
from telemetry.wire.payloads import Words
from tests.browser.opening import LOST, PLAYING, begin
from tests.browser.serving import served, url
from tests.browser.spoken import SpokenSite
from tests.browser.test_terminal import OVERLOAD, PREWARNING

__all__ = ["served", "url"]

PX_PER_MM = min(1280 / 217, 800 / 136)  # a 10.1 inch panel

# How tall the signs of an element's own font really are, by its canvas: {text: px}.
TALL = """([selector, text]) => {
  const style = getComputedStyle(document.querySelector(selector));
  const context = document.createElement('canvas').getContext('2d');
  context.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  const found = context.measureText(text);
  return found.actualBoundingBoxAscent + found.actualBoundingBoxDescent;
}"""
# Contrast after WCAG 2.2 between an element's ink and the first ground behind it that is not transparent.
CONTRAST = """selector => {
  const light = (text) => {
    const [r, g, b] = text.match(/[0-9.]+/g).slice(0, 3).map((x) => x / 255)
      .map((x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const own = document.querySelector(selector);
  let ground = own;
  while (/rgba\\(.*, 0\\)|transparent/.test(getComputedStyle(ground).backgroundColor)) ground = ground.parentElement;
  const [a, b] = [getComputedStyle(own).color, getComputedStyle(ground).backgroundColor].map(light);
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}"""
# Words that are not whole on the screen: beyond their band of the page, or over the words beside them in a row.
CUT_OFF = """() => {
  const rect = (one) => {
    const range = document.createRange();
    range.selectNodeContents(one);
    return range.getBoundingClientRect();
  };
  const shown = [...document.querySelectorAll('header *, section *, main *, footer *')]
    .filter((one) => !one.children.length && one.textContent.trim() && one.checkVisibility() && one.id !== 'last');
  const cut = shown.filter((one) => {
    const words = rect(one), band = one.closest('header, section, main, footer').getBoundingClientRect();
    // A font's box is taller than its digits: a fifth above them and below is empty.
    const empty = (words.bottom - words.top) * 0.2, low = words.top + empty, high = words.bottom - empty;
    return words.left < band.left - 1 || words.right > band.right + 1 || low < band.top - 1 || high > band.bottom + 1;
  });
  const rows = [...document.querySelectorAll('.row')].filter((row) => row.checkVisibility());
  const over = rows.filter((row) => {
    const parts = [...row.children].map(rect);
    return parts.some((part, n) => n && part.left < parts[n - 1].right - 1);
  });
  return [...cut, ...over].map((one) => `${one.tagName}#${one.id} ${one.innerText.slice(0, 40)}`);
}"""


@pytest.fixture
def broker(embedded_broker: MqttSettings) -> MqttSettings:
    """The page's own business is the same on any broker."""
    return embedded_broker


@pytest.fixture
def site(broker: MqttSettings, request: pytest.FixtureRequest) -> Iterator[SpokenSite]:
    more: dict[str, Any] = getattr(request, "param", {})
    name = f"c-{zlib.crc32(request.node.nodeid.encode()):08x}"
    with SpokenSite(broker, name, **more) as spoken:
        yield spoken


def cab(page: Page, url: str, site: SpokenSite, **more: str) -> None:
    begin(page, f"{url}/terminal/{site.site}/crane-1", **more)


def mm(page: Page, selector: str, text: str) -> float:
    return float(page.evaluate(TALL, [selector, text])) / PX_PER_MM


def box_mm(page: Page, selector: str) -> tuple[float, float]:
    box = page.locator(selector).bounding_box()
    assert box is not None
    return box["width"] / PX_PER_MM, box["height"] / PX_PER_MM


def test_sizes_on_a_ten_inch_panel_in_millimetres(page: Page, url: str, site: SpokenSite) -> None:
    cab(page, url, site)
    site.readings["crane-1"]["load_t"] = 2.4
    site.alarm("moment", "p-1", Severity.PREWARNING, "none", **PREWARNING)
    expect(page.locator("#line1")).to_have_text("预警 力矩 93 % 勿再外变幅")
    page.wait_for_function("document.querySelector('#percent-value').textContent === '93'")
    assert mm(page, "#percent-value", "9") >= 30
    for value in ("#v0-0", "#v1-0", "#v2-0", "#v3-0", "#v3-1", "#v4-0", "#v4-1", "#load", "#rated", "#falls"):
        assert mm(page, value, "0") >= 12, value
    assert mm(page, "#line1", "预") >= 12
    assert mm(page, "#line2", "M") >= 7
    for label in ("#right label span", "#loads label span", "#age label", "#coverage span"):
        assert mm(page, label, "幅") >= 5, label
    width, height = box_mm(page, "#silence")
    assert width >= 40
    assert height >= 25
    silence = page.locator("#silence").bounding_box()
    assert silence is not None
    assert silence["x"] + silence["width"] > 1280 - 25, "in the corner that a hand finds without looking"
    assert silence["y"] + silence["height"] > 800 - 25
    rows = [box_mm(page, part)[1] / 136 for part in ("#a", "#b", "#c", "#d")]
    assert rows == pytest.approx([0.10, 0.18, 0.50, 0.22], abs=0.005)
    assert page.evaluate(CUT_OFF) == []


def test_contrast_of_every_state_by_day_and_by_night(page: Page, url: str, site: SpokenSite) -> None:
    cab(page, url, site)
    expect(page.locator("#b")).to_have_attribute("data-style", "empty")
    assert page.evaluate(CONTRAST, "#v0-0") == pytest.approx(21, abs=0.1)
    page.click("#theme")
    assert page.evaluate(CONTRAST, "#v0-0") == pytest.approx(16.8, abs=0.1)
    for theme in ("night", "day"):
        assert page.evaluate("document.documentElement.dataset.theme") == theme
        for label in ("#right label", "#coverage small", "#operator small", "#age label"):
            assert page.evaluate(CONTRAST, label) >= 7, (theme, label)
        page.click("#theme")
    page.click("#theme")
    site.alarm("moment", "p-1", Severity.PREWARNING, "none", **PREWARNING)
    expect(page.locator("#b")).to_have_attribute("data-style", "prewarning")
    assert page.evaluate(CONTRAST, "#line1") == pytest.approx(13.1, abs=0.1)
    site.alarm("moment", "a-1", Severity.ALARM, "none", **OVERLOAD)
    expect(page.locator("#b")).to_have_attribute("data-style", "alarm")
    assert page.evaluate(CONTRAST, "#line1") == pytest.approx(7.4, abs=0.1)
    site.readings["crane-1"]["mode"] = "climbing"
    expect(page.locator("#mode")).to_have_text("顶升 CLIMBING")
    assert page.evaluate(CONTRAST, "#mode") == pytest.approx(6.7, abs=0.1)
    site.beating = False
    expect(page.locator("#b")).to_have_attribute("data-style", "lost", timeout=6000)
    assert page.evaluate(CONTRAST, "#line1") == pytest.approx(21, abs=0.1)
    assert "repeating-linear-gradient" in page.evaluate("getComputedStyle(document.querySelector('#b')).background")
    # Colour is doubled by a shape and a word.
    assert page.evaluate("getComputedStyle(document.querySelector('#watched'), '::before').content") == '"▨"'


def test_a_seven_inch_panel_drops_the_small_lines_and_cuts_nothing_off(page: Page, url: str, site: SpokenSite) -> None:
    page.set_viewport_size({"width": 1024, "height": 600})
    cab(page, url, site)
    expect(page.locator("#v0-0")).to_be_visible()
    expect(page.locator("#v2-0")).not_to_be_visible()
    expect(page.locator("#scale")).not_to_be_visible()
    expect(page.locator("#v1-0")).to_have_text("50.0")
    assert page.evaluate(CUT_OFF) == []


def test_one_hazard_without_data_is_said_with_the_others_normal(page: Page, url: str, site: SpokenSite) -> None:
    cab(page, url, site)
    hazards = {hazard: payloads.HazardCoverage(level=CoverageLevel.MONITORED) for hazard in (Hazard.LOAD, Hazard.TILT)}
    why = Words(zh="风速无效", en="wind invalid")
    hazards[Hazard.WIND] = payloads.HazardCoverage(level=CoverageLevel.BLIND, reason=why)
    coverage = payloads.Coverage(at=now_ms(), level=CoverageLevel.BLIND, hazards=hazards, stale_after_ms=600)
    site.publish(site._topic("crane", "crane-1", "down/coverage"), payloads.encode(coverage), retain=True)
    expect(page.locator("#line1")).to_have_text("风速无数据 其余正常")
    expect(page.locator("#line2")).to_have_text("NO WIND DATA others normal")
    expect(page.locator("#b")).to_have_attribute("data-style", "degraded")


def test_a_shift_binds_the_operator_and_the_name_stays_on_the_box(page: Page, url: str, site: SpokenSite) -> None:
    site.readings["crane-1"]["load_t"] = 0.6
    page.goto(f"{url}/terminal/{site.site}/crane-1?theme=day")
    page.wait_for_function("document.querySelector('#who').value === 'op-7'")
    page.fill("#shown-name", "王师傅")
    page.click("#begin")
    topic, said = site.wait_heard(lambda _, payload: payload.get("action") == "begin_shift")
    assert topic == f"cw/v1/{site.site}/crane/crane-1/up/response"
    assert (said["who"], said.get("rule"), said.get("transition")) == ("op-7", None, None)
    assert payloads.decode(payloads.Response, payloads.encode(payloads.Response(**said))).action == "begin_shift"
    assert "王师傅" not in str(site.heard)
    begun = datetime.fromtimestamp(said["at"] / 1000, ZoneInfo("Asia/Shanghai"))
    expect(page.locator("#operator")).to_have_text(f"司机 OPERATOR王师傅 {begun:%H:%M}起")
    # The list ticks itself from what is read, and from nothing else.
    done = "[...document.querySelectorAll('#check-list li[data-done=true]')].map(one => one.textContent).join('|')"
    assert "空钩零位" not in page.evaluate(done)
    site.readings["crane-1"] |= {"load_t": 0.02, "limits": 1 << 5 | 1 << 9}
    page.wait_for_function(f"['空钩零位', '起升上限位', '变幅外限'].every(one => {done}.includes(one))")
    assert "变幅内限" not in page.evaluate(done)


@pytest.mark.parametrize("site", [{"cab_sound": "extra"}], indirect=True)
def test_beside_a_black_box_only_what_it_does_not_sound_is_sounded(page: Page, url: str, site: SpokenSite) -> None:
    cab(page, url, site)
    site.readings["crane-1"] |= {"device_prewarn": 0, "device_alarm": 0}
    page.wait_for_function("cranewatch.watch.value('device_alarm', performance.now()) === 0")
    site.alarm("moment", "p-1", Severity.PREWARNING, "pulse", **PREWARNING)
    expect(page.locator("#b")).to_have_attribute("data-style", "prewarning")
    assert page.evaluate(PLAYING) == "none", "its pre-warning is the box's, and ours is only shown"
    site.alarm("moment", "a-1", Severity.ALARM, "continuous", **OVERLOAD)
    page.wait_for_function(f"{PLAYING} === 'continuous'")
    site.readings["crane-1"]["device_alarm"] = 8
    page.wait_for_function(f"{PLAYING} === 'none'")
    expect(page.locator("#b")).to_have_attribute("data-style", "alarm")
    # A caught hook is of the hazard load, too, and no box's overload alarm says it.
    snag = {"hazard": Hazard.LOAD, "text": Words(zh="吊物受阻", en="LOAD SNAGGED"), "life_safety": True}
    site.alarm("snag", "s-1", Severity.CRITICAL, "continuous", **snag)
    page.wait_for_function(f"{PLAYING} === 'continuous'")
    site.clear("snag")
    page.wait_for_function(f"{PLAYING} === 'none'")
    site.readings["crane-1"].pop("device_alarm")
    page.wait_for_function(f"{PLAYING} === 'continuous'")


@pytest.mark.parametrize("site", [{"cab_sound": "none"}], indirect=True)
def test_with_no_cab_sound_an_alarm_is_shown_and_lost_monitoring_still_sounds(
    page: Page, url: str, site: SpokenSite
) -> None:
    cab(page, url, site)
    site.alarm("moment", "a-1", Severity.ALARM, "continuous", **OVERLOAD)
    expect(page.locator("#b")).to_have_attribute("data-style", "alarm")
    assert page.evaluate(PLAYING) == "none"
    site.beating = False
    page.wait_for_function(f"{PLAYING} === 'lost'", timeout=6000)


def test_after_the_lift_one_tap_says_that_it_was_false_and_changes_nothing(
    page: Page, url: str, site: SpokenSite
) -> None:
    cab(page, url, site)
    site.readings["crane-1"]["load_t"] = 2.66
    site.alarm("moment", "a-1", Severity.ALARM, "continuous", **OVERLOAD)
    page.wait_for_function(f"{PLAYING} === 'continuous'")
    expect(page.locator("#doubt")).not_to_be_visible()
    site.clear("moment")
    page.wait_for_function(f"{PLAYING} === 'none'")
    expect(page.locator("#doubt")).not_to_be_visible()  # the load still hangs
    site.readings["crane-1"]["load_t"] = 0.0
    page.click("#doubt")
    topic, said = site.wait_heard(lambda _, payload: payload.get("action") == "doubt")
    assert topic.endswith("/crane/crane-1/up/response")
    assert (said["rule"], said["transition"], said["who"]) == ("moment", "a-1", "op-7")
    expect(page.locator("#doubt")).to_have_text("已记录 RECORDED")
    expect(page.locator("#doubt")).not_to_be_visible(timeout=6000)


def test_the_hook_s_height_is_shown_above_the_floor_that_was_chosen(page: Page, url: str, site: SpokenSite) -> None:
    cab(page, url, site)
    page.wait_for_function("cranewatch.watch.value('load_t', performance.now()) < 0.1")
    page.click("#v2-0")
    site.readings["crane-1"]["hook_m"] = 33.6
    expect(page.locator("#u2-0")).to_have_text("m  距落点 +2.4")
    site.readings["crane-1"]["load_t"] = 2.0
    page.wait_for_function("cranewatch.watch.value('load_t', performance.now()) > 1")
    page.click("#v2-0")  # during a lift there is one button, and this is not it
    expect(page.locator("#u2-0")).to_have_text("m  距落点 +2.4")


def test_it_can_be_installed_and_says_its_version(page: Page, url: str, site: SpokenSite) -> None:
    page.goto(f"{url}/terminal/{site.site}/crane-1")
    manifest = page.evaluate(
        "fetch(document.querySelector('link[rel=manifest]').href).then(response => response.json())"
    )
    assert manifest["start_url"] == f"/terminal/{site.site}/crane-1"
    assert manifest["display"] == "fullscreen"
    sizes = page.evaluate(
        "icons => Promise.all(icons.map(async ({src, sizes}) => {"
        " const image = new Image(); image.src = src; await image.decode();"
        " return `${image.width}x${image.height}` === sizes; }))",
        manifest["icons"],
    )
    assert sizes == [True, True]
    build = page.evaluate("JSON.parse(document.querySelector('#setup').textContent).build")
    expect(page.locator("#notes")).to_contain_text(f"version {build}")
    files = page.evaluate(
        "navigator.serviceWorker.ready.then(() => caches.keys()).then(names => caches.open(names[0]))"
        ".then(cache => cache.keys()).then(keys => keys.map(key => new URL(key.url).pathname))"
    )
    loaded = page.evaluate(
        "performance.getEntriesByType('resource').map(one => new URL(one.name).pathname)"
        ".filter(path => path.startsWith('/terminal-assets/'))"
    )
    assert set(loaded) <= set(files)
    assert page.evaluate(LOST) in (None, "starting", "analyzer", "device")
