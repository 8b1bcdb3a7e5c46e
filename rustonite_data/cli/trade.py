"""`rustonite trade`: a trader."""

from __future__ import annotations

import math
import signal
import threading
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table

from rustonite_data.cli.config import expecting
from rustonite_data.cli.interrupts import INTERRUPTED, ended
from rustonite_data.cli.options import for_option
from rustonite_data.cli.output import CANNOT_LOOK, PROBLEMS, complain, json_option, print_json_lines
from rustonite_data.errors import Closed, RustoniteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from datetime import timedelta

_LOOK_S = 0.25
_SILENT_S, _FAREWELL_S = 1.0, 10.0
_WAITS = "open orders are cancelled; venues have some seconds to answer"


@click.command()
@click.argument("config", type=click.Path(dir_okay=False))
@for_option
@click.option(
    "--metrics", metavar="HOST:PORT", help="Serve /metrics (Prometheus) and /health there."
)
@json_option
def trade(config: str, *, span: timedelta | None, metrics: str | None, as_json: bool) -> None:
    """Trade as CONFIG says until Ctrl-C or SIGTERM: tapes in, orders out.

    Nothing leaves without a pass of the risk layer and a row of the journal. Without `live = true`
    only this machine is talked to. At the end open orders are cancelled, unless CONFIG keeps them.
    Exit code 1: it ended by an error, or orders may still be open; 2: it could not begin.

    \b
    Example:
      rustonite trade trader.toml
    """
    # Imported here, as it brings the extension.
    from rustonite_exec import Trader  # noqa: PLC0415

    with expecting("trader", Path(config)):
        trader = Trader(config)
    for venue, tapes in trader.markets_without_tapes():
        click.echo(f"warning: no tapes of {venue} in {tapes} so far; start its recorder", err=True)
    until = math.inf if span is None else time.monotonic() + span.total_seconds()
    last: dict[str, Any] = {}
    code, is_over = 0, False
    with (
        ended() as end,
        _shown(as_json=as_json) as show,
        _served(metrics, last),
        _overseen(end) as oversee,
    ):

        def beat(status: dict[str, Any], notices: list[str]) -> bool:
            nonlocal is_over
            has_to_end = end.is_set() or time.monotonic() >= until
            waits = has_to_end and not is_over and status["open_orders"] and not trader.keeps_orders
            is_over = has_to_end
            last.update(status)
            show(status, [*notices, _WAITS] if waits else notices)
            oversee(is_over)
            return not has_to_end

        try:
            trader.run(beat)
        except RustoniteError as error:
            complain(_with_more(error, last))
            code = PROBLEMS if last else CANNOT_LOOK
        except KeyboardInterrupt:
            code = INTERRUPTED
    if as_json and last:
        print_json_lines([last])
    elif last:
        click.echo(f"{last['name']}: {last['fills']} fills, profit {_profit(last)}", err=True)
    if last and (left := last["ending"]["open"]):
        reasons = ", ".join(f"{count} {why}" for why, count in last["ending"]["why"].items())
        orders = "1 order" if left == 1 else f"{left} orders"
        then = f"`rustonite orders --journal {trader.journal}` shows them"
        click.echo(f"{orders} may still be open at the venue ({reasons}): {then}", err=True)
        code = PROBLEMS
    if code:
        raise click.exceptions.Exit(code)


@contextmanager
def _overseen(end: threading.Event) -> Iterator[Callable[[bool], None]]:
    """What is called with each beat, and whether it is the last; silence of the trader is told.

    A strategy that does not come back keeps everything waiting here. It is interrupted once the
    trader is to end, as by a second Ctrl-C.
    """
    heard: list[tuple[float, bool]] = []
    is_done = threading.Event()

    def watch() -> None:
        is_told = False
        while not is_done.wait(_LOOK_S):
            at, is_over = heard[-1] if heard else (math.inf, False)
            silent_s = time.monotonic() - at
            is_silent = silent_s > (_FAREWELL_S if is_over else _SILENT_S)
            if is_silent and not is_told:
                why = "most likely its strategy does not come back from a call"
                click.echo(
                    f"nothing heard of the trader for {silent_s:.0f} s: {why}; Ctrl-C ends it",
                    err=True,
                )
            if is_silent and end.is_set():
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            is_told = is_silent

    def beat(is_over: bool) -> None:
        heard[:] = [(time.monotonic(), is_over)]

    watching = threading.Thread(target=watch, name="rustonite-overseer", daemon=True)
    watching.start()
    try:
        yield beat
    finally:
        is_done.set()
        watching.join()


def _with_more(error: RustoniteError, last: dict[str, Any]) -> RustoniteError:
    """What a strategy raised, its place, and which switches beside its own are thrown."""
    from rustonite_exec.metrics import place_of  # noqa: PLC0415 - brings the extension
    from rustonite_exec.trader import raised_at  # noqa: PLC0415 - as above

    thrown = [place_of(one) for one in last.get("switches", []) if one["scope"] != "strategy"]
    more = [
        f"; so is that of {one}, until `rustonite resume{'' if one == 'all' else f' {one}'}`"
        for one in (thrown if isinstance(error, Closed) else [])
    ]
    return type(error)(f"{error}{''.join(more)}{raised_at(error.__cause__)}")


def _served(listen: str | None, status: dict[str, Any]) -> AbstractContextManager[None]:
    if listen is None:
        return nullcontext()
    from rustonite_data.metrics import answering, listening  # noqa: PLC0415 - rarely needed
    from rustonite_exec.metrics import health, metrics  # noqa: PLC0415 - as above

    return answering(listening(listen), lambda: metrics(status), lambda: health(status))


def _profit(status: dict[str, Any]) -> str:
    profit: str = status["profit"].get("all", "not known")
    return profit


@contextmanager
def _shown(*, as_json: bool) -> Iterator[Callable[[dict[str, Any], list[str]], None]]:
    """A live table where a person watches, lines otherwise."""
    console = Console(stderr=True)
    if as_json or not console.is_terminal:

        def tell(_status: dict[str, Any], notices: list[str]) -> None:
            for one in notices:
                click.echo(one, err=True)

        yield tell
        return
    looked = 0.0
    with Live(console=console, auto_refresh=False, transient=True) as live:

        def show(status: dict[str, Any], notices: list[str]) -> None:
            nonlocal looked
            for one in notices:
                live.console.print(one, markup=False, highlight=False)
            if time.monotonic() - looked >= _LOOK_S:
                looked = time.monotonic()
                live.update(_table(status), refresh=True)

        yield show


def _table(status: dict[str, Any]) -> Table:
    table = Table(title=f"{status['name']}: {status['fills']} fills, profit {_profit(status)}")
    for name in ("what", "size", "entry", "profit"):
        table.add_column(name, justify="left" if name == "what" else "right")
    for one in status["accounts"]:
        table.add_row(f"account {one['name']}", "trading" if one["trading"] else "waiting", "", "")
    for one in status["positions"]:
        side = "" if one["side"] == "net" else f" {one['side']}"
        name = f"{one['account']} {one['venue']} {one['symbol']}{side}"
        table.add_row(name, one["size"], one["price_entry"] or "", one["pnl"])
    table.add_row("open orders", str(status["open_orders"]), "", "")
    for one in status["switches"]:
        table.add_row(f"switch {one['scope']} {one['name']}", one["state"], one["code"], "")
    if status["halted"]:
        table.add_row("journal", "halted", status["halted"], "")
    return table
