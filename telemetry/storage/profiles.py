"""
Limit profiles in the record: proposed by one person, approved by another, published to sites.

Rule 1: what was approved never changes, and versions never go back; the table's own trigger sees to it as well.
Rule 2: each step writes its line of the audit log in its own transaction.
Rule 3: a profile is found again by its label, as it was resolved then, whatever its base says today.
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

import msgspec
import psycopg

from telemetry import profiles
from telemetry.errors import ConfigError
from telemetry.limit_profile import SHOWN, Profile
from telemetry.persons import same_person
from telemetry.profile_check import Known
from telemetry.settings import DatabaseSettings
from telemetry.storage.audit import Actor, Deed, line
from telemetry.storage.door import connect, translated
from telemetry.storage.pool import Database
from telemetry.wire.frames import MAX_BYTES
from telemetry.wire.payloads import SiteProfile, encode

PACKAGED_BY: Final = "cranewatch"

# ruff: noqa: S608 - constants of ours
_COLUMNS: LiteralString = (
    "p.name, p.version, p.hash, p.packaged, p.source, p.effective_ms, p.proposed_by, p.proposed_at, p.approved_by,"
    " p.approved_at, p.why"
)
_ALL: LiteralString = "SELECT " + _COLUMNS + " FROM limit_profile p ORDER BY p.name, p.version, p.proposed_at"
_ONE: LiteralString = (
    "SELECT " + _COLUMNS + " FROM limit_profile p WHERE p.name = %s AND p.version = %s AND NOT p.packaged"
)
_BEFORE: LiteralString = (
    "SELECT " + _COLUMNS + " FROM limit_profile p WHERE p.name = %s AND p.version < %s"
    " AND NOT p.packaged AND p.approved_by IS NOT NULL ORDER BY p.version DESC LIMIT 1"
)
_PROPOSE: LiteralString = (
    "INSERT INTO limit_profile (name, version, hash, packaged, source, body, effective_ms, proposed_by)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
)
_APPROVE: LiteralString = (
    "UPDATE limit_profile SET approved_by = %s, approved_at = now(), why = %s"
    " WHERE name = %s AND version = %s AND hash = %s AND NOT packaged"
)
_PUBLISH: LiteralString = (
    "INSERT INTO site_profile (site, name, version, hash, published_by) VALUES (%s, %s, %s, %s, %s)"
)
_KNOWN_SITE: LiteralString = "SELECT EXISTS (SELECT FROM site WHERE site = %s)"
_PUBLISHED: LiteralString = (
    "SELECT s.site, s.publication, s.published_by, s.published_at, "
    + _COLUMNS
    + " FROM site_profile s JOIN limit_profile p USING (name, version, hash) ORDER BY s.site, s.publication DESC"
)
_BODIES: LiteralString = (
    "SELECT body FROM limit_profile WHERE name || '/' || version || '@' || left(hash, %s) = ANY(%s)"
)


@dataclass(frozen=True, slots=True)
class Stored:
    """A version of a profile as the record has it."""

    name: str
    version: int
    hash: str
    packaged: bool
    source: str
    effective_ms: int
    proposed_by: str
    proposed_at: datetime
    approved_by: str | None
    approved_at: datetime | None
    why: str | None

    @property
    def label(self) -> str:
        """`name/version@hash`."""
        return f"{self.name}/{self.version}@{self.hash[:SHOWN]}"


@dataclass(frozen=True, slots=True)
class Publication:
    """What was published to a site."""

    site: str
    publication: int
    published_by: str
    published_at: datetime
    profile: Stored


def payload(stored: Stored, before: Stored | None = None) -> SiteProfile:
    """What is published; `before` is what holds until it is effective."""
    return SiteProfile(
        name=stored.name,
        version=stored.version,
        hash=stored.hash,
        effective=stored.effective_ms,
        proposed_by=stored.proposed_by,
        approved_by=stored.approved_by or "",
        text=stored.source,
        before=payload(before) if before is not None else None,
    )


def sized(sent: SiteProfile) -> bytes:
    """The payload's bytes. Raises ConfigError when no broker or reader would take them."""
    raw = encode(sent)
    if len(raw) >= MAX_BYTES:
        raise ConfigError(
            f"{sent.name}/{sent.version} has {len(raw):,} bytes to publish, the limit is {MAX_BYTES:,}:"
            " build on a packaged profile and say only what differs"
        )
    return raw


