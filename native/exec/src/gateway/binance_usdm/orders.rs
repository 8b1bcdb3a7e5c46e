//! Answers about orders. Those that wait for a trigger are in a list of their own.

use rustonite_core::Amount;
use rustonite_core::datasets::{EventSource, OrderEvent, OrderState, Tif};
use serde::Deserialize;

use super::BinanceUsdM;
use super::requests::TIFS;
use crate::gateway::Heard;
use crate::gateway::binance::words::state;
use crate::gateway::capability::meaning;
use crate::gateway::flight::{Named, Query};
use crate::gateway::parse::{Fault, Parsed, amount, ns, side, some_amount};
use crate::report::{OrderPicture, Report, What};

/// The two lists; a place that is not below 2 is that of a second attempt.
pub(super) const ORDERS: usize = 0;
pub(super) const ALGOS: usize = 1;

/// An order of the book.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrderText {
    pub(super) symbol: String,
    order_id: i64,
    client_order_id: String,
    price: String,
    orig_qty: String,
    executed_qty: String,
    #[serde(default)]
    avg_price: String,
    status: String,
    side: String,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    time_in_force: String,
    #[serde(default)]
    update_time: i64,
}

/// An order that waits for a trigger, or has waited.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AlgoText {
    pub(super) symbol: String,
    algo_id: i64,
    client_algo_id: String,
    algo_status: String,
    #[serde(default)]
    actual_order_id: String,
    side: String,
    #[serde(default)]
    price: String,
    #[serde(default)]
    trigger_price: String,
    #[serde(default)]
    quantity: String,
    #[serde(default)]
    update_time: i64,
}

impl OrderText {
    fn limit_tif(&self) -> Option<Tif> {
        meaning(&TIFS, &self.time_in_force).filter(|_| self.kind == "LIMIT")
    }

    pub(super) fn picture(
        &self,
        named: &Named,
        ts_recv: i64,
        source: EventSource,
    ) -> Parsed<Report> {
        let size_filled = amount(&self.executed_qty)?;
        let picture = OrderPicture {
            state: state(&self.status, size_filled)?,
            side: side(&self.side)?,
            price: some_amount(&self.price)?,
            price_trigger: None,
            limit_tif: self.limit_tif(),
            size: amount(&self.orig_qty)?,
            size_filled,
            price_average: some_amount(&self.avg_price)?,
        };
        Ok(self.report(named, ts_recv, source, What::Picture(picture)))
    }

    fn report(&self, named: &Named, ts_recv: i64, source: EventSource, what: What) -> Report {
        let mut report = named.report(ts_recv, source, what);
        report.venue_order_id = Some(self.order_id.to_string().into());
        if self.update_time != 0 {
            report.ts_event = ns(self.update_time);
        }
        report
    }

    pub(super) fn client_id(&self) -> &str {
        &self.client_order_id
    }
}

impl AlgoText {
    pub(super) fn picture(
        &self,
        named: &Named,
        ts_recv: i64,
        source: EventSource,
    ) -> Parsed<Report> {
        let picture = OrderPicture {
            state: algo_state(&self.algo_status)?,
            side: side(&self.side)?,
            price: some_amount(&self.price)?,
            price_trigger: some_amount(&self.trigger_price)?,
            limit_tif: None,
            size: some_amount(&self.quantity)?.unwrap_or_default(),
            size_filled: Amount::ZERO,
            price_average: None,
        };
        Ok(self.report(named, ts_recv, source, What::Picture(picture)))
    }

    fn report(&self, named: &Named, ts_recv: i64, source: EventSource, what: What) -> Report {
        self.named_in(named.report(ts_recv, source, what))
    }

    /// A report with its number and time.
    pub(super) fn named_in(&self, mut report: Report) -> Report {
        report.venue_order_id = Some(self.algo_id.to_string().into());
        if self.update_time != 0 {
            report.ts_event = ns(self.update_time);
        }
        report
    }

    pub(super) fn client_id(&self) -> &str {
        &self.client_algo_id
    }
}

fn algo_state(word: &str) -> Parsed<OrderState> {
    Ok(match word {
        "NEW" => OrderState::Accepted,
        "TRIGGERING" | "TRIGGERED" | "FINISHED" => OrderState::Triggered,
        "CANCELED" => OrderState::Cancelled,
        "EXPIRED" => OrderState::Expired,
        "REJECTED" => OrderState::Rejected,
        other => return Err(Fault::unknown("status of a conditional order", other)),
    })
}

impl BinanceUsdM {
    /// What was asked of an order is done.
    pub(super) fn taken(
        &mut self,
        named: &Named,
        request: OrderEvent,
        place: usize,
        result: &str,
        ts_recv: i64,
    ) -> Parsed<Option<Heard>> {
        let source = EventSource::Reply;
        if place % 2 == ALGOS && request == OrderEvent::Submitted {
            let algo: AlgoText = serde_json::from_str(result)?;
            return Ok(Some(Heard::Report(algo.report(named, ts_recv, source, What::Accepted))));
        }
        if place % 2 == ALGOS {
            self.waiting.remove(&named.client_id);
            self.chains.forget(&named.client_id);
            return Ok(Some(named.heard(ts_recv, source, ended(Amount::ZERO))));
        }
        let order: OrderText = serde_json::from_str(result)?;
        let filled = amount(&order.executed_qty)?;
        let what = match (request, &*order.status) {
            (OrderEvent::Submitted, _) => What::Accepted,
            (OrderEvent::CancelAsked, _) | (_, "CANCELED") => ended(filled),
            (_, "EXPIRED" | "EXPIRED_IN_MATCH") => {
                What::Expired { size_filled: Some(filled), size_prevented: None, refusal: None }
            }
            _ => {
                What::Replaced { price: some_amount(&order.price)?, size: amount(&order.orig_qty)? }
            }
        };
        Ok(Some(Heard::Report(order.report(named, ts_recv, source, what))))
    }

    /// The list that was tried does not have the order that is to end: perhaps the other one does.
    pub(super) fn look_in_other_list(&mut self, order: Named, place: usize, ts_recv: i64) -> Heard {
        let other = 2 + (place + 1) % 2;
        Heard::Send(self.cancel(order, other, ts_recv))
    }

    /// What a query has found, and where to look next.
    pub(super) fn sought(
        &mut self,
        query: &Query,
        result: &str,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed<Option<Query>> {
        let named = query.order.clone();
        if query.place % 2 == ORDERS {
            let order: OrderText = serde_json::from_str(result)?;
            heard.push(Heard::Report(order.picture(&named, ts_recv, EventSource::Rest)?));
            return Ok(None);
        }
        let algo: AlgoText = serde_json::from_str(result)?;
        let picture = algo.picture(&named, ts_recv, EventSource::Rest)?;
        let Ok(number) = algo.actual_order_id.parse::<i64>() else {
            heard.push(Heard::Report(picture));
            return Ok(None);
        };
        // It came to the book, under another number.
        self.came(number, &named.client_id);
        let order = Named { venue_order_id: Some(number.to_string().into()), ..named };
        Ok(Some(Query { place: 2 + ORDERS, found: Some(picture), ..Query::new(order) }))
    }

    /// An order that waited has come to the book.
    pub(super) fn came(&mut self, number: i64, client_id: &str) {
        self.waiting.remove(client_id);
        self.renumbered.insert(number, client_id.into());
    }
}

fn ended(filled: Amount) -> What {
    What::Cancelled { size_filled: Some(filled), size_prevented: None, refusal: None }
}
