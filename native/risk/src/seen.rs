//! What was sent lately: client ids, and orders that look alike. Exactly so many are remembered, and
//! the oldest is forgotten first. The places are made at the start.

const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Spreads the bits of two numbers over one.
#[inline]
pub(crate) fn mixed(one: u64, other: u64) -> u64 {
    let wide = u128::from(one ^ ODD) * u128::from(other ^ ODD.rotate_left(32));
    let low = u64::try_from(wide & u128::from(u64::MAX)).unwrap_or_default();
    low ^ u64::try_from(wide >> 64).unwrap_or_default()
}

/// The last numbers and when they came; 0 is no number.
#[derive(Clone, Debug)]
pub(crate) struct Recent {
    /// A number is in its own place or in one of the next, with no empty place between.
    numbers: Vec<u64>,
    times: Vec<i64>,
    shift: u32,
    /// In the order in which they came, the oldest at `next`.
    queue: Vec<(u64, i64)>,
    next: usize,
    /// When a number came last, whichever.
    newest: i64,
}

impl Recent {
    pub(crate) fn new(remembered: usize) -> Self {
        let remembered = remembered.max(1);
        // At most half of the places are taken, so ways are short.
        let places = remembered.saturating_mul(2).next_power_of_two();
        Self {
            numbers: vec![0; places],
            times: vec![i64::MIN; places],
            shift: u64::BITS - places.trailing_zeros(),
            queue: vec![(0, i64::MIN); remembered],
            next: 0,
            newest: i64::MIN,
        }
    }

    /// When a number came last, whichever; or `i64::MIN`.
    #[inline]
    pub(crate) fn newest(&self) -> i64 {
        self.newest
    }

    /// When a number came last, or `i64::MIN`.
    #[inline]
    pub(crate) fn last(&self, number: u64) -> i64 {
        let at = self.place(number);
        let is_there = self.numbers.get(at).is_some_and(|other| *other == number);
        if is_there { self.times.get(at).copied().unwrap_or(i64::MIN) } else { i64::MIN }
    }

    /// Whether a number is remembered; 0 always is.
    #[inline]
    pub(crate) fn has(&self, number: u64) -> bool {
        self.numbers.get(self.place(number)).is_none_or(|other| *other == number)
    }

    pub(crate) fn insert(&mut self, number: u64, now: i64) {
        if number == 0 {
            return;
        }
        self.newest = self.newest.max(now);
        let (oldest, came) = std::mem::replace(&mut self.queue[self.next], (number, now));
        self.next = (self.next + 1) % self.queue.len();
        // If it came again since, it is further back in the queue as well.
        if oldest != 0 && self.last(oldest) == came {
            self.remove(oldest);
        }
        let at = self.place(number);
        (self.numbers[at], self.times[at]) = (number, now);
    }

    /// Where a number is, or the empty place where it would be.
    #[inline]
    fn place(&self, number: u64) -> usize {
        let mask = self.numbers.len() - 1;
        let mut at = self.home(number);
        while self.numbers.get(at).is_some_and(|other| *other != number && *other != 0) {
            at = (at + 1) & mask;
        }
        at
    }

    #[inline]
    fn home(&self, number: u64) -> usize {
        usize::try_from(number.wrapping_mul(ODD) >> self.shift).unwrap_or_default()
    }

    /// Takes a number out and moves those up that were further from home because of it.
    fn remove(&mut self, number: u64) {
        let mask = self.numbers.len() - 1;
        let mut hole = self.place(number);
        let mut at = hole;
        loop {
            self.numbers[hole] = 0;
            loop {
                at = (at + 1) & mask;
                if self.numbers[at] == 0 {
                    return;
                }
                let way = at.wrapping_sub(self.home(self.numbers[at])) & mask;
                if way >= at.wrapping_sub(hole) & mask {
                    break;
                }
            }
            (self.numbers[hole], self.times[hole]) = (self.numbers[at], self.times[at]);
            hole = at;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::{Recent, mixed};

    #[test]
    fn the_last_are_remembered_and_no_more_however_they_are_spread() {
        let spreads: [fn(u64) -> u64; 3] =
            [|at| at + 1, |at| mixed(at, 7) | 1, |at| (at + 1) << 40];
        for number_of in spreads {
            let mut recent = Recent::new(1000);
            for at in 0..20_000_u64 {
                let number = number_of(at);
                assert!(!recent.has(number), "{at}");
                recent.insert(number, i64::try_from(at).unwrap());
                if at % 500 == 0 {
                    let known = (0..=at).filter(|at| recent.has(number_of(*at))).count();
                    assert_eq!(known as u64, (at + 1).min(1000));
                    let mut last = at.saturating_sub(999)..=at;
                    assert!(last.all(|at| recent.has(number_of(at))));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_list_agrees(numbers in prop::collection::vec(0_u64..40, 1..300)) {
            let mut recent = Recent::new(16);
            let mut list: VecDeque<(u64, i64)> = VecDeque::new();
            for (now, number) in (0..).zip(numbers) {
                recent.insert(number, now);
                if number > 0 {
                    list.push_back((number, now));
                }
                if list.len() > 16 {
                    list.pop_front();
                }
                for number in 1..40 {
                    let last = list.iter().rev().find(|(other, _)| *other == number);
                    prop_assert_eq!(recent.last(number), last.map_or(i64::MIN, |(_, ts)| *ts));
                    prop_assert_eq!(recent.has(number), last.is_some());
                }
            }
        }
    }
}
