use rustonite_core::datasets::{ContractKind, InstrumentKind, InstrumentStatus, draft, flags};

use super::VENUE;
use crate::codec::{Feed, Frame, Request};
use crate::common::{ONE, local_time};
use crate::error::Result;
use crate::event::{Control, Sink};
use crate::json::{Json, Kind};
use crate::number::step;

const ROOT: &str = "/derivatives/api/v3";

pub(super) fn request(feed: &Feed) -> Option<Request> {
    let path = match feed {
        Feed::Instruments => format!("{ROOT}/instruments"),
        // All else has a stream, and nothing says the time.
        _ => return None,
    };
    Some(Request { path, ..Request::default() })
}

pub(super) fn decode(feed: &Feed, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
    let mut json = Json::new(frame.data);
    let whole = json;
    json.skip()?;
    json.end()?;
    if let Some(mut error) = whole.lookup(b"error")? {
        sink.control(&Control::Error { code: None, text: &error.message()? });
        return Ok(());
    }
    if *feed != Feed::Instruments {
        return Ok(());
    }
    // The time stands behind what it dates.
    let sent = whole.lookup(b"serverTime")?.map(|mut time| time.time_text()).transpose()?;
    let mut list = whole.need(whole.lookup(b"instruments")?, "an answer with `instruments`")?;
    list.array()?;
    while list.item()? {
        let mut row = draft::Instruments {
            ts_event: sent.unwrap_or(frame.ts_recv),
            ts_recv: frame.ts_recv,
            venue: VENUE,
            flags: flags::LAST | local_time(sent),
            multiplier: ONE,
            status: InstrumentStatus::Unknown,
            ..draft::Instruments::default()
        };
        instrument(&mut list, &mut row)?;
        sink.instrument(&row);
    }
    Ok(())
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
            b"openingDate" => row.ts_listed = json.time_text_if_any()?,
            b"lastTradingTime" => row.ts_expiry = json.time_text_if_any()?,
            b"marginLevels" if json.kind()? == Kind::Array => lowest_margins(json, row)?,
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
    row.lot_size = precision.and_then(|precision| step(1, precision));
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
