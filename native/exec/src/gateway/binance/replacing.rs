//! Changes: the end of an order and a new one in one call, and what became of them.

use rustonite_core::datasets::EventSource;

use super::reports::Changed;
use super::{BinanceSpot, LINE};
use crate::gateway::flight::{Asked, Named, Query, VenueError};
use crate::gateway::parse::{Parsed, amount, ns};
use crate::gateway::{Heard, Outgoing};
use crate::report::What;

impl BinanceSpot {
    /// The venue's answer to a change, unless the stream was faster.
    pub(super) fn changed(
        &mut self,
        new: &Named,
        result: &str,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed {
        let changed: Changed<'_> = serde_json::from_str(result)?;
        let leg_filled = Some(amount(&changed.cancel_response.executed_qty)?);
        let done = self.chains.done(new, leg_filled, ts_recv, EventSource::Reply);
        let Some(mut report) = done else { return Ok(()) };
        report.venue_order_id = Some(changed.new_order_response.order_id.to_string().into());
        report.ts_event = ns(changed.new_order_response.transact_time);
        heard.push(Heard::Report(report));
        Ok(())
    }

    /// A change may fail in two ways: nothing happened, or the old order is gone and no new one came.
    pub(super) fn change_refused(
        &mut self,
        order: &Named,
        error: &VenueError,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) {
        let Some(change) = self.chains.end(&order.client_id) else { return };
        let refusal = error.refusal.clone();
        if !(error.cancelled || change.old_cancelled) {
            let what = What::ReplaceRejected(refusal);
            return heard.push(order.heard(ts_recv, EventSource::Reply, what));
        }
        // The stream tells the same again, without the reason.
        self.chains.replaced(&change);
        let what =
            What::Cancelled { size_filled: None, size_prevented: None, refusal: Some(refusal) };
        heard.push(change.old.heard(ts_recv, EventSource::Reply, what));
    }

    pub(super) fn ask_about(&mut self, query: Query, now: i64) -> Outgoing {
        let pairs = self.session.one(query.order.instrument, &query.order.client_id);
        self.session.signed(LINE, "order.status", Asked::Query(Box::new(query)), pairs, now)
    }
}
