# ruff: noqa: S608 - conditions are what is tested
"""Files that a query can do without, and those that it must read."""

import datetime as dt
import re
from decimal import Decimal

import datafusion
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from query_lake import describe

from rustonite_data import Schema, schemas
from rustonite_data.lake import query_datafusion, query_duckdb
from rustonite_data.lake.dataset import Dataset
from rustonite_data.lake.prune import (
    EVERYTHING,
    AllOf,
    AnyOf,
    Test,
    from_datafusion,
    from_duckdb,
    prune,
    without_upper_times,
)
from rustonite_data.lake.snapshot import DataFile

TRADES = Dataset.of(schemas.get("trades"))
Test.__test__ = False  # the name is no invitation to pytest


def file(path="f", partition=None, rows=10, **ranges):
    """A file with the given (minimum, maximum, nulls) by column."""
    minimum = {name: facts[0] for name, facts in ranges.items() if facts[0] is not None}
    maximum = {name: facts[1] for name, facts in ranges.items() if facts[1] is not None}
    nulls = {name: facts[2] for name, facts in ranges.items()}
    return DataFile(path, 1, rows, partition or {}, minimum, maximum, nulls, 0)


def kept(made, predicate, dataset=TRADES):
    return prune([made], predicate, dataset) == [made]


@pytest.mark.parametrize(
    ("op", "value", "expected"),
    [
        ("=", 9, False), ("=", 10, True), ("=", 20, True), ("=", 21, False),
        ("<", 10, False), ("<", 11, True), ("<=", 9, False), ("<=", 10, True),
        (">", 20, False), (">", 19, True), (">=", 21, False), (">=", 20, True),
        ("in", (1, 21), False), ("in", (1, 15), True),
        ("is null", None, False), ("is not null", None, True),
    ],
)  # fmt: skip
def test_ranges(op, value, expected):
    assert kept(file(trade_id=(10, 20, 0)), Test("trade_id", op, value)) is expected


def test_prefixes():
    made = file(symbol=("BTCEUR", "BTCUSDT", 0))
    starts = ["B", "BTC", "BTCF", "BTCUSDT", "BTCUSDTX", "A", "C", "BTCA"]
    found = [start for start in starts if kept(made, Test("symbol", "prefix", start))]
    assert found == ["B", "BTC", "BTCF", "BTCUSDT"]


def test_nulls():
    some, only = file(trade_id=(1, 2, 3)), file(trade_id=(None, None, 10))
    assert kept(some, Test("trade_id", "is null"))
    assert kept(only, Test("trade_id", "is null"))
    assert not kept(only, Test("trade_id", "is not null"))
    assert not kept(only, Test("trade_id", "=", 1)), "nothing equals null"


def test_what_is_not_known_keeps_a_file():
    bare = DataFile("f", 1, 10, {}, {}, {}, {}, 0)
    for test in (
        Test("trade_id", "=", 1),
        Test("trade_id", "is null"),
        Test("venue", "=", "x"),
        Test("date", "=", dt.date(2026, 1, 1)),
        Test("no_such_column", "=", 1),
    ):
        assert kept(bare, test), test
    counted = DataFile("f", 1, 0, {}, {}, {}, {"trade_id": 0}, 0)
    assert kept(counted, Test("trade_id", "=", 1)), "a log without row counts"


def test_values_of_another_kind_keep_a_file():
    made = file(trade_id=(10, 20, 0), symbol=("A", "B", 0), price=(1.0, 2.0, 0))
    for test in (
        Test("trade_id", "=", "x"),
        Test("symbol", "=", 1),
        Test("trade_id", "=", value=True),
        Test("price", "=", float("nan")),
        Test("trade_id", "in", ("x", 1)),
    ):
        assert kept(made, test), test
    assert kept(file(trade_id=("a", "b", 0)), Test("trade_id", "=", 1)), "odd statistics"


def test_not_a_number_is_greater_than_any():
    made = file(price=(1.0, 2.0, 0))
    assert kept(made, Test("price", ">", 5.0)), "a NaN would be"
    assert not kept(made, Test("price", "<", 1.0))
    assert not kept(made, Test("price", "=", Decimal("2.5")))
    assert kept(file(price=(float("nan"), float("nan"), 0)), Test("price", "=", 1.0))


