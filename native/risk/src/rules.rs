//! What the instrument itself allows, in whole numbers.
//!
//! Prices and sizes are counted in *points*: units of the finest decimal place of the tick and of
//! the lot. The product of the two is what money is computed from, by one factor per instrument.

use rustonite_core::Amount;
use rustonite_core::amount::SCALE;
use rustonite_core::datasets::{ContractKind, InstrumentKind, OrderSide};
use rustonite_core::instrument::Instrument;

use crate::code::Code;
use crate::step::Step;

/// No amount that is computed with goes beyond this, so that a sum of many still fits.
pub(crate) const MONEY_MAX: i128 = 1 << 100;

/// How an instrument is paid for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Class {
    /// The whole amount changes hands.
    #[default]
    Spot,
    /// A contract with margin, worth price times size.
    Linear,
    /// A contract with margin, worth its size in the quote asset.
    Inverse,
}

/// An instrument in points.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub(crate) class: Class,
    pub(crate) tick: Step,
    pub(crate) lot: Step,
    pub(crate) price_min: i64,
    pub(crate) price_max: i64,
    pub(crate) size_min: i64,
    pub(crate) size_max: i64,
    pub(crate) market_size_max: i64,
    pub(crate) product_min: i128,
    pub(crate) product_max: i128,
    /// Quote asset for a product of one, in 10^-18, as two factors: `per * 10^-fine`.
    quote_per_product: (i128, u32),
    pub(crate) price_decimals: u32,
    pub(crate) size_decimals: u32,
}

impl Rules {
    /// The rules of an instrument.
    ///
    /// # Errors
    /// [`Code::InstrumentUnsupported`] for sorts that cannot be valued, and for rules that do not
    /// fit.
    pub fn of(instrument: &Instrument) -> Result<Self, Code> {
        Self::build(instrument).ok_or(Code::InstrumentUnsupported)
    }

    fn build(instrument: &Instrument) -> Option<Self> {
        let class = class(instrument)?;
        let (price_decimals, size_decimals) =
            (decimals(instrument.tick)?, decimals(instrument.lot)?);
        let price = |amount| points(amount, price_decimals);
        let size = |amount| points(amount, size_decimals);
        let fine =
            if class == Class::Inverse { size_decimals } else { price_decimals + size_decimals };
        let per = (instrument.multiplier.0, fine);
        if per.0 <= 0 {
            return None;
        }
        let (notional_min, notional_max) = instrument.notional;
        Some(Self {
            class,
            tick: Step::new(price(instrument.tick).exact()?)?,
            lot: Step::new(size(instrument.lot).exact()?)?,
            price_min: instrument.price.0.map_or(1, |least| price(least).up.max(1)),
            price_max: instrument.price.1.map_or(i64::MAX, |most| price(most).down),
            size_min: instrument.size.0.map_or(1, |least| size(least).up.max(1)),
            size_max: instrument.size.1.map_or(i64::MAX, |most| size(most).down),
            market_size_max: instrument.market_size_max.map_or(i64::MAX, |most| size(most).down),
            product_min: notional_min.map_or(0, |least| product(least, per, true)),
            product_max: notional_max.map_or(i128::MAX, |most| product(most, per, false)),
            quote_per_product: per,
            price_decimals,
            size_decimals,
        })
    }

    /// A price in points.
    ///
    /// # Errors
    /// [`Code::TooManyDecimals`]: finer than the instrument's prices, or beyond what fits.
    pub fn price(&self, price: Amount) -> Result<i64, Code> {
        points(price, self.price_decimals).exact().ok_or(Code::TooManyDecimals)
    }

    /// A size in points.
    ///
    /// # Errors
    /// [`Code::TooManyDecimals`]: finer than the instrument's sizes, or beyond what fits.
    pub fn size(&self, size: Amount) -> Result<i64, Code> {
        points(size, self.size_decimals).exact().ok_or(Code::TooManyDecimals)
    }

    /// A size that is there, in points: what is finer is rounded away from zero, so that no position
    /// and no order looks smaller than it is.
    pub fn size_outward(&self, size: Amount) -> i64 {
        let points = points(size, self.size_decimals);
        if size.0 < 0 { points.down } else { points.up }
    }

    /// The limit of an order that is there, in points: what is finer is rounded to the market.
    pub fn price_toward_market(&self, side: OrderSide, price: Amount) -> i64 {
        let points = points(price, self.price_decimals);
        if side == OrderSide::Buy { points.up } else { points.down }
    }

    /// A price of so many points.
    pub fn price_amount(&self, points: i64) -> Amount {
        Amount(i128::from(points) * ten_to(SCALE.unsigned_abs() - self.price_decimals))
    }

    /// A size of so many points.
    pub fn size_amount(&self, points: i64) -> Amount {
        Amount(i128::from(points) * ten_to(SCALE.unsigned_abs() - self.size_decimals))
    }

