"""Answers of responders outside to our replies: the mail loop, turn by turn.

Some people outside have a responder on, and a reply of ours that reaches them is answered to its return path; with the null sender there is
nobody to answer. Most of these responders are polite: they answer a mailbox of ours once, and nothing that says it is automatic. Some
answer every message. A loop then goes on as long as our own responder answers too, and at most for a set number of turns.

Our n-th reply in a chain is AUTOREPLY n of the row that began it; what comes back is ECHO n, and our reply to that AUTOREPLY n + 1.
"""

from __future__ import annotations

import math
from heapq import heappop, heappush

import numpy as np

from sim.mail import HERE, Flag, Ints, Kind, Place, Truth, among
from sim.scenario import Scenario
from sim.server.ledger import BORN, Born
from sim.streams import Draw, u, us
from sim.units import Floats, Seconds, grid
from sim.workload import Rows, empty
from sim.world import World

__all__ = ["Loops"]

_SIZE = 1500  # bytes of such an answer; assumed to change nothing
_PEOPLE = (Truth.WANTED, Truth.FORGED_REAL)  # who may have a responder


class Loops:
    """The responders outside, as one run meets them."""

    def __init__(self, world: World, scenario: Scenario) -> None:
        self.world, self.table = world, scenario.document.loops
        self.lag: Seconds = grid(self.table.lag) if self.table is not None else math.inf
        self._answered: set[tuple[int, int]] = set()  # (who outside, mailbox here)
        self._coming: list[tuple[Seconds, int, int, np.void]] = []  # at, row, turn, the reply that it answers

    def arrived(self, messages: Born, at: Floats) -> None:
        """Messages of ours have arrived outside, in order of time."""
        table = self.table
        if table is None:
            return
        turns = messages["id"] >> 4 & 0xFFFF
        may = (messages["id"] & 15 == Kind.AUTOREPLY) & among(messages["truth"], _PEOPLE) & (turns < table.most)
        may &= (messages["sender"] >= 0) & (messages["sender"] >> 40 == Place.OFFICE)
        may &= us(self.world.key, messages["recipient"], Draw.RESPONDS) < table.responders
        for note, when, turn in zip(messages[may], at[may].tolist(), turns[may].tolist(), strict=True):
            recipient, sender = int(note["recipient"]), int(note["sender"])
            if u(self.world.key, recipient, Draw.RESPONDS) >= table.responders * table.every_message:
                if table.marked or (recipient, sender) in self._answered:
                    continue
                self._answered.add((recipient, sender))
            heappush(self._coming, (grid(when + self.lag), int(note["id"]) >> 20, turn + 1, note))

    def due(self, until: Seconds) -> tuple[Rows, Ints]:
        """What comes back before a time: the rows, and the turn of each, from 1: int64[n]."""
        found = []
        while self._coming and self._coming[0][0] < until:
            found.append(heappop(self._coming))
        if not found:
            return empty(), np.zeros(0, dtype=np.int64)
        n = len(found)
        row = np.array([entry[1] for entry in found], dtype=np.int64)
        turn = np.array([entry[2] for entry in found], dtype=np.int64)
        notes = np.array([entry[3] for entry in found], dtype=BORN)
        who, mailbox = notes["recipient"], notes["sender"]
        assert self.table is not None
        polite = us(self.world.key, who, Draw.RESPONDS) >= self.table.responders * self.table.every_message
        rows = Rows(
            row=row,
            at=np.array([entry[0] for entry in found], dtype=np.float64),
            kind=np.full(n, Kind.ECHO, dtype=np.uint8),
            truth=notes["truth"],
            sender=who,
            sender_domain=notes["next_hop"],
            recipient=mailbox,
            recipient_domain=np.full(n, HERE, dtype=np.int64),
            mailbox=mailbox,
            size=np.full(n, _SIZE, dtype=np.int64),
            flags=np.where(polite, Flag.AUTO_SUBMITTED, 0).astype(empty().flags.dtype),
            unresolvable=np.zeros(n, dtype=np.bool_),
            dice=us(self.world.key, (row << 16) + turn, Draw.ECHO_FILTER),
        )
        return rows, turn
