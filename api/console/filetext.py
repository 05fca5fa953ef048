"""What was found in a site file and what an import of it would change, as HTML. Pure."""

from collections.abc import Sequence
from html import escape
from typing import Final

from api.i18n import Tongue
from telemetry.sitefile.change import Change
from telemetry.sitefile.finding import Finding, errors
from telemetry.sitefile.meanings import of_change

EDITOR: Final = "cw-file"
# Puts the cursor on a line of the text, and the line into sight.
GO: Final = f"""<script>
window.cwLine = (line) => {{
  const area = document.querySelector(".{EDITOR} textarea");
  if (!area) return;
  const lines = area.value.split("\\n");
  const begin = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  area.focus();
  area.setSelectionRange(begin, begin + (lines[line - 1] || "").length);
  const each = area.scrollHeight / Math.max(1, lines.length);
  area.scrollTop = Math.max(0, (line - 4) * each);
  area.scrollIntoView({{ block: "center" }});
}};
</script>"""


def findings(t: Tongue, found: Sequence[Finding], text: str) -> str:
    """Everything that was found, what is wrong first, each with its line and a way to it."""
    wrong = len(errors(found))
    if wrong:
        words = t.nmarkup("{n} mistake: it cannot be applied", "{n} mistakes: it cannot be applied", wrong)
        head = f'<p class="cw-loud s3" role="alert">■ {words}</p>'
    else:
        head = f"<p><b>✓ {t.markup('nothing is wrong with it')}</b></p>"
    lines = text.split("\n")
    rows = "".join(_finding(t, one, lines) for one in sorted(found, key=lambda one: (not one.wrong, one.line)))
    return f'{head}<ul class="cw-lines">{rows}</ul>' if rows else head


def _finding(t: Tongue, one: Finding, lines: Sequence[str]) -> str:
    where = t.markup("line {n}", n=one.line)
    tag = "" if one.wrong else f' <span class="cw-tag">{t.markup("look at it")}</span>'
    quoted = lines[one.line - 1].strip()[:120] if one.line <= len(lines) else ""
    # An address of a channel is shown where it was written, and nowhere else.
    shown = f"<code>{escape(quoted)}</code>" if quoted and "url" not in quoted else ""
    return (
        f'<li><button type="button" class="cw-goto" onclick="cwLine({one.line})">{where}</button> '
        f'<b>{escape(one.path)}</b>{tag}<div>{t.show((one.zh, one.en))}</div><div class="cw-note">{shown}</div></li>'
    )


def changes(t: Tongue, found: Sequence[Change]) -> str:
    """What an import would change; what is dangerous first, and loudly."""
    if not found:
        return f"<p>{t.markup('it changes nothing')}</p>"
    dangerous = sum(one.dangerous for one in found)
    loud = ""
    if dangerous:
        words = t.nmarkup("{n} dangerous change", "{n} dangerous changes", dangerous)
        loud = f'<p class="cw-loud s3" role="alert">■ {words}</p>'
    heads = (t.markup("what"), t.markup("before"), t.markup("after"), t.markup("that is"))
    head = "".join(f"<th>{one}</th>" for one in heads)
    rows = "".join(_change(t, one) for one in found)
    return (
        f'{loud}<div class="cw-scroll"><table class="cw-table wide"><thead><tr>{head}</tr></thead>{rows}</table></div>'
    )


def _change(t: Tongue, one: Change) -> str:
    does = t.show(one.words())
    if one.dangerous:
        does = f'<span class="cw-tag s3">■ {does}</span>'
    cells = "".join(f"<td>{escape(value) or '–'}</td>" for value in (one.old, one.new))
    meaning = of_change(one.what)
    note = f'<div class="cw-note">{t.show(meaning)}</div>' if meaning is not None else ""
    return f"<tr><td><b>{escape(one.what)}</b>{note}</td>{cells}<td>{does}</td></tr>"
