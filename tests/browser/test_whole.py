"""
Desk and cab at once, in front of real services: whoever answers at one of them does not answer for the other.

Nothing is spoken here but the black box's readings: broker, ingest, analyzer, API and both pages are the real ones.
"""

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from telemetry.clock import now_ms
from telemetry.roles import Role
from telemetry.settings import DatabaseSettings, MqttSettings
from tests.browser.opening import PLAYING, begin
from tests.browser.test_box import QUICK, Crane
from tests.fix_database import Server
from tests.helpers import services
from tests.helpers.api import ApiProcess
from tests.helpers.callers import account_for

LOADED = 2.9  # t, of 2.57 t at 36.4 m
EMPTY = 0.05


@dataclass(frozen=True, slots=True)
class Works:
    """Everything that runs."""

    name: str
    api: ApiProcess
    crane: Crane
    password: str


@pytest.fixture(scope="module")
def works(rumqttd_server: object, postgres_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    broker: MqttSettings = rumqttd_server.settings()  # type: ignore[attr-defined]  # a fixture's server
    database: DatabaseSettings = postgres_server.copy()
    folder: Path = tmp_path_factory.mktemp("analyzer")
    env = services.environment(broker, database, CRANEWATCH_ANALYZER__FOLDER=str(folder), **QUICK)
    running = [services.start(name, env) for name in ("analytics", "ingest")]
    name = f"x-{uuid.uuid4().hex[:8]}"
    try:
        with ApiProcess(broker, database) as api, Crane(broker, name) as crane:
            yield Works(name, api, crane, account_for(database, "zhang.wei", (Role.SAFETY_OFFICER, name)))
    finally:
        for process in running:
            services.end(process)
        postgres_server.drop(database)


@pytest.fixture
def cab(page: Page, works: Works) -> Page:
    """The terminal in the cab, with its shift begun and no load on the hook."""
    works.crane.lift(EMPTY)
    begin(page, f"{works.api.url}/terminal/{works.name}/crane-1")
    return page


@pytest.fixture
def desk(chromium: Browser, works: Works) -> Iterator[Page]:
    """The desk's page of alarms, entered by its door: a Chinese browser, a login and a password."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
    page = context.new_page()
    page.goto(f"{works.api.url}/site/{works.name}/alarms")
    assert "/login?next=" in page.url
    page.get_by_label("用户名").fill("zhang.wei")
    page.get_by_label("口令").fill("not this one")
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("alert")).to_contain_text("用户名或口令")
    page.get_by_label("口令").fill(works.password)
    page.get_by_role("button", name="登录").click()
    page.wait_for_url(f"{works.api.url}/site/{works.name}/alarms")
    expect(page.locator(".cw-status")).to_contain_text("监测")
    yield page
    context.close()


def test_the_desk_s_answer_leaves_the_cab_loud_and_the_cab_s_silence_leaves_the_desk_asked(
    cab: Page, desk: Page, works: Works
) -> None:
    row = desk.locator("article", has_text="超载")
    works.crane.lift(LOADED)
    cab.wait_for_function(f"{PLAYING} === 'continuous'", timeout=15_000)
    expect(cab.locator("#b")).to_have_attribute("data-style", "alarm")
    expect(row).to_contain_text("1#塔机")
    row.get_by_role("button", name="确认", exact=True).click()
    desk.get_by_role("dialog").get_by_role("button", name="已联系司机").click()
    expect(row).to_contain_text("已确认")
    # The load still hangs: the desk has answered, and the cab goes on.
    time.sleep(1.5)
    assert cab.evaluate(PLAYING) == "continuous"
    works.crane.lift(EMPTY)
    cab.wait_for_function(f"{PLAYING} === 'none'", timeout=15_000)
    expect(row).to_have_count(0)

    works.crane.lift(LOADED)
    cab.wait_for_function(f"{PLAYING} === 'continuous'", timeout=15_000)
    expect(row.get_by_role("button", name="确认", exact=True)).to_be_visible()
    cab.click("#silence")
    cab.wait_for_function(f"{PLAYING} === 'none'")
    time.sleep(1.5)
    assert cab.evaluate(PLAYING) == "none"
    expect(row.get_by_role("button", name="确认", exact=True)).to_be_visible()
    expect(row).not_to_contain_text("已确认")
    works.crane.lift(EMPTY)


def test_a_shelf_ends_by_itself_and_the_desk_is_asked_again(desk: Page, works: Works) -> None:
    works.crane.lift(EMPTY)
    works.crane.readings["crane-1"]["rated_load_t"] = 9.9  # the chart says 2.57
    row = desk.locator("article", has_text="额定")
    expect(row).to_be_visible(timeout=15_000)
    path = f"/api/v1/alarms/{works.name}/crane-1/rated_load/shelve"
    ends = now_ms() + 6_000
    answer = works.api.http.post(path, json={"why": "a new battery is on its way", "until": ends})
    assert answer.status_code == 202, answer.text
    expect(row).to_contain_text("搁置")
    shelf = desk.locator("section", has_text="搁置至")
    expect(shelf).to_contain_text("a new battery is on its way", timeout=15_000)
    expect(row.get_by_role("button", name="确认", exact=True)).to_be_visible(timeout=20_000)
    assert now_ms() >= ends
    del works.crane.readings["crane-1"]["rated_load_t"]


def test_a_desk_that_was_cut_off_shows_what_is_true_within_two_seconds(desk: Page, works: Works) -> None:
    works.crane.lift(EMPTY)
    row = desk.locator("article", has_text="超载")
    expect(row).to_have_count(0)
    desk.context.set_offline(True)
    expect(desk.locator("#cw-stopped")).to_contain_text("监测中断", timeout=8000)
    works.crane.lift(LOADED)
    path = f"/api/v1/alarms?site={works.name}"
    deadline = time.monotonic() + 15
    while not any(one["rule"] == "moment" for one in works.api.http.get(path).json()["items"]):
        assert time.monotonic() < deadline, "no alarm came"
        time.sleep(0.2)
    time.sleep(6)  # long enough for a page to have stepped back from trying
    desk.context.set_offline(False)
    expect(row).to_have_count(1, timeout=2000)
    expect(desk.locator("#cw-stopped")).to_have_count(0, timeout=2000)
    works.crane.lift(EMPTY)
