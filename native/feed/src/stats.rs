//! What a recorder can say about itself while it runs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

/// Counters of one venue; written by its thread, read by anybody.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    pub(crate) frames: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) rows: AtomicU64,
    pub(crate) malformed: AtomicU64,
    pub(crate) unknown: AtomicU64,
    pub(crate) duplicates: AtomicU64,
    pub(crate) gaps: AtomicU64,
    pub(crate) missing: AtomicU64,
    pub(crate) resyncs: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) reconnects: AtomicU64,
    pub(crate) connections: AtomicI64,
    pub(crate) topics: AtomicI64,
    pub(crate) books_live: AtomicI64,
    pub(crate) books_waiting: AtomicI64,
    /// When the last frame came.
    pub(crate) ts_last: AtomicI64,
    /// Our receive time minus the venue's time, of the last row that had one.
    pub(crate) delay_ns: AtomicI64,
    problems: Mutex<BTreeMap<String, String>>,
}

impl Stats {
    pub(crate) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }

    /// Notes what an operator should know, or that it is over.
    pub(crate) fn problem(&self, about: &str, text: Option<String>) {
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        match text {
            Some(text) => drop(problems.insert(about.to_owned(), text)),
            None => drop(problems.remove(about)),
        }
    }
}

/// A look at the counters of one venue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "each is the counter of the same name")]
pub struct VenueStatus {
    pub venue: String,
    pub frames: u64,
    pub bytes: u64,
    pub rows: u64,
    pub malformed: u64,
    pub unknown: u64,
    pub duplicates: u64,
    pub gaps: u64,
    pub missing: u64,
    pub resyncs: u64,
    pub dropped: u64,
    pub reconnects: u64,
    pub connections: i64,
    pub topics: i64,
    pub books_live: i64,
    pub books_waiting: i64,
    pub ts_last: i64,
    pub delay_ns: i64,
    /// What is wrong at the moment, by what it is about.
    pub problems: BTreeMap<String, String>,
}

impl VenueStatus {
    pub(crate) fn of(venue: &str, stats: &Arc<Stats>) -> Self {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let gauge = |gauge: &AtomicI64| gauge.load(Ordering::Relaxed);
        Self {
            venue: venue.to_owned(),
            frames: count(&stats.frames),
            bytes: count(&stats.bytes),
            rows: count(&stats.rows),
            malformed: count(&stats.malformed),
            unknown: count(&stats.unknown),
            duplicates: count(&stats.duplicates),
            gaps: count(&stats.gaps),
            missing: count(&stats.missing),
            resyncs: count(&stats.resyncs),
            dropped: count(&stats.dropped),
            reconnects: count(&stats.reconnects),
            connections: gauge(&stats.connections),
            topics: gauge(&stats.topics),
            books_live: gauge(&stats.books_live),
            books_waiting: gauge(&stats.books_waiting),
            ts_last: gauge(&stats.ts_last),
            delay_ns: gauge(&stats.delay_ns),
            problems: stats.problems.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}
