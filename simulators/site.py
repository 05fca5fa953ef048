"""
A simulated site: the devices of a site file, and the plant behind them.

Everything that a terminal or the analyzer must know of a device comes out as the wire's own `SiteConfig` and
`DeviceConfig`, by the floor's own reading of the file (`telemetry/sitefile`). What only the physics needs (mast
stiffness, post area) stands in the file's tables `simulation`, is as strict about typos, and stays in `CraneSite` and
`PostSite`.
"""

from importlib import resources
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from telemetry.errors import ConfigError
from telemetry.sitefile import check, configs
from telemetry.sitefile.words import Bay, File
from telemetry.sitefile.words import Crane as CraneTable
from telemetry.sitefile.words import Model as ModelTable
from telemetry.wire.payloads import Chart, DeviceConfig, SiteConfig

Positive = Annotated[float, Meta(gt=0)]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The base of all tables called `simulation`."""


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


class _OfModel(_Strict, frozen=True):
    """`[models.NAME.simulation]`"""

    mast: Mast
    radius_min_m: Positive = 2.5
    hook_block_t: Positive = 0.35
    motions: Motions = Motions()


class _OfBay(_Strict, frozen=True):
    """`simulation` of a bay."""

    pour_force_kn: Positive
    post_m: Positive = 8.0
    post_area_mm2: Positive = 424.0


class Model(_Strict, frozen=True):
    """A type of crane."""

    jib_m: float
    charts: list[Chart]
    mast: Mast
    radius_min_m: float = 2.5
    hook_block_t: float = 0.35
    motions: Motions = Motions()


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
    """A whole site: its file, configuration for the wire, keyed by (kind, device), and the plant behind it."""

    id: str
    file: File
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
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    return parse(text, str(path), interval_ms=interval_ms, crane_interval_ms=crane_interval_ms)


def parse(text: str, of: str = "site", *, interval_ms: int = 1000, crane_interval_ms: int = 200) -> Site:
    """A site from the text of its file, `of` is its name. Raises ConfigError."""
    file = _declaring(check.parse(text, of), interval_ms, crane_interval_ms)
    try:
        return Site(
            id=file.site.id,
            file=file,
            config=msgspec.structs.replace(configs.site_config(file), version=1),
            devices={key: msgspec.structs.replace(one, version=1) for key, one in configs.device_configs(file).items()},
            cranes=[_crane(file, n, crane) for n, crane in enumerate(file.cranes)],
            posts=[post for n, bay in enumerate(file.bays) for post in _bay(n, bay)],
        )
    except ConfigError as error:
        raise ConfigError(f"{of}: {error}") from error


def _declaring(file: File, interval_ms: int, crane_interval_ms: int) -> File:
    """The file with the intervals that the simulated devices will declare, whatever it says of real ones."""
    replace = msgspec.structs.replace
    cranes = [replace(crane, interval_ms=crane_interval_ms) for crane in file.cranes]
    bays = [replace(bay, interval_ms=interval_ms) for bay in file.bays]
    return replace(file, cranes=cranes, bays=bays)


def _crane(file: File, n: int, crane: CraneTable) -> CraneSite:
    """Raises ConfigError for one that nobody can simulate."""
    known = file.models.get(crane.model or "")
    if known is None or crane.falls is None or crane.position_m is None:
        raise ConfigError(f"cranes[{n}]: a simulated crane needs model, falls and position_m")
    if crane.hook_max_m is None or crane.mast_m is None:
        raise ConfigError(f"cranes[{n}]: a simulated crane needs hook_max_m and mast_m")
    return CraneSite(
        id=crane.id,
        model=_model(crane.model or "", known),
        falls=crane.falls,
        position_m=crane.position_m,
        hook_max_m=crane.hook_max_m,
        mast_m=crane.mast_m,
    )


def _model(name: str, model: ModelTable) -> Model:
    own = _physics(_OfModel, model.simulation, f"models.{name}.simulation")
    return Model(
        jib_m=model.jib_m, charts=[Chart(falls=curve.falls, points=curve.points) for curve in model.charts],
        mast=own.mast, radius_min_m=own.radius_min_m, hook_block_t=own.hook_block_t, motions=own.motions,
    )  # fmt: skip


def _bay(n: int, bay: Bay) -> list[PostSite]:
    own = _physics(_OfBay, bay.simulation, f"bays[{n}].simulation")
    if bay.design_force_kn is None or bay.count is None:
        raise ConfigError(f"bays[{n}]: a simulated bay needs count and design_force_kn")
    return [
        PostSite(
            id=post.id, bay=bay.id, row=place // bay.columns, column=place % bay.columns, spacing_m=bay.spacing_m,
            post_m=own.post_m, post_area_mm2=own.post_area_mm2, design_force_kn=bay.design_force_kn,
            pour_force_kn=own.pour_force_kn,
        )
        for place, post in enumerate(configs.posts(bay))
    ]  # fmt: skip


T = TypeVar("T", bound=_Strict)


def _physics(type_: type[T], raw: dict[str, Any], where: str) -> T:
    try:
        return msgspec.convert(raw, type_)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {error}") from error
