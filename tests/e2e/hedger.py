"""A strategy that is long and short of one contract at once, and says what it sees."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from rustonite_exec import Strategy

if TYPE_CHECKING:
    from rustonite_data._native import Batch
    from rustonite_exec import FillNews

SYMBOL = "BTCUSDT"
OPENING = (("buy", "long", "0.02", 1.001), ("sell", "short", "0.01", 0.999))


class Hedger(Strategy):
    """Opens what is not open."""

    def on_start(self) -> None:
        self.asked = {side for _, side, _, _ in OPENING if Decimal(self.position(side))}
        self.say("start", long=self.position("long"), short=self.position("short"))

    def position(self, side: str) -> str:
        return str(self.broker.position(SYMBOL, side))

    def on_quotes(self, rows: Batch) -> None:
        quote = rows.to_pylist(["bid_price", "ask_price"])[-1]
        if not (quote["bid_price"] and quote["ask_price"]):
            return
        for side, position, size, away in OPENING:
            if position in self.asked:
                continue
            # One after the other: they would trade with each other.
            if self.broker.open_orders(SYMBOL):
                return
            self.asked.add(position)
            near = quote["ask_price" if side == "buy" else "bid_price"]
            price = self.broker.on_tick(SYMBOL, side, near * away)
            self.broker.submit(SYMBOL, side, size, price, position_side=position)

    def on_fill(self, news: FillNews) -> None:
        self.say("fill", side=news.order.position_side, position=str(news.position))

    def say(self, what: str, **more: str | None) -> None:
        with Path("said.jsonl").open("a") as said:
            said.write(json.dumps({"what": what, **more}) + "\n")
