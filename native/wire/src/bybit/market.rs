use std::collections::HashMap;

use rustonite_core::Decimal;
use rustonite_core::datasets::{
    Aggressor, BarKind, BarPrice, BarSource, BookSide, OrderSide, VolumeWindow, draft, flags,
};

use super::session::split;
use super::{Best, Bybit, Category, legacy};
use crate::codec::Codec as _;
use crate::common::{last, read_pairs};
use crate::error::Result;
use crate::event::{BookUpdate, Control, Floats, Level, Sink};
use crate::json::{Json, Kind};

/// What surrounds the data of a message, some of it behind them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Envelope<'a> {
    pub(super) ts_recv: i64,
    /// `snapshot` or `delta`.
    pub(super) kind: &'a str,
    /// When the gateway sent the message.
    pub(super) sent: Option<i64>,
    /// When the matching engine made it.
    pub(super) matched: Option<i64>,
}

/// Data that wait for what follows them in the message.
#[derive(Debug)]
pub(super) enum Pending<'a> {
    Nothing,
    Book(Book<'a>),
    /// Figures that are not read yet, because their row is too large to be handed about.
    Figures(Json<'a>),
    /// The same by the protocol before v5.
    OldFigures(Json<'a>),
}

/// A book whose levels are in the codec.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Book<'a> {
    pub(super) symbol: &'a str,
    pub(super) seq: Option<i64>,
    pub(super) sent: Option<i64>,
    pub(super) matched: Option<i64>,
    /// Whether it has the best bid and ask only.
    is_best: bool,
}

impl Bybit {
    /// The data of a message. What has no time of its own is handed back.
    pub(super) fn data<'a>(
        &mut self,
        json: &mut Json<'a>,
        topic: &'a str,
        ts_recv: i64,
        sink: &mut dyn Sink,
    ) -> Result<Pending<'a>> {
        let (head, rest) = topic.split_once('.').unwrap_or((topic, ""));
        match head {
            "orderbook" if !rest.starts_with("rpi.") => {
                let mut book = self.levels(json)?;
                book.is_best = rest.starts_with("1.");
                return Ok(Pending::Book(book));
            }
            "tickers" | "priceLimit" => return json.later().map(Pending::Figures),
            "orderBookL2_25" | "orderBook_200" => {
                legacy::read_levels(json, &mut self.levels)?;
                let symbol = json.need(split(topic).1, "a topic of a book with a symbol")?;
                return Ok(Pending::Book(Book { symbol, ..Book::default() }));
            }
            "instrument_info" => return json.later().map(Pending::OldFigures),
            "publicTrade" | "trade" => self.trades(json, ts_recv, sink)?,
            "kline" | "klineV2" | "candle" => self.bars(json, topic, ts_recv, sink)?,
            "allLiquidation" | "liquidation" => self.liquidations(json, ts_recv, sink)?,
            "system" => statuses(json, sink)?,
            "insurance" | "adlAlert" => {
                sink.control(&Control::Nothing);
                json.skip()?;
            }
            _ => {
                sink.control(&Control::Unknown(split(topic).0));
                json.skip()?;
            }
        }
        Ok(Pending::Nothing)
    }

    /// A book of the stream or of a REST answer. Its levels are left in `self.levels`.
    pub(super) fn levels<'a>(&mut self, json: &mut Json<'a>) -> Result<Book<'a>> {
        let mut book = Book::default();
        self.levels.clear();
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"s" => book.symbol = json.text()?,
                b"b" => read_pairs(json, BookSide::Bid, &mut self.levels)?,
                b"a" => read_pairs(json, BookSide::Ask, &mut self.levels)?,
                // `seq` orders messages of all depths, with holes; `u` counts without.
                b"u" => book.seq = Some(json.integer()?),
                b"ts" => book.sent = json.time_ms_if_any()?,
                b"cts" => book.matched = json.time_ms_if_any()?,
                _ => json.skip()?,
            }
        }
        if book.symbol.is_empty() || book.seq.is_none() {
            return Err(json.expected("a book with `s` and `u`"));
        }
        Ok(book)
    }

    pub(super) fn book(
        &mut self,
        json: &Json<'_>,
        book: Book<'_>,
        envelope: Envelope<'_>,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let is_snapshot = match envelope.kind {
            // A count that begins again replaces the book, whatever the message says it is.
            "snapshot" => true,
            "delta" => book.seq == Some(1),
            _ => return Err(json.expected("a book with `type` of snapshot or delta")),
        };
        let mut update = BookUpdate {
            symbol: book.symbol,
            ts_event: json.need(envelope.matched.or(envelope.sent), "a book with `ts`")?,
            ts_recv: envelope.ts_recv,
            is_snapshot,
            seq: book.seq,
            ..BookUpdate::default()
        };
        if book.is_best {
            self.best(&update, sink);
            return Ok(());
        }
        update.levels = &self.levels;
        sink.book(&update);
        Ok(())
    }

    /// Books of one level are pictures; those of earlier days were changed as well.
    fn best(&mut self, update: &BookUpdate<'_>, sink: &mut dyn Sink) {
        let mut best = match self.best.get(update.symbol) {
            Some(best) if !update.is_snapshot => *best,
            _ if update.is_snapshot => [Some(Decimal::ZERO); 4],
            // Changes of what was never seen whole.
            _ => return,
        };
        for Level { side, price, size, .. } in &self.levels {
            let at = if *side == BookSide::Bid { 0 } else { 2 };
            if !size.is_zero() {
                (best[at], best[at + 1]) = (Some(*price), Some(*size));
            } else if best[at] == Some(*price) {
                (best[at], best[at + 1]) = (Some(Decimal::ZERO), Some(Decimal::ZERO));
            }
        }
        keep(&mut self.best, update.symbol, best);
        let of = draft::Quotes {
            symbol: update.symbol,
            ts_event: update.ts_event,
            ts_recv: update.ts_recv,
            seq: update.seq,
            ..draft::Quotes::default()
        };
        self.quote(&of, best, sink);
    }

    /// A best bid and ask, unless something of them is not known.
    fn quote(&self, of: &draft::Quotes<'_>, best: Best, sink: &mut dyn Sink) {
        if best.iter().any(Option::is_none) {
            return;
        }
        let mut floats = Floats::new(flags::LAST);
        let (bid_price, bid_size) = floats.side(best[0], best[1]);
        let (ask_price, ask_size) = floats.side(best[2], best[3]);
        sink.quote(&draft::Quotes {
            venue: self.venue(),
            bid_price,
            bid_size,
            ask_price,
            ask_size,
            flags: floats.flags,
            ..*of
        });
    }

    /// Figures of a ticker. Changes have only what changed.
    pub(super) fn ticker(
        &mut self,
        json: &mut Json<'_>,
        envelope: Envelope<'_>,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let mut row = draft::Tickers {
            ts_recv: envelope.ts_recv,
            venue: self.venue(),
            ..draft::Tickers::default()
        };
        let mut told = Best::default();
        let mut floats = Floats::default();
        // These count the base coin on inverse contracts, which is no money.
        let in_quote = self.category != Category::Inverse;
        json.object()?;
        while let Some(key) = json.key()? {
            let mut value = || Ok(floats.of_some(json.decimal_or_null()?));
            match key {
                b"lastPrice" => row.last_price = value()?,
                b"markPrice" => row.mark_price = value()?,
                b"indexPrice" => row.index_price = value()?,
                b"prevPrice24h" => row.close_prev_price = value()?,
                b"highPrice24h" => row.high_price = value()?,
                b"lowPrice24h" => row.low_price = value()?,
                b"volume24h" => row.volume = value()?,
                b"turnover24h" if in_quote => row.turnover = value()?,
                b"openInterest" => row.open_interest = value()?,
                b"openInterestValue" if in_quote => row.open_interest_value = value()?,
                b"fundingRate" => row.funding_rate = value()?,
                b"fundingIntervalHour" => row.funding_interval_hours = value()?,
                b"basis" => row.basis = value()?,
                b"basisRate" => row.basis_rate = value()?,
                b"buyLmt" => row.limit_up_price = value()?,
                b"sellLmt" => row.limit_down_price = value()?,
                b"markPriceIv" | b"markIv" => row.mark_iv = value()?,
                b"bidIv" | b"bid1Iv" => row.bid_iv = value()?,
                b"askIv" | b"ask1Iv" => row.ask_iv = value()?,
                b"delta" => row.delta = value()?,
                b"gamma" => row.gamma = value()?,
                b"vega" => row.vega = value()?,
                b"theta" => row.theta = value()?,
                b"underlyingPrice" => row.underlying_price = value()?,
                // Zero until half an hour before the delivery.
                b"predictedDeliveryPrice" => {
                    row.settle_price = value()?.filter(|price| *price > 0.0);
                }
                b"symbol" => row.symbol = json.text()?,
                b"nextFundingTime" => row.ts_funding_next = json.time_ms_if_any()?,
                b"bid1Price" | b"bidPrice" => told[0] = Some(or_zero(json)?),
                b"bid1Size" | b"bidSize" => told[1] = Some(or_zero(json)?),
                b"ask1Price" | b"askPrice" => told[2] = Some(or_zero(json)?),
                b"ask1Size" | b"askSize" => told[3] = Some(or_zero(json)?),
                _ => json.skip()?,
            }
        }
        if row.symbol.is_empty() {
            return Err(json.expected("a ticker with `symbol`"));
        }
        let of_day = [row.volume, row.turnover, row.high_price, row.low_price];
        row.volume_window = of_day.iter().flatten().next().map(|_| VolumeWindow::Rolling24h);
        row.flags = floats.flags | flags::LAST;
        row.ts_event = json.need(envelope.sent, "a ticker with `ts`")?;
        sink.ticker(&row);
        if told.iter().any(Option::is_some) {
            self.ticker_quote(&row, told, envelope, sink);
        }
        Ok(())
    }

    /// The best bid and ask of a ticker, with what earlier ones said.
    fn ticker_quote(
        &mut self,
        row: &draft::Tickers<'_>,
        told: Best,
        envelope: Envelope<'_>,
        sink: &mut dyn Sink,
    ) {
        let before = match self.best_of_tickers.get(row.symbol) {
            Some(best) if envelope.kind == "delta" => *best,
            _ => Best::default(),
        };
        let best = [0, 1, 2, 3].map(|at: usize| told[at].or(before[at]));
        keep(&mut self.best_of_tickers, row.symbol, best);
        let of = draft::Quotes {
            symbol: row.symbol,
            ts_event: row.ts_event,
            ts_recv: row.ts_recv,
            ..draft::Quotes::default()
        };
        self.quote(&of, best, sink);
    }

    fn trades(&self, json: &mut Json<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<()> {
        json.array()?;
        while json.item()? {
            let mut row = trade(json)?;
            (row.ts_recv, row.venue) = (ts_recv, self.venue());
            row.flags |= last(json);
            sink.trade(&row);
        }
        Ok(())
    }

    fn bars<'a>(
        &self,
        json: &mut Json<'a>,
        topic: &'a str,
        ts_recv: i64,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let mut parts = topic.split('.');
        let (Some(channel), Some(length), Some(symbol)) =
            (parts.next(), parts.next(), parts.next())
        else {
            return Err(json.expected("a topic of candles with a length and a symbol"));
        };
        let old_length = (channel != "kline").then_some(length);
        json.array()?;
        while json.item()? {
            let mut row = bar(json, self.category, old_length)?;
            (row.ts_recv, row.venue, row.symbol) = (ts_recv, self.venue(), symbol);
            row.flags |= last(json);
            sink.bar(&row);
        }
        Ok(())
    }

    fn liquidations(&self, json: &mut Json<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<()> {
        let mut send = |json: &mut Json<'_>, is_last: bool| {
            let mut row = liquidation(json)?;
            (row.ts_recv, row.venue) = (ts_recv, self.venue());
            row.flags |= if is_last || json.at_last_item() { flags::LAST } else { 0 };
            sink.liquidation(&row);
            Ok(())
        };
        // The older topic sends one by itself.
        if json.kind()? != Kind::Array {
            return send(json, true);
        }
        json.array()?;
        while json.item()? {
            send(json, false)?;
        }
        Ok(())
    }
}

