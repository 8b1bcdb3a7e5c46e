use rustonite_core::Decimal;
use rustonite_core::datasets::{BookSide, VolumeWindow, draft, flags};

use super::market::{Envelope, buys};
use super::{Bybit, Category};
use crate::codec::Codec as _;
use crate::error::Result;
use crate::event::{Floats, Level, Sink};
use crate::json::{Json, Kind};

/// Levels of a book: a list, a list inside `order_book`, or lists by what happens. Nothing counts
/// the messages without holes.
pub(super) fn read_levels(json: &mut Json<'_>, levels: &mut Vec<Level>) -> Result<()> {
    levels.clear();
    if json.kind()? == Kind::Array {
        return read_list(json, false, levels);
    }
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"order_book" | b"insert" | b"update" => read_list(json, false, levels)?,
            b"delete" => read_list(json, true, levels)?,
            _ => json.skip()?,
        }
    }
    Ok(())
}

fn read_list(json: &mut Json<'_>, is_gone: bool, levels: &mut Vec<Level>) -> Result<()> {
    json.array()?;
    while json.item()? {
        let (mut buys_there, mut price, mut size) = (None, None, None);
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"side" => buys_there = Some(buys(json)?),
                b"price" => price = Some(json.decimal()?),
                b"size" if !is_gone => size = Some(json.decimal()?),
                _ => json.skip()?,
            }
        }
        let is_bid = json.need(buys_there, "a level with `side`")?;
        let size = size.or(is_gone.then_some(Decimal::ZERO));
        levels.push(Level {
            side: if is_bid { BookSide::Bid } else { BookSide::Ask },
            price: json.need(price, "a level with `price`")?,
            size: json.need(size, "a level with `size`")?,
            count: None,
        });
    }
    Ok(())
}

/// Figures of a contract, whole or as a list of what changed. They have the best prices without
/// their sizes, which makes no quote.
pub(super) fn figures(
    codec: &Bybit,
    json: &mut Json<'_>,
    envelope: Envelope<'_>,
    sink: &mut dyn Sink,
) -> Result<()> {
    let ts_event = json.need(envelope.sent, "figures with `timestamp_e6`")?;
    let mut send = |json: &mut Json<'_>| {
        let mut row = contract(json, codec.category)?;
        (row.ts_event, row.ts_recv, row.venue) = (ts_event, envelope.ts_recv, codec.venue());
        row.flags |= flags::LAST;
        sink.ticker(&row);
        Ok(())
    };
    let Some(mut changed) = json.lookup(b"update")? else { return send(json) };
    changed.array()?;
    while changed.item()? {
        send(&mut changed)?;
    }
    Ok(())
}

fn contract<'a>(json: &mut Json<'a>, category: Category) -> Result<draft::Tickers<'a>> {
    let mut row = draft::Tickers::default();
    let mut floats = Floats::default();
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"symbol" => row.symbol = json.text()?,
            b"last_price" => row.last_price = floats.of_some(json.decimal_or_null()?),
            b"mark_price" => row.mark_price = floats.of_some(json.decimal_or_null()?),
            b"index_price" => row.index_price = floats.of_some(json.decimal_or_null()?),
            b"high_price_24h" => row.high_price = floats.of_some(json.decimal_or_null()?),
            b"low_price_24h" => row.low_price = floats.of_some(json.decimal_or_null()?),
            b"prev_price_24h" => row.close_prev_price = floats.of_some(json.decimal_or_null()?),
            b"open_interest" => row.open_interest = floats.of_some(json.decimal_or_null()?),
            b"open_interest_e8" => row.open_interest = floats.of_some(json.shifted_or_null(8)?),
            b"volume_24h" => row.volume = floats.of_some(json.decimal_or_null()?),
            b"volume_24h_e8" => row.volume = floats.of_some(json.shifted_or_null(8)?),
            // It counts the base coin on inverse contracts, which is no money.
            b"turnover_24h_e8" if category != Category::Inverse => {
                row.turnover = floats.of_some(json.shifted_or_null(8)?);
            }
            b"funding_rate_e6" => row.funding_rate = floats.of_some(json.shifted_or_null(6)?),
            b"predicted_funding_rate_e6" => {
                row.funding_rate_next = floats.of_some(json.shifted_or_null(6)?);
            }
            b"next_funding_time" => row.ts_funding_next = Some(json.time_text()?),
            b"funding_rate_interval" => {
                row.funding_interval_hours = floats.of_some(json.decimal_or_null()?);
            }
            _ => json.skip()?,
        }
    }
    if row.symbol.is_empty() {
        return Err(json.expected("figures with `symbol`"));
    }
    let of_day = [row.volume, row.turnover, row.high_price, row.low_price];
    row.volume_window = of_day.iter().flatten().next().map(|_| VolumeWindow::Rolling24h);
    row.flags = floats.flags;
    Ok(row)
}
