"""DBN files made by Databento's own package."""

import datetime as dt
import random
from types import SimpleNamespace

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imports_helpers import collect, read, rows

from rustonite_data import errors
from rustonite_data.lake.imports import open_source

dbn = pytest.importorskip("databento_dbn", reason="databento-dbn is not installed")

DAY = dt.date(2024, 1, 2)
T = int(dt.datetime(2024, 1, 2, tzinfo=dt.UTC).timestamp()) * 10**9
ACTIONS = {
    "A": dbn.Action.ADD, "C": dbn.Action.CANCEL, "F": dbn.Action.FILL, "M": dbn.Action.MODIFY,
    "N": dbn.Action.NONE, "R": dbn.Action.CLEAR, "T": dbn.Action.TRADE,
}  # fmt: skip
SIDES = {"A": dbn.Side.ASK, "B": dbn.Side.BID, "N": dbn.Side.NONE}
LAST, SNAPSHOT, LOCAL_TIME, DOUBTFUL = 1, 2, 32, 128


def mapping(symbol, *spans):
    intervals = [
        SimpleNamespace(start_date=start, end_date=end, symbol=str(number))
        for start, end, number in spans
    ]
    return SimpleNamespace(raw_symbol=symbol, intervals=intervals)


EVERY = [mapping("ESH4", (DAY, DAY + dt.timedelta(days=1), 7))]


def save(path, schema, records, mappings=EVERY, dataset="GLBX.MDP3", **settings):
    """A DBN file; packed in two frames if its name says so."""
    schema = None if schema is None else dbn.Schema.from_str(schema)
    head = dbn.Metadata(
        dataset,
        T,
        dbn.SType.RAW_SYMBOL,
        dbn.SType.INSTRUMENT_ID,
        schema,
        mappings=mappings,
        **settings,
    )
    parts = [bytes(head), b"".join(bytes(record) for record in records)]
    if path.suffix == ".zst":
        packed = []
        for part in parts:
            sink = pa.BufferOutputStream()
            with pa.CompressedOutputStream(sink, "zstd") as stream:
                stream.write(part)
            packed.append(sink.getvalue().to_pybytes())
        parts = packed
    path.write_bytes(b"".join(parts))
    return path


def order(action, number, size, **other):
    fields = {"flags": 0, "side": "B", "price": 4_799_250_000_000, "sequence": 5, "ts": T, "id": 7}
    fields |= other
    return dbn.MBOMsg(
        publisher_id=1, instrument_id=fields["id"], ts_event=fields["ts"], order_id=number,
        price=fields["price"], size=size, channel_id=0, action=ACTIONS[action],
        side=SIDES[fields["side"]],
        ts_recv=T + 9, ts_in_delta=0, sequence=fields["sequence"], flags=fields["flags"],
    )  # fmt: skip


def trade(price=1_000_000_000, size=3, number=7, at=T + 9, **other):
    return dbn.TradeMsg(
        publisher_id=1, instrument_id=number, ts_event=other.get("ts", T), price=price, size=size,
        action=dbn.Action.TRADE, side=SIDES[other.get("side", "A")], depth=0,
        ts_recv=at, ts_in_delta=0, sequence=1, flags=other.get("flags", 0),
    )  # fmt: skip


