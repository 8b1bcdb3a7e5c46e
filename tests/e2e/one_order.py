"""Strategies that place one order far from the market, or none, and wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rustonite_exec import Strategy

if TYPE_CHECKING:
    from rustonite_data._native import Batch


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
