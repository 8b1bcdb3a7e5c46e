"""Delimited text as typed columns, with every bad line found and named.

A block of lines is read as text by Arrow and converted column by column. Only when something is
wrong is it looked at line by line. One line is one row: a quoted cell cannot run over its end.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from rustonite_data.errors import Internal, Invalid
from rustonite_data.lake.imports import cells

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rustonite_data.lake.imports.cells import Kind
    from rustonite_data.lake.imports.lines import Block, Lines
    from rustonite_data.lake.imports.rejects import Rejects


# A bad cell: its column, its text, and what was expected.
_Bad = tuple[str, str | None, str]


@dataclass(frozen=True, slots=True)
class Field:
    """A column to read."""

    name: str
    kind: Kind
    required: bool = True
    """Whether an empty cell is an error."""
    key: str = ""
    """What the result is called, if not by the name."""

    def __post_init__(self) -> None:
        """Fill in the key."""
        object.__setattr__(self, "key", self.key or self.name)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How cells are separated and what stands for none."""

    delimiter: str = ","
    nulls: tuple[str, ...] = ("",)


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a file, converted."""

    columns: dict[str, pa.Array]
    """By the keys of the fields."""
    count: int
    inexact: np.ndarray[Any, Any] | None = None
    """Rows that lost digits of a decimal; `None` if none did."""


@dataclass(frozen=True, slots=True)
class TextTable:
    """The rows of delimited text."""

    lines: Lines
    names: Sequence[str]
    """All columns of the file, in order."""
    fields: Sequence[Field]
    """Those to read."""
    rejects: Rejects
    dialect: Dialect = Dialect()
    pairs: Sequence[tuple[str, str]] = ()
    """Columns that must be empty together."""

    def __iter__(self) -> Iterator[Rows]:
        """The rows, block by block. Blocks of which all lines are rejected are left out."""
        for block in self.lines:
            rows = self._parse(block)
            if rows.count:
                yield rows

    def _parse(self, block: Block) -> Rows:
        texts = self._texts(block.data)
        # Only a carriage return of its own makes more rows than lines: without one, as many rows as
        # lines are one row for each line.
        lone = block.data.count(b"\r") != block.data.count(b"\r\n")
        if texts is not None and not lone and texts.num_rows == block.data.count(b"\n"):
            numbers: Sequence[int] = range(block.first_line, block.first_line + texts.num_rows)
        else:
            numbers, data = self._whole_lines(block)
            if not numbers:
                return Rows({}, 0)
            texts = self._texts(data)
            if texts is None or texts.num_rows != len(numbers):
                raise Invalid(
                    f"{self.lines.path}: lines {numbers[0]} to {numbers[-1]} do not parse"
                )
        return self._convert(texts, numbers, block)

    def _texts(self, data: bytes) -> pa.Table | None:
        """The columns as text; `None` if that is not possible for all lines."""
        wanted = list(dict.fromkeys(field.name for field in self.fields))
        try:
            return arrow_csv.read_csv(
                pa.py_buffer(data),
                # A thread of its own per column costs more than it gains on columns this short.
                arrow_csv.ReadOptions(
                    column_names=self.names, use_threads=False, block_size=len(data) + 1
                ),
                arrow_csv.ParseOptions(delimiter=self.dialect.delimiter),
                arrow_csv.ConvertOptions(
                    column_types=dict.fromkeys(wanted, pa.string()),
                    include_columns=wanted,
                    null_values=list(self.dialect.nulls),
                    strings_can_be_null=True,
                ),
            )
        except pa.ArrowInvalid:
            return None

    def _whole_lines(self, block: Block) -> tuple[list[int], bytes]:
        """The lines that have all cells, with their numbers. Empty ones are left out."""
        numbers, good = [], []
        for number, line in enumerate(block.data.split(b"\n")[:-1], block.first_line):
            if not line.strip():
                continue
            if reason := self._broken(line):
                self.rejects.row(number, reason, line)
                continue
            numbers.append(number)
            good.append(line)
        return numbers, b"\n".join(good) + b"\n"

    def _broken(self, line: bytes) -> str | None:
        """Why a line is no row."""
        try:
            text = line.removesuffix(b"\r").decode()
        except UnicodeDecodeError as error:
            return f"byte {error.start + 1} is {line[error.start]:#04x}, expected UTF-8 text"
        try:
            count = len(next(csv.reader([text], delimiter=self.dialect.delimiter, strict=True)))
        except csv.Error as error:
            return f"{error}, expected one row of {len(self.names)} cells"
        if count != len(self.names) or "\r" in text:
            return f"{count} cells, expected {len(self.names)}"
        return None

    def _convert(self, texts: pa.Table, numbers: Sequence[int], block: Block) -> Rows:
        columns = {name: texts[name].combine_chunks() for name in texts.column_names}
        made = self._made(columns)
        count = texts.num_rows
        if made is None:
            bad = dict(self._bad_cells(columns))
            lines = block.data.split(b"\n")
            for row in sorted(bad):
                self.rejects.cell(numbers[row], *bad[row], lines[numbers[row] - block.first_line])
            kept = pa.array(np.delete(np.arange(count), list(bad)))
            columns = {name: column.take(kept) for name, column in columns.items()}
            count = len(kept)
            made = self._made(columns)
        if made is None:
            raise Internal(f"{self.lines.path}: rows from line {block.first_line} are bad unseen")
        lost = [
            cells.inexact(columns[field.name], made[field.key])
            for field in self.fields
            if field.kind.decimal
        ]
        return Rows(made, count, cells.any_of(lost))

    def _made(self, columns: dict[str, pa.Array]) -> dict[str, pa.Array] | None:
        """The columns converted, or `None` if there is a bad cell."""
        if any(field.required and columns[field.name].null_count for field in self.fields):
            return None
        if any(pc.any(_alone(columns, pair)).as_py() for pair in self.pairs):
            return None
        try:
            return {field.key: field.kind.convert(columns[field.name]) for field in self.fields}
        except cells.REFUSALS:
            return None

    def _bad_cells(self, columns: dict[str, pa.Array]) -> Iterator[tuple[int, _Bad]]:
        """Rows with their bad cell. Of those in one row, the leftmost field comes last."""
        stop = None if self.rejects.wanted else 1
        for pair in reversed(self.pairs):
            for row in islice(_rows(_alone(columns, pair)), stop):
                empty = pair[0] if columns[pair[1]][row].is_valid else pair[1]
                yield row, (empty, None, f"a number, as {pair[0]!r} and {pair[1]!r} go together")
        for field in reversed(self.fields):
            column, expected = columns[field.name], field.kind.expected
            if field.required:
                for row in islice(_rows(column.is_null()), stop):
                    yield row, (field.name, None, expected)
            for row in islice(cells.bad_cells(field.kind, column), stop):
                yield row, (field.name, column[row].as_py(), expected)


def _alone(columns: dict[str, pa.Array], pair: tuple[str, str]) -> pa.Array:
    return pc.xor(columns[pair[0]].is_valid(), columns[pair[1]].is_valid())


def _rows(mask: pa.Array) -> Iterator[int]:
    yield from np.flatnonzero(mask.to_numpy(zero_copy_only=False)).tolist()


def header(lines: Lines, delimiter: str = ",") -> list[str]:
    """Take the first line as the names of the columns."""
    names = split(lines.path, lines.first, delimiter)
    lines.skip()
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Invalid(f"{lines.path}: line 1: column {twice[0]!r} is there twice")
    return names


def split(path: Path, line: bytes, delimiter: str = ",") -> list[str]:
    """The cells of a first line."""
    try:
        text = line.decode()
        return next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except UnicodeDecodeError:
        raise Invalid(f"{path}: line 1 is not UTF-8 text, expected names of columns") from None
    except csv.Error as error:
        raise Invalid(f"{path}: line 1: {error}, expected names of columns") from None
