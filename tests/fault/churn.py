"""A strategy that always has something in flight: orders at the market that fill, and orders far
from it that stay. Where a file `calm` is beside its configuration, it ends the former and is still.
Where a file `doomed` is there, it kills its process soon after a request.
"""

import os
import random
import signal
import time
from pathlib import Path

from rustonite_data.errors import RiskRejected
from rustonite_exec import Strategy

SYMBOL, SIZE = "BTCUSDT", "0.01"
CALM, STILL, DOOMED = Path("calm"), Path("still"), Path("doomed")
NEAR, FAR = 4, 3


class Churn(Strategy):
    """Places, changes and cancels at random."""

    def on_start(self):
        self.chance = random.Random()
        self.middle = None

    def on_quotes(self, rows):
        row = rows.to_pylist(["bid_price", "ask_price"])[-1]
        if row["bid_price"] and row["ask_price"]:
            self.middle = (row["bid_price"] + row["ask_price"]) / 2
        if self.middle:
            self.act()

    def act(self):
        orders = self.broker.open_orders(SYMBOL)
        far = [one for one in orders if one.price is None or self.distance(one.price) > 0.005]
        near = [one for one in orders if one not in far]
        if CALM.exists():
            self.calm(near, far)
            return
        if len(near) < NEAR:
            self.place(self.chance.uniform(-0.0002, 0.0004))
        if len(far) < FAR:
            self.place(self.chance.uniform(0.01, 0.02))
        for order in orders:
            if not order.is_pending and self.chance.random() < 0.1:
                self.change(order, 0.0001 if order in near else 0.015)

    def calm(self, near, far):
        if STILL.exists():
            # Books are being compared: an order that the market comes near to stays.
            return
        for order in near:
            if not order.is_pending:
                self.trying(self.broker.cancel, order.id)
        if not near and not any(order.is_pending for order in far):
            STILL.touch()

    def distance(self, price):
        return abs(float(price) / self.middle - 1)

    def price(self, side, distance):
        sign = -1 if side == "buy" else 1
        return self.broker.on_tick(SYMBOL, side, self.middle * (1 + sign * distance))

    def place(self, distance):
        position = self.broker.position(SYMBOL)
        side = "sell" if position > 0 else "buy"
        if self.chance.random() < 0.3:
            side = self.chance.choice(["buy", "sell"])
        self.trying(self.broker.submit, SYMBOL, side, SIZE, self.price(side, distance))

    def change(self, order, distance):
        if self.chance.random() < 0.5:
            self.trying(self.broker.cancel, order.id)
        else:
            price = self.price(order.side, distance * self.chance.uniform(0.9, 1.1))
            if self.chance.random() < 0.1:
                # Some venues refuse a change that changes nothing.
                price = order.price
            self.trying(self.broker.replace, order.id, order.size, price)

    def trying(self, call, *arguments, **more):
        """Risk may say no, and that is fine."""
        try:
            call(*arguments, **more)
        except RiskRejected:
            return
        if DOOMED.exists() and self.chance.random() < 0.1:
            # The request is on its way, or at the venue, and nobody here will hear of it.
            time.sleep(self.chance.uniform(0, 0.003))
            os.kill(os.getpid(), signal.SIGKILL)


class HedgedChurn(Churn):
    """The same on both sides of hedge mode."""

    def place(self, distance):
        position = self.chance.choice(["long", "short"])
        opens, closes = ("buy", "sell") if position == "long" else ("sell", "buy")
        is_held = self.broker.position(SYMBOL, position) != 0
        side = closes if is_held and self.chance.random() < 0.5 else opens
        price = self.price(side, distance)
        self.trying(self.broker.submit, SYMBOL, side, SIZE, price, position_side=position)
