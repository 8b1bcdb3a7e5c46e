"""Files of the lake, written and read by the extension, with other readers as judges."""

import json
import random
import re
import shutil
import signal
import threading
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import unquote

import deltalake
import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import SMALL, finish, plain, python, schema_of, trades, trades_arrow
from hypothesis import given
from hypothesis import strategies as st

from rustonite_data import Schema, Tape, schemas
from rustonite_data._native import lake_check, lake_last, lake_merge, lake_read, lake_write
from rustonite_data.errors import Conflict, Corrupt, Invalid, NotFound, Unavailable

TRADES = schemas.get("trades")
USUAL = {"partition_by": ["venue", "date"], "sort_by": ["symbol", "ts_recv"]}
DATASETS = sorted(schemas.names())
MIDNIGHT = 1_767_312_000_000_000_000  # 2026-01-02


def usual(schema):
    """Partition and sort columns that a lake gives a dataset."""
    names = [column.name for column in schema.columns]
    partition = [name for name in ("venue",) if name in names] + ["date"]
    return {"partition_by": partition, "sort_by": schema.sort}


def value(kind, name, dice):
    """A value of a column's type."""
    if name == "venue":
        return dice.choice(["binance", "kraken-futures"])
    if kind.startswith("dictionary") or kind == "utf8":
        return dice.choice(["", "a", "é", "Z/=", "x" * 33])
    if kind.startswith("decimal"):
        return Decimal(dice.randrange(-(10**25), 10**25)).scaleb(-18)
    if kind.startswith("list"):
        item = kind.removeprefix("list<").removesuffix(">")
        return [value(item, "", dice) for _ in range(dice.randrange(4))]
    return {
        "binary": lambda: dice.randbytes(5),
        "float64": lambda: dice.choice([-0.0, 0.0, 1.5, -2.25e-7, 1e300, dice.random()]),
        "timestamp[ns]": lambda: MIDNIGHT + dice.randrange(-(10**13), 10**13),
        "date32": lambda: date(2026, 1, 2) + timedelta(days=dice.randrange(9)),
        "int8": lambda: dice.randrange(-128, 128),
        "int32": lambda: dice.randrange(-5, 5),
        "int64": lambda: dice.choice([-(2**63), 2**63 - 1, dice.randrange(100)]),
    }[kind]()


def rows_of(schema, count, seed=0):
    """Random rows of a dataset, as pyarrow has them."""
    dice = random.Random(seed)
    arrays = []
    types = pa.schema(schema)
    for column in schema.columns:
        values = [
            None
            if column.nullable and dice.random() < 0.2
            else value(column.type, column.name, dice)
            for _ in range(count)
        ]
        arrays.append(pa.array(values, types.field(column.name).type))
    return pa.table(arrays, schema=types)


