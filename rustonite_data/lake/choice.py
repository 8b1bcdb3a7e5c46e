"""Which rows a caller wants, said with plain arguments instead of SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rustonite_data.errors import Invalid
from rustonite_data.lake import prune
from rustonite_data.lake.params import nanoseconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rustonite_data.lake.dataset import Dataset
    from rustonite_data.lake.prune import Predicate


@dataclass(frozen=True)
class Choice:
    """Instruments, a span of time and columns; what is `None` is not limited."""

    symbols: tuple[str, ...] | None = None
    venues: tuple[str, ...] | None = None
    start_ns: int | None = None
    """Inclusive."""
    end_ns: int | None = None
    """Exclusive."""
    columns: tuple[str, ...] | None = None
    time: str | None = None
    """The column that the span is of; by default the dataset's own."""

    @classmethod
    def of(  # noqa: PLR0913 - everything by keyword
        cls,
        dataset: Dataset,
        *,
        symbols: str | Sequence[str] | None = None,
        venues: str | Sequence[str] | None = None,
        start: Any = None,  # noqa: ANN401 - any way to write a moment
        end: Any = None,  # noqa: ANN401 - any way to write a moment
        columns: Sequence[str] | None = None,
        time: str | None = None,
    ) -> Choice:
        """Check what a caller asks for.

        Raises:
            Invalid: a column that the dataset does not have, or something that is no time.
        """
        choice = cls(
            names_of("symbols", symbols),
            names_of("venues", venues),
            nanoseconds("start", start),
            nanoseconds("end", end),
            names_of("columns", columns),
            time,
        )
        choice._check(dataset)
        return choice

    def _check(self, dataset: Dataset) -> None:
        known = {column.name: column.type for column in dataset.schema.columns}
        if self.columns is not None and not self.columns:
            raise Invalid("columns: found none, expected at least one")
        for name in self.columns or ():
            if name not in dataset.columns:
                expected = ", ".join(dataset.columns)
                message = f"found {name!r}, expected one of {expected}"
                raise Invalid(f"dataset {dataset.name}: columns: {message}")
        for name, asked in (("symbol", self.symbols), ("venue", self.venues)):
            if asked is not None and name not in known:
                raise Invalid(f"dataset {dataset.name}: has no column {name} to choose {name}s by")
        if (self.start_ns, self.end_ns, self.time) == (None, None, None):
            return
        time = self.time or dataset.time
        if time is None or known.get(time) != "timestamp[ns]":
            times = [name for name, kind in known.items() if kind == "timestamp[ns]"]
            message = f"time: found {time!r}, expected one of {', '.join(times) or 'none'}"
            raise Invalid(f"dataset {dataset.name}: {message}")

    def tests(self, dataset: Dataset) -> list[tuple[str, str, Any]]:
        """What each row has to fulfil: (column, `in`, texts), (time, `>=` or `<`, nanoseconds)."""
        time = str(self.time or dataset.time)
        asked: list[tuple[str, str, Any]] = [
            ("venue", "in", self.venues),
            ("symbol", "in", self.symbols),
            (time, ">=", self.start_ns),
            (time, "<", self.end_ns),
        ]
        return [test for test in asked if test[2] is not None]

    def predicate(self, dataset: Dataset) -> Predicate:
        """The same for pruning files."""
        return prune.all_of(prune.Test(*test) for test in self.tests(dataset))


def names_of(what: str, names: str | Sequence[str] | None) -> tuple[str, ...] | None:
    """Names as a caller gives them: several, or a text that is one."""
    if names is None:
        return None
    found = (names,) if isinstance(names, str) else tuple(names)
    for name in found:
        if not isinstance(name, str):
            raise Invalid(f"{what}: found {name!r}, expected text")
    return found
