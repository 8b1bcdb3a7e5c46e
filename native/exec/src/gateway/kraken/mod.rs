//! Kraken spot: orders and their stream on one line (WebSocket v2), whose token comes by REST, and
//! questions by REST.
//!
//! The answer to a change or a cancel only says that it was taken; the stream tells what became of
//! it. Changes are made in place. Updates name an order by its number and little else. What of a
//! balance is kept for orders is told by REST only.

mod errors;
mod names;
mod questions;
pub(super) mod requests;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use ring::digest;
use rustonite_core::Amount;
use rustonite_core::datasets::{EventSource, OrderEvent, OrderSide};
use rustonite_core::ids::{AccountId, InstrumentId, VenueId};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::desk::Desk;
use super::dialect::Dialect;
use super::flight::{Asked, Flights, Named, Step, VenueError, Way};
use super::guard::TimerRule;
use super::parse::Parsed;
use super::{Call, Heard, HttpAnswer, Outgoing, Signer, SignerError};
use crate::directory::Directory;
use crate::report::What;

const VENUE: &str = "kraken";
const LINE: usize = 0;
const PING_EVERY: i64 = 30_000_000_000;
/// How long to wait before a token is asked for again.
const TOKEN_PAUSE: i64 = 5_000_000_000;

/// One account of Kraken spot.
#[derive(Debug)]
pub struct Kraken {
    desk: Desk,
    api_key: String,
    signer: Signer,
    flights: Flights,
    token: Token,
    is_open: bool,
    /// The line hears of our orders.
    is_ready: bool,
    pinged_at: i64,
    /// The greatest number that a call had.
    nonce: i64,
    /// Of the last message of the stream.
    sequence: Option<i64>,
    /// Open orders by the venue's number.
    orders: HashMap<Box<str>, Known>,
}

/// What proves on the line who we are. It is not shown.
#[derive(Default)]
struct Token {
    text: Option<String>,
    asked_at: i64,
}

impl core::fmt::Debug for Token {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Token").field("is_known", &self.text.is_some()).finish_non_exhaustive()
    }
}

/// What updates leave out.
#[derive(Clone, Debug)]
struct Known {
    named: Named,
    side: OrderSide,
    price: Option<Amount>,
    size: Amount,
}

/// An answer of REST.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(default)]
    error: Vec<String>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct TokenText {
    token: String,
}

impl Kraken {
    /// An account, and one of its keys.
    ///
    /// # Errors
    /// A secret that is not base64.
    pub fn new(
        directory: Arc<Directory>,
        venue: VenueId,
        account: AccountId,
        api_key: String,
        secret: &str,
    ) -> Result<Self, SignerError> {
        Ok(Self {
            desk: Desk { directory, venue, account },
            api_key,
            signer: Signer::of_base64(secret)?,
            flights: Flights::default(),
            token: Token::default(),
            is_open: false,
            is_ready: false,
            pinged_at: 0,
            nonce: 0,
            sequence: None,
            orders: HashMap::new(),
        })
    }

    /// A call of REST; the number that makes it different from all others goes first.
    fn post(&mut self, path: &str, fields: &str, asked: Asked, now: i64) -> Outgoing {
        self.nonce = (self.nonce + 1).max(now / 1_000);
        let nonce = self.nonce.to_string();
        let separator = if fields.is_empty() { "" } else { "&" };
        let body = format!("nonce={nonce}{separator}{fields}");
        Outgoing::Call(Call {
            id: self.flights.add(asked, Way::Call, now),
            method: "POST",
            path: path.to_owned(),
            headers: vec![
                ("API-Key", self.api_key.clone()),
                ("API-Sign", sign(&self.signer, path, &nonce, &body)),
                ("Content-Type", "application/x-www-form-urlencoded".to_owned()),
            ],
            body,
        })
    }

    fn ask_for_token(&mut self, now: i64) -> Outgoing {
        self.token = Token { text: None, asked_at: now };
        let asked = Asked::Session(Step::Token);
        self.post("/0/private/GetWebSocketsToken", "", asked, now)
    }

