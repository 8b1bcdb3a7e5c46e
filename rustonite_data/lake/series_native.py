"""Bars and as-of joins by kernels over sorted files and rows of tapes, where there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rustonite_data import _native
from rustonite_data.errors import Corrupt, NotFound
from rustonite_data.lake import parts, prune
from rustonite_data.lake.choice import Choice
from rustonite_data.lake.query import Result
from rustonite_data.lake.series_sql import keys_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rustonite_data._native import LakeRows
    from rustonite_data.lake.intervals import Interval
    from rustonite_data.lake.snapshot import DataFile, Snapshot

BARS = (
    "ts_open", "ts_close", "interval", "open", "high", "low", "close", "volume", "turnover",
    "vwap", "buy_volume", "count", "number",
)  # fmt: skip
"""The columns of bars besides those that name what they are of."""
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
    """Bars of time, or one of everything; `None` if there is no kernel for what is asked."""
    keys = dict.fromkeys(keys_of(by), _TEXT)
    if interval.kind not in {"time", "all"} or not trades.local:
        return None
    if not _fits(trades, {**keys, **_TRADES, time: _TIME}, {"trade_id": "int64"}):
        return None
    span = (int(interval.amount), interval.origin_ns) if interval.kind == "time" else None
    given = _given(trades, chosen)
    return _result(
        lambda: _native.lake_bars(
            given, columns=columns, time=time, span=span, interval=interval.text, by=by
        )
    )


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
    if _rows(*trades) + _rows(*quotes) > _JOINED_MAX:
        return None
    given = (_given(*trades), _given(*quotes))
    return _result(lambda: _native.lake_asof(*given, columns=columns, time=time, by=by))


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


def _rows(snapshot: Snapshot, chosen: Mapping[str, Any]) -> int:
    """How many rows there are at most."""
    files = _files(snapshot, Choice.of(snapshot.dataset, **chosen))
    return sum(file.rows for file in files) + sum(map(len, snapshot.hot))


def _files(snapshot: Snapshot, choice: Choice) -> list[DataFile]:
    return prune.prune(snapshot.files, choice.predicate(snapshot.dataset), snapshot.dataset)


def _given(snapshot: Snapshot, chosen: Mapping[str, Any]) -> tuple[Any, ...]:
    """Rows as kernels take them: of files that may have some, and of tapes."""
    dataset = snapshot.dataset
    choice = Choice.of(dataset, **chosen)
    hot = parts.hot_table(snapshot)
    if hot is not None:
        hot = parts.chosen_rows(hot, choice, dataset)
    paths = [snapshot.location(file) for file in _files(snapshot, choice)]
    return dataset.schema, paths, choice.tests(dataset), hot


def _result(run: Callable[[], LakeRows]) -> Result:
    try:
        return Result(run().arrow())
    except NotFound as error:
        raise Corrupt(f"named by the log: {error}") from error
