use rustonite_core::datasets::{InstrumentKind, InstrumentStatus, VolumeWindow, draft, flags};

use super::futures;
use crate::common::ONE;
use crate::error::Result;
use crate::event::{Control, Floats, Sink};
use crate::polled::{Fields, Line, Mark, State, hash};

pub(super) const VENUE: &str = "sina";

/// One quote. The prefix of the name says how it is laid out; an unknown name has no fields.
pub(super) fn line(
    state: &mut State,
    line: &Line<'_>,
    ts_recv: i64,
    sink: &mut dyn Sink,
) -> Result<()> {
    let starts = |prefix: &str| line.symbol.starts_with(prefix);
    if line.value.is_empty() {
        state.refuse(line.symbol, sink);
        Ok(())
    } else if starts("sh") || starts("sz") || starts("bj") {
        share(state, line, ts_recv, sink)
    } else if starts("nf_") {
        futures::chinese(state, line, ts_recv, sink)
    } else if starts("hf_") {
        futures::foreign(state, line, ts_recv, sink)
    } else if starts("btc_") {
        crypto(state, line, ts_recv, sink)
    } else if starts("int_") {
        foreign_index(state, line, ts_recv, sink)
    } else {
        sink.control(&Control::Unknown(line.symbol));
        Ok(())
    }
}

pub(super) fn ticker<'a>(line: &Line<'a>, ts_event: i64, ts_recv: i64) -> draft::Tickers<'a> {
    draft::Tickers {
        ts_event,
        ts_recv,
        venue: VENUE,
        symbol: line.symbol,
        volume_window: Some(VolumeWindow::TradingDay),
        ..draft::Tickers::default()
    }
}

/// A share, a fund or an index of mainland China.
fn share(state: &mut State, line: &Line<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<()> {
    let fields = line.fields(',', 32)?;
    let stamp = fields.stamp(30, 31)?;
    let mark = Mark::Time(stamp.shanghai());
    if !state.is_new(line.symbol, mark) {
        return Ok(());
    }
    let mut row = ticker(line, stamp.shanghai(), ts_recv);
    let mut floats = Floats::new(flags::LAST);
    let kind = kind(line.symbol);
    // Prices of a share that does not trade are zero.
    let last = floats.of_some(fields.positive(3)?);
    if kind == Some(InstrumentKind::Index) {
        row.index_price = last;
    } else {
        row.last_price = last;
    }
    row.open_price = floats.of_some(fields.positive(1)?);
    row.close_prev_price = floats.of_some(fields.positive(2)?);
    row.high_price = floats.of_some(fields.positive(4)?);
    row.low_price = floats.of_some(fields.positive(5)?);
    row.volume = floats.of_some(fields.number(8)?);
    row.turnover = floats.of_some(fields.number(9)?);
    row.trading_day = Some(stamp.day);
    row.status_raw = Some(fields.text(32)).filter(|status| !status.is_empty());
    row.flags = floats.flags;
    state.picture.read(&fields, [(11, 10), (21, 20)])?;
    state.note(line.symbol, mark);
    if let Some(kind) = kind {
        instrument(state, &fields, kind, &row, sink);
    }
    sink.ticker(&row);
    if kind != Some(InstrumentKind::Index) {
        state.picture.emit(&row, sink);
    }
    Ok(())
}

/// What a code stands for; `None` for bonds and what else there is.
fn kind(symbol: &str) -> Option<InstrumentKind> {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| symbol.starts_with(prefix));
    if starts(&["sh000", "sz399", "bj899"]) {
        Some(InstrumentKind::Index)
    } else if starts(&["sh6", "sh5", "sz0", "sz3", "sz15", "sz16", "bj4", "bj8", "bj92"]) {
        Some(InstrumentKind::Stock)
    } else {
        None
    }
}

/// Name and kind, when they are new.
fn instrument(
    state: &mut State,
    fields: &Fields<'_>,
    kind: InstrumentKind,
    ticker: &draft::Tickers<'_>,
    sink: &mut dyn Sink,
) {
    let name = fields.text(0);
    if !state.is_new_fact(ticker.symbol, &name) {
        return;
    }
    let stock = kind == InstrumentKind::Stock;
    sink.instrument(&draft::Instruments {
        ts_event: ticker.ts_event,
        ts_recv: ticker.ts_recv,
        venue: VENUE,
        symbol: ticker.symbol,
        kind,
        name: Some(name).filter(|name| !name.is_empty()),
        base: stock.then_some(ticker.symbol),
        quote: stock.then_some("CNY"),
        multiplier: ONE,
        multiplier_asset: ticker.symbol,
        status: InstrumentStatus::Unknown,
        flags: flags::LAST,
        ..draft::Instruments::default()
    });
}

/// A pair of a crypto currency. Its day begins at midnight UTC.
fn crypto(state: &mut State, line: &Line<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<()> {
    let fields = line.fields(',', 12)?;
    let stamp = fields.stamp(11, 0)?;
    let mark = Mark::Time(stamp.shanghai());
    if !state.is_new(line.symbol, mark) {
        return Ok(());
    }
    let mut row = ticker(line, stamp.shanghai(), ts_recv);
    let mut floats = Floats::new(flags::LAST);
    row.volume_window = Some(VolumeWindow::UtcDay);
    row.last_price = floats.of_some(fields.positive(8)?);
    row.close_prev_price = floats.of_some(fields.positive(3)?);
    row.open_price = floats.of_some(fields.positive(5)?);
    row.high_price = floats.of_some(fields.positive(6)?);
    row.low_price = floats.of_some(fields.positive(7)?);
    row.volume = floats.of_some(fields.number(10)?);
    row.turnover = floats.of_some(fields.number(12)?);
    row.flags = floats.flags;
    state.note(line.symbol, mark);
    sink.ticker(&row);
    Ok(())
}

/// An index of another country, which comes without time: it has changed if its text has.
fn foreign_index(
    state: &mut State,
    line: &Line<'_>,
    ts_recv: i64,
    sink: &mut dyn Sink,
) -> Result<()> {
    let mark = Mark::Text(hash(&line.value));
    if !state.is_new(line.symbol, mark) {
        return Ok(());
    }
    let fields = line.fields(',', 2)?;
    let mut row = ticker(line, ts_recv, ts_recv);
    let mut floats = Floats::new(flags::LAST | flags::LOCAL_TIME);
    row.volume_window = None;
    row.index_price = floats.of_some(fields.positive(1)?);
    row.flags = floats.flags;
    state.note(line.symbol, mark);
    sink.ticker(&row);
    Ok(())
}
