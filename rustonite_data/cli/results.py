"""Results of queries as tables, CSV, JSON lines, Parquet and Arrow."""

from __future__ import annotations

import json
import os
import sys
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO

import click
import pyarrow as pa
import pyarrow.parquet as pq
from rich.cells import cell_len
from rich.console import Console

from rustonite_data.cli.output import aligned, count_text, print_table, widths
from rustonite_data.cli.values import cells, csv_column, is_number, json_values
from rustonite_data.errors import Invalid, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TERMINAL_ROWS = 40
"""Rows that a table on a terminal has, if not told otherwise."""
_CELL_MAX = 48
_ROW_GROUP = 256 << 10
_PORTION = 10_000


def print_result(rows: pa.Table, form: str, limit: int | None = None) -> None:
    """Print a result on stdout.

    Args:
        rows: The result.
        form: `table`, `csv`, `json` or `arrow`.
        limit: Rows of a table; 0 for all. By default 40 on a terminal and all elsewhere.
    """
    if form == "table":
        _print_table(rows, limit)
        return
    sys.stdout.flush()
    out = sys.stdout.buffer
    _write(rows, form, out, whole=False)
    out.flush()


def save_result(rows: pa.Table, form: str, path: Path) -> None:
    """Write a result to a file, all of it or nothing.

    Raises:
        Invalid: the file cannot be written there.
        Unavailable: writing failed half-way.
    """
    # A pipe or device cannot be replaced by a file that was written beside it.
    whole = not path.exists() or path.is_file()
    part = path.with_name(f".{path.name}.{os.getpid()}.part") if whole else path
    try:
        file = part.open("wb")
    except OSError as error:
        raise Invalid(f"{path}: cannot be written: {error.strerror}") from error
    try:
        with file:
            _write(rows, form, file, whole=True)
        if whole:
            part.replace(path)
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror or error}") from error
    finally:
        if whole:
            part.unlink(missing_ok=True)


def _write(rows: pa.Table, form: str, out: BinaryIO, *, whole: bool) -> None:
    """Writes all rows. Arrow data that is not a whole file is a stream."""
    if form == "csv":
        _write_csv(rows, out)
    elif form == "json":
        _write_json(rows, out)
    elif form == "parquet":
        pq.write_table(rows, out, compression="zstd", row_group_size=_ROW_GROUP)
    else:
        make = pa.ipc.new_file if whole else pa.ipc.new_stream
        with make(out, rows.schema) as writer:
            writer.write_table(rows)


def _write_csv(rows: pa.Table, out: BinaryIO) -> None:
    """A header, and quotes only where they are needed."""
    import polars as pl  # noqa: PLC0415 - only here

    header = True
    for portion in _portions(rows):
        columns = [csv_column(column) for column in portion.columns]
        frame = pl.DataFrame(pa.table(columns, names=rows.column_names))
        # Not by Polars into the file: it would not say that a pipe is closed in Python's way.
        out.write(frame.write_csv(include_header=header).encode())
        header = False


def _write_json(rows: pa.Table, out: BinaryIO) -> None:
    """One object per line."""
    for portion in _portions(rows):
        columns = [json_values(column) for column in portion.columns]
        lines = [
            json.dumps(dict(zip(rows.column_names, line, strict=True)), ensure_ascii=False)
            for line in zip(*columns, strict=True)
        ]
        out.write("".join(f"{line}\n" for line in lines).encode())


def _portions(rows: pa.Table) -> Iterator[pa.RecordBatch]:
    """The rows, a few at a time; at least one portion, if an empty one."""
    for start in range(0, max(1, rows.num_rows), _PORTION):
        portion = rows.slice(start, _PORTION).combine_chunks()
        columns = [
            column.chunk(0) if column.num_chunks else pa.array([], column.type)
            for column in portion.columns
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=rows.schema)


def _print_table(rows: pa.Table, limit: int | None) -> None:
    console = Console()
    if not rows.column_names:
        return
    if limit is None:
        limit = TERMINAL_ROWS if console.is_terminal else 0
    shown = rows.slice(0, limit) if limit else rows
    if console.is_terminal:
        _print_fitting(shown, console.width)
    else:
        _print_plain(shown)
    if len(shown) < len(rows):
        note = f"{len(shown):,} of {len(rows):,} rows; --limit-rows 0 or --format csv brings all"
        click.echo(note, err=True)
    elif console.is_terminal:
        click.echo(count_text(len(rows), "row"), err=True)


def _print_plain(rows: pa.Table) -> None:
    """Aligned lines; later rows go below the first ones, in the same widths."""
    right = {at for at, field in enumerate(rows.schema) if is_number(field.type)}
    sizes: list[int] = []
    for portion in _portions(rows):
        lines = [list(line) for line in zip(*map(cells, portion.columns), strict=True)]
        if not sizes:
            lines.insert(0, list(rows.column_names))
            sizes = widths(lines)
        click.echo("\n".join(aligned(lines, sizes, right)))


def _print_fitting(rows: pa.Table, width: int) -> None:
    """A table that is as wide as the terminal at most: columns in the middle give way."""
    found = [list(map(cells, portion.columns)) for portion in _portions(rows)]
    columns = [
        [name, *map(_shortened, chain(*parts))]
        for name, parts in zip(rows.column_names, zip(*found, strict=True), strict=True)
    ]
    right = [is_number(field.type) for field in rows.schema]
    front, back = _fitting([max(map(cell_len, column)) for column in columns], width)
    hidden = len(columns) - front - back
    if hidden:
        columns[front : front + hidden] = [["…"] * (len(rows) + 1)]
        right[front : front + hidden] = [False]
    titles, *lines = (list(line) for line in zip(*columns, strict=True))
    print_table(titles, lines, right={at for at, number in enumerate(right) if number})
    if hidden:
        note = f"{hidden} of {rows.num_columns} columns do not fit; name fewer, or --format csv"
        click.echo(note, err=True)


def _shortened(cell: str) -> str:
    return cell if len(cell) <= _CELL_MAX else cell[: _CELL_MAX - 1] + "…"


def _fitting(sizes: list[int], width: int) -> tuple[int, int]:
    """How many columns from the front and from the back fit into a line."""
    if sum(sizes) + 2 * (len(sizes) - 1) <= width:
        return len(sizes), 0
    front, back, used = 1, 0, sizes[0] + len("  …")
    while front + back < len(sizes) - 1:
        # One from the front, then one from the back.
        after_front = front > back
        used += 2 + (sizes[-1 - back] if after_front else sizes[front])
        if used > width:
            break
        front, back = (front, back + 1) if after_front else (front + 1, back)
    return front, back
