"""Pieces of the console's pages as HTML: what is shown of a device. Pure; everything from outside is escaped."""

from html import escape

from api import present, schemas
from api.charts import use, value
from api.console import wording
from api.console.wording import number, percent
from api.i18n import Pair, Tongue
from api.live.picture import ANALYZER, DeviceView, Picture
from telemetry.kinds import KINDS
from telemetry.model import PROOF_RULES, CoverageLevel, State
from telemetry.wire import payloads

BAR_TOP = 120  # per cent at the right end of a bar


def name_of(view: DeviceView) -> str:
    """The site's own name for a device."""
    if view.kind == ANALYZER:
        return f"分析服务 analyzer {view.device}"
    return (view.config.display_name if view.config else "") or view.device


def path_of(view: DeviceView) -> str:
    """The page of a device."""
    return f"/{'crane' if view.kind == 'crane' else 'device'}/{view.site}/{view.device}"


def alarm_sentence(alarm: schemas.Alarm) -> Pair:
    """What, number, limit, one action."""
    name = wording.HAZARD.get(alarm.hazard or "", (alarm.rule, alarm.rule))
    figure = "" if alarm.value is None else f" {alarm.value:g} {alarm.unit or ''}".rstrip()
    zh, en = f"{name[0]}{figure}", f"{name[1]}{figure}"
    if alarm.text is not None:
        zh, en = alarm.text.zh, alarm.text.en
    if alarm.action is not None:
        zh, en = f"{zh} {alarm.action.zh}", f"{en} {alarm.action.en}"
    return zh, en


def brief_sentence(alarm: schemas.Alarm) -> Pair:
    """Severity, hazard and number: all that fits a small tile."""
    grade, name = wording.SEVERITY[alarm.severity], wording.HAZARD.get(alarm.hazard or "", ("", ""))
    figure = "" if alarm.value is None else f"{alarm.value:g} {alarm.unit or ''}".rstrip()
    return f"{grade[0]} {name[0]} {figure}", grade[1]


def band(t: Tongue, view: DeviceView, lost: payloads.Words | None, now: int, *, brief: bool = False) -> str:
    """One line that says how a device is: its worst alarm, or that it is not watched, or how well it is."""
    # What another one speaks for stands behind what is the device's own.
    spoken = sorted(present.alarms([view]), key=lambda one: one.parent is not None)
    every = [one for one in spoken if one.severity >= 2 or one.hold]
    found = [one for one in every if one.active or one.hold]
    if found:
        worst = found[0]
        more = f" +{len(found) - 1}" if len(found) > 1 else ""
        words = t.show(brief_sentence(worst) if brief else alarm_sentence(worst))
        state = "" if worst.active else t.markup("inspection hold")
        mark = wording.MARK[worst.severity]
        return f'<div class="cw-band s{worst.severity}">{mark} <span>{words} {state}{more}</span></div>'
    trouble = ""
    if lost is not None:
        trouble = t.markup("NOT MONITORED")
    elif view.presence is not None and not view.presence.online:
        trouble = t.markup("OFFLINE")
    elif view.stale(now):
        trouble = t.markup("NO DATA")
    if trouble:
        return f'<div class="cw-band lost"><span>▨ {trouble}</span></div>'
    if every:
        # Over, but nobody has said that they saw it: not calm, and not an alarm any more either.
        words = t.markup("over, {n} not acknowledged", n=len(every))
        return f'<div class="cw-band"><b>○</b> <span>{words}</span></div>'
    level = str(view.coverage.level) if view.coverage else "unknown"
    mark, zh, en = wording.LEVEL[level]
    dot = '<span class="dot">●</span>' if level == CoverageLevel.MONITORED else f"<b>{mark}</b>"
    return f'<div class="cw-band calm">{dot} <span>{t.show((zh, en))}</span></div>'


def age(t: Tongue, view: DeviceView, now: int) -> str:
    """How old the figures are; conspicuous when that matters."""
    old = " old" if view.stale(now) else ""
    return f'<span class="cw-age{old}">{escape(t.ago(view.age_ms(now)))}</span>'


