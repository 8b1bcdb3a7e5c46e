//! What anybody may ask about the market.

use rustonite_sim::{Amount, InstrumentId, Side};
use serde_json::{Value, json};

use super::shared::calls::{Answer, Call};
use super::shared::market::{self, Day, best, day, named, rows, statistics};
use super::shared::orders::instrument;
use super::shared::params::Params;
use super::shared::refusal::Refusal;
use super::shared::words;
use crate::candles::Interval;
use crate::figures::{fixed, money, ratio};
use crate::floor::{Floor, Listed};
use crate::listing::Listing;

const DEPTH_USUAL: usize = 100;
const DEPTH_MAX: usize = 5_000;
const MINUTE: i64 = 60_000_000_000;
const DAY: i64 = 24 * 60 * MINUTE;
/// Minutes of an average price.
const AVERAGE_MINUTES: usize = 5;
/// Minutes of the price that filters look at: none, which is the last price.
const LAST_PRICE: usize = 0;

pub(crate) fn exchange_info(call: &mut Call<'_>) -> Answer {
    let (ids, _) = named(call)?;
    let now = call.hall.floor.shown_ms();
    let allowed = call.hall.limits.allowed;
    let floor = &call.hall.floor;
    let (status, sets) = (call.params.get("symbolStatus"), call.params.get("permissions"));
    if !matches!(status, None | Some("TRADING" | "HALT" | "BREAK")) {
        return Err(Refusal::new(-1122, "Invalid symbolStatus."));
    }
    let shows_sets = call.params.get("showPermissionSets") != Some("false");
    let symbols = ids.iter().map(|id| symbol(floor, *id, shows_sets)).filter(|symbol| {
        status.is_none_or(|status| symbol["status"] == status)
            && sets.is_none_or(|sets| sets.contains("SPOT"))
    });
    let symbols: Vec<_> = symbols.collect();
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

fn symbol(floor: &Floor, id: InstrumentId, shows_sets: bool) -> Value {
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
        "icebergAllowed": true, "ocoAllowed": true, "otoAllowed": true,
        "quoteOrderQtyMarketAllowed": true, "allowTrailingStop": true,
        "cancelReplaceAllowed": true, "amendAllowed": true, "pegInstructionsAllowed": false,
        "isSpotTradingAllowed": true, "isMarginTradingAllowed": false,
        "filters": filters(listed),
        "permissions": [], "permissionSets": if shows_sets { json!([["SPOT"]]) } else { json!([]) },
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
        json!({
            "filterType": "MARKET_LOT_SIZE", "minQty": text(listing.quantity.0),
            "maxQty": text(listing.market_quantity_max), "stepSize": text(listing.lot),
        }),
        json!({
            "filterType": "TRAILING_DELTA", "minTrailingAboveDelta": 10,
            "maxTrailingAboveDelta": 2000, "minTrailingBelowDelta": 10,
            "maxTrailingBelowDelta": 2000,
        }),
        notional(listing),
        json!({"filterType": "MAX_NUM_ORDERS", "maxNumOrders": listing.orders_max}),
        json!({"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": listing.triggers_max}),
    ];
    if let Some(limit) = listing.iceberg_parts_max {
        filters.push(json!({"filterType": "ICEBERG_PARTS", "limit": limit}));
    }
    if let Some((down, up)) = listing.band_ppm {
        filters.insert(
            4,
            json!({
                "filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": factor(up),
                "bidMultiplierDown": factor(down), "askMultiplierUp": factor(up),
                "askMultiplierDown": factor(down), "avgPriceMins": LAST_PRICE,
            }),
        );
    }
    Value::Array(filters)
}

