//! Orders, fills and incomes of an account.

use std::collections::BTreeMap;

use rustonite_sim::OrderId;
use serde_json::{Value, json};

use super::ledger::Income;
use super::{Call, trade, words};
use crate::accounts::{Amendment, OwnFill, Record};
use crate::binance::shared::calls::Answer;
use crate::binance::shared::orders::{instrument, page, wanted};
use crate::binance::shared::refusal::Refusal;
use crate::binance::shared::words::{price_text, side, size_text};
use crate::figures::money;
use crate::floor::Floor;

/// Rows of an answer.
const ROWS_USUAL: usize = 500;
const ROWS_MAX: usize = 1_000;
const INCOMES_USUAL: usize = 100;
const AMENDMENTS_USUAL: usize = 50;
const AMENDMENTS_MAX: usize = 100;

pub(crate) fn order(call: &mut Call<'_>) -> Answer {
    let record = trade::named(call)?.ok_or_else(Refusal::no_such_order)?;
    Ok(words::order(&call.hall.floor, &record))
}

pub(crate) fn open_order(call: &mut Call<'_>) -> Answer {
    let record = trade::named(call)?.filter(|record| record.order.is_open);
    let record = record.ok_or_else(Refusal::no_such_order)?;
    Ok(words::order(&call.hall.floor, &record))
}

pub(crate) fn open_orders(call: &mut Call<'_>) -> Answer {
    let id = call.symbol_if_sent()?;
    let floor = &call.hall.floor;
    let fits = |record: &&Record| {
        record.order.is_working && id.is_none_or(|id| record.order.asked.instrument == id)
    };
    let orders = call.own()?.open_orders().filter(fits);
    Ok(orders.map(|record| words::order(floor, record)).collect())
}

pub(crate) fn all_orders(call: &mut Call<'_>) -> Answer {
    let id = instrument(&call.hall.floor, call.params)?;
    let limit = call.params.limit(ROWS_USUAL, ROWS_MAX)?;
    let in_time = call.in_time()?;
    let first = call.params.integer("orderId")?;
    let floor = &call.hall.floor;
    let fits = |record: &&Record| {
        let order = &record.order;
        order.is_working
            && order.asked.instrument == id
            && in_time(floor.shown(order.placed_at))
            && first.is_none_or(|first| order.id.0.cast_signed() >= first)
    };
    let orders: Vec<_> = call.own()?.orders.values().filter(fits).collect();
    let rows = page(&orders, limit, call.names_start(first));
    Ok(rows.iter().map(|record| words::order(floor, record)).collect())
}

pub(crate) fn trades(call: &mut Call<'_>) -> Answer {
    let id = instrument(&call.hall.floor, call.params)?;
    let limit = call.params.limit(ROWS_USUAL, ROWS_MAX)?;
    let in_time = call.in_time()?;
    let (first, order) = (call.params.integer("fromId")?, call.params.integer("orderId")?);
    let floor = &call.hall.floor;
    let fits = |fill: &&OwnFill| {
        fill.instrument == id
            && in_time(floor.shown(fill.at))
            && first.is_none_or(|first| fill.trade.cast_signed() >= first)
            && order.is_none_or(|order| fill.order.0.cast_signed() == order)
    };
    let fills: Vec<_> = call.own()?.fills.iter().filter(fits).collect();
    Ok(page(&fills, limit, call.names_start(first))
        .iter()
        .map(|fill| fill_row(floor, fill))
        .collect())
}

fn fill_row(floor: &Floor, fill: &OwnFill) -> Value {
    let listed = floor.listed(fill.instrument);
    let worth = floor.exchange.worth(fill.instrument, fill.price, fill.quantity);
    let taken = if fill.is_buyer { rustonite_sim::Side::Buy } else { rustonite_sim::Side::Sell };
    json!({
        "symbol": listed.listing.symbol, "id": fill.trade, "orderId": fill.order.0,
        "side": side(taken), "price": price_text(listed, fill.price),
        "qty": size_text(listed, fill.quantity), "realizedPnl": money(fill.realised).to_string(),
        "quoteQty": money(worth).to_string(), "commission": money(fill.fee).to_string(),
        "commissionAsset": floor.asset_name(fill.fee_asset), "time": floor.shown(fill.at),
        "positionSide": words::position_side(fill.position), "buyer": fill.is_buyer,
        "maker": fill.is_maker,
    })
}

