use rustonite_core::datasets::{
    ContractKind, InstrumentKind, InstrumentStatus, VolumeWindow, draft, flags,
};

use super::Scope;
use super::market::VENUE;
use crate::codec::{Feed, Frame, Request};
use crate::coinbase::Modes;
use crate::common::{ONE, clock, local_time};
use crate::error::Result;
use crate::event::{Floats, Sink};
use crate::json::{Json, Kind};
use crate::number::scaled;

/// Calls that need no key.
const ROOT: &str = "/api/v3/brokerage";

pub(super) fn request(feed: &Feed) -> Option<Request> {
    let path = match feed {
        Feed::Instruments => format!("{ROOT}/market/products"),
        // No stream has funding and open interest.
        Feed::Tickers(Some(symbol)) => format!("{ROOT}/market/products/{symbol}"),
        Feed::Tickers(None) => format!("{ROOT}/market/products?product_type=FUTURE"),
        Feed::Time => format!("{ROOT}/time"),
        // All else has a stream.
        _ => return None,
    };
    Some(Request { path, ..Request::default() })
}

pub(super) fn decode(feed: &Feed, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
    let mut json = Json::new(frame.data);
    match feed {
        Feed::Instruments => products(&mut json, &mut |json| {
            let row = instrument(json, None, frame.ts_recv)?;
            sink.instrument(&row);
            Ok(())
        })?,
        Feed::Tickers(_) => products(&mut json, &mut |json| figures(json, frame.ts_recv, sink))?,
        Feed::Time => clock(&mut json, b"epochMillis", sink)?,
        _ => json.skip()?,
    }
    json.end()
}

/// The event of the channel `status`.
pub(super) fn status(json: &mut Json<'_>, scope: Scope<'_>, sink: &mut dyn Sink) -> Result<()> {
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"products" => {
                json.array()?;
                while json.item()? {
                    let row = instrument(json, Some(scope.sent), scope.ts_recv)?;
                    sink.instrument(&row);
                }
            }
            _ => json.skip()?,
        }
    }
    Ok(())
}

/// Goes through a list of products, or through the one that was asked for.
fn products<'a>(
    json: &mut Json<'a>,
    each: &mut dyn FnMut(&mut Json<'a>) -> Result<()>,
) -> Result<()> {
    let Some(mut list) = json.lookup(b"products")? else { return each(json) };
    list.array()?;
    while list.item()? {
        each(&mut list)?;
    }
    json.skip()
}

/// Figures of a product that no stream has.
fn figures(json: &mut Json<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<()> {
    let mut symbol = None;
    let mut floats = Floats::new(flags::LOCAL_TIME);
    let mut row = draft::Tickers {
        ts_event: ts_recv,
        ts_recv,
        venue: VENUE,
        volume_window: Some(VolumeWindow::Rolling24h),
        ..draft::Tickers::default()
    };
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"product_id" => symbol = Some(json.text()?),
            b"price" => row.last_price = floats.of_some(json.decimal_or_null()?),
            b"volume_24h" => row.volume = floats.of_some(json.decimal_or_null()?),
            b"approximate_quote_24h_volume" => {
                row.turnover = floats.of_some(json.decimal_or_null()?);
            }
            b"mid_market_price" => row.mid_price = floats.of_some(json.decimal_or_null()?),
            b"future_product_details" if json.kind()? == Kind::Object => {
                future_figures(json, &mut row, &mut floats)?;
            }
            _ => json.skip()?,
        }
    }
    row.symbol = json.need(symbol, "a product with `product_id`")?;
    // Each product is an event of its own.
    row.flags = floats.flags | flags::LAST;
    sink.ticker(&row);
    Ok(())
}

fn future_figures(
    json: &mut Json<'_>,
    row: &mut draft::Tickers<'_>,
    floats: &mut Floats,
) -> Result<()> {
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            // Older answers have them here, newer ones one level up.
            b"perpetual_details" if json.kind()? == Kind::Object => {
                future_figures(json, row, floats)?;
            }
            b"open_interest" => set(&mut row.open_interest, json, floats)?,
            b"funding_rate" => set(&mut row.funding_rate, json, floats)?,
            b"index_price" => set(&mut row.index_price, json, floats)?,
            b"settlement_price" => set(&mut row.settle_prev_price, json, floats)?,
            b"funding_time" => {
                let time = optional_time(json)?;
                row.ts_funding_next = time.or(row.ts_funding_next);
            }
            b"funding_interval" => row.funding_interval_hours = interval_hours(json)?,
            _ => json.skip()?,
        }
    }
    Ok(())
}

fn set(column: &mut Option<f64>, json: &mut Json<'_>, floats: &mut Floats) -> Result<()> {
    let value = floats.of_some(json.decimal_or_null()?);
    *column = value.or(*column);
    Ok(())
}

