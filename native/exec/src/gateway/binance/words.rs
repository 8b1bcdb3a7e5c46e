//! Words that spot and futures share.

use rustonite_core::Amount;
use rustonite_core::datasets::{OrderSide, OrderState, Stp, Tif};

use crate::gateway::parse::{Fault, Parsed};

/// The state that a word stands for.
pub(in crate::gateway) fn state(word: &str, size_filled: Amount) -> Parsed<OrderState> {
    Ok(match word {
        "NEW" | "PENDING_NEW" | "PENDING_CANCEL" if size_filled == Amount::ZERO => {
            OrderState::Accepted
        }
        "NEW" | "PENDING_NEW" | "PENDING_CANCEL" | "PARTIALLY_FILLED" => {
            OrderState::PartiallyFilled
        }
        "FILLED" => OrderState::Filled,
        "CANCELED" => OrderState::Cancelled,
        "REJECTED" => OrderState::Rejected,
        "EXPIRED" | "EXPIRED_IN_MATCH" => OrderState::Expired,
        other => return Err(Fault::unknown("order status", other)),
    })
}

pub(in crate::gateway) fn side(side: OrderSide) -> &'static str {
    if side == OrderSide::Buy { "BUY" } else { "SELL" }
}

pub(in crate::gateway) const TIFS: [(Tif, &str); 3] =
    [(Tif::Gtc, "GTC"), (Tif::Ioc, "IOC"), (Tif::Fok, "FOK")];

pub(in crate::gateway) const STPS: [(Stp, &str); 6] = [
    (Stp::Allow, "NONE"),
    (Stp::ExpireTaker, "EXPIRE_TAKER"),
    (Stp::ExpireMaker, "EXPIRE_MAKER"),
    (Stp::ExpireBoth, "EXPIRE_BOTH"),
    (Stp::Decrement, "DECREMENT"),
    (Stp::Transfer, "TRANSFER"),
];
