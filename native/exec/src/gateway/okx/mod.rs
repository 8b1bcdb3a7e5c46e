//! OKX (API v5): orders and their stream on one private connection, questions by REST.
//!
//! The answer to a request only says that it was taken; the stream tells what became of it. Changes
//! are made in place.

mod errors;
mod questions;
pub(super) mod requests;
mod rows;
mod stream;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use rustonite_core::datasets::{EventSource, OrderEvent};
use rustonite_core::ids::{AccountId, InstrumentId, VenueId};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::desk::Desk;
use super::dialect::Dialect;
use super::flight::{Asked, Flights, Named, Step, VenueError, Way};
use super::guard::TimerRule;
use super::parse::{Fault, Parsed, iso, ns};
use super::{Call, Heard, HttpAnswer, Outgoing, Signer};
use crate::directory::Directory;
use crate::report::What;

const LINE: usize = 0;
const SECOND: i64 = 1_000_000_000;
/// The venue closes a line that was silent for thirty seconds.
const PING_EVERY: i64 = 20 * SECOND;

/// One account of OKX.
#[derive(Debug)]
pub struct Okx {
    desk: Desk,
    api_key: String,
    passphrase: Hidden,
    signer: Signer,
    flights: Flights,
    is_open: bool,
    /// The line is logged on and hears of our orders.
    is_ready: bool,
    pinged_at: i64,
}

/// A word that is not shown.
struct Hidden(String);

impl core::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("hidden")
    }
}

/// An answer of REST, or to a request on the line.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(default)]
    id: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    msg: String,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct TimeRow {
    ts: String,
}

/// What was done with one order.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Done {
    ord_id: String,
    s_code: String,
    s_msg: String,
    ts: String,
}

impl Okx {
    /// An account, and one of its keys.
    pub fn new(
        directory: Arc<Directory>,
        venue: VenueId,
        account: AccountId,
        api_key: String,
        signer: Signer,
        passphrase: String,
    ) -> Self {
        Self {
            desk: Desk { directory, venue, account },
            api_key,
            passphrase: Hidden(passphrase),
            signer,
            flights: Flights::default(),
            is_open: false,
            is_ready: false,
            pinged_at: 0,
        }
    }

    fn log_on(&self, now: i64) -> Outgoing {
        let timestamp = (self.flights.clock.at(now) / SECOND).to_string();
        let sign = self.signer.sign_base64(format!("{timestamp}GET/users/self/verify").as_bytes());
        let who = json!({"apiKey": self.api_key, "passphrase": self.passphrase.0,
            "timestamp": timestamp, "sign": sign});
        Outgoing::json(LINE, &json!({"op": "login", "args": [who]}))
    }

    fn get(&mut self, path: String, asked: Asked, now: i64) -> Outgoing {
        self.call("GET", path, String::new(), asked, now)
    }

    fn call(
        &mut self,
        method: &'static str,
        path: String,
        body: String,
        asked: Asked,
        now: i64,
    ) -> Outgoing {
        let timestamp = iso(self.flights.clock.at(now), 3);
        let signed = format!("{timestamp}{method}{path}{body}");
        let mut headers = vec![
            ("OK-ACCESS-KEY", self.api_key.clone()),
            ("OK-ACCESS-SIGN", self.signer.sign_base64(signed.as_bytes())),
            ("OK-ACCESS-TIMESTAMP", timestamp),
            ("OK-ACCESS-PASSPHRASE", self.passphrase.0.clone()),
        ];
        if !body.is_empty() {
            headers.push(("Content-Type", "application/json".to_owned()));
        }
        self.call_of(method, path, headers, body, asked, now)
    }

