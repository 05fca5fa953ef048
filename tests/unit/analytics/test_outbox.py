"""What is kept until the broker has it."""

import asyncio
from typing import Any

from analytics import outbox
from analytics.outbox import Outbox


class ListPublisher:
    """Keeps what was published; the test confirms it, or not."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []
        self.futures: list[asyncio.Future[None]] = []

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> asyncio.Future[None]:
        self.sent.append((topic, payload))
        self.futures.append(asyncio.get_running_loop().create_future())
        return self.futures[-1]


def box(log: list[Any]) -> Outbox:
    return Outbox(lambda topic, error: log.append((topic, str(error))), lambda: log.append("dropped"))


async def test_an_entry_stays_until_it_is_confirmed_and_is_sent_again_after_a_lost_link() -> None:
    made, publisher = box([]), ListPublisher()
    numbers = [made.put("t", b"1", retain=False), made.put("t", b"2", retain=False)]
    for number in numbers:
        made.send(publisher, number, lambda error: False)
    publisher.futures[0].set_result(None)
    publisher.futures[1].set_exception(OSError("link lost"))
    await asyncio.sleep(0)
    assert made.entries() == [("t", b"2", False)]


async def test_a_final_refusal_is_said_and_not_repeated() -> None:
    log: list[Any] = []
    made, publisher = box(log), ListPublisher()
    made.send(publisher, made.put("t", b"1", retain=False), lambda error: True)
    publisher.futures[0].set_exception(OSError("not authorized"))
    await asyncio.sleep(0)
    assert made.entries() == []
    assert log == [("t", "not authorized")]


async def test_of_a_retained_topic_only_the_newest_state_is_kept_and_an_old_confirmation_does_not_remove_it() -> None:
    made, publisher = box([]), ListPublisher()
    made.send(publisher, made.put("alarm", b"old", retain=True), lambda error: False)
    made.put("alarm", b"new", retain=True)
    publisher.futures[0].set_result(None)
    await asyncio.sleep(0)
    assert made.entries() == [("alarm", b"new", True)]


def test_at_the_bound_the_oldest_goes_and_is_counted() -> None:
    log: list[Any] = []
    made = box(log)
    for k in range(outbox.MAX + 2):
        made.put("t", str(k).encode(), retain=False)
    assert len(made) == outbox.MAX
    assert log == ["dropped", "dropped"]
    assert made.entries()[0][1] == b"2"


async def test_what_was_confirmed_is_remembered_and_can_be_published_again_in_order() -> None:
    made, publisher = box([]), ListPublisher()
    for number, retain in ((b"1", False), (b"2", True), (b"3", False)):
        made.send(publisher, made.put(f"t/{number.decode()}", number, retain=retain), lambda error: False)
    for future in publisher.futures:
        future.set_result(None)
    await asyncio.sleep(0)
    assert made.entries() == []
    numbers = made.again()
    assert made.entries() == [("t/1", b"1", False), ("t/3", b"3", False)]
    assert made.still([0, *numbers]) == numbers
    assert made.again() == []


async def test_what_is_remembered_is_bounded_and_the_newest_stays(monkeypatch: Any) -> None:
    monkeypatch.setattr(outbox, "KEPT_BYTES", 25)
    made, publisher = box([]), ListPublisher()
    for number in range(5):
        made.send(publisher, made.put("t", b"%010d" % number, retain=False), lambda error: False)
        publisher.futures[-1].set_result(None)
    await asyncio.sleep(0)
    made.again()
    assert [payload for _, payload, _ in made.entries()] == [b"0000000003", b"0000000004"]
