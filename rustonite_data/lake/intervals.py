"""What closes a bar, as text: a number and a unit, spelled as in the dataset `bars`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from rustonite_data.errors import Invalid

_UNITS_NS = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
    "w": 604_800_000_000_000,
}
# 1970-01-05 was a Monday.
_MONDAY_NS = 4 * _UNITS_NS["d"]
_OTHER_UNITS = {"t": "tick", "v": "volume", "n": "notional"}
_INTERVAL = re.compile(r"(\d+(?:\.\d+)?)([a-z]+)")


@dataclass(frozen=True)
class Interval:
    """The length of a bar."""

    text: str
    kind: str
    """`time`, `tick`, `volume`, `notional` or `all`."""
    amount: int | Decimal
    """Nanoseconds, trades, size or money."""
    origin_ns: int = 0
    """Where buckets of time are counted from: 1970, but weeks start on Mondays."""

    @classmethod
    def parse(cls, text: object) -> Interval:
        """The interval that a text names.

        Raises:
            Invalid: it names none.

        Example:
            >>> Interval.parse("5m").amount, Interval.parse("1000t").kind
            (300000000000, 'tick')
        """
        found = _INTERVAL.fullmatch(text.strip()) if isinstance(text, str) else None
        units = ", ".join([*_UNITS_NS, *_OTHER_UNITS])
        expected = f"expected a number and a unit ({units}), such as 1m, 1000t or 50v, or all"
        if text == "all":
            return cls(text, "all", 0)
        if found is None or (found[2] not in _UNITS_NS and found[2] not in _OTHER_UNITS):
            raise Invalid(f"interval: found {text!r}, {expected}")
        number, unit = Decimal(found[1]), found[2]
        kind = _OTHER_UNITS.get(unit, "time")
        amount = number * _UNITS_NS.get(unit, 1)
        whole = kind in {"time", "tick"}
        if amount <= 0 or (whole and amount != int(amount)) or amount >= 2**63:
            raise Invalid(f"interval: found {text!r}, {expected}")
        origin = _MONDAY_NS if unit == "w" else 0
        return cls(found[0], kind, int(amount) if whole else amount, origin)
