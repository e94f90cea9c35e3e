"""What autoresponders say to real messages, as text and as a document.

Text of a message comes from strangers: what is not printable is replaced, so that it cannot steer a terminal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sim.mail import Answer, word
from sim.policy.autoreply import Responder
from sim.profiles.responders import RESPONDERS, Autoresponder
from sim.verdicts import Judged, reply

__all__ = ["document", "lines", "rule", "single", "summary"]

_GENERAL = {
    Answer.NULL_SENDER: ("null sender", "RFC 3834 section 2, RFC 5321 4.5.5"),
    Answer.ANSWERED_BEFORE: ("answered before", "history"),
    Answer.RATE_LIMIT: ("rate limit", "not a setting of this server, simulated"),
}
_KEYS = {Answer.ANSWERED_BEFORE: "replies.every", Answer.RATE_LIMIT: "replies.rate_limit"}


def rule(auto: Autoresponder, why: Answer) -> tuple[str, str]:
    """The rule behind an answer in the responder's own words, and its source."""
    for own in auto.rules:
        if own.why is why:
            return own.words, auto.settings[own.key].source
    words, source = _GENERAL[why]
    return words, auto.settings[_KEYS[why]].source if why in _KEYS else source


def single(judged: Judged, names: Sequence[str], responders: Mapping[str, Responder]) -> Iterator[str]:
    """One message: the answer of the responders asked for, each with its rule or its reply, and who decides otherwise."""
    yield f"{_clean(judged.seen.name)}"
    yield f"  from {_sender(judged)}{' (its From; it names no envelope sender)' if judged.seen.from_used else ''}"
    yield f"  to   {_own(judged)}"
    for name in names:
        auto, answer = RESPONDERS[name], judged.answers[name]
        yield ""
        if answer is not Answer.ANSWERED:
            words, source = rule(auto, answer)
            yield f"{name}: not answered. {_sentence(words)}"
            if answer in judged.seen.found:
                yield f"  found   {_clean(judged.seen.found[answer])}"
            yield f"  source  {source}"
        else:
            yield f"{name}: answered. Its reply ({auto.title}):"
            for line in reply(judged.seen, auto, responders[name]):
                text = "not documented" if line.text is None else _clean(line.text) if line.text else "not written"
                yield f"  {line.name + ':':26} {text}" + ("" if line.source == text else f"   [{line.source}]")
        yield from _otherwise(judged, name, set(names))


def _otherwise(judged: Judged, name: str, asked: set[str]) -> Iterator[str]:
    """Those who were not asked for and decide otherwise."""
    mine = judged.answers[name] is Answer.ANSWERED
    others = [other for other, answer in judged.answers.items() if other not in asked and (answer is Answer.ANSWERED) != mine]
    if not others:
        yield "  The others decide alike."
    elif mine:
        yield "  Not answered by:"
        for other in others:
            yield f"    {other:16} {rule(RESPONDERS[other], judged.answers[other])[0]}"
    else:
        yield f"  Answered by: {', '.join(others)}."


def lines(judged: Sequence[Judged], name: str) -> Iterator[str]:
    """One line per message."""
    yield f"{name:9}  {'message':32}  {'sender':36}  rule"
    for one in judged:
        answer = one.answers[name]
        yes = answer is Answer.ANSWERED
        differ = sum((other is Answer.ANSWERED) != yes for other in one.answers.values())
        said = [] if yes else [rule(RESPONDERS[name], answer)[0]]
        said += [f"{differ} decide otherwise"] * bool(differ)
        yield f"{'yes' if yes else 'no':9}  {_clean(one.seen.name):32}  {_sender(one):36}  {'; '.join(said)}".rstrip()


def summary(judged: Sequence[Judged], names: Sequence[str], notes: Sequence[str] = ()) -> Iterator[str]:
    """How many messages each responder answers, and by which rules it leaves the others."""
    n = len(judged)
    for name in names:
        yield f"{name}: {n:,} message{'s' if n != 1 else ''}"
        counts = Counter(one.answers[name] for one in judged)
        answered = counts.pop(Answer.ANSWERED, 0)
        yield f"  {answered:7,}  {answered / n:6.1%}  answered".replace("%", " %")
        for why, count in counts.most_common():
            yield f"  {count:7,}  {count / n:6.1%}  {rule(RESPONDERS[name], why)[0]}".replace("%", " %", 1)
    others = [name for name in judged[0].answers if name not in names]
    if others:
        yield "the others"
    for other in others:
        answered = sum(one.answers[other] is Answer.ANSWERED for one in judged)
        differ = sum((one.answers[other] is Answer.ANSWERED) != (one.answers[names[0]] is Answer.ANSWERED) for one in judged)
        share = f"{answered / n:6.1%}".replace("%", " %")
        yield f"  {answered:7,}  {share}  answered by {other}" + (f", {differ:,} otherwise than {names[0]}" if differ else "")
    yield from map(_clean, notes)


def document(judged: Sequence[Judged], names: Sequence[str], responders: Mapping[str, Responder], left_out: Mapping[str, str]) -> Any:
    """The same for a program."""
    return {
        "responders": list(names),
        "messages": [
            {
                "name": one.seen.name,
                "sender": one.seen.sender or None,
                "sender_is_from": one.seen.from_used,
                "own_addresses": list(one.seen.own),
                "own_addresses_from": one.seen.own_header or ("--to" if one.seen.own else None),
                "answers": {name: _answer(one, name) for name in one.answers},
                "replies": {name: _reply(one, name, responders[name]) for name in names if one.answers[name] is Answer.ANSWERED},
            }
            for one in judged
        ],
        "answered": {name: sum(one.answers[name] is Answer.ANSWERED for one in judged) for name in responders},
        "left_out": [{"name": name, "why": why} for name, why in left_out.items()],
    }


def _answer(judged: Judged, name: str) -> dict[str, Any]:
    why = judged.answers[name]
    if why is Answer.ANSWERED:
        return {"answered": True}
    words, source = rule(RESPONDERS[name], why)
    return {"answered": False, "reason": word(why), "rule": words, "source": source, "found": judged.seen.found.get(why)}


def _reply(judged: Judged, name: str, responder: Responder) -> dict[str, Any]:
    path, *headers = reply(judged.seen, RESPONDERS[name], responder)
    return {
        "return_path": path.text,
        "headers": {line.name: line.text for line in headers if line.text},
        "not_documented": [line.name for line in headers if line.text is None],
        "sources": {line.name: line.source for line in (path, *headers)},
    }


def _sender(judged: Judged) -> str:
    return _clean(judged.seen.sender) if judged.seen.sender else "<>"


def _own(judged: Judged) -> str:
    if not judged.seen.own:
        return "not known: neither Delivered-To, X-Original-To, Envelope-To nor To names an address (--to names yours)"
    taken = f" (taken from {judged.seen.own_header}; --to names yours)" if judged.seen.own_header else ""
    return ", ".join(map(_clean, judged.seen.own)) + taken


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _clean(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
