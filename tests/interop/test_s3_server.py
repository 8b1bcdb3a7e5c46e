"""The S3 server that other tests rely on decides races, keeps bytes, and fails when told to.

Everything here is the server and other people's clients; what the lake does on it is elsewhere.
"""

import contextlib
import json
import threading
import time

import duckdb
import numpy as np
import obstore
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, Field, Schema
from deltalake.schema import PrimitiveType
from helpers import finish, python
from s3 import S3

SCHEMA = Schema(
    [
        Field("writer", PrimitiveType("long"), nullable=False),
        Field("number", PrimitiveType("long"), nullable=False),
    ]
)


@pytest.fixture(scope="module")
def server():
    with S3() as server:
        yield server


@pytest.fixture
def s3(server):
    yield server
    server.resume()
    server.heal()


def test_of_racing_creations_exactly_one_wins(s3):
    rounds, writers = 200, 8
    together = threading.Barrier(writers)
    winners = [[] for _ in range(rounds)]

    def write(writer):
        store = s3.obstore("raced-for")
        for number in range(rounds):
            together.wait()
            with contextlib.suppress(obstore.exceptions.AlreadyExistsError):
                obstore.put(store, str(number), bytes([writer]), mode="create")
                winners[number].append(bytes([writer]))

    in_threads(write, writers)
    assert [len(won) for won in winners] == [1] * rounds
    found = [bytes(obstore.get(s3.obstore("raced-for"), str(n)).bytes()) for n in range(rounds)]
    assert found == [won[0] for won in winners]
    # The test shows nothing if one writer was always first.
    assert len(set(found)) > 1


def in_threads(work, count):
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


APPENDER = """
    import io, json, sys
    import obstore, pyarrow as pa, pyarrow.parquet as pq
    from deltalake import CommitProperties, DeltaTable, Transaction
    from deltalake.transaction import AddAction

    url, options, writer, commits = sys.argv[1], json.loads(sys.argv[2]), *map(int, sys.argv[3:])
    client = {"allow_http": bool(options.pop("AWS_ALLOW_HTTP"))}
    store = obstore.store.from_url(url, config=options, client_options=client)
    options["AWS_ALLOW_HTTP"] = "true"
    table = DeltaTable(url, storage_options=options)
    for number in range(commits):
        table.update_incremental()
        print("ready", flush=True)
        sys.stdin.readline()
        file = io.BytesIO()
        pq.write_table(pa.table({"writer": [writer] * 3, "number": [number] * 3}), file)
        name, size = f"{writer}-{number}.parquet", file.tell()
        obstore.put(store, name, file.getvalue())
        done = Transaction(app_id=f"writer-{writer}", version=number)
        table.create_write_transaction(
            [AddAction(name, size, {}, 0, True, json.dumps({"numRecords": 3}))],
            "append",
            table.schema(),
            commit_properties=CommitProperties(app_transactions=[done], max_commit_retries=100),
        )
"""


def test_two_processes_append_to_one_table_and_no_commit_is_lost(s3):
    url, commits = s3.url("raced"), 30
    DeltaTable.create(url, SCHEMA, storage_options=s3.options)
    options = json.dumps(s3.options)
    writers = [python(APPENDER, url, options, w, commits) for w in (1, 2)]
    # So that one commit is on its way while the other starts.
    s3.rule("slow", "PUT raced/_delta_log", times=None, seconds=0.02)
    with s3.recorded() as requests:
        for _ in range(commits):
            assert [writer.stdout.readline() for writer in writers] == ["ready\n"] * 2
            for writer in writers:
                writer.stdin.write("go\n")
                writer.stdin.flush()
        for writer in writers:
            finish(writer)
    # It was a race: some commits came second and were tried again.
    assert any(request.status == 412 for request in requests)
    table = DeltaTable(url, storage_options=s3.options)
    assert table.version() == 2 * commits
    assert [table.transaction_version(f"writer-{w}") for w in (1, 2)] == [commits - 1] * 2
    rows = table.to_pyarrow_table()
    found = sorted(zip(rows["writer"].to_pylist(), rows["number"].to_pylist(), strict=True))
    assert found == [(w, n) for w in (1, 2) for n in range(commits) for _ in range(3)]


def test_a_large_file_goes_up_in_parts_and_ranges_come_down(s3):
    data = np.random.default_rng(3).bytes(20 << 20)
    with s3.recorded() as requests:
        obstore.put(s3.obstore(), "large", data)
    assert [request.method for request in requests].count("PUT") >= 4
    assert max(request.received for request in requests) < len(data)
    with s3.recorded() as requests:
        part = bytes(obstore.get_range(s3.obstore(), "large", start=7 << 20, length=1000))
    assert part == data[7 << 20 :][:1000]
    assert [(r.status, r.sent) for r in requests] == [(206, 1000)]
    assert bytes(obstore.get(s3.obstore(), "large").bytes()) == data


