//! What anybody may ask about the market.

use rustonite_core::Decimal;
use rustonite_sim::{Amount, InstrumentId, Side};
use serde_json::{Value, json};

use super::clockwork::{FUNDING_EVERY_MS, index_price, mark_price, next_funding_of};
use super::ledger::Funding;
use super::place::kinds;
use super::positions::margin_assets;
use super::stream_text::number;
use super::{Call, State};
use crate::binance::shared;
use crate::binance::shared::calls::Answer;
use crate::binance::shared::market::{self, day, named, rows, side_pairs};
use crate::binance::shared::orders::instrument;
use crate::binance::shared::params::Params;
use crate::binance::shared::refusal::Refusal;
use crate::binance::shared::words::{price_text, size_text};
use crate::figures::money;
use crate::floor::{Floor, Listed};

const DEPTH_USUAL: usize = 500;
const KLINES_USUAL: usize = 500;
pub(crate) const KLINES_MAX: usize = 1_500;
/// How many levels a picture may have, and what that weighs.
const DEPTHS: [(usize, u32); 7] =
    [(5, 2), (10, 2), (20, 2), (50, 2), (100, 5), (500, 10), (1_000, 20)];
/// Perpetuals have this date of delivery, in the year 2100.
const NEVER_MS: i64 = 4_133_404_800_000;
const LISTED_MS: i64 = 1_569_398_400_000;
const FUNDINGS_USUAL: usize = 100;
const FUNDINGS_MAX: usize = 1_000;
/// Rates of funding stay within this, as the venue says; whoever runs the exchange may set others.
const FUNDING_MAX_PPM: i64 = 20_000;
const HOUR_MS: i64 = 60 * 60 * 1_000;
/// How far last and mark price may be apart for orders with `priceProtect`, as the rules tell it,
const TRIGGER_PROTECT: &str = "0.0500";
/// and in millionths.
pub(crate) const TRIGGER_PROTECT_PPM: i64 = 50_000;
/// The part of the funding rate that is always paid.
const INTEREST_PPM: i64 = 100;

pub(crate) fn exchange_info(call: &mut Call<'_>) -> Answer {
    let (ids, _) = named(call)?;
    let now = call.hall.floor.shown_ms();
    let allowed = call.hall.limits.allowed;
    let floor = &call.hall.floor;
    let limit = |sort: &str, interval: &str, count: u32, limit: u32| json!({"rateLimitType": sort, "interval": interval, "intervalNum": count, "limit": limit});
    let asset = |id| json!({"asset": floor.asset_name(id), "marginAvailable": true, "autoAssetExchange": "-10000"});
    Ok(json!({
        "timezone": "UTC", "serverTime": now, "futuresType": "U_MARGINED",
        "rateLimits": [
            limit("REQUEST_WEIGHT", "MINUTE", 1, allowed.weight_1m),
            limit("ORDERS", "MINUTE", 1, allowed.orders_1m),
            limit("ORDERS", "SECOND", 10, allowed.orders_10s),
        ],
        "exchangeFilters": [],
        "assets": margin_assets(floor).into_iter().map(asset).collect::<Vec<_>>(),
        "symbols": ids.iter().map(|id| symbol(floor, *id)).collect::<Vec<_>>(),
    }))
}

fn decimals(step: Decimal) -> i32 {
    -step.exponent().min(0)
}

/// An instrument as the stream of changes of contracts tells it.
pub(crate) fn contract(floor: &Floor, id: InstrumentId, shown_ms: i64) -> Value {
    let symbol = &floor.listed(id).listing.symbol;
    json!({
        "e": "contractInfo", "E": shown_ms, "s": symbol, "ps": symbol, "ct": "PERPETUAL",
        "dt": NEVER_MS, "ot": LISTED_MS, "cs": status(floor, id),
    })
}

fn status(floor: &Floor, id: InstrumentId) -> &'static str {
    if floor.markets[id as usize].is_halted { "HALT" } else { "TRADING" }
}

