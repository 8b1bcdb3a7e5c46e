"""Bars, and trades with quotes, against slow and obvious models, in all engines."""

from fractions import Fraction

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from query_lake import DAY_NS, START, rows, snapshot, trades
from series_lake import ENGINES, FEW, KERNELS, QUOTES, SECOND, TRADES, Lake, lake_of, plain

from rustonite_data import _native, schemas
from rustonite_data.errors import Invalid
from rustonite_data.lake import query, series
from rustonite_data.lake.dataset import Dataset
from rustonite_data.lake.intervals import Interval

# Bars.

SIDES = ["buy", "sell", "unknown"]
TRADE = st.fixed_dictionaries({
    "ts_event": st.integers(0, 40).map(lambda n: START + n * SECOND // 4),
    "symbol": st.sampled_from(["BTC", "ETH"]),
    "venue": st.sampled_from(["binance", "kraken"]),
    "price": st.integers(1, 50).map(lambda n: n / 4),
    "size": st.integers(1, 30).map(lambda n: n / 10),
    "side": st.sampled_from(SIDES),
})  # fmt: skip
SOME_TRADES = st.lists(TRADE, min_size=1, max_size=40)


def traded(made):
    """Trades as a table; ids order those of one moment."""
    columns = {name: [one[name] for one in made] for name in made[0]}
    extra = {
        "ts_recv": [one["ts_event"] + 7 for one in made],
        "trade_id": list(range(len(made))),
        "flags": [1] * len(made),
    }
    return rows(TRADES, {**columns, **extra})


def exact(number):
    return Fraction(str(number))


def by_instrument(made):
    key = {"venue", "symbol"}
    ordered = sorted(enumerate(made), key=lambda pair: (pair[1]["ts_event"], pair[0]))
    groups = {}
    for _, one in ordered:
        groups.setdefault(tuple(one[name] for name in sorted(key)), []).append(one)
    return {(venue, symbol): some for (symbol, venue), some in sorted(groups.items())}


def model_bars(made, interval, empty="skip", until=None):
    """What `bars` should say, trade by trade."""
    found = []
    for (venue, symbol), some in by_instrument(made).items():
        bars, before = {}, Fraction(0)
        for position, one in enumerate(some):
            amounts = {
                "tick": Fraction(1), "volume": exact(one["size"]),
                "notional": exact(one["price"]) * exact(one["size"]),
            }  # fmt: skip
            if interval.kind == "time":
                number = (one["ts_event"] - interval.origin_ns) // interval.amount
            elif interval.kind == "tick":
                number = position // interval.amount
            else:
                number = before // exact(interval.amount)
                before += amounts[interval.kind]
            bars.setdefault(number, []).append(one)
        found += [
            {"venue": venue, "symbol": symbol, **bar}
            for bar in model_each(bars, interval, empty, until)
        ]
    return sorted(found, key=lambda bar: (bar["venue"], bar["symbol"], bar["number"]))


def model_each(bars, interval, empty, until):
    close = None
    numbers = sorted(bars)
    if empty == "fill":
        last = numbers[-1]
        if until is not None:
            last = max(last, -((interval.origin_ns - until) // interval.amount) - 1)
        numbers = range(numbers[0], last + 1)
    for number in numbers:
        some = bars.get(number, [])
        prices = [one["price"] for one in some] or [close]
        close = prices[-1]
        volume = sum(exact(one["size"]) for one in some)
        turnover = sum(exact(one["size"]) * exact(one["price"]) for one in some)
        bought = sum(exact(one["size"]) for one in some if one["side"] == "buy")
        opened = number * interval.amount + interval.origin_ns
        span = (opened, opened + interval.amount)
        if interval.kind != "time":
            span = (some[0]["ts_event"], some[-1]["ts_event"])
        yield {
            "ts_open": span[0], "ts_close": span[1], "interval": interval.text,
            "open": prices[0], "high": max(prices), "low": min(prices), "close": prices[-1],
            "volume": float(volume), "turnover": float(turnover),
            "vwap": float(turnover / volume) if some else None,
            "buy_volume": float(bought), "count": len(some), "number": number,
        }  # fmt: skip


def same(found, expected):
    """Equal, but for the last digits of sums."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.keys() == other.keys()
        for name, value in other.items():
            near = pytest.approx(value, rel=1e-12) if isinstance(value, float) else value
            assert one[name] == near, (name, one, other)


INTERVALS = [
    "1s",
    "1500ms",
    "7s",
    "1m",
    "1d",
    "1w",
    "1t",
    "3t",
    "1v",
    "0.5v",
    "2.5v",
    "10n",
    "3.3n",
]


@pytest.mark.parametrize("engine", KERNELS)
@FEW
@given(SOME_TRADES, st.sampled_from(INTERVALS))
def test_bars(scratch, engine, made, text):
    lake = lake_of(scratch(), trades=traded(made))
    found = plain(series.bars(lake, text, engine=engine))
    same(found, model_bars(made, Interval.parse(text)))


@pytest.mark.parametrize("engine", KERNELS)
@FEW
@given(SOME_TRADES, st.sampled_from(["1s", "700ms", "1m", "1w"]), st.none() | st.integers(0, 80))
def test_bars_of_empty_spans(scratch, engine, made, text, until):
    lake = lake_of(scratch(), trades=traded(made))
    end = None if until is None else START + until * SECOND // 4 + 1
    found = plain(series.bars(lake, text, empty="fill", end=end, engine=engine))
    before = [one for one in made if end is None or one["ts_event"] < end]
    same(found, model_bars(before, Interval.parse(text), "fill", end))


CHOSEN = st.fixed_dictionaries({}, optional={
    "symbols": st.sampled_from(["BTC", ["ETH", "nope"]]),
    "venues": st.just("kraken"),
    "start": st.integers(0, 40).map(lambda n: START + n * SECOND // 4),
    "end": st.integers(0, 40).map(lambda n: START + n * SECOND // 4),
    "time": st.just("ts_recv"),
    "by": st.sampled_from(["instrument", "symbol"]),
})  # fmt: skip


@FEW
@given(SOME_TRADES, st.sampled_from(["1s", "700ms", "1w", "all"]), CHOSEN)
def test_engines_make_the_same_bars(scratch, made, text, chosen):
    lake = lake_of(scratch(), trades=traded(made))
    found = plain(series.bars(lake, text, engine="duckdb", **chosen))
    for engine in ("native", "datafusion"):
        same(plain(series.bars(lake, text, engine=engine, **chosen)), found)


@pytest.mark.parametrize("engine", KERNELS)
def test_one_bar_of_everything(tmp_path, engine):
    made = trades(40, symbols=["BTC"], price=[float(n) for n in range(40)])
    lake = lake_of(tmp_path, trades=made)
    [bar] = plain(series.bars(lake, "all", by="symbol", engine=engine))
    assert (bar["ts_open"], bar["ts_close"]) == (START, START + 39 * SECOND)
    assert (bar["open"], bar["close"], bar["count"], bar["number"]) == (0.0, 39.0, 40, 0)
    assert "venue" not in bar


@pytest.mark.parametrize("engine", KERNELS)
@pytest.mark.parametrize(
    "columns", [["count"], ["close", "symbol"], ["vwap", "ts_close"], ["buy_volume"], ["high"]]
)
def test_columns_of_bars(tmp_path, engine, columns):
    lake = lake_of(tmp_path, trades=trades(40))
    whole = series.bars(lake, "10s", engine="duckdb").arrow().select(columns)
    found = series.bars(lake, "10s", columns=columns, engine=engine).arrow()
    assert found.column_names == columns
    same(found.to_pylist(), whole.to_pylist())


@pytest.mark.parametrize("engine", ["native", "duckdb"])
@pytest.mark.parametrize("count", [4, 20])
def test_bars_of_what_is_no_number_and_of_nothing(tmp_path, engine, count):
    strange = [1.0, float("nan"), float("inf"), -1.0] * (count // 4)
    made = trades(count, symbols=["BTC"], price=strange, size=[0.0] * count)
    lake = lake_of(tmp_path / "some", trades=made)
    [bar] = series.bars(lake, "1h", engine=engine).arrow().to_pylist()
    assert (bar["low"], bar["vwap"], bar["count"]) == (-1.0, None, count)
    assert np.isnan(bar["high"])
    assert len(series.bars(lake_of(tmp_path / "none"), "1h", engine=engine)) == 0


def test_bars_before_1970(tmp_path):
    made = trades(6, ts_event=[-61, -60, -1, 0, 59, 60], symbols=["BTC"])
    lake = lake_of(tmp_path, trades=made)
    found = plain(series.bars(lake, "60ns", engine="native"))
    assert found == plain(series.bars(lake, "60ns", engine="duckdb"))


def test_kernels_need_the_columns_that_they_know(tmp_path):
    """Prices of another type are no reason to fail."""
    schema = pa.schema([
        *((name, pa.timestamp("ns")) for name in ("ts_event", "ts_recv")),
        *((name, pa.string()) for name in ("venue", "symbol", "side")),
        *((name, pa.int64()) for name in ("price", "size", "trade_id")),
    ])  # fmt: skip
    own = _native.Schema.from_arrow("own", schema, time="ts_event", sort=["symbol", "ts_recv"])
    dataset = Dataset.of(own, partition_by=[])
    columns = {"price": [1, 2], "size": [3, 4], "trade_id": [1, 2], "side": ["buy", "sell"]}
    columns |= {name: ["x", "x"] for name in ("venue", "symbol")}
    table = rows(dataset, columns | {name: [START, START] for name in ("ts_event", "ts_recv")})
    lake = Lake({"own": snapshot(dataset, tmp_path, tables=[table])})
    [bar] = plain(series.bars(lake, "1m", dataset="own"))
    assert (bar["open"], bar["close"], bar["volume"]) == (1, 2, 7)


@pytest.mark.parametrize("name", ["symbol", "ts_event", "price", "side"])
def test_kernels_refuse_columns_that_may_be_null(name):
    fields = [
        field.with_nullable(field.nullable or field.name == name)
        for field in pa.schema(schemas.get("trades"))
    ]
    own = _native.Schema.from_arrow("own", pa.schema(fields), time="ts_event", sort=["ts_recv"])
    columns = ["ts_open", "open", "buy_volume"]
    with pytest.raises(Invalid, match=f"{name}.* may be null, expected .* never null"):
        _native.lake_bars(
            (own, [], [], None), columns=columns, time="ts_event", span=None, interval="all"
        )


@pytest.mark.parametrize("engine", KERNELS)
def test_edges_of_bars_are_exact(tmp_path, engine):
    """The last nanosecond of a minute is in it, although microseconds would round it up."""
    edge = START + 60 * SECOND
    made = trades(4, ts_event=[edge - 1, edge, edge - 400, edge + 1], symbols=["BTC"])
    lake = lake_of(tmp_path, trades=made)
    found = plain(series.bars(lake, "1m", engine=engine))
    assert [(bar["ts_open"], bar["count"]) for bar in found] == [(START, 2), (edge, 2)]
    assert (found[0]["open"], found[0]["close"]) == (102.0, 100.0)


@pytest.mark.parametrize("engine", KERNELS)
def test_trades_of_one_moment_are_in_the_order_of_their_ids(tmp_path, engine):
    count = 50
    prices = [float((position * 37) % count) for position in range(count)]
    ids = list(range(count))
    for table, ordered in (
        (trades(count, step=0, symbols=["BTC"], price=prices, trade_id=ids[::-1]), prices[::-1]),
        (trades(count, step=0, symbols=["BTC"], price=prices, trade_id=[None] * count,
                ts_recv=[START + n for n in ids]), prices),
    ):  # fmt: skip
        lake = lake_of(tmp_path / str(ordered[0]), trades=table)
        [bar] = plain(series.bars(lake, "1m", engine=engine))
        assert (bar["open"], bar["close"]) == (ordered[0], ordered[-1])


@pytest.mark.parametrize("place", ["tables", "hot"])
def test_trades_that_nothing_tells_apart_are_in_the_order_of_their_rows(tmp_path, place):
    prices = [100.0, 101.0, 99.0, 100.5]
    made = trades(4, step=0, symbols=["BTC"], price=prices, trade_id=[None] * 4)
    lake = Lake({"trades": snapshot("trades", tmp_path, **{place: [made]})})
    for by in ("instrument", "symbol"):
        [bar] = plain(series.bars(lake, "1m", by=by))
        assert (bar["open"], bar["close"]) == (100.0, 100.5)


def test_weeks_start_on_mondays():
    assert Interval.parse("1w").origin_ns == 4 * DAY_NS


@pytest.mark.parametrize(
    "text",
    ["", "1", "m", "0s", "-1m", "1.5t", "1x", "1 m", "1mo", None, 5, "9" * 30 + "s", "0.1ns"],
)
def test_intervals_that_are_none(text):
    with pytest.raises(Invalid, match="interval: found"):
        Interval.parse(text)


def test_choices_of_bars(tmp_path):
    lake = lake_of(tmp_path, trades=trades(40))
    edge = START + 20 * SECOND
    found = plain(series.bars(lake, "10s", symbols="BTC", venues=["binance"], start=edge))
    assert [bar["ts_open"] for bar in found] == [edge, edge + 10 * SECOND]
    assert series.bars(lake, "10s", symbols=["nope"]).arrow().num_rows == 0
    for wrong in ({"empty": "maybe"}, {"symbols": []}, {"engine": "polars"}, {"start": "x"},
                  {"by": "venue"}, {"columns": ["nope"]}, {"columns": []}):  # fmt: skip
        with pytest.raises(Invalid):
            series.bars(lake, "10s", **wrong)
    with pytest.raises(Invalid, match="never empty"):
        series.bars(lake, "10t", empty="fill")


# Trades with quotes.

QUOTE = st.fixed_dictionaries({
    "ts_event": st.integers(0, 20).map(lambda n: START + n * SECOND),
    "symbol": st.sampled_from(["BTC", "ETH"]),
    "venue": st.sampled_from(["binance", "kraken"]),
    "bid_price": st.none() | st.integers(1, 9).map(float),
})  # fmt: skip


def quoted(made, *, apart=False):
    """Quotes as a table; `apart` makes no two arrive at once."""
    count = len(made)
    columns = {name: [one[name] for one in made] for name in QUOTE_COLUMNS}
    bids = columns["bid_price"]
    extra = {
        "ts_recv": [one["ts_event"] + 5 + apart * n for n, one in enumerate(made)],
        "bid_size": [None if bid is None else 1.0 for bid in bids],
        "ask_price": [None if bid is None else bid + 1 for bid in bids],
        "ask_size": [None if bid is None else 3.0 for bid in bids],
        "seq": list(range(count)),
        "flags": [1] * count,
    }
    return rows(QUOTES, {**columns, **extra})


QUOTE_COLUMNS = ["ts_event", "symbol", "venue", "bid_price"]


@pytest.mark.parametrize("engine", KERNELS)
@FEW
@given(SOME_TRADES, st.lists(QUOTE, min_size=1, max_size=30))
def test_trades_with_quotes(scratch, engine, made, quotes):
    folder = scratch()
    lake = lake_of(folder, trades=traded(made), quotes=quoted(quotes))
    found = {row["trade_id"]: row for row in plain(series.asof_quotes(lake, engine=engine))}
    assert len(found) == len(made)
    for number, trade in enumerate(made):
        standing = [
            (quote["ts_event"], position)
            for position, quote in enumerate(quotes)
            if quote["ts_event"] <= trade["ts_event"]
            and (quote["venue"], quote["symbol"]) == (trade["venue"], trade["symbol"])
        ]
        row = found[number]
        assert row["price"] == trade["price"]
        if not standing:
            assert row["ts_quote"] is None
            assert row["bid_price"] is None
            continue
        when, position = max(standing)
        assert row["ts_quote"] == when
        assert row["bid_price"] == quotes[position]["bid_price"]


@pytest.mark.parametrize("engine", KERNELS)
def test_the_quote_of_any_venue(tmp_path, engine):
    venues = [("kraken", 1.0), ("binance", 2.0)]
    made = [
        {"ts_event": START + n * SECOND, "symbol": "BTC", "venue": venue, "bid_price": bid}
        for n, (venue, bid) in enumerate(venues)
    ]
    lake = lake_of(tmp_path, trades=trades(3, symbols=["BTC"]), quotes=quoted(made))
    asked = {"time": "ts_recv", "columns": ["bid_price"], "engine": engine}
    for by, bids in (("instrument", [None, 2.0, 2.0]), ("symbol", [1.0, 2.0, 2.0])):
        found = series.asof_quotes(lake, by=by, start=START, **asked).arrow()
        assert found.column("bid_price").to_pylist() == bids


@pytest.mark.parametrize("engine", KERNELS)
@pytest.mark.parametrize("runs", [1, 2, 15, 16, 17, 40])
def test_quotes_whose_times_go_back_again_and_again(tmp_path, engine, runs):
    # Each run of three is before the one in front of it, as a venue's clock may say.
    made = [
        {"ts_event": START + (10 * (runs - n // 3) + n % 3) * SECOND, "symbol": "BTC",
         "venue": "binance", "bid_price": float(n)}
        for n in range(3 * runs)
    ]  # fmt: skip
    quotes = quoted(made)
    place = quotes.schema.get_field_index("ts_recv")
    field = quotes.schema.field(place)
    arrivals = pa.array([START + n for n in range(len(made))], field.type)
    quotes = quotes.set_column(place, field, arrivals)
    asked = [START + (10 * n + 2) * SECOND for n in range(runs + 1)]
    lake = lake_of(
        tmp_path, quotes=quotes,
        trades=trades(runs + 1, symbols=["BTC"], ts_event=asked, ts_recv=asked),
    )  # fmt: skip
    found = plain(series.asof_quotes(lake, time="ts_event", engine=engine))
    bids = [None] + [float(3 * (runs - n) + 2) for n in range(1, runs + 1)]
    assert [row["bid_price"] for row in found] == bids


def test_large_joins_are_left_to_duckdb(tmp_path, monkeypatch):
    quotes = [{"ts_event": START, "symbol": "BTC", "venue": "binance", "bid_price": 4.0}]
    lake = lake_of(tmp_path, trades=trades(3, symbols=["BTC"]), quotes=quoted(quotes * 2))
    small = series.asof_quotes(lake).arrow()
    monkeypatch.setattr("rustonite_data.lake.series_native._JOINED_MAX", 4)
    monkeypatch.delattr("rustonite_data._native.lake_asof")
    assert series.asof_quotes(lake).arrow().equals(small)


@FEW
@given(SOME_TRADES, st.lists(QUOTE, min_size=1, max_size=30), CHOSEN)
def test_engines_find_the_same_quotes(scratch, made, quotes, chosen):
    folder = scratch()
    lake = lake_of(folder, trades=traded(made), quotes=quoted(quotes, apart=True))
    found = series.asof_quotes(lake, engine="duckdb", **chosen).arrow()
    assert series.asof_quotes(lake, engine="native", **chosen).arrow().equals(found)
    columns = ["ask_price", "symbol", "ts_quote"]
    for engine in ("native", "duckdb"):
        some = series.asof_quotes(lake, engine=engine, columns=columns, **chosen)
        assert plain(some) == plain(query.Result(found.select(columns)))


@pytest.mark.parametrize("by", ["instrument", "symbol"])
def test_engines_find_the_same_quotes_of_many_rows(tmp_path, by):
    """More than the kernel has in a part or makes a batch of, in parts of many sizes."""
    dice = np.random.default_rng(3)

    def ticks(count):
        # Nearly in order, some at once; ETH is quoted nowhere early on, and SOL never.
        times = START + np.cumsum(dice.integers(0, 3, count)) + dice.integers(0, 50, count)
        symbols = np.where(dice.random(count) < 0.9, "BTC", "ETH")
        venues = np.where(dice.random(count) < 0.7, "binance", "kraken")
        return {
            "ts_event": times, "ts_recv": START + 5 * np.arange(count),
            "symbol": symbols.tolist(), "venue": venues.tolist(), "flags": [1] * count,
        }  # fmt: skip

    made, quotes = ticks(270_000), ticks(200_000)
    made["symbol"][::1000] = ["SOL"] * 270
    made |= {"price": dice.random(270_000), "size": [1.0] * 270_000, "side": ["buy"] * 270_000}
    made["trade_id"] = np.arange(270_000) ^ 1
    quotes["symbol"][:60_000] = ["BTC"] * 60_000
    quotes["seq"] = np.arange(200_000)
    bids = [None if n % 11 == 0 else n / 8 for n in range(200_000)]
    quotes |= dict.fromkeys(("bid_price", "ask_price", "bid_size", "ask_size"), bids)
    tables = {"trades": rows(TRADES, made), "quotes": rows(QUOTES, quotes)}
    lake = lake_of(tmp_path, **tables)
    chosen = {"by": by, "columns": ["ts_event", "symbol", "price", "ts_quote", "bid_price"]}
    found = series.asof_quotes(lake, engine="native", **chosen).arrow()
    assert found.num_rows == 270_000
    assert found["ts_quote"].null_count > 270
    assert found.equals(series.asof_quotes(lake, engine="duckdb", **chosen).arrow())


@pytest.mark.parametrize("engine", KERNELS)
def test_quotes_before_the_range_count(tmp_path, engine):
    early = [{"ts_event": START, "symbol": "BTC", "venue": "binance", "bid_price": 5.0}]
    lake = lake_of(tmp_path, trades=trades(3, symbols=["BTC"]), quotes=quoted(early * 2))
    start = START + 2 * SECOND
    [row] = plain(series.asof_quotes(lake, symbols="BTC", start=start, engine=engine))
    assert row["bid_price"] == 5.0
    short = series.asof_quotes(lake, start=start, lookback="1s", engine=engine)
    assert plain(short)[0]["bid_price"] is None


@pytest.mark.parametrize("engine", KERNELS)
def test_columns_of_series(tmp_path, engine):
    quotes = [{"ts_event": START, "symbol": "BTC", "venue": "binance", "bid_price": 5.0}]
    lake = lake_of(tmp_path, trades=trades(4, symbols=["BTC"]), quotes=quoted(quotes * 2))
    for ask, one in (
        (lambda **asked: series.bars(lake, "1h", engine=engine, **asked), "count"),
        (lambda **asked: series.asof_quotes(lake, engine=engine, **asked), "bid_price"),
    ):
        assert ask(columns=one).columns == [one]
        assert ask(columns=[one, one]).columns == [one]
        for wrong in ([], ["nope"], "nope", [5]):
            with pytest.raises(Invalid, match=r"columns: found .*, expected"):
                ask(columns=wrong)


@pytest.mark.parametrize("engine", ENGINES)
def test_prices_between_bid_and_ask(tmp_path, engine):
    made = [
        {"ts_event": START, "symbol": "BTC", "venue": "binance", "bid_price": b}
        for b in (4.0, None)
    ]
    lake = lake_of(tmp_path, quotes=quoted(made))
    text = """SELECT mid(bid_price, ask_price) AS m, spread(bid_price, ask_price) AS s,
        microprice(bid_price, ask_price, bid_size, ask_size) AS p,
        microprice(1, 2, 0, 0) AS q FROM quotes ORDER BY seq"""
    assert lake.sql(text, engine=engine).rows() == [
        (4.5, 1.0, 4.25, None),
        (None, None, None, None),
    ]
    assert series.mid(4.0, 5.0) == 4.5
    assert series.spread(np.array([4.0]), np.array([5.0])).tolist() == [1.0]
    frame = pl.DataFrame({"b": [4.0], "a": [5.0], "x": [1.0], "y": [3.0]})
    micro = series.microprice(pl.col("b"), pl.col("a"), pl.col("x"), pl.col("y"))
    assert frame.select(micro).item() == 4.25
