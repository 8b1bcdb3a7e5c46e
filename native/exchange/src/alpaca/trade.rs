//! Calls that place, change and end orders, and those that read them.

use std::sync::Arc;

use rustonite_sim::{Command, Expiry, NewOrder, Order, OrderId, Quantity, Reject, SelfTrade, Side};
use serde_json::{Value, json};

use super::fields::Fields;
use super::holdings::CASH;
use super::ids::{self, Sort};
use super::orders::{Class, Facts, Kind, Trail};
use super::place::{self, Draft, draft};
use super::refusal::Refusal;
use super::routes::{Answer, Call};
use super::times;
use super::words::{self, State};
use crate::accounts::{Account, OrderList, Record, Tag};
use crate::faults::Fault;
use crate::floor::Floor;

/// What an order is called in the answer to who placed it: all that follows is told by the stream.
const TAKEN: &str = "pending_new";

/// The order that an identifier names.
pub(crate) fn order_named(name: &str) -> Option<OrderId> {
    ids::number(Sort::Order, name.parse().ok()?).map(OrderId)
}

impl Call<'_> {
    pub(crate) fn own(&self) -> Result<&Account, Refusal> {
        let found = self.hall.floor.accounts.all.get(&self.account);
        found.ok_or_else(|| Refusal::of_status(401))
    }

    /// The order that the path names.
    pub(crate) fn named(&self) -> Result<Record, Refusal> {
        if self.name.parse::<uuid::Uuid>().is_err() {
            return Err(Refusal::malformed("order_id must be a valid uuid"));
        }
        let own = self.own()?;
        let found = order_named(self.name).and_then(|id| own.orders.get(&id)).cloned();
        found.ok_or_else(|| Refusal::no_such_order(self.name))
    }

    pub(crate) fn now(&self, record: &Record, nested: bool) -> Value {
        let (orders, floor) = (&self.desk.orders, &self.hall.floor);
        let state = State::now(orders, floor, record);
        if nested {
            words::nested(orders, floor, record, state)
        } else {
            words::order(orders, floor, record, state)
        }
    }

    fn begun(&self, id: OrderId) -> Value {
        let (orders, floor) = (&self.desk.orders, &self.hall.floor);
        let Some(record) = floor.record(self.account, id) else { return Value::Null };
        words::nested(orders, floor, record, State::begun(record, TAKEN))
    }
}

// Placing

pub(crate) fn place(call: &mut Call<'_>) -> Answer {
    let fields = Fields::of_body(call.body)?;
    let now = call.hall.floor.now();
    let draft = draft(&call.hall.floor, call.account, &fields, now)?;
    place_draft(call, draft)
}

pub(crate) fn place_draft(call: &mut Call<'_>, draft: Draft) -> Answer {
    if call.desk.settings(call.account).suspends() {
        return Err(Refusal::forbidden("new orders are rejected by user request"));
    }
    check_wash(&call.hall.floor, &draft.order, draft.facts.class, None)?;
    let list = (!draft.legs.is_empty()).then(|| {
        let number = call.hall.floor.new_list();
        Arc::new(OrderList { number, ..OrderList::default() })
    });
    let tag = |client_id: String| Tag { client_id, list: list.clone(), ..Tag::default() };
    let mut tags = vec![tag(draft.client_id.clone())];
    tags.extend(draft.legs.iter().map(|_| tag(place::made_up_id(&call.hall.floor))));
    let done = call.hall.place(&command(&draft), tags);
    let done = done.map_err(|reject| refused(&call.hall.floor, &draft.order, &reject))?;
    let first = done.order.unwrap_or(OrderId(0));
    keep(call, first, draft);
    Ok(call.begun(first))
}

