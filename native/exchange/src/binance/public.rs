//! What anybody may ask about the market.

use rustonite_core::datasets::BookSide;
use rustonite_sim::{Amount, InstrumentId, Side};
use rustonite_wire::{BookUpdate, Level};
use serde_json::{Value, json};

use super::params::Params;
use super::place::instrument;
use super::refusal::Refusal;
use super::routes::{Answer, Call};
use crate::candles::{Candle, Interval, Print};
use crate::figures::{fixed, money, ratio};
use crate::floor::{Floor, Listed};
use crate::market::Aggregate;

const ROWS_USUAL: usize = 500;
const ROWS_MAX: usize = 1_000;
const DEPTH_USUAL: usize = 100;
const DEPTH_MAX: usize = 5_000;
/// Minutes of an average price.
const AVERAGE_MINUTES: usize = 5;

#[allow(clippy::unnecessary_wraps)] // All calls have one form.
pub(crate) fn ping(_: &mut Call<'_>) -> Answer {
    Ok(json!({}))
}

#[allow(clippy::unnecessary_wraps)] // All calls have one form.
pub(crate) fn time(call: &mut Call<'_>) -> Answer {
    Ok(json!({"serverTime": call.hall.floor.shown_ms()}))
}

/// Instruments that a call names: one, some, or all.
fn named(call: &Call<'_>) -> Result<(Vec<InstrumentId>, bool), Refusal> {
    let floor = &call.hall.floor;
    if call.params.get("symbol").is_some() {
        return Ok((vec![instrument(floor, call.params)?], true));
    }
    if let Some(list) = call.params.get("symbols") {
        let names: Vec<String> =
            serde_json::from_str(list).map_err(|_| Refusal::illegal("symbols"))?;
        let ids: Option<Vec<_>> = names.iter().map(|name| floor.instrument(name)).collect();
        return Ok((ids.ok_or_else(Refusal::unknown_symbol)?, false));
    }
    Ok(((0_u32..).zip(&floor.instruments).map(|(id, _)| id).collect(), false))
}

/// A row of each named instrument; the row alone if one was named.
fn rows(call: &mut Call<'_>, row: impl Fn(&mut Floor, InstrumentId) -> Value) -> Answer {
    let (ids, alone) = named(call)?;
    let mut rows: Vec<_> = ids.into_iter().map(|id| row(&mut call.hall.floor, id)).collect();
    Ok(if alone { rows.pop().unwrap_or_default() } else { Value::Array(rows) })
}

pub(crate) fn exchange_info(call: &mut Call<'_>) -> Answer {
    let (ids, _) = named(call)?;
    let now = call.hall.floor.shown_ms();
    let allowed = call.hall.limits.allowed;
    let floor = &call.hall.floor;
    let symbols: Vec<_> = ids.iter().map(|id| symbol(floor, *id)).collect();
    let limit = |sort: &str, interval: &str, count: u32, limit: u32| json!({"rateLimitType": sort, "interval": interval, "intervalNum": count, "limit": limit});
    Ok(json!({
        "timezone": "UTC", "serverTime": now,
        "rateLimits": [
            limit("REQUEST_WEIGHT", "MINUTE", 1, allowed.weight_1m),
            limit("ORDERS", "SECOND", 10, allowed.orders_10s),
            limit("ORDERS", "DAY", 1, allowed.orders_1d),
        ],
        "exchangeFilters": [], "symbols": symbols,
    }))
}

fn symbol(floor: &Floor, id: InstrumentId) -> Value {
    let listed = floor.listed(id);
    let listing = &listed.listing;
    let is_halted = floor.markets[id as usize].is_halted;
    json!({
        "symbol": listing.symbol,
        "status": if is_halted { "HALT" } else { "TRADING" },
        "baseAsset": listing.base, "baseAssetPrecision": 8,
        "quoteAsset": listing.quote, "quotePrecision": 8, "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8, "quoteCommissionPrecision": 8,
        "orderTypes": [
            "LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT",
            "TAKE_PROFIT_LIMIT",
        ],
        "icebergAllowed": true, "ocoAllowed": true, "otoAllowed": false,
        "quoteOrderQtyMarketAllowed": true, "allowTrailingStop": true,
        "cancelReplaceAllowed": true, "amendAllowed": true, "pegInstructionsAllowed": false,
        "isSpotTradingAllowed": true, "isMarginTradingAllowed": false,
        "filters": filters(listed),
        "permissions": [], "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes":
            ["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"],
    })
}

