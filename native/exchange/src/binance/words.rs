//! Orders in the venue's words.

use rustonite_sim::{CancelReason, Expiry, NewOrder, Quantity, Side};
use serde_json::{Value, json};

use super::shared::words::{price_text, quantity, self_trade, side, size_text, stop_price};
use crate::accounts::{Prevented, Record};
use crate::figures::money;
use crate::floor::Floor;

/// Accounts whose orders do not trade with each other are a group; an account alone is in none.
pub(crate) const NO_GROUP: i64 = -1;

/// A stop follows a loss: it buys into a rise, or sells into a fall.
pub(crate) fn is_stop(order: &NewOrder) -> Option<bool> {
    let trigger = order.trigger?;
    let rises = trigger.trailing.map_or(trigger.rises, |trailing| trailing.begins_at_rise);
    Some(rises == (order.side == Side::Buy))
}

pub(crate) fn kind(order: &NewOrder) -> &'static str {
    match (is_stop(order), order.price.is_some()) {
        (None, true) if order.post_only => "LIMIT_MAKER",
        (None, true) => "LIMIT",
        (None, false) => "MARKET",
        (Some(true), true) => "STOP_LOSS_LIMIT",
        (Some(true), false) => "STOP_LOSS",
        (Some(false), true) => "TAKE_PROFIT_LIMIT",
        (Some(false), false) => "TAKE_PROFIT",
    }
}

pub(crate) fn time_in_force(order: &NewOrder) -> &'static str {
    match order.expiry {
        _ if order.price.is_none() => "GTC",
        Expiry::Never => "GTC",
        Expiry::Immediate => "IOC",
        Expiry::AllOrNothing => "FOK",
        Expiry::At(_) => "GTD",
    }
}

/// What an order is called that has ended, or has not.
pub(crate) fn status(Record { order, tag, .. }: &Record) -> &'static str {
    match order.cancelled {
        None if tag.is_pending => "PENDING_NEW",
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

/// Why an order has expired, if it has.
pub(crate) fn expiry_reason(Record { order, tag, .. }: &Record) -> Option<&'static str> {
    Some(match order.cancelled? {
        CancelReason::Immediate if order.asked.price.is_some() => "UNFILLED_IOC_QUANTITY_EXPIRED",
        CancelReason::Immediate | CancelReason::NoLiquidity => "INSUFFICIENT_LIQUIDITY",
        CancelReason::AllOrNothing => "UNFILLED_FOK_ORDER_EXPIRED",
        CancelReason::OtherOfList if tag.is_pending => "OTO_PHASE_ONE_EXPIRED",
        CancelReason::OtherOfList => "OCO_TRIGGER",
        CancelReason::Balance | CancelReason::PostOnly => "REJECTED",
        CancelReason::Venue => "EXCHANGE_CANCELED",
        _ => return None,
    })
}

fn quote_asked(order: &NewOrder) -> String {
    match order.quantity {
        Quantity::Quote(amount) => money(amount).to_string(),
        _ => "0.00000000".to_owned(),
    }
}

/// Number of the list of an order.
pub(crate) fn list_id(record: &Record) -> i64 {
    record.list().and_then(|list| i64::try_from(list).ok()).unwrap_or(-1)
}

/// What all answers about an order say.
pub(crate) fn base(floor: &Floor, record: &Record) -> Value {
    let Record { order, tag, .. } = record;
    let listed = floor.listed(order.asked.instrument);
    let mut value = json!({
        "symbol": listed.listing.symbol,
        "orderId": order.id.0,
        "orderListId": list_id(record),
        "clientOrderId": tag.client_id,
        "price": price_text(listed, order.asked.price.unwrap_or(0)),
        "origQty": size_text(listed, quantity(order)),
        "executedQty": size_text(listed, order.filled),
        "origQuoteOrderQty": quote_asked(&order.asked),
        "cummulativeQuoteQty": money(order.filled_quote).to_string(),
        "status": status(record),
        "timeInForce": time_in_force(&order.asked),
        "type": kind(&order.asked),
        "side": side(order.asked.side),
    });
    if let Some(trigger) = order.asked.trigger {
        value["stopPrice"] = json!(price_text(listed, stop_price(&order.asked)));
        if let Some(trailing) = trigger.trailing {
            value["trailingDelta"] = json!(trailing.distance_ppm / 100);
            let since = record.trail.map_or(-1, |trail| floor.shown(trail.since));
            value["trailingTime"] = json!(since);
        }
    }
    for (name, number) in ["strategyId", "strategyType"].into_iter().zip(tag.strategy) {
        if let Some(number) = number {
            value[name] = json!(number);
        }
    }
    if let Some(lots) = order.asked.display {
        value["icebergQty"] = json!(size_text(listed, lots));
    }
    value["selfTradePreventionMode"] = json!(self_trade(order.asked.self_trade));
    if let Some(why) = expiry_reason(record) {
        value["expiryReason"] = json!(why);
    }
    if let Some(number) = record.prevented {
        value["preventedMatchId"] = json!(number);
        value["preventedQuantity"] = json!(size_text(listed, order.prevented));
    }
    value
}

/// An order that somebody asks for.
pub(crate) fn queried(floor: &Floor, record: &Record) -> Value {
    let order = &record.order;
    let mut value = base(floor, record);
    let listed = floor.listed(order.asked.instrument);
    let zero = "0.00000000".to_owned();
    value["stopPrice"] = json!(price_text(listed, stop_price(&order.asked)));
    value["icebergQty"] = json!(order.asked.display.map_or(zero, |lots| size_text(listed, lots)));
    value["time"] = json!(floor.shown(order.placed_at));
    value["updateTime"] = json!(floor.shown(order.changed_at));
    value["isWorking"] = json!(record.working_since().is_some());
    value["workingTime"] = json!(record.working_since().map_or(-1, |at| floor.shown(at)));
    value
}

/// A trade of an account with itself that was prevented, to who came.
pub(crate) fn prevented(floor: &Floor, one: &Prevented) -> Value {
    let listed = floor.listed(one.instrument);
    let mut value = json!({
        "preventedMatchId": one.number, "makerOrderId": one.maker.0,
        "price": price_text(listed, one.price),
    });
    let names = ["takerPreventedQuantity", "makerPreventedQuantity"];
    for (name, lots) in names.into_iter().zip(one.lots).filter(|(_, lots)| *lots > 0) {
        value[name] = json!(size_text(listed, lots));
    }
    value
}

/// How far a list of orders is.
pub(crate) fn list_state(records: &[&Record]) -> (&'static str, &'static str) {
    if records.iter().any(|record| record.order.is_open) {
        ("EXEC_STARTED", "EXECUTING")
    } else {
        ("ALL_DONE", "ALL_DONE")
    }
}
