"""Just enough understanding of SQL text: its words, and which datasets they name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*)
    | (?P<comment>/\*)
    | (?P<text>[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*')
    | (?P<dollar>\$(?P<tag>[A-Za-z_]\w*)?\$.*?\$(?P=tag)?\$)
    | (?P<name>"(?:[^"]|"")*")
    | (?P<word>[^\W\d]\w*)
    | (?P<number>\d[\d_]*(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)
    | (?P<parameter>\$\w+|\?\d*)
    | (?P<sign>:=|=>|::|.)""",
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of SQL text."""

    kind: str
    """`word`, `name` (in quotes), `text`, `number`, `parameter` or `sign`."""
    text: str
    start: int
    end: int

    @property
    def value(self) -> str:
        """What it says, without its quotes."""
        if self.kind in {"name", "text"} and self.text[0] in "\"'":
            quote = self.text[0]
            return self.text[1:-1].replace(quote * 2, quote)
        return self.text


def tokens(text: str) -> list[Token]:
    """The pieces of SQL text, without spaces and comments.

    Example:
        >>> [token.text for token in tokens("select 'a''b' -- why")]
        ['select', "'a''b'"]
    """
    found, position = [], 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            break
        kind, position = str(match.lastgroup), match.end()
        if kind == "comment":
            position = _after_comment(text, position)
        elif kind == "tag" or match["dollar"] is not None:
            found.append(Token("text", match[0], match.start(), position))
        elif kind != "space":
            found.append(Token(kind, match[0], match.start(), position))
    return found


def _after_comment(text: str, position: int) -> int:
    depth = 1
    while depth:
        edge = _COMMENT_EDGE.search(text, position)
        if edge is None:
            return len(text)
        depth += 1 if edge[0] == "/*" else -1
        position = edge.end()
    return position


_CATALOGS = re.compile(r"information_schema|sqlite_master|pg_\w+|pragma_\w+|duckdb_\w+|show")


def datasets_in(text: str, known: Iterable[str]) -> list[str]:
    """The datasets that SQL text may read, among those that are known.

    A word is enough, for instance the name of a column: the reader that finds too many is only
    slower.

    Example:
        >>> datasets_in("select * from Trades, bars(quotes, '1m') -- fills",
        ...             ["trades", "quotes", "bars", "fills"])
        ['trades', 'quotes']
    """
    pieces = tokens(text)
    words = set()
    for position, token in enumerate(pieces):
        follows = pieces[position + 1].text if position + 1 < len(pieces) else ""
        if token.kind in {"name", "text"} or (token.kind == "word" and follows != "("):
            words.add(token.value.lower())
    if any(_CATALOGS.fullmatch(word) for word in words | {p.text.lower() for p in pieces}):
        return list(known)
    return [name for name in known if name.lower() in words]
