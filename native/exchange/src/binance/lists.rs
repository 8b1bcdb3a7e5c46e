//! Calls about orders that belong together.

use std::collections::BTreeSet;
use std::sync::Arc;

use rustonite_sim::{Command, InstrumentId, NewOrder, Side};
use serde_json::{Value, json};

use super::account::{ROWS_MAX, ROWS_USUAL, within_a_day};
use super::place::{Detail, NAMES, Names, new_order, placed};
use super::refusal::of_order;
use super::shared::calls::{Answer, Call};
use super::shared::orders::{instrument, made_up_id, page};
use super::shared::params::Params;
use super::shared::refusal::Refusal;
use super::trade::{cancel_one, cancelled};
use super::words;
use crate::accounts::{OrderList, Record, Tag};

/// One ends the other.
const OCO: &str = "OCO";
/// One brings the others.
pub(crate) const OTO: &str = "OTO";

/// The upper order of a pair.
const ABOVE: Names = Names {
    kind: "aboveType",
    side: "side",
    quantity: "quantity",
    price: "abovePrice",
    stop: "aboveStopPrice",
    trailing: "aboveTrailingDelta",
    time_in_force: "aboveTimeInForce",
    iceberg: "aboveIcebergQty",
    client_id: "aboveClientOrderId",
    strategy: ["aboveStrategyId", "aboveStrategyType"],
};
/// The lower order of a pair.
const BELOW: Names = Names {
    kind: "belowType",
    price: "belowPrice",
    stop: "belowStopPrice",
    trailing: "belowTrailingDelta",
    time_in_force: "belowTimeInForce",
    iceberg: "belowIcebergQty",
    client_id: "belowClientOrderId",
    strategy: ["belowStrategyId", "belowStrategyType"],
    ..ABOVE
};
/// The order that brings others.
const WORKING: Names = Names {
    kind: "workingType",
    side: "workingSide",
    quantity: "workingQuantity",
    price: "workingPrice",
    // It never waits for a trigger.
    stop: "workingStopPrice",
    trailing: "workingTrailingDelta",
    time_in_force: "workingTimeInForce",
    iceberg: "workingIcebergQty",
    client_id: "workingClientOrderId",
    strategy: ["workingStrategyId", "workingStrategyType"],
};
/// The only one that it brings.
const PENDING: Names = Names {
    kind: "pendingType",
    side: "pendingSide",
    quantity: "pendingQuantity",
    price: "pendingPrice",
    stop: "pendingStopPrice",
    trailing: "pendingTrailingDelta",
    time_in_force: "pendingTimeInForce",
    iceberg: "pendingIcebergQty",
    client_id: "pendingClientOrderId",
    strategy: ["pendingStrategyId", "pendingStrategyType"],
};
/// The upper one of a pair that it brings,
const PENDING_ABOVE: Names = Names {
    kind: "pendingAboveType",
    price: "pendingAbovePrice",
    stop: "pendingAboveStopPrice",
    trailing: "pendingAboveTrailingDelta",
    time_in_force: "pendingAboveTimeInForce",
    iceberg: "pendingAboveIcebergQty",
    client_id: "pendingAboveClientOrderId",
    strategy: ["pendingAboveStrategyId", "pendingAboveStrategyType"],
    ..PENDING
};
/// and the lower one.
const PENDING_BELOW: Names = Names {
    kind: "pendingBelowType",
    price: "pendingBelowPrice",
    stop: "pendingBelowStopPrice",
    trailing: "pendingBelowTrailingDelta",
    time_in_force: "pendingBelowTimeInForce",
    iceberg: "pendingBelowIcebergQty",
    client_id: "pendingBelowClientOrderId",
    strategy: ["pendingBelowStrategyId", "pendingBelowStrategyType"],
    ..PENDING
};

fn read(call: &Call<'_>, names: &Names) -> Result<(NewOrder, Tag), Refusal> {
    new_order(&call.hall.floor, call.account, call.params, names)
}

pub(crate) fn oco(call: &mut Call<'_>) -> Answer {
    let pair = [read(call, &ABOVE)?, read(call, &BELOW)?];
    place_pair(call, pair)
}

/// Whether an order of a pair limits a loss; the other one takes a profit.
fn limits_loss(order: &NewOrder) -> Result<bool, Refusal> {
    match words::is_stop(order) {
        None if !order.post_only => Err(not_of_a_pair()),
        is_stop => Ok(is_stop == Some(true)),
    }
}

fn not_of_a_pair() -> Refusal {
    Refusal::new(-1158, "Order type not supported in OCO.")
}

/// One of a pair limits a loss, the other takes a profit.
fn check_kinds([above, below]: [&NewOrder; 2]) -> Result<(), Refusal> {
    if limits_loss(above)? == limits_loss(below)? { Err(not_of_a_pair()) } else { Ok(()) }
}

