"""What all payloads are made of: the base struct, names, texts, and words in both languages."""

from typing import Annotated

import msgspec
from msgspec import Meta

Text = Annotated[str, Meta(max_length=500, pattern=r"^[^\x00]*\Z")]
Name = Annotated[str, Meta(max_length=64, pattern=r"^[^\x00]*\Z")]


Clock = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-4]):[0-5][0-9]\Z")]  # of the day, local


class Payload(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The base of all payloads."""


class Words(Payload, frozen=True):
    """One sentence for a person, in both languages."""

    zh: Text
    en: Text
