//! An account: its gateway, the way there, and whether it may trade.

use std::collections::BTreeMap;

use rustonite_core::Amount;
use rustonite_core::budget::Errand;
use rustonite_core::datasets::{EventSource, OrderEvent, PositionSide};
use rustonite_core::ids::InstrumentId;
use rustonite_exec::gateway::{
    Answer, Balance, Contracts, Gateway, Outgoing, Question, Spend, Written,
};
use rustonite_exec::reconcile::{
    Holding, Mismatch, Plan, Settings, VenueBalance, VenueBooks, VenuePosition,
};
use rustonite_exec::{Ask, Outcome, Refusal, RefusalKind, Report, Request, What, Wish};
use rustonite_feed::FeedError;
use rustonite_risk::Access;

use super::Outbox;
use super::pace::{Later, Waiting, has_room, order_of, spend_of, spend_of_many};

/// What is held may differ for so long because fills are on their way.
const DIFFERS_NS: i64 = 30_000_000_000;
/// How often the pause doubles between comparisons that come to the same.
const SETTLE_DOUBLINGS: u32 = 5;

/// How far an account is on the way to trading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// There is no connection that hears of our orders.
    Down,
    /// There is one, and our books are compared with the venue's.
    Comparing,
    /// What we know is what the venue knows.
    Trading,
}

/// Who says what contracts are margined with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leverage {
    /// The configuration: the venue has to say the same.
    Set(u32),
    /// The venue.
    AsThere,
}

/// Questions about everything that an account is.
#[derive(Debug)]
pub(super) struct Asking {
    pub(super) left: Vec<Question>,
    pub(super) books: VenueBooks,
    pub(super) contracts: Contracts,
    /// Why an answer failed.
    pub(super) failed: Option<Box<str>>,
}

/// One account. Nothing but [`super::Desk`] has it.
pub(super) struct Account {
    pub(super) gateway: Box<dyn Gateway>,
    outbox: Box<dyn Outbox>,
    instruments: Vec<InstrumentId>,
    /// Whether it holds positions besides balances.
    has_positions: bool,
    pub(super) settings: Settings,
    /// What its contracts are margined with; `None` if it has none.
    pub(super) leverage: Option<Leverage>,
    pub(super) stage: Stage,
    /// Whether orders may leave, as people were told.
    pub(super) may_trade: bool,
    /// Since when the connection hears of our orders.
    heard_since: i64,
    /// What differed when books were compared last on this connection.
    pub(super) differed: Vec<Mismatch>,
    /// Positions that the venue told of and that are others here: their size there, and when that is
    /// looked at again.
    pub(super) held_otherwise: BTreeMap<(InstrumentId, PositionSide), (Amount, i64)>,
    /// Of what more is held there than here: how much more, and since when just so much.
    apart: BTreeMap<Holding, (Amount, i64)>,
    pub(super) asking: Option<Asking>,
    /// What the last comparison asked, and how many before it asked just that.
    asked: (Vec<Ask>, u32),
    /// When the venue is asked for everything again.
    pub(super) again_at: i64,
    /// Fills before this moment are known, or were before our time.
    pub(super) fills_from: i64,
    waiting: Waiting,
    /// Until when risk was told that the venue takes nothing new.
    pub(super) full_until: Option<i64>,
    /// Until when the venue wants to hear nothing, as people were told.
    pub(super) closed_until: Option<i64>,
    /// When books are compared that the venue has no room for now, as people were told.
    pub(super) put_off_until: Option<i64>,
    /// What is set in another way there than here, as people were told.
    pub(super) other: Vec<String>,
    /// The venue did not tell all that was asked, as people were told.
    pub(super) is_untold: bool,
}

impl Account {
    pub(super) fn new(
        gateway: Box<dyn Gateway>,
        outbox: Box<dyn Outbox>,
        (instruments, has_positions): (Vec<InstrumentId>, bool),
        settings: Settings,
        fills_from: i64,
    ) -> Self {
        Self {
            gateway,
            outbox,
            instruments,
            has_positions,
            settings,
            leverage: None,
            stage: Stage::Down,
            may_trade: false,
            heard_since: 0,
            differed: Vec::new(),
            held_otherwise: BTreeMap::new(),
            apart: BTreeMap::new(),
            asking: None,
            asked: (Vec::new(), 0),
            again_at: i64::MAX,
            fills_from,
            waiting: Waiting::default(),
            full_until: None,
            closed_until: None,
            put_off_until: None,
            other: Vec::new(),
            is_untold: false,
        }
    }

