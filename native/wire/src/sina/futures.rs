use rustonite_core::datasets::{draft, flags};

use super::market::ticker;
use crate::common;
use crate::error::Result;
use crate::event::{Floats, Sink};
use crate::polled::{Fields, Line, Mark, State};

/// Products of the financial futures exchange, whose lines have a layout of their own.
const FINANCIAL: [&str; 8] = ["IF", "IH", "IC", "IM", "T", "TF", "TS", "TL"];

/// A Chinese future.
pub(super) fn chinese(
    state: &mut State,
    line: &Line<'_>,
    ts_recv: i64,
    sink: &mut dyn Sink,
) -> Result<()> {
    let name = line.symbol.trim_start_matches("nf_");
    let product = name.trim_end_matches(|letter: char| !letter.is_ascii_alphabetic());
    if FINANCIAL.contains(&product) {
        financial(state, line, ts_recv, sink)
    } else {
        commodity(state, line, ts_recv, sink)
    }
}

/// The beginning of a row, unless the quote is known already.
fn begin<'a>(
    state: &State,
    line: &Line<'a>,
    fields: &Fields<'_>,
    [date, time]: [usize; 2],
    ts_recv: i64,
) -> Result<Option<draft::Tickers<'a>>> {
    let stamp = fields.stamp(date, time)?;
    let (ts_event, inferred) = stamp.shanghai_night(ts_recv);
    if !state.is_new(line.symbol, Mark::Time(ts_event)) {
        return Ok(None);
    }
    let mut row = ticker(line, ts_event, ts_recv);
    row.trading_day = Some(stamp.day);
    row.flags = flags::LAST | if inferred { flags::INFERRED } else { 0 };
    Ok(Some(row))
}

/// A future on an index or a bond, with five levels. The turnover lacks the multiplier and is no
/// money, so only the average that was made of it is kept.
fn financial(state: &mut State, line: &Line<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<()> {
    let fields = line.fields(',', 38)?;
    let Some(mut row) = begin(state, line, &fields, [36, 37], ts_recv)? else { return Ok(()) };
    let mut floats = Floats::new(row.flags);
    row.open_price = floats.of_some(fields.positive(0)?);
    row.high_price = floats.of_some(fields.positive(1)?);
    row.low_price = floats.of_some(fields.positive(2)?);
    row.last_price = floats.of_some(fields.positive(3)?);
    row.volume = floats.of_some(fields.number(4)?);
    row.open_interest = floats.of_some(fields.number(6)?);
    row.settle_final_price = floats.of_some(fields.positive(8)?);
    row.limit_up_price = floats.of_some(fields.positive(9)?);
    row.limit_down_price = floats.of_some(fields.positive(10)?);
    row.close_prev_price = floats.of_some(fields.positive(13)?);
    row.settle_prev_price = floats.of_some(fields.positive(14)?);
    row.open_interest_prev = floats.of_some(fields.positive(15)?);
    // The name is the last field, and the average the one before it.
    if fields.count > 40 {
        row.average_price = floats.of_some(fields.positive(fields.count - 2)?);
    }
    row.flags = floats.flags;
    state.picture.read(&fields, [(16, 17), (26, 27)])?;
    state.note(line.symbol, Mark::Time(row.ts_event));
    sink.ticker(&row);
    state.picture.emit(&row, sink);
    Ok(())
}

/// A future on a good, with the best level.
fn commodity(state: &mut State, line: &Line<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<()> {
    let fields = line.fields(',', 18)?;
    let Some(mut row) = begin(state, line, &fields, [17, 1], ts_recv)? else { return Ok(()) };
    let mut floats = Floats::new(row.flags);
    row.open_price = floats.of_some(fields.positive(2)?);
    row.high_price = floats.of_some(fields.positive(3)?);
    row.low_price = floats.of_some(fields.positive(4)?);
    row.close_prev_price = floats.of_some(fields.positive(5)?);
    row.last_price = floats.of_some(fields.positive(8)?);
    row.settle_price = floats.of_some(fields.positive(9)?);
    row.settle_prev_price = floats.of_some(fields.positive(10)?);
    row.open_interest = floats.of_some(fields.number(13)?);
    row.volume = floats.of_some(fields.number(14)?);
    row.flags = floats.flags;
    let quote = quote(&fields, &row, [6, 11, 7, 12])?;
    state.note(line.symbol, Mark::Time(row.ts_event));
    sink.ticker(&row);
    sink.quote(&quote);
    Ok(())
}

/// A future of another country, with the best level; dated in Shanghai.
pub(super) fn foreign(
    state: &mut State,
    line: &Line<'_>,
    ts_recv: i64,
    sink: &mut dyn Sink,
) -> Result<()> {
    let fields = line.fields(',', 13)?;
    let stamp = fields.stamp(12, 6)?;
    let mark = Mark::Time(stamp.shanghai());
    if !state.is_new(line.symbol, mark) {
        return Ok(());
    }
    let mut row = ticker(line, stamp.shanghai(), ts_recv);
    let mut floats = Floats::new(flags::LAST);
    row.last_price = floats.of_some(fields.positive(0)?);
    row.high_price = floats.of_some(fields.positive(4)?);
    row.low_price = floats.of_some(fields.positive(5)?);
    row.settle_prev_price = floats.of_some(fields.positive(7)?);
    row.open_price = floats.of_some(fields.positive(8)?);
    // These two are zero where the venue has no figure.
    row.open_interest = floats.of_some(fields.positive(9)?);
    row.volume = floats.of_some(fields.positive(14)?);
    row.flags = floats.flags;
    let quote = quote(&fields, &row, [2, 10, 3, 11])?;
    state.note(line.symbol, mark);
    sink.ticker(&row);
    sink.quote(&quote);
    Ok(())
}

/// The best level, from the fields of bid, its size, ask and its size.
fn quote<'a>(
    fields: &Fields<'_>,
    ticker: &draft::Tickers<'a>,
    [bid, bid_size, ask, ask_size]: [usize; 4],
) -> Result<draft::Quotes<'a>> {
    let best = [bid, bid_size, ask, ask_size].map(|field| fields.positive(field));
    let [bid, bid_size, ask, ask_size] = best;
    let flags = flags::LAST | (ticker.flags & flags::INFERRED);
    Ok(common::quote(ticker, [bid?, bid_size?, ask?, ask_size?], flags))
}
