"""A venue on this machine: its WebSocket and REST interface, from recorded frames or made up.

For tests and notebooks of whatever speaks with venues: the server takes a venue's own subscriptions
and calls, answers in its own words, and lets go wrong what goes wrong at real ones.
"""

from __future__ import annotations

import json
import math
import threading
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rustonite_data import _native
from rustonite_data.closing import Closing
from rustonite_data.errors import Invalid, NotFound, RustoniteError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

    from rustonite_data.lake import Lake

_ROWS = 50_000
_AT_ONCE = 1_000
_MINUTE = 60_000_000_000
_CALLS = "kind::varchar in ('http_request', 'http_response')"


@dataclass(frozen=True)
class ServerStatus:
    """What a server has done so far."""

    sent: int
    """Messages that the market or the recording has given."""
    ended: bool
    """Whether there are no more."""
    clients: int
    """Open connections."""
    faults_waiting: int
    """Faults that have met nobody so far."""


@dataclass(frozen=True)
class VenueBook:
    """The book of an instrument as the venue has it, the best levels first."""

    seq: int | None
    """Number of the last message, where the venue numbers."""
    bids: list[tuple[Decimal, Decimal]]
    """Price and size."""
    asks: list[tuple[Decimal, Decimal]]


class Server(Closing):
    """A venue that runs until it is closed; made by `serve`."""

    def __init__(self, settings: Mapping[str, Any], rows: Iterator[list[Any]] | None) -> None:
        self._native = _native.NativeServer({**settings, "is_fed": rows is not None})
        self._problem: RustoniteError | None = None
        self._feeder = None
        if rows is not None:
            self._feeder = threading.Thread(
                target=self._feed, args=(rows,), name="rustonite-serve", daemon=True
            )
            self._feeder.start()

    def _feed(self, rows: Iterator[list[Any]]) -> None:
        try:
            for part in rows:
                if not self._native.take(part):
                    return
        except RustoniteError as error:
            self._problem = error
        finally:
            self._native.end()

    @property
    def address(self) -> str:
        """Host and port."""
        return self._native.address

    @property
    def urls(self) -> dict[str, str]:
        """Addresses as a recorder's configuration names them: the sockets, and `rest`."""
        return self._native.urls()

    def fault(self, name: str, **details: Any) -> None:  # noqa: ANN401 - numbers and texts
        """Let something go wrong.

        Args:
            name: What, such as `drop` or `cut`; the page about serving has all of them.
            **details: What it takes, such as `ms`; and for all faults `symbol`, `connection`,
                `times` and `after`, a number of messages.

        Raises:
            Invalid: there is no such fault, or it cannot be done here.
        """
        self._native.fault(json.dumps({"fault": name, **details}))

    def status(self) -> ServerStatus:
        """What it has done so far.

        Raises:
            RustoniteError: the recording could not be read to its end.
        """
        if self._problem is not None:
            raise self._problem
        return ServerStatus(*self._native.status())

    def book(self, symbol: str) -> VenueBook:
        """The book of an instrument at this moment.

        Raises:
            NotFound: it is not known so far.
        """
        found = self._native.book(symbol)
        if found is None:
            raise NotFound(f"{symbol}: no book so far")
        seq, levels = found
        sides: dict[str, list[tuple[Decimal, Decimal]]] = {"bid": [], "ask": []}
        for side, price, size in levels:
            sides[side].append((Decimal(price), Decimal(size)))
        return VenueBook(seq, sides["bid"], sides["ask"])

    def trades(self, symbol: str) -> int:
        """How many trades of an instrument there were."""
        return self._native.trades(symbol)

    def pause(self) -> None:
        """Send no more messages; connections and signs of life go on."""
        self._native.pause()

    def resume(self) -> None:
        """Go on."""
        self._native.resume()

    def close(self) -> None:
        """Close all connections, and listen no more."""
        self._native.stop()
        if self._feeder is not None:
            self._feeder.join()


