"""Arrow data of any library as a table of pyarrow."""

from __future__ import annotations

from typing import Any

import pyarrow as pa


def table_of(rows: Any) -> pa.Table:  # noqa: ANN401 - whatever hands out an Arrow stream
    """The rows; `pa.table` would import pandas first, if it is there: longer than a query takes.

    Example:
        >>> table_of(pa.table({"a": [1, 2]}).to_reader())["a"].to_pylist()
        [1, 2]
    """
    return pa.RecordBatchReader.from_stream(rows).read_all()
