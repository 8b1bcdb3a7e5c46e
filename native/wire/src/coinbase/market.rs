use rustonite_core::datasets::{Aggressor, BookSide, VolumeWindow, draft, flags};

use super::{Coinbase, VENUE};
use crate::common::{local_time, price_and_size, quote, read_pairs, rest_of_array, word};
use crate::error::Result;
use crate::event::{BookUpdate, Control, Floats, Level, Order, Sink};
use crate::json::Json;

impl Coinbase {
    /// A whole book. It says no time, except since the venue added one.
    pub(super) fn picture(
        &mut self,
        json: &mut Json<'_>,
        ts_recv: i64,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let (mut symbol, mut time) = (None, None);
        self.levels.clear();
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"product_id" => symbol = Some(json.text()?),
                b"bids" => read_pairs(json, BookSide::Bid, &mut self.levels)?,
                b"asks" => read_pairs(json, BookSide::Ask, &mut self.levels)?,
                b"time" => time = Some(json.time_text()?),
                _ => json.skip()?,
            }
        }
        sink.book(&BookUpdate {
            symbol: json.need(symbol, "a picture of a book with `product_id`")?,
            ts_event: time.unwrap_or(ts_recv),
            ts_recv,
            is_snapshot: true,
            flags: local_time(time),
            levels: &self.levels,
            ..BookUpdate::default()
        });
        Ok(())
    }

    pub(super) fn changes(
        &mut self,
        json: &mut Json<'_>,
        ts_recv: i64,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let (mut symbol, mut time, mut told) = (None, None, false);
        self.levels.clear();
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"product_id" => symbol = Some(json.text()?),
                b"time" => time = Some(json.time_text()?),
                b"changes" => {
                    told = true;
                    read_changes(json, &mut self.levels)?;
                }
                _ => json.skip()?,
            }
        }
        json.need(told.then_some(()), "changes of a book with `changes`")?;
        sink.book(&BookUpdate {
            symbol: json.need(symbol, "changes of a book with `product_id`")?,
            ts_event: time.unwrap_or(ts_recv),
            ts_recv,
            flags: local_time(time),
            levels: &self.levels,
            ..BookUpdate::default()
        });
        Ok(())
    }

    /// A trade; where orders are followed one by one also what it does to the maker's order.
    pub(super) fn matched(
        &mut self,
        name: &str,
        json: &mut Json<'_>,
        ts_recv: i64,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let (mut symbol, mut time, mut id, mut seq) = (None, None, None, None);
        let (mut maker, mut taker) = (None, None);
        let (mut side, mut price, mut size) = (None, None, None);
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"product_id" => symbol = Some(json.text()?),
                b"time" => time = Some(json.time_text()?),
                b"trade_id" => id = Some(json.integer()?),
                b"sequence" => seq = Some(json.integer()?),
                b"maker_order_id" => maker = Some(json.text()?),
                b"taker_order_id" => taker = Some(json.text()?),
                b"side" => side = Some(book_side(json)?),
                b"price" => price = Some(json.decimal()?),
                b"size" => size = Some(json.decimal()?),
                _ => json.skip()?,
            }
        }
        let symbol = json.need(symbol, "a match with `product_id`")?;
        let side = json.need(side, "a match with `side`")?;
        let price = json.need(price, "a match with `price`")?;
        let size = json.need(size, "a match with `size`")?;
        let time = json.need(time, "a match with `time`")?;
        // The last match before the subscription may be stored already.
        let stale = if name == "last_match" { flags::STALE } else { 0 };
        let mut floats = Floats::new(flags::LAST | stale);
        sink.trade(&draft::Trades {
            ts_event: time,
            ts_recv,
            venue: VENUE,
            symbol,
            price: floats.of(price),
            size: floats.of(size),
            side: against(side),
            trade_id: Some(json.need(id, "a match with `trade_id`")?),
            conditions: (name == "rfq_match").then_some("rfq_match"),
            flags: floats.flags,
            ..draft::Trades::default()
        });
        if name == "match" && self.ordered.contains(symbol) {
            let order = Order {
                side: Some(side),
                order_uid: Some(json.need(maker, "a match with `maker_order_id`")?),
                counter_uid: taker,
                price: Some(price),
                size_filled: Some(size),
                trade_id: id,
                ..super::orders::fill()
            };
            super::orders::hand_out(symbol, (Some(time), ts_recv), seq, &order, sink);
        }
        Ok(())
    }
}

