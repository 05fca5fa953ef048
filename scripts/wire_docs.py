"""
Docs generated from the code: `docs/asyncapi.json`, the channel tables in `docs/wire.md`, the settings in
`docs/operations.md`; and a check that they are current.

    python -m scripts.wire_docs            write
    python -m scripts.wire_docs --check    fail when something would change
"""

import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from runtime.doctor import described, known_settings
from telemetry.kinds import KINDS
from telemetry.wire import frames, payloads, proof
from telemetry.wire.cycle import Cycle
from telemetry.wire.topics import ROOT, Lane, Leaf

DOCS = Path(__file__).parents[1] / "docs"
ASYNCAPI = DOCS / "asyncapi.json"
WIRE = DOCS / "wire.md"
OPERATIONS = DOCS / "operations.md"

# topic tail, payload, retained, who sends, what for
MESSAGES: list[tuple[Lane, Leaf, type[Any] | None, bool, str]] = [
    (Lane.UP, Leaf.READING, None, False, "device: live frames"),
    (Lane.LATE, Leaf.READING, None, False, "device: frames journalled while the link was down"),
    (Lane.UP, Leaf.EVENT, payloads.Event, False, "device: work cycle, identity, power, fault"),
    (Lane.UP, Leaf.PRESENCE, payloads.Presence, True, "device: birth and will"),
    (Lane.UP, Leaf.RESPONSE, payloads.Response, False, "terminal, api: a person's answer"),
    (Lane.UP, Leaf.SHOWN, payloads.Shown, False, "terminal: rendered, and its heartbeat"),
    (Lane.DOWN, Leaf.RECEIPT, payloads.Receipt, True, "ingest: what is safe to forget"),
    (Lane.DOWN, Leaf.ALARM, payloads.Alarm, True, "analyzer: one alarm's present state"),
    (Lane.DOWN, Leaf.TRANSITION, payloads.Transition, False, "analyzer: one change of one alarm"),
    (Lane.DOWN, Leaf.COVERAGE, payloads.Coverage, True, "analyzer: how well each hazard is watched"),
    (Lane.DOWN, Leaf.EVALUATED, payloads.Evaluated, False, "analyzer: seq ranges evaluated live"),
    (Lane.DOWN, Leaf.CYCLE, Cycle, False, "analyzer: one work cycle, as recognised from readings"),
    (Lane.DOWN, Leaf.CONFIG, payloads.DeviceConfig, True, "api: geometry, charts, profile of a device"),
    (Lane.DOWN, Leaf.PROOF, proof.ProofOrder, False, "notifier: send a number on the test channel; nothing moves"),
    (Lane.DOWN, Leaf.PROOF_STATE, proof.ProofState, True, "notifier: a proof test is asked for or under way"),
]
SITE_MESSAGES: list[tuple[str, type[Any], bool, str]] = [
    ("config", payloads.SiteConfig, True, "api: configuration of a site"),
    ("profile", payloads.SiteProfile, True, "api: limit profile of a site, as two persons let it pass"),
    ("heartbeat", payloads.Heartbeat, False, "analyzer: someone is watching, QoS 0, every second"),
    ("proofs", proof.SiteProofs, True, "notifier: devices whose last proof test failed or is overdue"),
    ("record", payloads.SiteRecord, True, "review: what the record of a site lacks, and what late data showed"),
]


