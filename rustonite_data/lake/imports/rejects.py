"""What happens to rows that cannot be imported: an error, or a line in a file of rejects."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from rustonite_data.errors import Conflict, Invalid

if TYPE_CHECKING:
    from pathlib import Path

_HEADER = b"line\tcolumn\treason\ttext\n"
_VALUE_CHARACTERS = 80


class Rejects:
    """Takes bad rows of one file.

    Without a path, the first bad row is an `Invalid` error. With one, bad rows are written there,
    one per line: its number, the column, what is wrong, and the row verbatim, with tabs between.
    """

    def __init__(self, source: Path, path: Path | None, place: str = "line") -> None:
        """`place` is what rows are counted in."""
        self.count = 0
        self._source = source
        self._path = path
        self._place = place
        self._file: BinaryIO | None = None

    def check(self) -> None:
        """Refuse to add to a file that is there already."""
        if self._path is not None and self._path.exists():
            raise Conflict(f"{self._path}: exists already, expected a new file for rejects")

    @property
    def wanted(self) -> bool:
        """Whether bad rows are collected, and are no error."""
        return self._path is not None

    def cell(self, line: int, column: str, value: str | None, expected: str, text: bytes) -> None:
        """A cell is not what its column holds."""
        shown = "nothing" if value is None else repr(_short(value))
        self.row(line, f"{shown}, expected {expected}", text, column)

    def row(self, line: int, reason: str, text: bytes, column: str = "") -> None:
        """A row is bad as a whole, or in a column."""
        if self._path is None:
            where = f", column {column!r}" if column else ""
            raise Invalid(f"{self._source}: {self._place} {line}{where}: {reason}")
        self.count += 1
        if self._file is None:
            self._file = self._path.open("xb")
            self._file.write(_HEADER)
        fields = (str(line), column, reason)
        head = "\t".join(field.replace("\t", " ").replace("\n", " ") for field in fields)
        self._file.write(head.encode() + b"\t" + text + b"\n")

    def discard(self) -> None:
        """Remove the file, as the rest of the rows was not looked at."""
        if self._path is not None and self._file is not None:
            self.close()
            self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _short(value: str) -> str:
    cut = len(value) > _VALUE_CHARACTERS
    return value[:_VALUE_CHARACTERS] + "..." if cut else value
