"""Real messages as rows."""

from __future__ import annotations

from typing import Final

import numpy as np

from sim.corpus import LARGE_PROVIDERS, Corpus
from sim.mail import NULL_SENDER, Ints, Kind, Place, address
from sim.realise.arrived import arrived
from sim.scenario import Scenario
from sim.streams import Draw, Generators
from sim.workload import Rows

__all__ = ["replayed"]

_REPLAYED: Final = 1 << 30  # numbers of replayed addresses and domains begin here


def replayed(scenario: Scenario) -> list[Rows]:
    """Real messages as rows: to the mailbox that is away for longest. Those after the end of the run are left out."""
    found = []
    for corpus, kind in ((scenario.replay, Kind.SPAM), (scenario.replay_wanted, Kind.WANTED)):
        if corpus is not None:
            place = Place.STRANGE if kind is Kind.SPAM else Place.OTHER
            sender, domain = _codes(corpus, place, scenario.document.wanted.partners)
            mailbox = np.full(len(corpus), max(0, scenario.main_absentee), dtype=np.int64)
            dice = Generators(0, 0)(Draw.FILTER, 0, int(kind)).random(len(corpus))
            found.append(arrived(corpus.at, kind, sender, domain, mailbox, corpus.size, corpus.flags, dice))
    return found


def _codes(corpus: Corpus, where: Place, partners: int) -> tuple[Ints, Ints]:
    """Address and domain codes of a corpus' senders. Large providers are known by name among the senders of spam; among wanted senders the
    domains that write most are the partners."""
    n = len(corpus.domains)
    domains = address(where, _REPLAYED) + np.arange(n, dtype=np.int64)
    if where is Place.STRANGE:
        large = np.array([name in LARGE_PROVIDERS for name in corpus.domains], dtype=np.bool_)
        domains[large] += address(Place.PROVIDER, 0) - address(where, 0)
    else:
        writes = np.bincount(corpus.domain[corpus.domain >= 0], minlength=n)
        most = np.argsort(-writes, kind="stable")[:partners]
        domains[most] = address(Place.PARTNER, 0) + np.arange(len(most))
    known = corpus.sender >= 0
    domain = np.where(known, domains[np.maximum(corpus.domain, 0)], address(Place.PROVIDER, 0))
    sender = np.where(known, (domain >> 40 << 40) + _REPLAYED + corpus.sender, NULL_SENDER)
    return sender, domain
