"""Models and cranes of a site file: load charts that can be meant, names and numbers once, who stands where."""

import math
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import combinations, pairwise
from typing import Final

from telemetry import usage
from telemetry.errors import ConfigError
from telemetry.sitefile import configs
from telemetry.sitefile.finding import Findings
from telemetry.sitefile.words import Crane, DesignLife, File, Model
from telemetry.toml_places import Exact

MOMENT_SLACK: Final = 1.25  # cranewatch proposal: a chart beyond this times the maker's largest moment is a slip
APART_M: Final = 2.0  # cranewatch proposal: nearer than this two masts cannot stand
# GB 5144 10.5 (secondary transcription, domain reference 1.5): 2 m between a jib's tip and another crane's parts.
CLEAR_M: Final = 2.0
HOOK_OVER_MAST_M: Final = 10.0  # cranewatch proposal: a tower head, or a luffing jib, above the stated mast


def look(file: File, findings: Findings) -> None:
    """Note all that is wrong with them, or worth a look."""
    for name, model in file.models.items():
        _model(("models", name), model, findings)
    used = {crane.model for crane in file.cranes}
    for name in file.models:
        if name not in used:
            findings.warn(("models", name), "没有塔机用这个型号", "no crane is of this model")
    for n, crane in enumerate(file.cranes):
        _crane(("cranes", n), crane, file, findings)
    _once(file.cranes, findings)
    _places(file, findings)


def _model(path: Exact, model: Model, findings: Findings) -> None:
    seen: set[int] = set()
    most: dict[int, float] = {}
    for n, curve in enumerate(model.charts):
        here: Exact = (*path, "charts", n)
        if curve.falls in seen:
            findings.wrong((*here, "falls"), f"倍率 {curve.falls} 的曲线有两条", f"two curves for {curve.falls} falls")
        seen.add(curve.falls)
        most[curve.falls] = curve.points[0][1]
        for k, ((r0, q0), (r1, q1)) in enumerate(pairwise(curve.points), 1):
            at: Exact = (*here, "points", k)
            if r1 <= r0:
                findings.wrong(at, f"幅度没有增大：{r0:g} 之后是 {r1:g} m", f"radii must rise: {r1:g} m after {r0:g} m")
            if q1 > q0:
                findings.wrong(at, f"额定起重量随幅度增大：{q0:g} 之后是 {q1:g} t",
                               f"the rated load rises with the radius: {q1:g} t after {q0:g} t")  # fmt: skip
        for k, (radius, load) in enumerate(curve.points):
            if radius > model.jib_m:
                findings.wrong((*here, "points", k), f"幅度 {radius:g} m 超出起重臂 {model.jib_m:g} m",
                               f"reaches {radius:g} m, beyond the jib of {model.jib_m:g} m")  # fmt: skip
            if model.max_moment_tm is not None and radius * load > MOMENT_SLACK * model.max_moment_tm:
                moment = radius * load
                findings.wrong(
                    (*here, "points", k), f"{load:g} t × {radius:g} m = {moment:.0f} t·m，远超最大力矩"
                    f" {model.max_moment_tm:g} t·m", f"{load:g} t × {radius:g} m = {moment:.0f} t·m, far beyond the"
                    f" largest moment of {model.max_moment_tm:g} t·m",
                )  # fmt: skip
        if curve.points[0][1] == curve.points[-1][1]:
            findings.warn(here, "额定起重量在全幅度不变", "the rated load is the same at every radius")
        elif curve.points[-1][0] < 0.8 * model.jib_m:
            findings.warn(
                here, f"曲线只到 {curve.points[-1][0]:g} m，起重臂 {model.jib_m:g} m",
                f"the curve ends at {curve.points[-1][0]:g} m of a jib of {model.jib_m:g} m",
            )  # fmt: skip
    for few, many in pairwise(sorted(most)):
        if most[many] < most[few]:
            findings.warn((*path, "charts"), f"{many} 倍率的最大起重量小于 {few} 倍率",
                          f"{many} falls lift less than {few}")  # fmt: skip
    _twice((*path, "hoists"), (hoist.falls for hoist in model.hoists), findings)
    for label, length in (("counter_jib_m", model.counter_jib_m), ("balance_radius_m", model.balance_radius_m)):
        if length is not None and length > model.jib_m:
            findings.wrong(
                (*path, label), f"大于起重臂 {model.jib_m:g} m", f"is longer than the jib, {model.jib_m:g} m"
            )
    _life((*path, "design"), model.design, findings)


