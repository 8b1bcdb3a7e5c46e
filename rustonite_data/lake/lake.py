"""A lake: one Delta table for each dataset, and the tapes that are on their way into them."""

from __future__ import annotations

import json
import threading
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from rustonite_data import _native, schemas
from rustonite_data._native import Schema
from rustonite_data.errors import Conflict, Corrupt, Invalid, NotFound
from rustonite_data.hints import hint
from rustonite_data.lake import export, ingest, last, maintain, query, series, verify
from rustonite_data.lake.choice import Choice
from rustonite_data.lake.dataset import Dataset
from rustonite_data.lake.hot import CONSUMER, Tapes
from rustonite_data.lake.params import nanoseconds
from rustonite_data.lake.snapshot import Snapshot
from rustonite_data.lake.stage import staged
from rustonite_data.lake.storage import Storage
from rustonite_data.lake.table import Change, Table
from rustonite_data.tape import Tape

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import polars as pl

    from rustonite_data.lake.ingest import Imported
    from rustonite_data.lake.maintain import Compacted
    from rustonite_data.lake.params import Parameters
    from rustonite_data.lake.query import Result
    from rustonite_data.lake.verify import Finding, Repair

_MARKER = "lake.json"
_TAPES = ".tapes"
_FORMAT = 1


class Lake:
    """Market data in Delta tables, joined with what tapes hold at this moment.

    Example:
        >>> lake = Lake.create(folder / "lake")
        >>> with lake.tape("trades", "demo") as tape:
        ...     rows = tape.append(trades)
        >>> lake.sql("select symbol, sum(size) as size from trades group by symbol").pl().rows()
        [('BTCUSDT', 0.6)]
    """

    def __init__(
        self,
        url: str | os.PathLike[str],
        *,
        tapes: str | os.PathLike[str] | None = None,
        storage_options: Mapping[str, str] | None = None,
    ) -> None:
        """Open a lake.

        Args:
            url: A folder, or the URL of a prefix in an object store (`s3://bucket/lake`).
            tapes: The folder on this machine with the tapes of the lake. For a lake in a folder
                it is `.tapes` in there, if not given; without tapes a query sees files only.
            storage_options: Settings of the object store, such as `aws_access_key_id`; by default
                they come from the environment.

        Raises:
            NotFound: there is no lake; `Lake.create` makes one.
            Invalid: the lake is of a newer rustonite.
            Unavailable: the storage does not answer.
        """
        self.storage = Storage(url, storage_options)
        self.id = self._read_marker()
        folder = Path(tapes) if tapes is not None else None
        if folder is None and self.storage.folder is not None:
            folder = self.storage.folder / _TAPES
        self.tapes = Tapes(folder)
        self._tables: dict[str, Table] = {}
        self._lock = threading.RLock()

    @classmethod
    def create(
        cls,
        url: str | os.PathLike[str],
        *,
        tapes: str | os.PathLike[str] | None = None,
        storage_options: Mapping[str, str] | None = None,
    ) -> Self:
        """Make a lake, or open the one that is there.

        Raises:
            Invalid: the folder has other things in it, or cannot be written.
        """
        storage = Storage(url, storage_options)
        if storage.stored(_MARKER) is None:
            _refuse_other_things(storage)
            marker = {"format": _FORMAT, "id": uuid.uuid4().hex, "made_by": "rustonite"}
            storage.create(_MARKER, json.dumps(marker).encode())
        return cls(url, tapes=tapes, storage_options=storage_options)

    def _read_marker(self) -> str:
        where = f"{self.storage.root}/{_MARKER}"
        try:
            text = self.storage.read(_MARKER)
        except NotFound:
            message = "not a lake; `rustonite lake init` or Lake.create makes one"
            raise NotFound(f"{self.storage.root}: {message}") from None
        try:
            marker = json.loads(text)
            form, name = int(marker["format"]), str(marker["id"])
        except (ValueError, KeyError, TypeError) as error:
            raise Corrupt(
                f"{where}: found {text[:80]!r}, expected JSON with format and id"
            ) from error
        if form > _FORMAT:
            raise Invalid(f"{where}: format {form} of a newer rustonite, expected {_FORMAT}")
        return name

    # Datasets

    def datasets(self) -> list[str]:
        """Names of the datasets that have a table or a tape."""
        names = {name for name in self.storage.folders() if not name.startswith((".", "_"))}
        return sorted({*names, *self.tapes.datasets()})

    def dataset(self, name: str) -> Dataset:
        """Columns, partitions and order of a dataset.

        Raises:
            NotFound: there is no such dataset.
        """
        with self._lock:
            table = self._table(name)
            return table.dataset if table is not None else self._untabled(name)

    def create_dataset(
        self,
        name: str,
        schema: Any = None,  # noqa: ANN401 - anything with an Arrow schema
        *,
        time: str | None = None,
        partition_by: Sequence[str] | None = None,
        sort_by: Sequence[str] | None = None,
    ) -> Dataset:
        """Make a dataset: one of your own, or a built-in one with a layout of your own.

        Args:
            name: Its name in SQL.
            schema: Columns, from anything with an Arrow schema (pyarrow, Polars, a `Schema`). May
                be left out for the datasets of rustonite.
            time: The timestamp column that dates and time ranges go by.
            partition_by: Columns that divide the files; `date` is the UTC date of `time`. By
                default `venue` and `date`, as far as they exist.
            sort_by: The order of rows in files. By default (for a schema of your own): the other
                text columns up to the first time column, then that.

        Raises:
            Conflict: there is such a dataset, with another layout.
            Invalid: a name, column or type that cannot be stored.
        """
        made = self._schema(name, schema, time, sort_by)
        dataset = Dataset.of(made, partition_by, sort_by)
        with self._lock:
            table = self._table(name)
            if table is None:
                table = self._tables[name] = Table.create(self.storage, dataset)
            if table.dataset != dataset:
                raise Conflict(
                    f"{table.root}: exists with {_layout(table.dataset)}, not {_layout(dataset)}"
                )
            return table.dataset

    def _schema(
        self,
        name: str,
        schema: Any,  # noqa: ANN401 - anything with an Arrow schema
        time: str | None,
        sort_by: Sequence[str] | None,
    ) -> Schema:
        if schema is None:
            return schemas.get(name)
        if isinstance(schema, Schema):
            return schema
        if name in schemas.names():
            raise Invalid(
                f"dataset {name!r} comes with rustonite: choose another name, or no schema"
            )
        return Schema.from_arrow(name, schema, time=time, sort=list(sort_by or ()))

    def add_columns(self, dataset: str, columns: Any) -> Dataset:  # noqa: ANN401 - an Arrow schema
        """Add columns to a dataset; rows written before have null in them.

        Renaming a column or changing its type is not offered: old files would have to be rewritten
        or would read wrongly. Add a column, or make a new dataset and import the old one.

        Raises:
            Invalid: a name is taken, a column may not be null, or a type cannot be stored.
        """
        with self._lock:
            table = self._existing(dataset)
            table.refresh()
            table.add_columns(Schema.from_arrow(dataset, columns).columns)
            return table.dataset

    def _table(self, name: str) -> Table | None:
        """The handle of a table, as the log is now."""
        if name in self._tables:
            self._tables[name].refresh()
            return self._tables[name]
        try:
            self._tables[name] = Table(self.storage, name)
        except NotFound:
            return None
        return self._tables[name]

    def _existing(self, name: str) -> Table:
        table = self._table(name)
        if table is None:
            known = self.datasets()
            if name in known:
                raise NotFound(f"{self.storage.root}: {name} has no files so far, only tapes")
            raise NotFound(f"{self.storage.root}: no dataset {name!r}; {hint(name, known)}")
        return table

    def _untabled(self, name: str) -> Dataset:
        """A dataset that has no table so far."""
        schema = self.tapes.schema(name)
        if schema is None and name in schemas.names():
            schema = schemas.get(name)
        if schema is None:
            self._existing(name)
            raise AssertionError
        return Dataset.of(schema)

    # Writing

    def tape(self, dataset: str, name: str, **settings: Any) -> Tape:  # noqa: ANN401 - of Tape.create
        """Open a tape of a dataset for writing; made if it is not there.

        What is appended shows up in queries at once, and a `Committer` moves it into the table.

        Args:
            dataset: The dataset.
            name: Name of the tape, for instance of the recorder.
            settings: For a new tape, see `Tape.create`.
        """
        if self.tapes.folder is None:
            raise Invalid(f"{self.storage.root}: this lake has no folder for tapes; give tapes=…")
        path = self.tapes.folder / dataset / name
        if (path / "tape.toml").exists():
            return Tape.open(path)
        schema = self.dataset(dataset).schema
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        tape = Tape.create(path, schema, **settings)
        _native.advance_consumer(path, CONSUMER, 0)
        return tape

    def append(self, dataset: str, rows: Any, *, transaction: tuple[str, int] | None = None) -> int:  # noqa: ANN401
        """Write rows straight into files, in one commit; returns how many were added.

        Args:
            dataset: The dataset; a built-in one is made if it is not there.
            rows: Anything that streams Arrow data.
            transaction: A name and a number that make the append happen once: with a number that
                is not above the last of that name, nothing is added.

        Raises:
            Invalid: columns or values that the dataset does not take; nothing was added.
        """
        with self._lock:
            table = self._table(dataset)
            if table is None:
                table = self._tables[dataset] = Table.create(self.storage, self._untabled(dataset))
            numbers = dict([transaction]) if transaction else {}
            with staged(self.storage, dataset) as stage:
                stage.write(table.dataset, rows, f"append-{uuid.uuid4().hex}")
                added = sum(file.rows for file in stage.files)
                if not added or stage.commit(table, Change(transactions=numbers)) is None:
                    return 0
            last.remember(table)
            return added

    # Reading

    def snapshot(
        self,
        dataset: str,
        *,
        hot: bool = True,
        as_of: Any = None,  # noqa: ANN401 - a version or any way to write a moment
    ) -> Snapshot:
        """A dataset at one moment: its files and the rows that are only on tapes so far.

        Args:
            dataset: The dataset.
            hot: Whether to look at tapes.
            as_of: A version of the table or a moment (UTC if it has no zone); without tapes then.
        """
        with self._lock:
            if as_of is not None:
                return self._cold(Table(self.storage, dataset, _version(as_of)))
            # First the tapes, then the table: what is committed in between is then in the table,
            # and the rows that we hold of those segments are left out.
            looks = self.tapes.look(dataset) if hot else []
            table = self._table(dataset)
            if table is None:
                hot_rows = tuple(look.rows for look in looks if len(look.rows))
                return Snapshot(self._untabled(dataset), -1, self._root(dataset), (), hot_rows)
            warm = []
            for look in looks:
                border = table.transaction(look.tape)
                rows = look.rows
                if border is not None:
                    rows = rows.select(border + 1)
                    self.tapes.forget_before(look.tape, border)
                if len(rows):
                    warm.append(rows)
            return self._cold(table, tuple(warm))

    def _cold(self, table: Table, hot: tuple[Any, ...] = ()) -> Snapshot:
        options = self.storage.options
        return Snapshot(table.dataset, table.version, table.root, table.files(), hot, options)

    def _root(self, dataset: str) -> str:
        return f"{self.storage.root}/{dataset}"

    def sql(  # noqa: PLR0913 - everything by keyword
        self,
        text: str,
        params: Parameters = None,
        *,
        engine: str = "duckdb",
        hot: bool = True,
        as_of: Any = None,  # noqa: ANN401 - a version or any way to write a moment
        restricted: bool = False,
    ) -> Result:
        """Ask in SQL; every dataset is a table.

        Args:
            text: The query.
            params: A list for `?`, or a dict for `$name`; bound, never pasted into the text.
            engine: `duckdb`, `datafusion` or `polars`.
            hot: Whether to look at tapes, too.
            as_of: A version of the tables, or a moment; without tapes then.
            restricted: For text that somebody else wrote: one query, that can read nothing but
                the datasets.

        Raises:
            Invalid: the engine does not take the text or the parameters.
            Corrupt: a file is missing or damaged.
        """

        def moment(name: str) -> Snapshot:
            return self.snapshot(name, hot=hot, as_of=as_of)

        names = self.datasets()
        return query.run_sql(moment, names, text, params, engine=engine, restricted=restricted)

    def scan(  # noqa: PLR0913 - everything by keyword
        self,
        dataset: str,
        *,
        symbols: str | Sequence[str] | None = None,
        venues: str | Sequence[str] | None = None,
        start: Any = None,  # noqa: ANN401 - any way to write a moment
        end: Any = None,  # noqa: ANN401
        columns: Sequence[str] | None = None,
        hot: bool = True,
        as_of: Any = None,  # noqa: ANN401
    ) -> pl.LazyFrame:
        """A dataset as a lazy frame of Polars; see `query.scan`.

        Example:
            >>> lake = Lake.create(folder / "scanned")
            >>> _ = lake.append("trades", trades)
            >>> lake.scan("trades", symbols="BTCUSDT", start="2026-01-02").collect()["size"].sum()
            0.6
        """
        snapshot = self.snapshot(dataset, hot=hot, as_of=as_of)
        return query.scan(
            snapshot, symbols=symbols, venues=venues, start=start, end=end, columns=columns
        )

    def table(  # noqa: PLR0913 - everything by keyword
        self,
        dataset: str,
        *,
        symbols: str | Sequence[str] | None = None,
        venues: str | Sequence[str] | None = None,
        start: Any = None,  # noqa: ANN401 - any way to write a moment
        end: Any = None,  # noqa: ANN401
        columns: Sequence[str] | None = None,
        hot: bool = True,
        as_of: Any = None,  # noqa: ANN401
    ) -> Result:
        """Rows of a dataset as Arrow data: the quickest way to a slice; see `query.table`.

        Example:
            >>> lake = Lake.create(folder / "sliced")
            >>> _ = lake.append("trades", trades)
            >>> lake.table("trades", symbols="BTCUSDT", columns=["price"]).pl()["price"].to_list()
            [100.0, 101.0, 102.0]
        """
        snapshot = self.snapshot(dataset, hot=hot, as_of=as_of)
        return query.table(
            snapshot, symbols=symbols, venues=venues, start=start, end=end, columns=columns
        )

    def bars(self, interval: str, **choice: Any) -> Result:  # noqa: ANN401 - see there
        """Bars by time, trades, size or money; see `series.bars`."""
        return series.bars(self, interval, **choice)

    def asof_quotes(self, **choice: Any) -> Result:  # noqa: ANN401 - see there
        """Each trade with the quote that stood at its time; see `series.asof_quotes`."""
        return series.asof_quotes(self, **choice)

    def book_at(self, at: Any, **choice: Any) -> Result:  # noqa: ANN401 - see there
        """The book of a symbol at a moment; see `series.book_at`."""
        return series.book_at(self, at, **choice)

    def books(self, interval: str, **choice: Any) -> Result:  # noqa: ANN401 - see there
        """Books sampled over a range; see `series.books`."""
        return series.books(self, interval, **choice)

    def last(self, dataset: str, *, hot: bool = True) -> pa.Table:
        """The newest row of each instrument: a lookup, whatever the size of the lake."""
        snapshot = self.snapshot(dataset, hot=hot)
        with self._lock:
            table = self._tables.get(dataset)
            parts = [last.newest(table)] if table is not None else []
        parts += [last.of_rows(snapshot.dataset, rows) for rows in snapshot.hot]
        return last.merge(snapshot.dataset, parts)

    # In and out

    def import_file(
        self,
        path: str | os.PathLike[str],
        format: str | None = None,  # noqa: A002 - the word for it
        *,
        again: bool = False,
        progress: Callable[[int, int], None] | None = None,
        **settings: Any,  # noqa: ANN401 - of the importer
    ) -> Imported:
        """Import a file of a vendor or venue, or a table of your own; all of it or nothing.

        A file that was imported before is left out, by its content, whatever its name.

        Args:
            path: The file.
            format: See `imports.open_source`, as for all settings that are not listed here.
            again: Import it although it was imported before.
            progress: Called with bytes read and bytes in all.
            settings: `dataset`, `venue`, `symbol`, `columns`, `extra`, `rejects`, `options`.

        Raises:
            Invalid: a line, a column or a setting is wrong; nothing was imported.
            Corrupt: the file is cut off or damaged; nothing was imported.
        """
        name = settings.get("dataset")
        if isinstance(name, str):
            settings["dataset"] = self.dataset(name).schema
        from rustonite_data.lake import imports  # noqa: PLC0415 - a recorder needs none

        identity = imports.content_id(path)
        identity = f"{identity}:{uuid.uuid4().hex}" if again else identity
        with imports.open_source(path, format, **settings) as source:
            return ingest.import_source(self.storage, source, identity, progress)

    def export(
        self,
        source: Any,  # noqa: ANN401 - text, or rows
        path: str | os.PathLike[str],
        format: export.Format | None = None,  # noqa: A002 - the word for it
        *,
        overwrite: bool = False,
        progress: Callable[[int], object] | None = None,
    ) -> int:
        """Write a dataset, the answer to a query, or any Arrow data to a file; returns the rows.

        A dataset is streamed, whatever its size; the answer to a query has to fit into memory.

        Args:
            source: Name of a dataset, SQL text, or anything with `__arrow_c_stream__`.
            path: The file to make: Parquet, CSV, JSON lines or Arrow, by its name.
            format: See `export.export`, as for the rest.
            overwrite: Whether a file that exists is replaced.
            progress: Called with the number of rows written so far.
        """
        rows = source
        if isinstance(source, str):
            # One word is no query.
            is_name = source in self.datasets() or source.isidentifier()
            rows = _Stream(self.snapshot(source)) if is_name else self.sql(source)
        return export.export(rows, path, format, overwrite=overwrite, progress=progress)

    # Maintenance

    def compact(
        self,
        dataset: str,
        *,
        now: Any = None,  # noqa: ANN401 - any way to write a moment
        progress: Callable[[int, int], None] | None = None,
    ) -> Compacted:
        """Merge small files of hours and days that are over into large sorted ones."""
        moment = nanoseconds("now", now) or time.time_ns()
        return maintain.compact(self._own(dataset), now_ns=moment, progress=progress)

    def retain(self, dataset: str, *, before: Any, dry_run: bool = False) -> int:  # noqa: ANN401 - any way to write a moment
        """Drop files whose rows are all older than a moment; returns how many rows go."""
        moment = nanoseconds("before", before)
        if moment is None:
            raise Invalid("before: found None, expected a moment")
        return maintain.retain(self._own(dataset), moment, dry_run=dry_run)

    def vacuum(
        self,
        dataset: str,
        *,
        hours: int | None = None,
        dry_run: bool = False,
        alone: bool = False,
    ) -> list[str]:
        """Remove files that no version of the last `hours` needs; by default of the last day.

        Below an hour it would also take files that somebody has written and not committed yet, and
        files that a long query still reads: say `alone=True` if there is nobody.

        Raises:
            Invalid: less than an hour, without `alone`.
        """
        if hours is not None and hours < 1 and not (alone or dry_run):
            message = "expected at least 1, or alone=True if nobody else uses the lake"
            raise Invalid(f"vacuum {dataset}: hours={hours}: {message}")
        return maintain.vacuum(self._own(dataset), hours, dry_run=dry_run)

    def restore(self, dataset: str, target: Any) -> int:  # noqa: ANN401
        """Bring back the rows of an earlier version; returns the new version."""
        return maintain.restore(self._own(dataset), _version(target))

    def delete(  # noqa: PLR0913 - everything by keyword
        self,
        dataset: str,
        *,
        symbols: Sequence[str] | None = None,
        venues: Sequence[str] | None = None,
        start: Any = None,  # noqa: ANN401 - any way to write a moment
        end: Any = None,  # noqa: ANN401
        dry_run: bool = False,
    ) -> int:
        """Delete rows that are in files and match all that is given; returns how many go.

        Rows that are only on tapes so far stay. `restore` brings back what was deleted, until
        `vacuum` removes the files.

        Raises:
            Invalid: nothing was given, which would delete everything.
        """
        choice = Choice.of(
            self.dataset(dataset), symbols=symbols, venues=venues, start=start, end=end
        )
        if all(limit is None for limit in (symbols, venues, start, end)):
            raise Invalid(f"{dataset}: nothing to delete by: give symbols, venues, start or end")
        return maintain.delete(self._own(dataset), choice, dry_run=dry_run)

    def verify(
        self,
        dataset: str,
        *,
        gap_s: float | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Finding]:
        """Read every file and compare it with the log; also look for doubles and gaps."""
        return verify.verify(self._own(dataset), gap_s=gap_s, progress=progress)

    def repair(self, dataset: str, *, dry_run: bool = True) -> list[Repair]:
        """Take what cannot be read out of the log, so that the rest can be."""
        with self._lock:
            self._tables.pop(dataset, None)
            return verify.repair(self.storage, dataset, dry_run=dry_run)

    def history(self, dataset: str, limit: int | None = None) -> list[dict[str, Any]]:
        """The commits of a dataset, newest first."""
        return self._own(dataset).history(limit)

    def _own(self, dataset: str) -> Table:
        """A handle of its own, so that queries go on beside maintenance."""
        with self._lock:
            self._existing(dataset)
        return Table(self.storage, dataset)

    def __repr__(self) -> str:
        return f"Lake({self.storage.root!r})"


