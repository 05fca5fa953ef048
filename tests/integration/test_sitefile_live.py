"""An import while everything runs: api, analyzer, broker and database as real processes."""

import asyncio
import json
import uuid
from pathlib import Path
from typing import Any

from telemetry import clock
from telemetry.broker import Arrival, Link, connected, fetch_retained
from telemetry.model import CoverageLevel
from telemetry.settings import DatabaseSettings, MqttSettings
from telemetry.wire import payloads, topics
from telemetry.wire.payloads import DeviceConfig, SiteConfig, Transition
from tests.helpers import services
from tests.helpers.api import ApiProcess
from tests.helpers.sitefiles import WHOLE
from tests.helpers.waiting import until
from tests.integration.test_analyzer import Desk


def overload(seq: int) -> dict[str, Any]:
    return {"boot": "boot-00000001", "seq": seq, "ts": clock.now_ms(), "load_t": 3.5, "radius_m": 42.0, "falls": 2}


async def test_an_import_reaches_the_broker_restarts_no_alarm_and_what_it_retires_is_not_missed(
    embedded_broker: MqttSettings, postgres_database: DatabaseSettings, tmp_path: Path
) -> None:
    site = f"gate-{uuid.uuid4().hex[:8]}"
    text = WHOLE[: WHOLE.index("[[contacts]]")].replace('id = "gate"', f'id = "{site}"')
    without = text.replace('id = "crane-2"', 'id = "crane-9"').replace("hook_max_m = 38.0", "hook_max_m = 37.0")
    env = services.environment(
        embedded_broker,
        CRANEWATCH_ANALYZER__FOLDER=str(tmp_path / "analyzer"),
        CRANEWATCH_PARTITION__CLAIM_WAIT_S="0.1",
    )
    desk = Desk(site)
    heard = [(f"cw/v1/{site}/+/+/down/#", 1), (topics.heartbeat(site), 0)]

    def hear(arrival: Arrival) -> None:
        if not arrival.topic.endswith("/down/config"):
            desk.hear(arrival)

    path = f"/api/v1/sites/{site}/file"

    async def configs() -> dict[str, DeviceConfig]:
        found = await fetch_retained(embedded_broker, f"look-{uuid.uuid4().hex[:8]}", f"cw/v1/{site}/+/+/down/config")
        return {topic.split("/")[4]: payloads.decode(DeviceConfig, raw) for topic, raw in found.items()}

    async def published(**versions: int) -> dict[str, DeviceConfig]:
        while True:
            found = await configs()
            if all(name in found and found[name].version == version for name, version in versions.items()):
                return found
            await asyncio.sleep(0.2)

    def said(device: str, rule: str) -> list[Transition]:
        every = [payloads.decode(Transition, raw) for raw in desk.transitions.values()]
        return [one for one in every if (one.device, one.rule) == (device, rule)]

    analyzer = services.start("analytics", env, log=tmp_path / "analyzer.log")
    try:
        with ApiProcess(embedded_broker, postgres_database, console=False) as api:
            async with (
                connected(Link(embedded_broker, f"desk-{site}", filters=heard, on_arrival=hear, clean=False)),
                connected(Link(embedded_broker, f"device-{site}", protocol="3.1.1")) as device,
                asyncio.timeout(90),
            ):

                async def send(crane: str, seq: int) -> None:
                    topic = f"cw/v1/{site}/crane/{crane}/up/reading"
                    await device.publish(topic, json.dumps(overload(seq)).encode())

                async def put(body: str, **asked: str) -> Any:
                    answer = await asyncio.to_thread(api.http.put, path, content=body, params=asked)
                    assert answer.status_code == 200, answer.text
                    return answer.json()

                assert (await put(text))["new"] is True
                first = await published(**{"crane-1": 1, "crane-2": 1, "post-1": 1, "post-2": 1})
                assert first["crane-1"].limits == {"moment": {"alarm": 95.0}}
                raw = await fetch_retained(embedded_broker, f"look-{uuid.uuid4().hex[:8]}", topics.site_config(site))
                assert payloads.decode(SiteConfig, raw[topics.site_config(site)]).zones[0].en == "school"
                for seq in range(1, 40):
                    for crane in ("crane-1", "crane-2"):
                        await send(crane, seq)
                    if said("crane-1", "moment") and said("crane-2", "moment"):
                        break
                    await asyncio.sleep(0.2)
                await until(lambda: bool(said("crane-1", "moment")))
                raised = [one.id for one in said("crane-1", "moment")]

                seen = await put(without, dry_run="true")
                assert (await put(without, confirm=seen["confirm"]))["applied"] is True
                after = await published(**{"crane-1": 2, "crane-2": 2, "crane-9": 1})
                assert (after["crane-2"].retired, after["post-1"].version) == (True, 1)
                await until(lambda: bool(said("crane-1", "silence")), seconds=60)
                # Both fell silent together: had the other been missed, that would have been said by now.
                await until(
                    lambda: "crane-2" in desk.coverage and desk.coverage["crane-2"].level is CoverageLevel.NOT_MONITORED
                )
                assert said("crane-2", "silence") == []
                assert [one.id for one in said("crane-1", "moment")] == raised
    finally:
        services.end(analyzer)
