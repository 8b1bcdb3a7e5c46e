//! What a venue says about orders.

use rustonite_core::Amount;
use rustonite_core::datasets::{
    EventSource, FillKind, Liquidity, OrderEvent, OrderSide, OrderState, PositionSide, Tif,
};
use rustonite_core::ids::{AccountId, AssetId, InstrumentId};

use crate::request::Outcome;

/// One statement about one order.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// When, by the venue's clock; ours where it gives none.
    pub ts_event: i64,
    /// When we knew.
    pub ts_recv: i64,
    /// How we know.
    pub source: EventSource,
    /// Whose.
    pub account: AccountId,
    /// Of what.
    pub instrument: InstrumentId,
    /// The client id that the venue names; empty if none.
    pub client_id: Box<str>,
    /// The client id that the order had before this report changed it.
    pub client_id_prev: Option<Box<str>>,
    /// The venue's id of the order, if named.
    pub venue_order_id: Option<Box<str>>,
    /// What it says.
    pub what: What,
}

/// What a report says.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// The order works.
    Accepted,
    /// The order was refused.
    Rejected(Refusal),
    /// A change is done: whole values after it.
    Replaced {
        /// Limit in force.
        price: Option<Amount>,
        /// Whole size in force, filled part included.
        size: Amount,
    },
    /// A change was refused.
    ReplaceRejected(Refusal),
    /// The order ended as asked, or by the venue's word "cancelled".
    Cancelled {
        /// Filled in all, where the venue says.
        size_filled: Option<Amount>,
        /// Taken away by self-trade prevention.
        size_prevented: Option<Amount>,
        /// The venue's word.
        refusal: Option<Refusal>,
    },
    /// A cancel was refused.
    CancelRejected(Refusal),
    /// The trigger price was reached.
    Triggered,
    /// The order ended by its time or by the venue's rules.
    Expired {
        /// Filled in all, where the venue says.
        size_filled: Option<Amount>,
        /// Taken away by self-trade prevention.
        size_prevented: Option<Amount>,
        /// The venue's word.
        refusal: Option<Refusal>,
    },
    /// An execution.
    Fill(Fill),
    /// An execution was taken back or changed.
    Corrected(Correction),
    /// The venue keeps the order and does not work it, or works it again.
    Suspended(bool),
    /// A request ended without a report.
    Ended {
        /// Which sort: `submitted`, `replace_asked` or `cancel_asked`.
        request: OrderEvent,
        /// How.
        outcome: Outcome,
        /// Text for people.
        detail: Box<str>,
    },
    /// The whole order as the venue has it, by a query.
    Picture(OrderPicture),
    /// By a query: the venue does not know the order. Only a targeted query may say so.
    NotFound,
}

/// Why a venue refused, in its words and ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// Our stable word.
    pub reason: RefusalKind,
    /// The venue's code or word.
    pub venue_code: Box<str>,
    /// The venue's message.
    pub detail: Box<str>,
}

/// Sorts of refusals that a state machine or a strategy acts on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// None of the others.
    #[default]
    Other,
    /// The order has ended already.
    TooLate,
    /// The venue does not know the order.
    UnknownOrder,
    /// The client id was used before.
    DuplicateId,
    /// Too little money or margin.
    Balance,
    /// A price, size or flag that its rules forbid.
    Rules,
    /// A post-only order would have traded.
    WouldTake,
    /// Too many requests.
    RateLimited,
    /// Maintenance, halt or cancel-only.
    Unavailable,
    /// Key or signature.
    Authentication,
    /// Our clock is too far from the venue's.
    Clock,
}

impl RefusalKind {
    /// The word of rows and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Other => "refused",
            Self::TooLate => "too_late",
            Self::UnknownOrder => "unknown_order",
            Self::DuplicateId => "duplicate_id",
            Self::Balance => "balance",
            Self::Rules => "rules",
            Self::WouldTake => "would_take",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::Authentication => "authentication",
            Self::Clock => "clock",
        }
    }
}

/// An execution.
#[derive(Clone, Debug, PartialEq)]
pub struct Fill {
    /// The venue's id of the execution: what duplicates share.
    pub fill_id: Box<str>,
    /// The public trade, where the venue says.
    pub trade_id: Option<i64>,
    /// What was booked.
    pub kind: FillKind,
    /// Our side.
    pub side: OrderSide,
    /// Price.
    pub price: Amount,
    /// Size.
    pub size: Amount,
    /// Filled in all after it, where the venue says.
    pub size_filled: Option<Amount>,
    /// Fee paid, negative if received; `None` while unknown.
    pub fee: Option<(Amount, AssetId)>,
    /// Whether we gave or took.
    pub liquidity: Liquidity,
    /// Which position, in hedge mode.
    pub position_side: Option<PositionSide>,
}

/// A change of an earlier execution.
#[derive(Clone, Debug, PartialEq)]
pub struct Correction {
    /// Id of this change.
    pub fill_id: Box<str>,
    /// The execution that it changes.
    pub fill_id_prev: Box<str>,
    /// New price and size; `None` if it was taken back.
    pub becomes: Option<(Amount, Amount)>,
}

/// An order as a venue's query shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderPicture {
    /// Its state: accepted, partially filled, filled, cancelled, expired, rejected, triggered; or a
    /// pending cancel or change that the venue has taken and not done so far.
    pub state: OrderState,
    /// Buy or sell.
    pub side: OrderSide,
    /// Limit in force.
    pub price: Option<Amount>,
    /// The price that starts it, where the venue says.
    pub price_trigger: Option<Amount>,
    /// Of a plain limit order how long it rests; `None` of others, and where the venue does not say.
    pub limit_tif: Option<Tif>,
    /// Whole size in force.
    pub size: Amount,
    /// Filled in all.
    pub size_filled: Amount,
    /// Average price of what is filled, where the venue says.
    pub price_average: Option<Amount>,
}
