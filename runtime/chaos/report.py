"""What a campaign found: for a person, and as JSON."""

from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from runtime.chaos.audit import Audit
from runtime.chaos.plan import WORDS, Fault


@dataclass
class Happened:
    """One fault, as it was."""

    fault: Fault
    at_s: float
    lasted_s: float
    detail: str
    stored_again_s: float | None = None  # until the record was current, from the cause's end
    watching_again_s: float | None = None  # until the analyzer's heartbeat arrived, from the cause's end
    catch_up: float | None = None  # times as fast as live
    left_out: str | None = None  # why it could not be made here


@dataclass
class Report:
    """The whole."""

    seed: int
    rate: float
    devices: int
    produced_s: float
    servers: dict[str, str]
    audit: Audit
    faults: list[Happened] = field(default_factory=list)
    kills: dict[str, int] = field(default_factory=dict)
    memory_mb: dict[str, dict[str, float]] = field(default_factory=dict)
    held: dict[str, float] = field(default_factory=dict)
    outbox: float = 0.0
    alarm_latency_ms: dict[str, dict[str, float | int | None]] = field(default_factory=dict)
    drained_s: float | None = None
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Whether nothing differs."""
        return not self.audit.counts

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        found = asdict(self)
        found["audit"]["differences"] = [one._asdict() for one in self.audit.differences]
        found["audit"]["counts"] = dict(self.audit.counts)
        return {"differences": sum(self.audit.counts.values()), **found}


def show(report: Report, console: Console) -> None:
    """The report for a person."""
    console.print(Group(_faults(report), _frames(report), _alarms(report), _memory(report), _verdict(report)))


def _seconds(value: float | None) -> str:
    return "—" if value is None else f"{value:.1f} s"


def _faults(report: Report) -> Table:
    table = Table(title="faults", title_justify="left")
    for name in ("at", "fault", "what was done", "stored again", "watching again", "catch-up"):
        table.add_column(name, justify="right" if name in ("at", "catch-up") else "left")
    for one in report.faults:
        if one.left_out is not None:
            table.add_row("—", one.fault, f"left out: {one.left_out}")
            continue
        catch_up = "—" if one.catch_up is None else f"{one.catch_up:.0f} × live"
        table.add_row(
            f"{one.at_s:.0f} s", one.fault, one.detail, _seconds(one.stored_again_s), _seconds(one.watching_again_s),
            catch_up,
        )  # fmt: skip
    table.caption = ", ".join(f"{name} killed {number} ×" for name, number in report.kills.items() if number)
    return table


def _frames(report: Report) -> Table:
    audit = report.audit
    table = Table(title="frames, from the devices' own journals", title_justify="left", show_header=False)
    t = audit.total
    for name, value in (
        ("sent by devices", t.sent), ("stored, each once, as sent", t.stored - t.different),
        ("in quarantine, each once", t.quarantined), ("missing", t.missing), ("stored twice", t.doubled),
        ("stored with other content", t.different),
        ("lost by the broker, from boxes that keep no journal", t.lost_by_broker), ("readings stored", t.readings),
        ("malformed, unnamed: sent / in quarantine", f"{audit.garbage_sent} / {audit.garbage_kept}"),
        ("evaluated live", audit.evaluated), ("late: stored, not evaluated live", audit.late),
        ("… reviewed / refused", f"{audit.reviewed:,} / {audit.refused:,}"),
        ("derived transitions: live log / replay of what was evaluated", f"{audit.derived} / {audit.replayed}"),
        ("… added by the review / not reproduced", f"{audit.added} / {audit.not_reproduced}"),
        ("… replay of what is stored", audit.again),
        ("devices without that replay (two boxes with one id; review refused; no journal)", len(audit.unreplayed)),
    ):  # fmt: skip
        table.add_row(name, f"{value:,}" if isinstance(value, int) else value)
    return table


def _alarms(report: Report) -> Table:
    table = Table("publish → alarm at a terminal, ms", "p50", "p99", "most", "alarms", title_justify="left")
    for kind, one in report.alarm_latency_ms.items():
        table.add_row(kind, str(one["p50"]), str(one["p99"]), str(one["most"]), str(one["count"]))
    return table


def _memory(report: Report) -> Table:
    table = Table("memory, MB", "first", "most", "growth within one process", title_justify="left")
    for name, one in report.memory_mb.items():
        table.add_row(name, f"{one['first']:.0f}", f"{one['most']:.0f}", f"{one['growth']:.0f}")
    held = ", ".join(f"{lane} {number:.0f}" for lane, number in report.held.items())
    table.caption = f"held by ingest at most: {held}; analyzer's outbox at most: {report.outbox:.0f}"
    return table


def _verdict(report: Report) -> Text:
    audit = report.audit
    head = (
        f"\nseed {report.seed}, {report.devices} devices, {report.rate:.0f} frames/s for {report.produced_s:.0f} s, "
        f"{report.servers['database']}, {report.seconds:.0f} s in all\n"
    )
    if report.good:
        return Text(head + "zero differences", style="bold green")
    text = Text(head, style="bold red")
    for what, number in audit.counts.items():
        text.append(f"{number} × {what}\n")
        for difference in audit.differences:
            if difference.what == what:
                text.append(f"      {difference.where}\n", style="not bold")
    return text


def catalogue() -> Table:
    """All faults, in words."""
    table = Table("fault", "what it does")
    for fault, words in WORDS.items():
        table.add_row(fault, words)
    return table
