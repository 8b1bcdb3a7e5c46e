//! What an account asks about itself.

use rustonite_sim::{AccountId, Amount, Fees, InstrumentId};
use serde_json::{Value, json};

use super::shared::calls::{Answer, Call};
use super::shared::market::named;
use super::shared::orders::{instrument, page, wanted};
use super::shared::refusal::Refusal;
use super::shared::words::{price_text, self_trade, size_text};
use super::words;
use crate::FEE_ASSET;
use crate::accounts::{Amendment, OwnFill, Prevented};
use crate::figures::money;
use crate::floor::Floor;

/// Rows of an answer.
pub(crate) const ROWS_USUAL: usize = 500;
pub(crate) const ROWS_MAX: usize = 1_000;
const DAY_MS: i64 = 86_400_000;

pub(crate) fn order(call: &mut Call<'_>) -> Answer {
    let id = instrument(&call.hall.floor, call.params)?;
    let record = wanted(call.own()?, call.params, "orderId", "origClientOrderId")?
        .filter(|record| record.order.asked.instrument == id)
        .ok_or_else(Refusal::no_such_order)?;
    Ok(words::queried(&call.hall.floor, &record))
}

pub(crate) fn open_orders(call: &mut Call<'_>) -> Answer {
    let wanted = call.symbol_if_sent()?;
    let orders = call
        .own()?
        .open_orders()
        .filter(|record| wanted.is_none_or(|id| record.order.asked.instrument == id));
    Ok(orders.map(|record| words::queried(&call.hall.floor, record)).collect())
}

pub(crate) fn all_orders(call: &mut Call<'_>) -> Answer {
    let id = instrument(&call.hall.floor, call.params)?;
    let limit = call.params.limit(ROWS_USUAL, ROWS_MAX)?;
    let in_time = within_a_day(call)?;
    let first = call.params.integer("orderId")?;
    let floor = &call.hall.floor;
    let orders: Vec<_> = call
        .own()?
        .orders
        .values()
        .filter(|record| record.order.asked.instrument == id)
        .filter(|record| in_time(floor.shown(record.order.placed_at)))
        .filter(|record| first.is_none_or(|first| record.order.id.0.cast_signed() >= first))
        .collect();
    Ok(page(&orders, limit, call.names_start(first))
        .iter()
        .map(|record| words::queried(floor, record))
        .collect())
}

/// Whether a moment is between those of the parameters, which are no more than a day apart.
pub(crate) fn within_a_day(call: &Call<'_>) -> Result<impl Fn(i64) -> bool + use<>, Refusal> {
    let times = (call.params.integer("startTime")?, call.params.integer("endTime")?);
    if let (Some(since), Some(until)) = times
        && until.saturating_sub(since) > DAY_MS
    {
        return Err(Refusal::new(-1127, "More than 24 hours between startTime and endTime."));
    }
    call.in_time()
}

pub(crate) fn my_trades(call: &mut Call<'_>) -> Answer {
    let id = instrument(&call.hall.floor, call.params)?;
    let limit = call.params.limit(ROWS_USUAL, ROWS_MAX)?;
    let in_time = within_a_day(call)?;
    let (first, order) = (call.params.integer("fromId")?, call.params.integer("orderId")?);
    let floor = &call.hall.floor;
    let fits = |fill: &&OwnFill| {
        fill.instrument == id
            && in_time(floor.shown(fill.at))
            && first.is_none_or(|first| fill.trade.cast_signed() >= first)
            && order.is_none_or(|order| fill.order.0.cast_signed() == order)
    };
    let fills: Vec<_> = call.own()?.fills.iter().filter(fits).collect();
    let row = |fill: &&OwnFill| fill_row(floor, call.account, fill);
    Ok(page(&fills, limit, call.names_start(first)).iter().map(row).collect())
}

fn fill_row(floor: &Floor, account: AccountId, fill: &OwnFill) -> Value {
    let list = floor.record(account, fill.order);
    let listed = floor.listed(fill.instrument);
    json!({
        "symbol": listed.listing.symbol,
        "id": fill.trade,
        "orderId": fill.order.0,
        "orderListId": list.map_or(-1, words::list_id),
        "price": price_text(listed, fill.price),
        "qty": size_text(listed, fill.quantity),
        "quoteQty": money(floor.exchange.worth(fill.instrument, fill.price, fill.quantity)).to_string(),
        "commission": money(fill.fee).to_string(),
        "commissionAsset": floor.asset_name(fill.fee_asset),
        "time": floor.shown(fill.at),
        "isBuyer": fill.is_buyer,
        "isMaker": fill.is_maker,
        "isBestMatch": true,
    })
}

