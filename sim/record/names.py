"""Names on codes: the tables `addresses` and `domains`, made of what `messages` mentions."""

from __future__ import annotations

from functools import cached_property
from typing import Final

import numpy as np

from sim import mail
from sim.mail import Ints
from sim.record.schema import Array, Table

__all__ = ["Listed", "Words", "named"]

_NUMBER: Final = (1 << 40) - 1


class Words:
    """Puts names on codes. A record without any names uses the numbers."""

    def address(self, code: int, domain: int) -> str:
        return "" if code == mail.NULL_SENDER else f"a{code & _NUMBER}@{self.domain(domain)}"

    def domain(self, code: int) -> str:
        return f"d{code}.invalid"


class Listed(Words):
    """The names in the tables of a saved record."""

    def __init__(self, addresses: Table, domains: Table) -> None:
        self._tables = addresses, domains

    def address(self, code: int, domain: int) -> str:
        return self._addresses.get(code) or super().address(code, domain)

    def domain(self, code: int) -> str:
        return self._domains.get(code) or super().domain(code)

    @cached_property
    def _addresses(self) -> dict[int, str]:
        return dict(zip(self._tables[0]["address"].tolist(), self._tables[0]["name"].tolist(), strict=True))

    @cached_property
    def _domains(self) -> dict[int, str]:
        return dict(zip(self._tables[1]["domain"].tolist(), self._tables[1]["name"].tolist(), strict=True))


def named(messages: Table, words: Words) -> dict[str, Table]:
    """The tables addresses and domains for every code in `messages`.

    Where messages disagree on an address of the outside, the first that went there has the last word, then the first that came from
    there."""
    hop, inbound = messages["next_hop"], messages["next_hop"] == mail.HERE
    claims = [
        _outside(messages["recipient"], messages.get("recipient_domain", hop), messages["truth"], ~inbound),
        _outside(messages["sender"], messages.get("sender_domain", hop), messages["truth"], inbound),
    ]
    if "sender_domain" in messages:  # what leaves may have a sender outside: relayed, sent on
        unknown = np.broadcast_to(np.uint8(mail.Truth.UNKNOWN), len(hop))
        claims.append(_outside(messages["sender"], messages["sender_domain"], unknown, ~inbound))
    local = np.unique(np.concatenate([messages["recipient"][inbound], messages["sender"][~inbound]]))
    local = local[(local >= 0) & (local >> 40 == mail.Place.OFFICE)]
    claims.append((local, np.full(len(local), mail.HERE), np.full(len(local), mail.Truth.INTERNAL)))
    codes, first = np.unique(np.concatenate([code for code, _, _ in claims]), return_index=True)
    of, truth = (np.concatenate([claim[n] for claim in claims])[first] for n in (1, 2))
    domains = np.unique(np.concatenate([[mail.HERE], of, hop]))
    names = (words.address(code, domain) for code, domain in zip(map(int, codes), map(int, of), strict=True))
    return {
        "addresses": {
            "address": codes.astype(np.int64),
            "name": np.fromiter(names, dtype=object, count=len(codes)),
            "domain": of.astype(np.int64),
            "truth": truth.astype(np.uint8),
        },
        "domains": {
            "domain": domains.astype(np.int64),
            "name": np.fromiter(map(words.domain, map(int, domains)), dtype=object, count=len(domains)),
            "place": (domains >> 40).astype(np.uint8),
        },
    }


def _outside(code: Ints, domain: Ints, truth: Array, which: Array) -> tuple[Ints, Ints, Array]:
    """The addresses of the outside among some, each once, with what is said of it first: code, domain, truth."""
    rows = np.flatnonzero(which & (code >= 0) & (code >> 40 != mail.Place.OFFICE))
    codes, first = np.unique(code[rows], return_index=True)
    return codes, domain[rows[first]], truth[rows[first]]
