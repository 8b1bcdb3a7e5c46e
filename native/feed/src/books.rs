//! Books while they are recorded: what each verdict of a keeper writes, says and asks for.
//!
//! Changes are written as they come. Whenever a book becomes whole, and now and then while it is,
//! all of it is written as a picture, so that any stretch of the record can be rebuilt alone.

use std::mem;
use std::sync::atomic::Ordering;

use rustonite_book::{Anchor, Keeper, L2Book, L3Book, Renewal, Rules, Scope, State, Verdict};
use rustonite_core::datasets::{FeedEvent, flags};
use rustonite_tape::TapeError;
use rustonite_wire::{BookUpdate, Feed, OrdersUpdate};

use crate::events::Fact;
use crate::instrument::{BOOK_DELTAS, BOOK_ORDERS, DATASETS, Kept, Span, TRADES};
use crate::recording::{Asked, Recording, cut};
use crate::stats::Stats;
use crate::writing::Writing;

/// Crossed updates in a row after which a book is not believed any more.
const CROSSED_MAX: u64 = 500;

/// What is to be written after an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Write {
    Nothing,
    /// The rows of the message, and what it cut off.
    Message,
    /// The rows of the message, in front of which something is missing.
    AfterLoss,
    /// The whole book.
    Picture,
}

/// A verdict in the words of the record, the same for both sorts of book.
struct Judged {
    write: Write,
    loss: Option<Loss>,
    /// A picture must be asked for by REST.
    ask: bool,
    fact: Option<FeedEvent>,
    duplicate: bool,
}

/// Something is missing.
struct Loss {
    kind: FeedEvent,
    seq: Option<(i64, i64)>,
    missing: Option<i64>,
    detail: String,
}

impl Judged {
    fn writes(write: Write) -> Self {
        Self { write, loss: None, ask: false, fact: None, duplicate: false }
    }

    fn of(verdict: &Verdict, crossed: u64) -> Self {
        let nothing = || Self::writes(Write::Nothing);
        match verdict {
            Verdict::Applied if crossed > CROSSED_MAX => Self::crossed_for_long(crossed),
            Verdict::Applied => Self::writes(Write::Message),
            Verdict::Crossed => {
                Self { fact: Some(FeedEvent::Crossed), ..Self::writes(Write::Message) }
            }
            Verdict::Anchored { .. } => {
                Self { fact: Some(FeedEvent::Snapshot), ..Self::writes(Write::Picture) }
            }
            // By the stream it is still to come, by REST it was asked for: rows before a picture
            // are kept all the same, since they are what was received.
            Verdict::Buffered => Self { ask: true, ..Self::writes(Write::Message) },
            Verdict::Waiting | Verdict::KeepAlive => nothing(),
            Verdict::Old => Self { duplicate: true, ..nothing() },
            Verdict::StalePicture { .. } => Self { ask: true, ..nothing() },
            Verdict::Restarted(renewal) => {
                let write = match renewal {
                    Renewal::Continued => Write::Message,
                    Renewal::Replaced => Write::Picture,
                    Renewal::Emptied => Write::AfterLoss,
                };
                let ask = *renewal == Renewal::Emptied;
                Self { fact: Some(FeedEvent::Restart), ask, ..Self::writes(write) }
            }
            loss => Self { loss: Some(Loss::of(loss)), ..Self::writes(Write::AfterLoss) },
        }
    }

    fn crossed_for_long(crossed: u64) -> Self {
        let detail = format!("bid at or above ask for {crossed} updates");
        let loss = Loss { kind: FeedEvent::Crossed, seq: None, missing: None, detail };
        Self { loss: Some(loss), ..Self::writes(Write::AfterLoss) }
    }
}

