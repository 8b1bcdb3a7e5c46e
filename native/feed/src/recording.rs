//! What is recorded of one venue: frames first, then rows, and facts about both.
//!
//! Rows of one message become visible together or, if it turns out to be malformed, not at all.
//! What cannot be kept is counted and told in `feed_events`, never dropped in silence.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use foldhash::fast::RandomState;
use rustonite_core::datasets::{FeedEvent, FrameKind, draft};
use rustonite_tape::TapeError;
use rustonite_wire::{Codec, Feed, Frame, Request, Topic};
use tokio::time::Instant;

use crate::clock::{Steps, now_ns, seconds_ns};
use crate::config::Config;
use crate::events::Fact;
use crate::instrument::{DATASETS, Instrument, dataset_place};
use crate::stamped::Stamp;
use crate::stats::Stats;
use crate::tapes::Tapes;
use crate::writing::Writing;

/// Longest text of a venue that a fact repeats.
const DETAIL_BYTES_MAX: usize = 400;
/// When no tape refused anything for so long, they all take rows again.
const QUIET_NS: i64 = 1_000_000_000;
/// Sorts of unknown messages that are told apart in an interval.
const UNKNOWN_MAX: usize = 64;

/// What a message makes a connection do.
#[derive(Debug)]
pub(crate) enum Asked {
    Reply(String),
    Acknowledged {
        request: Option<i64>,
        topic: Topic,
    },
    Refused {
        request: Option<i64>,
        topic: Topic,
        text: String,
    },
    /// Subscribe anew, for a new picture.
    Again {
        channel: String,
        symbol: String,
    },
    Reconnect(String),
    /// The venue will end the connection: another one must take over.
    Leave,
}

/// What the recording knows of one connection.
#[derive(Debug)]
pub(crate) struct Socketed {
    /// Its number in `frames` and `feed_events`.
    pub(crate) number: i64,
    pub(crate) asked: VecDeque<Asked>,
    pub(crate) has_data: bool,
    /// The number that the venue's next message must have, where it counts all of them.
    pub(crate) next_sequence: Option<i64>,
    frame_seq: i64,
    /// When the kernel had its last packet.
    stamp: Option<Stamp>,
    /// When the last frame came. Connections set it; of what is read again nobody asks.
    pub(crate) last_frame: Instant,
    /// When data came last, by instrument and dataset.
    pub(crate) last: Vec<[Option<Instant>; DATASETS.len()]>,
}

impl Socketed {
    pub(crate) fn new(number: i64, stamp: Option<Stamp>) -> Self {
        Self {
            number,
            asked: VecDeque::new(),
            has_data: false,
            next_sequence: None,
            frame_seq: 0,
            stamp,
            last_frame: Instant::now(),
            last: Vec::new(),
        }
    }

    /// Notes data of an instrument. Whether it is the first since it was subscribed to.
    #[inline]
    pub(crate) fn note_data(&mut self, instrument: usize, dataset: usize) -> bool {
        if instrument >= self.last.len() {
            self.last.resize(instrument + 1, [None; DATASETS.len()]);
        }
        self.has_data = true;
        self.last[instrument][dataset].replace(self.last_frame).is_none()
    }

    /// Data of an instrument are asked for, maybe anew.
    pub(crate) fn expect_data(&mut self, instrument: usize, dataset: &str) {
        let dataset = dataset_place(dataset);
        if let (Some(last), Some(dataset)) = (self.last.get_mut(instrument), dataset) {
            last[dataset] = None;
        }
    }
}

const ROWS: usize = 0;
const FRAMES: usize = 1;

/// Rows or frames that no tape took.
#[derive(Debug, Default)]
struct Dropped {
    since: i64,
    last: i64,
    count: u64,
    why: String,
}

/// The record of one venue, with all its connections.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) venue: &'static str,
    pub(crate) tapes: Tapes,
    pub(crate) stats: Arc<Stats>,
    pub(crate) instruments: Vec<Instrument>,
    /// Pictures that are to be asked for by REST.
    pub(crate) wanted: VecDeque<Feed>,
    /// Calls that have the next part of the answer that was read last.
    pub(crate) more: Vec<Request>,
    pub(crate) by_symbol: HashMap<Box<str>, usize, RandomState>,
    /// Books of which the message of the moment has rows.
    pub(crate) touched: Vec<(usize, usize)>,
    /// Instruments that it defines, and hashes of that.
    pub(crate) defined: Vec<(usize, u64)>,
    /// Whole-market channels, and connections that carry them.
    pub(crate) markets: Vec<(String, i64)>,
    /// The instrument of the last row: the next one is mostly of the same.
    latest: usize,
    frames: bool,
    connection: i64,
    anchor_every_ns: i64,
    interval_ns: i64,
    next_interval: i64,
    /// Messages of unknown sorts since the interval began, by name.
    unknown: BTreeMap<String, i64>,
    /// What could not be kept and was not told so far: rows, and raw frames.
    dropped: [Option<Dropped>; 2],
    /// We stop as asked: connections that end are no loss.
    pub(crate) stops: bool,
    /// Whether the venue told all of its instruments.
    pub(crate) listed: bool,
    /// The time of what is read again; 0 while the clock tells it.
    time: i64,
    steps: Steps,
}

