//! Orders and assets in the venue's words.

use rustonite_core::Decimal;
use rustonite_sim::{Amount, Expiry, InstrumentId, OrderId, Side};
use serde_json::{Value, json};
use uuid::Uuid;

use super::holdings::{CASH, price};
use super::ids::{self, Sort};
use super::orders::{Facts, Orders, Trail};
use super::times;
use crate::accounts::Record;
use crate::figures::ratio;
use crate::floor::{Floor, Listed};

/// Decimals of average prices.
const AVERAGE_PLACES: u32 = 9;

pub(crate) fn order_id(id: OrderId) -> Uuid {
    ids::id(Sort::Order, 0, id.0)
}

pub(crate) fn asset_id(id: InstrumentId) -> Uuid {
    ids::id(Sort::Asset, 0, u64::from(id))
}

pub(crate) fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

pub(crate) fn is_crypto(listed: &Listed) -> bool {
    listed.listing.symbol.contains('/')
}

pub(crate) fn class(listed: &Listed) -> &'static str {
    if is_crypto(listed) { "crypto" } else { "us_equity" }
}

pub(crate) fn text(value: Decimal) -> String {
    value.normalised().to_string()
}

/// An amount cut off behind so many decimals.
pub(crate) fn rounded(amount: Amount, places: u32) -> String {
    amount.truncated(places).to_string()
}

/// How far an order is at some moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State {
    pub(crate) status: &'static str,
    pub(crate) filled: i64,
    pub(crate) filled_quote: Amount,
    pub(crate) at: i64,
}

impl State {
    /// As it was taken.
    pub(crate) fn begun(record: &Record, status: &'static str) -> Self {
        let at = record.order.placed_at;
        Self { status, filled: 0, filled_quote: Amount::ZERO, at }
    }

    /// As it is now.
    pub(crate) fn now(orders: &Orders, floor: &Floor, record: &Record) -> Self {
        let order = &record.order;
        let status = orders.status(floor, record);
        Self {
            status,
            filled: order.filled,
            filled_quote: order.filled_quote,
            at: order.changed_at,
        }
    }
}

/// An order in a state.
pub(crate) fn order(orders: &Orders, floor: &Floor, record: &Record, state: State) -> Value {
    let order = &record.order;
    let Some(facts) = orders.get(order.id) else { return Value::Null };
    let listed = floor.listed(order.asked.instrument);
    let moment = |at: i64| times::utc(at + floor.clock.ahead);
    let ended = |status: &str| (state.status == status).then(|| moment(state.at));
    let named = |id: Option<OrderId>| id.map(order_id);
    let is_replaced = state.status == "replaced";
    let mut value = json!({
        "id": order_id(order.id), "client_order_id": record.tag.client_id,
        "created_at": moment(order.placed_at), "updated_at": moment(state.at),
        "submitted_at": moment(order.placed_at), "filled_at": ended("filled"),
        "expired_at": ended("expired"), "canceled_at": ended("canceled"),
        "failed_at": ended("rejected"), "replaced_at": ended("replaced"),
        "replaced_by": named(facts.replaced_by.filter(|_| is_replaced)),
        "replaces": named(facts.replaces), "asset_id": asset_id(order.asked.instrument),
        "symbol": listed.listing.symbol, "asset_class": class(listed),
        "notional": facts.notional.map(text), "qty": quantity(facts, listed, record),
        "filled_qty": text(listed.size(state.filled)),
        "filled_avg_price": average(listed, state),
        "order_class": facts.class.name(), "order_type": facts.kind.name(),
        "type": facts.kind.name(), "side": side(order.asked.side),
        "time_in_force": facts.time_in_force,
        "limit_price": order.asked.price.map(|ticks| text(listed.price(ticks))),
        "stop_price": stop_price(record).map(|ticks| text(listed.price(ticks))),
        "status": state.status, "extended_hours": facts.extended_hours, "legs": null,
        "trail_percent": null, "trail_price": null,
    });
    match facts.trail {
        Some(Trail::Price(price)) => value["trail_price"] = json!(text(price)),
        Some(Trail::Percent(percent)) => value["trail_percent"] = json!(text(percent)),
        None => {}
    }
    let peak = record.trail.map(|trail| text(listed.price(trail.peak)));
    value["hwm"] = json!(peak);
    // Nobody sells what he does not have.
    value["position_intent"] = json!(match order.asked.side {
        Side::Buy => "buy_to_open",
        Side::Sell => "sell_to_close",
    });
    value["expires_at"] = json!(match order.asked.expiry {
        Expiry::At(at) => Some(moment(at)),
        _ => facts.expires_at.map(moment),
    });
    value["subtag"] = Value::Null;
    value["source"] = json!("access_key");
    value
}

