"""The simulators as a service: a site and a scenario become a fleet of devices on a broker."""

import asyncio
import logging
import secrets
from collections.abc import Callable
from pathlib import Path

import msgspec

from simulators import scenario as scenarios
from simulators import site as sites
from simulators.boots import Boots
from simulators.device import Counts, Device
from simulators.fleet import Fleet, spread
from simulators.journal import Journal
from simulators.settings import Settings
from simulators.station import stations
from telemetry.clock import now_ms
from telemetry.errors import ConfigError

logger = logging.getLogger(__name__)


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What a run did. `frames_published` counts publishes that the broker acknowledged, both lanes."""

    site: str
    scenario: str
    seed: int
    run: int
    devices: int
    simulated_s: float
    frames_produced: int
    frames_published: int
    frames_live: int
    frames_late: int
    frames_receipted: int
    frames_unreceipted: int
    frames_forgotten: int
    frames_held: int
    publishes_failed: int
    events_published: int
    connections: int
    most_late_s: float
    journal: str


async def run(
    settings: Settings, stop: asyncio.Event, *, on_fleet: Callable[[Fleet], None] = lambda _: None
) -> Summary:
    """
    Simulate until `stop`, or for as long as the settings say. Raises ConfigError before anything is sent.

    `on_fleet` is given the fleet before it runs, for whoever wants more to happen than the scenario has.

    Without a broker the devices journal and try again; this does not end the run.
    """
    own = settings.simulators
    if own.speed > 1 and own.for_s is None:
        raise ConfigError("a speed above 1 needs a length (for_s): else the devices' clocks would run into the future")
    path = Path(own.scenario) if own.scenario.endswith(".toml") else scenarios.builtin(own.scenario)
    scenario = scenarios.load(path)
    site = sites.load(
        own.site or sites.builtin(scenario.site),
        interval_ms=own.interval_ms,
        crane_interval_ms=own.crane_interval_ms,
    )
    scenarios.check(scenario, site)
    seed = secrets.randbits(63) if own.seed is None else own.seed
    # A fast run ends in the present and begins so much earlier.
    early_s = own.for_s * (1 - 1 / own.speed) if own.for_s is not None and own.speed > 1 else 0.0
    start_ms = now_ms() - round(early_s * 1000)
    counts = Counts()
    with Journal(own.journal, max_frames=own.max_frames) as journal:
        number = journal.begin_run(seed)
        logger.info(
            "site %s, scenario %s, seed %d, run %d of this journal", site.id, path.stem, seed, number,
            extra={"action": "start"},
        )  # fmt: skip
        devices = []
        for station in stations(site, scenario, start_ms, seed):
            config = site.devices[station.kind, station.device]
            interval_s = config.interval_ms / 1000
            device = Device(
                site.id,
                station,
                config,
                settings.mqtt,
                journal,
                Boots(seed, number, station.device),
                frame_s=interval_s * own.samples_per_frame / own.speed,
                samples_per_frame=own.samples_per_frame,
                counts=counts,
                msgpack=own.msgpack,
            )
            devices.append((device, interval_s))
        fleet = Fleet(spread(devices), journal, speed=own.speed, for_s=own.for_s)
        on_fleet(fleet)
        await fleet.run(stop, own.drain_s)
        return Summary(
            site=site.id,
            scenario=path.stem,
            seed=seed,
            run=number,
            devices=len(devices),
            simulated_s=round(fleet.t, 3),
            frames_produced=counts.produced,
            frames_published=counts.live + counts.late,
            frames_live=counts.live,
            frames_late=counts.late,
            frames_receipted=counts.receipted,
            frames_unreceipted=sum(len(device.outstanding) for device, _ in devices),
            frames_forgotten=journal.forgotten,
            frames_held=counts.held,
            publishes_failed=counts.failed,
            events_published=counts.events,
            connections=counts.connections,
            most_late_s=round(fleet.most_late_s, 3),
            journal=str(own.journal),
        )
