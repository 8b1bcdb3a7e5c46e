//! Reading orders, and what is said once they are placed.

use rustonite_core::Decimal;
use rustonite_core::decimal::DecimalError;
use rustonite_sim::{
    AccountId, Amount, Event, Expiry, InstrumentId, NewOrder, OrderId, PositionSide, Quantity,
    Side, Trailing, Trigger, TriggerSource,
};
use serde_json::{Value, json};

use super::refusal::filter;
use super::shared::orders::{client_id, instrument, self_trade, side};
use super::shared::params::Params;
use super::shared::refusal::Refusal;
use super::shared::words::{price_text, size_text};
use super::words;
use crate::accounts::Tag;
use crate::figures::money;
use crate::floor::{Done, Floor, Listed};

/// What names of orders may have besides letters and digits.
pub(crate) const NAMES: &str = "-_";
/// Smaller numbers are the venue's own.
const STRATEGY_TYPE_MIN: i64 = 1_000_000;
/// How far a trailing trigger may be behind, in hundredths of a percent.
const TRAILING: std::ops::RangeInclusive<i64> = 10..=2_000;

/// Types of orders by what they are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    has_price: bool,
    post_only: bool,
    /// A stop, or a take-profit.
    stop: Option<bool>,
}

impl Kind {
    fn read(text: &str) -> Result<Self, Refusal> {
        let kind = |has_price, post_only, stop| Ok(Self { has_price, post_only, stop });
        match text {
            "LIMIT" => kind(true, false, None),
            "LIMIT_MAKER" => kind(true, true, None),
            "MARKET" => kind(false, false, None),
            "STOP_LOSS" => kind(false, false, Some(true)),
            "STOP_LOSS_LIMIT" => kind(true, false, Some(true)),
            "TAKE_PROFIT" => kind(false, false, Some(false)),
            "TAKE_PROFIT_LIMIT" => kind(true, false, Some(false)),
            _ => Err(Refusal::new(-1116, "Invalid orderType.")),
        }
    }

    fn has_time_in_force(self) -> bool {
        self.has_price && !self.post_only
    }
}

/// Names of the parameters of one order; those of lists have names of their own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names {
    pub(crate) kind: &'static str,
    pub(crate) side: &'static str,
    pub(crate) quantity: &'static str,
    pub(crate) price: &'static str,
    pub(crate) stop: &'static str,
    pub(crate) trailing: &'static str,
    pub(crate) time_in_force: &'static str,
    pub(crate) iceberg: &'static str,
    pub(crate) client_id: &'static str,
    /// Number and kind of what the client follows with it.
    pub(crate) strategy: [&'static str; 2],
}

/// Those of an order that stands alone.
pub(crate) const ALONE: Names = Names {
    kind: "type",
    side: "side",
    quantity: "quantity",
    price: "price",
    stop: "stopPrice",
    trailing: "trailingDelta",
    time_in_force: "timeInForce",
    iceberg: "icebergQty",
    client_id: "newClientOrderId",
    strategy: ["strategyId", "strategyType"],
};

/// A price in ticks.
fn ticks(listed: &Listed, price: Decimal) -> Result<i64, Refusal> {
    on_grid(price.to_ticks(listed.rules.tick), "PRICE_FILTER")
}

/// A quantity in lots.
pub(crate) fn lots(listed: &Listed, quantity: Decimal) -> Result<i64, Refusal> {
    on_grid(quantity.to_ticks(listed.rules.lot), "LOT_SIZE")
}

fn on_grid(count: Result<i64, DecimalError>, name: &str) -> Result<i64, Refusal> {
    count.map_err(|_| filter(name))
}

/// An order as the parameters have it, and its name.
pub(crate) fn new_order(
    floor: &Floor,
    account: AccountId,
    params: &Params,
    names: &Names,
) -> Result<(NewOrder, Tag), Refusal> {
    let order = asked(floor, account, params, names)?;
    let taken = Refusal::new(-2010, "Duplicate order sent.");
    let client_id = client_id(floor, account, params, (names.client_id, NAMES), &taken)?;
    Ok((order, Tag { client_id, strategy: strategy(params, names)?, ..Tag::default() }))
}

