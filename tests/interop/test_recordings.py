"""Recorded messages, read by our codecs and by ccxt's parsers: the same trades, the same book."""

import gzip
import json
import os
from pathlib import Path

import ccxt.pro
import pytest

from rustonite_data import Tape, _native

# The library leaves sockets to the garbage collector.
pytestmark = pytest.mark.filterwarnings("default")

BESIDE = Path(__file__).parents[3] / "shared" / "fixtures"
FIXTURES = Path(os.environ.get("RUSTONITE_FIXTURES", BESIDE))
DAY = "collector_{}_20240808.gz"
# Class there, our instrument, theirs, the recording, and how its picture was asked for.
CASES = {
    "binance": ("binance", "BTCUSDT", "BTC/USDT", "binance_spot", "/api/v3/depth", 5000),
    "binance-usdm": (
        "binanceusdm", "BTCUSDT", "BTC/USDT:USDT", "binance_usdm", "/fapi/v1/depth", 1000,
    ),
    "binance-coinm": (
        "binancecoinm", "BTCUSD_PERP", "BTC/USD:BTC", "binance_coinm", "/dapi/v1/depth", 1000,
    ),
}  # fmt: skip


def messages(folder, symbol):
    path = FIXTURES / folder / DAY.format(symbol.lower())
    if not path.exists():
        pytest.skip(f"no recording {path}; set RUSTONITE_FIXTURES")
    for line in gzip.decompress(path.read_bytes()).splitlines():
        time, _, data = line.partition(b" ")
        yield int(time), data


def frames(venue, symbol, call, lines):
    """Rows of a recorder: what it subscribed to, then what came."""
    begun = lines[0][0]
    for channel in ("trade", "depth@100ms"):
        yield begun, 1, venue, "subscribe", None, channel, symbol, None
    for time, data in lines:
        if data.startswith(b'{"lastUpdateId"'):
            yield time, 2, venue, "http_request", None, None, None, call.encode()
            yield time, 2, venue, "http_response", 200, None, None, data
        else:
            yield time, 1, venue, "text", None, None, None, data


def decoded(rows, folder):
    """Our trades, and our book at the end."""
    native = _native.NativeReparser(folder, "judged", 10**6, None)
    native.take(list(rows))
    native.finish()
    table = {
        name: Tape.reader(next((folder / name).iterdir())).read().pl()
        for name in ("trades", "book_deltas")
    }
    trades = table["trades"].select("trade_id", "price", "size", "side").rows()
    book = {"bid": {}, "ask": {}}
    for action, side, price, size in (
        table["book_deltas"].select("action", "side", "price", "size").iter_rows()
    ):
        if action == "clear":
            book = {"bid": {}, "ask": {}}
        elif action == "set":
            book[side][price] = size
        else:
            book[side].pop(price, None)
    return trades, book


def judged(name, symbol, unified, lines):
    """The same by ccxt."""
    exchange = getattr(ccxt.pro, name)()
    market = {
        "id": symbol, "symbol": unified, "spot": ":" not in unified, "contract": ":" in unified,
        "linear": False, "inverse": name == "binancecoinm", "option": False, "swap": False,
        "future": False, "base": "BTC", "quote": "USDT", "settle": None, "type": "spot",
        "precision": {}, "contractSize": 1,
    }  # fmt: skip
    trades, book, waiting = [], None, []
    for _, data in lines:
        message = json.loads(data)
        if "lastUpdateId" in message:
            picture = exchange.parse_order_book(message, unified)
            book, last = exchange.order_book(picture), message["lastUpdateId"]
            waiting = [one for one in waiting if one["u"] >= last]
            for one in waiting:
                exchange.handle_order_book_message(None, one, book)
            continue
        event = message["data"]
        # Orders that an insurance fund or a venue fills are no trades of the market.
        if event.get("e") == "trade" and event.get("X") in (None, "MARKET"):
            trade = exchange.parse_ws_trade(event, market)
            row = (int(trade["id"]), trade["price"], trade["amount"], trade["side"])
            trades.append(row)
        elif event.get("e") == "depthUpdate" and book is None:
            waiting.append(event)
        elif event.get("e") == "depthUpdate" and event["u"] >= last:
            exchange.handle_order_book_message(None, event, book)
    return trades, book


@pytest.mark.parametrize("venue", CASES)
def test_ccxt_reads_recordings_as_we_do(venue, memory):
    name, symbol, unified, folder, path, limit = CASES[venue]
    call = f"{path}?symbol={symbol}&limit={limit}"
    lines = list(messages(folder, symbol))
    trades, book = decoded(frames(venue, symbol, call, lines), memory)
    theirs, judge = judged(name, symbol, unified, lines)
    assert len(theirs) > 1_000
    assert trades == theirs
    assert book == {
        "bid": {price: size for price, size, *_ in judge["bids"]},
        "ask": {price: size for price, size, *_ in judge["asks"]},
    }
