"""No copies: what other libraries hold points into the tape's own mapping."""

import re
import shutil
from pathlib import Path

import datafusion
import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import SMALL, finish, python, trades, trades_arrow

from rustonite_data import Tape

# Texts of dictionaries live in side tables, and Polars has its own layout for texts.
FIXED = ["ts_event", "ts_recv", "price", "size", "trade_id", "count", "flags"]


@pytest.fixture
def path(folder):
    """A tape with two sealed segments and an open one."""
    with Tape.create(folder / "t", "trades", **SMALL) as tape:
        for first in (0, 1000, 2000):
            tape.append(trades_arrow(1000, first=first))
            if first < 2000:
                tape.seal()
    return tape.path


def outside(array, batch):
    """Buffers of an Arrow array that are not inside the batch's segment."""
    start, end = batch.address_range
    codes = array.indices if pa.types.is_dictionary(array.type) else array
    buffers = [buffer for buffer in codes.buffers() if buffer is not None]
    assert buffers
    return [buffer for buffer in buffers if not start <= buffer.address < end]


def test_pyarrow(path):
    for batch in Tape.reader(path):
        for arrow in (pa.record_batch(batch), batch.arrow(), batch.slice(7, 9).arrow()):
            for column in arrow.columns:
                assert outside(column, batch) == []


def test_pyarrow_table(path):
    rows = Tape.reader(path).read()
    table = rows.arrow()
    for column in table.columns:
        for chunk, batch in zip(column.chunks, rows.batches, strict=True):
            assert outside(chunk, batch) == []


def test_lists_and_bytes_in_pyarrow(memory):
    with Tape.create(memory / "t", "book_snapshots", **SMALL) as tape:
        one = {"ts_event": [1], "ts_recv": [2], "venue": ["v"], "symbol": ["s"], "flags": [0]}
        lists = {key: [[1.0, 2.0]] for key in ["bid_price", "bid_size", "ask_price", "ask_size"]}
        tape.append({**one, **lists})
    batch = Tape.reader(memory / "t").poll()
    for name in ("bid_price", "ask_size", "bid_count"):
        assert outside(batch.arrow()[name], batch) == []
        assert outside(pa.record_batch(batch)[name], batch) == []


def test_polars(path):
    for batch in Tape.reader(path):
        frame = batch.pl()
        for name in FIXED:
            assert outside(frame[name].to_arrow(), batch) == []
            # And the scan starts where the tape's column does.
            values = batch.arrow()[name].buffers()[1]
            assert frame[name].to_arrow().buffers()[1].address == values.address


def test_a_datafusion_projection(path):
    rows = Tape.reader(path).read()
    context = datafusion.SessionContext()
    context.from_arrow(rows, "trades")
    names = [column.name for column in rows.schema.columns]
    found = context.sql(f"select {', '.join(names)} from trades").collect()  # noqa: S608
    assert sum(batch.num_rows for batch in found) == 3000
    ranges = [batch.address_range for batch in rows.batches]
    for batch in found:
        for name, column in zip(names, batch.columns, strict=True):
            codes = column.indices if pa.types.is_dictionary(column.type) else column
            for buffer in filter(None, codes.buffers()):
                assert any(start <= buffer.address < end for start, end in ranges), name


def test_duckdb_scans_without_memory(memory):
    """In a process of its own, because only a fresh heap shows growth."""
    code = """
        import re, sys, duckdb
        from rustonite_data import Tape

        def anonymous():
            status = open("/proc/self/status").read()
            return int(re.search(r"RssAnon:\\s+(\\d+)", status)[1]) * 1024

        con = duckdb.connect(config={"threads": 1})
        query = "select sum(price), sum(size), max(ts_recv), count(trade_id) from rows"
        rows = Tape.reader(sys.argv[1], start=1_999_000, verify=False).read()
        con.sql(query).fetchall()
        rows = Tape.reader(sys.argv[1], verify=False).read()
        before = anonymous()
        print(con.sql(query).fetchall()[0][3], anonymous() - before)
    """
    with Tape.create(memory / "t", "trades") as tape:
        for first in range(0, 2_000_000, 100_000):
            tape.append(trades_arrow(100_000, first=first % 300_000))
    count, grown = finish(python(code, memory / "t")).split()
    scanned = 2_000_000 * 4 * 8
    assert int(count) == 2_000_000
    assert int(grown) < scanned / 10


