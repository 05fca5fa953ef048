"""The console's words and figures."""

import pytest

from api.console.wording import number, percent
from api.i18n import ago


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [(None, 1, "—"), (-0.3, 0, "0"), (-0.004, 2, "0.00"), (-0.08, 2, "-0.08"), (104.4, 0, "104"), (0.0, 1, "0.0")],
)
def test_an_empty_hook_does_not_read_minus_zero(value: float | None, decimals: int, text: str) -> None:
    assert number(value, decimals) == text


@pytest.mark.parametrize(
    ("ms", "en"),
    [(None, "never"), (0, "just now"), (1999, "just now"), (2000, "2 s ago"), (61_000, "1 min ago"),
     (7_200_000, "2 h ago"), (259_200_000, "3 days ago")],
)  # fmt: skip
def test_how_long_ago_in_words(ms: int | None, en: str) -> None:
    assert ago(ms)[1] == en


@pytest.mark.parametrize(
    ("value", "text"), [(None, "—"), (-0.8, "0"), (-0.3, "0"), (0.4, "0"), (0.6, "1"), (104.4, "104")]
)
def test_a_hook_below_its_tare_uses_nothing(value: float | None, text: str) -> None:
    assert percent(value) == text
