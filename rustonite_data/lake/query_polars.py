"""Polars over snapshots: lazy frames whose filters reach row groups, and SQL over them."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa

from rustonite_data.errors import Invalid, RustoniteError, Unavailable
from rustonite_data.lake import parts
from rustonite_data.lake.dataset import DATE
from rustonite_data.lake.storage import without_retries

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rustonite_data.lake.choice import Choice
    from rustonite_data.lake.dataset import Dataset
    from rustonite_data.lake.snapshot import DataFile, Snapshot

_PAUSE_MIN_S, _PAUSE_MAX_S = 0.0002, 0.01


def run(
    snapshots: Mapping[str, Snapshot],
    text: str,
    parameters: Any,  # noqa: ANN401 - of the caller
    *,
    restricted: bool,
) -> pa.Table:
    """The result of a query by Polars over the datasets that it names."""
    if restricted:
        raise Invalid("sql: Polars cannot be restricted to the lake; use duckdb or datafusion")
    if parameters:
        raise Invalid("sql: Polars takes no parameters; use duckdb or datafusion")
    frames = {name: _lazy(s, s.files, parts.hot_table(s)) for name, s in snapshots.items()}
    try:
        with pl.SQLContext(frames, eager=False) as context:
            plan = context.execute(text)
        return _plain(collect(plan))
    except Exception as error:
        raise explain(error, snapshots.values()) from error


def rows(snapshot: Snapshot, choice: Choice) -> pa.Table:
    """The chosen rows, read from an object store."""
    try:
        return _plain(collect(scan(snapshot, choice)))
    except Exception as error:
        raise explain(error, [snapshot]) from error


def _plain(frame: pl.DataFrame) -> pa.Table:
    """A table with ordinary text columns, which every library knows."""
    found = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    kinds = {pa.large_string(): pa.string(), pa.large_binary(): pa.binary()}
    fields = [field.with_type(kinds.get(field.type, field.type)) for field in found.schema]
    return found.cast(pa.schema(fields))


def collect(plan: pl.LazyFrame) -> pl.DataFrame:
    """The rows of a plan, by the streaming engine; Ctrl-C stops it."""
    if threading.current_thread() is not threading.main_thread():
        return plan.collect(engine="streaming")
    query = plan.collect(engine="streaming", background=True)
    pause = _PAUSE_MIN_S
    try:
        # Waiting in Polars would keep Python from seeing the signal.
        while (frame := query.fetch()) is None:
            time.sleep(pause)
            pause = min(2 * pause, _PAUSE_MAX_S)
    except BaseException:
        query.cancel()
        raise
    return frame


def scan(snapshot: Snapshot, choice: Choice) -> pl.LazyFrame:
    """The chosen rows as a lazy frame; see `query.scan`."""
    dataset = snapshot.dataset
    # Hot rows are chosen here: a filter of Polars would come after each word is written out.
    files, hot = parts.chosen(snapshot, choice)
    frame = _lazy(snapshot, files, hot, list(_conditions(choice, dataset)))
    return frame if choice.columns is None else frame.select(choice.columns)


def _conditions(choice: Choice, dataset: Dataset) -> Iterable[pl.Expr]:
    for column, op, value in choice.tests(dataset):
        if op == "in":
            yield pl.col(column).is_in(list(value))
        else:
            moment = pl.lit(value, pl.Int64).cast(pl.Datetime("ns"))
            yield pl.col(column) >= moment if op == ">=" else pl.col(column) < moment


def _lazy(
    snapshot: Snapshot,
    files: Sequence[DataFile],
    hot: pa.Table | None,
    conditions: Iterable[pl.Expr] = (),
) -> pl.LazyFrame:
    """Rows of files that fulfil the conditions, and hot rows, as one lazy frame."""
    schema = frame_schema(snapshot)
    frames = []
    if files:
        cold = _lazy_files(snapshot, files, schema)
        frames.append(cold.filter(*conditions) if conditions else cold)
    if hot is not None or not files:
        rows = parts.tape_schema(snapshot.dataset).empty_table() if hot is None else hot
        frames.append(_lazy_rows(snapshot, rows, schema))
    return frames[0] if len(frames) == 1 else pl.concat(frames)


def frame_schema(snapshot: Snapshot) -> pl.Schema:
    """Names and types of the frame's columns."""
    # `empty_table` would import pandas, if it is there.
    return pl.DataFrame(pa.Table.from_batches([], snapshot.dataset.file_schema())).schema


def _lazy_files(snapshot: Snapshot, files: Sequence[DataFile], schema: pl.Schema) -> pl.LazyFrame:
    return pl.scan_parquet(
        [snapshot.location(file) for file in files],
        schema=schema,
        missing_columns="insert",
        glob=False,
        hive_partitioning=False,
        storage_options=without_retries(snapshot.storage_options) or None,
    )


def _lazy_rows(snapshot: Snapshot, rows: pa.Table, schema: pl.Schema) -> pl.LazyFrame:
    """Rows of tapes: what is only on tapes (codes of words) becomes what files have, lazily."""
    dataset = snapshot.dataset
    frame = pl.DataFrame(rows).lazy()
    if dataset.has_date:
        days = pl.col(str(dataset.time)).cast(pl.Int64) // 86_400_000_000_000
        frame = frame.with_columns(days.cast(pl.Int32).cast(pl.Date).alias(DATE))
    return frame.select(pl.col(name).cast(kind) for name, kind in schema.items())


def explain(error: Exception, snapshots: Iterable[Snapshot]) -> RustoniteError:
    """What an error of Polars means to who asked."""
    if isinstance(error, RustoniteError):
        return error
    if isinstance(error, MemoryError):
        return Unavailable(f"not enough memory: {error}")
    wrong = (
        pl.exceptions.SQLSyntaxError,
        pl.exceptions.SQLInterfaceError,
        pl.exceptions.ColumnNotFoundError,
        pl.exceptions.SchemaError,
        pl.exceptions.InvalidOperationError,
    )
    broken = None if isinstance(error, wrong) else next(parts.broken_files(snapshots), None)
    return broken or Invalid(str(error).strip())
