//! What differs from venue to venue, and the gateway that is made of it.
//!
//! Here is said once how whatever was asked ends: by an answer, by a refusal, or by the word that
//! nobody knows. A venue says how its requests are written and what its answers mean.

use rustonite_core::datasets::{EventSource, OrderEvent};
use rustonite_core::ids::InstrumentId;

use super::budget::Budget;
use super::desk::Desk;
use super::flight::{Asked, Flights, Loss, Named, Pages, Query, Step, VenueError};
use super::guard::{self, Guard, TimerRule};
use super::parse::{Fault, Parsed};
use super::{CallError, Gateway, Heard, HttpAnswer, Outgoing, Question, Unreadable, Written};
use crate::report::{Refusal, What};
use crate::request::{Outcome, Request};
use crate::wish::Wish;

/// How long it may take from an open line until the venue tells of our orders.
const LOG_ON_NS: i64 = 30_000_000_000;

/// How requests about orders are written.
pub(super) trait Requests {
    fn desk(&self) -> &Desk;

    /// One request.
    ///
    /// # Errors
    /// The venue has no such thing, and nothing is in flight.
    fn request(&mut self, request: &Request, now: i64) -> Result<Outgoing, Refusal>;

    /// Several requests; each alone unless the venue takes them together.
    fn requests(&mut self, requests: &[Request], now: i64) -> Written {
        Written::alone(requests, |request| self.request(request, now))
    }

    /// See [`Gateway::rehearse`].
    fn rehearsed(&mut self, _client_id: &str, _wish: &Wish, _now: i64) {}
}

/// How questions are asked, and what is answered to them.
pub(super) trait Questions {
    /// A question, or its next page.
    fn question(&mut self, question: Question, pages: Pages, now: i64) -> Outgoing;

    /// What was asked for, or the question for the next page of it.
    fn answer(
        &mut self,
        question: Question,
        pages: Pages,
        result: &str,
        ts_recv: i64,
    ) -> Parsed<Heard>;

    /// A query about one order, in the place that it names.
    fn ask_about(&mut self, query: Query, now: i64) -> Outgoing;

    /// A query was answered. Returns what to ask next.
    fn found(
        &mut self,
        query: &mut Query,
        result: &str,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed<Option<Query>>;

    /// A query has found nothing. Returns what to ask next.
    fn missing(&mut self, query: Query, ts_recv: i64, heard: &mut Vec<Heard>) -> Option<Query> {
        heard.push(query.order.heard(ts_recv, EventSource::Rest, What::NotFound));
        None
    }
}

/// What comes on lines.
pub(super) trait Stream {
    /// A message.
    fn message(&mut self, line: usize, text: &[u8], ts_recv: i64, heard: &mut Vec<Heard>)
    -> Parsed;
}

/// A venue's protocol for one account: its session, and what its answers mean.
pub(super) trait Dialect: Requests + Questions + Stream + Send {
    /// Our name of the venue.
    const VENUE: &'static str;
    /// How many lines it has.
    const LINES: usize = 1;
    /// Whether it tells by itself what is owned.
    const TELLS_BALANCES: bool = true;
    /// Its timer that ends all orders, if it has one.
    const TIMER: Option<TimerRule> = None;

    fn flights(&self) -> &Flights;

    fn flights_mut(&mut self) -> &mut Flights;

    // The session

    /// The lines to open at the beginning.
    fn begin(&mut self, now: i64) -> Vec<Outgoing>;

    /// A line is open, for the first time or again.
    fn line_opened(&mut self, line: usize, now: i64) -> Vec<Outgoing>;

    /// A line is closed. What was asked on it ends by itself.
    fn line_closed(&mut self, line: usize);

    /// Whether it hears of our orders.
    fn hears(&self) -> bool {
        false
    }

    /// What is to be sent from time to time, besides timers.
    fn upkeep(&mut self, _now: i64) -> Vec<Outgoing> {
        Vec::new()
    }

    /// Asks for the venue's time, if it takes no request of another one.
    fn ask_time(&mut self, _now: i64) -> Option<Outgoing> {
        None
    }

    /// The venue's time in the answer.
    fn time(&self, _result: &str) -> Parsed<i64> {
        Err(Fault::Other("nobody asked for the time".to_owned()))
    }

    /// What is done last.
    fn end(&mut self, _now: i64) -> Vec<Outgoing> {
        Vec::new()
    }

