//! Orders in the words of this market.

use rustonite_sim::{
    Amount, CancelReason, Expiry, NewOrder, Order, PositionSide, Quantity, Side, TriggerSource,
};
use serde_json::{Value, json};

use crate::accounts::Record;
use crate::binance::shared::words::{
    price_text, quantity, self_trade, side, size_text, stop_price,
};
use crate::figures::{money, ratio};
use crate::floor::{Floor, Listed};

/// Numbers of conditional orders begin behind this one.
const ALGO_IDS: u64 = 1_000_000_000_000_000;

/// The number that a conditional order has before it comes to the book.
pub(crate) fn algo_id(order: &Order) -> u64 {
    ALGO_IDS + order.id.0
}

/// The number of the order that a conditional one becomes.
pub(crate) fn order_of_algo(id: u64) -> Option<u64> {
    id.checked_sub(ALGO_IDS)
}

pub(crate) fn client_id(record: &Record) -> String {
    if record.tag.is_deleveraged {
        return "adl_autoclose".to_owned();
    }
    if record.tag.client_id.is_empty() {
        return format!("autoclose-{}", record.order.id.0);
    }
    record.tag.client_id.clone()
}

pub(crate) fn position_side(side: PositionSide) -> &'static str {
    match side {
        PositionSide::Net => "BOTH",
        PositionSide::Long => "LONG",
        PositionSide::Short => "SHORT",
    }
}

/// What comes to the book.
pub(crate) fn kind(order: &NewOrder) -> &'static str {
    if order.price.is_some() { "LIMIT" } else { "MARKET" }
}

/// What waits for a trigger. A stop buys into a rise, or sells into a fall.
pub(crate) fn algo_kind(order: &NewOrder) -> &'static str {
    let Some(trigger) = order.trigger else { return kind(order) };
    let is_stop = trigger.rises == (order.side == Side::Buy);
    match (trigger.trailing, is_stop, order.price) {
        (Some(_), ..) => "TRAILING_STOP_MARKET",
        (None, true, Some(_)) => "STOP",
        (None, true, None) => "STOP_MARKET",
        (None, false, Some(_)) => "TAKE_PROFIT",
        (None, false, None) => "TAKE_PROFIT_MARKET",
    }
}

pub(crate) fn time_in_force(order: &NewOrder) -> &'static str {
    match order.expiry {
        _ if order.post_only => "GTX",
        _ if order.price.is_none() => "GTC",
        Expiry::Never => "GTC",
        Expiry::Immediate => "IOC",
        Expiry::AllOrNothing => "FOK",
        Expiry::At(_) => "GTD",
    }
}

/// When an order ends by itself; 0 if it does not.
pub(crate) fn good_till(floor: &Floor, order: &NewOrder) -> i64 {
    match order.expiry {
        Expiry::At(at) => floor.shown(at),
        _ => 0,
    }
}

pub(crate) fn working_type(order: &NewOrder) -> &'static str {
    match order.trigger.map(|trigger| trigger.source) {
        Some(TriggerSource::Mark) => "MARK_PRICE",
        _ => "CONTRACT_PRICE",
    }
}

pub(crate) fn status(order: &Order) -> &'static str {
    match order.cancelled {
        None if order.is_open && order.filled > 0 => "PARTIALLY_FILLED",
        None if order.is_open => "NEW",
        None => "FILLED",
        Some(reason) => ended(reason),
    }
}

pub(crate) fn ended(reason: CancelReason) -> &'static str {
    match reason {
        CancelReason::Asked | CancelReason::Replaced => "CANCELED",
        CancelReason::SelfTrade => "EXPIRED_IN_MATCH",
        _ => "EXPIRED",
    }
}

/// The number of why an order has expired; 0 if it has not.
pub(crate) fn expiry_reason(order: &Order) -> u32 {
    let is_limit = order.asked.price.is_some();
    match order.cancelled {
        Some(CancelReason::SelfTrade) if is_limit && order.asked.expiry == Expiry::Immediate => 3,
        Some(CancelReason::SelfTrade) => 1,
        Some(CancelReason::Immediate) if is_limit => 2,
        Some(CancelReason::Immediate | CancelReason::NoLiquidity) => 9,
        Some(CancelReason::ReduceOnly) => 4,
        Some(CancelReason::Liquidation) => 5,
        Some(CancelReason::AllOrNothing) => 10,
        Some(CancelReason::PostOnly) => 11,
        _ => 0,
    }
}

/// How far a conditional order is.
pub(crate) fn algo_status(Record { order, triggered_at, .. }: &Record) -> &'static str {
    let never_came = order.filled == 0 && *triggered_at == Some(order.changed_at);
    match (order.is_working, order.is_open, order.cancelled) {
        (false, true, _) => "NEW",
        (false, false, Some(CancelReason::Asked | CancelReason::Replaced)) => "CANCELED",
        // The venue ended it.
        (false, false, _) => "EXPIRED",
        (true, true, _) => "TRIGGERED",
        (true, false, Some(reason)) if never_came && failure(reason).is_some() => "REJECTED",
        (true, false, _) => "FINISHED",
    }
}

