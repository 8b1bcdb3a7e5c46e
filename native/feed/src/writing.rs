//! Rows of one message on their way to the tapes.

use std::hash::BuildHasher as _;
use std::mem;
use std::sync::atomic::Ordering;

use rustonite_core::datasets::{FeedEvent, draft, flags};
use rustonite_tape::TapeError;
use rustonite_wire::{Answer, BookUpdate, Control, OrdersUpdate, Sink, Topic};

use crate::events::Fact;
use crate::instrument::{BARS, BOOK_SNAPSHOTS, DATASETS, LIQUIDATIONS, QUOTES, TICKERS, TRADES};
use crate::recording::{Asked, Recording, Socketed, cut};
use crate::spans::Proof;
use crate::stats::Stats;
use crate::trade_ids::{TradeId, TradeKey};

/// Older quotes in a row after which their numbers must have started anew.
const OLD_QUOTES_MAX: u32 = 1_000;

/// Takes what a codec finds.
pub(crate) struct Writing<'a> {
    pub(crate) recording: &'a mut Recording,
    /// The connection, or `None` for an answer of REST.
    pub(crate) state: Option<&'a mut Socketed>,
    /// When an answer of REST was asked for.
    pub(crate) asked_at: i64,
    pub(crate) ts_recv: i64,
    pub(crate) rows: u64,
    failure: Option<TapeError>,
}

impl<'a> Writing<'a> {
    pub(crate) fn new(
        recording: &'a mut Recording,
        state: Option<&'a mut Socketed>,
        asked_at: i64,
        ts_recv: i64,
    ) -> Self {
        recording.touched.clear();
        recording.defined.clear();
        Self { recording, state, asked_at, ts_recv, rows: 0, failure: None }
    }

    /// How many rows there were, or the first error of a tape.
    pub(crate) fn finish(self) -> Result<u64, TapeError> {
        self.failure.map_or(Ok(self.rows), Err)
    }

    /// Takes note of a row that was given to a tape.
    #[inline]
    pub(crate) fn wrote(&mut self, done: Result<(), TapeError>) {
        match done {
            Ok(()) => self.rows += 1,
            Err(error) => {
                self.failure.get_or_insert(error);
            }
        }
    }

    /// The place of a row's instrument, after taking note of its message.
    #[inline]
    pub(crate) fn noted(
        &mut self,
        symbol: &str,
        dataset: usize,
        seq: Option<i64>,
        ts_event: i64,
        row_flags: i32,
    ) -> usize {
        let place = self.recording.instrument(symbol);
        if let Some(state) = &mut self.state {
            let number = state.number;
            if state.note_data(place, dataset) {
                self.first_data(place, dataset, number);
            }
        }
        if !self.recording.instruments[place].heard {
            self.recording.first_heard(place);
        }
        let is_dropping = self.recording.drops_rows();
        let instrument = &mut self.recording.instruments[place];
        instrument.had_data[dataset] = true;
        // While rows are refused nothing is whole, whatever comes.
        if !is_dropping {
            instrument.spans[dataset].add(self.ts_recv, seq);
            if let Some(since) = instrument.lost_since[dataset].take() {
                self.found_again(place, dataset, since);
            }
        }
        if row_flags & (flags::LOCAL_TIME | flags::STALE) == 0 {
            let delay = self.ts_recv.saturating_sub(ts_event);
            self.recording.stats.delay_ns.store(delay, Ordering::Relaxed);
        }
        place
    }

    #[cold]
    fn first_data(&mut self, place: usize, dataset: usize, connection: i64) {
        let symbol = self.recording.instruments[place].symbol.clone();
        self.recording.pending_fact(&Fact {
            symbol: Some(&symbol),
            dataset: Some(DATASETS[dataset]),
            connection: Some(connection),
            ts_event: Some(self.ts_recv),
            ..Fact::of(FeedEvent::FirstData)
        });
    }

    /// Data come again of which there were none since a connection ended.
    #[cold]
    fn found_again(&mut self, place: usize, dataset: usize, since: i64) {
        let symbol = self.recording.instruments[place].symbol.clone();
        self.recording.pending_fact(&Fact {
            symbol: Some(&symbol),
            dataset: Some(DATASETS[dataset]),
            ts_event: Some(since),
            span: Some((since, Some(self.ts_recv))),
            ..Fact::of(FeedEvent::Gap)
        });
    }

