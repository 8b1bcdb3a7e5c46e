use rustonite_core::datasets::{ContractKind, InstrumentKind, InstrumentStatus, draft, flags};

use super::{Alpaca, Market};
use crate::codec::{Codec as _, Feed, Frame, Request};
use crate::common::ONE;
use crate::error::Result;
use crate::event::{Answer, Control, Sink};
use crate::json::{Json, Kind};

/// Orders for stocks: prices below one dollar may have four decimals, others two.
const STOCK_TICK: i128 = 10_i128.pow(14);
const STOCK_TICK_STEP_FROM: &[f64] = &[1.0];
const STOCK_TICK_STEP_SIZE: &[f64] = &[0.01];

pub(super) fn request(market: Market, feed: &Feed) -> Option<Request> {
    let path = match (feed, market) {
        (Feed::Instruments, Market::Stocks) => "/v2/assets?status=active&asset_class=us_equity",
        (Feed::Instruments, Market::Crypto) => "/v2/assets?status=active&asset_class=crypto",
        // All else has a stream.
        _ => return None,
    };
    Some(Request { path: path.to_owned(), ..Request::default() })
}

pub(super) fn decode(
    codec: &Alpaca,
    feed: &Feed,
    frame: Frame<'_>,
    sink: &mut dyn Sink,
) -> Result<()> {
    let mut json = Json::new(frame.data);
    match feed {
        Feed::Instruments if json.kind()? == Kind::Array => {
            json.array()?;
            while json.item()? {
                instrument(codec, frame.ts_recv, &mut json, sink)?;
            }
        }
        Feed::Instruments if json.lookup(b"symbol")?.is_some() => {
            instrument(codec, frame.ts_recv, &mut json, sink)?;
        }
        Feed::Instruments => refusal(&mut json, sink)?,
        _ => json.skip()?,
    }
    json.end()
}

fn refusal(json: &mut Json<'_>, sink: &mut dyn Sink) -> Result<()> {
    let (mut code, mut text) = (None, None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"code" => code = json.integer_or_null()?,
            b"message" => text = Some(json.message()?),
            _ => json.skip()?,
        }
    }
    let text = text.as_deref();
    sink.control(&Control::Refused(Answer { code, text, ..Answer::default() }));
    Ok(())
}

fn instrument(
    codec: &Alpaca,
    ts_recv: i64,
    json: &mut Json<'_>,
    sink: &mut dyn Sink,
) -> Result<()> {
    let mut row = draft::Instruments {
        ts_event: ts_recv,
        ts_recv,
        venue: codec.venue(),
        multiplier: ONE,
        flags: flags::LAST | flags::LOCAL_TIME,
        ..draft::Instruments::default()
    };
    let (mut class, mut tradable, mut name) = (None, true, None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"symbol" => row.symbol = json.text()?,
            b"class" | b"asset_class" => class = json.text_or_null()?,
            b"exchange" => row.exchange = json.text_or_null()?.filter(|name| !name.is_empty()),
            b"name" if json.kind()? == Kind::Text => name = Some(json.message()?),
            b"status" => row.status_raw = json.text_or_null()?,
            b"tradable" => tradable = json.boolean()?,
            b"marginable" => row.marginable = Some(i8::from(json.boolean()?)),
            b"shortable" => row.shortable = Some(i8::from(json.boolean()?)),
            b"easy_to_borrow" => row.easy_to_borrow = Some(i8::from(json.boolean()?)),
            b"fractionable" => row.fractionable = Some(i8::from(json.boolean()?)),
            b"maintenance_margin_requirement" => row.margin_maintenance = json.percent_or_null()?,
            b"min_order_size" => row.size_min = json.limit()?,
            b"min_trade_increment" => row.lot_size = json.limit()?,
            b"price_increment" => row.tick_size = json.limit()?,
            _ => json.skip()?,
        }
    }
    if row.symbol.is_empty() {
        return Err(json.expected("an instrument with `symbol`"));
    }
    classify(&mut row, class);
    row.name = name.as_deref().filter(|name| !name.is_empty());
    row.status = match row.status_raw {
        Some("active") if tradable => InstrumentStatus::Trading,
        Some("active") => InstrumentStatus::Halted,
        Some("inactive") => InstrumentStatus::Delisted,
        _ => InstrumentStatus::Unknown,
    };
    sink.instrument(&row);
    Ok(())
}

/// What follows from the class of an asset.
fn classify(row: &mut draft::Instruments<'_>, class: Option<&str>) {
    let (base, quote) = row.symbol.split_once('/').unwrap_or((row.symbol, "USD"));
    (row.base, row.quote) = (Some(base), Some(quote));
    row.kind = match class {
        Some("us_equity") => InstrumentKind::Stock,
        Some("crypto") => InstrumentKind::Spot,
        Some("crypto_perp") => InstrumentKind::Perpetual,
        Some("us_option") => InstrumentKind::Option,
        _ => InstrumentKind::Unknown,
    };
    match row.kind {
        InstrumentKind::Stock => {
            row.tick_size = Some(STOCK_TICK);
            row.tick_step_from = Some(STOCK_TICK_STEP_FROM);
            row.tick_step_size = Some(STOCK_TICK_STEP_SIZE);
            if row.fractionable == Some(0) {
                row.lot_size = Some(ONE);
            }
        }
        InstrumentKind::Perpetual => {
            row.base = row.symbol.strip_suffix("-PERP").or(row.base);
            row.contract = Some(ContractKind::Linear);
            row.settle = row.quote;
        }
        _ => {}
    }
    row.multiplier_asset = row.base.unwrap_or(row.symbol);
}
