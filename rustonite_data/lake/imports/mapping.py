"""How columns of any table become those of a dataset, as the user maps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pyarrow as pa
import pyarrow.compute as pc

from rustonite_data.errors import Invalid
from rustonite_data.lake.imports import cells
from rustonite_data.lake.imports.cells import NS, UNITS, Kind
from rustonite_data.lake.imports.source import Shape

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rustonite_data._native import Column, Schema
    from rustonite_data.lake.imports.source import Request

_KEYS = {"column", "value", "unit", "zone", "words"}
# The end of a time with an offset from UTC: a bare date has digits after hyphens, too.
_OFFSET = r":\d\d(\.\d+)?\s*(Z|[+-]\d\d(:?\d\d)?)$"


@dataclass(frozen=True, slots=True)
class Taken:
    """A column of ours that is filled from a column of the file."""

    ours: str
    theirs: str
    kind: Kind
    required: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What every column of a dataset is filled with."""

    taken: list[Taken]
    constants: dict[str, Any]
    extra: list[str]
    """Columns of the file that are used for nothing."""
    schema: Schema

    def shape(self, extra: Mapping[str, pa.DataType]) -> Shape:
        """What the batches look like."""
        return Shape(self.schema, [*(t.ours for t in self.taken), *self.constants], extra)


def plan(request: Request, names: Sequence[str]) -> Plan:
    """Find a source for every column of the dataset that was asked for.

    Raises:
        Invalid: a column that must not be null has no source, or a mapping makes no sense.
    """
    if request.dataset is None:
        raise Invalid(
            f"{request.path}: the file does not tell what it holds; give a dataset (--dataset)"
        )
    schema = request.schema(str(request.dataset_name))
    given = {"venue": request.venue, "symbol": request.symbol}
    known = {column.name: column for column in schema.columns}
    if unknown := sorted(set(request.columns) - set(known)):
        raise Invalid(
            f"{request.path}: columns maps {unknown[0]!r}, which {schema.dataset} does not have"
        )
    types = pa.schema(schema)
    taken: list[Taken] = []
    constants: dict[str, Any] = {}
    for name, column in known.items():
        said = _said(request, name)
        if said is None and given.get(name) is not None:
            constants[name] = given[name]
        elif said is not None and "value" in said:
            constants[name] = _constant(request, column, types.field(name).type, said["value"])
        elif said is not None or name in names:
            theirs = name if said is None else said.get("column", name)
            if theirs not in names:
                raise Invalid(
                    f"{request.path}: column {theirs!r} is not there, found {', '.join(names)}"
                )
            kind = kind_of(request, column, types.field(name).type, said or {})
            taken.append(Taken(name, theirs, kind, required=not column.nullable))
        elif column.bitset == "flags":
            constants[name] = 0
        elif not column.nullable:
            raise Invalid(
                f"{request.path}: {schema.dataset} needs {name!r} and the file has no such column: "
                f"say which by columns={{{name!r}: ...}}; found {', '.join(names)}"
            )
    used = {column.theirs for column in taken}
    return Plan(taken, constants, [name for name in names if name not in used], schema)


def _said(request: Request, name: str) -> Mapping[str, Any] | None:
    """What the user says about one of our columns, always as a mapping."""
    said = request.columns.get(name)
    if said is None or isinstance(said, str):
        return None if said is None else {"column": said}
    if not isinstance(said, Mapping) or set(said) - _KEYS or {"column", "value"} <= set(said):
        raise Invalid(
            f"{request.path}: columns[{name!r}] is {said!r}, expected the name of a column, or a "
            f"mapping with {', '.join(sorted(_KEYS))}"
        )
    return said


def _constant(request: Request, column: Column, type_: pa.DataType, value: Any) -> Any:  # noqa: ANN401
    where = f"{request.path}: columns[{column.name!r}]"
    if value is None:
        if column.nullable:
            return None
        raise Invalid(f"{where}: no value, expected one, as the column must not be null")
    try:
        made = kind_of(request, column, type_, {}).convert(pa.array([value]))
    except (*cells.REFUSALS, Invalid, TypeError):
        raise Invalid(f"{where}: value {value!r}, expected {type_}") from None
    return pc.dictionary_decode(made)[0] if pa.types.is_dictionary(made.type) else made[0]


