"""
A site's file: taken, checked, compared and put.

Rule 1: addresses of channels come out masked; what is put masked keeps what is stored.
Rule 2: who may not see the site's people gets a file that says nothing of them, and may put it: they stay.
Rule 3: what is dangerous is done only when `confirm` says exactly that.
"""

import re
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from api import schemas, sitefiles
from api.access.gate import Allowed, Caller, DeviceReader, forbidden
from api.deps import Parts, SitePath
from api.problems import Problem, not_found
from api.sitefile_schemas import FileCheck, FileImport, finding, imported
from telemetry.clock import utc_now
from telemetry.roles import EVERYWHERE, Permission
from telemetry.sitefile.finding import Finding, errors, warnings
from telemetry.sitefile.reading import MAX_TEXT
from telemetry.storage import sitefile
from telemetry.storage.sitefile import Contradicted, Outdated, Unconfirmed

MEDIA: Final = "application/toml"
MAX_BYTES: Final = 4 * MAX_TEXT
_TAG: Final = re.compile(r'(?:W/)?"([^"]*)"')
_EXAMPLE: Final = '[site]\nid = "demo"\n\n[[cranes]]\nid = "crane-1"\n'
_TEXT: Final[dict[str, Any]] = {"schema": {"type": "string"}, "example": _EXAMPLE}
_BODY: Final[dict[str, Any]] = {"requestBody": {"required": True, "content": {MEDIA: _TEXT}}}
ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    code: {"model": schemas.ProblemBody, "content": {"application/problem+json": {}}}
    for code in (404, 409, 412, 413, 422, 503)
}
Configurer = Annotated[Caller, Depends(Allowed(Permission.CONFIGURE))]
IfMatch = Annotated[
    str | None, Header(alias="If-Match", description="Only when the site's file still has this ETag.", max_length=1000)
]
IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match", max_length=1000)]
Confirm = Annotated[
    str | None,
    Query(pattern=r"^[0-9a-f]{0,64}$", description="What the answer to a dry run, or a 409, gave for this very change.",
          examples=["5b0f3a77c1de"]),
]  # fmt: skip


class Toml(Response):
    """TOML."""

    media_type = MEDIA


async def _text(request: Request) -> str:
    """The body as text. Raises Problem."""
    got = bytearray()
    async for chunk in request.stream():
        got += chunk
        if len(got) > MAX_BYTES:
            raise Problem(413, "too-large", "文件过大 the file is too large", f"at most {MAX_BYTES} bytes")
    try:
        return got.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Problem(422, "invalid-request", "请求无效 the request is not valid", f"not UTF-8: {error}") from None


def _wrong(found: list[Finding]) -> Problem:
    rows = [finding(one).model_dump() for one in errors(found)]
    detail = "\n".join(one.text("site") for one in errors(found)[:20])
    return Problem(422, "site-file-wrong", "工地文件有误 the site file is wrong", detail, findings=rows)


def _tags(header: str) -> list[str] | None:
    """The tags of an If-Match; None for any."""
    return None if header.strip() == "*" else _TAG.findall(header)


def router(parts: Parts) -> APIRouter:
    """`/sites/{site}/file`."""
    routes = APIRouter(tags=["site file 工地文件"], responses=ANSWERS)

    @routes.get(
        "/sites/{site}/file",
        summary="What a site is configured with, as a file whose import changes nothing; addresses masked",
        response_class=Toml,
        responses={200: {"content": {MEDIA: _TEXT}}, 304: {"description": "as If-None-Match has it"}},
    )
    async def get(who: DeviceReader, site: SitePath, if_none_match: IfNoneMatch = None) -> Response:
        held = await sitefile.held(parts.record(), site, utc_now())
        if held is None:
            raise not_found(f"site {site}")
        people = who.principal.may(Permission.READ_PEOPLE, site)
        # What one may see is a representation of its own.
        tag = held.tag if people else f"{held.tag}-p"
        headers = {"ETag": f'"{tag}"', "Cache-Control": "no-cache", "Vary": "Authorization, Cookie"}
        if if_none_match is not None and (if_none_match.strip() == "*" or tag in _TAG.findall(if_none_match)):
            return Response(status_code=304, headers=headers)
        headers["Content-Disposition"] = f'attachment; filename="{site}.toml"'
        return Toml(held.written(people=people), headers=headers)

    @routes.post(
        "/sites/{site}/file/check", summary="What is wrong with a site file, with its lines", openapi_extra=_BODY
    )
    async def check(who: DeviceReader, site: SitePath, request: Request) -> FileCheck:
        file, found = await sitefiles.checked(await _text(request), parts.database)
        return FileCheck(
            good=file is not None, site=file.site.id if file is not None else None,
            findings=[finding(one) for one in found],
        )  # fmt: skip

    @routes.put(
        "/sites/{site}/file",
        summary="Import a site file, everything or nothing; with dry_run say what it would change",
        openapi_extra=_BODY,
    )
    async def put(
        who: Configurer, site: SitePath, request: Request, response: Response, dry_run: bool = False,
        confirm: Confirm = None, if_match: IfMatch = None, if_none_match: IfNoneMatch = None,
    ) -> FileImport:  # fmt: skip
        record, text = parts.record(), await _text(request)
        file, found = await sitefiles.checked(text, record)
        if file is None:
            raise _wrong(found)
        if file.site.id != site:
            zh, en = f"文件是 {file.site.id} 的，不是 {site} 的", f"the file is of {file.site.id}, not of {site}"
            raise _wrong([Finding(1, "site.id", zh, en)])
        now = utc_now()
        held = await sitefile.held(record, site, now)
        if held is None and not who.principal.may(Permission.CONFIGURE, EVERYWHERE):
            raise forbidden(who.principal, Permission.CONFIGURE, None)  # a new site is made by who has all of them
        expected = None
        if if_match is not None:
            tags = _tags(if_match)
            expected = [held.tag if held is not None else "no site"] if tags is None else [
                one.removesuffix("-p") for one in tags
            ]  # fmt: skip
        elif if_none_match is not None and if_none_match.strip() == "*":
            expected = [""]
        try:
            done = await sitefile.put(
                record, file, who.actor, now, dry=dry_run, confirmed=confirm or False, expected=expected
            )
        except Contradicted as error:
            raise _wrong(sitefiles.contradicted(text, error)) from None
        except Outdated as error:
            raise Problem(412, "outdated", "工地已被更改 the site has changed", str(error)) from None
        except Unconfirmed as error:
            rows = [one.model_dump() for one in imported(site, _seen(error), []).changes]
            raise Problem(409, "unconfirmed", "危险更改未确认 dangerous changes are not confirmed", str(error),
                          confirm=error.word, changes=rows) from None  # fmt: skip
        response.headers["ETag"] = f'"{done.tag}"'
        return imported(site, done, warnings(found))

    return routes


def _seen(error: Unconfirmed) -> sitefile.Imported:
    return sitefile.Imported(error.changes, applied=False, tag="", new=False)
