//! Trades that are told later than the change of the level that they made.
//!
//! Feeds of levels and of trades come on ways of their own. What a level has lost without a trade
//! may have been traded, and its trade still come: it is remembered for a while, and a trade uses it
//! up before it means anything new.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::Side;

/// Neighbouring prices are apart: each trade looks at the losses of its own place alone.
const PLACES: usize = 64;
/// Most losses that are remembered of a place; a busy market has a few within the time of a late
/// trade.
const KEPT_MAX: usize = 64;

/// Lots that left a level.
#[derive(Clone, Copy, Debug, Hash, Deserialize, Serialize)]
struct Lost {
    until: i64,
    side: Side,
    price: i64,
    lots: i64,
}

/// See the module.
#[derive(Debug, Hash, Deserialize, Serialize)]
pub(crate) struct LateTrades {
    /// How much later a trade may come; 0 if none does.
    within: i64,
    /// By side and price.
    lost: Vec<VecDeque<Lost>>,
}

#[allow(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "the last bits count")]
fn place(side: Side, price: i64) -> usize {
    ((price as usize) << 1 | side as usize) % PLACES
}

impl LateTrades {
    pub(crate) fn new(within: i64) -> Self {
        Self { within: within.max(0), lost: vec![VecDeque::new(); PLACES] }
    }

    /// Until when the trade may come that explains what happens to a level now.
    #[inline]
    pub(crate) fn until(&self, now: i64) -> i64 {
        if self.within == 0 { i64::MIN } else { now.saturating_add(self.within) }
    }

    /// A level lost so many lots, and nobody said why.
    #[inline]
    pub(crate) fn lose(&mut self, now: i64, side: Side, price: i64, lots: i64) {
        if self.within == 0 || lots <= 0 {
            return;
        }
        let until = self.until(now);
        let lost = &mut self.lost[place(side, price)];
        forget(lost, now);
        lost.push_back(Lost { until, side, price, lots });
    }

    /// Lots that a level lost of late.
    pub(crate) fn lost(&self, now: i64, side: Side, price: i64) -> i64 {
        let here = self.lost[place(side, price)].iter().filter(|one| one.until > now);
        here.filter(|one| (one.side, one.price) == (side, price)).map(|one| one.lots).sum()
    }

    /// Part of a trade that the level had lost before.
    #[inline]
    pub(crate) fn explain(&mut self, now: i64, side: Side, price: i64, lots: i64) -> i64 {
        let mut left = lots;
        for one in &mut self.lost[place(side, price)] {
            if one.until > now && (one.side, one.price) == (side, price) {
                let part = one.lots.min(left);
                one.lots -= part;
                left -= part;
            }
        }
        lots - left
    }
}

fn forget(lost: &mut VecDeque<Lost>, now: i64) {
    let is_past = |one: &Lost| one.until <= now || one.lots == 0;
    while lost.front().is_some_and(is_past) || lost.len() >= KEPT_MAX {
        lost.pop_front();
    }
}
