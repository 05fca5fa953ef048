"""
The tables of docs/site-file.md, from the words of the site file and their meanings.

    python -m scripts.site_docs            write
    python -m scripts.site_docs --check    fail when something would change
"""

import sys
from typing import Any

import msgspec

from scripts.wire_docs import DOCS, between
from telemetry import profiles
from telemetry.kinds import KINDS
from telemetry.sitefile.expected import described
from telemetry.sitefile.meanings import KEYS, TABLES

PAGE = DOCS / "site-file.md"


def tables() -> str:
    """Every table with its keys. Raises KeyError for one without a meaning."""
    parts: list[str] = []
    for type_, (path, zh, en) in TABLES.items():
        parts += [
            f"## `{path}`", "", f"{zh} · {en}", "",
            "| key | 单位 unit | 值 value | 含义 | what it means |", "|---|---|---|---|---|",
        ]  # fmt: skip
        own = KEYS[type_]
        fields = msgspec.structs.fields(type_)
        strange = own.keys() - {field.name for field in fields}
        if strange:
            raise KeyError(f"{path} has no {', '.join(sorted(strange))}")
        for field in sorted(fields, key=lambda one: not one.required):
            unit, chinese, english = own[field.name]
            parts.append(
                f"| {_name(field)} | {unit} | {_cell(field)} | {_escaped(chinese)} | {_escaped(english)} |"
            )  # fmt: skip
        parts.append("")
    return "\n".join(parts).strip()


def _name(field: Any) -> str:
    return f"**`{field.name}`**" if field.required else f"`{field.name}`"


def _cell(field: Any) -> str:
    zh, en = described(field.type)
    said = zh if zh == en else f"{zh} · {en}"
    default = field.default
    if default not in (msgspec.NODEFAULT, None):
        said += f"; `{_plain(default)}`"
    return _escaped(said)


def _plain(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def channels() -> str:
    """What `limits` and `channel` may name."""
    parts = ["## 通道与规则 channels and rules", ""]
    for kind in KINDS.values():
        named = ", ".join(f"`{channel.name}` ({channel.unit})" if channel.unit else f"`{channel.name}`"
                          for channel in kind.reals)  # fmt: skip
        rules = profiles.load("cn").rules.get(kind.name, {})
        own = ", ".join(f"`{name}` ({', '.join(rule.steps)})" for name, rule in sorted(rules.items()))
        parts += [f"**{kind.name}** {kind.zh}: channels {named}", "", f"rules of profile `cn` (steps): {own}", ""]
    return "\n".join(parts).strip()


def page() -> str:
    """What the page should hold."""
    text = between(PAGE.read_text("utf-8"), "tables", tables())
    return between(text, "channels", channels())


def main() -> int:
    """Write, or check."""
    if "--check" not in sys.argv:
        PAGE.write_text(page(), "utf-8")
        return 0
    if PAGE.read_text("utf-8") != page():
        sys.stderr.write("docs/site-file.md is not current: run `python -m scripts.site_docs`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
