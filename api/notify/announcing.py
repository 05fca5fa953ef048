"""
The message about a proof test: to whoever is on duty, on the first step of the ladder of life safety, as 测试 TEST.

Rule 1: the way is that of an alarm, so that it is proved: the same turn, outbox, senders and channels.
Rule 2: nobody asleep is woken by a test: quiet hours hold it, and where a roster says who is on duty nobody else does.
"""

from collections.abc import Sequence

from api.notify import wording
from telemetry import ladder
from telemetry.escalation import Message, News, Sort
from telemetry.ladder import Contact, Urgency
from telemetry.model import PROOF_TEST, Signal
from telemetry.storage.roster import Standing


def told(standing: Standing) -> list[Contact]:
    """Whom a test is told: the first step of the ladder, and of it only people on duty where there is a roster."""
    steps = standing.plan.ladder(Urgency.LIFE_SAFETY).steps
    if not steps:
        return []
    people = ladder.told(steps[0], standing.contacts, standing.duties)
    on_duty = {duty.contact for duty in standing.duties}
    return [one for one in people if steps[0].duty is not None or not on_duty or one.contact in on_duty]


def messages(one: News, name: str, standing: Standing) -> Sequence[Message]:
    """The messages about a test that was raised; none for what is no raise of one, or is old news."""
    transition = one.transition
    if transition.rule != PROOF_TEST or transition.signal is not Signal.RAISE or one.old:
        return []
    steps = standing.plan.ladder(Urgency.LIFE_SAFETY).steps
    means = steps[0].means if steps else []
    found = []
    for contact in told(standing):
        text = wording.proof(standing.display_name, name, one.recorded_at, standing.zone, contact.language)
        held = contact.quiet_until(one.recorded_at, standing.zone)
        for channel in contact.by(means):
            found.append(
                Message(
                    key=f"proof/{transition.id}/{contact.contact}/{channel.name}", site=transition.site,
                    contact=contact.contact, channel=channel.name, sort=Sort.TEST, life_safety=False, title=text.title,
                    body=text.body, due=held,
                )
            )  # fmt: skip
    return found