def kind_of(request: Request, column: Column, type_: pa.DataType, said: Mapping[str, Any]) -> Kind:
    """How cells become values of a column of ours."""
    if pa.types.is_timestamp(type_):
        return _time(request, column, said)
    wrong = {"unit", "zone"} & set(said)
    if wrong:
        raise Invalid(
            f"{request.path}: columns[{column.name!r}] has a {wrong.pop()}, but holds no time"
        )
    if pa.types.is_dictionary(type_):
        known = [word for word, _ in column.values] if column.vocabulary else None
        return _words(request, column, said.get("words"), known)
    if pa.types.is_floating(type_):
        return Kind(type_, "a decimal number", _as(cells.NUMBER.convert, type_), decimal=True)
    if pa.types.is_integer(type_):
        return Kind(type_, f"a whole number that fits {type_}", _as(cells.INTEGER.convert, type_))
    return Kind(type_, f"a value of {type_}", lambda values: pc.cast(values, type_))


def _as(convert: Callable[[pa.Array], pa.Array], type_: pa.DataType) -> Callable[..., pa.Array]:
    return lambda values: pc.cast(convert(values), type_)


def _words(
    request: Request,
    column: Column,
    meaning: Mapping[str, str] | None,
    known: Sequence[str] | None,
) -> Kind:
    """Words of the file, translated, and known ones where the column has a vocabulary."""
    if meaning is None:
        return cells.TEXT if known is None else cells.words({word: word for word in known})
    strange = sorted(set(meaning.values()) - set(known or meaning.values()))
    if strange:
        raise Invalid(
            f"{request.path}: columns[{column.name!r}]: words means {strange[0]!r}, "
            f"expected one of {', '.join(known or ())}"
        )
    return cells.words({str(key): value for key, value in meaning.items()}, pa.string())


def _time(request: Request, column: Column, said: Mapping[str, Any]) -> Kind:
    unit, zone = said.get("unit"), said.get("zone")
    where = f"{request.path}: columns[{column.name!r}]"
    if unit is not None and unit not in UNITS:
        raise Invalid(f"{where}: unit {unit!r}, expected one of {', '.join(UNITS)}")
    if zone is not None:
        try:
            ZoneInfo(zone)
        except (ValueError, OSError, ZoneInfoNotFoundError):
            raise Invalid(f"{where}: time zone {zone!r} is not known") from None
    expected = "an ISO 8601 time" if unit is None else f"a number of {unit} since 1970"
    if unit is None:
        expected += f" (of numbers, say the unit: columns={{{column.name!r}: {{'unit': ...}}}})"
    return Kind(NS, expected, lambda values: times(values, unit, zone))


def times(values: pa.Array, unit: str | None, zone: str | None) -> pa.Array:
    """Times of any sort as UTC nanoseconds.

    Args:
        values: Timestamps, ISO text, or numbers of `unit`, with decimals if they are text.
        unit: What numbers count since 1970.
        zone: Time zone of times that do not say theirs; otherwise they are UTC.

    Raises:
        pyarrow.ArrowInvalid: a cell is no time, is finer than nanoseconds, or falls into the hour
            that is skipped or repeated when clocks change.
    """
    if pa.types.is_null(values.type):
        return pc.cast(values, NS)
    if pa.types.is_timestamp(values.type):
        return _zoned(values, zone)
    if pa.types.is_date(values.type):
        return _zoned(pc.cast(values, pa.timestamp("ms")), zone)
    if unit is None:
        if not _is_text(values.type):
            raise pa.ArrowInvalid("numbers without a unit")
        return _iso(pc.cast(values, pa.string()), zone)
    if _is_text(values.type):
        places = {"s": 9, "ms": 6, "us": 3, "ns": 0}[unit]
        return pc.cast(cells.scaled(pc.cast(values, pa.string()), places, digits=19 + places), NS)
    counts = pc.cast(values, pa.int64())
    return pc.cast(pc.multiply_checked(counts, UNITS[unit]), NS)


def _is_text(type_: pa.DataType) -> bool:
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_))


def _iso(texts: pa.Array, zone: str | None) -> pa.Array:
    offset = pc.match_substring_regex(texts, _OFFSET)
    plain = _zoned(pc.cast(pc.if_else(offset, None, texts), NS), zone)
    if not pc.any(offset).as_py():
        return plain
    zoned = pc.cast(pc.if_else(offset, texts, None), pa.timestamp("ns", "UTC"))
    return pc.coalesce(plain, pc.cast(zoned, NS))


def _zoned(values: pa.Array, zone: str | None) -> pa.Array:
    fine = pc.cast(values, pa.timestamp("ns", values.type.tz))
    if zone is not None and values.type.tz is None:
        fine = pc.assume_timezone(fine, zone)
    return pc.cast(fine, NS)