def test_partitions():
    made = file(partition={"venue": "binance", "date": "2026-01-02"})
    day = dt.date(2026, 1, 2)
    assert kept(made, Test("venue", "=", "binance"))
    assert not kept(made, Test("venue", "=", "kraken"))
    assert not kept(made, Test("venue", "prefix", "k"))
    assert not kept(made, Test("venue", "in", ("a", "b")))
    assert kept(made, Test("date", "<=", day))
    assert not kept(made, Test("date", ">", day))
    assert not kept(made, Test("date", "is null"))
    assert kept(made, Test("date", "is not null"))
    none = file(partition={"venue": None, "date": None})
    assert kept(none, Test("date", "is null"))
    assert not kept(none, Test("date", "=", day))
    assert not kept(none, Test("date", "is not null"))
    odd = file(partition={"date": "soon"})
    assert kept(odd, Test("date", "=", day))
    assert kept(file(partition={"venue": ""}), Test("venue", "is null"))


def test_and_or():
    made = file(trade_id=(10, 20, 0), count=(1, 2, 0))
    yes, no = Test("trade_id", "=", 15), Test("count", "=", 9)
    assert not kept(made, AllOf((yes, no)))
    assert kept(made, AnyOf((yes, no)))
    assert not kept(made, AnyOf((no, no)))
    assert kept(made, EVERYTHING)


def test_order_of_files_stays():
    files = [file(str(n), trade_id=(n, n + 5, 0)) for n in (3, 1, 2, 9)]
    assert [f.path for f in prune(files, Test("trade_id", "<=", 3), TRADES)] == ["3", "1", "2"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ("(symbol = 'BTC''x')", Test("symbol", "=", "BTC'x")),
        ("(price > 0.5)", Test("price", ">", Decimal("0.5"))),
        ("(5 > count)", Test("count", "<", 5)),
        ("(date = '2026-01-01'::DATE)", Test("date", "=", dt.date(2026, 1, 1))),
        ("optional: (trade_id IN (1, 2, 4))", Test("trade_id", "in", (1, 2, 4))),
        ("(trade_id IS NULL)", Test("trade_id", "is null", ())),
        ("(trade_id IS NOT NULL)", Test("trade_id", "is not null", ())),
        ("prefix(venue, 'k')", Test("venue", "prefix", "k")),
        ('("my ""col""" = -3)', Test('my "col"', "=", -3)),
        (
            "(ts >= '1970-01-01 00:00:00.000000001'::TIMESTAMP_NS)",
            Test("ts", ">=", 1),
        ),
        (
            ["(a = 1)", "((b >= 2) AND (b < 3))"],
            AllOf((Test("a", "=", 1), Test("b", ">=", 2), Test("b", "<", 3))),
        ),
        (
            "((venue IN ('x', 'y')) OR prefix(venue, 'k'))",
            AnyOf((Test("venue", "in", ("x", "y")), Test("venue", "prefix", "k"))),
        ),
        ("((a = 1) AND (f(b) = 2))", Test("a", "=", 1)),
        ("((a = 1) OR (f(b) = 2))", EVERYTHING),
        ("optional: Dynamic Filter (ts)", EVERYTHING),
        ("(NOT (a = 1))", EVERYTHING),
        ("(a != 1)", EVERYTHING),
        ("(a = b)", EVERYTHING),
        ("(CAST(a AS VARCHAR) = '1')", EVERYTHING),
        ("((a + 1) = 2)", EVERYTHING),
        ("CASE WHEN (a = 1) AND (b = 2) THEN true ELSE false END", EVERYTHING),
        ("(a BETWEEN 1 AND 2)", EVERYTHING),
        ("(a = '1'::INTEGER)", EVERYTHING),
        ("(a = '2026-01-01 00:00:00+00'::TIMESTAMP WITH TIME ZONE)", EVERYTHING),
        ("(a = '290000-01-01 00:00:00'::TIMESTAMP)", EVERYTHING),
        ("(a = 1", EVERYTHING),
        ("a = 1)", EVERYTHING),
        ("(a = 'open", EVERYTHING),
        ("", EVERYTHING),
        ([], EVERYTHING),
    ],
)
def test_filters_of_duckdb(filters, expected):
    assert from_duckdb(filters) == expected


