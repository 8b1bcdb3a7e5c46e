use rustonite_core::datasets::{
    Aggressor, BarKind, BarPrice, BarSource, BookSide, VolumeWindow, draft, flags,
};

use super::{Hyperliquid, VENUE};
use crate::common::{last, word};
use crate::error::Result;
use crate::event::{BookUpdate, Control, Floats, Level, Sink};
use crate::json::{Json, Kind};

/// Funding is paid every hour.
const FUNDING_HOURS: f64 = 1.0;

impl Hyperliquid {
    pub(super) fn data(
        &mut self,
        json: &mut Json<'_>,
        channel: &str,
        ts_recv: i64,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        match channel {
            "l2Book" => self.book(json, ts_recv, sink),
            "trades" => self.trades(json, ts_recv, sink),
            "bbo" => quote(json, ts_recv, sink),
            "activeAssetCtx" | "activeSpotAssetCtx" => asset(json, ts_recv, sink),
            "candle" => candles(json, ts_recv, sink),
            "allMids" => mids(json, ts_recv, sink),
            "subscriptionResponse" => self.acknowledged(json, sink),
            "error" => self.refused(json, sink),
            "pong" => {
                sink.control(&Control::Heartbeat);
                json.skip()
            }
            unknown => {
                sink.control(&Control::Unknown(unknown));
                json.skip()
            }
        }
    }

    /// The best levels of a book. There are no changes: every message is whole.
    fn book(&mut self, json: &mut Json<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<()> {
        let (mut symbol, mut time, mut has_levels) = (None, None, false);
        self.levels.clear();
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"coin" => symbol = Some(json.text()?),
                b"time" => time = Some(json.time_ms()?),
                b"levels" => {
                    read_sides(json, &mut self.levels)?;
                    has_levels = true;
                }
                _ => json.skip()?,
            }
        }
        if !has_levels {
            return Err(json.expected("a book with `levels`"));
        }
        sink.book(&BookUpdate {
            symbol: json.need(symbol, "a book with `coin`")?,
            ts_event: json.need(time, "a book with `time`")?,
            ts_recv,
            is_snapshot: true,
            levels: &self.levels,
            ..BookUpdate::default()
        });
        Ok(())
    }

    /// Trades. Those of a coin's first message happened before the subscription.
    fn trades(&mut self, json: &mut Json<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<()> {
        let mut stale = None;
        json.array()?;
        while json.item()? {
            let mut row = trade(json, ts_recv)?;
            // All trades of a message have the same coin.
            row.flags |= *stale.get_or_insert_with(|| self.stale(row.symbol));
            sink.trade(&row);
        }
        Ok(())
    }

    /// The flag `stale` for the first message of a coin. A name is copied only once.
    fn stale(&mut self, coin: &str) -> i32 {
        if self.repeated.contains(coin) {
            return 0;
        }
        self.repeated.insert(coin.to_owned());
        flags::STALE
    }
}

fn trade<'a>(json: &mut Json<'a>, ts_recv: i64) -> Result<draft::Trades<'a>> {
    let mut row = draft::Trades { ts_recv, venue: VENUE, ..draft::Trades::default() };
    let (mut time, mut price, mut size, mut side) = (None, None, None, None);
    let mut floats = Floats::default();
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"coin" => row.symbol = json.text()?,
            b"side" => side = Some(aggressor(json)?),
            b"px" => price = Some(floats.of(json.decimal()?)),
            b"sz" => size = Some(floats.of(json.decimal()?)),
            b"time" => time = Some(json.time_ms()?),
            b"tid" => row.trade_id = Some(json.integer()?),
            _ => json.skip()?,
        }
    }
    if row.symbol.is_empty() || row.trade_id.is_none() {
        return Err(json.expected("a trade with `coin` and `tid`"));
    }
    row.ts_event = json.need(time, "a trade with `time`")?;
    row.price = json.need(price, "a trade with `px`")?;
    row.size = json.need(size, "a trade with `sz`")?;
    row.side = json.need(side, "a trade with `side`")?;
    row.flags = floats.flags | last(json);
    Ok(row)
}

/// The taker bid or asked.
fn aggressor(json: &mut Json<'_>) -> Result<Aggressor> {
    word(json, &[(b"B", Aggressor::Buy), (b"A", Aggressor::Sell)], "B or A")
}

