"""`rustonite lake`: what is in a lake, and what moves tapes into it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from rustonite_data import _native
from rustonite_data.cli import commit, files, upkeep
from rustonite_data.cli.options import Place, lake_options, storage_options
from rustonite_data.cli.output import (
    column_facts,
    count_text,
    each,
    json_option,
    print_columns,
    print_json_lines,
    print_table,
    size_text,
    time_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rustonite_data.lake import DataFile, Snapshot


@click.group()
def lake() -> None:
    """Make, look at and look after lakes.

    A lake is said by --lake, by RUSTONITE_LAKE, or is the current folder.

    \b
    Example:
      rustonite lake init /data/lake --dataset trades --dataset quotes
      rustonite lake ls --lake /data/lake
    """


for _command in (commit.commit, *upkeep.COMMANDS, *files.COMMANDS):
    lake.add_command(_command)


@lake.command()
@click.argument("url")
@click.option("--dataset", "datasets", multiple=True, metavar="NAME", help="Make its table, too.")
@storage_options
@json_option
def init(place: Place, *, url: str, datasets: tuple[str, ...], as_json: bool) -> None:
    """Make a lake at URL, a folder or a place in an object store. One that is there is kept.

    Tables of the datasets that come with rustonite are made when they are first needed, so
    --dataset is only for seeing them at once.

    \b
    Example:
      rustonite lake init /data/lake
      rustonite lake init s3://bucket/lake --dataset trades
    """
    made = place.create(url)
    for name in datasets:
        made.create_dataset(name)
    if as_json:
        print_json_lines([{"lake": made.storage.root, "datasets": list(datasets)}])
    else:
        click.echo(made.storage.root)


@lake.command("ls")
@lake_options
@json_option
def list_datasets(place: Place, *, as_json: bool) -> None:
    """List the datasets of a lake: what is in files, and what is only on tapes so far.

    \b
    Example:
      rustonite lake ls --lake /data/lake
    """
    opened = place.open()
    found: list[dict[str, Any]] = []
    code = each(opened.datasets(), lambda name: found.append(summary(opened.snapshot(name))))
    if as_json:
        print_json_lines(found)
    elif found:
        titles = ["dataset", "rows", "on tapes", "files", "size", "version", "from", "to"]
        print_table(titles, [summary_cells(facts) for facts in found], right={1, 2, 3, 4, 5})
    elif not code:
        click.echo(f"{opened.storage.root}: no datasets so far", err=True)
    sys.exit(code)


def summary(snapshot: Snapshot) -> dict[str, Any]:
    """What `ls` tells of a dataset."""
    first, final = span(snapshot)
    return {
        "dataset": snapshot.dataset.name,
        "rows": sum(file.rows for file in snapshot.files),
        "hot_rows": sum(len(rows) for rows in snapshot.hot),
        "files": len(snapshot.files),
        "bytes": sum(file.size for file in snapshot.files),
        "version": None if snapshot.version < 0 else snapshot.version,
        "from": first,
        "to": final,
    }


def summary_cells(facts: dict[str, Any]) -> list[str]:
    """What `ls` tells, as text."""
    return [
        facts["dataset"],
        f"{facts['rows']:,}",
        f"{facts['hot_rows']:,}",
        str(facts["files"]),
        size_text(facts["bytes"]),
        "-" if facts["version"] is None else str(facts["version"]),
        facts["from"] or "-",
        facts["to"] or "-",
    ]


def span(snapshot: Snapshot) -> tuple[str | None, str | None]:
    """Times of the first and the last row, in files or on tapes."""
    column = snapshot.dataset.time
    if column is None:
        return None, None
    ends = [*file_span(column, snapshot.files)]
    for rows in snapshot.hot:
        ends += _hot_span(rows, column)
    return (time_text(min(ends)), time_text(max(ends))) if ends else (None, None)


def file_span(column: str, found: Iterable[DataFile]) -> Iterator[int]:
    """The first and last times of each file, as far as the log knows."""
    for file in found:
        if column in file.minimum and column in file.maximum:
            yield file.minimum[column]
            yield file.maximum[column]


def _hot_span(rows: Any, column: str) -> list[int]:  # noqa: ANN401 - Arrow data
    import pyarrow as pa  # noqa: PLC0415 - not for those who only look at tapes
    import pyarrow.compute as pc  # noqa: PLC0415 - as above

    from rustonite_data.lake.streams import table_of  # noqa: PLC0415 - as above

    ends = pc.min_max(table_of(rows)[column].cast(pa.int64())).as_py()
    return [end for end in (ends["min"], ends["max"]) if end is not None]


@lake.command()
@click.argument("dataset")
@lake_options
@json_option
def info(place: Place, *, dataset: str, as_json: bool) -> None:
    """Show everything known of DATASET without reading its rows.

    \b
    Example:
      rustonite lake info trades
    """
    opened = place.open()
    snapshot = opened.snapshot(dataset)
    facts = {
        **summary(snapshot),
        "schema_version": snapshot.dataset.schema.version,
        "fingerprint": snapshot.dataset.schema.fingerprint,
        "time": snapshot.dataset.time,
        "partition_by": list(snapshot.dataset.partition_by),
        "sort_by": list(snapshot.dataset.sort_by),
        "columns": column_facts(snapshot.dataset.schema),
        "partitions": partitions(snapshot),
        "tapes": [tape_facts(path) for path in opened.tapes.paths(dataset)],
    }
    if as_json:
        print_json_lines([facts])
        return
    print_table(["dataset", dataset], _identity(facts))
    click.echo()
    print_columns(facts["columns"])
    if facts["partitions"]:
        click.echo()
        names = facts["partition_by"]
        titles = [*names, "files", "rows", "size", "from", "to"]
        numbers = {len(names), len(names) + 1, len(names) + 2}
        print_table(titles, [_partition_cells(part) for part in facts["partitions"]], numbers)
    if facts["tapes"]:
        click.echo()
        titles = ["tape", "rows", "to commit", "writer"]
        print_table(titles, [_tape_cells(one) for one in facts["tapes"]], right={1, 2})


def _identity(facts: dict[str, Any]) -> list[list[str]]:
    files = count_text(facts["files"], "file")
    version = "no table so far" if facts["version"] is None else str(facts["version"])
    return [
        ["schema", f"version {facts['schema_version']}, {facts['fingerprint']}"],
        ["table version", version],
        ["rows", f"{facts['rows']:,} in {files} of {size_text(facts['bytes'])}"],
        ["rows on tapes", f"{facts['hot_rows']:,}"],
        ["times", f"{facts['from'] or '-'} to {facts['to'] or '-'}"],
        ["partitioned by", ", ".join(facts["partition_by"]) or "-"],
        ["sorted by", ", ".join(facts["sort_by"]) or "-"],
    ]


def partitions(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Files, rows and times of each partition."""
    groups: dict[tuple[str | None, ...], list[DataFile]] = {}
    names = snapshot.dataset.partition_by
    for file in snapshot.files:
        groups.setdefault(tuple(file.partition[name] for name in names), []).append(file)
    found = []
    for values in sorted(groups, key=lambda values: [value or "" for value in values]):
        group = groups[values]
        ends = list(file_span(snapshot.dataset.time, group)) if snapshot.dataset.time else []
        found.append(
            {
                "partition": dict(zip(names, values, strict=True)),
                "files": len(group),
                "rows": sum(file.rows for file in group),
                "bytes": sum(file.size for file in group),
                "from": time_text(min(ends)) if ends else None,
                "to": time_text(max(ends)) if ends else None,
            }
        )
    return found


