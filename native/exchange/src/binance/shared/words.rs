//! Words and figures that all markets share.

use rustonite_core::Decimal;
use rustonite_sim::{NewOrder, Order, Quantity, SelfTrade, Side, Trigger};

use crate::figures::fixed;
use crate::floor::Listed;

pub(crate) fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    }
}

pub(crate) fn self_trade(mode: SelfTrade) -> &'static str {
    match mode {
        SelfTrade::Allow => "NONE",
        SelfTrade::ExpireTaker => "EXPIRE_TAKER",
        SelfTrade::ExpireMaker => "EXPIRE_MAKER",
        SelfTrade::ExpireBoth => "EXPIRE_BOTH",
        SelfTrade::Decrement => "DECREMENT",
    }
}

/// Whole quantity of an order; of one that is given in the quote asset, once it is known.
pub(crate) fn quantity(order: &Order) -> i64 {
    match order.asked.quantity {
        Quantity::Lots(lots) if order.quantity == 0 => lots,
        _ => order.quantity,
    }
}

/// What an order waits for, in ticks. A trigger that follows the price has what it begins at, if that
/// was named: where it would fire is told nowhere.
pub(crate) fn stop_price(order: &NewOrder) -> i64 {
    let price = |trigger: Trigger| match trigger.trailing {
        Some(trailing) => trailing.activation.unwrap_or(0),
        None => trigger.price,
    };
    order.trigger.map_or(0, price)
}

/// A price as the market writes it: spot with eight decimals, futures with those of the step.
pub(crate) fn price(listed: &Listed, ticks: i64) -> Decimal {
    written(listed, listed.price(ticks))
}

/// A quantity, likewise.
pub(crate) fn size(listed: &Listed, lots: i64) -> Decimal {
    written(listed, listed.size(lots))
}

fn written(listed: &Listed, value: Decimal) -> Decimal {
    if listed.listing.perpetual.is_some() { value } else { fixed(value) }
}

pub(crate) fn price_text(listed: &Listed, ticks: i64) -> String {
    price(listed, ticks).to_string()
}

pub(crate) fn size_text(listed: &Listed, lots: i64) -> String {
    size(listed, lots).to_string()
}
