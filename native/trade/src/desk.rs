//! The one door to venues: nothing leaves without a pass of the risk layer and a row of the
//! journal, and everything that comes in goes through here.

mod account;
mod answers;
mod asked;
mod closing;
mod forgotten;
mod groups;
mod incoming;
mod owned;
mod pace;
mod releasing;
mod risk_rows;
mod risks;
mod standing;
mod switches;
mod tickers;
mod waiting;

use std::collections::{BTreeMap, VecDeque};

use hdrhistogram::Histogram;
use rustonite_core::Amount;
use rustonite_core::datasets::{InstrumentKind, OrderEvent, PositionSide};
use rustonite_core::ids::{AccountId, AssetId, InstrumentId, StrategyId};
use rustonite_exec::gateway::{Gateway, Outgoing};
use rustonite_exec::reconcile::Settings;
use rustonite_exec::{
    Booked, ExecError, Journal, Ledger, Moment, Order, OrderId, PositionKey, Request, Wish,
};
use rustonite_feed::FeedError;
use rustonite_risk::{Code, Intent, Pass, Risk, Trip};

use self::account::{Account, Leverage};
pub use self::answers::Answers;
use self::answers::Book;
pub(crate) use self::closing::is_closing;
use self::forgotten::Forgotten;
pub(crate) use self::risks::intent_of;
pub use self::switches::Ending;
use self::switches::Switches;
use self::waiting::Waiting;
use crate::strategy::{Denied, FillNews, OrderNews, OrderView};

const NOT_OPEN: &str = "the account is not open";
/// How often books are compared if nobody says.
const COMPARE_EVERY_NS: i64 = 60_000_000_000;
/// How long answers are waited for before the first tick says it.
const ANSWER_NS: i64 = 5_000_000_000;

/// Takes what a gateway wants sent.
pub trait Outbox: Send {
    /// Sends it.
    ///
    /// # Errors
    /// It cannot be sent at all, such as for want of an address.
    fn send(&mut self, what: Outgoing) -> Result<(), FeedError>;

    /// Sends a request of orders, and tells when its bytes have left if it can.
    ///
    /// # Errors
    /// As [`Outbox::send`].
    fn send_of(&mut self, what: Outgoing, _orders: Vec<OrderId>) -> Result<(), FeedError> {
        self.send(what)
    }
}

/// What strategies and people are told.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// Something happened to an order.
    Order(OrderNews),
    /// An order was executed.
    Fill(FillNews),
    /// An account may trade from now on, or may not any more, and why.
    Trading(AccountId, Result<(), Code>),
    /// A rule or a person changed what is allowed.
    Trip(Trip),
    /// A person put a switch back.
    Lifted(Trip),
    /// Something that a person should know.
    Notice(String),
}

/// The door.
pub struct Desk<J> {
    ledger: Ledger<J>,
    risk: Risk,
    accounts: Vec<Account>,
    strategy: StrategyId,
    /// The row of the market that was seen last.
    row_seen: Option<i64>,
    cause: Cause,
    points_per_unit: Vec<f64>,
    /// Middle of the last quote of each instrument, or its last trade where there are no quotes, and
    /// when it came; 0 for none.
    references: Vec<(f64, i64)>,
    /// What assets were said to be worth.
    rates: BTreeMap<AssetId, Option<Amount>>,
    compare_every_ns: i64,
    /// How long answers are waited for.
    answer_ns: i64,
    trips: Vec<Trip>,
    news: VecDeque<News>,
    counts: Counts,
    /// Time is that of tapes.
    is_replay: bool,
    answers: Book,
    /// The order that was placed last, to be rehearsed.
    last: Option<Wish>,
    /// New orders that passed and go out together with those that follow.
    unsent: u32,
    waiting: Waiting,
    switches: Switches,
    forgotten: Forgotten,
    /// What of positions was found at venues, and not taken into profits so far.
    found: Vec<Booked>,
    /// Fees that no position counts, and that were not taken into profits so far.
    fees_elsewhere: Vec<FeeElsewhere>,
    /// When a person was told last that a soft limit of an instrument is exceeded.
    warned: BTreeMap<(Code, InstrumentId), i64>,
}

/// A fee in an asset that the instrument is not settled in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FeeElsewhere {
    pub(crate) account: AccountId,
    pub(crate) strategy: Option<StrategyId>,
    pub(crate) asset: AssetId,
    pub(crate) fee: Amount,
}

