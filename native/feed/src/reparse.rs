//! Rows from recorded frames, by the codecs of today.
//!
//! Frames go the way that they went when they were received: the same codecs, books and tapes. Only
//! the clock is that of the frames.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use foldhash::fast::RandomState;
use rustonite_core::datasets::FrameKind;
use rustonite_tape::TapeOptions;
use rustonite_wire::{Codec, Feed, Topic};

use crate::catalog::Venue;
use crate::config::{Config, MetricsSettings, TapeSettings};
use crate::error::{FeedError, Result};
use crate::plan::Planned;
use crate::recording::{Recording, Socketed};
use crate::stats::{Stats, VenueStatus};
use crate::tapes::{Place, Tapes};

/// How often time is let pass, as a recorder does.
const TICK_NS: i64 = 50_000_000;
/// Stands for an instrument, to see where a request has it.
const ANY: &str = "X7X7X";

/// What was recorded once.
#[derive(Clone, Copy, Debug)]
pub enum Recorded<'a> {
    /// A row of `frames`.
    Frame {
        /// Column `kind`.
        kind: FrameKind,
        /// Column `status`.
        status: Option<i32>,
        /// Column `data`.
        data: &'a [u8],
    },
    /// A row of `feed_events` of kind `subscribe`.
    Subscribe {
        /// Column `channel`.
        channel: &'a str,
        /// Column `symbol`.
        symbol: Option<&'a str>,
    },
    /// The same of kind `unsubscribe`.
    Unsubscribe {
        /// Column `channel`.
        channel: &'a str,
        /// Column `symbol`.
        symbol: Option<&'a str>,
    },
    /// The same of kind `disconnect`.
    Disconnect,
    /// The same of kind `start`: a recorder of the lake may have crashed before.
    Start,
}

/// Writes tapes from what was recorded, in order.
pub struct Reparser {
    settings: Config,
    tapes: PathBuf,
    venues: BTreeMap<String, Again>,
}

/// One venue.
struct Again {
    venue: Venue,
    recording: Recording,
    stats: Arc<Stats>,
    answers: Box<dyn Codec>,
    connections: HashMap<i64, Connection, RandomState>,
    ticked: i64,
}

struct Connection {
    state: Socketed,
    codec: Box<dyn Codec>,
    topics: Vec<Planned>,
    /// Whether a recorder started, maybe the one that had this connection, and it was silent since.
    is_suspect: bool,
    /// What the REST calls under this number are for.
    feed: Option<Feed>,
    asked_at: i64,
    /// Whether all parts of the answer were kept so far.
    is_kept: bool,
}

impl Reparser {
    /// Writes to tapes of a name in a folder, of which only the newest segments stay.
    pub fn new(tapes: PathBuf, name: String, tape: TapeSettings, anchor_every_s: u64) -> Self {
        let settings = Config {
            lake: None,
            tapes: None,
            name,
            frames: false,
            anchor_every_s,
            interval_s: 60,
            tape,
            catalog: None,
            proxy: None,
            ca_file: None,
            feeds: Vec::new(),
            metrics: MetricsSettings::default(),
        };
        Self { settings, tapes, venues: BTreeMap::new() }
    }

    /// The same, but tapes keep their rows until a lake has them.
    #[must_use]
    pub fn for_lake(mut self, lake: String) -> Self {
        self.settings.lake = Some(lake);
        self
    }

    /// Takes what comes next, by time.
    ///
    /// # Errors
    /// An unknown venue, or a tape that another process writes.
    pub fn take(
        &mut self,
        venue: &str,
        connection: i64,
        ts_recv: i64,
        what: Recorded<'_>,
    ) -> Result<()> {
        if !self.venues.contains_key(venue) {
            let again = Again::new(venue, &self.settings, self.tapes.clone(), ts_recv)?;
            self.venues.insert(venue.to_owned(), again);
        }
        if let Some(again) = self.venues.get_mut(venue) {
            again.take(connection, ts_recv, what);
        }
        Ok(())
    }

    /// What became of it so far.
    pub fn status(&self) -> Vec<VenueStatus> {
        self.venues.iter().map(|(name, one)| VenueStatus::of(name, &one.stats)).collect()
    }

    /// Seals the tapes.
    ///
    /// # Errors
    /// A tape cannot be sealed or brought to disk.
    pub fn finish(&mut self) -> Result<()> {
        self.venues.values_mut().try_for_each(|one| one.recording.finish().map_err(FeedError::from))
    }
}

impl Again {
    fn new(name: &str, settings: &Config, tapes: PathBuf, ts_recv: i64) -> Result<Self> {
        let venue = Venue::find(name)?;
        let answers = codec(name)?;
        let options = TapeOptions {
            segment_bytes: settings.tape.segment_bytes,
            segments_max: settings.tape.segments_max,
            seal_after_ms: Some(settings.tape.seal_after_s.saturating_mul(1000)),
            ..TapeOptions::default()
        };
        let tapes = Tapes::new(Place {
            folder: tapes,
            name: format!("{}-{name}", settings.name),
            options,
            for_lake: settings.lake.is_some(),
        });
        let stats = Arc::new(Stats::default());
        let mut recording = Recording::new(answers.venue(), tapes, Arc::clone(&stats), settings);
        recording.set_time(ts_recv);
        recording.started(None)?;
        let connections = HashMap::default();
        Ok(Self { venue, recording, stats, answers, connections, ticked: ts_recv })
    }

