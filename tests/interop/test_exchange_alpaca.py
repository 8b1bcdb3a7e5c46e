"""Other people's clients trade stocks and coins on the local exchange as they do on Alpaca."""

import asyncio
import threading
import time
import warnings
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import ccxt
import ccxt.pro
import exchange_clients
import numpy as np
import pytest
from exchange_clients import PATIENCE, until

from rustonite_data.record import Recorder
from rustonite_exec import LocalExchange

with warnings.catch_warnings():
    # It uses what its WebSocket library has given up.
    warnings.simplefilter("ignore")
    from alpaca.common.exceptions import APIError
    from alpaca.data.historical import CryptoHistoricalDataClient, StockHistoricalDataClient
    from alpaca.data.live import CryptoDataStream, StockDataStream
    from alpaca.data.requests import (
        CryptoBarsRequest,
        CryptoLatestOrderbookRequest,
        CryptoLatestQuoteRequest,
        CryptoSnapshotRequest,
        CryptoTradesRequest,
        StockBarsRequest,
        StockLatestQuoteRequest,
    )
    from alpaca.data.timeframe import TimeFrame
    from alpaca.trading.client import TradingClient
    from alpaca.trading.enums import OrderSide, OrderStatus, QueryOrderStatus, TimeInForce
    from alpaca.trading.requests import (
        ClosePositionRequest,
        GetCalendarRequest,
        GetOrdersRequest,
        LimitOrderRequest,
        MarketOrderRequest,
        ReplaceOrderRequest,
        StopLossRequest,
        StopOrderRequest,
        TakeProfitRequest,
        TrailingStopOrderRequest,
    )
    from alpaca.trading.stream import TradingStream

# Libraries leave sockets to the garbage collector.
pytestmark = pytest.mark.filterwarnings("default")

STOCK, COIN = "AAPL", "BTC/USD"


@pytest.fixture
def exchange():
    with LocalExchange(venue="alpaca", prices={COIN: 60_000, STOCK: 200}) as exchange:
        until(lambda: all(one["trades"] > 20 for one in exchange.status()["instruments"]))
        yield exchange


@pytest.fixture
def quiet():
    with LocalExchange(venue="alpaca", others=False) as exchange:
        yield exchange


def trading(exchange, account):
    return TradingClient(account.key, account.secret, url_override=exchange.urls["rest"])


def limit(symbol, side, qty, price, **more):
    tif = TimeInForce.DAY if symbol == STOCK else TimeInForce.GTC
    return LimitOrderRequest(
        symbol=symbol, side=side, qty=qty, limit_price=price, time_in_force=tif, **more
    )


def market(symbol, side, **more):
    tif = TimeInForce.DAY if symbol == STOCK else TimeInForce.GTC
    return MarketOrderRequest(symbol=symbol, side=side, time_in_force=tif, **more)


class Listening:
    """A stream of alpaca-py in a thread of its own."""

    def __init__(self, stream):
        self.stream = stream
        self.thread = threading.Thread(target=stream.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stream.stop()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()


def test_alpaca_py_reads_the_market(exchange):
    coins = CryptoHistoricalDataClient(url_override=exchange.urls["rest"])
    (quote,) = coins.get_crypto_latest_quote(
        CryptoLatestQuoteRequest(symbol_or_symbols=COIN)
    ).values()
    assert 0 < quote.bid_price < quote.ask_price
    (book,) = coins.get_crypto_latest_orderbook(
        CryptoLatestOrderbookRequest(symbol_or_symbols=COIN)
    ).values()
    assert len(book.bids) > 20
    assert book.bids[0].price < book.asks[0].price
    since = datetime.now(UTC) - timedelta(hours=1)
    trades = coins.get_crypto_trades(CryptoTradesRequest(symbol_or_symbols=COIN, start=since))[COIN]
    assert [one.id for one in trades] == list(range(1, len(trades) + 1))
    bars = coins.get_crypto_bars(
        CryptoBarsRequest(symbol_or_symbols=COIN, timeframe=TimeFrame.Minute, start=since)
    )[COIN]
    assert all(bar.low <= bar.vwap <= bar.high for bar in bars)
    snapshot = coins.get_crypto_snapshot(CryptoSnapshotRequest(symbol_or_symbols=[COIN]))[COIN]
    assert snapshot.latest_trade.id >= len(trades)
    account = exchange.account()
    stocks = StockHistoricalDataClient(
        account.key, account.secret, url_override=exchange.urls["rest"]
    )
    quote = stocks.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols=STOCK))[STOCK]
    assert 150 < quote.bid_price < quote.ask_price < 250
    bars = stocks.get_stock_bars(StockBarsRequest(symbol_or_symbols=STOCK, timeframe=TimeFrame.Day))
    assert bars[STOCK][0].trade_count > 20


