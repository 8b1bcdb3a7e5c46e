//! Why calls are refused, in the words of this market.

use rustonite_sim::Reject;

use crate::binance::shared::refusal::Refusal;

pub(crate) fn too_precise() -> Refusal {
    Refusal::new(-1111, "Precision is over the maximum defined for this asset.")
}

pub(crate) fn not_on_endpoint() -> Refusal {
    let rest = "Please use the Algo Order API endpoints instead.";
    Refusal::new(-4120, format!("Order type not supported for this endpoint. {rest}"))
}

/// What the engine said of a new order, or of a changed one.
pub(crate) fn of_order(reject: &Reject) -> Refusal {
    let refused = |code, text: &str| Refusal::new(code, text);
    match reject {
        Reject::UnknownInstrument(_) => Refusal::unknown_symbol(),
        Reject::UnknownOrder(_) => Refusal::not_cancelled(),
        Reject::Halted => refused(-4141, "Symbol is closed."),
        Reject::Price { price, least, .. } if price < least => {
            refused(-4013, "Price less than min price.")
        }
        Reject::Price { .. } => refused(-4002, "Price greater than max price."),
        Reject::Band { price, least, .. } if price < least => {
            refused(-4024, "Limit price can't be lower than the floor of the mark price.")
        }
        Reject::Band { .. } => {
            refused(-4016, "Limit price can't be higher than the cap of the mark price.")
        }
        Reject::Quantity { quantity, least, .. } if quantity < least => {
            refused(-4004, "Quantity less than min quantity.")
        }
        Reject::Quantity { .. } | Reject::Overflow => {
            refused(-4005, "Quantity greater than max quantity.")
        }
        Reject::Notional { least, .. } => Refusal::new(
            -4164,
            format!(
                "Order's notional must be no smaller than {least} (unless you choose reduce only)."
            ),
        ),
        Reject::TooManyOrders(_) => refused(-2025, "Reach max open order limit."),
        Reject::TooManyTriggers(_) => refused(-4045, "Reach max stop order limit."),
        Reject::WouldTrade => refused(
            -5022,
            "Due to the order could not be executed as maker, the Post Only order will be rejected. The order will not be recorded in the order history",
        ),
        Reject::WouldNotReduce => refused(-2022, "ReduceOnly Order is rejected."),
        Reject::WouldTrigger => refused(-2021, "Order would immediately trigger."),
        Reject::PositionSide => {
            refused(-4061, "Order's position side does not match user's setting.")
        }
        Reject::Tier { .. } => {
            refused(-2027, "Exceeded the maximum allowable position at current leverage.")
        }
        Reject::Balance { .. } => refused(-2019, "Margin is insufficient."),
        _ => refused(-1128, "Combination of optional parameters invalid."),
    }
}
