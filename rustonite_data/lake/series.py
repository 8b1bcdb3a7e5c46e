# ruff: noqa: S608 - names are quoted, values are bound
"""Time series from recorded rows: bars, trades with their quotes, books.

Each function has the same name in SQL (`SELECT * FROM bars(trades, '1m')`), on DuckDB and on
DataFusion; see `series_sql`. Unless an engine is named, bars of time and as-of joins are made by
kernels of our own (`series_native`): the same rows, sooner.
`mid`, `spread` and `microprice` work on anything that calculates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from rustonite_data.errors import Invalid
from rustonite_data.lake import series_native
from rustonite_data.lake.choice import names_of
from rustonite_data.lake.intervals import Interval
from rustonite_data.lake.params import nanoseconds
from rustonite_data.lake.series_native import BARS, QUOTED
from rustonite_data.lake.series_sql import book_pictures, keys_of, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rustonite_data.lake.dataset import Dataset
    from rustonite_data.lake.query import Result
    from rustonite_data.lake.snapshot import Snapshot

# How far back the last picture of a book is looked for at first: that is mostly enough.
_LOOK_BACK_NS = (600_000_000_000, 7_200_000_000_000)
_SINCE = "since"


class Source(Protocol):
    """What has datasets, as a `Lake` does."""

    def sql(self, text: str, params: dict[str, Any] | None = None, *, engine: str) -> Result:
        """The rows of the last statement."""

    def dataset(self, name: str) -> Dataset:
        """Columns and layout of a dataset."""

    def snapshot(self, dataset: str) -> Snapshot:
        """A dataset at this moment."""


def bars(  # noqa: PLR0913 - everything by keyword
    source: Source,
    interval: str,
    *,
    symbols: str | Sequence[str] | None = None,
    venues: str | Sequence[str] | None = None,
    start: Any = None,  # noqa: ANN401 - any way to write a moment
    end: Any = None,  # noqa: ANN401 - any way to write a moment
    empty: str = "skip",
    by: str = "instrument",
    columns: str | Sequence[str] | None = None,
    dataset: str = "trades",
    time: str = "ts_event",
    engine: str = "native",
) -> Result:
    """Bars of trades: open, high, low, close, volume, turnover, VWAP, buy volume, count.

    A trade on the edge of two bars of time belongs to the later one. Bars of trades, size or money
    are counted from the first trade that is chosen; a trade is never split, and belongs to the bar
    that the trades before it have got to. `number` counts bars, those of time from 1970.

    Trades of one moment are in the order of `trade_id`, or else of arrival. Of those that neither
    tells apart, `native` takes the first to open and the last to close, SQL any.

    Args:
        source: The lake.
        interval: A number and a unit: `ms`, `s`, `m`, `h`, `d`, `w` of time (from 1970 in UTC,
            weeks from Monday), `t` trades, `v` size, `n` money; or `all`: one bar of all that is
            chosen.
        symbols: Only these symbols.
        venues: Only these venues.
        start: Trades from this time on.
        end: Trades before this time.
        empty: `skip` bars of time without trades, or `fill` them: the price stays at the last
            close, with no volume, up to `end` if that is given.
        by: `instrument`, or `symbol` for bars over all venues. Trades of several venues are in
            the order in which they reached us, because clocks of venues differ.
        columns: Only these columns of the bars, in this order; what they do not need is not read.
        dataset: Where trades are.
        time: The column of a trade's time.
        engine: `native`, `duckdb` or `datafusion`. What `native` has no kernel for (bars that are
            filled, or not of time), and files that are not local, DuckDB does.

    Raises:
        Invalid: something that is no interval, time or column.
        Corrupt: a file of the dataset is missing or damaged.
    """
    chosen = _Filter(symbols, venues, start, end, time)
    keys = keys_of(by)
    names = _names(columns, (*keys, *BARS))
    of = Interval.parse(interval)
    if engine == "native" and empty == "skip" and of.kind in series_native.INTERVALS:
        found = series_native.bars(
            source.snapshot(dataset), of, names, chosen=chosen.choice(), time=time, by=by
        )
        if found is not None:
            return found
    engine = _sql_engine(engine)
    params = {**chosen.params, "interval": interval, "empty": empty}
    until = ""
    if empty == "fill" and chosen.end_ns is not None:
        params["until_ns"], until = chosen.end_ns, ", until := $until_ns"
    call = f"bars(chosen, $interval, empty := $empty{until}, time := {quoted(time)}, by := '{by}')"
    text = f"""WITH chosen AS (SELECT * FROM {quoted(dataset)}{chosen.where()})
        SELECT {_listed(names)} FROM {call} AS b ORDER BY {", ".join(keys)}, number"""
    return source.sql(text, params, engine=engine)


def asof_quotes(  # noqa: PLR0913 - everything by keyword
    source: Source,
    *,
    symbols: str | Sequence[str] | None = None,
    venues: str | Sequence[str] | None = None,
    start: Any = None,  # noqa: ANN401 - any way to write a moment
    end: Any = None,  # noqa: ANN401 - any way to write a moment
    lookback: str = "1h",
    by: str = "instrument",
    columns: str | Sequence[str] | None = None,
    dataset: str = "trades",
    quotes: str = "quotes",
    time: str = "ts_event",
    engine: str = "native",
) -> Result:
    """Each trade with the best bid and ask that stood at its time, and since when: `ts_quote`.

    A quote of the very moment of the trade counts. Of several quotes of one moment the one with
    the highest `seq` is taken, or else the one that arrived last.

    Args:
        source: The lake.
        symbols: Only these symbols.
        venues: Only these venues.
        start: Trades from this time on.
        end: Trades before this time.
        lookback: How long before `start` quotes are looked at.
        by: `instrument` for quotes of the trade's venue, or `symbol` for the latest of any venue.
        columns: Only these columns, in this order: of trades, `ts_quote`, `bid_price` and so on.
        dataset: Where trades are.
        quotes: Where quotes are.
        time: The column to match by; `ts_recv` says what we knew when we saw the trade.
        engine: `native`, `duckdb` or `datafusion`. Where `native` cannot (files that are not local,
            more rows than should be held in memory), DuckDB does it.

    Raises:
        Invalid: something that is no time or column.
        Corrupt: a file of a dataset is missing or damaged.
    """
    trades = _Filter(symbols, venues, start, end, time)
    since = None if trades.start_ns is None else trades.start_ns - _time_span(lookback)
    before = _Filter(symbols, venues, since, trades.end_ns, time, prefix="quote_")
    keys = keys_of(by)
    names = _names(columns, (*source.dataset(dataset).columns, *QUOTED))
    if engine == "native":
        # Trades first: a quote that is missed is none that stood at the time of one of them.
        of_trades, of_quotes = source.snapshot(dataset), source.snapshot(quotes)
        found = series_native.asof_quotes(
            (of_trades, trades.choice()), (of_quotes, before.choice()), names, time=time, by=by
        )
        if found is not None:
            return found
    text = f"""WITH chosen AS (SELECT * FROM {quoted(dataset)}{trades.where()}),
        standing AS (SELECT * FROM {quoted(quotes)}{before.where()})
        SELECT {"*" if columns is None else _listed(names)} FROM
        asof_quotes(chosen, standing, time := {quoted(time)}, by := '{by}') AS t
        ORDER BY {", ".join(keys)}, {quoted(time)}, trade_id"""
    params = {**trades.params, **before.params}
    return source.sql(text, params, engine=_sql_engine(engine))


def book_at(  # noqa: PLR0913 - everything by keyword
    source: Source,
    at: Any,  # noqa: ANN401 - any way to write a moment
    *,
    symbols: str | Sequence[str],
    venues: str | Sequence[str] | None = None,
    levels: int | None = None,
    lookback: str = "1d",
    dataset: str = "book_deltas",
    snapshots: str | None = None,
    events: str | None = None,
    time: str = "ts_event",
    engine: str = "duckdb",
) -> Result:
    """The book of each symbol at a moment, best level first.

    It is rebuilt from the last picture before the moment. `complete` says that nothing is known to
    be lost since; `ts_gap` is when it was noticed. Without any picture the book has only levels
    that changed, and is not complete.

    Args:
        source: The lake.
        at: The moment; changes of this very time are in.
        symbols: These symbols.
        venues: Only these venues.
        levels: Only so many levels of each side.
        lookback: How long before the moment a picture may have arrived. Nothing older is read.
        dataset: Where changes of books are.
        snapshots: Where to take pictures from (`book_snapshots`) for instruments whose changes
            have none. The book is then as deep as the pictures.
        events: Where to look for losses besides flags (`feed_events`).
        time: The column of the time.
        engine: `duckdb` or `datafusion`.
    """
    at_ns = _moment("at", at)
    books_of = _Books(
        source, symbols=symbols, venues=venues, lookback=lookback, dataset=dataset,
        snapshots=snapshots, events=events, time=time, engine=engine,
    )  # fmt: skip
    call = f"book_at(chosen, $at{books_of.options(levels)})"
    return books_of.query(call, {"at": at_ns}, at_ns, at_ns + 1)


def books(  # noqa: PLR0913 - everything by keyword
    source: Source,
    interval: str,
    *,
    start: Any,  # noqa: ANN401 - any way to write a moment
    end: Any,  # noqa: ANN401 - any way to write a moment
    symbols: str | Sequence[str],
    venues: str | Sequence[str] | None = None,
    levels: int | None = 10,
    lookback: str = "1d",
    dataset: str = "book_deltas",
    snapshots: str | None = None,
    events: str | None = None,
    time: str = "ts_event",
    engine: str = "duckdb",
) -> Result:
    """Books at `start`, and at each `interval` after it, before `end`; see `book_at`.

    A moment at which the book was empty has one row without level.
    """
    start_ns, end_ns = _moment("start", start), _moment("end", end)
    books_of = _Books(
        source, symbols=symbols, venues=venues, lookback=lookback, dataset=dataset,
        snapshots=snapshots, events=events, time=time, engine=engine,
    )  # fmt: skip
    call = f"books(chosen, $interval, $first_ns, $end_ns{books_of.options(levels)})"
    params = {"interval": interval, "first_ns": start_ns, "end_ns": end_ns}
    return books_of.query(call, params, start_ns, end_ns)


def mid(bid: Any, ask: Any) -> Any:  # noqa: ANN401 - numbers, arrays, expressions
    """The middle of bid and ask.

    Example:
        >>> mid(99.0, 101.0)
        100.0
    """
    return (bid + ask) / 2


def spread(bid: Any, ask: Any) -> Any:  # noqa: ANN401 - numbers, arrays, expressions
    """The distance from bid to ask.

    Example:
        >>> spread(99.0, 101.0)
        2.0
    """
    return ask - bid


def microprice(bid: Any, ask: Any, bid_size: Any, ask_size: Any) -> Any:  # noqa: ANN401 - as above
    """The middle, weighted by the size on the other side.

    Example:
        >>> microprice(99.0, 101.0, 3.0, 1.0)
        100.5
    """
    return (bid * ask_size + ask * bid_size) / (bid_size + ask_size)


class _Filter:
    """A choice of instruments and time as SQL with parameters."""

    def __init__(  # noqa: PLR0913 - all there is to choose
        self,
        symbols: str | Sequence[str] | None,
        venues: str | Sequence[str] | None,
        start: Any,  # noqa: ANN401 - any way to write a moment
        end: Any,  # noqa: ANN401 - any way to write a moment
        time: str,
        *,
        prefix: str = "",
    ) -> None:
        self.start_ns = nanoseconds("start", start)
        self.end_ns = nanoseconds("end", end)
        self._chosen = (symbols, venues, time)
        self.params: dict[str, Any] = {}
        self._tests: list[str] = []
        for column, given in (("symbol", symbols), ("venue", venues)):
            names = names_of(f"{column}s", given)
            if names is not None:
                self._among(column, names, prefix)
        for op, moment, name in ((">=", self.start_ns, "start"), ("<", self.end_ns, "end")):
            if moment is not None:
                self._tests.append(f"{quoted(time)} {op} ${prefix}{name}")
                self.params[prefix + name] = _exact(moment)

    def _among(self, column: str, names: Sequence[str], prefix: str) -> None:
        if not names:
            raise Invalid(f"{column}s: found none, expected at least one")
        for position, name in enumerate(names):
            self.params[f"{prefix}{column}_{position}"] = name
        listed = ", ".join(f"${prefix}{column}_{position}" for position in range(len(names)))
        self._tests.append(f"{column} IN ({listed})")

    def choice(self) -> dict[str, Any]:
        """The same as arguments of `Choice.of`."""
        symbols, venues, time = self._chosen
        chosen: dict[str, Any] = {"symbols": symbols, "venues": venues}
        if (self.start_ns, self.end_ns) == (None, None):
            return chosen
        return chosen | {"start": self.start_ns, "end": self.end_ns, "time": time}

    def also(self, test: str, **params: Any) -> _Filter:  # noqa: ANN401 - parameters
        """The same with one more condition."""
        self._tests.append(test)
        self.params.update(params)
        return self

    def where(self) -> str:
        """The condition, if there is any."""
        return f" WHERE {' AND '.join(self._tests)}" if self._tests else ""


class _Books:
    """Queries that rebuild books from the last picture of each."""

    def __init__(  # noqa: PLR0913 - what the public functions take
        self,
        source: Source,
        *,
        symbols: str | Sequence[str],
        venues: str | Sequence[str] | None,
        lookback: str,
        dataset: str,
        snapshots: str | None,
        events: str | None,
        time: str,
        engine: str,
    ) -> None:
        self._run, self._engine = source.sql, engine
        self._symbols, self._venues = symbols, venues
        self._lookback_ns = _time_span(lookback)
        self._sources = {"chosen": dataset, "pictures": snapshots, "losses": events}
        self._time = time

    def query(self, call: str, params: dict[str, Any], first_ns: int, end_ns: int) -> Result:
        """The rows of a call for books from a moment on, and before another."""
        since = self._since(first_ns, end_ns)
        filters = {
            "chosen": self._filter(since, end_ns),
            "pictures": self._filter(since, end_ns),
            # A picture may be of an earlier time than it arrived, so `since` would be too late.
            "losses": _Filter(None, None, first_ns - self._lookback_ns, end_ns, "ts_event"),
        }
        tables, used = [], dict(params)
        for name, source in self._sources.items():
            if source is not None:
                tables.append(f"{name} AS (SELECT * FROM {quoted(source)}{filters[name].where()})")
                used |= filters[name].params
        text = f"""WITH {", ".join(tables)} SELECT * FROM {call} AS b
            ORDER BY ts, venue, symbol, side, level"""
        return self._run(text, used, engine=self._engine)

    def options(self, levels: int | None) -> str:
        """Arguments of `book_at` and `books`."""
        found = f", time := {quoted(self._time)}"
        found += f", levels := {levels}" if levels is not None else ""
        found += ", snapshots := pictures" if self._sources["pictures"] else ""
        return found + (", events := losses" if self._sources["losses"] else "")

    def _filter(self, since_ns: int, end_ns: int) -> _Filter:
        """Rows by arrival from a moment on, so that none that came after a picture is missed."""
        chosen = _Filter(self._symbols, self._venues, None, end_ns, self._time)
        return chosen.also(f"ts_recv >= ${_SINCE}", **{_SINCE: _exact(since_ns)})

    def _since(self, first_ns: int, end_ns: int) -> int:
        """When the oldest of the last pictures before a moment began to arrive.

        Rows that came before the picture of their instrument are not seen after it, whatever their
        own time. Of an instrument without such a picture all rows are needed.
        """
        furthest = first_ns - self._lookback_ns
        chosen = self._filter(furthest, end_ns)
        source = quoted(str(self._sources["chosen"]))
        text = f"SELECT DISTINCT venue, symbol FROM {source}{chosen.where()}"
        wanted = len(self._run(text, chosen.params, engine=self._engine))
        for span in (*_LOOK_BACK_NS, self._lookback_ns):
            if span > self._lookback_ns:
                break
            chosen = self._filter(first_ns - span, first_ns + 1)
            begins = book_pictures(f"(SELECT * FROM {source}{chosen.where()})")
            found = self._run(begins, chosen.params, engine=self._engine).arrow()
            if len(found) == wanted:
                return min((t.value for t in found.column("began")), default=furthest)
        return furthest


def _names(columns: str | Sequence[str] | None, known: Sequence[str]) -> list[str]:
    """Columns that were asked for, each once, or all."""
    asked = names_of("columns", columns)
    found = list(dict.fromkeys(known if asked is None else asked))
    unknown = next((name for name in found if name not in known), None)
    if unknown is not None or not found:
        raise Invalid(f"columns: found {unknown!r}, expected some of {', '.join(known)}")
    return found


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(map(quoted, columns))


def _sql_engine(engine: str) -> str:
    return "duckdb" if engine == "native" else engine


def _moment(what: str, value: Any) -> int:  # noqa: ANN401 - any way to write a moment
    found = nanoseconds(what, value)
    if found is None:
        raise Invalid(f"{what}: found none, expected a time")
    return found


def _exact(moment: int) -> np.datetime64:
    """A parameter that keeps nanoseconds."""
    return np.datetime64(moment, "ns")


def _time_span(text: str) -> int:
    interval = Interval.parse(text)
    if interval.kind != "time":
        raise Invalid(f"lookback: found {text!r}, expected a span of time, such as 1h")
    return int(interval.amount)
