use std::fmt::Write as _;

use rustonite_core::Decimal;
use rustonite_core::datasets::{
    Aggressor, BarKind, BarPrice, BarSource, BookSide, LiquidationParty, OrderSide, draft, flags,
};

use super::channel::counts_quote;
use super::{Deribit, VENUE};
use crate::common::{last, rest_of_array, word};
use crate::error::Result;
use crate::event::{BookUpdate, Floats, Level, Sink};
use crate::json::{Json, Kind};

const MINUTE_NS: i64 = 60_000_000_000;

/// What messages about books have in common.
struct Head<'a> {
    symbol: &'a str,
    time: i64,
    kind: Option<&'a str>,
    change: i64,
    before: Option<i64>,
}

impl Deribit {
    /// A picture or changes of a book.
    pub(super) fn book(
        &mut self,
        json: &mut Json<'_>,
        ts_recv: i64,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let start = *json;
        let head = self.read_book(json)?;
        let is_snapshot = match head.kind {
            Some("snapshot") => true,
            Some("change") => false,
            Some(_) => return Err(start.expected("a book of type snapshot or change")),
            // Older streams have no type; a picture is what nothing comes before.
            None => head.before.is_none(),
        };
        if !is_snapshot {
            start.need(head.before, "changes of a book with `prev_change_id`")?;
        }
        sink.book(&BookUpdate {
            symbol: head.symbol,
            ts_event: head.time,
            ts_recv,
            is_snapshot,
            seq: Some(head.change),
            seq_prev: head.before.filter(|_| !is_snapshot),
            levels: &self.levels,
            ..BookUpdate::default()
        });
        Ok(())
    }

    /// The best levels of a book.
    pub(super) fn best_levels(
        &mut self,
        json: &mut Json<'_>,
        ts_recv: i64,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let head = self.read_book(json)?;
        let mut floats = Floats::new(flags::LAST | flags::SNAPSHOT);
        self.top.fill(&self.levels, &mut floats);
        sink.top(&draft::BookSnapshots {
            ts_event: head.time,
            ts_recv,
            venue: VENUE,
            symbol: head.symbol,
            seq: Some(head.change),
            flags: floats.flags,
            ..self.top.row()
        });
        Ok(())
    }

    fn read_book<'a>(&mut self, json: &mut Json<'a>) -> Result<Head<'a>> {
        let (mut symbol, mut time, mut kind) = (None, None, None);
        let (mut change, mut before) = (None, None);
        self.levels.clear();
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"instrument_name" => symbol = Some(json.text()?),
                b"timestamp" => time = Some(json.time_ms()?),
                b"type" => kind = Some(json.text()?),
                b"change_id" => change = Some(json.integer()?),
                b"prev_change_id" => before = json.integer_or_null()?,
                b"bids" => read_levels(json, BookSide::Bid, &mut self.levels)?,
                b"asks" => read_levels(json, BookSide::Ask, &mut self.levels)?,
                _ => json.skip()?,
            }
        }
        Ok(Head {
            symbol: json.need(symbol, "a book with `instrument_name`")?,
            time: json.need(time, "a book with `timestamp`")?,
            kind,
            change: json.need(change, "a book with `change_id`")?,
            before,
        })
    }

    /// Trades, and the liquidations among them.
    pub(super) fn trades(
        &mut self,
        json: &mut Json<'_>,
        ts_recv: i64,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let mut liquidation = None;
        json.array()?;
        while json.item()? {
            let found = self.trade(json, ts_recv, sink)?;
            // Only behind the last trade it is known which liquidation is the last one.
            if let (Some(row), true) = (&liquidation, found.is_some()) {
                sink.liquidation(row);
            }
            liquidation = found.or(liquidation);
        }
        if let Some(row) = liquidation {
            sink.liquidation(&draft::Liquidations { flags: row.flags | flags::LAST, ..row });
        }
        Ok(())
    }

    fn trade<'a>(
        &mut self,
        json: &mut Json<'a>,
        ts_recv: i64,
        sink: &mut dyn Sink,
    ) -> Result<Option<draft::Liquidations<'a>>> {
        let (mut symbol, mut time, mut id) = (None, None, None);
        let (mut side, mut price, mut size, mut party) = (None, None, None, None);
        self.conditions.clear();
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"instrument_name" => symbol = Some(json.text()?),
                b"timestamp" => time = Some(json.time_ms()?),
                b"trade_id" => id = Some(json.text()?),
                b"direction" => side = Some(aggressor(json)?),
                b"price" => price = Some(json.decimal()?),
                b"amount" => size = Some(json.decimal()?),
                b"liquidation" => {
                    party = json.text_or_null()?;
                    if let Some(party) = party {
                        self.condition(format_args!("liquidation:{party}"));
                    }
                }
                b"block_trade_id" => self.condition_if_told(json, "block")?,
                b"block_rfq_id" => self.condition_if_told(json, "block_rfq")?,
                b"combo_id" => self.condition_if_told(json, "combo")?,
                _ => json.skip()?,
            }
        }
        let last = last(json);
        let mut floats = Floats::default();
        let side = json.need(side, "a trade with `direction`")?;
        let row = draft::Trades {
            ts_event: json.need(time, "a trade with `timestamp`")?,
            ts_recv,
            venue: VENUE,
            symbol: json.need(symbol, "a trade with `instrument_name`")?,
            price: floats.of(json.need(price, "a trade with `price`")?),
            size: floats.of(json.need(size, "a trade with `amount`")?),
            side,
            // Ids are text, and those of some currencies begin with its name.
            trade_uid: Some(json.need(id, "a trade with `trade_id`")?),
            conditions: Some(self.conditions.as_str()).filter(|words| !words.is_empty()),
            flags: floats.flags | last,
            ..draft::Trades::default()
        };
        sink.trade(&row);
        let Some(raw) = party else { return Ok(None) };
        let (party, side) = liquidated(json, raw, side)?;
        Ok(Some(draft::Liquidations {
            ts_event: row.ts_event,
            ts_recv,
            venue: VENUE,
            symbol: symbol.unwrap_or_default(),
            side,
            side_raw: raw,
            price: Some(row.price),
            size: row.size,
            size_filled: Some(row.size),
            liquidation_uid: id,
            party: Some(party),
            flags: floats.flags,
            ..draft::Liquidations::default()
        }))
    }

    fn condition(&mut self, word: std::fmt::Arguments<'_>) {
        let comma = if self.conditions.is_empty() { "" } else { "," };
        // Writing to a text cannot fail.
        let _ = write!(self.conditions, "{comma}{word}");
    }

    fn condition_if_told(&mut self, json: &mut Json<'_>, word: &str) -> Result<()> {
        if json.kind()? != Kind::Null {
            self.condition(format_args!("{word}"));
        }
        json.skip()
    }
}

