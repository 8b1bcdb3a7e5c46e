//! Numbers in the forms that `instruments` keeps.
#![allow(clippy::missing_errors_doc, reason = "all fail if the message has something else")]

use rustonite_core::Decimal;

use crate::error::Result;
use crate::json::Json;

/// Decimals of the exact columns of `instruments`.
const SCALE: i32 = 18;

impl Json<'_> {
    /// An exact number, counted in units of 10^-18.
    pub fn scaled(&mut self) -> Result<i128> {
        let start = *self;
        scaled(self.decimal()?).ok_or_else(|| start.expected("a number of at most 18 decimals"))
    }

    /// The same, or `None` for null and the empty text.
    pub fn scaled_or_null(&mut self) -> Result<Option<i128>> {
        let start = *self;
        let Some(value) = self.decimal_or_null()? else { return Ok(None) };
        let exact = scaled(value);
        exact.map(Some).ok_or_else(|| start.expected("a number of at most 18 decimals"))
    }

    /// The same, where zero means that there is no limit.
    pub fn limit(&mut self) -> Result<Option<i128>> {
        Ok(self.scaled_or_null()?.filter(|value| *value != 0))
    }

    /// A number that was multiplied by a power of ten, such as a percentage; `None` for null and the
    /// empty text.
    pub(crate) fn shifted_or_null(&mut self, digits: i32) -> Result<Option<Decimal>> {
        let start = *self;
        let Some(value) = self.decimal_or_null()? else { return Ok(None) };
        let value = Decimal::new(value.mantissa(), value.exponent() - digits);
        value.map(Some).map_err(|_| start.expected("a number"))
    }

    /// A percentage as a fraction in units of 10^-18.
    pub fn percent_or_null(&mut self) -> Result<Option<i128>> {
        let start = *self;
        let Some(value) = self.shifted_or_null(2)? else { return Ok(None) };
        let exact = scaled(value);
        exact.map(Some).ok_or_else(|| start.expected("a percentage of at most 16 decimals"))
    }

    /// A whole number of 32 bits, or `None` for null and the empty text.
    pub fn small_or_null(&mut self) -> Result<Option<i32>> {
        let start = *self;
        let Some(value) = self.integer_or_null()? else { return Ok(None) };
        let small = i32::try_from(value);
        small.map(Some).map_err(|_| start.expected("a whole number of 32 bits"))
    }
}

/// So many units of the last of so many decimals, in units of 10^-18.
pub(crate) fn step(units: i64, decimals: i32) -> Option<i128> {
    Decimal::new(units.into(), decimals.checked_neg()?).ok().and_then(scaled)
}

/// A number in units of 10^-18, if it has no digits below.
pub(crate) fn scaled(value: Decimal) -> Option<i128> {
    value.to_scale(SCALE).ok()
}
