# ruff: noqa: S608 - values are bound, checked or numbers; sources come from the query itself
"""The SQL behind the time-series functions, for DuckDB and for DataFusion.

A function stands where a table stands: `FROM bars(trades, '1m')`. Before an engine sees the text,
`expand` puts the query in its place that the function is short for. So the same names work in both
engines, arguments are checked here, and filters around a source reach its files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rustonite_data.errors import Invalid
from rustonite_data.lake.intervals import Interval
from rustonite_data.lake.params import nanoseconds
from rustonite_data.lake.sql_text import Token, tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_LAST, _SNAPSHOT, _GAP = 1, 2, 4
# Sums of floats miss a round number by a hair; a bar is full when all but this part of it is there.
_FULL = "1e-9"
_LEVELS_MAX = 2**31 - 1
_KEYS = {"instrument": ("venue", "symbol"), "symbol": ("symbol",)}


@dataclass(frozen=True)
class Dialect:
    """How an engine spells what not all spell alike."""

    name: str

    @property
    def _duckdb(self) -> bool:
        return self.name == "duckdb"

    def ns(self, time: str) -> str:
        """A time as whole nanoseconds."""
        return f"epoch_ns({time})" if self._duckdb else f"CAST({time} AS BIGINT)"

    def time(self, ns: str) -> str:
        """Whole nanoseconds as a time."""
        if self._duckdb:
            return f"make_timestamp_ns({ns})"
        return f"arrow_cast({ns}, 'Timestamp(Nanosecond, None)')"

    def divide(self, ns: str, by: int) -> str:
        """Whole numbers, towards zero."""
        return f"({ns}) // {by}" if self._duckdb else f"({ns}) / {by}"

    def first(self, value: str, time: str, tie: str) -> str:
        """The value of the earliest row of a group."""
        if self._duckdb:
            return f"arg_min({value}, {self.order_key(time, tie)})"
        return f"first_value({value} ORDER BY {time}, {tie})"

    def last(self, value: str, time: str, tie: str) -> str:
        """The value of the latest row of a group."""
        if self._duckdb:
            return f"arg_max({value}, {self.order_key(time, tie)})"
        return f"last_value({value} ORDER BY {time}, {tie})"

    def order_key(self, time: str, tie: str) -> str:
        """One number that orders by time, then by a whole number; DuckDB is fast with it."""
        return f"(epoch_ns({time})::HUGEINT * 18446744073709551616 + {tie})"

    def tie(self, number: str) -> str:
        """What orders rows of one moment: the venue's own number, or else the arrival."""
        return f"coalesce({number}, {self.ns('ts_recv')})"


DIALECTS = {name: Dialect(name) for name in ("duckdb", "datafusion")}


def bars(  # noqa: PLR0913 - settings by keyword
    dialect: Dialect,
    source: str,
    interval: Interval,
    *,
    empty: str = "skip",
    until_ns: int | None = None,
    time: str = "ts_event",
    by: str = "instrument",
) -> str:
    """Bars of trades, one row for each instrument, or each symbol, and bar."""
    keys = ", ".join(keys_of(by))
    if empty not in {"skip", "fill"}:
        raise Invalid(f"bars: empty: found {empty!r}, expected 'skip' or 'fill'")
    if empty == "fill" and interval.kind != "time":
        raise Invalid(f"bars: empty: bars of {interval.text} are never empty, expected 'skip'")
    tie = dialect.tie("trade_id")
    # Clocks of venues differ, so trades of several are in order of arrival.
    order = "ts_recv" if by == "symbol" else time
    by_time = interval.kind == "time"
    times = "" if by_time else f"min({time}) AS first_time, max({time}) AS last_time,"
    partition = f"PARTITION BY {keys} ORDER BY {order}, {tie}"
    bucketed = _bucketed(dialect, source, interval, time, partition)
    grouped = f"""
        SELECT {keys}, bucket, {times}
            {dialect.first("price", order, tie)} AS open, max(price) AS high, min(price) AS low,
            {dialect.last("price", order, tie)} AS close, sum(size) AS volume,
            sum(price * size) AS turnover,
            coalesce(sum(size) FILTER (WHERE side = 'buy'), 0) AS buy_volume, count(*) AS count
        FROM ({bucketed}) AS b GROUP BY {keys}, bucket"""
    if empty == "fill":
        grouped = _filled(grouped, interval, until_ns, keys)
    opened, closed = "first_time", "last_time"
    if by_time:
        opened = dialect.time(f"bucket * {interval.amount} + {interval.origin_ns}")
        closed = dialect.time(f"(bucket + 1) * {interval.amount} + {interval.origin_ns}")
    return f"""(
        SELECT {keys}, {opened} AS ts_open, {closed} AS ts_close,
            '{interval.text}' AS "interval", open, high, low, close, volume, turnover,
            CASE WHEN volume > 0 THEN turnover / volume END AS vwap, buy_volume, count,
            bucket AS number
        FROM ({grouped}) AS g)"""


