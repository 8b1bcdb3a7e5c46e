use super::market::{instrument_row, instrument_status};
use crate::codec::{Feed, Frame, Request};
use crate::error::Result;
use crate::event::{Control, Sink};
use crate::json::Json;
use crate::number::step;

/// Its clock shows no more.
const SECOND: i64 = 1_000_000_000;

/// Currencies that REST and v1 name otherwise than v2.
const RENAMED: [(&str, &str); 2] = [("XBT", "BTC"), ("XDG", "DOGE")];

pub(super) fn request(feed: &Feed) -> Option<Request> {
    let path = match feed {
        Feed::Instruments => "/0/public/AssetPairs".to_owned(),
        Feed::Time => "/0/public/Time".to_owned(),
        // All else has a stream.
        _ => return None,
    };
    Some(Request { path, ..Request::default() })
}

/// Base and quote of `XBT/USD` as v2 names them.
fn parts(old_name: &str) -> Option<(&str, &str)> {
    old_name.split_once('/').map(|(base, quote)| (new_name(base), new_name(quote)))
}

fn new_name(part: &str) -> &str {
    RENAMED.iter().find(|(old, _)| *old == part).map_or(part, |(_, new)| *new)
}

pub(super) fn decode(feed: &Feed, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
    let mut json = Json::new(frame.data);
    let Some(mut result) = result(&mut json, sink)? else { return Ok(()) };
    result.object()?;
    while let Some(key) = result.key()? {
        match feed {
            Feed::Instruments => instrument(key, frame.ts_recv, &mut result, sink)?,
            Feed::Time if key == b"unixtime" => {
                sink.control(&Control::Time { at: result.time_s()?, step: SECOND });
            }
            _ => result.skip()?,
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

fn instrument(name: &[u8], ts_recv: i64, json: &mut Json<'_>, sink: &mut dyn Sink) -> Result<()> {
    let mut row = instrument_row(ts_recv);
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