    pub(super) fn start(&mut self, now: i64) -> Result<(), FeedError> {
        let first = self.gateway.start(now);
        self.send_all(first)
    }

    pub(super) fn send_all(&mut self, all: Vec<Outgoing>) -> Result<(), FeedError> {
        all.into_iter().try_for_each(|what| self.outbox.send(what))
    }

    /// Writes a request and sends it. A cancel or a query that the venue has no room for waits until
    /// it has; anything else is refused then.
    pub(super) fn send(&mut self, request: &Request, now: i64) -> Result<(), Refusal> {
        if !has_room(&mut *self.gateway, &spend_of(request), now) {
            if !matches!(request, Request::Cancel { .. } | Request::Query { .. }) {
                let detail = "what the venue allows is used up".into();
                let reason = RefusalKind::RateLimited;
                return Err(Refusal { reason, venue_code: "".into(), detail });
            }
            self.waiting.keep(request);
            return Ok(());
        }
        let outgoing = self.gateway.write(request, now)?;
        let sent = self.outbox.send_of(outgoing, vec![order_of(request)]);
        sent.map_err(|error| refusal(error.to_string()))
    }

    /// Goes through the motions of a new order, and sends nothing.
    pub(super) fn rehearse(&mut self, client_id: &str, wish: &Wish, now: i64) {
        let (errand, instrument) = (Errand::Place, Some(wish.instrument));
        let spend = Spend { errand, instrument, client_id: Some(client_id), count: 1 };
        if has_room(&mut *self.gateway, &spend, now) {
            self.gateway.rehearse(client_id, wish, now);
        }
    }

    /// Writes several requests of a sort and sends them in few messages. If there is no room for all
    /// of them, each is looked at alone. Returns which were refused.
    pub(super) fn send_many(&mut self, requests: &[Request], now: i64) -> Vec<(usize, Refusal)> {
        if requests.len() < 2 || !has_room(&mut *self.gateway, &spend_of_many(requests), now) {
            let each = requests.iter().enumerate();
            let sent = each.map(|(at, request)| (at, self.send(request, now)));
            return sent.filter_map(|(at, sent)| Some((at, sent.err()?))).collect();
        }
        let Written { sent, mut refused } = self.gateway.write_many(requests, now);
        for (outgoing, which) in sent {
            let orders = which.iter().map(|at| order_of(&requests[*at])).collect();
            if let Err(error) = self.outbox.send_of(outgoing, orders) {
                let refusal = refusal(error.to_string());
                refused.extend(which.into_iter().map(|at| (at, refusal.clone())));
            }
        }
        refused
    }

    /// Sends what waited and has room now. Returns cancels that cannot be sent after all.
    pub(super) fn send_waiting(&mut self, now: i64) -> Result<Vec<(Request, Refusal)>, FeedError> {
        let mut refused = Vec::new();
        while let Some(request) = self.waiting.next_cancel(&mut *self.gateway, now) {
            if let Err(refusal) = self.send(&request, now) {
                refused.push((request, refusal));
            }
        }
        while let Some(later) = self.waiting.next_ask(&mut *self.gateway, now) {
            match later {
                Later::Question(question) => self.ask(question, now)?,
                // An order whose query cannot be written is asked for when books are compared.
                Later::Query(request) => drop(self.send(&request, now)),
            }
        }
        Ok(refused)
    }

    /// When the venue has room for the question that waits first.
    pub(super) fn asks_at(&mut self, now: i64) -> Option<i64> {
        self.gateway.budget()?.room(&self.waiting.first_ask()?, now).err()
    }

    /// The venue hears nothing any more: what waited for it has not left.
    pub(super) fn drop_waiting(&mut self, now: i64) -> Vec<Report> {
        let cancels = self.waiting.clear();
        cancels.iter().map(|request| not_sent(request, now)).collect()
    }

    /// The connection hears of our orders from now on: all is asked for.
    pub(super) fn begin(&mut self, now: i64) -> Result<(), FeedError> {
        (self.stage, self.heard_since) = (Stage::Comparing, now);
        self.differed.clear();
        self.apart.clear();
        self.ask_all(now)
    }

