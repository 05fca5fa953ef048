"""
How good the alarms of a site were: the log, what each cab has heard, and whose crane it was. The arithmetic is in
`telemetry/alarm_kpi.py`; here it is fetched.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from telemetry import alarm_kpi
from telemetry.alarm_kpi import Figures, Place, Said
from telemetry.clock import to_datetime, to_ms
from telemetry.model import Severity, Signal, State
from telemetry.storage.pool import Connection, Database

BOUND_MS: Final = 10 * 60_000  # an operator is looked for in the ten minutes before an alarm
HOUR_MS: Final = 3_600_000
MAX_DAYS: Final = 366

_SNAPSHOT: Final[LiteralString] = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
_LOG: Final[LiteralString] = (
    "SELECT d.device_id, d.kind, d.device, t.rule, t.at_ms, t.signal, t.previous, t.state, t.severity, t.life_safety,"
    " t.payload ->> 'who' AS who FROM device d JOIN transition t USING (device_id) WHERE d.site = %(site)s"
    " AND t.at_ms >= %(begin)s AND t.at_ms < %(end)s AND t.origin = 'live' ORDER BY t.at_ms, t.position"
)
# What every alarm was, just before: the last word of each rule of each device.
_BEFORE: Final[LiteralString] = (
    "SELECT d.device_id, d.kind, d.device, l.* FROM device d CROSS JOIN LATERAL ("
    " SELECT DISTINCT ON (t.rule) t.rule, t.at_ms, t.signal, t.previous, t.state, t.severity, t.life_safety,"
    " t.payload ->> 'who' AS who FROM transition t WHERE t.device_id = d.device_id AND t.at_ms < %(begin)s"
    " AND t.origin = 'live' ORDER BY t.rule, t.at_ms DESC, t.position DESC) AS l"
    " WHERE d.site = %(site)s AND l.state <> 'normal'"
)
_SOUND: Final[LiteralString] = (
    "SELECT c.device_id, d.device, d.kind, c.hour, c.rule, c.ms, c.times FROM cab_sound c JOIN device d USING"
    " (device_id) WHERE d.site = %(site)s AND c.hour >= %(from)s AND c.hour < %(to)s ORDER BY c.device_id, c.hour"
)
_OPERATOR: Final[LiteralString] = (
    "SELECT a.n, o.operator FROM unnest(%(device)s::int[], %(at)s::timestamptz[])"
    " WITH ORDINALITY AS a(device_id, at, n)"
    " CROSS JOIN LATERAL (SELECT r.operator FROM reading_crane r WHERE r.device_id = a.device_id"
    " AND r.ts > a.at - interval '10 minutes' AND r.ts <= a.at AND r.operator IS NOT NULL"
    " ORDER BY r.ts DESC LIMIT 1) AS o"
)


@dataclass(frozen=True)
class Cab:
    """What one cab, or one operator, has heard: seconds of sound, how often, in how many hours of the clock."""

    name: str
    sound_s: float
    times: int
    hours: int
    rules: dict[str, float]

    @property
    def s_per_hour(self) -> float:
        """Seconds of sound an hour, of those hours in which it sounded at all."""
        return self.sound_s / self.hours if self.hours else 0.0

    @property
    def over(self) -> bool:
        """Whether that is beyond the cab's budget."""
        return self.s_per_hour > alarm_kpi.CAB_S_PER_HOUR


@dataclass(frozen=True)
class Quality:
    """A site's alarms from `begin` to `end`: the desk, what each crane told it, the cabs, their operators."""

    site: str
    begin: datetime
    end: datetime
    desk: Figures
    devices: dict[str, Figures]
    cabs: list[Cab]
    operators: list[Cab]
    operator_lines: dict[str, int]


