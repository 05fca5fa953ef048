"""The words that all parts share: states, signals, severities, hazards, priorities; nothing here changes anything."""

from enum import IntEnum, StrEnum
from typing import Final


class Severity(IntEnum):
    """How bad it is. The order is the order of annunciation: a higher one covers a lower one."""

    NONE = 0
    ADVISORY = 1  # a line on the desk
    PREWARNING = 2  # 预警: two short pulses in the cab, once
    ALARM = 3  # 报警: sounds for as long as the condition holds
    CRITICAL = 4  # beyond the alarm: an inspection hold follows


class State(StrEnum):
    """The states of an alarm, after ANSI/ISA-18.2-2016 (its *out of service* is `disabled` here)."""

    NORMAL = "normal"
    UNACKNOWLEDGED = "unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    RETURNED = "returned_unacknowledged"
    LATCHED_UNACKNOWLEDGED = "latched_unacknowledged"
    LATCHED_ACKNOWLEDGED = "latched_acknowledged"
    SHELVED = "shelved"
    SUPPRESSED = "suppressed_by_design"
    DISABLED = "disabled"


class Signal(StrEnum):
    """What can happen to an alarm."""

    RAISE = "raise"
    ESCALATE = "escalate"  # severity rose while the alarm was already active
    CLEAR = "clear"
    RE_ALARM = "re_alarm"  # acknowledged a while ago, and the condition still holds: the desk is told again
    ACKNOWLEDGE = "acknowledge"
    RESET = "reset"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    SUPPRESS = "suppress"
    UNSUPPRESS = "unsuppress"
    DISABLE = "disable"
    ENABLE = "enable"


class Priority(IntEnum):
    """
    How soon a person has to act, and what it costs not to: how the desk's lines are ordered and counted.

    Three of them, as the metrics of alarm systems count them (low, medium, high: about 80, 15 and 5 % of what is
    annunciated; ISA-18.2 and EEMUA 191 as public presentations give them, domain reference 4.3).
    """

    LOW = 1
    MEDIUM = 2
    HIGH = 3


class Action(StrEnum):
    """What a person may answer. Nothing here is an order to a machine."""

    SILENCE = "silence"  # the cab's one button: quiets sound, and nothing else
    ACKNOWLEDGE = "acknowledge"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    DISABLE = "disable"
    ENABLE = "enable"
    RELEASE = "release"  # a hold
    SET_MODE = "set_mode"
    BEGIN_SHIFT = "begin_shift"  # who works from now on, said at a terminal: recorded, and changes no alarm
    DOUBT = "doubt"  # the cab calls an alarm that is over false: recorded, and changes nothing
    BEGIN_TEST = "begin_test"  # the operator lets a proof test begin: recorded; the device is told by the notifier
    CONFIRM = "confirm"  # a person at the terminal has seen and heard a test: recorded, and changes no alarm


class Hazard(StrEnum):
    """What coverage is stated for, per device."""

    LOAD = "load"
    MOMENT = "moment"
    WIND = "wind"
    TILT = "tilt"
    LIMITS = "limits"
    ZONES = "zones"
    ANTI_COLLISION = "anti_collision"
    IDENTITY = "identity"
    FORCE = "force"
    SETTLEMENT = "settlement"
    SHIFT = "shift"


class CoverageLevel(StrEnum):
    """Never "safe", never "protected": the limiter is in the crane, not in our screen."""

    MONITORED = "monitored"
    DEGRADED = "degraded"
    BLIND = "blind"
    NOT_MONITORED = "not_monitored"


# Why a device is blind whose power was taken away as announced, in both languages: the one reason that is no gap.
PLANNED_OFF: Final = ("计划断电", "announced power off, parked")
RETIRED: Final = ("已退出监测", "taken off the site")


# The rules of a proof test: what is raised by them is a test and no alarm, whoever counts.
PROOF_TEST: Final = "proof_test"
PROOF_REFUSED: Final = "proof_refused"
PROOF_RULES: Final = frozenset({PROOF_TEST, PROOF_REFUSED})


class Mode(StrEnum):
    """The mode of a crane: it chooses the limit profile and what is suppressed."""

    WORKING = "working"
    PARKED = "parked"
    STORM = "storm"
    CLIMBING = "climbing"
    ERECTING = "erecting"
    DISMANTLING = "dismantling"
    TESTING = "testing"
    STOPPED = "stopped"


class Stage(StrEnum):
    """How far an alarm has come at a terminal."""

    DELIVERED = "delivered"  # its client has it
    RENDERED = "rendered"  # it stands on a screen that can be seen


class Origin(StrEnum):
    """Where a transition was decided: as it happened, or afterwards by the review of late data."""

    LIVE = "live"
    REVIEW = "review"


class Edition(StrEnum):
    """The three editions of one schema, chosen at migration from what the server offers."""

    COMMUNITY = "community"
    APACHE = "apache"
    PLAIN = "plain"


def priority(severity: Severity, *, life_safety: bool) -> Priority:
    """
    The desk's priority of what is annunciated at this severity.

    High is what people may stand under now; low is what can wait for the end of the lift. The bounds are a cranewatch
    proposal.
    """
    if severity >= Severity.CRITICAL or (life_safety and severity >= Severity.ALARM):
        return Priority.HIGH
    if severity >= Severity.ALARM or (life_safety and severity >= Severity.PREWARNING):
        return Priority.MEDIUM
    return Priority.LOW
