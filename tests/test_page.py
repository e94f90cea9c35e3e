"""The page for the client: it stands alone, prints what the answer says, and lets nothing through unescaped."""

import re
from collections import Counter
from dataclasses import fields, replace
from html import escape, unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

import sim
from sim import report
from sim.comparison import Comparison
from sim.report import Answer, Table
from sim.report.page import page

SCENARIO = """
title = "One <b>bold</b> user & the world"
days = 1
[server]
profile = "sbs-2003"
policy = "external"
[office]
mailboxes = 3
people = ["ann"]
[spam]
rate = "20/mailbox/day"
[[absence]]
who = "ann"
"""

ANSWER = Answer(
    question="Should replies go out?",
    sentence="No, and <script>alert(1)</script> is no reason.",
    cost_and_gain="It would cost 7 and bring 3.",
    table=Table(("policy", "strangers told", "set on"), ("", "people", ""), (("off", "0", "here"), ("external", "107 ± 3", "there"))),
    decided=("decided by a guess",),
    why=("a reason that holds",),
    not_arguments=("a reason that does not",),
    not_modelled=("what was left out",),
    gain=("what is gained",),
    change_mind=("what would help",),
    if_everyone=("a bare text",),
    inputs=(("spam.silent", "17 %", "share", "assumed", "no source", "5 % to 40 %"), ("days", "1", "d", "site", "given in it", "")),
    how_to_set=(("off", "tick it", "clear it"), ("external", "clear it", "tick it")),
    by_hand=("3 x 4 = 12",),
    footer="2 runs, seed 1",
    reproduce="mailflow compare small",
    replay=("real mail was read",),
    statistics=("the best is off, by a proof & a half",),
    tables=(
        ("Elsewhere:", (("server", "strangers told"), ("postfix & qmail", "19 ± 2"))),
        ("Above:", (("policy", "told"), ("off", "none"))),
    ),
)


class Reader(HTMLParser):
    """Notes every start tag, and whether all of them are closed in order."""

    VOID = frozenset({"meta", "col", "br", "link", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Comparison:
    file: Path = tmp_path_factory.mktemp("page") / "small.toml"
    file.write_text(SCENARIO)
    return sim.compare(sim.load(file), replications=2, jobs=1, bands=False)


@pytest.fixture(scope="module")
def html(small) -> str:
    return page(small, ANSWER)


def test_the_page_asks_no_other_place_for_anything(html):
    assert not re.search(r"\w+://", html)
    assert not re.search(r"@import|url\((?!#)", html)
    for tag, attributes in read(html).tags:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base")
        assert "src" not in attributes
        for name, value in attributes.items():
            if name.endswith("href"):
                assert value is not None
                assert value.startswith("#")


def test_markup_in_a_title_or_an_answer_is_text(html):
    assert "One &lt;b&gt;bold&lt;/b&gt; user &amp; the world" in html
    assert "<b>" not in html
    assert "<script>alert" not in html


def test_every_tag_is_closed_in_order(html):
    assert read(html).open == []


def test_ids_are_unique_and_every_reference_has_its_target(html):
    ids = Counter(attributes["id"] for _, attributes in read(html).tags if "id" in attributes)
    assert max(ids.values()) == 1
    asked = {name for pair in re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', html) for name in pair if name}
    assert asked
    assert asked <= set(ids)


def test_every_text_of_the_answer_stands_on_the_page(html):
    def texts(value: object) -> list[str]:
        if isinstance(value, Table):
            return texts((value.header, value.units, value.rows))
        return [value] if isinstance(value, str) else [text for item in value for text in texts(item)]  # type: ignore[attr-defined]

    shown = unescape(re.sub(r"\s+", " ", html))
    for field in fields(ANSWER):
        for text in texts(getattr(ANSWER, field.name)):
            assert text in shown or text == "assumed", field.name  # the tag of an input is its heading, in words


def test_the_answer_is_the_first_line_after_the_question(html):
    body = html[html.index("<body>") :]
    places = [body.index(escape(text)) for text in (ANSWER.question, "No, and", ANSWER.cost_and_gain, "107 ± 3", ANSWER.why[0])]
    assert places == sorted(places)


def test_numbers_come_from_the_answer_and_not_from_the_page(small):
    # with an answer without numbers, outside the charts nothing is left of the measures
    bare = replace(ANSWER, table=Table(("policy",), ("",), ()), cost_and_gain="", footer="", tables=())
    text = re.sub(r"<svg.*?</svg>|<style>.*?</style>", "", page(small, bare), flags=re.DOTALL)
    assert "±" not in text


def test_a_page_shows_cases_percentiles_and_the_best_policy_where_they_were_asked_for_and_no_heading_where_not(small, html):
    assert "What was asked besides" in html
    assert '<td class="number">19 ± 2</td>' in html
    assert "<td>none</td>" in html
    assert "What was asked besides" not in page(small, replace(ANSWER, statistics=(), tables=()))


def test_a_page_shows_what_was_really_asked_for(small):
    asked = sim.compare(
        small.scenario, replications=2, jobs=1, bands=False, best="margin", vary={"server.profile": ["postfix", "exchange-2003"]}
    )
    shown = unescape(re.sub(r"\s+", " ", page(asked, report.answer(asked, percentiles=[90.0]))))
    assert "Best by margin" in shown
    assert "Percentile 90 of the runs" in shown
    assert "Cases, on the same runs" in shown
    assert '<th scope="row">postfix</th>' in shown


def test_every_chart_has_a_name_for_those_who_cannot_see_it(html):
    charts = [attributes for tag, attributes in read(html).tags if tag == "svg"]
    assert len(charts) == 3
    for attributes in charts:
        assert attributes["role"] == "img"
        assert attributes["aria-label"]


def test_the_same_comparison_gives_the_same_page(small, html):
    assert page(small, ANSWER) == html


def test_the_page_takes_the_real_answer(small):
    answer = report.answer(small)
    assert escape(answer.sentence, quote=False) in unescape_quotes(page(small, answer))


def test_a_comparison_of_a_single_policy_has_no_chart_of_differences(small):
    alone = replace(small, policies={"external": small.policies["external"]}, differences={})
    assert page(alone, ANSWER).count("<svg") == 2


def unescape_quotes(html: str) -> str:
    return html.replace("&#39;", "'").replace("&#34;", '"')
