"""Messages into items: one item a message, in order, and nothing is raised."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ingest.intake import Intake, quarantined
from telemetry.consumer import Message
from telemetry.errors import Refusal
from telemetry.storage.items import Noted, Reading, Refused
from telemetry.wire import payloads

TOPIC = "cw/v1/s/crane/c-1/up/reading"
FRAME = b'{"boot":"5f2c77e01b9d4a36","seq":7,"ts":1,"load_t":3.2}'


def one(topic: str, payload: bytes) -> object:
    items = Intake().items([Message(topic, payload)])
    return items[0] if items else None


def test_a_frame_is_a_reading() -> None:
    item = one(TOPIC, FRAME)
    assert isinstance(item, Reading)
    assert item.frame.seq == 7


def test_a_broken_frame_keeps_its_identity_so_that_it_is_receipted() -> None:
    item = one(TOPIC, b'{"boot":"5f2c77e01b9d4a36","seq":7,"ts":1,"load_t":"x"}')
    assert isinstance(item, Refused)
    assert (item.reason, item.identity) == (Refusal.INVALID, ("5f2c77e01b9d4a36", 7))


def test_a_topic_of_nobody_is_refused_with_its_text() -> None:
    item = one("cw/v1/S/crane/c-1/up/reading", FRAME)
    assert isinstance(item, Refused)
    assert (item.reason, item.raw_topic, item.topic) == (Refusal.TOPIC, "cw/v1/S/crane/c-1/up/reading", None)


def test_our_own_ticks_receipts_and_cleared_alarms_pass_by() -> None:
    assert one("cw/v1/_own/analyze/p0/up/tick", b"{}") is None
    assert one("cw/v1/s/crane/c-1/down/receipt", b"{}") is None
    assert one("cw/v1/s/crane/c-1/down/coverage", b"") is None


def test_every_other_leaf_becomes_a_note() -> None:
    item = one("cw/v1/s/crane/c-1/up/presence", b'{"online":false}')
    assert isinstance(item, Noted)
    assert item.note == payloads.Presence(online=False)


def test_what_the_database_refuses_keeps_its_bytes_and_the_databases_words() -> None:
    item = one(TOPIC, FRAME)
    assert isinstance(item, Reading)
    refused = quarantined(item, "22003: out of range")
    assert (refused.reason, refused.detail, refused.payload) == (Refusal.DATABASE, "22003: out of range", FRAME)
    assert refused.identity == ("5f2c77e01b9d4a36", 7)


@given(st.lists(st.tuples(st.text(max_size=40) | st.just(TOPIC), st.binary(max_size=60)), max_size=8))
def test_whatever_comes_is_one_item_each_and_nothing_is_raised(messages: list[tuple[str, bytes]]) -> None:
    sent = [Message(topic, payload) for topic, payload in messages if not topic.startswith("cw/v1/_own/")]
    items = Intake().items(sent)
    assert len(items) == len(sent)
    for message, item in zip(sent, items, strict=True):
        assert item.payload == message.payload


def test_a_frame_round_trips_through_messagepack_too() -> None:
    body = msgspec.msgpack.encode(msgspec.json.decode(FRAME))
    assert isinstance(one(TOPIC, body), Reading)


def test_an_undeclared_kind_is_refused_whatever_the_message_is() -> None:
    item = one("cw/v1/s/cranes/c-1/up/presence", b'{"online":true}')
    assert isinstance(item, Refused)
    assert item.reason is Refusal.KIND


def test_the_analyzers_alarms_about_itself_are_recorded() -> None:
    coverage = b'{"at":1,"level":"monitored","hazards":{}}'
    assert isinstance(one("cw/v1/s/analyzer/p0/down/coverage", coverage), Noted)
    assert isinstance(one("cw/v1/s/analyzer/p0/up/presence", b'{"online":true}'), Refused)
    answer = b'{"id":"response-1","action":"acknowledge","at":1800000000000,"who":"li","rule":"flood"}'
    assert isinstance(one("cw/v1/s/analyzer/p0/up/response", answer), Noted)
