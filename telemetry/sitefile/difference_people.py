"""Who is told otherwise than before: contacts, ladders, roster. No address is in it."""

from collections.abc import Iterator
from typing import Any

from telemetry.ladder import Contact, Duty, Ladder, Plan, Step, Urgency
from telemetry.sitefile.change import Change, Verdict, plain
from telemetry.sitefile.words import File


def changes(old: File, new: File) -> Iterator[Change]:
    """All of them; of what the new file says nothing, nothing changes."""
    if new.contacts is not None:
        yield from _contacts(old.contacts or [], new.contacts)
    if new.notify is not None:
        yield from _plan(old.notify or Plan(), new.notify)
    if new.roster is not None:
        yield from _roster(old.roster or [], new.roster)


def _contacts(old: list[Contact], new: list[Contact]) -> Iterator[Change]:
    before, after = ({one.contact: one for one in people} for people in (old, new))
    for name in dict.fromkeys((*before, *after)):
        what = f"contact {name}"
        one, other = before.get(name), after.get(name)
        if other is None:
            yield Change(what, before[name].name, "", Verdict.LOOSENED, dangerous=True)
        elif one is None:
            yield Change(what, "", other.name, Verdict.ADDED)
        else:
            for key in ("name", "organisation", "language", "login", "quiet"):
                yield from plain(f"{what} {key}", getattr(one, key), getattr(other, key))
            if one.role != other.role:
                # A step of a ladder may mean them by it.
                yield Change(f"{what} role", one.role or "", other.role or "", Verdict.JUDGE, dangerous=bool(one.role))
            yield from _channels(what, one, other)


def _channels(what: str, old: Contact, new: Contact) -> Iterator[Change]:
    before, after = ({channel.name: channel for channel in contact.channels} for contact in (old, new))
    for name in dict.fromkeys((*before, *after)):
        here = f"{what} channel {name}"
        one, other = before.get(name), after.get(name)
        if other is None:
            yield Change(here, before[name].url.masked, "", Verdict.LOOSENED, dangerous=True)
        elif one is None:
            yield Change(here, "", other.url.masked, Verdict.ADDED)
        else:
            yield from plain(f"{here} means", str(one.means), str(other.means))
            kept = other.url.reveal() == other.url.masked == one.url.masked
            if one.url != other.url and not kept:
                yield Change(here, one.url.masked, other.url.masked, Verdict.CHANGED)


def _plan(old: Plan, new: Plan) -> Iterator[Change]:
    yield from plain("ladders day", old.day, new.day)
    if old.terminal_s != new.terminal_s:
        later = new.terminal_s > old.terminal_s
        verdict = Verdict.LOOSENED if later else Verdict.TIGHTENED
        yield Change("ladders terminal_s", f"{old.terminal_s:g}", f"{new.terminal_s:g}", verdict, dangerous=later)
    for level in Urgency:
        one, other = old.ladder(level), new.ladder(level)
        if one != other:
            less = _less(one, other)
            life = level is Urgency.LIFE_SAFETY
            verdict = Verdict.LOOSENED if less else Verdict.TIGHTENED
            yield Change(f"ladder {level}", _ladder(one), _ladder(other), verdict, dangerous=less and life)


def _less(old: Ladder, new: Ladder) -> bool:
    """Whether somebody is told later, by fewer channels, less often, or not at all."""
    kept = all(any(_covers(step, other) for other in new.steps) for step in old.steps)
    rarer = new.repeats < old.repeats or (
        old.repeats > 0 and new.repeat_s is not None and old.repeat_s is not None and new.repeat_s > old.repeat_s
    )
    return not kept or rarer


def _covers(old: Step, new: Step) -> bool:
    same_means = old.means == new.means or (bool(old.means) and set(old.means) <= set(new.means))
    return new.who == old.who and new.after_s <= old.after_s and same_means


def _ladder(ladder: Ladder) -> str:
    steps = [f"{step.after_s:g} s {step.who}{_means(step)}" for step in ladder.steps]
    again = [f"+{ladder.repeats} × {ladder.repeat_s:g} s"] if ladder.repeats and ladder.repeat_s else []
    return "; ".join([*steps, *again]) or "-"


def _means(step: Step) -> str:
    return f" ({', '.join(step.means)})" if step.means else ""


def _roster(old: list[Duty], new: list[Duty]) -> Iterator[Change]:
    before, after = ({_known(duty): duty for duty in duties} for duties in (old, new))
    for key in dict.fromkeys((*before, *after)):
        if key not in after:
            yield Change("roster", _duty(before[key]), "", Verdict.REMOVED)
        elif key not in before:
            yield Change("roster", "", _duty(after[key]), Verdict.ADDED)


def _known(duty: Duty) -> tuple[Any, ...]:
    return duty.contact, duty.role, duty.begin.timestamp(), duty.end.timestamp(), duty.shift


def _duty(duty: Duty) -> str:
    span = f"{duty.begin.isoformat(timespec='minutes')} – {duty.end.isoformat(timespec='minutes')}"
    return f"{duty.contact} {duty.role} {span} {duty.shift}"
