"""What was received in a stretch of time, chosen and read part by part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rustonite_data.lake.choice import names_of
from rustonite_data.lake.params import nanoseconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_MINUTE_NS = 60_000_000_000
_FAR = 9 * 10**18  # 2255

MINUTE = f"epoch_ns(ts_recv) // {_MINUTE_NS}"
"""The minute of a row, as SQL."""
WITHIN = "ts_recv >= make_timestamp_ns(?) and ts_recv < make_timestamp_ns(?)"
"""Whether a row is in a span, as SQL."""


def received(
    start: Any = None,  # noqa: ANN401 - any way to write a moment
    end: Any = None,  # noqa: ANN401
    venues: str | Sequence[str] | None = None,
    symbols: str | Sequence[str] | None = None,
) -> tuple[str, list[Any]]:
    """Whether a row was received from `start` on and before `end`, as SQL and its parameters.

    Example:
        >>> received(start=1, venues=["okx", "kraken"])
        ('true and ts_recv >= make_timestamp_ns(?) and venue in (?, ?)', [1, 'okx', 'kraken'])
    """
    conditions: list[str] = ["true"]
    params: list[Any] = []
    for sign, moment in ((">=", nanoseconds("start", start)), ("<", nanoseconds("end", end))):
        if moment is not None:
            conditions.append(f"ts_recv {sign} make_timestamp_ns(?)")
            params.append(moment)
    for column, given in (("venue", venues), ("symbol", symbols)):
        names = names_of(f"{column}s", given)
        if names is not None:
            marks = ", ".join("?" * len(names))
            conditions.append(f"{column} in ({marks})" if names else "false")
            params += names
    return " and ".join(conditions), params


def windows(minutes: Iterable[tuple[int, int]], rows_max: int) -> Iterator[tuple[int, int]]:
    """Spans of whole minutes, in nanoseconds, from 1970 to the end of time.

    Args:
        minutes: Minutes in order, and how many rows each has.
        rows_max: Most rows of a span, unless one minute has more.

    Example:
        >>> spans = list(windows([(1, 60), (2, 50), (3, 10)], rows_max=100))
        >>> [first // 60_000_000_000 for first, _ in spans]
        [0, 2]
    """
    first, rows = 0, 0
    for minute, count in minutes:
        if rows and rows + count > rows_max:
            yield first, minute * _MINUTE_NS
            first, rows = minute * _MINUTE_NS, 0
        rows += count
    yield first, _FAR
