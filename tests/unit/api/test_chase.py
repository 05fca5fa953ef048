"""The number to resume from and what a client lacks, as scripts of what is seen."""

from api.live.chase import Arrivals, Watermark
from api.live.hub import Hub, Interest, Mailbox, Message, Type
from telemetry.storage.alarms import Horizon, Recorded


def row(position: int, id_: str) -> Recorded:
    return Recorded(position, "s", "crane", "c-1", id_, {})


def box(hub: Hub, since: int | None = None) -> Mailbox:
    return hub.open(Interest(), lambda _: None, since=since)


def live(hub: Hub, arrivals: Arrivals, id_: str) -> None:
    hub.publish(Message(Type.TRANSITION, "s", "crane", "c-1", id_))
    arrivals.note(id_, hub.published)


def test_a_position_is_final_when_all_that_could_write_below_it_have_ended() -> None:
    mark = Watermark()
    assert mark.see(Horizon(last=7, low=100, high=101)) is None
    # Transaction 100 is still open: it may hold a position below 7.
    assert mark.see(Horizon(last=9, low=100, high=103)) is None
    assert mark.see(Horizon(last=9, low=102, high=103)) == 7
    assert mark.see(Horizon(last=9, low=103, high=103)) == 9


def test_an_empty_record_has_a_number_too() -> None:
    mark = Watermark()
    assert mark.see(Horizon(0, 5, 5)) is None
    assert mark.see(Horizon(0, 5, 5)) == 0


def test_a_record_out_of_a_backup_begins_anew() -> None:
    mark = Watermark()
    for _ in range(2):
        mark.see(Horizon(50, 10, 10))
    assert mark.position == 50
    assert mark.see(Horizon(3, 20, 20)) is None
    assert mark.see(Horizon(4, 20, 20)) == 3


def test_who_has_had_a_transition_live_does_not_get_it_again() -> None:
    hub, arrivals = Hub(clients_max=9, mailbox=8), Arrivals()
    before, resuming_before = box(hub), box(hub, since=1)
    live(hub, arrivals, "t-1")
    resumed, ahead, anew = box(hub, since=1), box(hub, since=5), box(hub)
    found = arrivals.lacking(row(5, "t-1"), (before, resuming_before, resumed, ahead, anew))
    assert found == [resumed]


def test_what_never_came_live_goes_to_all_but_those_who_have_it() -> None:
    hub, arrivals = Hub(clients_max=9, mailbox=8), Arrivals()
    anew, behind, ahead = box(hub), box(hub, since=4), box(hub, since=5)
    assert arrivals.lacking(row(5, "t-1"), (anew, behind, ahead)) == [anew, behind]


def test_what_came_too_long_ago_to_be_remembered_is_sent_twice_and_not_never() -> None:
    hub, arrivals = Hub(clients_max=9, mailbox=8), Arrivals(limit=2)
    mine = box(hub)
    for n in range(3):
        live(hub, arrivals, f"t-{n}")
    assert arrivals.lacking(row(1, "t-0"), (mine,)) == [mine]
    assert arrivals.lacking(row(2, "t-1"), (mine,)) == []
