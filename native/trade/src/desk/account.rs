//! An account: its gateway, the way there, and whether it may trade.

use rustonite_core::datasets::{EventSource, OrderEvent};
use rustonite_core::ids::InstrumentId;
use rustonite_exec::gateway::{Answer, Gateway, Outgoing, Question};
use rustonite_exec::{OrderId, Refusal, RefusalKind, Report, Request, What};
use rustonite_feed::FeedError;

use super::Outbox;

/// How far an account is on the way to trading.
#[derive(Debug)]
pub(super) enum Stage {
    /// There is no connection that hears of our orders.
    Down,
    /// The venue was asked for everything, and this is not answered so far.
    Asking { left: Vec<Question>, answers: Vec<(Question, Answer)> },
    /// The venue was asked for these orders one by one, because it did not name them.
    Settling(Vec<OrderId>),
    /// What we know is what the venue knows.
    Trading,
}

/// One account. Nothing but [`super::Desk`] has it.
pub(super) struct Account {
    pub(super) gateway: Box<dyn Gateway>,
    outbox: Box<dyn Outbox>,
    pub(super) instruments: Vec<InstrumentId>,
    pub(super) stage: Stage,
    /// When the venue is asked again, if an answer failed.
    pub(super) again_at: Option<i64>,
    /// Fills before this moment are known.
    pub(super) fills_from: i64,
}

impl Account {
    pub(super) fn new(
        gateway: Box<dyn Gateway>,
        outbox: Box<dyn Outbox>,
        instruments: Vec<InstrumentId>,
    ) -> Self {
        let stage = Stage::Down;
        Self { gateway, outbox, instruments, stage, again_at: None, fills_from: 0 }
    }

    pub(super) fn start(&mut self, now: i64) -> Result<(), FeedError> {
        let first = self.gateway.start(now);
        self.send_all(first)
    }

    pub(super) fn send_all(&mut self, all: Vec<Outgoing>) -> Result<(), FeedError> {
        all.into_iter().try_for_each(|what| self.outbox.send(what))
    }

    /// Writes a request and sends it.
    pub(super) fn send(&mut self, request: &Request, now: i64) -> Result<(), Refusal> {
        let outgoing = self.gateway.write(request, now)?;
        self.outbox.send(outgoing).map_err(|error| refusal(error.to_string()))
    }

    /// Asks the venue for everything that an account is.
    pub(super) fn ask_all(&mut self, now: i64) -> Result<(), FeedError> {
        let from = self.fills_from;
        let fills = self.instruments.iter().map(|one| Question::Fills(*one, from));
        let questions: Vec<_> =
            [Question::OpenOrders, Question::Balances].into_iter().chain(fills).collect();
        let texts = questions.iter().map(|question| self.gateway.ask(*question, now)).collect();
        self.stage = Stage::Asking { left: questions, answers: Vec::new() };
        self.again_at = None;
        self.send_all(texts)
    }

    pub(super) fn ask(&mut self, question: Question, now: i64) -> Result<(), FeedError> {
        let outgoing = self.gateway.ask(question, now);
        self.outbox.send(outgoing)
    }

    pub(super) fn is_trading(&self) -> bool {
        matches!(self.stage, Stage::Trading)
    }
}

/// A refusal of our own.
pub(super) fn refusal(detail: String) -> Refusal {
    Refusal { reason: RefusalKind::Rules, venue_code: "".into(), detail: detail.into() }
}

/// What it means for an order that its request did not even leave.
pub(super) fn refused(request: &Request, refusal: Refusal, now: i64) -> Report {
    let (account, instrument, client_id, event) = match request {
        Request::Submit { client_id, wish, .. } => {
            (wish.account, wish.instrument, client_id, OrderEvent::Submitted)
        }
        Request::Replace { account, instrument, client_id, .. } => {
            (*account, *instrument, client_id, OrderEvent::ReplaceAsked)
        }
        Request::Cancel { account, instrument, client_id, .. }
        | Request::Query { account, instrument, client_id, .. } => {
            (*account, *instrument, client_id, OrderEvent::CancelAsked)
        }
    };
    let what = match event {
        OrderEvent::Submitted => What::Rejected(refusal),
        OrderEvent::ReplaceAsked => What::ReplaceRejected(refusal),
        _ => What::CancelRejected(refusal),
    };
    Report {
        ts_event: now,
        ts_recv: now,
        source: EventSource::Own,
        account,
        instrument,
        client_id: client_id.clone(),
        client_id_prev: None,
        venue_order_id: None,
        what,
    }
}
