"""Importers of Binance's archive, LOBSTER and hftbacktest recordings."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imports_helpers import archive, collect, read, rows, write

from rustonite_data import errors
from rustonite_data.lake.imports import open_source
from rustonite_data.lake.imports.order_sizes import OrderSizes, Places

LAST = 1
MS = 1_700_000_000_123


@pytest.mark.usefixtures("chunks")
class TestBinance:
    @pytest.mark.parametrize("header", [True, False])
    @pytest.mark.parametrize(("factor", "ns"), [(1, 1_000_000), (1000, 1000)])
    def test_aggregated_trades(self, tmp_path, *, header, factor, ns):
        head = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,"
        head += "transact_time,is_buyer_maker\n"
        lines = f"26129,0.01633102,4.70443515,27781,27783,{MS * factor},true\n"
        lines += f"26130,0.01633103,1,27784,27784,{MS * factor + 1},false\n"
        path = tmp_path / "BTCUSDT-aggTrades-2024-01-01.zip"
        archive(path, **{"BTCUSDT-aggTrades-2024-01-01__csv": head * header + lines})
        got = read(path, venue="binance-usdm")
        names = ("ts_event", "ts_recv", "symbol", "price", "size", "side", "trade_id", "count")
        first, second = MS * 1_000_000, MS * 1_000_000 + ns
        assert rows(got, "trades", *names) == [
            (first, first, "BTCUSDT", 0.01633102, 4.70443515, "sell", 26129, 3),
            (second, second, "BTCUSDT", 0.01633103, 1.0, "buy", 26130, 1),
        ]
        assert rows(got, "trades", "venue", "flags") == [("binance-usdm", LAST)] * 2

    def test_spot_trades_with_the_last_column(self, tmp_path):
        folder = tmp_path / "data" / "spot" / "daily" / "trades"
        folder.mkdir(parents=True)
        path = write(
            folder / "BTCUSDT-trades-2024-01.csv", f"51,17.8018,5.69,101.2,{MS},True,True\n"
        )
        got = read(path)
        assert rows(got, "trades", "venue", "symbol", "side", "trade_id", "size") == [
            ("binance", "BTCUSDT", "sell", 51, 5.69)
        ]

    def test_the_market_is_found_or_asked_for(self, tmp_path):
        line = f"28457,9635.0,1,0.01037883,{MS},true\n"
        coin = write(tmp_path / "BTCUSD_PERP-trades-2024-01-01.csv", line)
        assert rows(read(coin), "trades", "venue") == [("binance-coinm",)]
        unknown = write(tmp_path / "BTCUSDT-trades-2024-01-01.csv", line)
        with pytest.raises(errors.Invalid, match="venue is needed: one of binance, binance-usdm"):
            open_source(unknown)
        with pytest.raises(errors.Invalid, match="expected a name like BTCUSDT-aggTrades"):
            open_source(write(tmp_path / "renamed.csv", line), "binance")

    def test_candles(self, tmp_path):
        start = 1_704_067_200_000
        line = f"{start},1,3,0.5,2,10,{start + 59_999},20,4,6,12,0\n"
        path = write(tmp_path / "BTCUSDT-1m-2024-01-01.csv", line)
        got = read(path, venue="binance")
        names = ("ts_open", "ts_close", "ts_event", "interval", "kind", "price_source", "source")
        end = (start + 60_000) * 1_000_000
        assert rows(got, "bars", *names) == [
            (start * 1_000_000, end, end, "1m", "time", "trade", "venue")
        ]
        names = ("open", "high", "low", "close", "volume", "turnover", "count", "buy_volume")
        assert rows(got, "bars", *names, "buy_turnover", "is_final", "revision") == [
            (1.0, 3.0, 0.5, 2.0, 10.0, 20.0, 4, 6.0, 12.0, 1, 0)
        ]
        # Microseconds since 2025, and a month by both of its names.
        us = f"{start * 1000},1,3,0.5,2,10,{start * 1000 + 59_999_999},20,4,6,12,0\n"
        got = read(write(tmp_path / "BTCUSDT-1M-2025-01.csv", us), venue="binance")
        assert rows(got, "bars", "ts_close", "interval") == [(end, "1mo")]

    def test_candles_of_coin_m_and_of_the_mark_price(self, tmp_path):
        start = 1_704_067_200_000
        line = f"{start},1,3,0.5,2,10,{start + 59_999},20,4,6,12,0\n"
        got = read(write(tmp_path / "BTCUSD_PERP-1m-2024-01-01.csv", line))
        assert rows(got, "bars", "volume", "turnover", "buy_turnover") == [(10.0, None, None)]
        folder = tmp_path / "futures" / "um" / "markPriceKlines"
        folder.mkdir(parents=True)
        got = read(write(folder / "BTCUSDT-1m-2024-01-01.csv", line))
        assert rows(got, "bars", "venue", "price_source", "volume", "count") == [
            ("binance-usdm", "mark", None, None)
        ]

    def test_best_bid_and_ask(self, tmp_path):
        head = "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,"
        head += "transaction_time,event_time\n"
        lines = f"9001,49999.9,1.5,50000.1,2.0,{MS},{MS + 2}\n9002,0,0,50000.1,2.0,{MS},{MS + 2}\n"
        got = read(
            write(tmp_path / "BTCUSDT-bookTicker-2024-01-01.csv", head + lines),
            venue="binance-usdm",
        )
        names = ("ts_event", "ts_recv", "bid_price", "bid_size", "ask_price", "ask_size", "seq")
        at = (MS * 1_000_000, (MS + 2) * 1_000_000)
        assert rows(got, "quotes", *names) == [
            (*at, 49999.9, 1.5, 50000.1, 2.0, 9001),
            (*at, None, None, 50000.1, 2.0, 9002),
        ]

    def test_what_is_wrong_is_named(self, tmp_path):
        path = tmp_path / "BTCUSDT-trades-2024-01-01.csv"
        with pytest.raises(errors.Invalid, match="line 1: column 'cost', expected 'price'"):
            read(write(path, "id,cost,qty,quote_qty,time,is_buyer_maker\n"), venue="binance")
        with pytest.raises(errors.Invalid, match="line 1: 3 cells, expected 7"):
            read(write(path, "1,2,3\n"), venue="binance")
        with pytest.raises(errors.Invalid, match="line 2, column 'side': 'maybe', expected one of"):
            read(write(path, f"1,2,3,6,{MS},true\n1,2,3,6,{MS},maybe\n"), venue="binance")
        with pytest.raises(
            errors.Invalid, match="column 'time': '1700000000', expected milliseconds"
        ):
            read(write(path, "1,2,3,6,1700000000,true\n"), venue="binance")
        head = "id,price,qty,quote_qty,time,is_buyer_maker,is_best_match,mood\n"
        more = write(path, head + f"1,2,3,6,{MS},true,true,good\n")
        with pytest.raises(errors.Invalid, match="'mood' has no place"):
            read(more, venue="binance")
        assert rows(read(more, venue="binance", extra="keep"), "trades", "mood") == [("good",)]
        assert read(write(path, head), venue="binance", extra="drop") == {}


MESSAGES = """\
34200.000000001,1,11,100,5853300,1
34200.5,2,11,30,5853300,1
34200.5,4,11,50,5853300,1
34200.75,3,11,20,5853300,1
34201,4,22,5,5860000,-1
34202,5,0,7,5855000,-1
34203,6,-1,9,5855000,-1
34204,7,0,0,-1,-1
34205,7,0,0,1,-1
34206,2,33,1,5850000,1
"""
LOBSTER = "AAPL_2012-06-21_34200000_57600000_{}_2.csv"


@pytest.mark.usefixtures("chunks")
class TestLobster:
    @pytest.fixture
    def messages(self, tmp_path):
        return write(tmp_path / LOBSTER.format("message"), MESSAGES.replace(",-1,9", ",0,9"))

    def test_messages(self, messages):
        got = read(messages)
        names = ("action", "side", "order_id", "price", "size", "size_filled")
        assert rows(got, "book_orders", *names) == [
            ("add", "bid", 11, 585.33, 100.0, None),
            ("modify", "bid", 11, 585.33, 70.0, None),
            ("fill", "bid", 11, 585.33, 20.0, 50.0),
            ("remove", "bid", 11, 585.33, 0.0, None),
            # What was in the book before the file began is not known.
            ("fill", "ask", 22, 586.0, None, 5.0),
            ("hidden_fill", "ask", None, 585.5, None, 7.0),
            ("modify", "bid", 33, 585.0, None, None),
        ]
        assert rows(got, "trades", "price", "size", "side", "conditions") == [
            (585.33, 50.0, "sell", None),
            (586.0, 5.0, "buy", None),
            (585.5, 7.0, "buy", "hidden"),
            (585.5, 9.0, "unknown", "cross"),
        ]
        assert rows(got, "tickers", "status", "status_raw") == [("halted", "-1"), ("trading", "1")]

    def test_times_are_exact_and_of_new_york(self, messages):
        first, second, *_ = rows(read(messages), "book_orders", "ts_event", "ts_recv", "venue")
        opening = datetime(2012, 6, 21, 9, 30, tzinfo=ZoneInfo("America/New_York"))
        at = int(opening.timestamp()) * 10**9
        assert first == (at + 1, at + 1, "nasdaq")
        assert second[0] == at + 500_000_000
        got = read(messages, options={"time_zone": "UTC"}, venue="v", dataset="trades")
        assert list(got) == ["trades"]
        opening = datetime(2012, 6, 21, 9, 30, tzinfo=UTC)
        assert rows(got, "trades", "ts_event", "venue")[0] == (
            int(opening.timestamp()) * 10**9 + 500_000_000,
            "v",
        )

    def test_books(self, tmp_path, messages):
        pictures = ["101,1,99,2,102,3,98,4"] * 4
        pictures += ["101,1,-9999999999,0,9999999999,0,-9999999999,0"] * 2
        pictures += ["101,5,99,2,102,3,98,4"] * 4
        path = write(tmp_path / LOBSTER.format("orderbook"), "\n".join(pictures) + "\n")
        got = read(path)
        names = ("bid_price", "bid_size", "ask_price", "ask_size")
        books = rows(got, "book_snapshots", *names)
        assert books[0] == ([0.0099, 0.0098], [2.0, 4.0], [0.0101, 0.0102], [1.0, 3.0])
        assert books[4] == ([], [], [0.0101], [1.0])
        assert len(books) == 10
        times = rows(read(messages), "book_orders", "ts_event")
        assert rows(got, "book_snapshots", "ts_event")[:4] == times[:4]
        assert rows(got, "quotes", *names) == [
            (0.0099, 2.0, 0.0101, 1.0),
            (None, None, 0.0101, 1.0),
            (0.0099, 2.0, 0.0101, 5.0),
        ]
        write(path, "\n".join(pictures[1:]) + "\n")
        with pytest.raises(errors.Invalid, match="has fewer lines than"):
            read(path)
        write(path, "\n".join([*pictures, pictures[0]]) + "\n")
        with pytest.raises(errors.Invalid, match="has more lines than"):
            read(path)
        messages.unlink()
        with pytest.raises(errors.Invalid, match="has no times without"):
            read(path)

    def test_what_is_wrong_is_named(self, tmp_path):
        path = tmp_path / LOBSTER.format("message")
        line = MESSAGES.splitlines()[0]
        for old, new, named in [
            ("34200.000000001", "34200.0000000011", "column 'time': '34200.0000000011'"),
            (",1,11,", ",8,11,", "column 'type': '8'"),
            (",1\n", ",2\n", "column 'direction': '2'"),
            (",11,", ",-11,", "column 'order_id': '-11'"),
        ]:
            write(path, f"{line}\n" + (line + "\n").replace(old, new))
            with pytest.raises(errors.Invalid, match=f"line 2, {named}"):
                read(path)
        with pytest.raises(errors.Invalid, match="line 1: 2 cells, expected 6"):
            open_source(write(path, "1,2\n"))
        more = write(path, f"{line},MPID\n")
        with pytest.raises(errors.Invalid, match="'mpid' has no place"):
            open_source(more)
        assert rows(read(more, extra="keep"), "book_orders", "mpid") == [("MPID",)]
        turn = write(tmp_path / "A_2012-03-11_message_2.csv", MESSAGES)
        with pytest.raises(errors.Invalid, match="clocks of America/New_York change on 2012-03-11"):
            open_source(turn)


events = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 3), st.booleans(), st.integers(0, 9)), max_size=60
)


@given(events, st.integers(1, 60))
def test_order_sizes_equal_a_plain_model(made, block):
    orders, known = OrderSizes(), {}
    for start in range(0, len(made), block):
        part = made[start : start + block]
        book, order, sets, size = (np.array(column) for column in zip(*part, strict=True))
        left, certain = orders.after(book, order, sets.astype(bool), size)
        for row, (b, o, is_set, amount) in enumerate(part):
            key = (b, o)
            if is_set:
                known[key] = amount
            elif key in known:
                known[key] -= amount
            if key in known and known[key] < 0:
                # More was taken than there was: from here on nothing is known.
                return
            assert bool(certain[row]) == (key in known)
            assert key not in known or left[row] == known[key]
        known = {key: size for key, size in known.items() if size > 0}


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=60), st.integers(1, 60))
def test_places_equal_a_plain_model(made, block):
    places, counts = Places(), {}
    for start in range(0, len(made), block):
        book, last = (np.array(c) for c in zip(*made[start : start + block], strict=True))
        for key, is_last, place in zip(book, last, places.of(book, last), strict=True):
            assert place == counts.get(key, 0)
            counts[key] = 0 if is_last else place + 1


@pytest.mark.usefixtures("chunks")
class TestCollector:
    NS = 1_723_161_253_937_085_768

    def test_frames(self, tmp_path):
        frames = ['{"stream":"a"}', '{"lastUpdateId":5}', '{"stream":"b","x":[1]}', "\xe9"]
        data = b"".join(
            b"%d %s\n" % (self.NS + n, frame.encode("latin-1")) for n, frame in enumerate(frames)
        )
        path = write(tmp_path / "btcusdt_20240808.gz", data)
        with pytest.raises(errors.Invalid, match="venue is needed"):
            open_source(path)
        names = ("ts_recv", "connection", "frame_seq", "kind", "data", "venue")
        assert rows(read(path, venue="binance"), "frames", *names) == [
            (self.NS, self.NS, 0, "text", b'{"stream":"a"}', "binance"),
            (self.NS + 1, self.NS + 1, 0, "http_response", b'{"lastUpdateId":5}', "binance"),
            (self.NS + 2, self.NS, 1, "text", b'{"stream":"b","x":[1]}', "binance"),
            (self.NS + 3, self.NS, 2, "text", b"\xe9", "binance"),
        ]

    def test_bad_lines(self, tmp_path):
        lines = [f"{self.NS} {{}}", "oops", f"{self.NS}", "", f"{self.NS}x{{}}", f"{self.NS} []\r"]
        path = write(tmp_path / "c", "\n".join(lines) + "\n")
        with pytest.raises(errors.Invalid, match=r"line 2: 'oops', expected 19 digits"):
            read(path, venue="v")
        source = open_source(path, venue="v", rejects=tmp_path / "r")
        assert rows(collect(source), "frames", "data", "frame_seq") == [(b"{}", 0), (b"[]", 1)]
        found = [line.split("\t")[0] for line in (tmp_path / "r").read_text().splitlines()]
        assert found == ["line", "2", "3", "5"]