def test_listing_and_deleting(s3):
    store = s3.obstore("listed")
    for number in range(1500):
        obstore.put(store, f"a/{number:04}", b"")
    obstore.put(store, "b/x", b"1")
    paths = [meta["path"] for page in obstore.list(store, "a") for meta in page]
    assert paths == [f"a/{number:04}" for number in range(1500)]
    assert obstore.list_with_delimiter(store)["common_prefixes"] == ["a", "b"]
    obstore.delete(store, paths[:1499])
    assert [meta["path"] for page in obstore.list(store) for meta in page] == ["a/1499", "b/x"]
    with pytest.raises(FileNotFoundError):
        obstore.get(store, "a/0000")


@pytest.fixture
def parquet(s3):
    table = pa.table({"n": range(1_000_000), "t": pa.array(range(1_000_000), pa.timestamp("ns"))})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=20_000)
    file = sink.getvalue().to_pybytes()
    obstore.put(s3.obstore(), "read/a=b/x y.parquet", file)
    return s3.url("read/a=b/x y.parquet"), table, len(file)


def test_engines_read_the_part_that_they_need(s3, parquet):
    url, table, size = parquet
    wanted = table.slice(100_000, 10)
    with s3.recorded() as by_polars:
        frame = pl.scan_parquet(url, storage_options=s3.options)
        rows = frame.filter(pl.col("n").is_between(100_000, 100_009)).collect()
    assert rows.to_arrow() == wanted
    with s3.recorded() as by_duckdb, duckdb.connect() as connection:
        connection.register_filesystem(s3.fsspec())
        query = "from read_parquet(?, hive_partitioning=false) where n between 100000 and 100009"
        rows = connection.sql(query, params=[url]).to_arrow_table()
    assert rows == wanted
    with s3.recorded() as by_pyarrow:
        dataset = ds.dataset(url.removeprefix("s3://"), filesystem=s3.fsspec())
        rows = dataset.to_table(filter=(ds.field("n") >= 100_000) & (ds.field("n") <= 100_009))
    assert rows == wanted
    for requests in (by_polars, by_duckdb, by_pyarrow):
        assert 0 < sum(request.sent for request in requests) < size / 4


def test_it_is_away_and_comes_back_with_its_objects(s3):
    url = s3.url("away")
    DeltaTable.create(url, SCHEMA, storage_options=s3.impatient)
    s3.down()
    with pytest.raises(OSError, match="max_retries"):
        DeltaTable(url, storage_options=s3.impatient)
    s3.up()
    assert DeltaTable(url, storage_options=s3.impatient).version() == 0


def test_it_stalls(s3):
    url = s3.url("stalled")
    DeltaTable.create(url, SCHEMA, storage_options=s3.impatient)
    s3.pause()
    with pytest.raises(OSError, match="max_retries"):
        DeltaTable(url, storage_options=s3.impatient)
    s3.resume()
    assert DeltaTable(url, storage_options=s3.impatient).version() == 0


def test_rules_hit_the_requests_they_name(s3):
    store = s3.obstore("ruled")
    s3.rule("error", "PUT ruled/a", status=403)
    obstore.put(store, "b", b"1")
    with pytest.raises(obstore.exceptions.PermissionDeniedError):
        obstore.put(store, "a", b"1")
    obstore.put(store, "a", b"1")
    s3.rule("error", "GET ruled/a", skip=1, status=404)
    obstore.get(store, "a")
    with pytest.raises(FileNotFoundError):
        obstore.get(store, "a")
    s3.rule("slow", "GET ruled/a", seconds=0.2)
    started = time.monotonic()
    obstore.get(store, "a")
    assert time.monotonic() - started >= 0.2


def test_a_cut_connection_and_a_cut_answer_are_tried_again(s3):
    store = s3.obstore("cut")
    s3.rule("cut", "PUT cut/a")
    with s3.recorded() as requests:
        obstore.put(store, "a", b"12345678" * 1000)
    assert [(request.method, request.status) for request in requests] == [("PUT", 200)]
    s3.rule("truncate", "GET cut/a")
    with s3.recorded() as requests:
        assert bytes(obstore.get(store, "a").bytes()) == b"12345678" * 1000
    assert len(requests) == 2


def test_a_lost_answer_leaves_the_object_and_a_client_that_thinks_it_lost_the_race(s3):
    store = s3.obstore("lost")
    s3.rule("lose", "PUT lost/a")
    with pytest.raises(obstore.exceptions.AlreadyExistsError):
        obstore.put(store, "a", b"mine", mode="create")
    assert bytes(obstore.get(store, "a").bytes()) == b"mine"


def test_killed_it_takes_its_objects_along():
    with S3() as s3:
        obstore.put(s3.obstore(), "a", b"1")
        s3.kill()
        with pytest.raises(obstore.exceptions.BaseError):
            obstore.get(s3.obstore(), "a")
        with pytest.raises((RuntimeError, BrokenPipeError)):
            s3.heal()
