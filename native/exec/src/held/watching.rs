//! What is watched for which held order.

use std::collections::{BTreeSet, HashMap, VecDeque};

use foldhash::fast::FixedState;
use rustonite_core::Amount;
use rustonite_core::datasets::OrderState;
use rustonite_core::ids::InstrumentId;

use super::acts::may_begin;
use super::trigger::{Effect, Seen, Watch};
use crate::journal::Journal;
use crate::ledger::Ledger;
use crate::order::Order;
use crate::wish::OrderId;

/// Triggers by instrument and last moments, as the ledger has them.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// By the instrument's number.
    watches: Vec<Vec<Watch>>,
    places: HashMap<OrderId, InstrumentId, FixedState>,
    ends: BTreeSet<(i64, OrderId)>,
    ends_of: HashMap<OrderId, i64, FixedState>,
    /// Orders whose trigger moved or was reached. They have room for all that is watched.
    moved: Vec<OrderId>,
    reached: VecDeque<OrderId>,
}

impl PartialEq for Held {
    /// What a restart makes again: how far a trailing trigger saw the market go is not known then.
    fn eq(&self, other: &Self) -> bool {
        let triggers = |held: &Self| -> Vec<(OrderId, Amount)> {
            let mut all: Vec<_> =
                held.watches.iter().flatten().map(|one| (one.order, one.price)).collect();
            all.sort_unstable();
            all
        };
        triggers(self) == triggers(other) && self.ends == other.ends
    }
}

impl Held {
    /// All that a ledger holds.
    pub fn of<J: Journal>(ledger: &Ledger<J>) -> Self {
        let mut held = Self::default();
        for order in ledger.open_orders() {
            held.note(ledger, order.id);
        }
        held
    }

    /// An order is different now, or what it waits for.
    pub fn note<J: Journal>(&mut self, ledger: &Ledger<J>, id: OrderId) {
        let order = ledger.order(id);
        let waits = order.filter(|order| {
            order.state == OrderState::Held && !order.facts.triggered && may_begin(ledger, order)
        });
        match waits.and_then(|order| Some((order, tick_of(ledger, order)?))) {
            Some((order, tick)) => self.watch(order, tick),
            None => self.unwatch(id),
        }
        let end = order.filter(|order| ends_here(order)).and_then(|order| order.wish.ts_expire);
        self.set_end(id, end);
    }

    fn watch(&mut self, order: &Order, tick: Amount) {
        let Some(watch) = Watch::of(order, tick) else { return self.unwatch(order.id) };
        let at = order.wish.instrument.index();
        if at >= self.watches.len() {
            self.watches.resize_with(at + 1, Vec::new);
        }
        let known = self.watches[at].iter_mut().find(|one| one.order == order.id);
        match known {
            // It saw more of the market than the ledger knows.
            Some(known) if known.waits_as(&watch) => {}
            Some(known) => *known = watch,
            None => {
                self.watches[at].push(watch);
                self.places.insert(order.id, order.wish.instrument);
                self.moved.reserve(self.places.len());
                self.reached.reserve(self.places.len());
            }
        }
    }

    fn unwatch(&mut self, id: OrderId) {
        let Some(instrument) = self.places.remove(&id) else { return };
        self.watches[instrument.index()].retain(|one| one.order != id);
    }

    fn set_end(&mut self, id: OrderId, end: Option<i64>) {
        let before = match end {
            Some(end) => self.ends_of.insert(id, end),
            None => self.ends_of.remove(&id),
        };
        if before == end {
            return;
        }
        if let Some(before) = before {
            self.ends.remove(&(before, id));
        }
        if let Some(end) = end {
            self.ends.insert((end, id));
        }
    }

    /// Whether anything waits for prices of an instrument.
    #[inline]
    pub fn is_watching(&self, instrument: InstrumentId) -> bool {
        self.watches.get(instrument.index()).is_some_and(|watches| !watches.is_empty())
    }

    /// Takes a price. It allocates nothing.
    pub fn see(&mut self, instrument: InstrumentId, seen: &Seen) {
        let Some(watches) = self.watches.get_mut(instrument.index()) else { return };
        for watch in watches {
            let had_moved = watch.has_moved;
            match watch.see(seen) {
                Effect::Nothing => {}
                Effect::Moved if had_moved => {}
                Effect::Moved => self.moved.push(watch.order),
                Effect::Reached => self.reached.push_back(watch.order),
            }
        }
    }

    /// Whether prices moved or reached something since it was last asked for.
    #[inline]
    pub fn has_news(&self) -> bool {
        !self.moved.is_empty() || !self.reached.is_empty()
    }

    /// A trailing trigger that moved, and the price that it has now.
    pub fn next_moved(&mut self) -> Option<(OrderId, Amount)> {
        while let Some(order) = self.moved.pop() {
            let Some(instrument) = self.places.get(&order) else { continue };
            let watches = &mut self.watches[instrument.index()];
            let Some(watch) = watches.iter_mut().find(|one| one.order == order) else { continue };
            watch.has_moved = false;
            return Some((order, watch.price));
        }
        None
    }

    /// An order whose trigger was reached.
    pub fn next_reached(&mut self) -> Option<OrderId> {
        self.reached.pop_front()
    }

    /// Orders whose last moment has come, until they have ended.
    pub fn ended(&self, now: i64) -> impl Iterator<Item = OrderId> {
        self.ends.range(..=(now, OrderId(i64::MAX))).map(|(_, order)| *order)
    }
}

/// Whether it is for us to end an order at its last moment: venues know nothing of what waits here.
fn ends_here(order: &Order) -> bool {
    !order.is_final() && (order.wish.expires_here() || order.is_held())
}

fn tick_of<J: Journal>(ledger: &Ledger<J>, order: &Order) -> Option<Amount> {
    ledger.directory().listed(order.wish.instrument).map(|listed| listed.tick)
}
