//! The trader: one thread that polls tapes and venues, asks the strategy and sends orders.

mod broker;
mod building;
mod checking;
mod clock;
mod counting;
mod gathering;
mod operator;
mod past;
mod profits;
mod recalling;
mod replaying;
mod rules;
mod status;
#[cfg(test)]
mod testing;
mod watchdog;

use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use rustonite_core::ErrorKind;
use rustonite_core::datasets::{FillKind, OrderEvent, RiskActor, RiskScope, TradingState};
use rustonite_core::ids::{AccountId, InstrumentId, StrategyId, VenueId};
use rustonite_exec::{Directory, Housekeeping, JournalError, Tapes};
use rustonite_feed::FeedError;
use rustonite_risk::{Code, Counts, LimitsError, StartError, Target, Trip};
use rustonite_tape::TapeError;

pub use self::broker::Handle;
pub use self::checking::check_files;
use self::clock::Clock;
use self::gathering::Gathered;
use self::operator::not_kept;
pub use self::operator::{kill_without_trader, resume_without_trader};
pub use self::past::{Lakes, Wanted};
use self::profits::Profits;
pub use self::status::Status;
use self::watchdog::Watchdog;
use crate::books::Books;
use crate::config::{Config, OnStop, Waiting};
use crate::control::Control;
use crate::cores;
use crate::desk::{Cause, Desk, News};
use crate::line::{Arrivals, Arrived, Network};
use crate::market::{BOOK_DELTAS, Market, Rows, Tick};
use crate::paper::Papers;
use crate::rows::{Bars, Deltas, Quotes, Trades};
use crate::state::Keeper;
use crate::strategy::{Broker, Failed, Figures, GapNews, OrderNews, StateNews, Strategy, Told};

/// How often what does not hurry is done.
const BEAT: Duration = Duration::from_millis(50);
const NAP: Duration = Duration::from_micros(200);
/// How often an idle thread that spins goes through the motions of an order.
const REHEARSE_EVERY: Duration = Duration::from_micros(200);
/// How long cancels may take at the end.
const FAREWELL: Duration = Duration::from_secs(5);
/// How long venues may take for the answers to what is said last.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// A clock that is set back by less is nobody's business.
const SET_BACK_MS_TOLD: i64 = 100;
/// Market data is up if something came so recently.
const FEED_SILENCE_NS: i64 = 60_000_000_000;

/// Why a trader does not start or ends.
#[derive(Debug, thiserror::Error)]
pub enum TradeError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] FeedError),
    /// The limits cannot be used.
    #[error(transparent)]
    Limits(#[from] LimitsError),
    /// The risk layer does not start.
    #[error(transparent)]
    Risk(#[from] StartError),
    /// The journal cannot be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A tape of market data cannot be read.
    #[error("market data: {0}")]
    Market(#[from] TapeError),
    /// The operating system refused something.
    #[error("{doing}: {source}")]
    System {
        /// What was tried.
        doing: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The strategy failed; its switch is thrown.
    #[error(
        "strategy {name}: {why}; its switch is thrown until `rustonite resume strategy {name}`"
    )]
    Strategy {
        /// Its name.
        name: String,
        /// Why.
        why: String,
    },
}

impl TradeError {
    /// What the caller can do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Config(error) => error.kind(),
            Self::Limits(error) => error.kind(),
            Self::Risk(_) => ErrorKind::Invalid,
            Self::Journal(error) => error.kind(),
            Self::Market(error) => error.kind(),
            Self::System { .. } => ErrorKind::Unavailable,
            Self::Strategy { .. } => ErrorKind::Closed,
        }
    }
}

/// What the trader's thread shares with brokers in other hands.
pub(crate) struct Inner {
    pub(crate) desk: Desk<Tapes>,
    /// Moments at which the strategy wants to be woken, negative so that the next is the largest.
    timers: BinaryHeap<i64>,
    clock: Clock,
}

impl Inner {
    pub(crate) fn now(&mut self) -> i64 {
        self.clock.now()
    }

    /// Releases what the rows just counted made due.
    fn release_due(&mut self) {
        if self.desk.has_due() {
            let now = self.now();
            self.desk.release_due(now);
        }
    }

