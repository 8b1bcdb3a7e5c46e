"""Accounts on paper: what they trade, what outlives them, and what they need of a venue, which is
nothing once it was recorded.
"""

from __future__ import annotations

import json
import shutil
import time
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from trading import LIMITS, PATIENCE_S, Client, Quoter, followed
from waits import Noted, Script

from rustonite_data.errors import Invalid, RiskRejected
from rustonite_data.lake import Lake
from rustonite_data.record import Recorder
from rustonite_data.tape import Tape
from rustonite_exec import LocalExchange, Trader, limits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SYMBOL = "BTCUSDT"
NAMES = {
    "binance": {"public": "public", "rest": "rest"},
    "binance-usdm": {"public": "public", "market": "market", "rest": "rest"},
}


class Place:
    """A venue with one quoter, a recorder of it, and folders for traders on paper."""

    def __init__(self, folder: Path, exchange: LocalExchange, *more: str) -> None:
        self.folder, self.exchange, self.venue = folder, exchange, exchange.venue
        self.datasets = ["quotes", "trades", *more]
        self.quoter = Quoter(exchange, SYMBOL)
        self.quoter.move(59_990, 60_010)
        owned = {"USDT": 1_000_000, **({"BTC": 10} if self.venue == "binance" else {})}
        self.taker = Client(exchange, exchange.account("taker", owned), SYMBOL)

    @contextmanager
    def recording(self) -> Iterator[None]:
        feed = followed(self.exchange, self.venue, SYMBOL, **NAMES[self.venue])
        recorded = json.dumps([*self.datasets, "instruments"])
        feed = feed.replace('["trades", "quotes"]', recorded)
        with Recorder(feed, tapes=self.folder / "tapes"):
            yield

    def configure(
        self, name: str, top: str = "", more: str = "", market: str = "", usdt: int = 100_000
    ) -> Path:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        is_spot = self.venue == "binance"
        (folder / "limits.toml").write_text(LIMITS if is_spot else limits())
        owned = f'USDT = "{usdt}"' + (', BTC = "2"' if is_spot else "")
        # On the tapes no venue is needed.
        rest = json.dumps(self.exchange.urls["rest"]) if "replay" not in top else ""
        urls = f"urls = {{ rest = {rest} }}" if rest else ""
        leverage = "" if is_spot else "leverage = 20"
        path: Path = folder / "trader.toml"
        path.write_text(f"""
            limits = "limits.toml"
            {top}
            [[market]]
            venue = "{self.venue}"
            tapes = "../tapes"
            datasets = {json.dumps(self.datasets)}
            {market}
            [[account]]
            name = "main"
            venue = "{self.venue}"
            symbols = ["{SYMBOL}"]
            {leverage}
            {urls}
            [account.paper]
            balances = {{ {owned} }}
            {more}
            [strategy]
            run = "test:Test"
        """)
        return path

    def trade(self, config: Path, strategy: Noted, script: Script) -> dict[str, Any]:
        """Trade while the script goes on; the last status."""
        last: dict[str, Any] = {}
        began = time.monotonic()

        def beat(status: dict[str, Any], notices: list[str]) -> bool:
            last.update(status)
            state = (strategy.events, strategy.filled, strategy.bid, len(script.steps), notices)
            assert time.monotonic() - began < PATIENCE_S, state
            self.quoter.renew()
            return not script.go_on()

        Trader(config, strategy).run(beat)
        return last

    def recorded(self, dataset: str) -> Path:
        """The recorder's tape of a dataset."""
        [tape] = (self.folder / "tapes" / dataset).glob("*/tape.toml")
        return tape.parent

    def has_recorded(self, dataset: str) -> bool:
        """Whether the recorder has rows of a dataset."""
        tapes = (self.folder / "tapes" / dataset).glob("*/tape.toml")
        return any(Tape.reader(tape.parent).read().pl().height > 0 for tape in tapes)

    def rows(self, name: str, dataset: str) -> list[dict[str, Any]]:
        tape = Tape.reader(self.folder / name / "journal" / dataset / "trader")
        found: list[dict[str, Any]] = tape.read().pl().to_dicts()
        return found


