"""
The API on one page, from its own OpenAPI document, without a script from anywhere else.

The usual viewers load themselves from a content network; a site office may have none.
"""

import json
import re
from html import escape
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse

from api.access.gate import allowed
from telemetry.roles import Permission

STYLE = """
body{font:15px/1.45 Arial,"Noto Sans CJK SC",sans-serif;max-width:960px;margin:24px auto;padding:0 16px;color:#14171c}
code,pre{font-family:"DejaVu Sans Mono",Consolas,monospace;font-size:13px}
pre{background:#eef0f3;padding:8px;overflow:auto}
h2{font-size:17px;margin:28px 0 4px}h2 b{background:#14171c;color:#fff;padding:1px 8px;border-radius:4px;font-size:13px}
h1,h2,p,td{overflow-wrap:anywhere}
h2 code{font-size:15px}
.wide{overflow-x:auto}
table{border-collapse:collapse}td{padding:3px 12px 3px 0;vertical-align:top;border-top:1px solid #d5dae1}
"""


def router(app: FastAPI) -> APIRouter:
    """`/docs`."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/docs", dependencies=allowed(Permission.READ))
    async def docs() -> HTMLResponse:
        return HTMLResponse(page(app.openapi(), str(app.openapi_url)))

    return routes


def page(document: dict[str, Any], url: str) -> str:
    """The page for an OpenAPI document."""
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>cranewatch API</title>"
        f'<meta name=viewport content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style>",
        f"<h1>cranewatch API {escape(document['info']['version'])}</h1>",
        *(f"<p>{marked(text)}</p>" for text in document["info"]["description"].split("\n\n")),
        f'<p><a href="{escape(url)}">OpenAPI</a></p>',
    ]
    schemas = document.get("components", {}).get("schemas", {})
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts.append(f"<h2><b>{method.upper()}</b> <code>{escape(path)}</code></h2>")
            parts.append(
                f"<p>{marked(operation.get('summary', ''))}</p>{_parameters(operation)}{_body(operation, schemas)}"
            )
    return "".join(parts)


def marked(text: str) -> str:
    """Text with its **bold** and its `code` as HTML, everything else escaped; OpenAPI's descriptions are Markdown."""
    made = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
    return re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", made, flags=re.DOTALL)


def _parameters(operation: dict[str, Any]) -> str:
    rows = ""
    for one in operation.get("parameters", []):
        examples = one["schema"].get("examples") or one.get("examples") or []
        about = one.get("description", "") + (f" e.g. {examples[0]}" if examples else "")
        must = "required" if one.get("required") else ""
        rows += f"<tr><td><code>{escape(one['name'])}</code><td>{one['in']}<td>{must}<td>{marked(about)}</tr>"
    return f"<div class=wide><table>{rows}</table></div>" if rows else ""


def _body(operation: dict[str, Any], schemas: dict[str, Any]) -> str:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = content.get("schema", {}).get("$ref", "").rsplit("/", 1)[-1]
    examples = schemas.get(name, {}).get("examples", [])
    return f"<pre>{escape(json.dumps(examples[0], ensure_ascii=False, indent=1))}</pre>" if examples else ""
