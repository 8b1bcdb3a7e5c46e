"""Is all that the log promises there, readable, in order, only once? And what to do if not."""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rustonite_data import _native
from rustonite_data.errors import Corrupt, NotFound
from rustonite_data.lake import last
from rustonite_data.lake.table import Change, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import duckdb

    from rustonite_data.lake.snapshot import DataFile
    from rustonite_data.lake.storage import Storage

Level = Literal["error", "warning"]

# What should be there once in its partition, by dataset.
_IDS = {
    "trades": ("trade_id", "trade_uid"),
    "fills": ("fill_id",),
    "liquidations": ("liquidation_id", "liquidation_uid"),
}


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be."""

    level: Level
    """An error is damage; a warning is a fact about the data that somebody should know."""
    kind: str
    dataset: str
    where: str
    """A file, or a partition."""
    detail: str

    def row(self) -> dict[str, Any]:
        """For tables and JSON."""
        return asdict(self)


def verify(
    table: Table,
    *,
    gap_s: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Finding]:
    """Read every live file and compare it with the log, with the schema and with itself.

    Errors: a file that is missing or unreadable, with other rows than the log says, out of order,
    in the wrong partition, or with statistics that would hide rows. Warnings: an id that is there
    more than once, update numbers that do not follow each other, and, with `gap_s`, silence of an
    instrument for longer than that.
    """
    table.refresh()
    files = table.files()
    total = sum(file.rows for file in files)
    findings: list[Finding] = []
    partitions: dict[tuple[str | None, ...], list[DataFile]] = defaultdict(list)
    for file in files:
        partitions[tuple(file.partition.values())].append(file)
    done = 0
    for group in partitions.values():
        sound = []
        for file in group:
            problems = list(_check_file(table, file))
            findings += problems
            sound += [] if problems else [file]
            done += file.rows
            if progress is not None:
                progress(done, total)
        findings += _check_rows(table, sound, gap_s)
    return findings


def _check_file(table: Table, file: DataFile) -> Iterator[Finding]:
    stored = table.storage.stored(f"{table.name}/{file.path}")
    if stored is None:
        yield Finding("error", "missing file", table.name, file.path, f"{file.rows} rows are gone")
        return
    if stored.size != file.size:
        detail = f"found {stored.size} bytes, expected {file.size}"
        yield Finding("error", "other size", table.name, file.path, detail)
        return
    with table.at_hand([file.path]) as (local,):
        problems = _native.lake_check(
            table.dataset.schema,
            local,
            partition_by=table.dataset.partition_by,
            sort_by=table.dataset.sort_by,
            partition=dict(file.partition),
            stats=_statistics(table, file),
            rows=file.rows,
            size=file.size,
        )
    for problem in problems:
        yield Finding("error", "damaged file", table.name, file.path, problem)


def _statistics(table: Table, file: DataFile) -> str:
    """What the log says of a file, in the log's own form."""
    times = {c.name for c in table.dataset.schema.columns if c.type == "timestamp[ns]"}
    # Python's JSON has no exact numbers, so their digits are marked and lose their quotes after.
    mark = uuid.uuid4().hex

    def spell(name: str, value: Any) -> Any:  # noqa: ANN401 - JSON
        if name in times:
            return str(np.datetime64(value, "ns"))
        if isinstance(value, Decimal):
            return f"{mark}{value:f}{mark}"
        return value if isinstance(value, int | float) else str(value)

    spelled = {
        "numRecords": file.rows,
        "minValues": {name: spell(name, value) for name, value in file.minimum.items()},
        "maxValues": {name: spell(name, value) for name, value in file.maximum.items()},
        "nullCount": dict(file.nulls),
    }
    return json.dumps(spelled).replace(f'"{mark}', "").replace(f'{mark}"', "")


def _check_rows(table: Table, files: Sequence[DataFile], gap_s: float | None) -> Iterator[Finding]:
    """Facts about the rows of one partition as a whole."""
    import duckdb  # noqa: PLC0415 - a recorder needs none

    if not files:
        return
    names = {column.name: column.type for column in table.dataset.schema.columns}
    where = "/".join(f"{name}={value}" for name, value in files[0].partition.items()) or "table"
    with table.at_hand([file.path for file in files]) as paths, duckdb.connect() as engine:
        engine.execute("set python_enable_replacements = false")
        rows = engine.from_parquet([str(path) for path in paths], union_by_name=True)
        rows.create_view("rows")
        for column in _IDS.get(table.name, ()):
            if column in names:
                yield from _twice(engine, table, where, column)
        if {"seq", "seq_prev", "symbol"} <= names.keys():
            yield from _broken_chain(engine, table, where)
        if gap_s is not None and table.dataset.arrival is not None:
            yield from _silence(engine, table, where, gap_s)


def _twice(
    engine: duckdb.DuckDBPyConnection, table: Table, where: str, column: str
) -> Iterator[Finding]:
    key = ", ".join(f'"{name}"' for name in table.dataset.key if name in _columns(table))
    query = f"""
        select {key}, count(*) as ids, sum(n) - count(*) as surplus, min(id) as example from (
            select {key}, "{column}" as id, count(*) as n from rows
            where "{column}" is not null group by all having n > 1
        ) group by {key} order by {key}"""  # noqa: S608 - names come from the schema
    for *names, ids, surplus, example in engine.execute(query).fetchall():
        who = "/".join(map(str, names))
        detail = f"{who}: {surplus} surplus rows of {ids} ids in {column}, such as {example}"
        yield Finding("warning", "id twice", table.name, where, detail)


