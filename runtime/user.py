"""`cranewatch user` and `cranewatch key`: accounts, from the server's own shell. The first admin is made here."""

import asyncio
import getpass
import hashlib
import json
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from api.access import tokens
from api.access.passwords import Passwords, weakness
from runtime.command import Json, WithDatabase, named, refuse
from telemetry.clock import utc_now
from telemetry.errors import ConfigError, StorageError
from telemetry.roles import ROLE_WORDS, Role
from telemetry.storage import accounts, audit, keys, logins
from telemetry.storage.accounts import Account, Person
from telemetry.storage.audit import Actor
from telemetry.storage.pool import Database

T = TypeVar("T")
app = typer.Typer(name="user", help="用户 · Accounts of people: who may do what at which site.", no_args_is_help=True,
                  rich_markup_mode="rich", context_settings={"help_option_names": ["-h", "--help"]})  # fmt: skip
key_app = typer.Typer(name="key", help="密钥 · Keys of programs that use the API.", no_args_is_help=True,
                      rich_markup_mode="rich", context_settings={"help_option_names": ["-h", "--help"]})  # fmt: skip

Login = Annotated[str, typer.Argument(help="The name to sign in with, for example li.na.")]
Roles = Annotated[list[str], typer.Option("--role", help="ROLE or ROLE@SITE; may be repeated. " + ", ".join(Role))]
Organisation = Annotated[str, typer.Option("--organisation", help="The company or office that the person is of.")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from stdin; else a link to set it is printed.")
]


def _run(call: Callable[[Database], Awaitable[T]]) -> T:
    settings = named(WithDatabase)

    async def within() -> T:
        async with Database(settings.database, application="user") as database:
            return await call(database)

    try:
        return asyncio.run(within())
    except (StorageError, ConfigError) as error:
        refuse(str(error), 1)


def _actor() -> Actor:
    return Actor(f"cli:{getpass.getuser()}", None, "cli")


def grants(roles: list[str]) -> frozenset[tuple[Role, str]]:
    """Roles as they are given, `safety_officer@demo`. Raises ConfigError for one that there is not."""
    found = set()
    for text in roles:
        role, _, site = text.partition("@")
        if role not in set(Role):
            raise ConfigError(f"no role {role!r}; there are: {', '.join(Role)}")
        found.add((Role(role), site or "*"))
    return frozenset(found)


async def _by_login(database: Database, login: str) -> Account:
    found = await accounts.by_login(database, login)
    if found is None:
        raise ConfigError(f"no account {login!r}")
    return found


async def _invite(database: Database, account: Account) -> str:
    token = tokens.opaque()
    await logins.invite(
        database, _actor(), account.user_id, account.login, tokens.digest(token), utc_now() + tokens.INVITATION
    )
    return f"{os.environ.get('CRANEWATCH_NOTIFY__PUBLIC_URL', '').rstrip('/')}/login#invitation={token}"


