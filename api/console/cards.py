"""Pieces of the console's pages as HTML: what is shown of a device. Pure; everything from outside is escaped."""

from html import escape

from api import present, schemas
from api.charts import use, value
from api.console import wording
from api.console.wording import Pair, ago, both, number, percent
from api.live.picture import ANALYZER, DeviceView, Picture
from telemetry.kinds import KINDS
from telemetry.model import CoverageLevel
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


def band(view: DeviceView, lost: payloads.Words | None, now: int, *, brief: bool = False) -> str:
    """One line that says how a device is: its worst alarm, or that it is not watched, or how well it is."""
    every = [one for one in present.alarms([view]) if one.severity >= 2 or one.hold]
    found = [one for one in every if one.active or one.hold]
    if found:
        worst = found[0]
        more = f" +{len(found) - 1}" if len(found) > 1 else ""
        zh, en = brief_sentence(worst) if brief else alarm_sentence(worst)
        state = "" if worst.active else both(("停用待检", "inspection hold"))
        mark = wording.MARK[worst.severity]
        return f'<div class="cw-band s{worst.severity}">{mark} <span>{both((zh, en))} {state}{more}</span></div>'
    if lost is not None:
        return f'<div class="cw-band lost"><span>▨ {both(("监测中断", "NOT MONITORED"))}</span></div>'
    if view.presence is not None and not view.presence.online:
        return f'<div class="cw-band lost"><span>▨ {both(("设备离线", "OFFLINE"))}</span></div>'
    if view.stale(now):
        return f'<div class="cw-band lost"><span>▨ {both(("设备无数据", "NO DATA"))}</span></div>'
    if every:
        # Over, but nobody has said that they saw it: not calm, and not an alarm any more either.
        words = both((f"已恢复，{len(every)} 条未确认", f"over, {len(every)} not acknowledged"))
        return f'<div class="cw-band"><b>○</b> <span>{words}</span></div>'
    level = str(view.coverage.level) if view.coverage else "unknown"
    mark, zh, en = wording.LEVEL[level]
    dot = '<span class="dot">●</span>' if level == CoverageLevel.MONITORED else f"<b>{mark}</b>"
    return f'<div class="cw-band calm">{dot} <span>{both((zh, en))}</span></div>'


def age(view: DeviceView, now: int) -> str:
    """How old the figures are; conspicuous when that matters."""
    old = " old" if view.stale(now) else ""
    milliseconds = view.age_ms(now)
    return f'<span class="cw-age{old}">{both(ago(milliseconds))}</span>'


def bar(percent: float | None) -> str:
    """Load in per cent of rated, with marks at 90 and 100."""
    shown = min(BAR_TOP, max(0.0, percent or 0.0)) / BAR_TOP * 100
    grade = "s3" if percent is not None and percent >= 100 else "s2" if percent is not None and percent >= 90 else ""
    ticks = f'<i style="left:{90 / BAR_TOP:.1%}"></i><i class="limit" style="left:{100 / BAR_TOP:.1%}"></i>'
    return f'<div class="cw-bar"><div class="{grade}" style="width:{shown:.1f}%"></div>{ticks}</div>'


def figure(label: Pair, text: str, unit: str = "") -> str:
    """A labelled figure."""
    return (
        f'<div><div class="label">{both(label)}</div>'
        f'<div class="value">{escape(text)} <small>{escape(unit)}</small></div></div>'
    )


def channel_figure(view: DeviceView, name: str) -> str:
    """The figure of a channel, named and rounded as its kind declares."""
    channel = KINDS[view.kind].channel(name)
    return figure((channel.zh, channel.en), number(value(view, name), channel.decimals), channel.unit)


def mode(view: DeviceView) -> str:
    """The crane's mode."""
    named = view.reading.values.get("mode") if view.reading else None
    return both(wording.MODE.get(str(named), (str(named), ""))) if named else ""


def coverage(view: DeviceView, *, lost: bool) -> str:
    """Every hazard and how well it is watched; nobody vouches for any while monitoring is lost."""
    if view.coverage is None or lost:
        return f'<div class="cw-cover"><span class="bad">? {both(("监测范围未知", "coverage unknown"))}</span></div>'
    parts = []
    for hazard, own in view.coverage.hazards.items():
        mark, zh, en = wording.LEVEL[str(own.level)]
        name = wording.HAZARD[hazard]
        if own.level is CoverageLevel.MONITORED:
            parts.append(f"<span>{mark} {both(name)}</span>")
        else:
            title = f"{own.reason.zh} {own.reason.en}" if own.reason else ""
            words = both((f"{name[0]} {zh}", f"{name[1]} {en}"))
            parts.append(f'<span class="bad" title="{escape(title)}">{mark} {words}</span>')
    return f'<div class="cw-cover">{"".join(parts)}</div>'


