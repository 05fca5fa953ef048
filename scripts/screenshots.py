"""
Take the terminal's pictures from a running demo: `python -m scripts.screenshots`; the desk's: `scripts.desk_pictures`.

It starts `cranewatch demo`, so what is in the pictures was measured by simulated boxes, stored, evaluated and shown
by the real services. The network cable is a proxy in front of the broker's WebSocket port, which is then cut.
"""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
from playwright.sync_api import Page, sync_playwright

from runtime.embedded.ports import free_port
from tests.browser.conftest import ARGUMENTS
from tests.fix_proxy import Proxy

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"


def wait(url: str, timeout: float = 60.0) -> None:
    """Until the demo's devices are heard."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        try:
            devices = httpx.get(f"{url}/api/v1/devices/demo/crane-1", timeout=5).json()
            if devices.get("reading"):
                return
        except httpx.TransportError:
            pass
        time.sleep(0.3)
    raise TimeoutError("the demo does not come up")


def shoot(web: Page, name: str) -> None:
    """One picture."""
    web.screenshot(path=IMAGES / f"{name}.png")
    print(name)  # noqa: T201 - a script's progress


def main() -> None:
    """Write docs/images/*.png."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "runtime.cli", "demo", "--http-port", str(port)]
    demo = subprocess.Popen(command, cwd=ROOT)  # noqa: S603 - our own program
    try:
        wait(url)
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
            cab = chromium.new_page(viewport={"width": 1280, "height": 800})
            cab.goto(f"{url}/terminal/demo/crane-1")
            proxy = Proxy(int(json.loads(cab.inner_text("#setup"))["ws_port"]))
            proxy.start()
            cab.goto(f"{url}/terminal/demo/crane-1?theme=day&broker=ws://127.0.0.1:{proxy.port}/mqtt")
            cab.wait_for_function("cranewatch.watch.lost(performance.now()) === null")
            cab.click("#begin")
            cab.wait_for_selector("#done:visible")
            time.sleep(1)
            cab.click("#done")
            lifting = "[cranewatch.watch.model(performance.now()).use.percent].every(x => x > 35 && x < 90)"
            cab.wait_for_function(lifting, timeout=60_000)
            shoot(cab, "terminal-day")
            cab.wait_for_function("document.querySelector('#b').dataset.style === 'alarm'", timeout=60_000)
            time.sleep(1.2)
            shoot(cab, "terminal-alarm")
            cab.bring_to_front()
            proxy.stop()
            cab.wait_for_function("cranewatch.watch.lost(performance.now()) === 'link'")
            time.sleep(0.3)
            shoot(cab, "terminal-not-monitored")
            chromium.close()
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(60)


if __name__ == "__main__":
    main()
