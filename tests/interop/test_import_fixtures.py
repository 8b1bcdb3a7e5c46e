"""Importers on real files, judged by other readers of the same files.

The files are not part of the repository: `RUSTONITE_FIXTURES` names their folder, or they lie in
`../shared/fixtures`. Without them these tests are skipped, which the summary of the run says.
"""

import collections
import csv
import gzip
import importlib.util
import itertools
import json
import math
import os
import statistics
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from imports_helpers import read, rows

from rustonite_data import errors
from rustonite_data.lake.imports import find_format

BESIDE = Path(__file__).parents[2].parent / "shared" / "fixtures"
FOLDER = Path(os.environ.get("RUSTONITE_FIXTURES", BESIDE))
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(),
    reason="REAL FILES NOT FOUND: set RUSTONITE_FIXTURES to their folder; importers go unjudged",
)
LAST = 1


class TestTardis:
    def judge(self, name):
        path = FOLDER / name
        return read(path), pl.read_csv(path, infer_schema_length=None)

    def test_trades(self):
        got, judge = self.judge("tardis_csv/bitmex_trades_XBTUSD.csv")
        names = ("venue", "symbol", "trade_uid", "side", "price", "size", "ts_event", "ts_recv")
        judge = judge.with_columns(pl.col("timestamp", "local_timestamp") * 1000)
        theirs = (
            "exchange",
            "symbol",
            "id",
            "side",
            "price",
            "amount",
            "timestamp",
            "local_timestamp",
        )
        expected = judge.select(theirs).with_columns(pl.col("price", "amount").cast(pl.Float64))
        assert rows(got, "trades", *names) == expected.rows()
        assert len(expected) == 10

    def test_book(self):
        got, judge = self.judge("tardis_csv/deribit_incremental_book_L2_BTC-PERPETUAL.csv")
        (clear, *levels) = rows(got, "book_deltas", "action", "side", "price", "size")
        assert clear == ("clear", None, None, None)
        expected = judge.select(
            pl.when(pl.col("amount") == 0).then(pl.lit("remove")).otherwise(pl.lit("set")),
            pl.col("side"),
            pl.col("price", "amount").cast(pl.Float64),
        )
        assert levels == expected.rows()
        assert len(levels) == 15

    def test_book_snapshots(self):
        got, judge = self.judge("tardis_csv/binance-futures_book_snapshot_25_BTCUSDT.csv")
        table = got["book_snapshots"]
        for side, part, ours in [
            ("bids", "price", "bid_price"), ("bids", "amount", "bid_size"),
            ("asks", "price", "ask_price"), ("asks", "amount", "ask_size"),
        ]:  # fmt: skip
            levels = [judge[f"{side}[{n}].{part}"].cast(pl.Float64).to_list() for n in range(25)]
            assert table[ours].to_pylist() == [list(row) for row in zip(*levels, strict=True)]
        assert set(table["venue"].to_pylist()) == {"binance-usdm"}
        assert table.num_rows == 10

    def test_files_of_others_in_the_same_layout(self):
        got, judge = self.judge("tardis_machine/csv/trades_1.csv")
        assert (
            rows(got, "trades", "ts_event", "ts_recv")
            == judge.select("timestamp", "local_timestamp").rows()
        ), "nanoseconds, unlike their own"
        got, judge = self.judge("tardis_machine/csv/deltas_with_snapshot.csv")
        snapshots = judge["is_snapshot"].to_list()
        clears = sum(
            now and not before for before, now in zip([False, *snapshots], snapshots, strict=False)
        )
        actions = collections.Counter(got["book_deltas"]["action"].to_pylist())
        assert actions["clear"] == clears
        assert actions.total() == len(judge) + clears

    def test_options(self):
        got, judge = self.judge("tardis_machine/options_chain.csv")
        assert got["tickers"].num_rows == got["quotes"].num_rows == len(judge) == 7
        for ours in ("mark_iv", "bid_iv", "ask_iv"):
            percent = judge[ours].cast(pl.String).to_list()
            expected = [None if text is None else float(f"{text}e-2") for text in percent]
            assert got["tickers"][ours].to_pylist() == expected
        for ours in ("delta", "gamma", "vega", "theta", "rho", "mark_price", "underlying_price"):
            assert got["tickers"][ours].to_pylist() == judge[ours].to_list()