def keys_of(by: str) -> tuple[str, ...]:
    """The columns that name what a bar or a quote is of."""
    if by not in _KEYS:
        raise Invalid(f"by: found {by!r}, expected one of {', '.join(_KEYS)}")
    return _KEYS[by]


def _bucketed(dialect: Dialect, source: str, interval: Interval, time: str, order: str) -> str:
    """Trades with the number of their bar."""
    if interval.kind == "all":
        return f"SELECT *, CAST(0 AS BIGINT) AS bucket FROM {source} AS s"
    if interval.kind == "time":
        since = f"{dialect.ns(time)} - {interval.origin_ns}"
        bucket = dialect.divide(since, int(interval.amount))
        return f"SELECT *, {bucket} AS bucket FROM {source} AS s"
    if interval.kind == "tick":
        place = f"CAST(row_number() OVER ({order}) AS BIGINT) - 1"
        return (
            f"SELECT *, {dialect.divide(place, int(interval.amount))} AS bucket FROM {source} AS s"
        )
    amount = "size" if interval.kind == "volume" else "price * size"
    before = f"sum({amount}) OVER ({order} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
    place = f"floor(coalesce({before}, 0) / {interval.amount} + {_FULL})"
    return f"SELECT *, CAST({place} AS BIGINT) AS bucket FROM {source} AS s"


