//! What is asked and what is answered.

use rustonite_core::Amount;
use rustonite_core::datasets::{
    OrderKind, OrderSide, PositionSide, RiskRequest, RiskScope, Stp, Tif,
};
use rustonite_core::ids::{AccountId, InstrumentId, StrategyId};

use crate::code::{Code, codes};
use crate::key::Key;

/// One request to a venue before it is sent. Prices and sizes are points of the instrument's
/// [`crate::Rules`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intent {
    /// What is to be done. A `release` is checked like a new order, since the market moved on.
    pub request: RiskRequest,
    /// Our number of the order.
    pub order: i64,
    /// The order that this one is a child of.
    pub parent: Option<i64>,
    /// For which account.
    pub account: AccountId,
    /// By whom; `None` for a person, whose limits are those of the strategy `manual`.
    pub strategy: Option<StrategyId>,
    /// Of what.
    pub instrument: InstrumentId,
    /// Buy or sell.
    pub side: OrderSide,
    /// Which position, in hedge mode.
    pub position_side: Option<PositionSide>,
    /// How the price is formed.
    pub kind: OrderKind,
    /// How long it stays.
    pub tif: Option<Tif>,
    /// Limit.
    pub price: Option<i64>,
    /// Worst price accepted by a market order.
    pub price_protect: Option<i64>,
    /// The price that starts it.
    pub trigger: Option<i64>,
    /// The whole size, filled part included.
    pub size: i64,
    /// What of it is filled, for a change.
    pub size_filled: i64,
    /// Shown part of an iceberg.
    pub size_display: Option<i64>,
    /// Smallest fill accepted.
    pub size_min: Option<i64>,
    /// The order is for an amount of money; `size` is what that buys at most, so it is no lot.
    pub by_money: bool,
    /// Bits of [`rustonite_core::datasets::order_flags`].
    pub flags: i32,
    /// Self-trade prevention asked of the venue.
    pub stp: Option<Stp>,
    /// Last moment of a `gtd` order.
    pub ts_expire: Option<i64>,
    /// A number made of the client id; for a change, of the new one, or 0 if that stays.
    pub client_id: u64,
    /// When we knew what caused it: a tick, a timer, a command.
    pub ts_cause: i64,
}

/// Proof that one request was checked. Only [`crate::Risk::check`] makes it, and it cannot be copied:
/// what sends a request takes it by value.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a pass is for sending"]
pub struct Pass {
    request: RiskRequest,
    order: i64,
    account: AccountId,
    instrument: InstrumentId,
    side: OrderSide,
    price: Option<i64>,
    size: i64,
    market_seq: Option<i64>,
    warnings: u128,
}

impl Pass {
    pub(crate) fn new(intent: &Intent, market_seq: Option<i64>, warnings: u128) -> Self {
        Self {
            request: intent.request,
            order: intent.order,
            account: intent.account,
            instrument: intent.instrument,
            side: intent.side,
            price: intent.price,
            size: intent.size,
            market_seq,
            warnings,
        }
    }

    /// Whether it was given for this intent.
    pub fn is_for(&self, intent: &Intent) -> bool {
        *self == Self::new(intent, self.market_seq, self.warnings)
    }

    /// The order that it is for.
    pub fn order(&self) -> i64 {
        self.order
    }

    /// What may be done.
    pub fn request(&self) -> RiskRequest {
        self.request
    }

    /// Row of the market tape that the decision had seen.
    pub fn market_seq(&self) -> Option<i64> {
        self.market_seq
    }

    /// Whether a soft limit is exceeded.
    #[inline]
    pub fn has_warnings(&self) -> bool {
        self.warnings != 0
    }

    /// Soft limits that are exceeded; [`crate::Risk::would_fail`] has their figures.
    pub fn warnings(&self) -> impl Iterator<Item = Code> + use<> {
        let bits = self.warnings;
        codes().filter(move |code| bits & code.bit() != 0)
    }
}

/// Why a request must not be sent, or which soft limit it exceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denial {
    /// What is wrong.
    pub code: Code,
    /// How far the limit or switch reaches that says so.
    pub scope: RiskScope,
    /// The key of the limit, if it is one.
    pub key: Option<Key>,
    /// Row of the market tape that the decision had seen; `None` where no market data was used.
    pub market_seq: Option<i64>,
    /// The limit is a soft one: the request may be sent.
    pub soft: bool,
    // Not an option: its tag would be as wide as an amount, and checks would pay for that.
    pub(crate) has_figures: bool,
    pub(crate) limit: Amount,
    pub(crate) value: Amount,
}

impl Denial {
    pub(crate) const fn new(code: Code, scope: RiskScope) -> Self {
        let (limit, value) = (Amount::ZERO, Amount::ZERO);
        let (key, market_seq) = (None, None);
        Self { code, scope, key, market_seq, soft: false, has_figures: false, limit, value }
    }

    /// With a limit and the value that met it.
    pub(crate) fn with(self, figures: Option<(Amount, Amount)>) -> Self {
        let (limit, value) = figures.unwrap_or_default();
        Self { has_figures: figures.is_some(), limit, value, ..self }
    }

    /// The limit, in the unit of the code; `None` if the check is not a number.
    pub fn limit(&self) -> Option<Amount> {
        self.has_figures.then_some(self.limit)
    }

    /// The value that met it.
    pub fn value(&self) -> Option<Amount> {
        self.has_figures.then_some(self.value)
    }
}

impl From<Code> for Denial {
    /// Of a request that could not even be put into whole numbers.
    fn from(code: Code) -> Self {
        Self::new(code, RiskScope::Order)
    }
}

impl std::fmt::Display for Denial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.code.name())?;
        if let Some(value) = self.value() {
            write!(f, ": {value}")?;
        }
        if let Some(limit) = self.limit() {
            write!(f, " against {limit}")?;
        }
        let unit = self.code.unit().name();
        if self.has_figures && !unit.is_empty() {
            write!(f, " ({unit})")?;
        }
        if let Some(key) = self.key {
            write!(f, ", {}", key.name())?;
        }
        write!(f, ", of {}", self.scope.name())
    }
}

impl std::error::Error for Denial {}
