//! Changes that are the end of one order and the beginning of another.

use std::collections::{HashMap, HashSet};

use rustonite_core::Amount;
use rustonite_core::datasets::{EventSource, OrderEvent, OrderState};

use super::Heard;
use super::flight::{Asked, Named, Query, VenueError};
use crate::report::{Refusal, RefusalKind, Report, What};

/// Why an order cannot be changed where each has a client id and that of this one was not told so far.
pub(super) const NO_NAME: &str = "it is known by its number alone so far";

/// An order that is being replaced by a new one.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) old: Named,
    pub(super) price: Option<Amount>,
    /// Filled of the whole chain, when the change was asked for.
    size_filled: Amount,
    /// What the forerunners of the old order have filled.
    before: Amount,
    /// What the old order has filled so far.
    leg_filled: Amount,
    /// Size of the new order.
    rest: Amount,
    /// The stream has said that the old one is gone.
    pub(super) old_cancelled: bool,
    /// Its request ended and nobody knows how.
    is_lost: bool,
}

impl Change {
    pub(super) fn new(
        old: Named,
        price: Option<Amount>,
        size_filled: Amount,
        rest: Amount,
    ) -> Self {
        let (before, leg_filled) = (Amount::ZERO, Amount::ZERO);
        let (old_cancelled, is_lost) = (false, false);
        Self { old, price, size_filled, before, leg_filled, rest, old_cancelled, is_lost }
    }

