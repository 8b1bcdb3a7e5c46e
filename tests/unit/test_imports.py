"""Importers on small files of our own: values, formats, and everything that can be wrong."""

import bz2
import gzip
import random
import re
import subprocess
import sys
import textwrap
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imports_helpers import archive, collect, read, rows, write

from rustonite_data import errors
from rustonite_data.lake.imports import FORMATS, content_id, find_format, open_source

LAST, SNAPSHOT, INEXACT, INFERRED, LOCAL_TIME = 1, 2, 8, 16, 32
US = 1_700_000_000_000_000

TRADES_HEAD = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
TRADES = TRADES_HEAD + "".join(
    f"binance-futures,BTCUSDT,{US + n},{US + n + 7},{n},{'buy' if n % 2 else 'sell'},{n}.5,0.25\n"
    for n in range(1, 8)
)
BOOK_HEAD = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n"


def tardis(path, lines, name="x_trades_y.csv", head=TRADES_HEAD):
    return write(path / name, head + "".join(line + "\n" for line in lines))


@pytest.mark.usefixtures("chunks")
class TestTardis:
    def test_trades(self, tmp_path):
        lines = [
            f"binance-futures,BTCUSDT,{US},{US + 5},17,buy,8531.5,2152",
            f"binance-futures,BTCUSDT,{US},{US + 5},ccc3c1fa-212c,sell,8531.25,1",
            f"binance-futures,ETHUSDT,{US + 9},{US + 9},,unknown,0.1,1e-3",
            f"binance-futures,ETHUSDT,{US + 9},{US + 10},007,sell,0.1,1",
        ]
        got = read(tardis(tmp_path, lines))
        names = ("ts_event", "ts_recv", "venue", "symbol", "price", "size", "side")
        assert rows(got, "trades", *names)[:3] == [
            (US * 1000, (US + 5) * 1000, "binance-usdm", "BTCUSDT", 8531.5, 2152.0, "buy"),
            (US * 1000, (US + 5) * 1000, "binance-usdm", "BTCUSDT", 8531.25, 1.0, "sell"),
            ((US + 9) * 1000, (US + 9) * 1000, "binance-usdm", "ETHUSDT", 0.1, 0.001, "unknown"),
        ]
        # The first two are one message; the third has the receive time for want of another.
        assert rows(got, "trades", "trade_id", "trade_uid", "flags") == [
            (17, None, 0),
            (None, "ccc3c1fa-212c", LAST),
            (None, None, LAST | LOCAL_TIME),
            (None, "007", LAST),
        ]

    def test_venue_and_symbol_can_be_said(self, tmp_path):
        got = read(tardis(tmp_path, [f"a,b,{US},{US},1,buy,1,1"]), venue="v", symbol="s")
        assert rows(got, "trades", "venue", "symbol") == [("v", "s")]

    def test_liquidations_and_trades_look_alike(self, tmp_path):
        line = [f"bitmex,XBTUSD,{US},{US + 1},5,sell,8531.5,2"]
        with pytest.raises(errors.Invalid, match="may hold liquidations or trades"):
            open_source(tardis(tmp_path, line, name="XBTUSD.csv"))
        said = read(tmp_path / "XBTUSD.csv", dataset="liquidations")
        assert rows(said, "liquidations", "side", "side_raw", "liquidation_id", "size") == [
            ("sell", "sell", 5, 2.0)
        ]
        named = read(tardis(tmp_path, line, name="bitmex_liquidations_2020-01-01_XBTUSD.csv"))
        assert list(named) == ["liquidations"]
        (tmp_path / "trades").mkdir()
        assert list(read(tardis(tmp_path / "trades", line, name="XBTUSD.csv"))) == ["trades"]

    def test_book_with_implied_clears(self, tmp_path):
        def line(at, snapshot, side, price, amount, symbol="A"):
            return f"deribit,{symbol},{US},{US + at},{snapshot},{side},{price},{amount}"

        lines = [
            line(1, "true", "ask", 101, 5),
            line(1, "true", "bid", 100, 0),
            # The snapshot of another symbol between does not end that of the first.
            line(1, "true", "bid", 7, 1, "B"),
            line(2, "true", "bid", 99, 1),
            line(3, "false", "bid", 99, 0),
            line(3, "false", "bid", 98, 2.5),
            line(4, "true", "ask", 102, 1),
        ]
        got = read(tardis(tmp_path, lines, "incremental_book_L2.csv", BOOK_HEAD))
        names = ("symbol", "action", "side", "price", "size", "position", "flags")
        assert rows(got, "book_deltas", *names) == [
            ("A", "clear", None, None, None, 0, SNAPSHOT | INFERRED),
            ("A", "set", "ask", 101.0, 5.0, 1, SNAPSHOT),
            ("A", "remove", "bid", 100.0, 0.0, 2, SNAPSHOT | LAST),
            ("B", "clear", None, None, None, 0, SNAPSHOT | INFERRED),
            ("B", "set", "bid", 7.0, 1.0, 1, SNAPSHOT | LAST),
            ("A", "set", "bid", 99.0, 1.0, 0, SNAPSHOT | LAST),
            ("A", "remove", "bid", 99.0, 0.0, 0, 0),
            ("A", "set", "bid", 98.0, 2.5, 1, LAST),
            ("A", "clear", None, None, None, 0, SNAPSHOT | INFERRED),
            ("A", "set", "ask", 102.0, 1.0, 1, SNAPSHOT | LAST),
        ]

    def test_quotes(self, tmp_path):
        head = (
            "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n"
        )
        lines = [f"okex-swap,X,{US},{US},2,10.5,10,1", f"okex-swap,X,{US},{US},,,10,1"]
        got = read(tardis(tmp_path, lines, "book_ticker.csv", head))
        names = ("venue", "bid_price", "bid_size", "ask_price", "ask_size")
        assert rows(got, "quotes", *names) == [
            ("okx", 10.0, 1.0, 10.5, 2.0),
            ("okx", 10.0, 1.0, None, None),
        ]

    def test_derivative_ticker(self, tmp_path):
        head = (
            "exchange,symbol,timestamp,local_timestamp,funding_timestamp,funding_rate,"
            "predicted_funding_rate,open_interest,last_price,index_price,mark_price\n"
        )
        lines = [f"dydx,B,{US},{US},,0.00004405208333333333,,760.6049,,,82546.76734"]
        got = read(tardis(tmp_path, lines, "t.csv", head))
        names = ("funding_rate", "ts_funding_next", "open_interest", "last_price", "mark_price")
        assert rows(got, "tickers", *names) == [
            (0.00004405208333333333, None, 760.6049, None, 82546.76734)
        ]

    def test_options_have_volatility_as_fraction(self, tmp_path):
        head = (
            "exchange,symbol,timestamp,local_timestamp,type,strike_price,expiration,open_interest,"
            "last_price,bid_price,bid_amount,bid_iv,ask_price,ask_amount,ask_iv,mark_price,mark_iv,"
            "underlying_index,underlying_price,delta,gamma,vega,theta,rho\n"
        )
        tail = "put,9875,1591689600000000,0.1,0.0295,0.0205,15.1,55.91,0.0235,,,0.022,62.89,"
        tail += "SYN.BTC,9756.36,-0.61752,0.00103,2.24964,-53.05655,-0.22796"
        percent = read(tardis(tmp_path, [f"deribit,O,{US},{US},{tail}"], "o.csv", head))
        names = ("bid_iv", "ask_iv", "mark_iv", "underlying", "delta")
        assert rows(percent, "tickers", *names) == [(0.5591, None, 0.6289, "SYN.BTC", -0.61752)]
        assert rows(percent, "quotes", "bid_price", "bid_size", "ask_price", "ask_size") == [
            (0.0205, 15.1, None, None)
        ]
        fraction = read(tardis(tmp_path, [f"okex-options,O,{US},{US},{tail}"], "o.csv", head))
        assert rows(fraction, "tickers", "bid_iv") == [(55.91,)]
        mixed = tardis(
            tmp_path, [f"{e},O,{US},{US},{tail}" for e in ("deribit", "x")], "o.csv", head
        )
        with pytest.raises(errors.Invalid, match="line 3, column 'exchange': 'x'"):
            read(mixed)

    def test_book_snapshots(self, tmp_path):
        levels = [
            f"{s}[{n}].{p}" for n in (0, 1) for s in ("asks", "bids") for p in ("price", "amount")
        ]
        head = ",".join(["exchange", "symbol", "timestamp", "local_timestamp", *levels]) + "\n"
        lines = [f"a,b,{US},{US},11,1,10,2,12,3,9,4", f"a,b,{US},{US + 1},11,1,,,,,,"]
        got = read(tardis(tmp_path, lines, "s.csv", head))
        assert rows(got, "book_snapshots", "bid_price", "bid_size", "ask_price", "ask_size") == [
            ([10.0, 9.0], [2.0, 4.0], [11.0, 12.0], [1.0, 3.0]),
            ([], [], [11.0], [1.0]),
        ]

    def test_header_only_and_days_without_data(self, tmp_path):
        assert read(tardis(tmp_path, [])) == {}
        source = open_source(write(tmp_path / "BTCUSDT.csv.gz", ""))
        assert (source.format, source.datasets, list(source.batches())) == ("tardis", (), [])

    def test_extra_columns(self, tmp_path):
        head = TRADES_HEAD.replace("\n", ",colour\n")
        path = tardis(
            tmp_path, [f"a,b,{US},{US},1,buy,1,1,red", f"a,b,{US},{US},2,buy,1,1,"], head=head
        )
        with pytest.raises(errors.Invalid, match="'colour' has no place"):
            open_source(path)
        assert "colour" not in read(path, extra="drop")["trades"].column_names
        source = open_source(path, extra="keep")
        assert source.extra_columns == {"colour": pa.string()}
        assert rows(collect(source), "trades", "trade_id", "colour") == [(1, "red"), (2, None)]