/// The last price is between those of a pair, and the profit on its side of it.
fn check_prices(call: &Call<'_>, [above, below]: [&NewOrder; 2]) -> Result<(), Refusal> {
    let Some(last) = call.hall.floor.exchange.last_price(above.instrument) else { return Ok(()) };
    let loss_is_below = limits_loss(below)?;
    let fits = loss_is_below == (above.side == Side::Sell)
        && compared(above).is_none_or(|price| price > last)
        && compared(below).is_none_or(|price| price < last);
    if fits {
        return Ok(());
    }
    let text = "The relationship of the prices for the orders is not correct.";
    Err(Refusal::new(-2010, text))
}

/// The price of an order of a pair that stands on one side of the market; a trail may have none.
fn compared(order: &NewOrder) -> Option<i64> {
    let takes_profit = words::is_stop(order) != Some(true);
    let limit = order.price.filter(|_| takes_profit);
    let trigger = || {
        let trigger = order.trigger?;
        trigger.trailing.map_or(Some(trigger.price), |trailing| trailing.activation)
    };
    limit.or_else(trigger)
}

/// An order that brings another one once it is filled.
pub(crate) fn oto(call: &mut Call<'_>) -> Answer {
    let orders = [working(call)?, read(call, &PENDING)?];
    place_row(call, orders)
}

/// An order that brings a pair of which one ends the other.
pub(crate) fn otoco(call: &mut Call<'_>) -> Answer {
    let orders = [working(call)?, read(call, &PENDING_ABOVE)?, read(call, &PENDING_BELOW)?];
    check_kinds([&orders[1].0, &orders[2].0])?;
    place_row(call, orders)
}

fn working(call: &Call<'_>) -> Result<(NewOrder, Tag), Refusal> {
    match call.params.need(WORKING.kind)? {
        "LIMIT" | "LIMIT_MAKER" => read(call, &WORKING),
        _ => Err(Refusal::new(-1116, "Invalid orderType.")),
    }
}

/// The older form: a price, and a stop on the other side of the market.
pub(crate) fn old_oco(call: &mut Call<'_>) -> Answer {
    let stop_kind =
        if call.params.get("stopLimitPrice").is_some() { "STOP_LOSS_LIMIT" } else { "STOP_LOSS" };
    let sells = call.params.need("side")? == "SELL";
    let params = for_old_oco(call.params, sells, stop_kind);
    let read = |names| new_order(&call.hall.floor, call.account, &params, names);
    let pair = [read(&ABOVE)?, read(&BELOW)?];
    place_pair(call, pair)
}

/// The parameters of the older form of a list in the names of the newer one.
fn for_old_oco(params: &Params, sells: bool, stop_kind: &str) -> Params {
    let (limit, stop) = if sells { ("above", "below") } else { ("below", "above") };
    let renamed = |name: &str| match name {
        "price" => format!("{limit}Price"),
        "limitClientOrderId" => format!("{limit}ClientOrderId"),
        "limitIcebergQty" => format!("{limit}IcebergQty"),
        "limitStrategyId" => format!("{limit}StrategyId"),
        "limitStrategyType" => format!("{limit}StrategyType"),
        "stopPrice" => format!("{stop}StopPrice"),
        "stopLimitPrice" => format!("{stop}Price"),
        "stopLimitTimeInForce" => format!("{stop}TimeInForce"),
        "stopClientOrderId" => format!("{stop}ClientOrderId"),
        "stopIcebergQty" => format!("{stop}IcebergQty"),
        "stopStrategyId" => format!("{stop}StrategyId"),
        "stopStrategyType" => format!("{stop}StrategyType"),
        "trailingDelta" => format!("{stop}TrailingDelta"),
        other => other.to_owned(),
    };
    let kinds = [
        (format!("{limit}Type"), "LIMIT_MAKER".to_owned()),
        (format!("{stop}Type"), stop_kind.to_owned()),
    ];
    params.renamed(renamed, kinds)
}

fn place_pair(call: &mut Call<'_>, pair: [(NewOrder, Tag); 2]) -> Answer {
    check_kinds([&pair[0].0, &pair[1].0])?;
    check_prices(call, [&pair[0].0, &pair[1].0])?;
    let list = new_list(call, OCO)?;
    let [(above, above_tag), (below, below_tag)] = pair;
    let tags = [above_tag, below_tag].map(|tag| Tag { list: Some(Arc::clone(&list)), ..tag });
    place(call, list.number, &Command::PlaceOco([above, below]), tags.into())
}

/// The first brings the others.
fn place_row<const N: usize>(call: &mut Call<'_>, orders: [(NewOrder, Tag); N]) -> Answer {
    let list = new_list(call, OTO)?;
    let (mut pending, tags): (Vec<NewOrder>, Vec<Tag>) = (0..)
        .zip(orders)
        .map(|(place, (order, tag))| {
            (order, Tag { list: Some(Arc::clone(&list)), is_pending: place > 0, ..tag })
        })
        .unzip();
    let working = pending.remove(0);
    place(call, list.number, &Command::PlaceOto { working, pending }, tags)
}

