"""
A site's file out of the record, and into it: everything at once or nothing, with its line in the audit log.

Rule 1: what has not changed is not written, so that no version rises and no alarm begins anew for it.
Rule 2: a device is never deleted: its readings and alarms stay. One that the file does not name is retired.
Rule 3: what is dangerous is done only when exactly that was confirmed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

import msgspec
from psycopg.types.json import Jsonb

from telemetry import profiles
from telemetry.clock import to_ms
from telemetry.errors import ConfigError
from telemetry.kinds import KINDS
from telemetry.limit_profile import Profile
from telemetry.sitefile import configs, difference, merging, writing
from telemetry.sitefile.change import Change
from telemetry.sitefile.configs import Key
from telemetry.sitefile.merging import Contradiction
from telemetry.sitefile.recovery import recovered
from telemetry.sitefile.words import File, bare
from telemetry.storage import audit, configure, contacts, roster
from telemetry.storage.audit import Actor, Deed
from telemetry.storage.pool import Connection, Database, lock_site
from telemetry.storage.profiles import due
from telemetry.storage.profiles import published as publications
from telemetry.wire.payloads import DeviceConfig, SiteConfig

MAX_TOLD: Final = 200  # changes in a line of the audit log; the rest is counted

_SITE: Final[LiteralString] = (
    "SELECT display_name, timezone, organisation, config, config_version FROM site WHERE site = %s"
)
_NEW: Final[LiteralString] = "INSERT INTO site (site) VALUES (%s) ON CONFLICT DO NOTHING"
_DEVICES: Final[LiteralString] = (
    "SELECT kind, device, config, config_version FROM device WHERE site = %s ORDER BY kind, device"
)
_LAST: Final[LiteralString] = "SELECT version, body FROM site_file WHERE site = %s ORDER BY version DESC LIMIT 1"
_ADD: Final[LiteralString] = "INSERT INTO site_file (site, version, at, who, body) VALUES (%s, %s, %s, %s, %s)"


class Contradicted(ConfigError):
    """The file says what the site has otherwise; `found` has the places in the file."""

    def __init__(self, found: Sequence[Contradiction]) -> None:
        super().__init__("; ".join(one.en for one in found))
        self.found = list(found)


class Unconfirmed(ConfigError):
    """Something dangerous was not confirmed; `changes` are all of them, `word` confirms exactly these."""

    def __init__(self, changes: Sequence[Change]) -> None:
        self.changes = list(changes)
        self.word = difference.confirmation(changes)
        super().__init__(f"{len(difference.dangerous(changes))} dangerous changes: confirm them with {self.word}")


class Outdated(ConfigError):
    """The site is not as it was when the file was taken from it."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a site is configured with."""

    file: File  # with its people, addresses whole
    strange: tuple[Key, ...]  # configured devices that no file can describe: an import leaves them alone
    unconfigured: tuple[Key, ...]  # registered themselves, and nobody said anything of them
    retired: tuple[Key, ...]
    version: int  # of the last file that was imported; 0 of none

    @property
    def tag(self) -> str:
        """What its content is known by."""
        return writing.tag(self.file)

    def written(self, *, secrets: bool = False, people: bool = True) -> str:
        """It as a file, with comments on the devices that are not in it; without `people` those stay unsaid."""
        file = self.file
        if not people:
            file = msgspec.structs.replace(file, contacts=None, notify=None, roster=None)
        return writing.written(file, secrets=secrets, notes=self._notes())

    def _notes(self) -> Iterable[str]:
        for keys, words in (
            (self.retired, "已退出监测 taken out of monitoring"),
            (self.unconfigured, "自行注册，未配置 registered itself, not configured"),
            (self.strange, "无法写入本文件，导入时不变 cannot be written here; an import leaves it alone"),
        ):
            for key in keys:
                if key[0] not in KINDS:
                    continue  # the analyzer about itself
                yield f"{'/'.join(key)}: {words}"


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did, or would do."""

    changes: list[Change]
    applied: bool
    tag: str  # of what the site has after it
    new: bool  # nobody knew the site

    @property
    def word(self) -> str:
        """What confirms its dangerous changes; empty when there are none."""
        return difference.confirmation(self.changes)


async def held(database: Database, site: str, at: datetime) -> Held | None:
    """What a site is configured with, duties that are over at `at` left out; None where nobody knows it."""
    async with database.connection() as connection, connection.transaction():
        return await read(connection, site, at)


async def published(database: Database, site: str, at: datetime) -> Profile | None:
    """The limit profile that was published to a site and holds at `at`. Raises StorageError."""
    own = [one for one in await publications(database) if one.site == site]
    sent = due(own, to_ms(at)).get(site)
    if sent is not None and sent.effective > to_ms(at):
        sent = sent.before
    return profiles.parse(sent.text, f"{sent.name}/{sent.version}") if sent is not None else None


async def put(
    database: Database,
    file: File,
    by: Actor,
    at: datetime,
    *,
    dry: bool = False,
    confirmed: str | bool = False,
    expected: Iterable[str] | None = None,
) -> Imported:
    """
    Import a checked file, or with `dry` say what that would change.

    `confirmed`: the word that confirms its dangerous changes, or True for all of them. `expected`: the tags of which
    the site must have one. Raises StorageError, Contradicted, Unconfirmed and Outdated.
    """
    site = file.site.id
    judged = await published(database, site, at)
    async with database.connection() as connection, connection.transaction(force_rollback=dry):
        row = await (await connection.execute(_SITE, (site,))).fetchone()
        await connection.execute(_NEW, (site,))
        await lock_site(connection, site)
        now = await read(connection, site, at) if row is not None else None
        if expected is not None and (now.tag if now is not None else "") not in set(expected):
            raise Outdated("the site is not as it was when this file was taken from it: take it anew")
        old = now.file if now is not None else None
        merged, wrong = merging.merged(old, file)
        if wrong:
            raise Contradicted(wrong)
        if merged.roster is not None:
            # What is over is neither written nor missed.
            merged = msgspec.structs.replace(merged, roster=[duty for duty in merged.roster if duty.end > at])
        changes = difference.changes(old, merged, judged)
        word = difference.confirmation(changes)
        if word and not dry and confirmed is not True and confirmed != word:
            raise Unconfirmed(changes)
        await _write(connection, merged, by, at, now)
        after = await read(connection, site, at)
        tag = after.tag if after is not None else ""
        if changes:
            told = [[one.what, one.old, one.new, one.verdict.value] for one in changes[:MAX_TOLD]]
            more = {"more": len(changes) - MAX_TOLD} if len(changes) > MAX_TOLD else {}
            before = {"file": now.tag, "version": now.version} if now is not None else None
            deed = Deed(by, "site.import", site, site, before, {"file": tag, "changes": told, **more})
            await audit.write(connection, deed)
    return Imported(changes, not dry and bool(changes), tag, row is None)


async def read(connection: Connection, site: str, at: datetime) -> Held | None:
    """See `held`; inside the caller's transaction. Raises psycopg errors."""
    row = await (await connection.execute(_SITE, (site,))).fetchone()
    if row is None:
        return None
    last, version = await _last(connection, site)
    found: dict[Key, DeviceConfig] = {}
    strange: list[Key] = []
    unconfigured: list[Key] = []
    for one in await (await connection.execute(_DEVICES, (site,))).fetchall():
        key = (one["kind"], one["device"])
        if not one["config_version"]:
            unconfigured.append(key)
            continue
        try:
            found[key] = msgspec.convert({"version": one["config_version"], **one["config"]}, DeviceConfig)
        except msgspec.ValidationError:
            strange.append(key)
    file, more = recovered(site, _site_config(row), found, last)
    file = msgspec.structs.replace(
        file,
        contacts=await contacts.read(connection, site),
        roster=await roster.ahead(connection, site, at),
        notify=await roster.plan_of(connection, site),
    )
    retired = tuple(sorted(key for key, config in found.items() if config.retired))
    return Held(file, tuple(sorted([*strange, *more])), tuple(unconfigured), retired, version)


