"""Time series against slow and obvious models, in both engines."""

import itertools
from fractions import Fraction

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from query_lake import DAY_NS, START, rows, snapshot, trades

from rustonite_data import _native, schemas
from rustonite_data.errors import Invalid
from rustonite_data.lake import query, series
from rustonite_data.lake.dataset import Dataset
from rustonite_data.lake.intervals import Interval
from rustonite_data.lake.series_sql import expand

ENGINES = ["duckdb", "datafusion"]
KERNELS = ["native", *ENGINES]
SECOND = 1_000_000_000
TRADES, QUOTES, DELTAS, PICTURES, EVENTS = (
    Dataset.of(schemas.get(name), partition_by=[])
    for name in ("trades", "quotes", "book_deltas", "book_snapshots", "feed_events")
)
LAST, SNAPSHOT, GAP = 1, 2, 4
FEW = settings(max_examples=40)


class Lake:
    """Snapshots, and SQL over them."""

    def __init__(self, made):
        self.snapshot = made.__getitem__
        self.names = list(made)

    def dataset(self, name):
        return self.snapshot(name).dataset

    def sql(self, text, params=None, *, engine="duckdb"):
        return query.run_sql(self.snapshot, self.names, text, params, engine=engine)


def lake_of(folder, **tables):
    """Hot rows and files: each dataset has half of its rows in either."""
    datasets = {d.name: d for d in (TRADES, QUOTES, DELTAS, PICTURES, EVENTS)}
    made = {}
    for name, table in tables.items():
        middle = len(table) // 2
        cold, hot = table.slice(0, middle), table.slice(middle)
        some = {"tables": [cold] if middle else [], "hot": [hot] if len(hot) else []}
        made[name] = snapshot(datasets[name], folder / name, **some)
    missing = {name: snapshot(d, folder / name) for name, d in datasets.items() if name not in made}
    return Lake(made | missing)


def plain(result):
    """Rows as dicts; times are nanoseconds."""
    table = result.arrow()
    for position, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            table = table.set_column(position, field.name, table.column(position).cast(pa.int64()))
    return table.to_pylist()


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
def test_bars(tmp_path_factory, engine, made, text):
    lake = lake_of(tmp_path_factory.mktemp("bars"), trades=traded(made))
    found = plain(series.bars(lake, text, engine=engine))
    same(found, model_bars(made, Interval.parse(text)))


@pytest.mark.parametrize("engine", KERNELS)
@FEW
@given(SOME_TRADES, st.sampled_from(["1s", "700ms", "1m", "1w"]), st.none() | st.integers(0, 80))
def test_bars_of_empty_spans(tmp_path_factory, engine, made, text, until):
    lake = lake_of(tmp_path_factory.mktemp("bars"), trades=traded(made))
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
def test_engines_make_the_same_bars(tmp_path_factory, made, text, chosen):
    lake = lake_of(tmp_path_factory.mktemp("bars"), trades=traded(made))
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
def test_bars_of_what_is_no_number_and_of_nothing(tmp_path, engine):
    strange = [float("nan"), 1.0, float("inf"), -1.0]
    made = trades(4, symbols=["BTC"], price=strange, size=[0.0] * 4)
    lake = lake_of(tmp_path / "some", trades=made)
    [bar] = series.bars(lake, "1h", engine=engine).arrow().to_pylist()
    assert (bar["low"], bar["vwap"], bar["count"]) == (-1.0, None, 4)
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
def test_trades_with_quotes(tmp_path_factory, engine, made, quotes):
    folder = tmp_path_factory.mktemp("asof")
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


def test_large_joins_are_left_to_duckdb(tmp_path, monkeypatch):
    quotes = [{"ts_event": START, "symbol": "BTC", "venue": "binance", "bid_price": 4.0}]
    lake = lake_of(tmp_path, trades=trades(3, symbols=["BTC"]), quotes=quoted(quotes * 2))
    small = series.asof_quotes(lake).arrow()
    monkeypatch.setattr("rustonite_data.lake.series_native._JOINED_MAX", 4)
    monkeypatch.delattr("rustonite_data._native.lake_asof")
    assert series.asof_quotes(lake).arrow().equals(small)