fn command(draft: &Draft) -> Command {
    let legs = || draft.legs.iter().map(|(order, _)| *order);
    match (draft.facts.class, draft.legs.first()) {
        (Class::Oco, Some((stop, _))) => Command::PlaceOco([draft.order, *stop]),
        (Class::Oto | Class::Bracket, Some(_)) => {
            Command::PlaceOto { working: draft.order, pending: legs().collect() }
        }
        _ => Command::Place(draft.order),
    }
}

/// Keeps what the engine does not know of an order and its legs.
fn keep(call: &mut Call<'_>, first: OrderId, draft: Draft) {
    let mut facts = draft.facts;
    let floor = &call.hall.floor;
    for (number, (_, of_leg)) in (first.0 + 1..).zip(draft.legs) {
        let id = OrderId(number);
        facts.legs.push(id);
        call.desk.orders.add(floor, id, Facts { parent: Some(first), ..of_leg });
    }
    call.desk.orders.add(floor, first, facts);
}

/// Orders of one account are not to trade with each other, but for those of a list.
fn check_wash(
    floor: &Floor,
    new: &NewOrder,
    class: Class,
    without: Option<OrderId>,
) -> Result<(), Refusal> {
    if class != Class::Simple {
        return Ok(());
    }
    let is_simple = |order: &Order| {
        let record = floor.record(new.account, order.id);
        record.is_some_and(|record| record.tag.list.is_none())
    };
    let mut open = floor.exchange.open_orders(new.account);
    let meets = |order: &Order| meets(new, order) && Some(order.id) != without && is_simple(order);
    let Some(other) = open.find(meets) else { return Ok(()) };
    let limits = other.asked.price.is_some() && other.asked.trigger.is_none();
    let kind = if limits { "limit" } else { "market/stop" };
    let text = "potential wash trade detected. use complex orders";
    Err(Refusal::forbidden(text)
        .with("existing_order_id", words::order_id(other.id).to_string())
        .with("reject_reason", format!("opposite side {kind} order exists")))
}

/// Whether two orders might trade with each other.
fn meets(new: &NewOrder, order: &Order) -> bool {
    let asked = &order.asked;
    let crosses = match (new.price, asked.price) {
        (Some(new_price), Some(price)) => match new.side {
            Side::Buy => new_price >= price,
            Side::Sell => new_price <= price,
        },
        _ => true,
    };
    asked.instrument == new.instrument && asked.side != new.side && crosses
}

/// What the engine said of a new order.
fn refused(floor: &Floor, order: &NewOrder, reject: &Reject) -> Refusal {
    let listed = floor.listed(order.instrument);
    let symbol = &listed.listing.symbol;
    match *reject {
        Reject::Halted => Refusal::invalid(format!("asset \"{symbol}\" is not tradable")),
        Reject::Balance { asset, needed, free }
            if floor.asset_name(asset) == CASH && !words::is_crypto(listed) =>
        {
            Refusal::forbidden("insufficient buying power")
                .with_number("buying_power", free.to_decimal())
                .with_number("cost_basis", needed.to_decimal())
        }
        Reject::Balance { asset, needed, free } => too_little(floor, order, asset, needed, free),
        Reject::WouldTrigger => {
            let word = if order.side == Side::Buy { "greater" } else { "less" };
            let last = floor.exchange.last_price(order.instrument).unwrap_or(0);
            let stop = order.trigger.map_or(0, |trigger| trigger.price);
            Refusal::invalid(format!("stop price must be {word} than current price"))
                .with_number("market_price", listed.price(last))
                .with_number("stop_price", listed.price(stop))
        }
        Reject::Price { least, largest, .. } => Refusal::invalid(format!(
            "limit_price must be between {} and {}",
            words::text(listed.price(least)),
            words::text(listed.price(largest)),
        )),
        Reject::Quantity { least, largest, .. } => Refusal::invalid(format!(
            "qty must be between {} and {}",
            words::text(listed.size(least)),
            words::text(listed.size(largest)),
        )),
        Reject::TooManyOrders(_) | Reject::TooManyTriggers(_) => {
            Refusal::forbidden("too many open orders")
        }
        Reject::Overflow => Refusal::invalid("qty is too large"),
        ref other => Refusal::invalid(other.to_string()),
    }
}

