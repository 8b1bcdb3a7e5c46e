//! What happened, and why something did not.

use serde::Serialize;

use crate::{AccountId, Amount, AssetId, CancelReason, InstrumentId, OrderId, PositionSide, Side};

/// One thing that happened. Those of a command come in the order in which they happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// An order was taken. It rests, waits for its trigger, or trades in the events that follow.
    Placed {
        /// Which.
        order: OrderId,
    },
    /// The trigger of an order was hit; it now comes to the book.
    Triggered {
        /// Which.
        order: OrderId,
    },
    /// The trigger price of a trailing order moved. Not told for each tick of the price: with the
    /// command that moved it, once.
    Trailed {
        /// Which.
        order: OrderId,
        /// New trigger price in ticks.
        price: i64,
    },
    /// A trade, for everybody.
    Trade {
        /// Of what.
        instrument: InstrumentId,
        /// Its number, from 1 for each instrument.
        trade: u64,
        /// Price in ticks.
        price: i64,
        /// Quantity in lots.
        quantity: i64,
        /// Side of who came.
        taker_side: Side,
        /// The order that came.
        taker: OrderId,
        /// The order that rested.
        maker: OrderId,
    },
    /// An order's part in a trade, for its account. Follows the trade: first maker, then taker. What
    /// positions give to each other is no trade of the market, but has a number of its own.
    Fill {
        /// Which.
        order: OrderId,
        /// Whose.
        account: AccountId,
        /// The trade.
        trade: u64,
        /// Price in ticks.
        price: i64,
        /// Quantity in lots.
        quantity: i64,
        /// Filled so far, this included, in lots.
        filled: i64,
        /// What has changed hands for it so far, of the quote asset.
        filled_quote: Amount,
        /// What is still open, in lots; of a quantity of quote more than 0 as long as it buys any.
        open: i64,
        /// Whether it had rested.
        is_maker: bool,
        /// What it cost; negative is a rebate.
        fee: Amount,
        /// In which asset.
        fee_asset: AssetId,
        /// What a perpetual's position gained by it.
        realised: Amount,
    },
    /// An order would have traded with another one of its account. What becomes of it depends on
    /// the mode of who came: it gets smaller, or it ends in an event that follows.
    Prevented {
        /// Which.
        order: OrderId,
        /// The other one.
        other: OrderId,
        /// What both orders share of it: a number, from 1 for each instrument.
        number: u64,
        /// Price in ticks.
        price: i64,
        /// Quantity in lots.
        quantity: i64,
        /// The same so far, this included.
        prevented: i64,
        /// Filled so far, in lots.
        filled: i64,
        /// What has changed hands for it so far, of the quote asset.
        filled_quote: Amount,
        /// Whether it had rested.
        is_maker: bool,
        /// Whether it goes on.
        goes_on: bool,
    },
    /// An order was changed in place. What it trades by that follows.
    Amended {
        /// Which.
        order: OrderId,
        /// Filled so far, in lots.
        filled: i64,
        /// What has changed hands for it so far, of the quote asset.
        filled_quote: Amount,
    },
    /// An order has ended unfilled, or partly filled.
    Cancelled {
        /// Which.
        order: OrderId,
        /// Why.
        reason: CancelReason,
        /// Lots that were prevented from trading with their own account.
        prevented: i64,
    },
    /// A level of a book is so large now. At most one event for a level and command, at its end.
    Level {
        /// Of what.
        instrument: InstrumentId,
        /// Side of the book.
        side: Side,
        /// In ticks.
        price: i64,
        /// All that is seen of it, in lots; 0 if it is gone.
        quantity: i64,
    },
    /// A balance is so large now. At most one event for a balance and command, at its end.
    Balance {
        /// Whose.
        account: AccountId,
        /// Of what.
        asset: AssetId,
        /// What can be used.
        free: Amount,
        /// What open orders keep.
        locked: Amount,
    },
    /// A position is so large now. At most one event for a position and command, at its end.
    Position {
        /// Whose.
        account: AccountId,
        /// Of what.
        instrument: InstrumentId,
        /// Which.
        position: PositionSide,
        /// In lots; negative if short.
        quantity: i64,
        /// What was paid for it: worth at entry; of the same sign.
        entry_quote: Amount,
        /// Margin of its own; zero if the whole balance stands for it.
        isolated: Amount,
    },
    /// An account received or paid funding.
    Funded {
        /// Whose.
        account: AccountId,
        /// Of what.
        instrument: InstrumentId,
        /// How much of the quote asset; negative if paid.
        amount: Amount,
    },
    /// The insurance paid what an account owed.
    Insured {
        /// Whose.
        account: AccountId,
        /// Of what.
        asset: AssetId,
        /// How much.
        amount: Amount,
    },
    /// A position had too little margin; the venue closes it in the events that follow. Some of its
    /// fills may follow no trade: see [`Event::Deleveraged`].
    Liquidated {
        /// Whose.
        account: AccountId,
        /// Of what.
        instrument: InstrumentId,
        /// Which.
        position: PositionSide,
    },
    /// A position of somebody else was liquidated and nobody took it: the venue closes a part of this
    /// one against it. Follows the placing of the order that does so.
    Deleveraged {
        /// Whose.
        account: AccountId,
        /// Of what.
        instrument: InstrumentId,
        /// Which.
        position: PositionSide,
        /// The order.
        order: OrderId,
    },
    /// An instrument takes orders no more, or again.
    Halted {
        /// Of what.
        instrument: InstrumentId,
        /// No more.
        halted: bool,
    },
}

