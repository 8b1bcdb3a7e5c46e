use rustonite_core::Decimal;
use rustonite_core::datasets::BookSide;

use super::Kraken;
use super::market::{Scope, instrument_row, instrument_status};
use super::v1::read_levels;
use crate::codec::{Codec as _, Feed, Frame, Request};
use crate::error::Result;
use crate::event::{BookUpdate, Control, Sink};
use crate::json::Json;
use crate::number::scaled;

/// Currencies that REST and v1 name otherwise than v2.
const RENAMED: [(&str, &str); 2] = [("XBT", "BTC"), ("XDG", "DOGE")];

pub(super) fn request(feed: &Feed) -> Option<Request> {
    let path = match feed {
        Feed::Book(symbol) => format!("/0/public/Depth?pair={}&count=500", rest_name(symbol)),
        Feed::Instruments => "/0/public/AssetPairs".to_owned(),
        Feed::Trades(symbol) => format!("/0/public/Trades?pair={}&count=1000", rest_name(symbol)),
        Feed::Tickers(Some(symbol)) => format!("/0/public/Ticker?pair={}", rest_name(symbol)),
        Feed::Time => "/0/public/Time".to_owned(),
        Feed::Orders(_) | Feed::Tickers(None) => return None,
    };
    Some(Request { path, ..Request::default() })
}

/// `XBTUSD` of `BTC/USD`: what REST takes as a pair.
fn rest_name(symbol: &str) -> String {
    let old = |part: &str| {
        let renamed = RENAMED.iter().find(|(_, new)| *new == part);
        renamed.map_or(part, |(old, _)| old).to_owned()
    };
    symbol.split('/').map(old).collect()
}

/// Base and quote of `XBT/USD` as v2 names them.
fn parts(old_name: &str) -> Option<(&str, &str)> {
    old_name.split_once('/').map(|(base, quote)| (new_name(base), new_name(quote)))
}

fn new_name(part: &str) -> &str {
    RENAMED.iter().find(|(old, _)| *old == part).map_or(part, |(_, new)| *new)
}

pub(super) fn decode(
    codec: &mut Kraken,
    feed: &Feed,
    frame: Frame<'_>,
    sink: &mut dyn Sink,
) -> Result<()> {
    let mut json = Json::new(frame.data);
    let Some(mut result) = result(&mut json, sink)? else { return Ok(()) };
    result.object()?;
    while let Some(key) = result.key()? {
        match feed {
            Feed::Book(symbol) => depth(codec, symbol, frame.ts_recv, &mut result, sink)?,
            Feed::Instruments => instrument(codec, key, frame.ts_recv, &mut result, sink)?,
            // Beside the trades is where the next call would go on.
            Feed::Trades(_) if key == b"last" => result.skip()?,
            Feed::Trades(symbol) => {
                let scope = Scope { ts_recv: frame.ts_recv, sent: None, is_snapshot: true };
                codec.trades_v1(&mut result, symbol, scope, sink)?;
            }
            Feed::Tickers(Some(symbol)) => {
                let scope = Scope { ts_recv: frame.ts_recv, sent: None, is_snapshot: false };
                codec.ticker_v1(&mut result, symbol, scope, sink)?;
            }
            Feed::Tickers(None) | Feed::Orders(_) | Feed::Time => result.skip()?,
        }
    }
    Ok(())
}

/// The result of a call. Errors come with HTTP status 200, too.
fn result<'a>(json: &mut Json<'a>, sink: &mut dyn Sink) -> Result<Option<Json<'a>>> {
    let (mut result, mut is_error) = (None, false);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"error" => {
                json.array()?;
                while json.item()? {
                    let text = json.message()?;
                    // Warnings begin with W.
                    is_error |= !text.starts_with('W');
                    sink.control(&Control::Error { code: None, text: &text });
                }
            }
            b"result" => result = Some(json.later()?),
            _ => json.skip()?,
        }
    }
    json.end()?;
    if is_error || result.is_some() {
        return Ok(result.filter(|_| !is_error));
    }
    Err(json.expected("an answer with `result`"))
}

