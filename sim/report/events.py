"""The readable log of one run: what matters, in order of time, one line each, from the record alone.

    day 1 08:12:03  ann <- x@y.test  spam, answered (autoreply 123)
    day 1 08:12:06  ann -> x@y.test  autoreply 123
    day 1 08:12:27  ann -> x@y.test  autoreply 123, attempt 1: 4.4.1 connection timed out (21 s)
    day 1 08:12:27  queue y.test  Retry begins

Arrivals matter where somebody is away and could have answered. Of what leaves, all that servers write by themselves matters, and what a
person wrote only where it was not delivered at once. An attempt stands at its end, when its result is known. A message is named by what it
is and the number of the row that started it all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from sim import profiles
from sim.mail import HERE, TEXTS, Answer, Code, Dsn, Ints, Kind, Outcome, Place, word
from sim.record import EndedBy, Record, Table
from sim.units import DAY, HOUR, MINUTE, Floats, Seconds, counted, words

__all__ = ["events"]

_NOUNS: Final = {
    Kind.WANTED: "wanted mail",
    Kind.OUTBOUND: "mail",
    Kind.INTERNAL: "mail from a colleague",
    Kind.LIST: "list mail",
    Kind.FAILURE: "failure notice",
    Kind.DELAY: "delay notice",
    Kind.RELAY: "relayed spam",
    Kind.ECHO: "answer to a reply",
}
_REASONS: Final = {
    Answer.REPLIES_OFF: "replies are switched off",
    Answer.AUDIENCE: "the policy does not answer this sender",
    Answer.AUTO_SUBMITTED: "Auto-Submitted says that nobody wrote it",
    Answer.PRECEDENCE: "Precedence marks it as bulk or list mail",
    Answer.LIST_HEADER: "a List-* header",
    Answer.SUPPRESS_HEADER: "X-Auto-Response-Suppress",
    Answer.SYSTEM_SENDER: "a system sender",
    Answer.OWN_ADDRESS: "it claims to come from the user",
    Answer.JUNK: "junk is not answered",
    Answer.NOT_TO_ME: "not addressed to the user",
    Answer.OWN_FUNCTION: "the function says no",
}
_DUTIES: Final = {Dsn.SENT: "reported to {}", Dsn.NULL_SENDER: "nobody to report to", Dsn.OFF: "not reported"}
_BY_PEOPLE: Final = (Kind.OUTBOUND, Kind.NEWSLETTER, Kind.RELAY)
_NOTICES: Final = (Kind.FAILURE, Kind.DELAY, Kind.RECEIPT)
# Of one instant, in the order of docs/instant.md as far as it matters: what was done, ends of attempts, what follows from them, what comes.
_DONE, _TRIED, _RETRY, _LEFT, _ENDED, _JOINED, _CAME, _SENT, _LAST = range(9)

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Part:
    """Events of one sort: their times, their place within an instant, and the line of the i-th."""

    at: Floats
    rank: int
    line: Callable[[int], str]


def events(record: Record) -> Iterator[str]:
    """The lines, each made when it is asked for."""
    log = _Log(record)
    parts = [part for part in log.parts() if len(part.at)]
    at = np.concatenate([part.at for part in parts])
    rank = np.concatenate([np.full(len(part.at), part.rank) for part in parts])
    which = np.concatenate([np.full(len(part.at), n) for n, part in enumerate(parts)])
    place = np.concatenate([np.arange(len(part.at)) for part in parts])
    order = np.lexsort((rank, at))
    for time, n, i in zip(at[order].tolist(), which[order].tolist(), place[order].tolist(), strict=True):
        yield f"{_clock(time)}  {parts[n].line(i)}"


def _clock(seconds: Seconds) -> str:
    second = math.floor(seconds)
    return f"day {second // int(DAY) + 1} {second // int(HOUR) % 24:02d}:{second // int(MINUTE) % 60:02d}:{second % 60:02d}"


class _Log:
    """The record of a run, read for its events."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.messages = dict(record.columns("messages"))  # all columns are there at once: they are read line by line
        profile = profiles.PROFILES.get(record.run.server)
        self.text = TEXTS.__getitem__ if profile is None else profile.text

    def parts(self) -> Iterator[_Part]:
        """All sorts of events."""
        yield from self._acts()
        yield from self._arrivals()
        for leg, who in (("", ""), ("relay_", "smarthost: ")):
            table = self.record.columns
            messages = table(f"{leg}messages") if leg else self.messages
            yield from self._carried(messages, table(f"{leg}queues"), table(f"{leg}attempts"), who)
        run = self.record.run
        if run.tallied:
            left_out = "attempts, and mail that joins a queue in Retry, are not listed in so large an office"
            yield _Part(np.zeros(1), _DONE, lambda _: f"server  {left_out}")
        yield _Part(
            np.array([run.horizon]),
            _LAST,
            lambda _: f"end of the run  {counted(run.queued + run.relay_queued, 'messages are', 'message is')} still queued",
        )

    # What was done.

    def _acts(self) -> Iterator[_Part]:
        acts = self.record.columns("acts")
        lasts = ~np.isnan(acts["until"])
        starts, ends = np.arange(len(lasts)), np.flatnonzero(lasts)

        def said(i: int, how: str) -> str:
            return f"{acts['who'][i]}  {acts['what'][i]}{how}"

        yield _Part(acts["at"], _DONE, lambda n: said(int(starts[n]), " begins" if lasts[n] else ""))
        yield _Part(acts["until"][ends], _DONE, lambda n: said(int(ends[n]), " ends"))

    # What came to a mailbox here.

    def _arrivals(self) -> Iterator[_Part]:
        m = self.messages
        here = m["next_hop"] == HERE
        automatic = np.isin(m["kind"], (*_NOTICES, Kind.AUTOREPLY))
        asked = np.flatnonzero(here & ~np.isin(m["answer"], (Answer.NOT_ASKED, Answer.NOT_ABSENT)))
        reply = {int(cause): int(id) for cause, id in zip(*(m[c][m["kind"] == Kind.AUTOREPLY] for c in ("caused_by", "id")), strict=True)}

        def came(n: int) -> str:
            i = int(asked[n])
            junk = ", filed as junk" if m["outcome"][i] == Outcome.JUNK else ""
            why = Answer(int(m["answer"][i]))
            if why is Answer.ANSWERED:
                id = reply.get(int(m["id"][i]))
                verdict = "answered" if id is None else f"answered ({_name(id)})"
            else:
                verdict = f"not answered: {_REASONS.get(why) or word(why).replace('-', ' ')}"
            return f"{self.recipient(m, i)} <- {self.sender(m, i)}  {_noun(int(m['kind'][i]))}{junk}, {verdict}"

        reached = np.where(np.isnan(m["settled_at"]), m["accepted_at"], m["settled_at"])
        yield _Part(reached[asked], _CAME, came)
        stayed = np.flatnonzero(here & automatic & (m["answer"] == Answer.NOT_ASKED))

        def delivered(n: int) -> str:
            i = int(stayed[n])
            if m["kind"][i] == Kind.AUTOREPLY:
                return f"{self.sender(m, i)} -> {self.recipient(m, i)}  {_name(int(m['id'][i]))}, delivered here"
            return f"{self.recipient(m, i)} <- {self.sender(m, i)}  {self._notice(m, i)}"

        yield _Part(m["accepted_at"][stayed], _SENT, delivered)

    def _notice(self, m: Table, i: int) -> str:
        """A notice and what it is about."""
        return f"{_name(int(m['id'][i]))} on {_name(int(m['caused_by'][i]))}"

    # What a server carried.

    def _carried(self, m: Table, q: Table, a: Table, who: str) -> Iterator[_Part]:
        out = m["next_hop"] != HERE
        automatic = ~np.isin(m["kind"], _BY_PEOPLE)
        late = ~np.isnan(m["deferred_at"]) | ~np.isin(m["outcome"], (Outcome.DELIVERED, Outcome.QUEUED))
        matters = out & (automatic | late)
        ids, row = np.unique(m["id"], return_index=True)  # ids in order, and where each stands

        def line(i: int, what: str) -> str:
            return f"{who}{self.sender(m, i)} -> {self.recipient(m, i)}  {_name(int(m['id'][i]))}{what}"

        if not who:  # what the smarthost accepts is what we have delivered
            sent = np.flatnonzero(matters)

            def accepted(n: int) -> str:
                i = int(sent[n])
                about = f" on {_name(int(m['caused_by'][i]))}" if m["kind"][i] in _NOTICES and m["caused_by"][i] >= 0 else ""
                return line(i, about)

            yield _Part(m["accepted_at"][sent], _SENT, accepted)
        yield from self._attempts(m, a, matters, ids, row, line)
        yield from self._fates(m, matters, line)

        def begins(n: int) -> str:
            return f"{who}queue {self.record.words.domain(int(q['next_hop'][n]))}  Retry begins"

        ended = np.flatnonzero(~np.isnan(q["until"]))

        def ends(n: int) -> str:
            i = int(ended[n])
            how = "the other side answers" if q["ended_by"][i] == EndedBy.ANSWERED else "the queue is empty"
            after = f"{words(float(q['until'][i] - q['since'][i]))} and {counted(int(q['failures'][i]), 'failed connections')}"
            return f"{who}queue {self.record.words.domain(int(q['next_hop'][i]))}  Retry ends after {after}: {how}"

        yield _Part(q["since"], _RETRY, begins)
        yield _Part(q["until"][ended], _ENDED, ends)

    def _attempts(self, m: Table, a: Table, matters: Bools, ids: Ints, row: Ints, line: Callable[[int, str], str]) -> Iterator[_Part]:
        if not len(a["at"]):
            return
        of = row[np.minimum(np.searchsorted(ids, a["message"]), len(ids) - 1)]
        by_message = np.lexsort((a["at"], a["message"]))
        first = np.searchsorted(a["message"][by_message], a["message"][by_message], side="left")
        number = np.empty(len(by_message), dtype=np.int64)
        number[by_message] = np.arange(len(by_message)) - first + 1
        end = a["at"] + a["seconds"]
        shown = np.flatnonzero(matters[of] & (end < self.record.run.horizon))

        def tried(n: int) -> str:
            i = int(shown[n])
            code = Code(int(a["code"][i]))
            result = "delivered" if code is Code.OK else self.text(code)
            return line(int(of[i]), f", attempt {number[i]}: {result} ({words(float(a['seconds'][i]))})")

        yield _Part(end[shown], _TRIED, tried)
        # a message that is deferred while no attempt of its own ends has joined a queue in Retry, or was put off without an attempt
        own = np.zeros(len(m["id"]), dtype=np.bool_)
        own[of[end == m["deferred_at"][of]]] = True
        joined = np.flatnonzero(matters & ~np.isnan(m["deferred_at"]) & ~own)
        yield _Part(m["deferred_at"][joined], _JOINED, lambda n: line(int(joined[n]), " waits: its queue is in Retry"))

    def _fates(self, m: Table, matters: Bools, line: Callable[[int, str], str]) -> Iterator[_Part]:
        """What leaves without being delivered."""
        left = np.flatnonzero(matters & np.isin(m["outcome"], (Outcome.BOUNCED, Outcome.EXPIRED, Outcome.DELETED)))

        def gone(n: int) -> str:
            i = int(left[n])
            outcome, dsn = Outcome(int(m["outcome"][i])), Dsn(int(m["dsn"][i]))
            after = f" after {words(float(m['settled_at'][i] - m['accepted_at'][i]))}" if outcome is not Outcome.BOUNCED else ""
            duty = _DUTIES[dsn].format(self.sender(m, i)) if dsn in _DUTIES else ""
            return line(i, f" {'is ' * (outcome is Outcome.DELETED)}{word(outcome)}{after}" + (f", {duty}" if duty else ""))

        yield _Part(m["settled_at"][left], _LEFT, gone)

    # Names.

    def sender(self, m: Table, i: int) -> str:
        """A sender; `<>` is the null sender."""
        return self._address(int(m["sender"][i]), int(m["sender_domain"][i]) if "sender_domain" in m else HERE)

    def recipient(self, m: Table, i: int) -> str:
        """A recipient."""
        return self._address(int(m["recipient"][i]), int(m["recipient_domain"][i]) if "recipient_domain" in m else HERE)

    def _address(self, code: int, domain: int) -> str:
        if code < 0:
            return "<>"
        name = self.record.words.address(code, domain)
        return name.partition("@")[0] if code >> 40 == Place.OFFICE else name


def _noun(kind: int) -> str:
    return _NOUNS.get(Kind(kind), Kind(kind).name.lower())


def _name(id: int) -> str:
    """`autoreply 123`; with the turn of a loop behind it, from the second on."""
    kind, n = Kind(id & 15), id >> 4 & 0xFFFF
    turn = f".{n}" if n and kind in (Kind.AUTOREPLY, Kind.ECHO) else ""
    return f"{_noun(kind)} {id >> 20}{turn}"
