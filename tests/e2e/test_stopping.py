"""An operator stops a trader, in parts or whole, from the command line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import contextmanager
from decimal import Decimal
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from trading import Client, Place, command, recording

from rustonite_data.errors import NotFound
from rustonite_exec import (
    Instrument,
    LocalExchange,
    NewOrder,
    OrderNews,
    StateNews,
    Strategy,
    ask,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rustonite_data._native import Batch
    from rustonite_data.errors import RiskRejected


DUST = Decimal("0.00009")
"""Less than can be bought: the fee of a buy is taken in what was bought."""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with (
        LocalExchange(["BTCUSDT"], speed=2) as exchange,
        recording(tmp_path / "tapes", exchange.urls),
    ):
        place = Place(tmp_path, exchange)
        settings = {"venue": "binance", "symbol": "BTCUSDT", "size": 0.01, "position_max": 0.1}
        place.configure("market-maker", **settings)
        yield place


@contextmanager
def trading(place: Place) -> Iterator[None]:
    """A trader that ends orderly."""
    words = [sys.executable, "-m", "rustonite_data.cli", "trade", "trader.toml"]
    log = (place.folder / "trader.log").open("w")
    with log, subprocess.Popen(words, cwd=place.folder, stderr=log) as running:
        try:
            yield
            running.send_signal(signal.SIGTERM)
            running.wait(timeout=30)
        finally:
            running.kill()
    assert running.returncode == 0, (place.folder / "trader.log").read_text()[-3000:]


def owned(place: Place, asset: str) -> Decimal:
    free, locked = place.exchange.balance(place.account, asset)
    return free + locked


def test_a_kill_closes_what_was_bought_and_sold(place: Place) -> None:
    with trading(place):
        place.wait(lambda one: bool(one["positions"]))
        told = command("kill", "--flatten", "--wait", "30", folder=place.folder)
        assert "still open" not in told
        status = place.status()
        assert status is not None
        assert status["open_orders"] == 0
        assert all(abs(Decimal(one["size"])) <= DUST for one in status["positions"])
        assert [(one["code"], one["state"]) for one in status["switches"]] == [
            ("kill_switch", "cancel_only")
        ]
    assert abs(owned(place, "BTC") - 2) <= DUST


def test_what_is_allowed_can_be_set_and_is_so_after_a_restart(place: Place) -> None:
    with trading(place):
        place.wait(lambda one: one["fills"] > 0)
        assert command("trading", "cancel_only", folder=place.folder) == "all: cancel_only\n"
        before = place.wait(lambda one: one["denials"] > 0)["requests"]
        told = command("dry-run", "BTCUSDT", "buy", "5", "1000", folder=place.folder, ok=False)
        assert "cancel_only        of all" in told
        words = ("dry-run", "BTCUSDT", "buy", "5", "1000", "--json")
        denials = [
            json.loads(one) for one in command(*words, folder=place.folder, ok=False).splitlines()
        ]
        [size] = [one for one in denials if one["code"] == "order_size"]
        assert (size["limit"], size["value"]) == ("1", "5")
        assert size["market_seq"] >= 0
    with trading(place):
        status = place.wait(lambda one: one["denials"] > 0)
        assert [one["code"] for one in status["switches"]] == ["cancel_only"]
        assert status["requests"] == 0
        assert command("trading", "active", folder=place.folder) == "all: active\n"
        place.wait(lambda one: one["requests"] > 0)
    assert before > 0


@pytest.mark.parametrize(("external", "left"), [("adopted", 0), ("watched", 1)])
def test_orders_of_others_end_with_the_trader_if_they_are_adopted(
    place: Place, external: str, left: int
) -> None:
    path = place.folder / "trader.toml"
    path.write_text(path.read_text().replace('"main"', f'"main"\nexternal = "{external}"'))
    others = Client(place.exchange, place.account, "BTCUSDT")
    others.rest("buy", "0.01", 50_000.0)
    place.run(Strategy(), lambda status: status["open_orders"] == 1)
    assert len(others.open_orders()) == left


class Mover(Strategy):
    """Moves what others have placed, once."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def on_start(self) -> None:
        [order] = self.broker.open_orders("BTCUSDT")
        assert (order.kind, order.price) == ("limit", 59_000)
        self.broker.replace(order.id, size="0.02", price="59100")

    def on_order(self, news: OrderNews) -> None:
        self.events.append(news.event)


