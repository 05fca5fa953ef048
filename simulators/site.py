"""
A site file: which devices stand where, with which charts, names and limits.

The file is TOML. Everything that a terminal or the analyzer must know of a device comes out as the wire's own
`SiteConfig` and `DeviceConfig`; what only the physics needs (mast stiffness, post area) stays in `CraneSite`
and `BaySite`. An unknown key is an error: a misspelt limit must not be a missing one.
"""

import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from simulators.chart import LoadChart
from telemetry import usage
from telemetry.errors import ConfigError
from telemetry.wire.payloads import Chart, Design, DeviceConfig, SiteConfig

Id = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,64}\Z")]
Metres = Annotated[float, Meta(ge=0, le=2000)]
Positive = Annotated[float, Meta(gt=0)]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The base of all tables of a site file."""


class Mast(_Strict, frozen=True):
    """
    The mast as a cantilever above its top tie, after domain reference 5.4.

    `stiffness_nm2` is E times I; `free_m` the length above the top tie (or the whole mast of a free-standing crane);
    `counter_knm` the moment of counterweight less jib, which leans the empty crane backwards; `frequency_hz` its first
    bending mode (measured ones are below 0.5 Hz).
    """

    stiffness_nm2: Positive
    free_m: Positive
    counter_knm: Positive
    frequency_hz: Positive = 0.35
    damping: Positive = 0.02
    plumb_x_deg: float = 0.02
    plumb_y_deg: float = -0.01


class Motions(_Strict, frozen=True):
    """Top speeds (domain reference 5.2, QTZ80 class); 4 falls hoist at half of 2 falls."""

    hoist_mps: Positive = 40 / 60  # 2 falls, loaded
    hoist_empty_mps: Positive = 80 / 60  # 2 falls, up to 1.5 t
    hoist_creep_mps: Positive = 8.5 / 60
    slew_dps: Positive = 3.6  # 0.6 r/min
    trolley_mps: Positive = 50 / 60


class Model(_Strict, frozen=True):
    """A type of crane."""

    jib_m: Positive
    charts: Annotated[list[Chart], Meta(min_length=1)]
    mast: Mast
    radius_min_m: Positive = 2.5
    hook_block_t: Positive = 0.35
    motions: Motions = Motions()


class _Design(Design, frozen=True, forbid_unknown_fields=True):
    """What a crane was designed for."""


class _Crane(_Strict, frozen=True):
    id: Id
    model: str
    falls: int
    position_m: tuple[float, float]
    hook_max_m: Positive
    mast_m: Positive
    slew_zero_deg: float | None = None
    counter_jib_m: Positive | None = None
    display_name: str = ""
    profile: str | None = None
    limits: dict[str, dict[str, float]] = {}
    terminal: str = "none"
    cab_sound: str = "extra"
    property_no: str | None = None
    registration_no: str | None = None
    organisation: str | None = None
    design: _Design | None = None


class _Bay(_Strict, frozen=True):
    id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]{1,16}\Z")]
    count: Annotated[int, Meta(ge=1, le=999)]
    design_force_kn: Positive
    pour_force_kn: Positive
    display_name: str = ""
    first: Annotated[int, Meta(ge=1)] = 1
    columns: Annotated[int, Meta(ge=1)] = 4
    spacing_m: Positive = 0.9
    post_m: Positive = 8.0
    post_area_mm2: Positive = 424.0
    origin_m: tuple[float, float] = (0.0, 0.0)
    profile: str | None = None
    limits: dict[str, dict[str, float]] = {}
    terminal: str = "none"
    organisation: str | None = None


class _SiteTable(_Strict, frozen=True):
    id: Id
    display_name: str = ""
    timezone: str = "Asia/Shanghai"
    profile: str = "cn"
    organisation: str | None = None
    version: Annotated[int, Meta(ge=1)] = 1


class _File(_Strict, frozen=True):
    site: _SiteTable
    models: dict[str, Model] = {}
    cranes: list[_Crane] = []
    bays: list[_Bay] = []


class CraneSite(_Strict, frozen=True):
    """A crane of the site, with what its physics needs."""

    id: str
    model: Model
    falls: int
    position_m: tuple[float, float]
    hook_max_m: float
    mast_m: float


class PostSite(_Strict, frozen=True):
    """A post of a formwork bay, with what its physics needs; `row` and `column` from 0."""

    id: str
    bay: str
    row: int
    column: int
    spacing_m: float
    post_m: float
    post_area_mm2: float
    design_force_kn: float
    pour_force_kn: float


class Site(_Strict, frozen=True):
    """A whole site: configuration for the wire, keyed by (kind, device), and the plant behind it."""

    id: str
    config: SiteConfig
    devices: dict[tuple[str, str], DeviceConfig]
    cranes: list[CraneSite]
    posts: list[PostSite]


def builtin(name: str) -> Path:
    """The path of a site file that comes with the package. Raises ConfigError."""
    path = Path(str(resources.files("simulators") / "sites" / f"{name}.toml"))
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in path.parent.glob("*.toml")))
        raise ConfigError(f"no site {name!r}; there are: {known}")
    return path


def load(path: Path, *, interval_ms: int = 1000, crane_interval_ms: int = 200) -> Site:
    """
    Read a site file.

    The intervals are what the devices will declare. Raises ConfigError, which names the file and the place in it.
    """
    try:
        with path.open("rb") as file:
            raw = tomllib.load(file)
        return parse(raw, interval_ms=interval_ms, crane_interval_ms=crane_interval_ms)
    except (OSError, tomllib.TOMLDecodeError, ConfigError) as error:
        raise ConfigError(f"{path}: {error}") from error


def parse(raw: dict[str, Any], *, interval_ms: int = 1000, crane_interval_ms: int = 200) -> Site:
    """A site from its parsed TOML. Raises ConfigError."""
    try:
        file = msgspec.convert(raw, _File)
    except msgspec.ValidationError as error:
        raise ConfigError(str(error)) from error
    devices: dict[tuple[str, str], DeviceConfig] = {}
    cranes = [_crane(file, crane, devices, crane_interval_ms) for crane in file.cranes]
    posts = [post for bay in file.bays for post in _bay(file, bay, devices, interval_ms)]
    if not devices:
        raise ConfigError("a site needs at least one crane or bay")
    site = file.site
    config = SiteConfig(
        version=site.version,
        display_name=site.display_name or site.id,
        timezone=site.timezone,
        profile=site.profile,
        organisation=site.organisation,
    )
    return Site(id=site.id, config=config, devices=devices, cranes=cranes, posts=posts)


def _crane(file: _File, crane: _Crane, devices: dict[tuple[str, str], DeviceConfig], interval_ms: int) -> CraneSite:
    model = file.models.get(crane.model)
    if model is None:
        raise ConfigError(f"{crane.id}: no model {crane.model!r}; there are: {', '.join(sorted(file.models))}")
    try:
        chart = LoadChart(model.charts)
    except ConfigError as error:
        raise ConfigError(f"model {crane.model}: {error}") from error
    if crane.falls not in chart.falls:
        raise ConfigError(f"{crane.id}: {crane.falls} falls, but {crane.model} has curves for {list(chart.falls)}")
    if any(chart.reach(falls) > model.jib_m for falls in chart.falls):
        raise ConfigError(f"model {crane.model}: a curve reaches beyond the jib of {model.jib_m} m")
    _add(
        devices,
        ("crane", crane.id),
        DeviceConfig(
            version=file.site.version,
            display_name=crane.display_name or crane.id,
            profile=crane.profile or file.site.profile,
            limits=crane.limits,
            charts=model.charts,
            jib_m=model.jib_m,
            hook_max_m=crane.hook_max_m,
            mast_m=crane.mast_m,
            position_m=crane.position_m,
            slew_zero_deg=crane.slew_zero_deg,
            counter_jib_m=crane.counter_jib_m,
            interval_ms=interval_ms,
            terminal=crane.terminal,
            cab_sound=crane.cab_sound,
            property_no=crane.property_no,
            registration_no=crane.registration_no,
            organisation=crane.organisation or file.site.organisation,
            design=_design(crane),
        ),
    )
    return CraneSite(
        id=crane.id,
        model=model,
        falls=crane.falls,
        position_m=crane.position_m,
        hook_max_m=crane.hook_max_m,
        mast_m=crane.mast_m,
    )


def _design(crane: _Crane) -> Design | None:
    if crane.design is None:
        return None
    try:
        usage.life(crane.design)
    except ConfigError as error:
        raise ConfigError(f"{crane.id}: {error}") from error
    return msgspec.convert(msgspec.to_builtins(crane.design), Design)


def _bay(file: _File, bay: _Bay, devices: dict[tuple[str, str], DeviceConfig], interval_ms: int) -> list[PostSite]:
    posts = []
    for place in range(bay.count):
        number = bay.first + place
        row, column = divmod(place, bay.columns)
        post = PostSite(
            id=f"post-{number:02d}",
            bay=bay.id,
            row=row,
            column=column,
            spacing_m=bay.spacing_m,
            post_m=bay.post_m,
            post_area_mm2=bay.post_area_mm2,
            design_force_kn=bay.design_force_kn,
            pour_force_kn=bay.pour_force_kn,
        )
        _add(
            devices,
            ("formwork", post.id),
            DeviceConfig(
                version=file.site.version,
                display_name=f"{bay.display_name or bay.id} {number:02d}",
                profile=bay.profile or file.site.profile,
                limits=bay.limits,
                position_m=(bay.origin_m[0] + column * bay.spacing_m, bay.origin_m[1] + row * bay.spacing_m),
                bay=bay.id,
                design_force_kn=bay.design_force_kn,
                interval_ms=interval_ms,
                terminal=bay.terminal,
                organisation=bay.organisation or file.site.organisation,
            ),
        )
        posts.append(post)
    return posts


def _add(devices: dict[tuple[str, str], DeviceConfig], key: tuple[str, str], config: DeviceConfig) -> None:
    if key in devices:
        raise ConfigError(f"two devices called {key[1]}")
    devices[key] = config
