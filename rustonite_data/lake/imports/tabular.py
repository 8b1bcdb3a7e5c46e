"""Tables of any origin: CSV, Parquet, Arrow and Excel, with the columns mapped by the user."""

from __future__ import annotations

import csv
import io
from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rustonite_data.errors import Internal, Invalid
from rustonite_data.lake.imports import cells, text
from rustonite_data.lake.imports.files import as_ours, inner_name
from rustonite_data.lake.imports.mapping import plan
from rustonite_data.lake.imports.source import FLAGS, Columns, Source, needed
from rustonite_data.lake.imports.text import Dialect, Field
from rustonite_data.lake.imports.text_source import TextSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rustonite_data.lake.imports.source import Request, Shape

_BATCH_ROWS = 1 << 17
_ARROW_FILE = b"ARROW1"


class Csv(TextSource):
    """Delimited text with or without a header.

    Options: `delimiter` (a comma, or a tab for `.tsv`), `names` of the columns for a file that has
    no header, `null` (words that stand for no value, besides an empty cell).
    """

    format = "csv"

    def _prepare(self) -> None:
        """Read the header and plan the columns."""
        super()._prepare()
        request = self._request
        tab = inner_name(request.path).lower().endswith((".tsv", ".tab"))
        options = request.take(delimiter="\t" if tab else ",", names=None, null=())
        if self._lines.empty:
            raise Invalid(f"{self.path}: is empty, expected lines of text")
        self._dialect = Dialect(options["delimiter"], ("", *options["null"]))
        if options["names"] is None:
            self._names = text.header(self._lines, self._dialect.delimiter)
        else:
            self._names = list(options["names"])
        self._plan = plan(request, self._names)
        self._sort_out(self._plan.extra)

    def _shapes(self) -> Iterable[Shape]:
        yield self._plan.shape(self.extra_columns)

    def _batches(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        (dataset, shape), *_ = self.shapes.items()
        fields = [Field(t.theirs, t.kind, t.required, t.ours) for t in self._plan.taken]
        for rows in self._table(self._names, fields, dialect=self._dialect):
            columns: Columns = {**self._plan.constants, **rows.columns}
            if rows.inexact is not None and "flags" in columns:
                columns["flags"] = _marked(columns["flags"], rows.inexact)
            yield dataset, shape.batch(columns, rows.count)


def _marked(flags: Any, rows: np.ndarray[Any, Any]) -> pa.Array:  # noqa: ANN401 - array or value
    before = (
        flags if isinstance(flags, pa.Array) else pa.repeat(pa.scalar(flags, pa.int32()), len(rows))
    )
    bits = pa.array(np.where(rows, FLAGS["inexact"], 0).astype(np.int32))
    return pc.bit_wise_or(pc.cast(before, pa.int32()), bits)


class _Typed(Source):
    """A table whose columns have types."""

    place = "row"
    _file: Any = None

    def _prepare(self) -> None:
        """Read the schema and plan the columns."""
        request = self._request
        self._options(request)
        self._done = 0
        with as_ours(request.path):
            self._total = request.path.stat().st_size
            self._types = self._open()
        self._plan = plan(request, self._types.names)
        request.refuse_extra(self._plan.extra)

    def _options(self, request: Request) -> None:
        request.take()

    @abstractmethod
    def _open(self) -> pa.Schema:
        """Open the file; what its columns are."""

    @abstractmethod
    def _read(self, names: Sequence[str]) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Number of the first row of each batch, from 1, and the batch."""

    @property
    def bytes_total(self) -> int:
        """Size of the file."""
        return self._total

    @property
    def bytes_done(self) -> int:
        """How much of it was read so far, judged by rows."""
        return self._done

    @property
    def extra_columns(self) -> dict[str, pa.DataType]:
        """Columns that the dataset does not have, and that are in the batches all the same."""
        if self._request.extra != "keep":
            return {}
        types = {name: self._types.field(name).type for name in self._plan.extra}
        return {name: _plain(type_) for name, type_ in types.items()}

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _shapes(self) -> Iterable[Shape]:
        yield self._plan.shape(self.extra_columns)

    def _batches(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        (dataset, shape), *_ = self.shapes.items()
        names = dict.fromkeys([*(t.theirs for t in self._plan.taken), *self.extra_columns])
        reading = self._read(list(names))
        while True:
            with as_ours(self.path):
                first, batch = next(reading, (0, None))
            if batch is None:
                break
            columns = self._made(batch)
            if columns is None:
                batch = self._good(first, batch)
                columns = self._made(batch)
            if columns is None:
                raise Internal(f"{self.path}: rows from {first} are bad unseen")
            columns |= {name: _decoded(batch[name]) for name in self.extra_columns}
            yield dataset, shape.batch(columns, batch.num_rows)
        self._done = self._total

    def _made(self, batch: pa.RecordBatch) -> Columns | None:
        """The columns of the dataset, or `None` if there is a bad cell."""
        columns: Columns = dict(self._plan.constants)
        for taken in self._plan.taken:
            column = _decoded(batch[taken.theirs])
            if taken.required and column.null_count:
                return None
            try:
                columns[taken.ours] = taken.kind.convert(column)
            except cells.REFUSALS:
                return None
        return columns

    def _good(self, first: int, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows without a bad cell."""
        bad: dict[int, tuple[str, str | None, str]] = {}
        for taken in reversed(self._plan.taken):
            column, expected = _decoded(batch[taken.theirs]), taken.kind.expected
            if taken.required and column.null_count:
                for row in np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False)).tolist():
                    bad[row] = taken.theirs, None, expected
            for row in cells.bad_cells(taken.kind, column):
                bad[row] = taken.theirs, str(column[row].as_py()), expected
        for row in sorted(bad):
            self._rejects.cell(first + row, *bad[row], _line(batch, row))
        kept = np.delete(np.arange(batch.num_rows), list(bad))
        return batch.take(pa.array(kept))


