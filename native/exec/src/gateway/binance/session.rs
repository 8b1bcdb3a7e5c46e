//! What spot and futures share: signed calls over the WebSocket interface and of REST.

use std::hint::black_box;

use rustonite_core::datasets::OrderEvent;
use rustonite_core::ids::InstrumentId;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::errors;
use super::params::Pairs;
use crate::gateway::desk::Desk;
use crate::gateway::flight::{Asked, Flights, Named, Step, VenueError, Way};
use crate::gateway::parse::{Parsed, ns};
use crate::gateway::{Call, HttpAnswer, Outgoing, Signer};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TimeText {
    server_time: i64,
}

/// Who asks, and what is not answered so far.
#[derive(Debug)]
pub(in crate::gateway) struct Session {
    pub(in crate::gateway) desk: Desk,
    pub(in crate::gateway) flights: Flights,
    api_key: String,
    signer: Signer,
    is_logged_on: bool,
}

/// What a connection brings: an answer, or an event of the user stream.
#[derive(Deserialize)]
pub(in crate::gateway) struct Envelope<'a> {
    pub(in crate::gateway) id: Option<u64>,
    pub(in crate::gateway) status: Option<u16>,
    #[serde(borrow)]
    pub(in crate::gateway) result: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(in crate::gateway) error: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(in crate::gateway) event: Option<&'a RawValue>,
    #[serde(default, rename = "rateLimits", borrow)]
    limits: Vec<LimitText<'a>>,
}

/// What is used of a limit.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LimitText<'a> {
    rate_limit_type: &'a str,
    interval: &'a str,
    interval_num: u64,
    limit: u32,
    count: u32,
}

impl LimitText<'_> {
    /// As the catalog calls it.
    fn name(&self) -> &'static str {
        if self.rate_limit_type == "ORDERS" { "orders" } else { "weight" }
    }

    fn per_s(&self) -> u64 {
        let unit = match self.interval {
            "SECOND" => 1,
            "MINUTE" => 60,
            "HOUR" => 3_600,
            _ => 86_400,
        };
        self.interval_num.saturating_mul(unit)
    }
}

/// Why something was refused that was too much.
#[derive(Deserialize)]
struct TooMuch {
    data: TooMuchData,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TooMuchData {
    retry_after: i64,
}

impl<'a> Envelope<'a> {
    /// What was answered, or why nothing was.
    pub(in crate::gateway) fn answer(&self) -> Result<&'a str, VenueError> {
        let status = self.status.unwrap_or_default();
        if status == 200 {
            return Ok(self.result.map_or("null", RawValue::get));
        }
        Err(errors::refusal(status, self.error.map(RawValue::get)))
    }

    /// Until when the venue wants to hear nothing, if that is what it says.
    fn closed_until(&self) -> Option<i64> {
        let error = self.error.filter(|_| matches!(self.status, Some(418 | 429)))?;
        let said: TooMuch = serde_json::from_str(error.get()).ok()?;
        Some(ns(said.data.retry_after))
    }
}

impl Session {
    pub(in crate::gateway) fn new(desk: Desk, api_key: String, signer: Signer) -> Self {
        Self { desk, flights: Flights::default(), api_key, signer, is_logged_on: false }
    }

    /// The venue's time in the answer to a question for it.
    pub(in crate::gateway) fn time(result: &str) -> Parsed<i64> {
        let text: TimeText = serde_json::from_str(result)?;
        Ok(ns(text.server_time))
    }

