# ruff: noqa: S608 - names are quoted, and values are escaped or bound
"""SQL by DuckDB over snapshots: plan on empty tables, prune by the log, then run over the rest.

DuckDB's own plan tells which filters reach a scan. It is asked for over empty tables with the
columns of the datasets, so no file is opened that the statistics in the log rule out.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from rustonite_data.errors import Corrupt, Invalid, RustoniteError, Unavailable
from rustonite_data.lake import parts, prune
from rustonite_data.lake.dataset import DATE
from rustonite_data.lake.interrupt import interruptible
from rustonite_data.lake.params import plain_parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from rustonite_data.lake.dataset import Dataset
    from rustonite_data.lake.prune import Predicate
    from rustonite_data.lake.snapshot import DataFile, Snapshot

_TYPES = {
    "int8": "TINYINT",
    "int16": "SMALLINT",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "float32": "FLOAT",
    "float64": "DOUBLE",
    "timestamp[ns]": "TIMESTAMP_NS",
    "date32": "DATE",
    "utf8": "VARCHAR",
    "binary": "BLOB",
}
_HOT = "__hot_"
# What a query may use that came over the network, where nobody can be asked.
_RESTRICTED_MEMORY = "4GiB"

_SETTINGS = (
    # A variable of the program is no table.
    "SET GLOBAL python_enable_replacements = false",
    # Over Python objects an as-of join would be planned as a nested loop, for it looks like 1 row.
    "SET GLOBAL asof_loop_join_threshold = 0",
    "SET GLOBAL parquet_metadata_cache = true",
    "SET GLOBAL TimeZone = 'UTC'",
)
# What is known of empty tables must not simplify the query.
_PLANNER_SETTINGS = (*_SETTINGS, "SET GLOBAL disabled_optimizers = 'statistics_propagation'")
_LOCKED = (
    "SET GLOBAL autoinstall_known_extensions = false",
    "SET GLOBAL autoload_known_extensions = false",
    "SET GLOBAL enable_external_access = false",
    "SET GLOBAL lock_configuration = true",
)


def run(
    snapshots: Mapping[str, Snapshot],
    text: str,
    parameters: Any,  # noqa: ANN401 - of the caller
    *,
    restricted: bool,
) -> pa.Table:
    """The result of SQL text over the datasets that it names."""
    parameters = plain_parameters(parameters, _nanosecond_value)
    single = _check(text, restricted=restricted)
    try:
        predicates = _plan(snapshots.values(), text, parameters, restricted=restricted)
    except duckdb.Error:
        # Running it gives the better message; or it is no query that can be explained.
        predicates = {}
    chosen = {
        name: prune.prune(snapshot.files, predicates.get(name, prune.EVERYTHING), snapshot.dataset)
        for name, snapshot in snapshots.items()
    }
    with _Session(snapshots, chosen, restricted=restricted, shared=single) as cursor:
        try:
            for name, snapshot in snapshots.items():
                _create_view(cursor, snapshot, chosen[name])
            return interruptible(lambda: _result(cursor, text, parameters), cursor.interrupt)
        except duckdb.Error as error:
            raise explain(error, snapshots.values()) from error


def _check(text: str, *, restricted: bool) -> bool:
    """Whether the text is one query, which leaves nothing behind."""
    try:
        statements = _instances.planner().cursor().extract_statements(text)
    except duckdb.Error as error:
        raise explain(error, ()) from error
    if not statements:
        raise Invalid("sql: found no statement, expected one")
    single = len(statements) == 1 and statements[0].type == duckdb.StatementType.SELECT
    if restricted and not single:
        found = " and ".join(str(s.type).rpartition(".")[2] for s in statements)
        raise Invalid(f"sql: found {found}, expected one SELECT")
    return single


class _Instances:
    """DuckDB databases in memory that queries of this process share; a forked child has its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[object, duckdb.DuckDBPyConnection] = {}

    def runner(self, snapshots: Iterable[Snapshot]) -> duckdb.DuckDBPyConnection:
        """The database for queries over these; one for each object store and its credentials."""
        stores = [snapshot for snapshot in snapshots if not snapshot.local]
        options = {tuple(sorted(snapshot.storage_options.items())) for snapshot in stores}
        return self._get(("runner", frozenset(options)), lambda: _open(stores))

    def planner(self, *, restricted: bool = False) -> duckdb.DuckDBPyConnection:
        """The database in which queries are only explained."""
        settings = (*_PLANNER_SETTINGS, *(_LOCKED if restricted else ()))
        return self._get(("planner", restricted), lambda: _open((), settings))

    def _get(
        self, name: object, make: Callable[[], duckdb.DuckDBPyConnection]
    ) -> duckdb.DuckDBPyConnection:
        key = (os.getpid(), name)
        with self._lock:
            if key not in self._made:
                self._made[key] = make()
            return self._made[key]


