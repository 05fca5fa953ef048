"""The shapes of limit profiles in requests and answers. Times are Unix ms."""

from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field

from api.schemas import Body, Words

Why = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00]*$")]


class ProfileText(Body):
    """A limit profile as its text (TOML): what differs from its base, and where each number comes from."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(min_length=1, max_length=200_000, pattern=r"^[^\x00]*$")]


class Approval(Body):
    """The second person lets a version pass."""

    model_config = ConfigDict(extra="forbid")

    hash: Annotated[str, Field(pattern=r"^[0-9a-f]{12,64}$")] = Field(
        description="Of the text that was looked at: its first 12 digits or more."
    )
    why: Why | None = None


class PublishProfile(Body):
    """An approved version, to hold at a site."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]
    version: Annotated[int, Field(ge=1, lt=1 << 31)]


class ProfileVersion(Body):
    """A version of a limit profile, without its text."""

    name: str
    version: int
    hash: str
    label: str = Field(description="`name/version@hash`, as transitions cite it.")
    packaged: bool = Field(description="It comes with cranewatch.")
    effective: int
    proposed_by: str
    proposed_at: int
    approved_by: str | None
    approved_at: int | None
    why: str | None
    sites: list[str] = Field(description="Where it was published last, of the sites that the caller may see.")


class ProfileVersions(Body):
    """Every version, the packaged ones too."""

    items: list[ProfileVersion]


class ProfileDifference(Body):
    """One thing that differs from what was before."""

    path: str
    old: str
    new: str
    old_source: str
    new_source: str
    verdict: Literal["loosened", "tightened", "source", "judge"]
    life_safety: bool
    words: Words


class ProfileComparison(Body):
    """What a text changes, what loosens a life-safety limit first."""

    label: str
    against: str
    loosens_life_safety: int
    differences: list[ProfileDifference]


class WholeProfile(Body):
    """A version with its text, and what it changes."""

    version: ProfileVersion
    text: str
    comparison: ProfileComparison


class SitePublication(Body):
    """What was published to a site, and when."""

    profile: str
    published_by: str
    published_at: int
    effective: int


class SitePublications(Body):
    """What was published to a site, newest first; none: the packaged profile that its configuration names holds."""

    items: list[SitePublication]


_VERSION: Final[dict[str, Any]] = {
    "name": "works", "version": 3, "hash": "591fd2f09339" + "0" * 52, "label": "works/3@591fd2f09339",
    "packaged": False, "effective": 0, "proposed_by": "li.na", "proposed_at": 1800000000000, "approved_by": "wang",
    "approved_at": 1800003600000, "why": "after the storm", "sites": ["demo"],
}  # fmt: skip
_COMPARISON: Final[dict[str, Any]] = {
    "label": "works/3@591fd2f09339", "against": "cn/1@1fc11ec9575f", "loosens_life_safety": 1,
    "differences": [
        {
            "path": "crane.moment.steps.alarm.set", "old": "100", "new": "101", "old_source": "site specification",
            "new_source": "owner's letter of 2026-10-01", "verdict": "loosened", "life_safety": True,
            "words": {"zh": "放宽了涉及生命安全的限值", "en": "LOOSENS A LIFE-SAFETY LIMIT"},
        }
    ],
}  # fmt: skip
_TEXT: Final = 'name = "works"\nversion = 3\nbase = "cn"\nzh = "示范"\nen = "works"\n'

EXAMPLES: Final[dict[str, Any]] = {
    "ProfileText": {"text": _TEXT},
    "Approval": {"hash": "591fd2f09339", "why": "after the storm"},
    "PublishProfile": {"name": "works", "version": 3},
    "ProfileVersion": _VERSION,
    "ProfileVersions": {"items": [_VERSION]},
    "ProfileDifference": _COMPARISON["differences"][0],
    "ProfileComparison": _COMPARISON,
    "WholeProfile": {"version": _VERSION, "text": _TEXT, "comparison": _COMPARISON},
    "SitePublication": {
        "profile": "works/3@591fd2f09339", "published_by": "wang", "published_at": 1800007200000, "effective": 0,
    },
    "SitePublications": {
        "items": [
            {
                "profile": "works/3@591fd2f09339", "published_by": "wang", "published_at": 1800007200000,
                "effective": 0,
            }
        ]
    },
}  # fmt: skip