def _broken_chain(engine: duckdb.DuckDBPyConnection, table: Table, where: str) -> Iterator[Finding]:
    """Messages whose predecessor is not there. A snapshot starts a chain anew."""
    query = """
        with messages as (
            select distinct symbol, seq, seq_prev from rows
            where seq is not null and seq_prev is not null
        ), starts as (
            select symbol, min(seq_prev) as first from messages group by symbol
        )
        select symbol, count(*), min(seq_prev) from messages m join starts using (symbol)
        where seq_prev > first and seq_prev <> seq and not exists (
            from rows r where r.symbol = m.symbol and r.seq = m.seq_prev)
        group by symbol order by symbol"""
    for symbol, count, example in engine.execute(query).fetchall():
        detail = f"{symbol}: {count} messages follow one that is not there, such as {example}"
        yield Finding("warning", "broken chain", table.name, where, detail)


def _silence(
    engine: duckdb.DuckDBPyConnection, table: Table, where: str, gap_s: float
) -> Iterator[Finding]:
    key = ", ".join(f'"{name}"' for name in table.dataset.key)
    time = table.dataset.arrival
    by = f"partition by {key}" if key else ""
    names = key or "'all'"
    query = f"""
        select {names}, count(*), max(silence) / 1e9, arg_max(since, silence) from (
            select *, epoch_ns("{time}") - epoch_ns(since) as silence from (
                select *, lag("{time}") over ({by} order by "{time}") as since from rows))
        where silence > ? group by all order by all"""  # noqa: S608 - names come from the schema
    for *who, count, longest, since in engine.execute(query, [int(gap_s * 1e9)]).fetchall():
        name = "/".join(map(str, who))
        detail = f"{name}: {count} times, longest {longest:.3f} s, from {since}"
        yield Finding("warning", "silence", table.name, where, detail)


def _columns(table: Table) -> set[str]:
    return {column.name for column in table.dataset.schema.columns}


@dataclass(frozen=True)
class Repair:
    """Something that was done, or would be, to make a table readable again."""

    what: str
    where: str
    rows: int = 0
    """Rows that are given up. They were lost before: this makes the rest readable."""


def repair(storage: Storage, dataset: str, *, dry_run: bool) -> list[Repair]:
    """Make a damaged table readable: what cannot be read is taken out of its log.

    A log entry that is torn (the machine crashed while it was written) is set aside if it is the
    newest: its rows are still on their tapes. A checkpoint that cannot be read is set aside if the
    log reaches back without it. Live files that are missing or unreadable are removed from the
    table; the files themselves stay where they are.

    Raises:
        Corrupt: an older log entry is damaged; restore the folder from a backup.
    """
    done = list(_repair_log(storage, dataset, dry_run=dry_run))
    if done and dry_run:
        return done
    table = Table(storage, dataset)
    lost = []
    for file in table.files():
        if any(True for _ in _check_file(table, file)):
            lost.append(file)
            done.append(Repair("file taken out of the table", file.path, file.rows))
    if lost and not dry_run:
        table.commit(Change(remove=lost, note="repair"))
        last.remember(table)
    return done


def _repair_log(storage: Storage, dataset: str, *, dry_run: bool) -> Iterator[Repair]:
    log = f"{dataset}/_delta_log"
    names = sorted(file.path for file in storage.files(log))
    entries = [name for name in names if name.endswith(".json") and _version(name) is not None]
    if not entries:
        raise NotFound(f"{storage.root}/{log}: no log, so no table")
    for name in entries:
        if not _readable_entry(storage, name):
            if name != entries[-1]:
                raise Corrupt(f"{storage.root}/{name}: damaged, and not the newest log entry")
            yield _set_aside(storage, name, "torn log entry set aside", dry_run=dry_run)
    for name in names:
        if name.endswith(".parquet") and not _readable_checkpoint(storage, name):
            if _version(entries[0]) != 0:
                raise Corrupt(f"{storage.root}/{name}: damaged, and the log does not reach back")
            yield _set_aside(storage, name, "damaged checkpoint set aside", dry_run=dry_run)
            hint = f"{log}/_last_checkpoint"
            if storage.stored(hint) is not None:
                yield _set_aside(storage, hint, "hint to the checkpoint set aside", dry_run=dry_run)


def _version(name: str) -> int | None:
    stem = name.rpartition("/")[2].partition(".")[0]
    return int(stem) if stem.isdecimal() else None


def _readable_entry(storage: Storage, name: str) -> bool:
    try:
        lines = storage.read(name).decode().splitlines()
        return bool(lines) and all(isinstance(json.loads(line), dict) for line in lines)
    except ValueError:
        return False


def _readable_checkpoint(storage: Storage, name: str) -> bool:
    try:
        pq.read_table(pa.BufferReader(storage.read(name)))
    except (pa.ArrowException, OSError):
        return False
    return True


def _set_aside(storage: Storage, name: str, what: str, *, dry_run: bool) -> Repair:
    if not dry_run:
        storage.replace(f"{name}.damaged", storage.read(name))
        storage.delete(name)
    return Repair(what, name)
