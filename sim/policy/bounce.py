"""Report a failure to the sender, or stay silent."""

from __future__ import annotations

from sim.mail import NULL_SENDER, Dsn

__all__ = ["duty"]


def duty(sender: int, reports: bool) -> Dsn:
    """What becomes of the duty to report. A message with the null sender is never reported (RFC 5321 6.1); on Exchange 2003 SP1 and
    later it is discarded without a trace (FACTS S23-S25)."""
    if sender == NULL_SENDER:
        return Dsn.NULL_SENDER
    return Dsn.SENT if reports else Dsn.OFF