/// Why a command was refused. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reject {
    /// No such instrument.
    #[error("instrument {0} is not listed")]
    UnknownInstrument(InstrumentId),
    /// No such account.
    #[error("account {0} is not open")]
    UnknownAccount(AccountId),
    /// The order is not there, has ended, or is somebody else's.
    #[error("order {} is not open", .0.0)]
    UnknownOrder(OrderId),
    /// The instrument takes no orders at the moment.
    #[error("the instrument is halted")]
    Halted,
    /// The price is not within the filter.
    #[error("price {price} is outside {least}..={largest} ticks")]
    Price {
        /// Found, in ticks.
        price: i64,
        /// Least.
        least: i64,
        /// Largest.
        largest: i64,
    },
    /// The price is too far from the last one.
    #[error("price {price} is outside the band {least}..={largest} ticks")]
    Band {
        /// Found, in ticks.
        price: i64,
        /// Least.
        least: i64,
        /// Largest.
        largest: i64,
    },
    /// The quantity is not within the filter.
    #[error("quantity {quantity} is outside {least}..={largest} lots")]
    Quantity {
        /// Found, in lots.
        quantity: i64,
        /// Least.
        least: i64,
        /// Largest.
        largest: i64,
    },
    /// Price times quantity is too small.
    #[error("worth {found}, expected at least {least}")]
    Notional {
        /// Found.
        found: Amount,
        /// Least.
        least: Amount,
    },
    /// Price times quantity is too large.
    #[error("worth {found}, expected at most {largest}")]
    NotionalMax {
        /// Found.
        found: Amount,
        /// Largest.
        largest: Amount,
    },
    /// So many parts of an iceberg are too many.
    #[error("an iceberg of {found} parts, expected at most {largest}")]
    IcebergParts {
        /// Found.
        found: i64,
        /// Largest.
        largest: i64,
    },
    /// Too many orders of this account are open.
    #[error("{0} orders are open, no more are taken")]
    TooManyOrders(usize),
    /// Too many orders of this account wait for their trigger.
    #[error("{0} orders wait for their trigger, no more are taken")]
    TooManyTriggers(usize),
    /// There is not enough money.
    #[error("needs {needed}, {free} is free")]
    Balance {
        /// Of what.
        asset: AssetId,
        /// How much it takes.
        needed: Amount,
        /// How much there is.
        free: Amount,
    },
    /// It would trade and is not to.
    #[error("a post-only order would trade")]
    WouldTrade,
    /// There is no position that it would make smaller.
    #[error("a reduce-only order would not reduce")]
    WouldNotReduce,
    /// Its trigger would be hit at once.
    #[error("the trigger would be hit at once")]
    WouldTrigger,
    /// The position side does not fit how the account holds positions.
    #[error("the position side does not fit the account's mode")]
    PositionSide,
    /// It cannot be changed while there are positions or orders.
    #[error("there are open positions or orders")]
    InUse,
    /// Larger than any leverage of the instrument, or 0.
    #[error("leverage {found}, expected 1 to {largest}")]
    Leverage {
        /// Found.
        found: u32,
        /// Largest.
        largest: u32,
    },
    /// A position, or what it would grow to, is larger than its leverage allows.
    #[error("worth {worth}, expected at most {largest} with this leverage")]
    Tier {
        /// What it is or would be worth.
        worth: Amount,
        /// Largest.
        largest: Amount,
    },
    /// What was asked for does not go together.
    #[error("{0}")]
    Contradiction(&'static str),
    /// Beyond what can be counted.
    #[error("too large to count")]
    Overflow,
}
