//! The exchange: accounts, instruments and their books.

use crate::{
    AccountId, Amount, AssetId, Command, Event, Instrument, InstrumentId, NewOrder, OrderId,
    PositionSide, Reject, Side,
};

/// An order as it is now. Those that have ended are known until they are forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its number.
    pub id: OrderId,
    /// What was asked for, with changes since.
    pub asked: NewOrder,
    /// When it came.
    pub placed_at: i64,
    /// When it changed last.
    pub changed_at: i64,
    /// Whole quantity in lots, once it is known.
    pub quantity: i64,
    /// Filled so far, in lots.
    pub filled: i64,
    /// What changed hands for it, of the quote asset.
    pub filled_quote: Amount,
    /// Whether its trigger was hit, or it has none.
    pub is_working: bool,
    /// Whether it can still trade.
    pub is_open: bool,
    /// Why it ended, if it did so unfilled.
    pub cancelled: Option<crate::CancelReason>,
}

/// All state. Deterministic: it holds no clock and no randomness.
#[derive(Debug, Default)]
pub struct Exchange {}

impl Exchange {
    /// Without instruments and accounts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names an asset; the number that it has. Amounts of fees are cut at so many decimals.
    pub fn asset(&mut self, _name: &str, _decimals: u32) -> AssetId {
        0
    }

    /// Lists an instrument.
    ///
    /// # Errors
    /// A tick or lot that is not positive, or whose product has more than 18 decimals.
    pub fn list(&mut self, _instrument: Instrument) -> Result<InstrumentId, Reject> {
        Err(Reject::Overflow)
    }

    /// Opens an account.
    pub fn open(&mut self) -> AccountId {
        0
    }

    /// Does what is asked for, at a moment in nanoseconds since 1970 that is never before the last
    /// one. Appends what happens to `events`. For what places orders: the number of the first.
    ///
    /// # Errors
    /// Whatever does not fit; nothing has changed then.
    pub fn apply(
        &mut self,
        _now: i64,
        _command: &Command,
        _events: &mut Vec<Event>,
    ) -> Result<Option<OrderId>, Reject> {
        Err(Reject::Overflow)
    }

    /// An order; `None` if it never was or is forgotten.
    pub fn order(&self, _id: OrderId) -> Option<Order> {
        None
    }

    /// Open orders of an account, oldest first.
    pub fn open_orders(&self, _account: AccountId) -> impl Iterator<Item = Order> {
        core::iter::empty()
    }

    /// Forgets orders that ended before a moment.
    pub fn forget(&mut self, _before: i64) {}

    /// What an account has of an asset: free and locked.
    pub fn balance(&self, _account: AccountId, _asset: AssetId) -> (Amount, Amount) {
        (Amount::ZERO, Amount::ZERO)
    }

    /// A position: quantity in lots, worth at entry, margin of its own.
    pub fn position(
        &self,
        _account: AccountId,
        _instrument: InstrumentId,
        _position: PositionSide,
    ) -> (i64, Amount, Amount) {
        (0, Amount::ZERO, Amount::ZERO)
    }

    /// Levels of a side that can be seen, the best first: price in ticks, quantity in lots.
    pub fn levels(
        &self,
        _instrument: InstrumentId,
        _side: Side,
    ) -> impl Iterator<Item = (i64, i64)> {
        core::iter::empty()
    }

    /// Price of the last trade, in ticks.
    pub fn last_price(&self, _instrument: InstrumentId) -> Option<i64> {
        None
    }

    /// Mark price in ticks; of spot the last one.
    pub fn mark_price(&self, _instrument: InstrumentId) -> Option<i64> {
        None
    }
}
