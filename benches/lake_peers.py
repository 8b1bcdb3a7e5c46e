"""The systems that `lake.py` compares, each with the same steps and the same questions.

Every step runs in a process of its own (`python benches/lake_peers.py ingest duckdb …`), which
prints JSON, so that peak memory is that of one system in one step. Data is read batch by batch, and
only the system's own calls are timed; what a caller prepares for it is not.

Each system is used as its documentation advises for ticks: sorted by symbol and arrival, texts as
codes where it has them, its own compression. Times are asked of `ts_event`, which is not in order
of arrival; a system that is sorted by arrival may widen a range by what the clocks differ at most.
"""

# Each system is imported in its own processes only; the texts of queries are our own.
# ruff: noqa: PLC0415, S608

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import ClassVar

import lake_data as data
import numpy as np
import pyarrow as pa
from lake_files import Parquet, Plain
from lake_ours import BySql, HalfHot, Rustonite
from lake_system import (
    CHECKED,
    COLUMNS,
    QUESTIONS,
    SLACK_NS,
    SLICE,
    Stopwatch,
    Store,
    System,
    Unanswered,
    files_bytes,
    polars_bars,
    polars_notional,
    range_of,
    spell,
)

RUNS = 7


class DuckDB(Store):
    package = "duckdb"

    def open(self, *, new: bool) -> None:
        import duckdb

        self.folder.mkdir(exist_ok=True)
        self.connection = duckdb.connect()
        for dataset in data.SCHEMAS:
            self._attach(dataset)
            if new:
                table = data.plain(pa.RecordBatch.from_pylist([], data.SCHEMAS[dataset]))
                self.connection.register("rows", table)
                self.connection.execute(
                    f"create table db_{dataset}.{dataset} as select * replace "
                    f"({self._codes(dataset)}) from rows"
                )

    def _attach(self, dataset: str) -> None:
        # A file each, so that bytes can be told apart.
        path = self.folder / f"{dataset}.duckdb"
        self.connection.execute(f"attach '{path}' as db_{dataset}")

    @staticmethod
    def _codes(dataset: str) -> str:
        words = {"venue": data.VENUES, "symbol": data.SYMBOLS}
        if dataset == "trades":
            words["side"] = ["buy", "sell"]
        return ", ".join(f"{name}::enum{tuple(values)} as {name}" for name, values in words.items())

    def append(self, dataset: str, rows) -> None:
        self.connection.register("rows", rows)
        self.connection.execute(f"insert into db_{dataset}.{dataset} select * from rows")

    def finalize(self, dataset: str) -> None:
        run = self.connection.execute
        run(f"attach '{self.folder / 'sorted.duckdb'}' as into_sorted")
        run(
            f"create table into_sorted.{dataset} as from db_{dataset}.{dataset} "
            "order by symbol, ts_recv"
        )
        run("detach into_sorted")
        run(f"detach db_{dataset}")
        (self.folder / "sorted.duckdb").replace(self.folder / f"{dataset}.duckdb")
        self._attach(dataset)

    def bytes(self, dataset: str) -> int:
        self.connection.execute(f"checkpoint db_{dataset}")
        return (self.folder / f"{dataset}.duckdb").stat().st_size

    def ask(self, question: str) -> pa.Table:
        text = spell(
            question,
            moment=lambda ns: f"make_timestamp_ns({ns})",
            minute="time_bucket(interval '1 minute', ts_event)",
            first="arg_min",
            last="arg_max",
        )
        for dataset in data.SCHEMAS:
            text = text.replace(f"from {dataset}", f"from db_{dataset}.{dataset}")
        return self.connection.sql(text).to_arrow_table()


class ClickHouse(Store):
    """ClickHouse in the process, by chDB."""

    package = "chdb"
    CODECS: ClassVar = {
        "ts_event": "DateTime64(9) codec(Delta, ZSTD(1))",
        "ts_recv": "DateTime64(9) codec(Delta, ZSTD(1))",
        "venue": "LowCardinality(String)",
        "symbol": "LowCardinality(String)",
        "side": "LowCardinality(String)",
        "trade_id": "Int64 codec(Delta, ZSTD(1))",
        "flags": "Int32 codec(ZSTD(1))",
    }

    def open(self, *, new: bool) -> None:
        from chdb import session

        self.session = session.Session(str(self.folder))
        if new:
            self.session.query("create database day")
        self.session.query("use day")
        for dataset, columns in COLUMNS.items():
            if new:
                body = ", ".join(
                    f"{name} {self.CODECS.get(name, 'Float64 codec(ZSTD(1))')}" for name in columns
                )
                index = "index by_event ts_event type minmax granularity 1"
                self.session.query(
                    f"create table {dataset} ({body}, {index}) engine = MergeTree "
                    "order by (symbol, ts_recv)"
                )

    def append(self, dataset: str, rows) -> None:
        batch = pa.Table.from_batches([rows])  # noqa: F841 - chDB finds it by name
        self.session.query(f"insert into {dataset} select * from Python(batch)")

    def finalize(self, dataset: str) -> None:
        self.session.query(f"optimize table {dataset} final")

    def bytes(self, dataset: str) -> int:
        found = self.session.query(
            "select sum(bytes_on_disk) from system.parts where active and database = 'day' "
            f"and table = '{dataset}'"
        )
        return int(str(found).strip())

    def ask(self, question: str) -> pa.Table:
        text = spell(
            question,
            moment=lambda ns: f"fromUnixTimestamp64Nano(toInt64({ns}), 'UTC')",
            minute="toStartOfMinute(ts_event)",
            first="argMin",
            last="argMax",
        )
        return self.session.query(text, "ArrowTable")

    def close(self) -> None:
        self.session.close()


