//! Why something was not done.

use rustonite_core::ErrorKind;
use rustonite_core::datasets::{OrderEvent, OrderState};
use rustonite_core::ids::{AccountId, InstrumentId};

use crate::wish::OrderId;

/// Result of asking for something.
pub(crate) type Result<T, E = ExecError> = std::result::Result<T, E>;

/// Why nothing was asked of a venue.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExecError {
    /// The journal took a row no more: no order leaves until it is mended and the process restarted.
    #[error("trading is halted: {0}")]
    Halted(String),
    /// No such order, or it was dropped long after it ended.
    #[error("order {}: not known", .0.0)]
    UnknownOrder(OrderId),
    /// The order's state does not allow it.
    #[error("order {}: {} is not possible while it is {}", .order.0, .event.name(), .state.name())]
    NotPossible {
        /// Which.
        order: OrderId,
        /// Its state.
        state: OrderState,
        /// What was wanted.
        event: OrderEvent,
    },
    /// Others placed the order, and the rule is not to touch it.
    #[error("order {}: placed by others and not adopted", .0.0)]
    NotManaged(OrderId),
    /// The account has no rules.
    #[error("account {}: not opened", .0.0)]
    UnknownAccount(AccountId),
    /// The instrument is not listed.
    #[error("instrument {}: not listed", .0.0)]
    UnknownInstrument(InstrumentId),
    /// No client id is left for it.
    #[error("order {}: no client id left", .0.0)]
    NoClientId(OrderId),
}

impl ExecError {
    /// What the caller can do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Halted(_) => ErrorKind::Unavailable,
            Self::UnknownOrder(_) | Self::UnknownAccount(_) | Self::UnknownInstrument(_) => {
                ErrorKind::NotFound
            }
            Self::NotPossible { .. } | Self::NotManaged(_) => ErrorKind::Conflict,
            Self::NoClientId(_) => ErrorKind::Invalid,
        }
    }
}
