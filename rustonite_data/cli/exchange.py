"""`rustonite exchange`: a venue on this machine to trade on."""

from __future__ import annotations

import math
import re
import time
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rustonite_data.cli.config import expecting
from rustonite_data.cli.interrupts import ended
from rustonite_data.cli.options import for_option, moment, speed_factor
from rustonite_data.cli.output import json_option, print_json_lines
from rustonite_data.config import about

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, timedelta

    from rustonite_exec import Account, LocalExchange
    from rustonite_exec.exchange_config import ExchangeConfig

_LOOK_S = 0.25


@click.command()
@click.argument("what", nargs=-1, metavar="[CONFIG | VENUE [SYMBOL]...]...")
@click.option(
    "--symbols",
    metavar="SYMBOLS",
    help="What is traded, such as BTCUSDT,ETHUSDT; the same as after VENUE, if there is one.",
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
@click.option(
    "--queue",
    metavar="MODEL",
    help="With --replay, who is taken to leave the queue of a level that shrinks without a trade: "
    "those behind your orders (behind, the default), or both sides: even, square or log.",
)
@click.option("--alone", is_flag=True, help="Nobody else trades.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    metavar="PORT",
    help="Port to listen on; a second venue has the next one. By default any free ones.",
)
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Keep the exchange's state in this folder, and resume from it.",
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
    queue: str | None,
    alone: bool,
    port: int | None,
    state: Path | None,
    latency: str | None,
    account: str | None,
    span: timedelta | None,
    as_json: bool,
) -> None:
    """Run a local exchange that takes orders, until Ctrl-C: no internet, no real money.

    Speaks as binance, binance-usdm (perpetuals) or alpaca, or as several of them, each on a port of
    its own. Others trade there, too. Clients of the venue trade here once they have its addresses
    and the key that is printed; CONFIG, as `rustonite init` writes it, may name a file with the
    key. What is not imitated is said at the start; the status is at /_exchange/.

    \b
    Example:
      rustonite exchange
      rustonite exchange binance BTCUSDT ETHUSDT --seed 7 --speed 2
      rustonite exchange binance BTCUSDT binance-usdm BTCUSDT alpaca --port 9000
      rustonite exchange binance --replay lake --from 2026-01-02T09:00 --speed 2
      rustonite exchange exchange.toml
    """
    if replay is not None and (seed is not None or alone):
        raise click.UsageError("--replay is the market: no --seed, no --alone")
    if speed is not None and math.isinf(speed):
        raise click.BadParameter("found max, expected a number", param_hint="'--speed'")
    given: dict[str, Any] = {"seed": seed, "speed": speed, "state": state}
    given["symbols"] = _symbols(what, symbols)
    given |= {"replay": replay, "replay_from": start, "replay_to": stop, "queue": queue}
    given |= {"others": False if alone else None, "latency": latency}
    given = {name: value for name, value in given.items() if value is not None}
    with ended() as end, ExitStack() as started:
        running = []
        for place, (file, config) in enumerate(_configs(what)):
            if port is not None:
                given["port"] = port + place if port else 0
            chosen = _named(replace(config, **given), account)
            with about(file) if file else nullcontext():
                one, accounts = chosen.start()
            running.append(started.enter_context(one))
            _tell(one, accounts, as_json=as_json)
        until = math.inf if span is None else time.monotonic() + span.total_seconds()
        replaying = list(running)
        while not end.wait(min(_LOOK_S, max(0.0, until - time.monotonic()))):
            if time.monotonic() >= until:
                break
            replaying = [one for one in replaying if not _tell_end(one)]
        statuses = [one.status() for one in running]
    if as_json:
        print_json_lines(statuses)
        return
    for status in statuses:
        click.echo(f"{status['venue']}: {status['messages_sent']} messages sent", err=True)


def _named(config: ExchangeConfig, account: str | None) -> ExchangeConfig:
    if account is None:
        return config
    return replace(config, accounts=(replace(config.accounts[0], name=account),))


def _configs(what: tuple[str, ...]) -> Iterator[tuple[str | None, ExchangeConfig]]:
    """Each venue that is meant: its file, if it has one, and what it is started with."""
    # Imported here, as it brings the extension.
    from rustonite_exec.exchange import VENUES  # noqa: PLC0415
    from rustonite_exec.exchange_config import ExchangeConfig  # noqa: PLC0415

    words = list(what)
    if not words:
        yield None, ExchangeConfig()
    while words:
        first = words.pop(0)
        if _is_file(first):
            with expecting("exchange", Path(first)):
                config = ExchangeConfig.read(Path(first))
            yield first, config
            continue
        symbols = []
        while words and words[0] not in VENUES and not _is_file(words[0]):
            symbols.append(words.pop(0))
        yield None, ExchangeConfig(venue=first, symbols=tuple(symbols) or None)


def _symbols(what: tuple[str, ...], option: str | None) -> tuple[str, ...] | None:
    if option is None:
        return None
    names = tuple(name for name in re.split(r"[\s,]+", option) if name)
    if not names or len(what) > 1:
        found = "instruments after VENUE, too" if names else "none"
        raise click.BadParameter(f"found {found}", param_hint="'--symbols'")
    return names


def _is_file(word: str) -> bool:
    return word.endswith(".toml") or Path(word).is_file()


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
