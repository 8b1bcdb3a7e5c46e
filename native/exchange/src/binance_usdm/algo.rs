//! Calls about conditional orders.

use rustonite_sim::{Command, NewOrder, OrderId, Reject};
use serde_json::{Map, Value, json};

use super::place::new_order;
use super::refusal::of_order;
use super::{Call, trade, words};
use crate::accounts::Record;
use crate::binance::shared::calls::Answer;
use crate::binance::shared::orders::{self, instrument, made_up_id, page, wanted};
use crate::binance::shared::params::Params;
use crate::binance::shared::refusal::Refusal;

const ROWS_USUAL: usize = 500;
const ROWS_MAX: usize = 1_000;

pub(crate) fn place(call: &mut Call<'_>) -> Answer {
    if call.params.need("algoType")? != "CONDITIONAL" {
        return Err(Refusal::invalid("algoType"));
    }
    let (order, tag) = new_order(&call.hall.floor, call.account, call.params, true)?;
    refuse_more(call, &order)?;
    refuse_second(call, &order)?;
    let within_ppm = tag.within_ppm;
    let done = call.hall.place(&Command::Place(order), vec![tag]);
    let done = done.map_err(|reject| of_order(&reject))?;
    let id = done.order.unwrap_or(OrderId(0));
    let floor = &mut call.hall.floor;
    if let Some(within_ppm) = within_ppm {
        floor.exchange.protect(id, within_ppm);
    }
    let record = floor.record(call.account, id);
    Ok(record.map(|record| words::algo(floor, record)).unwrap_or_default())
}

/// So many may wait of an account, whatever their symbols.
fn refuse_more(call: &Call<'_>, order: &NewOrder) -> Result<(), Refusal> {
    let waiting = call.own()?.open_orders().filter(|record| !record.order.is_working).count();
    let most = call.hall.floor.listed(order.instrument).listing.triggers_max;
    if waiting < most { Ok(()) } else { Err(of_order(&Reject::TooManyTriggers(waiting))) }
}

/// One stop and one take-profit may wait that close all of a position.
fn refuse_second(call: &Call<'_>, order: &NewOrder) -> Result<(), Refusal> {
    let of = |one: &NewOrder| (one.instrument, one.side, one.position, words::algo_kind(one));
    let is_other = |record: &Record| {
        let asked = &record.order.asked;
        record.order.is_working || !words::closes_position(asked) || of(asked) != of(order)
    };
    if !words::closes_position(order) || call.own()?.open_orders().all(is_other) {
        return Ok(());
    }
    let text = "An open stop or take profit order with GTE and closePosition in the direction is existing.";
    Err(Refusal::new(-4130, text))
}

/// The conditional order that the parameters name.
fn named(call: &Call<'_>) -> Result<Option<Record>, Refusal> {
    let mut wish = Map::new();
    if let Some(id) = call.params.integer("algoId")? {
        let id = words::order_of_algo(id.cast_unsigned()).unwrap_or(0);
        wish.insert("algoId".to_owned(), json!(id));
    }
    if let Some(name) = call.params.get("clientAlgoId") {
        wish.insert("clientAlgoId".to_owned(), json!(name));
    }
    let found = wanted(call.own()?, &Params::of_json(&wish), "algoId", "clientAlgoId")?;
    Ok(found.filter(|record| record.order.asked.trigger.is_some()))
}

pub(crate) fn query(call: &mut Call<'_>) -> Answer {
    let record = named(call)?.ok_or_else(Refusal::no_such_order)?;
    Ok(words::algo(&call.hall.floor, &record))
}

pub(crate) fn cancel(call: &mut Call<'_>) -> Answer {
    let record = named(call)?.filter(|record| !record.order.is_working);
    let record = record.ok_or_else(Refusal::not_cancelled)?;
    let name = made_up_id(&call.hall.floor);
    orders::end(call.hall, &record, &name)?;
    Ok(json!({
        "algoId": words::algo_id(&record.order), "clientAlgoId": words::client_id(&record),
        "code": "200", "msg": "success",
    }))
}

/// The same where the answer is the order.
pub(crate) fn cancel_by_socket(call: &mut Call<'_>) -> Answer {
    let record = named(call)?;
    cancel(call)?;
    let floor = &call.hall.floor;
    let record = record.and_then(|record| floor.record(call.account, record.order.id));
    Ok(record.map(|record| words::algo(floor, record)).unwrap_or_default())
}

pub(crate) fn cancel_all(call: &mut Call<'_>) -> Answer {
    let id = instrument(&call.hall.floor, call.params)?;
    call.own()?;
    trade::end_all(call.hall, call.account, id, true);
    Ok(trade::all_ended())
}

fn rows<'a>(call: &'a Call<'_>, only_waiting: bool) -> Result<Vec<&'a Record>, Refusal> {
    let id = call.symbol_if_sent()?;
    let number = call.params.integer("algoId")?;
    let in_time = call.in_time()?;
    let floor = &call.hall.floor;
    let fits = |record: &&Record| {
        let order = &record.order;
        order.asked.trigger.is_some()
            && (!only_waiting || (order.is_open && !order.is_working))
            && id.is_none_or(|id| order.asked.instrument == id)
            && number.is_none_or(|number| words::algo_id(order).cast_signed() >= number)
            && in_time(floor.shown(order.placed_at))
    };
    Ok(call.own()?.orders.values().filter(fits).collect())
}

pub(crate) fn open(call: &mut Call<'_>) -> Answer {
    let floor = &call.hall.floor;
    Ok(rows(call, true)?.into_iter().map(|record| words::algo(floor, record)).collect())
}

pub(crate) fn all(call: &mut Call<'_>) -> Answer {
    call.params.need("symbol")?;
    let limit = call.params.limit(ROWS_USUAL, ROWS_MAX)?;
    let rows = rows(call, false)?;
    let floor = &call.hall.floor;
    let from_start = call.params.get("algoId").is_some();
    let rows: Vec<Value> =
        page(&rows, limit, from_start).iter().map(|record| words::algo(floor, record)).collect();
    Ok(Value::Array(rows))
}