def _site_config(row: dict[str, Any]) -> SiteConfig:
    columns = {"display_name": row["display_name"], "timezone": row["timezone"], "organisation": row["organisation"]}
    try:
        return msgspec.convert({**columns, "version": row["config_version"], **row["config"]}, SiteConfig)
    except msgspec.ValidationError:
        return SiteConfig(version=row["config_version"], **columns)


async def _last(connection: Connection, site: str) -> tuple[File | None, int]:
    row = await (await connection.execute(_LAST, (site,))).fetchone()
    if row is None:
        return None, 0
    try:
        return msgspec.convert(row["body"], File), row["version"]
    except msgspec.ValidationError:
        return None, row["version"]  # of a version that had other words: what is configured is all there is


async def _write(connection: Connection, file: File, by: Actor, at: datetime, now: Held | None) -> None:
    site = file.site.id
    wanted = configs.device_configs(file)
    own = configs.site_config(file)
    for organisation in {own.organisation, *(one.organisation for one in wanted.values())} - {None}:
        await connection.execute(configure.ORGANISATION, (organisation,))
    row = await (await connection.execute(configure.SITE_NOW, (site,))).fetchone()
    new = configure.following(own, row["config"] if row else {}, row["config_version"] if row else 0)
    if new is not None:
        await connection.execute(configure.SITE, configure.site_row(site, new))
    rows = await (await connection.execute(_DEVICES, (site,))).fetchall()
    there = {(one["kind"], one["device"]): (one["config"], one["config_version"]) for one in rows}
    gone = set(configs.device_configs(now.file)) - wanted.keys() if now is not None else set()
    for key in sorted(gone):
        config, version = there[key]
        before = msgspec.convert({"version": version, **config}, DeviceConfig)
        wanted[key] = msgspec.structs.replace(before, retired=True)
    for key, one in sorted(wanted.items()):
        next_ = configure.following(one, *there.get(key, ({}, 0)))
        if next_ is not None:
            await connection.execute(configure.DEVICE, configure.device_row(site, *key, next_))
    await roster.replace(connection, site, file.contacts, file.roster, file.notify, at)
    body = msgspec.json.decode(msgspec.json.encode(bare(file)))
    last = await (await connection.execute(_LAST, (site,))).fetchone()
    if last is None or last["body"] != body:
        version = last["version"] + 1 if last is not None else 1
        await connection.execute(_ADD, (site, version, at, by.who, Jsonb(body)))
