"""`rustonite kill`, `resume`, `orders` and `positions`: what an operator asks of a trader."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rustonite_data.cli.output import json_option, print_json_lines, print_table
from rustonite_data.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator

_FINAL = ("denied", "filled", "cancelled", "expired", "rejected")
_NUMBERS = ("order_id", "price", "size", "pnl", "fees")
_SUCH_AS = {
    "venue": "binance",
    "account": "main",
    "strategy": "maker",
    "instrument": "binance:BTCUSDT",
    "order": "1048577",
}
_SCOPES = ("all", *_SUCH_AS)

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
@_journal
@json_option
def kill(scope: str, name: str, *, journal: str, as_json: bool) -> None:
    """Throw a kill switch: what is open under it is cancelled, and nothing new leaves.

    It stays thrown over restarts until `rustonite resume`. Works without a running trader, too: the
    next one begins with the switch thrown.

    \b
    Example:
      rustonite kill
      rustonite kill strategy maker
    """
    from rustonite_exec import kill as throw  # noqa: PLC0415 - brings the extension

    _expect(journal, scope, name)
    running = throw(journal, scope, name)
    if as_json:
        print_json_lines([{"scope": scope, "name": name, "running": running}])
        return
    what = "all" if scope == "all" else f"{scope} {name}"
    then = "its orders are cancelled" if running else "no trader runs; the next one begins with it"
    click.echo(f"switch of {what} thrown: {then}")


@click.command()
@_scope
@_name
@_journal
@json_option
def resume(scope: str, name: str, *, journal: str, as_json: bool) -> None:
    """Put the switches of a scope back, thrown by a person or by a rule.

    \b
    Example:
      rustonite resume
      rustonite resume account main
    """
    from rustonite_exec import ask  # noqa: PLC0415 - brings the extension

    _expect(journal, scope, name)
    answer = ask(journal, {"do": "resume", "scope": scope, "name": name})
    if answer is None:
        raise NotFound(f"no trader runs on {journal}: start it, then put its switches back")
    if as_json:
        print_json_lines([{"scope": scope, "name": name, "switches": answer["switches"]}])
    else:
        click.echo(f"{answer['switches']} switches put back")


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
        found[row["order_id"]] = row
    chosen = [one for one in found.values() if every or one["state"] not in _FINAL]
    columns = ("order_id", "state", "venue", "symbol", "side", "kind", "price", "size")
    _tell(chosen, (*columns, "size_filled", "client_id", "reason"), as_json=as_json)


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


def _expect(journal: str, scope: str, name: str) -> None:
    """Refuse what no trader can mean."""
    from rustonite_exec.trader import is_journal  # noqa: PLC0415 - brings the extension

    if scope == "all" and name:
        raise click.UsageError(f"all is all: found the name {name!r}, expected none")
    if scope != "all" and not name:
        raise click.UsageError(f"{scope}: expected its NAME, such as {_SUCH_AS[scope]}")
    if not is_journal(Path(journal)):
        raise _no_journal(journal)


def _no_journal(journal: str) -> NotFound:
    return NotFound(f"{journal}: no journal of a trader; say which with --journal")


def _rows(journal: str, dataset: str) -> Iterator[dict[str, Any]]:
    """All rows of the tapes of a journal."""
    from rustonite_data.tape import Tape  # noqa: PLC0415 - brings the extension
    from rustonite_exec.trader import TAPES_ARE_IN  # noqa: PLC0415 - as above

    told = Path(journal, TAPES_ARE_IN)
    folder = Path(told.read_text()) if told.is_file() else Path(journal)
    tapes = sorted((folder / dataset).glob("*/tape.toml"))
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
