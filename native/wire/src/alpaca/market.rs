use rustonite_core::Decimal;
use rustonite_core::datasets::{
    Aggressor, BarKind, BarPrice, BarSource, BookSide, InstrumentStatus, draft, flags,
};

use super::{Alpaca, session};
use crate::codec::Codec as _;
use crate::common::read_named;
use crate::error::Result;
use crate::event::{BookUpdate, Control, Floats, Level, Sink};
use crate::json::{Json, Kind};

const MINUTE_NS: i64 = 60_000_000_000;
/// Clocks change on Sundays, when stocks have no bar, so a day of theirs always has 24 hours.
const DAY_NS: i64 = 86_400_000_000_000;

/// Codes of an ordinary trade: `@` on Nasdaq's tape, a blank on the two others.
const ORDINARY_TRADE: [&str; 3] = ["@", " ", ""];
/// The code of an ordinary quote.
const ORDINARY_QUOTE: [&str; 3] = ["R", " ", ""];

impl Alpaca {
    pub(super) fn message(
        &mut self,
        json: &mut Json<'_>,
        ts_recv: i64,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let mut kind = json.need(json.lookup(b"T")?, "a message with `T`")?;
        match kind.raw_text()? {
            b"t" => self.trade(json, ts_recv, sink),
            b"q" => self.quote(json, ts_recv, sink),
            b"o" => self.book(json, ts_recv, sink),
            b"b" => self.bar(json, ts_recv, Candle::MINUTE, sink),
            b"u" => self.bar(json, ts_recv, Candle::MINUTE_AGAIN, sink),
            b"d" => self.bar(json, ts_recv, Candle::DAY, sink),
            b"l" => self.limits(json, ts_recv, sink),
            b"s" => self.status(json, ts_recv, sink),
            b"c" => self.correction(json, ts_recv, sink),
            b"x" => self.cancelled(json, ts_recv, sink),
            // Imbalances of auctions and news, which no dataset holds.
            b"i" | b"n" => {
                sink.control(&Control::Nothing);
                json.skip()
            }
            b"success" => session::success(json, sink),
            b"error" => session::error(json, sink),
            b"subscription" => self.subscription(json, sink),
            other => {
                sink.control(&Control::Unknown(std::str::from_utf8(other).unwrap_or_default()));
                json.skip()
            }
        }
    }

