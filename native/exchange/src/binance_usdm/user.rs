//! What user streams say.

use std::collections::BTreeSet;
use std::time::Duration;

use rustonite_sim::{AccountId, Amount, AssetId, Event, InstrumentId, OrderId, PositionSide};
use serde_json::{Value, json};

use super::ledger::Ledger;
use super::positions::{Position, Sums};
use super::{Call, State, words};
use crate::accounts::Record;
use crate::binance::shared::words::{
    price_text, quantity, self_trade, side, size_text, stop_price,
};
use crate::binance::shared::ws_api::spoilt;
use crate::dialect::Hall;
use crate::faults::Told;
use crate::figures::money;
use crate::floor::{Done, Floor, Listed};

const ZERO: &str = "0";

/// Tells everybody who listens what was done.
pub(crate) fn publish(state: &State, hall: &mut Hall, done: &Done) {
    for account in state.listeners.accounts() {
        let events = events(&hall.floor, &state.ledger, account, done);
        for (event, after) in spoilt(hall, events, about) {
            state.listeners.say(hall, account, &event, after);
        }
    }
}

/// What an event is about, and of which symbol. Short notices of fills are never wrong.
fn about(event: &Value) -> Option<(Told, Option<&Value>)> {
    let told = match event["e"].as_str()? {
        "ORDER_TRADE_UPDATE" if event["o"]["x"] == "TRADE" => Told::Fill,
        "ORDER_TRADE_UPDATE" | "ALGO_UPDATE" => Told::Order,
        "ACCOUNT_UPDATE" => Told::Account,
        _ => return None,
    };
    Some((told, event["o"].get("s")))
}

/// Tells an account that it changed how it trades.
pub(crate) fn configured(call: &mut Call<'_>, what: &Value) {
    let now = call.hall.floor.shown_ms();
    let event = json!({"e": "ACCOUNT_CONFIG_UPDATE", "E": now, "T": now, "ac": what});
    call.state.listeners.say(call.hall, call.account, &event, Duration::ZERO);
}

/// Events of an account: orders up to the first fill, short notices of fills, what the account has
/// now, and then everything from the first fill on.
fn events(floor: &Floor, ledger: &Ledger, account: AccountId, done: &Done) -> Vec<Value> {
    let (mut before, mut short, mut after) = (Vec::new(), Vec::new(), Vec::new());
    let mut is_filled = false;
    for event in &done.events {
        let Some(record) = order_of(event).and_then(|id| floor.record(account, id)) else {
            continue;
        };
        if record.tag.muted {
            continue;
        }
        short.extend(lite(floor, record, event, done.at));
        let told = told(floor, record, event, done.at);
        is_filled |= matches!(event, Event::Fill { .. });
        if is_filled { after.extend(told) } else { before.extend(told) }
    }
    before.extend(short);
    before.extend(update(floor, ledger, account, done));
    before.extend(after);
    before
}

/// The order that an event is about.
fn order_of(event: &Event) -> Option<OrderId> {
    match *event {
        Event::Placed { order }
        | Event::Triggered { order }
        | Event::Amended { order, .. }
        | Event::Fill { order, .. }
        | Event::Cancelled { order, .. } => Some(order),
        _ => None,
    }
}

/// All that is said of an event of an order.
fn told(floor: &Floor, record: &Record, event: &Event, at: i64) -> Vec<Value> {
    let order = &record.order;
    let is_algo = order.asked.trigger.is_some();
    let algo = |status: &str| algo(floor, record, status, at);
    let report = || report(floor, record, event, at);
    let failed = words::algo_status(record) == "REJECTED";
    match *event {
        Event::Placed { .. } if is_algo => vec![algo("NEW")],
        Event::Triggered { .. } if failed => vec![algo("TRIGGERING")],
        Event::Triggered { .. } => vec![algo("TRIGGERING"), algo("TRIGGERED"), report()],
        Event::Cancelled { .. } if is_algo && (failed || !order.is_working) => {
            vec![algo(words::algo_status(record))]
        }
        Event::Cancelled { .. } | Event::Fill { open: 0, .. } if is_algo => {
            vec![report(), algo("FINISHED")]
        }
        _ => vec![report()],
    }
}

