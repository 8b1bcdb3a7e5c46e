use rustonite_core::datasets::{
    Aggressor, BarKind, BarPrice, BarSource, BookSide, OrderSide, VolumeWindow, draft, flags,
};

use super::{Binance, Market};
use crate::codec::Codec as _;
use crate::common::{local_time, read_pairs};
use crate::error::Result;
use crate::event::{BookUpdate, Control, Floats, Sink};
use crate::json::{Json, Kind};

/// What surrounds an event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'a> {
    pub(super) ts_recv: i64,
    /// Name of the stream, on connections that have several.
    pub(super) stream: Option<&'a str>,
    /// Whether the event is one of an array.
    pub(super) in_array: bool,
}

impl<'a> Scope<'a> {
    /// The flag `last`, unless another row of the same message follows.
    fn last(&self, json: &mut Json<'_>) -> i32 {
        if self.in_array && !json.at_last_item() { 0 } else { flags::LAST }
    }

    /// Symbol and levels if the stream is one of best levels, whose messages are whole pictures.
    fn top_of(&self) -> Option<&'a str> {
        let (symbol, channel) = self.stream?.split_once('@')?;
        let levels = channel.strip_prefix("depth")?;
        levels.starts_with(|first: char| first.is_ascii_digit()).then_some(symbol)
    }
}

