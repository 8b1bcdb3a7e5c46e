"""What was recorded is the market of a local exchange, and other people's clients trade in it."""

import json
import time
from decimal import Decimal

import ccxt
import exchange_clients
import pyarrow as pa
import pytest
from click.testing import CliRunner
from exchange_clients import told, until

from rustonite_data import cli, schemas
from rustonite_data.errors import Invalid, NotFound
from rustonite_data.lake import Lake
from rustonite_exec import LocalExchange
from rustonite_exec.exchange import QUEUES
from rustonite_exec.exchange_config import ExchangeConfig

pytestmark = pytest.mark.filterwarnings("default")

SYMBOL, UNIFIED = "BTCUSDT", "BTC/USDT"
START = 1_767_312_000_000_000_000  # 2026-01-02
SECOND = 1_000_000_000
LAST, SNAPSHOT, GAP = 1, 2, 4
LONG_S = 120


def table(dataset, rows):
    """Rows of a dataset from dictionaries; times in seconds since the start."""
    kept = []
    for row in rows:
        at = START + round(row["at"] * SECOND)
        kept.append({"ts_event": at, "ts_recv": at, "venue": "binance", "symbol": SYMBOL,
                     "flags": LAST, **row})  # fmt: skip
    types = pa.schema(schemas.get(dataset))
    arrays = [pa.array([row.get(field.name) for row in kept], field.type) for field in types]
    return pa.table(arrays, schema=types)


def message(at, levels, flags=0):
    """A message of a book; a whole picture clears first."""
    rows = [{"action": "clear"}] if flags & SNAPSHOT else []
    rows += [
        {"action": "set" if size else "remove", "side": side, "price": price, "size": size}
        for side, price, size in levels
    ]
    return [{"at": at, "position": place, "seq": round(at * 10), "flags": flags, **row}
            for place, row in enumerate(rows)]  # fmt: skip


def rules(**of):
    """What everybody has to know of an instrument."""
    kept = {"at": 0, "kind": "spot", "multiplier": Decimal(1), "multiplier_asset": "BTC"}
    kept |= {"status": "trading", "tick_size": Decimal("0.1"), "lot_size": Decimal("0.001")}
    return table("instruments", [{**kept, **of}])


WHOLE = [("bid", 98.0, 3.0), ("bid", 99.0, 10.0), ("ask", 101.0, 10.0), ("ask", 102.0, 10.0)]


@pytest.fixture
def lake(memory):
    """Four are sold each second at the best bid, which is filled up again behind who is there."""
    made = Lake.create(memory / "lake")
    seconds = range(1, LONG_S)
    deltas = [*message(0, [("bid", 97.0, 1.0), ("ask", 105.0, 1.0)], SNAPSHOT),
              *message(0.1, WHOLE, SNAPSHOT), *message(0.2, [("bid", 98.0, 0.0)])]  # fmt: skip
    deltas += [row for at in seconds for row in message(at + 0.01, [("bid", 99.0, 10.0)])]
    made.append("book_deltas", table("book_deltas", deltas))
    trades = [
        {"at": at, "side": "sell", "price": 99.0, "size": 4.0, "trade_id": at} for at in seconds
    ]
    made.append("trades", table("trades", trades))
    made.append("instruments", rules())
    return made


def at(seconds):
    return START + round(seconds * SECOND)


def of_ccxt(exchange, account):
    options = {"fetchCurrencies": False, "fetchMargins": False, "fetchMarkets": {"types": ["spot"]}}
    client = exchange_clients.of_ccxt("binance", exchange, account, ccxt, **options)
    client.load_markets()
    return client


def replayed(exchange):
    return exchange.status()["replay"]


def begun(exchange):
    until(lambda: replayed(exchange)["at"])
    return exchange


