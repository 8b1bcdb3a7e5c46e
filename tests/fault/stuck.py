"""A strategy that places an order far from the market and never comes back from the next call."""

import time
from pathlib import Path

from rustonite_exec import Strategy

STUCK = Path("stuck")


class Stuck(Strategy):
    """Its order is at the venue when it is stuck."""

    def __init__(self):
        self.is_placed = False

    def on_quotes(self, rows):
        bid = rows.to_pylist(["bid_price"])[-1]["bid_price"]
        if bid and not self.is_placed:
            self.is_placed = True
            price = self.broker.on_tick("BTCUSDT", "buy", bid * 0.99)
            self.broker.submit("BTCUSDT", "buy", "0.01", price)

    def on_order(self, news):
        if news.event == "accepted":
            STUCK.touch()
            while True:
                time.sleep(1)
