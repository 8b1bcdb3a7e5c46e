"""Other people's clients trade on the local exchange as they trade on the venue."""

import asyncio
import time
import warnings
from decimal import Decimal

import ccxt
import ccxt.pro
import exchange_clients
import pytest
from exchange_clients import PATIENCE, own_loop, told, until_deep

from rustonite_data.record import Recorder
from rustonite_exec import LocalExchange

with warnings.catch_warnings():
    # It uses what its WebSocket library has given up.
    warnings.simplefilter("ignore")
    import binance
    from binance.exceptions import BinanceAPIException

# Libraries leave sockets to the garbage collector.
pytestmark = pytest.mark.filterwarnings("default")

SYMBOL, UNIFIED = "BTCUSDT", "BTC/USDT"


@pytest.fixture(autouse=True)
def _loop():
    with own_loop():
        yield


@pytest.fixture
def exchange():
    with LocalExchange([SYMBOL, "ETHUSDT"], prices={SYMBOL: 60_000}) as exchange:
        until_deep(exchange, f"/api/v3/depth?symbol={SYMBOL}&limit=100", 0.03)
        yield exchange


@pytest.fixture
def quiet():
    with LocalExchange([SYMBOL], others=False) as exchange:
        yield exchange


def of_ccxt(exchange, account, kind=ccxt):
    options = {"fetchCurrencies": False, "fetchMargins": False, "fetchMarkets": {"types": ["spot"]}}
    return exchange_clients.of_ccxt("binance", exchange, account, kind, **options)


def of_python_binance(exchange, account):
    client = binance.Client(account.key, account.secret, ping=False)
    client.API_URL = f"http://{exchange.address}/api"
    return client


def test_ccxt_reads_the_market(exchange):
    client = of_ccxt(exchange, exchange.account())
    market = client.load_markets()[UNIFIED]
    assert (market["precision"]["price"], market["precision"]["amount"]) == (0.01, 1e-5)
    book = client.fetch_order_book(UNIFIED, 20)
    assert len(book["bids"]) == len(book["asks"]) == 20
    assert book["bids"][0][0] < book["asks"][0][0]
    trades = client.fetch_trades(UNIFIED)
    # ccxt puts those of one millisecond in the order of letters: 10 before 9.
    numbers = sorted(int(trade["id"]) for trade in trades)
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    (*_, bar) = client.fetch_ohlcv(UNIFIED, "1m")
    assert bar[3] <= bar[4] <= bar[2]
    assert book["bids"][-1][0] * 0.9 < client.fetch_ticker(UNIFIED)["last"]


def test_ccxt_trades_with_latency(quiet):
    quiet.latency({"all": {"least": "5ms", "largest": "40ms"}, "place": "150ms", "seed": 4})
    account = quiet.account("late", {"USDT": 10_000})
    client = of_ccxt(quiet, account)
    client.load_markets()
    began = time.monotonic()
    resting = client.create_order(UNIFIED, "limit", "buy", 0.01, 50_000)
    assert time.monotonic() - began >= 0.15
    assert [one["id"] for one in client.fetch_open_orders(UNIFIED)] == [resting["id"]]
    assert client.cancel_order(resting["id"], UNIFIED)["status"] == "canceled"
    quiet.latency(None)
    assert client.fetch_open_orders(UNIFIED) == []


