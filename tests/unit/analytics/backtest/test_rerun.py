"""A history under a supposed profile: where that would hold, and that a replay in parts is the replay."""

import msgspec
import pytest

from analytics.backtest.outcome import check
from analytics.backtest.rerun import NotHeld, Rerun, supposed
from analytics.replay import BEFORE, History, Place, replay
from analytics.review.seam import Logged
from telemetry import profiles
from telemetry.wire.payloads import DeviceConfig, Terms
from tests.helpers.life import BOOTS, KEY, Life, ids
from tests.helpers.limits import published

CANDIDATE = profiles.parse(published("").text)


@pytest.mark.parametrize(
    ("site", "own", "holds"),
    [("cn", None, True), ("cn", "cn", True), ("eu", "eu", True), ("cn", "works", True), ("cn", "eu", False)],
)
def test_a_candidate_holds_where_it_would_if_it_were_published(site: str, own: str | None, holds: bool) -> None:
    config = DeviceConfig(version=1, profile=own) if own else None
    terms = [Terms(boot=BOOTS[0], seq=0, profile=site, config=config, judged=profiles.load(site).label)]
    history = History(KEY, BOOTS, (), terms)
    if not holds:
        with pytest.raises(NotHeld, match="'eu'"):
            supposed(history, CANDIDATE)
        return
    found = supposed(history, CANDIDATE)
    assert [one.judged for one in found.terms] == [CANDIDATE.label]
    assert CANDIDATE in found.profiles


@pytest.mark.parametrize("size", [37])
def test_a_replay_in_parts_that_learns_as_it_goes_is_the_live_log(size: int) -> None:
    life = Life(5, samples=140, gaps=0, edits=True)
    whole = life.history()
    log = [Logged(one) for one in life.live]
    rerun = Rerun(known(whole, None), log, whole=True)
    found = []
    for n in range(0, len(life.frames), size):
        part = life.frames[n : n + size]
        rerun.goes_on(known(whole, whole.place(part[-1].frame.boot, part[-1].frame.seq)), log)
        found += rerun.feed(part)
        found += rerun.feed(part[-3:])  # what comes twice is played once
    assert found == replay(whole, ids(life.live)) == life.derived


def known(history: History, upto: Place | None) -> History:
    """What is on record when the frames up to that place were evaluated."""
    terms = [one for one in history.terms if upto is not None and (history.place(one.boot, one.seq) or BEFORE) < upto]
    answers = [
        one for one in history.answers
        if upto is not None and one.after is not None and (history.place(*one.after) or BEFORE) < upto
    ]  # fmt: skip
    return History(history.key, history.boots, (), terms, answers, history.profiles)


def test_a_difference_is_named_for_what_it_is() -> None:
    found = check({"a": b"1", "b": b"2", "c": b"3"}, {"a": b"1", "b": b"X", "d": b"4"})
    assert (found.lacking, found.extra, found.different, found.equal) == (["c"], ["d"], ["b"], False)
    assert check({"a": b"1"}, {"a": b"1"}).equal
    assert msgspec.to_builtins(found)["compared"] == 3
