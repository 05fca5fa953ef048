"""Receipts: due when the ledger grew, at most one per device in five seconds."""

from ingest.receipts import INTERVAL_S, MAX_AT_ONCE, ReceiptBook


def test_a_device_is_due_once_its_ledger_has_grown() -> None:
    book = ReceiptBook()
    assert book.due(0.0) == []
    book.changed({7})
    assert book.due(0.0) == [7]
    book.sent(7, 0.0)
    assert book.due(100.0) == []


def test_not_more_than_one_receipt_in_five_seconds() -> None:
    book = ReceiptBook()
    book.changed({7})
    book.sent(7, 0.0)
    book.changed({7})
    assert book.due(INTERVAL_S - 0.1) == []
    assert book.due(INTERVAL_S) == [7]


def test_whoever_waits_longest_comes_first_and_nobody_is_forgotten() -> None:
    book = ReceiptBook()
    everyone = set(range(MAX_AT_ONCE + 10))
    book.changed(everyone)
    first = book.due(0.0)
    assert len(first) == MAX_AT_ONCE
    for device in first:
        book.sent(device, 0.0)
    book.changed(everyone)
    assert set(book.due(INTERVAL_S)[:10]) == everyone - set(first)


def test_what_is_stored_while_a_receipt_is_on_its_way_gets_one_of_its_own() -> None:
    book = ReceiptBook()
    book.changed({7})
    assert book.due(0.0) == [7]
    book.changed({7})
    book.sent(7, 0.0)
    assert book.due(INTERVAL_S) == [7]
    book.sent(7, INTERVAL_S)
    assert book.due(100.0) == []