pub(super) fn ticker(json: &mut Json<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<()> {
    let (mut symbol, mut time, mut seq) = (None, None, None);
    let mut best = [None; 4];
    let mut floats = Floats::new(flags::LAST);
    let mut row = draft::Tickers { venue: VENUE, ts_recv, ..Default::default() };
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"product_id" => symbol = Some(json.text()?),
            b"time" => time = Some(json.time_text()?),
            b"sequence" => seq = json.integer_or_null()?,
            b"best_bid" => best[0] = json.decimal_or_null()?,
            b"best_bid_size" => best[1] = json.decimal_or_null()?,
            b"best_ask" => best[2] = json.decimal_or_null()?,
            b"best_ask_size" => best[3] = json.decimal_or_null()?,
            b"price" => row.last_price = floats.of_some(json.decimal_or_null()?),
            b"last_size" => row.last_size = floats.of_some(json.decimal_or_null()?),
            b"open_24h" => row.open_price = floats.of_some(json.decimal_or_null()?),
            b"high_24h" => row.high_price = floats.of_some(json.decimal_or_null()?),
            b"low_24h" => row.low_price = floats.of_some(json.decimal_or_null()?),
            b"volume_24h" => row.volume = floats.of_some(json.decimal_or_null()?),
            _ => json.skip()?,
        }
    }
    row.symbol = json.need(symbol, "a ticker with `product_id`")?;
    row.ts_event = time.unwrap_or(ts_recv);
    // The venue sends a ticker with each match, so its time is that of the match.
    row.ts_last = time;
    row.volume_window = Some(VolumeWindow::Rolling24h);
    row.flags = floats.flags | local_time(time);
    sink.ticker(&row);
    // Tickers of 2021 have no sizes and make no quote.
    if best[1].is_some() && best[3].is_some() {
        let quote = quote(&row, best, row.flags & !flags::INEXACT);
        sink.quote(&draft::Quotes { seq, ..quote });
    }
    Ok(())
}

pub(super) fn heartbeat(json: &mut Json<'_>, sink: &mut dyn Sink) -> Result<()> {
    let (mut symbol, mut id) = (None, None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"product_id" => symbol = Some(json.text()?),
            b"last_trade_id" => id = json.integer_or_null()?,
            _ => json.skip()?,
        }
    }
    sink.control(&Control::Heartbeat);
    // A product that never traded has the id 0.
    if let (Some(symbol), Some(trade_id @ 1..)) = (symbol, id) {
        sink.control(&Control::LastTrade { symbol, trade_id });
    }
    Ok(())
}

/// The side of a resting order.
pub(super) fn book_side(json: &mut Json<'_>) -> Result<BookSide> {
    word(json, &[(b"buy", BookSide::Bid), (b"sell", BookSide::Ask)], "a side of buy or sell")
}

/// The taker of a trade with a resting order.
pub(crate) fn against(maker: BookSide) -> Aggressor {
    match maker {
        BookSide::Bid => Aggressor::Sell,
        BookSide::Ask => Aggressor::Buy,
    }
}

fn read_changes(json: &mut Json<'_>, levels: &mut Vec<Level>) -> Result<()> {
    json.array()?;
    while json.item()? {
        json.array()?;
        json.next_item("a side")?;
        let side = book_side(json)?;
        let (price, size) = price_and_size(json)?;
        rest_of_array(json)?;
        levels.push(Level { side, price, size, count: None });
    }
    Ok(())
}
