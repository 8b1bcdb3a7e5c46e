"""Recording: venues to tapes, tapes to the lake.

The sockets, books and tapes are in Rust, one thread for each venue; here is what surrounds them:
the lake, the committer, and what a running recorder says about itself.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rustonite_data import _native
from rustonite_data.closing import Closing
from rustonite_data.config import place_of
from rustonite_data.errors import Conflict, Invalid, RustoniteError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rustonite_data.lake import Committer, Lake, TapeStatus

_TRIES = 5
# What tapes of any dataset can have.
_OF_TAPES = {
    "segment_bytes": (64 << 10, 4 << 30),
    "segments_max": (3, 1_000_000),
    "seal_after_s": (1, 30 * 24 * 3_600),
}
# How often a lake is looked for whose storage was away at the start.
_AGAIN_S = 2.0


def settings_of(config: str, place: str) -> dict[str, Any]:
    """What a configuration says, with what it leaves to us.

    Raises:
        Invalid: it cannot be used; the message names file, line and key.
        NotFound: an unknown venue, dataset or channel.
    """
    settings: dict[str, Any] = json.loads(_native.recorder_config(config, place))
    for key, (least, most) in _OF_TAPES.items():
        if not least <= (found := settings["tape"][key]) <= most:
            where = f"{place_of(key, config, place)}: tape.{key}"
            raise Invalid(f"{where}: found {found}, expected {least} to {most}")
    return settings


@dataclass(frozen=True)
class VenueStatus:
    """What the recorder of one venue has done since it started."""

    venue: str
    frames: int
    bytes: int
    rows: int
    malformed: int
    """Messages that could not be read; their bytes are in `frames`."""
    unknown: int
    """Messages of sorts that we do not know; likewise."""
    duplicates: int
    """Rows that we had already, from a second connection or repeated history."""
    gaps: int
    missing: int
    """Messages, updates or trades that are known to be missing."""
    resyncs: int
    """Books that were rebuilt."""
    dropped: int
    """Messages that no tape took."""
    reconnects: int
    connections: int
    topics: int
    books_live: int
    books_waiting: int
    """Books without a whole picture so far."""
    ts_last: int
    """When the last frame came, in nanoseconds since 1970; 0 for never."""
    delay_ns: int
    """Our time minus the venue's, of the last row. Negative if our clock is behind."""
    problems: Mapping[str, str]
    """What is wrong at the moment, by what it is about."""