    fn call_of(
        &mut self,
        method: &'static str,
        path: String,
        headers: Vec<(&'static str, String)>,
        body: String,
        asked: Asked,
        now: i64,
    ) -> Outgoing {
        let id = self.flights.add(asked, Way::Call, now);
        Outgoing::Call(Call { id, method, path, headers, body })
    }

    /// An answer on the line.
    fn replied(&mut self, envelope: &Envelope<'_>, ts_recv: i64, heard: &mut Vec<Heard>) {
        let Ok(id) = envelope.id.parse() else { return };
        let items = self.flights.items(id).unwrap_or_else(|| vec![id]);
        let data = envelope.data.map_or("[]", RawValue::get);
        let done: Vec<Done> = serde_json::from_str(data).unwrap_or_default();
        let mut done = done.into_iter();
        for item in items {
            self.replied_item(item, done.next(), envelope, ts_recv, heard);
        }
    }

    /// What the answer says of one order.
    fn replied_item(
        &mut self,
        id: u64,
        done: Option<Done>,
        envelope: &Envelope<'_>,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) {
        let Some(Asked::Order(order, request, place)) = self.flights.take(id) else { return };
        let asked = Asked::Order(order.clone(), request, place);
        match done {
            Some(done) if done.s_code == "0" => {
                heard.extend(self.taken(&order, asked, request, &done, ts_recv));
            }
            Some(done) if !done.s_code.is_empty() => {
                let error = errors::refusal(&done.s_code, &done.s_msg);
                self.take_refusal(asked, &error, ts_recv, heard);
            }
            _ => {
                let error = errors::refusal(&envelope.code, &envelope.msg);
                self.take_refusal(asked, &error, ts_recv, heard);
            }
        }
    }

    /// The venue has taken a request.
    fn taken(
        &mut self,
        order: &Named,
        asked: Asked,
        request: OrderEvent,
        done: &Done,
        ts_recv: i64,
    ) -> Option<Heard> {
        if request != OrderEvent::Submitted {
            self.flights.taken(asked, LINE, ts_recv);
            return None;
        }
        let mut report = order.report(ts_recv, EventSource::Reply, What::Accepted);
        report.venue_order_id = Some(done.ord_id.as_str().into());
        report.ts_event = done.ts.parse().map_or(ts_recv, ns);
        Some(Heard::Report(report))
    }
}

impl Dialect for Okx {
    const VENUE: &'static str = "okx";
    const TIMER: Option<TimerRule> = Some(TimerRule { seconds: (10, 120), each_instrument: false });

    fn flights(&self) -> &Flights {
        &self.flights
    }

    fn flights_mut(&mut self) -> &mut Flights {
        &mut self.flights
    }

    fn begin(&mut self, _now: i64) -> Vec<Outgoing> {
        vec![Outgoing::Open { line: LINE, endpoint: "private", path: String::new() }]
    }

    fn line_opened(&mut self, _line: usize, now: i64) -> Vec<Outgoing> {
        (self.is_open, self.pinged_at) = (true, now);
        vec![self.log_on(now)]
    }

    fn line_closed(&mut self, line: usize) {
        self.is_open &= line != LINE;
        self.is_ready &= line != LINE;
    }

    fn hears(&self) -> bool {
        self.is_ready
    }

    fn upkeep(&mut self, now: i64) -> Vec<Outgoing> {
        if !self.is_open || now - self.pinged_at < PING_EVERY {
            return Vec::new();
        }
        self.pinged_at = now;
        vec![Outgoing::Text { line: LINE, text: "ping".to_owned() }]
    }

    fn ask_time(&mut self, now: i64) -> Option<Outgoing> {
        let (path, asked) = ("/api/v5/public/time".to_owned(), Asked::Session(Step::Clock));
        Some(self.call_of("GET", path, Vec::new(), String::new(), asked, now))
    }

    fn time(&self, result: &str) -> Parsed<i64> {
        let [row]: [TimeRow; 1] = serde_json::from_str(result)?;
        let ms = row.ts.parse().map_err(|_| Fault::unknown("time", &row.ts))?;
        Ok(ns(ms))
    }

    fn has_leverage(&self) -> bool {
        true
    }

    fn begin_hedging(&mut self) -> bool {
        !self.contracts().is_empty()
    }

    fn has_payments(&self) -> bool {
        !self.contracts().is_empty()
    }

    fn set_timer(&mut self, timer: InstrumentId, seconds: u32, now: i64) -> Option<Outgoing> {
        let body = json!({"timeOut": seconds.to_string()}).to_string();
        let path = "/api/v5/trade/cancel-all-after".to_owned();
        Some(self.call("POST", path, body, Asked::Session(Step::Guard(timer)), now))
    }

    fn result<'a>(
        &mut self,
        answer: &HttpAnswer<'a>,
        _ts_recv: i64,
    ) -> Result<&'a str, VenueError> {
        let envelope: Result<Envelope<'a>, _> = serde_json::from_slice(answer.body);
        match envelope {
            Ok(envelope) if answer.status == 200 && envelope.code == "0" => {
                Ok(envelope.data.map_or("[]", RawValue::get))
            }
            other => Err(errors::of_call(answer.status, other.as_ref().ok())),
        }
    }
}