#[allow(clippy::unnecessary_wraps)] // All calls have one form.
pub(crate) fn account(call: &mut Call<'_>) -> Answer {
    let now = call.hall.floor.shown_ms();
    let omits = call.params.get("omitZeroBalances") == Some("true");
    let floor = &call.hall.floor;
    let balances: Vec<_> = (0_u32..)
        .zip(&floor.assets)
        .map(|(asset, name)| (name, floor.exchange.balance(call.account, asset)))
        .filter(|(_, (free, locked))| !omits || free.0 != 0 || locked.0 != 0)
        .map(|(name, (free, locked))| {
            json!({
                "asset": name, "free": money(free).to_string(), "locked": money(locked).to_string(),
            })
        })
        .collect();
    let fees = floor.exchange.fees(call.account);
    Ok(json!({
        "makerCommission": fees.maker_ppm / 100, "takerCommission": fees.taker_ppm / 100,
        "buyerCommission": 0, "sellerCommission": 0,
        "commissionRates": rates(fees),
        "canTrade": true, "canWithdraw": true, "canDeposit": true, "brokered": false,
        "requireSelfTradePrevention": false, "preventSor": false, "updateTime": now,
        "accountType": "SPOT", "balances": balances, "permissions": ["SPOT"], "uid": call.account,
    }))
}

fn rates(fees: Fees) -> Value {
    let rate = |ppm: i32| money(Amount(i128::from(ppm) * 10_i128.pow(12))).to_string();
    let zero = "0.00000000";
    json!({
        "maker": rate(fees.maker_ppm), "taker": rate(fees.taker_ppm), "buyer": zero, "seller": zero,
    })
}

/// What an order would pay.
pub(crate) fn of_order(floor: &Floor, account: AccountId, id: InstrumentId) -> Value {
    let rates = |fees: Fees| {
        let mut rates = rates(fees);
        if let Some(all) = rates.as_object_mut() {
            all.retain(|name, _| name == "maker" || name == "taker");
        }
        rates
    };
    let none = rates(Fees::default());
    json!({
        "standardCommissionForOrder": rates(floor.exchange.fees(account)),
        "specialCommissionForOrder": none, "taxCommissionForOrder": none,
        "discount": discount(floor, account, id),
    })
}

pub(crate) fn commission(call: &mut Call<'_>) -> Answer {
    let id = instrument(&call.hall.floor, call.params)?;
    let symbol = &call.hall.floor.listed(id).listing.symbol;
    let fees = call.hall.floor.exchange.fees(call.account);
    Ok(json!({
        "symbol": symbol, "standardCommission": rates(fees),
        "specialCommission": rates(Fees::default()), "taxCommission": rates(Fees::default()),
        "discount": discount(&call.hall.floor, call.account, id),
    }))
}

/// What fees become where they are paid in another asset.
fn discount(floor: &Floor, account: AccountId, id: InstrumentId) -> Value {
    let other = floor.exchange.fee_asset(account);
    let asset = other.map_or(FEE_ASSET, |other| floor.asset_name(other.asset));
    let left = other.map_or(0, |other| 1_000_000 - other.discount_ppm);
    let left = Amount(i128::from(left) * 10_i128.pow(12));
    let is_priced = other.is_some_and(|other| other.quote == floor.listed(id).rules.quote);
    json!({
        "enabledForAccount": other.is_some(), "enabledForSymbol": is_priced, "discountAsset": asset,
        "discount": money(left).to_string(),
    })
}

#[allow(clippy::unnecessary_wraps)] // All calls have one form.
pub(crate) fn order_limits(call: &mut Call<'_>) -> Answer {
    let now = call.hall.floor.now();
    let [short, _, long] = call.hall.limits.orders(call.account, now, [0; 3]);
    let allowed = call.hall.limits.allowed;
    Ok(json!([
        {
            "rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10,
            "limit": allowed.orders_10s, "count": short,
        },
        {
            "rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1,
            "limit": allowed.orders_1d, "count": long,
        },
    ]))
}