    /// What is to be heard on the line.
    fn subscribe(&mut self, token: &str, now: i64) -> Outgoing {
        let executions = json!({"channel": "executions", "snap_orders": true, "snap_trades": false,
            "order_status": true, "ratecounter": true, "token": token});
        let id = self.flights.add(Asked::Session(Step::Subscribe), Way::Line(LINE), now);
        Outgoing::json(LINE, &json!({"method": "subscribe", "params": executions, "req_id": id}))
    }

    /// The venue has taken a request on the line.
    fn taken(&mut self, asked: Asked, number: Option<&str>, ts_recv: i64) -> Option<Heard> {
        let Asked::Order(order, OrderEvent::Submitted, _) = &asked else {
            self.flights.taken(asked, LINE, ts_recv);
            return None;
        };
        let mut report = order.report(ts_recv, EventSource::Reply, What::Accepted);
        report.venue_order_id = number.map(Into::into);
        Some(Heard::Report(report))
    }
}

/// The signature of a call: of its path, and of a digest of its number and body.
fn sign(signer: &Signer, path: &str, nonce: &str, body: &str) -> String {
    let digest = digest::digest(&digest::SHA256, format!("{nonce}{body}").as_bytes());
    let mut text = path.as_bytes().to_vec();
    text.extend_from_slice(digest.as_ref());
    signer.sign_base64(&text)
}

impl Dialect for Kraken {
    const VENUE: &'static str = VENUE;
    const TELLS_BALANCES: bool = false;
    const TIMER: Option<TimerRule> =
        Some(TimerRule { seconds: (1, 86_400), each_instrument: false });

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
        (self.is_open, self.sequence, self.pinged_at) = (true, None, now);
        // The stream begins with all that are open.
        self.orders.clear();
        vec![self.ask_for_token(now)]
    }

    fn line_closed(&mut self, line: usize) {
        if line == LINE {
            (self.is_open, self.is_ready) = (false, false);
            self.token.text = None;
        }
    }

    fn hears(&self) -> bool {
        self.is_ready && self.token.text.is_some()
    }

    fn upkeep(&mut self, now: i64) -> Vec<Outgoing> {
        if !self.is_open {
            return Vec::new();
        }
        let mut sent = Vec::new();
        let is_asked = self.flights.has(Step::Token);
        if self.token.text.is_none() && !is_asked && now - self.token.asked_at >= TOKEN_PAUSE {
            sent.push(self.ask_for_token(now));
        }
        if now - self.pinged_at >= PING_EVERY {
            self.pinged_at = now;
            sent.push(Outgoing::json(LINE, &json!({"method": "ping"})));
        }
        sent
    }

    fn set_timer(&mut self, timer: InstrumentId, seconds: u32, now: i64) -> Option<Outgoing> {
        let token = self.token.text.clone()?;
        let asked = Asked::Session(Step::Guard(timer));
        let id = self.flights.add(asked, Way::Line(LINE), now);
        let params = json!({"timeout": seconds, "token": token});
        let method = "cancel_all_orders_after";
        Some(Outgoing::json(LINE, &json!({"method": method, "params": params, "req_id": id})))
    }

    fn result<'a>(
        &mut self,
        answer: &HttpAnswer<'a>,
        _ts_recv: i64,
    ) -> Result<&'a str, VenueError> {
        let envelope: Result<Envelope<'a>, _> = serde_json::from_slice(answer.body);
        match envelope {
            Ok(Envelope { error, result: Some(result) }) if error.is_empty() => Ok(result.get()),
            Ok(Envelope { error, .. }) if !error.is_empty() => Err(errors::refusal(&error[0])),
            _ => Err(VenueError::of_status(answer.status)),
        }
    }

    fn stepped(
        &mut self,
        _step: Step,
        result: &str,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed {
        let token: TokenText = serde_json::from_str(result)?;
        if self.is_open {
            heard.push(Heard::Send(self.subscribe(&token.token, ts_recv)));
        }
        self.token.text = Some(token.token);
        Ok(())
    }
}
