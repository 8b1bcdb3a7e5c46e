"""What importers of text files share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from rustonite_data.errors import Invalid
from rustonite_data.lake.imports.cells import TEXT
from rustonite_data.lake.imports.files import ByteStream
from rustonite_data.lake.imports.lines import Lines
from rustonite_data.lake.imports.source import Source
from rustonite_data.lake.imports.text import Dialect, Field, TextTable

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


class TextSource(Source):
    """A source over lines of text."""

    _stream: ByteStream | None = None

    def _prepare(self) -> None:
        """Open the file and look at its first line."""
        self._extra: list[str] = []
        self._stream = ByteStream(self.path)
        self._name = self._stream.name
        self._lines = Lines(self._stream)

    @property
    def bytes_total(self) -> int:
        """Size of the file."""
        return self._stream.bytes_total if self._stream else 0

    @property
    def bytes_done(self) -> int:
        """How much of it was read so far, compressed as it lies on disk."""
        return self._stream.bytes_done if self._stream else 0

    @property
    def extra_columns(self) -> dict[str, pa.DataType]:
        """Columns that the dataset does not have; text, as nothing tells their types."""
        return dict.fromkeys(self._extra, pa.string())

    def _check_header(self, names: Sequence[str], known: Collection[str]) -> None:
        """Find missing and extra columns of a header."""
        if missing := sorted(set(known) - set(names)):
            raise Invalid(
                f"{self.path}: line 1: column {missing[0]!r} is missing, found {', '.join(names)}"
            )
        self._sort_out([name for name in names if name not in known])

    def _sort_out(self, extra: list[str]) -> None:
        self._request.refuse_extra(extra)
        self._extra = extra if self._request.extra == "keep" else []

    def _table(
        self,
        names: Sequence[str],
        fields: Sequence[Field],
        pairs: Sequence[tuple[str, str]] = (),
        dialect: Dialect | None = None,
    ) -> TextTable:
        """The rows, with the extra columns that are kept."""
        extra = [Field(name, TEXT, required=False) for name in self._extra]
        return TextTable(
            self._lines, names, [*fields, *extra], self._rejects, dialect or Dialect(), pairs
        )

    def _close(self) -> None:
        if self._stream is not None:
            self._stream.close()
