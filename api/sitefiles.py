"""Site files for REST and console: checked against what this process can send to, and today's date."""

import asyncio

from api.notify import sending
from telemetry.clock import utc_now
from telemetry.sitefile import check
from telemetry.sitefile.finding import Finding, shown
from telemetry.sitefile.words import File
from telemetry.storage import sitefile
from telemetry.storage.pool import Database
from telemetry.storage.sitefile import Contradicted
from telemetry.toml_places import Places


async def checked(text: str, database: Database | None) -> tuple[File | None, list[Finding]]:
    """
    See `check.checked`; in a thread, because apprise and a large file take a while. Raises StorageError.
    """
    site, now = check.site_of(text), utc_now()
    published = await sitefile.published(database, site, now) if database is not None and site is not None else None

    def work() -> tuple[File | None, list[Finding]]:
        readable = None
        if "url" in text:
            sending.prepare()
            readable = sending.known
        return check.checked(text, today=now.date(), readable=readable, published=published)

    return await asyncio.to_thread(work)


def contradicted(text: str, error: Contradicted) -> list[Finding]:
    """What the record contradicts, with its lines in the text."""
    places = Places(text)
    return [Finding(places.at(one.path), shown(one.path), one.zh, one.en) for one in error.found]
