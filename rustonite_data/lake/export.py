"""Export: rows of any origin into one file, which appears whole or not at all.

Rows are written to `<path>.part` as they come, in constant memory. Once they are safe on disk the
file gets its name; on any failure, Ctrl-C included, it is removed.
"""

from __future__ import annotations

import contextlib
import json
import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv

from rustonite_data.errors import Conflict, Invalid, NotFound, RustoniteError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from os import PathLike

__all__ = ["FORMATS", "Format", "export"]

Format = Literal["parquet", "csv", "arrow", "jsonl"]
_ROW_GROUP_ROWS = 1 << 18


class ArrowStream(Protocol):
    """Anything that hands out rows through the Arrow stream interface."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


class _Writer(ABC):
    """Writes batches of one schema into an open file."""

    def __init__(self, sink: pa.NativeFile, schema: pa.Schema) -> None:
        self._sink = sink
        self._schema = schema

    @abstractmethod
    def write(self, batch: pa.RecordBatch) -> None:
        """Write some rows."""

    def close(self) -> None:  # noqa: B027 - most formats have something at the end, not all
        """Write what belongs at the end."""


class _Parquet(_Writer):
    def __init__(self, sink: pa.NativeFile, schema: pa.Schema) -> None:
        super().__init__(sink, schema)
        self._writer = pq.ParquetWriter(
            sink, schema, compression="zstd", write_page_index=True, data_page_version="2.0"
        )
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0

    def write(self, batch: pa.RecordBatch) -> None:
        # Small row groups compress badly and are slow to read.
        self._waiting.append(batch)
        self._rows += batch.num_rows
        if self._rows >= _ROW_GROUP_ROWS:
            self._flush(self._rows - self._rows % _ROW_GROUP_ROWS)

    def _flush(self, count: int) -> None:
        """Write the first `count` of the rows that wait."""
        if not count:
            return
        table = pa.Table.from_batches(self._waiting, self._schema)
        self._writer.write_table(table.slice(0, count), row_group_size=_ROW_GROUP_ROWS)
        self._waiting = table.slice(count).to_batches()
        self._rows -= count

    def close(self) -> None:
        self._flush(self._rows)
        self._writer.close()


class _Arrow(_Writer):
    def __init__(self, sink: pa.NativeFile, schema: pa.Schema) -> None:
        super().__init__(sink, _without_dictionaries(schema))
        self._writer = pa.ipc.new_file(
            sink, self._schema, options=pa.ipc.IpcWriteOptions(compression="zstd")
        )

    def write(self, batch: pa.RecordBatch) -> None:
        # The file format allows one dictionary per column, and ours grow from batch to batch.
        columns = [_decoded(column) for column in batch.columns]
        self._writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


class _Csv(_Writer):
    def __init__(self, sink: pa.NativeFile, schema: pa.Schema) -> None:
        super().__init__(sink, schema)
        self._header = True

    def write(self, batch: pa.RecordBatch) -> None:
        columns = [
            _printable(name, column)
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
        ]
        made = pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
        csv.write_csv(made, self._sink, csv.WriteOptions(include_header=self._header))
        self._header = False

    def close(self) -> None:
        if self._header:
            empty = pa.table({name: pa.array([], pa.string()) for name in self._schema.names})
            csv.write_csv(empty, self._sink)


class _JsonLines(_Writer):
    def write(self, batch: pa.RecordBatch) -> None:
        names = batch.schema.names
        columns = [
            _plain(name, column).to_pylist()
            for name, column in zip(names, batch.columns, strict=True)
        ]
        lines = [_json(dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)]
        if lines:
            self._sink.write(("\n".join(lines) + "\n").encode())


def _json(row: Mapping[str, Any]) -> str:
    try:
        return json.dumps(row, allow_nan=False, separators=(",", ":"))
    except ValueError:
        for name, value in row.items() if len(row) > 1 else ():
            _json({name: value})
        message = "JSON has no such number, expected csv, parquet or arrow"
        raise Invalid(f"found {row}: {message}") from None


FORMATS: dict[str, type[_Writer]] = {
    "parquet": _Parquet,
    "csv": _Csv,
    "arrow": _Arrow,
    "jsonl": _JsonLines,
}
"""The formats by name."""

_SUFFIXES: Mapping[str, str] = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
_TEXT = {"csv", "jsonl"}


def export(
    rows: ArrowStream,
    path: str | PathLike[str],
    format: Format | None = None,  # noqa: A002 - the word for it
    *,
    overwrite: bool = False,
    progress: Callable[[int], object] | None = None,
) -> int:
    """Write rows into a file.

    Times keep their nanoseconds: in CSV and JSON lines they are ISO 8601 text with nine digits.
    Decimals are text in JSON lines, so that no reader rounds them. CSV and JSON lines are
    compressed if the name ends with `.gz`; the others always are.

    Args:
        rows: A result, a table, a tape: anything with `__arrow_c_stream__`.
        path: The file to make.
        format: What to write, if the end of the name does not tell.
        overwrite: Whether a file that exists is replaced.
        progress: Called with the number of rows written so far.

    Returns:
        The number of rows.

    Raises:
        Conflict: the file exists and is not to be overwritten.
        NotFound: the folder does not exist.
        Invalid: the format is not known, or cannot hold a column.
        Unavailable: no space, or the storage fails.

    Example:
        >>> import pyarrow as pa
        >>> export(pa.table({"price": [0.1, 0.2]}), folder / "prices.csv")
        2
        >>> (folder / "prices.csv").read_text().split()
        ['"price"', '0.1', '0.2']
    """
    path = Path(path)
    kind, packed = _format_of(path, format)
    _refuse_to_replace(path, overwrite=overwrite)
    if not path.parent.is_dir():
        raise NotFound(f"{path.parent}: there is no such folder")
    part = path.with_name(path.name + ".part")
    try:
        count = _write(rows, part, kind, packed=packed, progress=progress)
        _refuse_to_replace(path, overwrite=overwrite)
        part.replace(path)
        _sync(path.parent)
    except BaseException as error:
        part.unlink(missing_ok=True)
        raise _ours(error, path) from error
    return count


def _refuse_to_replace(path: Path, *, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise Conflict(f"{path}: exists already; overwrite=True (--overwrite) replaces it")


def _format_of(path: Path, said: str | None) -> tuple[str, bool]:
    """The format, and whether it is packed into gzip."""
    packed = path.suffix.lower() == ".gz"
    suffix = Path(path.stem).suffix if packed else path.suffix
    kind = said or _SUFFIXES.get(suffix.lower())
    if kind not in FORMATS:
        raise Invalid(f"{path}: format {kind or suffix!r}, expected one of {', '.join(FORMATS)}")
    if packed and kind not in _TEXT:
        raise Invalid(f"{path}: {kind} is compressed already, expected a name without .gz")
    return kind, packed


def _write(
    rows: ArrowStream,
    part: Path,
    kind: str,
    *,
    packed: bool,
    progress: Callable[[int], object] | None,
) -> int:
    reader = pa.RecordBatchReader.from_stream(rows)
    count = 0
    with pa.OSFile(str(part), "wb") as file:
        sink = pa.CompressedOutputStream(file, "gzip") if packed else file
        writer = FORMATS[kind](sink, reader.schema)
        try:
            for batch in reader:
                writer.write(batch)
                count += batch.num_rows
                if progress is not None:
                    progress(count)
        except BaseException:
            # The file is going to be removed; the writer must be done with it before it is closed.
            with contextlib.suppress(Exception):
                writer.close()
            with contextlib.suppress(Exception):
                sink.close()
            raise
        writer.close()
        if packed:
            sink.close()
    _sync(part)
    return count


def _sync(path: Path) -> None:
    """Make a file, or the names in a folder, safe on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _ours(error: BaseException, path: Path) -> BaseException:
    """The error in our terms, if it is about the file or the rows."""
    if isinstance(error, RustoniteError):
        return error
    if isinstance(error, (PermissionError, IsADirectoryError, NotADirectoryError)):
        return Invalid(f"{path}: cannot be written: {error.strerror or error}")
    if isinstance(error, OSError):
        return Unavailable(f"{path}: writing failed: {error}")
    if isinstance(error, (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError)):
        return Invalid(f"{path}: {error}")
    return error


