//! Changes: the end of an order and a new one in one call, and what became of them.

use rustonite_core::datasets::EventSource;

use super::BinanceSpot;
use super::reports::Changed;
use crate::gateway::Heard;
use crate::gateway::flight::Named;
use crate::gateway::parse::{Parsed, amount, ns};

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
}