def test_ccxt_sees_the_book_of_then_and_takes_it(lake):
    with LocalExchange(replay=lake, start=at(0.5), speed=1e-3) as exchange:
        begun(exchange)
        client = of_ccxt(exchange, exchange.account("me", {"USDT": 10_000}))
        market = client.market(UNIFIED)
        assert (market["precision"]["price"], market["precision"]["amount"]) == (0.1, 0.001)
        book = client.fetch_order_book(UNIFIED)
        assert (book["bids"], book["asks"]) == ([[99.0, 10.0]], [[101.0, 10.0], [102.0, 10.0]])
        order = client.create_order(UNIFIED, "market", "buy", 14)
        assert (order["filled"], order["cost"]) == (14, 10 * 101 + 4 * 102)
        assert client.fetch_order_book(UNIFIED)["asks"] == [[102.0, 6.0]]
        status = replayed(exchange)
        assert status["start"] == "2026-01-02T00:00:00.5Z"
        assert (status["ended"], status["lost"]) == (False, [])


def test_a_limit_order_at_the_touch_waits_for_those_ahead(lake):
    with LocalExchange([SYMBOL], replay=lake, speed=4) as exchange:
        client = of_ccxt(exchange, exchange.account("me", {"USDT": 10_000}))
        until(lambda: client.fetch_order_book(UNIFIED)["bids"])
        order = client.create_order(UNIFIED, "limit", "buy", 2, 99)
        done = until(lambda: client.fetch_closed_orders(UNIFIED))[0]
        assert (done["id"], done["average"]) == (order["id"], 99)
        (own,) = client.fetch_my_trades(UNIFIED)
        assert (own["takerOrMaker"], own["amount"]) == ("maker", 2)
        prints = told(exchange, f"/api/v3/trades?symbol={SYMBOL}&limit=1000")
        # Of the trade that reached it, the part of those ahead counts, too.
        ahead = [float(one["qty"]) for one in prints
                 if order["timestamp"] <= one["time"] <= own["timestamp"]
                 and one["id"] != int(own["id"])]  # fmt: skip
        assert sum(ahead) == 10, prints
        assert client.fetch_balance()["total"]["BTC"] == pytest.approx(2 * 0.999)
        assert client.fetch_ohlcv(UNIFIED, "1m")[-1][4] == 99


def test_after_the_end_it_answers_and_trades_no_more(lake):
    with LocalExchange(replay=lake, stop=at(2.5), speed=20) as exchange:
        client = of_ccxt(exchange, exchange.account("me", {"USDT": 10_000}))
        order = client.create_order(UNIFIED, "limit", "buy", 1, 50)
        until(lambda: replayed(exchange)["ended"])
        assert exchange.status()["instruments"][0]["halted"]
        with pytest.raises(ccxt.BaseError):
            client.create_order(UNIFIED, "limit", "buy", 1, 50)
        client.cancel_order(order["id"], UNIFIED)
        assert client.fetch_order_book(UNIFIED)["bids"] == [[99.0, 10.0]]
        # The last trade that was recorded before the end; nothing comes after it.
        assert exchange.status()["instruments"][0]["trades"] == 2


def test_a_gap_empties_the_book_until_the_next_picture(lake):
    gap = {"at": 3.5, "kind": "gap", "dataset": "book_deltas"}
    lake.append("feed_events", table("feed_events", [gap]))
    with LocalExchange(replay=lake, start=at(3), stop=at(6.5), speed=1) as exchange:
        until(lambda: replayed(exchange)["lost"] == [SYMBOL])
        assert exchange.status()["instruments"][0]["halted"]
        book = told(exchange, f"/api/v3/depth?symbol={SYMBOL}")
        assert (book["bids"], book["asks"]) == ([], [])
    lake.append("book_deltas", table("book_deltas", message(5.5, WHOLE, SNAPSHOT)))
    with LocalExchange(replay=lake, start=at(3), stop=at(6.5), speed=20) as exchange:
        until(lambda: replayed(exchange)["ended"])
        assert replayed(exchange)["lost"] == []
        assert len(told(exchange, f"/api/v3/depth?symbol={SYMBOL}")["bids"]) == 2
    # A start within what is lost does not know the book, either.
    with LocalExchange(replay=lake, start=at(4), stop=at(5), speed=1e-3) as exchange:
        until(lambda: replayed(exchange)["lost"] == [SYMBOL])


