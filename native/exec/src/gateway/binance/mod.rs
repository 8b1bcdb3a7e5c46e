//! Binance spot, over its WebSocket interface: requests, their answers and the user stream on one
//! connection.

pub(super) mod errors;
pub(super) mod params;
mod replacing;
mod reports;
pub(super) mod requests;
pub(super) mod session;
#[cfg(test)]
mod tests;
pub(super) mod words;

use std::sync::Arc;

use rustonite_core::datasets::{EventSource, OrderEvent};
use rustonite_core::ids::{AccountId, VenueId};

use self::params::Pairs;
use self::session::{Envelope, Session};
use super::chain::Chains;
use super::desk::Desk;
use super::dialect::{Dialect, Stream};
use super::flight::{Asked, Flights, Named, Step, VenueError};
use super::parse::{Parsed, amount, ns};
use super::{Heard, HttpAnswer, Outgoing, Signer};
use crate::directory::Directory;
use crate::report::What;
use crate::request::Outcome;

const VENUE: &str = "binance";
const LINE: usize = 0;

/// One account of Binance spot.
#[derive(Debug)]
pub struct BinanceSpot {
    session: Session,
    chains: Chains,
}

impl BinanceSpot {
    /// An account, and the secret of one of its keys.
    pub fn new(
        directory: Arc<Directory>,
        venue: VenueId,
        account: AccountId,
        api_key: String,
        signer: Signer,
    ) -> Self {
        let session = Session::new(Desk { directory, venue, account }, api_key, signer);
        Self { session, chains: Chains::default() }
    }
}

impl Stream for BinanceSpot {
    fn message(
        &mut self,
        _line: usize,
        text: &[u8],
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed {
        let envelope: Envelope<'_> = serde_json::from_slice(text)?;
        if let Some(event) = envelope.event {
            return self.event(event.get(), ts_recv, heard);
        }
        let Some(asked) = self.session.replied(&envelope, ts_recv) else { return Ok(()) };
        self.take_answer(asked, envelope.answer(), ts_recv, heard)
    }
}

impl Dialect for BinanceSpot {
    const VENUE: &'static str = VENUE;

    fn flights(&self) -> &Flights {
        &self.session.flights
    }

    fn flights_mut(&mut self) -> &mut Flights {
        &mut self.session.flights
    }

    fn begin(&mut self, _now: i64) -> Vec<Outgoing> {
        vec![Outgoing::Open { line: LINE, endpoint: "ws_api", path: String::new() }]
    }

    fn line_opened(&mut self, _line: usize, now: i64) -> Vec<Outgoing> {
        let asked = Asked::Session(Step::Subscribe);
        if let Some(log_on) = self.session.log_on(LINE, now) {
            return vec![log_on, self.session.open(LINE, "userDataStream.subscribe", asked, now)];
        }
        let method = "userDataStream.subscribe.signature";
        vec![self.session.signed(LINE, method, asked, Pairs::default(), now)]
    }

    fn line_closed(&mut self, _line: usize) {
        self.chains.deaf();
    }

    fn result<'a>(
        &mut self,
        answer: &HttpAnswer<'a>,
        _ts_recv: i64,
    ) -> Result<&'a str, VenueError> {
        Session::result(answer)
    }

    fn ask_time(&mut self, now: i64) -> Option<Outgoing> {
        Some(self.session.open(LINE, "time", Asked::Session(Step::Clock), now))
    }

    fn time(&self, result: &str) -> Parsed<i64> {
        Session::time(result)
    }

    fn stepped(
        &mut self,
        step: Step,
        _result: &str,
        _ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed {
        if step == Step::Subscribe {
            self.session.logged_on();
            heard.push(Heard::Ready);
        }
        Ok(())
    }

    fn order_done(
        &mut self,
        order: &Named,
        (request, _): (OrderEvent, usize),
        result: &str,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed {
        match request {
            OrderEvent::Submitted => {
                let placed: reports::Placed = serde_json::from_str(result)?;
                let mut report = order.report(ts_recv, EventSource::Reply, What::Accepted);
                report.venue_order_id = Some(placed.order_id.to_string().into());
                report.ts_event = ns(placed.transact_time);
                heard.push(Heard::Report(report));
            }
            OrderEvent::CancelAsked => {
                let ended: reports::Ended<'_> = serde_json::from_str(result)?;
                let filled = amount(&ended.executed_qty)?;
                let what = What::Cancelled {
                    size_filled: self.chains.whole(&order.client_id, filled),
                    size_prevented: None,
                    refusal: None,
                };
                heard.push(order.heard(ts_recv, EventSource::Reply, what));
            }
            _ => self.changed(order, result, ts_recv, heard)?,
        }
        Ok(())
    }

    fn forget(&mut self, client_id: &str) {
        self.chains.forget(client_id);
    }

    fn refused(&mut self, asked: Asked, error: &VenueError, ts_recv: i64, heard: &mut Vec<Heard>) {
        match asked {
            Asked::Order(order, OrderEvent::ReplaceAsked, _) if !error.outcome_unknown => {
                heard.extend(self.chains.refused(&order, error, ts_recv));
            }
            asked => self.end_refused(asked, error, ts_recv, heard),
        }
    }

    /// A change stays: the stream or a query may still tell what became of it.
    fn lost(&mut self, asked: &Asked, _now: i64) -> Option<Outcome> {
        self.chains.lost(asked);
        None
    }
}
