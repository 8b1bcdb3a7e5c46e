//! Facts about a feed, as rows of `feed_events`.

use rustonite_core::datasets::{FeedEvent, draft};

/// A fact, without what the recording adds: time, venue.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fact<'a> {
    pub(crate) kind: FeedEvent,
    pub(crate) symbol: Option<&'a str>,
    pub(crate) dataset: Option<&'a str>,
    pub(crate) channel: Option<&'a str>,
    pub(crate) connection: Option<i64>,
    /// When it happened, if not now.
    pub(crate) ts_event: Option<i64>,
    pub(crate) span: Option<(i64, Option<i64>)>,
    pub(crate) seq: Option<(i64, i64)>,
    pub(crate) missing: Option<i64>,
    pub(crate) count: Option<i64>,
    pub(crate) value: Option<i64>,
    pub(crate) detail: Option<&'a str>,
}

impl<'a> Fact<'a> {
    /// A fact of a kind, about the venue as a whole so far.
    pub(crate) fn of(kind: FeedEvent) -> Self {
        Self { kind, ..Self::default() }
    }

    /// Its row.
    pub(crate) fn row(&self, venue: &'a str, now: i64) -> draft::FeedEvents<'a> {
        draft::FeedEvents {
            ts_event: self.ts_event.unwrap_or(now),
            ts_recv: now,
            venue: Some(venue),
            symbol: self.symbol,
            dataset: self.dataset,
            channel: self.channel,
            connection: self.connection,
            kind: self.kind,
            ts_from: self.span.map(|(from, _)| from),
            ts_to: self.span.and_then(|(_, to)| to),
            seq_from: self.seq.map(|(from, _)| from),
            seq_to: self.seq.map(|(_, to)| to),
            missing: self.missing,
            count: self.count,
            value: self.value,
            detail: self.detail,
            flags: rustonite_core::datasets::flags::LAST,
        }
    }
}
