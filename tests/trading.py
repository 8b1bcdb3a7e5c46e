"""A venue to trade on, a recorder of it and a folder for a trader, shared by tests of trading."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from rustonite_data.record import Recorder
from rustonite_exec import FillNews, LocalExchange, Strategy, Trader, ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rustonite_data._native import Batch
    from rustonite_exec import Account

PATIENCE_S = 60.0
RENEW_S = 0.1
LIMITS = (Path(__file__).parents[1] / "native/trade/tests/limits.toml").read_text()


class Place:
    """A venue, and a folder for a trader; `trader` is what [`configured`] wants besides."""

    def __init__(
        self,
        folder: Path,
        exchange: LocalExchange,
        owned: dict[str, int] | None = None,
        **trader: str,
    ) -> None:
        self.folder = folder
        self.exchange = exchange
        self.account = exchange.account("me", owned or {"USDT": 100_000, "BTC": 2})
        self.trader = {"venue": "binance", "symbol": "BTCUSDT", "text": LIMITS, **trader}
        self.journal = folder / "journal"
        self.configure()

    def configure(self, run: str = "test:Test", top: str = "", **settings: Any) -> Path:
        """Write a trader's configuration; `top` is more of its first table."""
        path = configured(self.folder, self.exchange, self.account, top=top, run=run, **self.trader)
        lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
        path.write_text("\n".join([path.read_text(), "[strategy.settings]", *lines]))
        return path

    def run(self, strategy: Strategy | None, enough: Any = lambda _status: False) -> list[str]:
        """Trade until there is enough; returns what people were told."""
        told: list[str] = []
        began = time.monotonic()

        def beat(status: dict[str, Any], notices: list[str]) -> bool:
            told.extend(notices)
            assert time.monotonic() - began < PATIENCE_S, (status, told)
            return not enough(status)

        Trader(self.folder / "trader.toml", strategy).run(beat)
        return told

    def status(self) -> dict[str, Any] | None:
        """What a running trader says, if there is one."""
        return ask(self.journal, {"do": "status"}) if self.journal.exists() else None

    def wait(self, enough: Any) -> dict[str, Any]:
        """What a trader says once there is enough."""
        status = None
        for _ in range(int(PATIENCE_S * 50)):
            status = self.status()
            if status is not None and enough(status):
                return status
            time.sleep(0.02)
        raise AssertionError(status)