BAD_LINES = [
    ("x,y,zzz,{t},1,buy,1,1", "timestamp", "'zzz'", "microseconds"),
    ("x,y,{t},,1,buy,1,1", "local_timestamp", "nothing", "microseconds"),
    ("x,y,{ms},{t},1,buy,1,1", "timestamp", "'1700000000000'", "from 2009 to 2099"),
    ("x,y,99999999999999999999,{t},1,buy,1,1", "timestamp", "'99999999999999999999'", "micro"),
    ("x,y,-5,{t},1,buy,1,1", "timestamp", "'-5'", "microseconds"),
    ("x,y,{t},{t},1,Buy,1,1", "side", "'Buy'", "one of buy, sell, unknown"),
    ("x,y,{t},{t},1,buy,1.2.3,1", "price", "'1.2.3'", "a decimal number"),
    ("x,y,{t},{t},1,buy,nan,1", "price", "'nan'", "a decimal number"),
    ("x,y,{t},{t},1,buy,1,inf", "amount", "'inf'", "a decimal number"),
    ("x,y,{t},{t},1,buy,1e999,1", "price", "'1e999'", "a decimal number"),
    ("x,y,{t},{t},1,buy,,1", "price", "nothing", "a decimal number"),
    ("x,y,{t},{t},1,buy, 1,1", "price", "' 1'", "a decimal number"),
    ("x,y,{t},{t},1,buy,1,1 ", "amount", "'1 '", "a decimal number"),
    (",y,{t},{t},1,buy,1,1", "exchange", "nothing", "text"),
    ("x,y,{t},{t},1,buy,1", "", "7 cells", "expected 8"),
    ("x,y,{t},{t},1,buy,1,1,9", "", "9 cells", "expected 8"),
    ('x,"y,{t},{t},1,buy,1,1', "", "unexpected end of data", "expected one row of 8 cells"),
    ("x,y,{t},{t},1,buy,1\r,1", "", "new-line character", "expected one row of 8 cells"),
    (b"x,\xff\xfe,{t},{t},1,buy,1,1", "", "byte 3 is 0xff", "expected UTF-8"),
]