/// What made us do what is done now, and when we knew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cause {
    /// What has no time of its own, such as an answer or a person.
    #[default]
    None,
    /// A row of the market.
    Row(i64),
    /// A moment that a strategy asked for.
    Timer(i64),
}

impl Cause {
    fn ts(self) -> Option<i64> {
        match self {
            Self::None => None,
            Self::Row(ts) | Self::Timer(ts) => Some(ts),
        }
    }
}

/// What a desk has done.
#[derive(Debug)]
pub struct Counts {
    /// Requests that were sent.
    pub requests: u64,
    /// Wishes that were denied, by code.
    pub denied: BTreeMap<&'static str, u64>,
    /// Requests that venues refused.
    pub rejects: u64,
    /// Nanoseconds from the receipt of a tick to the bytes of the order that it caused.
    pub tick_to_order: Histogram<u64>,
}

impl Counts {
    fn new() -> Self {
        Self { requests: 0, denied: BTreeMap::new(), rejects: 0, tick_to_order: times() }
    }

    /// Wishes that were denied.
    pub fn denials(&self) -> u64 {
        self.denied.values().sum()
    }
}

/// Nanoseconds, two digits of them. What takes longer than an hour counts as an hour.
pub(crate) fn times() -> Histogram<u64> {
    const HOUR_NS: u64 = 3_600_000_000_000;
    let made = Histogram::new_with_bounds(1, HOUR_NS, 2);
    made.unwrap_or_else(|_| unreachable!("two digits are few"))
}

impl<J: Journal> Desk<J> {
    /// A desk whose accounts are still to be opened. Open orders and positions of the ledger count
    /// for risk from the start.
    pub fn new(ledger: Ledger<J>, risk: Risk, strategy: StrategyId) -> Self {
        let points_per_unit = risks::points_per_unit(&risk);
        let mut desk = Self {
            ledger,
            risk,
            accounts: Vec::new(),
            strategy,
            row_seen: None,
            cause: Cause::None,
            compare_every_ns: COMPARE_EVERY_NS,
            answer_ns: ANSWER_NS,
            references: vec![(0.0, 0); points_per_unit.len()],
            rates: BTreeMap::new(),
            points_per_unit,
            trips: Vec::new(),
            news: VecDeque::new(),
            counts: Counts::new(),
            is_replay: false,
            answers: Book::default(),
            last: None,
            unsent: 0,
            waiting: Waiting::default(),
            switches: Switches::default(),
            forgotten: Forgotten::default(),
            found: Vec::new(),
            fees_elsewhere: Vec::new(),
            warned: BTreeMap::new(),
        };
        desk.count_all();
        desk.take_up();
        desk
    }

    /// Times are measured by the tapes that are replayed, and not by the machine.
    pub fn replay(&mut self) {
        self.is_replay = true;
    }

    /// Sets how often books are compared with the venues'.
    pub fn compare_every(&mut self, nanoseconds: i64) {
        self.compare_every_ns = nanoseconds;
    }

    /// Opens an account, whose number is the next one.
    ///
    /// # Errors
    /// Its outbox takes nothing.
    pub fn open(
        &mut self,
        gateway: Box<dyn Gateway>,
        outbox: Box<dyn Outbox>,
        instruments: Vec<InstrumentId>,
        settings: Settings,
        now: i64,
    ) -> Result<(), FeedError> {
        let holds = |id: &InstrumentId| {
            let listed = self.ledger.directory().listed(*id);
            listed.is_some_and(|listed| listed.kind != InstrumentKind::Spot)
        };
        let has_positions = instruments.iter().any(holds);
        let traded = (instruments, has_positions);
        let id = AccountId(u16::try_from(self.accounts.len()).unwrap_or(u16::MAX));
        let fills_from = self.ledger.fills_from(id, now);
        let mut account = Account::new(gateway, outbox, traded, settings, fills_from);
        account.start(now)?;
        self.accounts.push(account);
        self.answers.open();
        Ok(())
    }

    /// What is done from now on has this cause.
    pub fn caused_by(&mut self, cause: Cause) {
        self.cause = cause;
    }

    /// The next thing that there is to tell.
    pub fn next_news(&mut self) -> Option<News> {
        self.news.pop_front()
    }