class ArcticDB(Store):
    """LMDB on disk, a library for each dataset, a symbol of ArcticDB for each of ours."""

    package = "arcticdb"

    def open(self, *, new: bool) -> None:
        import arcticdb

        self.adb = arcticdb
        self.store = arcticdb.Arctic(f"lmdb://{self.folder}?map_size=40GB")
        options = arcticdb.LibraryOptions(rows_per_segment=100_000)
        make = {"create_if_missing": True, "library_options": options} if new else {}
        self.libraries = {name: self.store.get_library(name, **make) for name in data.SCHEMAS}

    def prepare(self, _dataset: str, batch: pa.RecordBatch):
        frame = data.plain(batch).to_pandas().set_index("ts_recv")
        groups = frame.groupby("symbol", sort=False)
        return [self.adb.WritePayload(name, rows.drop(columns="symbol")) for name, rows in groups]

    def append(self, dataset: str, rows) -> None:
        self.libraries[dataset].append_batch(rows, prune_previous_versions=True)

    def finalize(self, dataset: str) -> None:
        library = self.libraries[dataset]
        for symbol in library.list_symbols():
            if library.is_symbol_fragmented(symbol):
                library.defragment_symbol_data(symbol)

    def bytes(self, dataset: str) -> int:
        sizes = self.libraries[dataset].admin_tools().get_sizes()
        return sum(size.bytes_compressed for size in sizes.values())

    def read(self, dataset: str, symbol: str, columns, question: str | None = None):
        import pandas as pd
        import polars as pl

        limits = {}
        if question:
            start, end = range_of(question)
            limits["date_range"] = (pd.Timestamp(start), pd.Timestamp(end + SLACK_NS))
        found = self.libraries[dataset].read(
            symbol, columns=columns, output_format=self.adb.OutputFormat.POLARS, **limits
        )
        frame = found.data
        if question:
            moment = pl.col("ts_event").to_physical()
            frame = frame.filter(moment.is_between(start, end - 1))
        return frame

    def ask(self, question: str) -> pa.Table:
        import polars as pl

        trades = self.libraries["trades"]
        if question == "last":
            names = trades.list_symbols()
            tails = [
                trades.tail(name, 1, columns=["price"]).data["price"].iloc[-1] for name in names
            ]
            return pa.table({"symbol": names, "price": tails})
        if question in {"hour", "second"}:
            columns = [name for name in SLICE if name not in {"symbol", "ts_recv"}]
            frame = self.read("trades", data.SYMBOL, columns, question)
            return frame.with_columns(symbol=pl.lit(data.SYMBOL)).to_arrow()
        if question == "asof":
            left = self.read("trades", data.SYMBOL, ["price"])
            right = self.read("quotes", data.SYMBOL, ["bid_price", "ask_price"])
            return left.join_asof(right, on="ts_recv").drop_nulls().to_arrow()
        if question == "count":
            frame = self.read("trades", data.SYMBOL, ["ts_event"])
            minute = pl.col("ts_event").dt.truncate("1m")
            return frame.group_by(minute).agg(pl.len().alias("count")).to_arrow()
        work = polars_bars if question == "bars" else polars_notional
        columns = ["ts_event", "price", "size"] if question == "bars" else ["price", "size"]
        parts = [
            work(self.read("trades", name, columns).lazy(), []).collect()
            for name in trades.list_symbols()
        ]
        return pl.concat(parts).to_arrow()


