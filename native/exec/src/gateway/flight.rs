//! What was asked and not answered so far.

use std::collections::{BTreeMap, BTreeSet};

use rustonite_core::budget::Errand;
use rustonite_core::datasets::{EventSource, OrderEvent};
use rustonite_core::ids::{AccountId, InstrumentId};

use super::budget::{Budget, Spend, retry_at};
use super::clock::Clock;
use super::guard::Guard;
use super::parse::Fault;
use super::{Answer, Balance, CallError, Contracts, Heard, HttpAnswer, Position, Question};
use crate::report::{Refusal, RefusalKind, Report, What};
use crate::request::Outcome;

/// The client id of an order and the venue's number of it: that alone tells those apart to which
/// others have given no client id.
pub(super) type Name<'a> = (&'a str, Option<&'a str>);

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

    pub(super) fn has_name(&self, (client_id, number): Name<'_>) -> bool {
        let is_number = || self.venue_order_id.as_deref() == number;
        *self.client_id == *client_id && (!client_id.is_empty() || is_number())
    }

    /// What a request names it by, its number or its client id, and how the venue calls that.
    pub(super) fn key<'a>(&'a self, number: &'a str, client_id: &'a str) -> (&'a str, &'a str) {
        match &self.venue_order_id {
            Some(value) => (number, value),
            None => (client_id, &self.client_id),
        }
    }

    /// The same as a parameter of a query.
    pub(super) fn parameter(&self, number: &str, client_id: &str) -> String {
        let (key, value) = self.key(number, client_id);
        format!("{key}={value}")
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
    /// That it is not wanted any more.
    LogOff,
    /// What time it is at the venue.
    Clock,
    /// That we are still there, or that nobody has to look after us any more.
    Guard(InstrumentId),
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
    pub(super) contracts: Contracts,
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

impl Asked {
    /// What it counts as at the venue.
    fn spend(&self) -> Spend<'_> {
        let (errand, order) = match self {
            Self::Session(Step::Guard(_)) => return Spend::one(Errand::Guard),
            Self::Session(_) => return Spend::one(Errand::Session),
            Self::Question(question, _) => return question.spend(),
            Self::Query(query) => (Errand::Query, &query.order),
            Self::Order(order, OrderEvent::Submitted, _) => (Errand::Place, order),
            Self::Order(order, OrderEvent::CancelAsked, _) => (Errand::Cancel, order),
            Self::Order(order, ..) => (Errand::Replace, order),
        };
        let (instrument, client_id) = (Some(order.instrument), Some(&*order.client_id));
        Spend { errand, instrument, client_id, count: 1 }
    }
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
    fn is_log_on(&self) -> bool {
        matches!(self.asked, Asked::Session(Step::LogOn | Step::Subscribe))
    }

    fn is_about(&self, name: Name<'_>, request: OrderEvent) -> bool {
        matches!(&self.asked, Asked::Order(order, asked, _)
            if *asked == request && order.has_name(name))
    }
}

/// What is not answered so far, what the venue counts of it, the time it has, and the timers that
/// end all orders if it hears nothing more.
#[derive(Debug, Default)]
pub(super) struct Flights {
    pub(super) budget: Budget,
    pub(super) guard: Guard,
    pub(super) clock: Clock,
    /// Since when a line is open on which nothing is heard of our orders so far.
    pub(super) deaf_since: Option<i64>,
    /// Since when our orders are heard of.
    pub(super) heard_since: i64,
    last_id: u64,
    /// The one that is being answered.
    answered: u64,
    open: BTreeMap<u64, Flight>,
    /// What several items in one message are numbered by.
    batches: BTreeMap<u64, Vec<u64>>,
    /// Answers of which the next page is not asked for so far.
    paused: Vec<(Question, Pages)>,
    /// Instruments that are not traded here, and of which it was said that the account has them.
    elsewhere: BTreeSet<String>,
}

impl Flights {
    /// Whether it was said already that the account has an instrument that is not traded here.
    pub(super) fn is_told(&mut self, fault: &Fault) -> bool {
        match fault {
            Fault::Elsewhere(symbol) => !self.elsewhere.insert(symbol.clone()),
            _ => false,
        }
    }

    pub(super) fn add(&mut self, asked: Asked, way: Way, now: i64) -> u64 {
        self.budget.spend(&asked.spend(), now);
        self.put(asked, way, now)
    }

    fn put(&mut self, asked: Asked, way: Way, now: i64) -> u64 {
        self.last_id += 1;
        self.open.insert(self.last_id, Flight { sent: now, way, asked, is_taken: false });
        self.last_id
    }

    /// Takes a request in and out again, so that the place is at hand where the next one will be kept.
    pub(super) fn rehearse(&mut self, asked: Asked, way: Way, now: i64) {
        let id = self.put(asked, way, now);
        self.open.remove(&id);
        self.last_id = id - 1;
    }

