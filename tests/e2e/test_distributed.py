"""Bars over many days: Daft on a Ray of two local workers gives DuckDB's answer, row for row."""

import importlib.util
from dataclasses import replace

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.ipc
import pytest
from helpers import finish, python
from s3 import S3

from rustonite_data.errors import Invalid, Unavailable
from rustonite_data.lake import Lake, distributed

PACKAGES = ("daft", "ray")
MISSING = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
needs_ray = pytest.mark.skipif(
    bool(MISSING), reason=f"NOT TESTED, for want of {MISSING}: pip install rustonite[distributed]"
)

DAYS, SYMBOLS, VENUES = 5, ("BTC-USDT", "ETH-USDT", "A/B=C", "x y"), ("okx", "binance")
PER_FILE = 5_000
DAY_NS = 86_400_000_000_000
FIRST_DAY_NS = 20_454 * DAY_NS


def day_of_trades(day, venue, seed):
    """Sums of these are exact in any order: prices are quarters, sizes eighths."""
    dice = np.random.default_rng(seed)
    arrived = FIRST_DAY_NS + day * DAY_NS + np.sort(dice.integers(0, DAY_NS - 10**9, PER_FILE))
    arrived[1::5] = arrived[::5]  # several in one message
    happened = arrived + dice.integers(-2_000_000, 100_000, PER_FILE)
    return pa.table(
        {
            "ts_event": pa.array(np.maximum(happened, FIRST_DAY_NS), pa.timestamp("ns")),
            "ts_recv": pa.array(arrived, pa.timestamp("ns")),
            "venue": [venue] * PER_FILE,
            "symbol": [SYMBOLS[code] for code in dice.integers(0, len(SYMBOLS), PER_FILE)],
            "price": 1000 + np.cumsum(dice.integers(-3, 4, PER_FILE)) / 4,
            "size": dice.integers(1, 100, PER_FILE) / 8,
            "side": np.where(dice.random(PER_FILE) < 0.5, "buy", "sell"),
            "trade_id": np.arange(PER_FILE) + day * PER_FILE,
            "flags": np.ones(PER_FILE, np.int32),
        }
    )


@pytest.fixture
def lake(tmp_path):
    lake = Lake.create(tmp_path / "lake")
    for day in range(DAYS):
        for venue in VENUES:
            lake.append("trades", day_of_trades(day, venue, seed=day * 10 + len(venue)))
    return lake


BARS = """
    select venue, symbol,
        make_timestamp_ns(epoch_ns(ts_event) // 60_000_000_000 * 60_000_000_000) as ts_open,
        arg_min(price, row(ts_recv, trade_id)) as open, max(price) as high, min(price) as low,
        arg_max(price, row(ts_recv, trade_id)) as close, sum(size) as volume,
        sum(price * size) as turnover, sum(price * size) / sum(size) as vwap,
        coalesce(sum(size) filter (side = 'buy'), 0) as buy_volume, count(*) as count
    from trades group by all order by venue, symbol, ts_open
"""

CLUSTER = """
    import sys
    from datetime import timedelta
    import daft, pyarrow as pa, ray
    from ray.cluster_utils import Cluster
    from rustonite_data.lake import Lake, distributed

    head = {"num_cpus": 0, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    for _ in range(2):
        cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    ray.init(address=cluster.address, log_to_driver=False)
    workers = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    assert len(workers) == 2, ray.nodes()
    daft.set_runner_ray()
    trades = distributed.scan(Lake(sys.argv[1]).snapshot("trades"))
    bars = distributed.bars(trades, timedelta(minutes=1)).sort(["venue", "symbol", "ts_open"])
    with pa.ipc.new_file(sys.argv[2], (table := bars.to_arrow()).schema) as out:
        out.write_table(table)
    ray.shutdown()
    cluster.shutdown()
"""


@needs_ray
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_bars_of_two_workers_are_duckdbs(lake, tmp_path):
    answer = tmp_path / "bars.arrow"
    finish(python(CLUSTER, lake.storage.root, answer, stderr=None), timeout=500)
    with pa.ipc.open_file(answer) as file:
        found = file.read_all()
    wanted = lake.sql(BARS).arrow()
    assert wanted.num_rows > DAYS * PER_FILE / 2
    assert found.column_names == wanted.column_names
    assert found.cast(wanted.schema) == wanted


@needs_ray
def test_a_scan_is_the_snapshot(lake):
    rows = day_of_trades(1, "okx", seed=77)
    with lake.tape("trades", "t") as tape:
        tape.append(rows)
        # What a commit replaced is still in the folder, and is not read.
        lake.compact("trades")
        frame = distributed.scan(lake.snapshot("trades"))
        found = pl.from_arrow(frame.to_arrow())
        assert len(found) == PER_FILE * (DAYS * len(VENUES) + 1)
        key = ["venue", "symbol", "ts_recv", "trade_id", "price"]
        wanted = lake.sql("from trades").pl().select(found.columns)
        assert found.sort(key).equals(wanted.cast(dict(found.schema)).sort(key))
        cold = lake.snapshot("trades", hot=False)
    assert distributed.scan(cold, ["price"]).count_rows() == PER_FILE * DAYS * len(VENUES)
    with pytest.raises(Invalid, match="no column 'prise'; there are: ts_event"):
        distributed.scan(cold, ["prise"])


@needs_ray
def test_columns_that_came_later_are_null_in_old_files(tmp_path):
    lake = Lake.create(tmp_path / "lake")
    lake.create_dataset("mine", pa.schema([pa.field("a", pa.int64())]))
    assert distributed.scan(lake.snapshot("mine")).to_pydict() == {"a": []}
    lake.append("mine", pa.table({"a": [1]}))
    lake.add_columns("mine", pa.schema([pa.field("b", pa.string())]))
    lake.append("mine", pa.table({"a": [2], "b": ["x"]}))
    found = distributed.scan(lake.snapshot("mine")).sort("a").to_pydict()
    assert found == {"a": [1, 2], "b": [None, "x"]}


@needs_ray
def test_settings_of_the_object_store_reach_daft():
    with S3() as s3:
        lake = Lake.create(s3.url("lake"), storage_options=s3.options)
        lake.append("trades", day_of_trades(0, "okx", seed=1))
        now = lake.snapshot("trades")
        assert distributed.scan(now, ["venue"]).distinct().to_pydict() == {"venue": ["okx"]}
        elsewhere = replace(now, root="gs://bucket/lake/trades")
        with pytest.raises(Invalid, match="environment of the workers for gs://"):
            distributed.scan(elsewhere)


@pytest.mark.skipif("daft" not in MISSING, reason="Daft is installed")
def test_without_daft_it_says_what_to_install(tmp_path):
    lake = Lake.create(tmp_path / "lake")
    with pytest.raises(Unavailable, match=r"rustonite\[distributed\]"):
        distributed.scan(lake.snapshot("trades"))
