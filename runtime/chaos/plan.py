"""
What happens when in a campaign. Pure.

Rule 1: the plan is a function of its options: the same seed, the same faults in the same order at the same moments.
What the machine makes of it (how long a server takes to come back) is measured, not planned.
Rule 2: every chosen fault happens; what time is left lies between them.
"""

from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final


class Fault(StrEnum):
    """Everything that can be made to go wrong."""

    KILL_INGEST = "kill-ingest"
    KILL_ANALYZER = "kill-analyzer"
    KILL_API = "kill-api"
    KILL_ALL = "kill-all"
    BROKER_KILL = "broker-kill"
    BROKER_RESTART = "broker-restart"
    BROKER_KILL_PERSISTENT = "broker-kill-persistent"
    BROKER_RESTART_PERSISTENT = "broker-restart-persistent"
    BROKER_FORGETS = "broker-forgets"
    DB_STOP = "db-stop"
    DB_RESTART = "db-restart"
    DB_KILL = "db-kill"
    DB_FULL = "db-full"
    DB_EXHAUSTED = "db-exhausted"
    DB_SLOW = "db-slow"
    DB_CUT = "db-cut"
    DB_DEAF = "db-deaf"
    DB_STRANDED = "db-stranded"
    OUTAGE_AND_BROKER = "outage-and-broker"
    LINK_LOSS = "link-loss"
    BACKFILL = "backfill"
    DUPLICATES = "duplicates"
    REORDER = "reorder"
    CLOCK_STEPS = "clock-steps"
    WHOLE_SECONDS = "whole-seconds"
    TWO_BOXES = "two-boxes"
    FLOOD = "flood"


WORDS: Final[dict[Fault, str]] = {
    Fault.KILL_INGEST: "SIGKILL of ingest, several times in a row",
    Fault.KILL_ANALYZER: "SIGKILL of the analyzer, several times in a row",
    Fault.KILL_API: "SIGKILL of the api",
    Fault.KILL_ALL: "SIGKILL of ingest, analyzer, review and api at once",
    Fault.BROKER_KILL: "SIGKILL of a broker without persistence: sessions, queues and retained state are gone",
    Fault.BROKER_RESTART: "clean restart of a broker without persistence: the same",
    Fault.BROKER_KILL_PERSISTENT: "SIGKILL of a broker with persistence: it comes back as of its last save",
    Fault.BROKER_RESTART_PERSISTENT: "clean restart of a broker with persistence",
    Fault.BROKER_FORGETS: "a persistent broker comes back with its state deleted",
    Fault.DB_STOP: "the database is stopped for a while",
    Fault.DB_RESTART: "the database is restarted",
    Fault.DB_KILL: "SIGKILL of the database server; it recovers from its log",
    Fault.DB_FULL: "the volume of the database's tables is full",
    Fault.DB_EXHAUSTED: "ingest's connections are ended, and all others are taken",
    Fault.DB_SLOW: "every packet to the database is delayed",
    Fault.DB_CUT: "the connection to the database is cut in the middle of a COPY, several times",
    Fault.DB_DEAF: "the database accepts and does not answer for a while",
    Fault.DB_STRANDED: "the present connections to the database are never answered again, new ones are",
    Fault.OUTAGE_AND_BROKER: "while the database is away, the broker loses its state and ingest is killed",
    Fault.LINK_LOSS: "half of the devices lose their link for a while",
    Fault.BACKFILL: "devices come with hours of journal from before",
    Fault.DUPLICATES: "devices send every frame five times",
    Fault.REORDER: "devices hold frames back and let go in another order, also within themselves",
    Fault.CLOCK_STEPS: "device clocks step forward and back, also by days",
    Fault.WHOLE_SECONDS: "devices at 10 Hz whose clock knows whole seconds",
    Fault.TWO_BOXES: "two boxes have one id",
    Fault.FLOOD: "floods of malformed messages",
}

