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

use super::budget::Budget;
use super::desk::Desk;
use super::flight::{Asked, Flights, Named, Step, Way};
use super::guard::{self, Guard};
use super::parse::{Fault, Parsed, iso, ns};
use super::{
    Call, CallError, Gateway, Heard, HttpAnswer, Outgoing, Question, Signer, Unreadable, Written,
};
use crate::directory::Directory;
use crate::report::{Refusal, What};
use crate::request::Request;

const VENUE: &str = "okx";
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
    guard: Guard,
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
            guard: Guard::default(),
        }
    }

    fn log_on(&self, now: i64) -> Outgoing {
        let timestamp = (now / SECOND).to_string();
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
        let timestamp = iso(now, 3);
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
        let id = self.flights.add(asked, Way::Call, now);
        Outgoing::Call(Call { id, method, path, headers, body })
    }

    /// Ends all orders of the account after so many seconds; 0 for never.
    fn set_timer(&mut self, timer: InstrumentId, seconds: u32, now: i64) -> Outgoing {
        let body = json!({"timeOut": seconds.to_string()}).to_string();
        let path = "/api/v5/trade/cancel-all-after".to_owned();
        self.call("POST", path, body, Asked::Session(Step::Guard(timer)), now)
    }

    fn timers(&mut self, now: i64) -> Vec<Outgoing> {
        let seconds = self.guard.seconds();
        let due = self.guard.due(self.is_ready, &mut self.flights.budget, now);
        due.into_iter().map(|timer| self.set_timer(timer, seconds, now)).collect()
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
                heard.extend(self.flights.ended(asked, &error, ts_recv));
            }
            _ => {
                let error = errors::refusal(&envelope.code, &envelope.msg);
                heard.extend(self.flights.ended(asked, &error, ts_recv));
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

    fn done(
        &mut self,
        asked: &mut Asked,
        data: &str,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed {
        match asked {
            Asked::Question(question, pages) => {
                let (question, pages) = (*question, std::mem::take(pages));
                let next = self.answer(question, pages, data, ts_recv)?;
                heard.push(next);
                Ok(())
            }
            Asked::Query(query) => {
                let rows: Vec<rows::OrderRow> = serde_json::from_str(data)?;
                let row = rows.first().ok_or_else(|| Fault::Other("no order".to_owned()))?;
                let picture = row.picture(&query.order, ts_recv, EventSource::Rest)?;
                heard.push(Heard::Report(picture));
                Ok(())
            }
            Asked::Session(step) => {
                if let Step::Guard(timer) = step {
                    self.guard.is_set(*timer);
                }
                Ok(())
            }
            Asked::Order(..) => Ok(()),
        }
    }
}

impl Gateway for Okx {
    fn start(&mut self, _now: i64) -> Vec<Outgoing> {
        vec![Outgoing::Open { line: LINE, endpoint: "private", path: String::new() }]
    }

    fn opened(&mut self, _line: usize, now: i64) -> Vec<Outgoing> {
        (self.is_open, self.pinged_at) = (true, now);
        vec![self.log_on(now)]
    }

    fn closed(&mut self, line: usize, now: i64, heard: &mut Vec<Heard>) {
        self.is_open &= line != LINE;
        self.is_ready &= line != LINE;
        self.flights.lose_line(line, now, heard);
    }

    fn tells_leverage(&self) -> bool {
        true
    }

    fn write(&mut self, request: &Request, now: i64) -> Result<Outgoing, Refusal> {
        self.request(request, now)
    }

    fn write_many(&mut self, requests: &[Request], now: i64) -> Written {
        self.requests(requests, now)
    }

    fn ask(&mut self, question: Question, now: i64) -> Outgoing {
        let pages = self.flights.resume(question);
        self.question(question, pages, now)
    }

    fn read(
        &mut self,
        _line: usize,
        text: &[u8],
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Result<(), Unreadable> {
        if text == b"pong" {
            return Ok(());
        }
        let unreadable = |fault: Fault| Unreadable::new(VENUE, fault.to_string(), text);
        self.message(text, ts_recv, heard).map_err(unreadable)
    }

    fn answered(
        &mut self,
        id: u64,
        answer: Result<HttpAnswer<'_>, &CallError>,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Result<(), Unreadable> {
        let Some((mut asked, answer)) = self.flights.answered(id, answer, ts_recv, heard) else {
            return Ok(());
        };
        let envelope: Result<Envelope<'_>, _> = serde_json::from_slice(answer.body);
        let envelope = match envelope {
            Ok(envelope) if answer.status == 200 && envelope.code == "0" => envelope,
            other => {
                let error = errors::of_call(answer.status, other.as_ref().ok());
                heard.extend(self.flights.ended(asked, &error, ts_recv));
                return Ok(());
            }
        };
        let data = envelope.data.map_or("[]", RawValue::get);
        let done = self.done(&mut asked, data, ts_recv, heard);
        done.map_err(|fault| asked.unreadable(&fault, (VENUE, answer.body), ts_recv, heard))
    }

    fn tick(&mut self, sent_before: i64, now: i64, heard: &mut Vec<Heard>) -> Vec<Outgoing> {
        self.flights.lose_before(sent_before, now, heard);
        let mut sent = self.timers(now);
        if self.is_open && now - self.pinged_at >= PING_EVERY {
            self.pinged_at = now;
            sent.push(Outgoing::Text { line: LINE, text: "ping".to_owned() });
        }
        sent
    }

    fn guard(&mut self, seconds: u32, instruments: &[InstrumentId]) -> Result<(), Refusal> {
        guard::check(VENUE, seconds, (10, 120))?;
        self.guard = Guard::new(seconds, instruments.first().map_or(&[][..], std::slice::from_ref));
        Ok(())
    }

    fn is_guarded(&self, now: i64) -> bool {
        self.guard.runs(now)
    }

    fn unguard(&mut self, now: i64) -> Vec<Outgoing> {
        let ended = self.guard.end();
        ended.into_iter().map(|timer| self.set_timer(timer, 0, now)).collect()
    }

    fn budget(&mut self) -> Option<&mut Budget> {
        Some(&mut self.flights.budget)
    }

    fn in_flight(&self) -> usize {
        self.flights.count()
    }
}
