"""The page about the commands, made from the commands themselves."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING

import click

from rustonite_data.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = """\
# Commands

Made from the commands by `make docs`. `rustonite COMMAND --help` says the same. What holds for
all of them, such as exit codes, is on [the command line](../using/cli.md).
"""


def markdown() -> str:
    """The whole page.

    Example:
        >>> markdown().splitlines()[0]
        '# Commands'
    """
    root = click.Context(main, info_name="rustonite")
    return "\n".join([_HEAD, *_commands(main, root, 2)])


def _commands(group: click.Group, context: click.Context, level: int) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        inner = click.Context(command, info_name=name, parent=context)
        yield from _one(command, inner, level)
        if isinstance(command, click.Group):
            yield from _commands(command, inner, level + 1)


def _one(command: click.Command, context: click.Context, level: int) -> Iterator[str]:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield from (f"{'#' * level} {context.command_path}", "", *_text(command.help or ""))
    yield from ("```text", usage, "```", "")
    found = filter(None, (param.get_help_record(context) for param in command.params))
    rows = [(name, about) for name, about in found if about]
    if rows:
        yield from ("| option | meaning |", "|---|---|")
        yield from (f"| `{_cell(name)}` | {_cell(about)} |" for name, about in rows)
        yield ""


def _text(text: str) -> Iterator[str]:
    """Paragraphs as they are; examples, which click keeps line by line, as code."""
    for part in inspect.cleandoc(text).split("\n\n"):
        kept, mark, lines = part.partition("\b\n")
        if not mark:
            yield from (_escaped(part), "")
            continue
        title, _, rest = lines.partition("\n")
        if kept:
            yield from (_escaped(kept), "")
        yield from (title, "", "```sh", *inspect.cleandoc(f"\n{rest}").splitlines(), "```", "")


def _escaped(text: str) -> str:
    """Text in which nothing reads as a tag or as emphasis, but for code, which is as it is."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"([<*_|])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
