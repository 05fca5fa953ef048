"""From messages to inputs: the same batch gives the same, and rubbish costs itself."""

from unittest.mock import Mock

import pytest

from analytics.engine import Engine
from analytics.intake import Intake
from telemetry.wire import payloads, topics
from telemetry.wire.payloads import DeviceConfig, SiteConfig, Tick
from tests.helpers.site import CHART, START

TICK = topics.tick(0)
READING = "cw/v1/site/crane/c1/up/reading"


def frame(seq: int, load: float) -> bytes:
    ts = START + 1000 * seq
    return b'{"boot":"boot-0001","seq":%d,"ts":%d,"load_t":%.2f,"radius_m":42.0,"falls":2}' % (seq, ts, load)


def test_a_batch_is_taken_in_order_configuration_between_frames() -> None:
    intake = Intake(Engine(), TICK)
    config = payloads.encode(DeviceConfig(version=1, charts=[CHART]))
    taken = intake.apply(
        START,
        [(READING, frame(1, 9.0)), ("cw/v1/site/crane/c1/down/config", config), (READING, frame(2, 9.0))],
    )
    assert [(t.rule, t.cause.seq) for t in taken.outcome.transitions] == [("moment", 2)]
    assert dict(taken.leaves) == {"reading": 2, "config": 1}


def test_rubbish_is_counted_by_reason_and_the_rest_is_taken() -> None:
    intake = Intake(Engine(), TICK)
    taken = intake.apply(
        START,
        [
            (READING, b"{"), (READING, frame(1, 1.0)), ("cw/v1/site/boat/c1/up/reading", b"{}"),
            ("cw/v1/SITE/crane/c1/up/reading", b"{}"), ("cw/v1/SITE/config", b"{}"), (TICK, b"[]"), ("x", b""),
            ("cw/v1/site/crane/c1/up/event", b'{"id":"1","type":"party","ts":1}'), (READING, frame(2, 1.0)),
        ],
    )  # fmt: skip
    assert taken.outcome.samples == 2
    assert dict(taken.ignored) == {"malformed": 1, "kind": 1, "topic": 3, "invalid": 2}


def test_a_tick_is_known_by_its_topic_before_any_other_meaning() -> None:
    intake = Intake(Engine(), TICK)
    taken = intake.apply(START + 5, [(TICK, payloads.encode(Tick(at=START, run="r", n=1)))])
    assert dict(taken.leaves) == {"tick": 1}
    assert intake.engine.now == START


def test_a_configuration_that_was_taken_away_changes_nothing() -> None:
    intake = Intake(Engine(), TICK)
    intake.apply(
        START, [("cw/v1/site/config", payloads.encode(SiteConfig(version=1, profile="uk"))), ("cw/v1/site/config", b"")]
    )
    intake.apply(START, [(READING, frame(1, 1.0)), ("cw/v1/site/crane/c1/down/config", b"")])
    assert intake.engine.fleets["crane"].limits[0].profile.name == "uk"


def test_a_defect_costs_its_batch_which_counts_as_not_evaluated_and_nothing_after_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    intake = Intake(Engine(), TICK)
    engine, other = intake.engine, READING.replace("c1", "c2")
    intake.apply(START, [(READING, frame(n, 1.0)) for n in range(1, 4)])
    crane = engine.fleets["crane"]
    with monkeypatch.context() as broken:
        broken.setattr(crane, "_waves", Mock(side_effect=ZeroDivisionError))
        taken = intake.apply(START, [(READING, frame(4, 9.0)), (other, frame(1, 9.0)), (READING, frame(5, 9.0))])
    assert dict(taken.ignored) == {"failed": 1}
    assert "failed on 3 frames" in caplog.text
    assert engine.ourselves.doubt == "failed"
    intake.apply(START, [(READING, frame(6, 1.0)), (other, frame(2, 1.0))])
    reports = {row.key[2]: row.cursor.evaluated(row.boot, row.seq) for row in crane.devices}
    assert reports["c1"] == payloads.Evaluated(boots={"boot-0001": [(1, 3), (6, 6)]})
    assert reports["c2"] == payloads.Evaluated(boots={"boot-0001": [(2, 2)]})
