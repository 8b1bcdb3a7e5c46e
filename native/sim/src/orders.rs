//! Where orders are kept: found by number, linked in the queue of their level and in the list of
//! their account.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::exchange::Order;
use crate::{Amount, OrderId};

/// Place of an entry.
pub(crate) type Slot = u32;
/// No place.
pub(crate) const NONE: Slot = Slot::MAX;
/// Numbers that have a place in line, whatever the count of orders.
const IN_LINE: usize = 1024;

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
    /// How far last and mark price may be apart when its trigger is hit; see `Exchange::protect`.
    pub(crate) within_ppm: Option<i64>,
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
    /// Slots of orders with lower numbers: few, that outlived all of their time.
    old: BTreeMap<OrderId, Slot>,
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
        let Some(place) = id.0.checked_sub(self.first) else { return self.old.get(&id).copied() };
        let slot = self.slots.get(usize::try_from(place).ok()?);
        slot.copied().filter(|slot| *slot != NONE)
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
            match id.0.checked_sub(self.first) {
                Some(place) => self.slots[usize::try_from(place).unwrap_or_default()] = NONE,
                None => {
                    self.old.remove(&id);
                }
            }
        }
        // An order that stays for days would keep the place of each one that came behind it.
        let room = 4 * (self.entries.len() - self.free.len()) + IN_LINE;
        while let Some(&slot) = self.slots.front()
            && (slot == NONE || self.slots.len() > room)
        {
            self.slots.pop_front();
            if slot != NONE {
                self.old.insert(OrderId(self.first), slot);
            }
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

#[cfg(test)]
mod tests {
    use super::{Entry, IN_LINE, Links, Orders, Stage};
    use crate::{Amount, NewOrder, Order, OrderId, Side};

    fn entry(id: OrderId) -> Entry {
        let asked = NewOrder::limit(0, 0, Side::Buy, 1, 1);
        let order = Order {
            id,
            asked,
            placed_at: 0,
            changed_at: 0,
            quantity: 1,
            filled: 0,
            prevented: 0,
            filled_quote: Amount::ZERO,
            is_working: true,
            is_open: true,
            cancelled: None,
        };
        Entry {
            order,
            stage: Stage::Resting,
            shown: 1,
            held: Amount::ZERO,
            counted: Amount::ZERO,
            trigger: 0,
            best: None,
            within_ppm: None,
            in_level: Links::NOWHERE,
            of_account: Links::NOWHERE,
            list: None,
        }
    }

    fn add(orders: &mut Orders) -> OrderId {
        let id = orders.next_id();
        orders.add(entry(id)).unwrap();
        id
    }

    #[test]
    fn an_order_that_stays_does_not_keep_the_places_of_others() {
        let mut orders = Orders::new();
        let [first, second] = [(); 2].map(|()| add(&mut orders));
        for now in 0..100_000 {
            let id = add(&mut orders);
            orders.ended(now, id);
            orders.forget(now);
            assert_eq!(orders.get(orders.slot(id).unwrap()).order.id, id);
        }
        assert!(orders.slots.len() <= IN_LINE + 4 * 3, "{}", orders.slots.len());
        assert_eq!(orders.next_id(), OrderId(100_003));
        for id in [first, second] {
            assert_eq!(orders.get(orders.slot(id).unwrap()).order.id, id);
        }
        assert_eq!(orders.slot(OrderId(3)), None);
        orders.ended(100_000, first);
        orders.forget(100_001);
        assert_eq!(orders.slot(first), None);
        assert!(orders.slot(second).is_some());
        assert_eq!((orders.old.len(), orders.entries.len()), (1, 4));
    }
}
