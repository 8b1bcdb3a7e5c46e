"""Rustonite's data half: tapes, schemas and exact decimals."""

from rustonite_data import decimals, errors, schemas
from rustonite_data._native import VERSION as __version__  # noqa: N811 - the usual name
from rustonite_data.errors import RustoniteError
from rustonite_data.schemas import Column, Schema
from rustonite_data.serve import serve
from rustonite_data.tape import Batch, Gap, MergedReader, Reader, Rows, Tape

__all__ = [
    "Batch",
    "Column",
    "Gap",
    "MergedReader",
    "Reader",
    "Rows",
    "RustoniteError",
    "Schema",
    "Tape",
    "__version__",
    "decimals",
    "errors",
    "schemas",
    "serve",
]
