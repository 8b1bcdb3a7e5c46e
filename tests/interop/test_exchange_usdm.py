"""Other people's clients trade perpetuals on the local exchange as they do on Binance USD-M."""

import asyncio
import json
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

VENUE, SYMBOL, UNIFIED = "binance-usdm", "BTCUSDT", "BTC/USDT:USDT"


@pytest.fixture(autouse=True)
def _loop():
    with own_loop():
        yield


def call(exchange, path):
    return told(exchange, f"/fapi/v1/{path}")


@pytest.fixture
def exchange():
    with LocalExchange(SYMBOL, venue=VENUE, prices={SYMBOL: 60_000}) as exchange:
        until_deep(exchange, f"/fapi/v1/depth?symbol={SYMBOL}&limit=100", 0.1)
        yield exchange


@pytest.fixture
def quiet():
    with LocalExchange(SYMBOL, venue=VENUE, others=False) as exchange:
        yield exchange


def of_ccxt(exchange, account, kind=ccxt):
    options = {"fetchCurrencies": False, "fetchMargins": False}
    return exchange_clients.of_ccxt("binanceusdm", exchange, account, kind, **options)


def of_python_binance(exchange, account):
    client = binance.Client(account.key, account.secret, ping=False)
    client.FUTURES_URL = f"http://{exchange.address}/fapi"
    return client


def test_ccxt_reads_the_market(exchange):
    client = of_ccxt(exchange, exchange.account())
    market = client.load_markets()[UNIFIED]
    assert (market["type"], market["linear"], market["settle"]) == ("swap", True, "USDT")
    assert (market["precision"]["price"], market["precision"]["amount"]) == (0.01, 0.001)
    book = client.fetch_order_book(UNIFIED, 20)
    assert len(book["bids"]) == len(book["asks"]) == 20
    assert book["bids"][0][0] < book["asks"][0][0]
    # ccxt puts those of one millisecond in the order of letters: 10 before 9.
    numbers = sorted(int(trade["id"]) for trade in client.fetch_trades(UNIFIED))
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    (*_, bar) = client.fetch_ohlcv(UNIFIED, "1m")
    assert bar[3] <= bar[4] <= bar[2]
    funding = client.fetch_funding_rate(UNIFIED)
    assert funding["fundingRate"] == 0.0001
    assert funding["markPrice"] == pytest.approx(client.fetch_ticker(UNIFIED)["last"], rel=0.01)
    assert client.fetch_open_interest(UNIFIED)["openInterestAmount"] > 0
    tiers = client.fetch_leverage_tiers([UNIFIED])[UNIFIED]
    assert [(one["maxLeverage"], one["maxNotional"]) for one in tiers[:2]] == [
        (125, 50_000),
        (100, 600_000),
    ]
    assert [one["minNotional"] for one in tiers[1:]] == [one["maxNotional"] for one in tiers[:-1]]
    assert tiers[1]["maintenanceMarginRate"] == 0.005


def test_ccxt_meets_the_tiers(quiet):
    client = of_ccxt(quiet, quiet.account())
    client.load_markets()
    assert client.set_leverage(125, UNIFIED)["maxNotionalValue"] == "50000"
    with pytest.raises(ccxt.ExchangeError, match="-2027"):
        client.create_order(UNIFIED, "limit", "buy", 1.1, 50_000)
    assert client.fetch_open_orders(UNIFIED) == []
    assert client.create_order(UNIFIED, "limit", "buy", 0.9, 50_000)["status"] == "open"


def test_ccxt_trades(exchange):
    account = exchange.account("trader", {"USDT": 10_000})
    client = of_ccxt(exchange, account)
    client.load_markets()
    resting = client.create_order(UNIFIED, "limit", "buy", 0.01, 58_000)
    assert resting["status"] == "open"
    changed = client.edit_order(resting["id"], UNIFIED, "limit", "buy", 0.02, 58_100)
    assert (changed["id"], changed["amount"], changed["price"]) == (resting["id"], 0.02, 58_100)
    assert [one["id"] for one in client.fetch_open_orders(UNIFIED)] == [resting["id"]]
    assert client.fetch_balance()["USDT"]["used"] == pytest.approx(0.02 * 58_100 / 20)
    assert client.cancel_order(resting["id"], UNIFIED)["status"] == "canceled"
    assert client.set_leverage(5, UNIFIED)["leverage"] == 5
    assert client.fetch_leverage(UNIFIED)["longLeverage"] == 5
    bought = client.create_order(UNIFIED, "market", "buy", 0.01)
    assert (bought["status"], bought["filled"]) == ("closed", 0.01)
    (held,) = client.fetch_positions([UNIFIED])
    assert (held["side"], held["contracts"]) == ("long", 0.01)
    assert held["entryPrice"] == pytest.approx(bought["average"])
    assert held["initialMargin"] == pytest.approx(0.01 * held["markPrice"] / 5)
    sold = client.create_order(UNIFIED, "market", "sell", 0.01, None, {"reduceOnly": True})
    assert sold["status"] == "closed"
    assert client.fetch_positions([UNIFIED]) == []
    trades = client.fetch_my_trades(UNIFIED)
    assert {trade["fee"]["currency"] for trade in trades} == {"USDT"}
    fees = sum(trade["fee"]["cost"] for trade in trades)
    gained = sum(float(trade["info"]["realizedPnl"]) for trade in trades)
    total = client.fetch_balance()["USDT"]["total"]
    assert total == pytest.approx(10_000 + gained - fees, abs=1e-6)
    assert float(exchange.balance(account, "USDT")[0]) == pytest.approx(total, abs=1e-6)


