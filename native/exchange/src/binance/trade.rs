//! Calls that place, change and end orders.

use rustonite_sim::{Command, InstrumentId, NewOrder, OrderId};
use serde_json::{Value, json};

use super::place::{ALONE, Detail, Names, lots, new_order, placed};
use super::refusal::of_order;
use super::shared::calls::{Answer, Call};
use super::shared::orders::{self, instrument, made_up_id, wanted};
use super::shared::params::Params;
use super::shared::refusal::Refusal;
use super::shared::words as common;
use super::words;
use crate::accounts::{Record, Tag};
use crate::faults::Fault;
use crate::figures::money;

/// The upper order of a list.
const ABOVE: Names = Names {
    kind: "aboveType",
    price: "abovePrice",
    stop: "aboveStopPrice",
    trailing: "aboveTrailingDelta",
    time_in_force: "aboveTimeInForce",
    iceberg: "aboveIcebergQty",
    client_id: "aboveClientOrderId",
};
/// The lower order of a list.
const BELOW: Names = Names {
    kind: "belowType",
    price: "belowPrice",
    stop: "belowStopPrice",
    trailing: "belowTrailingDelta",
    time_in_force: "belowTimeInForce",
    iceberg: "belowIcebergQty",
    client_id: "belowClientOrderId",
};

pub(crate) fn place(call: &mut Call<'_>) -> Answer {
    let (order, mut tag) = new_order(&call.hall.floor, call.account, call.params, &ALONE)?;
    let detail = Detail::read(call.params, &order)?;
    let symbol = call.params.get("symbol");
    tag.muted = call.hall.faults.of(symbol, |fault| *fault == Fault::Mute).is_some();
    let is_market = order.price.is_none();
    let done = call
        .hall
        .apply(&Command::Place(order), vec![tag])
        .map_err(|reject| of_order(&reject, is_market))?;
    let id = done.order.unwrap_or(OrderId(0));
    Ok(placed(&call.hall.floor, call.account, id, &done, detail))
}

/// All checks of an order, without the order.
pub(crate) fn test(call: &mut Call<'_>) -> Answer {
    let (order, _) = new_order(&call.hall.floor, call.account, call.params, &ALONE)?;
    Detail::read(call.params, &order)?;
    let taken = call.hall.floor.exchange.would_take(&order);
    taken.map_err(|reject| of_order(&reject, order.price.is_none()))?;
    Ok(json!({}))
}

pub(crate) fn cancel(call: &mut Call<'_>) -> Answer {
    let id = instrument(&call.hall.floor, call.params)?;
    let record = wanted(call.own()?, call.params, "orderId", "origClientOrderId")?
        .filter(|record| record.order.asked.instrument == id)
        .ok_or_else(Refusal::not_cancelled)?;
    let fits = match call.params.get("cancelRestrictions") {
        Some("ONLY_NEW") => record.order.filled == 0,
        Some("ONLY_PARTIALLY_FILLED") => record.order.filled > 0,
        _ => true,
    };
    if !fits {
        let text = "Order was not canceled due to cancel restrictions.";
        return Err(Refusal::new(-2011, text));
    }
    let name = call.params.client_id("newClientOrderId")?;
    cancel_one(call, &record, name)
}

/// Ends an order; of a list, the other one ends, too.
fn cancel_one(call: &mut Call<'_>, record: &Record, name: Option<String>) -> Answer {
    let name = name.unwrap_or_else(|| made_up_id(&call.hall.floor));
    let at = orders::end(call.hall, record, name)?;
    Ok(cancelled(call, record.order.id, at))
}

fn cancelled(call: &Call<'_>, order: OrderId, at: i64) -> Value {
    let floor = &call.hall.floor;
    let Some(record) = floor.record(call.account, order) else { return Value::Null };
    let mut value = words::base(floor, record);
    value["origClientOrderId"] = json!(record.tag.client_id);
    value["clientOrderId"] = json!(record.tag.cancel_id);
    value["transactTime"] = json!(floor.shown(at));
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
        match record.tag.list {
            Some(list) if lists.contains(&list) => {}
            Some(list) => {
                lists.push(list);
                cancel_one(call, &record, None)?;
                answers.push(list_answer(call, list));
            }
            None => answers.push(cancel_one(call, &record, None)?),
        }
    }
    Ok(Value::Array(answers))
}