    fn trade(&mut self, json: &mut Json<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<()> {
        let mut row = self.trade_row(ts_recv);
        self.words.clear();
        self.read_trade(json, &mut row)?;
        self.emit_trade(row, sink);
        Ok(())
    }

    /// A trade that did not count after all is repeated, with a flag and the word of the REST
    /// interface for it.
    fn cancelled(&mut self, json: &mut Json<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<()> {
        let mut row = self.trade_row(ts_recv);
        self.words.clear();
        self.words.push_str("canceled");
        self.read_trade(json, &mut row)?;
        row.flags |= flags::DOUBTFUL;
        self.emit_trade(row, sink);
        Ok(())
    }

    fn trade_row<'a>(&self, ts_recv: i64) -> draft::Trades<'a> {
        draft::Trades {
            ts_recv,
            venue: self.venue(),
            side: Aggressor::Unknown,
            flags: flags::LAST,
            ..draft::Trades::default()
        }
    }

    /// Fills a row; the conditions go to `self.words`.
    fn read_trade<'a>(&mut self, json: &mut Json<'a>, row: &mut draft::Trades<'a>) -> Result<()> {
        let (mut time, mut price, mut size) = (None, None, None);
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"S" => row.symbol = json.text()?,
                b"t" => time = Some(json.time_text()?),
                b"p" => price = Some(json.decimal()?),
                b"s" => size = Some(json.decimal()?),
                b"i" => row.trade_id = json.integer_or_null()?,
                b"x" => row.exchange = json.text_or_null()?.filter(|name| !name.is_empty()),
                b"c" => read_conditions(json, &ORDINARY_TRADE, &mut self.words)?,
                b"tks" => row.side = taker(json.text()?),
                _ => json.skip()?,
            }
        }
        let mut floats = Floats::new(row.flags);
        row.ts_event = json.need(time, "a trade with `t`")?;
        row.price = floats.of(json.need(price, "a trade with `p`")?);
        row.size = floats.of(json.need(size, "a trade with `s`")?);
        row.flags = floats.flags;
        if row.symbol.is_empty() {
            return Err(json.expected("a trade with `S`"));
        }
        Ok(())
    }

    fn emit_trade(&self, row: draft::Trades<'_>, sink: &mut dyn Sink) {
        sink.trade(&draft::Trades { conditions: words(&self.words), ..row });
    }

    /// A trade that another one replaces: the wrong one again with a flag, then the right one.
    fn correction(&mut self, json: &mut Json<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<()> {
        let mut row = self.trade_row(ts_recv);
        let (mut time, mut old, mut new) = (None, Print::default(), Print::default());
        self.words_old.clear();
        self.words_old.push_str("incorrect");
        self.words.clear();
        self.words.push_str("corrected");
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"S" => row.symbol = json.text()?,
                b"t" => time = Some(json.time_text()?),
                b"x" => row.exchange = json.text_or_null()?.filter(|name| !name.is_empty()),
                b"oi" => old.id = json.integer_or_null()?,
                b"op" => old.price = Some(json.decimal()?),
                b"os" => old.size = Some(json.decimal()?),
                b"oc" => read_conditions(json, &ORDINARY_TRADE, &mut self.words_old)?,
                b"ci" => new.id = json.integer_or_null()?,
                b"cp" => new.price = Some(json.decimal()?),
                b"cs" => new.size = Some(json.decimal()?),
                b"cc" => read_conditions(json, &ORDINARY_TRADE, &mut self.words)?,
                _ => json.skip()?,
            }
        }
        row.ts_event = json.need(time, "a correction with `t`")?;
        if row.symbol.is_empty() {
            return Err(json.expected("a correction with `S`"));
        }
        let first = flags::DOUBTFUL;
        let old_row = old.put(json, draft::Trades { flags: first, ..row })?;
        let new_row = new.put(json, row)?;
        sink.trade(&draft::Trades { conditions: words(&self.words_old), ..old_row });
        self.emit_trade(new_row, sink);
        Ok(())
    }

    /// Sizes of stock quotes are kept as sent: round lots until November 2025, shares since.
    fn quote(&mut self, json: &mut Json<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<()> {
        let mut row = draft::Quotes { ts_recv, venue: self.venue(), ..draft::Quotes::default() };
        let (mut time, mut bid, mut ask) = (None, [None; 2], [None; 2]);
        self.words.clear();
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"S" => row.symbol = json.text()?,
                b"t" => time = Some(json.time_text()?),
                b"bp" => bid[0] = Some(json.decimal()?),
                b"bs" => bid[1] = Some(json.decimal()?),
                b"bx" => row.bid_exchange = json.text_or_null()?.filter(|name| is_place(name)),
                b"ap" => ask[0] = Some(json.decimal()?),
                b"as" => ask[1] = Some(json.decimal()?),
                b"ax" => row.ask_exchange = json.text_or_null()?.filter(|name| is_place(name)),
                b"c" => read_conditions(json, &ORDINARY_QUOTE, &mut self.words)?,
                _ => json.skip()?,
            }
        }
        if row.symbol.is_empty() {
            return Err(json.expected("a quote with `S`"));
        }
        let mut floats = Floats::new(flags::LAST);
        row.ts_event = json.need(time, "a quote with `t`")?;
        json.need(bid[0].and(ask[0]), "a quote with `bp` and `ap`")?;
        json.need(bid[1].and(ask[1]), "a quote with `bs` and `as`")?;
        (row.bid_price, row.bid_size) = floats.side(bid[0], bid[1]);
        (row.ask_price, row.ask_size) = floats.side(ask[0], ask[1]);
        row.conditions = words(&self.words);
        row.flags = floats.flags;
        sink.quote(&row);
        Ok(())
    }

    /// Changes of a book of crypto, or the whole of it if `r` is true.
    fn book(&mut self, json: &mut Json<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<()> {
        let (mut symbol, mut time, mut whole) = (None, None, false);
        self.levels.clear();
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"S" => symbol = Some(json.text()?),
                b"t" => time = Some(json.time_text()?),
                b"b" => read_levels(json, BookSide::Bid, &mut self.levels)?,
                b"a" => read_levels(json, BookSide::Ask, &mut self.levels)?,
                b"r" => whole = json.boolean()?,
                _ => json.skip()?,
            }
        }
        sink.book(&BookUpdate {
            symbol: json.need(symbol, "a book with `S`")?,
            ts_event: json.need(time, "a book with `t`")?,
            ts_recv,
            is_snapshot: whole,
            levels: &self.levels,
            ..BookUpdate::default()
        });
        Ok(())
    }

    /// A bar. The venue sends when it begins and not when it was made.
    fn bar(
        &mut self,
        json: &mut Json<'_>,
        ts_recv: i64,
        candle: Candle,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let mut floats = Floats::new(flags::LAST | flags::LOCAL_TIME);
        let (mut symbol, mut open_time, mut prices) = (None, None, [None; 4]);
        let mut row = draft::Bars {
            ts_event: ts_recv,
            ts_recv,
            venue: self.venue(),
            interval: candle.interval,
            kind: BarKind::Time,
            price_source: BarPrice::Trade,
            source: BarSource::Venue,
            revision: candle.revision,
            is_final: i8::from(candle.is_final),
            ..draft::Bars::default()
        };
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"S" => symbol = Some(json.text()?),
                b"t" => open_time = Some(json.time_text()?),
                b"o" => prices[0] = Some(floats.of(json.decimal()?)),
                b"h" => prices[1] = Some(floats.of(json.decimal()?)),
                b"l" => prices[2] = Some(floats.of(json.decimal()?)),
                b"c" => prices[3] = Some(floats.of(json.decimal()?)),
                b"v" => row.volume = floats.of_some(json.decimal_or_null()?),
                b"vw" => row.vwap = floats.of_some(json.decimal_or_null()?),
                b"n" => row.count = json.integer_or_null()?,
                _ => json.skip()?,
            }
        }
        let [Some(open), Some(high), Some(low), Some(close)] = prices else {
            return Err(json.expected("a bar with `o`, `h`, `l` and `c`"));
        };
        (row.open, row.high, row.low, row.close) = (open, high, low, close);
        row.symbol = json.need(symbol, "a bar with `S`")?;
        row.ts_open = json.need(open_time, "a bar with `t`")?;
        let ts_close = row.ts_open.checked_add(candle.length_ns);
        row.ts_close = json.need(ts_close, "a bar before 2262")?;
        row.vwap = row.vwap.filter(|price| *price != 0.0);
        row.flags = floats.flags;
        sink.bar(&row);
        Ok(())
    }

    /// The price band of a stock (limit up, limit down).
    fn limits(&mut self, json: &mut Json<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<()> {
        let mut row = self.ticker_row(ts_recv);
        let mut floats = Floats::new(flags::LAST);
        let mut time = None;
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"S" => row.symbol = json.text()?,
                b"t" => time = Some(json.time_text()?),
                b"u" => row.limit_up_price = floats.of_some(json.decimal_or_null()?),
                b"d" => row.limit_down_price = floats.of_some(json.decimal_or_null()?),
                _ => json.skip()?,
            }
        }
        row.ts_event = json.need(time, "a price band with `t`")?;
        row.flags = floats.flags;
        emit_ticker(json, &row, sink)
    }

    /// Whether a stock trades. The codes are those of the two tapes, which do not overlap.
    fn status(&mut self, json: &mut Json<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<()> {
        let mut row = self.ticker_row(ts_recv);
        let (mut time, mut code, mut text, mut reason) = (None, None, None, None);
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"S" => row.symbol = json.text()?,
                b"t" => time = Some(json.time_text()?),
                b"sc" => code = json.text_or_null()?,
                b"sm" => text = json.text_or_null()?.filter(|text| !text.is_empty()),
                b"rc" => reason = json.text_or_null()?.filter(|reason| !reason.is_empty()),
                _ => json.skip()?,
            }
        }
        let code = json.need(code, "a status with `sc`")?;
        self.words.clear();
        self.words.push_str(text.unwrap_or(code));
        if let Some(reason) = reason {
            self.words.extend([" (", reason, ")"]);
        }
        row.ts_event = json.need(time, "a status with `t`")?;
        row.status = status_of(code);
        row.status_raw = Some(&self.words);
        row.flags = flags::LAST;
        emit_ticker(json, &row, sink)
    }

    fn ticker_row<'a>(&self, ts_recv: i64) -> draft::Tickers<'a> {
        draft::Tickers {
            ts_event: ts_recv,
            ts_recv,
            venue: self.venue(),
            ..draft::Tickers::default()
        }
    }
}

