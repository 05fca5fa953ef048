"""The console's chart."""

from api.console.plot import clock


def test_a_zone_from_outside_is_data_and_never_script() -> None:
    made = clock('x"}</script><b>', "(at) => at", seconds=False)
    assert "</script>" not in made
    assert '"timeZone": "x\\"}\\u003c/script>\\u003cb>"' in made
