//! Changes that are the end of one order and the beginning of another.

use std::collections::{HashMap, HashSet};

use rustonite_core::Amount;
use rustonite_core::datasets::EventSource;

use super::flight::Named;
use crate::report::{Report, What};

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

impl Change {
    pub(super) fn new(
        old: Named,
        price: Option<Amount>,
        size_filled: Amount,
        rest: Amount,
    ) -> Self {
        let nothing = Amount::ZERO;
        Self {
            old,
            price,
            size_filled,
            leg_filled: nothing,
            leg_filled_now: nothing,
            rest,
            old_cancelled: false,
        }
    }

    /// What the whole chain had filled when the old order ended.
    fn filled(&self, leg_filled: Option<Amount>) -> Amount {
        let meanwhile = leg_filled.unwrap_or(self.leg_filled_now) - self.leg_filled;
        self.size_filled + meanwhile
    }
}

/// Changes that are not settled, and what their orders have filled.
#[derive(Debug, Default)]
pub(super) struct Chains {
    /// By the client id of the new order. One whose outcome is not known stays until it is.
    changes: HashMap<Box<str>, Change>,
    /// Orders that were replaced and whose end the stream has not told so far.
    replaced: HashSet<Box<str>>,
    legs: HashMap<Box<str>, Leg>,
}

/// An open order under its present client id.
#[derive(Clone, Copy, Debug, Default)]
struct Leg {
    /// What its forerunners have filled; `None` of an order from before this process.
    before: Option<Amount>,
    filled: Amount,
}

impl Chains {
    /// A new order without forerunners.
    pub(super) fn first(&mut self, client_id: &str) {
        let leg = Leg { before: Some(Amount::ZERO), filled: Amount::ZERO };
        self.legs.insert(client_id.into(), leg);
    }

    pub(super) fn begin(&mut self, new_id: &str, mut change: Change) {
        change.leg_filled = self.leg_filled(&change.old.client_id);
        change.leg_filled_now = change.leg_filled;
        self.changes.insert(new_id.into(), change);
    }

    /// A change is settled: it was not done.
    pub(super) fn end(&mut self, new_id: &str) -> Option<Change> {
        self.changes.remove(new_id)
    }

    /// A change is done, if it was not known before: what it became.
    pub(super) fn done(
        &mut self,
        new: &Named,
        leg_filled: Option<Amount>,
        ts_recv: i64,
        source: EventSource,
    ) -> Option<Report> {
        let change = self.changes.remove(&new.client_id)?;
        self.replaced(&change);
        let before = change.filled(leg_filled);
        let leg = Leg { before: Some(before), filled: Amount::ZERO };
        self.legs.insert(new.client_id.clone(), leg);
        let what = What::Replaced { price: change.price, size: before + change.rest };
        let mut report = new.report(ts_recv, source, what);
        report.client_id_prev = Some(change.old.client_id);
        Some(report)
    }

    /// The change that an order is part of, as the new one or as the old one: the new client id.
    pub(super) fn around(&self, client_id: &str) -> Option<(Box<str>, &Change)> {
        let fits =
            |new: &str, change: &Change| new == client_id || &*change.old.client_id == client_id;
        let found = self.changes.iter().find(|(new, change)| fits(new, change));
        found.map(|(new, change)| (new.clone(), change))
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

    /// What an order has filled under its present client id.
    pub(super) fn filled(&mut self, client_id: &str, filled: Amount) {
        self.legs.entry(client_id.into()).or_default().filled = filled;
        if let Some(change) = self.change_of(client_id) {
            change.leg_filled_now = filled;
        }
    }

    pub(super) fn leg_filled(&self, client_id: &str) -> Amount {
        self.legs.get(client_id).map(|leg| leg.filled).unwrap_or_default()
    }

    /// What the forerunners of an order have filled, if that is known.
    pub(super) fn before(&self, client_id: &str) -> Option<Amount> {
        self.legs.get(client_id)?.before
    }

    /// What an order and its forerunners have filled, if that is known.
    pub(super) fn whole(&self, client_id: &str, filled: Amount) -> Option<Amount> {
        Some(self.before(client_id)? + filled)
    }

    pub(super) fn forget(&mut self, client_id: &str) {
        self.legs.remove(client_id);
    }
}
