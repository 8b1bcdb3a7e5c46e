use rustonite_core::calendar::months_later;
use rustonite_core::datasets::{
    Aggressor, BarKind, BarPrice, BarSource, BookSide, OrderSide, VolumeWindow, draft, flags,
};

use super::session::Argument;
use super::{Okx, VENUE, rest};
use crate::common::{last, local_time, price_and_size, quote, rest_of_array, word};
use crate::error::Result;
use crate::event::{BookUpdate, Control, Floats, Level, Sink};
use crate::json::Json;

const HOUR_NS: i64 = 3_600_000_000_000;
const DAY_NS: i64 = 24 * HOUR_NS;
/// Days of candles begin at midnight in Hong Kong, unless the channel ends with `utc`.
const HONG_KONG_NS: i64 = 8 * HOUR_NS;

/// What surrounds an item of data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'a> {
    pub(super) ts_recv: i64,
    pub(super) argument: Argument<'a>,
    pub(super) action: Option<&'a str>,
}

impl<'a> Scope<'a> {
    fn symbol(&self, json: &Json<'_>) -> Result<&'a str> {
        json.need(self.argument.instrument, "an `arg` with `instId`")
    }

    /// The venue's time or ours, with the flags that say so.
    fn time(&self, json: &mut Json<'_>, venue: Option<i64>) -> (i64, i32) {
        let local = local_time(venue);
        (venue.unwrap_or(self.ts_recv), local | last(json))
    }
}

type Reader = fn(&mut Okx, &mut Json<'_>, Scope<'_>, &mut dyn Sink) -> Result<()>;

/// Whether the messages of a channel are pictures or changes, and must say which.
pub(super) fn has_action(channel: &str) -> bool {
    matches!(channel, "books" | "books-l2-tbt" | "books50-l2-tbt" | "books-elp")
}

impl Okx {
    /// The items of a message.
    pub(super) fn data(
        &mut self,
        json: &mut Json<'_>,
        scope: Scope<'_>,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let read: Reader = match scope.argument.channel {
            channel if has_action(channel) => Self::book,
            "trades" | "trades-all" | "option-trades" | "public-block-trades" => read_trade,
            "bbo-tbt" => Self::quote,
            "books5" => Self::picture,
            "tickers" => read_ticker,
            "funding-rate" => read_funding,
            "mark-price" | "index-tickers" | "open-interest" | "price-limit"
            | "estimated-price" => read_figure,
            "opt-summary" => read_greeks,
            "liquidation-orders" => read_liquidations,
            "instruments" => read_instrument,
            "status" => read_status,
            channel if candle(channel).is_some() => read_bar,
            unknown => {
                sink.control(&Control::Unknown(unknown));
                return json.skip();
            }
        };
        json.array()?;
        while json.item()? {
            read(self, json, scope, sink)?;
        }
        Ok(())
    }

    fn quote(&mut self, json: &mut Json<'_>, scope: Scope<'_>, sink: &mut dyn Sink) -> Result<()> {
        let update = self.levels(json, scope)?;
        let (ts_event, mut floats) = (update.ts_event, Floats::new(update.flags | last(json)));
        let mut best = |side: BookSide| {
            let level = self.levels.iter().find(|level| level.side == side);
            let (price, size) = level.map(|level| (level.price, level.size)).unzip();
            (floats.side(price, size), level.and_then(|level| level.count))
        };
        let ((bid_price, bid_size), bid_count) = best(BookSide::Bid);
        let ((ask_price, ask_size), ask_count) = best(BookSide::Ask);
        sink.quote(&draft::Quotes {
            ts_event,
            ts_recv: scope.ts_recv,
            venue: VENUE,
            symbol: scope.symbol(json)?,
            bid_price,
            bid_size,
            ask_price,
            ask_size,
            bid_count,
            ask_count,
            seq: update.seq,
            flags: floats.flags,
            ..draft::Quotes::default()
        });
        Ok(())
    }

