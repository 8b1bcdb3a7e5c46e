"""History on tapes again, so that whatever reads tapes runs on it as if it was now.

Rows become visible in the order in which they were received, across datasets, and as far apart as
then, or closer.
"""

from __future__ import annotations

import math
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rustonite_data.errors import Conflict, Invalid, NotFound
from rustonite_data.lake.windows import MINUTE, WITHIN, received, windows
from rustonite_data.reparse import Frames, counters
from rustonite_data.tape import Tape

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pyarrow as pa

    from rustonite_data.lake import Lake

_ROWS = 500_000
_WITHIN_EVENT = ("seq", "position", "trade_id")


@dataclass(frozen=True)
class Replayed:
    """What was replayed."""

    rows: Mapping[str, int]
    """Rows by dataset."""
    seconds: float
    """How long it took."""
    late: float
    """By how many seconds rows were late at most: above 0 where the speed was not reached."""


def replay(  # noqa: PLR0913 - everything by keyword
    lake: Lake,
    tapes: str | os.PathLike[str],
    datasets: Sequence[str],
    *,
    start: Any = None,  # noqa: ANN401 - any way to write a moment
    end: Any = None,  # noqa: ANN401
    venues: str | Sequence[str] | None = None,
    symbols: str | Sequence[str] | None = None,
    speed: float = math.inf,
    name: str = "replay",
    progress: Callable[[int, int | None], None] | None = None,
) -> Replayed:
    """Write rows of a lake to tapes, in the order and at the pace in which they were received.

    Tapes are made as `tapes/<dataset>/<name>`, before the first row, so that readers can wait at
    them. As with any tape, only its newest segments stay.

    Args:
        lake: Where the rows are; those on its tapes count, too.
        tapes: Folder for the tapes.
        datasets: Which datasets; each must have a column `ts_recv`.
        start: From this moment on, by `ts_recv`.
        end: Up to this moment, without it.
        venues: Only these.
        symbols: Only these.
        speed: 1 for real time, 10 for ten times as fast; as fast as possible if not given.
        name: Name of the tapes.
        progress: Called now and then with rows done and rows in all.

    Raises:
        Invalid: a speed or a dataset that cannot be replayed.
        NotFound: there are no such rows.
        Conflict: there is such a tape already.

    Example:
        >>> from rustonite_data.lake import Lake
        >>> lake = Lake.create(folder / "history")
        >>> rows = lake.append("trades", trades)
        >>> replay(lake, folder / "again", ["trades"]).rows
        {'trades': 3}
        >>> Tape.reader(folder / "again" / "trades" / "replay").read().pl()["trade_id"].to_list()
        [1, 2, 3]
    """
    clock = _Clock(speed)
    names = list(dict.fromkeys(datasets))
    by = {"ts_recv": True, "venue": venues is not None, "symbol": symbols is not None}
    _expect_columns(lake, names, [column for column, counts in by.items() if counts])
    choice = _Choice(lake, names, received(start, end, venues, symbols))
    minutes = choice.minutes()
    if not minutes:
        raise NotFound(f"{lake.storage.root}: there are no such rows in {', '.join(names)}")
    total, done = sum(count for _, count in minutes), dict.fromkeys(names, 0)
    with ExitStack() as stack:
        outs = [stack.enter_context(_tape(Path(tapes) / one / name, lake, one)) for one in names]
        for first, behind in windows(minutes, _ROWS):
            tables = [choice.rows(one, first, behind) for one in names]
            for at, begin, until in _runs(tables, clock):
                outs[at].append(tables[at].slice(begin, until - begin))
                done[names[at]] += until - begin
            if progress is not None:
                progress(sum(done.values()), total)
    return Replayed(done, clock.elapsed(), clock.late)


def replay_frames(  # noqa: PLR0913 - everything by keyword
    lake: Lake,
    tapes: str | os.PathLike[str],
    *,
    start: Any = None,  # noqa: ANN401 - any way to write a moment
    end: Any = None,  # noqa: ANN401
    venues: str | Sequence[str] | None = None,
    speed: float = math.inf,
    name: str = "replay",
    progress: Callable[[int, int | None], None] | None = None,
) -> Replayed:
    """Decode the frames of a lake again, at the pace in which they were received.

    Tapes are made as `tapes/<dataset>/<name>-<venue>`, with the first row of each, as a recorder
    does. The codecs are those of today; see `reparse`.

    Args:
        lake: Where the frames are; those on its tapes count, too.
        tapes: Folder for the tapes.
        start: From this moment on, by `ts_recv`.
        end: Up to this moment, without it.
        venues: Only these.
        speed: 1 for real time, 10 for ten times as fast; as fast as possible if not given.
        name: Begin of the names of the tapes.
        progress: Called now and then with frames done and frames in all.

    Raises:
        Invalid: a speed that is none.
        NotFound: there are no such frames.
        Conflict: there is such a tape already.
        Unavailable: the tapes do not take the rows.
    """
    clock = _Clock(speed)
    frames = Frames(lake, venues, start, end)
    decoder = frames.decoder(Path(tapes), name)
    done = 0
    for part in frames.parts():
        if math.isinf(speed):
            decoder.take(part)
        else:
            for row in part:
                # What was subscribed long before the first frame is no reason to wait.
                if clock.runs or frames.is_frame(row):
                    clock.wait(row[0])
                decoder.take([row])
        done += sum(map(frames.is_frame, part))
        if progress is not None:
            progress(done, frames.count)
    counters(decoder.finish())
    return Replayed({"frames": done}, clock.elapsed(), clock.late)


