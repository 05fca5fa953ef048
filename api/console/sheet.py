"""A handover sheet as HTML, from top to bottom as a safety officer reads it. Pure: also for one that was signed."""

from html import escape
from typing import Final
from zoneinfo import ZoneInfo

from api.console import wording
from api.console.wording import CAUSE, HAZARD, LEVEL, MARK, MODE, SEVERITY, STATE
from api.handover import heard
from api.i18n import Tongue, zone
from telemetry import vocabulary
from telemetry.handover import Gap, Named, OnCrane, Sheet, Standing, Unwatched, Yesterday

BRIEF_MS: Final = 60_000  # gaps that are shorter in all are counted, and not told one by one
SHOWN: Final = 40  # lines of a section; beyond it says how many more there are


def page_of(site: str, of: Named) -> str:
    """The page of a device."""
    return f"/{'crane' if of.kind == 'crane' else 'device'}/{site}/{of.device}"


def watching(t: Tongue, sheet: Sheet) -> str:
    """1. What is not monitored now, and what was not since the last sign-off."""
    place = zone(sheet.timezone)
    made = [_head(1, t.markup("Not monitored now"))]
    if sheet.lost is not None:
        made.append(f'<p class="cw-loud">▨ {t.markup("NOT MONITORED: {why}", why=sheet.lost)}</p>')
    dark = [one for one in sheet.unwatched if one.hazard is None]
    rows = [_unwatched(t, sheet.site, [one]) for one in dark]
    by_device: dict[Named, list[Unwatched]] = {}
    for weak in (one for one in sheet.unwatched if one.hazard is not None):
        by_device.setdefault(weak.of, []).append(weak)
    rows += [_unwatched(t, sheet.site, own) for own in by_device.values()]
    made.append(_list(t, rows) if rows else _fine(t.markup("every hazard of every device is monitored"), sheet))
    since = t.moment(sheet.since, place)
    made.append(f'<h3 class="cw-sub">{t.markup("Gaps since {since}", since=since)}</h3>')
    if sheet.gaps is None:
        made.append(_unknown(t))
    else:
        lines = [_gap(t, sheet, one, place) for one in sheet.gaps if one.total_ms >= BRIEF_MS]
        if brief := len(sheet.gaps) - len(lines):
            words = t.nmarkup("{n} device for less than a minute", "{n} devices for less than a minute each", brief)
            lines.append(f"<li>{words}</li>")
        made.append(_list(t, lines) if lines else f"<p>{t.markup('none')}</p>")
    return _section(made)


def standing(t: Tongue, sheet: Sheet) -> str:
    """2. Alarms and holds that stand, and cranes that must not lift."""
    made = [_head(2, t.markup("Standing alarms and holds"))]
    stopped = [one for one in sheet.cranes if one.stopped is not None]
    for one in stopped:
        words = t.markup("{crane} must not lift: {why}", crane=one.of.name, why=one.stopped)
        made.append(f'<p class="cw-loud s3">■ <a href="{page_of(sheet.site, one.of)}">{words}</a></p>')
    rows = [_alarm(t, sheet, one) for one in sheet.standing]
    if rows:
        made.append(_list(t, rows))
    else:
        made.append(_fine(t.markup("no alarm stands"), sheet))
    return _section(made)


def shift(t: Tongue, sheet: Sheet) -> str:
    """3. Who is on which crane, and whether its terminal can be heard."""
    rows = "".join(_crane(t, sheet, one) for one in sheet.cranes)
    heads = (t.markup("crane"), t.markup("mode"), t.markup("operator"), t.markup("terminal heard"))
    table = (
        f'<table class="cw-table wide"><thead><tr>{"".join(f"<th>{h}</th>" for h in heads)}</tr></thead>{rows}</table>'
    )
    return _section([_head(3, t.markup("Start of shift")), table if rows else f"<p>{t.markup('no crane')}</p>"])


def works(t: Tongue, sheet: Sheet) -> str:
    """4. Works of the day that have a gate."""
    place = zone(sheet.timezone)
    lines = []
    for one in sheet.works:
        span = f" · {t.moment(one.begin, place)} – {t.moment(one.end, place)}" if one.begin and one.end else ""
        lines.append(f"<li>{t.show(one.what)}{escape(span)}</li>")
    none = f"<p>{t.markup('no pour permit, no climbing, no test is known')}</p>"
    return _section([_head(4, t.markup("Today's works")), _list(t, lines) if lines else none])


