use rustonite_core::datasets::{
    Aggressor, BarKind, BarPrice, BarSource, BookSide, VolumeWindow, draft, flags,
};

use super::{CoinbaseAdvanced, Scope};
use crate::coinbase::against;
use crate::common::{last, quote, word};
use crate::error::Result;
use crate::event::{BookUpdate, Floats, Level, Sink};
use crate::json::Json;
use crate::time::parse_iso;

pub(super) const VENUE: &str = "coinbase-advanced";
/// All candles of the stream are this long.
const CANDLE_NS: i64 = 300_000_000_000;

impl CoinbaseAdvanced {
    /// A picture or a change of a book, which may be empty.
    pub(super) fn book(
        &mut self,
        json: &mut Json<'_>,
        scope: Scope<'_>,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let (mut symbol, mut is_snapshot, mut time) = (None, None, None);
        self.levels.clear();
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"product_id" => symbol = Some(json.text()?),
                b"type" => is_snapshot = Some(is_picture(json)?),
                b"updates" => time = read_updates(json, &mut self.levels)?,
                _ => json.skip()?,
            }
        }
        sink.book(&BookUpdate {
            symbol: json.need(symbol, "an event of a book with `product_id`")?,
            // Empty messages have no time of their own, and pictures may say 1970.
            ts_event: time.filter(|time| *time > 0).unwrap_or(scope.sent),
            ts_recv: scope.ts_recv,
            is_snapshot: json.need(is_snapshot, "an event of a book with `type`")?,
            seq: Some(scope.seq),
            levels: &self.levels,
            ..BookUpdate::default()
        });
        Ok(())
    }
}

/// Whether an event is a picture; otherwise it is a change.
fn is_picture(json: &mut Json<'_>) -> Result<bool> {
    let start = *json;
    match json.raw_text()? {
        b"snapshot" => Ok(true),
        b"update" => Ok(false),
        _ => Err(start.expected("a type of snapshot or update")),
    }
}

/// Levels, and the latest of their times.
fn read_updates(json: &mut Json<'_>, levels: &mut Vec<Level>) -> Result<Option<i64>> {
    let (mut latest, mut read) = (None, &b""[..]);
    json.array()?;
    while json.item()? {
        let (mut side, mut price, mut size) = (None, None, None);
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"side" => side = Some(book_side(json)?),
                b"price_level" => price = Some(json.decimal()?),
                b"new_quantity" => size = Some(json.decimal()?),
                b"event_time" => {
                    let start = *json;
                    let text = json.raw_text()?;
                    // Nearly always all levels of a message have the same time.
                    if text != read {
                        read = text;
                        let time = start.need(parse_iso(text), "a time of ISO 8601")?;
                        latest = latest.max(Some(time));
                    }
                }
                _ => json.skip()?,
            }
        }
        levels.push(Level {
            side: json.need(side, "a level with `side`")?,
            price: json.need(price, "a level with `price_level`")?,
            size: json.need(size, "a level with `new_quantity`")?,
            count: None,
        });
    }
    Ok(latest)
}

fn book_side(json: &mut Json<'_>) -> Result<BookSide> {
    word(json, &[(b"bid", BookSide::Bid), (b"offer", BookSide::Ask)], "a side of bid or offer")
}

/// Trades; a picture repeats history.
pub(super) fn trades(json: &mut Json<'_>, scope: Scope<'_>, sink: &mut dyn Sink) -> Result<()> {
    each_row(json, b"trades", &mut |json, picture| {
        trade(json, scope.ts_recv, if picture { flags::STALE } else { 0 }, sink)
    })
}

fn trade(json: &mut Json<'_>, ts_recv: i64, stale: i32, sink: &mut dyn Sink) -> Result<()> {
    let (mut symbol, mut time, mut id) = (None, None, None);
    let (mut side, mut price, mut size) = (None, None, None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"product_id" => symbol = Some(json.text()?),
            b"trade_id" => id = Some(json.text()?),
            b"time" => time = Some(json.time_text()?),
            b"side" => side = Some(aggressor(json)?),
            b"price" => price = Some(json.decimal()?),
            b"size" => size = Some(json.decimal()?),
            _ => json.skip()?,
        }
    }
    let mut floats = Floats::new(stale | last(json));
    let id = json.need(id, "a trade with `trade_id`")?;
    // Ids of spot are numbers; those of other exchanges behind this venue need not be.
    let number = id.parse::<i64>().ok();
    let row = draft::Trades {
        ts_event: json.need(time, "a trade with `time`")?,
        ts_recv,
        venue: VENUE,
        symbol: json.need(symbol, "a trade with `product_id`")?,
        price: floats.of(json.need(price, "a trade with `price`")?),
        size: floats.of(json.need(size, "a trade with `size`")?),
        side: json.need(side, "a trade with `side`")?,
        trade_id: number,
        trade_uid: number.is_none().then_some(id),
        ..draft::Trades::default()
    };
    sink.trade(&draft::Trades { flags: floats.flags, ..row });
    Ok(())
}

