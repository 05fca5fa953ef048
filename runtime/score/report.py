"""What a scored run found: tables for a person, one JSON object, and the tables of docs/detection.md."""

from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from runtime.score.campaign import OURS, Scored
from runtime.score.targets import HEAVY, good, targets
from runtime.score.verdict import Tally
from simulators.labelled.catalogue import scenario

FIGURES: Final = {
    "missed_life_safety": "漏报（生命安全）missed, life-safety",
    "missed_other": "漏报（其他）missed, other",
    "false_alarms_per_crane_day": "误报/塔机·日 false alarms per crane-day, harmless",
    "false_alarms_elsewhere": "危险场景误报 false alarms in dangerous scenarios",
    "cab_sound_s_per_hour": "重载班声响 s/h cab sound, heavy shift",
    "cab_tone_s_per_hour": "其中实际发声 s/h of it with the loudspeaker on",
    "median_lead_s": "预警提前量中位数 s median lead",
    "median_delay_s": "检测延迟中位数 s median delay",
    "repeats": "同一事件重复报警 repeats within an event",
}


def headline(scored: Scored, detector: str) -> dict[str, Any]:
    """The figures of one detector, each over the scenarios that it is about."""
    found = scored.total(detector).figures()
    quiet, heavy = scored.total(detector, harmless=True), scored.total(detector, names=[HEAVY])
    elsewhere = scored.total(detector, harmless=False)
    calm, loud = quiet.figures(), heavy.figures()
    return {
        **found,
        "false_alarms": quiet.false_alarms,
        "crane_days": calm["crane_days"],
        "false_alarms_per_crane_day": calm["false_alarms_per_crane_day"],
        "false_alarms_elsewhere": elsewhere.false_alarms,
        "cab_sound_s_per_hour": loud["cab_sound_s_per_hour"],
        "cab_tone_s_per_hour": loud["cab_tone_s_per_hour"],
    }


def as_json(scored: Scored) -> dict[str, Any]:
    """Plain values."""
    found = targets(scored)
    return {
        "seed": scored.seed,
        "good": good(found),
        "targets": [{"name": t.name, "wanted": t.wanted, "found": t.found, "met": t.met} for t in found],
        "detectors": {name: headline(scored, name) for name in scored.detectors},
        "not_run": scored.not_run,
        "scenarios": [
            {
                "name": result.name,
                "kind": scenario(result.name).kind,
                "harmless": scenario(result.name).harmless,
                "title": {"zh": scenario(result.name).zh, "en": scenario(result.name).en},
                "detectors": {who: _plain(tally) for who, tally in result.tallies.items()},
            }
            for result in scored.results
        ],
    }


def _plain(tally: Tally) -> dict[str, Any]:
    return {**tally.figures(), "missed": tally.missed, "false": tally.false, "unseen": tally.unseen}


def show(scored: Scored, console: Console) -> None:
    """The run for a person."""
    table = Table("场景 scenario", "事件 events", "漏报 missed", "误报 false", "未监测 unseen", "延迟 delay s",
                  "提前 lead s", title=f"{OURS}, seed {scored.seed}", title_justify="left")  # fmt: skip
    for result in scored.results:
        case, tally = scenario(result.name), result.tallies[OURS]
        figures = tally.figures()
        missed = f"{tally.missed_life_safety} + {tally.missed_other}" if tally.missed else ""
        bad = "red" if tally.missed_life_safety or (case.harmless and tally.false_alarms) else None
        table.add_row(f"{case.name}{' ○' if case.harmless else ''}", str(tally.asked or ""), missed,
                      str(tally.false_alarms or ""), str(tally.not_monitored or ""), _number(figures["median_delay_s"]),
                      _number(figures["median_lead_s"]), style=bad)  # fmt: skip
    table.caption = "○ harmless 无害; missed: life-safety + other"
    console.print(table)
    console.print(_compared(scored))
    for target in targets(scored):
        mark, style = ("✓", "green") if target.met else ("✗", "bold red") if target.met is False else ("–", "yellow")
        console.print(
            Text(f"{mark} {target.zh} {target.en}: {target.found} (目标 wanted {target.wanted})", style=style)
        )


def _compared(scored: Scored) -> Table:
    table = Table("", *scored.detectors, title="同一数据上的对比 on the same data", title_justify="left")
    figures = {name: headline(scored, name) for name in scored.detectors}
    for key, words in FIGURES.items():
        table.add_row(words, *(_number(figures[name][key]) for name in scored.detectors))
    for name, why in scored.not_run.items():
        table.caption = f"{name}: 未运行 not run: {why}"
    return table


def _number(value: float | int | None) -> str:
    if value is None:
        return "—"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}" if abs(value) < 1e4 else f"{value:,.0f}"


def scenario_rows(scored: Scored) -> str:
    """The scenario table of docs/detection.md."""
    rows = ["| scenario | | what happens | events | missed | false | not monitored | delay s | lead s |",
            "|---|---|---|--:|--:|--:|--:|--:|--:|"]  # fmt: skip
    for result in scored.results:
        case, tally = scenario(result.name), result.tallies[OURS]
        figures = tally.figures()
        missed = f"**{tally.missed_life_safety}** + {tally.missed_other}" if tally.missed else ""
        rows.append(
            f"| `{case.name}` | {'harmless' if case.harmless else 'dangerous'} | {case.zh} · {case.en} | "
            f"{tally.asked or ''} | {missed} | {tally.false_alarms or ''} | {tally.not_monitored or ''} | "
            f"{_blank(figures['median_delay_s'])} | {_blank(figures['median_lead_s'])} |"
        )
    return "\n".join(rows)


def result_rows(scored: Scored) -> str:
    """The comparison and the targets of docs/detection.md."""
    figures = {name: headline(scored, name) for name in scored.detectors}
    rows = [f"| seed {scored.seed} | {' | '.join(scored.detectors)} |", "|---|" + "--:|" * len(figures)]
    for key, words in FIGURES.items():
        rows.append(f"| {words} | {' | '.join(_number(figures[name][key]) for name in figures)} |")
    rows += ["", "| target | wanted | found | |", "|---|---|---|---|"]
    marks = {True: "met", False: "**missed**", None: "not run"}
    rows += [f"| {t.zh} · {t.en} | {t.wanted} | {t.found} | {marks[t.met]} |" for t in targets(scored)]
    return "\n".join(rows)


def missed_rows(scored: Scored) -> str:
    """Every event that was missed and every alarm that was false on harmless ground, and what nobody can see."""
    missed, false, unseen = [], [], []
    for result in scored.results:
        tally = result.tallies[OURS]
        missed += [f"- `{result.name}`: {one}" for one in tally.missed]
        false += [f"- `{result.name}`: {one}" for one in tally.false]
        unseen += [f"- `{result.name}`: {one}" for one in tally.unseen]
    parts = (("Missed", missed), ("False", false), ("Not monitored: sampled too slowly to be asked", unseen))
    return "\n\n".join(f"**{title}** ({len(rows)})\n\n" + ("\n".join(rows) or "- none") for title, rows in parts)


def _blank(value: float | None) -> str:
    return "" if value is None else _number(value)