/// Remembers what is known of an instrument. A name is copied only once.
fn keep(all: &mut HashMap<String, Best>, symbol: &str, best: Best) {
    match all.get_mut(symbol) {
        Some(known) => *known = best,
        None => {
            all.insert(symbol.to_owned(), best);
        }
    }
}

fn trade<'a>(json: &mut Json<'a>) -> Result<draft::Trades<'a>> {
    let mut row = draft::Trades::default();
    let (mut time, mut price, mut size, mut side) = (None, None, None, None);
    let (mut in_block, mut in_auction) = (false, false);
    let mut floats = Floats::default();
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"s" | b"symbol" => row.symbol = json.text()?,
            b"T" | b"trade_time_ms" => time = Some(json.time_ms()?),
            b"p" | b"price" => price = Some(floats.of(json.decimal()?)),
            b"v" | b"size" => size = Some(floats.of(json.decimal()?)),
            b"S" | b"side" => side = Some(buys(json)?),
            b"i" | b"trade_id" => row.trade_uid = Some(json.text()?),
            b"BT" => in_block = json.boolean()?,
            b"RPI" => in_auction = json.boolean()?,
            _ => json.skip()?,
        }
    }
    if row.symbol.is_empty() {
        return Err(json.expected("a trade with `s`"));
    }
    // Ids are numbers on spot and UUIDs elsewhere.
    let id = json.need(row.trade_uid, "a trade with `i`")?;
    if id.bytes().all(|byte| byte.is_ascii_digit()) {
        row.trade_id = id.parse().ok();
        row.trade_uid = row.trade_uid.filter(|_| row.trade_id.is_none());
    }
    row.ts_event = json.need(time, "a trade with `T`")?;
    row.price = json.need(price, "a trade with `p`")?;
    row.size = json.need(size, "a trade with `v`")?;
    let buys = json.need(side, "a trade with `S`")?;
    row.side = if buys { Aggressor::Buy } else { Aggressor::Sell };
    row.conditions = match (in_block, in_auction) {
        (false, false) => None,
        (true, false) => Some("BT"),
        (false, true) => Some("RPI"),
        (true, true) => Some("BT,RPI"),
    };
    row.flags = floats.flags;
    Ok(row)
}