def _open(
    stores: Iterable[Snapshot], settings: Iterable[str] = _SETTINGS
) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:")
    for setting in settings:
        connection.execute(setting)
    for snapshot in stores:
        parts.register_storage(connection, snapshot)
    return connection


_instances = _Instances()


def _plan(
    snapshots: Iterable[Snapshot],
    text: str,
    parameters: Any,  # noqa: ANN401 - of the caller
    *,
    restricted: bool,
) -> dict[str, Predicate]:
    """What the query asks of the rows of each dataset that it scans."""
    datasets = {snapshot.dataset.name: snapshot.dataset for snapshot in snapshots}
    cursor = _planner_with(datasets.values(), restricted=restricted)
    if len(cursor.extract_statements(text)) != 1:
        return {}
    plan = cursor.execute(f"EXPLAIN (FORMAT json) {text}", parameters).fetchall()[0][1]
    found: dict[str, list[Predicate]] = {}
    for table, filters in _scans(json.loads(plan)):
        found.setdefault(table, []).append(prune.all_of(map(prune.from_duckdb, filters)))
    predicates = {name: prune.any_of(parts) for name, parts in found.items() if name in datasets}
    if _CLOCK.search(text):
        for name, predicate in predicates.items():
            predicates[name] = prune.without_upper_times(predicate, datasets[name])
    return predicates


_planners = threading.local()


def _planner_with(datasets: Iterable[Dataset], *, restricted: bool) -> duckdb.DuckDBPyConnection:
    """A cursor of this thread in which the datasets are empty tables; they stay for the next."""
    database = _instances.planner(restricted=restricted)
    known: dict[str, tuple[duckdb.DuckDBPyConnection, dict[str, str]]] = _planners.__dict__
    key = f"{os.getpid()} {restricted}"
    if key not in known:
        known[key] = (database.cursor(), {})
    cursor, made = known[key]
    for dataset in datasets:
        columns = ", ".join(f"{_quote(n)} {kind}" for n, kind in column_types(dataset).items())
        if made.get(dataset.name) != columns:
            table = f"{_quote(dataset.name)} ({columns})"
            cursor.execute(f"CREATE OR REPLACE TEMP TABLE {table}")
            made[dataset.name] = columns
    return cursor


_CLOCK = re.compile(
    r"(?i)\b(?:now|today|current_\w+|get_current_\w+|local\w*time\w*|transaction\w+)\b"
)
_LAST_NAME = re.compile(r'(?:"((?:[^"]|"")*)"|([^".]+))$')


def _scans(
    nodes: Sequence[dict[str, Any]],
    above: Any = (),  # noqa: ANN401 - a text or texts
) -> Iterator[tuple[str, list[Any]]]:
    """The tables that a plan scans, with filters of the scan and of a filter right above it."""
    for node in nodes:
        facts = node.get("extra_info", {})
        name = _LAST_NAME.search(facts.get("Table", ""))
        if name is not None:
            table = (name[1] or name[2]).replace('""', '"')
            yield table, [facts.get("Filters", []), above]
        filters = facts.get("Expression", []) if node["name"].strip() == "FILTER" else []
        yield from _scans(node.get("children", []), filters)


class _Session:
    """A cursor for one query, in a database that fits how much it may do."""

    def __init__(
        self,
        snapshots: Mapping[str, Snapshot],
        chosen: Mapping[str, Sequence[DataFile]],
        *,
        restricted: bool,
        shared: bool,
    ) -> None:
        self._own: duckdb.DuckDBPyConnection | None = None
        if shared and not restricted:
            self._cursor = _instances.runner(snapshots.values()).cursor()
        else:
            self._own = _open([s for s in snapshots.values() if not s.local])
            self._cursor = self._own.cursor()
        self._cursor.execute("SET enable_progress_bar = false")
        if restricted:
            self._restrict(snapshots, chosen)

    def _restrict(
        self, snapshots: Mapping[str, Snapshot], chosen: Mapping[str, Sequence[DataFile]]
    ) -> None:
        """Nothing can be opened but these files, and no setting can be changed."""
        paths = [
            snapshot.location(file) for name, snapshot in snapshots.items() for file in chosen[name]
        ]
        listed = ", ".join(map(_text, paths))
        self._cursor.execute(f"SET GLOBAL allowed_paths = [{listed}]")
        self._cursor.execute(f"SET GLOBAL memory_limit = '{_RESTRICTED_MEMORY}'")
        self._cursor.execute("SET GLOBAL max_temp_directory_size = '0 bytes'")
        for setting in _LOCKED:
            self._cursor.execute(setting)

    def __enter__(self) -> duckdb.DuckDBPyConnection:
        return self._cursor

    def __exit__(self, *_: object) -> None:
        # A call that was interrupted and has not ended yet keeps its connection until then.
        with contextlib.suppress(duckdb.Error):
            self._cursor.close()
            if self._own is not None:
                self._own.close()