def decoded(path):
    """The records of a DBN file, by Databento's decoder."""
    dbn = pytest.importorskip("databento_dbn")
    data = path.read_bytes()
    if path.suffix == ".zst":
        # Some of these have their metadata in a zstd frame of its own.
        data = pa.CompressedInputStream(pa.BufferReader(data), "zstd").read()
    decoder = dbn.DBNDecoder()
    decoder.write(data)
    return decoder.decode()[1:]


def price(record, name="price"):
    value = getattr(record, f"pretty_{name}")
    return None if math.isnan(value) else value


def flags(record, *, silent=False):
    bits = int(record.flags)
    made = LAST * bool(bits & 128) | 2 * bool(bits & 32) | 128 * bool(bits & 12)
    return made | 32 * silent


SIDES = {"B": "bid", "A": "ask", "N": None}
TAKERS = {"B": "buy", "A": "sell", "N": "unknown"}
ACTIONS = {"A": "add", "M": "modify", "C": "remove", "R": "clear", "F": "fill"}
DBN = sorted(FOLDER.glob("databento_dbn/*.dbn*"))
NOT_OURS = ("statistics", "status", "imbalance")


needs_dbn = pytest.mark.skipif(
    importlib.util.find_spec("databento_dbn") is None,
    reason="DATABENTO-DBN IS NOT INSTALLED: the importer of its files goes unjudged",
)


@needs_dbn
@pytest.mark.parametrize("path", DBN, ids=lambda path: path.name)
def test_dbn_equals_the_decoder_of_databento(path):
    if any(word in path.name for word in NOT_OURS):
        with pytest.raises(errors.Invalid, match=r"for which there is no dataset|no dataset for"):
            read(path)
        return
    if ".frag" in path.name:
        with pytest.raises(errors.Invalid, match="expected DBN with its metadata"):
            read(path, "databento")
        return
    got, records = read(path), decoded(path)
    if not records:
        assert got == {}
        return
    kind = type(records[0]).__name__
    judges = {
        "MBOMsg": judge_orders, "OHLCVMsg": judge_bars, "InstrumentDefMsg": judge_definitions,
        "MBP10Msg": judge_books, "TradeMsg": judge_trades,
    }  # fmt: skip
    judges.get(kind, judge_quotes)(got, records)
    for table in got.values():
        assert set(table["venue"].to_pylist()) <= {"cme", "nasdaq"}


def judge_trades(got, records):
    trades = [r for r in records if not hasattr(r, "action") or str(r.action) == "T"]
    expected = [
        (r.ts_event, r.ts_recv, price(r), float(r.size), TAKERS[str(r.side)], flags(r))
        for r in trades
    ]
    if expected or "trades" in got:
        names = ("ts_event", "ts_recv", "price", "size", "side", "flags")
        assert rows(got, "trades", *names) == expected


def judge_orders(got, records):
    events = [r for r in records if str(r.action) in ACTIONS]
    assert len(events) == got["book_orders"].num_rows
    left, expected = {}, []
    for r in events:
        action, order, size = str(r.action), r.order_id, r.size
        made = None
        if action in "AM":
            made = left[order] = size
        elif action == "C":
            made = left[order] = max(0, left.get(order, size) - size)
        word = "modify" if action == "C" and made else ACTIONS[action]
        expected.append(
            (
                *(r.ts_event, r.ts_recv, word, SIDES[str(r.side)]),
                *(None if action == "R" else order, None if action == "R" else price(r)),
                *(made, size if action == "F" else None, r.sequence, flags(r)),
            )
        )
    names = (
        *("ts_event", "ts_recv", "action", "side", "order_id", "price", "size", "size_filled"),
        *("seq", "flags"),
    )
    assert rows(got, "book_orders", *names) == expected
    judge_trades(got, records)
    places, place = [], 0
    for r in records:
        places += [place] if str(r.action) in ACTIONS else []
        place = 0 if int(r.flags) & 128 else place + 1
    assert got["book_orders"]["position"].to_pylist() == places


def judge_quotes(got, records):
    sampled = not hasattr(records[0], "action")
    expected = []
    for r in records:
        level = r.levels[0]
        bid, ask = price(level, "bid_px"), price(level, "ask_px")
        expected.append(
            (
                *(r.ts_recv if sampled else r.ts_event, r.ts_recv),
                *(bid, None if bid is None else float(level.bid_sz)),
                *(ask, None if ask is None else float(level.ask_sz)),
                *(getattr(level, "bid_ct", None), getattr(level, "ask_ct", None)),
                *(getattr(r, "sequence", None), flags(r, silent=sampled)),
            )
        )
    names = (
        *("ts_event", "ts_recv", "bid_price", "bid_size", "ask_price", "ask_size"),
        *("bid_count", "ask_count", "seq", "flags"),
    )
    assert rows(got, "quotes", *names) == expected
    if not sampled:
        judge_trades(got, records)


