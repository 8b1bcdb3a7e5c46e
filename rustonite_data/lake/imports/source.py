"""What every importer is made of: the request, the rows it yields, and their columns."""

from __future__ import annotations

import importlib
from abc import abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rustonite_data import schemas
from rustonite_data._native import Schema
from rustonite_data.closing import Closing
from rustonite_data.errors import Conflict, Internal, Invalid, Unavailable
from rustonite_data.lake.imports.rejects import Rejects

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

Extra = Literal["fail", "drop", "keep"]
Columns = dict[str, Any]
"""Columns of ours by name: Arrow arrays, or one value for all rows."""

FLAGS = {word: 1 << bit for bit, (word, _) in enumerate(schemas.get("trades").columns[-1].values)}
"""The bits of the column `flags`."""


def needed(module: str, package: str, what: str) -> Any:  # noqa: ANN401 - a module
    """Import a package that only one format needs."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise Unavailable(
            f"reading {what} files needs the package {package}: pip install 'rustonite[imports]'"
        ) from error


@dataclass(frozen=True)
class Request:
    """What `open_source` was asked for."""

    path: Path
    dataset: str | Schema | None = None
    venue: str | None = None
    symbol: str | None = None
    columns: Mapping[str, Any] = field(default_factory=dict)
    extra: Extra = "fail"
    rejects: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def dataset_name(self) -> str | None:
        """Name of the dataset that was asked for."""
        return self.dataset.dataset if isinstance(self.dataset, Schema) else self.dataset

    def schema(self, dataset: str) -> Schema:
        """The schema of a dataset: the one that was given, or a built-in one."""
        if isinstance(self.dataset, Schema) and self.dataset.dataset == dataset:
            return self.dataset
        return schemas.get(dataset)

    def choose(self, datasets: Sequence[str]) -> tuple[str, ...]:
        """Those datasets of a format that are wanted."""
        wanted = self.dataset_name
        if wanted is None:
            return tuple(datasets)
        if wanted not in datasets:
            raise Invalid(
                f"{self.path}: dataset {wanted!r} is not in this file, expected one of "
                + ", ".join(datasets)
            )
        return (wanted,)

    def need(self, name: Literal["venue", "symbol"], why: str) -> str:
        """A setting that the file does not tell."""
        value = self.venue if name == "venue" else self.symbol
        if not value:
            raise Invalid(f"{self.path}: {name} is needed: {why}")
        return value

    def take(self, **defaults: Any) -> dict[str, Any]:  # noqa: ANN401 - options are of any type
        """The options, checked to be known ones."""
        if unknown := sorted(set(self.options) - set(defaults)):
            known = ", ".join(sorted(defaults)) or "none"
            raise Invalid(f"{self.path}: option {unknown[0]!r} is not known, expected {known}")
        return defaults | dict(self.options)

    def refuse_extra(self, names: Sequence[str]) -> None:
        """Refuse columns that have no place, unless something else was asked for."""
        if names and self.extra == "fail":
            raise Invalid(
                f"{self.path}: column {names[0]!r} has no place in the dataset; "
                "drop or keep such columns by extra='drop' or extra='keep'"
            )

    def without_columns(self, format_: str) -> None:
        """Refuse a mapping of columns where the format fixes them."""
        if self.columns:
            raise Invalid(f"{self.path}: columns of format {format_!r} are fixed, not for mapping")


class Shape:
    """Columns and types of the batches of one dataset, the same for all batches of a source."""

    def __init__(
        self, schema: Schema, columns: Iterable[str], extra: Mapping[str, pa.DataType] | None = None
    ) -> None:
        """`columns` of the schema that the source fills; `extra` ones come after them."""
        filled = set(columns)
        fields = [column for column in pa.schema(schema) if column.name in filled]
        if clash := sorted(set(extra or ()) & {column.name for column in pa.schema(schema)}):
            raise Conflict(f"extra column {clash[0]!r} has the name of a column of the dataset")
        self.dataset = schema.dataset
        self.schema = schema
        self.arrow = pa.schema([*fields, *(pa.field(*item) for item in (extra or {}).items())])

    def batch(self, columns: Columns, count: int) -> pa.RecordBatch:
        """A batch from its columns."""
        arrays = [_fit(columns[column.name], column, count) for column in self.arrow]
        return pa.RecordBatch.from_arrays(arrays, schema=self.arrow)


def _fit(column: Any, wanted: pa.Field, count: int) -> pa.Array:  # noqa: ANN401 - array or value
    if not isinstance(column, (pa.Array, np.ndarray)):
        column = _same(column, wanted.type, count)
    made = pa.array(column) if isinstance(column, np.ndarray) else column
    if made.type != wanted.type:
        made = _encode(made, wanted.type)
    if len(made) != count or (made.null_count and not wanted.nullable):
        raise Internal(
            f"column {wanted.name!r} has {len(made)} rows, {made.null_count} of them null"
        )
    return made


def _encode(column: pa.Array, wanted: pa.DataType) -> pa.Array:
    if not pa.types.is_dictionary(wanted):
        return pc.cast(column, wanted)
    if not pa.types.is_dictionary(column.type):
        column = pc.dictionary_encode(column)
    codes, values = column.indices, column.dictionary
    return pa.DictionaryArray.from_arrays(
        pc.cast(codes, wanted.index_type), pc.cast(values, wanted.value_type)
    )


def _same(value: Any, wanted: pa.DataType, count: int) -> pa.Array:  # noqa: ANN401 - any value
    if value is None:
        return pa.nulls(count, wanted)
    if pa.types.is_dictionary(wanted):
        codes = pa.array(np.zeros(count, np.int8))
        return pa.DictionaryArray.from_arrays(codes, pa.array([value], wanted.value_type))
    return pa.repeat(pa.scalar(value, wanted), count)


class Source(Closing):
    """A file as a stream of Arrow record batches for one or several datasets. Read it once.

    Use it as a context manager, or call `close`. Memory stays within a few blocks of the file,
    but for Excel, whose sheets are read whole.
    """

    format: str
    """Name of the format."""

    place = "line"
    """What rows are counted in when one is bad."""

    def __init__(self, request: Request) -> None:
        """Open the file; see `open_source`."""
        self._request = request
        self._rejects = Rejects(request.path, request.rejects, self.place)
        self._started = False
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    @abstractmethod
    def _prepare(self) -> None:
        """Open the file and read what tells its columns."""

    @property
    def path(self) -> Path:
        """The file."""
        return self._request.path

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """What the batches of each dataset look like."""
        return {shape.dataset: shape for shape in self._shapes()}

    @property
    def datasets(self) -> tuple[str, ...]:
        """The datasets that batches come for."""
        return tuple(self.shapes)

    def schema(self, dataset: str) -> Schema:
        """The whole schema of a dataset, of which batches may lack columns that may be null."""
        return self.shapes[dataset].schema

    def arrow_schema(self, dataset: str) -> pa.Schema:
        """What every batch of a dataset looks like."""
        return self.shapes[dataset].arrow

    @property
    def extra_columns(self) -> dict[str, pa.DataType]:
        """Columns that the dataset does not have, and that are in the batches all the same."""
        return {}

    @property
    def rejected(self) -> int:
        """Rows that went to the file of rejects so far."""
        return self._rejects.count

    @property
    @abstractmethod
    def bytes_total(self) -> int:
        """Size of the file."""

    @property
    @abstractmethod
    def bytes_done(self) -> int:
        """How much of it was read so far, compressed as it lies on disk."""

    @abstractmethod
    def _shapes(self) -> Iterable[Shape]:
        """What the batches of each wanted dataset look like."""

    @abstractmethod
    def _batches(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        """The batches of all datasets of the format."""

    def batches(self) -> Generator[tuple[str, pa.RecordBatch]]:
        """Names of datasets, each with some rows for it, in the order of the file.

        Raises:
            Invalid: a line is bad and there is no file of rejects; nothing is wrong with the
                batches before it.
            Corrupt: the file is cut off or damaged.
            Conflict: the file for rejects exists. It stays only if all rows were read.
        """
        if self._started:
            raise Invalid(f"{self.path}: was read already, open it again")
        self._started = True
        try:
            _ = self.shapes  # what cannot be imported is an error before anything is read
            self._rejects.check()
            for dataset, batch in self._batches():
                if batch.num_rows:
                    yield dataset, batch
        except BaseException:
            self._rejects.discard()
            raise
        finally:
            self.close()

    @abstractmethod
    def _close(self) -> None:
        """Close what `_prepare` opened, even if it stopped halfway."""

    def close(self) -> None:
        """Close the file and the rejects. Harmless when they are closed already."""
        self._close()
        self._rejects.close()
