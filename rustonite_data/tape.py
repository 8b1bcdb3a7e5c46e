"""Tapes: append-only Arrow tables in shared memory, one writer and any number of readers.

A tape is a folder. One process appends; every other process reads the very same bytes as Arrow
arrays while they are being written. On a file system in memory (`/dev/shm`) a tape survives a crash
of the process; on disk it survives a crash of the machine, but for the last `fsync_interval`.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from rustonite_data import _native, schemas
from rustonite_data._native import Batch, Gap, Rows, Schema
from rustonite_data.closing import Closing
from rustonite_data.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from os import PathLike

__all__ = [
    "Batch",
    "Gap",
    "MergedReader",
    "Reader",
    "Rows",
    "Tape",
    "advance_consumer",
    "consumers",
    "forget_consumer",
]

# A forked child must not use what its parent opened; see `errors.Closed`.
os.register_at_fork(after_in_child=_native.note_fork)

Start = Literal["first", "now"] | int
Wait = Literal["spin", "yield", "sleep"]


class Tape(Closing):
    """The writer of a tape. Make one with `create` or `open`; read with `Tape.reader`.

    Example:
        >>> with Tape.create(folder / "demo", "trades") as tape:
        ...     rows = tape.append({
        ...         "ts_event": [1, 2], "ts_recv": [3, 4], "venue": ["binance"] * 2,
        ...         "symbol": ["BTCUSDT"] * 2, "price": [60123.45, 60123.46], "size": [0.1, 0.2],
        ...         "side": ["buy", "sell"], "trade_id": [7, 8], "flags": [1, 1],
        ...     })
        >>> rows
        2
        >>> Tape.reader(folder / "demo").read().pl()["price"].to_list()
        [60123.45, 60123.46]
    """

    def __init__(self, path: Path, writer: _native.TapeWriter) -> None:
        """Use `create` or `open` instead."""
        self._path = path
        self._writer = writer

    @classmethod
    def create(  # noqa: PLR0913 - every setting of a tape, by keyword
        cls,
        path: str | PathLike[str],
        schema: str | Schema,
        *,
        segment_bytes: int | None = None,
        segment_rows: int | None = None,
        value_bytes: int | None = None,
        segments_max: int | None = None,
        seal_after: float | None = 30.0,
        fsync_interval: float | None = 1.0,
    ) -> Self:
        """Make a tape in a folder that is not one yet.

        Args:
            path: The folder. Its file system decides what the tape survives: see `durability`.
            schema: Name of a dataset (`rustonite_data.schemas.names()`), or a schema of your own
                from `Schema.from_arrow`.
            segment_bytes: Size of a segment file, 32 MiB if not given. Two exist from the start.
            segment_rows: Most rows of a segment, if fewer than fit; rounded up to 64.
            value_bytes: Space per row of each text, binary and list column, instead of the usual.
            segments_max: Most segments kept, 64 if not given. Beyond it the oldest goes, or, while
                a consumer needs it, `append` raises `Unavailable`.
            seal_after: Seal a segment this many seconds after its first row; `None`: when full.
            fsync_interval: On disk, make rows durable this often, in seconds; `None`: on close.

        Raises:
            Conflict: there is a tape already, or another writer.
            Invalid: a setting out of range, an unknown dataset, a folder that cannot be written.
            Unavailable: no space for two segments.
        """
        settings = {
            "segment_bytes": segment_bytes,
            "segment_rows": segment_rows,
            "value_bytes": value_bytes,
            "segments_max": segments_max,
        }
        settings = {name: value for name, value in settings.items() if value is not None}
        settings["seal_after_ms"] = _milliseconds("seal_after", seal_after)
        settings["fsync_interval_ms"] = _milliseconds("fsync_interval", fsync_interval)
        schema = schemas.get(schema) if isinstance(schema, str) else schema
        return cls(Path(path), _native.TapeWriter.create(path, schema, settings))

    @classmethod
    def open(cls, path: str | PathLike[str]) -> Self:
        """Open an existing tape to append to it, whatever end its last writer met.

        Raises:
            NotFound: there is no tape.
            Conflict: another process, or another handle here, writes it.
            Corrupt: segments are damaged; those stay as they are.
        """
        return cls(Path(path), _native.TapeWriter.open(path))

    @staticmethod
    def reader(path: str | PathLike[str], *, start: Start = "first", verify: bool = True) -> Reader:
        """Open a tape for reading. Any process may, at any time.

        Args:
            path: The folder.
            start: "first" (the oldest row kept), "now" (the next row), or a row number.
            verify: Compare segments that are already sealed with their checksums.

        Raises:
            NotFound: there is no tape.
            Corrupt: its bytes are damaged.
        """
        return Reader(path, start=start, verify=verify)

    def append(self, rows: Any) -> int:  # noqa: ANN401 - anything with an Arrow capsule
        """Append rows and make them visible; returns how many rows the tape has had so far.

        Up to `segment_rows` rows become visible all at once. A larger append becomes visible
        segment by segment.

        Args:
            rows: Anything with `__arrow_c_array__` or `__arrow_c_stream__` (pyarrow, Polars, a
                DuckDB result, another tape's batch), or a dict from column name to a sequence or
                numpy array. Columns that may be null can be left out. Times are whole nanoseconds
                or `datetime64[ns]`, decimals are text, whole numbers or `decimal.Decimal`.

        Raises:
            Invalid: a column or value that the tape does not take; nothing was appended.
            Unavailable: no space for a new segment, a consumer is too far behind, or the storage
                failed. Nothing was appended, but of an append larger than `segment_rows` the part
                that `rows` tells.
            Closed: the tape was closed.
        """
        return self._writer.append(rows)

    def seal(self) -> None:
        """Seal the open segment, if it has rows, and go on in a new one."""
        self._writer.seal()

    def sync(self) -> None:
        """Wait until every row is on stable storage; nothing to wait for in memory."""
        self._writer.sync()

    def close(self) -> None:
        """Close the tape, on disk after a last fsync. Harmless if it is closed.

        Raises:
            Unavailable: the fsync failed; the tape is closed all the same.
        """
        self._writer.close()

    @property
    def path(self) -> Path:
        """The folder."""
        return self._path

    @property
    def rows(self) -> int:
        """Rows committed since the tape was created, removed ones included."""
        return self._writer.rows

    @property
    def segment_rows(self) -> int:
        """Rows that one segment holds, and that one append can make visible at once."""
        return self._writer.segment_rows

    @property
    def schema(self) -> Schema:
        """The tape's schema."""
        return self._writer.schema

    @property
    def durability(self) -> str:
        """What the tape survives and what it loses, in a sentence."""
        return self._writer.durability

    @property
    def closed(self) -> bool:
        """Whether the tape was closed."""
        return self._writer.closed

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"{self.rows} rows"
        return f"Tape({str(self._path)!r}, {self.schema.dataset}, {state})"


class Reader:
    """A position in a tape. Iterating gives what is there and ends; `follow` waits for more."""

    def __init__(self, path: str | PathLike[str], *, start: Start, verify: bool) -> None:
        """Use `Tape.reader` instead."""
        self._path = Path(path)
        self._reader = _native.TapeReader(path, start, verify)
        # Bound once: polling is the hot path of a live process.
        self.poll = self._reader.poll
        """Take new rows: a `Batch`, a `Gap` if rows were removed before we got to them, or `None`.

        `poll(max_rows)` bounds the batch. A batch never crosses a segment.
        """

    def wait(self, timeout: float | None = None, how: Wait = "sleep") -> bool:
        """Wait until `poll` has something; false if nothing came within `timeout` seconds.

        `spin` burns a core for the lowest latency, `yield` shares it, `sleep` costs nothing.
        """
        return self._reader.wait(timeout, how)

    def read(self) -> Rows:
        """Everything from here to the newest row, as one table over the tape's own memory."""
        return self._reader.read()

    def follow(self, timeout: float | None = None, how: Wait = "sleep") -> Iterator[Batch | Gap]:
        """What is there and what comes; ends when nothing came for `timeout` seconds."""
        while self.wait(timeout, how):
            yield from self

    def __iter__(self) -> Iterator[Batch | Gap]:
        while (news := self._reader.poll()) is not None:
            yield news

    @property
    def row(self) -> int:
        """Number of the next row."""
        return self._reader.row

    @property
    def has_writer(self) -> bool:
        """Whether a process has the tape open for writing now."""
        return self._reader.has_writer

    @property
    def schema(self) -> Schema:
        """The tape's schema."""
        return self._reader.schema

    def __repr__(self) -> str:
        return f"Reader({str(self._path)!r}, {self.schema.dataset}, next row {self.row})"


class MergedReader:
    """Several tapes as one stream in the order of a timestamp column.

    Rows that exist come in exact order. Rows younger than `hold` seconds wait for tapes that are
    silent, because an earlier row might still come from them; with 0 nothing waits.
    """

    def __init__(
        self,
        paths: Sequence[str | PathLike[str]],
        *,
        start: Start = "first",
        column: str = "ts_recv",
        hold: float = 0.0,
        verify: bool = True,
    ) -> None:
        """Open all tapes; see `Tape.reader` for `start` and `verify`."""
        self._reader = _native.MergedReader(list(paths), start, column, hold, verify)

    def poll(self, max_rows: int | None = None) -> tuple[int, Batch | Gap] | None:
        """Take the next rows, all of one tape, with that tape's position in `paths`."""
        return self._reader.poll(max_rows)

    def wait(self, timeout: float | None = None, how: Wait = "sleep") -> bool:
        """Wait until `poll` has something; false if nothing came within `timeout` seconds."""
        return self._reader.wait(timeout, how)

    def __iter__(self) -> Iterator[tuple[int, Batch | Gap]]:
        while (news := self._reader.poll()) is not None:
            yield news


def consumers(path: str | PathLike[str]) -> dict[str, int]:
    """The consumers of a tape and the rows they have got to."""
    return dict(_native.consumers(path))


def advance_consumer(path: str | PathLike[str], consumer: str, row: int) -> None:
    """Persist that `consumer` needs nothing before `row`.

    The first call makes the consumer known: from then on segments are kept until it has passed
    them.
    """
    _native.advance_consumer(path, consumer, row)


def forget_consumer(path: str | PathLike[str], consumer: str) -> None:
    """Remove a consumer: the tape no longer keeps rows for it."""
    _native.forget_consumer(path, consumer)


def _milliseconds(name: str, seconds: float | None) -> int | None:
    if seconds is None:
        return None
    if not math.isfinite(seconds) or seconds <= 0:
        raise Invalid(f"setting {name}: found {seconds}, expected seconds above 0 or None")
    return max(1, round(seconds * 1000))
