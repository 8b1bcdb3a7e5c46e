"""Where a lake's bytes are: a local folder, or a prefix of an object store."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import uuid
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import obstore

from rustonite_data.errors import Invalid, NotFound, RustoniteError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CLIENT_OPTIONS = (
    "allow_http",
    "timeout",
    "connect_timeout",
    "proxy_url",
    "allow_invalid_certificates",
)


@dataclass(frozen=True)
class Stored:
    """A file of a lake."""

    path: str
    size: int
    modified: float
    """Seconds since 1970."""


class Storage:
    """Files under one root. Paths are relative to it."""

    def __init__(
        self, url: str | os.PathLike[str], options: Mapping[str, str] | None = None
    ) -> None:
        """Name a place; nothing is touched yet.

        Args:
            url: A folder, `file://…`, or a URL of an object store (`s3://bucket/prefix`, `gs://`,
                `az://`).
            options: For object stores, the settings that `object_store` knows, such as
                `aws_access_key_id`; what is missing comes from the environment.
        """
        text = os.fspath(url)
        parts = urlsplit(text)
        self.options = dict(options or {})
        self.folder: Path | None = None
        self._store: Any = None
        if parts.scheme in {"", "file"}:
            self.folder = Path(parts.path if parts.scheme else text).absolute()
            self.root = str(self.folder)
            return
        self.root = text.rstrip("/")
        config, client, retry = split_options(self.options)
        try:
            make: Any = obstore.store.from_url
            self._store = make(
                self.root,
                config=config or None,
                client_options=client or None,
                retry_config=retry or None,
            )
        except (obstore.exceptions.BaseError, ValueError) as error:
            raise Invalid(f"{self.root}: {_first_line(error)}") from error

    @property
    def local(self) -> bool:
        """Whether this is a folder of a local disk."""
        return self.folder is not None

    def read(self, path: str) -> bytes:
        """The bytes of a file.

        Raises:
            NotFound: there is none.
            Unavailable: it could not be read.
        """
        with self._clear_errors(path):
            if self.folder is not None:
                return (self.folder / path).read_bytes()
            return bytes(obstore.get(self._store, path).bytes())

    def create(self, path: str, data: bytes) -> bool:
        """Write a small file unless there is one already; says whether it did."""
        with self._clear_errors(path):
            if self.folder is None:
                try:
                    obstore.put(self._store, path, data, mode="create")
                except obstore.exceptions.AlreadyExistsError:
                    return False
                return True
            target = self.folder / path
            with _part(target) as part:
                with part.open("xb") as out:
                    out.write(data)
                    out.flush()
                    os.fsync(out.fileno())
                try:
                    os.link(part, target)
                except FileExistsError:
                    return False
            return True

    def replace(self, path: str, data: bytes) -> None:
        """Write a small file, whole, over the one that may be there."""
        with self._clear_errors(path):
            if self.folder is None:
                obstore.put(self._store, path, data)
                return
            target = self.folder / path
            with _part(target) as part:
                part.write_bytes(data)
                part.replace(target)

    def upload(self, source: Path, path: str) -> None:
        """Copy a local file to an object store, in parts if it is large."""
        with self._clear_errors(path):
            obstore.put(self._store, path, source)

    def download(self, path: str, target: Path) -> None:
        """Copy a file of an object store to a local one."""
        with self._clear_errors(path), target.open("wb") as out:
            for chunk in obstore.get(self._store, path).stream(min_chunk_size=8 << 20):
                out.write(bytes(chunk))

    def delete(self, path: str) -> None:
        """Remove a file; harmless if there is none."""
        with contextlib.suppress(NotFound), self._clear_errors(path):
            if self.folder is not None:
                (self.folder / path).unlink()
            else:
                obstore.delete(self._store, path)

    def stored(self, path: str) -> Stored | None:
        """Size and age of a file; `None` if there is none."""
        with contextlib.suppress(NotFound), self._clear_errors(path):
            if self.folder is not None:
                facts = (self.folder / path).stat()
                return Stored(path, facts.st_size, facts.st_mtime)
            meta = obstore.head(self._store, path)
            return Stored(path, meta["size"], meta["last_modified"].timestamp())
        return None

    def folders(self) -> list[str]:
        """Names of the folders right under the root."""
        with self._clear_errors(""):
            if self.folder is not None:
                return sorted(entry.name for entry in self.folder.iterdir() if entry.is_dir())
            found = obstore.list_with_delimiter(self._store)["common_prefixes"]
            return sorted(prefix.rstrip("/").rpartition("/")[2] for prefix in found)

    def files(self, prefix: str) -> list[Stored]:
        """All files below a folder."""
        with self._clear_errors(prefix):
            if self.folder is not None:
                return sorted(_walk(self.folder, self.folder / prefix), key=lambda file: file.path)
            found = [meta for page in obstore.list(self._store, prefix) for meta in page]
            files = [Stored(m["path"], m["size"], m["last_modified"].timestamp()) for m in found]
            return sorted(files, key=lambda file: file.path)

    def names_behind(self, path: str) -> list[str]:
        """Names in the folder of a file that come after its own, in no order.

        Raises:
            NotFound: a local folder is gone.
        """
        folder, _, name = path.rpartition("/")
        with self._clear_errors(folder):
            if self.folder is not None:
                return [one for one in os.listdir(self.folder / folder) if one > name]  # noqa: PTH208 - many
            pages = obstore.list(self._store, f"{folder}/", offset=path)
            return [meta["path"].rpartition("/")[2] for page in pages for meta in page]

    @contextlib.contextmanager
    def _clear_errors(self, path: str) -> Iterator[None]:
        where = f"{self.root}/{path}" if path else self.root
        try:
            yield
        except RustoniteError:
            raise
        except FileNotFoundError as error:
            raise NotFound(f"{where}: no such file") from error
        except (PermissionError, NotADirectoryError) as error:
            raise Invalid(f"{where}: {error.strerror}") from error
        except (OSError, obstore.exceptions.BaseError) as error:
            is_fixed = isinstance(error, OSError) and error.errno == errno.EROFS
            kind = Invalid if is_fixed else Unavailable
            raise kind(f"{where}: {_first_line(error)}") from error


def split_options(
    options: Mapping[str, str],
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Options of the store, of its HTTP client and of retries: `obstore` wants them apart."""
    config: dict[str, Any] = {}
    client: dict[str, Any] = {}
    retry: dict[str, Any] = {}
    for name, value in options.items():
        key = name.lower()
        bare = key.removeprefix("aws_").removeprefix("azure_").removeprefix("google_")
        if bare in _CLIENT_OPTIONS:
            client[bare] = {"true": True, "false": False}.get(value.lower(), value)
        elif key == "max_retries":
            retry[key] = int(value)
        elif key == "retry_timeout":
            retry[key] = _duration(key, value)
        elif key.startswith("backoff_config."):
            part = key.removeprefix("backoff_config.")
            backoff = retry.setdefault("backoff", {})
            backoff[part] = float(value) if part == "base" else _duration(key, value)
        else:
            config[key] = value
    return config, client, retry


