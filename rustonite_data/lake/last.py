"""The newest row of every instrument, kept beside the table so that asking is a lookup.

`_last/rows.arrow` in the table's folder holds the rows and the version that they belong to. It is a
cache: whoever commits brings it up to date, whoever finds it old reads the commits since then, and
whoever finds none makes it from the files. Losing it, or two writers racing for it, harms nothing.
"""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rustonite_data import _native
from rustonite_data.errors import NotFound, RustoniteError
from rustonite_data.lake.streams import table_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rustonite_data.lake.dataset import Dataset
    from rustonite_data.lake.table import Table

_VERSION = b"rustonite.table_version"
_COMMITS_MAX = 200


def newest(table: Table, fresh: tuple[int, Sequence[Any]] | None = None) -> pa.Table:
    """The newest row of each instrument in the files of a table, at the version it has seen.

    `fresh` is a commit and the rows that it has added, if somebody still has them.
    """
    kept = _read(table)
    if kept is not None and kept[0] == table.version:
        return kept[1]
    if kept is not None and fresh is not None and kept[0] + 1 == fresh[0] == table.version:
        return of_rows(table.dataset, iter([kept[1], *fresh[1]]))
    if kept is not None:
        paths = _files_since(table, kept[0])
        if paths is not None:
            return merge(table.dataset, [kept[1], _of_files(table, paths)])
    return _of_files(table, [file.path for file in table.files()])


def remember(table: Table, fresh: tuple[int, Sequence[Any]] | None = None) -> None:
    """Keep the newest rows for those who ask next. A failure costs them time, nothing else."""
    with contextlib.suppress(RustoniteError):
        table.refresh()
        rows = newest(table, fresh)
        rows = rows.replace_schema_metadata({_VERSION: str(table.version).encode()})
        buffer = io.BytesIO()
        with pa.ipc.new_file(buffer, rows.schema) as out:
            out.write_table(rows)
        table.storage.replace(_place(table), buffer.getvalue())


def of_rows(dataset: Dataset, rows: Any) -> pa.Table:  # noqa: ANN401 - Arrow data or files
    """The newest row of each instrument; of equal times the later row wins."""
    if not dataset.key or dataset.arrival is None:
        return dataset.file_schema().empty_table()
    found = _native.lake_last(
        dataset.schema,
        rows,
        partition_by=dataset.partition_by,
        sort_by=dataset.sort_by,
        key=dataset.key,
        dictionaries=False,
    )
    return table_of(found).select(list(dataset.columns)).cast(dataset.file_schema())


def merge(dataset: Dataset, parts: Sequence[pa.Table]) -> pa.Table:
    """The newest row of each instrument in what `newest` and `of_rows` gave."""
    parts = [part for part in parts if part.num_rows]
    if len(parts) < 2:  # noqa: PLR2004 - nothing to merge
        return parts[0] if parts else dataset.file_schema().empty_table()
    return of_rows(dataset, pa.concat_tables(parts))


def _of_files(table: Table, paths: Sequence[str]) -> pa.Table:
    if not paths:
        return table.dataset.file_schema().empty_table()
    with table.at_hand(paths) as files:
        return of_rows(table.dataset, files)


def _place(table: Table) -> str:
    return f"{table.name}/_last/rows.arrow"


def _read(table: Table) -> tuple[int, pa.Table] | None:
    """What somebody kept, unless it is of a later version than ours, or not readable."""
    try:
        data = table.storage.read(_place(table))
        rows = pa.ipc.open_file(data).read_all()
        version = int(rows.schema.metadata[_VERSION])
    except (RustoniteError, pa.ArrowException, KeyError, ValueError, TypeError):
        return None
    wide_enough = rows.schema.names == list(table.dataset.columns)
    return (version, rows) if version <= table.version and wide_enough else None


def _files_since(table: Table, version: int) -> list[str] | None:
    """Files with new rows since a version; `None` if rows were removed, too, or nobody knows."""
    if table.version - version > _COMMITS_MAX:
        return None
    live = {file.path for file in table.files()}
    fresh: list[str] = []
    for number in range(version + 1, table.version + 1):
        try:
            actions = table.actions(number)
        except NotFound:
            return None
        for kind, action in actions:
            if kind == "remove" and action["dataChange"]:
                return None
            if kind == "add" and action["dataChange"]:
                fresh.append(action["path"])
    # A file that was compacted since may be gone; its rows are somewhere in the others.
    return fresh if all(path in live for path in fresh) else None
