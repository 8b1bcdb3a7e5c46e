"""`rustonite tape`: what is on a tape, what comes in, and whether it is sound."""

from __future__ import annotations

import base64
import math
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rustonite_data import Gap, Tape, _native
from rustonite_data.cli.output import (
    EPOCH,
    PROBLEMS,
    aligned,
    column_facts,
    decimal_text,
    each,
    json_option,
    one_line,
    print_columns,
    print_json_lines,
    print_table,
    size_text,
    spinner,
    time_text,
    widths,
)
from rustonite_data.errors import Invalid, NotFound, RustoniteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rustonite_data import Batch, Reader, Schema

path_argument = click.argument("tape", type=click.Path(path_type=Path))


@click.group()
def tape() -> None:
    """Look at tapes: what is there, what comes in, and whether it is sound.

    \b
    Example:
      rustonite tape ls /dev/shm
      rustonite tape tail --follow /dev/shm/trades
    """


@tape.command("ls")
@click.argument("folder", type=click.Path(path_type=Path), default=".")
@json_option
def list_tapes(folder: Path, as_json: bool) -> None:
    """List the tapes below FOLDER (here, if not given). A tape itself is fine, too.

    Exit code 1: one is damaged; 2: one could not be looked at. The others are listed.

    \b
    Example:
      rustonite tape ls /dev/shm
    """
    found: list[dict[str, Any]] = []
    code = each(map(str, tapes_below(folder)), lambda path: found.append(summary(Path(path))))
    if as_json:
        print_json_lines(found)
    elif found:
        titles = ["tape", "dataset", "rows", "segments", "size", "writer", "last row", "lives in"]
        print_table(titles, [summary_cells(facts) for facts in found], right={2, 3, 4})
    elif not code:
        click.echo(f"no tapes below {folder}", err=True)
    sys.exit(code)


def tapes_below(folder: Path) -> Iterator[Path]:
    """Folders with a tape, the folder itself included, in order of their paths."""
    if not folder.is_dir():
        raise NotFound(f"{folder}: no such folder")
    for here, below, files in os.walk(folder):
        below.sort()
        if "tape.toml" in files:
            below.clear()
            yield Path(here)


def described(path: Path) -> dict[str, Any]:
    """What is known of a tape; where there is none, those below are named."""
    try:
        return _native.describe_tape(path)
    except NotFound as error:
        below = sorted(found.parent.name for found in path.glob("*/tape.toml"))
        if not below:
            raise
        raise NotFound(f"{path}: no tape here; there are {', '.join(below)} in it") from error


def summary(path: Path) -> dict[str, Any]:
    """What `ls` tells of a tape."""
    facts = _native.describe_tape(path)
    return {
        "path": str(path),
        "dataset": facts["dataset"],
        "rows": facts["next_row"] - facts["first_row"],
        "segments": len(facts["segments"]),
        "bytes": facts["bytes"],
        "has_writer": facts["has_writer"],
        "last_row_at": last_row_time(path, facts),
        "in_memory": facts["in_memory"],
        "problems": all_problems(facts),
    }


def summary_cells(facts: dict[str, Any]) -> list[str]:
    """What `ls` tells, as text."""
    return [
        facts["path"],
        facts["dataset"],
        f"{facts['rows']:,}",
        str(facts["segments"]),
        size_text(facts["bytes"]),
        "live" if facts["has_writer"] else "-",
        "damaged: see verify" if facts["problems"] else facts["last_row_at"] or "-",
        "memory" if facts["in_memory"] else "disk",
    ]


def last_row_time(path: Path, facts: dict[str, Any]) -> str | None:
    """When the last row was received, or happened if the dataset does not say."""
    if facts["next_row"] == facts["first_row"] or all_problems(facts):
        return None
    reader = Tape.reader(path, start=facts["next_row"] - 1, verify=False)
    times = [column.name for column in reader.schema.columns if column.type == "timestamp[ns]"]
    name = "ts_recv" if "ts_recv" in times else next(iter(times), None)
    batch = reader.poll(1)
    if name is None or not isinstance(batch, _native.Batch):
        return None
    last = batch.to_pylist([name])[0][name]
    return None if last is None else time_text(last)


def all_problems(facts: dict[str, Any]) -> list[str]:
    """What is wrong with a tape and its segments."""
    inside = [segment["problem"] for segment in facts["segments"] if segment["problem"]]
    return [*facts["problems"], *inside]


