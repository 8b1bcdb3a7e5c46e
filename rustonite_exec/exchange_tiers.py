"""Tiers of positions and of fees, as users of a local exchange write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

from rustonite_data.errors import Invalid
from rustonite_data.hints import hint

Rows: TypeAlias = Sequence[Mapping[str, Decimal | int | float | str]]
"""Tables of name to number, one for each tier."""

_LEVERAGE_MAX = 1_000


def tier_rows(tiers: Mapping[str, Rows]) -> dict[str, list[tuple[str, int, str]]]:
    """Largest worth, largest leverage, and the part that is kept, by symbol.

    Raises:
        Invalid: a tier without one of them, or with a number that cannot be.
    """
    found = {}
    for symbol, rows in tiers.items():
        place = f"tiers.{symbol}"
        tables = _tables(rows, ("worth", "leverage", "keeps"), place)
        found[symbol] = [
            (worth, _leverage(leverage, f"{place}[{number}]"), keeps)
            for number, (worth, leverage, keeps) in enumerate(tables)
        ]
    return found


def fee_rows(rows: Rows) -> list[tuple[str, str, str]]:
    """Volumes, and the fees of who rested and of who came.

    Raises:
        Invalid: as `tier_rows`.
    """
    tables = _tables(rows, ("volume", "maker", "taker"), "fee_tiers")
    return [(volume, maker, taker) for volume, maker, taker in tables]


def _tables(rows: Rows, names: tuple[str, ...], place: str) -> list[list[str]]:
    if not all(isinstance(row, Mapping) for row in rows) or isinstance(rows, Mapping):
        raise Invalid(f"{place}: found {rows!r}, expected tables with {', '.join(names)}")
    return [_numbers(row, names, f"{place}[{number}]") for number, row in enumerate(rows)]


def _numbers(row: Mapping[str, object], names: tuple[str, ...], place: str) -> list[str]:
    for name in row:
        if name not in names:
            raise Invalid(f"{place}.{name}: unknown key; {hint(str(name), names)}")
    return [_number(row.get(name), f"{place}.{name}") for name in names]


def _number(value: object, place: str) -> str:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = None
    if number is None or isinstance(value, bool) or not number.is_finite():
        raise Invalid(f"{place}: found {value!r}, expected a number")
    return f"{number:f}"


def _leverage(text: str, place: str) -> int:
    number = Decimal(text)
    if number != int(number) or not 1 <= number <= _LEVERAGE_MAX:
        raise Invalid(
            f"{place}.leverage: found {text}, expected a whole number from 1 to {_LEVERAGE_MAX}"
        )
    return int(number)
