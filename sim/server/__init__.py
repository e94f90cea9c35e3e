"""The mail server, conducted by SimPy: the only place that imports it."""
