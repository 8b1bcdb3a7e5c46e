//! The old protocol: arrays that end with the names of channel and pair.

use rustonite_core::Decimal;
use rustonite_core::datasets::{Aggressor, BookSide, VolumeWindow, draft, flags};

use super::market::{Scope, bar_row, interval};
use super::{Kraken, VENUE};
use crate::codec::Frame;
use crate::common::{price_and_size, quote, rest_of_array};
use crate::error::Result;
use crate::event::{BookUpdate, Control, Floats, Level, Sink};
use crate::json::{Json, Kind};

impl Kraken {
    /// `[number of the channel, payload, perhaps another, "book-100", "XBT/USD"]`.
    pub(super) fn array(&mut self, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
        let mut json = Json::new(frame.data);
        let (mut payloads, mut channel, mut pair) = ([None, None], None, None);
        json.array()?;
        while json.item()? {
            match json.kind()? {
                Kind::Text if channel.is_none() => channel = Some(json.text()?),
                Kind::Text => pair = Some(json.text()?),
                Kind::Number => json.skip()?,
                _ => {
                    let free = payloads.iter_mut().find(|payload| payload.is_none());
                    *json.need(free, "at most two payloads")? = Some(json.later()?);
                }
            }
        }
        json.end()?;
        let channel = json.need(channel, "the name of a channel")?;
        let (name, parameter) = channel.split_once('-').unwrap_or((channel, ""));
        let [Some(mut payload), second] = payloads else {
            return Err(json.expected("a payload"));
        };
        // Private channels have a pair nowhere.
        let Some(pair) = pair else {
            sink.control(&Control::Unknown(channel));
            return Ok(());
        };
        let scope = Scope { ts_recv: frame.ts_recv, sent: None, is_snapshot: false };
        match name {
            "book" => {
                let depth = parameter.parse().ok();
                self.book_v1([Some(payload), second], pair, depth, scope, sink)
            }
            "trade" => trades(&mut payload, pair, scope, sink),
            "spread" => spread(&mut payload, pair, scope, sink),
            "ticker" => ticker(&mut payload, pair, scope, sink),
            "ohlc" => {
                let named = parameter.parse().ok().and_then(interval);
                let named = json.need(named, "an interval of Kraken behind `ohlc-`")?;
                bar(&mut payload, pair, named, scope, sink)
            }
            _ => {
                sink.control(&Control::Unknown(channel));
                Ok(())
            }
        }
    }