@FEW
@given(SOME_TRADES, st.lists(QUOTE, min_size=1, max_size=30), CHOSEN)
def test_engines_find_the_same_quotes(tmp_path_factory, made, quotes, chosen):
    folder = tmp_path_factory.mktemp("asof")
    lake = lake_of(folder, trades=traded(made), quotes=quoted(quotes, apart=True))
    found = series.asof_quotes(lake, engine="duckdb", **chosen).arrow()
    assert series.asof_quotes(lake, engine="native", **chosen).arrow().equals(found)
    columns = ["ask_price", "symbol", "ts_quote"]
    for engine in ("native", "duckdb"):
        some = series.asof_quotes(lake, engine=engine, columns=columns, **chosen)
        assert plain(some) == plain(query.Result(found.select(columns)))


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


# Books.

CHANGE = st.fixed_dictionaries({
    "at": st.integers(0, 12),
    "late": st.integers(-2, 2),
    "what": st.sampled_from(["set"] * 6 + ["remove", "clear side", "clear", "picture", "gap"]),
    "side": st.sampled_from(["bid", "ask"]),
    "price": st.integers(1, 5).map(float),
    "size": st.sampled_from([0.0, 1.0, 2.0, 3.0]),
    "symbol": st.sampled_from(["BTC", "ETH"]),
})  # fmt: skip


def deltas(made):
    """Changes as rows, in the order of arrival; a picture is several rows."""
    found = []
    for number, one in enumerate(sorted(made, key=lambda change: change["at"])):
        base = {
            "ts_recv": START + one["at"] * SECOND + number,
            "ts_event": START + (one["at"] + one["late"]) * SECOND,
            "venue": "binance", "symbol": one["symbol"], "seq": number, "position": 0,
            "action": "set", "side": one["side"], "price": one["price"], "size": one["size"],
            "flags": LAST,
        }  # fmt: skip
        nothing = {"price": None, "size": None}
        match one["what"]:
            case "remove":
                found.append({**base, "action": "remove", "size": 0.0})
            case "clear side":
                found.append({**base, "action": "clear", **nothing})
            case "clear":
                found.append({**base, "action": "clear", "side": None, **nothing})
            case "picture":
                prices = {"bid": one["price"], "ask": one["price"] + 1}
                found += [
                    {**base, "side": side, "price": price, "position": place,
                     "flags": SNAPSHOT | (LAST if place else 0)}
                    for place, (side, price) in enumerate(prices.items())
                ]  # fmt: skip
            case "gap":
                found.append({**base, "flags": LAST | GAP})
            case _:
                found.append(base)
    return found


def delta_table(made):
    names = ["ts_recv", "ts_event", "venue", "symbol", "seq", "position", "action", "side",
             "price", "size", "flags"]  # fmt: skip
    return rows(DELTAS, {name: [one[name] for one in made] for name in names})


def model_book(made, at, losses=()):
    """(levels by side, whether it is whole) by symbol; change after change."""
    books = {}
    for symbol in {one["symbol"] for one in made}:
        some = [one for one in made if one["symbol"] == symbol]
        before = [0, *(one["flags"] for one in some)]
        seen = [
            (one, begins(one, flags))
            for one, flags in zip(some, before, strict=False)
            if one["ts_event"] <= at
        ]
        sides, start, whole = {"bid": {}, "ask": {}}, None, False
        for one, first in seen:
            if first:
                sides, start, whole = {"bid": {}, "ask": {}}, one["ts_event"], True
            elif one["flags"] & GAP:
                whole = False
            apply(sides, one)
        lost = [moment for moment in losses if moment <= at and (start is None or moment >= start)]
        if seen:
            books[symbol] = (sides, whole and not lost)
    return books