fn symbol(floor: &Floor, id: InstrumentId) -> Value {
    let listed = floor.listed(id);
    let listing = &listed.listing;
    let tiers = listing.perpetual.as_ref().map(|perpetual| perpetual.tiers.as_slice());
    let maintenance = tiers.and_then(|tiers| tiers.first()).map_or(0, |one| one.maintenance_ppm);
    json!({
        "symbol": listing.symbol, "pair": listing.symbol, "contractType": "PERPETUAL",
        "deliveryDate": NEVER_MS, "onboardDate": LISTED_MS,
        "status": status(floor, id),
        "maintMarginPercent": percent(i64::from(maintenance)), "requiredMarginPercent": "5.0000",
        "baseAsset": listing.base, "quoteAsset": listing.quote, "marginAsset": listing.quote,
        "pricePrecision": decimals(listing.tick), "quantityPrecision": decimals(listing.lot),
        "baseAssetPrecision": 8, "quotePrecision": 8, "underlyingType": "COIN",
        "underlyingSubType": [], "triggerProtect": TRIGGER_PROTECT, "liquidationFee": "0.000000",
        "marketTakeBound": "0.05", "maxMoveOrderLimit": 10_000, "filters": filters(listed),
        "orderTypes": kinds().collect::<Vec<_>>(),
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
        "permissionSets": ["GRID", "COPY"],
    })
}

fn percent(ppm: i64) -> String {
    Amount(i128::from(ppm) * 10_i128.pow(14)).to_string()
}

fn factor(ppm: i64) -> String {
    Decimal::new(i128::from(ppm / 100), -4).unwrap_or(Decimal::ZERO).to_string()
}

fn filters(listed: &Listed) -> Value {
    let listing = &listed.listing;
    let text = |value: Decimal| value.to_string();
    let lot = |kind: &str, most: Decimal| {
        json!({
            "filterType": kind, "minQty": text(listing.quantity.0), "maxQty": text(most),
            "stepSize": text(listing.lot),
        })
    };
    let mut filters = vec![
        json!({
            "filterType": "PRICE_FILTER", "minPrice": text(listing.price.0),
            "maxPrice": text(listing.price.1), "tickSize": text(listing.tick),
        }),
        lot("LOT_SIZE", listing.quantity.1),
        lot("MARKET_LOT_SIZE", listing.market_quantity_max),
        json!({"filterType": "MAX_NUM_ORDERS", "limit": listing.orders_max}),
        json!({"filterType": "MAX_NUM_ALGO_ORDERS", "limit": listing.triggers_max}),
        json!({"filterType": "MIN_NOTIONAL", "notional": text(listing.notional_min)}),
    ];
    if let Some((down, up)) = listing.band_ppm {
        filters.push(json!({
            "filterType": "PERCENT_PRICE", "multiplierUp": factor(up),
            "multiplierDown": factor(down), "multiplierDecimal": "4",
        }));
    }
    Value::Array(filters)
}

fn levels(params: &Params) -> Result<(usize, u32), Refusal> {
    let limit = params.integer("limit")?.map_or(Ok(DEPTH_USUAL), usize::try_from);
    let fits = |limit: &usize| DEPTHS.into_iter().find(|(levels, _)| levels == limit);
    let wrong = || Refusal::new(-4021, "Invalid depth limit.");
    limit.ok().as_ref().and_then(fits).ok_or_else(wrong)
}

/// What a picture of so many levels weighs.
pub(crate) fn depth_weight(params: &Params) -> u32 {
    levels(params).map_or(2, |(_, weight)| weight)
}

/// What candles weigh: by how many.
pub(crate) fn klines_weight(params: &Params) -> u32 {
    match params.limit(KLINES_USUAL, KLINES_MAX).unwrap_or(KLINES_USUAL) {
        ..=99 => 1,
        100..=499 => 2,
        500..=1_000 => 5,
        _ => 10,
    }
}