    /// Whether the time that the strategy asked for has come.
    fn is_timer_due(&mut self) -> bool {
        // The clock is not read if nobody asked for a time.
        self.timers.peek().copied().is_some_and(|next| -next <= self.now())
    }

    fn go_on_to(&mut self, at: i64) {
        self.clock.go_on_to(at);
    }
}

pub(crate) type Shared = Arc<Mutex<Inner>>;

fn lock(shared: &Shared) -> MutexGuard<'_, Inner> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A trader.
pub struct Trader {
    config: Config,
    directory: Arc<Directory>,
    shared: Shared,
    handle: Handle,
    market: Market,
    /// Rows that the strategy is not told so far, by their first.
    gathered: VecDeque<Gathered>,
    /// How long rows are gathered.
    gather_ns: i64,
    /// What comes next of a market that is replayed.
    held: VecDeque<Tick>,
    books: Books,
    /// Whose orders stay, of those that are not in the configuration now, by scope and name.
    keeps_absent: Vec<(String, String)>,
    /// What those had counted that are not there now.
    counts_absent: BTreeMap<String, Counts>,
    papers: Papers,
    arrivals: Vec<Arrivals>,
    strategy: StrategyId,
    /// Before the socket, which is where a kill goes for as long as it is there.
    keeper: Keeper,
    control: Control,
    profits: Profits,
    /// Accounts that may trade.
    trading: Vec<bool>,
    is_started: bool,
    /// Of each venue, when market data came last.
    heard: Vec<i64>,
    /// Of each tape that is followed, when a row came last.
    rows_seen: Vec<Option<i64>>,
    instruments: Vec<Option<InstrumentId>>,
    notice: mpsc::Sender<String>,
    notices: mpsc::Receiver<String>,
    /// Executions since the start.
    fills: u64,
    watchdog: Watchdog,
    _network: Network,
    /// Last: until all else has ended, nobody else may begin.
    _alone: File,
}

impl Trader {
    /// What strategies use to trade, for those who are told of it in another way.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// A number that two traders in the same state share.
    pub fn state_hash(&self) -> u64 {
        lock(&self.shared).desk.ledger().state_hash()
    }

    /// What a person should know, since the last call.
    pub fn take_notices(&mut self) -> Vec<String> {
        self.notices.try_iter().collect()
    }

    fn note(&self, notice: String) {
        // It is taken from our own other hand.
        let _ = self.notice.send(notice);
    }

    /// Trades until `go_on` says no, which is asked some twenty times a second.
    ///
    /// # Errors
    /// A tape of market data or the journal fails, or the strategy does. Orders are cancelled or
    /// kept by the configuration in any case.
    pub fn run(
        &mut self,
        strategy: &mut dyn Strategy,
        go_on: &mut dyn FnMut(&mut Self) -> bool,
    ) -> Result<(), TradeError> {
        if let Some(core) = self.config.core {
            let doing = "taking the core".to_owned();
            cores::take(core).map_err(|source| TradeError::System { doing, source })?;
        }
        let ended = if self.config.replay {
            self.replay(strategy, go_on)
        } else {
            self.trade(strategy, go_on)
        };
        let how = if ended.is_err() { self.config.on_error } else { self.config.on_stop };
        let stopped = if ended.is_ok() {
            let told = self.if_started(|handle| strategy.on_stop(handle));
            self.judge(told)
        } else {
            Ok(())
        };
        self.farewell(how);
        ended.and(stopped).and(self.keep_switches_now())
    }

    fn trade(
        &mut self,
        strategy: &mut dyn Strategy,
        go_on: &mut dyn FnMut(&mut Self) -> bool,
    ) -> Result<(), TradeError> {
        let (mut next_beat, mut next_rehearsal) = (Instant::now(), Instant::now());
        loop {
            let is_idle = !self.step(strategy)?;
            let now = Instant::now();
            if is_idle && self.config.wait == Waiting::Spin && now >= next_rehearsal {
                next_rehearsal = now + REHEARSE_EVERY;
                self.rehearse();
            } else if is_idle {
                self.rest();
            }
            if now >= next_beat {
                next_beat = now + BEAT;
                self.beat()?;
                if !go_on(self) {
                    return self.tell_gathered(strategy);
                }
            }
        }
    }

