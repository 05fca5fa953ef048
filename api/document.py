"""
The OpenAPI document, completed with what holds for all routes: who may, which errors, versions, keys of commands.

Rule: what is said here is read from the routes and the gate, and not written a second time. An error that a route's own
code may answer is declared there; those of the gate, of parameters and of the middleware are added here.
"""

from collections.abc import Iterable
from typing import Any, Final

from api.access.credentials import ACCESS_COOKIE
from api.access.gate import Guarded
from api.once import CHANGES, HEADER

MEDIA: Final = "application/problem+json"
WORDS: Final = {
    400: "The body cannot be read.",
    401: "Nobody is signed in, or the token or key is over.",
    403: "Not allowed: the answer says which permission is missing, and where.",
    404: "There is no such thing, or none that one may see.",
    409: "It contradicts what is there now; the answer says what.",
    410: "It was there, and is gone.",
    412: "`If-Match`: somebody else has changed it meanwhile.",
    413: "The request is too large.",
    422: "The request is not valid; `errors` says where.",
    429: "Too much at once; `Retry-After` says when to come again.",
    503: "The database or the broker is away; the answer says which.",
}
_OWN: Final = frozenset({409, 410, 429})  # declared by the routes that may answer so
_KEY: Final[dict[str, Any]] = {
    "name": HEADER, "in": "header", "required": False,
    "description": "The same key again is the same answer, for 24 hours, and counts once.",
    "schema": {"type": "string", "minLength": 8, "maxLength": 128, "pattern": r"^[\x21-\x7e]+$"},
    "example": "5f2c77e0-1b9d-4a36-8c11-000000000001",
}  # fmt: skip
_KNOWN: Final[dict[str, Any]] = {
    "name": "If-None-Match", "in": "header", "required": False,
    "description": "The ETag of the answer that one has: if it is still the same, 304 and no body.",
    "schema": {"type": "string"}, "example": '"3b43fb364cf6ad7277c9a0260135c305"',
}  # fmt: skip
_ETAG: Final[dict[str, Any]] = {"ETag": {"description": "The answer's version.", "schema": {"type": "string"}}}
_SCHEMES: Final[dict[str, Any]] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An access token, or an API key (`cwk_…`)."},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key."},
    "cookie": {"type": "apiKey", "in": "cookie", "name": ACCESS_COOKIE, "description": "A browser's."},
}  # fmt: skip


def complete(document: dict[str, Any], guarded: Iterable[Guarded]) -> dict[str, Any]:
    """The document, completed in place; a second time changes nothing."""
    held = {(one.method, one.path): one for one in guarded}
    document.setdefault("components", {})["securitySchemes"] = _SCHEMES
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            one = held.get((method.upper(), path))
            _complete(path, method.upper(), operation, one)
    document["components"].get("schemas", {}).pop("HTTPValidationError", None)
    document["components"].get("schemas", {}).pop("ValidationError", None)
    return document


def _complete(path: str, method: str, operation: dict[str, Any], guarded: Guarded | None) -> None:
    parameters: list[dict[str, Any]] = operation.setdefault("parameters", [])
    names = {one["name"] for one in parameters}
    ours = path.startswith("/api/")
    change = method in CHANGES
    if guarded is not None and change and HEADER not in names:
        parameters.append(_KEY)
    good = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
    json = "application/json" in good.get("content", {})
    if ours and method == "GET" and json:
        if "If-None-Match" not in names:
            parameters.append(_KNOWN)
        good.setdefault("headers", {}).update(_ETAG)
        operation["responses"]["304"] = {"description": "It is what one has already."}
    declared = {int(status) for status in operation["responses"] if status.isdigit()} & _OWN
    codes = set(declared)
    if method == "GET" and "{device}" not in path and not path.endswith("/file"):
        codes.discard(409)
    elif method == "GET" and path.startswith("/api/v1/devices/"):
        codes.add(409)  # a name that devices of several kinds have
    if ours:
        codes |= {503} | ({422} if parameters or "requestBody" in operation else set())
        codes |= ({404} if "{" in path else set()) | ({403} if change else set())
    if guarded is not None:
        codes |= {401, 403} | ({409, 413} if change else set())
    else:
        codes |= {401} if "401" in operation["responses"] else set()
    codes |= ({412} if "If-Match" in names else set()) | ({400} if "requestBody" in operation else set())
    for status in [status for status in operation["responses"] if status.isdigit() and int(status) >= 400]:
        del operation["responses"][status]
    reference = {"schema": {"$ref": "#/components/schemas/ProblemBody"}}
    for code in sorted(codes):
        answer: dict[str, Any] = {"description": WORDS[code], "content": {MEDIA: reference}}
        if code in (429, 503):
            answer["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "string"}}}
        operation["responses"][str(code)] = answer
    operation["description"] = _told(path, guarded, names)
    operation["security"] = [] if guarded is None else [{name: []} for name in _SCHEMES]
    if not parameters:
        del operation["parameters"]


def _told(path: str, guarded: Guarded | None, names: set[str]) -> str:
    """Who may, in words."""
    if guarded is None:
        said = "For everybody, signed in or not."
    elif not guarded.allowed:
        said = "For whoever is signed in, of what is their own."
    else:
        needs = " and ".join(dict.fromkeys(f"`{one.permission}`" for one in guarded.allowed))
        where = "at the site" if "{site}" in path else "; what is shown is of the sites where one has it"
        if any(one.everywhere for one in guarded.allowed):
            where = "at all sites"
        said = f"Needs {needs}{'' if where.startswith(';') else ' '}{where}."
    if "If-Match" in names:
        said += " With `If-Match`, only if it is still what was read."
    return said
