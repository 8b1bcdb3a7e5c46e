//! Bybit v5: orders on a line for trading, their stream on a private one, questions by REST.
//!
//! The answer to a request only says that it was taken; the stream tells what became of it. Changes
//! are made in place. One gateway is for one category of instruments.

mod errors;
mod questions;
pub(super) mod requests;
mod rows;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use rustonite_core::Amount;
use rustonite_core::datasets::{EventSource, OrderEvent};
use rustonite_core::ids::{AccountId, InstrumentId, VenueId};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::budget::Budget;
use super::desk::Desk;
use super::flight::{Asked, Flights, Step, Way};
use super::guard::{self, Guard};
use super::parse::{Fault, Parsed, ms, ns};
use super::{
    Call, CallError, Gateway, Heard, HttpAnswer, Outgoing, Question, Signer, Unreadable, Written,
};
use crate::directory::Directory;
use crate::report::{Refusal, What};
use crate::request::Request;

const VENUE: &str = "bybit";
const TRADING: usize = 0;
const PRIVATE: usize = 1;
const WINDOW_MS: &str = "5000";
/// How long the word that says who we are is good for.
const LOG_ON_MS: i64 = 10_000;
const PING_EVERY: i64 = 20_000_000_000;
/// How long an address is not heard that asked too much.
const SHUT_OUT: i64 = 600_000_000_000;

/// What the venue sells, in its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// Assets for assets.
    Spot,
    /// Contracts in USDT and USDC.
    Linear,
    /// Contracts in coins.
    Inverse,
}

impl Category {
    const fn word(self) -> &'static str {
        match self {
            Self::Spot => "spot",
            Self::Linear => "linear",
            Self::Inverse => "inverse",
        }
    }

    /// Where and for what the venue cancels orders of a line that is gone.
    const fn dcp(self) -> (&'static str, &'static str) {
        match self {
            Self::Spot => ("dcp.spot", "SPOT"),
            Self::Linear | Self::Inverse => ("dcp.future", "DERIVATIVES"),
        }
    }
}

/// One account of Bybit, for one category.
#[derive(Debug)]
pub struct Bybit {
    desk: Desk,
    category: Category,
    api_key: String,
    signer: Signer,
    flights: Flights,
    lines: [Line; 2],
    is_ready: bool,
    is_subscribed: bool,
    pinged_at: i64,
    guard: Guard,
    changes: Vec<Change>,
}

/// What an order is to be by a change that is not told so far.
#[derive(Debug)]
struct Change {
    /// Number of the request.
    id: u64,
    client_id: Box<str>,
    price: Option<Amount>,
    size: Amount,
}

#[derive(Clone, Copy, Debug, Default)]
struct Line {
    is_open: bool,
    is_logged_on: bool,
}

/// An answer to a request.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply<'a> {
    #[serde(default)]
    req_id: String,
    ret_code: i64,
    #[serde(default)]
    ret_msg: String,
    /// On a line,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    /// or of REST.
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    /// What was done with each of several orders.
    #[serde(borrow)]
    ret_ext_info: Option<&'a RawValue>,
    /// What an answer of REST has in its head.
    #[serde(default)]
    header: BTreeMap<String, String>,
}

impl Reply<'_> {
    fn headers(&self) -> Vec<(String, String)> {
        let lower = |(name, value): (&String, &String)| (name.to_ascii_lowercase(), value.clone());
        self.header.iter().map(lower).collect()
    }
}

/// What was done with one of several orders.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    code: i64,
    msg: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Placed {
    order_id: String,
}

impl Bybit {
    /// An account, and one of its keys.
    pub fn new(
        directory: Arc<Directory>,
        venue: VenueId,
        account: AccountId,
        category: Category,
        api_key: String,
        signer: Signer,
    ) -> Self {
        Self {
            desk: Desk { directory, venue, account },
            category,
            api_key,
            signer,
            flights: Flights::default(),
            lines: [Line::default(); 2],
            is_ready: false,
            is_subscribed: false,
            pinged_at: 0,
            guard: Guard::default(),
            changes: Vec::new(),
        }
    }

    fn log_on(&self, line: usize, now: i64) -> Outgoing {
        let expires = ms(now) + LOG_ON_MS;
        let sign = self.signer.sign(&format!("GET/realtime{expires}"));
        let message = json!({"op": "auth", "args": [self.api_key, expires, sign]});
        Outgoing::json(line, &message)
    }