def yesterday(t: Tongue, sheet: Sheet) -> str:
    """5. The day before in three numbers."""
    found = sheet.yesterday
    if found is None:
        return _section([_head(5, t.markup("Yesterday in three numbers")), _unknown(t)])
    day = t.day(found.begin, zone(sheet.timezone))
    title = t.markup("Yesterday in three numbers: {day}", day=day)
    body = f'<div class="cw-three">{_coverage(t, found)}{_alarms(t, found)}{_stamps(t, found)}</div>'
    return _section([_head(5, title), body])


def signature(t: Tongue, sheet: Sheet, sha256: str) -> str:
    """7. By whom a frozen one was signed."""
    at = t.moment(sheet.at, zone(sheet.timezone), seconds=True, year=True)
    rows = [(t.markup("signed by"), escape(f"{sheet.signed_by} {sheet.organisation or ''}")), (t.markup("at"), at)]
    if sheet.note:
        rows.append((t.markup("note"), escape(sheet.note)))
    rows += [("SHA-256", f"<code>{escape(sha256)}</code>")]
    if sheet.previous:
        rows.append((t.markup("follows"), f"<code>{escape(sheet.previous)}</code>"))
    cells = "".join(f"<tr><td>{k}</td><td>{v}</td></tr>" for k, v in rows)
    return _section([_head(6, t.markup("Signature")), f'<table class="cw-table">{cells}</table>'])


def _section(parts: list[str]) -> str:
    return f'<section class="cw-panel">{"".join(parts)}</section>'


def _head(n: int, words: str) -> str:
    return f'<h2 class="cw-title"><span class="n">{n}</span> {words}</h2>'


def _list(t: Tongue, rows: list[str]) -> str:
    more = len(rows) - SHOWN
    rest = f"<li>{t.markup('and {n} more', n=more)}</li>" if more > 0 else ""
    return f'<ul class="cw-lines">{"".join(rows[:SHOWN])}{rest}</ul>'


def _unknown(t: Tongue) -> str:
    return f'<p class="cw-loud">? {t.markup("the record does not answer: this is not known now")}</p>'


def _fine(words: str, sheet: Sheet) -> str:
    # Nothing is fine while nobody watches.
    return "" if sheet.lost is not None else f"<p>{words}</p>"


def _unwatched(t: Tongue, site: str, own: list[Unwatched]) -> str:
    first = own[0]
    link = f'<a href="{page_of(site, first.of)}"><b>{escape(first.of.name)}</b></a>'
    if first.hazard is None:
        why = f" · {t.show(first.reason)}" if first.reason else ""
        return f"<li>{link} <span class='cw-bad'>✗ {t.show(('无数据', 'no data'))}</span>{why}</li>"
    parts = []
    for one in own:
        mark, zh, en = LEVEL[one.level]
        name = HAZARD.get(one.hazard or "", (one.hazard or "", one.hazard or ""))
        because = (f"：{one.reason.zh}", f": {one.reason.en}") if one.reason else ("", "")
        parts.append(f"{mark} {t.show((f'{name[0]}{zh}{because[0]}', f'{name[1]} {en}{because[1]}'))}")
    return f"<li>{link} · {' · '.join(parts)}</li>"


def _gap(t: Tongue, sheet: Sheet, one: Gap, place: ZoneInfo) -> str:
    link = f'<a href="{page_of(sheet.site, one.of)}"><b>{escape(one.of.name)}</b></a>'
    end = t.moment(one.longest_end, place) if one.longest_end is not None else t.gettext("now")
    words = t.nmarkup(
        "blind once, {total}", "blind {n} times, {total} in all; the longest {begin} to {end}", one.times,
        total=t.span(one.total_ms), begin=t.moment(one.longest_begin, place), end=end,
    )  # fmt: skip
    why = f" · {t.show(one.reason)}" if one.reason else ""
    return f"<li>{link} · {words}{why}</li>"