    pub(crate) fn duplicate(&mut self, place: usize, dataset: usize) {
        Stats::add(&self.recording.stats.duplicates, 1);
        self.recording.instruments[place].spans[dataset].duplicates += 1;
    }

    /// Whether data without a number are a copy of what another connection brings; then they are
    /// counted as that.
    #[inline]
    fn is_copy(&mut self, place: usize, dataset: usize) -> bool {
        let Some(connection) = self.connection() else { return false };
        let owner = self.recording.instruments[place].owner(dataset, connection);
        let is_copy = owner != connection && self.recording.carries_all(place, owner, connection);
        if is_copy {
            self.duplicate(place, dataset);
        }
        is_copy
    }

    #[inline]
    pub(crate) fn connection(&self) -> Option<i64> {
        self.state.as_ref().map(|state| state.number)
    }

    pub(crate) fn ask(&mut self, asked: Asked) {
        if let Some(state) = &mut self.state {
            state.asked.push_back(asked);
        }
    }

    /// Trades are missing.
    fn trades_lost(&mut self, place: usize, first: i64, last: i64) {
        let missing = last - first + 1;
        Stats::add(&self.recording.stats.gaps, 1);
        Stats::add(&self.recording.stats.missing, u64::try_from(missing).unwrap_or(0));
        let connection = self.connection();
        let symbol = self.recording.instruments[place].symbol.clone();
        let proof = self.recording.proof(place, TRADES);
        let since = match mem::take(&mut self.recording.instruments[place].trades_until) {
            0 => self.recording.break_span(place, TRADES, self.ts_recv, proof),
            until => until,
        };
        self.recording.pending_fact(&Fact {
            symbol: Some(&symbol),
            dataset: Some(DATASETS[TRADES]),
            connection,
            ts_event: Some(since),
            span: Some((since, Some(self.ts_recv))),
            seq: Some((first, last)),
            missing: Some(missing),
            ..Fact::of(FeedEvent::Gap)
        });
    }

    /// Trades are counted anew. Some were taken for old ones before that was clear.
    #[cold]
    fn trades_restarted(&mut self, place: usize) {
        let connection = self.connection();
        let symbol = self.recording.instruments[place].symbol.clone();
        let since = self.recording.break_span(place, TRADES, self.ts_recv, Proof::default());
        self.recording.instruments[place].trade_told = None;
        let fact = |kind| Fact {
            symbol: Some(&symbol),
            dataset: Some(DATASETS[TRADES]),
            connection,
            ..Fact::of(kind)
        };
        self.recording.pending_fact(&fact(FeedEvent::Restart));
        self.recording.pending_fact(&Fact {
            ts_event: Some(since),
            span: Some((since, Some(self.ts_recv))),
            detail: Some("ids began anew, and what came until that was clear was left out"),
            ..fact(FeedEvent::Gap)
        });
    }

    /// Whether a quote is older than one that we have, as on a second connection.
    fn is_old_quote(&mut self, place: usize, row: &draft::Quotes<'_>) -> bool {
        let Some(seq) = row.seq else { return false };
        let known = &mut self.recording.instruments[place].quote;
        let local = row.flags & flags::LOCAL_TIME != 0;
        if let Some((newest, time, left_out)) = known
            && seq <= *newest
            && (local || row.ts_event <= *time)
            && *left_out < OLD_QUOTES_MAX
        {
            *left_out += 1;
            return true;
        }
        *known = Some((seq, row.ts_event, 0));
        false
    }
}