fn new_list(call: &mut Call<'_>, contingency: &'static str) -> Result<Arc<OrderList>, Refusal> {
    let name = call.params.client_id("listClientOrderId", NAMES)?;
    let name = name.unwrap_or_else(|| made_up_id(&call.hall.floor));
    let is_taken = |record: &Record| record.tag.list.as_ref().is_some_and(|list| list.name == name);
    if call.own()?.open_orders().any(is_taken) {
        return Err(Refusal::new(-2010, "Duplicate order sent."));
    }
    let number = call.hall.floor.new_list();
    Ok(Arc::new(OrderList { number, name, contingency: contingency.into() }))
}

fn place(call: &mut Call<'_>, list: u64, command: &Command, tags: Vec<Tag>) -> Answer {
    let detail = Detail::or(call.params, Detail::Result)?;
    let done = call.hall.place(command, tags).map_err(|reject| of_order(&reject, false))?;
    let floor = &call.hall.floor;
    let report = |one: &Record| placed(floor, call.account, one.order.id, &done, detail);
    Ok(answer(call, list, report))
}

/// A list that has ended, with the end of each of its orders.
pub(crate) fn ended(call: &Call<'_>, number: u64) -> Value {
    answer(call, number, |one| cancelled(&call.hall.floor, one))
}

/// All about a list and its orders.
fn answer(call: &Call<'_>, number: u64, report: impl Fn(&Record) -> Value) -> Value {
    let mut value = row(call, number);
    value["orderReports"] = of_list(call, number).map(report).collect();
    value
}

fn of_list<'a>(call: &'a Call<'_>, number: u64) -> impl Iterator<Item = &'a Record> {
    let own = call.hall.floor.accounts.all.get(&call.account);
    own.into_iter().flat_map(move |own| own.of_list(number))
}

/// A list, and which orders it has.
fn row(call: &Call<'_>, number: u64) -> Value {
    let floor = &call.hall.floor;
    let records: Vec<_> = of_list(call, number).collect();
    let Some(first) = records.first() else { return Value::Null };
    let Some(list) = &first.tag.list else { return Value::Null };
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
    json!({
        "orderListId": number, "contingencyType": list.contingency, "listStatusType": kind,
        "listOrderStatus": state, "listClientOrderId": list.name,
        "transactionTime": floor.shown(first.order.changed_at), "symbol": symbol,
        "orders": orders,
    })
}

/// A list as it is told with the change of one of its orders.
pub(crate) fn status(call: &Call<'_>, number: u64) -> Value {
    let mut value = row(call, number);
    if let Some(fields) = value.as_object_mut() {
        fields.remove("listStatusType");
        fields.remove("transactionTime");
    }
    value
}

/// Lists of the account that are open.
pub(crate) fn open(call: &mut Call<'_>) -> Answer {
    let open: BTreeSet<_> = call.own()?.open_orders().filter_map(Record::list).collect();
    Ok(open.into_iter().map(|list| row(call, list)).collect())
}

/// Lists of the account by their number and when they were placed.
pub(crate) fn all(call: &mut Call<'_>) -> Answer {
    let limit = call.params.limit(ROWS_USUAL, ROWS_MAX)?;
    let in_time = within_a_day(call)?;
    let first = call.params.integer("fromId")?.map(i64::cast_unsigned);
    let (floor, own) = (&call.hall.floor, call.own()?);
    let fits = |record: &Record| in_time(floor.shown(record.order.placed_at));
    let lists = own.lists_from(first.unwrap_or(0));
    let lists: Vec<_> = lists.filter(|list| own.of_list(*list).any(fits)).collect();
    Ok(page(&lists, limit, first.is_some()).iter().map(|list| row(call, *list)).collect())
}

/// One list of the account, open or not.
pub(crate) fn one(call: &mut Call<'_>) -> Answer {
    let number = call.params.integer("orderListId")?.map(i64::cast_unsigned);
    let name = call.params.get("origClientOrderId");
    if number.is_none() && name.is_none() {
        return Err(Refusal::missing("orderListId"));
    }
    let is_meant = |list: &&OrderList| match number {
        Some(number) => list.number == number,
        None => name == Some(list.name.as_str()),
    };
    let mut newest = call.own()?.orders.values().rev();
    let list = newest.find_map(|record| record.tag.list.as_deref().filter(is_meant));
    let number = list.map(|list| list.number);
    let gone = || Refusal::new(-2013, "Order list does not exist.");
    number.map(|number| row(call, number)).ok_or_else(gone)
}

/// Ends a list: one of the account that is open.
pub(crate) fn cancel(call: &mut Call<'_>) -> Answer {
    let id: InstrumentId = instrument(&call.hall.floor, call.params)?;
    let number = call.params.integer("orderListId")?.map(i64::cast_unsigned);
    let name = call.params.get("listClientOrderId");
    let is_meant = |list: &OrderList| match number {
        Some(number) => list.number == number,
        None => name == Some(list.name.as_str()),
    };
    let fits = |record: &&Record| {
        let list = record.tag.list.as_deref();
        list.is_some_and(is_meant) && record.order.asked.instrument == id
    };
    let record = call.own()?.open_orders().find(fits).cloned();
    let record = record.ok_or_else(Refusal::not_cancelled)?;
    let name = call.params.client_id("newClientOrderId", NAMES)?;
    cancel_one(call, &record, name)?;
    Ok(ended(call, record.list().unwrap_or_default()))
}
