"""The desk's pages in a browser: languages, what moves, answers, permissions, and whether everybody can use them."""

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from telemetry.clock import now_ms
from telemetry.model import Hazard, Severity, State
from telemetry.roles import Role
from telemetry.settings import DatabaseSettings, MqttSettings
from telemetry.wire.payloads import Words
from tests.browser.spoken import SpokenSite
from tests.fix_database import Server
from tests.helpers.api import ApiProcess

SITE = "t-desk"
SENSOR = {"hazard": Hazard.WIND, "text": Words(zh="风速无数据", en="NO WIND DATA")}
PATHS = (
    "/", "/sites", "/users", f"/site/{SITE}", f"/site/{SITE}/handover", f"/site/{SITE}/alarms",
    f"/site/{SITE}/history", f"/site/{SITE}/record", f"/site/{SITE}/quality", f"/site/{SITE}/limits",
    f"/site/{SITE}/tests", f"/site/{SITE}/duty", f"/site/{SITE}/config", "/sites/new", f"/crane/{SITE}/crane-1",
    f"/device/{SITE}/post-01", f"/bay/{SITE}/A",
    f"/alarm/{SITE}/crane-1/sensor",
)  # fmt: skip
# Contrast by WCAG of every text against what is painted behind it, where that is one colour.
CONTRAST = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const linear = (c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const light = (rgb) => [0.2126, 0.7152, 0.0722].reduce((sum, share, k) => sum + share * linear(rgb[k] / 255), 0);
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const style = getComputedStyle(at), [r, g, b, a = 1] = parse(style.backgroundColor);
      if (style.backgroundImage !== "none") return null;
      if (a === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const node of document.querySelectorAll("header *, nav *, .cw-page *")) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
    const box = node.getBoundingClientRect();
    if (!own || !box.width || node.closest("svg, canvas, .q-field, option, .cw-spoken")) continue;
    const ground = behind(node), style = getComputedStyle(node);
    if (ground === null || style.visibility === "hidden") continue;
    const [a, b] = [light(parse(style.color)), light(ground)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05), large = parseFloat(style.fontSize) >= 24;
    const said = `${node.className}: ${node.textContent.trim().slice(0, 30)} ${ratio.toFixed(2)}`;
    if (ratio < (large ? 3 : 4.5)) poor.push(said);
  }
  return poor;
}"""
UNNAMED = """() => [..."a[href] button input:not([type=hidden]) select textarea [role=button]".split(" ")]
  .flatMap((which) => [...document.querySelectorAll(which)])
  .filter((node) => node.offsetParent !== null)
  .filter((node) => {
    const text = node.tagName === "SELECT" ? "" : node.textContent.trim();  // its options are no name
    const label = node.closest("label") || (node.id && document.querySelector(`label[for="${node.id}"]`));
    return !(node.getAttribute("aria-label") || node.getAttribute("aria-labelledby") || text
      || node.title || (label && label.textContent.trim()));
  }).map((node) => node.outerHTML.slice(0, 120))"""
HEADINGS = "() => [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map((node) => Number(node.tagName[1]))"


@pytest.fixture(scope="module")
def record(postgres_server: Server) -> Iterator[DatabaseSettings]:
    database = postgres_server.copy()
    with psycopg.connect(database.url.get_secret_value(), autocommit=True) as connection:
        connection.execute("INSERT INTO site (site, display_name) VALUES (%s, '示范工地 Demo site')", (SITE,))
    yield database
    postgres_server.drop(database)


@pytest.fixture(scope="module")
def desk(rumqttd_server: object, record: DatabaseSettings) -> Iterator[ApiProcess]:
    settings: MqttSettings = rumqttd_server.settings()  # type: ignore[attr-defined]  # a fixture's server
    with ApiProcess(settings, record) as process:
        yield process


@pytest.fixture
def site(embedded_broker: MqttSettings, desk: ApiProcess) -> Iterator[SpokenSite]:
    with SpokenSite(embedded_broker, SITE, cranes=2, posts=4, proof=True) as spoken:
        yield spoken
        for _, device, rule in list(spoken.alarms):
            spoken.clear(rule, device=device)


def enter(context: BrowserContext, desk: ApiProcess, **cookies: str) -> Page:
    desk.sign_in(context)
    context.add_cookies([{"name": f"cw_{name}", "value": value, "url": desk.url} for name, value in cookies.items()])
    return context.new_page()


def test_a_page_speaks_the_browser_s_language_until_its_reader_chooses_another(
    chromium: Browser, desk: ApiProcess, site: SpokenSite
) -> None:
    context = chromium.new_context(locale="en-GB")
    page = enter(context, desk)
    page.goto(f"{desk.url}/site/{SITE}")
    expect(page.locator(".cw-status")).to_contain_text("watching, heartbeat")
    expect(page.locator("html")).to_have_attribute("lang", "en-US")
    assert "监测中" not in page.inner_text("body")
    site.alarm("wind", "w-1", Severity.ALARM, "none", text=Words(zh="大风", en="HIGH WIND"))
    expect(page.locator(".cw-alarms .cw-alarm")).to_contain_text("HIGH WIND")
    page.get_by_label("language").select_option("zh")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(page.locator(".cw-alarms .cw-alarm")).to_contain_text("大风")
    expect(page.locator("nav")).to_contain_text("交接班")
    assert "HIGH WIND" not in page.inner_text("body")
    context.close()
    context = chromium.new_context(locale="fr-FR")
    page = enter(context, desk)
    page.goto(f"{desk.url}/sites")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    context.close()


def test_jibs_turn_on_the_plan_as_the_cranes_do(context: BrowserContext, desk: ApiProcess, site: SpokenSite) -> None:
    page = enter(context, desk, language="en")
    page.goto(f"{desk.url}/site/{SITE}")
    jib = page.locator(".cw-plan .crane .jib").first
    before = jib.get_attribute("x2")
    assert before is not None
    expect(jib).not_to_have_attribute("x2", before)
    expect(page.locator(".cw-plan-note")).to_contain_text("ANTI-COLLISION NOT MONITORED: 1#塔机–2#塔机")
    site.reading = False
    expect(page.locator(".cw-plan .crane.old")).to_have_count(2, timeout=8000)
    expect(page.locator(".cw-plan .crane.old").first).to_contain_text("?")


def test_an_alarm_is_shelved_with_an_end_and_a_reason_and_taken_back(
    context: BrowserContext, desk: ApiProcess, site: SpokenSite
) -> None:
    page = enter(context, desk, language="en")
    site.alarm("sensor", "s-1", Severity.ADVISORY, "none", **SENSOR)
    page.goto(f"{desk.url}/alarm/{SITE}/crane-1/sensor")
    page.get_by_role("button", name="Shelve", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Shelve", exact=True).click()
    expect(dialog).to_contain_text("say why")
    dialog.get_by_role("button", name="60 min").click()
    dialog.get_by_label("reason").fill("anemometer is being replaced")
    before = now_ms()
    dialog.get_by_role("button", name="Shelve", exact=True).click()
    _, answer = site.wait_heard(lambda _, said: said.get("action") == "shelve")
    assert (answer["who"], answer["why"]) == ("wang.gong", "anemometer is being replaced")
    assert 0 <= answer["until"] - before - 3_600_000 < 10_000
    site.alarm("sensor", "s-2", Severity.ADVISORY, "none", **SENSOR, state=State.SHELVED)
    expect(page.locator(".cw-alarm").first).to_contain_text("shelved")
    page.get_by_role("button", name="Take back from the shelf").click()
    page.get_by_role("dialog").get_by_role("button", name="Take back from the shelf").click()
    site.wait_heard(lambda _, said: said.get("action") == "unshelve")
    # Its end: the analyzer says that it is back, and the page asks for an answer again.
    site.alarm("sensor", "s-3", Severity.ADVISORY, "none", **SENSOR)
    expect(page.get_by_role("button", name="Acknowledge")).to_be_visible()


def test_what_is_about_lives_is_offered_neither_shelf_nor_company(
    context: BrowserContext, desk: ApiProcess, site: SpokenSite
) -> None:
    page = enter(context, desk, language="en")
    danger: dict[str, Any] = {"life_safety": True, "hold": True, "text": Words(zh="吊物受阻", en="LOAD SNAGGED")}
    site.alarm("snag", "x-1", Severity.CRITICAL, "continuous", **danger)
    site.alarm("sensor", "s-1", Severity.ADVISORY, "none", device="crane-2", **SENSOR)
    page.goto(f"{desk.url}/site/{SITE}/alarms")
    expect(page.get_by_role("log")).to_contain_text("LOAD SNAGGED")  # told to whoever listens to the page
    snag, sensor = (page.locator("article", has_text=words) for words in ("LOAD SNAGGED", "NO WIND DATA"))
    expect(sensor.get_by_role("checkbox")).to_be_visible()
    expect(snag.get_by_role("checkbox")).to_be_hidden()
    sensor.get_by_role("checkbox").click()
    page.get_by_role("button", name="Acknowledge the chosen together").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("reason").fill("the same loose plug")
    dialog.get_by_role("button", name="Acknowledge 1 alarm of low priority").click()
    topic, answer = site.wait_heard(lambda _, said: said.get("action") == "acknowledge")
    assert (topic.split("/")[4], answer["why"]) == ("crane-2", "the same loose plug")
    snag.get_by_role("link", name="more").click()
    expect(page.get_by_role("button", name="Release the hold")).to_be_visible()
    expect(page.get_by_role("button", name="Shelve", exact=True)).to_be_hidden()
    page.get_by_role("button", name="Release the hold").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("what was inspected").fill("rope and hook block, no damage")
    dialog.get_by_role("button", name="Release the hold").click()
    _, answer = site.wait_heard(lambda _, said: said.get("action") == "release")
    assert answer["why"] == "rope and hook block, no damage"


def test_a_page_that_was_cut_off_says_so_and_is_itself_again_within_moments(
    context: BrowserContext, desk: ApiProcess, site: SpokenSite
) -> None:
    page = enter(context, desk, language="en")
    site.alarm("wind", "w-1", Severity.ALARM, "none", text=Words(zh="大风", en="HIGH WIND"))
    page.goto(f"{desk.url}/site/{SITE}")
    expect(page.locator("article")).to_have_count(1)
    context.set_offline(True)
    expect(page.locator("#cw-stopped")).to_contain_text("NOT MONITORED", timeout=8000)
    site.clear("wind")
    site.alarm("moment", "m-1", Severity.ALARM, "none", device="crane-2", text=Words(zh="超载", en="OVERLOAD"))
    context.set_offline(False)
    expect(page.locator("#cw-stopped")).to_have_count(0, timeout=15_000)
    expect(page.locator("article")).to_have_count(1)
    expect(page.locator("article")).to_contain_text("OVERLOAD")


def test_a_handover_is_frozen_as_it_was_signed(context: BrowserContext, desk: ApiProcess, site: SpokenSite) -> None:
    page = enter(context, desk, language="en")
    hold: dict[str, Any] = {"hold": True, "text": Words(zh="风暴", en="STORM")}
    site.alarm("storm", "x-1", Severity.CRITICAL, "none", **hold)
    page.goto(f"{desk.url}/site/{SITE}/handover")
    expect(page.locator(".cw-loud").first).to_contain_text("1#塔机 must not lift: inspection hold")
    page.get_by_label("note for the next shift").fill("<b>2# anemometer</b>")
    page.get_by_role("button", name="Sign the handover").click()
    page.wait_for_url(re.compile(r"/handover/\d+$"))
    expect(page.locator("body")).to_contain_text("the text has the hash that was signed")
    site.clear("storm")
    page.reload()
    expect(page.locator(".cw-frozen")).to_contain_text("must not lift")
    expect(page.locator(".cw-frozen")).to_contain_text("<b>2# anemometer</b>")
    number = page.url.rsplit("/", 1)[1]
    kept = page.request.get(f"{desk.url}/api/v1/sites/{SITE}/handovers/{number}").json()
    assert kept["intact"] is True
    assert json.loads(kept["body"])["cranes"][0]["stopped"]["en"] == "inspection hold"
    expect(page.locator("code").first).to_have_text(kept["sha256"])


def test_a_proof_test_is_ordered_from_the_crane_s_page_and_what_it_came_to_stands_there(
    context: BrowserContext, desk: ApiProcess, site: SpokenSite, record: DatabaseSettings
) -> None:
    with psycopg.connect(record.url.get_secret_value(), autocommit=True) as connection:
        connection.execute(
            "INSERT INTO device (site, kind, device, display_name, online, presence, config) VALUES (%s, 'crane',"
            " 'crane-2', '2#塔机', true, '{\"online\": true, \"proof\": true}', '{\"terminal\": \"cab\"}')"
            " ON CONFLICT (site, kind, device) DO UPDATE SET online = true, presence = EXCLUDED.presence,"
            " config = EXCLUDED.config",
            (SITE,),
        )
        page = enter(context, desk, language="en")
        page.goto(f"{desk.url}/crane/{SITE}/crane-2")
        page.get_by_role("button", name="Test the way of an alarm").click()
        expect(page.locator(".cw-dialog")).to_contain_text("nothing moves")
        page.get_by_role("button", name="Order the test").click()
        expect(page.locator("body")).to_contain_text("waits for the operator")
        found = connection.execute("SELECT state, ordered_by, source FROM proof_test").fetchall()
        assert found == [("asked", "wang.gong", "person")], "the operator begins it"
        connection.execute(
            "UPDATE proof_test SET state = 'over', outcome = 'failed', failed_link = 'rendered', detail = 'missing',"
            " judged_at = now()"
        )
        expect(page.locator("body")).to_contain_text("failed: shown by a terminal, never came")
        page.goto(f"{desk.url}/site/{SITE}/tests")
        expect(page.locator("table")).to_contain_text("2#塔机")
        page.get_by_role("button", name="Keep the schedule").click()
        expect(page.locator("body")).to_contain_text("every 7 days, between 07:00 and 09:00")
        page.goto(f"{desk.url}/site/{SITE}/handover")
        expect(page.locator("body")).to_contain_text("repair, test again")


def test_a_role_sees_what_it_may_and_no_button_beyond(
    chromium: Browser, desk: ApiProcess, record: DatabaseSettings, site: SpokenSite
) -> None:
    site.alarm("sensor", "s-1", Severity.ADVISORY, "none", **SENSOR)
    for role, place, seen in ((Role.OPERATOR, SITE, True), (Role.SAFETY_OFFICER, "elsewhere", False)):
        context = chromium.new_context(locale="en-GB")
        desk.sign_in(context, f"x-{role}".replace("_", "-"), (role, place))
        page = context.new_page()
        page.goto(f"{desk.url}/site/{SITE}/alarms")
        if seen:
            expect(page.locator("article")).to_contain_text("NO WIND DATA")
            expect(page.get_by_role("button", name="Acknowledge", exact=True)).to_be_hidden()
            page.goto(f"{desk.url}/site/{SITE}/quality")
        expect(page.locator("body")).to_contain_text("Your account does not reach here")
        assert "NO WIND DATA" not in page.inner_text("body")
        context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_has_landmarks_names_headings_and_contrast_and_fits_a_phone(
    chromium: Browser, desk: ApiProcess, site: SpokenSite, theme: str
) -> None:
    site.alarm("sensor", "s-1", Severity.PREWARNING, "none", **SENSOR)
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    page = enter(context, desk, language="en" if theme == "light" else "zh", theme=theme)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    # Colours are all that differs: in the dark every other page shows them all.
    for path in PATHS if theme == "light" else PATHS[1::2]:
        page.goto(desk.url + path)
        page.wait_for_selector("h1")
        page.wait_for_function("!document.body.innerText.match(/loading|正在读取/)")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
        assert page.locator("main").count() == page.locator("header[role=banner]").count() == 1, path
        levels = page.evaluate(HEADINGS)
        assert levels.count(1) == 1, path
        assert all(b - a <= 1 for a, b in pairwise(levels)), f"{path}: {levels}"
        assert page.evaluate(UNNAMED) == [], path
        assert page.evaluate(CONTRAST) == [], path
    # By keyboard: the first stop leads past the navigation.
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "cw-skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    assert errors == []
    context.close()


def test_a_span_is_exported_from_the_history_and_the_file_comes(
    chromium: Browser, desk: ApiProcess, site: SpokenSite, record: DatabaseSettings
) -> None:
    with psycopg.connect(record.url.get_secret_value(), autocommit=True) as connection:
        connection.execute("INSERT INTO device (site, kind, device) VALUES (%s, 'crane', 'crane-1')", (SITE,))
        connection.execute(
            "INSERT INTO reading_crane (device_id, ts, received_at, boot_no, seq, i, invalid, load_t)"
            " SELECT device_id, now() - interval '1 minute', now(), 0, 0, n, 0, n FROM device, generate_series(1, 7) n"
            " WHERE device = 'crane-1'"
        )
    context = chromium.new_context(locale="en-GB", accept_downloads=True)
    page = enter(context, desk)
    page.goto(f"{desk.url}/site/{SITE}/history?device=crane-1")
    page.get_by_role("button", name="export this span").click()
    link = page.locator("a[download]")
    expect(link).to_contain_text(f"{SITE}-crane-1-readings-")
    expect(page.locator("[role=status]").filter(has=link)).to_contain_text("7 rows")
    with page.expect_download() as download:
        link.click()
    text = download.value.path().read_text("utf-8-sig")
    assert text.startswith("# file: cranewatch readings")
    assert text.rstrip().endswith("# end: 7 rows")
    # Whoever may look and no more has no button.
    context = chromium.new_context(locale="en-GB")
    desk.sign_in(context, "looker", (Role.SIGNALLER, SITE))
    page = context.new_page()
    page.goto(f"{desk.url}/site/{SITE}/history")
    expect(page.get_by_role("button", name="show this span")).to_be_visible()
    assert page.get_by_role("button", name="export this span").count() == 0
