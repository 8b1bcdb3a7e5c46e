"""A trader on USD-M futures: in and out of a position, to the last unit of money; the venue's
leverage; and orders that end with their trader."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from trading import PATIENCE_S, Client, InAndOut, configured, followed, kept_from_trading

from rustonite_data.record import Recorder
from rustonite_data.tape import Tape
from rustonite_exec import LocalExchange, Strategy, Trader, ask, limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rustonite_data._native import Batch
    from rustonite_exec import Account, OrderNews

VENUE, SYMBOL = "binance-usdm", "BTCUSDT"
USUAL_LEVERAGE = "leverage = 20"
STRATEGY = Path(__file__).with_name("one_order.py")


class Place:
    """A venue, an account there, and what it takes to trade."""

    def __init__(self, folder: Path, exchange: LocalExchange) -> None:
        self.folder, self.exchange = folder, exchange
        self.account: Account = exchange.account("me", {"USDT": 100_000})

    def configure(self, top: str = "", more: str = USUAL_LEVERAGE, run: str = "test:Test") -> Path:
        """A trader's configuration."""
        return configured(
            self.folder, self.exchange, self.account,
            venue=VENUE, symbol=SYMBOL, text=limits(), top=top, more=more, run=run,
        )  # fmt: skip

    @contextmanager
    def recording(self) -> Iterator[None]:
        """A recorder of the venue."""
        feed = followed(self.exchange, VENUE, SYMBOL, public="public", market="market", rest="rest")
        with Recorder(feed, tapes=self.folder / "tapes"):
            yield

    def open_orders(self) -> list[Any]:
        """What the venue says is open."""
        return Client(self.exchange, self.account, SYMBOL).open_orders()

    def until(self, is_so: Any) -> Any:
        """Wait until something is so of the running trader."""
        status = None
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            journal = self.folder / "journal"
            status = ask(journal, {"do": "status"}) if journal.exists() else None
            if status is not None and is_so(status):
                return status
            time.sleep(0.02)
        raise AssertionError(status)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with LocalExchange([SYMBOL], venue=VENUE, speed=3) as exchange:
        yield Place(tmp_path, exchange)


def test_in_and_out_of_a_position_of_usdm(place: Place) -> None:
    strategy = InAndOut(SYMBOL, "0.01", reduce_only=True)
    config = place.configure()
    with place.recording():
        last = strategy.until_out(config)
    sizes = [one.size if one.order.side == "buy" else -one.size for one in strategy.fills]
    assert (sum(sizes), strategy.fills[-1].position) == (0, 0)
    assert last["positions"] == []
    free, locked = place.exchange.balance(place.account, "USDT")
    assert Decimal(last["balances"]["USDT"]) == free + locked
    assert Decimal(last["profit"]["account main"]) == free + locked - 100_000
    # Balances are asked for with all books, positions are told with each execution.
    assert said_by_venue(place, "balances")[0]["total"] == 100_000
    held = [row["size"] for row in said_by_venue(place, "positions")]
    assert max(held) > 0
    assert held[-1] == 0


def said_by_venue(place: Place, dataset: str) -> list[dict[str, Any]]:
    read = Tape.reader(place.folder / "journal" / dataset / "trader").read()
    return [row for row in read.pl().to_dicts() if row["source"] == "venue"]


class Mover(Strategy):
    """Places an order below the market, changes it twice and cancels it."""

    def __init__(self) -> None:
        self.order: int | None = None
        self.bid = 0.0
        self.events: list[str] = []

    def price(self, part: float) -> Any:
        return self.broker.on_tick(SYMBOL, "buy", self.bid * part)

    def on_quotes(self, rows: Batch) -> None:
        self.bid = rows.to_pylist(["bid_price"])[-1]["bid_price"]
        if self.bid and self.order is None:
            self.order = self.broker.submit(SYMBOL, "buy", "0.01", self.price(0.985))

    def on_order(self, news: OrderNews) -> None:
        if news.event not in ("accepted", "replaced", "cancelled"):
            return
        self.events.append(news.event)
        match len(self.events):
            case 1:
                self.broker.replace(news.order.id, "0.01", self.price(0.984))
            case 2:
                self.broker.replace(news.order.id, "0.02", self.price(0.983))
            case 3:
                self.broker.cancel(news.order.id)


def test_an_order_that_the_venue_changes_in_place_keeps_its_name(place: Place) -> None:
    strategy = Mover()
    told: list[str] = []
    began = time.monotonic()

    def beat(status: dict[str, Any], notices: list[str]) -> bool:
        told.extend(notices)
        assert time.monotonic() - began < PATIENCE_S, (status, strategy.events, told)
        return "cancelled" not in strategy.events

    config = place.configure()
    with place.recording():
        Trader(config, strategy).run(beat)
    assert strategy.events == ["accepted", "replaced", "replaced", "cancelled"], told
    assert place.open_orders() == []
    assert not any("unknown" in text for text in told), told


def test_another_leverage_than_the_venue_has_is_not_traded_on(place: Place) -> None:
    told = kept_from_trading(place.configure(more="leverage = 5"), "leverage")
    text = "account main: the leverage of BTCUSDT is 20 at the venue and 5 in the configuration"
    assert any(one.startswith(text) for one in told), told