def test_the_clock_goes_on_after_planning():
    day = dt.date(2026, 1, 1)
    asked = AllOf((
        Test("ts_event", ">=", 5), Test("ts_event", "<", 9), Test("date", "=", day),
        Test("symbol", "=", "BTC"), AnyOf((Test("ts_recv", "<", 1), Test("price", "<", 1.0))),
    ))  # fmt: skip
    safe = AllOf((
        Test("ts_event", ">=", 5), Test("date", ">=", day), Test("symbol", "=", "BTC"),
    ))  # fmt: skip
    assert without_upper_times(asked, TRADES) == safe


# Any predicate over any small files: the rows of the files that are left answer like all rows.

COLUMNS = {
    "ts": pa.timestamp("ns"),
    "text": pa.string(),
    "whole": pa.int64(),
    "small": pa.int8(),
    "real": pa.float64(),
    "money": pa.decimal128(18, 4),
    "place": pa.string(),
}
ODD = Dataset.of(
    Schema.from_arrow("odd", pa.schema(list(COLUMNS.items()))), ["place"], ["text", "whole"]
)
TEXTS = ["", "a", "a'b", 'q"', "b", "B", "ä", "z\n", "%", "a_", "𝄞", "AND (whole = 1)", "\\"]
REALS = [0.0, -0.0, 1.5, -1.5, 1e300, 5e-324, float("nan"), float("inf"), float("-inf"), 0.1]
TIMES = [0, 1, 999, -1, 1_767_225_600_000_000_001, 1_767_225_600_123_456_789, 86_399_999_999_999]
WHOLES = [0, 1, -1, 5, 2**63 - 1, -(2**63), 2**53 + 1]
MONEY = [Decimal("0.0001"), Decimal(-5), Decimal("12345678901234.5678")]


def literal(kind, value):
    if kind == "ts":
        return f"make_timestamp_ns({value})"
    if kind in {"text", "place"}:
        return "'" + value.replace("'", "''") + "'"
    if kind == "real":
        return f"'{value}'::DOUBLE"
    return f"'{value}'::DECIMAL(18,4)" if kind == "money" else str(value)


VALUES = {
    "ts": st.sampled_from(TIMES),
    "text": st.sampled_from(TEXTS),
    "place": st.sampled_from(["", "a/b", "a", "b", "é="]),
    "whole": st.sampled_from(WHOLES),
    "small": st.integers(-3, 3),
    "real": st.sampled_from(REALS),
    "money": st.sampled_from(MONEY),
}
ROWS = st.fixed_dictionaries({name: st.none() | VALUES[name] for name in VALUES})


@st.composite
def conditions(draw, depth=2):
    if depth and draw(st.booleans()):
        joint = draw(st.sampled_from([" AND ", " OR "]))
        parts = draw(st.lists(conditions(depth=depth - 1), min_size=1, max_size=3))
        text = "(" + joint.join(parts) + ")"
        return f"(NOT {text})" if draw(st.integers(0, 5)) == 0 else text
    column = draw(st.sampled_from(list(VALUES)))
    first, second = (literal(column, draw(VALUES[column])) for _ in range(2))
    op = draw(st.sampled_from(["=", "<", "<=", ">", ">=", "<>", "IS DISTINCT FROM"]))
    shapes = [
        f"{column} {op} {first}",
        f"{first} {op} {column}",
        f"{column} IS NULL",
        f"{column} IS NOT NULL",
        f"{column} IN ({first}, {second})",
        f"{column} BETWEEN {first} AND {second}",
        f"coalesce({column}, {first}) = {second}",
    ]
    if column in {"text", "place"}:
        shapes.append(f"{column} LIKE {first[:-1]}%'")
    return f"({draw(st.sampled_from(shapes))})"


def odd_table(made):
    columns = {n: [row[n] for row in made] for n in COLUMNS}
    return pa.table({n: pa.array(columns[n], kind) for n, kind in COLUMNS.items()})