/// Ends an order and places another.
pub(crate) fn replace(call: &mut Call<'_>) -> Answer {
    let goes_on = match call.params.need("cancelReplaceMode")? {
        "STOP_ON_FAILURE" => false,
        "ALLOW_FAILURE" => true,
        _ => return Err(invalid("cancelReplaceMode")),
    };
    let id = instrument(&call.hall.floor, call.params)?;
    let name = call.params.client_id("cancelNewClientOrderId")?;
    let old = wanted(call.own()?, call.params, "cancelOrderId", "cancelOrigClientOrderId")?
        .filter(|record| record.order.asked.instrument == id);
    // Read before anything is done, so that what cannot be read changes nothing. The name of the old
    // order is free again only once that has ended.
    match new_order(&call.hall.floor, call.account, call.params, &ALONE) {
        Err(refusal) if refusal.code != -2010 => return Err(refusal),
        _ => {}
    }
    let ended = match old {
        Some(old) => cancel_one(call, &old, name),
        None => Err(Refusal::not_cancelled()),
    };
    if ended.is_err() && !goes_on {
        return Err(replace_failed(&ended, None));
    }
    let new = place(call);
    match (&ended, &new) {
        (Ok(ended), Ok(new)) => Ok(json!({
            "cancelResult": "SUCCESS", "newOrderResult": "SUCCESS",
            "cancelResponse": ended, "newOrderResponse": new,
        })),
        _ => Err(replace_failed(&ended, Some(&new))),
    }
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
    if quantity > record.order.quantity || quantity <= record.order.filled {
        return Err(refused("Order amend (quantity increase) is not supported."));
    }
    let (account, order) = (call.account, record.order.id);
    let command = Command::Amend { account, order, price: None, quantity };
    let done = call.hall.apply(&command, Vec::new());
    let done = done.map_err(|reject| of_order(&reject, false))?;
    let floor = &call.hall.floor;
    Ok(json!({
        "transactTime": floor.shown(done.at),
        "executionId": done.at / 1_000,
        "amendedOrder": floor.record(account, order).map(|record| amended(call, record)),
    }))
}

fn amended(call: &Call<'_>, record: &Record) -> Value {
    let Record { order, tag, .. } = record;
    let listed = call.hall.floor.listed(order.asked.instrument);
    json!({
        "symbol": listed.listing.symbol,
        "orderId": order.id.0,
        "orderListId": words::list_id(record),
        "origClientOrderId": tag.client_id,
        "clientOrderId": tag.client_id,
        "price": common::price_text(listed, order.asked.price.unwrap_or(0)),
        "qty": common::size_text(listed, order.quantity),
        "executedQty": common::size_text(listed, order.filled),
        "preventedQty": "0.00000000",
        "quoteOrderQty": "0.00000000",
        "cumulativeQuoteQty": money(order.filled_quote).to_string(),
        "status": words::status(order),
        "timeInForce": words::time_in_force(&order.asked),
        "type": words::kind(&order.asked),
        "side": common::side(order.asked.side),
        "workingTime": call.hall.floor.shown(order.placed_at),
        "selfTradePreventionMode": common::self_trade(order.asked.self_trade),
    })
}

fn invalid(name: &str) -> Refusal {
    Refusal::new(-1130, format!("Data sent for parameter '{name}' is not valid."))
}

pub(crate) fn oco(call: &mut Call<'_>) -> Answer {
    let read =
        |call: &Call<'_>, names| new_order(&call.hall.floor, call.account, call.params, names);
    let (above, below) = (read(call, &ABOVE)?, read(call, &BELOW)?);
    place_list(call, above, below)
}

