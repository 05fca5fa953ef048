"""`cranewatch notify`: the notifier, a test message by its whole path, and what waits or was given up."""

import asyncio
import json
import secrets
import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from api.notify import wording
from runtime.command import Json, WithDatabase, named, refuse, shell_actor
from runtime.doctor import Finding, Verdict
from telemetry.clock import utc_now
from telemetry.errors import ConfigError, StorageError
from telemetry.escalation import Message, Sort
from telemetry.ladder import Urgency
from telemetry.settings import DatabaseSettings
from telemetry.storage import devices, escalations, outbox, roster
from telemetry.storage.outbox import Queued
from telemetry.storage.pool import Database

app = typer.Typer(
    name="notify",
    help="通知 · Tell people of alarms: the service itself; `test` and `queue` look at it.",
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

LOOK_S = 0.2
BEHIND_S = 30.0


@app.callback(
    invoke_without_command=True, epilog="Example: [bold]CRANEWATCH_DATABASE__URL=postgresql://… cranewatch notify[/]"
)
def serve(context: typer.Context) -> None:
    """通知: tell people of alarms along each site's ladder, until it is stopped. Several may run."""
    if context.invoked_subcommand is None:
        from api.notify.__main__ import main

        named(main)


@app.command("test", epilog="Example: [bold]cranewatch notify test demo/wang[/]")
def try_out(
    contact: Annotated[str, typer.Argument(help="SITE/CONTACT.")],
    wait: Annotated[float, typer.Option(min=1, max=600, help="Seconds to wait for a notifier to send it.")] = 60.0,
) -> None:
    """测试: a message that says 测试 TEST to each channel of a contact, by the path of alarms; 1 if one fails."""
    settings = named(WithDatabase)
    site, found, name = contact.partition("/")
    if not found or not name:
        refuse("name the contact as SITE/CONTACT")
    try:
        rows = asyncio.run(_test(settings.database, site, name, wait))
    except (StorageError, ConfigError) as error:
        refuse(str(error), 1)
    table = Table("通道 channel", "结果 outcome", Column("原因 why", overflow="fold"))
    for row in rows:
        sent = row["sent_at"] is not None
        what = "[green]已发送 sent[/]" if sent else "[bold red]未发送 not sent[/]"
        nobody = "没有通知服务在运行？ is a notifier running?" if not row["attempts"] else ""
        table.add_row(row["channel"], what, "" if sent else row["last_error"] or nobody)
    Console().print(table)
    raise typer.Exit(0 if all(row["sent_at"] is not None for row in rows) else 1)


async def _test(settings: DatabaseSettings, site: str, name: str, wait: float) -> list[dict[str, Any]]:
    async with Database(settings, application="notify-test") as database:
        standing = await roster.standing(database, site, utc_now())
        contact = standing.contacts.get(name) if standing is not None else None
        if standing is None or contact is None:
            raise ConfigError(f"no contact {site}/{name}")
        if not contact.channels:
            raise ConfigError(f"{site}/{name} has no channel")
        text = wording.test(standing.display_name, contact.name, utc_now(), standing.zone, contact.language)
        prefix = f"test/{secrets.token_hex(8)}/"
        await outbox.put(
            database,
            [
                Message(key=prefix + one.name, site=site, contact=name, channel=one.name, sort=Sort.TEST,
                        life_safety=False, title=text.title, body=text.body)
                for one in contact.channels
            ],
        )  # fmt: skip
        for _ in range(round(wait / LOOK_S)):
            rows = await outbox.outcomes(database, prefix)
            if all(row["sent_at"] is not None or row["dead_at"] is not None for row in rows):
                break
            await asyncio.sleep(LOOK_S)
        return rows


@app.command(epilog="Example: [bold]cranewatch notify queue --dead[/]  or  [bold]cranewatch notify queue --retry[/]")
def queue(
    site: Annotated[str | None, typer.Option(help="Of this site only.")] = None,
    dead: Annotated[bool, typer.Option("--dead", help="Only what was given up.")] = False,
    retry: Annotated[bool, typer.Option("--retry", help="Try what was given up again.")] = False,
    as_json: Json = False,
) -> None:
    """队列: messages that wait to be sent or were given up, and why; 1 when there are dead letters."""
    settings = named(WithDatabase)
    try:
        found, again = asyncio.run(_queue(settings.database, site, dead=dead, retry=retry))
    except StorageError as error:
        refuse(str(error), 1)
    if again:
        Console(stderr=True).print(f"重新发送 tried again: {len(again)}")
    if as_json:
        sys.stdout.write(json.dumps([_json(one) for one in found], ensure_ascii=False) + "\n")
    elif not found:
        Console().print("没有待发消息 nothing waits")
    else:
        table = Table("no.", "工地 site", "联系人 contact", "通道 channel", "状态 state", "次数 attempts",
                      Column("标题 title", overflow="fold"), Column("原因 why", overflow="fold"))  # fmt: skip
        for one in found:
            state = "放弃 given up" if one.dead_at is not None else "待发 waits"
            table.add_row(str(one.outbox_id), one.site, one.contact, one.channel, state, str(one.attempts), one.title,
                          one.last_error or "")  # fmt: skip
        Console().print(table)
    raise typer.Exit(1 if any(one.dead_at is not None for one in found) else 0)


async def _queue(
    settings: DatabaseSettings, site: str | None, *, dead: bool, retry: bool
) -> tuple[list[Queued], list[int]]:
    async with Database(settings, application="notify-queue") as database:
        again = await outbox.retry(database, shell_actor(), site=site) if retry else []
        given_up = await outbox.queue(database, "dead", site=site, limit=outbox.MAX_PAGE)
        waiting = [] if dead else await outbox.queue(database, "waiting", site=site, limit=outbox.MAX_PAGE)
    return [*given_up, *waiting], again


def _json(one: Queued) -> dict[str, Any]:
    return {
        "id": one.outbox_id, "site": one.site, "contact": one.contact, "channel": one.channel, "sort": one.sort,
        "life_safety": one.life_safety, "title": one.title, "attempts": one.attempts, "error": one.last_error,
        "dead": one.dead_at is not None, "created_at": one.created_at.isoformat(), "due_at": one.due_at.isoformat(),
    }  # fmt: skip


async def findings(settings: DatabaseSettings) -> list[Finding]:
    """For the doctor: whether a notifier works, whether it reaches anybody, and what it gave up."""
    try:
        async with Database(settings, application="doctor") as database:
            behind_s = await escalations.behind_s(database)
            level = await outbox.level(database)
            sites = [one.site for one in await devices.sites(database) if one.devices]
            standings = [await roster.standing(database, site, utc_now()) for site in sites]
    except (StorageError, ConfigError):
        return []  # the database's own finding says it
    silent = [one.site for one in standings if one is not None and not one.reached(Urgency.LIFE_SAFETY)]
    found: list[Finding] = []
    if behind_s > BEHIND_S:
        text = f"alarms have waited {behind_s:.0f} s for a notifier to look at them"
        found.append(Finding("notify", Verdict.BAD, text, "start `cranewatch notify`: nobody is told"))
    if silent:
        text = f"nobody can be told of a danger to life at {', '.join(silent[:5])}{' …' if len(silent) > 5 else ''}"
        advice = "give the site contacts and a duty roster (docs/operations.md, Telling people)"
        found.append(Finding("notify", Verdict.DOUBTFUL, text, advice))
    if level.dead:
        text = f"{level.dead} messages were given up"
        found.append(Finding("notify", Verdict.BAD, text, "`cranewatch notify queue --dead` says why"))
    return found or [Finding("notify", Verdict.GOOD, "no alarm waits for a notifier, no message was given up")]
