"""The broker's own count of what it dropped because a queue was full: Mosquitto's; rumqttd does not say."""

import asyncio
import contextlib
import logging
from typing import Final

from analytics.troubles import Troubles
from telemetry import broker
from telemetry.settings import MqttSettings
from telemetry.wire import topics

logger = logging.getLogger(__name__)

SYS_S: Final = 10.0  # a broker that has not let its counters be read by then will not


async def watch(mqtt: MqttSettings, name: str, troubles: Troubles) -> None:
    """Tell `troubles` of the count until cancelled; ends by itself where the broker does not let it be read."""
    now = asyncio.get_running_loop().time

    def note(arrival: broker.Arrival) -> None:
        with contextlib.suppress(ValueError):
            troubles.counted(int(arrival.payload), now())

    link = broker.Link(mqtt, name, filters=[(topics.DROPPED, 0)], on_arrival=note)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(link.run(), name="analytics.sys")
        try:
            async with asyncio.timeout(SYS_S):
                await link.up.wait()
        except TimeoutError:
            logger.info("this broker does not let %s be read", topics.DROPPED, extra={"action": "broker"})
            running.cancel()
