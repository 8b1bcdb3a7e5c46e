"""`rustonite serve`: a venue on this machine."""

from __future__ import annotations

import math
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from rustonite_data.cli.interrupts import ended
from rustonite_data.cli.options import duration, end_option, for_option, speed_factor, start_option
from rustonite_data.cli.output import count_text, json_option, print_json_lines

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from rustonite_data.serve import Server

_LOOK_S = 0.25


def _fault(text: str) -> tuple[str, dict[str, Any]]:
    """`NAME` or `NAME:KEY=VALUE,…` as the type of an option."""
    name, _, rest = text.partition(":")
    details: dict[str, Any] = {}
    for part in filter(None, rest.split(",")):
        key, equals, value = part.partition("=")
        if not equals or not key:
            raise click.BadParameter(f"found {part!r} in {text!r}, expected KEY=VALUE")
        is_number = value.isdecimal() and key not in {"symbol", "hex"}
        details[key] = int(value) if is_number else value
    return name, details


@click.command()
@click.argument("venue")
@click.argument("symbols", nargs=-1, metavar="[SYMBOL]...")
@click.option(
    "--frames",
    metavar="FOLDER_OR_LAKE",
    help="Send what `rustonite record` kept, instead of a made-up market for SYMBOLs.",
)
@start_option
@end_option
@click.option(
    "--listen",
    default="127.0.0.1:0",
    metavar="HOST:PORT",
    help="Where to listen. By default any free port, for this machine alone.",
)
@click.option(
    "--speed",
    type=speed_factor,
    default="1",
    show_default=True,
    metavar="FACTOR",
    help="1 is the pace of the recording, 10 ten times as fast, max as fast as clients read.",
)
@click.option(
    "--seed", metavar="N", default=1, show_default=True, help="What the market is made from."
)
@click.option(
    "--every",
    type=duration,
    default="0.001s",
    show_default=True,
    metavar="DURATION",
    help="Time between messages of a made-up market.",
)
@click.option(
    "--book",
    metavar="CHANNEL",
    help="The made-up market's channel of books, if not the one that a recorder asks for.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    type=_fault,
    metavar="NAME[:KEY=VALUE,...]",
    help="Something that goes wrong, such as drop:symbol=BTCUSDT,after=1000 or cut:after=5000.",
)
@for_option
@json_option
def serve(  # noqa: PLR0913 - options of the command line
    venue: str,
    symbols: tuple[str, ...],
    *,
    frames: str | None,
    start: datetime | None,
    end: datetime | None,
    listen: str,
    speed: float,
    seed: int,
    every: timedelta,
    book: str | None,
    faults: tuple[tuple[str, dict[str, Any]], ...],
    span: timedelta | None,
    as_json: bool,
) -> None:
    """Replay or make up a venue's market data, until Ctrl-C: WebSocket and REST, no orders.

    Messages are sent once somebody subscribes. Clients speak to it as they do to the venue, at
    the addresses that are printed. More faults can be had while it runs, by HTTP.

    \b
    Example:
      rustonite serve binance BTCUSDT ETHUSDT --fault drop:symbol=BTCUSDT,after=1000
      rustonite serve binance --frames lake --speed 10
    """
    # Imported here, as it brings the extension.
    from rustonite_data import serve as begin  # noqa: PLC0415

    with (
        ended() as stop,
        begin(
            venue, symbols, frames=frames, start=start, end=end, listen=listen, speed=speed,
            seed=seed, every=every.total_seconds(), book=book,
        ) as server,
    ):  # fmt: skip
        for name, details in faults:
            server.fault(name, **details)
        _tell(venue, server, as_json=as_json)
        until = math.inf if span is None else time.monotonic() + span.total_seconds()
        while not stop.wait(min(_LOOK_S, max(0.0, until - time.monotonic()))):
            status = server.status()
            if time.monotonic() >= until:
                break
        status = server.status()
    if as_json:
        print_json_lines([asdict(status)])
    else:
        click.echo(f"{venue}: {count_text(status.sent, 'message')} sent", err=True)


def _tell(venue: str, server: Server, *, as_json: bool) -> None:
    """Where clients find it."""
    urls = server.urls
    if as_json:
        print_json_lines([{"venue": venue, "address": server.address, "urls": urls}])
        return
    width = max(map(len, urls))
    for name, url in urls.items():
        click.echo(f"{name:{width}}  {url}")
