//! Binance USD-M futures: orders over the WebSocket interface, a user stream whose key comes by
//! REST, and questions by REST.

mod account;
mod orders;
mod questions;
mod renewing;
#[cfg(test)]
mod renewing_tests;
pub(super) mod requests;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rustonite_core::Amount;
use rustonite_core::datasets::{OrderEvent, PositionSide};
use rustonite_core::ids::{AccountId, InstrumentId, VenueId};
use serde::Deserialize;
use serde_json::value::RawValue;

use self::orders::ALGOS;
use super::binance::errors;
use super::binance::params::Pairs;
use super::binance::session::Session;
use super::chain::Chains;
use super::desk::Desk;
use super::dialect::Dialect;
use super::flight::{Asked, Flights, Named, Step, VenueError};
use super::guard::TimerRule;
use super::parse::{Fault, Parsed};
use super::{Heard, HttpAnswer, Outgoing, Signer};
use crate::directory::Directory;
use crate::request::Outcome;

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
/// Of all that changes a balance what no execution tells.
const FUNDING: &str = "FUNDING_FEE";
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
    /// Changes of orders that wait.
    chains: Chains,
    /// Of those the new orders that are not placed so far, by their client ids.
    renewals: HashMap<Box<str>, Pairs>,
    /// Funding of the last hour whose position the stream told.
    funded: Vec<Funded>,
}

/// Funding of one of two positions.
#[derive(Debug)]
struct Funded {
    instrument: InstrumentId,
    side: PositionSide,
    asset: Box<str>,
    /// Negative if it was paid.
    received: Amount,
    at: i64,
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
            chains: Chains::default(),
            renewals: HashMap::new(),
            funded: Vec::new(),
        }
    }

    fn ask_for_key(&mut self, now: i64) -> Outgoing {
        self.key = Key { is_known: false, asked_at: now, renewed_at: now };
        self.session.call("POST", LISTEN_KEY.to_owned(), Asked::Session(Step::Token), now)
    }

    /// The venue did not say that it has renewed the key.
    fn renew_soon(&mut self, now: i64) {
        self.key.renewed_at = now - RENEW_EVERY + RENEW_PAUSE;
    }

    /// Says that the key is still wanted. The answer tells whether the stream is one that lives.
    fn renew_key(&mut self, now: i64) -> Outgoing {
        self.key.renewed_at = now;
        self.session.call("PUT", LISTEN_KEY.to_owned(), Asked::Session(Step::Renewal), now)
    }
}

impl Dialect for BinanceUsdM {
    const VENUE: &'static str = VENUE;
    const LINES: usize = 2;
    const TIMER: Option<TimerRule> =
        Some(TimerRule { seconds: (1, 86_400), each_instrument: true });

    fn flights(&self) -> &Flights {
        &self.session.flights
    }

    fn flights_mut(&mut self) -> &mut Flights {
        &mut self.session.flights
    }

    fn begin(&mut self, now: i64) -> Vec<Outgoing> {
        let open = Outgoing::Open { line: TRADING, endpoint: "ws_api", path: String::new() };
        vec![open, self.ask_for_key(now)]
    }

