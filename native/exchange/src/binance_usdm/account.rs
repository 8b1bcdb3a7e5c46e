//! What an account asks about its money and positions.

use rustonite_sim::{AccountId, Amount, AssetId};
use serde_json::{Value, json};

use super::clockwork::mark_price;
use super::positions::{Position, Sums, all, margin_assets, order_margin};
use super::settings::notional_max;
use super::{Call, State, words};
use crate::binance::shared::calls::Answer;
use crate::binance::shared::words::{price_text, size_text};
use crate::figures::money;
use crate::floor::Floor;

fn text(amount: Amount) -> String {
    money(amount).to_string()
}

/// When a position changed last, for clients.
fn changed(floor: &Floor, state: &State, position: &Position) -> i64 {
    let held = (position.account, position.instrument, position.side);
    match state.ledger.changed_at(held) {
        0 => 0,
        at => floor.shown(at),
    }
}

fn asset_row(floor: &Floor, account: AccountId, asset: AssetId, now: i64) -> Value {
    let sums = Sums::of(floor, account, asset);
    json!({
        "asset": floor.asset_name(asset), "walletBalance": text(sums.wallet()),
        "unrealizedProfit": text(sums.unrealised), "marginBalance": text(sums.margin_balance()),
        "maintMargin": text(sums.maintenance), "initialMargin": text(sums.initial()),
        "positionInitialMargin": text(sums.position_margin),
        "openOrderInitialMargin": text(sums.order_margin),
        "crossWalletBalance": text(sums.cross_wallet), "crossUnPnl": text(sums.cross_unrealised),
        "availableBalance": text(sums.available), "maxWithdrawAmount": text(sums.movable),
        "marginAvailable": true, "updateTime": now,
    })
}

/// The sums of all assets: with one coin of account they are those of that coin.
fn totals(floor: &Floor, account: AccountId) -> Value {
    let sums = margin_assets(floor).into_iter().map(|asset| Sums::of(floor, account, asset));
    let sums: Vec<_> = sums.collect();
    let total = |of: fn(&Sums) -> Amount| text(sums.iter().map(of).sum());
    json!({
        "totalInitialMargin": total(Sums::initial),
        "totalMaintMargin": total(|sums| sums.maintenance),
        "totalWalletBalance": total(Sums::wallet),
        "totalUnrealizedProfit": total(|sums| sums.unrealised),
        "totalMarginBalance": total(Sums::margin_balance),
        "totalPositionInitialMargin": total(|sums| sums.position_margin),
        "totalOpenOrderInitialMargin": total(|sums| sums.order_margin),
        "totalCrossWalletBalance": total(|sums| sums.cross_wallet),
        "totalCrossUnPnl": total(|sums| sums.cross_unrealised),
        "availableBalance": total(|sums| sums.available),
        "maxWithdrawAmount": total(|sums| sums.movable),
    })
}

/// A position as an account's picture has it.
fn position_row(floor: &Floor, state: &State, position: &Position) -> Value {
    let listed = floor.listed(position.instrument);
    let orders = order_margin(floor, position.account, position.instrument);
    let isolated = if position.isolated {
        text(position.margin + position.unrealised())
    } else {
        "0".to_owned()
    };
    let wallet = if position.isolated { text(position.margin) } else { "0".to_owned() };
    json!({
        "symbol": listed.listing.symbol, "positionSide": words::position_side(position.side),
        "positionAmt": size_text(listed, position.quantity),
        "unrealizedProfit": text(position.unrealised()), "isolatedMargin": isolated,
        "notional": text(position.worth), "isolatedWallet": wallet,
        "initialMargin": text(position.initial() + orders),
        "maintMargin": text(position.maintenance()), "updateTime": changed(floor, state, position),
    })
}

fn has_something(floor: &Floor, position: &Position) -> bool {
    let ordered = floor.exchange.ordered(position.account, position.instrument);
    position.quantity != 0 || ordered.iter().any(|amount| *amount != Amount::ZERO)
}

pub(crate) fn account_v3(call: &mut Call<'_>) -> Answer {
    call.own()?;
    let now = call.hall.floor.shown_ms();
    let (floor, account) = (&call.hall.floor, call.account);
    let mut value = totals(floor, account);
    let assets = margin_assets(floor).into_iter();
    value["assets"] = assets.map(|asset| asset_row(floor, account, asset, now)).collect();
    let positions = all(floor, account, None).filter(|one| has_something(floor, one));
    value["positions"] = positions.map(|one| position_row(floor, call.state, &one)).collect();
    Ok(value)
}

