//! Where orders are kept: found by number, linked in the queue of their level and in the list of
//! their account.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::exchange::Order;
use crate::{Amount, OrderId};

/// Place of an entry.
pub(crate) type Slot = u32;
/// No place.
pub(crate) const NONE: Slot = Slot::MAX;

/// Neighbours in a list.
#[derive(Clone, Copy, Debug, Hash, Deserialize, Serialize)]
pub(crate) struct Links {
    pub(crate) before: Slot,
    pub(crate) behind: Slot,
}

impl Links {
    pub(crate) const NOWHERE: Self = Self { before: NONE, behind: NONE };
}

/// Both ends of a list of entries.
#[derive(Clone, Copy, Debug, Hash, Deserialize, Serialize)]
pub(crate) struct Ends {
    pub(crate) first: Slot,
    pub(crate) last: Slot,
}

impl Ends {
    pub(crate) const EMPTY: Self = Self { first: NONE, last: NONE };
}

/// Where an open order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub(crate) enum Stage {
    /// On its way into the book.
    Coming,
    /// In the book.
    Resting,
    /// It waits for its trigger.
    Waiting,
    /// It waits for another order of its list.
    Pending,
    /// It is over.
    Ended,
}

/// An order and what belongs to it.
#[derive(Clone, Debug, Hash, Deserialize, Serialize)]
pub(crate) struct Entry {
    pub(crate) order: Order,
    pub(crate) stage: Stage,
    /// Lots in the book that are seen.
    pub(crate) shown: i64,
    /// What of the account's balance is locked for it.
    pub(crate) held: Amount,
    /// What it is counted as among the orders of its side; perpetuals.
    pub(crate) counted: Amount,
    /// Price that its trigger waits for; of a trailing one it moves.
    pub(crate) trigger: i64,
    /// Best price that a trailing trigger has seen; `None` before activation.
    pub(crate) best: Option<i64>,
    pub(crate) in_level: Links,
    pub(crate) of_account: Links,
    /// The list that it belongs to.
    pub(crate) list: Option<u32>,
}

impl Entry {
    /// Lots that are not filled.
    pub(crate) fn open(&self) -> i64 {
        self.order.open()
    }
}

/// All orders that are not forgotten.
#[derive(Debug, Default, Hash, Deserialize, Serialize)]
pub(crate) struct Orders {
    entries: Vec<Entry>,
    free: Vec<Slot>,
    /// Number of the order whose slot is the first of `slots`.
    first: u64,
    slots: VecDeque<Slot>,
    /// Orders that ended, oldest first.
    ended: VecDeque<(i64, OrderId)>,
}

impl Orders {
    pub(crate) fn new() -> Self {
        Self { first: 1, ..Self::default() }
    }

    /// The number that the next order has.
    pub(crate) fn next_id(&self) -> OrderId {
        OrderId(self.first + self.slots.len() as u64)
    }

    /// `None` if there are too many.
    pub(crate) fn add(&mut self, entry: Entry) -> Option<Slot> {
        let slot = if let Some(slot) = self.free.pop() {
            self.entries[slot as usize] = entry;
            slot
        } else {
            let slot = Slot::try_from(self.entries.len()).ok().filter(|slot| *slot != NONE)?;
            self.entries.push(entry);
            slot
        };
        self.slots.push_back(slot);
        Some(slot)
    }

    pub(crate) fn slot(&self, id: OrderId) -> Option<Slot> {
        let place = usize::try_from(id.0.checked_sub(self.first)?).ok()?;
        self.slots.get(place).copied().filter(|slot| *slot != NONE)
    }

    pub(crate) fn get(&self, slot: Slot) -> &Entry {
        &self.entries[slot as usize]
    }

    pub(crate) fn get_mut(&mut self, slot: Slot) -> &mut Entry {
        &mut self.entries[slot as usize]
    }

    pub(crate) fn ended(&mut self, now: i64, id: OrderId) {
        self.ended.push_back((now, id));
    }

    pub(crate) fn forget(&mut self, before: i64) {
        while let Some((_, id)) = self.ended.pop_front_if(|(at, _)| *at < before) {
            let Some(slot) = self.slot(id) else { continue };
            self.free.push(slot);
            self.slots[usize::try_from(id.0 - self.first).unwrap_or_default()] = NONE;
        }
        while self.slots.pop_front_if(|slot| *slot == NONE).is_some() {
            self.first += 1;
        }
    }

    /// Appends an entry to a list.
    pub(crate) fn push(
        &mut self,
        ends: &mut Ends,
        slot: Slot,
        links: fn(&mut Entry) -> &mut Links,
    ) {
        *links(self.get_mut(slot)) = Links { before: ends.last, behind: NONE };
        match ends.last {
            NONE => ends.first = slot,
            last => links(self.get_mut(last)).behind = slot,
        }
        ends.last = slot;
    }

    /// Takes an entry out of a list.
    pub(crate) fn unlink(
        &mut self,
        ends: &mut Ends,
        slot: Slot,
        links: fn(&mut Entry) -> &mut Links,
    ) {
        let Links { before, behind } = std::mem::replace(links(self.get_mut(slot)), Links::NOWHERE);
        match before {
            NONE => ends.first = behind,
            before => links(self.get_mut(before)).behind = behind,
        }
        match behind {
            NONE => ends.last = before,
            behind => links(self.get_mut(behind)).before = before,
        }
    }
}