def test_alpaca_py_trades(exchange):
    account = exchange.account("trader", {"USD": 10_000})
    client = trading(exchange, account)
    assert client.get_clock().is_open
    week = GetCalendarRequest(start="2026-07-06", end="2026-07-12")
    assert len(client.get_calendar(week)) == 5
    assert {one.symbol for one in client.get_all_assets()} == {STOCK, COIN}
    resting = client.submit_order(limit(COIN, OrderSide.BUY, 0.1, 40_000, client_order_id="mine"))
    assert resting.status == OrderStatus.PENDING_NEW
    assert exchange.balance(account, "USD") == (Decimal(6_000), Decimal(4_000))
    changed = client.replace_order_by_id(resting.id, ReplaceOrderRequest(limit_price=41_000))
    assert (changed.replaces, client.get_order_by_id(resting.id).replaced_by) == (
        resting.id,
        changed.id,
    )
    assert client.get_order_by_client_id("mine").status == OrderStatus.REPLACED
    assert [one.id for one in client.get_orders()] == [changed.id]
    client.cancel_order_by_id(changed.id)
    closed = client.get_orders(GetOrdersRequest(status=QueryOrderStatus.CLOSED))
    assert [one.status for one in closed] == [OrderStatus.CANCELED, OrderStatus.REPLACED]
    bought = client.submit_order(market(STOCK, OrderSide.BUY, qty=3))
    bought = client.get_order_by_id(bought.id)
    assert (bought.status, bought.filled_qty) == (OrderStatus.FILLED, "3")
    client.submit_order(market(COIN, OrderSide.BUY, notional=1_000))
    held = {one.symbol: one for one in client.get_all_positions()}
    assert held[STOCK].qty == "3"
    assert float(held[STOCK].avg_entry_price) == pytest.approx(float(bought.filled_avg_price))
    assert float(held["BTCUSD"].qty) == pytest.approx(1_000 / 60_000, rel=0.05)
    balance = client.get_account()
    assert float(balance.equity) == pytest.approx(10_000, rel=0.02)
    sold = client.close_position(STOCK, ClosePositionRequest(qty="1"))
    assert client.get_order_by_id(sold.id).status == OrderStatus.FILLED
    assert client.get_open_position(STOCK).qty == "2"
    assert {one.status for one in client.close_all_positions(cancel_orders=True)} == {200}
    until(lambda: not [one for one in client.get_all_positions() if float(one.qty) > 1e-4])
    assert client.get_portfolio_history().base_value > 0


def test_alpaca_py_places_orders_of_all_kinds(quiet):
    client = trading(quiet, quiet.account("trader", {"USD": 10_000, STOCK: 100}))
    other = trading(quiet, quiet.account("other", {"USD": 10_000, STOCK: 100}))
    client.submit_order(limit(STOCK, OrderSide.SELL, 1, 200))
    other.submit_order(limit(STOCK, OrderSide.BUY, 1, 200))
    day = {"symbol": STOCK, "time_in_force": TimeInForce.DAY}
    stop = client.submit_order(StopOrderRequest(side=OrderSide.SELL, qty=1, stop_price=190, **day))
    trail = client.submit_order(
        TrailingStopOrderRequest(side=OrderSide.SELL, qty=1, trail_percent=5, **day)
    )
    assert (stop.stop_price, trail.hwm, trail.stop_price) == ("190", "200", "190")
    bracket = client.submit_order(
        limit(
            STOCK, OrderSide.BUY, 1, 195, order_class="bracket",
            take_profit=TakeProfitRequest(limit_price=220),
            stop_loss=StopLossRequest(stop_price=180),
        )
    )  # fmt: skip
    assert [leg.status for leg in bracket.legs] == [OrderStatus.HELD, OrderStatus.HELD]
    cancelled = client.cancel_orders()
    assert [one.status for one in cancelled] == [200] * 5
    assert client.get_orders() == []


