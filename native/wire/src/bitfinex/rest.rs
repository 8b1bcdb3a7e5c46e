use rustonite_core::datasets::{ContractKind, InstrumentKind, InstrumentStatus, draft, flags};

use super::VENUE;
use crate::codec::{Feed, Frame, Request};
use crate::common::{ONE, rest_of_array};
use crate::error::Result;
use crate::event::{Control, Sink};
use crate::json::{Json, Kind};

/// Prices of all instruments are cut to so many significant digits.
const PRICE_DIGITS: i32 = 5;

pub(super) fn request(feed: &Feed) -> Option<Request> {
    let path = match feed {
        Feed::Instruments => "/v2/conf/pub:info:pair,pub:info:pair:futures".to_owned(),
        // All else has a stream, and nothing says the time.
        _ => return None,
    };
    Some(Request { path, ..Request::default() })
}

pub(super) fn decode(feed: &Feed, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
    let mut json = Json::new(frame.data);
    if is_error(json)? {
        error(&mut json, sink)?;
        return json.end();
    }
    if *feed != Feed::Instruments {
        json.skip()?;
        return json.end();
    }
    json.array()?;
    while json.item()? {
        json.array()?;
        while json.item()? {
            instrument(&mut json, frame.ts_recv, sink)?;
        }
    }
    json.end()
}

/// Errors are arrays that begin with the word.
fn is_error(mut json: Json<'_>) -> Result<bool> {
    json.array()?;
    Ok(json.item()? && json.kind()? == Kind::Text && json.raw_text()? == b"error")
}

fn error(json: &mut Json<'_>, sink: &mut dyn Sink) -> Result<()> {
    json.array()?;
    json.next_item("the word `error`")?;
    json.skip()?;
    json.next_item("the code of an error")?;
    let code = json.integer_or_null()?;
    json.next_item("the text of an error")?;
    let text = json.message()?;
    sink.control(&Control::Error { code, text: &text });
    rest_of_array(json)
}

/// `["BTCUSD",[null,null,null,smallest,largest,null,null,null,initial margin,margin to keep]]`. The
/// list has what trades now.
fn instrument(json: &mut Json<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<()> {
    json.array()?;
    json.next_item("the name of a pair")?;
    let start = *json;
    let pair = json.text()?;
    let symbol = format!("t{pair}");
    let parts = pair.split_once(':').or_else(|| pair.split_at_checked(3));
    let (base, quote) = start.need(parts, "a pair of two currencies")?;
    let mut row = draft::Instruments {
        ts_event: ts_recv,
        ts_recv,
        venue: VENUE,
        symbol: &symbol,
        kind: InstrumentKind::Spot,
        base: Some(base),
        quote: Some(quote),
        multiplier: ONE,
        multiplier_asset: base,
        price_digits: Some(PRICE_DIGITS),
        status: InstrumentStatus::Trading,
        flags: flags::LAST | flags::LOCAL_TIME,
        ..draft::Instruments::default()
    };
    // Currencies of derivatives are names of their own.
    if let (Some(plain_base), Some(plain_quote)) =
        (base.strip_suffix("F0"), quote.strip_suffix("F0"))
    {
        row.kind = InstrumentKind::Perpetual;
        row.contract = Some(ContractKind::Linear);
        (row.base, row.quote, row.settle) = (Some(plain_base), Some(plain_quote), Some(quote));
        row.multiplier_asset = plain_base;
    }
    json.next_item("the rules of a pair")?;
    rules(json, &mut row)?;
    rest_of_array(json)?;
    sink.instrument(&row);
    Ok(())
}

fn rules(json: &mut Json<'_>, row: &mut draft::Instruments<'_>) -> Result<()> {
    let mut place = 0;
    json.array()?;
    while json.item()? {
        match place {
            3 => row.size_min = json.limit()?,
            4 => row.size_max = json.limit()?,
            8 => row.margin_initial = json.scaled_or_null()?,
            9 => row.margin_maintenance = json.scaled_or_null()?,
            _ => json.skip()?,
        }
        place += 1;
    }
    row.marginable = Some(i8::from(row.margin_initial.is_some()));
    Ok(())
}
