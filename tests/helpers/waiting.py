"""Waiting for something to become true, with a bound and without a guess about how long it takes."""

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], object], seconds: float = 20.0, trace: Callable[[], str] | None = None) -> None:
    """Wait until a condition holds. Raises TimeoutError, which says what `trace` found."""
    try:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - the condition is out there, in a server
                await asyncio.sleep(0.02)
    except TimeoutError as error:
        if trace is None:
            raise
        raise TimeoutError(trace()) from error
