# ruff: noqa: S608 - names are quoted, and values are escaped or bound
"""SQL by DataFusion over snapshots: the optimised plan tells what to prune, then files are named.

Files become an external table with several locations, which is the way that lets filters reach row
groups and pages. A Delta provider does not, and a Python dataset reads ten times as long.
"""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import datafusion
import pyarrow as pa

from rustonite_data.errors import Corrupt, Invalid, RustoniteError, Unavailable
from rustonite_data.lake import parts, prune
from rustonite_data.lake.dataset import DATE
from rustonite_data.lake.params import plain_parameters
from rustonite_data.lake.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rustonite_data.lake.prune import Predicate
    from rustonite_data.lake.snapshot import DataFile, Snapshot

_TYPES = {
    "int8": "TINYINT",
    "int16": "SMALLINT",
    "int32": "INT",
    "int64": "BIGINT",
    "float32": "FLOAT",
    "float64": "DOUBLE",
    "timestamp[ns]": "TIMESTAMP(9)",
    "date32": "DATE",
    "utf8": "VARCHAR",
    "binary": "BYTEA",
}
_COLD, _HOT = "__cold_", "__hot_"
_LOOKS_AT_ONCE = 32
# What a query may use that came over the network, where nobody can be asked.
_RESTRICTED_BYTES = 4 << 30

_SETTINGS = {
    # Each file would be opened while it is named; row groups are pruned when it is read.
    "datafusion.execution.collect_statistics": "false",
    "datafusion.execution.parquet.pushdown_filters": "true",
    "datafusion.sql_parser.map_string_types_to_utf8view": "true",
}


def run(
    snapshots: Mapping[str, Snapshot],
    text: str,
    parameters: Any,  # noqa: ANN401 - of the caller
    *,
    restricted: bool,
) -> pa.Table:
    """The result of a query over the datasets that it names; it can read nothing else."""
    values = _values(parameters)
    try:
        predicates = _plan(snapshots, text, values)
    except Exception as error:
        raise explain(error, ()) from error
    context = _context(restricted=restricted)
    for name, snapshot in snapshots.items():
        predicate = predicates.get(name, prune.EVERYTHING)
        files = prune.prune(snapshot.files, predicate, snapshot.dataset)
        _register(context, snapshot, files)
    try:
        return plain_texts(_query(context, text, values).to_arrow_table())
    except Exception as error:
        raise explain(error, snapshots.values()) from error


def _context(*, restricted: bool = False) -> datafusion.SessionContext:
    """A session of its own for each query."""
    config = datafusion.SessionConfig(_SETTINGS)
    if not restricted:
        return datafusion.SessionContext(config)
    bounded = datafusion.RuntimeEnvBuilder().with_disk_manager_disabled()
    return datafusion.SessionContext(config, bounded.with_greedy_memory_pool(_RESTRICTED_BYTES))


def _values(parameters: Any) -> dict[str, Any]:  # noqa: ANN401 - of the caller
    plain = plain_parameters(parameters, lambda moment: pa.scalar(moment, pa.timestamp("ns")))
    if isinstance(plain, list):
        return {str(position): value for position, value in enumerate(plain, start=1)}
    return plain or {}


def _query(
    context: datafusion.SessionContext, text: str, values: Mapping[str, Any]
) -> datafusion.DataFrame:
    """A query of the context's tables; nothing but queries."""
    only_queries = (
        datafusion.SQLOptions()
        .with_allow_ddl(allow=False)
        .with_allow_dml(allow=False)
        .with_allow_statements(allow=False)
    )
    return context.sql_with_options(text, only_queries, param_values=dict(values))


def _plan(
    snapshots: Mapping[str, Snapshot], text: str, values: Mapping[str, Any]
) -> dict[str, Predicate]:
    """What the query asks of the rows of each dataset that it scans."""
    context = _context()
    for name, snapshot in snapshots.items():
        schema = _view_types(snapshot.dataset.file_schema())
        empty = pa.RecordBatch.from_pylist([], schema=schema)
        context.register_record_batches(_quote(name), [[empty]])
    plan = _query(context, text, values).optimized_logical_plan()
    found: dict[str, list[Predicate]] = {}
    _collect(plan, prune.EVERYTHING, found)
    predicates = {name: prune.any_of(parts_) for name, parts_ in found.items()}
    if _CLOCK.search(text):
        for name in predicates.keys() & snapshots.keys():
            dataset = snapshots[name].dataset
            predicates[name] = prune.without_upper_times(predicates[name], dataset)
    return predicates


_CLOCK = re.compile(r"(?i)\b(?:now|today|current_\w+)\b")


def _collect(plan: Any, above: Predicate, found: dict[str, list[Predicate]]) -> None:  # noqa: ANN401
    """Filters end up right above the scan, and those that providers take in the scan itself."""
    node = plan.to_variant()
    kind = type(node).__name__
    if kind == "TableScan":
        asked = [prune.from_datafusion(expression) for expression in node.filters()]
        found.setdefault(node.table_name(), []).append(prune.all_of([above, *asked]))
        return
    below = prune.from_datafusion(node.predicate()) if kind == "Filter" else prune.EVERYTHING
    for part in plan.inputs():
        _collect(part, below, found)


