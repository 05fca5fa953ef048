"""
Words of work cycles that the analyzer, the record and the pages share.

Rule 1: a flag says why a cycle, or a figure of it, is less than it seems; nothing is guessed in its place.
"""

from enum import StrEnum


class Flag(StrEnum):
    """What was not as it should be."""

    UNSEEN_START = "unseen_start"  # the pick-up itself was not seen: the load hung, or had come in a gap
    UNFINISHED = "unfinished"  # a gap or a new boot ended it: the set-down was not seen
    GAP = "gap"  # more than three intervals without a sample, and the load hung before and after
    PUT_DOWN_BETWEEN = "put_down_between"  # the rope was slack for a moment: one load, lifted again
    LOAD_INVALID = "load_invalid"  # samples without a load
    NO_HOOK = "no_hook"  # the hook's height was not known all the time
    NO_RADIUS = "no_radius"
    NO_SLEW = "no_slew"
    FALLS_UNKNOWN = "falls_unknown"
    FALLS_CHANGED = "falls_changed"
    UNRATED = "unrated"  # the crane's largest load is not known
    FEW_SAMPLES = "few_samples"  # fewer than four of the load in the air
    CLOCK = "clock"  # the device's clock was wrong: times are as it told them
    OPERATOR_CHANGED = "operator_changed"


WORDS: dict[Flag, tuple[str, str]] = {
    Flag.UNSEEN_START: ("起吊未见", "pick-up not seen"),
    Flag.UNFINISHED: ("落钩未见", "set-down not seen"),
    Flag.GAP: ("数据中断", "gap in the data"),
    Flag.PUT_DOWN_BETWEEN: ("中途触地", "touched down in between"),
    Flag.LOAD_INVALID: ("吊重无效", "load invalid at times"),
    Flag.NO_HOOK: ("吊钩高度不全", "hook height not always known"),
    Flag.NO_RADIUS: ("幅度不全", "radius not always known"),
    Flag.NO_SLEW: ("回转角度不全", "slew angle not always known"),
    Flag.FALLS_UNKNOWN: ("倍率未知", "falls unknown"),
    Flag.FALLS_CHANGED: ("倍率变化", "falls changed"),
    Flag.UNRATED: ("最大额定起重量未知", "largest load unknown"),
    Flag.FEW_SAMPLES: ("采样过少", "few samples"),
    Flag.CLOCK: ("时钟异常", "clock wrong"),
    Flag.OPERATOR_CHANGED: ("司机更换", "operator changed"),
}