def _filled(grouped: str, interval: Interval, until_ns: int | None, keys: str) -> str:
    """Each bar, and bars without trades at its close until the next one."""
    end = "bucket + 1"
    if until_ns is not None:
        last = -((interval.origin_ns - until_ns) // int(interval.amount))
        end = f"greatest(bucket + 1, {last})"
    nearby = f"OVER (PARTITION BY {keys} ORDER BY bucket)"
    span = f"generate_series(bucket, coalesce(lead(bucket) {nearby}, {end}) - 1)"

    def only_real(value: str) -> str:
        return f"CASE WHEN filled = bucket THEN {value} ELSE 0 END AS {value}"

    def else_close(value: str) -> str:
        return f"CASE WHEN filled = bucket THEN {value} ELSE close END AS {value}"

    prices = ", ".join(map(else_close, ("open", "high", "low")))
    sums = ", ".join(map(only_real, ("volume", "turnover", "buy_volume", "count")))
    return f"""
        SELECT {keys}, filled AS bucket, {prices}, close, {sums} FROM (
            SELECT *, unnest(span) AS filled FROM (SELECT *, {span} AS span FROM ({grouped}) AS g)
            AS spans) AS f"""


def asof_quotes(
    dialect: Dialect, trades: str, quotes: str, *, time: str = "ts_event", by: str = "instrument"
) -> str:
    """Every trade with the quote that stood at its time, of its venue or of any."""
    keys = ", ".join(keys_of(by))

    def same(one: str, two: str) -> str:
        return " AND ".join(f"{one}.{key} = {two}.{key}" for key in keys_of(by))

    quoted = "bid_price, bid_size, ask_price, ask_size"
    chosen = ", ".join(f"q.{name}" for name in quoted.split(", "))
    # Numbers of several venues do not compare.
    tie = dialect.tie("seq") if by == "instrument" else dialect.ns("ts_recv")
    if dialect.name == "duckdb":
        # The key makes the last of several quotes of one moment win.
        latest = f"(epoch_ns(t.{time})::HUGEINT * 18446744073709551616 + 9223372036854775807)"
        return f"""(
            SELECT t.*, q.ts_quote, {chosen} FROM {trades} AS t ASOF LEFT JOIN (
                SELECT {keys}, {time} AS ts_quote, {dialect.order_key(time, tie)} AS key,
                    {quoted} FROM {quotes} AS s) AS q
            ON {same("t", "q")} AND {latest} >= q.key)"""
    # DataFusion has no as-of join. Among times of quotes and trades, the running maximum of the
    # quotes' places is the place of the quote that stands.
    placed = f"""
        SELECT {keys}, {time} AS ts_quote, {quoted},
            row_number() OVER (PARTITION BY {keys} ORDER BY {time}, {tie}) AS place
        FROM {quotes} AS s"""
    return f"""(
        SELECT t.*, q.ts_quote, {chosen} FROM {trades} AS t
        LEFT JOIN (
            SELECT DISTINCT {keys}, time, place FROM (
                SELECT {keys}, time, is_trade, max(place) OVER (
                    PARTITION BY {keys} ORDER BY time, is_trade, place
                    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS place FROM (
                    SELECT {keys}, {time} AS time, 1 AS is_trade, NULL AS place
                    FROM {trades} AS s
                    UNION ALL
                    SELECT {keys}, ts_quote, 0, place FROM ({placed}) AS p) AS both_kinds
                ) AS running WHERE is_trade = 1) AS m
        ON {same("t", "m")} AND t.{time} = m.time
        LEFT JOIN ({placed}) AS q
        ON {same("m", "q")} AND m.place = q.place)"""


@dataclass(frozen=True)
class Samples:
    """Moments at which books are looked at: evenly apart."""

    start_ns: int
    step_ns: int
    count: int

    @classmethod
    def between(cls, interval: Interval, start_ns: int, end_ns: int) -> Samples:
        """The moments from `start` to before `end`."""
        if interval.kind != "time":
            raise Invalid(f"books: interval: found {interval.text!r}, expected one of time")
        if end_ns <= start_ns:
            raise Invalid("books: end is not after start")
        step = int(interval.amount)
        return cls(start_ns, step, -((start_ns - end_ns) // step))


def books(  # noqa: PLR0913 - settings by keyword
    dialect: Dialect,
    source: str,
    samples: Samples,
    *,
    levels: int | None = None,
    snapshots: str | None = None,
    events: str | None = None,
    time: str = "ts_event",
) -> str:
    """Books at the samples, one row for each level; an empty book has one row without a level."""
    if levels is not None and levels < 1:
        raise Invalid(f"books: levels: found {levels}, expected 1 or more")
    rows = _book_rows(dialect, source, snapshots, time)
    last = samples.count - 1
    flagged = "w.start_place IS NULL OR w.lost_place > w.start_place"
    reported = "w.start_place IS NULL OR w.event_ns >= w.started_ns"
    gap = dialect.time(f"""greatest(
        CASE WHEN {flagged} THEN w.lost_ns END, CASE WHEN {reported} THEN w.event_ns END)""")
    moment = dialect.time(f"w.sample * {samples.step_ns} + {samples.start_ns}")
    return f"""(
        WITH book_marked AS ({_book_marked(rows)}),
        book_lives AS ({_book_lives(dialect, samples)}),
        book_levels AS (
            SELECT *, CAST(row_number() OVER (PARTITION BY venue, symbol, sample, side
                ORDER BY CASE WHEN side = 'bid' THEN -price ELSE price END) AS INT) AS level FROM (
                SELECT venue, symbol, side, price, size, count,
                    unnest(generate_series(first_sample, last_sample)) AS sample
                FROM book_lives WHERE action = 'set' AND size > 0
                    AND first_sample <= last_sample) AS l),
        book_states AS ({_book_states(dialect, samples, events)}),
        book_whole AS (
            SELECT venue, symbol, start_place, started_ns, lost_place, lost_ns, event_ns,
                unnest(generate_series(sample, coalesce(next_sample - 1, {last}))) AS sample
            FROM book_states)
        SELECT {moment} AS ts, w.venue, w.symbol, l.side, l.level, l.price, l.size, l.count,
            w.start_place IS NOT NULL AND coalesce(w.lost_place < w.start_place, true)
                AND coalesce(w.event_ns < w.started_ns, true) AS complete,
            {gap} AS ts_gap
        FROM book_whole AS w LEFT JOIN book_levels AS l
        ON w.venue = l.venue AND w.symbol = l.symbol AND w.sample = l.sample
            AND l.level <= {levels or _LEVELS_MAX})"""


_BOOK = "venue, symbol, action, side, price, size, count, ts_recv, seq, position, flags"
_ARRIVAL = "PARTITION BY venue, symbol ORDER BY ts_recv, coalesce(seq, 0), position"


def _book_rows(dialect: Dialect, source: str, snapshots: str | None, time: str) -> str:
    """Changes of books; with pictures from elsewhere where an instrument has none of its own."""
    own = f"SELECT {_BOOK}, {dialect.ns(time)} AS ns FROM {source} AS s"
    if snapshots is None:
        return own
    sides = [
        f"""SELECT venue, symbol, 'set', '{side}', unnest({side}_price), unnest({side}_size),
            unnest({side}_count), ts_recv, seq, {place} AS position, {_SNAPSHOT}, {dialect.ns(time)}
            FROM book_pictures"""
        for place, side in ((1, "bid"), (2, "ask"))
    ]
    return f"""
        WITH book_own AS ({own}),
        book_pictures AS (
            SELECT s.* FROM {snapshots} AS s LEFT JOIN (
                SELECT DISTINCT venue, symbol FROM book_own WHERE (flags & {_SNAPSHOT}) <> 0
                    OR (action = 'clear' AND side IS NULL)) AS o
            ON s.venue = o.venue AND s.symbol = o.symbol WHERE o.venue IS NULL)
        SELECT {_BOOK}, ns FROM book_own
        UNION ALL
        SELECT venue, symbol, 'clear', NULL, NULL, NULL, NULL, ts_recv, seq, 0, {_SNAPSHOT},
            {dialect.ns(time)} FROM book_pictures
        UNION ALL {" UNION ALL ".join(sides)}"""


def _book_marked(rows: str) -> str:
    """Rows in the order they came, with those that begin a picture, and those after a loss."""
    begins = f"""(action = 'clear' AND side IS NULL) OR ((flags & {_SNAPSHOT}) <> 0
        AND (flags_before IS NULL OR (flags_before & {_SNAPSHOT}) = 0
            OR (flags_before & {_LAST}) <> 0))"""
    return f"""
        SELECT *, {begins} AS begins,
            (flags & {_GAP}) <> 0 AND (flags & {_SNAPSHOT}) = 0 AND NOT ({begins}) AS lost FROM (
            SELECT *, row_number() OVER ({_ARRIVAL}) AS place,
                lag(flags) OVER ({_ARRIVAL}) AS flags_before FROM ({rows}) AS r) AS n"""


def book_pictures(source: str) -> str:
    """When the last picture of each instrument began to arrive, for those that have one.

    A first row may be the middle of a picture whose beginning is not in the source.
    """
    rows = f"SELECT {_BOOK}, NULL AS ns FROM {source} AS s"
    return f"""SELECT venue, symbol, max(ts_recv) AS began FROM ({_book_marked(rows)}) AS m
        WHERE begins AND (place > 1 OR action = 'clear') GROUP BY venue, symbol"""


def _book_lives(dialect: Dialect, samples: Samples) -> str:
    """Rows with the first and the last sample that sees them."""
    later = "ORDER BY place ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING"

    def cleared(side: str) -> str:
        clears = f"begins OR (action = 'clear' AND side = '{side}')"
        return f"""min(CASE WHEN {clears} THEN ns END)
            OVER (PARTITION BY venue, symbol {later})"""

    first = dialect.divide(f"ns - {samples.start_ns} + {samples.step_ns - 1}", samples.step_ns)
    last = dialect.divide(f"end_ns - {samples.start_ns} + {samples.step_ns - 1}", samples.step_ns)
    return f"""
        SELECT *, greatest(0, {first}) AS first_sample,
            CASE WHEN end_ns IS NULL THEN {samples.count - 1}
                ELSE least({samples.count - 1}, {last} - 1) END AS last_sample FROM (
            SELECT *, least(
                min(ns) OVER (PARTITION BY venue, symbol, side, price {later}),
                CASE WHEN side = 'bid' THEN {cleared("bid")} ELSE {cleared("ask")} END) AS end_ns
            FROM book_marked) AS e"""


def _book_states(dialect: Dialect, samples: Samples, events: str | None) -> str:
    """For each instrument, what was known of its record from one sample on."""
    first = dialect.divide(f"ns - {samples.start_ns} + {samples.step_ns - 1}", samples.step_ns)
    marks = """SELECT venue, symbol, ns,
        CASE WHEN begins THEN place END AS start_place, CASE WHEN begins THEN ns END AS started_ns,
        CASE WHEN lost THEN place END AS lost_place, CASE WHEN lost THEN ns END AS lost_ns,
        NULL AS event_ns FROM book_marked"""
    if events is not None:
        lost = dialect.ns("e.ts_event")
        marks += f"""
            UNION ALL SELECT i.venue, i.symbol, {lost}, NULL, NULL, NULL, NULL, {lost}
            FROM (SELECT DISTINCT venue, symbol FROM book_marked) AS i, {events} AS e
            WHERE e.kind = 'gap' AND (e.venue IS NULL OR e.venue = i.venue)
                AND (e.symbol IS NULL OR e.symbol = i.symbol)
                AND (e.dataset IS NULL OR e.dataset = 'book_deltas')"""
    so_far = "OVER (PARTITION BY venue, symbol ORDER BY sample)"
    facts = ("start_place", "started_ns", "lost_place", "lost_ns", "event_ns")
    running = ", ".join(f"max(max({name})) {so_far} AS {name}" for name in facts)
    return f"""
        SELECT venue, symbol, sample, {running}, lead(sample) {so_far} AS next_sample FROM (
            SELECT *, greatest(0, {first}) AS sample FROM ({marks}) AS m) AS s
        WHERE sample < {samples.count} GROUP BY venue, symbol, sample"""


def mid(_dialect: Dialect, bid: str, ask: str) -> str:
    """The middle of bid and ask."""
    return f"((({bid}) + ({ask})) / 2)"


def spread(_dialect: Dialect, bid: str, ask: str) -> str:
    """The distance from bid to ask."""
    return f"(({ask}) - ({bid}))"


def microprice(_dialect: Dialect, bid: str, ask: str, bid_size: str, ask_size: str) -> str:
    """The middle weighted by the size on the other side; null when both are empty."""
    weighted = f"({bid}) * ({ask_size}) + ({ask}) * ({bid_size})"
    return f"(({weighted}) / nullif(({bid_size}) + ({ask_size}), 0))"


class Arguments:
    """What stands in the brackets of a call."""

    def __init__(self, function: str, pieces: Sequence[tuple[str | None, str, Any]]) -> None:
        """Take (name, text, value) of each; the value of a constant, or `None`."""
        self._function = function
        self._rest = list(pieces)

    def _take(self, name: str) -> tuple[str, Any] | None:
        found = next((p for p in self._rest if p[0] == name), None)
        if found is None and self._rest and self._rest[0][0] is None:
            found = self._rest[0]
        if found is None:
            return None
        self._rest.remove(found)
        return found[1], found[2]

    def text(self, name: str) -> str:
        """An argument as it was written: a table, or any expression."""
        found = self._take(name)
        if found is None:
            raise Invalid(f"{self._function}: expected the argument {name}")
        return found[0]

    def optional_text(self, name: str) -> str | None:
        """The same, if it is given by its name."""
        named = any(piece[0] == name for piece in self._rest)
        return self.text(name) if named else None

    def value(self, name: str) -> Any:  # noqa: ANN401 - any constant
        """A constant."""
        found = self._take(name)
        if found is None or found[1] is None:
            shown = "none" if found is None else found[0]
            message = f"found {shown}, expected a constant or $parameter"
            raise Invalid(f"{self._function}: {name}: {message}")
        return found[1]

    def optional_value(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - a constant
        """The same, if it is given by its name."""
        named = any(piece[0] == name for piece in self._rest)
        return self.value(name) if named else default

    def end(self) -> None:
        """Nothing may be left."""
        if self._rest:
            name, text, _ = self._rest[0]
            shown = text if name is None else f"{name} := {text}"
            raise Invalid(f"{self._function}: found the argument {shown}, expected no more")


def _call_bars(dialect: Dialect, arguments: Arguments) -> str:
    source, interval = arguments.text("source"), Interval.parse(arguments.value("interval"))
    until = nanoseconds("bars: until", arguments.optional_value("until"))
    empty = str(arguments.optional_value("empty", "skip"))
    by, time = _by(arguments), _time(arguments)
    return bars(dialect, source, interval, empty=empty, until_ns=until, time=time, by=by)


def _call_asof_quotes(dialect: Dialect, arguments: Arguments) -> str:
    trades, quotes = arguments.text("trades"), arguments.text("quotes")
    return asof_quotes(dialect, trades, quotes, time=_time(arguments), by=_by(arguments))


def _call_book_at(dialect: Dialect, arguments: Arguments) -> str:
    source = arguments.text("source")
    at = nanoseconds("book_at: at", arguments.value("at"))
    return _call_any_book(dialect, source, Samples(at or 0, 1, 1), arguments)


def _call_books(dialect: Dialect, arguments: Arguments) -> str:
    source, interval = arguments.text("source"), Interval.parse(arguments.value("interval"))
    start = nanoseconds("books: start", arguments.value("start"))
    end = nanoseconds("books: end", arguments.value("end"))
    samples = Samples.between(interval, start or 0, end or 0)
    return _call_any_book(dialect, source, samples, arguments)


def _call_any_book(dialect: Dialect, source: str, samples: Samples, arguments: Arguments) -> str:
    levels = arguments.optional_value("levels")
    if levels is not None and not isinstance(levels, int):
        raise Invalid(f"books: levels: found {levels!r}, expected a whole number")
    return books(
        dialect, source, samples, levels=levels,
        snapshots=arguments.optional_text("snapshots"),
        events=arguments.optional_text("events"), time=_time(arguments),
    )  # fmt: skip


def _by(arguments: Arguments) -> str:
    return str(arguments.optional_value("by", "instrument"))


def _time(arguments: Arguments) -> str:
    return quoted(arguments.optional_text("time") or "ts_event")


def quoted(name: str) -> str:
    """A column's name for SQL."""
    plain = name[1:-1].replace('""', '"') if name.startswith('"') else name
    return '"' + plain.replace('"', '""') + '"'


def _call_scalar(make: Callable[..., str], names: Sequence[str]) -> Callable[..., str]:
    return lambda dialect, arguments: make(dialect, *(arguments.text(name) for name in names))


FUNCTIONS: dict[str, Callable[[Dialect, Arguments], str]] = {
    "bars": _call_bars,
    "asof_quotes": _call_asof_quotes,
    "book_at": _call_book_at,
    "books": _call_books,
    "mid": _call_scalar(mid, ("bid", "ask")),
    "spread": _call_scalar(spread, ("bid", "ask")),
    "microprice": _call_scalar(microprice, ("bid", "ask", "bid_size", "ask_size")),
}


def expand(text: str, params: Any, engine: str) -> tuple[str, Any]:  # noqa: ANN401 - parameters
    """SQL text with the calls of our functions written out, and the parameters that are left.

    Example:
        >>> expand("select mid(bid_price, ask_price) from quotes", None, "duckdb")[0]
        'select (((bid_price) + (ask_price)) / 2) from quotes'
    """
    if not any(name in text.lower() for name in FUNCTIONS):
        return text, params
    dialect = DIALECTS.get(engine)
    used: set[str] = set()
    made = _expand(text, dialect, params if hasattr(params, "keys") else {}, used)
    pieces = tokens(made)
    still = {token.text[1:] for token in pieces if token.kind == "parameter"}
    if used - still:
        params = {name: value for name, value in params.items() if name not in used - still}
    return made, params


def _expand(text: str, dialect: Dialect | None, params: Mapping[str, Any], used: set[str]) -> str:
    pieces = tokens(text)
    made, position = [], 0
    for index, token in enumerate(pieces):
        if token.start < position or not _is_call(pieces, index):
            continue
        if dialect is None:
            raise Invalid(f"sql: {token.text} needs the engine duckdb or datafusion")
        last = _closing(pieces, index + 1)
        inside = [_argument(text, part, params, used) for part in _parts(pieces[index + 2 : last])]
        inside = [(n, _expand(t, dialect, params, used), value) for n, t, value in inside]
        arguments = Arguments(token.text, inside)
        call = FUNCTIONS[token.text.lower()](dialect, arguments)
        arguments.end()
        made += [text[position : token.start], call]
        position = pieces[last].end
    return "".join([*made, text[position:]])


def _is_call(pieces: Sequence[Token], index: int) -> bool:
    token = pieces[index]
    before = pieces[index - 1].text if index else ""
    after = pieces[index + 1].text if index + 1 < len(pieces) else ""
    known = token.kind == "word" and token.text.lower() in FUNCTIONS
    return known and after == "(" and before != "."


def _closing(pieces: Sequence[Token], start: int) -> int:
    depth = 0
    for index in range(start, len(pieces)):
        depth += {"(": 1, ")": -1}.get(pieces[index].text, 0)
        if depth == 0:
            return index
    raise Invalid(f"sql: {pieces[start - 1].text}( has no closing bracket")


def _parts(pieces: Sequence[Token]) -> list[list[Token]]:
    """Tokens between commas that are in no bracket."""
    parts: list[list[Token]] = [[]] if pieces else []
    depth = 0
    for token in pieces:
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(token.text, 0)
        if token.text == "," and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _argument(
    text: str, part: Sequence[Token], params: Mapping[str, Any], used: set[str]
) -> tuple[str | None, str, Any]:
    """Name, text and, of a constant, the value."""
    name = None
    if len(part) > 1 and part[0].kind == "word" and part[1].text in {":=", "=>"}:
        name, part = part[0].text.lower(), part[2:]
    if not part:
        raise Invalid("sql: found an empty argument")
    first = part[0]
    value: Any = None
    if len(part) == 1 and first.kind == "text":
        value = first.value
    elif len(part) == 1 and first.kind == "number" and first.text.isdigit():
        value = int(first.text)
    elif len(part) == 1 and first.kind == "parameter" and first.text[1:] in params:
        used.add(first.text[1:])
        value = params[first.text[1:]]
    elif len(part) > 1 and [token.kind for token in part] == ["word", "text"]:
        value = part[1].value  # TIMESTAMP '2026-01-01'
    return name, text[part[0].start : part[-1].end], value
