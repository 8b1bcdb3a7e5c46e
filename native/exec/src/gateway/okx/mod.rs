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
use rustonite_core::ids::{AccountId, VenueId};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::desk::Desk;
use super::flight::{Asked, Flights, Named, Pages, Way};
use super::parse::{Fault, Parsed, iso, ns};
use super::{Call, CallError, Gateway, Heard, HttpAnswer, Outgoing, Question, Signer, Unreadable};
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
            pinged_at: 0,
        }
    }

    fn log_on(&self, now: i64) -> Outgoing {
        let timestamp = (now / SECOND).to_string();
        let sign = self.signer.sign_base64(format!("{timestamp}GET/users/self/verify").as_bytes());
        let who = json!({"apiKey": self.api_key, "passphrase": self.passphrase.0,
            "timestamp": timestamp, "sign": sign});
        said(&json!({"op": "login", "args": [who]}))
    }

    fn get(&mut self, path: String, asked: Asked, now: i64) -> Outgoing {
        let timestamp = iso(now, 3);
        let sign = self.signer.sign_base64(format!("{timestamp}GET{path}").as_bytes());
        Outgoing::Call(Call {
            id: self.flights.add(asked, Way::Call, now),
            method: "GET",
            path,
            headers: vec![
                ("OK-ACCESS-KEY", self.api_key.clone()),
                ("OK-ACCESS-SIGN", sign),
                ("OK-ACCESS-TIMESTAMP", timestamp),
                ("OK-ACCESS-PASSPHRASE", self.passphrase.0.clone()),
            ],
            body: String::new(),
        })
    }

    /// An answer on the line.
    fn replied(&mut self, envelope: &Envelope<'_>, ts_recv: i64, heard: &mut Vec<Heard>) {
        let asked = envelope.id.parse().ok().and_then(|id| self.flights.take(id));
        let Some(Asked::Order(order, request, place)) = asked else { return };
        let data = envelope.data.map_or("[]", RawValue::get);
        let done: Vec<Done> = serde_json::from_str(data).unwrap_or_default();
        let done = done.into_iter().next();
        let asked = Asked::Order(order.clone(), request, place);
        match done {
            Some(done) if done.s_code == "0" => {
                heard.extend(self.taken(&order, asked, request, &done, ts_recv));
            }
            Some(done) if !done.s_code.is_empty() => {
                heard.extend(errors::refusal(&done.s_code, &done.s_msg).ends(asked, ts_recv));
            }
            _ => {
                let error = errors::refusal(&envelope.code, &envelope.msg);
                heard.extend(error.ends(asked, ts_recv));
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
            Asked::Session(_) | Asked::Order(..) => Ok(()),
        }
    }
}

/// A message on the only line.
fn said(message: &serde_json::Value) -> Outgoing {
    Outgoing::Text { line: LINE, text: message.to_string() }
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
        let lost = self.flights.take_of_line(line);
        heard.extend(lost.into_iter().filter_map(|asked| asked.unanswered(now)));
    }

    fn write(&mut self, request: &Request, now: i64) -> Result<Outgoing, Refusal> {
        self.request(request, now)
    }

    fn ask(&mut self, question: Question, now: i64) -> Outgoing {
        self.question(question, Pages::default(), now)
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
        let Some(mut asked) = self.flights.take(id) else { return Ok(()) };
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                heard.extend(asked.not_answered(error, ts_recv));
                return Ok(());
            }
        };
        let envelope: Result<Envelope<'_>, _> = serde_json::from_slice(answer.body);
        let envelope = match envelope {
            Ok(envelope) if answer.status == 200 && envelope.code == "0" => envelope,
            other => {
                let error = errors::of_call(answer.status, other.as_ref().ok());
                heard.extend(error.ends(asked, ts_recv));
                return Ok(());
            }
        };
        let data = envelope.data.map_or("[]", RawValue::get);
        let done = self.done(&mut asked, data, ts_recv, heard);
        done.map_err(|fault| {
            heard.extend(asked.unread(&fault, ts_recv));
            Unreadable::new(VENUE, fault.to_string(), answer.body)
        })
    }

    fn tick(&mut self, sent_before: i64, now: i64, heard: &mut Vec<Heard>) -> Vec<Outgoing> {
        let lost = self.flights.take_before(sent_before);
        heard.extend(lost.into_iter().filter_map(|asked| asked.unanswered(now)));
        if !self.is_open || now - self.pinged_at < PING_EVERY {
            return Vec::new();
        }
        self.pinged_at = now;
        vec![Outgoing::Text { line: LINE, text: "ping".to_owned() }]
    }
}
