"""
Limit profiles: what there is, what a text changes, and the two persons and one step by which it comes to hold.

Rule: the same functions as the command and the console (`telemetry/storage/profiles.py`); nothing is decided here but
that a program approves nothing.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Path

from api import profile_schemas as bodies
from api import schemas
from api.access.gate import Approver, Caller, Proposer, Reader
from api.deps import Parts, SitePath
from api.problems import Problem, not_found
from telemetry import profiles, vocabulary
from telemetry.clock import now_ms, to_ms
from telemetry.errors import ConfigError
from telemetry.limit_profile import Profile
from telemetry.profile_diff import Difference, Verdict, differences, shown, source
from telemetry.storage.profiles import ProfileStore, Publication, Stored, packaged_base

T = TypeVar("T")
NamePath = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,32}$", examples=["works"])]
VersionPath = Annotated[int, Path(ge=1, lt=1 << 31, examples=[3])]
ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    code: {"model": schemas.ProblemBody, "content": {"application/problem+json": {}}} for code in (404, 409, 422, 503)
}
_ORDER: Final = {Verdict.LOOSENED: 1, Verdict.JUDGE: 2, Verdict.TIGHTENED: 3, Verdict.SOURCE: 4}


def _version(row: Stored, sites: Iterable[str]) -> bodies.ProfileVersion:
    return bodies.ProfileVersion(
        name=row.name, version=row.version, hash=row.hash, label=row.label, packaged=row.packaged,
        effective=row.effective_ms, proposed_by=row.proposed_by, proposed_at=to_ms(row.proposed_at),
        approved_by=row.approved_by, approved_at=to_ms(row.approved_at) if row.approved_at else None, why=row.why,
        sites=sorted(sites),
    )  # fmt: skip


def _difference(one: Difference) -> bodies.ProfileDifference:
    zh, en = one.words()
    verdict: Any = str(one.verdict)
    return bodies.ProfileDifference(
        path=".".join(one.path), old=shown(one.old), new=shown(one.new), old_source=source(one.old),
        new_source=source(one.new), verdict=verdict, life_safety=one.life_safety, words=schemas.Words(zh=zh, en=en),
    )  # fmt: skip


def _comparison(old: Profile, new: Profile) -> bodies.ProfileComparison:
    found = sorted(differences(old, new), key=lambda one: (not one.alarming, _ORDER[one.verdict]))
    return bodies.ProfileComparison(
        label=new.label, against=old.label, loosens_life_safety=sum(one.alarming for one in found),
        differences=[_difference(one) for one in found],
    )  # fmt: skip


def _holding(publications: Iterable[Publication], who: Caller) -> dict[str, list[str]]:
    """The label of each site's last publication, to the sites that the caller may see. Newest first at each site."""
    found: dict[str, list[str]] = {}
    seen: set[str] = set()
    for one in publications:
        if one.site not in seen and who.covers(one.site):
            found.setdefault(one.profile.label, []).append(one.site)
        seen.add(one.site)
    return found


def _person(who: Caller) -> str:
    if who.principal.user_id is None:
        raise Problem(403, "a-person-does", "须由人员操作 a person has to do this", "a key is nobody's signature")
    return who.principal.name


def router(parts: Parts) -> APIRouter:
    """`/limit-profiles…`, `/sites/{site}/limit-profile`."""
    routes = APIRouter(tags=["limit profiles 限值配置"], responses=ANSWERS)

    async def run(work: Callable[[ProfileStore], T], *, wrong: int = 422) -> T:
        """In a thread: the store is the command's, and blocks. Raises Problem, StorageError."""
        settings = parts.record().settings

        def inside() -> T:
            with ProfileStore(settings) as store:
                return work(store)

        try:
            return await asyncio.to_thread(inside)
        except ConfigError as error:
            if wrong == 404:
                raise not_found(str(error)) from error
            title = "限值配置无效 the profile is not valid" if wrong == 422 else "不能这样做 this cannot be done"
            raise Problem(wrong, "limit-profile", title, str(error)) from error

    @routes.get("/limit-profiles", summary="Every version of every limit profile")
    async def listed(who: Reader) -> bodies.ProfileVersions:
        rows, published = await run(lambda store: (store.all(), store.publications()))
        held = _holding(published, who)
        return bodies.ProfileVersions(items=[_version(row, held.get(row.label, ())) for row in rows])

    @routes.post("/limit-profiles/check", summary="What a text would change; nothing is written")
    async def check(who: Proposer, body: bodies.ProfileText) -> bodies.ProfileComparison:
        def compare(store: ProfileStore) -> bodies.ProfileComparison:
            new = profiles.parse(body.text, "text", bases=store.base, known=vocabulary.known())
            before = store.approved_before(new.name, new.version)
            old = profiles.parse(before.source, before.label) if before is not None else packaged_base(body.text)
            return _comparison(old, new)

        return await run(compare)

    @routes.post("/limit-profiles", status_code=201, summary="Propose a version; it holds nowhere yet")
    async def propose(who: Proposer, body: bodies.ProfileText) -> bodies.ProfileVersion:
        name = _person(who)
        row = await run(lambda store: store.propose(body.text, "text", name, vocabulary.known(), who.actor))
        return _version(row, ())

    @routes.get("/limit-profiles/{profile}/{version}", summary="One version with its text, and what it changes")
    async def one(who: Reader, profile: NamePath, version: VersionPath) -> bodies.WholeProfile:
        def look(store: ProfileStore) -> bodies.WholeProfile:
            packaged = [row for row in store.all() if row.packaged and (row.name, row.version) == (profile, version)]
            row = packaged[-1] if packaged else store.one(profile, version)
            held = _holding(store.publications(), who)
            new = profiles.parse(row.source, row.label)
            return bodies.WholeProfile(
                version=_version(row, held.get(row.label, ())), text=row.source,
                comparison=_comparison(store.before(row), new),
            )  # fmt: skip

        return await run(look, wrong=404)

    @routes.post("/limit-profiles/{profile}/{version}/approve", summary="The second person lets a version pass")
    async def approve(
        who: Approver, profile: NamePath, version: VersionPath, body: bodies.Approval
    ) -> bodies.ProfileVersion:
        name = _person(who)
        row = await run(lambda store: store.one(profile, version), wrong=404)
        if not row.hash.startswith(body.hash):
            raise Problem(409, "another-text", "文本已不同 the text is another one", f"{row.label} is not {body.hash}")
        done = await run(
            lambda store: store.approve(profile, version, name, body.why, vocabulary.known(), who.actor), wrong=409
        )
        return _version(done, ())

    @routes.get("/sites/{site}/limit-profile", summary="What was published to a site, newest first")
    async def holds(who: Reader, site: SitePath) -> bodies.SitePublications:
        return bodies.SitePublications(items=await _published(site))

    @routes.post("/sites/{site}/limit-profile", status_code=201, summary="Publish an approved version to a site")
    async def publish(who: Approver, site: SitePath, body: bodies.PublishProfile) -> bodies.SitePublications:
        name = _person(who)
        await run(lambda store: store.publish(site, body.name, body.version, name, now_ms(), who.actor), wrong=409)
        return bodies.SitePublications(items=await _published(site))

    async def _published(site: str) -> list[bodies.SitePublication]:
        found = await run(lambda store: [one for one in store.publications() if one.site == site])
        return [
            bodies.SitePublication(
                profile=one.profile.label, published_by=one.published_by, published_at=to_ms(one.published_at),
                effective=one.profile.effective_ms,
            )
            for one in found
        ]  # fmt: skip

    return routes
