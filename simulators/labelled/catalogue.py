"""All labelled scenarios, in the order in which they are shown."""

from simulators.labelled import leaning, lifting, places, pouring, sensing, shifts, windy
from simulators.labelled.case import CASES, Case

# Importing a module declares its scenarios.
MODULES = (shifts, lifting, windy, places, leaning, sensing, pouring)


def scenarios() -> list[Case]:
    """Every scenario."""
    order = [module.__name__ for module in MODULES]
    return sorted(CASES.values(), key=lambda case: order.index(case.play.__module__))


def scenario(name: str) -> Case:
    """The scenario of that name. Raises KeyError."""
    return CASES[name]