def begins(one, before):
    """Whether a row begins a picture, after a row with those flags."""
    if one["action"] == "clear" and one["side"] is None:
        return True
    return bool(one["flags"] & SNAPSHOT) and (not before & SNAPSHOT or bool(before & LAST))


def apply(sides, one):
    """What a row does to a book."""
    if one["action"] == "clear":
        if one["side"]:
            sides[one["side"]] = {}
        return
    sides[one["side"]].pop(one["price"], None)
    if one["action"] == "set" and one["size"] > 0:
        sides[one["side"]][one["price"]] = one["size"]


def best_first(sides):
    return [
        (side, level, price, size)
        for side in ("ask", "bid")
        for level, (price, size) in enumerate(
            sorted(sides[side].items(), reverse=side == "bid"), start=1
        )
    ]


def model_rows(made, moments, levels, losses=()):
    for at in moments:
        for symbol, (sides, whole) in sorted(model_book(made, at, losses).items()):
            shown = [row for row in best_first(sides) if levels is None or row[1] <= levels]
            for row in shown or [(None, None, None, None)]:
                yield (at, symbol, *row, whole)


def book_rows(found):
    names = ["ts", "symbol", "side", "level", "price", "size", "complete"]
    return [tuple(row[name] for name in names) for row in plain(found)]


@pytest.mark.parametrize("engine", ENGINES)
@FEW
@given(
    st.lists(CHANGE, min_size=1, max_size=25), st.integers(-3, 14), st.sampled_from([None, 1, 2]),
    st.lists(st.integers(-1, 14), max_size=2),
)  # fmt: skip
def test_book_at_a_moment(tmp_path_factory, engine, made, at, levels, losses):
    changes, at = deltas(made), START + at * SECOND
    lost = [START + moment * SECOND for moment in losses]
    folder = tmp_path_factory.mktemp("book")
    lake = lake_of(folder, book_deltas=delta_table(changes), feed_events=events(lost))
    found = series.book_at(
        lake, at, symbols=["BTC", "ETH"], levels=levels, events="feed_events", engine=engine
    )
    assert book_rows(found) == list(model_rows(changes, [at], levels, lost))


@pytest.mark.parametrize("engine", ENGINES)
@FEW
@given(
    st.lists(CHANGE, min_size=1, max_size=25), st.integers(-3, 5), st.integers(1, 12),
    st.sampled_from(["1s", "700ms", "5s"]), st.sampled_from([None, 2]),
)  # fmt: skip
def test_sampled_books(tmp_path_factory, engine, made, first, span, interval, levels):
    changes, start = deltas(made), START + first * SECOND
    end = start + span * SECOND
    lake = lake_of(tmp_path_factory.mktemp("books"), book_deltas=delta_table(changes))
    found = series.books(
        lake, interval, start=start, end=end, symbols=["BTC", "ETH"], levels=levels, engine=engine
    )
    moments = range(start, end, Interval.parse(interval).amount)
    assert book_rows(found) == list(model_rows(changes, moments, levels))


def events(moments):
    count = len(moments)
    return rows(EVENTS, {
        "ts_event": moments, "ts_recv": moments, "venue": ["binance"] * count,
        "kind": ["gap"] * count, "dataset": ["book_deltas"] * count, "flags": [1] * count,
    })  # fmt: skip


def change(at, action="set", side="bid", price=1.0, size=1.0, flags=LAST, position=0):
    moment = START + at * SECOND
    return {
        "ts_recv": moment, "ts_event": moment, "venue": "binance", "symbol": "BTC", "seq": at,
        "position": position, "action": action, "side": side, "price": price, "size": size,
        "flags": flags,
    }  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
