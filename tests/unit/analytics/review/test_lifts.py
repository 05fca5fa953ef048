"""What late frames change in the record of work cycles: lives of a crane that lifts, heard only in part."""

from typing import Any

import msgspec

from analytics.replay import Replay, steps
from analytics.review.lifts import Compared, Known
from analytics.review.seam import review
from telemetry.model import Origin
from telemetry.wire.cycle import Cycle
from tests.helpers.life import BOOTS, Life, lifting


def reviewed(life: Life, known: list[Known] | None = None, **how: Any) -> Compared:
    known = [Known(cycle) for cycle in life.cycles] if known is None else known
    found = review(
        life.history(how.pop("frames", None)), life.log(), life.late, whole=how.pop("whole", True), cycles=known
    )
    assert found is not None
    return found.cycles


def stands(life: Life, found: Compared) -> dict[str, Cycle]:
    """The record as the review leaves it."""
    changed = {cycle.id: cycle for cycle in found.changed}
    kept = {one.id: changed.get(one.id, one) for one in life.cycles if one.id not in found.not_reproduced}
    return named([*kept.values(), *(msgspec.structs.replace(one, origin=Origin.LIVE) for one in found.added)])


def named(cycles: list[Cycle]) -> dict[str, Cycle]:
    """By id; which frame showed that one was over depends on what was heard."""
    return {cycle.id: msgspec.structs.replace(cycle, decided=(None, 0)) for cycle in cycles}


def truth(life: Life) -> dict[str, Cycle]:
    """Of a life that was heard whole."""
    player = Replay(life.history().key)
    for _, step in steps(life.history()):
        if isinstance(step, tuple):
            player.feed([step])
        else:
            player.take(step)
    return named(player.cycles)


def test_the_record_is_as_if_everything_had_been_heard() -> None:
    for lost in (range(30, 50), range(90, 130), range(145, 210), range(160, 290), range(10, 350)):
        life = lifting(lost=lost, lifts=3, n=360)
        assert stands(life, reviewed(life)) == truth(life), lost


def test_lifts_that_nobody_heard_are_added_by_the_review() -> None:
    life = lifting(lost=range(120, 240), lifts=3, n=400)
    found = reviewed(life)
    assert [(cycle.cause.seq, cycle.origin) for cycle in found.added] == [(141, Origin.REVIEW)]
    assert (found.changed, found.not_reproduced) == ([], [])


def test_a_cycle_that_was_heard_whole_is_never_touched() -> None:
    life = lifting(lost=range(350, 370), lifts=3, n=400)
    assert reviewed(life) == Compared()


def test_a_second_review_with_the_rest_of_the_frames_takes_back_what_the_first_said() -> None:
    life = lifting(lost=range(145, 210), lifts=2, n=260)
    first = reviewed(life)
    assert (len(first.changed), len(first.not_reproduced)) == (1, 1)
    changed = first.changed[0]
    known = [
        Known(one, changed if one.id == changed.id else None, denied=one.id in first.not_reproduced)
        for one in life.cycles
    ]
    assert reviewed(life, known) == Compared()
    # As if those frames had never come: what was said live stands.
    again = review(life.history(life.heard), life.log(), {BOOTS[0]: [(140, 140)]}, whole=True, cycles=known)
    assert again is not None
    assert sorted(again.cycles.agreed) == sorted([changed.id, *first.not_reproduced])


def test_a_review_that_begins_while_a_load_hangs_judges_only_what_began_behind_that() -> None:
    life = lifting(lost=range(200, 203), lifts=2, n=300)
    middle = [told for told in life.frames if told.frame.seq is not None and told.frame.seq > 160]
    assert reviewed(life, frames=middle, whole=False) == Compared()
    assert [cycle.flags for cycle in reviewed(life).changed] == [[]]


def test_a_lift_that_is_not_over_where_the_review_ends_is_not_denied() -> None:
    # The load still hangs where the record ends; live it was cut by the gap.
    life = lifting(lost=range(25, 90), lifts=1, n=95)
    assert [cycle.flags for cycle in life.cycles] == [["unfinished"]]
    assert reviewed(life) == Compared()
