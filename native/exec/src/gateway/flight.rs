//! What was asked and not answered so far.

use std::collections::BTreeMap;

use rustonite_core::datasets::{EventSource, OrderEvent};
use rustonite_core::ids::{AccountId, InstrumentId};

use super::parse::Fault;
use super::{Answer, Balance, CallError, Heard, Position, Question};
use crate::report::{Refusal, RefusalKind, Report, What};
use crate::request::Outcome;

/// An order as the venue knows it.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) account: AccountId,
    pub(super) instrument: InstrumentId,
    pub(super) client_id: Box<str>,
    pub(super) client_id_prev: Option<Box<str>>,
    pub(super) venue_order_id: Option<Box<str>>,
}

impl Named {
    pub(super) fn report(&self, ts_recv: i64, source: EventSource, what: What) -> Report {
        Report {
            ts_event: ts_recv,
            ts_recv,
            source,
            account: self.account,
            instrument: self.instrument,
            client_id: self.client_id.clone(),
            client_id_prev: self.client_id_prev.clone(),
            venue_order_id: self.venue_order_id.clone(),
            what,
        }
    }

    pub(super) fn heard(&self, ts_recv: i64, source: EventSource, what: What) -> Heard {
        Heard::Report(self.report(ts_recv, source, what))
    }
}

/// What a session needs before anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    LogOn,
    Subscribe,
    /// A key or token that opens another line.
    Token,
    /// That it stays valid.
    Renewal,
}

/// What pages have brought so far.
#[derive(Debug, Default)]
pub(super) struct Pages {
    /// How many.
    pub(super) count: usize,
    /// Where the next one begins, in the venue's words.
    pub(super) cursor: String,
    pub(super) reports: Vec<Report>,
    pub(super) balances: Vec<Balance>,
    pub(super) positions: Vec<Position>,
}

/// A question about one order.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) order: Named,
    /// Which of the venue's lists of orders is asked.
    pub(super) place: usize,
    /// The order that the first one was to replace: asked for after it.
    pub(super) old: Option<Named>,
    /// The first one, if it was there,
    pub(super) found: Option<Report>,
    /// and its client id if it was not.
    pub(super) not_found: Option<Box<str>>,
}

impl Query {
    pub(super) fn new(order: Named) -> Self {
        Self { order, place: 0, old: None, found: None, not_found: None }
    }
}

/// What an answer will be about.
#[derive(Debug)]
pub(super) enum Asked {
    Session(Step),
    Question(Question, Pages),
    Query(Box<Query>),
    /// What was asked of an order, and of which of the venue's lists.
    Order(Named, OrderEvent, usize),
}

/// How something was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Line(usize),
    Call,
}

#[derive(Debug)]
struct Flight {
    sent: i64,
    way: Way,
    asked: Asked,
    /// The venue has it; what becomes of it is told by a stream.
    is_taken: bool,
}

impl Flight {
    fn is_about(&self, client_id: &str, request: OrderEvent) -> bool {
        matches!(&self.asked, Asked::Order(order, asked, _)
            if *asked == request && &*order.client_id == client_id)
    }
}

#[derive(Debug, Default)]
pub(super) struct Flights {
    last_id: u64,
    /// The one that is being answered.
    answered: u64,
    open: BTreeMap<u64, Flight>,
}

impl Flights {
    pub(super) fn add(&mut self, asked: Asked, way: Way, now: i64) -> u64 {
        self.last_id += 1;
        self.open.insert(self.last_id, Flight { sent: now, way, asked, is_taken: false });
        self.last_id
    }

    /// The number of what was sent last.
    pub(super) fn last_id(&self) -> u64 {
        self.last_id
    }

    /// What an answer is about.
    pub(super) fn take(&mut self, id: u64) -> Option<Asked> {
        if self.open.get(&id)?.is_taken {
            return None;
        }
        self.answered = id;
        self.open.remove(&id).map(|flight| flight.asked)
    }

    /// The venue took the request that was answered just now, and a stream will tell the rest.
    pub(super) fn taken(&mut self, asked: Asked, stream: usize, now: i64) {
        let flight = Flight { sent: now, way: Way::Line(stream), asked, is_taken: true };
        self.open.insert(self.answered, flight);
    }

    /// A stream has told something of an order: requests may end with it, and their answers are of
    /// no interest any more.
    pub(super) fn told(&mut self, report: &Report, is_full: bool) {
        let client_id = &*report.client_id;
        match &report.what {
            _ if is_full => self.over(client_id),
            What::Cancelled { .. } | What::Expired { .. } | What::Rejected(_) => {
                self.over(client_id);
            }
            What::CancelRejected(_) => self.settle(client_id, OrderEvent::CancelAsked),
            What::ReplaceRejected(_) | What::Replaced { .. } => {
                self.settle(client_id, OrderEvent::ReplaceAsked);
            }
            _ => {}
        }
    }

