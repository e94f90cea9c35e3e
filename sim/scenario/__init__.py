"""The one file that says what a run is: read, checked, composed."""

from __future__ import annotations

import copy
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim import profiles, units
from sim.errors import BadInput, Unavailable, nearest
from sim.policy import retry
from sim.policy.admission import Filter, FilterKind
from sim.policy.autoreply import POLICIES, Audience, Responder
from sim.policy.own import Function, stays_here
from sim.profiles import Profile, Setting, responders
from sim.profiles.responders import Autoresponder
from sim.scenario import calendar, causes, changes, identity, inputs, policies, reader, replies, route, sent
from sim.scenario.away import Away
from sim.scenario.calendar import Absence
from sim.scenario.changes import Change
from sim.scenario.compressed import Compressed
from sim.scenario.consistent import POLICY_NAME, consistent
from sim.scenario.defaults import checked_default, default_rules
from sim.scenario.inputs import A_DEFAULT, Input
from sim.scenario.policies import ReplyPolicy
from sim.scenario.rules import queue_rules
from sim.scenario.schema import Document
from sim.units import DAY, HOUR, Seconds

if TYPE_CHECKING:
    from sim.corpus import Corpus

__all__ = ["A_DEFAULT", "Absence", "Change", "Compressed", "Input", "ReplyPolicy", "Scenario", "default_rules", "load", "loads"]


