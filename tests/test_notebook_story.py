"""What the first notebook and the pages in docs/ say is so."""

import doctest
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import sim
from sim import forensics
from sim.logs import iis
from sim.report.pages import assumptions, measures
from sim.units import moment

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
NOON = moment("day 5 12:00")


@pytest.fixture(scope="module")
def record():
    return sim.run(sim.load(ROOT / "scenarios" / "sbs_2003.toml"), "external", seed=1)


@pytest.fixture(scope="module")
def inbound(record, tmp_path_factory):
    """The server's own log of that run, read back."""
    return iis.sessions(iis.read(iis.write(record, tmp_path_factory.mktemp("log") / "ex060423.log")))


def test_for_every_hung_autoreply_the_log_search_finds_the_mail_that_the_record_says_caused_it(record, inbound):
    start = datetime.fromisoformat(record.run.epoch)
    m = record.messages.set_index("id")
    names = dict(zip(record.addresses["address"], record.addresses["name"], strict=True))
    hung = forensics.hung(record, NOON)
    replies = hung[hung["kind"] == "autoreply"]
    assert len(replies) > 10
    for id, recipient, at in replies[["id", "recipient", "accepted_at"]].itertuples(index=False):
        finding = forensics.cause(inbound, recipient, start + timedelta(seconds=at))
        spam = m.loc[m.loc[id, "caused_by"]]
        assert finding is not None
        # The log has whole seconds, and no ids.
        assert finding.time == start + timedelta(seconds=spam["accepted_at"] // 1)
        assert (finding.sender, finding.recipient) == (names[spam["sender"]], names[spam["recipient"]])


def test_no_hung_message_is_sent_by_postmaster_so_the_published_rule_calls_it_a_relay(record):
    # KB 909005: most senders postmaster is a reverse NDR attack, else a relay (FACTS 0, rule A)
    hung = forensics.hung(record, NOON)
    assert set(hung["sender"]) <= {f"{who}@office.example" for who in ("ann", "bob", "carol")}


def test_the_example_of_the_page_on_the_instant_runs_as_printed():
    failed, tried = doctest.testfile(str(DOCS / "instant.md"), module_relative=False, encoding="utf-8")
    assert tried > 10
    assert failed == 0


@pytest.mark.parametrize(("page", "lines"), [("assumptions.md", assumptions), ("measures.md", measures)])
def test_a_page_that_the_program_writes_is_what_it_writes_now(page, lines):
    assert (DOCS / page).read_text(encoding="utf-8") == "\n".join(lines()) + "\n", "run `make docs`"


def test_the_page_of_sources_has_every_source_that_code_scenarios_and_pages_cite():
    files = [*(ROOT / "sim").rglob("*.py"), *(ROOT / "scenarios").glob("*.toml"), *DOCS.glob("*.md")]
    texts = [file.read_text(encoding="utf-8") for file in files]
    cited = {name for text in texts for name in re.findall(r"\bS\d{1,3}\b", text)}
    sections = {name for text in texts for name in re.findall(r"FACTS (\d+(?:\.\d+)?)", text)}
    page = (DOCS / "sources.md").read_text(encoding="utf-8")
    assert cited - set(re.findall(r"^\| (S\d+) \|", page, re.MULTILINE)) == set()
    assert sections - set(re.findall(r"^## (\d+(?:\.\d+)?) ", page, re.MULTILINE)) == set()
