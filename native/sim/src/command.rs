//! What accounts and the venue's operator ask for.

use serde::{Deserialize, Serialize};

use crate::{AccountId, Amount, AssetId, FeeAsset, Fees, InstrumentId, What};

/// Number of an order, from 1 in the order in which they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
pub struct OrderId(pub u64);

/// Who buys and who sells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Buys.
    Buy,
    /// Sells.
    Sell,
}

impl Side {
    /// The other one.
    #[must_use]
    pub fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

/// How much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// So many lots.
    Lots(i64),
    /// As many lots as this much of the quote asset buys or sells; market orders only.
    Quote(Amount),
    /// All of the position when it comes to it; triggered orders of perpetuals only.
    Position,
}

/// How long an order lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Expiry {
    /// Until it is cancelled.
    Never,
    /// What is not filled at once is cancelled.
    Immediate,
    /// All of it at once, or nothing.
    AllOrNothing,
    /// Until this moment.
    At(i64),
}

/// What happens when an account would trade with itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SelfTrade {
    /// It does.
    Allow,
    /// The order that came ends.
    ExpireTaker,
    /// The order that rested ends.
    ExpireMaker,
    /// Both end.
    ExpireBoth,
    /// Both shrink by the smaller one.
    Decrement,
}

/// Which position of a perpetual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PositionSide {
    /// The only one, long or short.
    Net,
    /// The long one, of an account that holds both.
    Long,
    /// The short one.
    Short,
}

/// What a trigger looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TriggerSource {
    /// Price of the last trade.
    Last,
    /// Mark price; of spot as `Last`.
    Mark,
}

/// A trigger that follows the price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub struct Trailing {
    /// How far behind the best price since activation, in millionths of that.
    pub distance_ppm: i64,
    /// So many ticks farther than that.
    pub distance_ticks: i64,
    /// It begins to follow once this price, in ticks, is reached; at once if `None`.
    pub activation: Option<i64>,
    /// Whether `activation` is reached by a rise, or by a fall.
    pub begins_at_rise: bool,
}

/// An order that waits for a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub struct Trigger {
    /// The price in ticks. Of a trailing trigger that is not active so far: ignored.
    pub price: i64,
    /// Whether it waits for a rise to `price`, or for a fall; of a trailing one: from the least, or
    /// from the largest price that it has seen.
    pub rises: bool,
    /// What it looks at.
    pub source: TriggerSource,
    /// Whether `price` follows.
    pub trailing: Option<Trailing>,
}

/// An order as an account gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub struct NewOrder {
    /// Who.
    pub account: AccountId,
    /// What.
    pub instrument: InstrumentId,
    /// Buy or sell.
    pub side: Side,
    /// Limit in ticks; `None` for a market order.
    pub price: Option<i64>,
    /// How much.
    pub quantity: Quantity,
    /// How long. A market order is `Immediate` or `AllOrNothing`.
    pub expiry: Expiry,
    /// Refused if it would trade at once.
    pub post_only: bool,
    /// Only as much as makes the position smaller, measured again at each fill; perpetuals.
    pub reduce_only: bool,
    /// An iceberg: so many lots are seen at a time, and each new part queues anew.
    pub display: Option<i64>,
    /// The order comes when this happens.
    pub trigger: Option<Trigger>,
    /// When it would meet an order of the same account. The mode of who came counts.
    pub self_trade: SelfTrade,
    /// Which position.
    pub position: PositionSide,
}

impl NewOrder {
    /// A limit order that waits until it is cancelled.
    pub fn limit(
        account: AccountId,
        instrument: InstrumentId,
        side: Side,
        price: i64,
        lots: i64,
    ) -> Self {
        Self {
            account,
            instrument,
            side,
            price: Some(price),
            quantity: Quantity::Lots(lots),
            expiry: Expiry::Never,
            post_only: false,
            reduce_only: false,
            display: None,
            trigger: None,
            self_trade: SelfTrade::Allow,
            position: PositionSide::Net,
        }
    }

    /// A market order.
    pub fn market(account: AccountId, instrument: InstrumentId, side: Side, lots: i64) -> Self {
        let order = Self::limit(account, instrument, side, 0, lots);
        Self { price: None, expiry: Expiry::Immediate, ..order }
    }
}

/// Why an order ended without being filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// Its account asked for it.
    Asked,
    /// Its account replaced it.
    Replaced,
    /// The rest of an order that was not to wait.
    Immediate,
    /// It could not be filled whole at once.
    AllOrNothing,
    /// Its time was over.
    Expired,
    /// It would have traded with its own account.
    SelfTrade,
    /// Nobody was there to trade with a market order.
    NoLiquidity,
    /// It would have traded and was not to, once its trigger was hit.
    PostOnly,
    /// There was no position to make smaller any more.
    ReduceOnly,
    /// The other order of its list came first.
    OtherOfList,
    /// There was not enough money once its trigger was hit.
    Balance,
    /// Its account was liquidated.
    Liquidation,
    /// The venue's operator.
    Venue,
}

