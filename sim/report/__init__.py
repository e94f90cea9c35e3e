"""Numbers to words and tables: the answer as an administrator reads it."""

from sim.report.answer import Answer, Table, answer, sentence
from sim.report.figures import csv_rows, document, figures, number
from sim.report.text import text

__all__ = ["Answer", "Table", "answer", "csv_rows", "document", "figures", "number", "sentence", "text"]
