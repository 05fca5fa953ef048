"""What is written down about rules, against the rules that there are."""

import string

import pytest

from analytics.rulebook import LONG, RULEBOOK
from analytics.rulebook.observed import OBSERVED
from analytics.texts import CONFIGURED, process
from telemetry import profiles
from telemetry.kinds import KINDS

RULES = [(kind, rule) for kind, rules in RULEBOOK.items() for rule in rules]


@pytest.mark.parametrize("name", profiles.names())
def test_every_rule_of_a_profile_has_its_words_and_every_word_its_rule(name: str) -> None:
    for kind, rules in profiles.load(name).rules.items():
        assert set(rules) <= set(RULEBOOK[kind])
    assert set(profiles.load("cn").rules) == set(RULEBOOK)


@pytest.mark.parametrize(("kind", "rule"), RULES)
def test_a_sentence_is_whole_in_both_languages_and_an_action_is_one(kind: str, rule: str) -> None:
    for step in profiles.load("cn").rules[kind][rule].steps:
        text, action = process(kind, rule, profiles.STEPS[step], 1.5, 2.0, "m", (600.0, 1200.0))
        for words in (text, action):
            assert words.zh
            assert words.en
            assert not set("{}") & set(words.zh + words.en)
        assert not set(text.zh) <= set(string.printable), "Chinese"
        assert "safe" not in text.en.lower().replace("safety", "")


@pytest.mark.parametrize(("kind", "rule"), RULES)
def test_what_a_rule_needs_is_something_that_there_is(kind: str, rule: str) -> None:
    needs = RULEBOOK[kind][rule].needs
    names = {channel.name for channel in KINDS[kind].channels}
    assert {*needs.every, *needs.either} <= names
    assert set(needs.config) <= set(CONFIGURED)
    if needs.learned:
        assert rule in LONG[kind], "what is learned over weeks is not judged by a review of an hour"


def test_observed_rules_are_no_rules_on_readings() -> None:
    for rules in RULEBOOK.values():
        assert not set(rules) & set(OBSERVED)
