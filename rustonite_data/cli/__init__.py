"""The command `rustonite`.

Text for people is laid out by rich on a terminal; in a pipe it is plain and complete. Every command
that a script may want to read has `--json`: one JSON object per line. A command is imported when it
is asked for, and the lake's engines when a command needs them, so that looking at a tape is quick
and needs none of them installed.
"""

from __future__ import annotations

import errno
import importlib
import itertools
import platform
from typing import Any

import click
from click.exceptions import NoArgsIsHelpError

from rustonite_data import __version__, _native
from rustonite_data.cli.interrupts import CTRL_C, INTERRUPTED
from rustonite_data.cli.output import CANNOT_LOOK, complain, errors_as_json
from rustonite_data.errors import Invalid, NotFound, RustoniteError, Unavailable
from rustonite_data.hints import hint

_USED_UP = {errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC}

# Name, and the module it is in if that has another one.
_COMMANDS = {
    "completion": "",
    "config": "",
    "demo": "",
    "doctor": "",
    "dry-run": "trading",
    "exchange": "",
    "init": "",
    "kill": "trading",
    "lake": "",
    "limits": "",
    "orders": "trading",
    "positions": "trading",
    "record": "",
    "reparse": "",
    "reload": "trading",
    "replay": "",
    "resume": "trading",
    "serve": "",
    "settle": "trading",
    "sql": "",
    "status": "trading",
    "tape": "",
    "trade": "",
    "trading": "trading",
}


class Commands(click.Group):
    """Commands that are imported on demand, whose errors are one line and whose Ctrl-C is quiet."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Names, in the order of the help."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name, from the module of that name."""
        if cmd_name not in _COMMANDS:
            return None
        name = _COMMANDS[cmd_name] or cmd_name
        module = importlib.import_module(f"rustonite_data.cli.{name}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first word names."""
        name = args[0]
        if name not in _COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            raise click.UsageError(f"no command {name!r}; {hint(name, _COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def main(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as in the base class
        """Run the command as a program."""
        try:
            return super().main(*args, **kwargs)
        except SystemExit as ended:
            if ended.code == INTERRUPTED:
                CTRL_C.leave()
            raise

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,  # noqa: ANN401 - as in the base class
    ) -> click.Context:
        """Read the words before the command."""
        errors_as_json("--json" in itertools.takewhile(lambda word: word != "--", args))
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.UsageError as error:
            if (mistake := ours(error)) is None:
                raise
            complain(mistake)
            raise click.exceptions.Exit(CANNOT_LOOK) from error

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as in the base class
        """Run the command."""
        # The key may be pressed at the moment in which watching begins or ends, too.
        try:
            with CTRL_C.watched():
                return super().invoke(ctx)
        except click.exceptions.Exit:
            raise
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
        except Exception as error:
            if CTRL_C.pressed:
                ctx.exit(INTERRUPTED)
            if (mistake := ours(error)) is None:
                raise
            complain(mistake)
            ctx.exit(CANNOT_LOOK)


def ours(error: Exception) -> RustoniteError | None:
    """What an error says to people: what is wrong and what to do. None if it is a bug."""
    if isinstance(error, RustoniteError):
        return error
    if isinstance(error, click.UsageError) and not isinstance(error, NoArgsIsHelpError):
        return _misuse(error)
    if isinstance(error, ModuleNotFoundError) and not str(error.name).startswith("rustonite"):
        from rustonite_data.extras import how_to_get  # noqa: PLC0415 - rarely needed

        return NotFound(f"{error.name} is not installed: {how_to_get(str(error.name))}")
    # A closed pipe is for click.
    if isinstance(error, OSError) and error.strerror and error.errno != errno.EPIPE:
        where = f"{error.filename}: " if error.filename is not None else ""
        kind = Unavailable if error.errno in _USED_UP else Invalid
        return kind(f"{where}{error.strerror}")
    return None


def _misuse(error: click.UsageError) -> Invalid:
    text = error.format_message().rstrip(".")
    return Invalid(f"{text} ({error.ctx.command_path} --help)" if error.ctx else text)


def _version(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
    """Print what this is, and what it was built from and by."""
    if not wanted or context.resilient_parsing:
        return
    facts = {**_native.BUILD, "python": platform.python_version()}
    click.echo(f"rustonite, version {__version__}")
    for name, value in facts.items():
        click.echo(f"{name:8} {value or 'not known'}")
    context.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version and what it was built from, and exit.",
)
def main() -> None:
    """Record, query and trade the same Arrow buffers.

    Options go before the environment (RUSTONITE_LAKE, RUSTONITE_TAPES, RUSTONITE_JOURNAL), and that
    before configuration files. Exit codes: 0 done, 1 problems were found, 2 it could not be done,
    130 after Ctrl-C, where that is not the usual end.

    \b
    Example:
      rustonite demo
      rustonite init desk
      rustonite doctor
    """
