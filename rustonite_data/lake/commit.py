"""The committer: moves sealed segments of tapes into the tables of a lake, exactly once."""

from __future__ import annotations

import contextlib
import logging
import random
import threading
import time
import uuid
from dataclasses import dataclass, field
from itertools import accumulate, takewhile
from typing import TYPE_CHECKING, Any, Self

from rustonite_data import _native
from rustonite_data.errors import (
    Conflict,
    Corrupt,
    Internal,
    Invalid,
    NotFound,
    RustoniteError,
    Unavailable,
)
from rustonite_data.lake import last
from rustonite_data.lake.dataset import Dataset
from rustonite_data.lake.hot import CONSUMER
from rustonite_data.lake.snapshot import UNCOMPRESSED
from rustonite_data.lake.stage import fit, staged
from rustonite_data.lake.table import Change, Table
from rustonite_data.tape import Tape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from rustonite_data._native import Rows, Schema
    from rustonite_data.lake.lake import Lake
    from rustonite_data.lake.storage import Storage

_log = logging.getLogger("rustonite.lake")

_PAUSE_FIRST_S = 1.0
_PAUSE_MAX_S = 60.0
_SEGMENTS_MAX = 16
# Rows of one commit, after the lake was away for long: they are sorted in memory.
_BYTES_MAX = 64 << 20


@dataclass
class TapeStatus:
    """How far the lake is behind a tape."""

    dataset: str
    path: Path
    rows_waiting: int = 0
    """Rows that are on the tape and not in the lake, the open segment included."""
    seconds_waiting: float = 0.0
    """For how long the oldest sealed segment has been waiting."""
    rows_committed: int = 0
    """Rows that this committer has moved."""
    rows_lost: int = 0
    """Rows that the tape dropped before anybody committed them."""
    error: str | None = None
    """Why the last attempt failed."""
    failures: int = 0
    """Attempts that failed in a row."""
    retry_at: float = 0.0
    """No attempt before this moment of the monotonic clock."""
    waiting_since: float | None = field(default=None, repr=False)


@dataclass(frozen=True)
class _Pending:
    """Sealed segments of a tape that are not in the lake."""

    path: Path
    tape: str
    schema: Schema
    rows: Rows
    last_segment: int
    next_row: int
    lost: int
    """Rows in front of these that the tape has dropped."""
    more: bool
    """Whether further segments are waiting."""


