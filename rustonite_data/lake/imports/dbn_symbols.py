"""Which symbol an instrument id of Databento stands for on which day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rustonite_data.errors import Invalid

if TYPE_CHECKING:
    from pathlib import Path

_DAY_NS = 86_400_000_000_000
_DAY_BITS = 20
_DAY_MAX = (1 << _DAY_BITS) - 1


class Symbols:
    """Ids and days, sorted for a search by whole columns."""

    def __init__(self, path: Path, metadata: Any, only: str | None) -> None:  # noqa: ANN401
        """Take the mappings of a file's metadata; `only` names all instruments, if given."""
        self._path = path
        self._only = only
        self._spans: list[tuple[int, int, int, str]] = []
        for symbol, intervals in metadata.mappings.items():
            for interval in intervals:
                first, end = (_day(interval[name]) for name in ("start_date", "end_date"))
                other = interval["symbol"]
                # The id is the name that was asked for, or the answer, as the file was ordered.
                by_id = str(metadata.stype_in) == "instrument_id" and symbol.isdigit()
                number, name = (symbol, other) if by_id else (other, symbol)
                if number.isdigit() and name:
                    self._spans.append((int(number), first, end, name))
        self._build()

    def _build(self) -> None:
        self._spans.sort()
        self._keys = np.array([i << _DAY_BITS | first for i, first, _, _ in self._spans], np.int64)
        self._ends = np.array([end for _, _, end, _ in self._spans], np.int64)
        names = list(dict.fromkeys(name for *_, name in self._spans))
        self._names = pa.array(names, pa.string())
        places = {name: place for place, name in enumerate(names)}
        self._codes = np.array([places[name] for *_, name in self._spans], np.int32)

    def learn(self, records: np.ndarray[Any, Any]) -> None:
        """Take mapping records of a live stream: from now on."""
        for record in records:
            name = record["stype_out_symbol"].decode()
            number = int(record["instrument_id"])
            known = {span[0] for span in self._spans}
            if number not in known:
                self._spans.append((number, 0, _DAY_MAX, name))
        self._build()

    def of(self, ids: np.ndarray[Any, Any], times: np.ndarray[Any, Any]) -> pa.Array:
        """The symbol of each row."""
        if self._only is not None:
            return pa.DictionaryArray.from_arrays(
                pa.array(np.zeros(len(ids), np.int32)), pa.array([self._only])
            )
        days = times.astype(np.int64) // _DAY_NS
        wanted = ids.astype(np.int64) << _DAY_BITS | days
        found = np.searchsorted(self._keys, wanted, "right") - 1
        known = found >= 0
        if known.any():
            known &= (self._keys[found] >> _DAY_BITS == ids) & (days < self._ends[found])
        if not known.all():
            row = int(np.argmin(known))
            day = np.datetime64(int(days[row]), "D")
            raise Invalid(
                f"{self._path}: instrument {ids[row]} has no symbol on {day}: the file was ordered "
                "without mappings; give symbol= if it holds one instrument"
            )
        return pa.DictionaryArray.from_arrays(pa.array(self._codes[found]), self._names)


def _day(date: Any) -> int:  # noqa: ANN401 - a date
    return int(np.datetime64(date, "D").astype(np.int64))