@pytest.fixture
def spot(tmp_path: Path) -> Iterator[Place]:
    with LocalExchange([SYMBOL], others=False, limits=False) as exchange:
        yield Place(tmp_path, exchange, "book_deltas")


@pytest.fixture
def contracts(tmp_path: Path) -> Iterator[Place]:
    with LocalExchange([SYMBOL], venue="binance-usdm", others=False, limits=False) as exchange:
        yield Place(tmp_path, exchange, "tickers")


class Long(Noted):
    """Buys, with a stop by the mark price."""

    def begin(self) -> None:
        self.entry = self.broker.submit(SYMBOL, "buy", "0.1", "60100", tif="ioc")
        self.stop = self.broker.submit(
            SYMBOL, "sell", "0.1", trigger="59500", trigger_by="mark", reduce_only=True
        )


class Entering(Noted):
    """Buys, and has something else in the market."""

    def begin(self) -> None:
        self.broker.submit(SYMBOL, "buy", "0.1", "60100", tif="ioc")
        self.broker.submit(SYMBOL, "buy", "0.001", "58000")


def test_a_contract_on_paper_has_a_position_and_a_stop(contracts: Place) -> None:
    contracts.exchange.set_mark(SYMBOL, 60_000)
    strategy = Long(SYMBOL)
    config = contracts.configure("paper")
    positions: list[Decimal] = []

    def is_long() -> bool:
        positions[:] = [strategy.broker.position(SYMBOL)] if strategy.has_begun else []
        return positions == [Decimal("0.1")]

    with contracts.recording():
        status = contracts.trade(
            config,
            strategy,
            Script(
                is_long,
                lambda: strategy.events[strategy.stop] == ["held"],
                lambda: contracts.exchange.set_mark(SYMBOL, 59_500),
                lambda: strategy.events[strategy.stop][-1] == "final_fill",
            ),
        )
    assert status["positions"] == []
    # In at 60010 and out at 59990, with 0.1 % of both.
    lost = Decimal("0.1") * (60_010 - 59_990) + Decimal("0.0001") * (60_010 + 59_990)
    assert Decimal(status["balances"]["USDT"]) == 100_000 - lost
    assert Decimal(status["profit"]["account main"]) == -lost
    assert contracts.exchange.status()["accounts"][0]["fills"] == 0


def test_a_position_on_paper_outlives_its_trader(contracts: Place) -> None:
    contracts.exchange.set_mark(SYMBOL, 60_000)
    config = contracts.configure("paper", 'on_stop = "keep"')
    first, again = Long(SYMBOL), Noted(SYMBOL)
    with contracts.recording():
        script = Script(lambda: first.has_begun and first.filled.get(first.entry) == Decimal("0.1"))
        contracts.trade(config, first, script)
        status = contracts.trade(
            config,
            again,
            Script(
                lambda: again.has_begun,
                lambda: again.broker.position(SYMBOL) == Decimal("0.1"),
                lambda: contracts.exchange.set_mark(SYMBOL, 59_500),
                lambda: again.events.get(first.stop, [""])[-1] == "final_fill",
            ),
        )
    assert status["positions"] == []
    numbers = [row["fill_id"] for row in contracts.rows("paper", "fills")]
    assert len(set(numbers)) == len(numbers) == 2


class Hedging(Noted):
    """Is long and short at once."""

    def begin(self) -> None:
        self.broker.submit(SYMBOL, "buy", "0.1", "60100", tif="ioc", position_side="long")

    def go_on(self) -> None:
        self.broker.submit(SYMBOL, "sell", "0.04", "59900", tif="ioc", position_side="short")


