"""One day of generated ticks for `lake.py`: seeded, made once, kept as Arrow files.

What matters to stores is as in recordings: prices walk on a grid of ticks, sizes have few decimals
and a heavy tail, rows come in bursts that share the venue's time, three of four venues round that
time to milliseconds, ids count up per instrument, a few symbols have most of the rows. `ts_recv` is
never twice the same, so that "the last row" and "the quote before this trade" have one answer.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION = 1
SEED = 20_251_121
BATCH_ROWS = 100_000
CHUNK_ROWS = 1_000_000
DAY_NS = 86_400_000_000_000
START_NS = 20_400 * DAY_NS
VENUES = ["binance", "bybit", "coinbase", "okx"]
SYMBOLS = [
    "BTC-USDT", "ETH-USDT", "SOL-USDT", "XRP-USDT", "DOGE-USDT", "BNB-USDT", "PEPE-USDT",
    "ADA-USDT", "LINK-USDT", "SUI-USDT", "AVAX-USDT", "LTC-USDT", "SHIB-USDT", "DOT-USDT",
    "TRX-USDT", "UNI-USDT", "APT-USDT", "NEAR-USDT", "ARB-USDT", "ATOM-USDT",
]  # fmt: skip
PRICES = np.array([
    97_000, 3_400, 190, 2.3, 0.33, 690, 0.000018, 0.95, 22, 4.5, 40, 110, 0.000023, 7, 0.25, 13, 9,
    5.3, 0.75, 6.5,
])  # fmt: skip
SIZES = np.array([
    0.02, 0.4, 8, 600, 4_000, 1.5, 8e7, 1_500, 60, 250, 30, 9, 6e7, 150, 5_000, 80, 120, 200, 1_500,
    170,
])  # fmt: skip
VENUE_SHARE = np.array([0.5, 0.2, 0.1, 0.2])
LATENCY_MS = np.array([2.0, 8.0, 35.0, 5.0])
LATENCY_MS_MAX = (
    900.0  # so that a range of `ts_event` is within one of `ts_recv` that is a bit wider
)
VENUE_CLOCK_NS = np.array([1_000_000, 1_000_000, 1_000, 1_000_000])

# The symbol and times that queries ask for.
SYMBOL = "ETH-USDT"
HOUR_NS = START_NS + 14 * 3_600_000_000_000
SECOND_NS = HOUR_NS + 1_234_000_000_000

_TIME = pa.timestamp("ns")
_COMMON = [("ts_event", _TIME), ("ts_recv", _TIME)]
_COMMON += [("venue", pa.dictionary(pa.int16(), pa.string()))]
_COMMON += [("symbol", pa.dictionary(pa.int32(), pa.string()))]
SCHEMAS = {
    "trades": pa.schema(
        [
            *_COMMON,
            ("price", pa.float64()),
            ("size", pa.float64()),
            ("side", pa.dictionary(pa.int8(), pa.string())),
            ("trade_id", pa.int64()),
            ("flags", pa.int32()),
        ]
    ),
    "quotes": pa.schema(
        [
            *_COMMON,
            ("bid_price", pa.float64()),
            ("bid_size", pa.float64()),
            ("ask_price", pa.float64()),
            ("ask_size", pa.float64()),
            ("flags", pa.int32()),
        ]
    ),
}


def prepared(rows: int) -> Path:
    """The folder with `trades.arrow` and `quotes.arrow`; made if it is not there."""
    base = Path(os.environ.get("RUSTONITE_BENCH_CACHE", Path(tempfile.gettempdir())))
    folder = base / f"rustonite-bench-v{VERSION}-{rows}"
    if folder.is_dir():
        return folder
    part = folder.with_name(f"{folder.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for number, dataset in enumerate(SCHEMAS):
        with pa.ipc.new_file(part / f"{dataset}.arrow", SCHEMAS[dataset]) as out:
            for batch in generate(dataset, rows, SEED + number):
                out.write_batch(batch)
    part.replace(folder)
    return folder


def batches(folder: Path, dataset: str) -> Iterator[pa.RecordBatch]:
    """What was prepared, in batches of `BATCH_ROWS`, in order of arrival."""
    with pa.OSFile(str(folder / f"{dataset}.arrow")) as source:
        file = pa.ipc.open_file(source)
        for number in range(file.num_record_batches):
            yield file.get_batch(number)


def plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The same with texts instead of codes."""
    kinds = [
        field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field
        for field in batch.schema
    ]
    return batch.cast(pa.schema(kinds))


