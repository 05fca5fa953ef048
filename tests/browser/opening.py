"""How a test opens a terminal quickly: a load hangs while the shift begins, so that no test sounds are played."""

from playwright.sync_api import Page

from tests.browser.spoken import SpokenSite

LOST = "cranewatch.watch.lost(performance.now())"
PLAYING = "cranewatch.horn.playing"


def begin(page: Page, url: str, site: SpokenSite, *, theme: str = "day") -> None:
    """Open a page and begin the shift; what hangs then is set down again."""
    loads = {name: values["load_t"] for name, values in site.readings.items() if "load_t" in values}
    for name in loads:
        site.readings[name]["load_t"] = 0.6
    page.goto(f"{url}?theme={theme}")
    page.wait_for_function(f"{LOST} === null")
    if loads:
        page.wait_for_function("cranewatch.watch.value('load_t', performance.now()) > 0.5")
    page.click("#begin")
    page.click("#done")
    for name, load in loads.items():
        site.readings[name]["load_t"] = load
