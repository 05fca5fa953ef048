"""A back-test's result for people: what would be missing first, then counts, then every alarm that changes."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from telemetry.settings import DatabaseSettings
from telemetry.storage import backtests, shadows
from telemetry.storage.pool import Database

Result = Mapping[str, Any]

OUTCOMES: Final = {
    "good": "无缺失 good: no life-safety alarm would be missing",
    "missing": "有缺失 LIFE-SAFETY ALARMS WOULD BE MISSING",
    "different": "与记录不符 THE REPLAY IS NOT THE LOG: a defect of ours, or of the record; judge nothing by it",
    "refused": "不完整 not complete: part of it could not be played",
    "empty": "该范围没有数据 nothing is recorded in this range",
}
BECAME: Final = {
    "same": "不变 same", "earlier": "提前 earlier", "later": "推迟 later", "only_then": "不再出现 only then",
    "only_now": "新出现 only now", "joined": "并入另一条 within another now", "split": "由一条分出 of another then",
}  # fmt: skip
RISES: Final = {"rises_further": "升级 rises further", "rises_less_far": "降级 rises less far"}
FIGURES: Final = (
    ("alarms", "报警 alarms"),
    ("lines", "提示行 advisory lines"),
    ("alarms_per_crane_day", "报警/塔机·日 alarms per crane and day"),
    ("false_per_crane_day", "误报/塔机·日 false per crane and day"),
    ("unknown_per_crane_day", "未判定/塔机·日 unknown per crane and day"),
    ("cab_sound_s", "驾驶室声响 s cab sound"),
    ("cab_sound_s_per_hour", "每小时声响 s cab sound per hour"),
)
LATER: Final = 20  # life-safety alarms that would come later, the latest first; --json has all
SHOWN: Final = 200  # alarms in a table; --json has all


def moment(ms: int | None) -> str:
    """Unix ms as a time for people, UTC."""
    if ms is None:
        return "—"
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


async def tried(settings: DatabaseSettings, hash_: str) -> list[str]:
    """Every back-test of the profile of that hash, a line each, and shadow runs that go on. Raises StorageError."""
    async with Database(settings, application="profile") as database:
        found = await backtests.listed(database, hash_=hash_)
        runs = [run for run in await shadows.runs(database, hash_=hash_) if run.ended_at is None]
    words = {"replay": "回测 back-test", "shadow": "影子运行 shadow run"}
    lines = [
        f"{words[one.kind]} {one.backtest_id}: {one.target}, {moment(one.from_ms)} – {moment(one.to_ms)} UTC,"
        f" {one.run_by}: {OUTCOMES[one.outcome]}"
        + (f" ({one.missing})" if one.missing else "")
        + (f"; 已接受 accepted: {one.accepted}" if one.accepted else "")
        for one in found
    ]
    lines += [f"影子运行 shadow run {run.run_id}: {run.site}, 进行中 open until {moment(run.until_ms)}" for run in runs]
    return lines or ["没有回测 no back-test of this version: cranewatch replay SITE --from … --to … --profile …"]


def show(result: Result, console: Console) -> None:
    """Everything, worst first."""
    for words, style in headlines(result):
        console.print(Text(words, style=style))
    if result["outcome"] == "empty":
        return
    console.print(_figures(result))
    rules = _rules(result)
    if rules.row_count:
        console.print(rules)
    changed = [(one, row) for one in result["devices"] for row in one.get("alarms", ()) if _changes(row, result)]
    if changed:
        console.print(_alarms(changed))
    console.print(Text(f"{result['observed']['zh']} {result['observed']['en']}", style="dim"))


def headlines(result: Result) -> Iterator[tuple[str, str]]:
    """What must be read, with a style each."""
    outcome = result["outcome"]
    what = result["profile"] or "按记录 as recorded"
    span = f"{moment(result['from'])} – {moment(result['to'])} UTC"
    yield f"{result['target']} · {what} · {span}", "bold"
    yield OUTCOMES[outcome], "green" if outcome == "good" else "yellow" if outcome == "empty" else "bold red"
    if result.get("accepted"):
        yield f"已接受 accepted: {result['accepted']}", "yellow"
    for lost in result["missing_life_safety"]:
        name = "/".join((lost["site"], lost["kind"], lost["device"]))
        value = f"{lost['value']:g} {lost['unit'] or ''}" if lost["value"] is not None else ""
        yield f"  ✗ {moment(lost['at'])}  {name}  {lost['rule']} {lost['severity']}  {value}", "bold red"
    for late in result["later_life_safety"][:LATER]:
        name = "/".join((late["site"], late["kind"], late["device"]))
        words = (
            f"  ⚠ 推迟 later by {late['shift_s']:g} s: {moment(late['at'])}  {name}  {late['rule']} {late['severity']}"
        )
        yield words, "bold yellow"
    for one in result["devices"]:
        yield from _device(one)


def _device(one: Result) -> Iterator[tuple[str, str]]:
    name = "/".join((one["site"], one["kind"], one["device"]))
    if one.get("empty"):
        yield f"{name}: 该范围没有数据 nothing recorded in this range", "yellow"
        return
    if "refused" in one:
        yield f"{name}: 不能回放 cannot be replayed: {one['refused']}", "bold red"
        return
    found = one["check"]
    if not found["equal"]:
        counts = f"{len(found['lacking'])} lacking, {len(found['extra'])} extra, {len(found['different'])} different"
        counts = f"{found['differences']} differences" if "differences" in found else counts
        yield f"{name}: 回放与记录不符 the replay is not the log: {counts} of {found['compared']}", "bold red"
    if found["unreviewed"]:
        yield f"{name}: {found['unreviewed']} 帧待复核 frames are late and not yet reviewed", "yellow"
    if found["lacking_frames"]:
        yield f"{name}: {found['lacking_frames']} 帧已不在库中 frames are not stored any more", "bold red"
    if one.get("not_held"):
        yield f"{name}: {one['not_held']}", "bold red"
    if one["not_judged"]:
        yield f"{name}: 记忆期过长，未判定 not judged, their memory is longer: {', '.join(one['not_judged'])}", "dim"
    yield (
        (
            f"{name}: {one['days']:.3f} 日 days watched, {one['samples']:,} 样本 samples, 提前量 lead-in"
            f" {one['lead_in_s'] / 60:.0f} min"
        ),
        "dim",
    )


def _sides(result: Result) -> list[tuple[str, str]]:
    sides = [("then", "当时 then")]
    return [*sides, ("now", "候选 candidate")] if result["profile"] else sides


def _figures(result: Result) -> Table:
    total, sides = result["total"], _sides(result)
    table = Table("", *(words for _, words in sides), title="合计 all together", title_justify="left")
    for name, words in FIGURES:
        table.add_row(words, *(_number(total[side][name]) if side in total else "—" for side, _ in sides))
    for name, n in total.get("became", {}).items():
        spread = total.get(f"{name}_s")
        by = f"  {spread['least']:g} / {spread['median']:g} / {spread['most']:g} s" if spread else ""
        table.add_row(BECAME[name], "", f"{n}{by}")
    for name, words in RISES.items():
        if name in total:
            table.add_row(words, "", str(total[name]))
    return table


def _rules(result: Result) -> Table:
    sides = _sides(result)
    table = Table(
        "设备 device", "规则 rule", *(words for _, words in sides), title="按规则 by rule", title_justify="left"
    )
    for one in result["devices"]:
        rules = sorted({rule for side, _ in sides for rule in one.get(side, {}).get("rules", {})})
        for rule in rules:
            table.add_row(
                f"{one['site']}/{one['device']}", rule,
                *(str(one.get(side, {}).get("rules", {}).get(rule, 0)) for side, _ in sides),
            )  # fmt: skip
    return table


def _changes(row: Result, result: Result) -> bool:
    return not result["profile"] or row["became"] != "same" or bool(row["rises"])


def _alarms(rows: list[tuple[Result, Result]]) -> Table:
    table = Table("时间 UTC", "设备 device", "规则 rule", "当时 then", "候选 candidate", "变化 change", "判定 verdict")
    table.title, table.title_justify = "变化的报警 alarms that change", "left"
    for one, row in rows[:SHOWN]:
        first = min(side["at"] for side in (row["then"], row["now"]) if side)
        table.add_row(
            moment(first), f"{one['site']}/{one['device']}", row["rule"], _severity(row["then"]), _severity(row["now"]),
            _change(row), row["verdict"],
            style="bold red" if row["became"] == "only_then" and row["life_safety"] else None,
        )  # fmt: skip
    if len(rows) > SHOWN:
        table.caption = f"{len(rows) - SHOWN} more: --json"
    return table


def _change(row: Result) -> str:
    shift = f" {row['shift_s']:+g} s" if row["shift_s"] else ""
    rises = {1: ", " + RISES["rises_further"], -1: ", " + RISES["rises_less_far"]}.get(row["rises"], "")
    return BECAME[row["became"]] + shift + rises


def _severity(side: Result | None) -> str:
    return "—" if side is None else side["severity"] + (" ⟵" if side["standing"] else "")


def _number(value: float | None) -> str:
    if value is None:
        return "—"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def markdown(result: Result) -> str:
    """The same as a page to be filed."""
    lines = [f"# 回测 Back-test: {result['profile'] or 'as recorded'}", ""]
    lines += [f"- {words.strip()}" for words, _ in headlines(result)]
    if result["outcome"] == "empty":
        return "\n".join(lines) + "\n"
    sides, total = _sides(result), result["total"]
    lines += ["", "| | " + " | ".join(words for _, words in sides) + " |", "|---|" + "--:|" * len(sides)]
    for name, words in FIGURES:
        lines.append(
            f"| {words} | " + " | ".join(_number(total[side][name]) for side, _ in sides if side in total) + " |"
        )
    lines += _listed(result)
    lines += ["", f"{result['observed']['zh']}。 {result['observed']['en']}."]
    return "\n".join(lines) + "\n"


def _listed(result: Result) -> Iterable[str]:
    rows = [(one, row) for one in result["devices"] for row in one.get("alarms", ()) if _changes(row, result)]
    if not rows:
        return
    yield from ("", "| UTC | device | rule | then | candidate | change | verdict |", "|---|---|---|---|---|---|---|")
    for one, row in rows:
        first = min(side["at"] for side in (row["then"], row["now"]) if side)
        yield (
            f"| {moment(first)} | {one['site']}/{one['device']} | {row['rule']} | {_severity(row['then'])} |"
            f" {_severity(row['now'])} | {_change(row)} | {row['verdict']} |"
        )