pub(super) fn buys(json: &mut Json<'_>) -> Result<bool> {
    let start = *json;
    match json.raw_text()? {
        b"Buy" => Ok(true),
        b"Sell" => Ok(false),
        _ => Err(start.expected("Buy or Sell")),
    }
}

fn liquidation<'a>(json: &mut Json<'a>) -> Result<draft::Liquidations<'a>> {
    let mut row = draft::Liquidations::default();
    let (mut floats, mut time, mut size, mut side) = (Floats::default(), None, None, None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"s" | b"symbol" => row.symbol = json.text()?,
            b"T" | b"updatedTime" => time = Some(json.time_ms()?),
            b"v" | b"size" => size = Some(floats.of(json.decimal()?)),
            b"p" | b"price" => row.price_bankruptcy = floats.of_some(json.decimal_or_null()?),
            b"S" | b"side" => side = Some(json.later()?),
            _ => json.skip()?,
        }
    }
    if row.symbol.is_empty() {
        return Err(json.expected("a liquidation with `s`"));
    }
    let mut side = json.need(side, "a liquidation with `S`")?;
    // The venue names the side of the position, which an order of the other side closes.
    row.side = if buys(&mut side.clone())? { OrderSide::Sell } else { OrderSide::Buy };
    row.side_raw = side.text()?;
    row.ts_event = json.need(time, "a liquidation with `T`")?;
    row.size = json.need(size, "a liquidation with `v`")?;
    row.flags = floats.flags;
    Ok(row)
}