    fn line_opened(&mut self, line: usize, now: i64) -> Vec<Outgoing> {
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

    fn line_closed(&mut self, line: usize) {
        if let Some(is_open) = self.is_open.get_mut(line) {
            *is_open = false;
        }
        if line == PRIVATE {
            self.chains.deaf();
        }
        self.is_ready = false;
    }

    fn hears(&self) -> bool {
        self.is_ready
    }

    fn upkeep(&mut self, now: i64) -> Vec<Outgoing> {
        let is_asked = self.session.flights.has(Step::Token);
        let mut sent = Vec::new();
        if !self.key.is_known && !is_asked && now - self.key.asked_at >= KEY_PAUSE {
            sent.push(self.ask_for_key(now));
        }
        if self.key.is_known && now - self.key.renewed_at >= RENEW_EVERY {
            sent.push(self.renew_key(now));
        }
        sent
    }

    fn ask_time(&mut self, now: i64) -> Option<Outgoing> {
        let asked = Asked::Session(Step::Clock);
        Some(self.session.call("GET", "/fapi/v1/time".to_owned(), asked, now))
    }

    fn time(&self, result: &str) -> Parsed<i64> {
        Session::time(result)
    }

    fn end(&mut self, now: i64) -> Vec<Outgoing> {
        if !self.key.is_known {
            return Vec::new();
        }
        self.key.is_known = false;
        // Nothing depends on the answer.
        let asked = Asked::Session(Step::LogOff);
        vec![self.session.call("DELETE", LISTEN_KEY.to_owned(), asked, now)]
    }

    fn has_leverage(&self) -> bool {
        true
    }

    fn begin_hedging(&mut self) -> bool {
        true
    }

    fn has_payments(&self) -> bool {
        true
    }

    fn set_timer(&mut self, timer: InstrumentId, seconds: u32, now: i64) -> Option<Outgoing> {
        let pairs = Pairs::from([
            ("symbol", self.session.desk.symbol(timer)),
            ("countdownTime", (u64::from(seconds) * 1_000).to_string()),
        ]);
        let asked = Asked::Session(Step::Guard(timer));
        Some(self.session.rest("POST", "/fapi/v1/countdownCancelAll", asked, pairs, now))
    }

    fn result<'a>(
        &mut self,
        answer: &HttpAnswer<'a>,
        _ts_recv: i64,
    ) -> Result<&'a str, VenueError> {
        Session::result(answer)
    }

    fn stepped(
        &mut self,
        step: Step,
        result: &str,
        _ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed {
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
                let endpoint = "private";
                heard.push(Heard::Send(Outgoing::Open { line: PRIVATE, endpoint, path }));
            }
            Step::Renewal if self.is_open == [true; 2] && !self.is_ready => {
                self.is_ready = true;
                heard.push(Heard::Ready);
            }
            _ => {}
        }
        Ok(())
    }

    fn order_done(
        &mut self,
        order: &Named,
        (request, place): (OrderEvent, usize),
        result: &str,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed {
        if request == OrderEvent::ReplaceAsked && place % 2 == ALGOS {
            return self.renewed(order, place, result, ts_recv, heard);
        }
        heard.extend(self.taken(order, request, place, result, ts_recv)?);
        Ok(())
    }

    /// Each is done or refused for itself, in their order.
    fn many_done(
        &mut self,
        items: Vec<u64>,
        answer: &HttpAnswer<'_>,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed {
        let whole = Session::result(answer);
        let rows: Vec<&RawValue> = whole
            .as_ref()
            .ok()
            .and_then(|body| serde_json::from_str(body).ok())
            .unwrap_or_default();
        let mut rows = rows.into_iter();
        let mut read = Ok(());
        for item in items {
            let row = rows.next();
            let Some(asked) = self.session.flights.take(item) else { continue };
            let result = match (&whole, row) {
                (Err(error), _) => Err(error.clone()),
                (Ok(_), Some(row)) => errors::of_item(row.get()),
                // Nothing is said of it.
                (Ok(_), None) => Err(errors::refusal(200, None)),
            };
            let taken = self.take_answer(asked, result, ts_recv, heard);
            read = read.and(taken);
        }
        read
    }

    fn forget(&mut self, client_id: &str) {
        self.waiting.remove(client_id);
    }

    fn refused(&mut self, asked: Asked, error: &VenueError, ts_recv: i64, heard: &mut Vec<Heard>) {
        match asked {
            Asked::Session(Step::Renewal) if error.refusal.venue_code.as_ref() == KEY_IS_GONE => {
                heard.push(Heard::Send(self.ask_for_key(ts_recv)));
            }
            Asked::Session(Step::LogOff) => {}
            Asked::Session(Step::Renewal) => self.renew_soon(ts_recv),
            Asked::Order(order, OrderEvent::CancelAsked, place)
                if error.is_not_found() && place < 2 =>
            {
                heard.push(self.look_in_other_list(order, place, ts_recv));
            }
            Asked::Order(order, OrderEvent::ReplaceAsked, place)
                if place % 2 == ALGOS && !error.outcome_unknown =>
            {
                self.forget_renewal(&order.client_id);
                heard.extend(self.chains.refused(&order, error, ts_recv));
            }
            asked => self.end_refused(asked, error, ts_recv, heard),
        }
    }

    fn lost(&mut self, asked: &Asked, now: i64) -> Option<Outcome> {
        match asked {
            Asked::Session(Step::Renewal) => self.renew_soon(now),
            Asked::Order(order, OrderEvent::ReplaceAsked, place) if place % 2 == ALGOS => {
                self.renewals.remove(&order.client_id);
                self.chains.lost(asked);
            }
            _ => {}
        }
        None
    }
}