    /// Whether there is something to tell.
    pub fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    /// Tells a person something.
    pub(crate) fn notice(&mut self, text: String) {
        self.news.push_back(News::Notice(text));
    }

    /// Orders, fills, positions and balances.
    pub fn ledger(&self) -> &Ledger<J> {
        &self.ledger
    }

    /// Same, for housekeeping.
    pub fn ledger_mut(&mut self) -> &mut Ledger<J> {
        &mut self.ledger
    }

    /// What was done so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// What became of the orders of each account.
    pub fn answers(&self) -> &[Answers] {
        self.answers.accounts()
    }

    /// The risk layer.
    pub fn risk(&self) -> &Risk {
        &self.risk
    }

    /// Whose orders these are.
    pub fn strategy(&self) -> StrategyId {
        self.strategy
    }

    /// Sets what an account's contracts are margined with: nothing is traded while the venue says
    /// something else. Without it what the venue says is taken, and nothing is traded before.
    pub fn leverage(&mut self, account: AccountId, leverage: Option<u32>) {
        if let Some(one) = self.accounts.get_mut(account.index()) {
            one.leverage = Some(leverage.map_or(Leverage::AsThere, Leverage::Set));
        }
    }

    /// Whether something of positions was found at venues since then.
    pub(crate) fn has_found(&self) -> bool {
        !self.found.is_empty()
    }

    /// What of positions was found at venues since the last call.
    pub(crate) fn take_found(&mut self) -> Vec<Booked> {
        std::mem::take(&mut self.found)
    }

    /// Fees that no position counts, since the last call.
    pub(crate) fn take_fees_elsewhere(&mut self) -> Vec<FeeElsewhere> {
        std::mem::take(&mut self.fees_elsewhere)
    }

    /// Until when an account's venue wants to hear nothing, if so.
    pub fn closed_until(&self, account: AccountId) -> Option<i64> {
        self.accounts.get(account.index())?.closed_until
    }

    /// Whether an account's venue would cancel its orders if we were gone.
    pub fn is_guarded(&self, account: AccountId, now: i64) -> bool {
        self.accounts.get(account.index()).is_some_and(|one| one.gateway.is_guarded(now))
    }

    /// Goes through the accounts.
    pub fn each_account(&self, mut with: impl FnMut(AccountId)) {
        (0..self.accounts.len())
            .filter_map(|at| u16::try_from(at).ok())
            .for_each(|at| with(AccountId(at)));
    }

    /// Passes a request to its gateway. There is no other way there: only a check makes a pass, and
    /// it is used up here. What counts from now on is counted behind the bytes, for which somebody may
    /// be waiting, and a new order is put in its place there; nothing is judged in between.
    fn send(
        &mut self,
        intent: &Intent,
        pass: Pass,
        request: &Request,
        new: Option<Order>,
        now: i64,
    ) {
        let refused = match self.accounts.get_mut(intent.account.index()) {
            Some(account) if pass.is_for(intent) => account.send(request, now).err(),
            Some(_) => None,
            None => Some(account::refusal(NOT_OPEN.to_owned())),
        };
        let left = self.time(now);
        if let Some(order) = new {
            self.keep_new(order);
        }
        let counted = self.risk.sent(intent, &pass, now);
        drop(pass);
        let refused = counted.err().map(|denial| account::refusal(denial.to_string())).or(refused);
        self.count_sent(request, left);
        if let Some(refusal) = refused {
            let report = account::refused(request, refusal, now);
            self.take(&report);
        }
    }

    /// What time it is after something that may have taken some.
    fn time(&self, now: i64) -> i64 {
        if self.is_replay { now } else { rustonite_feed::now_ns() }
    }

    /// Uses up the pass of a request that leaves together with others.
    fn leave(
        &mut self,
        intent: &Intent,
        pass: Pass,
        request: Request,
        now: i64,
        leaving: &mut Vec<(AccountId, Request)>,
    ) {
        let counted = self.risk.sent(intent, &pass, now);
        drop(pass);
        match counted {
            Ok(()) => {
                self.unsent += u32::from(matches!(request, Request::Submit { .. }));
                leaving.push((intent.account, request));
            }
            Err(denial) => {
                let refusal = account::refusal(denial.to_string());
                self.take(&account::refused(&request, refusal, now));
            }
        }
    }

