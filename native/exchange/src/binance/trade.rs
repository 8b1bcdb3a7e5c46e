//! Calls that place, change and end orders.

use rustonite_sim::{Command, Event, OrderId};
use serde_json::{Value, json};

use super::place::{ALONE, Detail, NAMES, asked, lots, new_order, placed, strategy};
use super::refusal::of_order;
use super::shared::calls::{Answer, Call};
use super::shared::orders::{self, instrument, made_up_id, wanted};
use super::shared::params::Params;
use super::shared::refusal::Refusal;
use super::shared::words as common;
use super::{account, lists, words};
use crate::accounts::Record;
use crate::figures::money;
use crate::floor::Floor;

pub(crate) fn place(call: &mut Call<'_>) -> Answer {
    place_new(call, false)
}

/// Places an order. Whether the user stream tells it if it is not taken.
fn place_new(call: &mut Call<'_>, tells_refusal: bool) -> Answer {
    let (order, tag) = new_order(&call.hall.floor, call.account, call.params, &ALONE)?;
    let detail = Detail::read(call.params, &order)?;
    let done = call.hall.place(&Command::Place(order), vec![tag.clone()]).map_err(|reject| {
        if tells_refusal {
            call.hall.floor.tell_refused(&order, tag, reject);
        }
        of_order(&reject, order.price.is_none())
    })?;
    let id = done.order.unwrap_or(OrderId(0));
    Ok(placed(&call.hall.floor, call.account, id, &done, detail))
}

fn asks_for_rates(params: &Params) -> bool {
    params.get("computeCommissionRates") == Some("true")
}

pub(crate) fn test_weight(params: &Params) -> u32 {
    if asks_for_rates(params) { 20 } else { 1 }
}

/// All checks of an order, without the order.
pub(crate) fn test(call: &mut Call<'_>) -> Answer {
    let (order, _) = new_order(&call.hall.floor, call.account, call.params, &ALONE)?;
    Detail::read(call.params, &order)?;
    let taken = call.hall.floor.exchange.would_take(&order);
    taken.map_err(|reject| of_order(&reject, order.price.is_none()))?;
    if asks_for_rates(call.params) {
        return Ok(account::of_order(&call.hall.floor, call.account, order.instrument));
    }
    Ok(json!({}))
}

pub(crate) fn cancel(call: &mut Call<'_>) -> Answer {
    let id = instrument(&call.hall.floor, call.params)?;
    let record = wanted(call.own()?, call.params, "orderId", "origClientOrderId")?
        .filter(|record| record.order.asked.instrument == id)
        .ok_or_else(Refusal::not_cancelled)?;
    let name = call.params.client_id("newClientOrderId", NAMES)?;
    cancel_if(call, &record, restriction(call.params)?, name)
}

/// Whether only orders are ended that have traded, or only those that have not.
fn restriction(params: &Params) -> Result<Option<bool>, Refusal> {
    match params.get("cancelRestrictions") {
        None => Ok(None),
        Some("ONLY_NEW") => Ok(Some(false)),
        Some("ONLY_PARTIALLY_FILLED") => Ok(Some(true)),
        Some(_) => {
            let text = "cancelRestrictions has to be either ONLY_NEW or ONLY_PARTIALLY_FILLED.";
            Err(Refusal::new(-1145, text))
        }
    }
}

fn cancel_if(
    call: &mut Call<'_>,
    record: &Record,
    restriction: Option<bool>,
    name: Option<String>,
) -> Answer {
    if restriction.is_some_and(|traded| traded != (record.order.filled > 0)) {
        let text = "Order was not canceled due to cancel restrictions.";
        return Err(Refusal::new(-2011, text));
    }
    cancel_one(call, record, name)
}

/// Ends an order; of a list, the other one ends, too.
pub(crate) fn cancel_one(call: &mut Call<'_>, record: &Record, name: Option<String>) -> Answer {
    let name = name.unwrap_or_else(|| made_up_id(&call.hall.floor));
    orders::end(call.hall, record, &name)?;
    let floor = &call.hall.floor;
    let record = floor.record(call.account, record.order.id);
    Ok(record.map(|record| cancelled(floor, record)).unwrap_or_default())
}

/// What is said of an order that has ended, by a name of that request if it was asked for.
pub(crate) fn cancelled(floor: &Floor, record: &Record) -> Value {
    let mut value = words::base(floor, record);
    if let Some(name) = &record.tag.cancel_id {
        value["origClientOrderId"] = json!(record.tag.client_id);
        value["clientOrderId"] = json!(name);
    }
    value["transactTime"] = json!(floor.shown(record.order.changed_at));
    value
}