    /// Several requests of a sort in one message, which is answered for all of them.
    pub(super) fn add_many(&mut self, items: Vec<Asked>, way: Way, now: i64) -> u64 {
        self.last_id += 1;
        let id = self.last_id;
        if let Some(first) = items.first() {
            let spend = first.spend();
            let errand = match spend.errand {
                Errand::Place => Errand::PlaceMany,
                _ => Errand::CancelMany,
            };
            let count = u32::try_from(items.len()).unwrap_or(u32::MAX);
            self.budget.spend(&Spend { errand, count, ..spend }, now);
        }
        let numbers = items.into_iter().map(|asked| self.put(asked, way, now)).collect();
        self.batches.insert(id, numbers);
        id
    }

    /// The numbers of the items of a message that is answered, in their order. One that has ended,
    /// by what a stream told or because it took too long, cannot be taken any more.
    pub(super) fn items(&mut self, id: u64) -> Option<Vec<u64>> {
        self.batches.remove(&id)
    }

    /// The same of a call, whose head may say something of limits.
    pub(super) fn called_many(
        &mut self,
        id: u64,
        answer: Option<&HttpAnswer<'_>>,
        ts_recv: i64,
    ) -> Option<Vec<u64>> {
        let items = self.items(id)?;
        let first = items.iter().find_map(|item| self.open.get(item));
        if let (Some(flight), Some(answer)) = (first, answer) {
            let (spend, sent) = (Spend::one(flight.asked.spend().errand), flight.sent);
            self.headed(&spend, answer, sent, ts_recv);
        }
        Some(items)
    }

    /// How many things are not answered.
    pub(super) fn count(&self) -> usize {
        self.open.len()
    }

    /// An answer that goes on: its next page is asked for once there is room for it.
    pub(super) fn pause(&mut self, question: Question, pages: Pages) -> Heard {
        self.paused.push((question, pages));
        Heard::Ask(question)
    }

    /// What pages have brought so far of an answer that goes on.
    pub(super) fn resume(&mut self, question: Question) -> Pages {
        let at = self.paused.iter().position(|(one, _)| *one == question);
        at.map(|at| self.paused.remove(at).1).unwrap_or_default()
    }

    /// Nothing is heard of our orders any more. Pages from before would be old once they go on.
    pub(super) fn be_deaf(&mut self, since: i64) {
        self.deaf_since.get_or_insert(since);
        self.paused.clear();
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
        let name = (&*report.client_id, report.venue_order_id.as_deref());
        match &report.what {
            _ if is_full => self.over(name),
            What::Cancelled { .. } | What::Expired { .. } | What::Rejected(_) => self.over(name),
            What::CancelRejected(_) => self.settle(name, OrderEvent::CancelAsked),
            What::ReplaceRejected(_) | What::Replaced { .. } => {
                self.settle(name, OrderEvent::ReplaceAsked);
            }
            _ => {}
        }
    }

    /// An order has ended: nothing can be changed any more.
    pub(super) fn over(&mut self, name: Name<'_>) {
        self.budget.forget(name.0);
        let is_of_it = |flight: &Flight| {
            flight.is_about(name, OrderEvent::CancelAsked)
                || flight.is_about(name, OrderEvent::ReplaceAsked)
        };
        self.open.retain(|_, flight| !is_of_it(flight));
    }

    /// Of several requests of a sort the oldest one ends.
    fn settle(&mut self, name: Name<'_>, request: OrderEvent) {
        let mut flights = self.open.iter();
        let oldest = flights.find(|(_, flight)| flight.is_about(name, request));
        if let Some(id) = oldest.map(|(id, _)| *id) {
            self.open.remove(&id);
        }
    }

    /// What was sent before a moment. A log-on is waited for as long as its line is: its answer may
    /// come late and is good then.
    pub(super) fn take_before(&mut self, moment: i64) -> Vec<Asked> {
        self.take_if(|flight| flight.sent < moment && !flight.is_log_on())
    }

    pub(super) fn take_of_line(&mut self, line: usize) -> Vec<Asked> {
        let taken = self.take_if(|flight| flight.way == Way::Line(line));
        let paused = std::mem::take(&mut self.paused).into_iter();
        let paused = paused.map(|(question, pages)| Asked::Question(question, pages));
        taken.into_iter().chain(paused).collect()
    }

    /// What a call was about; the head of its answer may say something of limits.
    pub(super) fn called(
        &mut self,
        id: u64,
        answer: Option<&HttpAnswer<'_>>,
        ts_recv: i64,
    ) -> Option<Asked> {
        let sent = self.open.get(&id)?.sent;
        let asked = self.take(id)?;
        if let Some(answer) = answer {
            self.headed(&asked.spend(), answer, sent, ts_recv);
        }
        Some(asked)
    }

    /// The head of an answer may say something of limits.
    pub(super) fn headed(
        &mut self,
        spend: &Spend<'_>,
        answer: &HttpAnswer<'_>,
        sent: i64,
        ts_recv: i64,
    ) {
        self.budget.headers(spend, answer.headers, sent, ts_recv);
        if matches!(answer.status, 418 | 429) {
            let until = retry_at(answer.status, answer.headers, ts_recv);
            self.budget.refused(spend, until, ts_recv);
        }
    }

