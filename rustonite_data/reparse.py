"""Rows from recorded frames, by the codecs of today.

Where a codec was wrong or new, `frames` has what the venue sent; this reads it again, the way that
it went when it was received: the same codecs, books and tapes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rustonite_data import _native
from rustonite_data.errors import Conflict, Invalid, NotFound, Unavailable
from rustonite_data.lake import Committer, Lake
from rustonite_data.lake.windows import MINUTE, WITHIN, received, windows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    Row = tuple[int, int, str, str, int | None, str | None, str | None, bytes | None]
    """Time, connection, venue, kind, status, channel, symbol and data of a frame or a fact."""

_ROWS = 100_000
_ANCHOR_S = 600


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
    anchor_every_s: int = _ANCHOR_S,
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
        Conflict: frames were decoded under this name before, so that rows would be there twice.
        Unavailable: tapes or storage do not take the rows; those before are in the lake.
    """
    if into.tapes.folder is None:
        raise Invalid(f"{into.storage.root}: this lake has no folder for tapes; give tapes=…")
    frames = Frames(lake, venue, start, end)
    decoder = frames.decoder(
        into.tapes.folder, name, lake=into.storage.root, anchor_every_s=anchor_every_s
    )
    committer = Committer(into)
    done = 0
    for part in frames.parts():
        decoder.take(part)
        done += sum(map(frames.is_frame, part))
        # Tapes keep what the lake does not have: without this they would be full at some time.
        committer.run_once()
        if progress is not None:
            progress(done, frames.count)
    told = decoder.finish()
    del decoder  # The tapes have no writer any more.
    committer.run_once(seal=True)
    return counters(told)


def counters(told: str) -> list[Reparsed]:
    """What became of frames, as a decoder tells at its end.

    Raises:
        Unavailable: tapes did not take all rows.
    """
    found: list[dict[str, Any]] = json.loads(told)
    for one in found:
        if one["dropped"]:
            raise Unavailable(f"{one['venue']}: {one['dropped']} messages were dropped")
    names = Reparsed.__dataclass_fields__
    return [Reparsed(**{name: one[name] for name in names}) for one in found]


class Frames:
    """Frames of a lake that are to be decoded again, and the facts that this needs."""

    def __init__(
        self,
        lake: Lake,
        venues: str | Sequence[str] | None,
        start: Any,  # noqa: ANN401 - any way to write a moment
        end: Any,  # noqa: ANN401
    ) -> None:
        """Choose them by venue, and by the time when they were received.

        Raises:
            NotFound: there are none.
        """
        if "frames" not in lake.datasets():
            raise NotFound(f"{lake.storage.root}: there are no frames to decode again")
        self._lake = lake
        # What was subscribed before the start carries on behind it.
        self._facts = received(None, end, venues)
        self._frames = received(start, end, venues)
        self._minutes = self._select(f"{MINUTE} as minute, count(*) as n", "order by minute")
        if not self._minutes:
            raise NotFound(f"{lake.storage.root}: there are no frames of that choice")
        self.count: int = sum(count for _, count in self._minutes)

    def _select(self, what: str, how: str = "") -> list[tuple[Any, ...]]:
        where, params = self._frames
        query = f"select {what} from frames where {where} group by all {how}"  # noqa: S608
        rows: list[tuple[Any, ...]] = self._lake.sql(query, params).rows()
        return rows

    def decoder(
        self,
        tapes: Path,
        name: str,
        *,
        lake: str | None = None,
        anchor_every_s: int = _ANCHOR_S,
    ) -> _native.NativeReparser:
        """What writes their rows to new tapes, from which a lake takes them, if there is one.

        Raises:
            Conflict: such tapes were made before.
        """
        for (venue,) in self._select("venue::varchar"):
            if made := next(tapes.glob(f"*/{name}-{venue}/"), None):
                raise Conflict(f"{made}: frames were decoded to it before; give another name")
        return _native.NativeReparser(tapes, name, anchor_every_s, lake)

    @staticmethod
    def is_frame(row: Row) -> bool:
        """Whether it is one, not a fact."""
        return row[7] is not None

    def parts(self) -> Iterator[list[Row]]:
        """Frames and facts in order, some at a time."""
        (frames, of_frames), (facts, of_facts) = self._frames, self._facts
        query = f"""
            select epoch_ns(ts_recv) as ts, connection, venue, kind::varchar, status,
                null::varchar, null::varchar, data, frame_seq
            from frames where {frames} and {WITHIN}
        """  # noqa: S608 - our own text
        # Frames of a file that was imported come without facts.
        has_facts = "feed_events" in self._lake.datasets()
        if has_facts:
            query += f"""
                union all
                select epoch_ns(ts_recv), coalesce(connection, 0), venue, kind::varchar, null,
                    channel::varchar, symbol::varchar, null, -1
                from feed_events where venue is not null and {facts} and {WITHIN}
                    and kind in ('subscribe', 'unsubscribe', 'disconnect', 'start')
            """  # noqa: S608 - our own text
        query += " order by ts, connection, frame_seq"
        for first, behind in windows(self._minutes, _ROWS):
            params = [*of_frames, first, behind]
            if has_facts:
                params += [*of_facts, first, behind]
            yield [row[:8] for row in self._lake.sql(query, params).rows()]
