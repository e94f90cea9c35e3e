"""Reply policies of one's own: tables of a scenario, and Python functions."""

import pickle
from pathlib import Path

import numpy as np
import pytest

import sim
from sim import experiment, report, runs
from sim.errors import BadInput
from sim.mail import HERE, NULL_SENDER, Answer, Flag, Kind, Place
from sim.policy.acquaintance import Acquaintance
from sim.policy.own import Incoming, Own
from sim.record import Words

STORY = """title = "Own policies"
days = 4
[server]
profile = "sbs-2003"
policy = "external"
[office]
mailboxes = 4
people = ["ann"]
[spam]
mailboxes = { ann = "60/mailbox/day" }
[[absence]]
who = "ann"
from = "day 2"
"""
POLITE = """[policy.polite]
based_on = "partners-only"
replies = { return_path = "null", every = "1 d" }
"""


def scenario(folder: Path, *more: str, story: str = STORY):
    path = folder / "own.toml"
    path.write_text(story + "".join(more))
    return sim.load(path)


def everyone_once(message, answered):
    return answered == 0


def partners(message, answered):
    return message.place != "outside" and answered == 0


def replies(record):
    m = record.columns("messages")
    return {name: column[m["kind"] == Kind.AUTOREPLY] for name, column in m.items()}


def same(a, b):
    return all(
        np.array_equal(a.columns("messages")[n], b.columns("messages")[n], equal_nan=n != "id") for n in ("id", "answer", "settled_at")
    )


# Tables.


def test_a_policy_that_changes_nothing_is_the_one_it_is_based_on(tmp_path):
    where = scenario(tmp_path, '[policy.mine]\nbased_on = "external"\n')
    assert same(runs.run(where, "mine"), runs.run(where, "external"))


def test_a_policy_may_answer_whom_another_does_from_another_return_path_and_more_often(tmp_path):
    where = scenario(tmp_path, POLITE)
    mine, theirs = replies(runs.run(where, "polite")), replies(runs.run(where, "partners-only"))
    assert set(mine["sender"].tolist()) == {NULL_SENDER}
    assert set(theirs["sender"].tolist()) == {0}
    assert set(mine["recipient"].tolist()) == set(theirs["recipient"].tolist())
    # once a day at most, in three days, where theirs is once per absence
    _, counts = np.unique(mine["recipient"], return_counts=True)
    assert 1 < counts.max() <= 3
    assert np.unique(theirs["recipient"], return_counts=True)[1].max() == 1


def test_a_rate_limit_of_a_policy_holds_under_it_alone(tmp_path):
    where = scenario(tmp_path, '[policy.slow]\nbased_on = "external"\nreplies = { rate_limit = "1/mailbox/hour" }\n')
    for name, least in (("slow", 3600.0), ("external", 0.0)):
        times = np.sort(
            runs.run(where, name).columns("messages")["accepted_at"][runs.run(where, name).columns("messages")["answer"] == Answer.ANSWERED]
        )
        assert np.diff(times).min() >= least
    assert np.diff(times).min() < 3600.0


def test_a_breaker_of_a_policy_opens_under_it_alone(tmp_path):
    where = scenario(tmp_path, '[policy.careful]\nbased_on = "external"\nbreaker = { queues = 3 }\n')
    opened = {name: sim.measure(runs.run(where, name))["breaker_open"] for name in ("careful", "external")}
    assert opened["careful"] > 0.0
    assert opened["external"] == 0.0


def test_a_breaker_closes_when_its_policy_is_in_force_no_longer(tmp_path):
    careful = '[policy.careful]\nbased_on = "external"\nbreaker = { queues = 3, rest = "30 d" }\n'
    change = '[[change]]\nat = "day 4"\npolicy = "internal-only"\n'
    where = scenario(tmp_path, careful, change, story=STORY.replace('policy = "external"', 'policy = "careful"'))
    acts = runs.run(where).columns("acts")
    assert acts["until"][acts["what"] == "breaker open"].tolist() == [3 * 86400.0]


def test_a_change_to_a_policy_of_ones_own_changes_the_return_path_too(tmp_path):
    where = scenario(tmp_path, POLITE, '[[change]]\nat = "day 3"\npolicy = "polite"\n')
    made = replies(runs.run(where))
    late = made["accepted_at"] > 2 * 86400.0 + 60.0
    assert set(made["sender"][~late].tolist()) == {0}
    assert set(made["sender"][late].tolist()) == {NULL_SENDER}
    assert not (made["next_hop"][late] >> 40 == Place.STRANGE).any()


