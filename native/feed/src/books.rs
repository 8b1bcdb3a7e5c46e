//! Books while they are recorded: what each verdict of a keeper writes, says and asks for.
//!
//! Changes are written as they come. Whenever a book becomes whole, and now and then while it is,
//! all of it is written as a picture, so that any stretch of the record can be rebuilt alone.

use std::mem;
use std::sync::atomic::Ordering;

use rustonite_book::{Anchor, Kept as Book, L2Book, L3Book, Renewal, Scope, Verdict};
use rustonite_core::datasets::{FeedEvent, flags};
use rustonite_tape::TapeError;
use rustonite_wire::{BookUpdate, Feed, OrdersUpdate};

use crate::events::Fact;
use crate::instrument::{BOOK_DELTAS, BOOK_ORDERS, BookState, DATASETS, Kept, Whose};
use crate::recording::{Asked, Recording, cut};
use crate::spans::Proof;
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
            Verdict::Restarted(Renewal::Continued) => {
                Self { fact: Some(FeedEvent::Restart), ..Self::writes(Write::Message) }
            }
            Verdict::Restarted(Renewal::Replaced) => {
                Self { fact: Some(FeedEvent::Restart), ..Self::writes(Write::Picture) }
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
            Verdict::Restarted(_) => plain(FeedEvent::Restart, "the book begins anew".to_owned()),
            _ => plain(FeedEvent::Malformed, "an update without its number".to_owned()),
        }
    }
}

