"""`rustonite reparse`: decodes recorded frames again."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rustonite_data.cli.options import Place, end_option, lake_options, start_option
from rustonite_data.cli.output import json_option, print_json_lines, print_table, progress

if TYPE_CHECKING:
    from datetime import datetime


@click.command()
@click.option("--into", required=True, metavar="URL", help="The lake for the rows; made if needed.")
@click.option(
    "--into-tapes",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Folder of its tapes on this machine. By default .tapes in its folder.",
)
@click.option("--venue", metavar="NAME", help="Only this venue.")
@start_option
@end_option
@click.option(
    "--name",
    default="reparse",
    show_default=True,
    metavar="NAME",
    help="Begin of the tapes' names.",
)
@lake_options
@json_option
def reparse(  # noqa: PLR0913 - options of the command line
    place: Place,
    *,
    into: str,
    into_tapes: Path | None,
    venue: str | None,
    start: datetime | None,
    end: datetime | None,
    name: str,
    as_json: bool,
) -> None:
    """Decode the frames of a lake again, by the codecs of today, into another lake.

    Frames go the way that they went when they were received: codecs, books, tapes, lake. Frames
    themselves are not copied. Books begin with the first whole picture after --start.

    \b
    Example:
      rustonite reparse --lake lake --into lake-2 --venue binance --start 2026-01-02
    """
    # Imported here, as it brings the engines.
    from rustonite_data import reparse as work  # noqa: PLC0415

    lake = place.open()
    target = Place(into, into_tapes, place.storage_options).create(into)
    if target.storage.root == lake.storage.root:
        raise click.UsageError(f"--into {into}: the lake itself, which would have all rows twice")
    with progress(f"frames of {lake.storage.root}") as show:
        found = work.reparse(
            lake, target, venue=venue, start=start, end=end, name=name, progress=show
        )
    if as_json:
        print_json_lines(map(asdict, found))
        return
    titles = ["venue", "frames", "rows", "malformed", "unknown", "gaps"]
    cells = [[str(value) for value in asdict(one).values()] for one in found]
    print_table(titles, cells, right={1, 2, 3, 4, 5})