def judge_books(got, records):
    expected = []
    for r in records:
        made = [r.ts_event, r.ts_recv, r.sequence]
        for side in ("bid", "ask"):
            there = [level for level in r.levels if price(level, f"{side}_px") is not None]
            made.append([price(level, f"{side}_px") for level in there])
            made.append([float(getattr(level, f"{side}_sz")) for level in there])
            made.append([getattr(level, f"{side}_ct") for level in there])
        expected.append(tuple(made))
    names = [f"{side}_{part}" for side in ("bid", "ask") for part in ("price", "size", "count")]
    assert rows(got, "book_snapshots", "ts_event", "ts_recv", "seq", *names) == expected
    judge_trades(got, records)


def judge_bars(got, records):
    names = ("ts_open", "open", "high", "low", "close", "volume")
    assert rows(got, "bars", *names) == [
        (r.ts_event, *(price(r, name) for name in names[1:5]), float(r.volume)) for r in records
    ]
    length = {"1s": 1, "1m": 60, "1h": 3600, "1d": 86400}
    for opened, closed, interval in rows(got, "bars", "ts_open", "ts_close", "interval"):
        assert closed - opened == length[interval] * 10**9


def judge_definitions(got, records):
    names = ("ts_event", "symbol", "venue_index", "exchange", "tick_size", "ts_expiry", "kind")
    kinds = {"F": "future", "K": "stock"}
    for ours, r in zip(rows(got, "instruments", *names), records, strict=True):
        tick = price(r, "min_price_increment")
        expiry = None if r.expiration == 2**64 - 1 else r.expiration
        assert ours[:4] == (r.ts_event, r.raw_symbol, r.instrument_id, r.exchange)
        assert (ours[4] and float(ours[4]), *ours[5:]) == (
            tick,
            expiry,
            kinds[str(r.instrument_class)],
        )


@needs_dbn
def test_dbn_symbols_come_from_the_metadata():
    got = read(FOLDER / "databento_dbn/esh4-glbx-mdp3-20231224.mbo.dbn.zst")
    assert set(got["book_orders"]["symbol"].to_pylist()) == {"ESH4"}
    assert got["book_orders"].num_rows == 8725


class TestLobster:
    @pytest.fixture
    def files(self):
        names = [f"AAPL_2012-06-21_{kind}_10_rows1-600.csv" for kind in ("message", "orderbook")]
        paths = [FOLDER / "lobster" / name for name in names]
        return [(path, list(csv.reader(path.read_text().splitlines()))) for path in paths]

    def test_messages(self, files):
        (path, lines), _ = files
        got = read(path)
        assert len(lines) == 600
        counts = collections.Counter(line[1] for line in lines)
        actions = collections.Counter(got["book_orders"]["action"].to_pylist())
        words = {"1": "add", "2": "modify", "3": "remove", "4": "fill", "5": "hidden_fill"}
        assert actions == collections.Counter(words[line[1]] for line in lines)
        assert got["trades"].num_rows == counts["4"] + counts["5"]
        # 21 June 2012 was daylight saving time: New York was four hours behind.
        midnight = 1_340_251_200 * 10**9
        expected = []
        for time, _, number, _, cost, _ in lines:
            seconds, _, part = time.partition(".")
            expected.append(
                (midnight + int(seconds) * 10**9 + int(part.ljust(9, "0")), int(number), cost)
            )
        assert [
            (at, 0 if number is None else number, str(round(cost * 10_000)))
            for at, number, cost in rows(got, "book_orders", "ts_event", "order_id", "price")
        ] == expected

    def test_the_taker_hits_the_best_price_of_the_other_side(self, files):
        (messages, lines), (books, _) = files
        quotes = rows(read(books), "book_snapshots", "bid_price", "ask_price")
        trades = iter(rows(read(messages), "trades", "price", "side"))
        for before, line in zip([None, *quotes], lines, strict=False):
            if line[1] in "45":
                cost, side = next(trades)
                if before is not None and line[1] == "4":
                    assert cost == (before[0] if side == "sell" else before[1])[0]
        assert next(trades, None) is None

    def test_sizes_left_are_those_in_the_book(self, files):
        """An order alone at its price has the size that the book shows there."""
        (messages, _), (books, _) = files
        pictures = rows(
            read(books), "book_snapshots", "bid_price", "bid_size", "ask_price", "ask_size"
        )
        names = ("action", "side", "order_id", "price", "size")
        at_price, known = collections.defaultdict(dict), 0
        first = {(side, cost) for side, p in (("bid", 0), ("ask", 2)) for cost in pictures[0][p]}
        for event, picture in zip(
            rows(read(messages), "book_orders", *names), pictures, strict=True
        ):
            action, side, order, cost, size = event
            if action == "hidden_fill":
                continue
            at_price[side, cost][order] = size
            costs, sizes = picture[:2] if side == "bid" else picture[2:]
            orders = at_price[side, cost].values()
            if (side, cost) not in first and cost in costs and None not in orders:
                assert sizes[costs.index(cost)] == sum(orders)
                known += 1
        assert known > 100

    def test_books(self, files):
        _, (path, lines) = files
        got = read(path)
        assert got["book_snapshots"].num_rows == len(lines) == 600
        parts = {"ask_price": 0, "ask_size": 1, "bid_price": 2, "bid_size": 3}
        for name, place in parts.items():
            scale = 10_000 if name.endswith("price") else 1
            expected = [[int(cell) / scale for cell in line[place::4]] for line in lines]
            assert got["book_snapshots"][name].to_pylist() == expected
        best = [tuple(line[:4]) for line in lines]
        changes = sum(one != other for one, other in itertools.pairwise(best))
        assert got["quotes"].num_rows == changes + 1