    /// Does what there is to do; false if that was nothing.
    fn step(&mut self, strategy: &mut dyn Strategy) -> Result<bool, TradeError> {
        let mut busy = self.take_market(strategy)?;
        for at in 0..self.arrivals.len() {
            while let Some(arrived) = self.arrivals[at].poll() {
                let mut inner = lock(&self.shared);
                let now = inner.now();
                let arrived = arrived.moved(|at| inner.clock.ours(at));
                inner.desk.arrived(AccountId(u16::try_from(at).unwrap_or(u16::MAX)), arrived, now);
                busy = true;
            }
        }
        Ok(self.act(strategy)? || busy)
    }

    /// Hears what is due of accounts on paper, and tells the strategy; false if there was nothing.
    fn act(&mut self, strategy: &mut dyn Strategy) -> Result<bool, TradeError> {
        let busy = self.hear_papers() | self.tell_due(strategy)?;
        // One look for all: most turns bring nothing.
        let (has_found, has_news, is_due) = {
            let mut inner = lock(&self.shared);
            (inner.desk.has_found(), inner.desk.has_news(), inner.is_timer_due())
        };
        if has_found {
            self.tell_profit();
        }
        if has_news {
            self.tell_news(strategy)?;
        }
        if is_due {
            self.wake(strategy)?;
        }
        Ok(busy || has_news || is_due)
    }

    fn hear_papers(&self) -> bool {
        if self.papers.is_empty() {
            return false;
        }
        let mut inner = lock(&self.shared);
        let now = inner.now();
        let news = self.papers.until(now);
        for account in &news {
            inner.desk.arrived(*account, Arrived::Text(0, Vec::new(), now), now);
        }
        !news.is_empty()
    }

    fn take_market(&mut self, strategy: &mut dyn Strategy) -> Result<bool, TradeError> {
        let tick = self.market.poll()?;
        self.take_tick(strategy, tick)
    }

    fn take_tick(&mut self, strategy: &mut dyn Strategy, tick: Tick) -> Result<bool, TradeError> {
        match tick {
            Tick::Nothing => return Ok(false),
            Tick::Rows(rows) => self.take_rows(strategy, rows)?,
            Tick::Gap(followed, gap) => {
                self.tell_tape(strategy, followed)?;
                let followed = &self.market.followed()[followed];
                let (dataset, venue) = (followed.dataset.clone(), followed.venue.clone());
                self.note_gap(&venue, &dataset);
                let news =
                    GapNews { venue: &venue, dataset: &dataset, instrument: None, rows: Some(gap) };
                let told = self.if_started(|handle| strategy.on_gap(handle, &news));
                self.judge(told)?;
            }
        }
        Ok(true)
    }

    /// Until its next quote, or trade where nobody quotes, nothing of the venue is traded.
    fn note_gap(&mut self, venue: &str, dataset: &str) {
        let is_there = |id| self.directory.listed(id).is_some_and(|one| &*one.venue == venue);
        if dataset == BOOK_DELTAS {
            self.books.lose(is_there);
        }
        let mut inner = lock(&self.shared);
        for (id, _) in self.directory.instruments().filter(|(id, _)| is_there(*id)) {
            inner.desk.gap(id);
        }
    }

    /// Rows first count here, then the strategy is told of them.
    fn take_rows(&mut self, strategy: &mut dyn Strategy, rows: Rows) -> Result<(), TradeError> {
        let mut instruments = std::mem::take(&mut self.instruments);
        instruments.clear();
        instruments.extend(self.market.instruments(&rows));
        self.count_rows(&rows, &instruments);
        if self.gather_ns > 0 {
            return self.gather(strategy, rows, instruments);
        }
        let told = self.tell_rows(strategy, &rows, &instruments);
        self.instruments = instruments;
        told
    }