def _channels(kind: str) -> list[dict[str, Any]]:
    return [
        {"name": c.name, "unit": c.unit, "zh": c.zh, "en": c.en, "stored": str(c.store)} for c in KINDS[kind].channels
    ]


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3.0 document."""
    types = [*frames.FRAMES.values(), *(m[2] for m in MESSAGES if m[2]), *(m[1] for m in SITE_MESSAGES)]
    _, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for lane, leaf, type_, retained, text in MESSAGES:
        for kind in KINDS if type_ is None else ["{kind}"]:
            schema = frames.FRAMES[kind].__name__ if type_ is None else type_.__name__
            tail = "/{rule}" if leaf is Leaf.ALARM else ""
            name = f"{lane}-{leaf}" + ("" if type_ else f"-{kind}")
            address = f"{ROOT}/{{site}}/{kind}/{{device}}/{lane}/{leaf}{tail}"
            names = ["site", "device", *(["kind"] if type_ else []), *(["rule"] if tail else [])]
            channels[name] = _channel(address, names, schema, retained, 1, text)
            operations[name] = _operation(name, text)
    for leaf_, type_, retained, text in SITE_MESSAGES:
        name = f"site-{leaf_}"
        qos = 0 if leaf_ == "heartbeat" else 1
        channels[name] = _channel(f"{ROOT}/{{site}}/{leaf_}", ["site"], type_.__name__, retained, qos, text)
        operations[name] = _operation(name, text)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "cranewatch on MQTT",
            "version": "v1",
            "description": "Generated from telemetry/wire; see wire.md for what the fields mean.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"schemas": components},
        "x-kinds": {name: _channels(name) for name in KINDS},
    }


def _channel(address: str, names: list[str], schema: str, retained: bool, qos: int, text: str) -> dict[str, Any]:
    return {
        "address": address,
        "description": text,
        "parameters": {name: {"description": "[a-z0-9-]{1,64}"} for name in names},
        "messages": {"message": {"payload": {"$ref": f"#/components/schemas/{schema}"}}},
        "bindings": {"mqtt": {"qos": qos, "retain": retained, "bindingVersion": "0.2.0"}},
    }


def _operation(name: str, text: str) -> dict[str, Any]:
    # AsyncAPI looks from the application: our services receive what others send, and send the rest.
    ours = text.split(":")[0] in ("ingest", "analyzer", "review", "api", "notifier")
    return {"action": "send" if ours else "receive", "channel": {"$ref": f"#/channels/{name}"}, "summary": text}


def kinds_table() -> str:
    """The channels of every kind as Markdown."""
    parts: list[str] = []
    for kind in KINDS.values():
        parts += [
            f"**{kind.name}** {kind.zh}",
            "",
            "| channel | unit | 中文 | English | plausible | stored as |",
            "|---|---|---|---|---|---|",
        ]
        for c in kind.channels:
            if c.bits:
                plausible = "bits: " + ", ".join(f"{n} {name}" for n, name in enumerate(c.bits))
            else:
                plausible = f"{c.low:g} … {c.high:g}" if c.store == "real" else ""
            parts.append(f"| `{c.name}` | {c.unit} | {c.zh} | {c.en} | {plausible} | {c.store} |")
        parts.append("")
    return "\n".join(parts).strip()


def settings_table() -> str:
    """Every setting of every service as Markdown."""
    rows: dict[str, tuple[str, str, list[str]]] = {}
    for model in known_settings():
        for name, field in described(model):
            default = "required" if field.is_required() else f"`{_plain(field.get_default(call_default_factory=True))}`"
            rows.setdefault(name, (default, field.description or "", []))[2].append(model.__module__.split(".")[0])
    head = ["| variable | default | what it is | read by |", "|---|---|---|---|"]
    return "\n".join(
        [*head, *(f"| `{name}` | {d} | {text} | {', '.join(who)} |" for name, (d, text, who) in sorted(rows.items()))]
    )


def _plain(value: Any) -> str:
    return str(value) if value not in (None, "", ()) else "unset"


def between(page: str, name: str, text: str) -> str:
    """A page with this text between the marks of that name."""
    begin, end = f"<!-- generated: {name} -->", f"<!-- end: {name} -->"
    before, rest = page.split(begin)
    return f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}"


def outputs() -> dict[Path, str]:
    """What each generated file should hold."""
    return {
        ASYNCAPI: json.dumps(asyncapi(), indent=1, ensure_ascii=False, sort_keys=True) + "\n",
        WIRE: between(WIRE.read_text("utf-8"), "kinds", kinds_table()),
        OPERATIONS: between(OPERATIONS.read_text("utf-8"), "settings", settings_table()),
    }


def main() -> int:
    """Write, or check."""
    stale = [path for path, text in outputs().items() if not path.exists() or path.read_text("utf-8") != text]
    if "--check" in sys.argv:
        for path in stale:
            sys.stderr.write(f"docs/{path.name} is not current: run `python -m scripts.wire_docs`\n")
        return 1 if stale else 0
    for path, text in outputs().items():
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
