"""Imports of tables of any origin, with columns mapped by the user."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imports_helpers import collect, read, rows, write

from rustonite_data import Schema, errors
from rustonite_data.lake.imports import open_source
from rustonite_data.lake.imports.mapping import times

INEXACT = 8
MS = 1_700_000_000_123
MAPPED = {
    "ts_event": {"column": "when", "unit": "ms"},
    "ts_recv": {"column": "when", "unit": "ms"},
    "price": "px",
    "size": "qty",
    "side": {"column": "s", "words": {"B": "buy", "S": "sell"}},
    "trade_id": {"column": "no"},
}
MAPPED_CSV = f"when,px,qty,s,no,note\n{MS},1.5,2,B,7,x\n{MS + 1},0.1,3,S,,y\n"
MAPPED_ROWS = [
    (MS * 1_000_000, MS * 1_000_000, "v", "sym", 1.5, 2.0, "buy", 7, 0),
    (MS * 1_000_000 + 1_000_000, MS * 1_000_000 + 1_000_000, "v", "sym", 0.1, 3.0, "sell", None, 0),
]
MAPPED_NAMES = (
    *("ts_event", "ts_recv", "venue", "symbol", "price", "size", "side", "trade_id", "flags"),
)
SETTINGS = {"dataset": "trades", "venue": "v", "symbol": "sym", "columns": MAPPED}


def mapped_table():
    return pa.table(
        {
            "when": pa.array([MS, MS + 1], pa.uint64()),
            "px": ["1.5", "0.1"],
            "qty": pa.array([2, 3], pa.float32()),
            "s": pa.array(["B", "S"]).dictionary_encode(),
            "no": pa.array([7, None], pa.int16()),
            "note": ["x", "y"],
        }
    )


def as_file(path, kind):
    table = mapped_table()
    if kind == "csv":
        return write(path / "mine.csv", MAPPED_CSV)
    if kind == "tsv":
        return write(path / "mine.tsv.gz", MAPPED_CSV.replace(",", "\t"))
    if kind == "parquet":
        pq.write_table(table, path / "mine.parquet")
        return path / "mine.parquet"
    make = pa.ipc.new_file if kind == "arrow" else pa.ipc.new_stream
    with make(str(path / "mine.arrow"), table.schema) as out:
        out.write_table(table)
    return path / "mine.arrow"


class TestTables:
    @pytest.mark.parametrize("kind", ["csv", "tsv", "parquet", "arrow", "stream"])
    def test_mapped_columns(self, tmp_path, kind):
        path = as_file(tmp_path, kind)
        with pytest.raises(errors.Invalid, match="'note' has no place"):
            read(path, **SETTINGS)
        got = read(path, **SETTINGS, extra="drop")
        assert rows(got, "trades", *MAPPED_NAMES) == MAPPED_ROWS
        source = open_source(path, **SETTINGS, extra="keep")
        assert source.extra_columns == {"note": pa.string()}
        assert rows(collect(source), "trades", "note") == [("x",), ("y",)]

    @pytest.mark.parametrize("kind", ["csv", "parquet", "arrow"])
    def test_bad_cells_of_typed_and_untyped_tables(self, tmp_path, kind):
        columns = MAPPED | {"size": "s"}
        path = as_file(tmp_path, kind)
        place = "line 2" if kind == "csv" else "row 1"
        with pytest.raises(errors.Invalid, match=f"{place}, column 's': 'B', expected a decimal"):
            read(path, **SETTINGS | {"columns": columns}, extra="drop")
        rejects = tmp_path / "r"
        settings = SETTINGS | {
            "columns": MAPPED | {"side": {"column": "s", "words": {"S": "sell"}}}
        }
        source = open_source(path, **settings, extra="drop", rejects=rejects)
        assert rows(collect(source), "trades", *MAPPED_NAMES) == MAPPED_ROWS[1:]
        assert rejects.read_text().splitlines()[1].split("\t")[1] == "s"
        assert (
            rejects.read_text()
            .splitlines()[1]
            .endswith(f"{MS},1.5,2,B,7,x" if kind == "csv" else "")
        )

    def test_names_for_a_file_without_header(self, tmp_path):
        path = write(tmp_path / "mine.csv", MAPPED_CSV.split("\n", 1)[1].replace(",", ";"))
        options = {
            "names": ["when", "px", "qty", "s", "no", "note"],
            "delimiter": ";",
            "null": ["-"],
        }
        got = read(path, **SETTINGS, extra="drop", options=options)
        assert rows(got, "trades", *MAPPED_NAMES) == MAPPED_ROWS

    def test_same_names_need_no_mapping_and_constants_fill_the_rest(self, tmp_path):
        path = write(tmp_path / "m.csv", f"ts_event,price,size,side,note\n{MS},1,2,buy,n\n")
        columns = {
            "ts_event": {"unit": "ms"},
            "ts_recv": {"value": "2024-01-01T00:00:00Z"},
            "venue": {"value": "x"},
            "symbol": {"column": "note"},
            "flags": {"value": 64},
            "count": {"value": None},
        }
        got = read(path, dataset="trades", columns=columns)
        names = ("ts_event", "ts_recv", "venue", "symbol", "price", "side", "flags", "count")
        assert rows(got, "trades", *names) == [
            (MS * 1_000_000, 1_704_067_200 * 10**9, "x", "n", 1.0, "buy", 64, None)
        ]

    @pytest.mark.parametrize(
        ("columns", "message"),
        [
            ({"nope": "px"}, "maps 'nope', which trades does not have"),
            ({"price": "zz"}, "column 'zz' is not there, found when, px"),
            ({"price": {"column": "px", "unit": "ms"}}, "has a unit, but holds no time"),
            ({"ts_event": {"column": "when", "unit": "h"}}, "unit 'h', expected one of s, ms"),
            ({"ts_event": {"column": "when", "zone": "Mars"}}, "time zone 'Mars' is not known"),
            ({"ts_event": "when"}, r"'1700000000123', expected an ISO 8601 time \(of numbers, say"),
            ({"price": {"value": "dear"}}, "value 'dear', expected double"),
            ({"price": {"value": None}}, "no value, expected one"),
            (
                {"price": {"value": 1, "column": "px"}},
                "expected the name of a column, or a mapping",
            ),
            ({"price": 5}, "expected the name of a column, or a mapping"),
            ({"side": "s"}, "column 's': 'B', expected one of buy, sell, unknown"),
            ({"side": {"column": "s", "words": {"B": "buy", "S": "short"}}}, "'short'"),
        ],
    )
    def test_mappings_that_make_no_sense(self, tmp_path, columns, message):
        path = as_file(tmp_path, "csv")
        with pytest.raises(errors.Invalid, match=message):
            read(path, **SETTINGS | {"columns": MAPPED | columns}, extra="drop")

    def test_columns_that_are_missing(self, tmp_path):
        path = as_file(tmp_path, "csv")
        with pytest.raises(errors.Invalid, match="give a dataset"):
            open_source(path)
        with pytest.raises(errors.NotFound, match="dataset 'none'"):
            open_source(path, dataset="none")
        with pytest.raises(
            errors.Invalid, match="trades needs 'ts_event' and the file has no such"
        ):
            open_source(path, dataset="trades")

    def test_a_dataset_of_ones_own(self, tmp_path):
        fields = [
            ("at", pa.timestamp("ns")), ("day", pa.date32()), ("n", pa.int8()), ("ok", pa.bool_()),
            ("cost", pa.decimal128(38, 18)), ("raw", pa.binary()), ("word", pa.string()),
        ]  # fmt: skip
        fields = [field for field in fields if field[0] != "ok"]
        schema = Schema.from_arrow("mine", pa.schema(fields))
        head = "at,day,n,cost,raw,word\n"
        good = "2024-02-29 01:02:03.123456789+01:00,2024-02-29,-128,0.000000000000000001,ab,\n"
        path = write(tmp_path / "m.csv", head + good)
        got = read(path, dataset=schema)
        at = int(datetime(2024, 2, 29, 0, 2, 3, tzinfo=UTC).timestamp()) * 10**9 + 123_456_789
        assert rows(got, "mine", "at", "n", "cost", "raw", "word") == [
            (at, -128, Decimal("0.000000000000000001"), b"ab", None)
        ]
        for old, new, column in [
            ("-128", "128", "n"), ("-128", "0x10", "n"), ("-128", "1.5", "n"),
            ("2024-02-29,", "2024-02-30,", "day"), ("001,", "0001,", "cost"),
            (".123456789", ".1234567891", "at"),
        ]:  # fmt: skip
            write(path, head + good.replace(old, new, 1))
            with pytest.raises(errors.Invalid, match=f"line 2, column {column!r}"):
                read(path, dataset=schema)

    def test_extra_column_with_the_name_of_a_mapped_one(self, tmp_path):
        path = write(tmp_path / "m.csv", MAPPED_CSV.replace("note", "price"))
        with pytest.raises(errors.Conflict, match="extra column 'price'"):
            open_source(path, **SETTINGS, extra="keep").datasets  # noqa: B018

    def test_inexact_decimals_are_marked(self, tmp_path):
        path = write(tmp_path / "m.csv", MAPPED_CSV.replace("0.1,", "0.12345678901234567891,"))
        got = read(path, **SETTINGS, extra="drop")
        assert rows(got, "trades", "flags") == [(0,), (INEXACT,)]

    @pytest.mark.parametrize("kind", ["parquet", "arrow"])
    def test_damaged_tables(self, tmp_path, kind):
        path = as_file(tmp_path, kind)
        data = path.read_bytes()
        path.write_bytes(data[: len(data) - 20])
        with pytest.raises(errors.Corrupt, match=re.escape(str(path))):
            read(path, **SETTINGS, extra="drop")

    def test_tables_without_rows(self, tmp_path):
        pq.write_table(mapped_table().slice(0, 0), tmp_path / "m.parquet")
        assert read(tmp_path / "m.parquet", **SETTINGS, extra="drop") == {}
        write(tmp_path / "m.csv", MAPPED_CSV.split("\n", 1)[0] + "\n")
        assert read(tmp_path / "m.csv", **SETTINGS, extra="drop") == {}

    def test_many_rows_in_several_batches(self, tmp_path):
        count = 300_000
        table = pa.table({"when": np.arange(count) + MS, "px": np.arange(count) / 4})
        table = table.append_column("s", pa.array(["B"] * (count - 1) + ["?"]))
        pq.write_table(table, tmp_path / "m.parquet", row_group_size=50_000)
        columns = MAPPED | {"size": {"value": 1}}
        columns.pop("trade_id")
        settings = SETTINGS | {"columns": columns}
        with pytest.raises(errors.Invalid, match=f"row {count}, column 's'"):
            read(tmp_path / "m.parquet", **settings)
        got = read(tmp_path / "m.parquet", **settings, rejects=tmp_path / "r")
        assert got["trades"]["price"].to_pylist() == [n / 4 for n in range(count - 1)]


def test_excel(tmp_path):
    openpyxl = pytest.importorskip("openpyxl", reason="openpyxl is not installed")
    pytest.importorskip("fastexcel", reason="fastexcel is not installed")
    book = openpyxl.Workbook()
    book.active.title = "other"
    sheet = book.create_sheet("fills")
    sheet.append(["when", "px", "qty", "s", "no", "note"])
    when = datetime(2024, 1, 1, 12, 30, 15, 250_000)  # noqa: DTZ001 - Excel knows no zones
    sheet.append([when, 1.5, 2, "B", 7, "x"])
    sheet.append([when, 0.1, 3, "S", None, "y"])
    book.save(tmp_path / "book.xlsx")
    zone = {"column": "when", "zone": "America/New_York"}
    columns = MAPPED | {"ts_event": zone, "ts_recv": "when"}
    settings = SETTINGS | {"columns": columns, "options": {"sheet": "fills"}, "extra": "drop"}
    got = read(tmp_path / "book.xlsx", **settings)
    utc = int(when.replace(tzinfo=UTC).timestamp() * 1000) * 1_000_000
    assert rows(got, "trades", "ts_event", "ts_recv", "price", "trade_id", "side") == [
        (utc + 5 * 3600 * 10**9, utc, 1.5, 7, "buy"),
        (utc + 5 * 3600 * 10**9, utc, 0.1, None, "sell"),
    ]
    # A text among two thousand numbers is found, and not taken for an empty cell.
    for _ in range(2000):
        sheet.append([when, 1, 1, "B", 1, ""])
    sheet.append([when, "many", 1, "B", 1, ""])
    book.save(tmp_path / "book.xlsx")
    with pytest.raises(errors.Invalid, match="row 2004, column 'px': 'many', expected a decimal"):
        read(tmp_path / "book.xlsx", **settings)
    with pytest.raises(errors.Invalid, match="sheet 'none' cannot be read"):
        read(tmp_path / "book.xlsx", **settings | {"options": {"sheet": "none"}})
    (tmp_path / "book.xlsx").write_bytes(b"PK\x03\x04 no workbook")
    with pytest.raises((errors.Invalid, errors.Corrupt)):
        read(tmp_path / "book.xlsx", **settings)


@given(
    st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1)),  # noqa: DTZ001 - of any zone
    st.integers(0, 999),
    st.sampled_from(["UTC", "Asia/Tokyo", "Asia/Kolkata"]),
)
def test_times_of_all_spellings_are_one_moment(moment, ns, zone):
    local = moment.replace(tzinfo=ZoneInfo(zone))
    utc = local.astimezone(UTC)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    passed = utc - epoch
    seconds = passed.days * 86400 + passed.seconds
    expected = (seconds * 1_000_000 + passed.microseconds) * 1000 + ns
    text = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06}{ns:03}"
    offset = local.strftime("%z")
    spellings = [
        (pa.array([text]), None, zone),
        (pa.array([f"{text.replace('T', ' ')}{offset[:3]}:{offset[3:5]}"]), None, "Asia/Seoul"),
        (pa.array([f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond:06}{ns:03}Z"]), None, None),
        (pa.array([f"{expected // 10**9}.{expected % 10**9:09}"]), "s", None),
        (pa.array([f"{expected // 10**3}.{expected % 10**3:03}"]), "us", None),
        (pa.array([expected]), "ns", None),
        (pa.array([expected], pa.timestamp("ns", "Europe/Paris")), None, None),
    ]
    for values, unit, where in spellings:
        assert times(values, unit, where).cast(pa.int64()).to_pylist() == [expected], values


def test_hours_that_clocks_skip_or_repeat_are_refused():
    for text in ("2024-03-10T02:30:00", "2024-11-03T01:30:00"):
        with pytest.raises(pa.ArrowInvalid):
            times(pa.array([text]), None, "America/New_York")