class Leaving(Noted):
    """Closes both, the short position only once it has tried to close more than there is."""

    def begin(self) -> None:
        self.broker.submit(SYMBOL, "sell", "0.1", "59900", tif="ioc", position_side="long")

    def go_on(self) -> None:
        close = partial(self.broker.submit, tif="ioc", position_side="short")
        with pytest.raises(RiskRejected):
            close(SYMBOL, "buy", "0.05", "60100")
        close(SYMBOL, "buy", "0.04", "60100")


def held_by(strategy: Noted) -> list[Decimal]:
    return [strategy.broker.position(SYMBOL, side) for side in ("long", "short")]


def test_a_contract_on_paper_is_held_in_two_positions_in_hedge_mode(contracts: Place) -> None:
    contracts.exchange.set_mark(SYMBOL, 60_000)
    config = contracts.configure("paper")
    text = config.read_text()
    config.write_text(text.replace('name = "main"', 'name = "main"\nhedging = true'))
    first, again = Hedging(SYMBOL), Leaving(SYMBOL)

    def held(strategy: Noted) -> list[Decimal]:
        return held_by(strategy) if strategy.has_begun else []

    both, none = [Decimal("0.1"), Decimal("-0.04")], [Decimal(0), Decimal(0)]
    with contracts.recording():
        steps = [lambda: held(first) == [both[0], 0], first.go_on, lambda: held(first) == both]
        contracts.trade(config, first, Script(*steps))
        told: list[list[Decimal]] = []
        again.on_start = lambda: told.append(held_by(again))
        steps = [lambda: held(again) == [0, both[1]], again.go_on, lambda: held(again) == none]
        status = contracts.trade(config, again, Script(*steps))
    assert told == [both]
    assert status["positions"] == []
    # In and out of each by 20, with 0.1 % of all four.
    lost = Decimal("0.14") * 20 + Decimal("0.00014") * 120_000
    assert Decimal(status["balances"]["USDT"]) == 100_000 - lost


def test_funding_that_a_trader_missed_is_paid_at_its_next_start(contracts: Place) -> None:
    contracts.exchange.set_mark(SYMBOL, 60_000)
    lake = Lake.create(contracts.folder / "lake")
    config = contracts.configure("paper", 'on_stop = "keep"', market='lake = "../lake"')
    first = Long(SYMBOL)
    with contracts.recording():
        script = Script(
            lambda: first.has_begun and first.filled.get(first.entry) == Decimal("0.1"),
            lambda: contracts.has_recorded("tickers"),
        )
        before = contracts.trade(config, first, script)
        row = Tape.reader(contracts.recorded("tickers")).read().pl().tail(1)
        missed = time.time_ns()
        for at, mark, rate, due in [
            (missed, 60_000.0, 0.0002, missed + 10_000_000),
            (missed + 20_000_000, 61_000.0, 0.0001, missed + 10**15),
        ]:
            columns = {"ts_recv": at, "ts_event": at, "ts_funding_next": due}
            times = [
                pl.lit(one).cast(pl.Datetime("ns")).alias(name) for name, one in columns.items()
            ]
            told = row.with_columns(*times, mark_price=mark, funding_rate=rate)
            lake.append("tickers", told)
        time.sleep(0.05)
        again, last = Noted(SYMBOL), Noted(SYMBOL)
        contracts.trade(config, again, Script(lambda: again.has_begun))
        after = contracts.trade(config, last, Script(lambda: last.has_begun))
    paid = [row for row in contracts.rows("paper", "fills") if row["kind"] == "funding"]
    # 0.02 % of 6000.
    assert [(row["fee"], row["size"]) for row in paid] == [(Decimal("1.2"), Decimal("0.1"))]
    owned = [Decimal(status["balances"]["USDT"]) for status in (before, after)]
    assert owned[0] - owned[1] == Decimal("1.2")