@pytest.mark.usefixtures("chunks")
@pytest.mark.parametrize("name", ["m.dbn", "m.dbn.zst"])
def test_orders_and_their_trades(tmp_path, name):
    none = dbn.UNDEF_PRICE
    records = [
        order("R", 0, 0, side="N", price=none, flags=dbn.F_SNAPSHOT | dbn.F_BAD_TS_RECV),
        order("A", 11, 10, flags=dbn.F_SNAPSHOT | dbn.F_LAST),
        order("A", 2**63 + 5, 4, side="A", flags=dbn.F_LAST),
        order("T", 99, 6, side="A"),
        order("F", 11, 6),
        order("C", 11, 6, flags=dbn.F_LAST),
        order("M", 11, 9, ts=dbn.UNDEF_TIMESTAMP, flags=dbn.F_LAST),
        order("N", 0, 0, side="N", flags=dbn.F_LAST),
        order("C", 11, 9, flags=dbn.F_MAYBE_BAD_BOOK | dbn.F_LAST),
        order("C", 55, 1, side="N", flags=dbn.F_LAST),
    ]
    got = read(save(tmp_path / name, "mbo", records))
    names = ("action", "side", "order_id", "order_uid", "price", "size", "size_filled")
    assert rows(got, "book_orders", *names) == [
        ("clear", None, None, None, None, None, None),
        ("add", "bid", 11, None, 4799.25, 10.0, None),
        ("add", "ask", None, "9223372036854775813", 4799.25, 4.0, None),
        ("fill", "bid", 11, None, 4799.25, None, 6.0),
        # A cancel of a part leaves the rest; the fill before it did not touch the book.
        ("modify", "bid", 11, None, 4799.25, 4.0, None),
        ("modify", "bid", 11, None, 4799.25, 9.0, None),
        ("remove", "bid", 11, None, 4799.25, 0.0, None),
        ("remove", None, 55, None, 4799.25, 0.0, None),
    ]
    assert rows(got, "book_orders", "position", "flags", "seq") == [
        (0, SNAPSHOT | DOUBTFUL, 5),
        (1, SNAPSHOT | LAST, 5),
        (0, LAST, 5),
        (1, 0, 5),
        (2, LAST, 5),
        (0, LAST | LOCAL_TIME, 5),
        (0, DOUBTFUL | LAST, 5),
        (0, LAST, 5),
    ]
    times = rows(got, "book_orders", "ts_event", "ts_recv", "venue", "symbol")
    assert times[0] == (T, T + 9, "cme", "ESH4")
    assert times[5] == (T + 9, T + 9, "cme", "ESH4")
    assert rows(got, "trades", "price", "size", "side") == [(4799.25, 6.0, "sell")]


@given(st.lists(st.integers(-(2**63), 2**63 - 2), min_size=1, max_size=20))
def test_prices_are_rounded_correctly(scratch, mantissas):
    path = scratch() / "t.dbn"
    got = read(save(path, "trades", [trade(price) for price in mantissas]))
    assert [price for (price,) in rows(got, "trades", "price")] == [
        float(f"{price}e-9") for price in mantissas
    ]


def test_large_prices_are_rounded_once(tmp_path):
    """Beyond 2**53 a division of floats would round twice."""
    random.seed(5)
    mantissas = [random.randrange(2**53, 2**63 - 1) >> random.randrange(10) for _ in range(5000)]
    got = read(save(tmp_path / "t.dbn", "trades", [trade(price) for price in mantissas]))
    expected = [float(f"{price}e-9") for price in mantissas]
    assert rows(got, "trades", "price") == [(price,) for price in expected]
    assert expected != [price / 1e9 for price in map(float, mantissas)]


@pytest.mark.usefixtures("chunks")
def test_symbols_change_with_the_day(tmp_path):
    day = dt.timedelta(days=1)
    mappings = [
        mapping("ES.c.0", (DAY, DAY + day, 7), (DAY + day, DAY + 3 * day, 8)),
        mapping("NQ.c.0", (DAY, DAY + day, 8)),
    ]
    after = T + 86_400 * 10**9
    records = [trade(number=7), trade(number=8), trade(number=8, at=after)]
    got = read(save(tmp_path / "t.dbn", "trades", records, mappings))
    assert rows(got, "trades", "symbol") == [("ES.c.0",), ("NQ.c.0",), ("ES.c.0",)]
    gone = save(tmp_path / "t.dbn", "trades", [*records, trade(number=7, at=after)], mappings)
    with pytest.raises(errors.Invalid, match="instrument 7 has no symbol on 2024-01-03"):
        read(gone)
    assert rows(read(gone, symbol="X", venue="v"), "trades", "symbol", "venue")[3] == ("X", "v")