def test_an_order_of_others_that_is_adopted_can_be_changed(place: Place) -> None:
    path = place.folder / "trader.toml"
    keeping = 'on_stop = "keep"\n' + path.read_text()
    path.write_text(keeping.replace('"main"', '"main"\nexternal = "adopted"'))
    others = Client(place.exchange, place.account, "BTCUSDT")
    number = others.rest("buy", "0.01", 59_000.0)
    mover = Mover()
    place.run(mover, lambda _status: "replaced" in mover.events)
    [order] = others.open_orders()
    assert order["orderId"] != number
    assert (Decimal(order["price"]), Decimal(order["origQty"])) == (59_100, Decimal("0.02"))
    assert mover.events == ["replace_asked", "replaced"]


class Careful(Strategy):
    """Asks what would be denied before it orders."""

    def __init__(self) -> None:
        self.told: list[list[RiskRejected]] = []

    def on_quotes(self, rows: Batch) -> None:
        bid = rows.to_pylist(["bid_price"])[-1]["bid_price"]
        if bid and not self.told:
            price = self.broker.on_tick("BTCUSDT", "buy", bid * 0.99)
            for size in ("0.01", "50"):
                order = NewOrder("BTCUSDT", "buy", size, price)
                self.told.append(self.broker.would_fail(order))


def test_a_dry_run_tells_all_limits_that_would_deny(place: Place) -> None:
    strategy = Careful()
    place.run(strategy, lambda _status: bool(strategy.told))
    fine, large = strategy.told
    assert fine == []
    codes = [one.code for one in large]
    assert codes[:2] == ["order_size", "order_notional"]


class Hearing(Strategy):
    """Remembers what is allowed, and what can be traded."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, str, bool, str | None]] = []
        self.rules: list[Instrument] = []

    def on_start(self) -> None:
        self.rules = self.broker.instruments()
        assert self.rules == [self.broker.instrument("BTCUSDT", venue="binance")]
        with pytest.raises(NotFound, match="ETHUSDT is not traded here"):
            self.broker.instrument("ETHUSDT")

    def on_state(self, news: StateNews) -> None:
        self.told.append((news.scope, news.name, news.state, news.is_lifted, news.code))


def test_a_strategy_hears_what_is_allowed_and_why(place: Place) -> None:
    strategy = Hearing()

    def operate() -> None:
        place.wait(lambda one: one["started"])
        for state in ("cancel_only", "active"):
            ask(place.journal, {"do": "trading", "scope": "all", "name": "", "state": state})
        for do in ("kill", "resume"):
            ask(place.journal, {"do": do, "scope": "strategy", "name": "strategy"})
        place.wait(lambda _status: len(strategy.told) == 4)
        place.exchange.fault("close", code=1012, streams="user")

    operator = Thread(target=operate)
    operator.start()
    place.run(strategy, lambda _status: len(strategy.told) >= 6)
    operator.join()
    assert strategy.told == [
        ("all", "", "cancel_only", False, "cancel_only"),
        ("all", "", "active", True, None),
        ("strategy", "strategy", "cancel_only", False, "kill_switch"),
        ("strategy", "strategy", "active", True, "kill_switch"),
        ("account", "main", "halted", False, "venue_disconnected"),
        ("account", "main", "active", True, None),
    ]
    [rules] = strategy.rules
    assert (rules.venue, rules.base, rules.quote, rules.status) == (
        "binance", "BTC", "USDT", "trading",
    )  # fmt: skip
    assert (rules.tick, rules.lot, rules.multiplier) == (
        Decimal("0.01"), Decimal("0.00001"), Decimal(1),
    )  # fmt: skip
    assert rules.size_min is None or rules.size_min > 0
