"""Values of Arrow columns, of any type that an engine returns, as JSON values and as text."""

from __future__ import annotations

import base64
import json
import math
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from rustonite_data.cli.output import decimal_text, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NS = 1_000_000_000
_UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": _NS}


def json_values(values: pa.Array) -> list[Any]:
    """What a column is in JSON.

    Times are ISO text in UTC with all their digits, decimals are text, bytes are base64, durations
    are ISO 8601, and NaN and infinite numbers are null.

    Example:
        >>> json_values(pa.array([1, None], pa.timestamp("ns")))
        ['1970-01-01T00:00:00.000000001Z', None]
    """
    if pa.types.is_floating(values.type):
        return [x if x is None or math.isfinite(x) else None for x in values.to_pylist()]
    return _python_values(values)


def cells(values: pa.Array) -> list[str]:
    """What a column is in a table; null is empty.

    Example:
        >>> cells(pa.array([[1.5], None, []]))
        ['[1.5]', '', '[]']
    """
    kind = values.type
    if pa.types.is_floating(kind):
        return ["" if value is None else repr(value) for value in values.to_pylist()]
    found = _python_values(values)
    return ["" if value is None else one_line(_text(value)) for value in found]


def csv_column(values: pa.Array) -> pa.Array:
    """A column that Arrow's CSV writer can write without losing anything."""
    kind = values.type
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return values
    if pa.types.is_timestamp(kind):
        # Without the zone: many readers would cut zoned times to microseconds.
        return _iso_texts(values, "")
    if pa.types.is_dictionary(kind) and pa.types.is_string(kind.value_type):
        return values.dictionary_decode()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_date(kind):
        return values
    found = _python_values(values)
    return pa.array([None if value is None else _text(value) for value in found], pa.string())


def is_number(kind: pa.DataType) -> bool:
    """Whether values go to the right of their column."""
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    return any(test(kind) for test in tests)


def _text(value: Any) -> str:  # noqa: ANN401 - of JSON
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _python_values(values: pa.Array) -> list[Any]:
    """As plain values; a number inside a list or struct is null if JSON has no word for it."""
    kind = values.type
    if isinstance(kind, pa.BaseExtensionType) or pa.types.is_dictionary(kind):
        inner = values.dictionary_decode() if pa.types.is_dictionary(kind) else values.storage
        return _python_values(inner)
    if pa.types.is_timestamp(kind):
        return _plain(_iso_texts(values))
    if pa.types.is_date(kind) or pa.types.is_time(kind):
        return _plain(values.cast(pa.string()))
    if pa.types.is_duration(kind):
        scale = _NS // _UNITS[kind.unit]
        return _each(values.cast(pa.int64()), lambda value: _duration(0, 0, value * scale))
    form = next((form for belongs, form in _FORMS if belongs(kind)), None)
    return _nested(values) if form is None else _each(values, form)


def _each(values: pa.Array, form: Callable[[Any], str]) -> list[str | None]:
    return [None if value is None else form(value) for value in values.to_pylist()]


def _nested(values: pa.Array) -> list[Any]:
    kind = values.type
    if pa.types.is_map(kind):
        item = pa.struct([pa.field("key", kind.key_type), pa.field("value", kind.item_type)])
        return _nested(values.cast(pa.list_(item)))
    if pa.types.is_struct(kind):
        parts = [json_values(part) for part in values.flatten()]
        names = [kind.field(position).name for position in range(kind.num_fields)]
        there = values.is_valid().to_pylist()
        rows = zip(*parts, strict=True) if parts else ((),) * len(values)
        return [dict(zip(names, row, strict=True)) if ok else None
                for ok, row in zip(there, rows, strict=True)]  # fmt: skip
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return list(_lists(values))
    return _plain(values)


def _lists(values: pa.Array) -> Iterator[list[Any] | None]:
    items = iter(json_values(values.flatten()))
    for length in _plain(pc.list_value_length(values)):
        yield None if length is None else [next(items) for _ in range(length)]


def _plain(values: pa.Array) -> list[Any]:
    found: list[Any] = values.to_pylist()
    return found


def _iso_texts(values: pa.Array, zone: str = "Z") -> pa.Array:
    """Times in UTC with as many digits as their unit has."""
    local = values.cast(pa.timestamp(values.type.unit))
    texts = pc.replace_substring(local.cast(pa.string()), " ", "T")
    return pc.binary_join_element_wise(texts, zone, "")


def _duration(months: int, days: int, nanoseconds: int) -> str:
    """A duration in the words of ISO 8601."""
    sign = "-" if nanoseconds < 0 else ""
    seconds, rest = divmod(abs(nanoseconds), _NS)
    fraction = f".{rest:09}".rstrip("0") if rest else ""
    parts = [f"{months}M" if months else "", f"{days}D" if days else ""]
    time = f"T{sign}{seconds}{fraction}S" if nanoseconds or not any(parts) else ""
    return "P" + "".join(parts) + time


_FORMS: list[tuple[Callable[[pa.DataType], bool], Callable[[Any], str]]] = [
    (pa.types.is_decimal, decimal_text),
    (pa.types.is_interval, lambda value: _duration(*value)),
    (lambda kind: "binary" in str(kind), lambda value: base64.b64encode(value).decode()),
]
