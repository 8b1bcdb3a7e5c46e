"""The recorder as a process: signals, kills, and what is in the lake afterwards."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from venue_server import PATIENCE, VenueServer, until

from rustonite_data import Tape
from rustonite_data.lake import Lake

RUSTONITE = Path(sys.executable).with_name("rustonite")
BTC = ("btcusdt@trade", "btcusdt@bookTicker", "btcusdt@depth@100ms")
ETH = ("ethusdt@trade", "ethusdt@bookTicker", "ethusdt@depth@100ms")
KILLS = int(os.environ.get("RUSTONITE_RECORD_KILLS", "5"))


@pytest.fixture
def venue():
    with VenueServer() as server:
        yield server


@pytest.fixture
def spawn(venue, memory):
    """Starts `rustonite record` on the venue; whatever is left of it is killed."""
    config, started = memory / "recorder.toml", []
    config.write_text(venue.config())

    def begin(*arguments):
        command = [RUSTONITE, "record", config, "--lake", memory / "lake", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen([*map(str, command)], **pipes))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def told(process, word):
    """Wait until it says so on stderr."""
    while line := process.stderr.readline():
        if word in line:
            return
    raise AssertionError(f"it ended without {word!r}")


def end(process, number=signal.SIGTERM):
    """Send a signal; returns seconds until the end, and what was printed."""
    began = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    return time.monotonic() - began, out, err


def recorded(memory, symbol):
    """How many trades there are, those on tapes included."""
    return len(Lake(memory / "lake").table("trades", symbols=symbol))


def ids(memory, symbol):
    query = "select trade_id from trades where symbol = ? order by trade_id"
    return Lake(memory / "lake").sql(query, [symbol], hot=False).pl()["trade_id"].to_list()


def free_port():
    """A port that nobody had a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def kinds(memory):
    query = "select kind from feed_events order by ts_recv"
    return [kind for (kind,) in Lake(memory / "lake").sql(query).pl().rows()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_and_seals(venue, memory, spawn, number):
    process = spawn()
    venue.expect(*BTC, *ETH)
    venue.emit("BTCUSDT", 200)
    venue.emit("ETHUSDT", 200)
    until(lambda: all(recorded(memory, symbol) == 200 for symbol in venue.markets))
    seconds, out, _ = end(process, number)
    assert out == ""
    # Of a machine that has nothing else to do it is one.
    assert seconds < 10
    for symbol in venue.markets:
        assert ids(memory, symbol) == venue.ids(symbol) == list(range(1, 201))
    assert kinds(memory)[-1] == "stop"


def test_a_hangup_reads_the_configuration_again(venue, memory, spawn):
    config = memory / "recorder.toml"
    config.write_text(venue.config("BTCUSDT"))
    process = spawn("--json", "--every", "1s")
    venue.expect(*BTC)
    venue.flow()
    config.write_text(venue.config("BTCUSDT", "ETHUSDT"))
    process.send_signal(signal.SIGHUP)
    venue.expect(*ETH)
    config.write_text(venue.config("BTCUSDT").replace("binance", "binanse"))
    process.send_signal(signal.SIGHUP)
    told(process, "unknown venue")
    config.write_bytes(b"name = '\xff'")
    process.send_signal(signal.SIGHUP)
    told(process, "no UTF-8")
    config.write_text(venue.config("BTCUSDT", head="interval_s = 5"))
    process.send_signal(signal.SIGHUP)
    told(process, "needs a restart: interval_s")
    until(lambda: venue.subscribed == set(BTC))
    venue.stop()
    _, out, _ = end(process)
    assert venue.connected == 1
    assert json.loads(out.splitlines()[-1])["resyncs"] == 0
    assert ids(memory, "BTCUSDT") == venue.ids("BTCUSDT")
    eth = ids(memory, "ETHUSDT")
    assert eth == [number for number in venue.ids("ETHUSDT") if number <= eth[-1]]


def test_health_of_a_process(venue, spawn):
    port = free_port()
    process = spawn("--metrics", f"127.0.0.1:{port}")
    venue.expect(*BTC)
    venue.emit("BTCUSDT", 1)

    def health():
        try:
            with urlopen(f"http://127.0.0.1:{port}/health", timeout=PATIENCE) as answer:
                return answer.status
        except HTTPError as error:
            with error:
                return error.code

    until(lambda: health() == 200)
    venue.refuse = True
    venue.kill()
    until(lambda: health() == 503)
    end(process)


def test_killed_at_random_moments(venue, memory, spawn):
    seed = int(os.environ.get("RUSTONITE_SEED", "7"))
    chance = random.Random(seed)
    venue.flow(0.001)
    on_tapes = {symbol: set() for symbol in venue.markets}
    for _ in range(KILLS):
        process = spawn()
        venue.expect(*BTC, *ETH)
        time.sleep(chance.uniform(0.05, 1.5))
        process.kill()
        process.wait()
        for tape in (memory / "lake" / ".tapes" / "trades").glob("*"):
            rows = Tape.reader(tape).read().pl()
            for symbol, numbers in on_tapes.items():
                numbers |= set(rows.filter(rows["symbol"] == symbol)["trade_id"])
        until(lambda: not venue.subscribed)
    process = spawn()
    venue.expect(*BTC, *ETH)
    time.sleep(0.5)
    end(process)
    for symbol, committed in on_tapes.items():
        found = ids(memory, symbol)
        assert len(found) == len(set(found)), f"doubled, seed {seed}"
        assert committed <= set(found), f"lost, seed {seed}"
        assert set(found) <= set(venue.ids(symbol))
        assert len(committed) > KILLS
    told = kinds(memory)
    assert told.count("recovered") == KILLS
    assert told.count("start") == KILLS + 1
    assert told.count("stop") == 1
    frames = Lake(memory / "lake").sql("select connection, frame_seq from frames").pl()
    assert len(frames) == len(frames.unique())


def test_a_second_key_press_ends_at_once(venue, spawn):
    process = spawn()
    venue.expect(*BTC, *ETH)
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    process.communicate(timeout=PATIENCE)
    assert time.monotonic() - began < 5
    assert process.returncode in {0, 130}
