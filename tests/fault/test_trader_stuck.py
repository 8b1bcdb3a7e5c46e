"""A strategy that never comes back: its orders end, and so does the trader if it is told to.

A kill -9 does not put its switch back.
"""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from trading import Client, Place, command, recording

from rustonite_data.errors import Closed
from rustonite_exec import LocalExchange, Strategy

STRATEGY = Path(__file__).with_name("stuck.py")


class Hopeful(Strategy):
    """Buys as soon as it can."""

    def on_quotes(self, rows):
        bid = rows.to_pylist(["bid_price"])[-1]["bid_price"]
        if bid:
            price = self.broker.on_tick("BTCUSDT", "buy", bid * 0.99)
            self.broker.submit("BTCUSDT", "buy", "0.01", price)


@pytest.fixture
def place(tmp_path):
    with (
        LocalExchange(["BTCUSDT"], speed=2) as exchange,
        recording(tmp_path / "tapes", exchange.urls),
    ):
        shutil.copy(STRATEGY, tmp_path)
        yield Place(tmp_path, exchange)


def until(is_so):
    end = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("patience_ms", "by_signal", "scope"), [(1_000, False, "strategy"), (60_000, True, "all")]
)
def test_a_strategy_that_never_comes_back_is_off_after_a_kill_9(
    place, patience_ms, by_signal, scope
):
    place.configure("stuck:Stuck", f"patience_ms = {patience_ms}")
    venue = Client(place.exchange, place.account, "BTCUSDT")
    started = [sys.executable, "-m", "rustonite_data.cli", "trade", "trader.toml"]
    trader = subprocess.Popen(started, cwd=place.folder)
    try:
        until((place.folder / "stuck").exists)
        if by_signal:
            assert len(venue.open_orders()) == 1
            for words in (("status",), ("kill", "--wait", "1")):
                told = command(*words, folder=place.folder, ok=False)
                assert "error: journal: the trader does not answer" in told
                assert f"`kill -USR1 {trader.pid}` cancels all orders without it" in told
            trader.send_signal(signal.SIGUSR1)
        until(lambda: not venue.open_orders())
        assert trader.poll() is None
    finally:
        trader.kill()
        trader.wait()
    # Nobody came to write the file, so it is the journal that has it.
    assert json.loads((place.journal / "switches.json").read_text())["latches"] == []
    place.configure()
    with pytest.raises(Closed, match="kill_switch"):
        place.run(Hopeful())
    kept = json.loads((place.journal / "switches.json").read_text())["latches"]
    assert (scope, "kill_switch") in [(one["scope"], one["code"]) for one in kept]
    assert venue.open_orders() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_trader_whose_strategy_never_comes_back_says_so_and_ends_when_told(place, number):
    place.configure("stuck:Stuck", "patience_ms = 100")
    log = place.folder / "trader.log"
    started = [sys.executable, "-m", "rustonite_data.cli", "trade", "trader.toml"]
    with (
        log.open("w") as lines,
        subprocess.Popen(started, cwd=place.folder, stderr=lines) as trader,
    ):
        try:
            until(lambda: "does not come back from a call; Ctrl-C ends it" in log.read_text())
            trader.send_signal(number)
            assert trader.wait(timeout=30) == 1
        finally:
            trader.kill()
    told = log.read_text()
    assert "a call took longer than 100 ms" in told
    assert Client(place.exchange, place.account, "BTCUSDT").open_orders() == []
