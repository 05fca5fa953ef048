"""What of the devices of a site differs: limits, charts, terminals, geometry; and which devices come and go."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final, TypeAlias

from telemetry.limit_profile import Profile, Rule
from telemetry.profile_diff import differences
from telemetry.sitefile import configs
from telemetry.sitefile.change import Change, Verdict, judged, plain, shown
from telemetry.sitefile.configs import Key
from telemetry.sitefile.judging import Judge
from telemetry.sitefile.words import File
from telemetry.wire.payloads import Chart, DeviceConfig

Judges: TypeAlias = tuple[Judge, Judge]  # of the old file and of the new one
_PLAIN: Final = ("display_name", "organisation", "call", "property_no", "registration_no", "design", "interval_ms")
_JUDGED: Final = (
    "jib_m", "counter_jib_m", "hook_max_m", "mast_m", "position_m", "slew_zero_deg", "balance_radius_m", "hoists",
    "tilt_zero_deg", "params", "bay",
)  # fmt: skip
# From what warns most to what warns least.
_ORDERS: Final[dict[str, tuple[str, ...]]] = {
    "terminal": ("cab", "bay", "gate", "none"),
    "cab_sound": ("all", "extra", "none"),
    "weathervane": ("free", "restrained"),
}


def changes(old: File, new: File, published: Profile | None) -> Iterator[Change]:
    """All of them, by device; `published` is the limit profile that holds at the site, where one does."""
    judges = Judge(old.site.profile, published), Judge(new.site.profile, published)
    before, after = configs.device_configs(old), configs.device_configs(new)
    for key in dict.fromkeys((*before, *after)):
        what = "/".join(key)
        if key not in after:
            yield Change(what, before[key].display_name, "", Verdict.RETIRED, dangerous=True)
        elif key not in before:
            yield Change(what, "", after[key].display_name, Verdict.ADDED)
        elif before[key] != after[key]:
            yield from _device(key, before[key], after[key], judges)


def _device(key: Key, old: DeviceConfig, new: DeviceConfig, judges: Judges) -> Iterator[Change]:
    kind, what = key[0], "/".join(key)
    yield from _profile(what, old.profile, new.profile, judges)
    yield from _limits(kind, what, old, new, judges)
    yield from _charts(what, old.charts, new.charts)
    for name, order in _ORDERS.items():
        one, other = getattr(old, name), getattr(new, name)
        if one != other:
            less = _place(order, other) > _place(order, one)
            yield Change(f"{what} {name}", one, other, Verdict.LOOSENED if less else Verdict.TIGHTENED, dangerous=less)
    yield from _more(f"{what} design_force_kn", old.design_force_kn, new.design_force_kn)
    life = _life(judges[1].rules(kind, new.profile), "differential")
    if old.neighbours != new.neighbours:
        less = bool(set(old.neighbours) - set(new.neighbours))
        verdict = Verdict.LOOSENED if less else Verdict.TIGHTENED
        yield Change(f"{what} neighbours", shown(old.neighbours), shown(new.neighbours), verdict, less and life)
    yield from _more(f"{what} span_m", old.span_m, new.span_m, life=life)
    for name in _PLAIN:
        yield from plain(f"{what} {name}", getattr(old, name), getattr(new, name))
    for name in _JUDGED:
        yield from judged(f"{what} {name}", getattr(old, name), getattr(new, name))


def _place(order: Sequence[str], word: str) -> int:
    return order.index(word) if word in order else len(order)


def _more(what: str, old: float | None, new: float | None, *, life: bool = True) -> Iterator[Change]:
    """A figure of which more, or none at all, is less warning."""
    if old == new:
        return
    less = old is not None and (new is None or new > old)
    verdict = Verdict.LOOSENED if less else Verdict.TIGHTENED
    yield Change(what, shown(old), shown(new), verdict, life and less)


def _profile(what: str, old: str, new: str, judges: Judges) -> Iterator[Change]:
    if old == new:
        return
    one, other = judges[0].profile(old), judges[1].profile(new)
    if one is None or other is None:
        yield Change(f"{what} profile", old, new, Verdict.JUDGE, dangerous=True)
        return
    loose = any(found.alarming for found in differences(one, other))
    yield Change(f"{what} profile", old, new, Verdict.LOOSENED if loose else Verdict.JUDGE, dangerous=loose)


def _life(known: Mapping[str, Rule] | None, rule: str) -> bool:
    """Whether a rule is about people's lives; where nobody here knows, it is taken to be."""
    return known is None or (rule in known and known[rule].life_safety)


