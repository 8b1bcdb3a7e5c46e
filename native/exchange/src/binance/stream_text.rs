//! Events of market streams that only this venue has.

use rustonite_sim::{InstrumentId, Side};
use serde_json::{Value, json};

use super::public;
use super::streams::Channel;
use crate::candles::{Candle, Interval};
use crate::figures::{fixed, money};
use crate::floor::Floor;
use crate::market::Aggregate;

pub(crate) fn agg_trade(floor: &Floor, id: InstrumentId, one: &Aggregate) -> String {
    let listed = floor.listed(id);
    let at = floor.shown(one.at);
    json!({
        "e": "aggTrade", "E": at, "s": listed.listing.symbol, "a": one.id,
        "p": fixed(listed.price(one.price)).to_string(),
        "q": fixed(listed.size(one.quantity)).to_string(),
        "f": one.first, "l": one.last, "T": at, "m": one.buyer_is_maker, "M": true,
    })
    .to_string()
}

/// What is told from time to time; nothing before the first trade.
pub(crate) fn periodic(floor: &mut Floor, id: InstrumentId, channel: Channel) -> Option<Value> {
    match channel {
        Channel::MiniTicker => ticker(floor, id, true),
        Channel::Ticker => ticker(floor, id, false),
        Channel::AvgPrice => avg_price(floor, id),
        _ => None,
    }
}

/// A candle, whether it goes on or has ended.
pub(crate) fn kline(
    floor: &Floor,
    id: InstrumentId,
    interval: Interval,
    candle: &Candle,
    now: i64,
) -> Value {
    let listed = floor.listed(id);
    let price = |ticks| fixed(listed.price(ticks)).to_string();
    let number = |trade: u64| if trade == 0 { -1 } else { trade.cast_signed() };
    let symbol = &listed.listing.symbol;
    json!({
        "e": "kline", "E": floor.shown(now), "s": symbol,
        "k": {
            "t": candle.start / 1_000_000, "T": candle.end / 1_000_000 - 1, "s": symbol,
            "i": interval.name(), "f": number(candle.trades.0), "L": number(candle.trades.1),
            "o": price(candle.open), "c": price(candle.close), "h": price(candle.high),
            "l": price(candle.low), "v": fixed(listed.size(candle.quantity)).to_string(),
            "n": candle.count, "x": candle.end <= now, "q": money(candle.quote).to_string(),
            "V": fixed(listed.size(candle.taker_bought)).to_string(),
            "Q": money(candle.taker_bought_quote).to_string(), "B": "0",
        },
    })
}

fn ticker(floor: &mut Floor, id: InstrumentId, is_short: bool) -> Option<Value> {
    let day = public::day(floor, id)?;
    let now = floor.shown_ms();
    let listed = floor.listed(id);
    let price = |ticks| fixed(listed.price(ticks)).to_string();
    let candle = &day.candle;
    let symbol = &listed.listing.symbol;
    let (volume, quote) =
        (fixed(listed.size(candle.quantity)).to_string(), money(candle.quote).to_string());
    if is_short {
        return Some(json!({
            "e": "24hrMiniTicker", "E": now, "s": symbol, "c": day.last.0,
            "o": price(candle.open), "h": price(candle.high), "l": price(candle.low),
            "v": volume, "q": quote,
        }));
    }
    let (bid, ask) = (public::best(floor, id, Side::Buy), public::best(floor, id, Side::Sell));
    Some(json!({
        "e": "24hrTicker", "E": now, "s": symbol, "p": day.change, "P": day.percent,
        "w": day.weighted, "x": price(candle.open), "c": day.last.0, "Q": day.last.1,
        "b": bid.0, "B": bid.1, "a": ask.0, "A": ask.1, "o": price(candle.open),
        "h": price(candle.high), "l": price(candle.low), "v": volume, "q": quote,
        "O": floor.shown(candle.start), "C": now, "F": candle.trades.0, "L": candle.trades.1,
        "n": candle.count,
    }))
}

fn avg_price(floor: &mut Floor, id: InstrumentId) -> Option<Value> {
    floor.markets[id as usize].prints.back()?;
    let (price, at) = public::average(floor, id);
    let symbol = floor.listed(id).listing.symbol.clone();
    Some(json!({
        "e": "avgPrice", "E": floor.shown_ms(), "s": symbol, "i": "5m", "w": price, "T": at,
    }))
}
