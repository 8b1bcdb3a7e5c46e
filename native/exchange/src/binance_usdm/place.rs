//! Reading orders.

use rustonite_core::Decimal;
use rustonite_sim::{
    AccountId, Expiry, InstrumentId, NewOrder, PositionSide, Quantity, Reject, SelfTrade, Side,
    Trailing, Trigger, TriggerSource,
};

use super::public::TRIGGER_PROTECT_PPM;
use super::refusal::{not_on_endpoint, of_order, too_precise};
use crate::accounts::Tag;
use crate::binance::shared::orders::{client_id, instrument, self_trade, side};
use crate::binance::shared::params::Params;
use crate::binance::shared::refusal::Refusal;
use crate::floor::{Floor, Listed};

/// A day that an order is good till is at least so far ahead,
const GOOD_TILL_MIN_MS: i64 = 600_000;
/// and before the year 10000.
const GOOD_TILL_MAX_MS: i64 = 253_402_300_799_000;
/// What names of orders may have besides letters and digits.
const NAMES: &str = ".:/_-";
/// Least and largest distance of a trailing trigger, in millionths.
const TRAILING_PPM: std::ops::RangeInclusive<i64> = 1_000..=100_000;
/// Millionths of a percent.
const PERCENT_PLACES: i32 = 4;

/// Types of orders by what they are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    name: &'static str,
    has_price: bool,
    trigger: Option<Wait>,
}

/// What a conditional order waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    Loss,
    Profit,
    Trailing,
}

const KINDS: [Kind; 7] = [
    Kind { name: "LIMIT", has_price: true, trigger: None },
    Kind { name: "MARKET", has_price: false, trigger: None },
    Kind { name: "STOP", has_price: true, trigger: Some(Wait::Loss) },
    Kind { name: "STOP_MARKET", has_price: false, trigger: Some(Wait::Loss) },
    Kind { name: "TAKE_PROFIT", has_price: true, trigger: Some(Wait::Profit) },
    Kind { name: "TAKE_PROFIT_MARKET", has_price: false, trigger: Some(Wait::Profit) },
    Kind { name: "TRAILING_STOP_MARKET", has_price: false, trigger: Some(Wait::Trailing) },
];

/// Names of the types, as the rules of an instrument tell them.
pub(crate) fn kinds() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|kind| kind.name)
}

/// A price in ticks.
pub(crate) fn ticks(listed: &Listed, price: Decimal) -> Result<i64, Refusal> {
    if price.is_zero() {
        return Err(Refusal::new(-4001, "Price less than 0."));
    }
    count(price, listed.rules.tick, (-4014, "Price not increased by tick size."))
}

/// A quantity in lots.
pub(crate) fn lots(listed: &Listed, quantity: Decimal) -> Result<i64, Refusal> {
    if quantity.is_zero() {
        return Err(Refusal::new(-4003, "Quantity less than or equal to zero."));
    }
    count(quantity, listed.rules.lot, (-4023, "Qty not increased by step size."))
}

fn count(value: Decimal, step: Decimal, off: (i32, &str)) -> Result<i64, Refusal> {
    if value.normalised().exponent() < step.exponent().min(0) {
        return Err(too_precise());
    }
    value.to_ticks(step).map_err(|_| Refusal::new(off.0, off.1))
}

pub(crate) fn need_number(params: &Params, name: &str) -> Result<Decimal, Refusal> {
    params.need(name)?;
    params.number(name)?.ok_or_else(|| Refusal::missing(name))
}

/// True, false, or not sent.
pub(crate) fn flag(params: &Params, name: &str, wrong: &Refusal) -> Result<Option<bool>, Refusal> {
    match params.get(name).map(str::to_ascii_lowercase).as_deref() {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(wrong.clone()),
    }
}