def test_a_state_goes_on_where_the_recording_was(lake, tmp_path):
    def run(**more):
        options = {"replay": lake, "stop": at(60), "state": tmp_path / "state", **more}
        return LocalExchange([SYMBOL], speed=4, **options)

    def trades(exchange):
        return exchange.status()["instruments"][0]["trades"]

    with run() as exchange:
        client = of_ccxt(exchange, exchange.account("me", {"USDT": 10_000}))
        order = client.create_order(UNIFIED, "limit", "buy", 1, 50)
        until(lambda: trades(exchange) > 3)
    with run() as exchange:
        before, seen = replayed(exchange)["at"], trades(exchange)
        assert seen > 3
        client = of_ccxt(exchange, exchange.account("me"))
        assert client.fetch_open_orders(UNIFIED)[0]["id"] == order["id"]
        until(lambda: trades(exchange) > seen + 2)
        assert replayed(exchange)["at"] > before
        prints = told(exchange, f"/api/v3/trades?symbol={SYMBOL}&limit=1000")
        assert [one["id"] for one in prints] == list(range(1, len(prints) + 1))
    with pytest.raises(Invalid, match="it was begun with a replay of"):
        run(stop=at(61))


@pytest.mark.parametrize("queue", QUEUES)
def test_who_leaves_a_queue_is_chosen_once(lake, tmp_path, queue):
    file = tmp_path / "exchange.toml"
    file.write_text(f'replay = "{lake.storage.root}"\nstate = "kept"\nqueue = "{queue}"\n')
    exchange, _ = ExchangeConfig.read(file).start()
    with exchange:
        assert replayed(exchange)["queue"] == queue
    other = QUEUES[QUEUES.index(queue) - 1]
    with pytest.raises(Invalid, match="it was begun with a replay of"):
        LocalExchange(replay=lake, state=tmp_path / "kept", queue=other)


def test_prints_of_one_moment_come_as_the_venue_numbered_them(lake):
    sweep = [
        {"at": 1.5, "side": "sell", "price": 99 - one / 10, "size": 1.0, "trade_id": 1000 - one}
        for one in (3, 1, 0, 2)
    ]
    lake.append("trades", table("trades", sweep))
    with LocalExchange(replay=lake, start=at(1.2), stop=at(1.8), speed=10) as exchange:
        until(lambda: replayed(exchange)["ended"])
        prints = told(exchange, f"/api/v3/trades?symbol={SYMBOL}")
        assert [float(one["price"]) for one in prints] == [98.7, 98.8, 98.9, 99.0]


def test_best_prices_and_trades_are_a_market_too(memory):
    made = Lake.create(memory / "stocks")
    quotes = [
        {"at": one, "venue": "alpaca-stocks", "symbol": "AAPL", "bid_price": 200.0 + one,
         "bid_size": 3.0, "ask_price": 201.0 + one, "ask_size": 2.0}
        for one in range(3)
    ]  # fmt: skip
    made.append("quotes", table("quotes", quotes))
    stock = {"venue": "alpaca-stocks", "symbol": "AAPL", "kind": "stock"}
    made.append("instruments", rules(**stock, tick_size=Decimal("0.01"), lot_size=Decimal(1)))
    with LocalExchange(venue="alpaca", replay=made, speed=10) as exchange:
        until(lambda: replayed(exchange)["ended"])
        (stock,) = exchange.status()["instruments"]
        assert (stock["bid"], stock["ask"]) == ("202.00", "203.00")


