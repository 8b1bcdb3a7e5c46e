"""`rustonite exchange`: a venue on this machine to trade on."""

from __future__ import annotations

import math
import re
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rustonite_data.cli.config import expecting
from rustonite_data.cli.options import for_option, moment, speed_factor
from rustonite_data.cli.output import json_option, print_json_lines
from rustonite_data.cli.serve import ended
from rustonite_data.config import about

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from rustonite_exec import Account, LocalExchange
    from rustonite_exec.exchange_config import ExchangeConfig

_LOOK_S = 0.25


@click.command()
@click.argument("what", nargs=-1, metavar="[CONFIG | VENUE [SYMBOL]...]")
@click.option(
    "--symbols",
    metavar="SYMBOLS",
    help="What is traded, such as BTCUSDT,ETHUSDT; the same as after VENUE.",
)
@click.option(
    "--seed", type=int, metavar="N", help="What other traders are drawn from. By default 1."
)
@click.option(
    "--speed",
    type=speed_factor,
    metavar="FACTOR",
    help="How busy they are: 1, the default, is some 200 orders and cancellations a second and "
    "symbol. With --replay, how many times as fast as then.",
)
@click.option(
    "--replay",
    metavar="LAKE",
    help="Folder or URL of a lake: what was recorded there is the market, in the place of others.",
)
@click.option(
    "--from", "start", type=moment, metavar="TIME", help="Replay what is from this moment on."
)
@click.option(
    "--to", "stop", type=moment, metavar="TIME", help="Replay what is before this moment."
)
@click.option("--alone", is_flag=True, help="Nobody else trades.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    metavar="PORT",
    help="Port to listen on. By default any free one.",
)
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Keep it there, and go on from there.",
)
@click.option(
    "--latency",
    metavar="TIME",
    help="How long each message takes, such as 5ms. A file can say more.",
)
@click.option("--account", metavar="NAME", help="Name of an account to open. By default demo.")
@for_option
@json_option
def exchange(  # noqa: PLR0913 - options of the command line
    what: tuple[str, ...],
    *,
    symbols: str | None,
    seed: int | None,
    speed: float | None,
    replay: str | None,
    start: datetime | None,
    stop: datetime | None,
    alone: bool,
    port: int | None,
    state: Path | None,
    latency: str | None,
    account: str | None,
    span: timedelta | None,
    as_json: bool,
) -> None:
    """Be a venue to trade on until Ctrl-C: no internet, no real money, other traders included.

    Speaks as binance, binance-usdm (perpetuals) or alpaca. Clients of the venue trade here once
    they have its addresses and the key that is printed; CONFIG, as `rustonite init` writes it, may
    name a file with the key. What is not imitated is said at the start; the status is at
    /_exchange/.

    \b
    Example:
      rustonite exchange
      rustonite exchange binance BTCUSDT ETHUSDT --seed 7 --speed 2
      rustonite exchange binance --replay lake --from 2026-01-02T09:00 --speed 2
      rustonite exchange exchange.toml
    """
    if replay is not None and (seed is not None or alone):
        raise click.UsageError("--replay is the market: no --seed, no --alone")
    if speed is not None and math.isinf(speed):
        raise click.BadParameter("found max, expected a number", param_hint="'--speed'")
    config = _config(what)
    given: dict[str, Any] = {"seed": seed, "speed": speed, "port": port, "state": state}
    given["symbols"] = _symbols(what, symbols)
    given |= {"replay": replay, "replay_from": start, "replay_to": stop}
    given |= {"others": False if alone else None, "latency": latency}
    config = replace(config, **{name: value for name, value in given.items() if value is not None})
    if account is not None:
        config = replace(config, accounts=(replace(config.accounts[0], name=account),))
    with ended() as end:
        with about(what[0]) if _is_file(what) else nullcontext():
            running, accounts = config.start()
        with running:
            _tell(running, accounts, as_json=as_json)
            until = math.inf if span is None else time.monotonic() + span.total_seconds()
            is_over = False
            while not end.wait(min(_LOOK_S, max(0.0, until - time.monotonic()))):
                if time.monotonic() >= until:
                    break
                is_over = is_over or _tell_end(running)
            status = running.status()
    if as_json:
        print_json_lines([status])
    else:
        click.echo(f"{running.venue}: {status['messages_sent']} messages sent", err=True)


def _config(what: tuple[str, ...]) -> ExchangeConfig:
    # Imported here, as it brings the extension.
    from rustonite_exec.exchange_config import ExchangeConfig  # noqa: PLC0415

    if _is_file(what):
        with expecting("exchange", Path(what[0])):
            return ExchangeConfig.read(Path(what[0]))
    if not what:
        return ExchangeConfig()
    return ExchangeConfig(venue=what[0], symbols=what[1:] or None)


def _symbols(what: tuple[str, ...], option: str | None) -> tuple[str, ...] | None:
    if option is None:
        return None
    names = tuple(name for name in re.split(r"[\s,]+", option) if name)
    if not names or len(what) > 1:
        found = "instruments after VENUE, too" if names else "none"
        raise click.BadParameter(f"found {found}", param_hint="'--symbols'")
    return names


def _is_file(what: tuple[str, ...]) -> bool:
    return len(what) == 1 and (what[0].endswith(".toml") or Path(what[0]).is_file())


def _tell_end(running: LocalExchange) -> bool:
    """Whether a replay is over, which is told once."""
    replayed = running.status()["replay"]
    if not replayed or not replayed["ended"]:
        return False
    why = f": {replayed['problem']}" if replayed["problem"] else ""
    click.echo(f"{running.venue}: the replay is over{why}; nothing is traded any more", err=True)
    return True


def _tell(running: LocalExchange, accounts: list[Account], *, as_json: bool) -> None:
    """Where clients find it, and how they sign in. The keys are worth nothing elsewhere."""
    found: dict[str, Any] = {"venue": running.venue, "address": running.address}
    found["urls"] = running.urls
    # Imported here, as it brings the extension.
    from rustonite_exec.exchange import NOT_IMITATED  # noqa: PLC0415

    found["replay"] = replayed = running.status()["replay"]
    found["not_imitated"] = missing = NOT_IMITATED[running.venue]
    keys = [{"account": one.name, "key": one.key, "secret": one.secret} for one in accounts]
    if as_json:
        first = {name: value for name, value in keys[0].items() if name != "account"}
        print_json_lines([{**found, **first, "accounts": keys}])
        return
    lines = [*running.urls.items(), ("status", f"http://{running.address}/_exchange/")]
    lines += [part for one in keys for part in one.items()]
    width = max(len(name) for name, _ in lines)
    for name, text in lines:
        click.echo(f"{name:{width}}  {text}")
    if replayed:
        span = f"from {replayed['start']} to {replayed['stop']} at speed {replayed['speed']:g}"
        at = f", goes on at {replayed['at']}" if replayed["at"] else ""
        click.echo(f"{running.venue}: replays {replayed['source']} {span}{at}", err=True)
    click.echo(f"{running.venue}: not imitated: {', '.join(missing)}", err=True)
