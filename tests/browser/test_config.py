"""The site's file on the desk: mistakes at their lines, dangerous changes, applying, and a new site."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from telemetry.roles import Role
from telemetry.settings import DatabaseSettings, MqttSettings
from telemetry.sitefile import newcomer
from tests.fix_database import Server
from tests.helpers.api import ApiProcess
from tests.helpers.rows import fetch
from tests.helpers.sitefiles import WHOLE

TEXT = WHOLE[: WHOLE.index("[[contacts]]")]
EDITOR = ".cw-file textarea"


@pytest.fixture(scope="module")
def record(postgres_server: Server) -> Iterator[DatabaseSettings]:
    database = postgres_server.copy()
    yield database
    postgres_server.drop(database)


@pytest.fixture(scope="module")
def desk(rumqttd_server: object, record: DatabaseSettings) -> Iterator[ApiProcess]:
    settings: MqttSettings = rumqttd_server.settings()  # type: ignore[attr-defined]  # a fixture's server
    with ApiProcess(settings, record) as process:
        yield process


def enter(context: BrowserContext, desk: ApiProcess, path: str, **who: object) -> Page:
    desk.sign_in(context, **who)  # type: ignore[arg-type]  # a login and a grant
    context.add_cookies([{"name": "cw_language", "value": "en", "url": desk.url}])
    page = context.new_page()
    page.goto(desk.url + path)
    return page


def check(page: Page) -> None:
    page.get_by_role("button", name="Check and compare").click()


def there(page: Page) -> str:
    """The text that the page has taken from the record."""
    expect(page.locator(EDITOR)).to_have_value(re.compile(r'id = "gate"'))
    return page.locator(EDITOR).input_value()


def test_a_file_is_mended_where_it_is_wrong_compared_and_applied(
    context: BrowserContext, desk: ApiProcess, record: DatabaseSettings
) -> None:
    page = enter(context, desk, "/sites/new")
    expect(page.locator(EDITOR)).to_have_value(newcomer.text())
    page.locator(EDITOR).fill(TEXT.replace("jib_m = 50.0", "jib = 50.0"))
    check(page)
    expect(page.get_by_role("alert")).to_contain_text("mistakes: it cannot be applied")
    line = TEXT.splitlines().index("jib_m = 50.0") + 1
    page.get_by_role("button", name=f"line {line}", exact=True).first.click()
    marked = page.evaluate(
        "() => { const a = document.querySelector('.cw-file textarea');"
        " return a.value.slice(a.selectionStart, a.selectionEnd) }"
    )
    assert marked == "jib = 50.0"
    assert page.get_by_role("button", name="Apply").count() == 0
    page.locator(EDITOR).fill(TEXT)
    check(page)
    expect(page.locator(".cw-table")).to_contain_text("crane/crane-1")
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url("**/site/gate/config")
    assert fetch(record, "SELECT count(*) FROM device WHERE config_version = 1") == [(4,)]

    looser = there(page).replace("alarm = 95.0", "alarm = 105.0")
    assert "105.0" in looser
    page.locator(EDITOR).fill(looser)
    check(page)
    expect(page.get_by_role("alert")).to_contain_text("1 dangerous change")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".q-notification")).to_contain_text("say first")
    page.get_by_text("I have read the dangerous changes").click()
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".cw-panel").nth(1)).to_contain_text("applied")
    assert (
        fetch(record, "SELECT who, action FROM audit_log WHERE action = 'site.import' ORDER BY audit_id")
        == [("wang.gong", "site.import")] * 2
    )
    with page.expect_download() as download:
        page.get_by_role("link", name="download").click()
    assert "alarm = 105.0" in download.value.path().read_text("utf-8")


def test_who_may_only_look_is_offered_no_change_and_a_stranger_nothing(
    context: BrowserContext, desk: ApiProcess, record: DatabaseSettings
) -> None:
    page = enter(context, desk, "/site/gate/config", login="repair", grant=(Role.MAINTAINER, "gate"))
    page.locator(EDITOR).fill(there(page).replace("hook_max_m = 38.0", "hook_max_m = 37.0"))
    check(page)
    expect(page.locator(".cw-table")).to_contain_text("hook_max_m")
    assert page.get_by_role("button", name="Apply").count() == 0
    page.goto(f"{desk.url}/sites/new")
    expect(page.locator("body")).to_contain_text("does not reach here")
