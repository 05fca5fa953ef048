"""Limit profiles of a site, as the api would publish them."""

from typing import Any

import msgspec

from telemetry import profiles
from telemetry.wire.payloads import SiteProfile

BASE = 'name = "{name}"\nversion = {version}\nbase = "cn"\nzh = "工地"\nen = "works"\n'
BY = 'source = "an edit in a test"'


def published(body: str, version: int = 1, name: str = "works", **fields: Any) -> SiteProfile:
    """A profile as the api would publish it."""
    text = BASE.format(name=name, version=version) + body
    found = profiles.parse(text)
    made = SiteProfile(
        name=name, version=version, hash=found.hash, effective=found.effective, proposed_by="li", approved_by="wang",
        text=text,
    )  # fmt: skip
    return msgspec.structs.replace(made, **fields)


def number(value: float) -> str:
    return f"{{ value = {value}, {BY} }}"
