"""The shapes of handovers in answers. Times are Unix ms."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from api.schemas import Body


class Handover(Body):
    """A handover that was signed."""

    id: int
    site: str
    begin: int = Field(description="What it looks back to: the sign-off before.")
    signed_at: int
    signed_by: str
    organisation: str | None
    note: str
    sha256: str = Field(description="Of `body`, as UTF-8.")
    previous: str | None = Field(description="The hash of the one before at this site; null for the first.")


class Handovers(Body):
    """A page of handovers, newest first."""

    items: list[Handover]
    next: int | None = Field(description="Pass as `before` for the next page; null at the end.")


class SignedHandover(Handover):
    """One with its text."""

    body: str = Field(description="What was signed, byte for byte: JSON.")
    intact: bool = Field(description="Whether the text still has the hash that was signed.")


class HandoverNow(Body):
    """What would be signed now."""

    sheet: dict[str, Any] = Field(description="As it would stand in `body`; `unasked` names what could not be asked.")


class SignHandover(Body):
    """Freeze the handover of this moment."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"note": "2#塔机风速仪待换"}]})

    note: Annotated[str, Field(max_length=400, pattern=r"^[^\x00]*$")] = ""


_HANDOVER: dict[str, Any] = {
    "id": 3, "site": "demo", "begin": 1795332600000, "signed_at": 1795375800000, "signed_by": "王工 (wang)",
    "organisation": "示范总包 Demo contractor", "note": "2#塔机风速仪待换",
    "sha256": "9f2feb0f1ef425b292f2f94bc8482494df430413c4a6ff9f6b7f1b1f6ad39e0a",
    "previous": "4355a46b19d348dc2f57c046f8ef63d4538ebb936000f3c9ee954a27460dd865",
}  # fmt: skip
EXAMPLES: dict[str, Any] = {
    "Handovers": {"items": [_HANDOVER], "next": None},
    "SignedHandover": {**_HANDOVER, "body": '{"at":1795375800000,"…":"…"}', "intact": True},
    "HandoverNow": {"sheet": {"version": 1, "site": "demo", "at": 1795375800000, "since": 1795332600000, "gaps": []}},
}
