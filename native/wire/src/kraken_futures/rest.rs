use rustonite_core::Decimal;
use rustonite_core::datasets::{
    BookSide, ContractKind, InstrumentKind, InstrumentStatus, draft, flags,
};

use super::KrakenFutures;
use super::market::{Print, Scope, quote, status};
use crate::codec::{Codec as _, Feed, Frame, Request};
use crate::common::{ONE, last, local_time, read_pairs};
use crate::error::Result;
use crate::event::{BookUpdate, Control, Floats, Sink};
use crate::json::Json;
use crate::number::scaled;

const ROOT: &str = "/derivatives/api/v3";

pub(super) fn request(feed: &Feed) -> Option<Request> {
    let path = match feed {
        Feed::Book(symbol) => format!("{ROOT}/orderbook?symbol={symbol}"),
        Feed::Instruments => format!("{ROOT}/instruments"),
        Feed::Trades(symbol) => format!("{ROOT}/history?symbol={symbol}"),
        Feed::Tickers(None) => format!("{ROOT}/tickers"),
        Feed::Tickers(Some(symbol)) => format!("{ROOT}/tickers/{symbol}"),
        Feed::Orders(_) | Feed::Time => return None,
    };
    Some(Request { path, ..Request::default() })
}

pub(super) fn decode(
    codec: &mut KrakenFutures,
    feed: &Feed,
    frame: Frame<'_>,
    sink: &mut dyn Sink,
) -> Result<()> {
    let whole = Json::new(frame.data);
    if let Some(mut error) = whole.lookup(b"error")? {
        sink.control(&Control::Error { code: None, text: &error.message()? });
        return Ok(());
    }
    // The time stands behind what it dates.
    let sent = whole.lookup(b"serverTime")?.map(|mut time| time.time_text()).transpose()?;
    let local = local_time(sent);
    let answer = Answer { ts_event: sent.unwrap_or(frame.ts_recv), ts_recv: frame.ts_recv, local };
    let mut json = whole;
    let mut is_read = false;
    json.object()?;
    while let Some(key) = json.key()? {
        is_read |= match (feed, key) {
            (Feed::Book(symbol), b"orderBook") => {
                codec.book(&mut json, symbol, answer, sink)?;
                true
            }
            (Feed::Trades(symbol), b"history") => {
                codec.recent(&mut json, symbol, answer, sink)?;
                true
            }
            (Feed::Instruments, b"instruments") => {
                codec.instruments(&mut json, answer, sink)?;
                true
            }
            (Feed::Tickers(_), b"tickers") => {
                json.array()?;
                while json.item()? {
                    codec.figures(&mut json, answer, sink)?;
                }
                true
            }
            (Feed::Tickers(_), b"ticker") => {
                codec.figures(&mut json, answer, sink)?;
                true
            }
            _ => {
                json.skip()?;
                false
            }
        };
    }
    json.end()?;
    if is_read { Ok(()) } else { Err(json.expected("an answer with what was asked for")) }
}

/// When an answer was sent and received.
#[derive(Clone, Copy, Debug)]
struct Answer {
    ts_event: i64,
    ts_recv: i64,
    /// The flag of an answer without time.
    local: i32,
}