def _without_dictionaries(schema: pa.Schema) -> pa.Schema:
    plain = [
        column.with_type(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        for column in schema
    ]
    return pa.schema(plain, schema.metadata)


def _decoded(column: pa.Array) -> pa.Array:
    return pc.dictionary_decode(column) if pa.types.is_dictionary(column.type) else column


def _plain(name: str, column: pa.Array) -> pa.Array:
    """A column of which every value is a number, a text or a list of them."""
    column = _decoded(column)
    kind = column.type
    if pa.types.is_timestamp(kind):
        # A zone only says how to show the time; the value counts UTC.
        naive = pc.cast(pc.cast(column, pa.timestamp(kind.unit)), pa.timestamp("ns"))
        return pc.replace_substring(pc.cast(naive, pa.string()), " ", "T")
    if pa.types.is_decimal(kind) or pa.types.is_date(kind) or pa.types.is_time(kind):
        return pc.cast(column, pa.string())
    if _is_binary(kind):
        try:
            return pc.cast(pc.cast(column, pa.binary()), pa.string())
        except pa.ArrowInvalid:
            raise Invalid(
                f"column {name!r} holds bytes that are no text, expected parquet or arrow"
            ) from None
    return column


def _is_binary(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def _printable(name: str, column: pa.Array) -> pa.Array:
    """A column that fits into cells; lists become JSON text."""
    column = _plain(name, column)
    if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
        return column
    texts: list[Any] = [
        None if value is None else json.dumps(value, separators=(",", ":"))
        for value in column.to_pylist()
    ]
    return pa.array(texts, pa.string())
