//! Exact decimals, for tools and tests written in Python.

use pyo3::prelude::*;
use rustonite_core::decimal::{Decimal, DecimalError, parse_f64};

use crate::error::invalid;

#[allow(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn refuse(error: DecimalError) -> PyErr {
    invalid(error.to_string())
}

/// Mantissa and exponent of a decimal number.
#[pyfunction]
pub(crate) fn decimal_parts(text: &str) -> PyResult<(i128, i32)> {
    let decimal = Decimal::parse(text.as_bytes()).map_err(refuse)?;
    Ok((decimal.mantissa(), decimal.exponent()))
}

/// The digits of `mantissa * 10**exponent`.
#[pyfunction]
pub(crate) fn decimal_text(mantissa: i128, exponent: i32) -> PyResult<String> {
    Decimal::new(mantissa, exponent).map(|decimal| decimal.to_string()).map_err(refuse)
}

/// The nearest float of a decimal number, and whether it fails to print back to the same number.
#[pyfunction]
pub(crate) fn decimal_to_float(text: &str) -> PyResult<(f64, bool)> {
    parse_f64(text.as_bytes()).map_err(refuse)
}

/// A decimal number as a count of ticks.
#[pyfunction]
pub(crate) fn decimal_ticks(text: &str, tick: &str) -> PyResult<i64> {
    let tick = Decimal::parse(tick.as_bytes()).map_err(refuse)?;
    Decimal::parse(text.as_bytes()).and_then(|decimal| decimal.to_ticks(tick)).map_err(refuse)
}
