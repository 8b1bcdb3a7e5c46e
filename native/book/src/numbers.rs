//! What the numbers of a message say about what came before it.

use crate::rules::{Restart, Rules, Scheme};

/// Numbers of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Numbers {
    /// The first update in it.
    pub(crate) first: Option<i64>,
    /// The last update in it.
    pub(crate) last: Option<i64>,
    /// The one that must come before.
    pub(crate) before: Option<i64>,
}

/// How a message follows on what was applied last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is the next one.
    Next,
    /// It was applied already, or is covered by what was.
    Old,
    /// It is the next one and repeats the number, because nothing happened.
    Alive,
    /// It is the next one, and the venue counts from a lower number now.
    Lower,
    /// Others come between, with these numbers.
    Gap { from: i64, to: i64, missing: Option<i64> },
    /// A number that the scheme needs is not there.
    Unnumbered,
}

/// How a change meets a picture that came by another way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Join {
    /// The picture has it.
    Old,
    /// It is the first that the picture does not have in whole.
    First,
    /// Changes between the picture and this one are missing; it begins with this number.
    Later(i64),
    /// A number that the scheme needs is not there.
    Unnumbered,
}

impl Rules {
    /// Whether messages of a book have numbers of their own.
    pub fn is_numbered(self) -> bool {
        matches!(self.scheme, Scheme::Counter | Scheme::Chain | Scheme::Range)
    }

    /// Whether a message begins a new book by its number alone.
    pub(crate) fn begins(self, numbers: Numbers) -> bool {
        self.restart == Restart::One && numbers.last == Some(1)
    }

    /// How a message follows on number `at`.
    #[inline]
    pub(crate) fn step(self, at: i64, numbers: Numbers) -> Step {
        let step = match self.scheme {
            Scheme::Counter => numbers.last.map(|last| consecutive(at, last, last)),
            Scheme::Range => {
                let span = numbers.first.zip(numbers.last);
                span.map(|(first, last)| consecutive(at, first, last))
            }
            Scheme::Chain => {
                let pair = numbers.before.zip(numbers.last);
                pair.map(|(before, last)| self.chained(at, before, last))
            }
            Scheme::Checksum | Scheme::None => Some(Step::Next),
        };
        step.unwrap_or(Step::Unnumbered)
    }

    fn chained(self, at: i64, before: i64, last: i64) -> Step {
        if before == at {
            return match last.cmp(&at) {
                std::cmp::Ordering::Less => Step::Lower,
                std::cmp::Ordering::Equal => Step::Alive,
                std::cmp::Ordering::Greater => Step::Next,
            };
        }
        // Where numbers may fall, a lower one is no proof of age: only a repetition is.
        let old = if self.restart == Restart::Lower { last == at } else { last <= at };
        if old {
            return Step::Old;
        }
        Step::Gap { from: at.saturating_add(1), to: before, missing: None }
    }

    /// How a change follows on a picture with number `picture` that did not come by the stream.
    pub(crate) fn join(self, picture: i64, numbers: Numbers) -> Join {
        let Some(last) = numbers.last else {
            return if self.is_numbered() { Join::Unnumbered } else { Join::First };
        };
        let next = picture.saturating_add(1);
        // Futures of Binance ask for U <= picture <= u. But ids jump, and what lies between pu and U
        // belongs to other instruments: a change with pu <= picture misses nothing either.
        let (old, first, reaches) = match self.scheme {
            Scheme::Chain => match (numbers.before, numbers.first) {
                (Some(before), first) => (last < picture, first.unwrap_or(before), before < next),
                (None, Some(first)) => (last < picture, first, first < next),
                (None, None) => return Join::Unnumbered,
            },
            Scheme::Range => match numbers.first {
                Some(first) => (last <= picture, first, first <= next),
                None => return Join::Unnumbered,
            },
            Scheme::Counter => (last <= picture, last, last <= next),
            Scheme::Checksum | Scheme::None => return Join::First,
        };
        match (old, reaches) {
            (true, _) => Join::Old,
            (false, true) => Join::First,
            (false, false) => Join::Later(first),
        }
    }
}

/// A message with all numbers from `first` to `last`, after `at`.
fn consecutive(at: i64, first: i64, last: i64) -> Step {
    if last <= at {
        Step::Old
    } else if first <= at.saturating_add(1) {
        Step::Next
    } else {
        let missing = first.checked_sub(at).map(|distance| distance - 1);
        Step::Gap { from: at.saturating_add(1), to: first - 1, missing }
    }
}
