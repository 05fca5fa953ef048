"""Tokens say who asks, and nothing once they are altered, of another key, or over."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest

from api.access import tokens
from api.access.standing import OUTAGE, Standing
from telemetry.roles import Principal, Role

NOW = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)
WHO = Principal("li.na", "李娜", "总包", frozenset({(Role.SAFETY_OFFICER, "demo")}), user_id=7, session_id="s1",
                language="zh")  # fmt: skip
KEY, OTHER = tokens.new_signing_key(), tokens.new_signing_key()


def test_a_token_says_who_it_was_issued_for() -> None:
    claims = tokens.read(tokens.issue(WHO, KEY, NOW), [OTHER, KEY])
    assert claims.principal == WHO
    assert (claims.issued, claims.expires) == (NOW, NOW + tokens.ACCESS)


def test_a_token_of_another_key_says_nothing() -> None:
    with pytest.raises(tokens.TokenRefused):
        tokens.read(tokens.issue(WHO, OTHER, NOW), [KEY])


def test_a_token_that_borrows_a_known_key_s_name_says_nothing() -> None:
    forged = tokens.SigningKey(KEY.key_id, OTHER.secret)
    with pytest.raises(tokens.TokenRefused):
        tokens.read(tokens.issue(WHO, forged, NOW), [KEY])


def test_a_token_that_was_altered_or_unsigned_says_nothing() -> None:
    head, body, sign = tokens.issue(WHO, KEY, NOW).split(".")
    said = json.loads(base64.urlsafe_b64decode(body + "=="))
    said["grants"] = [["admin", "*"]]
    raised = base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")
    none = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": KEY.key_id}).encode()).decode().rstrip("=")
    for text in (f"{head}.{raised}.{sign}", f"{none}.{raised}.", f"{head}.{body}.", "", "a.b.c", "x"):
        with pytest.raises(tokens.TokenRefused):
            tokens.read(text, [KEY])


def test_an_api_key_is_told_apart_from_a_token() -> None:
    assert tokens.split_api_key(tokens.api_key("k3v9x0q2m7ab", "se_cr-et")) == ("k3v9x0q2m7ab", "se_cr-et")
    for text in (tokens.issue(WHO, KEY, NOW), "cwk_short_secret", "cwk_k3v9x0q2m7ab_", "cwk_", ""):
        assert tokens.split_api_key(text) is None


def test_a_session_that_ended_and_rights_that_changed_take_tokens_with_them() -> None:
    standing = Standing()
    assert standing.believes(WHO, NOW)
    standing.heard({"s1"}, {})
    assert not standing.believes(WHO, NOW)
    standing.heard(set(), {7: NOW + timedelta(seconds=1)})
    assert not standing.believes(WHO, NOW)
    assert standing.believes(WHO, NOW + timedelta(seconds=2))


def test_a_token_lasts_longer_only_while_the_record_is_away() -> None:
    standing = Standing()
    issued, expires, later = NOW, NOW + tokens.ACCESS, NOW + timedelta(hours=1)
    assert standing.lasts(issued, expires, expires - timedelta(seconds=1))
    assert not standing.lasts(issued, expires, later)
    standing.away = True
    assert standing.lasts(issued, expires, later)
    assert not standing.lasts(issued, expires, NOW + OUTAGE)
    standing.heard(set(), {})
    assert not standing.lasts(issued, expires, later)


def test_a_key_is_believed_for_seconds_and_for_a_shift_while_the_record_is_away() -> None:
    standing = Standing()
    standing.remember("k", WHO, NOW, NOW + timedelta(hours=2))
    assert standing.key("k", NOW + timedelta(seconds=4)) == WHO
    assert standing.key("k", NOW + timedelta(seconds=6)) is None
    standing.away = True
    assert standing.key("k", NOW + timedelta(hours=1)) == WHO
    assert standing.key("k", NOW + timedelta(hours=3)) is None, "it is over by its own date"
    standing.forget("k")
    assert standing.key("k", NOW) is None
