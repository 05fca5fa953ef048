"""What every command of `cranewatch` says in the same way: refusals, wrong settings, JSON."""

import getpass
import socket
from collections.abc import Callable
from typing import Annotated, Any, NoReturn

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich.console import Console

from runtime.doctor import known_settings, variables
from telemetry.settings import DatabaseSettings, Environment
from telemetry.storage.audit import Actor

Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object on stdout.")]


def shell_actor() -> Actor:
    """Whoever sits at this machine, as the audit log says it."""
    return Actor(f"cli:{getpass.getuser()}", None, socket.gethostname())


class WithDatabase(Environment):
    """The settings of commands that only need a database."""

    database: DatabaseSettings


def refuse(text: str, status: int = 2) -> NoReturn:
    """Say why not, and end."""
    Console(stderr=True).print(text, style="bold red", markup=False, soft_wrap=True, highlight=False)
    raise typer.Exit(status)


def named(call: Callable[..., object]) -> Any:
    """What the call gives; a wrong setting is said with the variable that sets it."""
    try:
        return call()
    except ValidationError as error:
        names = {name for model in known_settings() for name in variables(model)}
        lines = []
        for found in error.errors():
            name = "CRANEWATCH_" + "__".join(map(str, found["loc"])).upper()
            within = sorted(n for n in names if n.startswith(f"{name}__"))
            # A missing section: say which variable makes it, not a name that would not work.
            wanted = f"{name}__URL" if f"{name}__URL" in within else (within[0] if within else name)
            lines.append(f"{wanted}: {found['msg']}")
        refuse("settings:\n  " + "\n  ".join(lines))
    except SettingsError as error:
        refuse(f"settings: {error}: a section is set by its fields, for example CRANEWATCH_DATABASE__URL")
