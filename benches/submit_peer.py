"""NautilusTrader's way of an order, on its backtest engine in this process: prints JSON.

A strategy submits a limit order at each quote and cancels it once it is accepted. Timed by the
clock of the machine: the call of `submit_order` (its risk and execution engines, up to the venue's
client), and from its beginning to `on_order_accepted`. The venue has no latency and no socket.
"""

import json
import sys
import time
from decimal import Decimal

from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

WARM_UP = 500
# Slower than its throttle of 100 orders a second, by the clock of the simulation.
QUOTE_EVERY_NS = 20_000_000
START_NS = 1_767_312_000_000_000_000


class Submitter(Strategy):
    """Submits, and writes down how long that took."""

    def __init__(self, instrument):
        super().__init__()
        self.instrument = instrument
        self.price = Price.from_str("59000.00")
        self.size = Quantity.from_str("0.001000")
        self.began = {}
        self.calls, self.accepted = [], []

    def on_start(self):
        self.subscribe_quote_ticks(self.instrument.id)

    def on_quote_tick(self, _tick):
        began = time.perf_counter_ns()
        order = self.order_factory.limit(
            self.instrument.id, OrderSide.BUY, self.size, self.price, post_only=True
        )
        self.began[order.client_order_id] = began
        self.submit_order(order)
        self.calls.append(time.perf_counter_ns() - began)

    def on_order_accepted(self, event):
        self.accepted.append(time.perf_counter_ns() - self.began[event.client_order_id])
        self.cancel_order(self.cache.order(event.client_order_id))


def main():
    orders = int(sys.argv[1])
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(
        venue=Venue("BINANCE"),
        oms_type=OmsType.NETTING,
        account_type=AccountType.CASH,
        base_currency=None,
        starting_balances=[Money(Decimal(1_000_000), USDT), Money(Decimal(10), BTC)],
    )
    instrument = TestInstrumentProvider.btcusdt_binance()
    engine.add_instrument(instrument)
    size = Quantity.from_str("1.000000")
    bid, ask = Price.from_str("60000.00"), Price.from_str("60000.01")
    times = (START_NS + number * QUOTE_EVERY_NS for number in range(orders + WARM_UP))
    engine.add_data([QuoteTick(instrument.id, bid, ask, size, size, at, at) for at in times])
    strategy = Submitter(instrument)
    engine.add_strategy(strategy)
    engine.run()
    figures = {"call": strategy.calls[WARM_UP:], "accepted": strategy.accepted[WARM_UP:]}
    if min(map(len, figures.values())) < orders * 0.9:
        sys.exit(f"only {len(strategy.accepted)} of {orders} orders were accepted")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