@dataclass(frozen=True)
class Scenario:
    """A checked scenario. The tables of its file are attributes of `document`, with numbers in seconds, bytes and shares."""

    name: str
    file: str
    document: Document = field(repr=False)
    plain: Mapping[str, Any] = field(repr=False)
    origins: Mapping[str, reader.Origin] = field(repr=False)
    replay: Corpus | None = field(default=None, repr=False)
    replay_wanted: Corpus | None = field(default=None, repr=False)
    compressed: Compressed | None = field(default=None, repr=False)
    functions: Mapping[str, Function] = field(default_factory=dict, repr=False)  # Python functions as reply policies
    read_sha256: str = field(default="", repr=False)  # of what its file says, before any setting

    @property
    def profile(self) -> Profile:
        """The server's documented defaults."""
        return profiles.find(self.document.server.profile)

    @property
    def policy(self) -> str:
        """The reply policy in force."""
        return self.document.server.policy

    @property
    def horizon(self) -> Seconds:
        """Length of the run, a whole number of hours: `days`, or to the end of a replayed trace and until what it left has expired."""
        if self.document.days is not None:
            return float(math.ceil(self.document.days * DAY / HOUR) * HOUR)
        ends = [float(corpus.at[-1]) for corpus in (self.replay, self.replay_wanted) if corpus is not None]
        lifetime = self._seconds("server.expiry") + (self.relay_rules().expiry if self.relay is not None else 0.0)
        return math.ceil((max(ends, default=0.0) + lifetime) / DAY) * DAY

    @property
    def autoresponder(self) -> Autoresponder:
        """The autoresponder's documented defaults: the server's own, or another that `replies.responder` names."""
        return responders.find(self.document.replies.responder or self.profile.responder)

    def default(self, key: str) -> Setting | None:
        """The profile's value of a key, where it has one."""
        if key == "replies.responder":
            return Setting(self.profile.responder, f"{self.profile.short}'s own")
        return self.autoresponder.settings.get(key) if key.startswith("replies.") else self.profile.settings.get(key)

    def number(self, key: str) -> object:
        """The value of a key of `[server]`: the file's, else the profile's; durations in seconds."""
        table, _, name = key.partition(".")
        value = getattr(getattr(self.document, table), name)
        if value is not None:
            return value
        assert key in self.profile.settings, key
        return checked_default(self.profile.name, key)

    def _seconds(self, key: str) -> float:
        value = self.number(key)
        assert isinstance(value, int | float)
        return float(value)

    def queue_rules(self) -> retry.QueueRules:
        """What the transport needs to know of this server."""
        return self._queue_rules

    @cached_property
    def _queue_rules(self) -> retry.QueueRules:
        return route.limited(queue_rules(self.profile, self.number), self.document.route)

    @property
    def relay(self) -> Profile | None:
        """The smarthost's documented defaults; None where mail goes to each domain's own host."""
        return profiles.find(self.document.route.relay) if self.document.route.to == "smarthost" else None

    def relay_number(self, key: str) -> object:
        """The smarthost's value of a key of `[server]`: its profile's, but for the lifetime that `[route]` may give."""
        assert self.relay is not None, key
        expiry = self.document.route.expiry
        return expiry if key == "server.expiry" and expiry is not None else checked_default(self.relay.name, key)

    def relay_rules(self) -> retry.QueueRules:
        """What a transport needs to know of the smarthost."""
        assert self.relay is not None
        return queue_rules(self.relay, self.relay_number)

    def facing_rules(self) -> retry.QueueRules:
        """The rules of the server that faces the outside: the smarthost's, or this one's."""
        return self.queue_rules() if self.relay is None else self.relay_rules()

    def responder(self) -> Responder:
        """The autoresponder as it is set up here."""
        return self._responder

    @cached_property
    def _responder(self) -> Responder:
        return replies.responder(self.autoresponder, self.document.replies)

    def filter(self) -> Filter:
        """What is done with spam before a reply is decided."""
        table = self.document.filter
        return Filter(FilterKind(table.kind), table.hit, table.false_positive)

    def audience(self, policy: str) -> Audience:
        """Whom a policy answers; Unavailable where this server does not offer it."""
        if (why := self.reply_policy(policy).switch.why_not) and policy in POLICIES:
            raise Unavailable(f"policy {policy}", f"not available on {self.profile.short}: {why}")
        return self.reply_policy(policy).audience

    @property
    def policies(self) -> list[str]:
        """The names of all reply policies, narrowest first: the five of servers, those that the server lacks among them, and one's own."""
        own = {name: policies.audience(table) for name, table in self.document.policy.items()}
        return policies.in_order(own | dict.fromkeys(self.functions, Audience.EVERYBODY))

    def reply_policy(self, name: str) -> ReplyPolicy:
        """What a policy decides, and how it is set on this server or why it is not; BadInput where there is none of that name."""
        if name in POLICIES:
            return ReplyPolicy(POLICIES[name], self.responder(), self.document.breaker, self.profile.policies[name])
        if name in self.functions:
            return policies.by_function(self.functions[name], self.responder(), self.document.breaker)
        if name in self.document.policy:
            return policies.by_table(self.document, self.profile, self.document.policy[name], self.plain["policy"][name])
        raise BadInput("policy", f"{name!r} is not one of {', '.join(self.policies)}{nearest(name, self.policies)}")

    def in_turn(self, policy: str) -> dict[str, ReplyPolicy]:
        """The policies that are in force in a run under one: itself, then those of changes."""
        later = [change.policy for change in self.changes if change.policy] if policy == self.policy else []
        return {name: self.reply_policy(name) for name in [policy, *later]}

    def with_functions(self, functions: Mapping[str, Function]) -> Scenario:
        """The same scenario with Python functions as further reply policies, by name."""
        for name, function in functions.items():
            if name in POLICIES or name in self.document.policy or not re.fullmatch(POLICY_NAME, name):
                raise BadInput(
                    "policies", f"{name!r} is not a name for a policy of your own: small letters, digits, - and _, and not taken"
                )
            if not callable(function):
                raise BadInput("policies", f"{name!r}: {function!r} is no function of (message, answered)")
        return replace(self, functions={**self.functions, **functions})

    @property
    def staying(self) -> list[str]:
        """The policies that are functions and cannot be sent to worker processes."""
        return [name for name, function in self.functions.items() if stays_here(function)]

    def mailbox(self, who: str) -> int:
        """The number of a mailbox from its person's name, or from its number as text."""
        people = self.document.office.people
        if who in people:
            return people.index(who)
        if who.isdigit() and int(who) < self.document.office.mailboxes:
            return int(who)
        known = ", ".join(people) or "none named"
        raise BadInput(self.file, f"{who!r} is not a person of office.people ({known}) nor the number of a mailbox{nearest(who, people)}")

    def away(self, who: str) -> Sequence[int]:
        """The mailboxes that `who` of an absence means: one, or a share of those that have no name."""
        if not who.rstrip().endswith("%"):
            return (self.mailbox(who),)
        try:
            share = units.share(who)
        except ValueError as error:
            raise BadInput(self.file, str(error)) from None
        return calendar.part(share, len(self.document.office.people), self.document.office.mailboxes)

    def person(self, mailbox: int) -> str:
        """A mailbox's person as prose says it."""
        people = self.document.office.people
        return people[mailbox].capitalize() if mailbox < len(people) else f"mailbox {mailbox}"

    @cached_property
    def absences(self) -> tuple[Absence, ...]:
        """Absences in order of the file, calendars written out, cut at the horizon and by changes that end them."""
        found = calendar.absences(self.document.absence, self.away, self.document.start.weekday(), self.horizon)
        ends = [(c.at, c.mailbox) for c in self.changes if c.ends_absence]
        return tuple(
            replace(a, until=min([a.until, *(at for at, who in ends if who == a.mailbox and at >= a.since)])) if ends else a for a in found
        )

    @cached_property
    def who_is_away(self) -> Away:
        """The same, to be asked for many times at once."""
        return Away(self.absences)

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """Changes in order of time."""
        return changes.changes(self.document.change, self.mailbox)

    def alarms(self) -> dict[str, float]:
        """The limits of the alarm rules by name, and how often a monitor looks."""
        rules = self.document.detection
        names = ("poll", "pending", "oldest", "autoreplies", "messages")
        return {"queues": float(self.document.verdict.alert_queues)} | {name: float(getattr(rules, name)) for name in names}

    @property
    def causes(self) -> tuple[causes.Cause, ...]:
        """The rival causes that are switched on."""
        return causes.present(self.document, self.horizon)

    @property
    def main_absentee(self) -> int:
        """The mailbox that is away for longest, all its absences together: the one the answer speaks of. -1 where nobody is away."""
        lengths: dict[int, float] = {}
        for absence in self.absences:
            lengths[absence.mailbox] = lengths.get(absence.mailbox, 0.0) + absence.until - absence.since
        return max(lengths, key=lengths.__getitem__, default=-1)  # the first of equals

    def inputs(self) -> list[Input]:
        """Every value with unit, source and tag, in the order of the schema."""
        return inputs.inputs(self)

    def assumed(self) -> list[Input]:
        """The assumed inputs that have a band and can change a run."""
        return inputs.assumed(self)

    def sha256(self) -> str:
        """Identity of everything that decides the result, but the seed."""
        return self._sha256

    @cached_property
    def _sha256(self) -> str:
        return identity.result(self)

    def work_out(self) -> None:
        """Work out what every run asks for, so that it need not be done for each."""
        self.sha256(), self.drawn_sha256, self.responder(), self.queue_rules(), self.who_is_away, self.changes

    @cached_property
    def packed(self) -> bytes:
        """It, as it is sent to other processes."""
        return sent.packed(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return sent.reduced(self)

    @cached_property
    def drawn_sha256(self) -> str:
        """Identity of what decides which mail comes, without what the outside, the server and the replies make of it."""
        return identity.drawn(self)

    def with_settings(self, settings: Mapping[str, object] | Iterable[str], where: str = "--set") -> Scenario:
        """The same scenario with some keys changed: `{"spam.unresolvable": "5 %"}` or `["spam.unresolvable=5 %"]`."""
        plain, origins = copy.deepcopy(dict(self.plain)), dict(self.origins)
        listed = [f"{k}={_toml(v)}" for k, v in settings.items()] if isinstance(settings, Mapping) else list(settings)
        for setting in listed:
            reader.assign(plain, origins, setting, where)
        changed = _compose(self.name, self.file if not listed else f"{self.file} with {where}", plain, origins)
        return self._completed(changed)

    def on_server(self, name: str) -> Scenario:
        """The same office on another server. A policy that it does not offer, in force or as a change, becomes the widest narrower one."""
        plain = policies.elsewhere(self.plain, self.policy, name)
        changed = _compose(self.name, f"{self.file} with --server", plain, dict(self.origins))
        return self._completed(changed)

    def _completed(self, changed: Scenario) -> Scenario:
        """With what stands in no file."""
        return replace(
            changed,
            replay=self.replay,
            replay_wanted=self.replay_wanted,
            compressed=self.compressed,
            functions=self.functions,
            read_sha256=self.read_sha256,
        )

    def tested(self) -> Scenario:
        """The scenario as `mailflow test` plays it: at the scale of its `tested_with`, if it has one."""
        try:
            return self.with_settings(self.document.tested_with, "tested_with") if self.document.tested_with else self
        except BadInput as error:
            raise type(error)(f"{self.file}: tested_with", error.found) from None

    def scale(self) -> str:
        """What `tested_with` changes, in words; empty where there is none: `office.mailboxes 400 instead of 40000`."""

        def said(value: object) -> str:
            return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else reader.plain(value)

        own = {item.key: item.value for item in self.inputs()}
        return ", ".join(f"{key} {said(value)} instead of {said(own.get(key))}" for key, value in self.document.tested_with.items())

    def with_replay(self, spam: Corpus | None = None, wanted: Corpus | None = None) -> Scenario:
        """The same scenario with its spam, or its wanted mail from outside, replaced by real messages."""
        return replace(self, replay=spam or self.replay, replay_wanted=wanted or self.replay_wanted, compressed=None)

    def demand_replay(self) -> None:
        """BadInput where it replays real mail and none was given."""
        if self.document.replay_required and self.replay is None:
            raise BadInput(self.file, "replays real mail: give --replay FILE, an mbox, a folder of .eml files or a CSV of metadata")

    def what_was_cut(self) -> str:
        """A compressed replay in words; empty where nothing was cut."""
        return self.compressed.words(self._seconds("server.expiry")) if self.compressed is not None else ""

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><td>{i.key}</td><td>{i.value}</td><td>{i.source}</td></tr>" for i in self.inputs())
        return f"<p>{self.document.title}</p><table><tr><th>key</th><th>value</th><th>source</th></tr>{rows}</table>"


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    return json.dumps(value) if isinstance(value, str | bool | list) else str(value)


def load(name: str | Path = "sbs_2003", settings: Mapping[str, object] | Iterable[str] = ()) -> Scenario:
    """Read a scenario by path or name, with some keys changed.

    Raises BadInput with file, key, what was found and what is wanted.
    """
    path = reader.find(str(name))
    return _read(path.stem, str(path), reader.parse(path), settings)


def loads(text: str, name: str = "office", settings: Mapping[str, object] | Iterable[str] = ()) -> Scenario:
    """A scenario from the text of its file, for one that is written where it is used. `name` stands for the file in what is said of it."""
    return _read(name, name, reader.parsed(text, name), settings)


def _read(name: str, file: str, document: Mapping[str, Any], settings: Mapping[str, object] | Iterable[str]) -> Scenario:
    plain, origins = reader.split(document, Path(file).name)
    scenario = replace(_compose(name, file, plain, origins), read_sha256=identity.digest(document))
    return scenario.with_settings(settings) if settings else scenario


def _compose(name: str, file: str, plain: dict[str, Any], origins: dict[str, reader.Origin]) -> Scenario:
    document = reader.check(plain, file)
    scenario = Scenario(name, file, document, plain, origins)
    consistent(scenario)
    return scenario
