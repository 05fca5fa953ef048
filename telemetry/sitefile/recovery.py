"""
From what is configured back to a site file, for whatever no file has said, or says otherwise by now.

What is configured holds. The last file that was imported is asked for the rest: models, serial numbers, sensors, what
commissioning measured; a device that it no longer describes is described anew from its configuration.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from telemetry.sitefile import configs
from telemetry.sitefile.configs import CRANE, FORMWORK, Key
from telemetry.sitefile.words import (
    Bay,
    Crane,
    File,
    Model,
    NoGo,
    Permit,
    Post,
    SiteTable,
)
from telemetry.wire.payloads import DeviceConfig, SiteConfig


def bare(config: DeviceConfig) -> DeviceConfig:
    """A configuration without its version and hash, to be compared."""
    return msgspec.structs.replace(config, version=0, hash="")


def recovered(
    site: str, config: SiteConfig, devices: Mapping[Key, DeviceConfig], last: File | None
) -> tuple[File, list[Key]]:
    """
    The file that gives these configurations, and the devices that no file can describe; `last` was imported last.

    Retired devices are not in it.
    """
    expected = {key: bare(one) for key, one in devices.items() if not one.retired}
    base = File(site=_site(site, config), **_around(config))
    kept = _kept(base, last, expected) if last is not None else base
    have = configs.device_configs(kept)
    models, cranes, bays = dict(kept.models), list(kept.cranes), list(kept.bays)
    said = {crane.id: crane for crane in last.cranes} if last is not None else {}
    told = {bay.id: bay for bay in last.bays} if last is not None else {}
    strange: list[Key] = []
    posts: dict[str, list[Post]] = {}
    for key, one in sorted(expected.items()):
        if have.get(key) == one:
            continue
        kind, device = key
        try:
            if kind == CRANE:
                cranes.append(_crane(device, one, models, config, said.get(device)))
            elif kind == FORMWORK and one.bay:
                posts.setdefault(one.bay, []).append(_post(device, one, config))
            else:
                strange.append(key)
        except msgspec.ValidationError:
            strange.append(key)
    for bay, own in posts.items():
        before = told.get(bay, Bay(id=bay))
        bays.append(Bay(id=bay, display_name=before.display_name, sensors=before.sensors, posts=own))
    found = msgspec.structs.replace(base, models=models, cranes=cranes, bays=bays)
    return _proved(found, expected, strange, set(last.models) if last is not None else set())


def _proved(
    file: File, expected: Mapping[Key, DeviceConfig], strange: list[Key], stated: set[str]
) -> tuple[File, list[Key]]:
    """Without those that would come back otherwise than they are: better not described than described wrongly."""
    have = configs.device_configs(file)
    wrong = {key for key, one in expected.items() if have.get(key) != one}
    replace = msgspec.structs.replace
    cranes = [crane for crane in file.cranes if (CRANE, crane.id) not in wrong]
    bays = [_without(bay, wrong) for bay in file.bays]
    used = {crane.model for crane in cranes} | stated
    models = {name: model for name, model in file.models.items() if name in used}
    file = replace(file, cranes=cranes, bays=[bay for bay in bays if configs.posts(bay)], models=models)
    return file, sorted(wrong | set(strange))


def _without(bay: Bay, wrong: set[Key]) -> Bay:
    if not any((FORMWORK, post.id) in wrong for post in bay.posts):
        return bay
    left = [post for post in bay.posts if (FORMWORK, post.id) not in wrong]
    return msgspec.structs.replace(bay, posts=left)


def _kept(base: File, last: File, expected: Mapping[Key, DeviceConfig]) -> File:
    """What the last file says that still holds."""
    last = msgspec.structs.replace(last, site=base.site)
    cranes = [c for c in last.cranes if expected.get((CRANE, c.id)) == configs.crane_config(last, c)]
    bays = [
        bay for bay in last.bays
        if {(FORMWORK, post.id): configs.post_config(last, bay, post) for post in configs.posts(bay)}
        == {key: one for key, one in expected.items() if key[0] == FORMWORK and one.bay == bay.id}
    ]  # fmt: skip
    return msgspec.structs.replace(base, models=last.models, cranes=cranes, bays=bays)


def _site(site: str, config: SiteConfig) -> SiteTable:
    return SiteTable(
        id=site, display_name=_other(config.display_name, site), timezone=config.timezone, profile=config.profile,
        organisation=config.organisation, hours=config.hours,
    )  # fmt: skip


def _around(config: SiteConfig) -> dict[str, Any]:
    return {
        "zones": [
            NoGo(zh=one.zh, en=one.en, corners=one.corners, unloaded=one.unloaded, below_m=one.below_m)
            for one in config.zones
        ],
        "pours": [
            Permit(
                permit=one.permit, bay=one.bay, begin=datetime.fromtimestamp(one.valid_from / 1000, UTC),
                end=datetime.fromtimestamp(one.valid_to / 1000, UTC), order=one.order,
                max_kn_per_min=one.max_kn_per_min, crane=one.crane,
            )
            for one in config.pours
        ],
    }  # fmt: skip


def _watched(config: DeviceConfig, device: str, site: SiteConfig) -> dict[str, Any]:
    return {
        "display_name": _other(config.display_name, device),
        "profile": _other(config.profile, site.profile),
        "limits": config.limits,
        "terminal": _other(config.terminal, "none"),
        "organisation": _other(config.organisation, site.organisation),
        "call": config.call,
        "interval_ms": _other(config.interval_ms, configs.INTERVAL_MS),
        "params": config.params,
        "tilt_zero_deg": config.tilt_zero_deg,
        "position_m": config.position_m,
    }


def _crane(
    device: str, config: DeviceConfig, models: dict[str, Model], site: SiteConfig, before: Crane | None
) -> Crane:
    """`before` is asked for what no configuration has."""
    model = _model(config, models) if config.charts and config.jib_m is not None else None
    found = msgspec.convert(
        {
            **_watched(config, device, site), "id": device, "model": model, "slew_zero_deg": config.slew_zero_deg,
            "hook_max_m": config.hook_max_m, "mast_m": config.mast_m, "counter_jib_m": config.counter_jib_m,
            "cab_sound": config.cab_sound, "weathervane": config.weathervane, "property_no": config.property_no,
            "registration_no": config.registration_no,
            "design": msgspec.to_builtins(config.design) if config.design is not None else None,
        },
        Crane,
    )  # fmt: skip
    if before is None:
        return found
    falls = before.falls if before.falls in {chart.falls for chart in config.charts} else None
    return msgspec.structs.replace(
        found, falls=falls, serial=before.serial, sensors=before.sensors, commissioning=before.commissioning
    )


def _model(config: DeviceConfig, models: dict[str, Model]) -> str:
    """The name of the model with this jib and these charts; a new one where there is none."""
    made = msgspec.convert(
        {
            "jib_m": config.jib_m, "charts": msgspec.to_builtins(config.charts),
            "hoists": msgspec.to_builtins(config.hoists), "balance_radius_m": config.balance_radius_m,
        },
        Model,
    )  # fmt: skip
    for name, model in models.items():
        same = (model.jib_m, model.charts, model.hoists, model.balance_radius_m)
        more = model.design is not None or model.counter_jib_m not in (None, config.counter_jib_m)
        if same == (made.jib_m, made.charts, made.hoists, made.balance_radius_m) and not more:
            return name
    name = next(f"model-{n}" for n in range(1, len(models) + 2) if f"model-{n}" not in models)
    models[name] = made
    return name


def _post(device: str, config: DeviceConfig, site: SiteConfig) -> Post:
    return msgspec.convert(
        {
            **_watched(config, device, site), "id": device, "design_force_kn": config.design_force_kn,
            "neighbours": config.neighbours, "span_m": config.span_m,
        },
        Post,
    )  # fmt: skip


def _other(value: Any, usual: Any) -> Any:
    return value if value not in (usual, "") else None
