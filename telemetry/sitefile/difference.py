"""
What an import would change, in people's words: what loosens a life-safety limit or takes a device away comes first.

Rule 1: a change that can make a life-safety alarm come later, sound less or reach fewer people is dangerous, and so is
one of which nobody here can say (a profile that only the record has). What is dangerous has to be confirmed.
Rule 2: what was confirmed is what was seen: the word to confirm with is made of the dangerous changes themselves.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from telemetry.limit_profile import Profile
from telemetry.sitefile import configs, difference_devices, difference_people
from telemetry.sitefile.change import Change, Verdict, judged, plain, shown
from telemetry.sitefile.words import File, Model
from telemetry.wire.payloads import SiteConfig, Zone

CONFIRM: Final = 12  # hexadecimal digits


def changes(old: File | None, new: File, published: Profile | None = None) -> list[Change]:
    """
    All of them, the dangerous ones first; `old` is what is configured, None for a site that nobody knows.

    `published` is the limit profile that holds at the site: what a limit that is not the device's own falls back to.
    """
    before = old if old is not None else File(site=new.site)
    found: list[Change] = []
    if old is None:
        found.append(Change(f"site {new.site.id}", "", new.site.display_name or new.site.id, Verdict.ADDED))
    found += _site(configs.site_config(before), configs.site_config(new))
    found += difference_devices.changes(before, new, published)
    found += _papers(before, new)
    found += difference_people.changes(before, new)
    if old is None:
        # Nobody relies on what was not there.
        found = [replace(one, dangerous=False) for one in found]
    order = list(Verdict)
    return sorted(found, key=lambda one: (not one.dangerous, order.index(one.verdict)))


def dangerous(found: Iterable[Change]) -> list[Change]:
    """Those that have to be confirmed."""
    return [one for one in found if one.dangerous]


def confirmation(found: Iterable[Change]) -> str:
    """The word that confirms exactly these dangerous changes; empty when there are none."""
    lines = sorted("\x1f".join((one.what, one.old, one.new, one.verdict)) for one in dangerous(found))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:CONFIRM] if lines else ""


def _site(old: SiteConfig, new: SiteConfig) -> Iterator[Change]:
    for key in ("display_name", "organisation"):
        yield from plain(f"site {key}", getattr(old, key), getattr(new, key))
    for key in ("timezone", "hours"):
        yield from judged(f"site {key}", getattr(old, key), getattr(new, key))
    yield from _zones(old.zones, new.zones)
    before, after = ({pour.permit: pour for pour in config.pours} for config in (old, new))
    for permit in dict.fromkeys((*before, *after)):
        if permit not in after:
            yield Change(f"pour {permit}", shown(before[permit]), "", Verdict.REMOVED)
        elif permit not in before:
            yield Change(f"pour {permit}", "", shown(after[permit]), Verdict.ADDED)
        else:
            yield from judged(f"pour {permit}", before[permit], after[permit])


def _zones(old: Sequence[Zone], new: Sequence[Zone]) -> Iterator[Change]:
    before, after = ({f"{zone.zh} {zone.en}": zone for zone in zones} for zones in (old, new))
    for name in dict.fromkeys((*before, *after)):
        if name not in after:
            yield Change(f"zone {name}", shown(before[name].corners), "", Verdict.LOOSENED, dangerous=True)
        elif name not in before:
            yield Change(f"zone {name}", "", shown(after[name].corners), Verdict.TIGHTENED)
        elif before[name] != after[name]:
            a, b = before[name], after[name]
            for key in ("corners", "unloaded", "below_m"):
                yield from judged(f"zone {name} {key}", getattr(a, key), getattr(b, key), dangerous=True)


# What no configuration has: models, serial numbers, sensors, what commissioning measured


def _papers(old: File, new: File) -> Iterator[Change]:
    for name in dict.fromkeys((*old.models, *new.models)):
        before, after = old.models.get(name), new.models.get(name)
        if before is None or after is None:
            yield from plain(f"model {name}", _model(before), _model(after))
            continue
        for key in ("maker", "type", "max_moment_tm"):
            yield from plain(f"model {name} {key}", getattr(before, key), getattr(after, key))
    one, other = ({crane.id: crane for crane in file.cranes} for file in (old, new))
    yield from _same(one, other, "crane", ("model", "falls", "serial", "sensors", "commissioning"))
    was, will = ({bay.id: bay for bay in file.bays} for file in (old, new))
    yield from _same(was, will, "bay", ("display_name", "sensors"))
    a, b = ({post.id: post for bay in file.bays for post in bay.posts} for file in (old, new))
    yield from _same(a, b, "formwork", ("serial", "sensors", "commissioning"))


def _model(model: Model | None) -> str:
    if model is None:
        return ""
    return " ".join(filter(None, (model.maker, model.type))) or f"{model.jib_m:g} m"


def _same(old: Mapping[str, Any], new: Mapping[str, Any], what: str, keys: Sequence[str]) -> Iterator[Change]:
    for name in old:
        if name in new:
            for key in keys:
                yield from plain(f"{what}/{name} {key}", getattr(old[name], key), getattr(new[name], key))
