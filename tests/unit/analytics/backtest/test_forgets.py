"""An analyzer that lost its memory under a published profile, played again as it was."""

import pytest

from analytics.engine import Engine
from analytics.replay import replay
from telemetry import profiles
from telemetry.wire.payloads import SiteProfile
from tests.helpers.life import BOOTS, EDITS, KEY, Life, config, ids
from tests.helpers.limits import number, published
from tests.helpers.shift import IDLE, shift

FIRST = f"[crane.moment.steps.alarm]\nset = {number(95)}\nclear = {number(93)}\noff_s = {number(2)}\n"
SECOND = f"[crane.moment.steps.alarm]\nset = {number(108)}\nclear = {number(106)}\noff_s = {number(9)}\n"
HEAVY = 2.65  # t: 97 %


def edit(life: Life, body: str, version: int) -> None:
    sent = published(body, version)
    life.published.append(profiles.parse(sent.text))
    life._take(life.engine.publish_profile(KEY[0], sent, life.ts))


def forget(life: Life, sent: SiteProfile) -> None:
    """The folder is lost: configurations and the profile are read from the broker, then the alarms taken over."""
    retained = dict(life.engine.retained().alarms)
    own = life.engine.fleets["crane"].devices[0].config or config(1)
    life.engine = Engine()
    life._take(life.engine.configure(*KEY, own, life.ts))
    life._take(life.engine.publish_profile(KEY[0], sent, life.ts))
    life._take(life.engine.adopt([(key, rule, alarm) for (key, rule), alarm in retained.items()], life.ts))


@pytest.mark.parametrize("load", [HEAVY, IDLE])
def test_a_profile_that_was_published_before_the_loss_is_the_one_that_is_played_after_it(load: float) -> None:
    life = shift([(15, IDLE)])
    edit(life, FIRST, 1)
    shift([(20, load)], life=life)
    forget(life, published(FIRST, 1))
    shift([(20, load), (15, IDLE), (20, HEAVY), (15, IDLE)], life=life)
    assert [terms.start for terms in life.terms].count(True) == 2
    assert replay(life.history(), ids(life.live), forgets=True) == life.derived


def test_an_alarm_keeps_what_it_was_raised_under_across_an_edit_and_a_loss() -> None:
    life = shift([(15, IDLE)])
    edit(life, FIRST, 1)
    shift([(20, HEAVY)], life=life)
    edit(life, SECOND, 2)
    shift([(20, HEAVY)], life=life)
    forget(life, published(SECOND, 2))
    # 97 % is above the clear value of the first and far below that of the second.
    shift([(20, HEAVY), (15, IDLE), (20, HEAVY), (15, IDLE)], life=life)
    again = replay(life.history(), ids(life.live), forgets=True)
    assert [(t.signal, t.at, t.profile) for t in again] == [(t.signal, t.at, t.profile) for t in life.derived]
    assert again == life.derived


class Edited(Life):
    """A crane whose limits are published now and then."""

    def _edit(self) -> None:
        body, version = self.editor.choice(EDITS), len(self.published) + 1
        self.last = published(body, version)
        edit(self, body, version)


def test_edits_answers_modes_and_a_loss_among_them_give_the_live_log_byte_for_byte() -> None:
    life = Edited(3, samples=0, gaps=0, edits=True)
    for boot in BOOTS:
        for seq in range(1, 131):
            life._frame(boot, seq, lost=False)
            life._someone_acts(seq)
            if (boot, seq) == (BOOTS[0], 100):
                forget(life, life.last)
    life.tick()
    assert len(life.published) > 3
    assert replay(life.history(), ids(life.live), forgets=True) == life.derived


def test_an_alarm_that_was_taken_over_names_the_profile_that_it_is_held_to() -> None:
    life = shift([(15, IDLE), (20, 2.8)])
    (raised,) = (t for t in life.derived if t.signal == "raise")
    edit(life, SECOND, 1)
    forget(life, published(SECOND, 1))
    shift([(5, 2.8), (25, IDLE)], life=life)
    cleared = life.derived[-1]
    assert (cleared.signal, cleared.profile) == ("clear", profiles.load("cn").label)
    assert raised.profile == cleared.profile, "it comes with the package, so it is known after the loss"
    assert replay(life.history(), ids(life.live), forgets=True) == life.derived
