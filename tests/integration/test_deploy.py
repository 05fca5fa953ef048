"""What `docker compose up` is made of, held against the programs that will read it, where this machine has them."""

import asyncio
import json
import os
import re
import shutil
import ssl
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from analytics.metrics import AnalyzerMetrics
from analytics.review.settings import ReviewEnvironment
from analytics.settings import AnalyticsEnvironment
from api.metrics import ApiMetrics
from api.notify.metrics import NotifyMetrics
from api.notify.settings import NotifyEnvironment
from api.settings import ApiSettings
from ingest.metrics import IngestMetrics
from ingest.settings import IngestSettings
from runtime.embedded import debian
from runtime.embedded.ports import free_port
from simulators import service as simulators
from simulators.settings import Settings as SimulatorEnvironment
from simulators.settings import SimulatorSettings
from telemetry.broker import Link, connected
from telemetry.errors import BrokerUnavailable
from telemetry.settings import MqttSettings
from tests.fix_broker import wait_for
from tests.helpers import services
from tests.helpers.waiting import until

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
DEBIAN_SCHEMA = Path("/usr/lib/python3/dist-packages/compose/config/compose_spec.json")
USER = 10001
OURS = ("migrate", "ingest", "analytics", "review", "notify", "api", "demo-site", "simulators")


