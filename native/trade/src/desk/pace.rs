//! What an account's venue has room for: new orders are told to risk, all else waits for its turn.

use std::collections::VecDeque;

use rustonite_core::budget::Errand;
use rustonite_core::datasets::RiskRequest;
use rustonite_core::ids::InstrumentId;
use rustonite_exec::gateway::{Gateway, Question, Spend};
use rustonite_exec::{OrderId, Request};

/// What waits until the venue has room for it: each thing once, so no more than there is of orders
/// and instruments.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// Cancels go first.
    cancels: VecDeque<Request>,
    asks: VecDeque<Later>,
}

/// A question that waits.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Later {
    /// About one order.
    Query(Box<Request>),
    /// About anything else.
    Question(Question),
}

impl Waiting {
    pub(super) fn keep(&mut self, request: &Request) {
        let is_same = |other: &Request| order_of(other) == order_of(request);
        if matches!(request, Request::Query { .. }) {
            self.ask_later(Later::Query(Box::new(request.clone())));
        } else if !self.cancels.iter().any(is_same) {
            self.cancels.push_back(request.clone());
        }
    }

    pub(super) fn ask_later(&mut self, later: Later) {
        if !self.asks.contains(&later) {
            self.asks.push_back(later);
        }
    }

    pub(super) fn next_cancel(&mut self, gateway: &mut dyn Gateway, now: i64) -> Option<Request> {
        let has_room = has_room(gateway, &spend_of(self.cancels.front()?), now);
        if has_room { self.cancels.pop_front() } else { None }
    }

    pub(super) fn next_ask(&mut self, gateway: &mut dyn Gateway, now: i64) -> Option<Later> {
        if has_room(gateway, &self.first_ask()?, now) { self.asks.pop_front() } else { None }
    }

    pub(super) fn first_ask(&self) -> Option<Spend<'_>> {
        Some(match self.asks.front()? {
            Later::Query(request) => spend_of(request),
            Later::Question(question) => question.spend(),
        })
    }

    /// Nothing waits any more; cancels that did.
    pub(super) fn clear(&mut self) -> Vec<Request> {
        self.asks.clear();
        self.cancels.drain(..).collect()
    }
}

/// What a request counts as at the venue.
pub(super) fn spend_of(request: &Request) -> Spend<'_> {
    let (errand, instrument, client_id) = match request {
        Request::Submit { client_id, wish, .. } => (Errand::Place, wish.instrument, client_id),
        Request::Replace { instrument, client_id, .. } => (Errand::Replace, *instrument, client_id),
        Request::Cancel { instrument, client_id, .. } => (Errand::Cancel, *instrument, client_id),
        Request::Query { instrument, client_id, .. } => (Errand::Query, *instrument, client_id),
    };
    Spend { errand, instrument: Some(instrument), client_id: Some(client_id), count: 1 }
}

pub(super) fn order_of(request: &Request) -> OrderId {
    match request {
        Request::Submit { order, .. }
        | Request::Replace { order, .. }
        | Request::Cancel { order, .. }
        | Request::Query { order, .. } => *order,
    }
}

pub(super) fn has_room(gateway: &mut dyn Gateway, spend: &Spend<'_>, now: i64) -> bool {
    gateway.budget().is_none_or(|budget| budget.room(spend, now).is_ok())
}

/// What several requests of a sort count as, together.
pub(super) fn spend_of_many(requests: &[Request]) -> Spend<'_> {
    let count = u32::try_from(requests.len()).unwrap_or(u32::MAX);
    match requests.first() {
        Some(first @ Request::Cancel { .. }) => {
            Spend { errand: Errand::CancelMany, count, ..spend_of(first) }
        }
        Some(first) => Spend { errand: Errand::PlaceMany, count, ..spend_of(first) },
        None => Spend { count: 0, ..Spend::one(Errand::PlaceMany) },
    }
}

/// From when on the venue takes so many new orders or changes more; `None` if it does now.
pub(super) fn full_until(
    gateway: &mut dyn Gateway,
    request: RiskRequest,
    instrument: InstrumentId,
    count: u32,
    now: i64,
) -> Option<i64> {
    let errand = if request == RiskRequest::Replace { Errand::Replace } else { Errand::Place };
    let spend = Spend { errand, instrument: Some(instrument), client_id: None, count };
    gateway.budget()?.room(&spend, now).err()
}
