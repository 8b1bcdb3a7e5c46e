"""`rustonite lake import` and `rustonite lake export`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rustonite_data.cli.options import Place, lake_options, pair
from rustonite_data.cli.output import count_text, each, json_option, print_json_lines, progress
from rustonite_data.errors import Invalid

if TYPE_CHECKING:
    from rustonite_data.lake.export import Format
    from rustonite_data.lake.ingest import Imported

IMPORT_FORMATS = (
    "tardis", "databento", "binance", "lobster", "collector", "csv", "parquet", "arrow", "excel",
)  # fmt: skip
EXPORT_FORMATS = ("parquet", "csv", "arrow", "jsonl")


@click.command("import")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE..."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(IMPORT_FORMATS),
    help="What the files are, where neither name nor content tell.",
)
@click.option("--dataset", metavar="NAME", help="Import rows of this dataset only.")
@click.option("--venue", metavar="NAME", help="The venue of all rows, where the files do not say.")
@click.option(
    "--symbol", metavar="NAME", help="The symbol of all rows, where the files do not say."
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    type=pair,
    metavar="OURS=THEIRS",
    help="Where a column comes from; or JSON with column, unit, zone, words, value.",
)
@click.option(
    "--extra",
    type=click.Choice(["keep", "drop", "fail"]),
    default="fail",
    show_default=True,
    help="What to do with columns that have no place.",
)
@click.option(
    "--rejects",
    type=click.Path(path_type=Path),
    metavar="FILE|FOLDER",
    help="A new file for lines that cannot be read (of several files: a folder); "
    "otherwise the first one is an error.",
)
@click.option(
    "--option",
    "options",
    multiple=True,
    type=pair,
    metavar="NAME=VALUE",
    help="A setting of the format; JSON or text.",
)
@click.option("--again", is_flag=True, help="Import files although they were imported before.")
@lake_options
@json_option
def import_files(  # noqa: PLR0913 - one for each option
    place: Place,
    *,
    files: tuple[Path, ...],
    form: str | None,
    dataset: str | None,
    venue: str | None,
    symbol: str | None,
    columns: tuple[tuple[str, str], ...],
    extra: str,
    rejects: Path | None,
    options: tuple[tuple[str, str], ...],
    again: bool,
    as_json: bool,
) -> None:
    """Bring the rows of each FILE into the lake, whole or not at all.

    A file whose content was imported before is skipped, so the same command may be run again.
    Formats: Tardis, Databento, Binance's public data, LOBSTER, hftbacktest's collector, and CSV,
    Parquet, Arrow and Excel with columns of any name. Exit code 2: a file was not imported.

    \b
    Example:
      rustonite lake import BTCUSDT-trades-2024-01-01.zip
      rustonite lake import --dataset trades --venue demo --symbol ABC \\
        --column 'ts_event={"column": "t", "unit": "ms"}' --column price=p prices.csv
    """
    if rejects is not None and len(files) > 1 and not rejects.is_dir():
        raise click.UsageError(f"--rejects {rejects}: for several files, expected a folder")
    settings = {
        "dataset": dataset,
        "venue": venue,
        "symbol": symbol,
        "columns": _mapping("--column", columns, only_objects=True),
        "extra": extra,
        "options": _mapping("--option", options),
    }
    lake = place.open()

    def one(name: str) -> None:
        path = Path(name)
        bad = rejects
        if rejects is not None and rejects.is_dir():
            bad = rejects / f"{path.name}.rejects.tsv"
        with progress(f"importing {path.name}") as show:
            done = lake.import_file(path, form, again=again, progress=show, rejects=bad, **settings)
        _tell(path, done, bad, as_json=as_json)

    sys.exit(each(map(str, files), one))


def _mapping(
    option: str, pairs: tuple[tuple[str, str], ...], *, only_objects: bool = False
) -> dict[str, Any]:
    """Values by name: JSON, or text as it stands. A column may have a number as its name."""
    mapping: dict[str, Any] = {}
    for name, text in pairs:
        if name in mapping:
            raise Invalid(f"{option} {name}: given twice")
        mapping[name] = text
        is_object = text.startswith("{")
        try:
            mapping[name] = json.loads(text) if is_object or not only_objects else text
        except ValueError as error:
            if is_object:
                message = f"{option} {name}: found {text}, expected JSON: {error}"
                raise Invalid(message) from error
    return mapping


def _tell(path: Path, done: Imported, rejects: Path | None, *, as_json: bool) -> None:
    if as_json:
        facts = {"file": str(path), "rows": done.rows, "skipped": done.skipped}
        print_json_lines([{**facts, "rejected": done.rejected}])
        return
    rows = ", ".join(f"{count_text(count, 'row')} of {name}" for name, count in done.rows.items())
    text = "was imported before" if done.skipped else rows or "no rows"
    click.echo(f"{path}: {text}")
    if done.rejected:
        click.echo(f"{path}: {count_text(done.rejected, 'bad line')} in {rejects}", err=True)


@click.command("export")
@click.argument("source")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--format",
    "form",
    type=click.Choice(EXPORT_FORMATS),
    help="What to write, where the name does not say.",
)
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
@lake_options
@json_option
def export_file(  # noqa: PLR0913 - one for each option
    place: Place, *, source: str, path: Path, form: Format | None, overwrite: bool, as_json: bool
) -> None:
    """Write SOURCE, a dataset or a query, to a file: PATH appears whole or not at all.

    \b
    Example:
      rustonite lake export trades trades.parquet
      rustonite lake export "select * from quotes where symbol = 'BTCUSDT'" btc.csv.gz
    """
    lake = place.open()
    with progress(f"exporting to {path.name}") as show:
        count = lake.export(
            source, path, form, overwrite=overwrite, progress=lambda rows: show(rows, None)
        )
    if as_json:
        print_json_lines([{"file": str(path), "rows": count}])
    else:
        click.echo(f"{path}: {count_text(count, 'row')}")


COMMANDS = (import_files, export_file)
