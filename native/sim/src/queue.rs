//! Where an order stands in the queue of its price, as far as a recording lets one guess.
//!
//! What trades leaves the front of a queue. What is cancelled may have stood ahead or behind, and a
//! book of levels does not say which: that is where the models differ.

#[cfg(test)]
mod tests;

use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

use crate::chance::float;

/// Who is thought to have left when a level shrinks without a trade.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub enum QueueModel {
    /// Always somebody behind, as long as there is anybody.
    RiskAverse,
    /// Somebody ahead with a chance in proportion to what stands there to this power; likewise
    /// behind. 1 takes evenly, more favours the longer part.
    Power(f64),
    /// The same with the logarithm instead of a power: a short part counts for more.
    Log,
    /// Known: the recording tells of single orders. Of levels it is as careful as `RiskAverse`.
    Fifo,
}

impl QueueModel {
    /// Those that settings name, on paper and in recorded markets alike. The first one is the usual
    /// one.
    pub const NAMED: [(&str, Self); 4] = [
        ("behind", Self::RiskAverse),
        ("even", Self::Power(1.0)),
        ("square", Self::Power(2.0)),
        ("log", Self::Log),
    ];

    /// The model of this name, or what was expected.
    ///
    /// # Errors
    /// There is none.
    pub fn named(name: &str) -> Result<Self, String> {
        let found = Self::NAMED.iter().find(|(known, _)| *known == name);
        let known = Self::NAMED.map(|(known, _)| known).join(", ");
        found.map(|(_, model)| *model).ok_or(format!("found {name}, expected one of {known}"))
    }

    /// Part of a cancelled quantity that stood ahead.
    fn ahead_part(self, ahead: f64, behind: f64) -> f64 {
        let weigh = |lots: f64| match self {
            Self::RiskAverse | Self::Fifo => 0.0,
            Self::Power(power) => lots.powf(power),
            Self::Log => lots.ln_1p(),
        };
        let (ahead, behind) = (weigh(ahead), weigh(behind));
        let both = ahead + behind;
        if both > 0.0 { ahead / both } else { 0.0 }
    }
}

/// A place in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Place {
    /// Lots of others that come first. Not whole, because models share.
    ahead: f64,
    /// Lots that left from ahead without a trade, which may still be told of.
    untold: f64,
    /// Until when.
    until: i64,
}

impl Place {
    /// Behind so many lots.
    pub fn behind(lots: i64) -> Self {
        Self { ahead: float(lots.max(0)), untold: 0.0, until: i64::MIN }
    }

    /// The same where so many lots more have left just before: a trade of them that is told before
    /// `until` was over when the order came.
    #[must_use]
    pub fn after(self, lots: i64, until: i64) -> Self {
        Self { untold: float(lots.max(0)), until, ..self }
    }

    /// Lots of others that come first, at the most.
    pub fn ahead(&self) -> i64 {
        whole(self.ahead)
    }

    /// Lots of a trade that is told now, at the most, that are not for this place.
    pub fn before(&self, now: i64) -> i64 {
        whole(self.ahead + self.untold_at(now))
    }

    fn untold_at(&self, now: i64) -> f64 {
        if self.until > now { self.untold } else { 0.0 }
    }

    /// So many lots left the front.
    pub fn advance(&mut self, lots: i64) {
        self.ahead = (self.ahead - float(lots)).max(0.0);
    }

    /// So many lots were traded, as is told now: first those that are missing already.
    pub fn trade(&mut self, now: i64, lots: i64) {
        let untold = self.untold_at(now);
        let known = untold.min(float(lots));
        self.untold = untold - known;
        self.ahead = (self.ahead - (float(lots) - known)).max(0.0);
    }

    /// There are so many lots now, and there were so many when all trades since are counted. A trade
    /// that comes before `until` may be why.
    pub fn resize(&mut self, model: QueueModel, before: i64, now: i64, (at, until): (i64, i64)) {
        let ahead_before = self.ahead;
        let cancelled = float(before - now);
        if cancelled > 0.0 {
            let behind = (float(before) - self.ahead).max(0.0);
            self.ahead -= cancelled * model.ahead_part(self.ahead, behind);
        }
        // More than all that is left cannot be ahead.
        self.ahead = self.ahead.clamp(0.0, float(now.max(0)));
        if until > at && self.ahead < ahead_before {
            self.untold = self.untold_at(at) + (ahead_before - self.ahead);
            self.until = until;
        }
    }
}

impl Hash for Place {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.ahead.to_bits(), self.untold.to_bits(), self.until).hash(state);
    }
}

/// A trade of others on its way through queues in which several own orders stand: what one gets the
/// next does not.
#[derive(Debug)]
pub(crate) struct Passing {
    now: i64,
    quantity: i64,
    left: i64,
    /// Lots of others that were before the last own order, and are gone.
    passed: i64,
}

impl Passing {
    pub(crate) fn new(now: i64, quantity: i64) -> Self {
        Self { now, quantity, left: quantity, passed: 0 }
    }

    /// Lots for an own order that nobody else is before.
    pub(crate) fn first(&mut self, open: i64) -> i64 {
        let lots = open.min(self.left);
        self.left -= lots;
        lots
    }

    /// Lots for an own order at its place in the queue.
    pub(crate) fn at(&mut self, place: &mut Place, open: i64) -> i64 {
        let gone = (place.before(self.now) - self.passed).clamp(0, self.left);
        self.passed += gone;
        self.left -= gone;
        place.trade(self.now, self.quantity);
        self.first(open)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "there are never more than lots of a level")]
fn whole(lots: f64) -> i64 {
    lots.ceil() as i64
}
