"""Numbers of DBN: prices in billionths, times in nanoseconds, each with a value that means none."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rustonite_data.lake.imports.cells import NS

UNDEFINED_PRICE = np.iinfo(np.int64).max
UNDEFINED_TIME = np.iinfo(np.uint64).max

_SCALE = 1_000_000_000
# Whole numbers up to here are exact as floats, so that one division rounds once.
_FLOAT_EXACT = 1 << 53
_DECIMAL = pa.decimal128(38, 18)
_BILLIONTH = pa.scalar(Decimal("1e-9"), pa.decimal128(9, 9))

Array = np.ndarray[Any, Any]


def prices(column: Array, absent: Array | None = None) -> pa.Array:
    """Prices as floats, correctly rounded; null where undefined, and where `absent` says."""
    values = column.astype(np.float64) / _SCALE
    undefined = column == UNDEFINED_PRICE
    large = np.flatnonzero((np.abs(column) > _FLOAT_EXACT) & ~undefined)
    values[large] = [float(f"{number}e-9") for number in column[large].tolist()]
    return pa.array(values, mask=undefined if absent is None else undefined | absent)


def decimals(column: Array) -> pa.Array:
    """Prices as exact decimals; null where undefined."""
    whole = pa.array(column.astype(np.int64), mask=column == UNDEFINED_PRICE)
    return pc.cast(pc.multiply(pc.cast(whole, pa.decimal128(19, 0)), _BILLIONTH), _DECIMAL)


def times(column: Array) -> pa.Array:
    """Times; null where undefined."""
    return pa.array(column.astype(np.int64), NS, mask=column == UNDEFINED_TIME)