class Recorder(Closing):
    """Records venues into a lake, until it is closed.

    Example:
        >>> text = '''
        ... [[feed]]
        ... venue = "binance"
        ... symbols = ["BTCUSDT"]
        ... urls = { public = "ws://127.0.0.1:1/", rest = "http://127.0.0.1:1/" }
        ... '''
        >>> with Recorder(text, lake=folder / "recorded") as recorder:
        ...     [status.venue for status in recorder.status()]
        ['binance']
    """

    def __init__(
        self,
        config: str,
        *,
        lake: str | os.PathLike[str] | None = None,
        tapes: str | os.PathLike[str] | None = None,
        place: str = "configuration",
        storage_options: Mapping[str, str] | None = None,
    ) -> None:
        """Start to record.

        Args:
            config: A configuration, as TOML text.
            lake: The lake, instead of the one that the configuration names. It is made if it is
                not there. Without any, rows stay on tapes.
            tapes: The folder of the tapes, instead of the configured one. By default the one of
                the lake; without a lake `rustonite-tapes` in the system's folder for temporary
                files.
            place: What errors call the configuration: its file.
            storage_options: Settings of the lake's object store.

        Raises:
            Invalid: the configuration cannot be used; the message names file, line and key.
            NotFound: an unknown venue, dataset or channel; the message has the nearest names.
            Conflict: another recorder of this name writes these tapes.
            Unavailable: the lake's storage does not answer, and `tapes` does not say where rows
                may wait for it.
        """
        settings = settings_of(config, place)
        self._fixed = _fixed(settings)
        url = lake if lake is not None else settings["lake"]
        folder = tapes if tapes is not None else settings["tapes"]
        self._place = place
        self._closed = threading.Event()
        self._turn = threading.Lock()
        self._committer: Committer | None = None
        self.lake: Lake | None = None
        self.lake_problem: str | None = None
        """Why the lake could not be opened so far; rows wait on tapes."""
        self._lake_place = (url, folder, storage_options)
        if url is not None:
            folder = self._open_lake() or folder
            if folder is None and self.lake_problem is not None:
                raise Unavailable(self.lake_problem)
            if folder is None:
                # Tapes elsewhere would never come into the lake.
                raise Invalid(
                    f"{url}: a lake in an object store has no folder for tapes; say tapes"
                )
        if folder is None:
            folder = Path(tempfile.gettempdir()) / "rustonite-tapes"
        self.tapes = Path(folder)
        self.tapes.mkdir(parents=True, exist_ok=True, mode=0o700)
        for_lake = None if url is None else os.fspath(url)
        self._native = _native.NativeRecorder(config, place, self.tapes, for_lake)
        if self._committer is not None:
            self._committer.start()
        elif url is not None:
            threading.Thread(target=self._wait_for_lake, name="rustonite-lake", daemon=True).start()

    def _open_lake(self) -> Path | None:
        """Open the lake, unless its storage is away; the folder of its tapes."""
        # Brings the engines; a recorder without a lake needs none of them.
        from rustonite_data.lake import Committer, Lake  # noqa: PLC0415

        url, tapes, options = self._lake_place
        try:
            self.lake = Lake.create(url, tapes=tapes, storage_options=options)
        except Unavailable as error:
            self.lake_problem = str(error)
            return None
        self.lake_problem = None
        self._committer = Committer(self.lake)
        return self.lake.tapes.folder

    def _wait_for_lake(self) -> None:
        """What comes meanwhile is recorded: storage that is away is no reason to miss it."""
        while self.lake is None and not self._closed.wait(_AGAIN_S):
            try:
                self._open_lake()
            except RustoniteError as error:
                self.lake_problem = str(error)
        with self._turn:
            if self._committer is not None and not self._closed.is_set():
                self._committer.start()

    def status(self) -> list[VenueStatus]:
        """What each venue has done so far."""
        return [VenueStatus(**one) for one in json.loads(self._native.status())]

    def lag(self) -> list[TapeStatus]:
        """How far the lake is behind each tape."""
        return [] if self._committer is None else self._committer.status()

    @property
    def running(self) -> bool:
        """Whether every venue is still being recorded."""
        return self._native.running

    def reload(self, config: str) -> list[str]:
        """Take over instruments and channels of another configuration; what stays goes on.

        Returns:
            Settings that are not as they were at the start, and need a restart.

        Raises:
            Invalid: the configuration cannot be used, or has other venues.
        """
        self._native.reload(config, self._place)
        wanted = _fixed(json.loads(_native.recorder_config(config, self._place)))
        names = {**self._fixed, **wanted}
        return [name for name in names if self._fixed.get(name) != wanted.get(name)]

    def close(self) -> None:
        """Close connections, seal the tapes, and move all of it into the lake.

        Ctrl-C meanwhile leaves the rest on the tapes, for the next run to move.

        Raises:
            RustoniteError: the record of a venue ended with it, or the lake did not take all rows.
        """
        problem: RustoniteError | None = None
        with self._turn:
            self._closed.set()
        try:
            self._native.stop()
        except RustoniteError as error:
            problem = error
        if self._committer is None and self.lake_problem is not None:
            problem = problem or Unavailable(f"{self.lake_problem}; the rows are on the tapes")
        if self._committer is not None:
            self._committer.stop()
            _move_all(self._committer)
        if problem is not None:
            raise problem


def _move_all(committer: Committer) -> None:
    for left in reversed(range(_TRIES)):
        try:
            committer.run_once(seal=True)
        except Conflict:
            # Another recorder of the lake moved them at the same time, maybe not all.
            if not left:
                raise
        else:
            return


def _fixed(settings: dict[str, Any]) -> dict[str, Any]:
    """What a running recorder does not take over, by its name in the file."""
    fixed = {name: value for name, value in settings.items() if name != "feed"}
    for feed in settings["feed"]:
        for name in ("proxy", "compression", "urls.rest"):
            value = feed["urls"].get("rest") if name == "urls.rest" else feed[name]
            if value:
                # One of a venue's feeds says it for all of them.
                fixed.setdefault(f"{name} of {feed['venue']}", value)
    return fixed


def venues_markdown() -> str:
    """The page about what is recorded of each venue, made from the catalog.

    Example:
        >>> venues_markdown().splitlines()[0]
        '# What is recorded of each venue'
    """
    names: list[tuple[str, str]] = json.loads(_native.catalog())
    lines = [
        "# What is recorded of each venue",
        "",
        "Made from `catalog/venues` by `make docs`. The first channel of a dataset is the usual",
        "one; others are asked for with `channels`. What `integrity` means is in",
        "[how books are kept](../internals/books.md). What needs a key is recorded with",
        "`RUSTONITE_<VENUE>_KEY` and `RUSTONITE_<VENUE>_SECRET` in the environment, such as",
        "`RUSTONITE_ALPACA_STOCKS_KEY`, where a recorder can log in.",
    ]
    for name, about in names:
        venue = json.loads(_native.catalog(name))
        keys = "needs a key" if venue["logs_in"] else "needs a key: not recorded"
        lines += ["", f"## {name}", "", f"{about}.", ""]
        lines += ["| dataset | channel | integrity | picture from |", "|---|---|---|---|"]
        for channel in venue["channel"]:
            named = f"`{channel['name']}`" if channel["name"] else ""
            every = f"REST, every {channel['rest_every_s']} s" if channel["rest_every_s"] else ""
            asked = ", ".join(filter(None, (named, every)))
            if channel["needs_key"]:
                asked += f" ({keys})"
            told = f"{channel['integrity']} | {channel['anchor']}"
            lines.append(f"| `{channel['dataset']}` | {asked} | {told} |")
    return "\n".join(lines) + "\n"
