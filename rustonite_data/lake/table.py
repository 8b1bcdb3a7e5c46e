"""One Delta table of a lake: which files are live, and commits that happen exactly once.

Every commit is a compare-and-swap on the version that this handle has seen: if anybody else
committed since, it fails, and we look again before we try again. So whatever a commit depends on
(the transaction number of a tape, the files that a compaction replaces) still holds when it lands.

The entries of the log are written here, and those of others are read here: `deltalake` goes through
all live files to move its handle by one commit, and keeps some 100 kB for each such move. So its
handle is opened anew for those who ask for files and for checkpoints, and never moved.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import tempfile
import time
import uuid
from array import array
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from rustonite_data.errors import (
    Conflict,
    Corrupt,
    Invalid,
    NotFound,
    RustoniteError,
    Unavailable,
)
from rustonite_data.lake.dataset import Dataset, delta_field
from rustonite_data.lake.snapshot import DataFile
from rustonite_data.lake.streams import table_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from rustonite_data._native import Column, LakeFile
    from rustonite_data.lake.storage import Storage

T = TypeVar("T")

_COMMIT_ID = "rustonite.commit"
_ATTEMPTS_MAX = 200
_PAUSE_MAX_S = 0.5
# Old entries make the log longer to list, and looking for them costs as much as ten commits.
_CLEAN_EVERY = 100
_CHECKPOINT_EVERY = "delta.checkpointInterval"
_DIGITS = 20
# More entries of others than these are left to `deltalake`.
_FOLLOWED_MAX = 50
# What `deltalake` leaves as it is in paths.
_PATH_SAFE = "/=+:~!$&'(),;@"
# How long the next name is all that is looked at. No entry of the log is removed so soon.
_LOOK_EVERY_S = 10.0

SETTINGS = {
    _CHECKPOINT_EVERY: "20",
    # Statistics of all columns, not only of the first 32.
    "delta.dataSkippingNumIndexedCols": "-1",
    # How far back `as_of` and `restore` reach, and how long replaced files are kept.
    "delta.logRetentionDuration": "interval 1 day",
    "delta.deletedFileRetentionDuration": "interval 1 day",
}


@dataclass(frozen=True)
class Change:
    """What one commit does."""

    add: Sequence[LakeFile] = ()
    remove: Sequence[DataFile] = ()
    transactions: Mapping[str, int] = field(default_factory=dict)
    """Application -> number. The commit is only made if each number is new."""
    rows_change: bool = True
    """False for a compaction: the same rows in other files."""
    note: str = "append"
    """What the history says."""


class Table:
    """A handle on a dataset's table. Not for several threads at once."""

    def __init__(
        self, storage: Storage, dataset: str, version: int | datetime | None = None
    ) -> None:
        """Open a table, as it is now or as it was.

        Raises:
            NotFound: there is none, or no such version.
            Invalid: it is not one of ours, or of a newer rustonite.
            Corrupt: its log cannot be read.
        """
        self.storage = storage
        self.root = f"{storage.root}/{dataset}"
        self.name = dataset
        self._files: dict[str, DataFile] = {}
        self._listed: tuple[int, tuple[DataFile, ...]] | None = None
        self._looked = time.monotonic()
        # May be behind `_version`; `_numbers` has what was committed since.
        self._delta = self._guard(lambda: self._load(version))
        self._moved()

    @classmethod
    def create(
        cls, storage: Storage, dataset: Dataset, settings: Mapping[str, str] = SETTINGS
    ) -> Table:
        """Make a table, or open the one that somebody made in the meantime."""
        root = f"{storage.root}/{dataset.name}"
        try:
            DeltaTable.create(
                root,
                dataset.to_delta(),
                partition_by=list(dataset.partition_by) or None,
                name=dataset.name,
                description=dataset.schema.about or None,
                configuration={**settings, **dataset.configuration()},
                storage_options=storage.options or None,
                raise_if_key_not_exists=False,
            )
        except (DeltaError, OSError) as error:
            try:
                return cls(storage, dataset.name)
            except NotFound:
                raise Unavailable(f"{root}: {error}") from error
        return cls(storage, dataset.name)

    def _at(self, version: int | None) -> DeltaTable:
        options = self.storage.options or None
        return DeltaTable(self.root, version=version, storage_options=options)

    def _load(self, version: int | datetime | None) -> DeltaTable:
        table = self._at(None)
        if version is not None:
            newest = table.version()
            if isinstance(version, datetime) and version.tzinfo is None:
                version = version.replace(tzinfo=UTC)
            try:
                table.load_as_version(version)
            except DeltaError as error:
                message = f"no version {version} in the log; the newest is {newest}"
                raise NotFound(f"{self.root}: {message}") from error
        return table

    def _guard(self, read: Callable[[], T]) -> T:
        try:
            return read()
        except TableNotFoundError as error:
            raise NotFound(f"{self.root}: no table") from error
        except RustoniteError:
            raise
        except (DeltaError, OSError, ValueError) as error:
            raise self._explained(error) from error

    def _explained(self, error: Exception) -> RustoniteError:
        """What is wrong with a log that cannot be read."""
        for file in self.storage.files(f"{self.name}/_delta_log"):
            name = file.path.rpartition("/")[2]
            try:
                if name.endswith(".json"):
                    lines = self.storage.read(file.path).decode().splitlines()
                    [json.loads(line) for line in lines]
                elif name.endswith(".parquet"):
                    pq.read_metadata(pa.BufferReader(self.storage.read(file.path)))
            except (ValueError, OSError, pa.ArrowException) as inner:
                where = f"{self.storage.root}/{file.path}"
                return Corrupt(f"{where}: not readable ({inner}); see `rustonite lake repair`")
        return (Corrupt if self.storage.local else Unavailable)(f"{self.root}: {error}")

    def _read_dataset(self) -> Dataset:
        metadata = self._delta.metadata()
        schema = self._delta.schema()
        partition_by = metadata.partition_columns
        interval = metadata.configuration.get(_CHECKPOINT_EVERY) or ""
        self._checkpoint_every = int(interval) if interval.isdigit() and int(interval) else 20
        return Dataset.from_delta(self.root, schema, partition_by, metadata.configuration)

    @property
    def version(self) -> int:
        """The version that this handle has seen."""
        return self._version

    def refresh(self) -> int:
        """Look at what others committed; returns the version."""
        if self._is_newest():
            return self._version
        looked = time.monotonic()
        if not self._follow():
            self._reopen()
        self._looked = looked
        return self._version

    def _reopen(self) -> None:
        self._delta = self._guard(lambda: self._load(None))
        self._moved()

    def _moved(self) -> None:
        """The `deltalake` handle says how things are."""
        self._version: int = self._delta.version()
        self._numbers: dict[str, int | None] = {}
        self.dataset = self._read_dataset()

    def _follow(self) -> bool:
        """Read what the log has to say since; false if it takes `deltalake` for that."""
        try:
            names = self.storage.names_behind(self._log_entry(self._version))
        except NotFound:
            return False
        newer = {name[:_DIGITS] for name in names if name[0].isdigit()}
        newer.discard(f"{self._version:0{_DIGITS}}")
        if len(newer) > _FOLLOWED_MAX:
            return False
        numbers: dict[str, int] = {}
        version = self._version
        for version in range(self._version + 1, self._version + 1 + len(newer)):
            try:
                entry = self.storage.read(self._log_entry(version))
                actions = [json.loads(line) for line in entry.splitlines()]
                numbers |= {t["appId"]: t["version"] for a in actions if (t := a.get("txn"))}
            except (RustoniteError, ValueError, KeyError, AttributeError):
                return False
            if any("metaData" in action or "protocol" in action for action in actions):
                return False
        self._version = version
        self._numbers |= numbers
        return True

    def _is_newest(self) -> bool:
        """Whether the log surely ends here; two looks at names instead of a listing.

        An entry appears as one step. It is removed when it is old, so after a while only a listing
        can tell that there is no next one.
        """
        if time.monotonic() > self._looked + _LOOK_EVERY_S:
            return False
        following, own = (
            self.storage.stored(self._log_entry(number))
            for number in (self._version + 1, self._version)
        )
        return following is None and own is not None

    def transaction(self, application: str) -> int | None:
        """The highest number that an application has committed."""
        if application not in self._numbers:
            number = self._guard(lambda: self._delta.transaction_version(application))
            self._numbers[application] = number
        return self._numbers[application]

    def files(self) -> tuple[DataFile, ...]:
        """The live files, ordered by their path."""
        if self._listed is None or self._listed[0] != self._version:
            self._listed = (self._version, self._list())
        return self._listed[1]

    def _list(self) -> tuple[DataFile, ...]:
        adds = _whole_nanoseconds(table_of(self.delta.get_add_actions()))
        paths: list[str] = adds.column("path").to_pylist()
        # Files never change, so only new ones are converted.
        known = self._files
        fresh = [position for position, path in enumerate(paths) if unquote(path) not in known]
        # As bytes, since a list makes pyarrow import pandas.
        wanted = pa.py_buffer(array("q", fresh))
        rows = adds.take(pa.Array.from_buffers(pa.int64(), len(fresh), [None, wanted]))
        for row in rows.to_pylist():
            file = _data_file(row)
            known[file.path] = file
        self._files = {path: known[path] for path in sorted(map(unquote, paths))}
        return tuple(self._files.values())

    def commit(self, change: Change) -> int | None:
        """Make a commit, exactly once, whoever else commits.

        Returns:
            The version, or `None` if the commit was not made and never will be: one of its
            transactions had been committed, or a file that it removes was gone. The files of
            `change.add` belong to nobody then.

        Raises:
            Unavailable: the storage failed. A request that was given up may still be carried out,
                so the files of `change.add` must stay; trying again with a transaction is safe.
        """
        for attempt in range(_ATTEMPTS_MAX):
            if attempt:
                time.sleep(random.uniform(0, min(_PAUSE_MAX_S, 0.005 * 2**attempt)))  # noqa: S311
                self.refresh()
            if not self._applies(change):
                return None
            mark = uuid.uuid4().hex
            version = self._version + 1
            try:
                self._attempt(change, mark)
            except (RustoniteError, OSError) as error:
                if not self._landed(version, mark, error):
                    continue
            self._make_durable()
            self._version = version
            self._numbers |= change.transactions
            self._tend_log()
            return version
        raise Conflict(
            f"{self.root}: {_ATTEMPTS_MAX} attempts to commit, others were always faster"
        )

    def _applies(self, change: Change) -> bool:
        for application, number in change.transactions.items():
            last = self.transaction(application)
            if last is not None and last >= number:
                return False
        live = {file.path for file in self.files()} if change.remove else set()
        return all(file.path in live for file in change.remove)

    def _attempt(self, change: Change, mark: str) -> None:
        now = int(time.time() * 1000)
        partition_by = json.dumps(self.dataset.partition_by)
        info = {
            "timestamp": now,
            "operation": "WRITE",
            "operationParameters": {"mode": "Append", "partitionBy": partition_by},
            "engineInfo": "rustonite",
            _COMMIT_ID: mark,
            "rustonite.note": change.note,
        }
        actions: list[dict[str, Any]] = [{"commitInfo": info}]
        actions += [
            {
                "remove": {
                    "path": quote(file.path, safe=_PATH_SAFE),
                    "dataChange": change.rows_change,
                    "deletionTimestamp": now,
                    "extendedFileMetadata": True,
                    "partitionValues": dict(file.partition),
                    "size": file.size,
                }
            }
            for file in change.remove
        ]
        actions += [
            {
                "add": {
                    "path": quote(file.path, safe=_PATH_SAFE),
                    "partitionValues": file.partition,
                    "size": file.size,
                    "modificationTime": now,
                    "dataChange": change.rows_change,
                    "stats": file.stats,
                }
            }
            for file in change.add
        ]
        for application, number in change.transactions.items():
            actions.append({"txn": {"appId": application, "version": number, "lastUpdated": now}})
        entry = "\n".join(map(json.dumps, actions)).encode()
        if not self.storage.create(self._log_entry(self._version + 1), entry):
            raise Conflict(f"{self.root}: somebody else made version {self._version + 1}")

    def _landed(self, version: int, mark: str, error: Exception) -> bool:
        """Whether a commit was made although its answer was an error; false if another was.

        Without an entry of that version nobody can tell: ours may still be on its way.
        """
        try:
            return mark.encode() in self.storage.read(self._log_entry(version))
        except RustoniteError:
            raise Unavailable(f"{self.root}: no answer to a commit: {error}") from error

    def _make_durable(self) -> None:
        """A tape drops what was committed, so the commit must survive a crash of the machine.

        What the entry says was on the disk before it got its name.
        """
        if self.storage.folder is None:
            return
        folder = self.storage.folder / self.name / "_delta_log"
        try:
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise Unavailable(f"{folder}: fsync: {error}") from error

    def _tend_log(self) -> None:
        # The commit is made; what goes wrong here is tried again by a later one.
        with contextlib.suppress(RustoniteError, DeltaError, OSError):
            if self._version % self._checkpoint_every == 0:
                self.delta.create_checkpoint()
            if self._version % _CLEAN_EVERY == 0:
                self.delta.cleanup_metadata()

    def _log_entry(self, version: int) -> str:
        return f"{self.name}/_delta_log/{version:0{_DIGITS}}.json"

    def actions(self, version: int) -> list[tuple[str, dict[str, Any]]]:
        """What a commit did to files: `add` or `remove`, and the details. Paths are decoded.

        Raises:
            NotFound: the log does not reach back that far.
        """
        found = []
        for line in self.storage.read(self._log_entry(version)).splitlines():
            for kind, action in json.loads(line).items():
                if kind in {"add", "remove"}:
                    found.append((kind, {**action, "path": unquote(action["path"])}))
        return found

    @contextlib.contextmanager
    def at_hand(self, paths: Sequence[str]) -> Iterator[list[Path]]:
        """Files of the table as local files: they are, or copies that live as long as this."""
        if self.storage.folder is not None:
            yield [self.storage.folder / self.name / path for path in paths]
            return
        with tempfile.TemporaryDirectory(prefix="rustonite-") as folder:
            copies = [Path(folder, f"{number}.parquet") for number in range(len(paths))]
            for path, copy in zip(paths, copies, strict=True):
                self.storage.download(f"{self.name}/{path}", copy)
            yield copies

    def add_columns(self, columns: Iterable[Column]) -> None:
        """Add columns; files written before read as null.

        Raises:
            Invalid: a name is taken, or a column may not be null.
        """
        columns = list(columns)
        taken = {name.lower() for name in self.dataset.columns}
        for column in columns:
            if column.name.lower() in taken:
                message = "there is such a column; a new type needs a new column or dataset"
                raise Invalid(f"{self.root}: column {column.name!r}: {message}")
            if not column.nullable:
                message = "old rows have no value for it, so it must be nullable"
                raise Invalid(f"{self.root}: column {column.name!r}: {message}")
        self._guard(lambda: self.delta.alter.add_columns([delta_field(c) for c in columns]))
        self._reopen()

    def history(self, limit: int | None = None) -> list[dict[str, Any]]:
        """The commits, newest first."""
        return self._guard(lambda: self.delta.history(limit))

    @property
    def delta(self) -> DeltaTable:
        """The `deltalake` handle, at the version that was seen."""
        if self._delta.version() != self._version:
            self._delta = self._guard(lambda: self._at(self._version))
        return self._delta


def _data_file(row: Mapping[str, Any]) -> DataFile:
    partition = row.get("partition") or {}
    return DataFile(
        path=unquote(row["path"]),
        size=row["size_bytes"],
        rows=row["num_records"] or 0,
        partition={name: _text(value) for name, value in partition.items()},
        minimum=_known(row.get("min")),
        maximum=_known(row.get("max")),
        nulls=_known(row.get("null_count")),
        modified_ms=row["modification_time"],
    )


def _whole_nanoseconds(adds: pa.Table) -> pa.Table:
    """Timestamps as integers: Python's own times have no nanoseconds."""
    for position, column in enumerate(adds.schema):
        if pa.types.is_struct(column.type):
            plain = [_integer_times(child) for child in column.type]
            kind = pa.struct(plain)
            adds = adds.set_column(position, column.name, adds.column(position).cast(kind))
    return adds


def _integer_times(child: pa.Field) -> pa.Field:
    return child.with_type(pa.int64()) if pa.types.is_timestamp(child.type) else child


def _known(values: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (values or {}).items() if value is not None}


def _text(value: Any) -> str | None:  # noqa: ANN401 - any Arrow value
    if value is None or isinstance(value, str):
        return value
    return value.isoformat() if isinstance(value, date) else str(value)
