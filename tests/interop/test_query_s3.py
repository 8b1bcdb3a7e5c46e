"""Queries of every engine over files in an object store."""

import dataclasses
import threading
from pathlib import Path

import pyarrow as pa
import pytest
from query_lake import DAY_NS, START, snapshot, trades
from s3 import S3

from rustonite_data.errors import Corrupt, Invalid, Unavailable
from rustonite_data.lake import objects, query
from rustonite_data.lake.storage import Storage

ENGINES = ["duckdb", "datafusion", "polars"]


@pytest.fixture(scope="module")
def server():
    with S3() as server:
        yield server


@pytest.fixture
def s3(server):
    yield server
    server.heal()


@pytest.fixture
def made(s3, tmp_path):
    """Three days of trades in a bucket, and hot rows."""
    days = [trades(50, start=START + day * DAY_NS) for day in range(3)]
    local = snapshot("trades", tmp_path, days, [trades(4, symbols=["SOL"])])
    root = s3.url(f"{tmp_path.name}/trades")
    storage = Storage(root, s3.options)
    # Folders are named so when a value has characters that names of files had better not have.
    files = [dataclasses.replace(f, path=f"venue=a%2Fb %41/{f.path}") for f in local.files]
    for file, there in zip(local.files, files, strict=True):
        storage.upload(Path(local.location(file)), there.path)
    return dataclasses.replace(local, root=root, files=tuple(files), storage_options=s3.impatient)


def sql(made, text, **options):
    return query.run_sql(lambda _: made, ["trades"], text, **options).rows()


@pytest.mark.parametrize("engine", ENGINES)
def test_rows_of_a_bucket_and_of_tapes(made, engine):
    text = (
        "SELECT symbol, count(*) AS n, max(price) AS p FROM trades GROUP BY symbol ORDER BY symbol"
    )
    expected = [("BTC", 75, 148.0), ("ETH", 75, 149.0), ("SOL", 4, 103.0)]
    assert sql(made, text, engine=engine) == expected


def test_slices(made):
    chosen = {"symbols": ["BTC", "SOL"], "start": "2026-01-02", "end": "2026-01-03"}
    assert len(query.scan(made, **chosen).collect()) == 25
    found = query.table(made, **chosen).arrow()
    assert found.num_rows == 25
    assert found.schema.types == made.dataset.file_schema().types


@pytest.mark.parametrize("engine", ["duckdb", "datafusion"])
def test_files_that_cannot_match_are_not_asked_for(made, engine, s3):
    text = "SELECT count(*) AS n FROM trades WHERE date = '2026-01-02' AND price > 0"
    with s3.recorded() as requests:
        assert sql(made, text, engine=engine) == [(50,)]
    asked = {one.path.rpartition("/")[2] for one in requests if ".parquet" in one.path}
    assert asked == {made.files[1].path.rpartition("/")[2]}


@pytest.mark.parametrize("engine", ["duckdb", "datafusion"])
def test_restricted_sql_reads_only_the_files(made, engine, s3, tmp_path):
    text = "SELECT count(*) AS n FROM trades WHERE symbol = 'ETH'"
    assert sql(made, text, engine=engine, restricted=True) == [(75,)]
    Storage(s3.url("other"), s3.options).replace("x.csv", b"secret\n1\n")
    (tmp_path / "x.csv").write_text("secret\n1\n")
    for path in (s3.url("other/x.csv"), tmp_path / "x.csv"):
        attack = f"SELECT * FROM trades, read_csv('{path}')"  # noqa: S608 - the attack
        with pytest.raises(Invalid):
            sql(made, attack, engine=engine, restricted=True)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_missing_file_is_named(made, engine, s3):
    Storage(made.root, s3.options).delete(made.files[2].path)
    with pytest.raises(Corrupt, match=made.files[2].path):
        sql(made, "SELECT sum(price) AS p FROM trades", engine=engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_store_that_is_away(made, engine, s3):
    s3.down()
    try:
        with pytest.raises(Unavailable):
            sql(made, "SELECT sum(price) AS p FROM trades", engine=engine)
    finally:
        s3.up()
    assert sql(made, "SELECT count(*) AS n FROM trades", engine=engine) == [(154,)]


def test_two_stores_do_not_share_credentials(made, s3):
    """DuckDB keeps the readers of a store, so they must go by its settings."""
    assert sql(made, "SELECT count(*) AS n FROM trades") == [(154,)]
    elsewhere = {**s3.impatient, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    other = dataclasses.replace(made, storage_options=elsewhere)
    with pytest.raises(Unavailable):
        sql(other, "SELECT sum(price) AS p FROM trades")
    assert pa.table(query.run_sql(lambda _: made, ["trades"], "FROM trades")).num_rows == 154


def test_threads_that_share_a_file_read_what_they_ask_for(s3, tmp_path):
    """DuckDB reads ahead with several threads on one handle; to seek and to read are two calls."""
    storage = Storage(s3.url(tmp_path.name), s3.options)
    (tmp_path / "bytes").write_bytes(bytes(range(256)))
    storage.upload(tmp_path / "bytes", "bytes")
    store = objects.Objects("s3", storage.options)
    turn, found = threading.Barrier(2), {}

    def read(place):
        turn.wait()
        file.seek(place)
        turn.wait()
        found[place] = file.read(4)

    with store.open(f"{storage.root}/bytes", "rb") as file:
        in_threads = [threading.Thread(target=read, args=(place,)) for place in (10, 200)]
        for thread in in_threads:
            thread.start()
        for thread in in_threads:
            thread.join()
        assert found == {10: bytes(range(10, 14)), 200: bytes(range(200, 204))}
        file.seek(-6, 2)
        assert (file.tell(), file.read(), file.read(1)) == (250, bytes(range(250, 256)), b"")
        file.seek(254)
        assert file.read(100) == bytes([254, 255])
