//! Makers, and who takes from them when they are late.

use super::{MAKER_SIZE, SIZE_LARGEST, SIZE_TAIL, Touch, Trader, behind, direction, rank};
use crate::chance::{float, whole};
use crate::{Command, Exchange, Expiry, NewOrder, Side};

/// Quotes of a maker on each side.
const MAKER_LEVELS: usize = 5;
/// Makers withdraw quotes that have become too good before somebody takes one, with this chance.
const WITHDRAWN: f64 = 0.93;

impl Trader {
    /// Where the best quote of a side should be.
    fn best_wanted(&self, reference: f64, side: Side) -> i64 {
        let half = float(self.market.spread - 1) / 2.0;
        let price = (reference + half).floor();
        let bid = whole((reference - half).floor()).max(1);
        if side == Side::Buy { bid } else { whole(price).max(bid) + 1 }
    }

    /// Whether the touch is as close to the reference price as usual.
    pub(super) fn is_in_place(&self, reference: f64, touch: Touch) -> bool {
        let (Some(bid), Some(ask)) = touch else { return false };
        let is_between = float(bid) <= reference && reference <= float(ask);
        is_between && ask - bid <= self.market.spread
    }

    /// Somebody takes what is offered beyond the reference price, or a maker closes the gap.
    pub(super) fn put_in_place(
        &mut self,
        reference: f64,
        touch: Touch,
        exchange: &Exchange,
    ) -> Option<Command> {
        if let Some((side, _)) = too_good(reference, touch) {
            if self.rng.f64() < WITHDRAWN {
                return self.quote(side.opposite(), reference, touch, exchange);
            }
            return self.correct(reference, touch, exchange);
        }
        let off = |side, best: Option<i64>| {
            best.map_or(i64::MAX, |best| {
                direction(side) * (self.best_wanted(reference, side) - best)
            })
        };
        let is_bid_farther = off(Side::Buy, touch.0) >= off(Side::Sell, touch.1);
        let side = if is_bid_farther { Side::Buy } else { Side::Sell };
        self.quote(side, reference, touch, exchange)
    }

    /// Somebody takes all that is offered beyond the reference price, and lures others: makers
    /// cannot follow it otherwise.
    fn correct(&mut self, reference: f64, touch: Touch, exchange: &Exchange) -> Option<Command> {
        let (side, best) = too_good(reference, touch)?;
        let price = whole(reference);
        let beyond = |(offered, _): &(i64, i64)| direction(side) * (price - offered) >= 0;
        let offers = exchange.levels(self.market.instrument, side.opposite());
        let there = offers.take_while(beyond).fold(0_i64, |sum, level| sum.saturating_add(level.1));
        let lots = self.fitting(there, best)?;
        let price = self.within_filters(price, exchange);
        let account = self.anybody();
        self.lure(side);
        self.place(exchange, self.order(account, side, Some(price), lots, Expiry::Immediate))
    }

    /// A maker renews the quote that is farthest from where it should be, or adds one.
    pub(super) fn quote(
        &mut self,
        side: Side,
        reference: f64,
        touch: Touch,
        exchange: &Exchange,
    ) -> Option<Command> {
        let number = self.rng.usize(0..self.market.makers.len());
        let account = self.market.makers[number];
        self.load_own(exchange, account, Some(side));
        // Best first, as the wanted ones.
        self.own.sort_by_key(|order| rank(side, order.price));
        let worst = self.worst(reference, side, number, touch);
        let (old, level) = match worst {
            Some((off, level)) if off > 0 => (Some(self.own[level].id), level),
            _ if self.own.len() < MAKER_LEVELS => (None, self.own.len()),
            // It changes its mind about how much.
            _ => {
                let level = self.rng.usize(0..MAKER_LEVELS);
                (Some(self.own[level].id), level)
            }
        };
        let price = behind(self.wanted(reference, side, number, level), side, touch);
        let lots = self.size(SIZE_TAIL, SIZE_LARGEST).saturating_mul(MAKER_SIZE);
        let lots = self.fitting(lots, price)?;
        let price = self.within_filters(price, exchange);
        let new = NewOrder {
            post_only: true,
            ..self.order(account, side, Some(price), lots, Expiry::Never)
        };
        match old {
            Some(order) => {
                let short = self.purse.short_of(exchange, account, side, price, lots);
                short.or(Some(Command::Replace { order, new, always: false }))
            }
            None => self.place(exchange, new),
        }
    }

    /// Of a maker's quotes, best first, the one that is farthest from where it should be, and by how
    /// many times as much as it may.
    fn worst(
        &self,
        reference: f64,
        side: Side,
        maker: usize,
        touch: Touch,
    ) -> Option<(i64, usize)> {
        let quotes = self.own.iter().take(MAKER_LEVELS).enumerate();
        let off = quotes.map(|(level, quote)| {
            let wanted = behind(self.wanted(reference, side, maker, level), side, touch);
            ((quote.price - wanted).abs() / (self.tolerance(level) + 1), level)
        });
        off.max_by_key(|(off, level)| (*off, MAKER_LEVELS - level))
    }

    /// Where a maker's quote of a level should be: the first one at the touch, the others behind.
    fn wanted(&self, reference: f64, side: Side, maker: usize, level: usize) -> i64 {
        let best = self.best_wanted(reference, side);
        // The first maker is the keenest.
        let keen = 1.0 + 0.4 * float(i64::try_from(maker).unwrap_or(0));
        let steps = float(i64::try_from(level * (level + 1) / 2).unwrap_or(0));
        let distance = whole(float(self.market.depth) * keen * steps);
        (best - direction(side) * distance).max(1)
    }

    fn tolerance(&self, level: usize) -> i64 {
        self.market.depth / 2 * i64::try_from(level).unwrap_or(1)
    }
}

/// The side that takes what is offered beyond the reference price, and the best of it.
fn too_good(reference: f64, touch: Touch) -> Option<(Side, i64)> {
    match touch {
        (_, Some(ask)) if float(ask) < reference => Some((Side::Buy, ask)),
        (Some(bid), _) if float(bid) > reference => Some((Side::Sell, bid)),
        _ => None,
    }
}
