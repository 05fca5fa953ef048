"""
What a person reads, in their language: Chinese, English, or both side by side.

Rule 1: the English of the source is a message's name; the catalogues (`api/locale/*/LC_MESSAGES/cranewatch.po`) are
read as they are at start, so that there is no compiled file that can be older than they are.
Rule 2: words that come with the plant (alarm texts, channels, roles) are pairs (zh, en), picked and never translated.
Rule 3: pure but for reading the catalogues once; a language is an argument and nowhere a global.

`python -m scripts.catalogues` brings the catalogues up to date with the source.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from html import escape
from importlib import resources
from typing import Any, Final, Literal, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.core import negotiate_locale
from babel.messages.pofile import read_po

DOMAIN: Final = "cranewatch"
COOKIE: Final = "cw_language"
Pair = tuple[str, str]  # (zh, en)
LAST_MS: Final = 253_402_000_000_000  # what a calendar can still say


class Language(StrEnum):
    """What a person may choose."""

    ZH = "zh"
    EN = "en"
    BOTH = "both"


NAMES: Final[Mapping[Language, str]] = {Language.ZH: "中文", Language.EN: "English", Language.BOTH: "中文 English"}
LOCALES: Final[Mapping[Language, str]] = {Language.ZH: "zh_CN", Language.EN: "en"}
_DATES: Final[Mapping[Language, Pair]] = {
    # of a day, and of a day with its year
    Language.ZH: ("{at.month}月{at.day}日", "{at.year}年{at.month}月{at.day}日"),
    Language.EN: ("{at.day} {at:%b}", "{at.day} {at:%b} {at.year}"),
    Language.BOTH: ("{at:%m-%d}", "{at:%Y-%m-%d}"),
}

Key = tuple[str | None, str]  # context, message
Catalogue = Mapping[Key, tuple[str, ...]]


class Said(Protocol):
    """Words as they come on the wire."""

    @property
    def zh(self) -> str:
        """Chinese."""

    @property
    def en(self) -> str:
        """English."""


@cache
def catalogue(language: Language) -> Catalogue:
    """The messages of a language; several forms where Chinese or English counts."""
    file = resources.files("api") / "locale" / LOCALES[language] / "LC_MESSAGES" / f"{DOMAIN}.po"
    with file.open("rb") as stream:
        found = read_po(stream, locale=LOCALES[language])
    said: dict[Key, tuple[str, ...]] = {}
    for one in found:
        forms = (one.string,) if isinstance(one.string, str) else tuple(one.string or ("",))
        name = one.id if isinstance(one.id, str) else one.id[0]
        if name and forms[0]:
            said[(one.context, name)] = forms
    return said


@dataclass(frozen=True, slots=True)
class Tongue:
    """A language to speak in. Values of a message may be pairs or wire words: each language gets its own half."""

    language: Language

    @property
    def parts(self) -> tuple[Language, ...]:
        """The one language, or both."""
        return (Language.ZH, Language.EN) if self.language is Language.BOTH else (self.language,)

    @property
    def html_lang(self) -> Literal["en-US", "zh-CN"]:
        """The `lang` of a page."""
        return "en-US" if self.language is Language.EN else "zh-CN"

    # Plain text

    def gettext(self, message: str, **values: Any) -> str:
        """A message with its `{values}`."""
        return " ".join(_said(one, None, message, None, 1, values) for one in self.parts)

    def ngettext(self, one: str, many: str, n: int, **values: Any) -> str:
        """A message that counts; `{n}` is the number."""
        return " ".join(_said(part, None, one, many, n, {"n": n, **values}) for part in self.parts)

    def pgettext(self, context: str, message: str, **values: Any) -> str:
        """A message that means different things in different places."""
        return " ".join(_said(one, context, message, None, 1, values) for one in self.parts)

    def pick(self, words: Pair | Said) -> str:
        """Words that come in both languages."""
        return " ".join(_half(words, one) for one in self.parts)

    # HTML, escaped; where both are asked for, the English is marked as such

    def markup(self, message: str, **values: Any) -> str:
        """`gettext` as HTML. Values are escaped with it."""
        return _html([_said(one, None, message, None, 1, values) for one in self.parts])

    def nmarkup(self, one: str, many: str, n: int, **values: Any) -> str:
        """`ngettext` as HTML."""
        return _html([_said(part, None, one, many, n, {"n": n, **values}) for part in self.parts])

    def pmarkup(self, context: str, message: str, **values: Any) -> str:
        """`pgettext` as HTML."""
        return _html([_said(one, context, message, None, 1, values) for one in self.parts])

    def show(self, words: Pair | Said) -> str:
        """`pick` as HTML."""
        return _html([_half(words, one) for one in self.parts])

    # Times, in a zone that has been looked up with `zone`

    def day(self, at: datetime | int, zone: ZoneInfo, *, year: bool = False) -> str:
        """A day, from an aware time or Unix ms."""
        return _DATES[self.language][year].format(at=local(at, zone))

    def moment(self, at: datetime | int, zone: ZoneInfo, *, seconds: bool = False, year: bool = False) -> str:
        """A day and the time of day."""
        return f"{self.day(at, zone, year=year)} {clock(at, zone, seconds=seconds)}"

    def ago(self, ms: int | None) -> str:
        """How long ago, in words that do not change faster than a person reads."""
        return self.pick(ago(ms))

    def span(self, ms: float) -> str:
        """A length of time."""
        minutes = round(ms / 60_000)
        if minutes < 1:
            return self.gettext("{n} s", n=round(ms / 1000))
        if minutes < 120:
            return self.gettext("{n} min", n=minutes)
        return self.gettext("{h} h {m} min", h=minutes // 60, m=f"{minutes % 60:02}")


def choose(cookie: str | None, accepted: str | None, own: str | None = None) -> Language:
    """A visitor's language: chosen here, else by their account, else what their browser asks for, else Chinese."""
    for choice in (cookie, own):
        if choice in set(Language):
            return Language(choice)
    wanted = [part.split(";")[0].strip().replace("-", "_") for part in (accepted or "").split(",")]
    # "zh_TW" is Chinese as well, and "*" is no wish.
    found = negotiate_locale([one.split("_")[0] for one in wanted if one and one != "*"], ["zh", "en"])
    return Language(found) if found else Language.ZH