    /// A picture has the keys `as` and `bs`, a change `a`, `b` and the checksum `c`.
    fn book_v1(
        &mut self,
        payloads: [Option<Json<'_>>; 2],
        symbol: &str,
        depth: Option<usize>,
        scope: Scope,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let mut update = BookUpdate { symbol, depth, ..BookUpdate::default() };
        let mut newest = None;
        self.levels.clear();
        for mut json in payloads.into_iter().flatten() {
            json.object()?;
            while let Some(key) = json.key()? {
                let side = match key {
                    b"b" | b"bs" => BookSide::Bid,
                    b"a" | b"as" => BookSide::Ask,
                    b"c" => {
                        update.checksum = Some(json.integer()?);
                        continue;
                    }
                    _ => {
                        json.skip()?;
                        continue;
                    }
                };
                update.is_snapshot |= key.len() == 2;
                newest = newest.max(read_levels(&mut json, side, &mut self.levels)?);
            }
        }
        (update.ts_event, update.flags) = scope.time(newest);
        update.ts_recv = scope.ts_recv;
        update.levels = &self.levels;
        sink.book(&update);
        Ok(())
    }
}

fn trades(json: &mut Json<'_>, symbol: &str, scope: Scope, sink: &mut dyn Sink) -> Result<()> {
    json.array()?;
    while json.item()? {
        json.array()?;
        let (price, size) = price_and_size(json)?;
        json.next_item("a time")?;
        let time = json.time_s()?;
        json.next_item("a side")?;
        let side = match json.raw_text()? {
            b"b" => Aggressor::Buy,
            b"s" => Aggressor::Sell,
            _ => return Err(json.expected("a side of b or s")),
        };
        json.next_item("a kind of order")?;
        json.skip()?;
        let mut conditions = None;
        if json.item()? {
            conditions = json.filled()?;
            rest_of_array(json)?;
        }
        let mut floats = Floats::new(scope.flags(json));
        sink.trade(&draft::Trades {
            ts_event: time,
            ts_recv: scope.ts_recv,
            venue: VENUE,
            symbol,
            price: floats.of(price),
            size: floats.of(size),
            side,
            conditions,
            flags: floats.flags,
            ..draft::Trades::default()
        });
    }
    Ok(())
}

fn spread(json: &mut Json<'_>, symbol: &str, scope: Scope, sink: &mut dyn Sink) -> Result<()> {
    json.array()?;
    json.next_item("a bid")?;
    let bid = json.decimal()?;
    json.next_item("an ask")?;
    let ask = json.decimal()?;
    json.next_item("a time")?;
    let time = json.time_s()?;
    json.next_item("a size of the bid")?;
    let bid_size = json.decimal()?;
    json.next_item("a size of the ask")?;
    let ask_size = json.decimal()?;
    rest_of_array(json)?;
    let mut floats = Floats::new(flags::LAST);
    let (bid_price, bid_size) = floats.side(Some(bid), Some(bid_size));
    let (ask_price, ask_size) = floats.side(Some(ask), Some(ask_size));
    sink.quote(&draft::Quotes {
        ts_event: time,
        ts_recv: scope.ts_recv,
        venue: VENUE,
        symbol,
        bid_price,
        bid_size,
        ask_price,
        ask_size,
        flags: floats.flags,
        ..draft::Quotes::default()
    });
    Ok(())
}

/// A ticker, whose figures come as pairs of today and the last 24 hours.
fn ticker(json: &mut Json<'_>, symbol: &str, scope: Scope, sink: &mut dyn Sink) -> Result<()> {
    let mut row = draft::Tickers {
        ts_event: scope.ts_recv,
        ts_recv: scope.ts_recv,
        venue: VENUE,
        symbol,
        volume_window: Some(VolumeWindow::Rolling24h),
        ..draft::Tickers::default()
    };
    let mut floats = Floats::new(flags::LAST | flags::LOCAL_TIME);
    let mut best = [None; 4];
    json.object()?;
    while let Some(key) = json.key()? {
        if !b"abcvptlho".contains(key.first().unwrap_or(&0)) || key.len() != 1 {
            json.skip()?;
            continue;
        }
        let [first, second, third] = figures(json)?;
        match key {
            b"b" => (best[0], best[1]) = (first, third),
            b"a" => (best[2], best[3]) = (first, third),
            b"c" => {
                row.last_price = floats.of_some(first);
                row.last_size = floats.of_some(second);
            }
            b"v" => row.volume = floats.of_some(second),
            b"p" => row.average_price = floats.of_some(second),
            b"t" => row.count = second.and_then(whole),
            b"l" => row.low_price = floats.of_some(second),
            b"h" => row.high_price = floats.of_some(second),
            _ => row.open_price = floats.of_some(second),
        }
    }
    row.flags = floats.flags;
    sink.quote(&quote(&row, best, flags::LAST | flags::LOCAL_TIME));
    sink.ticker(&row);
    Ok(())
}

/// `[time, end, open, high, low, close, average, volume, trades]`.
fn bar(
    json: &mut Json<'_>,
    symbol: &str,
    (interval, length): (&'static str, i64),
    scope: Scope,
    sink: &mut dyn Sink,
) -> Result<()> {
    let mut floats = Floats::new(flags::LAST);
    json.array()?;
    json.next_item("a time")?;
    let time = json.time_s()?;
    json.next_item("the end of the candle")?;
    let end = json.time_s()?;
    let mut figures = [0.0; 6];
    for figure in &mut figures {
        json.next_item("six figures of a candle")?;
        *figure = floats.of(json.decimal()?);
    }
    json.next_item("a number of trades")?;
    let count = json.integer()?;
    rest_of_array(json)?;
    let [open, high, low, close, average, volume] = figures;
    let start = end.checked_sub(length);
    sink.bar(&draft::Bars {
        ts_event: time,
        ts_recv: scope.ts_recv,
        symbol,
        ts_open: json.need(start, "an end of a candle after 1677")?,
        ts_close: end,
        interval,
        open,
        high,
        low,
        close,
        volume: Some(volume),
        vwap: Some(average).filter(|_| count > 0),
        count: Some(count),
        is_final: i8::from(end <= time),
        flags: floats.flags,
        ..bar_row()
    });
    Ok(())
}

/// Levels as arrays of price, quantity and time; the newest time.
fn read_levels(
    json: &mut Json<'_>,
    side: BookSide,
    levels: &mut Vec<Level>,
) -> Result<Option<i64>> {
    let mut newest = None;
    json.array()?;
    while json.item()? {
        json.array()?;
        let (price, size) = price_and_size(json)?;
        json.next_item("a time")?;
        newest = newest.max(Some(json.time_s()?));
        // A level that is repeated unchanged is marked by `r`.
        rest_of_array(json)?;
        levels.push(Level { side, price, size, count: None });
    }
    Ok(newest)
}

/// Up to three numbers of an array.
fn figures(json: &mut Json<'_>) -> Result<[Option<Decimal>; 3]> {
    let mut figures = [None; 3];
    json.array()?;
    for figure in &mut figures {
        if !json.item()? {
            return Ok(figures);
        }
        *figure = Some(json.decimal()?);
    }
    rest_of_array(json)?;
    Ok(figures)
}

fn whole(value: Decimal) -> Option<i64> {
    value.to_scale(0).ok().and_then(|count| i64::try_from(count).ok())
}