def bad_file(path, line):
    line = line.encode() if isinstance(line, str) else line
    line = line.replace(b"{t}", str(US).encode()).replace(b"{ms}", str(US // 1000).encode())
    good = TRADES.encode().splitlines(keepends=True)
    return write(path / "x_trades.csv", b"".join([*good[:4], line, b"\n", *good[4:]])), line


@pytest.mark.parametrize(("line", "column", "value", "expected"), BAD_LINES)
@pytest.mark.usefixtures("chunks")
def test_bad_lines_are_named_or_rejected(tmp_path, line, column, value, expected):
    path, text = bad_file(tmp_path, line)
    where = f", column {column!r}" if column else ""
    with pytest.raises(errors.Invalid) as raised:
        read(path)
    message = str(raised.value)
    assert message.startswith(f"{path}: line 5{where}: ")
    assert value in message
    assert expected in message

    rejects = tmp_path / "rejects.tsv"
    source = open_source(path, rejects=rejects)
    got = collect(source)
    assert rows(got, "trades", "trade_id") == [(n,) for n in range(1, 8)]
    assert source.rejected == 1
    head, reject = rejects.read_bytes().split(b"\n", 1)
    assert head == b"line\tcolumn\treason\ttext"
    number, named, reason, verbatim = reject.removesuffix(b"\n").split(b"\t", 3)
    assert (number, named.decode(), verbatim) == (b"5", column, text)
    assert value in reason.decode()
    with pytest.raises(errors.Conflict, match="exists already"):
        read(path, rejects=rejects)
    assert rejects.read_bytes().endswith(verbatim + b"\n")


def test_many_bad_lines_of_one_block_are_all_found(tmp_path):
    lines = [
        f"x,y,{US},{US},{n},{'no' if n % 3 else 'buy'},{'?' if n % 5 else 1},1" for n in range(900)
    ]
    source = open_source(tardis(tmp_path, lines), rejects=tmp_path / "r")
    kept = [n for n in range(900) if n % 3 == 0 and n % 5 == 0]
    assert rows(collect(source), "trades", "trade_id") == [(n,) for n in kept]
    found = [line.split("\t") for line in (tmp_path / "r").read_text().splitlines()[1:]]
    assert [int(line[0]) for line in found] == [n + 2 for n in range(900) if n not in kept]
    # Of several bad cells in a line, the one that was read first is named.
    assert {line[1] for line in found if "?" in line[3] and ",no," in line[3]} == {"price"}
    assert source.rejected == 900 - len(kept)


def test_rejects_of_an_import_that_failed_are_removed(tmp_path):
    lines = ["bad", *[f"a,b,{US},{US + n},{n * 7919},buy,{n},1" for n in range(400_000)]]
    path = tardis(tmp_path, lines, "x_trades.csv.gz")
    path.write_bytes(path.read_bytes()[:-9])
    source = open_source(path, rejects=tmp_path / "r")
    batches = source.batches()
    next(batches)
    assert (tmp_path / "r").exists()
    with pytest.raises(errors.Corrupt):
        list(batches)
    assert source.rejected == 1
    assert not (tmp_path / "r").exists()


def test_a_line_is_never_two_rows(tmp_path):
    """A carriage return in a line, with an empty line to make up for the row that it adds."""
    row = f"a,b,{US},{US},1,buy,1,1"
    path = tardis(tmp_path, [row, f"{row}\r{row}", "", row])
    with pytest.raises(errors.Invalid, match="line 3: "):
        read(path)
    got = read(path, rejects=tmp_path / "r")
    assert got["trades"].num_rows == 2


def test_a_file_of_bad_lines_alone(tmp_path):
    source = open_source(tardis(tmp_path, ["x"] * 10), rejects=tmp_path / "r")
    assert collect(source) == {}
    assert source.rejected == 10


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text.replace("\n", "\r\n"), id="crlf"),
        pytest.param(lambda text: "\ufeff" + text, id="byte order mark"),
        pytest.param(lambda text: text.removesuffix("\n"), id="no end of line"),
        pytest.param(lambda text: text.replace("\n", "\n\n") + "\n\n", id="empty lines"),
        pytest.param(lambda text: re.sub(r"([^,\n]+)", r'"\1"', text), id="quoted"),
        pytest.param(lambda text: text.replace("BTCUSDT", '"BTCUSDT"'), id="quoted in part"),
    ],
)
@pytest.mark.usefixtures("chunks")
def test_harmless_variants_of_text(tmp_path, change):
    usual = read(write(tmp_path / "a_trades.csv", TRADES))
    changed = write(tmp_path / "b_trades.csv", change(TRADES))
    assert read(changed, "tardis")["trades"].equals(usual["trades"])


