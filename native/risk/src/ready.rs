//! What the quick way compares with, made ready whenever something changes, and not at each check.

use rustonite_core::datasets::{InstrumentStatus, TradingState};

use crate::exposure::{CELL_MAX, PPM};
use crate::merged::switches;
use crate::risk::{Bounds, Quick, Rare, Traded};
use crate::seat::coarse_up;

impl Traded {
    /// Prepares what the quick way compares with, after a change of worth, limits or switches.
    pub(crate) fn prepare(&mut self) {
        (self.quick, self.rare) = self.prepared().unwrap_or_default();
        self.bound();
    }

    /// `None` if numbers are so large, or so much is missing, that only the long way will do.
    fn prepared(&self) -> Option<(Quick, Rare)> {
        let (rules, worth, limits) = (self.rules.as_ref()?, &self.worth, &self.limits);
        let tight = &self.tight;
        if worth.size == 0 {
            return None;
        }
        let (size_worth, margin_worth) = (coarse_up(worth.size), coarse_up(worth.margin));
        let fits = i64::MAX / size_worth.max(margin_worth);
        let held_most = worth.size_cap.min(fits).min(CELL_MAX);
        let size_most = rules.size_max.min(limits.size).min(held_most).min(self.share_of_volume());
        let position_most = i64::try_from(limits.position / worth.size).unwrap_or(i64::MAX);
        let position_most = position_most.min(held_most);
        let product_most = |notional: i128| {
            let most = rules.product_max.min(worth.product_cap).min(notional / worth.product);
            u64::try_from(most.max(0)).unwrap_or(u64::MAX)
        };
        let quick = Quick {
            is_on: self.status == InstrumentStatus::Trading
                && self.state == TradingState::Active
                && !self.is_restricted
                && !self.market.is_gapped,
            keys: limits.keys,
            class: rules.class,
            tick: rules.tick.divisor,
            lot: rules.lot.divisor,
            size_worth,
            margin_worth,
            size_least: rules.size_min,
            size_most,
            held_most,
            long_most: limits.long.min(position_most),
            short_most: limits.short.min(position_most),
            open_orders_most: limits.open_orders,
            product_least: u64::try_from(rules.product_min).ok()?,
            product_most: product_most(tight.notional),
            concentration: tight.concentration,
            leverage: tight.leverage,
            latency_ns: tight.latency_ns,
            duplicate_ns: tight.duplicate_ns,
            must_be_funded: tight.switches & switches::UNFUNDED != 0,
        };
        let rare = Rare {
            // A product of the two fits 64 bits, and so does a doubled price.
            price_most: (i64::MAX / size_most.max(1)).min(i64::MAX / 4),
            product_quote: u64::try_from(worth.product_quote).ok()?,
            base: u64::try_from(rules.base_per_size()).ok()?,
            market_product_most: product_most(tight.market_notional.min(tight.notional)),
            market_size_most: rules.market_size_max,
        };
        Some((quick, rare))
    }

    /// The largest size within the share of the daily volume; nothing while that is missing.
    fn share_of_volume(&self) -> i64 {
        if self.tight.adv == i64::MAX {
            return i64::MAX;
        }
        let share = i128::from(self.market.adv) * i128::from(self.tight.adv) / PPM;
        i64::try_from(share).unwrap_or(i64::MAX)
    }

    /// Brings the bounds of prices to the present market.
    #[inline]
    pub(crate) fn bound(&mut self) {
        self.bounds = self.bounded().unwrap_or_default();
    }

    #[inline]
    fn bounded(&self) -> Option<Bounds> {
        let (rules, market, tight) = (self.rules.as_ref()?, &self.market, &self.tight);
        let reference2 = market.reference2;
        let is_plain = market.bid > 0
            && market.bid < market.ask
            && market.ask <= self.rare.price_most
            && market.high2 < REFERENCE2_MAX
            && self.is_near_fair();
        if !is_plain {
            return None;
        }
        let (middle2, spread2) = (i128::from(reference2), i128::from(market.ask - market.bid) * 2);
        let is_wide = spread2 * PPM > middle2 * i128::from(tight.spread);
        // Where the spread is too wide to cross, prices that would take are left to the long way.
        let (dearest, cheapest) =
            if is_wide { (market.ask - 1, market.bid + 1) } else { (i64::MAX, 1) };
        let (least, most) = (rules.price_min, rules.price_max.min(self.rare.price_most));
        Some(Bounds {
            from: market.paused_until,
            ask: market.ask,
            seq: market.seq,
            until: market.ts.saturating_add(tight.stale_ns),
            buy: (
                least.max(below(reference2, tight.far)),
                most.min(above(reference2, tight.collar))
                    .min(above(market.low2, tight.period_collar))
                    .min(dearest),
            ),
            sell: (
                least
                    .max(below(reference2, tight.collar))
                    .max(below(market.high2, tight.period_collar))
                    .max(cheapest),
                most.min(above(reference2, tight.far)),
            ),
        })
    }

    #[inline]
    fn is_near_fair(&self) -> bool {
        let limit = self.tight.divergence;
        let fair2 = i128::from(self.market.fair()) * 2;
        let off = (i128::from(self.market.reference2) - fair2).abs();
        limit == i64::MAX || (fair2 > 0 && off * PPM <= fair2 * i128::from(limit))
    }
}

/// Twice a reference that is small enough for 64 bits.
const REFERENCE2_MAX: i64 = 1 << 36;
/// A part of which more than a hundred times is left to the long way.
const PART_MAX: i64 = 100_000_000;
const MILLION: i64 = 1_000_000;

/// The highest price that is above half of a number by no more than a part in millionths.
#[inline]
fn above(price2: i64, part: i64) -> i64 {
    price2 * (MILLION + part.min(PART_MAX)) / (2 * MILLION)
}

/// The lowest price that is below half of a number by no more than a part in millionths.
#[inline]
fn below(price2: i64, part: i64) -> i64 {
    let product = price2 * (MILLION - part.min(MILLION));
    product / (2 * MILLION) + i64::from(product % (2 * MILLION) != 0)
}
