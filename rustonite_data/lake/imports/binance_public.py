"""Binance's public data archive: trades, aggregated trades, candles and best bid and ask.

What a file holds is in its name (`BTCUSDT-aggTrades-2024-01-01.zip`), which market it is of only in
its folder (`data/futures/um/...`), so say `venue` when it lies elsewhere. Some files have a header.
Times are milliseconds, for spot since 2025 microseconds. The archive has no receive times:
`ts_recv` is the time of the event, and of the message for best bid and ask. Left out is what other
columns tell (money of a trade, base volume of COIN-M) and whether a trade was at the best price.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rustonite_data.errors import Invalid
from rustonite_data.lake.imports.arrays import numpy
from rustonite_data.lake.imports.cells import COUNT, NS, NUMBER, epoch, words
from rustonite_data.lake.imports.files import inner_name
from rustonite_data.lake.imports.source import FLAGS, Columns, Shape
from rustonite_data.lake.imports.text import Field, split
from rustonite_data.lake.imports.text_source import TextSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rustonite_data.lake.imports.cells import Kind
    from rustonite_data.lake.imports.text import Rows

NAME = re.compile(
    r"(?P<symbol>.+?)-(?P<kind>trades|aggTrades|bookTicker|(?P<interval>\d+(?:s|m|h|d|w|mo|M)))"
    r"-\d{4}-\d\d(?:-\d\d)?(?:\.csv)?$"
)
"""Names of files, without the suffix of their compression."""

_MARKETS = {"spot": "binance", "um": "binance-usdm", "cm": "binance-coinm"}
# Symbols that only one market has.
_SYMBOLS = {"binance-coinm": r"USD_(PERP|\d{6})$", "binance-usdm": r"(USDT|USDC|BUSD)_\d{6}$"}
_PRICES = {"markPriceKlines": "mark", "indexPriceKlines": "index", "premiumIndexKlines": "premium"}

_TIME = epoch("ms", "us")
# A buyer who is the maker rested: the seller took.
_SIDE = words({"true": "sell", "True": "sell", "false": "buy", "False": "buy"})
_MS, _US = 1_000_000, 1_000


def _trades(columns: Columns) -> Columns:
    return {name: columns[name] for name in ("price", "size", "side", "trade_id")} | {
        "ts_event": columns["time"],
        "ts_recv": columns["time"],
    }


def _aggregated(columns: Columns) -> Columns:
    count = pc.add(pc.subtract(columns["last_id"], columns["first_id"]), 1)
    return {**_trades(columns), "count": pc.cast(count, pa.int32())}


def _quotes(columns: Columns) -> Columns:
    made = {"ts_event": columns["time"], "ts_recv": columns["sent"], "seq": columns["update_id"]}
    for name in ("bid_price", "bid_size", "ask_price", "ask_size"):
        # A side without orders is sent as zeros.
        there = pc.greater(columns[f"{name[:3]}_size"], 0)
        made[name] = pc.if_else(there, columns[name], None)
    return made


def _bars(columns: Columns) -> Columns:
    close = numpy(pc.cast(columns["close_time"], pa.int64()))
    # The archive gives the last tick of its clock within the bar; ours is the end, exclusive.
    end = pa.array(close + np.where(close % _MS == 0, _MS, _US), NS)
    made = {"ts_event": end, "ts_recv": end, "ts_open": columns["open_time"], "ts_close": end}
    return made | {name: columns[name] for name in _BAR}


@dataclass(frozen=True)
class _Column:
    """A column of their files, which have an order and sometimes names."""

    key: str
    """What we call it; empty if it is not read."""
    kind: Kind | None
    spelled: str
    """Names that headers give it, without underscores and in small letters."""


@dataclass(frozen=True)
class _Layout:
    """One of their kinds of files."""

    dataset: str
    columns: Sequence[_Column]
    make: Callable[[Columns], Columns]
    filled: tuple[str, ...]
    optional: int = 0
    """How many columns at the end may be absent."""


_BAR = (
    *("open", "high", "low", "close", "volume"),
    *("turnover", "count", "buy_volume", "buy_turnover"),
)
_BAR_CONSTANTS = ("interval", "kind", "price_source", "source", "revision", "is_final")
_TRADE = ("price", "size", "side", "trade_id")
_QUOTE = ("bid_price", "bid_size", "ask_price", "ask_size", "seq")
_PRICE = _Column("price", NUMBER, "price")
_SIZE = _Column("size", NUMBER, "qty quantity")
_TAKER = _Column("side", _SIDE, "isbuyermaker")
_BEST = _Column("", None, "isbestmatch")
LAYOUTS = {
    "trades": _Layout(
        "trades",
        [
            *(_Column("trade_id", COUNT, "id tradeid"), _PRICE, _SIZE),
            _Column("", None, "quoteqty baseqty"),
            *(_Column("time", _TIME, "time"), _TAKER, _BEST),
        ],
        _trades,
        _TRADE,
        optional=1,
    ),
    "aggTrades": _Layout(
        "trades",
        [
            *(_Column("trade_id", COUNT, "aggtradeid"), _PRICE, _SIZE),
            _Column("first_id", COUNT, "firsttradeid"),
            _Column("last_id", COUNT, "lasttradeid"),
            *(_Column("time", _TIME, "transacttime timestamp time"), _TAKER, _BEST),
        ],
        _aggregated,
        (*_TRADE, "count"),
        optional=1,
    ),
    "bookTicker": _Layout(
        "quotes",
        [
            _Column("update_id", COUNT, "updateid"),
            _Column("bid_price", NUMBER, "bestbidprice"),
            _Column("bid_size", NUMBER, "bestbidqty"),
            _Column("ask_price", NUMBER, "bestaskprice"),
            _Column("ask_size", NUMBER, "bestaskqty"),
            _Column("time", _TIME, "transactiontime"),
            _Column("sent", _TIME, "eventtime"),
        ],
        _quotes,
        _QUOTE,
    ),
    "klines": _Layout(
        "bars",
        [
            _Column("open_time", _TIME, "opentime"),
            *(_Column(name, NUMBER, name) for name in ("open", "high", "low", "close", "volume")),
            _Column("close_time", _TIME, "closetime"),
            _Column("turnover", NUMBER, "quotevolume quoteassetvolume basevolume baseassetvolume"),
            _Column("count", COUNT, "count numberoftrades trades"),
            _Column(
                "buy_volume", NUMBER, "takerbuyvolume takerbuybasevolume takerbuybaseassetvolume"
            ),
            _Column(
                "buy_turnover",
                NUMBER,
                "takerbuyquotevolume takerbuyquoteassetvolume takerbuybaseassetvolume",
            ),
            _Column("", None, "ignore"),
        ],
        _bars,
        (*_BAR, *_BAR_CONSTANTS, "ts_open", "ts_close"),
    ),
}
"""Their kinds of files, by the word in the name."""


class BinancePublic(TextSource):
    """A file of Binance's archive."""

    format = "binance"

    def _prepare(self) -> None:
        """Read the name and the header, if there is one."""
        super()._prepare()
        request = self._request
        request.without_columns(self.format)
        options = request.take(price_source=None)
        found = NAME.match(inner_name(request.path)) or NAME.match(self._name)
        if found is None:
            raise Invalid(
                f"{self.path}: expected a name like BTCUSDT-aggTrades-2024-01-01.zip, "
                "which says what is inside"
            )
        self._symbol = request.symbol or found["symbol"]
        self._interval = (found["interval"] or "").replace("M", "mo")
        self._layout = LAYOUTS["klines" if self._interval else found["kind"]]
        self._venue = request.venue or self._market()
        prices = [word for part, word in _PRICES.items() if part in request.path.parts]
        self._price = options["price_source"] or (prices[0] if prices else "trade")
        self._columns = self._layout.columns if self._lines.empty else self._read_header()

    def _market(self) -> str:
        folders = self.path.absolute().parts[:-1]
        if "spot" in folders or "futures" in folders:
            found = [_MARKETS[part] for part in folders if part in _MARKETS]
            if len(found) == 1:
                return found[0]
        for venue, pattern in _SYMBOLS.items():
            if re.search(pattern, self._symbol):
                return venue
        return self._request.need("venue", "one of " + ", ".join(_MARKETS.values()))

    def _read_header(self) -> list[_Column]:
        """The columns of the file, by its first line."""
        cells = split(self.path, self._lines.first)
        columns = list(self._layout.columns)
        least = len(columns) - self._layout.optional
        named = not cells[0].isdigit()
        if len(cells) < least or (len(cells) > len(columns) and not named):
            raise Invalid(f"{self.path}: line 1: {len(cells)} cells, expected {len(columns)}")
        if not named:
            return columns[: len(cells)]
        for column, name in zip(columns, cells, strict=False):
            if re.sub("[_ ]", "", name).lower() not in column.spelled.split():
                raise Invalid(
                    f"{self.path}: line 1: column {name!r}, expected {column.spelled.split()[0]!r}"
                )
        self._lines.skip()
        extra = cells[len(columns) :]
        self._sort_out(extra)
        return columns[: len(cells)] + [_Column("", None, name) for name in extra]

    def _shapes(self) -> Iterable[Shape]:
        for dataset in self._request.choose([self._layout.dataset]):
            columns = ("ts_event", "ts_recv", "venue", "symbol", "flags", *self._layout.filled)
            yield Shape(self._request.schema(dataset), columns, self.extra_columns)

    def _batches(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        names = [
            column.key or (column.spelled if column.spelled in self._extra else f"unread {place}")
            for place, column in enumerate(self._columns)
        ]
        fields = [Field(column.key, column.kind) for column in self._columns if column.kind]
        for rows in self._table(names, fields):
            for dataset, shape in self.shapes.items():
                yield dataset, shape.batch(self._made(rows), rows.count)

    def _made(self, rows: Rows) -> Columns:
        flags = np.full(rows.count, FLAGS["last"], np.int32)
        if rows.inexact is not None:
            flags[rows.inexact] |= FLAGS["inexact"]
        made = {
            "venue": self._venue,
            "symbol": self._symbol,
            "flags": flags,
            **{name: rows.columns[name] for name in self._extra},
            **self._layout.make(rows.columns),
        }
        if self._layout.dataset == "bars":
            made |= {"interval": self._interval, "kind": "time", "price_source": self._price}
            made |= {"source": "venue", "revision": 0, "is_final": 1}
            if self._price != "trade":
                made |= dict.fromkeys(("volume", "turnover", "count", "buy_volume", "buy_turnover"))
            elif self._venue == _MARKETS["cm"]:
                # These hold amounts of the base currency there, and ours is the quote currency.
                made |= {"turnover": None, "buy_turnover": None}
        return made
