"""Orders that wait at the trader, on USD-M futures: for prices that only contracts have, and for a
position that is gone when their time comes.
"""

from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from trading import PATIENCE_S, Client, Quoter, configured, followed
from waits import Noted, Script

from rustonite_data.record import Recorder
from rustonite_exec import LocalExchange, Trader, limits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rustonite_exec import Group, OrderNews

VENUE, SYMBOL = "binance-usdm", "BTCUSDT"
DATASETS = 'datasets = ["quotes", "trades", "tickers"]'


class Market:
    """A venue with one quoter, and a trader of our account."""

    def __init__(self, folder: Path, exchange: LocalExchange) -> None:
        self.folder, self.exchange = folder, exchange
        account = exchange.account("me", {"USDT": 100_000})
        self.ours = Client(exchange, account, SYMBOL)
        self.quoter = Quoter(exchange, SYMBOL)
        self.quoter.move(59_990, 60_010)
        self.config = configured(
            folder, exchange, account,
            venue=VENUE, symbol=SYMBOL, text=limits(), more="leverage = 20",
        )  # fmt: skip
        text = self.config.read_text().replace('tapes = "tapes"', f'tapes = "tapes"\n{DATASETS}')
        self.config.write_text(text)

    def follow(self, strategy: Noted, script: Script) -> dict[str, Any]:
        """Trade while the script goes on, to its end; the last status."""
        names = {"public": "public", "market": "market", "rest": "rest"}
        feed = followed(self.exchange, VENUE, SYMBOL, **names)
        feed = feed.replace('datasets = ["trades", "quotes"]', DATASETS)
        last: dict[str, Any] = {}
        began = time.monotonic()

        def beat(status: dict[str, Any], notices: list[str]) -> bool:
            last.update(status)
            state = (strategy.events, strategy.reasons, status, notices)
            assert time.monotonic() - began < PATIENCE_S, state
            self.quoter.renew()
            return not script.go_on()

        with Recorder(feed, tapes=self.folder / "tapes"):
            Trader(self.config, strategy).run(beat)
        return last


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    with LocalExchange([SYMBOL], venue=VENUE, others=False, limits=False) as exchange:
        yield Market(tmp_path, exchange)


class Stopped(Noted):
    """Is long at once, and has a stop."""

    def __init__(self, by: str, at: str, *, emulate: bool) -> None:
        super().__init__(SYMBOL)
        self.by, self.at, self.emulate = by, at, emulate

    def begin(self) -> None:
        self.entry = self.broker.submit(SYMBOL, "buy", "0.01", "60100", tif="ioc")
        self.stop = self.broker.submit(
            SYMBOL, "sell", "0.01", trigger=self.at, trigger_by=self.by,
            reduce_only=True, emulate=self.emulate,
        )  # fmt: skip

    def is_in(self) -> bool:
        return self.has_begun and self.filled.get(self.entry) == Decimal("0.01")

    def is_out(self) -> bool:
        return self.events[self.stop][-1] == "final_fill"

    def waits(self) -> bool:
        return self.events[self.stop] == ["held"]


def after(strategy: Noted, quotes: int) -> Any:
    """Waits for so many quotes, from the first question on."""
    seen: list[int] = []

    def is_so() -> bool:
        seen.append(strategy.quotes)
        return strategy.quotes >= seen[0] + quotes

    return is_so


def test_a_trigger_by_mark_price_waits_for_that_alone(market: Market) -> None:
    market.exchange.set_mark(SYMBOL, 60_000)
    strategy = Stopped("mark", "59500", emulate=True)
    script = Script(
        strategy.is_in,
        # Quotes, trades and the index go below it.
        lambda: market.quoter.move(59_390, 59_410),
        after(strategy, 10),
        strategy.waits,
        lambda: market.exchange.set_mark(SYMBOL, 59_500),
        strategy.is_out,
    )
    status = market.follow(strategy, script)
    assert strategy.events[strategy.stop][:2] == ["held", "released"]
    assert status["positions"] == []


def test_a_trigger_by_index_price_waits_for_that_alone(market: Market) -> None:
    market.exchange.set_mark(SYMBOL, 60_000)
    # The venue has none by the index: it is held without being asked for.
    strategy = Stopped("index", "59500", emulate=False)
    script = Script(
        strategy.is_in,
        lambda: market.exchange.set_mark(SYMBOL, 59_000),
        after(strategy, 10),
        strategy.waits,
        lambda: market.quoter.move(59_490, 59_510),
        strategy.is_out,
    )
    status = market.follow(strategy, script)
    assert strategy.events[strategy.stop][:2] == ["held", "released"]
    assert status["positions"] == []


