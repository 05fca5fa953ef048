"""The shapes of proof tests in requests and answers. Times are Unix ms."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from api.schemas import Body, Words

Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["07:30"])]


class OrderTest(Body):
    """Order a proof test. Nothing is moved by it: a device sends a number on a channel that measures nothing."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"told": False, "note": ""}]})

    told: bool = Field(
        default=False,
        description="The operator has been told, by radio say, and the hook is empty: begin at once. Without it, where"
        " a terminal is expected, the operator is asked there and begins it himself.",
    )
    note: Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")] = ""


class ProofLink(Body):
    """One link of the chain that was passed."""

    link: Literal["accepted", "stored", "raised", "delivered", "rendered", "notified", "confirmed", "acknowledged"] = (
        Field(description="`confirmed`: the operator has seen and heard it; `acknowledged`: the desk has.")
    )
    name: Words
    at: int = Field(description="By our own clock.")
    seconds: float = Field(description="Since the order, the reading (raised), or the raise (what follows).")
    who: str | None = None
    said_at: int | None = Field(default=None, description="By the clock of whoever said so.")


class ProofTest(Body):
    """A proof test: who wanted it, how far it came, what it came to."""

    id: int
    test: str = Field(description="Its name on the wire.")
    site: str
    kind: str
    device: str
    display_name: str
    source: Literal["person", "cab", "schedule"]
    ordered_by: str
    begun_by: str | None = Field(description="The operator who let it begin.")
    note: str
    state: Literal["asked", "ordered", "sent", "over"]
    asked_at: int
    until: int = Field(description="Nobody begins it after that.")
    sent_at: int | None
    links: list[ProofLink]
    transition: str | None = Field(description="That it raised.")
    outcome: Literal["passed", "failed", "refused", "interrupted", "not_done"] | None
    failed_link: str | None
    words: Words | None = Field(description="The outcome, with the link that failed and how.")
    latency_s: float | None = Field(description="From the reading's coming until a terminal had shown it.")
    judged_at: int | None


class ProofTests(Body):
    """A page of proof tests, newest first."""

    items: list[ProofTest]
    next: int | None = Field(description="Pass as `before` for the next page; null at the end.")


class ProofSchedule(Body):
    """When tests are asked for: once every so many days, in these hours of the site's day."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"every_days": 7, "begins": "07:00", "ends": "09:00"}]}
    )

    every_days: Annotated[int, Field(ge=1, le=366)]
    begins: Clock
    ends: Clock


class ProofScheduled(ProofSchedule):
    """A schedule, of the site or of one device."""

    kind: str | None = None
    device: str | None = Field(default=None, description="Null: all devices of the site without one of their own.")
    since: int


class ProofSchedules(Body):
    """The schedules of a site."""

    items: list[ProofScheduled]


_LINKS: list[dict[str, Any]] = [
    {"link": "accepted", "name": {"zh": "设备接受", "en": "taken up by the device"}, "at": 1795376084212,
     "seconds": 0.121, "said_at": 1795376084180},
    {"link": "stored", "name": {"zh": "读数入库", "en": "reading stored"}, "at": 1795376084345, "seconds": 0.254,
     "said_at": 1795376084339},
    {"link": "raised", "name": {"zh": "分析触发", "en": "raised by the analyzer"}, "at": 1795376084952,
     "seconds": 0.607, "said_at": 1795376084939},
]  # fmt: skip
_TEST: dict[str, Any] = {
    "id": 12, "test": "test-5f2c77e01b9d4a36", "site": "demo", "kind": "crane", "device": "crane-1",
    "display_name": "1#塔机", "source": "person", "ordered_by": "wang", "begun_by": "op-7", "note": "", "state": "over",
    "asked_at": 1795376080101, "until": 1795376680101, "sent_at": 1795376084091, "links": _LINKS,
    "transition": "46fe1b33c2c52217", "outcome": "failed", "failed_link": "delivered",
    "words": {"zh": "失败 送达终端 未到达", "en": "failed: delivered to a terminal, never came"}, "latency_s": 0.607,
    "judged_at": 1795376090960,
}  # fmt: skip
EXAMPLES: dict[str, Any] = {
    "ProofTest": _TEST,
    "ProofTests": {"items": [_TEST], "next": None},
    "ProofSchedules": {
        "items": [{"every_days": 7, "begins": "07:00", "ends": "09:00", "kind": None, "device": None,
                   "since": 1795332600000}]
    },
}  # fmt: skip
