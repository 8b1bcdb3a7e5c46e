//! The recorded book, with what our own orders took from it.

use rustonite_book::Ladder;
use serde::{Deserialize, Serialize};

use crate::Side;

/// What is known of a price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub(crate) struct Held {
    /// Lots, as recorded.
    pub(crate) quantity: i64,
    /// Of these, what traded since the recording said so.
    pub(crate) traded: i64,
    /// Of these, what our own orders took since.
    pub(crate) taken: i64,
}

impl Held {
    /// What others still have there.
    pub(crate) fn others(&self) -> i64 {
        (self.quantity - self.traded).max(0)
    }

    /// What can be taken.
    pub(crate) fn available(&self) -> i64 {
        (self.others() - self.taken).max(0)
    }
}

/// Both sides of a recorded book.
#[derive(Debug, Default)]
pub(super) struct Book {
    sides: [Ladder<Held>; 2],
}

impl Book {
    /// What is at a price.
    pub(super) fn get(&self, side: Side, price: i64) -> Held {
        self.sides[side as usize].get(rank(side, price).into()).copied().unwrap_or_default()
    }

    /// Sets what is at a price, and returns what was.
    #[inline]
    pub(super) fn set(&mut self, side: Side, price: i64, quantity: i64) -> Held {
        let (levels, rank) = (&mut self.sides[side as usize], rank(side, price).into());
        let before = if quantity > 0 {
            levels.insert(rank, Held { quantity, traded: 0, taken: 0 })
        } else {
            levels.remove(rank)
        };
        before.unwrap_or_default()
    }

    /// So many lots traded at a price.
    #[inline]
    pub(super) fn trade(&mut self, side: Side, price: i64, lots: i64) {
        if let Some(held) = self.sides[side as usize].get_mut(rank(side, price).into()) {
            held.traded = held.traded.saturating_add(lots);
        }
    }

    /// Our own orders took so many lots at a price.
    pub(super) fn take(&mut self, side: Side, price: i64, lots: i64) {
        if let Some(held) = self.sides[side as usize].get_mut(rank(side, price).into()) {
            held.taken += lots;
        }
    }

    /// Prices and lots of a side that can be taken, best first.
    pub(super) fn available(&self, side: Side) -> impl Iterator<Item = (i64, i64)> {
        let levels = self.sides[side as usize].iter();
        levels
            .map(move |(rank, held)| (price(side, rank), held.available()))
            .filter(|level| level.1 > 0)
    }

    pub(super) fn clear(&mut self) {
        self.sides.iter_mut().for_each(Ladder::clear);
    }
}

/// A price as a number by which lower is better.
#[inline]
pub(super) fn rank(side: Side, price: i64) -> i64 {
    if side == Side::Buy { -price } else { price }
}

fn price(side: Side, rank: i128) -> i64 {
    // Every rank here was a price before.
    let rank = i64::try_from(rank).unwrap_or(i64::MAX);
    self::rank(side, rank)
}
