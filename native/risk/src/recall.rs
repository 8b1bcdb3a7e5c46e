//! What happened in earlier runs and still counts for limits on flow. It throws no switch: those that
//! were thrown are kept by themselves.

use std::collections::BTreeMap;

use rustonite_core::Amount;
use rustonite_core::ids::{AccountId, StrategyId};
use serde::{Deserialize, Serialize};

use crate::check::look;
use crate::directory::Target;
use crate::intent::Intent;
use crate::risk::Risk;
use crate::sent::DAY_NS;

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recalled {
    /// A request left.
    Sent {
        /// It was a cancel.
        is_cancel: bool,
    },
    /// The venue refused a request.
    Refused,
    /// The venue took one.
    Taken,
    /// An order was executed.
    Executed,
    /// A position was closed with a profit or loss.
    Closed(Amount),
}

/// When something happened, and the number of its row in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Past {
    /// When.
    pub ts: i64,
    /// The row.
    pub seq: i64,
}

/// What a scope has counted, for whoever keeps it beside a journal: the first rows of that are removed
/// one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// The journal's row up to which all is counted.
    pub until: i64,
    /// The UTC day of the next three, in days since 1970.
    pub day: i64,
    /// Requests of the day.
    pub sent: i64,
    /// Those of them that were cancels.
    pub cancels: i64,
    /// Executions of the day.
    pub fills: i64,
    /// Executions since a person said that it may go on.
    pub executions: i64,
    /// Refusals in a row.
    pub rejects: i64,
    /// Losses in a row.
    pub losses: i64,
    /// Until when nothing is traded after too many of them.
    pub paused_until: Option<i64>,
}

impl Risk {
    /// What each scope has counted, by all rows of a journal up to this one.
    pub fn counts(&self, until: i64) -> Vec<(Target, Counts)> {
        let day = self.day_end.div_euclid(DAY_NS) - 1;
        let of = |target| Some((target, Counts { until, day, ..self.seat(target)?.counts() }));
        self.scopes().filter_map(of).collect()
    }

    /// What a scope counted in earlier runs, up to a row of the journal. To be told before the rows.
    pub fn restore_counts(&mut self, target: Target, counts: &Counts) {
        self.turn_day(counts.day.saturating_mul(DAY_NS));
        let is_of_day = counts.day == self.day_end.div_euclid(DAY_NS) - 1;
        if let Some(seat) = self.seat_mut(target) {
            seat.restore_counts(counts, is_of_day);
        }
    }

    /// How many children each parent had.
    pub fn child_counts(&self) -> BTreeMap<i64, i64> {
        self.children.counts()
    }

    /// What earlier runs counted of children, up to a row of the journal.
    pub fn restore_children(&mut self, counts: &BTreeMap<i64, i64>, until: i64) {
        self.children.restore(counts, until);
    }

    /// A child of a parent left in an earlier run, by a row of the journal.
    pub fn recall_child(&mut self, parent: i64, seq: i64) {
        self.children.recall(parent, seq);
    }

    /// All is recalled, and only these parents have not ended.
    pub fn keep_parents(&mut self, is_open: impl Fn(i64) -> bool) {
        self.children.retain(is_open);
    }

    /// Recalled what happened in an earlier run. To be told in its order, before anything else.
    pub fn recall(
        &mut self,
        account: AccountId,
        strategy: Option<StrategyId>,
        what: Recalled,
        past: Past,
    ) {
        self.turn_day(past.ts);
        let place = self.strategy_place(strategy);
        let strategy = StrategyId(u16::try_from(place).unwrap_or(u16::MAX));
        if let Recalled::Closed(profit) = what {
            return self.count_closed(account, strategy, profit, past);
        }
        self.each_seat(account, strategy, |seat| match what {
            // Of what is counted already the moment still counts.
            _ if seat.has_counted(past.seq) => {
                if matches!(what, Recalled::Sent { .. }) {
                    seat.note_request(past.ts);
                }
            }
            Recalled::Sent { is_cancel } => seat.count_request(past.ts, is_cancel),
            Recalled::Refused => seat.rejects += 1,
            Recalled::Taken => seat.rejects = 0,
            Recalled::Executed => seat.count_execution(),
            Recalled::Closed(_) => {}
        });
    }

    /// An order left in an earlier run, which others may be alike.
    pub fn recall_order(&mut self, intent: &Intent, ts: i64) {
        self.likes.insert(look(intent), ts);
    }

    /// A person put the switches of a target back in an earlier run, by a row of the journal or after
    /// all of them.
    pub fn recall_reset(&mut self, target: Target, seq: Option<i64>) {
        let seat = self.seat_mut(target);
        if let Some(seat) = seat.filter(|seat| !seq.is_some_and(|seq| seat.has_counted(seq))) {
            seat.start_counts();
        }
    }
}