impl Loss {
    fn of(verdict: &Verdict) -> Self {
        let plain = |kind, detail: String| Self { kind, seq: None, missing: None, detail };
        match verdict {
            Verdict::Gap { from, to, missing } => Self {
                kind: FeedEvent::Gap,
                seq: Some((*from, *to)),
                missing: *missing,
                detail: format!("update {from} was next"),
            },
            Verdict::ChecksumFailed { expected, found } => {
                let detail = format!("found {found}, the venue has {expected}");
                plain(FeedEvent::ChecksumFailed, detail)
            }
            Verdict::UnknownLevel { side, price } => {
                plain(FeedEvent::UnknownLevel, format!("{} {price}", side.name()))
            }
            Verdict::UnknownOrder(id) => plain(FeedEvent::UnknownLevel, format!("order {id:?}")),
            Verdict::Unfit(error) => plain(FeedEvent::Malformed, error.to_string()),
            _ => plain(FeedEvent::Malformed, "an update without its number".to_owned()),
        }
    }
}

/// What both sorts of keepers have.
pub(crate) trait AnyKeeper {
    fn rules(&self) -> Rules;
    fn is_live(&self) -> bool;
    fn lose(&mut self);
    fn verified(&self) -> u64;
}

macro_rules! any_keeper {
    ($($book:ty),*) => {
        $(impl AnyKeeper for Keeper<$book> {
            fn rules(&self) -> Rules {
                *Keeper::rules(self)
            }
            fn is_live(&self) -> bool {
                self.state() == State::Live
            }
            fn lose(&mut self) {
                Keeper::lose(self);
            }
            fn verified(&self) -> u64 {
                Keeper::verified(self)
            }
        })*
    };
}
any_keeper!(L2Book, L3Book);