def test_a_contract_on_paper_is_closed_by_force(contracts: Place) -> None:
    contracts.exchange.set_mark(SYMBOL, 60_000)
    config = contracts.configure("paper", usdt=400)
    strategy = Entering(SYMBOL)
    with contracts.recording():
        status = contracts.trade(
            config,
            strategy,
            Script(
                lambda: strategy.has_begun and strategy.broker.position(SYMBOL) == Decimal("0.1"),
                lambda: contracts.exchange.set_mark(SYMBOL, 56_000),
                lambda: strategy.broker.position(SYMBOL) == 0,
                lambda: not strategy.broker.open_orders(SYMBOL),
            ),
        )
    assert (status["positions"], status["open_orders"]) == ([], 0)
    kinds = [row["kind"] for row in contracts.rows("paper", "fills")]
    assert kinds == ["trade", "liquidation"]
    owner = contracts.rows("paper", "fills")[-1]["strategy"]
    assert owner is None


def test_a_contract_on_paper_needs_its_mark(contracts: Place) -> None:
    contracts.datasets.remove("tickers")
    config = contracts.configure("paper")
    with pytest.raises(Invalid, match=r"account\.main\.paper: contracts need a market of"):
        contracts.trade(config, Noted(SYMBOL), Script())


class Resting(Noted):
    def begin(self) -> None:
        self.order = self.broker.submit(SYMBOL, "buy", "0.3", "60000")


class Changing(Noted):
    """Makes the order of an earlier run smaller, once it sees it."""

    def begin(self) -> None:
        [order] = self.broker.open_orders(SYMBOL)
        self.order = order
        self.broker.replace(order.id, "0.2")


def test_an_order_on_paper_rests_on_after_a_restart(spot: Place) -> None:
    config = spot.configure("paper", 'on_stop = "keep"')
    first, again = Resting(SYMBOL), Changing(SYMBOL)
    with spot.recording():
        spot.trade(
            config,
            first,
            Script(
                lambda: first.has_begun and first.events[first.order][-1] == "accepted",
                # Below ours, which would have got it.
                lambda: spot.taker.take("sell", "0.1", 59_990),
                lambda: first.filled[first.order] == Decimal("0.1"),
            ),
        )
        status = spot.trade(
            config,
            again,
            Script(
                lambda: again.has_begun and "replaced" in again.events[again.order.id],
                lambda: spot.taker.take("sell", "0.2", 59_990),
                lambda: again.events[again.order.id][-1] == "final_fill",
            ),
        )
    assert again.order.id == first.order
    assert again.order.size_filled == Decimal("0.1")
    assert (status["open_orders"], status["rejects"]) == (0, 0)
    fills = spot.rows("paper", "fills")
    assert sum(row["size"] for row in fills) == Decimal("0.2")
    assert len({row["fill_id"] for row in fills}) == len(fills)


def test_what_was_recorded_is_replayed_without_its_venue(tmp_path: Path) -> None:
    with LocalExchange([SYMBOL], others=False, limits=False) as exchange:
        place = Place(tmp_path, exchange, "book_deltas")
        seen = Noted(SYMBOL)
        script = Script(
            lambda: seen.quotes > 10,
            # Below the order that is placed on the tapes.
            lambda: place.taker.take("sell", "0.2", 59_990),
            lambda: place.taker.take("sell", "0.2", 59_990),
            lambda: seen.quotes > 15,
        )
        with place.recording():
            place.trade(place.configure("live"), seen, script)
    replayed = []
    for name in ("one", "two"):
        if name == "two":
            # Its rules of instruments are in the lake alone by then.
            tape = place.recorded("instruments")
            Lake.create(tmp_path / "lake").append("instruments", Tape.reader(tape).read())
            shutil.rmtree(tape)
        market = 'lake = "../lake"' if name == "two" else ""
        config = place.configure(name, "replay = true", 'queue = "even"', market)
        Trader(config, Resting(SYMBOL)).run()
        replayed.append([place.rows(name, dataset) for dataset in ("orders", "fills")])
    assert replayed[0] == replayed[1]
    orders, fills = replayed[0]
    events = [row["event"] for row in orders]
    assert (events[:2], events[-1]) == (["submitted", "accepted"], "final_fill")
    assert sum(row["size"] for row in fills) == Decimal("0.3")
