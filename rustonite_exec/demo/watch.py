"""What goes on at this moment, read from the tapes while others write them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rustonite_data import Batch, Tape, _native
from rustonite_data.errors import RustoniteError
from rustonite_data.lake.hot import CONSUMER
from rustonite_exec.demo.crew import DATASETS, SYMBOLS, TRADED

if TYPE_CHECKING:
    from pathlib import Path

    from rustonite_data import Reader
    from rustonite_exec.demo.crew import Crew

_ASK_S = 0.5
_RATE_S = 1.0
_SNAPSHOT = 2
_FINAL = {"denied", "filled", "cancelled", "expired", "rejected"}


@dataclass
class Moment:
    """What a screen shows."""

    rates: dict[str, float] = field(default_factory=dict)
    """Rows per second by dataset, and trades per second by symbol."""
    rows: dict[str, int] = field(default_factory=dict)
    waiting: int = 0
    """Rows on tapes that the lake does not have so far."""
    delay_ms: float | None = None
    """Our time minus the venue's, of the last trade."""
    quotes: dict[str, dict[str, float]] = field(default_factory=dict)
    bids: list[tuple[float, float]] = field(default_factory=list)
    """Price and size, the best first."""
    asks: list[tuple[float, float]] = field(default_factory=list)
    orders: list[dict[str, Any]] = field(default_factory=list)
    """Those that are open."""
    trader: dict[str, Any] | None = None
    """What the trader said last; none while it does not answer."""


class Watch:
    """Follows tapes and trader; each look is cheap."""

    def __init__(self, crew: Crew) -> None:
        """Begin to follow."""
        self._crew = crew
        self._quotes = _Follower(crew.tape("quotes"))
        self._trades = _Follower(crew.tape("trades"))
        self._deltas = _Follower(crew.tape("book_deltas"))
        self._orders = _Follower(crew.journal_tape("orders"))
        self._book: dict[str, dict[float, float]] = {"bid": {}, "ask": {}}
        self._open: dict[int, dict[str, Any]] = {}
        self._counts = dict.fromkeys(SYMBOLS, 0)
        self._before: tuple[float, dict[str, int]] = (time.monotonic(), {})
        self._asked = 0.0
        self.moment = Moment()

    def look(self) -> Moment:
        """What is new since the last look, and all that is known."""
        moment = self.moment
        columns = ["symbol", "bid_price", "bid_size", "ask_price", "ask_size"]
        for row in self._quotes.rows(columns):
            moment.quotes[row["symbol"]] = row
        for row in self._trades.rows(["symbol", "ts_event", "ts_recv"]):
            self._counts[row["symbol"]] += 1
            moment.delay_ms = (row["ts_recv"] - row["ts_event"]) / 1e6
        for row in self._deltas.rows(
            ["symbol", "action", "side", "price", "size", "position", "flags"]
        ):
            if row["symbol"] == TRADED:
                self._apply(row)
        moment.bids = sorted(self._book["bid"].items(), reverse=True)
        moment.asks = sorted(self._book["ask"].items())
        for row in self._orders.rows(["order_id", "state", "side", "price", "size", "size_filled"]):
            self._open[row["order_id"]] = row
            if row["state"] in _FINAL:
                del self._open[row["order_id"]]
        moment.orders = list(self._open.values())
        self._count()
        if time.monotonic() - self._asked > _ASK_S:
            self._asked = time.monotonic()
            moment.trader = self._crew.status()
        return moment

    def _apply(self, row: dict[str, Any]) -> None:
        """A change of the book; a picture replaces what was before."""
        is_picture = row["flags"] & _SNAPSHOT and row["position"] == 0
        if is_picture or (row["action"] == "clear" and row["side"] is None):
            self._book = {"bid": {}, "ask": {}}
        if row["action"] == "set":
            self._book[row["side"]][row["price"]] = row["size"]
        elif row["action"] == "remove":
            self._book[row["side"]].pop(row["price"], None)
        elif row["side"] is not None:
            self._book[row["side"]].clear()

    def _count(self) -> None:
        """How many rows there are, and how many a second; once a second."""
        then, before = self._before
        now = time.monotonic()
        if before and now - then < _RATE_S:
            return
        rows, waiting = {}, 0
        for dataset in DATASETS:
            facts = described(self._crew.tape(dataset))
            rows[dataset] = facts["next_row"] if facts else 0
            if facts:
                moved = facts["consumers"].get(CONSUMER, facts["first_row"])
                waiting += max(0, facts["next_row"] - moved)
        counts = {**rows, **self._counts}
        if before:
            self.moment.rates = {
                name: (count - before.get(name, 0)) / (now - then) for name, count in counts.items()
            }
        self.moment.rows, self.moment.waiting = rows, waiting
        self._before = (now, counts)


class _Follower:
    """Rows of a tape as they come; none while it is not there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reader: Reader | None = None

    def rows(self, columns: list[str]) -> list[dict[str, Any]]:
        if self._reader is None:
            if not (self._path / "tape.toml").exists():
                return []
            try:
                self._reader = Tape.reader(self._path, verify=False)
            except RustoniteError:
                return []  # it is being made
        return [row for news in self._reader if isinstance(news, Batch)
                for row in news.to_pylist(columns)]  # fmt: skip


def described(tape: Path) -> dict[str, Any] | None:
    """What is known of a tape without reading its rows, if it is there."""
    try:
        return _native.describe_tape(tape)
    except RustoniteError:
        return None