impl Writing<'_> {
    /// An update of a book of levels.
    pub(crate) fn keep_book(&mut self, update: &BookUpdate<'_>) {
        let seq = update.seq;
        let place = self.noted(update.symbol, BOOK_DELTAS, seq, update.ts_event, update.flags);
        let Some(mut kept) = self.recording.instruments[place].book.take() else { return };
        let was_whole = is_whole(&kept);
        let verdict = kept.keeper.update(update);
        let judged = Judged::of(&verdict, kept.keeper.crossed());
        let written = match judged.write {
            Write::Nothing => Ok(0),
            Write::Message => self.recording.write_levels(update, kept.keeper.cut(), kept.mark()),
            Write::AfterLoss => self.recording.write_levels(update, &[], flags::GAP),
            Write::Picture => self.recording.write_picture(place, &mut kept, update, 0),
        };
        self.wrote_rows(written);
        kept.ts_event = update.ts_event;
        self.conclude_book(place, BOOK_DELTAS, &mut kept, judged, update.symbol, was_whole);
        self.recording.instruments[place].book = Some(kept);
    }

    /// An update of a book of orders.
    pub(crate) fn keep_orders(&mut self, update: &OrdersUpdate<'_>) {
        let seq = update.seq;
        let place = self.noted(update.symbol, BOOK_ORDERS, seq, update.ts_event, update.flags);
        let Some(mut kept) = self.recording.instruments[place].orders.take() else { return };
        let was_whole = is_whole(&kept);
        let verdict = kept.keeper.update(update);
        let judged = Judged::of(&verdict, kept.keeper.crossed());
        let written = match judged.write {
            Write::Nothing => Ok(0),
            Write::Message => self.recording.write_orders(update, kept.keeper.cut(), kept.mark()),
            Write::AfterLoss => self.recording.write_orders(update, &[], flags::GAP),
            Write::Picture => self.recording.write_orders_picture(place, &mut kept, update, 0),
        };
        self.wrote_rows(written);
        kept.ts_event = update.ts_event;
        self.conclude_book(place, BOOK_ORDERS, &mut kept, judged, update.symbol, was_whole);
        self.recording.instruments[place].orders = Some(kept);
    }

    fn wrote_rows(&mut self, written: Result<u64, TapeError>) {
        match written {
            Ok(rows) => self.rows += rows,
            Err(error) => self.wrote(Err(error)),
        }
    }

    /// Facts, requests and counters after an update.
    fn conclude_book<K: AnyKeeper>(
        &mut self,
        place: usize,
        dataset: usize,
        kept: &mut Kept<K>,
        judged: Judged,
        symbol: &str,
        was_whole: bool,
    ) {
        if judged.duplicate {
            Stats::add(&self.recording.stats.duplicates, 1);
            self.recording.instruments[place].spans[dataset].duplicates += 1;
        }
        if let Some(loss) = judged.loss {
            self.book_lost(place, dataset, kept, &loss, symbol, was_whole);
        } else if judged.ask {
            self.recording.ask_picture(kept, dataset, symbol);
        }
        self.book_fact(dataset, kept, judged.fact, symbol);
        if judged.fact == Some(FeedEvent::Snapshot) || (!was_whole && kept.keeper.is_live()) {
            self.recording.book_is_whole(place, dataset, kept, symbol, self.ts_recv);
        }
    }

    fn book_fact<K>(
        &mut self,
        dataset: usize,
        kept: &Kept<K>,
        kind: Option<FeedEvent>,
        symbol: &str,
    ) {
        let Some(kind) = kind else { return };
        let connection = self.state.as_ref().map(|state| state.number);
        let fact = Fact {
            symbol: Some(symbol),
            dataset: Some(DATASETS[dataset]),
            channel: Some(&kept.channel),
            connection,
            ..Fact::of(kind)
        };
        self.recording.pending_fact(&fact);
    }

    fn book_lost<K: AnyKeeper>(
        &mut self,
        place: usize,
        dataset: usize,
        kept: &mut Kept<K>,
        loss: &Loss,
        symbol: &str,
        was_whole: bool,
    ) {
        kept.keeper.lose_if_live();
        let connection = self.state.as_ref().map(|state| state.number);
        let proof = Proof::of_keeper(&kept.keeper, was_whole);
        let since = self.recording.break_span(place, dataset, self.ts_recv, proof);
        kept.lost_since.get_or_insert(since);
        Stats::add(&self.recording.stats.gaps, 1);
        let missing = loss.missing.and_then(|missing| u64::try_from(missing).ok());
        Stats::add(&self.recording.stats.missing, missing.unwrap_or(0));
        self.recording.pending_fact(&Fact {
            symbol: Some(symbol),
            dataset: Some(DATASETS[dataset]),
            channel: Some(&kept.channel),
            connection,
            ts_event: Some(since),
            span: Some((since, None)),
            seq: loss.seq,
            missing: loss.missing,
            detail: Some(cut(&loss.detail)),
            ..Fact::of(loss.kind)
        });
        self.resync(dataset, kept, symbol);
    }

    /// Does what brings a new picture.
    fn resync<K: AnyKeeper>(&mut self, dataset: usize, kept: &mut Kept<K>, symbol: &str) {
        Stats::add(&self.recording.stats.resyncs, 1);
        let rules = kept.keeper.rules();
        kept.asked = false;
        match (rules.scope, rules.anchor) {
            (Scope::Connection, _) => {
                let why = format!("{symbol}: the book must be rebuilt");
                self.ask(Asked::Reconnect(why));
            }
            (Scope::Instrument, Anchor::Rest) => self.recording.ask_picture(kept, dataset, symbol),
            (Scope::Instrument, Anchor::Subscription) => {
                let (channel, symbol) = (kept.channel.clone(), symbol.to_owned());
                self.ask(Asked::Again { channel, symbol });
            }
            (Scope::Instrument, Anchor::Message) => {}
        }
        self.recording.pending_fact(&Fact {
            symbol: Some(symbol),
            dataset: Some(DATASETS[dataset]),
            channel: Some(&kept.channel),
            ..Fact::of(FeedEvent::Resync)
        });
    }

    /// The codec says that a book cannot be right.
    pub(crate) fn lost(&mut self, symbol: &str, detail: &str) {
        let place = self.recording.instrument(symbol);
        let Some(mut kept) = self.recording.instruments[place].book.take() else { return };
        let loss = Loss {
            kind: FeedEvent::UnknownLevel,
            seq: None,
            missing: None,
            detail: detail.to_owned(),
        };
        if kept.keeper.is_live() {
            let was_whole = is_whole(&kept);
            self.book_lost(place, BOOK_DELTAS, &mut kept, &loss, symbol, was_whole);
        }
        self.recording.instruments[place].book = Some(kept);
    }
}

