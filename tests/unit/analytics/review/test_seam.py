"""The seam between what was evaluated live and what came late: three equalities, on random lives of a crane."""

from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analytics.replay import replay
from analytics.review.seam import HORIZON_MS, Logged, Reviewed, begin_ms, review
from telemetry.model import Origin, Signal
from telemetry.wire.payloads import Cause, encode
from tests.helpers.life import BOOTS, Life, ids, more, quiet


def reviewed(life: Life, **how: Any) -> Reviewed:
    found = review(life.history(), life.log(), life.late, **{"whole": True, **how})
    assert found is not None
    return found


@pytest.mark.parametrize("edits", [False, True])
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_replaying_what_was_evaluated_gives_the_live_log_byte_for_byte(edits: bool, seed: int) -> None:
    life = Life(seed, edits=edits)
    again = replay(life.history(life.heard))
    assert [encode(t) for t in again] == [encode(t) for t in life.derived]
    assert len(again) > 5, "a life in which something happens"


@pytest.mark.parametrize("edits", [False, True])
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10**6))
@example(seed=326)
def test_replaying_what_is_stored_gives_live_and_review_less_what_was_not_reproduced(edits: bool, seed: int) -> None:
    life = Life(seed, edits=edits)
    if not life.late:
        return
    found = reviewed(life)
    again = replay(life.history(), ids(life.live))
    assert ids(again) == (ids(life.derived) | ids(found.added)) - set(found.not_reproduced)
    changed = {t.id: t for t in found.changed}
    for one in again:
        logged = changed.get(one.id) or next((t for t in life.derived if t.id == one.id), None)
        if logged is not None:
            assert encode(one) == encode(logged)


@pytest.mark.parametrize("edits", [False, True])
@settings(max_examples=2, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_a_review_that_begins_in_the_middle_of_a_life_finds_the_same(edits: bool, seed: int) -> None:
    life = Life(seed, samples=2600, gaps=1, start=2200, edits=edits)
    if not life.late:
        return
    late_from = min(told.frame.ts for told in life.frames if told.received > told.frame.ts + 3_000_000)
    begin = begin_ms(life.log(), late_from)
    near = [told for told in life.frames if told.frame.ts > begin]
    middle = review(life.history(near), life.log(), life.late, whole=False)
    whole = reviewed(life)
    assert middle is not None
    assert (middle.added, middle.not_reproduced, middle.changed) == (whole.added, whole.not_reproduced, whole.changed)


def test_an_overload_while_the_link_was_down_is_found_and_waits_for_nobody() -> None:
    life = quiet(lost=range(100, 140), over=range(110, 130))
    assert life.derived == []
    found = reviewed(life)
    assert [(t.rule, str(t.signal), str(t.state)) for t in found.added] == [
        ("moment", "raise", "acknowledged"), ("moment", "clear", "normal"),
    ]  # fmt: skip
    assert {t.origin for t in found.added} == {Origin.REVIEW}
    assert found.finding is not None
    assert found.finding.life_safety
    assert not found.finding.holds


def test_a_live_alarm_that_the_whole_record_does_not_show_is_annotated() -> None:
    # Live, five frames at the limit and a gap; in the gap the load is set down, so that no second one follows.
    life = quiet(lost=range(111, 118), over=[109, 110, *range(118, 122)], missing_over=range(112, 118))
    live = [t for t in life.derived if t.signal is Signal.RAISE]
    found = reviewed(life)
    assert found.not_reproduced == [t.id for t in live]
    assert [t.signal for t in found.added][:1] == [Signal.RAISE]


def test_without_late_frames_there_is_nothing_to_review() -> None:
    life = quiet(lost=(), over=range(110, 120))
    assert review(life.history(), life.log(), {}, whole=True) is None


def test_a_review_is_settled_when_the_longest_window_has_passed_and_the_states_agree() -> None:
    assert not reviewed(quiet(lost=range(100, 140), over=(), n=400)).settled
    assert reviewed(quiet(lost=range(100, 140), over=(), n=400 + HORIZON_MS // 1000)).settled


def test_a_second_review_takes_back_what_the_first_said_for_want_of_frames() -> None:
    life = quiet(lost=range(111, 118), over=[109, 110, *range(118, 122)], missing_over=range(112, 118))
    first = reviewed(life)
    log = [entry._replace(denied=entry.transition.id in first.not_reproduced) for entry in life.log()]
    log += [Logged(t) for t in first.added]
    again = review(life.history(life.heard), log, {BOOTS[0]: [(50, 50)]}, whole=True)
    assert again is not None
    assert again.agreed == first.not_reproduced
    assert again.not_reproduced == [t.id for t in first.added if t.id not in ids(life.derived)]


@pytest.mark.parametrize("at", [200, 330, 480])
def test_what_was_evaluated_without_memory_is_reviewed_too(at: int) -> None:
    life = quiet(lost=(), over=range(300, 330), n=at)
    life.forget()
    more(life, n=700 - at, over=range(300, 330))
    starts = [(terms.boot, terms.seq) for terms in life.terms if terms.start]
    assert len(starts) == 2
    found = review(life.history(), life.log(), {}, starts[1:], whole=True)
    assert found is not None
    assert found.added == []
    assert found.not_reproduced == []
    again = replay(life.history(), ids(life.live))
    assert ids(again) == ids(life.derived)


def test_a_rule_that_was_learned_over_weeks_is_not_judged_from_the_middle_of_a_life() -> None:
    life = quiet(lost=range(100, 140), over=range(110, 130))
    place = life.frames[115].frame
    assert place.seq is not None
    learned = msgspec.structs.replace(
        quiet(lost=range(0), over=range(110, 130)).derived[0], id="learned", rule="lean",
        cause=Cause(boot=place.boot, seq=place.seq, i=0),
    )  # fmt: skip
    log = [*life.log(), Logged(learned)]
    middle = review(life.history(), log, life.late, whole=False)
    whole = review(life.history(), log, life.late, whole=True)
    assert middle is not None
    assert whole is not None
    assert "learned" not in middle.not_reproduced
    assert "learned" in whole.not_reproduced
