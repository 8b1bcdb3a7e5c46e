//! Numbers as the protocols write them: with a fixed count of decimals.

use rustonite_core::Decimal;
use rustonite_sim::Amount;

/// Decimals that prices and quantities are written with.
const PLACES: u32 = 8;
const BELOW: i128 = 10_i128.pow(18 - PLACES);

/// A value with eight decimals, cut off behind them.
pub(crate) fn fixed(value: Decimal) -> Decimal {
    Amount::from_decimal(value).map_or(value, money)
}

/// An amount with eight decimals, cut off behind them.
pub(crate) fn money(amount: Amount) -> Decimal {
    Decimal::from_scale(amount.0 / BELOW, PLACES.cast_signed()).unwrap_or(Decimal::ZERO)
}

/// An amount so many times, to nine decimals of each.
pub(crate) fn product(one: Amount, other: Amount) -> Amount {
    let half = 10_i128.pow(9);
    Amount((one.0 / half).saturating_mul(other.0 / half))
}

/// One amount by another, rounded towards zero; zero if there is nothing to divide by.
pub(crate) fn ratio(above: Amount, below: Amount) -> Amount {
    const UNIT: i128 = 10_i128.pow(18);
    if below.0 == 0 {
        return Amount::ZERO;
    }
    let whole = above.0 / below.0;
    // The rest is scaled in two steps: eighteen decimals at once would not fit.
    let half = 10_i128.pow(9);
    let first = (above.0 % below.0).saturating_mul(half);
    let second = (first % below.0).saturating_mul(half);
    Amount(whole.saturating_mul(UNIT) + first / below.0 * half + second / below.0)
}

#[cfg(test)]
mod tests {
    use super::{fixed, product, ratio};
    use rustonite_core::Decimal;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn values_have_eight_decimals() {
        assert_eq!(fixed(decimal("1.5")).to_string(), "1.50000000");
        assert_eq!(fixed(decimal("0.123456789")).to_string(), "0.12345678");
        assert_eq!(fixed(decimal("120")).to_string(), "120.00000000");
    }

    #[test]
    fn products_are_the_reverse_of_ratios() {
        let amount = |text| rustonite_sim::Amount::from_decimal(decimal(text)).unwrap();
        assert_eq!(product(amount("50000.25"), amount("0.1")).to_string(), "5000.025");
        assert_eq!(product(amount("-2"), amount("0.000000001")).to_string(), "-0.000000002");
    }

    #[test]
    fn ratios_are_exact_to_the_last_decimal() {
        let amount = |text| rustonite_sim::Amount::from_decimal(decimal(text)).unwrap();
        assert_eq!(ratio(amount("100"), amount("3")).to_string(), "33.333333333333333333");
        assert_eq!(ratio(amount("0.00007"), amount("0.7")).to_string(), "0.0001");
    }
}