    /// What a call of REST brings, or why it brings nothing.
    pub(in crate::gateway) fn result<'a>(answer: &HttpAnswer<'a>) -> Result<&'a str, VenueError> {
        let body = std::str::from_utf8(answer.body).unwrap_or_default();
        if answer.status == 200 {
            return Ok(body);
        }
        Err(errors::refusal(answer.status, Some(body)))
    }

    /// What an answer on a line is about; it also says something of limits.
    pub(in crate::gateway) fn replied(
        &mut self,
        envelope: &Envelope<'_>,
        ts_recv: i64,
    ) -> Option<Asked> {
        let budget = &mut self.flights.budget;
        for limit in &envelope.limits {
            budget.told(limit.name(), limit.per_s(), limit.limit, limit.count, ts_recv);
        }
        if let Some(until) = envelope.closed_until() {
            budget.close(until);
        }
        self.flights.take(envelope.id?)
    }

    /// A call on a line, with a signature or with what a session needs instead.
    pub(in crate::gateway) fn signed(
        &mut self,
        line: usize,
        method: &str,
        asked: Asked,
        pairs: Pairs,
        now: i64,
    ) -> Outgoing {
        let id = self.flights.add(asked, Way::Line(line), now);
        Outgoing::Text { line, text: self.signed_text(id, method, pairs, now) }
    }

    /// The text of a call on a line.
    pub(in crate::gateway) fn signed_text(
        &self,
        id: u64,
        method: &str,
        mut pairs: Pairs,
        now: i64,
    ) -> String {
        pairs.push_number("timestamp", self.flights.clock.ms(now));
        if !self.is_logged_on {
            pairs.push(("apiKey", &self.api_key));
            let signature = self.signer.sign(&pairs.sorted_text());
            pairs.push(("signature", signature));
        }
        pairs.call(id, method)
    }

    /// Goes through the motions of a new order on a line, and leaves nothing of them.
    pub(in crate::gateway) fn rehearse(
        &mut self,
        instrument: InstrumentId,
        client_id: &str,
        pairs: Pairs,
        now: i64,
    ) {
        let order = self.desk.named(instrument, client_id);
        let asked = Asked::Order(order, OrderEvent::Submitted, 0);
        self.flights.rehearse(asked, Way::Line(0), now);
        black_box(self.signed_text(0, "order.place", pairs, now));
    }

    /// A call on a line without parameters.
    pub(in crate::gateway) fn open(
        &mut self,
        line: usize,
        method: &str,
        asked: Asked,
        now: i64,
    ) -> Outgoing {
        let id = self.flights.add(asked, Way::Line(line), now);
        Outgoing::Text { line, text: Pairs::default().call(id, method) }
    }

    /// A signed call of REST.
    pub(in crate::gateway) fn rest(
        &mut self,
        method: &'static str,
        path: &str,
        asked: Asked,
        pairs: Pairs,
        now: i64,
    ) -> Outgoing {
        let path = self.signed_path(path, pairs, now);
        self.call(method, path, asked, now)
    }

    /// The same about several orders.
    pub(in crate::gateway) fn rest_many(
        &mut self,
        method: &'static str,
        path: &str,
        items: Vec<Asked>,
        pairs: Pairs,
        now: i64,
    ) -> Outgoing {
        let path = self.signed_path(path, pairs, now);
        let id = self.flights.add_many(items, Way::Call, now);
        self.call_of(id, method, path)
    }

    fn signed_path(&self, path: &str, mut pairs: Pairs, now: i64) -> String {
        pairs.push_number("timestamp", self.flights.clock.ms(now));
        let text = pairs.sorted_text();
        // Of all characters of base64 these three mean something else in a query.
        let signature = self.signer.sign(&text);
        let signature = signature.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        format!("{path}?{text}&signature={signature}")
    }

    /// A call of REST that only says who calls.
    pub(in crate::gateway) fn call(
        &mut self,
        method: &'static str,
        path: String,
        asked: Asked,
        now: i64,
    ) -> Outgoing {
        let id = self.flights.add(asked, Way::Call, now);
        self.call_of(id, method, path)
    }

    fn call_of(&self, id: u64, method: &'static str, path: String) -> Outgoing {
        let headers = vec![("X-MBX-APIKEY", self.api_key.clone())];
        Outgoing::Call(Call { id, method, path, headers, body: String::new() })
    }

    /// Says who is there, if the keys are of the kind that can.
    pub(in crate::gateway) fn log_on(&mut self, line: usize, now: i64) -> Option<Outgoing> {
        self.is_logged_on = false;
        let is_possible = self.signer.is_ed25519();
        let asked = Asked::Session(Step::LogOn);
        is_possible.then(|| self.signed(line, "session.logon", asked, Pairs::default(), now))
    }

    pub(in crate::gateway) fn logged_on(&mut self) {
        self.is_logged_on = self.signer.is_ed25519();
    }

    /// The parameters that name an order.
    pub(in crate::gateway) fn one(&self, instrument: InstrumentId, client_id: &str) -> Pairs {
        let symbol = self.desk.symbol(instrument);
        [("symbol", &*symbol), ("origClientOrderId", client_id)].into()
    }

    /// The one that a query is about.
    pub(in crate::gateway) fn sought(&self, order: &Named) -> Pairs {
        let Some(number) = &order.venue_order_id else {
            return self.one(order.instrument, &order.client_id);
        };
        let symbol = self.desk.symbol(order.instrument);
        [("symbol", &*symbol), ("orderId", number)].into()
    }
}
