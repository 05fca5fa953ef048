"""Who is who, where two persons are asked for."""

import unicodedata


def same_person(one: str, other: str) -> bool:
    """Whether two names are one: capitals, width and spaces make no second person."""
    return _plain(one) == _plain(other)


def _plain(name: str) -> str:
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())
