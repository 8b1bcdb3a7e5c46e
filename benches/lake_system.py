"""What each system of `lake.py` is asked, and the questions in the words that several share."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import lake_data as data

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

MINUTE_NS = 60_000_000_000
SLACK_NS = int(data.LATENCY_MS_MAX * 1e6) + 10_000_000
COLUMNS = {name: list(schema.names) for name, schema in data.SCHEMAS.items()}
SLICE = ["ts_event", "ts_recv", "venue", "symbol", "price", "size", "side", "trade_id"]

QUESTIONS = {
    "last": "last price per symbol",
    "hour": "one symbol, one hour, 8 columns to Arrow",
    "bars": "1-minute bars with VWAP, all symbols",
    "asof": "as-of join, one symbol's day",
    "notional": "sum(price * size) by symbol, all rows",
    "second": "one symbol, one second",
    "count": "count per minute of a symbol",
}


class Stopwatch:
    """Adds up the time inside `with`."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __enter__(self):
        self.started = time.perf_counter()
        return self

    def __exit__(self, *_):
        self.seconds += time.perf_counter() - self.started


class System:
    """Who is asked. Answers are Arrow tables, with the columns of `CHECKED`."""

    package = ""
    rows_max: int | None = None

    def __init__(self, folder: Path, rows: int) -> None:
        self.folder, self.rows = folder, rows

    def open(self, *, new: bool) -> None:
        """Before any step, not timed."""

    def close(self) -> None:
        """After the last step, not timed."""


class Store(System, ABC):
    """Who keeps what is asked for, too."""

    def prepare(self, _dataset: str, batch: pa.RecordBatch):
        return data.plain(batch)

    @abstractmethod
    def append(self, dataset: str, rows) -> None:
        """Store a batch as `prepare` made it."""

    def finalize(self, dataset: str) -> None:
        """Sort and merge what was appended, as one does once a day."""

    @abstractmethod
    def bytes(self, dataset: str) -> int | None:
        """What a dataset takes on disk, if that can be told."""


def files_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


# SQL that DuckDB, ClickHouse and we share, with the spelling of times left open.
SQL = {
    "last": "select symbol, {last}(price, ts_recv) as price from trades group by symbol",
    "hour": "select {slice} from trades where symbol = '{symbol}' and {in_hour}",
    "bars": """
        select symbol, {minute} as minute, {first}(price, ts_recv) as open, max(price) as high,
            min(price) as low, {last}(price, ts_recv) as close, sum(size) as volume,
            sum(price * size) / sum(size) as vwap, count(*) as count
        from trades group by symbol, minute""",
    "asof": """
        select t.ts_recv as ts_recv, t.price as price, q.bid_price as bid_price,
            q.ask_price as ask_price
        from (select ts_recv, symbol, price from trades where symbol = '{symbol}') t
        asof join (select ts_recv, symbol, bid_price, ask_price from quotes
            where symbol = '{symbol}') q
        on t.symbol = q.symbol and t.ts_recv >= q.ts_recv""",
    "notional": "select symbol, sum(price * size) as notional from trades group by symbol",
    "second": "select {slice} from trades where symbol = '{symbol}' and {in_second}",
    "count": """
        select {minute} as minute, count(*) as count from trades where symbol = '{symbol}'
        group by minute""",
}

# What must agree between systems: how many rows, and the sums of these columns.
CHECKED = {
    "last": ["price"],
    "hour": ["price", "size", "trade_id"],
    "bars": ["open", "high", "low", "close", "volume", "vwap", "count"],
    "asof": ["price", "bid_price", "ask_price"],
    "notional": ["notional"],
    "second": ["price", "size", "trade_id"],
    "count": ["count"],
}


def range_of(question: str) -> tuple[int, int]:
    """Start and end in nanoseconds, the end exclusive."""
    start = data.HOUR_NS if question == "hour" else data.SECOND_NS
    return start, start + (3_600_000_000_000 if question == "hour" else 1_000_000_000)


def spell(question: str, *, moment, minute: str, first: str, last: str) -> str:
    """One of `SQL`; `moment` spells nanoseconds."""

    def between(name: str) -> str:
        start, end = range_of(name)
        return f"ts_event >= {moment(start)} and ts_event < {moment(end)}"

    return SQL[question].format(
        symbol=data.SYMBOL, slice=", ".join(SLICE), minute=minute, first=first, last=last,
        in_hour=between("hour"), in_second=between("second"),
    )  # fmt: skip


class Unanswered(Exception):
    """The system has no way to ask this."""


def polars_bars(frame, by):
    import polars as pl  # noqa: PLC0415 - only where it is wanted

    price, size, arrived = pl.col("price"), pl.col("size"), pl.col("ts_recv")
    return frame.group_by(*by, pl.col("ts_event").dt.truncate("1m").alias("minute")).agg(
        price.min_by(arrived).alias("open"),
        price.max().alias("high"),
        price.min().alias("low"),
        price.max_by(arrived).alias("close"),
        size.sum().alias("volume"),
        ((price * size).sum() / size.sum()).alias("vwap"),
        pl.len().alias("count"),
    )


def polars_notional(frame, by):
    import polars as pl  # noqa: PLC0415 - only where it is wanted

    notional = (pl.col("price") * pl.col("size")).sum().alias("notional")
    return frame.group_by(by).agg(notional) if by else frame.select(notional)
