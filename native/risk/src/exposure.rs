//! Positions with their open orders, and what they are worth at worst.

use crate::risk::Worth;
use crate::rules::MONEY_MAX;

/// One million: margins and rates of ours are in millionths.
pub(crate) const PPM: i128 = 1_000_000;

/// No count of a cell goes beyond this, so that three of them can be added.
pub(crate) const CELL_MAX: i64 = 1 << 60;

/// A position and the orders that would change it, in size points. It lies in one line of memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(align(32))]
pub(crate) struct Cell {
    pub(crate) position: i64,
    pub(crate) buys: i64,
    pub(crate) sells: i64,
    /// Part of the worth that is held as margin, in millionths; 0 while it is not known.
    pub(crate) margin_ppm: i64,
}

impl Cell {
    /// The position if every buy filled.
    #[inline]
    pub(crate) fn high(&self) -> i64 {
        self.position.saturating_add(self.buys)
    }

    /// The position if every sell filled.
    #[inline]
    pub(crate) fn low(&self) -> i64 {
        self.position.saturating_sub(self.sells)
    }

    /// The largest that it could become, either way.
    #[inline]
    pub(crate) fn worst(&self) -> i64 {
        // The high is never below the low, so of a long the high is it, and of a short the low.
        self.high().max(self.low().saturating_neg())
    }

    /// With so much more to buy or sell.
    #[inline]
    pub(crate) fn with(mut self, is_buy: bool, size: i64) -> Self {
        let (buys, sells) = if is_buy { (size, 0) } else { (0, size) };
        self.buys = self.buys.saturating_add(buys);
        self.sells = self.sells.saturating_add(sells);
        self
    }

    /// Within what can be added.
    pub(crate) fn clamp(&mut self) {
        for count in [&mut self.position, &mut self.buys, &mut self.sells] {
            *count = (*count).clamp(-CELL_MAX, CELL_MAX);
        }
    }

    /// What the size of an order of the side could be at most to only shrink the position, if all
    /// others of the side fill first.
    #[inline]
    pub(crate) fn shrinkable(&self, is_buy: bool) -> i64 {
        if is_buy { self.high().saturating_neg().max(0) } else { self.low().max(0) }
    }

    /// As above, if the venue shrinks the other orders.
    #[inline]
    pub(crate) fn closable(&self, is_buy: bool) -> i64 {
        if is_buy { self.position.saturating_neg().max(0) } else { self.position.max(0) }
    }
}

/// What a cell adds to the sums of its scopes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Share {
    pub(crate) gross: i128,
    pub(crate) high: i128,
    pub(crate) low: i128,
    pub(crate) margin: i128,
    /// One if it holds margin, and nobody knows how much.
    pub(crate) unmargined: i64,
}

impl Share {
    /// Of a cell whose size points are worth so much. Margin is held for the position and for what
    /// orders could add to it.
    pub(crate) fn of(cell: &Cell, worth: &Worth) -> Self {
        let margin = product(cell.worst(), worth.margin);
        let is_unknown = worth.margin == 0 || cell.margin_ppm == 0;
        Self {
            gross: product(cell.worst(), worth.size),
            high: product(cell.high(), worth.size),
            low: product(cell.low(), worth.size),
            margin: product(cell.margin_ppm, margin),
            unmargined: (worth.is_margined && is_unknown && cell.worst() > 0).into(),
        }
    }

    pub(crate) fn less(self, other: Self) -> Self {
        Self {
            gross: self.gross.saturating_sub(other.gross),
            high: self.high.saturating_sub(other.high),
            low: self.low.saturating_sub(other.low),
            margin: self.margin.saturating_sub(other.margin),
            unmargined: self.unmargined - other.unmargined,
        }
    }
}

/// So many times as much, as far as that fits. Most of it does so plainly that three instructions do
/// it, where looking for an overflow is a call.
#[inline]
fn product(count: i64, worth: i128) -> i128 {
    let worth_bits = i128::BITS - worth.unsigned_abs().leading_zeros();
    let count_bits = i64::BITS - count.unsigned_abs().leading_zeros();
    if worth_bits + count_bits < i128::BITS {
        i128::from(count).wrapping_mul(worth)
    } else {
        i128::from(count).saturating_mul(worth)
    }
}

/// What an account has of an asset, in 10^-18 and times a million.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Purse {
    pub(crate) is_told: bool,
    pub(crate) usable: i128,
    pub(crate) reserved: i128,
    /// Positions whose margin in this asset is not known.
    pub(crate) unmargined: i64,
    pub(crate) is_borrow_told: bool,
    pub(crate) borrowable: i128,
}

impl Purse {
    #[inline]
    pub(crate) fn free(&self) -> i128 {
        // Neither is so large that this overflows.
        self.usable.wrapping_sub(self.reserved)
    }
}

/// An amount that a sum of many still fits.
pub(crate) fn clamped(amount: i128) -> i128 {
    amount.clamp(-MONEY_MAX, MONEY_MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::product;

    proptest! {
        #[test]
        fn a_product_is_as_large_as_fits(
            count in any::<i64>(),
            worth in any::<i128>(),
            (less, worth_less) in (0_u32..64, 0_u32..128),
        ) {
            let (count, worth) = (count >> less, worth >> worth_less);
            prop_assert_eq!(product(count, worth), i128::from(count).saturating_mul(worth));
        }
    }

    #[test]
    fn the_smallest_numbers_are_not_too_large() {
        for (count, worth) in
            [(i64::MIN, i128::MIN), (-1, i128::MIN), (i64::MIN, -1), (0, i128::MIN)]
        {
            assert_eq!(product(count, worth), i128::from(count).saturating_mul(worth));
        }
    }
}
