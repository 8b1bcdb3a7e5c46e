//! Binance USD-M futures: orders over the WebSocket interface, a user stream whose key comes by
//! REST, and questions by REST.

mod account;
mod orders;
mod questions;
pub(super) mod requests;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::hint::black_box;
use std::sync::Arc;

use rustonite_core::datasets::OrderEvent;
use rustonite_core::ids::{AccountId, InstrumentId, VenueId};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::binance::errors;
use super::binance::params::Pairs;
use super::binance::session::{Envelope, Session};
use super::budget::Budget;
use super::desk::Desk;
use super::flight::{Asked, Step, VenueError};
use super::guard::{self, Guard};
use super::parse::{Fault, Parsed};
use super::{
    CallError, Gateway, Heard, HttpAnswer, Outgoing, Question, Signer, Unreadable, Written,
};
use crate::directory::Directory;
use crate::report::Refusal;
use crate::request::Request;
use crate::wish::Wish;

const VENUE: &str = "binance-usdm";
/// Orders go out and are answered here.
const TRADING: usize = 0;
/// What happens is told here.
const PRIVATE: usize = 1;
const LISTEN_KEY: &str = "/fapi/v1/listenKey";
/// The venue forgets a key after an hour.
const RENEW_EVERY: i64 = 30 * 60 * 1_000_000_000;
/// How long to wait after the venue did not renew it.
const RENEW_PAUSE: i64 = 60_000_000_000;
const KEY_IS_GONE: &str = "-1125";
/// How long to wait before a key is asked for again.
const KEY_PAUSE: i64 = 5_000_000_000;

/// One account of Binance USD-M futures.
#[derive(Debug)]
pub struct BinanceUsdM {
    session: Session,
    is_open: [bool; 2],
    is_ready: bool,
    key: Key,
    /// Client ids of orders that wait for their trigger.
    waiting: HashSet<Box<str>>,
    /// Client ids of orders that had another number while they waited.
    renumbered: HashMap<i64, Box<str>>,
    guard: Guard,
}

/// What opens the user stream.
#[derive(Debug, Default)]
struct Key {
    is_known: bool,
    asked_at: i64,
    renewed_at: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyText {
    listen_key: String,
}

impl BinanceUsdM {
    /// An account, and the secret of one of its keys.
    pub fn new(
        directory: Arc<Directory>,
        venue: VenueId,
        account: AccountId,
        api_key: String,
        signer: Signer,
    ) -> Self {
        Self {
            session: Session::new(Desk { directory, venue, account }, api_key, signer),
            is_open: [false; 2],
            is_ready: false,
            key: Key::default(),
            waiting: HashSet::new(),
            renumbered: HashMap::new(),
            guard: Guard::default(),
        }
    }

    /// Ends all orders of an instrument after so many seconds; 0 for never.
    fn set_timer(&mut self, instrument: InstrumentId, seconds: u32, now: i64) -> Outgoing {
        let pairs = Pairs::from([
            ("symbol", self.session.desk.symbol(instrument)),
            ("countdownTime", (u64::from(seconds) * 1_000).to_string()),
        ]);
        let asked = Asked::Session(Step::Guard(instrument));
        self.session.rest("POST", "/fapi/v1/countdownCancelAll", asked, pairs, now)
    }

    fn timers(&mut self, now: i64) -> Vec<Outgoing> {
        let seconds = self.guard.seconds();
        let due = self.guard.due(self.is_ready, &mut self.session.flights.budget, now);
        due.into_iter().map(|timer| self.set_timer(timer, seconds, now)).collect()
    }

    fn ask_for_key(&mut self, now: i64) -> Outgoing {
        self.key = Key { is_known: false, asked_at: now, renewed_at: now };
        self.session.call("POST", LISTEN_KEY.to_owned(), Asked::Session(Step::Token), now)
    }

    /// Says that the key is still wanted. The answer tells whether the stream is one that lives.
    fn renew_key(&mut self, now: i64) -> Outgoing {
        self.key.renewed_at = now;
        self.session.call("PUT", LISTEN_KEY.to_owned(), Asked::Session(Step::Renewal), now)
    }

