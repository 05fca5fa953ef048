"""
Take the pictures of the README: `python -m scripts.screenshots`.

They show the real pages on a real embedded broker; the site behind them is the one that the browser tests speak
(tests/browser/spoken.py), so the figures in them are nobody's measurements.
"""

import shutil
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from telemetry.model import Hazard, Severity, State
from telemetry.wire.payloads import Words
from tests.browser.conftest import ARGUMENTS
from tests.browser.spoken import SpokenSite
from tests.fix_broker import Rumqttd
from tests.helpers.api import ApiProcess

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
OVERLOAD = {
    "hazard": Hazard.MOMENT, "value": 104.0, "limit": 100.0, "unit": "%", "life_safety": True,
    "text": Words(zh="超载 104 %", en="OVERLOAD 104 %"),
    "action": Words(zh="停止起升 下降或收幅", en="stop hoisting, lower or trolley in"),
}  # fmt: skip
WIND = {
    "hazard": Hazard.WIND, "value": 10.9, "limit": 10.8, "unit": "m/s", "eta_s": (720.0, 1200.0),
    "text": Words(zh="风速预警 阵风 10.9", en="WIND RISING gust 10.9"),
    "action": Words(zh="准备落钩", en="prepare to land"),
}  # fmt: skip


def main() -> None:
    """Write docs/images/*.png."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    broker = Rumqttd()
    broker.start()
    settings = broker.settings()
    with (
        ApiProcess(settings) as api,
        SpokenSite(settings, "demo", cranes=3, posts=12) as site,
        sync_playwright() as web,
    ):
        chromium = web.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        cab = chromium.new_page(viewport={"width": 1280, "height": 800})
        cab.goto(f"{api.url}/terminal/demo/crane-3?theme=day")
        cab.wait_for_function("cranewatch.watch.lost(performance.now()) === null")
        cab.click("#begin")
        cab.wait_for_function("cranewatch.horn.testing")
        cab.wait_for_function("!cranewatch.horn.testing")
        cab.click("#done")
        site.readings["crane-1"]["load_t"] = 1.85
        site.readings["crane-3"]["load_t"] = 2.05
        time.sleep(6)
        cab.screenshot(path=IMAGES / "terminal-day.png")
        cab.evaluate("document.documentElement.dataset.theme = 'night'")
        time.sleep(0.5)
        cab.screenshot(path=IMAGES / "terminal-night.png")
        cab.evaluate("document.documentElement.dataset.theme = 'day'")
        site.readings["crane-3"]["load_t"] = 2.66
        site.alarm(
            "wind", "w-2", Severity.PREWARNING, "none", device="crane-2", **{**WIND, "state": State.ACKNOWLEDGED}
        )
        site.alarm("wind", "w-3", Severity.PREWARNING, "none", device="crane-3", **WIND)
        site.alarm("moment", "m-3", Severity.ALARM, "continuous", device="crane-3", **OVERLOAD)
        time.sleep(1)
        cab.screenshot(path=IMAGES / "terminal-alarm.png")
        desk = chromium.new_page(viewport={"width": 1440, "height": 900})
        for path, name in (("/site/demo", "site"), ("/crane/demo/crane-3", "crane")):
            desk.goto(api.url + path)
            # The chart begins when this process first hears the device: give it something to show.
            time.sleep(25 if name == "crane" else 3)
            desk.screenshot(path=IMAGES / f"{name}.png")
        phone = chromium.new_page(viewport={"width": 390, "height": 844})
        phone.goto(f"{api.url}/site/demo")
        time.sleep(3)
        phone.screenshot(path=IMAGES / "site-phone.png")
        site.beating = False
        cab.bring_to_front()
        cab.wait_for_function("cranewatch.watch.lost(performance.now()) === 'analyzer'")
        time.sleep(0.5)
        cab.screenshot(path=IMAGES / "terminal-not-monitored.png")
        chromium.close()
    broker.stop()


if __name__ == "__main__":
    main()
