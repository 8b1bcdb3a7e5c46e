//! Changes: the end of an order and a new one in one call, and what became of them.

use rustonite_core::Amount;
use rustonite_core::datasets::{EventSource, OrderState};

use super::reports::Changed;
use super::{BinanceSpot, LINE};
use crate::gateway::flight::{Asked, Named, Query, VenueError};
use crate::gateway::parse::{Parsed, amount, ns};
use crate::gateway::{Heard, Outgoing};
use crate::report::{Refusal, RefusalKind, Report, What};

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

    /// A query about an order: of an order that a change may have replaced, the new one comes first.
    pub(super) fn query(&self, order: Named) -> Query {
        let Some((new_id, change)) = self.chains.around(&order.client_id) else {
            return Query::new(order);
        };
        let new = self.session.desk.named(order.instrument, &new_id);
        Query { old: Some(change.old.clone()), ..Query::new(new) }
    }

    /// A query has found an order.
    pub(super) fn found(
        &mut self,
        query: &mut Query,
        picture: Report,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) {
        if let Some(old) = query.old.take() {
            let next = Query { found: Some(picture), ..Query::new(old) };
            return heard.push(Heard::Send(self.ask_about(next, ts_recv)));
        }
        match query.found.take() {
            Some(new) => self.change_was_done(&new, Some(&picture), ts_recv, heard),
            None => self.change_was_not_done(&picture, ts_recv, heard),
        }
    }

    /// A query has found nothing.
    pub(super) fn missing(&mut self, mut query: Query, ts_recv: i64, heard: &mut Vec<Heard>) {
        if let Some(old) = query.old.take() {
            return heard.push(Heard::Send(self.ask_about(Query::new(old), ts_recv)));
        }
        match query.found.take() {
            Some(new) => self.change_was_done(&new, None, ts_recv, heard),
            None => heard.push(query.order.heard(ts_recv, EventSource::Rest, What::NotFound)),
        }
    }

    pub(super) fn ask_about(&mut self, query: Query, now: i64) -> Outgoing {
        let pairs = self.session.one(query.order.instrument, &query.order.client_id);
        self.session.signed(LINE, "order.status", Asked::Query(Box::new(query)), pairs, now)
    }

    fn change_was_done(
        &mut self,
        new: &Report,
        old: Option<&Report>,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) {
        let leg_filled = old.and_then(|old| match &old.what {
            What::Picture(picture) => Some(picture.size_filled),
            _ => None,
        });
        let named = self.session.desk.named(new.instrument, &new.client_id);
        if let Some(report) = self.chains.done(&named, leg_filled, ts_recv, EventSource::Rest) {
            let venue_order_id = new.venue_order_id.clone();
            heard.push(Heard::Report(Report { venue_order_id, ..report }));
        }
        heard.push(Heard::Report(self.whole(new.clone())));
    }

    /// The order that was asked about is there, and no other in its place.
    fn change_was_not_done(&mut self, picture: &Report, ts_recv: i64, heard: &mut Vec<Heard>) {
        let around = self.chains.around(&picture.client_id).map(|(new_id, _)| new_id);
        if let Some(change) = around.and_then(|new_id| self.chains.end(&new_id)) {
            let detail = "the venue has no such new order".into();
            let refusal =
                Refusal { reason: RefusalKind::UnknownOrder, detail, ..Refusal::default() };
            let is_open = matches!(&picture.what, What::Picture(picture)
                if matches!(picture.state, OrderState::Accepted | OrderState::PartiallyFilled));
            if is_open {
                let what = What::ReplaceRejected(refusal);
                heard.push(change.old.heard(ts_recv, EventSource::Rest, what));
            }
        }
        heard.push(Heard::Report(self.whole(picture.clone())));
    }

    /// A picture of an order with what its forerunners have filled, where that is known.
    pub(super) fn whole(&self, mut report: Report) -> Report {
        if let What::Picture(picture) = &mut report.what
            && let Some(before) = self.chains.before(&report.client_id)
        {
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
