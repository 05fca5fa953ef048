"""
Where things stand in a TOML text: the line of every table and key, which `tomllib` does not tell.

The text has been read by `tomllib` before, so that this scanner need not refuse anything: it only has to step over
strings, comments and arrays in the same way.
"""

import re
from bisect import bisect_left
from typing import Final

Path = tuple[str, ...]

_BLANK: Final = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_SPACE: Final = re.compile(r"[ \t]*")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_STRING: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'', re.DOTALL
)  # longest form first
_PLAIN: Final = re.compile(r"[^,\]}#\n]*")


class Places:
    """The lines of a text, by path: `("crane", "wind", "steps", "alarm", "set")`."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._ends = [found.start() for found in re.finditer("\n", text)]
        self._at = 0
        self.lines: dict[Path, int] = {}
        table: Path = ()
        while self._skip(_BLANK) < len(text):
            if text[self._at] != "[":
                self._pair(table)
                continue
            many = text.startswith("[[", self._at)
            self._at += 2 if many else 1
            begin = self._at
            table = self._key()
            self._note(table, begin)
            self._at = text.index("]", self._at) + (2 if many else 1)

    def line(self, *paths: Path) -> int:
        """The line of that of these paths of which most stands in the text; the first line when nothing does."""
        best: Path = ()
        for path in paths:
            known = next((path[:n] for n in range(len(path), 0, -1) if path[:n] in self.lines), ())
            best = max(best, known, key=len)
        return self.lines.get(best, 1)

    def _note(self, path: Path, at: int) -> None:
        line = bisect_left(self._ends, at) + 1
        for n in range(1, len(path) + 1):
            # A table that is only named by a longer header stands where that header does.
            self.lines.setdefault(path[:n], line)

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

    def _pair(self, table: Path) -> None:
        begin = self._at
        path = (*table, *self._key())
        if self._at == begin:
            self._at = len(self._text)  # nothing that a text which was read can hold
            return
        self._note(path, begin)
        self._at = self._text.index("=", self._at) + 1
        self._value(path)

    def _value(self, path: Path) -> None:
        self._skip(_BLANK)
        start = self._text[self._at : self._at + 1]
        if start in ("{", "["):
            self._at += 1
            while self._text[self._skip(_BLANK)] not in "}]":
                if self._text[self._at] == ",":
                    self._at += 1
                elif start == "{":
                    self._pair(path)
                else:
                    self._value(path)
            self._at += 1
        else:
            self._skip(_STRING if start in ('"', "'") else _PLAIN)