def test_wrong_headers(tmp_path):
    def opened(text, *arguments, **settings):
        return open_source(write(tmp_path / "h_trades.csv", text), *arguments, **settings)

    with pytest.raises(errors.Invalid, match="line 1: column 'amount' is missing"):
        opened(TRADES.replace(",amount", ""))
    with pytest.raises(errors.Invalid, match="line 1: column 'price' is there twice"):
        opened(TRADES.replace("amount", "price"))
    with pytest.raises(errors.Invalid, match="expected the columns of one of"):
        opened("exchange,symbol,timestamp,local_timestamp\n")
    with pytest.raises(errors.Invalid, match="is UTF-16 text, expected UTF-8"):
        opened(TRADES.encode("utf-16"), "tardis")
    with pytest.raises(errors.Invalid, match="line 1 is not UTF-8"):
        opened(b"\xff,b\n", "csv", dataset="trades")
    with pytest.raises(errors.Invalid, match="is empty"):
        opened("", "tardis")


def compressed(data, suffix):
    if suffix == ".gz":
        return gzip.compress(data, mtime=0)
    if suffix == ".bz2":
        return bz2.compress(data)
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("suffix", [".gz", ".zst", ".bz2"])
def test_compressed_files_whole_in_parts_and_cut_off(tmp_path, suffix):
    usual = read(write(tmp_path / "a_trades.csv", TRADES))["trades"]
    path = tmp_path / f"b_trades.csv{suffix}"
    path.write_bytes(compressed(TRADES.encode(), suffix))
    assert read(path)["trades"].equals(usual)
    path.write_bytes(
        compressed(TRADES[:100].encode(), suffix) + compressed(TRADES[100:].encode(), suffix)
    )
    assert read(path)["trades"].equals(usual)
    # The name says nothing about how it is packed.
    path.rename(tmp_path / "c_trades.csv")
    assert read(tmp_path / "c_trades.csv")["trades"].equals(usual)

    random.seed(7)
    numbers = "".join(f"a,b,{US},{US},{random.random()},buy,1,1\n" for _ in range(5000))
    data = compressed((TRADES_HEAD + numbers).encode(), suffix)
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(errors.Corrupt, match=re.escape(str(path))):
        read(path, "tardis")