def _alarm(t: Tongue, sheet: Sheet, one: Standing) -> str:
    link = f"/alarm/{sheet.site}/{one.of.device}/{one.rule}"
    hold = f" · <b>{t.markup('inspection hold')}</b>" if one.hold else ""
    state = STATE.get(one.state, (one.state, one.state))
    since = t.moment(one.since, zone(sheet.timezone))
    return (
        f'<li><span class="cw-tag s{one.severity}">{MARK[one.severity]} {t.show(SEVERITY[one.severity])}</span> '
        f'<a href="{escape(link)}"><b>{escape(one.of.name)}</b> {t.show(one.text)}</a> · {t.show(state)}'
        f" · {t.markup('since {at}', at=since)}{hold}</li>"
    )


def _crane(t: Tongue, sheet: Sheet, one: OnCrane) -> str:
    mode = t.show(MODE.get(one.mode or "", (one.mode or "—", one.mode or "—")))
    who = escape(one.operator) if one.operator else f'<span class="cw-bad">? {t.markup("not identified")}</span>'
    if one.begun is not None:
        at = t.moment(one.begun.at, zone(sheet.timezone))
        who += f'<div class="cw-note">{t.markup("{who} began the shift {at}", who=one.begun.who, at=at)}</div>'
    elif one.expected != "none":
        who += f'<div class="cw-note">{t.markup("no shift was begun at the terminal")}</div>'
    ear = max(one.ears, key=lambda each: heard(each, sheet.at), default=None)
    if ear is not None and heard(ear, sheet.at):
        sound = f"✓ {t.markup('sound is on')}"
    elif ear is not None:
        sound = f'<span class="cw-bad">✗ {t.markup("muted, hidden or gone")}</span> {escape(t.ago(sheet.at - ear.at))}'
    elif one.expected != "none":
        sound = f'<span class="cw-bad">✗ {t.markup("no terminal has been heard of")}</span>'
    else:
        sound = t.markup("none is expected")
    name = f'<a href="{page_of(sheet.site, one.of)}"><b>{escape(one.of.name)}</b></a>'
    return f"<tr><td>{name}</td><td>{mode}</td><td>{who}</td><td>{sound}</td></tr>"


def _coverage(t: Tongue, found: Yesterday) -> str:
    cranes = [one for one in found.shares if one.of.kind == "crane"] or found.shares
    whole = max(1, found.end - found.begin)
    mean = sum(one.watched_ms for one in cranes) / (whole * len(cranes)) if cranes else None
    figure = "—" if mean is None else f"{mean:.1%}".replace("%", " %")
    lines = []
    for one in cranes[:8]:
        rest = t.markup(
            "degraded {d}, blind {b}, nothing said {s}", d=t.span(one.degraded_ms), b=t.span(one.blind_ms),
            s=t.span(one.silent_ms),
        )  # fmt: skip
        lines.append(f"<li>{escape(one.of.name)} <b>{one.watched_ms / whole:.1%}</b> {rest}</li>")
    return _number(figure, t.markup("of the crane-day fully monitored"), f'<ul class="cw-lines">{"".join(lines)}</ul>')


def _alarms(t: Tongue, found: Yesterday) -> str:
    lines = "".join(f"<li>{t.show(vocabulary.rule_name(rule))} <b>{n}</b></li>" for rule, n in found.by_rule[:6])
    closed = "".join(
        f"<li>{t.show(CAUSE.get(cause, (cause, cause)))} <b>{n}</b></li>" for cause, n in sorted(found.causes.items())
    )
    if found.annunciated and not closed:
        closed = f"<li>{t.markup('none was closed with a cause')}</li>"
    return _number(
        str(found.annunciated), t.markup("alarms told to the desk"),
        f'<ul class="cw-lines">{lines}</ul>'
        + (f'<h3 class="cw-sub">{t.markup("by cause")}</h3><ul class="cw-lines">{closed}</ul>' if closed else ""),
    )  # fmt: skip


def _stamps(t: Tongue, found: Yesterday) -> str:
    share = f"{wording.number(found.rubber_stamps / found.acknowledged * 100, 0)} %" if found.acknowledged else "—"
    words = t.markup("{n} of {all} acknowledged in less than 3 s, or five in 10 s", n=found.rubber_stamps,
                     all=found.acknowledged)  # fmt: skip
    return _number(share, t.markup("rubber-stamped"), f"<p>{words}</p>")


def _number(figure: str, label: str, rest: str) -> str:
    return f'<div><div class="figure">{escape(figure)}</div><div class="label">{label}</div>{rest}</div>'