impl Sink for Writing<'_> {
    fn trade(&mut self, row: &draft::Trades<'_>) {
        let place = self.noted(row.symbol, TRADES, row.trade_id, row.ts_event, row.flags);
        let is_named = row.trade_id.is_some() || row.trade_uid.is_some();
        if !is_named && self.is_copy(place, TRADES) {
            return;
        }
        let instrument = &mut self.recording.instruments[place];
        let id = if let Some(id) = row.trade_id.filter(|_| instrument.trades_step) {
            instrument.trades.number(id)
        } else {
            let key = TradeKey::new(row.ts_event, row.trade_id, row.trade_uid, row.flags);
            instrument.trades.key(key)
        };
        let mut row = *row;
        match id {
            TradeId::Seen => return self.duplicate(place, TRADES),
            TradeId::After { first_missing, last_missing } if row.flags & flags::STALE == 0 => {
                row.flags |= flags::GAP;
                // Some of them may have been told of already.
                let told = instrument.trade_told.map_or(first_missing, |told| told + 1);
                let first = first_missing.max(told);
                if first <= last_missing {
                    self.trades_lost(place, first, last_missing);
                }
            }
            TradeId::Restarted => self.trades_restarted(place),
            _ => {}
        }
        self.recording.instruments[place].trades_until = 0;
        let done = self.recording.tapes.trades(&row);
        self.wrote(done);
    }

    fn quote(&mut self, row: &draft::Quotes<'_>) {
        let place = self.noted(row.symbol, QUOTES, row.seq, row.ts_event, row.flags);
        if row.seq.is_none() && self.is_copy(place, QUOTES) {
            return;
        }
        if self.is_old_quote(place, row) {
            return self.duplicate(place, QUOTES);
        }
        let done = self.recording.tapes.quotes(row);
        self.wrote(done);
    }

    fn book(&mut self, update: &BookUpdate<'_>) {
        self.keep_book(update);
    }

    fn orders(&mut self, update: &OrdersUpdate<'_>) {
        self.keep_orders(update);
    }

    fn top(&mut self, row: &draft::BookSnapshots<'_>) {
        let place = self.noted(row.symbol, BOOK_SNAPSHOTS, row.seq, row.ts_event, row.flags);
        if self.is_copy(place, BOOK_SNAPSHOTS) {
            return;
        }
        let done = self.recording.tapes.book_snapshots(row);
        self.wrote(done);
    }

    fn ticker(&mut self, row: &draft::Tickers<'_>) {
        let place = self.noted(row.symbol, TICKERS, None, row.ts_event, row.flags);
        if self.is_copy(place, TICKERS) {
            return;
        }
        let done = self.recording.tapes.tickers(row);
        self.wrote(done);
    }

    fn liquidation(&mut self, row: &draft::Liquidations<'_>) {
        let place = self.noted(row.symbol, LIQUIDATIONS, None, row.ts_event, row.flags);
        if self.is_copy(place, LIQUIDATIONS) {
            return;
        }
        let done = self.recording.tapes.liquidations(row);
        self.wrote(done);
    }

    fn bar(&mut self, row: &draft::Bars<'_>) {
        let place = self.noted(row.symbol, BARS, None, row.ts_event, row.flags);
        if self.is_copy(place, BARS) {
            return;
        }
        let mut row = *row;
        row.revision = self.recording.instruments[place].revision(row.interval, row.ts_open);
        let done = self.recording.tapes.bars(&row);
        self.wrote(done);
    }

    fn instrument(&mut self, row: &draft::Instruments<'_>) {
        let place = self.recording.instrument(row.symbol);
        // Written when it is new or changed; times do not count.
        let timeless = draft::Instruments { ts_event: 0, ts_recv: 0, ..*row };
        let hash = foldhash::quality::FixedState::default().hash_one(format!("{timeless:?}"));
        if self.recording.instruments[place].definition == hash {
            return;
        }
        self.recording.defined.push((place, hash));
        let done = self.recording.tapes.instruments(row);
        self.wrote(done);
    }

    fn control(&mut self, control: &Control<'_>) {
        match *control {
            Control::Subscribed(answer) => {
                let (request, topic) = asked_about(&answer);
                self.ask(Asked::Acknowledged { request, topic });
            }
            Control::KeysRefused { code, text } => {
                let problem = format!("keys refused: {text}");
                self.recording.stats.problem(self.recording.venue, Some(problem));
                self.told(FeedEvent::AuthFailed, code, text);
            }
            Control::Refused(answer) => {
                let (request, topic) = asked_about(&answer);
                let text = match (answer.code, answer.text.unwrap_or("without a reason")) {
                    (Some(code), text) => format!("{code}: {text}"),
                    (None, text) => text.to_owned(),
                };
                if self.state.is_none() {
                    self.recording.call_named_unknown(&topic, &text);
                }
                self.ask(Asked::Refused { request, topic, text });
            }
            Control::Reply(text) => self.ask(Asked::Reply(text.to_owned())),
            Control::Sequence(number) => self.sequence(number),
            // How long an answer took is not known from its frames.
            Control::Time { at, step } if self.recording.is_live() => self.venue_time(at, step),
            Control::LastTrade { symbol, trade_id } => self.last_trade(symbol, trade_id),
            Control::Lost { symbol, detail } => self.lost(symbol, detail),
            Control::Shutdown(text) => {
                self.told(FeedEvent::ShutdownAnnounced, None, text);
                self.ask(Asked::Leave);
            }
            Control::Status(text) => self.told(FeedEvent::VenueStatus, None, text),
            Control::Error { code, text } => self.told(FeedEvent::VenueError, code, text),
            Control::More(request) => self.recording.more.push(request.clone()),
            Control::Unknown(name) => {
                Stats::add(&self.recording.stats.unknown, 1);
                self.recording.note_unknown(name);
            }
            Control::Time { .. }
            | Control::Unsubscribed(_)
            | Control::Heartbeat
            | Control::Nothing => {}
        }
    }
}

