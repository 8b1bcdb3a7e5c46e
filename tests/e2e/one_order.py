"""Strategies that place one order far from the market, or none, and wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rustonite_exec import Strategy

if TYPE_CHECKING:
    from decimal import Decimal

    from rustonite_data._native import Batch
    from rustonite_exec import OrderNews


class Quiet(Strategy):
    """Does nothing."""


class OneOrder(Strategy):
    """Buys a little, two per cent below the best bid."""

    def __init__(self) -> None:
        self.has_begun = False

    def on_quotes(self, rows: Batch) -> None:
        bid = rows.to_pylist(["bid_price"])[-1]["bid_price"]
        if bid and not self.has_begun:
            self.has_begun = True
            price = self.broker.on_tick("BTCUSDT", "buy", bid * 0.98)
            self.broker.submit("BTCUSDT", "buy", "0.01", price)


class MovedStop(Strategy):
    """Has a stop at the venue, and moves it once."""

    def __init__(self) -> None:
        self.order: int | None = None
        self.bid = 0.0

    def at(self, part: float) -> Decimal | None:
        return self.broker.on_tick("BTCUSDT", "sell", self.bid * part)

    def on_quotes(self, rows: Batch) -> None:
        self.bid = rows.to_pylist(["bid_price"])[-1]["bid_price"]
        if self.bid and self.order is None:
            prices = {"price": self.at(0.965), "trigger": self.at(0.97), "trigger_by": "mark"}
            self.order = self.broker.submit("BTCUSDT", "sell", "0.01", **prices)

    def on_order(self, news: OrderNews) -> None:
        if news.event == "accepted":
            self.broker.replace(news.order.id, price=self.at(0.97), trigger=self.at(0.975))