    fn take(&mut self, number: i64, ts_recv: i64, what: Recorded<'_>) {
        self.recording.set_time(ts_recv);
        if ts_recv - self.ticked >= TICK_NS {
            self.ticked = ts_recv;
            self.recording.tick();
        }
        match what {
            Recorded::Frame { kind, status, data } => {
                self.frame(number, ts_recv, kind, status, data);
            }
            Recorded::Subscribe { channel, symbol } => {
                let Some(planned) = self.planned(channel, symbol) else { return };
                self.end_suspects(number, &planned.topic);
                let Some(connection) = self.connection(number) else { return };
                connection.topics.push(planned.clone());
                let Some(connection) = self.connections.get_mut(&number) else { return };
                self.recording.subscribing(&mut connection.state, &[planned], 1);
            }
            Recorded::Unsubscribe { channel, symbol } => {
                let Some(planned) = self.planned(channel, symbol) else { return };
                let Some(connection) = self.connections.get_mut(&number) else { return };
                connection.topics.retain(|known| known.topic != planned.topic);
                self.recording.unsubscribing(&connection.state, &[planned]);
            }
            Recorded::Disconnect => {
                if let Some(ended) = self.connections.remove(&number) {
                    self.recording.connection_ended(&ended.state, &ended.topics, "disconnected");
                }
            }
            Recorded::Start => {
                self.connections.values_mut().for_each(|one| one.is_suspect = true);
            }
        }
        // Nobody can be asked for anything any more.
        self.recording.wanted.clear();
    }

    fn frame(
        &mut self,
        number: i64,
        ts_recv: i64,
        kind: FrameKind,
        status: Option<i32>,
        data: &[u8],
    ) {
        if self.connection(number).is_none() {
            return;
        }
        let Some(connection) = self.connections.get_mut(&number) else { return };
        connection.is_suspect = false;
        self.recording.raw(&mut connection.state, kind, status, None, ts_recv, data);
        match kind {
            FrameKind::Text | FrameKind::Binary => {
                let codec = &mut *connection.codec;
                self.recording.message(&mut connection.state, codec, ts_recv, data);
                connection.state.asked.clear();
            }
            FrameKind::HttpRequest if connection.feed.is_none() => {
                connection.feed = feed_of(&*self.answers, &String::from_utf8_lossy(data));
                connection.asked_at = ts_recv;
            }
            FrameKind::HttpResponse if status.is_some_and(|code| (200..300).contains(&code)) => {
                let Some(feed) = connection.feed.clone() else { return };
                let asked_at = connection.asked_at;
                let codec = &mut *self.answers;
                connection.is_kept &=
                    self.recording.answer(codec, &feed, number, asked_at, ts_recv, data);
                let is_kept = connection.is_kept;
                if self.recording.more.drain(..).count() > 0 {
                    return;
                }
                // Each call has a number of its own.
                self.connections.remove(&number);
                if is_kept && matches!(feed, Feed::Instruments) {
                    self.recording.listed();
                }
            }
            _ => {}
        }
    }

    /// Another connection takes over a topic: those whose recorder crashed carry nothing any more.
    fn end_suspects(&mut self, number: i64, topic: &Topic) {
        for (_, one) in self.connections.iter_mut().filter(|(other, _)| **other != number) {
            if one.is_suspect && one.topics.iter().any(|known| known.topic == *topic) {
                // Its codec stays, should it be of another recorder and quiet only.
                let topics = std::mem::take(&mut one.topics);
                self.recording.connection_ended(&one.state, &topics, "crashed");
            }
        }
    }

    fn connection(&mut self, number: i64) -> Option<&mut Connection> {
        if !self.connections.contains_key(&number) {
            let codec = codec(self.recording.venue).ok()?;
            let state = Socketed::new(number, None);
            let made = Connection {
                state,
                codec,
                topics: Vec::new(),
                is_suspect: false,
                feed: None,
                asked_at: 0,
                is_kept: true,
            };
            self.connections.insert(number, made);
        }
        self.connections.get_mut(&number)
    }

    fn planned(&self, channel: &str, symbol: Option<&str>) -> Option<Planned> {
        let known = self.venue.channel(channel)?.clone();
        let topic = Topic { channel: channel.to_owned(), symbol: symbol.map(str::to_owned) };
        let instrument = symbol.map(|symbol| self.venue.delivered(symbol));
        Some(Planned { topic, channel: known, instrument })
    }
}

fn codec(venue: &str) -> Result<Box<dyn Codec>> {
    let known = rustonite_wire::VENUES.iter().copied();
    rustonite_wire::open(venue).ok_or_else(|| FeedError::unknown("venue", venue, known))
}

/// What a call was for, from its path and body.
fn feed_of(codec: &dyn Codec, sent: &str) -> Option<Feed> {
    let is_of = |feed: &Feed| codec.requests(feed).iter().any(|one| one.sent() == sent);
    let whole = [Feed::Instruments, Feed::Tickers(None), Feed::Time];
    if let Some(feed) = whole.into_iter().find(is_of) {
        return Some(feed);
    }
    let of_one: [fn(String) -> Feed; 3] =
        [Feed::Book, Feed::Orders, |symbol| Feed::Tickers(Some(symbol))];
    of_one.into_iter().find_map(|feed| {
        let requests = codec.requests(&feed(ANY.to_owned()));
        let sent_for_any = requests.first()?.sent();
        let (before, after) = sent_for_any.split_once(ANY)?;
        let symbol = sent.strip_prefix(before)?.strip_suffix(after)?;
        Some(feed(symbol.to_owned())).filter(is_of)
    })
}

#[cfg(test)]
mod tests;
