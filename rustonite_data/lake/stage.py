"""Files on their way into a table: written, uploaded, and named by a commit or removed again."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rustonite_data import _native
from rustonite_data.errors import Invalid, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rustonite_data._native import LakeFile, Schema
    from rustonite_data.lake.dataset import Dataset
    from rustonite_data.lake.storage import Storage
    from rustonite_data.lake.table import Change, Table


class Stage:
    """Where files are written before a commit names them: in place, or here for an upload."""

    def __init__(self, storage: Storage, dataset: str, folder: Path) -> None:
        """Use `staged`."""
        self._storage = storage
        self._dataset = dataset
        self.folder = folder
        self.files: list[LakeFile] = []
        self._named = False

    def write(self, dataset: Dataset, rows: Any, name: str, **settings: Any) -> None:  # noqa: ANN401
        """Sort rows into files, one for each partition."""
        self.files += _native.lake_write(
            dataset.schema,
            rows,
            self.folder,
            partition_by=dataset.partition_by,
            sort_by=dataset.sort_by,
            name=name,
            **settings,
        )

    def merge(self, dataset: Dataset, inputs: Sequence[Path], name: str, **settings: Any) -> None:  # noqa: ANN401
        """Merge sorted files of one partition."""
        self.files += _native.lake_merge(
            dataset.schema,
            inputs,
            self.folder,
            partition_by=dataset.partition_by,
            sort_by=dataset.sort_by,
            name=name,
            **settings,
        )

    def commit(self, table: Table, change: Change) -> int | None:
        """Bring the files to where the log says that they are, and commit them.

        Returns the version, or `None` if the commit was not made; see `Table.commit`.
        """
        if not self._storage.local:
            for file in self.files:
                self._storage.upload(self.folder / file.path, f"{self._dataset}/{file.path}")
        # From here on the log may name them: only a clear no, and no error, lets them go.
        self._named = True
        version = table.commit(replace(change, add=self.files))
        self._named = version is not None
        return version

    def discard(self) -> None:
        """Remove the files, unless a commit names them or might."""
        if not self._named:
            for file in self.files:
                with contextlib.suppress(Unavailable):
                    self._storage.delete(f"{self._dataset}/{file.path}")


@contextlib.contextmanager
def staged(storage: Storage, dataset: str) -> Iterator[Stage]:
    """A place for files that a commit is about to add. What no commit names is removed."""
    with contextlib.ExitStack() as stack:
        if storage.folder is not None:
            stage = Stage(storage, dataset, storage.folder / dataset)
        else:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rustonite-"))
            stage = Stage(storage, dataset, Path(folder))
        stack.callback(stage.discard)
        yield stage


def fit(table: Table, schema: Schema) -> None:
    """Give a table the columns that rows have and it does not.

    Raises:
        Invalid: a column has another type than in the table.
    """
    known = {column.name: column for column in table.dataset.schema.columns}
    for column in schema.columns:
        there = known.get(column.name)
        if there is not None and there.type != column.type:
            message = f"found {column.type}, expected {there.type}; a type cannot change"
            raise Invalid(f"{table.root}: column {column.name!r}: {message}")
    fresh = [column for column in schema.columns if column.name not in known]
    if fresh:
        table.add_columns(fresh)
