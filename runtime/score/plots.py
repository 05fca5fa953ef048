"""The plots of docs/detection.md: a caught hook, a breezy shift, a heavy shift's sound, formwork that creeps."""

from pathlib import Path
from typing import Any, Final

import numpy as np

from analytics.engine import Engine
from runtime.score import ours
from runtime.score.campaign import BEST_WINDOW_S, BEST_Z
from runtime.score.channels import channels, times
from runtime.score.heard import Heard
from runtime.score.rivals import ZScore, plain
from simulators.labelled.boxes import SITE, Recording, Trace
from simulators.labelled.catalogue import scenario
from telemetry.errors import ConfigError

INK: Final = {"ours": "#0b6e4f", "plain": "#c1440e", "z": "#5b5ea6", "truth": "#d9d9d9", "value": "#333333"}


def draw(folder: Path, seed: int) -> None:
    """Write the four pictures. Raises ConfigError without matplotlib."""
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise ConfigError("the plots need matplotlib: make score sets it up") from error
    mpl.use("svg")
    # The same run gives the same bytes: no date, no random ids.
    mpl.rcParams.update({"svg.hashsalt": "cranewatch", "svg.fonttype": "none", "font.size": 9,
                         "axes.spines.top": False, "axes.spines.right": False})  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    _snag(folder / "score-snag.svg", seed)
    _breeze(folder / "score-breezy-shift.svg", seed)
    _heavy(folder / "score-heavy-shift.svg", seed)
    _creep(folder / "score-formwork-creep.svg", seed)


def _figure(title: str, ylabel: str, xlabel: str = "s") -> tuple[Any, Any]:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8.0, 3.2), layout="constrained")
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    return figure, axes


def _save(figure: Any, axes: Any, path: Path) -> None:
    from matplotlib import pyplot

    axes.legend(frameon=False, fontsize=8, loc="upper left")
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    pyplot.close(figure)


def _trace(recording: Recording, device: str) -> Trace:
    return next(trace for trace in recording.traces if trace.device == device)


def _marks(axes: Any, heard: Heard, device: str, y: float, ink: str, label: str, unit_s: float = 1.0) -> None:
    at = [said.t / unit_s for said in heard.alarms if said.device == device]
    axes.plot(at, [y] * len(at), "|", color=ink, markersize=11, markeredgewidth=1.4, label=f"{label} ({len(at)})")


