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

use super::desk::Desk;
use super::dialect::Dialect;
use super::flight::{Asked, Flights, Loss, Named, Step, VenueError, Way};
use super::guard::TimerRule;
use super::parse::{Fault, Parsed, ns};
use super::{Call, Heard, HttpAnswer, Outgoing, Signer};
use crate::directory::Directory;
use crate::report::What;

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
    /// Each contract is held in two positions.
    hedges: bool,
    api_key: String,
    signer: Signer,
    flights: Flights,
    lines: [Line; 2],
    is_ready: bool,
    is_subscribed: bool,
    pinged_at: i64,
    changes: Vec<Change>,
}

/// What an order is to be by a change that is not told so far.
#[derive(Debug)]
struct Change {
    /// Number of the request.
    id: u64,
    order: Named,
    price: Option<Amount>,
    price_trigger: Option<Amount>,
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TimeText {
    time_nano: String,
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
            hedges: false,
            api_key,
            signer,
            flights: Flights::default(),
            lines: [Line::default(); 2],
            is_ready: false,
            is_subscribed: false,
            pinged_at: 0,
            changes: Vec::new(),
        }
    }

    fn log_on(&self, line: usize, now: i64) -> Outgoing {
        let expires = self.flights.clock.ms(now) + LOG_ON_MS;
        let sign = self.signer.sign(&format!("GET/realtime{expires}"));
        let message = json!({"op": "auth", "args": [self.api_key, expires, sign]});
        Outgoing::json(line, &message)
    }

    fn get(&mut self, path: &str, query: &str, asked: Asked, now: i64) -> Outgoing {
        let headers = self.headers(query, now);
        self.call_of("GET", format!("{path}?{query}"), headers, String::new(), asked, now)
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

    fn headers(&self, signed: &str, now: i64) -> Vec<(&'static str, String)> {
        let at = self.flights.clock.ms(now).to_string();
        let sign = self.signer.sign(&format!("{at}{}{WINDOW_MS}{signed}", self.api_key));
        vec![
            ("X-BAPI-API-KEY", self.api_key.clone()),
            ("X-BAPI-TIMESTAMP", at),
            ("X-BAPI-RECV-WINDOW", WINDOW_MS.to_owned()),
            ("X-BAPI-SIGN", sign),
        ]
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
                (0, None) => self.lose(asked, &Loss::unanswered(), ts_recv, heard),
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
            return self.take_refusal(asked, &error, ts_recv, heard);
        }
        if *request != OrderEvent::Submitted {
            return self.flights.taken(asked, PRIVATE, ts_recv);
        }
        let mut report = order.report(ts_recv, EventSource::Reply, What::Accepted);
        let number = Some(&*placed.order_id).filter(|number| !number.is_empty());
        report.venue_order_id = number.map(Into::into);
        heard.push(Heard::Report(report));
    }

    /// Both lines know who we are, and the private one what we want to hear.
    fn is_whole(&self) -> bool {
        self.is_subscribed && self.lines.iter().all(|line| line.is_logged_on)
    }
}

impl Dialect for Bybit {
    const VENUE: &'static str = "bybit";
    const LINES: usize = 2;
    const TIMER: Option<TimerRule> = Some(TimerRule { seconds: (3, 300), each_instrument: false });

    fn flights(&self) -> &Flights {
        &self.flights
    }

    fn flights_mut(&mut self) -> &mut Flights {
        &mut self.flights
    }

    fn begin(&mut self, _now: i64) -> Vec<Outgoing> {
        let open = |line, endpoint| Outgoing::Open { line, endpoint, path: String::new() };
        vec![open(TRADING, "trade"), open(PRIVATE, "private")]
    }

    fn line_opened(&mut self, line: usize, now: i64) -> Vec<Outgoing> {
        if let Some(state) = self.lines.get_mut(line) {
            *state = Line { is_open: true, is_logged_on: false };
        }
        vec![self.log_on(line, now)]
    }

    fn line_closed(&mut self, line: usize) {
        if let Some(state) = self.lines.get_mut(line) {
            *state = Line::default();
        }
        self.is_ready = false;
        self.is_subscribed &= line != PRIVATE;
        if line == PRIVATE {
            self.flights.guard.is_lost();
        }
    }

    fn hears(&self) -> bool {
        self.is_ready
    }

    fn upkeep(&mut self, now: i64) -> Vec<Outgoing> {
        if now - self.pinged_at < PING_EVERY {
            return Vec::new();
        }
        self.pinged_at = now;
        let open = (0..self.lines.len()).filter(|line| self.lines[*line].is_open);
        open.map(|line| Outgoing::Text { line, text: r#"{"op":"ping"}"#.to_owned() }).collect()
    }

    fn ask_time(&mut self, now: i64) -> Option<Outgoing> {
        let (path, asked) = ("/v5/market/time".to_owned(), Asked::Session(Step::Clock));
        Some(self.call_of("GET", path, Vec::new(), String::new(), asked, now))
    }

    fn time(&self, result: &str) -> Parsed<i64> {
        let text: TimeText = serde_json::from_str(result)?;
        text.time_nano.parse().map_err(|_| Fault::unknown("time", &text.time_nano))
    }

    fn has_leverage(&self) -> bool {
        self.category != Category::Spot
    }

    fn begin_hedging(&mut self) -> bool {
        self.hedges = self.category != Category::Spot;
        self.hedges
    }

    /// Says how long after the end of the private line all orders end.
    fn set_timer(&mut self, timer: InstrumentId, seconds: u32, now: i64) -> Option<Outgoing> {
        let body = json!({"product": self.category.dcp().1, "timeWindow": seconds}).to_string();
        let mut headers = self.headers(&body, now);
        headers.push(("Content-Type", "application/json".to_owned()));
        let path = "/v5/order/disconnected-cancel-all".to_owned();
        let asked = Asked::Session(Step::Guard(timer));
        Some(self.call_of("POST", path, headers, body, asked, now))
    }

    /// The venue forgets nothing, but acts only on lines that hear of it.
    fn end_timer(&mut self, _timer: InstrumentId, _now: i64) -> Option<Outgoing> {
        let topic = json!({"op": "unsubscribe", "args": [self.category.dcp().0]});
        Some(Outgoing::json(PRIVATE, &topic))
    }

    fn result<'a>(&mut self, answer: &HttpAnswer<'a>, ts_recv: i64) -> Result<&'a str, VenueError> {
        let reply: Result<Reply<'a>, _> = serde_json::from_slice(answer.body);
        match reply {
            Ok(reply) if answer.status == 200 && reply.ret_code == 0 => {
                Ok(reply.result.map_or("{}", RawValue::get))
            }
            other => {
                if answer.status == 403 {
                    // Of the whole address.
                    self.flights.budget.close(ts_recv + SHUT_OUT);
                }
                Err(errors::of_call(answer.status, other.as_ref().ok()))
            }
        }
    }
}

/// A moment in milliseconds as a text.
fn moment(text: &str, ts_recv: i64) -> i64 {
    text.parse().map_or(ts_recv, ns)
}
