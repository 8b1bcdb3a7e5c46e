"""`rustonite replay`: history on tapes, at the pace of then or faster."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rustonite_data.cli.options import Place, moment, pair
from rustonite_data.cli.output import (
    count_text,
    hide,
    json_option,
    print_json_lines,
    progress,
)

if TYPE_CHECKING:
    from datetime import datetime


def _speed(text: str) -> float:
    """A factor or `max`, as the type of an option."""
    try:
        found = math.inf if text == "max" else float(text)
    except ValueError:
        found = math.nan
    if not found > 0:
        raise click.BadParameter(f"found {text!r}, expected a number such as 1 or 10, or max")
    return found


@click.command()
@click.argument("datasets", nargs=-1, required=True, metavar="DATASET…")
@click.option(
    "--lake",
    "lake_url",
    envvar="RUSTONITE_LAKE",
    show_envvar=True,
    metavar="URL",
    help="Folder or URL of the lake. By default the current folder, if it is one.",
)
@click.option(
    "--tapes",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Folder for the tapes, which are made anew.",
)
@click.option(
    "--storage-option",
    "storage_options",
    multiple=True,
    type=pair,
    metavar="KEY=VALUE",
    help="A setting of the object store; others come from the environment (AWS_…).",
)
@click.option("--start", type=moment, metavar="TIME", help="From this moment on, by ts_recv.")
@click.option("--end", type=moment, metavar="TIME", help="Up to this moment.")
@click.option("--venue", "venues", multiple=True, metavar="NAME", help="Only these venues.")
@click.option("--symbol", "symbols", multiple=True, metavar="NAME", help="Only these symbols.")
@click.option(
    "--speed",
    type=_speed,
    default="1",
    show_default=True,
    metavar="FACTOR",
    help="1 is real time, 10 is ten times as fast, max is as fast as possible.",
)
@click.option("--name", default="replay", show_default=True, help="Name of the tapes.")
@json_option
def replay(  # noqa: PLR0913 - options of the command line
    datasets: tuple[str, ...],
    *,
    lake_url: str | None,
    tapes: Path,
    storage_options: tuple[tuple[str, str], ...],
    start: datetime | None,
    end: datetime | None,
    venues: tuple[str, ...],
    symbols: tuple[str, ...],
    speed: float,
    name: str,
    as_json: bool,
) -> None:
    """Write rows of a lake to tapes, in the order and at the pace in which they were received.

    Whatever reads tapes runs on history then, as if it was now.

    \b
    Example:
      rustonite replay trades quotes --lake lake --tapes again --start 2026-01-02 --speed 10
    """
    settings = dict(storage_options)
    hide(settings.values())
    # Imported here, as it brings the engines.
    from rustonite_data import replay as work  # noqa: PLC0415

    lake = Place(lake_url, None, settings).open()
    with progress(f"rows of {lake.storage.root}") as show:
        done = work.replay(
            lake,
            tapes,
            datasets,
            start=start,
            end=end,
            venues=venues or None,
            symbols=symbols or None,
            speed=speed,
            name=name,
            progress=show,
        )
    if as_json:
        print_json_lines([asdict(done)])
        return
    told = ", ".join(f"{count_text(count, 'row')} of {one}" for one, count in done.rows.items())
    late = f"; late by up to {done.late:.3f} s" if done.late > 0.1 else ""  # noqa: PLR2004 - worth telling
    click.echo(f"{told} in {done.seconds:.1f} s{late}")