impl Binance {
    /// An event, or an array of events.
    pub(super) fn events(
        &mut self,
        json: &mut Json<'_>,
        scope: Scope<'_>,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        if json.kind()? != Kind::Array {
            return self.event(json, scope, sink);
        }
        json.array()?;
        while json.item()? {
            self.event(json, Scope { in_array: true, ..scope }, sink)?;
        }
        Ok(())
    }

    fn event(&mut self, json: &mut Json<'_>, scope: Scope<'_>, sink: &mut dyn Sink) -> Result<()> {
        let Some(mut name) = json.lookup(b"e")? else {
            return self.unnamed(json, scope, sink);
        };
        match name.raw_text()? {
            b"bookTicker" => self.quote(json, scope, sink),
            b"depthUpdate" => self.depth(json, scope, sink),
            b"trade" => self.trade(json, scope, b"t", sink),
            b"aggTrade" => self.trade(json, scope, b"a", sink),
            b"markPriceUpdate" => self.mark(json, scope, sink),
            b"kline" => self.kline(json, scope, sink),
            b"24hrTicker" | b"24hrMiniTicker" => self.ticker(json, scope, sink),
            b"indexPriceUpdate" | b"avgPrice" => self.other_price(json, scope, sink),
            b"forceOrder" => self.liquidation(json, scope, sink),
            b"serverShutdown" => {
                sink.control(&Control::Shutdown("serverShutdown"));
                json.skip()
            }
            other => {
                sink.control(&Control::Unknown(std::str::from_utf8(other).unwrap_or_default()));
                json.skip()
            }
        }
    }

    /// Events of spot that have no name, and answers to requests.
    fn unnamed(
        &mut self,
        json: &mut Json<'_>,
        scope: Scope<'_>,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let has = |key: &[u8]| json.lookup(key).map(|found| found.is_some());
        if has(b"B")? && has(b"A")? {
            self.quote(json, scope, sink)
        } else if has(b"lastUpdateId")? && scope.top_of().is_some() {
            self.depth(json, scope, sink)
        } else {
            super::session::answer(json, sink)
        }
    }

    /// A trade, or several of one order in one. `a` is an order in the first and the id in the other.
    fn trade(
        &mut self,
        json: &mut Json<'_>,
        scope: Scope<'_>,
        id_key: &[u8],
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let (mut symbol, mut time, mut price, mut size) = (None, None, None, None);
        let (mut id, mut first, mut last, mut buyer_makes) = (None, None, None, None);
        let mut kind = None;
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"s" => symbol = Some(json.text()?),
                b"T" => time = Some(json.time_ms_or_us()?),
                b"p" => price = Some(json.decimal()?),
                b"q" => size = Some(json.decimal()?),
                b"f" => first = Some(json.integer()?),
                b"l" => last = Some(json.integer()?),
                b"m" => buyer_makes = Some(json.boolean()?),
                b"X" => kind = json.text_or_null()?.filter(|kind| *kind != "MARKET"),
                _ if key == id_key => id = Some(json.integer()?),
                _ => json.skip()?,
            }
        }
        let mut floats = Floats::new(scope.last(json));
        let count = first
            .zip(last)
            .and_then(|(first, last)| i32::try_from(last.checked_sub(first)?.checked_add(1)?).ok());
        let row = draft::Trades {
            ts_event: json.need(time, "a trade with `T`")?,
            ts_recv: scope.ts_recv,
            venue: self.venue(),
            symbol: json.need(symbol, "a trade with `s`")?,
            price: floats.of(json.need(price, "a trade with `p`")?),
            size: floats.of(json.need(size, "a trade with `q`")?),
            side: aggressor(json.need(buyer_makes, "a trade with `m`")?),
            trade_id: Some(json.need(id, "a trade with its id")?),
            count,
            conditions: kind,
            flags: floats.flags,
            ..draft::Trades::default()
        };
        sink.trade(&row);
        Ok(())
    }

    fn quote(&mut self, json: &mut Json<'_>, scope: Scope<'_>, sink: &mut dyn Sink) -> Result<()> {
        let (mut symbol, mut sent, mut matched, mut seq) = (None, None, None, None);
        let (mut bid, mut bid_size, mut ask, mut ask_size) = (None, None, None, None);
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"s" => symbol = Some(json.text()?),
                b"u" => seq = Some(json.integer()?),
                b"T" => matched = Some(json.time_ms_or_us()?),
                b"E" => sent = Some(json.time_ms_or_us()?),
                b"b" => bid = Some(json.decimal()?),
                b"B" => bid_size = Some(json.decimal()?),
                b"a" => ask = Some(json.decimal()?),
                b"A" => ask_size = Some(json.decimal()?),
                _ => json.skip()?,
            }
        }
        let time = matched.or(sent);
        let local = local_time(time);
        let mut floats = Floats::new(scope.last(json) | local);
        json.need(bid.and(bid_size), "a quote with `b` and `B`")?;
        json.need(ask.and(ask_size), "a quote with `a` and `A`")?;
        let (bid_price, bid_size) = floats.side(bid, bid_size);
        let (ask_price, ask_size) = floats.side(ask, ask_size);
        let row = draft::Quotes {
            ts_event: time.unwrap_or(scope.ts_recv),
            ts_recv: scope.ts_recv,
            venue: self.venue(),
            symbol: json.need(symbol, "a quote with `s`")?,
            bid_price,
            bid_size,
            ask_price,
            ask_size,
            seq,
            flags: floats.flags,
            ..draft::Quotes::default()
        };
        sink.quote(&row);
        Ok(())
    }

    /// Changes of a book, or a picture of its best levels.
    fn depth(&mut self, json: &mut Json<'_>, scope: Scope<'_>, sink: &mut dyn Sink) -> Result<()> {
        let (mut symbol, mut sent, mut matched) = (None, None, None);
        let mut update = BookUpdate { ts_recv: scope.ts_recv, ..BookUpdate::default() };
        self.levels.clear();
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"s" => symbol = Some(json.text()?),
                b"E" => sent = Some(json.time_ms_or_us()?),
                b"T" => matched = Some(json.time_ms_or_us()?),
                b"U" => update.seq_first = Some(json.integer()?),
                b"u" | b"lastUpdateId" => update.seq = Some(json.integer()?),
                b"pu" => update.seq_prev = Some(json.integer()?),
                b"b" | b"bids" => read_pairs(json, BookSide::Bid, &mut self.levels)?,
                b"a" | b"asks" => read_pairs(json, BookSide::Ask, &mut self.levels)?,
                _ => json.skip()?,
            }
        }
        let time = matched.or(sent);
        update.ts_event = time.unwrap_or(scope.ts_recv);
        update.flags = local_time(time);
        if let Some(name) = scope.top_of() {
            self.symbol.clear();
            self.symbol.extend(name.chars().map(|letter| letter.to_ascii_uppercase()));
            update.seq = Some(json.need(update.seq, "a picture with `lastUpdateId` or `u`")?);
            self.top(&update, scope.last(json), sink);
            return Ok(());
        }
        update.symbol = json.need(symbol, "changes of a book with `s`")?;
        update.seq_first = Some(json.need(update.seq_first, "changes of a book with `U`")?);
        update.seq = Some(json.need(update.seq, "changes of a book with `u`")?);
        if self.market != Market::Spot {
            update.seq_prev = Some(json.need(update.seq_prev, "changes of a book with `pu`")?);
        }
        update.levels = &self.levels;
        sink.book(&update);
        Ok(())
    }

    fn top(&mut self, update: &BookUpdate<'_>, last: i32, sink: &mut dyn Sink) {
        let mut floats = Floats::new(update.flags | last | flags::SNAPSHOT);
        self.top.fill(&self.levels, &mut floats);
        sink.top(&draft::BookSnapshots {
            ts_event: update.ts_event,
            ts_recv: update.ts_recv,
            venue: self.venue(),
            symbol: &self.symbol,
            seq: update.seq,
            flags: floats.flags,
            ..self.top.row()
        });
    }

    fn mark(&mut self, json: &mut Json<'_>, scope: Scope<'_>, sink: &mut dyn Sink) -> Result<()> {
        let mut row = self.ticker_row(scope);
        let mut floats = Floats::default();
        let mut symbol = None;
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"s" => symbol = Some(json.text()?),
                b"E" => row.ts_event = json.time_ms_or_us()?,
                b"p" => row.mark_price = floats.of_some(json.decimal_or_null()?),
                b"ap" => row.mark_price_average = floats.of_some(json.decimal_or_null()?),
                b"i" => row.index_price = floats.of_some(json.decimal_or_null()?),
                b"P" => row.settle_price = floats.of_some(json.decimal_or_null()?),
                b"r" => row.funding_rate = floats.of_some(json.decimal_or_null()?),
                b"T" => row.ts_funding_next = Some(json.time_ms_or_us()?).filter(|time| *time > 0),
                _ => json.skip()?,
            }
        }
        row.symbol = json.need(symbol, "a mark price with `s`")?;
        row.flags = floats.flags | scope.last(json);
        sink.ticker(&row);
        Ok(())
    }

    fn ticker(&mut self, json: &mut Json<'_>, scope: Scope<'_>, sink: &mut dyn Sink) -> Result<()> {
        let mut row = self.ticker_row(scope);
        let mut floats = Floats::default();
        let mut symbol = None;
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"s" => symbol = Some(json.text()?),
                b"E" => row.ts_event = json.time_ms_or_us()?,
                b"c" => row.last_price = floats.of_some(json.decimal_or_null()?),
                b"Q" => row.last_size = floats.of_some(json.decimal_or_null()?),
                b"o" => row.open_price = floats.of_some(json.decimal_or_null()?),
                b"h" => row.high_price = floats.of_some(json.decimal_or_null()?),
                b"l" => row.low_price = floats.of_some(json.decimal_or_null()?),
                b"w" => row.average_price = floats.of_some(json.decimal_or_null()?),
                b"x" => row.close_prev_price = floats.of_some(json.decimal_or_null()?),
                b"v" => row.volume = floats.of_some(json.decimal_or_null()?),
                // On COIN-M this counts the base coin, which is no turnover.
                b"q" if self.market != Market::CoinM => {
                    row.turnover = floats.of_some(json.decimal_or_null()?);
                }
                b"n" => row.count = json.integer_or_null()?,
                _ => json.skip()?,
            }
        }
        row.symbol = json.need(symbol, "a ticker with `s`")?;
        row.volume_window = Some(VolumeWindow::Rolling24h);
        row.flags = floats.flags | scope.last(json);
        sink.ticker(&row);
        Ok(())
    }

    /// The price of an index of COIN-M, or the average price of spot.
    fn other_price(
        &mut self,
        json: &mut Json<'_>,
        scope: Scope<'_>,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let mut row = self.ticker_row(scope);
        let mut floats = Floats::default();
        let (mut symbol, mut index) = (None, None);
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"s" => symbol = Some(json.text()?),
                // An index, or over how long an average is.
                b"i" => index = Some(json.text()?),
                b"E" => row.ts_event = json.time_ms_or_us()?,
                b"T" => row.ts_last = Some(json.time_ms_or_us()?).filter(|time| *time > 0),
                b"p" => row.index_price = floats.of_some(json.decimal_or_null()?),
                b"w" => row.average_price = floats.of_some(json.decimal_or_null()?),
                _ => json.skip()?,
            }
        }
        row.symbol = json.need(symbol.or(index), "a price with `s` or `i`")?;
        row.flags = floats.flags | scope.last(json);
        sink.ticker(&row);
        Ok(())
    }

    pub(super) fn ticker_row(&self, scope: Scope<'_>) -> draft::Tickers<'static> {
        draft::Tickers {
            ts_event: scope.ts_recv,
            ts_recv: scope.ts_recv,
            venue: self.venue(),
            ..draft::Tickers::default()
        }
    }

    fn kline(&mut self, json: &mut Json<'_>, scope: Scope<'_>, sink: &mut dyn Sink) -> Result<()> {
        let (mut symbol, mut sent, mut bar) = (None, None, None);
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"s" => symbol = Some(json.text()?),
                b"E" => sent = Some(json.time_ms_or_us()?),
                b"k" => bar = Some(self.bar(json)?),
                _ => json.skip()?,
            }
        }
        let mut row = json.need(bar, "a candle with `k`")?;
        row.symbol = json.need(symbol, "a candle with `s`")?;
        row.ts_event = json.need(sent, "a candle with `E`")?;
        row.ts_recv = scope.ts_recv;
        row.flags |= scope.last(json);
        sink.bar(&row);
        Ok(())
    }

    fn bar<'a>(&self, json: &mut Json<'a>) -> Result<draft::Bars<'a>> {
        let mut row = draft::Bars {
            venue: self.venue(),
            kind: BarKind::Time,
            price_source: BarPrice::Trade,
            source: BarSource::Venue,
            ..draft::Bars::default()
        };
        let mut floats = Floats::default();
        let in_coins = self.market == Market::CoinM;
        let (mut open, mut end, mut interval, mut prices) = (None, None, None, [None; 4]);
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"t" => open = Some(json.time_ms_or_us()?),
                b"T" => end = Some(json.integer()?),
                b"i" => interval = Some(json.text()?),
                b"o" => prices[0] = Some(floats.of(json.decimal()?)),
                b"h" => prices[1] = Some(floats.of(json.decimal()?)),
                b"l" => prices[2] = Some(floats.of(json.decimal()?)),
                b"c" => prices[3] = Some(floats.of(json.decimal()?)),
                b"v" => row.volume = floats.of_some(json.decimal_or_null()?),
                b"V" => row.buy_volume = floats.of_some(json.decimal_or_null()?),
                b"q" if !in_coins => row.turnover = floats.of_some(json.decimal_or_null()?),
                b"Q" if !in_coins => row.buy_turnover = floats.of_some(json.decimal_or_null()?),
                b"n" => row.count = json.integer_or_null()?,
                b"f" => row.trade_id_first = json.integer_or_null()?.filter(|id| *id >= 0),
                b"L" => row.trade_id_last = json.integer_or_null()?.filter(|id| *id >= 0),
                b"x" => row.is_final = i8::from(json.boolean()?),
                _ => json.skip()?,
            }
        }
        let [Some(open_price), Some(high), Some(low), Some(close)] = prices else {
            return Err(json.expected("a candle with `o`, `h`, `l` and `c`"));
        };
        (row.open, row.high, row.low, row.close) = (open_price, high, low, close);
        row.ts_open = json.need(open, "a candle with `t`")?;
        row.ts_close = bar_end(json.need(end, "a candle with `T`")?)
            .ok_or_else(|| json.expected("an end of a candle before 2262"))?;
        row.interval = match json.need(interval, "a candle with `i`")? {
            "1M" => "1mo",
            other => other,
        };
        row.flags = floats.flags;
        Ok(row)
    }

    fn liquidation(
        &mut self,
        json: &mut Json<'_>,
        scope: Scope<'_>,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let mut row = draft::Liquidations {
            ts_event: scope.ts_recv,
            ts_recv: scope.ts_recv,
            venue: self.venue(),
            ..draft::Liquidations::default()
        };
        let mut floats = Floats::default();
        let (mut order, mut sent) = (None, None);
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"E" => sent = Some(json.time_ms_or_us()?),
                b"o" => order = Some(json.later()?),
                _ => json.skip()?,
            }
        }
        let mut order = json.need(order, "a liquidation with `o`")?;
        let (mut symbol, mut side, mut size, mut time) = (None, None, None, None);
        order.object()?;
        while let Some(key) = order.key()? {
            match key {
                b"s" => symbol = Some(order.text()?),
                b"S" => side = Some(order.text()?),
                b"q" => size = Some(floats.of(order.decimal()?)),
                b"p" => row.price = floats.of_some(order.decimal_or_null()?),
                b"ap" => row.price_average = floats.of_some(order.decimal_or_null()?),
                b"z" => row.size_filled = floats.of_some(order.decimal_or_null()?),
                b"X" => row.status_raw = order.text_or_null()?,
                b"T" => time = Some(order.time_ms_or_us()?),
                _ => order.skip()?,
            }
        }
        row.symbol = order.need(symbol, "a liquidation with `s`")?;
        row.side_raw = order.need(side, "a liquidation with `S`")?;
        row.side = match row.side_raw {
            "BUY" => OrderSide::Buy,
            "SELL" => OrderSide::Sell,
            _ => return Err(order.expected("`S` of BUY or SELL")),
        };
        row.size = order.need(size, "a liquidation with `q`")?;
        row.ts_event = order.need(time.or(sent), "a liquidation with `T`")?;
        row.flags = floats.flags | scope.last(json);
        sink.liquidation(&row);
        Ok(())
    }
}

/// The end of a bar behind its last unit of time, which is what Binance sends.
fn bar_end(last: i64) -> Option<i64> {
    let unit_ns = if last < 100_000_000_000_000 { 1_000_000 } else { 1_000 };
    last.checked_add(1)?.checked_mul(unit_ns)
}

/// The taker, from whether the buyer was the maker.
fn aggressor(buyer_makes: bool) -> Aggressor {
    if buyer_makes { Aggressor::Sell } else { Aggressor::Buy }
}