/// A candle. Before v5 it left its length to the topic and counted seconds.
fn bar<'a>(
    json: &mut Json<'a>,
    category: Category,
    old_length: Option<&'a str>,
) -> Result<draft::Bars<'a>> {
    let mut row = draft::Bars {
        kind: BarKind::Time,
        price_source: BarPrice::Trade,
        source: BarSource::Venue,
        ..draft::Bars::default()
    };
    let (mut floats, mut prices, mut length) = (Floats::default(), [None; 4], old_length);
    let is_old = old_length.is_some();
    let (mut time, mut open, mut end) = (None, None, None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"start" if is_old => open = Some(json.time_s()?),
            b"end" if is_old => end = Some(json.time_s()?),
            b"timestamp" if is_old => time = Some(json.time_us()?),
            b"start" => open = Some(json.time_ms()?),
            b"end" => end = Some(json.time_ms()?),
            b"interval" => length = Some(json.text()?),
            b"open" => prices[0] = Some(floats.of(json.decimal()?)),
            b"high" => prices[1] = Some(floats.of(json.decimal()?)),
            b"low" => prices[2] = Some(floats.of(json.decimal()?)),
            b"close" => prices[3] = Some(floats.of(json.decimal()?)),
            b"volume" => row.volume = floats.of_some(json.decimal_or_null()?),
            // It counts the base coin on inverse contracts, which is no money.
            b"turnover" if category != Category::Inverse => {
                row.turnover = floats.of_some(json.decimal_or_null()?);
            }
            b"confirm" => row.is_final = i8::from(json.boolean()?),
            b"timestamp" => time = Some(json.time_ms()?),
            _ => json.skip()?,
        }
    }
    let [Some(first), Some(high), Some(low), Some(close)] = prices else {
        return Err(json.expected("a candle with `open`, `high`, `low` and `close`"));
    };
    (row.open, row.high, row.low, row.close) = (first, high, low, close);
    row.ts_open = json.need(open, "a candle with `start`")?;
    // Since v5 the venue names the last millisecond.
    let behind = if is_old { 0 } else { 1_000_000 };
    let end = json.need(end, "a candle with `end`")?.checked_add(behind);
    row.ts_close = json.need(end, "a candle before 2262")?;
    row.ts_event = json.need(time, "a candle with `timestamp`")?;
    let length = json.need(length, "a candle with `interval`")?;
    row.interval = interval(length);
    row.flags = floats.flags;
    Ok(row)
}

/// Our word for the length of a candle; the venue's own if it is new.
fn interval(length: &str) -> &str {
    match length {
        "1" => "1m",
        "3" => "3m",
        "5" => "5m",
        "15" => "15m",
        "30" => "30m",
        "60" => "1h",
        "120" => "2h",
        "240" => "4h",
        "360" => "6h",
        "720" => "12h",
        "D" => "1d",
        "W" => "1w",
        "M" => "1mo",
        other => other,
    }
}

/// Notices of maintenance.
fn statuses(json: &mut Json<'_>, sink: &mut dyn Sink) -> Result<()> {
    json.array()?;
    while json.item()? {
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
    }
    Ok(())
}

/// A number; zero for none.
fn or_zero(json: &mut Json<'_>) -> Result<Decimal> {
    Ok(json.decimal_or_null()?.unwrap_or(Decimal::ZERO))
}