impl<K: AnyKeeper> Kept<K> {
    /// The flag of rows that come while something in front of them is missing.
    fn mark(&self) -> i32 {
        if self.lost_since.is_some() && !self.keeper.is_live() { flags::GAP } else { 0 }
    }

    /// Nothing comes any more.
    fn end(&mut self, since: i64, is_planned: bool) {
        self.keeper.lose();
        self.asked = false;
        if is_planned {
            self.lost_since = None;
        } else {
            self.lost_since.get_or_insert(since);
        }
    }
}

trait LoseIfLive {
    fn lose_if_live(&mut self);
}

impl<K: AnyKeeper> LoseIfLive for K {
    /// A keeper that found the loss itself waits already, with what it keeps for the next picture.
    fn lose_if_live(&mut self) {
        if self.is_live() {
            self.lose();
        }
    }
}

// What is known of completeness

impl Recording {
    fn ask_picture<K>(&mut self, kept: &mut Kept<K>, dataset: usize, symbol: &str) {
        if !kept.by_rest || mem::replace(&mut kept.asked, true) {
            return;
        }
        let symbol = symbol.to_owned();
        let by_order = dataset == BOOK_ORDERS;
        self.wanted.push_back(if by_order { Feed::Orders(symbol) } else { Feed::Book(symbol) });
    }

    /// A call of REST is over. What still waits asks again with its next message.
    pub(crate) fn call_ended(&mut self, feed: &Feed) {
        let (Feed::Book(symbol) | Feed::Orders(symbol)) = feed else { return };
        let place = self.instrument(symbol);
        let instrument = &mut self.instruments[place];
        if let Some(kept) = &mut instrument.book {
            kept.asked = false;
        }
        if let Some(kept) = &mut instrument.orders {
            kept.asked = false;
        }
    }

    fn book_is_whole<K>(
        &mut self,
        place: usize,
        dataset: usize,
        kept: &mut Kept<K>,
        symbol: &str,
        now: i64,
    ) {
        kept.asked = false;
        let span = &mut self.instruments[place].spans[dataset];
        *span = Span { from: now, ..Span::default() };
        let Some(since) = kept.lost_since.take() else { return };
        self.pending_fact(&Fact {
            symbol: Some(symbol),
            dataset: Some(DATASETS[dataset]),
            channel: Some(&kept.channel),
            ts_event: Some(since),
            span: Some((since, Some(now))),
            detail: Some("whole again"),
            ..Fact::of(FeedEvent::Gap)
        });
    }

    /// Ends what can be vouched for, and returns when it was whole last.
    pub(crate) fn break_span(
        &mut self,
        place: usize,
        dataset: usize,
        now: i64,
        proof: Proof,
    ) -> i64 {
        let span = mem::take(&mut self.instruments[place].spans[dataset]);
        if span.from == 0 {
            return now;
        }
        // A message that shows the loss was counted already: the span ends with the one before it.
        let until = if span.last == now { span.before.max(span.from) } else { span.last };
        let until = until.max(span.from);
        self.vouch_for(place, dataset, &span, until, proof);
        until
    }

    /// Data of a topic do not come any more.
    pub(crate) fn lose(&mut self, place: usize, channel: &str, dataset: &str, why: &str) {
        self.end_data(place, channel, dataset, why, false);
    }

