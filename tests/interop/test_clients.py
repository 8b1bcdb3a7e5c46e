"""Other people's clients read the replay server as they read the venue, and see what we see."""

import asyncio
import json
import re
import threading
import time
from decimal import Decimal

import ccxt.pro
import pytest
from helpers import moved
from pybit import unified_trading

from rustonite_data import Tape, serve
from rustonite_data.record import Recorder

# Libraries leave sockets to the garbage collector.
pytestmark = pytest.mark.filterwarnings("default")

PATIENCE = 60
TRADES = 40
SPOT = {"type": "spot", "spot": True}
SWAP = {"type": "swap", "swap": True, "contract": True, "contractSize": 1}
# Class there, our instrument, theirs, what is special, and the channel that they ask books of.
CCXT = {
    "binance": ("binance", "BTCUSDT", "BTC/USDT", SPOT, None),
    "bitfinex": ("bitfinex", "tBTCUSD", "BTC/USD", SPOT, "book:P0:F0:25"),
    "bybit-spot": ("bybit", "BTCUSDT", "BTC/USDT", SPOT, "orderbook.50"),
    "coinbase-advanced": ("coinbase", "BTC-USD", "BTC/USD", SPOT, None),
    "deribit": ("deribit", "BTC-PERPETUAL", "BTC/USD:BTC", {**SWAP, "inverse": True}, None),
    "hyperliquid": ("hyperliquid", "BTC", "BTC/USDC:USDC", {**SWAP, "linear": True}, None),
    "kraken": ("kraken", "BTC/USD", "BTC/USD", SPOT, "book-10"),
    "okx": ("okx", "BTC-USDT", "BTC/USDT", SPOT, None),
}


# ccxt hands on the maker's side, which this venue sends; a row has the taker's.
MAKERS = {"coinbase-advanced"}
# ccxt begins a new list with each message of this venue: those between two looks are lost to it.
FORGOTTEN = {"deribit"}
OPPOSITE = {"buy": "sell", "sell": "buy"}


def exchange(name, symbol, unified, special, address):
    made = getattr(ccxt.pro, name)({"newUpdates": True, "enableRateLimit": False})
    base, quote, *settle = re.split("[/:]", unified)
    market = {
        "id": symbol, "lowercaseId": symbol.lower(), "symbol": unified, "base": base,
        "quote": quote, "baseId": base, "quoteId": quote, "settle": next(iter(settle), None),
        "baseName": base, "active": True, "spot": False, "swap": False, "future": False,
        "option": False, "contract": False, "linear": False, "inverse": False, "limits": {},
        "precision": {"price": 0.01, "amount": 0.001}, "info": {"wsname": symbol},
    }  # fmt: skip
    made.set_markets([{**market, **special}])
    made.urls["api"] = moved(made.urls["api"], address)
    return made


async def watched(client, unified, server, symbol):
    """Trades of an instrument, once its book is that of the server, which says no more."""
    trades = []

    async def of_trades():
        while True:
            trades.extend(await client.watch_trades(unified))

    async def of_book():
        while True:
            await client.watch_order_book(unified)

    tasks = [asyncio.create_task(of_trades()), asyncio.create_task(of_book())]
    try:
        async with asyncio.timeout(PATIENCE):
            while len(trades) < TRADES or not client.orderbooks.get(unified, {}).get("bids"):
                failed = [task for task in tasks if task.done()]
                assert not failed, failed[0].exception()
                await asyncio.sleep(0.01)
            server.pause()
            # What was sent before takes its time.
            while not same(client.orderbooks[unified], server.book(symbol)):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        return trades
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await client.close()


def same(theirs, ours):
    sides = [(theirs[side], getattr(ours, side)) for side in ("bids", "asks")]
    return all(plain(one) == plain(other)[: len(one)] and one for one, other in sides)


def plain(levels):
    return [(float(price), float(size)) for price, size, *_ in levels]


