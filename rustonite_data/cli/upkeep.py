"""`rustonite lake compact`, `retain`, `vacuum`, `verify`, `repair`, `restore` and `delete`."""

from __future__ import annotations

import math
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from rustonite_data.cli.options import (
    Place,
    duration,
    end_option,
    lake_options,
    moment,
    start_option,
    symbols_option,
    venues_option,
    version,
)
from rustonite_data.cli.output import (
    PROBLEMS,
    confirm,
    count_text,
    each,
    json_option,
    print_json_lines,
    print_table,
    progress,
    size_text,
)
from rustonite_data.errors import RustoniteError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rustonite_data.lake import Lake

datasets_argument = click.argument("datasets", nargs=-1, metavar="[DATASET]...")
dry_run_option = click.option("--dry-run", is_flag=True, help="Only tell how many rows would go.")
yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask.")


def tables(lake: Lake, wanted: Sequence[str]) -> Iterator[str]:
    """The datasets that were asked for, or all that have a table."""
    for name in wanted or lake.datasets():
        try:
            if wanted or lake.snapshot(name, hot=False).version >= 0:
                yield name
        except RustoniteError:
            # What is wrong with it is for whoever works on it.
            yield name


@click.command()
@datasets_argument
@lake_options
@json_option
def compact(place: Place, *, datasets: tuple[str, ...], as_json: bool) -> None:
    """Merge small files of hours and days that are over into large sorted ones.

    All datasets, if none is given. Runs beside recorders and readers; stopped at any moment, it
    leaves the lake as it was or as it should be.

    \b
    Example:
      rustonite lake compact
      rustonite lake compact trades quotes --json
    """
    lake = place.open()

    def one(name: str) -> None:
        with progress(f"compacting {name}") as show:
            done = lake.compact(name, progress=show)
        if as_json:
            print_json_lines([{"dataset": name, **asdict(done)}])
            return
        sizes = f"{size_text(done.bytes_before)} to {size_text(done.bytes_after)}"
        files = f"{count_text(done.files_before, 'file')} to {done.files_after:,}"
        text = (
            f"{count_text(done.rows, 'row')}, {files}, {sizes}"
            if done.merges
            else "nothing to merge"
        )
        skipped = (
            f"; {count_text(done.skipped, 'merge')} left to the next time" if done.skipped else ""
        )
        click.echo(f"{name}: {text}{skipped}")

    sys.exit(each(tables(lake, datasets), one))