fn aggressor(json: &mut Json<'_>) -> Result<Aggressor> {
    word(
        json,
        &[(b"buy", Aggressor::Buy), (b"sell", Aggressor::Sell)],
        "a direction of buy or sell",
    )
}

/// Which party of a trade was liquidated, and the side of its order. Of two the taker's is told.
fn liquidated(
    json: &Json<'_>,
    party: &str,
    taker: Aggressor,
) -> Result<(LiquidationParty, OrderSide)> {
    let party = match party {
        "M" => LiquidationParty::Maker,
        "T" => LiquidationParty::Taker,
        "MT" => LiquidationParty::Both,
        _ => return Err(json.expected("`liquidation` of M, T or MT")),
    };
    let buys = (taker == Aggressor::Buy) != (party == LiquidationParty::Maker);
    Ok((party, if buys { OrderSide::Buy } else { OrderSide::Sell }))
}

/// Levels as price and amount, with what happens to them in front if the book is told by changes.
fn read_levels(json: &mut Json<'_>, side: BookSide, levels: &mut Vec<Level>) -> Result<()> {
    json.array()?;
    while json.item()? {
        json.array()?;
        let mut removed = false;
        json.next_item("a level")?;
        if json.kind()? == Kind::Text {
            let start = *json;
            removed = match json.raw_text()? {
                b"new" | b"change" => false,
                b"delete" => true,
                _ => return Err(start.expected("new, change or delete")),
            };
            json.next_item("a price")?;
        }
        let price = json.decimal()?;
        json.next_item("an amount")?;
        let size = json.decimal()?;
        rest_of_array(json)?;
        let size = if removed { Decimal::ZERO } else { size };
        levels.push(Level { side, price, size, count: None });
    }
    Ok(())
}

pub(super) fn quote(json: &mut Json<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<()> {
    let (mut symbol, mut time, mut best) = (None, None, Best::default());
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"instrument_name" => symbol = Some(json.text()?),
            b"timestamp" => time = Some(json.time_ms()?),
            _ if !best.read(key, json)? => json.skip()?,
            _ => {}
        }
    }
    let symbol = json.need(symbol, "a quote with `instrument_name`")?;
    let time = json.need(time, "a quote with `timestamp`")?;
    let told = best.hand_out(symbol, time, ts_recv, sink);
    json.need(told, "a quote with prices and amounts")
}

