"""What a site file's check and its difference look like on the page."""

from api.console import filetext
from api.i18n import Language, Tongue
from telemetry.sitefile import check, difference
from tests.helpers.sitefiles import WHOLE

EN, BOTH = Tongue(Language.EN), Tongue(Language.BOTH)


def test_every_mistake_leads_to_its_line_and_mistakes_come_before_what_to_look_at() -> None:
    text = WHOLE.replace("[200.0, 0.0]", "[90.0, 0.0]").replace('zh = "学校"', 'zh = "<b>学校</b>"\nzho = 1')
    _, found = check.checked(text)
    assert filetext.findings(EN, found, text).count("cwLine(") == 1  # not good in shape: nothing else is looked at
    text = text.replace("zho = 1\n", "").replace("[10, 10]]", "[10, 0]]")
    _, found = check.checked(text)
    shown = filetext.findings(BOTH, found, text)
    line = text.splitlines().index("corners = [[0, 0], [10, 0], [10, 0]]") + 1
    assert f"cwLine({line})" in shown
    assert shown.index("zones[0].corners") < shown.index("cranes[1].position_m")
    assert "1 mistake: it cannot be applied" in shown
    assert "its area is only" in shown
    assert "面积只有" in shown


def test_what_is_quoted_is_text_and_an_address_is_not_quoted() -> None:
    text = WHOLE.replace('name = "王工"', 'name = "<script>x</script>"\nrol = 1')
    _, found = check.checked(text)
    assert "<script>x" not in filetext.findings(EN, found, text)
    broken = WHOLE.replace('"json://127.0.0.1/token-of-wang"', '"token-of-wang"')
    _, found = check.checked(broken)
    shown = filetext.findings(EN, found, broken)
    assert "contacts[0].channels[0].url" in shown
    assert "token" not in shown


def test_what_is_dangerous_is_loud_and_first() -> None:
    old = check.parse(WHOLE, "old")
    new = check.parse(WHOLE.replace("{ alarm = 95 }", "{ alarm = 105 }").replace("hook_max_m = 38.0", ""), "new")
    shown = filetext.changes(EN, difference.changes(old, new))
    assert "1 dangerous change" in shown
    assert shown.index("moment.alarm") < shown.index("hook_max_m")
    assert "LOOSENED, LIFE-SAFETY" in shown
    assert "highest position of the hook" in shown
    assert "it changes nothing" in filetext.changes(EN, [])
