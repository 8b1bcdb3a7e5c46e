//! How an account trades: leverage, margin, one position or two, fees.

use rustonite_core::Decimal;
use rustonite_sim::{AccountId, Amount, Command, InstrumentId, PositionSide, Reject, Tier, Tiers};
use serde_json::{Value, json};

use super::ledger::MarginMove;
use super::place::{flag, need_number, read_position};
use super::positions::SIDES;
use super::refusal::of_order;
use super::{Call, user, words};
use crate::binance::shared::calls::Answer;
use crate::binance::shared::orders::{instrument, page};
use crate::binance::shared::refusal::Refusal;
use crate::figures::money;
use crate::floor::Floor;

/// Movements of margin in an answer.
const MOVES_USUAL: usize = 500;
const MOVES_MAX: usize = 1_000;

fn success() -> Value {
    json!({"code": 200, "msg": "success"})
}

/// Worth of the largest position that an account may have with its leverage.
pub(crate) fn notional_max(floor: &Floor, account: AccountId, id: InstrumentId) -> String {
    let (leverage, _) = floor.exchange.leverage(account, id);
    let largest = floor.exchange.tiers(id).map(|tiers| tiers.worth_max(leverage));
    largest.unwrap_or_default().to_string()
}

pub(crate) fn leverage(call: &mut Call<'_>) -> Answer {
    let id = instrument(&call.hall.floor, call.params)?;
    call.own()?;
    call.params.need("leverage")?;
    let asked = call.params.integer("leverage")?.unwrap_or(0);
    let not_valid = || Refusal::new(-4028, format!("Leverage {asked} is not valid"));
    let leverage = u32::try_from(asked).map_err(|_| not_valid())?;
    let command = Command::SetLeverage { account: call.account, instrument: id, leverage };
    call.hall.apply(&command, Vec::new()).map_err(|reject| match reject {
        Reject::Leverage { .. } => not_valid(),
        Reject::InUse => Refusal::new(
            -4161,
            "Leverage reduction is not supported in Isolated Margin Mode with open positions.",
        ),
        Reject::Tier { .. } => of_order(&reject),
        Reject::Balance { .. } => {
            Refusal::new(-2028, "Leverage is smaller than permitted: insufficient margin balance.")
        }
        other => of_order(&other),
    })?;
    let symbol = call.hall.floor.listed(id).listing.symbol.clone();
    user::configured(call, &json!({"s": symbol, "l": leverage}));
    let largest = notional_max(&call.hall.floor, call.account, id);
    Ok(json!({"leverage": leverage, "maxNotionalValue": largest, "symbol": symbol}))
}

pub(crate) fn brackets(call: &mut Call<'_>) -> Answer {
    call.own()?;
    let wanted = call.symbol_if_sent()?;
    let floor = &call.hall.floor;
    let row = |(id, _): (InstrumentId, _)| {
        let symbol = &floor.listed(id).listing.symbol;
        json!({"symbol": symbol, "notionalCoef": 1.0, "brackets": tiers(floor, id)})
    };
    let listed = (0_u32..).zip(&floor.instruments);
    let mut rows: Vec<_> =
        listed.filter(|(id, _)| wanted.is_none_or(|one| one == *id)).map(row).collect();
    Ok(if wanted.is_some() { rows.pop().unwrap_or_default() } else { Value::Array(rows) })
}

fn tiers(floor: &Floor, id: InstrumentId) -> Vec<Value> {
    let ratio = |ppm| Decimal::new(i128::from(ppm), -6).unwrap_or(Decimal::ZERO).to_f64();
    let mut below = Amount::ZERO;
    let tiers = floor.exchange.tiers(id).into_iter().flat_map(Tiers::iter);
    let row = |(number, (tier, deducted)): (usize, (Tier, Amount))| {
        let from = std::mem::replace(&mut below, tier.worth_max);
        json!({
            "bracket": number + 1, "initialLeverage": tier.leverage_max,
            "notionalCap": whole(tier.worth_max), "notionalFloor": whole(from),
            "maintMarginRatio": ratio(tier.maintenance_ppm),
            "cum": deducted.to_decimal().to_f64(),
        })
    };
    tiers.enumerate().map(row).collect()
}

fn whole(amount: Amount) -> i64 {
    i64::try_from(amount.0 / 10_i128.pow(18)).unwrap_or(i64::MAX)
}

fn has_position(floor: &Floor, account: AccountId, id: InstrumentId) -> bool {
    SIDES.into_iter().any(|side| floor.exchange.position(account, id, side).0 != 0)
}