@tape.command()
@path_argument
@json_option
def show(tape: Path, as_json: bool) -> None:
    """Show everything known of TAPE without reading its rows.

    \b
    Example:
      rustonite tape show /dev/shm/trades
    """
    facts = described(tape)
    columns: list[dict[str, Any]] = []
    try:
        columns = column_facts(Tape.reader(tape, start="now", verify=False).schema)
    except RustoniteError as error:
        facts["problems"] = list({*facts["problems"], str(error)})
    if as_json:
        print_json_lines([{**facts, "columns": columns}])
        return
    print_table(["tape", facts["path"]], identity(facts))
    if facts["consumers"]:
        click.echo()
        lag = [[name, f"{row:,}", f"{max(0, facts['next_row'] - row):,}"]
               for name, row in facts["consumers"].items()]  # fmt: skip
        print_table(["consumer", "next row", "behind by"], lag, right={1, 2})
    click.echo()
    print_segments(facts)
    click.echo()
    print_columns(columns)


def identity(facts: dict[str, Any]) -> list[list[str]]:
    """The facts of `show` that are one line each."""
    settings = {name: "-" if value is None else value for name, value in facts["settings"].items()}
    return [
        ["id", facts["id"]],
        ["dataset", f"{facts['dataset']} version {facts['version']}"],
        ["fingerprint", facts["fingerprint"]],
        ["rows", f"{facts['first_row']:,} to {facts['next_row']:,}"],
        ["size", size_text(facts["bytes"])],
        ["writer", "live" if facts["has_writer"] else "none"],
        ["durability", facts["durability"]],
        *([name, str(value)] for name, value in settings.items()),
        *(["problem", problem] for problem in facts["problems"]),
    ]


@tape.command()
@path_argument
@click.option(
    "-n",
    "--rows",
    "count",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    metavar="N",
    help="How many of the last rows.",
)
@click.option("-f", "--follow", is_flag=True, help="Go on with new rows until Ctrl-C.")
@click.option("--columns", metavar="A,B", help="Only these columns.")
@json_option
def tail(tape: Path, count: int, follow: bool, columns: str | None, as_json: bool) -> None:
    """Print the last rows of TAPE. Times are UTC.

    JSON has times and dates as ISO text, decimals as text, bytes in base64, and null for NaN and
    infinite numbers. Rows that were removed before they could be read are told on stderr.

    \b
    Example:
      rustonite tape tail -n 3 --columns ts_recv,symbol,price /dev/shm/trades
      rustonite tape tail --follow --json /dev/shm/trades | jq .price
    """
    facts = described(tape)
    end = facts["next_row"]
    start = max(facts["first_row"], end - count)
    reader = Tape.reader(tape, start=start, verify=False)
    wanted = [name.strip() for name in columns.split(",")] if columns else None
    kinds = wanted_kinds(reader.schema, wanted)
    out = JsonRows(kinds) if as_json else TextRows(kinds)
    out.rows(batches(take(reader, end)))
    while follow:
        reader.wait()
        out.rows(batches(reader), more=True)


def take(reader: Reader, end: int) -> Iterator[Batch | Gap]:
    """What there is before row `end`."""
    while reader.row < end and (news := reader.poll(end - reader.row)) is not None:
        yield news


def batches(news: Iterable[Batch | Gap]) -> Iterator[Batch]:
    """The rows; gaps between them are told on stderr."""
    for part in news:
        if isinstance(part, Gap):
            text = f"gap: rows {part.from_row} to {part.to_row} were removed before they were read"
            click.echo(text, err=True)
        else:
            yield part


def wanted_kinds(schema: Schema, wanted: Sequence[str] | None) -> dict[str, str]:
    """Types of the wanted columns, in the order of the wish."""
    kinds = {column.name: column.type for column in schema.columns}
    for name in wanted or ():
        if name not in kinds:
            known = ", ".join(kinds)
            raise Invalid(f"--columns: column {name!r} is not in the tape, expected {known}")
    return {name: kinds[name] for name in wanted} if wanted else kinds


class JsonRows:
    """Prints rows as JSON lines."""

    def __init__(self, kinds: dict[str, str]) -> None:
        self._forms = {name: json_form(kind) for name, kind in kinds.items()}

    def rows(self, batches: Iterable[Batch], *, more: bool = False) -> None:  # noqa: ARG002
        """Print the rows; all the same whether they are the first ones or more."""
        for batch in batches:
            rows = batch.to_pylist(list(self._forms))
            print_json_lines(
                {name: None if row[name] is None else form(row[name])
                 for name, form in self._forms.items()}
                for row in rows
            )  # fmt: skip


