"""kill -9 of a trader on paper, with live orders on one journal: after each restart its books agree
with themselves and with what its venue on paper goes on with, to the last digit.

`RUSTONITE_KILL_ROUNDS=200` makes it long.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path

import pytest
from trading import LIMITS, PATIENCE_S, followed
from venue_books import FINAL, WORKING, JournalBooks, assert_equal, rows_of

from rustonite_data.record import Recorder
from rustonite_exec import LocalExchange, Trader, ask, limits

ROUNDS = int(os.environ.get("RUSTONITE_KILL_ROUNDS", "12"))
CHURN = Path(__file__).with_name("churn.py")
SYMBOL = "BTCUSDT"
DATASETS = {"binance": "book_deltas", "binance-usdm": "tickers"}
NAMES = {
    "binance": {"public": "public", "rest": "rest"},
    "binance-usdm": {"public": "public", "market": "market", "rest": "rest"},
}
OWNED = {
    "binance": {"USDT": Decimal(100_000), "BTC": Decimal(2)},
    "binance-usdm": {"USDT": Decimal(100_000)},
}


class PaperLives:
    """One journal, and the traders that come and go on it."""

    def __init__(self, folder, exchange, log):
        self.folder, self.exchange, self.log = folder, exchange, log
        self.venue, self.chance = exchange.venue, random.Random(5)
        self.journal = folder / "journal"
        self.calm, self.still, self.doomed = (folder / one for one in ("calm", "still", "doomed"))
        self.trader = None
        self.owned = OWNED[self.venue]
        self.configure()

    def feed(self):
        feed = followed(self.exchange, self.venue, SYMBOL, **NAMES[self.venue])
        more = f'["trades", "quotes", "{DATASETS[self.venue]}", "instruments"]'
        return feed.replace('["trades", "quotes"]', more)

    def configure(self):
        shutil.copy(CHURN, self.folder)
        (self.folder / "limits.toml").write_text(LIMITS if self.venue == "binance" else limits())
        owned = ", ".join(f'{asset} = "{amount}"' for asset, amount in self.owned.items())
        (self.folder / "trader.toml").write_text(f"""
            limits = "limits.toml"
            reconcile = "refuse"
            reconcile_s = 1
            answer_ms = 500
            [[market]]
            venue = "{self.venue}"
            tapes = "tapes"
            datasets = ["quotes", "trades", "{DATASETS[self.venue]}"]
            [[account]]
            name = "main"
            venue = "{self.venue}"
            symbols = ["{SYMBOL}"]
            leverage = 20
            urls = {{ rest = "{self.exchange.urls["rest"]}" }}
            paper = {{ balances = {{ {owned} }} }}
            [strategy]
            run = "churn:Churn"
        """)

    def trade(self):
        command = [sys.executable, "-m", "rustonite_data.cli", "trade", "trader.toml"]
        self.trader = subprocess.Popen(command, cwd=self.folder, stdout=self.log, stderr=self.log)

    def kill(self):
        self.trader.kill()
        self.trader.communicate()
        assert self.trader.returncode == -signal.SIGKILL, self.told()

    def kill_with_a_request_in_flight(self):
        self.doomed.touch()
        self.trader.wait(timeout=30)
        self.doomed.unlink()
        assert self.trader.returncode == -signal.SIGKILL, self.told()

    def told(self):
        self.log.flush()
        return Path(self.log.name).read_text()[-3000:]

    def until(self, enough):
        status = None
        for _ in range(int(PATIENCE_S * 50)):
            status = ask(self.journal, {"do": "status"}) if self.journal.exists() else None
            if status is not None and enough(status):
                return status
            time.sleep(0.02)
        raise AssertionError(f"{status}\n{self.told()}")

    def until_still(self):
        """Nothing is in flight, and only orders far from the market are open."""
        self.until(lambda status: status["accounts"][0]["trading"])
        self.calm.touch()
        status = self.until(lambda _status: self.still.exists())
        # Once more, after the strategy has ended what it wanted to.
        before = status["seq"]
        time.sleep(1.2)
        status = self.until(lambda one: one["accounts"][0]["trading"])
        assert status["rejects"] == 0 or before, status
        return status

    def go_on(self):
        self.calm.unlink()
        self.still.unlink()


@pytest.fixture(params=["binance", "binance-usdm"])
def lives(request, memory):
    with (
        (memory / "processes.log").open("w+") as log,
        LocalExchange([SYMBOL], venue=request.param, speed=2, limits=False) as exchange,
    ):
        lives = PaperLives(memory, exchange, log)
        with Recorder(lives.feed(), tapes=memory / "tapes"):
            try:
                yield lives
            finally:
                if lives.trader is not None:
                    lives.trader.kill()
                    lives.trader.communicate()


def assert_fills(books):
    counts = Counter(row["fill_id"] for row in books.fills)
    assert [one for one, count in counts.items() if count > 1] == []
    filled = defaultdict(Decimal)
    for row in books.fills:
        if row["kind"] == "trade":
            filled[row["venue_order_id"]] += row["size"]
    of_orders = {
        row["venue_order_id"]: row["size_filled"]
        for row in books.last.values()
        if row["size_filled"]
    }
    assert_equal(of_orders, dict(filled))


def assert_orders(books, status):
    asked = [row for row in books.order_rows if row["event"] in {"submitted", "replace_asked"}]
    names = Counter(row["client_id"] for row in asked)
    assert [one for one, count in names.items() if count > 1] == []
    assert {row["state"] for row in books.last.values()} <= FINAL | WORKING
    open_here = [row for row in books.last.values() if row["state"] in WORKING]
    assert len(open_here) == status["open_orders"]


def sums(lives, books):
    """What the fills make of balances and of the position, by nothing but sums."""
    owned, position = defaultdict(Decimal, lives.owned), Decimal(0)
    for row in books.fills:
        owned[row["fee_asset"]] -= row["fee"] or 0
        if row["kind"] != "trade":
            continue
        moved = row["size"] if row["side"] == "buy" else -row["size"]
        position += moved
        if lives.venue == "binance":
            owned["BTC"] += moved
            owned["USDT"] -= moved * row["price"]
    return owned, position


def assert_holdings(lives, books, status):
    owned, position = sums(lives, books)
    last = {row["asset"]: row["total"] for row in books.balances if row["source"] == "own"}
    if lives.venue == "binance":
        assert_equal(last, {asset: total for asset, total in owned.items() if asset in last})
        return
    held = [row for row in rows_of(lives.journal / "positions" / "trader")
            if row["source"] == "own" and row["strategy"] is None]  # fmt: skip
    assert (held[-1]["size"] if held else Decimal(0)) == position
    earned = sum(row["change"] or 0 for row in books.balances if row["cause"] == "settlement")
    assert last["USDT"] == owned["USDT"] + earned
    told = [Decimal(one["size"]) for one in status["positions"] if one["strategy"] is None]
    assert told == ([position] if position else [])


def assert_books(lives, status):
    books = JournalBooks(lives.journal)
    datasets = ("orders", "fills", "positions", "balances", "risk_events")
    numbers = [
        row["seq"] for one in datasets for row in rows_of(lives.journal / one / "trader")
    ]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    assert_fills(books)
    assert_orders(books, status)
    assert_holdings(lives, books, status)
    # In the mode `refuse` nothing was set right: it was right.
    set_right = [row for row in books.balances if row["cause"] == "reconciliation"]
    assert len(set_right) == len(lives.owned)
    return books


def one_life(lives, number):
    lives.trade()
    if number % 5 == 4:
        # Anywhere in its life: while it starts, or reads the journal.
        time.sleep(lives.chance.uniform(0, 1.0))
        lives.kill()
        return
    assert_books(lives, lives.until_still())
    lives.go_on()
    if number % 2:
        lives.kill_with_a_request_in_flight()
    else:
        time.sleep(lives.chance.uniform(0, 0.8))
        lives.kill()


@pytest.mark.timeout(60 + 10 * ROUNDS)
def test_nothing_is_lost_or_doubled_by_kills_on_paper(lives):
    for number in range(ROUNDS):
        one_life(lives, number)
    lives.trade()
    books = assert_books(lives, lives.until_still())
    # The test shows nothing if it hardly traded, or was killed with nothing in flight.
    assert len(books.fills) > ROUNDS
    assert [row for row in books.order_rows if row["event"] == "outcome_unknown"]
    lives.trader.send_signal(signal.SIGTERM)
    lives.trader.communicate(timeout=30)
    assert lives.trader.returncode == 0, lives.told()


REPLAY = """
    import sys
    from pathlib import Path
    from rustonite_exec import Trader

    sys.path.insert(0, sys.argv[2])
    Trader(Path(sys.argv[1])).run()
"""
