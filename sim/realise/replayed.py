"""Real messages as rows, and a replay with its idle stretches cut short."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from sim.corpus import LARGE_PROVIDERS, Corpus
from sim.errors import BadInput
from sim.mail import NULL_SENDER, Ints, Kind, Place, address
from sim.realise.arrived import arrived
from sim.scenario import Compressed, Scenario
from sim.streams import Draw, Generators
from sim.units import Seconds, grid
from sim.workload import Rows

__all__ = ["compressed", "replayed"]

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


def compressed(scenario: Scenario, longest: Seconds) -> Scenario:
    """The scenario with every gap of its replay that is longer than `longest` cut down to it. Where spam and wanted mail are both
    replayed, a gap is one in both: what came together still does. The scenario says how much was left out."""
    given = [corpus for corpus in (scenario.replay, scenario.replay_wanted) if corpus is not None]
    if not given:
        raise BadInput("compress", "there is no replayed mail whose gaps could be cut; give --replay FILE")
    if not longest > 0.0:
        raise BadInput("compress", "gaps are cut down to a time above 0, as in '1 h'")
    times = np.unique(np.concatenate([corpus.at for corpus in given]))
    cut = np.maximum(np.diff(times, prepend=0.0) - grid(longest), 0.0)
    earlier = np.cumsum(cut)  # by how much each time comes earlier

    def moved(corpus: Corpus | None) -> Corpus | None:
        return None if corpus is None else replace(corpus, at=corpus.at - earlier[np.searchsorted(times, corpus.at)])

    facts = Compressed(grid(longest), int((cut > 0.0).sum()), float(earlier[-1]), float(times[-1]))
    return replace(scenario, replay=moved(scenario.replay), replay_wanted=moved(scenario.replay_wanted), compressed=facts)


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
