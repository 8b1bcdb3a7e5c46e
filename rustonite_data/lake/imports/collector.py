"""Recordings of hftbacktest's collector: lines `<receive nanoseconds> <raw JSON>`, kept as frames.

Frames of the stream and bodies of REST answers (pictures of a book) are numbered as two
connections, each named by the time of its first line, as the file does not tell when they opened.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rustonite_data.lake.imports.cells import NS
from rustonite_data.lake.imports.source import Shape
from rustonite_data.lake.imports.text_source import TextSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rustonite_data.lake.imports.arrays import Mask
    from rustonite_data.lake.imports.lines import Block

START = re.compile(rb"1\d{18} \S")
"""How a file begins: nanoseconds have nineteen digits until 2286."""

_TIME_DIGITS = 19
_HEAD_BYTES = _TIME_DIGITS + 1
_COLUMNS = ("ts_recv", "venue", "connection", "frame_seq", "kind", "data")
_REST = np.frombuffer(b'{"lastUpdateId"', np.uint8)
_EXPECTED = "19 digits of nanoseconds, a space and a frame"
_POWERS = 10 ** np.arange(_TIME_DIGITS - 1, -1, -1, dtype=np.int64)

Ints = np.ndarray[Any, np.dtype[np.int64]]


class Collector(TextSource):
    """A file of hftbacktest's collector."""

    format = "collector"

    def _prepare(self) -> None:
        """Look at the first line."""
        super()._prepare()
        request = self._request
        request.without_columns(self.format)
        request.take()
        self._venue = request.need("venue", "the file does not tell where it was recorded")
        self._opened: dict[bool, int] = {}
        self._next = {False: 0, True: 0}

    def _shapes(self) -> Iterable[Shape]:
        for dataset in self._request.choose(["frames"]):
            yield Shape(self._request.schema(dataset), _COLUMNS)

    def _batches(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        for block in self._lines:
            text = np.frombuffer(block.data, np.uint8)
            ends = np.flatnonzero(text == ord("\n"))
            starts = np.append(0, ends[:-1] + 1)
            good, times = _times(text, starts, ends)
            if not good.all():
                self._refuse(block, starts[~good], ends[~good])
                starts, ends, times = starts[good], ends[good], times[good]
            starts = starts + _HEAD_BYTES
            ends = ends - (text[ends - 1] == ord("\r"))
            rest = _begins(text, starts, ends, _REST)
            columns = {
                "ts_recv": pa.array(times, NS),
                "venue": self._venue,
                "kind": pa.array(np.where(rest, "http_response", "text")),
                "data": _cut_out(text, starts, ends),
                **self._numbered(rest, times),
            }
            yield "frames", self.shapes["frames"].batch(columns, len(times))

    def _refuse(self, block: Block, starts: Ints, ends: Ints) -> None:
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            line = block.data[start:end]
            if line.strip():
                number = block.first_line + block.data.count(b"\n", 0, start)
                self._rejects.cell(number, "", line.decode(errors="replace"), _EXPECTED, line)

    def _numbered(self, rest: Mask, times: Ints) -> dict[str, Ints]:
        """Connection and number of each frame."""
        connection, number = np.empty(len(rest), np.int64), np.empty(len(rest), np.int64)
        for kind in (False, True):
            rows = np.flatnonzero(rest == kind)
            if len(rows):
                connection[rows] = self._opened.setdefault(kind, int(times[rows[0]]))
                number[rows] = self._next[kind] + np.arange(len(rows))
                self._next[kind] += len(rows)
        return {"connection": connection, "frame_seq": number}


def _times(text: np.ndarray[Any, Any], starts: Ints, ends: Ints) -> tuple[Mask, Ints]:
    """Which lines begin with a time, and the times."""
    good = ends - starts >= _HEAD_BYTES
    # Lines that are too short read the first line instead, which is then not looked at.
    head = text[np.where(good, starts, 0)[:, None] + np.arange(min(_HEAD_BYTES, len(text)))]
    if head.shape[1] < _HEAD_BYTES:
        return good, np.zeros(len(starts), np.int64)
    digits = head[:, :_TIME_DIGITS].astype(np.int64) - ord("0")
    good &= ((digits >= 0) & (digits <= 9)).all(axis=1) & (head[:, _TIME_DIGITS] == ord(" "))  # noqa: PLR2004 - a digit
    # Later times do not fit into 64 bits.
    good &= digits[:, 0] == 1
    return good, digits @ _POWERS


def _begins(text: np.ndarray[Any, Any], starts: Ints, ends: Ints, with_: np.ndarray) -> Mask:
    """Which cells begin with some bytes."""
    long = ends - starts >= len(with_)
    found = np.zeros(len(starts), bool)
    found[long] = (text[starts[long][:, None] + np.arange(len(with_))] == with_).all(axis=1)
    return found


def _cut_out(text: np.ndarray[Any, Any], starts: Ints, ends: Ints) -> pa.Array:
    """The bytes between starts and ends, one cell for each."""
    # +1 where a cell starts and -1 where it ends: the running sum is 1 inside of cells.
    step = np.zeros(len(text) + 1, np.int8)
    step[starts] += 1
    step[ends] -= 1
    kept = text[np.cumsum(step[:-1], dtype=np.int8).view(bool)]
    offsets = np.append(0, np.cumsum(ends - starts)).astype(np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(kept))]
    return pa.Array.from_buffers(pa.binary(), len(starts), buffers)
