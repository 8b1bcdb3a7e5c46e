//! All orders that are remembered, and the names that venues use for them.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::Hash;

use foldhash::fast::FixedState;
use rustonite_core::ids::{AccountId, InstrumentId};

use crate::order::{Leg, Order};
use crate::wish::OrderId;

/// A leg of an order.
pub(crate) type Place = (OrderId, usize);

type Names = HashMap<Box<str>, Place, FixedState>;

/// Orders by what they share, by number.
#[derive(Debug)]
struct By<K>(HashMap<K, Vec<OrderId>, FixedState>);

impl<K> Default for By<K> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<K: Eq + Hash + Copy> By<K> {
    fn add(&mut self, key: Option<K>, id: OrderId) {
        let Some(key) = key else { return };
        let orders = self.0.entry(key).or_default();
        if let Err(place) = orders.binary_search(&id) {
            orders.insert(place, id);
        }
    }

    fn remove(&mut self, key: Option<K>, id: OrderId) {
        let Some(key) = key else { return };
        if let Some(orders) = self.0.get_mut(&key) {
            orders.retain(|one| *one != id);
            if orders.is_empty() {
                self.0.remove(&key);
            }
        }
    }

    fn of(&self, key: K) -> &[OrderId] {
        self.0.get(&key).map_or(&[], Vec::as_slice)
    }
}

/// Orders by number, and by the names that venues use.
#[derive(Debug)]
pub(crate) struct Orders {
    // Boxed, so that the table moves little when it grows: that happens on the way of an order.
    by_id: HashMap<OrderId, Box<Order>, FixedState>,
    /// Numbers of those that have not ended, in their order. Strategies ask for them on every tick.
    open: Vec<OrderId>,
    client_ids: HashMap<AccountId, Names, FixedState>,
    venue_ids: HashMap<(AccountId, InstrumentId), Names, FixedState>,
    children: By<OrderId>,
    groups: By<i64>,
    /// Those that have ended and lack fills of which the venue has told.
    lacking: BTreeSet<OrderId>,
    /// Orders that have ended, with when something was heard of them, oldest first; the last moment
    /// of each counts.
    ended: VecDeque<(i64, OrderId)>,
    next: i64,
}

impl Default for Orders {
    fn default() -> Self {
        Self {
            by_id: HashMap::default(),
            open: Vec::new(),
            client_ids: HashMap::default(),
            venue_ids: HashMap::default(),
            children: By::default(),
            groups: By::default(),
            lacking: BTreeSet::new(),
            ended: VecDeque::new(),
            next: 1,
        }
    }
}

impl Orders {
    pub(crate) fn get(&self, id: OrderId) -> Option<&Order> {
        self.by_id.get(&id).map(AsRef::as_ref)
    }

    /// An order whose legs are to be changed; its state is changed by [`Orders::put`] alone.
    pub(crate) fn legs_mut(&mut self, id: OrderId) -> Option<&mut Vec<Leg>> {
        self.by_id.get_mut(&id).map(|order| &mut order.legs)
    }

    /// An order's last request has left at a moment.
    pub(crate) fn sent(&mut self, id: OrderId, at: i64) {
        if let Some(order) = self.by_id.get_mut(&id) {
            // The clock may have been set back in between.
            order.ts_sent = Some(at.max(order.ts_asked));
        }
    }

