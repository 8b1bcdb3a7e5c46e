"""Writing: what a tape takes, and the life of its writer."""

import shutil
import stat
import time
from array import array
from decimal import Decimal

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from helpers import SMALL, plain, schema_of, trades, trades_arrow

from rustonite_data import Tape, schemas
from rustonite_data.errors import Closed, Conflict, Invalid, NotFound, RustoniteError
from rustonite_data.tape import advance_consumer

FORMS = {
    "dict": trades,
    "record batch": trades_arrow,
    "table": lambda count: pa.Table.from_batches([trades_arrow(count)]),
    "polars": lambda count: pl.DataFrame(trades_arrow(count)),
    "duckdb": lambda count: duckdb.from_arrow(pa.Table.from_batches([trades_arrow(count)])),
}


@pytest.mark.parametrize("form", FORMS)
def test_append_takes_rows_in_any_form(folder, form):
    with Tape.create(folder / "t", "trades", **SMALL) as tape:
        assert tape.append(FORMS[form](10)) == 10
        assert tape.append(FORMS[form](3)) == 13
        assert tape.rows == 13
    rows = plain(Tape.reader(folder / "t").read())
    assert rows.slice(0, 10) == plain(pa.Table.from_batches([trades_arrow(10)]))


def test_append_takes_batches_of_another_tape(folder):
    with Tape.create(folder / "a", "trades", **SMALL) as tape:
        tape.append(trades(10))
    rows = Tape.reader(folder / "a").read()
    with Tape.create(folder / "b", "trades", **SMALL) as tape:
        tape.append(rows)
        tape.append(rows.batches[0].slice(4, 2))
    copied = Tape.reader(folder / "b").read().arrow()
    assert copied["trade_id"].to_pylist() == [*range(10), 4, 5]


def test_append_takes_buffers_and_python_values(memory):
    schema = schema_of(
        i=pa.int64(),
        f=pa.float64(),
        d=pa.decimal128(38, 18),
        b=pa.binary(),
        x=pa.binary(2),
        l=pa.list_(pa.field("item", pa.float64(), nullable=False)),
        day=pa.date32(),
    )
    with Tape.create(memory / "t", schema, **SMALL) as tape:
        tape.append(
            {
                "i": np.array([1, -2]),
                "f": array("d", [0.1, 2.0]),
                "d": [Decimal("0.000000000000000001"), "123.50"],
                "b": [b"\0\xff", b""],
                "x": [b"ab", None],
                "l": [[1.0, 2.5], []],
                "day": [0, 20_000],
            }
        )
    batch = Tape.reader(memory / "t").poll()
    assert batch.to_pylist() == [
        {
            "i": 1,
            "f": 0.1,
            "d": Decimal("1e-18"),
            "b": b"\0\xff",
            "x": b"ab",
            "l": [1.0, 2.5],
            "day": 0,
        },
        {"i": -2, "f": 2.0, "d": Decimal("123.5"), "b": b"", "x": None, "l": [], "day": 20_000},
    ]


def test_append_takes_numpy_as_it_means(memory):
    schema = schema_of(t=pa.timestamp("ns"), f=pa.float64())
    times = np.array(["1970-01-01T00:00:00.000000007", "NaT"], dtype="datetime64[ns]")
    columns = [np.arange(2, dtype=">f8"), np.arange(4.0)[::2], np.arange(2, dtype="f4")]
    with Tape.create(memory / "t", schema, **SMALL) as tape:
        for values in columns:
            tape.append({"t": times, "f": values})
    rows = Tape.reader(memory / "t").poll().to_pylist()
    assert [row["f"] for row in rows] == [0.0, 1.0, 0.0, 2.0, 0.0, 1.0]
    assert [row["t"] for row in rows] == [7, None] * 3


def test_to_pylist_selects_columns_and_survives_all_null_dictionaries(memory):
    with Tape.create(memory / "t", "trades", **SMALL) as tape:
        tape.append(trades(3))
    batch = Tape.reader(memory / "t").poll()
    assert batch.to_pylist(["price", "exchange"])[1] == {"price": 0.25, "exchange": None}
    assert list(batch.to_pylist()[0]) == [column.name for column in batch.schema.columns]
    with pytest.raises(Invalid, match=r"column \"prise\": not in the tape, expected one of"):
        batch.to_pylist(["prise"])


def test_appending_nothing_is_no_event(memory):
    with Tape.create(memory / "t", "trades", **SMALL) as tape:
        assert tape.append(trades_arrow(0)) == 0
    assert Tape.reader(memory / "t").poll() is None


def test_an_append_larger_than_a_segment(memory):
    with Tape.create(memory / "t", "trades", **SMALL) as tape:
        count = tape.segment_rows * 3 + 1
        assert tape.append(trades_arrow(count)) == count
    rows = Tape.reader(memory / "t").read()
    assert rows.arrow()["trade_id"].to_pylist() == list(range(count))
    assert len(rows.batches) == 4