fn filters(listed: &Listed) -> Value {
    let listing = &listed.listing;
    let text = |value| fixed(value).to_string();
    let factor = |ppm: i64| Amount(i128::from(ppm) * 10_i128.pow(12)).to_string();
    let mut filters = vec![
        json!({
            "filterType": "PRICE_FILTER", "minPrice": text(listing.price.0),
            "maxPrice": text(listing.price.1), "tickSize": text(listing.tick),
        }),
        json!({
            "filterType": "LOT_SIZE", "minQty": text(listing.quantity.0),
            "maxQty": text(listing.quantity.1), "stepSize": text(listing.lot),
        }),
        json!({"filterType": "ICEBERG_PARTS", "limit": 100}),
        json!({
            "filterType": "MARKET_LOT_SIZE", "minQty": text(listing.quantity.0),
            "maxQty": text(listing.market_quantity_max), "stepSize": text(listing.lot),
        }),
        json!({
            "filterType": "TRAILING_DELTA", "minTrailingAboveDelta": 10,
            "maxTrailingAboveDelta": 2000, "minTrailingBelowDelta": 10,
            "maxTrailingBelowDelta": 2000,
        }),
        json!({
            "filterType": "NOTIONAL", "minNotional": text(listing.notional_min),
            "applyMinToMarket": true, "maxNotional": "9000000.00000000",
            "applyMaxToMarket": false, "avgPriceMins": AVERAGE_MINUTES,
        }),
        json!({"filterType": "MAX_NUM_ORDERS", "maxNumOrders": listing.orders_max}),
        json!({"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": listing.triggers_max}),
    ];
    if let Some((down, up)) = listing.band_ppm {
        filters.insert(
            5,
            json!({
                "filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": factor(up),
                "bidMultiplierDown": factor(down), "askMultiplierUp": factor(up),
                "askMultiplierDown": factor(down), "avgPriceMins": AVERAGE_MINUTES,
            }),
        );
    }
    Value::Array(filters)
}

/// A level as the wire has it.
pub(crate) fn level(listed: &Listed, side: BookSide, price: i64, lots: i64) -> Level {
    let (price, size) = (fixed(listed.price(price)), fixed(listed.size(lots)));
    Level { side, price, size, count: None }
}

/// What a picture of so many levels weighs.
pub(crate) fn depth_weight(params: &Params) -> u32 {
    match params.limit(DEPTH_USUAL, DEPTH_MAX).unwrap_or(DEPTH_USUAL) {
        ..=100 => 5,
        101..=500 => 25,
        501..=1_000 => 50,
        _ => 250,
    }
}

pub(crate) fn depth(call: &mut Call<'_>) -> Answer {
    let limit = call.params.limit(DEPTH_USUAL, DEPTH_MAX)?;
    let id = instrument(&call.hall.floor, call.params)?;
    Ok(picture(&call.hall.floor, id, limit))
}

/// The best levels of a book.
pub(crate) fn picture(floor: &Floor, id: InstrumentId, limit: usize) -> Value {
    let listed = floor.listed(id);
    let side = |side| -> Vec<_> {
        let levels = floor.exchange.levels(id, side).take(limit);
        let pair = |(price, lots)| {
            [fixed(listed.price(price)).to_string(), fixed(listed.size(lots)).to_string()]
        };
        levels.map(pair).collect()
    };
    json!({
        "lastUpdateId": floor.markets[id as usize].update,
        "bids": side(Side::Buy), "asks": side(Side::Sell),
    })
}

pub(crate) fn trades(call: &mut Call<'_>) -> Answer {
    let id = instrument(&call.hall.floor, call.params)?;
    let limit = call.params.limit(ROWS_USUAL, ROWS_MAX)?;
    let floor = &call.hall.floor;
    let prints = &floor.markets[id as usize].prints;
    let newest = prints.iter().skip(prints.len().saturating_sub(limit));
    Ok(newest.map(|print| print_row(floor, id, print)).collect())
}

pub(crate) fn historical_trades(call: &mut Call<'_>) -> Answer {
    let Some(first) = call.params.integer("fromId")? else { return trades(call) };
    let id = instrument(&call.hall.floor, call.params)?;
    let limit = call.params.limit(ROWS_USUAL, ROWS_MAX)?;
    let floor = &call.hall.floor;
    let prints = floor.markets[id as usize].prints.iter();
    let from = prints.filter(|print| print.trade.cast_signed() >= first).take(limit);
    Ok(from.map(|print| print_row(floor, id, print)).collect())
}

fn print_row(floor: &Floor, id: InstrumentId, print: &Print) -> Value {
    let listed = floor.listed(id);
    json!({
        "id": print.trade,
        "price": fixed(listed.price(print.price)).to_string(),
        "qty": fixed(listed.size(print.quantity)).to_string(),
        "quoteQty": money(print.quote).to_string(),
        "time": floor.shown(print.at),
        "isBuyerMaker": print.buyer_is_maker,
        "isBestMatch": true,
    })
}