def _password(login: str) -> str:
    text = getpass.getpass("password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    why = weakness(text, login)
    if why is not None:
        refuse(f"{why[0]} {why[1]}", 1)
    return text


def _tell_link(path: str) -> None:
    Console(stderr=True).print(
        f"请用此链接设置口令（{tokens.INVITATION.days} 天内，一次有效） set the password with this link, once, within"
        f" {tokens.INVITATION.days} days:"
    )
    if path.startswith("/"):
        Console(stderr=True).print("（前加本系统的网址 put the server's own address in front）")
    sys.stdout.write(path + "\n")


@app.command(epilog="Example: [bold]cranewatch user add li.na --name 李娜 --role safety_officer@demo[/]")
def add(
    login: Login,
    role: Roles,
    name: Annotated[str | None, typer.Option("--name", help="How others read it; else the login.")] = None,
    organisation: Organisation = "cranewatch",
    phone: Annotated[str | None, typer.Option("--phone", help="To be called at.")] = None,
    language: Annotated[str | None, typer.Option("--language", help="zh, en or both.")] = None,
    password_stdin: FromStdin = False,
) -> None:
    """新建: make an account. Prints a link to set the password with, unless it is given on stdin."""
    password = _password(login) if password_stdin else None

    async def call(database: Database) -> str | None:
        person = Person(name or login, organisation, grants(role), language, phone)
        kept = await Passwords().hashed(password) if password is not None else None
        made = await accounts.add(database, _actor(), login, person, kept)
        return await _invite(database, made) if password is None else None

    path = _run(call)
    if path is not None:
        _tell_link(path)


@app.command("list", epilog="Example: [bold]cranewatch user list --json[/]")
def list_(as_json: Json = False) -> None:
    """列出: every account, with its roles."""
    found = _run(accounts.accounts)
    if as_json:
        rows = [{"login": one.login, "created_at": one.created_at.isoformat(), **one.told()} for one in found]
        sys.stdout.write(json.dumps(rows, ensure_ascii=False) + "\n")
        return
    table = Table("用户 login", "姓名 name", "单位 organisation", "角色 roles", "")
    for one in found:
        state = "停用 disabled" if one.disabled_at else "" if one.password_hash else "未设口令 no password yet"
        table.add_row(one.login, one.display_name, one.organisation, _roles(one.grants), state)
    Console().print(table)


def _roles(held: frozenset[tuple[Role, str]]) -> str:
    return ", ".join(
        f"{ROLE_WORDS[role][0]} {role}" + ("" if site == "*" else f"@{site}") for role, site in sorted(held)
    )


@app.command("roles", epilog="Example: [bold]cranewatch user roles li.na --role site_manager@demo[/]")
def set_roles(login: Login, role: Roles) -> None:
    """角色: say anew which roles a person has; those that are not named are gone."""

    async def call(database: Database) -> None:
        one = await _by_login(database, login)
        person = Person(one.display_name, one.organisation, grants(role), one.language, one.phone)
        await accounts.change(database, _actor(), one.user_id, person)

    _run(call)


@app.command(epilog="Example: [bold]cranewatch user password li.na[/]")
def password(login: Login, password_stdin: FromStdin = False) -> None:
    """口令: a link with which the person sets a new password; with --password-stdin it is set now."""
    text = _password(login) if password_stdin else None

    async def call(database: Database) -> str | None:
        one = await _by_login(database, login)
        if text is None:
            return await _invite(database, one)
        await accounts.set_password(database, _actor(), one.user_id, await Passwords().hashed(text), keep=None)
        return None

    path = _run(call)
    if path is not None:
        _tell_link(path)


@app.command(epilog="Example: [bold]cranewatch user disable li.na[/]  or  [bold]... disable li.na --undo[/]")
def disable(login: Login, undo: Annotated[bool, typer.Option("--undo", help="Open it again.")] = False) -> None:
    """停用: close an account and end its sessions; what it did stays on record."""

    async def call(database: Database) -> None:
        one = await _by_login(database, login)
        await accounts.disable(database, _actor(), one.user_id, disabled=not undo)

    _run(call)


@app.command("audit", epilog="Example: [bold]cranewatch user audit --who li.na[/]")
def audit_(
    who: Annotated[str | None, typer.Option("--who", help="Only what this person did.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many lines.")] = 50,
    as_json: Json = False,
) -> None:
    """审计: who did what, newest first."""
    rows = _run(lambda database: audit.page(database, who=who, limit=limit))
    if as_json:
        found: list[dict[str, Any]] = [
            {"id": row.audit_id, "at": row.at.isoformat(), "who": row.who, "address": row.address,
             "action": row.action, "target": row.target, "site": row.site, "before": row.before, "after": row.after}
            for row in rows
        ]  # fmt: skip
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
        return
    table = Table("时间 at (UTC)", "谁 who", "从 from", "做了 did", "对 to", "变为 after")
    for row in rows:
        after = json.dumps(row.after, ensure_ascii=False) if row.after else ""
        table.add_row(f"{row.at:%Y-%m-%d %H:%M:%S}", row.who, row.address or "", row.action, row.target, after)
    Console().print(table)


@key_app.command("add", epilog="Example: [bold]cranewatch key add dashboard --role authority@demo --days 90[/]")
def add_key(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    role: Roles,
    organisation: Organisation = "cranewatch",
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long it lasts.")] = 365,
) -> None:
    """新建: make a key; its secret is printed this once."""
    key_id, secret = tokens.new_id(), tokens.opaque()

    async def call(database: Database) -> None:
        digest = hashlib.sha256(secret.encode()).digest()
        expires = utc_now() + timedelta(days=days)
        await keys.add_key(database, _actor(), key_id, name, organisation, digest, grants(role), expires)

    _run(call)
    sys.stdout.write(tokens.api_key(key_id, secret) + "\n")


@key_app.command("list", epilog="Example: [bold]cranewatch key list[/]")
def list_keys() -> None:
    """列出: every key, without its secret."""
    table = Table("id", "名称 name", "角色 roles", "到期 expires", "最近使用 used", "")
    for row in _run(keys.keys):
        expires = f"{row.expires_at:%Y-%m-%d}" if row.expires_at else "—"
        used = f"{row.used_at:%Y-%m-%d %H:%M}" if row.used_at else "—"
        table.add_row(
            row.key_id, row.name, _roles(row.grants), expires, used, "已吊销 revoked" if row.revoked_at else ""
        )
    Console().print(table)


@key_app.command("revoke", epilog="Example: [bold]cranewatch key revoke k3v9x0q2m7ab[/]")
def revoke_key(key: Annotated[str, typer.Argument(help="Its id, from `cranewatch key list`.")]) -> None:
    """吊销: end a key; programs that use it are refused within seconds."""
    if not _run(lambda database: keys.revoke_key(database, _actor(), key)):
        refuse(f"no valid key {key!r}", 1)