/// Best bid and ask of a quote or ticker.
#[derive(Debug, Default)]
pub(super) struct Best {
    /// Price and amount of the bid, then of the ask, as far as they were told. A side without
    /// orders has price 0 or null, which we take for 0.
    values: [Option<Decimal>; 4],
}

impl Best {
    /// Reads the value of a key if it is one of these.
    pub(super) fn read(&mut self, key: &[u8], json: &mut Json<'_>) -> Result<bool> {
        let place = match key {
            b"best_bid_price" => 0,
            b"best_bid_amount" => 1,
            b"best_ask_price" => 2,
            b"best_ask_amount" => 3,
            _ => return Ok(false),
        };
        self.values[place] = Some(json.decimal_or_null()?.unwrap_or(Decimal::ZERO));
        Ok(true)
    }

    /// Whether the venue said that there is no bid, or no ask.
    pub(super) fn is_missing(&self, side: BookSide) -> bool {
        self.values[2 * side as usize].is_some_and(Decimal::is_zero)
    }

    /// A quote, if all of it was told: tickers of changes tell parts.
    pub(super) fn hand_out(
        &self,
        symbol: &str,
        time: i64,
        ts_recv: i64,
        sink: &mut dyn Sink,
    ) -> Option<()> {
        let [bid, bid_size, ask, ask_size] = self.values;
        bid.and(bid_size).and(ask).and(ask_size)?;
        let mut floats = Floats::new(flags::LAST);
        let (bid_price, bid_size) = floats.side(bid, bid_size);
        let (ask_price, ask_size) = floats.side(ask, ask_size);
        sink.quote(&draft::Quotes {
            ts_event: time,
            ts_recv,
            venue: VENUE,
            symbol,
            bid_price,
            bid_size,
            ask_price,
            ask_size,
            flags: floats.flags,
            ..draft::Quotes::default()
        });
        Some(())
    }
}

/// A candle, which says neither its instrument nor when it was sent.
pub(super) fn chart(
    json: &mut Json<'_>,
    symbol: &str,
    resolution: &str,
    ts_recv: i64,
    sink: &mut dyn Sink,
) -> Result<()> {
    let length = json.need(interval(resolution), "a chart of a known resolution")?;
    let (mut open, mut prices, mut volume, mut cost) = (None, [None; 4], None, None);
    let mut floats = Floats::new(flags::LAST | flags::LOCAL_TIME);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"tick" => open = Some(json.time_ms()?),
            b"open" => prices[0] = Some(floats.of(json.decimal()?)),
            b"high" => prices[1] = Some(floats.of(json.decimal()?)),
            b"low" => prices[2] = Some(floats.of(json.decimal()?)),
            b"close" => prices[3] = Some(floats.of(json.decimal()?)),
            b"volume" => volume = json.decimal_or_null()?,
            b"cost" => cost = json.decimal_or_null()?,
            _ => json.skip()?,
        }
    }
    let [Some(open_price), Some(high), Some(low), Some(close)] = prices else {
        return Err(json.expected("a candle with `open`, `high`, `low` and `close`"));
    };
    let ts_open = json.need(open, "a candle with `tick`")?;
    let ts_close = ts_open.checked_add(length.1);
    // `volume` counts the base, `cost` the quote currency.
    let size = if counts_quote(symbol) { cost } else { volume };
    let row = draft::Bars {
        ts_event: ts_recv,
        ts_recv,
        venue: VENUE,
        symbol,
        ts_open,
        ts_close: json.need(ts_close, "a candle that ends before 2262")?,
        interval: length.0,
        kind: BarKind::Time,
        price_source: BarPrice::Trade,
        source: BarSource::Venue,
        open: open_price,
        high,
        low,
        close,
        volume: floats.of_some(size),
        turnover: floats.of_some(cost),
        ..draft::Bars::default()
    };
    sink.bar(&draft::Bars { flags: floats.flags, ..row });
    Ok(())
}

/// Our name and the length of a resolution, which the venue counts in minutes.
fn interval(resolution: &str) -> Option<(&'static str, i64)> {
    let (name, minutes) = match resolution {
        "1" => ("1m", 1),
        "3" => ("3m", 3),
        "5" => ("5m", 5),
        "10" => ("10m", 10),
        "15" => ("15m", 15),
        "30" => ("30m", 30),
        "60" => ("1h", 60),
        "120" => ("2h", 120),
        "180" => ("3h", 180),
        "360" => ("6h", 360),
        "720" => ("12h", 720),
        "1D" => ("1d", 1440),
        _ => return None,
    };
    Some((name, minutes * MINUTE_NS))
}