    /// A picture or changes of a book.
    fn book(&mut self, json: &mut Json<'_>, scope: Scope<'_>, sink: &mut dyn Sink) -> Result<()> {
        let mut update = self.levels(json, scope)?;
        update.symbol = scope.symbol(json)?;
        update.is_snapshot = match scope.action {
            Some("snapshot") => true,
            Some("update") => false,
            _ => return Err(json.expected("an `action` of snapshot or update")),
        };
        update.levels = &self.levels;
        sink.book(&update);
        Ok(())
    }

    /// The best levels of a book, whole.
    fn picture(
        &mut self,
        json: &mut Json<'_>,
        scope: Scope<'_>,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let update = self.levels(json, scope)?;
        let (ts_event, seq) = (update.ts_event, update.seq);
        let mut floats = Floats::new(update.flags | flags::SNAPSHOT | last(json));
        self.top.fill(&self.levels, &mut floats);
        self.counts.iter_mut().for_each(Vec::clear);
        for level in &self.levels {
            self.counts[level.side as usize].extend(level.count);
        }
        let [bid_count, ask_count] = &self.counts;
        // Either all levels have a count or none.
        let counted = bid_count.len() + ask_count.len() == self.levels.len();
        sink.top(&draft::BookSnapshots {
            ts_event,
            ts_recv: scope.ts_recv,
            venue: VENUE,
            symbol: scope.symbol(json)?,
            bid_count: counted.then_some(bid_count),
            ask_count: counted.then_some(ask_count),
            seq,
            flags: floats.flags,
            ..self.top.row()
        });
        Ok(())
    }

    /// An item with levels. They are left in `self.levels`; symbol and kind are still missing.
    fn levels(&mut self, json: &mut Json<'_>, scope: Scope<'_>) -> Result<BookUpdate<'static>> {
        let mut update = BookUpdate { ts_recv: scope.ts_recv, ..BookUpdate::default() };
        let mut time = None;
        self.levels.clear();
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"asks" => read_levels(json, BookSide::Ask, &mut self.levels)?,
                b"bids" => read_levels(json, BookSide::Bid, &mut self.levels)?,
                b"ts" => time = Some(json.time_ms()?),
                // Later than 2022 the checksum became a constant zero, which says nothing.
                b"checksum" => update.checksum = json.integer_or_null()?.filter(|sum| *sum != 0),
                b"seqId" => update.seq = json.integer_or_null()?,
                // Nothing comes before a picture.
                b"prevSeqId" => update.seq_prev = json.integer_or_null()?.filter(|seq| *seq >= 0),
                _ => json.skip()?,
            }
        }
        update.ts_event = json.need(time, "levels with `ts`")?;
        Ok(update)
    }
}

fn read_trade(
    _: &mut Okx,
    json: &mut Json<'_>,
    scope: Scope<'_>,
    sink: &mut dyn Sink,
) -> Result<()> {
    let mut trade = trade(json, scope.ts_recv)?;
    if scope.argument.channel == "public-block-trades" {
        trade.conditions = Some("block");
    }
    trade.flags |= last(json);
    sink.trade(&trade);
    Ok(())
}

