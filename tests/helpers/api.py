"""The API as its own process, as it runs in life, so that a test can kill it."""

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
from playwright.sync_api import BrowserContext

from runtime.embedded.ports import free_port
from telemetry.roles import Role
from telemetry.settings import DatabaseSettings, MqttSettings
from tests.helpers.callers import account_for, key_for

ROOT = Path(__file__).resolve().parents[2]


class ApiProcess:
    """`python -m api` on a free port of loopback."""

    def __init__(
        self, mqtt: MqttSettings, database: DatabaseSettings | None = None, *, console: bool = True, **more: str
    ) -> None:
        """`more` are variables of the environment."""
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CRANEWATCH_")},
            "CRANEWATCH_MQTT__HOST": mqtt.host,
            "CRANEWATCH_MQTT__PORT": str(mqtt.port),
            "CRANEWATCH_MQTT__PORT_V3": str(mqtt.port_v3),
            "CRANEWATCH_MQTT__WS_PORT": str(mqtt.ws_port),
            "CRANEWATCH_MQTT__PREFIX": mqtt.prefix,
            "CRANEWATCH_HTTP__PORT": str(self.port),
            "CRANEWATCH_CONSOLE": str(console),
            "PYTHONPATH": str(ROOT),
            **more,
        }
        if database is not None:
            self._environment["CRANEWATCH_DATABASE__URL"] = database.url.get_secret_value()
        self._process: subprocess.Popen[bytes] | None = None
        self._database = database
        self._key: str | None = None
        self._http: httpx.Client | None = None

    @property
    def pid(self) -> int:
        """Its process."""
        if self._process is None:
            raise ValueError("it does not run")
        return self._process.pid

    @property
    def http(self) -> httpx.Client:
        """A client that may do everything, with a key of the record."""
        if self._http is None:
            self._http = httpx.Client(base_url=self.url, headers=self.headers, timeout=20)
        return self._http

    @property
    def headers(self) -> dict[str, str]:
        """What says that one may do everything."""
        if self._key is None:
            if self._database is None:
                raise ValueError("without a database nobody may come in")
            self._key = key_for(self._database, (Role.ADMIN, "*"))
        return {"Authorization": f"Bearer {self._key}"}

    def start(self, timeout: float = 60.0) -> None:
        """Start it and wait until it answers."""
        self._process = subprocess.Popen([sys.executable, "-m", "api"], env=self._environment, cwd=ROOT)
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/healthz", timeout=2).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
            if self._process.poll() is not None:
                raise RuntimeError(f"the api ended with {self._process.returncode}")
        self.kill()
        raise TimeoutError("the api does not answer")

    def signal(self, number: int) -> None:
        """Send it a signal: SIGSTOP makes it stuck, SIGCONT lets it go on."""
        if self._process is not None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL: it gets no chance to say goodbye."""
        self._hang_up()
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        self._hang_up()
        if self._process is None:
            return 0
        self._process.terminate()
        code = self._process.wait(15)
        self._process = None
        return code

    def sign_in(
        self, context: BrowserContext, login: str = "wang.gong", grant: tuple[Role, str] = (Role.ADMIN, "*")
    ) -> None:
        """Let a browser in with that login and role, without the page for it."""
        if self._database is None:
            raise ValueError("without a database nobody may come in")
        password = account_for(self._database, login, grant)
        answer = httpx.post(
            f"{self.url}/api/v1/auth/login", json={"login": login, "password": password, "cookies": True},
            headers={"Origin": self.url}, timeout=20,
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        context.add_cookies([{"name": name, "value": value, "url": self.url} for name, value in answer.cookies.items()])

    def _hang_up(self) -> None:
        if self._http is not None:
            self._http.close()
            self._http = None

    def __enter__(self) -> "ApiProcess":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