async def quality(database: Database, site: str, begin: datetime, end: datetime) -> Quality | None:
    """
    The figures of a site; None when no device of it is known.

    `operators` share a cab's hour by whose alarms fell into it, by the readings' own word; an hour without one is
    nobody's (""). Raises StorageError, and ValueError for a span that is none or longer than a year.
    """
    if not begin < end or (end - begin).days > MAX_DAYS:
        raise ValueError(f"a span begins before it ends, and is no longer than {MAX_DAYS} days")
    first, last = to_ms(begin), to_ms(end)
    span = {"site": site, "begin": first, "end": last, "from": begin, "to": end}
    async with database.connection() as connection, connection.transaction():
        await connection.execute(_SNAPSHOT)
        known = await (await connection.execute("SELECT 1 FROM device WHERE site = %s LIMIT 1", (site,))).fetchone()
        if known is None:
            return None
        before = await (await connection.execute(_BEFORE, span)).fetchall()
        rows = await (await connection.execute(_LOG, span)).fetchall()
        sound = await (await connection.execute(_SOUND, span)).fetchall()
        working = await _operators(connection, rows)
    log = [_said(row) for row in sorted(before, key=lambda row: row["at_ms"])] + [_said(row) for row in rows]
    by_device: dict[str, list[Said]] = defaultdict(list)
    for one in log:
        by_device[_name(one.place)].append(one)
    return Quality(
        site=site, begin=begin, end=end, desk=alarm_kpi.figures(log, first, last),
        devices={name: alarm_kpi.figures(own, first, last) for name, own in sorted(by_device.items())},
        cabs=_cabs(sound, lambda row: f"{row['kind']}/{row['device']}"),
        operators=_cabs(sound, lambda row: _whose(working, row)),
        operator_lines=dict(Counter(who for who in working.values() if who)),
    )  # fmt: skip


async def _operators(connection: Connection, rows: Iterable[dict[str, Any]]) -> dict[tuple[int, int, int], str]:
    """Who worked on the crane when its alarms were raised: by device, time (Unix ms) and place in the log."""
    asked = [
        (row["device_id"], row["at_ms"], n)
        for n, row in enumerate(rows)
        if row["kind"] == "crane" and Signal(row["signal"]) in (Signal.RAISE, Signal.ESCALATE)
    ]
    if not asked:
        return {}
    parameters = {"device": [one[0] for one in asked], "at": [to_datetime(one[1]) for one in asked]}
    found = await (await connection.execute(_OPERATOR, parameters)).fetchall()
    names = {row["n"] - 1: row["operator"] for row in found}
    return {one: names.get(n, "") for n, one in enumerate(asked)}


def _whose(working: dict[tuple[int, int, int], str], row: dict[str, Any]) -> str:
    """Whose hour it was: whoever had most of the alarms in it."""
    begin = to_ms(row["hour"])
    counted = Counter(
        who for (device, at, _), who in working.items()
        if who and device == row["device_id"] and begin <= at < begin + HOUR_MS
    )  # fmt: skip
    return counted.most_common(1)[0][0] if counted else ""


def _cabs(sound: Iterable[dict[str, Any]], name: Any) -> list[Cab]:
    seconds: dict[str, float] = defaultdict(float)
    times: Counter[str] = Counter()
    hours: dict[str, set[tuple[int, datetime]]] = defaultdict(set)
    rules: dict[str, dict[str, float]] = defaultdict(dict)
    for row in sound:
        who = name(row)
        if row["rule"]:
            rules[who][row["rule"]] = rules[who].get(row["rule"], 0.0) + row["ms"] / 1000
            continue
        seconds[who] += row["ms"] / 1000
        times[who] += row["times"]
        hours[who].add((row["device_id"], row["hour"]))
    return [
        Cab(who, seconds[who], times[who], len(hours[who]), dict(sorted(rules[who].items())))
        for who in sorted(seconds, key=lambda who: -seconds[who])
    ]


def _said(row: dict[str, Any]) -> Said:
    return Said(
        row["at_ms"], (row["kind"], row["device"], row["rule"]), Signal(row["signal"]), State(row["previous"]),
        State(row["state"]), Severity(row["severity"]), row["life_safety"], row["who"],
    )  # fmt: skip


def _name(place: Place) -> str:
    return f"{place[0]}/{place[1]}"