    /// The same; a planned end is no loss.
    pub(crate) fn end_data(
        &mut self,
        place: usize,
        channel: &str,
        dataset: &str,
        why: &str,
        is_planned: bool,
    ) {
        let Some(dataset) = DATASETS.iter().position(|name| *name == dataset) else { return };
        let now = self.now();
        let since = self.break_span(place, dataset, now, self.proof(place, dataset));
        let instrument = &mut self.instruments[place];
        match dataset {
            BOOK_DELTAS => {
                let Some(kept) = &mut instrument.book else { return };
                kept.end(since, is_planned);
            }
            BOOK_ORDERS => {
                let Some(kept) = &mut instrument.orders else { return };
                kept.end(since, is_planned);
            }
            // Their ids will show what is missing.
            TRADES if instrument.trades_step => return,
            _ if is_planned => return,
            _ => instrument.lost_since[dataset] = Some(since),
        }
        if is_planned {
            return;
        }
        let symbol = instrument.symbol.clone();
        self.pending_fact(&Fact {
            symbol: Some(&symbol),
            dataset: Some(DATASETS[dataset]),
            channel: Some(channel),
            ts_event: Some(since),
            span: Some((since, None)),
            detail: Some(why),
            ..Fact::of(FeedEvent::Gap)
        });
    }

    /// Rows of any book may be missing from the tapes.
    pub(crate) fn lose_all(&mut self, why: &str) {
        for place in 0..self.instruments.len() {
            let instrument = &self.instruments[place];
            let l2 = instrument.book.as_ref().map(|kept| kept.channel.clone());
            let l3 = instrument.orders.as_ref().map(|kept| kept.channel.clone());
            if let Some(channel) = l2 {
                self.lose(place, &channel, DATASETS[BOOK_DELTAS], why);
            }
            if let Some(channel) = l3 {
                self.lose(place, &channel, DATASETS[BOOK_ORDERS], why);
            }
        }
    }

    /// Says of each instrument and dataset whether the interval is whole.
    pub(crate) fn vouch(&mut self, now: i64) {
        for place in 0..self.instruments.len() {
            for dataset in 0..DATASETS.len() {
                let span = self.instruments[place].spans[dataset];
                if span.from == 0 {
                    continue;
                }
                self.vouch_for(place, dataset, &span, now, self.proof(place, dataset));
                // What nothing carries is vouched for as long as something came, as by REST.
                let goes_on = span.count > 0 || self.instruments[place].is_carried();
                let from = if goes_on { now } else { 0 };
                self.instruments[place].spans[dataset] = Span { from, ..Span::default() };
            }
        }
    }

    /// What is known of an instrument's data at the moment.
    pub(crate) fn proof(&self, place: usize, dataset: usize) -> Proof {
        let instrument = &self.instruments[place];
        match dataset {
            TRADES => {
                Proof { is_checked: instrument.trades_step, is_whole: true, ..Proof::default() }
            }
            BOOK_DELTAS => instrument.book.as_ref().map(Proof::of_book).unwrap_or_default(),
            BOOK_ORDERS => instrument.orders.as_ref().map(Proof::of_book).unwrap_or_default(),
            _ => Proof { is_whole: true, ..Proof::default() },
        }
    }

    fn vouch_for(&mut self, place: usize, dataset: usize, span: &Span, until: i64, proof: Proof) {
        if !proof.is_whole {
            return;
        }
        let instrument = &self.instruments[place];
        let symbol = instrument.symbol.clone();
        let fact = |kind| Fact {
            symbol: Some(&symbol),
            dataset: Some(DATASETS[dataset]),
            ts_event: Some(span.from),
            span: Some((span.from, Some(until))),
            ..Fact::of(kind)
        };
        let (kind, detail) = match proof {
            Proof { is_checked: true, .. } => (FeedEvent::Clean, None),
            Proof { is_top_checked: true, .. } => {
                (FeedEvent::Unverifiable, Some("checksums of the best levels agree"))
            }
            _ => (FeedEvent::Unverifiable, None),
        };
        self.pending_fact(&Fact { seq: span.seq, count: Some(span.count), detail, ..fact(kind) });
        if span.duplicates > 0 {
            self.pending_fact(&Fact { count: Some(span.duplicates), ..fact(FeedEvent::Duplicate) });
        }
    }