def test_ccxt_meets_the_refusals_of_the_venue(exchange):
    client = of_ccxt(exchange, exchange.account("poor", {"USDT": 100}))
    client.load_markets()
    # It knows what most codes of futures mean by the host of the venue alone.
    with pytest.raises(ccxt.ExchangeError, match="-2019"):
        client.create_order(UNIFIED, "limit", "buy", 1, 60_000)
    with pytest.raises(ccxt.OrderNotFound):
        client.cancel_order("999999999", UNIFIED)
    with pytest.raises(ccxt.InvalidOrder, match="-5022"):
        client.create_order(UNIFIED, "limit", "buy", 0.001, 62_000, {"postOnly": True})
    with pytest.raises(ccxt.BadSymbol):
        client.create_order("NO/SUCH:USDT", "limit", "buy", 1, 1)
    placed = client.create_orders(
        [
            {"symbol": UNIFIED, "type": "limit", "side": "buy", "amount": 0.001, "price": price}
            for price in (58_000, 1_000)
        ]
    )
    assert sorted(one["status"] for one in placed) == ["open", "rejected"]


def test_ccxt_places_a_stop_and_sets_modes(exchange):
    client = of_ccxt(exchange, exchange.account())
    client.load_markets()
    client.create_order(UNIFIED, "market", "buy", 0.01)
    stop = {"stopLossPrice": 50_000, "reduceOnly": True}
    stop = client.create_order(UNIFIED, "market", "sell", 0.01, None, stop)
    assert (stop["status"], stop["triggerPrice"]) == ("open", 50_000)
    waiting = client.fetch_open_orders(UNIFIED, params={"trigger": True})
    assert [one["id"] for one in waiting] == [stop["id"]]
    assert client.fetch_open_orders(UNIFIED) == []
    client.cancel_order(stop["id"], UNIFIED, {"trigger": True})
    assert client.fetch_open_orders(UNIFIED, params={"trigger": True}) == []
    client.create_order(UNIFIED, "market", "sell", 0.01, None, {"reduceOnly": True})
    client.set_margin_mode("isolated", UNIFIED)
    assert client.fetch_margin_mode(UNIFIED)["marginMode"] == "isolated"
    client.set_position_mode(True)
    assert client.fetch_position_mode(UNIFIED)["hedged"] is True


def test_ccxt_watches_market_orders_and_positions(exchange):
    account = exchange.account()

    async def run():
        client = of_ccxt(exchange, account, ccxt.pro)
        try:
            async with asyncio.timeout(PATIENCE):
                await client.load_markets()
                book = await client.watch_order_book(UNIFIED)
                assert book["bids"][0][0] < book["asks"][0][0]
                assert (await client.watch_trades(UNIFIED))[-1]["price"] > 0
                assert (await client.watch_mark_price(UNIFIED))["markPrice"] > 0
                watching = asyncio.create_task(client.watch_orders(UNIFIED))
                await asyncio.sleep(1)
                placed = await client.create_order(UNIFIED, "limit", "buy", 0.01, 58_000)
                told = await watching
                watching = asyncio.create_task(client.watch_positions([UNIFIED]))
                await asyncio.sleep(1)
                await client.create_order(UNIFIED, "market", "buy", 0.01)
                held = await watching
                by_socket = await client.create_order_ws(UNIFIED, "limit", "buy", 0.01, 58_000)
                ended = await client.cancel_order_ws(by_socket["id"], UNIFIED)
                return placed, told, held, ended
        finally:
            await client.close()

    placed, told, held, ended = asyncio.run(run())
    assert [(one["id"], one["status"]) for one in told] == [(placed["id"], "open")]
    assert [(one["side"], one["contracts"]) for one in held] == [("long", 0.01)]
    assert ended["status"] == "canceled"