    fn tell_rows(
        &mut self,
        strategy: &mut dyn Strategy,
        rows: &Rows,
        instruments: &[Option<InstrumentId>],
    ) -> Result<(), TradeError> {
        if let Some(last) = self.market.received(rows).last() {
            let mut inner = lock(&self.shared);
            let cause = Cause::Row(inner.clock.ours(*last));
            inner.desk.caused_by(cause);
        }
        let told = match self.market.followed()[rows.followed].dataset.as_str() {
            "quotes" => {
                let quotes = Quotes::new(&rows.batch, instruments);
                self.if_started(|handle| strategy.on_quotes(handle, &quotes))
            }
            "trades" => {
                let trades = Trades::new(&rows.batch, instruments);
                self.if_started(|handle| strategy.on_trades(handle, &trades))
            }
            "bars" => {
                let bars = Bars::new(&rows.batch, instruments);
                self.if_started(|handle| strategy.on_bars(handle, &bars))
            }
            BOOK_DELTAS => {
                let deltas = Deltas::new(&rows.batch, instruments);
                self.tell_books(strategy, rows.venue, &deltas)
            }
            dataset => self.if_started(|handle| strategy.on_rows(handle, dataset, &rows.batch)),
        };
        lock(&self.shared).desk.caused_by(Cause::None);
        self.judge(told)
    }

    /// Tells of books that are lost, of the rows, and of books that are whole.
    fn tell_books(
        &mut self,
        strategy: &mut dyn Strategy,
        venue: VenueId,
        rows: &Deltas<'_>,
    ) -> Told {
        let lost = self.books.take(rows);
        let venue = self.directory.venue_name(venue);
        for instrument in lost {
            let instrument = Some(instrument);
            let news = GapNews { venue, dataset: BOOK_DELTAS, instrument, rows: None };
            self.if_started(|handle| strategy.on_gap(handle, &news))?;
        }
        self.if_started(|handle| strategy.on_rows(handle, BOOK_DELTAS, rows.batch))?;
        for book in self.books.changed() {
            self.if_started(|handle| strategy.on_book(handle, &book))?;
        }
        Ok(())
    }

    fn if_started(&self, tell: impl FnOnce(&dyn Broker) -> Told) -> Told {
        if self.is_started { self.watched(tell) } else { Ok(()) }
    }

    /// A call of the strategy, which has to come back in time.
    fn watched(&self, tell: impl FnOnce(&dyn Broker) -> Told) -> Told {
        let (told, is_late) = self.watchdog.during(|| tell(&self.handle));
        if is_late {
            let patience = self.config.patience_ms;
            return Err(Failed(format!("a call took longer than {patience} ms")));
        }
        told
    }

    /// Tells the strategy what happened to its orders.
    fn tell_news(&mut self, strategy: &mut dyn Strategy) -> Result<(), TradeError> {
        loop {
            let news = lock(&self.shared).desk.next_news();
            let Some(news) = news else { return Ok(()) };
            let told = match news {
                News::Order(news) => {
                    if !self.is_started && !self.trading.iter().all(|may| *may) {
                        self.note_found(&news);
                    }
                    self.if_started(|handle| strategy.on_order(handle, &news))
                }
                News::Fill(news) => {
                    let is_more = !matches!(news.kind, FillKind::Bust | FillKind::Correction);
                    self.fills += u64::from(is_more);
                    self.if_started(|handle| strategy.on_fill(handle, &news))
                }
                News::Trading(account, may) => self.take_trading(account, may, strategy),
                News::Trip(trip) => {
                    let name = lock(&self.shared).desk.risk().name(trip.target);
                    let (notice, text) = (self.notice.clone(), trip_notice(&trip, &name));
                    self.keep_switches(Some(Box::new(move || drop(notice.send(text)))));
                    let news = self.state_news(&trip, is_lifting(&trip));
                    self.if_started(|handle| strategy.on_state(handle, &news))
                }
                News::Lifted(trip) => {
                    let name = lock(&self.shared).desk.risk().name(trip.target);
                    self.note(format!("{}: the switch is put back", place_of(&trip, &name)));
                    let news = self.state_news(&trip, true);
                    self.if_started(|handle| strategy.on_state(handle, &news))
                }
                News::Notice(text) => {
                    self.note(text);
                    Ok(())
                }
            };
            self.judge(told)?;
        }
    }

    /// What became of an order while nobody traded: the strategy is not there to hear it.
    fn note_found(&self, news: &OrderNews) {
        use OrderEvent::{Cancelled, Expired, Rejected, ReplaceRejected};
        if matches!(news.event, Cancelled | Expired | Rejected | ReplaceRejected) {
            let (id, side) = (news.order.order.0, news.order.side.name());
            let symbol = self.directory.listed(news.order.instrument);
            let symbol = symbol.map_or("", |listed| &*listed.symbol);
            self.note(format!("order {id}, {side} {symbol}: {}", news.event.name()));
        }
    }