    fn has_leverage(&self) -> bool {
        false
    }

    /// Contracts are held in two positions each from now on; false if they cannot.
    fn begin_hedging(&mut self) -> bool {
        false
    }

    /// Whether it has to be asked what was paid besides executions.
    fn has_payments(&self) -> bool {
        false
    }

    /// Ends all orders after so many seconds; 0 for never.
    fn set_timer(&mut self, _timer: InstrumentId, _seconds: u32, _now: i64) -> Option<Outgoing> {
        None
    }

    /// Takes a timer back.
    fn end_timer(&mut self, timer: InstrumentId, now: i64) -> Option<Outgoing> {
        self.set_timer(timer, 0, now)
    }

    // What is said

    /// What an answer to a call brings, or why it brings nothing.
    fn result<'a>(&mut self, answer: &HttpAnswer<'a>, ts_recv: i64) -> Result<&'a str, VenueError>;

    /// What the session asked for has come.
    fn stepped(
        &mut self,
        _step: Step,
        _result: &str,
        _ts_recv: i64,
        _heard: &mut Vec<Heard>,
    ) -> Parsed {
        Ok(())
    }

    /// What was asked of an order is done, or was taken.
    fn order_done(
        &mut self,
        _order: &Named,
        _request: (OrderEvent, usize),
        _result: &str,
        _ts_recv: i64,
        _heard: &mut Vec<Heard>,
    ) -> Parsed {
        Ok(())
    }

    /// A call about several orders was answered.
    fn many_done(
        &mut self,
        items: Vec<u64>,
        _answer: &HttpAnswer<'_>,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed {
        self.lose_items(items, &Loss::unanswered(), ts_recv, heard);
        Ok(())
    }

    /// A new order did not come to be: what is kept of it is of no use.
    fn forget(&mut self, _client_id: &str) {}

    /// The venue refused something, or does not know what became of it.
    fn refused(&mut self, asked: Asked, error: &VenueError, ts_recv: i64, heard: &mut Vec<Heard>) {
        self.end_refused(asked, error, ts_recv, heard);
    }

    /// Nobody knows what became of something: what else that means. Returns the outcome where it is
    /// known after all.
    fn lost(&mut self, _asked: &Asked, _now: i64) -> Option<Outcome> {
        None
    }

    // The same for all

    /// Ends what was refused.
    fn end_refused(
        &mut self,
        asked: Asked,
        error: &VenueError,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) {
        if error.outcome_unknown {
            return self.lose(asked, &Loss::of(error), ts_recv, heard);
        }
        match asked {
            Asked::Session(Step::Guard(timer)) => {
                self.timer_failed(timer, &error.refusal.detail, ts_recv, heard);
            }
            Asked::Query(query) if error.is_not_found() => {
                let next = self.missing(*query, ts_recv, heard);
                self.ask_on(next, ts_recv, heard);
            }
            asked => {
                if let Asked::Order(order, OrderEvent::Submitted, _) = &asked {
                    self.flights_mut().budget.forget(&order.client_id);
                    self.forget(&order.client_id);
                }
                heard.extend(error.ends(asked, ts_recv));
            }
        }
    }

    fn ask_on(&mut self, next: Option<Query>, now: i64, heard: &mut Vec<Heard>) {
        heard.extend(next.map(|next| Heard::Send(self.ask_about(next, now))));
    }

    /// Ends what has no outcome.
    fn lose(&mut self, asked: Asked, loss: &Loss, now: i64, heard: &mut Vec<Heard>) {
        if let Asked::Session(Step::Guard(timer)) = asked {
            return self.timer_failed(timer, loss.detail(), now, heard);
        }
        let outcome = self.lost(&asked, now).unwrap_or(loss.outcome);
        heard.extend(asked.lost(outcome, loss, now));
    }

    /// The same of items of one message.
    fn lose_items(&mut self, items: Vec<u64>, loss: &Loss, now: i64, heard: &mut Vec<Heard>) {
        for item in items {
            if let Some(asked) = self.flights_mut().take(item) {
                self.lose(asked, loss, now, heard);
            }
        }
    }

