//! Positions: signed sizes with an average entry price, and what they have earned. Exact: what an
//! average cannot hold is booked as profit at once, so that profit and entry always add up to the
//! money that changed hands, whatever the order of the fills.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use rustonite_core::Amount;
use rustonite_core::datasets::{ContractKind, PositionSide};
use rustonite_core::ids::{AccountId, InstrumentId, StrategyId};
use rustonite_core::instrument::Instrument;

/// Whose position of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PositionKey {
    /// The account.
    pub account: AccountId,
    /// The strategy; `None` for the whole account.
    pub strategy: Option<StrategyId>,
    /// Of what.
    pub instrument: InstrumentId,
    /// Which one, in hedge mode.
    pub side: PositionSide,
}

/// How a contract is worth what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contract {
    /// Profit grows with one over the price.
    pub inverse: bool,
    /// Worth of one unit of size.
    pub multiplier: Amount,
}

impl Contract {
    /// The contract of an instrument.
    pub fn of(instrument: &Instrument) -> Self {
        let inverse = instrument.contract == Some(ContractKind::Inverse);
        Self { inverse, multiplier: instrument.multiplier }
    }

    /// Signed worth of a signed size, so that the worth at exit less that at entry is the profit.
    ///
    /// Of an inverse contract that is minus one over the price. `None` beyond what can be counted,
    /// and for a price of zero where one is divided by it.
    pub fn worth(self, size: Amount, price: Amount) -> Option<Amount> {
        let units = size.product(self.multiplier)?;
        if self.inverse { Some(-units.ratio(price)?) } else { units.product(price) }
    }

    /// The price at which a size is worth so much.
    pub(crate) fn price(self, size: Amount, worth: Amount) -> Option<Amount> {
        let units = size.product(self.multiplier)?;
        if self.inverse { units.ratio(-worth) } else { worth.ratio(units) }
    }
}

/// A position. Money is in the currency that the instrument settles in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Position {
    /// Signed: negative is short.
    pub size: Amount,
    /// Average entry; `None` when flat.
    pub price_entry: Option<Amount>,
    /// Profit realised in all, without fees and funding. What is flat keeps its sums, so that limits
    /// on losses know of every position that was closed.
    pub pnl_realised: Amount,
    /// Fees paid in all in the settlement currency, and in the base of spot at the fill's price.
    pub fees: Amount,
    /// Funding paid in all; negative if received.
    pub funding: Amount,
}

impl Position {
    /// Takes a fill of a signed size; returns the profit that it realised.
    ///
    /// `None`, and nothing is changed, beyond what can be counted.
    pub fn fill(&mut self, contract: Contract, size: Amount, price: Amount) -> Option<Amount> {
        let size_after = Amount(self.size.0.checked_add(size.0)?);
        let worth_before = self.worth_at_entry(contract)?;
        let paid = contract.worth(size, price)?;
        let grows = self.size.0.signum() * size.0.signum() >= 0;
        let flips = self.size.0.signum() * size_after.0.signum() < 0;
        let price_entry = match self.price_entry {
            _ if size_after == Amount::ZERO => None,
            Some(entry) if entry == price || !(grows || flips) => Some(entry),
            Some(_) if grows => Some(contract.price(size_after, worth_before + paid)?),
            _ => Some(price),
        };
        let worth_after = match price_entry {
            Some(entry) => contract.worth(size_after, entry)?,
            None => Amount::ZERO,
        };
        let realised = worth_after - worth_before - paid;
        self.size = size_after;
        self.price_entry = price_entry;
        self.pnl_realised += realised;
        Some(realised)
    }

    /// Profit that is open at a price; `None` beyond what can be counted.
    pub fn pnl_unrealised(&self, contract: Contract, price: Amount) -> Option<Amount> {
        Some(contract.worth(self.size, price)? - self.worth_at_entry(contract)?)
    }

    /// What was realised, fees and funding taken off.
    pub fn pnl_net(&self) -> Amount {
        self.pnl_realised - self.fees - self.funding
    }

    fn worth_at_entry(&self, contract: Contract) -> Option<Amount> {
        match self.price_entry {
            Some(entry) => contract.worth(self.size, entry),
            None => Some(Amount::ZERO),
        }
    }
}

/// All positions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positions(BTreeMap<PositionKey, Position>);

impl Positions {
    /// A position; flat if there never was one.
    pub fn get(&self, key: &PositionKey) -> Position {
        self.0.get(key).copied().unwrap_or_default()
    }

    /// All there are and were.
    pub fn iter(&self) -> impl Iterator<Item = (&PositionKey, &Position)> {
        self.0.iter()
    }

    pub(crate) fn set(&mut self, key: PositionKey, position: Position) {
        self.0.insert(key, position);
    }
}

impl Hash for Positions {
    /// A position that was never opened is no different from one that is flat and untouched.
    fn hash<H: Hasher>(&self, state: &mut H) {
        for (key, position) in &self.0 {
            if *position != Position::default() {
                (key, position).hash(state);
            }
        }
    }
}

#[cfg(test)]
mod tests;