def program(name: str, package: str) -> str:
    """The path of a program, or a skip that says what to install."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin")
    if found is None:
        pytest.skip(f"no {name} here: apt-get install {package}")
    return found


def prepare(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    program("openssl", "openssl")
    return subprocess.run(
        [sys.executable, str(DEPLOY / "prepare.py"), "--folder", str(folder / "secrets"), "--env", str(folder / ".env"),
         *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


# docker-compose.yml


def test_compose_takes_the_file() -> None:
    command = [program("docker-compose", "docker-compose"), "--project-directory", str(ROOT)]
    env = {"PATH": os.environ["PATH"], "CRANEWATCH_UID": "1000", "CRANEWATCH_GID": "1000"}
    done = subprocess.run([*command, "config"], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = yaml.safe_load(done.stdout)
    assert set(found["services"]) == set(COMPOSE["services"])
    assert found["services"]["ingest"]["user"] == "1000:1000"


def test_compose_refuses_to_run_unprepared(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    command = [
        program("docker-compose", "docker-compose"),
        "--project-directory",
        str(ROOT),
        "--env-file",
        str(tmp_path / "empty"),
    ]
    env = {"PATH": os.environ["PATH"]}
    done = subprocess.run([*command, "config"], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "prepare.py" in done.stderr


def test_the_file_fits_the_schema_of_the_compose_specification() -> None:
    if not DEBIAN_SCHEMA.exists():
        pytest.skip("no schema here: apt-get install docker-compose")
    without_extensions = {key: value for key, value in COMPOSE.items() if not key.startswith("x-")}
    jsonschema.Draft7Validator(json.loads(DEBIAN_SCHEMA.read_text())).validate(without_extensions)


def test_only_the_broker_listens_beyond_loopback() -> None:
    for name, service in COMPOSE["services"].items():
        for port in service.get("ports", []):
            assert name == "broker" or port.startswith("127.0.0.1:"), f"{name} publishes {port}"


def test_every_image_has_a_version_and_every_lasting_service_a_health_check() -> None:
    for name, service in COMPOSE["services"].items():
        if name not in OURS:
            assert re.search(r":\$\{\w+:-v?\d[\w.-]+\}$", service["image"]), service["image"]
        if service["restart"] != "no" and name != "simulators":
            assert "healthcheck" in service, f"{name} has no health check"


def test_nothing_runs_with_rights_that_it_does_not_need() -> None:
    for name, service in COMPOSE["services"].items():
        assert "privileged" not in service
        assert "no-new-privileges:true" in service["security_opt"], name
        if name != "database":  # its entry point gives its folder to the user postgres
            assert service["cap_drop"] == ["ALL"], name
        if name in OURS:
            assert service["read_only"] is True
            assert service["user"].startswith("${CRANEWATCH_UID:?")


def test_no_password_stands_in_a_file_or_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    for line in text.splitlines():
        if re.search(r"password|secret|DATABASE__URL", line, re.IGNORECASE) and ":" in line:
            assert re.search(r"_FILE:|secrets|/run/secrets|#", line) or line.strip().startswith("-"), line
            assert ":-" not in line, line
    for name, service in COMPOSE["services"].items():
        for variable, value in (service.get("environment") or {}).items():
            if "PASSWORD" in variable or "URL_FILE" in variable:
                secret = str(value).removeprefix("/run/secrets/")
                assert secret in service["secrets"], f"{name}: {variable} is no secret of its own"


def test_a_secret_goes_only_to_who_needs_it() -> None:
    users: dict[str, set[str]] = {}
    for name, service in COMPOSE["services"].items():
        for secret in service.get("secrets", []):
            users.setdefault(secret, set()).add(name)
    assert set(users) == set(COMPOSE["secrets"])
    assert users["broker_key"] == {"broker"}
    assert users["database_url"] == {"migrate", "ingest", "review", "notify", "api", "demo-site"}
    assert "database_url" not in COMPOSE["services"]["analytics"]["secrets"], "the safety path needs no database"
    for name in ("ingest", "analytics", "review", "notify", "api", "simulators"):
        assert users[f"mqtt_{name}"] == {name}


def fields(model: type[BaseModel], prefix: str = "CRANEWATCH_") -> Iterator[str]:
    """The names of all variables that a settings class reads."""
    for name, field in model.model_fields.items():
        yield f"{prefix}{name.upper()}"
        for type_ in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(type_, type) and issubclass(type_, BaseModel):
                yield from fields(type_, f"{prefix}{name.upper()}__")


@pytest.mark.parametrize(
    ("service", "settings"),
    [
        ("ingest", IngestSettings),
        ("analytics", AnalyticsEnvironment),
        ("review", ReviewEnvironment),
        ("notify", NotifyEnvironment),
        ("api", ApiSettings),
        ("simulators", SimulatorEnvironment),
    ],
)
def test_every_variable_is_a_setting_of_its_service(service: str, settings: type[BaseModel]) -> None:
    known = set(fields(settings))
    for variable in COMPOSE["services"][service]["environment"]:
        assert variable.removesuffix("_FILE") in known, f"{service} does not read {variable}"


# prepare.py and the entry point


def test_prepare_makes_secrets_for_one_user_and_keeps_what_is_there(tmp_path: Path) -> None:
    assert prepare(tmp_path).returncode == 0
    folder = tmp_path / "secrets"
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()} <= set(files)
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert "CRANEWATCH_UID=" in (tmp_path / ".env").read_text()
    assert "CRANEWATCH_UID=0" not in (tmp_path / ".env").read_text().splitlines()
    assert prepare(tmp_path).returncode == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files
    with_host = prepare(tmp_path, "--host", "broker.site.example")
    assert with_host.returncode == 0
    assert (folder / "broker.crt").read_bytes() != files["broker.crt"]
    assert (folder / "ca.crt").read_bytes() == files["ca.crt"]


def test_two_installations_share_no_password(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        assert prepare(tmp_path / name).returncode == 0
    for secret in ("database_password", "grafana_password", "mqtt_api"):
        one, other = ((tmp_path / name / "secrets" / secret).read_text().strip() for name in ("a", "b"))
        assert one != other
        assert len(one) >= 43


def test_an_account_is_shown_once_and_a_wrong_place_is_refused(tmp_path: Path) -> None:
    first = prepare(tmp_path, "--device", "demo/crane/crane-1")
    user, _, text = first.stdout.strip().partition(" ")
    assert user == "demo/crane/crane-1"
    kept = (tmp_path / "secrets" / "mosquitto_passwords").read_text()
    assert text not in kept
    again = prepare(tmp_path, "--device", "demo/crane/crane-1")
    assert "has an account already" in again.stdout
    assert (tmp_path / "secrets" / "mosquitto_passwords").read_text() == kept
    assert prepare(tmp_path, "--device", "demo/crane/#").returncode == 2


def test_the_entry_point_reads_secrets_from_files(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://u:p$'x@h/d\n")
    env = {
        "PATH": os.environ["PATH"],
        "CRANEWATCH_DATABASE__URL_FILE": str(tmp_path / "url"),
        "CRANEWATCH_LOG__LEVEL": "x",
    }
    command = ["sh", str(DEPLOY / "entrypoint.sh"), "env"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert "CRANEWATCH_DATABASE__URL=postgresql://u:p$'x@h/d" in done.stdout.splitlines()
    assert "URL_FILE" not in done.stdout
    env["CRANEWATCH_DATABASE__URL_FILE"] = str(tmp_path / "none")
    failed = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert "prepare.py" in failed.stderr


def test_the_image_is_built_from_what_is_there() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    wanted = [line.split()[1:-1] for line in text.splitlines() if line.startswith("COPY ") and "--from" not in line]
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for path in [path for paths in wanted for path in paths]:
        assert (ROOT / path).exists(), path
        assert path in allowed, f"{path} is kept out by .dockerignore"


# Mosquitto, with the very file


class DeployedBroker:
    """Mosquitto with deploy/mosquitto/mosquitto.conf; only its ports and the folder of secrets are others."""

    def __init__(self, folder: Path, port: int, wss: int) -> None:
        self.secrets = folder / "secrets"
        self.port, self.wss = port, wss
        self.log = folder / "mosquitto.log"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        reason = debian.why_not()
        if reason is None:
            inside = debian.root() / "var/tmp" / f"deploy-{os.getpid()}"
            shutil.rmtree(inside, ignore_errors=True)
            shutil.copytree(self.secrets, inside)
            seen = f"/{inside.relative_to(debian.root())}"
            switch = ["/usr/bin/setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--pdeathsig=TERM"]
            command = ["chroot", str(debian.root()), *switch, "/usr/sbin/mosquitto", "-c", f"{seen}/mosquitto.conf"]
        else:
            inside, seen = self.secrets, str(self.secrets)
            command = [program("mosquitto", f"mosquitto ({reason})"), "-c", f"{seen}/mosquitto.conf"]
        text = (DEPLOY / "mosquitto" / "mosquitto.conf").read_text(encoding="utf-8")
        for name, secret in COMPOSE["secrets"].items():
            text = text.replace(f"/run/secrets/{name}\n", f"{seen}/{Path(secret['file']).name}\n")
        assert "/run/secrets" not in text, "a path that compose does not mount"
        for was, now in (("listener 8883", self.port), ("listener 8884", self.wss)):
            assert was in text
            text = text.replace(was, f"listener {now} 127.0.0.1")
        (inside / "mosquitto.conf").write_text(text, encoding="utf-8")
        if os.getuid() == 0:
            for path in (inside, *inside.iterdir()):
                os.chown(path, USER, USER)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self._inside = inside
        try:
            asyncio.run(self._greeted())
        except TimeoutError:
            self.stop()
            pytest.fail(f"Mosquitto does not start: {self.log.read_text()}")

    async def _greeted(self) -> None:
        """Return when somebody was let in: a bare connection that goes away would be an error of TLS in the log."""
        async with asyncio.timeout(15), connected(Link(self.account("api"), "greeting")):
            pass

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
        if self._inside != self.secrets:
            shutil.rmtree(self._inside, ignore_errors=True)

    def account(self, user: str, password: str | None = None, **changes: Any) -> MqttSettings:
        text = password or (self.secrets / f"mqtt_{user}").read_text().strip()
        values: dict[str, Any] = {
            "host": "localhost", "port": self.port, "port_v3": self.port, "ws_port": self.wss, "username": user,
            "password": text, "tls_ca": self.secrets / "ca.crt",
        }  # fmt: skip
        return MqttSettings.model_validate(values | changes)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DeployedBroker, dict[str, str]]]:
    """The broker, and the passwords of the accounts that were made for it."""
    folder = tmp_path_factory.mktemp("deploy")
    made = prepare(
        folder, "--device", "demo/crane/crane-1", "--device", "demo/crane/crane-2", "--terminal", "demo/crane/crane-1",
        "--terminal", "demo/formwork/post-01",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    passwords = dict(line.split(" ") for line in made.stdout.splitlines())
    broker = DeployedBroker(folder, free_port(), free_port())
    broker.start()
    yield broker, passwords
    broker.stop()


Deployed = tuple[DeployedBroker, dict[str, str]]


def test_mosquitto_takes_the_file_without_a_warning(deployed: Deployed) -> None:
    broker, _ = deployed
    log = broker.log.read_text()
    assert "rror" not in log, log
    assert "arning" not in log, log


CRANE = "cw/v1/demo/crane/crane-1"
OTHER = "cw/v1/demo/crane/crane-2"
POST = "cw/v1/demo/formwork/post-02"
MAY = {
    "demo/crane/crane-1": [f"{CRANE}/up/reading", f"{CRANE}/late/reading", f"{CRANE}/up/presence"],
    "terminal/demo/crane/crane-1": [f"{CRANE}/up/shown", f"{CRANE}/up/response", f"{POST}/up/shown"],
    "terminal/demo/formwork/post-01": [f"{POST}/up/shown", f"{POST}/up/response"],
    "ingest": [f"{CRANE}/down/receipt", "cw/v1/_own/ingest/p0"],
    "analytics": [
        f"{CRANE}/down/alarm/load", f"{CRANE}/down/transition", f"{CRANE}/down/coverage", f"{CRANE}/down/evaluated",
        "cw/v1/demo/heartbeat", "cw/v1/_own/analyze/p0", "cw/v1/_own/analyze/p0/up/tick",
    ],
    "review": [f"{CRANE}/down/transition", "cw/v1/demo/record"],
    "api": [f"{CRANE}/up/response", f"{CRANE}/down/config", "cw/v1/demo/config", "cw/v1/demo/profile"],
    "simulators": [f"{CRANE}/up/reading", f"{OTHER}/late/reading"],
}  # fmt: skip
MAY_NOT = {
    "demo/crane/crane-1": [
        f"{OTHER}/up/reading",
        f"{CRANE}/down/alarm/load",
        f"{CRANE}/down/receipt",
        "cw/v1/demo/heartbeat",
    ],
    "terminal/demo/crane/crane-1": [
        f"{CRANE}/up/reading",
        f"{OTHER}/up/response",
        f"{CRANE}/down/alarm/load",
        f"{POST}/up/response",
    ],
    "terminal/demo/formwork/post-01": [f"{CRANE}/up/response", f"{POST}/up/reading", f"{CRANE}/up/shown"],
    "ingest": [f"{CRANE}/down/alarm/load", f"{CRANE}/up/reading", "cw/v1/demo/heartbeat"],
    "analytics": [
        f"{CRANE}/up/response",
        f"{CRANE}/down/config",
        f"{CRANE}/down/receipt",
        f"{CRANE}/up/reading",
        "cw/v1/demo/profile",
    ],
    "review": [f"{CRANE}/down/alarm/load", f"{CRANE}/up/reading", f"{CRANE}/down/receipt", "cw/v1/demo/heartbeat"],
    "api": [f"{CRANE}/down/alarm/load", f"{CRANE}/up/reading", f"{CRANE}/down/receipt"],
    "simulators": ["cw/v1/other/crane/crane-1/up/reading", f"{CRANE}/down/alarm/load"],
    "monitor": [f"{CRANE}/up/reading"],
}


@pytest.mark.parametrize("user", sorted(MAY_NOT))
def test_everybody_may_write_what_is_theirs_and_nothing_else(deployed: Deployed, user: str) -> None:
    broker, passwords = deployed
    wanted, refused = MAY.get(user, []), MAY_NOT[user]
    seen: set[str] = set()

    async def play() -> None:
        watch = Link(
            broker.account("api"), "watch", filters=[("cw/v1/#", 1)], on_arrival=lambda arrival: seen.add(arrival.topic)
        )
        # MQTT 3.1.1, as devices: there a refused publish is acknowledged and thrown away, and nobody is cut off.
        writer = Link(broker.account(user, passwords.get(user)), f"w-{user.replace('/', '-')}", protocol="3.1.1")
        async with connected(watch), connected(writer):
            for topic in [*refused, *wanted]:
                await writer.publish(topic, b"{}")
            if wanted:
                await until(lambda: wanted[-1] in seen, 5)
            else:
                await asyncio.sleep(0.3)

    asyncio.run(play())
    assert set(wanted) <= seen
    assert not set(refused) & seen


def test_a_device_reads_its_own_and_no_others(deployed: Deployed) -> None:
    broker, passwords = deployed
    seen: list[str] = []

    async def play() -> None:
        device = Link(
            broker.account("demo/crane/crane-1", passwords["demo/crane/crane-1"]), "own", filters=[("cw/v1/#", 1)],
            on_arrival=lambda arrival: seen.append(arrival.topic), protocol="3.1.1",
        )  # fmt: skip
        async with connected(device), connected(Link(broker.account("ingest"), "receipts")) as ingest:
            await ingest.publish(f"{OTHER}/down/receipt", b"{}")
            await ingest.publish(f"{CRANE}/down/receipt", b"{}")
            await until(lambda: seen, 5)

    asyncio.run(play())
    assert seen == [f"{CRANE}/down/receipt"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"password": "wrong"}, "a wrong password"), ({"username": None, "password": None}, "nobody")],
)
def test_without_the_right_password_there_is_no_connection(
    deployed: Deployed, changes: dict[str, Any], words: str
) -> None:
    broker, _ = deployed

    async def play() -> None:
        link = Link(broker.account("api", **changes), "nobody")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5), connected(link):
                pytest.fail(f"{words} was let in")
        with pytest.raises(BrokerUnavailable):
            await link.publish("cw/v1/x", b"")

    asyncio.run(play())


def test_without_tls_there_is_no_connection(deployed: Deployed) -> None:
    broker, _ = deployed

    async def play() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5), connected(Link(broker.account("api", tls_ca=None), "plain")):
                pytest.fail("was let in without TLS")

    asyncio.run(play())


def test_a_terminal_reaches_the_websocket_listener(deployed: Deployed) -> None:
    broker, _ = deployed
    context = ssl.create_default_context(cafile=str(broker.secrets / "ca.crt"))

    async def play() -> bytes:
        reader, writer = await asyncio.open_connection("localhost", broker.wss, ssl=context)
        writer.write(
            b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n"
            b"Sec-WebSocket-Version: 13\r\n\r\n"
        )
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        writer.close()
        return answer

    answer = asyncio.run(play()).lower()
    assert answer.startswith(b"http/1.1 101")
    assert b"sec-websocket-protocol: mqtt" in answer


def test_simulators_and_analyzer_work_under_their_accounts(deployed: Deployed, tmp_path: Path) -> None:
    """The safety path as deployed: TLS, passwords, access lists; an overload becomes an alarm that a terminal reads."""
    broker, passwords = deployed
    seen: dict[str, bytes] = {}
    mqtt = broker.account("analytics")
    assert mqtt.password is not None
    env = services.environment(
        mqtt,
        CRANEWATCH_MQTT__USERNAME="analytics",
        CRANEWATCH_MQTT__PASSWORD=mqtt.password.get_secret_value(),
        CRANEWATCH_MQTT__TLS_CA=str(mqtt.tls_ca),
        CRANEWATCH_ANALYZER__FOLDER=str(tmp_path / "analyzer"),
    )
    analyzer = services.start("analytics", env, log=tmp_path / "analyzer.log")
    settings = SimulatorEnvironment(
        mqtt=broker.account("simulators"), simulators=SimulatorSettings(journal=tmp_path / "j.db", seed=7)
    )

    async def play() -> None:
        stop = asyncio.Event()
        user = "terminal/demo/crane/crane-1"
        terminal = Link(
            broker.account(user, passwords[user]), "terminal", protocol="3.1.1",
            filters=[("cw/v1/demo/heartbeat", 0), (f"{CRANE}/down/#", 1)],
            on_arrival=lambda arrival: seen.update({arrival.topic: arrival.payload}),
        )  # fmt: skip
        async with connected(terminal), asyncio.TaskGroup() as tasks:
            running = tasks.create_task(simulators.run(settings, stop))
            try:
                await until(lambda: {"cw/v1/demo/heartbeat", f"{CRANE}/down/coverage"} <= set(seen), 30)
                await until(lambda: any("/down/alarm/" in topic for topic in seen), 40)
            finally:
                stop.set()
                await running

    try:
        asyncio.run(play())
    except TimeoutError:
        pytest.fail(f"seen {sorted(seen)}; the analyzer says: {(tmp_path / 'analyzer.log').read_text()[-2000:]}")
    finally:
        services.end(analyzer)


# Prometheus and Grafana


def exposed() -> set[str]:
    """The names of all metrics that our services expose, as Prometheus sees them."""
    registry = CollectorRegistry()
    for metrics in (IngestMetrics, AnalyzerMetrics, ApiMetrics, NotifyMetrics):
        metrics(registry)
    names = {"up"}
    for family in registry.collect():
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(family.type, [""])
        names |= {f"{family.name}{suffix}" for suffix in suffixes}
    return names


def expressions() -> list[str]:
    """All queries of rules and dashboards."""
    rules = yaml.safe_load((DEPLOY / "prometheus" / "rules.yml").read_text(encoding="utf-8"))
    found = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    for path in (DEPLOY / "grafana" / "dashboards").glob("*.json"):
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            found += [target["expr"] for target in panel["targets"]]
    return found


def test_every_metric_that_is_asked_for_is_exposed() -> None:
    known = exposed()
    assert len(expressions()) > 20
    for expression in expressions():
        names = set(re.findall(r"\b(?:cranewatch_\w+|up)\b", expression))
        assert names, expression
        assert names <= known, f"{names - known} in {expression}"


def test_prometheus_takes_its_configuration_and_every_query(tmp_path: Path) -> None:
    promtool = program("promtool", "prometheus")
    config = DEPLOY / "prometheus" / "prometheus.yml"
    done = subprocess.run([promtool, "check", "config", str(config)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rules = [{"record": f"x{number}", "expr": text} for number, text in enumerate(expressions())]
    path = tmp_path / "all.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}), encoding="utf-8")
    done = subprocess.run([promtool, "check", "rules", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_scrapes_services_that_listen_there() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    for target in config["scrape_configs"][0]["static_configs"][0]["targets"]:
        name, port = target.split(":")
        environment = COMPOSE["services"][name]["environment"]
        assert environment["CRANEWATCH_METRICS_PORT"] == port
        assert environment["CRANEWATCH_METRICS_HOST"] == "0.0.0.0"  # noqa: S104 - inside the container
        assert "inner" in COMPOSE["services"][name]["networks"]
    assert "inner" in COMPOSE["services"]["prometheus"]["networks"]


def test_a_prometheus_with_this_file_loads_its_rules(tmp_path: Path) -> None:
    port = free_port()
    process = subprocess.Popen(
        [program("prometheus", "prometheus"), f"--config.file={DEPLOY / 'prometheus' / 'prometheus.yml'}",
         f"--storage.tsdb.path={tmp_path}", f"--web.listen-address=127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(port)
        asyncio.run(until(lambda: _is_ready(f"http://127.0.0.1:{port}/-/ready")))
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/rules", timeout=10) as answer:
            groups = json.load(answer)["data"]["groups"]
        rules = {rule["name"] for group in groups for rule in group["rules"]}
        assert "CranewatchServiceDown" in rules
    finally:
        process.terminate()
        process.wait(20)


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except urllib.error.HTTPError:
        return False


def test_grafana_finds_its_dashboards_and_their_source() -> None:
    provisioning = DEPLOY / "grafana" / "provisioning"
    source = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text(encoding="utf-8"))
    provider = yaml.safe_load((provisioning / "dashboards" / "cranewatch.yml").read_text(encoding="utf-8"))
    mounts = dict(volume.split(":")[:2] for volume in COMPOSE["services"]["grafana"]["volumes"])
    folder = provider["providers"][0]["options"]["path"]
    assert folder in mounts.values()
    assert source["datasources"][0]["url"] == "http://prometheus:9090"
    for path in (DEPLOY / "grafana" / "dashboards").glob("*.json"):
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            assert panel["datasource"]["uid"] == source["datasources"][0]["uid"]
            assert re.search(r"[一-鿿]", panel["title"]), f"{panel['title']} is in one language only"
