"""`rustonite lake commit`: moves what is on tapes into the lake."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from rustonite_data.cli.options import Place, duration, lake_options
from rustonite_data.cli.output import count_text, json_option, print_json_lines, print_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from rustonite_data.lake import Committer, TapeStatus

_HIDDEN = {"retry_at", "waiting_since"}


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Go on until Ctrl-C or SIGTERM.")
@click.option(
    "--seal",
    is_flag=True,
    help="First seal what tapes without a writer have, so that all of it is moved.",
)
@click.option(
    "--every",
    type=duration,
    default="1s",
    show_default=True,
    metavar="DURATION",
    help="With --follow, how often to look at the tapes and to tell the lag.",
)
@lake_options
@json_option
def commit(place: Place, *, follow: bool, seal: bool, every: timedelta, as_json: bool) -> None:
    """Move sealed segments of the tapes of a lake into its tables, exactly once.

    Killed at any moment, it goes on where it was. Storage that is away is tried again, while the
    tapes keep recording. With --json --follow, each change of a tape's lag is a line.

    \b
    Example:
      rustonite lake commit
      rustonite lake commit --follow --json --every 10s
    """
    if follow and seal:
        raise click.UsageError("--seal is for a single look; --follow seals what nobody writes")
    seconds = every.total_seconds()
    if seconds <= 0:
        raise click.BadParameter("expected more than 0 s", param_hint="'--every'")
    # Imported here, as it brings the engines.
    from rustonite_data.lake import Committer  # noqa: PLC0415

    committer = Committer(place.open(), interval=seconds)
    if follow:
        _follow(committer, seconds, as_json=as_json)
        return
    try:
        moved = committer.run_once(seal=seal)
    finally:
        _print_status(committer, as_json=as_json)
    if not as_json:
        click.echo(f"{count_text(moved, 'row')} moved")


def status_facts(status: TapeStatus) -> dict[str, Any]:
    """What is known of a tape, for JSON."""
    facts = {f.name: getattr(status, f.name) for f in fields(status) if f.name not in _HIDDEN}
    rounded = round(status.seconds_waiting, 3)
    return {**facts, "path": str(status.path), "seconds_waiting": rounded}


def _print_status(committer: Committer, *, as_json: bool) -> None:
    found = committer.status()
    if as_json:
        print_json_lines(map(status_facts, found))
    elif found:
        titles = ["tape", "moved", "to move", "lost", "problem"]
        cells = [
            [str(s.path), f"{s.rows_committed:,}", f"{s.rows_waiting:,}", f"{s.rows_lost:,}",
             s.error or ""]
            for s in found
        ]  # fmt: skip
        print_table(titles, cells, right={1, 2, 3})


def _follow(committer: Committer, seconds: float, *, as_json: bool) -> None:
    """Commits until somebody ends it; then finishes the commit of the moment."""
    ended = threading.Event()
    # What a service manager sends is no failure.
    before = signal.signal(signal.SIGTERM, lambda *_: ended.set())
    try:
        with committer, _display(as_json=as_json) as show:
            while not ended.wait(min(seconds, 0.5)):
                show(committer.status())
            show(committer.status())
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _display(*, as_json: bool) -> Iterator[Any]:
    """Shows the lag: JSON lines of what changed, a live line on a terminal, or nothing."""
    console = Console(stderr=True)
    if as_json:
        shown: dict[str, dict[str, Any]] = {}

        def print_changes(found: list[TapeStatus]) -> None:
            for facts in map(status_facts, found):
                if _lasting(shown.get(facts["path"])) != _lasting(facts):
                    shown[facts["path"]] = facts
                    print_json_lines([facts])
                    sys.stdout.flush()

        yield print_changes
    elif console.is_terminal:
        with console.status("looking at the tapes") as line:
            yield lambda found: line.update(lag_text(found))
    else:
        yield lambda _: None


def _lasting(facts: dict[str, Any] | None) -> dict[str, Any]:
    """What is a change worth telling: not that a second passed."""
    return {name: value for name, value in (facts or {}).items() if name != "seconds_waiting"}


def lag_text(found: list[TapeStatus]) -> str:
    """The lag of all tapes on one line."""
    if not found:
        return "no tapes so far"
    moved = sum(status.rows_committed for status in found)
    waiting = sum(status.rows_waiting for status in found)
    longest = max(status.seconds_waiting for status in found)
    text = (
        f"{count_text(len(found), 'tape')}: {count_text(moved, 'row')} moved, {waiting:,} to move, "
        f"oldest {longest:.1f} s"
    )
    failing = [status for status in found if status.error]
    problems = f"; {len(failing)} failing: {failing[0].error}" if failing else ""
    return text + problems
