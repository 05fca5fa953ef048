"""How a test opens a terminal quickly: the shift begins, and its three test sounds are cut short."""

from playwright.sync_api import Page

LOST = "cranewatch.watch.lost(performance.now())"
PLAYING = "cranewatch.horn.playing"


def begin(page: Page, url: str, *, theme: str = "day") -> None:
    """Open a page, wait until somebody watches, and begin the shift."""
    page.goto(f"{url}?theme={theme}")
    page.wait_for_function(f"{LOST} === null")
    page.click("#begin")
    page.wait_for_function("cranewatch.horn.testing")
    page.evaluate("cranewatch.horn.testing = false")
    page.wait_for_function(f"{PLAYING} === 'none'")
    page.click("#done")
