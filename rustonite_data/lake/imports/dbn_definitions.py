"""Definitions of instruments in DBN as rows of `instruments`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rustonite_data.lake.imports.arrays import looked_up
from rustonite_data.lake.imports.dbn_numbers import decimals, times

if TYPE_CHECKING:
    from rustonite_data.lake.imports.source import Columns

_KINDS = {
    b"B": "bond",
    b"C": "option",
    b"F": "future",
    b"I": "index",
    b"K": "stock",
    b"M": "combo",
    b"P": "option",
    b"S": "spread",
    b"T": "combo",
    b"X": "currency_pair",
    b"Y": "commodity",
}
_CONTRACTS = dict.fromkeys((b"C", b"F", b"M", b"P", b"S", b"T"), "linear")
_OPTIONS = {b"C": "call", b"P": "put"}
_DECIMAL = pa.decimal128(38, 18)
_COUNT_UNDEFINED = {np.iinfo(np.int32).max, np.iinfo(np.uint32).max}
_TEXTS = {
    "exchange": "exchange",
    "family": "asset",
    "quote": "currency",
    "settle": "settl_currency",
    "underlying": "underlying",
    "status_raw": "security_update_action",
}
_DECIMALS = {
    "tick_size": "min_price_increment",
    "price_min": "low_limit_price",
    "price_max": "high_limit_price",
}
_COUNTS = {"size_min": "min_trade_vol", "size_max": "max_trade_vol"}

INSTRUMENT = (
    *("ts_event", "ts_recv", "venue", "symbol", "flags", "kind", "contract", "venue_index"),
    *(
        "multiplier",
        "multiplier_asset",
        "strike",
        "option_kind",
        "ts_listed",
        "ts_expiry",
        "status",
    ),
    *(*_TEXTS, *_DECIMALS, *_COUNTS),
)
"""Columns of `instruments` that a definition fills."""


def definitions(rows: np.ndarray[Any, Any]) -> Columns:
    """The columns that come from the definition itself.

    Legs of combinations, tables of price steps and the styles of options are not in them.
    """
    classes = pa.array(rows["instrument_class"].astype("S1"), pa.binary())
    symbol = _texts(rows["raw_symbol"])
    unit = _texts(rows["unit_of_measure"])
    # An option has a strike; elsewhere the field is zero or undefined.
    option = looked_up(classes, _OPTIONS)
    gone = pc.equal(_texts(rows["security_update_action"]), "D")
    return {
        **{ours: _texts(rows[theirs]) for ours, theirs in _TEXTS.items()},
        **{ours: _above_zero(decimals(rows[theirs])) for ours, theirs in _DECIMALS.items()},
        **{ours: _counts(rows[theirs]) for ours, theirs in _COUNTS.items()},
        "symbol": symbol,
        "kind": pc.fill_null(looked_up(classes, _KINDS), "unknown"),
        "contract": looked_up(classes, _CONTRACTS),
        "venue_index": rows["instrument_id"].astype(np.int64),
        "multiplier": pc.fill_null(_above_zero(decimals(rows["unit_of_measure_qty"])), 1),
        # What counts itself, a share for instance, has no unit.
        "multiplier_asset": pc.coalesce(unit, symbol),
        "strike": pc.if_else(option.is_valid(), decimals(rows["strike_price"]), None),
        "option_kind": option,
        "ts_listed": times(rows["activation"]),
        "ts_expiry": times(rows["expiration"]),
        "status": pc.if_else(pc.fill_null(gone, False), "delisted", "unknown"),  # noqa: FBT003
    }


def _texts(column: np.ndarray[Any, Any]) -> pa.Array:
    """Text, null where empty."""
    texts = pa.array(np.char.decode(column.astype("S"), "utf-8"), pa.string())
    return pc.if_else(pc.equal(texts, ""), None, texts)


def _above_zero(values: pa.Array) -> pa.Array:
    zero = pa.scalar(0, _DECIMAL)
    return pc.if_else(pc.greater(values, zero), values, None)


def _counts(column: np.ndarray[Any, Any]) -> pa.Array:
    values = column.astype(np.int64)
    missing = np.isin(values, list(_COUNT_UNDEFINED)) | (values <= 0)
    return pc.cast(pa.array(values, mask=missing), _DECIMAL)