pub(crate) fn margin_type(call: &mut Call<'_>) -> Answer {
    let id = instrument(&call.hall.floor, call.params)?;
    call.own()?;
    let isolated = match call.params.need("marginType")? {
        "ISOLATED" => true,
        "CROSSED" | "CROSS" => false,
        _ => return Err(Refusal::invalid("marginType")),
    };
    let (floor, account) = (&call.hall.floor, call.account);
    if floor.exchange.leverage(account, id).1 == isolated {
        return Err(Refusal::new(-4046, "No need to change margin type."));
    }
    let has_position = has_position(floor, account, id);
    let command = Command::SetIsolated { account, instrument: id, isolated };
    call.hall.apply(&command, Vec::new()).map_err(|reject| match reject {
        Reject::InUse if has_position => {
            Refusal::new(-4048, "Margin type cannot be changed if there exists position.")
        }
        Reject::InUse => {
            Refusal::new(-4047, "Margin type cannot be changed if there exists open orders.")
        }
        other => of_order(&other),
    })?;
    Ok(success())
}

pub(crate) fn is_dual(call: &mut Call<'_>) -> Answer {
    call.own()?;
    Ok(json!({"dualSidePosition": call.hall.floor.exchange.is_hedged(call.account)}))
}

pub(crate) fn set_dual(call: &mut Call<'_>) -> Answer {
    call.own()?;
    call.params.need("dualSidePosition")?;
    let wrong = Refusal::invalid("dualSidePosition");
    let hedged = flag(call.params, "dualSidePosition", &wrong)?.unwrap_or(false);
    let (floor, account) = (&call.hall.floor, call.account);
    if floor.exchange.is_hedged(account) == hedged {
        return Err(Refusal::new(-4059, "No need to change position side."));
    }
    let mut ids = (0_u32..).zip(&floor.instruments);
    let has_position = ids.any(|(id, _)| has_position(floor, account, id));
    let command = Command::SetHedged { account, hedged };
    call.hall.apply(&command, Vec::new()).map_err(|reject| match reject {
        Reject::InUse if has_position => {
            Refusal::new(-4068, "Position side cannot be changed if there exists position.")
        }
        Reject::InUse => {
            Refusal::new(-4067, "Position side cannot be changed if there exists open orders.")
        }
        other => of_order(&other),
    })?;
    Ok(success())
}

/// Moves money to or from an isolated position.
pub(crate) fn position_margin(call: &mut Call<'_>) -> Answer {
    let id = instrument(&call.hall.floor, call.params)?;
    call.own()?;
    let amount = need_number(call.params, "amount")?;
    if amount.is_zero() {
        return Err(Refusal::new(-4055, "Amount must be positive."));
    }
    let moved = Amount::from_decimal(amount).map_err(|_| Refusal::illegal("amount"))?;
    call.params.need("type")?;
    let kind = call.params.integer("type")?;
    let signed = match kind {
        Some(1) => moved,
        Some(2) => -moved,
        _ => return Err(Refusal::invalid("type")),
    };
    let position = read_position(call.params)?.unwrap_or(PositionSide::Net);
    let (floor, account) = (&call.hall.floor, call.account);
    if floor.exchange.is_hedged(account) == (position == PositionSide::Net) {
        return Err(of_order(&Reject::PositionSide));
    }
    if !floor.exchange.leverage(account, id).1 {
        return Err(Refusal::new(-4049, "Add margin only support for isolated position."));
    }
    if floor.exchange.position(account, id, position).0 == 0 {
        return Err(Refusal::new(-4054, "Cannot add position margin: position is 0."));
    }
    let command = Command::MoveMargin { account, instrument: id, position, amount: signed };
    let done = call.hall.apply(&command, Vec::new()).map_err(|reject| match reject {
        Reject::Balance { .. } if signed > Amount::ZERO => {
            Refusal::new(-4050, "Cross balance insufficient.")
        }
        Reject::Balance { .. } => Refusal::new(-4051, "Isolated balance insufficient."),
        other => of_order(&other),
    })?;
    let moved = MarginMove { at: done.at, instrument: id, position, amount: signed };
    call.state.ledger.add_move(account, moved);
    let msg = "Successfully modify position margin.";
    Ok(json!({"amount": amount.to_f64(), "code": 200, "msg": msg, "type": kind}))
}