/// Bids, then asks.
fn read_sides(json: &mut Json<'_>, levels: &mut Vec<Level>) -> Result<()> {
    let mut sides = [BookSide::Bid, BookSide::Ask].into_iter();
    json.array()?;
    while json.item()? {
        let side = json.need(sides.next(), "bids and asks and nothing else")?;
        json.array()?;
        while json.item()? {
            levels.push(level(json, side)?);
        }
    }
    // Without its asks a book is not whole.
    if sides.next().is_some() {
        return Err(json.expected("bids and asks"));
    }
    Ok(())
}

fn level(json: &mut Json<'_>, side: BookSide) -> Result<Level> {
    let (mut price, mut size, mut count) = (None, None, None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"px" => price = Some(json.decimal()?),
            b"sz" => size = Some(json.decimal()?),
            b"n" => count = json.small_or_null()?,
            _ => json.skip()?,
        }
    }
    let price = json.need(price, "a level with `px`")?;
    let size = json.need(size, "a level with `sz`")?;
    Ok(Level { side, price, size, count })
}

/// The best bid and ask, either of which may be null.
fn quote(json: &mut Json<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<()> {
    let mut row = draft::Quotes { ts_recv, venue: VENUE, ..draft::Quotes::default() };
    let (mut floats, mut time, mut best) = (Floats::new(flags::LAST), None, [None; 2]);
    let mut position = 0;
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"coin" => row.symbol = json.text()?,
            b"time" => time = Some(json.time_ms()?),
            b"bbo" => {
                json.array()?;
                while json.item()? {
                    let side = if position == 0 { BookSide::Bid } else { BookSide::Ask };
                    let level = if json.took_null()? { None } else { Some(level(json, side)?) };
                    if let Some(place) = best.get_mut(position) {
                        *place = level;
                    }
                    position += 1;
                }
            }
            _ => json.skip()?,
        }
    }
    if row.symbol.is_empty() || position != 2 {
        return Err(json.expected("a quote with `coin` and two sides"));
    }
    let [bid, ask] = best;
    row.ts_event = json.need(time, "a quote with `time`")?;
    let mut side = |level: Option<Level>| {
        let (price, size) = level.map(|level| (level.price, level.size)).unzip();
        floats.side(price, size)
    };
    (row.bid_price, row.bid_size) = side(bid);
    (row.ask_price, row.ask_size) = side(ask);
    row.bid_count = bid.and_then(|level| level.count);
    row.ask_count = ask.and_then(|level| level.count);
    row.flags = floats.flags;
    sink.quote(&row);
    Ok(())
}

/// A ticker that the venue sends without a time.
fn ticker_row(ts_recv: i64) -> draft::Tickers<'static> {
    draft::Tickers { ts_event: ts_recv, ts_recv, venue: VENUE, ..draft::Tickers::default() }
}

fn asset(json: &mut Json<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<()> {
    let mut row = ticker_row(ts_recv);
    let (mut coin, mut has_figures) = (None, false);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"coin" => coin = Some(json.text()?),
            b"ctx" => {
                figures(json, &mut row)?;
                has_figures = true;
            }
            _ => json.skip()?,
        }
    }
    if !has_figures {
        return Err(json.expected("figures with `ctx`"));
    }
    // Figures of spot repeat the coin, which is this one.
    row.symbol = json.need(coin, "figures with `coin`")?;
    row.flags |= flags::LAST;
    sink.ticker(&row);
    Ok(())
}

/// The figures of an asset, which may name it.
fn figures<'a>(json: &mut Json<'a>, row: &mut draft::Tickers<'a>) -> Result<()> {
    let mut floats = Floats::new(flags::LOCAL_TIME);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"coin" => row.symbol = json.text()?,
            b"markPx" => row.mark_price = floats.of_some(json.decimal_or_null()?),
            b"midPx" => row.mid_price = floats.of_some(json.decimal_or_null()?),
            b"oraclePx" => row.index_price = floats.of_some(json.decimal_or_null()?),
            b"funding" => row.funding_rate = floats.of_some(json.decimal_or_null()?),
            b"openInterest" => row.open_interest = floats.of_some(json.decimal_or_null()?),
            b"premium" => row.premium = floats.of_some(json.decimal_or_null()?),
            b"dayNtlVlm" => row.turnover = floats.of_some(json.decimal_or_null()?),
            b"dayBaseVlm" => row.volume = floats.of_some(json.decimal_or_null()?),
            b"prevDayPx" => row.close_prev_price = floats.of_some(json.decimal_or_null()?),
            b"impactPxs" => {
                [row.impact_bid_price, row.impact_ask_price] = impact_prices(json, &mut floats)?;
            }
            _ => json.skip()?,
        }
    }
    row.funding_interval_hours = row.funding_rate.map(|_| FUNDING_HOURS);
    row.volume_window = row.turnover.or(row.volume).map(|_| VolumeWindow::Rolling24h);
    row.flags = floats.flags;
    Ok(())
}

