"""`rustonite sql`: one query, a file of them, or a prompt."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from rustonite_data.cli.options import Place, lake_options, pair, version
from rustonite_data.cli.output import count_text, spinner
from rustonite_data.errors import Invalid, RustoniteError

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa

    from rustonite_data.cli.statements import Statement
    from rustonite_data.lake import Lake

ENGINES = ("duckdb", "datafusion", "polars")
FORMATS = ("table", "csv", "json", "parquet", "arrow")


@dataclass
class Session:
    """How queries are run and shown."""

    lake: Lake
    engine: str = "duckdb"
    form: str = "table"
    limit: int | None = None
    as_of: int | datetime | None = None
    hot: bool = True
    restricted: bool = False

    def run(self, text: str, params: dict[str, Any] | None = None) -> pa.Table:
        """The rows that a query gives."""
        with spinner("running"):
            result = self.lake.sql(
                text,
                params or None,
                engine=self.engine,
                hot=self.hot,
                as_of=self.as_of,
                restricted=self.restricted,
            )
            return result.arrow()

    def show(self, text: str, params: dict[str, Any] | None = None) -> int:
        """Run a query and print what it gives; returns how many rows that were."""
        from rustonite_data.cli.results import print_result  # noqa: PLC0415 - imports Arrow

        rows = self.run(text, params)
        print_result(rows, self.form, self.limit)
        return len(rows)


@click.command()
@click.argument("query", required=False)
@lake_options
@click.option(
    "-f",
    "--file",
    type=click.File(encoding="utf-8"),
    metavar="FILE",
    help="Run the queries in a file.",
)
@click.option(
    "-e",
    "--engine",
    type=click.Choice(ENGINES),
    default="duckdb",
    show_default=True,
    help="What runs queries.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="How rows are written. By default what the name of --output says, or a table.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the rows of one query to a file, all of them or nothing.",
)
@click.option("--as-of", type=version, metavar="VERSION|TIME", help="The datasets as they were.")
@click.option("--no-hot", is_flag=True, help="Leave out rows that are only on tapes so far.")
@click.option(
    "-p",
    "--param",
    "params",
    multiple=True,
    type=pair,
    metavar="NAME=VALUE",
    help="A value for $NAME; a number, true, false, null, or text (as JSON if in quotes).",
)
@click.option("--restricted", is_flag=True, help="Take only queries, of nothing but the datasets.")
@click.option(
    "--limit-rows",
    type=click.IntRange(min=0),
    metavar="N",
    help="Rows of a table, 0 for all. By default 40 on a terminal, all elsewhere.",
)
def sql(  # noqa: PLR0913 - one for each option
    place: Place,
    *,
    query: str | None,
    file: TextIO | None,
    engine: str,
    form: str | None,
    as_json: bool,
    output: Path | None,
    as_of: int | datetime | None,
    no_hot: bool,
    params: tuple[tuple[str, str], ...],
    restricted: bool,
    limit_rows: int | None,
) -> None:
    """Ask a lake: years of history and the rows of this moment, as one table per dataset.

    QUERY is one or more queries; without it and without --file they come from a pipe, or, on a
    terminal, from a prompt. Each of several is run by itself. Times are UTC, in CSV and JSON as ISO
    text with all digits. Exit code 2: a query failed; later ones were not run.

    \b
    Example:
      rustonite sql "select symbol, count(*) from trades group by all"
      rustonite sql -p symbol=BTCUSDT "select * from trades where symbol = $symbol" -o btc.parquet
      rustonite sql --format json --file daily.sql | jq .
      rustonite sql --lake s3://bucket/lake
    """
    if query is not None and file is not None:
        raise click.UsageError("give a query or --file, not both")
    form = _form(form, output, as_json=as_json)
    asks = query is None and file is None and sys.stdin.isatty()
    if asks and not sys.stdout.isatty():
        raise click.UsageError("give a query, --file, or queries on stdin")
    if output is None and (form == "parquet" or (form == "arrow" and sys.stdout.isatty())):
        raise click.UsageError(f"--format {form} needs --output FILE")
    if asks and (output is not None or params or form == "arrow"):
        raise click.UsageError("--output, --param and --format arrow need a query")
    session = Session(
        place.open(), engine, form or "table", limit_rows, as_of, not no_hot, restricted
    )
    if asks:
        from rustonite_data.cli.prompt import Prompt  # noqa: PLC0415 - needs a terminal

        Prompt(session).run()
        return
    where, text = "", query or ""
    if query is None:
        source = file or sys.stdin
        where, text = f"{source.name}:", _read(source)
    _run_all(session, text, where, _values(params), output)


def _form(form: str | None, output: Path | None, *, as_json: bool) -> str | None:
    """How rows are written, as far as the options say."""
    if as_json and form not in {None, "json"}:
        raise click.UsageError(f"give --json or --format {form}, not both")
    form = "json" if as_json else form
    if output is None:
        return form
    form = form or _format_of(output)
    if form == "table":
        raise click.UsageError("--output takes no table; choose csv, json, parquet or arrow")
    return form


def _run_all(
    session: Session, text: str, where: str, values: dict[str, Any], output: Path | None
) -> None:
    from rustonite_data.cli.statements import statements  # noqa: PLC0415 - imports the lake

    found = statements(text)
    if not found:
        raise Invalid(f"{where or 'query:'} found no statement")
    if len(found) > 1 and (output is not None or session.form == "arrow"):
        message = f"found {len(found)} statements, expected one whose rows are written"
        raise Invalid(f"{where or 'query:'} {message}")
    for name in values:
        if all(name not in statement.parameters for statement in found):
            raise Invalid(f"--param {name}: no query has ${name}")
    for number, statement in enumerate(found):
        if number and session.form == "table":
            click.echo()
        wanted = {name: values[name] for name in statement.parameters if name in values}
        try:
            _run_one(session, statement, wanted, output)
        except RustoniteError as error:
            if not where:
                raise
            raise type(error)(f"{where}{statement.line}: {error}") from error


def _run_one(
    session: Session, statement: Statement, values: dict[str, Any], output: Path | None
) -> None:
    if output is None:
        session.show(statement.text, values)
        return
    from rustonite_data.cli.results import save_result  # noqa: PLC0415

    rows = session.run(statement.text, values)
    save_result(rows, session.form, output)
    if sys.stderr.isatty():
        click.echo(f"{count_text(len(rows), 'row')} in {output}", err=True)


def _read(source: TextIO) -> str:
    try:
        return source.read()
    except UnicodeDecodeError as error:
        raise Invalid(f"{source.name}: byte {error.start} is no UTF-8 text") from error


def _values(params: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """Values of parameters: what is no JSON number, word or quoted text is text as it stands."""
    found: dict[str, Any] = {}
    for name, text in params:
        if name in found:
            raise Invalid(f"--param {name}: given twice")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        found[name] = text if isinstance(value, (list, dict)) else value
    return found


def _format_of(path: Path) -> str:
    """What a file of that name holds."""
    kinds = {"csv": "csv", "json": "json", "jsonl": "json", "ndjson": "json",
             "parquet": "parquet", "arrow": "arrow", "feather": "arrow"}  # fmt: skip
    kind = kinds.get(path.suffix[1:].lower())
    if kind is None:
        known = ", ".join(f".{suffix}" for suffix in kinds)
        message = f"{path}: the name does not say a format; give --format, or one of {known}"
        raise click.UsageError(message)
    return kind