    /// Asks the venue for everything that an account is.
    pub(super) fn ask_all(&mut self, now: i64) -> Result<(), FeedError> {
        let from = self.fills_from;
        let mut left = vec![Question::OpenOrders, Question::Balances];
        left.extend(self.has_positions.then_some(Question::Positions));
        left.extend(self.instruments.iter().map(|one| Question::Fills(*one, from)));
        left.extend(self.gateway.tells_payments().then_some(Question::Payments(from)));
        left.extend(self.asks_for_leverage().then_some(Question::Contracts));
        let (heard_since, differed) = (self.heard_since, std::mem::take(&mut self.differed));
        let lasting = self.lasting(now);
        let books =
            VenueBooks { asked_at: now, heard_since, differed, lasting, ..VenueBooks::default() };
        let asked = left.clone();
        self.asking = Some(Asking { left, books, contracts: Contracts::default(), failed: None });
        self.again_at = i64::MAX;
        asked.into_iter().try_for_each(|question| self.ask(question, now))
    }

    /// What the connection is good for.
    pub(super) fn access(&self, now: i64) -> Access {
        let is_unguarded = || self.gateway.wants_guard() && !self.gateway.is_guarded(now);
        match self.stage {
            Stage::Down => Access::None,
            Stage::Comparing => Access::Cancels,
            Stage::Trading if is_unguarded() => Access::Unguarded,
            Stage::Trading => Access::All,
        }
    }

    fn asks_for_leverage(&self) -> bool {
        self.leverage.is_some() && self.gateway.tells_leverage()
    }

    /// Instruments whose contracts the venue margins in another way than the configuration says, and
    /// what that says.
    pub(super) fn other_leverage(&self, asking: &Asking) -> (u32, Vec<(InstrumentId, Amount)>) {
        let Some(Leverage::Set(ours)) = self.leverage.filter(|_| self.asks_for_leverage()) else {
            return (0, Vec::new());
        };
        let ours_exact = Amount(i128::from(ours) * 10_i128.pow(18));
        let other = asking
            .contracts
            .leverage
            .iter()
            .filter(|one| self.trades(one.0) && one.1 != ours_exact);
        (ours, other.copied().collect())
    }

    /// The part of a contract's worth that the venue asks for, in millionths, where the venue is who
    /// says it. Of two sides with leverages of their own the stricter one counts.
    pub(super) fn margins_there(&self, asking: &Asking) -> BTreeMap<InstrumentId, u32> {
        let mut margins = BTreeMap::new();
        if self.leverage == Some(Leverage::AsThere) {
            for (instrument, leverage) in
                asking.contracts.leverage.iter().filter(|one| self.trades(one.0))
            {
                let Some(part) = part_ppm(*leverage) else { continue };
                let strictest = margins.entry(*instrument).or_insert(part);
                *strictest = part.max(*strictest);
            }
        }
        margins
    }

    /// Notes what is held there and not here, and since when by just so much.
    pub(super) fn note_apart(&mut self, plan: &Plan, now: i64) {
        let before = std::mem::take(&mut self.apart);
        let since = |(of, apart)| match before.get(&of) {
            Some((same, since)) if *same == apart => (of, (apart, *since)),
            _ => (of, (apart, now)),
        };
        self.apart = plan.mismatches.iter().filter_map(Mismatch::apart).map(since).collect();
    }

    /// What has differed by the same for longer than a fill can be on its way.
    fn lasting(&self, now: i64) -> BTreeMap<Holding, Amount> {
        let lasts = |since: i64| now.saturating_sub(since) >= DIFFERS_NS;
        let lasting = self.apart.iter().filter(|(_, (_, since))| lasts(*since));
        lasting.map(|(of, (apart, _))| (*of, *apart)).collect()
    }

    fn trades(&self, instrument: InstrumentId) -> bool {
        self.instruments.contains(&instrument)
    }

    /// Instruments that are traded.
    pub(super) fn instruments(&self) -> &[InstrumentId] {
        &self.instruments
    }

    /// How long until books are compared again that leave these questions: longer and longer if it
    /// is the same ones again and again.
    pub(super) fn settle_pause(&mut self, asks: &[Ask], first_ns: i64) -> i64 {
        if self.asked.0 == asks {
            self.asked.1 += 1;
        } else {
            self.asked = (asks.to_vec(), 0);
        }
        first_ns << self.asked.1.min(SETTLE_DOUBLINGS)
    }

