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

from sim.destinations import Codes
from sim.mail import HERE, NULL_SENDER, OUTGOING, Dsn, Ints, Kind, Outcome, Place, Truth, address, among, are, place
from sim.policy import bounce
from sim.scenario import Scenario
from sim.server.inbound import NOTICE
from sim.server.ledger import Born, born_of, ids
from sim.streams import Draw, u, us
from sim.units import Floats, grid
from sim.workload import Rows
from sim.world import FULL, GONE, TYPO, World

__all__ = ["Outward"]

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

    def duties(self, rows: Rows, outcome: npt.NDArray[np.uint8]) -> Codes:
        """Dsn of each row: mail that was taken for a mailbox that does not exist must be reported."""
        dsn = np.zeros(len(rows), dtype=np.uint8)
        for i in np.flatnonzero(are(outcome, Outcome.BOUNCED)).tolist():
            dsn[i] = bounce.duty(int(rows.sender[i]), self.reports)
        return dsn

    def reaching(self, rows: Rows) -> Floats:
        """When each row reaches its mailbox: mail from outside waits while the store is down; infinite where the run ends before."""
        table = self.causes.store_outage
        if table is None:
            return rows.at
        since, until = self.spans["store_outage"]
        waits = (rows.at >= since) & (rows.at < until) & (rows.mailbox >= 0) & among(rows.kind, _FROM_OUTSIDE)
        return np.where(waits, until if until < self.horizon else math.inf, rows.at)

    def late(self, rows: Rows, turn: Ints | None, reached: Floats) -> Iterator[Born]:
        """Delay notices for what waited too long for its mailbox. `turn`: of a mail loop, of each row."""
        table = self.causes.store_outage
        if table is not None and self.reports:
            which = np.flatnonzero((reached > rows.at + table.delay_notice) & (rows.sender != NULL_SENDER))
            id = ids(rows, turn, which)
            yield self._back(rows, id, which, Kind.DELAY, id & 0xFFFFF, table.delay_notice)

    def from_arrivals(self, rows: Rows, turn: Ints | None, outcome: npt.NDArray[np.uint8], dsn: Codes, away: Ints) -> Iterator[Born]:
        """Reports of unknown recipients, receipts and forwards of a batch, in order of its rows within each. `turn`: as in `late`. `away`:
        which rows came to somebody who is."""
        unknown = np.flatnonzero(are(outcome, Outcome.BOUNCED) & are(dsn, Dsn.SENT))
        if len(unknown):
            id = ids(rows, turn, unknown)
            n = id & 0xFFFFF  # as in every notice: the kind of what it reports, and that one's own n
            lag = self._soon((rows.row[unknown] << 20) | (n << 4) | Kind.FAILURE)
            yield self._back(rows, id, unknown, Kind.FAILURE, n, lag)
        yield from self._receipts(rows, turn, outcome, away)
        yield from self._forwards(rows, turn, outcome)

    def notices(self, about: Born, kind: Kind, at: Floats, by: int = HERE) -> Born:
        """The reports on messages of a transport to their senders: one of ours gets it at once, somebody outside as a message. In a notice,
        n is the kind of the message that it reports, and that one's own n. `by`: the domain that reports; not ours, the report comes to
        our people from outside, and so a while later."""
        ours = ~about["noted"] | are(about["sender"] >> 40, Place.OFFICE)
        truth = np.full(len(about), int(Truth.INTERNAL), dtype=np.uint8)
        if not ours.all():
            theirs = (about[name][~ours].tolist() for name in ("sender", "sender_domain"))
            truth[~ours] = [self.truth(*who) for who in zip(*theirs, strict=True)]
        return born_of(
            len(about),
            id=(about["id"] >> 20 << 20) | ((about["id"] & 0xFFFFF) << 4) | int(kind),
            caused_by=about["id"],
            truth=truth,
            sender=NULL_SENDER,
            sender_domain=by,
            recipient=about["sender"],
            next_hop=np.where(ours, HERE, about["sender_domain"]),
            size=NOTICE,
            accepted_at=np.where(ours & (by == HERE), at, grid(at + self.lag)),
        )

    def truth(self, who: int, domain: int) -> Truth:
        """What an outside sender really is."""
        if place(who) in (Place.STRANGE, Place.PROVIDER):
            return Truth(int(self.world.senders(np.array([who]), np.array([domain]))[0]))
        return Truth.LIST if place(who) is Place.LIST else Truth.WANTED

    def _soon(self, ids: Ints) -> Floats:
        """The lag of each message: 0.5 to 1.5 times the mean."""
        return np.maximum(0.001, self.lag * (0.5 + us(self.world.key, ids, Draw.NOTICE_LAG)))

    def _back(self, rows: Rows, id: Ints, which: Ints, kind: Kind, n: Ints | int, lag: Floats | float) -> Born:
        """Messages with the null sender to the senders of some rows, whose ids these are."""
        return born_of(
            len(which),
            id=(rows.row[which] << 20) | (n << 4) | kind,
            caused_by=id,
            truth=rows.truth[which],
            sender=NULL_SENDER,
            sender_domain=HERE,
            recipient=rows.sender[which],
            next_hop=rows.sender_domain[which],
            size=NOTICE,
            accepted_at=grid(rows.at[which] + lag),
            mailbox=rows.mailbox[which],
        )

    def _receipts(self, rows: Rows, turn: Ints | None, outcome: npt.NDArray[np.uint8], away: Ints) -> Iterator[Born]:
        table = self.causes.receipts
        if table is None:
            return
        since, until = self.spans["receipts"]
        share = np.select([rows.kind == Kind.WANTED, rows.kind == Kind.SPAM], [table.wanted, table.spam], 0.0)
        asks = (us(self.world.key, rows.row, Draw.RECEIPT) < share) & among(rows.kind, _ASKING)
        asks &= (outcome == Outcome.MAILBOX) & (rows.sender != NULL_SENDER) & (rows.at >= since) & (rows.at < until)
        if table.delivery:
            which = np.flatnonzero(asks)
            yield self._back(rows, ids(rows, turn, which), which, Kind.RECEIPT, 0, self._soon((rows.row[which] << 20) | Kind.RECEIPT))
        asks[away] = False
        which = np.flatnonzero(asks & (us(self.world.key, rows.row, Draw.READ_RECEIPT) < table.read))
        # math.log1p and numpy's may differ in the last bit; the dice of one thing are the same wherever they are thrown
        lag = np.array([-table.read_lag * math.log1p(-u(self.world.key, row, Draw.READ_LAG)) for row in rows.row[which].tolist()])
        yield self._back(rows, ids(rows, turn, which), which, Kind.RECEIPT, 1, np.maximum(0.001, lag))

    def _forwards(self, rows: Rows, turn: Ints | None, outcome: npt.NDArray[np.uint8]) -> Iterator[Born]:
        table = self.causes.forward
        if table is None:
            return
        since, until = self.spans["forward"]
        on = (rows.mailbox == self.forwarder) & (outcome == Outcome.MAILBOX) & ~among(rows.kind, OUTGOING)
        on &= (rows.at >= since) & (rows.at < until)
        bit = {"living": 0, "full": FULL, "nobody": TYPO, "gone": 0}[table.to]
        domain = address(Place.TARGET, _ELSEWHERE + GONE) if table.to == "gone" else address(Place.PROVIDER, 0)
        which = np.flatnonzero(on)
        cause = ids(rows, turn, which)
        # the echoes of a chain have one row
        id = (rows.row[which] << 20) | (np.where(rows.kind[which] == Kind.ECHO, cause & 0xFFFFF, 0) << 4) | Kind.FORWARD
        yield born_of(
            len(which),
            id=id,
            caused_by=cause,
            truth=Truth.INTERNAL,
            sender=rows.sender[which] if table.keeps_sender else self.forwarder,
            sender_domain=rows.sender_domain[which] if table.keeps_sender else HERE,
            recipient=address(Place.TARGET, _ELSEWHERE + bit),
            next_hop=domain,
            size=rows.size[which],
            accepted_at=grid(rows.at[which] + self._soon(id)),
        )