    /// The size that so much of the quote asset buys at a price, rounded up to whole lots; `None` if
    /// it does not fit.
    pub fn size_of_quote(&self, quote: Amount, price: i64) -> Option<i64> {
        let (per, fine) = self.quote_per_product;
        let each = if self.class == Class::Inverse { 1 } else { i128::from(price) };
        let one = scaled(&[per, each], fine).filter(|one| *one > 0)?;
        let size = i64::try_from(divided_up(quote.0, one)).ok()?;
        let lots = divided_up(i128::from(size), i128::from(self.lot.size));
        i64::try_from(lots).ok()?.checked_mul(self.lot.size)
    }

    /// A product in quote currency.
    pub(crate) fn quote_of(&self, product: i128) -> Amount {
        let (per, fine) = self.quote_per_product;
        Amount(scaled(&[product, per], fine).unwrap_or(i128::MAX))
    }

    /// The quote asset for a product of one, in 10^-18 and rounded up, when one unit of the asset is
    /// worth `rate`.
    pub(crate) fn per_product(&self, rate: Amount) -> Option<i128> {
        let (per, fine) = self.quote_per_product;
        scaled(&[per, rate.0], fine + SCALE.unsigned_abs()).filter(|factor| *factor > 0)
    }

    /// What a size point is worth at a price, if a product of one is worth `rate`.
    pub(crate) fn per_size(&self, price: i64, rate: Amount) -> Option<i128> {
        let (per, fine) = self.quote_per_product;
        let each = if self.class == Class::Inverse { 1 } else { i128::from(price) };
        scaled(&[per, each, rate.0], fine + SCALE.unsigned_abs()).filter(|worth| *worth > 0)
    }

    /// The base asset in a size of one, in 10^-18.
    pub(crate) fn base_per_size(&self) -> i128 {
        ten_to(SCALE.unsigned_abs() - self.size_decimals)
    }
}

fn class(instrument: &Instrument) -> Option<Class> {
    match (instrument.kind, instrument.contract) {
        (InstrumentKind::Spot | InstrumentKind::Stock, _) => Some(Class::Spot),
        (InstrumentKind::Perpetual | InstrumentKind::Future, Some(contract)) => match contract {
            ContractKind::Linear => Some(Class::Linear),
            ContractKind::Inverse => Some(Class::Inverse),
            ContractKind::Quanto => None,
        },
        _ => None,
    }
}

/// Decimal places that an amount uses; `None` if it is not positive.
fn decimals(amount: Amount) -> Option<u32> {
    if amount.0 <= 0 {
        return None;
    }
    let mut places = SCALE.unsigned_abs();
    let mut rest = amount.0;
    while places > 0 && rest % 10 == 0 {
        rest /= 10;
        places -= 1;
    }
    Some(places)
}

/// An amount between two counts of points.
struct Points {
    down: i64,
    up: i64,
}

impl Points {
    fn exact(&self) -> Option<i64> {
        (self.down == self.up).then_some(self.down)
    }
}

/// What does not fit is no whole number of points.
fn points(amount: Amount, decimals: u32) -> Points {
    let point = ten_to(SCALE.unsigned_abs() - decimals);
    let down = amount.0.div_euclid(point);
    let up = down + i128::from(amount.0.rem_euclid(point) != 0);
    match (i64::try_from(down), i64::try_from(up)) {
        (Ok(down), Ok(up)) => Points { down, up },
        _ if down < 0 => Points { down: i64::MIN, up: i64::MIN + 1 },
        _ => Points { down: i64::MAX - 1, up: i64::MAX },
    }
}

/// An amount of quote currency as a product of points; so large if it does not fit that it never
/// matters.
fn product(quote: Amount, (per, fine): (i128, u32), up: bool) -> i128 {
    let Some(dividend) = quote.0.checked_mul(ten_to(fine)) else { return i128::MAX };
    if up { divided_up(dividend, per) } else { dividend.div_euclid(per) }
}

/// The product of factors, less so many decimals, rounded up.
fn scaled(factors: &[i128], decimals_less: u32) -> Option<i128> {
    let mut less = decimals_less;
    let mut whole = 1_i128;
    for factor in factors {
        let mut factor = *factor;
        while less > 0 && factor != 0 && factor % 10 == 0 {
            factor /= 10;
            less -= 1;
        }
        whole = whole.checked_mul(factor)?;
    }
    let divisor = 10_i128.checked_pow(less);
    Some(divisor.map_or_else(|| i128::from(whole > 0), |divisor| divided_up(whole, divisor)))
}

pub(crate) fn divided_up(dividend: i128, divisor: i128) -> i128 {
    dividend.div_euclid(divisor) + i128::from(dividend.rem_euclid(divisor) != 0)
}

pub(crate) fn ten_to(power: u32) -> i128 {
    10_i128.pow(power)
}

#[cfg(test)]
mod tests;
