"""Languages: what is said in which, and catalogues that are whole."""

import string

import pytest

from api.i18n import Language, Tongue, catalogue, choose, zone
from scripts import catalogues

ZH, EN, BOTH = (Tongue(language) for language in Language)
AT = 1_800_000_000_000  # 2027-01-15 16:00 in Shanghai


def test_catalogues_say_in_chinese_all_that_the_source_says_and_nothing_else() -> None:
    assert catalogues.main(["--check"]) == 0


def test_a_new_message_and_a_word_that_nobody_says_any_more_change_a_catalogue() -> None:
    said, kept = catalogues.extracted(), catalogues.file_of(Language.ZH).read_text("utf-8")
    assert catalogues.text_of(catalogues.merged(Language.ZH, said)) == kept
    more = {**said, (None, "said by nobody yet"): ("said by nobody yet", "api/x.py")}
    assert 'msgid "said by nobody yet"\nmsgstr ""' in catalogues.text_of(catalogues.merged(Language.ZH, more))
    fewer = dict(list(said.items())[1:])
    assert catalogues.text_of(catalogues.merged(Language.ZH, fewer)) != kept


def test_both_languages_fill_in_the_same_values() -> None:
    said = catalogues.extracted()
    for key, forms in catalogue(Language.ZH).items():
        english = said[key][0]
        # Chinese has one form, and it counts more than one.
        source = english if isinstance(english, str) else english[-1]
        for form in forms:
            assert placeholders(form) == placeholders(source), source


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize(
    ("cookie", "accepted", "own", "chosen"),
    [
        (None, "en-US,en;q=0.9", None, "en"),
        (None, "zh-TW,zh;q=0.9,en;q=0.8", None, "zh"),
        (None, "de-DE,de;q=0.9,en;q=0.5", None, "en"),
        (None, "fr", None, "zh"),
        (None, "*", None, "zh"),
        (None, None, None, "zh"),
        (None, "en", "zh", "zh"),
        ("both", "en", "zh", "both"),
        ("klingon", "en", None, "en"),
    ],
)
def test_a_visitor_s_choice_goes_before_their_account_s_and_that_before_the_browser_s(
    cookie: str | None, accepted: str | None, own: str | None, chosen: str
) -> None:
    assert choose(cookie, accepted, own) == chosen


def test_pairs_are_picked_also_inside_a_message() -> None:
    assert (ZH.pick(("吊重", "load")), EN.pick(("吊重", "load"))) == ("吊重", "load")
    assert EN.gettext("{n} min", n=("三", "three")) == "three min"
    assert ZH.gettext("{n} min", n=("三", "three")) == "三 分钟"
    assert BOTH.gettext("{n} min", n=5) == "5 分钟 5 min"


def test_markup_escapes_what_comes_from_outside_and_marks_the_english() -> None:
    hostile = ("<b>甲</b>", "<img src=x>")
    assert EN.show(hostile) == "&lt;img src=x&gt;"
    assert BOTH.show(hostile) == '&lt;b&gt;甲&lt;/b&gt; <span class="en" lang="en">&lt;img src=x&gt;</span>'
    assert "<" not in EN.markup("{n} min", n="<i>")


def test_times_are_the_site_s() -> None:
    shanghai = zone("Asia/Shanghai")
    assert ZH.moment(AT, shanghai, year=True) == "2027年1月15日 16:00"
    assert EN.moment(AT, shanghai, seconds=True) == "15 Jan 16:00:00"
    assert BOTH.day(AT, zone("America/New_York")) == "01-15"
    assert EN.moment(1 << 62, shanghai, year=True).endswith("Dec 9999 20:26")
    assert zone("Mars/Olympus").key == "UTC"


def test_a_message_inside_an_f_string_is_found_and_a_variable_is_none() -> None:
    source = """x = f'<b>{t.markup("over, {n} left", n=3)}</b>' + t.gettext(name) + t.pmarkup("hazard", "load")"""
    assert list(catalogues.messages(source)) == [("hazard", ("load",)), (None, ("over, {n} left",))]
