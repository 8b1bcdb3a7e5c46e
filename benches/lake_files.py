"""Plain files among the systems that `lake.py` compares, read by Polars."""

# Each system is imported in its own processes only.
# ruff: noqa: PLC0415

from __future__ import annotations

import json
import time
import uuid
from pathlib import Path

import lake_data as data
import pyarrow as pa
from lake_system import SLICE, Store, System, polars_bars, polars_notional, range_of

ROW_GROUP = 128 * 1024


class Plain(System):
    """Polars over the generated Arrow files: what the answers must be."""

    package = "polars"

    def open(self, *, new: bool) -> None:  # noqa: ARG002
        import polars as pl

        source = Path(self.folder)
        self.frames = {
            name: pl.scan_ipc(source / f"{name}.arrow").with_columns(
                pl.col(pl.Categorical).cast(str)
            )
            for name in data.SCHEMAS
        }

    def ask(self, question: str) -> pa.Table:
        import polars as pl

        trades, mine = self.frames["trades"], pl.col("symbol") == data.SYMBOL
        if question == "last":
            lazy = trades.group_by("symbol").agg(pl.col("price").max_by("ts_recv"))
        elif question in {"hour", "second"}:
            start, end = range_of(question)
            moment = pl.col("ts_event").to_physical()
            lazy = trades.filter(mine, moment.is_between(start, end - 1)).select(SLICE)
        elif question == "bars":
            lazy = polars_bars(trades, ["symbol"])
        elif question == "asof":
            right = self.frames["quotes"].filter(mine).select("ts_recv", "bid_price", "ask_price")
            left = trades.filter(mine).select("ts_recv", "price")
            lazy = left.join_asof(right, on="ts_recv").drop_nulls()
        elif question == "notional":
            lazy = polars_notional(trades, ["symbol"])
        else:
            minute = pl.col("ts_event").dt.truncate("1m")
            lazy = trades.filter(mine).group_by(minute).agg(pl.len().alias("count"))
        return lazy.collect().to_arrow()


class Parquet(Plain, Store):
    """Files as one would write them by hand: pyarrow's, encoded for ticks, in Delta tables.

    A batch is a file and an entry of the log. Then a day is sorted in memory and written anew.
    """

    package = "pyarrow"

    def open(self, *, new: bool) -> None:
        import polars as pl
        from deltalake import DeltaTable

        if new:
            for name in data.SCHEMAS:
                DeltaTable.create(str(self.folder / name), self.delta_schema(name))
        self.tables = {name: DeltaTable(str(self.folder / name)) for name in data.SCHEMAS}
        self.frames = {
            name: pl.scan_parquet([self.folder / name / one for one in self.files(name)])
            for name in data.SCHEMAS
            if not new
        }

    @staticmethod
    def delta_schema(dataset: str):
        from deltalake import Field, Schema
        from deltalake.schema import PrimitiveType

        kinds = {"timestamp[ns]": "timestamp_nanos_ntz", "double": "double", "int64": "long"}
        kinds |= {"int32": "integer"}
        return Schema(
            [
                Field(field.name, PrimitiveType(kinds.get(str(field.type), "string")))
                for field in data.SCHEMAS[dataset]
            ]
        )

    def files(self, dataset: str) -> list[str]:
        return pa.table(self.tables[dataset].get_add_actions())["path"].to_pylist()

    def prepare(self, _dataset: str, batch: pa.RecordBatch):
        return batch

    def append(self, dataset: str, rows) -> None:
        self.write(dataset, pa.Table.from_batches([rows]), "append")

    def finalize(self, dataset: str) -> None:
        import polars as pl

        paths = [self.folder / dataset / name for name in self.files(dataset)]
        rows = pl.scan_parquet(paths).sort("symbol", "ts_recv").collect()
        self.write(dataset, rows.to_arrow(), "overwrite")
        for path in paths:
            path.unlink()

    def write(self, dataset: str, rows: pa.Table, mode: str) -> None:
        import pyarrow.parquet as pq
        from deltalake.transaction import AddAction

        name = f"{uuid.uuid4().hex}.parquet"
        path = self.folder / dataset / name
        plain = {field.name: str(field.type) for field in rows.schema}
        texts = [column for column, kind in plain.items() if "dict" in kind or "string" in kind]
        floats = [column for column, kind in plain.items() if kind == "double"]
        whole = [column for column in plain if column not in {*texts, *floats}]
        encodings = dict.fromkeys(floats, "BYTE_STREAM_SPLIT")
        encodings |= dict.fromkeys(whole, "DELTA_BINARY_PACKED")
        pq.write_table(
            rows, path, compression="zstd", compression_level=1, use_dictionary=texts,
            column_encoding=encodings, row_group_size=ROW_GROUP,
        )  # fmt: skip
        stats = json.dumps({"numRecords": len(rows)})
        added = AddAction(
            path=name,
            size=path.stat().st_size,
            partition_values={},
            modification_time=time.time_ns() // 1_000_000,
            data_change=True,
            stats=stats,
        )
        self.tables[dataset].create_write_transaction([added], mode, self.delta_schema(dataset))
        self.tables[dataset].update_incremental()

    def bytes(self, dataset: str) -> int:
        return sum((self.folder / dataset / name).stat().st_size for name in self.files(dataset))
