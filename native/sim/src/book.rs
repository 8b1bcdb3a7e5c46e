//! One instrument's book by order: price first, then time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Side;
use crate::orders::{Ends, NONE, Orders, Slot};

/// All orders of one price.
#[derive(Debug, Hash, Deserialize, Serialize)]
pub(crate) struct Level {
    pub(crate) queue: Ends,
    /// Lots that are seen.
    pub(crate) shown: i64,
}

/// Both sides. Keys grow with the distance from the touch.
#[derive(Debug, Default, Hash, Deserialize, Serialize)]
pub(crate) struct Book {
    bids: BTreeMap<i64, Level>,
    asks: BTreeMap<i64, Level>,
}

fn key(side: Side, price: i64) -> i64 {
    match side {
        Side::Buy => -price,
        Side::Sell => price,
    }
}

impl Book {
    fn side(&self, side: Side) -> &BTreeMap<i64, Level> {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    fn side_mut(&mut self, side: Side) -> &mut BTreeMap<i64, Level> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    /// Price and first order of the best level.
    pub(crate) fn best(&self, side: Side) -> Option<(i64, Slot)> {
        let (price, level) = self.side(side).first_key_value()?;
        Some((key(side, *price), level.queue.first))
    }

    /// Levels from the best one on.
    pub(crate) fn levels(&self, side: Side) -> impl Iterator<Item = (i64, &Level)> {
        self.side(side).iter().map(move |(price, level)| (key(side, *price), level))
    }

    /// First order of a level.
    pub(crate) fn first(&self, side: Side, price: i64) -> Slot {
        self.side(side).get(&key(side, price)).map_or(NONE, |level| level.queue.first)
    }

    /// What is seen of a level.
    pub(crate) fn shown(&self, side: Side, price: i64) -> i64 {
        self.side(side).get(&key(side, price)).map_or(0, |level| level.shown)
    }

    /// Puts an order behind the others of its price.
    pub(crate) fn insert(&mut self, orders: &mut Orders, slot: Slot, side: Side, price: i64) {
        let level = self.side_mut(side).entry(key(side, price));
        let level = level.or_insert(Level { queue: Ends::EMPTY, shown: 0 });
        level.shown += orders.get(slot).shown;
        orders.push(&mut level.queue, slot, |entry| &mut entry.in_level);
    }

    pub(crate) fn remove(&mut self, orders: &mut Orders, slot: Slot, side: Side, price: i64) {
        let levels = self.side_mut(side);
        let Some(level) = levels.get_mut(&key(side, price)) else { return };
        level.shown -= orders.get(slot).shown;
        orders.unlink(&mut level.queue, slot, |entry| &mut entry.in_level);
        if level.queue.first == NONE {
            levels.remove(&key(side, price));
        }
    }

    /// An order shows so many lots less and stays where it is.
    pub(crate) fn shrink(
        &mut self,
        orders: &mut Orders,
        slot: Slot,
        side: Side,
        price: i64,
        by: i64,
    ) {
        if let Some(level) = self.side_mut(side).get_mut(&key(side, price)) {
            level.shown -= by;
            orders.get_mut(slot).shown -= by;
        }
    }
}