def test_python_binance_trades(exchange):
    client = of_python_binance(exchange, exchange.account("other", {"USDT": 10_000}))
    order = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    placed = client.futures_create_order(**order, quantity="0.010", price="58000.00")
    number = {"symbol": SYMBOL, "orderId": placed["orderId"]}
    changed = client.futures_modify_order(**number, side="BUY", quantity="0.020", price="58100.00")
    assert changed["price"] == "58100.00"
    assert client.futures_get_order(**number)["origQty"] == "0.020"
    assert client.futures_cancel_order(**number)["status"] == "CANCELED"
    market = {"symbol": SYMBOL, "type": "MARKET", "newOrderRespType": "RESULT"}
    bought = client.futures_create_order(**market, side="BUY", quantity="0.010")
    assert bought["status"] == "FILLED"
    (held,) = client.futures_position_information(symbol=SYMBOL)
    assert held["positionAmt"] == "0.010"
    assert Decimal(held["notional"]) == Decimal("0.010") * Decimal(held["markPrice"])
    paid = Decimal(client.futures_account_trades(symbol=SYMBOL)[-1]["commission"])
    (balance,) = client.futures_account_balance()
    assert Decimal(balance["balance"]) <= 10_000 - paid
    stop = {"symbol": SYMBOL, "side": "SELL", "type": "STOP_MARKET", "stopPrice": "50000"}
    stop = client.futures_create_order(**stop, closePosition="true")
    assert stop["algoStatus"] == "NEW"
    client.futures_cancel_order(symbol=SYMBOL, algoId=stop["algoId"])
    assert client.futures_change_leverage(symbol=SYMBOL, leverage=9)["leverage"] == 9
    (batched,) = client.futures_place_batch_order(
        batchOrders=[{**order, "quantity": "0.010", "price": "58000.00"}]
    )
    assert batched["status"] == "NEW"
    client.futures_countdown_cancel_all(symbol=SYMBOL, countdownTime=200)
    end = time.monotonic() + PATIENCE
    while client.futures_get_open_orders(symbol=SYMBOL):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_clients_ask_for_candles_of_marks_fundings_and_changes(exchange):
    account = exchange.account("asking", {"USDT": 10_000})
    client = of_ccxt(exchange, account)
    client.load_markets()
    end = time.monotonic() + PATIENCE
    for price in ("mark", "index"):
        # The first of them is there a second after the start.
        while not (bars := client.fetch_ohlcv(UNIFIED, "1m", params={"price": price})):
            assert time.monotonic() < end
            time.sleep(0.1)
        assert 0 < bars[-1][3] <= bars[-1][4] <= bars[-1][2]
    assert client.fetch_funding_intervals([UNIFIED])[UNIFIED]["interval"] == "8h"
    client.set_margin_mode("isolated", UNIFIED)
    client.create_order(UNIFIED, "market", "buy", 0.01)
    client.add_margin(UNIFIED, 12.5)
    (moved,) = client.fetch_margin_adjustment_history(UNIFIED)
    assert (moved["type"], moved["amount"]) == ("add", 12.5)
    other = of_python_binance(exchange, account)
    pair = {"pair": SYMBOL, "interval": "1m"}
    assert other.futures_continuous_klines(**pair, contractType="PERPETUAL")
    order = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    placed = other.futures_create_order(**order, quantity="0.010", price="58000.00")
    number = {"symbol": SYMBOL, "orderId": placed["orderId"]}
    other.futures_modify_order(**number, side="BUY", quantity="0.020", price="58100.00")
    (change,) = other.futures_v1_get_order_amendment(**number)
    assert change["amendment"]["price"] == {"before": "58000.00", "after": "58100.00"}
    with pytest.raises(BinanceAPIException) as refused:
        other.futures_change_multi_assets_mode(multiAssetsMargin=True)
    assert refused.value.code == -4170


def test_python_binance_hears_its_own_orders(quiet):
    account = quiet.account()

    async def run():
        client = binance.AsyncClient(account.key, account.secret)
        client.FUTURES_URL = f"http://{quiet.address}/fapi"
        sockets = binance.BinanceSocketManager(client)
        sockets.FSTREAM_URL = f"ws://{quiet.address}/"
        order = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
        order |= {"quantity": "0.010", "price": "58000.00"}
        try:
            async with asyncio.timeout(PATIENCE), sockets.futures_user_socket() as socket:
                await asyncio.sleep(0.5)
                placed = [await client.futures_create_order(**order) for _ in range(2)]
                told = [await socket.recv() for _ in placed]
                # It waits ten seconds for a last word before it leaves.
                asyncio.get_running_loop().call_later(0.2, quiet.fault, "drop_user_stream")
                return placed, told
        finally:
            await client.close_connection()

    placed, told = asyncio.run(run())
    assert [one["o"]["i"] for one in told] == [one["orderId"] for one in placed]
    assert {(one["e"], one["o"]["X"]) for one in told} == {("ORDER_TRADE_UPDATE", "NEW")}