def test_a_stop_whose_position_is_gone_opens_no_other(market: Market) -> None:
    strategy = Stopped("bid_ask", "59500", emulate=True)

    def leave() -> None:
        # By other means: the trader hears of it from the venue.
        market.ours.take("sell", "0.01", 59_000)

    def is_flat() -> bool:
        return strategy.broker.position(SYMBOL) == 0

    script = Script(
        strategy.is_in,
        leave,
        is_flat,
        lambda: market.quoter.move(59_390, 59_410),
        lambda: strategy.events[strategy.stop][-1] != "held",
        after(strategy, 5),
    )
    status = market.follow(strategy, script)
    assert strategy.events[strategy.stop] == ["held", "denied"]
    assert status["positions"] == []
    positions = market.ours.call("GET", "/fapi/v2/positionRisk")
    assert [Decimal(one["positionAmt"]) for one in positions if Decimal(one["positionAmt"])] == []


def test_a_stop_is_no_larger_than_what_is_left_of_its_position(market: Market) -> None:
    strategy = Stopped("bid_ask", "59500", emulate=True)
    script = Script(
        strategy.is_in,
        lambda: market.ours.take("sell", "0.006", 59_000),
        lambda: strategy.broker.position(SYMBOL) == Decimal("0.004"),
        lambda: market.quoter.move(59_390, 59_410),
        strategy.is_out,
    )
    status = market.follow(strategy, script)
    assert strategy.filled[strategy.stop] == Decimal("0.004")
    assert status["positions"] == []


class Bracketed(Noted):
    """Is long at once, with a target and a stop that only reduce."""

    group: Group

    def begin(self) -> None:
        self.group = self.broker.bracket(
            SYMBOL, "buy", "0.01", "60100", target="61000", stop="59500", trigger_by="bid_ask",
            reduce_only=True,
        )  # fmt: skip

    def is_in(self) -> bool:
        return self.has_begun and self.broker.position(SYMBOL) == Decimal("0.01")


def test_the_exits_of_a_bracket_open_no_other_position(market: Market) -> None:
    strategy = Bracketed(SYMBOL)
    script = Script(
        strategy.is_in,
        lambda: [one["reduceOnly"] for one in market.ours.open_orders()] == [True],
        lambda: market.ours.take("sell", "0.01", 59_000),
        lambda: strategy.broker.position(SYMBOL) == 0,
        lambda: market.quoter.move(59_390, 59_410),
        after(strategy, 10),
    )
    status = market.follow(strategy, script)
    assert status["positions"] == []
    positions = market.ours.call("GET", "/fapi/v2/positionRisk")
    assert [Decimal(one["positionAmt"]) for one in positions if Decimal(one["positionAmt"])] == []


class Moved(Noted):
    """Buys, has a stop at the venue then, and moves it nearer to the market."""

    stop = 0

    def begin(self) -> None:
        self.entry = self.broker.submit(SYMBOL, "buy", "0.01", "60100", tif="ioc")

    def on_order(self, news: OrderNews) -> None:
        super().on_order(news)
        if news.order.id == self.entry and news.event == "final_fill":
            stop = {"trigger": "59100", "trigger_by": "mark", "reduce_only": True}
            self.stop = self.broker.submit(SYMBOL, "sell", "0.01", "59000", **stop)
        if news.order.id == self.stop and news.event == "accepted":
            self.broker.replace(self.stop, price="59700", trigger="59800")

    def is_moved(self) -> bool:
        return self.events.get(self.stop, [""])[-1] == "replaced"

    def is_out(self) -> bool:
        return self.events[self.stop][-1] == "final_fill"


def test_a_stop_at_the_venue_is_moved(market: Market) -> None:
    market.exchange.set_mark(SYMBOL, 60_000)
    strategy = Moved(SYMBOL)
    script = Script(
        strategy.is_moved,
        # Below where it is now, and above where it was.
        lambda: market.exchange.set_mark(SYMBOL, 59_700),
        strategy.is_out,
    )
    status = market.follow(strategy, script)
    expected = ["submitted", "accepted", "replace_asked", "replaced"]
    assert strategy.events[strategy.stop][:4] == expected
    assert "cancelled" not in strategy.events[strategy.stop]
    assert (status["positions"], status["open_orders"]) == ([], 0)
