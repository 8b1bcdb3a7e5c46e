"""Configuration files: their text, with what the environment says in place of `${NAME}`.

One rule for all of them: in a text in double quotes `${NAME}` is the variable of that name, and
`${NAME:-default}` the default where it is not set. Comments and texts in single quotes stay as they
are. So a password is never in a file, and one file serves several machines.
"""

from __future__ import annotations

import os
import re
import tomllib
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rustonite_data.errors import Invalid, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

# Comments and texts, the longer marks first. Only those in double quotes have references.
_TOKEN = re.compile(
    r"""#[^\n]*|'''.*?'''|'[^'\n]*'|\"\"\"(?:\\.|.)*?\"\"\"|"(?:\\.|[^"\\\n])*\"""", re.DOTALL
)
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def read(path: Path, what: str) -> str:
    """The text of a configuration file, with the environment in it.

    Args:
        path: Of the file.
        what: What it should be, for errors, such as "a recorder's configuration".

    Raises:
        Invalid: there is no such file, it is no text, or a variable is not set.
    """
    return with_environment(read_as_it_is(path, what), str(path), os.environ)


def read_as_it_is(path: Path, what: str) -> str:
    """The same without the environment: limits stand as they are written.

    Raises:
        Invalid: there is no such file, or it is no text.
    """
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problem = error.strerror if isinstance(error, OSError) else "no UTF-8"
        raise Invalid(f"{path}: {problem}, expected {what}") from None


@contextmanager
def about(place: str) -> Iterator[None]:
    """Name the file in what is raised inside about its content, if that does not do it itself."""
    try:
        yield
    except (Invalid, NotFound) as error:
        if place in str(error):
            raise
        raise type(error)(f"{place}: {error}") from error


def table_of(text: str, place: str) -> dict[str, Any]:
    """What is in a configuration; `place` is its file in errors.

    Raises:
        Invalid: it is no TOML; the message names the line.
    """
    try:
        # Numbers as they are written: prices are no floats.
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        problem, _, where = str(error).partition(" (at ")
        line = re.search(r"line (\d+)", where)
        raise Invalid(f"{place}{f':{line[1]}' if line else ''}: {problem}") from None


def place_of(key: str, text: str, place: str) -> str:
    """File and line of the first value of a key in a configuration, as far as it is found.

    Example:
        >>> place_of("port", "port = 1", "exchange.toml")
        'exchange.toml:1'
    """
    found = re.search(rf'^[^#\n]*?(?<![\w-])"?{re.escape(key)}"?\s*=', text, re.MULTILINE)
    return place if found is None else f"{place}:{text.count(chr(10), 0, found.start()) + 1}"


def with_environment(text: str, place: str, environment: Mapping[str, str]) -> str:
    r"""The text with variables in place of their names; lines stay where they are.

    Example:
        >>> with_environment('lake = "${HERE:-.}/lake"', "recorder.toml", {"HERE": "/data"})
        'lake = "/data/lake"'
        >>> with_environment('lake = "${HERE:-.}/lake"', "recorder.toml", {})
        'lake = "./lake"'

    Raises:
        Invalid: a variable is not set, and there is no default.
    """

    def value(reference: re.Match[str], line: int) -> str:
        name, default = reference.groups()
        found = environment.get(name)
        if found is not None:
            return "".join(_ESCAPES.get(letter, letter) for letter in found)
        if default is not None:
            return str(default)
        raise Invalid(
            f"{place}:{line}: found {reference[0]}, and {name} is not set in the environment; "
            f"set it, or write ${{{name}:-default}}"
        )

    def replaced(token: re.Match[str]) -> str:
        if not token[0].startswith('"'):
            return token[0]
        first = text.count("\n", 0, token.start()) + 1
        inside = token[0]
        return _REFERENCE.sub(
            lambda found: value(found, first + inside.count("\n", 0, found.start())), inside
        )

    return _TOKEN.sub(replaced, text)
