"""Orders that wait at the trader: a bracket and a trailing stop at a venue that has neither, and a
stop that outlives its process.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from trading import Place, recording

from rustonite_exec import FillNews, Group, LocalExchange, OrderNews, Strategy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rustonite_exec import Quote

SYMBOL, SIZE = "BTCUSDT", Decimal("0.01")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with (
        LocalExchange([SYMBOL], speed=2) as exchange,
        recording(tmp_path / "tapes", exchange.urls),
    ):
        yield Place(tmp_path, exchange)


class Waiting(Strategy):
    """Remembers what happened to each order."""

    def __init__(self) -> None:
        self.events: dict[int, list[str]] = {}
        self.filled: dict[int, Decimal] = {}

    def on_order(self, news: OrderNews) -> None:
        self.events.setdefault(news.order.id, []).append(news.event)
        self.filled[news.order.id] = news.order.size_filled

    def on_fill(self, news: FillNews) -> None:
        self.filled[news.order.id] = news.order.size_filled

    def near(self, side: str, price: float) -> Decimal:
        found = self.broker.on_tick(SYMBOL, side, price)  # type: ignore[arg-type]
        assert found is not None
        return found


class Bracket(Waiting):
    """Buys, with a stop that the market has passed already: it is sent as soon as it may be."""

    group: Group | None = None

    def on_quote(self, quote: Quote) -> None:
        if self.group is None and quote.bid_price and quote.ask_price:
            bid, ask = quote.bid_price, quote.ask_price
            self.group = self.broker.bracket(
                SYMBOL,
                "buy",
                SIZE,
                self.near("buy", ask * 1.001),
                target=self.near("sell", ask * 1.02),
                stop=self.near("sell", bid * 1.01),
                trigger_by="bid_ask",
                when_full=True,
            )


def test_a_bracket_at_a_venue_without_one(place: Place) -> None:
    strategy = Bracket()

    def is_done(_status: object) -> bool:
        group = strategy.group
        return group is not None and strategy.events.get(group.parent, [""])[-1] == "final_fill"

    place.run(strategy, is_done)
    assert strategy.group is not None
    entry, (target, stop) = strategy.group.entry, strategy.group.orders
    assert entry is not None
    # All that was bought was sold, by the stop: the target was taken out before.
    assert strategy.filled[entry] == SIZE
    assert strategy.filled[stop] == strategy.filled[strategy.group.parent] == SIZE
    assert strategy.filled[target] == 0
    assert strategy.events[target][-1] == "cancelled"
    assert strategy.events[stop][:1] == ["held"]
    assert "released" in strategy.events[stop]
    free, locked = place.exchange.balance(place.account, "BTC")
    assert locked == 0
    assert abs(free - 2) < SIZE / 100  # but for fees


class Trailing(Waiting):
    """Sells once the market has turned by a twentieth of a basis point."""

    order: int | None = None

    def on_start(self) -> None:
        self.order = self.broker.submit(
            SYMBOL, "sell", SIZE, trail="0.05", trail_unit="bps", trigger_by="mid"
        )


def test_a_trailing_stop_at_a_venue_without_one(place: Place) -> None:
    strategy = Trailing()
    place.run(strategy, lambda _status: strategy.filled.get(strategy.order or 0) == SIZE)
    assert strategy.order is not None
    assert strategy.events[strategy.order][:2] == ["held", "released"]
    assert strategy.events[strategy.order][-1] == "final_fill"


STOP = """
from rustonite_exec import Strategy


class Stop(Strategy):
    def on_start(self):
        self.broker.submit(
            "BTCUSDT", "sell", "0.01", trigger="1000000", trigger_by="bid_ask", emulate=True
        )
"""


def test_a_stop_outlives_a_kill_and_is_sent_once(tmp_path: Path) -> None:
    with LocalExchange([SYMBOL], speed=2) as exchange:
        place = Place(tmp_path, exchange)
        (tmp_path / "stops.py").write_text(STOP)
        place.configure("stops:Stop")
        words = [sys.executable, "-m", "rustonite_data.cli", "trade", "trader.toml"]
        # Nothing is recorded so far, so no price comes.
        with subprocess.Popen(words, cwd=tmp_path) as running:
            try:
                place.wait(lambda one: one["open_orders"] == 1)
            finally:
                running.kill()
        assert running.returncode == -signal.SIGKILL
        strategy = Waiting()
        with recording(tmp_path / "tapes", exchange.urls):
            # This one places nothing: what is sold is what was held.
            place.run(strategy, lambda status: status["fills"] and not status["open_orders"])
        [(order, events)] = strategy.events.items()
        assert strategy.filled[order] == SIZE
        assert events.count("released") == 1
        free, locked = exchange.balance(place.account, "BTC")
        assert (free, locked) == (2 - SIZE, 0)
