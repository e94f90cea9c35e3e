"""Names on codes."""

import re
from pathlib import Path

import pytest
from faker.config import AVAILABLE_LOCALES

import sim
from sim import names, runs
from sim.errors import BadInput
from sim.mail import HERE, Place, address
from sim.names import Names

STORY = Path(__file__).parent.parent / "scenarios" / "sbs_2003.toml"


@pytest.mark.parametrize("locale", ["de_DE", "en_US", "ja_JP", "ru_RU", "zh_CN", "el_GR", "pl_PL", "ar_SA", "hi_IN", "he_IL", "th_TH"])
def test_mailboxes_of_any_language_are_ascii_and_no_two_have_the_same_name(locale):
    office = Names("office.example", ("ann", "bob"), locale=locale)
    found = [office.address(address(Place.OFFICE, number), HERE) for number in range(20_000)]
    assert len(set(found)) == len(found)
    assert all(re.fullmatch(r"ann|bob|[a-z]+\.[a-z]+\d*", name.removesuffix("@office.example")) for name in found)
    assert found[:2] == ["ann@office.example", "bob@office.example"]


def test_names_stay_different_when_every_pair_of_first_and_last_name_is_used_up(monkeypatch):
    monkeypatch.setattr(names, "_colleagues", lambda locale: (("ann", "bob"), ("lee", "ray", "fox")))
    office = Names("office.example", ("bob.ray",), locale="en_US")
    found = [office.mailbox(number) for number in range(40)]
    assert len(set(found)) == 40
    assert {"ann.lee", "ann.ray", "ann.fox", "bob.lee", "bob.fox"} < set(found[:7])  # and one that was taken


def test_german_umlauts_are_written_out_and_others_transliterated():
    first, last = names._colleagues("de_DE")
    assert {"guenter", "goetz", "kaethe"} & set(first)
    assert not {"gunter", "gotz", "kathe"} & set(first)
    assert {"doerr", "juettner", "poelitz"} & set(last)
    russian, _ = names._colleagues("ru_RU")
    assert "vladimir" in russian


def test_a_name_does_not_depend_on_the_order_in_which_names_are_asked_for():
    office, again = (Names("office.example", (), locale="de_DE") for _ in range(2))
    assert [office.mailbox(n) for n in range(50)] == [again.mailbox(n) for n in reversed(range(50))][::-1]


def test_without_a_locale_names_are_what_they_were_and_a_locale_changes_names_only():
    plain, german = (runs.run(sim.load(STORY, settings)) for settings in ((), ("office.locale=de_DE",)))
    code = address(Place.OFFICE, 7)
    assert plain.words.address(code, HERE) == "user7@office.example"
    assert re.fullmatch(r"[a-z]+\.[a-z]+@office\.example", german.words.address(code, HERE))
    assert plain.columns("messages")["accepted_at"].tolist() == german.columns("messages")["accepted_at"].tolist()
    assert plain.words.address(address(Place.STRANGE, 5), address(Place.STRANGE, 5)).endswith(".test")


def test_every_locale_of_faker_is_taken_and_an_unknown_one_is_one_clear_line():
    assert sim.load(STORY, [f"office.locale={sorted(AVAILABLE_LOCALES)[0]}"]).document.office.locale
    with pytest.raises(BadInput, match="'de_De' is not a language that Faker knows, as in 'de_DE', did you mean 'de_DE'"):
        sim.load(STORY, ["office.locale=de_De"])
