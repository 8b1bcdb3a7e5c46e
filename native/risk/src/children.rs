//! How many children parents had. The places are made at the start.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::FixedState;

#[derive(Clone, Debug)]
pub(crate) struct Children {
    by_parent: HashMap<i64, i64, FixedState>,
    most: usize,
    /// The journal's row up to which earlier runs counted.
    counted_until: i64,
}

impl Children {
    pub(crate) fn new(most: usize) -> Self {
        // Twice the room, so that places of parents that are gone are swept without growing.
        let room = most.saturating_mul(2);
        let by_parent = HashMap::with_capacity_and_hasher(room, FixedState::default());
        Self { by_parent, most, counted_until: 0 }
    }

    pub(crate) fn count(&self, parent: i64) -> i64 {
        self.by_parent.get(&parent).copied().unwrap_or(0)
    }

    /// Whether there is no place for another parent.
    pub(crate) fn is_full_for(&self, parent: i64) -> bool {
        self.by_parent.len() >= self.most && !self.by_parent.contains_key(&parent)
    }

    pub(crate) fn add(&mut self, parent: i64) {
        *self.by_parent.entry(parent).or_insert(0) += 1;
    }

    /// A child that an earlier run sent, by a row of its journal.
    pub(crate) fn recall(&mut self, parent: i64, seq: i64) {
        if seq > self.counted_until {
            self.add(parent);
        }
    }

    pub(crate) fn counts(&self) -> BTreeMap<i64, i64> {
        self.by_parent.iter().map(|(parent, count)| (*parent, *count)).collect()
    }

    /// What earlier runs counted, up to a row of their journal.
    pub(crate) fn restore(&mut self, counts: &BTreeMap<i64, i64>, until: i64) {
        self.by_parent.extend(counts);
        self.counted_until = until;
    }

    pub(crate) fn retain(&mut self, is_open: impl Fn(i64) -> bool) {
        self.by_parent.retain(|parent, _| is_open(*parent));
    }

    pub(crate) fn forget(&mut self, parent: i64) {
        self.by_parent.remove(&parent);
    }
}