fn read_ticker(
    _: &mut Okx,
    json: &mut Json<'_>,
    scope: Scope<'_>,
    sink: &mut dyn Sink,
) -> Result<()> {
    let mut row = ticker_row(scope);
    let (mut floats, mut time, mut kind, mut in_currency) = (Floats::default(), None, "", None);
    let mut best = [None; 4];
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"instId" => row.symbol = json.text()?,
            b"instType" => kind = json.text()?,
            b"ts" => time = Some(json.time_ms()?),
            b"last" => row.last_price = floats.of_some(json.decimal_or_null()?),
            b"lastSz" => row.last_size = floats.of_some(json.decimal_or_null()?),
            b"open24h" => row.open_price = floats.of_some(json.decimal_or_null()?),
            b"high24h" => row.high_price = floats.of_some(json.decimal_or_null()?),
            b"low24h" => row.low_price = floats.of_some(json.decimal_or_null()?),
            b"vol24h" => row.volume = floats.of_some(json.decimal_or_null()?),
            b"volCcy24h" => in_currency = json.decimal_or_null()?,
            b"bidPx" => best[0] = json.decimal_or_null()?,
            b"bidSz" => best[1] = json.decimal_or_null()?,
            b"askPx" => best[2] = json.decimal_or_null()?,
            b"askSz" => best[3] = json.decimal_or_null()?,
            _ => json.skip()?,
        }
    }
    // On contracts it counts the base currency, which is no turnover.
    if matches!(kind, "SPOT" | "MARGIN") {
        row.turnover = floats.of_some(in_currency);
    }
    row.volume_window = Some(VolumeWindow::Rolling24h);
    finish(json, scope, time, &floats, &mut row)?;
    sink.ticker(&row);
    sink.quote(&quote(&row, best, row.flags & !flags::INEXACT));
    Ok(())
}

fn read_funding(
    _: &mut Okx,
    json: &mut Json<'_>,
    scope: Scope<'_>,
    sink: &mut dyn Sink,
) -> Result<()> {
    let mut row = ticker_row(scope);
    let (mut floats, mut time, mut after) = (Floats::default(), None, None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"instId" => row.symbol = json.text()?,
            b"ts" => time = json.time_ms_if_any()?,
            b"fundingRate" => row.funding_rate = floats.of_some(json.decimal_or_null()?),
            b"fundingTime" => row.ts_funding_next = json.time_ms_if_any()?,
            b"nextFundingRate" => {
                row.funding_rate_next = floats.of_some(json.decimal_or_null()?);
            }
            b"nextFundingTime" => after = json.time_ms_if_any()?,
            b"settFundingRate" => {
                row.funding_rate_settled = floats.of_some(json.decimal_or_null()?);
            }
            b"premium" => row.premium = floats.of_some(json.decimal_or_null()?),
            _ => json.skip()?,
        }
    }
    row.funding_interval_hours = row.ts_funding_next.zip(after).and_then(hours_between);
    finish(json, scope, time, &floats, &mut row)?;
    sink.ticker(&row);
    Ok(())
}

/// One of the messages that have a single figure or two.
fn read_figure(
    _: &mut Okx,
    json: &mut Json<'_>,
    scope: Scope<'_>,
    sink: &mut dyn Sink,
) -> Result<()> {
    let mut row = ticker_row(scope);
    let (mut floats, mut time) = (Floats::default(), None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"instId" => row.symbol = json.text()?,
            b"ts" => time = json.time_ms_if_any()?,
            b"markPx" => row.mark_price = floats.of_some(json.decimal_or_null()?),
            // The extremes of an index are not read: it shares its name with the spot pair,
            // whose extremes are others.
            b"idxPx" => row.index_price = floats.of_some(json.decimal_or_null()?),
            b"oi" => row.open_interest = floats.of_some(json.decimal_or_null()?),
            b"buyLmt" => row.limit_up_price = floats.of_some(json.decimal_or_null()?),
            b"sellLmt" => row.limit_down_price = floats.of_some(json.decimal_or_null()?),
            b"settlePx" => row.settle_price = floats.of_some(json.decimal_or_null()?),
            _ => json.skip()?,
        }
    }
    finish(json, scope, time, &floats, &mut row)?;
    sink.ticker(&row);
    Ok(())
}