def recorded(folder, venue):
    """Our own trades, by id."""
    rows = Tape.reader(folder / "trades" / f"recorder-{venue}").read().pl()
    return {
        str(row["trade_uid"] or row["trade_id"]): (row["price"], row["size"], row["side"])
        for row in rows.iter_rows(named=True)
    }


def recorder(server, venue, symbol, folder):
    urls = ", ".join(f'{json.dumps(name)} = "{url}"' for name, url in server.urls.items())
    text = (
        f'name = "recorder"\n[[feed]]\nvenue = "{venue}"\nsymbols = ["{symbol}"]\n'
        f'datasets = ["trades"]\nurls = {{ {urls} }}\n'
    )
    return Recorder(text, tapes=folder)


def until_subscribed(one):
    end = time.monotonic() + PATIENCE
    while one.status()[0].rows == 0:
        assert time.monotonic() < end, one.status()
        time.sleep(0.02)


@pytest.mark.parametrize("venue", CCXT)
def test_ccxt_sees_what_we_see(venue, memory):
    name, symbol, unified, special, book = CCXT[venue]
    with serve(venue, [symbol], every=0.004, book=book) as server:
        with recorder(server, venue, symbol, memory) as ours:
            until_subscribed(ours)

            async def run():
                client = exchange(name, symbol, unified, special, server.address)
                return await watched(client, unified, server, symbol)

            trades = asyncio.run(run())
        mine = recorded(memory, venue)
    side = OPPOSITE.get if venue in MAKERS else str
    theirs = {str(one["id"]): (one["price"], one["amount"], side(one["side"])) for one in trades}
    common = theirs.keys() & mine.keys()
    # What a venue repeats after a subscription is from before our first trade.
    assert len(common) >= TRADES - 1
    assert {key: theirs[key] for key in common} == {key: mine[key] for key in common}
    if venue in FORGOTTEN:
        return
    # None is missing from the first to the last.
    places = [place for place, key in enumerate(mine) if key in common]
    assert places == list(range(places[0], places[-1] + 1))


class Pybit(unified_trading.WebSocket):
    """It notes what it asked for after it has asked: over loopback the answer may be quicker."""

    lock = threading.RLock()

    def subscribe(self, *args, **kwargs):
        with self.lock:
            super().subscribe(*args, **kwargs)

    def _on_message(self, message):
        with self.lock:
            super()._on_message(message)


def test_pybit_sees_what_we_see(memory, monkeypatch):
    venue, symbol = "bybit-linear", "BTCUSDT"
    with serve(venue, [symbol], every=0.004, book="orderbook.50") as server:
        address = f"ws://{server.address}/v5/public/{{CHANNEL_TYPE}}"
        monkeypatch.setattr(unified_trading, "PUBLIC_WSS", address)
        trades, book, enough = [], {}, threading.Event()

        def of_trades(message):
            trades.extend(message["data"])
            if len(trades) >= TRADES:
                enough.set()

        def of_book(message):
            book.update(message["data"])

        with recorder(server, venue, symbol, memory) as ours:
            until_subscribed(ours)
            client = Pybit(channel_type="linear", testnet=False, retries=3)
            try:
                client.orderbook_stream(50, symbol, of_book)
                client.trade_stream(symbol, of_trades)
                assert enough.wait(PATIENCE)
                server.pause()
                truth = server.book(symbol)
                end = time.monotonic() + PATIENCE
                while book.get("u") != truth.seq and time.monotonic() < end:
                    time.sleep(0.05)
            finally:
                client.exit()
        mine = recorded(memory, venue)
    # It keeps the book by itself, its levels in no order.
    decimals = {
        side: {(Decimal(p), Decimal(q)) for p, q in book[key]}
        for side, key in (("bids", "b"), ("asks", "a"))
    }
    assert decimals == {"bids": set(truth.bids), "asks": set(truth.asks)}
    for one in trades:
        told = (float(one["p"]), float(one["v"]), one["S"].lower())
        assert mine[one["i"]] == told
