"""Whom spam names as its sender."""

import numpy as np
import pytest

from sim.mail import Place, address
from sim.realise.senders import Senders
from sim.scenario.schema import Spam


def one_by_one(spam: Spam, die: np.ndarray) -> tuple[list[int], list[int]]:
    """The rule in words of one message: the reference that the batch must meet to the bit."""
    domains: list[int] = []
    addresses: list[int] = []
    sender, domain = [], []
    for number, (choice, again) in enumerate(die[:, :2].tolist()):
        grown = spam.new_domains * 100.0 * (np.array([number, number + 1]) / 100.0) ** spam.growth
        new = float(grown[1] - grown[0])
        if new <= choice < new + spam.providers:
            domain.append(address(Place.PROVIDER, int(again * 5)))
            sender.append(address(Place.PROVIDER, 5 + number))
            continue
        own = address(Place.STRANGE, number)
        domain.append(own)
        sender.append(own)
        if choice >= new and domains:
            earlier = int(again * len(domains))
            domain[-1] = domains[earlier]
            if (choice - new - spam.providers) / max(1e-9, 1.0 - new - spam.providers) >= spam.new_addresses:
                sender[-1] = addresses[earlier]
        domains.append(domain[-1])
        addresses.append(sender[-1])
    return sender, domain


@pytest.mark.parametrize("new_domains", ["57 %", "0 %", "73 %"])
@pytest.mark.parametrize("batches", [(3000,), (1, 1, 0, 2, 500, 1500, 996), (1000, 1000, 1000)])
def test_senders_of_a_batch_are_those_that_the_rule_gives_message_by_message(batches, new_domains):
    spam = Spam(new_domains=new_domains)
    die = np.random.default_rng(7).random((3000, 6))
    senders = Senders(spam)
    found = [senders.of(part, np.full(len(part), -1)) for part in np.split(die, np.cumsum(batches)[:-1])]
    sender, domain = one_by_one(spam, die)
    assert np.concatenate([part[0] for part in found]).tolist() == sender
    assert np.concatenate([part[1] for part in found]).tolist() == domain


def test_a_message_repeats_an_earlier_one_of_the_same_batch_through_any_number_of_steps():
    # Dice that always repeat the message just before: a chain as long as the batch, back to the first message.
    n = 5000
    die = np.column_stack([np.full(n, 0.999999), 1.0 - 1.0 / (2.0 * np.maximum(1, np.arange(n)))])
    sender, domain = Senders(Spam(providers="0 %")).of(die, np.full(n, -1))  # type: ignore[arg-type]
    assert set(sender.tolist()) == set(domain.tolist()) == {address(Place.STRANGE, 0)}
