//! What is held, as it is told.

use rustonite_core::datasets::PositionSide;
use rustonite_core::ids::{AccountId, InstrumentId, StrategyId};

use crate::check::leg;
use crate::exposure::Cell;
use crate::risk::Risk;
use crate::value::changed;

/// What is held of an instrument, in size points; negative is short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The account.
    pub account: AccountId,
    /// The strategy; `None` for `manual`.
    pub strategy: Option<StrategyId>,
    /// Of what.
    pub instrument: InstrumentId,
    /// Which position, in hedge mode.
    pub side: Option<PositionSide>,
    /// By the account, for whomever.
    pub by_account: i64,
    /// By the strategy, on whatever account.
    pub by_strategy: i64,
}

impl Risk {
    /// Sets what an account and one of its strategies hold of an instrument. It was counted fill by
    /// fill in whole points, and this is what those add up to.
    pub fn hold(&mut self, held: &Held) {
        let strategy = self.strategy_place(held.strategy);
        let (Some(account), Some(traded)) = (
            self.accounts.get(held.account.index()),
            self.instruments.get_mut(held.instrument.index()),
        ) else {
            return;
        };
        if account.venue != traded.venue || strategy >= self.strategies.len() {
            return;
        }
        let (leg, at) = (leg(account, held.side), account.cell(traded));
        let (worth, settle) = (*traded.worth, traded.settle);
        let more = held.by_account.saturating_sub(self.account_cells[at][leg].position);
        traded.total.position = traded.total.position.saturating_add(more);
        traded.total.clamp();
        let set = |to: i64| move |cell: &mut Cell| cell.position = to;
        let share = changed(&mut self.account_cells[at][leg], &worth, set(held.by_account));
        self.add_to_account(held.account.index(), settle, share);
        let at = self.strategy_cell(strategy, held.instrument);
        let share = changed(&mut self.strategy_cells[at][leg], &worth, set(held.by_strategy));
        self.strategies[strategy].add(&share);
    }
}