@pytest.mark.parametrize(
    ("order", "status", "message"),
    [
        (limit("ZZZZ", OrderSide.BUY, 1, 1), 422, "ZZZZ.*not found"),
        (limit(STOCK, OrderSide.BUY, 1, 10.001), 422, "sub-penny increment"),
        (limit(STOCK, OrderSide.BUY, 1_000, 200), 403, "insufficient buying power"),
        (limit(STOCK, OrderSide.SELL, 1, 200), 422, "AAPL.*cannot be sold short"),
        (limit(COIN, OrderSide.SELL, 1, 60_000), 403, "insufficient balance for BTC"),
        (limit(COIN, OrderSide.BUY, 0.0001, 60_000), 403, "minimal amount of order 10"),
    ],
)
def test_refusals_are_those_of_the_venue(quiet, order, status, message):
    client = trading(quiet, quiet.account())
    with pytest.raises(APIError, match=message) as refused:
        client.submit_order(order)
    assert refused.value.status_code == status
    assert client.get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL)) == []


def test_a_wrong_secret_is_refused(quiet):
    account = quiet.account()
    client = TradingClient(account.key, "another secret", url_override=quiet.urls["rest"])
    with pytest.raises(APIError, match="unauthorized") as refused:
        client.get_account()
    assert refused.value.status_code == 401


def test_alpaca_py_hears_of_its_orders(quiet):
    account = quiet.account("trader", {"USD": 10_000})
    client = trading(quiet, account)
    other = trading(quiet, quiet.account("other", {"BTC": 1}))
    stream = TradingStream(account.key, account.secret, url_override=quiet.urls["updates"])
    heard = []

    async def hear(update):
        heard.append(update)

    stream.subscribe_trade_updates(hear)
    with Listening(stream):
        # It is let in, and it listens.
        until(lambda: quiet.status()["messages_sent"] == 2)
        placed = client.submit_order(limit(COIN, OrderSide.BUY, 0.1, 50_000))
        other.submit_order(limit(COIN, OrderSide.SELL, 0.04, 50_000))
        changed = client.replace_order_by_id(placed.id, ReplaceOrderRequest(limit_price=51_000))
        client.cancel_order_by_id(changed.id)
        until(lambda: len(heard) >= 7)
    told = [(one.event, one.order.id == placed.id) for one in heard]
    assert told == [
        ("pending_new", True), ("new", True), ("partial_fill", True), ("replaced", True),
        ("pending_new", False), ("new", False), ("canceled", False),
    ]  # fmt: skip
    assert (heard[2].qty, heard[2].price, heard[2].order.filled_qty) == (0.04, 50_000, "0.04")


def test_alpaca_py_hears_the_market(exchange):
    account = exchange.account()
    coins = CryptoDataStream(account.key, account.secret, url_override=exchange.urls["crypto"])
    stocks = StockDataStream(account.key, account.secret, url_override=exchange.urls["stocks"])
    heard = {"trades": [], "quotes": [], "books": [], "shares": []}

    def into(name):
        async def hear(message):
            heard[name].append(message)

        return hear

    coins.subscribe_trades(into("trades"), COIN)
    coins.subscribe_quotes(into("quotes"), COIN)
    coins.subscribe_orderbooks(into("books"), COIN)
    stocks.subscribe_trades(into("shares"), "*")
    with Listening(coins), Listening(stocks):
        until(lambda: all(len(messages) > 3 for messages in heard.values()))
    numbers = [trade.id for trade in heard["trades"]]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert abs(heard["trades"][-1].timestamp.timestamp() - time.time()) < PATIENCE
    assert [book.reset for book in heard["books"][:2]] == [True, False]
    assert all(0 < quote.bid_price < quote.ask_price for quote in heard["quotes"])
    assert {trade.symbol for trade in heard["shares"]} == {STOCK}


def of_ccxt(exchange, account, kind=ccxt):
    return exchange_clients.of_ccxt("alpaca", exchange, account, kind)