/// What is done next. Each is done whole or refused, and then nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Adds to a balance, or takes away.
    Deposit {
        /// Whose.
        account: AccountId,
        /// Of what.
        asset: AssetId,
        /// How much; negative takes.
        amount: Amount,
    },
    /// Sets what an account pays.
    SetFees {
        /// Who.
        account: AccountId,
        /// Part of what changes hands.
        fees: Fees,
        /// Pay in this asset instead, as long as there is enough.
        fee_asset: Option<FeeAsset>,
    },
    /// Sets what an account's fees are paid in while there is enough of it, whatever they are.
    PayFeesIn {
        /// Whose.
        account: AccountId,
        /// What in.
        fee_asset: Option<FeeAsset>,
    },
    /// A new order.
    Place(NewOrder),
    /// Two spot orders of which at most one is filled: the first to trade or trigger ends the other.
    PlaceOco([NewOrder; 2]),
    /// Orders that come once the first is filled; two of them as [`Command::PlaceOco`].
    PlaceOto {
        /// The first one.
        working: NewOrder,
        /// The others: one or two.
        pending: Vec<NewOrder>,
    },
    /// Ends an order, and with it those of its list.
    Cancel {
        /// Whose.
        account: AccountId,
        /// Which.
        order: OrderId,
    },
    /// Ends an order without its account's asking.
    Revoke {
        /// Whose.
        account: AccountId,
        /// Which.
        order: OrderId,
    },
    /// Ends all orders of an account in an instrument, oldest first.
    CancelAll {
        /// Whose.
        account: AccountId,
        /// Of what.
        instrument: InstrumentId,
    },
    /// Ends an order and places another. If `always`, the new one is placed although the old one
    /// was not there any more.
    Replace {
        /// The old one.
        order: OrderId,
        /// The new one, of the same account and instrument.
        new: NewOrder,
        /// See above.
        always: bool,
    },
    /// Ends an order of a list of which nothing is filled, and puts another with other prices in its
    /// place; the other orders of the list stay.
    ReplaceLeg {
        /// The old one.
        order: OrderId,
        /// The new one, of the same account, instrument, side and quantity.
        new: NewOrder,
    },
    /// Changes an order in place. It keeps its rank only if the price stays and it gets smaller. One
    /// that waits, or is of a list, only gets smaller; the others of its list stay as they are.
    Amend {
        /// Whose.
        account: AccountId,
        /// Which.
        order: OrderId,
        /// New limit in ticks; as it was if `None`.
        price: Option<i64>,
        /// New whole quantity in lots, what was filled included.
        quantity: i64,
    },
    /// Sets the leverage of an account's positions in a perpetual.
    SetLeverage {
        /// Who.
        account: AccountId,
        /// Of what.
        instrument: InstrumentId,
        /// How many times.
        leverage: u32,
    },
    /// Sets whether each position has margin of its own, or the whole balance stands for it.
    SetIsolated {
        /// Who.
        account: AccountId,
        /// Of what.
        instrument: InstrumentId,
        /// Of its own.
        isolated: bool,
    },
    /// Adds margin to an isolated position, or takes away.
    MoveMargin {
        /// Who.
        account: AccountId,
        /// Of what.
        instrument: InstrumentId,
        /// Which position.
        position: PositionSide,
        /// How much; negative takes.
        amount: Amount,
    },
    /// Sets whether an account holds long and short positions side by side.
    SetHedged {
        /// Who.
        account: AccountId,
        /// Side by side.
        hedged: bool,
    },
    /// The mark price of a perpetual. Positions that have too little margin are liquidated.
    Mark {
        /// Of what.
        instrument: InstrumentId,
        /// In ticks.
        price: i64,
    },
    /// Longs pay shorts so many millionths of their positions' worth at the mark price.
    Funding {
        /// Of what.
        instrument: InstrumentId,
        /// Negative if shorts pay.
        rate_ppm: i64,
    },
    /// Time has passed: orders expire.
    Tick,
    /// Stops or begins to take orders of an instrument; cancelling stays possible.
    Halt {
        /// Of what.
        instrument: InstrumentId,
        /// Stops.
        halted: bool,
    },
    /// What was recorded of an instrument that follows a recording, at one moment: levels, whole
    /// pictures and trades. See [`crate::Exchange::follow`].
    Recorded {
        /// Of what.
        instrument: InstrumentId,
        /// By the clock of the recording, never earlier than before.
        at: i64,
        /// In order.
        what: Vec<What>,
    },
}
