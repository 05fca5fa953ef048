"""The API's own page."""

from api.routes.docs import marked


def test_markdown_is_shown_as_it_is_meant_and_the_rest_is_text() -> None:
    assert marked("**no login**: `a=<b>`") == "<b>no login</b>: <code>a=&lt;b&gt;</code>"
    assert marked("2 * 3 ** 4") == "2 * 3 ** 4"