/// The prices of selling and of buying, or null when the book is too thin.
fn impact_prices(json: &mut Json<'_>, floats: &mut Floats) -> Result<[Option<f64>; 2]> {
    let mut prices = [None; 2];
    if json.took_null()? {
        return Ok(prices);
    }
    let mut places = prices.iter_mut();
    json.array()?;
    while json.item()? {
        let value = floats.of_some(json.decimal_or_null()?);
        if let Some(place) = places.next() {
            *place = value;
        }
    }
    Ok(prices)
}

/// A candle, or several.
fn candles(json: &mut Json<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<()> {
    if json.kind()? != Kind::Array {
        let mut row = candle(json, ts_recv)?;
        row.flags |= flags::LAST;
        sink.bar(&row);
        return Ok(());
    }
    json.array()?;
    while json.item()? {
        let mut row = candle(json, ts_recv)?;
        row.flags |= last(json);
        sink.bar(&row);
    }
    Ok(())
}

/// A candle. The venue says neither when it sent it nor whether it is closed.
fn candle<'a>(json: &mut Json<'a>, ts_recv: i64) -> Result<draft::Bars<'a>> {
    let mut row = draft::Bars {
        ts_event: ts_recv,
        ts_recv,
        venue: VENUE,
        kind: BarKind::Time,
        price_source: BarPrice::Trade,
        source: BarSource::Venue,
        ..draft::Bars::default()
    };
    let (mut floats, mut prices) = (Floats::new(flags::LOCAL_TIME), [None; 4]);
    let (mut open, mut end, mut interval) = (None, None, None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"s" => row.symbol = json.text()?,
            b"i" => interval = Some(json.text()?),
            b"t" => open = Some(json.time_ms()?),
            b"T" => end = Some(json.time_ms()?),
            b"o" => prices[0] = Some(floats.of(json.decimal()?)),
            b"h" => prices[1] = Some(floats.of(json.decimal()?)),
            b"l" => prices[2] = Some(floats.of(json.decimal()?)),
            b"c" => prices[3] = Some(floats.of(json.decimal()?)),
            b"v" => row.volume = floats.of_some(json.decimal_or_null()?),
            b"n" => row.count = json.integer_or_null()?,
            _ => json.skip()?,
        }
    }
    let [Some(first), Some(high), Some(low), Some(close)] = prices else {
        return Err(json.expected("a candle with `o`, `h`, `l` and `c`"));
    };
    if row.symbol.is_empty() {
        return Err(json.expected("a candle with `s`"));
    }
    (row.open, row.high, row.low, row.close) = (first, high, low, close);
    row.ts_open = json.need(open, "a candle with `t`")?;
    // The venue names the last millisecond.
    let end = json.need(end, "a candle with `T`")?.checked_add(1_000_000);
    row.ts_close = json.need(end, "a candle before 2262")?;
    row.interval = match json.need(interval, "a candle with `i`")? {
        "1M" => "1mo",
        other => other,
    };
    row.flags = floats.flags;
    Ok(row)
}

/// The middles of all books.
fn mids(json: &mut Json<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<()> {
    let mut mids = json.need(json.lookup(b"mids")?, "middles with `mids`")?;
    json.skip()?;
    // A row waits until it is known whether it is the last.
    let mut before: Option<draft::Tickers<'_>> = None;
    mids.object()?;
    while let Some(key) = mids.key()? {
        let symbol = std::str::from_utf8(key).map_err(|_| mids.expected("a plain name"))?;
        let mut floats = Floats::new(flags::LOCAL_TIME);
        let mid_price = floats.of_some(mids.decimal_or_null()?);
        let flags = floats.flags;
        let row = draft::Tickers { symbol, mid_price, flags, ..ticker_row(ts_recv) };
        if let Some(row) = before.replace(row) {
            sink.ticker(&row);
        }
    }
    if let Some(mut row) = before {
        row.flags |= flags::LAST;
        sink.ticker(&row);
    }
    Ok(())
}