    /// The strategy starts once all accounts may trade.
    fn take_trading(
        &mut self,
        account: AccountId,
        may: Result<(), Code>,
        strategy: &mut dyn Strategy,
    ) -> Told {
        let why = may.err();
        let may = may.is_ok();
        if let Some(one) = self.trading.get_mut(account.index()) {
            *one = may;
        }
        let name = self.directory.account_name(account);
        let told =
            why.map_or("may trade".to_owned(), |why| format!("may not trade: {}", why.name()));
        self.note(format!("account {name} {told}"));
        if self.is_started {
            let news = self.account_news(account, why);
            return self.watched(|handle| strategy.on_state(handle, &news));
        }
        if !self.trading.iter().all(|may| *may) {
            return Ok(());
        }
        self.is_started = true;
        // Orders of its first call are judged by what the venue has just told.
        self.tell_profit();
        self.watched(|handle| strategy.on_start(handle))
    }

    fn state_news(&self, trip: &Trip, is_lifted: bool) -> StateNews {
        let inner = lock(&self.shared);
        let risk = inner.desk.risk();
        let figures = trip.limit.zip(trip.value);
        StateNews {
            scope: trip.scope(),
            name: risk.name(trip.target),
            state: risk.state(trip.target),
            is_lifted,
            // Any state may have been set before.
            code: (!is_lifting(trip)).then(|| trip.code.name()),
            figures: figures.map(|(limit, value)| Figures { limit, value }),
        }
    }

    /// What an account may do.
    fn account_news(&self, account: AccountId, why: Option<Code>) -> StateNews {
        let allowed = match why {
            None => TradingState::Active,
            Some(Code::NotReconciled | Code::DeadManMissing) => TradingState::CancelOnly,
            Some(_) => TradingState::Halted,
        };
        let inner = lock(&self.shared);
        let risk = inner.desk.risk();
        StateNews {
            scope: RiskScope::Account,
            name: self.directory.account_name(account).to_owned(),
            state: risk.state(Target::Account(account)).max(allowed),
            is_lifted: why.is_none(),
            code: why.map(Code::name),
            figures: None,
        }
    }

    /// Tells what was earned, and keeps at once what only this run knows of it.
    fn tell_profit(&mut self) {
        let is_to_be_kept = {
            let mut inner = lock(&self.shared);
            let now = inner.now();
            self.profits.tell(&mut inner.desk, now);
            self.profits.is_to_be_kept(inner.desk.risk(), now)
        };
        if is_to_be_kept {
            self.keep_switches(None);
        }
    }

    fn wake(&mut self, strategy: &mut dyn Strategy) -> Result<(), TradeError> {
        {
            let mut inner = lock(&self.shared);
            let due = inner.timers.pop().map_or(Cause::None, |due| Cause::Timer(-due));
            inner.desk.caused_by(due);
        }
        let told = self.if_started(|handle| strategy.on_timer(handle));
        lock(&self.shared).desk.caused_by(Cause::None);
        self.judge(told)
    }

    /// A strategy that failed may trade no more until a person says so.
    fn judge(&mut self, told: Told) -> Result<(), TradeError> {
        let Err(Failed(why)) = told else { return Ok(()) };
        let name = self.directory.strategy_name(self.strategy).to_owned();
        {
            let mut inner = lock(&self.shared);
            let now = inner.now();
            let target = Target::Strategy(self.strategy);
            match self.config.on_error {
                OnStop::Cancel => inner.desk.kill_by(RiskActor::Rule, target, now),
                OnStop::Keep => inner.desk.latch(target, now),
            }
        }
        self.keep_switches(None);
        Err(TradeError::Strategy { name, why })
    }

    /// Keeps the way of an order at hand. Who sleeps has chosen to wait for it.
    fn rehearse(&self) {
        let mut inner = lock(&self.shared);
        let now = inner.now();
        inner.desk.rehearse(now);
    }

    fn rest(&self) {
        match self.config.wait {
            Waiting::Spin => std::hint::spin_loop(),
            Waiting::Sleep => std::thread::park_timeout(NAP),
        }
    }

    /// Lets time pass: answers that do not come, cancels that are repeated.
    fn tick_desk(&self) {
        let answer_ns =
            i64::try_from(self.config.answer_ms).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        let mut inner = lock(&self.shared);
        let now = inner.now();
        inner.desk.tick(now, answer_ns);
    }