/// What a bar covers and how often it comes.
#[derive(Clone, Copy, Debug)]
struct Candle {
    interval: &'static str,
    length_ns: i64,
    revision: i32,
    is_final: bool,
}

impl Candle {
    const MINUTE: Self = Self { interval: "1m", length_ns: MINUTE_NS, revision: 0, is_final: true };
    /// Half a minute later, with trades that came late.
    const MINUTE_AGAIN: Self = Self { revision: 1, ..Self::MINUTE };
    /// Comes every minute while it grows.
    const DAY: Self = Self { interval: "1d", length_ns: DAY_NS, revision: 0, is_final: false };
}

/// One of the two trades of a correction.
#[derive(Clone, Copy, Debug, Default)]
struct Print {
    id: Option<i64>,
    price: Option<Decimal>,
    size: Option<Decimal>,
}

impl Print {
    fn put<'a>(self, json: &Json<'_>, row: draft::Trades<'a>) -> Result<draft::Trades<'a>> {
        let mut floats = Floats::new(row.flags);
        let price = floats.of(json.need(self.price, "a correction with `op` and `cp`")?);
        let size = floats.of(json.need(self.size, "a correction with `os` and `cs`")?);
        Ok(draft::Trades { price, size, trade_id: self.id, flags: floats.flags, ..row })
    }
}

