"""Records of DBN as columns of ours, one maker per sort of record."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rustonite_data.lake.imports.arrays import looked_up, ragged
from rustonite_data.lake.imports.cells import NS
from rustonite_data.lake.imports.dbn_definitions import INSTRUMENT, definitions
from rustonite_data.lake.imports.dbn_numbers import UNDEFINED_TIME, prices, times
from rustonite_data.lake.imports.source import FLAGS, Columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rustonite_data.lake.imports.arrays import Mask
    from rustonite_data.lake.imports.dbn_symbols import Symbols
    from rustonite_data.lake.imports.order_sizes import OrderSizes, Places

Array = np.ndarray[Any, Any]

_LAST, _SNAPSHOT, _BAD_TIME, _BAD_BOOK = 128, 32, 8, 4
_LEVELS = 10
_SECONDS = {0x20: ("1s", 1), 0x21: ("1m", 60), 0x22: ("1h", 3600), 0x23: ("1d", 86400)}
_SECONDS[0x24] = ("1d", 86400)

_COMMON = ("ts_event", "ts_recv", "venue", "symbol", "flags")
_TRADE = (*_COMMON, "price", "size", "side", "exchange")
_QUOTE = (
    *(*_COMMON, "bid_price", "bid_size", "ask_price", "ask_size", "bid_count", "ask_count"),
    *("bid_exchange", "ask_exchange", "seq"),
)
_BOOK = (
    *(*_COMMON, "bid_price", "bid_size", "ask_price", "ask_size", "bid_count", "ask_count"),
    "seq",
)
_ORDER = (
    *(*_COMMON, "action", "side", "order_id", "order_uid", "price", "size", "size_filled"),
    *("seq", "position"),
)
_BAR = (
    *(*_COMMON, "ts_open", "ts_close", "interval", "kind", "price_source", "source"),
    *("open", "high", "low", "close", "volume", "revision", "is_final"),
)
_TAKER = {b"B": "buy", b"A": "sell", b"N": "unknown"}
_BOOK_SIDE = {b"B": "bid", b"A": "ask", b"N": None}
_ACTIONS = {b"A": "add", b"M": "modify", b"C": "remove", b"R": "clear", b"F": "fill"}


@dataclass(frozen=True)
class Batch:
    """Some records of one sort, and what is needed to understand them."""

    rows: Array
    venue: str
    symbols: Symbols
    orders: OrderSizes
    places: Places
    joined: bool
    """Whether several exchanges are in the file."""

    @cached_property
    def silent(self) -> Mask:
        """Records without a time of their own."""
        return np.asarray(self.rows["ts_event"] == UNDEFINED_TIME)

    def common(self, mask: Mask | None = None, *, sampled: bool = False) -> Columns:
        """The columns that all datasets share, of the rows of a mask."""
        rows = self.rows if mask is None else self.rows[mask]
        silent = self.silent if mask is None else self.silent[mask]
        received = rows["ts_recv"].astype(np.int64)
        silent = np.ones(len(rows), bool) if sampled else silent
        event = np.where(silent, received, rows["ts_event"].astype(np.int64))
        return {
            "ts_event": pa.array(event, NS),
            "ts_recv": pa.array(received, NS),
            "venue": self.venue,
            "symbol": self.symbols.of(rows["instrument_id"], received),
            "flags": _flags(rows, silent),
        }

    def exchange(self, column: Array) -> pa.Array | None:
        """Databento's number of an exchange, where there are several."""
        return pa.array(column.astype("U")) if self.joined else None


Made = tuple[str, Columns, int]


@dataclass(frozen=True)
class Maker:
    """How one sort of records becomes rows."""

    rtypes: frozenset[int]
    schemas: frozenset[str]
    """Databento's names of files with such records."""
    record: str
    """Its class in `databento_dbn`, which knows the layout."""
    columns: dict[str, tuple[str, ...]]
    """Columns that are filled, by dataset."""
    make: Callable[[Batch], Iterator[Made]]


