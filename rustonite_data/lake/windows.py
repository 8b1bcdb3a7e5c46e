"""Spans of time that hold about so many rows, so that long stretches are read part by part."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MINUTE_NS = 60_000_000_000
_FAR = 9 * 10**18  # 2255

MINUTE = f"epoch_ns(ts_recv) // {_MINUTE_NS}"
"""The minute of a row, as SQL."""
WITHIN = "ts_recv >= make_timestamp_ns(?) and ts_recv < make_timestamp_ns(?)"
"""Whether a row is in a span, as SQL."""


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
