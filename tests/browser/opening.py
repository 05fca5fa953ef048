"""How a test opens a terminal quickly: the shift begins, and its three test sounds are cut short."""

import time

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


def until(page: Page, expression: str, timeout: float = 10.0) -> None:
    """Wait until it is true; `wait_for_function` needs eval, which a page of ours may forbid. Raises TimeoutError."""
    deadline = time.monotonic() + timeout
    while not page.evaluate(expression):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout} s: {expression}")
        time.sleep(0.05)