# What devices do all the time, because they are what they are; the others happen at moments of the plan.
HABITS: Final = frozenset(
    {
        Fault.BACKFILL, Fault.DUPLICATES, Fault.REORDER, Fault.CLOCK_STEPS, Fault.WHOLE_SECONDS, Fault.TWO_BOXES,
    }
)  # fmt: skip
# After these the broker has forgotten what it had acknowledged: boxes that keep no journal lose frames.
FORGETFUL: Final = frozenset(
    {
        Fault.BROKER_KILL, Fault.BROKER_RESTART, Fault.BROKER_KILL_PERSISTENT, Fault.BROKER_FORGETS,
        Fault.OUTAGE_AND_BROKER,
    }
)  # fmt: skip
SECONDS: Final[dict[Fault, tuple[float, float]]] = {  # how long each takes, least and most; recovery comes after
    Fault.KILL_INGEST: (6, 10),
    Fault.KILL_ANALYZER: (6, 10),
    Fault.KILL_API: (1, 2),
    Fault.KILL_ALL: (1, 2),
    Fault.BROKER_KILL: (1, 3),
    Fault.BROKER_RESTART: (1, 3),
    Fault.BROKER_KILL_PERSISTENT: (7, 9),
    Fault.BROKER_RESTART_PERSISTENT: (2, 4),
    Fault.BROKER_FORGETS: (2, 4),
    Fault.DB_STOP: (10, 14),
    Fault.DB_RESTART: (1, 1),
    Fault.DB_KILL: (3, 5),
    Fault.DB_FULL: (5, 8),
    Fault.DB_EXHAUSTED: (5, 8),
    Fault.DB_SLOW: (6, 9),
    Fault.DB_CUT: (4, 7),
    Fault.DB_DEAF: (6, 9),
    Fault.DB_STRANDED: (3, 4),
    Fault.OUTAGE_AND_BROKER: (8, 10),
    Fault.LINK_LOSS: (6, 10),
    Fault.FLOOD: (4, 6),
}
GROUPS: Final[dict[str, frozenset[Fault]]] = {
    "all": frozenset(Fault),
    "kill": frozenset({Fault.KILL_INGEST, Fault.KILL_ANALYZER}),
    "broker": frozenset(fault for fault in Fault if fault.startswith("broker-")),
    "database": frozenset(fault for fault in Fault if fault.startswith("db-")),
    "devices": frozenset({*HABITS, Fault.LINK_LOSS, Fault.FLOOD}),
    "outage": frozenset({Fault.DB_STOP}),
    "none": frozenset(),
}
QUIET_S: Final = 3.0  # between two faults, and before the first


@dataclass(frozen=True, slots=True)
class Step:
    """One fault of the plan: not before `at` (seconds from the start), for `lasts`; `seed` is for its details."""

    fault: Fault
    at: float
    lasts: float
    seed: int


@dataclass(frozen=True, slots=True)
class Options:
    """What a campaign is made of."""

    duration_s: float = 300.0  # of producing frames; setting up, draining and the audit come on top
    seed: int = 1
    rate: float = 300.0  # frames a second, all devices together
    faults: frozenset[Fault] = frozenset(Fault)
    kills: int | None = None  # of ingest and of the analyzer each, in place of a plan
    outage_s: float | None = None  # one stop of the database of this length, in place of a plan


def chosen(text: str) -> frozenset[Fault]:
    """The faults named in a list with commas: names, groups, and `-name` for all but it. Raises ValueError."""
    found: set[Fault] = set()
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if parts and all(part.startswith("-") for part in parts):
        found = set(Fault)
    for part in parts:
        name = part.removeprefix("-")
        if name in GROUPS:
            members = GROUPS[name]
        elif name in set(Fault):
            members = frozenset({Fault(name)})
        else:
            raise ValueError(f"no fault {name!r}; there are: {', '.join([*GROUPS, *Fault])}")
        found = found - members if part.startswith("-") else found | members
    return frozenset(found)


def steps(options: Options) -> list[Step]:
    """The plan. Without a fault that has a moment it is empty."""
    random = Random(f"plan-{options.seed}")  # noqa: S311 - a plan, not a secret
    if options.kills is not None:
        return []
    if options.outage_s is not None:
        return [Step(Fault.DB_STOP, 20.0, options.outage_s, random.getrandbits(32))]
    wanted = sorted(fault for fault in options.faults if fault not in HABITS)
    if not wanted:
        return []
    random.shuffle(wanted)
    # A broker that saves is another broker: those steps come last, in one piece, so that it is changed once.
    wanted.sort(key=lambda fault: fault in PERSISTENT)
    found: list[Step] = []
    at = QUIET_S
    lengths = [random.uniform(*SECONDS[fault]) for fault in wanted]
    need = sum(lengths) + QUIET_S * (len(wanted) + 1)
    # With less time than wanted each gets its share, with more of it they lie further apart.
    share = min(1.0, options.duration_s / need)
    pause = max(QUIET_S * share, (options.duration_s - sum(lengths)) / (len(wanted) + 1) if share == 1.0 else 0.0)
    for fault, length in zip(wanted, lengths, strict=True):
        lasts = max(SECONDS[fault][0] / 2, length * share)
        found.append(Step(fault, round(at, 2), round(lasts, 2), random.getrandbits(32)))
        at += lasts + pause
    return found


PERSISTENT: Final = frozenset(
    {Fault.BROKER_KILL_PERSISTENT, Fault.BROKER_RESTART_PERSISTENT, Fault.BROKER_FORGETS}
)  # fmt: skip
