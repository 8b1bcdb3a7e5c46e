use rustonite_core::datasets::{
    ContractKind, InstrumentKind, InstrumentStatus, OptionKind, OptionStyle, draft, flags,
};

use super::{Deribit, VENUE, figures, session};
use crate::codec::{Feed, Frame, Request};
use crate::common::{MILLISECOND, ONE, local_time};
use crate::error::Result;
use crate::event::{Control, Floats, Sink};
use crate::json::{Json, Kind};

const ROOT: &str = "/api/v2/public";

pub(super) fn request(feed: &Feed) -> Option<Request> {
    let path = match feed {
        Feed::Instruments => format!("{ROOT}/get_instruments?currency=any&expired=false"),
        Feed::Time => format!("{ROOT}/get_time"),
        // All else has a stream.
        _ => return None,
    };
    Some(Request { path, ..Request::default() })
}

pub(super) fn decode(
    codec: &mut Deribit,
    feed: &Feed,
    frame: Frame<'_>,
    sink: &mut dyn Sink,
) -> Result<()> {
    let mut json = Json::new(frame.data);
    let (mut result, mut error, mut sent) = (None, None, None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"result" => result = Some(json.later()?),
            b"error" => error = Some(json.later()?),
            b"usOut" => sent = Some(json.time_us()?),
            _ => json.skip()?,
        }
    }
    json.end()?;
    if let Some(mut error) = error {
        let (code, text) = session::read_error(&mut error)?;
        sink.control(&Control::Error { code, text: &text });
        return Ok(());
    }
    let mut result = json.need(result, "an answer with `result` or `error`")?;
    match feed {
        Feed::Instruments => instruments(codec, &mut result, sent, frame.ts_recv, sink),
        Feed::Time => {
            let exact = sent.map(|at| Control::Time { at, step: 1_000 });
            let rounded = Control::Time { at: result.time_ms()?, step: MILLISECOND };
            sink.control(&exact.unwrap_or(rounded));
            Ok(())
        }
        _ => Ok(()),
    }
}

/// All instruments, or the one that was asked for.
fn instruments(
    codec: &mut Deribit,
    json: &mut Json<'_>,
    sent: Option<i64>,
    ts_recv: i64,
    sink: &mut dyn Sink,
) -> Result<()> {
    if json.is_object()? {
        return instrument(codec, json, sent, ts_recv, sink);
    }
    json.array()?;
    while json.item()? {
        instrument(codec, json, sent, ts_recv, sink)?;
    }
    Ok(())
}

/// What decides the kind of an instrument.
#[derive(Debug, Default)]
struct Sort<'a> {
    kind: Option<&'a str>,
    /// `perpetual`, or how often contracts expire.
    period: Option<&'a str>,
    /// `reversed` or `linear`.
    contract: Option<&'a str>,
    active: bool,
}

fn instrument(
    codec: &mut Deribit,
    json: &mut Json<'_>,
    sent: Option<i64>,
    ts_recv: i64,
    sink: &mut dyn Sink,
) -> Result<()> {
    let local = local_time(sent);
    let mut row = draft::Instruments {
        ts_event: sent.unwrap_or(ts_recv),
        ts_recv,
        venue: VENUE,
        multiplier: ONE,
        ..draft::Instruments::default()
    };
    let (mut sort, mut lot, mut steps) = (Sort::default(), None, None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"instrument_name" => row.symbol = json.text()?,
            b"instrument_id" => row.venue_index = json.integer_or_null()?,
            b"kind" => sort.kind = json.text_or_null()?,
            b"settlement_period" => sort.period = json.text_or_null()?,
            // The older of the two names is for futures only.
            b"instrument_type" | b"future_type" => {
                sort.contract = json.text_or_null()?.or(sort.contract);
            }
            b"is_active" => sort.active = json.boolean()?,
            b"state" => row.status_raw = json.text_or_null()?,
            b"base_currency" => row.base = Some(json.text()?),
            b"quote_currency" => row.quote = json.text_or_null()?,
            b"settlement_currency" => row.settle = json.text_or_null()?,
            b"price_index" => row.underlying = json.text_or_null()?,
            b"tick_size" => row.tick_size = json.limit()?,
            b"tick_size_steps" if json.kind()? == Kind::Array => steps = Some(json.later()?),
            b"contract_size" => lot = json.limit()?,
            b"min_trade_amount" => row.size_min = json.limit()?,
            b"strike" => row.strike = json.scaled_or_null()?,
            b"option_type" => row.option_kind = option_kind(json)?,
            b"creation_timestamp" => row.ts_listed = far_time(json)?,
            b"expiration_timestamp" => row.ts_expiry = far_time(json)?,
            b"max_leverage" => row.leverage_max = json.limit()?,
            b"maker_commission" => row.fee_maker = json.scaled_or_null()?,
            b"taker_commission" => row.fee_taker = json.scaled_or_null()?,
            _ => json.skip()?,
        }
    }
    if row.symbol.is_empty() {
        return Err(json.expected("an instrument with `instrument_name`"));
    }
    let base = json.need(row.base, "an instrument with `base_currency`")?;
    classify(&sort, base, &mut row);
    // Options are traded in parts of a contract, futures in whole ones.
    row.lot_size = match (lot, row.size_min) {
        (Some(lot), Some(least)) => Some(lot.min(least)),
        (lot, least) => lot.or(least),
    };
    let mut floats = Floats::new(flags::LAST | local);
    let [from, size] = &mut codec.steps;
    from.clear();
    size.clear();
    if let Some(mut steps) = steps {
        read_steps(&mut steps, [from, size], &mut floats)?;
    }
    row.flags = floats.flags;
    let stepped = !from.is_empty();
    sink.instrument(&draft::Instruments {
        tick_step_from: stepped.then_some(from.as_slice()),
        tick_step_size: stepped.then_some(size.as_slice()),
        ..row
    });
    Ok(())
}