def _register(
    context: datafusion.SessionContext, snapshot: Snapshot, files: Sequence[DataFile]
) -> None:
    """Make the dataset a table of the context: a view on its files and its hot rows."""
    dataset = snapshot.dataset
    columns = ", ".join(map(_quote, dataset.columns))
    selects = []
    if files:
        _register_files(context, snapshot, files)
        selects.append(f"SELECT {columns} FROM {_quote(_COLD + dataset.name)}")
    hot = parts.hot_table(snapshot)
    if hot is not None or not files:
        rows = parts.tape_schema(dataset).empty_table() if hot is None else hot
        rows = parts.with_date(rows, dataset)
        batches = rows.to_batches() or [pa.RecordBatch.from_pylist([], schema=rows.schema)]
        context.register_record_batches(_quote(_HOT + dataset.name), [batches])
        plain = ", ".join(_hot_column(field) for field in rows.schema)
        selects.append(f"SELECT {plain} FROM {_quote(_HOT + dataset.name)}")
    context.register_view(_quote(dataset.name), context.sql(" UNION ALL ".join(selects)))


def _register_files(
    context: datafusion.SessionContext, snapshot: Snapshot, files: Sequence[DataFile]
) -> None:
    dataset = snapshot.dataset
    _must_exist(snapshot, files)
    if not snapshot.local:
        _register_store(context, snapshot)
    types = {column.name: _type(column.type) for column in dataset.schema.columns}
    if dataset.has_date:
        types[DATE] = "DATE"
    columns = ", ".join(f"{_quote(name)} {kind}" for name, kind in types.items())
    locations = ", ".join(_text(_url(snapshot, file)) for file in files)
    name = _quote(_COLD + dataset.name)
    context.sql(
        f"CREATE EXTERNAL TABLE {name} ({columns}) STORED AS PARQUET LOCATION ({locations})"
    )


def _must_exist(snapshot: Snapshot, files: Iterable[DataFile]) -> None:
    """DataFusion takes a location without a file for an empty table."""
    if snapshot.local:
        missing = next((f for f in files if not os.path.exists(snapshot.location(f))), None)  # noqa: PTH110
    else:
        storage = Storage(snapshot.root, snapshot.storage_options)
        with ThreadPoolExecutor(_LOOKS_AT_ONCE) as looks:
            stored = zip(
                files, looks.map(lambda file: storage.stored(file.path), files), strict=True
            )
            missing = next((file for file, found in stored if found is None), None)
    if missing is not None:
        where = snapshot.location(missing)
        raise Corrupt(f"{where}: named by the log, but there is no such file")


def _url(snapshot: Snapshot, file: DataFile) -> str:
    """Locations are URLs, in which a file's own % needs an escape."""
    if snapshot.local:
        return "file://" + quote(os.path.abspath(snapshot.location(file)))  # noqa: PTH100
    scheme, _, rest = snapshot.location(file).partition("://")
    return f"{scheme}://{quote(rest)}"


def _register_store(context: datafusion.SessionContext, snapshot: Snapshot) -> None:
    from datafusion.object_store import AmazonS3, GoogleCloud, MicrosoftAzure  # noqa: PLC0415

    scheme, host = urlsplit(snapshot.root)[:2]
    options = {key.lower(): value for key, value in snapshot.storage_options.items()}
    if scheme in {"s3", "s3a"}:
        store = AmazonS3(
            host,
            region=options.get("aws_region", options.get("region")),
            access_key_id=options.get("aws_access_key_id", options.get("access_key_id")),
            secret_access_key=options.get(
                "aws_secret_access_key", options.get("secret_access_key")
            ),
            session_token=options.get("aws_session_token"),
            endpoint=options.get("aws_endpoint_url", options.get("aws_endpoint")),
            allow_http=options.get("aws_allow_http", "false").lower() == "true",
        )
    elif scheme == "gs":
        store = GoogleCloud(host)
    else:
        store = MicrosoftAzure(host)
    context.register_object_store(f"{scheme}://", store, host)


def _type(kind: str) -> str:
    if kind.startswith("list<"):
        return _type(kind.removeprefix("list<").removesuffix(">")) + "[]"
    if kind.startswith("decimal128"):
        return kind.replace("decimal128", "DECIMAL")
    if kind.startswith("dictionary"):
        return "VARCHAR"
    return "BYTEA" if kind.startswith("fixed_size_binary") else _TYPES[kind]


def _view_types(schema: pa.Schema) -> pa.Schema:
    return pa.schema(
        [
            field.with_type(pa.string_view()) if field.type == pa.string() else field
            for field in schema
        ]
    )


def _hot_column(field: pa.Field) -> str:
    name = _quote(field.name)
    kind = field.type
    if pa.types.is_dictionary(kind) or kind == pa.string():
        return f"arrow_cast({name}, 'Utf8View') AS {name}"
    if pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return f"arrow_cast({name}, 'BinaryView') AS {name}"
    return name


def plain_texts(rows: pa.Table) -> pa.Table:
    """The same with ordinary text and binary columns, which every library knows."""
    kinds = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}
    fields = [field.with_type(kinds.get(field.type, field.type)) for field in rows.schema]
    return rows.cast(pa.schema(fields)) if fields != list(rows.schema) else rows


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def explain(error: Exception, snapshots: Iterable[Snapshot]) -> RustoniteError:
    """What an error of DataFusion means to who asked."""
    if isinstance(error, RustoniteError):
        return error
    text = str(error).strip().removeprefix("DataFusion error: ")
    if "Resources exhausted" in text:
        return Unavailable(text)
    if re.search(r"Parquet error|Object Store error|External error", text):
        broken = next(parts.broken_files(snapshots), None)
        return broken or Corrupt(text)
    return Invalid(text)
