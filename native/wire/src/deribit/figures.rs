//! Tickers, indices, marks and states.

use rustonite_core::Decimal;
use rustonite_core::datasets::{BookSide, InstrumentStatus, VolumeWindow, draft, flags};

use super::VENUE;
use super::channel::counts_quote;
use super::market::Best;
use crate::common::{last, local_time};
use crate::error::Result;
use crate::event::{Floats, Sink};
use crate::json::{Json, Kind};

/// Figures of the day.
#[derive(Debug, Default)]
struct Day {
    volume: Option<Decimal>,
    /// In the quote currency of futures, in dollars for options.
    money: Option<Decimal>,
    high: Option<Decimal>,
    low: Option<Decimal>,
}

impl Day {
    /// Reads the value of a key if it is one of these.
    fn read(&mut self, key: &[u8], json: &mut Json<'_>) -> Result<bool> {
        let column = match key {
            b"volume" => &mut self.volume,
            b"volume_usd" | b"volume_notional" => &mut self.money,
            b"high" => &mut self.high,
            b"low" => &mut self.low,
            _ => return Ok(false),
        };
        *column = json.decimal_or_null()?.or(*column);
        Ok(true)
    }

    fn write(&self, row: &mut draft::Tickers<'_>, floats: &mut Floats) {
        let inverse = counts_quote(row.symbol);
        let option = row.symbol.ends_with("-C") || row.symbol.ends_with("-P");
        row.volume = floats.of_some(if inverse { self.money } else { self.volume });
        // Prices of options are in coins, but their money is told in dollars.
        row.turnover = floats.of_some(self.money.filter(|_| !option));
        row.high_price = floats.of_some(self.high);
        row.low_price = floats.of_some(self.low);
        let any = row.volume.or(row.turnover).or(row.high_price).or(row.low_price);
        row.volume_window = any.map(|_| VolumeWindow::Rolling24h);
    }
}

pub(super) fn ticker(json: &mut Json<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<()> {
    let (mut symbol, mut time) = (None, None);
    let (mut best, mut day, mut picture) = (Best::default(), Day::default(), 0);
    let mut floats = Floats::new(flags::LAST);
    let mut row = row(ts_recv);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"instrument_name" => symbol = Some(json.text()?),
            b"timestamp" => time = Some(json.time_ms()?),
            // Only incremental tickers have a type.
            b"type" => {
                if json.text()? == "snapshot" {
                    picture = flags::SNAPSHOT;
                }
            }
            b"stats" if json.kind()? == Kind::Object => stats(json, &mut day)?,
            b"greeks" if json.kind()? == Kind::Object => greeks(json, &mut row, &mut floats)?,
            _ if best.read(key, json)? => {}
            _ => figure(key, json, &mut row, &mut floats)?,
        }
    }
    row.symbol = json.need(symbol, "a ticker with `instrument_name`")?;
    row.ts_event = json.need(time, "a ticker with `timestamp`")?;
    // Without orders there is nothing that could imply a volatility.
    row.bid_iv = row.bid_iv.filter(|_| !best.is_missing(BookSide::Bid));
    row.ask_iv = row.ask_iv.filter(|_| !best.is_missing(BookSide::Ask));
    day.write(&mut row, &mut floats);
    row.flags = floats.flags | picture;
    sink.ticker(&row);
    // Changes may leave out what a quote needs.
    let _ = best.hand_out(row.symbol, row.ts_event, ts_recv, sink);
    Ok(())
}