    /// All, by number.
    pub(crate) fn sorted(&self) -> Vec<&Order> {
        let mut orders: Vec<_> = self.iter().collect();
        orders.sort_unstable_by_key(|order| order.id);
        orders
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Order> {
        self.by_id.values().map(AsRef::as_ref)
    }

    /// Those that have not ended, by number.
    pub(crate) fn open(&self) -> impl Iterator<Item = &Order> {
        self.open.iter().filter_map(|id| self.get(*id))
    }

    /// The number of the next order.
    pub(crate) fn next_id(&self) -> OrderId {
        OrderId(self.next)
    }

    /// Numbers up to this one are taken.
    pub(crate) fn take_number(&mut self, id: OrderId) {
        self.next = self.next.max(id.0.saturating_add(1));
    }

    pub(crate) fn skip_numbers(&mut self, count: i64) {
        self.next = self.next.saturating_add(count);
    }

    /// Remembers an order and its names.
    pub(crate) fn add(&mut self, order: Order) {
        self.take_number(order.id);
        for leg in 0..order.legs.len() {
            self.name_leg(&order, leg);
        }
        self.children.add(order.link.parent, order.id);
        self.groups.add(order.link.group, order.id);
        self.put(order);
    }

    /// Takes a new order in and out again, so that the places are at hand where the next one of its
    /// number and name will be kept.
    pub(crate) fn rehearse(&mut self, order: Order) -> Option<Order> {
        let (id, account) = (order.id, order.wish.account);
        self.name_leg(&order, 0);
        self.by_id.insert(id, Box::new(order));
        let order = self.take(id)?;
        if let Some(names) = self.client_ids.get_mut(&account) {
            names.remove(order.client_id());
        }
        Some(order)
    }

    /// Children that are remembered of an order, by number.
    pub(crate) fn children(&self, parent: OrderId) -> impl Iterator<Item = &Order> {
        self.children.of(parent).iter().filter_map(|child| self.get(*child))
    }

    /// Orders that are remembered of a group, by number.
    pub(crate) fn group(&self, group: i64) -> impl Iterator<Item = &Order> {
        self.groups.of(group).iter().filter_map(|one| self.get(*one))
    }

    /// Those of which fills may still come: what has not ended, and what lacks some. There may be very
    /// many others.
    pub(crate) fn open_or_lacking(&self) -> impl Iterator<Item = &Order> {
        self.open().chain(self.lacking.iter().filter_map(|id| self.get(*id)))
    }

    /// Takes an order out, to be put back.
    pub(crate) fn take(&mut self, id: OrderId) -> Option<Order> {
        self.by_id.remove(&id).map(|order| *order)
    }

    /// Takes a new state of an order that is remembered; its names are as they were.
    pub(crate) fn put(&mut self, order: Order) {
        match (self.open.binary_search(&order.id), order.is_final()) {
            (Ok(at), true) => drop(self.open.remove(at)),
            (Err(at), false) => self.open.insert(at, order.id),
            _ => {}
        }
        if order.is_final() {
            self.ended.push_back((order.ts_seen, order.id));
        }
        if order.is_final() && order.size_announced > order.size_filled {
            self.lacking.insert(order.id);
        } else {
            self.lacking.remove(&order.id);
        }
        match self.by_id.get_mut(&order.id) {
            Some(place) => **place = order,
            None => drop(self.by_id.insert(order.id, Box::new(order))),
        }
    }

    /// Makes the names of a leg findable.
    pub(crate) fn name(&mut self, id: OrderId, leg: usize) {
        let Some(order) = self.by_id.remove(&id) else { return };
        self.name_leg(&order, leg);
        self.by_id.insert(id, order);
    }

    fn name_leg(&mut self, order: &Order, number: usize) {
        let leg = &order.legs[number];
        let (account, place) = (order.wish.account, (order.id, number));
        if !leg.client_id.is_empty() {
            self.add_client_id(account, &leg.client_id, place);
        }
        if let Some(venue_id) = &leg.venue_order_id {
            self.add_venue_id(account, order.wish.instrument, venue_id, place);
        }
    }

    pub(crate) fn add_client_id(&mut self, account: AccountId, client_id: &str, place: Place) {
        self.client_ids.entry(account).or_default().insert(client_id.into(), place);
    }

    pub(crate) fn add_venue_id(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        venue_id: &str,
        place: Place,
    ) {
        let names = self.venue_ids.entry((account, instrument)).or_default();
        names.insert(venue_id.into(), place);
    }

    pub(crate) fn by_client_id(&self, account: AccountId, client_id: &str) -> Option<Place> {
        self.client_ids.get(&account)?.get(client_id).copied()
    }

    pub(crate) fn by_venue_id(
        &self,
        account: AccountId,
        instrument: InstrumentId,
        venue_id: &str,
    ) -> Option<Place> {
        self.venue_ids.get(&(account, instrument))?.get(venue_id).copied()
    }

    /// Forgets the last leg of an order, whose request was never handed out.
    pub(crate) fn drop_leg(&mut self, id: OrderId) {
        let Some(order) = self.by_id.get_mut(&id) else { return };
        let Some(leg) = order.legs.pop() else { return };
        if let Some(names) = self.client_ids.get_mut(&order.wish.account) {
            names.remove(&leg.client_id);
        }
    }

    /// Those that have not ended, and those of which something was heard after a moment. There may be
    /// very many others.
    pub(crate) fn open_or_heard_since(&self, moment: i64) -> impl Iterator<Item = &Order> {
        let heard = self.ended.iter().rev().take_while(move |(at, _)| *at > moment);
        let ended = heard.filter_map(|(_, id)| self.get(*id)).filter(|order| order.is_final());
        self.open().chain(ended)
    }

    /// Forgets orders that ended before a moment and of which nothing was heard since.
    pub(crate) fn forget(&mut self, before: i64) -> usize {
        let mut forgotten = 0;
        while let Some((at, id)) = self.ended.front().copied() {
            if at >= before {
                break;
            }
            self.ended.pop_front();
            let Some(order) = self.by_id.get(&id).filter(|order| order.is_final()) else {
                continue;
            };
            if order.ts_seen >= before {
                continue;
            }
            self.remove(id);
            forgotten += 1;
        }
        forgotten
    }

    fn remove(&mut self, id: OrderId) {
        let Some(order) = self.by_id.remove(&id) else { return };
        self.children.remove(order.link.parent, id);
        self.groups.remove(order.link.group, id);
        self.lacking.remove(&id);
        let names = self.client_ids.get_mut(&order.wish.account);
        if let Some(names) = names {
            for leg in &order.legs {
                // Others may have used it again.
                if names.get(&leg.client_id).is_some_and(|(named, _)| *named == id) {
                    names.remove(&leg.client_id);
                }
            }
        }
        let place = (order.wish.account, order.wish.instrument);
        if let Some(names) = self.venue_ids.get_mut(&place) {
            let ids = order.legs.iter().filter_map(|leg| leg.venue_order_id.as_ref());
            for venue_id in ids {
                names.remove(venue_id);
            }
        }
    }
}

#[cfg(test)]
mod tests;
