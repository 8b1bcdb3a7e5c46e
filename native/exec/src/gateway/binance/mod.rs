//! Binance spot, over its WebSocket interface: requests, their answers and the user stream on one
//! connection.

mod errors;
mod flight;
mod params;
mod reports;
mod requests;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use rustonite_core::datasets::{EventSource, OrderEvent};
use rustonite_core::ids::{AccountId, VenueId};
use serde::Deserialize;
use serde_json::value::RawValue;

use self::flight::{Asked, Flights};
use super::{
    Answer, CallError, Gateway, Heard, HttpAnswer, Outgoing, Question, Signer, Unreadable,
};
use crate::directory::Directory;
use crate::report::{Refusal, What};
use crate::request::{Outcome, Request};

const VENUE: &str = "binance";
const LINE: usize = 0;

/// One account of Binance spot.
#[derive(Debug)]
pub struct BinanceSpot {
    directory: Arc<Directory>,
    venue: VenueId,
    account: AccountId,
    api_key: String,
    signer: Signer,
    flights: Flights,
    is_logged_on: bool,
}

/// What a connection brings: an answer, or an event of the user stream.
#[derive(Deserialize)]
struct Envelope<'a> {
    id: Option<u64>,
    status: Option<u16>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    event: Option<&'a RawValue>,
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
        let flights = Flights::default();
        Self { directory, venue, account, api_key, signer, flights, is_logged_on: false }
    }

    fn answered_on_line(
        &mut self,
        envelope: &Envelope<'_>,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed {
        let Some(asked) = envelope.id.and_then(|id| self.flights.take(id)) else {
            return Ok(());
        };
        let status = envelope.status.unwrap_or_default();
        if status == 200 {
            let result = envelope.result.map_or("null", RawValue::get);
            return self.done(asked, result, ts_recv, heard);
        }
        let refusal = errors::refusal(status, envelope.error.map(RawValue::get));
        self.refused(asked, &refusal, ts_recv, heard);
        Ok(())
    }

    fn refused(
        &mut self,
        asked: Asked,
        error: &errors::VenueError,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) {
        let refusal = error.refusal.clone();
        let (order, request) = match asked {
            Asked::LogOn | Asked::Subscribe => return heard.push(Heard::Closed(refusal)),
            Asked::Question(question) => {
                return heard.push(Heard::Answer(question, Answer::Failed(refusal)));
            }
            Asked::Query(order) => {
                if error.is_not_found() {
                    heard.push(Heard::Report(order.report(
                        ts_recv,
                        EventSource::Rest,
                        What::NotFound,
                    )));
                }
                return;
            }
            Asked::Order(order, request) => (order, request),
        };
        let report = |what| Heard::Report(order.report(ts_recv, EventSource::Reply, what));
        if error.outcome_unknown {
            let detail = refusal.detail;
            heard.push(report(What::Ended { request, outcome: Outcome::Unknown, detail }));
            return;
        }
        match request {
            OrderEvent::Submitted => heard.push(report(What::Rejected(refusal))),
            OrderEvent::CancelAsked => heard.push(report(What::CancelRejected(refusal))),
            _ => self.replacement_refused(&order.client_id, error, ts_recv, heard, &report),
        }
    }

    /// A change may fail in two ways: nothing happened, or the old order is gone and no new one came.
    fn replacement_refused(
        &mut self,
        client_id: &str,
        error: &errors::VenueError,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
        report: &dyn Fn(What) -> Heard,
    ) {
        let Some(change) = self.flights.end_change(client_id) else { return };
        if !(error.cancelled || change.old_cancelled) {
            return heard.push(report(What::ReplaceRejected(error.refusal.clone())));
        }
        let what = What::Cancelled {
            size_filled: None,
            size_prevented: None,
            refusal: Some(error.refusal.clone()),
        };
        heard.push(Heard::Report(change.old.report(ts_recv, EventSource::Reply, what)));
    }

    fn done(&mut self, asked: Asked, result: &str, ts_recv: i64, heard: &mut Vec<Heard>) -> Parsed {
        match asked {
            Asked::LogOn => {}
            Asked::Subscribe => {
                self.is_logged_on = self.signer.is_ed25519();
                heard.push(Heard::Ready);
            }
            Asked::Question(question) => {
                let answer = self.answer(question, result, ts_recv)?;
                heard.push(Heard::Answer(question, answer));
            }
            Asked::Query(_) => {
                let order = serde_json::from_str(result)?;
                heard.push(Heard::Report(self.picture(&order, ts_recv, EventSource::Rest)?));
            }
            Asked::Order(order, OrderEvent::Submitted) => {
                let placed: reports::Placed = serde_json::from_str(result)?;
                let mut report = order.report(ts_recv, EventSource::Reply, What::Accepted);
                report.venue_order_id = Some(placed.order_id.to_string().into());
                report.ts_event = reports::ns(placed.transact_time);
                heard.push(Heard::Report(report));
            }
            Asked::Order(order, OrderEvent::CancelAsked) => {
                let ended: reports::Ended<'_> = serde_json::from_str(result)?;
                let what = What::Cancelled {
                    size_filled: Some(reports::amount(&ended.executed_qty)?),
                    size_prevented: None,
                    refusal: None,
                };
                heard.push(Heard::Report(order.report(ts_recv, EventSource::Reply, what)));
            }
            Asked::Order(order, _) => self.changed(&order, result, ts_recv, heard)?,
        }
        Ok(())
    }

    fn answer(&self, question: Question, result: &str, ts_recv: i64) -> Parsed<Answer> {
        Ok(match question {
            Question::OpenOrders => {
                let orders: Vec<reports::OrderText<'_>> = serde_json::from_str(result)?;
                let pictures = orders
                    .iter()
                    .map(|order| self.picture(order, ts_recv, EventSource::Reconciliation));
                Answer::Reports(pictures.collect::<Parsed<_>>()?)
            }
            Question::Fills(instrument, _) => {
                let trades: Vec<reports::MyTrade<'_>> = serde_json::from_str(result)?;
                let fills = trades.iter().map(|trade| self.my_trade(instrument, trade, ts_recv));
                Answer::Reports(fills.collect::<Parsed<_>>()?)
            }
            Question::Balances => {
                let account: reports::AccountText<'_> = serde_json::from_str(result)?;
                Answer::Balances(self.balances(&account.balances, account.update_time)?)
            }
        })
    }
}

