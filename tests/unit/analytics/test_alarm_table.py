"""
Every cell of the table of alarm states, for each who listens and whether it latches; and the pages made of it.

What is expected is written out here once more, by hand and by ISA-18.2, so that a slip in the table is seen.
"""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from analytics import alarms
from scripts import alarm_docs
from telemetry.model import Signal, State

# One row a state, one letter a signal, in the order of `Signal`:
# raise escalate clear re_alarm acknowledge reset shelve unshelve suppress unsuppress disable enable. `.` is ignored.
LETTERS = {
    "N": State.NORMAL, "U": State.UNACKNOWLEDGED, "A": State.ACKNOWLEDGED, "R": State.RETURNED,
    "L": State.LATCHED_UNACKNOWLEDGED, "K": State.LATCHED_ACKNOWLEDGED, "H": State.SHELVED, "S": State.SUPPRESSED,
    "D": State.DISABLED,
}  # fmt: skip
USUAL = {
    "N": "U.....H.S.D.",
    "U": ".UR.A.H.S.D.",
    "A": "UUNU..H.S.D.",
    "R": "U...N.H...D.",
    "L": "U...K.....D.",
    "K": "U....N....D.",
    "H": ".......N..D.",
    "S": ".SN...H..UD.",
    "D": "...........N",
}
# Where they differ: (state, signal) to the state, for an alarm that latches and for one of the cab alone.
LATCHING = {("U", Signal.CLEAR): "L", ("A", Signal.CLEAR): "K"}
CAB_ALONE = {("N", Signal.RAISE): "A", ("S", Signal.UNSUPPRESS): "A", ("A", Signal.RE_ALARM): "."}

CELLS = [
    (letter, signal, attended, latch)
    for letter in LETTERS for signal in Signal for attended in (True, False) for latch in (False, True)
]  # fmt: skip


@pytest.mark.parametrize(("letter", "signal", "attended", "latch"), CELLS)
def test_every_cell(letter: str, signal: Signal, attended: bool, latch: bool) -> None:
    expected = USUAL[letter][list(Signal).index(signal)]
    if latch:
        expected = LATCHING.get((letter, signal), expected)
    if not attended:
        expected = CAB_ALONE.get((letter, signal), expected)
    found = alarms.after(LETTERS[letter], signal, attended=attended, latch=latch)
    assert found is LETTERS.get(expected), f"{LETTERS[letter]} {signal}"


def test_there_is_a_cell_for_every_state_and_signal() -> None:
    assert len(CELLS) == len(State) * len(Signal) * 4
    assert set(LETTERS.values()) == set(State)
    assert {len(row) for row in USUAL.values()} == {len(Signal)}


# The pages


def test_the_pages_are_those_of_the_code() -> None:
    for path, text in alarm_docs.outputs().items():
        assert path.read_text("utf-8") == text, f"{path.name}: run python -m scripts.alarm_docs"


def test_a_page_that_is_not_current_fails_the_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarm_docs, "outputs", lambda: {alarm_docs.DOCS / "nothing.md": "x"})
    monkeypatch.setattr("sys.argv", ["alarm_docs", "--check"])
    assert alarm_docs.main() == 1


def test_the_table_on_the_page_has_every_cell_and_no_other() -> None:
    rows = [line.split("|")[1:-1] for line in alarm_docs.table().splitlines()[2:]]
    by_words = {" ".join(words): state for state, words in alarm_docs.STATES.items()}
    assert len(rows) == len(Signal)
    for signal, row in zip(Signal, rows, strict=True):
        assert signal.value.replace("_", "-") in row[0]
        for state, text in zip(State, row[1:], strict=True):
            usual, *others = text.strip().split("<br>")
            assert by_words.get(usual) is alarms.after(state, signal)
            told = {other.split(": ")[0].split(" ", 1)[1]: by_words.get(other.split(": ")[1]) for other in others}
            for variant in alarm_docs.VARIANTS[1:3]:
                goes = alarms.after(state, signal, attended=variant.attended, latch=variant.latch)
                assert told.get(variant.en, by_words.get(usual)) is goes


def test_the_picture_draws_or_names_every_change_and_is_whole() -> None:
    svg = alarm_docs.IMAGE.read_text("utf-8")
    root = ElementTree.fromstring(svg)  # noqa: S314 - our own file
    texts = [text.text or "" for text in root.iter("{http://www.w3.org/2000/svg}text")]
    for zh, en in alarm_docs.STATES.values():
        assert {zh, en} <= set(texts)
    pairs = {(one.of, one.to) for one in alarm_docs.arrows()}
    all_cells = ((s, alarms.after(s, g, attended=a, latch=k)) for s in State for g in Signal
                 for a in (True, False) for k in (True, False))  # fmt: skip
    assert pairs == {(str(state), str(to)) for state, to in all_cells if to is not None}
    drawn = len(re.findall(r'marker-end="url\(#tip\)"', svg))
    loops = sum(text.startswith("↻") for text in texts)
    assert drawn + loops <= len(pairs)
    assert drawn >= 15