/// A figure of a ticker, or something that there is no column for.
fn figure<'a>(
    key: &[u8],
    json: &mut Json<'a>,
    row: &mut draft::Tickers<'a>,
    floats: &mut Floats,
) -> Result<()> {
    let column = match key {
        b"last_price" => &mut row.last_price,
        b"mark_price" => &mut row.mark_price,
        b"index_price" => &mut row.index_price,
        b"open_interest" => &mut row.open_interest,
        b"current_funding" => &mut row.funding_rate,
        b"funding_8h" => &mut row.funding_rate_8h,
        b"estimated_delivery_price" => &mut row.settle_price,
        b"delivery_price" => &mut row.settle_final_price,
        // The last one that was paid, not the next.
        b"settlement_price" => &mut row.settle_prev_price,
        b"max_price" => &mut row.limit_up_price,
        b"min_price" => &mut row.limit_down_price,
        b"underlying_price" => &mut row.underlying_price,
        b"interest_rate" => &mut row.interest_rate,
        b"mark_iv" => return percent(json, &mut row.mark_iv, floats),
        b"bid_iv" => return percent(json, &mut row.bid_iv, floats),
        b"ask_iv" => return percent(json, &mut row.ask_iv, floats),
        b"underlying_index" => {
            row.underlying = json.text_or_null()?;
            return Ok(());
        }
        b"state" => {
            row.status_raw = json.text_or_null()?;
            row.status = row.status_raw.map(status);
            return Ok(());
        }
        _ => return json.skip(),
    };
    *column = floats.of_some(json.decimal_or_null()?);
    Ok(())
}

/// A percentage as a fraction.
fn percent(json: &mut Json<'_>, column: &mut Option<f64>, floats: &mut Floats) -> Result<()> {
    *column = floats.of_some(json.shifted_or_null(2)?);
    Ok(())
}

fn stats(json: &mut Json<'_>, day: &mut Day) -> Result<()> {
    json.object()?;
    while let Some(key) = json.key()? {
        if !day.read(key, json)? {
            json.skip()?;
        }
    }
    Ok(())
}

fn greeks(json: &mut Json<'_>, row: &mut draft::Tickers<'_>, floats: &mut Floats) -> Result<()> {
    json.object()?;
    while let Some(key) = json.key()? {
        let column = match key {
            b"delta" => &mut row.delta,
            b"gamma" => &mut row.gamma,
            b"vega" => &mut row.vega,
            b"theta" => &mut row.theta,
            b"rho" => &mut row.rho,
            _ => {
                json.skip()?;
                continue;
            }
        };
        *column = floats.of_some(json.decimal_or_null()?);
    }
    Ok(())
}

/// Our word for the state of an instrument.
pub(super) fn status(state: &str) -> InstrumentStatus {
    match state {
        "open" | "started" => InstrumentStatus::Trading,
        "created" | "inactive" => InstrumentStatus::PreOpen,
        "locked" | "halted" | "deactivated" => InstrumentStatus::Halted,
        "settlement" | "closed" => InstrumentStatus::Settling,
        "settled" | "delivered" | "archivized" | "terminated" => InstrumentStatus::Delisted,
        _ => InstrumentStatus::Unknown,
    }
}

/// Interest of a perpetual.
pub(super) fn perpetual(
    json: &mut Json<'_>,
    symbol: &str,
    ts_recv: i64,
    sink: &mut dyn Sink,
) -> Result<()> {
    let mut time = None;
    let mut floats = Floats::new(flags::LAST);
    let mut row = draft::Tickers { symbol, ..row(ts_recv) };
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"timestamp" => time = Some(json.time_ms()?),
            b"interest" => row.funding_rate = floats.of_some(json.decimal_or_null()?),
            b"index_price" => row.index_price = floats.of_some(json.decimal_or_null()?),
            _ => json.skip()?,
        }
    }
    row.ts_event = json.need(time, "interest with `timestamp`")?;
    row.flags = floats.flags;
    sink.ticker(&row);
    Ok(())
}

/// The price of an index, whose name is the symbol.
pub(super) fn index(json: &mut Json<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<()> {
    let (mut symbol, mut time, mut price) = (None, None, None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"index_name" => symbol = Some(json.text()?),
            b"timestamp" => time = Some(json.time_ms()?),
            b"price" => price = Some(json.decimal()?),
            _ => json.skip()?,
        }
    }
    let symbol = json.need(symbol, "an index with `index_name`")?;
    let time = json.need(time, "an index with `timestamp`")?;
    value(symbol, time, json.need(price, "an index with `price`")?, ts_recv, sink);
    Ok(())
}