def due(publications: Iterable[Publication], now_ms: int) -> dict[str, SiteProfile]:
    """
    What each site's topic has to hold: what was published last, and until that is effective what was before it.

    `publications`: newest first.
    """
    found: dict[str, tuple[Stored, Stored | None]] = {}
    for one in publications:
        last, before = found.get(one.site, (None, None))
        if last is None:
            found[one.site] = (one.profile, None)
        elif before is None and last.effective_ms > now_ms >= one.profile.effective_ms:
            found[one.site] = (last, one.profile)
    return {site: payload(*both) for site, both in found.items()}


# For the command


class ProfileStore:
    """The record's profiles on a connection of a thread."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self._settings = settings
        self._open: psycopg.Connection[Any] | None = None

    def __enter__(self) -> "ProfileStore":
        self._open = connect(self._settings, application="profile")
        return self

    def __exit__(self, *_: object) -> None:
        if self._open is not None:
            self._open.close()

    def all(self) -> list[Stored]:
        """Every version, the packaged ones, too. Raises StorageError."""
        return [Stored(*row) for row in self._rows(_ALL, ())]

    def one(self, name: str, version: int) -> Stored:
        """A version that was proposed. Raises ConfigError when there is none, StorageError."""
        rows = self._rows(_ONE, (name, version))
        if not rows:
            raise ConfigError(f"there is no limit profile {name}/{version} in the record")
        return Stored(*rows[0])

    def approved_before(self, name: str, version: int) -> Stored | None:
        """The newest approved version before this one. Raises StorageError."""
        rows = self._rows(_BEFORE, (name, version))
        return Stored(*rows[0]) if rows else None

    def base(self, name: str) -> str:
        """The text of a profile that may be built on: a packaged one, or the newest approved. Raises ConfigError."""
        if name in profiles.names():
            return profiles.text(name)
        found = self.approved_before(name, 1 << 30)
        if found is None:
            raise ConfigError(
                f"no limit profile {name!r}; there are {', '.join(profiles.names())}, and none is approved"
            )
        return found.source

    def propose(self, text: str, of: str, who: str, known: Known, by: Actor | None = None) -> Stored:
        """
        Write down a new version; `by` is `who` as the audit log says it.

        Raises ConfigError with what is wrong with it, StorageError.
        """
        found = profiles.parse(text, of, bases=self.base, known=known)
        if found.name in profiles.names():
            raise ConfigError(
                f"{of}: {found.name!r} comes with cranewatch: give it another name, and base = {found.name!r}"
            )
        if not who.strip():
            raise ConfigError("who proposes it?")
        base = tomllib.loads(text).get("base")
        source = text if base is None or base in profiles.names() else profiles.written(found)
        sized(
            SiteProfile(
                name=found.name, version=found.version, hash=found.hash, effective=found.effective, proposed_by=who,
                approved_by=who, text=source,
            )
        )  # fmt: skip
        deed = Deed(by or Actor(who), "profile.propose", found.label)
        self._run(_PROPOSE, (*_key(found), False, source, _body(found), found.effective, who), deed)
        return self.one(found.name, found.version)

    def approve(
        self, name: str, version: int, who: str, why: str | None, known: Known, by: Actor | None = None
    ) -> Stored:
        """The second person lets a version pass. Raises ConfigError with why that cannot be, StorageError."""
        found = self.one(name, version)
        if found.approved_by is not None:
            raise ConfigError(f"{found.label} was approved by {found.approved_by}, and never changes")
        if not who.strip() or same_person(who, found.proposed_by):
            raise ConfigError(f"{found.label} was proposed by {found.proposed_by}: another person has to approve it")
        if profiles.parse(found.source, f"{name}/{version}", known=known).hash != found.hash:
            raise ConfigError(f"{found.label} says something else in this version of cranewatch: propose it again")
        deed = Deed(by or Actor(who), "profile.approve", found.label, after={"why": why, "of": found.proposed_by})
        self._run(_APPROVE, (who, why, name, version, found.hash), deed)
        return self.one(name, version)

    def publish(
        self, site: str, name: str, version: int, who: str, now_ms: int, by: Actor | None = None
    ) -> SiteProfile:
        """Let the api publish it to a site. Raises ConfigError with why that cannot be, StorageError."""
        found = self.one(name, version)
        if found.approved_by is None:
            raise ConfigError(f"{found.label} is not approved: cranewatch profile approve {name} {version} --who ...")
        if not self._rows(_KNOWN_SITE, (site,))[0][0]:
            raise ConfigError(f"no such site: {site}")
        mine = [one for one in self.publications() if one.site == site]
        newest = max((one.profile.version for one in mine if one.profile.name == name), default=0)
        if newest > version:
            raise ConfigError(
                f"{name}/{newest} was published to {site}, and versions never go back: propose the next one"
            )
        last = Publication(site, 0, who, found.proposed_at, found)
        sent = due([last, *mine], now_ms)[site]
        sized(sent)
        before = {"profile": mine[0].profile.label} if mine else None
        deed = Deed(by or Actor(who), "profile.publish", found.label, site, before)
        self._run(_PUBLISH, (site, name, version, found.hash, who), deed)
        return sent

    def publications(self) -> list[Publication]:
        """What was published, newest first at each site. Raises StorageError."""
        return [Publication(row[0], row[1], row[2], row[3], Stored(*row[4:])) for row in self._rows(_PUBLISHED, ())]

    def _rows(self, query: LiteralString, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        with translated(), self._connection.transaction():
            return self._connection.execute(query, values).fetchall()

    def _run(self, query: LiteralString, values: tuple[Any, ...], deed: Deed) -> None:
        with translated(), self._connection.transaction():
            self._connection.execute(query, values)
            self._connection.execute(*line(deed))

    def before(self, row: Stored) -> Profile:
        """What a version is compared with: the one approved before it, or what it builds on. Raises ConfigError."""
        found = None if row.packaged else self.approved_before(row.name, row.version)
        return profiles.parse(found.source, found.label) if found is not None else packaged_base(row.source)

    @property
    def _connection(self) -> "psycopg.Connection[Any]":
        if self._open is None:
            raise RuntimeError("not entered")
        return self._open


def packaged_base(text: str) -> Profile:
    """The packaged profile that a text builds on; the first market's where it names none. Raises ConfigError."""
    try:
        base = tomllib.loads(text).get("base")
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(str(error)) from error
    return profiles.load(base if base in profiles.names() else "cn")


