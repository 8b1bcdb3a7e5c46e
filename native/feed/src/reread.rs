//! Rows from messages that were received before, without connections.

use std::path::PathBuf;
use std::sync::Arc;

use rustonite_core::datasets::FrameKind;
use rustonite_tape::TapeOptions;
use rustonite_wire::{Codec, Feed};

use crate::catalog::Venue;
use crate::config::Config;
use crate::error::{FeedError, Result};
use crate::plan::lines;
use crate::recording::{Recording, Socketed};
use crate::stats::{Stats, VenueStatus};
use crate::tapes::{Place, Tapes};

/// Makes of recorded messages what a recorder makes of them when they come: frames, rows and facts
/// on tapes, with books that are checked.
pub struct Reread {
    recording: Recording,
    codec: Box<dyn Codec>,
    state: Socketed,
    stats: Arc<Stats>,
}

impl Reread {
    /// Begins with the first feed of a configuration. `tapes` is the folder for tapes.
    ///
    /// # Errors
    /// A configuration that cannot be used, or a tape that another process writes.
    pub fn begin(config: &Config, tapes: PathBuf) -> Result<Self> {
        let none = || FeedError::config("feed", "found none, expected one");
        let feed = config.feeds.first().ok_or_else(none)?;
        let venue = Venue::find_in(config.catalog.as_deref(), &feed.venue)?;
        let codec = rustonite_wire::open(&feed.venue).ok_or_else(|| {
            FeedError::unknown("venue", &feed.venue, rustonite_wire::VENUES.iter().copied())
        })?;
        let options = TapeOptions {
            segment_bytes: config.tape.segment_bytes,
            segments_max: config.tape.segments_max,
            ..TapeOptions::default()
        };
        let name = format!("{}-{}", config.name, feed.venue);
        let place = Place { folder: tapes, name, options };
        let stats = Arc::new(Stats::default());
        let mut recording =
            Recording::new(codec.venue(), Tapes::new(place), Arc::clone(&stats), config);
        let state = Socketed::new(recording.next_connection(), None);
        for line in lines(feed, &venue)? {
            recording.subscribing(&state, &line.topics);
        }
        Ok(Self { recording, codec, state, stats })
    }

    /// A message of the stream.
    pub fn message(&mut self, ts_recv: i64, data: &[u8]) {
        self.recording.raw(&mut self.state, FrameKind::Text, None, None, ts_recv, data);
        self.recording.message(&mut self.state, &mut *self.codec, ts_recv, data);
        self.state.asked.clear();
    }

    /// The body of an answer of REST.
    pub fn answer(&mut self, feed: &Feed, ts_recv: i64, data: &[u8]) {
        let (kind, number) = (FrameKind::HttpResponse, self.state.number);
        self.recording.raw(&mut self.state, kind, Some(200), None, ts_recv, data);
        self.recording.answer(&mut *self.codec, feed, number, ts_recv, data);
    }

    /// Lets time pass, as a recorder does now and then.
    pub fn tick(&mut self) {
        self.recording.tick();
        self.recording.wanted.clear();
    }

    /// What was made so far.
    pub fn status(&self) -> VenueStatus {
        VenueStatus::of(self.recording.venue, &self.stats)
    }

    /// Seals the tapes.
    ///
    /// # Errors
    /// A tape cannot be written.
    pub fn finish(mut self) -> Result<()> {
        self.recording.finish().map_err(FeedError::from)
    }
}