def bar(percent: float | None) -> str:
    """Load in per cent of rated, with marks at 90 and 100."""
    shown = min(BAR_TOP, max(0.0, percent or 0.0)) / BAR_TOP * 100
    grade = "s3" if percent is not None and percent >= 100 else "s2" if percent is not None and percent >= 90 else ""
    ticks = f'<i style="left:{90 / BAR_TOP:.1%}"></i><i class="limit" style="left:{100 / BAR_TOP:.1%}"></i>'
    return f'<div class="cw-bar"><div class="{grade}" style="width:{shown:.1f}%"></div>{ticks}</div>'


def figure(label: str, text: str, unit: str = "") -> str:
    """A labelled figure; `label` is HTML."""
    return (
        f'<div><div class="label">{label}</div>'
        f'<div class="value">{escape(text)} <small>{escape(unit)}</small></div></div>'
    )


def channel_figure(t: Tongue, view: DeviceView, name: str) -> str:
    """The figure of a channel, named and rounded as its kind declares."""
    channel = KINDS[view.kind].channel(name)
    return figure(t.show((channel.zh, channel.en)), number(value(view, name), channel.decimals), channel.unit)


def mode(t: Tongue, view: DeviceView) -> str:
    """The crane's mode."""
    named = view.reading.values.get("mode") if view.reading else None
    return t.show(wording.MODE.get(str(named), (str(named), str(named)))) if named else ""


def coverage(t: Tongue, view: DeviceView, *, lost: bool) -> str:
    """Every hazard and how well it is watched; nobody vouches for any while monitoring is lost."""
    if view.coverage is None or lost:
        return f'<div class="cw-cover"><span class="bad">? {t.markup("coverage unknown")}</span></div>'
    parts = []
    for hazard, own in view.coverage.hazards.items():
        mark, zh, en = wording.LEVEL[str(own.level)]
        name = wording.HAZARD[hazard]
        if own.level is CoverageLevel.MONITORED:
            parts.append(f"<span>{mark} {t.show(name)}</span>")
        else:
            title = t.pick(own.reason) if own.reason else ""
            words = t.show((f"{name[0]} {zh}", f"{name[1]} {en}"))
            parts.append(f'<span class="bad" title="{escape(title)}">{mark} {words}</span>')
    return f'<div class="cw-cover">{"".join(parts)}</div>'


def crane_card(t: Tongue, picture: Picture, view: DeviceView, now: int) -> str:
    """A crane on the site's page."""
    lost = picture.lost(view.site, now)
    used = use(view)
    stale = " stale" if view.stale(now) else ""
    rated = t.markup("rated (box)") if used.source == "box" else t.markup("rated")
    figures = (
        figure(t.show(("吊重", "load")), number(used.load_t, 2), "t")
        + figure(rated, number(used.rated_t, 2), "t")
        + "".join(channel_figure(t, view, name) for name in ("radius_m", "wind_mps", "tilt_x_deg", "tilt_y_deg"))
    )
    return (
        f'<a class="cw-card{stale}" href="{path_of(view)}">{band(t, view, lost, now)}<div class="cw-body">'
        f'<div class="cw-head"><b>{escape(name_of(view))}</b><span>{mode(t, view)}</span></div>'
        f'<div class="cw-head"><div class="cw-percent">{percent(used.percent)}<small>%</small></div>'
        f"{age(t, view, now)}</div>"
        f'{bar(used.percent)}<div class="cw-figures">{figures}</div></div>'
        f"{coverage(t, view, lost=lost is not None)}</a>"
    )


def post_card(t: Tongue, picture: Picture, view: DeviceView, now: int) -> str:
    """A sensor of a formwork bay on the site's page."""
    lost = picture.lost(view.site, now)
    stale = " stale" if view.stale(now) else ""
    force = value(view, "force_kn")
    design = view.config.design_force_kn if view.config else None
    share = f"{number(force / design * 100, 0)} %" if force is not None and design else ""
    settlement, axial = t.show(("沉降", "settlement")), t.show(("轴力", "force"))
    return (
        f'<a class="cw-post{stale}" href="{path_of(view)}">{band(t, view, lost, now, brief=True)}<div class="cw-body">'
        f'<div class="cw-head"><b>{escape(name_of(view))}</b>{age(t, view, now)}</div>'
        f'<div class="value">{number(value(view, "settle_mm"), 1)} <small>mm {settlement}</small></div>'
        f'<div class="value">{number(force, 1)} <small>kN {share} {axial}</small></div></div></a>'
    )