def _plain(type_: pa.DataType) -> pa.DataType:
    return type_.value_type if pa.types.is_dictionary(type_) else type_


def _decoded(column: pa.Array) -> pa.Array:
    return pc.dictionary_decode(column) if pa.types.is_dictionary(column.type) else column


def _line(batch: pa.RecordBatch, row: int) -> bytes:
    """A row as a line of text."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow([str(column[row]) for column in batch.columns])
    return out.getvalue().replace("\n", " ").encode()


class Parquet(_Typed):
    """A Parquet file."""

    format = "parquet"

    def _open(self) -> pa.Schema:
        self._file = pq.ParquetFile(self.path)
        return self._file.schema_arrow

    def _read(self, names: Sequence[str]) -> Iterator[tuple[int, pa.RecordBatch]]:
        first, rows = 1, max(1, self._file.metadata.num_rows)
        for batch in self._file.iter_batches(_BATCH_ROWS, columns=list(names), use_threads=False):
            yield first, batch
            first += batch.num_rows
            self._done = self._total * (first - 1) // rows


class Arrow(_Typed):
    """An Arrow IPC file or stream (Feather version 2)."""

    format = "arrow"

    def _open(self) -> pa.Schema:
        self._file = pa.OSFile(str(self.path), "rb")
        whole = self._file.read(len(_ARROW_FILE)) == _ARROW_FILE
        self._file.seek(0)
        self._reader = (pa.ipc.open_file if whole else pa.ipc.open_stream)(self._file)
        return self._reader.schema

    def _read(self, names: Sequence[str]) -> Iterator[tuple[int, pa.RecordBatch]]:
        first = 1
        if isinstance(self._reader, pa.ipc.RecordBatchFileReader):
            count = self._reader.num_record_batches
            batches = (self._reader.get_batch(place) for place in range(count))
        else:
            batches = iter(self._reader)
        for whole in batches:
            for start in range(0, whole.num_rows, _BATCH_ROWS):
                batch = whole.slice(start, _BATCH_ROWS).select(list(names))
                yield first, batch
                first += batch.num_rows
            self._done = self._file.tell()


class Excel(_Typed):
    """One sheet of an Excel workbook (`.xlsx`, `.xlsb`, `.xls`, `.ods`), with a header row.

    Options: `sheet`, a name or a number from 0. Excel keeps times to the millisecond and numbers to
    fifteen digits. A column whose cells are of several types is read as text.
    """

    format = "excel"

    def _options(self, request: Request) -> None:
        self._sheet = request.take(sheet=0)["sheet"]

    def _open(self) -> pa.Schema:
        fastexcel = needed("fastexcel", "fastexcel", "Excel")
        if not self.path.is_file():
            raise FileNotFoundError(self.path)
        try:
            book = fastexcel.read_excel(Path(self.path))
            # All rows decide about the types: a few would turn later cells of others into null.
            sheet = book.load_sheet(self._sheet, schema_sample_rows=None)
        except fastexcel.FastExcelError as error:
            raise Invalid(f"{self.path}: sheet {self._sheet!r} cannot be read: {error}") from error
        self._rows = pa.record_batch(sheet)
        return self._rows.schema

    def _read(self, names: Sequence[str]) -> Iterator[tuple[int, pa.RecordBatch]]:
        # The header is row 1 of the sheet.
        for start in range(0, self._rows.num_rows, _BATCH_ROWS):
            yield start + 2, self._rows.slice(start, _BATCH_ROWS).select(list(names))