impl Recording {
    pub(crate) fn new(
        venue: &'static str,
        tapes: Tapes,
        stats: Arc<Stats>,
        config: &Config,
    ) -> Self {
        let interval_ns = seconds_ns(config.interval_s);
        Self {
            venue,
            tapes,
            stats,
            instruments: Vec::new(),
            wanted: VecDeque::new(),
            more: Vec::new(),
            by_symbol: HashMap::default(),
            touched: Vec::new(),
            defined: Vec::new(),
            markets: Vec::new(),
            latest: 0,
            frames: config.frames,
            connection: 0,
            anchor_every_ns: seconds_ns(config.anchor_every_s),
            interval_ns,
            next_interval: next_multiple(now_ns(), interval_ns),
            unknown: BTreeMap::new(),
            dropped: [None, None],
            stops: false,
            listed: false,
            time: 0,
            steps: Steps::new(),
        }
    }

    /// From now on connections end because we stop.
    pub(crate) fn stopping(&mut self) {
        self.stops = true;
    }

    /// The time: of the clock, or of what is read again.
    pub(crate) fn now(&self) -> i64 {
        if self.time == 0 { now_ns() } else { self.time }
    }

    /// Whether this is recorded now, and not read again.
    pub(crate) fn is_live(&self) -> bool {
        self.time == 0
    }

    /// From now on it is this time, until the next is set.
    pub(crate) fn set_time(&mut self, time: i64) {
        if self.time == 0 {
            self.next_interval = next_multiple(time, self.interval_ns);
        }
        self.time = time;
    }

    /// The first words: that we record, and whether the run before crashed at a time.
    pub(crate) fn started(&mut self, crashed: Option<i64>) -> Result<(), TapeError> {
        let now = self.now();
        if let Some(since) = crashed {
            let fact = Fact { span: Some((since, Some(now))), ..Fact::of(FeedEvent::Recovered) };
            self.tapes.feed_events(&fact.row(self.venue, now))?;
        }
        let detail = concat!("rustonite ", env!("CARGO_PKG_VERSION"));
        let fact = Fact { detail: Some(detail), ..Fact::of(FeedEvent::Start) };
        self.tapes.feed_events(&fact.row(self.venue, now))?;
        self.tapes.commit()
    }

    /// Counts a message of an unknown sort; all of a sort become one fact per interval.
    pub(crate) fn note_unknown(&mut self, name: &str) {
        if let Some(count) = self.unknown.get_mut(name) {
            *count += 1;
        } else if self.unknown.len() < UNKNOWN_MAX {
            self.unknown.insert(cut(name).to_owned(), 1);
        }
    }

    fn tell_unknown(&mut self) {
        for (name, count) in std::mem::take(&mut self.unknown) {
            self.pending_fact(&Fact {
                count: Some(count),
                detail: Some(&name),
                ..Fact::of(FeedEvent::UnknownMessage)
            });
        }
    }

    /// A number for a new connection, never used before.
    pub(crate) fn next_connection(&mut self) -> i64 {
        self.connection = self.now().max(self.connection + 1);
        self.connection
    }

    /// The place of an instrument, which is made if it is new.
    #[inline]
    pub(crate) fn instrument(&mut self, symbol: &str) -> usize {
        if self.instruments.get(self.latest).is_some_and(|known| *known.symbol == *symbol) {
            return self.latest;
        }
        self.latest = match self.by_symbol.get(symbol) {
            Some(&place) => place,
            None => self.add_instrument(symbol),
        };
        self.latest
    }

    #[cold]
    fn add_instrument(&mut self, symbol: &str) -> usize {
        let place = self.instruments.len();
        self.instruments.push(Instrument::new(symbol));
        self.by_symbol.insert(symbol.into(), place);
        place
    }

    // Frames and messages

