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

use std::hint::black_box;
use std::sync::Arc;

use rustonite_core::datasets::{EventSource, OrderEvent};
use rustonite_core::ids::{AccountId, VenueId};

use self::params::Pairs;
use self::session::{Envelope, Session};
use super::budget::Budget;
use super::chain::Chains;
use super::desk::Desk;
use super::flight::{Asked, Pages, Step, VenueError};
use super::parse::{Parsed, amount, ns};
use super::{
    Answer, CallError, Gateway, Heard, HttpAnswer, Outgoing, Question, Signer, Unreadable, Written,
};
use crate::directory::Directory;
use crate::report::{Refusal, What};
use crate::request::Request;
use crate::wish::Wish;

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

    fn answered_on_line(
        &mut self,
        envelope: &Envelope<'_>,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed {
        let Some(mut asked) = self.session.replied(envelope, ts_recv) else { return Ok(()) };
        match envelope.answer() {
            Ok(result) => {
                let done = self.done(&mut asked, result, ts_recv, heard);
                if let Err(fault) = &done {
                    // A change stays: the stream or a query may still tell what became of it.
                    self.chains.lost(&asked);
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

    fn refused(&mut self, asked: Asked, error: &VenueError, ts_recv: i64, heard: &mut Vec<Heard>) {
        match asked {
            Asked::Query(query) if error.is_not_found() => {
                let next = self.chains.missing(*query, ts_recv, heard);
                heard.extend(next.map(|next| Heard::Send(self.ask_about(next, ts_recv))));
            }
            Asked::Order(order, OrderEvent::ReplaceAsked, _) if !error.outcome_unknown => {
                self.change_refused(&order, error, ts_recv, heard);
            }
            asked => {
                if error.outcome_unknown {
                    self.chains.lost(&asked);
                } else if let Asked::Order(order, OrderEvent::Submitted, _) = &asked {
                    self.chains.forget(&order.client_id);
                }
                heard.extend(self.session.flights.ended(asked, error, ts_recv));
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
            Asked::Session(Step::Subscribe) => {
                self.session.logged_on();
                heard.push(Heard::Ready);
            }
            Asked::Session(_) => {}
            Asked::Question(question, pages) => {
                let (question, pages) = (*question, std::mem::take(pages));
                let answer = self.answer(question, pages, result, ts_recv)?;
                heard.push(answer);
            }
            Asked::Query(query) => {
                let order = serde_json::from_str(result)?;
                let picture = self.picture(&order, ts_recv, EventSource::Rest)?;
                let next = self.chains.found(query, picture, ts_recv, heard);
                heard.extend(next.map(|next| Heard::Send(self.ask_about(next, ts_recv))));
            }
            Asked::Order(order, OrderEvent::Submitted, _) => {
                let placed: reports::Placed = serde_json::from_str(result)?;
                let mut report = order.report(ts_recv, EventSource::Reply, What::Accepted);
                report.venue_order_id = Some(placed.order_id.to_string().into());
                report.ts_event = ns(placed.transact_time);
                heard.push(Heard::Report(report));
            }
            Asked::Order(order, OrderEvent::CancelAsked, _) => {
                let ended: reports::Ended<'_> = serde_json::from_str(result)?;
                let filled = amount(&ended.executed_qty)?;
                let what = What::Cancelled {
                    size_filled: self.chains.whole(&order.client_id, filled),
                    size_prevented: None,
                    refusal: None,
                };
                heard.push(order.heard(ts_recv, EventSource::Reply, what));
            }
            Asked::Order(order, ..) => self.changed(order, result, ts_recv, heard)?,
        }
        Ok(())
    }

    /// Nobody knows what became of something. A change stays: the stream or a query may tell.
    fn lose(&mut self, lost: Vec<Asked>, now: i64, heard: &mut Vec<Heard>) {
        for asked in lost {
            self.chains.lost(&asked);
            heard.extend(asked.unanswered(now));
        }
    }

    /// What was asked for, or the question for the next page of it.
    fn answer(
        &mut self,
        question: Question,
        mut pages: Pages,
        result: &str,
        ts_recv: i64,
    ) -> Parsed<Heard> {
        let answer = match question {
            Question::OpenOrders => {
                let orders: Vec<reports::OrderText<'_>> = serde_json::from_str(result)?;
                for order in &orders {
                    // Orders in what nothing here trades are left out.
                    if self.is_listed(&order.symbol) {
                        let picture = self.picture(order, ts_recv, EventSource::Reconciliation)?;
                        pages.reports.push(self.chains.pictured(picture));
                    }
                }
                Answer::Reports(pages.reports)
            }
            Question::Fills(instrument, _) => {
                let trades: Vec<reports::MyTrade<'_>> = serde_json::from_str(result)?;
                for trade in &trades {
                    pages.reports.push(self.my_trade(instrument, trade, ts_recv)?);
                }
                if let Some(last) = trades.last().filter(|_| trades.len() == requests::FILLS_MAX) {
                    pages.cursor = last.next_id().to_string();
                    pages.count += 1;
                    return Ok(self.session.flights.pause(question, pages));
                }
                Answer::Reports(pages.reports)
            }
            Question::Balances => {
                let account: reports::AccountText<'_> = serde_json::from_str(result)?;
                Answer::Balances(self.balances(&account.balances, account.update_time)?)
            }
            Question::Positions => Answer::Positions(Vec::new()),
            Question::Leverage => Answer::Leverage(Vec::new()),
        };
        Ok(Heard::Answer(question, answer))
    }
}

impl Gateway for BinanceSpot {
    fn start(&mut self, _now: i64) -> Vec<Outgoing> {
        vec![Outgoing::Open { line: LINE, endpoint: "ws_api", path: String::new() }]
    }

    fn opened(&mut self, _line: usize, now: i64) -> Vec<Outgoing> {
        let asked = Asked::Session(Step::Subscribe);
        if let Some(log_on) = self.session.log_on(LINE, now) {
            return vec![log_on, self.session.open(LINE, "userDataStream.subscribe", asked, now)];
        }
        let method = "userDataStream.subscribe.signature";
        vec![self.session.signed(LINE, method, asked, Pairs::default(), now)]
    }

    fn closed(&mut self, line: usize, now: i64, heard: &mut Vec<Heard>) {
        self.chains.deaf();
        let lost = self.session.flights.take_of_line(line);
        self.lose(lost, now, heard);
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
        Written::alone(self, requests, now)
    }

    fn ask(&mut self, question: Question, now: i64) -> Outgoing {
        let pages = self.session.flights.resume(question);
        self.question(question, pages, now)
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
        let lost = self.session.flights.take_before(sent_before);
        self.lose(lost, now, heard);
        Vec::new()
    }
    fn budget(&mut self) -> Option<&mut Budget> {
        Some(&mut self.session.flights.budget)
    }

    fn in_flight(&self) -> usize {
        self.session.flights.count()
    }
}
