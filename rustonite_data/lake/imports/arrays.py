"""Small computations on columns that several formats need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Mask = np.ndarray[Any, np.dtype[np.bool_]]


def changes(*columns: pa.Array) -> Mask:
    """Rows where any of the columns differs from the row before; the first row does."""
    found = np.ones(len(columns[0]), bool)
    if len(found) > 1:
        found[1:] = False
        for column in columns:
            differs = pc.not_equal(column.slice(1), column.slice(0, len(found) - 1))
            found[1:] |= differs.to_numpy(zero_copy_only=False)
    return found


def last_of(starts: Mask) -> Mask:
    """The last row of each run, from the first rows of the runs."""
    return np.append(starts[1:], True)


def place_in(starts: Mask) -> np.ndarray[Any, Any]:
    """Place of each row in its run, from 0."""
    rows = np.arange(len(starts))
    return rows - np.maximum.accumulate(np.where(starts, rows, 0))


def numpy(column: pa.Array) -> np.ndarray[Any, Any]:
    """A column as numpy array; null numbers become NaN."""
    values: np.ndarray[Any, Any] = column.to_numpy(zero_copy_only=False)
    return values


def ragged(levels: Sequence[Any], present: Sequence[Any]) -> pa.ListArray:
    """One list per row out of one column per level, without the levels that are not present.

    A level of `present` is a mask, or a column of which NaN or null rows are not present.
    """
    values = np.column_stack([_plain(level) for level in levels])
    masks = [_plain(level) for level in present]
    there = np.column_stack([m if m.dtype == bool else ~np.isnan(m) for m in masks])
    ends = np.cumsum(there.sum(axis=1))
    offsets = np.concatenate([[0], ends]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values[there]))


def _plain(column: Any) -> np.ndarray[Any, Any]:  # noqa: ANN401 - of Arrow or numpy
    return column if isinstance(column, np.ndarray) else numpy(column)


def looked_up(keys: pa.Array, table: Mapping[Any, Any]) -> pa.Array:
    """What a table has for each key; null where it has none."""
    return pa.array(list(table.values())).take(pc.index_in(keys, pa.array(list(table))))
