"""
How much of its design life a crane has used: classes U and Q, the load spectrum, the duty. Pure.

All figures are those of ISO 4301-1 (older edition: four classes Q) and ISO 12482 as the domain reference 1.9 has them
from memory: unverified, to be checked against the purchased standards before anybody relies on them.

Rule 1: a cycle weighs (P / Pmax)^3. Kp is the mean weight; the duty is the sum; a design life is `cycles` times `kp`.
Rule 2: a cycle without a load weighs as much as the mean of those that have one, and is counted beside them: it was
lifted all the same.
Rule 3: what is not stated is not assumed: without a design there is a total and no share.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from telemetry.errors import ConfigError
from telemetry.wire.payloads import Design

SOURCE: Final = "ISO 4301-1, ISO 12482: from memory, unverified (domain reference 1.9)"
U_ENDS: Final = (16_000, 32_000, 63_000, 125_000, 250_000, 500_000, 1_000_000, 2_000_000, 4_000_000)  # U0 to U8
Q_ENDS: Final = (0.125, 0.25, 0.5, 1.0)  # Q1 to Q4
GROUPS: Final = 8  # A1 to A8
BINS: Final = 10  # of 10 % of the largest load each; one more for what is beyond it
NEAR_PCT: Final = 90.0  # cranewatch proposal: time to order the special assessment
SPENT_PCT: Final = 100.0  # ISO 12482: at the limit a special assessment is due


@dataclass(frozen=True, slots=True)
class Bin:
    """Cycles of one tenth of the largest load: how many, and what they weigh together."""

    cycles: int
    weight: float


@dataclass(frozen=True, slots=True)
class Life:
    """What a crane was designed for."""

    cycles: int
    kp: float | None
    before_cycles: int
    before_kp: float | None

    @property
    def duty(self) -> float | None:
        """The weight of all its cycles; None where only their number is stated."""
        return self.cycles * self.kp if self.kp is not None else None


@dataclass(frozen=True, slots=True)
class Usage:
    """
    The running total of one crane.

    `cycles` are those that were recognised, `total` has those before in it. `used_pct` is by duty where the design says
    how heavy its cycles are, else by number (`used_by`). `left` are cycles like those so far, until the life is over.
    """

    cycles: int
    weighed: int
    total: int
    kp: float | None
    duty: float | None
    u_class: str
    q_class: str | None
    group: str | None
    spectrum: tuple[float, ...]  # the share of cycles in each tenth of the largest load, and beyond it
    design_cycles: int | None = None
    design_kp: float | None = None
    used_pct: float | None = None
    used_by: Literal["duty", "cycles"] | None = None
    left: int | None = None


def weight(load_pct: float) -> float:
    """What a cycle weighs."""
    return (max(load_pct, 0.0) / 100.0) ** 3


def place(load_pct: float) -> int:
    """Its bin, 0 to `BINS`; exactly 100 % is within the largest load."""
    if load_pct > 100.0:
        return BINS
    return min(BINS - 1, max(0, int(load_pct // (100.0 / BINS))))


def u_class(cycles: int) -> str:
    """The class of use of so many cycles."""
    return f"U{sum(cycles > end for end in U_ENDS)}"


def q_class(kp: float) -> str:
    """The class of load of that spectrum factor; beyond 1 a crane was overloaded on average, and it stays Q4."""
    return f"Q{min(len(Q_ENDS), 1 + sum(kp > end for end in Q_ENDS))}"


def group(u: str, q: str) -> str | None:
    """The group A of U and Q: each class doubles the duty, and so does each group. None beyond A8."""
    number = max(1, int(u[1:]) + int(q[1:]) - 2)
    return f"A{number}" if number <= GROUPS else None


def life(design: Design | None) -> Life | None:
    """The design as numbers; None when none is stated. Raises ConfigError when it contradicts itself."""
    if design is None:
        return None
    cycles = U_ENDS[int(design.u_class[1:])] if design.u_class is not None else design.cycles
    if cycles is None or (design.u_class is not None and design.cycles is not None):
        raise ConfigError("design: state either u_class or cycles")
    if design.q_class is not None and design.kp is not None:
        raise ConfigError("design: state either q_class or kp, not both")
    if design.before_kp is not None and not design.before_cycles:
        raise ConfigError("design: before_kp without before_cycles")
    if not design.stated_by.strip():
        raise ConfigError("design: stated_by is empty")
    kp = Q_ENDS[int(design.q_class[1:]) - 1] if design.q_class is not None else design.kp
    return Life(cycles, kp, design.before_cycles, design.before_kp)


def usage(bins: Sequence[Bin], unweighed: int, designed: Life | None) -> Usage:
    """The total over `BINS` + 1 bins and cycles without a load, against the design."""
    weighed = sum(one.cycles for one in bins)
    cycles = weighed + unweighed
    kp = sum(one.weight for one in bins) / weighed if weighed else None
    duty = kp * cycles if kp is not None else None
    before = designed.before_cycles if designed is not None else 0
    total = cycles + before
    u, q = u_class(total), q_class(kp) if kp is not None else None
    spectrum = tuple(one.cycles / weighed for one in bins) if weighed else ()
    own = Usage(cycles, weighed, total, kp, duty, u, q, group(u, q) if q is not None else None, spectrum)
    return own if designed is None else _against(own, designed)


def _against(own: Usage, designed: Life) -> Usage:
    by: Literal["duty", "cycles"] = "cycles"
    used, each = own.total / designed.cycles, 1.0 / designed.cycles
    if designed.kp is not None and designed.duty is not None and (own.duty is not None or not own.cycles):
        heavy = designed.kp if designed.before_kp is None else designed.before_kp
        used, by = ((own.duty or 0.0) + designed.before_cycles * heavy) / designed.duty, "duty"
        each = (own.kp if own.kp is not None else designed.kp) / designed.duty
    left = max(0, int((1.0 - used) / each + 1e-9)) if each > 0 else None
    return Usage(
        own.cycles, own.weighed, own.total, own.kp, own.duty, own.u_class, own.q_class, own.group, own.spectrum,
        designed.cycles, designed.kp, 100.0 * used, by, left,
    )  # fmt: skip
