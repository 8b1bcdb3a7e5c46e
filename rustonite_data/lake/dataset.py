"""What a dataset of a lake is: columns, partitions, order; and how Delta and Arrow spell that."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from deltalake import Field as DeltaField
from deltalake import Schema as DeltaSchema

from rustonite_data import schemas
from rustonite_data._native import Column, Schema
from rustonite_data.errors import Corrupt, Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DATE = "date"
"""The partition column that is made from the time column."""

# Columns that name what a row of our own datasets is about, beside the market.
_NAMES = ("account", "symbol", "asset", "position_side")

_CONFIGURATION = "rustonite.dataset"
_TYPE = "rustonite.type"
_FORMAT = 1

# Our type, Delta's, Arrow's.
_TYPES = {
    "int8": ("byte", pa.int8()),
    "int16": ("short", pa.int16()),
    "int32": ("integer", pa.int32()),
    "int64": ("long", pa.int64()),
    "float32": ("float", pa.float32()),
    "float64": ("double", pa.float64()),
    "timestamp[ns]": ("timestamp_nanos_ntz", pa.timestamp("ns")),
    "date32": ("date", pa.date32()),
    "utf8": ("string", pa.string()),
    "binary": ("binary", pa.binary()),
}
_KEYS = {
    "dictionary<int8>": pa.int8(),
    "dictionary<int16>": pa.int16(),
    "dictionary<int32>": pa.int32(),
}
_DECIMAL = re.compile(r"decimal128\((\d+), ?(\d+)\)")
_FIXED = re.compile(r"fixed_size_binary\((\d+)\)")


@dataclass(frozen=True)
class Dataset:
    """A dataset: the columns as tapes have them, and how the lake lays their rows out."""

    schema: Schema
    partition_by: tuple[str, ...]
    sort_by: tuple[str, ...]

    @classmethod
    def of(
        cls,
        schema: Schema,
        partition_by: Sequence[str] | None = None,
        sort_by: Sequence[str] | None = None,
    ) -> Dataset:
        """A dataset of a schema; by venue and date, and in the order that the schema says."""
        columns = [column.name for column in schema.columns]
        if partition_by is None:
            usual = {"venue": "venue" in columns, DATE: schema.time is not None or DATE in columns}
            partition_by = [name for name, there in usual.items() if there]
        dataset = cls(schema, tuple(partition_by), tuple(sort_by or schema.sort))
        dataset._check(columns)
        return dataset

    def _check(self, columns: Sequence[str]) -> None:
        made = [DATE] if self.schema.time is not None else []
        for what, names, known in (
            ("partition_by", self.partition_by, [*columns, *made]),
            ("sort_by", self.sort_by, columns),
        ):
            for name in names:
                if name not in known:
                    expected = ", ".join(known)
                    hint = " (a date needs a time column)" if name == DATE else ""
                    message = f"{what}: found {name!r}, expected one of {expected}{hint}"
                    raise Invalid(f"dataset {self.name}: {message}")
            if len(set(names)) != len(names):
                raise Invalid(f"dataset {self.name}: {what}: {list(names)} names a column twice")
        kinds = {column.name: column.type for column in self.schema.columns}
        for name in self.partition_by:
            kind = kinds.get(name, "date32")
            if not kind.startswith(("dictionary", "utf8", "int", "date32")):
                message = f"partition_by: {name!r} is {kind}, expected text, a whole number or date"
                raise Invalid(f"dataset {self.name}: {message}")

    @property
    def name(self) -> str:
        """Name of the dataset and of its folder in the lake."""
        return self.schema.dataset

    @property
    def time(self) -> str | None:
        """The column that dates and time ranges go by."""
        return self.schema.time

    @property
    def arrival(self) -> str | None:
        """The column that says which row is newer."""
        names = {column.name for column in self.schema.columns}
        return "ts_recv" if "ts_recv" in names else self.time

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that name an instrument, or whatever a row is the newest state of."""
        kinds = {column.name: column.type for column in self.schema.columns}
        key = [name for name in self.partition_by if name != DATE]
        for name in self.sort_by:
            if kinds[name].startswith("timestamp"):
                break
            if kinds[name].startswith(("dictionary", "utf8")):
                key.append(name)
        key += [name for name in _NAMES if name in kinds]
        return tuple(dict.fromkeys(key))

    @property
    def has_date(self) -> bool:
        """Whether files have a date column that the tapes do not have."""
        return DATE in self.partition_by and all(c.name != DATE for c in self.schema.columns)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of a file."""
        names = [column.name for column in self.schema.columns]
        return (*names, DATE) if self.has_date else tuple(names)

    def file_schema(self) -> pa.Schema:
        """The columns of a file: texts where tapes have codes, and the date."""
        fields = [
            pa.field(column.name, file_type(column.type), column.nullable)
            for column in self.schema.columns
        ]
        if self.has_date:
            fields.append(pa.field(DATE, pa.date32()))
        return pa.schema(fields)

    def to_delta(self) -> DeltaSchema:
        """The schema of the Delta table. Our own types are noted beside Delta's."""
        return DeltaSchema([delta_field(column) for column in self._file_columns()])

    def _file_columns(self) -> list[Column]:
        columns = list(self.schema.columns)
        if self.has_date:
            columns += Schema.from_arrow("x", pa.schema([pa.field(DATE, pa.date32())])).columns
        return columns

    def configuration(self) -> dict[str, str]:
        """What the Delta table keeps of us besides columns and partitions."""
        facts = {
            "format": _FORMAT,
            "version": self.schema.version,
            "time": self.time,
            "sort_by": list(self.sort_by),
        }
        return {_CONFIGURATION: json.dumps(facts)}

    @classmethod
    def from_delta(
        cls,
        where: str,
        delta: DeltaSchema,
        partition_by: Sequence[str],
        configuration: Mapping[str, str | None],
    ) -> Dataset:
        """The dataset that a Delta table holds.

        Raises:
            Invalid: the table is not ours, or was made by a newer rustonite.
        """
        text = configuration.get(_CONFIGURATION)
        if text is None:
            raise Invalid(f"{where}: a Delta table without {_CONFIGURATION}, so not one of ours")
        try:
            facts = json.loads(text)
            form = int(facts["format"])
        except (ValueError, KeyError, TypeError) as error:
            raise Corrupt(f"{where}: {_CONFIGURATION} is {text!r}, expected JSON") from error
        if form > _FORMAT:
            message = f"format {form} of a newer rustonite, expected at most {_FORMAT}"
            raise Invalid(f"{where}: {message}")
        dataset = where.rstrip("/").rpartition("/")[2]
        fields = [field for field in delta.fields if _TYPE in field.metadata]
        arrow = pa.schema([_arrow_field(where, field) for field in fields])
        embedded = _embedded(dataset, arrow)
        version, time, sort = facts["version"], facts["time"], facts["sort_by"]
        schema = embedded or Schema.from_arrow(
            dataset, arrow, version=version, time=time, sort=sort
        )
        return cls(schema, tuple(partition_by), tuple(sort))