fn depth(
    codec: &mut Kraken,
    symbol: &str,
    ts_recv: i64,
    json: &mut Json<'_>,
    sink: &mut dyn Sink,
) -> Result<()> {
    let mut newest = None;
    codec.levels.clear();
    json.object()?;
    while let Some(key) = json.key()? {
        let side = match key {
            b"bids" => BookSide::Bid,
            b"asks" => BookSide::Ask,
            _ => {
                json.skip()?;
                continue;
            }
        };
        newest = newest.max(read_levels(json, side, &mut codec.levels)?);
    }
    let (ts_event, flags) = Scope { ts_recv, sent: None, is_snapshot: true }.time(newest);
    sink.book(&BookUpdate {
        symbol,
        ts_event,
        ts_recv,
        is_snapshot: true,
        flags,
        levels: &codec.levels,
        ..BookUpdate::default()
    });
    Ok(())
}

fn instrument(
    codec: &Kraken,
    name: &[u8],
    ts_recv: i64,
    json: &mut Json<'_>,
    sink: &mut dyn Sink,
) -> Result<()> {
    let mut row = instrument_row(codec.venue(), ts_recv);
    let (mut old_name, mut alternative) = (None, None);
    let (mut price_scale, mut size_scale, mut lots) = (None, None, 1);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            // Slashes are escaped here.
            b"wsname" => old_name = Some(json.message()?),
            b"altname" => alternative = Some(json.message()?),
            b"pair_decimals" => price_scale = json.small_or_null()?,
            b"lot_decimals" => size_scale = json.small_or_null()?,
            b"lot_multiplier" => lots = json.integer()?,
            b"tick_size" => row.tick_size = json.limit()?,
            b"ordermin" => row.size_min = json.limit()?,
            b"costmin" => row.notional_min = json.limit()?,
            b"long_position_limit" => row.position_max = json.limit()?,
            b"fees" => row.fee_taker = first_fee(json)?,
            b"fees_maker" => row.fee_maker = first_fee(json)?,
            b"leverage_buy" => {
                row.leverage_max = largest(json)?;
                row.marginable = Some(i8::from(row.leverage_max.is_some()));
            }
            b"status" => row.status_raw = json.text_or_null()?,
            _ => json.skip()?,
        }
    }
    let alternative = json.need(alternative, "a pair with `altname`")?;
    let names = old_name.as_deref().and_then(parts);
    // Dark pools have no name in the streams.
    let symbol = match names {
        Some((base, quote)) => format!("{base}/{quote}"),
        None => alternative,
    };
    let name = String::from_utf8_lossy(name);
    row.base = names.map(|(base, _)| base);
    row.quote = names.map(|(_, quote)| quote);
    row.multiplier_asset = row.base.unwrap_or(&symbol);
    row.symbol = &symbol;
    row.symbol_rest = Some(&name);
    row.symbol_legacy = old_name.as_deref();
    row.status = instrument_status(row.status_raw);
    (row.price_scale, row.size_scale) = (price_scale, size_scale);
    row.tick_size = row.tick_size.or_else(|| step(1, price_scale?));
    row.lot_size = size_scale.and_then(|scale| step(lots, scale));
    sink.instrument(&row);
    Ok(())
}

/// Units of the last of so many decimals.
fn step(units: i64, decimals: i32) -> Option<i128> {
    Decimal::new(units.into(), decimals.checked_neg()?).ok().and_then(scaled)
}

/// The fee at no volume, of a list of volumes and percentages.
fn first_fee(json: &mut Json<'_>) -> Result<Option<i128>> {
    let mut fee = None;
    json.array()?;
    while json.item()? {
        let mut tier = json.later()?;
        if fee.is_none() {
            tier.array()?;
            tier.next_item("a volume")?;
            tier.skip()?;
            tier.next_item("a fee")?;
            fee = tier.percent_or_null()?;
        }
    }
    Ok(fee)
}

fn largest(json: &mut Json<'_>) -> Result<Option<i128>> {
    let mut largest = None;
    json.array()?;
    while json.item()? {
        largest = largest.max(Some(json.scaled()?));
    }
    Ok(largest)
}
