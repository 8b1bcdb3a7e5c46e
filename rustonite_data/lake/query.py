"""Queries over snapshots of datasets: SQL by three engines, lazy frames, and plain slices.

An engine sees a dataset as one table, although part of it is in Parquet files and part on tapes.
Before an engine opens a file, the statistics in the table's log have ruled out those that cannot
have a row of the answer.
"""

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rustonite_data import _native, schemas
from rustonite_data.errors import Invalid
from rustonite_data.extras import how_to_get
from rustonite_data.hints import hint
from rustonite_data.lake import parts
from rustonite_data.lake.choice import Choice
from rustonite_data.lake.series_sql import expand
from rustonite_data.lake.sql_text import datasets_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import polars as pl

    from rustonite_data.lake.params import Parameters
    from rustonite_data.lake.snapshot import Snapshot

ENGINES = ("duckdb", "datafusion", "polars")
_SHOWN_ROWS = 10
_SHOWN_WIDTH = 30
_NO_TABLE = re.compile(
    r"Table with name (?P<duckdb>\S+) does not exist"
    r"|(table|relation) '(\w+\.)*(?P<others>.*)' (was )?not found"
)


class Result:
    """Rows that a query gave. Any Arrow library takes it, as often as it likes.

    Example:
        >>> import pyarrow as pa
        >>> result = Result(pa.table({"symbol": ["BTCUSDT"], "price": [0.5]}))
        >>> len(result), result.columns, result.pl()["price"].to_list()
        (1, ['symbol', 'price'], [0.5])
    """

    def __init__(self, rows: pa.Table) -> None:
        """Wrap a table."""
        self._rows = rows

    def arrow(self) -> pa.Table:
        """The rows as a `pyarrow.Table`."""
        return self._rows

    def pl(self) -> Any:  # noqa: ANN401 - polars need not be there
        """The rows as a `polars.DataFrame`."""
        import polars as pl  # noqa: PLC0415 - an extra

        return pl.from_arrow(self._rows)

    def df(self) -> Any:  # noqa: ANN401 - pandas need not be there
        """The rows as a `pandas.DataFrame`."""
        return self._rows.to_pandas()

    def rows(self) -> list[tuple[Any, ...]]:
        """The rows as tuples of Python values. Times become `datetime`, cut to microseconds."""
        return list(zip(*(_values(column) for column in self._rows.columns), strict=True))

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return list(self._rows.column_names)

    def __len__(self) -> int:
        return int(self._rows.num_rows)

    def __arrow_c_schema__(self) -> object:
        return self._rows.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._rows.__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        lines = self._shown()
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        table = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        ]
        more = len(self) - _SHOWN_ROWS
        tail = [f"… {more} more rows"] if more > 0 else []
        return "\n".join([*table, *tail, f"({len(self)} rows)"])

    def _repr_html_(self) -> str:
        from html import escape  # noqa: PLC0415 - for notebooks only

        head, *body = self._shown()
        row = "<tr>{}</tr>".format
        names = row("".join(f"<th>{escape(cell)}</th>" for cell in head))
        lines = [row("".join(f"<td>{escape(cell)}</td>" for cell in line)) for line in body]
        return f"<table>{names}{''.join(lines)}</table><p>{len(self)} rows</p>"

    def _shown(self) -> list[list[str]]:
        first = self._rows.slice(0, _SHOWN_ROWS)
        cells = [[_cell(v) for v in _values(column, exact=True)] for column in first.columns]
        return [self.columns, *map(list, zip(*cells, strict=True))]


def _values(column: pa.ChunkedArray, *, exact: bool = False) -> list[Any]:
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        if exact:
            return list(column.cast(pa.string()).to_pylist())
        column = column.cast(pa.timestamp("us", kind.tz), safe=False)
    return list(column.to_pylist())


def _cell(value: Any) -> str:  # noqa: ANN401 - of any column
    text = "null" if value is None else str(value)
    return text if len(text) <= _SHOWN_WIDTH else text[: _SHOWN_WIDTH - 1] + "…"


