//! Switches, states and connections.

use rustonite_core::datasets::{RiskScope, TradingState};

use super::{Ask, Flow, GO_ON, Judge};
use crate::code::{Code, Unit};
use crate::directory::Target;
use crate::intent::Denial;
use crate::latch::Trip;
use crate::risk::{Access, Risk};

impl Risk {
    #[inline]
    pub(super) fn control<J: Judge>(&self, ask: &Ask<'_>, judge: &mut J) -> Flow {
        self.clock(ask, judge)?;
        if state_of(ask) != TradingState::Active || self.orders_killed > 0 {
            self.switched_off(ask, judge)?;
        }
        if ask.traded.is_restricted {
            ask.deny(judge, Code::Restricted, RiskScope::Instrument, None)?;
        }
        ask.connection(judge)?;
        match ask.account.access {
            Access::Cancels => ask.deny(judge, Code::NotReconciled, RiskScope::Account, None)?,
            Access::Unguarded => ask.deny(judge, Code::DeadManMissing, RiskScope::Account, None)?,
            Access::None | Access::All => {}
        }
        if !ask.venue.is_feed_up {
            ask.deny(judge, Code::FeedDisconnected, RiskScope::Venue, None)?;
        }
        GO_ON
    }

    pub(super) fn control_of_cancel<J: Judge>(&self, ask: &Ask<'_>, judge: &mut J) -> Flow {
        self.clock(ask, judge)?;
        // Whoever kills wants no order to be left, whatever was said before.
        let is_killed = || self.trips_of(ask).any(|trip| trip.code == Code::KillSwitch);
        if state_of(ask) == TradingState::Halted && !is_killed() {
            for trip in self.trips_of(ask).filter(|trip| trip.state == TradingState::Halted) {
                judge.hear(denied(trip, ask))?;
            }
        }
        ask.connection(judge)
    }

    #[inline]
    fn clock<J: Judge>(&self, ask: &Ask<'_>, judge: &mut J) -> Flow {
        if ask.now >= self.now {
            return GO_ON;
        }
        let back = Unit::Ms.amount(i128::from(self.now.saturating_sub(ask.now)));
        let none = Unit::Ms.amount(0);
        ask.deny(judge, Code::ClockBackwards, RiskScope::Order, Some((none, back)))
    }

    /// Says which switch is off, unless what is left on is enough.
    #[cold]
    #[inline(never)]
    fn switched_off<J: Judge>(&self, ask: &Ask<'_>, judge: &mut J) -> Flow {
        for trip in self.trips_of(ask) {
            let mut denial = denied(trip, ask);
            if trip.state == TradingState::ReduceOnly {
                let cell =
                    if trip.scope() == RiskScope::Strategy { ask.strategy_cell } else { ask.cell };
                let (size, room) = if ask.is_reduce_only {
                    (ask.leaves, cell.closable(ask.is_buy))
                } else {
                    (ask.added, cell.shrinkable(ask.is_buy))
                };
                if size <= room {
                    continue;
                }
                if denial.code == Code::ReduceOnlyState {
                    let amount = |points| ask.rules.size_amount(points);
                    denial = denial.with(Some((amount(room), amount(size))));
                }
            }
            judge.hear(denial)?;
        }
        GO_ON
    }

    fn trips_of<'a>(&'a self, ask: &'a Ask<'_>) -> impl Iterator<Item = &'a Trip> {
        let intent = ask.intent;
        let strategy = self.strategy_place(intent.strategy);
        self.latches.iter().filter(move |trip| match trip.target {
            Target::All => true,
            Target::Venue(venue) => venue == ask.traded.venue,
            Target::Account(account) => account == intent.account,
            Target::Strategy(one) => one.index() == strategy,
            Target::Instrument(instrument) => instrument == intent.instrument,
            Target::Order(order) => order == intent.order,
        })
    }
}

#[inline]
fn state_of(ask: &Ask<'_>) -> TradingState {
    ask.seats().iter().fold(ask.traded.state, |strictest, seat| strictest.max(seat.state))
}

fn denied(trip: &Trip, ask: &Ask<'_>) -> Denial {
    let figures = trip.limit.zip(trip.value);
    Denial { market_seq: ask.seen(), ..Denial::new(trip.code, trip.scope()).with(figures) }
}

impl Ask<'_> {
    #[inline]
    fn connection<J: Judge>(&self, judge: &mut J) -> Flow {
        if self.account.access != Access::None {
            return GO_ON;
        }
        self.deny(judge, Code::VenueDisconnected, RiskScope::Account, None)
    }
}