    fn get(&mut self, path: &str, query: &str, asked: Asked, now: i64) -> Outgoing {
        let headers = self.headers(query, now);
        Outgoing::Call(Call {
            id: self.flights.add(asked, Way::Call, now),
            method: "GET",
            path: format!("{path}?{query}"),
            headers,
            body: String::new(),
        })
    }

    fn headers(&self, signed: &str, now: i64) -> Vec<(&'static str, String)> {
        let at = ms(now).to_string();
        let sign = self.signer.sign(&format!("{at}{}{WINDOW_MS}{signed}", self.api_key));
        vec![
            ("X-BAPI-API-KEY", self.api_key.clone()),
            ("X-BAPI-TIMESTAMP", at),
            ("X-BAPI-RECV-WINDOW", WINDOW_MS.to_owned()),
            ("X-BAPI-SIGN", sign),
        ]
    }

    /// Says how long after the end of the private line all orders end.
    fn set_timer(&mut self, timer: InstrumentId, seconds: u32, now: i64) -> Outgoing {
        let body = json!({"product": self.category.dcp().1, "timeWindow": seconds}).to_string();
        let mut headers = self.headers(&body, now);
        headers.push(("Content-Type", "application/json".to_owned()));
        Outgoing::Call(Call {
            id: self.flights.add(Asked::Session(Step::Guard(timer)), Way::Call, now),
            method: "POST",
            path: "/v5/order/disconnected-cancel-all".to_owned(),
            headers,
            body,
        })
    }

    fn timers(&mut self, now: i64) -> Vec<Outgoing> {
        let seconds = self.guard.seconds();
        let due = self.guard.due(self.is_ready, &mut self.flights.budget, now);
        due.into_iter().map(|timer| self.set_timer(timer, seconds, now)).collect()
    }

    /// An answer on the line for trading.
    fn replied(&mut self, reply: &Reply<'_>, ts_recv: i64, heard: &mut Vec<Heard>) {
        let id = reply.req_id.parse().unwrap_or_default();
        let head = HttpAnswer { status: 200, headers: &reply.headers(), body: b"" };
        let data = reply.data.map_or("{}", RawValue::get);
        if let Some(items) = self.flights.called_many(id, Some(&head), ts_recv) {
            return self.replied_many(items, reply, data, ts_recv, heard);
        }
        let Some(asked) = self.flights.called(id, Some(&head), ts_recv) else { return };
        let placed = serde_json::from_str(data).unwrap_or_default();
        self.replied_item(id, asked, (reply.ret_code, &reply.ret_msg), &placed, ts_recv, heard);
    }

    /// An answer about several orders: each is done or refused for itself, in their order.
    fn replied_many(
        &mut self,
        items: Vec<u64>,
        reply: &Reply<'_>,
        data: &str,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) {
        let placed = rows::list_of::<Placed>(data);
        let info = reply.ret_ext_info.map_or("{}", RawValue::get);
        let said = rows::list_of::<Said>(info);
        let (mut placed, mut said) = (placed.into_iter(), said.into_iter());
        for item in items {
            let (placed, said) = (placed.next().unwrap_or_default(), said.next());
            let Some(asked) = self.flights.take(item) else { continue };
            match (reply.ret_code, said) {
                (0, Some(said)) => {
                    let word = (said.code, &*said.msg);
                    self.replied_item(item, asked, word, &placed, ts_recv, heard);
                }
                // Nothing is said of it.
                (0, None) => heard.extend(asked.unanswered(ts_recv)),
                (code, _) => {
                    let word = (code, &*reply.ret_msg);
                    self.replied_item(item, asked, word, &placed, ts_recv, heard);
                }
            }
        }
    }

    /// What an answer says of one order.
    fn replied_item(
        &mut self,
        id: u64,
        asked: Asked,
        (code, words): (i64, &str),
        placed: &Placed,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) {
        let Asked::Order(order, request, _) = &asked else { return };
        if code != 0 {
            let error = errors::refusal(code, words);
            if !error.outcome_unknown {
                self.changes.retain(|change| change.id != id);
            }
            return heard.extend(self.flights.ended(asked, &error, ts_recv));
        }
        if *request != OrderEvent::Submitted {
            return self.flights.taken(asked, PRIVATE, ts_recv);
        }
        let mut report = order.report(ts_recv, EventSource::Reply, What::Accepted);
        let number = Some(&*placed.order_id).filter(|number| !number.is_empty());
        report.venue_order_id = number.map(Into::into);
        heard.push(Heard::Report(report));
    }

