"""`rustonite demo`: all of it in a minute."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from rustonite_data.cli.interrupts import INTERRUPTED
from rustonite_data.cli.options import duration
from rustonite_data.cli.output import PROBLEMS, json_option, print_json_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta
    from types import FrameType


@click.command()
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    default="rustonite-demo",
    show_default=True,
    help="Where all of it is kept; what an earlier demo left there is replaced.",
)
@click.option(
    "--for",
    "span",
    type=duration,
    default="40s",
    show_default=True,
    metavar="DURATION",
    help="How long to watch, at least 1s; the rest takes some ten seconds.",
)
@json_option
def demo(folder: Path, *, span: timedelta, as_json: bool) -> None:
    """Record and trade on a venue on this machine, kill both, and show that nothing is missing.

    No network, no account, no real money. Recorder and market maker are processes of their own;
    each is killed with SIGKILL and goes on. Then some queries, and a report with plots. With --json
    the facts are one line on stdout, and what happens is told on stderr. Exit code 0: all proofs
    hold; 1: one does not; 2: it could not be done.

    \b
    Example:
      rustonite demo
      rustonite demo --for 10s --folder /tmp/demo --json
    """
    seconds = span.total_seconds()
    if seconds < 1:
        raise click.BadParameter("expected at least 1s", param_hint="'--for'")
    # Imported here, as it brings the engines.
    from rustonite_exec.demo.story import run  # noqa: PLC0415

    console = Console(stderr=as_json, highlight=False)
    try:
        with _terminated():
            facts = run(console, folder, seconds)
    except KeyboardInterrupt:
        click.echo(f"stopped; what there is so far is in {folder}", err=True)
        sys.exit(INTERRUPTED)
    if as_json:
        print_json_lines([facts])
    else:
        console.print(f"\n[bold]report[/]   {facts['report']}", soft_wrap=True)
        console.print(f"[bold]look[/]     rustonite sql --lake {facts['lake']}", soft_wrap=True)
        console.print(f"         rustonite tape ls {facts['folder']}", soft_wrap=True)
    if not facts["ok"]:
        sys.exit(PROBLEMS)


@contextmanager
def _terminated() -> Iterator[None]:
    """SIGTERM and a terminal that is closed end it as Ctrl-C does."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [(number, signal.signal(number, end)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