def _flags(rows: Array, silent: Mask) -> Array:
    theirs = rows["flags"]
    flags = np.where(theirs & _LAST, FLAGS["last"], 0)
    flags |= np.where(theirs & _SNAPSHOT, FLAGS["snapshot"], 0)
    flags |= np.where(theirs & (_BAD_TIME | _BAD_BOOK), FLAGS["doubtful"], 0)
    flags |= np.where(silent, FLAGS["local_time"], 0)
    return flags.astype(np.int32)


def _words(column: Array, table: Mapping[bytes, str | None]) -> pa.Array:
    return looked_up(pa.array(column.astype("S1"), pa.binary()), table)


def _trades(batch: Batch, mask: Mask | None = None) -> Iterator[Made]:
    rows = batch.rows if mask is None else batch.rows[mask]
    yield (
        "trades",
        {
            **batch.common(mask),
            "price": prices(rows["price"]),
            "size": rows["size"].astype(np.float64),
            "side": _words(rows["side"], _TAKER),
            "exchange": batch.exchange(rows["publisher_id"]),
        },
        len(rows),
    )


def _quotes(batch: Batch, *, sampled: bool = False) -> Iterator[Made]:
    rows = batch.rows
    columns = batch.common(sampled=sampled)
    for side in ("bid", "ask"):
        price = prices(rows[f"{side}_px_00"])
        absent = price.is_null().to_numpy(zero_copy_only=False)
        columns[f"{side}_price"] = price
        columns[f"{side}_size"] = pa.array(rows[f"{side}_sz_00"].astype(np.float64), mask=absent)
        if f"{side}_ct_00" in rows.dtype.names:
            counts = rows[f"{side}_ct_00"].astype(np.int32)
            columns[f"{side}_count"] = pa.array(counts, mask=absent)
        else:
            columns[f"{side}_exchange"] = pa.array(rows[f"{side}_pb_00"].astype("U"), mask=absent)
    if "sequence" in rows.dtype.names:
        columns["seq"] = rows["sequence"].astype(np.int64)
    yield "quotes", columns, len(rows)


def _quotes_and_trades(batch: Batch) -> Iterator[Made]:
    yield from _quotes(batch)
    yield from _trades(batch, batch.rows["action"] == b"T")


def _sampled(batch: Batch) -> Iterator[Made]:
    yield from _quotes(batch, sampled=True)


def _books(batch: Batch) -> Iterator[Made]:
    rows = batch.rows
    columns = batch.common()
    for side in ("bid", "ask"):
        levels = [f"{side}_{{}}_{level:02}" for level in range(_LEVELS)]
        price = [prices(rows[level.format("px")]) for level in levels]
        size = [rows[level.format("sz")].astype(np.float64) for level in levels]
        count = [rows[level.format("ct")].astype(np.int32) for level in levels]
        columns[f"{side}_price"] = ragged(price, price)
        columns[f"{side}_size"] = ragged(size, price)
        columns[f"{side}_count"] = ragged(count, price)
    columns["seq"] = rows["sequence"].astype(np.int64)
    yield "book_snapshots", columns, len(rows)
    yield from _trades(batch, rows["action"] == b"T")