@click.command()
@click.argument("dataset")
@click.option("--keep", type=duration, metavar="DURATION", help="Keep this much, such as 90d.")
@click.option("--before", type=moment, metavar="TIME", help="Drop what is older than this.")
@dry_run_option
@yes_option
@lake_options
@json_option
def retain(  # noqa: PLR0913 - one for each option
    place: Place,
    *,
    dataset: str,
    keep: timedelta | None,
    before: datetime | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Drop the files of DATASET whose rows are all older than a moment.

    The bytes are freed by a later `vacuum`; until then `restore` brings the rows back. On a
    terminal it asks first.

    \b
    Example:
      rustonite lake retain quotes --keep 90d
      rustonite lake retain trades --before 2026-01-01 --yes
    """
    if (keep is None) == (before is None):
        raise click.UsageError("give --keep DURATION or --before TIME")
    border = before if before is not None else _ago(keep or timedelta())
    lake = place.open()
    confirm(f"Drop rows of {dataset} before {border:%Y-%m-%dT%H:%M:%SZ}?", yes=yes or dry_run)
    rows = lake.retain(dataset, before=border, dry_run=dry_run)
    text = f"{count_text(rows, 'row')} {'would be ' if dry_run else ''}dropped"
    facts = {"dry_run": dry_run, "rows": rows, "before": border.isoformat()}
    _tell(dataset, text, as_json=as_json, **facts)


def _ago(keep: timedelta) -> datetime:
    try:
        return datetime.now(UTC) - keep
    except OverflowError:
        raise click.UsageError(f"--keep {keep.days}d reaches before the first date") from None


@click.command()
@click.argument("dataset")
@symbols_option
@venues_option
@start_option
@end_option
@dry_run_option
@yes_option
@lake_options
@json_option
def delete(  # noqa: PLR0913 - one for each option
    place: Place,
    *,
    dataset: str,
    symbols: tuple[str, ...],
    venues: tuple[str, ...],
    start: datetime | None,
    end: datetime | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Delete committed rows of DATASET that are of all the given kinds.

    Rows that are only on tapes so far stay. On a terminal it asks first.

    \b
    Example:
      rustonite lake delete trades --symbol TESTUSDT
      rustonite lake delete quotes --venue kraken --start 2026-01-02 --end 2026-01-03T12:00
    """
    if not (symbols or venues or start or end):
        raise click.UsageError("say which rows: --symbol, --venue, --start or --end")
    lake = place.open()
    parts = [" or ".join(symbols), " or ".join(venues),
             f"from {start:%Y-%m-%dT%H:%M:%S%z}" if start else "",
             f"before {end:%Y-%m-%dT%H:%M:%S%z}" if end else ""]  # fmt: skip
    confirm(f"Delete rows of {dataset}: {', '.join(filter(None, parts))}?", yes=yes or dry_run)
    rows = lake.delete(
        dataset, symbols=symbols or None, venues=venues or None, start=start, end=end,
        dry_run=dry_run,
    )  # fmt: skip
    text = f"{count_text(rows, 'row')} {'would be ' if dry_run else ''}deleted"
    _tell(dataset, text, as_json=as_json, dry_run=dry_run, rows=rows)


@click.command()
@click.argument("dataset")
@click.option(
    "--to",
    "target",
    type=version,
    required=True,
    metavar="VERSION|TIME",
    help="A version from `history`, or a moment.",
)
@yes_option
@lake_options
@json_option
def restore(
    place: Place, *, dataset: str, target: int | datetime, yes: bool, as_json: bool
) -> None:
    """Bring back the rows that DATASET had, as a new version. On a terminal it asks first.

    \b
    Example:
      rustonite lake restore trades --to 41
      rustonite lake restore trades --to 2026-01-02T03:04
    """
    lake = place.open()
    confirm(f"Restore {dataset} as it was at {target}?", yes=yes)
    made = lake.restore(dataset, target)
    _tell(dataset, f"restored as version {made}", as_json=as_json, version=made)


@click.command()
@datasets_argument
@click.option(
    "--keep",
    type=duration,
    metavar="DURATION",
    help="Keep what the versions of so long need, at least 1h. By default one day.",
)
@click.option("--dry-run", is_flag=True, help="Only tell which files would go.")
@lake_options
@json_option
def vacuum(
    place: Place, *, datasets: tuple[str, ...], keep: timedelta | None, dry_run: bool, as_json: bool
) -> None:
    """Remove files that neither the lake nor its recent versions need.

    All datasets, if none is given. What was dropped before cannot be restored afterwards, and a
    query that has been running for longer than --keep may lose its files.

    \b
    Example:
      rustonite lake vacuum --dry-run
      rustonite lake vacuum trades --keep 24h
    """
    hours = None if keep is None else _hours(keep)
    lake = place.open()

    def one(name: str) -> None:
        paths = lake.vacuum(name, hours=hours, dry_run=dry_run)
        if as_json:
            print_json_lines([{"dataset": name, "dry_run": dry_run, "files": paths}])
            return
        for path in paths if dry_run else ():
            click.echo(f"{name}/{path}")
        what = "would be removed" if dry_run else "removed"
        click.echo(f"{name}: {count_text(len(paths), 'file')} {what}", err=dry_run)

    sys.exit(each(tables(lake, datasets), one))


def _hours(keep: timedelta) -> int:
    """Whole hours, rather more than less."""
    if keep < timedelta(hours=1):
        raise click.BadParameter("expected at least 1h", param_hint="'--keep'")
    return math.ceil(keep / timedelta(hours=1))


@click.command()
@datasets_argument
@click.option(
    "--gap",
    type=duration,
    metavar="DURATION",
    help="Also tell where an instrument was silent for longer.",
)
@click.option("--strict", is_flag=True, help="Exit code 1 for warnings, too.")
@lake_options
@json_option
def verify(
    place: Place, *, datasets: tuple[str, ...], gap: timedelta | None, strict: bool, as_json: bool
) -> None:
    """Read every file and compare it with the log, with its schema and with the others.

    All datasets, if none is given; nothing is changed. Errors are damage: missing or unreadable
    files, wrong counts, order or statistics. Warnings are facts about the data: ids that are there
    twice, messages that are missing, silence. Exit code 0: sound; 1: errors were found; 2: a
    dataset could not be looked at.

    \b
    Example:
      rustonite lake verify && echo sound
      rustonite lake verify trades --gap 60s --strict
    """
    if gap is not None and not gap:
        raise click.BadParameter("expected more than 0s", param_hint="'--gap'")
    seconds = None if gap is None else gap.total_seconds()
    lake = place.open()
    levels: set[str] = set()

    def one(name: str) -> None:
        with progress(f"verifying {name}") as show:
            findings = lake.verify(name, gap_s=seconds, progress=show)
        levels.update(finding.level for finding in findings)
        if as_json:
            print_json_lines(finding.row() for finding in findings)
            return
        if findings:
            rows = [finding.row() for finding in findings]
            titles = ["level", "kind", "where", "detail"]
            print_table(titles, [[str(row[title]) for title in titles] for row in rows])
        errors = sum(finding.level == "error" for finding in findings)
        verdict = "sound"
        if findings:
            warnings = count_text(len(findings) - errors, "warning")
            verdict = f"{count_text(errors, 'error')}, {warnings}"
        click.echo(f"{name}: {verdict}")

    code = each(tables(lake, datasets), one)
    bad = bool(levels) if strict else "error" in levels
    sys.exit(max(code, PROBLEMS if bad else 0))


@click.command()
@click.argument("dataset")
@click.option("-y", "--yes", is_flag=True, help="Do it; otherwise it is only told.")
@lake_options
@json_option
def repair(place: Place, *, dataset: str, yes: bool, as_json: bool) -> None:
    """Make a damaged DATASET readable: take out of its log what cannot be read.

    Without --yes nothing is changed, and it is only told what would be. Exit code 1: there is
    something to repair and it was not done.

    \b
    Example:
      rustonite lake repair trades
      rustonite lake repair trades --yes
    """
    done = place.open().repair(dataset, dry_run=not yes)
    if as_json:
        print_json_lines({"dataset": dataset, "done": yes, **asdict(one)} for one in done)
    elif done:
        titles = ["what" if yes else "would be done", "where", "rows given up"]
        print_table(titles, [[one.what, one.where, f"{one.rows:,}"] for one in done], right={2})
    else:
        click.echo(f"{dataset}: nothing to repair")
    sys.exit(PROBLEMS if done and not yes else 0)


def _tell(dataset: str, text: str, *, as_json: bool, **facts: object) -> None:
    if as_json:
        print_json_lines([{"dataset": dataset, **facts}])
    else:
        click.echo(f"{dataset}: {text}")


COMMANDS = (compact, retain, delete, restore, vacuum, verify, repair)
