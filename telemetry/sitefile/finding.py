"""What is wrong with a site file, or worth a look: where it stands, and in both languages what it is."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from telemetry.toml_places import Exact, Places
from telemetry.wire.payloads import Words


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing; `wrong` is what the file cannot be imported with, otherwise it is a warning. `line` from 1."""

    line: int
    path: str
    zh: str
    en: str
    wrong: bool = True

    @property
    def words(self) -> Words:
        """What it is, for a payload."""
        return Words(zh=self.zh[:500], en=self.en[:500])

    def text(self, of: str) -> str:
        """One line for a person at a terminal; `of` is the file."""
        return f"{of}:{self.line}: {'' if self.wrong else '提醒 warning: '}{self.path}: {self.zh} · {self.en}"


def shown(path: Exact) -> str:
    """A path as a person writes it: `cranes[0].limits.moment`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".") or "file"


MOST: Final = 500  # a text of nothing but mistakes has more


@dataclass
class Findings:
    """What has been found in one text so far; the same thing at the same place once, and no more than anybody reads."""

    places: Places
    bad: bool = False
    found: dict[tuple[str, str], Finding] = field(default_factory=dict)

    def wrong(self, path: Exact, zh: str, en: str) -> None:
        """The file cannot be imported with this."""
        self._note(path, zh, en, wrong=True)

    def warn(self, path: Exact, zh: str, en: str) -> None:
        """It can, and somebody should look at it."""
        self._note(path, zh, en, wrong=False)

    def _note(self, path: Exact, zh: str, en: str, *, wrong: bool) -> None:
        if len(self.found) >= MOST and (self.bad or not wrong):
            return
        self.bad |= wrong
        self.found.setdefault((shown(path), en), Finding(self.places.at(path), shown(path), zh, en, wrong))

    def listed(self) -> list[Finding]:
        """All of it, in the order of lines."""
        return sorted(self.found.values(), key=lambda one: (one.line, not one.wrong))


def errors(found: Iterable[Finding]) -> list[Finding]:
    """Those with which the file cannot be imported."""
    return [one for one in found if one.wrong]


def warnings(found: Iterable[Finding]) -> list[Finding]:
    """The others."""
    return [one for one in found if not one.wrong]
