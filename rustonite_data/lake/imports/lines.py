"""Text files as blocks of whole lines, with line numbers as an editor would show them."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rustonite_data.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rustonite_data.lake.imports.files import ByteStream

_LINE_BYTES_MAX = 64 << 20
_WIDE = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


@dataclass(frozen=True, slots=True)
class Block:
    """Some consecutive lines."""

    data: bytes
    """The lines; each ends with a line feed."""
    first_line: int
    """Number of the first of them in the file, from 1."""


class Lines:
    """The lines of a stream, in blocks."""

    def __init__(self, stream: ByteStream) -> None:
        """Read as far as the end of the first line."""
        self.path = stream.path
        self._pieces = stream.pieces()
        self._line = 1
        self._rest = next(self._pieces, b"")
        self.empty = not self._rest
        if stream.bytes_total == 0:
            raise Invalid(f"{self.path}: is empty, expected lines of text")
        for mark, name in _WIDE.items():
            if self._rest.startswith(mark):
                raise Invalid(f"{self.path}: is {name} text, expected UTF-8")
        self._rest = self._rest.removeprefix(codecs.BOM_UTF8)
        self._fill()

    def _fill(self) -> None:
        """Read on until there is a whole line, or no more."""
        pieces = [self._rest]
        size = len(self._rest)
        while b"\n" not in pieces[-1] and (piece := next(self._pieces, b"")):
            pieces.append(piece)
            size += len(piece)
            if size > _LINE_BYTES_MAX:
                raise Invalid(f"{self.path}: line {self._line} has no end, expected lines of text")
        self._rest = b"".join(pieces)

    @property
    def first(self) -> bytes:
        """The line that comes next, without its end."""
        return self._rest.split(b"\n", 1)[0].removesuffix(b"\r")

    def skip(self) -> None:
        """Leave out the line that comes next, such as a header."""
        self._rest = self._rest.partition(b"\n")[2]
        self._line += 1

    def __iter__(self) -> Iterator[Block]:
        """The lines that are left. A missing line feed at the end of the file is added."""
        while True:
            self._fill()
            end = self._rest.rfind(b"\n") + 1
            data, self._rest = self._rest[:end], self._rest[end:]
            if not end:
                break
            yield Block(data, self._line)
            self._line += data.count(b"\n")
        if self._rest:
            yield Block(self._rest + b"\n", self._line)