/// A time that may be null or empty, as text or in seconds.
fn optional_time(json: &mut Json<'_>) -> Result<Option<i64>> {
    let mut ahead = *json;
    let Some(text) = ahead.filled()? else {
        *json = ahead;
        return Ok(None);
    };
    let in_seconds = text.bytes().all(|byte| byte.is_ascii_digit());
    if in_seconds { json.time_s().map(Some) } else { json.time_text().map(Some) }
}

/// Hours out of a text such as `3600s`.
fn interval_hours(json: &mut Json<'_>) -> Result<Option<f64>> {
    let text = json.text_or_null()?.and_then(|text| text.strip_suffix('s'));
    Ok(text
        .and_then(|seconds| seconds.parse::<u32>().ok())
        .map(|seconds| f64::from(seconds) / 3600.0))
}

fn instrument<'a>(
    json: &mut Json<'a>,
    time: Option<i64>,
    ts_recv: i64,
) -> Result<draft::Instruments<'a>> {
    let local = local_time(time);
    let mut row = draft::Instruments {
        ts_event: time.unwrap_or(ts_recv),
        ts_recv,
        venue: VENUE,
        multiplier: ONE,
        flags: flags::LAST | local,
        ..draft::Instruments::default()
    };
    let (mut kind, mut modes, mut open) = (None, Modes::default(), None);
    let (mut tick, mut future) = (None, None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            // REST and the stream name the same things differently.
            b"product_id" | b"id" => row.symbol = json.text()?,
            b"base_currency_id" | b"base_currency" => row.base = json.filled()?,
            b"quote_currency_id" | b"quote_currency" => row.quote = json.filled()?,
            b"display_name" => row.name = json.filled()?,
            b"product_type" => kind = Some(json.text()?),
            b"product_venue" => row.exchange = json.filled()?.filter(|name| *name != "CBE"),
            // The product whose book this one shares, such as BTC-USD for BTC-USDC.
            b"alias" => row.family = json.filled()?,
            b"price_increment" => tick = json.limit()?,
            b"quote_increment" => row.tick_size = json.limit()?,
            b"base_increment" => row.lot_size = json.limit()?,
            b"base_min_size" => row.size_min = json.limit()?,
            b"base_max_size" => row.size_max = json.limit()?,
            b"quote_min_size" | b"min_market_funds" => row.notional_min = json.limit()?,
            b"quote_max_size" => row.notional_max = json.limit()?,
            b"status" => row.status_raw = json.filled()?,
            b"fcm_trading_session_details" if json.kind()? == Kind::Object => {
                open = session_is_open(json)?;
            }
            b"future_product_details" if json.kind()? == Kind::Object => {
                future = Some(json.later()?);
            }
            _ if !modes.read(key, json)? => json.skip()?,
            _ => {}
        }
    }
    if row.symbol.is_empty() {
        return Err(json.expected("a product with `product_id` or `id`"));
    }
    row.tick_size = tick.or(row.tick_size);
    row.kind = match kind {
        Some("SPOT") => InstrumentKind::Spot,
        Some("FUTURE") => InstrumentKind::Future,
        _ => InstrumentKind::Unknown,
    };
    if let Some(mut future) = future {
        derived(&mut future, &mut row)?;
    }
    row.multiplier_asset = row.base.unwrap_or_default();
    row.status = match (row.status_raw, open) {
        (Some("delisted"), _) => InstrumentStatus::Delisted,
        (Some("offline"), _) => InstrumentStatus::Halted,
        (None, Some(false)) => InstrumentStatus::Closed,
        (Some("online"), _) | (None, Some(true)) => modes.status(),
        _ => InstrumentStatus::Unknown,
    };
    Ok(row)
}

fn session_is_open(json: &mut Json<'_>) -> Result<Option<bool>> {
    let open = json.lookup(b"is_session_open")?;
    json.skip()?;
    open.map(|mut open| open.boolean()).transpose()
}

/// What only derivatives have. Their size counts contracts.
fn derived<'a>(json: &mut Json<'a>, row: &mut draft::Instruments<'a>) -> Result<()> {
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"contract_size" => row.multiplier = json.scaled()?,
            b"contract_root_unit" => row.base = row.base.or(json.filled()?),
            b"contract_code" => row.family = json.filled()?,
            b"contract_expiry" => row.ts_expiry = optional_time(json)?,
            b"contract_expiry_type" => {
                if json.filled()? == Some("PERPETUAL") {
                    row.kind = InstrumentKind::Perpetual;
                }
            }
            b"funding_interval" => row.funding_interval_hours = interval_hours(json)?,
            b"perpetual_details" if json.kind()? == Kind::Object => {
                let leverage = json.lookup(b"max_leverage")?;
                json.skip()?;
                let leverage = leverage.map(|mut value| value.decimal_or_null()).transpose()?;
                row.leverage_max = leverage.flatten().and_then(scaled);
            }
            _ => json.skip()?,
        }
    }
    row.contract = Some(ContractKind::Linear);
    row.settle = row.quote;
    if row.kind == InstrumentKind::Perpetual {
        row.ts_expiry = None;
    }
    Ok(())
}
