"""Rubbish of all kinds, in the suite: the seeds, what Hypothesis makes, and bounds of memory and time."""

import json
import time
import tracemalloc

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.kinds import KINDS
from telemetry.wire import frames
from tests.fuzz import corpus, targets

NAMES = [*KINDS["crane"].bit, *KINDS["formwork"].bit, "boot", "seq", "ts", "invalid", "samples", "x"]
LEAF = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.sampled_from([corpus.BOOT, "parked", "\x00", "塔", 1e39, -1e39, 2**53, 2**53 - 1, 1_800_000_000_000, 10**15])
    | st.text(max_size=40)
)
TREE = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner), max_leaves=12
)
BASES = [{}, corpus.good("crane"), corpus.good("formwork")]
BODY = st.builds(
    lambda base, change: {**base, **change},
    st.sampled_from(BASES), st.dictionaries(st.sampled_from(NAMES), TREE, max_size=4),
)  # fmt: skip
# The codec answers a topic that is no UTF-8 with a panic, and leaves an exception behind that nobody can catch.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.mark.parametrize("target", targets.TARGETS)
def test_every_seed_is_taken_or_refused(target: str) -> None:
    for seed in corpus.seeds():
        targets.TARGETS[target](seed)


@pytest.mark.parametrize("target", targets.TARGETS)
@settings(deadline=None)
@given(data=st.binary(max_size=400))
def test_any_bytes_are_taken_or_refused(target: str, data: bytes) -> None:
    targets.TARGETS[target](data)


@settings(deadline=None)
@given(seed=st.sampled_from(list(corpus.seeds())), at=st.floats(0, 1), cut=st.booleans(), byte=st.integers(0, 255))
def test_a_good_message_that_was_cut_or_changed_is_taken_or_refused(
    seed: bytes, at: float, cut: bool, byte: int
) -> None:
    place = int(at * len(seed))
    data = seed[:place] if cut else seed[:place] + bytes([byte]) + seed[place + 1 :]
    for target in targets.TARGETS.values():
        target(data)


@settings(deadline=None, max_examples=300)
@given(body=BODY, number=st.integers(0, 13))
def test_any_fields_of_any_type_are_taken_or_refused(body: dict[str, object], number: int) -> None:
    for data in (json.dumps(body).encode(), msgspec.msgpack.encode(body)):
        targets.frame(data)
        targets.payload(data)
        targets.services(bytes([number]) + data)


@pytest.mark.parametrize(
    "bomb",
    [
        b'{"x":' + b"[" * 65_000, b'{"x":[' + b'{"a":1},' * 8_000 + b"{}]}", b"\x81\xa1x" + b"\x91" * 65_000,
        b'{"samples":[' + b"{}," * 20_000 + b"{}]}", b'{"invalid":[' + b'"load_t",' * 7_000 + b'"load_t"]}',
        b"{" + b'"load_t":1,' * 5_900 + b'"ts":1}', b'{"ts":' + b"9" * 65_000 + b"}", b"\xdd\x7f\xff\xff\xff" * 13_000,
        b'{"operator":"' + b"\\u0000" * 10_000 + b'"}', b" " * 65_536, b"\x00" * 65_536,
    ],
)  # fmt: skip
def test_a_bomb_costs_no_more_than_its_size_allows(bomb: bytes) -> None:
    # 100 bytes of memory a byte and a fraction of a second: a stated bound, not a speed.
    tracemalloc.start()
    began = time.process_time()
    try:
        targets.services(b"\x00" + bomb)
        used = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert used < 100 * frames.MAX_BYTES
    assert time.process_time() - began < 2.0
