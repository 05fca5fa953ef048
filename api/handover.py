"""
The handover of a site, gathered: what the live picture says now, and what the record says of since the last one.

Rule: whatever could not be asked is named in `unasked`; the rest is given all the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from api import present
from api.deps import Parts
from api.i18n import local
from api.live.picture import ANALYZER, DeviceView, Picture
from telemetry import handover, proof
from telemetry.clock import to_datetime, to_ms
from telemetry.errors import StorageError
from telemetry.handover import DAY_MS, Begun, Ear, Named, OnCrane, Sheet, Standing, Unwatched, Work, Yesterday
from telemetry.model import PROOF_RULES, CoverageLevel, Mode
from telemetry.storage import closings, handovers, proofs
from telemetry.storage.pool import Database
from telemetry.storage.proofs import Test
from telemetry.storage.quality import quality
from telemetry.wire.payloads import Words

_EVERYDAY: Final = frozenset({Mode.WORKING, Mode.PARKED})
_MODES: Final[dict[str, Words]] = {
    Mode.STORM: Words(zh="防风", en="storm"),
    Mode.CLIMBING: Words(zh="顶升（附着）", en="climbing"),
    Mode.ERECTING: Words(zh="安装", en="erecting"),
    Mode.DISMANTLING: Words(zh="拆卸", en="dismantling"),
    Mode.TESTING: Words(zh="试验", en="testing"),
    Mode.STOPPED: Words(zh="停用", en="stopped"),
}
_HOLD: Final = Words(zh="停用待检", en="inspection hold")
BEHIND_MS: Final = 60_000  # a terminal that beats every second and has been silent for so long is not there


@dataclass(frozen=True, slots=True)
class Looked:
    """What the record said: since when one looks back, the last sign-off's hash, gaps, terminals, yesterday."""

    since: int
    previous: str | None = None
    gaps: list[handover.Gap] | None = None
    ears: dict[tuple[str, str], list[Ear]] | None = None
    begun: dict[tuple[str, str], Begun] | None = None
    yesterday: Yesterday | None = None
    tests: list[Test] | None = None  # the last proof test of each device
    unasked: tuple[str, ...] = ()


async def look(parts: Parts, site: str, zone: ZoneInfo, now: int) -> Looked:
    """Ask the record."""
    database = parts.database
    if database is None:
        return Looked(now - DAY_MS, unasked=("record",))
    try:
        last = next(iter(await handovers.listed(database, site, limit=1)), None)
        since = last.signed_ms if last is not None else now - DAY_MS
        found = await handovers.changes(database, site, since, now)
        names = {(view.kind, view.device): _named(view) for view in parts.feed.picture.of(site)}
        found = [_renamed(change, names) for change in found if change.of.kind != ANALYZER]
        return Looked(
            since, last.sha256 if last is not None else None,
            handover.gaps(handover.outages(found, since, now), now),
            await handovers.ears(database, site), await handovers.begun(database, site, now - DAY_MS),
            await yesterday(database, site, zone, now, names), await proofs.last(database, site),
        )  # fmt: skip
    except StorageError:
        return Looked(now - DAY_MS, unasked=("record",))


