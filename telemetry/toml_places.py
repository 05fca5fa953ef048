"""
Where things stand in a TOML text: the line of every table and key, which `tomllib` does not tell.

The text has been read by `tomllib` before, so that this scanner need not refuse anything: it only has to step over
strings, comments and arrays in the same way.
"""

import re
from bisect import bisect_left
from typing import Final

Path = tuple[str, ...]
Exact = tuple[str | int, ...]  # with the place of an element in its array, from 0

_BLANK: Final = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_SPACE: Final = re.compile(r"[ \t]*")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_STRING: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'', re.DOTALL
)  # longest form first
_PLAIN: Final = re.compile(r"[^,\]}#\n]*")


class Places:
    """
    The lines of a text, by path: `("crane", "wind", "steps", "alarm", "set")`.

    `lines` knows nothing of the elements of arrays: the first stands for all. `exact` has each: `("cranes", 1, "id")`.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._ends = [found.start() for found in re.finditer("\n", text)]
        self._at = 0
        self.lines: dict[Path, int] = {}
        self.exact: dict[Exact, int] = {}
        self._many: dict[Exact, int] = {}  # how many `[[tables]]` of that path there are so far
        table: Exact = ()
        while self._skip(_BLANK) < len(text):
            if text[self._at] != "[":
                self._pair(table)
                continue
            many = text.startswith("[[", self._at)
            self._at += 2 if many else 1
            begin = self._at
            table = self._element(self._key(), many=many)
            self._note(table, begin)
            self._at = text.index("]", self._at) + (2 if many else 1)

    def line(self, *paths: Path) -> int:
        """The line of that of these paths of which most stands in the text; the first line when nothing does."""
        best: Path = ()
        for path in paths:
            known = next((path[:n] for n in range(len(path), 0, -1) if path[:n] in self.lines), ())
            best = max(best, known, key=len)
        return self.lines.get(best, 1)

    def at(self, path: Exact) -> int:
        """The line of this path, or of as much of it as stands in the text; the first line when nothing does."""
        return next((self.exact[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.exact), 1)

    def _element(self, header: Path, *, many: bool) -> Exact:
        """Which element of which arrays a header means: the last one, and of `[[...]]` itself one more."""
        found: Exact = ()
        for n, part in enumerate(header):
            found = (*found, part)
            if many and n == len(header) - 1:
                self._many[found] = self._many.get(found, 0) + 1
            if found in self._many:
                found = (*found, self._many[found] - 1)
        return found

    def _note(self, path: Exact, at: int) -> None:
        line = bisect_left(self._ends, at) + 1
        for n in range(1, len(path) + 1):
            # A table that is only named by a longer header stands where that header does.
            self.exact.setdefault(path[:n], line)
            self.lines.setdefault(tuple(part for part in path[:n] if isinstance(part, str)), line)

    def _skip(self, pattern: "re.Pattern[str]") -> int:
        found = pattern.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return self._at

    def _key(self) -> Path:
        parts: list[str] = []
        while True:
            self._skip(_SPACE)
            quoted = _STRING.match(self._text, self._at)
            found = quoted or _BARE.match(self._text, self._at)
            if found is None:
                return tuple(parts)
            parts.append(found[0][1:-1] if quoted else found[0])
            self._at = found.end()
            self._skip(_SPACE)
            if not self._text.startswith(".", self._at):
                return tuple(parts)
            self._at += 1

    def _pair(self, table: Exact) -> None:
        begin = self._at
        path = (*table, *self._key())
        if self._at == begin:
            self._at = len(self._text)  # nothing that a text which was read can hold
            return
        self._note(path, begin)
        self._at = self._text.index("=", self._at) + 1
        self._value(path)

    def _value(self, path: Exact) -> None:
        self._skip(_BLANK)
        start = self._text[self._at : self._at + 1]
        if start in ("{", "["):
            self._at += 1
            place = 0
            while self._text[self._skip(_BLANK)] not in "}]":
                if self._text[self._at] == ",":
                    self._at += 1
                elif start == "{":
                    self._pair(path)
                else:
                    self._note((*path, place), self._at)
                    self._value((*path, place))
                    place += 1
            self._at += 1
        else:
            self._skip(_STRING if start in ('"', "'") else _PLAIN)
