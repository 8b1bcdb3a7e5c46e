"""Questions about what was recorded, in SQL and in Polars, over files and tapes as one table."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from rustonite_data.cli.output import aligned, widths
from rustonite_exec.demo.crew import TRADED

if TYPE_CHECKING:
    from collections.abc import Callable

    from rustonite_data.lake import Lake

_BARS = f"""
select strftime(ts_open, '%H:%M:%S') as at, count as trades, open, high, low, close,
       round(vwap, 2) as vwap
from (select * from bars(trades, '5s') where symbol = '{TRADED}' order by ts_open desc limit 5)
order by ts_open
"""  # noqa: S608 - our own text

_SPREADS = """
select symbol, count(*) as trades,
       round(avg(spread(bid_price, ask_price) / mid(bid_price, ask_price)) * 1e4, 3) as quoted_bps,
       round(avg(2 * abs(price - mid(bid_price, ask_price)) / mid(bid_price, ask_price)) * 1e4, 3)
           as effective_bps
from asof_quotes(trades, quotes, time := ts_recv) where bid_price > 0 and ask_price > 0
group by symbol order by symbol
"""

# Each fill beside the quote of its moment: what was earned against the middle.
_FILLS = """
select f.side, count(*) as fills, round(sum(f.size)::double, 2) as size,
       round(avg(f.price)::double, 2) as price,
       round(avg(case f.side when 'buy' then 1 else -1 end
           * ((q.bid_price + q.ask_price) / 2 - f.price::double)
           / f.price::double * 1e4), 3) as edge_bps
