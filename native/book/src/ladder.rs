//! The levels of one side, best first.
//!
//! A level has a rank: its price in ticks, negated on the bid side, so that a lower rank is better.
//! Levels near the best are in a ring of slots that covers a span of ranks, all others in a sorted
//! list. Every level in the ring is better than every level in the list, and the best one is in the
//! ring. Because a rank's slot is the rank modulo the ring's length, moving the span moves no level
//! that stays in it.

use crate::far::Far;
use crate::marks::{Marks, SLOTS_MAX};

/// Slots of a new ring. A ring grows only when levels fill it, so a small book stays small.
const SLOTS_MIN: usize = 64;

/// Levels of one side by rank.
#[derive(Clone, Debug)]
pub struct Ladder<T> {
    /// First rank of the span that the ring covers.
    base: i128,
    slots: Vec<T>,
    marks: Marks,
    /// Levels in the ring.
    near: usize,
    /// Rank of the best level; without meaning while there is none.
    best: i128,
    far: Far<T>,
}

impl<T: Copy + Default> Default for Ladder<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Copy + Default> Ladder<T> {
    /// Without levels.
    pub fn new() -> Self {
        Self {
            base: 0,
            slots: vec![T::default(); SLOTS_MIN],
            marks: Marks::new(SLOTS_MIN),
            near: 0,
            best: 0,
            far: Far::new(),
        }
    }