class Nautilus(Store):
    """NautilusTrader's catalog. It stores and gives Python objects, so it gets fewer rows."""

    package = "nautilus_trader"
    rows_max = 1_000_000

    def open(self, *, new: bool) -> None:  # noqa: ARG002 - there is nothing to make
        from nautilus_trader.model.data import QuoteTick, TradeTick
        from nautilus_trader.model.identifiers import InstrumentId
        from nautilus_trader.persistence.catalog import ParquetDataCatalog

        self.kinds = {"trades": TradeTick, "quotes": QuoteTick}
        self.catalog = ParquetDataCatalog(str(self.folder))
        self.ids = {name: InstrumentId.from_str(f"{name}.ALL") for name in data.SYMBOLS}

    def prepare(self, dataset: str, batch: pa.RecordBatch):
        from nautilus_trader.model.enums import AggressorSide
        from nautilus_trader.model.identifiers import TradeId
        from nautilus_trader.model.objects import Price, Quantity

        rows = data.plain(batch)
        times = [rows.column(name).cast(pa.int64()).to_pylist() for name in ("ts_event", "ts_recv")]
        names = [name for name in COLUMNS[dataset] if name.endswith(("price", "size"))]
        values = [
            [(Price if name.endswith("price") else Quantity)(value, 8) for value in column]
            for name, column in zip(names, (rows.column(n).to_pylist() for n in names), strict=True)
        ]
        ids = [self.ids[name] for name in rows.column("symbol").to_pylist()]
        if dataset == "trades":
            sides = {"buy": AggressorSide.BUYER, "sell": AggressorSide.SELLER}
            values.append([sides[side] for side in rows.column("side").to_pylist()])
            values.append([TradeId(str(number)) for number in rows.column("trade_id").to_pylist()])
        else:
            values = [values[0], values[2], values[1], values[3]]
        kind = self.kinds[dataset]
        return [kind(*columns) for columns in zip(ids, *values, *times, strict=True)]

    def append(self, dataset: str, rows) -> None:  # noqa: ARG002 - the objects know
        self.catalog.write_data(rows)

    def finalize(self, dataset: str) -> None:
        kind = self.kinds[dataset]
        for symbol in self.ids.values():
            self.catalog.consolidate_data(kind, str(symbol), ensure_contiguous_files=False)

    def bytes(self, dataset: str) -> int:
        name = {"trades": "trade_tick", "quotes": "quote_tick"}[dataset]
        return files_bytes(self.folder / "data" / name)

    def ask(self, question: str) -> pa.Table:
        if question not in {"hour", "second"}:
            raise Unanswered("the catalog has no such query")
        start, end = range_of(question)
        # It looks by the time of arrival (`ts_init`).
        found = self.catalog.query(
            self.kinds["trades"], [f"{data.SYMBOL}.ALL"], start=start, end=end + SLACK_NS
        )
        kept = [tick for tick in found if start <= tick.ts_event < end]
        return pa.table(
            {
                "price": [float(tick.price) for tick in kept],
                "size": [float(tick.size) for tick in kept],
                "trade_id": [int(tick.trade_id.value) for tick in kept],
            }
        )


SYSTEMS: dict[str, type[System]] = {
    "rustonite": Rustonite,
    "rustonite-sql": BySql,
    "rustonite-half-hot": HalfHot,
    "arcticdb": ArcticDB,
    "chdb": ClickHouse,
    "duckdb": DuckDB,
    "nautilus": Nautilus,
    "parquet": Parquet,
    "plain": Plain,
}


def peak_mb() -> float:
    # Not `ru_maxrss`: that starts with what the process had that started this one.
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def ingest(system: Store, source: Path) -> dict:
    system.open(new=True)
    # So that modules which are imported at first use do not count.
    system.prepare("trades", next(data.batches(source, "trades")).slice(0, 10))
    before, append, finalize = peak_mb(), Stopwatch(), Stopwatch()
    counts = dict.fromkeys(data.SCHEMAS, 0)
    for dataset in data.SCHEMAS:
        for batch in data.batches(source, dataset):
            rows = system.prepare(dataset, batch)
            with append:
                system.append(dataset, rows)
            counts[dataset] += len(batch)
    peak_append = peak_mb()
    for dataset in data.SCHEMAS:
        with finalize:
            system.finalize(dataset)
    sizes = {dataset: system.bytes(dataset) for dataset in data.SCHEMAS}
    total = sum(counts.values())
    return {
        "rows": counts,
        "append_rows_s": total / append.seconds,
        "end_to_end_rows_s": total / (append.seconds + finalize.seconds),
        "bytes_per_row": {name: size and size / counts[name] for name, size in sizes.items()},
        "before_mb": before,
        "append_mb": peak_append - before,
        "finalize_mb": peak_mb() - before,
    }


def answers(system: System, runs: int) -> dict:
    system.open(new=False)
    before, found = peak_mb(), {}
    for question in QUESTIONS:
        try:
            found[question] = answer(system, question, runs)
        except Unanswered:
            found[question] = None
    return {"questions": found, "query_mb": peak_mb() - before}


def answer(system: System, question: str, runs: int) -> dict:
    table, times = system.ask(question), []
    for _ in range(runs):
        watch = Stopwatch()
        with watch:
            table = system.ask(question)
        times.append(watch.seconds * 1e3)
    sums = {name: float(np.sum(table[name].to_numpy())) for name in CHECKED[question]}
    return {"ms": sorted(times), "rows": table.num_rows, "sums": sums}


def main() -> None:
    """One step of one system; prints what it measured."""
    step, name, source, folder, rows, runs = sys.argv[1:]
    kind = SYSTEMS[name]
    count = min(int(rows), kind.rows_max or int(rows))
    system = kind(Path(folder), count)
    result = ingest(system, Path(source)) if step == "ingest" else answers(system, int(runs))
    system.close()
    print("result", json.dumps(result))


if __name__ == "__main__":
    main()
