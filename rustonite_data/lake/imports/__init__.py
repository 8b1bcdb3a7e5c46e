"""Importers: files of vendors and venues as streams of rows for our datasets.

Each format is a module here. `open_source` finds the right one; what it returns yields Arrow record
batches in constant memory and tells how far it is. A lake takes them with `Lake.import_file`.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rustonite_data.errors import Invalid
from rustonite_data.lake.imports import binance_public, collector, databento, lobster, tardis
from rustonite_data.lake.imports.files import ByteStream, as_ours, content_id, inner_name
from rustonite_data.lake.imports.source import Extra, Request, Source
from rustonite_data.lake.imports.tabular import Arrow, Csv, Excel, Parquet

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from rustonite_data._native import Schema

__all__ = ["FORMATS", "Extra", "Source", "content_id", "find_format", "open_source"]

FORMATS: dict[str, type[Source]] = {
    source.format: source
    for source in (
        tardis.Tardis,
        databento.Databento,
        binance_public.BinancePublic,
        lobster.Lobster,
        collector.Collector,
        Csv,
        Parquet,
        Arrow,
        Excel,
    )
}
"""The importers by the names of their formats."""

_EXCEL_SUFFIXES = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_TEXT_SUFFIXES = (".csv", ".tsv", ".tab", ".txt")
_MAGICS = {b"PAR1": "parquet", b"ARROW1": "arrow", b"\xff\xff\xff\xff": "arrow"}
_HEAD_BYTES = 4096


def open_source(  # noqa: PLR0913 - every setting of an import, by keyword
    path: str | PathLike[str],
    format: str | None = None,  # noqa: A002 - the word for it
    *,
    dataset: str | Schema | None = None,
    venue: str | None = None,
    symbol: str | None = None,
    columns: Mapping[str, Any] | None = None,
    extra: Extra = "fail",
    rejects: str | PathLike[str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Source:
    r"""Open a file to import.

    Args:
        path: The file; text may be in gzip, zstd, bz2 or a zip of one file.
        format: One of `FORMATS`, if neither name nor content tell.
        dataset: Import only this one of the datasets that the file has rows for. Needed for `csv`,
            `parquet`, `arrow` and `excel`, where it may be a schema of your own.
        venue: The venue of all rows, where the file does not say or says it otherwise.
        symbol: The same for the symbol.
        columns: For `csv`, `parquet`, `arrow` and `excel`: where our columns come from. Those that
            are called the same need no entry. An entry is the name of a column of the file, or a
            mapping: `column` (its name), `unit` ("s", "ms", "us", "ns": what a time counts since
            1970), `zone` (time zone of times that do not tell theirs; else UTC), `words` (what the
            file's words mean in ours), or `value` (the same for all rows).
        extra: What to do with columns that have no place in the dataset.
        rejects: A new file for lines that cannot be read; without it the first one is an error.
            It is made when there is such a line: its number, the column, what is wrong, the line.
        options: Settings of the format; see its class.

    Raises:
        NotFound: there is no such file or dataset.
        Invalid: the format is not recognised, a setting or the header is wrong, the file is empty.
        Corrupt: the file is cut off or damaged.

    Example:
        >>> _ = (folder / "mine.csv").write_text("t,p,q,side\n1700000000123,42.5,3,B\n")
        >>> source = open_source(
        ...     folder / "mine.csv", dataset="trades", venue="binance", symbol="BTCUSDT",
        ...     columns={
        ...         "ts_event": {"column": "t", "unit": "ms"},
        ...         "ts_recv": {"column": "t", "unit": "ms"},
        ...         "price": "p", "size": "q", "side": {"words": {"B": "buy", "S": "sell"}},
        ...     },
        ... )
        >>> [(dataset, rows.num_rows) for dataset, rows in source.batches()]
        [('trades', 1)]
    """
    if extra not in ("fail", "drop", "keep"):
        raise Invalid(f"extra is {extra!r}, expected 'fail', 'drop' or 'keep'")
    request = Request(
        Path(path),
        dataset,
        venue,
        symbol,
        columns or {},
        extra,
        None if rejects is None else Path(rejects),
        options or {},
    )
    found = find_format(path) if format is None else format
    if found not in FORMATS:
        raise Invalid(f"{path}: format {found!r}, expected one of {', '.join(FORMATS)}")
    return FORMATS[found](request)


def find_format(path: str | PathLike[str]) -> str:
    """The format of a file by its content, or else by its name.

    Raises:
        NotFound: there is no such file.
        Invalid: it is none that can be recognised.
    """
    path = Path(path)
    with as_ours(path), path.open("rb") as file:
        start = file.read(16)
    for magic, format_ in _MAGICS.items():
        if start.startswith(magic):
            return format_
    if path.suffix.lower() in _EXCEL_SUFFIXES or _is_workbook(path, start):
        return "excel"
    with ByteStream(path) as stream:
        head, name = stream.read(_HEAD_BYTES).removeprefix(b"\xef\xbb\xbf"), stream.name
    if head.startswith(databento.MAGIC):
        return "databento"
    # What tardis.dev sends for a day without data is an empty file, compressed.
    if head.startswith(tardis.START) or (start and not head):
        return "tardis"
    if collector.START.match(head):
        return "collector"
    return _format_by_name(path, name)


def _format_by_name(path: Path, inside: str) -> str:
    for format_, pattern in (("lobster", lobster.NAME), ("binance", binance_public.NAME)):
        if pattern.match(inside) or pattern.match(inner_name(path)):
            return format_
    if inside.lower().endswith(_TEXT_SUFFIXES):
        return "csv"
    raise Invalid(f"{path}: format not recognised; give one (--format): {', '.join(FORMATS)}")


def _is_workbook(path: Path, start: bytes) -> bool:
    if not start.startswith(b"PK\x03\x04"):
        return False
    with as_ours(path), zipfile.ZipFile(path) as archive:
        return "[Content_Types].xml" in archive.namelist()