impl KrakenFutures {
    /// A book without number: it cannot be brought in line with the stream.
    fn book(
        &mut self,
        json: &mut Json<'_>,
        symbol: &str,
        answer: Answer,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        self.levels.clear();
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"bids" => read_pairs(json, BookSide::Bid, &mut self.levels)?,
                b"asks" => read_pairs(json, BookSide::Ask, &mut self.levels)?,
                _ => json.skip()?,
            }
        }
        sink.book(&BookUpdate {
            symbol,
            ts_event: answer.ts_event,
            ts_recv: answer.ts_recv,
            is_snapshot: true,
            flags: answer.local,
            levels: &self.levels,
            ..BookUpdate::default()
        });
        Ok(())
    }

    fn recent(
        &self,
        json: &mut Json<'_>,
        symbol: &str,
        answer: Answer,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        json.array()?;
        while json.item()? {
            let mut print = Print { symbol: Some(symbol), ..Print::default() };
            json.object()?;
            while let Some(key) = json.key()? {
                match key {
                    b"uid" => print.uid = Some(json.text()?),
                    b"side" => print.side = Some(json.text()?),
                    b"type" => print.kind = json.text_or_null()?,
                    b"time" => print.time = Some(json.time_text()?),
                    b"price" => print.price = Some(json.decimal()?),
                    b"size" => print.size = Some(json.decimal()?),
                    _ => json.skip()?,
                }
            }
            let is_last = json.at_last_item();
            let scope = Scope { ts_recv: answer.ts_recv, is_history: true, is_last };
            self.print(json, print, scope, sink)?;
        }
        Ok(())
    }

    fn figures(&self, json: &mut Json<'_>, answer: Answer, sink: &mut dyn Sink) -> Result<()> {
        let scope = Scope { ts_recv: answer.ts_recv, is_history: false, is_last: false };
        let (mut symbol, mut best) = (None, [None; 4]);
        let (mut is_suspended, mut is_post_only) = (None, None);
        let mut row = self.ticker_row(scope);
        let mut floats = Floats::default();
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"symbol" => symbol = Some(json.text()?),
                b"bid" => best[0] = json.decimal_or_null()?,
                b"bidSize" => best[1] = json.decimal_or_null()?,
                b"ask" => best[2] = json.decimal_or_null()?,
                b"askSize" => best[3] = json.decimal_or_null()?,
                b"last" => row.last_price = floats.of_some(json.decimal_or_null()?),
                b"lastSize" => row.last_size = floats.of_some(json.decimal_or_null()?),
                b"lastTime" if !json.took_null()? => row.ts_last = Some(json.time_text()?),
                b"lastTime" => {}
                b"markPrice" => row.mark_price = floats.of_some(json.decimal_or_null()?),
                b"indexPrice" => row.index_price = floats.of_some(json.decimal_or_null()?),
                b"fundingRate" => {
                    row.funding_rate_absolute = floats.of_some(json.decimal_or_null()?);
                }
                b"openInterest" => row.open_interest = floats.of_some(json.decimal_or_null()?),
                b"vol24h" => row.volume = floats.of_some(json.decimal_or_null()?),
                b"volumeQuote" => row.turnover = floats.of_some(json.decimal_or_null()?),
                b"open24h" => row.open_price = floats.of_some(json.decimal_or_null()?),
                b"high24h" => row.high_price = floats.of_some(json.decimal_or_null()?),
                b"low24h" => row.low_price = floats.of_some(json.decimal_or_null()?),
                b"suspended" => is_suspended = Some(json.boolean()?),
                b"postOnly" => is_post_only = Some(json.boolean()?),
                _ => json.skip()?,
            }
        }
        let last = last(json);
        row.symbol = json.need(symbol, "a ticker with `symbol`")?;
        row.ts_event = answer.ts_event;
        (row.status, row.status_raw) = status(is_suspended, is_post_only);
        row.flags = floats.flags | last | answer.local;
        // Indices are among the tickers, and nobody quotes them.
        if best.iter().any(Option::is_some) {
            sink.quote(&quote(&row, best, last | answer.local));
        }
        sink.ticker(&row);
        Ok(())
    }

    fn instruments(&self, json: &mut Json<'_>, answer: Answer, sink: &mut dyn Sink) -> Result<()> {
        json.array()?;
        while json.item()? {
            let mut row = draft::Instruments {
                ts_event: answer.ts_event,
                ts_recv: answer.ts_recv,
                venue: self.venue(),
                flags: flags::LAST | answer.local,
                multiplier: ONE,
                status: InstrumentStatus::Unknown,
                ..draft::Instruments::default()
            };
            instrument(json, &mut row)?;
            sink.instrument(&row);
        }
        Ok(())
    }
}

