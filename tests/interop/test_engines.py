"""Engines agree with pyarrow about what is in a tape."""

import datafusion
import duckdb
import polars as pl
import pyarrow as pa
import pytest
from helpers import SMALL, plain, schema_of, trades_arrow

from rustonite_data import Tape


@pytest.fixture
def rows(memory):
    with Tape.create(memory / "t", "trades", **SMALL) as tape:
        for first in (0, 1000, 2000):
            tape.append(trades_arrow(1000, first=first))
            tape.seal()
    return Tape.reader(memory / "t").read()


def test_the_whole_table(rows):
    wanted = plain(rows)
    assert plain(rows.pl().to_arrow()).cast(wanted.schema) == wanted
    assert plain(duckdb.sql("from rows").to_arrow_table()).cast(wanted.schema) == wanted
    frame = datafusion.SessionContext().from_arrow(rows)
    assert plain(pa.Table.from_batches(frame.collect())).cast(wanted.schema) == wanted


def test_a_query(rows):
    query = """
        select symbol, count(*) as n, sum(price * size) as notional, max(trade_uid) as uid
        from rows where side = 'buy' and trade_id >= 500 group by symbol order by symbol
    """
    context = datafusion.SessionContext()
    context.from_arrow(rows, "rows")
    by_datafusion = pa.Table.from_batches(context.sql(query).collect())
    by_duckdb = duckdb.sql(query).to_arrow_table()
    by_polars = pl.SQLContext(rows=rows.pl()).execute(query, eager=True).to_arrow()
    answers = [list(plain(t).to_pydict().values()) for t in (by_datafusion, by_duckdb, by_polars)]
    assert answers == [expected(plain(rows))] * 3


def expected(table):
    """The query's answer in plain Python."""
    groups = {}
    for row in table.drop(["ts_event", "ts_recv"]).to_pylist():
        if row["side"] == "buy" and row["trade_id"] >= 500:
            group = groups.setdefault(row["symbol"], [0, 0.0, ""])
            group[0] += 1
            group[1] += row["price"] * row["size"]
            group[2] = max(group[2], row["trade_uid"] or "")
    symbols = sorted(groups)
    return [symbols, *(list(column) for column in zip(*(groups[s] for s in symbols), strict=True))]


def test_lists_bytes_and_decimals(memory):
    schema = schema_of(
        l=pa.list_(pa.int32()), b=pa.binary(), x=pa.binary(2), d=pa.decimal128(38, 18)
    )
    table = pa.table(
        {
            "l": [[1, 2], None, []],
            "b": [b"", b"\xff", None],
            "x": [b"ab", None, b"cd"],
            "d": ["1.5", None, "-0.000000000000000001"],
        }
    ).cast(pa.schema(schema))
    with Tape.create(memory / "t", schema, **SMALL) as tape:
        tape.append(table)
        # Polars has no bytes of fixed size; a column that may be null can stay away.
        tape.append(pl.DataFrame(table.drop("x")))
    rows = Tape.reader(memory / "t").read()
    assert rows.arrow().slice(0, 3) == table
    assert rows.pl()["l"].to_list() == [[1, 2], None, []] * 2
    found = duckdb.sql("select l, b, d::varchar from rows").fetchall()[:3]
    assert found == [
        ([1, 2], b"", "1.500000000000000000"),
        (None, b"\xff", None),
        ([], None, "-0.000000000000000001"),
    ]