/// An order as the parameters have it: one that comes at once, or one that waits for a trigger.
pub(crate) fn new_order(
    floor: &Floor,
    account: AccountId,
    params: &Params,
    is_conditional: bool,
) -> Result<(NewOrder, Tag), Refusal> {
    let id = instrument(floor, params)?;
    let listed = floor.listed(id);
    let side = side(params, "side")?;
    let kind = read_kind(params.need("type")?, is_conditional)?;
    let closes = closes(params, kind)?;
    let (reduce_only, position) = aims(floor, account, params)?;
    if closes && reduce_only {
        return Err(Refusal::new(-1106, "Parameter 'reduceonly' sent when not required."));
    }
    let opens = if side == Side::Buy { PositionSide::Long } else { PositionSide::Short };
    if closes && position == opens {
        return Err(of_order(&Reject::WouldNotReduce));
    }
    let price = price(listed, params, kind)?;
    let (expiry, post_only) = expiry(floor, params, kind)?;
    let order = NewOrder {
        account,
        instrument: id,
        side,
        price,
        quantity: quantity(listed, params, closes)?,
        expiry,
        post_only,
        reduce_only,
        display: None,
        trigger: trigger(floor, id, side, params, kind)?,
        self_trade: match self_trade(params)? {
            SelfTrade::Decrement => return Err(Refusal::invalid("selfTradePreventionMode")),
            mode => mode,
        },
        position,
    };
    let wrong = Refusal::invalid("priceProtect");
    let price_protect = flag(params, "priceProtect", &wrong)?.unwrap_or(false);
    if price_protect && !is_conditional {
        return Err(Refusal::not_required("priceProtect"));
    }
    let name = if is_conditional { "clientAlgoId" } else { "newClientOrderId" };
    let taken = Refusal::new(-4116, "ClientOrderId is duplicated.");
    let client_id =
        client_id(floor, account, params, (name, NAMES), &taken).map_err(named_badly)?;
    let within_ppm = price_protect.then_some(TRIGGER_PROTECT_PPM);
    Ok((order, Tag { client_id, within_ppm, ..Tag::default() }))
}

fn named_badly(refusal: Refusal) -> Refusal {
    if refusal.code == -1100 {
        return Refusal::new(-4015, "Client order id is not valid.");
    }
    refusal
}

fn read_kind(text: &str, is_conditional: bool) -> Result<Kind, Refusal> {
    let kind = KINDS.iter().find(|kind| kind.name == text);
    let kind = *kind.ok_or_else(|| Refusal::new(-1116, "Invalid orderType."))?;
    match (kind.trigger, is_conditional) {
        (Some(_), false) => Err(not_on_endpoint()),
        (None, true) => Err(Refusal::new(-1116, "Invalid orderType.")),
        _ => Ok(kind),
    }
}

/// Whether all of a position is to be closed.
fn closes(params: &Params, kind: Kind) -> Result<bool, Refusal> {
    let closes =
        flag(params, "closePosition", &Refusal::invalid("closePosition"))?.unwrap_or(false);
    if !closes {
        return Ok(false);
    }
    if kind.has_price || !matches!(kind.trigger, Some(Wait::Loss | Wait::Profit)) {
        let text =
            format!("Target strategy invalid for orderType {},closePosition true", kind.name);
        return Err(Refusal::new(-4136, text));
    }
    if params.get("quantity").is_some() {
        return Err(Refusal::new(-4137, "Quantity must be zero with closePosition equals true"));
    }
    Ok(true)
}

/// Which position an order is for, and whether it is to make it smaller only.
fn aims(
    floor: &Floor,
    account: AccountId,
    params: &Params,
) -> Result<(bool, PositionSide), Refusal> {
    let position = read_position(params)?.unwrap_or(PositionSide::Net);
    let is_hedged = floor.exchange.is_hedged(account);
    if is_hedged == (position == PositionSide::Net) {
        return Err(Refusal::new(-4061, "Order's position side does not match user's setting."));
    }
    let wrong = Refusal::new(-4062, "Invalid or improper reduceOnly value.");
    let reduce_only = flag(params, "reduceOnly", &wrong)?;
    if is_hedged && reduce_only.is_some() {
        return Err(Refusal::new(-1106, "Parameter 'reduceonly' sent when not required."));
    }
    Ok((reduce_only.unwrap_or(false), position))
}

pub(crate) fn read_position(params: &Params) -> Result<Option<PositionSide>, Refusal> {
    match params.get("positionSide") {
        None => Ok(None),
        Some("BOTH") => Ok(Some(PositionSide::Net)),
        Some("LONG") => Ok(Some(PositionSide::Long)),
        Some("SHORT") => Ok(Some(PositionSide::Short)),
        Some(_) => Err(Refusal::new(-4060, "Invalid position side.")),
    }
}

fn price(listed: &Listed, params: &Params, kind: Kind) -> Result<Option<i64>, Refusal> {
    if !matches!(params.get("priceMatch"), None | Some("NONE")) {
        return Err(Refusal::invalid("priceMatch"));
    }
    if kind.has_price {
        return ticks(listed, need_number(params, "price")?).map(Some);
    }
    match params.number("price")? {
        Some(price) if !price.is_zero() => Err(Refusal::not_required("price")),
        _ => Ok(None),
    }
}

