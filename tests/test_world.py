"""How the outside behaves, whoever asks."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import sim
from sim import realise
from sim.mail import Place, address
from sim.world import GONE, World

FATES = realise.world(sim.load("sbs_2003"), 1, 0).fates
SHARE = st.sampled_from([0.0, 0.3, 1.0]) | st.floats(0, 1)


@given(st.integers(0, 2**62), st.lists(SHARE, min_size=6, max_size=6), st.integers(0, 1 << 36))
def test_the_fate_of_a_domain_is_the_same_asked_for_alone_or_among_others(seed, shares, first):
    unresolvable, nxdomain, silent, refusing, busy, greylisting = shares
    resolve = max(1.0, silent + refusing + busy)
    fates = replace(
        FATES,
        unresolvable=unresolvable,
        nxdomain=nxdomain,
        silent=silent / resolve,
        refusing=refusing / resolve,
        busy=busy / resolve,
        greylisting=greylisting,
    )
    outside = World.of(seed, 0, 86400.0, fates)
    domains = [address(place, number) for place in Place for number in range(first, first + 6)]
    domains += [address(Place.TARGET, GONE + number) for number in range(first, first + 6)]
    assert [outside.domain(domain) for domain in domains] == outside.domains(np.array(domains)).tolist()
