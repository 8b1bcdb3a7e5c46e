//! What is known of an instrument's market. Prices are points; the reference is kept doubled, so
//! that the middle of an odd spread is whole.

use crate::merged::SECOND_NS;

/// Parts of the period that are forgotten one by one.
const PARTS: usize = 8;

/// The best prices, as a quote brings them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quote {
    /// Best bid, or 0 if there is none.
    pub bid: i64,
    /// Best ask, or 0 if there is none.
    pub ask: i64,
    /// When we knew.
    pub ts: i64,
    /// Row of the market tape.
    pub seq: i64,
}

/// The market as checks see it. A price of 0 is none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Market {
    pub(crate) bid: i64,
    pub(crate) ask: i64,
    /// Twice the reference price.
    pub(crate) reference2: i64,
    /// Twice the lowest and highest reference of the period.
    pub(crate) low2: i64,
    pub(crate) high2: i64,
    pub(crate) ts: i64,
    pub(crate) seq: i64,
    pub(crate) mark: i64,
    pub(crate) index: i64,
    /// Twice the price that positions are valued at.
    pub(crate) valued2: i64,
    pub(crate) adv: i64,
    pub(crate) paused_until: i64,
    pub(crate) is_gapped: bool,
}

impl Default for Market {
    fn default() -> Self {
        Self {
            bid: 0,
            ask: 0,
            reference2: 0,
            low2: 0,
            high2: 0,
            ts: i64::MIN,
            seq: -1,
            mark: 0,
            index: 0,
            valued2: 0,
            adv: 0,
            paused_until: i64::MIN,
            is_gapped: false,
        }
    }
}

impl Market {
    /// The price that feeds are compared with.
    #[inline]
    pub(crate) fn fair(&self) -> i64 {
        if self.mark > 0 { self.mark } else { self.index }
    }

    /// Whether a side of the book is known.
    #[inline]
    pub(crate) fn is_quoted(&self) -> bool {
        self.bid > 0 || self.ask > 0
    }

    /// Twice the price that positions ought to be valued at now.
    pub(crate) fn value2(&self) -> i64 {
        if self.mark > 0 { self.mark.saturating_mul(2) } else { self.reference2 }
    }

    /// Whether the valuation is off by more than a thousandth.
    #[inline]
    pub(crate) fn is_valued_badly(&self) -> bool {
        let off = i128::from(self.value2().abs_diff(self.valued2));
        off * 1000 > i128::from(self.valued2)
    }

    /// The row that a decision has seen.
    pub(crate) fn seen(&self) -> Option<i64> {
        (self.seq >= 0).then_some(self.seq)
    }

    #[inline]
    pub(crate) fn take_quote(&mut self, quote: &Quote) {
        (self.bid, self.ask) = (quote.bid.max(0), quote.ask.max(0));
        (self.ts, self.seq) = (quote.ts, quote.seq);
        // Of a one-sided book its side is all there is.
        let sides = self.bid.saturating_add(self.ask);
        self.reference2 =
            if self.bid == 0 || self.ask == 0 { sides.saturating_mul(2) } else { sides };
    }
}

/// Lowest and highest reference of the last period, in parts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Period {
    parts: [(i64, i64); PARTS],
    at: usize,
    part_ns: i64,
    part_end: i64,
}

const NOTHING: (i64, i64) = (i64::MAX, 0);

impl Period {
    pub(crate) fn new(period_ns: i64) -> Self {
        let period_ns = if period_ns == 0 { SECOND_NS } else { period_ns };
        // One part is only begun, so the whole ones cover the period.
        let part_ns = period_ns.div_euclid(7) + 1;
        Self { parts: [NOTHING; PARTS], at: 0, part_ns, part_end: i64::MIN }
    }

    /// Forgets all if the length changes.
    pub(crate) fn set_length(&mut self, period_ns: i64) {
        let other = Self::new(period_ns);
        if other.part_ns != self.part_ns {
            *self = other;
        }
    }

    /// Takes a price and says the lowest and highest.
    #[inline]
    pub(crate) fn take(&mut self, price2: i64, ts: i64) -> (i64, i64) {
        if ts >= self.part_end {
            self.turn(ts);
        }
        let part = &mut self.parts[self.at % PARTS];
        *part = (part.0.min(price2), part.1.max(price2));
        self.parts.iter().fold(NOTHING, |all, part| (all.0.min(part.0), all.1.max(part.1)))
    }

    fn turn(&mut self, ts: i64) {
        if ts.saturating_sub(self.part_end) >= self.part_ns.saturating_mul(7) {
            self.parts = [NOTHING; PARTS];
            self.part_end = ts;
        }
        for _ in 0..PARTS {
            if ts < self.part_end {
                break;
            }
            self.at = (self.at + 1) % PARTS;
            self.parts[self.at] = NOTHING;
            self.part_end = self.part_end.saturating_add(self.part_ns);
        }
    }
}