pub(crate) fn account_v2(call: &mut Call<'_>) -> Answer {
    let mut value = account_v3(call)?;
    let (floor, account) = (&call.hall.floor, call.account);
    let fee_tier = floor.exchange.fee_tier(account).unwrap_or(0);
    for (name, fact) in [
        ("feeTier", json!(fee_tier)),
        ("canTrade", json!(true)),
        ("canDeposit", json!(true)),
        ("canWithdraw", json!(true)),
        ("updateTime", json!(0)),
        ("multiAssetsMargin", json!(false)),
        ("tradeGroupId", json!(-1)),
    ] {
        value[name] = fact;
    }
    let row = |position: Position| {
        let mut row = position_row(floor, call.state, &position);
        let [buys, sells] = floor.exchange.ordered(account, position.instrument);
        let orders = order_margin(floor, account, position.instrument);
        let entry = text(position.entry_price(floor));
        for (name, fact) in [
            ("leverage", json!(position.leverage.to_string())),
            ("entryPrice", json!(entry)),
            ("breakEvenPrice", json!(entry)),
            ("positionInitialMargin", json!(text(position.initial()))),
            ("openOrderInitialMargin", json!(text(orders))),
            ("isolated", json!(position.isolated)),
            ("maxNotional", json!(notional_max(floor, account, position.instrument))),
            ("bidNotional", json!(text(buys))),
            ("askNotional", json!(text(sells))),
        ] {
            row[name] = fact;
        }
        row
    };
    value["positions"] = all(floor, account, None).map(row).collect();
    Ok(value)
}

pub(crate) fn balance(call: &mut Call<'_>) -> Answer {
    call.own()?;
    let now = call.hall.floor.shown_ms();
    let (floor, account) = (&call.hall.floor, call.account);
    let row = |asset: AssetId| {
        let sums = Sums::of(floor, account, asset);
        json!({
            "accountAlias": format!("local{account}"), "asset": floor.asset_name(asset),
            "balance": text(sums.wallet()), "crossWalletBalance": text(sums.cross_wallet),
            "crossUnPnl": text(sums.cross_unrealised), "availableBalance": text(sums.available),
            "maxWithdrawAmount": text(sums.movable), "marginAvailable": true, "updateTime": now,
        })
    };
    Ok(margin_assets(floor).into_iter().map(row).collect())
}

/// A position and its risk.
fn risk_row(floor: &Floor, state: &State, position: &Position) -> Value {
    let mut row = position_row(floor, state, position);
    let listed = floor.listed(position.instrument);
    let mark = mark_price(floor, position.instrument).unwrap_or(0);
    let orders = order_margin(floor, position.account, position.instrument);
    let entry = text(position.entry_price(floor));
    row["unRealizedProfit"] = row["unrealizedProfit"].take();
    for (name, fact) in [
        ("entryPrice", json!(entry)),
        ("breakEvenPrice", json!(entry)),
        ("markPrice", json!(price_text(listed, mark))),
        ("liquidationPrice", json!(text(position.liquidation_price(floor)))),
        ("marginAsset", json!(listed.listing.quote)),
        ("positionInitialMargin", json!(text(position.initial()))),
        ("openOrderInitialMargin", json!(text(orders))),
        ("adl", json!(0)),
        ("bidNotional", json!("0")),
        ("askNotional", json!("0")),
    ] {
        row[name] = fact;
    }
    if let Value::Object(row) = &mut row {
        row.remove("unrealizedProfit");
    }
    row
}

pub(crate) fn risk_v3(call: &mut Call<'_>) -> Answer {
    call.own()?;
    let id = call.symbol_if_sent()?;
    let floor = &call.hall.floor;
    let positions = all(floor, call.account, id).filter(|one| has_something(floor, one));
    Ok(positions.map(|one| risk_row(floor, call.state, &one)).collect())
}

pub(crate) fn risk_v2(call: &mut Call<'_>) -> Answer {
    call.own()?;
    let id = call.symbol_if_sent()?;
    let floor = &call.hall.floor;
    let row = |position: Position| {
        let mut row = risk_row(floor, call.state, &position);
        for (name, fact) in [
            ("leverage", json!(position.leverage.to_string())),
            ("maxNotionalValue", json!(notional_max(floor, call.account, position.instrument))),
            ("marginType", json!(if position.isolated { "isolated" } else { "cross" })),
            ("isAutoAddMargin", json!("false")),
        ] {
            row[name] = fact;
        }
        row
    };
    Ok(all(floor, call.account, id).map(row).collect())
}
