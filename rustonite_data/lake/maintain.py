"""Maintenance of one table: compact, retain, delete, vacuum, restore.

Each step reads live files, writes new ones, and swaps them in one commit that only lands if the
files it replaces are still live. Killed anywhere, it leaves files that no commit names, which
`vacuum` removes. It runs beside recorders and readers.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from deltalake import CommitProperties
from deltalake.exceptions import CommitFailedError, DeltaError

from rustonite_data.errors import Conflict, Corrupt, Internal, Invalid, NotFound
from rustonite_data.lake import last
from rustonite_data.lake.dataset import DATE
from rustonite_data.lake.prune import prune
from rustonite_data.lake.stage import Stage, staged
from rustonite_data.lake.table import Change

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rustonite_data.lake.choice import Choice
    from rustonite_data.lake.snapshot import DataFile
    from rustonite_data.lake.table import Table

FILE_ROWS = 16 << 20
"""Rows of a file that is large enough."""
_SMALL_ROWS = FILE_ROWS // 4
_UNDATED_FILES_MAX = 8
_ATTEMPTS_MAX = 20
_HOUR_NS = 3_600_000_000_000
# Rows of an hour that has just ended may still be on their way.
_GRACE_NS = 120_000_000_000


@dataclass
class Compacted:
    """What a compaction did."""

    merges: int = 0
    files_before: int = 0
    files_after: int = 0
    rows: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    skipped: int = 0
    """Groups that somebody else changed meanwhile; the next compaction sees to them."""


def compact(
    table: Table, *, now_ns: int, progress: Callable[[int, int], None] | None = None
) -> Compacted:
    """Merge small files: those of each hour that is over, then of each day that is over.

    Files of such a day that are not compressed are, whatever their size and number.
    """
    table.refresh()
    groups = list(_groups(table, now_ns))
    total = sum(file.rows for group in groups for file in group)
    report = Compacted()
    passed = 0
    for group in groups:
        _merge(table, group, report, _offset(progress, passed, total))
        passed += sum(file.rows for file in group)
    if report.merges:
        last.remember(table)
    return report


def _offset(
    progress: Callable[[int, int], None] | None, passed: int, total: int
) -> Callable[[int], None] | None:
    return None if progress is None else lambda rows: progress(passed + rows, total)


def _groups(table: Table, now_ns: int) -> Iterator[list[DataFile]]:
    """Files to merge with each other, in order of arrival, or to write anew."""
    partitions: dict[tuple[str | None, ...], list[DataFile]] = defaultdict(list)
    for file in table.files():
        if file.rows < _SMALL_ROWS or file.uncompressed:
            partitions[tuple(file.partition.values())].append(file)
    for files in partitions.values():
        files.sort(key=lambda file: _arrivals(table, file))
        yield from _ripe(table, files, now_ns)


def _ripe(table: Table, files: list[DataFile], now_ns: int) -> Iterator[list[DataFile]]:
    if DATE not in table.dataset.partition_by:
        if len(files) >= _UNDATED_FILES_MAX:
            yield files
        return
    day = files[0].partition[DATE]
    today = datetime.fromtimestamp((now_ns - _GRACE_NS) / 1e9, UTC).date()
    if day is None or date.fromisoformat(day) < today:
        if len(files) > 1 or files[0].uncompressed:
            yield files
        return
    hours: dict[int, list[DataFile]] = defaultdict(list)
    for file in files:
        hours[_arrivals(table, file)[1] // _HOUR_NS].append(file)
    for hour, group in hours.items():
        if len(group) > 1 and hour < (now_ns - _GRACE_NS) // _HOUR_NS:
            yield group


def _arrivals(table: Table, file: DataFile) -> tuple[int, int, str]:
    """First and last arrival; files of one tape carry its order in their names."""
    column = table.dataset.arrival or ""
    first, final = file.minimum.get(column), file.maximum.get(column)
    return (first or 0, final or 0, file.path)


def _merge(
    table: Table,
    group: Sequence[DataFile],
    report: Compacted,
    progress: Callable[[int], None] | None,
) -> None:
    rows = sum(file.rows for file in group)
    name = f"merged-{uuid.uuid4().hex}"
    paths = [file.path for file in group]
    with staged(table.storage, table.name) as stage, table.at_hand(paths) as inputs:
        try:
            stage.merge(table.dataset, inputs, name, file_rows_max=FILE_ROWS, progress=progress)
        except NotFound as error:
            raise Corrupt(f"{error}; the table needs it, see `rustonite lake verify`") from error
        written = sum(file.rows for file in stage.files)
        if written != rows:
            raise Internal(f"{table.root}: a merge of {rows} rows gave {written}; nothing changed")
        change = Change(remove=group, rows_change=False, note="compact")
        if stage.commit(table, change) is None:
            report.skipped += 1
            return
        report.merges += 1
        report.files_before += len(group)
        report.files_after += len(stage.files)
        report.rows += rows
        report.bytes_before += sum(file.size for file in group)
        report.bytes_after += sum(file.size for file in stage.files)


def retain(table: Table, before_ns: int, *, dry_run: bool = False) -> int:
    """Drop files whose rows are all older than a moment; returns how many rows go."""
    for _ in range(_ATTEMPTS_MAX):
        table.refresh()
        old = [file for file in table.files() if _all_before(table, file, before_ns)]
        rows = sum(file.rows for file in old)
        if not old or dry_run:
            return rows
        if table.commit(Change(remove=old, note="retain")) is not None:
            last.remember(table)
            return rows
    raise _overtaken(table)


def _overtaken(table: Table) -> Conflict:
    return Conflict(f"{table.root}: others changed the same files again and again")


def _all_before(table: Table, file: DataFile, before_ns: int) -> bool:
    day = file.partition.get(DATE)
    if day is not None and table.dataset.has_date:
        end = datetime.combine(
            date.fromisoformat(day) + timedelta(days=1), datetime.min.time(), UTC
        )
        return int(end.timestamp()) * 1_000_000_000 <= before_ns
    newest = file.maximum.get(table.dataset.time) if table.dataset.time else None
    complete = table.dataset.time is not None and file.nulls.get(table.dataset.time) == 0
    return newest is not None and complete and newest < before_ns


def delete(table: Table, choice: Choice, *, dry_run: bool = False) -> int:
    """Delete the committed rows of a choice; returns how many go."""
    for _ in range(_ATTEMPTS_MAX):
        table.refresh()
        predicate = choice.predicate(table.dataset)
        touched = prune(table.files(), predicate, table.dataset)
        with staged(table.storage, table.name) as stage:
            changed, gone = _rewrite(table, touched, choice, None if dry_run else stage)
            if not changed or dry_run:
                return gone
            if stage.commit(table, Change(remove=changed, note="delete")) is not None:
                last.remember(table)
                return gone
    raise _overtaken(table)


def _rewrite(
    table: Table, files: Sequence[DataFile], choice: Choice, stage: Stage | None
) -> tuple[list[DataFile], int]:
    """Writes what stays of each file; returns the files that lose rows, and how many."""
    import duckdb  # noqa: PLC0415 - a recorder needs none

    condition, params = _condition(choice, table)
    rows = "read_parquet(?, hive_partitioning = false)"
    changed, gone = [], 0
    with table.at_hand([file.path for file in files]) as inputs, duckdb.connect() as engine:
        engine.execute("set python_enable_replacements = false")
        for file, path in zip(files, inputs, strict=True):
            count = f"select count(*) from {rows} where {condition}"  # noqa: S608 - names only
            matches = engine.execute(count, [str(path), *params]).fetchall()[0][0]
            gone += matches
            if matches:
                changed.append(file)
            if 0 < matches < file.rows and stage is not None:
                keep = f"select * from {rows} where ({condition}) is not true"  # noqa: S608
                kept = engine.sql(keep, params=[str(path), *params]).to_arrow_reader()
                stage.write(table.dataset, kept, f"kept-{uuid.uuid4().hex}")
    return changed, gone


def _condition(choice: Choice, table: Table) -> tuple[str, list[Any]]:
    """A choice as SQL with its parameters."""
    times = {c.name for c in table.dataset.schema.columns if c.type == "timestamp[ns]"}
    parts, params = [], []
    for column, op, value in choice.tests(table.dataset):
        place = "make_timestamp_ns(?)" if column in times else "?"
        if op == "in":
            parts.append(f'"{column}" in ({", ".join(place for _ in value)})')
            params += value
        else:
            parts.append(f'"{column}" {op} {place}')
            params.append(value)
    return " and ".join(parts), params


def vacuum(table: Table, hours: int | None, *, dry_run: bool) -> list[str]:
    """Remove files that neither the table nor its recent versions need."""
    table.refresh()
    try:
        return table.delta.vacuum(
            retention_hours=hours,
            dry_run=dry_run,
            full=True,
            enforce_retention_duration=False,
        )
    except DeltaError as error:
        raise Corrupt(f"{table.root}: vacuum: {error}") from error
    finally:
        table.refresh()


def restore(table: Table, target: int | datetime) -> int:
    """Bring back the rows of an earlier version, as a new version.

    Raises:
        Conflict: somebody committed meanwhile.
        Invalid: no such version, or its files are gone.
    """
    version = table.refresh()
    if version == target:
        return version
    try:
        table.delta.restore(target, commit_properties=CommitProperties(max_commit_retries=0))
    except CommitFailedError as error:
        raise Conflict(
            f"{table.root}: somebody committed meanwhile; try again ({error})"
        ) from error
    except (DeltaError, OSError) as error:
        raise Invalid(f"{table.root}: cannot restore {target}: {error}") from error
    table.refresh()
    last.remember(table)
    return table.version