/// Why an order that was to come never came.
pub(crate) fn failure(reason: CancelReason) -> Option<&'static str> {
    match reason {
        CancelReason::ReduceOnly => Some("Reduce Only reject"),
        CancelReason::Balance => Some("Margin is insufficient."),
        CancelReason::PostOnly => Some("Post Only order will be rejected."),
        _ => None,
    }
}

/// Mean price of what was filled.
pub(crate) fn mean_price(listed: &Listed, filled: i64, quote: Amount) -> String {
    if filled == 0 {
        return price_text(listed, 0);
    }
    let size = Amount::from_decimal(listed.size(filled)).unwrap_or_default();
    money(ratio(quote, size)).to_string()
}

pub(crate) fn closes_position(order: &NewOrder) -> bool {
    order.quantity == Quantity::Position
}

/// All about an order.
pub(crate) fn order(floor: &Floor, record: &Record) -> Value {
    let order = &record.order;
    let asked = &order.asked;
    let listed = floor.listed(asked.instrument);
    let filled = size_text(listed, order.filled);
    json!({
        "orderId": order.id.0, "symbol": listed.listing.symbol, "status": status(order),
        "clientOrderId": client_id(record),
        "price": price_text(listed, asked.price.unwrap_or(0)),
        "avgPrice": mean_price(listed, order.filled, order.filled_quote),
        "origQty": size_text(listed, quantity(order)), "executedQty": filled, "cumQty": filled,
        "cumQuote": money(order.filled_quote).to_string(),
        "timeInForce": time_in_force(asked), "type": kind(asked),
        "reduceOnly": asked.reduce_only, "closePosition": closes_position(asked),
        "side": side(asked.side), "positionSide": position_side(asked.position),
        "stopPrice": price_text(listed, stop_price(asked)), "workingType": working_type(asked),
        "priceProtect": record.tag.within_ppm.is_some(), "origType": algo_kind(asked),
        "priceMatch": "NONE",
        "selfTradePreventionMode": self_trade(asked.self_trade),
        "goodTillDate": good_till(floor, asked),
        "time": floor.shown(order.placed_at), "updateTime": floor.shown(order.changed_at),
    })
}

/// A new order as it was taken, whatever became of it since.
pub(crate) fn accepted(floor: &Floor, record: &Record) -> Value {
    let mut value = order(floor, record);
    let listed = floor.listed(record.order.asked.instrument);
    value["status"] = json!("NEW");
    value["avgPrice"] = json!(price_text(listed, 0));
    for name in ["executedQty", "cumQty"] {
        value[name] = json!(size_text(listed, 0));
    }
    value["cumQuote"] = json!(money(Amount::ZERO).to_string());
    value
}

/// All about a conditional order.
pub(crate) fn algo(floor: &Floor, record: &Record) -> Value {
    let order = &record.order;
    let asked = &order.asked;
    let listed = floor.listed(asked.instrument);
    let status = algo_status(record);
    let came = record.triggered_at.is_some() && status != "REJECTED";
    let mut value = json!({
        "algoId": algo_id(order), "clientAlgoId": client_id(record), "algoType": "CONDITIONAL",
        "orderType": algo_kind(asked), "symbol": listed.listing.symbol, "side": side(asked.side),
        "positionSide": position_side(asked.position), "timeInForce": time_in_force(asked),
        "quantity": size_text(listed, quantity(order)), "algoStatus": status,
        "actualOrderId": if came { order.id.0.to_string() } else { String::new() },
        "actualPrice": mean_price(listed, order.filled, order.filled_quote),
        "triggerPrice": price_text(listed, stop_price(asked)),
        "price": price_text(listed, asked.price.unwrap_or(0)), "icebergQuantity": null,
        "selfTradePreventionMode": self_trade(asked.self_trade),
        "workingType": working_type(asked), "priceMatch": "NONE",
        "closePosition": closes_position(asked), "priceProtect": record.tag.within_ppm.is_some(),
        "reduceOnly": asked.reduce_only, "createTime": floor.shown(order.placed_at),
        "updateTime": floor.shown(order.changed_at),
        "triggerTime": record.triggered_at.map_or(0, |at| floor.shown(at)),
        "goodTillDate": good_till(floor, asked),
    });
    if let Some(trailing) = asked.trigger.and_then(|trigger| trigger.trailing) {
        let activation = trailing.activation.unwrap_or(0);
        value["activatePrice"] = json!(price_text(listed, activation));
        value["callbackRate"] = json!(callback_rate(trailing.distance_ppm));
    }
    value
}

/// A distance in percent.
pub(crate) fn callback_rate(ppm: i64) -> String {
    Amount(i128::from(ppm) * 10_i128.pow(14)).to_string()
}