fn too_little(
    floor: &Floor,
    order: &NewOrder,
    asset: u32,
    needed: rustonite_sim::Amount,
    free: rustonite_sim::Amount,
) -> Refusal {
    let listed = floor.listed(order.instrument);
    let (_, locked) = floor.exchange.balance(order.account, asset);
    let name = floor.asset_name(asset);
    let requested = format!("(requested: {needed}, available: {free})");
    if words::is_crypto(listed) {
        return Refusal::forbidden(format!("insufficient balance for {name} {requested}"))
            .with_number("available", free.to_decimal())
            .with_number("balance", (free + locked).to_decimal())
            .with("symbol", name);
    }
    if free + locked == rustonite_sim::Amount::ZERO {
        return Refusal::invalid(format!("asset \"{name}\" cannot be sold short"));
    }
    Refusal::forbidden(format!("insufficient qty available for order {requested}"))
        .with_number("available", free.to_decimal())
        .with_number("existing_qty", (free + locked).to_decimal())
        .with_number("held_for_orders", locked.to_decimal())
        .with("symbol", name)
}

// Ending

/// Ends an order; of a list, those that it would have brought end, too.
fn end(call: &mut Call<'_>, record: &Record) -> Result<(), Refusal> {
    let (account, order) = (call.account, record.order.id);
    let symbol = &call.hall.floor.listed(record.order.asked.instrument).listing.symbol.clone();
    let races = |fault: &Fault| *fault == Fault::FillBeforeCancel;
    let raced = record.order.is_open && call.hall.faults.of(Some(symbol), races).is_some();
    if raced {
        call.hall.fill_by_house(&record.order);
    }
    let done = call.hall.apply(&Command::Cancel { account, order }, Vec::new());
    match done {
        Ok(_) => Ok(()),
        // The request was fine when it came; the stream tells what became of it.
        Err(_) if raced => {
            call.desk.refused_cancels.push((account, order));
            Ok(())
        }
        Err(_) => Err(already(call, order)),
    }
}

/// An order has ended before.
fn already(call: &Call<'_>, id: OrderId) -> Refusal {
    let floor = &call.hall.floor;
    let record = floor.record(call.account, id);
    let status = record.map_or("filled", |record| call.desk.orders.status(floor, record));
    Refusal::invalid(format!("order is already in \"{status}\" state"))
}

pub(crate) fn cancel(call: &mut Call<'_>) -> Answer {
    let record = call.named()?;
    end(call, &record)?;
    Ok(Value::Null)
}

pub(crate) fn cancel_all(call: &mut Call<'_>) -> Answer {
    call.status = 207;
    Ok(Value::Array(cancel_each(call)?))
}

/// Ends all orders of an account; what became of each.
pub(crate) fn cancel_each(call: &mut Call<'_>) -> Result<Vec<Value>, Refusal> {
    let open: Vec<_> = call.own()?.open_orders().cloned().collect();
    let mut rows = Vec::new();
    for record in open {
        let id = record.order.id;
        let is_open = call.hall.floor.record(call.account, id).is_some_and(|one| one.order.is_open);
        // The end of one may have been the end of another.
        let ended = if is_open { end(call, &record) } else { Ok(()) };
        let (status, body) = match ended {
            Ok(()) => {
                (200, call.hall.floor.record(call.account, id).map(|one| call.now(one, false)))
            }
            Err(refusal) => (refusal.status, Some(refusal.json())),
        };
        rows.push(json!({"id": words::order_id(id), "status": status, "body": body}));
    }
    Ok(rows)
}

// Changing

