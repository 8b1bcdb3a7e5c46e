//! The market as anybody may ask for it.

use rustonite_core::datasets::BookSide;
use rustonite_sim::{Amount, InstrumentId, Side};
use rustonite_wire::{BookUpdate, Level};
use serde_json::{Value, json};

use super::calls::{Answer, Call};
use super::orders::instrument;
use super::refusal::Refusal;
use super::words;
use crate::candles::{Candle, Interval, Print};
use crate::figures::{money, ratio};
use crate::floor::{Floor, Listed};
use crate::market::Aggregate;

const ROWS_USUAL: usize = 500;
const ROWS_MAX: usize = 1_000;

#[allow(clippy::unnecessary_wraps)] // All calls have one form.
pub(crate) fn ping<S>(_: &mut Call<'_, S>) -> Answer {
    Ok(json!({}))
}

#[allow(clippy::unnecessary_wraps)] // All calls have one form.
pub(crate) fn time<S>(call: &mut Call<'_, S>) -> Answer {
    Ok(json!({"serverTime": call.hall.floor.shown_ms()}))
}

/// Instruments that a call names: one, some, or all.
pub(crate) fn named<S>(call: &Call<'_, S>) -> Result<(Vec<InstrumentId>, bool), Refusal> {
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
pub(crate) fn rows<S>(
    call: &mut Call<'_, S>,
    row: impl Fn(&mut Floor, InstrumentId) -> Value,
) -> Answer {
    let (ids, alone) = named(call)?;
    let mut rows: Vec<_> = ids.into_iter().map(|id| row(&mut call.hall.floor, id)).collect();
    Ok(if alone { rows.pop().unwrap_or_default() } else { Value::Array(rows) })
}

/// Pairs of price and quantity of the best levels of a side.
pub(crate) fn side_pairs(
    floor: &Floor,
    id: InstrumentId,
    side: Side,
    limit: usize,
) -> Vec<[String; 2]> {
    let listed = floor.listed(id);
    let pair = |(price, lots)| [words::price_text(listed, price), words::size_text(listed, lots)];
    floor.exchange.levels(id, side).take(limit).map(pair).collect()
}

/// A level as the wire has it.
pub(crate) fn level(listed: &Listed, side: BookSide, price: i64, lots: i64) -> Level {
    let (price, size) = (words::price(listed, price), words::size(listed, lots));
    Level { side, price, size, count: None }
}

/// The newest trades, or the first ones from a number on.
pub(crate) fn trades<S>(
    call: &mut Call<'_, S>,
    row: impl Fn(&Floor, InstrumentId, &Print) -> Value,
) -> Answer {
    let first = call.params.integer("fromId")?;
    let id = instrument(&call.hall.floor, call.params)?;
    let limit = call.params.limit(ROWS_USUAL, ROWS_MAX)?;
    let floor = &call.hall.floor;
    let prints = &floor.markets[id as usize].prints;
    let row = |print: &Print| row(floor, id, print);
    let Some(first) = first else {
        return Ok(prints.iter().skip(prints.len().saturating_sub(limit)).map(row).collect());
    };
    let from = prints.iter().filter(|print| print.trade.cast_signed() >= first);
    Ok(from.take(limit).map(row).collect())
}

/// A trade as all markets tell it.
pub(crate) fn print_row(floor: &Floor, id: InstrumentId, print: &Print) -> Value {
    let listed = floor.listed(id);
    json!({
        "id": print.trade,
        "price": words::price_text(listed, print.price),
        "qty": words::size_text(listed, print.quantity),
        "quoteQty": money(print.quote).to_string(),
        "time": floor.shown(print.at),
        "isBuyerMaker": print.buyer_is_maker,
    })
}

/// Trades of one order at one price.
pub(crate) fn agg_trades<S>(
    call: &mut Call<'_, S>,
    row: impl Fn(&Floor, InstrumentId, &Aggregate) -> Value,
) -> Answer {
    let id = instrument(&call.hall.floor, call.params)?;
    let limit = call.params.limit(ROWS_USUAL, ROWS_MAX)?;
    let first = call.params.integer("fromId")?;
    let since = call.params.integer("startTime")?;
    let until = call.params.integer("endTime")?.unwrap_or(i64::MAX);
    let floor = &call.hall.floor;
    let fits = |one: &&Aggregate| {
        let at = floor.shown(one.at);
        first.is_none_or(|first| one.id.cast_signed() >= first)
            && since.is_none_or(|since| at >= since)
            && at <= until
    };
    let found: Vec<_> = floor.markets[id as usize].aggregates.iter().filter(fits).collect();
    let from_start = first.is_some() || since.is_some();
    let skipped = if from_start { 0 } else { found.len().saturating_sub(limit) };
    Ok(found.iter().skip(skipped).take(limit).map(|one| row(floor, id, one)).collect())
}

/// The same as all markets tell it.
pub(crate) fn aggregate_row(floor: &Floor, id: InstrumentId, one: &Aggregate) -> Value {
    let listed = floor.listed(id);
    json!({
        "a": one.id, "p": words::price_text(listed, one.price),
        "q": words::size_text(listed, one.quantity),
        "f": one.first, "l": one.last, "T": floor.shown(one.at), "m": one.buyer_is_maker,
    })
}

/// Candles, so many at most.
pub(crate) fn klines<S, const MOST: usize>(call: &mut Call<'_, S>) -> Answer {
    let id = instrument(&call.hall.floor, call.params)?;
    klines_of(call, id, MOST, |call, interval, now| {
        call.hall.floor.market(id).candles.of(interval, now).iter().copied().collect()
    })
}

/// Rows of candles that `candles` has of an interval up to now.
pub(crate) fn klines_of<S>(
    call: &mut Call<'_, S>,
    id: InstrumentId,
    most: usize,
    candles: impl FnOnce(&mut Call<'_, S>, Interval, i64) -> Vec<Candle>,
) -> Answer {
    let limit = call.params.limit(ROWS_USUAL, most)?;
    if !matches!(call.params.get("timeZone"), None | Some("0" | "+0" | "00:00" | "+00:00")) {
        return Err(Refusal::new(-1130, "Data sent for parameter 'timeZone' is not valid."));
    }
    let interval = Interval::named(call.params.need("interval")?)
        .ok_or_else(|| Refusal::new(-1120, "Invalid interval."))?;
    let since = call.params.integer("startTime")?;
    let until = call.params.integer("endTime")?.unwrap_or(i64::MAX);
    let now = call.hall.floor.now();
    let candles = candles(call, interval, now);
    let floor = &call.hall.floor;
    let fits = |candle: &&Candle| {
        let start = floor.shown(candle.start);
        since.is_none_or(|since| start >= since) && start <= until
    };
    let found: Vec<_> = candles.iter().filter(fits).collect();
    let skipped = if since.is_some() { 0 } else { found.len().saturating_sub(limit) };
    let row = |candle: &&Candle| candle_row(floor, id, candle);
    Ok(found.iter().skip(skipped).take(limit).map(row).collect())
}

fn candle_row(floor: &Floor, id: InstrumentId, candle: &Candle) -> Value {
    let listed = floor.listed(id);
    let price = |ticks| words::price_text(listed, ticks);
    json!([
        floor.shown(candle.start),
        price(candle.open),
        price(candle.high),
        price(candle.low),
        price(candle.close),
        words::size_text(listed, candle.quantity),
        floor.shown(candle.end) - 1,
        money(candle.quote).to_string(),
        candle.count,
        words::size_text(listed, candle.taker_bought),
        money(candle.taker_bought_quote).to_string(),
        "0",
    ])
}

/// Price and quantity of the best of a side; zeros if nobody is there.
pub(crate) fn best(floor: &Floor, id: InstrumentId, side: Side) -> (String, String) {
    let listed = floor.listed(id);
    let (price, lots) = floor.exchange.levels(id, side).next().unwrap_or((0, 0));
    (words::price_text(listed, price), words::size_text(listed, lots))
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

/// Of the last 24 hours.
pub(crate) fn day(floor: &mut Floor, id: InstrumentId) -> Option<Day> {
    let now = floor.now();
    let candle = floor.market(id).candles.day(now)?;
    statistics(floor, id, candle)
}

/// What a candle says, and the last trade.
pub(crate) fn statistics(floor: &Floor, id: InstrumentId, candle: Candle) -> Option<Day> {
    let last = floor.markets[id as usize].prints.back().copied()?;
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
        last: (words::price_text(listed, last.price), words::size_text(listed, last.quantity)),
    })
}

/// A change of a book as the wire has it. Its numbers: the one before, its first and its last.
pub(crate) fn update<'a>(
    symbol: &'a str,
    at: i64,
    [before, first, last]: [i64; 3],
    levels: &'a [Level],
) -> BookUpdate<'a> {
    BookUpdate {
        symbol,
        ts_event: at,
        seq_prev: Some(before),
        seq_first: Some(first),
        seq: Some(last),
        levels,
        ..BookUpdate::default()
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
    let price = |ticks| words::price_text(listed, ticks);
    let number = |trade: u64| if trade == 0 { -1 } else { trade.cast_signed() };
    let symbol = &listed.listing.symbol;
    json!({
        "e": "kline", "E": floor.shown(now), "s": symbol,
        "k": {
            "t": floor.shown(candle.start), "T": floor.shown(candle.end) - 1, "s": symbol,
            "i": interval.name(), "f": number(candle.trades.0), "L": number(candle.trades.1),
            "o": price(candle.open), "c": price(candle.close), "h": price(candle.high),
            "l": price(candle.low), "v": words::size_text(listed, candle.quantity),
            "n": candle.count, "x": candle.end <= now, "q": money(candle.quote).to_string(),
            "V": words::size_text(listed, candle.taker_bought),
            "Q": money(candle.taker_bought_quote).to_string(), "B": "0",
        },
    })
}

