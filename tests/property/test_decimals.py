"""Exact decimals against Python's own: `decimal` for values, `float` for rounding."""

from decimal import Context, Decimal

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from rustonite_data import decimals
from rustonite_data.errors import Invalid

EXACT = Context(prec=1000)
DIGITS = 38

mantissas = st.integers(0, 10**DIGITS - 1) | st.integers(0, 10**17) | st.integers(0, 10**6)


@st.composite
def lexemes(draw):
    """Decimal numbers as venues and JSON writers spell them."""
    digits = str(draw(mantissas))
    point = draw(st.integers(0, len(digits)))
    fraction = f".{digits[point:]}" if point < len(digits) else ""
    zeros = "0" * draw(st.integers(0, 5)) if point else draw(st.sampled_from(["", "0", "00"]))
    exponent = draw(st.integers(-330, 320)) if draw(st.booleans()) else None
    spelled = "" if exponent is None else f"{draw(st.sampled_from('eE'))}{exponent:+}"
    return f"{draw(st.sampled_from(['', '-', '+']))}{zeros}{digits[:point]}{fraction}{spelled}"


def value(mantissa, exponent):
    return Decimal(mantissa).scaleb(exponent, EXACT)


@given(lexemes())
def test_parts_are_the_number_and_its_digits(text):
    mantissa, exponent = decimals.parts(text)
    number = Decimal(text)
    assert value(mantissa, exponent) == number
    assert exponent == number.as_tuple().exponent


@given(st.integers(-(10**DIGITS) + 1, 10**DIGITS - 1), st.integers(-400, 400))
def test_text_says_the_number_without_an_exponent(mantissa, exponent):
    text = decimals.text(mantissa, exponent)
    assert Decimal(text) == value(mantissa, exponent)
    assert "e" not in text.lower()
    if exponent <= 0:
        assert text == f"{value(mantissa, exponent):f}"
        assert decimals.parts(text) == (mantissa, exponent)


@given(lexemes())
@example("9007199254740993")
@example("0.1")
@example("1e-324")
@example("-1e-324")
@example("4.9406564584124654e-324")
@example("2.4703282292062327e-324")
@example("1.7976931348623157e308")
@example("0.30000000000000004")
@example("123456789012345678")
@example("-0")
def test_floats_are_rounded_and_flagged_as_python_would(text):
    expected = float(text)
    if expected in (float("inf"), float("-inf")):
        with pytest.raises(Invalid, match="beyond the range of float64"):
            decimals.to_float(text)
        return
    number, inexact = decimals.to_float(text)
    # A zero is always the positive one: no venue means anything by -0.
    assert number.hex() == (expected or 0.0).hex()
    assert inexact == (Decimal(repr(number)) != Decimal(text))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_what_a_float_prints_reads_back_exactly(number):
    assert decimals.to_float(repr(number)) == (number, False)


@given(st.integers(-(2**63), 2**63 - 1), st.integers(1, 10**9), st.integers(-18, 3))
def test_ticks_count_exactly(count, mantissa, exponent):
    assume(abs(count * mantissa) < 10**DIGITS)
    tick, number = decimals.text(mantissa, exponent), decimals.text(count * mantissa, exponent)
    assert decimals.ticks(number, tick) == count


@given(lexemes(), st.integers(1, 10**9), st.integers(-18, 3))
def test_ticks_agree_with_decimal_arithmetic(text, mantissa, exponent):
    tick = value(mantissa, exponent)
    count = EXACT.divide(Decimal(text), tick)
    whole = EXACT.multiply(count, tick) == Decimal(text) and count == count.to_integral_value()
    if whole and -(2**63) <= count < 2**63:
        assert decimals.ticks(text, f"{tick:f}") == count
    else:
        expected = "not a multiple of tick|too large to count in ticks"
        with pytest.raises(Invalid, match=expected):
            decimals.ticks(text, f"{tick:f}")


@given(st.text(alphabet="0123456789+-.eE_ xnaif", max_size=12))
def test_what_is_no_number_is_refused(text):
    try:
        mantissa, exponent = decimals.parts(text)
    except Invalid as error:
        assert "expected" in str(error) or "exponent" in str(error)  # noqa: PT017
    else:
        assert value(mantissa, exponent) == Decimal(text)


@pytest.mark.parametrize("text", ["", "5.", ".", "-", "1e", "1_000", "nan", "inf", " 1", "1" * 39])
def test_spellings_that_are_refused(text):
    with pytest.raises(Invalid, match=r"bad decimal \".*\" at byte \d+: expected"):
        decimals.parts(text)


def test_ticks_must_be_positive():
    for tick in ("0", "-0.5"):
        with pytest.raises(Invalid, match=f"tick size {tick} is not positive"):
            decimals.ticks("1", tick)
