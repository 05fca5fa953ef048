"""The people of a site file: contacts, ladders and roster held against each other, and addresses that can be read."""

from collections.abc import Callable
from typing import Final

from telemetry.ladder import ANY, Address, Contact, Urgency
from telemetry.sitefile.finding import Findings
from telemetry.sitefile.words import File
from telemetry.toml_places import Exact

EPOCH: Final = 2000  # what is outside of these years is a slip
HORIZON: Final = 2200


def look(file: File, findings: Findings, readable: Callable[[Address], bool] | None) -> None:
    """Note all that is wrong with them, or worth a look; what an address says is never shown."""
    known: dict[str, Contact] | None = None
    if file.contacts is not None:
        known = _contacts(file.contacts, findings, readable)
    for n, duty in enumerate(file.roster or ()):
        if not EPOCH <= duty.begin.year <= duty.end.year <= HORIZON:
            years = f"{EPOCH} – {HORIZON}"
            findings.wrong(("roster", n), f"年份应在 {years} 之间", f"its years have to be within {years}")
        if known is not None and duty.contact not in known:
            findings.wrong(("roster", n, "contact"), *_nobody(duty.contact))
    if file.notify is None:
        return
    on_duty = {duty.role for duty in file.roster} if file.roster is not None else None
    for level in Urgency:
        own = getattr(file.notify, level.value)
        for n, step in enumerate(own.steps if own is not None else ()):
            path: Exact = ("notify", level.value, "steps", n)
            if step.contact is not None:
                if known is not None and step.contact not in known:
                    findings.wrong((*path, "contact"), *_nobody(step.contact))
            elif step.role is not None:
                if known is not None and step.role not in {one.role for one in known.values()}:
                    findings.warn((*path, "role"), f"没有角色为 {step.role} 的联系人：这一步不通知任何人",
                                  f"no contact is {step.role}: this step tells nobody")  # fmt: skip
            elif on_duty is not None and (not on_duty if step.duty == ANY else step.duty not in on_duty):
                findings.warn((*path, "duty"), f"值班表上从无 {step.duty}：这一步不通知任何人",
                              f"nobody is ever on duty as {step.duty}: this step tells nobody")  # fmt: skip


def _nobody(name: str) -> tuple[str, str]:
    return f"没有联系人 {name}", f"no contact {name!r}"


def _contacts(
    contacts: list[Contact], findings: Findings, readable: Callable[[Address], bool] | None
) -> dict[str, Contact]:
    known: dict[str, Contact] = {}
    for n, contact in enumerate(contacts):
        path: Exact = ("contacts", n)
        if contact.contact in known:
            findings.wrong(
                (*path, "contact"), f"联系人 {contact.contact} 出现两次", f"{contact.contact} stands there twice"
            )
        known[contact.contact] = contact
        names: set[str] = set()
        for k, channel in enumerate(contact.channels):
            here: Exact = (*path, "channels", k)
            if channel.name in names:
                findings.wrong((*here, "name"), f"两个通道同名 {channel.name}", f"two channels called {channel.name}")
            names.add(channel.name)
            masked = channel.url.reveal() == channel.url.masked
            if readable is not None and not masked and not readable(channel.url):
                findings.wrong((*here, "url"), "apprise 不认识这个地址（不显示内容）",
                               "apprise cannot read this address (it is not shown)")  # fmt: skip
        if not contact.channels:
            findings.warn(
                path, f"{contact.contact} 没有通道，无法通知", f"{contact.contact} has no channel: cannot be told"
            )
    return known
