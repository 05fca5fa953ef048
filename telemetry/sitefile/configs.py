"""
From a site file to what terminals and the analyzer are told of the site: `SiteConfig`, and a `DeviceConfig` a device.

Rule: versions and hashes are not the file's; whoever stores these gives them.
"""

from typing import Any, Final, TypeAlias

import msgspec

from telemetry.sitefile.words import Bay, Crane, DesignLife, File, Model, Post, Watched
from telemetry.wire.payloads import Chart, Design, DeviceConfig, Hoist, Pour, SiteConfig, Zone

Key: TypeAlias = tuple[str, str]  # kind, device
INTERVAL_MS: Final = 1000
CRANE: Final = "crane"
FORMWORK: Final = "formwork"


def site_config(file: File) -> SiteConfig:
    """The configuration of the site itself."""
    site = file.site
    return SiteConfig(
        version=0, display_name=site.display_name or site.id, timezone=site.timezone, profile=site.profile,
        organisation=site.organisation, hours=site.hours,
        zones=[
            Zone(zh=one.zh, en=one.en, corners=one.corners, unloaded=one.unloaded, below_m=one.below_m)
            for one in file.zones
        ],
        pours=[
            Pour(
                permit=one.permit, bay=one.bay, valid_from=round(one.begin.timestamp() * 1000),
                valid_to=round(one.end.timestamp() * 1000), order=one.order, max_kn_per_min=one.max_kn_per_min,
                crane=one.crane,
            )
            for one in file.pours
        ],
    )  # fmt: skip


def device_configs(file: File) -> dict[Key, DeviceConfig]:
    """The configuration of every device, by kind and id; of two with one name the last."""
    found = {(CRANE, crane.id): crane_config(file, crane) for crane in file.cranes}
    for bay in file.bays:
        for post in posts(bay):
            found[FORMWORK, post.id] = post_config(file, bay, post)
    return found


def posts(bay: Bay) -> list[Post]:
    """The posts of a bay, one by one; those of a grid are made."""
    if bay.posts or bay.count is None:
        return bay.posts
    made = []
    for place in range(bay.count):
        number = bay.first + place
        row, column = divmod(place, bay.columns)
        at = (bay.origin_m[0] + column * bay.spacing_m, bay.origin_m[1] + row * bay.spacing_m)
        made.append(
            Post(id=f"post-{number:02d}", display_name=f"{bay.display_name or bay.id} {number:02d}", position_m=at)
        )
    return made


def crane_config(file: File, crane: Crane) -> DeviceConfig:
    """The configuration of one crane; one whose model is not there has no load chart."""
    model = file.models.get(crane.model) if crane.model is not None else None
    return DeviceConfig(
        **_watched(file, crane, crane.id),
        **(_of_model(model) if model is not None else {}),
        design=design(crane.design or (model.design if model is not None else None)),
        counter_jib_m=crane.counter_jib_m or (model.counter_jib_m if model is not None else None),
        position_m=crane.position_m, slew_zero_deg=crane.slew_zero_deg, hook_max_m=crane.hook_max_m,
        mast_m=crane.mast_m, cab_sound=crane.cab_sound, weathervane=crane.weathervane,
        property_no=crane.property_no, registration_no=crane.registration_no, params=crane.params,
        tilt_zero_deg=crane.tilt_zero_deg,
    )  # fmt: skip


def post_config(file: File, bay: Bay, post: Post) -> DeviceConfig:
    """The configuration of one post: what it says itself, else what its bay says."""
    return DeviceConfig(
        **_watched(file, post, post.id, bay), bay=bay.id,
        design_force_kn=post.design_force_kn if post.design_force_kn is not None else bay.design_force_kn,
        position_m=post.position_m, neighbours=post.neighbours, span_m=post.span_m, params=post.params,
        tilt_zero_deg=post.tilt_zero_deg,
    )  # fmt: skip


def _watched(file: File, own: Watched, id_: str, bay: Bay | None = None) -> dict[str, Any]:
    above = bay if bay is not None else own
    return {
        "version": 0,
        "display_name": own.display_name or id_,
        "profile": own.profile or above.profile or file.site.profile,
        "limits": own.limits or above.limits,
        "terminal": own.terminal or above.terminal or "none",
        "organisation": own.organisation or above.organisation or file.site.organisation,
        "call": own.call or above.call,
        "interval_ms": own.interval_ms or above.interval_ms or INTERVAL_MS,
    }


def _of_model(model: Model) -> dict[str, Any]:
    return {
        "jib_m": model.jib_m,
        "charts": [Chart(falls=curve.falls, points=curve.points) for curve in model.charts],
        "hoists": [Hoist(falls=hoist.falls, mps=hoist.mps) for hoist in model.hoists],
        "balance_radius_m": model.balance_radius_m,
    }


def design(stated: DesignLife | None) -> Design | None:
    """A design life as the wire has it."""
    return msgspec.convert(msgspec.to_builtins(stated), Design) if stated is not None else None