def _embedded(dataset: str, arrow: pa.Schema) -> Schema | None:
    """Our own schema of that name, if it has exactly these columns."""
    if dataset not in schemas.names():
        return None
    newest = schemas.get(dataset)
    for version in range(newest.version, 0, -1):
        schema = newest.at_version(version)
        if pa.schema(schema).equals(arrow):
            return schema
    return None


def delta_field(column: Column) -> DeltaField:
    """A column of a Delta table."""
    metadata = {_TYPE: column.type}
    kind = _delta_type(column.type)
    spelled = {"name": column.name, "type": kind, "nullable": column.nullable, "metadata": metadata}
    # A date is made by the lake: tapes do not have it.
    if column.name == DATE and column.type == "date32" and column.nullable:
        spelled["metadata"] = {}
    return DeltaField.from_json(json.dumps(spelled))


def _delta_type(kind: str) -> Any:  # noqa: ANN401 - JSON
    if kind in _TYPES:
        return _TYPES[kind][0]
    if kind in _KEYS:
        return "string"
    if found := _DECIMAL.fullmatch(kind):
        return f"decimal({found[1]},{found[2]})"
    if _FIXED.fullmatch(kind):
        return "binary"
    item = kind.removeprefix("list<").removesuffix(">")
    return {"type": "array", "elementType": _delta_type(item), "containsNull": False}


def file_type(kind: str) -> pa.DataType:
    """The Arrow type that a column has in files."""
    return pa.string() if kind in _KEYS else arrow_type(kind)


def arrow_type(kind: str) -> pa.DataType:
    """The Arrow type that a column has in tapes."""
    if kind in _TYPES:
        return _TYPES[kind][1]
    if kind in _KEYS:
        return pa.dictionary(_KEYS[kind], pa.string())
    if found := _DECIMAL.fullmatch(kind):
        return pa.decimal128(int(found[1]), int(found[2]))
    if found := _FIXED.fullmatch(kind):
        return pa.binary(int(found[1]))
    if kind.startswith("list<"):
        item = kind.removeprefix("list<").removesuffix(">")
        return pa.list_(pa.field("item", arrow_type(item), nullable=False))
    raise Invalid(f"type {kind!r}: not known")


def _arrow_field(where: str, field: DeltaField) -> pa.Field:
    try:
        return pa.field(field.name, arrow_type(field.metadata[_TYPE]), field.nullable)
    except Invalid as error:
        raise Corrupt(f"{where}: column {field.name}: {error}") from None
