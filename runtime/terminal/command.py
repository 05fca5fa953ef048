"""`cranewatch terminal`: the page from this box on localhost, or text."""

import asyncio
import signal
import sys
from typing import Annotated

import typer
from rich.console import Console

from runtime.command import named, refuse
from telemetry.errors import BrokerUnavailable
from telemetry.settings import Environment, MqttSettings
from telemetry.tasks import stop_on_signals


def terminal(
    site: Annotated[str, typer.Argument(help="Site id.")],
    device: Annotated[str | None, typer.Argument(help="Device id; leave it out for a bay.")] = None,
    bay: Annotated[str | None, typer.Option(help="A bay of formwork instead of a device, by its name.")] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on this machine.")] = 8090,
    text: Annotated[bool, typer.Option("--text", help="A screen of text instead of a page, for a shell.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Print one screen of text after two seconds and end.")] = False,
) -> None:
    """
    驾驶室终端: the cab's page on http://localhost, bridged to the broker: neither API nor database is needed.

    The broker's address, user, password and CA are this box's CRANEWATCH_MQTT__* settings; the page has none of them.
    """
    settings = named(Environment)
    if not text and not once:
        serve(settings.mqtt, site, device, bay, port)
        return
    if device is None or bay is not None:
        refuse("the text terminal shows one device: name it")
    from runtime.terminal.text import run

    async def shown() -> None:
        stop = asyncio.Event()
        stop_on_signals(stop)
        await run(settings.mqtt, site, device, stop, once=once)

    try:
        asyncio.run(shown())
    except (BrokerUnavailable, ValueError) as error:
        refuse(str(error), 1)


def serve(mqtt: MqttSettings, site: str, device: str | None, bay: str | None, port: int) -> None:
    """The page and its bridge on loopback until SIGTERM or SIGINT."""
    import uvicorn

    from api.box.app import create_box
    from api.terminal import place

    try:
        path = place(site, device, bay)
    except ValueError as error:
        refuse(str(error))
    url = f"http://localhost:{port}{path}"
    console = Console(stderr=True)
    console.print(f"终端 terminal     {url}", highlight=False, soft_wrap=True)
    console.print(f"服务器 broker      {mqtt.host}:{mqtt.port_v3}{' (TLS)' if mqtt.tls_ca else ''}", highlight=False)
    console.print(
        f"全屏 kiosk        chromium --kiosk --autoplay-policy=no-user-gesture-required --noerrdialogs {url}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    # uvicorn raises the signal again once it has stopped in good order: that is a success, not a death.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = uvicorn.Server(
        uvicorn.Config(
            create_box(mqtt, path), host="127.0.0.1", port=port, log_level="warning", access_log=False,
            timeout_graceful_shutdown=1, ws_max_size=1 << 18, ws_max_queue=64,
        )
    )  # fmt: skip
    try:
        server.run()
    except SystemExit as ended:
        if ended.code and not server.started:
            refuse(f"port {port} is taken: choose another with --port", 1)
        raise