def test_known_is_whoever_wrote_before_or_was_written_to():
    known = Acquaintance()

    def met(mailbox, address, met):
        return known.meet(np.array(mailbox), np.array(address), np.array(met)).tolist()

    # the first message makes acquainted, the second finds it so; another mailbox knows nobody; what was refused makes no acquaintance
    assert met([0, 0, 1, 2, 2], [7, 7, 7, 7, 7], [True, True, True, False, True]) == [False, True, False, False, False]
    assert met([0, 2, 1, 3], [7, 7, 8, 7], [True] * 4) == [True, True, False, False]
    assert met([0, 0], [NULL_SENDER] * 2, [True] * 2) == [False, False]
    assert met([-1, -1], [7, 7], [True] * 2) == [False, False]


def test_nobody_outside_is_answered_under_known_before_he_has_met_the_user(tmp_path):
    where = scenario(tmp_path, '[policy.friends]\naudience = "known"\n')
    m = runs.run(where, "friends").columns("messages")
    answered = np.flatnonzero((m["answer"] == Answer.ANSWERED) & (m["sender"] >> 40 != Place.OFFICE))
    assert len(answered) > 3
    for i in answered.tolist():
        wrote = (m["sender"] == m["sender"][i]) & (m["recipient"] == m["recipient"][i]) & (m["next_hop"] == HERE)
        was_written_to = (m["sender"] == m["recipient"][i]) & (m["recipient"] == m["sender"][i]) & (m["kind"] == Kind.OUTBOUND)
        assert ((wrote | was_written_to) & (m["accepted_at"] < m["accepted_at"][i])).any()
    external = runs.run(where, "external").columns("messages")
    assert len(answered) < ((external["answer"] == Answer.ANSWERED) & (external["sender"] >> 40 != Place.OFFICE)).sum()


def test_a_policy_that_the_server_has_says_how_it_is_set_and_one_that_it_lacks_says_so(tmp_path):
    own = """[policy.friends]
audience = "known"
[policy.addressbook]
based_on = "contacts-only"
[policy.slow]
based_on = "external"
replies = { rate_limit = "5/mailbox/hour" }
"""
    where = scenario(tmp_path, POLITE, own)
    found = experiment.compare(where, replications=2, jobs=1, bands=False)
    assert list(found.policies) == [
        *("off", "internal-only", "polite", "partners-only", "addressbook", "contacts-only", "friends", "slow", "external")
    ]
    assert found.widest == "external"
    assert found.policies["polite"].set_by.startswith("as partners-only, with return_path null, every 1 d: ESM > Global Settings")
    assert not found.policies["polite"].not_here
    assert not found.policies["contacts-only"].available
    for name, why in (
        ("friends", "who has written before"),
        ("addressbook", "cannot tell a user's contacts apart"),
        ("slow", "rate_limit 5/m"),
    ):
        assert found.policies[name].available
        assert found.policies[name].not_here.startswith("not a setting of this server: ")
        assert why in found.policies[name].not_here
    text = report.text(report.answer(found))
    assert "friends" in text
    assert "Policy slow is not a setting of this server: replies.rate_limit 5/mailbox/hour. It is simulated." in " ".join(text.split())


