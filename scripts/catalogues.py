"""
Message catalogues of the pages, from the source: new messages in, unused ones out, translations kept.

    python -m scripts.catalogues            write api/locale/*/LC_MESSAGES/cranewatch.po
    python -m scripts.catalogues --check    fail when something would change, or has no Chinese
"""

import ast
import io
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po, write_po

from api.i18n import DOMAIN, LOCALES, Language

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "api"
# How many of a call's first arguments are forms of the message, and whether a context stands in front of them.
KEYWORDS = {
    "_": (1, False), "N_": (1, False), "gettext": (1, False), "markup": (1, False), "ngettext": (2, False),
    "nmarkup": (2, False), "pgettext": (1, True), "pmarkup": (1, True),
}  # fmt: skip
Forms = str | tuple[str, ...]
Messages = dict[tuple[str | None, str], tuple[Forms, str]]


def file_of(language: Language) -> Path:
    """Where a language's catalogue is."""
    return SOURCES / "locale" / LOCALES[language] / "LC_MESSAGES" / f"{DOMAIN}.po"


def extracted() -> Messages:
    """Every message of the source by (context, message): its forms, and the first file that says it."""
    found: Messages = {}
    for file in sorted(SOURCES.rglob("*.py")):
        for context, forms in messages(file.read_text("utf-8")):
            found.setdefault((context, forms[0]), (forms if len(forms) > 1 else forms[0], f"{file.relative_to(ROOT)}"))
    return found


def messages(source: str) -> Iterator[tuple[str | None, tuple[str, ...]]]:
    """
    The messages of a module, as (context, forms).

    By its syntax tree and not by babel's extractor: that one reads tokens, and up to Python 3.11 a call inside an
    f-string is none.
    """
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        count, with_context = KEYWORDS.get(name, (0, False))
        given = [one.value for one in node.args[: count + with_context] if isinstance(one, ast.Constant)]
        texts = [one for one in given if isinstance(one, str)]
        if count and len(texts) == count + with_context:
            yield (texts[0] if with_context else None), tuple(texts[with_context:])


def merged(language: Language, said: Messages) -> Catalog:
    """The catalogue as it should be for these messages. English holds only what differs from the source."""
    with file_of(language).open("rb") as stream:
        old = read_po(stream, locale=LOCALES[language])
    made = Catalog(locale=LOCALES[language], domain=DOMAIN, project="cranewatch", fuzzy=False, charset="utf-8")
    for (context, first), (forms, where) in sorted(said.items(), key=lambda one: (one[1][1], one[0][1])):
        known = old.get(first, context)
        if language is Language.EN and (known is None or not known.string):
            continue
        string = known.string if known is not None and isinstance(known.id, str) == isinstance(forms, str) else ""
        made[first] = Message(forms, string, auto_comments=[where], context=context)
    return made


def text_of(catalog: Catalog) -> str:
    """A catalogue as it is written."""
    out = io.BytesIO()
    write_po(out, catalog, width=120, omit_header=True)
    # Nothing with a date or a name in it: the same source gives the same file.
    kept = ("Language", "Content-Type", "Plural-Forms")
    headers = "".join(f'"{name}: {value}\\n"\n' for name, value in catalog.mime_headers if name in kept)
    return f'msgid ""\nmsgstr ""\n{headers}\n{out.getvalue().decode()}'


def untranslated() -> list[str]:
    """Messages without Chinese."""
    return [str(one.id) for one in merged(Language.ZH, extracted()) if one.id and not all(_forms(one))]


def _forms(message: Message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or ("",))


def main(arguments: list[str]) -> int:
    """Write the catalogues, or check them."""
    for language in LOCALES:
        made, file = text_of(merged(language, extracted())), file_of(language)
        if "--check" in arguments:
            if file.read_text("utf-8") != made:
                print(f"{file} is not current: python -m scripts.catalogues")  # noqa: T201 - a script's answer
                return 1
        else:
            file.write_text(made, "utf-8")
    missing = untranslated()
    for one in missing:
        print(f"no Chinese: {one}")  # noqa: T201 - a script's answer
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