def run_sql(  # noqa: PLR0913 - settings by keyword
    snapshots: Callable[[str], Snapshot],
    names: Iterable[str],
    text: str,
    params: Parameters = None,
    *,
    engine: str = "duckdb",
    restricted: bool = False,
) -> Result:
    """The result of SQL text over the datasets that it names.

    Args:
        snapshots: Gives the moment of a dataset to read; asked once for each that is named.
        names: The datasets that there are.
        text: The SQL. With DuckDB several statements may be given; the last one has the result.
        params: A list for `?` (DuckDB) or `$1`, or a dict for `$name`. Bound, never pasted.
        engine: `duckdb`, `datafusion` or `polars`.
        restricted: Take nothing but one query, that can read nothing but the datasets.

    Raises:
        Invalid: the engine does not take the text or the parameters.
        Corrupt: a file of a dataset is missing or damaged.
        Unavailable: not enough memory, or storage that does not answer.
    """
    if engine not in ENGINES:
        raise Invalid(f"engine: found {engine!r}, expected one of {', '.join(ENGINES)}")
    names = list(names)
    chosen = {name: snapshots(name) for name in datasets_in(text, names)}
    text, params = expand(text, params, engine)
    run = _engine(engine)
    try:
        return Result(run(chosen, text, params, restricted=restricted))
    except Invalid as error:
        missing = _NO_TABLE.search(str(error))
        if missing is None:
            raise
        name = missing["duckdb"] or missing["others"]
        if name in schemas.names():
            there = ", ".join(names) or "no datasets"
            raise Invalid(f"{name} has no rows so far; there are {there}") from error
        first = str(error).partition("\n")[0]
        raise Invalid(f"{first}; {hint(name, names)}") from error


def _engine(name: str) -> Callable[..., pa.Table]:
    # Each needs a package of its own, and a while to import.
    modules = {engine: f"rustonite_data.lake.query_{engine}" for engine in ENGINES}
    try:
        run: Callable[..., pa.Table] = importlib.import_module(modules[name]).run
    except ImportError as error:
        message = f"{error.name} is not installed: {how_to_get(str(error.name))}"
        raise Invalid(f"engine {name!r}: {message}") from error
    return run


def scan(  # noqa: PLR0913 - everything by keyword
    snapshot: Snapshot,
    *,
    symbols: str | Sequence[str] | None = None,
    venues: str | Sequence[str] | None = None,
    start: Any = None,  # noqa: ANN401 - any way to write a moment
    end: Any = None,  # noqa: ANN401 - any way to write a moment
    columns: Sequence[str] | None = None,
    time: str | None = None,
) -> pl.LazyFrame:
    """A dataset as a lazy frame of Polars. No file is opened before it is collected.

    What is given here rules out files by the log. What the frame is filtered by later rules out
    row groups.

    Args:
        snapshot: The moment of the dataset.
        symbols: Only these symbols.
        venues: Only these venues.
        start: From this time on: whole nanoseconds, `datetime`, `date`, or ISO text; UTC.
        end: Before this time.
        columns: Only these columns, in this order.
        time: The column that `start` and `end` are of; by default the dataset's own.

    Raises:
        Invalid: a column that there is not, or something that is no time.
    """
    from rustonite_data.lake import query_polars  # noqa: PLC0415 - an extra

    choice = Choice.of(
        snapshot.dataset,
        symbols=symbols, venues=venues, start=start, end=end, columns=columns, time=time,
    )  # fmt: skip
    return query_polars.scan(snapshot, choice)


def table(  # noqa: PLR0913 - everything by keyword
    snapshot: Snapshot,
    *,
    symbols: str | Sequence[str] | None = None,
    venues: str | Sequence[str] | None = None,
    start: Any = None,  # noqa: ANN401 - any way to write a moment
    end: Any = None,  # noqa: ANN401 - any way to write a moment
    columns: Sequence[str] | None = None,
    time: str | None = None,
) -> Result:
    """Rows of a dataset, read at once; see `scan` for the arguments.

    Of local files only the pages are read that may have such rows. The rows of files come first,
    in the order of the files, then those of tapes.

    Raises:
        Invalid: a column that there is not, or something that is no time.
        Corrupt: a file of the dataset is missing or damaged.
    """
    choice = Choice.of(
        snapshot.dataset,
        symbols=symbols, venues=venues, start=start, end=end, columns=columns, time=time,
    )  # fmt: skip
    if not snapshot.local:
        from rustonite_data.lake import query_polars  # noqa: PLC0415 - an extra

        return Result(query_polars.rows(snapshot, choice))
    dataset = snapshot.dataset
    files, hot = parts.chosen(snapshot, choice)
    cold = _native.lake_read(
        dataset.schema,
        [snapshot.location(file) for file in files],
        columns=choice.columns,
        where=choice.tests(dataset),
        dictionaries=False,
    )
    with parts.live_files():
        found = cold.arrow()
    fields = [field.with_nullable(nullable=True) for field in dataset.file_schema()]
    wanted = pa.schema([f for f in fields if choice.columns is None or f.name in choice.columns])
    tables = [found]
    if hot is not None:
        tables.append(parts.with_date(hot, dataset))
    rows = pa.concat_tables([table.select(wanted.names).cast(wanted) for table in tables])
    return Result(rows if choice.columns is None else rows.select(list(choice.columns)))