    /// Passes requests whose passes are used up to their gateways, those of an account together.
    fn send_many(&mut self, mut leaving: Vec<(AccountId, Request)>, now: i64) {
        self.unsent = 0;
        while let Some((id, _)) = leaving.first() {
            let id = *id;
            let (mine, others) = leaving.into_iter().partition::<Vec<_>, _>(|one| one.0 == id);
            leaving = others;
            let requests: Vec<_> = mine.into_iter().map(|(_, request)| request).collect();
            let refused = if let Some(account) = self.accounts.get_mut(id.index()) {
                account.send_many(&requests, now)
            } else {
                let refusal = account::refusal(NOT_OPEN.to_owned());
                (0..requests.len()).map(|at| (at, refusal.clone())).collect()
            };
            let left = self.time(now);
            requests.iter().for_each(|request| self.count_sent(request, left));
            for (at, refusal) in refused {
                self.take(&account::refused(&requests[at], refusal, now));
            }
        }
    }

    /// The bytes of a request are out.
    fn count_sent(&mut self, request: &Request, at: i64) {
        self.counts.requests += 1;
        match request {
            Request::Submit { order, wish, .. } => self.count_submit(*order, wish, at),
            Request::Cancel { order, .. } => self.answers.cancel_sent(*order, at),
            Request::Replace { .. } | Request::Query { .. } => {}
        }
    }

    fn count_submit(&mut self, order: OrderId, wish: &Wish, at: i64) {
        if let Cause::Row(ts) = self.cause {
            let took = at.saturating_sub(ts);
            self.counts.tick_to_order.saturating_record(took.max(1).unsigned_abs());
        }
        let middle = self.references.get(wish.instrument.index()).map_or(0.0, |one| one.0);
        self.answers.sent(wish.account, order, middle, at);
    }

    fn moment(&self, now: i64) -> Moment {
        Moment { now, market_seq: self.row_seen }
    }

    /// An order as strategies see it.
    pub fn view(&self, order: &Order) -> OrderView {
        use rustonite_core::datasets::OrderState as State;
        let waits = [State::PendingSubmit, State::PendingReplace, State::PendingCancel];
        let is_pending = waits.contains(&order.state) || order.state == State::Unknown;
        OrderView {
            order: order.id,
            state: order.state,
            instrument: order.wish.instrument,
            side: order.wish.side,
            kind: order.wish.kind,
            position_side: order.wish.position_side,
            price: order.wish.limit_now(),
            trigger: order.wish.trigger_now(),
            size: order.wish.size,
            size_filled: order.size_filled,
            is_pending,
            parent: order.link.parent,
            tags: order.wish.tags.clone(),
        }
    }

    /// The position of one account, both sides of hedge mode added.
    pub(super) fn position_of(&self, account: AccountId, instrument: InstrumentId) -> Amount {
        let whole = |key: &PositionKey| {
            key.strategy.is_none() && key.instrument == instrument && key.account == account
        };
        let positions = self.ledger.positions().iter();
        positions.filter(|(key, _)| whole(key)).map(|(_, position)| position.size).sum()
    }

    /// The position of all accounts in an instrument: one side of it in hedge mode, or both added.
    pub fn position(&self, instrument: InstrumentId, side: Option<PositionSide>) -> Amount {
        let whole = |key: &PositionKey| {
            key.strategy.is_none()
                && key.instrument == instrument
                && side.is_none_or(|side| side == key.side)
        };
        let positions = self.ledger.positions().iter();
        positions.filter(|(key, _)| whole(key)).map(|(_, position)| position.size).sum()
    }

    fn tell_order(&mut self, order: OrderId, event: OrderEvent, reason: Option<String>) {
        if let Some(order) = self.ledger.order(order) {
            let order = self.view(order);
            self.news.push_back(News::Order(OrderNews { event, order, reason }));
        }
    }
}

fn unknown(order: OrderId) -> Denied {
    Denied::new("order_unknown", format!("order {}", order.0))
}

/// What the ledger refuses to ask for.
fn halted(error: &ExecError) -> Denied {
    let code = match error {
        ExecError::Halted(_) => "journal",
        ExecError::NotPossible { .. } => "not_possible",
        ExecError::NotManaged(_) => "not_managed",
        _ => "unknown",
    };
    Denied::new(code, error.to_string())
}
