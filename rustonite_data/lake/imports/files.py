"""Bytes of files to import: decompressed on the way, with progress, and their content hash."""

from __future__ import annotations

import bz2
import hashlib
import lzma
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from rustonite_data.closing import Closing
from rustonite_data.errors import Corrupt, Invalid, NotFound, RustoniteError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

CHUNK_BYTES = 8 << 20
"""What is read and parsed at a time. A few of them are in memory at any moment."""

_MAGICS = {
    "gzip": b"\x1f\x8b",
    "zstd": b"\x28\xb5\x2f\xfd",
    "bz2": b"BZh",
    "zip": b"PK\x03\x04",
    "empty zip": b"PK\x05\x06",
}
_SUFFIXES = (".gz", ".gzip", ".zst", ".zstd", ".bz2", ".zip")
# What the decompressors raise when bytes are not as written.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, lzma.LZMAError, pa.ArrowInvalid)


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...
    def close(self) -> None: ...


def content_id(path: str | PathLike[str]) -> str:
    r"""The SHA-256 of a file's bytes, as they lie on disk: what an import is recognised by.

    Raises:
        NotFound: there is no such file.
        Invalid: it is a folder or may not be read.

    Example:
        >>> _ = (folder / "data.csv").write_text("a,b\n1,2\n")
        >>> content_id(folder / "data.csv")[:16]
        '492d5ea496056f1a'
    """
    digest = hashlib.sha256()
    with as_ours(Path(path)), Path(path).open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


class as_ours:  # noqa: N801 - used like a function
    """Turns what goes wrong while reading a file into our errors, with its path."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Raise ours instead of `error`, if it is about the file."""
        if isinstance(error, (RustoniteError, type(None))):
            return
        if isinstance(error, FileNotFoundError):
            raise NotFound(f"{self._path}: there is no such file") from error
        if isinstance(error, (PermissionError, IsADirectoryError)):
            raise Invalid(f"{self._path}: cannot be read: {error.strerror}") from error
        # Arrow raises a bare OSError for compressed bytes that make no sense.
        if isinstance(error, _DAMAGE) or (isinstance(error, OSError) and error.errno is None):
            raise Corrupt(f"{self._path}: damaged or cut off: {error}") from error
        if isinstance(error, OSError):
            raise Unavailable(f"{self._path}: reading failed: {error}") from error


class ByteStream(Closing):
    """The bytes of a file from its beginning, decompressed by what they are and not by their name.

    The next piece is read ahead in a thread of its own: decompressing and parsing overlap.
    """

    def __init__(self, path: Path) -> None:
        """Open the file. `NotFound`, `Invalid` or `Corrupt` if that is not possible."""
        self.path = path
        self.name = inner_name(path)
        self.bytes_done = 0
        self._raw: Any = None
        self._stream: _Readable | None = None
        self._thread = ThreadPoolExecutor(1, "rustonite-import")
        try:
            with as_ours(path):
                self.bytes_total = path.stat().st_size
                with path.open("rb") as file:
                    start = file.read(4)
                kinds = [kind for kind, magic in _MAGICS.items() if start.startswith(magic)]
                self._open(kinds[0] if kinds else "")
        except BaseException:
            self.close()
            raise

    def _open(self, kind: str) -> None:
        if kind in ("bz2", "zip", "empty zip"):
            self._raw = self.path.open("rb")
            is_zip = kind != "bz2"
            self._stream = self._member(self._raw) if is_zip else bz2.BZ2File(self._raw)
        else:
            self._raw = pa.OSFile(str(self.path), "rb")
            self._stream = pa.CompressedInputStream(self._raw, kind) if kind else self._raw

    def _member(self, file: Any) -> _Readable:  # noqa: ANN401 - a file
        archive = zipfile.ZipFile(file)
        members = [member for member in archive.infolist() if not member.is_dir()]
        if len(members) != 1:
            names = ", ".join(member.filename for member in members[:5]) or "nothing"
            raise Invalid(f"{self.path}: the archive holds {names}, expected exactly one file")
        if members[0].flag_bits & 1:
            raise Invalid(f"{self.path}: {members[0].filename} is encrypted")
        self.name = Path(members[0].filename).name
        return archive.open(members[0])

    def read(self, size: int) -> bytes:
        """The next bytes, at most `size`; none at the end."""
        with as_ours(self.path):
            piece = b"" if self._stream is None else bytes(self._stream.read(size))
            self.bytes_done = self._raw.tell()
        return piece

    def pieces(self) -> Iterator[bytes]:
        """The bytes that are left, piece by piece, each read while the one before is used."""
        size = CHUNK_BYTES
        ahead = self._thread.submit(self.read, size)
        while piece := ahead.result():
            ahead = self._thread.submit(self.read, size)
            yield piece
        self.bytes_done = self.bytes_total

    def close(self) -> None:
        """Close the file. Harmless when it is closed already."""
        self._thread.shutdown(cancel_futures=True)
        for opened in (self._stream, self._raw):
            if opened is not None:
                opened.close()


def inner_name(path: Path) -> str:
    """The name of a file without the suffix of its compression."""
    return path.stem if path.suffix.lower() in _SUFFIXES else path.name
