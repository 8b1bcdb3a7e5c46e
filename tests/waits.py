"""Scripts of tests in which a market moves while a trader runs, and strategies that note what
happened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rustonite_data.tape import Tape
from rustonite_exec import FillNews, OrderNews, Quote, Strategy

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal
    from pathlib import Path


class Script:
    """Steps, one after the other: what is to be waited for says no, what is to be done nothing."""

    def __init__(self, *steps: Callable[[], Any]) -> None:
        self.steps = list(steps)

    def go_on(self) -> bool:
        """Take the next step if its time has come; whether all are done."""
        if self.steps and self.steps[0]() in (None, True):
            self.steps.pop(0)
        return not self.steps


class Noted(Strategy):
    """Places something at the first quote, and remembers what became of each order."""

    def __init__(self, symbol: str, journal: Path | None = None) -> None:
        self.symbol, self.journal = symbol, journal
        self.has_begun = False
        self.quotes, self.bid = 0, 0.0
        self.events: dict[int, list[str]] = {}
        self.reasons: dict[int, str | None] = {}
        self.filled: dict[int, Decimal] = {}

    def begin(self) -> None:
        """Place what is to be looked at."""

    def on_quote(self, quote: Quote) -> None:
        self.quotes, self.bid = self.quotes + 1, quote.bid_price
        if not self.has_begun and quote.bid_price and quote.ask_price:
            self.begin()
            self.has_begun = True

    def on_order(self, news: OrderNews) -> None:
        self.events.setdefault(news.order.id, []).append(news.event)
        self.reasons[news.order.id] = news.reason
        self.filled[news.order.id] = news.order.size_filled

    def on_fill(self, news: FillNews) -> None:
        self.filled[news.order.id] = news.order.size_filled

    def rows(self, dataset: str, columns: list[str]) -> list[dict[str, Any]]:
        """Rows of the journal."""
        assert self.journal is not None
        tape = Tape.reader(self.journal / dataset / "trader")
        found: list[dict[str, Any]] = tape.read().pl().select(columns).to_dicts()
        return found
