"""Whom an alarm has reached: terminals that got and showed it, people who were told, who took it. Pure, HTML out."""

from html import escape

from api.console.places import Place
from api.i18n import Pair, Tongue
from telemetry.receipts import Chain

STATES: dict[str, Pair] = {
    "waiting": ("待发送", "waiting"),
    "sent": ("已发送", "sent"),
    "dead": ("发送失败", "not delivered"),
    "withdrawn": ("已撤回", "withdrawn"),
}


def reached(t: Tongue, place: Place, chain: Chain | None) -> str:
    """The chain of the last time it was raised."""
    if chain is None:
        return f"<p>{t.markup('nothing recorded yet')}</p>"
    lines = [f"<li>{t.moment(chain.raised.at, place.zone, seconds=True)} <b>{t.markup('raised')}</b></li>"]
    for words, stage in ((t.markup("delivered to"), chain.delivered), (t.markup("shown by"), chain.rendered)):
        lines += [f"<li>{words} <b>{escape(one.terminal)}</b> {_after(t, one.seconds)}</li>" for one in stage]
    for notice in chain.told:
        state = t.show(STATES.get(notice.state, (notice.state, notice.state)))
        at = t.moment(notice.sent or notice.created, place.zone, seconds=True)
        why = f" · {escape(notice.error)}" if notice.error else ""
        lines.append(
            f"<li>{at} {t.markup('told')} <b>{escape(notice.name)}</b> ({escape(notice.channel)}) {state}{why}</li>"
        )
    taken = chain.acknowledged
    if taken is not None:
        lines.append(
            f"<li><b>{t.markup('acknowledged')}</b> {escape(taken.who or '?')} {_after(t, taken.seconds)}</li>"
        )
    elif chain.attended:
        lines.append(f'<li><span class="cw-bad">✗ {t.markup("nobody has acknowledged it")}</span></li>')
    return f'<ul class="cw-lines">{"".join(lines)}</ul>'


def _after(t: Tongue, seconds: float | None) -> str:
    return "" if seconds is None else t.markup("{n} s after it was raised", n=f"{seconds:.1f}")
