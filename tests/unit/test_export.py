"""Export: whole files or none, and every value as it was."""

import csv
import gzip
import json
import random
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import finish, plain, python, trades_arrow
from hypothesis import given
from hypothesis import strategies as st
from imports_helpers import rows

from rustonite_data import Tape, errors
from rustonite_data.lake.export import export
from rustonite_data.lake.imports import open_source

NAMES = ["x.parquet", "x.csv", "x.csv.gz", "x.arrow", "x.jsonl", "x.jsonl.gz"]


def every_type():
    return pa.table(
        {
            "time": pa.array([1_704_067_200_123_456_789, 0, None], pa.timestamp("ns")),
            "zoned": pa.array([1_704_067_200_123_456, 0, None], pa.timestamp("us", "Asia/Tokyo")),
            "price": [0.1, 1e-7, 123_456_789.125],
            "word": pa.array(["a", 'b"c,\n', None]).dictionary_encode(),
            "money": pa.array(
                [Decimal("1.5"), Decimal("-0.000000000000000001"), None], pa.decimal128(38, 18)
            ),
            "list": [[1.0, 2.5], [], None],
            "raw": [b'{"a":1}', b"", None],
            "small": pa.array([1, -128, None], pa.int8()),
            "day": pa.array([19_000, 0, None], pa.date32()),
        }
    )


def test_parquet_and_arrow_keep_types(tmp_path):
    table = every_type()
    assert export(table, tmp_path / "x.parquet") == 3
    read = pq.read_table(tmp_path / "x.parquet")
    assert read.schema.field("time").type == pa.timestamp("ns")
    assert plain(read).equals(plain(table))
    column = pq.ParquetFile(tmp_path / "x.parquet").metadata.row_group(0).column(0)
    assert (column.compression, column.has_offset_index) == ("ZSTD", True)
    assert export(table, tmp_path / "x.arrow") == 3
    assert plain(pa.ipc.open_file(tmp_path / "x.arrow").read_all()).equals(plain(table))


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz"])
def test_csv(tmp_path, name):
    export(every_type(), tmp_path / name)
    opened = gzip.open if name.endswith(".gz") else open
    with opened(tmp_path / name, "rt", newline="") as file:
        header, *lines = csv.reader(file)
    assert header == every_type().column_names
    assert lines[0] == [
        *("2024-01-01T00:00:00.123456789", "2024-01-01T00:00:00.123456000", "0.1", "a"),
        *("1.500000000000000000", "[1.0,2.5]", '{"a":1}', "1", "2022-01-08"),
    ]
    assert lines[1][2:4] == ["1e-7", 'b"c,\n']
    assert Decimal(lines[1][4]) == Decimal("-0.000000000000000001")
    assert lines[2] == ["", "", "123456789.125", *[""] * 6]


def test_json_lines(tmp_path):
    export(every_type(), tmp_path / "x.jsonl")
    first, second, third = map(json.loads, (tmp_path / "x.jsonl").read_text().splitlines())
    assert first["time"] == "2024-01-01T00:00:00.123456789"
    assert (first["list"], first["raw"], first["money"]) == (
        [1.0, 2.5],
        '{"a":1}',
        "1.500000000000000000",
    )
    assert (second["price"], second["word"]) == (1e-7, 'b"c,\n')
    assert third == dict.fromkeys(every_type().column_names) | {"price": 123_456_789.125}


@pytest.mark.parametrize("name", NAMES)
def test_streams_of_many_batches_and_of_none(tmp_path, name):
    batches = [trades_arrow(1000, first) for first in range(0, 9000, 1000)]
    seen = []
    stream = pa.RecordBatchReader.from_batches(batches[0].schema, batches)
    assert export(stream, tmp_path / name, progress=seen.append) == 9000
    assert seen == list(range(1000, 10_000, 1000))
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]
    empty = pa.table(batches[0].slice(0, 0).to_pydict(), schema=batches[0].schema)
    assert export(empty, tmp_path / f"empty-{name}") == 0
    if "csv" in name:
        opened = gzip.open if name.endswith(".gz") else open
        with opened(tmp_path / f"empty-{name}", "rt") as file:
            assert next(csv.reader(file)) == batches[0].schema.names


def test_parquet_has_large_row_groups_whatever_the_batches(tmp_path):
    batch = trades_arrow(1000)
    stream = pa.RecordBatchReader.from_batches(batch.schema, [batch] * 600)
    export(stream, tmp_path / "x.parquet")
    groups = pq.ParquetFile(tmp_path / "x.parquet").metadata
    sizes = [groups.row_group(n).num_rows for n in range(groups.num_row_groups)]
    assert sizes == [1 << 18, 1 << 18, 600_000 - (1 << 19)]


