"""What tests of other people's clients on the local exchange share."""

import asyncio
import json
import time
from contextlib import contextmanager
from urllib.request import urlopen

import ccxt
from helpers import moved

PATIENCE = 60


@contextmanager
def own_loop():
    """python-binance makes an event loop for its thread if there is none, and never closes it."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


def until(is_so):
    """Wait for something, and return it."""
    end = time.monotonic() + PATIENCE
    while not (found := is_so()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


def told(exchange, path):
    """What the exchange answers to an open call."""
    with urlopen(f"{exchange.urls['rest']}{path}") as answer:  # noqa: S310 - our own address
        return json.load(answer)


def until_deep(exchange, path, size):
    """Wait until others have filled the book with so much on each side, and traded."""

    def is_deep():
        book = told(exchange, path)
        sides = book["bids"], book["asks"]
        deep = all(len(side) > 20 and sum(float(q) for _, q in side) > size for side in sides)
        return deep and exchange.status()["instruments"][0]["trades"]

    until(is_deep)


def of_ccxt(name, exchange, account, kind=ccxt, **options):
    """A client of ccxt for a market by its name there."""
    client = getattr(kind, name)(
        {"apiKey": account.key, "secret": account.secret, "enableRateLimit": False}
    )
    client.urls["api"] = moved(client.urls["api"], exchange.address)
    client.options |= options
    return client