/// What was moved so.
pub(crate) fn margin_moves(call: &mut Call<'_>) -> Answer {
    let id = instrument(&call.hall.floor, call.params)?;
    call.own()?;
    let limit = call.params.limit(MOVES_USUAL, MOVES_MAX)?;
    let in_time = call.in_time()?;
    let kind = call.params.integer("type")?;
    let floor = &call.hall.floor;
    let kind_of = |moved: &MarginMove| if moved.amount > Amount::ZERO { 1 } else { 2 };
    let fits = |moved: &&MarginMove| {
        moved.instrument == id
            && in_time(floor.shown(moved.at))
            && kind.is_none_or(|kind| kind == kind_of(moved))
    };
    let found: Vec<_> = call.state.ledger.moves(call.account).filter(fits).collect();
    let row = |moved: &&MarginMove| {
        let listed = floor.listed(id);
        let amount = if moved.amount > Amount::ZERO { moved.amount } else { -moved.amount };
        json!({
            "symbol": listed.listing.symbol, "type": kind_of(moved), "deltaType": "USER_ADJUST",
            "amount": money(amount).to_string(), "asset": listed.listing.quote,
            "time": floor.shown(moved.at), "positionSide": words::position_side(moved.position),
        })
    };
    let from_start = call.params.get("startTime").is_some();
    Ok(page(&found, limit, from_start).iter().map(row).collect())
}

pub(crate) fn multi_assets(call: &mut Call<'_>) -> Answer {
    call.own()?;
    Ok(json!({"multiAssetsMargin": false}))
}

/// Several assets as margin are refused as the venue does it as long as it would, and then as what
/// is not imitated.
pub(crate) fn set_multi_assets(call: &mut Call<'_>) -> Answer {
    call.params.need("multiAssetsMargin")?;
    let wrong = Refusal::invalid("multiAssetsMargin");
    if !flag(call.params, "multiAssetsMargin", &wrong)?.unwrap_or(false) {
        let text =
            "Adjusted asset mode is currently set and does not need to be adjusted repeatedly.";
        return Err(Refusal::new(-4171, text));
    }
    if call.own()?.open_orders().next().is_some() {
        let text = "Unable to adjust Multi-Assets Mode with open orders in USDⓈ-M Futures.";
        return Err(Refusal::new(-4170, text));
    }
    let (floor, account) = (&call.hall.floor, call.account);
    let mut ids = (0_u32..).zip(&floor.instruments).map(|(id, _)| id);
    if ids.any(|id| floor.exchange.leverage(account, id).1) {
        let text = "Unable to adjust to Multi-Assets mode with symbols of USDⓈ-M Futures under isolated-margin mode.";
        return Err(Refusal::new(-4167, text));
    }
    Err(Refusal::new(-1020, "This operation is not supported."))
}

pub(crate) fn commission(call: &mut Call<'_>) -> Answer {
    let id = instrument(&call.hall.floor, call.params)?;
    call.own()?;
    let fees = call.hall.floor.exchange.fees(call.account);
    let rate = |ppm: i32| Amount(i128::from(ppm) * 10_i128.pow(12)).to_string();
    Ok(json!({
        "symbol": call.hall.floor.listed(id).listing.symbol,
        "makerCommissionRate": rate(fees.maker_ppm), "takerCommissionRate": rate(fees.taker_ppm),
    }))
}

pub(crate) fn account_config(call: &mut Call<'_>) -> Answer {
    call.own()?;
    let exchange = &call.hall.floor.exchange;
    let is_hedged = exchange.is_hedged(call.account);
    Ok(json!({
        "feeTier": exchange.fee_tier(call.account).unwrap_or(0), "canTrade": true, "canDeposit": true, "canWithdraw": true,
        "dualSidePosition": is_hedged, "updateTime": 0, "multiAssetsMargin": false,
        "tradeGroupId": -1,
    }))
}

pub(crate) fn symbol_config(call: &mut Call<'_>) -> Answer {
    call.own()?;
    let wanted = call.symbol_if_sent()?;
    let (floor, account) = (&call.hall.floor, call.account);
    let row = |(id, listed): (InstrumentId, &crate::floor::Listed)| {
        let (leverage, isolated) = floor.exchange.leverage(account, id);
        json!({
            "symbol": listed.listing.symbol,
            "marginType": if isolated { "ISOLATED" } else { "CROSSED" }, "isAutoAddMargin": false,
            "leverage": leverage, "maxNotionalValue": notional_max(floor, account, id),
        })
    };
    let listed = (0_u32..).zip(&floor.instruments);
    Ok(listed.filter(|(id, _)| wanted.is_none_or(|one| one == *id)).map(row).collect())
}

pub(crate) fn order_limits(call: &mut Call<'_>) -> Answer {
    call.own()?;
    let now = call.hall.floor.now();
    let [short, middle, _] = call.hall.limits.orders(call.account, now, [0; 3]);
    let allowed = call.hall.limits.allowed;
    let row = |interval: &str, number: u32, limit: u32, count: u32| {
        json!({
            "rateLimitType": "ORDERS", "interval": interval, "intervalNum": number,
            "limit": limit, "count": count,
        })
    };
    Ok(json!([
        row("SECOND", 10, allowed.orders_10s, short),
        row("MINUTE", 1, allowed.orders_1m, middle),
    ]))
}