pub(crate) fn agg_trades(call: &mut Call<'_>) -> Answer {
    let id = instrument(&call.hall.floor, call.params)?;
    let limit = call.params.limit(ROWS_USUAL, ROWS_MAX)?;
    let first = call.params.integer("fromId")?;
    let since = call.params.integer("startTime")?;
    let until = call.params.integer("endTime")?.unwrap_or(i64::MAX);
    let floor = &call.hall.floor;
    let listed = floor.listed(id);
    let fits = |one: &&Aggregate| {
        let at = floor.shown(one.at);
        first.is_none_or(|first| one.id.cast_signed() >= first)
            && since.is_none_or(|since| at >= since)
            && at <= until
    };
    let found: Vec<_> = floor.markets[id as usize].aggregates.iter().filter(fits).collect();
    let from_start = first.is_some() || since.is_some();
    let skipped = if from_start { 0 } else { found.len().saturating_sub(limit) };
    let row = |one: &&Aggregate| {
        json!({
            "a": one.id,
            "p": fixed(listed.price(one.price)).to_string(),
            "q": fixed(listed.size(one.quantity)).to_string(),
            "f": one.first, "l": one.last, "T": floor.shown(one.at),
            "m": one.buyer_is_maker, "M": true,
        })
    };
    Ok(found.iter().skip(skipped).take(limit).map(row).collect())
}

pub(crate) fn klines(call: &mut Call<'_>) -> Answer {
    let id = instrument(&call.hall.floor, call.params)?;
    let limit = call.params.limit(ROWS_USUAL, ROWS_MAX)?;
    let interval = Interval::named(call.params.need("interval")?)
        .ok_or_else(|| Refusal::new(-1120, "Invalid interval."))?;
    let since = call.params.integer("startTime")?;
    let until = call.params.integer("endTime")?.unwrap_or(i64::MAX);
    let floor = &mut call.hall.floor;
    let now = floor.now();
    let candles: Vec<_> = floor.market(id).candles.of(interval, now).iter().copied().collect();
    let fits = |candle: &&Candle| {
        let start = floor.shown(candle.start);
        since.is_none_or(|since| start >= since) && start <= until
    };
    let found: Vec<_> = candles.iter().filter(fits).collect();
    let skipped = if since.is_some() { 0 } else { found.len().saturating_sub(limit) };
    let listed = floor.listed(id);
    Ok(found.iter().skip(skipped).take(limit).map(|candle| candle_row(listed, candle)).collect())
}

fn candle_row(listed: &Listed, candle: &Candle) -> Value {
    let price = |ticks| fixed(listed.price(ticks)).to_string();
    json!([
        candle.start / 1_000_000,
        price(candle.open),
        price(candle.high),
        price(candle.low),
        price(candle.close),
        fixed(listed.size(candle.quantity)).to_string(),
        candle.end / 1_000_000 - 1,
        money(candle.quote).to_string(),
        candle.count,
        fixed(listed.size(candle.taker_bought)).to_string(),
        money(candle.taker_bought_quote).to_string(),
        "0",
    ])
}

/// Worth of trades by their quantity, of the last minutes.
pub(crate) fn average(floor: &mut Floor, id: InstrumentId) -> (String, i64) {
    let now = floor.now();
    let minutes = floor.market(id).candles.of(Interval::MINUTE, now);
    let last: Vec<_> = minutes.iter().rev().take(AVERAGE_MINUTES).copied().collect();
    let quote: Amount = last.iter().map(|candle| candle.quote).sum();
    let lots: i64 = last.iter().map(|candle| candle.quantity).sum();
    let close = last.first().map_or(0, |candle| candle.close);
    let at = floor.markets[id as usize].prints.back().map_or(0, |print| floor.shown(print.at));
    let listed = floor.listed(id);
    if lots == 0 {
        return (fixed(listed.price(close)).to_string(), at);
    }
    let size = Amount::from_decimal(listed.size(lots)).unwrap_or(Amount::ZERO);
    (money(ratio(quote, size)).to_string(), at)
}

pub(crate) fn avg_price(call: &mut Call<'_>) -> Answer {
    let id = instrument(&call.hall.floor, call.params)?;
    let (price, at) = average(&mut call.hall.floor, id);
    Ok(json!({"mins": AVERAGE_MINUTES, "price": price, "closeTime": at}))
}

pub(crate) fn ticker_price(call: &mut Call<'_>) -> Answer {
    rows(call, |floor, id| {
        let listed = floor.listed(id);
        let price = floor.exchange.last_price(id).unwrap_or(0);
        json!({"symbol": listed.listing.symbol, "price": fixed(listed.price(price)).to_string()})
    })
}