/// An order with the others of its list.
pub(crate) fn nested(orders: &Orders, floor: &Floor, record: &Record, state: State) -> Value {
    let mut value = order(orders, floor, record, state);
    let Some(facts) = orders.get(record.order.id) else { return value };
    let legs = facts.legs.iter().filter_map(|id| floor.record(record.order.asked.account, *id));
    let legs: Vec<_> =
        legs.map(|leg| order(orders, floor, leg, State::now(orders, floor, leg))).collect();
    if !legs.is_empty() {
        value["legs"] = json!(legs);
    }
    value
}

fn quantity(facts: &Facts, listed: &Listed, record: &Record) -> Option<String> {
    facts.notional.is_none().then(|| text(listed.size(record.order.quantity)))
}

fn average(listed: &Listed, state: State) -> Option<String> {
    let size = Amount::from_decimal(listed.size(state.filled)).unwrap_or_default();
    (state.filled > 0).then(|| rounded(ratio(state.filled_quote, size), AVERAGE_PLACES))
}

fn stop_price(record: &Record) -> Option<i64> {
    let trigger = record.order.asked.trigger?;
    if trigger.trailing.is_none() {
        return Some(trigger.price);
    }
    // It moves, and nobody can tell it before there was a trade.
    record.trail.map(|trail| trail.stop)
}

/// An asset that is traded.
pub(crate) fn asset(floor: &Floor, id: InstrumentId) -> Value {
    let listed = floor.listed(id);
    let listing = &listed.listing;
    let is_crypto = is_crypto(listed);
    let is_halted = floor.markets[id as usize].is_halted;
    let mut value = json!({
        "id": asset_id(id), "class": class(listed),
        "exchange": if is_crypto { "CRYPTO" } else { "NASDAQ" }, "symbol": listing.symbol,
        "name": name(listed), "status": "active", "tradable": !is_halted, "marginable": false,
        "maintenance_margin_requirement": 100, "shortable": false, "easy_to_borrow": false,
        "fractionable": listing.lot.normalised().exponent() < 0, "attributes": [],
    });
    if is_crypto {
        value["min_order_size"] = json!(text(listing.quantity.0));
        value["min_trade_increment"] = json!(text(listing.lot));
        value["price_increment"] = json!(text(listing.tick));
    }
    value
}

fn name(listed: &Listed) -> String {
    let listing = &listed.listing;
    if is_crypto(listed) {
        format!("{} / {}", listing.base, listing.quote)
    } else {
        format!("{} Common Stock", listing.symbol)
    }
}

/// An instrument by its symbol, with or without the slash, or by the identifier of its asset.
pub(crate) fn instrument(floor: &Floor, name: &str) -> Option<InstrumentId> {
    if let Some(id) = floor.instrument(name) {
        return Some(id);
    }
    if let Ok(id) = name.parse::<Uuid>() {
        let id = InstrumentId::try_from(ids::number(Sort::Asset, id)?).ok()?;
        return ((id as usize) < floor.instruments.len()).then_some(id);
    }
    let plain = |symbol: &str| symbol.replace('/', "") == name;
    (0..).zip(&floor.instruments).find(|(_, one)| plain(&one.listing.symbol)).map(|(id, _)| id)
}

/// Assets of an account that are positions: where they are traded, and how much there is.
pub(crate) fn held(floor: &Floor, account: u32) -> Vec<(InstrumentId, Amount, Amount)> {
    let assets = (0_u32..).zip(&floor.assets).filter(|(_, name)| *name != CASH);
    let rows = assets.filter_map(|(asset, _)| {
        let id = super::holdings::instrument_of(floor, asset)?;
        let (free, locked) = floor.exchange.balance(account, asset);
        (free + locked > Amount::ZERO).then_some((id, free, locked))
    });
    rows.collect()
}

/// What an account has: cash that is free, all cash, and what its positions are worth.
pub(crate) fn worth(floor: &Floor, account: u32) -> [Amount; 3] {
    let cash = floor.asset_named(CASH).ok();
    let (free, locked) =
        cash.map(|asset| floor.exchange.balance(account, asset)).unwrap_or_default();
    let positions = held(floor, account).into_iter();
    let positions = positions
        .map(|(id, free, locked)| crate::figures::product(price(floor, id), free + locked));
    [free, free + locked, positions.sum()]
}
