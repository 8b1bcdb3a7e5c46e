use rustonite_core::Decimal;
use rustonite_core::datasets::{InstrumentKind, InstrumentStatus, VolumeWindow, draft, flags};

use super::{NONE_KNOWN, none_known};
use crate::common::ONE;
use crate::error::Result;
use crate::event::{Control, Floats, Sink};
use crate::number::scaled;
use crate::polled::{Fields, Line, Mark, State};

pub(super) const VENUE: &str = "qq";
/// Fields up to the turnover, which all layouts have.
const FIELDS_LEAST: usize = 38;

/// Where a layout differs from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Mainland,
    HongKong,
    Us,
}

impl Place {
    fn of(symbol: &str) -> Option<Self> {
        let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| symbol.starts_with(prefix));
        if starts(&["sh", "sz", "bj"]) {
            Some(Self::Mainland)
        } else if starts(&["hk", "r_hk"]) {
            Some(Self::HongKong)
        } else if starts(&["us"]) {
            Some(Self::Us)
        } else {
            None
        }
    }

    /// The venue's word for what the instrument is.
    fn kind<'a>(self, fields: &Fields<'a>) -> &'a str {
        fields.text(match self {
            Self::Mainland => 61,
            Self::HongKong => 63,
            Self::Us => 56,
        })
    }

    fn currency<'a>(self, fields: &Fields<'a>) -> &'a str {
        let (index, usual) = match self {
            Self::Mainland => (82, "CNY"),
            Self::HongKong => (75, "HKD"),
            Self::Us => (35, "USD"),
        };
        Some(fields.text(index)).filter(|name| !name.is_empty()).unwrap_or(usual)
    }
}

/// One quote: a ticker, a picture of the book, and the instrument when it is new.
pub(super) fn line(
    state: &mut State,
    line: &Line<'_>,
    ts_recv: i64,
    sink: &mut dyn Sink,
) -> Result<()> {
    if line.symbol == NONE_KNOWN {
        if state.is_new_fact(line.symbol, &()) {
            none_known(sink);
        }
        return Ok(());
    }
    let Some(place) = Place::of(line.symbol) else {
        sink.control(&Control::Unknown(line.symbol));
        return Ok(());
    };
    let fields = line.fields('~', FIELDS_LEAST)?;
    let stamp = fields.stamp(30, 30)?;
    let ts_event = if place == Place::Us { stamp.new_york() } else { stamp.shanghai() };
    let mark = Mark::Time(ts_event);
    if !state.is_new(line.symbol, mark) {
        return Ok(());
    }
    let row = draft::Tickers {
        ts_event,
        ts_recv,
        venue: VENUE,
        symbol: line.symbol,
        volume_window: Some(VolumeWindow::TradingDay),
        trading_day: Some(stamp.day),
        ..draft::Tickers::default()
    };
    let row = ticker(place, &fields, row)?;
    state.picture.read(&fields, [(9, 10), (19, 20)])?;
    let instrument = instrument(place, &fields, &row)?;
    state.note(line.symbol, mark);
    if let Some(instrument) = instrument
        && state.is_new_fact(line.symbol, &(instrument.name, instrument.quote, instrument.lot_size))
    {
        sink.instrument(&instrument);
    }
    sink.ticker(&row);
    // Outside of mainland China the fields are there, and empty.
    if place == Place::Mainland || !state.picture.is_empty() {
        state.picture.emit(&row, sink);
    }
    Ok(())
}

fn ticker<'a>(
    place: Place,
    fields: &Fields<'a>,
    mut row: draft::Tickers<'a>,
) -> Result<draft::Tickers<'a>> {
    let mut floats = Floats::new(flags::LAST);
    let last = floats.of_some(fields.positive(3)?);
    if is_index(place, fields) {
        row.index_price = last;
    } else {
        row.last_price = last;
    }
    row.close_prev_price = floats.of_some(fields.positive(4)?);
    row.open_price = floats.of_some(fields.positive(5)?);
    row.high_price = floats.of_some(fields.positive(33)?);
    row.low_price = floats.of_some(fields.positive(34)?);
    row.volume = floats.of_some(fields.number(6)?);
    row.turnover = floats.of_some(turnover(place, fields)?);
    if place == Place::Mainland {
        row.buy_volume = floats.of_some(fields.number(7)?);
        row.sell_volume = floats.of_some(fields.number(8)?);
        row.limit_up_price = floats.of_some(fields.positive(47)?);
        row.limit_down_price = floats.of_some(fields.positive(48)?);
        row.average_price = floats.of_some(fields.positive(51)?);
    }
    row.flags = floats.flags;
    Ok(row)
}

/// Money traded. In mainland China it stands in whole yuan behind price and volume, and in units of
/// 10,000 in a field of its own.
fn turnover(place: Place, fields: &Fields<'_>) -> Result<Option<Decimal>> {
    if place != Place::Mainland {
        return fields.number(37);
    }
    if let Some(exact) = fields.text(35).split('/').nth(2) {
        return fields.part_number(35, exact);
    }
    let Some(rough) = fields.number(37)? else { return Ok(None) };
    let whole = Decimal::new(rough.mantissa(), rough.exponent() + 4);
    whole.map(Some).map_err(|_| fields.expected(37, "money in units of 10,000"))
}

fn is_index(place: Place, fields: &Fields<'_>) -> bool {
    place.kind(fields).starts_with("ZS")
}

/// What a quote says about its instrument, where its kind says what a unit of volume is. That of
/// the STAR market (`GP-A-KCB`) is disputed, so nothing is claimed.
fn instrument<'a>(
    place: Place,
    fields: &Fields<'a>,
    ticker: &draft::Tickers<'a>,
) -> Result<Option<draft::Instruments<'a>>> {
    let kind = match place.kind(fields) {
        "GP" | "GP-A" | "GP-A-CYB" | "ETF" | "LOF" => InstrumentKind::Stock,
        word if word.starts_with("ZS") => InstrumentKind::Index,
        _ => return Ok(None),
    };
    let lot = if place == Place::HongKong { fields.positive(60)? } else { None };
    let mut row = draft::Instruments {
        ts_event: ticker.ts_event,
        ts_recv: ticker.ts_recv,
        venue: VENUE,
        symbol: ticker.symbol,
        kind,
        name: Some(fields.text(1)).filter(|name| !name.is_empty()),
        multiplier: ONE,
        multiplier_asset: ticker.symbol,
        lot_size: lot.and_then(scaled),
        status: InstrumentStatus::Unknown,
        flags: flags::LAST,
        ..draft::Instruments::default()
    };
    if kind == InstrumentKind::Stock {
        row.base = Some(ticker.symbol);
        row.quote = Some(place.currency(fields));
        if place == Place::Mainland {
            row.multiplier = 100 * ONE;
        }
    }
    Ok(Some(row))
}
