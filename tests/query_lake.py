"""Datasets made by hand for tests of queries: files as a lake has them, and rows on tapes."""

import datetime as dt
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rustonite_data import Tape, schemas
from rustonite_data.lake.dataset import Dataset
from rustonite_data.lake.snapshot import DataFile, Snapshot

DAY = dt.date(2026, 1, 1)
DAY_NS = 86_400_000_000_000
START = (DAY - dt.date(1970, 1, 1)).days * DAY_NS


def rows(dataset, columns):
    """A table of a dataset's tape columns from plain values; what is left out is null."""
    schema = pa.schema(dataset.schema)
    count = len(next(iter(columns.values())))
    arrays = [pa.array(columns.get(field.name, [None] * count), field.type) for field in schema]
    nullable = [field.with_nullable(nullable=True) for field in schema]
    return pa.table(arrays, schema=pa.schema(nullable))


def date_of(nanoseconds):
    """The UTC date of a time; of a null, none."""
    if nanoseconds is None:
        return None
    return dt.date(1970, 1, 1) + dt.timedelta(nanoseconds // DAY_NS)


def as_file(dataset, table):
    """The same rows as a file has them: plain texts, and the date."""
    wanted = dataset.file_schema()
    columns = {}
    for field in wanted:
        if field.name in table.column_names:
            columns[field.name] = table[field.name].cast(field.type)
        else:
            times = table[dataset.time].cast(pa.int64()).to_pylist()
            columns[field.name] = pa.array([date_of(time) for time in times], pa.date32())
    nullable = [field.with_nullable(nullable=True) for field in wanted]
    return pa.table(columns, schema=pa.schema(nullable))


def write_file(dataset, folder, name, table, *, lacking=(), options=None):
    """Write rows of one partition as a file; returns what the log would say of it."""
    plain = as_file(dataset, table)
    plain = plain.sort_by([(name, "ascending") for name in dataset.sort_by])
    stored = plain.drop_columns(list(lacking)) if lacking else plain
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    pq.write_table(stored, path, compression="zstd", store_schema=False, **(options or {}))
    return describe(dataset, path, name, stored)


def describe(dataset, path, name, table):
    """The statistics of a file."""
    minimum, maximum, nulls, partition = {}, {}, {}, {}
    for column in table.column_names:
        values = table[column]
        kind = values.type
        if column in dataset.partition_by:
            first = values[0].as_py()
            assert values.unique().to_pylist() == [first], "a file has one partition"
            partition[column] = None if first is None else str(first)
            continue
        nulls[column] = values.null_count
        if pa.types.is_list(kind) or pa.types.is_binary(kind) or len(values) == values.null_count:
            continue
        plain = values.cast(pa.int64()) if pa.types.is_timestamp(kind) else values
        if pa.types.is_floating(kind):
            plain = plain.filter(pc.invert(pc.is_nan(plain)))
        ends = pc.min_max(plain).as_py()
        if ends["min"] is not None:
            minimum[column], maximum[column] = ends["min"], ends["max"]
    return DataFile(
        name, path.stat().st_size, table.num_rows, partition, minimum, maximum, nulls, 0
    )


def divided(dataset, table):
    """The rows by partition."""
    plain = as_file(dataset, table).select(list(dataset.partition_by))
    keys = [json.dumps([str(row[k]) for k in dataset.partition_by]) for row in plain.to_pylist()]
    for key in sorted(set(keys)):
        yield table.filter(pa.array([other == key for other in keys]))


def snapshot(dataset, folder, tables=(), hot=(), *, lacking=(), options=None):
    """A dataset whose files are the partitions of each table; `hot` rows are on tapes."""
    dataset = Dataset.of(schemas.get(dataset)) if isinstance(dataset, str) else dataset
    folder = Path(folder)
    files = []
    for number, table in enumerate(tables):
        parts = divided(dataset, table) if dataset.partition_by else [table]
        for part, piece in enumerate(parts):
            name = f"{number:04}-{part:03}.parquet"
            made = write_file(dataset, folder, name, piece, lacking=lacking, options=options)
            files.append(made)
    tapes = []
    for number, table in enumerate(hot):
        path = folder / f"tape-{number}"
        with Tape.create(path, dataset.schema, segment_bytes=1 << 20) as tape:
            tape.append(table)
        tapes.append(Tape.reader(path).read())
    return Snapshot(dataset, 1, str(folder), tuple(files), tuple(tapes))


def trades(count, *, start=START, step=1_000_000_000, symbols=("BTC", "ETH"), **columns):
    """Trades of several symbols in turn, `step` nanoseconds apart."""
    times = [start + position * step for position in range(count)]
    names = [symbols[position % len(symbols)] for position in range(count)]
    made = {
        "ts_event": times,
        "ts_recv": [time + 1_000 for time in times],
        "venue": ["binance"] * count,
        "symbol": names,
        "price": [100.0 + position for position in range(count)],
        "size": [0.5] * count,
        "side": ["buy" if position % 3 else "sell" for position in range(count)],
        "trade_id": list(range(count)),
        "flags": [1] * count,
    }
    return rows(Dataset.of(schemas.get("trades")), {**made, **columns})