/// Number and kind of what the client follows with an order.
pub(crate) fn strategy(params: &Params, names: &Names) -> Result<[Option<i64>; 2], Refusal> {
    let [number, kind] = names.strategy.map(|name| params.integer(name));
    let (number, kind) = (number?, kind?);
    if kind.is_some_and(|kind| kind < STRATEGY_TYPE_MIN) {
        return Err(Refusal::new(-1134, "strategyType was less than 1000000."));
    }
    Ok([number, kind])
}

/// An order as the parameters have it.
pub(crate) fn asked(
    floor: &Floor,
    account: AccountId,
    params: &Params,
    names: &Names,
) -> Result<NewOrder, Refusal> {
    let id = instrument(floor, params)?;
    let listed = floor.listed(id);
    let side = side(params, names.side)?;
    let kind = Kind::read(params.need(names.kind)?)?;
    refuse_unwanted(params, kind, names)?;
    let price =
        if kind.has_price { Some(ticks(listed, params.need_decimal(names.price)?)?) } else { None };
    let expiry = expiry(params, kind, names)?;
    let quantity = quantity(listed, params, kind, names)?;
    let order = NewOrder {
        account,
        instrument: id,
        side,
        price,
        quantity,
        expiry,
        post_only: kind.post_only,
        reduce_only: false,
        display: display(listed, params, names, expiry, quantity)?,
        trigger: trigger(floor, id, side, params, kind, names)?,
        self_trade: self_trade(params)?,
        position: PositionSide::Net,
    };
    Ok(order)
}

fn refuse_unwanted(params: &Params, kind: Kind, names: &Names) -> Result<(), Refusal> {
    let is_market = !kind.has_price && kind.stop.is_none();
    for (name, fits) in [
        (names.price, kind.has_price),
        (names.stop, kind.stop.is_some()),
        (names.trailing, kind.stop.is_some()),
        (names.time_in_force, kind.has_time_in_force()),
        (names.iceberg, kind.has_price),
        ("quoteOrderQty", is_market),
    ] {
        if !fits && params.get(name).is_some() {
            return Err(Refusal::not_required(name));
        }
    }
    Ok(())
}

fn expiry(params: &Params, kind: Kind, names: &Names) -> Result<Expiry, Refusal> {
    if !kind.has_price {
        return Ok(Expiry::Immediate);
    }
    if !kind.has_time_in_force() {
        return Ok(Expiry::Never);
    }
    match params.need(names.time_in_force)? {
        "GTC" => Ok(Expiry::Never),
        "IOC" => Ok(Expiry::Immediate),
        "FOK" => Ok(Expiry::AllOrNothing),
        _ => Err(Refusal::new(-1115, "Invalid timeInForce.")),
    }
}

fn quantity(
    listed: &Listed,
    params: &Params,
    kind: Kind,
    names: &Names,
) -> Result<Quantity, Refusal> {
    let quote = params.decimal("quoteOrderQty")?;
    let Some(quote) = quote.filter(|_| !kind.has_price) else {
        return Ok(Quantity::Lots(lots(listed, params.need_decimal(names.quantity)?)?));
    };
    if params.get(names.quantity).is_some() {
        return Err(Refusal::new(-1128, "Combination of optional parameters invalid."));
    }
    let amount = Amount::from_decimal(quote).map_err(|_| Refusal::illegal("quoteOrderQty"))?;
    Ok(Quantity::Quote(amount))
}

fn display(
    listed: &Listed,
    params: &Params,
    names: &Names,
    expiry: Expiry,
    quantity: Quantity,
) -> Result<Option<i64>, Refusal> {
    let Some(size) = params.decimal(names.iceberg)? else { return Ok(None) };
    if expiry != Expiry::Never {
        let text = "IcebergQty only supported with timeInForce=GTC.";
        return Err(Refusal::new(-1013, text));
    }
    let shown = lots(listed, size)?;
    if matches!(quantity, Quantity::Lots(all) if shown > all) {
        return Err(Refusal::new(-2010, "IcebergQty exceeds QTY."));
    }
    Ok(Some(shown))
}

