"""The box in the cab: what it changes in a CONNECT, whom it lets through, and how it says why it ended."""

# ruff: noqa: S106 - the passwords of a test

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr
from starlette.websockets import WebSocketDisconnect

from api.box import connect
from api.box.app import create_box
from api.box.bridge import Ending, bridge
from api.terminal import place
from runtime.embedded.ports import free_port
from telemetry.settings import MqttSettings
from tests.helpers.client import TestClient


def field(text: str) -> bytes:
    return len(text.encode()).to_bytes(2, "big") + text.encode()


def said(client: str, *, user: str | None = None, password: str | None = None, will: bool = False) -> bytes:
    """A CONNECT as a page sends it."""
    flags = 2 | (0x80 if user else 0) | (0x40 if password else 0) | (0x04 if will else 0)
    body = field("MQTT") + bytes([4, flags, 0, 5]) + field(client)
    body += field("gone") + field("bye") if will else b""
    body += field(user) if user else b""
    body += field(password) if password else b""
    return bytes([0x10, len(body)]) + body


def test_the_box_writes_its_own_credentials_over_those_of_the_page() -> None:
    told = connect.rewritten(said("t-1", user="mallory", password="x"), prefix="p-", username="box", password="secret")
    assert told == said("p-t-1", user="box", password="secret")


def test_a_will_stays_and_a_user_without_a_password_is_one() -> None:
    told = connect.rewritten(said("t-1", will=True), username="box", password=None)
    assert told == said("t-1", user="box", will=True)


def test_a_box_without_credentials_changes_nothing() -> None:
    packet = said("t-1", user="op", password="pw", will=True)
    assert connect.rewritten(packet, username=None, password=None) == packet


def test_a_connect_longer_than_127_bytes_is_measured_and_written_again() -> None:
    told = connect.rewritten(said("t-1"), username="u" * 60, password="p" * 90)
    assert connect.whole(told) == len(told)
    assert connect.whole(told[:-1]) is None
    again = connect.rewritten(told, username="box", password="secret")
    assert again == said("t-1", user="box", password="secret")


@pytest.mark.parametrize(
    "packet",
    [
        b"\x30\x02\x00\x00",  # PUBLISH before CONNECT
        b"GET / HTTP/1.1",
        b"\x10\xff\xff\xff\xff\x01",  # a length of five bytes
        b"\x10\xff\x7f",  # 16 KiB
        bytes([0x10, 14]) + field("MQTT") + bytes([5, 2, 0, 5]) + field("ab") + b"\x00\x00",  # MQTT 5
        bytes([0x10, 12]) + field("MQTT") + bytes([4, 2, 0, 5]) + b"\x00\x09",  # a field beyond the packet
        said("t-1")[:1] + bytes([said("t-1")[1] + 1]) + said("t-1")[2:] + b"!",  # bytes behind it
    ],
)
def test_what_is_not_a_connect_of_3_1_1_never_reaches_the_broker(packet: bytes) -> None:
    def forward() -> None:
        if connect.whole(packet) is not None:
            connect.rewritten(packet, username=None, password=None)

    with pytest.raises(connect.NotMqtt):
        forward()


class Sheet:
    """A page's end of the bridge: what it says is queued, what it hears is kept."""

    def __init__(self) -> None:
        self.says: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.heard = b""
        self.hears = asyncio.Event()

    async def receive(self) -> bytes | None:
        return await self.says.get()

    async def send(self, data: bytes) -> None:
        self.heard += data
        self.hears.set()

    async def until(self, enough: Callable[[bytes], bool]) -> None:
        async with asyncio.timeout(5):
            while not enough(self.heard):
                self.hears.clear()
                await self.hears.wait()


@contextlib.asynccontextmanager
async def bridged(mqtt: MqttSettings) -> AsyncIterator[tuple[Sheet, "asyncio.Task[Ending]"]]:
    sheet = Sheet()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(bridge(sheet, mqtt), name="test.bridge")
        yield sheet, running
        running.cancel()


CONNACK = b"\x20\x02\x00\x00"


async def test_bytes_go_both_ways_however_they_are_cut(mosquitto: MqttSettings) -> None:
    async with bridged(mosquitto) as (sheet, running):
        packet = said("box-1")
        for byte in packet[:5]:
            sheet.says.put_nowait(bytes([byte]))
        sheet.says.put_nowait(packet[5:] + b"\xc0\x00")  # a PINGREQ on its heels
        await sheet.until(lambda heard: heard == CONNACK + b"\xd0\x00")
        sheet.says.put_nowait(None)
        async with asyncio.timeout(5):
            assert await running is Ending.OVER