    /// What the venue says to something that was asked.
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
                    self.lose(asked, &Loss::unread(fault), ts_recv, heard);
                }
                done
            }
            Err(error) => {
                self.take_refusal(asked, &error, ts_recv, heard);
                Ok(())
            }
        }
    }

    /// The venue says no to something that was asked, or that it does not know.
    fn take_refusal(
        &mut self,
        asked: Asked,
        error: &VenueError,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) {
        self.flights_mut().note_refusal(&asked, error, ts_recv);
        self.refused(asked, error, ts_recv, heard);
    }

    fn done(
        &mut self,
        asked: &mut Asked,
        result: &str,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed {
        match asked {
            Asked::Session(Step::Guard(timer)) => {
                self.flights_mut().guard.is_set(*timer);
                Ok(())
            }
            Asked::Session(Step::Clock) => self.set_clock(result, ts_recv),
            Asked::Session(step) => self.stepped(*step, result, ts_recv, heard),
            Asked::Question(question, pages) => {
                let (question, pages) = (*question, std::mem::take(pages));
                let next = self.answer(question, pages, result, ts_recv)?;
                heard.push(next);
                Ok(())
            }
            Asked::Query(query) => {
                let next = self.found(query, result, ts_recv, heard)?;
                self.ask_on(next, ts_recv, heard);
                Ok(())
            }
            Asked::Order(order, request, place) => {
                self.order_done(order, (*request, *place), result, ts_recv, heard)
            }
        }
    }

    /// The venue has told its time. If it was the time that kept us from being heard, there is no
    /// need to wait until we try again.
    fn set_clock(&mut self, result: &str, ts_recv: i64) -> Parsed {
        let theirs = self.time(result)?;
        let flights = self.flights_mut();
        flights.clock.set(theirs, ts_recv);
        flights.deaf_since = flights.deaf_since.map(|since| since.min(ts_recv - LOG_ON_NS));
        Ok(())
    }

    /// Opens lines anew that were open for a while without a word about our orders: an answer to a
    /// log-on may get lost as well as any other.
    fn reopen(&mut self, now: i64, heard: &mut Vec<Heard>) -> Vec<Outgoing> {
        let deaf_since = self.flights().deaf_since;
        if deaf_since.is_none_or(|since| now - since < LOG_ON_NS) {
            return Vec::new();
        }
        (0..Self::LINES).for_each(|line| self.end_line(line, now, heard));
        heard.push(Heard::Notice(
            "nothing is heard of our orders; lines are opened anew".to_owned(),
        ));
        self.begin(now)
    }

    /// A line is closed, and with it all that was to be answered there.
    fn end_line(&mut self, line: usize, now: i64, heard: &mut Vec<Heard>) {
        self.line_closed(line);
        self.flights_mut().deaf_since = None;
        for asked in self.flights_mut().take_of_line(line) {
            self.lose(asked, &Loss::unanswered(), now, heard);
        }
    }

    /// What was heard may say that there is nothing to wait for any more, or that there is again: a
    /// stream may end on a line that stays open. One that was good for a while is opened anew at once,
    /// unless the venue's own words do it.
    fn note(&mut self, heard: &[Heard], now: i64) {
        let is_mended = heard.iter().any(|one| matches!(one, Heard::Send(_)));
        let flights = self.flights_mut();
        for one in heard {
            match one {
                Heard::Ready => (flights.deaf_since, flights.heard_since) = (None, now),
                Heard::Closed(_) => {
                    let was_good = now.saturating_sub(flights.heard_since) >= LOG_ON_NS;
                    let waited = if was_good && !is_mended { LOG_ON_NS } else { 0 };
                    flights.be_deaf(now.saturating_sub(waited));
                }
                _ => {}
            }
        }
    }

    /// A timer was not set, or nobody knows whether it was.
    fn timer_failed(&mut self, timer: InstrumentId, why: &str, now: i64, heard: &mut Vec<Heard>) {
        if self.flights_mut().guard.has_failed(timer, now) {
            let text = format!("the dead man's timer was not set and is asked for again: {why}");
            heard.push(Heard::Notice(text));
        }
    }

    /// Timers that are due.
    fn timers(&mut self, now: i64) -> Vec<Outgoing> {
        let hears = self.hears();
        let flights = self.flights_mut();
        let seconds = flights.guard.seconds();
        let due = flights.guard.due(hears, &mut flights.budget, now);
        due.into_iter().filter_map(|timer| self.set_timer(timer, seconds, now)).collect()
    }
}

#[allow(private_bounds, reason = "what a dialect is concerns nobody but the venues here")]
impl<D: Dialect> Gateway for D {
    fn start(&mut self, now: i64) -> Vec<Outgoing> {
        self.begin(now)
    }

