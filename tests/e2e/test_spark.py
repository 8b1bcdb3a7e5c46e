"""Spark reads the files of a snapshot, with the settings of docs/operating/distributed.md."""

import importlib.util
import json
import shutil

import pytest
from helpers import finish, python, trades_arrow

from rustonite_data.lake import Lake

MISSING = [
    what
    for what, there in (
        ("pyspark", importlib.util.find_spec("pyspark")),
        ("java", shutil.which("java")),
    )
    if not there
]

SPARK = """
    import json, sys
    from pyspark.sql import SparkSession

    setting, query, *files = sys.argv[1:]
    spark = (
        SparkSession.builder.master("local[2]").config(setting, "true")
        .config("spark.ui.enabled", "false").config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1").getOrCreate()
    )
    spark.read.parquet(*files).createOrReplaceTempView("trades")
    print("answer", json.dumps([list(row) for row in spark.sql(query).collect()]))
    spark.stop()
"""

QUERIES = {
    "spark.sql.timestampNanosTypes.enabled": """
        select symbol, cast(min(ts_recv) as string), min_by(price, ts_recv), sum(size), count(*)
        from trades where ts_event >= timestamp_ntz'1970-01-01 00:00:00.0000005'
        group by symbol order by symbol
    """,
    "spark.sql.legacy.parquet.nanosAsLong": """
        select symbol, min(ts_recv), min_by(price, ts_recv), sum(size), count(*)
        from trades where ts_event >= 500 group by symbol order by symbol
    """,
}


@pytest.mark.skipif(bool(MISSING), reason=f"NOT TESTED, for want of {MISSING}")
@pytest.mark.slow
@pytest.mark.parametrize("setting", QUERIES)
def test_spark_reads_nanoseconds(tmp_path, setting):
    lake = Lake.create(tmp_path / "lake")
    lake.append("trades", trades_arrow(600))
    lake.append("trades", trades_arrow(400, first=600))
    now = lake.snapshot("trades")
    files = [now.location(file) for file in now.files]
    out = finish(python(SPARK, setting, QUERIES[setting], *files, stderr=None), timeout=200)
    found = json.loads(out[out.index("answer ") + len("answer ") :])
    moment = "ts_recv" if setting.endswith("nanosAsLong") else None
    wanted = lake.sql(
        """
        select symbol, epoch_ns(min(ts_recv)), arg_min(price, ts_recv), sum(size), count(*)
        from trades where epoch_ns(ts_event) >= 500 group by symbol order by symbol
        """
    )
    for row, expected in zip(found, wanted.rows(), strict=True):
        nanoseconds = expected[1] if moment else f"1970-01-01 00:00:00.{expected[1]:09}".rstrip("0")
        assert row == [expected[0], nanoseconds, *expected[2:]]