type Parsed<T = ()> = Result<T, Fault>;

/// Why a message cannot be understood.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Number(#[from] rustonite_core::decimal::DecimalError),
    #[error("{0}")]
    Other(String),
}

impl Gateway for BinanceSpot {
    fn start(&mut self, _now: i64) -> Vec<Outgoing> {
        vec![Outgoing::Open { line: LINE, endpoint: "ws_api", path: String::new() }]
    }

    fn opened(&mut self, _line: usize, now: i64) -> Vec<Outgoing> {
        self.is_logged_on = false;
        let texts = if self.signer.is_ed25519() {
            let log_on = self.signed("session.logon", Asked::LogOn, Vec::new(), now);
            vec![log_on, self.open("userDataStream.subscribe", Asked::Subscribe, now)]
        } else {
            let method = "userDataStream.subscribe.signature";
            vec![self.signed(method, Asked::Subscribe, Vec::new(), now)]
        };
        texts.into_iter().map(said).collect()
    }

    fn closed(&mut self, _line: usize, now: i64, heard: &mut Vec<Heard>) {
        self.tick(i64::MAX, now, heard);
    }

    fn write(&mut self, request: &Request, now: i64) -> Result<Outgoing, Refusal> {
        self.request(request, now).map(said)
    }

    fn ask(&mut self, question: Question, now: i64) -> Outgoing {
        said(self.question(question, now))
    }

    fn read(
        &mut self,
        _line: usize,
        text: &[u8],
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Result<(), Unreadable> {
        let unreadable = |problem: String| Unreadable::new(VENUE, problem, text);
        let envelope: Envelope<'_> =
            serde_json::from_slice(text).map_err(|error| unreadable(error.to_string()))?;
        let done = match envelope.event {
            Some(event) => self.event(event.get(), ts_recv, heard),
            None => self.answered_on_line(&envelope, ts_recv, heard),
        };
        done.map_err(|error| unreadable(error.to_string()))
    }

    fn answered(
        &mut self,
        _id: u64,
        _answer: Result<HttpAnswer<'_>, &CallError>,
        _ts_recv: i64,
        _heard: &mut Vec<Heard>,
    ) -> Result<(), Unreadable> {
        Ok(())
    }

    fn tick(&mut self, sent_before: i64, now: i64, heard: &mut Vec<Heard>) -> Vec<Outgoing> {
        for asked in self.flights.take_before(sent_before) {
            heard.extend(self.unanswered(asked, now));
        }
        Vec::new()
    }
}

/// A message on the only line.
fn said(text: String) -> Outgoing {
    Outgoing::Text { line: LINE, text }
}

impl BinanceSpot {
    /// What it means that something was not answered.
    fn unanswered(&mut self, asked: Asked, now: i64) -> Option<Heard> {
        let refusal = || Refusal { detail: "no answer came".into(), ..Refusal::default() };
        match asked {
            Asked::Order(order, request) => {
                self.flights.end_change(&order.client_id);
                let detail = "no answer came".into();
                let what = What::Ended { request, outcome: Outcome::Unknown, detail };
                Some(Heard::Report(order.report(now, EventSource::Own, what)))
            }
            Asked::Question(question) => Some(Heard::Answer(question, Answer::Failed(refusal()))),
            Asked::LogOn | Asked::Subscribe => Some(Heard::Closed(refusal())),
            Asked::Query(_) => None,
        }
    }
}
