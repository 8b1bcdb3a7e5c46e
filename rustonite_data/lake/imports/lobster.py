"""LOBSTER: messages of one Nasdaq stock on one day, and the book after each of them.

A message file gives `book_orders`, `trades` and, for halts, `tickers`; an orderbook file gives
`book_snapshots` and `quotes`, with the times of the message file beside it. Times are seconds after
midnight of the exchange; the day is in the name. The trades are those of the messages: executions
of one taker are a row each. There are no trade ids and no receive times (`ts_recv` is `ts_event`).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rustonite_data.errors import Invalid
from rustonite_data.lake.imports.arrays import changes, looked_up, numpy, ragged
from rustonite_data.lake.imports.cells import COUNT, INTEGER, NS, seconds, words
from rustonite_data.lake.imports.files import ByteStream, inner_name
from rustonite_data.lake.imports.lines import Lines
from rustonite_data.lake.imports.order_sizes import OrderSizes
from rustonite_data.lake.imports.rejects import Rejects
from rustonite_data.lake.imports.source import FLAGS, Columns, Shape
from rustonite_data.lake.imports.text import Field, TextTable, split
from rustonite_data.lake.imports.text_source import TextSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rustonite_data.lake.imports.arrays import Mask

NAME = re.compile(
    r"(?P<symbol>.+?)_(?P<date>\d{4}-\d\d-\d\d)_(?:\d+_\d+_)?"
    r"(?P<kind>message|orderbook)_(?P<levels>\d+)"
)
"""Names of files."""

_ADD, _CANCEL, _DELETE, _FILL, _HIDDEN, _CROSS, _HALT = "1234567"
_ACTIONS = {
    _ADD: "add",
    _CANCEL: "modify",
    _DELETE: "remove",
    _FILL: "fill",
    _HIDDEN: "hidden_fill",
}
_EVENTS = words({kind: kind for kind in "1234567"})
_BOOK_SIDE = words({"1": "bid", "-1": "ask"})
_TAKER = {"bid": "sell", "ask": "buy"}
_CONDITIONS = {_FILL: None, _HIDDEN: "hidden", _CROSS: "cross"}
# The price of a halt message says what happens; between halt and trading, quotes are collected.
_HALTS = {-1: "halted", 0: "auction", 1: "trading"}
_EMPTY_LEVEL = 9_999_999_999
_PRICE_SCALE = 10_000
_MESSAGE = ("time", "type", "order_id", "size", "price", "direction")
_COMMON = ("ts_event", "ts_recv", "venue", "symbol", "flags")
_COLUMNS = {
    "book_orders": ("action", "side", "order_id", "price", "size", "size_filled", "position"),
    "trades": ("price", "size", "side", "conditions"),
    "tickers": ("status", "status_raw"),
    "book_snapshots": ("bid_price", "bid_size", "ask_price", "ask_size"),
    "quotes": ("bid_price", "bid_size", "ask_price", "ask_size"),
}
_DATASETS = {
    "message": ("book_orders", "trades", "tickers"),
    "orderbook": ("book_snapshots", "quotes"),
}


class Lobster(TextSource):
    """A message or orderbook file of LOBSTER."""

    format = "lobster"

    def _prepare(self) -> None:
        """Read the name and count the columns."""
        super()._prepare()
        request = self._request
        request.without_columns(self.format)
        options = request.take(time_zone="America/New_York")
        found = NAME.match(inner_name(request.path))
        if found is None:
            raise Invalid(
                f"{self.path}: expected a name like "
                "AAPL_2012-06-21_34200000_57600000_message_10.csv: symbol, day and kind"
            )
        self._kind = found["kind"]
        self._time = seconds(self._midnight(found["date"], options["time_zone"]))
        self._venue = request.venue or "nasdaq"
        self._symbol = request.symbol or found["symbol"]
        self._orders = OrderSizes()
        self._cells = 0 if self._lines.empty else len(split(self.path, self._lines.first))
        self._check_cells(int(found["levels"]))

    def _midnight(self, date: str, zone: str) -> int:
        """Nanoseconds from 1970 to the midnight that times count from."""
        try:
            start = datetime.fromisoformat(date).replace(tzinfo=ZoneInfo(zone))
        except (ValueError, ZoneInfoNotFoundError) as error:
            raise Invalid(f"{self.path}: {error}, expected a day and a time zone") from None
        end = start + timedelta(days=1)
        if start.utcoffset() != end.utcoffset():
            raise Invalid(f"{self.path}: clocks of {zone} change on {date}: times are ambiguous")
        return int(start.astimezone(UTC).timestamp()) * 1_000_000_000

    def _check_cells(self, levels: int) -> None:
        if not self._cells:
            return
        expected = len(_MESSAGE) if self._kind == "message" else 4 * levels
        # Later files name the market participant in one more column.
        if self._kind == "message" and self._cells == expected + 1:
            self._sort_out(["mpid"])
        elif self._cells != expected:
            raise Invalid(f"{self.path}: line 1: {self._cells} cells, expected {expected}")

    def _shapes(self) -> Iterable[Shape]:
        for dataset in self._request.choose(_DATASETS[self._kind]):
            extra = self.extra_columns if dataset == "book_orders" else {}
            columns = (*_COMMON, *_COLUMNS[dataset])
            yield Shape(self._request.schema(dataset), columns, extra)

    def _batches(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        if not self._cells:
            return
        if self._kind == "orderbook":
            yield from self._books()
            return
        names = [*_MESSAGE, *["mpid"] * (self._cells - len(_MESSAGE))]
        for rows in self._table(names, self._message_fields()):
            for dataset, columns, count in self._messages(rows.columns):
                if dataset in self.shapes:
                    yield dataset, self.shapes[dataset].batch(columns, count)

    def _message_fields(self) -> list[Field]:
        return [
            *(Field("time", self._time), Field("type", _EVENTS), Field("order_id", COUNT)),
            *(Field("size", COUNT), Field("price", INTEGER), Field("direction", _BOOK_SIDE)),
        ]

    def _messages(self, columns: Columns) -> Iterator[tuple[str, Columns, int]]:
        kind = numpy(columns["type"])
        size = numpy(columns["size"])
        order = numpy(columns["order_id"])
        takes = np.isin(kind, (_CANCEL, _DELETE, _FILL))
        sets = kind == _ADD
        change = np.where(takes | sets, size, 0)
        left, known = self._orders.after(np.zeros_like(order), order, sets, change)
        columns["left"] = pa.array(np.where(kind == _DELETE, 0, left), mask=~_sized(kind, known))
        columns["filled"] = pa.array(size, mask=~np.isin(kind, (_FILL, _HIDDEN)))
        columns["named"] = pa.array(order, mask=(kind == _HIDDEN) & (order == 0))
        masks = {
            "book_orders": np.isin(kind, list(_ACTIONS)),
            "trades": np.isin(kind, list(_CONDITIONS)),
            "tickers": kind == _HALT,
        }
        makers = {"book_orders": _orders, "trades": _trades, "tickers": _halts}
        for dataset, mask in masks.items():
            taken = {name: column.filter(pa.array(mask)) for name, column in columns.items()}
            made = self._common(taken["time"]) | makers[dataset](taken)
            yield dataset, made, int(mask.sum())

    def _common(self, times: pa.Array) -> Columns:
        made = {"ts_event": times, "ts_recv": times, "venue": self._venue}
        return made | {"symbol": self._symbol, "flags": FLAGS["last"]}

    def _books(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Pictures of the book, and its best levels whenever they change."""
        names = [f"level {place // 4 + 1} {_PART[place % 4]}" for place in range(self._cells)]
        # A line that is left out would put all later ones at the time of another.
        table = TextTable(
            self._lines, names, [Field(name, INTEGER) for name in names], Rejects(self.path, None)
        )
        before: pa.RecordBatch | None = None
        for rows, times in self._timed(table):
            parts = {
                part: [numpy(rows[name]) for name in names[place::4]]
                for place, part in enumerate(_PART)
            }
            common = self._common(times)
            made, best = {}, {}
            for side in ("bid", "ask"):
                there = [np.abs(price) != _EMPTY_LEVEL for price in parts[f"{side} price"]]
                prices = [price / _PRICE_SCALE for price in parts[f"{side} price"]]
                made[f"{side}_price"] = ragged(prices, there)
                made[f"{side}_size"] = ragged(parts[f"{side} size"], there)
                best[f"{side}_price"] = pa.array(prices[0], mask=~there[0])
                best[f"{side}_size"] = pa.array(parts[f"{side} size"][0], mask=~there[0])
            if "book_snapshots" in self.shapes:
                yield (
                    "book_snapshots",
                    self.shapes["book_snapshots"].batch(common | made, len(times)),
                )
            if "quotes" in self.shapes:
                quotes = self.shapes["quotes"].batch(common | best, len(times))
                yield "quotes", quotes.filter(pa.array(_changed(quotes, before)))
                before = quotes.slice(quotes.num_rows - 1)

    def _timed(self, table: TextTable) -> Iterator[tuple[Columns, pa.Array]]:
        """Rows of the book with the times of the messages that made them."""
        path = self.path.with_name(self.path.name.replace("_orderbook_", "_message_"))
        if not path.is_file():
            raise Invalid(f"{self.path}: has no times without {path.name} beside it")
        with ByteStream(path) as stream:
            lines = Lines(stream)
            names = [*_MESSAGE, "mpid"][: len(split(path, lines.first))]
            fields = [Field("time", self._time)]
            messages = iter(TextTable(lines, names, fields, Rejects(path, None)))
            times: pa.Array = pa.array([], NS)
            for rows in table:
                while len(times) < rows.count and (more := next(messages, None)):
                    times = pa.concat_arrays([times, more.columns["time"]])
                if len(times) < rows.count:
                    raise Invalid(f"{self.path}: has more lines than {path.name}, expected as many")
                yield rows.columns, times.slice(0, rows.count)
                times = times.slice(rows.count)
            if len(times) or next(messages, None):
                raise Invalid(f"{self.path}: has fewer lines than {path.name}, expected as many")