fn asked_about(answer: &Answer<'_>) -> (Option<i64>, Topic) {
    let channel = answer.channel.unwrap_or_default().to_owned();
    (answer.request, Topic { channel, symbol: answer.symbol.map(str::to_owned) })
}

impl Writing<'_> {
    fn told(&mut self, kind: FeedEvent, code: Option<i64>, text: &str) {
        let connection = self.connection();
        self.recording.pending_fact(&Fact {
            connection,
            value: code,
            detail: Some(cut(text)),
            ..Fact::of(kind)
        });
    }

    /// What the venue's clock showed somewhere between question and answer.
    fn venue_time(&mut self, at: i64, step: i64) {
        let trip = self.ts_recv.saturating_sub(self.asked_at);
        let middle = self.asked_at + trip / 2;
        let detail = format!("within {} µs", i64::midpoint(trip, step) / 1_000);
        let offset = at.saturating_add(step / 2).saturating_sub(middle);
        self.recording.pending_fact(&Fact {
            value: Some(offset),
            detail: Some(&detail),
            ..Fact::of(FeedEvent::ClockOffset)
        });
        self.recording.pending_fact(&Fact { value: Some(trip), ..Fact::of(FeedEvent::Latency) });
    }

    /// The number of a message on its connection.
    fn sequence(&mut self, number: i64) {
        let Some(state) = &mut self.state else { return };
        let expected = state.next_sequence.replace(number + 1);
        let Some(expected) = expected.filter(|expected| *expected != number) else { return };
        let state_number = state.number;
        let connection = Some(state_number);
        let why = format!("message {number} came, {expected} was next");
        if number > expected {
            state.asked.push_back(Asked::Reconnect(why.clone()));
        }
        let missing = number - expected;
        let kind = if missing > 0 { FeedEvent::Gap } else { FeedEvent::Restart };
        if missing > 0 {
            Stats::add(&self.recording.stats.gaps, 1);
            Stats::add(&self.recording.stats.missing, u64::try_from(missing).unwrap_or(0));
            self.recording.connection_lost_messages(state_number, &why);
        }
        self.recording.pending_fact(&Fact {
            connection,
            seq: Some((expected, number - 1)).filter(|_| missing > 0),
            missing: Some(missing).filter(|_| missing > 0),
            detail: Some(&why),
            ..Fact::of(kind)
        });
    }

    /// The venue tells its newest trade, which must have come before.
    fn last_trade(&mut self, symbol: &str, trade_id: i64) {
        let place = self.recording.instrument(symbol);
        let instrument = &mut self.recording.instruments[place];
        let newest = instrument.trades.newest().max(instrument.trade_told);
        if let Some(newest) = newest.filter(|newest| *newest < trade_id) {
            instrument.trade_told = Some(trade_id);
            self.trades_lost(place, newest + 1, trade_id);
        }
    }
}
