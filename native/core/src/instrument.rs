//! What can be traded and by which rules, as trading needs it: the exact part of the dataset
//! `instruments`.

use crate::Amount;
use crate::datasets::{ContractKind, InstrumentKind, InstrumentStatus};

/// One instrument of one venue. Limits are `None` where the venue has none or does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instrument {
    /// Its market: `binance`.
    pub venue: Box<str>,
    /// In the venue's spelling.
    pub symbol: Box<str>,
    /// What it is.
    pub kind: InstrumentKind,
    /// What profit of a derivative is counted in; `None` for spot.
    pub contract: Option<ContractKind>,
    /// What is bought and sold.
    pub base: Box<str>,
    /// What prices are in.
    pub quote: Box<str>,
    /// What profit and margin are in; the quote of spot.
    pub settle: Box<str>,
    /// Smallest step of prices.
    pub tick: Amount,
    /// Smallest step of sizes.
    pub lot: Amount,
    /// What one unit of size is worth: base units a contract (linear), quote units (inverse).
    pub multiplier: Amount,
    /// Least and largest price.
    pub price: (Option<Amount>, Option<Amount>),
    /// Least and largest size of an order.
    pub size: (Option<Amount>, Option<Amount>),
    /// Largest size of a market order.
    pub market_size_max: Option<Amount>,
    /// Least and largest price times size.
    pub notional: (Option<Amount>, Option<Amount>),
    /// Whether it can be traded now.
    pub status: InstrumentStatus,
}
