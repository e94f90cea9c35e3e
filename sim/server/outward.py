"""What else goes out: reports of failures and delays to outside senders, receipts, what a rule sends on.

Each function makes messages out of arrivals or of what the transport says, and decides nothing about time but their lag. Reports and
receipts have the null sender (RFC 5321 6.1, RFC 3798), so nothing ever follows from their own failure: they are dropped.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from sim.mail import HERE, NULL_SENDER, OUTGOING, Dsn, Ints, Kind, Outcome, Place, Truth, address, born, place
from sim.policy import bounce
from sim.scenario import Scenario
from sim.server.ledger import Born
from sim.server.transport import Message
from sim.streams import Draw, u, us
from sim.units import Floats, Seconds, grid
from sim.workload import Rows
from sim.world import FULL, GONE, TYPO, World

__all__ = ["NOTICE", "Outward"]

NOTICE: Final = 1000  # bytes of a reply, notice or receipt; assumed to change nothing
_ELSEWHERE: Final = 1 << 36  # number of the address that a rule sends on to
_FROM_OUTSIDE: Final = (Kind.SPAM, Kind.WANTED, Kind.LIST, Kind.ECHO)
_ASKING: Final = (Kind.WANTED, Kind.SPAM)  # kinds of mail that may ask for a receipt


class Outward:
    """The rules of one run."""

    def __init__(self, scenario: Scenario, world: World) -> None:
        self.world, self.causes, self.lag = world, scenario.document.cause, scenario.document.cause.notice_lag
        self.horizon = scenario.horizon
        self.reports = scenario.queue_rules().reports_failures
        self.spans = {cause.name: (cause.since, cause.until) for cause in scenario.causes}
        forward = self.causes.forward
        self.forwarder = scenario.mailbox(forward.who) if forward is not None else -1
        forged = [
            table for table in (self.causes.infected_pc, self.causes.stolen_account) if table is not None and table.senders == "forged"
        ]
        self.strangers_send = bool(forged) or "open_relay" in self.spans or (forward is not None and forward.keeps_sender)

    def duties(self, rows: Rows, outcome: npt.NDArray[np.uint8]) -> Ints:
        """Dsn of each row: mail that was taken for a mailbox that does not exist must be reported."""
        dsn = np.zeros(len(rows), dtype=np.int64)
        for i in np.flatnonzero(outcome == Outcome.BOUNCED).tolist():
            dsn[i] = bounce.duty(int(rows.sender[i]), self.reports)
        return dsn

    def reaching(self, rows: Rows) -> Floats:
        """When each row reaches its mailbox: mail from outside waits while the store is down; infinite where the run ends before."""
        table = self.causes.store_outage
        if table is None:
            return rows.at
        since, until = self.spans["store_outage"]
        waits = (rows.at >= since) & (rows.at < until) & (rows.mailbox >= 0) & np.isin(rows.kind, _FROM_OUTSIDE)
        return np.where(waits, until if until < self.horizon else math.inf, rows.at)

    def late(self, rows: Rows, ids: Ints, reached: Floats) -> Iterator[Born]:
        """Delay notices for what waited too long for its mailbox. `ids`: of the rows."""
        table = self.causes.store_outage
        if table is None or not self.reports:
            return
        for i in np.flatnonzero((reached > rows.at + table.delay_notice) & (rows.sender != NULL_SENDER)).tolist():
            yield self._back(rows, ids, i, Kind.DELAY, int(ids[i]) & 0xFFFFF, table.delay_notice)

    def from_arrivals(
        self, rows: Rows, ids: Ints, outcome: npt.NDArray[np.uint8], dsn: Ints, absent: npt.NDArray[np.bool_]
    ) -> Iterator[Born]:
        """Reports of unknown recipients, receipts and forwards of a batch, in order of its rows within each. `ids`: of the rows. `absent`:
        whose mailbox each row came to is away."""
        for i in np.flatnonzero((outcome == Outcome.BOUNCED) & (dsn == Dsn.SENT)).tolist():
            n = int(ids[i]) & 0xFFFFF  # as in every notice: the kind of what it reports, and that one's own n
            yield self._back(rows, ids, i, Kind.FAILURE, n, self._soon(born(int(rows.row[i]), Kind.FAILURE, n)))
        yield from self._receipts(rows, ids, outcome, absent)
        yield from self._forwards(rows, ids, outcome)

    def notice(self, about: Message, cause: Born | None, kind: Kind, at: Seconds, by: int = HERE) -> Born:
        """The report on a message of a transport to its sender: one of ours gets it at once, somebody outside as a message. In a notice,
        n is the kind of the message that it reports, and that one's own n. `by`: the domain that reports; not ours, the report comes to
        our people from outside, and so a while later."""
        id = born(about.id >> 20, kind, about.id & 0xFFFFF)
        if cause is None or place(about.sender) is Place.OFFICE:
            comes = at if by == HERE else grid(at + self.lag)
            return Born(id, about.id, Truth.INTERNAL, NULL_SENDER, by, about.sender, HERE, NOTICE, comes)
        truth = self.truth(about.sender, cause.sender_domain)
        return Born(id, about.id, truth, NULL_SENDER, by, about.sender, cause.sender_domain, NOTICE, grid(at + self.lag))

    def truth(self, who: int, domain: int) -> Truth:
        """What an outside sender really is."""
        if place(who) in (Place.STRANGE, Place.PROVIDER):
            return Truth(int(self.world.senders(np.array([who]), np.array([domain]))[0]))
        return Truth.LIST if place(who) is Place.LIST else Truth.WANTED

    def _soon(self, id: int) -> Seconds:
        """The lag of one message: 0.5 to 1.5 times the mean."""
        return max(0.001, self.lag * (0.5 + u(self.world.key, id, Draw.NOTICE_LAG)))

    def _back(self, rows: Rows, ids: Ints, i: int, kind: Kind, n: int, lag: Seconds) -> Born:
        """A message with the null sender to the sender of a row."""
        row = int(rows.row[i])
        return Born(
            born(row, kind, n),
            int(ids[i]),
            Truth(int(rows.truth[i])),
            NULL_SENDER,
            HERE,
            int(rows.sender[i]),
            int(rows.sender_domain[i]),
            NOTICE,
            grid(float(rows.at[i]) + lag),
            int(rows.mailbox[i]),
        )

    def _receipts(self, rows: Rows, ids: Ints, outcome: npt.NDArray[np.uint8], absent: npt.NDArray[np.bool_]) -> Iterator[Born]:
        table = self.causes.receipts
        if table is None:
            return
        since, until = self.spans["receipts"]
        share = np.select([rows.kind == Kind.WANTED, rows.kind == Kind.SPAM], [table.wanted, table.spam], 0.0)
        asks = (us(self.world.key, rows.row, Draw.RECEIPT) < share) & np.isin(rows.kind, _ASKING)
        asks &= (outcome == Outcome.MAILBOX) & (rows.sender != NULL_SENDER) & (rows.at >= since) & (rows.at < until)
        read = us(self.world.key, rows.row, Draw.READ_RECEIPT) < table.read
        for i in np.flatnonzero(asks).tolist():
            row = int(rows.row[i])
            if table.delivery:
                yield self._back(rows, ids, i, Kind.RECEIPT, 0, self._soon(born(row, Kind.RECEIPT, 0)))
            if read[i] and not absent[i]:
                lag = -table.read_lag * math.log1p(-u(self.world.key, row, Draw.READ_LAG))
                yield self._back(rows, ids, i, Kind.RECEIPT, 1, max(0.001, lag))

    def _forwards(self, rows: Rows, ids: Ints, outcome: npt.NDArray[np.uint8]) -> Iterator[Born]:
        table = self.causes.forward
        if table is None:
            return
        since, until = self.spans["forward"]
        on = (rows.mailbox == self.forwarder) & (outcome == Outcome.MAILBOX) & ~np.isin(rows.kind, OUTGOING)
        on &= (rows.at >= since) & (rows.at < until)
        bit = {"living": 0, "full": FULL, "nobody": TYPO, "gone": 0}[table.to]
        domain = address(Place.TARGET, _ELSEWHERE + GONE) if table.to == "gone" else address(Place.PROVIDER, 0)
        for i in np.flatnonzero(on).tolist():
            row, kept = int(rows.row[i]), table.keeps_sender
            n = int(ids[i]) & 0xFFFFF if rows.kind[i] == Kind.ECHO else 0  # the echoes of a chain have one row
            id = born(row, Kind.FORWARD, n)
            yield Born(
                id,
                int(ids[i]),
                Truth.INTERNAL,
                int(rows.sender[i]) if kept else self.forwarder,
                int(rows.sender_domain[i]) if kept else HERE,
                address(Place.TARGET, _ELSEWHERE + bit),
                domain,
                int(rows.size[i]),
                grid(float(rows.at[i]) + self._soon(id)),
            )