def test_books_say_where_the_record_has_gaps(tmp_path, engine):
    made = [
        change(0),
        change(2, flags=SNAPSHOT | LAST),
        change(4, side="ask", price=3.0, flags=GAP | LAST),
        change(6, side="ask", price=4.0),
        change(8, flags=SNAPSHOT | LAST),
    ]
    lake = lake_of(
        tmp_path, book_deltas=delta_table(made), feed_events=events([START + 9 * SECOND])
    )
    asked = {"start": START, "end": START + 11 * SECOND, "symbols": "BTC", "engine": engine}
    found = plain(series.books(lake, "1s", events="feed_events", **asked))
    states = {}
    for row in found:
        second = (row["ts"] - START) // SECOND
        gap = None if row["ts_gap"] is None else (row["ts_gap"] - START) // SECOND
        states[second] = (row["complete"], gap)
    assert states == {
        0: (False, None), 1: (False, None), 2: (True, None), 3: (True, None), 4: (False, 4),
        5: (False, 4), 6: (False, 4), 7: (False, 4), 8: (True, None), 9: (False, 9), 10: (False, 9),
    }  # fmt: skip
    assert plain(series.book_at(lake, START + 10 * SECOND, symbols="BTC", engine=engine))[0][
        "complete"
    ]


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_before_the_lookback_is_read(tmp_path, engine):
    made = [change(0, flags=SNAPSHOT | LAST), change(100, side="ask", price=2.0)]
    lake = lake_of(tmp_path, book_deltas=delta_table(made))
    at = START + 101 * SECOND
    whole = plain(series.book_at(lake, at, symbols="BTC", engine=engine))
    assert [(row["side"], row["complete"]) for row in whole] == [("ask", True), ("bid", True)]
    part = plain(series.book_at(lake, at, symbols="BTC", lookback="50s", engine=engine))
    assert [(row["side"], row["complete"]) for row in part] == [("ask", False)]


@pytest.mark.parametrize("engine", ENGINES)
def test_pictures_from_elsewhere(tmp_path, engine):
    """Only of instruments whose changes have none of their own."""
    pictures = rows(PICTURES, {
        "ts_event": [START, START], "ts_recv": [START, START], "venue": ["binance"] * 2,
        "symbol": ["BTC", "ETH"], "seq": [0, 0], "flags": [LAST, LAST],
        "bid_price": [[5.0, 4.0], [9.0]], "bid_size": [[1.0, 2.0], [9.0]],
        "ask_price": [[6.0], []], "ask_size": [[3.0], []],
        "bid_count": [None, [7]], "ask_count": [None, []],
    })  # fmt: skip
    made = [
        change(1, price=5.0, action="remove", size=0.0),
        {**change(1, price=1.0, flags=SNAPSHOT | LAST), "symbol": "ETH"},
    ]
    lake = lake_of(tmp_path, book_deltas=delta_table(made), book_snapshots=pictures)
    found = plain(series.book_at(
        lake, START + 2 * SECOND, symbols=["BTC", "ETH"], snapshots="book_snapshots", engine=engine
    ))  # fmt: skip
    assert [(r["symbol"], r["side"], r["price"], r["size"], r["complete"]) for r in found] == [
        ("BTC", "ask", 6.0, 3.0, True),
        ("BTC", "bid", 4.0, 2.0, True),
        ("ETH", "bid", 1.0, 1.0, True),
    ]


def test_books_that_make_no_sense(tmp_path):
    lake = lake_of(tmp_path, book_deltas=delta_table([change(0)]))
    span = {"start": START, "end": START + SECOND, "symbols": "BTC"}
    for wrong in (
        {"interval": "5t", **span},
        {"interval": "1s", **span, "end": START},
        {"interval": "1s", **span, "levels": 0},
        {"interval": "1s", **span, "lookback": "5v"},
        {"interval": "1s", **span, "start": None},
    ):
        with pytest.raises(Invalid):
            series.books(lake, **wrong)


# Calls in SQL text.


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