/// A state of a conditional order.
fn algo(floor: &Floor, record: &Record, status: &str, at: i64) -> Value {
    let order = &record.order;
    let asked = &order.asked;
    let listed = floor.listed(asked.instrument);
    let came = !matches!(status, "NEW" | "TRIGGERING" | "CANCELED" | "EXPIRED" | "REJECTED");
    let shown = floor.shown(at);
    let mut value = json!({
        "caid": words::client_id(record), "aid": words::algo_id(order), "at": "CONDITIONAL",
        "o": words::algo_kind(asked), "s": listed.listing.symbol, "S": side(asked.side),
        "ps": words::position_side(asked.position), "f": words::time_in_force(asked),
        "q": size_text(listed, quantity(order)), "X": status,
        "ai": if came { order.id.0.to_string() } else { String::new() },
        "tp": price_text(listed, stop_price(asked)), "p": price_text(listed, asked.price.unwrap_or(0)),
        "V": self_trade(asked.self_trade), "wt": words::working_type(asked), "pm": "NONE",
        "cp": words::closes_position(asked), "pP": record.tag.within_ppm.is_some(), "R": asked.reduce_only,
        "tt": record.triggered_at.map_or(0, |at| floor.shown(at)),
        "gtd": words::good_till(floor, asked),
    });
    if came {
        value["ap"] = json!(words::mean_price(listed, order.filled, order.filled_quote));
        value["aq"] = json!(size_text(listed, order.filled));
        value["act"] = json!(words::kind(asked));
    }
    if status == "REJECTED" {
        value["rm"] = json!(order.cancelled.and_then(words::failure));
    }
    json!({"e": "ALGO_UPDATE", "T": shown, "E": shown, "o": value})
}

/// A report of an order.
fn report(floor: &Floor, record: &Record, event: &Event, at: i64) -> Value {
    let mut value = unchanged(floor, record, at);
    tell(floor, record, event, &mut value);
    let shown = floor.shown(at);
    json!({"e": "ORDER_TRADE_UPDATE", "T": shown, "E": shown, "o": value})
}

/// A report of an order that was just taken.
fn unchanged(floor: &Floor, record: &Record, at: i64) -> Value {
    let order = &record.order;
    let asked = &order.asked;
    let listed = floor.listed(asked.instrument);
    let [buys, sells] = floor.exchange.ordered(asked.account, asked.instrument);
    let mut value = json!({
        "s": listed.listing.symbol, "c": words::client_id(record), "S": side(asked.side),
        "o": words::kind(asked), "f": words::time_in_force(asked),
        "q": size_text(listed, quantity(order)),
        "p": price_text(listed, asked.price.unwrap_or(0)), "ap": ZERO,
        "sp": price_text(listed, stop_price(asked)), "x": "NEW", "X": "NEW", "i": order.id.0,
        "l": size_text(listed, 0), "z": size_text(listed, 0), "L": ZERO, "n": ZERO,
        "N": listed.listing.quote, "T": floor.shown(at), "t": 0, "b": money(buys).to_string(),
        "a": money(sells).to_string(), "m": false, "R": asked.reduce_only,
        "wt": words::working_type(asked), "ot": words::algo_kind(asked),
        "ps": words::position_side(asked.position), "cp": words::closes_position(asked),
        "rp": ZERO, "pP": record.tag.within_ppm.is_some(), "si": 0, "ss": 0, "V": self_trade(asked.self_trade),
        "pm": "NONE", "gtd": words::good_till(floor, asked), "er": "0",
    });
    if let Some(trailing) = asked.trigger.and_then(|trigger| trigger.trailing) {
        value["AP"] = json!(price_text(listed, trailing.activation.unwrap_or(0)));
        value["cr"] = json!(words::callback_rate(trailing.distance_ppm));
    }
    value
}

/// Says what happened to an order.
fn tell(floor: &Floor, record: &Record, event: &Event, value: &mut Value) {
    let order = &record.order;
    let listed = floor.listed(order.asked.instrument);
    let is_forced = record.tag.client_id.is_empty();
    match *event {
        Event::Fill {
            trade,
            price,
            quantity,
            filled,
            filled_quote,
            open,
            is_maker,
            fee,
            fee_asset,
            realised,
            ..
        } => {
            for (name, fact) in [
                ("x", json!(if is_forced { "CALCULATED" } else { "TRADE" })),
                ("X", json!(if open == 0 { "FILLED" } else { "PARTIALLY_FILLED" })),
                ("l", json!(size_text(listed, quantity))),
                ("L", json!(price_text(listed, price))),
                ("n", json!(money(fee).to_string())),
                ("N", json!(floor.asset_name(fee_asset))),
                ("t", json!(trade)),
                ("m", json!(is_maker)),
                ("rp", json!(money(realised).to_string())),
            ] {
                value[name] = fact;
            }
            so_far(listed, filled, filled_quote, value);
        }
        Event::Cancelled { reason, .. } => {
            let status = words::ended(reason);
            value["x"] = json!(match status {
                "CANCELED" => "CANCELED",
                _ => "EXPIRED",
            });
            value["X"] = json!(status);
            value["er"] = json!(words::expiry_reason(order).to_string());
            so_far(listed, order.filled, order.filled_quote, value);
        }
        // The order itself has already traded what follows.
        Event::Amended { filled, filled_quote, .. } => {
            value["x"] = json!("AMENDMENT");
            value["X"] = json!(if filled > 0 { "PARTIALLY_FILLED" } else { "NEW" });
            so_far(listed, filled, filled_quote, value);
        }
        _ => {}
    }
}