def without_retries(options: Mapping[str, str]) -> dict[str, str]:
    """Options for engines that spell how often to try again in their own way."""
    ours = ("max_retries", "retry_timeout", "backoff_config.")
    return {key: value for key, value in options.items() if not key.lower().startswith(ours)}


def _duration(key: str, text: str) -> timedelta:
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?(ms|s|m)", text)
    if found is None:
        raise Invalid(
            f"storage option {key}: found {text!r}, expected a duration such as 500ms or 10s"
        )
    unit = {"ms": "milliseconds", "s": "seconds", "m": "minutes"}[found[2]]
    return timedelta(**{unit: float(found[1])})


def _first_line(error: BaseException) -> str:
    # The path is told already, and the number of an error is for programs.
    said = isinstance(error, OSError) and error.strerror
    return said or str(error).strip().partition("\n")[0] or type(error).__name__


@contextlib.contextmanager
def _part(target: Path) -> Iterator[Path]:
    """A name of one's own beside a file that is to appear whole; gone afterwards."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def _walk(root: Path, folder: Path) -> Iterator[Stored]:
    for here, _, names in os.walk(folder):
        for name in names:
            path = Path(here, name)
            with contextlib.suppress(FileNotFoundError):
                facts = path.stat()
                yield Stored(str(path.relative_to(root)), facts.st_size, facts.st_mtime)
