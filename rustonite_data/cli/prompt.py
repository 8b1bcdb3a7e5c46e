"""The prompt of `rustonite sql`."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rustonite_data import __version__
from rustonite_data.cli.interrupts import CTRL_C
from rustonite_data.cli.output import column_facts, count_text, print_columns, without_hidden
from rustonite_data.cli.sql import ENGINES
from rustonite_data.cli.statements import split
from rustonite_data.errors import Invalid, RustoniteError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rustonite_data.cli.sql import Session
    from rustonite_data.lake import Lake

_FIRST, _MORE = "rustonite> ", "      ...> "
_HISTORY_MAX = 2_000
_PATIENCE_S = 10.0
_DELIMITERS = " \t\n,;()[]=<>+-*/%'|\""
_HELP = """\
A query ends with a semicolon and may have several lines. Ctrl-C stops it, Ctrl-D leaves.
  .tables          datasets of this lake
  .schema NAME     columns of a dataset
  .engine [NAME]   show or choose the engine: duckdb, datafusion, polars
  .timing [on|off] show how long queries take
  .help            this text
  .quit            leave"""
_WORDS = (
    "and as asc asof between by case count create cross date desc describe distinct else end epoch "
    "explain false from full group having in inner interval is join last_value lateral left limit "
    "not null offset on or order outer over partition qualify right sample select sum table then "
    "timestamp true union using values when where window with"
)


class Prompt:
    """Reads queries from a terminal and shows what they give, until somebody leaves."""

    def __init__(self, session: Session) -> None:
        """Make a prompt; it asks when it runs."""
        self._session = session
        self._timing = False
        self._left = False
        self._commands: dict[str, Callable[[str], None]] = {
            ".engine": self._engine,
            ".help": lambda _: click.echo(_HELP),
            ".quit": self._quit,
            ".schema": self._schema,
            ".tables": self._tables,
            ".timing": self._time,
        }

    def run(self) -> None:
        """Ask until Ctrl-D or `.quit`."""
        # To lose the prompt is worse than to wait for an engine that is slow to stop.
        CTRL_C.patience_s = _PATIENCE_S
        CTRL_C.ends_imports = False
        lake, engine = self._session.lake, self._session.engine
        click.echo(f"rustonite {__version__}, {lake.storage.root}, {engine}. Try .help")
        remember = _line_editor(Completer(lake, list(self._commands)))
        rest = ""
        while not self._left:
            try:
                rest = self._guarded_step(rest, remember)
            except KeyboardInterrupt:
                rest = ""
                # Who presses it twice wants to stop, not to leave.
                with contextlib.suppress(KeyboardInterrupt):
                    click.echo()

    def _guarded_step(self, rest: str, remember: Callable[[str], None]) -> str:
        CTRL_C.pressed = False
        try:
            return self._step(rest, remember)
        except Exception as error:
            if CTRL_C.pressed:
                raise KeyboardInterrupt from error
            if not isinstance(error, RustoniteError):
                raise
            click.echo(f"error: {without_hidden(str(error))}", err=True)
            return ""

    def _step(self, rest: str, remember: Callable[[str], None]) -> str:
        """Reads a line and does what it says; returns what waits for a semicolon."""
        try:
            line = input(_MORE if rest else _FIRST)
        except EOFError:
            click.echo()
            self._left = True
            return ""
        if not rest.strip() and line.strip().startswith("."):
            remember(line.strip())
            self._command(line.strip())
            return ""
        found, rest = split(f"{rest}{line}\n")
        for statement in found:
            remember(f"{statement.flat};")
            start = time.perf_counter()
            count = self._session.show(statement.text)
            if self._timing:
                took = time.perf_counter() - start
                click.echo(f"{count_text(count, 'row')} in {took:.3f} s", err=True)
        return rest if rest.strip() else ""

    def _command(self, line: str) -> None:
        name, _, argument = line.rstrip(";").partition(" ")
        if name not in self._commands:
            raise Invalid(f"found {name}, expected one of {', '.join(self._commands)}")
        self._commands[name](argument.strip())

    def _engine(self, name: str) -> None:
        if name and name not in ENGINES:
            raise Invalid(f".engine: found {name!r}, expected one of {', '.join(ENGINES)}")
        self._session.engine = name or self._session.engine
        click.echo(self._session.engine)

    def _time(self, switch: str) -> None:
        if switch not in {"", "on", "off"}:
            raise Invalid(f".timing: found {switch!r}, expected on or off")
        self._timing = not self._timing if not switch else switch == "on"
        click.echo("on" if self._timing else "off")

    def _tables(self, _: str) -> None:
        for name in self._session.lake.datasets():
            click.echo(name)

    def _schema(self, name: str) -> None:
        if not name:
            raise Invalid(".schema: expected the name of a dataset; .tables lists them")
        print_columns(column_facts(self._session.lake.dataset(name).schema))

    def _quit(self, _: str) -> None:
        self._left = True


class Completer:
    """Finishes names of commands, datasets and columns, and words of SQL."""

    def __init__(self, lake: Lake, commands: list[str]) -> None:
        """Make a completer; the lake is asked when somebody first wants to know."""
        self._lake = lake
        self._commands = commands
        self._names: list[str] | None = None
        self._found: list[str] = []

    def __call__(self, text: str, state: int) -> str | None:
        """The word number `state` that begins with a text, as readline asks for them."""
        if state == 0:
            self._found = self.candidates(text)
        return self._found[state] if state < len(self._found) else None

    def candidates(self, text: str) -> list[str]:
        """All words that begin with a text; after `table.` they are columns."""
        if text.startswith("."):
            return [name for name in self._commands if name.startswith(text)]
        before, dot, begin = text.rpartition(".")
        words = self._lake_names() if dot else [*self._lake_names(), *_WORDS.split()]
        found = sorted({word for word in words if word.startswith(begin)})
        return [f"{before}{dot}{word}" for word in found]

    def _lake_names(self) -> list[str]:
        if self._names is None:
            names: list[str] = []
            # Whoever presses Tab wants no error; the query will tell what is wrong.
            with contextlib.suppress(RustoniteError):
                for dataset in self._lake.datasets():
                    names.append(dataset)
                    names += self._lake.dataset(dataset).columns
            self._names = names
        return self._names


def history_path() -> Path:
    """Where queries of earlier sessions are kept."""
    state = os.environ.get("XDG_STATE_HOME", "")
    base = Path(state) if Path(state).is_absolute() else Path.home() / ".local" / "state"
    return base / "rustonite" / "sql_history"


def _line_editor(completer: Completer) -> Callable[[str], None]:
    """Line editing with history and completion; returns what remembers a statement."""
    try:
        import readline  # noqa: PLC0415 - not in every Python
    except ImportError:
        return lambda _: None
    path = history_path()
    # Queries may say more than others should read.
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        readline.set_history_length(_HISTORY_MAX)
        readline.read_history_file(path)
        if readline.get_current_history_length() > _HISTORY_MAX:
            readline.write_history_file(path)
    readline.set_auto_history(False)
    readline.set_completer_delims(_DELIMITERS)
    readline.set_completer(completer)
    editline = "libedit" in (readline.__doc__ or "")
    readline.parse_and_bind("bind ^I rl_complete" if editline else "tab: complete")

    def remember(text: str) -> None:
        if text != readline.get_history_item(readline.get_current_history_length()):
            readline.add_history(text)
            # At once, so that a killed terminal loses nothing.
            with contextlib.suppress(OSError):
                readline.append_history_file(1, path)

    return remember