@pytest.mark.parametrize("engine", ["duckdb", "datafusion"])
@given(st.lists(st.lists(ROWS, min_size=1, max_size=3), max_size=4), conditions())
def test_pruning_never_changes_an_answer(scratch, engine, contents, condition):
    folder = scratch()
    files, tables = [], {}
    for number, made in enumerate(contents):
        same = [{**row, "place": made[0]["place"]} for row in made]
        path = folder / f"{number}.parquet"
        tables[path.name] = odd_table(same)
        pq.write_table(tables[path.name], path)
        files.append(describe(ODD, path, path.name, tables[path.name]))
    text = f"SELECT * FROM odd WHERE {condition}"
    if engine == "datafusion":
        cast = r"arrow_cast(\1, 'Timestamp(Nanosecond, None)')"
        text = re.sub(r"make_timestamp_ns\((-?\d+)\)", cast, text)
    predicate = plan_of(text, engine)
    left = prune(files, predicate, ODD)
    empty = odd_table([])
    found = [
        answer(text, engine, pa.concat_tables([empty, *(tables[file.path] for file in some)]))
        for some in (files, left)
    ]
    assert found[0] == found[1], (condition, predicate, [file.path for file in left])


def plan_of(text, engine="duckdb"):
    class Empty:
        dataset = ODD

    if engine == "duckdb":
        found = query_duckdb._plan([Empty], text, None, restricted=False)
    else:
        found = query_datafusion._plan({"odd": Empty}, text, {})
    return found.get("odd", EVERYTHING)


def answer(text, engine, odd):
    """The rows as text, in which even NaN is the same as itself."""
    if engine == "duckdb":
        with duckdb.connect() as connection:
            connection.register("odd", odd)
            found = connection.sql(text).to_arrow_table()
    else:
        context = datafusion.SessionContext()
        batches = odd.to_batches() or [pa.RecordBatch.from_pylist([], schema=odd.schema)]
        context.register_record_batches("odd", [batches])
        found = context.sql(text).to_arrow_table()
    times = found.column("ts").cast(pa.int64())
    return sorted(map(repr, found.set_column(0, "ts", times).to_pylist()))


def test_plans_do_prune():
    """What the property test would not notice: that nothing is pruned at all."""
    one = "SELECT * FROM odd WHERE text = 'b' AND ts >= make_timestamp_ns(5) AND whole IN (1, 5)"
    expected = {
        Test("text", "=", "b"), Test("ts", ">=", 5), Test("whole", "in", (1, 5)),
    }  # fmt: skip
    assert expected <= set(plan_of(one).parts)
    both = plan_of("SELECT * FROM odd a, odd b WHERE a.text = 'a' AND b.text = 'b'")
    assert both == AnyOf((Test("text", "=", "a"), Test("text", "=", "b")))
    across = plan_of("SELECT * FROM odd WHERE text = 'a' OR whole = 7")
    assert isinstance(across, AnyOf)
    assert set(across.parts) == {Test("text", "=", "a"), Test("whole", "=", 7)}
    nested = "WITH x AS (SELECT * FROM odd) SELECT sum(whole) FROM x GROUP BY text HAVING text='a'"
    assert plan_of(nested) == Test("text", "=", "a")


def test_filters_of_datafusion():
    context = datafusion.SessionContext()
    batch = pa.RecordBatch.from_pylist([], schema=pa.schema(list(COLUMNS.items())))
    context.register_record_batches("odd", [[batch]])

    def plan(condition):
        node = context.sql(f"SELECT * FROM odd WHERE {condition}").optimized_logical_plan()
        while type(node.to_variant()).__name__ != "Filter":
            node = node.inputs()[0]
        return from_datafusion(node.to_variant().predicate())

    assert plan("text = 'b''c'") == Test("text", "=", "b'c")
    assert plan("5 > whole") == Test("whole", "<", 5)
    assert plan("ts >= timestamp '1970-01-01 00:00:00.000000001'") == Test("ts", ">=", 1)
    assert plan("money = 1.5") == Test("money", "=", Decimal("1.5000"))
    assert plan("whole IN (1, 2, 3, 4, 5)") == Test("whole", "in", (1, 2, 3, 4, 5))
    assert plan("whole NOT IN (1, 2, 3, 4, 5)") == EVERYTHING
    assert plan("whole IS NULL") == Test("whole", "is null", ())
    assert plan("whole = small") == EVERYTHING
    either = AnyOf((Test("text", "=", "a"), Test("whole", "=", 1)))
    assert plan("text = 'a' OR whole = 1") == either
    assert plan("text = 'a' OR abs(whole) = 1") == EVERYTHING
