"""Databento DBN, all versions, plain or in zstd: market data and definitions.

Records are read where they lie, by the layouts that `databento_dbn` publishes; symbols come from
the metadata, or in recordings of live streams from mapping records. Action `N` changes nothing and
is left out; fills (`F`) are events of the resting order in `book_orders`, trades (`T`) rows of
`trades`. Best bid and ask that come with a trade are a row of `quotes` as well. Sampled quotes
(`bbo-1s` ...) have no time of their own: `ts_event` is `ts_recv`. Bars have the time of their end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rustonite_data.errors import Corrupt, Invalid
from rustonite_data.lake.imports.dbn_records import MAKERS, Batch
from rustonite_data.lake.imports.dbn_symbols import Symbols
from rustonite_data.lake.imports.files import ByteStream
from rustonite_data.lake.imports.order_sizes import OrderSizes, Places
from rustonite_data.lake.imports.source import Shape, Source, needed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa


MAGIC = b"DBN"
"""How a file begins, once decompressed."""

VENUES = {
    "ARCX": "nyse-arca",
    "BATS": "cboe-bzx",
    "BATY": "cboe-byx",
    "EDGA": "cboe-edga",
    "EDGX": "cboe-edgx",
    "GLBX": "cme",
    "IEXG": "iex",
    "IFEU": "ice-europe",
    "IFUS": "ice-us",
    "MEMX": "memx",
    "OPRA": "opra",
    "XASE": "nyse-american",
    "XBOS": "nasdaq-bx",
    "XCHI": "nyse-chicago",
    "XEUR": "eurex",
    "XNAS": "nasdaq",
    "XNYS": "nyse",
    "XPSX": "nasdaq-psx",
}
"""Venues by the first part of the name of a Databento dataset; others keep that part."""

# Datasets that join several exchanges: their rows say which.
_JOINED = {"DBEQ", "EQUS", "OPRA", "XCIS"}
_HEAD_BYTES = 8
_METADATA_BYTES_MAX = 1 << 30
_TS_OUT_BYTES = 8
_WORD_BYTES = 4
_RTYPE_MAPPING = 0x16
# Errors, messages of the gateway: about the stream, not about the market.
_RTYPES_SKIPPED = {0x15, 0x17}


class Databento(Source):
    """A DBN file."""

    format = "databento"
    place = "record"
    _stream: ByteStream | None = None

    def _prepare(self) -> None:
        """Read the metadata."""
        request = self._request
        request.without_columns(self.format)
        request.take()
        self._package = needed("databento_dbn", "databento-dbn", "DBN")
        self._stream = ByteStream(request.path)
        self._metadata = self._read_metadata(self._stream)
        self._symbols = Symbols(request.path, self._metadata, request.symbol)
        part = self._metadata.dataset.partition(".")[0]
        self._venue = request.venue or VENUES.get(part, part.lower())
        self._joined = part in _JOINED
        self._orders, self._places = OrderSizes(), Places()
        self._records = 0

    def _read_metadata(self, stream: ByteStream) -> Any:  # noqa: ANN401 - of the package
        head = stream.read(_HEAD_BYTES)
        size = int.from_bytes(head[4:], "little")
        if head[:3] != MAGIC or len(head) < _HEAD_BYTES or size > _METADATA_BYTES_MAX:
            raise Invalid(f"{self.path}: starts with {head!r}, expected DBN with its metadata")
        rest = self._read_exactly(stream, size)
        try:
            metadata = self._package.Metadata.decode(head + rest)
        except Exception as error:
            raise Corrupt(f"{self.path}: the metadata cannot be read: {error}") from error
        self._version = head[3]
        return metadata

    def _read_exactly(self, stream: ByteStream, size: int) -> bytes:
        pieces = []
        while size and (piece := stream.read(size)):
            pieces.append(piece)
            size -= len(piece)
        if size:
            raise Corrupt(f"{self.path}: ends within the metadata")
        return b"".join(pieces)

    @property
    def bytes_total(self) -> int:
        """Size of the file."""
        return self._stream.bytes_total if self._stream else 0

    @property
    def bytes_done(self) -> int:
        """How much of it was read so far, compressed as it lies on disk."""
        return self._stream.bytes_done if self._stream else 0

    def _shapes(self) -> Iterable[Shape]:
        schema = self._metadata.schema
        made = [maker for maker in MAKERS if schema is None or str(schema) in maker.schemas]
        columns: dict[str, set[str]] = {}
        for maker in made:
            for dataset, filled in maker.columns.items():
                columns.setdefault(dataset, set()).update(filled)
        if not columns:
            known = sorted({name for maker in MAKERS for name in maker.schemas})
            raise Invalid(
                f"{self.path}: there is no dataset for records of {schema}, expected one of "
                + ", ".join(known)
            )
        for dataset in self._request.choose(list(columns)):
            yield Shape(self._request.schema(dataset), columns[dataset])

    def _batches(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        rest = b""
        for piece in self._stream.pieces() if self._stream else ():
            data = rest + piece
            used = 0
            groups: dict[int, list[np.ndarray[Any, Any]]] = {}
            for rtype, rows, used in self._runs(data):  # noqa: B007 - wanted after the loop
                if rtype not in _RTYPES_SKIPPED:
                    groups.setdefault(rtype, []).append(rows)
            rest = data[used:]
            for rows in groups.pop(_RTYPE_MAPPING, []):
                self._symbols.learn(rows)
            for rtype, runs in groups.items():
                yield from self._made(rtype, np.concatenate(runs) if len(runs) > 1 else runs[0])
        if rest:
            raise Corrupt(f"{self.path}: ends within record {self._records + 1}")

    def _made(self, rtype: int, rows: np.ndarray[Any, Any]) -> Iterator[tuple[str, pa.RecordBatch]]:
        maker = next(maker for maker in MAKERS if rtype in maker.rtypes)
        batch = Batch(
            rows, self._venue, self._symbols, self._orders, self._places, joined=self._joined
        )
        for dataset, columns, count in maker.make(batch):
            # Sorts of records that fill other columns of the dataset may be in the same file.
            if dataset in self.shapes:
                filled = dict.fromkeys(self.shapes[dataset].arrow.names) | columns
                yield dataset, self.shapes[dataset].batch(filled, count)

    def _runs(self, data: bytes) -> Iterator[tuple[int, np.ndarray[Any, Any], int]]:
        """Runs of records of one type: the type, the records, and where they end in `data`."""
        text = np.frombuffer(data, np.uint8)
        at = 0
        while len(text) - at >= _WORD_BYTES:
            words, rtype = int(text[at]), int(text[at + 1])
            stride = words * _WORD_BYTES
            if stride < 16:  # noqa: PLR2004 - the header of a record
                raise Corrupt(f"{self.path}: record {self._records + 1} has {stride} bytes")
            count = _alike(text[at:], stride)
            if not count:
                return
            end = at + count * stride
            layout = self._layout(rtype, stride)
            yield rtype, np.ndarray((count,), layout, data, at, (stride,)), end
            at = end
            self._records += count

    def _layout(self, rtype: int, stride: int) -> np.dtype[Any]:
        if rtype in _RTYPES_SKIPPED:
            return np.dtype(f"V{stride}")
        makers = [maker for maker in MAKERS if rtype in maker.rtypes]
        if not makers and rtype != _RTYPE_MAPPING:
            raise Invalid(
                f"{self.path}: record {self._records + 1} has type {rtype:#04x}, "
                "for which there is no dataset"
            )
        name = makers[0].record if makers else "SymbolMappingMsg"
        # Newer versions append to records or lay them out anew under a name of their own.
        size = stride - (_TS_OUT_BYTES if self._metadata.ts_out else 0)
        for candidate in (f"{name}V{self._version}", name, f"{name}V2", f"{name}V1"):
            record = getattr(self._package, candidate, None)
            if record is not None and record.size_hint == size:
                # This is how Databento's own client reads, too.
                layout: np.dtype[Any] = np.dtype(record._dtypes)  # noqa: SLF001
                return layout
        raise Corrupt(
            f"{self.path}: record {self._records + 1} of type {rtype:#04x} has {size} bytes"
        )

    def _close(self) -> None:
        if self._stream is not None:
            self._stream.close()


def _alike(text: np.ndarray[Any, Any], stride: int) -> int:
    """How many whole records follow each other that have length and type of the first."""
    limit = len(text) // stride
    count, window = min(1, limit), 64
    while count < limit:
        end = min(limit, count + window)
        heads = text[count * stride : end * stride]
        same = (heads[::stride] == text[0]) & (heads[1::stride] == text[1])
        if not same.all():
            return count + int(np.argmin(same))
        count, window = end, window * 4
    return count
