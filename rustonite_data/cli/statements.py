"""SQL text as statements."""

from __future__ import annotations

from dataclasses import dataclass

from rustonite_data.lake.sql_text import Token, tokens

# A quote that the tokens have as a sign of its own was not closed.
_OPEN = frozenset("'\"$")


@dataclass(frozen=True)
class Statement:
    """One statement, without its semicolon."""

    text: str
    line: int
    """Where it begins, from 1."""
    parameters: frozenset[str]
    """Names after `$`."""
    flat: str
    """On one line and without comments, for a history."""


def statements(text: str) -> list[Statement]:
    """All statements of a text; the last one may have no semicolon.

    Example:
        >>> [statement.text for statement in statements("select ';' ; -- two;\\nselect $a")]
        ["select ';'", 'select $a']
    """
    found, rest = split(text)
    last = _statement(text, tokens(text[len(text) - len(rest) :]), len(text) - len(rest))
    return found if last is None else [*found, last]


def split(text: str) -> tuple[list[Statement], str]:
    """The statements that a semicolon ends, and the text after them.

    Example:
        >>> done, rest = split("select 1; select")
        >>> [statement.text for statement in done], rest
        (['select 1'], ' select')
    """
    found: list[Statement] = []
    pieces: list[Token] = []
    border = 0
    for token in tokens(text):
        if token.kind == "sign" and token.text in _OPEN:
            break
        if token.kind == "sign" and token.text == ";":
            statement = _statement(text, pieces, 0)
            found += [] if statement is None else [statement]
            pieces, border = [], token.end
        else:
            pieces.append(token)
    return found, text[border:]


def _statement(text: str, pieces: list[Token], offset: int) -> Statement | None:
    if not pieces:
        return None
    start, end = offset + pieces[0].start, offset + pieces[-1].end
    names = {piece.text[1:] for piece in pieces if piece.kind == "parameter"}
    line = text.count("\n", 0, start) + 1
    return Statement(text[start:end], line, frozenset(names), _flat(pieces))


def _flat(pieces: list[Token]) -> str:
    parts: list[str] = []
    position = pieces[0].start
    for piece in pieces:
        parts.append(" " if piece.start > position else "")
        parts.append(piece.text)
        position = piece.end
    return "".join(parts)