def test_a_tape_is_exported_and_imported_again(tmp_path, folder):
    with Tape.create(folder / "tape", "trades") as tape:
        tape.append(trades_arrow(500))
    hot = Tape.reader(folder / "tape").read()
    for name in ("t.csv", "t.parquet", "t.arrow"):
        assert export(hot, tmp_path / name) == 500
        with open_source(tmp_path / name, dataset="trades") as source:
            again = pa.Table.from_batches([rows for _, rows in source.batches()])
        assert plain(again).equals(plain(hot).select(again.column_names))
        assert again.column_names == plain(hot).column_names


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=20))
def test_floats_survive_text(scratch, values):
    folder = scratch()
    table = pa.table({"x": pa.array(values, pa.float64())})
    export(table, folder / "x.csv")
    export(table, folder / "x.jsonl")
    written = (folder / "x.csv").read_text().split()[1:]
    assert [float(text) for text in written] == values
    lines = (folder / "x.jsonl").read_text().splitlines()
    assert [json.loads(line)["x"] for line in lines] == values


def test_existing_files_are_kept_unless_asked(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("mine")
    with pytest.raises(errors.Conflict, match="exists already"):
        export(every_type(), path)
    assert path.read_text() == "mine"
    export(every_type(), path, overwrite=True)
    assert path.read_text().startswith('"time"')
    path.unlink()
    with pytest.raises(errors.Conflict, match="exists already"):
        export(every_type(), path, progress=lambda _: path.write_text("somebody"))
    assert path.read_text() == "somebody"


class Broken:
    """Rows that end with an error after the first batch."""

    def __init__(self, error):
        self._error = error

    def __arrow_c_stream__(self, requested_schema=None):
        def batches():
            yield trades_arrow(10)
            raise self._error

        reader = pa.RecordBatchReader.from_batches(trades_arrow(1).schema, batches())
        return reader.__arrow_c_stream__(requested_schema)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kept", [True, False])
def test_a_failure_leaves_nothing_behind(tmp_path, name, kept):
    path = tmp_path / name
    if kept:
        path.write_text("old")
    with pytest.raises((errors.RustoniteError, OSError)):
        export(Broken(OSError(5, "the disk is gone")), path, overwrite=True)

    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(every_type(), path, overwrite=True, progress=stop)
    assert [p.read_text() for p in tmp_path.iterdir()] == (["old"] if kept else [])


def test_what_cannot_be_written_is_named(tmp_path):
    table = every_type()
    with pytest.raises(errors.Invalid, match=r"format '.doc', expected one of parquet, csv"):
        export(table, tmp_path / "x.doc")
    with pytest.raises(errors.Invalid, match="format 'xml'"):
        export(table, tmp_path / "x.csv", "xml")
    with pytest.raises(errors.Invalid, match="compressed already"):
        export(table, tmp_path / "x.parquet.gz")
    with pytest.raises(errors.NotFound, match="no such folder"):
        export(table, tmp_path / "none" / "x.csv")
    for name in ("x.csv", "x.jsonl"):
        with pytest.raises(errors.Invalid, match="'raw' holds bytes that are no text"):
            export(pa.table({"raw": [b"\xff"]}), tmp_path / name)
    for strange in (float("nan"), [1.0, float("inf")]):
        table = pa.table({"text": ["NaN"], "x": [strange]})
        with pytest.raises(errors.Invalid, match=r"found {'x': .*}: JSON has no such number"):
            export(table, tmp_path / "x.jsonl")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_disk_that_fills_up(tmp_path, name):
    code = """
        import resource, sys
        import numpy as np, pyarrow as pa
        from rustonite_data.errors import Unavailable
        from rustonite_data.lake.export import export
        table = pa.table({"x": np.random.default_rng(1).random(200_000)})
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            export(table, sys.argv[1])
        except Unavailable as error:
            print("unavailable", sys.argv[1] in str(error))
    """
    assert finish(python(code, tmp_path / name)) == "unavailable True\n"
    assert list(tmp_path.iterdir()) == []


def test_said_format_wins_over_the_name(tmp_path):
    export(every_type(), tmp_path / "x.txt", "csv")
    assert (tmp_path / "x.txt").read_text().startswith('"time"')


def test_dictionaries_that_grow_from_batch_to_batch(tmp_path):
    random.seed(3)
    words = [[f"w{random.randrange(50)}" for _ in range(20)] for _ in range(10)]
    batches = [pa.record_batch({"w": pa.array(some).dictionary_encode()}) for some in words]
    for name in NAMES[:4]:
        stream = pa.RecordBatchReader.from_batches(batches[0].schema, batches)
        export(stream, tmp_path / name)
    expected = np.concatenate(words).tolist()
    assert plain(pq.read_table(tmp_path / "x.parquet"))["w"].to_pylist() == expected
    assert pa.ipc.open_file(tmp_path / "x.arrow").read_all()["w"].to_pylist() == expected
    assert (tmp_path / "x.csv").read_text().replace('"', "").split()[1:] == expected
    assert rows({"t": pa.table({"w": expected})}, "t", "w")[0] == (expected[0],)
