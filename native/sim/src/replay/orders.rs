//! Single orders of others, of recordings that tell of them.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use crate::Side;

/// An order of somebody else.
#[derive(Clone, Copy, Debug)]
pub(super) struct Other {
    pub(super) side: Side,
    pub(super) price: i64,
    pub(super) quantity: i64,
    /// In the order of coming: who has a lower one stands ahead.
    pub(super) rank: u64,
    /// The snapshot after which it was heard of last.
    snapshot: u64,
}

/// All of them by number.
#[derive(Debug, Default)]
pub(super) struct Others {
    orders: HashMap<u64, Other, FixedState>,
    next_rank: u64,
    snapshot: u64,
}

impl Others {
    /// Who comes now stands behind all lower ranks.
    pub(super) fn next_rank(&self) -> u64 {
        self.next_rank
    }

    pub(super) fn get(&self, order: u64) -> Option<Other> {
        self.orders.get(&order).copied()
    }

    /// An order that came, or that a snapshot tells of again and that keeps its rank.
    pub(super) fn add(&mut self, order: u64, side: Side, price: i64, quantity: i64) {
        let known =
            self.orders.get(&order).filter(|known| (known.side, known.price) == (side, price));
        let rank = known.map_or(self.next_rank, |known| known.rank);
        self.next_rank = self.next_rank.max(rank + 1);
        let snapshot = self.snapshot;
        self.orders.insert(order, Other { side, price, quantity, rank, snapshot });
    }

    /// Sets what is left of an order.
    pub(super) fn resize(&mut self, order: u64, quantity: i64) {
        if quantity <= 0 {
            self.orders.remove(&order);
        } else if let Some(other) = self.orders.get_mut(&order) {
            other.quantity = quantity;
        }
    }

    pub(super) fn begin_snapshot(&mut self) {
        self.snapshot += 1;
    }

    /// Forgets those that the snapshot did not tell of.
    pub(super) fn end_snapshot(&mut self) {
        let snapshot = self.snapshot;
        self.orders.retain(|_, other| other.snapshot == snapshot);
    }

    /// Lots at a price with a lower rank.
    pub(super) fn ahead(&self, side: Side, price: i64, rank: u64) -> i64 {
        let before =
            |other: &&Other| (other.side, other.price) == (side, price) && other.rank < rank;
        self.orders.values().filter(before).map(|other| other.quantity).sum()
    }
}