    fn done(
        &mut self,
        asked: &mut Asked,
        result: &str,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed {
        match asked {
            Asked::Question(question, pages) => {
                let (question, pages) = (*question, std::mem::take(pages));
                let next = self.answer(question, pages, result, ts_recv)?;
                heard.push(next);
                Ok(())
            }
            Asked::Query(query) => {
                let list: rows::List<rows::OrderRow> = serde_json::from_str(result)?;
                match list.list.first() {
                    Some(row) => {
                        let picture = row.picture(&query.order, ts_recv, EventSource::Rest)?;
                        heard.push(Heard::Report(picture));
                    }
                    None => heard.push(self.missing(query, ts_recv)),
                }
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

    /// Both lines know who we are, and the private one what we want to hear.
    fn is_whole(&self) -> bool {
        self.is_subscribed && self.lines.iter().all(|line| line.is_logged_on)
    }
}

impl Gateway for Bybit {
    fn start(&mut self, _now: i64) -> Vec<Outgoing> {
        let open = |line, endpoint| Outgoing::Open { line, endpoint, path: String::new() };
        vec![open(TRADING, "trade"), open(PRIVATE, "private")]
    }

    fn opened(&mut self, line: usize, now: i64) -> Vec<Outgoing> {
        if let Some(state) = self.lines.get_mut(line) {
            *state = Line { is_open: true, is_logged_on: false };
        }
        vec![self.log_on(line, now)]
    }

    fn closed(&mut self, line: usize, now: i64, heard: &mut Vec<Heard>) {
        if let Some(state) = self.lines.get_mut(line) {
            *state = Line::default();
        }
        self.is_ready = false;
        self.is_subscribed &= line != PRIVATE;
        if line == PRIVATE {
            self.guard.is_lost();
        }
        self.flights.lose_line(line, now, heard);
    }

    fn tells_leverage(&self) -> bool {
        self.category != Category::Spot
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
        line: usize,
        text: &[u8],
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Result<(), Unreadable> {
        let unreadable = |fault: Fault| Unreadable::new(VENUE, fault.to_string(), text);
        self.message(line, text, ts_recv, heard).map_err(unreadable)
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
        let reply: Result<Reply<'_>, _> = serde_json::from_slice(answer.body);
        let reply = match reply {
            Ok(reply) if answer.status == 200 && reply.ret_code == 0 => reply,
            other => {
                let error = errors::of_call(answer.status, other.as_ref().ok());
                if answer.status == 403 {
                    // Of the whole address.
                    self.flights.budget.close(ts_recv + SHUT_OUT);
                }
                heard.extend(self.flights.ended(asked, &error, ts_recv));
                return Ok(());
            }
        };
        let result = reply.result.map_or("{}", RawValue::get);
        let done = self.done(&mut asked, result, ts_recv, heard);
        done.map_err(|fault| asked.unreadable(&fault, (VENUE, answer.body), ts_recv, heard))
    }

    fn tick(&mut self, sent_before: i64, now: i64, heard: &mut Vec<Heard>) -> Vec<Outgoing> {
        self.flights.lose_before(sent_before, now, heard);
        let mut sent = self.timers(now);
        if now - self.pinged_at >= PING_EVERY {
            self.pinged_at = now;
            let open = (0..self.lines.len()).filter(|line| self.lines[*line].is_open);
            let ping = |line| Outgoing::Text { line, text: r#"{"op":"ping"}"#.to_owned() };
            sent.extend(open.map(ping));
        }
        sent
    }
    fn guard(&mut self, seconds: u32, instruments: &[InstrumentId]) -> Result<(), Refusal> {
        guard::check(VENUE, seconds, (3, 300))?;
        self.guard = Guard::new(seconds, instruments.first().map_or(&[], std::slice::from_ref));
        Ok(())
    }

    fn is_guarded(&self, now: i64) -> bool {
        self.guard.runs(now)
    }

    /// The venue forgets nothing, but acts only on lines that hear of it.
    fn unguard(&mut self, _now: i64) -> Vec<Outgoing> {
        let topic = json!({"op": "unsubscribe", "args": [self.category.dcp().0]}).to_string();
        let ended = self.guard.end();
        ended.into_iter().map(|_| Outgoing::Text { line: PRIVATE, text: topic.clone() }).collect()
    }

    fn budget(&mut self) -> Option<&mut Budget> {
        Some(&mut self.flights.budget)
    }

    fn in_flight(&self) -> usize {
        self.flights.count()
    }
}

/// A moment in milliseconds as a text.
fn moment(text: &str, ts_recv: i64) -> i64 {
    text.parse().map_or(ts_recv, ns)
}
