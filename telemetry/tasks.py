"""Named tasks that cannot vanish: the one place that may call asyncio.create_task."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Coroutine
from typing import Any

logger = logging.getLogger(__name__)

_alive: set[asyncio.Task[Any]] = set()


def spawn(work: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
    """Start a task outside a TaskGroup; it is kept alive, and its failure is logged."""
    task = asyncio.create_task(work, name=name)  # noqa: TID251 - this is the place
    _alive.add(task)
    task.add_done_callback(_ended)
    return task


def _ended(task: asyncio.Task[Any]) -> None:
    _alive.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("task %s failed", task.get_name(), exc_info=error, extra={"action": "task_failed"})


def stop_on_signals(stop: asyncio.Event) -> None:
    """Set `stop` on SIGTERM or SIGINT; a second signal of either kind ends the process at once."""
    loop = asyncio.get_running_loop()

    def handle(number: int) -> None:
        stop.set()
        with contextlib.suppress(ValueError):
            loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, handle, number)