fn emit_ticker(json: &Json<'_>, row: &draft::Tickers<'_>, sink: &mut dyn Sink) -> Result<()> {
    if row.symbol.is_empty() {
        return Err(json.expected("a message with `S`"));
    }
    sink.ticker(row);
    Ok(())
}

fn is_place(name: &str) -> bool {
    !name.trim().is_empty()
}

fn words(words: &str) -> Option<&str> {
    Some(words).filter(|words| !words.is_empty())
}

fn add_word(word: &str, words: &mut String) {
    if !words.is_empty() {
        words.push(',');
    }
    words.push_str(word);
}

/// Condition codes, which are a list for stocks and one text for options.
fn read_conditions(json: &mut Json<'_>, ordinary: &[&str], words: &mut String) -> Result<()> {
    let mut add = |word: &str| {
        if !ordinary.contains(&word) {
            add_word(word, words);
        }
    };
    if json.kind()? != Kind::Array {
        add(json.text_or_null()?.unwrap_or_default());
        return Ok(());
    }
    json.array()?;
    while json.item()? {
        add(json.text()?);
    }
    Ok(())
}

fn taker(word: &str) -> Aggressor {
    match word {
        "B" => Aggressor::Buy,
        "S" => Aggressor::Sell,
        _ => Aggressor::Unknown,
    }
}

fn status_of(code: &str) -> Option<InstrumentStatus> {
    match code {
        "2" | "H" | "P" => Some(InstrumentStatus::Halted),
        "3" | "T" => Some(InstrumentStatus::Trading),
        // Quotes are collected for the auction that ends a halt.
        "Q" => Some(InstrumentStatus::Auction),
        // Imbalances, price indications, short sale restrictions.
        _ => None,
    }
}

fn read_levels(json: &mut Json<'_>, side: BookSide, levels: &mut Vec<Level>) -> Result<()> {
    if json.took_null()? { Ok(()) } else { read_named(json, ["p", "s"], side, levels) }
}
