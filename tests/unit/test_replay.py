"""History comes back on tapes: the same rows, in order, as far apart as asked for."""

import json
import threading
import time

import pyarrow as pa
import pytest
from click.testing import CliRunner
from helpers import plain

from rustonite_data import Tape, cli, schemas
from rustonite_data.errors import Conflict, Invalid, NotFound
from rustonite_data.lake import Lake
from rustonite_data.replay import replay
from rustonite_data.tape import MergedReader

START = 1_767_312_000_000_000_000  # 2026-01-02
MS = 1_000_000


def table(dataset, moments, **columns):
    count = len(moments)
    known = {
        "ts_event": moments, "ts_recv": moments, "venue": ["binance"] * count,
        "symbol": ["BTCUSDT", "ETHUSDT"] * (count // 2), "flags": [1] * count, **columns,
    }  # fmt: skip
    types = pa.schema(schemas.get(dataset))
    arrays = [pa.array(known.get(field.name, [None] * count), field.type) for field in types]
    return pa.table(arrays, schema=types)


@pytest.fixture
def lake(memory):
    """Trades every 10 ms and quotes every 4 ms, for a second, shuffled by the lake's sorting."""
    made = Lake.create(memory / "lake")
    trades = [START + 10 * MS * at for at in range(100)]
    quotes = [START + 4 * MS * at + 1 for at in range(250)]
    fields = {"price": [1.0] * 100, "size": [1.0] * 100, "side": ["buy"] * 100}
    made.append("trades", table("trades", trades, trade_id=list(range(100)), **fields))
    made.append("quotes", table("quotes", quotes, seq=list(range(250))))
    return made


def rows(memory, dataset):
    return Tape.reader(memory / "again" / dataset / "replay").read().arrow()


def test_all_rows_in_order(lake, memory):
    done = replay(lake, memory / "again", ["trades", "quotes"])
    assert done.rows == {"trades": 100, "quotes": 250}
    for dataset in done.rows:
        query = f"select * exclude (date) from {dataset} order by ts_recv"  # noqa: S608
        assert plain(rows(memory, dataset)).equals(plain(lake.sql(query).arrow()))


def test_rows_of_one_event_keep_their_order(memory):
    lake = Lake.create(memory / "lake")
    # Two messages, one after the other; files need not keep their rows in order.
    moments = [START, START, START, START, START + MS, START + MS]
    seqs, positions = [7, 6, 7, 6, 8, 8], [1, 1, 0, 0, 1, 0]
    told = table("book_deltas", moments, seq=seqs, position=positions, action=["set"] * 6)
    told = told.set_column(3, "symbol", pa.array(["BTCUSDT"] * 6).dictionary_encode())
    lake.append("book_deltas", told)
    fields = {"price": [1.0] * 4, "size": [1.0] * 4, "side": ["buy"] * 4}
    lake.append("trades", table("trades", [START] * 4, trade_id=[4, 3, 2, 1], **fields))
    replay(lake, memory / "again", ["book_deltas", "trades"])
    book = rows(memory, "book_deltas")
    found = zip(book["seq"].to_pylist(), book["position"].to_pylist(), strict=True)
    assert list(found) == [(6, 0), (6, 1), (7, 0), (7, 1), (8, 0), (8, 1)]
    assert rows(memory, "trades")["trade_id"].to_pylist() == [2, 4, 1, 3]  # by symbol


def test_a_reader_sees_the_pace_and_the_order(lake, memory):
    speed, seen = 2.0, []
    worker = threading.Thread(
        target=replay, args=(lake, memory / "again", ["trades", "quotes"]), kwargs={"speed": speed}
    )
    worker.start()
    paths = [memory / "again" / dataset / "replay" for dataset in ("trades", "quotes")]
    end = time.monotonic() + 60
    while True:
        try:
            reader = MergedReader(paths)
            break
        except NotFound:
            assert time.monotonic() < end
            time.sleep(0.001)
    while sum(count for *_, count in seen) < 350 and time.monotonic() < end:
        found = reader.poll()
        if found is None:
            reader.wait(timeout=0.05)
            continue
        moments = found[1].arrow()["ts_recv"].cast("int64").to_pylist()
        seen.append((time.monotonic(), moments[0], len(moments)))
    worker.join()
    assert sum(count for *_, count in seen) == 350
    # Generous, as a busy machine is no bug: a second of history takes half a second.
    took = seen[-1][0] - seen[0][0]
    assert 0.3 < took < 1.5
    early = [at for at in seen if (at[1] - START) / 1e9 / speed > at[0] - seen[0][0] + 0.15]
    assert early == []


def test_a_part(lake, memory):
    done = replay(
        lake, memory / "again", ["trades"], start=START + 500 * MS, end=START + 600 * MS,
        symbols="ETHUSDT", venues=["binance"],
    )  # fmt: skip
    assert done.rows == {"trades": 5}
    assert rows(memory, "trades")["trade_id"].to_pylist() == [51, 53, 55, 57, 59]


def test_what_cannot_be_replayed(lake, memory):
    with pytest.raises(Invalid, match="speed: found 0"):
        replay(lake, memory / "again", ["trades"], speed=0)
    with pytest.raises(NotFound, match="no such rows in trades"):
        replay(lake, memory / "again", ["trades"], symbols="NOTHING")
    replay(lake, memory / "again", ["trades"])
    with pytest.raises(Conflict, match="give another name"):
        replay(lake, memory / "again", ["trades"])


def test_from_the_shell(lake, memory):
    def call(*arguments):
        command = ["replay", *arguments, "--lake", str(lake.storage.root)]
        return CliRunner().invoke(cli.main, [*command, "--into", str(memory / "again")])

    result = call("trades", "quotes", "--speed", "max", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["rows"] == {"trades": 100, "quotes": 250}
    result = call("trades", "--speed", "10", "--name", "second", "--start", "2026-01-02")
    assert result.stdout.startswith("100 rows of trades in 0.")
    result = call("trades", "--speed", "slow")
    assert result.exit_code == 2
    assert "expected a number such as 1 or 10, or max" in result.stderr
    for wrong in ([], ["trades", "--from-frames"], ["--from-frames", "--symbol", "BTCUSDT"]):
        result = call(*wrong)
        assert (result.exit_code, "--from-frames" in result.stderr) == (2, True)
    help_text = CliRunner().invoke(cli.main, ["replay", "--help"]).stdout
    assert "Example:\n    rustonite replay trades quotes" in help_text