def serve(  # noqa: PLR0913 - everything by keyword
    venue: str,
    symbols: Sequence[str] = (),
    *,
    frames: Lake | str | os.PathLike[str] | None = None,
    start: Any = None,  # noqa: ANN401 - any way to write a moment
    end: Any = None,  # noqa: ANN401
    listen: str = "127.0.0.1:0",
    speed: float = 1.0,
    seed: int = 1,
    every: float = 0.001,
    book: str | None = None,
) -> Server:
    """Be a venue on this machine, for clients of any kind.

    Messages are sent once somebody subscribes. Without `frames` there is a made-up market: books
    that move, trades with numbers, quotes; the same seed makes the same one.

    Args:
        venue: Its name, as in the column `venue`.
        symbols: Instruments of the made-up market, in the venue's spelling.
        frames: Recorded messages instead: a lake, its folder or URL, or a folder of tapes of a
            recorder without a lake.
        start: Of a lake, from this moment on, by `ts_recv`.
        end: Of a lake, up to this moment, without it.
        listen: Host and port; any free port by default, and for this machine alone.
        speed: 1 for the pace at which messages were received, 10 for ten times as fast,
            `math.inf` for as fast as clients read.
        seed: What the made-up market is made from.
        every: Seconds between its messages.
        book: Its channel of books in the venue's words, such as `orderbook.50`; by default the one
            that a recorder asks for. Clients of other ones get no books.

    Raises:
        NotFound: an unknown venue, or there are no frames of it.
        Invalid: there is no server for this venue, or nothing to serve.

    Example:
        >>> with serve("binance", ["BTCUSDT"]) as server:
        ...     sorted(server.urls), server.status().clients
        (['public', 'rest'], 0)
    """
    if frames is not None and symbols:
        raise Invalid("symbols: these are of a made-up market; frames have their own")
    if frames is None and (start is not None or end is not None):
        raise Invalid("start, end: these are of frames; a made-up market is always now")
    if not (speed > 0 and every > 0):
        raise Invalid(f"found speed {speed} and every {every}, expected more than 0")
    settings = {
        "venue": venue,
        "listen": listen,
        "speed": None if math.isinf(speed) else speed,
        "symbols": list(symbols),
        "seed": seed,
        "every_ns": int(every * 1e9),
        "book": book,
        "tape": None,
    }
    if frames is None:
        return Server(settings, None)
    tape = None if not isinstance(frames, (str, Path)) else _tape(Path(frames), venue)
    if tape is not None:
        if start is not None or end is not None:
            raise Invalid("start, end: these are of lakes; a tape is served from its begin")
        return Server({**settings, "tape": tape}, None)
    rows = _recorded(_lake(frames), venue, start, end)
    # Fails here, and not in the thread, where there is nothing of that choice.
    next(rows)
    return Server(settings, rows)


def _lake(frames: Any) -> Lake:  # noqa: ANN401 - a lake or where it is
    from rustonite_data.lake import Lake  # noqa: PLC0415 - brings the engines

    return frames if isinstance(frames, Lake) else Lake(frames)


def _tape(folder: Path, venue: str) -> Path | None:
    """The tape of frames in a folder of tapes; `None` if that is something else."""
    if (folder / "lake.json").exists() or not (folder / "frames").is_dir():
        return None
    # Tapes are named after the recorder and the venue.
    found = sorted((folder / "frames").glob(f"*-{venue}"))
    if not found:
        raise NotFound(f"{folder}: there are no frames of {venue}")
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise Invalid(f"{folder}: found frames of several recorders: {names}; expected one")
    return found[0]


def _recorded(
    lake: Lake,
    venue: str,
    start: Any,  # noqa: ANN401 - any way to write a moment
    end: Any,  # noqa: ANN401
) -> Iterator[list[Any]]:
    """First nothing, if there is something; then frames in parts, in the order of receipt."""
    from rustonite_data.lake.windows import (  # noqa: PLC0415 - as above
        MINUTE,
        WITHIN,
        received,
        windows,
    )

    if "frames" not in lake.datasets():
        raise NotFound(f"{lake.storage.root}: there are no frames")
    where, values = received(start, end, venue)
    minutes = lake.sql(
        f"select {MINUTE} as minute, count(*) as n "  # noqa: S608
        f"from frames where {where} group by all order by minute",
        values,
    ).rows()
    if not minutes:
        raise NotFound(f"{lake.storage.root}: there are no frames of {venue} in that span")
    yield []
    columns = "epoch_ns(ts_recv) as ts, connection, kind::varchar, status, data, frame_seq"
    query = (
        f"select {columns} from frames where {where} "  # noqa: S608 - our own text
        f"and {WITHIN} and {{choice}} order by ts, connection, frame_seq"
    )
    # Clients ask for what a recording begins with before they subscribe to anything.
    begun = (minutes[0][0] + 1) * _MINUTE
    spans = [(minutes[0][0] * _MINUTE, begun, _CALLS)]
    choice = f"not ({_CALLS} and epoch_ns(ts_recv) < {begun})"
    spans += [(first, behind, choice) for first, behind in windows(minutes, _ROWS)]
    for first, behind, wanted in spans:
        rows = lake.sql(query.format(choice=wanted), [*values, first, behind]).rows()
        for at in range(0, len(rows), _AT_ONCE):
            yield [row[:5] for row in rows[at : at + _AT_ONCE]]