fn trigger(
    floor: &Floor,
    id: InstrumentId,
    side: Side,
    params: &Params,
    kind: Kind,
    names: &Names,
) -> Result<Option<Trigger>, Refusal> {
    let Some(is_stop) = kind.stop else { return Ok(None) };
    let price = params.decimal(names.stop)?;
    let price = price.map(|price| ticks(floor.listed(id), price)).transpose()?;
    let waits_for_rise = is_stop == (side == Side::Buy);
    let trailing = match params.integer(names.trailing)? {
        Some(distance) if TRAILING.contains(&distance) => Some(Trailing {
            distance_ppm: distance * 100,
            distance_ticks: 0,
            activation: price,
            begins_at_rise: waits_for_rise,
        }),
        Some(_) => return Err(filter("TRAILING_DELTA")),
        None if price.is_none() => return Err(Refusal::missing(names.stop)),
        None => None,
    };
    Ok(Some(Trigger {
        price: price.or_else(|| floor.exchange.last_price(id)).unwrap_or(0),
        // A trail gives back what it has gained, of whatever kind it is.
        rises: if trailing.is_some() { side == Side::Buy } else { waits_for_rise },
        source: TriggerSource::Last,
        trailing,
    }))
}

/// How much the answer to a new order says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    Ack,
    Result,
    Full,
}

impl Detail {
    /// How much an order is asked to be answered with, or what is usual.
    pub(crate) fn read(params: &Params, order: &NewOrder) -> Result<Self, Refusal> {
        let is_plain = order.trigger.is_none() && !order.post_only;
        Self::or(params, if is_plain { Self::Full } else { Self::Ack })
    }

    /// How much is asked for, or else so much.
    pub(crate) fn or(params: &Params, usual: Self) -> Result<Self, Refusal> {
        match params.get("newOrderRespType") {
            Some("ACK") => Ok(Self::Ack),
            Some("RESULT") => Ok(Self::Result),
            Some("FULL") => Ok(Self::Full),
            Some(_) => {
                Err(Refusal::new(-1130, "Data sent for parameter 'newOrderRespType' is not valid."))
            }
            None => Ok(usual),
        }
    }
}

/// What is said of a new order.
pub(crate) fn placed(
    floor: &Floor,
    account: AccountId,
    id: OrderId,
    done: &Done,
    detail: Detail,
) -> Value {
    let Some(record) = floor.record(account, id) else { return Value::Null };
    let time = floor.shown(done.at);
    if detail == Detail::Ack {
        let listed = floor.listed(record.order.asked.instrument);
        return json!({
            "symbol": listed.listing.symbol, "orderId": id.0,
            "orderListId": words::list_id(record),
            "clientOrderId": record.tag.client_id, "transactTime": time,
        });
    }
    let mut value = words::base(floor, record);
    value["transactTime"] = json!(time);
    value["workingTime"] = json!(record.working_since().map_or(-1, |at| floor.shown(at)));
    if detail == Detail::Full {
        value["fills"] = fills(floor, id, done);
        let prevented = prevented(floor, account, id, done.at);
        if !prevented.is_empty() {
            value["preventedMatches"] = prevented.into();
        }
    }
    value
}

/// Trades with its own account that a new order would have made.
fn prevented(floor: &Floor, account: AccountId, id: OrderId, at: i64) -> Vec<Value> {
    let own = floor.accounts.all.get(&account);
    let newest = own.into_iter().flat_map(|own| own.prevented.iter().rev());
    let mut rows: Vec<_> = newest
        .take_while(|one| one.at >= at)
        .filter(|one| one.taker == id)
        .map(|one| words::prevented(floor, one))
        .collect();
    rows.reverse();
    rows
}

fn fills(floor: &Floor, id: OrderId, done: &Done) -> Value {
    let Some(order) = floor.exchange.order(id) else { return json!([]) };
    let listed = floor.listed(order.asked.instrument);
    let fill = |event: &Event| match *event {
        Event::Fill { order, trade, price, quantity, fee, fee_asset, .. } if order == id => {
            Some(json!({
                "price": price_text(listed, price),
                "qty": size_text(listed, quantity),
                "commission": money(fee).to_string(),
                "commissionAsset": floor.asset_name(fee_asset),
                "tradeId": trade,
            }))
        }
        _ => None,
    };
    done.events.iter().filter_map(fill).collect()
}