/// Figures of an option. The greeks counted in coins have no column.
fn read_greeks(
    _: &mut Okx,
    json: &mut Json<'_>,
    scope: Scope<'_>,
    sink: &mut dyn Sink,
) -> Result<()> {
    let mut row = ticker_row(scope);
    let (mut floats, mut time) = (Floats::default(), None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"instId" => row.symbol = json.text()?,
            b"uly" => row.underlying = json.text_or_null()?,
            b"ts" => time = json.time_ms_if_any()?,
            b"deltaBS" => row.delta = floats.of_some(json.decimal_or_null()?),
            b"gammaBS" => row.gamma = floats.of_some(json.decimal_or_null()?),
            b"vegaBS" => row.vega = floats.of_some(json.decimal_or_null()?),
            b"thetaBS" => row.theta = floats.of_some(json.decimal_or_null()?),
            b"markVol" => row.mark_iv = floats.of_some(json.decimal_or_null()?),
            b"bidVol" => row.bid_iv = floats.of_some(json.decimal_or_null()?),
            b"askVol" => row.ask_iv = floats.of_some(json.decimal_or_null()?),
            b"fwdPx" => row.underlying_price = floats.of_some(json.decimal_or_null()?),
            _ => json.skip()?,
        }
    }
    finish(json, scope, time, &floats, &mut row)?;
    sink.ticker(&row);
    Ok(())
}

/// The liquidations of an instrument.
fn read_liquidations(
    _: &mut Okx,
    json: &mut Json<'_>,
    scope: Scope<'_>,
    sink: &mut dyn Sink,
) -> Result<()> {
    let (mut symbol, mut details) = (None, None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"instId" => symbol = Some(json.text()?),
            b"details" => details = Some(json.later()?),
            _ => json.skip()?,
        }
    }
    let last_of_message = last(json);
    let symbol = json.need(symbol, "liquidations with `instId`")?;
    let mut details = json.need(details, "liquidations with `details`")?;
    details.array()?;
    while details.item()? {
        let mut row = liquidation(&mut details, scope.ts_recv)?;
        row.symbol = symbol;
        row.flags |= last_of_message & last(&mut details);
        sink.liquidation(&row);
    }
    Ok(())
}

fn read_instrument(
    _: &mut Okx,
    json: &mut Json<'_>,
    scope: Scope<'_>,
    sink: &mut dyn Sink,
) -> Result<()> {
    sink.instrument(&rest::instrument(json, scope.ts_recv)?);
    Ok(())
}

fn read_status(_: &mut Okx, json: &mut Json<'_>, _: Scope<'_>, sink: &mut dyn Sink) -> Result<()> {
    let (mut state, mut title) = ("", String::new());
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"state" => state = json.text()?,
            b"title" => title = json.message()?,
            _ => json.skip()?,
        }
    }
    sink.control(&Control::Status(&format!("{state}: {title}")));
    Ok(())
}

/// A candle: start, four prices, three volumes unless the prices are no trades, and whether it
/// is closed. In 2022 the last two were missing.
fn read_bar(_: &mut Okx, json: &mut Json<'_>, scope: Scope<'_>, sink: &mut dyn Sink) -> Result<()> {
    let candle = json.need(candle(scope.argument.channel), "a channel of candles")?;
    let traded = candle.price_source == BarPrice::Trade;
    let (mut floats, mut open_time, mut prices) = (Floats::default(), None, [None; 4]);
    let (mut volume, mut turnover, mut closed, mut position) = (None, None, 0, 0);
    json.array()?;
    while json.item()? {
        match position {
            0 => open_time = Some(json.time_ms()?),
            1..=4 => prices[position - 1] = Some(floats.of(json.decimal()?)),
            5 if traded => volume = floats.of_some(json.decimal_or_null()?),
            7 if traded => turnover = floats.of_some(json.decimal_or_null()?),
            5 | 8 => closed = i8::from(json.integer()? == 1),
            _ => json.skip()?,
        }
        position += 1;
    }
    let [Some(open), Some(high), Some(low), Some(close)] = prices else {
        return Err(json.expected("a candle with four prices"));
    };
    let ts_open = json.need(open_time, "a candle with its start")?;
    let (ts_event, time_flags) = scope.time(json, None);
    sink.bar(&draft::Bars {
        ts_event,
        ts_recv: scope.ts_recv,
        venue: VENUE,
        symbol: scope.symbol(json)?,
        ts_open,
        ts_close: json.need(candle.end(ts_open), "a candle before 2262")?,
        interval: candle.interval,
        kind: BarKind::Time,
        price_source: candle.price_source,
        source: BarSource::Venue,
        open,
        high,
        low,
        close,
        volume,
        turnover,
        is_final: closed,
        flags: time_flags | floats.flags,
        ..draft::Bars::default()
    });
    Ok(())
}

