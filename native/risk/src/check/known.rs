//! Is everything that the request names known.

use rustonite_core::datasets::{RiskRequest, RiskScope};

use super::{Ask, Flow, GO_ON, Judge};
use crate::code::Code;
use crate::intent::{Denial, Intent};
use crate::key::Key;
use crate::risk::Risk;

impl Risk {
    /// Says which of its names is not known.
    #[cold]
    #[inline(never)]
    pub(super) fn unknown<J: Judge>(&self, intent: &Intent, judge: &mut J) -> Flow {
        let account = self.accounts.get(intent.account.index());
        let traded = self.instruments.get(intent.instrument.index());
        let code = if account.is_none() {
            Code::AccountUnknown
        } else if self.strategy_place(intent.strategy) >= self.strategies.len() {
            Code::StrategyUnknown
        } else if traded.is_none() {
            Code::InstrumentUnknown
        } else if traded.map(|traded| traded.venue) != account.map(|account| account.venue) {
            Code::AccountElsewhere
        } else {
            Code::InstrumentUnsupported
        };
        judge.hear(Denial::new(code, RiskScope::Order))
    }

    #[inline]
    pub(super) fn known<J: Judge>(&self, ask: &Ask<'_>, judge: &mut J) -> Flow {
        let intent = ask.intent;
        let keys = ask.traded.limits.keys | ask.desk.keys;
        if keys != Key::EVERY {
            limits_missing(judge, keys)?;
        }
        let is_change = intent.request == RiskRequest::Replace;
        if is_change {
            self.order_is_known(ask, judge)?;
        } else if self.orders.has(intent.order) {
            ask.deny(judge, Code::OrderNumberUsed, RiskScope::Order, None)?;
        }
        let keeps_id = is_change && intent.client_id == 0;
        if !keeps_id && self.client_ids.has(intent.client_id) {
            ask.deny(judge, Code::ClientIdUsed, RiskScope::Order, None)?;
        }
        if !is_change && self.orders.is_full() {
            let most = self.orders.most();
            ask.deny(
                judge,
                Code::TooManyOrders,
                RiskScope::All,
                Some((count(most), count(most + 1))),
            )?;
        }
        GO_ON
    }

    #[inline]
    pub(super) fn order_is_known<J: Judge>(&self, ask: &Ask<'_>, judge: &mut J) -> Flow {
        let intent = ask.intent;
        let is_same = ask.open.is_some_and(|open| {
            open.account == intent.account
                && open.instrument == intent.instrument
                && open.strategy.index() == self.strategy_place(intent.strategy)
                && open.side == intent.side
                && open.leg == super::leg(ask.account, intent.position_side)
        });
        if is_same {
            return GO_ON;
        }
        ask.deny(judge, Code::OrderUnknown, RiskScope::Order, None)
    }
}

pub(super) fn count(things: usize) -> rustonite_core::Amount {
    crate::code::Unit::Count.amount(i128::try_from(things).unwrap_or(i128::MAX))
}

#[cold]
#[inline(never)]
fn limits_missing<J: Judge>(judge: &mut J, keys: u64) -> Flow {
    let missing = Key::ALL.iter().filter(|key| keys & key.bit() == 0);
    for key in missing {
        judge.hear(Denial {
            key: Some(*key),
            ..Denial::new(Code::LimitsMissing, RiskScope::Order)
        })?;
    }
    GO_ON
}