def column_types(dataset: Dataset) -> dict[str, str]:
    """DuckDB's types of the columns of files."""
    types = {column.name: column_type(column.type) for column in dataset.schema.columns}
    return {**types, DATE: "DATE"} if dataset.has_date else types


def column_type(kind: str) -> str:
    """DuckDB's type for one of ours."""
    if kind.startswith("list<"):
        return column_type(kind.removeprefix("list<").removesuffix(">")) + "[]"
    if kind.startswith("decimal128"):
        return kind.replace("decimal128", "DECIMAL")
    if kind.startswith("dictionary"):
        return "VARCHAR"
    return "BLOB" if kind.startswith("fixed_size_binary") else _TYPES[kind]


def _create_view(
    cursor: duckdb.DuckDBPyConnection, snapshot: Snapshot, files: Sequence[DataFile]
) -> None:
    """Make the dataset a view on its files and its hot rows."""
    dataset = snapshot.dataset
    types = column_types(dataset)
    selects = []
    for lacks, group in parts.by_columns(snapshot, files).items():
        columns = ", ".join(
            f"NULL::{kind} AS {_quote(name)}" if name in lacks else _quote(name)
            for name, kind in types.items()
        )
        listed = ", ".join(_text(_not_a_pattern(snapshot.location(file))) for file in group)
        selects.append(f"SELECT {columns} FROM read_parquet([{listed}], hive_partitioning = false)")
    hot = parts.hot_table(snapshot)
    if hot is not None:
        cursor.register(_HOT + dataset.name, hot)
        columns = ", ".join(_hot_column(dataset, name) for name in types)
        selects.append(f"SELECT {columns} FROM {_quote(_HOT + dataset.name)}")
    if not selects:
        columns = ", ".join(f"NULL::{kind} AS {_quote(name)}" for name, kind in types.items())
        selects.append(f"SELECT {columns} WHERE false")
    union = " UNION ALL ".join(selects)
    cursor.execute(f"CREATE TEMP VIEW {_quote(dataset.name)} AS {union}")


def _hot_column(dataset: Dataset, name: str) -> str:
    if name == DATE and dataset.has_date:
        # A cast would go by microseconds, and round the last one of a day into the next.
        time = f"epoch_ns({_quote(str(dataset.time))})"
        day = 86_400_000_000_000
        days = f"CASE WHEN {time} < 0 THEN ({time} + 1) // {day} - 1 ELSE {time} // {day} END"
        return f"(DATE '1970-01-01' + ({days})::INTEGER)::DATE AS {_quote(name)}"
    return _quote(name)


def _not_a_pattern(path: str) -> str:
    return re.sub(r"[\[*?]", lambda found: f"[{found[0]}]", path)


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _nanosecond_value(moment: int) -> Any:  # noqa: ANN401 - a class of DuckDB
    from duckdb.value.constant import TimestampNanosecondValue  # noqa: PLC0415 - rarely needed

    return TimestampNanosecondValue(parts.time_text(moment))


def _result(cursor: duckdb.DuckDBPyConnection, text: str, parameters: Any) -> pa.Table:  # noqa: ANN401
    relation = cursor.sql(text, params=parameters) if parameters else cursor.sql(text)
    return pa.table({}) if relation is None else relation.to_arrow_table()


def explain(error: duckdb.Error, snapshots: Iterable[Snapshot]) -> RustoniteError:
    """What an error of DuckDB means to who asked."""
    text = str(error).strip()
    snapshots = list(snapshots)
    if isinstance(error, duckdb.OutOfMemoryException):
        return Unavailable(text)
    wrong = (
        duckdb.ParserException,
        duckdb.BinderException,
        duckdb.CatalogException,
        duckdb.ConversionException,
        duckdb.PermissionException,
    )
    if isinstance(error, wrong):
        return Invalid(text)
    if broken := next(parts.broken_files(snapshots), None):
        return broken
    for snapshot in snapshots:
        for file in snapshot.files:
            if snapshot.location(file) in text:
                return Corrupt(f"{snapshot.location(file)}: {text}")
    return Invalid(text)
