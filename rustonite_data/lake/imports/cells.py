"""Kinds of cells: how text or a typed column becomes a column of ours, and which cells cannot.

A kind converts whole columns. When one refuses, the cells that are to blame are found by halving
the column, so that good data pays nothing for exact error messages.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

NS = pa.timestamp("ns")
UNITS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
"""Nanoseconds of the units that whole numbers count time in."""

REFUSALS = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError)
"""What Arrow raises for cells that it cannot convert."""

_UNIT_NAMES = {"ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
_DIGITS_EXACT = 15
# From 2009, before which there was no crypto market and few venues kept time to the microsecond.
_NS_MIN, _NS_MAX = 1_230_768_000_000_000_000, 4_102_444_800_000_000_000


@dataclass(frozen=True, slots=True)
class Kind:
    """How a column is converted."""

    type: pa.DataType
    """Type of the result."""
    expected: str
    """What a cell must be, in words."""
    convert: Callable[[pa.Array], pa.Array]
    """Converts a column; null stays null. `pa.ArrowInvalid` if any cell is not as expected."""
    decimal: bool = False
    """Whether cells are decimals whose digits may be lost in the result."""


def bad_cells(kind: Kind, column: pa.Array) -> Iterator[int]:
    """Positions of the cells that a kind refuses, in order."""
    spans = [(0, len(column))]
    while spans:
        first, count = spans.pop()
        try:
            kind.convert(column.slice(first, count))
        except REFUSALS:
            if count == 1:
                yield first
            else:
                half = count // 2
                spans += [(first + half, count - half), (first, half)]


def inexact(texts: pa.Array, numbers: pa.Array) -> np.ndarray[Any, Any] | None:
    """Which decimals are not printed back by the number they became; `None` if all are."""
    # Fifteen digits always survive, so that nearly every column is done after this line.
    longest = pc.max(pc.binary_length(texts)).as_py()
    if longest is None or longest <= _DIGITS_EXACT:
        return None
    long = pc.greater(pc.binary_length(texts), _DIGITS_EXACT)
    rows = np.flatnonzero(pc.fill_null(long, False).to_numpy(zero_copy_only=False))  # noqa: FBT003
    found = np.zeros(len(texts), bool)
    taken = zip(rows, texts.take(rows).to_pylist(), numbers.take(rows).to_pylist(), strict=True)
    for row, text, number in taken:
        found[row] = Decimal(text) != Decimal(repr(number))
    return found if found.any() else None


def _require(condition: pa.Array) -> None:
    """Refuse the column unless the condition holds wherever it is not null."""
    if pc.all(condition).as_py() is False:
        raise pa.ArrowInvalid("a cell is not as expected")


def _number(column: pa.Array) -> pa.Array:
    numbers = pc.cast(column, pa.float64())
    _require(pc.is_finite(numbers))
    return numbers


def _digits(column: pa.Array) -> pa.Array:
    """Whole numbers without a sign; Arrow alone would take hexadecimal ones, too."""
    _require(pc.ascii_is_decimal(column))
    return pc.cast(column, pa.int64())


def _integers(column: pa.Array) -> pa.Array:
    if pa.types.is_string(column.type):
        _require(pc.match_substring_regex(column, "^-?[0-9]+$"))
    return pc.cast(column, pa.int64())


TEXT = Kind(pa.string(), "UTF-8 text", lambda column: pc.cast(column, pa.string()))
NUMBER = Kind(pa.float64(), "a decimal number", _number, decimal=True)
COUNT = Kind(pa.int64(), "a whole number, not negative", _digits)
INTEGER = Kind(pa.int64(), "a whole number", _integers)


def shifted(places: int) -> Kind:
    """Decimals of which `places` digits move behind the point, correctly rounded."""

    def convert(column: pa.Array) -> pa.Array:
        _number(column)
        # Dividing the float would round twice.
        return _number(pc.binary_join_element_wise(column, f"e-{places}", ""))

    return Kind(pa.float64(), "a decimal number", convert)


def epoch(*units: str) -> Kind:
    """Whole numbers since 1970; with several units, the one that gives a sensible date."""

    def convert(column: pa.Array) -> pa.Array:
        counts = _digits(column)
        found = [_between(counts, UNITS[unit]) for unit in units]
        _require(reduce(pc.or_, found))
        # One multiplication in nearly every file: they do not mix units.
        times = [
            pc.multiply(counts, pc.if_else(fits, UNITS[unit], 0))
            for unit, fits in zip(units, found, strict=True)
            if len(units) == 1 or pc.any(fits).as_py()
        ]
        return pc.cast(reduce(pc.add, times) if times else counts, NS)

    names = " or ".join(_UNIT_NAMES[unit] for unit in units)
    return Kind(NS, f"{names} since 1970, of a day from 2009 to 2099", convert)


def _between(counts: pa.Array, factor: int) -> pa.Array:
    low, high = _NS_MIN // factor, _NS_MAX // factor
    return pc.and_(pc.greater_equal(counts, low), pc.less(counts, high))


def seconds(after_ns: int) -> Kind:
    """Seconds with up to nine decimals after a moment."""

    def convert(column: pa.Array) -> pa.Array:
        return pc.cast(pc.add(scaled(column, 9), after_ns), NS)

    return Kind(NS, "seconds after midnight with up to nine decimals", convert)


def scaled(column: pa.Array, places: int, digits: int = 18) -> pa.Array:
    """Decimals as whole numbers of 10 to the minus `places`; refuses what would be rounded."""
    exact = pc.cast(column, pa.decimal128(digits, places))
    if not len(exact):
        return pa.array([], pa.int64())
    # A decimal is stored as a number of its last digit: two words, the low one first.
    words = np.frombuffer(exact.buffers()[1], np.int64).reshape(-1, 2)
    low, high = words[exact.offset : exact.offset + len(exact)].T
    missing = exact.is_null().to_numpy(zero_copy_only=False)
    if ((high != low >> 63) & ~missing).any():
        raise pa.ArrowInvalid("a number is too large")
    return pa.array(low, mask=missing)


def words(meaning: Mapping[str, Any], type_: pa.DataType | None = None) -> Kind:
    """Words, each of which means one of ours."""
    known = pa.array(list(meaning))
    ours = pa.array(list(meaning.values()), type_)
    distinct = pc.unique(ours)
    codes = pc.index_in(ours, distinct)

    def convert(column: pa.Array) -> pa.Array:
        found = pc.index_in(column, known)
        _require(pc.or_(found.is_valid(), column.is_null()))
        taken = codes.take(found)
        if pa.types.is_string(distinct.type):
            return pa.DictionaryArray.from_arrays(taken, distinct)
        return distinct.take(taken)

    return Kind(ours.type, "one of " + ", ".join(meaning), convert)


def any_of(flags: Sequence[np.ndarray[Any, Any] | None]) -> np.ndarray[Any, Any] | None:
    """Rows that any of the masks marks."""
    given = [flag for flag in flags if flag is not None]
    return reduce(operator.or_, given) if given else None