def _thin(t: Any, values: Any, most: int = 900) -> tuple[Any, Any]:
    """At most so many points, the largest of each bin: small files that hide no peak."""
    size = max(1, len(t) // most)
    whole = len(t) // size * size
    if size == 1:
        return t, values
    return t[:whole:size], np.nanmax(values[:whole].reshape(-1, size), axis=1)


def _snag(path: Path, seed: int) -> None:
    recording = scenario("snag").play(seed)
    device = "crane-10hz"
    trace = _trace(recording, device)
    t, moment = times(trace), channels(trace)["moment"]
    on = (t > 145) & (t < 160)
    figure, axes = _figure("A caught hook at 10 Hz", "% of rated moment")
    axes.plot(t[on], moment[on], color=INK["value"], lw=1)
    for event in recording.truth.events:
        if event.device == device:
            axes.axvspan(event.onset_s, event.end_s, color=INK["truth"], label="truth: over 100 %")
    late = Heard(alarms=[said for said in ours.hear(recording).alarms if said.t > 145])
    _marks(axes, late, device, 8, INK["ours"], "cranewatch")
    _marks(axes, Heard(alarms=[s for s in plain(recording).alarms if s.t > 145]), device, 0, INK["plain"], "plain")
    _save(figure, axes, path)


def _breeze(path: Path, seed: int) -> None:
    recording = scenario("breezy-shift").play(seed)
    device = "crane-5s"
    trace = _trace(recording, device)
    t, wind = _thin(times(trace), channels(trace)["wind"])
    figure, axes = _figure("A breezy shift, a box of 5 s: every raise of a wind alarm", "m/s", "h")
    axes.plot(t / 3600, wind, color=INK["value"], lw=0.6)
    for limit in (10.8, 12.0):
        axes.axhline(limit, color=INK["value"], lw=0.5, ls=":")
    for heard, y, ink, label in (
        (ours.hear(recording), 1.4, "ours", "cranewatch"),
        (plain(recording), 0.2, "plain", "plain"),
    ):
        only = Heard(alarms=[said for said in heard.alarms if said.rule == "wind"])
        _marks(axes, only, device, y, INK[ink], label, 3600.0)
    axes.set_ylim(-0.5, 15.5)
    _save(figure, axes, path)


def _heavy(path: Path, seed: int) -> None:
    recording = scenario("heavy-shift").play(seed)
    figure, axes = _figure("Sound in the cab over a legal heavy shift, 5 s box", "s, summed", "h")
    device = "crane-5s"
    # The 10 Hz and 1 Hz boxes report the shift in parts; this one reports it whole.
    for heard, ink, label in ((ours.hear(recording), "ours", "cranewatch"), (plain(recording), "plain", "plain, 100 %"),
                              (ZScore(BEST_Z, BEST_WINDOW_S)(recording), "z", "z-score")):  # fmt: skip
        pieces = sorted((at, seconds) for who, at, seconds in heard.sounded if who == device)
        at = np.array([0.0, *(at for at, _ in pieces), recording.duration_s])
        total = np.cumsum([0.0, *(seconds for _, seconds in pieces), 0.0])
        axes.step(at / 3600, total, where="post", color=INK[ink], lw=1.2, label=f"{label}: {total[-1]:.0f} s")
    axes.plot([0, 8], [0, 80], color=INK["value"], lw=0.6, ls=":", label="10 s an hour")
    _save(figure, axes, path)


def _creep(path: Path, seed: int) -> None:
    recording = scenario("formwork-creep").play(seed)
    device = "post-06"
    trace = _trace(recording, device)
    etas: list[tuple[float, float, float]] = []

    def watch(engine: Engine, t: float) -> None:
        fleet = engine.fleets["formwork"]
        eta = fleet.eta(fleet.index[SITE, device], "settlement")
        if eta is not None and (not etas or t - etas[-1][0] >= 60.0):
            etas.append((t, *eta))

    heard = ours.hear(recording, watch)
    t, settle = times(trace), channels(trace)["settlement"]
    event = next(event for event in recording.truth.events if event.device == device)
    figure, axes = _figure(
        "Formwork that creeps: settlement, and the time to its limit as the engine says it", "mm", "min"
    )
    axes.plot(
        *(v / u for v, u in zip(_thin(t, settle), (60.0, 1.0), strict=True)),
        color=INK["value"],
        lw=1,
        label="settlement",
    )
    axes.axhline(8.0, color=INK["value"], lw=0.5, ls=":")
    axes.axvspan(
        event.onset_s / 60,
        (event.limit_s or 0.0) / 60,
        color=INK["truth"],
        alpha=0.5,
        label="truth: creep, to the limit",
    )
    _marks(axes, heard, device, 0.4, INK["ours"], "cranewatch", 60.0)
    other = axes.twinx()
    known = [(t, low, high) for t, low, high in etas if event.onset_s < t < (event.limit_s or 0.0)]
    if known:
        at = np.array([k[0] for k in known]) / 60
        low, high = (np.minimum(np.array([k[n] for k in known]) / 60, 150.0) for n in (1, 2))
        other.fill_between(at, low, high, color=INK["ours"], alpha=0.3, lw=0)
        truth = np.array([(event.limit_s or 0.0) - k[0] for k in known]) / 60
        other.plot(at, truth, color=INK["plain"], lw=0.8, ls="--")
    other.set_ylabel("min to the limit: band said, dashed true")
    other.set_ylim(0, 150)
    _save(figure, axes, path)