_PART = ("ask price", "ask size", "bid price", "bid size")


def _sized(kind: np.ndarray[Any, Any], known: Mask) -> Mask:
    """Rows of which it is known what is left of the order."""
    return np.asarray((known & (kind != _HIDDEN)) | (kind == _DELETE))


def _orders(columns: Columns) -> Columns:
    return {
        "action": looked_up(columns["type"], _ACTIONS),
        "side": columns["direction"],
        "order_id": columns["named"],
        "price": _price(columns),
        "size": columns["left"],
        "size_filled": columns["filled"],
        "position": 0,
        **{name: columns[name] for name in columns if name == "mpid"},
    }


def _trades(columns: Columns) -> Columns:
    taker = looked_up(pc.dictionary_decode(columns["direction"]), _TAKER)
    return {
        "price": _price(columns),
        "size": columns["size"],
        "side": pc.if_else(pc.equal(columns["type"], _CROSS), "unknown", taker),
        "conditions": looked_up(columns["type"], _CONDITIONS),
    }


def _halts(columns: Columns) -> Columns:
    return {
        "status": pc.fill_null(looked_up(columns["price"], _HALTS), "unknown"),
        "status_raw": pc.cast(columns["price"], pa.string()),
    }


def _price(columns: Columns) -> pa.Array:
    return pc.divide(pc.cast(columns["price"], pa.float64()), float(_PRICE_SCALE))


def _changed(best: pa.RecordBatch, before: pa.RecordBatch | None) -> Mask:
    """Rows whose best bid or ask is not that of the row before."""
    rows = pa.Table.from_batches([best] if before is None else [before, best])
    # Null equals nothing, not even null; no price is infinite.
    columns = [pc.fill_null(rows[name].combine_chunks(), -np.inf) for name in _COLUMNS["quotes"]]
    found = changes(*columns)
    return found if before is None else found[1:]
