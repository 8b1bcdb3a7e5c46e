"""`rustonite replay`: history on tapes, at the pace of then or faster."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rustonite_data.cli.options import (
    end_option,
    lake_options,
    speed_factor,
    start_option,
    symbols_option,
    venues_option,
)
from rustonite_data.cli.output import count_text, json_option, print_json_lines, progress

if TYPE_CHECKING:
    from datetime import datetime

    from rustonite_data.cli.options import Place
    from rustonite_data.lake import Lake


@click.command()
@click.argument("datasets", nargs=-1, metavar="DATASET...")
@click.option("--from-frames", is_flag=True, help="Decode recorded frames, instead of DATASET.")
@click.option(
    "--into",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Folder for the tapes, which are made anew.",
)
@start_option
@end_option
@venues_option
@symbols_option
@click.option(
    "--speed",
    type=speed_factor,
    default="1",
    show_default=True,
    metavar="FACTOR",
    help="1 is real time, 10 is ten times as fast, max is as fast as possible.",
)
@click.option(
    "--name", default="replay", show_default=True, metavar="NAME", help="Name of the tapes."
)
@lake_options
@json_option
def replay(  # noqa: PLR0913 - options of the command line
    place: Place,
    datasets: tuple[str, ...],
    *,
    from_frames: bool,
    into: Path,
    start: datetime | None,
    end: datetime | None,
    venues: tuple[str, ...],
    symbols: tuple[str, ...],
    speed: float,
    name: str,
    as_json: bool,
) -> None:
    """Write rows of a lake to tapes, in the order and at the pace in which they were received.

    Whatever reads tapes runs on history then, as if it was now. Moments are those of ts_recv.

    \b
    Example:
      rustonite replay trades quotes --lake lake --into again --start 2026-01-02 --speed 10
      rustonite replay --from-frames --lake lake --into again --venue binance
    """
    if from_frames and (datasets or symbols):
        raise click.UsageError(
            "--from-frames replays all that a venue sent: no DATASET, no --symbol"
        )
    if not from_frames and not datasets:
        raise click.UsageError("give DATASET..., or --from-frames")
    # Imported here, as it brings the engines.
    from rustonite_data import replay as work  # noqa: PLC0415

    lake = place.open()
    if _is_in(into.resolve(), lake):
        raise click.UsageError(f"--into {into}: in the lake itself, which would have rows twice")
    with progress(f"rows of {lake.storage.root}") as show:
        how: dict[str, Any] = {"speed": speed, "name": name, "progress": show}
        how |= {"start": start, "end": end, "venues": venues or None}
        if from_frames:
            done = work.replay_frames(lake, into, **how)
        else:
            done = work.replay(lake, into, datasets, symbols=symbols or None, **how)
    if as_json:
        print_json_lines([asdict(done)])
        return
    told = ", ".join(f"{count_text(count, 'row')} of {one}" for one, count in done.rows.items())
    late = f"; late by up to {done.late:.3f} s" if done.late > 0.1 else ""  # noqa: PLR2004 - worth telling
    click.echo(f"{told} in {done.seconds:.1f} s{late}")


def _is_in(folder: Path, lake: Lake) -> bool:
    own = [one.resolve() for one in (lake.storage.folder, lake.tapes.folder) if one is not None]
    return any(one in (folder, *folder.parents) for one in own)
