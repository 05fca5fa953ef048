"""What one limit profile says otherwise than another, and what became of it when it was tried; as HTML. Pure."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from api.console.places import Place
from api.i18n import Pair, Tongue
from telemetry.profile_diff import Difference, Verdict, shown, source
from telemetry.storage.backtests import Backtest

OUTCOMES: Final[dict[str, Pair]] = {
    "good": ("✓ 无缺失", "✓ no life-safety alarm would be missing"),
    "missing": ("✗ 生命安全报警会缺失", "✗ LIFE-SAFETY ALARMS WOULD BE MISSING"),
    "different": ("? 与记录不符，不能作为依据", "? the replay is not the log: judge nothing by it"),
    "refused": ("? 不完整：部分无法回放", "? not complete: part of it could not be played"),
    "empty": ("? 该时段没有数据", "? nothing is recorded in that span"),
}


def table(t: Tongue, found: Sequence[Difference]) -> str:
    """Every difference: what loosens a life-safety limit first, and loudly."""
    if not found:
        return f"<p>{t.markup('nothing differs')}</p>"
    order = {Verdict.LOOSENED: 1, Verdict.JUDGE: 2, Verdict.TIGHTENED: 3, Verdict.SOURCE: 4}
    rows = "".join(_row(t, one) for one in sorted(found, key=lambda one: (not one.alarming, order[one.verdict])))
    heads = (t.markup("what"), t.markup("before"), t.markup("after"), t.markup("that is"))
    head = "".join(f"<th>{one}</th>" for one in heads)
    loose = sum(one.alarming for one in found)
    loud = ""
    if loose:
        words = t.nmarkup("loosens {n} life-safety limit", "loosens {n} life-safety limits", loose)
        loud = f'<p class="cw-loud s3">■ {words}</p>'
    return (
        f'{loud}<div class="cw-scroll"><table class="cw-table wide"><thead><tr>{head}</tr></thead>{rows}</table></div>'
    )


def _row(t: Tongue, one: Difference) -> str:
    verdict = t.show(one.words())
    if one.alarming:
        verdict = f'<span class="cw-tag s3">■ {verdict}</span>'
    return f"<tr><td>{escape('.'.join(one.path))}</td>{_value(one.old)}{_value(one.new)}<td>{verdict}</td></tr>"


def _value(value: object) -> str:
    cited = f'<div class="cw-note">{escape(source(value))}</div>' if source(value) else ""
    return f"<td><b>{escape(shown(value))}</b>{cited}</td>"


def tried(t: Tongue, place: Place, found: Iterable[Backtest]) -> str:
    """The back-tests and shadow runs of one very text."""
    lines = []
    for one in found:
        kind = t.markup("back-test") if one.kind == "replay" else t.markup("shadow run")
        span = f"{t.moment(one.from_ms, place.zone)} – {t.moment(one.to_ms, place.zone)}"
        outcome = t.show(OUTCOMES.get(one.outcome, (one.outcome, one.outcome)))
        bad = "s3" if one.outcome == "missing" else ""
        missing = f" ({one.missing})" if one.missing else ""
        accepted = f" · {t.markup('accepted: {why}', why=one.accepted)}" if one.accepted else ""
        total = _total(t, one)
        lines.append(
            f'<li>{kind} {one.backtest_id} · {escape(one.target)} · {span} · <span class="cw-tag {bad}">{outcome}'
            f"{missing}</span> {escape(one.run_by)}{accepted}{total}</li>"
        )
    none = t.markup("this text has not been tried on what was recorded: cranewatch replay, cranewatch shadow")
    return f'<ul class="cw-lines">{"".join(lines)}</ul>' if lines else f"<p>{none}</p>"


def _total(t: Tongue, one: Backtest) -> str:
    total = one.total or {}
    then, now = total.get("then") or {}, total.get("now") or {}
    if "alarms" not in then or "alarms" not in now:
        return ""
    words = t.markup("alarms {then} → {now}", then=then["alarms"], now=now["alarms"])
    return f'<div class="cw-note">{words}</div>'