    /// Writes a picture of one book that has had none for long. One at a time, so that many books do
    /// not hold up what arrives.
    pub(crate) fn anchor_books(&mut self, now: i64, every_ns: i64) {
        let due = |anchored: i64| anchored > 0 && now - anchored >= every_ns;
        let found = self.instruments.iter().position(|instrument| {
            instrument.book.as_ref().is_some_and(|kept| due(kept.anchored) && kept.keeper.is_live())
                || instrument
                    .orders
                    .as_ref()
                    .is_some_and(|kept| due(kept.anchored) && kept.keeper.is_live())
        });
        let Some(place) = found else { return };
        let written = self.anchor_levels(place, now, every_ns);
        let written = written.and(self.anchor_orders(place, now, every_ns));
        self.keep_or_take_back(written);
    }

    fn anchor_levels(&mut self, place: usize, now: i64, every_ns: i64) -> Result<u64, TapeError> {
        let Some(mut kept) = self.instruments[place].book.take() else { return Ok(0) };
        let mut written = Ok(0);
        if kept.keeper.is_live() && now - kept.anchored >= every_ns {
            let ts_event = kept.ts_event;
            let update = BookUpdate { ts_event, ts_recv: now, ..BookUpdate::default() };
            written = self.write_picture(place, &mut kept, &update, flags::INFERRED);
        }
        self.instruments[place].book = Some(kept);
        written
    }

    fn anchor_orders(&mut self, place: usize, now: i64, every_ns: i64) -> Result<u64, TapeError> {
        let Some(mut kept) = self.instruments[place].orders.take() else { return Ok(0) };
        let mut written = Ok(0);
        if kept.keeper.is_live() && now - kept.anchored >= every_ns {
            let ts_event = kept.ts_event;
            let update = OrdersUpdate { ts_event, ts_recv: now, ..OrdersUpdate::default() };
            written = self.write_orders_picture(place, &mut kept, &update, flags::INFERRED);
        }
        self.instruments[place].orders = Some(kept);
        written
    }

    /// Counts books for those who watch.
    pub(crate) fn count_books(&mut self) {
        let carried = || self.instruments.iter().filter(|one| one.is_carried());
        let l2 = carried().filter_map(|one| one.book.as_ref());
        let l3 = carried().filter_map(|one| one.orders.as_ref());
        let lives =
            l2.map(|kept| kept.keeper.is_live()).chain(l3.map(|kept| kept.keeper.is_live()));
        let (mut live, mut waiting) = (0, 0);
        lives.for_each(|is_live| *(if is_live { &mut live } else { &mut waiting }) += 1);
        self.stats.books_live.store(live, Ordering::Relaxed);
        self.stats.books_waiting.store(waiting, Ordering::Relaxed);
    }
}

/// What can be said of a span.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Proof {
    /// A loss would have been noticed.
    is_checked: bool,
    /// The best levels agree with the venue's checksums.
    is_top_checked: bool,
    /// Nothing that is needed is missing.
    is_whole: bool,
}

impl Proof {
    fn of_book<K: AnyKeeper>(kept: &Kept<K>) -> Self {
        Self::of_keeper(&kept.keeper, is_whole(kept))
    }

    /// What a keeper checks. A checksum that was never sent proves nothing.
    fn of_keeper<K: AnyKeeper>(keeper: &K, is_whole: bool) -> Self {
        let rules = keeper.rules();
        let by_sum_only = rules.scheme == rustonite_book::Scheme::Checksum;
        let is_summed = keeper.verified() > 0;
        let is_checked = rules.is_verifiable() && (!by_sum_only || is_summed);
        Self { is_checked, is_top_checked: rules.sums_top && is_summed, is_whole }
    }
}

fn is_whole<K: AnyKeeper>(kept: &Kept<K>) -> bool {
    kept.keeper.is_live() && kept.lost_since.is_none()
}
