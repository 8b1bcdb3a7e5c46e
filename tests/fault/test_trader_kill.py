"""kill -9 of trader, recorder and exchange, and cuts of connections, with live orders on one
journal: after each restart orders, fills and balances are the venue's to the last digit.

`RUSTONITE_KILL_ROUNDS=200` makes it long.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from exchange_process import ExchangeProcess
from helpers import python
from trading import Place, feed_of
from venue_books import VenueBooks, assert_same

ROUNDS = int(os.environ.get("RUSTONITE_KILL_ROUNDS", "20"))
STRATEGY = Path(__file__).with_name("churn.py")
RECORDER = """
    import sys, time
    from pathlib import Path
    from rustonite_data.record import Recorder

    with Recorder(Path(sys.argv[1]).read_text(), tapes=sys.argv[2]):
        time.sleep(3600)
"""
# What goes wrong at the venue in some rounds while the trader lives.
FAULTS = [
    {"name": "drop_user_stream"},
    {"name": "fail_after", "status": 503, "call": "place"},
    {"name": "no_answer", "call": "cancel"},
    {"name": "no_answer", "call": "place"},
    {"name": "mute"},
    {"name": "duplicate_fill"},
    {"name": "late", "ms": 200, "call": "amend"},
    {"name": "fill_before_cancel"},
    {"name": "cut"},
]


class Lives:
    """One journal, one venue, and the processes that come and go on them."""

    def __init__(self, place, log):
        self.place, self.chance, self.log = place, random.Random(11), log
        self.calm, self.still, self.doomed = (
            place.folder / name for name in ("calm", "still", "doomed")
        )
        self.feed = place.folder / "feed.toml"
        self.feed.write_text(feed_of(place.exchange.urls))
        self.trader = self.recorder = None
        self.record()

    def record(self):
        self.recorder = python(RECORDER, self.feed, self.place.folder / "tapes", stdout=self.log,
                               stderr=self.log)  # fmt: skip

    def trade(self):
        command = [sys.executable, "-m", "rustonite_data.cli", "trade", "trader.toml"]
        self.trader = subprocess.Popen(
            command, cwd=self.place.folder, stdout=self.log, stderr=self.log
        )

    def kill(self, process):
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL, self.told()

    def kill_the_recorder(self):
        """The trader goes on with the next one's rows, on the same tapes."""
        self.kill(self.recorder)
        # Without prices nothing is asked for any more.
        time.sleep(0.2)
        before = self.place.status()["seq"]
        self.record()
        self.until(lambda status: status["seq"] > before + 5)

    def kill_the_exchange(self):
        """The trader and the recorder come back to the next one by themselves."""
        self.place.exchange.kill()
        self.until(lambda status: not status["accounts"][0]["trading"])
        self.place.exchange.start()
        self.until_trading()

    def kill_all(self):
        """In any order, and with anything on its way between them."""
        everyone = [
            self.place.exchange.kill,
            lambda: self.kill(self.recorder),
            lambda: self.kill(self.trader),
        ]
        self.chance.shuffle(everyone)
        for kill in everyone:
            time.sleep(self.chance.choice([0, 0, 0.003]))
            kill()
        self.place.exchange.start()
        self.record()

    def kill_with_a_request_in_flight(self):
        self.doomed.touch()
        self.trader.wait(timeout=30)
        self.doomed.unlink()
        assert self.trader.returncode == -signal.SIGKILL, self.told()

    def close(self):
        for process in (self.trader, self.recorder):
            if process is not None:
                process.kill()
                process.communicate()

    def told(self):
        self.log.flush()
        return Path(self.log.name).read_text()[-3000:]

    def until_trading(self):
        return self.until(lambda one: one["accounts"][0]["trading"])

    def until(self, enough):
        try:
            return self.place.wait(enough)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.told()}") from None

    def hold_still(self):
        """Nothing is in flight, and only orders far from the market are open."""
        self.calm.touch()
        self.until(lambda _status: self.still.exists())

    def go_on(self):
        self.calm.unlink()
        self.still.unlink()


@pytest.fixture
def lives(memory):
    with (memory / "processes.log").open("w+") as log:
        exchange = ExchangeProcess(memory / "venue", log)
        place = Place(memory, exchange)
        shutil.copy(STRATEGY, memory)
        place.configure("churn:Churn", 'reconcile = "refuse"\nreconcile_s = 1\nanswer_ms = 500')
        lives = Lives(place, log)
        try:
            yield lives
        finally:
            lives.close()
            exchange.close()


def one_life(lives, number):
    """From a restart to the next kill; returns whether our books were compared."""
    chance = lives.chance
    lives.trade()
    if number % 5 == 4:
        # Anywhere in its life: while it starts, reads the journal or asks the venue.
        time.sleep(chance.uniform(0, 1.0))
        if number % 2:
            lives.kill_all()
        else:
            lives.kill(lives.trader)
        return False
    lives.until_trading()
    lives.hold_still()
    assert_same(lives.place, VenueBooks(lives.place.exchange, lives.place.account))
    lives.go_on()
    if number % 3 == 1:
        fault = dict(chance.choice(FAULTS))
        lives.place.exchange.fault(fault.pop("name"), **fault)
    if number % 7 == 3:
        lives.kill_the_recorder()
    if number % 4 == 2:
        time.sleep(chance.uniform(0, 0.6))
        lives.kill_the_exchange()
    if number % 3 == 2:
        time.sleep(chance.uniform(0, 0.6))
        lives.kill_all()
    elif number % 2:
        lives.kill_with_a_request_in_flight()
    else:
        time.sleep(chance.uniform(0, 0.6))
        lives.kill(lives.trader)
    return True


@pytest.mark.timeout(60 + 10 * ROUNDS)
def test_nothing_is_lost_or_doubled_by_kills(lives):
    compared = sum(one_life(lives, number) for number in range(ROUNDS))
    assert compared > ROUNDS / 2
    lives.trade()
    lives.until_trading()
    lives.hold_still()
    books = VenueBooks(lives.place.exchange, lives.place.account)
    ours = assert_same(lives.place, books)
    # The test shows nothing if the trader hardly traded, or was killed with nothing in flight.
    assert len(ours.fills) > 2 * ROUNDS
    lost = [row for row in ours.order_rows if row["event"] == "outcome_unknown"]
    assert len(lost) > ROUNDS / 4
    lives.trader.send_signal(signal.SIGTERM)
    lives.trader.communicate(timeout=30)
    assert lives.trader.returncode == 0, lives.told()
    assert [one for one in books.orders() if one["status"] in {"NEW", "PARTIALLY_FILLED"}] == []