fn so_far(listed: &Listed, filled: i64, filled_quote: Amount, value: &mut Value) {
    value["z"] = json!(size_text(listed, filled));
    value["ap"] = json!(words::mean_price(listed, filled, filled_quote));
}

/// A short notice of a fill.
fn lite(floor: &Floor, record: &Record, event: &Event, at: i64) -> Option<Value> {
    let &Event::Fill { order, trade, price, quantity: lots, is_maker, .. } = event else {
        return None;
    };
    if record.tag.client_id.is_empty() {
        return None;
    }
    let asked = &record.order.asked;
    let listed = floor.listed(asked.instrument);
    let shown = floor.shown(at);
    Some(json!({
        "e": "TRADE_LITE", "E": shown, "T": shown, "s": listed.listing.symbol,
        "q": size_text(listed, quantity(&record.order)),
        "p": price_text(listed, asked.price.unwrap_or(0)), "m": is_maker,
        "c": words::client_id(record), "S": side(asked.side), "L": price_text(listed, price),
        "l": size_text(listed, lots), "t": trade, "i": order.0,
    }))
}

/// Why an account's money or positions changed, and by how much beyond gains and fees.
fn cause(account: AccountId, done: &Done) -> (&'static str, Amount) {
    if let Some((_, _, amount)) = done.deposit.filter(|(whose, ..)| *whose == account) {
        return (if amount < Amount::ZERO { "WITHDRAW" } else { "DEPOSIT" }, amount);
    }
    let of_fill =
        |event: &Event| matches!(event, Event::Fill { account: whose, .. } if *whose == account);
    if done.events.iter().any(of_fill) {
        return ("ORDER", Amount::ZERO);
    }
    let moved = |event: &Event| match *event {
        Event::Funded { account: whose, amount, .. } if whose == account => {
            Some(("FUNDING_FEE", amount))
        }
        Event::Insured { account: whose, amount, .. } if whose == account => {
            Some(("INSURANCE_CLEAR", amount))
        }
        _ => None,
    };
    let moved: Vec<_> = done.events.iter().filter_map(moved).collect();
    let Some((cause, _)) = moved.first() else { return ("MARGIN_TRANSFER", Amount::ZERO) };
    (cause, moved.iter().map(|(_, amount)| *amount).sum())
}

/// What an account has now of what changed.
fn update(floor: &Floor, ledger: &Ledger, account: AccountId, done: &Done) -> Option<Value> {
    let (reason, change) = cause(account, done);
    let balance = |asset: AssetId| {
        let sums = Sums::of(floor, account, asset);
        json!({
            "a": floor.asset_name(asset), "wb": money(sums.wallet()).to_string(),
            "cw": money(sums.cross_wallet).to_string(),
            "bc": if change == Amount::ZERO { ZERO.to_owned() } else { money(change).to_string() },
        })
    };
    let position = |id: InstrumentId, side: PositionSide| {
        let position = Position::of(floor, account, id, side);
        let listed = floor.listed(id);
        let entry = money(position.entry_price(floor)).to_string();
        json!({
            "s": listed.listing.symbol, "pa": size_text(listed, position.quantity), "ep": entry,
            "bep": entry, "cr": money(ledger.realised((account, id, side))).to_string(),
            "up": money(position.unrealised()).to_string(),
            "mt": if position.isolated { "isolated" } else { "cross" },
            "iw": money(position.margin).to_string(), "ps": words::position_side(side),
            "ma": listed.listing.quote,
        })
    };
    let (mut assets, mut positions) = (BTreeSet::new(), Vec::new());
    for event in &done.events {
        match *event {
            Event::Balance { account: whose, asset, .. } if whose == account => {
                assets.insert(asset);
            }
            // That of an isolated position changes nothing that can be used, but the wallet.
            Event::Funded { account: whose, instrument, .. } if whose == account => {
                assets.insert(floor.listed(instrument).rules.quote);
            }
            Event::Position { account: whose, instrument, position: side, .. }
                if whose == account =>
            {
                positions.push(position(instrument, side));
            }
            _ => {}
        }
    }
    if assets.is_empty() && positions.is_empty() {
        return None;
    }
    let balances: Vec<_> = assets.into_iter().map(balance).collect();
    let shown = floor.shown(done.at);
    Some(json!({
        "e": "ACCOUNT_UPDATE", "T": shown, "E": shown,
        "a": {"m": reason, "B": balances, "P": positions},
    }))
}
