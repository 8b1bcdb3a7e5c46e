"""Readers beside a recorder, a committer and maintenance; storage that goes away and comes back."""

import threading
import time
from pathlib import Path

import pytest
from helpers import SMALL, finish, python, trades, trades_arrow
from s3 import S3

from rustonite_data.errors import Unavailable
from rustonite_data.lake import Committer, Lake

RECORDER = """
    import sys, time
    sys.path.insert(0, sys.argv[2])
    from helpers import SMALL, trades
    from rustonite_data.lake import Committer, Lake

    lake = Lake(sys.argv[1])
    end = time.monotonic() + float(sys.argv[3])
    row = 0
    with lake.tape("trades", "one", **SMALL, segment_rows=256, fsync_interval=0.05) as tape:
        with Committer(lake, interval=0.02):
            while time.monotonic() < end:
                row = tape.append(trades(50, first=row))
                time.sleep(0.002)
    print(row)
"""
SECONDS = 12


@pytest.mark.timeout(180)
def test_a_reader_never_misses_and_never_doubles(tmp_path):
    """Rows are numbered: a query must see 0 to n - 1, and n never smaller than what was there."""
    tests = Path(__file__).parents[1]
    lake = Lake.create(tmp_path / "lake")
    recorder = python(RECORDER, tmp_path / "lake", tests, SECONDS)
    stop = threading.Event()

    def maintain():
        mine = Lake(tmp_path / "lake")
        while not stop.wait(0.3):
            if "trades" in mine.storage.folders():
                mine.compact("trades", now="2050-01-01")

    keeper = threading.Thread(target=maintain)
    keeper.start()
    seen, looks = 0, 0
    try:
        while recorder.poll() is None:
            if "trades" not in lake.datasets():
                continue
            query = "select count(*), count(distinct trade_id), max(trade_id) from trades"
            count, distinct, newest = lake.sql(query).rows()[0]
            expected = 0 if newest is None else newest + 1
            assert count == distinct == expected, f"{count} rows to {newest}"
            assert count >= seen
            seen, looks = count, looks + 1
            if looks % 5 == 0:
                assert lake.last("trades")["trade_id"].to_pylist()
                frame = lake.scan("trades", columns=["trade_id"]).collect()["trade_id"]
                assert frame.n_unique() == len(frame) >= seen
    finally:
        stop.set()
        keeper.join()
    rows = int(finish(recorder).split()[-1])
    Committer(lake).run_once(seal=True)
    assert len(lake.table("trades", hot=False)) == rows
    assert looks > 20
    merged = [f for f in lake.snapshot("trades").files if "merged-" in f.path]
    assert merged, "nothing was compacted meanwhile"


@pytest.fixture(scope="module")
def server():
    with S3() as server:
        yield server


@pytest.fixture
def remote(server, tmp_path, request):
    name = server.url(request.node.name)
    options = server.impatient
    yield Lake.create(name, tapes=tmp_path / "tapes", storage_options=options)
    server.resume()
    server.heal()


def drain(tape, lake):
    tape.seal()
    tape.sync()
    return Committer(lake).run_once()


def test_a_lake_on_an_object_store(remote):
    assert Lake.create(remote.storage.root, storage_options=remote.storage.options).id == remote.id
    with remote.tape("trades", "one", **SMALL) as tape:
        tape.append(trades(50))
        assert drain(tape, remote) == 50
        tape.append(trades(50, first=50))
        for engine in ("duckdb", "datafusion", "polars"):
            query = "select count(*) as n, count(distinct trade_id) as d from trades"
            assert remote.sql(query, engine=engine).rows() == [(100, 100)]
        drain(tape, remote)
    remote.append("trades", trades_arrow(10, first=100))
    assert remote.compact("trades", now="2050-01-01").merges == 1
    assert len(remote.table("trades", symbols="S1")) == len([i for i in range(110) if i % 7 == 1])
    assert len(remote.scan("trades").collect()) == 110
    assert remote.verify("trades") == []
    assert remote.delete("trades", symbols="S2") == len([i for i in range(110) if i % 7 == 2])
    remote.restore("trades", 4)
    assert len(remote.last("trades")) == 7
    assert remote.vacuum("trades", hours=0, alone=True)
    assert len(remote.table("trades")) == 110


def test_racing_writers_on_an_object_store(remote):
    remote.append("trades", trades_arrow(1, first=10**6))

    def write(number):
        mine = Lake(remote.storage.root, storage_options=remote.storage.options)
        for part in range(8):
            mine.append("trades", trades_arrow(3, first=number * 1000 + part * 3))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = sorted(remote.table("trades").arrow()["trade_id"].to_pylist())
    assert found == [*range(24), *range(1000, 1024), 10**6]
    assert remote.snapshot("trades").version == 17


def test_storage_is_away_while_the_tape_records(remote, server):
    with remote.tape("trades", "one", **SMALL) as tape, Committer(remote, interval=0.05) as worker:
        tape.append(trades(10))
        tape.seal()
        wait_for(lambda: worker.status() and worker.status()[0].rows_committed == 10)
        server.down()
        for part in range(1, 6):
            tape.append(trades(10, first=10 * part))
        tape.seal()
        wait_for(lambda: worker.status()[0].failures >= 1)
        state = worker.status()[0]
        assert state.error.startswith("Unavailable")
        assert state.rows_waiting == 50
        server.up()
        wait_for(lambda: worker.status()[0].rows_committed == 60)
        wait_for(lambda: worker.status()[0].error is None)
    assert sorted(remote.table("trades").arrow()["trade_id"].to_pylist()) == list(range(60))


@pytest.mark.parametrize("match", ["PUT _delta_log", "PUT .parquet", "GET _delta_log"])
@pytest.mark.parametrize("action", ["lose", "cut", "error"])
def test_answers_that_get_lost_change_nothing(remote, server, action, match):
    remote.append("trades", trades_arrow(5))
    with remote.tape("trades", "one", **SMALL) as tape:
        tape.append(trades(20, first=5))
        tape.seal()
        tape.sync()
        server.rule(action, match, times=2)
        for _ in range(5):
            try:
                Committer(remote).run_once()
            except Unavailable:
                time.sleep(0.2)
        server.heal()
        Committer(remote).run_once()
        found = sorted(remote.table("trades", hot=False).arrow()["trade_id"].to_pylist())
    assert found == list(range(25))


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