def test_create_and_open(folder):
    path = folder / "deep" / "t"
    with pytest.raises(NotFound, match="does not exist"):
        Tape.open(path)
    with Tape.create(path, "trades", **SMALL) as tape:
        tape.append(trades(5))
        with pytest.raises(Conflict, match="already open for writing by process"):
            Tape.open(path)
    with pytest.raises(Conflict, match="a tape is already here"):
        Tape.create(path, "trades")
    with Tape.open(path) as tape:
        assert tape.rows == 5
        assert tape.schema == schemas.get("trades")
        assert tape.path == path
        assert tape.append(trades(5, first=5)) == 10
    assert Tape.reader(path).read().arrow()["trade_id"].to_pylist() == list(range(10))


def test_files_are_private(folder):
    with Tape.create(folder / "t", "trades", **SMALL) as tape:
        tape.append(trades(1))
        files = [path for path in (folder / "t").rglob("*") if path.is_file()]
        assert files
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
        assert stat.S_IMODE((folder / "t").stat().st_mode) == 0o700


def test_a_closed_tape_says_so(memory):
    tape = Tape.create(memory / "t", "trades", **SMALL)
    assert not tape.closed
    tape.close()
    tape.close()
    assert tape.closed
    assert repr(tape).endswith("trades, closed)")
    for use in (lambda: tape.append(trades(1)), tape.seal, tape.sync, lambda: tape.rows):
        with pytest.raises(Closed, match="was closed"):
            use()
    with Tape.open(memory / "t") as again:
        assert repr(again).endswith("0 rows)")


def test_leaving_by_an_error_closes(memory):
    with pytest.raises(ZeroDivisionError), Tape.create(memory / "t", "trades", **SMALL) as tape:
        tape.append({"price": [1 / 0]})
    assert tape.closed


def test_durability_is_told(folder):
    with Tape.create(folder / "t", "trades", fsync_interval=0.25, **SMALL) as tape:
        tape.append(trades(1))
        tape.sync()
        in_memory = str(folder).startswith("/dev/shm")
        expected = "loses the tape" if in_memory else "loses at most the last 250 ms"
        assert tape.durability.endswith(expected)


def test_a_tape_seals_on_demand(memory):
    with Tape.create(memory / "t", "trades", seal_after=None, **SMALL) as tape:
        tape.append(trades(1))
        tape.append(trades(1))
        tape.seal()
        tape.seal()
        tape.append(trades(1))
        assert [(b.segment, len(b)) for b in Tape.reader(memory / "t")] == [(0, 2), (1, 1)]


def test_an_idle_tape_seals_by_age(memory):
    with Tape.create(memory / "t", "trades", seal_after=0.05, **SMALL) as tape:
        tape.append(trades(1))
        reader = Tape.reader(memory / "t", start="now")
        while not (memory / "t" / f"{1:012}.seg").exists():
            assert not reader.wait(0.05)
        assert tape.rows == 1


SETTINGS = {
    "segment_bytes": (1, "setting segment_bytes: found 1, expected"),
    "segment_rows": (-1, "setting segment_rows: found -1, expected"),
    "segments_max": (2, "setting segments_max: found 2, expected 3 to 1000000"),
    "value_bytes": ("many", "setting value_bytes: found many, expected a whole number"),
    "seal_after": (0, "setting seal_after: found 0, expected seconds above 0"),
    "fsync_interval": (float("nan"), "setting fsync_interval: found nan, expected seconds"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_out_of_range(memory, name):
    value, message = SETTINGS[name]
    with pytest.raises(Invalid, match=message):
        Tape.create(memory / "t", "trades", **{name: value})
    with Tape.create(memory / "t", "trades", **SMALL) as tape:
        assert tape.append(trades(1)) == 1


def test_an_unknown_dataset(memory):
    with pytest.raises(NotFound, match=r"dataset 'trade': not known; did you mean trades"):
        Tape.create(memory / "t", "trade")


def test_a_seal_that_has_to_wait_is_no_reason_to_refuse_rows(memory):
    path = memory / "t"
    schema = schema_of(x=pa.int64())
    with Tape.create(path, schema, segment_rows=64, segments_max=3, seal_after=0.01) as tape:
        advance_consumer(path, "slow", 0)
        for number in range(60):  # ticks in between find segments that are old but must stay
            assert tape.append({"x": [number]}) == number + 1
            time.sleep(0.02)
        assert tape.rows == 60


def test_close_tells_that_the_last_fsync_failed(tmp_path):
    path = tmp_path / "t"
    tape = Tape.create(path, schema_of(x=pa.int64()), fsync_interval=None)
    tape.append({"x": [1]})
    while path.exists():  # the writer may be making its next segment
        shutil.rmtree(path, ignore_errors=True)
    with pytest.raises(RustoniteError):
        tape.close()
    assert tape.closed
    tape.close()
