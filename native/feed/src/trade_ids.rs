//! Trades that were seen already, by their ids: copies on a second connection, and history that is
//! repeated after a subscription.

use std::collections::{HashSet, VecDeque};
use std::hash::BuildHasher as _;

use rustonite_core::datasets::flags;

/// Ids behind the newest for which we know each one, where ids count up.
const WINDOW: i64 = 65_536;
/// Ids from before the window, in a row, after which the venue must have begun to count anew: no
/// venue repeats so many trades.
const BEHIND_MAX: u32 = 2_000;
/// Trades that are remembered where they do not.
const KEYS_MAX: usize = 4_096;

/// The ids of one instrument's trades.
#[derive(Debug, Default)]
pub(crate) struct TradeIds {
    newest: Option<i64>,
    /// A bit for each id of the window, at its place modulo the window.
    seen: Vec<u64>,
    /// Ids from before the window, in a row.
    behind: u32,
    keys: HashSet<u64, foldhash::fast::RandomState>,
    order: VecDeque<u64>,
}

/// What tells a trade from others where ids need not count up: they may be hashes, begin anew each day,
/// or be said again to take a trade back.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) struct TradeKey<'a> {
    time: Option<i64>,
    id: Option<i64>,
    uid: Option<&'a str>,
    is_doubtful: bool,
}

impl<'a> TradeKey<'a> {
    pub(crate) fn new(
        ts_event: i64,
        id: Option<i64>,
        uid: Option<&'a str>,
        row_flags: i32,
    ) -> Self {
        let is_ours = row_flags & flags::LOCAL_TIME != 0;
        let time = (!is_ours).then_some(ts_event);
        Self { time, id, uid, is_doubtful: row_flags & flags::DOUBTFUL != 0 }
    }
}

/// What an id says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TradeId {
    New,
    Seen,
    /// The venue counts anew.
    Restarted,
    /// The ids between the newest and this one were not seen.
    After {
        first_missing: i64,
        last_missing: i64,
    },
}

impl TradeIds {
    /// Notes an id of those that count up.
    pub(crate) fn number(&mut self, id: i64) -> TradeId {
        if self.seen.is_empty() {
            self.newest = None;
        }
        let Some(newest) = self.newest else {
            self.seen = vec![0; usize::try_from(WINDOW / 64).unwrap_or_default()];
            self.newest = Some(id);
            self.mark(id);
            return TradeId::New;
        };
        if id > newest {
            self.behind = 0;
            let skipped = (newest + 1)..id;
            let cleared = skipped.clone().take(usize::try_from(WINDOW).unwrap_or_default());
            cleared.for_each(|skipped| self.clear(skipped));
            self.newest = Some(id);
            self.mark(id);
            if skipped.is_empty() {
                return TradeId::New;
            }
            return TradeId::After { first_missing: newest + 1, last_missing: id - 1 };
        }
        // What is older than the window was before we began, or long ago.
        if id <= newest.saturating_sub(WINDOW) {
            return self.behind(id);
        }
        self.behind = 0;
        if self.is_marked(id) {
            return TradeId::Seen;
        }
        self.mark(id);
        TradeId::New
    }

    #[cold]
    fn behind(&mut self, id: i64) -> TradeId {
        self.behind += 1;
        if self.behind <= BEHIND_MAX {
            return TradeId::Seen;
        }
        (self.behind, self.newest) = (0, Some(id));
        self.seen.fill(0);
        self.mark(id);
        TradeId::Restarted
    }

    /// What was noted so far is recalled from tapes that may have forgotten older ids: none from
    /// before the oldest is new.
    pub(crate) fn recalled(&mut self, oldest: i64) {
        let Some(newest) = self.newest else { return };
        let first = newest.saturating_sub(WINDOW) + 1;
        (first..oldest).for_each(|id| self.mark(id));
    }

    /// Notes a trade whose id is like no other's.
    pub(crate) fn key(&mut self, key: TradeKey<'_>) -> TradeId {
        if key.id.is_none() && key.uid.is_none() {
            return TradeId::New;
        }
        let hash = self.keys.hasher().hash_one(key);
        if !self.keys.insert(hash) {
            return TradeId::Seen;
        }
        self.order.push_back(hash);
        if self.order.len() > KEYS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.keys.remove(&oldest);
        }
        self.newest = self.newest.max(key.id);
        TradeId::New
    }

    /// The largest numeric id.
    pub(crate) fn newest(&self) -> Option<i64> {
        self.newest
    }

    fn place(id: i64) -> (usize, u64) {
        let place = usize::try_from(id.rem_euclid(WINDOW)).unwrap_or_default();
        (place / 64, 1 << (place % 64))
    }

    fn mark(&mut self, id: i64) {
        let (word, bit) = Self::place(id);
        self.seen[word] |= bit;
    }

    fn clear(&mut self, id: i64) {
        let (word, bit) = Self::place(id);
        self.seen[word] &= !bit;
    }

    fn is_marked(&self, id: i64) -> bool {
        let (word, bit) = Self::place(id);
        self.seen[word] & bit != 0
    }
}

#[cfg(test)]
mod tests;