def dated(schema, table):
    """The table as a file holds it: plain texts, and the date behind the other columns."""
    table = plain(table)
    dates = [None if ns is None else ns // 86_400_000_000_000 for ns in ints(table[schema.time])]
    return table.append_column("date", pa.array(dates, pa.int32()).cast(pa.date32()))


def ints(column):
    return column.cast(pa.int64()).to_pylist()


def order(schema, table):
    """The order of a lake's rows, by brute force: nulls last, texts by bytes, stable."""

    def key(row):
        cells = [texts[name][row] for name in names]
        cells = [cell.encode() if isinstance(cell, str) else cell for cell in cells]
        return [(cell is None, cell) if cell is not None else (True, 0) for cell in cells]

    settings = usual(schema)
    names = settings["partition_by"] + settings["sort_by"]
    times = {n for n in names if pa.types.is_temporal(table[n].type)}
    whole = {n: pa.int32() if n == "date" else pa.int64() for n in times}
    texts = {n: table[n].cast(whole.get(n, table[n].type)).to_pylist() for n in names}
    return table.take(sorted(range(table.num_rows), key=key))


def written(schema, rows, folder, name="a", **options):
    """Write and return files and their paths."""
    files = lake_write(schema, rows, folder, name=name, **{**usual(schema), **options})
    return files, [folder / file.path for file in files]


CODED = Schema.from_arrow(
    "x", pa.schema([("n", pa.int64()), ("word", pa.dictionary(pa.int32(), pa.string()))])
)


def words(shape, distinct, count):
    """Texts whose places in a dictionary make runs, single values, or both, with nulls or not."""
    dice = random.Random(f"{shape} {distinct}")
    names = [f"{number:x}" * (1 + number % 5) for number in range(distinct)]
    found = []
    while len(found) < count:
        word = None if "nulls" in shape and dice.random() < 0.3 else dice.choice(names)
        found += [word] * (dice.choice([1, 3, 7, 8, 9, 17, 600]) if "runs" in shape else 1)
    return found[:count]


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("distinct", [1, 2, 3, 200, 300, 70_000])
@pytest.mark.parametrize("shape", ["runs", "singles", "runs with nulls", "singles with nulls"])
def test_columns_of_codes_are_what_other_readers_read(tmp_path, shape, distinct, compressed):
    found = words(shape, distinct, 23_456)
    table = pa.table({"n": range(len(found)), "word": pa.array(found).dictionary_encode()})
    settings = {"partition_by": [], "sort_by": ["n"]}
    (file,) = lake_write(CODED, table, tmp_path, name="a", compressed=compressed, **settings)
    path = tmp_path / file.path
    assert lake_check(CODED, path, partition={}, stats=file.stats, **settings) == []
    assert pq.read_table(path)["word"].to_pylist() == found
    assert pl.read_parquet(path)["word"].to_list() == found
    got = duckdb.sql(f"select word from '{path}' order by n").fetchall()  # noqa: S608
    assert [row[0] for row in got] == found
    chunk = pq.read_metadata(path).row_group(0).column(1)
    assert chunk.statistics.null_count == found.count(None)
    present = {word for word in found if word is not None}
    assert (chunk.statistics.min, chunk.statistics.max) == (min(present), max(present))
    for word in sorted(present)[:: max(1, len(present) // 5)]:
        rows = [row for row, other in enumerate(found) if other == word]
        kept = lake_read(CODED, [path], where=[("word", "in", [word])])
        assert pa.table(kept)["n"].to_pylist() == rows
        assert pq.read_table(path, filters=[("word", "=", word)])["n"].to_pylist() == rows
        lazy = pl.scan_parquet(path).filter(pl.col("word") == word)
        assert lazy.collect()["n"].to_list() == rows


@pytest.mark.parametrize(
    "found", [["x" * 65, "y"], [None, None], ["", "", None], [f"{n:040}" for n in range(40_000)]]
)
def test_texts_that_codes_do_not_suit(tmp_path, found):
    table = pa.table({"n": range(len(found)), "word": pa.array(found, pa.string())})
    settings = {"partition_by": [], "sort_by": ["n"]}
    (file,) = lake_write(CODED, table, tmp_path, name="a", **settings)
    path = tmp_path / file.path
    assert lake_check(CODED, path, partition={}, stats=file.stats, **settings) == []
    for got in (pq.read_table(path)["word"].to_pylist(), pl.read_parquet(path)["word"].to_list()):
        assert got == found


def by_partition(files):
    return sorted(
        files, key=lambda file: [(text is None, text or "") for text in file.partition.values()]
    )


@pytest.mark.parametrize("dataset", DATASETS)
def test_other_readers_see_the_rows_in_order(tmp_path, dataset):
    schema = schemas.get(dataset)
    table = rows_of(schema, 300)
    files, _ = written(schema, table, tmp_path)
    paths = [str(tmp_path / file.path) for file in by_partition(files)]
    expected = order(schema, dated(schema, table))
    judge = pa.concat_tables(pq.ParquetFile(path).read() for path in paths)
    # Parquet's own name of list items is another than Arrow's.
    assert judge.cast(expected.schema).equals(expected)
    ours = plain(lake_read(schema, paths).arrow())
    assert ours.cast(expected.schema).equals(expected)
    everywhere = pl.concat(pl.read_parquet(path, hive_partitioning=False) for path in paths)
    assert everywhere.equals(pl.DataFrame(expected))
    listed = ", ".join(repr(path) for path in paths)
    found = duckdb.sql(f"from read_parquet([{listed}], hive_partitioning=false)").to_arrow_table()
    assert found.cast(expected.schema).equals(expected)


ENCODINGS = {
    "plain": {"PLAIN"},
    "dictionary": {"RLE_DICTIONARY"},
    "delta_binary_packed": {"DELTA_BINARY_PACKED"},
    "delta_length_byte_array": {"DELTA_LENGTH_BYTE_ARRAY"},
    "byte_stream_split": {"BYTE_STREAM_SPLIT"},
    "delta_byte_array": {"DELTA_BYTE_ARRAY"},
}


@pytest.mark.parametrize("dataset", DATASETS)
def test_files_are_encoded_as_the_schema_says(tmp_path, dataset):
    schema = schemas.get(dataset)
    _, paths = written(schema, rows_of(schema, 400), tmp_path)
    file = pq.ParquetFile(paths[0])
    facts = file.metadata.metadata
    assert b"ARROW:schema" not in facts
    assert facts[b"rustonite.dataset"].decode() == dataset
    assert facts[b"rustonite.fingerprint"].decode() == schema.fingerprint
    wanted = {column.name: column.parquet for column in schema.columns} | {"date": "dictionary"}
    group = file.metadata.row_group(0)
    for number in range(group.num_columns):
        chunk = group.column(number)
        encoding = wanted[chunk.path_in_schema.split(".")[0]]
        assert ENCODINGS[encoding] <= set(chunk.encodings), chunk.path_in_schema
        as_they_are = encoding in {"plain", "delta_length_byte_array", "delta_byte_array"}
        assert chunk.compression == ("ZSTD" if as_they_are else "LZ4")
        assert chunk.has_offset_index
        assert chunk.has_column_index
    sorted_by = [file.schema.column(c.column_index).name for c in group.sorting_columns]
    assert sorted_by == schema.sort


def test_times_are_nanoseconds_without_a_zone_and_dictionaries_are_texts(tmp_path):
    _, paths = written(TRADES, trades_arrow(10), tmp_path)
    types = {column.name: str(column.logical_type) for column in pq.ParquetFile(paths[0]).schema}
    assert "isAdjustedToUTC=false, timeUnit=nanoseconds" in types["ts_event"]
    assert types["symbol"] == types["trade_uid"] == "String"
    assert types["date"] == "Date"
    assert list(types) == [column.name for column in TRADES.columns] + ["date"]


DELTA = {
    "int8": "byte", "int16": "short", "int32": "integer", "int64": "long", "float32": "float",
    "float64": "double", "utf8": "string", "binary": "binary", "date32": "date",
    "timestamp[ns]": "timestamp_nanos_ntz",
}  # fmt: skip


def delta_type(kind):
    if kind.startswith("list"):
        item = delta_type(kind.removeprefix("list<").removesuffix(">"))
        return deltalake.schema.ArrayType(item, contains_null=False)
    if kind.startswith("dictionary"):
        kind = "utf8"
    return deltalake.schema.PrimitiveType(DELTA.get(kind, kind.replace("128", "")))


def delta_table(folder, schema, files):
    """A Delta table of files that were written."""
    fields = [
        deltalake.Field(column.name, delta_type(column.type), nullable=True)
        for column in schema.columns
    ]
    fields.append(deltalake.Field("date", "date", nullable=True))
    shape = deltalake.Schema(fields)
    partition = usual(schema)["partition_by"]
    table = deltalake.DeltaTable.create(str(folder), shape, partition_by=partition)
    actions = [
        deltalake.transaction.AddAction(
            file.path, file.size, file.partition, 0, data_change=True, stats=file.stats
        )
        for file in files
    ]
    table.create_write_transaction(actions, "append", shape, partition)
    return deltalake.DeltaTable(str(folder))


@pytest.mark.parametrize("dataset", DATASETS)
def test_delta_reads_the_statistics(tmp_path, dataset, monkeypatch):
    monkeypatch.setenv("RUST_BACKTRACE", "0")
    deltalake.enable_nanosecond_timestamps()
    schema = schemas.get(dataset)
    files, paths = written(schema, rows_of(schema, 300), tmp_path)
    actions = pa.table(delta_table(tmp_path, schema, files).get_add_actions(flatten=True))
    assert sum(actions["num_records"].to_pylist()) == 300
    everything = pa.concat_tables(pq.ParquetFile(path).read() for path in paths)
    # Delta looks at the statistics of 32 columns unless a table says otherwise.
    for column in schema.columns[:32]:
        if column.type == "timestamp[ns]":
            least = min(ints(everything[column.name].drop_null()))
            assert min(ints(actions[f"min.{column.name}"].drop_null())) == least
    actions = actions.select(["path", "num_records"])
    found = {unquote(row["path"]): row for row in actions.to_pylist()}
    for file, path in zip(files, paths, strict=True):
        row = found[file.path] if file.path in found else found[unquote(file.path)]
        assert row["num_records"] == file.rows
        table = pq.ParquetFile(path).read()
        stats = json.loads(file.stats, parse_float=Decimal)
        assert set(stats["nullCount"]) == set(table.column_names)
        for name in table.column_names:
            assert stats["nullCount"][name] == table[name].null_count, name
        assert_bounds(stats, table)


def assert_bounds(stats, table):
    """Bounds are exact, or not there where they must not be."""
    for name in table.column_names:
        kind = table[name].type
        values = table[name].drop_null()
        no_bounds = pa.types.is_list(kind) or pa.types.is_binary(kind) or not len(values)
        least, most = stats["minValues"].get(name), stats["maxValues"].get(name)
        if no_bounds:
            assert (least, most) == (None, None), name
            continue
        if pa.types.is_timestamp(kind):
            values = ints(values)
            least, most = (nanoseconds(text) for text in (least, most))
        elif pa.types.is_date(kind):
            values = [day.isoformat() for day in values.to_pylist()]
        elif pa.types.is_floating(kind):
            values, least, most = values.to_pylist(), float(least), float(most)
        else:
            values = values.to_pylist()
        if (
            pa.types.is_string(kind)
            and max(len(v.encode()) for v in (min(values), max(values))) > 32
        ):
            assert (least, most) == (None, None), name
            continue
        assert (least, most) == (min(values), max(values)), name


def nanoseconds(text):
    seconds, fraction = text.split(".")
    moment = datetime.fromisoformat(seconds).replace(tzinfo=UTC)
    return int(moment.timestamp()) * 10**9 + int(fraction)


def test_bounds_of_floats_with_a_nan_are_left_out(tmp_path):
    schema = schema_of(a=pa.float64(), b=pa.float64(), c=pa.float64(), d=pa.float32())
    rows = {
        "a": [1.0, float("nan")],
        "b": [float("inf"), 2.0],
        "c": [-0.0, 0.0],
        "d": [0.1, 0.25],
    }
    files = lake_write(
        schema, pa.table(rows, pa.schema(schema)), tmp_path, partition_by=[], sort_by=[], name="x"
    )
    stats = json.loads(files[0].stats)
    assert set(stats["minValues"]) == set(stats["maxValues"]) == {"c", "d"}
    assert str(stats["minValues"]["c"]) == "-0.0"
    assert stats["minValues"]["d"] == pa.scalar(0.1, pa.float32()).as_py()
    assert stats["nullCount"] == {"a": 0, "b": 0, "c": 0, "d": 0}


def feeds(tmp_path):
    """One table in every form that rows may have."""
    table = pa.Table.from_batches([trades_arrow(70, first) for first in (0, 70)])
    with Tape.create(tmp_path / "tape", "trades", **SMALL) as tape:
        tape.append(trades(70))
        tape.seal()
        tape.append(trades(70, first=70))
        rows = Tape.reader(tmp_path / "tape").read()
    return {
        "tape": rows,
        "table": table,
        "batch": table.combine_chunks().to_batches()[0],
        "reader": table.to_reader(),
        "generator": (batch for batch in table.to_batches()),
        "polars": pl.DataFrame(table),
        "duckdb": duckdb.from_arrow(table),
        "plain texts": plain(table),
        "columns reversed": table.select(table.column_names[::-1]),
        "one column more": table.append_column("extra", pa.nulls(140)),
    }


FORMS = [
    "tape", "table", "batch", "reader", "generator", "polars", "duckdb", "plain texts",
    "columns reversed", "one column more",
]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_rows_come_in_any_form(tmp_path, form):
    rows = feeds(tmp_path)
    assert list(rows) == FORMS
    files, paths = written(TRADES, rows[form], tmp_path / "lake")
    assert [file.rows for file in files] == [140]
    expected = order(TRADES, dated(TRADES, rows["table"]))
    assert plain(lake_read(TRADES, paths).arrow()).equals(expected.cast(pa.schema(expected.schema)))


def test_rows_of_other_kinds_are_refused(tmp_path):
    for wrong in (3, [1, 2], {"a": [1]}, "text"):
        with pytest.raises(Invalid, match=r"rows: found .*, expected Arrow data"):
            written(TRADES, wrong, tmp_path)
    with pytest.raises(Invalid, match="rows: found int among batches"):
        written(TRADES, iter([1]), tmp_path)
    assert not list(tmp_path.iterdir())


class MyError(Exception):
    pass


def failing():
    yield trades_arrow(1000)
    raise MyError("line 7")


@pytest.mark.parametrize("form", ["generator", "reader"])
def test_an_exception_of_the_source_comes_out_as_it_is(tmp_path, form):
    rows = failing()
    if form == "reader":
        rows = pa.RecordBatchReader.from_batches(pa.schema(TRADES), rows)
    with pytest.raises(MyError, match=r"^line 7$"):
        written(TRADES, rows, tmp_path, memory_bytes=1000, spill=tmp_path / "spill")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_little_memory_gives_the_same_bytes(tmp_path):
    table = rows_of(schemas.get("quotes"), 3000)
    plenty, _ = written(schemas.get("quotes"), table, tmp_path / "a")
    little, _ = written(
        schemas.get("quotes"), iter(table.to_batches(max_chunksize=100)), tmp_path / "b",
        memory_bytes=20_000, spill=tmp_path / "spill",
    )  # fmt: skip
    for one, two in zip(by_partition(plenty), by_partition(little), strict=True):
        assert (one.path, one.rows, one.stats) == (two.path, two.rows, two.stats)
        assert (tmp_path / "a" / one.path).read_bytes() == (tmp_path / "b" / two.path).read_bytes()
    assert not list((tmp_path / "spill").iterdir())


def test_a_merge_keeps_the_order_of_files_among_equal_rows(tmp_path):
    schema = schema_of(k=pa.int64(), n=pa.int64())
    settings = {"partition_by": [], "sort_by": ["k"]}
    inputs = []
    for number in range(70):
        rows = {"k": [1, 2, 2, 3], "n": [number * 10 + row for row in range(4)]}
        table = pa.table(rows, pa.schema(schema))
        lake_write(schema, table, tmp_path, name=f"w{number}", **settings)
        inputs.append(tmp_path / f"w{number}.parquet")
    files = lake_merge(schema, inputs, tmp_path, name="m", spill=tmp_path / "spill", **settings)
    found = lake_read(schema, [tmp_path / files[0].path]).arrow().to_pydict()
    assert found["k"] == [1] * 70 + [2] * 140 + [3] * 70
    groups = [found["n"][:70], found["n"][70:210], found["n"][210:]]
    assert groups == [sorted(group) for group in groups]
    assert not list((tmp_path / "spill").iterdir())


VENUES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(venues=st.lists(VENUES, min_size=1, max_size=5))
def test_any_text_names_a_partition(scratch, venues):
    folder = scratch()
    rows = trades(len(venues)) | {"venue": venues}
    del rows["ts_event"], rows["ts_recv"]
    rows |= {
        name: pa.array(range(len(venues)), pa.timestamp("ns")) for name in ("ts_event", "ts_recv")
    }
    files, paths = written(TRADES, pa.table(rows), folder)
    assert {file.partition["venue"] for file in files} == set(venues)
    for file, path in zip(files, paths, strict=True):
        assert re.fullmatch(r"venue=[A-Za-z0-9._%-]+/date=1970-01-01/a\.parquet", file.path)
        assert unquote(file.path.split("/")[0]) == f"venue={file.partition['venue']}"
        assert Path(path).is_file()
    found = lake_read(TRADES, paths, columns=["venue"]).arrow()["venue"].to_pylist()
    assert sorted(found) == sorted(venues)


def hour_of_trades(tmp_path, count=60_000, symbols=50):
    # A millisecond apart, with digits that do not compress.
    dice = random.Random(7)
    times = [MIDNIGHT + row * 10**6 + dice.randrange(10**6) for row in range(count)]
    rows = {
        "ts_event": pa.array(times, pa.timestamp("ns")),
        "ts_recv": pa.array(times, pa.timestamp("ns")),
        "venue": ["binance"] * count,
        "symbol": [f"S{row % symbols:02}" for row in range(count)],
        "price": [row / 4 for row in range(count)],
        "size": [0.5] * count,
        "side": ["buy"] * count,
        "flags": pa.array([0] * count, pa.int32()),
    }
    return written(TRADES, pa.table(rows), tmp_path)[1]


def test_a_filter_reads_few_bytes_and_finds_exactly_its_rows(tmp_path):
    paths = hour_of_trades(tmp_path)
    since, until = MIDNIGHT + 20 * 10**9, MIDNIGHT + 30 * 10**9
    where = [("symbol", "in", ["S07", "nope"]), ("ts_recv", ">=", since), ("ts_recv", "<", until)]
    rows = lake_read(TRADES, paths, columns=["price", "symbol"], where=where)
    assert rows.columns == ["price", "symbol"]
    assert (rows.row_groups, rows.bytes_read) == (0, 0)
    table = rows.arrow()
    assert table["price"].to_pylist() == [row / 4 for row in range(20_007, 30_000, 50)]
    assert table.schema.field("symbol").type == pa.dictionary(pa.int32(), pa.string())
    size = sum(path.stat().st_size for path in paths)
    assert 0 < rows.bytes_read < size
    everything = lake_read(TRADES, paths)
    everything.arrow()
    assert rows.bytes_read < everything.bytes_read
    nothing = lake_read(TRADES, paths, where=[("symbol", "in", ["T"])])
    assert nothing.arrow().num_rows == 0
    assert (nothing.row_groups, nothing.row_groups_read) == (1, 0)
    texts = lake_read(TRADES, paths, columns=["symbol"], where=where, dictionaries=False)
    assert texts.arrow().schema.field("symbol").type == pa.string()


def test_consumers_may_ask_for_the_rows_again_and_again(tmp_path):
    rows = lake_read(TRADES, hour_of_trades(tmp_path), where=[("symbol", "in", ["S01", "S02"])])
    assert duckdb.sql("select count(*), min(symbol) from rows").fetchall() == [(2400, "S01")]
    assert rows.pl().height == pl.DataFrame(rows).height == pa.table(rows).num_rows == 2400
    batches = list(pa.RecordBatchReader.from_stream(rows))
    assert sum(batch.num_rows for batch in batches) == 2400


def test_an_error_in_the_middle_names_the_file(tmp_path):
    paths = [*hour_of_trades(tmp_path / "a"), tmp_path / "gone.parquet"]
    rows = lake_read(TRADES, paths)
    with pytest.raises(NotFound, match=r"gone\.parquet"):
        rows.arrow()
    reader = pa.RecordBatchReader.from_stream(rows)
    assert reader.read_next_batch().num_rows == 60_000
    with pytest.raises((OSError, pa.ArrowException), match=r"gone\.parquet"):
        reader.read_next_batch()


def test_wrong_conditions_are_refused():
    for where in (
        [("symbol", "=", "a")], [("symbol", "in", "abc")], [("ts_recv", ">=", "now")],
        [("ts_recv", "<", 2**63)], [("symbol",)],
    ):  # fmt: skip
        with pytest.raises(Invalid, match="where: found"):
            lake_read(TRADES, [], where=where)
    with pytest.raises(Invalid, match='where: found "nope", expected one of ts_event'):
        lake_read(TRADES, [], where=[("nope", "in", [])])
    with pytest.raises(Invalid, match="threads: found 0"):
        lake_read(TRADES, [], threads=0)


@pytest.mark.parametrize("form", [form for form in FORMS if form != "one column more"])
def test_the_newest_rows_of_rows_in_any_form(tmp_path, form):
    rows = feeds(tmp_path)[form]
    found = lake_last(TRADES, rows, **USUAL)
    assert found.arrow()["symbol"].to_pylist() == [f"S{number}" for number in range(7)]
    assert found.arrow()["trade_id"].to_pylist() == [133, 134, 135, 136, 137, 138, 139]
    assert found.columns[-1] == "date"


def test_the_newest_rows_of_files_are_found_without_reading_all(tmp_path):
    paths = []
    for number in range(3):
        table = rows_of(TRADES, 500, seed=number)
        paths += written(TRADES, table, tmp_path, name=f"w{number}")[1]
    found = lake_last(TRADES, paths, **USUAL).pl()
    everything = lake_read(TRADES, paths).pl().with_row_index()
    newest = (
        everything.sort("ts_recv", "index", nulls_last=False, maintain_order=True)
        .group_by("venue", "symbol", maintain_order=True)
        .last()
    )
    judge = newest.sort(pl.col("venue").cast(pl.String), pl.col("symbol").cast(pl.String))
    keys = ["venue", "symbol", "ts_recv", "price", "trade_id"]
    assert found.select(keys).equals(judge.select(keys))
    by_side = lake_last(TRADES, paths, key=["side"], **USUAL).pl()
    assert by_side["ts_recv"].max() == everything["ts_recv"].max()
    assert by_side.height == everything["side"].n_unique()
    with pytest.raises(Invalid, match='key: found "nope"'):
        lake_last(TRADES, paths, key=["nope"], **USUAL)


def test_a_footer_is_read_once_and_what_takes_the_place_of_a_file_is_seen(tmp_path):
    (path,) = hour_of_trades(tmp_path / "one", count=1_000, symbols=2)
    (other,) = hour_of_trades(tmp_path / "other", count=1_500, symbols=3)

    def read():
        rows = lake_read(TRADES, [path], columns=["price"])
        return rows.arrow().num_rows, rows.bytes_read

    (count, first), (again, second) = read(), read()
    assert count == again == 1_000
    assert 0 < second < first
    shutil.copyfile(other, path)
    assert read()[0] == 1_500
    # Of the same length, in the same place.
    path.write_bytes(b"PAR1" + bytes(path.stat().st_size - 4))
    with pytest.raises(Corrupt):
        read()


def test_pages_within_a_symbol_are_passed_over(tmp_path):
    few = hour_of_trades(tmp_path / "few", count=300_000, symbols=2)
    last = lake_last(TRADES, few, **USUAL)
    assert last.arrow()["price"].to_pylist() == [299_998 / 4, 299_999 / 4]
    times = lake_read(TRADES, few, columns=["symbol", "ts_recv"])
    times.arrow()
    assert last.bytes_read < times.bytes_read
    by_time = lake_last(
        TRADES, few, partition_by=["venue", "date"], sort_by=["ts_recv"], key=["side"]
    )
    assert by_time.arrow()["price"].to_pylist() == [299_999 / 4]


def test_rows_of_some_segments(tmp_path):
    with Tape.create(tmp_path / "t", "trades", **SMALL) as tape:
        for number in range(4):
            tape.append(trades(10, first=number * 10))
            tape.seal()
        rows = Tape.reader(tmp_path / "t").read()
    segments = [batch.segment for batch in rows.batches]
    ids = lambda some: some.arrow()["trade_id"].to_pylist()  # noqa: E731
    assert ids(rows.select(segments[1], segments[2])) == [*range(10, 30)]
    assert ids(rows.select(segments[2])) == [*range(20, 40)]
    assert len(rows.select(segments[3] + 1)) == 0
    assert rows.select(0).schema == TRADES


def test_schemas_of_users_say_how_rows_are_ordered():
    types = pa.schema([("at", pa.timestamp("ns")), ("k", pa.string())])
    schema = Schema.from_arrow("mine", types, time="at", sort=["k", "at"])
    assert (schema.time, schema.sort) == ("at", ["k", "at"])
    assert schema.fingerprint == Schema.from_arrow("mine", types).fingerprint
    with pytest.raises(Invalid, match='time: found "nope", which is no column'):
        Schema.from_arrow("mine", types, time="nope")
    with pytest.raises(Invalid, match='time: found column "k" of type utf8, expected a column of'):
        Schema.from_arrow("mine", types, time="k")
    with pytest.raises(Invalid, match='sort: found "nope"'):
        Schema.from_arrow("mine", types, sort=["nope"])


def test_a_check_finds_what_is_wrong(tmp_path):
    files, paths = written(TRADES, trades_arrow(100), tmp_path)
    file, path = files[0], paths[0]
    sound = {"partition": file.partition, "stats": file.stats, "rows": 100, "size": file.size}
    assert lake_check(TRADES, path, **USUAL, **sound) == []
    problems = lake_check(TRADES, path, **USUAL, **(sound | {"rows": 7}))
    assert problems == [f"{path}: rows: found 100, expected 7"]
    content = path.read_bytes()
    for damage in (b"", content[:50], content[:-9], content[:200] + b"x" + content[201:]):
        path.write_bytes(damage)
        problems = lake_check(TRADES, path, **USUAL, **sound)
        assert problems
        assert all(str(path) in problem for problem in problems)
    path.unlink()
    assert "No such file" in lake_check(TRADES, path, **USUAL, **sound)[0]


def test_names_and_settings_are_checked(tmp_path):
    for name in ("", "a/b", "..", ".hidden", "ä"):
        with pytest.raises(Invalid, match="name: found"):
            written(TRADES, trades_arrow(1), tmp_path, name=name)
    with pytest.raises(Invalid, match="memory_bytes: found 0"):
        written(TRADES, trades_arrow(1), tmp_path, memory_bytes=0)
    with pytest.raises(Invalid, match='partition_by: found "nope"'):
        written(TRADES, trades_arrow(1), tmp_path, partition_by=["nope"])
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises((Invalid, Conflict), match=str(blocked)):
        written(TRADES, trades_arrow(1), blocked)
    written(TRADES, trades_arrow(1), tmp_path)
    with pytest.raises(Conflict, match=r"a\.parquet: making the file: File exists"):
        written(TRADES, trades_arrow(1), tmp_path)
    with pytest.raises(NotFound, match=r"no\.parquet"):
        lake_merge(TRADES, [tmp_path / "no.parquet"], tmp_path, name="m", **USUAL)


def test_a_foreign_file_that_is_not_sorted_is_not_merged(tmp_path):
    table = plain(trades_arrow(10)).append_column("date", pa.array([0] * 10, pa.date32()))
    pq.write_table(table, tmp_path / "foreign.parquet", compression="zstd")
    with pytest.raises(Corrupt, match=r"foreign\.parquet: row 7: found a row that belongs before"):
        lake_merge(TRADES, [tmp_path / "foreign.parquet"], tmp_path, name="m", **USUAL)
    assert [path.name for path in tmp_path.iterdir()] == ["foreign.parquet"]


def slow_batches(count, pause):
    for number in range(count):
        time.sleep(pause)
        yield trades_arrow(1000, number * 1000)


def test_progress_is_told_and_may_stop_the_work(tmp_path):
    told = []
    files, _ = written(TRADES, slow_batches(8, 0.1), tmp_path / "a", progress=told.append)
    assert told[-1] == 8000 == sum(file.rows for file in files)
    assert len(told) >= 2

    def stop(_rows):
        raise MyError("enough")

    with pytest.raises(MyError, match="enough"):
        written(TRADES, slow_batches(1000, 0.02), tmp_path / "b", progress=stop)
    assert not [path for path in (tmp_path / "b").rglob("*") if path.is_file()]


def test_ctrl_c_stops_within_a_second_and_leaves_nothing(tmp_path):
    process = python(
        """
        import sys, pyarrow as pa
        from rustonite_data import schemas
        from rustonite_data._native import lake_write
        schema = schemas.get("trades")
        types = pa.schema(schema)
        size = 200_000
        columns = {
            "ts_event": pa.array(range(size), pa.timestamp("ns")),
            "ts_recv": pa.array(range(size), pa.timestamp("ns")),
            "venue": ["v"] * size, "symbol": [str(row % 999) for row in range(size)],
            "price": [1.5] * size, "size": [1.0] * size, "side": ["buy"] * size,
            "flags": pa.array([0] * size, pa.int32()),
        }
        table = pa.concat_tables([pa.table(columns)] * 150)
        print("ready", flush=True)
        try:
            lake_write(schema, table, sys.argv[1], partition_by=["venue", "date"],
                       sort_by=["symbol", "ts_recv"], name="a")
        except KeyboardInterrupt:
            print("stopped")
        """,
        tmp_path,
    )
    assert process.stdout.readline() == "ready\n"
    deadline = time.monotonic() + 150
    while not list(tmp_path.rglob("*.parquet")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert finish(process, timeout=100) == "stopped\n"
    assert not list(tmp_path.rglob("*.parquet"))


def test_other_threads_of_python_run_meanwhile(tmp_path):
    table = pa.concat_tables([pa.Table.from_batches([trades_arrow(50_000)])] * 10)
    beats = []
    done = threading.Event()

    def beat():
        while not done.wait(0.001):
            beats.append(time.monotonic())

    thread = threading.Thread(target=beat)
    thread.start()
    # A call that kept the others waiting would let one through before it and one after it.
    for writes in range(1, 51):
        written(TRADES, table, tmp_path / str(writes))
        if len(beats) > 2 * writes + 5:
            break
    done.set()
    thread.join()
    assert len(beats) > 2 * writes + 5


def test_a_full_disk_is_unavailable(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    process = python(
        """
        import subprocess, sys
        folder = sys.argv[1]
        command = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", folder]
        done = subprocess.run(command, capture_output=True, text=True)
        sys.exit(done.stderr if done.returncode else 0)
        """,
        folder,
    )
    _, err = process.communicate(timeout=30)
    if process.returncode:
        pytest.skip(f"FULL DISK NOT TESTED: {err}")
    try:
        with pytest.raises(Unavailable, match="No space left on device") as caught:
            written(TRADES, rows_of(TRADES, 30_000), folder)
        assert str(folder) in str(caught.value)
        assert not list(folder.rglob("*.parquet"))
    finally:
        finish(python("import subprocess, sys; subprocess.run(['umount', sys.argv[1]])", folder))
