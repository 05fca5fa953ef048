"""A labelled scenario: its name and title, whether it is harmless, and the function that plays it from a seed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from simulators.labelled.boxes import Recording

Kind = Literal["lift", "wind", "tilt", "limits", "health", "formwork"]
Play = Callable[[int], Recording]


@dataclass(frozen=True, slots=True)
class Case:
    """One scenario. `harmless`: whoever raises an alarm in it is wrong, but for its allowances."""

    name: str
    kind: Kind
    harmless: bool
    zh: str
    en: str
    play: Play


CASES: Final[dict[str, Case]] = {}


def case(name: str, kind: Kind, zh: str, en: str, *, harmless: bool = False) -> Callable[[Play], Play]:
    """Declare the function below as a scenario."""

    def declare(play: Play) -> Play:
        if name in CASES:
            raise ValueError(f"two scenarios called {name}")
        CASES[name] = Case(name, kind, harmless, zh, en, play)
        return play

    return declare