/// Price and quantity of the best of a side; zeros if nobody is there.
pub(crate) fn best(floor: &Floor, id: InstrumentId, side: Side) -> (String, String) {
    let listed = floor.listed(id);
    let (price, lots) = floor.exchange.levels(id, side).next().unwrap_or((0, 0));
    (fixed(listed.price(price)).to_string(), fixed(listed.size(lots)).to_string())
}

pub(crate) fn ticker_book(call: &mut Call<'_>) -> Answer {
    rows(call, |floor, id| {
        let (bid, ask) = (best(floor, id, Side::Buy), best(floor, id, Side::Sell));
        json!({
            "symbol": floor.listed(id).listing.symbol, "bidPrice": bid.0, "bidQty": bid.1,
            "askPrice": ask.0, "askQty": ask.1,
        })
    })
}

/// Statistics of a day.
pub(crate) struct Day {
    pub(crate) candle: Candle,
    pub(crate) change: String,
    pub(crate) percent: String,
    pub(crate) weighted: String,
    /// Price and quantity of the last trade.
    pub(crate) last: (String, String),
}

pub(crate) fn day(floor: &mut Floor, id: InstrumentId) -> Option<Day> {
    let now = floor.now();
    let market = floor.market(id);
    let candle = market.candles.day(now)?;
    let last = market.prints.back().copied()?;
    let listed = floor.listed(id);
    let amount = |value| Amount::from_decimal(value).unwrap_or(Amount::ZERO);
    let (open, close) = (amount(listed.price(candle.open)), amount(listed.price(candle.close)));
    let percent = ratio((close - open).times(100).unwrap_or_default(), open).truncated(3);
    let size = amount(listed.size(candle.quantity));
    Some(Day {
        candle,
        change: money(close - open).to_string(),
        percent: percent.to_string(),
        weighted: money(ratio(candle.quote, size)).to_string(),
        last: (
            fixed(listed.price(last.price)).to_string(),
            fixed(listed.size(last.quantity)).to_string(),
        ),
    })
}

pub(crate) fn ticker_day(call: &mut Call<'_>) -> Answer {
    let is_short = call.params.get("type") == Some("MINI");
    rows(call, |floor, id| {
        let day = day(floor, id);
        day.map_or_else(|| empty_day(floor, id), |day| day_row(floor, id, &day, is_short))
    })
}

fn empty_day(floor: &Floor, id: InstrumentId) -> Value {
    let zero = "0.00000000";
    json!({
        "symbol": floor.listed(id).listing.symbol, "priceChange": zero,
        "priceChangePercent": "0.000", "weightedAvgPrice": zero, "prevClosePrice": zero,
        "lastPrice": zero, "lastQty": zero, "bidPrice": zero, "bidQty": zero, "askPrice": zero,
        "askQty": zero, "openPrice": zero, "highPrice": zero, "lowPrice": zero, "volume": zero,
        "quoteVolume": zero, "openTime": 0, "closeTime": 0, "firstId": -1, "lastId": -1, "count": 0,
    })
}

fn day_row(floor: &Floor, id: InstrumentId, day: &Day, is_short: bool) -> Value {
    let listed = floor.listed(id);
    let price = |ticks| fixed(listed.price(ticks)).to_string();
    let candle = &day.candle;
    let mut row = json!({
        "symbol": listed.listing.symbol,
        "openPrice": price(candle.open), "highPrice": price(candle.high),
        "lowPrice": price(candle.low), "lastPrice": day.last.0,
        "volume": fixed(listed.size(candle.quantity)).to_string(),
        "quoteVolume": money(candle.quote).to_string(),
        "openTime": floor.shown(candle.start), "closeTime": floor.shown(candle.end) - 1,
        "firstId": candle.trades.0, "lastId": candle.trades.1, "count": candle.count,
    });
    if !is_short {
        let (bid, ask) = (best(floor, id, Side::Buy), best(floor, id, Side::Sell));
        for (name, value) in [
            ("priceChange", &day.change),
            ("priceChangePercent", &day.percent),
            ("weightedAvgPrice", &day.weighted),
            ("prevClosePrice", &price(candle.open)),
            ("lastQty", &day.last.1),
            ("bidPrice", &bid.0),
            ("bidQty", &bid.1),
            ("askPrice", &ask.0),
            ("askQty", &ask.1),
        ] {
            row[name] = json!(value);
        }
    }
    row
}

/// A change of a book as the wire has it.
pub(crate) fn update<'a>(
    symbol: &'a str,
    at: i64,
    range: (i64, i64),
    levels: &'a [Level],
) -> BookUpdate<'a> {
    BookUpdate {
        symbol,
        ts_event: at,
        seq_first: Some(range.0),
        seq: Some(range.1),
        levels,
        ..BookUpdate::default()
    }
}