class Committer:
    """Drains all tapes of a lake, once or in the background.

    Example:
        >>> from rustonite_data.lake import Lake
        >>> lake = Lake.create(folder / "committed")
        >>> with lake.tape("trades", "demo") as tape:
        ...     rows = tape.append(trades)
        ...     tape.seal()
        >>> Committer(lake).run_once()
        3
        >>> lake.sql("select count(*) as n from trades", hot=False).pl().item()
        3
    """

    def __init__(self, lake: Lake, *, interval: float = 1.0, adopt_after: float = 60.0) -> None:
        """Make a committer; it does nothing yet.

        Args:
            lake: Where tapes and tables are.
            interval: How often to look for sealed segments, in seconds.
            adopt_after: Seal the open segment of a tape that nobody has written for so long, in
                seconds: its writer will not.
        """
        self._storage: Storage = lake.storage
        self._tapes = lake.tapes
        self._interval = interval
        self._adopt_after = adopt_after
        self._tables: dict[str, Table] = {}
        self._status: dict[Path, TapeStatus] = {}
        self._orphans: dict[Path, float] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    # One look at everything

    def run_once(self, *, seal: bool = False) -> int:
        """Commit every segment that is sealed now; returns how many rows were moved.

        Args:
            seal: First seal the open segments of tapes that have no writer.

        Raises:
            RustoniteError: of the first dataset that failed, after all were tried.
        """
        moved, first_error = 0, None
        for dataset in self._tapes.datasets():
            try:
                moved += self._dataset(dataset, seal=seal, patient=False)
            except RustoniteError as error:
                first_error = first_error or error
        if first_error is not None:
            raise first_error
        return moved

    def _dataset(self, dataset: str, *, seal: bool, patient: bool) -> int:
        with self._lock:
            paths = self._tapes.paths(dataset)
            now = time.monotonic()
            due = [p for p in paths if not patient or self._state(dataset, p).retry_at <= now]
            try:
                moved = self._drain(dataset, due, seal=seal)
            except RustoniteError as error:
                for path in due:
                    self._note_failure(self._state(dataset, path), error)
                raise
            for path in due:
                state = self._state(dataset, path)
                state.error, state.failures, state.retry_at = None, 0, 0.0
            return moved

    def _drain(self, dataset: str, paths: Sequence[Path], *, seal: bool) -> int:
        moved = 0
        reports = {path: self._adopt(path, at_once=seal) for path in paths}
        if (table := self._table(dataset)) is not None:
            table.refresh()
        while True:
            found = [self._pending(dataset, *report) for report in reports.items()]
            pending = [one for one in found if one is not None]
            if not pending:
                return moved
            moved += self._commit(dataset, pending)
            reports = {one.path: _native.describe_tape(one.path) for one in pending if one.more}
            if not reports:
                return moved

    def _adopt(self, path: Path, *, at_once: bool) -> Mapping[str, Any]:
        """Seals the rest of a tape whose writer is gone, and brings it to disk.

        Returns the description of the tape.
        """
        report = _native.describe_tape(path)
        unfinished = [s for s in report["segments"] if s["rows"] and not _ready(s, report)]
        if report["has_writer"] or not unfinished:
            self._orphans.pop(path, None)
            return report
        since = self._orphans.setdefault(path, time.monotonic())
        if at_once or time.monotonic() - since >= self._adopt_after:
            # Its writer may be back just now: then it is no orphan.
            with contextlib.suppress(Conflict), Tape.open(path) as tape:
                tape.seal()
            return _native.describe_tape(path)
        return report

    def _pending(self, dataset: str, path: Path, report: Mapping[str, Any]) -> _Pending | None:
        border = self._border(dataset, report["id"])
        state = self._state(dataset, path)
        behind = [s for s in report["segments"] if s["number"] > border]
        ready = list(takewhile(lambda s: _ready(s, report), behind))
        fits = _count_at_once(ready)
        more = len(ready) > fits
        del ready[fits:]
        state.waiting_since = (state.waiting_since or time.monotonic()) if ready else None
        expected_row = self._advance(path, report, border)
        if not ready:
            return None
        first, final = ready[0], ready[-1]
        # Checksums are compared here: what is damaged must not become history.
        reader = _native.TapeReader(path, first["base_row"], verify=True)
        rows = reader.read().select(first["number"], final["number"])
        expected = sum(s["rows"] for s in ready)
        if len(rows) != expected:
            raise Unavailable(
                f"{path}: found {len(rows)} rows of {expected}, somebody removed some"
            )
        next_row = final["base_row"] + final["rows"]
        lost = max(0, first["base_row"] - expected_row)
        tape, schema, number = report["id"], reader.schema, final["number"]
        return _Pending(path, tape, schema, rows, number, next_row, lost, more)

    def _border(self, dataset: str, tape: str) -> int:
        table = self._table(dataset)
        if table is None:
            return -1
        border = table.transaction(tape)
        return -1 if border is None else border

    def _table(self, dataset: str) -> Table | None:
        if dataset not in self._tables:
            try:
                self._tables[dataset] = Table(self._storage, dataset)
            except NotFound:
                return None
        return self._tables[dataset]

    def _commit(self, dataset: str, pending: Sequence[_Pending]) -> int:
        table = self._table(dataset)
        if table is None:
            widest = max((one.schema for one in pending), key=lambda schema: len(schema.columns))
            table = self._tables[dataset] = Table.create(self._storage, Dataset.of(widest))
        for one in pending:
            fit(table, one.schema)
        numbers = {one.tape: one.last_segment for one in pending}
        with staged(self._storage, dataset) as stage:
            # Compaction will soon read these files and write others: a disk takes them as they are.
            prefix = UNCOMPRESSED if self._storage.local else ""
            for one in pending:
                stage.write(table.dataset, one.rows, prefix + _name(one), compressed=not prefix)
            version = stage.commit(table, Change(transactions=numbers))
            if version is None:
                raise Conflict(f"{table.root}: another committer works on these tapes: {numbers}")
        for one in pending:
            _native.advance_consumer(one.path, CONSUMER, one.next_row)
            state = self._state(dataset, one.path)
            state.rows_committed += len(one.rows)
            state.rows_lost += one.lost
            if one.lost:
                first_row = one.next_row - len(one.rows)
                _log.error("%s: %d rows before row %d are gone", one.path, one.lost, first_row)
            state.waiting_since, state.seconds_waiting = None, 0.0
        last.remember(table, (version, [one.rows for one in pending]))
        return sum(len(one.rows) for one in pending)

    def _advance(self, path: Path, report: Mapping[str, Any], border: int) -> int:
        """Lets the tape drop what an earlier committer had moved when it was killed.

        Returns the first row that is not in the lake.
        """
        done = [s for s in report["segments"] if s["number"] <= border]
        cursor = report["consumers"].get(CONSUMER)
        row = done[-1]["base_row"] + done[-1]["rows"] if done else cursor or 0
        if cursor is None or cursor < row:
            _native.advance_consumer(path, CONSUMER, row)
        return max(row, cursor or 0)

    # What is known of each tape

    def status(self) -> list[TapeStatus]:
        """How far the lake is behind each tape."""
        # The thread that commits may find a new tape meanwhile.
        known = list(self._status.values())
        for state in known:
            # From the tape alone, so that it is true while the storage is away.
            with contextlib.suppress(RustoniteError):
                report = _native.describe_tape(state.path)
                state.rows_waiting = report["next_row"] - report["consumers"].get(CONSUMER, 0)
            if state.waiting_since is not None:
                state.seconds_waiting = time.monotonic() - state.waiting_since
        return known

    def _state(self, dataset: str, path: Path) -> TapeStatus:
        return self._status.setdefault(path, TapeStatus(dataset, path))

    def _note_failure(self, state: TapeStatus, error: RustoniteError) -> None:
        state.failures += 1
        state.error = f"{error.kind}: {error}"
        pause = min(_PAUSE_MAX_S, _PAUSE_FIRST_S * 2 ** min(state.failures - 1, 10))
        state.retry_at = time.monotonic() + random.uniform(pause / 2, pause)  # noqa: S311 - jitter
        if state.failures == 1:
            _log.warning("%s: %s; trying again", state.path, state.error)

    # In the background

    def start(self) -> Self:
        """Begin to commit in a thread of its own."""
        if self._thread is not None:
            raise Invalid("the committer runs already")
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name="rustonite-committer", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Finish the commit of the moment and end. Harmless if it does not run."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            for dataset in self._tapes.datasets():
                self._try(dataset)

    def _try(self, dataset: str) -> None:
        """The status has the error; the tapes keep recording, and we try again."""
        try:
            self._dataset(dataset, seal=False, patient=True)
        except RustoniteError:
            return
        except Exception as error:  # noqa: BLE001 - a thread that ends would tell nobody
            _log.exception("a bug in rustonite, please report it")
            for state in list(self._status.values()):
                if state.dataset == dataset:
                    self._note_failure(state, Internal(repr(error)))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _ready(segment: Mapping[str, Any], report: Mapping[str, Any]) -> bool:
    """Sealed, and on disk so that no crash takes back what the lake has."""
    if segment["problem"]:
        raise Corrupt(segment["problem"])
    durable = report["in_memory"] or segment["durable"] == segment["rows"]
    return bool(segment["sealed"] and durable)


def _count_at_once(segments: Sequence[Mapping[str, Any]]) -> int:
    """How many of these a commit takes: at least one."""
    sizes = (segment["bytes"] * segment["rows"] // segment["capacity"] for segment in segments)
    within = takewhile(lambda total: total <= _BYTES_MAX, accumulate(sizes))
    return max(1, min(_SEGMENTS_MAX, sum(1 for _ in within)))


def _name(one: _Pending) -> str:
    """Unique, and in the order of the tape."""
    return f"{one.tape[:8]}-{one.last_segment:010}-{uuid.uuid4().hex[:12]}"
