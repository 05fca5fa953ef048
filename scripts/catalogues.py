"""
Message catalogues of the pages, from the source: new messages in, unused ones out, translations kept.

    python -m scripts.catalogues            write api/locale/*/LC_MESSAGES/cranewatch.po
    python -m scripts.catalogues --check    fail when something would change, or has no Chinese
"""

import io
import sys
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from api.i18n import DOMAIN, LOCALES, Language

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "api"
KEYWORDS: dict[str, tuple[int | tuple[int, str], ...] | None] = {
    "_": None, "N_": None, "gettext": None, "markup": None, "ngettext": (1, 2), "nmarkup": (1, 2),
    "pgettext": ((1, "c"), 2), "pmarkup": ((1, "c"), 2),
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
        for _, message, _, context in extract("python", io.BytesIO(file.read_bytes()), keywords=KEYWORDS):
            first = message if isinstance(message, str) else message[0]
            if first:
                found.setdefault((context, first), (message, file.relative_to(ROOT).as_posix()))
    return found


def merged(language: Language, messages: Messages) -> Catalog:
    """The catalogue as it should be for these messages. English holds only what differs from the source."""
    with file_of(language).open("rb") as stream:
        old = read_po(stream, locale=LOCALES[language])
    made = Catalog(locale=LOCALES[language], domain=DOMAIN, project="cranewatch", fuzzy=False, charset="utf-8")
    for (context, first), (forms, where) in sorted(messages.items(), key=lambda one: (one[1][1], one[0][1])):
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