/// The taker's side, from the maker's.
fn aggressor(json: &mut Json<'_>) -> Result<Aggressor> {
    let start = *json;
    match json.raw_text()? {
        b"BUY" => Ok(against(BookSide::Bid)),
        b"SELL" => Ok(against(BookSide::Ask)),
        b"" | b"UNKNOWN_ORDER_SIDE" => Ok(Aggressor::Unknown),
        _ => Err(start.expected("a side of BUY or SELL")),
    }
}

/// Goes through the rows of an event, and says with each whether the event is a picture.
fn each_row<'a>(
    json: &mut Json<'a>,
    name: &[u8],
    each: &mut dyn FnMut(&mut Json<'a>, bool) -> Result<()>,
) -> Result<()> {
    let kind = json.lookup(b"type")?;
    let picture = is_picture(&mut json.need(kind, "an event with `type`")?)?;
    let mut is_read = false;
    json.object()?;
    while let Some(key) = json.key()? {
        if key != name {
            json.skip()?;
            continue;
        }
        is_read = true;
        json.array()?;
        while json.item()? {
            each(json, picture)?;
        }
    }
    json.need(is_read.then_some(()), "an event with the rows of its channel")
}

pub(super) fn tickers(json: &mut Json<'_>, scope: Scope<'_>, sink: &mut dyn Sink) -> Result<()> {
    each_row(json, b"tickers", &mut |json, picture| {
        ticker(json, scope, if picture { flags::SNAPSHOT } else { 0 }, sink)
    })
}

fn ticker(json: &mut Json<'_>, scope: Scope<'_>, picture: i32, sink: &mut dyn Sink) -> Result<()> {
    let (mut symbol, mut best) = (None, [None; 4]);
    let mut floats = Floats::new(picture);
    let mut row = draft::Tickers {
        ts_event: scope.sent,
        ts_recv: scope.ts_recv,
        venue: VENUE,
        volume_window: Some(VolumeWindow::Rolling24h),
        ..draft::Tickers::default()
    };
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"product_id" => symbol = Some(json.text()?),
            b"price" => row.last_price = floats.of_some(json.decimal_or_null()?),
            b"volume_24_h" => row.volume = floats.of_some(json.decimal_or_null()?),
            b"low_24_h" => row.low_price = floats.of_some(json.decimal_or_null()?),
            b"high_24_h" => row.high_price = floats.of_some(json.decimal_or_null()?),
            b"best_bid" => best[0] = json.decimal_or_null()?,
            b"best_bid_quantity" => best[1] = json.decimal_or_null()?,
            b"best_ask" => best[2] = json.decimal_or_null()?,
            b"best_ask_quantity" => best[3] = json.decimal_or_null()?,
            _ => json.skip()?,
        }
    }
    let last = last(json);
    row.symbol = json.need(symbol, "a ticker with `product_id`")?;
    row.flags = floats.flags | last;
    sink.ticker(&row);
    // The batched tickers have no quotes.
    if best[1].is_some() && best[3].is_some() {
        let quote = quote(&row, best, picture | last);
        sink.quote(&draft::Quotes { seq: Some(scope.seq), ..quote });
    }
    Ok(())
}

/// Candles of five minutes; a picture repeats those of the past hours.
pub(super) fn candles(json: &mut Json<'_>, scope: Scope<'_>, sink: &mut dyn Sink) -> Result<()> {
    each_row(json, b"candles", &mut |json, picture| {
        candle(json, scope, if picture { flags::STALE } else { 0 }, sink)
    })
}

fn candle(json: &mut Json<'_>, scope: Scope<'_>, stale: i32, sink: &mut dyn Sink) -> Result<()> {
    let (mut symbol, mut start, mut prices) = (None, None, [None; 4]);
    let mut floats = Floats::new(stale);
    let mut row = draft::Bars {
        ts_event: scope.sent,
        ts_recv: scope.ts_recv,
        venue: VENUE,
        interval: "5m",
        kind: BarKind::Time,
        price_source: BarPrice::Trade,
        source: BarSource::Venue,
        ..draft::Bars::default()
    };
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"product_id" => symbol = Some(json.text()?),
            b"start" => start = Some(json.time_s()?),
            b"open" => prices[0] = Some(floats.of(json.decimal()?)),
            b"high" => prices[1] = Some(floats.of(json.decimal()?)),
            b"low" => prices[2] = Some(floats.of(json.decimal()?)),
            b"close" => prices[3] = Some(floats.of(json.decimal()?)),
            b"volume" => row.volume = floats.of_some(json.decimal_or_null()?),
            _ => json.skip()?,
        }
    }
    let [Some(open), Some(high), Some(low), Some(close)] = prices else {
        return Err(json.expected("a candle with `open`, `high`, `low` and `close`"));
    };
    (row.open, row.high, row.low, row.close) = (open, high, low, close);
    row.symbol = json.need(symbol, "a candle with `product_id`")?;
    row.ts_open = json.need(start, "a candle with `start`")?;
    let end = row.ts_open.checked_add(CANDLE_NS);
    row.ts_close = json.need(end, "a candle that ends before 2262")?;
    row.is_final = i8::from(row.ts_close <= scope.sent);
    row.flags = floats.flags | last(json);
    sink.bar(&row);
    Ok(())
}
