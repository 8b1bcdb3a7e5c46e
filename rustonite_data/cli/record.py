"""`rustonite record`: the recorder daemon."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from rustonite_data.cli.config import expecting
from rustonite_data.cli.interrupts import ended
from rustonite_data.cli.options import Place, duration, for_option, storage_options
from rustonite_data.cli.output import (
    PROBLEMS,
    complain,
    count_text,
    hide,
    json_option,
    one_line,
    print_json_lines,
    size_text,
    without_hidden,
)
from rustonite_data.config import read
from rustonite_data.errors import RustoniteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from datetime import timedelta
    from http.server import HTTPServer

    from rustonite_data.record import Recorder, VenueStatus

_NS = 1_000_000_000
_LOOK_S = 0.25
WHAT = "a recorder's configuration"


@click.command()
@click.argument("what", nargs=-1, required=True, metavar="CONFIG | VENUE SYMBOL...")
@click.option(
    "--lake",
    "lake_url",
    envvar="RUSTONITE_LAKE",
    show_envvar=True,
    metavar="URL",
    help="Folder or URL of the lake, made if it is not there. By default CONFIG's, or ./lake.",
)
@storage_options
@click.option(
    "--datasets", metavar="NAME,...", help="With VENUE: which datasets, joined by commas."
)
@click.option(
    "--metrics",
    metavar="HOST:PORT",
    help="Serve /metrics (Prometheus) and /health there; instead of what CONFIG says.",
)
@for_option
@click.option(
    "--every",
    type=duration,
    default="10s",
    show_default=True,
    metavar="DURATION",
    help="How often to tell the counters when the output is not a terminal.",
)
@json_option
def record(  # noqa: PLR0913 - options of the command line
    lake: Place,
    what: tuple[str, ...],
    *,
    datasets: str | None,
    metrics: str | None,
    span: timedelta | None,
    every: timedelta,
    as_json: bool,
) -> None:
    """Record venues into a lake until Ctrl-C or SIGTERM; SIGHUP reads CONFIG again.

    What is recorded, and whether anything is missing, is told by the datasets themselves: raw
    bytes in `frames`, facts in `feed_events`. On a terminal a table shows rates, gaps and lag.

    \b
    Example:
      rustonite record binance BTCUSDT ETHUSDT
      rustonite record recorder.toml --metrics 127.0.0.1:9108
    """
    path = Path(what[0])
    # A folder of that name is most likely meant as the place of a file.
    from_file = len(what) == 1 and (path.suffix == ".toml" or path.exists())
    if from_file and datasets:
        raise click.UsageError("--datasets goes with VENUE; a file says it itself")
    text = read(path, WHAT) if from_file else _simple(what[0], what[1:], datasets)
    place = str(path) if from_file else "command line"
    with expecting("recorder", path) if from_file else nullcontext():
        listen = _checked(text, place)
    url = lake.url or (None if from_file else "lake")
    # Imported here, as it brings the engines.
    from rustonite_data.record import Recorder  # noqa: PLC0415

    changed = threading.Event()
    with (
        ended(reload=changed.set) as end,
        _shown(every.total_seconds(), as_json=as_json) as show,
        _listening(metrics or listen) as server,
    ):
        recorder = Recorder(
            text,
            lake=url,
            tapes=lake.tapes,
            place=place,
            storage_options=lake.storage_options or None,
        )

        def look() -> None:
            show(recorder)
            if changed.is_set() and from_file:
                changed.clear()
                _reload(recorder, path)

        seconds = None if span is None else span.total_seconds()
        code = 0
        try:
            # Metrics are there until the lake has all rows.
            with _served(recorder, server), recorder:
                _run(recorder, look, end, seconds)
        except RustoniteError as error:
            complain(error)
            code = PROBLEMS
        show(recorder, final=True)
    if code:
        raise click.exceptions.Exit(code)


def _simple(venue: str, symbols: tuple[str, ...], datasets: str | None) -> str:
    """A configuration for one venue."""
    lines = ["[[feed]]", f"venue = {json.dumps(venue)}", f"symbols = {json.dumps(list(symbols))}"]
    if datasets:
        lines.append(f"datasets = {json.dumps([name.strip() for name in datasets.split(',')])}")
    return "\n".join(lines)


def _checked(text: str, place: str) -> str | None:
    """Where a configuration wants metrics; passwords in it are hidden from now on."""
    from rustonite_data.record import settings_of  # noqa: PLC0415 - not needed for --help

    config = settings_of(text, place)
    addresses = [config["proxy"], *(feed["proxy"] for feed in config["feed"])]
    hide(filter(None, (urlsplit(address or "").password for address in addresses)))
    listen: str | None = config["metrics"]["listen"]
    return listen


def _run(
    recorder: Recorder, look: Callable[[], None], end: threading.Event, span: float | None
) -> None:
    """Looks at what goes on until somebody ends it."""
    until = None if span is None else time.monotonic() + span
    while recorder.running and (until is None or time.monotonic() < until):
        look()
        if end.wait(_LOOK_S):
            return


def _reload(recorder: Recorder, config: Path) -> None:
    try:
        text = read(config, WHAT)
        _checked(text, str(config))
        fixed = recorder.reload(text)
    except RustoniteError as error:
        # What runs goes on as it was.
        complain(error)
        return
    if fixed:
        names = ", ".join(fixed)
        click.echo(f"warning: {config}: changed, but needs a restart: {names}", err=True)


def _listening(listen: str | None) -> AbstractContextManager[HTTPServer | None]:
    if listen is None:
        return nullcontext()
    from rustonite_data.metrics import listening  # noqa: PLC0415 - rarely needed

    return listening(listen)


def _served(recorder: Recorder, server: HTTPServer | None) -> AbstractContextManager[None]:
    if server is None:
        return nullcontext()
    from rustonite_data.metrics import serve  # noqa: PLC0415 - as above

    return serve(recorder, server)


@contextmanager
def _shown(every: float, *, as_json: bool) -> Iterator[Any]:
    """Shows the counters: a live table on a terminal, a line now and then elsewhere."""
    console = Console(stderr=True)
    if console.is_terminal and not as_json:
        rates = Rates()
        with Live(console=console, refresh_per_second=4, transient=False) as live:
            yield lambda recorder, **_: live.update(view(recorder, rates))
        return
    due = time.monotonic()

    def tell(recorder: Recorder, *, final: bool = False) -> None:
        nonlocal due
        if time.monotonic() < due and not final:
            return
        due = time.monotonic() + every
        for status in recorder.status():
            if as_json:
                print_json_lines([{"time_ns": time.time_ns(), **asdict(status)}])
            else:
                click.echo(without_hidden(line(status)), err=True)

    yield tell


def line(status: VenueStatus) -> str:
    """The counters of a venue on one line."""
    problems = "; ".join(f"{about}: {text}" for about, text in sorted(status.problems.items()))
    return (
        f"{status.venue}: {count_text(status.frames, 'frame')} ({size_text(status.bytes)}), "
        f"{count_text(status.rows, 'row')}, {count_text(status.gaps, 'gap')} "
        f"({status.missing:,} missing), {status.malformed:,} malformed, "
        f"{count_text(status.reconnects, 'reconnect')}"
    ) + (f"; {problems}" if problems else "")


class Rates:
    """Messages per second, from counters."""

    def __init__(self) -> None:
        """Nothing was seen so far."""
        self._seen: dict[str, tuple[float, int]] = {}

    def of(self, status: VenueStatus) -> float:
        """Frames per second since about a second ago."""
        now = time.monotonic()
        then, frames = self._seen.get(status.venue, (now, status.frames))
        if status.venue not in self._seen or now - then > 1.0:
            self._seen[status.venue] = (now, status.frames)
        return (status.frames - frames) / (now - then) if now > then else 0.0


def view(recorder: Recorder, rates: Rates) -> Table:
    """The table that a person watches."""
    lags = recorder.lag()
    title = f"recording to {recorder.tapes}"
    if recorder.lake is not None:
        waiting = sum(lag.rows_waiting for lag in lags)
        title += f"; {count_text(waiting, 'row')} to move into the lake"
    failing = recorder.lake_problem or next((lag.error for lag in lags if lag.error), None)
    table = Table(box=None, pad_edge=False, title=_text(title), caption=failing and _text(failing))
    titles = ("venue", "msg/s", "rows", "delay", "books", "gaps", "reconnects", "problem")
    for title in titles:
        table.add_column(title, justify="left" if title in {"venue", "problem"} else "right")
    for status in recorder.status():
        quiet = status.ts_last and (time.time_ns() - status.ts_last) / _NS
        problem = next(iter(status.problems.values()), "")
        if not problem and quiet and quiet > 10:  # noqa: PLR2004 - seconds
            problem = f"nothing for {quiet:.0f} s"
        books = f"{status.books_live}"
        if status.books_waiting:
            books += f" (+{status.books_waiting} waiting)"
        table.add_row(
            status.venue, f"{rates.of(status):,.0f}", f"{status.rows:,}",
            f"{status.delay_ns / 1e6:,.1f} ms", books, f"{status.gaps:,}",
            f"{status.reconnects:,}", _text(problem),
        )  # fmt: skip
    return table


def _text(text: str) -> Text:
    """A text as it is, without secrets: what venues say is no markup."""
    return Text(one_line(without_hidden(text)))