def _tape(path: Path, lake: Lake, dataset: str) -> Tape:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return Tape.create(path, lake.dataset(dataset).schema)
    except Conflict as error:
        raise Conflict(f"{error}; give another name, or remove it") from error


def _expect_columns(lake: Lake, names: list[str], wanted: list[str]) -> None:
    for name in names:
        known = {column.name for column in lake.dataset(name).schema.columns}
        for column in wanted:
            if column not in known:
                raise Invalid(f"{name}: found no column {column}, which a replay goes by")


class _Choice:
    """The rows that are wanted."""

    def __init__(self, lake: Lake, names: list[str], where: tuple[str, list[Any]]) -> None:
        self._lake, self._names = lake, names
        self._where, self._params = where

    def minutes(self) -> list[tuple[int, int]]:
        """Minutes, and how many rows each has in all datasets."""
        parts = [
            f"select {MINUTE} as minute, count(*) as n "  # noqa: S608
            f'from "{name}" where {self._where} group by all'
            for name in self._names
        ]
        query = f"select minute, sum(n)::bigint from ({' union all '.join(parts)}) group by all"  # noqa: S608
        params = self._params * len(self._names)
        return sorted(self._lake.sql(query, params).rows())

    def rows(self, name: str, first: int, behind: int) -> pa.Table:
        """Rows of a dataset between two moments, in the order in which they were received."""
        schema = self._lake.dataset(name).schema
        columns = [column.name for column in schema.columns]
        # Files keep an event together, but not its rows in order.
        keys = [*schema.sort, *(key for key in _WITHIN_EVENT if key in columns)]
        order = ", ".join(dict.fromkeys(f'"{key}"' for key in ["ts_recv", *keys]))
        chosen = ", ".join(f'"{column}"' for column in columns)
        query = (
            f'select {chosen} from "{name}" where {self._where} '  # noqa: S608 - our own text
            f"and {WITHIN} order by {order}"
        )
        return self._lake.sql(query, [*self._params, first, behind]).arrow()


class _Clock:
    """When rows are due."""

    def __init__(self, speed: float) -> None:
        if not speed > 0:
            raise Invalid(f"speed: found {speed}, expected more than 0")
        self.speed = speed
        self.late = 0.0
        self._began = time.monotonic()
        self._first: int | None = None

    @property
    def runs(self) -> bool:
        """Whether anybody waited so far."""
        return self._first is not None

    def elapsed(self) -> float:
        return time.monotonic() - self._began

    def wait(self, ts_recv: int) -> None:
        """Wait until a row is due."""
        if math.isinf(self.speed):
            return
        if self._first is None:
            self._first, self._began = ts_recv, time.monotonic()
        left = (ts_recv - self._first) / 1e9 / self.speed - self.elapsed()
        if left > 0:
            time.sleep(left)
        else:
            self.late = max(self.late, -left)


def _runs(tables: list[pa.Table], clock: _Clock) -> Iterator[tuple[int, int, int]]:
    """Rows that belong together: dataset, first, behind the last; each when it is due.

    A run ends where rows of another dataset are next or, if there is a pace, where time passes.
    """
    times = [np.asarray(table["ts_recv"].cast("int64")) for table in tables]
    which = np.repeat(np.arange(len(tables)), [len(one) for one in times])
    moments = np.concatenate(times) if times else np.empty(0, np.int64)
    order = np.argsort(moments, kind="stable")
    moments, which = moments[order], which[order]
    if not len(moments):
        return
    ends = which[1:] != which[:-1]
    if not math.isinf(clock.speed):
        ends |= moments[1:] != moments[:-1]
    borders = np.concatenate([[0], np.flatnonzero(ends) + 1, [len(moments)]])
    passed = [0] * len(tables)
    for begin, until in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True):
        at = int(which[begin])
        clock.wait(int(moments[begin]))
        first, passed[at] = passed[at], passed[at] + until - begin
        yield at, first, passed[at]