    /// Asks a question, now or once the venue has room for it.
    pub(super) fn ask(&mut self, question: Question, now: i64) -> Result<(), FeedError> {
        if !has_room(&mut *self.gateway, &question.spend(), now) {
            self.waiting.ask_later(Later::Question(question));
            return Ok(());
        }
        let outgoing = self.gateway.ask(question, now);
        self.outbox.send(outgoing)
    }
}

impl Asking {
    /// Takes an answer to one of its questions; false if it is to none of them.
    pub(super) fn take(&mut self, question: Question, answer: &Answer) -> bool {
        let Some(at) = self.left.iter().position(|asked| *asked == question) else { return false };
        self.left.swap_remove(at);
        match (question, answer) {
            (Question::OpenOrders, Answer::Reports(reports)) => {
                self.books.open_orders = Some(reports.clone());
            }
            (Question::Fills(instrument, _), Answer::Reports(reports)) => {
                self.books.fills.insert(instrument, reports.clone());
            }
            (Question::Payments(_), Answer::Reports(reports)) => {
                self.books.payments.clone_from(reports);
            }
            (_, Answer::Balances(balances)) => {
                let total = |one: &Balance| VenueBalance { asset: one.asset, total: one.total };
                self.books.balances = Some(balances.iter().map(total).collect());
            }
            (_, Answer::Positions(positions)) => {
                let held = positions.iter().map(|one| VenuePosition {
                    instrument: one.instrument,
                    side: one.side,
                    size: one.size,
                    price_entry: one.price_entry,
                    ts_event: one.ts_event,
                });
                self.books.positions = Some(held.collect());
            }
            (_, Answer::Failed(refusal)) => self.failed = Some(refusal.detail.clone()),
            (_, Answer::Contracts(contracts)) => self.contracts.clone_from(contracts),
            (_, Answer::Reports(_)) => {}
        }
        true
    }
}

/// The part of its worth that a contract is margined with, rounded up; `None` of what is no leverage.
fn part_ppm(leverage: Amount) -> Option<u32> {
    let whole = 1_000_000 * 10_i128.pow(18);
    if leverage <= Amount::ZERO {
        return None;
    }
    u32::try_from((whole + leverage.0 - 1) / leverage.0).ok()
}

/// A refusal of our own.
pub(super) fn refusal(detail: String) -> Refusal {
    Refusal { reason: RefusalKind::Rules, venue_code: "".into(), detail: detail.into() }
}

/// A request that has not left.
fn not_sent(request: &Request, now: i64) -> Report {
    let detail: Box<str> = "the connection was lost before there was room for it".into();
    told(request, now, |event| What::Ended {
        request: event,
        outcome: Outcome::NotSent,
        detail: detail.clone(),
    })
}

/// What it means for an order that its request did not even leave.
pub(super) fn refused(request: &Request, refusal: Refusal, now: i64) -> Report {
    told(request, now, |event| match event {
        OrderEvent::Submitted => What::Rejected(refusal),
        OrderEvent::ReplaceAsked => What::ReplaceRejected(refusal),
        _ => What::CancelRejected(refusal),
    })
}

/// Something that we say ourselves about a request.
fn told(request: &Request, now: i64, what: impl FnOnce(OrderEvent) -> What) -> Report {
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
    // Others may have given it no client id.
    let venue_order_id = match request {
        Request::Cancel { venue_order_id, .. } => venue_order_id.clone(),
        Request::Replace { client_id, venue_order_id, .. } if client_id.is_empty() => {
            venue_order_id.clone()
        }
        _ => None,
    };
    Report {
        ts_event: now,
        ts_recv: now,
        source: EventSource::Own,
        account,
        instrument,
        client_id: client_id.clone(),
        client_id_prev: None,
        venue_order_id,
        what: what(event),
    }
}

#[cfg(test)]
mod tests {
    use rustonite_core::ids::AccountId;
    use rustonite_exec::OrderId;

    use super::{InstrumentId, Request, not_sent, refusal, refused};

    #[test]
    fn of_a_cancel_without_a_client_id_the_number_is_said() {
        let request = Request::Cancel {
            order: OrderId(1),
            instrument: InstrumentId(0),
            account: AccountId(0),
            client_id: "".into(),
            venue_order_id: Some("78".into()),
        };
        let refusal = refusal("no room".to_owned());
        for report in [not_sent(&request, 7), refused(&request, refusal, 7)] {
            assert_eq!(report.venue_order_id.as_deref(), Some("78"));
        }
    }
}