class TextRows:
    """Prints rows as a table; later rows go below the first ones, in the same widths."""

    def __init__(self, kinds: dict[str, str]) -> None:
        self._kinds = kinds
        self._titles = ["row", *kinds]
        numeric = ("int", "float", "decimal")
        kinds_right = enumerate(kinds.values(), start=1)
        self._right = {0, *(at for at, kind in kinds_right if kind.startswith(numeric))}
        self._widths = [len(title) for title in self._titles]

    def rows(self, batches: Iterable[Batch], *, more: bool = False) -> None:
        """Print the rows, with a head unless they are more of the same."""
        cells = [line for batch in batches for line in self._cells(batch)]
        if more:
            lines = aligned(cells, self._widths, self._right)
            click.echo("\n".join(lines))
            return
        self._widths = widths([self._titles, *cells])
        print_table(self._titles, cells, right=self._right)

    def _cells(self, batch: Batch) -> Iterator[list[str]]:
        forms = {name: text_form(kind) for name, kind in self._kinds.items()}
        for number, row in enumerate(batch.to_pylist(list(forms)), start=batch.first_row):
            cells = ["" if row[name] is None else form(row[name]) for name, form in forms.items()]
            yield [str(number), *cells]


@tape.command()
@click.argument(
    "tapes", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="TAPE..."
)
@json_option
def verify(tapes: tuple[Path, ...], as_json: bool) -> None:
    """Read every byte of each TAPE and compare the checksums of sealed segments.

    Nothing is changed, and a live tape can be checked. Exit code 0: sound; 1: something is wrong;
    2: a tape could not be looked at.

    \b
    Example:
      rustonite tape verify /dev/shm/trades && echo sound
    """
    verdicts: list[bool] = []

    def one(path: str) -> None:
        with spinner(f"verifying {path}"):
            facts = _native.verify_tape(Path(path))
        verdicts.append(facts["sound"])
        if as_json:
            print_json_lines([facts])
        else:
            print_verdict(facts)

    code = each(map(str, tapes), one)
    sys.exit(max(code, 0 if all(verdicts) else PROBLEMS))


def print_verdict(facts: dict[str, Any]) -> None:
    """What `verify` found."""
    print_segments(facts)
    problems = all_problems(facts)
    for problem in facts["problems"]:
        click.echo(f"problem: {problem}")
    rows = facts["next_row"] - facts["first_row"]
    verdict = f"{len(problems)} problems" if problems else f"sound, {rows:,} rows"
    click.echo(f"{facts['path']}: {verdict}")


def print_segments(facts: dict[str, Any]) -> None:
    """The segments of a tape as a table."""
    any_problem = any(segment["problem"] for segment in facts["segments"])
    titles = ["segment", "first row", "rows", "capacity", "size", "sealed", "durable", "checksums"]
    cells = [
        [
            str(segment["number"]),
            f"{segment['base_row']:,}",
            f"{segment['rows']:,}",
            f"{segment['capacity']:,}",
            size_text(segment["bytes"]),
            "sealed" if segment["sealed"] else "open",
            "-" if segment["durable"] is None else f"{segment['durable']:,}",
            "compared" if segment["checksums"] else "-",
            *([segment["problem"] or ""] if any_problem else []),
        ]
        for segment in facts["segments"]
    ]
    print_table([*titles, "problem"] if any_problem else titles, cells, right={0, 1, 2, 3, 4, 6})


def json_form(kind: str) -> Callable[[Any], Any]:
    """How a value of a column type looks in JSON."""
    if kind.startswith("list<"):
        item = json_form(kind.removeprefix("list<").removesuffix(">"))
        return lambda values: [item(value) for value in values]
    if kind.startswith("float"):
        return lambda value: value if math.isfinite(value) else None
    if "binary" in kind:
        return lambda value: base64.b64encode(value).decode()
    if kind.startswith("decimal"):
        return decimal_text
    return _TIMES.get(kind, _as_it_is)


def text_form(kind: str) -> Callable[[Any], str]:
    """How a value of a column type looks in a table."""
    if kind.startswith("list<"):
        item = text_form(kind.removeprefix("list<").removesuffix(">"))
        return lambda values: "[" + ", ".join(item(value) for value in values) + "]"
    if "binary" in kind:
        return lambda value: base64.b64encode(value).decode()
    if kind.startswith("decimal"):
        return decimal_text
    if kind == "utf8" or kind.startswith("dictionary"):
        return one_line
    return _TIMES.get(kind, repr)


def date_text(days: int) -> str:
    """Days since 1970 as an ISO date, or as they are where the calendar of Python ends."""
    try:
        return (EPOCH + timedelta(days=days)).date().isoformat()
    except OverflowError:
        return str(days)


def _as_it_is(value: Any) -> Any:  # noqa: ANN401
    return value


_TIMES: dict[str, Callable[[Any], str]] = {"timestamp[ns]": time_text, "date32": date_text}
