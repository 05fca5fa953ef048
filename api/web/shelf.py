"""
The static pages and their files, and the one element through which a page is told where it is.

Rule: a page is a file; what is written into it is its setup, and nothing that a page needs comes from a template.
"""

import json
import zlib
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

MEDIA: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}
_MARK: Final = '<script type="application/json" id="setup">{}</script>'


class Shelf:
    """The files of one page, read once. `build` changes with any of them."""

    def __init__(self, name: str) -> None:
        folder = _folder() / name
        self.files = {
            file.name: file.read_bytes()
            for file in sorted(folder.iterdir(), key=lambda file: file.name)
            if _ending(file.name) in MEDIA
        }
        self._template = (folder / "index.html").read_text("utf-8")
        if self._template.count(_MARK) != 1:
            raise ValueError(f"{name}/index.html has no setup element")
        self.build = f"{zlib.crc32(b''.join(self.files.values()) + self._template.encode()):08x}"

    def page(self, setup: Mapping[str, object]) -> str:
        """The page with its setup written in. Values cannot end the script element: `<` is escaped."""
        told = {"build": self.build, **setup}
        written = json.dumps(told, ensure_ascii=True).replace("<", "\\u003c")
        return self._template.replace(_MARK, _MARK.replace("{}", written))

    def worker(self) -> bytes:
        """The service worker, told which version it keeps and of which files."""
        told = {"BUILD": self.build, "FILES": sorted(set(self.files) - {"worker.js"})}
        return (
            "".join(f"const {name} = {json.dumps(value)};\n" for name, value in told.items()).encode()
            + (self.files["worker.js"])
        )


def media(name: str) -> str:
    """The media type of a file of ours."""
    return MEDIA[_ending(name)]


def _ending(name: str) -> str:
    return name[name.rfind(".") :]


def _folder() -> Traversable:
    return resources.files("api.web")
