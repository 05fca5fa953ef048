"""
Take the pictures of docs/console.md: every page of the desk, from a demo that runs.

    python -m scripts.desk_pictures http://127.0.0.1:8000 PASSWORD     as the demo has said them
"""

import shutil
import sys
import time
from pathlib import Path

import httpx
from playwright.sync_api import Browser, sync_playwright

from runtime.first_admin import DEMO_LOGIN
from tests.browser.conftest import ARGUMENTS

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
SITE = "demo"
# name, path, language, theme, seconds until it is whole
PAGES = (
    ("login", "/login", "zh", "light", 2),
    ("handover", "/", "zh", "light", 3),
    ("sites", "/sites", "en", "light", 2),
    ("site", f"/site/{SITE}", "zh", "light", 3),
    ("scene", f"/site/{SITE}/scene", "en", "dark", 5),
    ("alarms", f"/site/{SITE}/alarms", "en", "light", 3),
    ("alarm", f"/alarm/{SITE}/crane-2/moment", "zh", "light", 4),
    ("crane", f"/crane/{SITE}/crane-1", "both", "light", 4),
    ("bay", f"/bay/{SITE}/A", "zh", "dark", 3),
    ("history", f"/site/{SITE}/history", "en", "light", 4),
    ("record", f"/site/{SITE}/record", "en", "light", 6),
    ("quality", f"/site/{SITE}/quality", "zh", "light", 4),
    ("limits", f"/site/{SITE}/limits", "en", "dark", 3),
    ("duty", f"/site/{SITE}/duty", "zh", "light", 3),
    ("tests", f"/site/{SITE}/tests", "both", "light", 3),
    ("config", f"/site/{SITE}/config", "zh", "light", 3),
    ("new-site", "/sites/new", "en", "light", 3),
    ("users", "/users", "en", "light", 3),
)
SIZES = {"": (1440, 900), "-phone": (390, 844)}


def signed_in(url: str, password: str) -> list[dict[str, str]]:
    """The cookies of a session."""
    body = {"login": DEMO_LOGIN, "password": password, "cookies": True}
    answer = httpx.post(f"{url}/api/v1/auth/login", json=body, headers={"Origin": url}, timeout=30)
    answer.raise_for_status()
    return [{"name": name, "value": value, "url": url} for name, value in answer.cookies.items()]


def shoot(chromium: Browser, url: str, cookies: list[dict[str, str]], *, names: set[str] | None = None) -> None:
    """Every page at both widths."""
    for name, path, language, theme, seconds in PAGES:
        for suffix, (width, height) in SIZES.items():
            if names and name not in names:
                continue
            # A desk's picture is smaller than the desk: a page of documentation holds thirty of them.
            scale = 1.0 if suffix else 0.75
            context = chromium.new_context(viewport={"width": width, "height": height}, device_scale_factor=scale)
            own = [("cw_language", language), ("cw_theme", theme)]
            known = [] if name == "login" else cookies
            context.add_cookies([*known, *({"name": key, "value": value, "url": url} for key, value in own)])
            page = context.new_page()
            page.goto(url + path)
            time.sleep(seconds)
            page.screenshot(path=IMAGES / f"desk-{name}{suffix}.png")
            print(f"desk-{name}{suffix}")  # noqa: T201 - a script's progress
            context.close()


def main() -> int:
    """Write docs/images/desk-*.png."""
    url, password, *names = sys.argv[1:]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        shoot(chromium, url, signed_in(url, password), names=set(names))
        chromium.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
