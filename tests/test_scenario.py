"""The scenario file: what is right is read, what is wrong gets one clear line."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

import sim
from sim import scenario
from sim.errors import BadInput
from sim.profiles import PROFILES, Tag
from sim.profiles.responders import RESPONDERS
from sim.scenario import reader

STORY = Path(__file__).parent.parent / "scenarios" / "sbs_2003.toml"


def test_every_assumed_number_has_a_low_and_a_high():
    for item in sim.load(STORY).inputs():
        if item.tag is Tag.ASSUMED and item.value != "rest":
            assert item.low is not None, item.key
            assert item.high is not None, item.key


def test_the_ends_of_every_band_are_values_that_the_scenario_takes():
    story = sim.load(STORY)
    for item in story.assumed():
        for end in (item.low, item.high):
            story.with_settings({item.key: end})


def test_every_key_that_takes_its_default_from_a_profile_is_a_setting_of_some_server_or_of_every_responder():
    keys = {
        key.removeprefix("policy.NAME.") for key, (_, info) in reader.fields().items() if info.json_schema_extra.get("tag") == "profile"
    }
    replies = {key for key in keys if key.startswith("replies.")} - {"replies.responder"}
    assert keys - replies - {"replies.responder"} == {key for profile in PROFILES.values() for key in profile.settings}
    assert all(set(one.settings) == replies for one in RESPONDERS.values())
    assert all(setting.source for one in RESPONDERS.values() for setting in one.settings.values())


def test_every_profile_names_a_responder_that_exists():
    assert {profile.responder for profile in PROFILES.values()} <= set(RESPONDERS)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("spam.unresolvble=3 %", "did you mean 'spam.unresolvable'"),
        ("spam.rate=5", "5 has no unit"),
        ("spam.rate=5/box/day", "is not a rate"),
        ("spam.rate=1e9/mailbox/day", "which no scenario means"),
        ("spam.addresses.nobody=3 %", "add up to 67.5 %, not 100 %"),
        ("spam.silent=95 %", "more than 100 %"),
        ("days=-3", "greater than 0"),
        ("server.profile=exchange-2030", "is not one of exchange-2003"),
        ("server.policy=contacts-only", "not available on Exchange 2003"),
        ("replies.responder=rfc523", "is not one of exchange-2003, .* did you mean 'rfc5230'"),
        ("replies.every=often", "'often' is not a duration: .* or 'absence' .* or 'message'"),
        ("replies.rate_limit=20", "20 has no unit"),
        ("replies.history=0", "greater than or equal to 1"),
        ("absence[9].who=ann", r"there is no \[9\]"),
        ("absence[1].who=anne", "did you mean 'ann'"),
        ("office.opens=19:00", "is not after opens"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_wanted(setting, message):
    with pytest.raises(BadInput, match=message) as caught:
        sim.load(STORY, [setting])
    assert "\n" not in str(caught.value)


def test_a_value_given_plainly_is_no_longer_assumed():
    story = sim.load(STORY)
    assert "spam.unresolvable" in {item.key for item in story.assumed()}
    assert "spam.unresolvable" not in {item.key for item in story.with_settings({"spam.unresolvable": "5 %"}).assumed()}


def test_what_is_no_scenario_file_is_said_in_one_line(tmp_path):
    empty, noise, broken = tmp_path / "empty.toml", tmp_path / "noise.toml", tmp_path / "broken.toml"
    empty.write_bytes(b"")
    noise.write_bytes(bytes(range(256)))
    broken.write_text("title = 'x'\ndays = = 3\n")
    for path, message in ((empty, "is empty"), (noise, "not text"), (broken, "broken.toml:2: is not TOML"), (tmp_path, "is a directory")):
        with pytest.raises(BadInput, match=message):
            sim.load(path)
    with pytest.raises(BadInput, match="did you mean 'sbs_2003'"):
        sim.load("sbs_203")
    with pytest.raises(BadInput, match="cannot be read: no such file"):
        sim.load("missing.toml")


@examples(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_mutated_file_is_a_scenario_or_one_clear_line(tmp_path, data):
    raw = bytearray(STORY.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 12))] = data.draw(st.binary(max_size=6))
    path = tmp_path / "mutated.toml"
    path.write_bytes(raw)
    complaint = ""
    try:
        sim.load(path)
    except BadInput as error:
        complaint = str(error)
    assert "\n" not in complaint


def test_a_scenario_read_from_a_text_is_the_one_read_from_its_file():
    text = STORY.read_text(encoding="utf-8")
    here, file = scenario.loads(text, "sbs_2003"), sim.load(STORY)
    assert here.sha256() == file.sha256()
    assert [(i.key, i.value, i.low) for i in here.inputs()] == [(i.key, i.value, i.low) for i in file.inputs()]
    assert scenario.loads(text, "x", {"spam.unresolvable": "5 %"}).document.spam.unresolvable == 0.05


@pytest.mark.parametrize(
    ("text", "said"), [("days = x", "mine:1: is not TOML"), ("", "mine: is empty"), ("days = 3", "mine: title: is missing")]
)
def test_what_is_wrong_with_a_text_names_it(text, said):
    with pytest.raises(BadInput, match=said):
        scenario.loads(text, "mine")


def test_on_another_server_a_policy_that_it_lacks_becomes_the_next_narrower_one():
    # the story goes back to internal-only on day 8; vacation(1) on qmail answers everybody or nobody
    moved = sim.load(STORY).on_server("qmail")
    assert moved.policy == "external"
    assert [change.policy for change in moved.changes if change.policy] == ["off"]
    assert moved.queue_rules() != sim.load(STORY).queue_rules()