/// How long an order lives, and whether it may only rest.
fn expiry(floor: &Floor, params: &Params, kind: Kind) -> Result<(Expiry, bool), Refusal> {
    if !kind.has_price {
        return match params.get("timeInForce") {
            Some(_) if kind.trigger.is_none() => Err(Refusal::not_required("timeInForce")),
            _ => Ok((Expiry::Immediate, false)),
        };
    }
    let time_in_force = match params.get("timeInForce") {
        None if kind.trigger.is_some() => "GTC",
        _ => params.need("timeInForce")?,
    };
    match time_in_force {
        "GTC" => Ok((Expiry::Never, false)),
        "IOC" => Ok((Expiry::Immediate, false)),
        "FOK" => Ok((Expiry::AllOrNothing, false)),
        "GTX" => Ok((Expiry::Never, true)),
        "GTD" => good_till(floor, params).map(|at| (Expiry::At(at), false)),
        _ => Err(Refusal::new(-1115, "Invalid timeInForce.")),
    }
}

fn good_till(floor: &Floor, params: &Params) -> Result<i64, Refusal> {
    let name = "goodTillDate";
    let till = params.integer(name)?.ok_or_else(|| Refusal::missing(name))?;
    // Only whole seconds count.
    let till = till.div_euclid(1_000) * 1_000;
    let now = floor.shown(floor.clock.last());
    if till <= now + GOOD_TILL_MIN_MS || till >= GOOD_TILL_MAX_MS {
        return Err(Refusal::invalid(name));
    }
    Ok(till.saturating_mul(1_000_000).saturating_sub(floor.clock.ahead))
}

fn quantity(listed: &Listed, params: &Params, closes: bool) -> Result<Quantity, Refusal> {
    if closes {
        return Ok(Quantity::Position);
    }
    lots(listed, need_number(params, "quantity")?).map(Quantity::Lots)
}

fn trigger(
    floor: &Floor,
    id: InstrumentId,
    side: Side,
    params: &Params,
    kind: Kind,
) -> Result<Option<Trigger>, Refusal> {
    let Some(wait) = kind.trigger else { return Ok(None) };
    let listed = floor.listed(id);
    let source = match params.get("workingType") {
        None | Some("CONTRACT_PRICE") => TriggerSource::Last,
        Some("MARK_PRICE") => TriggerSource::Mark,
        Some(_) => return Err(Refusal::new(-4031, "Invalid parameter working type")),
    };
    let rises = (wait != Wait::Profit) == (side == Side::Buy);
    if wait != Wait::Trailing {
        let price = ticks(listed, need_number(params, "triggerPrice")?)?;
        return Ok(Some(Trigger { price, rises, source, trailing: None }));
    }
    let trailing = trailing(floor, id, side, params)?;
    let price = trailing.activation.or_else(|| floor.exchange.last_price(id)).unwrap_or(0);
    Ok(Some(Trigger { price, rises, source, trailing: Some(trailing) }))
}

fn trailing(
    floor: &Floor,
    id: InstrumentId,
    side: Side,
    params: &Params,
) -> Result<Trailing, Refusal> {
    let rate = need_number(params, "callbackRate")?.to_scale(PERCENT_PLACES);
    let distance_ppm = rate.ok().and_then(|rate| i64::try_from(rate).ok());
    let distance_ppm = distance_ppm
        .filter(|distance| TRAILING_PPM.contains(distance))
        .ok_or_else(|| Refusal::new(-2007, "Invalid callBack rate."))?;
    let name =
        if params.get("activatePrice").is_some() { "activatePrice" } else { "activationPrice" };
    let price = params.number(name)?;
    let activation = price.map(|price| ticks(floor.listed(id), price)).transpose()?;
    let last = floor.exchange.last_price(id);
    let is_behind = |at: i64, last: i64| if side == Side::Buy { at >= last } else { at <= last };
    if activation.zip(last).is_some_and(|(at, last)| is_behind(at, last)) {
        return Err(Refusal::new(-4135, "Invalid activation price"));
    }
    // It follows once there is something to lose again.
    let begins_at_rise = side == Side::Sell;
    Ok(Trailing { distance_ppm, distance_ticks: 0, activation, begins_at_rise })
}

/// How much the answer to a new order says: nothing of what became of it, or all.
pub(crate) fn wants_result(params: &Params) -> Result<bool, Refusal> {
    match params.get("newOrderRespType") {
        None | Some("ACK") => Ok(false),
        Some("RESULT") => Ok(true),
        Some(_) => Err(Refusal::new(-1136, "Invalid newOrderRespType")),
    }
}
