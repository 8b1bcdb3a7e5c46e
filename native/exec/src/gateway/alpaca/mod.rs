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
use rustonite_core::datasets::OrderEvent;
use rustonite_core::ids::{AccountId, VenueId};

use super::budget::Budget;
use super::chain::Chains;
use super::desk::Desk;
use super::flight::{Asked, Flights, Named, VenueError, Way};
use super::parse::{Fault, Parsed};
use super::{Call, CallError, Gateway, Heard, HttpAnswer, Outgoing, Question, Unreadable, Written};
use crate::directory::Directory;
use crate::report::{Refusal, What};
use crate::request::{Outcome, Request};

const VENUE: &str = "alpaca";
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

    fn done(
        &mut self,
        asked: &mut Asked,
        body: &str,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed {
        match asked {
            Asked::Session(_) => Ok(()),
            Asked::Question(question, pages) => {
                let (question, pages) = (*question, std::mem::take(pages));
                let next = self.answer(question, pages, body, ts_recv)?;
                heard.push(next);
                Ok(())
            }
            Asked::Query(query) => {
                let picture = self.asked_about(body, ts_recv)?;
                let next = self.chains.found(query, picture, ts_recv, heard);
                heard.extend(next.map(|next| Heard::Send(self.ask_about(next, ts_recv))));
                Ok(())
            }
            Asked::Order(order, request, place) => {
                let (order, request, place) = (order.clone(), *request, *place);
                heard.extend(self.order_done(order, request, place, body, ts_recv)?);
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
            asked => {
                if error.outcome_unknown {
                    return heard.extend(self.lost(asked, |asked| error.ends(asked, ts_recv)));
                }
                match &asked {
                    Asked::Order(order, OrderEvent::ReplaceAsked, _) => self.forget_change(order),
                    Asked::Order(order, OrderEvent::Submitted, _) => {
                        self.chains.forget(&order.client_id);
                    }
                    _ => {}
                }
                heard.extend(self.flights.ended(asked, error, ts_recv));
            }
        }
    }

    fn forget_change(&mut self, new: &Named) {
        self.chains.end(&new.client_id);
        self.held.remove(&new.client_id);
    }

    /// Nobody knows what became of something. A request that waited for the number of its order was
    /// not sent at all.
    fn lost(&mut self, asked: Asked, end: impl FnOnce(Asked) -> Option<Heard>) -> Option<Heard> {
        let Asked::Order(order, request, requests::LOOK_UP) = &asked else {
            self.chains.lost(&asked);
            return end(asked);
        };
        if *request == OrderEvent::ReplaceAsked {
            self.forget_change(order);
        }
        let mut heard = end(asked);
        if let Some(Heard::Report(report)) = &mut heard
            && let What::Ended { outcome, .. } = &mut report.what
        {
            *outcome = Outcome::NotSent;
        }
        heard
    }

    fn lose(&mut self, lost: Vec<Asked>, now: i64, heard: &mut Vec<Heard>) {
        for asked in lost {
            heard.extend(self.lost(asked, |asked| asked.unanswered(now)));
        }
    }
}

impl Gateway for Alpaca {
    fn start(&mut self, _now: i64) -> Vec<Outgoing> {
        vec![Outgoing::Open { line: LINE, endpoint: "updates", path: String::new() }]
    }

    fn opened(&mut self, _line: usize, _now: i64) -> Vec<Outgoing> {
        vec![self.log_on()]
    }

    fn closed(&mut self, line: usize, now: i64, heard: &mut Vec<Heard>) {
        self.chains.deaf();
        let lost = self.flights.take_of_line(line);
        self.lose(lost, now, heard);
    }

    fn tells_balances(&self) -> bool {
        false
    }

    fn write(&mut self, request: &Request, now: i64) -> Result<Outgoing, Refusal> {
        self.request(request, now)
    }

    fn write_many(&mut self, requests: &[Request], now: i64) -> Written {
        Written::alone(self, requests, now)
    }

    fn ask(&mut self, question: Question, now: i64) -> Outgoing {
        let pages = self.flights.resume(question);
        self.question(question, pages, now)
    }

    fn read(
        &mut self,
        _line: usize,
        text: &[u8],
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Result<(), Unreadable> {
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
        let answer_head = answer.as_ref().ok();
        let Some(mut asked) = self.flights.called(id, answer_head, ts_recv) else { return Ok(()) };
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                heard.extend(self.lost(asked, |asked| asked.not_answered(error, ts_recv)));
                return Ok(());
            }
        };
        let body = std::str::from_utf8(answer.body).unwrap_or_default();
        if !(200..300).contains(&answer.status) {
            let error = errors::refusal(answer.status, body);
            self.refused(asked, &error, ts_recv, heard);
            return Ok(());
        }
        let done = self.done(&mut asked, body, ts_recv, heard);
        done.map_err(|fault| {
            heard.extend(self.lost(asked, |asked| asked.unread(&fault, ts_recv)));
            Unreadable::new(VENUE, fault.to_string(), answer.body)
        })
    }

    fn tick(&mut self, sent_before: i64, now: i64, heard: &mut Vec<Heard>) -> Vec<Outgoing> {
        let lost = self.flights.take_before(sent_before);
        self.lose(lost, now, heard);
        Vec::new()
    }
    fn budget(&mut self) -> Option<&mut Budget> {
        Some(&mut self.flights.budget)
    }

    fn in_flight(&self) -> usize {
        self.flights.count()
    }
}