/// A trade without the flag `last`.
fn trade<'a>(json: &mut Json<'a>, ts_recv: i64) -> Result<draft::Trades<'a>> {
    let mut row = draft::Trades { ts_recv, venue: VENUE, ..draft::Trades::default() };
    let (mut time, mut price, mut size, mut side) = (None, None, None, None);
    let mut floats = Floats::default();
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"instId" => row.symbol = json.text()?,
            b"tradeId" => row.trade_id = Some(json.integer()?),
            b"px" => price = Some(floats.of(json.decimal()?)),
            b"sz" => size = Some(floats.of(json.decimal()?)),
            b"side" => side = Some(aggressor(json)?),
            b"ts" => time = Some(json.time_ms()?),
            b"count" => row.count = json.small_or_null()?,
            b"source" => row.conditions = source(json)?,
            _ => json.skip()?,
        }
    }
    if row.symbol.is_empty() || row.trade_id.is_none() {
        return Err(json.expected("a trade with `instId` and `tradeId`"));
    }
    row.ts_event = json.need(time, "a trade with `ts`")?;
    row.price = json.need(price, "a trade with `px`")?;
    row.size = json.need(size, "a trade with `sz`")?;
    row.side = json.need(side, "a trade with `side`")?;
    row.flags = floats.flags;
    Ok(row)
}

fn aggressor(json: &mut Json<'_>) -> Result<Aggressor> {
    word(json, &[(b"buy", Aggressor::Buy), (b"sell", Aggressor::Sell)], "buy or sell")
}

/// What kind of order a trade came from: 0 is an ordinary one, 1 one of the programme for enhanced
/// liquidity.
fn source<'a>(json: &mut Json<'a>) -> Result<Option<&'a str>> {
    Ok(match json.text_or_null()? {
        None | Some("" | "0") => None,
        Some("1") => Some("ELP"),
        other => other,
    })
}

fn liquidation<'a>(json: &mut Json<'a>, ts_recv: i64) -> Result<draft::Liquidations<'a>> {
    let mut row = draft::Liquidations { ts_recv, venue: VENUE, ..draft::Liquidations::default() };
    let (mut floats, mut time, mut size, mut loss) = (Floats::default(), None, None, None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"side" => row.side_raw = json.text()?,
            b"bkPx" => row.price_bankruptcy = floats.of_some(json.decimal_or_null()?),
            b"sz" => size = Some(floats.of(json.decimal()?)),
            b"bkLoss" => loss = json.decimal_or_null()?,
            b"ccy" => row.loss_asset = json.text_or_null()?.filter(|asset| !asset.is_empty()),
            b"ts" => time = Some(json.time_ms()?),
            _ => json.skip()?,
        }
    }
    row.side = match row.side_raw {
        "buy" => OrderSide::Buy,
        "sell" => OrderSide::Sell,
        _ => return Err(json.expected("a liquidation with `side` of buy or sell")),
    };
    row.ts_event = json.need(time, "a liquidation with `ts`")?;
    row.size = json.need(size, "a liquidation with `sz`")?;
    // A loss without its currency, as contracts have it, says nothing; nor does the reverse.
    match (loss, row.loss_asset) {
        (Some(loss), Some(_)) => row.loss = Some(floats.of(loss)),
        _ => row.loss_asset = None,
    }
    row.flags = floats.flags;
    Ok(row)
}

