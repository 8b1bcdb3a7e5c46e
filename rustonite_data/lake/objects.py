"""Files of an object store, for engines that have no reader of their own for them."""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING, Any

from obstore.fsspec import FsspecStore

from rustonite_data.lake.storage import split_options

if TYPE_CHECKING:
    from collections.abc import Mapping


class Objects(FsspecStore):
    """An object store as fsspec knows them, whose files several threads may read at once."""

    def __init__(self, protocol: str, options: Mapping[str, str]) -> None:
        """Name a store by the protocol of its URLs, and how it is reached."""
        settings: list[Any] = [part or None for part in split_options(dict(options))]
        config, client, retry = settings
        make: Any = super().__init__  # its types want each protocol by its name
        make(protocol, config=config, client_options=client, retry_config=retry)

    def _open(self, path: str, mode: str = "rb", *_: object, **options: Any) -> Any:  # noqa: ANN401
        if mode == "rb":
            return _File(self, path)
        return super()._open(path, mode, **options)


class _File(io.RawIOBase):
    """A file that is read by ranges.

    DuckDB reads ahead with several threads on one handle, and to seek and to read are two calls:
    each thread has a place of its own.
    """

    def __init__(self, store: Objects, path: str) -> None:
        super().__init__()
        self._store, self._path = store, path
        self._size = store.size(path)
        self._place = threading.local()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        at: int = getattr(self._place, "at", 0)
        return at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        bases: dict[int, int] = {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: self._size}
        at = bases[whence] + offset
        self._place.at = at
        return at

    def read(self, size: int | None = -1) -> bytes:
        at = self.tell()
        end = self._size if size is None or size < 0 else min(at + size, self._size)
        if at >= end:
            return b""
        data: bytes = self._store.cat_file(self._path, start=at, end=end)
        self._place.at = end
        return data
