"""A scripted venue on loopback: Binance spot, as far as a recorder looks at it.

One port answers WebSocket and REST. Prices are made up; numbers are exact: trades count up by one,
updates of a book carry `U` and `u`, and the REST picture is the book after its `lastUpdateId`. What
was handed to a connection is in `sent`, by stream, so that tests can compare it with a lake.
"""

import asyncio
import json
import logging
import threading
import time
from collections import defaultdict
from contextlib import suppress
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Response

PATIENCE = 60
INVALID_SYMBOL = {"code": -1121, "msg": "Invalid symbol."}
# What tests do to connections is no news.
QUIET = logging.getLogger("tests.venue")
QUIET.addHandler(logging.NullHandler())
QUIET.propagate = False


def until(true, what="it came true"):
    """Wait for something."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, f"not within {PATIENCE} s: {what}"
        time.sleep(0.01)


class Market:
    """One instrument: its counters and its book."""

    def __init__(self, symbol):
        self.symbol = symbol
        self.trade_id = 0
        self.update_id = 100
        self.bids = {f"{100 - level}.00": "1.000" for level in range(20)}
        self.asks = {f"{101 + level}.00": "1.000" for level in range(20)}

    def trade(self):
        self.trade_id += 1
        now = time.time_ns() // 1_000_000
        return {
            "e": "trade", "E": now, "s": self.symbol, "t": self.trade_id,
            "p": f"{100 + self.trade_id % 7}.25", "q": "0.500", "T": now,
            "m": self.trade_id % 2 == 0, "M": True,
        }  # fmt: skip

    def depth(self):
        """Two updates in one message: a size and a level that comes or goes."""
        first, self.update_id = self.update_id + 1, self.update_id + 2
        deep = "50.00"
        size = "0.000" if deep in self.bids else "3.000"
        self.bids.pop(deep, None)
        if size != "0.000":
            self.bids[deep] = size
        self.asks["101.00"] = f"{1 + self.update_id % 9}.000"
        return {
            "e": "depthUpdate", "E": time.time_ns() // 1_000_000, "s": self.symbol,
            "U": first, "u": self.update_id, "b": [[deep, size]],
            "a": [["101.00", self.asks["101.00"]]],
        }  # fmt: skip

    def quote(self):
        return {
            "u": self.update_id, "s": self.symbol, "b": "100.00", "B": self.bids["100.00"],
            "a": "101.00", "A": self.asks["101.00"],
        }  # fmt: skip

    def picture(self):
        sides = {"bids": self.bids, "asks": self.asks}
        levels = {side: [list(level) for level in book.items()] for side, book in sides.items()}
        return {"lastUpdateId": self.update_id, **levels}

    def definition(self):
        return {
            "symbol": self.symbol, "status": "TRADING", "baseAsset": self.symbol[:-4],
            "quoteAsset": self.symbol[-4:],
            "filters": [
                {"filterType": "PRICE_FILTER", "tickSize": "0.01000000"},
                {"filterType": "LOT_SIZE", "stepSize": "0.00100000"},
            ],
        }  # fmt: skip


class VenueServer:
    """The venue; use it as a context. Its methods may be called from any thread."""

    def __init__(self, *symbols):
        self.markets = {name: Market(name) for name in symbols or ("BTCUSDT", "ETHUSDT")}
        self.sent = defaultdict(list)
        """Messages by stream, as they were handed to a connection."""
        self.requests = []
        """Requests by WebSocket, as they came."""
        self.paths = []
        """Paths of REST calls, as they came."""
        self.connected = 0
        """How many connections were ever opened."""
        self.strict = False
        """Refuse requests with an unknown symbol; the real venue acknowledges them."""
        self.refuse = False
        """Refuse new connections."""
        self.silent = False
        """Keep connections open, and say nothing."""
        self.rest_status = None
        """Answer REST calls with this status."""
        self.retry_after = None
        self._streams = {}
        self._flow = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="venue", daemon=True)

    def __enter__(self):
        self._thread.start()
        self._server = self._do(self._serve())
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_):
        self.stop()
        self.kill()
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    def _do(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    async def _serve(self):
        return await serve(
            self._talk, "127.0.0.1", 0, process_request=self._request, compression=None,
            logger=QUIET, ping_interval=None, close_timeout=0.2,
        )  # fmt: skip

    async def _close(self):
        self._server.close()
        await self._server.wait_closed()

    @property
    def urls(self):
        """The line `urls` of a recorder's configuration."""
        address = f"127.0.0.1:{self.port}"
        return f'urls = {{ public = "ws://{address}/stream", rest = "http://{address}" }}'

    def config(self, *symbols, head="", feed=""):
        """A recorder's configuration for this venue."""
        named = json.dumps(list(symbols or self.markets))
        return f'{head}\n[[feed]]\nvenue = "binance"\nsymbols = {named}\n{self.urls}\n{feed}\n'

    @property
    def subscribed(self):
        """Streams that some connection carries."""
        return set().union(*list(self._streams.values()))

    def expect(self, *streams, times=1):
        """Wait until so many connections subscribed to each of these."""
        until(lambda: all(self._count(stream) >= times for stream in streams), streams)

    def _count(self, stream):
        return sum(stream in names for names in list(self._streams.values()))

    def emit(self, symbol, count=1, kinds=("trade", "depth", "quote")):
        """Send events of an instrument: of each sort, one after the other."""
        self._do(self._emit(self.markets[symbol], count, kinds))

    async def _emit(self, market, count, kinds):
        names = {"trade": "trade", "depth": "depth@100ms", "quote": "bookTicker"}
        for _ in range(count):
            for kind in kinds:
                data = getattr(market, kind)()
                await self._tell(f"{market.symbol.lower()}@{names[kind]}", data)

    async def _tell(self, stream, data):
        text = json.dumps({"stream": stream, "data": data}, separators=(",", ":"))
        carriers = [one for one, names in self._streams.items() if stream in names]
        if self.silent or not carriers:
            return
        self.sent[stream].append((data, text))
        for connection in carriers:
            with suppress(ConnectionClosed):
                await connection.send(text)

    def say(self, text):
        """Send a text or bytes as they are, on all connections."""
        self._do(self._say(text))

    async def _say(self, text):
        for connection in list(self._streams):
            await connection.send(text)

    def flow(self, pause=0.005):
        """Send events of all instruments again and again, in the background."""
        self.stop()

        async def begin():
            return asyncio.create_task(self._forever(pause))

        self._flow = self._do(begin())

    async def _forever(self, pause):
        while True:
            for market in self.markets.values():
                await self._emit(market, 1, ("trade", "depth", "quote"))
            await asyncio.sleep(pause)

    def stop(self):
        """Send nothing more by itself."""
        if self._flow is not None:
            flow, self._flow = self._flow, None
            self._do(self._cancel(flow))

    async def _cancel(self, task):
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    def kill(self):
        """End all connections without a word."""
        self._do(self._kill())

    async def _kill(self):
        for connection in list(self._streams):
            connection.transport.abort()

    def ids(self, symbol):
        """Ids of the trades that were sent."""
        return [data["t"] for data, _ in self.sent[f"{symbol.lower()}@trade"]]

    async def _talk(self, connection):
        self.connected += 1
        names = self._streams[connection] = set()
        with suppress(ConnectionClosed):
            async for text in connection:
                request = json.loads(text)
                self.requests.append(request)
                if not self.silent:
                    await connection.send(json.dumps(self._answer(request, names)))
        del self._streams[connection]

    def _answer(self, request, names):
        asked = set(request["params"])
        unknown = {name for name in asked if name.split("@")[0].upper() not in self.markets}
        if self.strict and unknown:
            error = {"code": 2, "msg": f"Invalid request: unknown {min(unknown)}"}
            return {"error": error, "id": request["id"]}
        if request["method"] == "SUBSCRIBE":
            names |= asked
        else:
            names -= asked
        return {"result": None, "id": request["id"]}

    def _request(self, _connection, request):
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return _response(HTTPStatus.SERVICE_UNAVAILABLE, {}) if self.refuse else None
        self.paths.append(request.path)
        if self.rest_status is not None:
            extra = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
            return _response(self.rest_status, {"code": -1003, "msg": "Too many requests"}, extra)
        url = urlsplit(request.path)
        if url.path == "/api/v3/exchangeInfo":
            symbols = [market.definition() for market in self.markets.values()]
            answer = {"serverTime": time.time_ns() // 1_000_000, "symbols": symbols}
            return _response(HTTPStatus.OK, answer)
        market = self.markets.get(parse_qs(url.query).get("symbol", [""])[0])
        if url.path == "/api/v3/depth" and market is not None:
            return _response(HTTPStatus.OK, market.picture())
        return _response(HTTPStatus.BAD_REQUEST, INVALID_SYMBOL)


def _response(status, answer, extra=()):
    body = json.dumps(answer).encode()
    headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(body))})
    headers.update(extra)
    return Response(int(status), HTTPStatus(status).phrase, headers, body)
