"""Tables in Parquet files: written as their rows come, read column by column when these are asked for.

Neither way is a whole table in memory. Rows may be written in any order; what is read is in the record's own: a table that has these
columns, as `messages` does, comes in order of (accepted_at, id).
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import numpy as np

from sim import mail
from sim.errors import BadInput, BadOutput
from sim.record.schema import DOMAINS, Array, Column, Table

__all__ = ["Stored", "Writer", "new_directory", "writing"]

_ROWS: Final = 1 << 16  # of a row group, about: 8 MB of messages
_KEPT: Final = 1 << 28  # bytes of a table's columns that are kept for the next one who asks


@contextmanager
def new_directory(directory: str | os.PathLike[str]) -> Iterator[Path]:
    """A directory to be filled, which then takes its name: it appears whole or not at all."""
    target = Path(directory)
    if target.exists():
        raise BadOutput(str(target), "exists already; name a new directory")
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with writing():
            beside.mkdir(parents=True)
        yield beside
        with writing():
            beside.replace(target)
    except _Unwritten as error:
        raise BadOutput(str(target), str(error)) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


class _Unwritten(Exception):
    """Why a directory cannot be filled."""


@contextmanager
def writing() -> Iterator[None]:
    """What goes wrong in here is a matter of the new directory. The run that fills it may meet other files: their errors are its own."""
    try:
        yield
    except OSError as error:
        raise _Unwritten(error.strerror or str(error)) from error


class Writer:
    """One table's file in the making. Used in `with`: what goes wrong there leaves no open file behind."""

    def __init__(self, path: Path, columns: Mapping[str, Column]) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        self.path, self.columns = path, columns
        units = {name: column.unit for name, column in columns.items() if column.unit}
        fields = [pa.field(name, _type(column)) for name, column in columns.items()]
        # where pandas keeps, and looks for, `DataFrame.attrs`
        self._schema = pa.schema(fields, metadata={"PANDAS_ATTRS": json.dumps({"units": units})})
        with writing():
            self._file = path.open("wb")
            self._parquet = parquet.ParquetWriter(self._file, self._schema)
        self._parts: list[Table] = []
        self._rows = 0

    def append(self, rows: Table) -> None:
        """More rows, with all columns, or more."""
        count = len(next(iter(rows.values())))
        for first in range(0, count, _ROWS):
            self._parts.append({name: rows[name][first : first + _ROWS] for name in self.columns})
            self._rows += min(_ROWS, count - first)
            if self._rows >= _ROWS:
                self._write()

    def table(self) -> Table:
        """Ends the file: what was written."""
        self._write()
        with writing():
            self._parquet.close()
            self._file.close()
        return Stored(self.path, self.columns)

    def _write(self) -> None:
        """One row group."""
        import pyarrow as pa

        if self._parts:
            arrays = [_packed(np.concatenate([part[name] for part in self._parts]), column) for name, column in self.columns.items()]
            self._parts, self._rows = [], 0
            with writing():
                self._parquet.write_table(pa.Table.from_arrays(arrays, schema=self._schema))

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if not self._file.closed:
            with suppress(OSError):  # the disk is full: this has been said already
                self._parquet.close()
            self._parquet.is_open = False  # else it would try again when it is collected
            with suppress(OSError):
                self._file.close()


class Stored(Mapping[str, Array]):
    """A table in a file: a mapping from names to arrays, each read when it is asked for. The file must stay where it is."""

    def __init__(self, path: Path, columns: Mapping[str, Column]) -> None:
        """columns: what is read of it; those of `DOMAINS` are too, where they are there. KeyError where one is missing, OSError or
        ValueError where there is no Parquet file."""
        from pyarrow import parquet

        self.path = path.resolve()
        there = set(parquet.read_schema(self.path).names)
        for name in columns:
            if name not in there:
                raise KeyError(f"{path.name} has no column {name}")
        self.columns = {**columns, **{name: column for name, column in DOMAINS.items() if name in there}}
        self._kept: dict[str, Array] = {}  # the last to be asked for comes last

    def __getitem__(self, name: str) -> Array:
        found = self._kept.pop(name, None)
        if found is None:
            found = self._read(name)
            if self._order is not None:
                found = found[self._order]
        self._kept[name] = found
        room = _KEPT - sum(column.nbytes for column in self._kept.values())
        while room < 0 and len(self._kept) > 1:
            room += self._kept.pop(next(iter(self._kept))).nbytes
        return found

    def __contains__(self, name: object) -> bool:
        return name in self.columns  # without reading it

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    @cached_property
    def _order(self) -> Array | None:
        """Where in the file each row stands; None if each stands in its place."""
        if not {"accepted_at", "id"} <= self.columns.keys():
            return None
        at, id = self._read("accepted_at"), self._read("id")
        if ((at[:-1] < at[1:]) | ((at[:-1] == at[1:]) & (id[:-1] < id[1:]))).all():
            return None
        return np.lexsort((id, at))

    def _read(self, name: str) -> Array:
        from pyarrow import parquet

        column = self.columns[name]
        try:
            with parquet.ParquetFile(self.path) as file:
                return _unpacked(file.read([name]).column(0), column)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadInput(str(self.path), f"is no table of a saved record, or no more ({error})") from error


def _words(column: Column) -> list[str]:
    return [mail.word(value) for value in column.words or ()]


def _type(column: Column) -> Any:
    """What it is in Arrow."""
    import pyarrow as pa

    if column.words is not None:
        return pa.dictionary(pa.int8(), pa.string())
    return pa.string() if column.dtype == "object" else pa.from_numpy_dtype(np.dtype(column.dtype))


def _packed(values: Array, column: Column) -> Any:
    """Words for codes; NaN becomes null, as pandas has it.

    From buffers: `pyarrow.array` would import pandas, which is 45 MB beside a run that has no use for it."""
    import pyarrow as pa

    if column.dtype == "object":
        return _texts(values.tolist())
    if column.words is not None:
        return pa.DictionaryArray.from_arrays(_numbers(values.astype(np.int8), pa.int8()), _texts(_words(column)))
    return _numbers(values.astype(column.dtype, copy=False), _type(column))


def _numbers(values: Array, type: Any) -> Any:
    import pyarrow as pa

    missing = np.isnan(values) if values.dtype.kind == "f" else np.zeros(0, dtype=np.bool_)
    there = pa.py_buffer(np.packbits(~missing, bitorder="little")) if missing.any() else None
    return pa.Array.from_buffers(type, len(values), [there, pa.py_buffer(values)])


def _texts(values: list[str]) -> Any:
    import pyarrow as pa

    encoded = [value.encode() for value in values]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    return pa.Array.from_buffers(pa.string(), len(values), [None, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))])


def _unpacked(values: Any, column: Column) -> Array:
    """Codes for words; null becomes NaN. Each piece has words of its own."""
    import pyarrow as pa

    if values.null_count and not column.dtype.startswith("float"):
        raise ValueError("a value is missing")
    if column.words is None:
        found: Array = values.to_numpy().astype(column.dtype, copy=False)
        return found
    code = {word: n for n, word in enumerate(_words(column))}
    pieces = [np.zeros(0, dtype=column.dtype)]
    if not pa.types.is_dictionary(values.type):  # plain words, as other programs write them
        values = values.dictionary_encode()
    for piece in values.chunks:
        codes = np.array([code[word] for word in piece.dictionary.to_pylist()], dtype=column.dtype)
        pieces.append(codes[piece.indices.to_numpy()])
    return np.concatenate(pieces)
