"""The SMTP log of Exchange 2000/2003 in IIS W3C extended form: written from a record, read into a table.

One line is one command, or one reply of a remote server; nothing says which lines belong together. A reader puts them together by client
IP and HELO name, in order; two sessions at once from one host under one name cannot be told apart, nor can two connections to one host.
Times are UTC without a zone in W3C form; NCSA form carries an offset. Blanks in a value are `+`.

Only what happens on a connection is in this log: a DNS failure, a refused connection and one that times out leave no line (assumed; the
real samples show none). So queues in Retry cannot be seen in it, but the spam that caused them can. The writer gives every attempt a
connection of its own, and all lines of a session the second of its end; the real server reuses connections and spreads the lines.
"""

from sim.logs.iis.dialogues import sessions
from sim.logs.iis.reader import read
from sim.logs.iis.writer import write

__all__ = ["read", "sessions", "write"]