def record_packaged(connection: "psycopg.Connection[Any]") -> None:
    """Write down the profiles that come with this version, so that later ones know what was judged by them."""
    for name in profiles.names():
        found = profiles.load(name)
        values = (*_key(found), True, profiles.text(name), _body(found), found.effective, PACKAGED_BY)
        connection.execute(_PROPOSE + " ON CONFLICT DO NOTHING", values)


def _key(profile: Profile) -> tuple[str, int, str]:
    return profile.name, profile.version, profile.hash


def _body(profile: Profile) -> str:
    return msgspec.json.encode(profile).decode()


# For the services


async def published(database: Database) -> list[Publication]:
    """What was published, newest first at each site. Raises StorageError."""
    async with database.connection() as connection:
        rows = await (await connection.execute(_PUBLISHED)).fetchall()
    own = ("site", "publication", "published_by", "published_at")
    return [
        Publication(
            row["site"],
            row["publication"],
            row["published_by"],
            row["published_at"],
            Stored(**{name: value for name, value in row.items() if name not in own}),
        )
        for row in rows
    ]


async def find(database: Database, labels: Iterable[str]) -> list[Profile]:
    """Those of these labels that the record has. Raises StorageError."""
    wanted = sorted(set(labels))
    if not wanted:
        return []
    async with database.connection() as connection:
        rows = await (await connection.execute(_BODIES, (SHOWN, wanted))).fetchall()
    found = [msgspec.convert(row["body"], Profile) for row in rows]
    # A profile that this version reads differently is not the one that was meant.
    return [profile for profile in found if profile.label in wanted]