class Client:
    """Trades by the REST interface of a local exchange, for an account of its own."""

    def __init__(self, exchange: LocalExchange, account: Account, symbol: str) -> None:
        self.exchange, self.account, self.symbol = exchange, account, symbol
        self.path = "/api/v3/" if exchange.venue == "binance" else "/fapi/v1/"

    def call(self, method: str, name: str, **params: Any) -> Any:
        """A signed call about the symbol."""
        params = {"symbol": self.symbol, "timestamp": int(time.time() * 1000), **params}
        text = urlencode(params)
        sign = hmac.new(self.account.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        path = name if name.startswith("/") else self.path + name
        url = f"{self.exchange.urls['rest']}{path}?{text}&signature={sign}"
        headers = {"X-MBX-APIKEY": self.account.key}
        request = Request(url, method=method, headers=headers)  # noqa: S310 - ours
        with urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310 - ours
            return json.load(answer)

    def open_orders(self) -> list[Any]:
        """What the venue says is open."""
        found: list[Any] = self.call("GET", "openOrders")
        return found

    def rest(self, side: str, size: str, price: float) -> int:
        """An order that waits; its number."""
        return int(self._place(side, size, price, "GTC")["orderId"])

    def take(self, side: str, size: str, price: float) -> None:
        """Takes what is there up to a price."""
        self._place(side, size, price, "IOC")

    def _place(self, side: str, size: str, price: float, tif: str) -> Any:
        more = {"quantity": size, "price": f"{price:.2f}", "timeInForce": tif}
        return self.call("POST", "order", side=side.upper(), type="LIMIT", **more)

    def cancel(self, order: int) -> None:
        """End an order."""
        self.call("DELETE", "order", orderId=order)


class Quoter(Client):
    """All that there is in a market without others: a bid and an ask that stay where put."""

    def __init__(self, exchange: LocalExchange, symbol: str, size: str = "20") -> None:
        rich = {"USDT": 10_000_000, **({"BTC": 1_000} if exchange.venue == "binance" else {})}
        super().__init__(exchange, exchange.account("quoter", rich), symbol)
        self.size = size
        self.bid, self.ask = 0.0, 0.0
        self.orders: list[int] = []
        self.more: int | None = None
        self.renewed = 0.0

    def leave(self) -> None:
        """Quote nothing."""
        before, self.more = [*self.orders, *([self.more] if self.more else [])], None
        for order in before:
            self.cancel(order)
        self.orders = []

    def move(self, bid: float, ask: float) -> None:
        """Quote at other prices."""
        self.leave()
        self.bid, self.ask = bid, ask
        self.orders = [self.rest("buy", self.size, bid), self.rest("sell", self.size, ask)]

    def renew(self) -> None:
        """Let the market say what it is some times a second, so that prices are not old."""
        if time.monotonic() - self.renewed < RENEW_S:
            return
        self.renewed = time.monotonic()
        if self.more is None:
            self.more = self.rest("sell", "0.1", self.ask)
        else:
            self.cancel(self.more)
            self.more = None


class InAndOut(Strategy):
    """Buys at once, and sells what it bought."""

    def __init__(self, symbol: str, size: str, **selling: Any) -> None:
        self.symbol, self.size, self.selling = symbol, Decimal(size), selling
        self.has_begun = False
        self.fills: list[FillNews] = []

    def on_quotes(self, rows: Batch) -> None:
        ask = rows.to_pylist(["ask_price"])[-1]["ask_price"]
        if ask and not self.has_begun:
            self.has_begun = True
            self.trade("buy", ask * 1.001)

    def on_fill(self, news: FillNews) -> None:
        self.fills.append(news)
        if news.order.side == "buy" and news.order.state == "filled":
            self.trade("sell", float(news.price) * 0.999, **self.selling)

    def trade(self, side: Any, price: float, **more: Any) -> None:
        limit = self.broker.on_tick(self.symbol, side, price)
        self.broker.submit(self.symbol, side, self.size, limit, **more)

    def until_out(self, config: Path) -> dict[str, Any]:
        """Trade until it is out of its position again; returns the last status."""
        last: dict[str, Any] = {}
        began = time.monotonic()

        def beat(status: dict[str, Any], notices: list[str]) -> bool:
            last.update(status)
            assert time.monotonic() - began < PATIENCE_S, (status, notices)
            is_out = bool(self.fills) and self.fills[-1].position == 0
            return not (is_out and not status["positions"] and not status["open_orders"])

        Trader(config, self).run(beat)
        return last


def configured(
    folder: Path,
    exchange: LocalExchange,
    account: Account,
    *,
    venue: str,
    symbol: str,
    text: str,
    top: str = "",
    more: str = "",
    run: str = "test:Test",
) -> Path:
    """A trader's configuration; `text` is that of its limits, `top` and `more` add to it."""
    keys = folder / "keys.toml"
    keys.write_text(f'key = "{account.key}"\nsecret = "{account.secret}"\n')
    keys.chmod(0o600)
    (folder / "limits.toml").write_text(text)
    urls = ", ".join(f"{name} = {json.dumps(url)}" for name, url in exchange.urls.items())
    path = folder / "trader.toml"
    path.write_text(f"""
        limits = "limits.toml"
        {top}
        [[market]]
        venue = "{venue}"
        tapes = "tapes"
        [[account]]
        name = "main"
        venue = "{venue}"
        symbols = ["{symbol}"]
        keys = "keys.toml"
        {more}
        urls = {{ {urls} }}
        [strategy]
        run = "{run}"
    """)
    return path


def on_paper(
    folder: Path, symbol: str, owned: str, *, tapes: Path, top: str = "", market: str = "",
    account: str = "",
) -> Path:  # fmt: skip
    """A configuration in a new folder, of an account on paper; `market`, `account` add to it."""
    folder.mkdir()
    (folder / "limits.toml").write_text(LIMITS)
    path = folder / "trader.toml"
    path.write_text(f"""
        limits = "limits.toml"
        {top}
        [[market]]
        venue = "binance"
        tapes = {json.dumps(str(tapes))}
        {market}
        [[account]]
        name = "main"
        venue = "binance"
        symbols = ["{symbol}"]
        {account}
        [account.paper]
        balances = {{ {owned} }}
        [strategy]
        run = "test:Test"
    """)
    return path


def kept_from_trading(config: Path, why: str) -> list[str]:
    """Run a trader until it has said why its account may not trade; what it said."""
    told: list[str] = []
    began = time.monotonic()

    def beat(status: dict[str, Any], notices: list[str]) -> bool:
        told.extend(notices)
        assert time.monotonic() - began < PATIENCE_S, (status, told)
        assert not status["accounts"][0]["trading"]
        return not any(why in text for text in told)

    Trader(config, Strategy()).run(beat)
    return told


def followed(exchange: LocalExchange, venue: str, symbol: str, **names: str) -> str:
    """A recorder's configuration; `names` are the exchange's for the endpoints of the feed."""
    urls = ", ".join(f"{name} = {json.dumps(exchange.urls[key])}" for name, key in names.items())
    return f"""
        frames = false
        [[feed]]
        venue = "{venue}"
        symbols = ["{symbol}"]
        datasets = ["trades", "quotes"]
        urls = {{ {urls} }}
    """


def feed_of(urls: dict[str, str]) -> str:
    """Configuration of a recorder."""
    feed = "\n".join(f"{name} = {json.dumps(urls[name])}" for name in ("public", "rest"))
    return f"""
        frames = false
        [[feed]]
        venue = "binance"
        symbols = ["BTCUSDT"]
        datasets = ["trades", "quotes"]
        [feed.urls]
        {feed}
    """


@contextmanager
def recording(tapes: Path, urls: dict[str, str]) -> Iterator[None]:
    """A recorder in this process."""
    with Recorder(feed_of(urls), tapes=tapes):
        yield


def command(*words: str, folder: Path, ok: bool = True) -> str:
    """Run `rustonite` and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "rustonite_data.cli", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode == 0) is ok, done.stderr
    return done.stdout if ok else done.stdout + done.stderr


def free_port() -> int:
    """A port that nobody had a moment ago."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
