"""How far a long command is: a bar in a terminal, a line a stage elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


@contextmanager
def stages(console: Console, words: dict[str, str]) -> Iterator[Callable[[str, int, int], None]]:
    """A function to call with (stage, done, of how many; 0 when nobody knows); `words` says each stage for people."""
    if not console.is_terminal:
        said: list[str] = []

        def line(stage: str, _done: int, _total: int) -> None:
            if stage not in said:
                said.append(stage)
                console.print(words.get(stage, stage), markup=False, highlight=False)

        yield line
        return
    columns = (
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    )  # fmt: skip
    with Progress(*columns, console=console) as bar:
        tasks = {}

        def draw(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(words.get(stage, stage), total=None)
            bar.update(tasks[stage], completed=done, total=max(total, done) or None)

        yield draw