def other_card(t: Tongue, picture: Picture, view: DeviceView, now: int) -> str:
    """A device of any other kind: its first measured channels."""
    lost = picture.lost(view.site, now)
    kind = KINDS.get(view.kind)
    figures = "".join(channel_figure(t, view, channel.name) for channel in (kind.reals[:6] if kind else ()))
    stale = " stale" if view.stale(now) else ""
    return (
        f'<a class="cw-card{stale}" href="{path_of(view)}">{band(t, view, lost, now)}<div class="cw-body">'
        f'<div class="cw-head"><b>{escape(name_of(view))}</b>{age(t, view, now)}</div>'
        f'<div class="cw-figures">{figures}</div></div></a>'
    )


def silent(view: DeviceView, now: int) -> bool:
    """Whether a device says nothing now, so that nobody knows how its quantities are."""
    return view.kind != ANALYZER and (view.stale(now) or (view.presence is not None and not view.presence.online))


def alarm_row(t: Tongue, alarm: schemas.Alarm, name: str, now: int, *, known: bool = True) -> str:
    """An alarm in the list, without its buttons. `known`: its device speaks now, and somebody listens."""
    state = wording.STATE.get(alarm.state, (alarm.state, alarm.state))
    if alarm.state == State.RETURNED and alarm.active:
        state = wording.LOWER
    severity = wording.SEVERITY[alarm.severity]
    grade = f"s{alarm.severity}" if alarm.active or alarm.hold else ""
    condition = t.markup("still holds") if alarm.active else t.markup("condition is over")
    if alarm.hazard is not None and not known:
        # Of something measured, and nobody measures: what was last seen is not what is.
        condition = (
            t.markup("held when last measured, unknown now")
            if alarm.active
            else t.markup("over when last measured, unknown now")
        )
    meta = [escape(t.ago(max(0, now - alarm.since))), condition, t.show(state)]
    if alarm.limit is not None:
        meta.append(t.markup("limit {value}", value=f"{alarm.limit:g} {alarm.unit or ''}".rstrip()))
    if alarm.posts:
        meta.append(t.nmarkup("for {n} device", "for {n} devices", alarm.posts))
    if alarm.hold:
        meta.append(f"<b>{t.markup('inspection hold')}</b>")
    line = " · ".join(f'<span class="part">{part}</span>' for part in meta)
    mark = wording.MARK[alarm.severity]
    if alarm.rule in PROOF_RULES:
        grade, mark, severity = "test", "◇", ("测试", "TEST")
    return (
        f'<div class="cw-band {grade}">{mark} <span>{t.show(severity)}'
        f" · {escape(name)}</span></div>"
        f'<div class="cw-body"><div class="text">{t.show(alarm_sentence(alarm))}</div>'
        f'<div class="meta">{line}</div></div>'
    )


def status(t: Tongue, picture: Picture, site: str, now: int, *, registered: bool = True) -> tuple[str, bool]:
    """
    The line below the header: whether the site is watched; and whether that is lost.

    `registered`: the record knows the site, or does not answer; False where it is known not to.
    """
    lost = picture.lost(site, now)
    if lost is not None and site not in picture.sites and picture.broker_up and not registered:
        return f"<span>▨ {t.markup('NOT MONITORED: unknown site')}</span>", True
    if lost is not None:
        return f"<span>▨ {t.markup('NOT MONITORED: {why}', why=lost)}</span>", True
    beat = picture.sites[site].heartbeat_ms
    words = t.markup("watching, heartbeat of the analyzer")
    return f'<span><span class="dot">●</span> {words} · {escape(t.ago(now - beat))}</span>', False
