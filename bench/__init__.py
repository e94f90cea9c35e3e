"""What the simulation costs: seconds, attempts a second, bytes a message. Run by hand: `make bench`.

Each figure is the user CPU time of the thing itself (no import, no reading of files), in a fresh process, in interleaved rounds: other
work on the machine then meets all of them alike. Trust ratios, which are taken round by round; seconds differ from machine to machine.
"""