def test_ccxt_trades(exchange):
    account = exchange.account("trader", {"USD": 10_000})
    client = of_ccxt(exchange, account)
    precision = client.load_markets()[COIN]["precision"]
    assert (precision["price"], precision["amount"]) == (0.01, 0.0001)
    book = client.fetch_order_book(COIN)
    assert book["bids"][0][0] < book["asks"][0][0]
    assert client.fetch_ticker(COIN)["last"] == pytest.approx(60_000, rel=0.05)
    assert client.fetch_ohlcv(COIN, "1m")
    assert len(client.fetch_trades(COIN)) > 20
    assert abs(client.fetch_time() - time.time() * 1_000) < 5_000
    resting = client.create_order(COIN, "limit", "buy", 0.1, 40_000)
    assert resting["status"] == "open"
    changed = client.edit_order(resting["id"], COIN, "limit", "buy", 0.1, 41_000)
    assert [one["id"] for one in client.fetch_open_orders(COIN)] == [changed["id"]]
    client.cancel_order(changed["id"])
    assert client.fetch_order(changed["id"])["status"] == "canceled"
    bought = client.create_order(COIN, "market", "buy", 0.01)
    assert client.fetch_order(bought["id"])["status"] == "closed"
    trades = client.fetch_my_trades(COIN)
    assert sum(trade["amount"] for trade in trades) == pytest.approx(0.01)
    assert client.fetch_balance()["BTC"]["total"] == pytest.approx(0.01 * 0.9975)
    client.create_market_buy_order_with_cost(COIN, 100)
    with pytest.raises(ccxt.InsufficientFunds):
        client.create_order(COIN, "limit", "buy", 10, 60_000)
    with pytest.raises(ccxt.InsufficientFunds):
        client.create_order(COIN, "limit", "sell", 10, 60_000)
    with pytest.raises(ccxt.InvalidOrder):
        client.fetch_order("0d000000-0000-8000-8000-0000000000ff")
    with pytest.raises(ccxt.BadRequest):
        client.create_order(COIN, "limit", "buy", 0.1, 40_000, {"timeInForce": "FOK"})


def watched(client, watch):
    """What a client of `ccxt.pro` comes to."""

    async def run():
        try:
            async with asyncio.timeout(PATIENCE):
                await client.load_markets()
                return await watch(client)
        finally:
            await client.close()

    return asyncio.run(run())


def test_ccxt_watches_the_market(exchange):
    client = of_ccxt(exchange, exchange.account(), ccxt.pro)
    client.urls["api"]["ws"]["crypto"] = exchange.urls["crypto"]
    book = watched(client, lambda client: client.watch_order_book(COIN))
    assert book["bids"][0][0] < book["asks"][0][0]
    client = of_ccxt(exchange, exchange.account("other"), ccxt.pro)
    client.urls["api"]["ws"]["crypto"] = exchange.urls["crypto"]
    trades = watched(client, lambda client: client.watch_trades(COIN))
    assert trades[0]["side"] in {"buy", "sell"}


def test_ccxt_watches_its_orders(quiet):
    async def trade(client):
        watching = asyncio.create_task(client.watch_orders(COIN))
        while quiet.status()["messages_sent"] < 2:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.05)
        placed = await client.create_order(COIN, "limit", "buy", 0.01, 50_000)
        return placed, await watching

    placed, told = watched(of_ccxt(quiet, quiet.account(), ccxt.pro), trade)
    assert [(one["id"], one["status"]) for one in told] == [(placed["id"], "open")]


def test_a_recorder_has_the_trades_and_books_of_the_exchange(memory, monkeypatch):
    with LocalExchange([COIN], venue="alpaca", prices={COIN: 60_000}) as exchange:
        account = exchange.account()
        monkeypatch.setenv("RUSTONITE_ALPACA_CRYPTO_KEY", account.key)
        monkeypatch.setenv("RUSTONITE_ALPACA_CRYPTO_SECRET", account.secret)
        urls = f'public = "{exchange.urls["crypto"]}", rest = "{exchange.urls["rest"]}"'
        text = f'[[feed]]\nvenue = "alpaca-crypto"\nsymbols = ["{COIN}"]\nurls = {{ {urls} }}\n'
        with Recorder(text, lake=memory / "lake") as recorder:
            until(lambda: recorder.status()[0].books_live)
            coins = CryptoHistoricalDataClient(url_override=exchange.urls["rest"], raw_data=True)
            request = CryptoLatestOrderbookRequest(symbol_or_symbols=COIN)
            pictures = []
            for _ in range(40):
                pictures.append(coins.get_crypto_latest_orderbook(request)[COIN])
                time.sleep(0.04)
    lake = recorder.lake
    (found,) = lake.sql("select count(*), min(trade_id), max(trade_id) from trades").rows()
    assert 0 < found[0] == found[2] - found[1] + 1
    (ticks,) = lake.sql("select distinct tick_size::double from instruments").rows()
    assert ticks == (0.01,)
    for picture in pictures:
        at = int(np.datetime64(picture["t"].removesuffix("Z"), "ns").astype(np.int64))
        rows = lake.book_at(at, symbols=COIN).pl().to_dicts()
        for side in ("bid", "ask"):
            held = {row["price"]: row["size"] for row in rows if row["side"] == side}
            assert held == {level["p"]: level["s"] for level in picture[side[0]]}, picture["t"]
