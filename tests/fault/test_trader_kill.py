"""kill -9 of trader, recorder and exchange, and cuts of connections, with live orders on one
journal: after each restart orders, fills and balances are the venue's to the last digit.

`RUSTONITE_KILL_ROUNDS=200` makes it long.
"""

import os
import time

import pytest
from exchange_process import ExchangeProcess
from helpers import python
from trader_process import SETTINGS, TraderProcess
from trading import Place, feed_of
from venue_books import VenueBooks, assert_same

ROUNDS = int(os.environ.get("RUSTONITE_KILL_ROUNDS", "20"))
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


class Lives(TraderProcess):
    """One journal, one venue, and the processes that come and go on them."""

    def __init__(self, place, log):
        super().__init__(place.folder, log, seed=11)
        self.place = place
        self.feed = place.folder / "feed.toml"
        self.feed.write_text(feed_of(place.exchange.urls))
        self.recorder = None
        self.record()

    def record(self):
        self.recorder = python(RECORDER, self.feed, self.place.folder / "tapes", stdout=self.log,
                               stderr=self.log)  # fmt: skip

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

    def close(self):
        super().close()
        if self.recorder is not None:
            self.recorder.kill()
            self.recorder.communicate()


@pytest.fixture
def lives(memory):
    with (memory / "processes.log").open("w+") as log:
        exchange = ExchangeProcess(memory / "venue", log)
        place = Place(memory, exchange)
        place.configure("churn:Churn", SETTINGS)
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
    lives.stop()
    assert [one for one in books.orders() if one["status"] in {"NEW", "PARTIALLY_FILLED"}] == []