fn instrument<'a>(json: &mut Json<'a>, row: &mut draft::Instruments<'a>) -> Result<()> {
    let (mut kind, mut pair, mut precision) = (None, None, None);
    let (mut is_tradeable, mut is_post_only) = (None, None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"symbol" => row.symbol = json.text()?,
            b"type" => kind = Some(json.text()?),
            b"pair" => pair = json.text_or_null()?.and_then(|pair| pair.split_once(':')),
            b"base" => row.base = json.text_or_null()?,
            b"quote" => row.quote = json.text_or_null()?,
            b"underlying" => row.underlying = json.text_or_null()?,
            b"tickSize" => row.tick_size = json.limit()?,
            b"contractSize" => row.multiplier = json.scaled()?,
            b"contractValueTradePrecision" => precision = json.small_or_null()?,
            b"maxPositionSize" => row.position_max = json.limit()?,
            b"openingDate" if !json.took_null()? => row.ts_listed = Some(json.time_text()?),
            b"lastTradingTime" if !json.took_null()? => row.ts_expiry = Some(json.time_text()?),
            b"marginLevels" if !json.took_null()? => lowest_margins(json, row)?,
            // They were null.
            b"openingDate" | b"lastTradingTime" | b"marginLevels" => {}
            b"tradeable" => is_tradeable = Some(json.boolean()?),
            b"postOnly" => is_post_only = Some(json.boolean()?),
            _ => json.skip()?,
        }
    }
    if row.symbol.is_empty() {
        return Err(json.expected("an instrument with `symbol`"));
    }
    row.base = row.base.or(pair.map(|(base, _)| base));
    row.quote = row.quote.or(pair.map(|(_, quote)| quote));
    (row.kind, row.contract) = kinds(kind.unwrap_or_default(), row.ts_expiry.is_some());
    row.settle = match row.contract {
        Some(ContractKind::Inverse) => row.base,
        Some(_) => row.quote,
        None => None,
    };
    let asset = if row.contract == Some(ContractKind::Inverse) { row.quote } else { row.base };
    row.multiplier_asset = asset.unwrap_or(row.symbol);
    row.size_scale = precision.map(|precision| precision.max(0));
    row.lot_size = precision
        .and_then(|precision| Decimal::new(1, precision.checked_neg()?).ok().and_then(scaled));
    (row.status, row.status_raw) = match (is_tradeable, is_post_only) {
        (Some(false), _) => (InstrumentStatus::Halted, Some("tradeable=false")),
        (_, Some(true)) => (InstrumentStatus::PostOnly, Some("postOnly=true")),
        (Some(true), _) => (InstrumentStatus::Trading, Some("tradeable=true")),
        (None, _) => (InstrumentStatus::Unknown, None),
    };
    Ok(())
}

fn kinds(word: &str, expires: bool) -> (InstrumentKind, Option<ContractKind>) {
    let contract = match word {
        "futures_inverse" => ContractKind::Inverse,
        "futures_vanilla" | "flexible_futures" => ContractKind::Linear,
        _ if word.contains("index") => return (InstrumentKind::Index, None),
        _ => return (InstrumentKind::Unknown, None),
    };
    let kind = if expires { InstrumentKind::Future } else { InstrumentKind::Perpetual };
    (kind, Some(contract))
}

/// Margins of the smallest position, which come first.
fn lowest_margins(json: &mut Json<'_>, row: &mut draft::Instruments<'_>) -> Result<()> {
    let mut is_first = true;
    json.array()?;
    while json.item()? {
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"initialMargin" if is_first => row.margin_initial = json.scaled_or_null()?,
                b"maintenanceMargin" if is_first => {
                    row.margin_maintenance = json.scaled_or_null()?;
                }
                _ => json.skip()?,
            }
        }
        is_first = false;
    }
    Ok(())
}