def test_ccxt_trades(exchange):
    account = exchange.account("trader", {"USDT": 10_000})
    client = of_ccxt(exchange, account)
    client.load_markets()
    resting = client.create_order(UNIFIED, "limit", "buy", 0.01, 50_000)
    assert resting["status"] == "open"
    assert exchange.balance(account, "USDT") == (Decimal(9_500), Decimal(500))
    changed = client.edit_order(resting["id"], UNIFIED, "limit", "buy", 0.01, 51_000)
    assert [one["id"] for one in client.fetch_open_orders(UNIFIED)] == [changed["id"]]
    assert client.fetch_balance()["used"]["USDT"] == 510
    assert client.cancel_order(changed["id"], UNIFIED)["status"] == "canceled"
    assert client.fetch_open_orders(UNIFIED) == []
    bought = client.create_order(UNIFIED, "market", "buy", 0.01)
    assert (bought["status"], bought["filled"]) == ("closed", 0.01)
    trades = client.fetch_my_trades(UNIFIED)
    assert sum(trade["amount"] for trade in trades) == pytest.approx(0.01)
    fees = {trade["fee"]["currency"] for trade in trades}
    assert fees == {"BTC"}
    assert client.fetch_balance()["total"]["BTC"] == pytest.approx(0.01 * 0.999)
    paid = sum(trade["cost"] for trade in trades)
    assert client.fetch_balance()["total"]["USDT"] == pytest.approx(10_000 - paid)
    with pytest.raises(ccxt.InsufficientFunds):
        client.create_order(UNIFIED, "limit", "buy", 10, 60_000)
    with pytest.raises(ccxt.OrderNotFound):
        client.cancel_order(resting["id"], UNIFIED)
    with pytest.raises(ccxt.BadSymbol):
        client.create_order("NO/SUCH", "limit", "buy", 1, 1)


def test_ccxt_watches_its_own_orders(quiet):
    account = quiet.account()

    async def run():
        client = of_ccxt(quiet, account, ccxt.pro)
        try:
            async with asyncio.timeout(PATIENCE):
                await client.load_markets()
                watching = asyncio.create_task(client.watch_orders(UNIFIED))
                while not quiet.status()["connections"]:  # noqa: ASYNC110 - nothing tells
                    await asyncio.sleep(0.05)
                await asyncio.sleep(0.3)
                placed = await client.create_order(UNIFIED, "limit", "buy", 0.01, 50_000)
                told = await watching
                return placed, told
        finally:
            await client.close()

    placed, told = asyncio.run(run())
    assert [(one["id"], one["status"]) for one in told] == [(placed["id"], "open")]


def test_python_binance_trades(exchange):
    client = of_python_binance(exchange, exchange.account("other", {"USDT": 10_000, "BTC": 1}))
    assert abs(client.get_server_time()["serverTime"] - time.time() * 1000) < 5_000
    (filters,) = [
        {one["filterType"]: one for one in symbol["filters"]}
        for symbol in client.get_exchange_info()["symbols"]
        if symbol["symbol"] == SYMBOL
    ]
    assert filters["PRICE_FILTER"]["tickSize"] == "0.01000000"
    order = client.order_limit_sell(symbol=SYMBOL, quantity="0.01", price="70000.00")
    assert client.get_order(symbol=SYMBOL, orderId=order["orderId"])["status"] == "NEW"
    assert client.cancel_order(symbol=SYMBOL, orderId=order["orderId"])["status"] == "CANCELED"
    sold = client.order_market_sell(symbol=SYMBOL, quantity="0.01")
    assert sold["status"] == "FILLED"
    assert sum(Decimal(fill["qty"]) for fill in sold["fills"]) == Decimal("0.01")
    assert Decimal(client.get_asset_balance("BTC")["free"]) == Decimal("0.99")


def test_clients_ask_for_fees_lists_changes_and_the_day(quiet):
    account = quiet.account("asking", {"USDT": 10_000, "BTC": 1})
    client = of_ccxt(quiet, account)
    client.load_markets()
    assert client.fetch_status()["status"] == "ok"
    fee = client.fetch_trading_fee(UNIFIED)
    assert (fee["maker"], fee["taker"]) == (0.001, 0.001)
    other = of_python_binance(quiet, account)
    order = other.order_limit_buy(symbol=SYMBOL, quantity="0.02", price="50000.00")
    named = {"symbol": SYMBOL, "orderId": order["orderId"]}
    # Neither has a method for these.
    client.request("order/amend/keepPriority", ["private"], "PUT", {**named, "newQty": "0.01"})
    (change,) = client.request("order/amendments", ["private"], "GET", named)
    assert (change["origQty"], change["newQty"]) == ("0.02000000", "0.01000000")
    seller = of_python_binance(quiet, quiet.account("seller", {"BTC": 1}))
    seller.order_limit_sell(symbol=SYMBOL, quantity="0.01", price="50000.00")
    day = other.v3_get_ticker_trading_day(symbol=SYMBOL)
    assert (day["lastPrice"], day["count"]) == ("50000.00000000", 1)
    pair = {"symbol": SYMBOL, "side": "SELL", "quantity": "0.01", "aboveType": "LIMIT_MAKER",
            "abovePrice": "70000", "belowType": "STOP_LOSS", "belowStopPrice": "40000"}  # fmt: skip
    placed = other.create_oco_order(**pair)
    found = other.v3_get_order_list(orderListId=placed["orderListId"])
    assert found["orders"] == placed["orders"]
    assert other.v3_get_all_order_list() == [found]


