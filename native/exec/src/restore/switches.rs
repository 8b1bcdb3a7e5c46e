//! Switches that were thrown and not put back, as rows of risk decisions say. Such a row is there from
//! the moment of the decision, whatever happens to the process after it.

use rustonite_core::Amount;
use rustonite_core::datasets::{RiskScope, RiskVerdict, TradingState};

use crate::cells::{Cells, columns};

/// A switch that is thrown, or a trading state that is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thrown {
    /// How far it reaches.
    pub scope: RiskScope,
    /// Name within the scope: of a venue, `venue:SYMBOL`, the number of an order; empty for all.
    pub name: String,
    /// Why.
    pub code: Box<str>,
    /// What it lets through.
    pub state: TradingState,
    /// The limit that was met.
    pub limit: Option<Amount>,
    /// The value that met it.
    pub value: Option<Amount>,
    /// When.
    pub ts: i64,
}

columns!(pub(super) SwitchColumns: ts_recv account strategy venue symbol order_id verdict code scope
    trading_state limit_value value detail);

impl SwitchColumns {
    /// Takes a row into what is thrown so far.
    pub(super) fn take(&self, cells: Cells<'_>, thrown: &mut Vec<Thrown>) {
        let verdict = cells.word(self.verdict, RiskVerdict::parse);
        let Some(switch) = self.switch(cells) else { return };
        let is_here = |one: &Thrown| one.scope == switch.scope && one.name == switch.name;
        match verdict {
            Some(RiskVerdict::Reset) => thrown.retain(|one| !is_here(one)),
            Some(RiskVerdict::Trip) => {
                thrown.retain(|one| !is_here(one) || one.code != switch.code);
                thrown.push(switch);
            }
            Some(RiskVerdict::StateChange) => {
                thrown.retain(|one| !is_here(one) || !is_state(&one.code));
                thrown.extend((switch.state != TradingState::Active).then_some(switch));
            }
            _ => {}
        }
    }

    fn switch(&self, cells: Cells<'_>) -> Option<Thrown> {
        let scope = cells.word(self.scope, RiskScope::parse)?;
        let text = |column| cells.text(column).unwrap_or_default();
        let name = match scope {
            RiskScope::All => String::new(),
            RiskScope::Venue => text(self.venue).to_owned(),
            RiskScope::Account => text(self.account).to_owned(),
            RiskScope::Strategy => text(self.strategy).to_owned(),
            RiskScope::Instrument => format!("{}:{}", text(self.venue), text(self.symbol)),
            RiskScope::Order => cells.int(self.order_id)?.to_string(),
        };
        // Its own state is in the text; that of the whole scope may be stricter.
        let own = cells.word(self.detail, TradingState::parse);
        Some(Thrown {
            scope,
            name,
            code: text(self.code).into(),
            state: own.or(cells.word(self.trading_state, TradingState::parse))?,
            limit: cells.amount(self.limit_value),
            value: cells.amount(self.value),
            ts: cells.int(self.ts_recv).unwrap_or(0),
        })
    }
}

/// Whether a code is of a trading state that a person set; a target has one of them.
fn is_state(code: &str) -> bool {
    ["halted", "cancel_only", "reduce_only_state"].contains(&code)
}
