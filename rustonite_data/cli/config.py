"""`rustonite config`: whether configuration files can be used."""

from __future__ import annotations

import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rustonite_data.cli.output import (
    CANNOT_LOOK,
    complain,
    json_option,
    print_json_lines,
    without_hidden,
)
from rustonite_data.config import about, read, read_as_it_is, table_of
from rustonite_data.errors import Invalid, RustoniteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# What is in files of one kind only, at the top.
_MARKS = {
    "recorder": {"feed", "lake", "frames", "anchor_every_s", "interval_s", "catalog", "metrics"},
    "trader": {"market", "strategy", "journal", "on_stop", "on_error", "reconcile", "patience_ms"},
    "limits": {"version", "currency", "all", "restricted", "instrument"},
    "exchange": {"venue", "port", "seed", "speed", "others", "symbols", "prices"},
    "keys": {"key", "secret"},
}


_NAMED = {
    "recorder": "a recorder",
    "trader": "a trader",
    "limits": "limits",
    "exchange": "a local exchange",
    "keys": "keys",
}
# The command that reads a kind.
_READERS = {"recorder": "record", "trader": "trade", "exchange": "exchange"}


@click.group()
def config() -> None:
    """Check configuration files.

    \b
    Example:
      rustonite config check recorder.toml trader.toml
    """


@config.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE..."
)
@click.option(
    "--as",
    "kind",
    type=click.Choice(sorted(_MARKS)),
    help="What the files are, where their content does not tell.",
)
@json_option
def check(files: tuple[Path, ...], *, kind: str | None, as_json: bool) -> None:
    """Say whether each FILE can be used: of a recorder, a trader, limits, a local exchange, keys.

    Which of them it is, is told by what is in it. Of a trader the limits and keys that it names are
    read, too. Nobody is asked, and nothing is started but a local exchange, for a moment and on a
    port of its own. Exit code 2: a file cannot be used; the message names file, line, key and
    value, and what may have been meant.

    \b
    Example:
      rustonite config check recorder.toml
      rustonite config check *.toml --json
    """
    code = 0
    for path in files:
        found = kind
        try:
            found = kind or kind_of(path)
            with about(str(path)):
                _CHECKS[found](path)
        except RustoniteError as error:
            code = CANNOT_LOOK
            if as_json:
                _tell_json(path, found, str(error))
            else:
                complain(error)
        else:
            if as_json:
                _tell_json(path, found, None)
            else:
                click.echo(f"{path}: {found}, can be used")
    sys.exit(code)


def _tell_json(path: Path, kind: str | None, problem: str | None) -> None:
    text = None if problem is None else without_hidden(problem)
    print_json_lines([{"file": str(path), "kind": kind, "ok": problem is None, "problem": text}])


def kind_of(path: Path) -> str:
    """What a file configures, by its keys; by its name, where they tell of several.

    Raises:
        Invalid: it is no TOML, or nothing that is known.
    """
    keys = table_of(read(path, "a configuration"), str(path)).keys()
    marks = {kind: len(keys & names) for kind, names in _MARKS.items()}
    most = max(marks.values())
    kinds = [kind for kind, count in marks.items() if count == most]
    if len(kinds) == 1:
        return kinds[0]
    if path.stem in kinds:
        return path.stem
    found = ", ".join(sorted(keys)) or "nothing"
    raise Invalid(f"{path}: found {found}, which does not tell what it configures; give --as KIND")


@contextmanager
def expecting(kind: str, path: Path) -> Iterator[None]:
    """Say what a file is, where it cannot be used because it is of another kind."""
    try:
        yield
    except Invalid:
        found = None
        with suppress(RustoniteError):
            found = kind_of(path)
        if found in {None, kind}:
            raise
        then = f"; rustonite {_READERS[found]} {path}" if found in _READERS else ""
        raise Invalid(
            f"{path}: found what configures {_NAMED[found]}, expected {_NAMED[kind]}{then}"
        ) from None


def _recorder(path: Path) -> None:
    from rustonite_data.record import settings_of  # noqa: PLC0415 - not for --help

    settings_of(read(path, "a recorder's configuration"), str(path))


def _trader(path: Path) -> None:
    from rustonite_data import _native  # noqa: PLC0415 - as above
    from rustonite_exec import Trader  # noqa: PLC0415 - as above

    Trader(path)  # imports a strategy in Python
    _native.check_trader(read(path, "a trader's configuration"), str(path))


def _limits(path: Path) -> None:
    from rustonite_data import _native  # noqa: PLC0415 - as above

    _native.check_limits(read_as_it_is(path, "limits"), str(path))


def _exchange(path: Path) -> None:
    from rustonite_data import _native  # noqa: PLC0415 - as above
    from rustonite_exec.exchange_config import ExchangeConfig  # noqa: PLC0415 - as above

    config = ExchangeConfig.read(path)
    for account in config.accounts:
        if account.keys is not None:
            _native.read_keys(account.keys)
    config.check()


def _keys(path: Path) -> None:
    from rustonite_data import _native  # noqa: PLC0415 - as above

    _native.read_keys(path)


_CHECKS: dict[str, Callable[[Path], None]] = {
    "recorder": _recorder,
    "trader": _trader,
    "limits": _limits,
    "exchange": _exchange,
    "keys": _keys,
}