@pytest.mark.parametrize(
    ("order", "code"),
    [
        ({"quantity": "0.01", "price": "50000.001"}, -1013),
        ({"quantity": "0.000001", "price": "50000"}, -1013),
        ({"quantity": "0.00001", "price": "50000"}, -1013),
        ({"quantity": "100", "price": "50000"}, -2010),
        ({"quantity": "x", "price": "50000"}, -1100),
        ({"symbol": "NOSUCH", "quantity": "1", "price": "1"}, -1121),
    ],
)
def test_refusals_are_those_of_the_venue(quiet, order, code):
    client = of_python_binance(quiet, quiet.account())
    with pytest.raises(BinanceAPIException) as refused:
        client.order_limit_buy(**{"symbol": SYMBOL, **order})
    assert refused.value.code == code
    assert quiet.status()["accounts"][-1]["open_orders"] == 0


def test_a_wrong_secret_and_a_late_call(quiet):
    account = quiet.account()
    wrong = binance.Client(account.key, "not the secret", ping=False)
    wrong.API_URL = f"http://{quiet.address}/api"
    with pytest.raises(BinanceAPIException) as refused:
        wrong.get_account()
    assert refused.value.code == -1022
    late = of_python_binance(quiet, account)
    late.timestamp_offset = -60_000
    with pytest.raises(BinanceAPIException) as refused:
        late.get_account()
    assert refused.value.code == -1021


def depth(exchange):
    """Number of the last change, and each side's prices and sizes."""
    book = told(exchange, f"/api/v3/depth?symbol={SYMBOL}&limit=1000")
    levels = lambda side: {float(price): float(size) for price, size in book[side]}  # noqa: E731
    return book["lastUpdateId"], {"bid": levels("bids"), "ask": levels("asks")}


def traded(exchange):
    """Trades so far."""
    return exchange.status()["instruments"][0]["trades"]


def test_a_recorder_has_the_trades_and_books_of_the_exchange(memory):
    # Few changes, so that a message of the stream often ends where a picture by REST does.
    with LocalExchange([SYMBOL], speed=0.2) as exchange:
        urls = ", ".join(f'{name} = "{exchange.urls[name]}"' for name in ("public", "rest"))
        text = f'[[feed]]\nvenue = "binance"\nsymbols = ["{SYMBOL}"]\nurls = {{ {urls} }}\n'
        with Recorder(text, lake=memory / "lake") as recorder:
            end = time.monotonic() + PATIENCE
            while recorder.status()[0].books_live == 0:
                assert time.monotonic() < end, recorder.status()
                time.sleep(0.05)
            before = traded(exchange)
            while traded(exchange) == before:
                assert time.monotonic() < end, "others do not trade"
                time.sleep(0.05)
            pictures = {}
            for _ in range(80):
                number, book = depth(exchange)
                pictures[number] = book
                time.sleep(0.04)
        trades = traded(exchange)
    lake = recorder.lake
    (found,) = lake.sql("select count(*), min(trade_id), max(trade_id) from trades").rows()
    assert found[0] == found[2] - found[1] + 1
    assert found[2] <= trades
    query = "select seq, epoch_ns(max(ts_recv)) from book_deltas where seq is not null group by 1"
    received = dict(lake.sql(query).rows())
    checked = sorted(pictures.keys() & received.keys())
    assert len(checked) > 3, "no picture was taken between two messages"
    for number in checked:
        rows = lake.book_at(received[number] + 1, symbols=SYMBOL, time="ts_recv").pl().to_dicts()
        for side, levels in pictures[number].items():
            held = {row["price"]: row["size"] for row in rows if row["side"] == side}
            assert held == levels, f"{number} {side}"