def zone(name: str) -> ZoneInfo:
    """A zone by its IANA name; UTC where this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def local(at: datetime | int, place: ZoneInfo) -> datetime:
    """An aware time or Unix ms in a zone. A broken clock may name a year that no calendar has: the last one, then."""
    if isinstance(at, datetime):
        return at.astimezone(place)
    return datetime.fromtimestamp(min(max(at, 0), LAST_MS) / 1000, UTC).astimezone(place)


def clock(at: datetime | int, place: ZoneInfo, *, seconds: bool = False) -> str:
    """The time of day."""
    return local(at, place).strftime("%H:%M:%S" if seconds else "%H:%M")


def ago(ms: int | None) -> Pair:
    """How long ago, as a pair."""
    if ms is None:
        return ("从未", "never")
    seconds = ms // 1000
    if seconds < 2:
        return ("刚刚", "just now")
    if seconds < 60:
        return (f"{seconds} 秒前", f"{seconds} s ago")
    if seconds < 3600:
        return (f"{seconds // 60} 分钟前", f"{seconds // 60} min ago")
    if seconds < 172_800:
        return (f"{seconds // 3600} 小时前", f"{seconds // 3600} h ago")
    return (f"{seconds // 86_400} 天前", f"{seconds // 86_400} days ago")


def N_(message: str) -> str:
    """Mark a message for the catalogues that is looked up elsewhere."""
    return message


def _half(words: Pair | Said, language: Language) -> str:
    if isinstance(words, tuple):
        return words[0] if language is Language.ZH else words[1]
    return words.zh if language is Language.ZH else words.en


def _said(
    language: Language, context: str | None, one: str, many: str | None, n: int, values: Mapping[str, Any]
) -> str:
    forms = catalogue(language).get((context, one)) or (one, many or one)
    # Chinese has one form, English two: one, and all others.
    text = forms[0] if n == 1 or len(forms) == 1 else forms[1]
    if not values:
        return text
    return text.format_map({name: _value(value, language) for name, value in values.items()})


def _value(value: Any, language: Language) -> Any:
    return _half(value, language) if isinstance(value, tuple) or hasattr(value, "zh") else value


def _html(texts: list[str]) -> str:
    if len(texts) == 1 or texts[0] == texts[1]:
        return escape(texts[0])
    return f'{escape(texts[0])} <span class="en" lang="en">{escape(texts[1])}</span>'