pub(crate) fn cancel_all(call: &mut Call<'_>) -> Answer {
    let id = instrument(&call.hall.floor, call.params)?;
    let open: Vec<_> = call
        .own()?
        .open_orders()
        .filter(|record| record.order.asked.instrument == id)
        .cloned()
        .collect();
    if open.is_empty() {
        return Err(Refusal::not_cancelled());
    }
    let mut answers = Vec::new();
    let mut lists = Vec::new();
    for record in open {
        if record.list().is_some_and(|list| lists.contains(&list)) {
            continue;
        }
        // One that was filled meanwhile does not keep the others.
        let Ok(ended) = cancel_one(call, &record, None) else { continue };
        answers.push(match record.list() {
            Some(list) => {
                lists.push(list);
                lists::ended(call, list)
            }
            None => ended,
        });
    }
    if answers.is_empty() {
        return Err(Refusal::not_cancelled());
    }
    Ok(Value::Array(answers))
}

/// Ends an order and places another.
pub(crate) fn replace(call: &mut Call<'_>) -> Answer {
    let (ended, goes_on) = end_old(call)?;
    if ended.is_err() && !goes_on {
        return Err(replace_failed(&ended, None));
    }
    let new = place_new(call, ended.is_ok());
    match (&ended, &new) {
        (Ok(ended), Ok(new)) => Ok(json!({
            "cancelResult": "SUCCESS", "newOrderResult": "SUCCESS",
            "cancelResponse": ended, "newOrderResponse": new,
        })),
        _ => Err(replace_failed(&ended, Some(&new))),
    }
}

/// Ends the old one of two orders, and whether the new one comes even if that fails.
fn end_old(call: &mut Call<'_>) -> Result<(Answer, bool), Refusal> {
    let goes_on = match call.params.need("cancelReplaceMode")? {
        "STOP_ON_FAILURE" => false,
        "ALLOW_FAILURE" => true,
        _ => return Err(Refusal::invalid("cancelReplaceMode")),
    };
    let id = instrument(&call.hall.floor, call.params)?;
    let name = call.params.client_id("cancelNewClientOrderId", NAMES)?;
    let old = wanted(call.own()?, call.params, "cancelOrderId", "cancelOrigClientOrderId")?
        .filter(|record| record.order.asked.instrument == id);
    let restriction = restriction(call.params)?;
    ends_if_crowded(call.params)?;
    check_new(call)?;
    let ended = match old {
        Some(old) => cancel_if(call, &old, restriction, name),
        None => Err(Refusal::not_cancelled()),
    };
    Ok((ended, goes_on))
}

/// Whether the old order ends although there were too many new ones.
fn ends_if_crowded(params: &Params) -> Result<bool, Refusal> {
    match params.get("orderRateLimitExceededMode") {
        None | Some("DO_NOTHING") => Ok(false),
        Some("CANCEL_ONLY") => Ok(true),
        Some(_) => Err(Refusal::invalid("orderRateLimitExceededMode")),
    }
}

/// There were too many orders for a new one; the old one ends if that was asked for.
pub(crate) fn replace_crowded(call: &mut Call<'_>, too_many: Refusal) -> Refusal {
    match ends_if_crowded(call.params) {
        Ok(true) => {}
        Ok(false) => return too_many,
        Err(refusal) => return refusal,
    }
    let (ended, goes_on) = match end_old(call) {
        Ok(ended) => ended,
        Err(refusal) => return refusal,
    };
    let tried = ended.is_ok() || goes_on;
    let new = Err(too_many.clone());
    let data = replace_failed(&ended, tried.then_some(&new)).data;
    Refusal { data, ..too_many }
}

/// What cannot be read, or what filters refuse, changes nothing. Names are not looked at: that of the
/// old order is free once it has ended.
fn check_new(call: &Call<'_>) -> Result<(), Refusal> {
    let floor = &call.hall.floor;
    let order = asked(floor, call.account, call.params, &ALONE)?;
    Detail::read(call.params, &order)?;
    strategy(call.params, &ALONE)?;
    call.params.client_id(ALONE.client_id, NAMES)?;
    let fits = floor.exchange.fits_rules(&order);
    fits.map_err(|reject| of_order(&reject, order.price.is_none()))
}

