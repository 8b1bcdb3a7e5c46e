"""The market of a local exchange as it was recorded in a lake.

Rows of books, trades, tickers and feed events become rows of five whole numbers: the moment in
which they were received, the instrument, a kind, a price in ticks and a quantity in lots.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from rustonite_data import _native
from rustonite_data.errors import Invalid, NotFound
from rustonite_data.hints import hint
from rustonite_data.lake import Lake
from rustonite_data.lake.params import nanoseconds
from rustonite_data.lake.windows import MINUTE, windows

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

_ROWS = 200_000
_PART = 20_000
# In this order, if one moment has several: a trade comes before the level that it changed.
_PHASES = {
    "lost": 0, "funding": 1, "rate": 1, "buy": 2, "sell": 2, "unsided": 2, "begins": 3, "bid": 4,
    "ask": 4, "whole": 5, "mark": 6, "ends": 7,
}  # fmt: skip
_KINDS = _native.row_kinds()
_PHASE = np.array([_PHASES[kind] for kind in _KINDS])
_BID, _ASK, _BEGINS, _WHOLE, _BUY, _SELL, _UNSIDED, _MARK, _RATE, _FUNDING, _LOST, _ENDS = (
    _KINDS.index(kind)
    for kind in ("bid", "ask", "begins", "whole", "buy", "sell", "unsided", "mark", "rate",
                 "funding", "lost", "ends")
)  # fmt: skip
_SNAPSHOT, _GAP, _STALE = 2, 4, 64
_MILLION = 1_000_000
_HOUR_NS = 3_600_000_000_000
_BOOKS = ("book_deltas", "book_snapshots", "quotes")
# What an exchange is called whose markets are recorded apart.
_MARKETS = {"alpaca": ("alpaca-crypto", "alpaca-stocks")}
_WITHIN = "epoch_ns(ts_recv) >= ? and epoch_ns(ts_recv) < ?"


@dataclass(frozen=True)
class Rules:
    """What an instrument is traded by."""

    symbol: str
    tick: str
    lot: str


@dataclass
class Funded:
    """The next funding of an instrument, as the recording said last."""

    at: int
    ppm: int


@dataclass
class Recorded:
    """What a lake has of a venue's instruments in a stretch of time."""

    lake: Lake
    venue: str
    symbols: tuple[str, ...]
    start: int
    """The first moment, in nanoseconds."""
    stop: int
    """The moment behind the last one."""
    speed: float
    books: dict[str, str]
    """Which dataset the book of a symbol comes from."""
    rules: tuple[Rules, ...] = ()
    _funded: dict[int, Funded] = field(default_factory=dict)

    @classmethod
    def find(  # noqa: PLR0913 - what a user may say
        cls,
        source: Lake | str | os.PathLike[str],
        venue: str,
        symbols: Sequence[str] | None = None,
        *,
        start: Any = None,  # noqa: ANN401 - any way to write a moment
        stop: Any = None,  # noqa: ANN401
        speed: float = 1.0,
    ) -> Recorded:
        """Look up what there is.

        Raises:
            NotFound: there is no such lake, no book of the venue, no such symbol, or nobody wrote
                down its rules.
            Invalid: there is nothing between the two moments.
        """
        lake = source if isinstance(source, Lake) else Lake(source)
        first, last = nanoseconds("start", start), nanoseconds("stop", stop)
        if first is not None and last is not None and first >= last:
            raise Invalid(f"start: found {_text(first)}, expected a time before {_text(last)}")
        spans = _spans(lake, _MARKETS.get(venue, (venue,)))
        if not spans:
            raise NotFound(f"{lake.storage.root}: there is no book of {venue}: {_no_books(lake)}")
        chosen = tuple(dict.fromkeys(symbols or sorted(spans)))
        for symbol in chosen:
            if symbol not in spans:
                missing = f"{lake.storage.root}: there is no book of {symbol} at {venue}"
                raise NotFound(f"{missing}; {hint(symbol, sorted(spans))}")
        began = min(spans[symbol][1] for symbol in chosen)
        ended = max(spans[symbol][2] for symbol in chosen) + 1
        begin, end = max(first or began, began), min(last or ended, ended)
        if begin >= end:
            there = f"there is {', '.join(chosen)} from {_text(began)} to {_text(ended)}"
            raise Invalid(f"{lake.storage.root}: nothing to replay in that time; {there}")
        books = {symbol: spans[symbol][0] for symbol in chosen}
        recorded = cls(lake, venue, chosen, begin, end, speed, books)
        recorded.rules = tuple(recorded._rules_of(symbol) for symbol in chosen)
        return recorded

    @property
    def source(self) -> str:
        """Where it is, and which datasets the books are from."""
        return f"{self.lake.storage.root} ({', '.join(sorted(set(self.books.values())))})"

    def _rules_of(self, symbol: str) -> Rules:
        names = {"tick_size": "tick", "lot_size": "lot"}
        found = self._rows(
            "instruments", ", ".join(names), "symbol = ? and epoch_ns(ts_recv) < ?",
            [symbol, self.stop], "order by ts_recv desc limit 1",
        )  # fmt: skip
        if not found:
            message = "instruments has no row of it up to then, so nobody knows its tick and lot"
            raise NotFound(f"{self.lake.storage.root}: {symbol}: {message}")
        for name, value in zip(names, found[0], strict=True):
            if not value:
                raise NotFound(f"{self.lake.storage.root}: {symbol}: instruments has no {name}")
        tick, lot = (f"{Decimal(value).normalize():f}" for value in found[0])
        return Rules(symbol, tick, lot)

    @cached_property
    def _steps(self) -> np.ndarray[Any, Any]:
        """Tick and lot of each instrument."""
        return np.array([(float(rule.tick), float(rule.lot)) for rule in self.rules])

    # Reading

    def parts(self, after: int | None) -> Iterator[bytes]:
        """Rows of whole moments in order, behind a moment that happened already."""
        if after is None:
            yield self._numbers(self._at_start()).tobytes()
        else:
            # What is due next was told before.
            list(self._tickers_in((after - _HOUR_NS, after + 1)))
        begin = self.start if after is None else after + 1
        minutes = self._minutes(begin)
        for first, behind in windows(minutes, _ROWS) if minutes else ():
            span = max(first, begin), min(behind, self.stop)
            rows = self._numbers([*self._books_in(span), *self._trades_in(span),
                                  *self._tickers_in(span), *self._losses_in(span)])  # fmt: skip
            for part in np.split(rows, _borders(rows[:, 0])):
                if len(part):
                    yield part.tobytes()
        yield self.all_of(_ENDS, self.stop)

    def all_of(self, kind: int, at: int) -> bytes:
        """The same of all instruments."""
        rows = [(at, instrument, kind, 0, 0) for instrument in range(len(self.symbols))]
        return np.array(rows, np.int64).tobytes()

    def _numbers(self, parts: list[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
        rows = np.concatenate([np.empty((0, 5), np.int64), *parts])
        # Stable: rows of one message keep their order.
        return rows[np.lexsort((_PHASE[rows[:, 2]], rows[:, 1], rows[:, 0]))]

    def _minutes(self, begin: int) -> list[tuple[int, int]]:
        names = ["trades", "tickers", *dict.fromkeys(self.books.values())]
        counts: dict[int, int] = {}
        for name in set(names) & set(self.lake.datasets()):
            query = f"{MINUTE} as minute, count(*)"
            rows = self._rows(name, query, _WITHIN, [begin, self.stop], "group by minute")
            for minute, count in rows:
                counts[minute] = counts.get(minute, 0) + count
        return sorted(counts.items())

    def _rows(
        self, dataset: str, columns: str, where: str, params: Sequence[Any], end: str = ""
    ) -> list[tuple[Any, ...]]:
        """Rows of the venue and its symbols; none of a dataset that is not there."""
        if dataset not in self.lake.datasets():
            return []
        venues = _MARKETS.get(self.venue, (self.venue,))
        query = (
            f'select {columns} from "{dataset}" where venue in ({_marks(venues)}) '  # noqa: S608
            f"and (symbol is null or symbol in ({_marks(self.symbols)})) and {where} {end}"
        )
        found: list[tuple[Any, ...]] = self.lake.sql(
            query, [*venues, *self.symbols, *params]
        ).rows()
        return found

    def _table(self, rows: list[tuple[Any, ...]]) -> np.ndarray[Any, Any]:
        """Rows of moment, symbol, kind, price and size as whole numbers."""
        if not rows:
            return np.empty((0, 5), np.int64)
        at, symbols, kinds, prices, sizes = zip(*rows, strict=True)
        places = {symbol: place for place, symbol in enumerate(self.symbols)}
        instruments = np.array([places[symbol] for symbol in symbols], np.int64)
        ticks, lots = self._steps[instruments].T
        numbers = [np.array(at, np.int64), instruments, np.array(kinds, np.int64)]
        for values, steps in ((prices, ticks), (sizes, lots)):
            whole = np.rint(np.array(values, np.float64) / steps)
            numbers.append(np.nan_to_num(whole).astype(np.int64))
        return np.stack(numbers, axis=1)

    def _of(self, dataset: str) -> tuple[str, ...]:
        return tuple(symbol for symbol, known in self.books.items() if known == dataset)

    # Books

    def _books_in(self, span: tuple[int, int]) -> Iterator[np.ndarray[Any, Any]]:
        if symbols := self._of("book_deltas"):
            columns = (
                "epoch_ns(ts_recv), symbol, case side when 'bid' then 0 else 1 end, price, "
                "case action when 'set' then size else 0 end, action = 'clear', flags"
            )
            where = f"{_WITHIN} and symbol in ({_marks(symbols)})"
            order = "order by ts_recv, symbol, seq, position"
            rows = self._rows("book_deltas", columns, where, [*span, *symbols], order)
            yield from self._changes(rows)
        for dataset in ("book_snapshots", "quotes"):
            if symbols := self._of(dataset):
                where = f"{_WITHIN} and symbol in ({_marks(symbols)})"
                yield from self._pictures(dataset, where, [*span, *symbols])

    def _changes(self, rows: list[tuple[Any, ...]]) -> Iterator[np.ndarray[Any, Any]]:
        """Rows of messages: changes, whole pictures, and what was lost before."""
        levels = self._table([row[:5] for row in rows if not row[5]])
        yield levels[levels[:, 3] > 0]
        pictures = {row[:2] for row in rows if row[5] or row[6] & _SNAPSHOT}
        yield self._around(pictures)
        losses = {row[:2] for row in rows if row[6] & _GAP} - pictures
        yield self._table([(at, symbol, _LOST, 0, 0) for at, symbol in sorted(losses)])

    def _around(self, pictures: set[tuple[Any, ...]]) -> np.ndarray[Any, Any]:
        """The begin and the end of whole pictures."""
        both = [(at, symbol, kind, 0, 0) for at, symbol in pictures for kind in (_BEGINS, _WHOLE)]
        return self._table(both)

    def _pictures(
        self, dataset: str, where: str, params: list[Any], end: str = ""
    ) -> Iterator[np.ndarray[Any, Any]]:
        """Rows that are pictures each. Of those that were received at once the last one counts."""
        columns = "epoch_ns(ts_recv), symbol, bid_price, bid_size, ask_price, ask_size"
        rows = self._rows(dataset, columns, where, params, f"order by ts_recv, seq {end}")
        newest = {row[:2]: row[2:] for row in rows}
        yield self._around(set(newest))
        levels = [
            (*key, kind, price, size)
            for key, sides in newest.items()
            for kind, prices, sizes in ((_BID, *sides[:2]), (_ASK, *sides[2:]))
            for price, size in zip(_listed(prices), _listed(sizes), strict=True)
        ]
        yield self._table(levels)

    def _at_start(self) -> list[np.ndarray[Any, Any]]:
        """Books as they were just before the first moment; lost where nobody knows."""
        parts = []
        for symbol, dataset in self.books.items():
            find = self._changed_to if dataset == "book_deltas" else self._pictured_before
            found = find(symbol)
            if not len(found):
                found = self._table([(0, symbol, _LOST, 0, 0)])
            found[:, 0] = self.start - 1
            parts.append(found)
        return parts

    def _pictured_before(self, symbol: str) -> np.ndarray[Any, Any]:
        where = "symbol = ? and epoch_ns(ts_recv) < ?"
        last = self._rows(self.books[symbol], "max(epoch_ns(ts_recv))", where, [symbol, self.start])
        params = [symbol, last[0][0] if last else None]
        where = "symbol = ? and epoch_ns(ts_recv) = ?"
        return np.concatenate(list(self._pictures(self.books[symbol], where, params)))

    def _changed_to(self, symbol: str) -> np.ndarray[Any, Any]:
        """The last whole picture and what changed since, unless something was lost since then."""
        where = f"symbol = ? and epoch_ns(ts_recv) < ? and flags & {_SNAPSHOT} != 0"
        params = [symbol, self.start]
        last = self._rows("book_deltas", "max(epoch_ns(ts_recv))", where, params)[0][0]
        if last is None or self._is_lost(symbol, (last + 1, self.start)):
            return np.empty((0, 5), np.int64)
        order = "order by ts_recv, seq, position"
        size = f"last(case action when 'set' then size else 0 end {order})"
        rows = self._rows(
            "book_deltas", f"symbol, case side when 'bid' then 0 else 1 end as kind, price, {size}",
            f"symbol = ? and {_WITHIN} and action != 'clear'", [symbol, last, self.start],
            f"group by symbol, kind, price having {size} > 0",
        )  # fmt: skip
        levels = self._table([(0, *row) for row in rows])
        return self._numbers([levels, self._around({(0, symbol)})])

    def _is_lost(self, symbol: str, span: tuple[int, int]) -> bool:
        where = f"symbol = ? and flags & {_GAP} != 0 and {_WITHIN}"
        flagged = self._rows("book_deltas", "1", where, [symbol, *span], "limit 1")
        told = np.concatenate(list(self._losses_in(span)))
        return bool(flagged) or self.symbols.index(symbol) in told[:, 1]

    # Trades, tickers, losses

    def _trades_in(self, span: tuple[int, int]) -> Iterator[np.ndarray[Any, Any]]:
        kind = f"case side when 'buy' then {_BUY} when 'sell' then {_SELL} else {_UNSIDED} end"
        yield self._table(
            self._rows(
                "trades", f"epoch_ns(ts_recv), symbol, {kind}, price, size",
                f"{_WITHIN} and flags & {_STALE} = 0", span,
                "order by ts_recv, symbol, ts_event, trade_id",
            )
        )  # fmt: skip

    def _tickers_in(self, span: tuple[int, int]) -> Iterator[np.ndarray[Any, Any]]:
        if self.venue != "binance-usdm":
            return
        rows = self._rows(
            "tickers",
            "epoch_ns(ts_recv), symbol, mark_price, funding_rate, epoch_ns(ts_funding_next)",
            _WITHIN, span, "order by ts_recv",
        )  # fmt: skip
        yield self._table([(*row[:2], _MARK, row[2], 0) for row in rows if row[2] is not None])
        numbers = [
            one for row in rows if None not in row[3:] and row[4] > 0 for one in self._fund(row)
        ]
        yield np.array(numbers, np.int64).reshape(-1, 5)

    def _fund(self, row: tuple[Any, ...]) -> Iterator[tuple[int, int, int, int, int]]:
        """The rate of the next funding, and the last one if it was due in between."""
        at, symbol, _, rate, due = row
        instrument, ppm = self.symbols.index(symbol), round(rate * _MILLION)
        before = self._funded.get(instrument)
        if before is not None and before.at <= at and before.at < due:
            yield at, instrument, _FUNDING, before.ppm, 0
        if before is None or (before.at, before.ppm) != (due, ppm):
            yield at, instrument, _RATE, ppm, int((due - at) / self.speed)
        self._funded[instrument] = Funded(due, ppm)

    def _losses_in(self, span: tuple[int, int]) -> Iterator[np.ndarray[Any, Any]]:
        """From when on a book is not known. A gap is written down once it is known to be one."""
        at = "epoch_ns(coalesce(ts_from, ts_recv))"
        rows = self._rows(
            "feed_events", f"{at}, symbol",
            f"{at} >= ? and {at} < ? and (dataset is null or dataset in ({_marks(_BOOKS)})) "
            "and kind in ('gap', 'resync', 'dropped', 'stop', 'recovered')",
            [*span, *_BOOKS], "order by 1",
        )  # fmt: skip
        yield self._table(
            [
                (at, one, _LOST, 0, 0)
                for at, symbol in rows
                for one in ([symbol] if symbol else self.symbols)
            ]
        )


class Player(threading.Thread):
    """Hands a recording over to an exchange, as fast as it is played."""

    def __init__(self, recorded: Recorded, native: _native.NativeExchange) -> None:
        """Not started; goes on behind what the exchange has played already."""
        super().__init__(name="rustonite-replay-reader", daemon=True)
        self._recorded, self._native = recorded, native
        self._after, self._has_ended = native.played_until(recorded.venue)

    def run(self) -> None:
        """Until the end of the recording, or of the exchange."""
        problem = None
        try:
            for part in () if self._has_ended else self._recorded.parts(self._after):
                if not self._native.play(part):
                    return
                self._after = int(np.frombuffer(part[-40:-32], np.int64)[0])
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing more comes
            problem = str(error) or type(error).__name__
            self._native.play(self._recorded.all_of(_LOST, (self._after or 0) + 1))
        finally:
            self._native.end_play(problem)


def _spans(lake: Lake, venues: tuple[str, ...]) -> dict[str, tuple[str, int, int]]:
    """By symbol, the dataset of its book, and the first and the last moment of that."""
    spans: dict[str, tuple[str, int, int]] = {}
    for dataset in _BOOKS:
        if dataset in lake.datasets():
            query = (
                f"select symbol, epoch_ns(min(ts_recv)), epoch_ns(max(ts_recv)) "  # noqa: S608
                f'from "{dataset}" where venue in ({_marks(venues)}) group by symbol'
            )
            for symbol, first, last in lake.sql(query, list(venues)).rows():
                spans.setdefault(symbol, (dataset, first, last))
    return spans


def _no_books(lake: Lake) -> str:
    there = ", ".join(sorted(lake.datasets())) or "none"
    return f"expected rows in one of {', '.join(_BOOKS)}; datasets there are {there}"


def _listed(value: Any) -> list[float]:  # noqa: ANN401 - a list, one number or none
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def _borders(moments: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Where to cut rows into parts, between moments."""
    changes = np.flatnonzero(moments[1:] != moments[:-1]) + 1
    _, first = np.unique(changes // _PART, return_index=True)
    return changes[first[1:]]


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))


def _text(at: int) -> str:
    return f"{np.datetime64(at, 'ns')}Z"