    /// What does not hurry.
    fn beat(&mut self) -> Result<(), TradeError> {
        self.keeper.check().map_err(not_kept)?;
        self.tick_desk();
        {
            let mut inner = lock(&self.shared);
            let now = inner.now();
            if let Some(text) = inner.clock.take_set_back().and_then(set_back_notice) {
                self.note(text);
            }
            // A journal that fails halts trading; cancels still go out.
            drop(inner.desk.ledger_mut().tick(now, &Housekeeping::default()));
            for (at, heard) in self.heard.iter().enumerate() {
                let venue = VenueId(u16::try_from(at).unwrap_or(u16::MAX));
                let is_up = *heard > 0 && now.saturating_sub(*heard) < FEED_SILENCE_NS;
                inner.desk.feed_connected(venue, is_up, now);
            }
            inner.desk.tell_rates(now);
        }
        self.tell_profit();
        self.serve_operator();
        Ok(())
    }

    /// Ends orderly: open orders are cancelled if they are to be, and answers are waited for.
    fn farewell(&mut self, how: OnStop) {
        if how == OnStop::Cancel {
            let mut inner = lock(&self.shared);
            let now = inner.now();
            inner.desk.end_all(now);
        }
        let (began, mut next_beat) = (Instant::now(), Instant::now());
        let mut silent = crate::strategies::Silent;
        self.is_started = false;
        if self.config.replay {
            // The end goes on whatever fails.
            drop(self.pass(&mut silent, i64::MAX));
        }
        while !self.config.replay && began.elapsed() < FAREWELL && self.waits_for_answers(how) {
            if Instant::now() >= next_beat {
                next_beat = Instant::now() + BEAT;
                self.tick_desk();
            }
            // The end goes on whatever fails.
            if !matches!(self.step(&mut silent), Ok(true)) {
                std::thread::park_timeout(NAP);
            }
        }
        // Where orders were to end and have not, timers of venues still end them.
        let may_stay = how == OnStop::Keep || !self.waits_for_answers(how);
        {
            let mut inner = lock(&self.shared);
            let now = inner.now();
            inner.desk.stop(may_stay, now);
        }
        let began = Instant::now();
        while began.elapsed() < LAST_WORDS && lock(&self.shared).desk.in_flight() > 0 {
            if !matches!(self.step(&mut silent), Ok(true)) {
                std::thread::park_timeout(NAP);
            }
        }
    }

    fn waits_for_answers(&self, how: OnStop) -> bool {
        let inner = lock(&self.shared);
        let open = inner.desk.ledger().open_orders();
        let is_waiting = |order: &&rustonite_exec::Order| inner.desk.view(order).is_pending;
        match how {
            OnStop::Cancel => open.iter().any(|order| order.is_managed()),
            OnStop::Keep => open.iter().any(is_waiting),
        }
    }
}

/// What a person should know of a clock that was set back so far; nothing of what is hardly seen.
fn set_back_notice(ns: i64) -> Option<String> {
    let ms = ns / 1_000_000;
    let then = "time goes on here as if it had not been";
    (ms >= SET_BACK_MS_TOLD).then(|| format!("the clock was set back by {ms} ms: {then}"))
}

/// Whether a person took back what was set. A pause has no state of its own.
fn is_lifting(trip: &Trip) -> bool {
    trip.state == TradingState::Active && trip.code == Code::ReduceOnlyState
}

fn trip_notice(trip: &Trip, name: &str) -> String {
    let (code, state, place) = (trip.code.name(), trip.state.name(), place_of(trip, name));
    if is_lifting(trip) {
        return format!("{place}: the trading state is active again");
    }
    if trip.state == TradingState::Active {
        return format!("{place}: nothing is traded for a while, {code}");
    }
    if matches!(trip.code, Code::Halted | Code::CancelOnly | Code::ReduceOnlyState) {
        return format!("{place}: the trading state is {state}");
    }
    format!("{code} threw the switch of {place}: {state}")
}

fn place_of(trip: &Trip, name: &str) -> String {
    let scope = trip.scope().name();
    if name.is_empty() { scope.to_owned() } else { format!("{scope} {name}") }
}
