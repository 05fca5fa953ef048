"""
What people answer to alarms: acknowledge, shelve, disable, release; and the mode that they set.

An answer is published for the analyzer, which decides what it means. Nothing here silences a cab, and nothing here is
an order to a machine.

Rule 1: who answers is who is signed in, and nobody else's name.
Rule 2: an alarm about people's lives is answered one at a time, with what was done about it; it is never shelved.
Rule 3: a database that is away delays no answer; the audit log gets its line when it is back.
"""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

from api.access.gate import forbidden
from api.deps import Parts
from api.live.picture import ANALYZER
from api.problems import Problem, not_found
from telemetry.clock import now_ms, to_datetime
from telemetry.errors import BrokerUnavailable
from telemetry.model import Action, Mode, Severity, priority
from telemetry.model import Priority as Urgency
from telemetry.roles import Permission, Principal
from telemetry.storage.audit import Actor, Deed
from telemetry.wire import payloads, topics
from telemetry.wire.topics import Lane, Leaf

MAX_SHELVING_MS: Final = 24 * 3_600_000  # a shift and its handover; what lasts longer is disabled, by another role
MAX_BULK: Final = 20
NEEDS: Final = {
    Action.ACKNOWLEDGE: Permission.ACKNOWLEDGE,
    Action.SHELVE: Permission.SHELVE,
    Action.UNSHELVE: Permission.SHELVE,
    Action.DISABLE: Permission.DISABLE,
    Action.ENABLE: Permission.DISABLE,
    Action.RELEASE: Permission.RELEASE,
    Action.SET_MODE: Permission.SET_MODE,
}
_WHY: Final = frozenset({Action.SHELVE, Action.DISABLE, Action.RELEASE})


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person says; `cause` is called, stopped or sensor, `until` Unix ms."""

    action: Action
    rule: str | None = None
    transition: str | None = None
    cause: str | None = None
    why: str | None = None
    until: int | None = None
    mode: Mode | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Which alarm."""

    site: str
    device: str
    rule: str


def response_id(principal: Principal, key: str | None) -> str:
    """An id that no other response has; the same for the same key of the same caller, so that it counts once."""
    if key is None:
        return f"api-{secrets.token_hex(8)}"
    return f"api-{hashlib.sha256(f'{principal.name} {key}'.encode()).hexdigest()[:32]}"


async def answer(
    parts: Parts, principal: Principal, actor: Actor, site: str, device: str, said: Answer, key: str | None = None
) -> str:
    """
    Publish a person's answer; its id. That the broker has it is all that is known then.

    Raises Problem (403, 404, 409, 422) and BrokerUnavailable.
    """
    permission = NEEDS.get(said.action)
    if permission is None or not principal.may(permission, site):
        raise forbidden(principal, permission or Permission.ACKNOWLEDGE, site)
    kind, alarm = await _known(parts, site, device, said)
    _check(said, alarm, f"{said.rule} of {site}/{device}")
    at = now_ms()
    response = payloads.Response(
        id=response_id(principal, key), action=said.action, at=at, who=principal.name, rule=said.rule,
        transition=said.transition, why=said.why, until=said.until, cause=said.cause,
        mode=None if said.mode is None else str(said.mode),
    )  # fmt: skip
    await parts.feed.publish(topics.build(site, kind, device, Lane.UP, Leaf.RESPONSE), payloads.encode(response))
    parts.metrics.responses.labels(str(said.action)).inc()
    after = {"response": response.id, "cause": said.cause, "why": said.why, "until": said.until, "mode": response.mode}
    before = None if alarm is None else {"state": str(alarm.state), "severity": int(alarm.severity)}
    target = f"{site}/{kind}/{device}" + (f"/{said.rule}" if said.rule else "")
    parts.auditor.note(
        Deed(actor, f"alarm.{said.action}" if said.rule else str(said.action), target, site, before,
             {name: value for name, value in after.items() if value is not None}, to_datetime(at))
    )  # fmt: skip
    return response.id


async def _known(parts: Parts, site: str, device: str, said: Answer) -> tuple[str, payloads.Alarm | None]:
    own = parts.feed.picture.devices.get((site, ANALYZER, device))
    view, row = (own, None) if own is not None else await parts.one(site, device)
    known = view if view is not None else row
    if known is None:
        raise not_found(f"device {site}/{device}")
    if said.rule is None:
        return known.kind, None
    live = view.alarms.get(said.rule) if view else None
    if live is None:
        if parts.feed.picture.broker_up:
            raise not_found(f"alarm {said.rule} of {site}/{device} that is not normal")
        raise BrokerUnavailable("the alarm's present state is not known without the broker")
    return known.kind, live


def _check(said: Answer, alarm: payloads.Alarm | None, name: str) -> None:
    if said.action is Action.SET_MODE:
        if said.mode is None:
            raise Problem(422, "invalid-request", "请求无效 the request is not valid", "set_mode needs a mode")
        return
    if alarm is None:
        raise Problem(422, "invalid-request", "请求无效 the request is not valid", f"{said.action} needs a rule")
    if alarm.life_safety and said.action is Action.SHELVE:
        raise Problem(
            409, "life-safety", "生命安全报警不得搁置 a life-safety alarm cannot be shelved",
            f"{name} is about people's lives: acknowledge it, and end its cause",
        )  # fmt: skip
    if said.action is Action.ACKNOWLEDGE and alarm.life_safety and alarm.severity >= Severity.ALARM and not said.cause:
        raise Problem(
            422, "cause-needed", "请说明已采取的措施 say what was done",
            f"{name} is about people's lives: acknowledge it with cause called, stopped or sensor",
        )  # fmt: skip
    if said.action in _WHY and not (said.why or "").strip():
        raise Problem(422, "reason-needed", "请填写原因 a reason is needed", f"{said.action} of {name} needs `why`")
    if said.action is Action.SHELVE:
        now = now_ms()
        if said.until is None or not now < said.until <= now + MAX_SHELVING_MS:
            detail = "`until` must lie ahead, and at most 24 h"
            raise Problem(422, "invalid-until", "搁置期限无效 the end of shelving is not valid", detail)


async def acknowledge_many(
    parts: Parts, principal: Principal, actor: Actor, places: list[Place], why: str, key: str | None = None
) -> list[str]:
    """
    Acknowledge several alarms of low priority at once, for one reason; all of them are looked at before any is sent.

    Raises Problem: 409 for one that is of more than low priority, 422 for more than MAX_BULK or no reason.
    """
    if not 1 <= len(places) <= MAX_BULK or len(set(places)) != len(places):
        raise Problem(422, "too-many", "一次最多 20 条 at most 20 at once", f"1 to {MAX_BULK} different alarms at once")
    if not why.strip():
        raise Problem(422, "reason-needed", "请填写原因 a reason is needed", "several at once need `why`")
    for place in places:
        _, alarm = await _known(parts, place.site, place.device, Answer(Action.ACKNOWLEDGE, place.rule))
        low = alarm is not None and priority(alarm.severity, life_safety=alarm.life_safety) is Urgency.LOW
        if alarm is None or alarm.life_safety or not low:
            raise Problem(
                409, "one-by-one", "请逐条确认 acknowledge it on its own page",
                f"{place.rule} of {place.site}/{place.device} is of more than low priority",
            )  # fmt: skip
    return [
        await answer(
            parts, principal, actor, place.site, place.device, Answer(Action.ACKNOWLEDGE, place.rule, why=why),
            None if key is None else f"{key} {place.site} {place.device} {place.rule}",
        )
        for place in places
    ]  # fmt: skip
