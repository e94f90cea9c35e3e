"""An autoresponder on a page: its rules in words, its memory, its reply, and where each is documented."""

from __future__ import annotations

from collections.abc import Iterator

from sim.profiles.parts import Setting
from sim.profiles.responders import RESPONDERS, Autoresponder
from sim.scenario.reader import plain

__all__ = ["listing", "page"]

_OTHERS = {
    "replies.return_path": "return path of the reply",
    "replies.every": "a sender is answered again after",
    "replies.history": "senders remembered",
    "replies.when_full": "who does not fit",
    "replies.rate_limit": "replies of a mailbox in any hour",
}
_WORDS = {
    ("replies.return_path", "user"): "the user",
    ("replies.return_path", "null"): "<>",
    ("replies.every", "absence"): "never in this absence",
    ("replies.when_full", "answer"): "is answered every time",
    ("replies.when_full", "forget"): "takes the place of the oldest",
    ("replies.rate_limit", "off"): "any number",
}


def listing() -> Iterator[str]:
    """One line per autoresponder."""
    for auto in RESPONDERS.values():
        yield f"{auto.name:16} {auto.title}"
    yield "mailflow show NAME explains one; mailflow reply MESSAGE.eml judges a message."


def page(auto: Autoresponder) -> Iterator[str]:
    """Everything that is known of one."""
    yield f"{auto.name}: {auto.title}"
    yield "Not answered, in this order:"
    yield from _item("null sender", "", "RFC 3834 section 2: MUST NOT; RFC 5321 4.5.5: SHOULD NOT")
    for on, heading in ((True, ""), (False, "Not looked at:")):
        if heading:
            yield heading
        for rule in auto.rules:
            setting = auto.settings[rule.key]
            if setting.value is on:
                yield from _item(rule.words, rule.key, _source(setting))
    yield "Memory and return path:"
    for key, meaning in _OTHERS.items():
        setting = auto.settings[key]
        value = _WORDS.get((key, str(setting.value)), plain(setting.value))
        yield from _item(f"{meaning}: {value}", key, _source(setting))
    if auto.cleared:
        yield from _item("who was answered is forgotten when replies are switched off or on", "", auto.cleared)
    yield "The reply:"
    for line in auto.reply:
        text = "not documented" if line.text is None else line.text or "not written"
        yield from _item(f"{line.name}: {text}", "", "" if line.source == text else line.source)
    for note in auto.notes:
        yield f"Note: {note}."
    for item in auto.undocumented:
        yield f"Not documented: {item}."


def _item(what: str, key: str, source: str) -> Iterator[str]:
    yield f"  {what:70} {key}".rstrip()
    if source:
        yield f"      {source}"


def _source(setting: Setting) -> str:
    band = f" [{plain(setting.low)} to {plain(setting.high)}]" if setting.low is not None else ""
    return f"{setting.source}{band}"