def test_marks_and_fundings_are_those_of_then(memory):
    made = Lake.create(memory / "perpetuals")
    here = {"venue": "binance-usdm"}
    whole = [{**row, **here} for row in message(0, WHOLE, SNAPSHOT)]
    made.append("book_deltas", table("book_deltas", whole))
    tickers = [
        {"at": one, **here, "mark_price": 100.0 + one, "funding_rate": [2e-4, 1e-4][one > 2],
         "ts_funding_next": at(2.5) if one < 3 else at(8 * 3600)}
        for one in range(1, 6)
    ]  # fmt: skip
    made.append("tickers", table("tickers", tickers))
    more = [{**row, **here} for row in message(6, WHOLE[:1])]
    made.append("book_deltas", table("book_deltas", more))
    made.append("instruments", rules(**here, kind="perpetual"))
    with LocalExchange(venue="binance-usdm", replay=made, speed=5) as exchange:
        until(lambda: replayed(exchange)["ended"])
        index = told(exchange, f"/fapi/v1/premiumIndex?symbol={SYMBOL}")
        assert (float(index["markPrice"]), float(index["lastFundingRate"])) == (105, 0.0001)
        assert index["nextFundingTime"] > time.time() * 1000 + 3600 * 1000
        (paid,) = told(exchange, f"/fapi/v1/fundingRate?symbol={SYMBOL}")
        assert float(paid["fundingRate"]) == 0.0002


def test_what_cannot_be_replayed_is_said(lake, memory):
    with pytest.raises(NotFound, match=r"no book of BTCUSD at binance; did you mean BTCUSDT\?"):
        LocalExchange(["BTCUSD"], replay=lake)
    with pytest.raises(NotFound, match="no book of binance-usdm: expected rows in one of book_d"):
        LocalExchange(venue="binance-usdm", replay=lake)
    with pytest.raises(NotFound):
        LocalExchange(replay=memory / "nowhere")
    with pytest.raises(Invalid, match="nothing to replay in that time; there is BTCUSDT from 2026"):
        LocalExchange(replay=lake, start="2027-01-01")
    with pytest.raises(Invalid, match="expected a time before"):
        LocalExchange(replay=lake, start=at(3), stop=at(3))
    with pytest.raises(Invalid, match="speed: found 0"):
        LocalExchange(replay=lake, speed=0)
    with pytest.raises(Invalid, match="prices: a replay has its own"):
        LocalExchange(replay=lake, prices={SYMBOL: 1})
    with pytest.raises(Invalid, match="queue: found front, expected one of behind, even, square"):
        LocalExchange(replay=lake, queue="front")
    with pytest.raises(Invalid, match=r"queue: found 'evn', expected one of .*did you mean even"):
        ExchangeConfig.parse('queue = "evn"')
    with pytest.raises(Invalid, match="expected a replay"):
        LocalExchange(start=at(3))
    unruled = Lake.create(memory / "unruled")
    unruled.append("book_deltas", table("book_deltas", message(0, WHOLE, SNAPSHOT)))
    with pytest.raises(NotFound, match="BTCUSDT: instruments has no row of it"):
        LocalExchange(replay=unruled)


def test_the_command_says_what_it_replays(lake):
    options = ["exchange", "binance", "--replay", lake.storage.root, "--speed", "50"]
    span = ["--from", "2026-01-02T00:00:01", "--to", "2026-01-02T00:00:20", "--for", "3s"]
    done = CliRunner().invoke(cli.main, [*options, *span])
    assert done.exit_code == 0, done.output
    text = "(book_deltas) from 2026-01-02T00:00:01Z to 2026-01-02T00:00:20Z at speed 50"
    assert text in done.stderr
    assert "binance: the replay is over; nothing is traded any more" in done.stderr
    done = CliRunner().invoke(cli.main, [*options, "--for", "0.1s", "--json", "--queue", "log"])
    first = json.loads(done.stdout.splitlines()[0])
    assert first["replay"]["queue"] == "log"
    assert first["replay"]["stop"] == "2026-01-02T00:01:59.010000001Z"
    for wrong in (["--seed", "3"], ["--alone"], ["--speed", "0"]):
        assert CliRunner().invoke(cli.main, [*options, *wrong]).exit_code == 2
