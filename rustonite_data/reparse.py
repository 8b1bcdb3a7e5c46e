"""Rows from recorded frames, by the codecs of today.

Where a codec was wrong or new, `frames` has what the venue sent; this reads it again, the way that
it went when it was received: the same codecs, books and tapes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rustonite_data import _native
from rustonite_data.errors import Invalid, NotFound, Unavailable
from rustonite_data.lake import Committer, Lake
from rustonite_data.lake.params import nanoseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ROWS = 100_000
_FAR = 9 * 10**18  # 2255
_FACTS = ("subscribe", "unsubscribe", "disconnect", "start")


@dataclass(frozen=True)
class Reparsed:
    """What became of the frames of one venue."""

    venue: str
    frames: int
    rows: int
    malformed: int
    unknown: int
    gaps: int


def reparse(  # noqa: PLR0913 - everything by keyword
    lake: Lake,
    into: Lake,
    *,
    venue: str | None = None,
    start: Any = None,  # noqa: ANN401 - any way to write a moment
    end: Any = None,  # noqa: ANN401
    name: str = "reparse",
    anchor_every_s: int = 600,
    progress: Callable[[int, int | None], None] | None = None,
) -> list[Reparsed]:
    """Decode the frames of a lake again, into another lake.

    Frames on tapes count, too. Datasets are rebuilt with their `feed_events`; `frames` themselves
    are not copied. A book begins with the first whole picture after `start`, so begin before it.

    Args:
        lake: Where the frames are.
        into: Where rows go. In the lake that the frames are in, they are there twice then, until
            you delete the old ones.
        venue: Only this one.
        start: From this moment on, by `ts_recv`.
        end: Up to this moment, without it.
        name: Begin of the names of the tapes.
        anchor_every_s: How often a whole picture of each book is written, in seconds.
        progress: Called now and then with frames done and frames in all.

    Raises:
        NotFound: there are no frames.
        Conflict: another process reparses under this name.
        Unavailable: tapes or storage do not take the rows; those before are in the lake.
    """
    if "frames" not in lake.datasets():
        raise NotFound(f"{lake.storage.root}: there are no frames to decode again")
    if into.tapes.folder is None:
        raise Invalid(f"{into.storage.root}: this lake has no folder for tapes; give tapes=…")
    rows = _recorded(lake, venue, start, end)
    committer = Committer(into)
    native = _native.NativeReparser(into.tapes.folder, name, anchor_every_s, into.storage.root)
    total = next(rows)
    done = 0
    for part in rows:
        native.take(part)
        done += len(part)
        # Tapes keep what the lake does not have: without this they would be full at some time.
        committer.run_once()
        if progress is not None:
            progress(done, total)
    native.finish()
    found: list[dict[str, Any]] = json.loads(native.status())
    del native  # The tapes have no writer any more.
    committer.run_once(seal=True)
    for one in found:
        if one["dropped"]:
            raise Unavailable(f"{one['venue']}: {one['dropped']} messages were dropped")
    names = Reparsed.__dataclass_fields__
    return [Reparsed(**{name: one[name] for name in names}) for one in found]


def _recorded(
    lake: Lake,
    venue: str | None,
    start: Any,  # noqa: ANN401 - any way to write a moment
    end: Any,  # noqa: ANN401
) -> Iterator[Any]:
    """First how many frames there are, then frames and facts in parts, in order."""
    conditions = [
        ("venue = ?", venue),
        ("ts_recv < make_timestamp_ns(?)", nanoseconds("end", end)),
        ("ts_recv >= make_timestamp_ns(?)", nanoseconds("start", start)),
    ]
    given = [(text, value) for text, value in conditions if value is not None]
    frames = " and ".join(["true", *(text for text, _ in given)])
    of_frames = [value for _, value in given]
    # What was subscribed before the start carries on behind it.
    given = [(text, value) for text, value in given if ">=" not in text]
    facts = " and ".join(["venue is not null", *(text for text, _ in given)])
    of_facts = [value for _, value in given]
    minutes = lake.sql(
        "select epoch_ns(ts_recv) // 60000000000 as minute, count(*) as n "  # noqa: S608
        f"from frames where {frames} group by all order by minute",
        of_frames,
    ).rows()
    if not minutes:
        raise NotFound(f"{lake.storage.root}: there are no frames of that choice")
    yield sum(count for _, count in minutes)
    kinds = ", ".join(f"'{kind}'" for kind in _FACTS)
    span = "ts_recv >= make_timestamp_ns(?) and ts_recv < make_timestamp_ns(?)"
    query = f"""
        select epoch_ns(ts_recv) as ts, connection, venue, kind::varchar, status,
            null::varchar, null::varchar, data, frame_seq
        from frames where {frames} and {span}
        union all
        select epoch_ns(ts_recv), coalesce(connection, 0), venue, kind::varchar, null,
            channel::varchar, symbol::varchar, null, -1
        from feed_events where {facts} and {span} and kind in ({kinds})
        order by ts, connection, frame_seq
    """  # noqa: S608 - our own text
    for first, behind in _windows(minutes):
        params = [*of_frames, first, behind, *of_facts, first, behind]
        yield [row[:8] for row in lake.sql(query, params).rows()]


def _windows(minutes: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Spans of some minutes that have not too many rows, in nanoseconds."""
    # Facts about subscriptions come before the first frame, and after the last.
    first, rows = 0, 0
    for minute, count in minutes:
        if rows and rows + count > _ROWS:
            yield first, minute * 60_000_000_000
            first, rows = minute * 60_000_000_000, 0
        rows += count
    yield first, _FAR
