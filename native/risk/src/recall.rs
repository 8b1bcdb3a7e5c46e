//! What happened in earlier runs and still counts for limits on flow. It throws no switch: those that
//! were thrown are kept by themselves.

use rustonite_core::Amount;
use rustonite_core::ids::{AccountId, StrategyId};

use crate::check::look;
use crate::directory::Target;
use crate::intent::Intent;
use crate::risk::Risk;

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

impl Risk {
    /// Recalled what happened in an earlier run. To be told in its order, before anything else.
    pub fn recall(
        &mut self,
        account: AccountId,
        strategy: Option<StrategyId>,
        what: Recalled,
        ts: i64,
    ) {
        self.turn_day(ts);
        let place = self.strategy_place(strategy);
        let strategy = StrategyId(u16::try_from(place).unwrap_or(u16::MAX));
        if let Recalled::Closed(profit) = what {
            return self.count_closed(account, strategy, profit, ts);
        }
        self.each_seat(account, strategy, |seat| match what {
            Recalled::Sent { is_cancel } => seat.count_request(ts, is_cancel),
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

    /// A person put the switches of a target back in an earlier run.
    pub fn recall_reset(&mut self, target: Target) {
        if let Some(seat) = self.seat_mut(target) {
            seat.start_counts();
        }
    }
}