async def yesterday(
    database: Database, site: str, zone: ZoneInfo, now: int, names: dict[tuple[str, str], Named]
) -> Yesterday:
    """The day before in the site's zone. Raises StorageError."""
    midnight = local(now, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    # By the calendar: a day has 23 to 25 hours.
    begin, end = to_ms((midnight - timedelta(days=1)).astimezone()), to_ms(midnight.astimezone())
    changes = await handovers.changes(database, site, begin, end)
    found = await quality(database, site, to_datetime(begin), to_datetime(end))
    desk = found.desk if found is not None else None
    causes = await closings.by_cause(database, site, begin, end)
    rules: dict[str, int] = {}
    for one in desk.top if desk is not None else []:
        rules[one.place[2]] = rules.get(one.place[2], 0) + one.times
    return Yesterday(
        begin=begin, end=end,
        shares=handover.shares([_renamed(one, names) for one in changes if one.of.kind != ANALYZER], begin, end),
        annunciated=desk.annunciated if desk is not None else 0,
        by_rule=sorted(rules.items(), key=lambda one: -one[1]),
        causes={str(cause): n for cause, n in causes.items()},
        acknowledged=desk.acknowledged if desk is not None else 0,
        rubber_stamps=sum(one.rubber_stamps for one in desk.people) if desk is not None else 0,
    )  # fmt: skip


def sheet(picture: Picture, site: str, name: str, zone: ZoneInfo, looked: Looked, now: int) -> Sheet:
    """All of it, at `now`. Pure."""
    views = picture.present(site, now)
    cranes = [view for view in views if view.kind == "crane"]
    view = picture.sites.get(site)
    pours = view.config.pours if view is not None and view.config is not None else []
    works = [
        Work(
            what=Words(zh=f"浇筑许可 {one.permit} {one.bay}区", en=f"pour permit {one.permit}, bay {one.bay}"),
            begin=one.valid_from, end=one.valid_to,
        )
        for one in pours
        if one.valid_to > now and one.valid_from < now + DAY_MS
    ]  # fmt: skip
    for crane in cranes:
        mode = _mode(crane)
        if mode is not None and mode not in _EVERYDAY and mode in _MODES:
            named, words = _named(crane).name, _MODES[mode]
            works.append(Work(what=Words(zh=f"{named} {words.zh}", en=f"{named}: {words.en}")))
    works += _tests(looked.tests or [])
    return Sheet(
        site=site, name=name, timezone=zone.key, at=now, since=looked.since, lost=picture.lost(site, now),
        unwatched=[part for view in views for part in unwatched(view, now)], gaps=looked.gaps,
        standing=standing(picture, site), cranes=[_crane(one, looked, now) for one in cranes], works=works,
        yesterday=looked.yesterday, unasked=list(looked.unasked), previous=looked.previous,
    )  # fmt: skip


def _tests(found: Iterable[Test]) -> list[Work]:
    """Proof tests that somebody has to begin, and those that failed and have to be done again."""
    works = []
    for test in found:
        name = test.display_name or test.device
        if test.state is proof.State.ASKED:
            what = Words(zh=f"报警链路测试 {name} 空钩时由司机启动", en=f"proof test of {name}: the operator begins it")
            works.append(Work(what=what, begin=to_ms(test.asked_at), end=to_ms(test.until_at)))
        elif test.outcome is proof.Outcome.FAILED:
            why = proof.words(test.outcome, test.failed_link, test.detail)
            works.append(Work(what=Words(zh=f"报警链路测试 {name} {why.zh} 须修复后重测",
                                         en=f"proof test of {name} {why.en}: repair, test again")))  # fmt: skip
    return works


def unwatched(view: DeviceView, now: int) -> list[Unwatched]:
    """What of a device nobody watches fully now."""
    of = _named(view)
    if view.stale(now) or (view.presence is not None and not view.presence.online) or view.coverage is None:
        why = handover.reason(view.coverage) if view.coverage is not None else None
        return [Unwatched(of=of, hazard=None, level=CoverageLevel.BLIND, reason=why)]
    return [
        Unwatched(of=of, hazard=hazard, level=own.level, reason=own.reason)
        for hazard, own in view.coverage.hazards.items()
        if own.level is not CoverageLevel.MONITORED
    ]


def standing(picture: Picture, site: str) -> list[Standing]:
    """The alarms that are not normal, worst first."""
    views = picture.alarmed(site)
    names = {(view.kind, view.device): _named(view) for view in views}
    return [
        Standing(
            of=names[(one.kind, one.device)], rule=one.rule, state=one.state, severity=one.severity, since=one.since,
            text=Words(zh=one.text.zh, en=one.text.en) if one.text is not None else Words(zh=one.rule, en=one.rule),
            hold=one.hold, life_safety=one.life_safety,
        )
        for one in present.lines(views)
        if one.rule not in PROOF_RULES
    ]  # fmt: skip


def heard(ear: Ear, now: int) -> bool:
    """Whether a person at that terminal would hear an alarm now."""
    return now - ear.at <= BEHIND_MS and ear.audio == "running" and ear.visible is not False and ear.volume != 0


def frozen(found: Sheet, who: str, organisation: str | None, note: str) -> Sheet:
    """The sheet as it is signed."""
    return msgspec.structs.replace(found, signed_by=who, organisation=organisation, note=note)


def _crane(view: DeviceView, looked: Looked, now: int) -> OnCrane:
    mode = _mode(view)
    held = any(alarm.hold for alarm in view.alarms.values())
    stopped = _HOLD if held else _MODES[Mode.STOPPED] if mode == Mode.STOPPED else None
    operator = view.reading.values.get("operator") if view.reading is not None and not view.stale(now) else None
    return OnCrane(
        of=_named(view), mode=mode, begun=(looked.begun or {}).get((view.kind, view.device)),
        operator=str(operator) if operator else None,
        expected=view.config.terminal if view.config is not None else "none",
        ears=[one for one in (looked.ears or {}).get((view.kind, view.device), []) if now - one.at < DAY_MS][:4],
        stopped=stopped,
    )  # fmt: skip


def _mode(view: DeviceView) -> str | None:
    """By which it is evaluated; what it sent itself only where the analyzer has said nothing."""
    if view.coverage is not None and view.coverage.mode is not None:
        return view.coverage.mode
    sent = view.reading.values.get("mode") if view.reading is not None else None
    return str(sent) if sent else None


def _named(view: DeviceView) -> Named:
    if view.kind == ANALYZER:
        return Named(kind=view.kind, device=view.device, name=f"分析服务 analyzer {view.device}")
    name = (view.config.display_name if view.config else "") or view.device
    return Named(kind=view.kind, device=view.device, name=name)


def _renamed(change: handover.Change, names: dict[tuple[str, str], Named]) -> handover.Change:
    of = names.get((change.of.kind, change.of.device), change.of)
    return handover.Change(of, change.at, change.level, change.reason)