def crane_card(picture: Picture, view: DeviceView, now: int) -> str:
    """A crane on the site's page."""
    lost = picture.lost(view.site, now)
    used = use(view)
    stale = " stale" if view.stale(now) else ""
    rated = {"box": ("额定（设备）", "rated (box)"), "chart": ("额定", "rated")}.get(
        used.source or "", ("额定", "rated")
    )
    figures = (
        figure(("吊重", "load"), number(used.load_t, 2), "t")
        + figure(rated, number(used.rated_t, 2), "t")
        + channel_figure(view, "radius_m")
        + channel_figure(view, "wind_mps")
        + channel_figure(view, "tilt_x_deg")
        + channel_figure(view, "tilt_y_deg")
    )
    return (
        f'<a class="cw-card{stale}" href="{path_of(view)}">{band(view, lost, now)}<div class="cw-body">'
        f'<div class="cw-head"><b>{escape(name_of(view))}</b><span>{mode(view)}</span></div>'
        f'<div class="cw-head"><div class="cw-percent">{percent(used.percent)}<small>%</small></div>'
        f"{age(view, now)}</div>"
        f'{bar(used.percent)}<div class="cw-figures">{figures}</div></div>{coverage(view, lost=lost is not None)}</a>'
    )


def post_card(picture: Picture, view: DeviceView, now: int) -> str:
    """A sensor of a formwork bay on the site's page."""
    lost = picture.lost(view.site, now)
    stale = " stale" if view.stale(now) else ""
    force = value(view, "force_kn")
    design = view.config.design_force_kn if view.config else None
    share = f"{number(force / design * 100, 0)} %" if force is not None and design else ""
    settlement, axial = both(("沉降", "settlement")), both(("轴力", "force"))
    return (
        f'<a class="cw-post{stale}" href="{path_of(view)}">{band(view, lost, now, brief=True)}<div class="cw-body">'
        f'<div class="cw-head"><b>{escape(name_of(view))}</b>{age(view, now)}</div>'
        f'<div class="value">{number(value(view, "settle_mm"), 1)} <small>mm {settlement}</small></div>'
        f'<div class="value">{number(force, 1)} <small>kN {share} {axial}</small></div></div></a>'
    )


def other_card(picture: Picture, view: DeviceView, now: int) -> str:
    """A device of any other kind: its first measured channels."""
    lost = picture.lost(view.site, now)
    kind = KINDS.get(view.kind)
    figures = "".join(channel_figure(view, channel.name) for channel in (kind.reals[:6] if kind else ()))
    stale = " stale" if view.stale(now) else ""
    return (
        f'<a class="cw-card{stale}" href="{path_of(view)}">{band(view, lost, now)}<div class="cw-body">'
        f'<div class="cw-head"><b>{escape(name_of(view))}</b>{age(view, now)}</div>'
        f'<div class="cw-figures">{figures}</div></div></a>'
    )


def silent(view: DeviceView, now: int) -> bool:
    """Whether a device says nothing now, so that nobody knows how its quantities are."""
    return view.kind != ANALYZER and (view.stale(now) or (view.presence is not None and not view.presence.online))


def alarm_row(alarm: schemas.Alarm, name: str, now: int, *, known: bool = True) -> str:
    """An alarm in the list, without its button. `known`: its device speaks now, and somebody listens."""
    state = wording.STATE.get(alarm.state, (alarm.state, alarm.state))
    severity = wording.SEVERITY[alarm.severity]
    grade = f"s{alarm.severity}" if alarm.active or alarm.hold else ""
    condition = ("仍在持续", "still holds") if alarm.active else ("条件已解除", "condition is over")
    if alarm.hazard is not None and not known:
        # Of something measured, and nobody measures: what was last seen is not what is.
        condition = (
            ("最后所知仍超限，当前未知", "held when last measured, unknown now")
            if alarm.active
            else ("最后所知已解除，当前未知", "over when last measured, unknown now")
        )
    meta = [both(ago(max(0, now - alarm.since))), both(condition), both(state)]
    if alarm.limit is not None:
        meta.append(f"{both(('限值', 'limit'))} {alarm.limit:g} {escape(alarm.unit or '')}")
    if alarm.posts:
        meta.append(both((f"代 {alarm.posts} 台设备", f"for {alarm.posts} devices")))
    if alarm.hold:
        meta.append(f"<b>{both(('停用待检', 'inspection hold'))}</b>")
    line = " · ".join(f'<span class="part">{part}</span>' for part in meta)
    return (
        f'<div class="cw-band {grade}">{wording.MARK[alarm.severity]} <span>{both(severity)}'
        f" · {escape(name)}</span></div>"
        f'<div class="cw-body"><div class="text">{both(alarm_sentence(alarm))}</div>'
        f'<div class="meta">{line}</div></div>'
    )


def status(picture: Picture, site: str, now: int, *, registered: bool = True) -> tuple[str, bool]:
    """
    The line below the header: whether the site is watched; and whether that is lost.

    `registered`: the record knows the site, or does not answer; False where it is known not to.
    """
    lost = picture.lost(site, now)
    if lost is not None and site not in picture.sites and picture.broker_up and not registered:
        return f"<span>▨ {both(('监测中断：未知工地', 'NOT MONITORED: unknown site'))}</span>", True
    if lost is not None:
        words = both((f"监测中断：{lost.zh}", f"NOT MONITORED: {lost.en}"))
        return f"<span>▨ {words}</span>", True
    beat = picture.sites[site].heartbeat_ms
    words = both(("监测中，分析服务心跳", "watching, heartbeat"))
    return f'<span><span class="dot">●</span> {words} · {both(ago(now - beat))}</span>', False
