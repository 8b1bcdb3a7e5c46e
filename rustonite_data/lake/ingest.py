"""Imports: the rows of a file into tables, each table in one commit, and never a second time."""

from __future__ import annotations

import queue
import threading
import uuid
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from rustonite_data import schemas
from rustonite_data._native import Schema
from rustonite_data.errors import Invalid, NotFound
from rustonite_data.lake import last
from rustonite_data.lake.dataset import Dataset
from rustonite_data.lake.stage import Stage, staged
from rustonite_data.lake.table import Change, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rustonite_data.lake.imports import Source
    from rustonite_data.lake.storage import Storage

_BATCHES_WAITING_MAX = 4


@dataclass
class Imported:
    """What an import did."""

    rows: dict[str, int] = field(default_factory=dict)
    """Rows added, by dataset."""
    skipped: bool = False
    """Whether every row had been imported before."""
    rejected: int = 0
    """Bad lines that went to the rejects file."""


class _Lane:
    """Rows of one dataset on their way from the parser to sorted files, in a thread of its own."""

    def __init__(self, table: Table, stage: Stage) -> None:
        self.table = table
        self.stage = stage
        self._queue: queue.Queue[pa.RecordBatch | None] = queue.Queue(_BATCHES_WAITING_MAX)
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None

    def put(self, batch: pa.RecordBatch) -> None:
        """Hand over rows; waits while the writer is behind."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._write, args=(batch.schema,), daemon=True)
            self._thread.start()
        self._offer(batch)

    def _offer(self, batch: pa.RecordBatch | None) -> None:
        while self._error is None:
            try:
                self._queue.put(batch, timeout=0.2)
            except queue.Full:
                continue
            return
        raise self._error

    def _write(self, schema: pa.Schema) -> None:
        try:
            rows = pa.RecordBatchReader.from_batches(schema, self._batches(schema))
            name = f"import-{uuid.uuid4().hex}"
            self.stage.write(self.table.dataset, rows, name)
        except BaseException as error:  # noqa: BLE001 - raised again where the rows come from
            self._error = error

    def _batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        while (batch := self._queue.get()) is not None:
            yield batch if batch.schema == schema else batch.cast(schema)

    def finish(self) -> None:
        """Wait until everything is written."""
        if self._thread is not None:
            self._offer(None)
            self._thread.join()
            if self._error is not None:
                raise self._error

    def abandon(self) -> None:
        """End the thread, whatever became of its rows."""
        if self._thread is not None and self._thread.is_alive():
            self._error = self._error or Invalid("the import was given up")
            while self._thread.is_alive():
                try:
                    self._queue.put(None, timeout=0.05)
                except queue.Full:
                    self._queue.get()
            self._thread.join()


def import_source(
    storage: Storage,
    source: Source,
    identity: str,
    progress: Callable[[int, int], None] | None = None,
) -> Imported:
    """Bring the rows of a source into their tables.

    Args:
        storage: The lake.
        source: The parsed file.
        identity: Names its content. What was imported under it before is left out.
        progress: Called with bytes read and bytes in all.
    """
    application = f"import:{identity}"
    done = Imported()
    tables = {name: _table(storage, source, name) for name in source.datasets}
    wanted = {name: t for name, t in tables.items() if t.transaction(application) is None}
    if not wanted:
        return Imported(skipped=True)
    with ExitStack() as stack:
        lanes = {
            name: _Lane(table, stack.enter_context(staged(storage, name)))
            for name, table in wanted.items()
        }
        for lane in lanes.values():
            stack.callback(lane.abandon)
        for dataset, batch in source.batches():
            if dataset in lanes:
                lanes[dataset].put(batch)
            if progress is not None:
                progress(source.bytes_done, source.bytes_total)
        for lane in lanes.values():
            lane.finish()
        done.rejected = source.rejected
        for dataset, lane in lanes.items():
            added = sum(file.rows for file in lane.stage.files)
            change = Change(transactions={application: 1}, note=f"import {source.path.name}")
            if lane.stage.commit(lane.table, change) is not None:
                done.rows[dataset] = added
                last.remember(lane.table)
    return done


def _table(storage: Storage, source: Source, name: str) -> Table:
    try:
        table = Table(storage, name)
    except NotFound:
        table = Table.create(storage, Dataset.of(schemas.get(name)))
    extra = source.extra_columns
    known = {column.name for column in table.dataset.schema.columns}
    fresh = pa.schema([pa.field(n, kind) for n, kind in extra.items() if n not in known])
    if len(fresh):
        table.add_columns(Schema.from_arrow(name, fresh).columns)
    return table