/// Changes of an order.
pub(crate) fn amendments(call: &mut Call<'_>) -> Answer {
    let id = instrument(&call.hall.floor, call.params)?;
    call.params.need("orderId")?;
    let order = call.params.integer("orderId")?;
    let limit = call.params.limit(ROWS_USUAL, ROWS_MAX)?;
    let first = call.params.integer("fromExecutionId")?;
    let floor = &call.hall.floor;
    let fits = |one: &&Amendment| {
        one.instrument == id
            && order.is_none_or(|order| one.order.0.cast_signed() == order)
            && first.is_none_or(|first| one.execution.cast_signed() >= first)
    };
    let found: Vec<_> = call.own()?.amendments.iter().filter(fits).collect();
    let row = |one: &&Amendment| {
        let listed = floor.listed(id);
        json!({
            "symbol": listed.listing.symbol, "orderId": one.order.0, "executionId": one.execution,
            "origClientOrderId": one.names[0], "newClientOrderId": one.names[1],
            "origQty": size_text(listed, one.quantities[0]),
            "newQty": size_text(listed, one.quantities[1]), "time": floor.shown(one.at),
        })
    };
    Ok(page(&found, limit, first.is_some()).iter().map(row).collect())
}

/// What an account pays for each instrument.
pub(crate) fn trade_fees(call: &mut Call<'_>) -> Answer {
    let (ids, _) = named(call)?;
    let floor = &call.hall.floor;
    let fees = floor.exchange.fees(call.account);
    let rate = |ppm: i32| Amount(i128::from(ppm) * 10_i128.pow(12)).to_string();
    let row = |id| {
        json!({
            "symbol": floor.listed(id).listing.symbol, "makerCommission": rate(fees.maker_ppm),
            "takerCommission": rate(fees.taker_ppm),
        })
    };
    Ok(ids.into_iter().map(row).collect())
}

/// Trades of the account with itself that were prevented.
pub(crate) fn prevented(call: &mut Call<'_>) -> Answer {
    let id = instrument(&call.hall.floor, call.params)?;
    let limit = call.params.limit(ROWS_USUAL, ROWS_MAX)?;
    let number = call.params.integer("preventedMatchId")?;
    let order = call.params.integer("orderId")?;
    let first = call.params.integer("fromPreventedMatchId")?;
    if number.is_none() && order.is_none() {
        let text = "Param 'preventedMatchId' or 'orderId' must be sent, but both were empty/null!";
        return Err(Refusal::new(-1102, text));
    }
    let floor = &call.hall.floor;
    let fits = |one: &&Prevented| {
        let is_of =
            |order: i64| [one.taker, one.maker].iter().any(|id| id.0.cast_signed() == order);
        one.instrument == id
            && number.is_none_or(|number| one.number.cast_signed() == number)
            && order.is_none_or(is_of)
            && first.is_none_or(|first| one.number.cast_signed() >= first)
    };
    let found = call.own()?.prevented.iter().filter(fits).take(limit);
    Ok(found.map(|one| prevented_row(floor, one)).collect())
}

fn prevented_row(floor: &Floor, one: &Prevented) -> Value {
    let symbol = &floor.listed(one.instrument).listing.symbol;
    let mut row = words::prevented(floor, one);
    for (name, fact) in [
        ("symbol", json!(symbol)),
        ("makerSymbol", json!(symbol)),
        ("takerOrderId", json!(one.taker.0)),
        ("tradeGroupId", json!(words::NO_GROUP)),
        ("selfTradePreventionMode", json!(self_trade(one.mode))),
        ("transactTime", json!(floor.shown(one.at))),
    ] {
        row[name] = fact;
    }
    row
}

/// The assets as wallets name them: clients ask for them when they start.
#[allow(clippy::unnecessary_wraps)] // All calls have one form.
pub(crate) fn coins(call: &mut Call<'_>) -> Answer {
    let floor = &call.hall.floor;
    let coin = |(asset, name): (u32, &String)| {
        let (free, locked) = floor.exchange.balance(call.account, asset);
        json!({
            "coin": name, "name": name, "depositAllEnable": true, "withdrawAllEnable": true,
            "free": free.to_string(), "locked": locked.to_string(), "trading": true,
            "isLegalMoney": false, "networkList": [],
        })
    };
    Ok((0_u32..).zip(&floor.assets).map(coin).collect())
}
