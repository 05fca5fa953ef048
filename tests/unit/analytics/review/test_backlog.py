"""Who is due for a review: scripts of looks, a second apart from one another or more."""

from analytics.review.backlog import Backlog
from telemetry.storage.multirange import Ranges
from telemetry.storage.review import Late

QUIET, MOST = 60.0, 900.0
KEY = ("site", "crane", "c1")


class Site:
    """A backlog, looked at every ten seconds, with an analyzer that beats every second unless it is away."""

    def __init__(self) -> None:
        self.backlog = Backlog(quiet_s=QUIET, at_most_s=MOST)
        self.now = 0.0
        self.away = False
        self.behind_s = 0.4

    def look(self, seconds: float, ranges: Ranges, *, evaluated_to: int = 0) -> list[dict[str, Ranges]]:
        """For so long; what was due at each look."""
        due: list[dict[str, Ranges]] = []
        end = self.now + seconds
        while self.now < end:
            self.now += 1
            if not self.away:
                self.backlog.beat("site", self.now, self.behind_s)
            if self.now % 10 == 0:
                found = [Late(1, 1, KEY, "boot-1", ranges, evaluated_to)] if ranges else []
                due += [one.late for one in self.backlog.look(self.now, found)]
        return due


def test_late_frames_are_due_when_they_have_not_grown_for_a_minute() -> None:
    site = Site()
    site.look(70, [])
    assert site.look(50, [(5, 9)]) == []
    assert site.look(20, [(5, 9)]) == [{"boot-1": [(5, 9)]}]


def test_a_backfill_is_waited_for_and_reviewed_once_it_stands_still() -> None:
    site = Site()
    site.look(70, [])
    assert [site.look(10, [(1, 10 * n)]) for n in range(1, 30)] == [[]] * 29
    assert site.look(50, [(1, 290)]) == []
    assert site.look(10, [(1, 290)]) == [{"boot-1": [(1, 290)]}]


def test_a_backfill_without_end_is_reviewed_after_a_quarter_of_an_hour() -> None:
    site = Site()
    site.look(70, [])
    due = [found for n in range(1, 95) for found in site.look(10, [(1, 10 * n)])]
    assert due
    # What came within the last minute may just have been evaluated: it is not among them.
    assert due[0]["boot-1"][0][1] < 10 * 91


def test_frames_at_the_live_end_are_no_growth_and_are_not_due() -> None:
    site = Site()
    site.look(70, [])
    for n in range(1, 6):
        assert site.look(10, [(5, 9), (100 * n, 100 * n + 9)], evaluated_to=100 * n - 1) == []
    due = site.look(20, [(5, 9), (600, 609)], evaluated_to=599)
    assert due[-1] == {"boot-1": [(5, 9)]}


def test_without_an_analyzer_nothing_is_late() -> None:
    site = Site()
    site.look(70, [])
    site.away = True
    assert site.look(MOST + 100, [(5, 9)]) == []
    site.away = False
    assert site.look(50, [(5, 9)]) == [], "it may just be working off what it had queued"
    assert site.look(30, [(5, 9)])


def test_an_analyzer_behind_its_queue_is_as_good_as_away() -> None:
    site = Site()
    site.look(70, [])
    site.behind_s = 30.0
    assert site.look(200, [(5, 9)]) == []


def test_what_was_reviewed_meanwhile_is_forgotten() -> None:
    site = Site()
    site.look(70, [])
    site.look(50, [(5, 9)])
    site.look(10, [])
    assert site.look(50, [(5, 9)]) == [], "late anew: it begins anew"


def test_after_the_record_could_not_be_read_it_is_looked_at_for_a_minute_first() -> None:
    site = Site()
    site.look(70, [])
    site.look(50, [(5, 9)])
    site.backlog.forget()
    assert not site.backlog.steady(site.now)
    assert site.look(60, [(5, 9)]) == []
    assert site.look(10, [(5, 9)]) == [{"boot-1": [(5, 9)]}]
    assert site.backlog.steady(site.now)