def test_zip_files(tmp_path):
    path = archive(tmp_path / "t.zip", a_trades__csv=TRADES)
    assert read(path)["trades"].num_rows == 7
    with pytest.raises(errors.Invalid, match="exactly one file"):
        read(archive(path, a__csv="x", b__csv="y"), "tardis")
    with pytest.raises(errors.Invalid, match="holds nothing"):
        read(archive(path), "tardis")
    whole = archive(path, a_trades__csv=TRADES).read_bytes()
    path.write_bytes(whole[:-10])
    with pytest.raises(errors.Corrupt):
        read(path)
    path.write_bytes(whole.replace(whole[60:64], b"\0\0\0\0", 1))
    with pytest.raises(errors.Corrupt):
        read(path, "tardis", dataset="trades")


def test_paths_that_cannot_be_read(tmp_path):
    with pytest.raises(errors.NotFound, match="no such file"):
        open_source(tmp_path / "none.csv")
    with pytest.raises(errors.Invalid, match="cannot be read"):
        open_source(tmp_path)
    with pytest.raises(errors.Invalid, match="format not recognised"):
        open_source(write(tmp_path / "what", "hello"))
    with pytest.raises(errors.Invalid, match="format 'xml', expected one of tardis"):
        open_source(tmp_path / "what", "xml")
    with pytest.raises(errors.Invalid, match="extra is 'some'"):
        open_source(tmp_path / "what", extra="some")
    with pytest.raises(errors.Invalid, match="option 'nope' is not known"):
        open_source(write(tmp_path / "x_trades.csv", TRADES), options={"nope": 1})
    with pytest.raises(errors.Invalid, match="dataset 'bars' is not in this file"):
        open_source(tmp_path / "x_trades.csv", dataset="bars").datasets  # noqa: B018
    with pytest.raises(errors.Invalid, match="columns of format 'tardis' are fixed"):
        open_source(tmp_path / "x_trades.csv", columns={"price": "p"})