pub(crate) fn depth(call: &mut Call<'_>) -> Answer {
    let id = instrument(&call.hall.floor, call.params)?;
    let (limit, _) = levels(call.params)?;
    let now = call.hall.floor.shown_ms();
    let floor = &call.hall.floor;
    Ok(json!({
        "lastUpdateId": number(floor.markets[id as usize].update), "E": now, "T": now,
        "bids": side_pairs(floor, id, Side::Buy, limit),
        "asks": side_pairs(floor, id, Side::Sell, limit),
    }))
}

pub(crate) fn trades(call: &mut Call<'_>) -> Answer {
    market::trades(call, market::print_row)
}

pub(crate) fn agg_trades(call: &mut Call<'_>) -> Answer {
    market::agg_trades(call, market::aggregate_row)
}

pub(crate) fn ticker_price(call: &mut Call<'_>) -> Answer {
    let now = call.hall.floor.shown_ms();
    rows(call, |floor, id| {
        let listed = floor.listed(id);
        let price = floor.exchange.last_price(id).unwrap_or(0);
        json!({"symbol": listed.listing.symbol, "price": price_text(listed, price), "time": now})
    })
}

pub(crate) fn ticker_book(call: &mut Call<'_>) -> Answer {
    let now = call.hall.floor.shown_ms();
    rows(call, |floor, id| {
        let (bid, ask) = (market::best(floor, id, Side::Buy), market::best(floor, id, Side::Sell));
        json!({
            "symbol": floor.listed(id).listing.symbol, "bidPrice": bid.0, "bidQty": bid.1,
            "askPrice": ask.0, "askQty": ask.1, "time": now,
            "lastUpdateId": number(floor.markets[id as usize].update),
        })
    })
}

pub(crate) fn ticker_day(call: &mut Call<'_>) -> Answer {
    rows(call, |floor, id| {
        let day = day(floor, id);
        let listed = floor.listed(id);
        let Some(day) = day else {
            return json!({"symbol": listed.listing.symbol, "lastPrice": "0", "volume": "0", "quoteVolume": "0", "count": 0});
        };
        let price = |ticks| price_text(listed, ticks);
        let candle = &day.candle;
        json!({
            "symbol": listed.listing.symbol, "priceChange": day.change,
            "priceChangePercent": day.percent, "weightedAvgPrice": day.weighted,
            "lastPrice": day.last.0, "lastQty": day.last.1, "openPrice": price(candle.open),
            "highPrice": price(candle.high), "lowPrice": price(candle.low),
            "volume": size_text(listed, candle.quantity),
            "quoteVolume": money(candle.quote).to_string(),
            "openTime": floor.shown(candle.start), "closeTime": floor.shown(candle.end) - 1,
            "firstId": candle.trades.0, "lastId": candle.trades.1, "count": candle.count,
        })
    })
}

/// A rate as the venue writes it.
pub(crate) fn rate(ppm: i64) -> String {
    money(Amount(i128::from(ppm) * 10_i128.pow(12))).to_string()
}

/// The rate of an instrument's fundings, in millionths.
pub(crate) fn funding_ppm(floor: &Floor, id: InstrumentId) -> i64 {
    let usual = || floor.listed(id).listing.perpetual.as_ref().map(|one| one.funding_ppm);
    let recorded = floor.markets[id as usize].funding.map(|(ppm, _)| ppm);
    recorded.or_else(usual).unwrap_or(0)
}

pub(crate) fn premium_index(call: &mut Call<'_>) -> Answer {
    let now = call.hall.floor.shown_ms();
    rows(call, |floor, id| {
        let listed = floor.listed(id);
        let mark = mark_price(floor, id).unwrap_or(0);
        let index = index_price(floor, id).unwrap_or(mark);
        json!({
            "symbol": listed.listing.symbol, "markPrice": price_text(listed, mark),
            "indexPrice": price_text(listed, index),
            "estimatedSettlePrice": price_text(listed, index),
            "lastFundingRate": rate(funding_ppm(floor, id)),
            "interestRate": rate(INTEREST_PPM), "nextFundingTime": next_funding_of(floor, id, now), "time": now,
        })
    })
}