pub(crate) fn incomes(call: &mut Call<'_>) -> Answer {
    let id = call.symbol_if_sent()?;
    let limit = call.params.limit(INCOMES_USUAL, ROWS_MAX)?;
    let in_time = call.in_time()?;
    let kind = call.params.get("incomeType");
    call.own()?;
    let floor = &call.hall.floor;
    let fits = |income: &&Income| {
        id.is_none_or(|id| income.instrument == Some(id))
            && kind.is_none_or(|kind| income.kind == kind)
            && in_time(floor.shown(income.at))
    };
    let incomes: Vec<_> = call.state.ledger.incomes(call.account).filter(fits).collect();
    Ok(page(&incomes, limit, call.names_start(None))
        .iter()
        .map(|income| income_row(floor, income))
        .collect())
}

fn income_row(floor: &Floor, income: &Income) -> Value {
    let symbol = income.instrument.map(|id| floor.listed(id).listing.symbol.as_str());
    json!({
        "symbol": symbol.unwrap_or(""), "incomeType": income.kind,
        "income": money(income.amount).to_string(), "asset": floor.asset_name(income.asset),
        "info": income.kind, "time": floor.shown(income.at), "tranId": income.number,
        "tradeId": income.trade.map_or(String::new(), |trade| trade.to_string()),
    })
}

/// Changes of an order, or of all, the newest first.
pub(crate) fn amendments(call: &mut Call<'_>) -> Answer {
    let id = instrument(&call.hall.floor, call.params)?;
    let limit = call.params.limit(AMENDMENTS_USUAL, AMENDMENTS_MAX)?;
    let in_time = call.in_time()?;
    let own = call.own()?;
    let is_one =
        ["orderId", "origClientOrderId"].iter().any(|name| call.params.get(name).is_some());
    let order = is_one.then(|| wanted(own, call.params, "orderId", "origClientOrderId"));
    let order = order.transpose()?.map(|record| record.map(|record| record.order.id));
    let floor = &call.hall.floor;
    let mut counts: BTreeMap<OrderId, u32> = BTreeMap::new();
    let counted = own.amendments.iter().map(|one| {
        let count = counts.entry(one.order).or_default();
        *count += 1;
        (one, *count)
    });
    let fits = |(one, _): &(&Amendment, u32)| {
        one.instrument == id
            && in_time(floor.shown(one.at))
            && order.is_none_or(|order| order == Some(one.order))
    };
    let found: Vec<_> = counted.filter(fits).collect();
    let from_start = call.params.get("startTime").is_some();
    let rows = page(&found, limit, from_start).iter().rev();
    Ok(rows.map(|(one, count)| amendment_row(floor, one, *count)).collect())
}

fn amendment_row(floor: &Floor, one: &Amendment, count: u32) -> Value {
    let listed = floor.listed(one.instrument);
    let symbol = &listed.listing.symbol;
    let [price_old, price_new] = one.prices.map(|ticks| price_text(listed, ticks.unwrap_or(0)));
    let [old, new] = one.quantities.map(|lots| size_text(listed, lots));
    json!({
        "amendmentId": one.execution, "symbol": symbol, "pair": symbol, "orderId": one.order.0,
        "clientOrderId": one.names[1], "time": floor.shown(one.at),
        "amendment": {
            "price": {"before": price_old, "after": price_new}, "origQty": {"before": old, "after": new},
            "count": count,
        },
    })
}

/// Orders that the venue placed to close positions.
pub(crate) fn forced(call: &mut Call<'_>) -> Answer {
    let id = call.symbol_if_sent()?;
    let kind = call.params.get("autoCloseType").map(str::to_owned);
    let kind_of = |record: &Record| if record.tag.is_deleveraged { "ADL" } else { "LIQUIDATION" };
    let in_time = call.in_time()?;
    let floor = &call.hall.floor;
    let fits = |record: &&Record| {
        record.tag.client_id.is_empty()
            && kind.as_deref().is_none_or(|kind| kind == kind_of(record))
            && id.is_none_or(|id| record.order.asked.instrument == id)
            && in_time(floor.shown(record.order.placed_at))
    };
    Ok(call.own()?.orders.values().filter(fits).map(|one| words::order(floor, one)).collect())
}
