//! What came of a report.

use rustonite_core::Amount;
use rustonite_core::datasets::{
    FillKind, Liquidity, OrderEvent, OrderSide, OrderState, PositionSide,
};
use rustonite_core::ids::{AccountId, AssetId, InstrumentId, StrategyId};

use crate::wish::OrderId;

/// What came of a report: nothing, if it was known already.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// The order that it was about.
    pub order: Option<OrderId>,
    /// What happened to it, in order.
    pub events: Vec<Applied>,
    /// What was booked.
    pub fills: Vec<Booked>,
    /// What should not have happened.
    pub anomalies: Vec<Anomaly>,
    /// What should be asked of the venue now.
    pub asks: Vec<Ask>,
}

impl Change {
    /// Whether nothing came of it.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.fills.is_empty() && self.anomalies.is_empty()
    }

    pub(crate) fn ask(&mut self, ask: Ask) {
        if !self.asks.contains(&ask) {
            self.asks.push(ask);
        }
    }

    pub(crate) fn odd(&mut self, code: AnomalyCode, detail: impl Into<Box<str>>) {
        self.anomalies.push(Anomaly { code, detail: detail.into() });
    }
}

/// An event of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// What happened.
    pub event: OrderEvent,
    /// State before it.
    pub before: OrderState,
    /// State after it.
    pub after: OrderState,
}

/// A booking. What becomes of a corrected execution comes as two: what was counted before is taken
/// back, and the new figures are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booked {
    /// Its id in the journal: the venue's, or one of ours where it was worked out.
    pub fill_id: Box<str>,
    /// The execution that it takes back or changes.
    pub fill_id_prev: Option<Box<str>>,
    /// The order behind it.
    pub order: Option<OrderId>,
    /// Whose.
    pub account: AccountId,
    /// By whom.
    pub strategy: Option<StrategyId>,
    /// Of what.
    pub instrument: InstrumentId,
    /// What was booked.
    pub kind: FillKind,
    /// Our side; of no meaning for funding, settlements and fees.
    pub side: OrderSide,
    /// Price.
    pub price: Amount,
    /// Size; negative takes an earlier one back.
    pub size: Amount,
    /// Fee paid, negative if received.
    pub fee: Option<(Amount, AssetId)>,
    /// Whether we gave or took.
    pub liquidity: Liquidity,
    /// Which position, in hedge mode.
    pub position_side: Option<PositionSide>,
    /// Profit that the account's position realised by it, without fees.
    pub pnl_realised: Amount,
    /// It made the account's position smaller, or turned it.
    pub is_closing: bool,
    /// It came after the order had ended.
    pub is_late: bool,
}

impl Booked {
    /// The profit or loss that it closed a position with, or a part of one. What an average cannot
    /// hold when a position grows is no such thing.
    pub fn pnl_closed(&self) -> Option<Amount> {
        Some(self.pnl_realised).filter(|pnl| self.is_closing && *pnl != Amount::ZERO)
    }

    /// Whether it is an execution in the market, told or worked out, and no change of one.
    pub fn is_execution(&self) -> bool {
        use FillKind as Kind;
        let kinds = [Kind::Trade, Kind::Adjustment, Kind::Liquidation, Kind::Adl];
        self.size > Amount::ZERO && kinds.contains(&self.kind)
    }
}

/// Something that should not have happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anomaly {
    /// Stable code.
    pub code: AnomalyCode,
    /// Text for people.
    pub detail: Box<str>,
}

/// Sorts of anomalies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AnomalyCode {
    /// The table has no such event in this state.
    UnexpectedEvent,
    /// The ids of a report belong to different orders.
    IdsDisagree,
    /// The venue says that more is filled than the fills that came.
    FillsMissing,
    /// The fills that came are more than the venue says.
    FillsExceed,
    /// Filled beyond its size.
    Overfilled,
    /// A fill after the order had ended.
    LateFill,
    /// A fill without price or size, which was not counted.
    ZeroFill,
    /// A figure beyond what can be counted, which was not.
    BeyondCounting,
    /// A fill on the other side than the order's.
    SideDiffers,
    /// An order that others placed.
    ExternalOrder,
    /// An order with an id of ours that is not remembered: of a previous run, or long ended.
    ForgottenOrder,
    /// A report about an order that is not known and does not say enough.
    UnknownOrder,
    /// A cancel was refused as too late, or the order as unknown, and here it is open.
    OpenDespiteRefusal,
    /// The venue does not find an order that it knew.
    NotFoundButKnown,
    /// A change of an execution that has not come.
    UnknownExecution,
    /// Both orders of a pair of which only one is to be filled were.
    BothFilled,
    /// Price or size at the venue are not those asked for.
    SettingsDiffer,
    /// The client id was used before.
    DuplicateId,
}

impl AnomalyCode {
    /// The word of rows and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnexpectedEvent => "unexpected_event",
            Self::IdsDisagree => "ids_disagree",
            Self::FillsMissing => "fills_missing",
            Self::FillsExceed => "fills_exceed",
            Self::Overfilled => "overfilled",
            Self::LateFill => "late_fill",
            Self::ZeroFill => "zero_fill",
            Self::BeyondCounting => "beyond_counting",
            Self::SideDiffers => "side_differs",
            Self::ExternalOrder => "external_order",
            Self::ForgottenOrder => "forgotten_order",
            Self::UnknownOrder => "unknown_order",
            Self::OpenDespiteRefusal => "open_despite_refusal",
            Self::NotFoundButKnown => "not_found_but_known",
            Self::UnknownExecution => "unknown_execution",
            Self::BothFilled => "both_filled",
            Self::SettingsDiffer => "settings_differ",
            Self::DuplicateId => "duplicate_id",
        }
    }
}

/// What should be asked of a venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ask {
    /// One order: [`crate::Ledger::query`] makes the request.
    Order(OrderId),
    /// Executions of an instrument.
    Fills(AccountId, InstrumentId),
    /// All open orders.
    OpenOrders(AccountId),
    /// What is owned.
    Balances(AccountId),
    /// What positions are held.
    Positions(AccountId),
}
