"""Names on codes: who is who, for logs, queue views and saved records.

Names are made once, from a pool of first names, last names and words (Faker, fixed seed), and chosen by the number of the code, so the same
code has the same name in every run. Domains are reserved ones (RFC 2606): nobody's. Real names of replayed mail are used as they stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from sim.mail import HERE, NULL_SENDER, Place, place
from sim.record import Words
from sim.streams import key
from sim.world import GONE

if TYPE_CHECKING:
    from sim.corpus import Corpus

__all__ = ["Names"]

_POOL = 400  # names and words drawn once
_TLD = {
    Place.PARTNER: "example",
    Place.OTHER: "example",
    Place.PROVIDER: "example",
    Place.STRANGE: "test",
    Place.LIST: "example",
    Place.TARGET: "example",
}
_STRIDE = 48_271  # a prime above _POOL: it has no factor in common with a number of pairs, so that every pair comes once
_REPLAYED = 1 << 30  # as in realise
_NUMBER = (1 << 40) - 1


@cache
def _pool() -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    from faker import Faker

    fake = Faker("en_US", use_weighting=False)
    fake.seed_instance(20060425)

    def clean(text: str) -> str:
        return "".join(letter for letter in text.lower() if letter.isascii() and letter.isalnum())

    return (
        tuple(clean(fake.first_name()) for _ in range(_POOL)),
        tuple(clean(fake.last_name()) for _ in range(_POOL)),
        tuple(clean(fake.domain_word()) for _ in range(_POOL)),
    )


@cache
def _colleagues(locale: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """First and last names of a language in ASCII, each once: by its own rule (ae for a German umlaut), else letter by letter."""
    from faker import Faker
    from faker.decode import unidecode

    fake = Faker(locale, use_weighting=False)
    fake.seed_instance(20060425)
    rules = next((provider.replacements for provider in fake.get_providers() if hasattr(provider, "replacements")), ())

    def names(*makers: str) -> tuple[str, ...]:
        make = next(getattr(fake, maker) for maker in makers if hasattr(fake, maker))
        found: dict[str, None] = {}
        for _ in range(4 * _POOL):
            name = make()
            for search, instead in rules:
                name = name.replace(search, instead)
            found["".join(letter for letter in unidecode(name).lower() if "a" <= letter <= "z")] = None
        found.pop("", None)
        return tuple(found)[:_POOL] or ("user",)

    # Where the language has names in Latin script, they are better than a transliteration of ours.
    return names("first_romanized_name", "first_name"), names("last_romanized_name", "last_name")


@dataclass(frozen=True)
class Names(Words):
    """The names of one scenario's people and of the outside."""

    office: str
    people: tuple[str, ...]
    replay: Corpus | None = None
    replay_wanted: Corpus | None = None
    locale: str = ""  # of those who are not named in `people`; empty: user7

    def mailbox(self, number: int) -> str:
        """The local part of a mailbox here."""
        if number < len(self.people):
            return self.people[number]
        if not self.locale:
            return f"user{number}"
        first, last = _colleagues(self.locale)
        again, which = divmod(number - len(self.people), len(first) * len(last))
        which = which * _STRIDE % (len(first) * len(last))
        name = f"{first[which % len(first)]}.{last[which // len(first)]}{again + 1 if again else ''}"
        return f"{name}.{number}" if name in self.people else name

    def address(self, code: int, domain: int) -> str:
        """An address as a log shows it; empty for the null sender."""
        if code == NULL_SENDER:
            return ""
        where, number = place(code), code & _NUMBER
        if where is Place.OFFICE:
            return f"{self.mailbox(number)}@{self.office}"
        corpus = self._corpus(where)
        if corpus is not None and _REPLAYED <= number < _REPLAYED + len(corpus.addresses):
            return corpus.addresses[number - _REPLAYED]
        if where is Place.LIST:
            return f"owner@{self.domain(domain)}"
        first, last, _ = _pool()
        mixed = key(code)
        return f"{first[mixed % _POOL]}.{last[mixed // _POOL % _POOL]}{number if where is Place.PROVIDER else ''}@{self.domain(domain)}"

    def domain(self, code: int) -> str:
        """A domain as a log shows it."""
        if code == HERE:
            return self.office
        where, number = place(code), code & _NUMBER
        corpus = self._corpus(where)
        if corpus is not None and _REPLAYED <= number < _REPLAYED + len(corpus.domains):
            return corpus.domains[number - _REPLAYED]
        if where is Place.PROVIDER:
            return f"freemail{number + 1}.example"
        if where is Place.LIST:
            return f"lists{number + 1}.example"
        if where is Place.SMARTHOST:
            return "smarthost.example"
        words = _pool()[2]
        return f"{words[key(code) % _POOL]}{number & (GONE - 1) if where is Place.TARGET else number}.{_TLD[where]}"

    def _corpus(self, where: Place) -> Corpus | None:
        return self.replay if where in (Place.STRANGE, Place.PROVIDER) else self.replay_wanted
