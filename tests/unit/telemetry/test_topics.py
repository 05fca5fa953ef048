"""The topic grammar: what is built is parsed, what is not ours is refused."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.errors import WireError
from telemetry.wire import topics
from telemetry.wire.topics import LEAVES, Lane, Leaf

ids = st.from_regex(r"[a-z0-9-]{1,64}", fullmatch=True)


@given(ids, ids, ids, st.sampled_from([(lane, leaf) for lane, leaves in LEAVES.items() for leaf in leaves]), ids)
def test_what_is_built_is_parsed(site: str, kind: str, device: str, way: tuple[Lane, Leaf], rule: str) -> None:
    lane, leaf = way
    given_rule = rule if leaf is Leaf.ALARM else None
    text = topics.build(site, kind, device, lane, leaf, given_rule)
    parsed = topics.parse(text)
    assert (parsed.site, parsed.kind, parsed.device, parsed.lane, parsed.leaf, parsed.rule) == (
        site, kind, device, lane, leaf, given_rule
    )  # fmt: skip
    assert str(parsed) == text


@pytest.mark.parametrize(
    "topic",
    [
        "", "cw/v1", "cw/v2/s/crane/d/up/reading", "cw/v1/S/crane/d/up/reading", "cw/v1/s/crane/d/up/receipt",
        "cw/v1/s/crane/d/late/event", "cw/v1/s/crane/d/down/alarm", "cw/v1/s/crane/d/up/reading/x",
        "cw/v1/s/crane//up/reading", f"cw/v1/s/crane/{'d' * 65}/up/reading", "cw/v1/s/crane/d/sideways/reading",
        "cw/v1/s/crane/d\n/up/reading",
    ],
)  # fmt: skip
def test_what_is_not_of_the_contract_is_refused(topic: str) -> None:
    with pytest.raises(WireError):
        topics.parse(topic)


@given(st.text(max_size=60))
def test_whatever_text_comes_only_a_wire_error_leaves(topic: str) -> None:
    with contextlib.suppress(WireError):
        assert str(topics.parse(topic)) == topic


def test_an_id_outside_the_grammar_is_not_built() -> None:
    with pytest.raises(ValueError, match="is not of"):
        topics.build("Site", "crane", "d", Lane.UP, Leaf.READING)


def test_the_tick_passes_through_the_filter_of_devices() -> None:
    pattern = topics.filters((), "up/+")[0].split("/")
    assert all(p in ("+", t) for p, t in zip(pattern, topics.tick(0).split("/"), strict=True))


@pytest.mark.parametrize("rule", ["", "Moment", "a b", "x" * 65])
def test_an_alarm_of_no_rule_is_no_topic(rule: str) -> None:
    with pytest.raises(WireError):
        topics.parse(f"cw/v1/s/crane/c/down/alarm/{rule}")