fn ticker_row(scope: Scope<'_>) -> draft::Tickers<'_> {
    draft::Tickers { ts_recv: scope.ts_recv, venue: VENUE, ..draft::Tickers::default() }
}

/// Puts in what all tickers end with.
fn finish(
    json: &mut Json<'_>,
    scope: Scope<'_>,
    time: Option<i64>,
    floats: &Floats,
    row: &mut draft::Tickers<'_>,
) -> Result<()> {
    if row.symbol.is_empty() {
        return Err(json.expected("a ticker with `instId`"));
    }
    let time_flags;
    (row.ts_event, time_flags) = scope.time(json, time);
    row.flags = floats.flags | time_flags;
    Ok(())
}

fn hours_between((from, to): (i64, i64)) -> Option<f64> {
    let minutes = i32::try_from(to.checked_sub(from)? / 60_000_000_000).ok()?;
    (minutes > 0).then(|| f64::from(minutes) / 60.0)
}

/// Levels of price, quantity, an obsolete item and the number of orders.
fn read_levels(json: &mut Json<'_>, side: BookSide, levels: &mut Vec<Level>) -> Result<()> {
    json.array()?;
    while json.item()? {
        json.array()?;
        let (price, size) = price_and_size(json)?;
        let mut count = None;
        if json.item()? {
            json.skip()?;
            if json.item()? {
                count = json.small_or_null()?;
                rest_of_array(json)?;
            }
        }
        levels.push(Level { side, price, size, count });
    }
    Ok(())
}

/// What a channel of candles sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Candle {
    price_source: BarPrice,
    interval: &'static str,
    length: Length,
    /// What its clock is ahead of UTC.
    ahead_ns: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Time(i64),
    Months(i64),
}

const CANDLES: &[(&str, &str, Length)] = &[
    ("1s", "1s", Length::Time(1_000_000_000)),
    ("1m", "1m", Length::Time(HOUR_NS / 60)),
    ("3m", "3m", Length::Time(HOUR_NS / 20)),
    ("5m", "5m", Length::Time(HOUR_NS / 12)),
    ("15m", "15m", Length::Time(HOUR_NS / 4)),
    ("30m", "30m", Length::Time(HOUR_NS / 2)),
    ("1H", "1h", Length::Time(HOUR_NS)),
    ("2H", "2h", Length::Time(2 * HOUR_NS)),
    ("4H", "4h", Length::Time(4 * HOUR_NS)),
    ("6H", "6h", Length::Time(6 * HOUR_NS)),
    ("12H", "12h", Length::Time(12 * HOUR_NS)),
    ("1D", "1d", Length::Time(DAY_NS)),
    ("2D", "2d", Length::Time(2 * DAY_NS)),
    ("3D", "3d", Length::Time(3 * DAY_NS)),
    ("5D", "5d", Length::Time(5 * DAY_NS)),
    ("1W", "1w", Length::Time(7 * DAY_NS)),
    ("1M", "1mo", Length::Months(1)),
    ("3M", "3mo", Length::Months(3)),
    ("6M", "6mo", Length::Months(6)),
    ("1Y", "1y", Length::Months(12)),
];

/// What the name of a channel says of its candles, if it is one of candles.
fn candle(channel: &str) -> Option<Candle> {
    let (price_source, length) = if let Some(rest) = channel.strip_prefix("candle") {
        (BarPrice::Trade, rest)
    } else if let Some(rest) = channel.strip_prefix("mark-price-candle") {
        (BarPrice::Mark, rest)
    } else {
        (BarPrice::Index, channel.strip_prefix("index-candle")?)
    };
    let (length, ahead_ns) = match length.strip_suffix("utc") {
        Some(length) => (length, 0),
        None => (length, HONG_KONG_NS),
    };
    let found = CANDLES.iter().find(|(name, _, _)| *name == length)?;
    Some(Candle { price_source, interval: found.1, length: found.2, ahead_ns })
}

impl Candle {
    fn end(&self, ts_open: i64) -> Option<i64> {
        match self.length {
            Length::Time(length) => ts_open.checked_add(length),
            Length::Months(count) => {
                let day = ts_open.checked_add(self.ahead_ns)?.div_euclid(DAY_NS);
                months_later(day, count)?.checked_mul(DAY_NS)?.checked_sub(self.ahead_ns)
            }
        }
    }
}