    /// Keeps a frame as it crossed the socket, before anything is made of it.
    pub(crate) fn raw(
        &mut self,
        state: &mut Socketed,
        kind: FrameKind,
        status: Option<i32>,
        channel: Option<&str>,
        ts_recv: i64,
        data: &[u8],
    ) {
        Stats::add(&self.stats.frames, 1);
        Stats::add(&self.stats.bytes, data.len() as u64);
        if !matches!(kind, FrameKind::SentText | FrameKind::SentBinary | FrameKind::HttpRequest) {
            self.stats.ts_last.store(ts_recv, Ordering::Relaxed);
        }
        if !self.frames {
            return;
        }
        let is_received = matches!(
            kind,
            FrameKind::Text
                | FrameKind::Binary
                | FrameKind::Ping
                | FrameKind::Pong
                | FrameKind::Close
        );
        let row = draft::Frames {
            ts_recv,
            ts_kernel: state.stamp.as_ref().filter(|_| is_received).and_then(Stamp::get),
            venue: self.venue,
            connection: state.number,
            frame_seq: state.frame_seq,
            kind,
            status,
            channel,
            data,
        };
        state.frame_seq += 1;
        // A frame that finds no place costs no row of another tape.
        let kept = self.tapes.frames(&row).and_then(|()| self.tapes.commit_frames());
        if kept.is_err() {
            self.tapes.rollback();
        }
        if let Err(error) = kept {
            self.note_dropped(FRAMES, &error);
        }
        self.commit();
    }

    /// Keeps what a message of the stream says.
    pub(crate) fn message(
        &mut self,
        state: &mut Socketed,
        codec: &mut dyn Codec,
        ts_recv: i64,
        data: &[u8],
    ) {
        let mut writing = Writing::new(self, Some(&mut *state), 0, ts_recv);
        let read = codec.decode(Frame { ts_recv, data }, &mut writing);
        let outcome = writing.finish();
        self.conclude(state.number, read, outcome, ts_recv);
    }

    /// Keeps what an answer of REST says. Whether all of it was kept.
    pub(crate) fn answer(
        &mut self,
        codec: &mut dyn Codec,
        feed: &Feed,
        connection: i64,
        asked_at: i64,
        ts_recv: i64,
        data: &[u8],
    ) -> bool {
        // What does not help, be it too old or malformed, must be possible to ask for again.
        self.call_ended(feed);
        let mut writing = Writing::new(self, None, asked_at, ts_recv);
        let read = codec.decode_answer(feed, Frame { ts_recv, data }, &mut writing);
        let outcome = writing.finish();
        self.conclude(connection, read, outcome, ts_recv)
    }

    fn conclude(
        &mut self,
        connection: i64,
        read: rustonite_wire::Result<()>,
        outcome: Result<u64, TapeError>,
        ts_recv: i64,
    ) -> bool {
        match (read, outcome) {
            (Ok(()), outcome) => {
                let kept = self.keep_or_take_back(outcome);
                for (place, hash) in std::mem::take(&mut self.defined) {
                    if kept {
                        self.instruments[place].definition = hash;
                    }
                }
                kept
            }
            (Err(malformed), _) => {
                self.tapes.rollback();
                self.lost_a_message(connection);
                Stats::add(&self.stats.malformed, 1);
                let detail = malformed.to_string();
                self.fact(&Fact {
                    connection: Some(connection),
                    ts_event: Some(ts_recv),
                    count: Some(1),
                    detail: Some(cut(&detail)),
                    ..Fact::of(FeedEvent::Malformed)
                });
                false
            }
        }
    }

    /// Keeps rows that were written. Whether they were kept.
    pub(crate) fn keep_or_take_back(&mut self, written: Result<u64, TapeError>) -> bool {
        match written {
            Ok(rows) => {
                Stats::add(&self.stats.rows, rows);
                self.commit()
            }
            Err(error) => {
                self.tapes.rollback();
                self.kept(Err(error));
                false
            }
        }
    }

    /// Makes pending rows visible. Whether that went well.
    pub(crate) fn commit(&mut self) -> bool {
        let committed = self.tapes.commit();
        let is_kept = committed.is_ok();
        if !is_kept {
            self.tapes.rollback();
        }
        self.kept(committed);
        is_kept
    }

    /// Takes note of a tape that refuses.
    fn kept(&mut self, done: Result<(), TapeError>) {
        if let Err(error) = done {
            self.note_dropped(ROWS, &error);
        }
    }