/// Ends an order and places another one with other numbers.
pub(crate) fn replace(call: &mut Call<'_>) -> Answer {
    let fields = Fields::of_body(call.body)?;
    let record = call.named()?;
    let id = record.order.id;
    if !record.order.is_open {
        return Err(already(call, id));
    }
    let Some(facts) = call.desk.orders.get(id).cloned() else {
        return Err(Refusal::no_such_order(call.name));
    };
    if facts.notional.is_some() {
        return Err(Refusal::invalid("unable to replace order in current state"));
    }
    let (order, facts) = changed(call, &record, facts, &fields)?;
    check_wash(&call.hall.floor, &order, facts.class, Some(id))?;
    let client_id = place::client_id(&call.hall.floor, call.account, &fields)?;
    let Tag { list, muted, .. } = record.tag;
    let is_listed = list.is_some();
    let tag = Tag { client_id, list, muted, ..Tag::default() };
    let command = if is_listed {
        Command::ReplaceLeg { order: id, new: order }
    } else {
        Command::Replace { order: id, new: order, always: false }
    };
    let done = call.hall.apply(&command, vec![tag]);
    let done = done.map_err(|reject| refused(&call.hall.floor, &order, &reject))?;
    let new = done.order.unwrap_or(OrderId(0));
    call.desk.orders.replace(&call.hall.floor, id, new, facts);
    Ok(call.begun(new))
}

/// The order that comes instead: over what is open, unless the client says how much.
fn changed(
    call: &mut Call<'_>,
    record: &Record,
    mut facts: Facts,
    fields: &Fields,
) -> Result<(NewOrder, Facts), Refusal> {
    let now = call.hall.floor.now();
    let floor = &call.hall.floor;
    let old = record.order.asked;
    let listed = floor.listed(old.instrument);
    check_changes(facts.kind, fields)?;
    let mut new = old;
    let open = record.order.open();
    let asked = fields.decimal("qty")?.map(|qty| place::lots(listed, qty)).transpose()?;
    new.quantity = Quantity::Lots(asked.unwrap_or(open));
    if let Some(price) = fields.decimal("limit_price")? {
        new.price = Some(place::ticks(listed, "limit_price", price)?);
    }
    if let Some(price) = fields.decimal("stop_price")? {
        let price = place::ticks(listed, "stop_price", price)?;
        new.trigger = Some(place::trigger(old.side, price, None));
    }
    if let Some(trail) = fields.decimal("trail")? {
        let trail = match facts.trail {
            Some(Trail::Price(_)) => Trail::Price(trail),
            _ => Trail::Percent(trail),
        };
        let trailing = place::trailing(listed, trail)?;
        new.trigger = Some(place::trigger(old.side, 0, Some(trailing)));
        facts.trail = Some(trail);
    }
    if let Some(name) = fields.text("time_in_force")? {
        facts.time_in_force = place::time_in_force(listed, facts.kind, name)?.into();
        let close = times::next_close(now, facts.extended_hours);
        new.expiry = place::expiry(facts.kind, &facts.time_in_force, close);
        let unseen = facts.time_in_force == "day" && new.expiry == Expiry::Immediate;
        facts.expires_at = unseen.then_some(close);
    }
    let same = (new.price, new.trigger, new.expiry) == (old.price, old.trigger, old.expiry);
    if same && new.quantity == Quantity::Lots(open) && !fields.has("client_order_id") {
        return Err(Refusal::invalid("order parameters are not changed"));
    }
    new.self_trade = SelfTrade::ExpireTaker;
    // Once its trigger was hit an order is as any other.
    new.trigger = new.trigger.filter(|_| !record.order.is_working);
    Ok((new, facts))
}

fn check_changes(kind: Kind, fields: &Fields) -> Result<(), Refusal> {
    for (name, fits) in [
        ("limit_price", kind.has_limit()),
        ("stop_price", kind.has_stop()),
        ("trail", kind == Kind::TrailingStop),
    ] {
        if fields.has(name) && !fits {
            let text = format!("{} orders must not have {name}", kind.name());
            return Err(Refusal::invalid(text));
        }
    }
    Ok(())
}
