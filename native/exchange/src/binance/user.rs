//! What the user stream says.

use std::collections::BTreeMap;

use rustonite_sim::{AccountId, Amount, CancelReason, Event, OrderId, Reject};
use serde_json::{Value, json};

use super::lists::OTO;
use super::shared::words as common;
use super::shared::ws_api::{Sessions, spoilt};
use super::words;
use crate::accounts::{Prevented, Record};
use crate::dialect::Hall;
use crate::faults::Told;
use crate::figures::money;
use crate::floor::{Done, Floor};
use crate::socket::Out;

const ZERO: &str = "0.00000000";

/// Tells user streams what was done.
pub(crate) fn publish(sessions: &Sessions, hall: &mut Hall, done: &Done) {
    let listeners: Vec<_> = sessions.users().collect();
    let mut known: BTreeMap<AccountId, Vec<Value>> = BTreeMap::new();
    for (_, _, account) in &listeners {
        known.entry(*account).or_insert_with(|| {
            let mut events = events(&hall.floor, *account, done);
            if let Some((_, asset, amount)) = done.deposit.filter(|(who, ..)| who == account) {
                events.push(deposited(&hall.floor, asset, amount, done.at));
            }
            events
        });
    }
    for (account, events) in known {
        let events = spoilt(hall, events, about);
        let of_account = listeners.iter().filter(|(_, _, who)| *who == account);
        for (socket, user, _) in of_account {
            for (event, after) in &events {
                let text = json!({"subscriptionId": user, "event": event}).to_string();
                hall.sockets.tell_later(*socket, Out::text(text), *after);
            }
        }
    }
}

/// What an event is about, and of which symbol.
fn about(event: &Value) -> Option<(Told, Option<&Value>)> {
    let told = match event["e"].as_str()? {
        "executionReport" if event["x"] == "TRADE" => Told::Fill,
        "executionReport" | "listStatus" => Told::Order,
        _ => Told::Account,
    };
    Some((told, event.get("s")))
}

/// Events of an account in the order in which they happened: orders first, then what it has now.
fn events(floor: &Floor, account: AccountId, done: &Done) -> Vec<Value> {
    let mut all = Vec::new();
    for (execution, event) in (done.execution..).zip(&done.events) {
        all.extend(report(floor, account, event, (done.at, execution)));
        if matches!(*event, Event::Placed { order } if done.order == Some(order)) {
            all.extend(waiting(floor, account, done));
        }
    }
    if let Some((record, why)) = &done.refused
        && record.order.asked.account == account
    {
        all.push(refused(floor, record, why, (done.at, done.execution)));
    }
    all.extend(position(floor, account, done));
    all.extend(lists(floor, account, done));
    all
}

/// The order that an event is about.
fn order_of(event: &Event) -> Option<OrderId> {
    match *event {
        Event::Placed { order }
        | Event::Triggered { order }
        | Event::Amended { order, .. }
        | Event::Prevented { order, .. }
        | Event::Fill { order, .. }
        | Event::Cancelled { order, .. } => Some(order),
        _ => None,
    }
}

fn report(floor: &Floor, account: AccountId, event: &Event, when: (i64, u64)) -> Option<Value> {
    let record = floor.record(account, order_of(event)?)?;
    // What ends an order is told with its end.
    if record.tag.muted || matches!(event, Event::Prevented { goes_on: false, .. }) {
        return None;
    }
    let mut value = unchanged(floor, record, when);
    tell(floor, record, event, &mut value);
    Some(value)
}

/// A report of an order that was not taken.
fn refused(floor: &Floor, record: &Record, why: &Reject, when: (i64, u64)) -> Value {
    let mut value = unchanged(floor, record, when);
    for (name, fact) in [
        ("x", json!("REJECTED")),
        ("X", json!("REJECTED")),
        ("r", json!(reject_reason(why))),
        ("i", json!(-1)),
        ("w", json!(false)),
    ] {
        value[name] = fact;
    }
    value
}

fn reject_reason(why: &Reject) -> &'static str {
    match why {
        Reject::Balance { .. } => "INSUFFICIENT_BALANCES",
        Reject::WouldTrigger => "STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY",
        Reject::WouldTrade => "WOULD_MATCH_IMMEDIATELY",
        _ => "UNKNOWN_ERROR",
    }
}

/// Reports of orders that were taken to wait for the first one of their list, even if their turn
/// came in the same moment.
fn waiting(floor: &Floor, account: AccountId, done: &Done) -> Vec<Value> {
    let first = done.order.and_then(|first| floor.record(account, first));
    let Some(first) = first.filter(|first| brings_others(first)) else { return Vec::new() };
    let own = floor.accounts.all.get(&account).zip(first.list()).into_iter();
    let others = own.flat_map(|(own, list)| own.of_list(list));
    let others = others.filter(|one| one.order.id > first.order.id);
    let executions = done.execution + done.events.len() as u64..;
    let told = executions.zip(others).filter(|(_, one)| !one.tag.muted).map(|(execution, one)| {
        let mut value = unchanged(floor, one, (done.at, execution));
        value["X"] = json!("PENDING_NEW");
        not_working(&mut value);
        value
    });
    told.collect()
}

