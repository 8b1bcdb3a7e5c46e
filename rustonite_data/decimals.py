"""Exact decimals, by the same rules as the decoders.

Venues send prices as decimal digits. A float that is nearest to those digits is what the lake
stores; these functions tell how near, and count in ticks without any float.
"""

from rustonite_data import _native


def parts(text: str) -> tuple[int, int]:
    """Mantissa and exponent of a decimal number; trailing zeros are kept.

    Raises:
        Invalid: not a decimal number, or more than 38 digits.

    Example:
        >>> parts("0.01500")
        (1500, -5)
    """
    return _native.decimal_parts(text)


def text(mantissa: int, exponent: int) -> str:
    """The digits of `mantissa * 10**exponent`, without an exponent.

    Raises:
        Invalid: more than 38 digits, or an exponent beyond 400.

    Example:
        >>> text(1500, -5)
        '0.01500'
    """
    return _native.decimal_text(mantissa, exponent)


def to_float(text: str) -> tuple[float, bool]:
    """The nearest float, and whether it fails to print back to the same number.

    Raises:
        Invalid: not a decimal number, or one that no finite float is near to.

    Example:
        >>> to_float("60123.45")
        (60123.45, False)
        >>> to_float("9007199254740993")
        (9007199254740992.0, True)
    """
    return _native.decimal_to_float(text)


def ticks(text: str, tick: str) -> int:
    """How many ticks a number is, exactly.

    Raises:
        Invalid: not a multiple of the tick, or not a decimal number.

    Example:
        >>> ticks("101.75", "0.25")
        407
    """
    return _native.decimal_ticks(text, tick)
