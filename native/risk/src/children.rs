//! How many children parents had. The places are made at the start.

use std::collections::HashMap;

use foldhash::fast::FixedState;

#[derive(Clone, Debug)]
pub(crate) struct Children {
    by_parent: HashMap<i64, i64, FixedState>,
    most: usize,
}

impl Children {
    pub(crate) fn new(most: usize) -> Self {
        // Twice the room, so that places of parents that are gone are swept without growing.
        let room = most.saturating_mul(2);
        Self { by_parent: HashMap::with_capacity_and_hasher(room, FixedState::default()), most }
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

    pub(crate) fn forget(&mut self, parent: i64) {
        self.by_parent.remove(&parent);
    }
}