pub(crate) fn funding_rates(call: &mut Call<'_>) -> Answer {
    let limit = call.params.limit(FUNDINGS_USUAL, FUNDINGS_MAX)?;
    let wanted = call.symbol_if_sent()?;
    let in_time = call.in_time()?;
    let (floor, ledger) = (&call.hall.floor, &call.state.ledger);
    let ids = (0_u32..).zip(&floor.instruments).map(|(id, _)| id);
    let ids = ids.filter(|id| wanted.is_none_or(|one| one == *id));
    let all: Vec<(InstrumentId, Funding)> = ids
        .flat_map(|id| ledger.fundings(id).map(move |funding| (id, *funding)))
        .filter(|(_, (at, ..))| in_time(*at))
        .collect();
    let row = |(id, (at, ppm, mark)): &(InstrumentId, Funding)| {
        let listed = floor.listed(*id);
        json!({
            "symbol": listed.listing.symbol, "fundingRate": rate(*ppm), "fundingTime": at,
            "markPrice": price_text(listed, *mark),
        })
    };
    let from_start = call.params.get("startTime").is_some();
    Ok(shared::orders::page(&all, limit, from_start).iter().map(row).collect())
}

/// How often, and within which rates, positions are funded.
pub(crate) fn funding_info(call: &mut Call<'_>) -> Answer {
    let (ids, _) = named(call)?;
    let floor = &call.hall.floor;
    let row = |id| {
        json!({
            "symbol": floor.listed(id).listing.symbol,
            "adjustedFundingRateCap": rate(FUNDING_MAX_PPM),
            "adjustedFundingRateFloor": rate(-FUNDING_MAX_PPM),
            "fundingIntervalHours": FUNDING_EVERY_MS / HOUR_MS, "disclaimer": false,
        })
    };
    Ok(ids.into_iter().map(row).collect())
}

/// The instrument of a pair: each has one contract.
fn of_pair(call: &Call<'_>) -> Result<InstrumentId, Refusal> {
    let pair = call.params.need("pair")?;
    call.hall.floor.instrument(pair).ok_or_else(Refusal::unknown_symbol)
}

pub(crate) fn continuous_klines(call: &mut Call<'_>) -> Answer {
    let id = of_pair(call)?;
    match call.params.need("contractType")? {
        "PERPETUAL" => {}
        // Contracts that expire are not listed.
        "CURRENT_QUARTER" | "NEXT_QUARTER" => return Ok(json!([])),
        _ => return Err(Refusal::invalid("contractType")),
    }
    market::klines_of(call, id, KLINES_MAX, |call, interval, now| {
        call.hall.floor.market(id).candles.of(interval, now).iter().copied().collect()
    })
}

pub(crate) fn mark_klines(call: &mut Call<'_>) -> Answer {
    let id = instrument(&call.hall.floor, call.params)?;
    market::klines_of(call, id, KLINES_MAX, |call, interval, now| {
        call.state.clockwork.marks(id).of(interval, now).iter().copied().collect()
    })
}

pub(crate) fn index_klines(call: &mut Call<'_>) -> Answer {
    let id = of_pair(call)?;
    market::klines_of(call, id, KLINES_MAX, |call, interval, now| {
        call.state.clockwork.indices(id).of(interval, now).iter().copied().collect()
    })
}

pub(crate) fn open_interest(call: &mut Call<'_>) -> Answer {
    let id = instrument(&call.hall.floor, call.params)?;
    let now = call.hall.floor.shown_ms();
    let listed = call.hall.floor.listed(id);
    let lots = call.hall.floor.exchange.open_interest(id);
    Ok(json!({
        "openInterest": size_text(listed, lots), "symbol": listed.listing.symbol, "time": now,
    }))
}

pub(crate) fn ping(call: &mut Call<'_>) -> Answer {
    market::ping(call)
}

pub(crate) fn time(call: &mut Call<'_>) -> Answer {
    market::time::<State>(call)
}