def test_without_a_setting_the_leverage_is_what_the_venue_has(place: Place) -> None:
    """An order that is worth more than the account has, but for less than twenty times."""
    place.account = place.exchange.account("small", {"USDT": 200})
    strategy = InAndOut(SYMBOL, "0.01", reduce_only=True)
    config = place.configure(more="")
    with place.recording():
        last = strategy.until_out(config)
    assert sum(one.size * one.price for one in strategy.fills if one.order.side == "buy") > 200
    assert last["positions"] == []


@contextmanager
def trading(place: Place) -> Iterator[subprocess.Popen[bytes]]:
    """A trader in a process of its own."""
    command = [sys.executable, "-m", "rustonite_data.cli", "trade", "trader.toml"]
    with (place.folder / "trader.log").open("w") as log:
        trader = subprocess.Popen(command, cwd=place.folder, stdout=log, stderr=log)
    try:
        yield trader
    finally:
        trader.kill()
        trader.communicate()


def test_orders_end_with_a_trader_that_is_killed(place: Place) -> None:
    shutil.copy(STRATEGY, place.folder)
    more = f"{USUAL_LEVERAGE}\ndead_man_s = 3"
    place.configure(more=more, run="one_order:OneOrder")
    with place.recording():
        with trading(place) as trader:
            place.until(lambda one: one["open_orders"] == 1 and one["accounts"][0]["guarded"])
            # It is told again and again that the trader lives.
            time.sleep(4)
            assert len(place.open_orders()) == 1
            trader.send_signal(signal.SIGKILL)
            trader.communicate()
        end = time.monotonic() + PATIENCE_S
        while place.open_orders():
            assert time.monotonic() < end
            time.sleep(0.05)
        place.configure('reconcile = "refuse"', more, "one_order:Quiet")
        with trading(place) as trader:
            status = place.until(lambda one: one["accounts"][0]["trading"])
            assert (status["open_orders"], status["positions"]) == (0, [])
            free, locked = place.exchange.balance(place.account, "USDT")
            assert (Decimal(status["balances"]["USDT"]), locked) == (free, 0)
            trader.send_signal(signal.SIGTERM)
            trader.communicate(timeout=PATIENCE_S)


def test_nothing_is_placed_that_the_venue_would_keep_without_us(place: Place) -> None:
    shutil.copy(STRATEGY, place.folder)
    place.configure(more=f"{USUAL_LEVERAGE}\ndead_man_s = 10", run="one_order:OneOrder")
    place.exchange.fault("refuse", status=400, path="/fapi/v1/countdownCancelAll", times=2)
    seen: set[tuple[bool, int]] = set()

    def is_placed(status: dict[str, Any]) -> bool:
        seen.add((status["accounts"][0]["guarded"], status["open_orders"]))
        return bool(status["open_orders"] == 1)

    with place.recording(), trading(place) as trader:
        place.until(is_placed)
        trader.send_signal(signal.SIGTERM)
        trader.communicate(timeout=PATIENCE_S)
    assert (False, 0) in seen, seen
    assert (False, 1) not in seen, seen
    told = (place.folder / "trader.log").read_text()
    assert told.count("the dead man's timer was not set") == 1, told


def test_a_change_that_a_kill_cut_in_half_is_told(place: Place) -> None:
    """The old stop has ended at the venue, and the new one was never sent."""
    shutil.copy(STRATEGY, place.folder)
    place.configure(run="one_order:MovedStop")
    place.exchange.fault("no_answer", call="cancel")
    client = Client(place.exchange, place.account, SYMBOL)
    with place.recording():
        with trading(place) as trader:
            end = time.monotonic() + PATIENCE_S
            states: list[Any] = []
            while states != ["CANCELED"]:
                assert time.monotonic() < end, (place.folder / "trader.log").read_text()
                time.sleep(0.1)
                states = [one["algoStatus"] for one in client.call("GET", "allAlgoOrders")]
            trader.send_signal(signal.SIGKILL)
            trader.communicate()
        place.configure(run="one_order:Quiet")
        with trading(place) as trader:
            status = place.until(lambda one: one["accounts"][0]["trading"])
            assert (status["open_orders"], status["positions"]) == (0, [])
            trader.send_signal(signal.SIGTERM)
            trader.communicate(timeout=PATIENCE_S)
    told = (place.folder / "trader.log").read_text()
    events = re.findall(r"^order \d+, sell BTCUSDT: (.*)$", told, re.MULTILINE)
    assert events == ["replace_rejected", "cancelled"], told
    assert [one["algoStatus"] for one in client.call("GET", "allAlgoOrders")] == ["CANCELED"]


def test_orders_that_are_to_stay_outlive_a_clean_stop(place: Place) -> None:
    shutil.copy(STRATEGY, place.folder)
    place.configure('on_stop = "keep"', f"{USUAL_LEVERAGE}\ndead_man_s = 2", "one_order:OneOrder")
    with place.recording(), trading(place) as trader:
        place.until(lambda one: one["open_orders"] == 1 and one["accounts"][0]["guarded"])
        trader.send_signal(signal.SIGTERM)
        trader.communicate(timeout=PATIENCE_S)
        assert trader.returncode == 0, (place.folder / "trader.log").read_text()
    time.sleep(3)
    assert len(place.open_orders()) == 1
