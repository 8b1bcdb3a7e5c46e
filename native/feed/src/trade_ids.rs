//! Trades that were seen already, by their ids: copies on a second connection, and history that is
//! repeated after a subscription.

use std::collections::{HashSet, VecDeque};

/// Ids behind the newest for which we know each one.
const WINDOW: i64 = 65_536;
/// Text ids that are remembered.
const TEXTS_MAX: usize = 8_192;

/// The ids of one instrument's trades.
#[derive(Debug, Default)]
pub(crate) struct TradeIds {
    newest: Option<i64>,
    /// A bit for each id of the window, at its place modulo the window.
    seen: Vec<u64>,
    texts: HashSet<u64, foldhash::fast::RandomState>,
    order: VecDeque<u64>,
}

/// What an id says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TradeId {
    New,
    Seen,
    /// The ids between the newest and this one were not seen.
    After {
        first_missing: i64,
        last_missing: i64,
    },
}

impl TradeIds {
    /// Notes a numeric id.
    pub(crate) fn number(&mut self, id: i64) -> TradeId {
        let Some(newest) = self.newest else {
            self.seen = vec![0; usize::try_from(WINDOW / 64).unwrap_or_default()];
            self.newest = Some(id);
            self.mark(id);
            return TradeId::New;
        };
        if id > newest {
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
        if id <= newest.saturating_sub(WINDOW) || self.is_marked(id) {
            return TradeId::Seen;
        }
        self.mark(id);
        TradeId::New
    }

    /// What was noted so far is recalled from tapes that may have forgotten older ids: none from
    /// before the oldest is new.
    pub(crate) fn recalled(&mut self, oldest: i64) {
        let Some(newest) = self.newest else { return };
        let first = newest.saturating_sub(WINDOW) + 1;
        (first..oldest).for_each(|id| self.mark(id));
    }

    /// Notes an id that is text.
    pub(crate) fn text(&mut self, id: &str) -> TradeId {
        use std::hash::BuildHasher;
        let hash = self.texts.hasher().hash_one(id);
        if !self.texts.insert(hash) {
            return TradeId::Seen;
        }
        self.order.push_back(hash);
        if self.order.len() > TEXTS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.texts.remove(&oldest);
        }
        TradeId::New
    }

    /// The newest numeric id.
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
