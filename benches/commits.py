"""A table after years of commits: `python benches/commits.py --commits 50000`.

Each commit adds one file of one tape, as a committer does; every 120 commits the files are
"compacted". The log is kept for 30 seconds, which at full speed is as many commits as a day at one
every 30 seconds. No data files are written: this is about the log alone.
"""

import argparse
import json
import re
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

from figures import keep

from rustonite_data import schemas
from rustonite_data.lake.dataset import Dataset
from rustonite_data.lake.storage import Storage
from rustonite_data.lake.table import SETTINGS, Change, Table

KEPT = "interval 30 seconds"
COMPACT_EVERY = 120
TIME = "2026-01-01T00:00:00.123456789"


def file(name, number):
    """What the writer says of a file."""
    bounds = {"ts_recv": TIME, "ts_event": TIME, "symbol": "A", "price": 1.5, "trade_id": number}
    stats = {"numRecords": 2, "minValues": bounds, "maxValues": bounds}
    stats["nullCount"] = dict.fromkeys(bounds, 0)
    day = f"2026-01-{1 + number // 2880 % 28:02}"
    partition = {"venue": "binance", "date": day}
    path = f"venue=binance/date={day}/{name}{number}.parquet"
    return SimpleNamespace(path=path, size=5, partition=partition, rows=2, stats=json.dumps(stats))


def memory():
    """Of this process, without what it maps."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+)", status)[1]) / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--commits", type=int, default=5_000)
    commits = parser.parse_args().commits
    with tempfile.TemporaryDirectory() as folder:
        run(Storage(folder), commits)


def run(storage, commits):
    settings = dict.fromkeys(
        ("delta.logRetentionDuration", "delta.deletedFileRetentionDuration"), KEPT
    )
    table = Table.create(storage, Dataset.of(schemas.get("trades")), {**SETTINGS, **settings})
    print("  commits   median ms   p99 ms   open ms   log entries   own MB")
    times, every = [], max(1, commits // 10)
    for number in range(commits):
        start = time.perf_counter()
        table.commit(Change([file("f", number)], transactions={"tape": number}))
        times.append(time.perf_counter() - start)
        if number % COMPACT_EVERY == COMPACT_EVERY - 1:
            small = [one for one in table.files() if "/f" in one.path]
            table.commit(Change([file("m", number)], small, rows_change=False))
        if (number + 1) % every == 0:
            start = time.perf_counter()
            Table(storage, "trades")
            opening = time.perf_counter() - start
            recent = sorted(times[-every:])
            entries = len(storage.files("trades/_delta_log"))
            median, worst = recent[every // 2], recent[every * 99 // 100]
            figures = f"{median * 1e3:12.1f} {worst * 1e3:8.1f} {opening * 1e3:9.1f}"
            print(f"{number + 1:9} {figures} {entries:13} {memory():8.0f}", flush=True)
    what = f"a commit to a table, the last tenth of {commits:,}"
    keep("Lake: log", what, "ms", p50=median * 1e3, p99=worst * 1e3)
    keep("Lake: log", "opening that table", "ms", single=opening * 1e3)


if __name__ == "__main__":
    main()
