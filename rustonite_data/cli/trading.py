"""`rustonite kill`, `resume`, `status`, `orders` and others: what is asked of a trader."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rustonite_data.cli.output import PROBLEMS, json_option, print_json_lines, print_table
from rustonite_data.errors import Conflict, NotFound, RustoniteError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

_FINAL = ("denied", "filled", "cancelled", "expired", "rejected")
_SNAPSHOT = "snapshot"
_NUMBERS = ("order_id", "price", "size", "pnl", "fees")
_SUCH_AS = {
    "venue": "binance",
    "account": "main",
    "strategy": "maker",
    "instrument": "binance:BTCUSDT",
    "order": "1048577",
}
_SCOPES = ("all", *_SUCH_AS)
_STATES = ("active", "reduce_only", "cancel_only", "halted")
_LOOK_S = 0.05

_journal = click.option(
    "--journal",
    default="journal",
    show_default=True,
    envvar="RUSTONITE_JOURNAL",
    show_envvar=True,
    type=click.Path(file_okay=False),
    metavar="FOLDER",
    help="Folder of the trader's journal.",
)
_scope = click.argument("scope", type=click.Choice(_SCOPES), default="all")
_name = click.argument("name", default="")


@click.command()
@_scope
@_name
@click.option("--flatten", is_flag=True, help="Close positions, too, once no order is open.")
@click.option(
    "--wait",
    "wait_s",
    default=5.0,
    show_default=True,
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="How long to wait until nothing is open any more.",
)
@_journal
@json_option
def kill(  # noqa: PLR0913 - options of a command
    scope: str, name: str, *, flatten: bool, wait_s: float, journal: str, as_json: bool
) -> None:
    """Throw a kill switch: what is open under it is cancelled, and nothing new leaves.

    It stays thrown over restarts until `rustonite resume`. Cancels are repeated until nothing is
    open; if something still is after --wait, it is told why and the exit code is 1, and the trader
    goes on. Works without a running trader, too: the next one begins with the switch thrown.

    \b
    Example:
      rustonite kill
      rustonite kill strategy maker
      rustonite kill account main --flatten --wait 30
    """
    from rustonite_exec import kill as throw  # noqa: PLC0415 - brings the extension

    _expect(journal, scope, name)
    if scope == "order":
        _expect_open(journal, name)
    answer = throw(journal, scope, name, flatten=flatten)
    told = {"scope": scope, "name": name, "running": answer is not None}
    what = "all" if scope == "all" else f"{scope} {name}"
    if answer is None:
        then = "no trader runs; the next one begins with it"
        print_json_lines([told]) if as_json else click.echo(f"switch of {what} thrown: {then}")
        return
    left = _until_ended(journal, scope, name, answer["left"], wait_s)
    cancelled = answer["cancelled"] + max(answer["left"]["open"] - left["open"], 0)
    if as_json:
        print_json_lines([{**told, "cancelled": cancelled, "left": left}])
    else:
        click.echo(f"switch of {what} thrown: {cancelled} orders ended{_still_there(left)}")
    if left["open"] or left["positions"]:
        raise click.exceptions.Exit(PROBLEMS)


def _until_ended(
    journal: str, scope: str, name: str, left: dict[str, Any], wait_s: float
) -> dict[str, Any]:
    """What is left under a switch when nothing is, or when one has waited for long enough."""
    from rustonite_exec import ask  # noqa: PLC0415 - brings the extension

    until = time.monotonic() + wait_s
    while (left["open"] or left["positions"]) and time.monotonic() < until:
        time.sleep(_LOOK_S)
        patience_s = max(until - time.monotonic(), _LOOK_S)
        try:
            answer = ask(
                journal, {"do": "ending", "scope": scope, "name": name}, patience_s=patience_s
            )
        except Unavailable:
            # What it said last is what is known.
            break
        if answer is None:
            break
        left = answer
    return left


def _still_there(left: dict[str, Any]) -> str:
    """What a switch has not ended, and why."""
    parts = []
    for key, what, why in (("open", "orders", "why"), ("positions", "positions", "positions_why")):
        if left[key]:
            reasons = ", ".join(f"{count} {code}" for code, count in left[why].items())
            parts.append(f"{left[key]} {what} still open ({reasons})")
    if left["others"]:
        parts.append(f"{left['others']} orders of others left to them")
    return "".join(f", {part}" for part in parts)


@click.command()
@_scope
@_name
@click.option(
    "--offline",
    is_flag=True,
    help="Also when no trader is running: the next one starts with it put back.",
)
@_journal
@json_option
def resume(scope: str, name: str, *, offline: bool, journal: str, as_json: bool) -> None:
    """Put the switches of a scope back, thrown by a person or by a rule.

    \b
    Example:
      rustonite resume
      rustonite resume account main
      rustonite resume strategy maker --offline
    """
    from rustonite_exec import resume as put_back  # noqa: PLC0415 - brings the extension
    from rustonite_exec.metrics import place_of  # noqa: PLC0415 - as above

    _expect(journal, scope, name)
    answer = put_back(journal, scope, name, offline=offline)
    count, left = answer["switches"], answer["thrown"]
    if as_json:
        print_json_lines([{"scope": scope, "name": name, "switches": count, "thrown": left}])
    else:
        still = ", ".join(f"{place_of(one)} ({one['code']})" for one in left)
        click.echo(f"{count} switches put back{f'; still thrown: {still}' if left else ''}")
    if left and not count:
        raise click.exceptions.Exit(PROBLEMS)


@click.command()
@_journal
@json_option
def reload(*, journal: str, as_json: bool) -> None:
    """Have a running trader read its limits again: all of them are taken, or none.

    Their version has to be higher than that in force.

    \b
    Example:
      rustonite reload --journal journal
    """
    answer = _asked(journal, {"do": "reload"}, "the next one reads its limits when it begins")
    if as_json:
        print_json_lines([{"version": answer["version"]}])
    else:
        click.echo(f"limits of version {answer['version']} are in force")


@click.command()
@_journal
@json_option
def status(*, journal: str, as_json: bool) -> None:
    """Show what a running trader does: accounts, profit, orders, switches.

    Exit code 1: an account may not trade, a switch is thrown, or no market data comes.

    \b
    Example:
      rustonite status
      rustonite status --json
    """
    from rustonite_exec.metrics import health  # noqa: PLC0415 - brings the extension

    answer = _asked(journal, {"do": "status"}, "`orders` and `positions` read its journal")
    is_well, why = health(answer)
    if as_json:
        print_json_lines([answer])
    else:
        rows = [
            ["fills", answer["fills"]],
            ["open orders", answer["open_orders"]],
            ["requests", answer["requests"]],
            ["denied", answer["denials"]],
            ["refused", answer["rejects"]],
            *([f"profit {scope.strip()}", total] for scope, total in answer["profit"].items()),
            ["limits", f"version {answer['limits_version']}"],
        ]
        print_table([answer["name"], ""], [[name, str(value)] for name, value in rows], {1})
        click.echo("it trades" if is_well else why)
    if not is_well:
        raise click.exceptions.Exit(PROBLEMS)


@click.command("dry-run")
@click.argument("symbol")
@click.argument("side", type=click.Choice(("buy", "sell")))
@click.argument("size")
@click.argument("price", required=False)
@click.option("--venue", metavar="NAME", help="Venue of SYMBOL, if several list it.")
@click.option(
    "--position-side", type=click.Choice(("long", "short")), help="Which position, in hedge mode."
)
@_journal
@json_option
def dry_run(  # noqa: PLR0913 - an order has many sides
    symbol: str,
    side: str,
    size: str,
    price: str | None,
    *,
    venue: str | None,
    position_side: str | None,
    journal: str,
    as_json: bool,
) -> None:
    """Ask a running trader which limits an order would meet now. Nothing is placed.

    Without PRICE it is a market order. Exit code 1: it would be denied.

    \b
    Example:
      rustonite dry-run BTCUSDT buy 0.5 60000
    """
    from rustonite_exec import ask  # noqa: PLC0415 - brings the extension

    _expect(journal, "instrument", symbol)
    order = {"venue": venue, "symbol": symbol, "side": side, "size": size, "price": price}
    answer = ask(journal, {"do": "dry_run", "position_side": position_side, **order})
    if answer is None:
        raise NotFound(f"no trader runs on {journal}: only one knows what limits are measured by")
    denials = answer["denials"]
    if as_json:
        print_json_lines(denials)
    elif denials:
        print_table(["code", "detail"], [[one["code"], one["detail"]] for one in denials], set())
    else:
        click.echo("it would be let through")
    if denials:
        raise click.exceptions.Exit(PROBLEMS)


@click.command()
@click.argument("order", type=int)
@_journal
@json_option
def settle(order: int, *, journal: str, as_json: bool) -> None:
    """End an order that its venue does not know any more, by your word.

    Such an order ends by itself after a minute of asking, unless `reconcile` is `report` or
    `refuse`. One that the venue may still have is refused: cancel it.

    \b
    Example:
      rustonite settle 1048577
    """
    from rustonite_exec import ask  # noqa: PLC0415 - brings the extension

    _expect(journal, "order", str(order))
    answer = ask(journal, {"do": "settle", "order": order})
    if answer is None:
        raise NotFound(f"no trader runs on {journal}: start it, so that it asks the venue first")
    if as_json:
        print_json_lines([{"order": order}])
    else:
        click.echo(f"order {order} counts as ended")


@click.command()
@click.argument("state", type=click.Choice(_STATES))
@_scope
@_name
@_journal
@json_option
def trading(state: str, scope: str, name: str, *, journal: str, as_json: bool) -> None:
    """Set what a trader may do: everything, only shrink positions, only cancel, or nothing.

    It stays so over restarts until it is `active` again, and cancels nothing by itself. A switch
    that was thrown is another thing: `rustonite resume` puts it back, and such a state with it.

    \b
    Example:
      rustonite trading reduce_only
      rustonite trading active account main
    """
    from rustonite_exec import ask  # noqa: PLC0415 - brings the extension

    _expect(journal, scope, name)
    answer = ask(journal, {"do": "trading", "scope": scope, "name": name, "state": state})
    if answer is None:
        raise NotFound(f"no trader runs on {journal}: `rustonite kill` works without one")
    if as_json:
        print_json_lines([{"scope": scope, "name": name, "state": answer["state"]}])
        return
    what = "all" if scope == "all" else f"{scope} {name}"
    click.echo(f"{what}: {answer['state']}")


@click.command()
@_journal
@click.option("--all", "every", is_flag=True, help="Also orders that have ended.")
@json_option
def orders(*, journal: str, every: bool, as_json: bool) -> None:
    """Show a trader's orders, as its journal has them.

    \b
    Example:
      rustonite orders --journal journal
    """
    found: dict[int, dict[str, Any]] = {}
    for row in _rows(journal, "orders"):
        # A row that only repeats what is known has no reason of its own.
        if row["reason"] == _SNAPSHOT:
            row["reason"] = found.get(row["order_id"], {"reason": None})["reason"]
        found[row["order_id"]] = row
    chosen = [one for one in found.values() if every or one["state"] not in _FINAL]
    columns = ("order_id", "state", "venue", "symbol", "side", "kind", "price_trigger")
    more = ("price", "size", "size_filled", "client_id", "reason")
    _tell(chosen, (*columns, *more), as_json=as_json)


@click.command()
@_journal
@json_option
def positions(*, journal: str, as_json: bool) -> None:
    """Show a trader's positions by account, as its journal has them.

    \b
    Example:
      rustonite positions --json
    """
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in _rows(journal, "positions"):
        if row["strategy"] is None:
            key = (row["account"], row["venue"], row["symbol"], row["position_side"])
            found[key] = row
    chosen = [one for one in found.values() if one["size"]]
    columns = ("account", "venue", "symbol", "position_side", "size", "price_entry")
    _tell(chosen, (*columns, "pnl_realised", "fees"), as_json=as_json)


def _asked(journal: str, request: dict[str, Any], otherwise: str) -> dict[str, Any]:
    """What a running trader answers."""
    from rustonite_exec import ask  # noqa: PLC0415 - brings the extension

    _expect(journal, "all", "")
    answer = ask(journal, request)
    if answer is None:
        raise NotFound(f"no trader runs on {journal}: {otherwise}")
    return answer


def _expect(journal: str, scope: str, name: str) -> None:
    """Refuse what no trader can mean."""
    from rustonite_exec.trader import is_journal  # noqa: PLC0415 - brings the extension

    if scope == "all" and name:
        raise click.UsageError(f"all is all: found the name {name!r}, expected none")
    if scope != "all" and not name:
        raise click.UsageError(f"{scope}: expected its NAME, such as {_SUCH_AS[scope]}")
    if not is_journal(Path(journal)):
        raise _no_journal(journal)


def _expect_open(journal: str, name: str) -> None:
    """Refuse an order that is not open: its switch would stop nothing, and stay thrown."""
    try:
        states = {str(row["order_id"]): row["state"] for row in _rows(journal, "orders")}
    except RustoniteError:
        # Nothing stands in the way of a kill that may be right.
        return
    if name not in states and name.isdecimal():
        raise NotFound(f"{journal}: no order {name}; `rustonite orders` shows those that are open")
    if states.get(name) in _FINAL:
        raise Conflict(f"{journal}: order {name} has ended already: {states[name]}")


def _no_journal(journal: str) -> NotFound:
    return NotFound(f"{journal}: no journal of a trader; say which with --journal")


def _rows(journal: str, dataset: str) -> Iterator[dict[str, Any]]:
    """All rows of a trader's tape."""
    from rustonite_data.tape import Tape  # noqa: PLC0415 - brings the extension
    from rustonite_exec.trader import TAPES_ARE_IN  # noqa: PLC0415 - as above

    told = Path(journal, TAPES_ARE_IN)
    # Others may have theirs in the same folder. Of a trader of before only the folder is known.
    folder, *names = told.read_text().splitlines() if told.is_file() else [journal]
    tapes = sorted(Path(folder, dataset).glob("*/tape.toml"))
    if names:
        tapes = [tape for tape in tapes if tape.parent.name in names]
    if not tapes:
        raise _no_journal(journal)
    for tape in tapes:
        for batch in Tape.reader(tape.parent).read().batches:
            yield from batch.to_pylist()


def _tell(rows: list[dict[str, Any]], columns: tuple[str, ...], *, as_json: bool) -> None:
    shown = [{name: _plain(row[name]) for name in columns} for row in rows]
    if as_json:
        print_json_lines(shown)
        return
    cells = [["" if value is None else str(value) for value in row.values()] for row in shown]
    right = {at for at, name in enumerate(columns) if name.startswith(_NUMBERS)}
    print_table(list(columns), cells, right)


def _plain(value: object) -> object:
    """A value that JSON has; decimals as texts without zeros at the end."""
    if value is None or isinstance(value, (int, str)):
        return value
    text = format(value, "f") if hasattr(value, "as_tuple") else str(value)
    return text.rstrip("0").rstrip(".") if "." in text else text