/// It has not begun to work.
fn not_working(value: &mut Value) {
    value["w"] = json!(false);
    if let Some(fields) = value.as_object_mut() {
        fields.remove("W");
    }
}

fn brings_others(record: &Record) -> bool {
    record.tag.list.as_ref().is_some_and(|list| list.contingency == OTO)
}

/// A report of an order that was just taken, with its moment and number.
fn unchanged(floor: &Floor, record: &Record, (at, execution): (i64, u64)) -> Value {
    let Record { order, tag, .. } = record;
    let asked = &order.asked;
    let listed = floor.listed(asked.instrument);
    let shown = floor.shown(at);
    let display = asked.display.map(|lots| common::size_text(listed, lots));
    let quote = match asked.quantity {
        rustonite_sim::Quantity::Quote(amount) => money(amount).to_string(),
        _ => ZERO.to_owned(),
    };
    let mut value = json!({
        "e": "executionReport", "E": shown, "s": listed.listing.symbol, "c": tag.client_id,
        "S": common::side(asked.side), "o": words::kind(asked), "f": words::time_in_force(asked),
        "q": common::size_text(listed, common::quantity(order)),
        "p": common::price_text(listed, asked.price.unwrap_or(0)),
        "P": common::price_text(listed, common::stop_price(asked)), "F": display.as_deref().unwrap_or(ZERO),
        "g": words::list_id(record), "C": "", "x": "NEW", "X": "NEW", "r": "NONE",
        "i": order.id.0, "l": ZERO, "z": ZERO, "L": ZERO, "n": "0", "N": null, "T": shown,
        "t": -1, "I": execution, "w": order.is_working && asked.price.is_some(), "m": false,
        "M": false, "O": floor.shown(order.placed_at), "Z": ZERO, "Y": ZERO, "Q": quote,
        "V": common::self_trade(asked.self_trade),
    });
    let trailing = asked.trigger.and_then(|trigger| trigger.trailing);
    for (name, number) in [
        ("W", record.working_since().map(|at| floor.shown(at))),
        ("d", trailing.map(|trailing| trailing.distance_ppm / 100)),
        ("D", record.trail.map(|trail| floor.shown(trail.since))),
        ("j", tag.strategy[0]),
        ("J", tag.strategy[1]),
    ] {
        if let Some(number) = number {
            value[name] = json!(number);
        }
    }
    value
}

/// Says what happened to an order.
fn tell(floor: &Floor, record: &Record, event: &Event, value: &mut Value) {
    match *event {
        // It may have been set off in the same moment.
        Event::Placed { .. } if record.order.asked.trigger.is_some() => not_working(value),
        Event::Placed { .. } | Event::Triggered { .. } => value["w"] = json!(true),
        Event::Fill { .. } => filled(floor, record, event, value),
        Event::Cancelled { reason, .. } => ended(floor, record, reason, value),
        Event::Prevented { .. } => shrunk(floor, record, event, value),
        Event::Amended { .. } => {
            value["x"] = json!("REPLACED");
            value["X"] = json!(words::status(record));
            value["C"] = json!(record.tag.old_id.as_deref().unwrap_or_default());
            so_far(floor, record, value);
            if record.tag.is_pending {
                not_working(value);
            }
        }
        _ => {}
    }
}

fn filled(floor: &Floor, record: &Record, event: &Event, value: &mut Value) {
    let &Event::Fill {
        trade,
        price,
        quantity,
        filled,
        filled_quote,
        open,
        is_maker,
        fee,
        fee_asset,
        ..
    } = event
    else {
        return;
    };
    let id = record.order.asked.instrument;
    let listed = floor.listed(id);
    value["x"] = json!("TRADE");
    value["X"] = json!(if open == 0 { "FILLED" } else { "PARTIALLY_FILLED" });
    value["l"] = json!(common::size_text(listed, quantity));
    value["z"] = json!(common::size_text(listed, filled));
    value["L"] = json!(common::price_text(listed, price));
    value["n"] = json!(money(fee).to_string());
    value["N"] = json!(floor.asset_name(fee_asset));
    value["t"] = json!(trade);
    value["w"] = json!(open > 0);
    value["m"] = json!(is_maker);
    value["M"] = json!(true);
    value["Z"] = json!(money(filled_quote).to_string());
    value["Y"] = json!(money(floor.exchange.worth(id, price, quantity)).to_string());
}

fn ended(floor: &Floor, record: &Record, reason: CancelReason, value: &mut Value) {
    let status = words::ended(reason);
    value["x"] = json!(match status {
        "CANCELED" => "CANCELED",
        "EXPIRED_IN_MATCH" => "TRADE_PREVENTION",
        _ => "EXPIRED",
    });
    value["X"] = json!(status);
    if let Some(name) = &record.tag.cancel_id {
        value["c"] = json!(name);
        value["C"] = json!(record.tag.client_id);
    }
    so_far(floor, record, value);
    value["w"] = json!(false);
    if let Some(why) = words::expiry_reason(record) {
        value["eR"] = json!(why);
    }
    if status == "EXPIRED_IN_MATCH" {
        prevented(floor, record, value);
    }
}

