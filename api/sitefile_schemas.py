"""Bodies of everything about a site's file, and examples of them."""

from typing import Any, Final, Literal

from pydantic import Field

from api.schemas import Body, Words
from telemetry.sitefile.change import Change
from telemetry.sitefile.finding import Finding
from telemetry.storage.sitefile import Imported


class FileFinding(Body):
    """Something that is wrong with a site file, or worth a look."""

    line: int = Field(ge=1)
    path: str = Field(description="The key, as cranes[0].limits.moment.alarm.")
    wrong: bool = Field(description="It cannot be imported with this; otherwise it is a warning.")
    message: Words


class FileCheck(Body):
    """What a check of a site file found, in the order of lines."""

    good: bool
    site: str | None = Field(description="The id that the file states; null when it could not be read.")
    findings: list[FileFinding]


class FileChange(Body):
    """One thing that an import changes."""

    what: str
    old: str = Field(description="Empty where there is nothing; in brackets what the limit profile says.")
    new: str
    verdict: Literal["retired", "loosened", "removed", "judge", "tightened", "added", "changed"]
    dangerous: bool = Field(description="It has to be confirmed.")
    words: Words


class FileImport(Body):
    """What an import of a site file did, or would do; what is dangerous comes first."""

    site: str
    applied: bool
    new: bool = Field(description="Nobody knew the site before.")
    confirm: str = Field(description="What `confirm` has to say for the dangerous changes; empty when there are none.")
    etag: str = Field(description="Of the site's file after it; the ETag is this in double quotes.")
    changes: list[FileChange]
    warnings: list[FileFinding]


def finding(one: Finding) -> FileFinding:
    """A finding as a body."""
    return FileFinding(line=one.line, path=one.path, wrong=one.wrong, message=Words(zh=one.zh, en=one.en))


def change(one: Change) -> FileChange:
    """A change as a body."""
    zh, en = one.words()
    return FileChange(what=one.what, old=one.old, new=one.new, verdict=one.verdict.value, dangerous=one.dangerous,
                      words=Words(zh=zh, en=en))  # fmt: skip


def imported(site: str, done: Imported, warnings: list[Finding]) -> FileImport:
    """An import as a body."""
    return FileImport(
        site=site, applied=done.applied, new=done.new, confirm=done.word, etag=done.tag,
        changes=[change(one) for one in done.changes], warnings=[finding(one) for one in warnings],
    )  # fmt: skip


_FINDING: Final[dict[str, Any]] = {
    "line": 84, "path": "cranes[1].position_m", "wrong": False,
    "message": {
        "zh": "crane-1 与 crane-2 作业范围重叠（相距 74.2 m，臂长 60 + 50 m）：群塔防碰撞未监测",
        "en": "crane-1 and crane-2 overlap, 74.2 m apart, jibs 60 + 50 m: anti-collision not monitored",
    },
}  # fmt: skip
SITE_FILES: Final[dict[str, dict[str, Any]]] = {
    "FileCheck": {
        "good": False, "site": None,
        "findings": [
            {
                "line": 61, "path": "cranes[0].hook_max", "wrong": True,
                "message": {
                    "zh": "没有这个键，最接近的是 hook_max_m", "en": "no such key; did you mean hook_max_m?",
                },
            }
        ],
    },
    "FileImport": {
        "site": "demo", "applied": False, "new": False, "confirm": "5b0f3a77c1de",
        "etag": "abc41b227fc0fca277e960280dbd8ca4",
        "changes": [
            {
                "what": "crane/crane-1 moment.alarm", "old": "(100)", "new": "105", "verdict": "loosened",
                "dangerous": True, "words": {"zh": "放宽（涉及生命安全）", "en": "LOOSENED, LIFE-SAFETY"},
            }
        ],
        "warnings": [_FINDING],
    },
}  # fmt: skip
