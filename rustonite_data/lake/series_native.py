"""Bars and as-of joins by kernels over sorted files and rows of tapes, where there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rustonite_data import _native
from rustonite_data.lake import parts
from rustonite_data.lake.choice import Choice
from rustonite_data.lake.query import Result
from rustonite_data.lake.series_sql import keys_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rustonite_data.lake.intervals import Interval
    from rustonite_data.lake.snapshot import Snapshot

BARS = (
    "ts_open", "ts_close", "interval", "open", "high", "low", "close", "volume", "turnover",
    "vwap", "buy_volume", "count", "number",
)  # fmt: skip
"""The columns of bars besides those that name what they are of."""
INTERVALS = ("time", "all")
"""The kinds of intervals that there are bars of."""
QUOTED = ("ts_quote", "bid_price", "bid_size", "ask_price", "ask_size")
"""What an as-of join adds to trades."""

_TIME, _FLOAT, _TEXT = "timestamp[ns]", "float64", "dictionary"
_TRADES = {"price": _FLOAT, "size": _FLOAT, "side": _TEXT, "ts_recv": _TIME}
# An as-of join has all rows in memory; beyond this many DuckDB does it, which can do with less.
_JOINED_MAX = 50_000_000


def bars(  # noqa: PLR0913 - settings by keyword
    trades: Snapshot,
    interval: Interval,
    columns: Sequence[str],
    *,
    chosen: Mapping[str, Any],
    time: str,
    by: str,
) -> Result | None:
    """Bars of time, or one of everything; `None` if there is no kernel for these trades."""
    keys = dict.fromkeys(keys_of(by), _TEXT)
    if not trades.local or not _fits(
        trades, {**keys, **_TRADES, time: _TIME}, {"trade_id": "int64"}
    ):
        return None
    span = (int(interval.amount), interval.origin_ns) if interval.kind == "time" else None
    given, _ = _given(trades, chosen)
    with parts.live_files():
        found = _native.lake_bars(
            given, columns=columns, time=time, span=span, interval=interval.text, by=by
        )
    return Result(found.arrow())


def asof_quotes(
    trades: tuple[Snapshot, Mapping[str, Any]],
    quotes: tuple[Snapshot, Mapping[str, Any]],
    columns: Sequence[str],
    *,
    time: str,
    by: str,
) -> Result | None:
    """Trades with their quotes; `None` if there is no kernel for these."""
    keys = {**dict.fromkeys(keys_of(by), _TEXT), time: _TIME}
    ours, theirs = trades[0], quotes[0]
    if not (ours.local and theirs.local and _fits(ours, keys, {"trade_id": "int64"})):
        return None
    if not _fits(theirs, {**keys, "ts_recv": _TIME}, {"seq": "int64"}, QUOTED[1:]):
        return None
    if set(QUOTED) & set(ours.dataset.columns):
        return None
    (our_rows, our_count), (their_rows, their_count) = _given(*trades), _given(*quotes)
    if our_count + their_count > _JOINED_MAX:
        return None
    with parts.live_files():
        found = _native.lake_asof(our_rows, their_rows, columns=columns, time=time, by=by)
    return Result(found.arrow())


def _fits(
    snapshot: Snapshot,
    never_null: Mapping[str, str],
    others: Mapping[str, str],
    there: Sequence[str] = (),
) -> bool:
    """Whether columns are there, and of the kinds that kernels take."""
    known = {column.name: column for column in snapshot.dataset.schema.columns}

    def fits(name: str, kind: str) -> bool:
        return name in known and known[name].type.partition("<")[0] == kind

    return (
        all(fits(name, kind) and not known[name].nullable for name, kind in never_null.items())
        and all(fits(name, kind) for name, kind in others.items())
        and all(name in known for name in there)
    )


def _given(snapshot: Snapshot, chosen: Mapping[str, Any]) -> tuple[tuple[Any, ...], int]:
    """Rows as kernels take them, of files that may have some and of tapes; how many at most."""
    dataset = snapshot.dataset
    choice = Choice.of(dataset, **chosen)
    files, hot = parts.chosen(snapshot, choice)
    paths = [snapshot.location(file) for file in files]
    count = sum(file.rows for file in files) + (0 if hot is None else len(hot))
    return (dataset.schema, paths, choice.tests(dataset), hot), count
