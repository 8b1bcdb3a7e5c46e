"""kill -9 of a trader on paper, with live orders on one journal: after each restart its books agree
with themselves and with what its venue on paper goes on with, to the last digit.

`RUSTONITE_KILL_ROUNDS=200` makes it long.
"""

import contextlib
import os
import shutil
import signal
import time
from collections import Counter, defaultdict
from decimal import ROUND_DOWN, Decimal
from pathlib import Path

import pytest
from helpers import finish, python
from trader_process import SETTINGS, TraderProcess
from trading import LIMITS, followed
from venue_books import FINAL, WORKING, JournalBooks, asked_for, assert_equal, rows_of

from rustonite_data.errors import Invalid, RiskRejected
from rustonite_data.record import Recorder
from rustonite_exec import LocalExchange, Strategy, Trader, limits

ROUNDS = int(os.environ.get("RUSTONITE_KILL_ROUNDS", "12"))
TAPES = ("orders", "fills", "positions", "balances", "risk_events")
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


class PaperLives(TraderProcess):
    """One journal, and the traders on paper that come and go on it."""

    def __init__(self, folder, exchange, log):
        super().__init__(folder, log, seed=5)
        self.exchange, self.venue = exchange, exchange.venue
        self.owned = OWNED[self.venue]
        self.configure()

    def feed(self):
        feed = followed(self.exchange, self.venue, SYMBOL, **NAMES[self.venue])
        more = f'["trades", "quotes", "{DATASETS[self.venue]}", "instruments"]'
        return feed.replace('["trades", "quotes"]', more)

    def configure(self):
        is_spot = self.venue == "binance"
        (self.folder / "limits.toml").write_text(LIMITS if is_spot else limits())
        leverage = "" if is_spot else "leverage = 20"
        owned = ", ".join(f'{asset} = "{amount}"' for asset, amount in self.owned.items())
        (self.folder / "trader.toml").write_text(f"""
            limits = "limits.toml"
            {SETTINGS}
            [[market]]
            venue = "{self.venue}"
            tapes = "tapes"
            datasets = ["quotes", "trades", "{DATASETS[self.venue]}"]
            [[account]]
            name = "main"
            venue = "{self.venue}"
            symbols = ["{SYMBOL}"]
            {leverage}
            urls = {{ rest = "{self.exchange.urls["rest"]}" }}
            paper = {{ balances = {{ {owned} }} }}
            [strategy]
            run = "churn:Churn"
        """)

    def rest(self):
        """Nothing is on its way, and books have been compared since."""
        self.until_trading()
        self.hold_still()
        time.sleep(1.5)
        return self.until_trading()


@pytest.fixture(params=["binance", "binance-usdm"])
def lives(request, memory):
    with (
        (memory / "processes.log").open("w+") as log,
        LocalExchange([SYMBOL], venue=request.param, speed=2, limits=False) as exchange,
    ):
        lives = PaperLives(memory, exchange, log)
        with Recorder(lives.feed(), tapes=memory / "tapes") as lives.recorder:
            try:
                yield lives
            finally:
                lives.close()


def assert_fills(books):
    counts = Counter(row["fill_id"] for row in books.fills)
    assert [one for one, count in counts.items() if count > 1] == []
    filled = defaultdict(Decimal)
    for row in books.fills:
        if row["kind"] == "trade":
            filled[books.owner[row["client_id"]]] += row["size"]
    of_orders = {one: row["size_filled"] for one, row in books.last.items() if row["size_filled"]}
    assert_equal(of_orders, filled, books)


def assert_orders(books, status):
    names = Counter(row["client_id"] for row in asked_for(books))
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
    size, entry = (held[-1]["size"], held[-1]["price_entry"]) if held else (Decimal(0), None)
    assert size == position
    # What changed hands is profit, or still in the position.
    worth = (size * (entry or 0)).quantize(Decimal("1e-18"), ROUND_DOWN)
    assert last["USDT"] == owned["USDT"] + worth
    told = [Decimal(one["size"]) for one in status["positions"]]
    assert told == ([position] if position else [])