/// Statistics of a day as all markets tell them.
pub(crate) fn ticker(floor: &mut Floor, id: InstrumentId) -> Option<Value> {
    let Day { candle, change, percent, weighted, last } = day(floor, id)?;
    let now = floor.shown_ms();
    let listed = floor.listed(id);
    let price = |ticks| words::price_text(listed, ticks);
    Some(json!({
        "e": "24hrTicker", "E": now, "s": listed.listing.symbol, "p": change, "P": percent,
        "w": weighted, "c": last.0, "Q": last.1, "o": price(candle.open), "h": price(candle.high),
        "l": price(candle.low), "v": words::size_text(listed, candle.quantity),
        "q": money(candle.quote).to_string(), "O": floor.shown(candle.start), "C": now,
        "F": candle.trades.0, "L": candle.trades.1, "n": candle.count,
    }))
}

/// The same in short.
pub(crate) fn mini_ticker(floor: &mut Floor, id: InstrumentId) -> Option<Value> {
    let Day { candle, last, .. } = day(floor, id)?;
    let now = floor.shown_ms();
    let listed = floor.listed(id);
    let price = |ticks| words::price_text(listed, ticks);
    Some(json!({
        "e": "24hrMiniTicker", "E": now, "s": listed.listing.symbol, "c": last.0,
        "o": price(candle.open), "h": price(candle.high), "l": price(candle.low),
        "v": words::size_text(listed, candle.quantity), "q": money(candle.quote).to_string(),
    }))
}
