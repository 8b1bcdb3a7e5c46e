//! Orders that a venue has spoken of and does not find any more: purged after a long stop, or lost
//! with a test venue that began anew. Nothing that it says will ever end them.

use std::collections::BTreeMap;

use rustonite_core::datasets::EventSource;
use rustonite_core::ids::AccountId;
use rustonite_exec::reconcile::Mode;
use rustonite_exec::{
    AnomalyCode, Change, Journal, Order, OrderId, Refusal, RefusalKind, Report, What,
};

use super::account::Asking;
use super::waiting::denied;
use super::{Desk, unknown};
use crate::strategy::Denied;

/// So often, and over so long a time, a venue has to say that it does not know an order before that
/// is believed: its parts may not have heard of each other.
const TIMES: u32 = 5;
const AT_LEAST_NS: i64 = 60_000_000_000;

/// How often a venue did not find an order that it knew, and since when.
#[derive(Debug, Default)]
pub(super) struct Forgotten {
    orders: BTreeMap<OrderId, (u32, i64)>,
}

impl<J: Journal> Desk<J> {
    /// Counts that an order was not found; a word of it begins anew.
    pub(super) fn note_not_found(&mut self, change: &Change, report: &Report) {
        let Some(order) = change.order else { return };
        let is_odd = change.anomalies.iter().any(|one| one.code == AnomalyCode::NotFoundButKnown);
        if is_odd {
            let (times, _) = self.forgotten.orders.entry(order).or_insert((0, report.ts_recv));
            *times += 1;
        }
        // Refusals and time-outs are no sign of life.
        let is_word = !matches!(
            report.what,
            What::NotFound
                | What::CancelRejected(_)
                | What::ReplaceRejected(_)
                | What::Ended { .. }
        );
        if is_word {
            self.forgotten.orders.remove(&order);
        }
    }

    /// Ends orders that their venue has not found for long enough, if its list of open orders has
    /// none of them and all executions are here.
    pub(super) fn end_forgotten(&mut self, account: AccountId, asking: &Asking, now: i64) {
        let mode = self.accounts[account.index()].settings.mode;
        if mode != Mode::Adjust || asking.failed.is_some() || self.forgotten.orders.is_empty() {
            return;
        }
        let lost = self.forgotten.orders.iter();
        let lost = lost.filter(|(_, (times, since))| {
            *times >= TIMES && now.saturating_sub(*since) >= AT_LEAST_NS
        });
        let orders = lost.filter_map(|(order, _)| self.ledger.order(*order));
        let orders = orders.filter(|order| order.wish.account == account && is_gone(order, asking));
        for order in orders.map(|order| order.id).collect::<Vec<_>>() {
            self.end_by_word(order, "the venue does not know it any more", now);
        }
    }

    /// Ends an order by a person's word. Only one that its venue has not found: any other can be
    /// cancelled there.
    ///
    /// # Errors
    /// There is no such order, it has ended, or its venue has not said that it does not know it.
    pub fn settle(&mut self, order: OrderId, now: i64) -> Result<(), Denied> {
        let known = self.ledger.order(order).ok_or_else(|| unknown(order))?;
        if known.is_final() {
            let text = format!("order {} has ended: {}", order.0, known.state.name());
            return Err(denied("not_possible", text));
        }
        if !self.forgotten.orders.contains_key(&order) {
            let text = "its venue has not said that it does not know it; cancel it instead";
            return Err(denied("not_possible", format!("order {}: {text}", order.0)));
        }
        self.end_by_word(order, "a person says that it has ended", now);
        self.work(now);
        Ok(())
    }

    fn end_by_word(&mut self, order: OrderId, word: &str, now: i64) {
        let Some(known) = self.ledger.order(order) else { return };
        let refusal = Refusal {
            reason: RefusalKind::UnknownOrder,
            venue_code: "".into(),
            detail: word.into(),
        };
        let report = Report {
            ts_event: now,
            ts_recv: now,
            source: EventSource::Own,
            account: known.wish.account,
            instrument: known.wish.instrument,
            client_id: known.client_id().into(),
            client_id_prev: None,
            venue_order_id: known.venue_order_id().map(Into::into),
            what: What::Cancelled {
                size_filled: None,
                size_prevented: None,
                refusal: Some(refusal),
            },
        };
        self.take(&report);
    }
}

/// Whether the venue has answered what of an order can be asked, and shows it nowhere.
fn is_gone(order: &Order, asking: &Asking) -> bool {
    let is_leg = |report: &Report| {
        order.legs.iter().any(|leg| {
            (!leg.client_id.is_empty() && leg.client_id == report.client_id)
                || (leg.venue_order_id.is_some() && leg.venue_order_id == report.venue_order_id)
        })
    };
    let open = asking.books.open_orders.as_ref();
    let has_fills = asking.books.fills.contains_key(&order.wish.instrument);
    has_fills && open.is_some_and(|open| !open.iter().any(is_leg))
}