async def test_a_broker_that_hangs_up_is_told_from_one_that_is_not_there(mosquitto: MqttSettings) -> None:
    async with bridged(mosquitto) as (sheet, running):
        sheet.says.put_nowait(said("box-2"))
        await sheet.until(lambda heard: heard == CONNACK)
        sheet.says.put_nowait(b"\xf0\x00")  # reserved: the broker closes
        async with asyncio.timeout(5):
            assert await running is Ending.BROKER_GONE
    async with bridged(MqttSettings(host="127.0.0.1", port_v3=free_port())) as (sheet, running):
        sheet.says.put_nowait(said("box-3"))
        async with asyncio.timeout(5):
            assert await running is Ending.UNREACHABLE


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed one for 127.0.0.1: certificate and key."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{name}.crt", folder / f"{name}.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


@pytest.mark.parametrize(("trusted", "ending"), [("other", Ending.UNTRUSTED), ("own", Ending.BROKER_GONE)])
async def test_the_password_goes_only_to_a_broker_whose_certificate_is_trusted(
    tmp_path: Path, trusted: str, ending: Ending
) -> None:
    own, key = certificate(tmp_path, "own")
    other, _ = certificate(tmp_path, "other")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(own, key)
    told: list[bytes] = []

    async def broker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        told.append(await reader.read(200))
        writer.close()

    server = await asyncio.start_server(broker, "127.0.0.1", 0, ssl=tls)
    settings = MqttSettings(
        host="127.0.0.1", port_v3=server.sockets[0].getsockname()[1], username="box", password=SecretStr("secret"),
        tls_ca={"own": own, "other": other}[trusted],
    )  # fmt: skip
    async with server, bridged(settings) as (sheet, running):
        sheet.says.put_nowait(said("box-4"))
        async with asyncio.timeout(8):
            assert await running is ending
    assert told == ([said("box-4", user="box", password="secret")] if trusted == "own" else [])


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (None, "localhost:8090"),
        ("http://evil.example", "localhost:8090"),
        ("http://localhost:9999", "localhost:8090"),
        ("https://localhost:8090", "localhost:8090"),
        ("http://evil.example", "evil.example"),  # DNS rebinding: the name is not loopback's
    ],
)
def test_a_page_of_elsewhere_cannot_use_the_box_s_password(origin: str | None, host: str) -> None:
    settings = MqttSettings(host="127.0.0.1", port_v3=free_port(), username="box", password=SecretStr("secret"))
    client = TestClient(create_box(settings, "/terminal/s/c1"), base_url=f"http://{host}")
    headers = {"host": host} | ({"origin": origin} if origin else {})
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/mqtt", ["mqtt"], headers=headers):
        pass


def test_its_own_page_is_let_through_and_told_that_no_broker_answers() -> None:
    client = TestClient(
        create_box(MqttSettings(host="127.0.0.1", port_v3=free_port()), "/terminal/s/c1"),
        base_url="http://localhost:8090",
    )
    headers = {"origin": "http://localhost:8090", "host": "localhost:8090"}
    with client.websocket_connect("/mqtt", ["mqtt"], headers=headers) as socket:
        socket.send_bytes(said("box-5"))
        found = socket.receive()
    assert (found["type"], found["code"]) == ("websocket.close", int(Ending.UNREACHABLE))


def test_the_box_serves_the_page_without_any_api_and_gives_no_credentials_away() -> None:
    settings = MqttSettings(username="box", password=SecretStr("hidden-word"))
    client = TestClient(create_box(settings, "/terminal/s/c1"), base_url="http://localhost:8090")
    page = client.get("/")
    assert page.url.path == "/terminal/s/c1"
    assert '"bridge": "/mqtt"' in page.text
    assert "hidden-word" not in page.text
    assert "hidden-word" not in client.get("/terminal/worker.js").text


@pytest.mark.parametrize(
    ("named", "path"),
    [
        (("s", "c1", None), "/terminal/s/c1"),
        (("s", None, "A"), "/terminal/s/bay/A"),
        (("s", None, "3 号楼"), "/terminal/s/bay/3%20%E5%8F%B7%E6%A5%BC"),
        (("s", None, None), None),
        (("s", "c1", "A"), None),
        (("S", "c1", None), None),
        (("s", None, "a/b"), None),
    ],
)
def test_a_place_is_a_device_or_a_bay(named: tuple[str, str | None, str | None], path: str | None) -> None:
    if path is None:
        with pytest.raises(ValueError, match=r"."):
            place(*named)
    else:
        assert place(*named) == path