# What the recordings hold, by an independent count.
COLLECTED = {
    "binance_spot/collector_btcusdt_20240808.gz": ("binance", 3_451, 28_040, 9_757, 1),
    "binance_spot/collector_btcusdt_20240809.gz": ("binance", 3_044, 45_134, 10_147, 0),
    "binance_usdm/collector_btcusdt_20240808.gz": ("binance-usdm", 6_551, 66_089, 21_313, 1),
    "binance_coinm/collector_btcusd_perp_20240808.gz": ("binance-coinm", 26_847, 19_136, 2_286, 1),
}


@pytest.mark.parametrize("name", COLLECTED)
def test_collector_files_keep_every_byte(name):
    venue, depths, tickers, trades, pictures = COLLECTED[name]
    path = FOLDER / name
    frames = read(path, venue=venue)["frames"]
    data, received = frames["data"].to_pylist(), frames["ts_recv"].to_pylist()
    again = b"".join(b"%d %s\n" % line for line in zip(received, data, strict=True))
    assert again == gzip.decompress(path.read_bytes())
    messages = [json.loads(frame) for frame in data]
    events = collections.Counter(m["data"].get("e") if "stream" in m else "REST" for m in messages)
    told = sum("bookTicker" in m.get("stream", "") for m in messages)
    assert (events["depthUpdate"], told, events["trade"], events["REST"]) == (
        depths, tickers, trades, pictures,
    )  # fmt: skip
    kinds = collections.Counter(frames["kind"].to_pylist())
    assert kinds["http_response"] == pictures
    for connection in set(frames["connection"].to_pylist()):
        mask = [c == connection for c in frames["connection"].to_pylist()]
        assert frames.filter(mask)["frame_seq"].to_pylist() == list(range(sum(mask)))
    late = [
        at / 1e6 - m["data"]["E"]
        for at, m in zip(received, messages, strict=True)
        if "E" in m.get("data", {})
    ]
    assert statistics.median(late) == pytest.approx(-1270, abs=10), "never adjusted"


def test_a_collector_file_of_hyperliquid():
    path = FOLDER / "hyperliquid/collector_btc_20250126_part1.txt"
    got = read(path, venue="hyperliquid")
    assert got["frames"].num_rows == len(path.read_bytes().splitlines()) == 35


def test_real_files_are_recognised_without_help():
    for pattern, format_ in [
        ("tardis_csv/*", "tardis"), ("lobster/*", "lobster"), ("databento_dbn/*.dbn*", "databento"),
    ]:  # fmt: skip
        paths = [path for path in FOLDER.glob(pattern) if ".frag" not in path.name]
        assert paths
        for path in paths:
            assert find_format(path) == format_