    /// The stream has said that the old order is gone, and what it had filled.
    pub(super) fn old_is_gone(&mut self, filled: Amount) {
        self.old_cancelled = true;
        self.leg_filled = self.leg_filled.max(filled);
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

    /// Takes a new order in and out again, so that its place is at hand.
    pub(super) fn rehearse(&mut self, client_id: &str) {
        self.first(client_id);
        self.legs.remove(client_id);
    }

    pub(super) fn begin(&mut self, new_id: &str, mut change: Change) {
        let leg = self.legs.get(&change.old.client_id).copied().unwrap_or_default();
        // Of an order from before this process the forerunners have filled the rest.
        let others = (change.size_filled - leg.filled).max(Amount::ZERO);
        let is_known = self.legs.contains_key(&change.old.client_id);
        change.before = leg.before.unwrap_or(if is_known { others } else { Amount::ZERO });
        change.leg_filled = leg.filled.max(change.size_filled - change.before);
        self.changes.insert(new_id.into(), change);
    }

    /// The venue has told the size of the new order of a change. False if the change is settled.
    pub(super) fn size_is(&mut self, new_id: &str, rest: Option<Amount>) -> bool {
        let Some(change) = self.changes.get_mut(new_id) else { return false };
        change.rest = rest.unwrap_or(change.rest);
        true
    }

    /// A change is settled: it was not done.
    pub(super) fn end(&mut self, new_id: &str) -> Option<Change> {
        self.changes.remove(new_id)
    }

    /// A change was refused. It may fail in two ways: nothing happened, or the old order is gone and
    /// no new one came.
    pub(super) fn refused(
        &mut self,
        new: &Named,
        error: &VenueError,
        ts_recv: i64,
    ) -> Option<Heard> {
        let change = self.changes.remove(&new.client_id)?;
        let refusal = error.refusal.clone();
        if !(error.cancelled || change.old_cancelled) {
            let what = What::ReplaceRejected(refusal);
            return Some(new.heard(ts_recv, EventSource::Reply, what));
        }
        // The stream tells the same again, without the reason.
        self.replaced(&change);
        let what =
            What::Cancelled { size_filled: None, size_prevented: None, refusal: Some(refusal) };
        Some(change.old.heard(ts_recv, EventSource::Reply, what))
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
        let before = change.before + leg_filled.unwrap_or_default().max(change.leg_filled);
        let leg = Leg { before: Some(before), filled: Amount::ZERO };
        self.legs.insert(new.client_id.clone(), leg);
        let what = What::Replaced { price: change.price, size: before + change.rest };
        let mut report = new.report(ts_recv, source, what);
        report.client_id_prev = Some(change.old.client_id);
        Some(report)
    }

    /// What was asked ended and nobody knows how. A change stays: the stream or a query may tell.
    pub(super) fn lost(&mut self, asked: &Asked) {
        if let Asked::Order(order, OrderEvent::ReplaceAsked, _) = asked
            && let Some(change) = self.changes.get_mut(&order.client_id)
        {
            change.is_lost = true;
        }
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

    /// The stream broke, and does not repeat what it would have told.
    pub(super) fn deaf(&mut self) {
        self.replaced.clear();
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
        let leg = self.legs.entry(client_id.into()).or_default();
        leg.filled = leg.filled.max(filled);
        if let Some(change) = self.change_of(client_id) {
            change.leg_filled = change.leg_filled.max(filled);
        }
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

    /// A picture of an order with what its forerunners have filled, where that is known.
    pub(super) fn pictured(&mut self, mut report: Report) -> Report {
        let What::Picture(picture) = &mut report.what else { return report };
        if is_open(picture.state) {
            self.filled(&report.client_id, picture.size_filled);
        }
        if let Some(before) = self.before(&report.client_id) {
            picture.size += before;
            picture.size_filled += before;
            if before != Amount::ZERO {
                // The venue's average is that of the last order alone.
                picture.price_average = None;
            }
        }
        report
    }
}

fn is_open(state: OrderState) -> bool {
    use OrderState::{Accepted, PartiallyFilled, PendingCancel, PendingReplace};
    matches!(state, Accepted | PartiallyFilled | PendingCancel | PendingReplace)
}

/// Queries about orders that a change may have replaced.
impl Chains {
    /// The first query: about the new order, if there may be one.
    pub(super) fn query(&self, order: Named) -> Query {
        let around = self.around(&order.client_id).filter(|(_, change)| change.is_lost);
        let Some((new_id, change)) = around else {
            return Query::new(order);
        };
        let new = Named { client_id: new_id, client_id_prev: None, venue_order_id: None, ..order };
        Query { old: Some(change.old.clone()), ..Query::new(new) }
    }

    /// A query has found an order. Returns what to ask next.
    pub(super) fn found(
        &mut self,
        query: &mut Query,
        picture: Report,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Option<Query> {
        if let Some(old) = query.old.take() {
            return Some(Query { found: Some(picture), ..Query::new(old) });
        }
        match (query.found.take(), &query.not_found) {
            (Some(new), _) => self.was_done(new, Some(&picture), ts_recv, heard),
            (None, Some(new_id)) => self.was_not_done(new_id, picture, ts_recv, heard),
            (None, None) => heard.push(Heard::Report(self.pictured(picture))),
        }
        None
    }

    /// A query has found nothing. Returns what to ask next.
    pub(super) fn missing(
        &mut self,
        mut query: Query,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Option<Query> {
        if let Some(old) = query.old.take() {
            return Some(Query { not_found: Some(query.order.client_id), ..Query::new(old) });
        }
        match query.found.take() {
            Some(new) => self.was_done(new, None, ts_recv, heard),
            None => heard.push(query.order.heard(ts_recv, EventSource::Rest, What::NotFound)),
        }
        None
    }

    fn was_done(
        &mut self,
        new: Report,
        old: Option<&Report>,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) {
        let leg_filled = old.and_then(|old| match &old.what {
            What::Picture(picture) => Some(picture.size_filled),
            _ => None,
        });
        let named = Named {
            account: new.account,
            instrument: new.instrument,
            client_id: new.client_id.clone(),
            client_id_prev: None,
            venue_order_id: new.venue_order_id.clone(),
        };
        let done = self.done(&named, leg_filled, ts_recv, EventSource::Rest);
        heard.extend(done.map(Heard::Report));
        heard.push(Heard::Report(self.pictured(new)));
    }

    /// The old order is there, and no other in its place.
    fn was_not_done(
        &mut self,
        new_id: &str,
        picture: Report,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) {
        let state = match &picture.what {
            What::Picture(picture) => picture.state,
            _ => OrderState::Unknown,
        };
        if state == OrderState::PendingReplace {
            // The new order is still to come.
            return heard.push(Heard::Report(self.pictured(picture)));
        }
        if let Some(change) = self.end(new_id)
            && is_open(state)
        {
            let detail = "the venue has no such new order".into();
            let refusal =
                Refusal { reason: RefusalKind::UnknownOrder, detail, ..Refusal::default() };
            let what = What::ReplaceRejected(refusal);
            heard.push(change.old.heard(ts_recv, EventSource::Rest, what));
        }
        heard.push(Heard::Report(self.pictured(picture)));
    }
}
