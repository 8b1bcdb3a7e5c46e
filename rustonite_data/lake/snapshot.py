"""One dataset at one moment: files of the table, and rows of tapes that are in no file yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rustonite_data._native import Rows
    from rustonite_data.lake.dataset import Dataset

UNCOMPRESSED = "hot-"
"""How names of files begin that a committer did not compress."""


@dataclass(frozen=True, slots=True)
class DataFile:
    """A live file of a table, as its log describes it."""

    path: str
    """Relative to the table."""
    size: int
    """Bytes."""
    rows: int
    partition: Mapping[str, str | None]
    """The value of each partition column, as text."""
    minimum: Mapping[str, Any]
    """No value of a column is smaller; times are nanoseconds. A column that is absent: unknown."""
    maximum: Mapping[str, Any]
    """No value of a column is greater."""
    nulls: Mapping[str, int]
    """Nulls by column. A column that is absent was added after the file was written."""
    modified_ms: int

    @property
    def uncompressed(self) -> bool:
        """Whether compaction has still to compress it."""
        return self.path.rpartition("/")[2].startswith(UNCOMPRESSED)


@dataclass(frozen=True)
class Snapshot:
    """Exactly the rows of `files` and `hot`: none is missing and none is in both."""

    dataset: Dataset
    version: int
    """Of the Delta table."""
    root: str
    """Folder or URL of the table."""
    files: tuple[DataFile, ...]
    hot: tuple[Rows, ...] = ()
    storage_options: Mapping[str, str] = field(default_factory=dict)

    @property
    def local(self) -> bool:
        """Whether the files are on a local disk."""
        return "://" not in self.root

    def location(self, file: DataFile) -> str:
        """What an engine opens to read a file."""
        return f"{self.root}/{file.path}"