/// The older form: a price, and a stop on the other side of the market.
pub(crate) fn old_oco(call: &mut Call<'_>) -> Answer {
    let stop_kind =
        if call.params.get("stopLimitPrice").is_some() { "STOP_LOSS_LIMIT" } else { "STOP_LOSS" };
    let sells = call.params.need("side")? == "SELL";
    let params = for_old_oco(call.params, sells, stop_kind);
    let read = |names| new_order(&call.hall.floor, call.account, &params, names);
    let (above, below) = (read(&ABOVE)?, read(&BELOW)?);
    place_list(call, above, below)
}

/// The parameters of the older form of a list in the names of the newer one.
fn for_old_oco(params: &Params, sells: bool, stop_kind: &str) -> Params {
    let (limit, stop) = if sells { ("above", "below") } else { ("below", "above") };
    let renamed = |name: &str| match name {
        "price" => format!("{limit}Price"),
        "limitClientOrderId" => format!("{limit}ClientOrderId"),
        "limitIcebergQty" => format!("{limit}IcebergQty"),
        "stopPrice" => format!("{stop}StopPrice"),
        "stopLimitPrice" => format!("{stop}Price"),
        "stopLimitTimeInForce" => format!("{stop}TimeInForce"),
        "stopClientOrderId" => format!("{stop}ClientOrderId"),
        "stopIcebergQty" => format!("{stop}IcebergQty"),
        "trailingDelta" => format!("{stop}TrailingDelta"),
        other => other.to_owned(),
    };
    let kinds = [
        (format!("{limit}Type"), "LIMIT_MAKER".to_owned()),
        (format!("{stop}Type"), stop_kind.to_owned()),
    ];
    params.renamed(renamed, kinds)
}

fn place_list(
    call: &mut Call<'_>,
    (above, mut above_tag): (NewOrder, Tag),
    (below, mut below_tag): (NewOrder, Tag),
) -> Answer {
    let list = call.hall.floor.new_list();
    (above_tag.list, below_tag.list) = (Some(list), Some(list));
    let name = call.params.client_id("listClientOrderId")?;
    let name = name.unwrap_or_else(|| made_up_id(&call.hall.floor));
    call.hall.floor.list_names.insert(list, name);
    call.hall
        .apply(&Command::PlaceOco([above, below]), vec![above_tag, below_tag])
        .map_err(|reject| of_order(&reject, false))?;
    Ok(list_answer(call, list))
}

/// All about a list and its orders.
pub(crate) fn list_answer(call: &Call<'_>, list: u64) -> Value {
    let floor = &call.hall.floor;
    let Ok(own) = call.own() else { return Value::Null };
    let records: Vec<_> =
        own.orders.values().filter(|record| record.tag.list == Some(list)).collect();
    let Some(first) = records.first() else { return Value::Null };
    let symbol = &floor.listed(first.order.asked.instrument).listing.symbol;
    let (kind, state) = words::list_state(&records);
    let orders: Vec<_> = records
        .iter()
        .map(|one| {
            json!({
                "symbol": symbol, "orderId": one.order.id.0, "clientOrderId": one.tag.client_id,
            })
        })
        .collect();
    let reports: Vec<_> = records.iter().map(|one| words::base(floor, one)).collect();
    json!({
        "orderListId": list, "contingencyType": "OCO", "listStatusType": kind,
        "listOrderStatus": state, "listClientOrderId": floor.list_names.get(&list),
        "transactionTime": floor.shown(first.order.changed_at), "symbol": symbol,
        "orders": orders, "orderReports": reports,
    })
}

pub(crate) fn cancel_list(call: &mut Call<'_>) -> Answer {
    let id: InstrumentId = instrument(&call.hall.floor, call.params)?;
    let list = call.params.integer("orderListId")?.map(i64::cast_unsigned);
    let name = call.params.get("listClientOrderId");
    let names = &call.hall.floor.list_names;
    let list = list.or_else(|| {
        names.iter().find(|(_, known)| Some(known.as_str()) == name).map(|(list, _)| *list)
    });
    let record = call
        .own()?
        .open_orders()
        .find(|record| {
            record.tag.list == list && list.is_some() && record.order.asked.instrument == id
        })
        .cloned()
        .ok_or_else(Refusal::not_cancelled)?;
    cancel_one(call, &record, None)?;
    Ok(list_answer(call, record.tag.list.unwrap_or_default()))
}