    /// An answer about several orders: each is done or refused for itself, in their order.
    fn answered_many(
        &mut self,
        items: Vec<u64>,
        answer: Result<HttpAnswer<'_>, &CallError>,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Result<(), Unreadable> {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                let lost = items.into_iter().filter_map(|item| self.session.flights.take(item));
                heard.extend(lost.filter_map(|asked| asked.not_answered(error, ts_recv)));
                return Ok(());
            }
        };
        let body = std::str::from_utf8(answer.body).unwrap_or_default();
        let whole = (answer.status != 200).then(|| errors::refusal(answer.status, Some(body)));
        let rows: Vec<&RawValue> = serde_json::from_str(body).unwrap_or_default();
        let mut rows = rows.into_iter();
        let mut read = Ok(());
        for item in items {
            let row = rows.next();
            let Some(asked) = self.session.flights.take(item) else { continue };
            let result = match (&whole, row) {
                (Some(error), _) => Err(error.clone()),
                (None, Some(row)) => errors::of_item(row.get()),
                // Nothing is said of it.
                (None, None) => Err(errors::refusal(200, None)),
            };
            let taken = self.take_answer(asked, result, ts_recv, heard);
            read = read.and(taken);
        }
        read.map_err(|fault| Unreadable::new(VENUE, fault.to_string(), answer.body))
    }

    fn take_answer(
        &mut self,
        mut asked: Asked,
        answer: Result<&str, VenueError>,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed {
        match answer {
            Ok(result) => {
                let done = self.done(&mut asked, result, ts_recv, heard);
                if let Err(fault) = &done {
                    heard.extend(asked.unread(fault, ts_recv));
                }
                done
            }
            Err(error) => {
                self.refused(asked, &error, ts_recv, heard);
                Ok(())
            }
        }
    }

    fn done(
        &mut self,
        asked: &mut Asked,
        result: &str,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed {
        match asked {
            Asked::Session(step) => self.stepped(*step, result, heard),
            Asked::Question(question, pages) => {
                let (question, pages) = (*question, std::mem::take(pages));
                let next = self.answer(question, pages, result, ts_recv)?;
                heard.push(next);
                Ok(())
            }
            Asked::Query(query) => self.found(query, result, ts_recv, heard),
            Asked::Order(order, request, place) => {
                heard.extend(self.order_done(order, *request, *place, result, ts_recv)?);
                Ok(())
            }
        }
    }

    fn stepped(&mut self, step: Step, result: &str, heard: &mut Vec<Heard>) -> Parsed {
        match step {
            Step::LogOn => self.session.logged_on(),
            Step::Token => {
                let key: KeyText = serde_json::from_str(result)?;
                if !key.listen_key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                    return Err(Fault::Other("the listen key is no key".to_owned()));
                }
                self.key.is_known = true;
                let path = format!("?listenKey={}", key.listen_key);
                self.is_open[PRIVATE] = false;
                heard.push(Heard::Send(Outgoing::Open {
                    line: PRIVATE,
                    endpoint: "private",
                    path,
                }));
            }
            Step::Renewal if self.is_open == [true; 2] && !self.is_ready => {
                self.is_ready = true;
                heard.push(Heard::Ready);
            }
            Step::Guard(timer) => self.guard.is_set(timer),
            Step::Renewal | Step::Subscribe | Step::LogOff => {}
        }
        Ok(())
    }

    fn refused(&mut self, asked: Asked, error: &VenueError, ts_recv: i64, heard: &mut Vec<Heard>) {
        match asked {
            Asked::Session(Step::Renewal) if error.refusal.venue_code.as_ref() == KEY_IS_GONE => {
                heard.push(Heard::Send(self.ask_for_key(ts_recv)));
            }
            Asked::Session(Step::LogOff) => {}
            Asked::Session(Step::Renewal) => {
                self.key.renewed_at = ts_recv - RENEW_EVERY + RENEW_PAUSE;
            }
            Asked::Query(query) if error.is_not_found() => self.missing(*query, ts_recv, heard),
            Asked::Order(order, request, place) if error.is_not_found() => {
                heard.push(self.order_missing(order, request, place, error, ts_recv));
            }
            asked => {
                if let Asked::Order(order, OrderEvent::Submitted, _) = &asked
                    && !error.outcome_unknown
                {
                    self.waiting.remove(&order.client_id);
                }
                heard.extend(self.session.flights.ended(asked, error, ts_recv));
            }
        }
    }
}