def test_the_fast_path_equals_the_slow_one_while_the_tape_grows(folder):
    """`Batch.arrow()` slices one import of the whole segment; it must never be stale."""
    with Tape.create(folder / "t", "trades", **SMALL) as tape:
        reader, seen = Tape.reader(folder / "t"), []
        for step in range(40):
            rows = trades(25, first=step * 25)
            # New texts in old and new dictionaries, values in columns that were all null so far.
            rows["symbol"] = [f"NEW{step}"] * 25
            if step > 10:
                rows["exchange"] = [f"X{step}"] * 24 + [None]
                rows["count"] = [None] * 24 + [step]
            tape.append(rows)
            if step % 9 == 8:
                tape.seal()
            batch = reader.poll()
            seen.append((batch, batch.arrow()))
            for batch, fast in seen:
                fast.validate(full=True)
                assert fast == batch.arrow() == pa.record_batch(batch)
    ids = [row for _, fast in seen for row in fast["trade_id"].to_pylist()]
    assert ids == list(range(1000))
    for batch, fast in seen:
        fast.validate(full=True)
        assert fast == pa.record_batch(batch)


def test_a_slice_can_be_stored(path, tmp_path):
    """Rows behind the committed ones must not leak into files."""
    for batch in Tape.reader(path):
        fast = batch.slice(10, 50).arrow()
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, fast.schema) as stream:
            stream.write_batch(fast)
        data = sink.getvalue()
        assert pa.ipc.open_stream(data).read_all().to_batches() == [fast]
        assert len(data) < 30_000
        pq.write_table(pa.Table.from_batches([fast]), tmp_path / "slice.parquet")
        stored = pq.read_table(tmp_path / "slice.parquet")
        assert stored["trade_uid"].to_pylist() == fast["trade_uid"].to_pylist()
        assert stored["symbol"].to_pylist() == fast["symbol"].to_pylist()
        assert stored["trade_id"].to_pylist() == fast["trade_id"].to_pylist()


def test_rows_outlive_reader_and_files(path):
    rows = Tape.reader(path).read()
    table, frame = rows.arrow(), rows.pl()
    batch = rows.batches[-1]
    fast = batch.arrow()
    shutil.rmtree(path)
    del rows
    assert table["trade_id"].to_pylist() == list(range(3000))
    assert frame["price"].sum() == sum(range(3000)) / 4
    assert fast["trade_id"].to_pylist() == list(range(2000, 3000))
    assert batch.to_pylist(["trade_id"])[-1] == {"trade_id": 2999}
    mapped = re.findall(r"\S+\.seg \(deleted\)", Path("/proc/self/maps").read_text())
    assert mapped
    del table, frame, batch, fast
    assert not re.findall(re.escape(str(path)), Path("/proc/self/maps").read_text())


def test_capsules_can_be_asked_for_again_and_again(path):
    rows = Tape.reader(path).read()
    for _ in range(3):
        assert pa.table(rows).num_rows == 3000
        assert duckdb.sql("select sum(trade_id) from rows").fetchall() == [(4498500,)]
        assert pl.DataFrame(rows).height == 3000
        assert pa.schema(rows.schema) == pa.schema(rows)
    joined = "select count(*) from rows a join rows b using (trade_id)"
    assert duckdb.sql(joined).fetchall() == [(3000,)]
    # Capsules that nobody imports are released all the same.
    for _ in range(100):
        rows.__arrow_c_stream__()
        rows.batches[0].__arrow_c_array__()
