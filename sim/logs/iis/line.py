"""One line of the log: which fields it has, and how it is written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["COMMAND", "FIELDS", "RESPONSE", "Line"]

FIELDS: Final = (
    "date time c-ip cs-username s-sitename s-computername s-ip s-port cs-method cs-uri-stem cs-uri-query sc-status sc-win32-status "
    "sc-bytes cs-bytes time-taken cs-version cs-host cs(User-Agent) cs(Cookie) cs(Referer)"
)
_OURS: Final = "192.168.16.2"  # what the wizard of SBS 2003 gives to the server
COMMAND: Final = "OutboundConnectionCommand"
RESPONSE: Final = "OutboundConnectionResponse"


@dataclass(frozen=True, slots=True)
class Line:
    """What one line says, without its time."""

    client: str
    user: str
    method: str
    query: str
    status: int = 0
    sent: int = 0  # bytes to the client
    got: int = 0  # bytes from the client

    def text(self, moment: str) -> str:
        """The line as it stands in the file; `moment`: its date and time."""
        server = "- 25" if self.user in (COMMAND, RESPONSE) else f"{_OURS} 0"
        values = (_plus(self.user), "SMTPSVC1", "SRV1", server, self.method, "-", _plus(self.query), self.status, 0, self.sent, self.got, 0)
        return " ".join((moment, self.client, *map(str, values), "SMTP - - - -"))


def _plus(text: str) -> str:
    return re.sub(r"\s", "+", text) or "-"
