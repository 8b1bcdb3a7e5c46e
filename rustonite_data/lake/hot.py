"""The tapes of a lake on this machine: `<tapes>/<dataset>/<name>`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rustonite_data import _native
from rustonite_data.errors import Conflict, Corrupt, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rustonite_data._native import Rows, Schema

CONSUMER = "lake"
"""The tape consumer that keeps segments until they are committed."""

_MANIFEST = "tape.toml"


@dataclass(frozen=True)
class HotRows:
    """Everything that a tape held at one moment."""

    path: Path
    tape: str
    """The tape's id, under which its segments are committed."""
    rows: Rows


class _Follower:
    """Keeps what it has read of a tape, so that each look reads and checks only new rows."""

    def __init__(self, path: Path, dataset: str) -> None:
        self.path = path
        self.made = _identity(path)
        self.tape = str(_native.describe_tape(path)["id"])
        self.reader = _native.TapeReader(path, "first", verify=False)
        found = self.reader.schema.dataset
        if found != dataset:
            message = f"{path}: a tape of {found}, expected one of {dataset}, as the folder says"
            raise Corrupt(message)
        self.rows = self.reader.read()

    def look(self, after_segment: int | None) -> Rows:
        """All rows so far, but those of segments that are known to be in files."""
        rows = self.rows.followed_by(self.reader.read())
        self.rows = rows if after_segment is None else rows.select(after_segment + 1)
        return self.rows


class Tapes:
    """Finds tapes and follows them."""

    def __init__(self, folder: Path | None) -> None:
        """Name the folder; it need not be there yet."""
        self.folder = folder
        self._followed: dict[Path, _Follower] = {}
        self._borders: dict[str, int] = {}

    def datasets(self) -> list[str]:
        """Datasets that have a tape."""
        return sorted({path.parent.name for path in self._paths("*")})

    def paths(self, dataset: str) -> list[Path]:
        """The tapes of a dataset."""
        return sorted(self._paths(dataset))

    def _paths(self, dataset: str) -> Iterator[Path]:
        if self.folder is not None:
            for manifest in self.folder.glob(f"{dataset}/*/{_MANIFEST}"):
                yield manifest.parent

    def schema(self, dataset: str) -> Schema | None:
        """The schema that the tapes of a dataset have, the widest if they differ."""
        schemas = [
            _native.TapeReader(path, "now", verify=False).schema for path in self.paths(dataset)
        ]
        return max(schemas, key=lambda schema: len(schema.columns), default=None)

    def look(self, dataset: str) -> list[HotRows]:
        """What every tape of a dataset holds now."""
        found: dict[str, HotRows] = {}
        for path in self.paths(dataset):
            try:
                follower = self._follow(path, dataset)
                rows = follower.look(self._borders.get(follower.tape))
            except NotFound:
                # Removed while we looked: all of it is in files.
                self._followed.pop(path, None)
                continue
            if follower.tape in found:
                other = found[follower.tape].path
                raise Conflict(f"{path}: a copy of the tape {other}; remove one of them")
            found[follower.tape] = HotRows(path, follower.tape, rows)
        return list(found.values())

    def _follow(self, path: Path, dataset: str) -> _Follower:
        follower = self._followed.get(path)
        if follower is None or follower.made != _identity(path):
            follower = self._followed[path] = _Follower(path, dataset)
        return follower

    def forget_before(self, tape: str, segment: int) -> None:
        """Note that segments up to this one are in files, so nobody needs their rows here."""
        self._borders[tape] = max(segment, self._borders.get(tape, -1))


def _identity(path: Path) -> tuple[int, int]:
    """Changes when a tape is removed and another one made in its place."""
    try:
        facts = (path / _MANIFEST).stat()
    except FileNotFoundError:
        raise NotFound(f"{path}: no tape") from None
    return facts.st_ino, facts.st_mtime_ns
