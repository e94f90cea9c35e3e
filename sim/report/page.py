"""The page for the client: one file that asks no other for anything, with the charts inside.

It prints what the answer says and computes nothing, so that page and terminal show the same numbers.
"""

from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING, Final

from sim import plots
from sim.comparison import Comparison
from sim.profiles import Tag
from sim.report.answer import Answer
from sim.report.text import numeric

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.figure import Figure

__all__ = ["page"]

# How the inputs are told apart on the page, the surest first.
_TAGS: Final = {
    Tag.MEASURED: "measured: somebody counted it, and the source says who",
    Tag.DOCUMENTED: "documented by the maker of the server or in a standard",
    Tag.ASSUMED: "assumed: no source, or sources that disagree; each has a band",
    Tag.SITE: "facts of the site, or given with the scenario",
}


def page(comparison: Comparison, answer: Answer) -> str:
    """The answer as one self-contained HTML page."""
    from jinja2 import Environment, StrictUndefined

    template = resources.files("sim.report").joinpath("page.html").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(template).render(
        answer=answer,
        title=comparison.scenario.document.title,
        story=_inline(plots.story(comparison), "story"),
        decision=_inline(plots.decision(comparison), "decision"),
        differences=_inline(plots.differences(comparison), "differences") if comparison.differences else "",
        tables=[(above, rows[0], rows[1:], numeric(rows)) for above, rows in answer.tables],
        inputs=[(meaning, [row for row in answer.inputs if row[3] == tag.value]) for tag, meaning in _TAGS.items()],
    )


def _inline(figure: Figure, name: str) -> Markup:
    """A chart as an element of the page. Every id gets the chart's name, since charts share glyphs and ids are the page's; names of XML
    namespaces, which HTML does not need, and matplotlib's style sheet, which would hold for the whole page, go."""
    from markupsafe import Markup, escape

    text = plots.svg(figure)
    text = text[text.index("<svg") :]
    text = re.sub(r"<style\b.*?</style>|<metadata\b.*?</metadata>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r'\sid="([^"]+)"', rf' id="{name}-\1"', text)
    text = re.sub(r'\sxlink:href="#([^"]+)"', rf' href="#{name}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", text)
    head, rest = text.split(">", 1)
    view = re.search(r'viewBox="[^"]+"', head)
    assert view is not None, "matplotlib writes a viewBox"
    title = escape(" ".join(figure.get_suptitle().split()))
    look = "stroke-linejoin:round;stroke-linecap:butt"
    rest = re.sub(r"\n\s*", "\n", rest)
    return Markup(f'<svg {view[0]} preserveAspectRatio="xMinYMid" role="img" aria-label="{title}" style="{look}">{rest}')