from fills f
asof join quotes q on f.symbol = q.symbol and f.ts_recv >= q.ts_recv
where f.kind = 'trade'
group by f.side order by f.side
"""


@dataclass(frozen=True)
class Answer:
    """What a query gave, and how long it took."""

    title: str
    way: str
    text: str
    columns: list[str]
    rows: list[tuple[Any, ...]]
    milliseconds: float

    @property
    def cells(self) -> list[list[str]]:
        """The rows for people."""
        return [[cell_text(value) for value in row] for row in self.rows]

    @property
    def numeric(self) -> set[int]:
        """Which columns have numbers."""
        first = self.rows[0] if self.rows else ()
        return {at for at, value in enumerate(first) if isinstance(value, (int, float))}

    def lines(self) -> list[str]:
        """A title with the time it took, and the rows below each other."""
        rows = [self.columns, *self.cells]
        head = f"{self.title} ({self.way}, {self.milliseconds:.1f} ms)"
        return [head, *(f"  {line}" for line in aligned(rows, widths(rows), self.numeric))]


def cell_text(value: Any) -> str:  # noqa: ANN401 - of any column
    """A value for people.

    Example:
        >>> cell_text(1234567), cell_text(0.5), cell_text(None)
        ('1,234,567', '0.5', '')
    """
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.10g}"
    return "" if value is None else str(value)


def answers(lake: Lake) -> list[Answer]:
    """All of them, on the rows of this moment."""
    return [
        _timed("Where the rows are", "Polars", HOT_AND_COLD, lambda: hot_and_cold(lake)),
        _sql(lake, f"Bars of 5 s of {TRADED}, the last ones", _BARS),
        _sql(lake, "What takers paid, by the quotes that stood when they came", _SPREADS),
        _sql(lake, "Own fills and the quotes of their moment", _FILLS),
        _timed("Who was in a hurry", "Polars", FLOW, lambda: flow(lake)),
    ]


def _sql(lake: Lake, title: str, text: str) -> Answer:
    return _timed(title, "SQL", text.strip(), lambda: lake.sql(text).pl())


def _timed(title: str, way: str, text: str, ask: Callable[[], pl.DataFrame]) -> Answer:
    began = time.perf_counter()
    frame = ask()
    took = (time.perf_counter() - began) * 1e3
    return Answer(title, way, text, frame.columns, frame.rows(), took)


HOT_AND_COLD = 'lake.scan("trades"), lake.scan("trades", hot=False), …'


def hot_and_cold(lake: Lake) -> pl.DataFrame:
    """Rows in files and rows that are only on tapes so far."""
    found = []
    for dataset in ("trades", "quotes", "book_deltas", "frames"):
        rows = lake.scan(dataset).select(pl.len()).collect().item()
        files = lake.scan(dataset, hot=False).select(pl.len()).collect().item()
        found.append((dataset, files, rows - files))
    names = ["dataset", "in files", "on tapes alone"]
    return pl.DataFrame(found, schema=names, orient="row")


FLOW = """lake.scan("trades").group_by("symbol").agg(
    notional, share of buyers, volatility of returns from trade to trade)"""


def flow(lake: Lake) -> pl.DataFrame:
    """Who was in a hurry, and how much prices moved."""
    price, size = pl.col("price"), pl.col("size")
    bought = size.filter(pl.col("side").cast(pl.String) == "buy").sum() / size.sum()
    moved = (price.log().diff() ** 2).sum().sqrt() * 1e4
    return (
        lake.scan("trades")
        .sort("ts_recv", "trade_id")
        .group_by("symbol")
        .agg(
            pl.len().alias("trades"),
            (price * size).sum().round(0).alias("notional"),
            (bought * 100).round(1).alias("bought_percent"),
            moved.round(2).alias("volatility_bps"),
        )
        .with_columns(pl.col("symbol").cast(pl.String))
        .sort("symbol")
        .collect()
    )


def quotes_of(lake: Lake, symbol: str) -> pl.DataFrame:
    """Middle and spread over time, where both sides are quoted."""
    bid, ask = pl.col("bid_price"), pl.col("ask_price")
    return (
        lake.scan("quotes", symbols=[symbol])
        .filter((bid > 0) & (ask > 0))
        .sort("ts_recv")
        .select(
            pl.col("ts_recv").cast(pl.Int64).alias("at"),
            ((bid + ask) / 2).alias("mid"),
            ((ask - bid) / (ask + bid) * 2e4).alias("spread_bps"),
        )
        .collect()
    )


def fills(lake: Lake) -> pl.DataFrame:
    """Own executions in the order of their receipt."""
    return (
        lake.scan("fills")
        .filter(pl.col("kind").cast(pl.String) == "trade")
        .sort("seq")
        .select(
            pl.col("ts_recv").cast(pl.Int64).alias("at"),
            pl.col("side").cast(pl.String),
            pl.col("price").cast(pl.Float64),
            pl.col("size").cast(pl.Float64),
            pl.col("fee").cast(pl.Float64).fill_null(0.0),
            pl.col("fee_asset").cast(pl.String),
        )
        .collect()
    )


def profit(lake: Lake) -> pl.DataFrame:
    """Profit over time: the money that came and went, and what is held at the middle."""
    sign = pl.when(pl.col("side") == "buy").then(1.0).otherwise(-1.0)
    is_base = pl.col("fee_asset") == TRADED.removesuffix("USDT")
    paid = pl.when(is_base).then(pl.col("fee") * pl.col("price")).otherwise(pl.col("fee"))
    changes = fills(lake).select(
        "at",
        (-sign * pl.col("price") * pl.col("size") - paid).cum_sum().alias("cash"),
        (sign * pl.col("size")).cum_sum().alias("held"),
    )
    return (
        quotes_of(lake, TRADED)
        .join_asof(changes, on="at")
        .with_columns(pl.col("cash", "held").fill_null(0.0))
        .select("at", (pl.col("cash") + pl.col("held") * pl.col("mid")).alias("profit"), "held")
    )


_ROUND_TRIPS = """
select (epoch_ns(a.ts_recv) - epoch_ns(s.ts_recv)) / 1000.0 as us
from orders s join orders a on a.client_id = s.client_id and a.order_id = s.order_id
where s.event = 'submitted' and a.event = 'accepted'
"""


def round_trips(lake: Lake) -> list[float]:
    """Microseconds from the journal's row of an intent to the venue's answer, of each order."""
    return [us for (us,) in lake.sql(_ROUND_TRIPS).rows()]