    #[cold]
    fn note_dropped(&mut self, what: usize, error: &TapeError) {
        Stats::add(&self.stats.dropped, 1);
        let (now, text) = (self.now(), error.to_string());
        self.stats.problem("tapes", Some(text.clone()));
        let is_first = self.dropped[what].is_none();
        let dropped = self.dropped[what].get_or_insert_default();
        if dropped.count == 0 {
            dropped.since = now;
        }
        dropped.count += 1;
        (dropped.last, dropped.why) = (now, text);
        if is_first && what == ROWS {
            self.nothing_is_whole();
        }
    }

    /// Whether tapes refuse rows these days.
    pub(crate) fn drops_rows(&self) -> bool {
        self.dropped[ROWS].is_some()
    }

    /// Says what is missing: when tapes take rows again, and now and then while they do not. A tape
    /// may refuse one row and take the next, so a row that was kept is no sign that it is over.
    fn tell_dropped(&mut self, is_over: impl Fn(&Dropped) -> bool) {
        for what in [ROWS, FRAMES] {
            let Some(dropped) = self.dropped[what].take() else { continue };
            let over = is_over(&dropped);
            if !self.told_dropped(what, &dropped) {
                self.dropped[what] = Some(dropped);
            } else if !over {
                self.dropped[what] = Some(Dropped { count: 0, ..dropped });
            }
        }
        if self.dropped.iter().all(Option::is_none) {
            self.stats.problem("tapes", None);
        }
    }

    /// Whether the fact is on its tape, or there is nothing to tell.
    fn told_dropped(&mut self, what: usize, dropped: &Dropped) -> bool {
        if dropped.count == 0 {
            return true;
        }
        let now = self.now();
        let fact = Fact {
            dataset: (what == FRAMES).then_some("frames"),
            span: Some((dropped.since, Some(now))),
            count: i64::try_from(dropped.count).ok(),
            detail: Some(cut(&dropped.why)),
            ..Fact::of(FeedEvent::Dropped)
        };
        let told = self.tapes.feed_events(&fact.row(self.venue, now));
        let told = told.and_then(|()| self.tapes.commit());
        if told.is_err() {
            self.tapes.rollback();
        }
        told.is_ok()
    }

    // Facts

    /// Writes a fact, and makes it visible.
    pub(crate) fn fact(&mut self, fact: &Fact<'_>) {
        self.pending_fact(fact);
        self.commit();
    }

    /// Writes a fact that becomes visible with the rows of its message.
    pub(crate) fn pending_fact(&mut self, fact: &Fact<'_>) {
        if let Err(error) = self.tapes.feed_events(&fact.row(self.venue, self.now())) {
            self.kept(Err(error));
        }
    }

    /// Time has passed: seals, intervals, pictures of books.
    pub(crate) fn tick(&mut self) {
        let now = self.now();
        if self.is_live() {
            self.look_at_clock();
        }
        // No row is lost for this.
        let ticked = self.tapes.tick();
        self.stats.problem("sealing", ticked.err().map(|error| error.to_string()));
        if now >= self.next_interval {
            self.next_interval = next_multiple(now, self.interval_ns);
            self.vouch(now);
            self.tell_unknown();
            self.commit();
            self.tell_dropped(|_| false);
        }
        let is_over = |dropped: &Dropped| now - dropped.last > QUIET_NS;
        if self.dropped.iter().flatten().any(is_over) {
            self.tell_dropped(is_over);
        }
        if !self.drops_rows() {
            self.anchor_books(now, self.anchor_every_ns);
        }
        self.count_books();
    }

    fn look_at_clock(&mut self) {
        let Some(step) = self.steps.look() else { return };
        self.fact(&Fact { value: Some(step), ..Fact::of(FeedEvent::ClockStep) });
        // Spans that began by the clock as it was would end before they began, or last too long.
        let now = self.now();
        self.vouch(now.min(now - step));
        self.next_interval = next_multiple(now, self.interval_ns);
    }

    /// The last words: what the open interval held, and that we stop.
    pub(crate) fn finish(&mut self) -> Result<(), TapeError> {
        let now = self.now();
        self.vouch(now);
        self.tell_unknown();
        self.tell_dropped(|_| true);
        self.fact(&Fact::of(FeedEvent::Stop));
        self.tapes.finish()
    }
}

fn next_multiple(now: i64, interval: i64) -> i64 {
    (now.div_euclid(interval) + 1).saturating_mul(interval)
}

/// A text of a venue, cut to a length that a row may have.
pub(crate) fn cut(text: &str) -> &str {
    let mut end = text.len().min(DETAIL_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