impl Writing<'_> {
    /// An update of a book of levels.
    pub(crate) fn keep_book(&mut self, update: &BookUpdate<'_>) {
        let place =
            self.noted(update.symbol, BOOK_DELTAS, update.seq, update.ts_event, update.flags);
        let Some(mut kept) = self.recording.instruments[place].book.take() else { return };
        if self.is_to_be_kept(place, BOOK_DELTAS, &mut kept, update.symbol, update.is_snapshot) {
            self.keep_levels(place, &mut kept, update);
        }
        self.recording.instruments[place].book = Some(kept);
    }

    fn keep_levels(&mut self, place: usize, kept: &mut Kept<L2Book>, update: &BookUpdate<'_>) {
        let was_whole = kept.is_whole();
        let verdict = kept.keeper.update(update);
        let judged = Judged::of(&verdict, kept.keeper.crossed());
        let mark = kept.state.mark(update.is_snapshot);
        let written = match judged.write {
            Write::Nothing => Ok(0),
            Write::Message => self.recording.write_levels(update, kept.keeper.cut(), mark),
            Write::AfterLoss => self.recording.write_levels(update, &[], flags::GAP),
            Write::Picture => self.recording.write_picture(place, kept, update, 0),
        };
        self.wrote_rows(written);
        kept.state.ts_event = update.ts_event;
        self.conclude_book(place, BOOK_DELTAS, kept, judged, update.symbol, was_whole);
    }

    /// An update of a book of orders.
    pub(crate) fn keep_orders(&mut self, update: &OrdersUpdate<'_>) {
        let place =
            self.noted(update.symbol, BOOK_ORDERS, update.seq, update.ts_event, update.flags);
        let Some(mut kept) = self.recording.instruments[place].orders.take() else { return };
        if self.is_to_be_kept(place, BOOK_ORDERS, &mut kept, update.symbol, update.is_snapshot) {
            self.keep_each_order(place, &mut kept, update);
        }
        self.recording.instruments[place].orders = Some(kept);
    }

    fn keep_each_order(
        &mut self,
        place: usize,
        kept: &mut Kept<L3Book>,
        update: &OrdersUpdate<'_>,
    ) {
        let was_whole = kept.is_whole();
        let verdict = kept.keeper.update(update);
        let judged = Judged::of(&verdict, kept.keeper.crossed());
        let mark = kept.state.mark(update.is_snapshot);
        let written = match judged.write {
            Write::Nothing => Ok(0),
            Write::Message => self.recording.write_orders(update, kept.keeper.cut(), mark),
            Write::AfterLoss => self.recording.write_orders(update, &[], flags::GAP),
            Write::Picture => self.recording.write_orders_picture(place, kept, update, 0),
        };
        self.wrote_rows(written);
        kept.state.ts_event = update.ts_event;
        self.conclude_book(place, BOOK_ORDERS, kept, judged, update.symbol, was_whole);
    }

    /// Whether an update is for the book, and not a copy or the answer to an old question.
    #[inline]
    fn is_to_be_kept<B: Book>(
        &mut self,
        place: usize,
        dataset: usize,
        kept: &mut Kept<B>,
        symbol: &str,
        is_picture: bool,
    ) -> bool {
        let Some(connection) = self.connection() else {
            if self.asked_at >= kept.state.restarted {
                return true;
            }
            kept.state.asked = false;
            self.recording.ask_picture(kept, dataset, symbol);
            return false;
        };
        match kept.whose(connection, is_picture) {
            Whose::Ours => true,
            Whose::Copy => {
                self.duplicate(place, dataset);
                false
            }
            Whose::Heir => {
                self.resync(dataset, kept, symbol);
                false
            }
        }
    }

    fn wrote_rows(&mut self, written: Result<u64, TapeError>) {
        match written {
            Ok(rows) => self.rows += rows,
            Err(error) => self.wrote(Err(error)),
        }
    }

    /// Facts, requests and counters after an update.
    fn conclude_book<B: Book>(
        &mut self,
        place: usize,
        dataset: usize,
        kept: &mut Kept<B>,
        judged: Judged,
        symbol: &str,
        was_whole: bool,
    ) {
        if judged.duplicate {
            self.duplicate(place, dataset);
        }
        if judged.write != Write::Nothing {
            self.recording.touched.push((place, dataset));
        }
        if let Some(loss) = judged.loss {
            self.book_lost(place, dataset, kept, &loss, symbol, was_whole);
        } else if judged.ask {
            self.recording.ask_picture(kept, dataset, symbol);
        }
        self.book_fact(dataset, &kept.state, judged.fact, symbol);
        let is_picture =
            judged.write == Write::Picture || kept.keeper.rules().anchor == Anchor::Message;
        if !was_whole && is_picture && kept.is_live() {
            self.recording.book_is_whole(place, dataset, &mut kept.state, symbol, self.ts_recv);
        }
    }

    fn book_fact(
        &mut self,
        dataset: usize,
        state: &BookState,
        kind: Option<FeedEvent>,
        symbol: &str,
    ) {
        let Some(kind) = kind else { return };
        let connection = self.connection();
        self.recording.pending_fact(&Fact {
            symbol: Some(symbol),
            dataset: Some(DATASETS[dataset]),
            channel: Some(&state.channel),
            connection,
            ..Fact::of(kind)
        });
    }

    fn book_lost<B: Book>(
        &mut self,
        place: usize,
        dataset: usize,
        kept: &mut Kept<B>,
        loss: &Loss,
        symbol: &str,
        was_whole: bool,
    ) {
        // A keeper that found the loss itself waits already, with what it keeps for the next picture.
        if kept.is_live() {
            kept.keeper.lose();
        }
        if loss.kind == FeedEvent::Restart {
            kept.state.restarted = self.ts_recv;
        }
        let connection = self.connection();
        let proof = Proof::of_book(kept).given(was_whole);
        let since = self.recording.break_span(place, dataset, self.ts_recv, proof);
        kept.state.lost_since.get_or_insert(since);
        Stats::add(&self.recording.stats.gaps, 1);
        let missing = loss.missing.and_then(|missing| u64::try_from(missing).ok());
        Stats::add(&self.recording.stats.missing, missing.unwrap_or(0));
        self.recording.pending_fact(&Fact {
            symbol: Some(symbol),
            dataset: Some(DATASETS[dataset]),
            channel: Some(&kept.state.channel),
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
    fn resync<B: Book>(&mut self, dataset: usize, kept: &mut Kept<B>, symbol: &str) {
        Stats::add(&self.recording.stats.resyncs, 1);
        let rules = kept.keeper.rules();
        kept.state.asked = false;
        match (rules.scope, rules.anchor) {
            (Scope::Connection, _) => {
                let why = format!("{symbol}: the book must be rebuilt");
                self.ask(Asked::Reconnect(why));
            }
            (Scope::Instrument, Anchor::Rest) => self.recording.ask_picture(kept, dataset, symbol),
            (Scope::Instrument, Anchor::Subscription) => {
                let (channel, symbol) = (kept.state.channel.clone(), symbol.to_owned());
                self.ask(Asked::Again { channel, symbol });
            }
            (Scope::Instrument, Anchor::Message) => {}
        }
        self.book_fact(dataset, &kept.state, Some(FeedEvent::Resync), symbol);
    }

    /// The codec says that the books of an instrument cannot be right.
    pub(crate) fn lost(&mut self, symbol: &str, detail: &str) {
        let place = self.recording.instrument(symbol);
        if let Some(mut kept) = self.recording.instruments[place].book.take() {
            self.told_lost(place, BOOK_DELTAS, &mut kept, symbol, detail);
            self.recording.instruments[place].book = Some(kept);
        }
        if let Some(mut kept) = self.recording.instruments[place].orders.take() {
            self.told_lost(place, BOOK_ORDERS, &mut kept, symbol, detail);
            self.recording.instruments[place].orders = Some(kept);
        }
    }

    fn told_lost<B: Book>(
        &mut self,
        place: usize,
        dataset: usize,
        kept: &mut Kept<B>,
        symbol: &str,
        detail: &str,
    ) {
        if !kept.is_live() {
            return;
        }
        let detail = detail.to_owned();
        let loss = Loss { kind: FeedEvent::UnknownLevel, seq: None, missing: None, detail };
        let was_whole = kept.is_whole();
        self.book_lost(place, dataset, kept, &loss, symbol, was_whole);
    }
}

impl BookState {
    /// The flag of rows that come while something in front of them is missing.
    fn mark(&self, is_picture: bool) -> i32 {
        if self.lost_since.is_some() && !is_picture { flags::GAP } else { 0 }
    }
}

// Pictures

impl Recording {
    fn ask_picture<B: Book>(&mut self, kept: &mut Kept<B>, dataset: usize, symbol: &str) {
        let by_rest = kept.keeper.rules().anchor == Anchor::Rest;
        if !by_rest || mem::replace(&mut kept.state.asked, true) {
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
        for dataset in [BOOK_DELTAS, BOOK_ORDERS] {
            if let Some(state) = self.instruments[place].book_state(dataset) {
                state.asked = false;
            }
        }
    }

    /// Writes a picture of one book that has had none for long. One at a time, so that many books do
    /// not hold up what arrives.
    pub(crate) fn anchor_books(&mut self, now: i64, every_ns: i64) {
        let found = self.instruments.iter().position(|instrument| {
            instrument.book.as_ref().is_some_and(|kept| kept.is_due(now, every_ns))
                || instrument.orders.as_ref().is_some_and(|kept| kept.is_due(now, every_ns))
        });
        let Some(place) = found else { return };
        let levels = self.anchor_levels(place, now, every_ns);
        let orders = self.anchor_orders(place, now, every_ns);
        let _ = self.keep_or_take_back(levels.and_then(|levels| Ok(levels + orders?)));
    }

    fn anchor_levels(&mut self, place: usize, now: i64, every_ns: i64) -> Result<u64, TapeError> {
        let Some(mut kept) = self.instruments[place].book.take() else { return Ok(0) };
        let mut written = Ok(0);
        if kept.is_due(now, every_ns) {
            let ts_event = kept.state.ts_event;
            let update = BookUpdate { ts_event, ts_recv: now, ..BookUpdate::default() };
            written = self.write_picture(place, &mut kept, &update, flags::INFERRED);
            self.anchored(place, BOOK_DELTAS, &mut kept.state, now);
        }
        self.instruments[place].book = Some(kept);
        written
    }

    fn anchor_orders(&mut self, place: usize, now: i64, every_ns: i64) -> Result<u64, TapeError> {
        let Some(mut kept) = self.instruments[place].orders.take() else { return Ok(0) };
        let mut written = Ok(0);
        if kept.is_due(now, every_ns) {
            let ts_event = kept.state.ts_event;
            let update = OrdersUpdate { ts_event, ts_recv: now, ..OrdersUpdate::default() };
            written = self.write_orders_picture(place, &mut kept, &update, flags::INFERRED);
            self.anchored(place, BOOK_ORDERS, &mut kept.state, now);
        }
        self.instruments[place].orders = Some(kept);
        written
    }

    /// A picture of a book that we hold makes its record whole again. Should the tape refuse it, all
    /// books are taken for unwritten.
    fn anchored(&mut self, place: usize, dataset: usize, state: &mut BookState, now: i64) {
        if state.lost_since.is_some() {
            let symbol = self.instruments[place].symbol.clone();
            self.book_is_whole(place, dataset, state, &symbol, now);
        }
    }

    /// Counts books for those who watch.
    pub(crate) fn count_books(&mut self) {
        let carried = || self.instruments.iter().filter(|one| one.is_carried());
        let l2 = carried().filter_map(|one| one.book.as_ref().map(Kept::is_live));
        let l3 = carried().filter_map(|one| one.orders.as_ref().map(Kept::is_live));
        let (mut live, mut waiting) = (0, 0);
        l2.chain(l3).for_each(|is_live| *(if is_live { &mut live } else { &mut waiting }) += 1);
        self.stats.books_live.store(live, Ordering::Relaxed);
        self.stats.books_waiting.store(waiting, Ordering::Relaxed);
    }
}

impl<B: Book> Kept<B> {
    fn is_due(&self, now: i64, every_ns: i64) -> bool {
        let anchored = self.state.anchored;
        // Also if the clock was set back.
        anchored > 0 && !(0..every_ns).contains(&(now - anchored)) && self.is_live()
    }
}
