"""Ours among the systems that `lake.py` compares: three ways to ask the same lake."""

# It is imported in its own processes only.
# ruff: noqa: PLC0415

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import lake_data as data
import numpy as np
import pyarrow as pa
from lake_system import SLICE, Store, range_of, spell

MEMORY = Path("/dev/shm")  # noqa: S108 - memory that processes share


class Rustonite(Store):
    """Ours: every batch is appended to a tape in memory, sealed and committed; then compacted."""

    package = "rustonite"
    # All of them are questions for bars: of a minute, or of everything.
    BARS: ClassVar = {
        "bars": (
            "1m",
            {
                "columns": [
                    "symbol", "ts_open", "open", "high", "low", "close", "volume", "vwap", "count",
                ]
            },
        ),
        "notional": ("all", {"columns": ["symbol", "turnover"]}),
        "count": ("1m", {"symbols": data.SYMBOL, "columns": ["ts_open", "count"]}),
    }  # fmt: skip

    def open(self, *, new: bool) -> None:
        from rustonite_data.lake import Committer, Lake

        make = Lake.create if new else Lake
        self.lake = make(self.folder, tapes=MEMORY / self.folder.parent.name)
        self.committer = Committer(self.lake)
        # A batch is a segment, and half of the day may wait.
        sizes = {"segment_rows": data.BATCH_ROWS, "segments_max": self.rows // data.BATCH_ROWS + 8}
        self.tapes = {n: self.lake.tape(n, "bench", **sizes) for n in data.SCHEMAS} if new else {}

    def prepare(self, _dataset: str, batch: pa.RecordBatch):
        return batch

    def append(self, dataset: str, rows) -> None:
        tape = self.tapes[dataset]
        tape.append(rows)
        tape.seal()
        self.committer.run_once()

    def finalize(self, dataset: str) -> None:
        self.lake.compact(dataset)
        self.lake.vacuum(dataset, hours=0, alone=True)

    def bytes(self, dataset: str) -> int:
        return sum(file.size for file in self.lake.snapshot(dataset, hot=False).files)

    def ask(self, question: str) -> pa.Table:
        if question == "last":
            rows = self.lake.last("trades").sort_by("ts_recv")
            newest = rows.group_by("symbol", use_threads=False).aggregate([("price", "last")])
            return newest.rename_columns(["symbol", "price"])
        if question in {"hour", "second"}:
            start, end = (np.datetime64(moment, "ns") for moment in range_of(question))
            return pa.table(
                self.lake.table(
                    "trades", symbols=[data.SYMBOL], start=start, end=end, columns=SLICE
                )
            )
        if question == "asof":
            columns = ["ts_recv", "price", "bid_price", "ask_price"]
            found = self.lake.asof_quotes(
                symbols=data.SYMBOL, time="ts_recv", by="symbol", columns=columns
            )
            return found.arrow().drop_null()
        interval, choice = self.BARS[question]
        found = self.lake.bars(interval, by="symbol", **choice).arrow()
        names = {"turnover": "notional", "ts_open": "minute"}
        return found.rename_columns([names.get(name, name) for name in found.column_names])

    def close(self) -> None:
        for tape in self.tapes.values():
            tape.close()


class BySql(Rustonite):
    """Ours, asked in SQL by its default engine."""

    def ask(self, question: str) -> pa.Table:
        if question not in self.BARS and question != "asof":
            return super().ask(question)
        text = spell(
            question,
            moment=lambda ns: f"make_timestamp_ns({ns})",
            minute="time_bucket(interval '1 minute', ts_event)",
            first="arg_min",
            last="arg_max",
        )
        return self.lake.sql(text).arrow()


class HalfHot(Rustonite):
    """Ours, with the earlier half of the day compacted and the later half on tapes only.

    The time of its appends has that compaction in it; look at the answers.
    """

    def open(self, *, new: bool) -> None:
        super().open(new=new)
        self.appended = dict.fromkeys(data.SCHEMAS, 0)

    def append(self, dataset: str, rows) -> None:
        before, self.appended[dataset] = self.appended[dataset], self.appended[dataset] + len(rows)
        if self.appended[dataset] <= self.rows // 2:
            super().append(dataset, rows)
            return
        if before <= self.rows // 2:
            super().finalize(dataset)
        self.tapes[dataset].append(rows)

    def finalize(self, dataset: str) -> None:
        """Half of it is done already."""

    def bytes(self, dataset: str) -> int | None:  # noqa: ARG002
        """Tapes have room for rows to come, so bytes per row say nothing."""
        return None