def test_ccxt_sees_how_a_position_ends(quiet):
    client, other = (
        of_ccxt(quiet, quiet.account(name, {"USDT": 1_000}, maker=0, taker=0)) for name in "ab"
    )
    client.load_markets()
    other.create_order(UNIFIED, "limit", "sell", 0.1, 60_000)
    client.create_order(UNIFIED, "limit", "buy", 0.1, 60_000)
    other.create_order(UNIFIED, "limit", "buy", 0.1, 58_000)
    quiet.set_mark(SYMBOL, 50_240)
    (held,) = client.fetch_positions([UNIFIED])
    assert held["unrealizedPnl"] == -976
    quiet.set_mark(SYMBOL, 50_200)
    assert client.fetch_positions([UNIFIED]) == []
    assert client.fetch_balance()["USDT"]["total"] == 800
    assert client.fetch_my_liquidations(UNIFIED)[0]["side"] == "sell"


@pytest.mark.parametrize(
    ("order", "code"),
    [
        ({"quantity": "0.010", "price": "50000.001"}, -1111),
        ({"quantity": "0.0001", "price": "50000"}, -1111),
        ({"quantity": "100", "price": "50000"}, -2019),
        ({"quantity": "x", "price": "50000"}, -1100),
        ({"quantity": "1", "price": "50000", "reduceOnly": "true"}, -2022),
        ({"quantity": "1", "price": "50000", "positionSide": "LONG"}, -4061),
        ({"symbol": "NOSUCH", "quantity": "1", "price": "1"}, -1121),
    ],
)
def test_refusals_are_those_of_the_venue(quiet, order, code):
    client = of_python_binance(quiet, quiet.account())
    usual = {"symbol": SYMBOL, "side": "BUY", "timeInForce": "GTC"}
    with pytest.raises(BinanceAPIException) as refused:
        client.futures_limit_order(**usual | order)
    assert refused.value.code == code
    assert quiet.status()["accounts"][-1]["open_orders"] == 0


def test_a_wrong_secret_and_a_late_call(quiet):
    account = quiet.account()
    wrong = binance.Client(account.key, "not the secret", ping=False)
    wrong.FUTURES_URL = f"http://{quiet.address}/fapi"
    with pytest.raises(BinanceAPIException) as refused:
        wrong.futures_account()
    assert refused.value.code == -1022
    late = of_python_binance(quiet, account)
    late.timestamp_offset = -60_000
    with pytest.raises(BinanceAPIException) as refused:
        late.futures_account()
    assert refused.value.code == -1021


DATASETS = ["trades", "quotes", "book_deltas", "book_snapshots", "tickers", "bars", "instruments"]


def depth(exchange):
    """Number of the last change, and each side's prices and sizes."""
    book = call(exchange, f"depth?symbol={SYMBOL}&limit=1000")
    levels = lambda side: {float(price): float(size) for price, size in book[side]}  # noqa: E731
    return book["lastUpdateId"], {"bid": levels("bids"), "ask": levels("asks")}


def traded(exchange):
    """Trades so far."""
    return exchange.status()["instruments"][0]["trades"]


def test_a_recorder_has_the_trades_books_and_marks_of_the_exchange(memory):
    # Few changes, so that a message of the stream often ends where a picture by REST does.
    with LocalExchange(SYMBOL, venue=VENUE, speed=0.2) as exchange:
        names = ("public", "market", "rest")
        urls = ", ".join(f'{name} = "{exchange.urls[name]}"' for name in names)
        text = f'[[feed]]\nvenue = "{VENUE}"\nsymbols = ["{SYMBOL}"]\nurls = {{ {urls} }}\n'
        text += f"datasets = {json.dumps(DATASETS)}\n"
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
            (status,) = recorder.status()
        trades = traded(exchange)
    assert (status.malformed, status.unknown, status.gaps) == (0, 0, 0)
    lake = recorder.lake
    (found,) = lake.sql(
        "select count(*), min(trade_id), max(trade_id) from trades where trade_id is not null"
    ).rows()
    assert found[0] == found[2] - found[1] + 1
    assert found[2] <= trades
    (marks,) = lake.sql("select count(*), min(mark_price) from tickers").rows()
    assert marks[0] > 0
    assert marks[1] > 0
    for dataset in DATASETS:
        assert lake.scan(dataset).collect().height > 0, dataset
    query = "select seq, epoch_ns(max(ts_recv)) from book_deltas where seq is not null group by 1"
    received = dict(lake.sql(query).rows())
    checked = sorted(pictures.keys() & received.keys())
    assert len(checked) > 3, "no picture was taken between two messages"
    for number in checked:
        rows = lake.book_at(received[number] + 1, symbols=SYMBOL, time="ts_recv").pl().to_dicts()
        for side, levels in pictures[number].items():
            held = {row["price"]: row["size"] for row in rows if row["side"] == side}
            assert held == levels, f"{number} {side}"
