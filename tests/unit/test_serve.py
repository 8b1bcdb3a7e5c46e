"""A venue on this machine: made up, from a lake, from tapes."""

import json
import math
import time
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from rustonite_data import serve
from rustonite_data.errors import Invalid, NotFound, Unavailable
from rustonite_data.lake import Lake
from rustonite_data.record import Recorder

PATIENCE = 60
SYMBOLS = ["BTCUSDT", "ETHUSDT"]


def until(is_so):
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def config(server):
    urls = ", ".join(f'{name} = "{url}"' for name, url in server.urls.items())
    return f'[[feed]]\nvenue = "binance"\nsymbols = {json.dumps(SYMBOLS)}\nurls = {{ {urls} }}\n'


def record(server, rows, **where):
    """Record until there are so many rows and no more come; then the server is paused."""
    with Recorder(config(server), **where) as recorder:
        until(lambda: recorder.status()[0].rows >= rows and recorder.status()[0].books_live == 2)
        server.pause()
        last = -1
        while last != (last := recorder.status()[0].frames):
            time.sleep(0.3)
        return recorder.status()[0]


def ids(lake):
    query = "select symbol::varchar, trade_id from trades order by all"
    return [tuple(row) for row in lake.sql(query).rows()]


def test_a_made_up_market_is_recorded_whole(memory):
    with serve("binance", SYMBOLS, every=0.002) as server:
        status = record(server, 500, lake=memory / "lake")
        sent = sum(map(server.trades, SYMBOLS))
        books = {symbol: server.book(symbol) for symbol in SYMBOLS}
    assert (status.gaps, status.malformed) == (0, 0)
    lake = Lake(memory / "lake")
    assert 0 < len(ids(lake)) <= sent
    for symbol, book in books.items():
        assert book.bids == sorted(book.bids, reverse=True)
        assert book.asks == sorted(book.asks)
        assert book.bids[0][0] < book.asks[0][0], symbol


def test_what_a_lake_has_is_served_again(memory):
    with serve("binance", SYMBOLS, every=0.002) as server:
        record(server, 500, lake=memory / "first")
    first = Lake(memory / "first")
    for frames in (first, str(memory / "first")):
        name = memory / f"again-{type(frames).__name__}"
        with serve("binance", frames=frames, speed=10) as server:
            with Recorder(config(server), lake=name) as recorder:
                until(lambda: server.status().ended)
                until(lambda: recorder.status()[0].books_live == 2)
                time.sleep(0.3)
                assert recorder.status()[0].gaps == 0
            again = ids(Lake(name))
            assert len(again) == len(set(again))
            # What comes before a topic is subscribed is told to nobody.
            assert set(again) <= set(ids(first))
            assert len(again) > 0.9 * len(ids(first))


def test_what_tapes_have_is_served_again(memory):
    with serve("binance", SYMBOLS, every=0.002) as server:
        record(server, 500, tapes=memory / "tapes")
    with (
        serve("binance", frames=memory / "tapes", speed=math.inf) as server,
        connect(server.urls["public"]) as socket,
    ):
        subscribed(server, "btcusdt@trade", socket)
        trade = json.loads(socket.recv(PATIENCE))["data"]
        assert (trade["e"], trade["s"]) == ("trade", "BTCUSDT")
        until(lambda: server.status().ended)
        assert server.trades("BTCUSDT") > 10


def subscribed(server, topic, socket):
    socket.send(json.dumps({"method": "SUBSCRIBE", "params": [topic], "id": 1}))
    assert json.loads(socket.recv(PATIENCE)) == {"result": None, "id": 1}
    assert server.status().clients == 1


def test_the_same_seed_makes_the_same_market():
    def first_trades(seed):
        with (
            serve("binance", ["BTCUSDT"], seed=seed, speed=math.inf) as server,
            connect(server.urls["public"]) as socket,
        ):
            subscribed(server, "btcusdt@trade", socket)
            told = [json.loads(socket.recv(PATIENCE)) for _ in range(20)]
        return [(one["data"]["t"], one["data"]["p"], one["data"]["q"]) for one in told]

    assert first_trades(1) == first_trades(1) != first_trades(2)


def test_faults():
    with serve("binance", ["BTCUSDT"]) as server:
        server.fault("cut", after=50)
        server.fault("drop", symbol="BTCUSDT", times=2)
        assert server.status().faults_waiting == 2
        with connect(server.urls["public"]) as socket:
            subscribed(server, "btcusdt@depth@100ms", socket)
            numbers = []
            with suppress(ConnectionClosedError):
                while len(numbers) < 1_000:
                    numbers.append(json.loads(socket.recv(PATIENCE))["data"]["U"])
        assert 0 < len(numbers) <= 50
        until(lambda: server.status().faults_waiting == 0)
        until(lambda: server.status().clients == 0)


WRONG = [
    ({"venue": "binanse", "symbols": ["A"]}, NotFound, "did you mean"),
    ({"venue": "alpaca-stocks", "symbols": ["A"]}, Invalid, "no replay server"),
    ({"venue": "binance"}, Invalid, "symbols: found none"),
    ({"venue": "binance", "symbols": ["A"], "frames": "x"}, Invalid, "frames have their own"),
    ({"venue": "binance", "symbols": ["A"], "start": "2026-01-01"}, Invalid, "always now"),
    ({"venue": "binance", "symbols": ["A"], "speed": 0}, Invalid, "expected more than 0"),
    ({"venue": "binance", "symbols": ["A"], "listen": "here"}, Invalid, "HOST:PORT"),
    ({"venue": "binance", "symbols": ["A"], "book": "trade"}, Invalid, "no channel of books"),
    ({"venue": "binance", "frames": "/nowhere"}, NotFound, "/nowhere"),
]


@pytest.mark.parametrize(("wanted", "kind", "message"), WRONG)
def test_what_cannot_be_served(wanted, kind, message):
    with pytest.raises(kind, match=message):
        serve(**wanted)


def test_faults_that_cannot_be():
    with serve("binance", ["BTCUSDT"]) as server:
        with pytest.raises(Invalid, match="dorp"):
            server.fault("dorp")
        with pytest.raises(Invalid, match="tims"):
            server.fault("drop", tims=2)
        with pytest.raises(NotFound, match="BTCUSDT"):
            server.book("BTCUSDT")
        port = server.address
        with pytest.raises(Unavailable, match=port):
            serve("binance", ["BTCUSDT"], listen=port)


def test_frames_of_another_venue(memory):
    lake = Lake.create(memory / "lake")
    with pytest.raises(NotFound, match="no frames"):
        serve("binance", frames=lake)
    (memory / "tapes" / "frames" / "one-okx").mkdir(parents=True)
    with pytest.raises(NotFound, match="no frames of binance"):
        serve("binance", frames=memory / "tapes")