    /// A refusal may say that it was too much, or that our clock is wrong.
    pub(super) fn note_refusal(&mut self, asked: &Asked, error: &VenueError, ts_recv: i64) {
        match error.refusal.reason {
            RefusalKind::RateLimited if self.budget.closed_until(ts_recv).is_none() => {
                self.budget.refused(&asked.spend(), None, ts_recv);
            }
            RefusalKind::Clock => self.clock.doubt(),
            _ => {}
        }
    }

    fn take_if(&mut self, fits: impl Fn(&Flight) -> bool) -> Vec<Asked> {
        let ids = self.open.iter().filter(|(_, flight)| fits(flight)).map(|(id, _)| *id);
        let ids: Vec<_> = ids.collect();
        let taken = ids.into_iter().filter_map(|id| self.open.remove(&id));
        let taken = taken.map(|flight| flight.asked).collect();
        self.batches.retain(|_, items| items.iter().any(|item| self.open.contains_key(item)));
        taken
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
    /// What a status says by itself: who is not let in has done nothing.
    pub(super) fn of_status(status: u16) -> Self {
        let reason = match status {
            429 => RefusalKind::RateLimited,
            401 | 403 => RefusalKind::Authentication,
            503 => RefusalKind::Unavailable,
            _ => RefusalKind::Other,
        };
        let refusal = Refusal { reason, venue_code: status.to_string().into(), detail: "".into() };
        let outcome_unknown = !matches!(status, 401 | 403 | 429);
        Self { refusal, outcome_unknown, cancelled: false }
    }

    pub(super) fn is_not_found(&self) -> bool {
        self.refusal.reason == RefusalKind::UnknownOrder
    }

    /// What it means for what was asked, if it was not done for sure.
    pub(super) fn ends(&self, asked: Asked, ts_recv: i64) -> Option<Heard> {
        let refusal = self.refusal.clone();
        let (order, what) = match asked {
            Asked::Session(Step::Clock | Step::Guard(_)) => return None,
            Asked::Session(_) => return Some(Heard::Closed(refusal)),
            Asked::Order(order, OrderEvent::Submitted, _) => (order, What::Rejected(refusal)),
            Asked::Order(order, OrderEvent::CancelAsked, _) => {
                (order, What::CancelRejected(refusal))
            }
            Asked::Order(order, ..) => (order, What::ReplaceRejected(refusal)),
            other => return other.lost(Outcome::Unknown, &Loss::of(self), ts_recv),
        };
        Some(order.heard(ts_recv, EventSource::Reply, what))
    }
}

/// Why nobody knows what became of something.
#[derive(Clone, Debug)]
pub(super) struct Loss {
    pub(super) outcome: Outcome,
    refusal: Refusal,
    source: EventSource,
}

impl Loss {
    fn new(outcome: Outcome, source: EventSource, detail: Box<str>) -> Self {
        Self { outcome, refusal: Refusal { detail, ..Refusal::default() }, source }
    }

    /// The venue does not know it itself.
    pub(super) fn of(error: &VenueError) -> Self {
        let (outcome, source) = (Outcome::Unknown, EventSource::Reply);
        Self { outcome, refusal: error.refusal.clone(), source }
    }

    pub(super) fn unanswered() -> Self {
        Self::new(Outcome::Unknown, EventSource::Own, "no answer came".into())
    }

    /// The answer cannot be understood.
    pub(super) fn unread(fault: &Fault) -> Self {
        Self::new(Outcome::Unknown, EventSource::Reply, fault.to_string().into())
    }

    /// Text for people.
    pub(super) fn detail(&self) -> &str {
        &self.refusal.detail
    }

    /// A call failed.
    pub(super) fn not_answered(error: &CallError) -> Self {
        let outcome = if error.not_sent { Outcome::NotSent } else { Outcome::Unknown };
        Self::new(outcome, EventSource::Own, error.detail.as_str().into())
    }
}

impl Asked {
    /// What it means that nobody knows what became of it.
    pub(super) fn lost(self, outcome: Outcome, loss: &Loss, now: i64) -> Option<Heard> {
        let (order, request) = match self {
            // Some are tried again by themselves, and one does not matter.
            Self::Session(
                Step::Token | Step::Renewal | Step::LogOff | Step::Clock | Step::Guard(_),
            ) => return None,
            Self::Session(_) => return Some(Heard::Closed(loss.refusal.clone())),
            Self::Question(question, _) => {
                return Some(Heard::Answer(question, Answer::Failed(loss.refusal.clone())));
            }
            Self::Query(query) => (query.order, OrderEvent::OutcomeUnknown),
            Self::Order(order, request, _) => (order, request),
        };
        let what = What::Ended { request, outcome, detail: loss.refusal.detail.clone() };
        Some(order.heard(now, loss.source, what))
    }
}
