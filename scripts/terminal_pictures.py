"""
Take the pictures of docs/terminal.md: `python -m scripts.terminal_pictures` (about a minute).

The pages, the API, ingest and the broker are real; boxes and analyzer are a test's (`tests/browser/spoken.py`), so that
every state of a page is there when its picture is taken.
"""

import shutil
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from telemetry.clock import now_ms
from telemetry.model import Hazard, Severity, Signal, State
from telemetry.settings import DatabaseSettings
from telemetry.storage.migrate import migrate
from telemetry.wire import payloads
from telemetry.wire.payloads import Words
from tests.browser.conftest import ARGUMENTS
from tests.browser.opening import until
from tests.browser.spoken import CHART, SpokenSite
from tests.browser.test_bay import SETTLED
from tests.browser.test_proof import TEST
from tests.browser.test_terminal import OVERLOAD, PREWARNING
from tests.fix_broker import Rumqttd
from tests.fix_database import FAST, new_cluster
from tests.helpers import services
from tests.helpers.api import ApiProcess

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
TEN_INCH, SEVEN_INCH = {"width": 1280, "height": 800}, {"width": 1024, "height": 600}
PHONE = {"width": 390, "height": 844}
WATCHED = "cranewatch.watch.lost(performance.now()) === null"
RISING: dict[str, Any] = {
    "hazard": Hazard.WIND, "value": 10.9, "limit": 12.0, "unit": "m/s", "eta_s": (720.0, 1200.0),
    "text": Words(zh="风速预警 阵风 10.9 约12–20分钟到限", en="WIND RISING gust 10.9, limit in 12–20 min"),
    "action": Words(zh="准备落钩", en="prepare to land"),
}  # fmt: skip


def shoot(page: Page, name: str, settle_s: float = 0.8) -> None:
    """One picture, when what it shows has come."""
    time.sleep(settle_s)
    page.screenshot(path=IMAGES / f"{name}.png")
    print(name, (IMAGES / f"{name}.png").stat().st_size // 1024, "kB")  # noqa: T201 - a script's progress


def cab(browser: Browser, url: str, site: SpokenSite) -> None:
    """The terminal of a crane, through a shift."""
    page = browser.new_page(viewport=TEN_INCH, device_scale_factor=0.8)
    page.goto(f"{url}/terminal/{site.site}/crane-1?theme=day")
    until(page, WATCHED)
    page.fill("#who", "op-7")
    page.fill("#shown-name", "王师傅")
    shoot(page, "terminal-start")
    page.click("#begin")
    shoot(page, "terminal-checks")
    until(page, "!cranewatch.horn.testing")
    page.click("#done")
    page.evaluate("document.documentElement.dataset.theme = 'night'")
    site.readings["crane-1"]["load_t"] = 2.4
    site.alarm("moment", "p-1", Severity.PREWARNING, "pulse", **PREWARNING)
    shoot(page, "terminal-night")
    page.evaluate("document.documentElement.dataset.theme = 'day'")
    site.clear("moment")
    site.alarm("wind", "w-1", Severity.PREWARNING, "none", **RISING)
    page.set_viewport_size(SEVEN_INCH)
    shoot(page, "terminal-seven-inch")
    site.clear("wind")
    page.set_viewport_size(TEN_INCH)
    site.readings["crane-1"]["load_t"] = 0.05
    site.alarm("proof_test", "test-1", Severity.ADVISORY, "test", **TEST)
    until(page, "document.querySelector('#proof').checkVisibility()")
    shoot(page, "terminal-test")
    site.clear("proof_test")
    page.close()


def bay(browser: Browser, url: str, site: SpokenSite) -> None:
    """The terminal of a bay that has to be left."""
    page = browser.new_page(viewport=TEN_INCH, device_scale_factor=0.8)
    page.goto(f"{url}/terminal/{site.site}/bay/A?theme=day")
    until(page, WATCHED)
    page.click("#begin")
    page.evaluate("cranewatch.horn.testing = false")
    page.click("#done")
    site.alarm("settlement", "s-1", Severity.ALARM, "continuous", device="post-02", **SETTLED)
    until(page, "document.querySelector('#mark').checkVisibility()")
    shoot(page, "terminal-bay", 1.1)
    site.clear("settlement", device="post-02")
    page.close()


def phone(browser: Browser, api: ApiProcess, site: SpokenSite) -> None:
    """An overload on a supervisor's telephone."""
    context = browser.new_context(viewport=PHONE, locale="zh-CN")
    api.sign_in(context)
    page = context.new_page()
    config = payloads.DeviceConfig(
        version=2, display_name="1#塔机", call="138 0013 0000", interval_ms=200, charts=[CHART]
    )
    site.publish(f"cw/v1/{site.site}/crane/crane-1/down/config", payloads.encode(config), retain=True)
    for step in range(80):
        site.readings["crane-1"]["load_t"] = 0.05 + max(0.0, min(2.66, (step - 40) * 0.12))
        time.sleep(0.2)
    at = now_ms()
    site.alarm("moment", "a-1", Severity.ALARM, "continuous", at=at, **OVERLOAD)
    site.alarm("wind", "w-1", Severity.PREWARNING, "none", device="crane-2", **RISING)
    raised = payloads.Transition(
        id="a-1", site=site.site, kind="crane", device="crane-1", rule="moment", signal=Signal.RAISE, at=at,
        previous=State.NORMAL, state=State.UNACKNOWLEDGED, severity=Severity.ALARM, cause=payloads.Cause(),
        text=OVERLOAD["text"], life_safety=True,
    )  # fmt: skip
    shown = payloads.Shown(terminal="t-cab", at=at + 300, transition="a-1", visible=True)
    site.publish(f"cw/v1/{site.site}/crane/crane-1/down/transition", payloads.encode(raised))
    site.publish(f"cw/v1/{site.site}/crane/crane-1/up/shown", payloads.encode(shown))
    page.goto(f"{api.url}/m")
    shoot(page, "phone-list", 2.5)
    page.goto(f"{api.url}/m/{site.site}/crane-1/moment")
    shoot(page, "phone-alarm", 6)
    site.readings["crane-1"]["load_t"] = 2.0
    over = {**OVERLOAD, "active": False, "state": State.RETURNED}
    site.alarm("moment", "a-2", Severity.ALARM, "none", at=now_ms(), **over)
    page.emulate_media(color_scheme="dark")
    page.click("#language")
    shoot(page, "phone-dark-en", 4)
    context.close()


def main() -> None:
    """Write docs/images/terminal-*.png and phone-*.png."""
    broker = Rumqttd()
    broker.start()
    cluster = new_cluster("postgres", FAST)
    database = DatabaseSettings(url=cluster.url())
    migrate(database)
    mqtt = broker.settings()
    ingest = services.start("ingest", services.environment(mqtt, database))
    try:
        with (
            ApiProcess(mqtt, database, console=False) as api,
            SpokenSite(mqtt, "demo", cranes=2, posts=3) as site,
            sync_playwright() as playwright,
        ):
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
            cab(browser, api.url, site)
            bay(browser, api.url, site)
            phone(browser, api, site)
            browser.close()
    finally:
        services.end(ingest)
        cluster.remove()
        broker.stop()


if __name__ == "__main__":
    main()
