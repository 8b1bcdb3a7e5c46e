//! Alpaca: orders and questions by REST, and a stream of what happens to orders.
//!
//! The answer to a change or a cancel only says that it was taken; the stream tells what became of
//! it. A change ends the order and begins another.

mod errors;
mod orders;
mod questions;
pub(super) mod requests;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use rustonite_core::Amount;
use rustonite_core::datasets::{InstrumentKind, OrderEvent};
use rustonite_core::ids::{AccountId, VenueId};

use super::chain::Chains;
use super::desk::Desk;
use super::dialect::Dialect;
use super::flight::{Asked, Flights, Named, VenueError, Way};
use super::parse::Parsed;
use super::{Call, Heard, HttpAnswer, Outgoing};
use crate::directory::Directory;
use crate::request::Outcome;

const LINE: usize = 0;

/// One account of Alpaca, for stocks or for crypto.
pub struct Alpaca {
    desk: Desk,
    api_key: String,
    secret: String,
    flights: Flights,
    chains: Chains,
    /// The venue's numbers of open orders and their sizes, by client id.
    known: HashMap<Box<str>, Known>,
    /// Since when fees are ours to count: the day of the first question for them.
    fees_from: Option<i64>,
    /// Changes whose order's number has to be asked for first, by the new client id.
    held: HashMap<Box<str>, String>,
}

/// An order that the venue has.
#[derive(Clone, Debug)]
struct Known {
    number: Box<str>,
    size: Option<Amount>,
}

impl core::fmt::Debug for Alpaca {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Alpaca").field("desk", &self.desk).finish_non_exhaustive()
    }
}

impl Alpaca {
    /// An account, and one of its keys.
    pub fn new(
        directory: Arc<Directory>,
        venue: VenueId,
        account: AccountId,
        api_key: String,
        secret: String,
    ) -> Self {
        Self {
            desk: Desk { directory, venue, account },
            api_key,
            secret,
            flights: Flights::default(),
            chains: Chains::default(),
            known: HashMap::new(),
            fees_from: None,
            held: HashMap::new(),
        }
    }

    fn call(
        &mut self,
        method: &'static str,
        path: String,
        body: String,
        asked: Asked,
        now: i64,
    ) -> Outgoing {
        Outgoing::Call(Call {
            id: self.flights.add(asked, Way::Call, now),
            method,
            path,
            headers: vec![
                ("APCA-API-KEY-ID", self.api_key.clone()),
                ("APCA-API-SECRET-KEY", self.secret.clone()),
                ("Content-Type", "application/json".to_owned()),
            ],
            body,
        })
    }

    fn forget_change(&mut self, new: &Named) {
        self.chains.end(&new.client_id);
        self.held.remove(&new.client_id);
    }
}

impl Dialect for Alpaca {
    const VENUE: &'static str = "alpaca";
    const TELLS_BALANCES: bool = false;

    fn flights(&self) -> &Flights {
        &self.flights
    }

    fn flights_mut(&mut self) -> &mut Flights {
        &mut self.flights
    }

    /// Crypto has fees, which executions do not tell.
    fn has_payments(&self) -> bool {
        self.desk.all_listed().any(|(_, one)| one.kind == InstrumentKind::Spot)
    }

    fn begin(&mut self, _now: i64) -> Vec<Outgoing> {
        vec![Outgoing::Open { line: LINE, endpoint: "updates", path: String::new() }]
    }

    fn line_opened(&mut self, _line: usize, _now: i64) -> Vec<Outgoing> {
        vec![self.log_on()]
    }

    fn line_closed(&mut self, _line: usize) {
        self.chains.deaf();
    }

    fn result<'a>(
        &mut self,
        answer: &HttpAnswer<'a>,
        _ts_recv: i64,
    ) -> Result<&'a str, VenueError> {
        let body = std::str::from_utf8(answer.body).unwrap_or_default();
        if (200..300).contains(&answer.status) {
            return Ok(body);
        }
        Err(errors::refusal(answer.status, body))
    }

    fn order_done(
        &mut self,
        order: &Named,
        (request, place): (OrderEvent, usize),
        result: &str,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed {
        heard.extend(self.taken(order.clone(), request, place, result, ts_recv)?);
        Ok(())
    }

    fn forget(&mut self, client_id: &str) {
        self.chains.forget(client_id);
    }

    fn refused(&mut self, asked: Asked, error: &VenueError, ts_recv: i64, heard: &mut Vec<Heard>) {
        if let Asked::Order(order, OrderEvent::ReplaceAsked, _) = &asked
            && !error.outcome_unknown
        {
            self.forget_change(order);
        }
        self.end_refused(asked, error, ts_recv, heard);
    }

    /// A request that waited for the number of its order was not sent at all.
    fn lost(&mut self, asked: &Asked, _now: i64) -> Option<Outcome> {
        let Asked::Order(order, request, requests::LOOK_UP) = asked else {
            self.chains.lost(asked);
            return None;
        };
        if *request == OrderEvent::ReplaceAsked {
            self.forget_change(order);
        }
        Some(Outcome::NotSent)
    }
}