def generate(dataset: str, rows: int, seed: int) -> Iterator[pa.RecordBatch]:
    """The day in batches, in order of arrival."""
    dice = np.random.default_rng(seed)
    market = Market(dice)
    chunks = -(-rows // CHUNK_ROWS)
    for chunk in range(chunks):
        count = min(CHUNK_ROWS, rows - chunk * CHUNK_ROWS)
        span = DAY_NS * count // rows
        columns = market.rows(dataset, START_NS + DAY_NS * chunk * CHUNK_ROWS // rows, span, count)
        table = pa.table(columns, schema=SCHEMAS[dataset])
        yield from table.to_batches(max_chunksize=BATCH_ROWS)


class Market:
    """Twenty walks that go on from chunk to chunk."""

    def __init__(self, dice: np.random.Generator) -> None:
        self.dice = dice
        share = 1 / np.arange(1, len(SYMBOLS) + 1) ** 0.9
        self.share = np.outer(share / share.sum(), VENUE_SHARE).ravel()
        # About five digits of price, as venues have it.
        self.tick_exponent = (np.floor(np.log10(PRICES)) - 4).astype(int)
        self.tick = np.round(PRICES / 10.0**self.tick_exponent).astype(np.int64)
        self.lot_exponent = (np.floor(np.log10(SIZES)) - 2).astype(int)
        self.ids = dice.integers(10**8, 2 * 10**9, len(SYMBOLS) * len(VENUES))

    def rows(self, dataset: str, start_ns: int, span_ns: int, count: int) -> list[pa.Array]:
        dice = self.dice
        burst, stream = self.bursts(count)
        symbol, venue = stream // len(VENUES), stream % len(VENUES)
        recv, event = self.times(burst, venue, start_ns, span_ns)
        steps = dice.choice([-1, 0, 0, 0, 1], count)
        mid = self.walk(symbol, steps)
        common = [
            pa.array(event, _TIME),
            pa.array(recv, _TIME),
            codes(venue.astype(np.int16), VENUES),
            codes(symbol.astype(np.int32), SYMBOLS),
        ]
        flags = np.zeros(count, np.int32)
        flags[:-1] = burst[1:] != burst[:-1]
        if dataset == "quotes":
            spread = dice.geometric(0.6, count)
            bid, ask = self.price(symbol, mid), self.price(symbol, mid + spread)
            sizes = [self.sizes(symbol, 4.0) for _ in range(2)]
            return [*common, *map(pa.array, (bid, sizes[0], ask, sizes[1], flags))]
        buys = dice.random(count) < 0.5
        first = np.r_[True, burst[1:] != burst[:-1]]
        buys = buys[np.flatnonzero(first)][np.cumsum(first) - 1]  # one taker per burst
        ids = self.trade_ids(stream)
        price = self.price(symbol, mid + buys)
        side = codes((~buys).astype(np.int8), ["buy", "sell"])
        size = self.sizes(symbol, 1.0)
        return [*common, pa.array(price), pa.array(size), side, pa.array(ids), pa.array(flags)]

    def bursts(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """For each row the number of its message, and the stream it is of."""
        lengths = self.dice.geometric(0.45, count)
        messages = int(np.searchsorted(np.cumsum(lengths), count)) + 1
        burst = np.repeat(np.arange(messages), lengths[:messages])[:count]
        streams = self.dice.choice(len(self.share), messages, p=self.share)
        return burst, streams[burst]

    def times(
        self, burst: np.ndarray, venue: np.ndarray, start_ns: int, span_ns: int
    ) -> tuple[np.ndarray, np.ndarray]:
        dice, messages = self.dice, int(burst[-1]) + 1
        pace = dice.choice([0.05, 1.0, 6.0], messages, p=[0.5, 0.4, 0.1])
        gaps = dice.exponential(1.0, messages) * pace
        sent = start_ns + (np.cumsum(gaps) / gaps.sum() * span_ns * 0.9999).astype(np.int64)
        first = np.flatnonzero(np.r_[True, burst[1:] != burst[:-1]])
        within = np.arange(len(burst)) - first[burst]
        recv = strictly_rising(sent[burst] + within * int(dice.integers(120, 400)))
        latency = LATENCY_MS[venue[first]] * dice.lognormal(0, 0.5, messages)
        latency = (np.minimum(latency, LATENCY_MS_MAX) * 1e6).astype(np.int64)
        clock = VENUE_CLOCK_NS[venue[first]]
        happened = (recv[first] - latency) // clock * clock
        return recv, np.maximum(happened, START_NS)[burst]

    def walk(self, symbol: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """Ticks of each row, going on where the symbol was."""
        order = np.argsort(symbol, kind="stable")
        sums = np.cumsum(steps[order])
        counts = np.bincount(symbol, minlength=len(SYMBOLS))
        ends = np.cumsum(counts)
        before = np.r_[0, sums][ends - counts]
        ticks = np.empty_like(sums)
        ticks[order] = sums - np.repeat(before, counts) + np.repeat(self.tick, counts)
        self.tick = self.tick + np.r_[0, sums][ends] - before
        return np.maximum(ticks, 10)

    def price(self, symbol: np.ndarray, ticks: np.ndarray) -> np.ndarray:
        """The double that is nearest to the decimal, as a parser would give it."""
        return decimal(ticks, self.tick_exponent[symbol])

    def sizes(self, symbol: np.ndarray, scale: float) -> np.ndarray:
        lots = 100 * scale * self.dice.lognormal(-0.5, 1.3, len(symbol))
        round_ones = self.dice.random(len(symbol)) < 0.3
        lots = np.where(round_ones, np.ceil(lots / 100) * 100, np.ceil(lots)).astype(np.int64)
        return decimal(lots, self.lot_exponent[symbol])

    def trade_ids(self, stream: np.ndarray) -> np.ndarray:
        order = np.argsort(stream, kind="stable")
        counts = np.bincount(stream, minlength=len(self.ids))
        within = np.arange(len(stream)) - np.repeat(np.cumsum(counts) - counts, counts)
        ids = np.empty(len(stream), np.int64)
        ids[order] = within + np.repeat(self.ids, counts)
        self.ids = self.ids + counts
        return ids


def decimal(mantissa: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    # One division or product by an exact power of ten rounds once.
    power = 10.0 ** np.abs(exponent)
    return np.where(exponent < 0, mantissa / power, mantissa * power)


def strictly_rising(values: np.ndarray) -> np.ndarray:
    steps = np.arange(len(values))
    return np.maximum.accumulate(values - steps) + steps


def codes(values: np.ndarray, words: list[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(values), pa.array(words))