class _Stream:
    """All rows of a snapshot, a file at a time."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        schema = self._snapshot.dataset.file_schema()
        reader = pa.RecordBatchReader.from_batches(schema, self._batches(schema))
        return reader.__arrow_c_stream__(requested_schema)

    def _batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        for file in self._snapshot.files:
            alone = replace(self._snapshot, files=(file,), hot=())
            yield from query.table(alone).arrow().cast(schema).to_batches()
        if self._snapshot.hot:
            hot = replace(self._snapshot, files=())
            yield from query.table(hot).arrow().cast(schema).to_batches()


def _refuse_other_things(storage: Storage) -> None:
    if storage.folder is None or not storage.folder.is_dir():
        return
    # What a killed `create` leaves is ours, and a trader may have begun with its tapes.
    names = [entry.name for entry in storage.folder.iterdir() if entry.name != _TAPES]
    others = [name for name in names if not name.startswith(f".{_MARKER}.")]
    if others:
        message = f"not a lake, and not empty ({others[0]} …); expected a new folder"
        raise Invalid(f"{storage.root}: {message}")


def _layout(dataset: Dataset) -> str:
    columns = ", ".join(f"{column.name} {column.type}" for column in dataset.schema.columns)
    return f"({columns}) by {list(dataset.partition_by)} sorted {list(dataset.sort_by)}"


def _version(target: Any) -> int | datetime:  # noqa: ANN401 - any way to write a moment
    """A version stays one; anything else is a moment."""
    if isinstance(target, int):
        return target
    moment = nanoseconds("as_of", target)
    if moment is None:
        raise Invalid(f"{target!r}: expected a version or an ISO time such as 2026-01-02T03:04")
    return datetime.fromtimestamp(moment / 1e9, UTC)