def _twice(path: Exact, falls: Iterable[int], findings: Findings) -> None:
    seen: set[int] = set()
    for n, one in enumerate(falls):
        if one in seen:
            findings.wrong((*path, n, "falls"), f"倍率 {one} 出现两次", f"{one} falls stand there twice")
        seen.add(one)


def _crane(path: Exact, crane: Crane, file: File, findings: Findings) -> None:
    model = file.models.get(crane.model) if crane.model is not None else None
    if crane.model is None:
        findings.warn(
            path, "没有型号，无起重特性曲线：力矩只能按黑匣子自报的额定起重量监测",
            "no model, so no load chart: its moment is judged by the rated load that its box sends",
        )  # fmt: skip
    elif model is None:
        near = get_close_matches(crane.model, list(file.models), n=1, cutoff=0.4)
        there = "、".join(sorted(file.models)) or "-"
        findings.wrong(
            (*path, "model"), f"没有型号 {crane.model}" + (f"，最接近的是 {near[0]}" if near else f"，有 {there}"),
            f"no model {crane.model!r}" + (f"; did you mean {near[0]}?" if near else f"; there are: {there}"),
        )  # fmt: skip
    else:
        falls = sorted(curve.falls for curve in model.charts)
        if crane.falls is None:
            findings.warn(path, "没有安装倍率 falls", "installed falls are not stated")
        elif crane.falls not in falls:
            findings.wrong((*path, "falls"), f"型号 {crane.model} 没有 {crane.falls} 倍率的曲线，有 {falls}",
                           f"{crane.falls} falls, but {crane.model} has curves for {falls}")  # fmt: skip
        if crane.counter_jib_m is not None and crane.counter_jib_m > model.jib_m:
            findings.wrong((*path, "counter_jib_m"), "大于起重臂", "is longer than the jib")
    for key, zh, en in (
        ("position_m", "没有位置：区域与群塔重叠不监测", "no position: zones and overlaps are not watched"),
        ("slew_zero_deg", "没有回转零位：区域不监测", "no slew zero: zones are not watched"),
    ):
        if getattr(crane, key) is None:
            findings.warn(path, zh, en)
    if crane.hook_max_m is not None and crane.mast_m is not None and crane.hook_max_m > crane.mast_m + HOOK_OVER_MAST_M:
        findings.wrong((*path, "hook_max_m"), f"比塔身 {crane.mast_m:g} m 还高",
                       f"is above the mast of {crane.mast_m:g} m")  # fmt: skip
    _life((*path, "design"), crane.design, findings)


def _life(path: Exact, stated: DesignLife | None, findings: Findings) -> None:
    try:
        usage.life(configs.design(stated))
    except ConfigError as error:
        findings.wrong(path, f"设计寿命自相矛盾：{error}", str(error))


def _once(cranes: list[Crane], findings: Findings) -> None:
    for key, zh, en in (
        ("id", "编号", "id"), ("property_no", "产权备案编号", "property number"),
        ("registration_no", "使用登记编号", "registration number"), ("serial", "出厂编号", "serial number"),
        ("display_name", "名称", "name"),
    ):  # fmt: skip
        seen: dict[str, str] = {}
        for n, crane in enumerate(cranes):
            value = getattr(crane, key)
            if value is None:
                continue
            if value in seen:
                note = findings.warn if key == "display_name" else findings.wrong
                note(
                    ("cranes", n, key), f"{zh} {value} 与 {seen[value]} 相同", f"{en} {value} is that of {seen[value]}"
                )
            seen[value] = crane.id


def _places(file: File, findings: Findings) -> None:
    standing = [
        (n, crane, crane.position_m, file.models[crane.model].jib_m if crane.model in file.models else None)
        for n, crane in enumerate(file.cranes)
        if crane.position_m is not None
    ]
    for (_, one, here, jib), (n, other, there, reach) in combinations(standing, 2):
        apart = math.dist(here, there)
        path: Exact = ("cranes", n, "position_m")
        if apart < APART_M:
            findings.wrong(path, f"与 {one.id} 在同一位置（相距 {apart:.1f} m）",
                           f"stands where {one.id} stands, {apart:.1f} m apart")  # fmt: skip
        elif jib is not None and reach is not None and apart < jib + reach + CLEAR_M:
            lengths = f"{jib:g} + {reach:g} m"
            findings.warn(
                path, f"{one.id} 与 {other.id} 作业范围重叠（相距 {apart:.1f} m，臂长 {lengths}）：群塔防碰撞未监测",
                f"{one.id} and {other.id} overlap, {apart:.1f} m apart, jibs {lengths}: anti-collision not monitored",
            )  # fmt: skip
