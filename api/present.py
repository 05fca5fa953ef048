"""Answers made from the live picture and the register: one place for REST and for the console."""

from collections.abc import Iterable
from typing import Any

import msgspec

from api import schemas
from api.live.picture import ANALYZER, DeviceView, Picture
from telemetry.clock import to_ms
from telemetry.model import Severity, priority
from telemetry.storage.alarms import AlarmRow, TransitionRow
from telemetry.storage.devices import DeviceRow
from telemetry.wire import payloads


def words(value: payloads.Words | None) -> schemas.Words | None:
    """Words for an answer."""
    return schemas.Words(zh=value.zh, en=value.en) if value is not None else None


def alarm(view: DeviceView, one: payloads.Alarm) -> schemas.Alarm:
    """A live alarm."""
    return schemas.Alarm(
        site=view.site, kind=view.kind, device=view.device, rule=one.rule, transition=one.transition,
        state=str(one.state), severity=int(one.severity), active=one.active, since=one.since, at=one.at,
        cab=one.cab, desk=one.desk, hazard=str(one.hazard) if one.hazard else None, value=one.value, limit=one.limit,
        unit=one.unit, text=words(one.text), action=words(one.action), life_safety=one.life_safety, hold=one.hold,
        priority=priority(one.severity, life_safety=one.life_safety), parent=one.parent, bay=one.bay, posts=one.posts,
    )  # fmt: skip


def lines(views: Iterable[DeviceView]) -> list[schemas.Alarm]:
    """The live alarms that are lines of their own at the desk: not those that another one speaks for."""
    return [one for one in alarms(views) if one.parent is None]


def alarms(views: Iterable[DeviceView]) -> list[schemas.Alarm]:
    """Live alarms of these devices: what holds before what is over, lives first, worst first, newest first."""
    found = [alarm(view, one) for view in views for one in view.alarms.values()]
    return sorted(found, key=lambda one: (not (one.active or one.hold), not _lives(one), -one.severity, -one.since))


def _lives(one: schemas.Alarm) -> bool:
    # A pre-warning about lives does not stand before an alarm of another kind.
    return one.life_safety and one.severity >= Severity.ALARM


def recorded(row: AlarmRow) -> schemas.Alarm:
    """An alarm as the record has it."""
    last = row.payload
    return schemas.Alarm(
        site=row.site, kind=row.kind, device=row.device, rule=row.rule, transition=row.transition_id,
        state=row.state, severity=row.severity, active=None, since=row.since_ms, at=row.at_ms,
        hazard=last.get("hazard"), value=last.get("value"), limit=last.get("limit"), unit=last.get("unit"),
        text=last.get("text"), action=last.get("action"), life_safety=row.life_safety,
        priority=priority(Severity(row.severity), life_safety=row.life_safety),
    )  # fmt: skip


def reading(view: DeviceView, now: int) -> schemas.Reading | None:
    """The latest sample, with its age."""
    one = view.reading
    if one is None:
        return None
    return schemas.Reading(
        ts=one.ts, received_at=one.received_ms, age_ms=max(0, now - one.received_ms), stale=view.stale(now),
        boot=one.boot, seq=one.seq, values=one.values, invalid=list(one.invalid),
    )  # fmt: skip


def device(view: DeviceView | None, row: DeviceRow | None, now: int) -> schemas.Device:
    """One device from what is known of it; at least one of the two is."""
    known = view if view is not None else row
    assert known is not None  # noqa: S101 - the caller has one of them
    presence: Any = row.presence if row else None
    coverage: Any = row.coverage if row else None
    name = row.display_name if row else ""
    if view is not None:
        presence = msgspec.to_builtins(view.presence) if view.presence else presence
        coverage = msgspec.to_builtins(view.coverage) if view.coverage else coverage
        name = name or (view.config.display_name if view.config else "")
    version = row.config_version if row else None
    return schemas.Device(
        site=known.site, kind=known.kind, device=known.device, display_name=name or known.device,
        property_no=row.property_no if row else None, registration_no=row.registration_no if row else None,
        organisation=row.organisation if row else None, registered=row is not None,
        config_version=view.config.version if view and view.config else version,
        call=view.config.call if view and view.config else None,
        charts=msgspec.to_builtins(view.config.charts) if view and view.config else [],
        presence=presence, coverage=coverage, reading=reading(view, now) if view else None,
        alarms=alarms([view]) if view else [],
    )  # fmt: skip


def devices(picture: Picture, rows: list[DeviceRow] | None, site: str | None, now: int) -> list[schemas.Device]:
    """All devices of a site, or of all, known live or registered."""
    registered = {(row.site, row.kind, row.device): row for row in rows or []}
    live = (key for key in picture.devices if site in (None, key[0]) and key[1] != ANALYZER)
    keys = sorted({*registered, *live})
    return [device(picture.devices.get(key), registered.get(key), now) for key in keys]


def logged(row: TransitionRow) -> dict[str, Any]:
    """A transition as it was published, its place in the record, and what a review of late data said of it."""
    found = {"origin": "live", **row.payload, "position": row.position, "recorded_at": to_ms(row.recorded_at)}
    if row.verdict is not None:
        found["verdict"] = row.verdict
    if row.as_reviewed is not None:
        found["as_reviewed"] = row.as_reviewed
    return found
