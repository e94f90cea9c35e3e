"""Numbers to words and tables: the answer as an administrator reads it."""

from sim.report.answer import Answer, Table, answer, sentence
from sim.report.extras import extras
from sim.report.figures import csv_rows, document, figures, number
from sim.report.text import columns, text

__all__ = ["Answer", "Table", "answer", "columns", "csv_rows", "document", "extras", "figures", "number", "sentence", "text"]
