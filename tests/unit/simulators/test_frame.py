"""Framing and boots."""

from simulators.boots import Boots
from simulators.frame import Framer
from telemetry.wire import frames

SAMPLE = {"ts": 1_800_000_000_000, "force_kn": 3.5, "pouring": True, "invalid": ["settle_mm"]}


def test_one_sample_is_one_flat_frame_numbered_from_one() -> None:
    framer = Framer("formwork", "0123456789abcdef")
    first, second = framer.add(SAMPLE), framer.add(SAMPLE)
    assert first is not None
    assert second is not None
    assert (first[0], second[0]) == (1, 2)
    frame = frames.decode("formwork", first[1])
    assert (frame.boot, frame.seq, frame.ts, frame.invalid) == ("0123456789abcdef", 1, SAMPLE["ts"], ["settle_mm"])


def test_many_samples_wait_for_a_full_frame_and_the_rest_can_be_flushed() -> None:
    framer = Framer("formwork", "0123456789abcdef", 3)
    framed = [framer.add({**SAMPLE, "ts": SAMPLE["ts"] + n}) for n in range(4)]  # type: ignore[operator]  # an int
    assert [f is not None for f in framed] == [False, False, True, False]
    assert framed[2] is not None
    samples = frames.decode("formwork", framed[2][1]).samples
    assert samples is not None
    assert len(samples) == 3
    rest = framer.flush()
    assert rest is not None
    assert rest[0] == 2
    assert framer.flush() is None


def test_messagepack_says_the_same() -> None:
    json, pack = Framer("formwork", "0123456789abcdef"), Framer("formwork", "0123456789abcdef", msgpack=True)
    one, other = json.add(SAMPLE), pack.add(SAMPLE)
    assert one is not None
    assert other is not None
    assert one[1] != other[1]
    assert frames.decode("formwork", one[1]) == frames.decode("formwork", other[1])


def test_boots_follow_from_seed_run_and_device_and_never_repeat() -> None:
    assert Boots(7, 0, "crane-1").next() == Boots(7, 0, "crane-1").next()
    found = [
        boots.next()
        for seed in range(5)
        for run in range(5)
        for boots in (Boots(seed, run, "crane-1"), Boots(seed, run, "crane-2"))
        for _ in range(4)
    ]
    assert len(set(found)) == len(found) == 200
    assert all(len(boot) == 16 and set(boot) <= set("0123456789abcdef") for boot in found)