def _limits(kind: str, what: str, old: DeviceConfig, new: DeviceConfig, judges: Judges) -> Iterator[Change]:
    there = judges[0].rules(kind, old.profile), judges[1].rules(kind, new.profile)
    named = dict.fromkeys(
        (rule, step) for config in (old, new) for rule, steps in config.limits.items() for step in steps
    )
    for rule, step in named:
        own = [config.limits.get(rule, {}).get(step) for config in (old, new)]
        if own[0] == own[1]:
            continue
        one, other = (
            value if value is not None else _of_profile(known, rule, step)
            for value, known in zip(own, there, strict=True)
        )
        life = any(_life(known, rule) for known in there)
        was, will = (
            shown(value) if mine is not None else f"({shown(value) or '?'})"
            for value, mine in zip((one, other), own, strict=True)
        )
        if one is None or other is None:
            yield Change(f"{what} {rule}.{step}", was, will, Verdict.JUDGE, dangerous=life)
        elif one == other:
            yield Change(f"{what} {rule}.{step}", was, will, Verdict.CHANGED)
        else:
            loose = other > one
            verdict = Verdict.LOOSENED if loose else Verdict.TIGHTENED
            yield Change(f"{what} {rule}.{step}", was, will, verdict, dangerous=loose and life)


def _of_profile(known: Mapping[str, Rule] | None, rule: str, step: str) -> float | None:
    if known is None or rule not in known or step not in known[rule].steps:
        return None
    return known[rule].steps[step].set.value


def _charts(what: str, old: Sequence[Chart], new: Sequence[Chart]) -> Iterator[Change]:
    """More rated load at any radius is a later alarm; a reeving without its curve is none."""
    before, after = ({chart.falls: chart for chart in charts} for charts in (old, new))
    for falls in sorted(before.keys() | after.keys()):
        name = f"{what} chart, {falls} falls"
        one, other = before.get(falls), after.get(falls)
        if one is None or other is None:
            verdict = Verdict.LOOSENED if other is None else Verdict.TIGHTENED
            yield Change(name, _short(one), _short(other), verdict, dangerous=other is None)
        elif one.points != other.points:
            radii = sorted({radius for radius, _ in (*one.points, *other.points)})
            more = [radius for radius in radii if _rated(other, radius) > _rated(one, radius) + 1e-9]
            verdict = Verdict.LOOSENED if more else Verdict.TIGHTENED
            at = more[0] if more else next((r for r in radii if _rated(other, r) != _rated(one, r)), radii[0])
            was, will = (f"{_rated(chart, at):g} t @ {at:g} m" for chart in (one, other))
            yield Change(name, was, will, verdict, dangerous=bool(more))


def _short(chart: Chart | None) -> str:
    return f"{chart.points[0][1]:g} t … {chart.points[-1][0]:g} m" if chart is not None else ""


def _rated(chart: Chart, radius: float) -> float:
    """Straight between the points; inside the first and beyond the last what these say, as the analyzer has it."""
    points = chart.points
    if radius <= points[0][0]:
        return points[0][1]
    for (r0, q0), (r1, q1) in pairwise(points):
        if radius <= r1:
            return q0 + (q1 - q0) * (radius - r0) / (r1 - r0) if r1 > r0 else q1
    return points[-1][1]