    /// An order has ended: nothing can be changed any more.
    pub(super) fn over(&mut self, client_id: &str) {
        let is_of_it = |flight: &Flight| {
            flight.is_about(client_id, OrderEvent::CancelAsked)
                || flight.is_about(client_id, OrderEvent::ReplaceAsked)
        };
        self.open.retain(|_, flight| !is_of_it(flight));
    }

    /// Of several requests of a sort the oldest one ends.
    fn settle(&mut self, client_id: &str, request: OrderEvent) {
        let mut flights = self.open.iter();
        let oldest = flights.find(|(_, flight)| flight.is_about(client_id, request));
        if let Some(id) = oldest.map(|(id, _)| *id) {
            self.open.remove(&id);
        }
    }

    pub(super) fn take_before(&mut self, moment: i64) -> Vec<Asked> {
        self.take_if(|flight| flight.sent < moment)
    }

    pub(super) fn take_of_line(&mut self, line: usize) -> Vec<Asked> {
        self.take_if(|flight| flight.way == Way::Line(line))
    }

    fn take_if(&mut self, fits: impl Fn(&Flight) -> bool) -> Vec<Asked> {
        let ids = self.open.iter().filter(|(_, flight)| fits(flight)).map(|(id, _)| *id);
        let ids: Vec<_> = ids.collect();
        let taken = ids.into_iter().filter_map(|id| self.open.remove(&id));
        taken.map(|flight| flight.asked).collect()
    }

    /// Whether a session step is in flight.
    pub(super) fn has(&self, step: Step) -> bool {
        let is_step = |flight: &Flight| matches!(flight.asked, Asked::Session(one) if one == step);
        self.open.values().any(is_step)
    }
}

/// An error of a venue, and what it leaves open.
#[derive(Clone, Debug)]
pub(super) struct VenueError {
    pub(super) refusal: Refusal,
    /// The request may have been done.
    pub(super) outcome_unknown: bool,
    /// Of a change: the old order is gone although the new one did not come.
    pub(super) cancelled: bool,
}

impl VenueError {
    pub(super) fn is_not_found(&self) -> bool {
        self.refusal.reason == RefusalKind::UnknownOrder
    }

    /// What it means for what was asked.
    pub(super) fn ends(&self, asked: Asked, ts_recv: i64) -> Option<Heard> {
        let refusal = self.refusal.clone();
        if self.outcome_unknown {
            return asked.lost(Outcome::Unknown, &refusal, EventSource::Reply, ts_recv);
        }
        let (order, what) = match asked {
            Asked::Session(_) => return Some(Heard::Closed(refusal)),
            Asked::Query(query) if self.is_not_found() => {
                return Some(query.order.heard(ts_recv, EventSource::Rest, What::NotFound));
            }
            Asked::Order(order, OrderEvent::Submitted, _) => (order, What::Rejected(refusal)),
            Asked::Order(order, OrderEvent::CancelAsked, _) => {
                (order, What::CancelRejected(refusal))
            }
            Asked::Order(order, ..) => (order, What::ReplaceRejected(refusal)),
            other => return other.lost(Outcome::Unknown, &refusal, EventSource::Reply, ts_recv),
        };
        Some(order.heard(ts_recv, EventSource::Reply, what))
    }
}

impl Asked {
    /// What it means that nobody knows what became of it.
    pub(super) fn lost(
        self,
        outcome: Outcome,
        refusal: &Refusal,
        source: EventSource,
        now: i64,
    ) -> Option<Heard> {
        let (order, request) = match self {
            // These are tried again by themselves.
            Self::Session(Step::Token | Step::Renewal) => return None,
            Self::Session(_) => return Some(Heard::Closed(refusal.clone())),
            Self::Question(question, _) => {
                return Some(Heard::Answer(question, Answer::Failed(refusal.clone())));
            }
            Self::Query(query) => (query.order, OrderEvent::OutcomeUnknown),
            Self::Order(order, request, _) => (order, request),
        };
        let what = What::Ended { request, outcome, detail: refusal.detail.clone() };
        Some(order.heard(now, source, what))
    }

    /// The same if no answer came.
    pub(super) fn unanswered(self, now: i64) -> Option<Heard> {
        let refusal = Refusal { detail: "no answer came".into(), ..Refusal::default() };
        self.lost(Outcome::Unknown, &refusal, EventSource::Own, now)
    }

    /// The same if the answer cannot be understood.
    pub(super) fn unread(self, fault: &Fault, now: i64) -> Option<Heard> {
        let refusal = Refusal { detail: fault.to_string().into(), ..Refusal::default() };
        self.lost(Outcome::Unknown, &refusal, EventSource::Reply, now)
    }

    /// The same of a call that failed.
    pub(super) fn not_answered(self, error: &CallError, now: i64) -> Option<Heard> {
        let refusal = Refusal { detail: error.detail.as_str().into(), ..Refusal::default() };
        let outcome = if error.not_sent { Outcome::NotSent } else { Outcome::Unknown };
        self.lost(outcome, &refusal, EventSource::Own, now)
    }
}
