"""What engines read of a snapshot: the columns of its files, and its hot rows as one table."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rustonite_data.errors import Corrupt, NotFound, RustoniteError, Unavailable
from rustonite_data.lake import prune
from rustonite_data.lake.dataset import DATE
from rustonite_data.lake.storage import Storage
from rustonite_data.lake.streams import table_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rustonite_data.lake.choice import Choice
    from rustonite_data.lake.dataset import Dataset
    from rustonite_data.lake.snapshot import DataFile, Snapshot

_FOOTERS_MAX = 100_000


def hot_table(snapshot: Snapshot) -> pa.Table | None:
    """The hot rows, over the memory of the tapes: columns of the dataset, without `date`."""
    if not snapshot.hot:
        return None
    schema = tape_schema(snapshot.dataset)
    return pa.concat_tables([_fit(table_of(rows), schema) for rows in snapshot.hot])


def tape_schema(dataset: Dataset) -> pa.Schema:
    """The columns of a dataset as tapes have them, all of them nullable."""
    return pa.schema([field.with_nullable(nullable=True) for field in pa.schema(dataset.schema)])


def _fit(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Rows of a tape whose schema may be older or newer than the table's."""
    columns = [
        rows.column(field.name).cast(field.type)
        if field.name in rows.column_names
        else pa.nulls(len(rows), field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def with_date(rows: pa.Table, dataset: Dataset) -> pa.Table:
    """Rows of tapes with the date column that files have."""
    if not dataset.has_date:
        return rows
    # A plain cast would do the same in Arrow, but fails for times that are no whole day.
    days = pc.floor_temporal(rows.column(dataset.time), unit="day").cast(pa.date32())
    return rows.append_column(DATE, days)


def chosen(snapshot: Snapshot, choice: Choice) -> tuple[list[DataFile], pa.Table | None]:
    """The files that may have chosen rows, and the hot rows that are chosen."""
    dataset = snapshot.dataset
    hot = hot_table(snapshot)
    if hot is not None:
        for column, op, value in choice.tests(dataset):
            hot = hot.filter(_passes(hot.column(column), op, value))
    return prune.prune(snapshot.files, choice.predicate(dataset), dataset), hot


def _passes(column: pa.ChunkedArray, op: str, value: Any) -> pa.ChunkedArray:  # noqa: ANN401
    if op != "in":
        moment = pa.scalar(value, pa.timestamp("ns"))
        compare = pc.greater_equal if op == ">=" else pc.less
        return compare(column, moment)
    wanted = pa.array(value, pa.string())
    if not pa.types.is_dictionary(column.type):
        return pc.is_in(column, wanted)
    # A word is looked up once, and not in each row.
    chunks = [pc.is_in(c.dictionary, wanted).take(c.indices) for c in column.chunks]
    return pa.chunked_array(chunks, pa.bool_())


def by_columns(
    snapshot: Snapshot, files: Iterable[DataFile]
) -> dict[frozenset[str], list[DataFile]]:
    """Files by the columns that they lack, because those were added later."""
    dataset = snapshot.dataset
    stored = frozenset(dataset.columns) - frozenset(dataset.partition_by)
    groups: dict[frozenset[str], list[DataFile]] = {}
    for file in files:
        # A log may leave out statistics, so only the file itself can say that it lacks a column.
        lacks = stored - file.nulls.keys()
        if lacks:
            lacks -= _columns_of(snapshot, file)
        groups.setdefault(frozenset(lacks), []).append(file)
    return groups


def _columns_of(snapshot: Snapshot, file: DataFile) -> frozenset[str]:
    options = tuple(sorted(snapshot.storage_options.items()))
    return _footer_columns(snapshot.root, file.path, file.size, options)


@functools.lru_cache(maxsize=_FOOTERS_MAX)
def _footer_columns(
    root: str, path: str, _size: int, options: tuple[tuple[str, str], ...]
) -> frozenset[str]:
    """Files never change, so each is asked once."""
    storage = Storage(root, dict(options))
    source: Any = storage.folder / path if storage.folder is not None else None
    try:
        data = source if source is not None else pa.BufferReader(storage.read(path))
        return frozenset(pq.read_schema(data).names)
    except FileNotFoundError as error:
        raise Corrupt(f"{root}/{path}: named by the log, but there is no such file") from error
    except pa.ArrowException as error:
        raise Corrupt(f"{root}/{path}: not readable as Parquet: {error}") from error


@contextlib.contextmanager
def live_files() -> Iterator[None]:
    """A file that the log names and that is not there is damage."""
    try:
        yield
    except NotFound as error:
        raise Corrupt(f"named by the log: {error}") from error


def broken_files(snapshots: Iterable[Snapshot]) -> Iterator[RustoniteError]:
    """Looks for live files that are missing or cut off, to explain an engine's failure."""
    for snapshot in snapshots:
        storage = Storage(snapshot.root, snapshot.storage_options)
        for file in snapshot.files:
            where = snapshot.location(file)
            try:
                problem = _problem(storage, file)
            except Unavailable as error:
                yield error
                return
            if problem:
                yield Corrupt(f"{where}: {problem}; `rustonite lake verify` tells more")


def _problem(storage: Storage, file: DataFile) -> str | None:
    stored = storage.stored(file.path)
    if stored is None:
        return "named by the log, but there is no such file"
    if stored.size != file.size:
        return f"found {stored.size} bytes, expected {file.size}"
    if storage.folder is None:
        return None
    try:
        pq.read_metadata(storage.folder / file.path)
    except (pa.ArrowException, OSError) as error:
        return f"not readable as Parquet: {error}"
    return None


def time_text(moment: int) -> str:
    """Nanoseconds since 1970 as text with nine digits of a second."""
    return str(np.datetime64(moment, "ns")).replace("T", " ")


def register_storage(cursor: Any, snapshot: Snapshot) -> None:  # noqa: ANN401 - of DuckDB
    """Let DuckDB read an object store: its own reader of them is no part of its package."""
    from rustonite_data.lake.objects import Objects  # noqa: PLC0415 - only for object stores

    protocol = snapshot.root.partition("://")[0]
    if not cursor.filesystem_is_registered(protocol):
        cursor.register_filesystem(Objects(protocol, snapshot.storage_options))