    /// How many levels there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.near + self.far.len()
    }

    /// Whether there is no level.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rank of the best level.
    #[inline]
    pub fn best_rank(&self) -> Option<i128> {
        (self.near > 0).then_some(self.best)
    }

    /// The best level.
    pub fn best(&self) -> Option<(i128, &T)> {
        self.best_rank().map(|rank| (rank, &self.slots[self.ring(rank)]))
    }

    /// The level of a rank.
    #[inline]
    pub fn get(&self, rank: i128) -> Option<&T> {
        match self.slot(rank) {
            Some(slot) => self.marks.contains(slot).then(|| &self.slots[slot]),
            None => self.far.get(rank),
        }
    }

    /// The level of a rank, to be changed.
    #[inline]
    pub fn get_mut(&mut self, rank: i128) -> Option<&mut T> {
        match self.slot(rank) {
            Some(slot) => self.marks.contains(slot).then(|| &mut self.slots[slot]),
            None => self.far.get_mut(rank),
        }
    }

    /// Puts a level in and returns the one that it replaces.
    #[inline]
    pub fn insert(&mut self, rank: i128, value: T) -> Option<T> {
        if self.near == 0 {
            self.base = rank - self.margin();
            self.best = rank;
        } else if rank < self.base {
            self.slide_back(rank);
        }
        let Some(slot) = self.slot(rank) else {
            return self.insert_far(rank, value);
        };
        if self.marks.set(slot) {
            return Some(std::mem::replace(&mut self.slots[slot], value));
        }
        self.slots[slot] = value;
        self.near += 1;
        self.best = self.best.min(rank);
        None
    }

    /// Takes a level out.
    #[inline]
    pub fn remove(&mut self, rank: i128) -> Option<T> {
        let Some(slot) = self.slot(rank) else {
            return self.far.remove(rank);
        };
        if !self.marks.contains(slot) {
            return None;
        }
        // Another level may take the slot when the span moves.
        let value = self.slots[slot];
        self.free(slot);
        if rank == self.best {
            self.find_best();
        }
        Some(value)
    }

    /// Takes the worst level out.
    pub fn pop_worst(&mut self) -> Option<(i128, T)> {
        if let Some(last) = self.far.pop_last() {
            return Some(last);
        }
        let slot = self.marks.last_before(self.ring(self.base))?;
        self.free(slot);
        Some((self.rank(slot), self.slots[slot]))
    }

    /// Takes all levels out.
    pub fn clear(&mut self) {
        self.marks.clear_all();
        self.near = 0;
        self.far.clear();
    }

    /// All levels, best first.
    pub fn iter(&self) -> impl Iterator<Item = (i128, &T)> {
        let mut from = self.ring(self.base);
        let near = (0..self.near).map_while(move |_| {
            let slot = self.marks.first_from(from)?;
            from = (slot + 1) & (self.slots.len() - 1);
            Some((self.rank(slot), &self.slots[slot]))
        });
        near.chain(self.far.iter())
    }

    /// Room for levels better than the best one.
    fn margin(&self) -> i128 {
        self.span() / 4
    }

    fn span(&self) -> i128 {
        // At most `SLOTS_MAX`.
        self.slots.len() as i128
    }

    /// Where the ring keeps a rank of its span.
    #[inline]
    fn ring(&self, rank: i128) -> usize {
        place(rank, self.slots.len())
    }

    /// The rank that a slot stands for.
    fn rank(&self, slot: usize) -> i128 {
        let distance = slot.wrapping_sub(self.ring(self.base)) & (self.slots.len() - 1);
        self.base + distance as i128
    }

    /// The slot of a rank, if the span covers it.
    #[inline]
    fn slot(&self, rank: i128) -> Option<usize> {
        let distance = rank.wrapping_sub(self.base).cast_unsigned();
        (distance < self.slots.len() as u128).then(|| self.ring(rank))
    }

    fn free(&mut self, slot: usize) {
        self.marks.clear(slot);
        self.near -= 1;
    }

    fn find_best(&mut self) {
        match self.marks.first_from(self.ring(self.base)) {
            Some(slot) => self.best = self.rank(slot),
            None => match self.far.first() {
                Some(first) => self.best = first,
                None => return,
            },
        }
        if self.near == 0 || self.best - self.base > self.span() / 2 {
            self.base = self.best - self.margin();
            self.pull();
        }
    }

    /// Takes levels from the list that the span covers now.
    fn pull(&mut self) {
        while let Some(first) = self.far.first()
            && let Some(slot) = self.slot(first)
            && let Some((_, value)) = self.far.pop_first()
        {
            self.marks.set(slot);
            self.slots[slot] = value;
            self.near += 1;
        }
    }

    /// Moves the span so that it covers a better rank; levels at its other end go to the list.
    #[cold]
    fn slide_back(&mut self, rank: i128) {
        let base = rank - self.margin();
        let end = base + self.span();
        let start = self.ring(self.base);
        while let Some(slot) = self.marks.last_before(start) {
            let rank = self.rank(slot);
            if rank < end {
                break;
            }
            self.far.insert(rank, self.slots[slot]);
            self.free(slot);
        }
        self.base = base;
    }

    #[inline(never)]
    fn insert_far(&mut self, rank: i128, value: T) -> Option<T> {
        let replaced = self.far.insert(rank, value);
        let within_twice = rank.saturating_sub(self.base) < 2 * self.span();
        if within_twice && self.slots.len() < SLOTS_MAX && self.near >= self.slots.len() / 8 {
            self.grow();
        }
        replaced
    }

    /// Doubles the span.
    #[cold]
    fn grow(&mut self) {
        let length = self.slots.len() * 2;
        let mut slots = vec![T::default(); length];
        let mut marks = Marks::new(length);
        let mut from = self.ring(self.base);
        for _ in 0..self.near {
            let Some(slot) = self.marks.first_from(from) else { break };
            from = (slot + 1) & (self.slots.len() - 1);
            let rank = self.rank(slot);
            let place = place(rank, length);
            slots[place] = self.slots[slot];
            marks.set(place);
        }
        self.slots = slots;
        self.marks = marks;
        self.pull();
    }
}

/// A rank modulo the length of a ring, which is a power of two.
#[expect(clippy::cast_sign_loss, reason = "the low bits of a negative number count on as well")]
#[inline]
fn place(rank: i128, length: usize) -> usize {
    rank as usize & (length - 1)
}

#[cfg(test)]
mod tests;
