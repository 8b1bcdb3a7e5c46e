"""What commands print: tables, JSON lines, sizes, times, errors and progress.

Text for people is laid out by rich on a terminal; in a pipe it is plain and complete.
"""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from rustonite_data.errors import Corrupt, Invalid, RustoniteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from decimal import Decimal

    from rustonite_data import Schema

PROBLEMS, CANNOT_LOOK = 1, 2
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NS = 1_000_000_000
_SECRET_MIN = 6
_SECRET_NAME = re.compile("(?:KEY|PASS|PASSPHRASE|PASSWORD|SECRET|TOKEN)$")

# A line of a file of keys in a message about that file.
_SECRET_VALUE = re.compile(
    r"""(\b\w*(?:key|pass|passphrase|password|secret|token)\s*=\s*)("[^"]*"?|'[^']*'?)""",
    re.IGNORECASE,
)

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")


_hidden: set[str] = set()
_how = {"json": False}


def errors_as_json(wanted: bool) -> None:
    """Say whether errors from now on are JSON, as what a script reads is."""
    _how["json"] = wanted


def hide(values: Iterable[str]) -> None:
    """Never print these values, whoever's error has them; too short ones are no secrets."""
    _hidden.update(value for value in values if len(value) >= _SECRET_MIN)


def without_hidden(text: str) -> str:
    """The text with a mark in place of hidden values, of secrets of the environment and of keys."""
    ours = {value for name, value in os.environ.items() if _SECRET_NAME.search(name)}
    secrets = _hidden | {value for value in ours if len(value) >= _SECRET_MIN}
    for value in sorted(secrets, key=len, reverse=True):
        text = text.replace(value, "…")
    return _SECRET_VALUE.sub(r"\1…", text)


def complain(error: RustoniteError) -> None:
    """Print a problem as one line on stderr, without the marks that point at the line above."""
    lines = [line for line in without_hidden(str(error)).splitlines() if line.strip(" ^~")]
    text = " ".join(" ".join(lines).split())
    line = f"error: {text}"
    if _how["json"]:
        facts = {"error": text, "kind": error.kind, "retryable": error.retryable}
        line = json.dumps(facts, ensure_ascii=False)
    click.echo(line, err=True)


def spinner(text: str) -> Any:  # noqa: ANN401 - either of two context managers
    """Show that something goes on, if somebody watches."""
    console = Console(stderr=True)
    return console.status(text) if console.is_terminal else nullcontext()


@contextmanager
def progress(text: str) -> Iterator[Callable[[int, int | None], None]]:
    """Show how far something is, if somebody watches; gives what is called with done and total."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _ignore
        return
    text_column = TextColumn("{task.description}")
    columns = (text_column, BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task(one_line(text), total=None)

        def show(done: int, total: int | None) -> None:
            bars.update(task, completed=done, total=total)

        yield show


def _ignore(done: int, total: int | None) -> None:
    """Nobody watches."""


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something is removed, if somebody can answer; a script means what it says."""
    if yes or not can_answer():
        return
    try:
        sure = click.confirm(question, err=True)
    except click.Abort:
        click.echo(err=True)
        sure = False
    if not sure:
        raise Invalid("nothing was changed")


def can_answer() -> bool:
    """Whether somebody sits at a terminal."""
    return sys.stdin.isatty()


def each(names: Iterable[str], act: Callable[[str], None]) -> int:
    """Do something for each name, also when it fails for some; returns an exit code."""
    code = 0
    for name in names:
        try:
            act(name)
        except RustoniteError as error:
            complain(error)
            code = max(code, PROBLEMS if isinstance(error, Corrupt) else CANNOT_LOOK)
    return code


def print_json_lines(objects: Iterable[dict[str, Any]]) -> None:
    """Print one JSON object per line."""
    lines = [json.dumps(value, ensure_ascii=False, allow_nan=False) for value in objects]
    if lines:
        click.echo("\n".join(lines))


def print_table(titles: list[str], rows: list[list[str]], right: Iterable[int] = ()) -> None:
    """Print a table: by rich on a terminal, in aligned plain lines elsewhere."""
    right = set(right)
    console = Console()
    if not console.is_terminal:
        lines = [titles, *rows]
        click.echo("\n".join(aligned(lines, widths(lines), right)))
        return
    table = Table(box=None, pad_edge=False)
    for at, title in enumerate(titles):
        table.add_column(title, justify="right" if at in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(table, markup=False, highlight=False)


def widths(lines: list[list[str]]) -> list[int]:
    """Width of each column."""
    return [max(map(len, column)) for column in zip(*lines, strict=True)]


def aligned(lines: list[list[str]], widths: list[int], right: set[int]) -> list[str]:
    """Lines with their cells below each other."""
    return [
        "  ".join(
            cell.rjust(width) if at in right else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def column_facts(schema: Schema) -> list[dict[str, Any]]:
    """What `show` tells of each column."""
    return [
        {
            "name": column.name,
            "type": column.type,
            "nullable": "yes" if column.nullable else "",
            "unit": column.unit,
            "about": column.about,
        }
        for column in schema.columns
    ]


def print_columns(facts: list[dict[str, Any]]) -> None:
    """Print what is known of columns."""
    titles = ["column", "type", "null", "unit", "meaning"]
    print_table(titles, [[str(value) for value in column.values()] for column in facts])


def time_text(ns: int) -> str:
    """Nanoseconds since 1970 as ISO text in UTC.

    Example:
        >>> time_text(1_700_000_000_000_000_001)
        '2023-11-14T22:13:20.000000001Z'
    """
    seconds, rest = divmod(ns, _NS)
    return f"{EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{rest:09}Z"


def decimal_text(value: Decimal) -> str:
    """The digits of a decimal, never with an exponent."""
    return f"{value:f}"


def one_line(text: str) -> str:
    """A text that cannot break the line or move the cursor."""
    return text if text.isprintable() else repr(text)[1:-1]


def count_text(count: int, noun: str) -> str:
    """A number of things.

    Example:
        >>> count_text(1, "file"), count_text(1200, "row")
        ('1 file', '1,200 rows')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def size_text(count: float) -> str:
    """Bytes for people.

    Example:
        >>> size_text(33_554_432)
        '32.0 MiB'
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:  # noqa: PLR2004
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
