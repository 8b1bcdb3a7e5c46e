"""Time series as calls in SQL text."""

import itertools

import pytest
from query_lake import DAY_NS, START, snapshot, trades
from series_lake import (
    ENGINES,
    KERNELS,
    Lake,
    lake_of,
    plain,
)

from rustonite_data.errors import Invalid
from rustonite_data.lake import series
from rustonite_data.lake.series_sql import expand


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELECT * FROM bars(trades)", "bars: interval: found none, expected a constant"),
        (
            "SELECT * FROM bars(trades, 1)",
            "interval: found 1, expected a number and a unit",
        ),
        ("SELECT * FROM bars(trades, symbol)", "interval: found symbol, expected a constant"),
        ("SELECT * FROM bars(trades, '1m', 5)", "bars: found the argument 5, expected no more"),
        ("SELECT * FROM bars(trades, '1m', nope := 5)", "nope := 5, expected no more"),
        ("SELECT * FROM bars(trades, '1m'", "has no closing bracket"),
        ("SELECT * FROM bars(trades,, '1m')", "empty argument"),
        ("SELECT * FROM bars()", "bars: expected the argument source"),
        ("SELECT mid(1)", "mid: expected the argument ask"),
        ("SELECT * FROM book_at(book_deltas, 'soon')", "at: found 'soon'"),
        ("SELECT * FROM book_at(book_deltas, 1, levels := 'x')", "levels: found 'x'"),
        ("SELECT * FROM bars(trades, $i)", r"found \$i, expected a constant or \$parameter"),
    ],
)
def test_wrong_calls(text, message):
    with pytest.raises(Invalid, match=message):
        expand(text, None, "duckdb")


def test_calls_are_only_calls():
    for text in (
        "SELECT 'bars(trades)' -- mid(1)",
        'SELECT "mid"(1), x.mid(1), spread, bars FROM mid',
        "SELECT $$ bars(x) $$ /* bars(x) */",
    ):
        assert expand(text, None, "duckdb")[0] == text


def test_calls_in_calls_and_parameters():
    text = "SELECT mid(mid(a, b), (c + d)) FROM bars((SELECT * FROM trades), $i) WHERE x = $x"
    made, params = expand(text, {"i": "1m", "x": 5}, "duckdb")
    assert "((((((a) + (b)) / 2)) + ((c + d))) / 2)" in made
    assert params == {"x": 5}
    twice, params = expand("SELECT $i, * FROM bars(t, $i)", {"i": "1m"}, "duckdb")
    assert params == {"i": "1m"}
    assert twice.startswith("SELECT $i, *")
    with pytest.raises(Invalid, match="needs the engine duckdb or datafusion"):
        expand("SELECT mid(a, b) FROM x", None, "polars")


@pytest.mark.parametrize("engine", ENGINES)
def test_sources_of_calls(tmp_path, engine):
    sql = lake_of(tmp_path, trades=trades(40)).sql
    for source, before in (
        ("trades", ""),
        ("(SELECT * FROM trades WHERE symbol = 'BTC')", ""),
        ("few", "WITH few AS (SELECT * FROM trades WHERE symbol = 'BTC') "),
    ):
        text = f"{before}SELECT count(*) AS n, sum(volume) AS v FROM bars({source}, '10s') AS b"  # noqa: S608
        [(count, volume)] = sql(text, engine=engine).rows()
        assert (count, volume) == ((8, 20.0) if source == "trades" else (4, 10.0))


def test_filters_around_a_source_reach_files(tmp_path):
    """Through `bars`, too, files are pruned by the log."""
    made = snapshot(
        "trades", tmp_path,
        [trades(20, symbols=[symbol], start=START + day * DAY_NS)
         for symbol, day in itertools.product(("BTC", "ETH"), (0, 1))],
    )  # fmt: skip
    for position, file in enumerate(made.files):
        if position != 1:
            (tmp_path / file.path).write_bytes(b"garbage")

    for engine in KERNELS:
        found = series.bars(
            Lake({"trades": made}),
            "1h",
            symbols="BTC",
            start="2026-01-02",
            end="2026-01-03",
            engine=engine,
        )
        assert plain(found)[0]["count"] == 20
