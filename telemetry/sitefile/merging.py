"""
A site file held against what the site has: what it leaves out stays, what it masks is kept, whom it names has to exist.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from telemetry.ladder import Channel, Contact, Plan, Urgency
from telemetry.sitefile.words import File
from telemetry.toml_places import Exact


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Something of a file that what the site has contradicts; the path is the file's."""

    path: Exact
    zh: str
    en: str


def merged(old: File | None, new: File) -> tuple[File, list[Contradiction]]:
    """
    The file with the addresses that it keeps, and all that contradicts what is there.

    What it says nothing of stays None in it: nothing of that is written.
    """
    found: list[Contradiction] = []
    before = {one.contact: one for one in (old.contacts or () if old is not None else ())}
    contacts = new.contacts
    if contacts is not None:
        contacts = [_unmasked(n, one, before.get(one.contact), found) for n, one in enumerate(contacts)]
    known = {one.contact for one in contacts} if contacts is not None else set(before)
    if contacts is None:
        found += _unknown(new, known)
    elif old is not None:
        found += _still_named(old, new, known)
    return msgspec.structs.replace(new, contacts=contacts), found


def _unmasked(n: int, one: Contact, before: Contact | None, found: list[Contradiction]) -> Contact:
    kept = {channel.name: channel for channel in before.channels} if before is not None else {}
    channels: list[Channel] = []
    for k, channel in enumerate(one.channels):
        if channel.url.reveal() == channel.url.masked:
            old = kept.get(channel.name)
            if old is None or old.url.masked != channel.url.masked:
                found.append(Contradiction(
                    ("contacts", n, "channels", k, "url"), "地址已遮盖，而库中没有这个通道：请写全",
                    "it is masked, and no channel of that name is known: give it whole",
                ))  # fmt: skip
            else:
                channel = msgspec.structs.replace(channel, url=old.url)
        channels.append(channel)
    return msgspec.structs.replace(one, channels=channels)


def _unknown(new: File, known: set[str]) -> Iterator[Contradiction]:
    """Contacts that the file names and leaves to the record, where there are none of that name."""
    for n, duty in enumerate(new.roster or ()):
        if duty.contact not in known:
            yield Contradiction(("roster", n, "contact"), f"没有联系人 {duty.contact}", f"no contact {duty.contact!r}")
    for level, n, name in named(new.notify):
        if name not in known:
            path: Exact = ("notify", level, "steps", n, "contact")
            yield Contradiction(path, f"没有联系人 {name}", f"no contact {name!r}")


def _still_named(old: File, new: File, known: set[str]) -> Iterator[Contradiction]:
    """Contacts that the file takes away and that a roster or a ladder names which it leaves alone."""
    path: Exact = ("contacts",)
    if new.roster is None:
        for name in sorted({duty.contact for duty in old.roster or ()} - known):
            yield Contradiction(path, f"{name} 仍在值班表上，而文件没有值班表",
                                f"{name} is on the roster, which this file leaves as it is")  # fmt: skip
    if new.notify is None:
        for name in sorted({name for _, _, name in named(old.notify)} - known):
            yield Contradiction(path, f"{name} 仍在通知阶梯上，而文件没有 [notify]",
                                f"{name} is on a ladder, and this file leaves the ladders as they are")  # fmt: skip


def named(plan: Plan | None) -> Iterator[tuple[str, int, str]]:
    """The contacts that the ladders name: ladder, number of the step, contact."""
    for level in Urgency:
        own = getattr(plan, level.value) if plan is not None else None
        for n, step in enumerate(own.steps if own is not None else ()):
            if step.contact is not None:
                yield level.value, n, step.contact
