"""Orders that wait at the trader, in a market where everything else is done by the test: nothing
happens by chance, so fills come in parts, at once, or in the middle of a cancel.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from trading import Client, Place, Quoter, recording
from waits import Noted, Script

from rustonite_data.errors import RiskRejected
from rustonite_exec import Group, LocalExchange, NewOrder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SYMBOL = "BTCUSDT"


class Market(Place):
    """A venue with one quoter, an account that takes, and ours."""

    def __init__(self, folder: Path, exchange: LocalExchange) -> None:
        super().__init__(folder, exchange)
        self.quoter = Quoter(exchange, SYMBOL)
        self.quoter.move(59_990, 60_100)
        taker = exchange.account("taker", {"USDT": 1_000_000, "BTC": 10})
        self.taker = Client(exchange, taker, SYMBOL)
        self.ours = Client(exchange, self.account, SYMBOL)

    def follow(self, strategy: Noted, script: Script) -> None:
        """Trade while the script goes on, to its end."""
        with recording(self.folder / "tapes", self.exchange.urls):

            def is_done(_status: object) -> bool:
                self.quoter.renew()
                return script.go_on()

            self.run(strategy, is_done)

    def sizes(self, side: str) -> list[Decimal]:
        """Of our open orders at the venue."""
        return [
            Decimal(one["origQty"])
            for one in self.ours.open_orders()
            if one["side"] == side.upper()
        ]

    def sold(self) -> Decimal:
        """What is missing of what we had."""
        free, locked = self.exchange.balance(self.account, "BTC")
        return 2 - free - locked


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    with LocalExchange([SYMBOL], others=False, limits=False) as exchange:
        yield Market(tmp_path, exchange)


class Iceberg(Noted):
    def begin(self) -> None:
        self.parent = self.broker.submit(
            SYMBOL, "sell", "0.5", "60050", size_display="0.2", emulate=True
        )


def test_an_iceberg_never_shows_nor_sells_more_than_it_may(market: Market) -> None:
    strategy = Iceberg(SYMBOL)
    shown: list[Decimal] = []

    def is_shown() -> bool:
        sizes = market.sizes("sell")
        assert len(sizes) <= 1
        if sizes:
            shown.extend(sizes)
            # All that is asked for beyond the shown part is not there.
            market.taker.take("buy", "0.15" if len(shown) % 2 else "1", 60_050)
        return strategy.filled.get(strategy.parent, 0) == Decimal("0.5")

    market.follow(strategy, Script(lambda: strategy.has_begun, is_shown))
    slices = {one: size for one, size in strategy.filled.items() if one != strategy.parent}
    assert sorted(slices.values()) == [Decimal("0.1"), Decimal("0.2"), Decimal("0.2")]
    assert max(shown) == Decimal("0.2")
    assert market.sold() == Decimal("0.5")
    assert strategy.events[strategy.parent][-1] == "final_fill"
    assert market.ours.open_orders() == []


class WaitingIceberg(Noted):
    def begin(self) -> None:
        self.parent = self.broker.submit(
            SYMBOL, "sell", "0.5", "59900", trigger="59950", trigger_by="bid_ask",
            size_display="0.2", emulate=True,
        )  # fmt: skip


def test_an_iceberg_that_waits_for_a_price_shows_nothing_before(market: Market) -> None:
    strategy = WaitingIceberg(SYMBOL)
    script = Script(
        lambda: strategy.has_begun and strategy.quotes > 3,
        lambda: market.ours.open_orders() == [],
        # Its limit is below all bids: each slice takes at once.
        lambda: market.quoter.move(59_940, 60_000),
        lambda: strategy.filled.get(strategy.parent, 0) == Decimal("0.5"),
    )
    market.follow(strategy, script)
    slices = [size for one, size in strategy.filled.items() if one != strategy.parent]
    assert sorted(slices) == [Decimal("0.1"), Decimal("0.2"), Decimal("0.2")]
    assert strategy.events[strategy.parent][:2] == ["held", "triggered"]
    assert market.sold() == Decimal("0.5")


class Pair(Noted):
    """A target above the market and a stop below it."""

    group: Group

    def begin(self) -> None:
        self.group = self.broker.oco(
            SYMBOL, "sell", "0.01", target="60050", stop="59900", trigger_by="bid_ask"
        )

    def is_over(self) -> bool:
        return self.has_begun and self.events[self.group.parent][-1] == "final_fill"

    @property
    def sizes(self) -> list[Decimal]:
        """What the target and the stop were filled."""
        return [self.filled[one] for one in self.group.orders]


def test_of_a_pair_a_fill_takes_the_other_away(market: Market) -> None:
    strategy = Pair(SYMBOL)
    script = Script(
        lambda: market.sizes("sell") == [Decimal("0.01")],
        lambda: market.taker.take("buy", "0.01", 60_050),
        strategy.is_over,
        # Far below the stop: nobody waits there any more.
        lambda: market.quoter.move(59_500, 59_600),
        lambda: strategy.bid == 59_500,
    )
    market.follow(strategy, script)
    target, stop = strategy.group.orders
    assert strategy.sizes == [Decimal("0.01"), 0]
    assert strategy.events[stop][-1] == "cancelled"
    assert strategy.events[target][-1] == "final_fill"
    assert market.sold() == Decimal("0.01")


def test_of_a_pair_a_stop_sells_what_the_target_has_not(market: Market) -> None:
    strategy = Pair(SYMBOL)

    def both_at_once() -> None:
        market.taker.take("buy", "0.004", 60_050)
        market.quoter.move(59_890, 60_000)

    script = Script(
        lambda: market.sizes("sell") == [Decimal("0.01")], both_at_once, strategy.is_over
    )
    market.follow(strategy, script)
    assert strategy.sizes == [Decimal("0.004"), Decimal("0.006")]
    assert market.sold() == Decimal("0.01")
    assert market.ours.open_orders() == []


def test_a_target_that_is_filled_while_it_is_cancelled_leaves_the_stop_nothing(
    market: Market,
) -> None:
    strategy = Pair(SYMBOL)

    def both_at_once() -> None:
        market.quoter.leave()
        market.exchange.fault("fill_before_cancel")
        market.quoter.move(59_890, 60_000)

    script = Script(
        lambda: market.sizes("sell") == [Decimal("0.01")], both_at_once, strategy.is_over
    )
    market.follow(strategy, script)
    target, stop = strategy.group.orders
    assert "cancel_asked" in strategy.events[target]
    assert strategy.sizes == [Decimal("0.01"), 0]
    assert strategy.events[stop][-1] == "cancelled"
    assert market.sold() == Decimal("0.01")


class Parts(Noted):
    """An entry between the quotes, with a target and a stop."""

    group: Group

    def begin(self) -> None:
        self.group = self.broker.bracket(
            SYMBOL, "buy", "0.01", "60000", target="60050", stop="59900", trigger_by="bid_ask"
        )


def test_the_exits_of_a_bracket_grow_with_its_entry(market: Market) -> None:
    strategy = Parts(SYMBOL)
    script = Script(
        lambda: market.sizes("buy") == [Decimal("0.01")],
        lambda: market.taker.take("sell", "0.004", 60_000),
        lambda: market.sizes("sell") == [Decimal("0.004")],
        lambda: market.taker.take("sell", "0.006", 60_000),
        lambda: market.sizes("sell") == [Decimal("0.01")],
        lambda: market.taker.take("buy", "0.007", 60_050),
        lambda: strategy.filled[strategy.group.parent] == Decimal("0.007"),
        # The rest goes by the stop.
        lambda: market.quoter.move(59_890, 60_000),
        lambda: strategy.events[strategy.group.parent][-1] == "final_fill",
    )
    market.follow(strategy, script)
    entry, (target, stop) = strategy.group.entry, strategy.group.orders
    assert entry is not None
    assert strategy.filled[entry] == Decimal("0.01")
    assert (strategy.filled[target], strategy.filled[stop]) == (Decimal("0.007"), Decimal("0.003"))
    # The fee of a buy is taken from what was bought.
    assert market.sold() == Decimal("0.01") * Decimal("0.001")
    assert market.ours.open_orders() == []


class Trailing(Noted):
    def begin(self) -> None:
        self.order = self.broker.submit(
            SYMBOL, "sell", "0.01", trail="50", limit_offset="10", trigger_by="bid_ask"
        )

    def trigger(self) -> tuple[Decimal, Decimal] | None:
        """Trigger and limit, as the journal has them."""
        rows = self.rows("orders", ["order_id", "price_trigger", "price"])
        found = [row for row in rows if row["order_id"] == self.order]
        return (found[-1]["price_trigger"], found[-1]["price"]) if found else None


def test_a_trailing_stop_with_a_limit_can_be_moved_and_is_a_limit_order_then(
    market: Market,
) -> None:
    strategy = Trailing(SYMBOL, market.journal)

    def at(trigger: int) -> tuple[Decimal, Decimal]:
        return Decimal(trigger), Decimal(trigger) - 10

    script = Script(
        lambda: strategy.has_begun and strategy.trigger() == at(59_940),
        lambda: market.quoter.move(60_000, 60_100),
        lambda: strategy.trigger() == at(59_950),
        lambda: strategy.broker.replace(strategy.order, trail="30"),
        lambda: strategy.trigger() == at(59_970),
        lambda: strategy.broker.replace(strategy.order, trigger="59975"),
        lambda: strategy.trigger() == at(59_975),
        # Past the trigger and past its limit: it rests there.
        lambda: market.quoter.move(59_950, 60_000),
        lambda: [one["price"] for one in market.ours.open_orders()] == ["59965.00000000"],
        lambda: market.taker.take("buy", "0.01", 59_965),
        lambda: strategy.filled[strategy.order] == Decimal("0.01"),
    )
    market.follow(strategy, script)
    assert strategy.events[strategy.order][-1] == "final_fill"
    assert market.sold() == Decimal("0.01")


class Batch(Noted):
    placed: list[int | RiskRejected]

    def begin(self) -> None:
        self.placed = self.broker.submit_many([
            NewOrder(SYMBOL, "buy", "0.01", "59900"),
            NewOrder(SYMBOL, "buy", "50", "59900"),
            NewOrder(SYMBOL, "sell", "0.02", "60090", post_only=True),
            NewOrder(SYMBOL, "sell", "0.03", trigger="59000", emulate=True),
        ])  # fmt: skip


def test_of_several_orders_each_is_placed_or_denied_by_itself(market: Market) -> None:
    strategy = Batch(SYMBOL)
    found: list[Any] = []

    def are_open() -> bool:
        found[:] = [(one["side"], Decimal(one["origQty"])) for one in market.ours.open_orders()]
        return len(found) == 2

    market.follow(strategy, Script(lambda: strategy.has_begun, are_open))
    assert sorted(found) == [("BUY", Decimal("0.01")), ("SELL", Decimal("0.02"))]
    buy, denied, sell, stop = strategy.placed
    assert isinstance(denied, RiskRejected)
    assert str(denied).startswith("order_size: 50 against 1")
    events = [strategy.events[one][0] for one in (buy, sell, stop) if isinstance(one, int)]
    assert events == ["submitted", "submitted", "held"]
