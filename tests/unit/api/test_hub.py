"""Fan-out as scripts of what comes in."""

import pytest

from api.live.hub import Hub, HubFull, Interest, Mailbox, Message, Type


def message(type_: Type, text: str, *, site: str = "s", device: str = "d") -> Message:
    return Message(type_, site, "crane" if device else "", device, text)


def box(hub: Hub, interest: Interest | None = None) -> Mailbox:
    return hub.open(interest or Interest(), lambda _: None)


def texts(mailbox: Mailbox) -> list[str]:
    return [one.text for one in mailbox.take()]


def test_a_slow_client_gets_the_latest_reading_and_every_alarm_in_order() -> None:
    hub = Hub(clients_max=2, mailbox=8)
    mine = box(hub)
    for n in range(100):
        hub.publish(message(Type.READING, f"reading {n}"))
        if n % 25 == 0:
            hub.publish(message(Type.ALARM, f"alarm {n}"))
    assert texts(mine) == ["alarm 0", "alarm 25", "alarm 50", "alarm 75", "reading 99"]
    assert texts(mine) == []


def test_readings_of_two_devices_do_not_replace_each_other() -> None:
    hub = Hub(clients_max=1, mailbox=8)
    mine = box(hub)
    hub.publish(message(Type.READING, "a", device="a"))
    hub.publish(message(Type.READING, "b", device="b"))
    hub.publish(message(Type.COVERAGE, "coverage of b", device="b"))
    assert texts(mine) == ["a", "b", "coverage of b"]


def test_alarms_are_never_dropped_silently() -> None:
    hub = Hub(clients_max=2, mailbox=3)
    slow, quick = box(hub), box(hub)
    for n in range(4):
        hub.publish(message(Type.TRANSITION, str(n)))
        if n < 3:
            assert texts(quick) == [str(n)]
    assert slow.closed is not None
    assert "too slow" in slow.closed
    assert len(slow) == 0
    assert texts(quick) == ["3"]
    assert quick.closed is None
    assert (len(hub), hub.slow) == (1, 1)


def test_readings_alone_never_close_a_mailbox() -> None:
    hub = Hub(clients_max=1, mailbox=8)
    mine = box(hub)
    for n in range(10_000):
        hub.publish(message(Type.READING, str(n), device=f"d{n % 20}"))
    assert mine.closed is None
    assert len(mine) == 20


@pytest.mark.parametrize(
    ("interest", "wanted"),
    [
        (Interest(), "a/x b/y a/ /"),
        (Interest(sites=frozenset({"a"})), "a/x a/ /"),
        (Interest(devices=frozenset({"y"})), "b/y a/ /"),
        (Interest(sites=frozenset({"a"}), devices=frozenset({"y"})), "a/ /"),
    ],
)
def test_a_client_gets_what_it_asked_for_and_what_concerns_all(interest: Interest, wanted: str) -> None:
    hub = Hub(clients_max=1, mailbox=8)
    mine = box(hub, interest)
    for site, device in (("a", "x"), ("b", "y"), ("a", ""), ("", "")):
        hub.publish(message(Type.ALARM, f"{site}/{device}", site=site, device=device))
    assert " ".join(texts(mine)) == wanted


def test_the_client_too_many_is_refused_until_one_leaves() -> None:
    hub = Hub(clients_max=1, mailbox=8)
    first = box(hub)
    with pytest.raises(HubFull, match="1 live clients"):
        box(hub)
    hub.leave(first)
    hub.leave(first)
    assert box(hub).closed is None


def test_stopping_tells_every_client_why() -> None:
    hub = Hub(clients_max=2, mailbox=8)
    boxes = [box(hub), box(hub)]
    hub.close("the server stops")
    assert [one.closed for one in boxes] == ["the server stops"] * 2
    assert len(hub) == 0


def test_what_comes_to_a_closed_mailbox_is_not_kept() -> None:
    woken = []
    hub = Hub(clients_max=1, mailbox=8)
    mine = hub.open(Interest(), lambda _: woken.append(1))
    mine.close("gone")
    mine.put(message(Type.ALARM, "late"))
    assert len(mine) == 0
    assert woken == [1]