def assert_books(lives, status):
    books = JournalBooks(lives.journal)
    numbers = [row["seq"] for one in TAPES for row in rows_of(lives.journal / one / "trader")]
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
        lives.kill(lives.trader)
        return
    assert_books(lives, lives.rest())
    lives.go_on()
    if number % 2:
        lives.kill_with_a_request_in_flight()
    else:
        time.sleep(lives.chance.uniform(0, 0.8))
        lives.kill(lives.trader)


@pytest.mark.timeout(60 + 10 * ROUNDS)
def test_nothing_is_lost_or_doubled_by_kills_on_paper(lives):
    for number in range(ROUNDS):
        one_life(lives, number)
    lives.trade()
    books = assert_books(lives, lives.rest())
    # The test shows nothing if it hardly traded, or was killed with nothing in flight.
    assert len(books.fills) > ROUNDS
    assert [row for row in books.order_rows if row["event"] == "outcome_unknown"]
    lives.stop()


class Rounds(Strategy):
    """Does the same on the same rows: takes, places, cancels. It can kill itself at a quote."""

    def __init__(self, last=None):
        self.seen, self.last = 0, last

    def on_quote(self, quote):
        self.seen += 1
        if self.seen == self.last:
            os.kill(os.getpid(), signal.SIGKILL)
        if not quote.bid_price or not quote.ask_price or self.seen % 5:
            return
        orders = self.broker.open_orders(SYMBOL)
        with contextlib.suppress(RiskRejected):
            if orders and self.seen % 3 == 0:
                self.broker.cancel(orders[0].id)
            elif self.seen % 2:
                price = self.broker.on_tick(SYMBOL, "buy", quote.ask_price)
                self.broker.submit(SYMBOL, "buy", "0.001", price, tif="ioc")
            else:
                price = self.broker.on_tick(SYMBOL, "buy", quote.bid_price)
                self.broker.submit(SYMBOL, "buy", "0.001", price)


REPLAY = """
    import sys
    sys.path[:0] = sys.argv[3:]
    from rustonite_exec import Trader
    from test_paper_kill import Rounds

    strategy = Rounds(int(sys.argv[2]))
    Trader(sys.argv[1], strategy).run()
    print(strategy.seen)
"""


def replayed(lives, name, last=0):
    """A process that trades the tapes again, with a journal of its own."""
    folder = lives.folder / name
    folder.mkdir()
    text = (lives.folder / "trader.toml").read_text().replace('"tapes"', '"../tapes"')
    (folder / "trader.toml").write_text(f"replay = true\n{text}")
    shutil.copy(lives.folder / "limits.toml", folder)
    paths = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    return folder / "journal", python(REPLAY, folder / "trader.toml", last, *paths)


def journal_rows(journal):
    """All rows of a journal by number."""
    return {row["seq"]: (one, row) for one in TAPES for row in rows_of(journal / one / "trader")}


def test_what_a_killed_replay_wrote_is_how_a_whole_one_begins(lives):
    lives.trade()
    lives.until_trading()
    time.sleep(3)
    lives.kill(lives.trader)
    lives.recorder.close()
    whole, process = replayed(lives, "whole")
    quotes, expected = int(finish(process)), journal_rows(whole)
    assert len(expected) > 100
    for number in range(max(3, ROUNDS // 4)):
        last = lives.chance.randrange(quotes // 10, quotes)
        journal, process = replayed(lives, f"killed-{number}", last)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        found = journal_rows(journal)
        assert found == {seq: expected[seq] for seq in range(1, len(found) + 1)}
        assert 0 < len(found) < len(expected)
    # The same tapes are not traded twice on one journal.
    with pytest.raises(Invalid, match="a replay begins with an empty one"):
        Trader(lives.folder / "whole" / "trader.toml", Rounds()).run()
