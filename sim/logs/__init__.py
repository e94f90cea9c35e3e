"""Foreign logs: written from a record, read into tables."""