fn notional(listing: &Listing) -> Value {
    let mut filter = json!({
        "filterType": "NOTIONAL", "minNotional": fixed(listing.notional_min).to_string(),
        "applyMinToMarket": true, "avgPriceMins": LAST_PRICE,
    });
    if let Some(most) = listing.notional_max {
        filter["maxNotional"] = json!(fixed(most).to_string());
        filter["applyMaxToMarket"] = json!(false);
    }
    filter
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

/// What statistics of a day weigh: by symbol, and then by how many.
pub(crate) fn day_weight(params: &Params) -> u32 {
    let names = params.get("symbols").map(|names| names.split(',').count());
    match names {
        _ if params.get("symbol").is_some() => 2,
        Some(..=20) => 2,
        Some(21..=100) => 40,
        Some(_) | None => 80,
    }
}

/// What statistics of this day weigh: by symbol.
pub(crate) fn trading_day_weight(params: &Params) -> u32 {
    let names = params.get("symbols").map_or(1, |names| names.split(',').count());
    u32::try_from(4 * names.min(50)).unwrap_or(200)
}

/// Whether the venue works at all.
#[allow(clippy::unnecessary_wraps)] // All calls have one form.
pub(crate) fn system_status(_: &mut Call<'_>) -> Answer {
    Ok(json!({"status": 0, "msg": "normal"}))
}

pub(crate) fn depth(call: &mut Call<'_>) -> Answer {
    let limit = call.params.limit(DEPTH_USUAL, DEPTH_MAX)?;
    let id = instrument(&call.hall.floor, call.params)?;
    Ok(picture(&call.hall.floor, id, limit))
}

/// The best levels of a book.
pub(crate) fn picture(floor: &Floor, id: InstrumentId, limit: usize) -> Value {
    json!({
        "lastUpdateId": floor.markets[id as usize].update,
        "bids": market::side_pairs(floor, id, Side::Buy, limit),
        "asks": market::side_pairs(floor, id, Side::Sell, limit),
    })
}

pub(crate) fn trades(call: &mut Call<'_>) -> Answer {
    market::trades(call, |floor, id, print| {
        let mut row = market::print_row(floor, id, print);
        row["isBestMatch"] = json!(true);
        row
    })
}

pub(crate) fn agg_trades(call: &mut Call<'_>) -> Answer {
    market::agg_trades(call, |floor, id, one| {
        let mut row = market::aggregate_row(floor, id, one);
        row["M"] = json!(true);
        row
    })
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
        return (words::price_text(listed, close), at);
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
        json!({"symbol": listed.listing.symbol, "price": words::price_text(listed, price)})
    })
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

pub(crate) fn ticker_day(call: &mut Call<'_>) -> Answer {
    let is_short = call.params.get("type") == Some("MINI");
    rows(call, |floor, id| {
        let day = day(floor, id);
        day.map_or_else(|| empty_day(floor, id), |day| day_row(floor, id, &day, is_short))
    })
}

/// Statistics of the day so far, where the client has its midnight.
pub(crate) fn ticker_trading_day(call: &mut Call<'_>) -> Answer {
    if call.params.get("symbol").or(call.params.get("symbols")).is_none() {
        return Err(Refusal::missing("symbol"));
    }
    let ahead = zone(call.params)?;
    let is_short = call.params.get("type") == Some("MINI");
    let now = call.hall.floor.now();
    let begins = (now + ahead).div_euclid(DAY) * DAY - ahead;
    rows(call, |floor, id| {
        let candle = floor.market(id).candles.since(begins, now);
        let day = candle.and_then(|candle| statistics(floor, id, candle));
        let Some(mut day) = day else { return empty_day(floor, id) };
        (day.candle.start, day.candle.end) = (begins, begins + DAY);
        let mut row = day_row(floor, id, &day, true);
        if !is_short {
            row["priceChange"] = json!(day.change);
            row["priceChangePercent"] = json!(day.percent);
            row["weightedAvgPrice"] = json!(day.weighted);
        }
        row
    })
}

/// How far a client's clock is ahead of UTC: hours, or hours and minutes, such as `5:45` or `-3`.
fn zone(params: &Params) -> Result<i64, Refusal> {
    let text = params.get("timeZone").unwrap_or("0");
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (hours, minutes) = digits.split_once(':').unwrap_or((digits, "0"));
    let number = |text: &str| text.parse::<u8>().ok().map(i64::from);
    let minutes = number(minutes).filter(|minutes| *minutes < 60);
    let ahead = number(hours).zip(minutes).map(|(hours, minutes)| sign * (60 * hours + minutes));
    // From -12:00 to 14:00.
    let ahead = ahead.filter(|ahead| (-720..=840).contains(ahead));
    ahead.map(|ahead| ahead * MINUTE).ok_or_else(|| Refusal::illegal("timeZone"))
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
    let price = |ticks| words::price_text(listed, ticks);
    let candle = &day.candle;
    let mut row = json!({
        "symbol": listed.listing.symbol,
        "openPrice": price(candle.open), "highPrice": price(candle.high),
        "lowPrice": price(candle.low), "lastPrice": day.last.0,
        "volume": words::size_text(listed, candle.quantity),
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
