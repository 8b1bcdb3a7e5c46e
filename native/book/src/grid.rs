//! Prices as whole numbers of ticks.
//!
//! The tick is the greatest one that all prices so far are multiples of. So neither zeros that a
//! venue prints for nothing (`60123.40000000`) nor a tick of 0.5 spread the levels over more ticks
//! than there are prices.

use rustonite_core::Decimal;

use crate::BookError;

/// Ticks stay below this, so that sums and differences of two fit `i128`.
const TICKS_LIMIT: u128 = 10_u128.pow(37);

/// How prices become ticks: `ticks * unit * 10^exponent` is the price.
#[derive(Clone, Debug)]
pub(crate) struct Grid {
    /// The finest decimal place that a price was written with.
    exponent: i32,
    /// Mantissa of a tick at that place; 0 before the first price.
    unit: u128,
    quick: Quick,
}

/// Division by a unit that leaves no remainder, without dividing: the unit is an odd number times a
/// power of two, and the odd number has an inverse modulo 2^64.
#[derive(Clone, Copy, Debug)]
struct Quick {
    shift: u32,
    inverse: u64,
    /// The largest quotient. A product with the inverse that is larger belongs to no multiple.
    limit: u64,
}

impl Quick {
    /// Divides nothing but zero.
    const NONE: Self = Self { shift: 0, inverse: 1, limit: 0 };

    /// [`Self::NONE`] for units beyond `u64`.
    fn new(unit: u128) -> Self {
        let Ok(unit @ 1..) = u64::try_from(unit) else { return Self::NONE };
        let shift = unit.trailing_zeros();
        let odd = unit >> shift;
        // Each step of Newton's method doubles the number of right bits; the start has three.
        let inverse = (0..5)
            .fold(odd, |guess, _| guess.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(guess))));
        Self { shift, inverse, limit: u64::MAX / odd }
    }

    #[inline]
    fn divide(self, value: u64) -> Option<u64> {
        let quotient = (value >> self.shift).wrapping_mul(self.inverse);
        let whole = value.trailing_zeros() >= self.shift && quotient <= self.limit;
        whole.then_some(quotient)
    }
}

/// A finer grid, and what ticks on the one before must be multiplied by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refined {
    grid: (i32, u128),
    factor: u128,
}

impl Grid {
    pub(crate) fn new() -> Self {
        Self { exponent: 0, unit: 0, quick: Quick::NONE }
    }

    /// Ticks of a price, if it is a multiple of the tick and was written as others were.
    #[inline]
    pub(crate) fn ticks(&self, price: Decimal) -> Option<i128> {
        let magnitude = u64::try_from(price.mantissa().unsigned_abs()).ok()?;
        let magnitude = match price.exponent() - self.exponent {
            0 => magnitude,
            more => magnitude.checked_mul(power(more)?)?,
        };
        let ticks = i128::from(self.quick.divide(magnitude)?);
        Some(if price.mantissa() < 0 { -ticks } else { ticks })
    }

    /// Ticks of any price, slowly.
    pub(crate) fn ticks_slowly(&self, price: Decimal) -> Option<i128> {
        if price.is_zero() {
            return Some(0);
        }
        let places = price.exponent().min(self.exponent);
        let unit = scaled(self.unit, self.exponent - places).filter(|unit| *unit > 0)?;
        let magnitude = scaled(price.mantissa().unsigned_abs(), price.exponent() - places)?;
        let whole = magnitude.is_multiple_of(unit) && magnitude / unit < TICKS_LIMIT;
        let ticks = (magnitude / unit).cast_signed();
        whole.then_some(if price.mantissa() < 0 { -ticks } else { ticks })
    }

    /// A grid that has a price, too.
    pub(crate) fn refined(&self, price: Decimal) -> Result<Refined, BookError> {
        let refused = || BookError::Price(Box::new(price));
        let exponent = if self.unit == 0 && !price.is_zero() {
            price.exponent()
        } else {
            price.exponent().min(self.exponent)
        };
        let before = scaled(self.unit, self.exponent - exponent).ok_or_else(refused)?;
        let magnitude = scaled(price.mantissa().unsigned_abs(), price.exponent() - exponent);
        let magnitude = magnitude.ok_or_else(refused)?;
        let unit = greatest_common_divisor(before, magnitude);
        if unit > 0 && magnitude / unit >= TICKS_LIMIT {
            return Err(refused());
        }
        let factor = if before == 0 { 1 } else { before / unit };
        Ok(Refined { grid: (exponent, unit), factor })
    }

    /// Whether a refinement changes nothing.
    pub(crate) fn is(&self, refined: Refined) -> bool {
        refined.grid == (self.exponent, self.unit)
    }

    pub(crate) fn adopt(&mut self, refined: Refined) {
        let (exponent, unit) = refined.grid;
        *self = Self { exponent, unit, quick: Quick::new(unit) };
    }

    /// The price of ticks, written to a decimal place that it was written to before.
    pub(crate) fn price(&self, ticks: i128, exponent: i32) -> Decimal {
        let magnitude = ticks.unsigned_abs().saturating_mul(self.unit);
        let shift = exponent - self.exponent;
        let mantissa = match (u64::try_from(magnitude), power(shift)) {
            (Ok(short), Some(power)) => u128::from(short / power),
            _ => magnitude / 10_u128.saturating_pow(shift.unsigned_abs()),
        };
        let mantissa = mantissa.cast_signed();
        let signed = if ticks < 0 { -mantissa } else { mantissa };
        // It was a decimal before, so it is one now.
        Decimal::new(signed, exponent).unwrap_or(Decimal::ZERO)
    }
}

impl Refined {
    /// Earlier ticks on the new grid, if it can hold them.
    pub(crate) fn ticks(self, before: i128) -> Option<i128> {
        let ticks = before.checked_mul(i128::try_from(self.factor).ok()?)?;
        let magnitude = ticks.unsigned_abs();
        let fits = magnitude < TICKS_LIMIT && magnitude.checked_mul(self.grid.1).is_some();
        fits.then_some(ticks)
    }
}

/// Powers of ten that `u64` holds.
const POWERS: [u64; 20] = {
    let mut powers = [1; 20];
    let mut index = 1;
    while index < powers.len() {
        powers[index] = powers[index - 1] * 10;
        index += 1;
    }
    powers
};

#[inline]
fn power(exponent: i32) -> Option<u64> {
    POWERS.get(usize::try_from(exponent).ok()?).copied()
}

fn scaled(value: u128, places: i32) -> Option<u128> {
    if value == 0 {
        return Some(0);
    }
    let power = 10_u128.checked_pow(u32::try_from(places).ok()?)?;
    value.checked_mul(power)
}

fn greatest_common_divisor(mut left: u128, mut right: u128) -> u128 {
    while right != 0 {
        (left, right) = (right, left % right);
    }
    left
}
