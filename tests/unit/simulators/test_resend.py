"""The resend rule, as scripts."""

import pytest

from simulators.resend import Outstanding, Run
from telemetry.wire.payloads import BootReceipt, Receipt


def receipt(text: str) -> Receipt:
    """`a:5,8-9 b:2` is boot a up to 5 and 8 to 9, boot b up to 2."""
    boots = []
    for part in text.split():
        boot, _, rest = part.partition(":")
        upto, *ranges = rest.split(",")
        pairs = [(int(first), int(last)) for first, last in (r.split("-") for r in ranges)]
        boots.append(BootReceipt(boot=boot, upto=int(upto), ranges=pairs))
    return Receipt(boots=boots)


def play(script: str) -> str:
    """
    Play a script and give what was sent again, as `seq` of boot a or `boot:seq` of another.

    `+3` makes three frames of boot a (`+b3` of boot b), `up` is a reconnect, `[a:5]` a receipt, `>` sends all
    that is due, `>1` one of it, `|` marks the place in the answer.
    """
    device, made, sent = Outstanding(), {"a": 0, "b": 0}, []
    for word in script.replace("[", " [").split():
        if word.startswith("+"):
            boot = "b" if word[1] == "b" else "a"
            for _ in range(int(word.lstrip("+b"))):
                made[boot] += 1
                device.add(boot, made[boot])
        elif word == "up":
            device.reconnected()
        elif word.startswith("["):
            device.receive(receipt(word.strip("[]").replace(";", " ")))
        elif word == "|":
            sent.append("|")
        else:
            most = int(word[1:] or 999)
            while most and (key := device.take()) is not None:
                most -= 1
                sent.append(str(key[1]) if key[0] == "a" else f"{key[0]}:{key[1]}")
    return " ".join(sent)


@pytest.mark.parametrize(
    ("script", "sent"),
    [
        # Nothing is due for being unreceipted, however long.
        ("+9 >", ""),
        ("+9 [a:4] >", ""),
        # A hole below the highest receipted seq is due, what lies above it is not.
        ("+9 [a:2,5-6] >", "3 4"),
        ("+9 [a:0,9-9] >", "1 2 3 4 5 6 7 8"),
        # The same hole is not due again by the next receipt, nor by ten of them.
        ("+9 [a:2,5-6] > | [a:2,5-6] > [a:2,5-9] >", "3 4 |"),
        ("+9 [a:2,5-6] >1 [a:2,5-6] >", "3 4"),
        # After a reconnect everything unreceipted is due once.
        ("+3 up > | > up >", "1 2 3 | 1 2 3"),
        ("+5 [a:2] up >", "3 4 5"),
        # A hole that waits for its turn is not forgotten by a reconnect.
        ("+9 [a:2,5-6] up >", "3 4 7 8 9"),
        # What gets its receipt before its turn is not sent.
        ("+5 up >1 [a:4] >", "1 5"),
        # A late frame that was lost is told by a later late frame that is stored.
        ("+9 [a:0,9-9] > | [a:0,3-9] >", "1 2 3 4 5 6 7 8 | 1 2"),
        ("+9 [a:0,9-9] > | [a:0,1-2,9-9] >", "1 2 3 4 5 6 7 8 |"),
        # Frames of an earlier boot go first, and their holes are their own.
        ("+2 +b2 up >", "1 2 b:1 b:2"),
        ("+4 +b4 [a:1,3-3;b:4] >", "2"),
        # New frames after a reconnect are live; a receipt for them alone makes no old one due twice.
        ("+3 up > | +3 [a:0,4-6] >", "1 2 3 |"),
        # A receipt for a boot that nobody knows.
        ("+2 [zz:9] >", ""),
    ],
)
def test_resend(script: str, sent: str) -> None:
    assert play(script) == sent


def test_a_receipt_gives_the_runs_that_may_be_forgotten() -> None:
    device = Outstanding()
    for seq in range(1, 11):
        device.add("a", seq)
    assert device.receive(receipt("a:3,5-6,9-9")) == [Run("a", 1, 3), Run("a", 5, 6), Run("a", 9, 9)]
    assert device.receive(receipt("a:3,5-6,9-9")) == []
    assert len(device) == 4
    assert device.due == 4 - 1
    assert device.receive(receipt("a:10")) == [Run("a", 4, 4), Run("a", 7, 8), Run("a", 10, 10)]
    assert (len(device), device.due) == (0, 0)


def test_what_the_journal_dropped_is_not_sent_again() -> None:
    device = Outstanding()
    for seq in (1, 2, 3):
        device.add("a", seq)
    device.reconnected()
    device.forget("a", 2)
    assert [device.take(), device.take(), device.take()] == [("a", 1), ("a", 3), None]
    assert len(device) == 2


def test_an_outage_is_not_multiplied() -> None:
    """An hour without receipts, then one for everything: each frame was sent again at most once a reconnect."""
    device, resent = Outstanding(), 0
    for seq in range(1, 3601):
        device.add("a", seq)
        if seq in (1000, 2000):
            device.reconnected()
        while device.take() is not None:
            resent += 1
    assert resent == 1000 + 2000