/// An index of volatility. The venue names it like the index of the price, so the symbol is the name
/// of the channel.
pub(super) fn volatility(
    json: &mut Json<'_>,
    channel: &str,
    ts_recv: i64,
    sink: &mut dyn Sink,
) -> Result<()> {
    let (mut time, mut price) = (None, None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"timestamp" => time = Some(json.time_ms()?),
            b"volatility" => price = Some(json.decimal()?),
            _ => json.skip()?,
        }
    }
    let time = json.need(time, "an index with `timestamp`")?;
    value(channel, time, json.need(price, "an index with `volatility`")?, ts_recv, sink);
    Ok(())
}

fn value(symbol: &str, time: i64, price: Decimal, ts_recv: i64, sink: &mut dyn Sink) {
    let mut floats = Floats::new(flags::LAST);
    let index_price = Some(floats.of(price));
    let row = draft::Tickers { symbol, ts_event: time, index_price, ..row(ts_recv) };
    sink.ticker(&draft::Tickers { flags: floats.flags, ..row });
}

/// The price at which contracts on an index would expire.
pub(super) fn expiration(
    json: &mut Json<'_>,
    index: &str,
    ts_recv: i64,
    sink: &mut dyn Sink,
) -> Result<()> {
    let mut floats = Floats::new(flags::LAST | flags::LOCAL_TIME);
    let mut row = draft::Tickers { symbol: index, ..row(ts_recv) };
    let mut price = None;
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"price" => price = Some(json.decimal()?),
            _ => json.skip()?,
        }
    }
    row.settle_price = Some(floats.of(json.need(price, "an estimate with `price`")?));
    row.flags = floats.flags;
    sink.ticker(&row);
    Ok(())
}

/// Mark prices of all options on an index. Here volatilities are fractions.
pub(super) fn option_marks(json: &mut Json<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<()> {
    json.array()?;
    while json.item()? {
        let (mut symbol, mut time) = (None, None);
        let mut floats = Floats::default();
        let mut row = row(ts_recv);
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"instrument_name" => symbol = Some(json.text()?),
                b"timestamp" => time = Some(json.time_ms()?),
                b"mark_price" => row.mark_price = floats.of_some(json.decimal_or_null()?),
                b"iv" => row.mark_iv = floats.of_some(json.decimal_or_null()?),
                _ => json.skip()?,
            }
        }
        let last = last(json);
        let local = local_time(time);
        row.symbol = json.need(symbol, "a mark price with `instrument_name`")?;
        row.ts_event = time.unwrap_or(ts_recv);
        row.flags = floats.flags | last | local;
        sink.ticker(&row);
    }
    Ok(())
}

/// A new state of an instrument.
pub(super) fn state(json: &mut Json<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<()> {
    let (mut symbol, mut time, mut state) = (None, None, None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"instrument_name" => symbol = Some(json.text()?),
            b"timestamp" => time = Some(json.time_ms()?),
            b"state" => state = Some(json.text()?),
            _ => json.skip()?,
        }
    }
    let state = json.need(state, "a state with `state`")?;
    sink.ticker(&draft::Tickers {
        ts_event: json.need(time, "a state with `timestamp`")?,
        symbol: json.need(symbol, "a state with `instrument_name`")?,
        status: Some(status(state)),
        status_raw: Some(state),
        flags: flags::LAST,
        ..row(ts_recv)
    });
    Ok(())
}

/// A row without figures.
fn row<'a>(ts_recv: i64) -> draft::Tickers<'a> {
    draft::Tickers { ts_event: ts_recv, ts_recv, venue: VENUE, ..draft::Tickers::default() }
}