def test_a_policy_that_is_no_setting_here_is_never_recommended(tmp_path):
    where = scenario(tmp_path, '[policy.addressbook]\nbased_on = "contacts-only"\n')
    here = experiment.compare(where, ["addressbook", "external"], replications=4, jobs=1, bands=False)
    there = experiment.compare(
        where.with_settings({"server.profile": "exchange-2016"}), ["addressbook", "external"], replications=4, jobs=1, bands=False
    )
    assert here.policies["addressbook"].not_here
    assert not there.policies["addressbook"].not_here
    assert here.verdict.policy != "addressbook"
    assert (there.verdict.answer, there.verdict.policy) == ("yes-to", "addressbook")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[policy.mine]\n", "policy.mine: whom does it answer"),
        ('[policy.mine]\nbased_on = "external"\naudience = "known"\n', "policy.mine: whom does it answer"),
        ('[policy.mine]\naudience = "strangers"\n', "policy.mine.audience: 'strangers' should be 'nobody', "),
        ('[policy.mine]\nbased_on = "external"\nreturn_path = "null"\n', "policy.mine: 'return_path' is not a key of .policy.mine."),
        ('[policy.external]\nbased_on = "external"\n', "policy.external: is not a name for a policy of your own"),
        ('[policy."A B"]\nbased_on = "external"\n', "is not a name for a policy of your own"),
        ('[policy.mine]\nbased_on = "external"\n[[change]]\nat = "day 2"\npolicy = "mien"\n', "'mien' is not one of .*did you mean 'mine'"),
    ],
)
def test_what_is_no_policy_is_one_line(tmp_path, text, said):
    with pytest.raises(BadInput, match=said) as caught:
        scenario(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_a_key_of_a_policy_can_be_set_from_the_command_line_and_is_part_of_a_scenarios_identity(tmp_path):
    where = scenario(tmp_path, POLITE)
    changed = where.with_settings({"policy.polite.replies.every": "2 d"})
    assert changed.reply_policy("polite").responder.every == 2 * 86400.0
    assert where.reply_policy("polite").responder.every == 86400.0
    assert where.sha256() != changed.sha256()


# Functions.


def test_a_function_that_says_what_the_server_does_makes_the_same_run(tmp_path):
    # the responder's rules switched off, since a function stands in their place; its own history of whom it answered
    silent = {
        f"replies.{name}": False for name in ("ignore_precedence", "ignore_list_headers", "ignore_system_senders", "only_if_addressed")
    }
    where = scenario(tmp_path).with_settings(silent | {"replies.ignore_auto_submitted": False, "replies.ignore_own_address": False})
    assert not any(rule for rule in where.responder().rules if rule.why not in (Answer.JUNK, Answer.SUPPRESS_HEADER))
    answered, asked = (
        m["answer"] == Answer.ANSWERED
        for m in (runs.run(where, everyone_once).columns("messages"), runs.run(where, "external").columns("messages"))
    )
    assert np.array_equal(answered, asked)
    assert answered.sum() > 20


def test_what_a_function_sees_is_what_a_server_knows_and_cannot_be_changed():
    message = Incoming(60.0, 2000, Flag.LIST_HEADER, Words(), ((Place.PARTNER << 40) + 3, Place.PARTNER << 40), 1)
    assert (message.at, message.size, message.place) == (60.0, 2000, "partner")
    assert message.sender.startswith("a3@")
    assert Flag.LIST_HEADER in message.flags
    assert not {"kind", "truth"} & set(dir(message))
    with pytest.raises(AttributeError):
        message.size = 1  # type: ignore[misc]


def test_a_function_hears_how_often_a_sender_was_answered_in_this_absence():
    heard = []

    def listens(message, answered):
        heard.append(answered)
        return True

    own, message = Own(listens), Incoming(0.0, 1, Flag(0), Words(), (7, 0), 1)
    for absence in (0, 0, 1):
        own.wants(message, 1, absence, 7)
        own.sent(1, absence, 7)
    assert heard == [0, 1, 0]


def test_the_null_sender_and_those_who_write_to_somebody_present_never_reach_a_function(tmp_path):
    seen = set()

    def curious(message, answered):
        seen.add((message.sender == "", message.recipient))
        return True

    record = sim.run(scenario(tmp_path), curious)
    assert record.run.policy == "curious"
    assert seen == {(False, "ann@office.example")}
    assert (record.columns("messages")["answer"] == Answer.OWN_FUNCTION).sum() == 0


def test_functions_are_compared_beside_all_policies_and_workers_change_nothing(tmp_path):
    where = scenario(tmp_path)
    one, two = (sim.compare(where, {"partners": partners}, replications=2, jobs=jobs, bands=False) for jobs in (1, 2))
    assert [name for name, outcome in one.policies.items() if outcome.available] == [
        "off",
        "internal-only",
        "partners-only",
        "partners",
        "external",
    ]
    assert one.policies["partners"].not_here == "not a setting of this server: a Python function decides"
    assert [row["strangers_told"] for row in one.policies["partners"].rows] == [0.0, 0.0]
    assert one.policies["partners"].rows == two.policies["partners"].rows or np.array_equal(
        [list(row.values()) for row in one.policies["partners"].rows],
        [list(row.values()) for row in two.policies["partners"].rows],
        equal_nan=True,
    )
    assert sum(row["wanted_told"] for row in one.policies["partners"].rows) > 0


def test_a_function_that_workers_cannot_get_is_said_so_in_one_line(tmp_path):
    where = scenario(tmp_path)
    shy = lambda message, answered: False  # noqa: E731
    with pytest.raises(BadInput, match="policies: 'shy' cannot be sent to worker processes: define it in a module, or give jobs=1"):
        sim.compare(where, {"shy": shy}, replications=2, jobs=2, bands=False)
    with pytest.warns(UserWarning, match="'shy' cannot be sent to worker processes"):
        found = sim.compare(where, {"shy": shy}, replications=1, bands=False)
    assert found.policies["shy"].measures["autoreplies"].mean == 0.0
    pickle.dumps(where.with_functions({"partners": partners}))


@pytest.mark.parametrize("name", ["external", "No", "", "polite"])
def test_the_name_of_a_function_is_its_own(tmp_path, name):
    with pytest.raises(BadInput, match="is not a name for a policy of your own"):
        scenario(tmp_path, POLITE).with_functions({name: partners})


def test_what_is_no_function_is_refused(tmp_path):
    with pytest.raises(BadInput, match="'polite': 7 is no function"):
        sim.compare(scenario(tmp_path), {"polite": 7}, replications=1)  # type: ignore[dict-item]