impl Gateway for BinanceUsdM {
    fn start(&mut self, now: i64) -> Vec<Outgoing> {
        let open = Outgoing::Open { line: TRADING, endpoint: "ws_api", path: String::new() };
        vec![open, self.ask_for_key(now)]
    }

    fn opened(&mut self, line: usize, now: i64) -> Vec<Outgoing> {
        if let Some(is_open) = self.is_open.get_mut(line) {
            *is_open = true;
        }
        let mut sent = Vec::new();
        if line == TRADING {
            sent.extend(self.session.log_on(TRADING, now));
        }
        if self.is_open == [true; 2] {
            sent.push(self.renew_key(now));
        }
        sent
    }

    fn closed(&mut self, line: usize, now: i64, heard: &mut Vec<Heard>) {
        if let Some(is_open) = self.is_open.get_mut(line) {
            *is_open = false;
        }
        self.is_ready = false;
        self.session.flights.lose_line(line, now, heard);
    }

    fn tells_leverage(&self) -> bool {
        true
    }

    fn write(&mut self, request: &Request, now: i64) -> Result<Outgoing, Refusal> {
        self.request(request, now)
    }

    fn rehearse(&self, client_id: &str, wish: &Wish, now: i64) {
        if let Ok(pairs) = self.new_order(client_id, wish) {
            black_box(self.session.signed_text(0, "order.place", pairs, now));
        }
    }

    fn write_many(&mut self, requests: &[Request], now: i64) -> Written {
        self.requests(requests, now)
    }

    fn ask(&mut self, question: Question, now: i64) -> Outgoing {
        let pages = self.session.flights.resume(question);
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
        if line == PRIVATE {
            return self.event(text, ts_recv, heard).map_err(unreadable);
        }
        let envelope: Envelope<'_> =
            serde_json::from_slice(text).map_err(|error| unreadable(error.into()))?;
        let Some(asked) = self.session.replied(&envelope, ts_recv) else { return Ok(()) };
        self.take_answer(asked, envelope.answer(), ts_recv, heard).map_err(unreadable)
    }

    fn answered(
        &mut self,
        id: u64,
        answer: Result<HttpAnswer<'_>, &CallError>,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Result<(), Unreadable> {
        let head = answer.as_ref().ok();
        if let Some(items) = self.session.flights.called_many(id, head, ts_recv) {
            return self.answered_many(items, answer, ts_recv, heard);
        }
        let answered = self.session.flights.answered(id, answer, ts_recv, heard);
        let Some((asked, answer)) = answered else { return Ok(()) };
        let unreadable = |fault: Fault| Unreadable::new(VENUE, fault.to_string(), answer.body);
        let body = std::str::from_utf8(answer.body).unwrap_or_default();
        let result = if answer.status == 200 {
            Ok(body)
        } else {
            Err(errors::refusal(answer.status, Some(body)))
        };
        self.take_answer(asked, result, ts_recv, heard).map_err(unreadable)
    }

    fn tick(&mut self, sent_before: i64, now: i64, heard: &mut Vec<Heard>) -> Vec<Outgoing> {
        self.session.flights.lose_before(sent_before, now, heard);
        let is_asked = self.session.flights.has(Step::Token);
        let mut sent = self.timers(now);
        if !self.key.is_known && !is_asked && now - self.key.asked_at >= KEY_PAUSE {
            sent.push(self.ask_for_key(now));
        }
        if self.key.is_known && now - self.key.renewed_at >= RENEW_EVERY {
            sent.push(self.renew_key(now));
        }
        sent
    }

    fn stop(&mut self, now: i64) -> Vec<Outgoing> {
        if !self.key.is_known {
            return Vec::new();
        }
        self.key.is_known = false;
        // Nothing depends on the answer.
        let asked = Asked::Session(Step::LogOff);
        vec![self.session.call("DELETE", LISTEN_KEY.to_owned(), asked, now)]
    }
    fn guard(&mut self, seconds: u32, instruments: &[InstrumentId]) -> Result<(), Refusal> {
        guard::check(VENUE, seconds, (1, 86_400))?;
        self.guard = Guard::new(seconds, instruments);
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
        Some(&mut self.session.flights.budget)
    }

    fn in_flight(&self) -> usize {
        self.session.flights.count()
    }
}
