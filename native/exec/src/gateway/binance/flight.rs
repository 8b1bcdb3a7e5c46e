//! What was asked and not answered so far.

use std::collections::{BTreeMap, HashMap, HashSet};

use rustonite_core::Amount;
use rustonite_core::datasets::{EventSource, OrderEvent};
use rustonite_core::ids::{AccountId, InstrumentId};

use crate::gateway::Question;
use crate::report::{Report, What};

/// An order as the venue knows it.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) account: AccountId,
    pub(super) instrument: InstrumentId,
    pub(super) client_id: Box<str>,
    pub(super) client_id_prev: Option<Box<str>>,
}

impl Named {
    pub(super) fn report(&self, ts_recv: i64, source: EventSource, what: What) -> Report {
        Report {
            ts_event: ts_recv,
            ts_recv,
            source,
            account: self.account,
            instrument: self.instrument,
            client_id: self.client_id.clone(),
            client_id_prev: self.client_id_prev.clone(),
            venue_order_id: None,
            what,
        }
    }
}

/// What an answer will be about.
#[derive(Debug)]
pub(super) enum Asked {
    LogOn,
    Subscribe,
    Question(Question),
    Query(Named),
    Order(Named, OrderEvent),
}

/// An order that is being replaced by a new one.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) old: Named,
    pub(super) price: Option<Amount>,
    /// Of the whole chain, when the change was asked for.
    pub(super) size_filled: Amount,
    /// Of the old order alone, then.
    pub(super) leg_filled: Amount,
    /// The same, now.
    pub(super) leg_filled_now: Amount,
    /// Size of the new order.
    pub(super) rest: Amount,
    /// The stream has said that the old one is gone.
    pub(super) old_cancelled: bool,
}

#[derive(Debug, Default)]
pub(super) struct Flights {
    last_id: u64,
    asked: BTreeMap<u64, (i64, Asked)>,
    /// By the client id of the new order.
    changes: HashMap<Box<str>, Change>,
    /// Orders that were replaced and whose end the stream has not told so far.
    replaced: HashSet<Box<str>>,
    /// What each open order has filled under its present client id.
    legs: HashMap<Box<str>, Amount>,
}

impl Flights {
    pub(super) fn add(&mut self, asked: Asked, now: i64) -> u64 {
        self.last_id += 1;
        self.asked.insert(self.last_id, (now, asked));
        self.last_id
    }

    pub(super) fn take(&mut self, id: u64) -> Option<Asked> {
        self.asked.remove(&id).map(|(_, asked)| asked)
    }

    pub(super) fn take_before(&mut self, moment: i64) -> Vec<Asked> {
        let old = self.asked.iter().filter(|(_, (sent, _))| *sent < moment);
        let old: Vec<_> = old.map(|(id, _)| *id).collect();
        old.into_iter().filter_map(|id| self.take(id)).collect()
    }

    pub(super) fn begin_change(&mut self, new_id: &str, change: Change) {
        self.changes.insert(new_id.into(), change);
    }

    pub(super) fn end_change(&mut self, new_id: &str) -> Option<Change> {
        self.changes.remove(new_id)
    }

    /// An order was replaced; its own end is no news any more.
    pub(super) fn replaced(&mut self, change: &Change) {
        if !change.old_cancelled {
            self.replaced.insert(change.old.client_id.clone());
        }
        self.legs.remove(&change.old.client_id);
    }

    /// Whether an end is that of an order that was replaced.
    pub(super) fn was_replaced(&mut self, client_id: &str) -> bool {
        self.replaced.remove(client_id)
    }

    /// The change that takes an order away.
    pub(super) fn change_of(&mut self, old_id: &str) -> Option<&mut Change> {
        self.changes.values_mut().find(|change| &*change.old.client_id == old_id)
    }

    pub(super) fn filled(&mut self, client_id: &str, filled: Amount) {
        self.legs.insert(client_id.into(), filled);
    }

    pub(super) fn leg_filled(&self, client_id: &str) -> Amount {
        self.legs.get(client_id).copied().unwrap_or_default()
    }

    pub(super) fn forget(&mut self, client_id: &str) {
        self.legs.remove(client_id);
    }
}