@pytest.mark.usefixtures("chunks")
def test_a_live_stream_has_mappings_and_messages_between(tmp_path):
    told = [
        dbn.SymbolMappingMsg(
            publisher_id=0, instrument_id=number, ts_event=T, stype_in=dbn.SType.PARENT,
            stype_in_symbol="ES.FUT", stype_out=dbn.SType.RAW_SYMBOL, stype_out_symbol=symbol,
            start_ts=T, end_ts=T + 1,
        )
        for number, symbol in ((7, "ESH4"), (8, "ESM4"))
    ]  # fmt: skip
    beat = dbn.SystemMsg(T, "Heartbeat")
    records = [
        told[0],
        beat,
        trade(number=7),
        told[1],
        order("A", 1, 2, id=8),
        trade(number=8),
        beat,
    ]
    path = save(tmp_path / "live.dbn", None, records, [])
    got = read(path)
    assert rows(got, "trades", "symbol") == [("ESH4",), ("ESM4",)]
    assert rows(got, "book_orders", "symbol", "order_id") == [("ESM4", 1)]
    assert list(read(path, dataset="book_orders")) == ["book_orders"]


def test_records_of_mixed_length_in_any_order(tmp_path):
    random.seed(11)
    records = [trade(size=n) if random.random() < 0.5 else order("A", n, n) for n in range(1, 3000)]
    records.sort(key=lambda record: (record.ts_recv, random.random() < 0.02))
    got = read(save(tmp_path / "live.dbn", None, records))
    trades = [record.size for record in records if isinstance(record, dbn.TradeMsg)]
    assert rows(got, "trades", "size") == [(float(size),) for size in trades]
    orders = [record.order_id for record in records if isinstance(record, dbn.MBOMsg)]
    assert rows(got, "book_orders", "order_id") == [(number,) for number in orders]


def test_what_is_wrong_is_named(tmp_path):
    path = save(tmp_path / "t.dbn", "trades", [trade(), trade()])
    data = path.read_bytes()
    path.write_bytes(data[:-5])
    with pytest.raises(errors.Corrupt, match="ends within record 2"):
        read(path)
    path.write_bytes(data[:60])
    with pytest.raises(errors.Corrupt, match="ends within the metadata"):
        open_source(path)
    path.write_bytes(data[:-48] + b"\x01" + data[-47:])
    with pytest.raises(errors.Corrupt, match="record 2 has 4 bytes"):
        read(path)
    path.write_bytes(data[:-48] + b"\x0b" + data[-47:])
    with pytest.raises(errors.Corrupt, match=r"ends within record 2|has 44 bytes"):
        read(path)
    path.write_bytes(data[:-47] + b"\x12" + data[-46:])
    with pytest.raises(
        errors.Invalid, match="record 2 has type 0x12, for which there is no dataset"
    ):
        read(path)
    path.write_bytes(b"XYZ" + data[3:])
    with pytest.raises(errors.Invalid, match="expected DBN with its metadata"):
        open_source(path, "databento")
    save(path, "statistics", [])
    with pytest.raises(
        errors.Invalid, match="no dataset for records of statistics, expected one of"
    ):
        read(path)
    with pytest.raises(errors.Invalid, match="dataset 'bars' is not in this file"):
        read(save(path, "trades", []), dataset="bars")


def test_a_file_without_records(tmp_path):
    assert read(save(tmp_path / "t.dbn.zst", "mbp-1", [])) == {}


def test_batches_of_all_sorts_have_one_schema_per_dataset(tmp_path):
    quote = dbn.MBP1Msg(
        publisher_id=2, instrument_id=7, ts_event=T, price=10**9, size=1,
        action=dbn.Action.ADD, side=dbn.Side.BID,
        depth=0, ts_recv=T, ts_in_delta=0, sequence=1, flags=0,
        levels=dbn.BidAskPair(bid_px=10**9, bid_sz=5),
    )  # fmt: skip
    joined = save(tmp_path / "live.dbn", None, [quote, trade()], dataset="DBEQ.BASIC")
    source = open_source(joined)
    got = collect(source)
    assert rows(got, "quotes", "bid_price", "bid_size", "ask_price", "ask_size", "ask_count") == [
        (1.0, 5.0, None, None, None)
    ]
    # Where several exchanges are joined, rows say which.
    assert rows(got, "trades", "exchange", "venue") == [("1", "dbeq")]