def _orders(batch: Batch) -> Iterator[Made]:
    every = batch.rows
    place = batch.places.of(every["instrument_id"].astype(np.int64), (every["flags"] & _LAST) != 0)
    mask = np.isin(every["action"], list(_ACTIONS))
    rows = every[mask]
    action, size = rows["action"], rows["size"].astype(np.int64)
    sets, takes = np.isin(action, (b"A", b"M")), action == b"C"
    left, known = batch.orders.after(
        rows["instrument_id"].astype(np.int64),
        rows["order_id"].astype(np.int64),
        sets,
        np.where(sets | takes, size, 0),
    )
    # A cancel takes a part of an order or all of it.
    partly = takes & known & (left > 0)
    filled, cleared = action == b"F", action == b"R"
    numbered = rows["order_id"] <= np.iinfo(np.int64).max
    words = np.where(partly, b"M", action)
    columns = {
        **batch.common(mask),
        "action": _words(words, _ACTIONS),
        "side": _words(rows["side"], _BOOK_SIDE),
        "order_id": pa.array(rows["order_id"].astype(np.int64), mask=cleared | ~numbered),
        "order_uid": pa.array(rows["order_id"].astype("U"), mask=cleared | numbered),
        "price": prices(rows["price"], absent=cleared),
        "size": pa.array(np.where(takes & ~partly, 0, left), mask=filled | cleared),
        "size_filled": pa.array(size, mask=~filled),
        "seq": rows["sequence"].astype(np.int64),
        "position": place[mask],
    }
    yield "book_orders", columns, len(rows)
    yield from _trades(batch, every["action"] == b"T")


def _bars(batch: Batch) -> Iterator[Made]:
    rows = batch.rows
    interval, length = _SECONDS[int(rows["rtype"][0])]
    opened = rows["ts_event"].astype(np.int64)
    end = pa.array(opened + length * 1_000_000_000, NS)
    columns = {name: prices(rows[name]) for name in ("open", "high", "low", "close")}
    columns |= {"ts_event": end, "ts_recv": end, "ts_close": end, "ts_open": pa.array(opened, NS)}
    columns |= {"venue": batch.venue, "symbol": batch.symbols.of(rows["instrument_id"], opened)}
    columns |= {"interval": interval, "kind": "time", "price_source": "trade", "source": "vendor"}
    columns |= {"revision": 0, "is_final": 1, "flags": FLAGS["last"]}
    yield "bars", {**columns, "volume": rows["volume"].astype(np.float64)}, len(rows)


def _definitions(batch: Batch) -> Iterator[Made]:
    columns = {**definitions(batch.rows), "venue": batch.venue, "flags": FLAGS["last"]}
    received = times(batch.rows["ts_recv"])
    event = pc.coalesce(times(batch.rows["ts_event"]), received)
    yield "instruments", {**columns, "ts_event": event, "ts_recv": received}, len(batch.rows)


def _maker(rtypes: set[int], names: str, record: str, make: Any, **columns: Any) -> Maker:  # noqa: ANN401
    return Maker(frozenset(rtypes), frozenset(names.split()), record, columns, make)


MAKERS = [
    _maker({0x00}, "trades", "TradeMsg", _trades, trades=_TRADE),
    _maker(
        *({0x01, 0xC5}, "mbp-1 tbbo", "MBP1Msg", _quotes_and_trades),
        quotes=_QUOTE,
        trades=_TRADE,
    ),
    _maker({0x0A}, "mbp-10", "MBP10Msg", _books, book_snapshots=_BOOK, trades=_TRADE),
    _maker({0xA0}, "mbo", "MBOMsg", _orders, book_orders=_ORDER, trades=_TRADE),
    _maker({0xC3, 0xC4}, "bbo-1s bbo-1m", "BBOMsg", _sampled, quotes=_QUOTE),
    _maker(
        *({0xB1, 0xC2}, "cmbp-1 tcbbo", "CMBP1Msg", _quotes_and_trades),
        quotes=_QUOTE,
        trades=_TRADE,
    ),
    _maker({0xC0, 0xC1}, "cbbo-1s cbbo-1m", "CBBOMsg", _sampled, quotes=_QUOTE),
    _maker(
        set(_SECONDS), "ohlcv-1s ohlcv-1m ohlcv-1h ohlcv-1d ohlcv-eod", "OHLCVMsg", _bars, bars=_BAR
    ),
    _maker({0x13}, "definition", "InstrumentDefMsg", _definitions, instruments=INSTRUMENT),
]
"""All sorts of records that there is a dataset for."""
