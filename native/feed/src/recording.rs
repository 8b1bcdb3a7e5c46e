//! What is recorded of one venue: frames first, then rows, and facts about both.
//!
//! Rows of one message become visible together or, if it turns out to be malformed, not at all.
//! What cannot be kept is counted and told in `feed_events`, never dropped in silence.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use foldhash::fast::RandomState;
use rustonite_core::datasets::{FeedEvent, FrameKind, draft};
use rustonite_tape::TapeError;
use rustonite_wire::{Codec, Feed, Frame, Request, Topic};
use tokio::time::Instant;

use crate::clock::{Steps, now_ns, seconds_ns};
use crate::config::Config;
use crate::error::hint;
use crate::events::Fact;
use crate::instrument::{DATASETS, Instrument, dataset_place};
use crate::plan::Planned;
use crate::rest::Answer;
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
    /// When the message of the moment came.
    now: Instant,
    /// When data came last, by instrument and dataset.
    last: Vec<[Option<Instant>; DATASETS.len()]>,
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
            now: Instant::now(),
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
        self.last[instrument][dataset].replace(self.now).is_none()
    }

    /// Data of an instrument are asked for, maybe anew.
    fn expect_data(&mut self, instrument: usize, dataset: &str) {
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
    by_symbol: HashMap<Box<str>, usize, RandomState>,
    /// Books of which the message of the moment has rows.
    pub(crate) touched: Vec<(usize, usize)>,
    /// Instruments that it defines, and hashes of that.
    pub(crate) defined: Vec<(usize, u64)>,
    /// Whole-market channels, and connections that carry them.
    markets: Vec<(String, i64)>,
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
    stops: bool,
    /// Whether the venue told all of its instruments.
    listed: bool,
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

    /// Whether one connection carries all channels of an instrument that another one does.
    #[cold]
    pub(crate) fn carries_all(&self, place: usize, one: i64, other: i64) -> bool {
        let instrument = &self.instruments[place];
        let markets = |connection: i64| {
            let carried = self.markets.iter().filter(move |(_, carrier)| *carrier == connection);
            carried.map(|(channel, _)| channel.as_str())
        };
        let carries = |channel: &str| {
            instrument.is_carried_by(channel, one) || markets(one).any(|known| known == channel)
        };
        let mut channels = instrument.channels_of(other).chain(markets(other)).peekable();
        channels.peek().is_some() && channels.all(carries)
    }

    /// When data of a topic came last on a connection.
    pub(crate) fn last_data(&self, state: &Socketed, planned: &Planned) -> Option<Instant> {
        let dataset = dataset_place(&planned.channel.dataset)?;
        if planned.instrument.is_none() {
            return state.last.iter().filter_map(|last| last[dataset]).max();
        }
        state.last.get(self.place_of(planned)?)?[dataset]
    }

    /// Whether a topic has ever had data.
    pub(crate) fn had_data(&self, planned: &Planned) -> bool {
        let Some(dataset) = dataset_place(&planned.channel.dataset) else { return false };
        if planned.instrument.is_none() {
            return self.instruments.iter().any(|one| one.had_data[dataset]);
        }
        self.place_of(planned).is_some_and(|place| self.instruments[place].had_data[dataset])
    }

    /// The place of a topic's instrument, as its rows name it.
    fn place_of(&self, planned: &Planned) -> Option<usize> {
        self.by_symbol.get(planned.instrument.as_deref()?).copied()
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
        state.now = Instant::now();
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
    fn commit(&mut self) -> bool {
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

    /// Topics are asked for, some of them anew.
    pub(crate) fn subscribing(&mut self, state: &mut Socketed, topics: &[Planned], new: usize) {
        self.stats.topics.fetch_add(i64::try_from(new).unwrap_or(0), Ordering::Relaxed);
        for planned in topics {
            if let Some(symbol) = &planned.instrument {
                let place = self.instrument(symbol);
                self.instruments[place].carry(self.venue, &planned.channel, state.number);
                state.expect_data(place, &planned.channel.dataset);
            }
            let market = (planned.topic.channel.clone(), state.number);
            if planned.instrument.is_none() && !self.markets.contains(&market) {
                self.markets.push(market);
            }
            self.topic_fact(FeedEvent::Subscribe, state, &planned.topic, None);
        }
        self.commit();
        if self.listed {
            self.name_unknown();
        }
    }

    /// The venue told all of its instruments.
    pub(crate) fn listed(&mut self) {
        self.listed = true;
        self.name_unknown();
    }

    /// Names instruments that we asked for and the venue does not have: some venues acknowledge
    /// whatever one asks for.
    fn name_unknown(&mut self) {
        let known = |one: &&Instrument| one.definition != 0;
        if !self.instruments.iter().any(|one| known(&one)) {
            return;
        }
        for place in 0..self.instruments.len() {
            let instrument = &self.instruments[place];
            let is_unknown = instrument.is_carried() && !instrument.heard && !known(&instrument);
            if !is_unknown || instrument.unknown {
                continue;
            }
            let symbol = instrument.symbol.clone();
            let names = self.instruments.iter().filter(known).map(|one| &*one.symbol);
            let near = hint(&symbol, names);
            let near = near.strip_prefix("did").map(|near| format!("; did{near}"));
            let text = format!("{} has no such instrument{}", self.venue, near.unwrap_or_default());
            self.instruments[place].unknown = true;
            self.stats.problem(&symbol, Some(text.clone()));
            self.fact(&Fact {
                symbol: Some(&symbol),
                detail: Some(cut(&text)),
                ..Fact::of(FeedEvent::Refused)
            });
        }
    }

    /// Whether nothing is to be expected of a topic, as its instrument does not exist.
    pub(crate) fn is_unknown(&self, planned: &Planned) -> bool {
        self.place_of(planned).is_some_and(|place| self.instruments[place].unknown)
    }

    /// The first data of an instrument, or of one that was taken for unknown.
    #[cold]
    pub(crate) fn first_heard(&mut self, place: usize) {
        let instrument = &mut self.instruments[place];
        instrument.heard = true;
        if std::mem::take(&mut instrument.unknown) {
            self.stats.problem(&instrument.symbol, None);
        }
    }

    pub(crate) fn unsubscribing(&mut self, state: &Socketed, topics: &[Planned]) {
        self.stats.topics.fetch_sub(count(topics), Ordering::Relaxed);
        for planned in topics {
            self.topic_fact(FeedEvent::Unsubscribe, state, &planned.topic, None);
            self.lose_topic(state, planned, "unsubscribed", true);
        }
        self.commit();
    }

    pub(crate) fn acknowledged(&mut self, state: &Socketed, topics: &[Topic]) {
        for topic in topics {
            self.stats.problem(&name(topic), None);
            self.topic_fact(FeedEvent::Subscribed, state, topic, None);
        }
        self.commit();
    }

    pub(crate) fn refused(&mut self, state: &Socketed, topic: Option<&Topic>, text: &str) {
        let about = topic.map_or_else(|| self.venue.to_owned(), name);
        self.stats.problem(&about, Some(format!("refused: {text}")));
        let fact = Fact {
            symbol: topic.and_then(|topic| topic.symbol.as_deref()),
            channel: topic.map(|topic| topic.channel.as_str()),
            connection: Some(state.number),
            detail: Some(cut(text)),
            ..Fact::of(FeedEvent::Refused)
        };
        self.fact(&fact);
    }

    /// The answer to a call says that something in it does not exist.
    pub(crate) fn call_named_unknown(&mut self, topic: &Topic, text: &str) {
        let about = topic.symbol.as_deref().unwrap_or(self.venue);
        self.stats.problem(about, Some(format!("refused: {text}")));
        self.pending_fact(&Fact {
            symbol: topic.symbol.as_deref(),
            channel: Some(topic.channel.as_str()).filter(|channel| !channel.is_empty()),
            detail: Some(cut(text)),
            ..Fact::of(FeedEvent::Refused)
        });
    }

    /// A venue answered a call with an error.
    pub(crate) fn call_refused(&mut self, connection: i64, request: &Request, answer: &Answer) {
        let shut_out = matches!(answer.status, 418 | 403);
        let kind = match answer.pause {
            Some(_) if shut_out => FeedEvent::Banned,
            Some(_) => FeedEvent::RateLimited,
            None => FeedEvent::VenueError,
        };
        let text = String::from_utf8_lossy(&answer.body);
        self.fact(&Fact {
            connection: Some(connection),
            channel: request.path.split('?').next(),
            value: Some(answer.status.into()),
            detail: Some(cut(&text)),
            ..Fact::of(kind)
        });
    }

    pub(crate) fn silent(&mut self, state: &Socketed, topic: &Topic, time: Duration) {
        let fact = Fact {
            symbol: topic.symbol.as_deref(),
            channel: Some(&topic.channel),
            connection: Some(state.number),
            value: i64::try_from(time.as_nanos()).ok(),
            ..Fact::of(FeedEvent::Silence)
        };
        self.fact(&fact);
    }

    fn topic_fact(&mut self, kind: FeedEvent, state: &Socketed, topic: &Topic, text: Option<&str>) {
        self.pending_fact(&Fact {
            symbol: topic.symbol.as_deref(),
            channel: Some(&topic.channel),
            connection: Some(state.number),
            detail: text,
            ..Fact::of(kind)
        });
    }

    /// A line ended or cannot be opened, or works again.
    pub(crate) fn note_line(&self, socket: &str, why: Option<String>, reconnects: bool) {
        Stats::add(&self.stats.reconnects, u64::from(reconnects));
        self.stats.problem(&format!("connection {socket}"), why);
    }

    /// A connection is over, and what it alone carried is no longer whole.
    pub(crate) fn connection_ended(&mut self, state: &Socketed, topics: &[Planned], why: &str) {
        self.stats.connections.fetch_sub(1, Ordering::Relaxed);
        self.stats.topics.fetch_sub(count(topics), Ordering::Relaxed);
        let fact = Fact {
            connection: Some(state.number),
            detail: Some(cut(why)),
            ..Fact::of(FeedEvent::Disconnect)
        };
        self.fact(&fact);
        let stops = self.stops;
        for planned in topics {
            self.lose_topic(state, planned, "disconnected", stops);
        }
        self.commit();
    }

    /// The messages of a topic will not come over a connection any more.
    fn lose_topic(&mut self, state: &Socketed, planned: &Planned, why: &str, is_planned: bool) {
        self.stats.problem(&name(&planned.topic), None);
        let Some(symbol) = &planned.instrument else {
            return self.lose_market(state.number, planned, why, is_planned);
        };
        let place = self.instrument(symbol);
        let channel = &planned.channel;
        let instrument = &mut self.instruments[place];
        let ends = instrument.drop_carrier(channel, state.number);
        let is_over = !instrument.is_carried() && !self.stops;
        if is_over && std::mem::take(&mut instrument.unknown) {
            self.stats.problem(symbol, None);
        }
        if ends {
            self.end_data(place, &channel.name, &channel.dataset, why, is_planned);
        }
    }

    /// The same of a topic that is of all instruments.
    fn lose_market(&mut self, connection: i64, planned: &Planned, why: &str, is_planned: bool) {
        let channel = &planned.topic.channel;
        self.markets.retain(|(name, carrier)| (name, *carrier) != (channel, connection));
        let others = self.markets.iter().any(|(name, _)| name == channel);
        let Some(dataset) = dataset_place(&planned.channel.dataset) else { return };
        for place in 0..self.instruments.len() {
            self.instruments[place].disown(connection);
            let instrument = &self.instruments[place];
            let had_data = instrument.had_data[dataset] && !instrument.has_channel_for(dataset);
            if had_data && !others {
                self.end_data(place, channel, DATASETS[dataset], why, is_planned);
            }
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

fn count(topics: &[Planned]) -> i64 {
    i64::try_from(topics.len()).unwrap_or(i64::MAX)
}

fn next_multiple(now: i64, interval: i64) -> i64 {
    (now.div_euclid(interval) + 1).saturating_mul(interval)
}

/// A topic for people.
fn name(topic: &Topic) -> String {
    match &topic.symbol {
        Some(symbol) => format!("{symbol} {}", topic.channel),
        None => topic.channel.clone(),
    }
}

/// A text of a venue, cut to a length that a row may have.
pub(crate) fn cut(text: &str) -> &str {
    let mut end = text.len().min(DETAIL_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
