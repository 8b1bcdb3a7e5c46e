//! Why orders are refused.

use rustonite_sim::Reject;

use super::shared::refusal::Refusal;

pub(crate) fn filter(name: &str) -> Refusal {
    Refusal::new(-1013, format!("Filter failure: {name}"))
}

/// What the engine said of a new order.
pub(crate) fn of_order(reject: &Reject, is_market: bool) -> Refusal {
    match reject {
        Reject::UnknownInstrument(_) => Refusal::unknown_symbol(),
        Reject::UnknownOrder(_) => Refusal::not_cancelled(),
        Reject::Halted => Refusal::new(-1013, "Market is closed."),
        Reject::Price { .. } => filter("PRICE_FILTER"),
        Reject::Band { .. } => filter("PERCENT_PRICE_BY_SIDE"),
        Reject::Quantity { quantity, least, .. } if is_market && quantity > least => {
            filter("MARKET_LOT_SIZE")
        }
        Reject::Quantity { .. } => filter("LOT_SIZE"),
        Reject::Notional { .. } | Reject::NotionalMax { .. } => filter("NOTIONAL"),
        Reject::IcebergParts { .. } => filter("ICEBERG_PARTS"),
        Reject::TooManyOrders(_) => filter("MAX_NUM_ORDERS"),
        Reject::TooManyTriggers(_) => filter("MAX_NUM_ALGO_ORDERS"),
        Reject::WouldTrade => Refusal::new(-2010, "Order would immediately match and take."),
        Reject::WouldTrigger => Refusal::new(-2010, "Stop price would trigger immediately."),
        Reject::Balance { .. } => {
            Refusal::new(-2010, "Account has insufficient balance for requested action.")
        }
        Reject::Overflow => Refusal::new(-1013, "Invalid quantity."),
        other => Refusal::new(-2010, other.to_string()),
    }
}