    fn opened(&mut self, line: usize, now: i64) -> Vec<Outgoing> {
        self.flights_mut().deaf_since = Some(now);
        self.line_opened(line, now)
    }

    fn closed(&mut self, line: usize, now: i64, heard: &mut Vec<Heard>) {
        self.end_line(line, now, heard);
    }

    fn write(&mut self, request: &Request, now: i64) -> Result<Outgoing, Refusal> {
        self.request(request, now)
    }

    fn rehearse(&mut self, client_id: &str, wish: &Wish, now: i64) {
        self.rehearsed(client_id, wish, now);
    }

    fn write_many(&mut self, requests: &[Request], now: i64) -> Written {
        self.requests(requests, now)
    }

    fn ask(&mut self, question: Question, now: i64) -> Outgoing {
        let pages = self.flights_mut().resume(question);
        self.question(question, pages, now)
    }

    fn read(
        &mut self,
        line: usize,
        text: &[u8],
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Result<(), Unreadable> {
        let before = heard.len();
        let read = self.message(line, text, ts_recv, heard);
        self.note(&heard[before..], ts_recv);
        match read {
            Err(fault) if self.flights_mut().is_told(&fault) => Ok(()),
            read => read.map_err(|fault| unreadable::<D>(&fault, text)),
        }
    }

    fn answered(
        &mut self,
        id: u64,
        answer: Result<HttpAnswer<'_>, &CallError>,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Result<(), Unreadable> {
        let head = answer.as_ref().ok();
        let items = self.flights_mut().called_many(id, head, ts_recv);
        let alone =
            if items.is_none() { self.flights_mut().called(id, head, ts_recv) } else { None };
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                let loss = Loss::not_answered(error);
                self.lose_items(items.unwrap_or_default(), &loss, ts_recv, heard);
                alone.into_iter().for_each(|asked| self.lose(asked, &loss, ts_recv, heard));
                return Ok(());
            }
        };
        let before = heard.len();
        let read = match (items, alone) {
            (Some(items), _) => self.many_done(items, &answer, ts_recv, heard),
            (None, Some(asked)) => {
                let result = self.result(&answer, ts_recv);
                self.take_answer(asked, result, ts_recv, heard)
            }
            (None, None) => Ok(()),
        };
        self.note(&heard[before..], ts_recv);
        read.map_err(|fault| unreadable::<D>(&fault, answer.body))
    }

    fn tick(&mut self, sent_before: i64, now: i64, heard: &mut Vec<Heard>) -> Vec<Outgoing> {
        for asked in self.flights_mut().take_before(sent_before) {
            self.lose(asked, &Loss::unanswered(), now, heard);
        }
        let mut sent = self.reopen(now, heard);
        sent.extend(self.timers(now));
        if self.flights_mut().clock.begins(now) {
            sent.extend(self.ask_time(now));
        }
        sent.extend(self.upkeep(now));
        sent
    }

    fn stop(&mut self, now: i64) -> Vec<Outgoing> {
        self.end(now)
    }

    fn tells_balances(&self) -> bool {
        D::TELLS_BALANCES
    }

    fn tells_leverage(&self) -> bool {
        self.has_leverage()
    }

    fn hedge(&mut self) -> bool {
        self.begin_hedging()
    }

    fn tells_payments(&self) -> bool {
        self.has_payments()
    }

    fn guard(&mut self, seconds: u32, instruments: &[InstrumentId]) -> Result<(), Refusal> {
        let rule = D::TIMER.ok_or_else(guard::none)?;
        self.flights_mut().guard = Guard::checked(D::VENUE, &rule, seconds, instruments)?;
        Ok(())
    }

    fn wants_guard(&self) -> bool {
        self.flights().guard.is_wanted()
    }

    fn is_guarded(&self, now: i64) -> bool {
        self.flights().guard.runs(now)
    }

    fn unguard(&mut self, now: i64) -> Vec<Outgoing> {
        let ended = self.flights_mut().guard.end();
        ended.into_iter().filter_map(|timer| self.end_timer(timer, now)).collect()
    }

    fn budget(&mut self) -> Option<&mut Budget> {
        Some(&mut self.flights_mut().budget)
    }

    fn in_flight(&self) -> usize {
        self.flights().count()
    }
}

fn unreadable<D: Dialect>(fault: &Fault, text: &[u8]) -> Unreadable {
    Unreadable::new(D::VENUE, fault.to_string(), text)
}
