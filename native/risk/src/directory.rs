//! Who and what there is. Ids are places in these lists.

use rustonite_core::datasets::{OrderKind, Tif};
use rustonite_core::ids::{AccountId, InstrumentId, StrategyId, VenueId};
use rustonite_core::instrument::Instrument;

/// Name of the strategy that orders of persons count for.
pub const MANUAL: &str = "manual";

/// Everything that an order can name.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    /// The reporting currency, which money limits are in.
    pub currency: Box<str>,
    /// Assets by [`rustonite_core::ids::AssetId`].
    pub assets: Vec<Box<str>>,
    /// Markets by [`VenueId`].
    pub venues: Vec<Venue>,
    /// Accounts by [`AccountId`].
    pub accounts: Vec<Account>,
    /// Strategies by [`StrategyId`], without `manual`.
    pub strategies: Vec<Box<str>>,
    /// Instruments by [`InstrumentId`].
    pub instruments: Vec<Instrument>,
    /// Orders that may be open at once, over all accounts.
    pub orders_max: usize,
    /// Client ids that are remembered, at least.
    pub client_ids_max: usize,
}

/// A market and what it can do.
#[derive(Clone, Debug)]
pub struct Venue {
    /// Its name: `binance`.
    pub name: Box<str>,
    /// What orders may ask of it.
    pub can: Capabilities,
}

/// An account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Our name of it.
    pub name: Box<str>,
    /// Where it is.
    pub venue: VenueId,
    /// Whether it keeps long and short positions of an instrument apart.
    pub hedging: bool,
}

/// Kinds, times in force and flags that may be sent to a venue; ours that are emulated included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    kinds: u32,
    tifs: u32,
    flags: i32,
}

impl Capabilities {
    /// Nothing but what is named.
    pub fn of(kinds: &[OrderKind], tifs: &[Tif], flags: i32) -> Self {
        let kinds = kinds.iter().fold(0, |set, kind| set | 1 << *kind as u32);
        let tifs = tifs.iter().fold(0, |set, tif| set | 1 << *tif as u32);
        Self { kinds, tifs, flags }
    }

    pub(crate) fn has_kind(self, kind: OrderKind) -> bool {
        self.kinds >> kind as u32 & 1 != 0
    }

    pub(crate) fn has_tif(self, tif: Tif) -> bool {
        self.tifs >> tif as u32 & 1 != 0
    }

    pub(crate) fn has_flags(self, flags: i32) -> bool {
        flags & !self.flags == 0
    }
}

/// What a switch, a state or a limit is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// Everything.
    All,
    /// A market.
    Venue(VenueId),
    /// An account.
    Account(AccountId),
    /// A strategy; the one after the last is `manual`.
    Strategy(StrategyId),
    /// An instrument.
    Instrument(InstrumentId),
    /// An order, by our number.
    Order(i64),
}
