"""A peer's order book, updated from Python: `.venv/peers/bin/python benches/book_peers.py`.

NautilusTrader's `OrderBook`, whose core is Rust, too. Deltas are made before the clock starts; each
is applied by a call from Python, which costs the most of it. Ours has no such calls: books are kept
where messages are read (`target/release/book`).
"""

from __future__ import annotations

import random
import time

from figures import keep
from nautilus_trader.model.book import OrderBook
from nautilus_trader.model.data import BookOrder, OrderBookDelta
from nautilus_trader.model.enums import BookAction, BookType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.objects import Price, Quantity

LEVELS = 1_000
UPDATES = 200_000
ROUNDS = 5
MIDDLE = 6_000_000
INSTRUMENT = InstrumentId.from_str("BTCUSDT.BINANCE")


def main() -> None:
    first = [
        delta(side, distance, 1 + distance)
        for side in (OrderSide.BUY, OrderSide.SELL)
        for distance in range(1, LEVELS + 1)
    ]
    later = changes(random.Random(1))
    best = float("inf")
    for _ in range(ROUNDS):
        book = OrderBook(INSTRUMENT, BookType.L2_MBP)
        for one in first:
            book.apply_delta(one)
        started = time.perf_counter_ns()
        for one in later:
            book.apply_delta(one)
        best = min(best, (time.perf_counter_ns() - started) / len(later))
    print(f"NautilusTrader, apply_delta one at a time: mean {best:.0f} ns")
    keep("Books", "L2 update from Python, one at a time", "ns", system="nautilus", mean=best)


def changes(dice: random.Random) -> list[OrderBookDelta]:
    """Most of them near the touch, one of eight a removal, as in our own bench."""
    made = []
    for _ in range(UPDATES):
        side = dice.choice((OrderSide.BUY, OrderSide.SELL))
        distance = 1 + dice.randrange(LEVELS) * dice.randrange(LEVELS) // LEVELS
        size = 0 if dice.randrange(8) == 0 else 1 + dice.randrange(1_000_000)
        made.append(delta(side, distance, size))
    return made


def delta(side: OrderSide, distance: int, size: int) -> OrderBookDelta:
    """Sets a level, or removes it if there is no size; `distance` in ticks from the middle."""
    ticks = MIDDLE - distance if side == OrderSide.BUY else MIDDLE + distance
    action = BookAction.UPDATE if size else BookAction.DELETE
    order = BookOrder(side, Price(ticks / 100, 2), Quantity(size / 1000, 3), 0)
    return OrderBookDelta(INSTRUMENT, action, order, 0, 0, 0, 0)


if __name__ == "__main__":
    main()
