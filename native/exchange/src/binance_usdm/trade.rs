//! Calls that place, change and end orders.

use rustonite_sim::{
    AccountId, Command, Exchange, Expiry, InstrumentId, NewOrder, OrderId, Quantity, Reject,
};
use serde_json::{Value, json};

use super::place::{lots, need_number, new_order, ticks, wants_result};
use super::refusal::of_order;
use super::{Call, words};
use crate::accounts::Record;
use crate::binance::shared::calls::Answer;
use crate::binance::shared::orders::{self, instrument, made_up_id, side, wanted};
use crate::binance::shared::refusal::Refusal;
use crate::dialect::Hall;

pub(crate) fn place(call: &mut Call<'_>) -> Answer {
    let shows_result = wants_result(call.params)?;
    let (order, tag) = new_order(&call.hall.floor, call.account, call.params, false)?;
    refuse_unfillable(&call.hall.floor.exchange, &order)?;
    let done = call.hall.place(&Command::Place(order), vec![tag]);
    let done = done.map_err(|reject| of_order(&reject))?;
    let floor = &call.hall.floor;
    let record = floor.record(call.account, done.order.unwrap_or(OrderId(0)));
    let say = if shows_result { words::order } else { words::accepted };
    Ok(record.map(|record| say(floor, record)).unwrap_or_default())
}

/// An order of all or nothing is not taken if it does not fit.
fn refuse_unfillable(exchange: &Exchange, order: &NewOrder) -> Result<(), Refusal> {
    let Quantity::Lots(lots) = order.quantity else { return Ok(()) };
    exchange.would_take(order).map_err(|reject| of_order(&reject))?;
    if order.expiry != Expiry::AllOrNothing || exchange.would_trade(order) >= lots {
        return Ok(());
    }
    let text = "Due to the order could not be filled immediately, the FOK order has been rejected.";
    Err(Refusal::new(-5021, text))
}

/// All checks of an order, without the order.
pub(crate) fn test(call: &mut Call<'_>) -> Answer {
    wants_result(call.params)?;
    let (order, _) = new_order(&call.hall.floor, call.account, call.params, false)?;
    refuse_unfillable(&call.hall.floor.exchange, &order)?;
    Ok(json!({}))
}

/// The order in the book, or once there, that the parameters name.
pub(crate) fn named(call: &Call<'_>) -> Result<Option<Record>, Refusal> {
    let id = instrument(&call.hall.floor, call.params)?;
    let record = wanted(call.own()?, call.params, "orderId", "origClientOrderId")?;
    let fits = |record: &Record| record.order.is_working && record.order.asked.instrument == id;
    Ok(record.filter(fits))
}

pub(crate) fn cancel(call: &mut Call<'_>) -> Answer {
    let record = named(call)?.ok_or_else(Refusal::not_cancelled)?;
    end(call, &record)
}

/// Ends an order.
pub(crate) fn end(call: &mut Call<'_>, record: &Record) -> Answer {
    let name = made_up_id(&call.hall.floor);
    orders::end(call.hall, record, &name)?;
    let floor = &call.hall.floor;
    let record = floor.record(call.account, record.order.id);
    Ok(record.map(|record| words::order(floor, record)).unwrap_or_default())
}

/// Changes price and quantity of an order.
pub(crate) fn modify(call: &mut Call<'_>) -> Answer {
    let record = named(call)?.filter(|record| record.order.is_open);
    let record = record.ok_or_else(Refusal::no_such_order)?;
    let asked = record.order.asked;
    let listed = call.hall.floor.listed(asked.instrument);
    if side(call.params, "side")? != asked.side {
        return Err(Refusal::new(-1117, "Invalid side."));
    }
    let quantity = lots(listed, need_number(call.params, "quantity")?)?;
    let price = ticks(listed, need_number(call.params, "price")?)?;
    if asked.price.is_none() {
        return Err(Refusal::new(-5025, "Only limit order is supported."));
    }
    if asked.price == Some(price) && record.order.quantity == quantity {
        return Err(Refusal::new(-5027, "No need to modify the order."));
    }
    if quantity <= record.order.quantity - record.order.open() {
        return end(call, &record);
    }
    let (account, order) = (call.account, record.order.id);
    let command = Command::Amend { account, order, price: Some(price), quantity };
    match call.hall.apply(&command, Vec::new()) {
        // One that is never to take ends where it would.
        Err(Reject::WouldTrade) => return end(call, &record),
        done => done.map_err(|reject| of_order(&reject))?,
    };
    let floor = &call.hall.floor;
    let record = floor.record(account, order);
    Ok(record.map(|record| words::order(floor, record)).unwrap_or_default())
}

/// Ends all orders of an account in an instrument, but for those that wait for their trigger.
pub(crate) fn end_all(hall: &mut Hall, account: AccountId, id: InstrumentId, waiting: bool) {
    let Some(own) = hall.floor.accounts.all.get(&account) else { return };
    let fits = |record: &&Record| {
        record.order.asked.instrument == id && record.order.is_working != waiting
    };
    let records: Vec<_> = own.open_orders().filter(fits).cloned().collect();
    for record in records {
        // One of them may have been filled meanwhile.
        let name = made_up_id(&hall.floor);
        let _ = orders::end(hall, &record, &name);
    }
}

pub(crate) fn all_ended() -> Value {
    json!({"code": 200, "msg": "The operation of cancel all open order is done."})
}

pub(crate) fn cancel_all(call: &mut Call<'_>) -> Answer {
    let id = instrument(&call.hall.floor, call.params)?;
    call.own()?;
    end_all(call.hall, call.account, id, false);
    Ok(all_ended())
}

/// Ends all orders later, unless the client says in time that it is still there.
pub(crate) fn count_down(call: &mut Call<'_>) -> Answer {
    let id = instrument(&call.hall.floor, call.params)?;
    call.own()?;
    call.params.need("countdownTime")?;
    let time = call.params.integer("countdownTime")?.unwrap_or(0);
    if time < 0 {
        return Err(Refusal::illegal("countdownTime"));
    }
    let key = (call.account, id);
    if time == 0 {
        call.state.countdowns.remove(&key);
    } else {
        let now = call.hall.floor.now();
        let at = now.saturating_add(time.saturating_mul(1_000_000));
        call.state.countdowns.insert(key, at);
    }
    let symbol = &call.hall.floor.listed(id).listing.symbol;
    Ok(json!({"symbol": symbol, "countdownTime": time.to_string()}))
}