def _partition_cells(part: dict[str, Any]) -> list[str]:
    return [
        *("null" if value is None else value for value in part["partition"].values()),
        f"{part['files']:,}",
        f"{part['rows']:,}",
        size_text(part["bytes"]),
        part["from"] or "-",
        part["to"] or "-",
    ]


def tape_facts(path: Any) -> dict[str, Any]:  # noqa: ANN401 - a path
    """How far the lake is behind a tape, as the tape itself knows."""
    from rustonite_data.lake.hot import CONSUMER  # noqa: PLC0415 - imports engines

    facts = _native.describe_tape(path)
    committed = facts["consumers"].get(CONSUMER, facts["first_row"])
    return {
        "path": facts["path"],
        "rows": facts["next_row"] - facts["first_row"],
        "rows_waiting": max(0, facts["next_row"] - committed),
        "has_writer": facts["has_writer"],
    }


def _tape_cells(facts: dict[str, Any]) -> list[str]:
    writer = "live" if facts["has_writer"] else "-"
    return [facts["path"], f"{facts['rows']:,}", f"{facts['rows_waiting']:,}", writer]


@lake.command()
@click.argument("dataset")
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    metavar="N",
    help="How many commits; 0 for all.",
)
@lake_options
@json_option
def history(place: Place, *, dataset: str, limit: int, as_json: bool) -> None:
    """Show the commits of DATASET, newest first.

    \b
    Example:
      rustonite lake history trades -n 5
    """
    entries = [commit_facts(entry) for entry in place.open().history(dataset, limit or None)]
    if as_json:
        print_json_lines(entries)
    else:
        titles = ["version", "time", "what", "operation"]
        cells = [[str(e["version"]), e["time"], e["note"] or "-", e["operation"]] for e in entries]
        print_table(titles, cells, right={0})


def commit_facts(entry: dict[str, Any]) -> dict[str, Any]:
    """What `history` tells of a commit."""
    moment = datetime.fromtimestamp(entry["timestamp"] / 1000, UTC)
    return {
        "version": entry["version"],
        "time": f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z",
        "note": entry.get("rustonite.note"),
        "operation": entry.get("operation", ""),
    }
