"""What `make score` asks for, and whether it was reached: each target, the figure, and the words for it."""

import math
from dataclasses import dataclass
from typing import Final

from runtime.score.campaign import OURS, Scored

FALSE_PER_DAY: Final = 0.1
SOUND_S: Final = 10.0
HEAVY: Final = "heavy-shift"


@dataclass(frozen=True, slots=True)
class Target:
    """One target. `met` is None where this run cannot say."""

    name: str
    zh: str
    en: str
    wanted: str
    found: str
    met: bool | None


def targets(scored: Scored) -> list[Target]:
    """Every target that the scenarios of this run can decide."""
    mine = scored.total(OURS)
    missed = f"{mine.missed_life_safety} of {mine.asked_life_safety}"
    found = [Target("missed_life_safety", "漏报（危及生命）", "life-safety events missed", "0", missed,
                    mine.missed_life_safety == 0)]  # fmt: skip
    quiet = scored.total(OURS, harmless=True)
    if quiet.days:
        rate = quiet.false_alarms / quiet.days
        bound = upper(quiet.false_alarms) / quiet.days
        found.append(Target("false_alarms_per_crane_day", "误报/塔机·日", "false alarms a crane-day, harmless ones",
                            f"≤ {FALSE_PER_DAY:g}", f"{rate:.2f} ({quiet.false_alarms} in {quiet.days:.1f} days, "
                            f"95 % bound {bound:.2f})", rate <= FALSE_PER_DAY))  # fmt: skip
    heavy = scored.total(OURS, names=[HEAVY])
    if heavy.hours:
        sound = heavy.sound_s / heavy.hours
        found.append(Target("cab_sound_s_per_hour", "驾驶室声响秒/小时（重载班）", "cab sound s an hour, heavy shift",
                            f"≤ {SOUND_S:g}", f"{sound:.1f}", sound <= SOUND_S))  # fmt: skip
    return [*found, *_against(scored)]


def _against(scored: Scored) -> list[Target]:
    """Our lead and our false alarms against each rival's, in the same run."""
    found = []
    mine, calm = scored.total(OURS), scored.total(OURS, harmless=True)
    lead = mine.figures()["median_lead_s"]
    for rival in scored.detectors[1:]:
        theirs, their_calm = scored.total(rival), scored.total(rival, harmless=True)
        other = theirs.figures()["median_lead_s"]
        if lead is not None and other is not None:
            found.append(Target(f"lead, {rival}", f"预警提前量，对比 {rival}", f"median lead against {rival}",
                                f"> {other:.1f} s", f"{lead:.1f} s", lead > other))  # fmt: skip
        # Where neither said a false word, nobody can have said fewer: a few scenarios may not decide that.
        if calm.days and (calm.false_alarms or their_calm.false_alarms):
            ours, rate = calm.false_alarms / calm.days, their_calm.false_alarms / their_calm.days
            found.append(Target(f"false alarms, {rival}", f"误报，对比 {rival}", f"false alarms a day against {rival}",
                                f"< {rate:.2f}", f"{ours:.2f}", ours < rate))  # fmt: skip
    for rival, why in scored.not_run.items():
        found.append(Target(f"run, {rival}", f"{rival} 未运行", f"{rival}: not run", "run", why, None))
    return found


def good(found: list[Target]) -> bool:
    """Whether nothing was missed; what was not run is no success."""
    return all(target.met for target in found)


def upper(count: int, confidence: float = 0.95) -> float:
    """The upper bound of a Poisson mean of which `count` were seen: three for none (bisection on the sum)."""
    low, high = float(count), count + 10.0 + 5.0 * math.sqrt(count)
    for _ in range(60):
        mean = (low + high) / 2
        seen = sum(math.exp(-mean + k * math.log(mean) - math.lgamma(k + 1)) for k in range(count + 1))
        low, high = (mean, high) if seen > 1 - confidence else (low, mean)
    return high