def test_a_source_is_read_once(tmp_path):
    source = open_source(write(tmp_path / "x_trades.csv", TRADES))
    list(source.batches())
    with pytest.raises(errors.Invalid, match="was read already"):
        next(source.batches())


decimals = st.builds(
    lambda whole, part: f"{whole}.{part}" if part else whole,
    st.from_regex(r"(0|[1-9][0-9]{0,11})", fullmatch=True),
    st.from_regex(r"[0-9]{0,18}", fullmatch=True),
)


@given(st.lists(decimals, min_size=1, max_size=30))
def test_decimals_are_rounded_correctly_and_marked_when_inexact(scratch, texts):
    path = tardis(
        scratch(),
        [f"a,b,{US},{US + n},1,buy,{t},1" for n, t in enumerate(texts)],
    )
    got = read(path)
    assert [price for (price,) in rows(got, "trades", "price")] == [float(text) for text in texts]
    marked = [bool(flags & INEXACT) for (flags,) in rows(got, "trades", "flags")]
    assert marked == [Decimal(text) != Decimal(repr(float(text))) for text in texts]


def test_memory_does_not_grow_with_the_file(tmp_path):
    line = TRADES.splitlines()[1] + "\n"
    write(tmp_path / "x_trades.csv.gz", TRADES_HEAD + line * 20_000)
    write(tmp_path / "y_trades.csv.gz", TRADES_HEAD + line * 1_500_000)
    code = """
        import resource, sys
        from rustonite_data.lake.imports import open_source
        count = sum(rows.num_rows for _, rows in open_source(sys.argv[1]).batches())
        print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
    """
    used = {}
    for name in ("x", "y"):
        command = [sys.executable, "-c", textwrap.dedent(code), tmp_path / f"{name}_trades.csv.gz"]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        count, used[name] = map(int, out.split())
    assert count == 1_500_000
    assert used["y"] < used["x"] + 120, "MB; the file has 130"


@pytest.mark.parametrize(
    ("name", "content", "format_"),
    [
        ("a_trades.csv.gz", gzip.compress(TRADES.encode(), mtime=0), "tardis"),
        ("bom_trades.csv", b"\xef\xbb\xbf" + TRADES.encode(), "tardis"),
        ("x.dbn", b"DBN\x02", "databento"),
        ("x", b"PAR1", "parquet"),
        ("x", b"ARROW1\0\0", "arrow"),
        ("x", b"\xff\xff\xff\xff\0\0\0\0", "arrow"),
        ("x.xlsx", b"anything", "excel"),
        ("AAPL_2012-06-21_34200000_57600000_message_2.csv", b"34200.1,1,1,1,1,1\n", "lobster"),
        ("BTCUSDT-1m-2024-01-01.csv", b"1,2\n", "binance"),
        ("btcusdt_20240808.gz", gzip.compress(b"1723161253937085768 {}\n", mtime=0), "collector"),
        ("anything.csv", b"a,b\n", "csv"),
    ],
)
def test_formats_are_recognised(tmp_path, name, content, format_):
    (tmp_path / name).write_bytes(content)
    assert find_format(tmp_path / name) == format_
    assert format_ in FORMATS


def test_content_id_is_of_the_bytes(tmp_path):
    one, other = write(tmp_path / "a", "same"), write(tmp_path / "b", "same")
    assert content_id(one) == content_id(other) != content_id(write(tmp_path / "b", "Same"))
    with pytest.raises(errors.NotFound):
        content_id(tmp_path / "none")


def test_rows_reach_a_tape_schema_unchanged(tmp_path):
    """Batches have exactly the types of the dataset."""
    source = open_source(write(tmp_path / "x_trades.csv", TRADES))
    ours = pa.schema(source.schema("trades"))
    for column in source.arrow_schema("trades"):
        assert column == ours.field(column.name)
    missing = set(ours.names) - set(source.arrow_schema("trades").names)
    assert all(ours.field(name).nullable for name in missing)