/// A trade with itself made it smaller.
fn shrunk(floor: &Floor, record: &Record, event: &Event, value: &mut Value) {
    let &Event::Prevented {
        other, number, price, quantity, prevented, filled, filled_quote, ..
    } = event
    else {
        return;
    };
    let listed = floor.listed(record.order.asked.instrument);
    value["x"] = json!("TRADE_PREVENTION");
    value["X"] = json!(if filled > 0 { "PARTIALLY_FILLED" } else { "NEW" });
    value["z"] = json!(common::size_text(listed, filled));
    value["Z"] = json!(money(filled_quote).to_string());
    value["v"] = json!(number);
    value["A"] = json!(common::size_text(listed, prevented));
    value["B"] = json!(common::size_text(listed, quantity));
    value["u"] = json!(words::NO_GROUP);
    value["U"] = json!(other.0);
    value["Cs"] = json!(listed.listing.symbol);
    value["pL"] = json!(common::price_text(listed, price));
}

/// Says which trade with itself ended an order.
fn prevented(floor: &Floor, record: &Record, value: &mut Value) {
    let order = &record.order;
    let (id, account) = (order.asked.instrument, order.asked.account);
    let own = floor.accounts.all.get(&account);
    let is_it = |one: &&Prevented| one.instrument == id && Some(one.number) == record.prevented;
    let Some(last) = own.and_then(|own| own.prevented.iter().rev().find(is_it)) else { return };
    let listed = floor.listed(id);
    let is_maker = last.maker == order.id;
    let (other, lots) =
        if is_maker { (last.taker, last.lots[1]) } else { (last.maker, last.lots[0]) };
    value["v"] = json!(last.number);
    value["A"] = json!(common::size_text(listed, order.prevented));
    value["B"] = json!(common::size_text(listed, lots));
    value["u"] = json!(words::NO_GROUP);
    value["U"] = json!(other.0);
    value["Cs"] = json!(listed.listing.symbol);
    value["pL"] = json!(common::price_text(listed, last.price));
}

fn so_far(floor: &Floor, record: &Record, value: &mut Value) {
    let order = &record.order;
    value["z"] = json!(common::size_text(floor.listed(order.asked.instrument), order.filled));
    value["Z"] = json!(money(order.filled_quote).to_string());
}

/// What an account has now of what changed.
fn position(floor: &Floor, account: AccountId, done: &Done) -> Option<Value> {
    let balance = |event: &Event| match *event {
        Event::Balance { account: whose, asset, free, locked } if whose == account => Some(json!({
            "a": floor.asset_name(asset), "f": money(free).to_string(),
            "l": money(locked).to_string(),
        })),
        _ => None,
    };
    let balances: Vec<_> = done.events.iter().filter_map(balance).collect();
    let at = floor.shown(done.at);
    (!balances.is_empty())
        .then(|| json!({"e": "outboundAccountPosition", "E": at, "u": at, "B": balances}))
}

/// A deposit, or a withdrawal.
fn deposited(floor: &Floor, asset: u32, amount: Amount, at: i64) -> Value {
    let at = floor.shown(at);
    json!({
        "e": "balanceUpdate", "E": at, "a": floor.asset_name(asset),
        "d": money(amount).to_string(), "T": at,
    })
}

/// States of lists that changed. An order that gets smaller is told if its name is a new one.
fn lists(floor: &Floor, account: AccountId, done: &Done) -> Vec<Value> {
    let mut seen = Vec::new();
    for event in &done.events {
        let record = order_of(event).and_then(|id| floor.record(account, id));
        let record = record.filter(|record| !record.tag.muted);
        let Some((list, tag)) = record.and_then(|one| Some((one.list()?, &one.tag))) else {
            continue;
        };
        let is_amended = matches!(event, Event::Amended { .. });
        let keeps_name = tag.old_id.as_deref() == Some(tag.client_id.as_str());
        if seen.iter().all(|(known, _)| *known != list) && !(is_amended && keeps_name) {
            seen.push((list, is_amended));
        }
    }
    let told = |(list, is_amended)| {
        let mut status = list_status(floor, account, list, done.at)?;
        if is_amended {
            status["l"] = json!("UPDATED");
        }
        Some(status)
    };
    seen.into_iter().filter_map(told).collect()
}

fn list_status(floor: &Floor, account: AccountId, number: u64, at: i64) -> Option<Value> {
    let records: Vec<_> = floor.accounts.all.get(&account)?.of_list(number).collect();
    let first = records.first()?;
    let list = first.tag.list.as_ref()?;
    let symbol = &floor.listed(first.order.asked.instrument).listing.symbol;
    let (kind, state) = words::list_state(&records);
    let orders: Vec<_> = records
        .iter()
        .map(|one| json!({"s": symbol, "i": one.order.id.0, "c": one.tag.client_id}))
        .collect();
    let at = floor.shown(at);
    Some(json!({
        "e": "listStatus", "E": at, "s": symbol, "g": number,
        "c": list.contingency, "l": kind, "L": state,
        "r": "NONE", "C": list.name, "T": at, "O": orders,
    }))
}
