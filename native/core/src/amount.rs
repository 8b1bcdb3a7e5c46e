//! Money, prices and quantities of trading: whole units of 10^-18, exact and quick to add.

use core::fmt;
use core::iter::Sum;
use core::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Decimal;
use crate::decimal::{Backwards, DecimalError};

/// Decimals of an [`Amount`].
pub const SCALE: i32 = 18;

const UNIT: u128 = 10_u128.pow(SCALE.unsigned_abs());

/// An amount of some asset; negative for what is owed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(pub i128);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The exact amount.
    ///
    /// # Errors
    /// More decimals than [`SCALE`], or beyond what fits.
    pub fn from_decimal(value: Decimal) -> Result<Self, DecimalError> {
        value.to_scale(SCALE).map(Self)
    }

    /// The amount as a decimal without trailing zeros.
    pub fn to_decimal(self) -> Decimal {
        Decimal::new(self.0, -SCALE).map_or(Decimal::ZERO, Decimal::normalised)
    }

    /// So many times as much; `None` beyond what fits.
    pub fn times(self, count: i64) -> Option<Self> {
        self.0.checked_mul(i128::from(count)).map(Self)
    }

    /// How many times another amount is in this one, cut off after [`SCALE`] decimals; `None` for a
    /// division by zero or beyond what fits.
    pub fn ratio(self, other: Self) -> Option<Self> {
        let mut quotient = self.0.checked_div(other.0)?;
        let mut rest = self.0.checked_rem(other.0)?;
        for _ in 0..SCALE {
            rest = rest.checked_mul(10)?;
            quotient = quotient.checked_mul(10)?.checked_add(rest / other.0)?;
            rest %= other.0;
        }
        Some(Self(quotient))
    }

    /// This many times another amount, cut off after [`SCALE`] decimals; `None` beyond what fits.
    ///
    /// Split in whole units and the rest, so that no product on the way needs more than 128 bits.
    pub fn product(self, other: Self) -> Option<Self> {
        let (left, right) = (self.0.unsigned_abs(), other.0.unsigned_abs());
        let (whole, rest) = (left / UNIT, left % UNIT);
        let (other_whole, other_rest) = (right / UNIT, right % UNIT);
        // Both rests are below 10^18, so their product is below 10^36.
        let magnitude = whole
            .checked_mul(right)?
            .checked_add(rest.checked_mul(other_whole)?)?
            .checked_add(rest * other_rest / UNIT)?;
        let magnitude = i128::try_from(magnitude).ok()?;
        Some(Self(if (self.0 < 0) == (other.0 < 0) { magnitude } else { -magnitude }))
    }

    /// Without its sign.
    #[must_use]
    pub fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// Without what is below so many decimals, towards zero.
    #[must_use]
    pub fn truncated(self, decimals: u32) -> Self {
        let step = 10_i128.pow(SCALE.unsigned_abs().saturating_sub(decimals));
        Self(self.0 - self.0 % step)
    }

    /// Appends the digits, as [`Display`](fmt::Display) writes them.
    pub fn push_to(self, text: &mut String) {
        let Some(plain) = self.plain_text() else { return self.to_decimal().push_to(text) };
        if self.0 < 0 {
            text.push('-');
        }
        text.push_str(plain.as_str());
    }

    /// The digits without a sign of nearly all amounts. Prices of orders are printed on the way of a
    /// tick, where 64 bits are quicker than the 128 of a [`Decimal`].
    fn plain_text(self) -> Option<Backwards<TEXT_BYTES>> {
        let magnitude = self.0.unsigned_abs();
        let whole = magnitude / UNIT;
        // A remainder of 128 bits would be a division of its own.
        let rest = u64::try_from(magnitude - whole * UNIT).ok()?;
        let mut text = Backwards::new();
        if rest > 0 {
            text.digits(rest, SCALE.unsigned_abs());
            text.trim_zeros();
            text.put(*b".");
        }
        text.digits(u64::try_from(whole).ok()?, 1);
        Some(text)
    }
}

/// Twenty digits, a point and the decimals.
const TEXT_BYTES: usize = 20 + 1 + SCALE.unsigned_abs() as usize;

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.plain_text() {
            Some(text) => f.pad_integral(self.0 >= 0, "", text.as_str()),
            None => self.to_decimal().fmt(f),
        }
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_decimal().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Decimal::deserialize(deserializer)?;
        Self::from_decimal(value).map_err(D::Error::custom)
    }
}

impl Add for Amount {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Amount {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Neg for Amount {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl SubAssign for Amount {
    fn sub_assign(&mut self, other: Self) {
        self.0 -= other.0;
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Amount;
    use crate::Decimal;

    proptest! {
        #[test]
        fn the_text_is_that_of_the_decimal(
            units in prop_oneof![
                any::<i128>(),
                any::<i64>().prop_map(i128::from),
                (any::<i32>(), 0_u32..28).prop_map(|(digits, zeros)| {
                    i128::from(digits) * 10_i128.pow(zeros)
                }),
            ],
        ) {
            let (amount, decimal) = (Amount(units), Amount(units).to_decimal());
            prop_assert_eq!(amount.to_string(), decimal.to_string());
            let mut pushed = String::from("=");
            amount.push_to(&mut pushed);
            prop_assert_eq!(pushed, format!("={decimal}"));
            prop_assert_eq!(format!("{amount:>+12}"), format!("{decimal:>+12}"));
        }
    }

    fn amount(text: &str) -> Amount {
        Amount::from_decimal(text.parse::<Decimal>().unwrap()).unwrap()
    }

    #[test]
    fn a_ratio_has_all_its_decimals() {
        assert_eq!(amount("5000").ratio(amount("0.2")), Some(amount("25000")));
        assert_eq!(amount("1").ratio(amount("3")), Some(amount("0.333333333333333333")));
        assert_eq!(amount("-2").ratio(amount("3")), Some(amount("-0.666666666666666666")));
        assert_eq!(amount("2").ratio(Amount::ZERO), None);
        assert_eq!(Amount(i128::MAX).ratio(amount("0.1")), None);
    }

    #[test]
    fn a_product_is_exact_or_cut_off_at_its_last_decimal() {
        assert_eq!(amount("0.00001").product(amount("60000.12")), Some(amount("0.6000012")));
        assert_eq!(amount("-1234567.89").product(amount("0.5")), Some(amount("-617283.945")));
        assert_eq!(amount("-3").product(amount("-1.5")), Some(amount("4.5")));
        assert_eq!(Amount(1).product(amount("0.9")), Some(Amount::ZERO));
        assert_eq!(Amount(-1).product(amount("0.9")), Some(Amount::ZERO));
        assert_eq!(
            amount("10000000000").product(amount("9999999999")),
            Some(amount("99999999990000000000"))
        );
        assert_eq!(amount("10000000000").product(amount("100000000000")), None);
    }
}