fn replace_failed(ended: &Answer, new: Option<&Answer>) -> Refusal {
    let word = |answer: &Answer| if answer.is_ok() { "SUCCESS" } else { "FAILURE" };
    let response = |answer: &Answer| answer.clone().unwrap_or_else(|refusal| refusal.json());
    let partly = ended.is_ok() || new.is_some_and(Result::is_ok);
    let refusal = if partly {
        Refusal::with_status(409, -2021, "Order cancel-replace partially failed.")
    } else {
        Refusal::new(-2022, "Order cancel-replace failed.")
    };
    let data = json!({
        "cancelResult": word(ended), "newOrderResult": new.map_or("NOT_ATTEMPTED", word),
        "cancelResponse": response(ended), "newOrderResponse": new.map(response),
    });
    Refusal { data: Some(data), ..refusal }
}

/// Makes an order smaller in its place.
pub(crate) fn amend(call: &mut Call<'_>) -> Answer {
    let id = instrument(&call.hall.floor, call.params)?;
    let record = wanted(call.own()?, call.params, "orderId", "origClientOrderId")?
        .filter(|record| record.order.asked.instrument == id && record.order.is_open)
        .ok_or_else(|| Refusal::new(-2013, "Order does not exist."))?;
    let size = call.params.need_decimal("newQty")?;
    let quantity = lots(call.hall.floor.listed(id), size)?;
    let refused = |text: &str| Refusal::new(-2038, text);
    if quantity == record.order.quantity {
        return Err(refused("The requested action would change no state; rejecting."));
    }
    let gone = record.order.filled + record.order.prevented;
    if quantity > record.order.quantity || quantity <= gone {
        return Err(refused("Order amend (quantity increase) is not supported."));
    }
    let (account, order) = (call.account, record.order.id);
    let name = new_name(call, &record)?;
    let command = Command::Amend { account, order, price: None, quantity };
    let done = call.hall.apply(&command, Vec::new());
    let done = done.map_err(|reject| of_order(&reject, false))?;
    if let Some(own) = call.hall.floor.accounts.all.get_mut(&account) {
        own.rename(order, &name);
        for event in &done.events {
            // The other one of a pair gets smaller, too, and keeps its name.
            if let &Event::Amended { order: other, .. } = event
                && other != order
                && let Some(name) = own.orders.get(&other).map(|one| one.tag.client_id.clone())
            {
                own.rename(other, &name);
            }
        }
    }
    let floor = &call.hall.floor;
    let mut answer = json!({
        "transactTime": floor.shown(done.at),
        "executionId": done.execution_of(|event| matches!(event, Event::Amended { .. })),
        "amendedOrder": floor.record(account, order).map(|new| amended(call, new, &record)),
    });
    if let Some(list) = record.list() {
        answer["listStatus"] = lists::status(call, list);
    }
    Ok(answer)
}

/// The name that an order has once it is amended: its own may be sent again.
fn new_name(call: &Call<'_>, record: &Record) -> Result<String, Refusal> {
    let name = "newClientOrderId";
    let own = &record.tag.client_id;
    if call.params.get(name) == Some(own) {
        return Ok(own.clone());
    }
    let taken = Refusal::new(-2010, "Duplicate order sent.");
    orders::client_id(&call.hall.floor, call.account, call.params, (name, NAMES), &taken)
}

fn amended(call: &Call<'_>, record: &Record, before: &Record) -> Value {
    let Record { order, tag, .. } = record;
    let listed = call.hall.floor.listed(order.asked.instrument);
    let mut value = json!({
        "symbol": listed.listing.symbol,
        "orderId": order.id.0,
        "orderListId": words::list_id(record),
        "origClientOrderId": before.tag.client_id,
        "clientOrderId": tag.client_id,
        "price": common::price_text(listed, order.asked.price.unwrap_or(0)),
        "qty": common::size_text(listed, order.quantity),
        "executedQty": common::size_text(listed, order.filled),
        "preventedQty": common::size_text(listed, order.prevented),
        "quoteOrderQty": "0.00000000",
        "cumulativeQuoteQty": money(order.filled_quote).to_string(),
        "status": words::status(record),
        "timeInForce": words::time_in_force(&order.asked),
        "type": words::kind(&order.asked),
        "side": common::side(order.asked.side),
        "selfTradePreventionMode": common::self_trade(order.asked.self_trade),
    });
    if let Some(at) = record.working_since() {
        value["workingTime"] = json!(call.hall.floor.shown(at));
    }
    value
}
