"""`rustonite exchange`: a venue on this machine to trade on."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rustonite_data.cli.options import duration, speed_factor
from rustonite_data.cli.output import json_option, print_json_lines
from rustonite_data.cli.serve import ended

if TYPE_CHECKING:
    from datetime import timedelta

    from rustonite_exec import Account, LocalExchange

_LOOK_S = 0.25


@click.command()
@click.option(
    "--symbols", metavar="SYMBOL,…", help="What is traded; two usual ones of the venue by default."
)
@click.option(
    "--venue",
    default="binance",
    show_default=True,
    help="Whose language it speaks: binance, binance-usdm with perpetuals, or alpaca.",
)
@click.option("--seed", default=1, show_default=True, help="What other traders are drawn from.")
@click.option(
    "--speed",
    type=speed_factor,
    default="1",
    show_default=True,
    metavar="FACTOR",
    help="How busy they are: 1 is some 200 orders and cancellations a second and symbol.",
)
@click.option("--alone", is_flag=True, help="Nobody else trades.")
@click.option("--port", default=0, help="Where to listen; any free port by default.")
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Keep it there, and go on from there.",
)
@click.option("--account", default="demo", show_default=True, help="Name of an account to open.")
@click.option("--for", "span", type=duration, metavar="DURATION", help="Stop after so long.")
@json_option
def exchange(  # noqa: PLR0913 - options of the command line
    *,
    symbols: str | None,
    venue: str,
    seed: int,
    speed: float,
    alone: bool,
    port: int,
    state: Path | None,
    account: str,
    span: timedelta | None,
    as_json: bool,
) -> None:
    """Be a venue to trade on until Ctrl-C: no internet, no real money, other traders included.

    Clients of the venue trade here once they have its addresses and the key that is printed. What
    is not imitated is on the page about the local exchange; its status is at /_exchange/.

    \b
    Example:
      rustonite exchange --symbols BTCUSDT,ETHUSDT --seed 7 --speed 2
    """
    # Imported here, as it brings the extension.
    from rustonite_exec import LocalExchange  # noqa: PLC0415

    chosen = None
    if symbols is not None:
        chosen = [one.strip() for one in symbols.split(",") if one.strip()]
    if math.isinf(speed):
        raise click.BadParameter("found max, expected a number", param_hint="--speed")
    with (
        ended() as end,
        LocalExchange(
            chosen,
            venue=venue,
            seed=seed,
            speed=speed,
            others=not alone,
            port=port,
            state=state,
        ) as running,
    ):
        _tell(running, running.account(account), as_json=as_json)
        until = math.inf if span is None else time.monotonic() + span.total_seconds()
        while not end.wait(min(_LOOK_S, max(0.0, until - time.monotonic()))):
            if time.monotonic() >= until:
                break
        status = running.status()
    if as_json:
        print_json_lines([status])
    else:
        click.echo(f"{venue}: {status['messages_sent']} messages sent", err=True)


def _tell(running: LocalExchange, account: Account, *, as_json: bool) -> None:
    """Where clients find it, and how they sign in. The key is worth nothing elsewhere."""
    found: dict[str, Any] = {"venue": running.venue, "address": running.address}
    found |= {"urls": running.urls, "key": account.key, "secret": account.secret}
    if as_json:
        print_json_lines([found])
        return
    lines = {**running.urls, "status": f"http://{running.address}/_exchange/"}
    lines |= {"key": account.key, "secret": account.secret}
    width = max(map(len, lines))
    for name, text in lines.items():
        click.echo(f"{name:{width}}  {text}")
