"""
One device's recorded frames through the engine, under the profiles that held or under a supposed one. Pure.

Rule 1: frames come in the device's order, in parts of any size; terms and answers stand between them (`replay.Notes`).
Rule 2: what is supposed holds where it would hold if it were published: not for a device whose own configuration names
another profile than its site's.
Rule 3: a rule with a memory of weeks (`LONG`) is judged only from the device's first frame on.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from analytics import adoption
from analytics.backtest.course import HIDING, Course
from analytics.replay import History, Notes, Place, Replay, Told
from analytics.review.seam import Log, Logged
from analytics.rulebook import LONG
from telemetry.limit_profile import Profile
from telemetry.wire.payloads import Terms, Transition

MINUTE_MS: Final = 60_000


class NotHeld(Exception):
    """The supposed profile would not hold for this device; the text says why, for a person."""


def supposed(history: History, profile: Profile) -> History:
    """The same history under one profile all through. Raises NotHeld when it would never have held."""
    if not history.terms:
        raise NotHeld("从未实时评估 it was never evaluated live: nothing says what it would be judged by")
    terms = [
        msgspec.structs.replace(one, judged=profile.label) if _holds(one, profile) else one for one in history.terms
    ]
    if not any(one.judged == profile.label for one in terms):
        named = terms[-1].config.profile if terms[-1].config is not None else terms[-1].profile
        raise NotHeld(
            f"其自身配置指定 {named}，该配置对它无效 its own configuration names {named!r}: {profile.name!r} would not"
            " hold for it"
        )
    return History(history.key, history.boots, history.frames, terms, history.answers, [*history.profiles, profile])


def _holds(terms: Terms, profile: Profile) -> bool:
    return terms.config is None or terms.config.profile in (terms.profile, profile.name)


class Rerun:
    """
    A replay that is fed with parts, and the course of its alarms.

    `history` without frames; `log` is what was decided live and by reviews; `whole`: the first frame to come is the
    device's first. With `forgets` as the analyzer was, which begins anew wherever the terms say `start`.
    """

    def __init__(self, history: History, log: Sequence[Logged], *, whole: bool, forgets: bool = False) -> None:
        self.history = history
        self._log = Log(history, log)
        self._whole = whole
        self._forgets = forgets
        self._player = Replay(history.key, self._log.heard(), history.profiles)
        self._notes = Notes(history)
        self._begun = False
        self._at: Place | None = None
        self.unjudged: frozenset[str] = frozenset() if whole else LONG[history.key[1]]
        self.course = Course(history.key)
        self._player.engine.annunciator.witness = self.course.saw

    def feed(self, part: Iterable[Told]) -> list[Transition]:
        """
        The derived transitions of these frames, which are beyond all before, but of rules that are not judged.

        Raises ConfigError when the device cannot be judged by its terms any more, or by what is supposed.
        """
        found: list[Transition] = []
        waiting: list[Told] = []
        for told in part:
            place = self.history.place(told.frame.boot, told.frame.seq)
            if place is None or (self._at is not None and place <= self._at):
                continue
            self._at = place
            if not self._begun:
                self._begin(place)
            notes = list(self._notes.before(place))
            if notes:
                found += self._player.feed(waiting)
                waiting = []
                for _, step in notes:
                    self._take(step)
            waiting.append(told)
        found += self._player.feed(waiting)
        return [one for one in found if one.rule not in self.unjudged]

    def goes_on(self, history: History, log: Sequence[Logged]) -> None:
        """More is known of the same life: terms, answers and transitions behind the frame that was fed last."""
        self.history = history
        self._log = Log(history, log)
        self._player.engine.learn(history.profiles)
        self._player.engine.annunciator.heard = frozenset(self._log.heard())
        self._notes = Notes(history)
        if self._at is not None:
            for _ in self._notes.before(self._at):
                pass  # were given out

    def _begin(self, first: Place) -> None:
        """In the middle of a life: under the terms and with the alarms of that place, on its line of time."""
        self._begun = True
        if self._whole:
            for _, step in self._notes.before(first):
                self._player.take(step)
            return
        under: Terms | None = None
        for _, step in self._notes.before(first):
            # Answers before are in the states that the log has here.
            under = step if isinstance(step, Terms) else under
        if under is not None:
            self._player.take(under)
        key, engine = self.history.key, self._player.engine
        fleet = engine.fleets[key[1]]
        adoption.assume(engine.annunciator, fleet, key, self._log.states(first))
        self.course.begin(engine.annunciator.records.get(key, {}))
        if under is not None and under.line_ms:
            self._player.shift(under.line_ms)

    def _take(self, step: Terms | Transition) -> None:
        if isinstance(step, Terms):
            if self._forgets and step.start:
                self._player.forget()
            self._player.take(step)
            return
        self._player.take(step)
        if step.signal in HIDING:
            self.course.answered(step.rule, self._player.engine.annunciator.record(self.history.key, step.rule),
                                 step.at)  # fmt: skip