fn classify<'a>(sort: &Sort<'a>, base: &'a str, row: &mut draft::Instruments<'a>) {
    row.kind = match sort.kind {
        Some("future") if sort.period == Some("perpetual") => InstrumentKind::Perpetual,
        Some("future") => InstrumentKind::Future,
        Some("option") => InstrumentKind::Option,
        Some("spot") => InstrumentKind::Spot,
        Some("future_combo" | "option_combo") => InstrumentKind::Combo,
        _ => InstrumentKind::Unknown,
    };
    let derived = !matches!(row.kind, InstrumentKind::Spot | InstrumentKind::Unknown);
    row.contract = match sort.contract {
        _ if !derived => None,
        Some("linear") => Some(ContractKind::Linear),
        // Older answers do not say, and are from before the first linear contract.
        Some("reversed") | None => Some(ContractKind::Inverse),
        Some(_) => None,
    };
    row.settle = if derived { row.settle.or(Some(base)) } else { None };
    if row.kind == InstrumentKind::Option {
        row.option_style = Some(OptionStyle::European);
    }
    if matches!(row.kind, InstrumentKind::Perpetual | InstrumentKind::Spot) {
        row.ts_expiry = None;
    }
    // Amounts count the quote currency for inverse futures, the base for all else.
    let futures = row.kind != InstrumentKind::Option && sort.kind != Some("option_combo");
    let in_quote = futures && row.contract == Some(ContractKind::Inverse);
    row.multiplier_asset = row.quote.filter(|_| in_quote).unwrap_or(base);
    row.status = match row.status_raw {
        Some(state) => figures::status(state),
        None if sort.active => InstrumentStatus::Trading,
        None => InstrumentStatus::Closed,
    };
}

fn option_kind(json: &mut Json<'_>) -> Result<Option<OptionKind>> {
    let start = *json;
    match json.text_or_null()? {
        Some("call") => Ok(Some(OptionKind::Call)),
        Some("put") => Ok(Some(OptionKind::Put)),
        // Combinations are given an empty or foreign word.
        None | Some("" | "not_applicable") => Ok(None),
        Some(_) => Err(start.expected("`option_type` of call or put")),
    }
}

/// A time in milliseconds, or `None` if it is beyond what we can write: perpetuals expire in 3000.
fn far_time(json: &mut Json<'_>) -> Result<Option<i64>> {
    Ok(json.integer_or_null()?.and_then(|count| count.checked_mul(1_000_000)))
}

fn read_steps(
    json: &mut Json<'_>,
    [from, size]: [&mut Vec<f64>; 2],
    floats: &mut Floats,
) -> Result<()> {
    json.array()?;
    while json.item()? {
        let (mut above, mut step) = (None, None);
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"above_price" => above = Some(json.decimal()?),
                b"tick_size" => step = Some(json.decimal()?),
                _ => json.skip()?,
            }
        }
        from.push(floats.of(json.need(above, "a step with `above_price`")?));
        size.push(floats.of(json.need(step, "a step with `tick_size`")?));
    }
    Ok(())
}
